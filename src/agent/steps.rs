//! What several turns wrote into the files, with the gaps in between where somebody else wrote.
//!
//! Invariants
//! - Changes of a file that follow on each other without a gap are one step. What lies in a gap is the user's and in no step,
//!   so taking steps back, or bringing them, leaves it where it is.

use std::collections::BTreeMap;

use crate::base::change::{ChangeSet, FileChange, FileState};
use crate::base::merge::merge3_files;
use crate::base::path::RepoPath;
use crate::base::tree::SourceTree;
use crate::vcs::VcsError;

use super::Error;

/// Changes of files, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Steps(BTreeMap<RepoPath, Vec<FileChange>>);

impl Steps {
    /// Adds what was written next.
    pub fn push(&mut self, changes: &ChangeSet) {
        for (path, change) in changes.iter() {
            self.add(path, change.clone());
        }
    }

    pub(super) fn add(&mut self, path: &RepoPath, change: FileChange) {
        let mut steps = self.0.remove(path).unwrap_or_default();
        join(&mut steps, change);
        if !steps.is_empty() {
            self.0.insert(path.clone(), steps);
        }
    }

    /// The steps that take these back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let back = |c: &FileChange| FileChange { before: c.after.clone(), after: c.before.clone() };
        Self(self.0.iter().map(|(path, steps)| (path.clone(), steps.iter().rev().map(back).collect())).collect())
    }

    /// These steps followed by `next`.
    #[must_use]
    pub fn then(mut self, next: &Self) -> Self {
        for (path, steps) in &next.0 {
            for change in steps {
                self.add(path, change.clone());
            }
        }
        self
    }

    /// The files that change, each with what the last step left.
    pub fn ends(&self) -> impl Iterator<Item = (&RepoPath, &Option<FileState>)> {
        self.0.iter().filter_map(|(path, steps)| Some((path, &steps.last()?.after)))
    }

    /// The same steps on the files as they are now, each by a three-way merge.
    pub fn onto(&self, tree: &dyn SourceTree) -> Result<ChangeSet, Error> {
        Ok(self.resumed(tree, |_, _| false)?.whole)
    }

    /// The same where somebody began with it, and the files that are `done` have their steps.
    pub fn resumed(&self, tree: &dyn SourceTree, done: impl Fn(&RepoPath, Option<&FileState>) -> bool) -> Result<Resumed, Error> {
        let (mut out, back) = (Resumed::default(), self.inverse());
        for (path, steps) in &self.0 {
            let now = tree.read(path).map_err(|source| Error::Read { what: path.to_string(), source })?;
            if done(path, now.as_ref()) {
                // Where nobody can say what it was, it stays as it is.
                let was = along(&back.0[path], now.clone()).unwrap_or_else(|| now.clone());
                out.whole.record(path.clone(), was, now);
                continue;
            }
            let state = along(steps, now.clone()).ok_or_else(|| VcsError::Conflict(path.clone()))?;
            out.whole.record(path.clone(), now.clone(), state.clone());
            out.rest.record(path.clone(), now, state);
        }
        Ok(out)
    }
}

/// Changes that somebody began with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resumed {
    /// What is still to be done.
    pub rest: ChangeSet,
    /// That and what was done.
    pub whole: ChangeSet,
}

impl From<ChangeSet> for Resumed {
    fn from(all: ChangeSet) -> Self {
        Self { rest: all.clone(), whole: all }
    }
}

/// Adds what followed; one step with the last when there is no gap between them.
fn join(steps: &mut Vec<FileChange>, change: FileChange) {
    match steps.last_mut() {
        Some(last) if last.after == change.before => {
            last.after = change.after;
            if last.before == last.after {
                steps.pop();
            }
        }
        _ => steps.push(change),
    }
}

/// The steps made on `now`, one after the other.
#[expect(clippy::option_option, reason = "a file that is not there is a result too")]
fn along(steps: &[FileChange], now: Option<FileState>) -> Option<Option<FileState>> {
    steps.iter().try_fold(now, |state, step| merged(step, state.as_ref()))
}

/// What of a file's changes (the oldest first) is not in `now` yet, where somebody may have committed the older ones of them.
pub(super) fn missing_in(now: Option<&FileState>, changes: &[FileChange]) -> Vec<FileChange> {
    let after = |part: &[FileChange]| {
        let mut steps = Vec::new();
        for change in part {
            join(&mut steps, change.clone());
        }
        along(&steps, now.cloned())
    };
    let is_in = |part: &[FileChange]| after(part).is_some_and(|end| end.as_ref() == now);
    // The last one counts for itself, too: a line that one change brought and the next took away is none in both, so all of
    // them together say nothing of which of the two `now` has.
    let known = (1..=changes.len()).rev().find(|end| is_in(&changes[end - 1..*end]) && is_in(&changes[..*end])).unwrap_or(0);
    match after(&changes[known..]) {
        Some(end) if end.as_ref() == now => Vec::new(),
        Some(end) => vec![FileChange { before: now.cloned(), after: end }],
        None => changes[known..].to_vec(),
    }
}

