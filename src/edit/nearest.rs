//! The region of a file that a search most likely meant. It is shown, never edited.
//!
//! Two passes, both linear: lines of the search that stand in the file vote for where the search would begin, rare ones
//! with more weight; if they have too little to say, the file's most similar line to one of the longest lines decides.

use std::collections::BTreeMap;
use std::ops::Range;

use super::near::{RARE, votes};

/// Lines around the region.
const AROUND: usize = 3;
/// Lines shown at most.
const SHOWN: usize = 60;
/// Bytes shown at most: a line can be a whole file, and a thousand edits can miss it.
const LENGTH: usize = 16 * 1024;

/// A run of a file's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// From 1.
    pub first_line: usize,
    pub text: String,
}

/// The nearest region and what differs there, in a sentence.
pub(super) fn nearest(file: &[&str], search: &[&str]) -> Option<(Option<Region>, String)> {
    let begin = by_votes(file, search).or_else(|| by_similarity(file, search))?;
    let start = usize::try_from(begin).unwrap_or(0).min(file.len().saturating_sub(1));
    let mut shown = start.saturating_sub(AROUND)..(start + search.len() + AROUND).min(file.len());
    let differs = difference(file, search, begin);
    if shown.len() > SHOWN {
        let at = differs.as_ref().map_or(start, |(at, _)| *at);
        let from = at.saturating_sub(SHOWN / 2).clamp(shown.start, shown.end - SHOWN);
        shown = from..from + SHOWN;
    }
    let sentence = differs.map_or_else(|| "all lines up to there are equal".to_owned(), |(_, sentence)| sentence);
    Some((region(file, shown), sentence))
}

/// The lines as they stand in the file, as many as can be shown; none if not even the first one can.
pub(super) fn region(file: &[&str], lines: Range<usize>) -> Option<Region> {
    let first_line = lines.start + 1;
    let mut text = String::new();
    for line in &file[lines] {
        if text.len() + line.len() >= LENGTH {
            break;
        }
        text.push_str(line);
        text.push('\n');
    }
    (!text.is_empty()).then_some(Region { first_line, text })
}

fn by_votes(file: &[&str], search: &[&str]) -> Option<isize> {
    let mut places: BTreeMap<&str, Vec<usize>> =
        search.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).map(|line| (line, Vec::new())).collect();
    for (at, line) in file.iter().enumerate() {
        if let Some(found) = places.get_mut(line.trim()).filter(|found| found.len() <= RARE) {
            found.push(at);
        }
    }
    let lines: Vec<&str> = search.iter().map(|line| line.trim()).collect();
    let (votes, total) = votes(lines.iter().map(|line| Some((line, line.len()))), &places);
    let (begin, weight) = votes.into_iter().max_by_key(|(begin, weight)| (*weight, std::cmp::Reverse(*begin)))?;
    (weight * 6 >= total).then_some(begin)
}

fn by_similarity(file: &[&str], search: &[&str]) -> Option<isize> {
    let mut longest: Vec<(usize, &str)> = search.iter().map(|line| line.trim()).enumerate().collect();
    longest.sort_by_key(|(at, line)| (std::cmp::Reverse(line.len()), *at));
    let mut best: Option<(usize, isize)> = None;
    for (offset, line) in longest.into_iter().take(3).filter(|(_, line)| line.len() >= 4) {
        for (at, there) in file.iter().enumerate() {
            let score = similarity(line, there.trim());
            if score >= 50 && best.is_none_or(|(most, _)| score > most) {
                best = Some((score, at as isize - offset as isize));
            }
        }
    }
    best.map(|(_, begin)| begin)
}

/// Percent of two lines that their common beginning and end make up.
fn similarity(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(x, y)| x == y).count();
    200 * (head + tail) / (a.len() + b.len()).max(1)
}

/// The first file line that differs, and how.
fn difference(file: &[&str], search: &[&str], begin: isize) -> Option<(usize, String)> {
    for (offset, sought) in search.iter().enumerate() {
        let at = begin + offset as isize;
        let Some(there) = usize::try_from(at).ok().and_then(|at| file.get(at)) else {
            let line = usize::try_from(at).unwrap_or(0).min(file.len());
            return Some((line, format!("line {} of the search would stand outside the file's {} lines", offset + 1, file.len())));
        };
        if there == sought {
            continue;
        }
        let how = if there.trim_end() == sought.trim_end() {
            "white space at its end"
        } else if there.trim() == sought.trim() {
            "its indentation"
        } else if there.split_whitespace().eq(sought.split_whitespace()) {
            "its white space"
        } else if there.to_lowercase() == sought.to_lowercase() {
            "upper and lower case"
        } else {
            let (at, there, sought) = (at + 1, clipped(there), clipped(sought));
            return Some((
                at as usize - 1,
                format!("line {at} of the file is `{there}`, line {} of the search is `{sought}`", offset + 1),
            ));
        };
        return Some((at as usize, format!("line {} of the search differs from line {} of the file in {how}", offset + 1, at + 1)));
    }
    None
}

fn clipped(line: &str) -> String {
    crate::base::text::ellipsis(line, 160)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(file: &str, search: &str) -> Option<(usize, String)> {
        let (file, search): (Vec<&str>, Vec<&str>) = (file.lines().collect(), search.lines().collect());
        nearest(&file, &search).map(|(region, differs)| (region.expect("short lines").first_line, differs))
    }

    #[test]
    fn the_region_and_the_difference_are_named() {
        let lines: Vec<String> = (0..100).map(|n| format!("    line number {n};\n    }}\n")).collect();
        let file = lines.concat();
        let say = |search: &str| near(&file, search).map_or_else(String::new, |(first, differs)| format!("{first}: {differs}"));
        assert_eq!(
            say("    line number 40; \n    }"),
            "78: line 1 of the search differs from line 81 of the file in white space at its end"
        );
        assert_eq!(say("    line number 40;\n\t}"), "78: line 2 of the search differs from line 82 of the file in its indentation");
        assert_eq!(
            say("    Line number 40;\n    }"),
            "78: line 1 of the search differs from line 81 of the file in upper and lower case"
        );
        assert_eq!(
            say("    line numbre 40;\n    }"),
            "78: line 81 of the file is `    line number 40;`, line 1 of the search is `    line numbre 40;`"
        );
        assert_eq!(say("    line number 99;\n    }\nend"), "196: line 3 of the search would stand outside the file's 200 lines");
        assert_eq!(say("completely different"), "");
    }

    proptest::proptest! {
        #[test]
        fn any_two_texts(file in "(a|b b|c|\n|\t|é){0,60}", search in "(a|b b|c|\n|\t|é){0,60}") {
            let lines: Vec<&str> = file.lines().collect();
            if let Some((Some(region), _)) = nearest(&lines, &search.lines().collect::<Vec<_>>()) {
                proptest::prop_assert!(region.first_line >= 1 && region.first_line - 1 + region.text.lines().count() <= lines.len());
            }
        }
    }
}
