//! Answers that do not fit at once: what goes back to the model, what is held, and what is written in the end.

use crate::support::fake_model::{FakeModel, Received};
use crate::support::world::{World, edit, holds, steady};

const FILES: [(&str, &str); 3] = [("a.txt", "one\ntwo\nthree\n"), ("b.txt", "b\n"), ("c.txt", "c\n")];

fn world(model: &FakeModel) -> World {
    World::with(&FILES).gemini(&model.url())
}

fn outcomes(world: &World) -> Vec<String> {
    let rows = world.rt(&["log", "--json"]).ok().json();
    rows.iter().map(|row| row["outcome"].as_str().expect("an outcome").to_owned()).collect()
}

#[test]
fn what_does_not_fit_goes_back_and_all_is_written_together() {
    let good = edit("b.txt", "b\n", "B\n");
    let bad = edit("a.txt", "one\ntoo\n", "1\n2\n");
    let (first, second) = (format!("{good}\n{bad}").trim_end().to_owned(), edit("a.txt", "one\ntwo\n", "1\n2\n"));
    let model = FakeModel::saying(&[first.clone(), second.clone()]);
    let world = world(&model);
    let ran = world.rt(&["-m", "change a.txt and b.txt"]).ok();
    assert_eq!(ran.out, format!("{first}\n{second}"), "the second answer begins a line of its own");
    assert_eq!((world.read("a.txt").as_str(), world.read("b.txt").as_str()), ("1\n2\nthree\n", "B\n"));
    assert_eq!(world.git(&["show", "--format=", "--name-only", "HEAD"]), "a.txt\nb.txt\n", "one commit");
    assert_eq!(outcomes(&world), ["applied", "rejected"]);
    let second = model.requests()[1].text();
    let news = second.strip_prefix(model.requests()[0].text().strip_suffix("]}").expect("closed")).expect("a prefix");
    assert!(news.contains("too") && news.contains("b.txt"), "{news}");
    assert!(news.contains(r"one\ntwo"), "the nearest region goes back: {news}");
    insta::assert_snapshot!(steady(&ran.err), @r"
    change-txt-b-txt · new session · gemini/flash (GEMINI_API_KEY)
    + a.txt (named)   + b.txt (named)   total N tokens
    does not fit  a.txt: the SEARCH text is not in the file: line 2 of the file is `two`, line 2 of the search is `too`
    turn rkpm · $0.0010 · Ts · rt show --prompt
    asking again about 1 edit · N tokens
    a.txt  +2 −2   b.txt  +1 −1   committed f729340 on main
    edits are committed to your branch; to commit yourself: rt config set vcs.commit off
    turn ksyq · $0.0010 · Ts · rt undo · rt show --prompt
    ");
}

#[test]
fn an_edit_that_the_model_gives_up_is_said() {
    let new = edit("new/deep/x.py", "", "x = 1\n");
    let (bad, left) = (edit("b.txt", "nowhere\n", "x\n"), "I cannot do the second.\n".to_owned());
    let model = FakeModel::saying(&[format!("{new}\n{bad}"), left.clone()]);
    let world = self::world(&model);
    let ran = world.rt(&["-m", "change b.txt"]).code(5);
    assert!(ran.err.contains("error: 1 edit given up: b.txt: the SEARCH text is not in the file"), "{}", ran.err);
    assert!(ran.err.contains("the others are written") && ran.err.contains("rt undo"), "{}", ran.err);
    assert_eq!((world.read("new/deep/x.py").as_str(), world.read("b.txt").as_str()), ("x = 1\n", "b\n"));
    assert_eq!(outcomes(&world), ["applied", "rejected"], "what fits is committed");
    assert!(world.rt(&["show"]).ok().out.contains("given up  b.txt: the SEARCH text is not in the file"));
    let shown = world.rt(&["show", "--json"]).ok().json();
    let events = shown[0]["events"].as_array().expect("events");
    assert!(events.iter().any(|e| e["kind"] == "given-up" && e["fields"]["path"] == "b.txt"), "{events:?}");
    // The same where nothing else is there to write.
    let model = FakeModel::saying(&[bad.clone(), left]);
    let ran = self::world(&model).rt(&["-m", "change b.txt", "--json"]).code(5);
    assert!(ran.err.contains("1 edit given up") && ran.err.contains("nothing was written"), "{}", ran.err);
    let event = ran.json().into_iter().find(|e| e["event"] == "given-up").expect("an event");
    assert_eq!(event["edits"][0]["path"], "b.txt");
}

#[test]
fn an_edit_that_is_made_good_is_not_given_up() {
    let good = |path: &str| edit(path, "b\n", "B\n");
    let cases = [
        // In the same file, in the one that was meant, and one that was there already.
        vec![edit("b.txt", "nowhere\n", "x\n"), good("b.txt")],
        vec![edit("sub/b.txt", "b\n", "B\n"), good("b.txt")],
        vec![good("b.txt") + &edit("a.txt", "nowhere\n", "two\n"), "That is there already.\n".to_owned()],
        vec!["b.txt\n```\n<<<<<<< SEARCH\nb\n=======\nB\n".to_owned(), good("b.txt")],
    ];
    for texts in cases {
        let model = FakeModel::saying(&texts);
        let world = world(&model);
        world.rt(&["-m", "change a.txt and b.txt"]).ok();
        assert_eq!(world.read("b.txt"), "B\n", "{texts:?}");
    }
}

#[test]
fn when_nothing_ever_fits_nothing_waits() {
    let model = FakeModel::saying(&[edit("gone.txt", "nowhere\n", "x\n").as_str(); 4]);
    let world = world(&model);
    let ran = world.rt(&["-m", "change gone.txt"]).code(5);
    assert!(ran.err.contains("error: no answer fits") && !ran.err.contains("--partial"), "{}", ran.err);
    assert!(!world.rt(&["status"]).ok().out.contains("waiting"));
    assert_eq!(world.rt(&["status", "--json"]).ok().json()[0]["waiting"], serde_json::json!([]));
}

#[test]
fn what_is_written_and_not_committed_waits_and_is_not_called_the_users() {
    let model = FakeModel::saying(&[edit("b.txt", "b\n", "B\n")]);
    let world = world(&model);
    world.hook("pre-commit", "exit 1");
    world.write("c.txt", "mine\n");
    world.rt(&["-m", "change b.txt"]).code(5);
    let said = world.rt(&["status"]).ok().out;
    assert!(said.contains("1 file with edits of the last turn, not committed"), "{said}");
    assert!(said.contains("1 file with uncommitted changes of yours") && said.contains("1 file to commit · rt retry"), "{said}");
    let json = world.rt(&["status", "--json"]).ok().json().remove(0);
    assert_eq!((&json["waiting"][0], &json["dirty"][0]["of_turn"]), (&json["turn"]["turn"], &true.into()), "{json}");
    std::fs::remove_file(world.repo().join(".git/hooks/pre-commit")).expect("removed");
    world.rt(&["retry"]).ok();
    let said = world.rt(&["status"]).ok().out;
    assert!(!said.contains("waiting") && !said.contains("last turn, not") && said.contains("1 file with unc"), "{said}");
}

#[test]
fn what_is_only_stored_waits() {
    let model = FakeModel::saying(&[edit("b.txt", "b\n", "B\n")]);
    let world = world(&model);
    world.rt(&["-m", "change b.txt", "--dry-run"]).ok();
    assert!(world.rt(&["status"]).ok().out.contains("waiting"));
    world.rt(&["retry"]).ok();
    assert!(!world.rt(&["status"]).ok().out.contains("waiting"));
    let ran = world.rt_with(&["apply", "--dry-run"], edit("c.txt", "c\n", "C\n").as_bytes(), &[]).ok();
    assert!(ran.err.contains("· rt show\n"), "there is no prompt to show: {}", ran.err);
    assert!(world.rt(&["status"]).ok().out.contains("1 file to write · rt retry"));
}

#[test]
fn what_waited_in_another_session_waits_no_more_when_it_is_taken() {
    let model = FakeModel::saying(&[edit("b.txt", "b\n", "B\n"), "Fine.".to_owned()]);
    let world = world(&model);
    world.rt(&["-m", "change b.txt", "--dry-run"]).ok();
    let key = world.rt(&["show", "--json"]).ok().json()[0]["turn"].as_str().expect("a key").to_owned();
    world.rt(&["-n", "-m", "hi"]).ok();
    assert!(world.rt(&["status"]).ok().out.contains("waiting"));
    world.rt(&["retry", &key]).ok();
    assert_eq!(world.read("b.txt"), "B\n");
    let said = world.rt(&["status"]).ok().out;
    assert!(!said.contains("waiting"), "{said}");
}

#[test]
fn when_it_never_fits_nothing_is_written_and_the_rest_can_be_taken() {
    let good = edit("b.txt", "b\n", "B\n");
    let bad = edit("a.txt", "nowhere\n", "x\n");
    let texts = [format!("{good}\n{bad}"), bad.clone(), bad.clone(), bad];
    let model = FakeModel::saying(&texts);
    let world = world(&model);
    let head = world.git(&["rev-parse", "HEAD"]);
    let ran = world.rt(&["-m", "change a.txt and b.txt"]).code(5);
    assert_eq!(model.requests().len(), 4, "check.max_reflections is 3");
    assert!(ran.err.contains("rt retry --partial"), "{}", ran.err);
    assert_eq!((world.git(&["status", "--porcelain"]), world.git(&["rev-parse", "HEAD"])), (String::new(), head));
    assert_eq!(outcomes(&world), ["rejected"; 4]);
    let refused = world.rt(&["retry"]).code(5);
    assert!(refused.err.contains("did not fit"), "{}", refused.err);
    let taken = world.rt(&["retry", "--partial"]).ok();
    assert!(taken.err.contains("left out  a.txt: the SEARCH text is not in the file"), "{}", taken.err);
    assert_eq!((world.read("a.txt").as_str(), world.read("b.txt").as_str()), (FILES[0].1, "B\n"));
    assert_eq!(world.git(&["show", "--format=", "--name-only", "HEAD"]), "b.txt\n");
    assert_eq!(model.requests().len(), 4, "no call");
}

#[test]
fn reflections_can_be_switched_off() {
    let model = FakeModel::saying(&[edit("a.txt", "nowhere\n", "x\n")]);
    let world = world(&model);
    world.rt(&["--config", "check.max_reflections=0", "-m", "change a.txt"]).code(5);
    assert_eq!(model.requests().len(), 1);
}

#[test]
fn a_file_that_the_model_has_not_seen_is_shown_to_it_first() {
    let blind = edit("c.txt", "c\n", "blind\n");
    let model = FakeModel::saying(&[blind, edit("c.txt", "c\n", "seen\n")]);
    let world = world(&model);
    let ran = world.rt(&["-m", "change a.txt as you like"]).ok();
    assert!(ran.err.contains("not seen yet  c.txt"), "{}", ran.err);
    let texts: Vec<String> = model.requests().iter().map(Received::text).collect();
    assert_eq!(texts.len(), 2);
    let shown = r"File for editing:\n\nc.txt\n```txt\nc\n";
    assert!(!texts[0].contains(shown) && texts[1].contains(shown), "{}", texts[1]);
    assert_eq!(world.read("c.txt"), "seen\n");
    assert_eq!(outcomes(&world), ["applied", "rejected"]);
}

#[test]
fn a_file_for_reference_is_not_edited() {
    let model = FakeModel::saying(&[edit("b.txt", "b\n", "B\n"), "Then not.".to_owned()]);
    let world = world(&model);
    let ran = world.rt(&["-m", "look", "--read", "b.txt"]).code(5);
    assert!(ran.err.contains("b.txt") && ran.err.contains("does not fit"), "{}", ran.err);
    assert_eq!(world.read("b.txt"), "b\n");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert!(model.requests()[0].text().contains("File for reference, not to be edited"));
}

#[test]
fn a_path_outside_the_repository_is_not_edited() {
    let model = FakeModel::saying(&[edit("../outside.txt", "", "x\n"), edit(".git/config", "", "x\n"), "Then not.".to_owned()]);
    let world = world(&model);
    world.rt(&["-m", "look"]).code(5);
    assert!(!world.top().join("outside.txt").exists());
    assert!(!world.git(&["config", "-l"]).contains('x') || world.git(&["config", "core.bare"]) == "false\n");
    assert_eq!(model.requests().len(), 3);
}

const SECRET: &str = "s3cr3t-value-0123456789";

#[test]
fn a_secret_of_the_environment_is_neither_sent_nor_stored_nor_shown() {
    // The model edits the file that it does not get, and in another session one of which it was never told.
    let append = edit("conf.env", "port=1\n", "port=2\n");
    let model = FakeModel::saying(&[append.clone(), append.clone(), "Then not.".to_owned(), append, "Then not.".to_owned()]);
    let mut world = world(&model);
    world.set("MY_TOKEN", SECRET);
    world.write("conf.env", format!("port=1\ntoken={SECRET}\n"));
    let ran = world.rt_with(&["-m", &format!("use {SECRET} in a.txt"), "--file", "conf.env"], SECRET.as_bytes(), &[]);
    let said = |text: &str| !text.contains(SECRET);
    assert!(ran.err.contains("conf.env holds a secret"), "{}", ran.err);
    assert!(said(&ran.out) && said(&ran.err), "{}{}", ran.out, ran.err);
    let ran = ran.code(5);
    assert!(ran.err.contains("conf.env: the file holds a secret"), "{}", ran.err);
    let ran = world.rt(&["-n", "-m", "look at b.txt"]).code(5);
    assert!(said(&ran.out) && said(&ran.err) && ran.err.contains("conf.env: the file holds a secret"), "{}", ran.err);
    for request in model.requests() {
        assert!(!holds(&request.body, SECRET), "{}", request.text());
    }
    assert!(model.requests()[0].text().contains("[secret:MY_TOKEN]"));
    assert_eq!(world.read("conf.env"), format!("port=1\ntoken={SECRET}\n"), "not edited");
    world.rt_with(&["apply", "-"], edit("conf.env", "port=1\n", "port=2\n").as_bytes(), &[]).code(5);
    assert_eq!(world.read("conf.env"), format!("port=1\ntoken={SECRET}\n"), "not edited by an answer from elsewhere");
    let (all, old) = (edit("a.txt", "", &format!("token {SECRET}\n")), world.read("b.txt"));
    let ran = world.rt_with(&["apply", "-"], edit("b.txt", &old, &format!("token {SECRET}\n")).as_bytes(), &[]).code(5);
    assert!(said(&ran.out) && said(&ran.err) && ran.err.contains("b.txt"), "{}{}", ran.out, ran.err);
    assert_eq!(world.read("b.txt"), old, "neither the secret nor its name is written");
    let ran = world.rt_with(&["apply", "-"], all.replace("a.txt", "../a.txt").as_bytes(), &[]).code(5);
    assert!(said(&ran.out) && said(&ran.err), "{}{}", ran.out, ran.err);
    assert_eq!(model.requests().len(), 5);
    let objects = world.all_objects();
    assert!(holds(&objects, "[secret:MY_TOKEN]"), "what was said is stored, with the secret replaced");
    for secret in [SECRET, "a-key-that-is-not-real"] {
        assert!(!holds(&objects, secret), "{secret} is in an object");
    }
    let database = std::fs::read(world.top().join("home/.retort/data/retort.db")).expect("a database");
    assert!(!holds(&database, SECRET));
}

#[test]
fn a_name_that_no_file_can_have_is_a_misfit_and_no_failure() {
    let world = World::with(&FILES);
    let name = "x".repeat(300);
    for path in [name.clone(), format!("{name}/a.txt"), format!("{}a.txt", "d/".repeat(3000))] {
        let answer = format!("=== FILE: {path} ===\n````\nx\n````\n{}", edit("b.txt", "b\n", "B\n"));
        let ran = world.rt_with(&["apply"], answer.as_bytes(), &[]).code(5);
        assert!(ran.err.contains("longer than file systems take"), "{}", ran.err);
    }
    assert_eq!(world.read("b.txt"), "b\n");
}

#[test]
fn an_answer_without_edits_is_not_applied() {
    let world = World::with(&[("a.txt", "one\n")]);
    for (answer, code) in [("", 2), (" \n", 2), ("I would not change anything.\n", 5)] {
        let ran = world.rt_with(&["apply"], answer.as_bytes(), &[]);
        assert_eq!(ran.code, Some(code), "{answer:?}: {}", ran.err);
    }
    // Edits that are in the files already are none to complain about.
    let there = edit("a.txt", "one\n", "1\n");
    let _ = world.rt_with(&["apply"], there.as_bytes(), &[]).ok();
    let _ = world.rt_with(&["apply"], "=== FILE: a.txt ===\n```\n1\n```\n".as_bytes(), &[]).ok();
}
