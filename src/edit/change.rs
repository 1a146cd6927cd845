//! A change as the model wrote it: lines that stay, lines that go and lines that come.
//!
//! What stays is only a quotation of the file, and quotations have slips. So a line that stays never comes from here: it is
//! taken from the file.

use std::borrow::Cow;

use crate::base::text::equal_pairs;

use super::indent::indent;

/// One line of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineOp<'a> {
    /// It stays; the two spellings differ in white space at most.
    Keep { old: &'a str, new: &'a str },
    /// It goes.
    Drop(&'a str),
    /// It comes.
    Add(&'a str),
}

impl<'a> LineOp<'a> {
    /// The line as it is quoted, if it is.
    pub(super) const fn old(self) -> Option<&'a str> {
        match self {
            Self::Keep { old, .. } | Self::Drop(old) => Some(old),
            Self::Add(_) => None,
        }
    }
}

/// Lines to find, and what becomes of them.
pub(super) struct Change<'a> {
    /// What is to be found.
    pub(super) old: Vec<&'a str>,
    /// What is there afterwards.
    pub(super) new: Vec<&'a str>,
    /// Known where it was written as a diff.
    ops: Option<Vec<LineOp<'a>>>,
}

impl<'a> Change<'a> {
    /// Lines in place of other lines.
    pub(super) const fn replacing(old: Vec<&'a str>, new: Vec<&'a str>) -> Self {
        Self { old, new, ops: None }
    }

    /// A change that says of each line what becomes of it.
    pub(super) fn of(ops: Vec<LineOp<'a>>) -> Self {
        let old = ops.iter().filter_map(|op| op.old()).collect();
        let new = ops.iter().filter_map(|op| match op {
            LineOp::Keep { new, .. } | LineOp::Add(new) => Some(*new),
            LineOp::Drop(_) => None,
        });
        Self { new: new.collect(), old, ops: Some(ops) }
    }

    /// Whether it says of each line what becomes of it.
    pub(super) const fn is_diff(&self) -> bool {
        self.ops.is_some()
    }

    /// The same without the deletion of all blank lines at these of its ends, if anything else changes: such lines may be quoted
    /// by mistake. None if there are none.
    pub(super) fn with_blank_ends(&self, at_head: bool, at_tail: bool) -> Option<Self> {
        let ends = |lines: &[&str]| {
            let blank = |line: &&&str| is_blank(line);
            let head = lines.iter().take_while(blank).count();
            (head, lines[head..].iter().rev().take_while(blank).count())
        };
        let ((head, tail), (new_head, new_tail)) = (ends(&self.old), ends(&self.new));
        let bare = |lines: &[&'a str], (head, tail): (usize, usize)| lines[head..lines.len() - tail].to_vec();
        let (at_head, at_tail) = (at_head && new_head < head, at_tail && new_tail < tail);
        let (old, new) = (bare(&self.old, (head, tail)), bare(&self.new, (new_head, new_tail)));
        if self.is_diff() || !(at_head || at_tail) || new.is_empty() || old == new {
            return None;
        }
        let mut new = vec![""; if at_head { head - new_head } else { 0 }];
        new.extend(&self.new);
        new.extend(vec![""; if at_tail { tail - new_tail } else { 0 }]);
        Some(Self::replacing(self.old.clone(), new))
    }

    /// Whether the replacement lacks the indentation of all that is quoted, though it changes something else: whether that is
    /// meant is not known.
    pub(super) fn is_outdented(&self) -> bool {
        let first = |lines: &[&'a str]| lines.iter().find(|line| !is_blank(line)).copied();
        let (Some(a), Some(b)) = (first(&self.old), first(&self.new)) else { return false };
        if self.is_diff()
            || indent(a).is_empty()
            || a == b
            || !same(a, b)
            || !self.new.iter().any(|line| !is_blank(line) && indent(line).is_empty())
        {
            return false;
        }
        let Some(shift) = indent(a).strip_suffix(indent(b)) else { return false };
        let ops = self.ops();
        let mut kept = 0;
        for op in &ops {
            if let LineOp::Keep { old, new } = op
                && !is_blank(old)
            {
                if indent(old).strip_suffix(indent(new)) != Some(shift) {
                    return false;
                }
                kept += 1;
            }
        }
        let ends = |op: Option<&LineOp<'_>>| matches!(op, Some(LineOp::Keep { .. }));
        let solid = |op: &&LineOp<'_>| !matches!(op, LineOp::Keep { old: line, .. } | LineOp::Drop(line) | LineOp::Add(line) if is_blank(line));
        kept > 1 && kept < ops.len() && ends(ops.iter().find(solid)) && ends(ops.iter().rfind(solid))
    }

    /// What becomes of each line; between two that stay, what goes and then what comes.
    pub(super) fn ops(&self) -> Vec<LineOp<'a>> {
        in_order(self.ops_as_written())
    }

    /// What becomes of each line, in the order in which it was written.
    pub(super) fn ops_as_written(&self) -> Vec<LineOp<'a>> {
        self.ops.clone().unwrap_or_else(|| compared(&self.old, &self.new))
    }
}

