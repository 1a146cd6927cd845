//! The errors in a text, and which of them a change brought.

use std::ops::ControlFlow;

use tree_sitter::{Node, ParseOptions, ParseState, Parser, Tree};

use super::brackets::{self, Lonely};
use super::branches;
use super::language::Language;
use super::{LARGEST, SyntaxError};
use crate::base::hunk::{Hunk, hunks};
use crate::base::text::{byte_lines, ellipsis, is_binary};

/// How often a parser may report its progress, once for every hundred steps: a second of work, and several times what the
/// largest file of ordinary code takes.
const PATIENCE: u32 = 20_000;

/// How many errors of one file are told.
const MOST: usize = 3;

/// How many errors of one file are looked at.
const MOST_SPOTS: usize = 1_000;

/// An error as the grammar has it.
struct Spot {
    start: usize,
    end: usize,
    /// Lines, from 0.
    rows: (usize, usize),
    /// What is missing there; nothing where something is too much.
    missing: Option<String>,
}

pub(super) fn newly_broken(language: Language, before: Option<&[u8]>, after: &[u8]) -> Vec<SyntaxError> {
    let Some(tree) = parse(language, after) else { return Vec::new() };
    if !tree.root_node().has_error() {
        return Vec::new();
    }
    // What its parts come to is for the preprocessor to say.
    if language.is_preprocessed() && branches::tear_code_apart(after) {
        return Vec::new();
    }
    let mut new = spots(&tree);
    if language == Language::JsonWithCommas {
        new.retain(|spot| !is_last_comma(after, spot));
    }
    let mut known = Vec::new();
    let mut was_lonely = false;
    if let Some(before) = before {
        // Without knowing what was wrong before, nothing can be said.
        let Some(old) = parse(language, before) else { return Vec::new() };
        if old.root_node().has_error() {
            known = spots(&old);
            was_lonely = brackets::lonely(&old, before).is_some();
        }
    }
    if new.len() <= known.len() {
        return Vec::new();
    }
    let (old_lines, new_lines) = (byte_lines(before.unwrap_or_default()), byte_lines(after));
    let changed = hunks(&old_lines, &new_lines);
    let fresh = unmatched(&known, &new, &changed);
    let lonely = (language.pairs_brackets() && !was_lonely).then(|| brackets::lonely(&tree, after)).flatten();
    match lonely {
        _ if fresh.is_empty() => Vec::new(),
        // The rest follows from it.
        Some(Lonely { at, what }) => vec![error(after, &new_lines, at, what)],
        None => fresh.into_iter().take(MOST).map(|spot| told(language, after, &new_lines, &changed, spot)).collect(),
    }
}

/// Nothing when the text is no text, too large or takes too long.
fn parse(language: Language, text: &[u8]) -> Option<Tree> {
    if text.len() > LARGEST || is_binary(text) {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&language.grammar()).ok()?;
    let mut left = PATIENCE;
    let mut progress = |_: &ParseState| {
        left = left.saturating_sub(1);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut progress);
    parser.parse_with_options(&mut |at, _| text.get(at..).unwrap_or_default(), None, Some(options))
}

fn spots(tree: &Tree) -> Vec<Spot> {
    let mut out = Vec::new();
    let mut cursor = tree.walk();
    loop {
        let node: Node<'_> = cursor.node();
        let bad = node.is_error() || node.is_missing();
        if bad {
            out.push(Spot {
                start: node.start_byte(),
                end: node.end_byte(),
                rows: (node.start_position().row, node.end_position().row),
                missing: node.is_missing().then(|| node.kind().to_owned()),
            });
        }
        if !bad && node.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() || out.len() >= MOST_SPOTS {
                return out;
            }
        }
    }
}

/// Whether an error is no more than a comma before a closing bracket.
fn is_last_comma(text: &[u8], spot: &Spot) -> bool {
    let rest = String::from_utf8_lossy(text.get(spot.end..).unwrap_or_default());
    let after = rest.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("//")).unwrap_or_default();
    let source = if spot.missing.is_some() { text.get(..spot.start) } else { text.get(spot.start..spot.end) };
    let source = source.unwrap_or_default().trim_ascii();
    let comma = if spot.missing.is_some() { source.ends_with(b",") } else { source == b"," };
    comma && after.starts_with(['}', ']'])
}

/// The errors that are not those of before, at the line to which the change has moved them.
fn unmatched<'a>(known: &[Spot], new: &'a [Spot], changed: &[Hunk]) -> Vec<&'a Spot> {
    let moved = |row: usize| {
        let mut shift = 0;
        for hunk in changed.iter().take_while(|hunk| hunk.old.start <= row) {
            if hunk.old.contains(&row) {
                return None;
            }
            shift = hunk.new.end as isize - hunk.old.end as isize;
        }
        row.checked_add_signed(shift)
    };
    let mut places: Vec<_> = known.iter().filter_map(|spot| Some((moved(spot.rows.0)?, &spot.missing))).collect();
    let mut fresh = Vec::new();
    for spot in new {
        match places.iter().position(|place| *place == (spot.rows.0, &spot.missing)) {
            Some(at) => drop(places.swap_remove(at)),
            None => fresh.push(spot),
        }
    }
    fresh
}

/// An error in words.
fn told(language: Language, text: &[u8], lines: &[&[u8]], changed: &[Hunk], spot: &Spot) -> SyntaxError {
    let name = language.name();
    if let Some(missing) = &spot.missing {
        let what = if missing.bytes().any(|b| b.is_ascii_alphabetic()) && missing.len() > 6 {
            // The grammar's name for something that has no fixed spelling.
            let article = if missing.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
            format!("{article} {} is missing here", missing.replace('_', " "))
        } else {
            format!("`{missing}` is missing here")
        };
        return error(text, lines, spot.start, what);
    }
    let source = text.get(spot.start..spot.end).map(String::from_utf8_lossy).unwrap_or_default();
    let source = source.trim();
    if spot.rows.0 == spot.rows.1 && !source.is_empty() && source.chars().count() <= 60 {
        return error(text, lines, spot.start, format!("`{source}` cannot be read as {name} here"));
    }
    // What begins far above may be wrong only where the edit changed it.
    let inside = |hunk: &&Hunk| hunk.new.start > spot.rows.0 && hunk.new.start <= spot.rows.1;
    let at = match changed.iter().find(inside) {
        Some(hunk) if !changed.iter().any(|other| other.new.contains(&spot.rows.0)) => {
            let line_start: usize = lines[..hunk.new.start.min(lines.len())].iter().map(|line| line.len()).sum();
            let indent = lines.get(hunk.new.start).map_or(0, |line| line.len() - line.trim_ascii_start().len());
            line_start + indent
        }
        _ => spot.start,
    };
    error(text, lines, at, format!("from here on it cannot be read as {name}"))
}

fn error(text: &[u8], lines: &[&[u8]], at: usize, what: String) -> SyntaxError {
    // What is missing at the end is said of the last line that says something.
    let written = text.trim_ascii_end().len();
    let at = at.min(written);
    let start = text[..at].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let row = byte_lines(&text[..start]).len();
    let column = String::from_utf8_lossy(&text[start..at]).chars().count() + 1;
    let line = lines.get(row).map(|line| String::from_utf8_lossy(line)).unwrap_or_default();
    SyntaxError { line: row + 1, column, text: ellipsis(line.trim_end(), 200), what }
}
