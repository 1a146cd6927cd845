//! Undo and redo, each in a process of its own.

use crate::support::fake_model::FakeModel;
use crate::support::world::{World, edit, signed};

const A: &str = "one\ntwo\nthree\nfour\nfive\n";

/// Modifies one file, makes one, deletes one.
fn answer() -> String {
    format!("{}\n{}\n=== DELETE: old.txt ===\n", edit("a.txt", "three\n", "3\n"), edit("new/b.txt", "", "made\n"))
}

fn world(model: &FakeModel) -> World {
    let world = World::with(&[("a.txt", A), ("old.txt", "old\n"), ("other.txt", "o\n")]).gemini(&model.url());
    world.rt(&["-m", "change a.txt and old.txt"]).ok();
    world
}

fn is_done(world: &World) {
    assert_eq!((world.read("a.txt").as_str(), world.read("new/b.txt").as_str()), ("one\ntwo\n3\nfour\nfive\n", "made\n"));
    assert!(!world.exists("old.txt"));
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.git(&["ls-tree", "-r", "--name-only", "HEAD"]), "a.txt\nnew/b.txt\nother.txt\n");
}

fn is_undone(world: &World) {
    assert_eq!((world.read("a.txt").as_str(), world.read("old.txt").as_str()), (A, "old\n"));
    assert!(!world.exists("new/b.txt"));
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.git(&["ls-tree", "-r", "--name-only", "HEAD"]), "a.txt\nold.txt\nother.txt\n");
}

#[test]
fn created_deleted_and_modified_files_go_back_and_forth() {
    let model = FakeModel::saying(&[answer()]);
    let world = world(&model);
    let tree = world.git(&["rev-parse", "HEAD^{tree}"]);
    is_done(&world);
    for round in 0..2 {
        let base = world.git(&["rev-parse", "HEAD~1"]);
        let ran = world.rt(&["undo"]).ok();
        is_undone(&world);
        assert_eq!(world.git(&["rev-parse", "HEAD"]), base, "the branch is back, round {round}");
        assert!(ran.out.contains("took back") && ran.out.contains("is off the branch"), "{}", ran.out);
        assert!(world.rt(&["undo"]).code(1).err.contains("nothing to undo"));
        world.rt(&["redo"]).ok();
        is_done(&world);
        assert_eq!(world.git(&["rev-parse", "HEAD^{tree}"]), tree);
        assert!(world.rt(&["redo"]).code(1).err.contains("nothing to redo"));
    }
    assert_eq!(world.rt(&["log", "--json"]).ok().json().len(), 1);
    assert_eq!(world.try_git(&["fsck", "--strict"], b"").code, Some(0));
}

#[test]
fn after_a_push_undo_is_a_reverting_commit() {
    let model = FakeModel::saying(&[answer()]);
    let world = world(&model);
    let remote = world.top().join("remote.git").display().to_string();
    world.git(&["init", "-q", "--bare", &remote]);
    world.git(&["remote", "add", "origin", &remote]);
    world.git(&["push", "-q", "-u", "origin", "main"]);
    let pushed = world.git(&["rev-parse", "HEAD"]);
    let ran = world.rt(&["undo"]).ok();
    assert!(ran.out.contains("is reverted by"), "{}", ran.out);
    is_undone(&world);
    assert_eq!(world.git(&["rev-parse", "HEAD~1"]), pushed);
    assert!(world.git(&["log", "-1", "--format=%s"]).starts_with("Revert \""));
    world.rt(&["redo"]).ok();
    is_done(&world);
    assert_eq!(world.git(&["rev-parse", "HEAD~2"]), pushed);
    // And once more, now that the commit of the redo is the one to take back.
    world.rt(&["undo"]).ok();
    is_undone(&world);
    world.git(&["push", "-q"]);
}

