//! The inside of a fenced block that is a whole file.
//!
//! It ends at a line of at least as many signs without an info string. A line of as many signs *with* an info string opens
//! a block inside, and then nobody can tell whose end comes next: such a file is never written.

use super::block::Step;
use super::marker::{self, Fence};
use super::plan::{IssueKind, Op};

pub(super) struct Whole {
    pub(super) source: String,
    pub(super) fence: (char, usize),
    indent: usize,
    crlf: bool,
    content: usize,
    /// Nothing but blank lines has come yet.
    pub(super) blank: bool,
}

impl Whole {
    pub(super) fn open(line: &str, fence: Fence<'_>) -> Self {
        let source = format!("{}\n", line.trim_end());
        let (content, crlf) = (source.len(), line.ends_with('\r'));
        Self { content, source, fence: (fence.sign, fence.width), indent: fence.indent, crlf, blank: true }
    }

    pub(super) fn line(&mut self, raw: &str) -> Step {
        let text = if self.crlf { raw.strip_suffix('\r').unwrap_or(raw) } else { raw };
        let start = self.source.len();
        self.blank = self.blank && text.trim().is_empty();
        self.source.push_str(text);
        self.source.push('\n');
        if !marker::may_be(text) {
            return Step::More;
        }
        // Blocks in the shortest fence were hardly meant as a file's text.
        if self.fence.1 == 3 && marker::head(text).is_some_and(|m| m.indent == self.indent) {
            return Step::Lost(IssueKind::UnclearFence);
        }
        match marker::fence(text).filter(|f| f.indent == self.indent && f.reaches(self.fence)) {
            None => Step::More,
            Some(close) if close.info.is_empty() => {
                Step::Done(Op::Write { content: self.source[self.content..start].to_owned(), told: true })
            }
            Some(_) => Step::Lost(IssueKind::UnclearFence),
        }
    }
}
