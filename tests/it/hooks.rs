//! Commands of the user at the points of a turn: the examples of docs/hooks.md as they stand there, and everything that such
//! a command can do wrong.

use crate::support::fake_model::FakeModel;
use crate::support::world::{Ran, World, edit, holds};

const DOCS: &str = include_str!("../../docs/hooks.md");

/// A world with two files, and a model that says these texts.
fn world(texts: &[&str]) -> (World, FakeModel) {
    let model = FakeModel::saying(texts);
    let world = World::with(&[("a.txt", "one\ntwo\nthree\n"), ("b.txt", "b\n")]).gemini(&model.url());
    // Commands get no variables of git's.
    std::fs::write(world.top().join("home/.gitconfig"), "[user]\n\tname = Ada\n\temail = ada@example.com\n").expect("written");
    (world, model)
}

fn good() -> String {
    edit("a.txt", "two\n", "TWO\n")
}

fn config(world: &World, text: &str) {
    let home = world.top().join("home/.retort");
    std::fs::create_dir_all(&home).expect("made");
    std::fs::write(home.join("config.toml"), text).expect("written");
}

/// Puts a command of this script at a point.
fn hook(world: &World, point: &str, list: &str, script: &str) {
    hook_with(world, point, list, script, "");
}

fn hook_with(world: &World, point: &str, list: &str, script: &str, more: &str) {
    world.program("../home/.retort/hooks/mine", script);
    config(world, &format!("[hooks]\n{point} = {list}\n[hook.mine]\ncommand = \"~/.retort/hooks/mine\"\n{more}"));
}

/// Sets up an example of the manual.
fn example(world: &World, name: &str) {
    let section = DOCS.split("\n### ").find(|s| s.starts_with(&format!("{name}:"))).unwrap_or_else(|| panic!("no example {name}"));
    let block = |kind: &str| {
        let start = section.split_once(&format!("```{kind}\n")).expect("a block").1;
        start.split_once("\n```").expect("its end").0.to_owned() + "\n"
    };
    let toml = block("toml");
    let table = toml.split_once("[hook.").expect("a table").1.split_once(']').expect("its end").0.to_owned();
    let script = block("sh");
    world.program(&format!("../home/.retort/hooks/{table}"), script.strip_prefix("#!/bin/sh\n").expect("a shell script"));
    config(world, &toml);
}

/// The `hook` events of the last turn.
fn events(world: &World) -> Vec<serde_json::Value> {
    let shown = world.rt(&["show", "--json"]).ok().json();
    shown[0]["events"].as_array().expect("events").iter().filter(|e| e["kind"] == "hook").map(|e| e["fields"].clone()).collect()
}

fn ask(world: &World) -> Ran {
    world.rt(&["-m", "change a.txt"])
}

#[test]
fn the_example_at_session_adds_to_the_request() {
    let (world, model) = world(&[&good()]);
    example(&world, "session");
    ask(&world).ok();
    let sent = model.requests()[0].text();
    assert!(
        sent.contains("The user's hook `last-commits` adds this") && sent.contains("The last commits of this project:\\nfirst")
    );
    assert_eq!((&events(&world)[0]["result"], &events(&world)[0]["point"]), (&"passed".into(), &"session".into()));
}

#[test]
fn the_example_at_prompt_sends_nothing() {
    let (world, model) = world(&[&good()]);
    example(&world, "prompt");
    let ran = world.rt(&["-m", "why does customer number 7 fail in a.txt?"]).code(6);
    assert!(ran.err.contains("customer numbers stay in this house") && !ran.err.contains("rt show"), "{}", ran.err);
    let ran = world.rt_with(&["-n", "-m", "see a.txt"], b"Customer Number 7", &[]).code(6);
    assert!(ran.err.contains("customer numbers stay in this house"), "{}", ran.err);
    assert!(model.requests().is_empty());
    ask(&world).ok();
    assert_eq!(world.read("a.txt"), "one\nTWO\nthree\n");
}

