//! Unfinished turns: one directory each, `<common dir>/retort/wal/<key>/`, held by a file lock while its process lives.
//!
//! Invariants
//! - A directory with the file `open` belongs to a turn that may have been sent; without it nothing was sent and the
//!   directory is litter.
//! - Files other than the streamed one are written whole and synced. What is in them is the caller's business.
//! - A directory is touched only by the holder of its lock. The lock goes with the process, so a free lock means that the
//!   turn's process is gone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::durable;

/// The file whose presence says that the turn is open; written last when a turn opens, removed first when it closes.
const OPEN: &str = "open";

/// An unfinished turn's directory, locked.
#[derive(Debug)]
pub struct Wal {
    directory: PathBuf,
    _lock: File,
    stream: Option<File>,
}

impl Wal {
    /// Opens a directory for a new turn. `open` is durable when this returns.
    pub fn create(common_dir: &Path, key: &str, open: &[u8]) -> io::Result<Self> {
        let parent = root(common_dir);
        durable::create_directories(&parent)?;
        // Made under another name, and locked before anybody else looks.
        let fresh = parent.join(format!(".new-{key}"));
        let gate = gate(common_dir)?;
        fs::create_dir(&fresh)?;
        let lock = File::create_new(fresh.join("lock"))?;
        lock.lock()?;
        drop(gate);
        durable::write_new(&fresh.join(OPEN), open)?;
        durable::sync_directory(&fresh)?;
        let directory = parent.join(key);
        fs::rename(&fresh, &directory)?;
        durable::sync_directory(&parent)?;
        Ok(Self { directory, _lock: lock, stream: None })
    }

    /// The turns that nobody works on any more. Litter is removed on the way.
    pub fn abandoned(common_dir: &Path) -> io::Result<Vec<(String, Self)>> {
        let parent = root(common_dir);
        let entries = match fs::read_dir(&parent) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let _gate = gate(common_dir)?;
        let mut names: Vec<String> = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort();
        let mut out = Vec::new();
        for name in names {
            let directory = parent.join(&name);
            let lock = match OpenOptions::new().write(true).open(directory.join("lock")) {
                // Just being removed by its owner, or left by one that died before it was locked: then it is empty.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    let _ = fs::remove_dir(&directory);
                    continue;
                }
                other => other?,
            };
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(e)) => return Err(e),
                Ok(()) => {}
            }
            if name.starts_with('.') || !directory.join(OPEN).exists() {
                remove(&directory)?;
                continue;
            }
            out.push((name, Self { directory, _lock: lock, stream: None }));
        }
        Ok(out)
    }

    /// Writes (or replaces) a file; it is durable when this returns.
    pub fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        durable::replace(&self.directory.join(name), bytes)
    }

    /// Reads a file; `None` when there is none.
    pub fn get(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.directory.join(name)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// Replaces what was written when the turn opened; it is the one or the other at any moment.
    pub fn reopen(&self, open: &[u8]) -> io::Result<()> {
        self.put(OPEN, open)
    }

    /// What was written when the turn opened, or last put in its place.
    pub fn opened(&self) -> io::Result<Vec<u8>> {
        fs::read(self.directory.join(OPEN))
    }

    /// Starts the streamed file anew.
    pub fn start_stream(&mut self, name: &str) -> io::Result<()> {
        self.stream = Some(File::create(self.directory.join(name))?);
        durable::sync_directory(&self.directory)
    }

    /// Appends to the streamed file. The bytes are safe from the death of this process at once, and from that of the
    /// machine after [`Self::end_stream`].
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Some(file) => file.write_all(bytes),
            None => Err(io::Error::other("no stream was started")),
        }
    }

    /// Syncs the streamed file.
    pub fn end_stream(&mut self) -> io::Result<()> {
        self.stream.take().map_or(Ok(()), |file| file.sync_data())
    }

    /// Moves the directory out of the way, as it is: nobody can read it. Gives its new place.
    pub fn set_aside(self, common_dir: &Path) -> io::Result<PathBuf> {
        let name = self.directory.file_name().unwrap_or_default();
        let kept = common_dir.join("retort").join("unreadable");
        durable::create_directories(&kept)?;
        fs::rename(&self.directory, kept.join(name))?;
        durable::sync_directory(&kept)?;
        Ok(kept.join(name))
    }

    /// Removes the directory: the turn is closed.
    pub fn close(self) -> io::Result<()> {
        remove(&self.directory)
    }
}

