//! The one region that a quotation with slips most likely means.
//!
//! Lines that are in both vote for where it begins, rare and long ones with more weight. It is taken only if hardly any line
//! differs, all lines that are to be changed are there as quoted, and no other region comes near.

use std::collections::BTreeMap;

use crate::base::text::equal_pairs;

use super::change::{LineOp, is_blank, same};
use super::indent::indent;
use super::keys::Keys;
use super::settle::Hold;

/// A line that stands in more places than this says nothing about where.
pub(super) const RARE: usize = 64;
/// Lines that may be missing or too many before the quotation is no longer aligned.
const SLACK: usize = 8;
/// Quoted lines above which nothing is tried: so long a quotation is aligned by its own exact parts or not at all.
const LONGEST: usize = 2000;

/// Whether two lines are one, but for a slip: most of their words and signs are the same, in order.
pub(super) fn similar(a: &str, b: &str) -> bool {
    let (a, b) = (tokens(a), tokens(b));
    if a.len().max(b.len()) > 400 {
        return false;
    }
    let common = equal_pairs(&a, &b).len();
    // Half of them, and of a short line more: two words that differ in one are two different lines.
    common * 2 > a.len().max(b.len()) || (common * 2 == a.len().max(b.len()) && common > 3)
}

/// Whether the words of two lines are the same but for a letter; their signs may differ.
fn is_misspelled(a: &str, b: &str) -> bool {
    let word = |token: &&str| token.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let words = |line| tokens(line).into_iter().filter(word).collect::<Vec<_>>();
    let (a, b) = (words(a), words(b));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a == b || is_slip(a, b))
}

/// Whether two words differ in one letter, or in two neighbours that changed places; not in a digit, which makes another name.
fn is_slip(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (x, y) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    let swapped = matches!((x, y), ([p, q], [r, s]) if p == s && q == r);
    (x.len() <= 1 && y.len() <= 1 || swapped) && a.len().min(b.len()) > 3 && x.iter().chain(y).all(|c| c.is_alphabetic())
}

