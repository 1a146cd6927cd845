//! An edit that did not fit, and how to say so.

use crate::session::turn::StoredReject;

use super::nearest::Region;
use super::settle::Doubt;

/// An edit that was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Its place among the edits that were given.
    pub index: usize,
    /// The file, or what the model wrote in its place.
    pub path: String,
    pub reason: Reason,
    /// Where the search nearly stands, or the first of several places.
    pub nearest: Option<Region>,
    /// The line where the replacement already stands, from 1.
    pub already: Option<usize>,
    /// The edit's own text.
    pub edit: String,
}

/// Why it was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("{0}")]
    BadPath(String),
    #[error("a file of this name cannot be created: {0}")]
    BadName(&'static str),
    #[error("nothing can be written there: {0}")]
    Obstacle(&'static str),
    #[error("the file was given for reading only")]
    ReadOnly,
    #[error("the file holds a secret, so it is neither shown nor edited")]
    Withheld,
    #[error("it is a symbolic link, and links are not edited")]
    Symlink,
    #[error("the file is not UTF-8 text")]
    Binary,
    #[error(
        "the answer changes large files so often that the rest of its edits was not tried; put the changes of a file into fewer edits"
    )]
    TooMuch,
    #[error("it is a directory")]
    Directory,
    #[error("{0} is a file, so nothing can be created below it")]
    ParentIsFile(String),
    #[error("{0} exists and differs from this path only in upper and lower case")]
    CaseCollision(String),
    #[error("there is no such file{}", did_you_mean(.0))]
    Missing(Vec<String>),
    #[error("the SEARCH part is empty, which creates a file, but the file exists and is not empty")]
    Exists,
    #[error("the SEARCH text is not in the file{}", after(": ", .0.as_deref()))]
    NotFound(Option<String>),
    #[error("the SEARCH text is only a part of line {0}; it must consist of whole lines")]
    PartialLine(usize),
    #[error("the text stands at line {0} only within a longer word; quote the whole word")]
    PartialWord(usize),
    #[error("the SEARCH text stands in the file {} times, at lines {}; add lines until it is unique", count(.0), places(.0))]
    Ambiguous(Vec<usize>),
    #[error("the SEARCH text stands at line {0} with other white space, and {1}; repeat the edit with the file's own lines")]
    Unsure(usize, Doubt),
    #[error(
        "the SEARCH text at line {0} begins or ends with blank lines that the replacement does not have, so it is not clear whether those are to go; leave them out of SEARCH, or quote the line beyond them in both parts"
    )]
    BlankEnds(usize),
    #[error(
        "there is no such file, and most of this content is that of {0}; give its whole path, or create the file by a block with an empty SEARCH"
    )]
    Elsewhere(String),
    #[error("the same edit was made before in this answer, and can be made once more; say it once, or quote more lines")]
    Repeated,
    #[error("all lines of the content begin with their numbers; repeat it without them")]
    Numbered,
    #[error("the new text has entities (`&amp;`, `&lt;`) where a program has the characters; write those as the file has them")]
    Escaped,
    #[error("the new text has `\\n` where lines seem to end; in JSON a line end is escaped once")]
    DoubledEscapes,
    #[error("line {0} of the content leaves lines out; repeat it with all of them, or change only what changes")]
    LeftOut(usize),
    #[error(
        "the fenced block has little in common with the file, so it was not taken for its whole content; announce it with `=== FILE: path ===` if it is"
    )]
    NotWhole,
    #[error(
        "all lines of the answer end with CRLF, and no other file tells whether those of a new file are meant to; give it LF line ends"
    )]
    LineEnds,
    #[error("there is a file at {0} already")]
    Taken(String),
    #[error("the hunk has no line of the file, so it is not clear where it belongs; repeat it with some lines around it")]
    NoContext,
    #[error(
        "it is not clear which line of `=======` divides the block, since the file has such lines itself; repeat the block with 9 characters in all three markers"
    )]
    Dividers,
    #[error(
        "line {0} of the file is itself a marker line, so the block cannot be told from the text; repeat it with 9 characters in all three markers"
    )]
    Markers(usize),
}

fn after(lead: &str, text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| format!("{lead}{text}"))
}

fn did_you_mean(paths: &[String]) -> String {
    if paths.is_empty() { String::new() } else { format!("; did you mean {}?", paths.join(" or ")) }
}

/// Places are collected up to a bound.
const MANY: usize = 200;

fn count(lines: &[usize]) -> String {
    if lines.len() >= MANY { format!("{MANY} or more") } else { lines.len().to_string() }
}

fn places(lines: &[usize]) -> String {
    let shown: Vec<String> = lines.iter().take(5).map(ToString::to_string).collect();
    shown.join(", ") + if lines.len() > 5 { ", …" } else { "" }
}

impl Reject {
    /// What was wrong, in one sentence.
    pub fn sentence(&self) -> String {
        match self.already {
            Some(line) => format!("{}; the replacement already stands at line {line}", self.reason),
            None => self.reason.to_string(),
        }
    }

    /// One line for a person.
    pub fn line(&self) -> String {
        format!("{}: {}", self.path, self.sentence())
    }

    /// What a turn keeps of it.
    pub fn stored(&self) -> StoredReject {
        StoredReject { path: self.path.clone(), reason: self.sentence(), edit: self.edit.clone() }
    }
}

/// `text` without its middle when it has more lines than `max`.
pub fn shortened(text: &str, max: usize) -> std::borrow::Cow<'_, str> {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= max {
        return text.into();
    }
    let (head, tail) = (&lines[..max / 2], &lines[lines.len() - max / 2..]);
    format!("{}\n[{} lines]\n{}\n", head.join("\n"), lines.len() - head.len() - tail.len(), tail.join("\n")).into()
}
