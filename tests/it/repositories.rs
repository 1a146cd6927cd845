//! Repositories in every state that real git leaves them in.

use std::fs::File;
use std::time::{Duration, SystemTime};

use crate::support::small::{LINES, apply, small};
use crate::support::world::{World, edit};

/// Sets a file's time back, so that git cannot think that it changed in the second in which the index was written.
fn age(world: &World, path: &str) {
    let file = File::options().write(true).open(world.repo().join(path)).expect("opens");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_hours(400_000)).expect("set");
}

fn healthy(world: &World, status: &str) {
    assert_eq!(world.git(&["status", "--porcelain"]), status);
    let said = world.git(&["fsck", "--strict", "--no-dangling"]);
    assert_eq!(said, "");
    world.git(&["write-tree"]);
    assert!(!world.exists(".git/index.lock"));
    assert!(!world.exists(".git/retort/index.new"));
}

fn log(world: &World) -> String {
    world.git(&["log", "--format=%s"])
}

#[test]
fn undo_never_hides_lines_of_the_user_from_git() {
    let world = small();
    let _ = apply(&world, "a.txt", "2\n", "two\n").ok();
    // The user took our line out by hand and changed another one.
    world.write("a.txt", LINES.replace("8\n", "eight\n"));
    age(&world, "a.txt");
    let _ = world.rt(&["undo"]).ok();
    healthy(&world, " M a.txt\n");
    assert!(world.git(&["diff"]).contains("+eight"));
}

#[test]
fn what_a_hook_rewrites_or_adds_is_part_of_the_turn() {
    let world = small();
    world.hook("pre-commit", "sed -i 's/two/TWO/' a.txt; echo 1 > version; git add a.txt version");
    // What a git that was killed inside the hook leaves.
    world.write(".git/retort/index.commit.lock", "");
    let _ = apply(&world, "a.txt", "2\n", "two\n").ok();
    healthy(&world, "");
    assert_eq!(world.git(&["show", "HEAD:version"]), "1\n");
    let _ = world.rt(&["undo"]).ok();
    assert_eq!(world.read("a.txt"), LINES);
    assert_eq!(log(&world), "first\n");
}

#[test]
fn what_a_hook_rewrites_is_known_after_a_kill_too() {
    let world = small();
    world.hook("pre-commit", "sed -i 's/two/TWO/' a.txt\ngit add a.txt");
    let answer = edit("a.txt", "2\n", "two\n");
    let ran = world.rt_with(&["apply", "--config", "debug.fault=close.appended"], answer.as_bytes(), &[]);
    assert_eq!(ran.code, None, "{}", ran.err);
    let _ = world.rt(&["status"]).ok();
    let _ = world.rt(&["undo"]).ok();
    assert_eq!((world.read("a.txt").as_str(), log(&world).as_str()), (LINES, "first\n"));
    healthy(&world, "");
    let ran = world.rt_with(&["apply", "--config", "debug.fault=ref.before:1"], answer.as_bytes(), &[]);
    assert_eq!(ran.code, None, "{}", ran.err);
    assert!(world.read("a.txt").contains("TWO"));
    let said = world.rt(&["status"]).ok();
    assert!(world.read("a.txt").contains("TWO"), "{}", said.err);
    let _ = world.rt(&["undo"]).ok();
    assert_eq!((world.read("a.txt").as_str(), log(&world).as_str()), (LINES, "first\n"));
    healthy(&world, "");
}

#[test]
fn a_turn_that_cannot_be_closed_yet_stops_nobody() {
    let world = small();
    let answer = edit("a.txt", "2\n", "two\n");
    let ran = world.rt_with(&["apply", "--config", "debug.fault=branch.after"], answer.as_bytes(), &[]);
    assert_eq!(ran.code, None, "{}", ran.err);
    // Another program takes the index right then.
    std::fs::remove_file(world.repo().join(".git/index.lock")).expect("ours");
    world.write(".git/index.lock", "");
    let ran = world.rt(&["session", "list"]).ok();
    assert!(ran.err.contains("cannot be closed") && ran.err.contains("index.lock"), "{}", ran.err);
    std::fs::remove_file(world.repo().join(".git/index.lock")).expect("removed");
    let ran = world.rt(&["log", "--json"]).ok();
    assert_eq!(ran.json().len(), 1, "{}", ran.err);
    healthy(&world, "");
    let _ = world.rt(&["undo"]).ok();
    healthy(&world, "");
    assert_eq!(log(&world), "first\n");
}