#[test]
fn the_example_at_request_limits_what_is_sent() {
    let (world, model) = world(&[&good()]);
    example(&world, "request");
    world.write("big.txt", "x".repeat(120_000));
    let ran = world.rt(&["-m", "look", "--file", "big.txt"]).code(6);
    assert!(ran.err.contains("more than 100000") && model.requests().is_empty(), "{}", ran.err);
    let blocked = world.rt(&["show", "--json"]).ok().json();
    assert_eq!(blocked[0]["outcome"], "failed", "what was not sent is a turn, with the request and why");
    assert_eq!(events(&world)[0]["result"], "blocked");
    world.rt(&["-n", "-m", "change a.txt"]).ok();
    let copy = std::fs::read_to_string(world.top().join("home/.retort/requests.jsonl")).expect("written");
    assert!(copy.lines().count() == 1 && copy.contains("\"role\":\"user\"") && copy.contains("change a.txt"));
}

#[test]
fn the_example_at_response_asks_again() {
    let (world, model) = world(&[&format!("I assume that it is so.\n\n{}", good()), &good()]);
    example(&world, "response");
    ask(&world).ok();
    let again = model.requests()[1].text();
    assert!(again.contains("The user's check `no-guesses` refuses this answer: do not guess"), "{again}");
    assert!(!again.contains("fit and are kept"), "nothing is held");
    assert_eq!(world.read("a.txt"), "one\nTWO\nthree\n");
    // Each refusal is one line and goes back once, also where the answers have no edits.
    let (world, model) = self::world(&["I assume so."; 4]);
    example(&world, "response");
    let ran = ask(&world).code(5);
    assert_eq!(ran.err.matches("no-guesses says no  do not guess").count(), 4, "{}", ran.err);
    assert_eq!(ran.err.matches("asking again because of no-guesses").count(), 3, "{}", ran.err);
    assert!(!ran.err.contains("does not fit") && !ran.err.contains(" edit ") && !ran.err.contains(" edits "), "{}", ran.err);
    let last = model.requests()[3].text();
    assert_eq!(last.matches("do not guess").count(), 3, "one for each answer before");
    assert!(world.rt(&["show"]).ok().out.contains("rejected  no-guesses says no: do not guess"));
}

#[test]
fn the_example_at_plan_protects_paths() {
    let (world, model) = world(&[&format!("{}\n{}", good(), edit("migrations/1.sql", "", "drop table x;\n")), &good()]);
    example(&world, "plan");
    ask(&world).ok();
    assert!(model.requests()[1].text().contains("migrations/ are written by hand"));
    assert!(!world.exists("migrations/1.sql") && world.read("a.txt").contains("TWO"));
    assert_eq!(world.git(&["show", "--name-only", "--format="]), "a.txt\n");
}

#[test]
fn the_example_at_edits_changes_one_more_file() {
    let (world, _model) = world(&[&good()]);
    example(&world, "edits");
    ask(&world).ok();
    assert_eq!(world.read("BUILD"), "1\n");
    assert_eq!(world.git(&["show", "--name-only", "--format="]), "BUILD\na.txt\n");
    world.rt(&["undo"]).ok();
    assert!(!world.exists("BUILD"), "it is part of the turn");
}

#[test]
fn the_example_at_commit_words_the_message() {
    let (world, _model) = world(&[&good()]);
    example(&world, "commit");
    world.git(&["checkout", "-q", "-b", "1234-louder"]);
    ask(&world).ok();
    let message = world.git(&["log", "-1", "--format=%B"]);
    assert!(message.starts_with("#1234: Update a.txt\n\nRetort-Turn: "), "{message}");
    world.rt(&["undo"]).ok();
    assert_eq!(world.git(&["log", "--format=%s"]), "first\n");
}

#[test]
fn the_example_at_turn_writes_a_diary() {
    let (world, _model) = world(&[&good()]);
    example(&world, "turn");
    let ran = ask(&world).ok();
    assert!(ran.err.contains("diary: written into the diary"), "{}", ran.err);
    let diary = std::fs::read_to_string(world.top().join("home/.retort/diary")).expect("written");
    let turn = world.rt(&["show", "--json"]).ok().json()[0]["turn"].as_str().expect("a key").to_owned();
    assert!(diary.ends_with(&format!(" {turn} applied\n")), "{diary}");
}

