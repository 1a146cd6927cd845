//! What every [`Backend`] must do, as one suite that is run over each implementation.
//!
//! Invariants
//! - Each case starts from a fixture of its own: an empty repository on an unborn branch, with an author set up.
//! - Nothing is asked for that git itself could not do.

use std::collections::BTreeMap;

use super::{
    Backend, CommitDraft, Expected, Extent, Landed, Landing, Share, Signature, Taken, TakenBack, VcsError, Withheld, Words,
};
use crate::base::change::{ChangeSet, FileMode, FileState};
use crate::base::clock::Timestamp;
use crate::base::id::Oid;
use crate::base::path::RepoPath;

/// A repository and the hands of its user.
pub trait Fixture {
    fn backend(&self) -> &dyn Backend;
    /// The user's editor writes a file of the worktree, or deletes it.
    fn write(&self, path: &RepoPath, bytes: Option<&[u8]>);
    /// `git add path` (also of a deleted file).
    fn stage(&self, path: &RepoPath);
    /// `git commit -m message` of what is staged.
    fn commit(&self, message: &str) -> Oid;
    /// The file in the user's index.
    fn staged(&self, path: &RepoPath) -> Option<Vec<u8>>;
    /// The file in HEAD.
    fn committed(&self, path: &RepoPath) -> Option<Vec<u8>>;
    /// Points a remote-tracking ref, `refs/remotes/…`, to `commit`.
    fn remote_has(&self, commit: Oid);
}

type Make<'a> = &'a mut dyn FnMut() -> Box<dyn Fixture>;

/// Runs every case.
pub fn suite(make: Make<'_>) {
    for case in [
        refs_move_by_compare_and_swap,
        commits_round_trip,
        foreign_names_are_absent,
        worktree_reads,
        apply_is_all_or_none,
        a_clean_change_lands,
        user_lines_stay_uncommitted,
        staged_lines_stay_staged,
        overlaps_are_withheld,
        untracked_files_are_never_committed,
        the_first_commit_of_a_branch,
        a_tip_is_taken_back_by_moving,
        shared_or_older_commits_are_reverted,
        several_commits_are_taken_back_in_one_step_or_none,
        landed_commits_are_found,
        ancestry,
    ] {
        case(make().as_ref());
    }
}

const TRAILER: &str = "Retort-Turn: kxvq";

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).expect("a path of the suite")
}

fn state(text: &str) -> FileState {
    FileState { mode: FileMode::Regular, bytes: text.as_bytes().to_vec() }
}

fn change(at: &str, before: Option<&str>, after: Option<&str>) -> ChangeSet {
    let mut set = ChangeSet::default();
    set.record(path(at), before.map(state), after.map(state));
    set
}

fn landing<'a>(changes: &'a ChangeSet, subject: &str) -> Landing<'a> {
    let message = format!("{subject}\n\n{TRAILER}\n");
    Landing { changes, words: words(message), extent: Extent::WhatFits }
}

fn words(message: String) -> Words<'static> {
    Words { message, author_time: Timestamp::from_millis(1_700_000_000_000), author_offset: 3600, trailer: TRAILER }
}

/// Takes commits of ours back, the newest first.
fn take_back(f: &dyn Fixture, commits: &[(Oid, &ChangeSet)]) -> Result<TakenBack, VcsError> {
    let taken: Vec<Taken<'_>> =
        commits.iter().map(|(commit, changes)| Taken { commit: *commit, changes, share: Share::All }).collect();
    f.backend().take_back(&taken, &words(format!("Revert\n\n{TRAILER}\n")))
}

fn draft(parents: &[Oid], files: &[(&str, &str)], message: &str) -> CommitDraft {
    CommitDraft {
        parents: parents.to_vec(),
        files: files.iter().map(|(p, b)| ((*p).to_owned(), b.as_bytes().to_vec())).collect(),
        author: Signature { name: "A. User".to_owned(), email: "user@example.org".to_owned(), seconds: 1_700_000_000, offset: 0 },
        committer: Signature::retort(parents.len() as u64 + 1),
        message: message.as_bytes().to_vec(),
    }
}