#[test]
fn the_users_later_work_stays() {
    let model = FakeModel::saying(&[answer()]);
    let world = world(&model);
    world.write("a.txt", world.read("a.txt").replace("one", "one, by hand"));
    world.write("other.txt", "mine, committed\n");
    world.git(&["commit", "-q", "-m", "mine", "other.txt"]);
    let mine = world.git(&["rev-parse", "HEAD"]);
    let ran = world.rt(&["undo"]).ok();
    assert!(ran.out.contains("is reverted by"), "{}", ran.out);
    assert_eq!(world.read("a.txt"), A.replace("one", "one, by hand"));
    assert_eq!(world.git(&["rev-parse", "HEAD~1"]), mine);
    assert_eq!(world.git(&["show", "HEAD:a.txt"]), A, "the user's line is not in the revert");
    assert_eq!(world.git(&["status", "--porcelain"]), " M a.txt\n");
    world.rt(&["redo"]).ok();
    assert_eq!(world.read("a.txt"), A.replace("one", "one, by hand").replace("three", "3"));
    assert_eq!(world.git(&["status", "--porcelain"]), " M a.txt\n");
}

#[test]
fn after_a_redo_the_commit_that_is_there_is_named() {
    let model = FakeModel::saying(&[answer()]);
    let world = world(&model);
    let undone = world.git(&["rev-parse", "HEAD"]);
    world.rt(&["undo"]).ok();
    world.write("own.txt", "mine\n");
    world.git(&["add", "own.txt"]);
    world.git(&["commit", "-q", "-m", "own"]);
    for _ in 0..2 {
        world.rt(&["redo"]).ok();
        let head = world.git(&["rev-parse", "HEAD"]);
        let head = head.trim();
        assert_ne!(head, undone.trim());
        for args in [&["show", "--json"][..], &["log", "--json", "-n", "1"], &["log", "--all", "--json", "-n", "1"]] {
            assert_eq!(world.rt(args).ok().json()[0]["commit"], head, "{args:?}");
        }
        assert_eq!(world.rt(&["status", "--json"]).ok().json()[0]["turn"]["commit"], head);
        assert!(world.rt(&["show"]).ok().out.contains(head));
        world.rt(&["fsck"]).ok();
        world.rt(&["undo"]).ok();
        assert_eq!(world.git(&["log", "-1", "--format=%s"]), "own\n");
    }
}

#[test]
fn where_the_user_changed_our_lines_nothing_is_done() {
    let model = FakeModel::saying(&[answer()]);
    let world = world(&model);
    world.write("a.txt", world.read("a.txt").replace("3\n", "3, by hand\n"));
    let head = world.git(&["rev-parse", "HEAD"]);
    let ran = world.rt(&["undo"]).code(5);
    assert!(ran.err.contains("a.txt") && ran.err.contains("then: rt undo --keep-code"), "{}", ran.err);
    assert_eq!((world.git(&["rev-parse", "HEAD"]), world.exists("old.txt"), world.exists("new/b.txt")), (head, false, true));
    world.git(&["checkout", "-q", "a.txt"]);
    world.rt(&["undo"]).ok();
    is_undone(&world);
}

#[test]
fn an_exchange_of_several_turns_is_one_undo() {
    let model = FakeModel::saying(&[edit("a.txt", "nowhere\n", "x\n"), answer(), edit("a.txt", "five\n", "5\n")]);
    let world = world(&model);
    is_done(&world);
    world.rt(&["-c", "-m", "and five"]).ok();
    assert_eq!(world.rt(&["log", "--json"]).ok().json().len(), 3);
    world.rt(&["undo"]).ok();
    is_done(&world);
    world.rt(&["undo"]).ok();
    is_undone(&world);
    world.rt(&["redo"]).ok();
    is_done(&world);
    world.rt(&["redo"]).ok();
    assert_eq!(world.read("a.txt"), "one\ntwo\n3\nfour\n5\n");
}

#[test]
fn what_the_user_wrote_between_two_turns_of_an_exchange_stays() {
    let model = FakeModel::saying(&[edit("a.txt", "three\n", "3\n")]);
    let world = World::with(&[("a.txt", A)]).gemini(&model.url());
    world.rt(&["--no-commit", "-m", "change a.txt"]).ok();
    world.write("a.txt", "one, by hand\ntwo\n3\nfour\nfive\n");
    // Long ago, so that git goes by what the index says of the file and does not look into it.
    let file = std::fs::File::options().append(true).open(world.repo().join("a.txt")).expect("opened");
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).expect("set");
    world.rt(&["retry"]).ok();
    assert_eq!(world.git(&["show", "HEAD:a.txt"]), A.replace("three", "3"));
    assert_eq!(world.git(&["status", "--porcelain"]), " M a.txt\n");
    assert_eq!(world.rt(&["log", "--json"]).ok().json().len(), 2);
    world.rt(&["undo"]).ok();
    assert_eq!(world.read("a.txt"), A.replace("one", "one, by hand"));
    world.rt(&["redo"]).ok();
    assert_eq!(world.read("a.txt"), "one, by hand\ntwo\n3\nfour\nfive\n");
    assert_eq!(signed(&world.git(&["diff", "HEAD"])), ["-one", "+one, by hand"]);
}