#[test]
fn the_example_of_a_parser_reads_edits_of_its_own() {
    let (world, _model) = world(&["I note it.\n\nWRITE notes.txt: hello\nWRITE more.txt: again\n", "Nothing to do.\n"]);
    example(&world, "parser");
    ask(&world).ok();
    assert_eq!((world.read("notes.txt").as_str(), world.read("more.txt").as_str()), ("hello\n", "again\n"));
    assert_eq!(world.git(&["show", "--name-only", "--format="]), "more.txt\nnotes.txt\n");
    world.rt(&["-n", "-m", "go on"]).ok();
    assert_eq!(world.rt(&["show", "--json"]).ok().json()[0]["outcome"], "none");
}

#[test]
fn the_example_of_a_committer_commits() {
    let said = "=== FILE: new, é.txt ===\n```\nnew\n```\n";
    let subject = "Say \"it\" \\ loud, 100%";
    let (world, _model) = world(&[&format!("{}\n{said}\n=== COMMIT: {subject} ===\n", good())]);
    example(&world, "committer");
    world.write("own.txt", "mine\n");
    ask(&world).ok();
    assert_eq!(world.git(&["status", "--porcelain"]), "?? own.txt\n");
    std::fs::remove_file(world.repo().join("own.txt")).expect("removed");
    let message = world.git(&["log", "-1", "--format=%B"]);
    assert!(message.starts_with(&format!("{subject}\n")), "{message}");
    assert!(message.contains("Signed-off-by: Ada") && message.contains("Retort-Turn: "), "{message}");
    assert_eq!(world.rt(&["show", "--json"]).ok().json()[0]["commit"], world.git(&["rev-parse", "HEAD"]).trim());
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    world.rt(&["undo"]).ok();
    assert_eq!((world.git(&["log", "--format=%s"]).as_str(), world.read("a.txt").as_str()), ("first\n", "one\ntwo\nthree\n"));
}

#[test]
fn a_command_gets_the_facts_and_no_keys() {
    let (mut world, _model) = world(&[&good()]);
    world.set("DB_PASSWORD", "a-password-of-length");
    hook(&world, "edits", "[\"mine\", \"apply\"]", "cat > ~/told; env > ~/env; pwd > ~/pwd");
    ask(&world).ok();
    let home = |name: &str| std::fs::read_to_string(world.top().join("home").join(name)).expect("written");
    let told: serde_json::Value = serde_json::from_str(&home("told")).expect("JSON");
    assert_eq!(told["hook_event_name"], "edits");
    assert_eq!(told["files"][0]["before"], "one\ntwo\nthree\n");
    assert_eq!(told["files"][0]["after"], "one\nTWO\nthree\n");
    let shown = world.rt(&["show", "--json"]).ok().json();
    assert_eq!((&told["turn"], &told["session_id"]), (&shown[0]["turn"], &shown[0]["session"]));
    let mut names: Vec<String> = home("env").lines().filter_map(|l| Some(l.split_once('=')?.0.to_owned())).collect();
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(&name.as_str()));
    names.sort();
    assert_eq!(names, ["HOME", "PATH", "RT_HOOK", "RT_POINT", "RT_SESSION", "RT_TURN", "TMPDIR", "TZ"]);
    assert_eq!(home("pwd").trim(), world.repo().canonicalize().expect("there").display().to_string());
}

#[test]
fn a_command_at_prompt_is_told_what_goes_along() {
    for list in ["[\"mine\", \"build\"]", "[\"build\", \"mine\"]"] {
        let (world, _model) = world(&["Yes."]);
        hook(&world, "prompt", list, "cat > ~/told");
        world.rt_with(&["-m", "see a.txt", "--read", "b.txt"], b"piped", &[]).ok();
        let told = std::fs::read_to_string(world.top().join("home/told")).expect("written");
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!((&told["prompt"], &told["stdin"]), (&"see a.txt".into(), &"piped".into()), "{told}");
        let files = serde_json::json!([{ "path": "b.txt", "access": "read-only" }, { "path": "a.txt", "access": "read-write" }]);
        assert_eq!(told["files"], files, "{told}");
    }
}