fn write_commit(f: &dyn Fixture, parents: &[Oid], message: &str) -> Oid {
    f.backend().write_commit(&draft(parents, &[("retort-0", "")], message)).expect("a commit is written")
}

/// The user has this file, committed.
fn settle(f: &dyn Fixture, at: &str, text: &str) -> Oid {
    f.write(&path(at), Some(text.as_bytes()));
    f.stage(&path(at));
    f.commit(&format!("user: {at}"))
}

/// Applies and lands one change.
fn land(f: &dyn Fixture, changes: &ChangeSet) -> Landed {
    f.backend().apply(changes, "t1").expect("the change fits");
    f.backend().land(&landing(changes, "change")).expect("it lands")
}

fn text_in_worktree(f: &dyn Fixture, at: &str) -> Option<String> {
    let tree = f.backend().worktree().expect("a worktree");
    tree.read(&path(at)).expect("reads").map(|s| String::from_utf8_lossy(&s.bytes).into_owned())
}

fn committed(f: &dyn Fixture, at: &str) -> Option<String> {
    f.committed(&path(at)).map(|b| String::from_utf8_lossy(&b).into_owned())
}

fn staged(f: &dyn Fixture, at: &str) -> Option<String> {
    f.staged(&path(at)).map(|b| String::from_utf8_lossy(&b).into_owned())
}

fn tip(f: &dyn Fixture) -> Option<Oid> {
    f.backend().head().expect("a head").commit
}

fn refs_move_by_compare_and_swap(f: &dyn Fixture) {
    let repo = f.backend();
    let (a, b) = ("refs/retort/sessions/nopqrst", "refs/retort/meta/nopqrst");
    let first = write_commit(f, &[], "first");
    let second = write_commit(f, &[first], "second");
    let fails = |name: &str, new, expected| matches!(repo.set_ref(name, new, expected), Err(VcsError::Moved { .. }));
    assert!(fails(a, first, Expected::Is(first)), "an absent ref is not anything");
    repo.set_ref(a, first, Expected::Absent).expect("a new ref");
    assert!(fails(a, second, Expected::Absent), "it exists");
    assert!(fails(a, second, Expected::Is(second)), "it is something else");
    repo.set_ref(a, second, Expected::Is(first)).expect("a swap");
    repo.set_ref(b, first, Expected::Absent).expect("another ref");
    let all = repo.refs("refs/retort/").expect("refs");
    assert_eq!(all, [(b.to_owned(), first), (a.to_owned(), second)], "in name order");
    assert_eq!(repo.refs("refs/retort/sessions/").expect("refs").len(), 1);
    assert_eq!(repo.refs("refs/retort/remotes/").expect("refs"), []);
    assert_eq!(repo.find_ref(a).expect("reads"), Some(second));
    for absent in ["refs/retort/sessions/nopqr", "refs/retort/sessions/nopqrstu", "refs/retort/sessions", "sessions/nopqrst"] {
        assert_eq!(repo.find_ref(absent).expect("reads"), None, "{absent}");
    }
    for outside in ["refs/heads/x", "refs/tags/x", "HEAD", "refs/retortx/x"] {
        assert!(repo.set_ref(outside, first, Expected::Absent).is_err(), "{outside} was set");
    }
}

fn commits_round_trip(f: &dyn Fixture) {
    let repo = f.backend();
    let files = [("retort-0", ""), ("request/parts/aa", "one\n"), ("request/parts/bb", "two"), ("request/manifest", "m\n")];
    let parent = write_commit(f, &[], "parent");
    let id = repo.write_commit(&draft(&[parent], &files, "subject\n\nRetort-Format: retort-0\n")).expect("writes");
    let again = repo.write_commit(&draft(&[parent], &files, "subject\n\nRetort-Format: retort-0\n")).expect("writes");
    assert_eq!(id, again, "the same commit twice is one");
    let raw = repo.commit(id).expect("reads").expect("it is there");
    assert_eq!((raw.id, &raw.parents[..]), (id, &[parent][..]));
    assert_eq!(raw.message, b"subject\n\nRetort-Format: retort-0\n");
    for (name, text) in files {
        assert_eq!(repo.file(raw.tree, name).expect("reads").as_deref(), Some(text.as_bytes()), "{name}");
    }
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(sorted(repo.list(raw.tree, "").expect("lists")), ["request", "retort-0"]);
    assert_eq!(sorted(repo.list(raw.tree, "request/parts").expect("lists")), ["aa", "bb"]);
    assert_eq!(repo.list(raw.tree, "nothing").expect("lists"), Vec::<String>::new());
    assert_eq!(repo.file(raw.tree, "request").expect("reads"), None, "a directory is not a file");
    assert_eq!(repo.file(raw.tree, "request/parts/cc").expect("reads"), None);
    assert!(repo.commits_with_prefix(&id.to_string()[..8]).expect("looks").contains(&id));
}

