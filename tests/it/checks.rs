//! What is looked at when edits are there: syntax before they are written, the user's own commands after.

use super::support::fake_model::FakeModel;
use super::support::killed::kill;
use super::support::world::{Ran, World, edit, holds};

/// Names every file that a test here edits.
const MESSAGE: &str = "Change a.txt, a.rs, b.rs, f.txt";

const CODE: &str = "fn one() -> u32 {\n    1\n}\n";

fn broken() -> String {
    edit("a.rs", "    1\n", "    1 +\n")
}

fn mended() -> String {
    edit("a.rs", "    1 +\n", "    1 + 1\n")
}

/// A repository with `a.txt`, and a model that gives these answers.
fn world(answers: &[String]) -> (World, FakeModel) {
    let server = FakeModel::saying(answers);
    let world = World::with(&[("a.txt", "one\ntwo\nthree\n"), ("a.rs", CODE)]).gemini(&server.url());
    (world, server)
}

fn ask(world: &World, more: &[&str]) -> Ran {
    let args: Vec<&str> = ["-n", "-m", MESSAGE].iter().chain(more).copied().collect();
    world.rt(&args)
}

fn subjects(world: &World) -> usize {
    world.git(&["log", "--format=%s"]).lines().count()
}

// Syntax.

#[test]
fn broken_syntax_goes_back_once_and_nothing_is_written_meanwhile() {
    let (world, server) = world(&[broken(), mended()]);
    let ran = ask(&world, &[]).ok();
    assert!(ran.err.contains("does not parse  a.rs:2:8: an identifier is missing here"), "{}", ran.err);
    assert!(ran.err.contains("asking again about 1 place with broken syntax"), "{}", ran.err);
    assert_eq!(world.read("a.rs"), "fn one() -> u32 {\n    1 + 1\n}\n");
    assert_eq!(subjects(&world), 2, "one commit holds both");
    let asked = server.requests()[1].text();
    assert!(asked.contains("a.rs, line 2, column 8: an identifier is missing here"), "{asked}");
    assert!(asked.contains("    1 +\\n}"), "the lines with the edit in place: {asked}");
    assert!(world.rt(&["show", "@~1"]).ok().out.contains("syntax    a.rs:2:8: an identifier is missing here"));
}

#[test]
fn a_model_that_insists_on_broken_syntax_is_believed() {
    let (world, server) = world(&[broken(), "It is meant to be so.\n".to_owned()]);
    let ran = ask(&world, &[]).ok();
    assert_eq!(server.requests().len(), 2);
    assert_eq!(world.read("a.rs"), "fn one() -> u32 {\n    1 +\n}\n");
    assert_eq!(ran.err.matches("does not parse  a.rs:2:8").count(), 2, "{}", ran.err);
    assert_eq!(ran.err.matches("warning: a.rs:2:8 does not parse: an identifier is missing here").count(), 1, "{}", ran.err);
    assert!(world.rt(&["show"]).ok().out.contains("syntax    a.rs:2:8"));
}

#[test]
fn broken_syntax_is_written_when_nobody_can_be_asked_or_nobody_wants_to_know() {
    for (more, said) in [("check.max_reflections=0", 2), ("check.syntax=false", 0)] {
        let (world, server) = world(&[broken()]);
        let ran = ask(&world, &["--config", more]).ok();
        assert_eq!((server.requests().len(), ran.err.matches("does not parse").count()), (1, said), "{}", ran.err);
        assert!(world.read("a.rs").contains("1 +\n"));
    }
}

#[test]
fn broken_syntax_of_an_answer_from_anywhere_is_said() {
    let (world, _server) = world(&[]);
    for args in [&["apply", "--dry-run"][..], &["apply"]] {
        let ran = world.rt_with(args, broken().as_bytes(), &[]).ok();
        assert_eq!(ran.err.matches("warning: a.rs:2:8 does not parse").count(), 1, "{}", ran.err);
        assert!(world.rt(&["show"]).ok().out.contains("syntax    a.rs:2:8"));
    }
    let ran = world.rt_with(&["apply", "--json"], edit("a.rs", "    1 +\n", "    1 + (\n").as_bytes(), &[]).ok();
    assert!(!ran.err.contains("warning"), "it was broken before: {}", ran.err);
    let ran = world.rt_with(&["apply", "--json"], edit("b.rs", "", "fn b( {\n").as_bytes(), &[]).ok();
    assert_eq!(ran.json().iter().find(|e| e["event"] == "syntax").expect("said")["places"][0]["path"], "b.rs");
}

#[test]
fn errors_that_a_file_had_are_not_the_edits() {
    let server = FakeModel::saying(&[edit("b.rs", "// two\n", "// 2\n")]);
    let world = World::with(&[("b.rs", "fn b( {\n// two\n")]).gemini(&server.url());
    let ran = ask(&world, &[]).ok();
    assert!(!ran.err.contains("does not parse") && server.requests().len() == 1, "{}", ran.err);
}

