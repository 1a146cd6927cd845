//! What is looked at when edits are there: the syntax of the files before they are written, and the user's own commands after.
//!
//! Invariants
//! - A command comes from the user's own configuration, a trusted project's or the command line, never from the model; it
//!   runs in the worktree's root, in a process group of its own, for a bounded time.
//! - No secret is in what it printed once it leaves this module.

mod select;
mod trim;

use std::time::Duration;

use crate::base::change::ChangeSet;
use crate::base::path::RepoPath;
use crate::base::text::byte_lines;
use crate::config::{CheckSettings, Config, ConfigError, duration_text};
use crate::process::Spec;
use crate::process::bounded::{Ended, Kept, Limits};
use crate::project::syntax::{self, SyntaxError};
use crate::prompt::{BrokenPlace, FailedCheck};
use crate::session::event::Event;

use super::Error;
use super::workspace::Workspace;
use select::Command;

/// What is wrong with the settings of checks.
pub(super) fn wrong_setting(config: &Config) -> Option<ConfigError> {
    let CheckSettings { lint, test, .. } = &config.settings().check;
    [("check.lint", lint), ("check.test", test)].into_iter().find_map(|(key, entries)| {
        let word = entries.iter().find_map(|entry| select::unknown_language(entry))?;
        let problem = format!("{word:?} is no language that is known, nor a pattern such as \"*.py\"");
        Some(ConfigError::BadValue { origin: config.get(key)?.origin.clone(), key: key.to_owned(), problem })
    })
}

/// How much of a command's output is kept and given to the model, in bytes.
const MOST: usize = 12 << 10;

/// How much of its beginning is looked at; of the end of a longer one, [`Kept`] has a part too.
const READ: usize = 1 << 20;

/// How many places with broken syntax are told in one exchange.
const MOST_PLACES: usize = 6;

/// The lines around such a place that the model is shown.
const AROUND: usize = 5;

/// A place where an edit newly breaks the syntax of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub path: RepoPath,
    pub error: SyntaxError,
    excerpt: String,
    from: usize,
}

impl Broken {
    /// For a person.
    pub fn line(&self) -> String {
        let SyntaxError { line, column, what, .. } = &self.error;
        format!("{}:{line}:{column}: {what}", self.path)
    }

    pub(super) fn for_model(&self) -> BrokenPlace {
        let SyntaxError { line, column, ref what, .. } = self.error;
        let (path, what) = (self.path.to_string(), what.clone());
        BrokenPlace { path, line, column, what, excerpt: self.excerpt.clone(), from: self.from }
    }

    pub(super) fn event(&self, ws: &Workspace) -> Event {
        let SyntaxError { line, column, what, .. } = &self.error;
        Event::new(ws.now(), "syntax").with("path", &self.path).with("line", line).with("column", column).with("what", what)
    }
}

/// The places where these changes newly break the syntax of a file, if the user wants to know (`check.syntax`).
pub(super) fn broken_if_asked(ws: &Workspace, changes: &ChangeSet) -> Vec<Broken> {
    if ws.config.settings().check.syntax { broken(changes) } else { Vec::new() }
}

/// The places where these changes newly break the syntax of a file, the first few.
fn broken(changes: &ChangeSet) -> Vec<Broken> {
    let mut out = Vec::new();
    for (path, change) in changes.iter() {
        let Some(after) = &change.after else { continue };
        for error in syntax::newly_broken(path, change.before.as_ref().map(|s| &s.bytes[..]), &after.bytes) {
            let lines = byte_lines(&after.bytes);
            let from = error.line.saturating_sub(AROUND + 1);
            let shown = lines[from.min(lines.len())..lines.len().min(error.line + AROUND)].concat();
            let excerpt = String::from_utf8_lossy(&shown).into_owned();
            out.push(Broken { path: path.clone(), error, excerpt, from: from + 1 });
        }
    }
    out.truncate(MOST_PLACES);
    out
}

/// The two kinds of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Lint,
    Test,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Test => "test",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Code(i32),
    Signal,
    TimedOut(Duration),
    /// There is no such program, or it cannot be started.
    NotRun(String),
}

/// A check that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub kind: Kind,
    /// As the user wrote it.
    pub command: String,
    pub verdict: Verdict,
    /// How long it took.
    pub millis: i64,
    /// What it printed, cut down to what matters.
    pub output: String,
}

