//! Answer → plan, line by line as it arrives.
//!
//! A line is acted on once it is complete, so the plan cannot depend on how the answer was cut into chunks. Where it is no
//! longer certain what is content and what is not, reading stops: what follows could be an example inside a file.

use std::collections::BTreeMap;

use crate::base::path::RepoPath;
use crate::base::text::subject;

use super::EditFormat;
use super::block::{Block, Step};
use super::label::Known;
use super::marker::{self, Directive, Fence, Marker};
use super::plan::{Edit, EditPlan, IssueKind, Op, ParseEvent, ParseIssue};
use super::whole::Whole;

/// Columns of a commit subject.
const SUBJECT: usize = 100;

/// The most edits and issues of one answer. What a model means to do fits many times over; a million of them could each be a
/// file to sync, and keep the user waiting for hours.
const MOST: usize = 50_000;

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
    /// The path that the last block named.
    last: Option<String>,
    /// Sentences since the last block.
    since: Vec<String>,
    /// The last edit, when it is a block that a stray marker would put in doubt.
    last_block: Option<usize>,
    /// By fence, the first edit that is a whole file in it: a further bare fence puts that one in doubt and all after it. A
    /// fence that is no shorter than an earlier file's is left out, so the next shorter one of a sign is the earliest.
    wholes: BTreeMap<(char, usize), usize>,
    /// The line before this one closed a whole file with the shortest fence.
    just_closed: bool,
    /// Where a whole-file answer had a fenced block that no path names.
    unnamed: Option<usize>,
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
    /// Nothing more is read.
    Lost,
}

/// What the lines above a block say about its file.
enum Names {
    Path(String),
    /// It stands where a whole file was announced.
    Whole(String),
    None,
    Several(String),
}

struct Open {
    sign: (char, usize),
    info: String,
    label: Option<Label>,
    /// Length of the prose before it.
    mark: usize,
    /// It holds blocks, so it is a part of the answer's form.
    edits: bool,
    /// It holds other text, so it is a quotation.
    quotes: bool,
}