#[test]
fn a_message_after_an_undo_takes_the_name_and_hides_the_old_tail() {
    let model = FakeModel::saying(&[answer(), "Another way.".to_owned()]);
    let world = world(&model);
    world.rt(&["session", "rename", "paging"]).ok();
    let first = world.rt(&["log", "--json"]).ok().json().remove(0);
    world.rt(&["undo"]).ok();
    world.rt(&["-c", "-m", "another way"]).ok();
    let live = world.rt(&["session", "list", "--json"]).ok().json();
    assert_eq!(live.len(), 1, "{live:?}");
    assert_eq!(live[0]["name"], "paging");
    let all = world.rt(&["session", "list", "--all", "--json"]).ok().json();
    assert_eq!(all.len(), 2, "{all:?}");
    let log = world.rt(&["log", "paging", "--json"]).ok().json();
    assert_eq!((log.len(), &log[0]["subject"]), (1, &serde_json::json!("another way")));
    let old = world.rt(&["show", first["turn"].as_str().expect("a key"), "--json"]).ok().json();
    assert_eq!(old[0]["subject"], first["subject"], "nothing is lost");
}

#[test]
fn code_and_conversation_can_be_kept_apart() {
    let model = FakeModel::saying(&[answer()]);
    let world = world(&model);
    world.rt(&["undo", "--keep-code"]).ok();
    is_done(&world);
    assert!(world.rt(&["undo"]).code(1).err.contains("nothing to undo"));
    world.rt(&["redo"]).ok();
    is_done(&world);
    world.rt(&["undo", "--keep-chat"]).ok();
    is_undone(&world);
    assert_eq!(world.rt(&["status", "--json"]).ok().json().len(), 1);
    assert_eq!(world.rt(&["log", "--json"]).ok().json().len(), 1);
}

/// A checkout beside: the code of a turn in a worktree of its own, with edits that were never committed; this one stays.
#[test]
fn a_turn_can_be_checked_out_beside() {
    let world = World::with(&[("a.txt", A), ("b.txt", "b\n")]);
    let apply = |args: &[&str], path: &str, from: &str, to: &str| {
        let ran = world.rt_with(&[&["apply"], args].concat(), edit(path, from, to).as_bytes(), &[]);
        ran.ok();
    };
    apply(&["--no-commit"], "b.txt", "b\n", "B\n");
    apply(&[], "a.txt", "one\n", "1\n");
    apply(&[], "a.txt", "five\n", "5\n");
    world.rt(&["session", "rename", "base"]).ok();
    world.write("a.txt", "mine\n");
    let (status, cursor) = (world.git(&["status", "--porcelain"]), world.read(".git/retort/cursor.json"));
    let aside = world.top().join("aside");
    let there = aside.display().to_string();
    let ran = world.rt(&["session", "checkout", "base/2", "--worktree", &there]).ok();
    assert!(ran.out.contains(&there), "{}", ran.out);
    let read = |name: &str| std::fs::read_to_string(aside.join(name)).expect("there");
    assert_eq!((read("a.txt").as_str(), read("b.txt").as_str()), ("1\ntwo\nthree\nfour\nfive\n", "B\n"));
    assert_eq!(world.read("a.txt"), "mine\n");
    assert_eq!((world.git(&["status", "--porcelain"]), world.read(".git/retort/cursor.json")), (status, cursor));
    // It goes on there, as a fork.
    let ran = world.rt_in(&aside, &["apply", "--json"], edit("a.txt", "two\n", "2\n").as_bytes(), &[]).ok();
    assert!(ran.out.contains("\"outcome\":\"applied\""), "{}", ran.out);
    assert_eq!(world.rt(&["log", "base", "--json"]).ok().json().len(), 3, "the session is as it was");
    // What is in the way is not written over.
    std::fs::create_dir(world.top().join("full")).expect("made");
    std::fs::write(world.top().join("full/x"), "x").expect("written");
    let full = world.top().join("full").display().to_string();
    let ran = world.rt(&["session", "checkout", "base", "--worktree", &full]).code(1);
    assert!(ran.err.contains("already exists"), "{}", ran.err);
    assert_eq!(world.try_git(&["fsck", "--strict"], b"").code, Some(0));
}

