//! kill −9 at every step: of an exchange, of every other command that changes something, and of the recovery itself.
//!
//! Invariants
//! - A point is found by tracing one run, so a new one is covered without a change here.

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::killed::{
    ASK, MESSAGE, Snapshot, answers, each, fsck, kill, left, offered, points, scene, sent, slow_scene, sound, start, two_commits,
    world,
};
use crate::support::world::{World, edit};

/// What an exchange that was not killed makes of the scene.
pub(crate) fn exchange() -> (Vec<String>, Snapshot, Snapshot) {
    let (world, _server) = slow_scene();
    let before = Snapshot::of(&world);
    let (points, ran) = points(&world, &ASK);
    let ran = ran.ok();
    let after = Snapshot::of(&world);
    assert_eq!(world.read("a.txt"), "one\nTWO\nthree\nfour\nfive\nsix\nseven\nmine\n", "{}", ran.err);
    assert_eq!((world.read("sub/b.txt").as_str(), world.read("new/c.txt").as_str()), ("b1\nB2\nb3\n", "made\n"));
    assert!(!world.exists("old.txt"));
    (points, before, after)
}

/// After a killed exchange: see `start`, and the turn has the prompt and what arrived, the files go with the commit.
pub(crate) fn recovered(world: &World, before: &Snapshot, after: &Snapshot, at: &str) {
    let rest = left(world);
    let committed = Snapshot::of(world).tree_is(after);
    let said = start(world, at);
    let now = Snapshot::of(world);
    assert_eq!(&now, if committed { after } else { before }, "{at}: {said}");
    if rest.open == 0 {
        return;
    }
    let log = world.rt(&["log", "--json"]).ok().json();
    let first = log.last().unwrap_or_else(|| panic!("{at}: a turn is recorded"));
    let key = first["turn"].as_str().expect("a key");
    let shown = world.rt(&["show", key, "--json"]).ok().json();
    assert_eq!(shown[0]["prompt"], MESSAGE, "{at}: the prompt is kept");
    assert_eq!(world.rt(&["session", "list", "--json"]).ok().json()[0]["name"], "change-txt-sub-b", "{at}: the name is kept");
    for raw in rest.raw.iter().filter(|raw| !raw.is_empty()) {
        let kept = world.rt(&["show", "--raw"]).ok().raw;
        assert_eq!(&kept, raw, "{at}: the bytes that arrived");
        assert!(sent(0).starts_with(&kept) || sent(1).starts_with(&kept), "{at}: the bytes that were sent");
    }
    if let Some(key) = offered(&said, true) {
        let _ = world.rt(&["retry", "--partial", key]).ok();
        assert_ne!(&Snapshot::of(world), before, "{at}: what fits is written");
        let _ = world.rt(&["undo"]).ok();
        assert_eq!(&Snapshot::of(world), before, "{at}: and is taken back");
    }
    if let Some(key) = offered(&said, false) {
        assert!(!committed, "{at}: {said}");
        let _ = world.rt(&["retry", key]).ok();
        assert_eq!(&Snapshot::of(world), after, "{at}: retry brings the edits in");
        let again = world.rt(&["status"]).ok();
        assert!(!again.out.contains("waiting"), "{at}: nothing waits after the retry:\n{}", again.out);
    }
}

#[test]
fn an_exchange_survives_kill_9_at_every_point() {
    let (points, before, after) = exchange();
    for needed in
        ["open.after:2", "raw:2", "wal.open.written:1", "file.after-rename:4", "branch.after:1", "ref.after:3", "cursor.moved:2"]
    {
        assert!(points.iter().any(|p| p == needed), "{needed} is not among {points:?}");
    }
    each(&points, |point| {
        let (world, _server) = slow_scene();
        let ran = kill(&world, &ASK, point);
        sound(&world, &before, &after, point);
        if ran.code.is_none() && point.starts_with("raw:") {
            assert!(left(&world).raw.iter().any(|raw| !raw.is_empty()), "{point}: bytes were received");
        }
        recovered(&world, &before, &after, point);
    });
}