#[test]
fn a_redo_that_a_hook_refuses_leaves_everything_as_it_is() {
    let world = small();
    let _ = apply(&world, "a.txt", "2\n", "two\n").ok();
    let _ = world.rt(&["undo"]).ok();
    world.hook("pre-commit", "echo not today >&2\nexit 1");
    let ran = world.rt(&["redo"]).code(5);
    assert!(ran.err.contains("not today"), "{}", ran.err);
    assert!(ran.err.contains("rt redo") && !ran.err.contains("rt retry"), "{}", ran.err);
    assert_eq!((world.read("a.txt").as_str(), log(&world).as_str()), (LINES, "first\n"));
    healthy(&world, "");
    std::fs::remove_file(world.repo().join(".git/hooks/pre-commit")).expect("removed");
    world.write(".git/index.lock", "");
    let ran = world.rt(&["redo"]).code(5);
    assert!(ran.err.contains("index.lock") && ran.err.contains("then: rt redo") && !ran.err.contains("rt retry"), "{}", ran.err);
    assert_eq!((world.read("a.txt").as_str(), log(&world).as_str()), (LINES, "first\n"));
    std::fs::remove_file(world.repo().join(".git/index.lock")).expect("removed");
    let _ = world.rt(&["redo"]).ok();
    assert!(world.read("a.txt").contains("two"));
    healthy(&world, "");
}

fn executable(world: &World, path: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.repo().join(path), permissions).expect("set");
}

#[test]
fn a_hook_that_takes_the_key_out_of_the_message_does_not_hinder_undo() {
    let world = small();
    world.hook("commit-msg", "echo ours > \"$1\"");
    let _ = apply(&world, "a.txt", "2\n", "two\n").ok();
    assert_eq!(log(&world), "ours\nfirst\n");
    let _ = world.rt(&["undo"]).ok();
    assert_eq!(log(&world), "first\n");
    healthy(&world, "");
}

#[test]
fn every_kind_of_index_is_locked_before_the_branch_moves() {
    for kind in [["--index-version", "2"], ["--index-version", "4"], ["--split-index", "-q"], ["--untracked-cache", "-q"]] {
        let world = small();
        world.git(&["update-index", kind[0], kind[1]]);
        world.write(".git/index.lock", "");
        let ran = apply(&world, "a.txt", "2\n", "two\n").code(5);
        assert!(ran.err.contains("index.lock"), "{kind:?} {}", ran.err);
        assert_eq!(log(&world), "first\n", "{kind:?}");
        std::fs::remove_file(world.repo().join(".git/index.lock")).expect("removed");
        let _ = world.rt(&["retry"]).ok();
        healthy(&world, "");
        let _ = world.rt(&["undo"]).ok();
        healthy(&world, "");
        assert_eq!(world.read("a.txt"), LINES);
    }
}

#[test]
fn undo_that_cannot_move_the_branch_changes_no_file() {
    let world = small();
    let _ = apply(&world, "a.txt", "2\n", "two\n").ok();
    world.write(".git/index.lock", "");
    let _ = world.rt(&["undo"]).code(5);
    std::fs::remove_file(world.repo().join(".git/index.lock")).expect("removed");
    healthy(&world, "");
    assert_eq!(world.read("a.txt"), LINES.replace("2\n", "two\n"));
    let _ = world.rt(&["undo"]).ok();
    healthy(&world, "");
    assert_eq!(log(&world), "first\n");
}