/// What the user did to the file itself since: its mode is theirs, and under another name or as bytes it is no longer ours.
#[test]
fn a_file_that_the_user_made_another_is_not_touched() {
    use std::os::unix::fs::PermissionsExt as _;
    let fresh = || {
        let world = World::with(&[("a.txt", A), ("b.txt", "b\n")]);
        let _ = world.rt_with(&["apply"], edit("a.txt", "three\n", "3\n").as_bytes(), &[]).ok();
        world
    };
    let mode = |world: &World| world.repo().join("a.txt").metadata().expect("there").permissions().mode() & 0o777;
    let world = fresh();
    std::fs::set_permissions(world.repo().join("a.txt"), std::fs::Permissions::from_mode(0o755)).expect("set");
    world.rt(&["undo"]).ok();
    assert_eq!((world.read("a.txt").as_str(), mode(&world)), (A, 0o755));
    world.rt(&["redo"]).ok();
    assert_eq!((world.read("a.txt").contains("3\n"), mode(&world)), (true, 0o755));
    assert_eq!(world.git(&["ls-tree", "HEAD", "a.txt"])[..6], *"100644", "the mode is the user's to commit");
    let ways: [&dyn Fn(&World); 3] =
        [&|w| drop(w.git(&["mv", "a.txt", "moved.txt"])), &|w| w.write("a.txt", b"\0\x9f\x92\x96"), &|w| {
            std::fs::remove_file(w.repo().join("a.txt")).expect("removed");
            std::os::unix::fs::symlink("b.txt", w.repo().join("a.txt")).expect("linked");
        }];
    for (at, change) in ways.into_iter().enumerate() {
        let world = fresh();
        change(&world);
        let (status, head) = (world.git(&["status", "--porcelain=v2"]), world.git(&["rev-parse", "HEAD"]));
        let ran = world.rt(&["undo"]).code(5);
        assert!(ran.err.contains("a.txt was changed since"), "{at}: {}", ran.err);
        assert_eq!((world.git(&["status", "--porcelain=v2"]), world.git(&["rev-parse", "HEAD"])), (status, head), "{at}");
        assert_eq!(world.read("b.txt"), "b\n", "{at}");
    }
}

#[test]
fn a_commit_that_was_rebased_is_found_and_taken_back() {
    let world = World::with(&[("a.txt", A), ("b.txt", "b\n")]);
    world.git(&["branch", "upstream"]);
    let _ = world.rt_with(&["apply"], edit("a.txt", "three\n", "3\n").as_bytes(), &[]).ok();
    world.git(&["switch", "-q", "upstream"]);
    world.write("b.txt", "theirs\n");
    world.git(&["commit", "-q", "-a", "-m", "theirs"]);
    world.git(&["switch", "-q", "main"]);
    world.git(&["rebase", "-q", "upstream"]);
    let theirs = world.git(&["rev-parse", "upstream"]);
    let ran = world.rt(&["undo"]).ok();
    assert_eq!((world.git(&["rev-parse", "HEAD"]), world.read("a.txt").as_str()), (theirs, A), "{}", ran.out);
    assert_eq!((world.git(&["status", "--porcelain"]).as_str(), world.read("b.txt").as_str()), ("", "theirs\n"));
    world.rt(&["redo"]).ok();
    assert!(world.git(&["show", "HEAD:a.txt"]).contains("3\n"));
}

