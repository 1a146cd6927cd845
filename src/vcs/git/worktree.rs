//! The worktree: reading its files, finding what is dirty, and writing changes into it.
//!
//! Invariants
//! - No path is followed through a symbolic link: each directory on the way is checked to be a real one, of this repository
//!   and not of git. What stands at the path is replaced only if it is an ordinary file or a symbolic link.
//! - A file of more than [`LARGEST`] bytes is not read to be sent or edited.
//! - A file is replaced by a rename of a synced temporary file in the same directory, and only if it has the bytes that the
//!   change says it had. If one of several files does not, those that were written get their old bytes back.
//! - Only directories that became empty by our own deletion are removed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use gix::bstr::ByteSlice as _;

use crate::base::change::{ChangeSet, FileChange, FileMode, FileState};
use crate::base::path::RepoPath;
use crate::base::tree::SourceTree;
use crate::vcs::durable::{self, Lock};
use crate::vcs::{DirtyFile, VcsError};

use super::{Git, permissions, trees};

/// The largest file that is sent or edited, in bytes. No model has room for a hundredth of it; a hostile repository can have
/// files that are far larger than the machine's memory and cost next to nothing to store.
const LARGEST: u64 = 64 << 20;

/// Files of a tree by their paths.
type Leaves = BTreeMap<Vec<u8>, trees::Leaf>;

/// The worktree as a tree of sources.
pub(super) struct Worktree<'a> {
    git: &'a Git,
    paths: Vec<RepoPath>,
}

impl SourceTree for Worktree<'_> {
    fn paths(&self) -> &[RepoPath] {
        &self.paths
    }

    fn read(&self, path: &RepoPath) -> io::Result<Option<FileState>> {
        if let Ok(meta) = fs::symlink_metadata(self.git.full(path))
            && meta.is_file()
            && meta.len() > LARGEST
        {
            let (size, most) = (meta.len() >> 20, LARGEST >> 20);
            let why = format!("{path} has {size} MiB, and a file of more than {most} MiB is neither sent nor edited");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        self.git.read_file(path)
    }

    fn obstacle(&self, path: &RepoPath) -> Option<&'static str> {
        match self.git.check_way(path).and_then(|()| self.git.check_target(path)) {
            Ok(()) => None,
            Err(VcsError::BadTarget(_, why)) => Some(why),
            Err(_) => Some("the file system does not give access to it"),
        }
    }

    fn is_same_file(&self, a: &RepoPath, b: &RepoPath) -> bool {
        let id = |path| fs::symlink_metadata(self.git.full(path)).ok().map(|m| (m.dev(), m.ino()));
        a == b || id(a).is_some_and(|one| id(b) == Some(one))
    }
}