/// Words, numbers and single signs.
fn tokens(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = line.trim_ascii();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if word(first) { rest.find(|c| !word(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        out.push(&rest[..length]);
        rest = rest[length..].trim_ascii_start();
    }
    out
}

/// What the quoted lines are at the one region that they mean, if there is one.
pub(super) fn holds(keys: &Keys<'_>, ops: &[LineOp<'_>]) -> Option<Vec<Hold>> {
    let old: Vec<(&str, bool)> = ops.iter().filter_map(|op| Some((op.old()?, matches!(op, LineOp::Drop(_))))).collect();
    let solid: Vec<usize> = (0..old.len()).filter(|n| !is_blank(old[*n].0)).collect();
    if solid.len() < 3 || solid.len() > LONGEST {
        return None;
    }
    let quoted: Vec<u64> = solid.iter().map(|n| Keys::of(old[*n].0)).collect();
    let begin = keys.vote(&quoted, |n| old[solid[n]].0.trim_ascii().len())?;
    let from = usize::try_from(begin - SLACK as isize).unwrap_or(0);
    let upto = usize::try_from(begin).unwrap_or(0).saturating_add(quoted.len() + SLACK).min(keys.len());
    let there: Vec<u64> = (from..upto).map(|n| keys.key(n)).collect();
    let mut found: Vec<Option<usize>> = vec![None; quoted.len()];
    for (n, at) in equal_pairs(&quoted, &there) {
        found[n] = Some(from + at);
    }
    // A line between two that are found, or beside one, may be quoted with a slip.
    let text = |n: usize| old[solid[n]].0;
    let mut near: Vec<Option<usize>> = vec![None; found.len()];
    for forth in [true, false] {
        for step in 0..found.len() {
            let n = if forth { step } else { found.len() - 1 - step };
            if found[n].is_some() || near[n].is_some() {
                continue;
            }
            let beside = if forth { n.checked_sub(1) } else { Some(n + 1) };
            let there = beside.and_then(|b| found.get(b).copied().flatten().or_else(|| near.get(b).copied().flatten()));
            let at = there.and_then(|at| if forth { Some(at + 1) } else { at.checked_sub(1) }).filter(|at| *at < keys.len());
            near[n] = at.filter(|at| !found.contains(&Some(*at)) && !near.contains(&Some(*at)) && similar(text(n), keys.text(*at)));
        }
    }
    // One line in three may have a slip, and none that is to be changed.
    let slips: Vec<usize> = (0..found.len()).filter(|n| found[*n].is_none()).collect();
    if slips.len() * 3 > found.len() || slips.iter().any(|n| old[solid[*n]].1) {
        return None;
    }
    // A line that is quoted with a slip and comes a second time would be written as the model made it up.
    if slips.iter().any(|n| ops.iter().any(|op| matches!(op, LineOp::Add(line) if same(line, text(*n))))) {
        return None;
    }
    // A line that stands elsewhere as it is quoted is meant there. And what the region is part of, a function or a key, must be
    // the one that is quoted.
    let outermost = solid.iter().map(|n| indent(old[*n].0).len()).min().unwrap_or_default();
    let heads = |n: usize| {
        let deep = |n: usize| solid.get(n).map(|n| indent(old[*n].0).len());
        let comment = ["//", "#", "--", ";", "/*", "*", "<!--"].iter().any(|lead| text(n).trim_start().starts_with(lead));
        deep(n) == Some(outermost) && deep(n + 1) > Some(outermost) && !comment
    };
    let other = |n: usize| near[n].is_none_or(|at| !is_misspelled(text(n), keys.text(at)));
    if slips.iter().any(|n| keys.stands(text(*n)) || heads(*n) && other(*n)) {
        return None;
    }
    let all: Vec<usize> = (0..found.len()).filter_map(|n| found[n].or(near[n])).collect();
    let (first, last) = (*all.first()?, *all.last()?);
    // Lines of the file that are not quoted are slips as well; and the order must be the file's.
    if !all.is_sorted() || last + 1 - first > all.len() + slips.len() + (found.len() / 6).max(1) {
        return None;
    }
    let mut hold = old.iter().map(|(line, _)| if is_blank(line) { Hold::Blank } else { Hold::Slip }).collect::<Vec<_>>();
    for n in 0..found.len() {
        if let Some(at) = found[n] {
            hold[solid[n]] = Hold::At(keys.line(at));
        } else if let Some(at) = near[n] {
            hold[solid[n]] = Hold::Near(keys.line(at));
        }
    }
    Some(hold)
}

/// Votes for where a quotation begins, by that place, and how many there could have been. Each of its lines (none for one that
/// says nothing) votes with the weight of its length for every place that fits it, the less the more there are.
pub(super) fn votes<'p, K: Ord + 'p>(
    quoted: impl Iterator<Item = Option<(&'p K, usize)>>,
    places: &BTreeMap<K, Vec<usize>>,
) -> (BTreeMap<isize, usize>, usize) {
    let (mut votes, mut total) = (BTreeMap::new(), 0);
    for (n, line) in quoted.enumerate() {
        let Some((key, length)) = line else { continue };
        let weight = 60 * length.min(60);
        total += weight;
        let Some(found) = places.get(key).filter(|found| !found.is_empty() && found.len() <= RARE) else { continue };
        for at in found {
            *votes.entry(*at as isize - n as isize).or_default() += weight / found.len();
        }
    }
    (votes, total)
}

/// Where the quotation begins by these votes; none if two places are near each other in it.
pub(super) fn elected(quoted: &[u64], weight: impl Fn(usize) -> usize, places: &BTreeMap<u64, Vec<usize>>) -> Option<isize> {
    let (votes, total) = votes(quoted.iter().enumerate().map(|(n, key)| Some((key, weight(n).max(1)))), places);
    let begin = votes.iter().max_by_key(|(_, votes)| **votes).map(|(begin, _)| *begin)?;
    // Those beside it are the same region with a line more or less.
    let near = |other: isize| (other - begin).unsigned_abs() <= SLACK;
    let region: usize = votes.iter().filter(|(other, _)| near(**other)).map(|(_, votes)| *votes).sum();
    let rival = votes.iter().filter(|(other, _)| !near(**other)).map(|(_, votes)| *votes).max().unwrap_or(0);
    (region * 3 > total && rival * 2 < region).then_some(begin)
}
