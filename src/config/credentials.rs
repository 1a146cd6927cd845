//! Keys that the user gave to keep, in `credentials` beside the user's own configuration.
//!
//! Invariants
//! - The file is nobody's but the user's: mode 0600, in a directory that others cannot look into. One that others may read, or
//!   that is a symbolic link, is not read, and what is wrong with it is said.
//! - It is replaced whole, and at no moment readable by others.
//! - A key is never part of an error.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, value};

use super::secret::Secret;
use super::{ConfigError, trust, write};

/// What such a key is called where its variable would be named.
pub const STORED: &str = "credentials";

/// Everybody else's permissions.
const OTHERS: u32 = 0o077;

/// The file's place.
pub fn path(home: &Path) -> PathBuf {
    home.join("credentials")
}

/// The keys that are kept, by provider.
pub fn read(home: &Path) -> Result<BTreeMap<String, Secret>, ConfigError> {
    let path = path(home);
    let Some(document) = document(&path)? else { return Ok(BTreeMap::new()) };
    let keys = document.get("keys").and_then(Item::as_table_like);
    let mut out = BTreeMap::new();
    for (provider, key) in keys.into_iter().flat_map(toml_edit::TableLike::iter) {
        let key = key.as_str().map(str::trim).filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| wrong(&path, format!("the key of {provider} is no text")))?;
        out.insert(provider.to_owned(), Secret::new(STORED, key));
    }
    Ok(out)
}

/// Keeps the key of a provider, or with `None` no longer; says whether there was one.
pub fn keep(home: &Path, provider: &str, key: Option<&Secret>) -> Result<bool, ConfigError> {
    let path = path(home);
    // Two at once keep both keys: the directory is held from reading to the end of writing.
    let _held = own_directory(home)?;
    let mut document = document(&path)?.unwrap_or_default();
    let keys = document.as_table_mut().entry("keys").or_insert_with(|| Item::Table(Table::new()));
    let keys = keys.as_table_like_mut().ok_or_else(|| wrong(&path, "`keys` is no table"))?;
    let had = match key {
        Some(key) => keys.insert(provider, value(key.expose())).is_some(),
        None => keys.remove(provider).is_some(),
    };
    if had || key.is_some() {
        replace(&path, document.to_string().as_bytes())?;
    }
    Ok(had)
}

/// Takes from others what they may do with a file that was there before; a symbolic link stays what it is.
pub fn repair(home: &Path) -> Result<bool, ConfigError> {
    let path = path(home);
    match std::fs::symlink_metadata(&path) {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & OTHERS != 0 => {
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(ConfigError::io("protect", &path))?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn document(path: &Path) -> Result<Option<DocumentMut>, ConfigError> {
    let meta = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(ConfigError::io("read", path))?,
    };
    if !meta.is_file() {
        return Err(wrong(path, "it is no ordinary file; keys are kept in one that nothing else leads to"));
    }
    if meta.permissions().mode() & OTHERS != 0 {
        return Err(wrong(path, format!("others may read it: chmod 600 {}", path.display())));
    }
    let bytes = trust::read_bounded(path)?;
    let text = String::from_utf8(bytes).map_err(|_| wrong(path, "it is not UTF-8 text"))?;
    // The parser's message could show a line of it.
    let line = |error: &ConfigError| if let ConfigError::Syntax { line, .. } = error { *line } else { 0 };
    write::parse(path, &text).map(Some).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: line(&error),
        problem: "it is not TOML".to_owned(),
    })
}

fn wrong(path: &Path, why: impl Into<String>) -> ConfigError {
    ConfigError::io("use", path)(io::Error::new(io::ErrorKind::InvalidData, why.into()))
}