#[test]
fn the_callers_git_variables_lead_nowhere() {
    let (world, other) = (small(), small());
    world.git(&["update-index", "--index-version", "4"]);
    let git_dir = other.repo().join(".git").display().to_string();
    let index = other.repo().join(".git/index").display().to_string();
    let vars = [("GIT_DIR", git_dir.as_str()), ("GIT_INDEX_FILE", index.as_str())];
    let _ = world.rt_with(&["apply"], edit("a.txt", "2\n", "two\n").as_bytes(), &vars).ok();
    healthy(&world, "");
    healthy(&other, "");
    world.git(&["update-index", "--index-version", "2"]);
    let _ = world.rt_with(&["undo"], b"", &vars).ok();
    healthy(&world, "");
    healthy(&other, "");
}

#[test]
fn the_first_commit_is_taken_back() {
    let world = World::new();
    let _ = apply(&world, "new.txt", "", "hi\n").ok();
    let _ = world.rt(&["undo"]).ok();
    healthy(&world, "");
    assert!(!world.exists("new.txt"));
    assert_eq!(world.git(&["for-each-ref", "refs/heads"]), "");
    let _ = world.rt(&["redo"]).ok();
    healthy(&world, "");
    // Without a branch, HEAD cannot point to nothing.
    world.git(&["checkout", "-q", "--detach"]);
    let _ = world.rt(&["undo"]).ok();
    healthy(&world, "");
    assert_eq!(log(&world), "Revert \"Add new.txt\"\nAdd new.txt\n");
}

#[test]
fn a_commit_that_the_user_amended_keeps_their_work() {
    let world = small();
    let _ = apply(&world, "a.txt", "2\n", "two\n").ok();
    world.write("a.txt", LINES.replace("2\n", "two\n").replace("8\n", "eight\n"));
    world.write("b.txt", "x\nown\n");
    world.git(&["commit", "-q", "-a", "--amend", "--no-edit"]);
    let _ = world.rt(&["undo"]).ok();
    healthy(&world, "");
    assert_eq!(world.read("a.txt"), LINES.replace("8\n", "eight\n"));
    assert_eq!(world.git(&["show", "HEAD:b.txt"]), "x\nown\n");
    assert_eq!(log(&world), "Revert \"Update a.txt\"\nUpdate a.txt\nfirst\n");
}

#[test]
fn names_that_git_would_clean_are_cleaned_and_none_is_said_at_once() {
    let world = small();
    world.git(&["config", "user.name", " Ada \"A\" <Love> lace. "]);
    let _ = apply(&world, "a.txt", "2\n", "two\n").ok();
    assert_eq!(world.git(&["log", "-1", "--format=%an"]), "Ada \"A\" Love lace\n");
    healthy(&world, "");
    world.git(&["config", "user.name", ""]);
    let _ = apply(&world, "a.txt", "3\n", "three\n").code(1);
    healthy(&world, "");
    assert_eq!(world.read("a.txt"), LINES.replace("2\n", "two\n"), "nothing is written when nothing can be recorded");
}

#[test]
fn sha256_line_ends_and_packed_refs() {
    let world = World::new();
    std::fs::remove_dir_all(world.repo().join(".git")).expect("removed");
    world.git(&["init", "-q", "--object-format=sha256"]);
    world.git(&["config", "core.autocrlf", "true"]);
    world.write("a.txt", LINES.replace('\n', "\r\n"));
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "first"]);
    for (from, to) in [("2\n", "two\n"), ("3\n", "three\n")] {
        world.git(&["pack-refs", "--all"]);
        world.git(&["gc", "-q", "--prune=now"]);
        let _ = apply(&world, "a.txt", from, to).ok();
        healthy(&world, "");
    }
    assert_eq!(world.git(&["show", "HEAD:a.txt"]), LINES.replace("2\n", "two\n").replace("3\n", "three\n"));
    assert_eq!(world.read("a.txt").matches("\r\n").count(), 9);
    for _ in 0..2 {
        world.git(&["pack-refs", "--all"]);
        world.git(&["gc", "-q", "--prune=now"]);
        let _ = world.rt(&["undo"]).ok();
        healthy(&world, "");
    }
    assert_eq!(world.read("a.txt"), LINES.replace('\n', "\r\n"));
}

