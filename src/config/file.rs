//! One configuration file as a flat list of keys with their lines.
//!
//! Invariants
//! - Any bytes give settings or errors, never a panic and never unbounded recursion: tables are entered only along keys
//!   of the table of keys.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::value::RawValue;
use toml_edit::{Item, TableLike, Value as TomlValue};

use super::schema::{self, Found};
use super::value::{Raw, Value};
use super::{ConfigError, Entry, Layer, Origin};

/// One key that a file sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) entry: usize,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// What was read, and everything that is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) settings: Vec<Setting>,
    pub(super) problems: Vec<ConfigError>,
}

/// After so many problems, a file is not a configuration with slips but something else.
const MAX_PROBLEMS: usize = 100;

/// Reads a file's text; a name that ends in `.json` is JSON, anything else TOML.
pub(super) fn read(path: &Path, layer: Layer, bytes: &[u8]) -> Contents {
    let newlines = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at).collect();
    let mut reader = Reader { path, layer, text: "", newlines, contents: Contents::default() };
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            reader.text = text;
            if path.extension().is_some_and(|e| e == "json") { reader.json() } else { reader.toml() }
        }
        Err(error) => {
            let line = line_at(bytes, error.valid_up_to());
            reader.syntax(line, "not UTF-8 text");
        }
    }
    reader.contents
}

/// The settings in the text of one file, and everything that is wrong with it. Merging, trust and `~` are not its business.
pub fn parse(path: &Path, layer: Layer, bytes: &[u8]) -> (Vec<Entry>, Vec<ConfigError>) {
    let Contents { settings, problems } = read(path, layer, bytes);
    (settings.into_iter().map(|Setting { key, value, origin, .. }| Entry { key, value, origin }).collect(), problems)
}

/// The line, from 1, of the byte at `offset`.
pub(super) fn line_at(bytes: &[u8], offset: usize) -> usize {
    bytes[..offset.min(bytes.len())].split(|b| *b == b'\n').count()
}

struct Reader<'a> {
    path: &'a Path,
    layer: Layer,
    text: &'a str,
    /// Where lines end: a file of a stranger may have very many keys.
    newlines: Vec<usize>,
    contents: Contents,
}

impl<'a> Reader<'a> {
    fn syntax(&mut self, line: usize, problem: &str) {
        let problem = problem.trim_end().replace('\n', ", ");
        self.contents.problems.push(ConfigError::Syntax { path: self.path.to_owned(), line, problem });
    }

    /// Takes one key. True when the caller should enter the table below it.
    fn take(&mut self, parts: &[&str], offset: usize, is_table: bool, raw: impl FnOnce() -> Raw) -> bool {
        if self.contents.problems.len() >= MAX_PROBLEMS {
            return false;
        }
        let line = self.newlines.partition_point(|newline| *newline < offset) + 1;
        let origin = Origin::File { path: self.path.to_owned(), line, layer: self.layer };
        let key = parts.join(".");
        // A quoted part that holds a dot would otherwise pass for two parts.
        let found = if parts.iter().any(|part| part.contains('.')) { Found::Unknown } else { schema::find_parts(parts) };
        let problem = match found {
            Found::Group if is_table => return true,
            Found::Group => ConfigError::BadValue { origin, key, problem: "expected a table of settings".to_owned() },
            Found::Unknown => ConfigError::UnknownKey { origin, nearest: schema::nearest(&key), key },
            Found::Key(entry) => match schema::KEYS[entry].read(&raw()) {
                Ok(value) => {
                    self.contents.settings.push(Setting { key, entry, value, origin });
                    return false;
                }
                Err(problem) => ConfigError::BadValue { origin, key, problem },
            },
        };
        self.contents.problems.push(problem);
        false
    }

    fn toml(&mut self) {
        match toml_edit::Document::parse(self.text) {
            Ok(document) => self.toml_table(document.as_table(), &mut Vec::new(), 0),
            Err(error) => {
                let line = line_at(self.text.as_bytes(), error.span().map_or(0, |span| span.start));
                self.syntax(line, error.message());
            }
        }
    }

    fn toml_table(&mut self, table: &dyn TableLike, parents: &mut Vec<String>, above: usize) {
        for (name, item) in table.iter() {
            let offset = table.key(name).and_then(toml_edit::Key::span).map_or(above, |span| span.start);
            parents.push(name.to_owned());
            let parts: Vec<&str> = parents.iter().map(String::as_str).collect();
            if self.take(&parts, offset, item.is_table_like(), || toml_raw(item))
                && let Some(below) = item.as_table_like()
            {
                self.toml_table(below, parents, offset);
            }
            parents.pop();
        }
    }

    fn json(&mut self) {
        match serde_json::from_str::<&RawValue>(self.text) {
            Ok(root) if root.get().starts_with('{') => self.json_object(root, &mut Vec::new()),
            Ok(_) => self.syntax(1, "expected an object"),
            Err(error) => self.syntax(error.line(), &error.to_string()),
        }
    }

    fn json_object(&mut self, object: &'a RawValue, parents: &mut Vec<String>) {
        let fields = match serde_json::from_str::<BTreeMap<String, &'a RawValue>>(object.get()) {
            Ok(fields) => fields,
            Err(error) => {
                let above = line_at(self.text.as_bytes(), self.offset(object)) - 1;
                return self.syntax(above + error.line(), &error.to_string());
            }
        };
        for (name, value) in fields {
            // Editors find the schema by this key.
            if parents.is_empty() && name == "$schema" {
                continue;
            }
            parents.push(name);
            let parts: Vec<&str> = parents.iter().map(String::as_str).collect();
            if self.take(&parts, self.offset(value), value.get().starts_with('{'), || json_raw(value)) {
                self.json_object(value, parents);
            }
            parents.pop();
        }
    }

    /// Where a raw value stands: it borrows from the text, so the distance of the two pointers is its offset.
    fn offset(&self, value: &RawValue) -> usize {
        (value.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }
}

fn toml_raw(item: &Item) -> Raw {
    match item {
        Item::Value(TomlValue::String(text)) => Raw::Text(text.value().clone()),
        Item::Value(TomlValue::Boolean(yes)) => Raw::Bool(*yes.value()),
        Item::Value(TomlValue::Integer(n)) => Raw::Int(*n.value()),
        Item::Value(TomlValue::Float(number)) => Raw::Number(number.display_repr().into_owned()),
        Item::Value(TomlValue::Datetime(_)) => Raw::Other("a bare date (write it in quotes)"),
        Item::Value(TomlValue::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map_or(Raw::Other("a list with something else than strings"), Raw::List),
        Item::Value(TomlValue::InlineTable(_)) | Item::Table(_) | Item::None => Raw::Other("a table"),
        Item::ArrayOfTables(_) => Raw::Other("a list of tables"),
    }
}

fn json_raw(value: &RawValue) -> Raw {
    use serde_json::Value as Json;
    match serde_json::from_str::<Json>(value.get()) {
        Ok(Json::String(text)) => Raw::Text(text),
        Ok(Json::Bool(yes)) => Raw::Bool(yes),
        Ok(Json::Number(n)) => n.as_i64().map_or_else(|| Raw::Number(n.to_string()), Raw::Int),
        Ok(Json::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map_or(Raw::Other("a list with something else than strings"), Raw::List),
        Ok(Json::Object(_)) => Raw::Other("a table"),
        Ok(Json::Null) => Raw::Other("null"),
        Err(_) => Raw::Other("something that is not JSON"),
    }
}