/// Edits that were never ours to commit, but that the user committed since, are in the code that a worktree of its own begins
/// with, and are not brought a second time; what cannot be brought is said before there is a worktree.
#[test]
fn a_checkout_beside_brings_what_the_user_committed_only_once() {
    let apply = |world: &World, args: &[&str], from: &str, to: &str| {
        let _ = world.rt_with(&[&["apply"], args].concat(), edit("a.txt", from, to).as_bytes(), &[]).ok();
    };
    let mine = |world: &World| drop(world.git(&["commit", "-q", "-a", "-m", "mine"]));
    let aside = |world: &World, name: &str| {
        let directory = world.top().join(name);
        let ran = world.rt(&["session", "checkout", "@", "--worktree", &directory.display().to_string()]);
        (ran, directory)
    };
    let code = |world: &World| {
        let (ran, directory) = aside(world, "aside");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        std::fs::read_to_string(directory.join("a.txt")).expect("there")
    };
    let fresh = |crlf: bool| {
        let world = World::new();
        world.git(&["config", "core.autocrlf", if crlf { "true" } else { "false" }]);
        world.write("a.txt", if crlf { A.replace('\n', "\r\n") } else { A.to_owned() });
        world.git(&["add", "-A"]);
        world.git(&["commit", "-q", "-m", "first"]);
        world
    };
    for crlf in [false, true] {
        let lines = |text: &str| if crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
        // A line that the next turn takes out again.
        let world = fresh(crlf);
        apply(&world, &["--no-commit"], "two\n", "two\nEXTRA\n");
        mine(&world);
        apply(&world, &[], "EXTRA\n", "");
        assert_eq!(code(&world), lines(A), "crlf {crlf}");
        // A line that the next turn changes again; and one that is still in nobody's commit.
        let world = fresh(crlf);
        apply(&world, &["--no-commit"], "three\n", "3x\n");
        mine(&world);
        apply(&world, &["--no-commit"], "one\n", "1\n");
        apply(&world, &[], "3x\n", "3y\n");
        assert_eq!(code(&world), lines("1\ntwo\n3y\nfour\nfive\n"), "crlf {crlf}");
        // Put in, committed by the user, and taken out: both by turns without a commit.
        let world = fresh(crlf);
        apply(&world, &["--no-commit"], "two\n", "two\nEXTRA\n");
        mine(&world);
        apply(&world, &["--no-commit"], "EXTRA\n", "");
        apply(&world, &[], "five\n", "5\n");
        assert_eq!(code(&world), lines(&A.replace("five", "5")), "crlf {crlf}");
        // The user made something else of our line, and committed that.
        let world = fresh(crlf);
        apply(&world, &["--no-commit"], "three\n", "3x\n");
        world.write("a.txt", lines(&A.replace("three", "3z")));
        mine(&world);
        apply(&world, &[], "five\n", "5\n");
        let refs = world.git(&["for-each-ref"]);
        let (ran, directory) = aside(&world, "aside");
        assert!(ran.code == Some(5) && ran.err.contains("a.txt"), "{}", ran.err);
        assert!(!directory.exists());
        assert_eq!(world.git(&["worktree", "list"]).lines().count(), 1);
        assert_eq!(world.git(&["for-each-ref"]), refs);
    }
}

/// A checkout that is taken back leads back to the turn that it came from, also when the undo is killed.
#[test]
fn undo_of_a_checkout_brings_the_place_back_too() {
    for fault in [None, Some("undo.files"), Some("cursor.written")] {
        let world = World::with(&[("a.txt", A)]);
        for (from, to) in [("one\n", "1\n"), ("three\n", "3\n"), ("five\n", "5\n")] {
            let _ = world.rt_with(&["apply", "--no-commit"], edit("a.txt", from, to).as_bytes(), &[]).ok();
        }
        world.rt(&["session", "rename", "base"]).ok();
        let place = world.read(".git/retort/cursor.json");
        world.rt(&["session", "checkout", "base/1"]).ok();
        assert_eq!(world.read("a.txt"), A.replace("one", "1"));
        assert_ne!(world.read(".git/retort/cursor.json"), place);
        match fault {
            None => drop(world.rt(&["undo"]).ok()),
            Some(point) => {
                let ran = world.rt(&["undo", "--config", &format!("debug.fault={point}")]);
                assert_eq!(ran.code, None, "{point}: {}", ran.err);
                world.rt(&["status"]).ok();
            }
        }
        assert_eq!(world.read("a.txt"), "1\ntwo\n3\nfour\n5\n", "{fault:?}");
        assert_eq!(world.read(".git/retort/cursor.json"), place, "{fault:?}");
        assert!(world.rt(&["redo"]).code(1).err.contains("nothing to redo"));
        world.rt(&["undo"]).ok();
        assert_eq!(world.read("a.txt"), "1\ntwo\n3\nfour\nfive\n", "the last turn and nothing else, {fault:?}");
    }
}