#[test]
fn a_partial_clone_gets_what_it_needs() {
    let world = small();
    world.git(&["config", "uploadpack.allowFilter", "true"]);
    let (source, clone) = (format!("file://{}", world.repo().display()), world.top().join("partial"));
    let target = clone.display().to_string();
    world.git(&["clone", "-q", "--filter=blob:none", "--no-checkout", &source, &target]);
    world.git_in(&clone, &["sparse-checkout", "set", "--no-cone", "/b.txt"]);
    world.git_in(&clone, &["checkout", "-q", "main"]);
    // HEAD's version of a file that is not checked out is needed to see that the two overlap.
    let ran = world.rt_in(&clone, &["apply"], edit("a.txt", "", "new\n").as_bytes(), &[]).code(5);
    assert!(ran.err.contains("overlap"), "{}", ran.err);
    let _ = world.rt_in(&clone, &["apply"], edit("b.txt", "x\n", "y\n").as_bytes(), &[]).ok();
    assert_eq!(world.git_in(&clone, &["show", "HEAD:b.txt"]), "y\n");
}

#[test]
fn worktrees_have_cursors_of_their_own() {
    let world = small();
    let side = world.top().join("side");
    world.git(&["worktree", "add", "-q", "-b", "side", &side.display().to_string()]);
    let _ = world.rt_in(&side, &["apply"], edit("a.txt", "2\n", "zwei\n").as_bytes(), &[]).ok();
    let _ = world.rt(&["undo"]).code(1);
    let _ = apply(&world, "a.txt", "2\n", "two\n").ok();
    let _ = world.rt_in(&side, &["undo"], b"", &[]).ok();
    assert_eq!(world.read("a.txt"), LINES.replace("2\n", "two\n"));
    assert_eq!(std::fs::read_to_string(side.join("a.txt")).expect("read"), LINES);
    healthy(&world, "");
    assert_eq!(world.git_in(&side, &["status", "--porcelain"]), "");
}

#[test]
fn edits_in_the_second_of_the_index_write_are_seen() {
    let world = small();
    for (was, now) in [("2\n", "a\n"), ("a\n", "c\n"), ("c\n", "e\n")] {
        let _ = apply(&world, "a.txt", was, now).ok();
        // The same size, at once; then the index is written again.
        let text = world.read("a.txt");
        world.write("a.txt", text.replace("9\n", "X\n"));
        let _ = apply(&world, "b.txt", &world.read("b.txt"), &format!("{}x\n", world.read("b.txt"))).ok();
        healthy(&world, " M a.txt\n");
        world.write("a.txt", text);
        healthy(&world, "");
    }
}

#[test]
fn permissions_stay_and_a_failed_write_leaves_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = small();
    let path = world.repo().join("a.txt");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
    let _ = apply(&world, "a.txt", "2\n", "two\n").ok();
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    // A directory stands where undo has to put the file back.
    let _ = world.rt_with(&["apply"], b"=== DELETE: b.txt ===\n", &[]).ok();
    std::fs::create_dir(world.repo().join("b.txt")).expect("made");
    assert_ne!(world.rt(&["undo"]).code, Some(0));
    assert_eq!(world.git(&["status", "--porcelain", "-uall"]), "");
}

