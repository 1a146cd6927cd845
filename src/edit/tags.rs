//! Edits in tags: `<search>…</search><replace>…</replace>`, or `<content>…</content>`, with the path in a tag or an attribute.
//!
//! Models write such tags in several spellings. Only tags that begin a line count, and what they enclose is text as it stands:
//! tags of the same name in it are counted, so that it ends where it ends.

use super::plan::{IssueKind, Op, Replacement};
use super::{diff, marker, patch};

/// Spellings of the tag around what is to be found, and what stands for it.
const SEARCH: [&str; 9] = ["search", "find", "old", "old_str", "old_string", "old_text", "old_code", "original", "before"];
const REPLACE: [&str; 9] = ["replace", "new", "new_str", "new_string", "new_text", "new_code", "updated", "after", "replacement"];
/// Tags around a whole content.
const CONTENT: [&str; 4] = ["content", "file_content", "file_text", "contents"];
/// Tags and attributes that name the file.
const PATH: [&str; 4] = ["path", "file_path", "filename", "file"];
/// Tags around all that, in which an attribute names the file. Elsewhere it may be any document's.
const AROUND: [&str; 15] = [
    "file",
    "edit",
    "change",
    "update",
    "modify",
    "write_file",
    "write_to_file",
    "create_file",
    "edit_file",
    "apply_diff",
    "replace_in_file",
    "search_replace",
    "search_and_replace",
    "str_replace",
    "file_edit",
];

/// What a line of tags is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tag<'l> {
    /// It names the file, and goes on.
    Path(String, &'l str),
    /// It is around an edit, and goes on.
    Around(&'l str),
    /// It begins an edit.
    Open(&'static str, Option<String>),
    /// It ends one.
    End,
}

/// `<name attributes>` at the beginning of a line.
struct Head<'l> {
    /// What it means: of `<parameter name="x">` that is `x`.
    name: &'l str,
    attributes: &'l str,
    /// What is behind it.
    behind: &'l str,
    /// What it is called.
    spelled: &'l str,
}

fn head(line: &str) -> Option<Head<'_>> {
    let rest = line.trim_start().strip_prefix('<')?;
    let spelled = &rest[..rest.find(|c: char| !c.is_ascii_lowercase() && c != '_')?];
    let (attributes, behind) = rest[spelled.len()..].split_once('>')?;
    let plain = attributes.is_empty() || attributes.starts_with(' ');
    let name = if spelled == "parameter" { attribute(attributes, "name")? } else { spelled };
    (!spelled.is_empty() && plain && !attributes.ends_with('/')).then_some(Head { name, attributes, behind, spelled })
}

fn attribute<'l>(attributes: &'l str, key: &str) -> Option<&'l str> {
    attributes.split_once(&format!(" {key}=\""))?.1.split_once('"').map(|(value, _)| value)
}

fn known(list: &'static [&'static str], name: &str) -> Option<&'static str> {
    list.iter().find(|word| **word == name).copied()
}

/// Reads a line outside of all other forms.
pub(super) fn read(line: &str) -> Option<Tag<'_>> {
    if let Some(name) = line.trim().strip_prefix("</").and_then(|rest| rest.strip_suffix('>')) {
        let edit = known(&SEARCH, name).or(known(&REPLACE, name)).or(known(&CONTENT, name));
        return edit.map(|_| Tag::End);
    }
    let Head { name, attributes, behind, spelled } = head(line)?;
    let closed = behind.split_once(&format!("</{spelled}>"));
    let around = known(&AROUND, name).is_some();
    let word = known(&SEARCH, name).or_else(|| known(&CONTENT, name));
    let path = || {
        let mut keys = PATH.iter().chain(["name"].iter());
        keys.find_map(|key| attribute(attributes, key)).filter(|_| around || word.is_some()).map(str::to_owned)
    };
    if let (Some((text, rest)), Some(_)) = (closed, known(&PATH, name).filter(|_| path().is_none())) {
        return Some(Tag::Path(text.trim().to_owned(), rest));
    }
    if let Some(word) = word {
        // Without more in it, a short one is a word of a text.
        return (closed.is_none() || path().is_some() || !behind.trim().is_empty()).then(|| Tag::Open(word, path()));
    }
    // `<file path="x">` holds a whole content, or the tags of an edit; the next line tells.
    match path() {
        Some(path) if name == "file" && behind.trim().is_empty() => Some(Tag::Open("file", Some(path))),
        Some(path) if behind.trim().is_empty() || head(behind).is_some() => Some(Tag::Path(path, behind)),
        None if around && head(behind).is_some() => Some(Tag::Around(behind)),
        _ => None,
    }
}

