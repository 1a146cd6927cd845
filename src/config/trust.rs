//! Which projects the user trusts, in `trust.toml` beside the user's own configuration.
//!
//! Invariants
//! - Trust is in bytes, not in a place: a record holds the SHA-256 of every file under `.retort/`, since any of them may be a
//!   command of the settings there, and one that was changed, added or removed since ends it until the user looks again.
//! - A damaged trust.toml is an error, never trust.
//! - Nothing of a project is read through a symbolic link, and nothing that is no ordinary file: a link could lead anywhere on
//!   the machine, to other people's files or to a device without an end; of a link, its own text counts. Nor is a file of more
//!   than `LARGEST` bytes read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, value};

use super::schema::{KEYS, Scope};
use super::{ConfigError, Layer, file, write};
use crate::base::hash::Sha256;
use crate::base::text;

/// Whether a project's own files may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It has no file that could.
    Nothing,
    /// It was never trusted.
    Untrusted,
    /// It was, and these files are not what they were.
    Changed(Vec<String>),
    /// It is.
    Trusted,
}

/// Files under `.retort/`, by their path in it.
type Files = BTreeMap<String, Sha256>;

/// How deep directories are followed, so that a link to a parent cannot loop.
const DEPTH: usize = 8;

/// The most bytes of one configuration file or template, and of any other file that is trusted.
pub(super) const LARGEST: u64 = 1 << 20;

/// The most files that are trusted, and the most bytes in all: they are looked at before every command.
const MOST_FILES: usize = 1000;
const MOST_BYTES: u64 = 16 << 20;

/// Whether symbolic links are followed. The user's own may lead wherever the user keeps such files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    Followed,
    Ignored,
}

impl Links {
    fn look(self, path: &Path) -> Option<std::fs::Metadata> {
        match self {
            Self::Followed => std::fs::metadata(path),
            Self::Ignored => std::fs::symlink_metadata(path),
        }
        .ok()
    }

    /// Whether there is a file that may be read.
    pub(super) fn is_file(self, path: &Path) -> bool {
        self.look(path).is_some_and(|meta| meta.is_file())
    }

    fn is_directory(self, path: &Path) -> bool {
        self.look(path).is_some_and(|meta| meta.is_dir())
    }
}

/// The names in a project's own directory that are symbolic links, and therefore not read; `.` is the directory itself.
pub(super) fn linked(dir: &Path) -> Vec<String> {
    let is_link = |path: &Path| std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    if is_link(dir) {
        return vec![".".to_owned()];
    }
    ["config.toml", "config.json", "templates"].into_iter().filter(|name| is_link(&dir.join(name))).map(str::to_owned).collect()
}

/// Reads a configuration file or template.
pub(super) fn read_bounded(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let io = || ConfigError::io("read", path);
    let size = std::fs::metadata(path).map_err(io())?.len();
    if size > LARGEST {
        let why = format!("it has {size} bytes, and at most {LARGEST} are read");
        return Err(io()(std::io::Error::new(std::io::ErrorKind::FileTooLarge, why)));
    }
    std::fs::read(path).map_err(io())
}

/// Every file below `dir` by its path with `/`, in order. No directory is no files. A name that is not UTF-8 cannot be
/// the name of a template, so it cannot act and is left out.
pub(super) fn walk(dir: &Path, links: Links) -> Result<BTreeMap<String, PathBuf>, ConfigError> {
    let mut found = BTreeMap::new();
    if links.is_directory(dir) {
        walk_into(dir, "", DEPTH, links, &mut found)?;
    }
    Ok(found)
}

fn walk_into(
    dir: &Path,
    prefix: &str,
    depth: usize,
    links: Links,
    found: &mut BTreeMap<String, PathBuf>,
) -> Result<(), ConfigError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(ConfigError::io("list", dir)(error)),
    };
    for entry in entries {
        let path = entry.map_err(ConfigError::io("list", dir))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(|name| format!("{prefix}{name}")) else { continue };
        // What counts is the bytes that would be read.
        if links.is_file(&path) {
            found.insert(name, path);
        } else if links.is_directory(&path) && depth > 0 {
            walk_into(&path, &format!("{name}/"), depth - 1, links, found)?;
        }
    }
    Ok(())
}

