//! The user's look at edits before they are written.
//!
//! Invariants
//! - What is given back is exactly what was shown and taken: lines of refused hunks are as they were before, whatever becomes of
//!   the others. What the user writes otherwise is shown like the rest before it is taken.

use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;

use crate::base::change::{ChangeSet, FileChange, FileState};
use crate::base::hunk::{Hunk, hunks, patched};
use crate::base::path::RepoPath;
use crate::base::text::{byte_lines, is_binary};
use crate::prompt::RefusedHunk;
use crate::session::event::Event;

use super::workspace::Workspace;

/// Lines around a change.
const CONTEXT: usize = 3;

/// A change as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown<'a> {
    pub path: &'a RepoPath,
    /// What becomes of the file, when that is not a change of some lines.
    pub whole: Option<&'static str>,
    /// The new lines are the user's own.
    pub edited: bool,
    /// From 1, of all that are shown.
    pub number: usize,
    pub of: usize,
    /// A part of a unified diff, with its `@@` line; empty for a file that is no text.
    pub diff: String,
    /// The new lines, which the user may write otherwise; `None` when there is nothing to write.
    pub new: Option<Vec<u8>>,
}

/// What the user says to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Take,
    /// With the reason for it, which goes back to the model.
    Refuse(Option<String>),
    /// These lines in the place of the new ones; the change is shown with them, and asked about again.
    Instead(Vec<u8>),
    /// This and all that follow.
    TakeAll,
    RefuseAll,
}

/// Asks the user. Dropping the future ends the question.
pub trait Reviewer {
    fn decide<'a>(&'a mut self, shown: &'a Shown<'a>) -> Pin<Box<dyn Future<Output = io::Result<Decision>> + 'a>>;
}

/// A change that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub path: RepoPath,
    pub diff: String,
    pub reason: Option<String>,
}

/// What the user made of the edits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reviewed {
    /// What is to be written.
    pub changes: ChangeSet,
    pub refused: Vec<Refused>,
    /// How many were taken, and how many of those the user wrote otherwise.
    pub taken: usize,
    pub edited: usize,
}

/// One file on its way through the review.
struct File<'c> {
    path: &'c RepoPath,
    change: &'c FileChange,
    old: Vec<&'c [u8]>,
    new: Vec<&'c [u8]>,
    /// The lines that differ.
    exact: Vec<Hunk>,
    /// What is decided at once: those of them that are near to each other, with the lines in between.
    hunks: Vec<Hunk>,
}

impl<'c> File<'c> {
    fn new(path: &'c RepoPath, change: &'c FileChange) -> Self {
        let side = |state: &'c Option<FileState>| state.as_ref().map_or(&[][..], |state| &state.bytes);
        let (before, after) = (side(&change.before), side(&change.after));
        let whole = change.before.is_none() || change.after.is_none() || is_binary(before) || is_binary(after);
        let (old, new) = (byte_lines(before), byte_lines(after));
        let mut exact = if whole { Vec::new() } else { hunks(&old, &new) };
        if exact.is_empty() {
            // What has no lines that differ (an empty file, a mode) is one change all the same.
            exact.push(Hunk { old: 0..old.len(), new: 0..new.len() });
        }
        let hunks = joined(&exact);
        Self { path, change, old, new, exact, hunks }
    }

