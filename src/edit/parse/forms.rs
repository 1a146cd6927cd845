//! The forms other than blocks and whole files: where they begin, and what they bring.

use super::super::calls::{self, Call};

use super::super::diff::{Diff, Made};
use super::super::plan::{IssueKind, Op};
use super::super::tags::{self, Tag, Tags};
use super::{GONE_BACK_MAX, NESTED, Names, Parser, State};

/// Tags in front of each other on one line; more of them are no edit.
const TAGS_MAX: usize = 8;

impl Parser {
    /// The fence around a diff is a part of it; whether there is one.
    pub(super) fn enter_diff(&mut self) -> bool {
        self.last_block = None;
        let Some(open) = &mut self.fence else { return false };
        if !open.edits && !open.quotes && self.label.is_none() {
            self.plan.prose.truncate(open.mark);
        }
        open.edits = true;
        true
    }

    /// Behind the line of a shell that gives a patch to its program.
    pub(super) fn in_shell(&self) -> bool {
        self.label.is_some_and(|label| self.labelled(label).starts_with("apply_patch"))
    }

    /// A hunk in a fence for diffs, whose file other lines name.
    pub(super) fn bare_hunk(&mut self, raw: &str) -> bool {
        if !self.fence.as_ref().is_some_and(|open| (open.edits || !open.quotes) && open.takes_diffs()) {
            return false;
        }
        let names = self.names();
        self.enter_diff();
        match names {
            Names::Path(path) | Names::Whole(path) => {
                self.state = State::Diff { line: self.at, diff: Box::new(Diff::of(path, raw)) };
            }
            Names::None => self.lost(self.at, IssueKind::NoDiffPath, None, raw),
            Names::Several(paths) => self.lost(self.at, IssueKind::TwoPaths, Some(paths), raw),
        }
        true
    }

    /// The same without the line that begins a hunk, where the fence says that it is a diff, and the line above it of which file.
    pub(super) fn hunk_without_head(&mut self, raw: &str) -> bool {
        let Some(open) = self.fence.as_ref().filter(|open| !open.edits && !open.quotes) else { return false };
        let named = open.label.and_then(|label| self.known.path_line(self.labelled(label)));
        if !["diff", "patch"].contains(&open.info.as_str()) || named.is_none() || !self.bare_hunk("@@") {
            return false;
        }
        self.at -= 1;
        self.line(raw);
        true
    }

    pub(super) fn tag_line(&mut self, raw: &str) -> bool {
        self.tag_behind(raw, 0)
    }

    /// A line, or what is behind `depth` tags of one.
    fn tag_behind(&mut self, raw: &str, depth: usize) -> bool {
        if depth > TAGS_MAX {
            return false;
        }
        let depth = depth + 1;
        if self.fence.as_ref().is_some_and(|open| open.quotes || !open.takes_diffs() && open.info != "xml") {
            return false;
        }
        // Under a path it is the text of a file about such calls.
        if raw.trim_end() == "<tool_call>" && !self.guesses.in_file() {
            self.state = State::Call { line: self.at, text: String::new(), end: "</tool_call>" };
            return true;
        }
        match tags::read(raw) {
            None => return false,
            Some(Tag::Path(path, rest)) => {
                self.untag();
                self.tagged = Some(path);
                if !rest.trim().is_empty() && !self.tag_behind(rest, depth) {
                    self.text(rest);
                }
            }
            Some(Tag::Around(rest)) => return self.tag_behind(rest, depth),
            // What enclosed the edit before it had such an end in its text.
            Some(Tag::End) => match self.tag_edit.take() {
                Some(at) if at + 1 == self.plan.edits.len() => {
                    self.last_block = None;
                    let edit = self.plan.edits.remove(at);
                    self.issue(self.at, IssueKind::StrayTag, Some(edit.path_text()), &edit.source);
                }
                _ => return false,
            },
            Some(Tag::Open(word, path)) => {
                let (names, by) = if let Some(path) = path { (Names::Path(path), String::new()) } else { self.names_said() };
                if let Some(open) = &mut self.fence {
                    open.edits = true;
                }
                let (mut tags, step) = Tags::open(raw, word);
                tags.named_by = by;
                self.tag_step(raw, self.at, names, Box::new(tags), step);
            }
        }
        true
    }

