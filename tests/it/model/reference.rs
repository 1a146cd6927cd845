//! The reference model: what a command may have made of a repository.
//!
//! Invariants
//! - A line is its text and its end: a file whose line ends changed, or whose last line got or lost its end, has other lines.
//! - Lines with a number are all different, so a three-way merge that goes well is a sum of sets: the lines that a change
//!   takes out are gone, those that it puts in are there, all others are where they were. Lines without one (`}`) stand
//!   several times and are counted; where two sides may have made the same change to them, either count is right.
//! - Whether a merge goes well is the program's to say; if it does not, nothing may have changed.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{File, Place, State};

/// What a turn does to one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Delta {
    /// How many more (or fewer) of a line there are.
    net: BTreeMap<String, i64>,
    /// The file is made, with this mode.
    creates: Option<String>,
    /// The file, which had this mode, goes.
    deletes: Option<String>,
}

/// What a turn does to the files.
pub(super) type Deltas = BTreeMap<String, Delta>;

/// How often each line may be in a file: at least and at most.
type Span = BTreeMap<String, (i64, i64)>;

/// A line that may stand several times.
pub(super) fn shared(line: &str) -> bool {
    !line.contains(|c: char| c.is_ascii_digit())
}

impl Delta {
    /// What lies between two contents of a file.
    pub(super) fn between(from: Option<&File>, to: Option<&File>) -> Self {
        let mut net = BTreeMap::new();
        for (file, sign) in [(from, -1), (to, 1)] {
            for (line, count) in file.map(File::lines).unwrap_or_default() {
                *net.entry(line).or_default() += sign * count;
            }
        }
        net.retain(|_, n| *n != 0);
        let mode = |file: Option<&File>| file.map(|f| f.mode.clone());
        let (creates, deletes) = (mode(to).filter(|_| from.is_none()), mode(from).filter(|_| to.is_none()));
        Self { net, creates, deletes }
    }

    fn inverse(&self) -> Self {
        let net = self.net.iter().map(|(line, n)| (line.clone(), -n)).collect();
        Self { net, creates: self.deletes.clone(), deletes: self.creates.clone() }
    }

    /// The same change, made anew when the file is this one: what goes has the mode that it has now.
    pub(super) fn on_file(&self, file: Option<&File>) -> Self {
        let deletes = self.deletes.clone().map(|mode| file.map_or(mode, |f| f.mode.clone()));
        Self { deletes, ..self.clone() }
    }

    /// Both as one.
    fn then(mut self, next: &Self) -> Self {
        for (line, n) in &next.net {
            *self.net.entry(line.clone()).or_default() += n;
        }
        self.net.retain(|_, n| *n != 0);
        let (first, last) = (self.creates.take(), self.deletes.take());
        self.creates =
            if next.deletes.is_some() { None } else { first.clone().or(next.creates.clone().filter(|_| last.is_none())) };
        self.deletes = if next.creates.is_some() { None } else { last.or(next.deletes.clone().filter(|_| first.is_none())) };
        self
    }

    fn on(&self, lines: Option<Span>) -> Option<Span> {
        if self.deletes.is_some() {
            return None;
        }
        if lines.is_none() && *self == Self::default() {
            return None;
        }
        let fresh = lines.is_none();
        let mut lines = lines.unwrap_or_default();
        for (line, n) in &self.net {
            let (least, most) = lines.entry(line.clone()).or_default();
            match n {
                _ if fresh => (*least, *most) = (0.max(*n), 0.max(*n)),
                ..0 if shared(line) => *least = 0.max(*least + n),
                0.. if shared(line) => *most += n,
                ..0 => (*least, *most) = (0, 0),
                0.. => (*least, *most) = (1.max(*least), 1.max(*most)),
            }
        }
        Some(lines)
    }
}