struct Label {
    text: String,
    /// Blank lines since.
    blanks: usize,
    /// Length of the prose before it.
    mark: usize,
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
            last: None,
            since: Vec::new(),
            last_block: None,
            wholes: BTreeMap::new(),
            unnamed: None,
            just_closed: false,
        }
    }

    /// Takes the next piece and reports the edits that it closed.
    pub fn feed(&mut self, chunk: &str) -> Vec<ParseEvent> {
        let mut events = Vec::new();
        let mut rest = chunk;
        while let Some((head, tail)) = rest.split_once('\n') {
            let mut line = std::mem::take(&mut self.partial);
            line.push_str(head);
            rest = tail;
            self.line(&line, &mut events);
        }
        self.partial.push_str(rest);
        events
    }

    /// Ends the answer; `complete` is whether the model had finished.
    pub fn finish(mut self, complete: bool) -> EditPlan {
        let rest = std::mem::take(&mut self.partial);
        if !rest.is_empty() {
            // In a cut answer the last line may be the beginning of another one: a bare fence may be one with a language.
            if complete || !matches!(self.state, State::Whole { .. }) {
                self.line(&rest, &mut Vec::new());
            }
        }
        match std::mem::replace(&mut self.state, State::Lost) {
            State::Outside | State::Lost => {}
            State::Header { line, path } => {
                self.issue(line, if complete { IssueKind::NoFence } else { IssueKind::Cut }, Some(path), "");
            }
            State::Block { line, names, block } => self.issue(line, IssueKind::Cut, names.shown(), &block.source),
            State::Whole { line, path, whole, .. } => self.issue(line, IssueKind::Cut, Some(path), &whole.source),
        }
        if let Some(line) = self.unnamed.filter(|_| self.plan.edits.is_empty() && self.plan.issues.is_empty()) {
            self.issue(line, IssueKind::Unnamed, None, "");
        }
        self.plan.complete = complete;
        self.plan
    }

    fn line(&mut self, raw: &str, events: &mut Vec<ParseEvent>) {
        self.at += 1;
        match std::mem::replace(&mut self.state, State::Outside) {
            State::Lost => self.state = State::Lost,
            State::Outside => self.outside(raw, events),
            State::Header { line, path } => self.after_header(raw, line, path),
            State::Block { line, names, mut block } => match block.line(raw) {
                Step::More => self.state = State::Block { line, names, block },
                Step::Lost(kind) => self.lost(line, kind, names.shown(), &block.source),
                Step::Done(op) => self.close_block(line, names, op, block.source, events),
            },
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
                        self.push(path, op, whole.source, events);
                    }
                }
            }
        }
    }

    fn outside(&mut self, raw: &str, events: &mut Vec<ParseEvent>) {
        // A bare fence that begins a block inside the file has that block's text on the next line.
        if std::mem::take(&mut self.just_closed) && !raw.trim().is_empty() && marker::directive(raw).is_none() {
            return self.doubt(self.plan.edits.len() - 1);
        }
        if let Some(head) = marker::head(raw) {
            let names = self.names();
            return self.open_block(raw, head, names);
        }
        if marker::end(raw).is_some() {
            let taken = self.last_block.take().map(|at| self.plan.edits.remove(at));
            let (path, source) = taken.map_or((None, raw.to_owned()), |edit| (Some(edit.path_text()), edit.source));
            return self.lost(self.at, IssueKind::StrayEnd, path, &source);
        }
        if let Some(directive) = marker::directive(raw) {
            return self.directive(raw, directive, events);
        }
        match marker::fence(raw) {
            Some(fence) => self.fence_line(raw, fence),
            None => self.text(raw),
        }
    }

    fn directive(&mut self, raw: &str, directive: Directive<'_>, events: &mut Vec<ParseEvent>) {
        // Inside a fence a directive may be a quotation, and then where the fence of its file ends is anybody's guess.
        if let Some(open) = &self.fence
            && !open.edits
        {
            match directive {
                Directive::Delete(_) | Directive::Commit(_) if !open.quotes => {}
                Directive::Commit(_) => return self.prose(raw),
                Directive::Delete(path) | Directive::File(path) => {
                    return self.issue(self.at, IssueKind::Quoted, Some(path.to_owned()), raw);
                }
            }
        }
        self.label = None;
        match directive {
            Directive::Commit(text) => self.plan.message = subject(text, SUBJECT),
            Directive::Delete(path) => {
                self.last_block = None;
                self.push(unquoted(path), Op::Delete, raw.trim_end().to_owned(), events);
            }
            Directive::File(path) => {
                self.fence = None;
                self.state = State::Header { line: self.at, path: unquoted(path) };
            }
        }
    }

    fn after_header(&mut self, raw: &str, line: usize, path: String) {
        let mark = self.plan.prose.len();
        if raw.trim().is_empty() {
            self.state = State::Header { line, path };
        } else if let Some(fence) = marker::fence(raw) {
            self.state = State::Whole { line, path, mark, whole: Whole::open(raw, fence) };
        } else if let Some(head) = marker::head(raw) {
            self.open_block(raw, head, Names::Path(path));
        } else {
            self.lost(line, IssueKind::NoFence, Some(path), raw);
        }
    }

    fn fence_line(&mut self, raw: &str, fence: Fence<'_>) {
        if let Some(open) = &mut self.fence {
            if fence.info.is_empty() && fence.reaches(open.sign) {
                let open = self.fence.take();
                if !open.is_some_and(|open| open.edits) {
                    self.prose(raw);
                }
                self.label = None;
                return;
            }
            if !open.edits {
                open.quotes = true;
                return self.prose(raw);
            }
            // The model forgot to close the fence around its blocks.
            self.fence = None;
        }
        // A file that holds a bare fence as wide as its own was closed too early, and its own last fence is left over.
        if fence.info.is_empty()
            && let Some(at) = self.doubtful((fence.sign, fence.width))
        {
            return self.doubt(at);
        }
        let label = self.label.take().filter(|label| label.blanks <= 1);
        if self.format == EditFormat::WholeFile {
            let above = label.as_ref().and_then(|label| Some((self.known.path_line(&label.text)?, label.mark)));
            let info = self.known.path_in_info(fence.info).map(|path| (path, self.plan.prose.len()));
            if let Some((path, mark)) = info.or(above) {
                self.state = State::Whole { line: self.at, path, mark, whole: Whole::open(raw, fence) };
                return;
            }
            self.unnamed.get_or_insert(self.at);
        }
        let (sign, info) = ((fence.sign, fence.width), fence.info.to_owned());
        self.fence = Some(Open { sign, info, label, mark: self.plan.prose.len(), edits: false, quotes: false });
        self.prose(raw);
    }

    /// The first edit that is a whole file which this fence could end.
    fn doubtful(&self, (sign, width): (char, usize)) -> Option<usize> {
        self.wholes.range((sign, 0)..=(sign, width)).next_back().map(|(_, at)| *at)
    }

    /// Takes back the whole file that is edit `at`, and all after it.
    fn doubt(&mut self, at: usize) {
        let taken = self.plan.edits.split_off(at);
        if let Some(edit) = taken.first() {
            self.lost(self.at, IssueKind::UnclearFence, Some(edit.path_text()), &edit.source);
        }
    }

    fn text(&mut self, raw: &str) {
        if raw.trim().is_empty() {
            if let Some(label) = &mut self.label {
                label.blanks += 1;
            }
        } else {
            if let Some(open) = self.fence.as_mut().filter(|open| !open.edits) {
                // Only one line can be the path; what stands before it inside the fence is text too.
                open.quotes = open.quotes || self.label.is_some() || self.known.path_line(raw).is_none();
            }
            self.label = Some(Label { text: raw.to_owned(), blanks: 0, mark: self.plan.prose.len() });
            self.since.push(raw.to_owned());
        }
        self.prose(raw);
    }

    fn prose(&mut self, raw: &str) {
        self.plan.prose.push_str(raw.trim_end());
        self.plan.prose.push('\n');
    }

    /// What names the block that begins here. Takes the naming lines out of the prose.
    fn names(&mut self) -> Names {
        let mut found: Vec<String> = Vec::new();
        let mut mark = self.plan.prose.len();
        if let Some(label) = self.label.take().filter(|label| label.blanks <= 1)
            && let Some(path) = self.known.path_line(&label.text)
        {
            mark = label.mark;
            found.push(path);
        }
        if let Some(open) = self.fence.as_mut().filter(|open| !open.edits) {
            found.extend(self.known.path_in_info(&open.info));
            let above = open.label.as_ref().and_then(|label| self.known.path_line(&label.text));
            if !open.quotes {
                mark = open.label.as_ref().filter(|_| above.is_some()).map_or(open.mark, |label| label.mark);
            }
            found.extend(above);
        }
        self.plan.prose.truncate(mark);
        let Some(first) = found.first() else {
            return match &self.last {
                Some(last) if !self.since.iter().any(|said| self.known.mentions_other(said, last)) => Names::Path(last.clone()),
                _ => Names::None,
            };
        };
        let meant = self.known.resolve(first, false);
        if found.iter().any(|other| self.known.resolve(other, false).ok() != meant.as_ref().ok().cloned()) {
            return Names::Several(found.join(", "));
        }
        Names::Path(first.clone())
    }

    fn open_block(&mut self, raw: &str, head: Marker, names: Names) {
        if let Some(open) = &mut self.fence {
            open.edits = true;
        }
        self.state = State::Block { line: self.at, names, block: Block::open(raw, head) };
    }

    fn close_block(&mut self, line: usize, names: Names, op: Op, source: String, events: &mut Vec<ParseEvent>) {
        self.last_block = None;
        match names {
            // It may just as well be a new file whose text is such a block.
            Names::Whole(path) if matches!(&op, Op::Replace(replacement) if replacement.creates()) => {
                self.lost(line, IssueKind::UnclearFence, Some(path), &source);
            }
            Names::Path(path) | Names::Whole(path) => {
                self.last_block = Some(self.plan.edits.len());
                self.push(path, op, source, events);
            }
            Names::None => self.unnamed_block(line, IssueKind::NoPath, None, &source),
            Names::Several(paths) => self.unnamed_block(line, IssueKind::TwoPaths, Some(paths), &source),
        }
    }

    /// A block without a file; the next one does not inherit an older file either.
    fn unnamed_block(&mut self, line: usize, kind: IssueKind, paths: Option<String>, source: &str) {
        self.last = None;
        self.since.clear();
        self.issue(line, kind, paths, source);
    }

    fn push(&mut self, path: String, op: Op, source: String, events: &mut Vec<ParseEvent>) {
        // Only a search proves by its text that the completed path is the one that was meant.
        let proves = matches!(&op, Op::Replace(replacement) if !replacement.creates());
        let edit = Edit { path: self.known.resolve(&path, !proves), op, source };
        self.since.clear();
        self.label = None;
        if self.plan.edits.len() >= MOST {
            return self.lost(self.at, IssueKind::TooMany, Some(path), "");
        }
        self.last = Some(path);
        events.push(ParseEvent::Edit(edit.clone()));
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

impl Names {
    fn shown(&self) -> Option<String> {
        match self {
            Self::Path(path) | Self::Whole(path) | Self::Several(path) => Some(path.clone()),
            Self::None => None,
        }
    }
}

/// A directive's path without the quotes that models like to add.
fn unquoted(path: &str) -> String {
    path.trim_matches('`').trim().to_owned()
}
