//! How new lines are to be indented where the quotation's indentation is not the file's.
//!
//! The new lines were written either in the quotation's indentation or in the file's; lines that stay tell which: the model
//! repeats them in the one or the other. Where they do not tell, or contradict each other, nothing is guessed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::change::is_blank;

/// The white space that a line begins with.
pub(super) fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_ascii_start().len()]
}

/// A line that is quoted and found: as it is quoted, as it stands in the file, and as the model wants it, if it stays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) quoted: &'a str,
    pub(super) there: &'a str,
    pub(super) wanted: Option<&'a str>,
}

/// From the indentation of the model to that of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Indents<'a> {
    Same,
    /// The file has this in front.
    More(&'a str),
    /// The model has this in front.
    Less(&'a str),
    /// Only the first line lacks its indentation, or has too much.
    First {
        from: &'a str,
        to: &'a str,
    },
    /// One unit for another: so many of the one character for so many of the other.
    Units {
        from: (u8, usize),
        to: (u8, usize),
    },
    /// Nothing but what was seen.
    Table(BTreeMap<&'a str, &'a str>),
}

/// What `pairs` tell; `after` are the lines as the model wants them in the end, and `news` those of them that are new, in
/// their order. None of the lines is blank. None where they do not tell. `near` are the file's lines
/// there.
pub(super) fn learn<'a>(pairs: &[Pair<'a>], after: &[&'a str], news: &[&'a str], near: &[&str]) -> Option<Indents<'a>> {
    let leads = after.first().is_some_and(|first| news.first() == Some(first));
    let differ = |p: &&Pair<'a>| indent(p.quoted) != indent(p.there);
    let Some(odd) = pairs.iter().find(differ) else { return Some(Indents::Same) };
    let (mut like_quoted, mut like_there) = (0, 0);
    for pair in pairs.iter().filter(differ) {
        let Some(wanted) = pair.wanted.map(indent) else { continue };
        like_quoted += usize::from(wanted == indent(pair.quoted));
        like_there += usize::from(wanted == indent(pair.there));
    }
    let kind = kind(pairs);
    // Tabs and spaces tell themselves apart. A few spaces behind them, or alone, only align.
    if let Indents::Units { from, to } = kind {
        let deep = |sign: u8, unit: usize| move |line: &&str| line.bytes().take_while(|byte| *byte == sign).count() >= unit;
        return match (news.iter().any(deep(from.0, from.1)), news.iter().any(deep(to.0, to.1))) {
            (true, true) => None,
            // Where the file has both, in a text or a table perhaps, there may be more of that.
            (true, false) if near.iter().any(|line| deep(from.0, from.1)(line)) => None,
            (true, false) => Some(kind),
            (false, _) => Some(Indents::Same),
        };
    }
    // What is one level deeper there cannot be told from what has a wider indentation everywhere, nor what only the first line
    // has from what all such lines have.
    let deeper = |than: usize| news[usize::from(leads)..].iter().any(|line| indent(line).len() > than);
    let wider = |from: &str, to: &str| !from.is_empty() && to.len().is_multiple_of(from.len());
    match &kind {
        Indents::More(_) => {
            let (from, to) = (indent(odd.quoted), indent(odd.there));
            let one = pairs.iter().all(|p| indent(p.quoted) == from);
            if one && wider(from, to) && deeper(from.len()) {
                return None;
            }
        }
        Indents::First { from, to } if wider(from, to) && deeper(from.len() - 1) => return None,
        _ => {}
    }
    // Lines that cannot be in the file's indentation tell more than all others, but for the first: it may lack its own.
    if let Indents::More(_) = kind
        // Lines that stay are as deep as the file's where they are the file's, or where something new is wrapped around them.
        && (like_there == 0 || like_quoted > 0)
        && pairs.len() > 1
        && !in_file(&kind, pairs, after.get(1..).unwrap_or_default())
        && !shallower(after, pairs)
    {
        return Some(kind);
    }
    let found = match (like_quoted, like_there) {
        (0, 0) => {
            // Nothing that differs stays. Then the first line that comes stands for the first that goes.
            let first = *news.first()?;
            let same = indent(first) == indent(odd.quoted) && indent(pairs[0].quoted) == indent(odd.quoted);
            if !same || shallower(news, pairs) {
                return None;
            }
            kind
        }
        // One line that stays is not much: the others may have been written in the file's indentation.
        (1, 0) if shallower(news, pairs) && matches!(kind, Indents::More(_) | Indents::Less(_)) => return None,
        // One that has the file's may just as well be indented anew.
        (0, 1) if matches!(kind, Indents::More(_) | Indents::Less(_)) => return None,
        (_, 0) => kind,
        (0, _) => return in_file(&kind, pairs, news).then_some(Indents::Same),
        _ => return None,
    };
    // One line tells nothing about the lines after it: it may be the only one that lacks its indentation.
    if pairs.len() == 1 && news.len() > usize::from(leads) {
        return None;
    }
    Some(found)
}

