//! Answers of a model, made for the files as they are.
//!
//! Invariants
//! - What an answer makes of a file is said here from the documented rules, not asked of the program.

use std::collections::{BTreeMap, BTreeSet};

use super::reference::{Delta, Deltas, Files, shared};
use super::sim::{Outcome, Sim};
use super::state::{File, State};
use super::{Edit, How};

/// An answer, and what it does when all of it is applied.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) deltas: Deltas,
    /// The files after it.
    files: BTreeMap<String, Option<Vec<u8>>>,
}

impl Answer {
    /// Whether the files that it edits, or those that changed, have the bytes that it asks for.
    pub(super) fn is_exactly(&self, before: &State, after: &State, files: Files) -> Outcome<()> {
        for (path, bytes) in &self.files {
            let now = after.place(path).worktree;
            let must = files == Files::Changed || now != before.place(path).worktree;
            if must && now.as_ref().map(|f| &f.bytes) != bytes.as_ref() {
                return Err(format!(
                    "{path} has not the bytes of the answer, but {:?}",
                    now.map(|f| String::from_utf8_lossy(&f.bytes).into_owned())
                ));
            }
        }
        Ok(())
    }
}

impl Sim {
    /// An answer whose edits fit the files as they are.
    pub(super) fn answer(&mut self, state: &State, edits: &[Edit], only: Option<bool>) -> Answer {
        let texts: Vec<String> = state
            .texts()
            .into_iter()
            .enumerate()
            .filter(|(n, _)| only.is_none_or(|even| (n % 2 == 0) == even))
            .map(|(_, p)| p)
            .collect();
        let token = self.line("answer");
        let mut answer = Answer { text: format!("{token}\n"), deltas: Deltas::new(), files: BTreeMap::new() };
        let mut seen = BTreeSet::new();
        for edit in edits {
            let path = match edit {
                Edit::Create { name } => Some(format!("new/{}{name}.txt", if only == Some(true) { "even" } else { "" })),
                Edit::Lines { file, .. } | Edit::Delete { file } => texts.get(usize::from(*file) % texts.len().max(1)).cloned(),
            };
            let Some(path) = path.filter(|path| seen.insert(path.clone())) else { continue };
            let now = state.place(&path).worktree;
            let line = self.line("model");
            let (said, then) = match (edit, &now) {
                (Edit::Create { .. }, None) => (block(&path, "", &line), Some(line.clone())),
                (Edit::Delete { .. }, Some(_)) => (format!("=== DELETE: {path} ===\n\n"), None),
                (Edit::Lines { at, how, .. }, Some(file)) => {
                    let text = String::from_utf8_lossy(&file.bytes).into_owned();
                    let Some((said, then)) = edited(&path, &text, *at, *how, &line) else { continue };
                    (said, Some(then))
                }
                _ => continue,
            };
            let mode = now.as_ref().map_or("100644", |f| &f.mode).to_owned();
            let then = then.map(|text| File { mode, bytes: text.into_bytes() });
            answer.files.insert(path.clone(), then.as_ref().map(|f| f.bytes.clone()));
            answer.deltas.insert(path, Delta::between(now.as_ref(), then.as_ref()));
            answer.text += &said;
        }
        answer
    }
}

fn block(path: &str, search: &str, replace: &str) -> String {
    format!("{path}\n```\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n```\n\n")
}

/// An edit of a line as an answer says it, and the file after it: a line keeps its end, a new one gets the end that the
/// others have, and a last line without an end stays one.
fn edited(path: &str, text: &str, at: u8, how: How, line: &str) -> Option<(String, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let at = usize::from(at) % lines.len().max(1);
    let old = *lines.get(at)?;
    // What it looks for is there once.
    let (mut from, mut to) = (at, at + 1);
    while lines.windows(to - from).filter(|w| *w == &lines[from..to]).count() > 1 {
        if from > 0 { from -= 1 } else { to += 1 }
    }
    // Beside a line that stands several times comes another of the kind.
    let line = if shared(old) && how == How::Insert { old } else { line.trim_end() };
    let new = match how {
        How::Change => vec![line],
        How::Insert => vec![old, line],
        How::Delete => Vec::new(),
    };
    let plain = |lines: &[&str]| lines.iter().map(|l| format!("{l}\n")).collect::<Vec<_>>().concat();
    let said = block(path, &plain(&lines[from..to]), &plain(&[&lines[from..at], &new, &lines[at + 1..to]].concat()));
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let all = [&lines[..at], &new, &lines[at + 1..]].concat();
    let mut then = all.iter().map(|l| format!("{l}{end}")).collect::<Vec<_>>().concat();
    if !text.ends_with('\n') && !then.is_empty() {
        then.truncate(then.len() - end.len());
    }
    Some((said, then))
}
