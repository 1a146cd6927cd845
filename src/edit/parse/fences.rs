//! Directives and fences: where whole files begin, and whether they ended where they seemed to.

use super::super::EditFormat;
use super::super::marker::{self, Directive, Fence};
use super::super::plan::{IssueKind, Op};
use super::super::whole::Whole;
use super::{Names, Open, Parser, SUBJECT, State, unquoted};
use crate::base::text::subject;

impl Parser {
    pub(super) fn directive(&mut self, raw: &str, directive: Directive<'_>) {
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
                self.push(unquoted(path), Op::Delete, raw.trim_end().to_owned());
            }
            Directive::File(path) => {
                self.fence = None;
                self.state = State::Header { line: self.at, path: unquoted(path) };
            }
        }
    }

    pub(super) fn after_header(&mut self, raw: &str, line: usize, path: String) {
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

    pub(super) fn fence_line(&mut self, raw: &str, fence: Fence<'_>) {
        if let Some(open) = &mut self.fence {
            if fence.info.is_empty() && fence.reaches(open.sign) {
                let open = self.fence.take();
                if !open.is_some_and(|open| open.edits) {
                    self.prose(raw);
                }
                self.label = None;
                self.untag();
                return;
            }
            if !open.edits {
                open.quotes = true;
                return self.prose(raw);
            }
            // The model forgot to close the fence around its edits.
            self.fence = None;
        }
        // A file that holds a bare fence as wide as its own was closed too early, and its own last fence is left over.
        if fence.info.is_empty()
            && let Some(at) = self.doubtful((fence.sign, fence.width))
        {
            return self.doubt(at);
        }
        let label = self.label.take().filter(|label| label.blanks <= 1);
        if matches!(self.format, EditFormat::WholeFile | EditFormat::Auto) {
            let above = label.and_then(|label| Some((self.known.path_line(self.labelled(label))?, label.mark)));
            let mark = self.plan.prose.len();
            let named = self.known.path_in_info(fence.info).map(|path| (path, mark)).or(above);
            let named = named.filter(|(path, _)| self.known.is_likely(path));
            if self.format == EditFormat::Auto {
                self.guesses.open(self.at, raw, fence, named);
            } else if let Some((path, mark)) = named {
                self.state = State::Whole { line: self.at, path, mark, whole: Whole::open(raw, fence) };
                return;
            } else {
                self.unnamed.get_or_insert(self.at);
            }
        }
        let (sign, info) = ((fence.sign, fence.width), fence.info.to_owned());
        self.fence = Some(Open { sign, info, label, mark: self.plan.prose.len(), edits: false, quotes: false });
        self.prose(raw);
    }

    /// The first edit that is a whole file which this fence could end.
    pub(super) fn doubtful(&self, (sign, width): (char, usize)) -> Option<usize> {
        self.wholes.range((sign, 0)..=(sign, width)).next_back().map(|(_, at)| *at)
    }

    /// Takes back the whole file that is edit `at`, and all after it.
    pub(super) fn doubt(&mut self, at: usize) {
        let taken = self.plan.edits.split_off(at);
        if let Some(edit) = taken.first() {
            self.lost(self.at, IssueKind::UnclearFence, Some(edit.path_text()), &edit.source);
        }
    }
}