#[test]
fn recovery_survives_kill_9_at_every_point() {
    let (_, before, after) = exchange();
    let firsts = [
        "raw:2",
        "stored:1",
        "file.after-rename:2",
        "applied:1",
        "branch.after:1",
        "ref.after:1",
        "close.appended:2",
        "wal.emptied:2",
    ];
    let mut all = Vec::new();
    for first in firsts {
        let (world, _server) = slow_scene();
        let _ = kill(&world, &ASK, first);
        let (points, ran) = points(&world, &["status"]);
        let _ = ran.ok();
        all.extend(points.into_iter().map(|second| (first, second)));
    }
    assert!(all.iter().any(|(_, p)| p.starts_with("recover.restored")), "{all:?}");
    each(&all, |(first, second)| {
        let at = format!("{first}, then {second}");
        let (world, _server) = slow_scene();
        let _ = kill(&world, &ASK, first);
        let _ = kill(&world, &["status"], second);
        sound(&world, &before, &after, &at);
        recovered(&world, &before, &after, &at);
    });
}

/// A command that changes something without a model: how the world gets there, and the command.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) prepare: fn(&World),
    pub(crate) args: &'static [&'static str],
}

pub(crate) const CASES: &[Case] = &[
    Case { name: "undo", prepare: |w| drop(w.rt(&ASK).ok()), args: &["undo"] },
    Case { name: "redo", prepare: |w| drop((w.rt(&ASK).ok(), w.rt(&["undo"]).ok())), args: &["redo"] },
    Case {
        name: "undo of a pushed commit",
        prepare: |w| {
            drop(w.rt(&ASK).ok());
            w.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
        },
        args: &["undo"],
    },
    Case { name: "retry", prepare: |w| drop(w.rt(&["-n", "--dry-run", "-m", MESSAGE]).ok()), args: &["retry"] },
    Case {
        name: "retry of what is in the files",
        prepare: |w| drop(w.rt(&["-n", "--no-commit", "-m", MESSAGE]).ok()),
        args: &["retry"],
    },
    Case { name: "apply", prepare: |w| w.write("answer.md", answers()[1].clone()), args: &["apply", "answer.md"] },
    Case {
        name: "checkout",
        prepare: |w| {
            drop(w.rt(&ASK).ok());
            drop(w.rt(&["session", "new", "aside"]).ok());
            drop(w.rt(&["session", "resume", "change-txt-sub-b"]).ok());
        },
        args: &["session", "checkout", "aside"],
    },
    Case {
        name: "undo of what the user took off the branch",
        prepare: |w| {
            drop(w.rt(&ASK).ok());
            w.git(&["reset", "-q", "--soft", "HEAD~1"]);
        },
        args: &["undo"],
    },
    Case { name: "undo of two commits", prepare: two_commits, args: &["undo"] },
    Case {
        name: "undo of two commits of which one is pushed",
        prepare: |w| {
            two_commits(w);
            w.git(&["update-ref", "refs/remotes/origin/main", "HEAD~1"]);
        },
        args: &["undo"],
    },
    Case {
        name: "redo of two commits",
        prepare: |w| {
            two_commits(w);
            drop(w.rt(&["undo"]).ok());
        },
        args: &["redo"],
    },
];

fn case(case: &Case) {
    let (prepared, _server) = scene();
    (case.prepare)(&prepared);
    let reference = prepared.copy();
    let before = Snapshot::of(&reference);
    let (points, ran) = points(&reference, case.args);
    let ran = ran.ok();
    let after = Snapshot::of(&reference);
    assert_ne!(before, after, "{}: it changes something: {}", case.name, ran.out);
    each(&points, |point| {
        let at = format!("{} at {point}", case.name);
        let world = prepared.copy();
        let _ = kill(&world, case.args, point);
        case.holds(&world, &before, &after, &at);
    });
}

impl Case {
    /// After it was killed: all of it is done, or nothing, and then doing it again (as it was said, if it was) does it.
    pub(crate) fn holds(&self, world: &World, before: &Snapshot, after: &Snapshot, at: &str) {
        sound(world, before, after, at);
        let said = start(world, at);
        let now = Snapshot::of(world);
        if now != *before {
            assert_eq!(now, *after, "{at}: half of it is done: {said}");
            return;
        }
        let _ = match offered(&said, false) {
            Some(key) => world.rt(&["retry", key]).ok(),
            None => world.rt(self.args).ok(),
        };
        assert_eq!(Snapshot::of(world), *after, "{at}: again");
    }
}