/// Whether a file has these lines and no others.
fn is_within(wanted: Option<&Span>, file: Option<&File>) -> bool {
    let (Some(wanted), Some(file)) = (wanted, file) else { return wanted.is_none() == file.is_none() };
    let there = file.lines();
    let fits = |(line, (least, most)): (&String, &(i64, i64))| (least..=most).contains(&there.get(line).unwrap_or(&0));
    wanted.iter().all(fits) && there.keys().all(|line| wanted.contains_key(line))
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

    /// Whether a file is what these steps may make of another.
    fn make(&self, path: &str, before: Option<&File>, after: Option<&File>) -> bool {
        let span = |f: &File| f.lines().into_iter().map(|(line, count)| (line, (count, count))).collect();
        let steps = || self.0.iter().filter_map(|deltas| deltas.get(path));
        let one_by_one = steps().fold(before.map(span), |lines, delta| delta.on(lines));
        if is_within(one_by_one.as_ref(), after) {
            return true;
        }
        // What one step brings and the next takes away counts for nothing, whatever the file has of it already.
        let all = steps().cloned().reduce(|all, next| all.then(&next)).unwrap_or_default();
        is_within(all.on(before.map(span)).as_ref(), after)
    }

    /// The mode of a file that they bring.
    fn mode(&self, path: &str) -> Option<&String> {
        self.0.iter().rev().find_map(|deltas| deltas.get(path)?.creates.as_ref())
    }

    fn touch(&self, path: &str, line: &str) -> bool {
        self.0.iter().filter_map(|deltas| deltas.get(path)).any(|delta| delta.net.contains_key(line))
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Branch {
    May,
    Same,
    /// It must have, and in HEAD these files are as the steps make them.
    Must(BTreeSet<String>),
}

/// Compares what is with what may be.
pub(super) fn check(before: &State, after: &State, steps: &Steps, files: Files, branch: &Branch) -> Result<(), String> {
    same_refs(before, after)?;
    if *branch == Branch::Same && before.commit != after.commit {
        return Err("HEAD moved".to_owned());
    }
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
        let as_wanted = |before: &Option<File>, after: &Option<File>| steps.make(path, before.as_ref(), after.as_ref());
        let wanted = as_wanted(&old.worktree, &new.worktree);
        match files {
            Files::Changed if !wanted => return fail("the file is not as it should be"),
            Files::Same if old.worktree != new.worktree => return fail("the file changed"),
            Files::AllOrNone if !wanted && old.worktree != new.worktree => return fail("the file is half changed"),
            _ => {}
        }
        if old.worktree != new.worktree {
            changed.insert(true);
        } else if !wanted {
            changed.insert(false);
        }
        let same = old.head == new.head && old.index == new.index;
        // Where HEAD had a part of it already, the index moves by the rest, as HEAD does: what was staged stays staged.
        let along = Steps::of([Deltas::from([(path.clone(), Delta::between(old.head.as_ref(), new.head.as_ref()))])]);
        let entry = as_wanted(&old.index, &new.index) || along.make(path, old.index.as_ref(), new.index.as_ref());
        let moved = *branch != Branch::Same && as_wanted(&old.head, &new.head) && entry;
        if !same && !moved {
            return fail("index and HEAD have neither all of it nor nothing");
        }
        if !same && !wanted {
            return fail("index and HEAD have it and the file does not");
        }
        if let Branch::Must(paths) = branch
            && (files == Files::Changed || old.worktree != new.worktree)
            && paths.contains(path)
            && !as_wanted(&old.head, &new.head)
        {
            return fail("HEAD has it still");
        }
        well_formed(path, &old, &new, steps).or_else(|e| fail(&e))?;
    }
    if changed.len() > 1 {
        return Err(format!("some files changed and some did not, by {steps:?}"));
    }
    Ok(())
}

/// Nobody's refs but ours moved, and the index says about the files what is true.
fn same_refs(before: &State, after: &State) -> Result<(), String> {
    if (&before.branch, &before.refs) != (&after.branch, &after.refs) {
        return Err(format!("refs: {:?} {:?} → {:?} {:?}", before.branch, before.refs, after.branch, after.refs));
    }
    after.check_index()
}

/// What must hold of a file that steps touch, in the worktree, the index and HEAD.
fn well_formed(path: &str, old: &Place, new: &Place, steps: &Steps) -> Result<(), String> {
    let all = [("file", &old.worktree, &new.worktree), ("index", &old.index, &new.index), ("HEAD", &old.head, &new.head)];
    for (name, old, new) in all {
        let what = match (old, new) {
            (Some(old), Some(new)) if old.mode != new.mode => "another mode",
            (Some(old), Some(new)) if old.crlf() && !new.crlf() && !new.bytes.is_empty() => "other line ends",
            (Some(old), Some(new)) if !in_order(path, old, new, steps) => "lines changed places",
            (Some(old), Some(new)) if old.last().0 == new.last().0 && old.last().1 != new.last().1 => "the end of the last line",
            // What is in the index may have had another mode than the file.
            (None, Some(new)) => match steps.mode(path).map(String::as_str) {
                Some(mode) if new.mode != mode && name == "file" => "another mode than it should get",
                _ => continue,
            },
            _ => continue,
        };
        return Err(format!("{name}: {what}"));
    }
    Ok(())
}

/// Lines that are in both stand in the same order.
fn in_order(path: &str, old: &File, new: &File, steps: &Steps) -> bool {
    let (all_old, all_new) = (old.lines(), new.lines());
    let common = |f: &File| -> Vec<String> {
        let counted = |line: &str| !steps.touch(path, line) && all_old.get(line) == all_new.get(line);
        let both = |line: &str| all_old.contains_key(line) && all_new.contains_key(line);
        let kept = |line: &&str| if shared(line) { counted(line) } else { both(line) };
        String::from_utf8_lossy(&f.bytes).split_inclusive('\n').filter(kept).map(str::to_owned).collect()
    };
    common(old) == common(new)
}

/// A turn that was at work at the same time as something else.
pub(super) struct Beside {
    pub(super) deltas: Deltas,
    /// It says that its edits are in the files.
    pub(super) written: bool,
    /// It says that it made a commit.
    pub(super) committed: bool,
}

/// Whose changes of their own may have been committed by the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    None,
    /// Those in the files that a turn edits.
    Edited,
    All,
}

