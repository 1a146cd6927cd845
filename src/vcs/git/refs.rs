//! Refs: listing them, and moving them by compare-and-swap so that they survive a crash.
//!
//! Invariants
//! - Writers of `refs/retort/` hold our own file lock; only then may a lock file that a killed process left there be removed.
//! - A lock file anywhere else is never removed.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice as _;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use gix::refs::{FullName, Target};

use crate::base::id::Oid;
use crate::session::refs;
use crate::vcs::{Expected, RawCommit, Signature, VcsError, durable};

use super::{Git, gix_id, oid};

impl Git {
    pub(super) fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Oid)>, VcsError> {
        let platform = self.repo.references().map_err(super::fault)?;
        let mut out = Vec::new();
        for reference in platform.prefixed(prefix).map_err(super::fault)? {
            let reference = match reference {
                Ok(reference) => reference,
                // A file that holds no ref. Git goes on without it too, and says so.
                Err(error) if is_broken_ref(&*error) => continue,
                Err(error) => return Err(super::fault(error)),
            };
            if let Some(id) = reference.target().try_id() {
                out.push((reference.name().as_bstr().to_str_lossy().into_owned(), oid(id.to_owned())));
            }
        }
        out.sort();
        Ok(out)
    }

    pub(super) fn one_ref(&self, name: &str) -> Result<Option<Oid>, VcsError> {
        let found = self.repo.try_find_reference(name).map_err(super::fault)?;
        // A name that is not there is also looked for below `refs/tags/` and the like.
        let found = found.filter(|reference| reference.name().as_bstr() == name);
        Ok(found.and_then(|reference| reference.target().try_id().map(|id| oid(id.to_owned()))))
    }

    pub(super) fn set_hidden_ref(&self, name: &str, new: Oid, expected: Expected) -> Result<(), VcsError> {
        if !name.starts_with(refs::ALL) {
            return Err(VcsError::Corrupt(format!("{name} is not a ref of retort")));
        }
        if self.raw_commit(new)?.is_none() {
            return Err(VcsError::Corrupt(format!("{name} cannot point to {new}: there is no such commit")));
        }
        let lock_path = self.layout.common_dir.join("retort").join("refs.lock");
        let _lock = durable::lock(&lock_path).map_err(VcsError::io(&lock_path))?;
        let path = self.layout.common_dir.join(name);
        let stale = path.with_file_name(format!("{}.lock", path.file_name().unwrap_or_default().to_string_lossy()));
        let left = std::fs::metadata(&stale).ok().map(|m| (m.dev(), m.ino()));
        let expected = match expected {
            Expected::Absent => PreviousValue::MustNotExist,
            Expected::Is(old) => PreviousValue::MustExistAndMatch(Target::Object(gix_id(old))),
        };
        let known = known_directory(&path);
        self.faults.point("ref.before");
        let swap = || self.edit_ref(name, Some(new), expected.clone(), "retort", &Signature::retort(0));
        let mut swapped = swap();
        let now = std::fs::metadata(&stale).ok().map(|m| (m.dev(), m.ino()));
        if !matches!(swapped, Ok(()) | Err(VcsError::Moved { .. })) && left.is_some() && left == now {
            // We hold the lock that every process of ours holds for this, and a `git fetch` does not hold its own for as long
            // as the library has waited: its owner is gone.
            std::fs::remove_file(&stale).map_err(VcsError::io(&stale))?;
            swapped = swap();
        }
        swapped?;
        self.faults.point("ref.moved");
        Self::sync_ref(&path, &known)?;
        self.faults.point("ref.after");
        Ok(())
    }

    /// One swap of one ref. A value other than the expected one is [`VcsError::Moved`].
    pub(super) fn edit_ref(
        &self,
        name: &str,
        new: Option<Oid>,
        expected: PreviousValue,
        log: &str,
        committer: &Signature,
    ) -> Result<(), VcsError> {
        let mut full: FullName = name.try_into().map_err(super::fault)?;
        if name == "HEAD" && new.is_none() {
            // The library compares the expected value with HEAD itself when it deletes through HEAD. On no branch there is
            // nothing to delete: HEAD without a commit is one that names a branch.
            let branch = self.repo.head_name().map_err(super::fault)?;
            full = branch.ok_or_else(|| VcsError::Moved { name: name.to_owned() })?;
        }
        let change = match new {
            Some(new) => Change::Update {
                log: LogChange { mode: RefLog::AndReference, force_create_reflog: false, message: log.into() },
                expected,
                new: Target::Object(gix_id(new)),
            },
            None => Change::Delete { expected, log: RefLog::AndReference },
        };
        let deref = name == "HEAD" && new.is_some();
        // The branch is swapped through HEAD, so that HEAD's reflog has the step too; other refs of ours are never symbolic.
        let edit = RefEdit { change, name: full, deref };
        let time = gix::date::Time::new(committer.seconds, committer.offset).to_string();
        let who =
            gix::actor::SignatureRef { name: committer.name.as_str().into(), email: committer.email.as_str().into(), time: &time };
        match self.repo.edit_references_as(Some(edit), Some(who)) {
            Ok(_) => Ok(()),
            Err(error) if is_stale(&error) => Err(VcsError::Moved { name: name.to_owned() }),
            Err(error) => Err(super::fault(error)),
        }
    }

    /// Makes a loose ref durable, with its name and those of the directories that were made for it: up to `known`, the
    /// nearest one that was there before.
    pub(super) fn sync_ref(path: &Path, known: &Path) -> Result<(), VcsError> {
        match File::open(path) {
            Ok(open) => open.sync_all().map_err(VcsError::io(path))?,
            // Deleted, or in packed-refs.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(VcsError::io(path)(e)),
        }
        for directory in path.ancestors().skip(1).take_while(|d| d.starts_with(known)) {
            // Deleting a ref may have taken its empty directories along.
            if directory.is_dir() {
                durable::sync_directory(directory).map_err(VcsError::io(directory))?;
            }
        }
        Ok(())
    }

    /// Whether `target` is one of `tips` or reachable from one. A line of history is given up after so many commits in a
    /// row that are older than the target: clocks may be wrong, but not for that long.
    pub(super) fn reaches(&self, tips: &[Oid], target: Oid) -> Result<bool, VcsError> {
        const PATIENCE: u32 = 256;
        let target = gix_id(target);
        let Ok(commit) = self.repo.find_commit(target) else { return Ok(false) };
        let oldest = commit.time().map_err(super::fault)?.seconds;
        let mut seen = BTreeSet::new();
        let mut queue: Vec<(gix::ObjectId, u32)> = tips.iter().map(|t| (gix_id(*t), PATIENCE)).collect();
        while let Some((id, patience)) = queue.pop() {
            if id == target {
                return Ok(true);
            }
            if patience == 0 || !seen.insert(id) {
                continue;
            }
            // A shallow boundary: what lies behind it is not here.
            let Ok(commit) = self.repo.find_commit(id) else { continue };
            let younger = commit.time().map_err(super::fault)?.seconds >= oldest;
            let left = if younger { PATIENCE } else { patience - 1 };
            queue.extend(commit.parent_ids().map(|p| (p.detach(), left)));
        }
        Ok(false)
    }

    pub(super) fn find_commit_with(&self, line: &str, base: Option<Oid>) -> Result<Option<Oid>, VcsError> {
        let head = self.repo.head().map_err(super::fault)?;
        let mut next = head.id().map(oid);
        for _ in 0..1000 {
            let Some(commit) = next.filter(|id| Some(*id) != base).map(|id| self.raw_commit(id)).transpose()?.flatten() else {
                break;
            };
            if has_line(&commit, line) {
                return Ok(Some(commit.id));
            }
            next = commit.parents.first().copied();
        }
        // The user may have moved the branch since; the reflog still knows what HEAD was.
        let mut platform = head.log_iter();
        let Some(log) = platform.rev().map_err(super::fault)? else { return Ok(None) };
        for id in log.take(200).filter_map(Result::ok).map(|l| oid(l.new_oid)) {
            if self.raw_commit(id)?.is_some_and(|commit| has_line(&commit, line)) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

/// The nearest directory above `path` that is there now.
pub(super) fn known_directory(path: &Path) -> PathBuf {
    path.ancestors().skip(1).find(|d| d.is_dir()).unwrap_or(path).to_owned()
}

/// Whether a commit's message has this trailer. Its subject is somebody's words, and never one; further down, a trailer may
/// stand anywhere, because a user who squashes commits has the messages one below the other.
pub(super) fn has_line(commit: &RawCommit, line: &str) -> bool {
    commit.message.trim_start().split(|b| *b == b'\n').skip(1).any(|l| l == line.as_bytes())
}

fn is_broken_ref(error: &(dyn std::error::Error + 'static)) -> bool {
    use gix::refs::file::iter::loose_then_packed::Error;
    matches!(error.downcast_ref::<Error>(), Some(Error::ReferenceCreation { .. }))
}

fn is_stale(error: &gix::reference::edit::Error) -> bool {
    use gix::refs::file::transaction::prepare::Error as Prepare;
    matches!(
        error,
        gix::reference::edit::Error::FileTransactionPrepare(
            Prepare::ReferenceOutOfDate { .. } | Prepare::MustNotExist { .. } | Prepare::MustExist { .. }
        )
    )
}
