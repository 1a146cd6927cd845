//! The inside of a SEARCH/REPLACE block.
//!
//! Between the markers a fence means nothing, and a marker with other white space before it than the block's first one is
//! content. Wide markers (8 or 9) must agree exactly, so that content may have the usual ones.

use std::ops::Range;

use super::marker::{self, Marker};
use super::plan::{IssueKind, Op, Replacement};

/// What became of a line inside a block.
pub(super) enum Step {
    /// The block goes on.
    More,
    /// It is whole.
    Done(Op),
    /// It can not be read, and where it ends is not known.
    Lost(IssueKind),
}

pub(super) struct Block {
    pub(super) source: String,
    head: Marker,
    /// The answer itself has CRLF line ends: they are the transport's, not the content's.
    crlf: bool,
    body: usize,
    /// The lines so far said where the search is.
    located: bool,
    dividers: Vec<(Range<usize>, usize)>,
}

impl Block {
    pub(super) fn open(line: &str, head: Marker) -> Self {
        let source = format!("{}\n", line.trim_end());
        Self { body: source.len(), source, head, crlf: line.ends_with('\r'), located: false, dividers: Vec::new() }
    }

    pub(super) fn line(&mut self, raw: &str) -> Step {
        let text = if self.crlf { raw.strip_suffix('\r').unwrap_or(raw) } else { raw };
        let start = self.source.len();
        self.source.push_str(text);
        self.source.push('\n');
        // What some programs put in front of the search: where it is, and a line of dashes.
        let said = [":start_line:", ":end_line:"].iter().any(|key| text.trim_start().starts_with(key));
        let dashes = self.located && text.trim().len() > 2 && text.trim().bytes().all(|byte| byte == b'-');
        if start == self.body && (said || dashes) {
            (self.body, self.located) = (self.source.len(), said);
            return Step::More;
        }
        if !marker::may_be(text) {
            return Step::More;
        }
        if let Some(end) = marker::end(text).filter(|m| self.head.owns(Some(*m))) {
            return self.close(start, end);
        }
        if self.head.owns(marker::head(text)) {
            return Step::Lost(IssueKind::NestedMarker);
        }
        if let Some(found) = marker::divider(text).filter(|m| self.head.owns(Some(*m))) {
            self.dividers.push((start - self.body..self.source.len() - self.body, found.width));
        }
        Step::More
    }

    fn close(&mut self, at: usize, end: Marker) -> Step {
        let mut dividers = std::mem::take(&mut self.dividers);
        // A model draws the three markers of a block equally wide, so a line of another width is content if it can be.
        if end.width == self.head.width && dividers.iter().any(|(_, width)| *width == end.width) {
            dividers.retain(|(_, width)| *width == end.width);
        }
        if dividers.is_empty() {
            return Step::Lost(IssueKind::NoDivider);
        }
        let body = self.source[self.body..at].to_owned();
        let dividers = dividers.into_iter().map(|(range, _)| range).collect();
        Step::Done(Op::Replace(Replacement::undivided(body, dividers, self.head)))
    }
}
