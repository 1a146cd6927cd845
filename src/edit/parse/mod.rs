//! Answer → plan, line by line as it arrives.
//!
//! A line is acted on once it is complete, so the plan cannot depend on how the answer was cut into chunks. Where it is no
//! longer certain what is content and what is not, reading stops: what follows could be an example inside a file.
//!
//! This file decides which form a line belongs to; the forms read themselves, and `naming.rs` says which file a form is for.

use std::collections::BTreeMap;

use crate::base::path::RepoPath;

mod fences;
mod forms;
mod naming;

use super::EditFormat;
use super::block::{Block, Step};
use super::calls;
use super::diff::{self, Diff, Flow};
use super::guess::Guesses;
use super::label::Known;
use super::marker::{self, Marker};
use super::patch::{self, Patch};
use super::plan::{Edit, EditPlan, IssueKind, Op, ParseEvent, ParseIssue};
use super::tags::Tags;
use super::whole::Whole;
use naming::{Label, Names};

/// Columns of a commit subject.
const SUBJECT: usize = 100;

/// The most edits and issues of one answer. What a model means to do fits many times over; a million of them could each be a
/// file to sync, and keep the user waiting for hours.
const MOST: usize = 50_000;

/// How many bytes are read again at most, since they were no JSON.
const GONE_BACK_MAX: usize = 1 << 16;

/// Texts in another form inside a field, one in the other.
const NESTED: usize = 3;

/// Reads `text`, whole.
pub fn parse(format: EditFormat, known: &[RepoPath], text: &str, complete: bool) -> EditPlan {
    let mut parser = Parser::new(format, known);
    parser.feed(text);
    parser.finish(complete)
}

/// Reads an answer in pieces.
pub struct Parser {
    format: EditFormat,
    known: Known,
    plan: EditPlan,
    /// The last line, as far as it has arrived.
    partial: String,
    /// The number of the line being read, from 1.
    at: usize,
    state: State,
    /// The fence that encloses the current line, when it is no whole file.
    fence: Option<Open>,
    /// The nearest text above the current line that could name a file.
    label: Option<Label>,
    /// A path in a tag.
    tagged: Option<String>,
    /// The lines that named that path, taken out of the prose: they belong there if nothing follows that it is for.
    tagged_by: String,
    /// The last edit, when it is one in tags.
    tag_edit: Option<usize>,
    /// The path that the last block named.
    last: Option<String>,
    /// Where the prose since the last block begins.
    since: usize,
    /// The last edit, when it is a block that a stray marker would put in doubt.
    last_block: Option<usize>,
    /// By fence, the first edit that is a whole file in it: a further bare fence puts that one in doubt and all after it. A
    /// fence that is no shorter than an earlier file's is left out, so the next shorter one of a sign is the earliest.
    wholes: BTreeMap<(char, usize), usize>,
    /// The line before this one closed a whole file with the shortest fence.
    just_closed: bool,
    /// Where a whole-file answer had a fenced block that no path names.
    unnamed: Option<usize>,
    guesses: Guesses,
    nested: usize,
    /// The line being read ends with CRLF.
    crlf: bool,
    /// The first line that may begin JSON.
    json_from: usize,
    /// How many bytes were held for JSON in vain.
    gone_back: usize,
}

enum State {
    Outside,
    /// After `=== FILE: path ===`.
    Header {
        line: usize,
        path: String,
    },
    Block {
        line: usize,
        names: Names,
        block: Block,
    },
    Whole {
        line: usize,
        path: String,
        mark: usize,
        whole: Whole,
    },
    /// After a line `--- …`.
    MaybeDiff(String),
    Diff {
        line: usize,
        diff: Box<Diff>,
    },
    Patch {
        line: usize,
        patch: Box<Patch>,
    },
    Tags {
        line: usize,
        names: Names,
        tags: Box<Tags>,
    },
    /// JSON, up to where it closes.
    Json {
        line: usize,
        lines: calls::Lines,
    },
    /// JSON, up to this tag.
    Call {
        line: usize,
        text: String,
        end: &'static str,
    },
    /// Nothing more is read.
    Lost,
}

struct Open {
    sign: (char, usize),
    info: String,
    label: Option<Label>,
    /// Length of the prose before it.
    mark: usize,
    /// It holds edits, so it is a part of the answer's form.
    edits: bool,
    /// It holds other text, so it is a quotation.
    quotes: bool,
}

impl Open {
    /// Whether a diff in it can be meant. Among other text it is hardly, unless the fence says so.
    fn takes_diffs(&self) -> bool {
        let word = self.info.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let plain = ["", "text", "txt", "plaintext", "sh", "bash", "shell"].contains(&word);
        self.edits || ["diff", "patch", "udiff", "unified", "git"].contains(&word) || (plain && !self.quotes)
    }
}

