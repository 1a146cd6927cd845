//! Looking for files in directories that may hold anything.
//!
//! Invariants
//! - Bounded: so deep, so many entries; a directory that links lead to is looked at once. What was not looked at is said.
//! - What cannot be read is said and passed over.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// How deep a walk goes below its start.
const DEEPEST: usize = 8;

/// How many entries of directories one scan looks at.
const ENTRIES: usize = 200_000;

/// A model's file, or one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Below the start of its walk.
    pub(super) relative: PathBuf,
    pub(super) bytes: u64,
    pub(super) node: (u64, u64),
    /// The hash of its content, where a cache says it.
    pub(super) digest: Option<String>,
}

/// What one scan still may do, and what it has to say.
#[derive(Debug)]
pub(super) struct Walk {
    entries: usize,
    seen: BTreeSet<(u64, u64)>,
    /// How many directories of the walk under way are too deep.
    deep: usize,
    pub(super) notices: Vec<String>,
}

impl Walk {
    pub(super) fn new(notices: Vec<String>) -> Self {
        Self { entries: ENTRIES, seen: BTreeSet::new(), deep: 0, notices }
    }

    fn cannot(&mut self, path: &Path, why: &io::Error) {
        self.notices.push(format!("{}: {why}", path.display()));
    }

    /// The entries of a directory, in order; none when it is not there.
    pub(super) fn list(&mut self, directory: &Path) -> Vec<PathBuf> {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(why) => {
                if why.kind() != io::ErrorKind::NotFound {
                    self.cannot(directory, &why);
                }
                return Vec::new();
            }
        };
        let mut out = Vec::new();
        for entry in entries {
            let Some(left) = self.entries.checked_sub(1) else { break };
            self.entries = left;
            if left == 0 {
                let said = format!("{}: here were {ENTRIES} entries looked at; the rest was not", directory.display());
                self.notices.push(said);
            }
            match entry {
                Ok(entry) => out.push(entry.path()),
                Err(why) => self.cannot(directory, &why),
            }
        }
        out.sort();
        out
    }

    /// Whether a directory is seen for the first time.
    pub(super) fn is_new(&mut self, meta: &Metadata) -> bool {
        self.seen.insert((meta.dev(), meta.ino()))
    }

    /// What a path is in the end; nothing when that cannot be found out.
    pub(super) fn meta(&mut self, path: &Path) -> Option<Metadata> {
        match fs::metadata(path) {
            Ok(meta) => Some(meta),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                self.notices.push(format!("{}: it is a link to a file that is gone", path.display()));
                None
            }
            Err(why) => {
                self.cannot(path, &why);
                None
            }
        }
    }

    /// The `.gguf` files at and below a directory.
    pub(super) fn files(&mut self, start: &Path) -> Vec<File> {
        let mut out = Vec::new();
        if fs::metadata(start).is_ok_and(|meta| meta.is_dir() && self.is_new(&meta)) {
            self.below(start, start, 0, &mut out);
        }
        if self.deep > 0 {
            let deep = std::mem::take(&mut self.deep);
            let said =
                format!("{}: what lies more than {DEEPEST} directories deep was not looked at ({deep} of them)", start.display());
            self.notices.push(said);
        }
        out
    }

    fn below(&mut self, start: &Path, directory: &Path, depth: usize, out: &mut Vec<File>) {
        for path in self.list(directory) {
            let model = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"));
            // A file of another kind is not asked about; a link may be to either.
            let Ok(kind) = fs::symlink_metadata(&path).map(|meta| meta.file_type()) else { continue };
            if !(kind.is_dir() || model || (kind.is_symlink() && path.is_dir())) {
                continue;
            }
            let Some(meta) = self.meta(&path) else { continue };
            if meta.is_dir() && depth < DEEPEST {
                if self.is_new(&meta) {
                    self.below(start, &path, depth + 1, out);
                }
            } else if meta.is_dir() {
                self.deep += 1;
            } else if model && meta.is_file() {
                out.push(File::of(&path, start, &meta));
            }
        }
    }
}

impl File {
    pub(super) fn of(path: &Path, start: &Path, meta: &Metadata) -> Self {
        let real = fs::canonicalize(path).ok();
        let name = real.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
        Self {
            relative: path.strip_prefix(start).unwrap_or(path).to_owned(),
            bytes: meta.len(),
            node: (meta.dev(), meta.ino()),
            digest: digest(name.strip_prefix("sha256-").unwrap_or(name)),
            path: path.to_owned(),
        }
    }
}

/// The text, if it is a SHA-256 hash.
pub(super) fn digest(text: &str) -> Option<String> {
    let sound = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    sound.then(|| text.to_owned())
}
