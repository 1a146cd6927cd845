//! Repositories: reading history and files, writing turn commits, landing code, and the directory of unfinished turns.
//!
//! Invariants
//! - [`Backend`] speaks plain data; nothing of gix or jj-lib is visible above it. Absence is `None`, never an error.
//! - What a method reports as written is synced to disk when it returns.
//! - Refs move by compare-and-swap only. Outside `refs/retort/` nothing moves but the branch that is checked out.
//! - The user's index keeps every entry but those of paths that we commit; untracked files are never committed unless the
//!   change created them, never deleted unless retort made them.

#[doc(hidden)]
pub mod conformance;
pub mod durable;
pub mod git;
pub mod memory;
pub mod wal;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::base::change::{ChangeSet, FileState};
use crate::base::clock::Timestamp;
use crate::base::id::Oid;
use crate::base::path::RepoPath;
use crate::base::tree::SourceTree;

/// Where a repository lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The worktree's top directory.
    pub root: PathBuf,
    /// The git directory of this worktree.
    pub git_dir: PathBuf,
    /// The git directory that all worktrees share.
    pub common_dir: PathBuf,
    /// Whether the git directory is retort's own, for a directory that is in no repository: there is no branch to commit to.
    pub private: bool,
}

impl Layout {
    /// The git directory of this worktree as seen from the shared one, so that it stays right when the repository moves.
    pub fn worktree_name(&self) -> PathBuf {
        self.git_dir.strip_prefix(&self.common_dir).unwrap_or(&self.git_dir).to_owned()
    }
}

/// What is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The branch's full ref name; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// `None` when the branch has no commit yet.
    pub commit: Option<Oid>,
}

impl Head {
    /// The branch's short name, or `detached HEAD`.
    pub fn short(&self) -> &str {
        self.branch.as_deref().map_or("detached HEAD", |b| b.strip_prefix("refs/heads/").unwrap_or(b))
    }
}

/// Who, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub name: String,
    pub email: String,
    /// Seconds since 1970-01-01 UTC.
    pub seconds: i64,
    /// Seconds east of UTC.
    pub offset: i32,
}

impl Signature {
    /// The committer of everything that retort writes outside the user's branches. The date is old on purpose: git's fetch
    /// negotiation walks by date, and with today's dates it would offer every unpushed turn to the server.
    pub fn retort(depth: u64) -> Self {
        let seconds = 86_400 + i64::try_from(depth).unwrap_or(i64::MAX - 86_400);
        Self { name: "retort".to_owned(), email: "retort@invalid".to_owned(), seconds, offset: 0 }
    }
}

/// A setting of the repository that may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The setting.
    pub name: String,
    pub text: String,
    /// Whether all of the text is the secret; else it is an address that may hold one.
    pub whole: bool,
}

/// A commit as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawCommit {
    pub id: Oid,
    pub tree: Oid,
    pub parents: Vec<Oid>,
    pub message: Vec<u8>,
}

/// A commit on a hidden ref, before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitDraft {
    pub parents: Vec<Oid>,
    /// File contents by path, `/` between directories.
    pub files: BTreeMap<String, Vec<u8>>,
    pub author: Signature,
    pub committer: Signature,
    pub message: Vec<u8>,
}

/// What a ref must be for a swap to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Absent,
    Is(Oid),
}

/// How a file differs from what is staged or committed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirtyFile {
    pub path: RepoPath,
    /// The worktree differs from the index.
    pub unstaged: bool,
    /// The index differs from HEAD.
    pub staged: bool,
}

/// A change to land on the user's branch.
#[derive(Debug, Clone)]
pub struct Landing<'a> {
    /// Worktree bytes before and after.
    pub changes: &'a ChangeSet,
    pub words: Words<'a>,
    pub extent: Extent,
}

/// What a commit on the user's branch says.
#[derive(Debug, Clone)]
pub struct Words<'a> {
    /// The whole commit message.
    pub message: String,
    pub author_time: Timestamp,
    /// The author's offset from UTC in seconds.
    pub author_offset: i32,
    /// The trailer line that names the turn; recovery finds the commit by it.
    pub trailer: &'a str,
}

/// A commit on the user's branch that is to be taken back.
#[derive(Debug, Clone)]
pub struct Taken<'a> {
    pub commit: Oid,
    /// Our change in it, worktree bytes before and after.
    pub changes: &'a ChangeSet,
    pub share: Share,
}

/// How much of a commit is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// All of it.
    All,
    /// The user put work of their own into it, which stays.
    Part,
}

/// Which files a commit may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// None: then there is no commit.
    Whole,
    /// Those where the user's own work is in the way.
    WhatFits,
}

