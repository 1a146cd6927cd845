//! Landing changes on the user's branch.
//!
//! Invariants
//! - A commit holds our change three-way merged onto HEAD's version of each file, so lines that the user has not committed
//!   are not in it; the index entry of each path moves by the same change, so what was staged stays staged.
//! - Order: objects synced; index locked with its new content ready; branch swapped; index renamed into place. A death
//!   between the last two leaves a lock that the next run knows as its own and an index that it brings up to date.
//! - The repository's own commit hooks and signing run whenever they are set up: then `git commit` makes the commit, from
//!   an index of its own.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gix::bstr::ByteSlice as _;
use gix::index::entry::{Flags, Stage, Stat};

use crate::base::change::{FileMode, FileState};
use crate::base::id::Oid;
use crate::base::merge::merge3_files;
use crate::base::path::RepoPath;
use crate::process::Spec;
use crate::vcs::durable::Lock;
use crate::vcs::{Backend as _, Extent, Landed, Landing, Signature, VcsError, Withheld, Words};

use super::moving::Step;
use super::survey::commit_hooks;
use super::trees::Leaf;
use super::{Git, gix_id, oid};

/// How often a landing tries again while others move the branch or hold the index, as `git status` in an editor does for a
/// moment.
pub(super) const PATIENCE: u32 = 20;

/// The pause before the index is tried again.
pub(super) const BETWEEN: std::time::Duration = std::time::Duration::from_millis(50);

/// Worktree bytes → stored bytes, by the repository's attributes and filters.
pub(super) struct Filter<'a> {
    pipeline: gix::filter::Pipeline<'a>,
    index: Rc<gix::index::File>,
}

impl Filter<'_> {
    pub(super) fn store<'b>(&mut self, path: &RepoPath, state: &'b FileState) -> Result<Cow<'b, [u8]>, VcsError> {
        if state.mode == FileMode::Symlink {
            return Ok(Cow::Borrowed(&state.bytes));
        }
        let out = self.pipeline.convert_to_git(&state.bytes[..], path.to_os(), &self.index);
        let mut out = out.map_err(|e| VcsError::Filter(path.clone(), e.to_string()))?;
        if !out.is_changed() {
            return Ok(Cow::Borrowed(&state.bytes));
        }
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut out, &mut bytes).map_err(|e| VcsError::Filter(path.clone(), e.to_string()))?;
        Ok(Cow::Owned(bytes))
    }
}

/// A file as git stores it.
pub(super) type Stored<'a> = Option<(FileMode, Cow<'a, [u8]>)>;

/// One file's change in stored form, from which any commit of it is built.
pub(super) struct Wanted<'a> {
    pub(super) path: &'a RepoPath,
    /// From what to what, one step after the other.
    pub(super) steps: Vec<(Stored<'a>, Stored<'a>)>,
    /// Whether a file that HEAD does not know may enter the commit.
    pub(super) may_create: bool,
}

impl<'a> Wanted<'a> {
    /// Adds what followed: the same step as the last one when there is nothing in between.
    pub(super) fn add(&mut self, from: Stored<'a>, to: Stored<'a>) {
        match self.steps.last_mut() {
            Some(last) if last.1 == from => last.1 = to,
            _ => self.steps.push((from, to)),
        }
        self.steps.retain(|(from, to)| from != to);
    }
}

/// A commit that is ready to be made on `head`.
#[derive(Default)]
pub(super) struct Plan {
    leaves: BTreeMap<RepoPath, Option<Leaf>>,
    pub(super) entries: BTreeMap<RepoPath, Option<(Leaf, Stat)>>,
    without_user_lines: Vec<RepoPath>,
    pub(super) uncommitted: Vec<(RepoPath, Withheld)>,
    pub(super) written: Vec<gix::ObjectId>,
}

fn bytes<'a>(side: &'a Stored<'_>) -> Option<&'a [u8]> {
    side.as_ref().map(|(_, bytes)| &bytes[..])
}

impl Git {
    pub(super) fn head_tree(&self) -> Result<Option<gix::ObjectId>, VcsError> {
        let Some(id) = self.repo.head().map_err(super::fault)?.id().map(gix::Id::detach) else { return Ok(None) };
        self.tree_of(id).map(Some)
    }

