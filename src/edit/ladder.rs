//! Where a search stands in a file. The steps, tried in order:
//!
//! 1. Whole lines, equal but for their line ends. Safe: the text is there, once.
//! 2. Whole lines that all lack, or all have too much of, the same leading white space; blank lines do not count. Safe
//!    only if the replacement is known to be shifted likewise, which [`Shift::apply`] decides.
//!
//! A step acts only on exactly one place. Several places end the search: a later step knows no better. A new step is a
//! function in [`LADDER`].

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::lines::Splice;

/// Places beyond this are not looked at; so many are not one.
const PLACES_MAX: usize = 200;

/// What a step found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    One(Splice<'a>),
    /// Line indices.
    Many(Vec<usize>),
    /// One place, but it is not clear how the replacement is to be indented there.
    Unsure(usize),
    None,
}

type Step = for<'a> fn(&[&str], &[&'a str], &[&'a str]) -> Found<'a>;

const LADDER: [Step; 2] = [exact, shifted];

/// Finds `search`, which is not empty, and gives what replaces it.
pub(super) fn find<'a>(file: &[&str], search: &[&'a str], replace: &[&'a str]) -> Found<'a> {
    LADDER.iter().map(|step| step(file, search, replace)).find(|found| *found != Found::None).unwrap_or(Found::None)
}

/// Every place where `needle` stands in `hay`, at most [`PLACES_MAX`]; in linear time whatever the lines are.
pub(super) fn places(hay: &[&str], needle: &[&str]) -> Vec<usize> {
    let mut found = Vec::new();
    if needle.is_empty() || needle.len() > hay.len() {
        return found;
    }
    // Knuth-Morris-Pratt: `back[n]` is the longest proper border of the first n + 1 lines.
    let mut back = vec![0; needle.len()];
    let mut matched = 0;
    for at in 1..needle.len() {
        while matched > 0 && needle[at] != needle[matched] {
            matched = back[matched - 1];
        }
        matched += usize::from(needle[at] == needle[matched]);
        back[at] = matched;
    }
    matched = 0;
    for (at, line) in hay.iter().enumerate() {
        while matched > 0 && (matched == needle.len() || *line != needle[matched]) {
            matched = back[matched - 1];
        }
        matched += usize::from(*line == needle[matched]);
        if matched == needle.len() {
            found.push(at + 1 - matched);
            if found.len() == PLACES_MAX {
                break;
            }
        }
    }
    found
}

fn exact<'a>(file: &[&str], search: &[&'a str], replace: &[&'a str]) -> Found<'a> {
    match places(file, search).as_slice() {
        [] => Found::None,
        [at] => Found::One(Splice { at: *at, len: search.len(), with: replace.iter().map(|t| Cow::Borrowed(*t)).collect() }),
        many => Found::Many(many.to_vec()),
    }
}

fn shifted<'a>(file: &[&str], search: &[&'a str], replace: &[&'a str]) -> Found<'a> {
    if search.iter().all(|line| line.trim().is_empty()) {
        return Found::None;
    }
    let bare = |lines: &[&'a str]| lines.iter().map(|line| line.trim_start()).collect::<Vec<_>>();
    let hay: Vec<&str> = file.iter().map(|line| line.trim_start()).collect();
    let all = places(&hay, &bare(search));
    if all.len() == PLACES_MAX {
        return Found::Many(all);
    }
    let fits: Vec<_> = all.into_iter().filter_map(|at| Some((at, Shift::between(&file[at..at + search.len()], search)?))).collect();
    match fits.as_slice() {
        [] => Found::None,
        [(at, shift)] => match shift.apply(&file[*at..*at + search.len()], search, replace) {
            Some(with) => Found::One(Splice { at: *at, len: search.len(), with }),
            None => Found::Unsure(*at),
        },
        many => Found::Many(many.iter().map(|(at, _)| *at).collect()),
    }
}

/// The leading white space by which all lines of a search differ from the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shift<'f> {
    /// The file has more.
    More(&'f str),
    /// The search has more.
    Less(usize),
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

fn solid<'s, 'a: 's>(lines: &'s [&'a str]) -> impl Iterator<Item = &'a str> + 's {
    lines.iter().copied().filter(|line| !line.trim().is_empty())
}

impl<'f> Shift<'f> {
    /// The one shift between two runs of lines that are equal but for leading white space.
    fn between(file: &[&'f str], search: &[&str]) -> Option<Self> {
        let mut shifts = file.iter().zip(search).filter(|(line, _)| !line.trim().is_empty()).map(|(line, sought)| {
            let (there, here) = (indent(line), indent(sought));
            match there.strip_suffix(here) {
                Some(more) => Some(Self::More(more)),
                None => here.strip_suffix(there).map(|less| Self::Less(less.len())),
            }
        });
        let first = shifts.next()??;
        let white = |less: usize| search.iter().find(|line| !line.trim().is_empty()).map(|line| &line[..less]);
        let same_white = match first {
            Self::More(_) => true,
            Self::Less(less) => {
                let lead = white(less);
                solid(search).all(|line| line.get(..less) == lead)
            }
        };
        (same_white && shifts.all(|shift| shift == Some(first))).then_some(first)
    }

    /// The replacement, shifted like the search. `None` unless it is plain that it was written in the search's
    /// indentation and not in the file's: models shift the one and not the other, or only a block's first line, and then
    /// a shift would indent twice.
    fn apply<'a>(self, file: &[&str], search: &[&'a str], replace: &[&'a str]) -> Option<Vec<Cow<'a, str>>> {
        let as_is = || replace.iter().map(|line| Cow::Borrowed(*line)).collect();
        let Some(first) = solid(replace).next() else { return Some(as_is()) };
        if self == Self::More("") {
            return Some(as_is());
        }
        let lead = solid(search).next()?;
        if indent(first) != indent(lead) {
            return None;
        }
        if solid(search).count() == 1 {
            // One line tells nothing about the lines after it.
            if solid(replace).count() > 1 {
                return None;
            }
        } else {
            let sought: BTreeSet<&str> = solid(search).collect();
            let there: BTreeSet<&str> = solid(file).collect();
            let (mut like_search, mut like_file) = (false, false);
            for line in solid(replace) {
                let (here, elsewhere) = (sought.contains(line), there.contains(line));
                like_search |= here && !elsewhere;
                like_file |= elsewhere && !here;
            }
            let least = |lines: &[&'a str]| solid(lines).map(|line| indent(line).len()).min();
            if like_file || least(replace) < least(search) || (!like_search && least(search) != least(replace)) {
                return None;
            }
        }
        replace
            .iter()
            .map(|line| match self {
                _ if line.trim().is_empty() => Some(Cow::Borrowed(*line)),
                Self::More(more) => Some(Cow::Owned(format!("{more}{line}"))),
                Self::Less(less) => {
                    let white = &lead[..less];
                    line.strip_prefix(white).map(Cow::Borrowed)
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(file: &str, search: &str, replace: &str) -> Result<String, String> {
        let (file, search, replace): (Vec<_>, Vec<_>, Vec<_>) =
            (file.lines().collect(), search.lines().collect(), replace.lines().collect());
        match find(&file, &search, &replace) {
            Found::One(splice) => {
                let mut out: Vec<String> = file.iter().map(|line| (*line).to_owned()).collect();
                out.splice(splice.at..splice.at + splice.len, splice.with.iter().map(|line| line.clone().into_owned()));
                Ok(out.join("\n"))
            }
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_uniform_shift_is_applied_to_the_replacement() {
        let file = "mod a {\n    fn f() {\n        g();\n\n        h();\n    }\n}";
        assert_eq!(
            result(file, "fn f() {\n    g();\n\n    h();\n}", "fn f() {\n    g();\n    k();\n}"),
            Ok("mod a {\n    fn f() {\n        g();\n        k();\n    }\n}".to_owned())
        );
        assert_eq!(
            result(file, "            g();\n\n            h();", "            g();\n              k();"),
            Ok("mod a {\n    fn f() {\n        g();\n          k();\n    }\n}".to_owned())
        );
        assert_eq!(result("\tx\n\t\ty", "x\n\ty", "x\n\tz"), Ok("\tx\n\t\tz".to_owned()));
        assert_eq!(result("\tx", "x", "z"), Ok("\tz".to_owned()));
        assert_eq!(result("\tx\n\ty\nz", "x\ny", ""), Ok("z".to_owned()));
    }

    #[test]
    fn nothing_is_indented_twice() {
        let file = "if a {\n    b();\n    c();\n}";
        for (search, replace) in [
            ("b();\nc();", "    b();\n    d();"),
            ("b();\nc();", "b();\n    c();\n    d();"),
            ("b();", "b();\n    d();"),
            ("b();\nc();", "    x();"),
            ("        b();\n        c();", "    b();\n    x();"),
            ("        b();\n        c();", "        b();\n    x();"),
        ] {
            assert_eq!(result(file, search, replace), Err("Unsure(1)".to_owned()), "{search:?} → {replace:?}");
        }
    }

    #[test]
    fn one_place_or_none() {
        assert_eq!(result("a\nb\na", "a", "x"), Err("Many([0, 2])".to_owned()));
        assert_eq!(result("a\na\na", "a\na", "x"), Err("Many([0, 1])".to_owned()), "overlapping places are two");
        assert_eq!(result(" a\n  a", "a", "x"), Err("Many([0, 1])".to_owned()));
        assert_eq!(result("a\n  a", "a", "x"), Ok("x\n  a".to_owned()));
        assert_eq!(result("\ta\n  b", "    a\n    b", "    a"), Err("None".to_owned()), "tabs are not spaces");
        assert_eq!(result("a \nb", "a\nb", "x"), Err("None".to_owned()));
    }

    proptest::proptest! {
        #[test]
        fn places_are_those_of_the_naive_search(hay in "[ab]{0,30}", needle in "[ab]{1,4}") {
            let (hay, needle): (Vec<&str>, Vec<&str>) = (hay.split("").filter(|t| !t.is_empty()).collect(), needle.split("").filter(|t| !t.is_empty()).collect());
            let naive: Vec<usize> = hay.windows(needle.len()).enumerate().filter(|(_, w)| *w == needle).map(|(at, _)| at).collect();
            proptest::prop_assert_eq!(places(&hay, &needle), naive);
        }
    }
}
