//! Patches between `*** Begin Patch` and `*** End Patch`.
//!
//! Between the two, everything is the patch's; without an end it goes on until its fence or the answer ends. As in other
//! diffs, a line without a sign is taken for one that stays.

use super::diff::{Flow, Made};
use super::label::Known;
use super::plan::{Hunk, IssueKind, Op, Replacement};

#[derive(Default)]
pub(super) struct Patch {
    crlf: bool,
    file: Option<File>,
    pub(super) made: Vec<Made>,
    pub(super) issue: Option<(IssueKind, Option<String>, String)>,
}

struct File {
    kind: Kind,
    path: String,
    head: String,
    hunk: Hunk,
    source: String,
    blanks: usize,
    /// A line of it cannot be read.
    bad: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Update,
    Add,
    Delete,
}

/// `*** Update File: path` and the like.
fn file(line: &str) -> Option<(Kind, &str)> {
    let rest = line.strip_prefix("*** ")?;
    let kinds = [("Update File:", Kind::Update), ("Add File:", Kind::Add), ("Delete File:", Kind::Delete)];
    kinds.into_iter().find_map(|(word, kind)| Some((kind, rest.strip_prefix(word)?.trim())))
}

/// Whether the line begins a patch.
pub(super) fn begins(line: &str) -> bool {
    let line = line.trim_end();
    line == "*** Begin Patch" || file(line).is_some()
}

impl Patch {
    pub(super) fn open(line: &str) -> Self {
        let mut patch = Self { crlf: line.ends_with('\r'), ..Self::default() };
        patch.begin(line.trim_end());
        patch
    }

    pub(super) fn path(&self) -> Option<String> {
        self.file.as_ref().map(|file| file.path.clone())
    }

    fn begin(&mut self, line: &str) {
        if let Some((kind, path)) = file(line) {
            let path = path.trim_matches('`').to_owned();
            let head = format!("{line}\n");
            let (hunk, source) = (Hunk::default(), String::new());
            self.file = Some(File { kind, path, head, hunk, source, blanks: 0, bad: false });
        }
    }

    pub(super) fn line(&mut self, raw: &str, known: &Known) -> Flow {
        let text = if self.crlf { raw.strip_suffix('\r').unwrap_or(raw) } else { raw };
        if text.trim_end() == "*** End Patch" {
            self.close();
            return Flow::Last;
        }
        if begins(text) {
            self.close();
            self.begin(text.trim_end());
            return Flow::Taken;
        }
        if text.starts_with("@@") && self.file.as_ref().is_some_and(|now| !now.hunk.body.is_empty()) {
            self.close_hunk();
        }
        let Some(now) = &mut self.file else {
            return if text.trim().is_empty() { Flow::Taken } else { Flow::Over(None) };
        };
        now.source.push_str(text);
        now.source.push('\n');
        if let Some(to) = text.strip_prefix("*** Move to:").map(str::trim).filter(|_| now.kind == Kind::Update) {
            now.head.push_str(&std::mem::take(&mut now.source));
            let path = std::mem::replace(&mut now.path, to.to_owned());
            self.made.push(Made {
                path,
                op: Op::Rename { to: known.resolve(to, true) },
                source: now.head.clone(),
                crlf: self.crlf,
            });
        } else if text.trim_end() == "*** End of File" {
            now.hunk.at_end = true;
        } else if text.starts_with("@@") && now.kind == Kind::Update {
            let scope = text[2..].trim().trim_end_matches("@@").trim_end();
            let numbers = scope.starts_with('-') && scope.contains(" +");
            if !scope.is_empty() && scope != "..." && !numbers {
                now.hunk.scopes.push(scope.to_owned());
            }
        } else {
            return self.content(text);
        }
        Flow::Taken
    }

    fn content(&mut self, text: &str) -> Flow {
        let Some(now) = &mut self.file else { return Flow::Over(None) };
        let line = match (now.kind, text.as_bytes().first()) {
            (_, None) => {
                now.blanks += 1;
                return Flow::Taken;
            }
            _ if text.starts_with("```") || text.starts_with("~~~") => return self.over(text),
            (Kind::Add, Some(b'+')) | (Kind::Update, Some(b' ' | b'+' | b'-')) => text.to_owned(),
            // The end of the shell's quotation that it may stand in.
            _ if now.hunk.body.ends_with('\n') && matches!(text.trim(), "EOF" | "PATCH" | "'EOF'" | "\"" | "'" | ")") => {
                return self.over(text);
            }
            (Kind::Update, Some(_)) if !text.starts_with("***") => format!(" {text}"),
            (Kind::Delete, Some(_)) => return self.over(text),
            _ => {
                now.bad = true;
                return Flow::Taken;
            }
        };
        let blank = if now.kind == Kind::Add { "+\n" } else { " \n" };
        for _ in 0..std::mem::take(&mut now.blanks) {
            now.hunk.body.push_str(blank);
        }
        now.hunk.body.push_str(&line);
        now.hunk.body.push('\n');
        Flow::Taken
    }

    fn over(&mut self, text: &str) -> Flow {
        if let Some(now) = &mut self.file {
            now.source.truncate(now.source.len().saturating_sub(text.len() + 1));
        }
        self.close();
        Flow::Over(None)
    }

    fn close_hunk(&mut self) {
        let Some(now) = &mut self.file else { return };
        let (hunk, source) = (std::mem::take(&mut now.hunk), std::mem::take(&mut now.source));
        now.blanks = 0;
        if hunk.body.is_empty() {
            return;
        }
        let source = format!("{}{source}", now.head);
        self.made.push(Made { path: now.path.clone(), op: Op::Hunk(hunk), source, crlf: self.crlf });
    }

    /// The file's part is at its end.
    pub(super) fn close(&mut self) {
        let Some(now) = &self.file else { return };
        if now.bad {
            self.issue = Some((IssueKind::Unprefixed, Some(now.path.clone()), format!("{}{}", now.head, now.source)));
            self.file = None;
            return;
        }
        match now.kind {
            Kind::Update => self.close_hunk(),
            Kind::Add => {
                let content: String = now.hunk.body.split_inclusive('\n').filter_map(|line| line.strip_prefix('+')).collect();
                let op = Op::Replace(Replacement::new("", &content));
                let op = if content.is_empty() { Op::Write { content, told: true } } else { op };
                self.made.push(Made { path: now.path.clone(), op, source: format!("{}{}", now.head, now.source), crlf: self.crlf });
            }
            Kind::Delete => {
                self.made.push(Made { path: now.path.clone(), op: Op::Delete, source: now.head.clone(), crlf: self.crlf });
            }
        }
        self.file = None;
    }
}