// Commands.

#[test]
fn a_failing_test_goes_back_until_it_passes_and_undo_takes_all_rounds_back() {
    let (world, server) = world(&[edit("a.txt", "two\n", "TWO\n"), edit("a.txt", "TWO\n", "2\n")]);
    let before = world.git(&["rev-parse", "HEAD"]);
    let ran = ask(&world, &["--test", "grep -qx 2 a.txt || { echo expected 2; exit 3; }"]).ok();
    assert!(ran.err.contains("failed with exit status 3") && ran.err.contains("  expected 2\n"), "{}", ran.err);
    assert!(ran.err.contains("exit 3; } passed"), "{}", ran.err);
    assert_eq!((world.read("a.txt").as_str(), subjects(&world)), ("one\n2\nthree\n", 3));
    let asked = server.requests()[1].text();
    assert!(asked.contains("expected 2") && asked.contains("failed with exit status 3"), "{asked}");
    assert!(asked.contains("one\\nTWO\\nthree"), "the file as it is now: {asked}");
    let _ = world.rt(&["undo"]).ok();
    assert_eq!((world.read("a.txt").as_str(), world.git(&["rev-parse", "HEAD"])), ("one\ntwo\nthree\n", before));
}

#[test]
fn a_test_that_never_passes_ends_with_its_last_failure_and_the_edits_stay() {
    let (world, server) = world(&[edit("a.txt", "two\n", "A\n"), edit("a.txt", "A\n", "B\n"), edit("a.txt", "B\n", "C\n")]);
    let ran = ask(&world, &["--config", "check.max_reflections=2", "--test", "echo now $(sed -n 2p a.txt); false"]).code(5);
    assert_eq!((server.requests().len(), subjects(&world)), (3, 4));
    assert!(ran.err.contains("  now C\n"), "{}", ran.err);
    assert!(ran.err.contains("error: echo now $(sed -n 2p a.txt); false failed with exit status 1"), "{}", ran.err);
    assert!(world.rt(&["show"]).ok().out.contains("  now C\n"));
}

#[test]
fn a_model_that_gives_up_leaves_a_failure() {
    let (world, server) = world(&[edit("a.txt", "two\n", "A\n"), "That is not from the change.\n".to_owned()]);
    let _ = ask(&world, &["--test", "false"]).code(5);
    assert_eq!((server.requests().len(), subjects(&world)), (2, 2));
}

#[test]
fn without_edits_nothing_runs() {
    let (world, _server) = world(&["Just words.\n".to_owned()]);
    let _ = ask(&world, &["--test", "touch ran; false"]).ok();
    assert!(!world.exists("ran"));
    let _ = ask(&world, &["--dry-run", "--test", "touch ran"]).code(2);
}

#[test]
fn what_cannot_be_run_is_no_matter_for_the_model() {
    let (world, server) = world(&[edit("a.txt", "two\n", "A\n")]);
    let ran = ask(&world, &["--test", "no-such-program --all"]).code(5);
    assert_eq!(server.requests().len(), 1);
    assert!(ran.err.contains("no-such-program --all could not be run: ") && ran.err.contains("not found"), "{}", ran.err);
}

#[test]
fn lint_commands_get_the_edited_files_that_they_are_for() {
    let answer = edit("a.txt", "two\n", "A\n") + "=== FILE: sub/-b c.txt ===\n```\nnew\n```\n\n=== DELETE: a.rs ===\n";
    let (world, _server) = world(&[answer]);
    world.write("../home/.retort/config.toml", "[check]\nlint = [\n  \"*.txt: printf '%s|' >>../said txt\",\n  \"rust: touch ../never\",\n  \"printf '%s|' all >>../said\",\n  \"sub/: printf '%s|' {files} end >>../said\",\n]\ntest = [\"false\"]\n");
    // A test of the command line replaces those of the configuration.
    let _ = ask(&world, &["--test", "printf test >>../said"]).ok();
    let said = std::fs::read_to_string(world.top().join("said")).expect("said");
    assert_eq!(said, "txt|a.txt|sub/-b c.txt|all|sub/-b c.txt|end|test");
    assert!(!world.top().join("never").exists(), "a file that is gone is given to nobody");
}