/// Git knows one bit of a file's permissions. Who could not read a file before a turn deleted it cannot when it is back, not
/// even while it is written, and not through a directory that was closed.
#[test]
fn a_file_that_is_made_again_is_as_closed_as_it_was() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::with(&[("a.txt", LINES), ("key", "k\n"), ("run", "r\n"), ("open", "o\n"), ("closed/x", "x\n")]);
    let set = |path: &str, mode| {
        std::fs::set_permissions(world.repo().join(path), std::fs::Permissions::from_mode(mode)).expect("set");
    };
    let modes = || {
        ["key", "run", "open", "closed", "closed/x"]
            .map(|path| std::fs::metadata(world.repo().join(path)).expect("there").permissions().mode() & 0o777)
    };
    set("run", 0o750);
    world.git(&["commit", "-q", "-a", "-m", "mode"]);
    set("key", 0o600);
    set("closed", 0o700);
    let were = modes();
    assert_eq!(were, [0o600, 0o750, 0o644, 0o700, 0o644]);
    let answer: String = ["key", "run", "open", "closed/x"].map(|path| format!("=== DELETE: {path} ===\n\n")).concat();
    let _ = world.rt_with(&["apply"], answer.as_bytes(), &[]).ok();
    assert!(!world.exists("key") && !world.exists("closed/x"));
    let _ = world.rt(&["undo"]).ok();
    assert_eq!(modes(), were);
    healthy(&world, "");
    // Deleted and made again once more, by a process that dies and the next start.
    let _ = world.rt(&["redo"]).ok();
    assert_eq!(world.rt_with(&["undo"], b"", &[("RT__DEBUG__FAULT", "file.before-rename:2")]).code, None);
    let mut seen = 0;
    for entry in std::fs::read_dir(world.repo()).expect("a directory").map(|e| e.expect("an entry")) {
        if entry.file_name().to_string_lossy().ends_with(".tmp") {
            seen += 1;
            let mode = entry.metadata().expect("there").permissions().mode();
            assert!(!entry.file_name().to_string_lossy().contains("key") || mode.trailing_zeros() >= 6, "{mode:o}");
        }
    }
    assert_eq!(seen, 1);
    let _ = world.rt(&["status"]).ok();
    assert_eq!(modes(), were);
    let _ = world.rt(&["redo"]).ok();
    if world.can_trace() {
        let trace = world.top().join("trace").display().to_string();
        let _ = world.traced(&["-o", &trace, "-e", "trace=openat"], &["undo"]).ok();
        let said = std::fs::read_to_string(&trace).expect("traced");
        let made = said.lines().find(|line| line.contains("/.key.") && line.contains("O_CREAT")).expect("it is made");
        assert!(made.contains(", 0600)"), "closed from the beginning: {made}");
    } else {
        let _ = world.rt(&["undo"]).ok();
    }
    // While a file is there, its own permissions count.
    set("key", 0o640);
    let _ = apply(&world, "key", "k\n", "K\n").ok();
    let _ = world.rt(&["undo"]).ok();
    assert_eq!(modes()[0], 0o640);
}

/// Git marks an entry of the index by a size of zero when it cannot tell by times whether the file changed. That is not the
/// size of a file that was emptied.
#[test]
fn an_emptied_file_is_seen_whatever_the_index_says() {
    let world = small();
    // As git looks at files: by time and size alone.
    world.git(&["config", "core.checkStat", "minimal"]);
    world.git(&["config", "core.trustCTime", "false"]);
    let old = |path: &str| {
        let file = File::options().append(true).open(world.repo().join(path)).expect("opens");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).expect("set");
    };
    old("b.txt");
    world.git(&["update-index", "--refresh"]);
    world.write("b.txt", "");
    old("b.txt");
    old(".git/index");
    let _ = apply(&world, "a.txt", "2\n", "two\n").ok();
    assert_eq!(world.git(&["status", "--porcelain"]), " M b.txt\n");
    let dirty = world.rt(&["status", "--json"]).ok().json()[0]["dirty"].clone();
    assert_eq!(dirty[0]["path"], "b.txt", "{dirty}");
}