/// What came of landing a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Landed {
    /// The commit; `None` when nothing could be committed.
    pub commit: Option<Oid>,
    /// Committed, but the user's own uncommitted lines of these files were left out.
    pub without_user_lines: Vec<RepoPath>,
    /// In the files, but not in the commit, and why.
    pub uncommitted: Vec<(RepoPath, Withheld)>,
    /// Files that a hook of the repository changed on the way into the commit, as they are now on disk.
    pub rewritten: Vec<(RepoPath, FileState)>,
    /// Why the index still has the files as they were before the commit, when it has.
    pub index_behind: Option<String>,
}

/// Why a file's change is not in the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withheld {
    /// The user's uncommitted lines overlap with it.
    Overlap,
    /// The file is not tracked, and was there before.
    Untracked,
    /// The file's index entry is in conflict or cannot be merged with the change.
    IndexConflict,
}

impl Withheld {
    /// The stored word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::Untracked => "untracked",
            Self::IndexConflict => "index-conflict",
        }
    }

    /// Why, for people.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Overlap => "your uncommitted lines overlap with the edit",
            Self::Untracked => "the file is not tracked",
            Self::IndexConflict => "its staged version cannot be merged with the edit",
        }
    }
}

/// How a code commit was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenBack {
    /// The branch stands on this commit again (`None`: it has no commit again).
    Moved(Option<Oid>),
    /// This commit reverts it.
    Reverted(Oid),
}

/// What a push or fetch did to one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefResult {
    pub name: String,
    pub ok: bool,
    pub detail: String,
}

