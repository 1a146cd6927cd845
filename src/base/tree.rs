//! How pure code sees files.
//!
//! Invariants
//! - A [`SourceTree`] is a view of one moment as far as its reader can tell; absence is `Ok(None)`, never an error.

use std::collections::BTreeMap;
use std::io;

use super::change::FileState;
use super::path::RepoPath;

/// Files by path.
pub trait SourceTree {
    /// The tracked paths, in byte order.
    fn paths(&self) -> &[RepoPath];

    /// The file at `path`, tracked or not; `None` when there is none.
    fn read(&self, path: &RepoPath) -> io::Result<Option<FileState>>;

    /// Why no file can be written at `path`, whatever its content: the way there leads out of the tree, or what stands there
    /// is no ordinary file. Nothing is read for it.
    fn obstacle(&self, path: &RepoPath) -> Option<&'static str> {
        let _ = path;
        None
    }

    /// Whether two paths lead to one and the same file, as on a file system that ignores upper and lower case.
    fn is_same_file(&self, a: &RepoPath, b: &RepoPath) -> bool {
        a == b
    }
}

/// Files in memory; for tests and for the tree that lies after a change set.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    files: BTreeMap<RepoPath, FileState>,
    paths: Vec<RepoPath>,
}

impl MemoryTree {
    /// A tree with these files.
    pub fn new(files: impl IntoIterator<Item = (RepoPath, FileState)>) -> Self {
        let files: BTreeMap<_, _> = files.into_iter().collect();
        Self { paths: files.keys().cloned().collect(), files }
    }
}

impl SourceTree for MemoryTree {
    fn paths(&self) -> &[RepoPath] {
        &self.paths
    }

    fn read(&self, path: &RepoPath) -> io::Result<Option<FileState>> {
        Ok(self.files.get(path).cloned())
    }
}