/// What two processes do at once: the lines of one are not taken for lines that the user took out.
#[test]
fn what_another_process_commits_meanwhile_is_not_committed_as_taken_out() {
    let world = World::with(&[("a.txt", LINES), ("b.txt", "x\n"), (".gitattributes", "a.txt filter=slow\n")]);
    let rt = env!("CARGO_BIN_EXE_rt");
    // While one process looks at the file, the other one writes and commits.
    world.program(
        ".git/slow",
        &format!("[ -e .git/gate ] && rm .git/gate && RT__DEBUG__SEED=900 {rt} apply -q --config vcs.dirty=separate .git/first.md >&2\ncat"),
    );
    world.git(&["config", "filter.slow.clean", ".git/slow"]);
    world.write(".git/first.md", edit("a.txt", "2\n", "two\n"));
    world.write("a.txt", LINES.replace("5\n", "mine\n"));
    world.write(".git/gate", "");
    let answer = edit("a.txt", "8\n", "eight\n");
    let ran = world.rt_with(&["apply"], answer.as_bytes(), &[("RT__VCS__DIRTY", "commit-first")]);
    assert!(!world.exists(".git/gate"), "it was not at once: {}{}", ran.out, ran.err);
    assert_eq!(ran.code, Some(5), "{}{}", ran.out, ran.err);
    let text = LINES.replace("2\n", "two\n");
    assert_eq!(world.read("a.txt"), text.replace("5\n", "mine\n"));
    assert_eq!(world.git(&["show", "HEAD:a.txt"]), text, "{}", world.git(&["log", "-p", "--format=%s"]));
}

#[test]
fn a_filter_that_refuses_is_said_to() {
    let world = World::with(&[("a.txt", LINES), (".gitattributes", "*.bad filter=bad\n")]);
    world.git(&["config", "filter.bad.clean", "false"]);
    world.git(&["config", "filter.bad.required", "true"]);
    let ran = apply(&world, "x.bad", "", "1\n").code(5);
    assert!(ran.err.contains("git's filters do not take x.bad"), "{}", ran.err);
    healthy(&world, "?? x.bad\n");
}

#[test]
fn what_the_user_staged_stays_staged_with_its_mode() {
    let world = small();
    executable(&world, "a.txt");
    world.write("a.txt", LINES.replace("8\n", "eight\n"));
    world.git(&["add", "a.txt"]);
    let staged = |world: &World| -> Vec<String> {
        let diff = world.git(&["diff", "--cached"]);
        diff.lines().filter(|l| l.contains("mode") || l.starts_with(['+', '-'])).map(str::to_owned).collect()
    };
    let before = staged(&world);
    assert!(before.contains(&"new mode 100755".to_owned()));
    let _ = apply(&world, "a.txt", "2\n", "two\n").ok();
    assert_eq!(staged(&world), before);
    healthy(&world, "M  a.txt\n");
    let _ = world.rt(&["undo"]).ok();
    assert_eq!(staged(&world), before);
    healthy(&world, "M  a.txt\n");
}

#[test]
fn own_changes_are_committed_first_or_nothing_is_written() {
    let first = [("RT__VCS__DIRTY", "commit-first")];
    let world = small();
    world.write("a.txt", LINES.replace("8\n", "eight\n"));
    let _ = world.rt_with(&["apply"], edit("a.txt", "2\n", "two\n").as_bytes(), &first).ok();
    assert_eq!(log(&world), "Update a.txt\nWork in progress on a.txt\nfirst\n");
    healthy(&world, "");
    // Staged lines and later ones beside them cannot be told apart.
    let text = world.read("a.txt").replace("6\n", "six\n");
    world.write("a.txt", &text);
    world.git(&["add", "a.txt"]);
    let text = text.replace("7\n", "seven\n");
    world.write("a.txt", &text);
    let ran = world.rt_with(&["apply"], edit("a.txt", "3\n", "three\n").as_bytes(), &first).code(5);
    assert!(ran.err.contains("cannot be committed first"), "{}", ran.err);
    assert_eq!(world.read("a.txt"), text);
    healthy(&world, "MM a.txt\n");
}

