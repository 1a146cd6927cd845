//! Work in a directory that is in no repository.

use crate::support::world::{Ran, World, edit};

fn world() -> World {
    let world = World::new();
    std::fs::create_dir_all(world.top().join("plain/sub")).expect("made");
    std::fs::write(world.top().join("plain/notes.txt"), "one\ntwo\nthree\n").expect("written");
    std::fs::write(world.top().join("plain/sub/todo.txt"), "todo\n").expect("written");
    world
}

fn rt(world: &World, inside: &str, args: &[&str], input: &str) -> Ran {
    world.rt_in(&world.top().join(inside), args, input.as_bytes(), &[])
}

fn notes(world: &World) -> String {
    std::fs::read_to_string(world.top().join("plain/notes.txt")).expect("there")
}

#[test]
fn edits_work_and_turns_are_kept_at_home() {
    let world = world();
    let ran = rt(&world, "plain", &["log"], "").code(1);
    assert!(ran.err.contains("git init"), "looking makes nothing: {}", ran.err);
    assert!(!world.top().join("home/.retort/private").exists());
    let ran = rt(&world, "plain", &["apply"], &edit("notes.txt", "two\n", "2\n")).ok();
    assert!(ran.err.starts_with("no git repository here: edits are not committed, turns are kept in "), "{}", ran.err);
    assert!(ran.err.contains(".retort/private/plain-") && ran.err.contains("not committed"), "{}", ran.err);
    assert_eq!(notes(&world), "one\n2\nthree\n");
    assert_eq!(std::fs::read_dir(world.top().join("plain")).expect("a directory").count(), 2, "nothing else is written there");
    // From below it is the same place; another day, another process.
    let ran = rt(&world, "plain/sub", &["log", "--json"], "").ok();
    assert_eq!((ran.json().len(), ran.json()[0]["outcome"].as_str()), (1, Some("uncommitted")));
    std::fs::write(world.top().join("plain/notes.txt"), "one\n2\nthree\nmine\n").expect("written");
    rt(&world, "plain/sub", &["undo"], "").ok();
    assert_eq!(notes(&world), "one\ntwo\nthree\nmine\n");
    rt(&world, "plain", &["redo"], "").ok();
    assert_eq!(notes(&world), "one\n2\nthree\nmine\n");
    // A file is found by its name; an edit that does not fit writes nothing.
    let ran = rt(&world, "plain", &["-c", "-m", "Look at todo.txt", "--model", "echo"], "").ok();
    assert!(ran.err.contains("+ sub/todo.txt (named)"), "{}", ran.err);
    rt(&world, "plain", &["apply"], &edit("notes.txt", "not there\n", "2\n")).code(5);
    let ran = rt(&world, "plain", &["apply"], &edit("../outside.txt", "", "x\n")).code(5);
    assert!(!world.top().join("outside.txt").exists(), "{}", ran.err);
    rt(&world, "plain", &["index", "check"], "").ok();
    let store = std::fs::read_dir(world.top().join("home/.retort/private")).expect("made").next().expect("one").expect("read");
    let fsck = world.git_in(&store.path(), &["--git-dir=.", "fsck", "--strict"]);
    assert_eq!(fsck, "");
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(store.metadata().expect("there").permissions().mode() & 0o077, 0, "nobody else reads it");
    }
}

#[test]
fn a_kill_is_recovered_from() {
    let world = world();
    let answer = edit("notes.txt", "two\n", "2\n");
    let fault = [("RT__DEBUG__FAULT", "applied")];
    let ran = world.rt_in(&world.top().join("plain"), &["apply"], answer.as_bytes(), &fault);
    assert_eq!((ran.code, notes(&world).as_str()), (None, "one\n2\nthree\n"));
    let ran = rt(&world, "plain", &["status"], "").ok();
    assert!(ran.err.contains("1 file put back as before"), "{}", ran.err);
    assert_eq!(notes(&world), "one\ntwo\nthree\n");
    rt(&world, "plain", &["retry"], "").ok();
    assert_eq!(notes(&world), "one\n2\nthree\n");
}

#[test]
fn the_home_directory_is_no_project() {
    let world = world();
    for place in ["home", "."] {
        let ran = rt(&world, place, &["apply"], &edit("x.txt", "", "x\n")).code(1);
        assert!(ran.err.contains("home directory or above") && ran.err.contains("git init"), "{}", ran.err);
    }
    assert!(!world.top().join("home/x.txt").exists() && !world.top().join("x.txt").exists());
}

/// A repository that begins in such a directory later is the place from then on; what was kept can be fetched into it.
#[test]
fn a_repository_begun_later_takes_over() {
    let world = world();
    rt(&world, "plain", &["apply"], &edit("notes.txt", "two\n", "2\n")).ok();
    let plain = world.top().join("plain");
    world.git_in(&plain, &["init", "-q"]);
    assert!(rt(&world, "plain", &["log"], "").code(1).err.contains("no session in this worktree"));
    let store = std::fs::read_dir(world.top().join("home/.retort/private")).expect("made").next().expect("one").expect("read");
    let store = store.path().display().to_string();
    world.git_in(&plain, &["fetch", "-q", &store, "refs/retort/*:refs/retort/*"]);
    assert_eq!(rt(&world, "plain", &["log", "--all", "--json"], "").ok().json().len(), 1);
}
