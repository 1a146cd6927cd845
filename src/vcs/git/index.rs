//! The user's index: reading it, and changing the entries of paths that we commit.
//!
//! Invariants
//! - `index.lock` is made by linking a file that is already whole, so the lock is never half-written, and a lock that a
//!   killed process of ours left is known by being the same file as `retort/index.new`.
//! - Cached trees on the way to a changed path are marked as unknown; else git would commit the old ones.
//! - An index with extensions that gix does not write back is changed by `git update-index`, in a copy that then is the lock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gix::bstr::ByteSlice as _;
use gix::index::entry::{Flags, Mode, Stat};

use crate::base::path::RepoPath;
use crate::process::Spec;
use crate::vcs::{VcsError, durable};

use super::Git;
use super::trees::{Leaf, kind};

/// The index, locked against git, with the changed content waiting.
pub(super) struct LockedIndex {
    lock: PathBuf,
    fresh: PathBuf,
    target: PathBuf,
    /// What will be seen when it is the index; `None` when git wrote it.
    seen: Option<Seen>,
}

impl LockedIndex {
    /// Makes the changed content the index, which `git` then need not read.
    pub(super) fn commit(self, git: &Git) -> Result<(), VcsError> {
        fs::rename(&self.lock, &self.target).map_err(VcsError::io(&self.target))?;
        git.faults.point("index.renamed");
        // The rename took one name of the file; the other one goes here.
        fs::remove_file(&self.fresh).map_err(VcsError::io(&self.fresh))?;
        let directory = self.target.parent().unwrap_or(Path::new("."));
        durable::sync_directory(directory).map_err(VcsError::io(directory))?;
        *git.seen.borrow_mut() = self.seen;
        Ok(())
    }

    /// Leaves the index as it was.
    pub(super) fn abandon(self) -> Result<(), VcsError> {
        fs::remove_file(&self.lock).map_err(VcsError::io(&self.lock))?;
        fs::remove_file(&self.fresh).map_err(VcsError::io(&self.fresh))
    }
}

/// An index that was read or written, and what its file looked like.
pub(super) struct Seen {
    looks: Looks,
    index: Rc<gix::index::File>,
}

/// What the file system says about the index. Git replaces the file whenever it writes it.
#[derive(PartialEq, Eq)]
struct Looks {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Looks {
    fn of(meta: &fs::Metadata) -> Self {
        Self { inode: meta.ino(), size: meta.size(), modified: (meta.mtime(), meta.mtime_nsec()) }
    }
}

/// What tells one state of the index file from another without reading it whole.
struct Version {
    /// The last bytes of the file; with `index.skipHash` they are zero, and only the time is left.
    checksum: Option<gix::ObjectId>,
    modified: (i64, u32),
    hash: gix::hash::Kind,
}

impl Version {
    fn of(index: &gix::index::File) -> Self {
        let modified = index.timestamp();
        Self { checksum: index.checksum(), modified: (modified.unix_seconds(), modified.nanoseconds()), hash: index.object_hash() }
    }

    /// Whether the file is still this one. A file that is not there counts as the empty one that it is read as.
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let mut file = match fs::File::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(self.checksum.is_none()),
            other => other?,
        };
        let meta = file.metadata()?;
        let mut end = vec![0; self.hash.len_in_bytes()];
        file.seek(io::SeekFrom::End(-(end.len() as i64)))?;
        file.read_exact(&mut end)?;
        let checksum = Some(gix::ObjectId::from_bytes_or_panic(&end)).filter(|id| !id.is_null());
        Ok(checksum == self.checksum && (meta.mtime(), meta.mtime_nsec()) == (self.modified.0, self.modified.1.into()))
    }
}

impl Git {
    /// The index, read again only when the file looks different from the last time. Whoever writes it finds out under the lock
    /// whether it was right to trust that.
    pub(super) fn seen_index(&self) -> Result<Option<Rc<gix::index::File>>, VcsError> {
        let Ok(meta) = fs::metadata(self.index_path()) else { return Ok(None) };
        let looks = Looks::of(&meta);
        if let Some(seen) = self.seen.borrow().as_ref().filter(|seen| seen.looks == looks) {
            return Ok(Some(Rc::clone(&seen.index)));
        }
        let index = self.read_index()?.map(Rc::new);
        *self.seen.borrow_mut() = index.clone().map(|index| Seen { looks, index });
        Ok(index)
    }

    /// The index as it is now; `None` when there is none yet.
    pub(super) fn read_index(&self) -> Result<Option<gix::index::File>, VcsError> {
        let skip_hash = self.config_bool("index.skipHash");
        match gix::index::File::at(self.index_path(), self.repo.object_hash(), skip_hash, gix::index::decode::Options::default()) {
            Ok(index) => Ok(Some(index)),
            Err(gix::index::file::init::Error::Io(e)) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(super::fault(format!("the index cannot be read: {e}"))),
        }
    }