impl Parser {
    /// `known` are the paths that the model may mean: the tracked ones and those it was shown.
    pub fn new(format: EditFormat, known: &[RepoPath]) -> Self {
        Self {
            format,
            known: Known::new(known),
            plan: EditPlan::default(),
            partial: String::new(),
            at: 0,
            state: State::Outside,
            fence: None,
            label: None,
            tagged: None,
            tagged_by: String::new(),
            tag_edit: None,
            last: None,
            since: 0,
            last_block: None,
            wholes: BTreeMap::new(),
            unnamed: None,
            just_closed: false,
            guesses: Guesses::default(),
            nested: 0,
            crlf: false,
            json_from: 0,
            gone_back: 0,
        }
    }

    /// The edits so far. Later text can still take one back.
    pub fn edits(&self) -> &[Edit] {
        &self.plan.edits
    }

    /// Takes the next piece and reports the edits that it closed.
    pub fn feed(&mut self, chunk: &str) -> Vec<ParseEvent> {
        let before = self.plan.edits.len();
        let mut rest = chunk;
        while let Some((head, tail)) = rest.split_once('\n') {
            rest = tail;
            if self.partial.is_empty() {
                self.line(head);
            } else {
                let mut line = std::mem::take(&mut self.partial);
                line.push_str(head);
                self.line(&line);
                line.clear();
                self.partial = line;
            }
        }
        self.partial.push_str(rest);
        (before..self.plan.edits.len()).map(ParseEvent::Edit).collect()
    }

    /// Ends the answer; `complete` is whether the model had finished.
    pub fn finish(mut self, complete: bool) -> EditPlan {
        let rest = std::mem::take(&mut self.partial);
        if !rest.is_empty() {
            // In a cut answer the last line may be the beginning of another one: a bare fence may be one with a language.
            if complete || !matches!(self.state, State::Whole { .. }) {
                self.line(&rest);
            }
        }
        self.end_state(complete);
        self.untag();
        if self.plan.edits.is_empty() && self.plan.issues.is_empty() {
            self.take_guesses();
        }
        if let Some(line) = self.unnamed.filter(|_| self.plan.edits.is_empty() && self.plan.issues.is_empty()) {
            self.issue(line, IssueKind::Unnamed, None, "");
        }
        self.plan.complete = complete;
        self.plan
    }

    fn end_state(&mut self, complete: bool) {
        match std::mem::replace(&mut self.state, State::Outside) {
            State::Outside => {}
            State::Lost => self.state = State::Lost,
            State::Header { line, path } => {
                self.issue(line, if complete { IssueKind::NoFence } else { IssueKind::Cut }, Some(path), "");
            }
            State::Block { line, names, block } => self.issue(line, IssueKind::Cut, names.shown(), &block.source),
            State::Whole { line, path, whole, .. } => self.issue(line, IssueKind::Cut, Some(path), &whole.source),
            State::Tags { line, names, tags } => self.issue(line, IssueKind::Cut, names.shown(), &tags.source),
            State::MaybeDiff(held) => self.text(&held),
            State::Diff { line, diff } if !complete => self.issue(line, IssueKind::Cut, diff.path(), ""),
            State::Diff { line, mut diff } => {
                diff.close_file(&self.known);
                self.take_made(line, &mut diff.made, diff.issue.take());
            }
            State::Patch { line, patch } if !complete => self.issue(line, IssueKind::Cut, patch.path(), ""),
            State::Patch { line, mut patch } => {
                patch.close();
                self.take_made(line, &mut patch.made, patch.issue.take());
            }
            State::Json { line, lines } if complete || !calls::looks_so(&lines.text) => {
                self.not_json(line, &lines.text, false);
                self.end_state(complete);
            }
            State::Json { line, lines: calls::Lines { text, .. } } | State::Call { line, text, .. } => {
                if !self.take_calls(line, &text) {
                    if !complete && calls::looks_so(&text) {
                        if let Some(part) = calls::complete_part(&text) {
                            self.take_calls(line, &part);
                        }
                        self.issue(line, IssueKind::Cut, None, &text);
                    }
                    self.plan.prose.push_str(&text);
                }
            }
        }
    }

