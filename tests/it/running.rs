//! While it runs: somebody else is faster, the user stops it, the reader goes away. And repositories of other shapes.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Output};
use std::sync::mpsc::Sender;

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{World, edit, signed};

fn change() -> String {
    edit("a.txt", "one\n", "1\n") + &"and more words ".repeat(20)
}

/// A world whose next answer stops before its last chunk until the gate is used.
fn held(before: &[&str], after: &[&str]) -> (FakeModel, World, Sender<()>) {
    let (reply, gate) = Reply::gemini(&change(), 6).gated(6);
    let texts = |texts: &[&str]| texts.iter().map(|t| Reply::gemini(t, 2)).collect::<Vec<_>>();
    let replies = texts(before).into_iter().chain([reply]).chain(texts(after)).collect();
    let model = FakeModel::script(replies);
    let world = World::with(&[("a.txt", "one\ntwo\n")]).gemini(&model.url());
    (model, world, gate)
}

/// Starts the program and waits until it has shown something.
fn started(world: &World, args: &[&str]) -> (Child, u8) {
    let mut child = world.start(args);
    let mut byte = [0];
    child.stdout.as_mut().expect("a pipe").read_exact(&mut byte).expect("it shows something");
    (child, byte[0])
}

fn text(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
fn the_slower_of_two_on_one_session_becomes_a_fork() {
    let (model, world, gate) = held(&["First."], &["Faster."]);
    world.rt(&["-m", "first"]).ok();
    let (child, _) = started(&world, &["-c", "-m", "slower, with a.txt"]);
    world.rt(&["-c", "-m", "faster"]).ok();
    gate.send(()).expect("the server waits");
    let out = child.wait_with_output().expect("it ends");
    assert!(out.status.success() && text(&out).contains("kept as a fork"), "{}", text(&out));
    let sessions = world.rt(&["session", "list", "--json"]).ok().json();
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    let log = world.rt(&["log", "--json"]).ok().json();
    let subjects: Vec<&str> = log.iter().filter_map(|row| row["subject"].as_str()).collect();
    assert_eq!(subjects, ["slower, with a.txt", "first"], "behind the turn that it had seen");
    assert!(!model.requests()[1].text().contains("faster"));
    assert_eq!(world.git(&["show", "HEAD:a.txt"]), "1\ntwo\n");
    assert_eq!(world.rt(&["status"]).ok().err, "");
}

#[test]
fn a_user_who_stops_it_keeps_what_arrived() {
    let (_model, world, _gate) = held(&[], &["Again."]);
    let (child, _) = started(&world, &["-m", "change a.txt"]);
    let id = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("sent");
    let out = child.wait_with_output().expect("it ends");
    assert_eq!(out.status.code(), Some(130), "{}", text(&out));
    assert!(text(&out).contains("what arrived is kept"), "{}", text(&out));
    let turn = world.rt(&["show", "--json"]).ok().json().remove(0);
    assert_eq!(turn["outcome"], "interrupted");
    assert!(turn["answer"].as_str().is_some_and(|a| !a.is_empty() && change().starts_with(a)), "{turn}");
    assert_eq!((world.read("a.txt").as_str(), world.git(&["status", "--porcelain"])), ("one\ntwo\n", String::new()));
    world.rt(&["-c", "-m", "again"]).ok();
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_work() {
    let (_model, world, gate) = held(&[], &[]);
    let (mut child, _) = started(&world, &["-m", "change a.txt"]);
    drop(child.stdout.take());
    gate.send(()).expect("the server waits");
    let out = child.wait_with_output().expect("it ends");
    assert!(matches!(out.status.code(), Some(0 | 3)), "{out:?}");
    assert_eq!(world.git(&["show", "HEAD:a.txt"]), "1\ntwo\n");
    assert_eq!(world.rt(&["log", "--json"]).ok().json()[0]["outcome"], "applied");
}

#[test]
fn two_worktrees_have_two_places() {
    let model = FakeModel::saying(&[change(), edit("a.txt", "two\n", "2\n"), "Yes.".to_owned()]);
    let world = World::with(&[("a.txt", "one\ntwo\n")]).gemini(&model.url());
    let other = world.top().join("other");
    world.git(&["worktree", "add", "-q", "-b", "side", &other.display().to_string()]);
    let there = |args: &[&str]| world.rt_in(&other, args, b"", &[]);
    world.rt(&["-m", "change a.txt"]).ok();
    assert!(there(&["-c", "-m", "go on"]).code(1).err.contains("no session"));
    there(&["-m", "change a.txt"]).ok();
    assert_eq!(
        (world.read("a.txt").as_str(), std::fs::read_to_string(other.join("a.txt")).expect("read").as_str()),
        ("1\ntwo\n", "one\n2\n")
    );
    assert_eq!(world.git(&["diff", "--name-only", "main", "side"]), "a.txt\n");
    there(&["undo"]).ok();
    assert_eq!(world.git_in(&other, &["status", "--porcelain"]), "");
    assert_eq!(world.read("a.txt"), "1\ntwo\n", "the other worktree stays as it is");
    world.rt(&["-c", "-m", "go on"]).ok();
    assert_eq!(world.rt(&["log", "--json"]).ok().json().len(), 2);
}

/// Runs one message and its undo in a repository, and looks that both leave nothing behind.
fn there_and_back(world: &World, directory: &Path, message: &[&str], file: &Path, before: &[u8], after: &[u8]) {
    let read = || std::fs::read(file).unwrap_or_default();
    let head = world.try_git(&["rev-parse", "-q", "--verify", "HEAD"], b"").out;
    world.rt_in(directory, message, b"", &[]).ok();
    assert_eq!(String::from_utf8_lossy(&read()), String::from_utf8_lossy(after));
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_ne!(world.git(&["rev-parse", "HEAD"]), head);
    world.rt_in(directory, &["undo"], b"", &[]).ok();
    assert_eq!(String::from_utf8_lossy(&read()), String::from_utf8_lossy(before));
    assert_eq!(world.try_git(&["rev-parse", "-q", "--verify", "HEAD"], b"").out, head);
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.try_git(&["fsck", "--strict"], b"").code, Some(0));
    world.rt_in(directory, &["redo"], b"", &[]).ok();
    assert_eq!(String::from_utf8_lossy(&read()), String::from_utf8_lossy(after));
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[test]
fn repositories_of_other_shapes() {
    // Without a commit yet.
    let model = FakeModel::saying(&[edit("first.txt", "", "hello\n")]);
    let world = World::new().gemini(&model.url());
    there_and_back(&world, &world.repo(), &["-m", "make a file"], &world.repo().join("first.txt"), b"", b"hello\n");
    // On no branch.
    let model = FakeModel::saying(&[edit("a.txt", "one\n", "1\n")]);
    let world = World::with(&[("a.txt", "one\n")]).gemini(&model.url());
    world.git(&["checkout", "-q", "--detach"]);
    there_and_back(&world, &world.repo(), &["-m", "change a.txt"], &world.repo().join("a.txt"), b"one\n", b"1\n");
    assert_eq!(world.git(&["show", "main:a.txt"]), "one\n", "the branch that was left stays");
    // From a directory inside, naming the file as it is seen from there.
    let model = FakeModel::saying(&[edit("src/deep/a.txt", "one\n", "1\n")]);
    let world = World::with(&[("src/deep/a.txt", "one\n"), ("a.txt", "elsewhere\n")]).gemini(&model.url());
    let inside = world.repo().join("src/deep");
    there_and_back(&world, &inside, &["-m", "change it", "--file", "a.txt"], &inside.join("a.txt"), b"one\n", b"1\n");
    assert!(model.requests()[0].text().contains("src/deep/a.txt") && !model.requests()[0].text().contains("elsewhere"));
    // CRLF on disk, LF in the repository.
    let model = FakeModel::saying(&[edit("a.txt", "one\n", "1\n")]);
    let world = World::with(&[(".gitattributes", "*.txt text eol=crlf\n"), ("a.txt", "one\r\ntwo\r\n")]).gemini(&model.url());
    there_and_back(&world, &world.repo(), &["-m", "change a.txt"], &world.repo().join("a.txt"), b"one\r\ntwo\r\n", b"1\r\ntwo\r\n");
    assert_eq!(world.git(&["show", "HEAD:a.txt"]), "1\ntwo\n");
    // SHA-256.
    let model = FakeModel::saying(&[edit("a.txt", "one\n", "1\n")]);
    let world = World::new().gemini(&model.url());
    std::fs::remove_dir_all(world.repo().join(".git")).expect("removed");
    world.git(&["init", "-q", "--object-format=sha256"]);
    world.write("a.txt", "one\n");
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "first"]);
    there_and_back(&world, &world.repo(), &["-m", "change a.txt"], &world.repo().join("a.txt"), b"one\n", b"1\n");
    assert_eq!(world.rt(&["show", "--prompt"]).ok().raw, model.requests()[0].body);
}

