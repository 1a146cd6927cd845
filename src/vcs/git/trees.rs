//! Trees of the user's code: looking entries up, and writing a changed tree without touching unchanged directories.
//!
//! Invariants
//! - Directories that become empty disappear, as git has no empty trees inside a tree.

use std::collections::BTreeMap;

use gix::bstr::ByteSlice as _;
use gix::objs::tree::{Entry, EntryKind};

use crate::base::change::{FileMode, FileState};
use crate::base::path::RepoPath;
use crate::vcs::VcsError;

use super::Git;

/// A file in a tree or in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) id: gix::ObjectId,
    pub(super) mode: FileMode,
}

pub(super) const fn kind(mode: FileMode) -> EntryKind {
    match mode {
        FileMode::Regular => EntryKind::Blob,
        FileMode::Executable => EntryKind::BlobExecutable,
        FileMode::Symlink => EntryKind::Link,
    }
}

/// The mode of a file entry; `None` for directories and submodules.
pub(super) const fn mode(kind: EntryKind) -> Option<FileMode> {
    match kind {
        EntryKind::Blob => Some(FileMode::Regular),
        EntryKind::BlobExecutable => Some(FileMode::Executable),
        EntryKind::Link => Some(FileMode::Symlink),
        EntryKind::Tree | EntryKind::Commit => None,
    }
}

type Changes<'a> = BTreeMap<&'a [u8], Option<Leaf>>;

impl Git {
    /// The file at `path` in a tree; `None` for an empty repository's missing tree.
    pub(super) fn leaf(&self, tree: Option<gix::ObjectId>, path: &RepoPath) -> Result<Option<Leaf>, VcsError> {
        let Some(tree) = tree else { return Ok(None) };
        let tree = self.tree(tree)?;
        let parts = path.as_bytes().split(|b| *b == b'/');
        let entry = tree.lookup_entry(parts).map_err(super::fault)?;
        Ok(entry.and_then(|e| mode(e.mode().kind()).map(|mode| Leaf { id: e.object_id(), mode })))
    }

    /// A file of a tree with the bytes that the repository's filters and rules for line ends make of it.
    pub(super) fn as_checked_out(&self, tree: gix::ObjectId, path: &RepoPath) -> Result<Option<FileState>, VcsError> {
        use gix::filter::plumbing::{driver::apply::Delay, pipeline::convert::to_worktree::Options};
        let Some(leaf) = self.leaf(Some(tree), path)? else { return Ok(None) };
        let stored = self.blob(leaf.id)?;
        if leaf.mode == FileMode::Symlink {
            return Ok(Some(FileState { mode: leaf.mode, bytes: stored }));
        }
        let refused = |e: &dyn std::fmt::Display| VcsError::Filter(path.clone(), e.to_string());
        let (mut pipeline, _) = self.repo.filter_pipeline(None).map_err(|e| refused(&e))?;
        let options = Options { can_delay: Delay::Forbid, ..Options::default() };
        let mut out = pipeline.convert_to_worktree(&stored, path.as_bytes().into(), options).map_err(|e| refused(&e))?;
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut out, &mut bytes).map_err(|e| refused(&e))?;
        Ok(Some(FileState { mode: leaf.mode, bytes }))
    }

    /// The files that differ between two trees.
    pub(super) fn changed_files(
        &self,
        old: Option<gix::ObjectId>,
        new: gix::ObjectId,
    ) -> Result<std::collections::BTreeSet<RepoPath>, VcsError> {
        let mut out = std::collections::BTreeSet::new();
        let mut queue = vec![(Vec::new(), old, Some(new))];
        while let Some((prefix, old, new)) = queue.pop() {
            let mut entries: BTreeMap<Vec<u8>, [Option<Entry>; 2]> = BTreeMap::new();
            for (side, tree) in [old, new].into_iter().enumerate() {
                let Some(tree) = tree else { continue };
                let tree = self.tree(tree)?;
                for entry in tree.decode().map_err(super::fault)?.entries {
                    entries.entry(entry.filename.to_vec()).or_default()[side] = Some(entry.into());
                }
            }
            for (name, sides) in entries {
                let key = |entry: &Option<Entry>| entry.as_ref().map(|e| (e.mode, e.oid));
                if key(&sides[0]) == key(&sides[1]) {
                    continue;
                }
                let path = [&prefix[..], &name].concat();
                if sides.iter().flatten().any(|e| !e.mode.is_tree()) {
                    out.extend(RepoPath::new(path.clone()));
                }
                let tree = |side: &Option<Entry>| side.as_ref().filter(|e| e.mode.is_tree()).map(|e| e.oid);
                if let (old, new) = (tree(&sides[0]), tree(&sides[1]))
                    && (old.is_some() || new.is_some())
                {
                    queue.push(([&path[..], b"/"].concat(), old, new));
                }
            }
        }
        Ok(out)
    }

    /// The tree that results from setting (or, with `None`, removing) these files.
    pub(super) fn edit_tree(
        &self,
        tree: Option<gix::ObjectId>,
        changes: &BTreeMap<RepoPath, Option<Leaf>>,
        written: &mut Vec<gix::ObjectId>,
    ) -> Result<gix::ObjectId, VcsError> {
        let changes = changes.iter().map(|(path, leaf)| (path.as_bytes(), *leaf)).collect();
        match self.edit_directory(tree, &changes, written)? {
            Some(id) => Ok(id),
            None => self.write_tree(Vec::new(), written),
        }
    }

    fn edit_directory(
        &self,
        tree: Option<gix::ObjectId>,
        changes: &Changes<'_>,
        written: &mut Vec<gix::ObjectId>,
    ) -> Result<Option<gix::ObjectId>, VcsError> {
        let mut entries: BTreeMap<Vec<u8>, Entry> = BTreeMap::new();
        if let Some(id) = tree {
            let tree = self.tree(id)?;
            for entry in tree.decode().map_err(super::fault)?.entries {
                entries.insert(entry.filename.to_vec(), entry.into());
            }
        }
        let mut below: BTreeMap<&[u8], Changes<'_>> = BTreeMap::new();
        for (path, leaf) in changes {
            if let Some(at) = path.find_byte(b'/') {
                below.entry(&path[..at]).or_default().insert(&path[at + 1..], *leaf);
                continue;
            }
            match leaf {
                Some(leaf) => {
                    let entry = Entry { mode: kind(leaf.mode).into(), filename: (*path).into(), oid: leaf.id };
                    entries.insert(path.to_vec(), entry);
                }
                None => {
                    entries.remove(*path);
                }
            }
        }
        for (name, changes) in below {
            let old = entries.get(name).filter(|e| e.mode.is_tree()).map(|e| e.oid);
            match self.edit_directory(old, &changes, written)? {
                Some(oid) => {
                    entries.insert(name.to_vec(), Entry { mode: EntryKind::Tree.into(), filename: name.into(), oid });
                }
                None => {
                    entries.remove(name);
                }
            }
        }
        if entries.is_empty() {
            return Ok(None);
        }
        self.write_tree(entries.into_values().collect(), written).map(Some)
    }
}
