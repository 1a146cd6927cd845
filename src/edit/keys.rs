//! A file's lines that are not blank, by what is left of them without white space.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{is_blank, same, solid};
use super::near::{RARE, elected};

/// The lines that are not blank.
pub(super) struct Keys<'a> {
    file: &'a [&'a str],
    /// Their places in the file.
    lines: Vec<usize>,
    marks: Vec<u64>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(file: &'a [&'a str]) -> Self {
        let lines: Vec<usize> = (0..file.len()).filter(|at| !is_blank(file[*at])).collect();
        let marks = lines.iter().map(|at| Self::of(file[*at])).collect();
        Self { file, lines, marks }
    }

    /// A number for a line without its white space; equal lines have equal ones, and others hardly ever.
    pub(super) fn of(line: &str) -> u64 {
        // FNV-1a; nothing rests on it but speed.
        solid(line).fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    pub(super) const fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn key(&self, n: usize) -> u64 {
        self.marks[n]
    }

    /// The place of the `n`th of them in the file.
    pub(super) fn line(&self, n: usize) -> usize {
        self.lines[n]
    }

    /// The `n`th of them.
    pub(super) fn text(&self, n: usize) -> &'a str {
        self.file[self.lines[n]]
    }

    /// The file lines of each place where these lines, none of them blank, stand in a row but for white space.
    pub(super) fn places(&self, quoted: &[&str]) -> Vec<Vec<usize>> {
        let keys: Vec<u64> = quoted.iter().map(|line| Self::of(line)).collect();
        self.stand(quoted, super::ladder::places(&self.marks, &keys))
    }

    /// The same for many pieces, each in about the time that it is long.
    pub(super) fn many_places(&self) -> impl Fn(&[&str]) -> Vec<Vec<usize>> {
        let mut index: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, mark) in self.marks.iter().enumerate() {
            index.entry(*mark).or_default().push(at);
        }
        move |quoted| {
            let keys: Vec<u64> = quoted.iter().map(|line| Self::of(line)).collect();
            let there = |n: usize| index.get(&keys[n]).map_or(&[][..], Vec::as_slice);
            let Some(rarest) = (0..keys.len()).min_by_key(|n| there(*n).len()) else { return Vec::new() };
            if there(rarest).len() > RARE {
                return self.stand(quoted, super::ladder::places(&self.marks, &keys));
            }
            let begins = there(rarest).iter().filter_map(|at| at.checked_sub(rarest));
            let fits = |from: &usize| self.marks.get(*from..*from + keys.len()) == Some(&keys[..]);
            self.stand(quoted, begins.filter(fits).collect())
        }
    }

    /// Of the places where the numbers of these lines stand, those where the lines do.
    fn stand(&self, quoted: &[&str], places: Vec<usize>) -> Vec<Vec<usize>> {
        let is_there = |from: &usize| {
            let lines = &self.lines[*from..*from + quoted.len()];
            lines.iter().zip(quoted).all(|(at, line)| same(self.file[*at], line))
        };
        let found = places.into_iter().filter(is_there);
        found.map(|from| self.lines[from..from + quoted.len()].to_vec()).collect()
    }

    /// Whether a line, longer than those that are everywhere, is one of them.
    pub(super) fn stands(&self, line: &str) -> bool {
        solid(line).count() > 12 && self.marks.contains(&Self::of(line))
    }

    /// Where most of these lines stand, in a region that no other one comes near.
    pub(super) fn vote(&self, quoted: &[u64], weight: impl Fn(usize) -> usize) -> Option<isize> {
        let wanted: BTreeSet<u64> = quoted.iter().copied().collect();
        let mut places: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, key) in self.marks.iter().enumerate().filter(|(_, key)| wanted.contains(key)) {
            places.entry(*key).or_default().push(at);
        }
        elected(quoted, weight, &places)
    }
}