    /// The index, or an empty one.
    pub(super) fn index_or_empty(&self) -> Result<gix::index::File, VcsError> {
        let empty = || gix::index::File::from_state(gix::index::State::new(self.repo.object_hash()), self.index_path());
        Ok(self.read_index()?.unwrap_or_else(empty))
    }

    /// Whether gix writes back everything that this index holds.
    pub(super) fn plain(index: &gix::index::File) -> bool {
        index.link().is_none()
            && index.untracked().is_none()
            && index.fs_monitor().is_none()
            && index.resolve_undo().is_none()
            && !index.is_sparse()
            && index.version() != gix::index::Version::V4
    }

    /// Removes the locks of branch and index that a killed process of ours left. The worktree lock must be held.
    pub(super) fn clear_own_lock(&self) -> Result<(), VcsError> {
        // The index goes last: while it is locked nobody checks another branch out.
        self.clear_all_moving(&self.moving_directories()[0], |name| !super::moving::is_hidden(name))?;
        let (lock, fresh) = (self.index_lock(), self.fresh_index());
        if let (Ok(a), Ok(b)) = (fs::metadata(&lock), fs::metadata(&fresh))
            && (a.dev(), a.ino()) == (b.dev(), b.ino())
        {
            fs::remove_file(&lock).map_err(VcsError::io(&lock))?;
        }
        match fs::remove_file(&fresh) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(VcsError::io(&fresh)(e)),
            _ => Ok(()),
        }
    }

    /// The same at a start: nothing happens when there is nothing, or when a process of ours is at work.
    pub(super) fn clear_left_lock(&self) -> Result<(), VcsError> {
        self.clear_ref_locks()?;
        let branch = super::moving::moving(&self.moving_directories()[0]).iter().any(|name| !super::moving::is_hidden(name));
        if !self.fresh_index().exists() && !branch {
            return Ok(());
        }
        match self.try_lock_worktree()? {
            Some(_lock) => self.clear_own_lock(),
            None => Ok(()),
        }
    }

    /// The worktree's own index, whatever `GIT_INDEX_FILE` says: that one belongs to the git that started us.
    fn index_path(&self) -> PathBuf {
        self.layout.git_dir.join("index")
    }

    fn index_lock(&self) -> PathBuf {
        let mut name = self.index_path().into_os_string();
        name.push(".lock");
        name.into()
    }

    /// Refuses while another process holds the index, for work that cannot be taken back once it is done.
    pub(super) fn check_index_free(&self) -> Result<(), VcsError> {
        let lock = self.index_lock();
        if lock.exists() { Err(VcsError::IndexLocked(lock)) } else { Ok(()) }
    }

    fn fresh_index(&self) -> PathBuf {
        self.layout.git_dir.join("retort").join("index.new")
    }

    /// Takes git's lock with the changed index as its content. `None` when the index changed since it was read.
    pub(super) fn lock_index(
        &self,
        mut index: gix::index::File,
        changes: &BTreeMap<RepoPath, Option<(Leaf, Stat)>>,
    ) -> Result<Option<LockedIndex>, VcsError> {
        let (lock, fresh, target) = (self.index_lock(), self.fresh_index(), self.index_path());
        let unchanged = Version::of(&index);
        let plain = Self::plain(&index);
        if plain {
            self.smudge_racy(&mut index)?;
            change_entries(&mut index, changes);
            let mut bytes = Vec::new();
            let skip_hash = self.config_bool("index.skipHash");
            let options = gix::index::write::Options { extensions: gix::index::write::Extensions::All, skip_hash };
            index.write_to(&mut bytes, options).map_err(super::fault)?;
            durable::write_new(&fresh, &bytes).map_err(VcsError::io(&fresh))?;
        } else {
            self.change_copy_by_git(&target, &fresh, changes)?;
        }
        self.faults.point("index.written");
        match fs::hard_link(&fresh, &lock) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&fresh).map_err(VcsError::io(&fresh))?;
                return Err(VcsError::IndexLocked(lock));
            }
            other => other.map_err(VcsError::io(&lock))?,
        }
        let looks = fs::metadata(&fresh).map(|meta| Looks::of(&meta)).map_err(VcsError::io(&fresh))?;
        // Its time stays that of the old file: the more entries are as young as it, the more are compared by content.
        let seen = plain.then(|| Seen { looks, index: Rc::new(index) });
        let locked = LockedIndex { lock, fresh, target, seen };
        // Somebody may have written the index between our reading and our lock.
        if !unchanged.is_at(&locked.target).map_err(VcsError::io(&locked.target))? {
            locked.abandon()?;
            return Ok(None);
        }
        self.faults.point("index.locked");
        Ok(Some(locked))
    }

    /// Git cannot tell by time stamps whether a file changed in the very second in which the index was written; it looks at
    /// such files itself, until the index is written anew. So whoever writes it must look first, and mark the changed
    /// ones by a size of zero.
    fn smudge_racy(&self, index: &mut gix::index::File) -> Result<(), VcsError> {
        let options = self.repo.stat_options().map_err(super::fault)?;
        let exact = gix::index::entry::stat::Options { use_nsec: true, check_stat: true, trust_ctime: true, ..options };
        let mut filter = None;
        let mut changed = Vec::new();
        for (at, entry) in index.entries().iter().enumerate() {
            if !entry.stat.is_racy(index.timestamp(), options) {
                continue;
            }
            let mode = entry.mode.to_tree_entry_mode().and_then(|m| super::trees::mode(m.kind()));
            if let Some(mode) = mode
                && !self.is_clean(entry.path(index), entry, mode, index, exact, &mut filter)?
            {
                changed.push(at);
            }
        }
        for at in changed {
            index.entries_mut()[at].stat.size = 0;
        }
        Ok(())
    }

    /// Copies the index and changes the copy's entries through git, for an index that only git can write.
    fn change_copy_by_git(
        &self,
        target: &Path,
        fresh: &Path,
        changes: &BTreeMap<RepoPath, Option<(Leaf, Stat)>>,
    ) -> Result<(), VcsError> {
        let at = VcsError::io(fresh);
        let copy = || -> io::Result<()> {
            fs::copy(target, fresh)?;
            // Git tells by it which files may have changed since the index was written.
            File::options().write(true).open(fresh)?.set_modified(fs::metadata(target)?.modified()?)
        };
        copy().map_err(at)?;
        let mut input = Vec::new();
        let null = self.repo.object_hash().null();
        for (path, leaf) in changes {
            let line = match leaf {
                Some((leaf, _)) => format!("{} {} 0\t", leaf.mode.octal(), leaf.id),
                None => format!("0 {null} 0\t"),
            };
            input.extend_from_slice(line.as_bytes());
            input.extend_from_slice(path.as_bytes());
            input.push(0);
        }
        let spec = Spec::new("git").args(["update-index", "-z", "--index-info"]).env("GIT_INDEX_FILE", fresh).input(input);
        let done = self.run_git("update-index", &spec).map(drop);
        let done = done.and_then(|()| File::open(fresh).and_then(|file| file.sync_all()).map_err(VcsError::io(fresh)));
        if done.is_err() {
            let _ = fs::remove_file(fresh);
        }
        done
    }
}

