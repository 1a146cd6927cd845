//! What was read from an answer, as data.

use std::ops::Range;

use crate::base::path::{BadPath, RepoPath};
use crate::base::text::ellipsis;

use super::change::{LineOp, is_blank};
use super::marker::{self, Marker};

/// What a block named, when that is no path inside the repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct BadTarget {
    /// As the model wrote it.
    pub written: String,
    pub why: BadPath,
}

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub path: Result<RepoPath, BadTarget>,
    pub op: Op,
    /// The edit's own text in the answer.
    pub source: String,
    /// Its lines end with CRLF in the answer, which says nothing about the file's.
    pub crlf: bool,
}

impl Edit {
    /// The path, or what stood in its place.
    pub fn path_text(&self) -> String {
        match &self.path {
            Ok(path) => path.to_string(),
            // The edit's own text has all of it.
            Err(bad) => ellipsis(&bad.written, 160),
        }
    }
}

/// What to do with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Lines for lines; a blank search creates the file.
    Replace(Replacement),
    /// Lines that stay, go and come.
    Hunk(Hunk),
    /// A piece of text for another, wherever lines begin.
    Text {
        old: String,
        new: String,
        /// At every place instead of the only one.
        all: bool,
    },
    /// The whole content.
    Write {
        content: String,
        /// It was said to be a file's whole content; else it only looks so, and a file that is there must look alike.
        told: bool,
    },
    /// The file gets another path.
    Rename {
        to: Result<RepoPath, BadTarget>,
    },
    /// The file becomes executable, or no longer is.
    Executable(bool),
    Delete,
}

impl Op {
    /// Whether it quotes what stands in the file.
    pub(super) fn quotes(&self) -> bool {
        match self {
            Self::Replace(replacement) => !replacement.creates(),
            Self::Hunk(_) | Self::Text { .. } => true,
            Self::Write { .. } | Self::Rename { .. } | Self::Executable(_) | Self::Delete => false,
        }
    }

    /// One word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Replace(_) | Self::Hunk(_) | Self::Text { .. } => "replace",
            Self::Write { .. } => "write",
            Self::Rename { .. } => "rename",
            Self::Executable(_) => "mode",
            Self::Delete => "delete",
        }
    }
}

/// A run of lines of a diff.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hunk {
    /// Each line with its sign: a space for a line that stays, `-` for one that goes, `+` for one that comes.
    pub body: String,
    /// The index of its first line in the file as the hunks before it leave it, if it is said and the counts agree.
    pub line: Option<usize>,
    /// Lines that stand above it, each inside the one before.
    pub scopes: Vec<String>,
    /// It is at the end of the file.
    pub at_end: bool,
    /// Whether the file ends with a line end afterwards, if that is said.
    pub last_end: Option<bool>,
}

impl Hunk {
    /// Its lines.
    pub(super) fn lines(&self) -> Vec<LineOp<'_>> {
        let op = |line| match str::split_at_checked(line, 1) {
            Some(("-", text)) => LineOp::Drop(text),
            Some(("+", text)) => LineOp::Add(text),
            Some((_, text)) => LineOp::Keep { old: text, new: text },
            None => LineOp::Keep { old: "", new: "" },
        };
        self.body.split_terminator('\n').map(op).collect()
    }
}

/// Lines to find and lines to put in their place. In a block several lines can look like the divider between them; the
/// first one is it, unless the file has such a line itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    body: String,
    dividers: Vec<Range<usize>>,
    /// The block's first marker; none if the two parts did not come as a block.
    head: Option<Marker>,
}

impl Replacement {
    /// A replacement of `search` by `replace`; both are whole lines.
    pub fn new(search: &str, replace: &str) -> Self {
        Self { body: format!("{search}{replace}"), dividers: std::iter::once(search.len()..search.len()).collect(), head: None }
    }

    /// `dividers` are ranges of whole lines in `body`, in order, at least one.
    pub(super) fn undivided(body: String, dividers: Vec<Range<usize>>, head: Marker) -> Self {
        Self { body, dividers, head: Some(head) }
    }

    /// Whether the block would have ended, or another have begun, at this line.
    pub(super) fn is_marker(&self, line: &str) -> bool {
        marker::may_be(line) && self.head.is_some_and(|head| head.owns(marker::head(line).or_else(|| marker::end(line))))
    }

    /// Search and replacement.
    pub fn parts(&self) -> (&str, &str) {
        let first = self.dividers.first().cloned().unwrap_or(self.body.len()..self.body.len());
        (&self.body[..first.start], &self.body[first.end..])
    }

    /// Whether nothing is to be found, so that a file is created. A control character is something, as everywhere in a match.
    pub fn creates(&self) -> bool {
        is_blank(self.parts().0)
    }

