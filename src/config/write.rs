//! Changing one key in a file.
//!
//! Invariants
//! - A file is replaced whole and synced: a reader or a crash finds the old one or the new one.
//! - Comments, order and spacing of a TOML file stay.

use std::io::Write as _;
use std::path::Path;

use toml_edit::{Array, DocumentMut, Item, Table, Value as TomlValue};

use super::file::line_at;
use super::schema;
use super::value::Value;
use super::{ConfigError, Origin};

/// Sets `key` to what `text` means for it, in a file that may not exist yet. The value is checked first.
pub fn set(file: &Path, key: &str, text: &str) -> Result<(), ConfigError> {
    let old = match std::fs::read_to_string(file) {
        Ok(old) => old,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(ConfigError::io("read", file)(error)),
    };
    replace(file, changed(file, &old, key, text)?.as_bytes())
}

/// What `file`, which reads `old`, reads with `key` set. Nothing is written.
pub fn changed(file: &Path, old: &str, key: &str, text: &str) -> Result<String, ConfigError> {
    let Some(known) = schema::find(key) else {
        return Err(ConfigError::UnknownKey { origin: Origin::Flag, key: key.to_owned(), nearest: schema::nearest(key) });
    };
    let value =
        known.read_text(text).map_err(|problem| ConfigError::BadValue { origin: Origin::Flag, key: key.to_owned(), problem })?;
    let parts: Vec<&str> = key.split('.').collect();
    if file.extension().is_some_and(|e| e == "json") {
        set_json(file, old, &parts, &value)
    } else {
        let mut document = parse(file, old)?;
        // What a file without any key says stands above the first one, not below it.
        let head = if document.as_table().is_empty() {
            std::mem::take(&mut document).trailing().as_str().map(str::to_owned)
        } else {
            None
        };
        set_toml(document.as_item_mut(), &parts, &value).ok_or_else(|| not_a_table(file, key))?;
        Ok(match head.filter(|head| !head.trim().is_empty()) {
            Some(head) => format!("{}\n\n{}", head.trim_end(), document.to_string().trim_start()),
            None => document.to_string(),
        })
    }
}

fn not_a_table(file: &Path, key: &str) -> ConfigError {
    let problem = format!("{} has something else than a table above this key: correct the file first", file.display());
    ConfigError::BadValue { origin: Origin::Flag, key: key.to_owned(), problem }
}

/// Parses TOML that will be changed.
pub(super) fn parse(path: &Path, text: &str) -> Result<DocumentMut, ConfigError> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let line = line_at(text.as_bytes(), error.span().map_or(0, |span| span.start));
        ConfigError::Syntax { path: path.to_owned(), line, problem: error.message().trim_end().replace('\n', ", ") }
    })
}

fn set_toml(node: &mut Item, parts: &[&str], value: &Value) -> Option<()> {
    let (first, rest) = parts.split_first()?;
    let table = node.as_table_like_mut()?;
    if !rest.is_empty() {
        let below = table.entry(first).or_insert_with(|| {
            let mut table = Table::new();
            // A table that holds only tables needs no header of its own.
            table.set_implicit(true);
            Item::Table(table)
        });
        return set_toml(below, rest, value);
    }
    let mut new = toml_value(value);
    match table.get_mut(first) {
        Some(Item::Value(old)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        Some(item) => *item = Item::Value(new),
        None => drop(table.insert(first, Item::Value(new))),
    }
    Some(())
}

fn toml_value(value: &Value) -> TomlValue {
    match value {
        Value::Bool(yes) => (*yes).into(),
        Value::Int(n) => (*n).into(),
        Value::List(items) => TomlValue::Array(items.iter().map(String::as_str).collect::<Array>()),
        Value::Unset | Value::Text(_) | Value::Duration(_) | Value::Time(_) | Value::Path(_) => value.to_string().into(),
    }
}

fn set_json(file: &Path, old: &str, parts: &[&str], value: &Value) -> Result<String, ConfigError> {
    use serde_json::{Map, Value as Json};
    let syntax =
        |error: serde_json::Error| ConfigError::Syntax { path: file.to_owned(), line: error.line(), problem: error.to_string() };
    let mut root: Json =
        if old.trim().is_empty() { Json::Object(Map::new()) } else { serde_json::from_str(old).map_err(syntax)? };
    let mut node = &mut root;
    for part in parts {
        let map = node.as_object_mut().ok_or_else(|| not_a_table(file, &parts.join(".")))?;
        node = map.entry(*part).or_insert_with(|| Json::Object(Map::new()));
    }
    *node = if *value == Value::Unset { "".into() } else { value.to_json() };
    Ok(format!("{root:#}\n"))
}

/// Replaces a file atomically. A link is followed, so that configuration kept elsewhere stays there.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let dir = target.parent().unwrap_or(Path::new("."));
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    std::fs::create_dir_all(dir).map_err(ConfigError::io("make", dir))?;
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let temp = dir.join(name);
    let written = std::fs::File::create(&temp).and_then(|mut file| {
        file.write_all(bytes)?;
        if let Ok(old) = std::fs::metadata(&target) {
            file.set_permissions(old.permissions())?;
        }
        file.sync_all()?;
        std::fs::rename(&temp, &target)
    });
    if let Err(error) = written {
        // The first failure is the one to report; a left-over file is harmless.
        let _ = std::fs::remove_file(&temp);
        return Err(ConfigError::io("write", &target)(error));
    }
    std::fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(ConfigError::io("sync", dir))
}