/// An edit in tags, line by line.
pub(super) struct Tags {
    pub(super) source: String,
    /// The lines above it that name its file.
    pub(super) named_by: String,
    crlf: bool,
    /// The tag that is open, if one is: what it means, and how it is spelled.
    open: Option<(&'static str, String)>,
    /// How many tags of that name are open.
    depth: usize,
    search: Option<String>,
    text: String,
    /// The line is one of its own, not what is behind the opening tag.
    own_line: bool,
}

/// What became of a line.
pub(super) enum Step {
    More,
    Done(Op),
    /// It is no edit but a file with edits in it; the line is to be read again.
    Container,
    Lost(IssueKind),
}

impl Tags {
    /// Begins with a line that [`read`] took for the beginning of an edit.
    pub(super) fn open(line: &str, word: &'static str) -> (Self, Step) {
        let (behind, spelled) = head(line).map_or(("", word), |head| (head.behind, head.spelled));
        let mut tags = Self {
            source: line[..line.len() - behind.len()].to_owned(),
            named_by: String::new(),
            crlf: line.ends_with('\r'),
            open: Some((word, spelled.to_owned())),
            depth: 1,
            search: None,
            text: String::new(),
            own_line: false,
        };
        let step = if behind.trim_end().is_empty() {
            tags.source.push('\n');
            Step::More
        } else {
            tags.line(behind)
        };
        tags.own_line = true;
        (tags, step)
    }

    pub(super) fn line(&mut self, raw: &str) -> Step {
        let text = if self.crlf { raw.strip_suffix('\r').unwrap_or(raw) } else { raw };
        let Some((open, spelled)) = self.open.clone() else { return self.between(text) };
        let first = self.own_line && self.search.is_none() && self.text.trim().is_empty();
        let holds_edits = || marker::head(text).is_some() || text.starts_with("@@") || patch::begins(text) || diff::begins(text);
        if first && (open == "file" && read(text).is_some() || is_content(open) && holds_edits()) {
            return Step::Container;
        }
        self.source.push_str(text);
        self.source.push('\n');
        let Some((body, behind)) = self.end(text, &spelled) else {
            self.text.push_str(text);
            self.text.push('\n');
            return Step::More;
        };
        if !body.trim().is_empty() {
            self.text.push_str(body);
            self.text.push('\n');
        }
        self.open = None;
        let text = plain(std::mem::take(&mut self.text));
        if is_content(open) {
            return Step::Done(Op::Write { content: unnumbered(text), told: true });
        }
        if let Some(search) = self.search.take() {
            return Step::Done(Op::Replace(Replacement::new(&search, &text)));
        }
        self.search = Some(text);
        if behind.trim().is_empty() { Step::More } else { self.between(behind) }
    }

    /// Where the open tag ends in a line, if it does: what is in front of that, and behind.
    fn end<'l>(&mut self, line: &'l str, spelled: &str) -> Option<(&'l str, &'l str)> {
        let (begins, ends) = (format!("<{spelled}"), format!("</{spelled}>"));
        let mut at = 0;
        while let Some(next) = line[at..].find('<').map(|n| at + n) {
            let rest = &line[next..];
            if let Some(behind) = rest.strip_prefix(ends.as_str()) {
                // In the middle of a line it is a word of the text, unless it closes another one.
                let last = behind.trim().is_empty() || head(behind).is_some() || behind.trim_start().starts_with("</");
                if self.depth > 1 || last {
                    self.depth -= 1;
                }
                if self.depth == 0 {
                    return Some((&line[..next], behind));
                }
            } else if let Some(behind) = rest.strip_prefix(begins.as_str())
                && behind.starts_with([' ', '>'])
                && behind.split_once('>').is_some_and(|(attributes, _)| !attributes.ends_with('/'))
            {
                self.depth += 1;
            }
            at = next + 1;
        }
        None
    }

