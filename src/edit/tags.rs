//! Edits in tags: `<search>…</search><replace>…</replace>`, or `<content>…</content>`, with the path in a tag or an attribute.
//!
//! Models write such tags in several spellings. Only tags that begin a line count, and what they enclose is text as it stands.

use super::plan::{IssueKind, Op, Replacement};

/// Spellings of the tag around what is to be found, and what stands for it.
const SEARCH: [&str; 9] = ["search", "find", "old", "old_str", "old_string", "old_text", "old_code", "original", "before"];
const REPLACE: [&str; 9] = ["replace", "new", "new_str", "new_string", "new_text", "new_code", "updated", "after", "replacement"];
/// Tags around a whole content.
const CONTENT: [&str; 4] = ["content", "file_content", "file_text", "contents"];
/// Tags and attributes that name the file.
const PATH: [&str; 5] = ["path", "file_path", "filename", "file", "name"];

/// What a line of tags is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// It names the file.
    Path(String),
    /// It begins an edit.
    Open(&'static str, Option<String>),
}

/// `<name attributes>` at the beginning of a line, and what is behind it.
fn tag(line: &str) -> Option<(&str, &str, &str)> {
    let rest = line.trim_start().strip_prefix('<')?;
    let name = &rest[..rest.find(|c: char| !c.is_ascii_lowercase() && c != '_')?];
    let (attributes, behind) = rest[name.len()..].split_once('>')?;
    let plain = attributes.is_empty() || attributes.starts_with(' ');
    (!name.is_empty() && plain && !attributes.ends_with('/')).then_some((name, attributes, behind))
}

fn attribute(attributes: &str) -> Option<String> {
    PATH.iter().find_map(|key| {
        let value = attributes.split_once(&format!(" {key}=\""))?.1;
        Some(value.split_once('"')?.0.to_owned())
    })
}

fn known(list: &'static [&'static str], name: &str) -> Option<&'static str> {
    list.iter().find(|word| **word == name).copied()
}

/// Reads a line outside of all other forms.
pub(super) fn read(line: &str) -> Option<Tag> {
    let (name, attributes, behind) = tag(line)?;
    let path = attribute(attributes);
    let closed = behind.trim_end().strip_suffix(&format!("</{name}>"));
    if let (Some(text), Some(_)) = (closed, known(&PATH, name)) {
        return Some(Tag::Path(text.trim().to_owned()));
    }
    if let Some(word) = known(&SEARCH, name).or_else(|| known(&CONTENT, name)) {
        // Without more in it, a short one is a word of a text.
        return (closed.is_none() || path.is_some() || !behind.trim().is_empty()).then_some(Tag::Open(word, path));
    }
    // `<file path="x">` holds a whole content, or the tags of an edit; the next line tells.
    match (name, path) {
        ("file", Some(path)) if behind.trim().is_empty() => Some(Tag::Open("file", Some(path))),
        (_, Some(path)) if behind.trim().is_empty() => Some(Tag::Path(path)),
        _ => None,
    }
}

/// An edit in tags, line by line.
pub(super) struct Tags {
    pub(super) source: String,
    crlf: bool,
    /// The tag that is open, if one is.
    open: Option<&'static str>,
    search: Option<String>,
    text: String,
}

/// What became of a line.
pub(super) enum Step {
    More,
    Done(Op),
    /// It is no edit but a file with tags of an edit; the line is to be read again.
    Container,
    Lost(IssueKind),
}

impl Tags {
    /// Begins with a line that [`read`] took for the beginning of an edit.
    pub(super) fn open(line: &str, word: &'static str) -> (Self, Step) {
        let mut tags =
            Self { source: String::new(), crlf: line.ends_with('\r'), open: Some(word), search: None, text: String::new() };
        let behind = tag(line).map_or("", |(.., behind)| behind);
        tags.source.push_str(&line[..line.len() - behind.len()]);
        let step = if behind.trim_end().is_empty() {
            tags.source.push('\n');
            Step::More
        } else {
            tags.line(behind)
        };
        (tags, step)
    }

    pub(super) fn line(&mut self, raw: &str) -> Step {
        let text = if self.crlf { raw.strip_suffix('\r').unwrap_or(raw) } else { raw };
        let first = self.text.is_empty();
        let Some(open) = self.open else { return self.between(text) };
        if open == "file" && first && self.search.is_none() && read(text).is_some() {
            return Step::Container;
        }
        self.source.push_str(text);
        self.source.push('\n');
        let end = format!("</{open}>");
        // On one line with the end there may be the other part, too.
        let (body, behind) = match text.split_once(&end) {
            Some((body, behind)) if behind.trim().is_empty() || tag(behind).is_some() => (body, behind),
            _ => {
                self.text.push_str(text);
                self.text.push('\n');
                return Step::More;
            }
        };
        if !body.trim().is_empty() {
            self.text.push_str(body);
            self.text.push('\n');
        }
        self.open = None;
        let text = std::mem::take(&mut self.text);
        if open == "file" || CONTENT.contains(&open) {
            return Step::Done(Op::Write { content: text, told: true });
        }
        if let Some(search) = self.search.take() {
            return Step::Done(Op::Replace(Replacement::new(&search, &text)));
        }
        self.search = Some(text);
        if behind.trim().is_empty() { Step::More } else { self.between(behind) }
    }

    /// Behind what is to be found.
    fn between(&mut self, text: &str) -> Step {
        if text.trim().is_empty() {
            self.source.push('\n');
            return Step::More;
        }
        let Some((word, behind)) = tag(text).and_then(|(name, _, behind)| Some((known(&REPLACE, name)?, behind))) else {
            return Step::Lost(IssueKind::Tag("search", "replace"));
        };
        self.open = Some(word);
        self.source.push_str(&text[..text.len() - behind.len()]);
        if behind.trim_end().is_empty() {
            self.source.push('\n');
            return Step::More;
        }
        self.line(behind)
    }
}