impl Checked {
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Passed
    }

    /// The stored word.
    pub fn status(&self) -> String {
        match &self.verdict {
            Verdict::Passed => "0".to_owned(),
            Verdict::Code(code) => code.to_string(),
            Verdict::Signal => "signal".to_owned(),
            Verdict::TimedOut(_) => "timed-out".to_owned(),
            Verdict::NotRun(_) => "not-run".to_owned(),
        }
    }

    /// The end of a sentence that begins with the command.
    pub fn how(&self) -> String {
        match &self.verdict {
            Verdict::Passed => "passed".to_owned(),
            Verdict::Code(code) => format!("failed with exit status {code}"),
            Verdict::Signal => "was ended by a signal".to_owned(),
            Verdict::TimedOut(time) => format!("did not end within {} and was stopped", duration_text(*time)),
            Verdict::NotRun(why) => format!("could not be run: {why}"),
        }
    }

    /// Whether a model could do something about it.
    pub fn can_be_mended(&self) -> bool {
        matches!(self.verdict, Verdict::Code(_) | Verdict::Signal | Verdict::TimedOut(_))
    }

    pub(super) fn for_model(&self) -> FailedCheck {
        FailedCheck { command: self.command.clone(), how: self.how(), output: self.output.clone(), lint: self.kind == Kind::Lint }
    }

    pub(super) fn event(&self, ws: &Workspace) -> Event {
        Event::new(ws.now(), "check")
            .with("kind", self.kind.as_str())
            .with("command", &self.command)
            .with("status", self.status())
            .with("how", self.how())
            .with("millis", self.millis)
            .with("output", &self.output)
    }
}

/// One command, and the files that it gets.
pub(super) struct Job {
    kind: Kind,
    command: Command,
    files: Vec<RepoPath>,
}

/// The commands of a kind that have to do with these changes.
pub(super) fn jobs(settings: &CheckSettings, kind: Kind, changes: &ChangeSet) -> Vec<Job> {
    let entries = if kind == Kind::Lint { &settings.lint } else { &settings.test };
    let changed: Vec<(&RepoPath, bool)> = changes.iter().map(|(path, change)| (path, change.after.is_some())).collect();
    let job = |entry: &String| {
        let command = Command::parse(entry);
        let files = command.files(&changed, kind == Kind::Lint)?.into_iter().cloned().collect();
        Some(Job { kind, command, files })
    };
    entries.iter().filter_map(job).collect()
}

impl Job {
    /// The command, without secrets.
    pub(super) fn shown(&self, ws: &Workspace) -> String {
        ws.redactor.redact(&self.command.line).into_owned()
    }

    /// Runs it to its end. Dropping the future ends it with all that it started.
    pub(super) async fn run(&self, ws: &Workspace) -> Result<Checked, Error> {
        if let Err(why) = ws.config.may_run(&[&format!("check.{}", self.kind.as_str())])? {
            let (verdict, output) = (Verdict::NotRun(why), String::new());
            return Ok(Checked { kind: self.kind, command: self.shown(ws), verdict, millis: 0, output });
        }
        let settings = &ws.config.settings().check;
        let files: Vec<&RepoPath> = self.files.iter().collect();
        let spec = Spec::new("sh").args(self.command.arguments(&files, self.kind == Kind::Lint));
        let spec = spec.directory(&ws.backend.layout().root);
        let begun = ws.now();
        let ran = spec.run_bounded(Limits { time: settings.timeout, output: READ }).await;
        let millis = ws.now().millis() - begun.millis();
        let (verdict, output) = match ran {
            Err(error) => (Verdict::NotRun(error.to_string()), String::new()),
            Ok(ran) => {
                // Secrets first: a cut could leave a part of one that nobody knows again.
                let output = trim::trimmed(&ws.redactor.redact_bytes(&whole_lines(ran.stdout)), MOST);
                let verdict = match ran.ended {
                    Ended::Code(0) => Verdict::Passed,
                    // What a shell says of a program that it does not find or may not start.
                    Ended::Code(126 | 127) => Verdict::NotRun(output.lines().last().unwrap_or("no such program").to_owned()),
                    Ended::Code(code) => Verdict::Code(code),
                    Ended::Signal => Verdict::Signal,
                    Ended::TimedOut => Verdict::TimedOut(settings.timeout),
                };
                (verdict, output)
            }
        };
        Ok(Checked { kind: self.kind, command: self.shown(ws), verdict, millis, output })
    }
}

/// What is kept of an output. Where its middle is missing, so are the rests of the two lines around: one of them could be a
/// part of a secret.
fn whole_lines(kept: Kept) -> Vec<u8> {
    let Kept { mut bytes, dropped, tail } = kept;
    let lost = dropped.saturating_sub(tail.len() as u64);
    if lost == 0 {
        bytes.extend_from_slice(&tail);
        return bytes;
    }
    bytes.truncate(bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
    bytes.extend_from_slice(format!("[about {lost} bytes left out here]\n").as_bytes());
    bytes.extend(tail.into_iter().skip_while(|b| *b != b'\n').skip(1));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_middle_is_missing_no_part_of_a_line_is_left() {
        let kept = |dropped| Kept { bytes: b"one\ntok-4f9".to_vec(), dropped, tail: b"a8b7c\nlast\n".to_vec() };
        assert_eq!(whole_lines(kept(11)), b"one\ntok-4f9a8b7c\nlast\n");
        assert_eq!(whole_lines(kept(1011)), b"one\n[about 1000 bytes left out here]\nlast\n");
    }
}