    fn whole(&self) -> Option<&'static str> {
        match (&self.change.before, &self.change.after) {
            (None, _) => Some("new file"),
            (_, None) => Some("deleted"),
            (Some(before), Some(after)) if before.mode != after.mode => Some("mode changed"),
            _ => None,
        }
    }

    fn is_text(&self) -> bool {
        [&self.change.before, &self.change.after].into_iter().flatten().all(|state| !is_binary(&state.bytes))
    }

    /// The lines that differ in `hunk`, by their places in it.
    fn exact_in(&self, hunk: &Hunk) -> Vec<Hunk> {
        let inside = self.exact.iter().filter(|inner| hunk.old.start <= inner.old.start && inner.old.end <= hunk.old.end);
        let from = |lines: &Range<usize>, start: usize| lines.start - start..lines.end - start;
        inside.map(|inner| Hunk { old: from(&inner.old, hunk.old.start), new: from(&inner.new, hunk.new.start) }).collect()
    }

    /// `hunk` with `new` as its new lines, of which `exact` differ.
    fn diff(&self, hunk: &Hunk, new: &[&[u8]], exact: &[Hunk]) -> String {
        if !self.is_text() {
            return String::new();
        }
        let from = hunk.old.start.saturating_sub(CONTEXT);
        let to = (hunk.old.end + CONTEXT).min(self.old.len());
        let (above, below) = (hunk.old.start - from, to - hunk.old.end);
        let range = |start: usize, count: usize| {
            // An empty range is named by the line before it.
            let first = if count == 0 { start } else { start + 1 };
            format!("{first},{count}")
        };
        let new_range = range(hunk.new.start - above, above + new.len() + below);
        let mut out = format!("@@ -{} +{new_range} @@\n", range(from, to - from));
        let mut add = |sign: char, lines: &[&[u8]]| {
            for line in lines {
                out.push(sign);
                out.push_str(&String::from_utf8_lossy(line));
                if !line.ends_with(b"\n") {
                    out.push_str("\n\\ No newline at end of file\n");
                }
            }
        };
        let old = &self.old[hunk.old.clone()];
        add(' ', &self.old[from..hunk.old.start]);
        let mut at = 0;
        for inner in exact {
            add(' ', &old[at..inner.old.start]);
            add('-', &old[inner.old.clone()]);
            add('+', &new[inner.new.clone()]);
            at = inner.old.end;
        }
        add(' ', &old[at..]);
        add(' ', &self.old[hunk.old.end..to]);
        out
    }

    /// The change at `index`, with the user's own lines if there are any.
    fn shown(&self, index: usize, number: usize, of: usize, own: Option<&[u8]>) -> Shown<'c> {
        let hunk = &self.hunks[index];
        let diff = if let Some(own) = own {
            let own = byte_lines(own);
            self.diff(hunk, &own, &hunks(&self.old[hunk.old.clone()], &own))
        } else {
            self.diff(hunk, &self.new[hunk.new.clone()], &self.exact_in(hunk))
        };
        let new = (self.change.after.is_some() && self.is_text())
            .then(|| own.map_or_else(|| self.new[hunk.new.clone()].concat(), <[u8]>::to_vec));
        Shown { path: self.path, whole: self.whole(), edited: own.is_some(), number, of, diff, new }
    }

    /// The user's own lines for the change at `index`; none if they are the model's again.
    fn own(&self, index: usize, mut lines: Vec<u8>) -> Option<Vec<u8>> {
        let hunk = &self.hunks[index];
        // Else the last of them and the next one would be one line.
        if hunk.old.end < self.old.len() && !lines.is_empty() && !lines.ends_with(b"\n") {
            lines.push(b'\n');
        }
        (lines != self.new[hunk.new.clone()].concat()).then_some(lines)
    }

    /// The file with what was taken of it.
    fn after(&self, decisions: &[Decided]) -> Option<FileState> {
        match (&self.change.before, &self.change.after) {
            (Some(before), Some(after)) if self.is_text() => {
                let bytes = patched(&self.old, &self.hunks, |index, hunk| match &decisions[index] {
                    Decided::Refused => None,
                    Decided::Taken => Some(self.new[hunk.new.clone()].to_vec()),
                    Decided::Instead(lines) => Some(byte_lines(lines)),
                });
                let any = decisions.iter().any(|decided| *decided != Decided::Refused);
                Some(FileState { mode: if any { after.mode } else { before.mode }, bytes })
            }
            (before, after) => match decisions.first() {
                Some(Decided::Taken) => after.clone(),
                Some(Decided::Instead(bytes)) => after.as_ref().map(|after| FileState { mode: after.mode, bytes: bytes.clone() }),
                Some(Decided::Refused) | None => before.clone(),
            },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Decided {
    Taken,
    Refused,
    Instead(Vec<u8>),
}

/// Hunks whose lines of context would meet are one, as in a unified diff.
fn joined(exact: &[Hunk]) -> Vec<Hunk> {
    let mut out: Vec<Hunk> = Vec::new();
    for hunk in exact {
        match out.last_mut() {
            Some(last) if hunk.old.start - last.old.end <= 2 * CONTEXT => {
                last.old.end = hunk.old.end;
                last.new.end = hunk.new.end;
            }
            _ => out.push(hunk.clone()),
        }
    }
    out
}

/// Shows each change and gives what the user made of them.
pub async fn review(changes: &ChangeSet, reviewer: &mut dyn Reviewer) -> io::Result<Reviewed> {
    let files: Vec<File<'_>> = changes.iter().map(|(path, change)| File::new(path, change)).collect();
    let of = files.iter().map(|file| file.hunks.len()).sum();
    let mut out = Reviewed::default();
    let (mut number, mut rest) = (0, None);
    for file in &files {
        let mut decisions = Vec::new();
        for index in 0..file.hunks.len() {
            number += 1;
            let mut own = None;
            decisions.push(loop {
                let shown = file.shown(index, number, of, own.as_deref());
                let decision = match &rest {
                    Some(decided) => Decision::clone(decided),
                    None => reviewer.decide(&shown).await?,
                };
                break match decision {
                    Decision::Instead(lines) => {
                        own = file.own(index, lines);
                        continue;
                    }
                    Decision::TakeAll => {
                        rest = Some(Decision::Take);
                        out.take(own)
                    }
                    Decision::Take => out.take(own),
                    // What the model hears of is its own change, whatever the user tried in its place.
                    Decision::RefuseAll => {
                        rest = Some(Decision::Refuse(None));
                        out.refuse(file.shown(index, number, of, None), None)
                    }
                    Decision::Refuse(reason) => out.refuse(file.shown(index, number, of, None), reason),
                };
            });
            out.taken += usize::from(decisions.last() != Some(&Decided::Refused));
        }
        out.changes.record(file.path.clone(), file.change.before.clone(), file.after(&decisions));
    }
    Ok(out)
}

impl Reviewed {
    /// What is kept of it in the turn.
    pub(super) fn events(&self, ws: &Workspace) -> Vec<Event> {
        let now = ws.now();
        let refused = self.refused.iter().map(|refused| {
            let Refused { path, diff, reason } = refused;
            Event::new(now, "refused").with("path", path).with("diff", diff).with("why", reason.as_deref().unwrap_or_default())
        });
        let (taken, edited) = (self.taken, self.edited);
        let all = Event::new(now, "review").with("taken", taken).with("edited", edited).with("refused", self.refused.len());
        std::iter::once(all).chain(refused).collect()
    }

    /// What was refused with a reason.
    pub(super) fn for_model(&self, ws: &Workspace) -> Vec<RefusedHunk> {
        let clean = |text: &str| ws.redactor.redact(text).into_owned();
        let hunk = |refused: &Refused| {
            let reason = clean(refused.reason.as_deref()?);
            Some(RefusedHunk { path: refused.path.to_string(), reason, diff: clean(&refused.diff) })
        };
        self.refused.iter().filter_map(hunk).collect()
    }

    fn refuse(&mut self, shown: Shown<'_>, reason: Option<String>) -> Decided {
        self.refused.push(Refused { path: shown.path.clone(), diff: shown.diff, reason });
        Decided::Refused
    }

    fn take(&mut self, own: Option<Vec<u8>>) -> Decided {
        self.edited += usize::from(own.is_some());
        own.map_or(Decided::Taken, Decided::Instead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives these decisions in order and keeps what it was shown.
    struct Script(Vec<Decision>, Vec<String>);

    impl Reviewer for Script {
        fn decide<'a>(&'a mut self, shown: &'a Shown<'a>) -> Pin<Box<dyn Future<Output = io::Result<Decision>> + 'a>> {
            self.1.push(shown.diff.clone());
            let next = self.0.remove(0);
            Box::pin(std::future::ready(Ok(next)))
        }
    }

    fn state(text: &str) -> FileState {
        FileState { mode: crate::base::change::FileMode::Regular, bytes: text.into() }
    }

    fn path(name: &str) -> RepoPath {
        RepoPath::new(name).expect("a path")
    }

    fn reviewed(files: &[(&str, Option<&str>, Option<&str>)], decisions: &[Decision]) -> (Reviewed, Vec<String>) {
        let mut changes = ChangeSet::default();
        for (name, before, after) in files {
            changes.record(path(name), before.map(state), after.map(state));
        }
        let mut script = Script(decisions.to_vec(), Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let out = runtime.block_on(review(&changes, &mut script)).expect("no errors");
        (out, script.1)
    }

    fn text(reviewed: &Reviewed, name: &str) -> Option<String> {
        let change = reviewed.changes.get(&path(name))?;
        change.after.as_ref().map(|s| String::from_utf8_lossy(&s.bytes).into_owned())
    }

    const TEN: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
    const FAR: &str = "1\nTWO\n3\n4\n5\n6\n7\n8\n9\n10\nELEVEN\n12";

    #[test]
    fn each_hunk_is_shown_as_in_a_diff_and_lands_alone() {
        let files = [("a", Some(TEN), Some(FAR))];
        let (out, shown) = reviewed(&files, &[Decision::Refuse(Some("no".to_owned())), Decision::Take]);
        assert_eq!(
            shown,
            [
                "@@ -1,5 +1,5 @@\n 1\n-2\n+TWO\n 3\n 4\n 5\n",
                "@@ -8,5 +8,5 @@\n 8\n 9\n 10\n-11\n-12\n+ELEVEN\n+12\n\\ No newline at end of file\n"
            ]
        );
        assert_eq!(text(&out, "a").as_deref(), Some("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\nELEVEN\n12"));
        assert_eq!((out.taken, out.refused[0].reason.as_deref()), (1, Some("no")));
    }

    #[test]
    fn own_lines_are_shown_and_asked_about_until_they_are_decided() {
        let files = [("a", Some(TEN), Some(FAR))];
        let own = |text: &str| Decision::Instead(text.as_bytes().to_vec());
        let (out, shown) = reviewed(&files, &[own("zwei"), own("two\n\n"), Decision::Take, Decision::RefuseAll]);
        assert_eq!(
            shown[..3],
            [
                "@@ -1,5 +1,5 @@\n 1\n-2\n+TWO\n 3\n 4\n 5\n",
                "@@ -1,5 +1,5 @@\n 1\n-2\n+zwei\n 3\n 4\n 5\n",
                "@@ -1,5 +1,6 @@\n 1\n-2\n+two\n+\n 3\n 4\n 5\n"
            ]
        );
        assert_eq!(text(&out, "a"), Some(TEN.replace("2\n3\n", "two\n\n3\n")));
        assert_eq!((out.taken, out.edited), (1, 1));
        // The model's own change is the one that is refused, and nothing is left of the user's.
        let (out, shown) = reviewed(&files, &[own("zwei"), Decision::Refuse(Some("no".to_owned())), Decision::RefuseAll]);
        assert_eq!((out.changes, out.refused[0].diff.as_str()), (ChangeSet::default(), shown[0].as_str()));
        // The model's lines again are no lines of the user's.
        let (out, shown) = reviewed(&files, &[own("zwei"), own("TWO\n"), Decision::TakeAll]);
        assert_eq!((text(&out, "a").as_deref(), out.taken, out.edited, &shown[2]), (Some(FAR), 2, 0, &shown[0]));
        // As the file is: nothing differs.
        let (out, shown) = reviewed(&files, &[own("2\n"), Decision::TakeAll]);
        assert_eq!(shown[1], "@@ -1,5 +1,5 @@\n 1\n 2\n 3\n 4\n 5\n");
        assert_eq!(text(&out, "a"), Some(FAR.replace("TWO", "2")));
        let new = [("n", None, Some("one\ntwo\n"))];
        let (out, shown) = reviewed(&new, &[own("one"), Decision::Take]);
        assert_eq!(
            (shown[1].as_str(), text(&out, "n").as_deref()),
            ("@@ -0,0 +1,1 @@\n+one\n\\ No newline at end of file\n", Some("one"))
        );
    }

    #[test]
    fn all_or_nothing_from_here_on() {
        let files = [("a", Some(TEN), Some(FAR)), ("b", None, Some("new\n")), ("c", Some("old\n"), None)];
        let (out, shown) = reviewed(&files, &[Decision::Refuse(None), Decision::TakeAll]);
        assert_eq!((shown.len(), out.changes.len(), out.taken, out.refused.len()), (2, 3, 3, 1));
        let (out, _) = reviewed(&files, &[Decision::RefuseAll]);
        assert_eq!((out.changes, out.refused.len()), (ChangeSet::default(), 4));
        let decisions = [Decision::Refuse(None), Decision::Refuse(None), Decision::Take, Decision::Take];
        let (out, shown) = reviewed(&files, &decisions);
        assert_eq!(shown[2..], ["@@ -0,0 +1,1 @@\n+new\n", "@@ -1,1 +0,0 @@\n-old\n"]);
        assert_eq!(out.changes.iter().map(|(p, _)| p.to_string()).collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn what_has_no_lines_is_one_change() {
        let (out, shown) = reviewed(&[("a", None, Some("")), ("b", Some("x\0"), None)], &[Decision::Take, Decision::Take]);
        assert_eq!((shown, out.changes.len()), (vec!["@@ -0,0 +0,0 @@\n".to_owned(), String::new()], 2));
    }

    proptest::proptest! {
        #[test]
        fn taking_all_gives_the_edit_and_refusing_all_nothing(old in "([abc]\n){0,30}[ab]?", new in "([abc]\n){0,30}[ab]?") {
            let take = vec![Decision::Take; 40];
            let (out, shown) = reviewed(&[("a", Some(&old), Some(&new))], &take);
            if old != new {
                proptest::prop_assert_eq!(text(&out, "a"), Some(new.clone()));
                // The hunks are a diff that says so.
                let signed = |sign: char| shown.iter().flat_map(|d| d.lines()).filter(|l| l.starts_with(sign)).count();
                let counts = FileChange { before: Some(state(&old)), after: Some(state(&new)) }.line_counts();
                proptest::prop_assert_eq!((signed('+') as u64, signed('-') as u64), (counts.added, counts.removed));
            }
            let (out, _) = reviewed(&[("a", Some(&old), Some(&new))], &vec![Decision::Refuse(None); 40]);
            proptest::prop_assert_eq!(out.changes.len(), 0);
        }
    }
}
