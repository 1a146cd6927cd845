//! Git repositories through gix; push and fetch through the installed `git`, which has the user's credentials.
//!
//! Invariants
//! - gix is named below this directory only.
//! - A repository with an extension that we do not know, with reftable refs, or owned by somebody else is refused before
//!   anything is written.
//! - Which repository it is, and which worktree, is found from the directory alone: no variable of git leads elsewhere.
//! - gix never syncs; every object and ref that we write is synced here (`objects`, `refs`).

mod back;
mod careful;
mod index;
mod land;
mod moving;
mod objects;
mod permissions;
mod private;
mod refs;
mod remote;
mod survey;
mod trees;
mod worktree;

pub use careful::{Inspected, OddRef};
pub use survey::{Feature, Remote, Survey};

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice as _;

use crate::base::change::{ChangeSet, FileState};
use crate::base::clock::Timestamp;
use crate::base::id::Oid;
use crate::base::path::RepoPath;
use crate::base::tree::SourceTree;
use crate::process::Spec;
use crate::process::fault::Faults;

pub use private::Private;

use super::{
    Backend, CommitDraft, Credential, DirtyFile, Expected, Head, Landed, Landing, Layout, RawCommit, RefResult, Signature, Taken,
    TakenBack, VcsError, Words,
};

/// A git repository and one of its worktrees.
pub struct Git {
    repo: gix::Repository,
    /// The same repository for writing objects. It looks for an object once before writing it, where `repo` would list the
    /// pack directory again for each one that is not there, which is nearly every one. When another process has packed it
    /// meanwhile, it is written once more, which harms nobody.
    writer: gix::Repository,
    /// The index, as it was last read or written.
    seen: RefCell<Option<index::Seen>>,
    layout: Layout,
    /// Our own directory, where settings and trust are: it may lie in the worktree, and is no file of any project.
    reserved: Option<PathBuf>,
    faults: Faults,
    /// See [`Git::careful`].
    careful: bool,
}

/// Extensions that change nothing about how we read and write.
const KNOWN_EXTENSIONS: [&str; 8] =
    ["objectformat", "worktreeconfig", "partialclone", "preciousobjects", "noop", "noop-v1", "relativeworktrees", "refstorage"];

impl Git {
    /// Finds the repository around `start`.
    pub fn discover(start: &Path, faults: Faults) -> Result<Self, VcsError> {
        Self::check(Self::open(start)?, faults)
    }

    /// The repository around `start`, whatever it is.
    fn open(start: &Path) -> Result<gix::Repository, VcsError> {
        let trust = gix::sec::trust::Mapping { full: options(), ..gix::sec::trust::Mapping::default() };
        let found = gix::ThreadSafeRepository::discover_opts(start, gix::discover::upwards::Options::default(), trust);
        let repo = found.map_err(|e| match e {
            gix::discover::Error::Discover(_) => VcsError::NotARepository(start.to_owned()),
            other @ gix::discover::Error::Open(_) => {
                VcsError::Unsupported { path: start.to_owned(), what: format!("cannot open the repository ({other})") }
            }
        })?;
        Ok(repo.to_thread_local())
    }

    /// Takes a repository if it is of a kind that we work on.
    fn check(mut repo: gix::Repository, faults: Faults) -> Result<Self, VcsError> {
        repo.clear_namespace();
        let layout = Self::accept(&repo)?;
        repo.object_cache_size_if_unset(1 << 20);
        let mut writer = repo.clone();
        writer.objects.refresh_never();
        Ok(Self { repo, writer, seen: RefCell::new(None), layout, reserved: None, faults, careful: false })
    }

    /// Where it lies, if it is one that we work on.
    fn accept(repo: &gix::Repository) -> Result<Layout, VcsError> {
        let refuse = |what: String| VcsError::Unsupported { path: repo.path().to_owned(), what };
        if repo.git_dir_trust() != gix::sec::Trust::Full {
            return Err(refuse("the repository belongs to another user, and git refuses it too (safe.directory)".to_owned()));
        }
        let Some(root) = repo.workdir() else {
            return Err(refuse("a bare repository has no files to work on".to_owned()));
        };
        let config = repo.config_snapshot();
        if let Some(extensions) = config.plumbing().sections_by_name("extensions") {
            let names = extensions.flat_map(|section| section.value_names().collect::<Vec<_>>());
            for name in names {
                let name = name.to_ascii_lowercase();
                if !KNOWN_EXTENSIONS.contains(&name.as_str()) {
                    return Err(refuse(format!("the repository uses the extension {name}, which this version does not know")));
                }
            }
        }
        if let Some(storage) = config.string("extensions.refStorage").filter(|s| s.as_slice() != b"files") {
            return Err(refuse(format!("refs are stored as {storage}, which this version does not write")));
        }
        let full = |path: &Path| path.canonicalize().map_err(VcsError::io(path));
        let (git_dir, common_dir) = (full(repo.git_dir())?, full(repo.common_dir())?);
        Ok(Layout { root: full(root)?, git_dir, common_dir, private: false })
    }

