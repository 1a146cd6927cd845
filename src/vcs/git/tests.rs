//! The git backend against real git.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::*;
use crate::base::change::{FileMode, FileState};
use crate::base::path::RepoPath;
use crate::process::Spec;
use crate::vcs::Share;
use crate::vcs::{Extent, Withheld};

struct Repo {
    dir: tempfile::TempDir,
}

impl Repo {
    fn new() -> Self {
        let repo = Self { dir: tempfile::tempdir().expect("a directory") };
        repo.git(&["init", "-q", "-b", "main"]);
        repo.git(&["config", "user.name", "U"]);
        repo.git(&["config", "user.email", "u@example.com"]);
        repo.git(&["config", "core.hooksPath", ".git/hooks"]);
        repo
    }

    fn with(files: &[(&str, &str)]) -> Self {
        let repo = Self::new();
        for (path, text) in files {
            repo.write(path, text);
        }
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-q", "-m", "first"]);
        repo
    }

    fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    fn git(&self, args: &[&str]) -> String {
        let out = Spec::new("git").args(args.iter().copied()).directory(self.path()).run().expect("git runs");
        assert!(out.success(), "git {args:?}: {}", out.error_text());
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn write(&self, path: &str, text: &str) {
        let full = self.path().join(path);
        std::fs::create_dir_all(full.parent().expect("a parent")).expect("made");
        std::fs::write(full, text).expect("written");
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).expect("read")
    }

    fn open(&self) -> Git {
        Git::discover(dir_of(self), Faults::default()).expect("opens")
    }

    /// Applies and lands one answer that turns the worktree's `old` into `new`.
    fn land(&self, path: &str, old: Option<&str>, new: Option<&str>) -> Landed {
        let git = self.open();
        let changes = change(path, old, new);
        git.apply(&changes, "t").expect("applies");
        let landed = git.land(&landing(&changes, "subject\n\nRetort-Turn: kk\n")).expect("lands");
        assert_eq!(self.git(&["fsck", "--strict", "--no-dangling"]), "");
        landed
    }
}

fn dir_of(repo: &Repo) -> &std::path::Path {
    repo.dir.path()
}

fn change(path: &str, old: Option<&str>, new: Option<&str>) -> ChangeSet {
    let state = |t: &str| FileState { mode: FileMode::Regular, bytes: t.as_bytes().to_vec() };
    let mut set = ChangeSet::default();
    set.record(RepoPath::new(path).expect("a path"), old.map(state), new.map(state));
    set
}

fn landing<'a>(changes: &'a ChangeSet, message: &str) -> Landing<'a> {
    Landing { changes, words: words(message), extent: Extent::WhatFits }
}

fn words(message: &str) -> Words<'static> {
    let author_time = Timestamp::from_millis(1_700_000_000_000);
    Words { message: message.to_owned(), author_time, author_offset: 3600, trailer: "Retort-Turn: kk" }
}

fn taken(commit: Oid, changes: &ChangeSet) -> [Taken<'_>; 1] {
    [Taken { commit, changes, share: Share::All }]
}

#[test]
fn a_clean_file_is_committed_and_stays_clean() {
    let repo = Repo::with(&[("d/a", "1\n"), ("b", "x\n")]);
    let landed = repo.land("d/a", Some("1\n"), Some("2\n"));
    assert_eq!(landed.commit.map(|c| c.to_string()), Some(repo.git(&["rev-parse", "HEAD"]).trim().to_owned()));
    assert_eq!(repo.git(&["status", "--porcelain=v2"]), "");
    assert_eq!(repo.git(&["show", "HEAD:d/a"]), "2\n");
    assert_eq!(
        repo.git(&["log", "-1", "--format=%an %ae %s %ad", "--date=iso"]),
        "U u@example.com subject 2023-11-14 23:13:20 +0100\n"
    );
    repo.git(&["commit", "-q", "--allow-empty", "-m", "next"]);
    assert_eq!(repo.git(&["show", "HEAD:d/a"]), "2\n", "the user's next commit keeps ours");
}