/// Whether a new line is less indented than all that is quoted.
fn shallower(news: &[&str], pairs: &[Pair<'_>]) -> bool {
    news.iter().map(|line| indent(line).len()).min() < pairs.iter().map(|p| indent(p.quoted).len()).min()
}

/// Whether the new lines can have been written in the file's own indentation.
fn in_file(kind: &Indents<'_>, pairs: &[Pair<'_>], news: &[&str]) -> bool {
    match kind {
        Indents::More(_) => {
            let least = pairs.iter().map(|p| indent(p.there)).min_by_key(|white| white.len()).unwrap_or_default();
            news.iter().all(|line| indent(line).starts_with(least))
        }
        _ => true,
    }
}

fn kind<'a>(pairs: &[Pair<'a>]) -> Indents<'a> {
    let whites: Vec<(&'a str, &'a str)> = pairs.iter().map(|p| (indent(p.quoted), indent(p.there))).collect();
    let Some(&(from, to)) = whites.first() else { return Indents::Same };
    if let Some(more) = to.strip_suffix(from)
        && whites.iter().all(|(from, to)| to.strip_suffix(from) == Some(more) && to.starts_with(more))
    {
        return if more.is_empty() { Indents::Same } else { Indents::More(more) };
    }
    if let Some(less) = from.strip_suffix(to)
        && whites.iter().all(|(from, to)| from.strip_suffix(to) == Some(less) && from.starts_with(less))
    {
        return Indents::Less(less);
    }
    if let Some(units) = units(&whites) {
        return units;
    }
    if whites.len() > 1 && whites[1..].iter().all(|(from, to)| from == to) {
        return Indents::First { from, to };
    }
    let mut table = BTreeMap::new();
    for (from, to) in whites {
        if *table.entry(from).or_insert(to) != to {
            table.clear();
            break;
        }
    }
    Indents::Table(table)
}

/// One character only, and how many.
fn run(white: &str) -> Option<(u8, usize)> {
    let first = *white.as_bytes().first()?;
    white.bytes().all(|byte| byte == first).then_some((first, white.len()))
}

fn units<'a>(whites: &[(&str, &str)]) -> Option<Indents<'a>> {
    let mut ratio: Option<((u8, usize), (u8, usize))> = None;
    for (from, to) in whites {
        // Spaces behind tabs only align, and stay.
        let behind = |white: &str| white.strip_prefix('\t').map(|rest| rest.trim_start_matches('\t').len());
        let rest = behind(from).or_else(|| behind(to)).unwrap_or_default();
        let (from, to) = (&from[..from.len().checked_sub(rest)?], &to[..to.len().checked_sub(rest)?]);
        if from == to {
            continue;
        }
        let (from, to) = (run(from)?, run(to)?);
        let (a, b) = *ratio.get_or_insert((from, to));
        if from.0 == to.0 || from.0 != a.0 || to.0 != b.0 || from.1 * b.1 != to.1 * a.1 {
            return None;
        }
        // The smallest one is the nearest to the unit.
        if from.1 < a.1 {
            ratio = Some((from, to));
        }
    }
    let (from, to) = ratio?;
    let common = (1..=from.1.min(to.1)).rev().find(|n| from.1 % n == 0 && to.1 % n == 0).unwrap_or(1);
    Some(Indents::Units { from: (from.0, from.1 / common), to: (to.0, to.1 / common) })
}