#[test]
fn going_between_forks_brings_their_code() {
    let model =
        FakeModel::saying(&[edit("a.txt", "one\n", "1\n"), edit("a.txt", "two\n", "second\n"), edit("a.txt", "two\n", "zwei\n")]);
    let world = World::with(&[("a.txt", "one\ntwo\n\nthree\n")]).gemini(&model.url());
    world.rt(&["-m", "change a.txt"]).ok();
    world.rt(&["session", "rename", "base"]).ok();
    world.rt(&["-c", "-m", "english"]).ok();
    world.rt(&["session", "checkout", "base/1"]).ok();
    assert_eq!(world.read("a.txt"), "1\ntwo\n\nthree\n");
    world.git(&["commit", "-q", "-a", "-m", "back"]);
    world.rt(&["-c", "-m", "german"]).ok();
    world.rt(&["session", "rename", "german"]).ok();
    assert_eq!(world.read("a.txt"), "1\nzwei\n\nthree\n");
    world.write("a.txt", "1\nzwei\n\nthree, by hand\n");
    world.rt(&["session", "checkout", "base"]).ok();
    assert_eq!(world.read("a.txt"), "1\nsecond\n\nthree, by hand\n");
    world.rt(&["session", "checkout", "german"]).ok();
    assert_eq!(world.read("a.txt"), "1\nzwei\n\nthree, by hand\n");
    world.rt(&["undo"]).ok();
    assert_eq!(world.read("a.txt"), "1\nsecond\n\nthree, by hand\n");
}

