//! Edits as JSON, as models give them to tools: an object, an array of them, or one a line.
//!
//! The names of the fields differ from tool to tool; what they mean does not.

use serde_json::{Map, Value};

use super::plan::{Op, Replacement};

/// An edit, or text in another form that stands in a field.
pub(super) enum Call {
    Edit { path: String, op: Op, source: String },
    Text(String),
    Issue(&'static str, Option<String>, String),
}

const PATH: [&str; 6] = ["path", "file_path", "file", "filename", "filepath", "target_file"];
const OLD: [&str; 7] = ["old_str", "old_string", "old_text", "old", "search", "find", "oldText"];
const NEW: [&str; 7] = ["new_str", "new_string", "new_text", "new", "replace", "replacement", "newText"];
const CONTENT: [&str; 3] = ["content", "file_text", "contents"];
const COMMAND: [&str; 5] = ["command", "type", "action", "operation", "op"];
const TO: [&str; 4] = ["new_path", "to", "destination", "move_path"];
const FROM: [&str; 3] = ["old_path", "from", "source"];

/// What else a call says, beside the file and what becomes of it. Data that is quoted has other fields.
const NOTES: [&str; 17] = [
    "description",
    "explanation",
    "instructions",
    "instruction",
    "reason",
    "summary",
    "message",
    "commit_message",
    "plan",
    "encoding",
    "overwrite",
    "create_dirs",
    "language",
    "line_count",
    "id",
    "title",
    "executable",
];

/// Fields that hold edits.
const LISTS: [&str; 4] = ["edits", "files", "changes", "operations"];

/// Fields of a call that is wrapped.
const WRAPPED: [&str; 16] = [
    "name",
    "arguments",
    "args",
    "parameters",
    "input",
    "type",
    "id",
    "function",
    "index",
    "tool",
    "tool_name",
    "call_id",
    "status",
    "tool_calls",
    "role",
    "caller",
];

/// How deep in objects and arrays an edit may stand.
const DEEP: usize = 12;

/// The edits in `text`; none if it is no JSON, or has no edit in it.
pub(super) fn read(text: &str) -> Option<Vec<Call>> {
    let mut calls = Vec::new();
    for value in serde_json::Deserializer::from_str(text.trim()).into_iter::<Value>() {
        walk(&value.ok()?, None, &mut calls, 0);
    }
    (!calls.is_empty()).then_some(calls)
}

fn text<'v>(object: &'v Map<String, Value>, keys: &[&str]) -> Option<&'v str> {
    keys.iter().find_map(|key| object.get(*key)?.as_str())
}

fn walk(value: &Value, path: Option<&str>, calls: &mut Vec<Call>, depth: usize) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| walk(value, path, calls, depth + 1)),
        Value::Object(object) if depth < DEEP => members(object, value, path, calls, depth),
        _ => {}
    }
}

