//! File writes that survive a crash of the process or of the machine.
//!
//! Invariants
//! - A file under its final name is whole: content is written under another name, synced, then renamed, and the directory
//!   is synced after that.
//! - A lock is free as soon as its holder lets go of it or is dead, whoever has a copy of its descriptor.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::base::hash::Sha256;

/// Syncs a directory, so that the names in it are durable.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Creates a directory and its parents; those that are new are durable in their parents.
pub fn create_directories(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).collect();
    for directory in missing.into_iter().rev() {
        match fs::create_dir(directory) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        if let Some(parent) = directory.parent().filter(|p| !p.as_os_str().is_empty()) {
            sync_directory(parent)?;
        }
    }
    Ok(())
}

/// Writes a new file and syncs it; its name becomes durable with the directory.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Replaces (or creates) a file atomically. Two writers at once leave one of the two contents.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, &std::process::id().to_string(), bytes, || {})
}

/// The same with a name for the temporary file, and something to do between its writing and the rename.
pub fn replace_with(path: &Path, tag: &str, bytes: &[u8], between: impl FnOnce()) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::other("a file needs a directory"))?;
    create_directories(directory)?;
    let temp = temp_beside(path, tag);
    match fs::remove_file(&temp) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    write_new(&temp, bytes)?;
    between();
    fs::rename(&temp, path)?;
    sync_directory(directory)
}

/// A file that this process holds locked, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Waits for the lock that `file` stands for.
    pub fn wait(file: File) -> io::Result<Self> {
        file.lock()?;
        Ok(Self(file))
    }

    /// The same if nobody has it.
    pub fn attempt(file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    /// Whether the locked file is still the one of that name.
    pub fn is_at(&self, path: &Path) -> io::Result<bool> {
        let now = match fs::metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        };
        let held = self.0.metadata()?;
        Ok((held.dev(), held.ino()) == (now.dev(), now.ino()))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone is not enough: a child that another thread is just starting has a copy of the descriptor until it
        // has become its program, and the lock would live on in it.
        let _ = self.0.unlock();
    }
}

/// Waits for the lock that the file of this name stands for; makes the file when there is none.
pub fn lock(path: &Path) -> io::Result<Lock> {
    if let Some(directory) = path.parent() {
        create_directories(directory)?;
    }
    Lock::wait(File::create(path)?)
}

/// The name of a temporary file in the same directory. Where a file's own name is nearly as long as a name can be, it has
/// the name's hash instead.
pub fn temp_beside(path: &Path, tag: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let plain = format!(".{}.{tag}.tmp", name.to_string_lossy());
    if plain.len() <= LONGEST_NAME {
        return path.with_file_name(plain);
    }
    let hash = Sha256::of(name.as_encoded_bytes()).to_string();
    path.with_file_name(format!(".{}.{tag}.tmp", &hash[..16]))
}

/// What every usual file system takes as a name, in bytes.
const LONGEST_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_name_is_never_longer_than_a_name_can_be() {
        let length = |path: &Path| path.file_name().map(std::ffi::OsStr::len);
        assert_eq!(temp_beside(Path::new("d/a.txt"), "tag"), Path::new("d/.a.txt.tag.tmp"));
        let [one, two] = ["a", "b"].map(|end| temp_beside(Path::new(&("n".repeat(254) + end)), "tag"));
        assert!(length(&one) <= Some(255) && one != two && one.to_string_lossy().ends_with(".tag.tmp"));
    }

    #[test]
    fn a_lock_that_was_let_go_does_not_live_on_in_a_copy() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lock");
        let file = File::create(&path).expect("creates");
        // What a child has that is being started.
        let copy = file.try_clone().expect("copies");
        let held = Lock::wait(file).expect("locks");
        let again = || Lock::attempt(File::create(&path).expect("opens")).expect("asks");
        assert!(again().is_none());
        drop(held);
        assert!(again().is_some());
        drop(copy);
    }
}