fn root(common_dir: &Path) -> PathBuf {
    common_dir.join("retort").join("wal")
}

/// Held while a directory is made, so that nobody takes one that is not locked yet for litter.
fn gate(common_dir: &Path) -> io::Result<File> {
    let file = File::create(common_dir.join("retort").join("wal.lock"))?;
    file.lock()?;
    Ok(file)
}

/// Removes a directory so that a death half-way leaves litter, not an open turn. What its owner has just removed is fine too.
fn remove(directory: &Path) -> io::Result<()> {
    let gone = |done: io::Result<()>| match done {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    gone(fs::remove_file(directory.join(OPEN)))?;
    let entries = match fs::read_dir(directory) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    // The lock goes last: as long as it is there, a later start finds the rest.
    for entry in entries {
        let entry = entry?;
        if entry.file_name() != "lock" {
            gone(fs::remove_file(entry.path()))?;
        }
    }
    gone(fs::remove_file(directory.join("lock")))?;
    gone(fs::remove_dir(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_abandoned_only_when_its_holder_is_gone() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut wal = Wal::create(dir.path(), "kk", b"hi").expect("opens");
        assert!(Wal::abandoned(dir.path()).expect("lists").is_empty(), "its process lives");
        wal.start_stream("raw").expect("starts");
        wal.append(b"abc").expect("appends");
        drop(wal);
        let mut found = Wal::abandoned(dir.path()).expect("lists");
        let (key, wal) = found.pop().expect("one");
        assert_eq!(key, "kk");
        assert_eq!(wal.get("raw").expect("reads"), Some(b"abc".to_vec()));
        assert_eq!(wal.opened().expect("reads"), b"hi");
        wal.close().expect("closes");
        assert!(Wal::abandoned(dir.path()).expect("lists").is_empty());
        assert_eq!(fs::read_dir(root(dir.path())).expect("lists").count(), 0);
    }

    #[test]
    fn what_is_no_turn_is_passed_over() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(root(dir.path()).join(".new-kk")).expect("made");
        fs::write(root(dir.path()).join("stray"), "x").expect("written");
        assert!(Wal::abandoned(dir.path()).expect("lists").is_empty());
        assert!(!root(dir.path()).join(".new-kk").exists(), "it died before it had a lock");
        drop(Wal::create(dir.path(), "kk", b"?").expect("opens"));
        let (_, wal) = Wal::abandoned(dir.path()).expect("lists").pop().expect("one");
        let kept = wal.set_aside(dir.path()).expect("moves");
        assert_eq!(fs::read(kept.join(OPEN)).expect("reads"), b"?");
        assert!(Wal::abandoned(dir.path()).expect("lists").is_empty());
    }

    #[test]
    fn directories_come_and_go_while_others_look() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(root(dir.path())).expect("made");
        let made = |who: &str| {
            for n in 0..100 {
                Wal::create(dir.path(), &format!("{who}{n}"), b"{}").expect("opens").close().expect("closes");
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| made("k"));
            scope.spawn(|| made("m"));
            for _ in 0..100 {
                // A turn that was just closed may be seen, never one that is being made.
                Wal::abandoned(dir.path()).expect("lists");
            }
        });
        assert_eq!(fs::read_dir(root(dir.path())).expect("lists").count(), 0);
    }

    #[test]
    fn litter_is_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let wal = Wal::create(dir.path(), "kk", b"{}").expect("opens");
        fs::remove_file(wal.directory.join(OPEN)).expect("removes");
        drop(wal);
        assert!(Wal::abandoned(dir.path()).expect("lists").is_empty());
        assert!(!root(dir.path()).join("kk").exists());
    }
}