fn members(object: &Map<String, Value>, value: &Value, outer: Option<&str>, calls: &mut Vec<Call>, depth: usize) {
    let path = text(object, &PATH).or(outer);
    let command = text(object, &COMMAND).unwrap_or_default();
    let source = || serde_json::to_string(value).unwrap_or_default() + "\n";
    let only = |known: &[&[&str]]| object.keys().all(|key| known.iter().any(|names| names.contains(&key.as_str())));
    let mut edit = |path: &str, op: Op| calls.push(Call::Edit { path: path.to_owned(), op, source: source() });
    if let (Some(path), Some(old), Some(new)) = (path, text(object, &OLD), text(object, &NEW)) {
        let all = ["replace_all", "replaceAll", "all"].iter().any(|key| object.get(*key).and_then(Value::as_bool) == Some(true));
        // An empty text is everywhere; a file is created so.
        let op = if old.is_empty() {
            Op::Replace(Replacement::new("", new))
        } else {
            Op::Text { old: old.to_owned(), new: new.to_owned(), all }
        };
        return edit(path, op);
    }
    let moves = ["rename", "move", "rename_file", "move_file"].contains(&command);
    let named = object.contains_key("old_path") && object.contains_key("new_path");
    let from = text(object, &PATH).or_else(|| text(object, &FROM));
    if let (Some(from), Some(to)) = (from, text(object, &TO))
        && (moves || named)
        && only(&[&PATH, &FROM, &TO, &COMMAND, &NOTES])
    {
        let to = crate::base::path::RepoPath::new(to).map_err(|why| super::plan::BadTarget { written: to.to_owned(), why });
        return edit(from, Op::Rename { to });
    }
    if let Some(path) = path {
        if ["delete", "remove", "delete_file", "remove_file"].contains(&command) && only(&[&PATH, &COMMAND, &NOTES]) {
            return edit(path, Op::Delete);
        }
        if command == "insert" {
            calls.push(Call::Issue(
                "text is put in by what stands around it, not by a line number",
                Some(path.to_owned()),
                source(),
            ));
            return;
        }
        // An edit proves by what it quotes that it is one; this does not.
        if let Some(content) = text(object, &CONTENT).filter(|_| only(&[&PATH, &CONTENT, &COMMAND, &NOTES])) {
            return edit(path, Op::Write { content: content.to_owned(), told: true });
        }
    }
    if let Some(patch) = text(object, &["patch", "input", "diff"]).filter(|text| text.contains("*** ") || text.contains("@@")) {
        return calls.push(Call::Text(patch.to_owned()));
    }
    if !only(&[&PATH, &LISTS, &COMMAND, &NOTES]) && !only(&[&WRAPPED]) {
        return;
    }
    // A call's arguments are an object, or a text that is one.
    for (key, value) in object {
        match value {
            Value::String(text) if ["arguments", "args", "parameters"].contains(&key.as_str()) => {
                if let Ok(value) = serde_json::from_str::<Value>(text) {
                    walk(&value, path, calls, depth + 1);
                }
            }
            Value::Object(_) | Value::Array(_) => walk(value, path, calls, depth + 1),
            _ => {}
        }
    }
}

/// Lines that begin as JSON does, up to the one in which its brackets close.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) text: String,
    depth: usize,
    /// Brackets have closed.
    closed: bool,
}

/// What a line is to JSON that has begun.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Inside,
    Last,
    /// It is no JSON.
    Foreign,
}

impl Lines {
    /// Whether a line begins as JSON does: `[a link]` and `{name}` do not.
    pub(super) fn begins(line: &str) -> bool {
        let inside = line.trim_end().strip_prefix(['{', '[']).map(str::trim_start);
        inside.is_some_and(|rest| rest.is_empty() || rest.starts_with(['"', '{', '[']))
    }

    pub(super) fn push(&mut self, line: &str) -> Line {
        self.text.push_str(line);
        self.text.push('\n');
        let (mut in_text, mut escaped) = (false, false);
        for byte in line.trim_end().bytes() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' if !self.closed => in_text = !in_text,
                _ if in_text => {}
                b',' | b' ' | b'\t' if self.closed => {}
                _ if self.closed => return Line::Foreign,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    let Some(depth) = self.depth.checked_sub(1) else { return Line::Foreign };
                    (self.depth, self.closed) = (depth, depth == 0);
                }
                _ => {}
            }
        }
        match (in_text, self.closed) {
            // A text of JSON does not go over the end of a line.
            (true, _) => Line::Foreign,
            (false, true) => Line::Last,
            (false, false) => Line::Inside,
        }
    }
}

/// The part of a cut-off text that its complete objects in arrays make, as JSON; none if there is no such object.
pub(super) fn complete_part(text: &str) -> Option<String> {
    let (mut open, mut in_text, mut escaped) = (Vec::new(), false, false);
    let mut last = None;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' => {
                if open.pop() != Some(byte) {
                    return None;
                }
                if byte == b'}' && open.last() == Some(&b']') && open.len() < DEEP {
                    last = Some((at + 1, open.clone()));
                }
            }
            _ => {}
        }
    }
    let (end, open) = last?;
    Some(text[..end].chars().chain(open.into_iter().rev().map(char::from)).collect())
}

/// Whether this is the beginning of edits as JSON.
pub(super) fn looks_so(text: &str) -> bool {
    [&OLD[..], &CONTENT[..], &["patch", "input", "arguments"]].concat().iter().any(|key| text.contains(&format!("\"{key}\"")))
}