fn change_entries(index: &mut gix::index::File, changes: &BTreeMap<RepoPath, Option<(Leaf, Stat)>>) {
    let removed: BTreeSet<&[u8]> = changes.iter().filter(|(_, leaf)| leaf.is_none()).map(|(path, _)| path.as_bytes()).collect();
    if !removed.is_empty() {
        index.remove_entries(|_, path, _| removed.contains(path.as_bytes()));
    }
    let mut added = false;
    for (path, leaf) in changes {
        if let Some(tree) = index.tree_mut() {
            forget_trees(tree, path.as_bytes());
        }
        let Some((leaf, stat)) = leaf else { continue };
        let mode = match leaf.mode {
            crate::base::change::FileMode::Regular => Mode::FILE,
            crate::base::change::FileMode::Executable => Mode::FILE_EXECUTABLE,
            crate::base::change::FileMode::Symlink => Mode::SYMLINK,
        };
        debug_assert_eq!(mode.to_tree_entry_mode().map(|m| m.kind()), Some(kind(leaf.mode)));
        let raw = path.as_bytes().as_bstr();
        if let Some(entry) = index.entry_mut_by_path_and_stage(raw, gix::index::entry::Stage::Unconflicted) {
            (entry.id, entry.mode, entry.stat) = (leaf.id, mode, *stat);
            entry.flags.remove(Flags::INTENT_TO_ADD);
        } else {
            index.dangerously_push_entry(*stat, leaf.id, Flags::empty(), mode, raw);
            added = true;
            index.sort_entries();
        }
    }
    debug_assert!(!added || index.verify_entries().is_ok());
}

/// Marks the cached trees from the root down to `path` as unknown.
fn forget_trees(tree: &mut gix::index::extension::Tree, path: &[u8]) {
    tree.num_entries = None;
    if let Some(at) = path.find_byte(b'/')
        && let Some(child) = tree.children.iter_mut().find(|c| c.name[..] == path[..at])
    {
        forget_trees(child, &path[at + 1..]);
    }
}
