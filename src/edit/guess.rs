//! Fenced blocks that look like files or edits where nothing says that they are. They count if the answer has nothing else.
//!
//! Where one of them ends is less certain than elsewhere, so one sign that a fence inside a file was taken for its end puts all of
//! them in doubt.

use std::collections::BTreeMap;
use std::ops::Range;

use super::block::Step;
use super::marker::{self, Fence};
use super::plan::Op;
use super::whole::Whole;

/// A block under a path.
pub(super) struct Guess {
    line: usize,
    pub(super) path: String,
    pub(super) content: String,
    pub(super) source: String,
    /// Where it stands in the prose.
    pub(super) prose: Range<usize>,
}

#[derive(Default)]
pub(super) struct Guesses {
    pub(super) files: Vec<Guess>,
    /// JSON, by the line where it begins.
    pub(super) calls: Vec<(usize, String)>,
    open: Option<Open>,
    just_closed: bool,
    /// The first file with each fence.
    first_of: BTreeMap<(char, usize), usize>,
    /// From which file on.
    in_doubt: Option<usize>,
}

enum Open {
    File { line: usize, path: String, whole: Whole, begin: usize },
    Call { line: usize, text: String, fence: (char, usize) },
}

impl Guesses {
    /// A fence opens; `named` is the path that names it, and where its name begins in the prose.
    pub(super) fn open(&mut self, line: usize, raw: &str, fence: Fence<'_>, named: Option<(String, usize)>) {
        self.just_closed = false;
        self.open = if let Some((path, begin)) = named {
            Some(Open::File { line, path, whole: Whole::open(raw, fence), begin })
        } else {
            // It may be the end of a file that another fence seemed to end.
            let wide = (fence.sign, 0)..=(fence.sign, fence.width);
            if fence.info.is_empty()
                && let Some(at) = self.first_of.range(wide).map(|(_, at)| *at).min()
            {
                self.in_doubt.get_or_insert(at);
            }
            let sign = (fence.sign, fence.width);
            fence.info.starts_with("json").then(|| Open::Call { line, text: String::new(), fence: sign })
        };
    }

    /// Whether a block under a path is open.
    pub(super) const fn in_file(&self) -> bool {
        matches!(self.open, Some(Open::File { .. }))
    }

    /// The next line; `plain` is whether it stands in a fence without edits, and `end` where it will end in the prose.
    pub(super) fn line(&mut self, raw: &str, plain: bool, end: usize) {
        if std::mem::take(&mut self.just_closed) && !raw.trim().is_empty() {
            self.in_doubt.get_or_insert(self.files.len().saturating_sub(1));
        }
        if self.open.is_none() {
            return;
        }
        if !plain {
            self.open = None;
            return;
        }
        match &mut self.open {
            Some(Open::File { whole, .. }) => match whole.line(raw) {
                Step::More => {}
                Step::Lost(_) => {
                    // Its end is not known; what seems to follow may be inside.
                    self.in_doubt.get_or_insert(self.files.len());
                    self.close(String::new(), end);
                }
                Step::Done(op) => {
                    let content = if let Op::Write { content, .. } = op { content } else { String::new() };
                    self.close(content, end);
                }
            },
            Some(Open::Call { text, fence, .. }) => {
                if marker::fence(raw).is_some_and(|close| close.info.is_empty() && close.reaches(*fence)) {
                    if let Some(Open::Call { line, text, .. }) = self.open.take() {
                        self.calls.push((line, text));
                    }
                } else {
                    text.push_str(raw);
                    text.push('\n');
                }
            }
            None => {}
        }
    }

    fn close(&mut self, content: String, end: usize) {
        if let Some(Open::File { line, path, whole, begin }) = self.open.take() {
            self.just_closed = whole.fence.1 == 3;
            self.first_of.entry(whole.fence).or_insert(self.files.len());
            self.files.push(Guess { line, path, content, source: whole.source, prose: begin..end });
        }
    }

    /// The first file whose end is not certain.
    pub(super) fn doubt(&self) -> Option<(usize, &str, &str)> {
        let file = self.files.get(self.in_doubt?)?;
        Some((file.line, &file.path, &file.source))
    }
}
