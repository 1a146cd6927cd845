//! What is generated from the table of keys: the manual, the JSON schema, a starter file.

use std::fmt::Write as _;

use serde_json::{Map, json};

use super::schema::{KEYS, Key, Scope};
use super::value::{Kind, Value};

/// The text of docs/config.md.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         <!-- Made by `cargo xtask gen` from src/config/schema.rs. -->\n\n\
         Values come from these layers; a later one wins, key by key:\n\n\
         1. built-in defaults\n\
         2. your own `~/.retort/config.toml` (the directory is `RT_HOME` if that is set)\n\
         3. the project's `.retort/config.toml`\n\
         4. what `rt session set` keeps in the session\n\
         5. variables: `RT__MODEL__DEFAULT=pro` sets `model.default`; `RT_MODEL` is short for it\n\
         6. the command line: `--config KEY=VALUE`, and flags of their own such as `--model`\n\n\
         A file may be `config.json` instead, with the same keys. `rt config show --origin` says where every value came from. A wrong\n\
         key or type is an error that names the file, the line and the nearest valid key. A relative path starts at the directory of the\n\
         file that sets it (a default: at `~/.retort`), and `~/` is your home directory. In a variable or flag, a list is `a,b` or `[\"a\", \"b\"]`.\n\n\
         Until you run `rt trust`, a project's own configuration may set only the keys marked *anyone*. Keys marked *session* may also be\n\
         kept in a session. Trust holds for all files under `.retort/` as they are, scripts too: when one changes, it has to be\n\
         given again. Of a project's `.retort/`, symbolic links are not read, nor files of more than 1 MiB; there may be 1,000 files of 16 MiB in all.\n\n",
    );
    table(&mut out, &mut KEYS.iter().filter(|key| !key.is_for_tests()));
    out.push_str("\n## For tests\n\nThese make a run repeatable. They are of no use in daily work.\n\n");
    table(&mut out, &mut KEYS.iter().filter(|key| key.is_for_tests()));
    out
}

fn table(out: &mut String, keys: &mut dyn Iterator<Item = &Key>) {
    out.push_str("| key | takes | default | example | set by | meaning |\n|---|---|---|---|---|---|\n");
    for key in keys {
        let default = if key.default.is_empty() { "unset".to_owned() } else { format!("`{}`", toml_text(key, key.default)) };
        let scope = match key.scope {
            Scope::Anyone => "anyone",
            Scope::Session => "session",
            Scope::Trusted => "trusted",
        };
        let example = toml_text(key, key.example);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| `{}` | {} | {default} | `{example}` | {scope} | {} |", key.name, key.kind.described(), key.doc);
    }
}

/// A default or example as it stands in a TOML file.
fn toml_text(key: &Key, text: &str) -> String {
    match key.read_text(text) {
        Ok(value @ (Value::Bool(_) | Value::Int(_) | Value::List(_))) => value.to_string(),
        _ => format!("{text:?}"),
    }
}

/// A commented file for `rt config init`: every key with its meaning, nothing set.
pub fn starter() -> String {
    let mut out = String::from(
        "# Settings of retort. Each is shown with its default, or with an example where it has none.\n\
         # Remove the # in front of a table and a key to set it. docs/config.md says more.\n",
    );
    let mut group = String::new();
    // The protocol of a built-in provider is known; showing it as an example would only mislead.
    for key in KEYS.iter().filter(|key| !key.is_for_tests() && key.name != "providers.<name>.kind") {
        let name = key.name.replace("<name>", if key.name.starts_with("hook.") { "check-edits" } else { "gemini" });
        let parts: Vec<&str> = name.split('.').collect();
        let depth = if key.name.contains("<name>") { 2 } else { 1 };
        let (table, rest) = (parts[..depth].join("."), parts[depth..].join("."));
        if table != group {
            let _ = writeln!(out, "\n#[{table}]");
            group = table;
        }
        let shown = if key.default.is_empty() { key.example } else { key.default };
        let _ = writeln!(out, "# {}\n#{rest} = {}", key.doc, toml_text(key, shown));
    }
    out
}

/// A JSON schema of config.toml and config.json, for editors.
pub fn json_schema() -> serde_json::Value {
    let mut root = object();
    for key in KEYS {
        let parts: Vec<&str> = key.name.split('.').collect();
        insert(&mut root, &parts, key);
    }
    root["properties"]["$schema"] = json!({"type": "string"});
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("retort configuration");
    root
}

fn object() -> serde_json::Value {
    json!({"type": "object", "properties": {}, "additionalProperties": false})
}

fn insert(node: &mut serde_json::Value, parts: &[&str], key: &Key) {
    let Some((first, rest)) = parts.split_first() else { return };
    let slot = if *first == "<name>" {
        let slot = &mut node["additionalProperties"];
        if !slot.is_object() {
            *slot = object();
        }
        slot
    } else {
        let properties = node["properties"].as_object_mut();
        let Some(properties) = properties else { return };
        properties.entry(*first).or_insert_with(|| if rest.is_empty() { leaf(key) } else { object() })
    };
    insert(slot, rest, key);
}

fn leaf(key: &Key) -> serde_json::Value {
    let mut leaf = match key.kind {
        Kind::Text | Kind::Path | Kind::Duration | Kind::Time | Kind::Url => Map::from_iter([("type".to_owned(), json!("string"))]),
        Kind::Money => Map::from_iter([("type".to_owned(), json!(["number", "string"]))]),
        Kind::Command => {
            let list = json!({"type": "array", "items": {"type": "string"}, "minItems": 1});
            Map::from_iter([("anyOf".to_owned(), json!([{"type": "string"}, list]))])
        }
        Kind::Bool => Map::from_iter([("type".to_owned(), json!("boolean"))]),
        Kind::Int(low, high) => Map::from_iter([
            ("type".to_owned(), json!("integer")),
            ("minimum".to_owned(), json!(low)),
            ("maximum".to_owned(), json!(high)),
        ]),
        Kind::Sampling(_) => {
            let list = json!({"type": "array", "items": {"type": "string"}});
            Map::from_iter([("anyOf".to_owned(), json!([{"type": "number"}, {"type": "string"}, list]))])
        }
        Kind::List => Map::from_iter([("type".to_owned(), json!("array")), ("items".to_owned(), json!({"type": "string"}))]),
        Kind::Choice(words) => Map::from_iter([("enum".to_owned(), json!(words))]),
    };
    leaf.insert("description".to_owned(), json!(key.doc));
    match key.default_value() {
        Value::Unset => {}
        Value::Path(_) => drop(leaf.insert("default".to_owned(), json!(key.default))),
        value => drop(leaf.insert("default".to_owned(), value.to_json())),
    }
    leaf.into()
}