/// What lies in a project's `.retort/`.
#[derive(Default)]
struct Contents {
    files: Files,
    /// Whether one of them acts without being named by another: settings, a template.
    acts: bool,
    bytes: u64,
}

/// Why the contents cannot be trusted as a whole.
enum Beyond {
    Files,
    Bytes,
    Depth(String),
    /// A file that is too large, or cannot be read.
    Unread(String, ConfigError),
}

impl Beyond {
    /// In a list of files that changed.
    fn name(&self) -> String {
        match self {
            Self::Files => format!("more than {MOST_FILES} files"),
            Self::Bytes => format!("more than {} MiB", MOST_BYTES >> 20),
            Self::Depth(name) | Self::Unread(name, _) => name.clone(),
        }
    }

    fn error(self, dir: &Path) -> ConfigError {
        let (path, why) = match self {
            Self::Unread(_, error) => return error,
            Self::Depth(name) => (dir.join(name), format!("it lies more than {DEPTH} directories deep")),
            more @ (Self::Files | Self::Bytes) => {
                (dir.to_owned(), format!("it holds {}; what is trusted is read as a whole", more.name()))
            }
        };
        ConfigError::io("trust", &path)(std::io::Error::new(std::io::ErrorKind::FileTooLarge, why))
    }
}

/// Everything that lies in a project's `.retort/`, since any of it may be a command that its settings name. The user's own
/// directory, where it is the same or in it, belongs to nobody else.
fn contents(home: &Path, project_root: &Path) -> Result<Result<Contents, Beyond>, ConfigError> {
    let dir = project_root.join(".retort");
    let (mut found, home) = (Contents::default(), home.canonicalize().ok());
    if !Links::Ignored.is_directory(&dir) {
        return Ok(Ok(found));
    }
    let mut left = vec![(dir, String::new(), 0)];
    while let Some((dir, prefix, depth)) = left.pop() {
        if home.is_some() && dir.canonicalize().ok() == home {
            continue;
        }
        for entry in std::fs::read_dir(&dir).map_err(ConfigError::io("list", &dir))? {
            let path = entry.map_err(ConfigError::io("list", &dir))?.path();
            let Some(name) = path.file_name() else { continue };
            // No name that is text begins a path so.
            let name =
                name.to_str().map_or_else(|| format!("bytes:{}", text::percent_encode(name.as_encoded_bytes())), str::to_owned);
            let (name, Some(meta)) = (format!("{prefix}{name}"), Links::Ignored.look(&path)) else { continue };
            if meta.is_dir() {
                if depth == DEPTH {
                    return Ok(Err(Beyond::Depth(name)));
                }
                left.push((path, format!("{name}/"), depth + 1));
                continue;
            }
            let hash = if meta.is_symlink() {
                let to = std::fs::read_link(&path).map_err(ConfigError::io("read", &path))?;
                // A command is found through a link, too: it must go on leading to the same place.
                Sha256::of(&[b"link to ", to.as_os_str().as_encoded_bytes()].concat())
            } else if meta.is_file() {
                found.acts |= ["config.toml", "config.json"].contains(&name.as_str()) || name.starts_with("templates/");
                match read_bounded(&path) {
                    Ok(bytes) => {
                        found.bytes += bytes.len() as u64;
                        Sha256::of(&bytes)
                    }
                    Err(error) => return Ok(Err(Beyond::Unread(name, error))),
                }
            } else {
                continue;
            };
            found.files.insert(name, hash);
            if found.files.len() > MOST_FILES {
                return Ok(Err(Beyond::Files));
            }
            if found.bytes > MOST_BYTES {
                return Ok(Err(Beyond::Bytes));
            }
        }
    }
    Ok(Ok(found))
}