/// An exchange may have several commits. They leave the branch together or not at all, whatever stands in the way of one.
#[test]
fn several_commits_of_an_exchange_are_taken_back_together_or_not_at_all() {
    let fresh = || {
        let world = World::with(&[("a.txt", A), ("old.txt", "old\n"), ("sub/b.txt", "b1\nb2\nb3\n")]);
        crate::support::killed::two_commits(&world);
        (world.git(&["rev-parse", "HEAD~2"]), world.git(&["rev-parse", "HEAD"]), world)
    };
    let texts = |world: &World| (world.read("old.txt"), world.read("sub/b.txt"));
    let (before, after) = (("old\n".to_owned(), "b1\nb2\nb3\n".to_owned()), ("OLD\n".to_owned(), "b1\nB2\nb3\n".to_owned()));
    // Nothing is in the way.
    let (base, head, world) = fresh();
    let ran = world.rt(&["undo"]).ok();
    assert_eq!(ran.out.matches("is off the branch, which is at").count(), 2, "{}", ran.out);
    assert_eq!((world.git(&["rev-parse", "HEAD"]), texts(&world)), (base, before.clone()));
    assert_eq!(world.git(&["reflog", "-n", "1", "--format=%gs"]), "undo: moving back\n", "in one step");
    assert_eq!(world.git(&["rev-parse", "HEAD@{1}"]), head, "in one step");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    world.rt(&["redo"]).ok();
    assert_eq!((world.git(&["status", "--porcelain"]).as_str(), texts(&world)), ("", after.clone()));
    // The second one of them, in the order of the undo, cannot be taken out of what the user staged.
    for pushed in [false, true] {
        let (_, head, world) = fresh();
        if pushed {
            world.git(&["update-ref", "refs/remotes/origin/main", "HEAD~1"]);
        }
        world.write("sub/b.txt", "b1\nmine\nb3\n");
        world.git(&["add", "sub/b.txt"]);
        world.write("sub/b.txt", &after.1);
        let state = |world: &World| (world.git(&["status", "--porcelain=v2"]), world.git(&["rev-parse", "HEAD"]), texts(world));
        let was = state(&world);
        let ran = world.rt(&["undo"]).code(5);
        assert!(ran.err.contains("sub/b.txt"), "{}", ran.err);
        assert_eq!(state(&world), was, "nothing is done");
        world.git(&["reset", "-q", "sub/b.txt"]);
        let ran = world.rt(&["undo"]).ok();
        assert_eq!((world.git(&["status", "--porcelain"]).as_str(), texts(&world)), ("", before.clone()));
        if pushed {
            assert_eq!(ran.out.matches("is reverted by").count(), 2, "{}", ran.out);
            assert_eq!(world.git(&["rev-parse", "HEAD~1"]), head, "one commit reverts both");
            let said = world.git(&["log", "-1", "--format=%B"]);
            assert!(said.contains(" and 1 more") && said.matches("Retort-Undo: ").count() == 2, "{said}");
        }
    }
}

/// What the user amended into a commit of ours is theirs, a mode too.
#[test]
fn a_mode_that_the_user_amended_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::with(&[("a.txt", A)]);
    let _ = world.rt_with(&["apply"], edit("a.txt", "three\n", "3\n").as_bytes(), &[]).ok();
    std::fs::set_permissions(world.repo().join("a.txt"), std::fs::Permissions::from_mode(0o755)).expect("set");
    world.git(&["commit", "-q", "-a", "--amend", "--no-edit"]);
    world.rt(&["undo"]).ok();
    assert_eq!((world.read("a.txt").as_str(), world.git(&["status", "--porcelain"]).as_str()), (A, ""));
    assert_eq!(world.git(&["ls-tree", "HEAD", "a.txt"])[..6], *"100755");
}

/// A mode that the user gave a file of ours and did not commit is not committed by a redo.
#[test]
fn a_redo_commits_no_mode_of_the_user() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::with(&[("a.txt", A)]);
    let _ = world.rt_with(&["apply"], edit("new.txt", "", "made\n").as_bytes(), &[]).ok();
    std::fs::set_permissions(world.repo().join("new.txt"), std::fs::Permissions::from_mode(0o755)).expect("set");
    let _ = world.rt(&["undo", "--keep-code"]).ok();
    let _ = world.rt(&["redo"]).ok();
    assert_eq!(world.git(&["ls-tree", "HEAD", "new.txt"])[..6], *"100644");
    assert_eq!(world.git(&["status", "--porcelain"]), " M new.txt\n");
}
