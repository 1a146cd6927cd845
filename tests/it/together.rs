//! Several processes at once, and places that cannot be written.

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::killed::{fsck, tidy};
use crate::support::world::{World, edit};

/// A model that counts a file up as the message says: `Set f2.txt to 3`.
fn counter() -> FakeModel {
    FakeModel::answering(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let said = &body[body.rfind("Set f").expect("a message")..];
        let words: Vec<&str> = said.split_whitespace().take(4).collect();
        let number: u32 = words[3].chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number");
        Reply::gemini(&edit(words[1], &format!("value {}\n", number - 1), &format!("value {number}\n")), 3)
    })
}

#[test]
fn eight_processes_go_on_with_one_session() {
    let server = counter();
    let names: Vec<String> = (0..8).map(|n| format!("f{n}.txt")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "value 0\n")).collect();
    let world = World::with(&files).gemini(&server.url());
    let _ = world.rt(&["session", "new", "shared"]).ok();
    let lost = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for process in 0..8 {
            let (world, lost) = (&world, &lost);
            scope.spawn(move || {
                for round in 1..=40 {
                    let text = format!("Set f{process}.txt to {round}");
                    let to: &[&str] = if process % 2 == 0 { &["-s", "shared"] } else { &["-c"] };
                    let ran = world.rt(&[to, &["-m", &text]].concat()).ok();
                    if ran.err.contains("another process went on with the session first") {
                        lost.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    }
                }
            });
        }
    });
    for name in &names {
        assert_eq!(world.read(name), "value 40\n", "{name}");
    }
    assert_eq!(world.git(&["status", "--porcelain"]), "", "files, index and HEAD agree");
    assert_eq!(world.git(&["rev-list", "--count", "HEAD"]).trim(), "321", "a commit for each turn");
    let turns = world.git(&["rev-list", "--count", "--glob=refs/retort/sessions/*"]);
    assert_eq!(turns.trim(), "321", "every turn is kept, once");
    let sessions = world.git(&["for-each-ref", "--format=%(refname)", "refs/retort/sessions"]).lines().count();
    assert!(sessions > 1 && sessions <= 1 + lost.into_inner(), "{sessions} sessions: a loser is a fork, and says so");
    assert_eq!(world.rt(&["status"]).ok().err, "");
    let _ = world.rt(&["index", "check"]).ok();
    tidy(&world, "at the end");
    fsck(&world, "at the end");
}

/// Stops the other thread also when this one panics; else a failure would wait for ever.
struct Ends<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_user_commits_meanwhile() {
    let server = counter();
    let world = World::with(&[("f0.txt", "value 0\n"), ("g.txt", "0\n")]).gemini(&server.url());
    let done = std::sync::atomic::AtomicBool::new(false);
    let commits = std::thread::scope(|scope| {
        let ends = Ends(&done);
        let user = scope.spawn(|| {
            let mut made = 0;
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                world.write("g.txt", format!("{}\n", made + 1));
                // When retort holds the index or was first, git says so and the user does it again.
                if world.run("git", &["commit", "-q", "-m", "mine", "g.txt"]).code == Some(0) {
                    made += 1;
                }
            }
            made
        });
        for round in 1..=8 {
            let ran = world.rt(&[if round == 1 { "-n" } else { "-c" }, "-m", &format!("Set f0.txt to {round}")]);
            let mut tries = 0;
            let mut ran = ran;
            while ran.code != Some(0) {
                assert!(ran.code == Some(5) && tries < 50, "after {tries} more: {}", ran.err);
                if ran.err.contains("its staged version cannot be merged") {
                    // `git commit FILE` reads the index before it locks it, and so may put back an entry that we had moved on.
                    // It looks as if the user had staged that; only they can say otherwise.
                    let _ = world.run("git", &["reset", "-q", "--", "f0.txt"]);
                }
                ran = world.rt(&["retry"]);
                tries += 1;
            }
        }
        drop(ends);
        user.join().expect("the user ends")
    });
    assert_eq!(world.read("f0.txt"), "value 8\n");
    assert_eq!(world.git(&["show", "HEAD:f0.txt"]), "value 8\n");
    assert_eq!(world.git(&["rev-list", "--count", "HEAD"]).trim(), (1 + 8 + commits).to_string(), "nobody's commit is lost");
    let g = world.git(&["show", "HEAD:g.txt"]);
    assert_eq!(g.trim(), commits.to_string(), "the user's last commit stands");
    fsck(&world, "at the end");
    tidy(&world, "at the end");
}

/// Runs eight turns, each beside something that the user does; each ends committed, after another try if need be.
fn turns_beside(world: &World, user: impl Fn() + Sync) {
    for round in 1..=8 {
        let ask = || world.rt(&[if round == 1 { "-n" } else { "-c" }, "-m", &format!("Set f0.txt to {round}")]);
        let mut ran = std::thread::scope(|scope| {
            let user = scope.spawn(&user);
            let ran = ask();
            user.join().expect("the user ends");
            ran
        });
        for _ in 0..3 {
            assert!(matches!(ran.code, Some(0 | 5)), "{:?} {}", ran.code, ran.err);
            if ran.code == Some(0) {
                break;
            }
            // Half-way through a rebase the file is what it was long ago, so the answer may be about that.
            ran = if ran.err.contains("did not fit") || ran.err.contains("do not fit") { ask() } else { world.rt(&["retry"]) };
        }
        ran.ok();
    }
    assert_eq!(world.read("f0.txt"), "value 8\n");
    assert_eq!(world.git(&["show", "HEAD:f0.txt"]), "value 8\n");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    fsck(world, "at the end");
    tidy(world, "at the end");
}

