//! The database is a view, and sessions travel.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::fake_model::FakeModel;
use crate::support::world::{Ran, World, edit};

/// A world with forks, an undo, a rename, notes, failures and a foreign answer.
fn lived_in(model: &FakeModel) -> World {
    let world = World::with(&[("a.txt", "one\ntwo\n"), ("b.txt", "b\n")]).gemini(&model.url());
    world.rt(&["-m", "change a.txt"]).ok();
    world.rt(&["session", "rename", "first"]).ok();
    world.rt(&["-c", "-m", "and again"]).ok();
    world.rt(&["files", "add", "--read-only", "b.txt"]).ok();
    world.rt(&["undo"]).ok();
    world.rt(&["undo"]).ok();
    world.rt(&["-c", "-m", "differently"]).ok();
    world.rt(&["-s", "first/1", "-m", "on a fork"]).ok();
    world.rt(&["-n", "-m", "this one fails"]).code(4);
    world.rt_with(&["apply", "-"], edit("b.txt", "b\n", "c\n").as_bytes(), &[]).ok();
    world
}

fn answers() -> Vec<String> {
    vec![edit("a.txt", "one\n", "1\n"), edit("a.txt", "two\n", "2\n"), "No edits.".to_owned(), "Forked.".to_owned()]
}

fn views(world: &World) -> Vec<String> {
    let commands: [&[&str]; 6] = [
        &["log", "--json"],
        &["log", "--all", "--json"],
        &["log", "--all", "--json", "--stat"],
        &["session", "list", "--json"],
        &["session", "list", "--all", "--json"],
        &["status", "--json"],
    ];
    commands.map(|line| world.rt(line).ok().out).to_vec()
}

#[test]
fn the_database_can_go_at_any_time() {
    let model = FakeModel::saying(&answers());
    let world = lived_in(&model);
    let before = views(&world);
    assert!(before[1].lines().count() > before[0].lines().count() && before[1].lines().count() >= 7, "{}", before[1]);
    assert!(before[4].lines().count() >= 3, "{}", before[4]);
    world.rt(&["index", "rebuild"]).ok();
    assert_eq!(views(&world), before, "after rebuild");
    let database = world.top().join("home/.retort/data");
    assert!(database.join("retort.db").exists());
    std::fs::remove_dir_all(&database).expect("removed");
    assert_eq!(views(&world), before, "after deletion");
    world.rt(&["index", "check"]).ok();
    std::fs::write(database.join("retort.db"), "this is no database").expect("written");
    assert_eq!(views(&world), before, "after damage");
}

/// A bare remote, and a second clone of it by somebody else.
fn colleague(world: &World) -> PathBuf {
    let remote = world.top().join("remote.git").display().to_string();
    world.git(&["init", "-q", "--bare", &remote]);
    world.git(&["remote", "add", "origin", &remote]);
    world.git(&["push", "-q", "-u", "origin", "main"]);
    let clone = world.top().join("clone");
    world.git(&["clone", "-q", &remote, &clone.display().to_string()]);
    world.git_in(&clone, &["config", "user.name", "Bob"]);
    world.git_in(&clone, &["config", "user.email", "bob@example.com"]);
    clone
}

fn there(world: &World, clone: &std::path::Path, args: &[&str]) -> Ran {
    let home = world.top().join("home-of-bob").display().to_string();
    world.rt_in(clone, args, b"", &[("RT_HOME", &home)])
}

fn keys(ran: &Ran) -> Vec<Value> {
    ran.json().iter().map(|row| row["turn"].clone()).collect()
}

