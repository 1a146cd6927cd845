//! The commands of a project and its files: what the user's word covers, and when it ends.

use crate::support::fake_model::FakeModel;
use crate::support::world::{World, edit};

/// A world whose project has a script and settings that name it, trusted.
fn trusted_project(texts: &[&str], settings: &str) -> (World, FakeModel) {
    let model = FakeModel::saying(texts);
    let world = World::with(&[("a.txt", "one\ntwo\nthree\n")]).gemini(&model.url());
    world.program(".retort/hooks/p", "echo first >>../ran");
    world.write(".retort/config.toml", settings);
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "settings"]);
    world.rt(&["--yes", "trust"]).ok();
    (world, model)
}

const SCRIPT_SETTINGS: [&str; 2] = [
    "[hooks]\nturn = [\"check\", \"record\", \"p\"]\n[hook.p]\ncommand = \".retort/hooks/p\"\n",
    "[check]\ntest = [\".retort/hooks/p\"]\n",
];

#[test]
fn a_projects_script_that_changed_does_not_run_until_it_is_trusted_again() {
    for settings in SCRIPT_SETTINGS {
        let (world, _model) = trusted_project(
            &[&edit("a.txt", "two\n", "TWO\n"), &edit("a.txt", "TWO\n", "2\n"), &edit("a.txt", "2\n", "two\n")],
            settings,
        );
        let said = || std::fs::read_to_string(world.top().join("ran")).unwrap_or_default();
        world.rt(&["-n", "-m", "change a.txt"]).ok();
        assert_eq!(said(), "first\n");
        world.program(".retort/hooks/p", "echo second >>../ran");
        assert!(world.rt(&["trust", "--status"]).ok().out.contains("these files changed: hooks/p"));
        let ran = world.rt(&["-n", "-m", "change a.txt"]).ok();
        assert!(ran.err.contains("changed since you trusted it (hooks/p)"), "{}", ran.err);
        assert_eq!(said(), "first\n");
        world.rt(&["--yes", "trust"]).ok();
        world.rt(&["-n", "-m", "change a.txt"]).ok();
        assert_eq!(said(), "first\nsecond\n");
    }
}

#[test]
fn an_answer_that_edits_a_projects_script_does_not_get_it_run() {
    let script = edit(".retort/hooks/p", "echo first >>../ran\n", "echo second >>../ran\n");
    let other = edit(".retort/hooks/new", "", "x\n");
    for (settings, code, said) in [
        (SCRIPT_SETTINGS[0], 0, "the hook p at turn could not be used: it was not run"),
        (SCRIPT_SETTINGS[1], 5, "could not be run"),
    ] {
        for (answer, file) in [(&script, "hooks/p"), (&other, "hooks/new")] {
            let (world, model) = trusted_project(&[answer], settings);
            let ran = world.rt(&["-m", "change it", "--file", ".retort/hooks/p"]).code(code);
            let why = format!("the project's .retort/ changed since you trusted it ({file})");
            assert!(ran.err.contains(said) && ran.err.contains(&why), "{}", ran.err);
            assert!(world.exists(&format!(".retort/{file}")) && !world.top().join("ran").exists());
            assert_eq!(model.requests().len(), 1, "no model can do something about it");
        }
    }
    // What the user themselves asked for runs.
    let (world, _model) = trusted_project(&[&other], SCRIPT_SETTINGS[1]);
    world.rt(&["-m", "change it", "--test", "echo own >>../ran"]).ok();
    assert_eq!(std::fs::read_to_string(world.top().join("ran")).expect("it ran"), "own\n");
    // An answer from anywhere is no better.
    let (world, _model) = trusted_project(&[], SCRIPT_SETTINGS[0]);
    let ran = world.rt_with(&["apply"], script.as_bytes(), &[]).ok();
    assert!(ran.err.contains("it was not run: the project's .retort/ changed") && !world.top().join("ran").exists(), "{}", ran.err);
}

#[test]
fn an_answer_does_not_get_rid_of_a_guard() {
    let settings = "[hooks]\nplan = [\"p\", \"store\"]\n[hook.p]\ncommand = \".retort/hooks/p\"\n";
    let script = edit(".retort/hooks/p", "echo first >>../ran\n", "exit 0\n");
    let (world, model) = trusted_project(&[&script, &edit("a.txt", "two\n", "guarded\n")], settings);
    // The check fails, so the same exchange has another answer.
    let ran = world.rt(&["-m", "change it", "--file", ".retort/hooks/p", "--file", "a.txt", "--test", "false"]).code(5);
    assert!(ran.err.contains("it was not run: the project's .retort/ changed"), "{}", ran.err);
    assert_eq!((world.read("a.txt").as_str(), model.requests().len()), ("one\ntwo\nthree\n", 2));
}

#[test]
fn whoever_is_asked_sees_for_what() {
    let world = World::with(&[("a.txt", "a\n")]);
    let ran = world.rt(&["config", "set", "--project", "check.test", "make check"]).ok();
    assert!(ran.err.contains("it does not count until you have said: rt trust"), "{}", ran.err);
    let ran = world.rt(&["config", "set", "--project", "vcs.coauthor", "true"]).ok();
    assert!(!ran.err.contains("rt trust"), "{}", ran.err);
    let ran = world.rt(&["--yes", "trust"]).ok();
    assert!(ran.err.contains("check.test = [\"make check\"]") && !ran.err.contains("coauthor"), "{}", ran.err);
}