#[test]
fn a_no_keeps_the_files_as_they_are_and_the_edits_in_the_turn() {
    for (point, list) in
        [("response", "[\"parse\", \"mine\"]"), ("plan", "[\"store\", \"mine\"]"), ("edits", "[\"mine\", \"apply\"]")]
    {
        let (world, model) = world(&[&good(), &good()]);
        hook(&world, point, list, "echo '{\"continue\":false,\"stopReason\":\"not today\"}'");
        let ran = ask(&world).code(5);
        assert!(ran.err.contains("not today") && model.requests().len() == 1, "{point}: {}", ran.err);
        assert_eq!(world.git(&["status", "--porcelain"]), "", "{point}");
        let shown = world.rt(&["show", "--json"]).ok().json();
        assert_eq!(shown[0]["outcome"], "rejected", "{point}");
        // Nobody goes round it by trying again.
        if point != "response" {
            let again = world.rt(&["retry", "--partial"]).code(5);
            assert!(again.err.contains("not today"), "{point}: {}", again.err);
            assert_eq!(world.git(&["status", "--porcelain"]), "", "{point}");
        }
        config(&world, "");
        world.rt(&["retry", "--partial"]).ok();
        assert_eq!(world.read("a.txt"), "one\nTWO\nthree\n", "{point}: they were kept");
    }
}

#[test]
fn a_model_that_is_told_no_too_often_is_not_asked_again() {
    let (world, model) = world(&[&good(), &good(), &good()]);
    hook(&world, "plan", "[\"mine\", \"store\"]", "echo not this >&2; exit 2");
    let ran = world.rt(&["-m", "change a.txt", "--config", "check.max_reflections=2"]).code(5);
    assert!(ran.err.contains("not this"), "{}", ran.err);
    assert_eq!((model.requests().len(), world.git(&["status", "--porcelain"]).as_str()), (3, ""));
}