#[test]
fn a_colleague_goes_on_with_my_session_and_hands_it_back() {
    let texts: Vec<String> = [
        edit("a.txt", "one\n", "1\n"),
        "From the colleague's side.".into(),
        "And mine again.".into(),
        "Mine.".into(),
        "Theirs.".into(),
    ]
    .to_vec();
    let model = FakeModel::saying(&texts);
    let world = World::with(&[("a.txt", "one\ntwo\n")]).gemini(&model.url());
    let clone = colleague(&world);
    world.rt(&["-m", "change a.txt"]).ok();
    world.rt(&["session", "rename", "shared"]).ok();
    let mine = world.rt(&["log", "--json"]).ok();
    let session = mine.json()[0]["session"].as_str().expect("a session").to_owned();
    let refused = world.rt(&["session", "push", "origin"]).code(1);
    assert!(refused.err.contains("nothing was pushed"), "{}", refused.err);
    assert!(!world.git(&["ls-remote", "origin"]).contains("retort"));
    let pushed = world.rt(&["session", "push", "origin", "--yes"]).ok();
    assert!(pushed.err.contains("to origin: 1 turn, "), "{}", pushed.err);
    assert!(pushed.err.contains("content of 1 file: a.txt"), "{}", pushed.err);
    let remote = world.git(&["ls-remote", "origin"]);
    assert_eq!(remote.matches("refs/retort/").count(), 2, "{remote}");

    let fetched = there(&world, &clone, &["session", "fetch"]).ok();
    assert!(fetched.out.contains("new"), "{}", fetched.out);
    for address in [session.as_str(), "shared@origin"] {
        let log = there(&world, &clone, &["log", address, "--json"]).ok();
        assert_eq!(log.out, mine.out, "{address}");
    }
    let shown = there(&world, &clone, &["show", &session, "--prompt"]).ok();
    assert_eq!(shown.raw, model.requests()[0].body);

    there(&world, &clone, &["-s", &session, "-m", "going on"]).ok();
    let theirs = there(&world, &clone, &["log", "--json"]).ok();
    assert_eq!(theirs.json().len(), 2);
    assert!(theirs.json().iter().all(|row| row["session"] == session.as_str()), "no fork: {}", theirs.out);
    assert!(theirs.out.ends_with(&mine.out), "the same turns, and one more");
    assert!(model.requests()[1].body.starts_with(model.requests()[0].body.strip_suffix(b"]}").expect("closed")));
    assert!(there(&world, &clone, &["session", "list", "--json"]).ok().out.contains("\"shared\""));
    there(&world, &clone, &["session", "push", "origin", "--yes"]).ok();

    let fetched = world.rt(&["session", "fetch"]).ok();
    assert!(fetched.out.contains("went forward"), "{}", fetched.out);
    assert_eq!(keys(&world.rt(&["log", &session, "--json"]).ok()), keys(&theirs));
    world.rt(&["-s", "shared", "-m", "back here"]).ok();
    assert_eq!(world.rt(&["log", &session, "--json"]).ok().json().len(), 3, "no fork");
    world.rt(&["session", "push", "origin", "--yes"]).ok();
    there(&world, &clone, &["session", "fetch"]).ok();

    // Both go on from the same turn: both stay.
    world.rt(&["-s", "shared", "-m", "my way"]).ok();
    there(&world, &clone, &["-s", "shared", "-m", "their way"]).ok();
    world.rt(&["session", "push", "origin", "--yes"]).ok();
    let late = there(&world, &clone, &["session", "push", "origin", "--yes"]).code(1);
    assert!(late.err.contains("rt session fetch"), "{}", late.err);
    let fetched = there(&world, &clone, &["session", "fetch"]).ok();
    assert!(fetched.out.contains("has other turns than yours") && fetched.out.contains("shared@origin"), "{}", fetched.out);
    let top = |address: &str| there(&world, &clone, &["log", address, "--json"]).ok().json()[0]["subject"].clone();
    assert_eq!((top("shared"), top("shared@origin")), ("their way".into(), "my way".into()));
    assert!(!there(&world, &clone, &["session", "fetch"]).ok().err.contains("error"));
    assert_eq!(world.try_git(&["fsck", "--strict"], b"").code, Some(0));
    let other = World::git_in(&world, &clone, &["for-each-ref", "--format=%(refname)", "refs/retort/sessions"]);
    assert_eq!(other.lines().count(), 1, "one session there: {other}");
}

#[test]
fn a_rename_on_either_side_reaches_the_other() {
    let model = FakeModel::saying(&["One.", "Two."]);
    let world = World::with(&[("a.txt", "one\n")]).gemini(&model.url());
    let clone = colleague(&world);
    world.rt(&["-m", "hello"]).ok();
    world.rt(&["session", "push", "origin", "--yes"]).ok();
    there(&world, &clone, &["session", "fetch"]).ok();
    let session = world.rt(&["log", "--json"]).ok().json()[0]["session"].as_str().expect("a session").to_owned();
    there(&world, &clone, &["-s", &session, "-m", "going on"]).ok();
    there(&world, &clone, &["session", "rename", "theirs"]).ok();
    world.rt(&["session", "rename", "mine"]).ok();
    there(&world, &clone, &["session", "rename", "theirs-again"]).ok();
    there(&world, &clone, &["session", "push", "origin", "--yes"]).ok();
    world.rt(&["session", "fetch"]).ok();
    assert!(world.rt(&["session", "list", "--json"]).ok().out.contains("\"theirs-again\""), "the last one counts");
    world.rt(&["session", "push", "origin", "--yes"]).ok();
    there(&world, &clone, &["session", "fetch"]).ok();
    there(&world, &clone, &["session", "push", "origin", "--yes"]).ok();
}