#[test]
fn a_checkout_leaves_the_users_uncommitted_lines() {
    let model = FakeModel::saying(&[edit("a.txt", "one\n", "1\n"), edit("a.txt", "five\n", "5\n")]);
    let world = World::with(&[("a.txt", "one\n\nthree\n\nfive\n")]).gemini(&model.url());
    world.write("a.txt", "one\n\nthree, by hand\n\nfive\n");
    world.rt(&["-m", "change a.txt"]).ok();
    world.rt(&["session", "rename", "base"]).ok();
    world.rt(&["-c", "-m", "and its end"]).ok();
    world.rt(&["session", "checkout", "base/1"]).ok();
    assert_eq!(world.read("a.txt"), "1\n\nthree, by hand\n\nfive\n");
    world.rt(&["session", "checkout", "base"]).ok();
    assert_eq!(world.read("a.txt"), "1\n\nthree, by hand\n\n5\n");
    assert_eq!(signed(&world.git(&["diff", "HEAD"])), ["-three", "+three, by hand"]);
}

#[test]
fn edits_that_no_longer_fit_are_said_and_others_are_merged() {
    let model = FakeModel::saying(&[edit("a.txt", "one\n", "1\n"), edit("a.txt", "one\n", "1\n")]);
    let world = World::with(&[("a.txt", "one\ntwo\nthree\n")]).gemini(&model.url());
    world.rt(&["--dry-run", "-m", "change a.txt"]).ok();
    world.write("a.txt", "uno\ntwo\nthree\n");
    let ran = world.rt(&["retry"]).code(5);
    assert!(ran.err.contains("do not fit the files any more: a.txt"), "{}", ran.err);
    assert_eq!(world.read("a.txt"), "uno\ntwo\nthree\n");
    world.write("a.txt", "one\ntwo\nthree, by hand\n");
    world.rt(&["retry"]).ok();
    assert_eq!(world.read("a.txt"), "1\ntwo\nthree, by hand\n");
    assert_eq!(world.git(&["show", "HEAD:a.txt"]), "1\ntwo\nthree\n");
}

#[test]
fn a_file_that_got_a_secret_since_is_not_stored() {
    let secret = "s3cr3t-value-0123456789";
    let model = FakeModel::saying(&[edit("a.txt", "one\n", "1\n")]);
    let mut world = World::with(&[("a.txt", "one\ntwo\nthree\n")]).gemini(&model.url());
    world.set("MY_TOKEN", secret);
    world.rt(&["--dry-run", "-m", "change a.txt"]).ok();
    world.write("a.txt", format!("one\ntwo\nthree\n{secret}\n"));
    let ran = world.rt(&["retry"]).code(5);
    assert!(ran.err.contains("a.txt holds a secret"), "{}", ran.err);
    assert!(world.read("a.txt").starts_with("one\n"));
    assert!(!crate::support::world::holds(&world.all_objects(), secret));
    assert_eq!(world.rt(&["status"]).ok().err, "", "nothing is left behind");
}