#[test]
fn a_selector_that_is_no_language_is_an_error_of_the_setting() {
    let (world, server) = world(&[]);
    world.write("../home/.retort/config.toml", "[check]\nlint = [\"pyton: ruff check\"]\n");
    let ran = ask(&world, &[]).code(1);
    assert!(ran.err.contains("config.toml:2: check.lint: \"pyton\" is no language"), "{}", ran.err);
    assert!(server.requests().is_empty());
    let ran = ask(&world, &["--config", "check.lint=true", "--lint", "py, rast: true"]).code(1);
    assert!(ran.err.contains("command line: check.lint: \"rast\""), "{}", ran.err);
    // What has a colon of its own is a command.
    let (world, _server) = self::world(&[edit("a.txt", "two\n", "A\n")]);
    let _ = ask(&world, &["--lint", "echo a: b", "--lint", "*.txt: true", "--test", "X=a: true"]).ok();
}

#[test]
fn a_repositorys_own_commands_run_once_it_is_trusted() {
    let answers = [edit("a.txt", "two\n", "A\n"), edit("a.txt", "A\n", "B\n")];
    let (world, _server) = world(&answers);
    world.write(".retort/config.toml", "[check]\nlint = [\"touch ../linted\"]\ntest = [\"touch ../tested\"]\n");
    let ran = ask(&world, &[]).ok();
    assert!(!world.top().join("linted").exists() && !world.top().join("tested").exists(), "{}", ran.err);
    let _ = world.rt(&["trust", "--yes"]).ok();
    let _ = ask(&world, &[]).ok();
    assert!(world.top().join("linted").exists() && world.top().join("tested").exists());
}

#[test]
fn tests_wait_for_lints_and_every_result_is_an_event() {
    let (world, _server) = world(&[edit("a.txt", "two\n", "A\n")]);
    let more = ["--json", "--config", "check.max_reflections=0", "--lint", "echo bad; exit 2", "--lint", "true", "--test", "true"];
    let ran = ask(&world, &more).code(5);
    let events: Vec<_> = ran.json().into_iter().filter(|e| e["event"] == "check").collect();
    let seen: Vec<_> = events.iter().map(|e| (e["kind"].as_str(), e["status"].as_str(), e["ok"].as_bool())).collect();
    assert_eq!(seen, [(Some("lint"), Some("2"), Some(false)), (Some("lint"), Some("0"), Some(true))]);
    assert_eq!(events[0]["output"], "bad");
    let shown = world.rt(&["show", "--json"]).ok().json().remove(0);
    let stored = shown["events"].as_array().expect("events").iter().filter(|e| e["kind"] == "check").count();
    assert_eq!((stored, shown["outcome"].as_str()), (2, Some("applied")));
}

#[test]
fn a_check_that_does_not_end_is_stopped_with_all_that_it_started() {
    let (world, server) = world(&[edit("a.txt", "two\n", "A\n"), "No idea.\n".to_owned()]);
    // Both wait for a pipe that nobody opens.
    let command = "mkfifo ../gate; (read x < ../gate; touch ../woke) & read y < ../gate";
    let ran = ask(&world, &["--config", "check.timeout=300ms", "--test", command]).code(5);
    assert!(ran.err.contains("did not end within 300ms and was stopped"), "{}", ran.err);
    assert!(server.requests()[1].text().contains("did not end within 300ms and was stopped"));
    // Nobody reads it any more (a signal takes effect a moment after it was sent): opening it for writing without waiting fails.
    let gate = world.top().join("gate");
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK;
    let dead = || rustix::fs::open(&gate, flags, rustix::fs::Mode::empty()).err() == Some(rustix::io::Errno::NXIO);
    assert!((0..1_000_000).any(|_| dead()));
}

#[test]
fn an_interrupt_ends_a_check_and_leaves_the_edits() {
    let (world, _server) = world(&[edit("a.txt", "two\n", "A\n")]);
    // Its parent is the program; then it waits for a pipe that nobody opens.
    let ran = ask(&world, &["--test", "mkfifo ../gate; kill -INT $PPID; read x < ../gate"]).code(130);
    assert_eq!(world.read("a.txt"), "one\nA\nthree\n", "{}", ran.err);
    assert!(ran.err.contains("the edits are written and committed; take them back: rt undo"), "{}", ran.err);
    let shown = world.rt(&["show", "--json"]).ok().json().remove(0);
    assert_eq!(shown["outcome"], "applied");
}

#[test]
fn secrets_and_escapes_of_a_commands_output_go_nowhere() {
    let (mut world, server) = world(&[edit("a.txt", "two\n", "A\n"), "No idea.\n".to_owned()]);
    world.set("DEPLOY_TOKEN", "tok-4f9a8b7c6d5e4f3a2b1c");
    let command = "printf '\\033[31mred %s\\033[0m\\n' $DEPLOY_TOKEN; seq 1 400000; false";
    let ran = ask(&world, &["--test", command]).code(5);
    // The answer to it has none.
    let (_, hint) = ran.err.rsplit_once("more of what it printed: rt show ").expect("a hint");
    let turn = hint.split_whitespace().next().expect("a turn");
    assert!(ran.err.contains(&format!("more lines: rt show {turn}")), "{}", ran.err);
    assert!(world.rt(&["show", turn]).ok().out.contains("lines left out here]"));
    let asked = server.requests()[1].text();
    assert!(asked.contains("red [") && asked.contains("lines left out here]") && asked.contains("399999\\n400000"), "{asked}");
    assert!(asked.len() < 40_000, "{}", asked.len());
    for place in [&ran.err, &asked, &ran.out] {
        assert!(!place.contains("tok-4f9a8b7c") && !place.contains("\u{1b}[31m"));
    }
    assert!(!holds(&world.all_objects(), "tok-4f9a8b7c"));
}

