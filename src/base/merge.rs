//! Three-way merge of file contents, by lines.
//!
//! Invariants
//! - If only one side changed, the result is that side, byte for byte; if both made the same change, it is that change.
//! - Changes that touch or adjoin the same lines are a conflict; nothing is ever guessed and no markers are written.
//! - Binary content merges only in those trivial cases.

use super::hunk::{Hunk, hunks};
use super::text::{byte_lines, is_binary};

/// The two sides changed the same lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("both sides changed the same lines")]
pub struct Conflict;

/// Merges `ours` and `theirs`, which both come from `base`.
pub fn merge3(base: &[u8], ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, Conflict> {
    if ours == theirs || theirs == base {
        return Ok(ours.to_vec());
    }
    if ours == base {
        return Ok(theirs.to_vec());
    }
    if [base, ours, theirs].into_iter().any(is_binary) {
        return Err(Conflict);
    }
    let (b, o, t) = (byte_lines(base), byte_lines(ours), byte_lines(theirs));
    let (mine, other) = (hunks(&b, &o), hunks(&b, &t));
    let mut out = Vec::with_capacity(ours.len().max(theirs.len()));
    let (mut at, mut i, mut j) = (0, 0, 0);
    loop {
        let (hunk, lines) = match (mine.get(i), other.get(j)) {
            (None, None) => break,
            (Some(m), Some(n)) if same(m, n, &o, &t) => {
                j += 1;
                i += 1;
                (m, &o)
            }
            (Some(m), Some(n)) if meet(m, n) => return Err(Conflict),
            (Some(m), Some(n)) if m.old.start < n.old.start => {
                i += 1;
                (m, &o)
            }
            (Some(m), None) => {
                i += 1;
                (m, &o)
            }
            (_, Some(n)) => {
                j += 1;
                (n, &t)
            }
        };
        b[at..hunk.old.start].iter().for_each(|line| out.extend_from_slice(line));
        lines[hunk.new.clone()].iter().for_each(|line| out.extend_from_slice(line));
        at = hunk.old.end;
    }
    b[at..].iter().for_each(|line| out.extend_from_slice(line));
    Ok(out)
}

/// The optional variant: `None` stands for a file that does not exist.
pub fn merge3_files(base: Option<&[u8]>, ours: Option<&[u8]>, theirs: Option<&[u8]>) -> Result<Option<Vec<u8>>, Conflict> {
    match (base, ours, theirs) {
        (_, o, t) if o == t => Ok(o.map(<[u8]>::to_vec)),
        (b, o, t) if t == b => Ok(o.map(<[u8]>::to_vec)),
        (b, o, t) if o == b => Ok(t.map(<[u8]>::to_vec)),
        (Some(b), Some(o), Some(t)) => merge3(b, o, t).map(Some),
        _ => Err(Conflict),
    }
}

/// Whether they touch or adjoin: then the order of the two is not known, or one line's meaning depends on both.
const fn meet(mine: &Hunk, theirs: &Hunk) -> bool {
    mine.old.start <= theirs.old.end && theirs.old.start <= mine.old.end
}

fn same(mine: &Hunk, theirs: &Hunk, ours: &[&[u8]], others: &[&[u8]]) -> bool {
    mine.old == theirs.old && ours[mine.new.clone()] == others[theirs.new.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(base: &str, ours: &str, theirs: &str) -> Result<String, Conflict> {
        merge3(base.as_bytes(), ours.as_bytes(), theirs.as_bytes()).map(|b| String::from_utf8(b).expect("text"))
    }

    #[test]
    fn separate_changes_combine() {
        let base = "1\n2\n3\n4\n5\n6\n";
        assert_eq!(merge(base, "1\nX\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\n6\n7\n").as_deref(), Ok("1\nX\n3\n4\n5\n6\n7\n"));
        assert_eq!(merge(base, "0\n1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n6\n").as_deref(), Ok("0\n1\n2\n3\n4\n6\n"));
    }

    #[test]
    fn overlaps_conflict() {
        assert_eq!(merge("1\n2\n3\n", "1\nX\n3\n", "1\nY\n3\n"), Err(Conflict));
        assert_eq!(merge("1\n2\n3\n", "1\nX\n3\n", "1\n2\nY\n"), Err(Conflict));
        assert_eq!(merge("1\n", "1\na\n", "1\nb\n"), Err(Conflict));
    }

    #[test]
    fn the_same_change_twice_is_one() {
        assert_eq!(merge("1\n2\n3\n4\n5\n", "X\n2\n3\n4\n5\n", "X\n2\n3\n4\nY\n").as_deref(), Ok("X\n2\n3\n4\nY\n"));
    }

    proptest::proptest! {
        #[test]
        fn one_sided_changes_win(base in "([ab]\n){0,8}", side in "([ab]\n){0,8}") {
            proptest::prop_assert_eq!(merge(&base, &side, &base), Ok(side.clone()));
            proptest::prop_assert_eq!(merge(&base, &base, &side), Ok(side));
        }

        #[test]
        fn symmetric(base in "([abc]\n){0,8}", ours in "([abc]\n){0,8}", theirs in "([abc]\n){0,8}") {
            proptest::prop_assert_eq!(merge(&base, &ours, &theirs), merge(&base, &theirs, &ours));
        }
    }
}