/// The same for turns that were at work at once, perhaps while the user committed everything: the files are exactly what
/// the turns say; HEAD and index have any of it, but all of what was committed in a file that was clean.
pub(super) fn check_beside(before: &State, after: &State, turns: &[Beside], own: Own) -> Result<(), String> {
    same_refs(before, after)?;
    let written = Steps::of(turns.iter().filter(|t| t.written).map(|t| t.deltas.clone()));
    let subsets: Vec<Steps> = (0..1 << turns.len())
        .map(|set: usize| Steps::of(turns.iter().enumerate().filter(|(n, _)| set >> n & 1 == 1).map(|(_, t)| t.deltas.clone())))
        .collect();
    for path in before.places.keys().chain(after.places.keys()).chain(written.paths()).collect::<BTreeSet<_>>() {
        let (old, new) = (before.place(path), after.place(path));
        let fail = |what: &str| Err(format!("{path}: {what}: {} by {written:?}", told(&old, &new)));
        if !written.make(path, old.worktree.as_ref(), new.worktree.as_ref()) {
            return fail("the file is not as it should be");
        }
        let edited = turns.iter().any(|t| t.deltas.contains_key(path));
        let of_user = own == Own::All || own == Own::Edited && edited && old.index.is_some();
        // What git does not know is not committed, and what was taken from the index is.
        let mine = if old.index.is_some() { &old.worktree } else { &None };
        let may = |from: &Option<File>, to: &Option<File>| {
            let any = |from: &Option<File>| subsets.iter().any(|steps| steps.make(path, from.as_ref(), to.as_ref()));
            any(from) || of_user && any(mine)
        };
        if !may(&old.head, &new.head) {
            return fail("HEAD is nobody's");
        }
        // What was staged otherwise stays staged: then the entry has what their commit brings besides.
        let besides = match (&old.head, &old.worktree, &old.index) {
            (Some(head), Some(file), Some(index)) if of_user => {
                Some(File { mode: index.mode.clone(), bytes: brought(&head.bytes, &file.bytes, &index.bytes) })
            }
            _ => None,
        };
        if !(may(&old.index, &new.index) || besides.is_some() && may(&besides, &new.index)) {
            return fail("the index is nobody's");
        }
        let clean = old.worktree == old.index && old.index == old.head && old.head.is_some();
        // With the user's own lines of an edited file go those that another turn had just written.
        let among = |t: &&Beside, other: bool| t.committed || other && own == Own::Edited && t.written;
        let committed = [false, true].map(|other| Steps::of(turns.iter().filter(|t| among(t, other)).map(|t| t.deltas.clone())));
        if clean && own != Own::All && !committed.iter().any(|c| c.make(path, old.head.as_ref(), new.head.as_ref())) {
            return fail("HEAD has not what was committed");
        }
        if !of_user {
            well_formed(path, &old, &new, &written).or_else(|e| fail(&e))?;
        }
    }
    Ok(())
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

/// `onto` with what lies between two contents: each new line stands behind the one that it follows there.
pub(super) fn brought(from: &[u8], to: &[u8], onto: &[u8]) -> Vec<u8> {
    let lines = |bytes: &[u8]| bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let without = |all: Vec<Vec<u8>>, gone: Vec<Vec<u8>>| {
        gone.into_iter().fold(all, |mut all, line| {
            if let Some(at) = all.iter().position(|l| *l == line) {
                all.remove(at);
            }
            all
        })
    };
    // What both sides did is done once.
    let removed = without(without(lines(from), lines(to)), without(lines(from), lines(onto)));
    let mut added = without(without(lines(to), lines(from)), without(lines(onto), lines(from)));
    let mut all = without(lines(onto), removed);
    let mut before: Vec<Vec<u8>> = Vec::new();
    for line in lines(to) {
        if let Some(at) = added.iter().position(|l| *l == line) {
            added.remove(at);
            let behind = |last: &Vec<u8>| {
                let nth = before.iter().filter(|l| *l == last).count();
                all.iter().enumerate().filter(|(_, l)| *l == last).nth(nth - 1).map(|(at, _)| at + 1)
            };
            let at = before.iter().rev().find_map(behind).unwrap_or(0);
            all.insert(at, line.clone());
        }
        before.push(line);
    }
    all.concat()
}