/// The step made on `now`; `None` where both touch the same lines.
#[expect(clippy::option_option, reason = "a file that is not there is a result too")]
pub(super) fn merged(step: &FileChange, now: Option<&FileState>) -> Option<Option<FileState>> {
    let bytes = |s: &Option<FileState>| s.as_ref().map(|s| s.bytes.clone());
    let (base, to) = (bytes(&step.before), bytes(&step.after));
    let merged = merge3_files(base.as_deref(), to.as_deref(), now.map(|s| &s.bytes[..])).ok()?;
    let mode = match (&step.before, &step.after, now) {
        (Some(b), Some(a), Some(n)) if b.mode == a.mode => n.mode,
        // It is there already; its mode is somebody's choice.
        (None, Some(_), Some(n)) => n.mode,
        (_, Some(a), _) => a.mode,
        (b, None, n) => n.or(b.as_ref()).map(|s| s.mode).unwrap_or_default(),
    };
    Some(merged.map(|bytes| FileState { mode, bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> RepoPath {
        RepoPath::new(b"a.txt").expect("a path")
    }

    fn file(text: &str) -> FileState {
        FileState { mode: crate::base::change::FileMode::Regular, bytes: text.into() }
    }

    fn steps(changes: &[(&str, &str)]) -> Steps {
        let mut out = Steps::default();
        for (before, after) in changes {
            out.push(&[(path(), FileChange { before: Some(file(before)), after: Some(file(after)) })].into_iter().collect());
        }
        out
    }

    struct One(Option<FileState>, [RepoPath; 1]);

    impl SourceTree for One {
        fn paths(&self) -> &[RepoPath] {
            &self.1
        }

        fn read(&self, _: &RepoPath) -> std::io::Result<Option<FileState>> {
            Ok(self.0.clone())
        }
    }

    fn onto(steps: &Steps, now: &str) -> Option<String> {
        let changes = steps.onto(&One(Some(file(now)), [path()])).ok()?;
        let after = changes.get(&path()).map_or_else(|| Some(file(now)), |c| c.after.clone());
        after.map(|s| String::from_utf8_lossy(&s.bytes).into_owned())
    }

    #[test]
    fn what_follows_without_a_gap_is_one_step() {
        let both = steps(&[("1\n", "2\n"), ("2\n", "3\n")]);
        assert_eq!(both, steps(&[("1\n", "3\n")]));
        assert_eq!(steps(&[("1\n", "2\n"), ("2\n", "1\n")]), Steps::default());
        assert_eq!(both.clone().then(&both.inverse()), Steps::default());
    }

    #[test]
    fn what_somebody_committed_is_not_missing() {
        let missing = |now: &str, changes: &[(&str, &str)]| {
            let change = |(before, after): &(&str, &str)| FileChange { before: Some(file(before)), after: Some(file(after)) };
            let rest = missing_in(Some(&file(now)), &changes.iter().map(change).collect::<Vec<_>>());
            onto(
                &rest.into_iter().fold(Steps::default(), |mut all, next| {
                    all.add(&path(), next);
                    all
                }),
                now,
            )
        };
        let (none, one) = ("a\n\nb\n\nc\n", "a\n\nX\nb\n\nc\n");
        let there_and_back = [(none, one), (one, none)];
        assert_eq!(missing(one, &there_and_back[..1]).as_deref(), Some(one), "it is there");
        assert_eq!(missing(one, &there_and_back).as_deref(), Some(none), "it goes");
        assert_eq!(missing(none, &there_and_back).as_deref(), Some(none), "it came and went");
        let far = (one, "a\n\nX\nb\n\nC\n");
        assert_eq!(
            missing("a\n\nb\n\nC\n", &[(none, one), far]).as_deref(),
            Some("a\n\nX\nb\n\nC\n"),
            "only the later one is there"
        );
        let twice = [("1\n", "2\n"), ("2\n", "3\n")];
        assert_eq!(missing("2\n", &twice).as_deref(), Some("3\n"));
        assert_eq!(missing("3\n", &twice).as_deref(), Some("3\n"));
        assert_eq!(missing("x\n", &twice), None, "somebody made something else of it");
    }

    /// Where both steps touch the same line and the user wrote in between, they cannot be taken back twice.
    #[test]
    fn what_is_done_already_is_left_as_it_is() {
        let back = steps(&[("a\n\nb\n", "b\n\nb\n"), ("b\n\nuser\n", "c\n\nuser\n")]).inverse();
        let (now, done) = ("c\n\nuser\n", "a\n\nuser\n");
        assert_eq!(onto(&back, now).as_deref(), Some(done));
        assert_eq!(onto(&back, done), None);
        let tree = One(Some(file(done)), [path()]);
        let resumed = back.resumed(&tree, |at, state| *at == path() && state == Some(&file(done))).expect("nothing is in the way");
        let all = [(path(), FileChange { before: Some(file(now)), after: Some(file(done)) })].into_iter().collect();
        assert_eq!(resumed, Resumed { rest: ChangeSet::default(), whole: all });
    }

    #[test]
    fn what_the_user_wrote_in_between_is_not_taken_back() {
        let all = steps(&[("a\n\nb\n\nc\n", "A\n\nb\n\nc\n"), ("A\n\nb\n\nuser\n", "A\n\nB\n\nuser\n")]);
        assert_eq!(onto(&all.inverse(), "A\n\nB\n\nuser\n"), Some("a\n\nb\n\nuser\n".to_owned()));
        assert_eq!(onto(&all, "a\n\nb\n\nother\n"), Some("A\n\nB\n\nother\n".to_owned()));
        assert_eq!(onto(&all.inverse(), "A\n\nmine\n\nuser\n"), None);
    }
}