fn foreign_names_are_absent(f: &dyn Fixture) {
    let repo = f.backend();
    let real = write_commit(f, &[], "real");
    let lost = Oid::from_bytes(&vec![0xee; real.as_bytes().len()]).expect("an id");
    assert_eq!(repo.commit(lost).expect("looks"), None);
    assert_eq!(repo.commits_with_prefix("eeeeeeeeee").expect("looks"), []);
    assert!(repo.set_ref("refs/retort/sessions/nopq", lost, Expected::Absent).is_err(), "a ref to nothing");
    assert_eq!(tip(f), None, "the branch has no commit");
}

fn worktree_reads(f: &dyn Fixture) {
    settle(f, "src/b.rs", "b\n");
    settle(f, "a.rs", "a\n");
    f.write(&path("new.rs"), Some(b"new\n"));
    f.write(&path("a.rs"), Some(b"edited\n"));
    let repo = f.backend();
    let tree = repo.worktree().expect("a worktree");
    assert_eq!(tree.paths(), [path("a.rs"), path("src/b.rs")], "tracked paths in byte order");
    drop(tree);
    assert_eq!(text_in_worktree(f, "a.rs").as_deref(), Some("edited\n"));
    assert_eq!(text_in_worktree(f, "new.rs").as_deref(), Some("new\n"), "untracked files can be read");
    assert_eq!(text_in_worktree(f, "none.rs"), None);
    let dirty: Vec<_> = repo.dirty().expect("looks").into_iter().map(|d| (d.path, d.staged, d.unstaged)).collect();
    assert_eq!(dirty, [(path("a.rs"), false, true)], "untracked files are not dirty");
    f.stage(&path("a.rs"));
    let dirty: Vec<_> = repo.dirty().expect("looks").into_iter().map(|d| (d.path, d.staged, d.unstaged)).collect();
    assert_eq!(dirty, [(path("a.rs"), true, false)]);
}

fn apply_is_all_or_none(f: &dyn Fixture) {
    settle(f, "a.txt", "one\n");
    settle(f, "z.txt", "last\n");
    let repo = f.backend();
    let wrong = change("a.txt", Some("one\n"), Some("two\n")).then(&change("b/c.txt", None, Some("new\n"))).then(&change(
        "z.txt",
        Some("other\n"),
        None,
    ));
    assert!(matches!(repo.apply(&wrong, "t1"), Err(VcsError::FileChanged(p)) if p == path("z.txt")));
    assert_eq!(text_in_worktree(f, "a.txt").as_deref(), Some("one\n"), "it was put back");
    assert_eq!(text_in_worktree(f, "b/c.txt"), None, "it was put back");
    let right = change("a.txt", Some("one\n"), Some("two\n")).then(&change("b/c.txt", None, Some("new\n"))).then(&change(
        "z.txt",
        Some("last\n"),
        None,
    ));
    repo.apply(&right, "t2").expect("fits");
    assert_eq!(text_in_worktree(f, "b/c.txt").as_deref(), Some("new\n"));
    assert_eq!(text_in_worktree(f, "z.txt"), None);
    repo.clean_temps(&right, "t2").expect("nothing is left");
    repo.apply(&right.inverse(), "t3").expect("and back");
    assert_eq!(text_in_worktree(f, "a.txt").as_deref(), Some("one\n"));
    assert_eq!(text_in_worktree(f, "z.txt").as_deref(), Some("last\n"));
    assert!(repo.apply(&change("a.txt/x", None, Some("x")), "t4").is_err(), "a file is no directory");
    assert_eq!(repo.dirty().expect("looks"), [], "as it was");
}

