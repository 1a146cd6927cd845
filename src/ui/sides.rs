//! Two texts beside each other.

use super::style::{Style, Text};
use crate::base::hunk::hunks;
use crate::base::text::{byte_lines, neutralise};

/// Lines around a difference that are shown with it.
const CONTEXT: usize = 3;
/// Between the two columns.
const GAP: &str = " │ ";

/// Both texts in columns, with the lines that differ and a few around them; nothing when they are equal. Lines that are
/// longer than a column go on in the next row.
pub fn side_by_side(old: &str, new: &str, names: [&str; 2], width: usize) -> Text {
    let columns = width.saturating_sub(GAP.chars().count()) / 2;
    let (old, new) = (byte_lines(old.as_bytes()), byte_lines(new.as_bytes()));
    let found = hunks(&old, &new);
    let mut out = Text::new();
    if found.is_empty() || columns == 0 {
        return out;
    }
    row(&mut out, [(Style::Bold, Some(names[0])), (Style::Bold, Some(names[1]))], columns);
    let shown = |line: &[u8]| String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned();
    let same = |out: &mut Text, from: usize, to: usize| {
        for line in old.get(from..to).unwrap_or_default() {
            let line = shown(line);
            row(out, [(Style::Plain, Some(&line)), (Style::Plain, Some(&line))], columns);
        }
    };
    let mut at = 0;
    for (n, hunk) in found.iter().enumerate() {
        let near = hunk.old.start.saturating_sub(CONTEXT).max(at);
        if near > at {
            row(&mut out, [(Style::Hunk, Some("…")), (Style::Hunk, Some("…"))], columns);
        }
        same(&mut out, near, hunk.old.start);
        let (gone, come) = (&old[hunk.old.clone()], &new[hunk.new.clone()]);
        for at in 0..gone.len().max(come.len()) {
            let (left, right) = (gone.get(at).map(|l| shown(l)), come.get(at).map(|l| shown(l)));
            row(&mut out, [(Style::Removed, left.as_deref()), (Style::Added, right.as_deref())], columns);
        }
        let next = found.get(n + 1).map_or(old.len(), |next| next.old.start);
        let end = (hunk.old.end + CONTEXT).min(next);
        same(&mut out, hunk.old.end, end);
        at = end;
    }
    if at < old.len() {
        row(&mut out, [(Style::Hunk, Some("…")), (Style::Hunk, Some("…"))], columns);
    }
    out
}

/// One line of each side; `None` is no line.
fn row(out: &mut Text, sides: [(Style, Option<&str>); 2], columns: usize) {
    let pieces = sides.map(|(style, line)| (style, line.map(|line| wrapped(line, columns)).unwrap_or_default()));
    let rows = pieces.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    let [(left_style, left), (right_style, right)] = pieces;
    for n in 0..rows {
        let piece = left.get(n).map_or("", String::as_str);
        out.push(left_style, piece);
        out.push(Style::Plain, " ".repeat(columns.saturating_sub(piece.chars().count())));
        let other = right.get(n).map_or("", String::as_str);
        out.push(Style::Dim, if other.is_empty() { GAP.trim_end() } else { GAP });
        out.push(right_style, other);
        out.push(Style::Plain, "\n");
    }
}

/// A line in pieces of at most so many characters; an empty line is one empty piece.
fn wrapped(line: &str, columns: usize) -> Vec<String> {
    let chars: Vec<char> = neutralise(&line.replace('\t', "    ")).chars().collect();
    if chars.is_empty() { vec![String::new()] } else { chars.chunks(columns).map(|piece| piece.iter().collect()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(old: &str, new: &str, width: usize) -> String {
        side_by_side(old, new, ["first", "again"], width).spans().map(|(_, text)| text).collect()
    }

    #[test]
    fn lines_that_differ_stand_beside_each_other() {
        let (old, new) = ("1\n2\n3\n4\n5\nsix\n7\n", "1\n2\n3\n4\n5\n6\nmore\n7\n");
        let want =
            "first   │ again\n…       │ …\n3       │ 3\n4       │ 4\n5       │ 5\nsix     │ 6\n        │ more\n7       │ 7\n";
        assert_eq!(plain(old, new, 17), want);
        assert_eq!(plain(old, old, 17), "");
    }

    #[test]
    fn long_lines_go_on_in_the_next_row() {
        assert_eq!(plain("abcdefgh\n", "ab\n", 11), "firs │ agai\nt    │ n\nabcd │ ab\nefgh │\n");
    }

    #[test]
    fn what_lies_between_two_places_is_left_out() {
        let lines = |first: &str, last: &str| format!("{first}\n{}{last}\n", "x\n".repeat(9));
        let shown = plain(&lines("a", "b"), &lines("A", "B"), 13);
        assert_eq!(shown.lines().filter(|line| line.starts_with('…')).count(), 1, "{shown}");
        assert_eq!(shown.lines().filter(|line| line.starts_with('x')).count(), 6, "{shown}");
    }

    proptest::proptest! {
        #[test]
        fn any_texts_can_be_shown(old: String, new: String, width in 0usize..60) {
            let text = side_by_side(&old, &new, ["a", "b"], width);
            for line in text.spans().map(|(_, text)| text).collect::<String>().lines() {
                proptest::prop_assert!(line.chars().count() <= width);
            }
        }
    }
}