    /// Whether the divider may be a heading's underline instead, quoted from the file; `below` are the lines right below what was
    /// found. One that is as wide as the block's other markers and not as the underline is a divider; but not if nothing follows
    /// it, or what stands there in the file too, or another heading.
    pub(super) fn may_quote(&self, below: &[&str]) -> bool {
        let (Some(head), Some(divider)) = (self.head, self.dividers.first()) else { return false };
        let Some((line, rest)) = below.split_first().filter(|(line, _)| marker::underlines(line)) else { return false };
        let width = self.body[divider.clone()].trim().len();
        // Wide ones are drawn on purpose.
        if head.width > 7 {
            return width == line.trim().len();
        }
        let replace = self.parts().1;
        let solid = |line: &&str| !line.trim().is_empty();
        let first = replace.lines().find(solid);
        // What a merge in conflict draws between its sides is no heading.
        let conflict = *line == "=======" && rest.iter().any(|line| line.starts_with(">>>>>>> "));
        width != head.width
            || (width == line.trim().len() && !conflict)
            || first.is_none()
            || first.map(str::trim) == rest.iter().copied().find(solid).map(str::trim)
            || replace.lines().any(marker::underlines)
    }

    /// Whether several lines could be the divider.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.dividers.len() > 1
    }
}

/// Something that looked like an edit and could not be read as one. The edits of the plan are then not all that the model
/// meant: nothing is written before it was asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseIssue {
    /// The line of the answer where it begins, from 1.
    pub line: usize,
    pub kind: IssueKind,
    /// The file as the model wrote it, when it named one.
    pub path: Option<String>,
    /// The text in question.
    pub source: String,
}

/// What was wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssueKind {
    #[error("the answer ends inside this block")]
    Cut,
    #[error("it is not clear whether the entities in it (`&amp;`, `&lt;`) are meant; write the characters as the file has them")]
    Escaped,
    #[error("the answer has more than 50,000 edits; from this one on nothing was read")]
    TooMany,
    #[error(
        "no line says which file this block is for; put the path on the line above it (a name without a dot or slash as `=== FILE: name ===`)"
    )]
    NoPath,
    #[error("the lines above this block name different files; put one path on the line above it")]
    TwoPaths,
    #[error("there is no line of `=======` between SEARCH and REPLACE; this block and all after it were not read")]
    NoDivider,
    #[error(
        "a SEARCH marker stands inside this block; this block and all after it were not read. End every block with its REPLACE marker; if the file itself has such lines, use 9 characters in all three markers of the block"
    )]
    NestedMarker,
    #[error(
        "a REPLACE marker stands outside any block; the block before it and all after it were not read. If the file itself has such lines, use 9 characters in all three markers of the block"
    )]
    StrayEnd,
    #[error("an end tag stands outside of any edit, so it is not clear where the edit before it ends; that one was not read")]
    StrayTag,
    #[error(
        "it is not clear where this file's fenced block ends; it and all after it were not read. Use `=== FILE: path ===` and a fence that is longer than any fence in the content"
    )]
    UnclearFence,
    #[error("`=== FILE: path ===` must be followed by a fenced block with the whole content; nothing from here on was read")]
    NoFence,
    #[error("this line stands inside a fenced block and was not acted on; if it is meant, put it outside")]
    Quoted,
    #[error("this part of the patch cannot be read: after `*** Update File`, each line begins with a space, `-`, `+` or `@@`")]
    Unprefixed,
    #[error("the diff has a change of a binary file, which is not made")]
    BinaryPatch,
    #[error("the diff says that the file is new, and quotes lines of it; begin each line of a new file with `+`")]
    QuotesNothing,
    #[error("this diff does not say which file it changes, or not how; begin it with `--- a/path` and `+++ b/path`")]
    NoDiffPath,
    #[error("`<{0}>` must be followed by `<{1}>`, each closed; this edit and all after it were not read")]
    Tag(&'static str, &'static str),
    #[error("this is no edit that can be made: {0}")]
    Call(&'static str),
    #[error("the fenced block has no path on the line above it, so it was not taken as a file")]
    Unnamed,
}

impl ParseIssue {
    /// One line for a person.
    pub fn line(&self) -> String {
        match &self.path {
            Some(path) => format!("{}: {}", ellipsis(path, 160), self.kind),
            None => format!("line {} of the answer: {}", self.line, self.kind),
        }
    }
}

/// Reported while the answer still arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseEvent {
    /// The edit with this index was closed. Later text can still take it back, so the plan counts, not the events.
    Edit(usize),
}

/// An answer, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EditPlan {
    /// The answer without its edits.
    pub prose: String,
    pub edits: Vec<Edit>,
    pub issues: Vec<ParseIssue>,
    /// The commit subject that the model gave.
    pub message: Option<String>,
    /// Whether the answer had reached its end. One that had not is never written.
    pub complete: bool,
}
