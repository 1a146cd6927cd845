//! The permissions of files that are replaced, deleted and made again. Git, and so a turn, knows only one bit of them.
//!
//! Invariants
//! - A file that we write is readable and writable for nobody for whom the file before it was not: while there is one, its
//!   permissions are taken; when a turn deletes one that is not open to everybody, they are noted first, durably, below
//!   `retort/permissions/` in this worktree's git directory.
//! - The noted bits stay on this machine. In another clone or worktree a file is made as git makes it.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::base::change::FileMode;
use crate::base::hash::Sha256;
use crate::base::path::RepoPath;
use crate::vcs::{VcsError, durable};

use super::Git;

impl Git {
    /// The permission bits that a file gets which is written to `path`, whatever mode it will have; `None`: the usual ones.
    pub(super) fn permissions_for(&self, path: &RepoPath, mode: FileMode) -> Option<u32> {
        let old = match fs::symlink_metadata(self.layout.root.join(path.to_os())) {
            Ok(meta) if meta.is_file() => Some(meta.mode() & 0o7777),
            Ok(_) => None,
            Err(_) => fs::read_to_string(self.noted(path)).ok().and_then(|text| u32::from_str_radix(text.trim(), 8).ok()),
        }?;
        Some(match mode {
            // Who may read it may execute it.
            FileMode::Executable if old & 0o100 == 0 => old | (old & 0o444) >> 2,
            FileMode::Regular if old & 0o100 != 0 => old & !0o111,
            _ => old,
        })
    }

    /// Notes the permissions of a file that is about to be deleted, if the next one of that name could be opened by others.
    pub(super) fn note_permissions(&self, path: &RepoPath) -> Result<(), VcsError> {
        let Ok(meta) = fs::symlink_metadata(self.layout.root.join(path.to_os())) else { return Ok(()) };
        let note = self.noted(path);
        if meta.is_file() && !matches!(meta.mode() & 0o666, 0o644 | 0o664 | 0o666) {
            return durable::replace(&note, format!("{:o}\n", meta.mode() & 0o777).as_bytes()).map_err(VcsError::io(&note));
        }
        match fs::remove_file(&note) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(VcsError::io(&note)(e)),
            _ => Ok(()),
        }
    }

    fn noted(&self, path: &RepoPath) -> PathBuf {
        let name = Sha256::of(path.as_bytes()).to_string();
        self.layout.git_dir.join("retort").join("permissions").join(name)
    }
}

/// Gives an open file these permissions; `None`: the usual ones.
pub(super) fn set(file: &File, permissions: Option<u32>, mode: FileMode) -> io::Result<()> {
    let bits = match permissions {
        Some(bits) => bits,
        // The user's umask decides who may execute, as it decides who may read.
        None if mode == FileMode::Executable => {
            let usual = file.metadata()?.permissions().mode();
            usual | (usual & 0o444) >> 2
        }
        None => return Ok(()),
    };
    file.set_permissions(Permissions::from_mode(bits))
}

/// Whether a directory is closed to somebody to whom the one that it is in is open: made again it would not be.
pub(super) fn is_closed(directory: &Path) -> bool {
    let mode = |path: &Path| fs::symlink_metadata(path).map(|meta: Metadata| meta.mode() & 0o077);
    match (mode(directory), directory.parent().map(mode)) {
        (Ok(own), Some(Ok(above))) => above & !own != 0,
        _ => false,
    }
}