    pub(super) fn tree_of(&self, commit: gix::ObjectId) -> Result<gix::ObjectId, VcsError> {
        let commit = self.repo.find_commit(commit).map_err(super::fault)?;
        Ok(commit.tree_id().map_err(super::fault)?.detach())
    }

    pub(super) fn filter(&self) -> Result<Filter<'_>, VcsError> {
        let index = self.seen_index()?.map_or_else(|| self.index_or_empty().map(Rc::new), Ok)?;
        // As `gix::Repository::filter_pipeline` does it, but that one reads the index once more.
        let source = gix::worktree::stack::state::attributes::Source::WorktreeThenIdMapping;
        let attributes = self.repo.attributes_only(&index, source).map_err(super::fault)?.detach();
        let pipeline = gix::filter::Pipeline::new(&self.repo, attributes).map_err(super::fault)?;
        Ok(Filter { pipeline, index })
    }

    pub(super) fn land_changes(&self, landing: &Landing<'_>) -> Result<Landed, VcsError> {
        let _lock = self.lock_worktree()?;
        self.clear_own_lock()?;
        let mut filter = self.filter()?;
        let mut wanted = Vec::new();
        for (path, change) in landing.changes.iter() {
            let mut side = |state: &'_ Option<FileState>| -> Result<Stored<'_>, VcsError> {
                let Some(state) = state else { return Ok(None) };
                Ok(Some((state.mode, Cow::Owned(filter.store(path, state)?.into_owned()))))
            };
            let step = (side(&change.before)?, side(&change.after)?);
            wanted.push(Wanted { path, steps: vec![step], may_create: change.before.is_none() });
        }
        self.commit_wanted(&wanted, &landing.words, landing.extent)
    }

    /// Builds the commit on the present HEAD and swaps the branch; again when somebody else was first.
    pub(super) fn commit_wanted(&self, wanted: &[Wanted<'_>], words: &Words<'_>, extent: Extent) -> Result<Landed, VcsError> {
        let author = self.signature(words.author_time, words.author_offset)?;
        for attempt in 0..=PATIENCE {
            self.check_idle()?;
            let head = self.repo.head().map_err(super::fault)?.id().map(gix::Id::detach);
            // One that turned out to be old may still look the same.
            let seen = if attempt == 0 { self.seen_index()? } else { None };
            let index = seen.map_or_else(|| self.index_or_empty(), |seen| Ok(Rc::unwrap_or_clone(seen)))?;
            let mut plan = self.plan(head, &index, wanted)?;
            let mut landed = Landed {
                commit: None,
                without_user_lines: std::mem::take(&mut plan.without_user_lines),
                uncommitted: std::mem::take(&mut plan.uncommitted),
                rewritten: Vec::new(),
                index_behind: None,
            };
            let refused = extent == Extent::Whole && !landed.uncommitted.is_empty();
            if plan.leaves.is_empty() || refused {
                return Ok(landed);
            }
            let old_tree = head.map(|id| self.tree_of(id)).transpose()?;
            let tree = self.edit_tree(old_tree, &plan.leaves, &mut plan.written)?;
            let commit = if self.has_commit_hooks()? || self.config_bool("commit.gpgSign") {
                self.sync_objects(&plan.written)?;
                if attempt < PATIENCE && self.check_index_free().is_err() {
                    std::thread::sleep(BETWEEN);
                    continue;
                }
                self.check_index_free()?;
                let Some(commit) = self.commit_by_git(head, tree, words)? else { continue };
                // The commit is there; whatever happens from here on, it has to be reported. A hook may have put other files
                // into it.
                let caught_up = self
                    .changed_files(old_tree, self.tree_of(commit)?)
                    .and_then(|paths| self.catch_up_index(head, Some(commit), paths.iter()));
                landed.index_behind = caught_up.err().map(|error| error.to_string());
                landed.rewritten = self.rewritten(commit, &plan.leaves).unwrap_or_default();
                commit
            } else {
                let parents: Vec<Oid> = head.into_iter().map(oid).collect();
                let message = words.message.as_bytes();
                let commit = self.write_commit_object(tree, &parents, &author, &author, message, &mut plan.written)?;
                self.sync_objects(&plan.written)?;
                let subject = words.message.lines().next().unwrap_or_default();
                let log = format!("commit{}: {subject}", if head.is_none() { " (initial)" } else { "" });
                match self.swap(head, Some(commit), index, &plan.entries, &author, &log) {
                    Ok(Swap::Done) => commit,
                    Ok(Swap::Lost) => {
                        // Refs that git is just packing look moved for a moment.
                        if attempt > 2 {
                            std::thread::sleep(BETWEEN);
                        }
                        continue;
                    }
                    Err(VcsError::IndexLocked(_)) if attempt < PATIENCE => {
                        std::thread::sleep(BETWEEN);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            };
            landed.commit = Some(oid(commit));
            return Ok(landed);
        }
        Err(VcsError::Moved { name: "HEAD".to_owned() })
    }

    /// Index lock, branch, index: the three in the order of the module's invariants.
    pub(super) fn swap(
        &self,
        old: Option<gix::ObjectId>,
        new: Option<gix::ObjectId>,
        index: gix::index::File,
        entries: &BTreeMap<RepoPath, Option<(Leaf, Stat)>>,
        who: &Signature,
        log: &str,
    ) -> Result<Swap, VcsError> {
        let branch = self.repo.head_name().map_err(super::fault)?.map(|name| name.as_bstr().to_str_lossy().into_owned());
        let Some(locked) = self.lock_index(index, entries)? else { return Ok(Swap::Lost) };
        // A rebase or merge that began since needs the index too, so from here on none begins.
        if let Err(busy) = self.check_idle() {
            locked.abandon()?;
            return Err(busy);
        }
        self.faults.point("branch.before");
        let name = branch.as_deref().unwrap_or("HEAD");
        let moved = match (new, old) {
            (Some(new), _) => self.move_ref(&Step { name, old: old.map(oid), new: oid(new), log, who }),
            (None, Some(old)) if branch.is_some() => self.remove_branch(name, oid(old)),
            // On no branch there is nothing to take away: HEAD without a commit is one that names a branch.
            (None, _) => Err(VcsError::Moved { name: name.to_owned() }),
        };
        match moved {
            Ok(()) => {
                self.faults.point("branch.after");
                locked.commit(self)?;
                self.faults.point("index.after");
                Ok(Swap::Done)
            }
            Err(error) => {
                locked.abandon()?;
                if matches!(error, VcsError::Moved { .. }) { Ok(Swap::Lost) } else { Err(error) }
            }
        }
    }

    pub(super) fn plan(
        &self,
        head: Option<gix::ObjectId>,
        index: &gix::index::File,
        wanted: &[Wanted<'_>],
    ) -> Result<Plan, VcsError> {
        let mut filter = None;
        let tree = head.map(|id| self.tree_of(id)).transpose()?;
        let mut plan = Plan::default();
        for w in wanted {
            let in_head = self.leaf(tree, w.path)?;
            let raw = gix::bstr::BStr::new(w.path.as_bytes());
            let entry = index.entry_by_path_and_stage(raw, Stage::Unconflicted);
            let conflicted =
                [Stage::Base, Stage::Ours, Stage::Theirs].iter().any(|s| index.entry_by_path_and_stage(raw, *s).is_some());
            let submodule = entry.is_some_and(|e| e.mode.is_submodule());
            let withheld = if conflicted || submodule {
                Some(Withheld::IndexConflict)
            } else if in_head.is_none() && entry.is_none() && !w.may_create {
                Some(Withheld::Untracked)
            } else {
                self.plan_file(&mut plan, w, in_head, entry, &mut filter)?
            };
            plan.uncommitted.extend(withheld.map(|why| (w.path.clone(), why)));
        }
        Ok(plan)
    }

    /// Adds one file to the plan, or says why it stays out.
    fn plan_file<'a>(
        &'a self,
        plan: &mut Plan,
        w: &Wanted<'_>,
        in_head: Option<Leaf>,
        entry: Option<&gix::index::Entry>,
        filter: &mut Option<Filter<'a>>,
    ) -> Result<Option<Withheld>, VcsError> {
        let head_bytes = in_head.map(|leaf| self.blob(leaf.id)).transpose()?;
        let (mut merged, mut mode) = (head_bytes.clone(), in_head.map(|leaf| leaf.mode));
        for (from, to) in &w.steps {
            let Ok(next) = merge3_files(bytes(from), bytes(to), merged.as_deref()) else {
                return Ok(Some(Withheld::Overlap));
            };
            mode = match (from, to, mode) {
                (Some((from, _)), Some((to, _)), Some(mode)) if from == to => Some(mode),
                // It is there already; its mode is somebody's choice.
                (None, Some(_), Some(mode)) => Some(mode),
                (_, to, _) => to.as_ref().map(|(mode, _)| *mode),
            };
            merged = next;
        }
        let mode = mode.unwrap_or_default();
        let leaf = |id| Leaf { id, mode };
        let new = merged.as_ref().map(|b| self.write_blob(b, &mut plan.written)).transpose()?.map(leaf);
        if new == in_head {
            return Ok(None);
        }
        let staged = entry.filter(|e| !e.flags.contains(Flags::INTENT_TO_ADD));
        let entry_leaf = staged.and_then(|e| {
            let mode = e.mode.to_tree_entry_mode().and_then(|m| super::trees::mode(m.kind()))?;
            Some(Leaf { id: e.id, mode })
        });
        let entry = if entry_leaf == in_head {
            new
        } else {
            let entry_bytes = entry_leaf.map(|leaf| self.blob(leaf.id)).transpose()?;
            match merge3_files(head_bytes.as_deref(), entry_bytes.as_deref(), merged.as_deref()) {
                Ok(bytes) => {
                    // A mode that the user staged stays staged too.
                    let mode = match (entry_leaf, in_head) {
                        (Some(entry), Some(head)) if entry.mode != head.mode => entry.mode,
                        _ => mode,
                    };
                    bytes.map(|b| self.write_blob(&b, &mut plan.written)).transpose()?.map(|id| Leaf { id, mode })
                }
                Err(_) => return Ok(Some(Withheld::IndexConflict)),
            }
        };
        if w.steps.first().is_some_and(|(from, _)| bytes(from) != head_bytes.as_deref()) {
            plan.without_user_lines.push(w.path.clone());
        }
        let stat = entry.map_or(Ok(Stat::default()), |entry| self.clean_stat(w.path, entry, filter))?;
        plan.leaves.insert(w.path.clone(), new);
        plan.entries.insert(w.path.clone(), entry.map(|leaf| (leaf, stat)));
        Ok(None)
    }

    /// The file's present stat data if it is on disk exactly as the entry says; else zero, which makes git look itself. An
    /// entry with the data of a file that differs would hide the user's lines from `git status` and `git commit`.
    fn clean_stat<'a>(&'a self, path: &RepoPath, entry: Leaf, filter: &mut Option<Filter<'a>>) -> Result<Stat, VcsError> {
        let full = self.layout.root.join(path.to_os());
        let look = || gix::index::fs::Metadata::from_path_no_follow(&full).ok().and_then(|m| Stat::from_fs(&m).ok());
        // Taken before the content is read: a later change then has another stat.
        let stat = look();
        let clean = self.has_content(path, entry, filter)? && look() == stat;
        Ok(stat.filter(|_| clean).unwrap_or_default())
    }

    fn has_commit_hooks(&self) -> Result<bool, VcsError> {
        Ok(!commit_hooks(&self.repo, Some(&self.layout.root), &self.layout.common_dir)?.is_empty())
    }

    /// Lets the installed git make the commit, with the user's hooks and signing, from an index that holds `tree`. `None`
    /// when somebody else moved the branch while the hooks ran.
    fn commit_by_git(
        &self,
        head: Option<gix::ObjectId>,
        tree: gix::ObjectId,
        words: &Words<'_>,
    ) -> Result<Option<gix::ObjectId>, VcsError> {
        let private = self.layout.git_dir.join("retort").join("index.commit");
        // A git that was killed leaves its lock beside; nobody else uses this index while we hold the worktree's lock.
        self.check_running_commit()?;
        for old in [&private, &private.with_extension("commit.lock")] {
            let _ = fs::remove_file(old);
        }
        let git = || Spec::new("git").env("GIT_INDEX_FILE", &private);
        self.run_git("read-tree", &git().args(["read-tree", &tree.to_string()]))?;
        let date =
            format!("{} {}", words.author_time.seconds(), gix::date::Time::new(0, words.author_offset).to_string().split_off(2));
        // As durable as the commits that we make ourselves.
        let arguments = ["-c", "core.fsync=objects,reference", "commit", "--quiet", "--cleanup=verbatim", "--file=-"];
        let spec = git().args(arguments).env("GIT_AUTHOR_DATE", date);
        // If we are killed it goes on, with all of the message. Whoever cleans up after us has to know, or its commit would
        // come after that: git holds the lock of what it reads. Its number is for people.
        let (message, note) = self.running_commit();
        let file = locked_message(&message, &words.message).map_err(VcsError::io(&message))?;
        let out = self.try_git("commit", &spec.input_file(file), |pid| {
            self.faults.point("commit.started");
            let _ = fs::write(&note, crate::process::identity(pid).unwrap_or_default());
        })?;
        for done in [&private, &message, &note] {
            let _ = fs::remove_file(done);
        }
        let now = self.repo.head().map_err(super::fault)?.id().map(gix::Id::detach);
        if let Some(commit) = self.child_of(head, now, words.trailer, out.success())? {
            return Ok(Some(commit));
        }
        if now != head {
            return Ok(None);
        }
        let said = [out.error_text(), String::from_utf8_lossy(&out.stdout).trim_end().to_owned()].join("\n");
        Err(VcsError::CommitRefused(said))
    }

    /// The commit that git made on `head`, of those between it and `now`. What a hook did to the message does not matter if
    /// git says that it `succeeded`: it swaps the branch only from the commit that it began with. Else the trailer decides.
    fn child_of(
        &self,
        head: Option<gix::ObjectId>,
        now: Option<gix::ObjectId>,
        trailer: &str,
        succeeded: bool,
    ) -> Result<Option<gix::ObjectId>, VcsError> {
        let mut next = now.filter(|_| now != head);
        // Hooks may commit, too, but not so often.
        for _ in 0..100 {
            let Some(commit) = next.map(|id| self.raw_commit(oid(id))).transpose()?.flatten() else { break };
            let parent = commit.parents.first().copied().map(gix_id);
            if parent == head {
                return Ok(next.filter(|_| succeeded || super::refs::has_line(&commit, trailer)));
            }
            next = parent;
        }
        Ok(None)
    }

    /// Files that a hook has in the commit, and on disk, otherwise than the plan was.
    fn rewritten(
        &self,
        commit: gix::ObjectId,
        planned: &BTreeMap<RepoPath, Option<Leaf>>,
    ) -> Result<Vec<(RepoPath, FileState)>, VcsError> {
        let (tree, mut filter, mut out) = (self.tree_of(commit)?, None, Vec::new());
        for (path, planned) in planned {
            let Some(leaf) = self.leaf(Some(tree), path)?.filter(|leaf| Some(*leaf) != *planned) else { continue };
            let now = self.read_file(path).map_err(VcsError::io(self.layout.root.join(path.to_os())))?;
            if let Some(now) = now
                && self.has_content(path, leaf, &mut filter)?
            {
                out.push((path.clone(), now));
            }
        }
        Ok(out)
    }

    /// Brings entries that still show `old`'s version of a path to `new`'s. Doing it twice changes nothing.
    fn catch_up_index<'a>(
        &self,
        old: Option<gix::ObjectId>,
        new: Option<gix::ObjectId>,
        paths: impl Iterator<Item = &'a RepoPath>,
    ) -> Result<(), VcsError> {
        let paths: Vec<&RepoPath> = paths.collect();
        let tree = |id: Option<gix::ObjectId>| id.map(|id| self.tree_of(id)).transpose();
        let (old_tree, new_tree) = (tree(old)?, tree(new)?);
        for attempt in 0.. {
            let index = self.index_or_empty()?;
            let mut entries = BTreeMap::new();
            let mut written = Vec::new();
            for path in &paths {
                let (from, to) = (self.leaf(old_tree, path)?, self.leaf(new_tree, path)?);
                let entry = index.entry_by_path_and_stage(gix::bstr::BStr::new(path.as_bytes()), Stage::Unconflicted);
                // What `git add -N` announces is not there yet.
                let now = entry.filter(|e| !e.flags.contains(Flags::INTENT_TO_ADD)).and_then(|e| {
                    let mode = e.mode.to_tree_entry_mode().and_then(|m| super::trees::mode(m.kind()))?;
                    Some(Leaf { id: e.id, mode })
                });
                if now == to {
                    continue;
                }
                let leaf = if now == from {
                    to
                } else {
                    let read = |leaf: Option<Leaf>| leaf.map(|l| self.blob(l.id)).transpose();
                    let (b, n, t) = (read(from)?, read(now)?, read(to)?);
                    let Ok(merged) = merge3_files(b.as_deref(), n.as_deref(), t.as_deref()) else { continue };
                    // A mode that the user staged stays staged too.
                    let mode = match (now, from) {
                        (Some(now), Some(from)) if now.mode != from.mode => now.mode,
                        _ => to.or(now).map_or(FileMode::Regular, |l| l.mode),
                    };
                    merged.map(|m| self.write_blob(&m, &mut written)).transpose()?.map(|id| Leaf { id, mode })
                };
                // No stat data: git looks at the file itself the next time.
                entries.insert((*path).clone(), leaf.map(|l| (l, Stat::default())));
            }
            self.sync_objects(&written)?;
            if entries.is_empty() {
                return Ok(());
            }
            match self.lock_index(index, &entries) {
                Ok(Some(locked)) => return locked.commit(self),
                Ok(None) if attempt < PATIENCE => {}
                Ok(None) => break,
                Err(VcsError::IndexLocked(_)) if attempt < PATIENCE => std::thread::sleep(BETWEEN),
                Err(error) => return Err(error),
            }
        }
        Err(VcsError::Moved { name: "the index".to_owned() })
    }

    /// What the `git commit` reads that is making a commit for us, and where its number is noted.
    fn running_commit(&self) -> (PathBuf, PathBuf) {
        let directory = self.layout.git_dir.join("retort");
        (directory.join("commit.message"), directory.join("commit"))
    }

    /// Refuses while a `git commit` of a dead process of ours still runs its hooks.
    pub(super) fn check_running_commit(&self) -> Result<(), VcsError> {
        let (message, note) = self.running_commit();
        let file = match File::open(&message) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(VcsError::io(&message))?,
        };
        if Lock::attempt(file).map_err(VcsError::io(&message))?.is_none() {
            let known = fs::read_to_string(&note).unwrap_or_default();
            let pid = known.split(' ').next().and_then(|pid| pid.parse().ok());
            return Err(VcsError::AtWork(pid.filter(|pid| crate::process::identity(*pid).as_ref() == Some(&known))));
        }
        // The message last: as long as it is there, this is done again.
        let _ = fs::remove_file(&note);
        fs::remove_file(&message).map_err(VcsError::io(&message))
    }

    /// Completes a landing whose process died after the branch had moved.
    pub(super) fn settle_landing(
        &self,
        line: &str,
        base: Option<Oid>,
        paths: &BTreeSet<RepoPath>,
    ) -> Result<Option<Oid>, VcsError> {
        let _lock = self.lock_worktree()?;
        self.clear_own_lock()?;
        self.check_running_commit()?;
        let Some(commit) = self.find_commit_with(line, base)? else { return Ok(None) };
        let head = self.repo.head().map_err(super::fault)?.id().map(gix::Id::detach);
        self.faults.point("settle.unlocked");
        if head == Some(gix_id(commit)) {
            let parent = self.raw_commit(commit)?.and_then(|c| c.parents.first().copied()).map(gix_id);
            let mut paths = paths.clone();
            paths.extend(self.changed_files(parent.map(|p| self.tree_of(p)).transpose()?, self.tree_of(gix_id(commit))?)?);
            self.catch_up_index(parent, Some(gix_id(commit)), paths.iter())?;
        }
        self.faults.point("settle.done");
        Ok(Some(commit))
    }

    /// Completes a swap whose process died after the branch had left `from`.
    pub(super) fn settle_swap(&self, from: Oid, paths: &BTreeSet<RepoPath>) -> Result<(), VcsError> {
        let _lock = self.lock_worktree()?;
        self.clear_own_lock()?;
        let head = self.repo.head().map_err(super::fault)?.id().map(gix::Id::detach);
        self.catch_up_index(Some(gix_id(from)), head, paths.iter())
    }
}

/// A file with a commit's message, to be read from its beginning. It is locked before it has its name.
fn locked_message(path: &Path, message: &str) -> io::Result<File> {
    let unnamed = path.with_extension("new");
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&unnamed)?;
    file.lock()?;
    file.write_all(message.as_bytes())?;
    file.rewind()?;
    fs::rename(&unnamed, path)?;
    Ok(file)
}

/// Whether we were first.
pub(super) enum Swap {
    Done,
    Lost,
}
