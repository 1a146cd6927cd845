//! What others may have put into a repository: refs, annotations and unfinished turns that are none.

use crate::support::small::{LINES, apply, session, small_with_a_turn};
use crate::support::world::{World, edit};

#[test]
fn refs_to_anything_block_nothing() {
    let world = small_with_a_turn();
    let sid = session(&world);
    let target = |what: &str| world.git(&["rev-parse", what]).trim().to_owned();
    world.git(&["tag", "-a", "-m", "t", "v1"]);
    for (letter, what) in [("k", "HEAD:a.txt"), ("l", "HEAD^{tree}"), ("m", "v1"), ("n", "HEAD")] {
        world.git(&["update-ref", &format!("refs/retort/sessions/{}", letter.repeat(26)), &target(what)]);
        world.git(&["update-ref", &format!("refs/retort/meta/{}", letter.repeat(26)), &target(what)]);
    }
    world.git(&["update-ref", "refs/retort/sessions/none", "HEAD"]);
    world.git(&["update-ref", &format!("refs/retort/meta/{sid}"), &target("HEAD:a.txt")]);
    world.write(&format!(".git/refs/retort/sessions/{}", "o".repeat(26)), "garbage\n");
    world.write(&format!(".git/refs/retort/sessions/{}", "p".repeat(26)), "");
    for command in [&["log"][..], &["log", "--all"], &["session", "list", "--all"], &["status"], &["index", "check"]] {
        let _ = world.rt(command).ok();
    }
    let _ = apply(&world, "a.txt", "3\n", "three\n").ok();
    let _ = world.rt(&["-n", "-m", "hello", "--model", "echo"]).ok();
    let _ = world.rt(&["session", "rename", &sid, "mine"]).ok();
    assert!(world.rt(&["session", "list"]).ok().out.contains("mine"));
    for letter in ["k", "l", "m", "n"] {
        let ran = world.rt(&["-s", &letter.repeat(26), "-m", "hi", "--model", "echo"]);
        assert_eq!(ran.code, Some(1), "{letter}: {}", ran.err);
    }
}

/// A copy of the session's turn with another text in its message, as a session of its own.
fn forged(world: &World, sid: &str, from: &str, to: &str) -> String {
    let fresh = format!("{}{}", "k".repeat(20), &sid[20..]);
    let message = world.git(&["log", "-1", "--format=%B", &format!("refs/retort/sessions/{sid}")]);
    assert!(message.contains(from), "{message}");
    let message = message.trim_end().replace(from, to).replace(sid, &fresh);
    let tree = format!("refs/retort/sessions/{sid}^{{tree}}");
    let commit = world.git(&["commit-tree", "-m", &message, &tree]);
    world.git(&["update-ref", &format!("refs/retort/sessions/{fresh}"), commit.trim()]);
    fresh
}

#[test]
fn numbers_that_overflow_are_no_turn() {
    for number in ["18446744073709551615", "9223372036854775807", "4294967296"] {
        let world = small_with_a_turn();
        let sid = forged(&world, &session(&world), "Retort-Seq: 1\n", &format!("Retort-Seq: {number}\n"));
        let ran = world.rt(&["-s", &sid, "-m", "hi", "--model", "echo"]).code(1);
        assert!(ran.err.contains("Retort-Seq is malformed"), "{}", ran.err);
    }
    let world = small_with_a_turn();
    let sid = forged(&world, &session(&world), "Retort-Seq: 1\n", "Retort-Seq: 4294967295\n");
    let ran = world.rt(&["-s", &sid, "-m", "hi", "--model", "echo"]).code(1);
    assert!(ran.err.contains("begin a new one"), "{}", ran.err);
}

#[test]
fn nothing_in_a_turn_reaches_the_terminal_as_a_command() {
    let world = small_with_a_turn();
    let sid = forged(&world, &session(&world), "apply an answer", "\u{1b}]0;x\u{7}red");
    for command in [&["log", &sid][..], &["show", &sid], &["log", "--json", &sid], &["session", "list", "--all"]] {
        let ran = world.rt(command).ok();
        assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{command:?}\n{}", ran.out);
    }
}