fn a_clean_change_lands(f: &dyn Fixture) {
    let base = settle(f, "a.txt", "1\n2\n3\n");
    settle(f, "gone.txt", "gone\n");
    let before = tip(f);
    let set = change("a.txt", Some("1\n2\n3\n"), Some("1\n2\nX\n"))
        .then(&change("new/file.txt", None, Some("new\n")))
        .then(&change("gone.txt", Some("gone\n"), None));
    let landed = land(f, &set);
    let commit = landed.commit.expect("a commit");
    assert_eq!((landed.without_user_lines, landed.uncommitted), (vec![], vec![]));
    assert_eq!(tip(f), Some(commit));
    let raw = f.backend().commit(commit).expect("reads").expect("it is there");
    assert_eq!(raw.parents, before.into_iter().collect::<Vec<_>>());
    assert!(String::from_utf8_lossy(&raw.message).contains(TRAILER));
    let read = |at: &str| committed(f, at);
    assert_eq!(
        (read("a.txt").as_deref(), read("new/file.txt").as_deref(), read("gone.txt")),
        (Some("1\n2\nX\n"), Some("new\n"), None)
    );
    assert_eq!(f.backend().dirty().expect("looks"), [], "index and worktree agree with the commit");
    assert!(f.backend().is_ancestor(base, commit).expect("looks"));
    let nothing = f.backend().land(&landing(&ChangeSet::default(), "nothing")).expect("lands");
    assert_eq!((nothing.commit, tip(f)), (None, Some(commit)), "no empty commit");
}

fn user_lines_stay_uncommitted(f: &dyn Fixture) {
    settle(f, "a.txt", "1\n2\n3\n4\n5\n6\n");
    f.write(&path("a.txt"), Some(b"user\n2\n3\n4\n5\n6\n"));
    let landed = land(f, &change("a.txt", Some("user\n2\n3\n4\n5\n6\n"), Some("user\n2\n3\n4\n5\nours\n")));
    assert!(landed.commit.is_some());
    assert_eq!(landed.without_user_lines, [path("a.txt")]);
    assert_eq!(committed(f, "a.txt").as_deref(), Some("1\n2\n3\n4\n5\nours\n"));
    assert_eq!(staged(f, "a.txt").as_deref(), Some("1\n2\n3\n4\n5\nours\n"), "the next plain commit keeps our change");
    assert_eq!(text_in_worktree(f, "a.txt").as_deref(), Some("user\n2\n3\n4\n5\nours\n"));
}

fn staged_lines_stay_staged(f: &dyn Fixture) {
    settle(f, "a.txt", "1\n2\n3\n4\n5\n6\n");
    settle(f, "other.txt", "o\n");
    f.write(&path("a.txt"), Some(b"user\n2\n3\n4\n5\n6\n"));
    f.stage(&path("a.txt"));
    f.write(&path("other.txt"), Some(b"staged\n"));
    f.stage(&path("other.txt"));
    let landed = land(f, &change("a.txt", Some("user\n2\n3\n4\n5\n6\n"), Some("user\n2\n3\n4\n5\nours\n")));
    assert!(landed.commit.is_some());
    assert_eq!(committed(f, "a.txt").as_deref(), Some("1\n2\n3\n4\n5\nours\n"));
    assert_eq!(staged(f, "a.txt").as_deref(), Some("user\n2\n3\n4\n5\nours\n"), "what was staged stays staged");
    assert_eq!((committed(f, "other.txt").as_deref(), staged(f, "other.txt").as_deref()), (Some("o\n"), Some("staged\n")));
}

