//! Taking commits of ours back.
//!
//! Invariants
//! - However many commits there are, the branch moves once: all of them are off it, or reverted, or none is.
//! - What the user put into a commit of ours stays.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::base::change::{ChangeSet, FileState};
use crate::base::id::Oid;
use crate::base::merge::merge3_files;
use crate::base::path::RepoPath;
use crate::vcs::{Backend as _, Extent, Share, Taken, TakenBack, VcsError, Words};

use super::land::{Stored, Swap, Wanted};
use super::trees::Leaf;
use super::{Git, gix_id, oid};

impl Git {
    /// Whether `commit` makes these changes on its parent, modes too, and no others.
    pub(super) fn makes_only(&self, commit: Oid, changes: &ChangeSet) -> Result<bool, VcsError> {
        let Some(raw) = self.raw_commit(commit)? else { return Ok(false) };
        let old = raw.parents.first().map(|p| self.tree_of(gix_id(*p))).transpose()?;
        let new = gix_id(raw.tree);
        if self.changed_files(old, new)?.iter().any(|path| changes.get(path).is_none()) {
            return Ok(false);
        }
        let mut filter = self.filter()?;
        for (path, change) in changes.iter() {
            let mut stored = |state: &Option<FileState>| -> Result<Option<Vec<u8>>, VcsError> {
                state.as_ref().map(|s| Ok(filter.store(path, s)?.into_owned())).transpose()
            };
            let (before, after) = (stored(&change.before)?, stored(&change.after)?);
            let read = |leaf: Option<Leaf>| leaf.map(|l| self.blob(l.id)).transpose();
            let (from, to) = (self.leaf(old, path)?, self.leaf(Some(new), path)?);
            let (here, made) = (read(from)?, read(to)?);
            match merge3_files(before.as_deref(), after.as_deref(), here.as_deref()) {
                Ok(ours) if ours == made => {}
                _ => return Ok(false),
            }
            let mode = |state: &Option<FileState>| state.as_ref().map(|s| s.mode);
            let ours = if mode(&change.before) == mode(&change.after) { from.map(|l| l.mode) } else { mode(&change.after) };
            if ours.is_some() && to.is_some_and(|made| Some(made.mode) != ours) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn take_commits_back(&self, commits: &[Taken<'_>], words: &Words<'_>) -> Result<TakenBack, VcsError> {
        self.check_idle()?;
        let _lock = self.lock_worktree()?;
        self.clear_own_lock()?;
        let head = self.repo.head().map_err(super::fault)?.id().map(gix::Id::detach);
        let wanted = self.taking_out(commits)?;
        if let Some((oldest, end)) = self.end_of_branch(head.map(oid), commits)? {
            let remotes: Vec<Oid> = self.list_refs("refs/remotes/")?.into_iter().map(|(_, id)| id).collect();
            // Without a branch, HEAD has to point to some commit.
            let can_move = end.is_some() || self.repo.head_name().map_err(super::fault)?.is_some();
            // Whoever has a later one has this one.
            if can_move && !self.reaches(&remotes, oldest)? {
                let author = self.signature(words.author_time, words.author_offset)?;
                let index = self.index_or_empty()?;
                let plan = self.plan(head, &index, &wanted)?;
                if let Some((path, _)) = plan.uncommitted.first() {
                    return Err(VcsError::Conflict(path.clone()));
                }
                self.sync_objects(&plan.written)?;
                let entries = &plan.entries;
                return match self.swap(head, end.map(gix_id), index, entries, &author, "undo: moving back")? {
                    Swap::Done => Ok(TakenBack::Moved(end)),
                    Swap::Lost => Err(VcsError::Moved { name: "HEAD".to_owned() }),
                };
            }
        }
        let landed = self.commit_wanted(&wanted, words, Extent::Whole)?;
        match (landed.commit, landed.uncommitted.first()) {
            (Some(commit), _) => Ok(TakenBack::Reverted(commit)),
            (None, Some((path, _))) => Err(VcsError::Conflict(path.clone())),
            // The branch has no trace of it any more.
            (None, None) => Ok(TakenBack::Moved(head.map(oid))),
        }
    }

    /// The oldest of these commits and what it stands on, when nothing but them lies between that and `head`.
    fn end_of_branch(&self, head: Option<Oid>, commits: &[Taken<'_>]) -> Result<Option<(Oid, Option<Oid>)>, VcsError> {
        let (mut oldest, mut end) = (None, head);
        for taken in commits {
            if taken.share != Share::All || end != Some(taken.commit) {
                return Ok(None);
            }
            (oldest, end) = (end, self.raw(taken.commit)?.parents.first().copied());
        }
        Ok(oldest.map(|oldest| (oldest, end)))
    }

    /// What takes our part of these commits out of the files, one after the other.
    fn taking_out<'a>(&self, commits: &[Taken<'a>]) -> Result<Vec<Wanted<'a>>, VcsError> {
        let mut filter = self.filter()?;
        let mut wanted: BTreeMap<&RepoPath, Wanted<'a>> = BTreeMap::new();
        for taken in commits {
            let raw = self.raw(taken.commit)?;
            let old = raw.parents.first().map(|p| self.tree_of(gix_id(*p))).transpose()?;
            for (path, change) in taken.changes.iter() {
                let leaf = |leaf: Option<Leaf>| -> Result<Stored<'a>, VcsError> {
                    leaf.map(|l| Ok((l.mode, Cow::Owned(self.blob(l.id)?)))).transpose()
                };
                let mut state = |state: &Option<FileState>| -> Result<Stored<'a>, VcsError> {
                    state.as_ref().map(|s| Ok((s.mode, Cow::Owned(filter.store(path, s)?.into_owned())))).transpose()
                };
                let (from, to) = match taken.share {
                    Share::All => (leaf(self.leaf(Some(gix_id(raw.tree)), path)?)?, leaf(self.leaf(old, path)?)?),
                    Share::Part => (state(&change.after)?, state(&change.before)?),
                };
                let may_create = taken.share == Share::All || from.is_none();
                let all = wanted.entry(path).or_insert_with(|| Wanted { path, steps: Vec::new(), may_create: false });
                all.add(from, to);
                all.may_create |= may_create;
            }
        }
        Ok(wanted.into_values().filter(|w| !w.steps.is_empty()).collect())
    }

    fn raw(&self, commit: Oid) -> Result<crate::vcs::RawCommit, VcsError> {
        self.raw_commit(commit)?.ok_or_else(|| VcsError::Corrupt(format!("commit {commit} is missing")))
    }
}