/// What a repository cannot do, and what went wrong.
#[derive(Debug, thiserror::Error)]
pub enum VcsError {
    /// There is no repository here.
    #[error("{0} is not inside a git repository")]
    NotARepository(PathBuf),
    /// There is one, but not of a kind that retort works on.
    #[error("{what} at {path}")]
    Unsupported { path: PathBuf, what: String },
    /// The ref is not what it was: another process was first.
    #[error("{name} moved meanwhile")]
    Moved { name: String },
    /// Another process holds the index, or was killed while it did.
    #[error("{0} exists: another git process is at work in this repository, or one was killed there")]
    IndexLocked(PathBuf),
    /// What a dead process of ours had started still runs.
    #[error("a command that it started{} still runs", .0.map(|pid| format!(", process {pid},")).unwrap_or_default())]
    AtWork(Option<u32>),
    /// A merge, rebase or the like is under way.
    #[error("a {0} is in progress in this repository")]
    InProgress(&'static str),
    /// The author is not known.
    #[error("git does not know who you are: user.name and user.email are not set")]
    NoIdentity,
    /// A hook of the repository refused the commit.
    #[error("git commit was refused{}", if .0.is_empty() { String::new() } else { format!(":\n{}", .0.trim_end()) })]
    CommitRefused(String),
    /// A file is not what it was when the change was planned.
    #[error("{0} changed while the answer was being applied")]
    FileChanged(RepoPath),
    /// A path leads out of the worktree through a symbolic link, or through something that is no directory.
    #[error("{0} cannot be written: {1}")]
    BadTarget(RepoPath, &'static str),
    /// The repository's filters or rules for line ends do not take the file.
    #[error("git's filters do not take {0}: {1}")]
    Filter(RepoPath, String),
    /// Undoing this would take work of the user with it.
    #[error("{0} was changed since, in the same lines")]
    Conflict(RepoPath),
    /// The installed `git` is needed for this and failed.
    #[error("git {action} failed: {stderr}")]
    GitFailed { action: String, stderr: String },
    /// A partial clone does not have the object yet, and it was said not to fetch it.
    #[error("object {0} is not in this partial clone yet")]
    NotFetched(Oid),
    /// An object that must be there is missing or damaged.
    #[error("the repository is damaged: {0}")]
    Corrupt(String),
    /// An object or a ref cannot be read or written.
    #[error("{what}: {source}")]
    Storage { what: String, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

impl VcsError {
    /// An I/O error at `path`.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { path, source }
    }
}

/// A repository and one worktree of it.
pub trait Backend {
    fn layout(&self) -> &Layout;

    /// The settings of the repository that may hold secrets: addresses of remotes and proxies, headers.
    fn credentials(&self) -> Vec<Credential> {
        Vec::new()
    }

    /// What is checked out now.
    fn head(&self) -> Result<Head, VcsError>;

    /// Refs whose names start with `prefix`, in name order, with the commits they point to.
    fn refs(&self, prefix: &str) -> Result<Vec<(String, Oid)>, VcsError>;

    /// The commit that this ref points to; `None` when there is no such ref.
    fn find_ref(&self, name: &str) -> Result<Option<Oid>, VcsError> {
        Ok(self.refs(name)?.into_iter().find(|(found, _)| found == name).map(|(_, id)| id))
    }

    /// The commit with this id.
    fn commit(&self, id: Oid) -> Result<Option<RawCommit>, VcsError>;

    /// Commits whose id starts with these hexadecimal digits; at most a few.
    fn commits_with_prefix(&self, prefix: &str) -> Result<Vec<Oid>, VcsError>;

    /// A file in a tree.
    fn file(&self, tree: Oid, path: &str) -> Result<Option<Vec<u8>>, VcsError>;

    /// A file of a tree as a checkout writes it into the worktree.
    fn checked_out(&self, tree: Oid, path: &RepoPath) -> Result<Option<FileState>, VcsError>;

    /// The names in a directory of a tree (the top one is the empty path); empty when there is none.
    fn list(&self, tree: Oid, directory: &str) -> Result<Vec<String>, VcsError>;

    /// Writes a commit and all it needs; no ref moves.
    fn write_commit(&self, draft: &CommitDraft) -> Result<Oid, VcsError>;

    /// Points a ref under `refs/retort/` to `new`, if it is as expected.
    fn set_ref(&self, name: &str, new: Oid, expected: Expected) -> Result<(), VcsError>;

    /// The author line for commits made at this time.
    fn author(&self, at: Timestamp, offset: i32) -> Result<Signature, VcsError>;

    /// The worktree's files.
    fn worktree(&self) -> Result<Box<dyn SourceTree + '_>, VcsError>;

    /// Tracked files that differ from the index or HEAD.
    fn dirty(&self) -> Result<Vec<DirtyFile>, VcsError>;

    /// Refuses when a merge, rebase or the like is under way.
    fn check_idle(&self) -> Result<(), VcsError>;

    /// Writes the changes into the worktree, all or none: when a file is not what the change says it was, those that were
    /// written are put back. `temp` names this write, so that what a killed one left can be found.
    fn apply(&self, changes: &ChangeSet, temp: &str) -> Result<(), VcsError>;

    /// Removes temporary files that a killed [`Self::apply`] of these changes left.
    fn clean_temps(&self, changes: &ChangeSet, temp: &str) -> Result<(), VcsError>;

    /// Commits changes that are in the worktree onto the branch, without the user's own uncommitted lines.
    fn land(&self, landing: &Landing<'_>) -> Result<Landed, VcsError>;

    /// Takes commits (the newest first) off the branch, all of them in one step or none: moves the branch back when they are
    /// its end, are ours alone and no remote-tracking ref has one, else makes one commit with these words that reverts them.
    fn take_back(&self, commits: &[Taken<'_>], words: &Words<'_>) -> Result<TakenBack, VcsError>;

    /// The first commit, going back from HEAD and then through HEAD's reflog, whose message has this line; the walk along
    /// first parents ends at `base` or after 1,000 commits.
    fn find_landed(&self, line: &str, base: Option<Oid>) -> Result<Option<Oid>, VcsError>;

    /// Whether a commit makes these changes on its parent and no others: nobody put work of their own into it.
    fn is_exactly(&self, commit: Oid, changes: &ChangeSet) -> Result<bool, VcsError> {
        let _ = (commit, changes);
        Ok(false)
    }

    /// Completes a landing whose process died: finds its commit as [`Self::find_landed`] does and, when it is HEAD, brings the
    /// index entries of `paths` up to date. Removes what the dead process left locked. Doing it twice changes nothing.
    fn settle(&self, line: &str, base: Option<Oid>, paths: &BTreeSet<RepoPath>) -> Result<Option<Oid>, VcsError>;

    /// Completes a swap of the branch away from `from` whose process died: index entries of `paths` that still show that
    /// commit's version get HEAD's. Doing it twice changes nothing.
    fn settle_from(&self, from: Oid, paths: &BTreeSet<RepoPath>) -> Result<(), VcsError>;

    /// Refuses with [`VcsError::AtWork`] while something runs that a dead process of ours had started on this branch.
    fn check_outlived(&self) -> Result<(), VcsError> {
        Ok(())
    }

    /// Removes what a killed process left locked, unless one is at work.
    fn clear_locks(&self) -> Result<(), VcsError>;

    /// Whether `ancestor` is `commit` or reachable from it.
    fn is_ancestor(&self, ancestor: Oid, commit: Oid) -> Result<bool, VcsError>;

    /// Makes another worktree of this repository in `directory`, with this commit in it and no branch.
    fn add_worktree(&self, directory: &Path, commit: Oid) -> Result<(), VcsError>;

    /// Pushes exactly these refs to a remote, all or none.
    fn push(&self, remote: &str, refs: &[String]) -> Result<Vec<RefResult>, VcsError>;

    /// Fetches `refs/retort/{sessions,meta}/*` of a remote into `refs/retort/remotes/<remote>/`.
    fn fetch(&self, remote: &str) -> Result<(), VcsError>;
}