fn overlaps_are_withheld(f: &dyn Fixture) {
    settle(f, "a.txt", "1\n2\n3\n");
    settle(f, "b.txt", "b\n");
    let before = tip(f);
    f.write(&path("a.txt"), Some(b"1\nuser\n3\n"));
    let overlap = change("a.txt", Some("1\nuser\n3\n"), Some("1\nours\n3\n"));
    let landed = land(f, &overlap);
    assert_eq!((landed.commit, landed.uncommitted), (None, vec![(path("a.txt"), Withheld::Overlap)]));
    assert_eq!(landed.without_user_lines, vec![]);
    assert_eq!((tip(f), committed(f, "a.txt").as_deref()), (before, Some("1\n2\n3\n")));
    let both = change("a.txt", Some("1\nours\n3\n"), Some("1\nmore\n3\n")).then(&change("b.txt", Some("b\n"), Some("c\n")));
    let whole = f.backend().land(&Landing { extent: Extent::Whole, ..landing(&both, "both") }).expect("looks");
    assert_eq!((whole.commit, tip(f)), (None, before), "all of it or nothing");
    assert_eq!(whole.uncommitted, [(path("a.txt"), Withheld::Overlap)]);
    let landed = land(f, &both);
    assert!(landed.commit.is_some(), "the rest lands");
    assert_eq!(landed.uncommitted, [(path("a.txt"), Withheld::Overlap)]);
    assert_eq!((committed(f, "a.txt").as_deref(), committed(f, "b.txt").as_deref()), (Some("1\n2\n3\n"), Some("c\n")));
}

fn untracked_files_are_never_committed(f: &dyn Fixture) {
    settle(f, "a.txt", "a\n");
    f.write(&path("notes.txt"), Some(b"mine\n"));
    let landed = land(f, &change("notes.txt", Some("mine\n"), Some("mine\nours\n")));
    assert_eq!((landed.commit, landed.uncommitted), (None, vec![(path("notes.txt"), Withheld::Untracked)]));
    assert_eq!((committed(f, "notes.txt"), staged(f, "notes.txt")), (None, None));
    assert_eq!(text_in_worktree(f, "notes.txt").as_deref(), Some("mine\nours\n"));
}

fn the_first_commit_of_a_branch(f: &dyn Fixture) {
    let landed = land(f, &change("a.txt", None, Some("a\n")));
    let commit = landed.commit.expect("a commit");
    assert_eq!((tip(f), committed(f, "a.txt").as_deref()), (Some(commit), Some("a\n")));
    assert_eq!(f.backend().commit(commit).expect("reads").map(|c| c.parents), Some(vec![]));
}

fn a_tip_is_taken_back_by_moving(f: &dyn Fixture) {
    let base = settle(f, "a.txt", "1\n2\n3\n");
    let set = change("a.txt", Some("1\n2\n3\n"), Some("1\n2\nX\n")).then(&change("new.txt", None, Some("new\n")));
    let commit = land(f, &set).commit.expect("a commit");
    f.backend().apply(&set.inverse(), "t2").expect("back");
    let back = take_back(f, &[(commit, &set)]).expect("taken back");
    assert_eq!((back, tip(f)), (TakenBack::Moved(Some(base)), Some(base)));
    assert_eq!((committed(f, "a.txt").as_deref(), committed(f, "new.txt")), (Some("1\n2\n3\n"), None));
    assert_eq!(f.backend().dirty().expect("looks"), []);
    let found = f.backend().find_landed(TRAILER, Some(base)).expect("looks");
    assert_eq!(found, Some(commit), "HEAD's reflog still has it");
}

fn shared_or_older_commits_are_reverted(f: &dyn Fixture) {
    settle(f, "a.txt", "1\n2\n3\n");
    let set = change("a.txt", Some("1\n2\n3\n"), Some("1\n2\nX\n"));
    let commit = land(f, &set).commit.expect("a commit");
    f.remote_has(commit);
    f.backend().apply(&set.inverse(), "t2").expect("back");
    let TakenBack::Reverted(revert) = take_back(f, &[(commit, &set)]).expect("taken back") else {
        panic!("a commit that a remote has was removed");
    };
    assert_eq!((tip(f), committed(f, "a.txt").as_deref()), (Some(revert), Some("1\n2\n3\n")));
    assert!(f.backend().is_ancestor(commit, revert).expect("looks"));

    let commit = land(f, &set).commit.expect("a commit");
    let later = settle(f, "later.txt", "later\n");
    f.backend().apply(&set.inverse(), "t4").expect("back");
    let back = take_back(f, &[(commit, &set)]).expect("taken back");
    assert!(matches!(back, TakenBack::Reverted(id) if Some(id) == tip(f) && id != later));
    assert_eq!((committed(f, "a.txt").as_deref(), committed(f, "later.txt").as_deref()), (Some("1\n2\n3\n"), Some("later\n")));
    assert_eq!(f.backend().dirty().expect("looks"), []);
}

