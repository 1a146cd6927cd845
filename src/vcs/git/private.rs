//! A repository of retort's own, for work in a directory that is in none.
//!
//! Invariants
//! - It lies outside of the directory, which gets the edits and nothing else; only its user can read it.
//! - It has turns and no branch: edits are written, never committed.
//! - One that exists is whole: it is made under another name and then renamed.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::base::hash::Sha256;
use crate::base::path::RepoPath;
use crate::process::fault::Faults;
use crate::vcs::{VcsError, durable};

use super::Git;

/// How many files of such a directory are known by name without being given: there is no index that would say which of them
/// are sources.
const MOST_FILES: usize = 10_000;

/// The turns of a directory that is in no repository.
#[derive(Debug, Clone, Copy)]
pub struct Private<'a> {
    /// Where such repositories lie.
    pub stores: &'a Path,
    /// The user's home: neither it nor anything above it is taken for a project.
    pub home: Option<&'a Path>,
}

impl Private<'_> {
    /// The repository that was made for `directory` or for one above it.
    pub fn find(&self, directory: &Path, faults: &Faults) -> Result<Option<Git>, VcsError> {
        let directory = directory.canonicalize().map_err(VcsError::io(directory))?;
        let place = directory.ancestors().map(|d| self.place(d)).find(|place| place.join("HEAD").exists());
        place.map(|place| open(&place, faults)).transpose()
    }

    /// The same; it is made for `directory` when there is none.
    pub fn find_or_make(&self, directory: &Path, faults: &Faults) -> Result<Git, VcsError> {
        if let Some(git) = self.find(directory, faults)? {
            return Ok(git);
        }
        let directory = directory.canonicalize().map_err(VcsError::io(directory))?;
        let above = |path: &Path| path.canonicalize().is_ok_and(|path| path.starts_with(&directory));
        if directory.parent().is_none() || self.home.is_some_and(above) || above(self.stores) {
            let what = "without a repository, files are not edited from the home directory or above".to_owned();
            return Err(VcsError::Unsupported { path: directory, what });
        }
        let place = self.place(&directory);
        make(&place, &directory).map_err(VcsError::io(&place))?;
        open(&place, faults)
    }

    fn place(&self, directory: &Path) -> PathBuf {
        let hash = Sha256::of(directory.as_os_str().as_bytes()).to_string();
        let name = directory.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let name: String = name.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).take(40).collect();
        self.stores.join(format!("{name}-{}", &hash[..16]))
    }
}

fn open(place: &Path, faults: &Faults) -> Result<Git, VcsError> {
    let options = super::options().with(gix::sec::Trust::Full);
    let repo = gix::ThreadSafeRepository::open_opts(place, options).map_err(super::fault)?;
    let mut git = Git::check(repo.to_thread_local(), faults.clone())?;
    git.layout.private = true;
    Ok(git)
}

/// Makes what git needs to take a directory for a repository.
fn make(place: &Path, directory: &Path) -> io::Result<()> {
    let parent = place.parent().unwrap_or(place);
    durable::create_directories(parent)?;
    let fresh = place.with_extension(format!("new-{}", std::process::id()));
    let _ = fs::remove_dir_all(&fresh);
    fs::DirBuilder::new().mode(0o700).create(&fresh)?;
    fs::create_dir_all(fresh.join("objects"))?;
    fs::create_dir_all(fresh.join("refs"))?;
    let mut config = b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tworktree = \"".to_vec();
    for byte in directory.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => config.extend([b'\\', *byte]),
            b'\n' => config.extend(b"\\n"),
            b'\t' => config.extend(b"\\t"),
            other => config.push(*other),
        }
    }
    config.extend(b"\"\n");
    durable::write_new(&fresh.join("config"), &config)?;
    durable::write_new(&fresh.join("HEAD"), b"ref: refs/heads/main\n")?;
    durable::sync_directory(&fresh)?;
    match fs::rename(&fresh, place) {
        // Another process was first; its repository is as good.
        Err(_) if place.join("HEAD").exists() => fs::remove_dir_all(&fresh),
        other => other,
    }?;
    durable::sync_directory(parent)
}

/// The files below a directory, without hidden ones and other repositories, in name order.
pub(super) fn files(root: &Path) -> io::Result<Vec<RepoPath>> {
    let mut out = Vec::new();
    let mut queue = vec![root.to_owned()];
    while let Some(directory) = queue.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries {
            let entry = entry?;
            let (kind, path) = (entry.file_type()?, entry.path());
            if entry.file_name().as_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() && !path.join(".git").exists() {
                queue.push(path);
            } else if kind.is_file() {
                let inside = path.strip_prefix(root).ok().and_then(|p| RepoPath::new(p.as_os_str().as_bytes()).ok());
                out.extend(inside);
            }
        }
        if out.len() > MOST_FILES {
            break;
        }
    }
    out.truncate(MOST_FILES);
    out.sort();
    Ok(out)
}