    pub(super) fn tag_step(&mut self, raw: &str, line: usize, names: Names, tags: Box<Tags>, step: tags::Step) {
        match step {
            tags::Step::More => self.state = State::Tags { line, names, tags },
            tags::Step::Done(op) => {
                // Further edits in the same tag are for the same file.
                if let Names::Path(path) = &names {
                    self.last = Some(path.clone());
                }
                let before = self.plan.edits.len();
                let op = tags::unfenced(op, names.shown().as_deref());
                if tags::is_escaped(&op, names.shown().as_deref()) {
                    return self.issue(line, IssueKind::Escaped, names.shown(), &tags.source);
                }
                self.close_block(line, names, op, tags.source);
                self.tag_edit = (self.plan.edits.len() > before).then_some(before);
            }
            tags::Step::Container => {
                (self.tagged, self.tagged_by) = (names.shown(), tags.named_by);
                self.outside(raw);
            }
            tags::Step::Lost(kind) => self.lost(line, kind, names.shown(), &tags.source),
        }
    }

    pub(super) fn take_made(&mut self, line: usize, made: &mut Vec<Made>, issue: Option<(IssueKind, Option<String>, String)>) {
        for Made { path, op, source, crlf } in made.drain(..) {
            self.crlf = crlf;
            self.push(path, op, source);
        }
        if let Some((kind, path, source)) = issue {
            self.issue(line, kind, path, &source);
        }
    }

    /// Takes edits as JSON; whether there are any.
    pub(super) fn take_calls(&mut self, line: usize, text: &str) -> bool {
        let Some(found) = calls::read(text) else { return false };
        for call in found {
            match call {
                Call::Edit { path, op, source } => self.push(path, op, source),
                Call::Issue(why, path, source) => self.issue(line, IssueKind::Call(why), path, &source),
                Call::Text(text) if self.nested < NESTED => {
                    let mut inner = Self { nested: self.nested + 1, ..Self::new(self.format, &[]) };
                    std::mem::swap(&mut inner.known, &mut self.known);
                    inner.feed(&text);
                    if !inner.partial.is_empty() {
                        inner.feed("\n");
                    }
                    inner.end_state(true);
                    std::mem::swap(&mut inner.known, &mut self.known);
                    self.plan.edits.append(&mut inner.plan.edits);
                    self.plan.issues.append(&mut inner.plan.issues);
                }
                Call::Text(_) => {}
            }
        }
        true
    }

    /// A line of what may be JSON.
    pub(super) fn json_line(&mut self, raw: &str) {
        let State::Json { line, lines } = &mut self.state else { return };
        let (line, step) = (*line, lines.push(raw));
        if step == calls::Line::Inside {
            return;
        }
        let text = std::mem::take(&mut lines.text);
        self.state = State::Outside;
        if step == calls::Line::Foreign || !self.take_calls(line, &text) {
            self.not_json(line, &text, true);
        }
    }

    /// Lines that were held for JSON are read as any others; `more` if others follow.
    pub(super) fn not_json(&mut self, line: usize, text: &str, more: bool) {
        self.gone_back += text.len();
        // Going back again and again would cost more than the text is long.
        self.json_from = if self.gone_back < GONE_BACK_MAX && more { line + 1 } else { usize::MAX };
        self.at = line - 1;
        for raw in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            self.line(raw);
        }
    }

    /// What only looks like a file is taken for one if there is nothing else.
    pub(super) fn take_guesses(&mut self) {
        let guesses = std::mem::take(&mut self.guesses);
        if let Some((line, path, source)) = guesses.doubt() {
            let (path, source) = (path.to_owned(), source.to_owned());
            return self.issue(line, IssueKind::UnclearFence, Some(path), &source);
        }
        for (line, text) in guesses.calls {
            self.take_calls(line, &text);
        }
        let prose = std::mem::take(&mut self.plan.prose);
        let mut from = 0;
        for guess in &guesses.files {
            self.plan.prose.push_str(prose.get(from..guess.prose.start).unwrap_or_default());
            from = guess.prose.end.max(from);
        }
        self.plan.prose.push_str(prose.get(from..).unwrap_or_default());
        for guess in guesses.files {
            self.push(guess.path, Op::Write { content: guess.content, told: false }, guess.source);
        }
    }
}