#[test]
fn a_name_that_is_none_is_not_taken() {
    let world = small_with_a_turn();
    let sid = session(&world);
    let record = r#"{"at":"2099-01-01T00:00:00.000Z","kind":"name","value":"\u001b[31mx"}"#;
    let later = r#"{"at":"2098-01-01T00:00:00.000Z","kind":"name","value":"theirs"}"#;
    world.write("records", format!("{record}\n{later}\nno json\n"));
    let blob = world.git(&["hash-object", "-w", "records"]);
    std::fs::remove_file(world.repo().join("records")).expect("removed");
    let tree = world.git_input(&["mktree"], format!("100644 blob {}\trecords\n", blob.trim()).as_bytes());
    let commit = world.git(&["commit-tree", "-m", "m", tree.trim()]);
    world.git(&["update-ref", &format!("refs/retort/meta/{sid}"), commit.trim()]);
    assert!(world.rt(&["status"]).ok().out.contains("theirs"));
    // A clock that was ahead does not keep its name for ever.
    let _ = world.rt(&["session", "rename", "mine"]).ok();
    assert!(world.rt(&["status"]).ok().out.contains("mine"));
    assert!(world.git(&["show", &format!("refs/retort/meta/{sid}:records")]).contains("no json"), "nothing is dropped");
}

#[test]
fn an_unfinished_turn_that_nobody_can_read_is_kept_and_said() {
    let world = small_with_a_turn();
    world.write(".git/retort/wal/kkkk/open", "junk");
    world.write(".git/retort/wal/kkkk/lock", "");
    world.write(".git/retort/wal/stray", "");
    let ran = apply(&world, "a.txt", "3\n", "three\n").ok();
    assert!(ran.err.contains("unreadable/kkkk"), "{}", ran.err);
    assert_eq!(world.read(".git/retort/unreadable/kkkk/open"), "junk");
    assert!(!world.rt(&["log"]).ok().err.contains("unreadable"));
}

#[test]
fn an_unfinished_turn_of_a_removed_worktree_leaves_these_files_alone() {
    let world = small_with_a_turn();
    let side = world.top().join("side");
    world.git(&["worktree", "add", "-q", "-b", "side", &side.display().to_string()]);
    let ran = world.rt_in(&side, &["apply"], edit("a.txt", "3\n", "three\n").as_bytes(), &[("RT__DEBUG__FAULT", "applied")]);
    assert_ne!(ran.code, Some(0));
    world.git(&["worktree", "remove", "--force", &side.display().to_string()]);
    // The user has the same lines here, by their own hand.
    let own = LINES.replace("2\n", "two\n").replace("3\n", "three\n");
    world.write("a.txt", &own);
    let turn = world.rt(&["status", "--json"]).ok();
    assert!(turn.err.contains("unfinished turn"), "{}", turn.err);
    assert_eq!(world.read("a.txt"), own);
    assert_eq!(world.rt(&["log", "--all", "--json"]).ok().json().len(), 2, "the answer is kept");
}

#[test]
fn a_fetched_commit_that_is_no_turn_does_not_become_the_tip() {
    let world = small_with_a_turn();
    let sid = session(&world);
    let bare = world.top().join("bare").display().to_string();
    world.git(&["init", "-q", "--bare", &bare]);
    world.git(&["remote", "add", "origin", &bare]);
    let own = format!("refs/retort/sessions/{sid}");
    let bad = world.git(&["commit-tree", "-m", "no turn", "-p", &own, &format!("{own}^{{tree}}")]);
    world.git(&["push", "-q", "origin", &format!("{}:{own}", bad.trim())]);
    let before = world.git(&["rev-parse", &own]);
    let _ = world.rt(&["session", "fetch", "origin"]).ok();
    assert_eq!(world.git(&["rev-parse", &own]), before);
    let _ = apply(&world, "a.txt", "3\n", "three\n").ok();
    assert_eq!(session(&world), sid, "it goes on in the same session");
}