    fn line(&mut self, raw: &str) {
        self.at += 1;
        self.crlf = raw.ends_with('\r');
        match &mut self.state {
            State::Outside => self.outside(raw),
            State::Lost => {}
            State::Block { block, .. } => match block.line(raw) {
                Step::More => {}
                step => {
                    if let State::Block { line, names, block } = std::mem::replace(&mut self.state, State::Outside) {
                        match step {
                            Step::Done(op) => self.close_block(line, names, op, block.source),
                            Step::Lost(kind) => self.lost(line, kind, names.shown(), &block.source),
                            Step::More => {}
                        }
                    }
                }
            },
            State::Diff { line, diff } => {
                let (line, flow) = (*line, diff.line(raw, &self.known));
                if !diff.made.is_empty() || diff.issue.is_some() {
                    let (mut made, issue) = (std::mem::take(&mut diff.made), diff.issue.take());
                    self.take_made(line, &mut made, issue);
                }
                if let Flow::Over(held) = flow {
                    self.end_state(true);
                    if let Some(held) = held {
                        self.text(&held);
                    }
                    self.outside(raw);
                }
            }
            State::Patch { line, patch } => {
                let (line, flow) = (*line, patch.line(raw, &self.known));
                let (mut made, issue) = (std::mem::take(&mut patch.made), patch.issue.take());
                self.take_made(line, &mut made, issue);
                if !matches!(flow, Flow::Taken) {
                    self.end_state(true);
                }
                if matches!(flow, Flow::Over(_)) {
                    self.outside(raw);
                }
            }
            State::Call { text, end, .. } => {
                if raw.trim() == *end {
                    return self.end_state(true);
                }
                text.push_str(raw);
                text.push('\n');
            }
            State::Json { .. } => self.json_line(raw),
            _ => self.rare(raw),
        }
    }

    /// The states of few lines.
    fn rare(&mut self, raw: &str) {
        match std::mem::replace(&mut self.state, State::Outside) {
            State::Header { line, path } => self.after_header(raw, line, path),
            State::MaybeDiff(held) => {
                if raw.starts_with("+++ ") {
                    let fenced = self.enter_diff();
                    self.state = State::Diff { line: self.at - 1, diff: Box::new(Diff::plain(&held, raw, fenced)) };
                } else {
                    self.text(&held);
                    self.outside(raw);
                }
            }
            State::Whole { line, path, mark, mut whole } => {
                if let Some(head) = marker::head(raw).filter(|_| whole.blank) {
                    self.fence =
                        Some(Open { sign: whole.fence, info: String::new(), label: None, mark, edits: false, quotes: false });
                    return self.open_block(raw, head, Names::Whole(path));
                }
                match whole.line(raw) {
                    Step::More => self.state = State::Whole { line, path, mark, whole },
                    Step::Lost(kind) => self.lost(line, kind, Some(path), &whole.source),
                    Step::Done(op) => {
                        if self.doubtful(whole.fence).is_none() {
                            self.wholes.insert(whole.fence, self.plan.edits.len());
                        }
                        self.just_closed = whole.fence.1 == 3;
                        self.last_block = None;
                        self.plan.prose.truncate(mark);
                        self.push(path, op, whole.source);
                    }
                }
            }
            State::Tags { line, names, mut tags } => {
                let step = tags.line(raw);
                self.tag_step(raw, line, names, tags, step);
            }
            other => self.state = other,
        }
    }

    fn outside(&mut self, raw: &str) {
        // A bare fence that begins a block inside the file has that block's text on the next line.
        if std::mem::take(&mut self.just_closed) && !raw.trim().is_empty() && marker::directive(raw).is_none() {
            return self.doubt(self.plan.edits.len() - 1);
        }
        self.guesses.line(
            raw,
            self.fence.as_ref().is_some_and(|open| !open.edits),
            self.plan.prose.len() + raw.trim_end().len() + 1,
        );
        match raw.trim_ascii_start().as_bytes().first() {
            Some(b'<' | b'-' | b'>' | b'+') if self.marker_line(raw) => {}
            Some(b'=') => match marker::directive(raw) {
                Some(directive) => self.directive(raw, directive),
                None => self.text(raw),
            },
            Some(b'`' | b'~') => match marker::fence(raw) {
                Some(fence) => self.fence_line(raw, fence),
                None => self.text(raw),
            },
            Some(b'*') if patch::begins(raw) && (self.fence.as_ref().is_none_or(Open::takes_diffs) || self.in_shell()) => {
                self.enter_diff();
                self.state = State::Patch { line: self.at, patch: Box::new(Patch::open(raw)) };
            }
            Some(b'd' | b'-') if diff::begins(raw) && self.fence.as_ref().is_none_or(Open::takes_diffs) => {
                if raw.starts_with('-') {
                    self.state = State::MaybeDiff(raw.to_owned());
                } else {
                    let fenced = self.enter_diff();
                    self.state = State::Diff { line: self.at, diff: Box::new(Diff::git(raw, fenced)) };
                }
            }
            Some(b'@') if raw.starts_with("@@") && self.bare_hunk(raw) => {}
            Some(b'+' | b'-' | b' ') if self.hunk_without_head(raw) => {}
            Some(b'<') if self.tag_line(raw) => {}
            Some(b'{' | b'[') if self.fence.is_none() && self.at >= self.json_from && calls::Lines::begins(raw) => {
                self.state = State::Json { line: self.at, lines: calls::Lines::default() };
                self.json_line(raw);
            }
            _ => self.text(raw),
        }
    }

