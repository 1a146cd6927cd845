//! File writes that survive a crash of the process or of the machine.
//!
//! Invariants
//! - A file under its final name is whole: content is written under another name, synced, then renamed, and the directory
//!   is synced after that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

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

/// Waits for the lock that this file stands for. It goes when it is dropped, or with the process.
pub fn lock(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        create_directories(directory)?;
    }
    let file = File::create(path)?;
    file.lock()?;
    Ok(file)
}

/// The name of a temporary file in the same directory.
pub fn temp_beside(path: &Path, tag: &str) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{tag}.tmp"))
}