#[test]
fn undo_survives_kill_9() {
    case(&CASES[0]);
    case(&CASES[2]);
}

#[test]
fn redo_survives_kill_9() {
    case(&CASES[1]);
}

/// Where the branch cannot follow, the files go back; a kill on the way there and the next start end at the same place.
#[test]
fn an_undo_or_redo_that_fails_goes_back_all_the_way_also_when_it_is_killed() {
    let staged = |w: &World| {
        let now = w.read("sub/b.txt");
        w.write("sub/b.txt", "b1\nmine\nb3\n");
        w.git(&["add", "sub/b.txt"]);
        w.write("sub/b.txt", now);
    };
    for args in [&["undo"][..], &["redo"]] {
        let (prepared, _server) = scene();
        let _ = prepared.rt(&ASK).ok();
        if args == ["undo"] {
            staged(&prepared);
        } else {
            let _ = prepared.rt(&["undo"]).ok();
            prepared.hook("pre-commit", "exit 1");
        }
        let reference = prepared.copy();
        let before = Snapshot::of(&reference);
        let (points, ran) = points(&reference, args);
        assert_eq!(ran.code, Some(5), "{}{}", ran.out, ran.err);
        assert_eq!(Snapshot::of(&reference), before, "{args:?}");
        assert!(points.iter().any(|p| p == "file.after-rename:5"), "files are written and go back: {points:?}");
        each(&points, |point| {
            let world = prepared.copy();
            let _ = kill(&world, args, point);
            let said = world.rt(&["status"]).ok().err;
            assert_eq!(Snapshot::of(&world), before, "{args:?} at {point}: {said}");
            assert_eq!(world.rt(&["status"]).ok().err, "", "{args:?} at {point}");
        });
    }
}

/// Where the branch has no commit of the turn any more, the index is the user's, also when an undo is completed.
#[test]
fn an_undo_that_is_completed_leaves_the_index_as_one_that_was_not_killed() {
    case(&CASES[7]);
}

#[test]
fn undo_and_redo_of_several_commits_survive_kill_9() {
    case(&CASES[8]);
    case(&CASES[9]);
    case(&CASES[10]);
}

#[test]
fn retry_and_apply_survive_kill_9() {
    case(&CASES[3]);
    case(&CASES[4]);
    case(&CASES[5]);
}

#[test]
fn checkout_survives_kill_9() {
    case(&CASES[6]);
}

/// Typing the command again is the usual reaction to a crash; it must not undo twice.
#[test]
fn undo_again_after_a_kill_undoes_once() {
    for point in ["undo.files", "branch.after", "undo.branch"] {
        let (world, _server) = scene();
        let _ = world.rt(&["-n", "-m", "Say something", "--model", "echo"]).ok();
        let first = Snapshot::of(&world);
        let _ = world.rt(&["-c", "-m", MESSAGE]).ok();
        let _ = kill(&world, &["undo"], point);
        let ran = world.rt(&["undo"]).ok();
        assert_eq!(ran.err.lines().count(), 1, "{point}: {}", ran.err);
        assert_eq!(Snapshot::of(&world), first, "{point}");
        let log = world.rt(&["log", "--json"]).ok().json();
        assert_eq!(log.len(), 1, "{point}: the exchange before stays");
    }
}

/// A real kill from outside, while the answer streams and after its end, at moments spread over the run.
#[test]
fn an_exchange_survives_kills_from_outside() {
    let (_, before, after) = exchange();
    let moments: Vec<u32> = (0..30).collect();
    each(&moments, |moment| {
        let at = format!("moment {moment}");
        let (gate_at, spins) = (usize::try_from(moment % 4).expect("small"), u64::from(moment / 4) * 4000);
        let (first, open_first) = Reply::gemini(&answers()[0], 3).gated(gate_at);
        let (second, open_second) = Reply::gemini(&answers()[1], 3).gated(gate_at);
        let mut replies = if moment % 2 == 0 { vec![second, first] } else { vec![second, Reply::gemini(&answers()[0], 3)] };
        let server = FakeModel::answering(move |_| replies.pop().unwrap_or_else(|| Reply::error(400, "{}")));
        let world = world(&server);
        let mut child = world.start(&ASK);
        let wanted = if moment % 2 == 0 { 1 } else { 2 };
        while server.requests().len() < wanted && child.try_wait().expect("asked").is_none() {
            std::thread::yield_now();
        }
        // The server holds the answer back until now; from here on it is a race, which is what is wanted.
        let _ = (open_first.send(()), open_second.send(()));
        for _ in 0..spins {
            std::hint::spin_loop();
            std::thread::yield_now();
        }
        child.kill().expect("killed");
        let _ = child.wait().expect("ended");
        sound(&world, &before, &after, &at);
        recovered(&world, &before, &after, &at);
    });
}

