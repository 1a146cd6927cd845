//! The list of tracked paths, made short enough to be worth its tokens.
//!
//! Invariants
//! - The rendered lines never cost more than the limits they were given, however large the repository.

use std::collections::BTreeSet;

use crate::base::money::{TokenCounter, Tokens};
use crate::base::path::RepoPath;
use crate::session::request::Part;

/// The most lines that a list has.
const MAX_LINES: usize = 300;

/// What a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Every path.
    Paths,
    /// Folders with the number of files in them.
    Folders,
    /// The paths that earlier lists of the conversation lack.
    Added,
}

impl Form {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Paths => "paths",
            Self::Folders => "folders",
            Self::Added => "added",
        }
    }
}

/// The lines to show, and how many more there would be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) form: Form,
    pub(super) lines: Vec<String>,
    pub(super) omitted: usize,
}

/// Lines may be added while they fit.
struct Limit<'a> {
    counter: &'a dyn TokenCounter,
    most: Tokens,
}

impl Limit<'_> {
    fn allows(&self, lines: &[String]) -> bool {
        lines.len() <= MAX_LINES && self.counter.count(&lines.join("\n")) <= self.most
    }

    /// As much of an overview, from its first line, as fits.
    fn cut(&self, level: Level) -> List {
        let mut lines = level.lines;
        lines.truncate(MAX_LINES);
        while !lines.is_empty() && !self.allows(&lines) {
            lines.truncate(lines.len() * 9 / 10);
        }
        List { form: Form::Folders, omitted: level.all - lines.len(), lines }
    }
}

/// The list for a conversation that holds `previous`; `None` when there is nothing to say.
pub(super) fn list(previous: &[Part], tracked: &[RepoPath], counter: &dyn TokenCounter, most: Tokens) -> Option<List> {
    let limit = Limit { counter, most };
    let earlier: Vec<&Part> = previous.iter().filter(|p| p.kind.name() == "list").collect();
    let list = if earlier.is_empty() {
        let all = || tracked.iter().map(ToString::to_string).collect::<Vec<_>>();
        match (tracked.len() <= MAX_LINES).then(all).filter(|lines| limit.allows(lines)) {
            Some(lines) => List { form: Form::Paths, lines, omitted: 0 },
            None => folders(tracked, &limit),
        }
    } else if earlier.iter().any(|p| p.kind.subject() == Some(Form::Folders.as_str())) {
        // Counts change with every file; saying so is not worth the tokens.
        return None;
    } else {
        let texts: Vec<_> = earlier.iter().map(|p| p.as_text()).collect();
        let mut known: BTreeSet<&str> = texts.iter().flat_map(|text| text.lines()).collect();
        known.extend(previous.iter().filter(|p| p.kind.name() != "list").filter_map(|p| p.kind.subject()));
        let new = tracked.iter().map(ToString::to_string).filter(|path| !known.contains(path.as_str()));
        let new: Vec<String> = new.take(MAX_LINES + 1).collect();
        // So much is new that the earlier list says little: an overview takes its place.
        if limit.allows(&new) { List { form: Form::Added, lines: new, omitted: 0 } } else { folders(tracked, &limit) }
    };
    (!list.lines.is_empty()).then_some(list)
}

/// Folders down to the deepest level that fits, with the files that lie above that level.
fn folders(tracked: &[RepoPath], limit: &Limit<'_>) -> List {
    let mut best = None;
    for depth in 1.. {
        let level = level(tracked, depth);
        if !limit.allows(&level.lines) {
            // Even the first level is too long: its beginning must do.
            return best.unwrap_or_else(|| limit.cut(level));
        }
        best = Some(List { form: Form::Folders, lines: level.lines, omitted: 0 });
        if level.deepest {
            break;
        }
    }
    best.unwrap_or(List { form: Form::Folders, lines: Vec::new(), omitted: 0 })
}

/// One line for each folder `depth` levels down and each file above.
struct Level {
    /// Not more than one above the most, which is enough to know that there are too many.
    lines: Vec<String>,
    all: usize,
    /// No folder here holds another.
    deepest: bool,
}

fn level(tracked: &[RepoPath], depth: usize) -> Level {
    let slash =
        |path: &RepoPath, nth: usize| path.as_bytes().iter().enumerate().filter(|(_, b)| **b == b'/').nth(nth).map(|(at, _)| at);
    let mut lines = Vec::new();
    let mut all = 0;
    // In byte order, the files of one folder stand together.
    for group in tracked.chunk_by(|a, b| match (slash(a, depth - 1), slash(b, depth - 1)) {
        (Some(x), Some(y)) => a.as_bytes()[..x] == b.as_bytes()[..y],
        _ => false,
    }) {
        all += 1;
        if lines.len() > MAX_LINES {
            continue;
        }
        let path = &group[0];
        lines.push(match slash(path, depth - 1).map(|at| RepoPath::new(&path.as_bytes()[..at])) {
            Some(Ok(folder)) => format!("{folder}/ {}", group.len()),
            _ => path.to_string(),
        });
    }
    Level { lines, all, deepest: !tracked.iter().any(|path| slash(path, depth).is_some()) }
}
