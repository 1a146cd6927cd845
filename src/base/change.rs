//! What an exchange does to files, as data.
//!
//! Invariants
//! - A [`ChangeSet`] holds each path at most once, in path order, and no change whose two sides are equal.
//! - Bytes are worktree bytes: exactly what was on disk and exactly what will be.

use std::collections::BTreeMap;

use super::path::RepoPath;
use super::text::byte_lines;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum FileMode {
    /// An ordinary file (git's 100644).
    #[default]
    Regular,
    /// An executable file (git's 100755).
    Executable,
    /// A symbolic link; its bytes are the target (git's 120000).
    Symlink,
}

impl FileMode {
    /// Git's octal spelling.
    pub const fn octal(self) -> &'static str {
        match self {
            Self::Regular => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
        }
    }

    /// The mode that git spells so.
    pub fn from_octal(text: &str) -> Option<Self> {
        [Self::Regular, Self::Executable, Self::Symlink].into_iter().find(|mode| mode.octal() == text)
    }
}

/// A file's content at one moment.
#[derive(Clone, PartialEq, Eq)]
pub struct FileState {
    pub mode: FileMode,
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for FileState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileState({}, {:?})", self.mode.octal(), String::from_utf8_lossy(&self.bytes))
    }
}

/// One file before and after; `None` means that it does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    pub before: Option<FileState>,
    pub after: Option<FileState>,
}

impl FileChange {
    /// Lines added and removed, for people.
    pub fn line_counts(&self) -> LineCounts {
        let bytes = |side: &Option<FileState>| side.as_ref().map(|s| s.bytes.clone()).unwrap_or_default();
        let (before, after) = (bytes(&self.before), bytes(&self.after));
        let (old, new) = (byte_lines(&before), byte_lines(&after));
        let mut counts = LineCounts::default();
        for op in similar::capture_diff_slices(similar::Algorithm::Myers, &old, &new) {
            if !matches!(op, similar::DiffOp::Equal { .. }) {
                counts.added += op.new_range().len() as u64;
                counts.removed += op.old_range().len() as u64;
            }
        }
        counts
    }
}

/// Lines added and removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineCounts {
    pub added: u64,
    pub removed: u64,
}

/// Changes to a set of files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeSet(BTreeMap<RepoPath, FileChange>);

impl ChangeSet {
    /// Adds a change, or continues the one that is there: the older `before` is kept. A change that ends where it began
    /// disappears.
    pub fn record(&mut self, path: RepoPath, before: Option<FileState>, after: Option<FileState>) {
        let before = self.0.remove(&path).map_or(before, |known| known.before);
        if before != after {
            self.0.insert(path, FileChange { before, after });
        }
    }

    /// The changes in path order.
    pub fn iter(&self) -> impl Iterator<Item = (&RepoPath, &FileChange)> {
        self.0.iter()
    }

    /// The change of one path.
    pub fn get(&self, path: &RepoPath) -> Option<&FileChange> {
        self.0.get(path)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The change that takes this one back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        Self(self.0.iter().map(|(p, c)| (p.clone(), FileChange { before: c.after.clone(), after: c.before.clone() })).collect())
    }

    /// This change followed by `next`.
    #[must_use]
    pub fn then(mut self, next: &Self) -> Self {
        for (path, change) in next.iter() {
            self.record(path.clone(), change.before.clone(), change.after.clone());
        }
        self
    }
}

impl FromIterator<(RepoPath, FileChange)> for ChangeSet {
    fn from_iter<I: IntoIterator<Item = (RepoPath, FileChange)>>(iter: I) -> Self {
        let mut set = Self::default();
        for (path, change) in iter {
            set.record(path, change.before, change.after);
        }
        set
    }
}