// Formatters.

#[test]
fn what_a_formatter_changes_is_committed_without_the_users_lines_and_undone_with_the_rest() {
    let lines = "a\n\nb\n\nc\n\nd\n\ne\n";
    let server = FakeModel::saying(&[edit("f.txt", "c\n", "new\n")]);
    let world = World::with(&[("f.txt", lines)]).gemini(&server.url());
    world.write("f.txt", lines.replace("a\n", "mine\n"));
    let ran = ask(&world, &["--lint", "sed -i s/new/NEW/ f.txt"]).ok();
    assert_eq!(world.read("f.txt"), "mine\n\nb\n\nNEW\n\nd\n\ne\n", "{}", ran.err);
    assert_eq!(world.git(&["show", "HEAD:f.txt"]), "a\n\nb\n\nNEW\n\nd\n\ne\n", "{}", ran.err);
    assert_eq!(world.git(&["log", "-1", "--format=%s"]).trim_end(), "Apply what sed -i s/new/NEW/ f.txt changes");
    assert_eq!(subjects(&world), 3);
    let _ = world.rt(&["undo"]).ok();
    assert_eq!((world.read("f.txt"), subjects(&world)), (lines.replace("a\n", "mine\n"), 1));
    let _ = world.rt(&["redo"]).ok();
    assert_eq!(world.read("f.txt"), "mine\n\nb\n\nNEW\n\nd\n\ne\n");
    let _ = world.rt(&["fsck"]).ok();
}

#[test]
fn what_a_formatter_makes_of_the_users_own_lines_stays_theirs() {
    let lines = "a\n\nb\n\nc\n";
    let server = FakeModel::saying(&[edit("f.txt", "c\n", "new\n")]);
    let world = World::with(&[("f.txt", lines)]).gemini(&server.url());
    world.write("f.txt", lines.replace("a\n", "mine\n"));
    let ran = ask(&world, &["--lint", "sed -i s/mine/MINE/ f.txt"]).ok();
    assert!(ran.err.contains("f.txt is edited but not committed") && ran.err.contains("written, not committed"), "{}", ran.err);
    assert_eq!(world.git(&["show", "HEAD:f.txt"]), "a\n\nb\n\nnew\n", "{}", ran.err);
    assert_eq!(world.read("f.txt"), "MINE\n\nb\n\nnew\n");
}

#[test]
fn a_formatter_that_fails_because_it_changed_something_gets_a_second_look() {
    let (world, server) = world(&[edit("a.txt", "two\n", "new\n")]);
    let command = "if grep -q new a.txt; then sed -i s/new/NEW/ a.txt; echo changed; exit 1; fi";
    let ran = ask(&world, &["--no-commit", "--lint", command]).ok();
    assert_eq!((world.read("a.txt").as_str(), server.requests().len()), ("one\nNEW\nthree\n", 1), "{}", ran.err);
    assert_eq!(subjects(&world), 1);
    let _ = world.rt(&["undo"]).ok();
    assert_eq!(world.read("a.txt"), "one\ntwo\nthree\n");
}

// Dying.

#[test]
fn a_turn_whose_process_died_in_a_check_is_recorded_as_applied() {
    for point in ["check.before:1", "checked:1"] {
        for (more, outcome) in [(None, "applied"), (Some("--no-commit"), "uncommitted")] {
            let (world, _server) = world(&[edit("a.txt", "two\n", "A\n")]);
            let args: Vec<&str> = ["-n", "-m", MESSAGE, "--test", "true"].into_iter().chain(more).collect();
            assert_eq!(kill(&world, &args, point).code, None);
            let said = world.rt(&["status"]).ok().err;
            assert!(said.contains("unfinished turn") && !said.contains("put back"), "{said}");
            assert_eq!(world.read("a.txt"), "one\nA\nthree\n");
            let shown = world.rt(&["show", "--json"]).ok().json().remove(0);
            assert_eq!(shown["outcome"], outcome, "{point}");
            let _ = world.rt(&["undo"]).ok();
            assert_eq!(world.read("a.txt"), "one\ntwo\nthree\n");
        }
    }
}