fn several_commits_are_taken_back_in_one_step_or_none(f: &dyn Fixture) {
    let base = settle(f, "a.txt", "1\n2\n3\n");
    // The second one goes on in the lines of the first.
    let one = change("a.txt", Some("1\n2\n3\n"), Some("1\n2\nX\n"));
    let two = change("a.txt", Some("1\n2\nX\n"), Some("1\n2\nY\n")).then(&change("new.txt", None, Some("new\n")));
    let all = one.clone().then(&two);
    let land_both = || [&one, &two].map(|set| land(f, set).commit.expect("a commit"));
    let taken = |commits: &[Oid; 2]| take_back(f, &[(commits[1], &two), (commits[0], &one)]);
    let files = || (committed(f, "a.txt"), committed(f, "new.txt"));
    let gone = (Some("1\n2\n3\n".to_owned()), None);

    // What is staged is in the way of one of them: none is taken back.
    let commits = land_both();
    f.write(&path("new.txt"), Some(b"staged\n"));
    f.stage(&path("new.txt"));
    f.write(&path("new.txt"), Some(b"new\n"));
    assert!(matches!(taken(&commits), Err(VcsError::Conflict(at)) if at == path("new.txt")));
    assert_eq!((tip(f), staged(f, "new.txt").as_deref()), (Some(commits[1]), Some("staged\n")));
    f.stage(&path("new.txt"));

    f.backend().apply(&all.inverse(), "t2").expect("back");
    assert_eq!(taken(&commits).expect("taken back"), TakenBack::Moved(Some(base)));
    assert_eq!((tip(f), files()), (Some(base), gone.clone()));
    assert_eq!(f.backend().dirty().expect("looks"), []);

    // A remote has the older one: both are reverted, and doing it again changes nothing.
    let commits = land_both();
    f.remote_has(commits[0]);
    f.backend().apply(&all.inverse(), "t3").expect("back");
    let TakenBack::Reverted(revert) = taken(&commits).expect("taken back") else { panic!("a shared commit was removed") };
    assert_eq!((tip(f), files()), (Some(revert), gone));
    assert_eq!(f.backend().commit(revert).expect("reads").map(|c| c.parents), Some(vec![commits[1]]), "one commit");
    assert_eq!(f.backend().dirty().expect("looks"), []);
    assert_eq!((taken(&commits).expect("taken back"), tip(f)), (TakenBack::Moved(Some(revert)), Some(revert)));
}

fn landed_commits_are_found(f: &dyn Fixture) {
    let base = settle(f, "a.txt", "1\n2\n3\n");
    assert_eq!(f.backend().find_landed(TRAILER, None).expect("looks"), None);
    let set = change("a.txt", Some("1\n2\n3\n"), Some("1\n2\nX\n"));
    let commit = land(f, &set).commit.expect("a commit");
    settle(f, "b.txt", "b\n");
    assert_eq!(f.backend().find_landed(TRAILER, Some(base)).expect("looks"), Some(commit));
    assert_eq!(f.backend().find_landed("Retort-Turn: kxv", Some(base)).expect("looks"), None, "only whole lines count");
}

fn ancestry(f: &dyn Fixture) {
    let repo = f.backend();
    let root = write_commit(f, &[], "root");
    let (left, right) = (write_commit(f, &[root], "left"), write_commit(f, &[root], "right"));
    let merge = write_commit(f, &[left, right], "merge");
    let cases: BTreeMap<&str, (Oid, Oid, bool)> = BTreeMap::from([
        ("itself", (left, left, true)),
        ("a parent", (root, left, true)),
        ("a second parent", (right, merge, true)),
        ("a sibling", (left, right, false)),
        ("a child", (merge, left, false)),
    ]);
    for (name, (ancestor, commit, expected)) in cases {
        assert_eq!(repo.is_ancestor(ancestor, commit).expect("looks"), expected, "{name}");
    }
}