/// A line without its white space.
pub(super) fn solid(line: &str) -> impl Iterator<Item = u8> {
    line.bytes().filter(|byte| !byte.is_ascii_whitespace())
}

/// Whether a line is nothing but white space.
pub(super) fn is_blank(line: &str) -> bool {
    solid(line).next().is_none()
}

/// Whether two lines differ in white space at most.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || solid(a).eq(solid(b))
}

fn bare(line: &str) -> Cow<'_, str> {
    if line.bytes().any(|byte| byte.is_ascii_whitespace()) {
        line.chars().filter(|c| !c.is_ascii_whitespace()).collect::<String>().into()
    } else {
        line.into()
    }
}

/// Which lines stay: as many as can but for white space, and of those as many as can exactly as they are.
fn compared<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<LineOp<'a>> {
    let keys = |lines: &[&'a str]| lines.iter().map(|line| bare(line)).collect::<Vec<_>>();
    let (old_keys, new_keys) = (keys(old), keys(new));
    let loose = equal_pairs(&old_keys, &new_keys);
    let mut strict = Vec::with_capacity(loose.len());
    let (mut i, mut j) = (0, 0);
    for (at, to) in equal_pairs(old, new).into_iter().chain([(old.len(), new.len())]) {
        strict.extend(equal_pairs(&old_keys[i..at], &new_keys[j..to]).into_iter().map(|(a, b)| (i + a, j + b)));
        strict.extend((at < old.len()).then_some((at, to)));
        (i, j) = (at + 1, to + 1);
    }
    let pairs = if strict.len() < loose.len() { loose } else { strict };
    let (mut i, mut j) = (0, 0);
    let mut ops = Vec::with_capacity(old.len() + new.len());
    for (at, to) in pairs.into_iter().chain([(old.len(), new.len())]) {
        ops.extend(old[i..at].iter().map(|line| LineOp::Drop(line)));
        ops.extend(new[j..to].iter().map(|line| LineOp::Add(line)));
        if at < old.len() {
            ops.push(LineOp::Keep { old: old[at], new: new[to] });
        }
        (i, j) = (at + 1, to + 1);
    }
    ops
}

/// Between two lines that stay: what goes, then what comes.
fn in_order(ops: Vec<LineOp<'_>>) -> Vec<LineOp<'_>> {
    let mut out = Vec::with_capacity(ops.len());
    for run in ops.chunk_by(|a, b| !matches!(a, LineOp::Keep { .. }) && !matches!(b, LineOp::Keep { .. })) {
        let (adds, others): (Vec<LineOp<'_>>, Vec<LineOp<'_>>) = run.iter().partition(|op| matches!(op, LineOp::Add(_)));
        out.extend(others.into_iter().chain(adds));
    }
    out
}