/// A hook that makes something else of the user's lines: they are committed, and whoever reads the error learns where.
#[test]
fn own_changes_that_a_hook_rewrote_are_said_to_be_committed() {
    let first = [("RT__VCS__DIRTY", "commit-first")];
    let world = small();
    world.hook("pre-commit", "sed -i 's/eight/EIGHT/' a.txt\ngit add a.txt");
    world.write("a.txt", LINES.replace("8\n", "eight\n"));
    let ran = world.rt_with(&["apply"], edit("a.txt", "2\n", "two\n").as_bytes(), &first).code(5);
    assert_eq!(log(&world), "Work in progress on a.txt\nfirst\n");
    let commit = world.git(&["rev-parse", "HEAD"])[..7].to_owned();
    assert!(ran.err.contains(&format!("your own lines of a.txt are committed in {commit}")), "{}", ran.err);
    assert!(ran.err.contains("rt retry") && !ran.err.contains("nothing was written"), "{}", ran.err);
    assert_eq!(world.read("a.txt"), LINES.replace("8\n", "EIGHT\n"));
    healthy(&world, "");
    let _ = world.rt_with(&["retry"], b"", &first).ok();
    assert_eq!(world.read("a.txt"), LINES.replace("8\n", "EIGHT\n").replace("2\n", "two\n"));
    assert_eq!(log(&world), "Update a.txt\nWork in progress on a.txt\nfirst\n");
    healthy(&world, "");
}

/// The directory's sync fails after the rename: that file is among those that go back.
#[test]
fn a_file_whose_directory_cannot_be_synced_goes_back_too() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::with(&[("a.txt", LINES), ("sub/b.txt", "x\n"), ("sub/old.txt", "old\n")]);
    let mode = |mode| std::fs::set_permissions(world.repo().join("sub"), std::fs::Permissions::from_mode(mode)).expect("set");
    let (rt, answer) = (env!("CARGO_BIN_EXE_rt"), world.top().join("answer.md").display().to_string());
    // Files in a directory that cannot be read can be replaced all the same, but it cannot be opened to sync it.
    mode(0o300);
    // Root may read it, unless it gives that up.
    let without = ["--bounding-set", "-dac_override,-dac_read_search", "--"];
    let privileged = std::fs::read_dir(world.repo().join("sub")).is_ok();
    if privileged && world.run("sh", &["-c", "setpriv --bounding-set -dac_override,-dac_read_search -- true"]).code != Some(0) {
        mode(0o755);
        eprintln!("skipped: run by root, and setpriv is missing or may not be used here");
        return;
    }
    for text in [edit("sub/b.txt", "x\n", "y\n"), "=== DELETE: sub/old.txt ===\n".to_owned(), edit("sub/new.txt", "", "new\n")] {
        std::fs::write(&answer, format!("{}\n{text}", edit("a.txt", "2\n", "two\n"))).expect("written");
        mode(0o300);
        let ran = if privileged {
            world.run("setpriv", &[&without[..], &[rt, "apply", &answer]].concat())
        } else {
            world.run(rt, &["apply", &answer])
        };
        mode(0o755);
        assert!(ran.code == Some(5) && ran.err.contains("sub: Permission denied"), "{text} {:?} {}", ran.code, ran.err);
        healthy(&world, "");
        assert_eq!((world.read("a.txt").as_str(), world.read("sub/b.txt").as_str()), (LINES, "x\n"), "{text}");
    }
    let _ = world.rt(&["retry"]).ok();
    assert_eq!((world.read("a.txt"), world.read("sub/new.txt").as_str()), (LINES.replace("2\n", "two\n"), "new\n"));
}

/// A mode that changed in the same moment as the index was written, or where git does not look at the time of change.
#[test]
fn a_changed_mode_is_seen_whatever_the_times_say() {
    let world = small();
    world.git(&["config", "core.trustctime", "false"]);
    age(&world, "a.txt");
    world.git(&["update-index", "-q", "--refresh"]);
    executable(&world, "a.txt");
    assert_eq!(world.git(&["diff", "--name-only"]), "a.txt\n");
    let status = world.rt(&["status", "--json"]).ok().json();
    assert_eq!(status[0]["dirty"].as_array().map(Vec::len), Some(1), "{status:?}");
}