/// The directory, locked; closing it gives it free.
fn own_directory(home: &Path) -> Result<File, ConfigError> {
    if !home.is_dir() {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(home);
        made.map_err(ConfigError::io("make", home))?;
    }
    let directory = File::open(home).map_err(ConfigError::io("open", home))?;
    directory.lock().map_err(ConfigError::io("lock", home))?;
    Ok(directory)
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
    let temp = path.with_file_name(format!(".credentials.{}", std::process::id()));
    // One that a dead process with this number left would be in the way.
    let _ = std::fs::remove_file(&temp);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temp).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temp, path)
    });
    if let Err(error) = written {
        let _ = std::fs::remove_file(&temp);
        return Err(ConfigError::io("write", path)(error));
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(ConfigError::io("sync", dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Secret {
        Secret::new("X", text)
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn a_key_is_kept_for_its_user_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = dir.path().join("a/.retort");
        assert!(!keep(&home, "anthropic", Some(&key("first-key-of-two"))).expect("kept"));
        assert!(keep(&home, "anthropic", Some(&key("second \"key\" of two"))).expect("kept"));
        keep(&home, "my-own", Some(&key("another"))).expect("kept");
        assert_eq!((mode(&home), mode(&path(&home))), (0o700, 0o600));
        // A directory that its user has opened to others stays so; the file is closed to them.
        std::fs::set_permissions(&home, Permissions::from_mode(0o755)).expect("opened");
        keep(&home, "my-own", Some(&key("another"))).expect("kept");
        assert_eq!((mode(&home), mode(&path(&home))), (0o755, 0o600));
        let kept = read(&home).expect("read");
        let kept: Vec<_> = kept.iter().map(|(name, key)| (name.as_str(), key.name(), key.expose())).collect();
        assert_eq!(kept, [("anthropic", STORED, "second \"key\" of two"), ("my-own", STORED, "another")]);
        assert_eq!(std::fs::read_dir(&home).expect("a directory").count(), 1, "nothing is left beside it");
        assert!(keep(&home, "anthropic", None).expect("removed") && !keep(&home, "anthropic", None).expect("none"));
        assert!(!std::fs::read_to_string(path(&home)).expect("there").contains("second"));
        assert_eq!(read(&home).expect("read").len(), 1);
    }

    #[test]
    fn two_at_once_keep_both() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = dir.path().join(".retort");
        std::thread::scope(|scope| {
            for name in 0..8 {
                let home = &home;
                scope.spawn(move || keep(home, &format!("p{name}"), Some(&key("a-key"))).expect("kept"));
            }
        });
        assert_eq!(read(&home).expect("read").len(), 8);
    }

    #[test]
    fn a_file_that_others_may_read_or_that_leads_elsewhere_is_not_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = dir.path();
        assert!(read(home).expect("none").is_empty() && !repair(home).expect("none"));
        std::fs::write(path(home), "[keys]\nx = 'the-key-itself'\n").expect("written");
        std::fs::set_permissions(path(home), Permissions::from_mode(0o640)).expect("set");
        let error = read(home).expect_err("others may read it").to_string();
        assert!(error.contains("chmod 600") && !error.contains("the-key-itself"), "{error}");
        assert!(repair(home).expect("repaired") && !repair(home).expect("once"));
        assert_eq!(read(home).expect("read").len(), 1);
        std::fs::rename(path(home), home.join("elsewhere")).expect("moved");
        std::os::unix::fs::symlink(home.join("elsewhere"), path(home)).expect("linked");
        assert!(read(home).is_err() && keep(home, "x", Some(&key("k"))).is_err());
    }

    #[test]
    fn what_is_wrong_is_said_without_a_key() {
        let dir = tempfile::tempdir().expect("a directory");
        for text in ["[keys]\nx = the-key-itself\n", "keys = 'the-key-itself'\n", "[keys]\nx = ['the-key-itself']\n"] {
            replace(&path(dir.path()), text.as_bytes()).expect("written");
            let said = match read(dir.path()) {
                Ok(keys) => format!("{keys:?}"),
                Err(error) => error.to_string(),
            };
            assert!(!said.contains("the-key-itself"), "{said}");
        }
    }
}
