//! Refs: listing them, and moving them by compare-and-swap so that they survive a crash.
//!
//! Invariants
//! - Writers of `refs/retort/` hold our own file lock; how a ref moves is in `moving`.

use std::collections::BTreeSet;

use gix::bstr::ByteSlice as _;

use crate::base::id::Oid;
use crate::session::refs;
use crate::vcs::durable::{self, Lock};
use crate::vcs::{Expected, RawCommit, Signature, VcsError};

use super::land::{BETWEEN, PATIENCE};
use super::moving::{self, Step};
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
        let _lock = self.lock_refs()?;
        let old = match expected {
            Expected::Absent => None,
            Expected::Is(old) => Some(old),
        };
        let who = Signature::retort(0);
        let step = Step { name, old, new, log: "retort", who: &who };
        self.faults.point("ref.before");
        for attempt in 0.. {
            match self.move_ref(&step) {
                // A `git fetch` holds it for a moment.
                Err(VcsError::IndexLocked(_)) if attempt < PATIENCE => std::thread::sleep(BETWEEN),
                moved => {
                    moved?;
                    break;
                }
            }
        }
        self.faults.point("ref.after");
        Ok(())
    }

    /// The lock under which refs of ours are written, in all worktrees.
    fn lock_refs(&self) -> Result<Lock, VcsError> {
        let path = self.layout.common_dir.join("retort").join("refs.lock");
        durable::lock(&path).map_err(VcsError::io(&path))
    }

    /// Removes locks of refs of ours that a killed process left.
    pub(super) fn clear_ref_locks(&self) -> Result<(), VcsError> {
        let [_, hidden] = self.moving_directories();
        if moving::moving(&hidden).iter().any(|name| moving::is_hidden(name)) {
            let _lock = self.lock_refs()?;
            self.clear_all_moving(&hidden, moving::is_hidden)?;
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

/// Whether a commit's message has this trailer. Its subject is somebody's words, and never one; further down, a trailer may
/// stand anywhere, because a user who squashes commits has the messages one below the other.
pub(super) fn has_line(commit: &RawCommit, line: &str) -> bool {
    commit.message.trim_start().split(|b| *b == b'\n').skip(1).any(|l| l == line.as_bytes())
}

fn is_broken_ref(error: &(dyn std::error::Error + 'static)) -> bool {
    use gix::refs::file::iter::loose_then_packed::Error;
    matches!(error.downcast_ref::<Error>(), Some(Error::ReferenceCreation { .. }))
}