#[test]
fn a_no_before_the_commit_leaves_the_files_written() {
    let (world, _model) = world(&[&good()]);
    hook(&world, "commit", "[\"mine\", \"commit\"]", "echo freeze >&2; exit 2");
    let ran = ask(&world).code(5);
    assert!(ran.err.contains("freeze"), "{}", ran.err);
    assert_eq!(world.git(&["status", "--porcelain"]), " M a.txt\n");
    world.rt(&["retry"]).code(5);
    config(&world, "");
    world.rt(&["retry"]).ok();
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_a_command_does_wrong_is_shown_and_stops_nothing() {
    let cases = [
        ("exit 1", "it ended with code 1"),
        ("echo mine >&2; exit 77", "it ended with code 77: mine"),
        ("kill -9 $$", "it ended with code 137"),
        ("echo '{\"decision\":'", "JSON that cannot be read"),
        ("echo '{\"hookSpecificOutput\":{\"txt\":\"\"}}'", "means nothing here"),
        ("echo '{\"hookSpecificOutput\":{\"message\":\"x\"}}'", "of which this point makes nothing"),
        ("printf '{\\377}'", "not UTF-8"),
        ("echo '{'; head -c 2000000 /dev/zero", "more than are read"),
    ];
    for (script, said) in cases {
        let (world, _model) = world(&[&good()]);
        hook(&world, "edits", "[\"mine\", \"apply\"]", script);
        let ran = ask(&world).ok();
        assert!(ran.err.contains("the hook mine at edits could not be used") && ran.err.contains(said), "{script}: {}", ran.err);
        assert_eq!(world.read("a.txt"), "one\nTWO\nthree\n");
        let event = &events(&world)[0];
        assert!(event["result"] == "failed" && event["why"].as_str().is_some_and(|why| why.contains(said)), "{event}");
        // The same with the word that failures count.
        let (world, _model) = self::world(&[&good()]);
        hook_with(&world, "edits", "[\"mine\", \"apply\"]", script, "on_failure = \"block\"\n");
        let ran = ask(&world).code(if said.contains("makes nothing") { 0 } else { 5 });
        assert!(ran.err.contains(said), "{script}: {}", ran.err);
    }
}

#[test]
fn a_command_that_does_not_exist_is_said() {
    let (world, _model) = world(&[&good()]);
    config(&world, "[hooks]\nedits = [\"gone\", \"apply\"]\n[hook.gone]\ncommand = [\"./no-such-program\", \"x\"]\n");
    let ran = ask(&world).ok();
    assert!(ran.err.contains("cannot be started"), "{}", ran.err);
    let doctor = world.rt(&["doctor"]).ok();
    assert!(doctor.out.contains("the command of gone cannot be found: ./no-such-program"), "{}", doctor.out);
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_what_it_started() {
    let (world, _model) = world(&[&good()]);
    // Nobody ever writes into the fifo.
    let script = "mkfifo ~/gate; (read line < ~/gate; touch ~/late) & read line < ~/gate";
    hook_with(&world, "edits", "[\"mine\", \"apply\"]", script, "timeout = \"300ms\"\n");
    let ran = ask(&world).ok();
    assert!(ran.err.contains("it took too long and was killed"), "{}", ran.err);
    // With a reader still there, this would open it.
    let open = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK;
    let gate = rustix::fs::open(world.top().join("home/gate"), open, rustix::fs::Mode::empty());
    assert_eq!(gate.err(), Some(rustix::io::Errno::NXIO), "nobody reads any more");
}

#[test]
fn a_command_that_leaves_something_with_its_pipes_is_not_waited_for() {
    let (world, _model) = world(&[&good()]);
    let script = "mkfifo ~/gate; (read line < ~/gate) & echo '{\"systemMessage\":\"started\"}'";
    hook(&world, "edits", "[\"mine\", \"apply\"]", script);
    let ran = ask(&world).ok();
    assert!(ran.err.contains("mine: started"), "{}", ran.err);
    std::fs::write(world.top().join("home/gate"), "end\n").expect("it lives, and reads");
}

#[test]
fn secrets_that_a_command_says_are_neither_shown_nor_kept() {
    let secret = "canary-0123456789-secret";
    for (point, list, script) in [
        ("session", "[\"open\", \"mine\"]", format!("echo the password is {secret}")),
        (
            "prompt",
            "[\"mine\", \"build\"]",
            format!("echo '{{\"systemMessage\":\"{secret}\",\"hookSpecificOutput\":{{\"text\":\"a.txt {secret}\"}}}}'"),
        ),
        ("request", "[\"mine\", \"send\"]", format!("echo '{{\"hookSpecificOutput\":{{\"additionalContext\":\"{secret}\"}}}}'")),
        ("plan", "[\"mine\", \"store\"]", format!("echo {secret} >&2; exit 2")),
        ("edits", "[\"mine\", \"apply\"]", format!("echo '{{\"hookSpecificOutput\":{{\"files\":{{\"c.txt\":\"{secret}\"}}}}}}'")),
        ("commit", "[\"mine\", \"commit\"]", format!("echo '{{\"hookSpecificOutput\":{{\"message\":\"{secret}\"}}}}'")),
        ("turn", "[\"mine\", \"record\"]", format!("echo {secret} >&2; exit 1")),
    ] {
        let (mut world, model) = world(&[&good(), &good(), &good(), &good()]);
        world.set("DB_PASSWORD", secret);
        hook(&world, point, list, &script);
        let ran = ask(&world);
        assert!(!holds(&ran.raw, secret) && !ran.err.contains(secret), "{point}: {}", ran.err);
        assert!(model.requests().iter().all(|r| !r.text().contains(secret)), "{point}");
        assert!(!holds(&world.all_objects(), secret) && !world.exists("c.txt"), "{point}");
    }
}

#[test]
fn the_commands_of_a_project_run_when_it_is_trusted() {
    let (world, _model) = world(&[&good(), &edit("a.txt", "TWO\n", "2\n")]);
    world.program(".retort/hooks/mark", "touch ../ran");
    world.write(".retort/config.toml", "[hooks]\nedits = [\"mark\", \"apply\"]\n[hook.mark]\ncommand = \".retort/hooks/mark\"\n");
    let ran = ask(&world).ok();
    assert!(ran.err.contains("is not trusted; ignored until `rt trust`: hooks.edits, hook.mark.command"), "{}", ran.err);
    assert!(!world.top().join("ran").exists());
    world.rt(&["--yes", "trust"]).ok();
    world.rt(&["-n", "-m", "change a.txt"]).ok();
    assert!(world.top().join("ran").exists());
}

#[test]
fn a_step_that_a_command_stands_for_and_does_not_do_is_a_no() {
    let cases = [
        ("prompt", "[\"mine\"]", 6, "gave no `text`"),
        ("request", "[\"mine\"]", 6, "gave no `text`"),
        ("response", "[\"mine\"]", 5, "gave neither `text` nor `files`"),
        ("edits", "[\"mine\"]", 5, "wrote none of the files"),
        ("commit", "[\"mine\"]", 5, "gave no `commit`"),
    ];
    for (point, list, code, said) in cases {
        let (world, _model) = world(&[&good()]);
        hook(&world, point, list, "cat > /dev/null");
        let ran = ask(&world).code(code);
        assert!(ran.err.contains(said), "{point}: {}", ran.err);
        assert_eq!(world.read("a.txt").contains("TWO"), point == "commit", "{point}");
    }
    // A commit that was there before, or is none, is not taken for the turn's.
    for commit in ["$(git rev-parse HEAD)", "0123456789012345678901234567890123456789", "x"] {
        let (world, _model) = world(&[&good()]);
        hook(&world, "commit", "[\"mine\"]", &format!("echo '{{\"hookSpecificOutput\":{{\"commit\":\"'{commit}'\"}}}}'"));
        let ran = ask(&world).code(5);
        assert!(ran.err.contains("is no commit that it made on this branch"), "{commit}: {}", ran.err);
    }
}

#[test]
fn every_step_that_can_be_replaced_is() {
    let (world, model) = world(&["unused"]);
    let answer = serde_json::to_string(&good()).expect("text");
    let give = |what: &str| format!("{{\"hookSpecificOutput\":{{{what}}}}}");
    world.write("../home/prompt.json", give("\"text\":\"the whole prompt\""));
    world.write("../home/answer.json", give(&format!("\"text\":{answer}")));
    world.program("../home/.retort/hooks/my-send", "cat > ~/request; cat ~/answer.json");
    world.program("../home/.retort/hooks/my-apply", "sed -i s/two/Two/ a.txt");
    let hooks = "[hooks]\nprompt = [\"p\"]\nrequest = [\"s\"]\nedits = [\"a\"]\n[hook.p]\ncommand = \"cat ~/prompt.json\"\n\
                 [hook.s]\ncommand = \"~/.retort/hooks/my-send\"\n[hook.a]\ncommand = \"~/.retort/hooks/my-apply\"\n";
    config(&world, hooks);
    world.rt(&["-m", "x", "--file", "a.txt"]).ok();
    assert!(model.requests().is_empty());
    let request = std::fs::read_to_string(world.top().join("home/request")).expect("written");
    assert!(request.contains("\"messages\":[{\"content\":\"the whole prompt\",\"role\":\"user\"}]"), "{request}");
    assert_eq!(world.read("a.txt"), "one\nTwo\nthree\n", "as the command wrote it");
    assert_eq!(
        (world.git(&["status", "--porcelain"]).as_str(), world.git(&["log", "--format=%s"]).as_str()),
        ("", "Update a.txt\nfirst\n")
    );
    world.rt(&["fsck"]).ok();
    config(&world, "");
    world.rt(&["undo"]).ok();
    assert_eq!(world.read("a.txt"), "one\ntwo\nthree\n");
}

#[test]
fn context_at_request_is_sent_and_stays_in_the_conversation() {
    let (world, model) = world(&["Fine.", "Fine."]);
    hook(&world, "request", "[\"mine\", \"send\"]", "echo '{\"hookSpecificOutput\":{\"additionalContext\":\"it is Friday\"}}'");
    ask(&world).ok();
    assert!(model.requests()[0].text().contains("it is Friday"));
    assert_eq!(world.rt(&["show", "--prompt"]).ok().raw, model.requests()[0].body, "what is kept is what was sent");
    config(&world, "");
    world.rt(&["-c", "-m", "go on"]).ok();
    assert!(model.requests()[1].text().contains("it is Friday"));
    world.rt(&["fsck"]).ok();
}

#[test]
fn json_shows_what_ran_and_the_turn_keeps_it() {
    let (world, _model) = world(&[&good()]);
    hook(&world, "plan", "[\"mine\", \"store\"]", "echo '{\"systemMessage\":\"looked\"}'");
    let shown = world.rt(&["-m", "change a.txt", "--json"]).ok().json();
    let event = shown.iter().find(|e| e["event"] == "hook").expect("an event");
    let want = ("plan", "mine", "passed", "looked");
    let field = |name: &str| event[name].as_str().unwrap_or_default();
    assert_eq!((field("point"), field("hook"), field("result"), field("message")), want);
    assert_eq!(events(&world)[0]["message"], "looked");
    assert!(world.rt(&["show"]).ok().out.contains("mine at plan passed"));
}

#[test]
fn an_answer_from_anywhere_goes_past_the_same_commands() {
    let (world, _model) = world(&[]);
    let log = "cat > /dev/null; echo $RT_POINT >> ~/points; [ ! -e ~/no ] || { echo no >&2; exit 2; }";
    let lists = [("response", "parse"), ("plan", "store"), ("edits", "apply"), ("commit", "commit"), ("turn", "record")];
    let lists = lists.map(|(point, own)| format!("{point} = [\"mine\", \"{own}\"]\n")).concat();
    world.program("../home/.retort/hooks/mine", log);
    config(&world, &format!("[hooks]\n{lists}[hook.mine]\ncommand = \"~/.retort/hooks/mine\"\n"));
    world.rt_with(&["apply"], good().as_bytes(), &[]).ok();
    let points = std::fs::read_to_string(world.top().join("home/points")).expect("written");
    assert_eq!(points, "response\nplan\nedits\ncommit\nturn\n");
    assert_eq!(events(&world).len(), 5);
    world.write("../home/no", "");
    let ran = world.rt_with(&["apply"], edit("b.txt", "b\n", "B\n").as_bytes(), &[]);
    assert!(ran.code != Some(0) && ran.err.contains("says no: no") && world.read("b.txt") == "b\n", "{}", ran.err);
}

/// Says that it runs, and waits.
const WAITS: &str = "echo ran >> ~/ran; mkfifo ~/gate; echo $$ > ~/new; mv ~/new ~/up; read line < ~/gate";

/// Interrupts the program while a command [`WAITS`]; what it said.
fn interrupted(world: &World, args: &[&str]) -> String {
    let child = world.start(args);
    while !world.top().join("home/up").exists() {
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a number")).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("sent");
    let out = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(130), "{said}");
    said
}

#[test]
fn a_message_is_stopped_while_a_command_runs() {
    let (world, _model) = world(&[&good()]);
    hook(&world, "plan", "[\"mine\", \"store\"]", WAITS);
    let _ = interrupted(&world, &["-m", "change a.txt"]);
    assert_eq!(world.rt(&["show", "--json"]).ok().json()[0]["outcome"], "interrupted");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[test]
fn an_answer_from_anywhere_is_stopped_while_a_command_runs() {
    for (point, list, outcome, text) in
        [("plan", "[\"mine\", \"store\"]", "rejected", "one\ntwo"), ("commit", "[\"mine\", \"commit\"]", "uncommitted", "one\nTWO")]
    {
        let (world, _model) = world(&[]);
        hook(&world, point, list, WAITS);
        world.write(".git/answer.md", good());
        let said = interrupted(&world, &["apply", ".git/answer.md"]);
        assert!(said.contains("interrupted"), "{said}");
        assert_eq!(world.rt(&["show", "--json"]).ok().json()[0]["outcome"], outcome);
        assert!(world.read("a.txt").starts_with(text));
        assert_eq!(std::fs::read_to_string(world.top().join("home/ran")).expect("it ran"), "ran\n");
    }
}

#[test]
fn kill_9_while_a_command_runs_is_recovered_like_any_other() {
    let lists = [
        "session = [\"open\", \"mine\"]",
        "request = [\"mine\", \"send\"]",
        "response = [\"mine\", \"parse\"]",
        "edits = [\"mine\", \"apply\"]",
        "commit = [\"mine\", \"commit\"]",
        "turn = [\"check\", \"mine\", \"record\", \"after\"]",
    ];
    let hooks = format!("[hooks]\n{}\n[hook.mine]\ncommand = \"true\"\n[hook.after]\ncommand = \"true\"\n", lists.join("\n"));
    for at in ["hook.before", "hook.after"] {
        for hit in 1..=7 {
            let (world, _model) = world(&[&good()]);
            config(&world, &hooks);
            let ran = world.rt_with(&["-m", "change a.txt"], b"", &[("RT__DEBUG__FAULT", &format!("{at}:{hit}"))]);
            assert_eq!(ran.code, None, "{at}:{hit} is reached: {}", ran.err);
            config(&world, "");
            world.rt(&["status"]).ok();
            let text = world.read("a.txt");
            let committed = world.git(&["log", "--format=%s"]).lines().count() == 2;
            let want = if committed { "one\nTWO\nthree\n" } else { "one\ntwo\nthree\n" };
            assert_eq!((text.as_str(), world.git(&["status", "--porcelain"]).as_str()), (want, ""), "{at}:{hit}");
            assert_eq!(committed, hit >= 6, "{at}:{hit}");
            if (4..6).contains(&hit) {
                let _ = world.rt(&["retry"]).ok();
                assert_eq!(world.read("a.txt"), "one\nTWO\nthree\n", "{at}:{hit}");
            }
            world.rt(&["fsck"]).ok();
        }
    }
}

#[test]
fn lists_that_make_no_sense_are_said_before_anything_is_sent() {
    for (text, said) in [
        ("[hooks]\nedits = [\"mine\", \"apply\"]\n", "there is no handler \"mine\""),
        ("[hooks]\nturn = []\n", "hooks.turn must list record"),
        ("[hooks]\nplan = []\n", "hooks.edits needs hooks.plan"),
        ("[hooks]\nplan = [\"m\"]\n[hook.m]\ncommand = \"true\"\n", "hooks.plan must list store"),
        ("[hook.m]\ntimeout = \"1s\"\n", "it has no command"),
        ("[hook.parse]\ncommand = \"true\"\n", "a step of the program has this name"),
        ("[hook.m]\ncommand = []\n", "a line for the shell, or a list"),
    ] {
        let (world, model) = world(&[&good()]);
        config(&world, text);
        let ran = ask(&world).code(1);
        assert!(ran.err.contains(said), "{text}: {}", ran.err);
        assert!(model.requests().is_empty());
    }
}

#[test]
fn a_turn_whose_command_outlives_us_is_closed_after_it() {
    let (world, _model) = world(&[&good()]);
    example(&world, "committer");
    let script = std::fs::read_to_string(world.top().join("home/.retort/hooks/my-commit")).expect("written");
    let wait = "input=$(cat)\nmkfifo ~/gate ~/end\necho > ~/new; mv ~/new ~/up\nread line < ~/gate\n\
                printf '%s\\n' \"$input\" | ~/.retort/hooks/real\nread line < ~/end";
    world.program("../home/.retort/hooks/real", script.strip_prefix("#!/bin/sh\n").expect("a script"));
    world.program("../home/.retort/hooks/my-commit", wait);
    let mut child = world.start(&["-m", "change a.txt"]);
    while !world.top().join("home/up").exists() {
        std::thread::yield_now();
    }
    child.kill().expect("killed");
    child.wait().expect("dead");
    let open = |gate: &str| std::fs::write(world.top().join("home").join(gate), "go\n").expect("it reads");
    let status = || world.rt_with(&["status"], b"", &[("RT__DEBUG__CLOCK", "2026-03-02T00:00:00Z")]).ok();
    let said = status();
    assert!(said.err.contains("still runs"), "{}", said.err);
    assert_eq!(world.read("a.txt"), "one\nTWO\nthree\n", "nothing is taken back under its feet");
    open("gate");
    open("end");
    assert!((0..1000).any(|_| !status().err.contains("still runs")), "it has ended");
    assert_eq!(world.git(&["log", "--format=%s"]), "Update a.txt\nfirst\n");
    let shown = world.rt(&["show", "--json"]).ok().json();
    assert_eq!(shown[0]["commit"], world.git(&["rev-parse", "HEAD"]).trim());
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}
