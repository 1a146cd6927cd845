//! Moving one ref by compare-and-swap, in a way that survives a kill at any moment.
//!
//! Invariants
//! - Git's protocol: the new value is written under `<ref>.lock`, which nobody may have, the old one is compared under it, and
//!   the lock is renamed into place. No other lock is taken: the library's transactions take `packed-refs.lock` besides, which
//!   after a kill would keep git and us from every ref, and nobody could say whose it is.
//! - The lock is a hard link of a file of our own below `retort/moving/`, so one that a dead process left is known as ours by
//!   its inode. A lock that is anything else is never removed.
//! - Our own file is there before the lock and goes after it; it is never written twice.
//! - The reflog follows the ref.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::base::id::Oid;
use crate::base::text::{percent_decode, percent_encode};
use crate::process::Spec;
use crate::vcs::{Signature, VcsError, durable};

use super::{Git, oid};

/// A ref's way from one commit to another.
pub(super) struct Step<'a> {
    /// The full name; `HEAD` when no branch is checked out.
    pub name: &'a str,
    /// The value that it must have; `None`: it must not exist.
    pub old: Option<Oid>,
    pub new: Oid,
    /// The reflog's line.
    pub log: &'a str,
    pub who: &'a Signature,
}

impl Git {
    /// Moves a ref. Another value than the expected one is [`VcsError::Moved`], a lock of somebody else
    /// [`VcsError::IndexLocked`]. The caller holds the lock of ours under which this ref is written.
    pub(super) fn move_ref(&self, step: &Step<'_>) -> Result<(), VcsError> {
        let (path, own) = (self.ref_path(step.name), self.own_file(step.name));
        let lock = lock_of(&path);
        self.clear_moving(step.name)?;
        durable::create_directories(own.parent().unwrap_or(&own)).map_err(VcsError::io(&own))?;
        durable::write_new(&own, format!("{}\n", step.new).as_bytes()).map_err(VcsError::io(&own))?;
        self.faults.point("moving.written");
        if let Err(error) = link(&own, &lock) {
            let _ = fs::remove_file(&own);
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => VcsError::IndexLocked(lock),
                _ => VcsError::io(&lock)(error),
            });
        }
        self.faults.point("moving.locked");
        let moved = self.move_locked(step, &path, &lock);
        if moved.is_err() {
            let _ = fs::remove_file(&lock);
        }
        let removed = fs::remove_file(&own).map_err(VcsError::io(&own));
        moved.and(removed)
    }

    fn move_locked(&self, step: &Step<'_>, path: &Path, lock: &Path) -> Result<(), VcsError> {
        let now =
            if step.name == "HEAD" { self.repo.head().map_err(super::fault)?.id().map(oid) } else { self.one_ref(step.name)? };
        if now != step.old {
            return Err(VcsError::Moved { name: step.name.to_owned() });
        }
        let known = known_directory(path);
        let mut renamed = fs::rename(lock, path);
        if renamed.as_ref().is_err_and(|e| matches!(e.kind(), io::ErrorKind::IsADirectory | io::ErrorKind::DirectoryNotEmpty)) {
            // What is left of branches below this name. A directory that holds something stays.
            let _ = fs::remove_dir(path);
            renamed = fs::rename(lock, path);
        }
        renamed.map_err(VcsError::io(path))?;
        self.faults.point("moving.renamed");
        for directory in path.ancestors().skip(1).take_while(|d| d.starts_with(&known)) {
            durable::sync_directory(directory).map_err(VcsError::io(directory))?;
        }
        // After the step: a line about one that did not happen would mislead recovery, which looks there. The step stands
        // whether or not there is room for its line.
        let _ = self.log_step(step);
        self.faults.point("moving.logged");
        Ok(())
    }

    /// Takes a branch away. This is git's work: it has to leave `packed-refs` too, and it lives on when we are killed.
    pub(super) fn remove_branch(&self, name: &str, old: Oid) -> Result<(), VcsError> {
        let done = self.run_git("update-ref", &Spec::new("git").args(["update-ref", "--no-deref", "-d", name, &old.to_string()]));
        match done {
            Err(VcsError::GitFailed { .. }) if self.one_ref(name)? != Some(old) => Err(VcsError::Moved { name: name.to_owned() }),
            other => other.map(drop),
        }
    }

    /// Adds the step to the reflogs of the ref and, when it is the branch that is checked out, of HEAD.
    fn log_step(&self, step: &Step<'_>) -> Result<(), VcsError> {
        let zero = || "0".repeat(self.repo.object_hash().len_in_hex());
        let old = step.old.map_or_else(zero, |old| old.to_string());
        let zone = gix::date::Time::new(step.who.seconds, step.who.offset).to_string();
        let line = format!("{old} {} {} <{}> {zone}\t{}\n", step.new, step.who.name, step.who.email, step.log.replace('\n', " "));
        let head = self.repo.head_name().map_err(super::fault)?;
        let checked_out = head.is_some_and(|name| name.as_bstr() == step.name);
        let mut logs = vec![(step.name, self.log_path(step.name))];
        logs.extend(checked_out.then(|| ("HEAD", self.log_path("HEAD"))));
        for (name, log) in logs {
            if !log.exists() && !self.begins_log(name) {
                continue;
            }
            let written = log.parent().map_or(Ok(()), durable::create_directories).and_then(|()| {
                let mut file = fs::OpenOptions::new().create(true).append(true).open(&log)?;
                file.write_all(line.as_bytes())
            });
            written.map_err(VcsError::io(&log))?;
        }
        Ok(())
    }

    /// Whether git would begin a reflog for this ref.
    fn begins_log(&self, name: &str) -> bool {
        let config = self.repo.config_snapshot();
        match config.string("core.logAllRefUpdates").as_deref().map(|value| value.to_ascii_lowercase()) {
            Some(value) if value == b"always" => true,
            Some(_) if !config.boolean("core.logAllRefUpdates").unwrap_or(true) => false,
            _ => name == "HEAD" || name.starts_with("refs/heads/"),
        }
    }

    /// Removes what a dead process left that was moving this ref. The lock of ours under which it is written must be held.
    fn clear_moving(&self, name: &str) -> Result<(), VcsError> {
        let (own, lock) = (self.own_file(name), lock_of(&self.ref_path(name)));
        let look = |path: &Path| fs::symlink_metadata(path).ok().map(|m| (m.dev(), m.ino()));
        let Some(ours) = look(&own) else { return Ok(()) };
        if look(&lock) == Some(ours) {
            fs::remove_file(&lock).map_err(VcsError::io(&lock))?;
        }
        fs::remove_file(&own).map_err(VcsError::io(&own))
    }

    /// The same for every ref of which `ours` is true.
    pub(super) fn clear_all_moving(&self, directory: &Path, ours: impl Fn(&str) -> bool) -> Result<(), VcsError> {
        for name in moving(directory) {
            if ours(&name) {
                self.clear_moving(&name)?;
            }
        }
        Ok(())
    }

    /// Where the files lie that stand for moves of the branch, and of our own refs.
    pub(super) fn moving_directories(&self) -> [PathBuf; 2] {
        [&self.layout.git_dir, &self.layout.common_dir].map(|dir| dir.join("retort").join("moving"))
    }

    fn own_file(&self, name: &str) -> PathBuf {
        let [branch, hidden] = self.moving_directories();
        let directory = if is_hidden(name) { hidden } else { branch };
        directory.join(percent_encode(name.as_bytes()).replace('/', "%2F"))
    }

    fn ref_path(&self, name: &str) -> PathBuf {
        let directory = if name == "HEAD" { &self.layout.git_dir } else { &self.layout.common_dir };
        directory.join(std::ffi::OsStr::from_bytes(name.as_bytes()))
    }

    fn log_path(&self, name: &str) -> PathBuf {
        let directory = if name == "HEAD" { &self.layout.git_dir } else { &self.layout.common_dir };
        directory.join("logs").join(std::ffi::OsStr::from_bytes(name.as_bytes()))
    }
}

/// Whether this is a ref of retort's own, which is written under another lock than the branch.
pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with(crate::session::refs::ALL)
}

/// The refs that were being moved.
pub(super) fn moving(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|e| String::from_utf8(percent_decode(&String::from_utf8(e.file_name().into_vec()).ok()?)).ok()).collect()
}

fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Links the lock. A directory that git took away because it was empty is made again.
fn link(own: &Path, lock: &Path) -> io::Result<()> {
    let parent = lock.parent().unwrap_or(lock);
    for _ in 0..9 {
        durable::create_directories(parent)?;
        match fs::hard_link(own, lock) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
    }
    fs::hard_link(own, lock)
}

/// The nearest directory above `path` that is there now.
fn known_directory(path: &Path) -> PathBuf {
    path.ancestors().skip(1).find(|d| d.is_dir()).unwrap_or(path).to_owned()
}