    /// Behind what is to be found.
    fn between(&mut self, text: &str) -> Step {
        if text.trim().is_empty() {
            self.source.push('\n');
            return Step::More;
        }
        let found = head(text).and_then(|head| Some((known(&REPLACE, head.name)?, head)));
        let Some((word, Head { behind, spelled, .. })) = found else {
            return Step::Lost(IssueKind::Tag("search", "replace"));
        };
        (self.open, self.depth) = (Some((word, spelled.to_owned())), 1);
        self.source.push_str(&text[..text.len() - behind.len()]);
        if behind.trim_end().is_empty() {
            self.source.push('\n');
            return Step::More;
        }
        self.line(behind)
    }
}

fn is_content(word: &str) -> bool {
    word == "file" || CONTENT.contains(&word)
}

/// A text without the `<![CDATA[…]]>` around it.
fn plain(text: String) -> String {
    let inside = text.trim().strip_prefix("<![CDATA[").and_then(|rest| rest.strip_suffix("]]>"));
    let Some(inside) = inside else { return text };
    let inside = inside.strip_prefix('\n').unwrap_or(inside);
    if inside.is_empty() || inside.ends_with('\n') { inside.to_owned() } else { format!("{inside}\n") }
}

/// A text without the line numbers that stand in front of all of its lines, as some programs show files.
fn unnumbered(text: String) -> String {
    let bare = text.lines().zip(1_usize..).map(|(line, n)| {
        let rest = line.trim_start().strip_prefix(&n.to_string())?.trim_start_matches(' ').strip_prefix('|')?;
        Some(format!("{}\n", rest.strip_prefix(' ').unwrap_or(rest)))
    });
    bare.collect::<Option<String>>().unwrap_or(text)
}

/// A content without a fence around all of it, but for files that may have one.
pub(super) fn unfenced(op: Op, path: Option<&str>) -> Op {
    let keeps = path.is_some_and(|path| [".md", ".mdx", ".markdown", ".rst", ".adoc"].iter().any(|end| path.ends_with(end)));
    match op {
        Op::Write { content, told } if !keeps => Op::Write { content: inside(&content).unwrap_or(content), told },
        op => op,
    }
}

/// What a fence encloses, if the first line opens it and the last one is where it ends.
fn inside(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.trim_matches('\n').lines().collect();
    let (first, rest) = lines.split_first()?;
    let (last, body) = rest.split_last()?;
    let fence = marker::fence(first)?;
    let closes = |line: &str| marker::fence(line).is_some_and(|f| f.info.is_empty() && f.reaches((fence.sign, fence.width)));
    (closes(last) && !body.iter().any(|line| closes(line))).then(|| body.iter().flat_map(|line| [*line, "\n"]).collect())
}

/// Whether all special characters of the new text are entities, in a file that is hardly about such: some models write what
/// is in tags so.
pub(super) fn is_escaped(op: &Op, path: Option<&str>) -> bool {
    const MARKUP: [&str; 20] = [
        "html", "htm", "xml", "svg", "vue", "svelte", "jsx", "tsx", "md", "mdx", "xhtml", "xsl", "php", "erb", "ejs", "hbs", "jsp",
        "xaml", "csproj", "plist",
    ];
    let (before, text) = match op {
        Op::Replace(replacement) => replacement.parts(),
        Op::Write { content, .. } => ("", content.as_str()),
        _ => return false,
    };
    let markup = path.and_then(|path| path.rsplit_once('.')).is_some_and(|(_, end)| MARKUP.contains(&end));
    let entities = ["&amp;", "&lt;", "&gt;", "&quot;"];
    let bare = entities.iter().fold(text.to_owned(), |text, entity| text.replace(entity, ""));
    let quoted = entities.iter().any(|entity| before.contains(entity));
    !markup && !quoted && bare.len() < text.len() && !bare.contains(['&', '<', '>'])
}
