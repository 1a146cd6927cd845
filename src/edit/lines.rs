//! A file as lines, and putting other lines in their place.
//!
//! Lines are compared without their ends, and a line that stays keeps its own bytes. So CRLF files stay CRLF, mixed files
//! stay mixed, and whether the file ends with a line end stays as it was.

use std::collections::BTreeMap;

use crate::base::text::equal_pairs;

/// Above this many lines two texts are aligned by their common beginning and end alone.
const ALIGN_MAX: usize = 4000;

const BOM: &str = "\u{feff}";

/// A line and its end: `\n`, `\r\n`, or nothing for an unfinished last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub text: &'a str,
    pub end: &'a str,
}

/// A file's lines; a byte order mark is no part of the first.
pub(super) struct File<'a> {
    bom: &'a str,
    pub lines: Vec<Line<'a>>,
}

/// Lines `at..at + len` give way to `with`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Splice<'a> {
    pub at: usize,
    pub len: usize,
    pub with: Vec<std::borrow::Cow<'a, str>>,
}

/// The lines of a text, without their ends.
pub(super) fn texts(text: &str) -> Vec<&str> {
    text.lines().collect()
}

impl<'a> File<'a> {
    pub(super) fn new(content: &'a str) -> Self {
        let body = content.strip_prefix(BOM).unwrap_or(content);
        let lines = body.split_inclusive('\n').map(|line| {
            let text = line.strip_suffix('\n').map_or(line, |text| text.strip_suffix('\r').unwrap_or(text));
            Line { text, end: &line[text.len()..] }
        });
        Self { bom: &content[..content.len() - body.len()], lines: lines.collect() }
    }

    pub(super) fn texts(&self) -> Vec<&'a str> {
        self.lines.iter().map(|line| line.text).collect()
    }

    /// The file after `splice`.
    pub(super) fn spliced(&self, splice: &Splice<'_>) -> String {
        let (start, stop) = (splice.at, splice.at + splice.len);
        let old = &self.lines[start..stop];
        let end = usual_end(old).or_else(|| usual_end(&self.lines)).unwrap_or("\n");
        let kept = aligned(&old.iter().map(|line| line.text).collect::<Vec<_>>(), &splice.with);
        let mut out = self.bom.to_owned();
        let mut last_end = 0;
        let mut put = |text: &str, own: &str| {
            let end = if own.is_empty() { end } else { own };
            out.push_str(text);
            out.push_str(end);
            last_end = end.len();
        };
        self.lines[..start].iter().for_each(|line| put(line.text, line.end));
        for (at, text) in splice.with.iter().enumerate() {
            put(text, kept.get(&at).map_or("", |from| old[*from].end));
        }
        self.lines[stop..].iter().for_each(|line| put(line.text, line.end));
        if self.lines.last().is_some_and(|line| line.end.is_empty()) {
            out.truncate(out.len() - last_end);
        }
        out
    }
}

/// The line end that most of the lines have; of two equally common ones the plain one.
fn usual_end<'a>(lines: &[Line<'a>]) -> Option<&'a str> {
    let (mut plain, mut long) = ((0, None), (0, None));
    for line in lines {
        match line.end {
            "" => {}
            "\n" => plain = (plain.0 + 1, Some(line.end)),
            _ => long = (long.0 + 1, Some(line.end)),
        }
    }
    if long.0 > plain.0 { long.1 } else { plain.1 }
}

/// Which new lines are old ones, new index → old index.
fn aligned(old: &[&str], new: &[std::borrow::Cow<'_, str>]) -> BTreeMap<usize, usize> {
    let head = old.iter().zip(new).take_while(|(a, b)| **a == b.as_ref()).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| **a == b.as_ref()).count();
    let mut pairs: BTreeMap<usize, usize> = (0..head).map(|at| (at, at)).collect();
    pairs.extend((1..=tail).map(|back| (new.len() - back, old.len() - back)));
    let (a, b) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    if a.len() + b.len() <= ALIGN_MAX {
        let b: Vec<&str> = b.iter().map(AsRef::as_ref).collect();
        for (old, new) in equal_pairs(a, &b) {
            pairs.insert(head + new, head + old);
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn splice(content: &str, at: usize, len: usize, with: &[&str]) -> String {
        File::new(content).spliced(&Splice { at, len, with: with.iter().map(|t| (*t).into()).collect() })
    }

    #[test]
    fn ends_are_kept() {
        assert_eq!(splice("a\r\nb\r\nc\r\n", 1, 1, &["x", "y"]), "a\r\nx\r\ny\r\nc\r\n");
        assert_eq!(splice("a\nb\r\nc\n", 0, 3, &["a", "b", "x", "c"]), "a\nb\r\nx\nc\n", "each line that stays keeps its own");
        assert_eq!(splice("a\nb", 1, 1, &["b", "c"]), "a\nb\nc");
        assert_eq!(splice("a\r\nb", 0, 1, &[]), "b");
        assert_eq!(splice("a\r\nb", 1, 1, &[]), "a");
        assert_eq!(splice("a", 0, 1, &[]), "");
        assert_eq!(splice("\u{feff}a\n", 0, 1, &["b"]), "\u{feff}b\n");
        assert_eq!(splice("a\nb\n\n", 0, 2, &["c"]), "c\n\n");
    }

    proptest::proptest! {
        #[test]
        fn replacing_a_line_by_itself_changes_nothing(content in "(a|b|\n|\r\n|\u{feff}|\r){0,20}", at in 0_usize..20, len in 0_usize..5) {
            let file = File::new(&content);
            if at + len <= file.lines.len() {
                let with = file.texts()[at..at + len].iter().map(|t| (*t).into()).collect();
                proptest::prop_assert_eq!(file.spliced(&Splice { at, len, with }), content.clone());
            }
        }
    }
}