#[test]
fn user_lines_stay_where_they_were() {
    let base = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    let repo = Repo::with(&[("a", base), ("s", "s\n")]);
    let staged = base.replace('1', "one");
    repo.write("a", &staged);
    repo.git(&["add", "a"]);
    let dirty = staged.replace('9', "nine");
    repo.write("a", &dirty);
    repo.write("u", "untracked\n");
    let (d, c) = (repo.git(&["diff"]), repo.git(&["diff", "--cached"]));
    let landed = repo.land("a", Some(&dirty), Some(&dirty.replace('5', "five")));
    assert!(landed.commit.is_some());
    assert_eq!(landed.without_user_lines.len(), 1);
    assert_eq!(repo.git(&["show", "HEAD:a"]), base.replace('5', "five"));
    let lines = |t: &str| t.lines().filter(|l| l.starts_with(['+', '-'])).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&repo.git(&["diff"])), lines(&d));
    assert_eq!(lines(&repo.git(&["diff", "--cached"])), lines(&c));
    assert!(repo.git(&["status", "--porcelain"]).contains("?? u"));
}

#[test]
fn overlapping_and_untracked_files_are_not_committed() {
    let repo = Repo::with(&[("a", "1\n2\n")]);
    repo.write("a", "1\nmine\n");
    let landed = repo.land("a", Some("1\nmine\n"), Some("1\nours\n"));
    assert_eq!((landed.commit, landed.uncommitted[0].1.clone()), (None, Withheld::Overlap));
    assert_eq!(repo.read("a"), "1\nours\n");
    repo.write("u", "x\n");
    let landed = repo.land("u", Some("x\n"), Some("y\n"));
    assert_eq!((landed.commit, landed.uncommitted[0].1.clone()), (None, Withheld::Untracked));
}

#[test]
fn files_are_created_and_deleted_with_their_directories() {
    let repo = Repo::with(&[("a", "1\n"), ("d/only", "x\n")]);
    assert!(repo.land("new/deep/f", None, Some("n\n")).commit.is_some());
    assert_eq!(repo.git(&["status", "--porcelain=v2"]), "");
    assert!(repo.land("d/only", Some("x\n"), None).commit.is_some());
    assert_eq!(repo.git(&["status", "--porcelain=v2"]), "");
    assert_eq!(repo.git(&["ls-tree", "-r", "--name-only", "HEAD"]), "a\nnew/deep/f\n");
    assert!(!repo.path().join("d").exists());
}

#[test]
fn an_unborn_branch_gets_its_first_commit() {
    let repo = Repo::new();
    assert!(repo.land("f", None, Some("n\n")).commit.is_some());
    assert_eq!(repo.git(&["status", "--porcelain=v2"]), "");
    assert_eq!(repo.git(&["log", "--format=%s"]), "subject\n");
}

