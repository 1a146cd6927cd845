//! Unfinished turns: one directory each, `<common dir>/retort/wal/<key>/`, held by a file lock while its process lives.
//!
//! Invariants
//! - A directory with the file `open` belongs to a turn that may have been sent; without it nothing was sent and the
//!   directory is litter.
//! - Files other than the streamed one are written whole and synced. What is in them is the caller's business.
//! - A directory is touched only by the holder of its lock. The lock goes with the process, so a free lock means that the
//!   turn's process is gone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::durable::{self, Lock};
use crate::process::fault::Faults;

/// The file whose presence says that the turn is open; written last when a turn opens, removed first when it closes.
const OPEN: &str = "open";

/// The file that its owner holds locked.
const LOCK: &str = "lock";

/// An unfinished turn's directory, locked.
#[derive(Debug)]
pub struct Wal {
    directory: PathBuf,
    _lock: Lock,
    stream: Option<(File, PathBuf)>,
    faults: Faults,
}

/// What [`Wal::look`] finds in one directory.
#[derive(Debug)]
pub enum Looked {
    /// Its process lives.
    Held,
    /// A dead process's turn.
    Open(Wal),
    /// What is left of one that was closed, or that was never opened; a start removes it.
    Litter,
    /// It cannot even be looked into.
    Unreadable(io::Error),
}

impl Wal {
    /// Opens a directory for a new turn. `open` is durable when this returns.
    pub fn create(common_dir: &Path, key: &str, open: &[u8], faults: &Faults) -> io::Result<Self> {
        let parent = root(common_dir);
        durable::create_directories(&parent)?;
        // Made under another name, so that nobody takes it for a turn before it is whole.
        let fresh = parent.join(format!(".new-{key}"));
        let lock = loop {
            match fs::create_dir(&fresh) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => {}
            }
            faults.point("wal.made");
            let lock = match File::create_new(fresh.join(LOCK)) {
                // A start beside us took the empty directory for litter.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            let lock = Lock::wait(lock)?;
            // The same start may have had the lock for a moment, and removed it.
            if lock.is_at(&fresh.join(LOCK))? {
                break lock;
            }
        };
        faults.point("wal.locked");
        durable::write_new(&fresh.join(OPEN), open)?;
        durable::sync_directory(&fresh)?;
        faults.point("wal.written");
        let directory = parent.join(key);
        fs::rename(&fresh, &directory)?;
        faults.point("wal.renamed");
        durable::sync_directory(&parent)?;
        Ok(Self { directory, _lock: lock, stream: None, faults: faults.clone() })
    }

    /// The turns that nobody works on any more. Litter is removed on the way.
    pub fn abandoned(common_dir: &Path, faults: &Faults) -> io::Result<Vec<(String, Self)>> {
        let parent = root(common_dir);
        let entries = match fs::read_dir(&parent) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
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
            // What we make is ordinary files. Opening a pipe would wait for ever, a directory cannot be opened.
            let odd = |name: &str| fs::symlink_metadata(directory.join(name)).is_ok_and(|meta| !meta.is_file());
            if odd(LOCK) || odd(OPEN) {
                aside(common_dir, &directory)?;
                continue;
            }
            let lock = match OpenOptions::new().write(true).open(directory.join(LOCK)) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    // Killed before there was a lock or after it was gone: then the directory is empty. If its owner is at
                    // work there, it notices and makes it again.
                    let _ = fs::remove_dir(&directory);
                    continue;
                }
                other => other?,
            };
            let Some(lock) = Lock::attempt(lock)? else { continue };
            // Between our opening and our lock, its owner may have closed the turn or another start may have seen to it.
            if !lock.is_at(&directory.join(LOCK))? {
                continue;
            }
            if name.starts_with('.') || !directory.join(OPEN).exists() {
                remove(&directory, faults)?;
                continue;
            }
            out.push((name, Self { directory, _lock: lock, stream: None, faults: faults.clone() }));
        }
        Ok(out)
    }

    /// What is there, without changing anything: each directory's name, and the directory itself unless its process lives.
    pub fn look(common_dir: &Path) -> io::Result<Vec<(String, Looked)>> {
        let entries = match fs::read_dir(root(common_dir)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut out = Vec::new();
        for entry in entries {
            let directory = entry?.path();
            let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let looked = match File::open(directory.join(LOCK)).and_then(Lock::attempt) {
                Ok(None) => Looked::Held,
                Ok(Some(lock)) if !name.starts_with('.') && directory.join(OPEN).exists() => {
                    Looked::Open(Self { directory, _lock: lock, stream: None, faults: Faults::default() })
                }
                Ok(Some(_)) => Looked::Litter,
                Err(e) if e.kind() == io::ErrorKind::NotFound => Looked::Litter,
                Err(e) => Looked::Unreadable(e),
            };
            out.push((name, looked));
        }
        out.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(out)
    }

    /// Writes (or replaces) a file; it is durable when this returns.
    pub fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let step = |step: &str| self.faults.point(&format!("wal.{name}.{step}"));
        step("before");
        durable::replace_with(&self.directory.join(name), &std::process::id().to_string(), bytes, || step("written"))?;
        step("after");
        Ok(())
    }

    /// Removes a file, when there is one.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.directory.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
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
        self.stream = None;
        let path = self.directory.join(name);
        self.stream = Some((File::create(&path)?, path));
        self.faults.point("wal.stream");
        durable::sync_directory(&self.directory)
    }

    /// Appends to the streamed file. The bytes are safe from the death of this process at once, and from that of the
    /// machine after [`Self::end_stream`].
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Some((file, _)) => file.write_all(bytes),
            None => Err(io::Error::other("no stream was started")),
        }
    }

    /// Syncs the streamed file, and gives what is in it; nothing if none was started.
    pub fn end_stream(&mut self) -> io::Result<Vec<u8>> {
        let Some((file, path)) = self.stream.take() else { return Ok(Vec::new()) };
        file.sync_data()?;
        fs::read(path)
    }

    /// Removes the directory: the turn is closed.
    pub fn close(self) -> io::Result<()> {
        remove(&self.directory, &self.faults)
    }

    /// Puts the directory where no start looks for turns, because it cannot be read; gives the place.
    pub fn set_aside(self, common_dir: &Path) -> io::Result<PathBuf> {
        aside(common_dir, &self.directory)
    }
}