#[test]
fn git_packs_meanwhile() {
    let server = counter();
    let world = World::with(&[("f0.txt", "value 0\n")]).gemini(&server.url());
    turns_beside(&world, || drop(world.git(&["gc", "-q"])));
    // One that had to be tried again is a turn more.
    let log = world.rt(&["log", "--json"]).ok().json();
    assert_eq!(log.iter().filter(|turn| turn["kind"] == "turn").count(), 8);
}

#[test]
fn a_user_rebases_meanwhile() {
    let server = counter();
    let world = World::with(&[("f0.txt", "value 0\n"), ("g.txt", "0\n")]).gemini(&server.url());
    world.git(&["tag", "start"]);
    for n in 1..=3 {
        world.write("g.txt", format!("{n}\n"));
        world.git(&["commit", "-q", "-a", "-m", &format!("mine {n}")]);
    }
    turns_beside(&world, || {
        // All commits anew, ours among them.
        if world.run("git", &["rebase", "-q", "--no-ff", "start"]).code != Some(0) {
            let _ = world.run("git", &["rebase", "--abort"]);
        }
    });
    let subjects = world.git(&["log", "--format=%s"]);
    assert_eq!(subjects.lines().filter(|s| s.starts_with("mine")).count(), 3, "{subjects}");
    assert_eq!(subjects.lines().count(), 1 + 3 + 8, "{subjects}");
    assert_eq!(subjects.lines().filter(|s| s.starts_with("Update f0.txt")).count(), 8, "{subjects}");
}

#[test]
fn a_git_directory_that_cannot_be_written_sends_nothing() {
    let server = counter();
    let world = World::with(&[("f0.txt", "value 0\n")]).gemini(&server.url());
    // Permissions do not bind every user, a file where a directory is needed does.
    world.write(".git/retort", "in the way\n");
    let before = world.git(&["for-each-ref"]);
    let ran = world.rt(&["-n", "-m", "Set f0.txt to 1"]).code(1);
    assert!(ran.err.contains("retort/wal") && ran.err.lines().any(|l| l.starts_with("error: ")), "{}", ran.err);
    assert_eq!(server.requests().len(), 0, "nothing is sent that cannot be kept");
    assert_eq!((world.read("f0.txt").as_str(), world.git(&["for-each-ref"])), ("value 0\n", before));
    std::fs::remove_file(world.repo().join(".git/retort")).expect("removed");
    assert_eq!(world.rt(&["-n", "-m", "Set f0.txt to 1"]).ok().code, Some(0));
    fsck(&world, "at the end");
}

#[test]
fn a_ref_that_cannot_be_written_keeps_the_turn() {
    let server = counter();
    let world = World::with(&[("f0.txt", "value 0\n")]).gemini(&server.url());
    world.write(".git/refs/retort", "in the way\n");
    let ran = world.rt(&["-n", "-m", "Set f0.txt to 1"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    std::fs::remove_file(world.repo().join(".git/refs/retort")).expect("removed");
    let ran = world.rt(&["status"]).ok();
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert_eq!(world.rt(&["show", "--json"]).ok().json()[0]["prompt"], "Set f0.txt to 1");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    tidy(&world, "at the end");
}

#[test]
fn a_home_that_cannot_be_written_costs_a_warning() {
    let server = counter();
    let world = World::with(&[("f0.txt", "value 0\n")]).gemini(&server.url());
    std::fs::create_dir_all(world.top().join("home/.retort")).expect("made");
    std::fs::write(world.top().join("home/.retort/data"), "in the way\n").expect("written");
    let ran = world.rt(&["-n", "-m", "Set f0.txt to 1"]).ok();
    assert!(ran.err.contains("going on without the database"), "{}", ran.err);
    assert_eq!(world.read("f0.txt"), "value 1\n");
    assert_eq!(world.rt(&["log", "--json"]).ok().json().len(), 1);
}

/// A worktree that is gone takes no files and no cursor with it; the message is kept.
#[test]
fn work_of_a_removed_worktree_is_recorded() {
    let server = counter();
    let world = World::with(&[("f0.txt", "value 0\n")]).gemini(&server.url());
    world.git(&["worktree", "add", "-q", "../aside"]);
    let aside = world.top().join("aside");
    let ran = world.rt_in(&aside, &["-n", "-m", "Set f0.txt to 1"], b"", &[("RT__DEBUG__FAULT", "applied")]);
    assert_eq!(ran.code, None, "{}", ran.err);
    assert_eq!(world.rt(&["status"]).ok().err, "", "the other worktree sees to it");
    world.write("f0.txt", "value 1\n");
    world.git(&["worktree", "remove", "--force", "../aside"]);
    let ran = world.rt(&["status"]).ok();
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.out.contains("no session in this worktree"), "{}", ran.out);
    assert_eq!(world.read("f0.txt"), "value 1\n", "this worktree's file is not the other one's");
    assert_eq!(world.rt(&["log", "--all", "--json"]).ok().json().len(), 1);
    tidy(&world, "at the end");
}

/// What cannot be read stops nobody: it is put aside, and that is said once.
#[test]
fn a_damaged_turn_is_put_aside() {
    let world = World::with(&[("f0.txt", "value 0\n")]);
    for name in ["lock", "open", "raw"] {
        world.write(&format!(".git/retort/wal/kkkk/{name}"), "damaged");
    }
    let ran = world.rt(&["status"]).ok();
    assert!(ran.err.lines().count() == 1 && ran.err.contains("unreadable"), "{}", ran.err);
    assert_eq!(world.rt(&["status"]).ok().err, "");
    assert_eq!(world.read(".git/retort/unreadable/kkkk/raw"), "damaged");
}