    /// A line that begins or ends a block.
    fn marker_line(&mut self, raw: &str) -> bool {
        if let Some(head) = marker::head(raw) {
            let names = self.names();
            self.open_block(raw, head, names);
        } else if marker::end(raw).is_some() {
            let taken = self.last_block.take().map(|at| self.plan.edits.remove(at));
            let (path, source) = taken.map_or((None, raw.to_owned()), |edit| (Some(edit.path_text()), edit.source));
            self.lost(self.at, IssueKind::StrayEnd, path, &source);
        } else {
            return false;
        }
        true
    }

    fn text(&mut self, raw: &str) {
        if raw.trim_ascii_start().is_empty() {
            if let Some(label) = &mut self.label {
                label.blanks += 1;
            }
        } else {
            // A tag that names a file does so for what follows at once.
            if !raw.trim_start().starts_with('<') {
                self.untag();
            }
            if let Some(open) = self.fence.as_mut().filter(|open| !open.edits && !open.quotes) {
                // Only one line can be the path; what stands before it inside the fence is text too.
                open.quotes = self.label.is_some() || self.known.path_line(raw).is_none();
            }
            self.label = Some(Label { blanks: 0, mark: self.plan.prose.len() });
        }
        self.prose(raw);
    }

    fn prose(&mut self, raw: &str) {
        self.plan.prose.push_str(raw.trim_end());
        self.plan.prose.push('\n');
    }

    fn open_block(&mut self, raw: &str, head: Marker, names: Names) {
        if let Some(open) = &mut self.fence {
            open.edits = true;
        }
        self.state = State::Block { line: self.at, names, block: Block::open(raw, head) };
    }

    fn close_block(&mut self, line: usize, names: Names, op: Op, source: String) {
        self.last_block = None;
        match names {
            // It may just as well be a new file whose text is such a block.
            Names::Whole(path) if matches!(&op, Op::Replace(replacement) if replacement.creates()) => {
                self.lost(line, IssueKind::UnclearFence, Some(path), &source);
            }
            Names::Path(path) | Names::Whole(path) => {
                self.last_block = Some(self.plan.edits.len());
                self.push(path, op, source);
            }
            Names::None => self.unnamed_block(line, IssueKind::NoPath, None, &source),
            Names::Several(paths) => self.unnamed_block(line, IssueKind::TwoPaths, Some(paths), &source),
        }
    }

    /// A block without a file; the next one does not inherit an older file either.
    fn unnamed_block(&mut self, line: usize, kind: IssueKind, paths: Option<String>, source: &str) {
        self.last = None;
        self.since = self.plan.prose.len();
        self.issue(line, kind, paths, source);
    }

    fn push(&mut self, path: String, op: Op, source: String) {
        // Only a search proves by its text that the completed path is the one that was meant.
        let proves = op.quotes();
        let edit = Edit { path: self.known.resolve(&path, !proves), op, source, crlf: self.crlf };
        // What follows may be about the file that this one makes.
        match (&edit.op, &edit.path) {
            (Op::Rename { to: Ok(made) }, _) => self.known.add(made),
            (Op::Write { .. } | Op::Replace(_), Ok(made)) if !proves => self.known.add(made),
            _ => {}
        }
        self.since = self.plan.prose.len();
        self.label = None;
        if self.plan.edits.len() >= MOST {
            return self.lost(self.at, IssueKind::TooMany, Some(path), "");
        }
        self.last = Some(path);
        self.plan.edits.push(edit);
    }

    fn issue(&mut self, line: usize, kind: IssueKind, path: Option<String>, source: &str) {
        if self.plan.issues.len() >= MOST {
            self.state = State::Lost;
            return;
        }
        self.plan.issues.push(ParseIssue { line, kind, path, source: source.to_owned() });
    }

    fn lost(&mut self, line: usize, kind: IssueKind, path: Option<String>, source: &str) {
        self.issue(line, kind, path, source);
        self.state = State::Lost;
    }
}

/// A directive's path without the quotes that models like to add.
fn unquoted(path: &str) -> String {
    path.trim_matches('`').trim().to_owned()
}