fn aside(common_dir: &Path, directory: &Path) -> io::Result<PathBuf> {
    let parent = common_dir.join("retort").join("unreadable");
    durable::create_directories(&parent)?;
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let numbered = (2..).map(|n| parent.join(format!("{name}-{n}")));
    let free = std::iter::once(parent.join(&*name)).chain(numbered).find(|place| fs::symlink_metadata(place).is_err());
    let place = free.unwrap_or_else(|| parent.join(&*name));
    fs::rename(directory, &place)?;
    durable::sync_directory(&parent)?;
    Ok(place)
}

fn root(common_dir: &Path) -> PathBuf {
    common_dir.join("retort").join("wal")
}

/// Removes a directory so that a death half-way leaves litter, not an open turn.
fn remove(directory: &Path, faults: &Faults) -> io::Result<()> {
    let gone = |result: io::Result<()>| match result {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    };
    gone(fs::remove_file(directory.join(OPEN)))?;
    faults.point("wal.closed");
    // The lock goes last: as long as it is there, a later start finds the rest.
    let entries = match fs::read_dir(directory) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name() != LOCK {
            gone(fs::remove_file(entry.path()))?;
        }
    }
    faults.point("wal.emptied");
    gone(fs::remove_file(directory.join(LOCK)))?;
    faults.point("wal.unlocked");
    // A start beside us may have removed the empty directory.
    gone(fs::remove_dir(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> Faults {
        Faults::default()
    }

    #[test]
    fn a_turn_is_abandoned_only_when_its_holder_is_gone() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut wal = Wal::create(dir.path(), "kk", b"hi", &none()).expect("opens");
        assert!(Wal::abandoned(dir.path(), &none()).expect("lists").is_empty(), "its process lives");
        wal.start_stream("raw").expect("starts");
        wal.append(b"abc").expect("appends");
        drop(wal);
        let mut found = Wal::abandoned(dir.path(), &none()).expect("lists");
        let (key, wal) = found.pop().expect("one");
        assert_eq!(key, "kk");
        assert_eq!(wal.get("raw").expect("reads"), Some(b"abc".to_vec()));
        assert_eq!(wal.opened().expect("reads"), b"hi");
        wal.close().expect("closes");
        assert!(Wal::abandoned(dir.path(), &none()).expect("lists").is_empty());
        assert_eq!(fs::read_dir(root(dir.path())).expect("lists").count(), 0);
    }

    #[test]
    fn litter_is_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let wal = Wal::create(dir.path(), "kk", b"{}", &none()).expect("opens");
        fs::remove_file(wal.directory.join(OPEN)).expect("removes");
        drop(wal);
        assert!(Wal::abandoned(dir.path(), &none()).expect("lists").is_empty());
        assert!(!root(dir.path()).join("kk").exists());
    }

    #[test]
    fn a_directory_without_a_lock_is_litter() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(root(dir.path()).join(".new-kk")).expect("made");
        assert!(Wal::abandoned(dir.path(), &none()).expect("lists").is_empty());
        assert_eq!(fs::read_dir(root(dir.path())).expect("lists").count(), 0);
    }

    /// Owners open and close turns while others look for dead ones: nobody fails, and no living turn is taken.
    #[test]
    fn owners_and_seekers_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path();
        std::thread::scope(|scope| {
            for owner in 0..2 {
                scope.spawn(move || {
                    for turn in 0..60 {
                        let key = format!("o{owner}t{turn}");
                        let wal = Wal::create(path, &key, key.as_bytes(), &none()).expect("opens");
                        assert_eq!(wal.opened().expect("its own"), key.as_bytes());
                        wal.close().expect("closes");
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(move || {
                    for _ in 0..120 {
                        assert!(Wal::abandoned(path, &none()).expect("lists").is_empty(), "a living turn was taken");
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(root(path)).expect("lists").count(), 0);
    }
}
