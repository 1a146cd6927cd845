//! Where two texts differ, by lines.
//!
//! Invariants
//! - Hunks are in order and do not touch: between two of them stands at least one line that both texts have.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Lines `old` of one text are lines `new` of the other; one of them may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    pub old: Range<usize>,
    pub new: Range<usize>,
}

/// The differences of two texts, given as lines.
pub fn hunks(old: &[&[u8]], new: &[&[u8]]) -> Vec<Hunk> {
    let mut out: Vec<Hunk> = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, old, new) {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let (old, new) = (op.old_range(), op.new_range());
        match out.last_mut() {
            Some(last) if last.old.end == old.start && last.new.end == new.start => {
                last.old.end = old.end;
                last.new.end = new.end;
            }
            _ => out.push(Hunk { old, new }),
        }
    }
    out
}

/// `old` with some of the hunks that lead from it to `new`: those for which `take` gives lines get these lines in the place
/// of their old ones.
pub fn patched<'a>(old: &[&'a [u8]], hunks: &[Hunk], mut take: impl FnMut(usize, &Hunk) -> Option<Vec<&'a [u8]>>) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = Vec::with_capacity(old.len());
    let mut at = 0;
    for (index, hunk) in hunks.iter().enumerate() {
        lines.extend(&old[at..hunk.old.start]);
        match take(index, hunk) {
            Some(instead) => lines.extend(instead),
            None => lines.extend(&old[hunk.old.clone()]),
        }
        at = hunk.old.end;
    }
    lines.extend(&old[at..]);
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text::byte_lines;

    proptest::proptest! {
        #[test]
        fn all_hunks_give_the_new_text_and_none_the_old(old in "([abc]\n){0,12}[ab]?", new in "([abc]\n){0,12}[ab]?") {
            let (a, b) = (byte_lines(old.as_bytes()), byte_lines(new.as_bytes()));
            let found = hunks(&a, &b);
            proptest::prop_assert_eq!(patched(&a, &found, |_, hunk| Some(b[hunk.new.clone()].to_vec())), new.as_bytes());
            proptest::prop_assert_eq!(patched(&a, &found, |_, _| None), old.as_bytes());
            for pair in found.windows(2) {
                proptest::prop_assert!(pair[0].old.end < pair[1].old.start && pair[0].new.end < pair[1].new.start);
            }
        }
    }
}