impl Git {
    pub(super) fn open_worktree(&self) -> Result<Worktree<'_>, VcsError> {
        let mut paths = Vec::new();
        if self.layout.private {
            paths = super::private::files(&self.layout.root).map_err(VcsError::io(&self.layout.root))?;
        } else if let Some(index) = self.seen_index()? {
            paths.reserve(index.entries().len());
            for entry in index.entries() {
                let file = entry.mode.to_tree_entry_mode().is_some_and(|m| trees::mode(m.kind()).is_some());
                // A path in conflict has several entries; it stands once.
                if let (true, Ok(path)) = (file, RepoPath::new(entry.path(&index).to_vec()))
                    && paths.last() != Some(&path)
                {
                    paths.push(path);
                }
            }
        }
        Ok(Worktree { git: self, paths })
    }

    fn full(&self, path: &RepoPath) -> PathBuf {
        self.layout.root.join(path.to_os())
    }

    /// Checks that every directory on the way to `path` that exists is a real directory of this repository.
    fn check_way(&self, path: &RepoPath) -> Result<(), VcsError> {
        let full = self.full(path);
        let ways: Vec<_> = full.ancestors().skip(1).take_while(|d| *d != self.layout.root).collect();
        for way in ways.into_iter().rev() {
            // Git's own directory may lie inside the worktree under another name.
            if *way == self.layout.git_dir || *way == self.layout.common_dir {
                return Err(VcsError::BadTarget(path.clone(), "it lies in git's own directory"));
            }
            if self.reserved.as_ref().is_some_and(|own| way == own) {
                return Err(VcsError::BadTarget(path.clone(), "it lies in retort's own directory"));
            }
            match fs::symlink_metadata(way) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::InvalidFilename => {
                    return Err(VcsError::BadTarget(path.clone(), "the file system does not take so long a name"));
                }
                Err(e) => return Err(VcsError::io(way)(e)),
                Ok(meta) if meta.is_symlink() => {
                    return Err(VcsError::BadTarget(path.clone(), "a directory on the way is a symbolic link"));
                }
                Ok(meta) if !meta.is_dir() => {
                    return Err(VcsError::BadTarget(path.clone(), "a file stands where a directory is needed"));
                }
                Ok(_) if way.join(".git").exists() => {
                    return Err(VcsError::BadTarget(path.clone(), "it lies in another repository (a submodule or nested clone)"));
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Checks that what stands at `path`, if anything does, is a file that can be replaced, and that git takes one there.
    fn check_target(&self, path: &RepoPath) -> Result<(), VcsError> {
        let bad = |why| Err(VcsError::BadTarget(path.clone(), why));
        if self.in_submodule(path)? {
            return bad("it lies in a submodule");
        }
        let full = self.full(path);
        match fs::symlink_metadata(&full) {
            Ok(meta) if meta.is_dir() => bad("it is a directory"),
            Ok(meta) if !meta.is_file() && !meta.is_symlink() => bad("a pipe, socket or device stands there"),
            Ok(meta) if meta.is_file() && meta.len() > LARGEST => bad("the file is larger than 64 MiB"),
            Err(e) if e.kind() == io::ErrorKind::InvalidFilename => bad("the file system does not take so long a name"),
            Err(e) if !matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Err(VcsError::io(&full)(e)),
            _ => Ok(()),
        }
    }

    /// Whether `path` is a submodule or lies in one, checked out or not: a file there would take the submodule's place in the
    /// commit.
    fn in_submodule(&self, path: &RepoPath) -> Result<bool, VcsError> {
        let Some(index) = self.seen_index()? else { return Ok(false) };
        let raw = path.as_bytes();
        let ends = raw.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at).chain([raw.len()]);
        Ok(ends.into_iter().any(|end| {
            let entry = index.entry_by_path_and_stage(raw[..end].as_bstr(), gix::index::entry::Stage::Unconflicted);
            entry.is_some_and(|e| e.mode.is_submodule())
        }))
    }

    pub(super) fn read_file(&self, path: &RepoPath) -> io::Result<Option<FileState>> {
        if self.check_way(path).is_err() {
            return Ok(None);
        }
        let full = self.full(path);
        let meta = match fs::symlink_metadata(&full) {
            // A name that is too long is that of no file.
            Err(e)
                if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename) =>
            {
                return Ok(None);
            }
            other => other?,
        };
        let read = if meta.is_symlink() {
            fs::read_link(&full).map(|target| (FileMode::Symlink, target.into_os_string().into_encoded_bytes()))
        } else if meta.is_file() {
            let mode = if meta.mode() & 0o100 == 0 { FileMode::Regular } else { FileMode::Executable };
            fs::read(&full).map(|bytes| (mode, bytes))
        } else {
            return Ok(None);
        };
        match read {
            // Gone since we looked, as when git writes it anew.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(|(mode, bytes)| Some(FileState { mode, bytes })),
        }
    }

    pub(super) fn apply_changes(&self, changes: &ChangeSet, temp: &str) -> Result<(), VcsError> {
        let _lock = self.lock_worktree()?;
        // Look at all of them before the first is touched: most misfits are found here.
        for (path, change) in changes.iter() {
            self.check_way(path)?;
            if change.after.is_some() {
                self.check_target(path)?;
            }
            let now = self.read_file(path).map_err(VcsError::io(self.full(path)))?;
            if now != change.before && now != change.after {
                return Err(VcsError::FileChanged(path.clone()));
            }
        }
        let mut written = Vec::new();
        for (path, change) in changes.iter() {
            // What has it already stays so, whatever comes of the others.
            if self.read_file(path).is_ok_and(|now| now == change.after) {
                continue;
            }
            // One that fails may be in its place all the same, as when only the sync of its directory failed.
            written.push((path, change));
            if let Err(error) = self.write_file(path, change.before.as_ref(), change.after.as_ref(), temp) {
                for (path, change) in written.into_iter().rev() {
                    let change: &FileChange = change;
                    // What somebody wrote since stays theirs, and one that fails must not keep the others from going back.
                    if self.read_file(path).is_ok_and(|now| now == change.after) {
                        let _ = self.write_file(path, change.after.as_ref(), change.before.as_ref(), temp);
                    }
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Turns one file from `before` into `after`.
    fn write_file(
        &self,
        path: &RepoPath,
        before: Option<&FileState>,
        after: Option<&FileState>,
        temp: &str,
    ) -> Result<(), VcsError> {
        let full = self.full(path);
        let directory = full.parent().unwrap_or(&self.layout.root).to_owned();
        let at = |p: &PathBuf| VcsError::io(p.clone());
        let temp = durable::temp_beside(&full, temp);
        if let Some(after) = after {
            durable::create_directories(&directory).map_err(at(&directory))?;
            self.faults.point("file.directory");
            let written = write_temp(&temp, after, self.permissions_for(path, after.mode));
            if let Err(error) = written {
                let _ = fs::remove_file(&temp);
                return Err(at(&temp)(error));
            }
        }
        self.faults.point("file.before-rename");
        // The last look, as close to the rename as can be.
        let now = self.read_file(path).map_err(at(&full))?;
        // What is no ordinary file reads as none.
        let other = fs::symlink_metadata(&full).is_ok_and(|meta| !meta.is_file() && !meta.is_symlink());
        if now.as_ref() != before && now.as_ref() != after || other {
            let _ = fs::remove_file(&temp);
            return Err(VcsError::FileChanged(path.clone()));
        }
        if after.is_some() {
            if let Err(error) = fs::rename(&temp, &full) {
                let _ = fs::remove_file(&temp);
                return Err(at(&full)(error));
            }
        } else {
            self.note_permissions(path)?;
            match fs::remove_file(&full) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(at(&full)(e)),
                _ => {}
            }
        }
        self.faults.point("file.after-rename");
        durable::sync_directory(&directory).map_err(at(&directory))?;
        if after.is_none() {
            // Git does not keep empty directories either. `remove_dir` fails on any that is not empty.
            for parent in full.ancestors().skip(1).take_while(|d| *d != self.layout.root) {
                if permissions::is_closed(parent) || fs::remove_dir(parent).is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    pub(super) fn remove_temps(&self, changes: &ChangeSet, temp: &str) -> Result<(), VcsError> {
        for (path, _) in changes.iter() {
            let temp = durable::temp_beside(&self.full(path), temp);
            match fs::remove_file(&temp) {
                Err(e) if !matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    return Err(VcsError::io(&temp)(e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The lock under which files, index and branch of this worktree are written by us. It goes when it is dropped.
    pub(super) fn lock_worktree(&self) -> Result<Lock, VcsError> {
        let path = self.worktree_lock();
        durable::lock(&path).map_err(VcsError::io(&path))
    }

    /// The same if nobody has it.
    pub(super) fn try_lock_worktree(&self) -> Result<Option<Lock>, VcsError> {
        let path = self.worktree_lock();
        File::create(&path).and_then(Lock::attempt).map_err(VcsError::io(&path))
    }

    fn worktree_lock(&self) -> PathBuf {
        self.layout.git_dir.join("retort").join("worktree.lock")
    }

    pub(super) fn dirty_files(&self) -> Result<Vec<DirtyFile>, VcsError> {
        let Some(index) = self.seen_index()? else { return Ok(Vec::new()) };
        let head = self.head_tree()?;
        let (mut in_head, same) = head.map_or(Ok(Default::default()), |tree| self.leaves_beside(tree, index.tree()))?;
        let mut same = same.iter().peekable();
        let options = self.repo.stat_options().map_err(super::fault)?;
        let mut filter = None;
        let mut out = Vec::new();
        for entry in index.entries() {
            use gix::index::entry::Flags;
            let Some(mode) = entry.mode.to_tree_entry_mode().and_then(|m| trees::mode(m.kind())) else { continue };
            let raw = entry.path(&index);
            while same.next_if(|prefix| !raw.starts_with(prefix) && prefix.as_slice() < raw.as_bytes()).is_some() {}
            let as_head = same.peek().is_some_and(|prefix| raw.starts_with(prefix));
            let leaf = trees::Leaf { id: entry.id, mode };
            let staged = !as_head && in_head.remove(raw.as_bytes()) != Some(leaf) || entry.stage_raw() != 0;
            let hidden = entry.flags.intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID);
            let unstaged = !hidden && !self.is_clean(raw.as_bytes(), entry, mode, &index, options, &mut filter)?;
            if let (true, Ok(path)) = (staged || unstaged, RepoPath::new(raw.to_vec())) {
                out.push(DirtyFile { path, unstaged, staged });
            }
        }
        let deleted = in_head.into_keys().filter_map(|raw| RepoPath::new(raw).ok());
        out.extend(deleted.map(|path| DirtyFile { path, unstaged: false, staged: true }));
        out.sort();
        out.dedup_by(|b, a| a.path == b.path);
        Ok(out)
    }

    pub(super) fn is_clean<'a>(
        &'a self,
        raw: &[u8],
        entry: &gix::index::Entry,
        mode: FileMode,
        index: &gix::index::File,
        options: gix::index::entry::stat::Options,
        filter: &mut Option<super::land::Filter<'a>>,
    ) -> Result<bool, VcsError> {
        let full = self.layout.root.join(std::ffi::OsStr::from_bytes(raw));
        let Ok(meta) = gix::index::fs::Metadata::from_path_no_follow(&full) else { return Ok(false) };
        let Ok(stat) = gix::index::entry::Stat::from_fs(&meta) else { return Ok(false) };
        // The data says nothing about the mode.
        let same_mode = mode == FileMode::Symlink || meta.is_executable() == (mode == FileMode::Executable);
        // A size of zero is git's mark for an entry that only its content can say something about, and so says nothing of a
        // file that is empty.
        let marked = entry.stat.size == 0 && entry.id != gix::ObjectId::empty_blob(self.repo.object_hash());
        if same_mode && !marked && entry.stat.matches(&stat, options) && !entry.stat.is_racy(index.timestamp(), options) {
            return Ok(true);
        }
        let Ok(path) = &RepoPath::new(raw.to_vec()) else { return Ok(true) };
        self.has_content(path, trees::Leaf { id: entry.id, mode }, filter)
    }

    /// Whether the file on disk is what `leaf` says, by content and, where the file system has it, by mode.
    pub(super) fn has_content<'a>(
        &'a self,
        path: &RepoPath,
        leaf: trees::Leaf,
        filter: &mut Option<super::land::Filter<'a>>,
    ) -> Result<bool, VcsError> {
        let Some(now) = self.read_file(path).map_err(VcsError::io(self.full(path)))? else { return Ok(false) };
        let link = |mode| mode == FileMode::Symlink;
        let modes_count = self.repo.config_snapshot().boolean("core.fileMode").unwrap_or(true);
        if now.mode != leaf.mode && (modes_count || link(now.mode) || link(leaf.mode)) {
            return Ok(false);
        }
        let filter = match filter {
            Some(filter) => filter,
            None => filter.insert(self.filter()?),
        };
        let bytes = filter.store(path, &now)?;
        let id = gix::objs::compute_hash(self.repo.object_hash(), gix::object::Kind::Blob, &bytes).map_err(super::fault)?;
        Ok(id == leaf.id)
    }

    /// The files of a tree, but for the directories of which the index remembers that it has the same tree: those are given
    /// by their prefixes, in byte order.
    fn leaves_beside(
        &self,
        tree: gix::ObjectId,
        cached: Option<&gix::index::extension::Tree>,
    ) -> Result<(Leaves, BTreeSet<Vec<u8>>), VcsError> {
        let (mut leaves, mut same) = (BTreeMap::new(), BTreeSet::new());
        let mut queue = vec![(Vec::new(), tree, cached)];
        while let Some((prefix, id, cached)) = queue.pop() {
            if cached.is_some_and(|t| t.num_entries.is_some() && t.id == id) {
                same.insert(prefix);
                continue;
            }
            let tree = self.tree(id)?;
            for entry in tree.decode().map_err(super::fault)?.entries {
                let mut path = prefix.clone();
                path.extend_from_slice(entry.filename.as_bytes());
                match trees::mode(entry.mode.kind()) {
                    Some(mode) => {
                        leaves.insert(path, trees::Leaf { id: entry.oid.to_owned(), mode });
                    }
                    None if entry.mode.is_tree() => {
                        path.push(b'/');
                        let below = cached.and_then(|t| t.children.iter().find(|c| c.name[..] == entry.filename[..]));
                        queue.push((path, entry.oid.to_owned(), below));
                    }
                    None => {}
                }
            }
        }
        Ok((leaves, same))
    }
}

fn write_temp(temp: &std::path::Path, state: &FileState, bits: Option<u32>) -> io::Result<()> {
    match fs::remove_file(temp) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    if state.mode == FileMode::Symlink {
        return std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(&state.bytes), temp);
    }
    // What others may not read they cannot open while it is written either.
    let first = if bits.is_some() { 0o600 } else { 0o666 };
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(first).open(temp)?;
    file.write_all(&state.bytes)?;
    permissions::set(&file, bits, state.mode)?;
    file.sync_all()
}