/// A repository in which git has packed its refs, as every clone is: no lock that stands for all of them is left.
#[test]
fn packed_refs_are_not_locked_by_a_kill() {
    let (prepared, _server) = scene();
    prepared.git(&["pack-refs", "--all"]);
    let reference = prepared.copy();
    let (points, ran) = points(&reference, &ASK);
    let _ = ran.ok();
    assert!(points.iter().any(|p| p.starts_with("moving.locked")), "{points:?}");
    let moving: Vec<String> = points.into_iter().filter(|p| p.starts_with("moving.")).collect();
    each(&moving, |point| {
        let (fresh, server) = scene();
        drop(fresh);
        let world = prepared.copy().gemini(&server.url());
        let _ = kill(&world, &ASK, point);
        let _ = start(&world, point);
        world.git(&["pack-refs", "--all"]);
        world.git(&["commit", "-q", "--allow-empty", "-m", "the user goes on"]);
        fsck(&world, point);
    });
}

/// A lock that is not a link of ours belongs to a git that is at work.
#[test]
fn locks_of_others_stay() {
    for name in ["HEAD.lock", "refs/heads/main.lock"] {
        let (world, _server) = scene();
        let _ = kill(&world, &ASK, "branch.before");
        world.write(&format!(".git/{name}"), "");
        let _ = world.rt(&["status"]).ok();
        assert!(world.exists(&format!(".git/{name}")), "{name}");
        std::fs::remove_file(world.repo().join(".git").join(name)).expect("removed");
        let _ = world.rt(&["retry"]).ok();
    }
}

/// Where hooks or signing make `git commit` do the work, it outlives a kill of ours. Until it ends its turn stays open; then
/// files and branch say the same. What a hook leaves running is waited for by nobody.
#[test]
fn a_commit_that_outlives_us_is_waited_for() {
    let world = World::with(&[("a.txt", "one\ntwo\n")]);
    for fifo in ["gate", "end"] {
        assert_eq!(world.run("mkfifo", &[&format!(".git/{fifo}")]).code, Some(0));
    }
    world.hook("pre-commit", "(read line < .git/end) & echo > .git/in-hook; read line < .git/gate");
    world.write("answer.md", edit("a.txt", "two\n", "2\n"));
    killed_in_a_hook(&world, &["apply", "answer.md"]);
    let ran = world.rt(&["status"]).ok();
    assert!(ran.err.contains("it cannot be closed (a command that it started, process "), "{}", ran.err);
    assert_eq!(world.read("a.txt"), "one\n2\n", "nothing is put back that is about to be committed");
    world.write(".git/gate", "go\n");
    let said = loop {
        let ran = world.rt(&["status"]).ok();
        if !ran.err.contains("cannot be closed") {
            break ran.err;
        }
    };
    assert!(said.contains("its commit stands"), "{said}");
    assert_eq!((world.read("a.txt").as_str(), world.git(&["show", "HEAD:a.txt"]).as_str()), ("one\n2\n", "one\n2\n"));
    assert_eq!(world.git(&["status", "--porcelain"]), "?? answer.md\n");
    world.write(".git/end", "go\n");
    std::fs::remove_file(world.repo().join(".git/hooks/pre-commit")).expect("removed");
    let _ = world.rt(&["undo"]).ok();
    assert_eq!(world.read("a.txt"), "one\ntwo\n");
}

/// Runs `rt`, and kills it when the hook has begun, which says so by the file `.git/in-hook`.
fn killed_in_a_hook(world: &World, args: &[&str]) {
    let mut child = world.start(args);
    while !world.exists(".git/in-hook") {
        assert!(child.try_wait().expect("asked").is_none(), "it ended before the hook ran");
        std::thread::yield_now();
    }
    child.kill().expect("killed");
    let _ = child.wait().expect("ended");
}