impl Indents<'_> {
    /// A new line in the file's indentation; `first` is whether it is the first line of all. None where that is not known.
    pub(super) fn line<'t>(&self, line: &'t str, first: bool) -> Option<Cow<'t, str>> {
        if is_blank(line) {
            return Some(line.into());
        }
        let (white, text) = line.split_at(indent(line).len());
        match self {
            Self::More(more) => Some(format!("{more}{line}").into()),
            Self::Less(less) => line.strip_prefix(less).map(Cow::Borrowed),
            Self::First { from, to } if first && white == *from => Some(format!("{to}{text}").into()),
            Self::First { to, .. } if first && white != *to => None,
            Self::Same | Self::First { .. } => Some(line.into()),
            Self::Units { from, to } => {
                let count = white.bytes().take_while(|byte| *byte == from.0).count();
                let (units, rest) = (count / from.1, &line[count - count % from.1..]);
                Some(format!("{}{rest}", char::from(to.0).to_string().repeat(units * to.1)).into())
            }
            Self::Table(known) => known.get(white).map(|to| format!("{to}{text}").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned<'a>(pairs: &[(&'a str, &'a str, Option<&'a str>)], news: &[&'a str]) -> Option<Indents<'a>> {
        let pairs: Vec<Pair<'a>> = pairs.iter().map(|(quoted, there, wanted)| Pair { quoted, there, wanted: *wanted }).collect();
        let kept = pairs.iter().filter_map(|p| p.wanted);
        learn(&pairs, &kept.chain(news.iter().copied()).collect::<Vec<_>>(), news, &[])
    }

    #[test]
    fn lines_that_stay_tell_whose_indentation_it_is() {
        let pairs = [("a", "    a", Some("a")), ("  b", "      b", Some("  b"))];
        assert_eq!(learned(&pairs, &["  c"]), Some(Indents::More("    ")));
        let pairs = [("a", "    a", Some("    a")), ("  b", "      b", Some("      b"))];
        assert_eq!(learned(&pairs, &["      c"]), Some(Indents::Same));
        assert_eq!(learned(&pairs, &["}"]), None, "the lines that stay were wrapped, or are the file's");
        let pairs = [("a", "    a", Some("    a")), ("    b", "        b", Some("    b"))];
        assert_eq!(learned(&pairs, &["    c"]), None, "they contradict each other");
    }

    #[test]
    fn units_and_first_lines() {
        let pairs = [("    a", "\ta", Some("    a")), ("        b", "\t\tb", None), ("c", "c", Some("c"))];
        let learned_units = learned(&pairs, &["            d"]).expect("units");
        assert_eq!(learned_units.line("            d", false).as_deref(), Some("\t\t\td"));
        assert_eq!(learned_units.line("     * d", false).as_deref(), Some("\t * d"));
        assert_eq!(learned(&pairs, &["\t\td", " * e"]), Some(Indents::Same));
        assert_eq!(learned(&pairs, &["\td", "    e"]), None);
        let pairs = [("a", "    a", None), ("      b", "      b", Some("      b"))];
        let first = learned(&pairs, &["c"]).expect("a first line");
        assert_eq!((first.line("c", true).as_deref(), first.line("  c", true)), (Some("    c"), None));
        assert_eq!(first.line("      c", false).as_deref(), Some("      c"));
    }

    #[test]
    fn one_line_does_not_tell_about_more() {
        let one = [("a", "    a", Some("a"))];
        assert_eq!(learned(&one, &["    b"]), None);
        assert_eq!(learned(&one, &["b"]), None);
        let wrapped = [("a", "    a", Some("    a"))];
        assert_eq!(learned(&wrapped, &["}"]), None);
    }
}