    /// The same repository with armed fault points.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// The same repository, in which nothing is written below this directory.
    #[must_use]
    pub fn without(mut self, directory: &Path) -> Self {
        self.reserved = Some(directory.canonicalize().unwrap_or_else(|_| directory.to_owned()));
        self
    }

    /// A boolean of git's configuration, false when it is not set.
    fn config_bool(&self, key: &str) -> bool {
        self.repo.config_snapshot().boolean(key).unwrap_or(false)
    }
}

/// A failure of the object store or the refs, in the library's words.
fn fault(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> VcsError {
    use std::io::ErrorKind as Kind;
    let error = error.into();
    let what = error.to_string();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
    while let Some(now) = cause {
        let io = match now.downcast_ref::<gix::hash::io::Error>() {
            Some(gix::hash::io::Error::Io(io)) => Some(io),
            _ => now.downcast_ref::<std::io::Error>(),
        };
        if let Some(io) = io {
            // The repository is sound; there is no room or no permission.
            let known = [Kind::StorageFull, Kind::QuotaExceeded, Kind::ReadOnlyFilesystem, Kind::PermissionDenied];
            if known.contains(&io.kind()) {
                let source = io.raw_os_error().map_or_else(|| io.kind().into(), std::io::Error::from_raw_os_error);
                return VcsError::Storage { what, source };
            }
        }
        cause = now.source();
    }
    VcsError::Corrupt(what)
}

/// How a repository is opened: with the user's configuration of git, and without what variables say about where things are.
fn options() -> gix::open::Options {
    let mut permissions = gix::open::Permissions::default();
    permissions.env.objects = gix::sec::Permission::Deny;
    gix::open::Options::default()
        // More threads share the work of reading an index; for all but the largest, starting them is the greater part of it.
        .config_overrides(["index.threads=1"])
        .permissions(permissions)
        // `GIT_WORK_TREE` and the like belong to the git that started us; see `remote::ELSEWHERE`.
        .filter_config_section(|meta| meta.source != gix::config::Source::EnvOverride && gix::config::section::is_trusted(meta))
}

fn oid(id: impl Into<gix::ObjectId>) -> Oid {
    let id = id.into();
    // Both hash kinds of git have a length that `Oid` takes.
    Oid::from_bytes(id.as_bytes()).expect("20 or 32 bytes")
}

fn gix_id(id: Oid) -> gix::ObjectId {
    gix::ObjectId::from_bytes_or_panic(id.as_bytes())
}

impl Backend for Git {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn credentials(&self) -> Vec<Credential> {
        let config = self.repo.config_snapshot();
        let mut out = Vec::new();
        let mut add = |name: String, text: &[u8], whole: bool| {
            let text = String::from_utf8_lossy(text).into_owned();
            out.push(Credential { name, text, whole });
        };
        for section in config.plumbing().sections() {
            let kind = section.header().name().to_str_lossy().to_ascii_lowercase();
            let keys: &[&str] = match kind.as_str() {
                "remote" => &["url", "pushUrl", "proxy"],
                "http" => &["proxy", "extraHeader"],
                "url" | "credential" => &[],
                _ => continue,
            };
            add(kind.clone(), section.header().subsection_name().unwrap_or_default(), false);
            for key in keys {
                for value in section.values(key) {
                    let name = format!("{kind}.{key}");
                    match *key {
                        // `Authorization: Basic …`
                        "extraHeader" => add(name, value.rsplit(|b| *b == b' ').next().unwrap_or_default(), true),
                        _ => add(name, &value, false),
                    }
                }
            }
        }
        out
    }

    fn head(&self) -> Result<Head, VcsError> {
        let head = self.repo.head().map_err(fault)?;
        let branch = head.referent_name().map(|n| n.as_bstr().to_str_lossy().into_owned());
        Ok(Head { branch, commit: head.id().map(oid) })
    }

    fn refs(&self, prefix: &str) -> Result<Vec<(String, Oid)>, VcsError> {
        self.list_refs(prefix)
    }

    fn find_ref(&self, name: &str) -> Result<Option<Oid>, VcsError> {
        self.one_ref(name)
    }

    fn commit(&self, id: Oid) -> Result<Option<RawCommit>, VcsError> {
        self.raw_commit(id)
    }

    fn commits_with_prefix(&self, prefix: &str) -> Result<Vec<Oid>, VcsError> {
        self.find_commits(prefix)
    }

    fn file(&self, tree: Oid, path: &str) -> Result<Option<Vec<u8>>, VcsError> {
        self.tree_file(tree, path)
    }

    fn checked_out(&self, tree: Oid, path: &RepoPath) -> Result<Option<FileState>, VcsError> {
        self.as_checked_out(gix_id(tree), path)
    }

    fn list(&self, tree: Oid, directory: &str) -> Result<Vec<String>, VcsError> {
        self.tree_names(tree, directory)
    }

    fn write_commit(&self, draft: &CommitDraft) -> Result<Oid, VcsError> {
        self.write_draft(draft)
    }

    fn set_ref(&self, name: &str, new: Oid, expected: Expected) -> Result<(), VcsError> {
        self.set_hidden_ref(name, new, expected)
    }

    fn author(&self, at: Timestamp, offset: i32) -> Result<Signature, VcsError> {
        self.signature(at, offset)
    }

    fn worktree(&self) -> Result<Box<dyn SourceTree + '_>, VcsError> {
        Ok(Box::new(self.open_worktree()?))
    }

    fn dirty(&self) -> Result<Vec<DirtyFile>, VcsError> {
        self.dirty_files()
    }

    fn check_idle(&self) -> Result<(), VcsError> {
        use gix::state::InProgress as P;
        match self.repo.state() {
            None | Some(P::Bisect) => Ok(()),
            Some(P::Merge) => Err(VcsError::InProgress("merge")),
            Some(P::Rebase | P::RebaseInteractive) => Err(VcsError::InProgress("rebase")),
            Some(P::CherryPick | P::CherryPickSequence) => Err(VcsError::InProgress("cherry-pick")),
            Some(P::Revert | P::RevertSequence) => Err(VcsError::InProgress("revert")),
            Some(P::ApplyMailbox | P::ApplyMailboxRebase) => Err(VcsError::InProgress("git am")),
        }
    }

    fn apply(&self, changes: &ChangeSet, temp: &str) -> Result<(), VcsError> {
        self.apply_changes(changes, temp)
    }

    fn clean_temps(&self, changes: &ChangeSet, temp: &str) -> Result<(), VcsError> {
        self.remove_temps(changes, temp)
    }

    fn land(&self, landing: &Landing<'_>) -> Result<Landed, VcsError> {
        self.land_changes(landing)
    }

    fn take_back(&self, commits: &[Taken<'_>], words: &Words<'_>) -> Result<TakenBack, VcsError> {
        self.take_commits_back(commits, words)
    }

    fn is_exactly(&self, commit: Oid, changes: &ChangeSet) -> Result<bool, VcsError> {
        self.makes_only(commit, changes)
    }

    fn find_landed(&self, line: &str, base: Option<Oid>) -> Result<Option<Oid>, VcsError> {
        self.find_commit_with(line, base)
    }

    fn settle(&self, line: &str, base: Option<Oid>, paths: &BTreeSet<RepoPath>) -> Result<Option<Oid>, VcsError> {
        self.settle_landing(line, base, paths)
    }

    fn check_outlived(&self) -> Result<(), VcsError> {
        self.check_running_commit()
    }

    fn settle_from(&self, from: Oid, paths: &BTreeSet<RepoPath>) -> Result<(), VcsError> {
        self.settle_swap(from, paths)
    }

    fn clear_locks(&self) -> Result<(), VcsError> {
        self.clear_left_lock()
    }

    fn is_ancestor(&self, ancestor: Oid, commit: Oid) -> Result<bool, VcsError> {
        self.reaches(&[commit], ancestor)
    }

    fn add_worktree(&self, directory: &Path, commit: Oid) -> Result<(), VcsError> {
        let spec = Spec::new("git").args(["worktree", "add", "--quiet", "--detach"]).arg(directory);
        self.run_git("worktree add", &spec.arg(commit.to_string())).map(drop)
    }

    fn push(&self, remote: &str, refs: &[String]) -> Result<Vec<RefResult>, VcsError> {
        self.push_refs(remote, refs)
    }

    fn fetch(&self, remote: &str) -> Result<(), VcsError> {
        self.fetch_refs(remote)
    }
}

/// A tree's content by path, as it is built up before it is written.
type Files<'a> = BTreeMap<&'a str, &'a [u8]>;

#[cfg(test)]
mod tests;
