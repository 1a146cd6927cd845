//! The list of tracked paths, made short enough to be worth its tokens.
//!
//! Invariants
//! - The rendered lines never cost more than the limits they were given, however large the repository.

use std::collections::{BTreeMap, BTreeSet};

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

    /// As many of `lines`, from the first, as fit.
    fn cut(&self, form: Form, mut lines: Vec<String>) -> List {
        let all = lines.len();
        lines.truncate(MAX_LINES);
        while !lines.is_empty() && !self.allows(&lines) {
            lines.truncate(lines.len() * 9 / 10);
        }
        List { form, omitted: all - lines.len(), lines }
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
        let new = tracked.iter().map(ToString::to_string).filter(|path| !known.contains(path.as_str())).collect();
        limit.cut(Form::Added, new)
    };
    (!list.lines.is_empty()).then_some(list)
}

/// Folders down to the deepest level that fits, with the files that lie above that level.
fn folders(tracked: &[RepoPath], limit: &Limit<'_>) -> List {
    let mut best = None;
    for depth in 1.. {
        let (lines, deepest) = level(tracked, depth);
        if !limit.allows(&lines) {
            // Even the first level is too long: its beginning must do.
            return best.unwrap_or_else(|| limit.cut(Form::Folders, lines));
        }
        best = Some(List { form: Form::Folders, lines, omitted: 0 });
        if deepest {
            break;
        }
    }
    best.unwrap_or(List { form: Form::Folders, lines: Vec::new(), omitted: 0 })
}

/// One line for each folder `depth` levels down and each file above; and whether no folder holds a folder below that.
fn level(tracked: &[RepoPath], depth: usize) -> (Vec<String>, bool) {
    let mut counts: BTreeMap<&[u8], usize> = BTreeMap::new();
    let mut deepest = true;
    for path in tracked {
        let bytes = path.as_bytes();
        let mut slashes = bytes.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
        let cut = slashes.nth(depth - 1).map_or(bytes.len(), |at| at + 1);
        deepest &= slashes.next().is_none();
        *counts.entry(&bytes[..cut]).or_default() += 1;
    }
    let show = |name: &[u8]| RepoPath::new(name).map_or_else(|_| name.escape_ascii().to_string(), |path| path.to_string());
    let line = |(name, count): (&&[u8], &usize)| match name.strip_suffix(b"/") {
        Some(folder) => format!("{}/ {count}", show(folder)),
        None => show(name),
    };
    (counts.iter().map(line).collect(), deepest)
}