/// A project's name in trust.toml. Percent signs mark a path that is not UTF-8; such a name cannot equal a real path's,
/// which starts with the root.
fn name_of(project_root: &Path) -> Result<String, ConfigError> {
    let path = project_root.canonicalize().map_err(ConfigError::io("find", project_root))?;
    Ok(path.to_str().map_or_else(|| format!("bytes:{}", text::percent_encode(path.as_os_str().as_encoded_bytes())), str::to_owned))
}

fn read(home: &Path) -> Result<(PathBuf, DocumentMut), ConfigError> {
    let path = home.join("trust.toml");
    let document = match std::fs::read_to_string(&path) {
        Ok(text) => write::parse(&path, &text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => DocumentMut::new(),
        Err(error) => return Err(ConfigError::io("read", &path)(error)),
    };
    Ok((path, document))
}

/// Whether the project's files are those that the user trusted.
pub fn status(home: &Path, project_root: &Path) -> Result<Status, ConfigError> {
    let (_, document) = read(home)?;
    let record = document.get(&name_of(project_root)?).and_then(Item::as_table_like);
    let found = contents(home, project_root)?;
    let Some(record) = record else {
        return Ok(if found.is_ok_and(|found| !found.acts) { Status::Nothing } else { Status::Untrusted });
    };
    let files = match found {
        Ok(found) => found.files,
        // What was trusted was within the bounds.
        Err(beyond) => return Ok(Status::Changed(vec![beyond.name()])),
    };
    let recorded: BTreeMap<&str, Option<Sha256>> =
        record.iter().map(|(name, hash)| (name, hash.as_str().and_then(|hash| hash.parse().ok()))).collect();
    let mut changed: Vec<String> = files
        .iter()
        .filter(|(name, hash)| recorded.get(name.as_str()) != Some(&Some(**hash)))
        .map(|(name, _)| name.clone())
        .collect();
    changed.extend(recorded.keys().filter(|name| !files.contains_key(**name)).map(|name| (*name).to_owned()));
    changed.sort();
    Ok(if changed.is_empty() { Status::Trusted } else { Status::Changed(changed) })
}

/// Trusts the project's files as they are now, and returns their names.
pub fn trust(home: &Path, project_root: &Path) -> Result<Vec<String>, ConfigError> {
    let files = contents(home, project_root)?.map_err(|beyond| beyond.error(&project_root.join(".retort")))?.files;
    let (path, mut document) = read(home)?;
    let mut record = Table::new();
    for (name, hash) in &files {
        record.insert(name, value(hash.to_string()));
    }
    document.insert(&name_of(project_root)?, Item::Table(record));
    write::replace(&path, document.to_string().as_bytes())?;
    Ok(files.into_keys().collect())
}

/// What the project's settings want that needs trust, a line each; of a file that cannot be read as settings, nothing.
pub fn wishes(project_root: &Path) -> Result<Vec<String>, ConfigError> {
    let mut out = Vec::new();
    for name in ["config.toml", "config.json"] {
        let path = project_root.join(".retort").join(name);
        if Links::Ignored.is_file(&path) && Links::Ignored.is_directory(&project_root.join(".retort")) {
            let contents = file::read(&path, Layer::Project, &read_bounded(&path)?);
            let wish = |setting: &file::Setting| format!("{} = {}", setting.key, setting.value);
            out.extend(contents.settings.iter().filter(|setting| KEYS[setting.entry].scope != Scope::Anyone).map(wish));
        }
    }
    Ok(out)
}

/// Ends trust; false when there was none.
pub fn untrust(home: &Path, project_root: &Path) -> Result<bool, ConfigError> {
    let (path, mut document) = read(home)?;
    let had = document.remove(&name_of(project_root)?).is_some();
    if had {
        write::replace(&path, document.to_string().as_bytes())?;
    }
    Ok(had)
}