/// The same for an undo that has to make a commit, and for a redo.
#[test]
fn an_undo_or_redo_whose_commit_outlives_us_is_done_once() {
    for (args, text) in [(&["undo"][..], "one\ntwo\n"), (&["redo"], "one\n2\n")] {
        let world = World::with(&[("a.txt", "one\ntwo\n")]);
        assert_eq!(world.run("mkfifo", &[".git/gate"]).code, Some(0));
        let _ = world.rt_with(&["apply"], edit("a.txt", "two\n", "2\n").as_bytes(), &[]).ok();
        world.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
        if args == ["redo"] {
            let _ = world.rt(&["undo"]).ok();
        }
        let commits = || world.git(&["rev-list", "--count", "HEAD"]).trim().parse::<u32>().expect("a number");
        let before = commits();
        // Whoever comes second does not wait.
        world.hook("pre-commit", "[ -e .git/in-hook ] || { echo > .git/in-hook; read line < .git/gate; }");
        killed_in_a_hook(&world, args);
        let ran = world.rt(&["status"]).ok();
        assert!(ran.err.contains("still runs"), "{args:?}: {}", ran.err);
        assert_eq!(commits(), before);
        world.write(".git/gate", "go\n");
        while world.rt(&["status"]).ok().err.contains("still runs") {}
        assert_eq!((world.read("a.txt").as_str(), world.git(&["show", "HEAD:a.txt"]).as_str()), (text, text), "{args:?}");
        assert_eq!((world.git(&["status", "--porcelain"]).as_str(), commits()), ("", before + 1), "{args:?}");
    }
}

/// Also when we are killed before git's number is known: its message is whole, and nobody commits beside it.
#[test]
fn a_commit_that_outlives_us_from_its_first_moment_is_waited_for() {
    let world = World::with(&[("a.txt", "one\ntwo\n")]);
    assert_eq!(world.run("mkfifo", &[".git/gate"]).code, Some(0));
    world.write(".git/answer.md", edit("a.txt", "two\n", "2\n"));
    world.hook("pre-commit", "[ -e .git/in-hook ] || { echo > .git/in-hook; read line < .git/gate; }");
    let _ = kill(&world, &["apply", ".git/answer.md"], "commit.started");
    let ran = world.rt(&["status"]).ok();
    assert!(ran.err.contains("a command that it started still runs"), "{}", ran.err);
    world.write(".git/gate", "go\n");
    while world.rt(&["status"]).ok().err.contains("still runs") {}
    assert_eq!((world.read("a.txt").as_str(), world.git(&["show", "HEAD:a.txt"]).as_str()), ("one\n2\n", "one\n2\n"));
    assert_eq!((world.git(&["status", "--porcelain"]).as_str(), world.git(&["rev-list", "--count", "HEAD"]).trim()), ("", "2"));
    assert_eq!(world.rt(&["fsck"]).ok().code, Some(0));
}

/// What the user staged stays staged when the next start brings the index up to date, the mode too.
#[test]
fn a_staged_mode_survives_a_kill_between_branch_and_index() {
    use std::os::unix::fs::PermissionsExt as _;
    for args in [&["apply", "answer.md"][..], &["undo"]] {
        let world = World::with(&[("a.txt", "one\ntwo\nthree\n")]);
        std::fs::write(world.repo().join(".git/info/exclude"), "answer.md\n").expect("written");
        world.write("answer.md", edit("a.txt", "two\n", "2\n"));
        if args == ["undo"] {
            let _ = world.rt(&["apply", "answer.md"]).ok();
        }
        std::fs::set_permissions(world.repo().join("a.txt"), std::fs::Permissions::from_mode(0o755)).expect("set");
        world.git(&["add", "a.txt"]);
        let _ = kill(&world, args, "branch.after");
        let _ = world.rt(&["status"]).ok();
        assert_eq!(world.git(&["ls-files", "-s", "a.txt"])[..6], *"100755", "{args:?}");
        assert_eq!(world.git(&["status", "--porcelain"]), "M  a.txt\n", "{args:?}");
    }
}
