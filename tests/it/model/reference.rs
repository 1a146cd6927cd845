//! The reference model: what a command may have made of a repository.
//!
//! Invariants
//! - All lines of text files are different, so a three-way merge that goes well is a sum of sets: the lines that a change
//!   takes out are gone, those that it puts in are there, all others are where they were. Whether a merge goes well is the
//!   program's to say; if it does not, nothing may have changed.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{File, Place, State};

/// What a turn does to one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Delta {
    pub(super) removed: BTreeSet<String>,
    pub(super) added: BTreeSet<String>,
    pub(super) creates: bool,
    pub(super) deletes: bool,
}

/// What a turn does to the files.
pub(super) type Deltas = BTreeMap<String, Delta>;

impl Delta {
    /// What lies between two contents of a file.
    pub(super) fn between(from: Option<&File>, to: Option<&File>) -> Self {
        let lines = |f: Option<&File>| f.map(File::lines).unwrap_or_default();
        let (old, new) = (lines(from), lines(to));
        Self {
            removed: old.difference(&new).cloned().collect(),
            added: new.difference(&old).cloned().collect(),
            creates: from.is_none(),
            deletes: to.is_none(),
        }
    }

    fn inverse(&self) -> Self {
        Self { removed: self.added.clone(), added: self.removed.clone(), creates: self.deletes, deletes: self.creates }
    }

    fn on(&self, lines: Option<BTreeSet<String>>) -> Option<BTreeSet<String>> {
        if self.deletes {
            return None;
        }
        let mut lines = lines.unwrap_or_default();
        lines.retain(|l| !self.removed.contains(l));
        lines.extend(self.added.iter().cloned());
        Some(lines)
    }
}

/// Several turns' changes, one after another.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps(Vec<Deltas>);

impl Steps {
    pub(super) fn of(all: impl IntoIterator<Item = Deltas>) -> Self {
        Self(all.into_iter().collect())
    }

    /// Taken back, the last one first.
    pub(super) fn inverse(&self) -> Self {
        let back = |d: &Deltas| d.iter().map(|(path, delta)| (path.clone(), delta.inverse())).collect();
        Self(self.0.iter().rev().map(back).collect())
    }

    pub(super) fn then(mut self, next: Self) -> Self {
        self.0.extend(next.0);
        self
    }

    pub(super) fn paths(&self) -> BTreeSet<&String> {
        self.0.iter().flat_map(BTreeMap::keys).collect()
    }

    fn on(&self, path: &str, file: Option<&File>) -> Option<BTreeSet<String>> {
        let steps = self.0.iter().filter_map(|deltas| deltas.get(path));
        steps.fold(file.map(File::lines), |lines, delta| delta.on(lines))
    }
}

/// Whether the files must have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    Changed,
    Same,
    /// All of them or none: the process was killed.
    AllOrNone,
}

/// Whether the branch may have moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Branch {
    May,
    Same,
}

/// Compares what is with what may be.
pub(super) fn check(before: &State, after: &State, steps: &Steps, files: Files, branch: Branch) -> Result<(), String> {
    if (&before.branch, &before.refs) != (&after.branch, &after.refs) {
        return Err(format!("refs: {:?} {:?} → {:?} {:?}", before.branch, before.refs, after.branch, after.refs));
    }
    if branch == Branch::Same && before.commit != after.commit {
        return Err("HEAD moved".to_owned());
    }
    after.check_index()?;
    let paths: BTreeSet<&String> = before.places.keys().chain(after.places.keys()).chain(steps.paths()).collect();
    let mut changed = BTreeSet::new();
    for path in paths {
        let (old, new) = (before.place(path), after.place(path));
        let touched = steps.paths().contains(path);
        if !touched {
            if old != new {
                return Err(format!("{path} is not touched, but {}", told(&old, &new)));
            }
            continue;
        }
        let fail = |what: &str| Err(format!("{path}: {what}: {} by {steps:?}", told(&old, &new)));
        let as_wanted = |before: Option<&File>, after: Option<&File>| after.map(File::lines) == steps.on(path, before);
        let wanted = as_wanted(old.worktree.as_ref(), new.worktree.as_ref());
        match files {
            Files::Changed if !wanted => return fail("the file is not as it should be"),
            Files::Same if old.worktree != new.worktree => return fail("the file changed"),
            Files::AllOrNone if !wanted && old.worktree != new.worktree => return fail("the file is half changed"),
            _ => {}
        }
        if old.worktree != new.worktree {
            changed.insert(true);
            in_order(old.worktree.as_ref(), new.worktree.as_ref()).or_else(|e| fail(&e))?;
        } else if !wanted {
            changed.insert(false);
        }
        let same = old.head == new.head && old.index == new.index;
        let moved = branch == Branch::May
            && as_wanted(old.head.as_ref(), new.head.as_ref())
            && as_wanted(old.index.as_ref(), new.index.as_ref());
        if !same && !moved {
            return fail("index and HEAD have neither all of it nor nothing");
        }
        if let (Some(a), Some(b)) = (&old.worktree, &new.worktree)
            && a.mode != b.mode
        {
            return fail("another mode");
        }
    }
    if changed.len() > 1 {
        return Err(format!("some files changed and some did not, by {steps:?}"));
    }
    Ok(())
}

/// Lines that are in both stand in the same order.
fn in_order(old: Option<&File>, new: Option<&File>) -> Result<(), String> {
    let (Some(old), Some(new)) = (old, new) else { return Ok(()) };
    let (all_old, all_new) = (old.lines(), new.lines());
    let common = |f: &File, other: &BTreeSet<String>| -> Vec<String> {
        String::from_utf8_lossy(&f.bytes).lines().filter(|l| other.contains(*l)).map(str::to_owned).collect()
    };
    if common(old, &all_new) == common(new, &all_old) { Ok(()) } else { Err("lines changed places".to_owned()) }
}

fn told(old: &Place, new: &Place) -> String {
    let text = |f: &Option<File>| {
        f.as_ref().map_or("absent".to_owned(), |f| format!("{}:{}", f.mode, String::from_utf8_lossy(&f.bytes).replace('\n', " ")))
    };
    let part = |name: &str, a: &Option<File>, b: &Option<File>| {
        if a == b { format!("{name} [{}] ", text(a)) } else { format!("{name} [{}] → [{}] ", text(a), text(b)) }
    };
    part("file", &old.worktree, &new.worktree) + &part("index", &old.index, &new.index) + &part("HEAD", &old.head, &new.head)
}