#[test]
fn commit_hooks_run_and_may_refuse() {
    let repo = Repo::with(&[("a", "1\n")]);
    hook(&repo, "commit-msg", r#"echo seen >> .git/seen; grep -q good "$1" || { echo no good >&2; exit 1; }"#);
    repo.write("other", "staged\n");
    repo.git(&["add", "other"]);
    let git = repo.open();
    let changes = change("a", Some("1\n"), Some("2\n"));
    git.apply(&changes, "t").expect("applies");
    let refused = git.land(&landing(&changes, "bad\n")).expect_err("refused");
    assert!(matches!(&refused, VcsError::CommitRefused(said) if said.contains("no good")), "{refused}");
    let landed = git.land(&landing(&changes, "good\n\nRetort-Turn: kk\n")).expect("lands");
    assert!(landed.commit.is_some());
    assert_eq!(repo.git(&["status", "--porcelain"]), "A  other\n");
    assert_eq!(repo.git(&["show", "--name-only", "--format=", "HEAD"]), "a\n");
    assert_eq!(repo.read(".git/seen"), "seen\nseen\n");
}

/// A hook that runs `script`. A child writes it: a child of another test that is just starting would have a copy of our
/// descriptor, and git cannot run a file that somebody has open for writing.
fn hook(repo: &Repo, name: &str, script: &str) {
    let write = r#"mkdir -p .git/hooks && cat > ".git/hooks/$1" && chmod 755 ".git/hooks/$1""#;
    let spec = Spec::new("sh").args(["-c", write, "sh", name]).directory(repo.path());
    let out = spec.input(format!("#!/bin/sh\n{script}\n").into_bytes()).run().expect("sh runs");
    assert!(out.success(), "{}", out.error_text());
}

/// Commits the change of `x` beside the hook that it runs in, once.
const FOREIGN: &str = "test -e .git/once && exit 0; touch .git/once; unset GIT_INDEX_FILE
git -c core.hooksPath=/dev/null commit -q -m foreign --only x";

#[test]
fn a_commit_of_somebody_else_during_a_hook_is_not_taken_for_ours() {
    for end in ["exit 0", "exit 1"] {
        let repo = Repo::with(&[("a", "1\n"), ("x", "1\n")]);
        hook(&repo, "pre-commit", &format!("{FOREIGN}\n{end}"));
        repo.write("x", "2\n");
        let landed = repo.land("a", Some("1\n"), Some("2\n"));
        let commit = landed.commit.expect("a commit").to_string();
        assert_eq!(repo.git(&["log", "--format=%s"]), "subject\nforeign\nfirst\n");
        assert_eq!(repo.git(&["rev-parse", "HEAD"]).trim(), commit);
        assert_eq!(repo.git(&["show", "--name-only", "--format=", "HEAD"]), "a\n");
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn a_commit_on_top_of_ours_by_a_hook_leaves_ours_ours() {
    let repo = Repo::with(&[("a", "1\n"), ("x", "1\n")]);
    hook(&repo, "post-commit", FOREIGN);
    repo.write("x", "2\n");
    let landed = repo.land("a", Some("1\n"), Some("2\n"));
    assert_eq!(repo.git(&["log", "--format=%s"]), "foreign\nsubject\nfirst\n");
    assert_eq!(repo.git(&["rev-parse", "HEAD^"]).trim(), landed.commit.expect("a commit").to_string());
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_held_index_is_found_before_a_hook_runs_and_said_after() {
    let repo = Repo::with(&[("a", "1\n")]);
    hook(&repo, "pre-commit", "touch .git/ran");
    let git = repo.open();
    let changes = change("a", Some("1\n"), Some("2\n"));
    git.apply(&changes, "t").expect("applies");
    repo.write(".git/index.lock", "");
    let refused = git.land(&landing(&changes, "subject\n\nRetort-Turn: kk\n")).expect_err("held");
    assert!(matches!(refused, VcsError::IndexLocked(_)), "{refused}");
    assert!(!repo.path().join(".git/ran").exists());
    std::fs::remove_file(repo.path().join(".git/index.lock")).expect("removed");
    // The hook takes it: the commit is made, and the index stays behind.
    hook(&repo, "pre-commit", "touch .git/index.lock");
    let landed = git.land(&landing(&changes, "subject\n\nRetort-Turn: kk\n")).expect("lands");
    assert_eq!(repo.git(&["rev-parse", "HEAD"]).trim(), landed.commit.expect("a commit").to_string());
    assert!(landed.index_behind.is_some_and(|why| why.contains("index.lock")));
}

#[test]
fn a_file_announced_with_intent_to_add_is_committed_by_git_too() {
    let repo = Repo::with(&[("a", "1\n")]);
    hook(&repo, "pre-commit", "exit 0");
    let git = repo.open();
    let changes = change("n", None, Some("new\n"));
    git.apply(&changes, "t").expect("applies");
    repo.git(&["add", "-N", "n"]);
    git.land(&landing(&changes, "subject\n\nRetort-Turn: kk\n")).expect("lands").commit.expect("a commit");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_change_that_fails_halfway_leaves_what_was_there_already() {
    // Nothing is at the path of the last one that counts as a file, but a directory is in its way.
    let repo = Repo::with(&[("a", "1\n"), ("b", "2\n"), ("d/c", "1\n")]);
    let mut changes = change("a", Some("1\n"), Some("2\n"));
    for (path, change) in change("b", Some("1\n"), Some("2\n")).iter().chain(change("d", None, Some("x")).iter()) {
        changes.record(path.clone(), change.before.clone(), change.after.clone());
    }
    repo.open().apply(&changes, "t").expect_err("a directory is there");
    assert_eq!((repo.read("a"), repo.read("b"), repo.read("d/c")), ("1\n".to_owned(), "2\n".to_owned(), "1\n".to_owned()));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_commit_is_taken_back_by_moving_or_by_reverting() {
    let repo = Repo::with(&[("a", "1\n2\n3\n4\n5\n"), ("s", "s\n")]);
    let first = repo.git(&["rev-parse", "HEAD"]);
    let (before, after) = ("1\n2\n3\n4\n5\n", "1\nX\n3\n4\n5\n");
    let commit = repo.land("a", Some(before), Some(after)).commit.expect("a commit");
    repo.write("s", "staged\n");
    repo.git(&["add", "s"]);
    let changes = change("a", Some(before), Some(after));
    let git = repo.open();
    git.apply(&changes.inverse(), "t").expect("applies");
    let back = git.take_back(&taken(commit, &changes), &words("revert\n")).expect("taken back");
    assert_eq!(back, TakenBack::Moved(Some(first.trim().parse().expect("an id"))));
    assert_eq!(repo.git(&["status", "--porcelain"]), "M  s\n");

    let commit = repo.land("a", Some(before), Some(after)).commit.expect("a commit");
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    let git = repo.open();
    git.apply(&changes.inverse(), "t").expect("applies");
    let back = git.take_back(&taken(commit, &changes), &words("revert it\n")).expect("taken back");
    assert!(matches!(back, TakenBack::Reverted(_)));
    assert_eq!(repo.git(&["log", "-2", "--format=%s"]), "revert it\nsubject\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "M  s\n");
}

#[test]
fn apply_is_all_or_nothing() {
    let repo = Repo::with(&[("a", "1\n"), ("b", "1\n")]);
    let changes = change("a", Some("1\n"), Some("2\n")).then(&change("b", Some("other\n"), Some("2\n")));
    let error = repo.open().apply(&changes, "t").expect_err("refused");
    assert!(matches!(error, VcsError::FileChanged(_)));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn links_are_never_followed() {
    let repo = Repo::with(&[("a", "1\n")]);
    let outside = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink(outside.path(), repo.path().join("link")).expect("linked");
    let error = repo.open().apply(&change("link/x", None, Some("2\n")), "t").expect_err("refused");
    assert!(matches!(error, VcsError::BadTarget(..)), "{error}");
    assert!(std::fs::read_dir(outside.path()).expect("lists").next().is_none());
}

#[test]
fn a_lock_left_by_a_killed_run_is_cleared_and_one_of_git_is_not() {
    let repo = Repo::with(&[("a", "1\n")]);
    let own = repo.path().join(".git/retort");
    std::fs::create_dir_all(&own).expect("made");
    std::fs::write(own.join("index.new"), "x").expect("written");
    std::fs::hard_link(own.join("index.new"), repo.path().join(".git/index.lock")).expect("linked");
    assert!(repo.land("a", Some("1\n"), Some("2\n")).commit.is_some());
    std::fs::write(repo.path().join(".git/index.lock"), "").expect("written");
    let git = repo.open();
    let changes = change("a", Some("2\n"), Some("3\n"));
    git.apply(&changes, "t").expect("applies");
    let error = git.land(&landing(&changes, "m\n")).expect_err("locked");
    assert!(matches!(error, VcsError::IndexLocked(_)));
    assert!(repo.path().join(".git/index.lock").exists());
    assert_eq!(repo.git(&["log", "-1", "--format=%s"]), "subject\n");
}

#[test]
fn an_index_that_changed_since_it_was_read_is_not_written_over() {
    for skip_hash in ["false", "true"] {
        let repo = Repo::with(&[("a", "1\n")]);
        repo.git(&["config", "index.skipHash", skip_hash]);
        repo.write("b", "b\n");
        repo.git(&["add", "b"]);
        let git = repo.open();
        let file = std::fs::File::options().write(true).open(repo.path().join(".git/index")).expect("opens");
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000)).expect("aged");
        let _lock = git.lock_worktree().expect("locks");
        let (same, old) = (git.index_or_empty().expect("reads"), git.index_or_empty().expect("reads"));
        assert!(git.lock_index(same, &BTreeMap::new()).expect("locks").is_some_and(|lock| lock.abandon().is_ok()));
        repo.write("c", "c\n");
        repo.git(&["add", "c"]);
        assert!(git.lock_index(old, &BTreeMap::new()).expect("looks").is_none(), "skipHash = {skip_hash}");
        assert!(!repo.path().join(".git/index.lock").exists());
        assert_eq!(repo.git(&["diff", "--cached", "--name-only"]), "b\nc\n");
    }
}

#[test]
fn the_index_is_seen_as_it_is() {
    let repo = Repo::with(&[("a", "1\n")]);
    let git = repo.open();
    let paths = || git.worktree().expect("reads").paths().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(paths(), ["a"]);
    repo.write("b", "b\n");
    repo.git(&["add", "b"]);
    assert_eq!(paths(), ["a", "b"]);
    std::fs::remove_file(repo.path().join(".git/index")).expect("removed");
    assert_eq!(paths(), [""; 0]);
}

#[test]
fn settling_brings_the_index_up_to_date() {
    let repo = Repo::with(&[("a", "1\n")]);
    repo.git(&["commit", "-q", "--allow-empty", "-m", "base"]);
    let base = repo.open().head().expect("a head").commit;
    repo.land("a", Some("1\n"), Some("2\n"));
    // As if the process had died between the branch and the index.
    repo.git(&["update-index", "--cacheinfo", &format!("100644,{},a", repo.git(&["rev-parse", "HEAD^:a"]).trim())]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "MM a\n");
    let paths = BTreeSet::from([RepoPath::new("a").expect("a path")]);
    let git = repo.open();
    assert!(git.settle("Retort-Turn: kk", base, &paths).expect("settles").is_some());
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(git.settle("Retort-Turn: none", base, &paths).expect("settles"), None);
}

#[test]
fn hidden_refs_move_by_compare_and_swap_only() {
    let repo = Repo::with(&[("a", "1\n")]);
    let git = repo.open();
    let draft = CommitDraft {
        parents: vec![],
        files: BTreeMap::from([("x/y".to_owned(), b"z".to_vec()), ("x.a".to_owned(), Vec::new())]),
        author: Signature::retort(0),
        committer: Signature::retort(1),
        message: b"m\n".to_vec(),
    };
    let one = git.write_commit(&draft).expect("written");
    let two = git.write_commit(&CommitDraft { parents: vec![one], ..draft }).expect("written");
    let name = "refs/retort/sessions/kk";
    git.set_ref(name, one, Expected::Absent).expect("set");
    assert!(matches!(git.set_ref(name, two, Expected::Absent), Err(VcsError::Moved { .. })));
    assert!(matches!(git.set_ref(name, two, Expected::Is(two)), Err(VcsError::Moved { .. })));
    git.set_ref(name, two, Expected::Is(one)).expect("set");
    assert!(git.set_ref("refs/heads/x", two, Expected::Absent).is_err());
    assert_eq!(git.refs("refs/retort/").expect("listed"), vec![(name.to_owned(), two)]);
    let commit = git.commit(two).expect("read").expect("there");
    assert_eq!(commit.parents, vec![one]);
    assert_eq!(git.file(commit.tree, "x/y").expect("read"), Some(b"z".to_vec()));
    assert_eq!(git.file(commit.tree, "x/none").expect("read"), None);
    assert_eq!(git.list(commit.tree, "x").expect("read"), vec!["y"]);
    assert!(git.is_ancestor(one, two).expect("walks") && !git.is_ancestor(two, one).expect("walks"));
    assert_eq!(git.commits_with_prefix(&one.to_string()[..10]).expect("found"), vec![one]);
    assert_eq!(repo.git(&["fsck", "--strict"]), "");
    assert_eq!(repo.git(&["log", "-1", "--format=%cn %cd", "--date=unix", name]), "retort 86401\n");
}

#[test]
fn unknown_extensions_are_refused() {
    let repo = Repo::with(&[("a", "1\n")]);
    repo.git(&["config", "core.repositoryformatversion", "1"]);
    repo.git(&["config", "extensions.futureThing", "1"]);
    assert!(matches!(Git::discover(dir_of(&repo), Faults::default()), Err(VcsError::Unsupported { .. })));
}

#[test]
fn staged_files_are_found_whatever_the_index_remembers_of_its_trees() {
    let files =
        [("a/x", "1\n"), ("a.b", "1\n"), ("a/deep/y", "1\n"), ("a0", "1\n"), ("b/x", "1\n"), ("c/x", "1\n"), ("d/x", "1\n")];
    let repo = Repo::with(&files);
    let git = repo.open();
    let staged = || {
        let all = git.dirty().expect("reads");
        all.iter().filter(|f| f.staged).map(|f| f.path.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(staged(), "");
    repo.write("b/x", "2\n");
    repo.git(&["add", "b/x"]);
    assert_eq!(staged(), "b/x", "one directory is not remembered");
    repo.git(&["write-tree"]);
    assert_eq!(staged(), "b/x", "all are, one with another tree than HEAD's");
    repo.git(&["rm", "-q", "--cached", "c/x", "a/deep/y"]);
    repo.git(&["write-tree"]);
    assert_eq!(staged(), "a/deep/y b/x c/x", "directories that are gone from the index");
    repo.git(&["commit", "-q", "-m", "second"]);
    assert_eq!(staged(), "");
    repo.git(&["reset", "-q", "--soft", "HEAD^"]);
    assert_eq!(staged(), "a/deep/y b/x c/x", "HEAD moved below the index");
    repo.git(&["reset", "-q", "--soft", "ORIG_HEAD"]);
    repo.write("e/x", "new\n");
    repo.git(&["add", "-N", "e/x"]);
    assert_eq!(staged(), "e/x", "an intention to add");
}

#[test]
fn dirty_files_are_told_apart() {
    let repo = Repo::with(&[("a", "1\n"), ("b", "1\n"), ("c", "1\n"), ("d", "1\n")]);
    repo.write("a", "2\n");
    repo.write("b", "2\n");
    repo.git(&["add", "b"]);
    repo.git(&["rm", "-q", "--cached", "c"]);
    let shown: Vec<_> =
        repo.open().dirty().expect("lists").into_iter().map(|f| (f.path.to_string(), f.unstaged, f.staged)).collect();
    let want = [("a", true, false), ("b", false, true), ("c", false, true)];
    assert_eq!(shown, want.map(|(p, u, s)| (p.to_owned(), u, s)));
}

/// A repository made by real git, for the suite that every backend must pass.
struct Real {
    repo: Repo,
    git: Git,
}

impl crate::vcs::conformance::Fixture for Real {
    fn backend(&self) -> &dyn Backend {
        &self.git
    }

    fn write(&self, path: &RepoPath, bytes: Option<&[u8]>) {
        let full = self.repo.path().join(path.to_os());
        match bytes {
            Some(bytes) => {
                std::fs::create_dir_all(full.parent().expect("a parent")).expect("made");
                std::fs::write(full, bytes).expect("written");
            }
            None => std::fs::remove_file(full).expect("removed"),
        }
    }

    fn stage(&self, path: &RepoPath) {
        self.repo.git(&["add", "-A", "--", &path.to_string()]);
    }

    fn commit(&self, message: &str) -> Oid {
        self.repo.git(&["commit", "-q", "-m", message]);
        self.repo.git(&["rev-parse", "HEAD"]).trim().parse().expect("an id")
    }

    fn staged(&self, path: &RepoPath) -> Option<Vec<u8>> {
        self.repo.show(&format!(":{path}"))
    }

    fn committed(&self, path: &RepoPath) -> Option<Vec<u8>> {
        self.repo.show(&format!("HEAD:{path}"))
    }

    fn remote_has(&self, commit: Oid) {
        self.repo.git(&["update-ref", "refs/remotes/origin/main", &commit.to_string()]);
    }
}

impl Repo {
    fn show(&self, what: &str) -> Option<Vec<u8>> {
        let out = Spec::new("git").args(["show", what]).directory(self.path()).run().expect("git runs");
        out.success().then_some(out.stdout)
    }
}

#[test]
fn conforms() {
    crate::vcs::conformance::suite(&mut || {
        let repo = Repo::new();
        let git = repo.open();
        Box::new(Real { repo, git })
    });
}
