//! Where a change belongs in a file. The steps, tried in order:
//!
//! 1. Whole lines, equal but for their line ends. Safe: the text is there, once.
//! 2. Equal but for white space at the ends of lines. Safe: nobody tells two places apart by it.
//! 3. Equal but for the same indentation more or less everywhere. Safe: the text is there, once; how new lines are to be
//!    indented, the lines that stay tell (`indent.rs`), and if they do not, nothing is done.
//! 4. Equal but for any white space within lines, such as tabs for spaces or a first line without its indentation. As before.
//! 5. Equal but for blank lines, at either end or inside. Safe: a blank line of the file stays where it is among the same
//!    neighbours, or nothing is done (`settle.rs`).
//! 6. A line of `...` stands for what is between the lines around it. Safe only if those are found in one way (`elide.rs`).
//! 7. The one region that few lines differ from, all of them lines that stay, and no other region is near it (`near.rs`).
//!    Safe: a line that stays is the file's own, so what the model made up is never written.
//!
//! A step acts on exactly one place. Several places end the search: a later step knows no better. Steps 2 to 5 look for the
//! same lines, so they are one pass; of several places, one is meant if no other fits better in any way.

use std::borrow::Cow;

use super::change::{Change, is_blank};
use super::elide;
use super::indent::indent;
use super::keys::Keys;
use super::lines::Splice;
use super::near;
use super::settle::{Doubt, Hold, settle};

/// Places beyond this are not looked at; so many are not one.
const PLACES_MAX: usize = 200;

/// What a search came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    One(Splice<'a>),
    /// Line indices.
    Many(Vec<usize>),
    /// One place, but it is not certain what is to be there.
    Unsure(usize, Doubt),
    None,
}

/// What else is said about the place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hint<'h> {
    /// The index of the line where it begins. It decides among several places only.
    pub(super) line: Option<usize>,
    /// Lines that stand above it, each inside the one before.
    pub(super) scopes: &'h [String],
    /// It is at the end of the file.
    pub(super) at_end: bool,
    /// In this language, a line of three dots is code.
    pub(super) dots_are_code: bool,
}

/// Finds where `change`, which quotes a line that is not blank, belongs.
pub(super) fn find<'a>(file: &[&'a str], change: &Change<'a>, hint: Hint<'_>) -> Found<'a> {
    match place(file, change, hint) {
        Found::One(splice) if !change.is_diff() => Found::One(without_blanks_twice(file, splice)),
        found => found,
    }
}

/// Without the blank lines at the ends of the replacement that are beside it in the file, if anything else changes: the search
/// lacks them, and they are not meant twice.
fn without_blanks_twice<'a>(file: &[&'a str], mut splice: Splice<'a>) -> Splice<'a> {
    let there = &file[splice.at..splice.at + splice.len];
    let solid = |lines: &mut dyn Iterator<Item = &str>| lines.filter(|line| !is_blank(line)).map(str::to_owned).collect::<Vec<_>>();
    let same = solid(&mut there.iter().copied()) == solid(&mut splice.with.iter().map(|line| &**line));
    if same || splice.with.iter().all(|line| is_blank(line)) {
        return splice;
    }
    let count = |lines: &mut dyn Iterator<Item = &str>| lines.take_while(|line| is_blank(line)).count();
    let extra = |new: usize, old: usize, beside: usize| new.saturating_sub(old).min(beside);
    let head = extra(
        count(&mut splice.with.iter().map(|line| &**line)),
        count(&mut there.iter().copied()),
        count(&mut file[..splice.at].iter().rev().copied()),
    );
    let tail = extra(
        count(&mut splice.with.iter().rev().map(|line| &**line)),
        count(&mut there.iter().rev().copied()),
        count(&mut file[splice.at + splice.len..].iter().copied()),
    );
    splice.with.truncate(splice.with.len() - tail);
    splice.with.drain(..head);
    splice
}

fn place<'a>(file: &[&'a str], change: &Change<'a>, hint: Hint<'_>) -> Found<'a> {
    let completed = match elide::completed(change, hint.dots_are_code) {
        Ok(completed) => completed,
        Err(doubt) => return Found::Unsure(places(file, &change.old).first().copied().unwrap_or_default(), doubt),
    };
    let change = completed.as_ref().unwrap_or(change);
    let step = |change: &Change<'a>| exact(file, change, hint).or_else(|| inexact(file, change, hint)).unwrap_or(Found::None);
    match step(change) {
        Found::One(splice) => {
            // At the file's own ends there is nothing that they could be quoted from by mistake.
            match change.with_blank_ends(splice.at > 0, splice.at + splice.len < file.len()).map(|kept| step(&kept)) {
                None => Found::One(splice),
                // Where both come to the same, the file has no such lines.
                Some(Found::One(kept)) if after(file, &kept).eq(after(file, &splice)) => Found::One(kept),
                Some(Found::One(_)) => Found::Unsure(splice.at, Doubt::BlankEnds),
                Some(found) => found,
            }
        }
        // With fewer lines to delete it may be certain.
        found => match change.with_blank_ends(true, true) {
            Some(kept) => step(&kept),
            None => found,
        },
    }
}

/// The lines of the file after `splice`.
fn after<'l>(file: &'l [&str], splice: &'l Splice<'_>) -> impl Iterator<Item = &'l str> {
    let with = splice.with.iter().map(|line| &**line);
    file[..splice.at].iter().copied().chain(with).chain(file[splice.at + splice.len..].iter().copied())
}

/// Every place where `needle` stands in `hay`, at most [`PLACES_MAX`]; in linear time whatever the lines are.
pub(super) fn places<T: PartialEq>(hay: &[T], needle: &[T]) -> Vec<usize> {
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

fn exact<'a>(file: &[&'a str], change: &Change<'a>, hint: Hint<'_>) -> Option<Found<'a>> {
    let found = places(file, &change.old);
    let at = match found.as_slice() {
        [] => return None,
        [at] => *at,
        many => match hint.choose(file, many, change.old.len()) {
            Some(at) => at,
            None => return Some(Found::Many(found)),
        },
    };
    if change.is_outdented() {
        return Some(Found::Unsure(at, Doubt::Indentation));
    }
    let bare = |line: &'a str| Cow::Borrowed(line.strip_suffix('\r').unwrap_or(line));
    Some(Found::One(Splice { at, len: change.old.len(), with: change.new.iter().map(|line| bare(line)).collect() }))
}

fn inexact<'a>(file: &[&'a str], change: &Change<'a>, hint: Hint<'_>) -> Option<Found<'a>> {
    let old = &change.old;
    let solid: Vec<&'a str> = old.iter().copied().filter(|line| !is_blank(line)).collect();
    if solid.is_empty() {
        return None;
    }
    let keys = Keys::new(file);
    let found = keys.places(&solid);
    if !found.is_empty() {
        return Some(match best(file, old, found, hint) {
            Ok(lines) => put(file, change, &held(old, &lines)),
            Err(many) => Found::Many(many),
        });
    }
    if let Some(holds) = elide::holds(old, || keys.many_places()) {
        return Some(match holds {
            Ok(holds) => put(file, change, &holds),
            Err(first) => Found::Unsure(first, Doubt::Elision),
        });
    }
    if old.iter().any(|line| elide::leaves_out(line)) {
        return None;
    }
    // A region that is merely near is taken if it fits in every way, and only shown if not.
    near::holds(&keys, &change.ops()).and_then(|holds| settle(file, change, &holds).ok()).map(Found::One)
}

fn put<'a>(file: &[&'a str], change: &Change<'a>, holds: &[Hold]) -> Found<'a> {
    let first = holds.iter().find_map(|hold| if let Hold::At(at) = hold { Some(*at) } else { None });
    match settle(file, change, holds) {
        Ok(splice) => Found::One(splice),
        Err(doubt) => Found::Unsure(first.unwrap_or_default(), doubt),
    }
}

/// What each quoted line is, if those that are not blank stand at `lines`.
fn held(old: &[&str], lines: &[usize]) -> Vec<Hold> {
    let mut lines = lines.iter();
    old.iter().map(|line| if is_blank(line) { Hold::Blank } else { lines.next().map_or(Hold::Slip, |at| Hold::At(*at)) }).collect()
}

/// How much a place differs from the quotation, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Differs {
    Nowhere,
    AtLineEnds,
    InIndentation,
    InWhiteSpace,
}

/// The best fitting place; where several fit as well, the first lines of all of them.
fn best(file: &[&str], old: &[&str], found: Vec<Vec<usize>>, hint: Hint<'_>) -> Result<Vec<usize>, Vec<usize>> {
    let solid: Vec<usize> = (0..old.len()).filter(|n| !is_blank(old[*n])).collect();
    let differs = |lines: &[usize]| {
        let apart = |lines: &[usize]| lines.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>();
        let (head, tail) = (solid[0], old.len() - 1 - solid[solid.len() - 1]);
        let blank = |mut range: std::ops::Range<usize>| range.all(|at| file.get(at).is_some_and(|line| is_blank(line)));
        let last = lines[lines.len() - 1];
        let blanks = apart(&solid) != apart(lines)
            || lines[0] < head
            || !blank(lines[0] - head..lines[0])
            || !blank(last + 1..last + 1 + tail);
        let pairs = || solid.iter().zip(lines).map(|(n, at)| (old[*n], file[*at]));
        let differs = if pairs().all(|(a, b)| a == b) {
            Differs::Nowhere
        } else if pairs().all(|(a, b)| a.trim_ascii_end() == b.trim_ascii_end()) {
            Differs::AtLineEnds
        } else if pairs().all(|(a, b)| a.trim_ascii() == b.trim_ascii()) && evenly(pairs()) {
            Differs::InIndentation
        } else {
            Differs::InWhiteSpace
        };
        (blanks, differs)
    };
    let graded: Vec<((bool, Differs), Vec<usize>)> = found.into_iter().map(|lines| (differs(&lines), lines)).collect();
    // Of two places, one fits better that is no worse in its lines nor in its blank lines.
    let worse = |a: &(bool, Differs), b: &(bool, Differs)| a != b && a.0 >= b.0 && a.1 >= b.1;
    let fits = |(differs, _): &&((bool, Differs), Vec<usize>)| !graded.iter().any(|(other, _)| worse(differs, other));
    let mut fitting: Vec<Vec<usize>> = graded.iter().filter(fits).map(|(_, lines)| lines.clone()).collect();
    if fitting.len() == 1 {
        return Ok(fitting.remove(0));
    }
    let firsts: Vec<usize> = fitting.iter().map(|lines| lines[0].saturating_sub(solid[0])).collect();
    match hint.choose(file, &firsts, old.len()).and_then(|at| firsts.iter().position(|first| *first == at)) {
        Some(n) => Ok(fitting.remove(n)),
        None => Err(fitting.iter().map(|lines| lines[0]).collect()),
    }
}

/// Whether the lines differ by one and the same indentation.
fn evenly<'t>(mut pairs: impl Iterator<Item = (&'t str, &'t str)>) -> bool {
    let shift = |(a, b): (&'t str, &'t str)| {
        let (a, b) = (indent(a), indent(b));
        b.strip_suffix(a).map(|more| (true, more)).or_else(|| a.strip_suffix(b).map(|less| (false, less)))
    };
    let first = pairs.next().and_then(shift);
    first.is_some() && pairs.all(|pair| shift(pair) == first)
}

impl Hint<'_> {
    /// The one of several places that is meant, if that is said.
    fn choose(self, file: &[&str], places: &[usize], length: usize) -> Option<usize> {
        if places.len() >= PLACES_MAX {
            return None;
        }
        let only = |mut fitting: Vec<usize>| if fitting.len() == 1 { fitting.pop() } else { None };
        if self.at_end
            && let Some(at) = only(places.iter().copied().filter(|at| at + length == file.len()).collect())
        {
            return Some(at);
        }
        if let Some(line) = self.line.filter(|line| places.contains(line)) {
            return Some(line);
        }
        let mut block = 0..file.len();
        if self.scopes.is_empty() {
            return None;
        }
        for scope in self.scopes {
            let at = only(block.clone().filter(|at| file[*at].trim_ascii() == scope.trim_ascii()).collect())?;
            let deep = indent(file[at]).len();
            let closes = |line: &str| line.trim_ascii_start().starts_with(['}', ')', ']']);
            let inside = |line: &&&str| is_blank(line) || indent(line).len() > deep || (indent(line).len() == deep && closes(line));
            block = at..at + 1 + file[at + 1..].iter().take_while(inside).count();
        }
        only(places.iter().copied().filter(|at| block.contains(at)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(file: &str, search: &str, replace: &str) -> Result<String, String> {
        let file: Vec<_> = file.lines().collect();
        match find(&file, &Change::replacing(search.lines().collect(), replace.lines().collect()), Hint::default()) {
            Found::One(splice) => {
                let mut out: Vec<String> = file.iter().map(|line| (*line).to_owned()).collect();
                out.splice(splice.at..splice.at + splice.len, splice.with.iter().map(|line| line.clone().into_owned()));
                Ok(out.join("\n"))
            }
            Found::Many(places) => Err(format!("many {places:?}")),
            Found::Unsure(at, doubt) => Err(format!("{at}: {doubt}")),
            Found::None => Err("none".to_owned()),
        }
    }

    #[test]
    fn a_uniform_shift_is_applied_to_the_replacement() {
        let file = "mod a {\n    fn f() {\n        g();\n\n        h();\n    }\n}";
        let want = Ok("mod a {\n    fn f() {\n        g();\n        k();\n    }\n}".to_owned());
        assert_eq!(result(file, "fn f() {\n    g();\n\n    h();\n}", "fn f() {\n    g();\n    k();\n}"), want);
        assert_eq!(
            result(
                file,
                "        fn f() {\n            g();\n\n            h();\n        }",
                "        fn f() {\n            g();\n            k();\n        }"
            ),
            want
        );
        assert_eq!(
            result(file, "fn f() {\n    g();\n\n    h();\n}", "    fn f() {\n        g();\n        k();\n    }"),
            want,
            "the replacement has the file's indentation"
        );
    }

    #[test]
    fn nothing_is_indented_twice() {
        let file = "if a {\n    b();\n    c();\n}";
        for (search, replace) in [
            ("b();\nc();", "b();\n    c();\n    d();"),
            ("b();", "b();\n    d();"),
            ("b();\nc();", "    x();"),
            ("b();\nc();", "    b();\n    d();"),
            ("        b();\n        c();", "    b();\n    x();"),
            ("b();\nc();", "x();\n    b();\n    c();"),
            ("        b();\n        c();", "        b();\n    x();"),
            ("b();\nc();", "if x {\n    b();\n    c();\n}"),
        ] {
            let doubt = "1: it is not clear how to indent the replacement there".to_owned();
            assert_eq!(result(file, search, replace), Err(doubt), "{search:?} → {replace:?}");
        }
        for (search, replace, want) in [
            ("b();\nc();", "    b();\n    d();\n    c();", "if a {\n    b();\n    d();\n    c();\n}"),
            ("b();\nc();", "b();\nif x {\n    c();\n}", "if a {\n    b();\n    if x {\n        c();\n    }\n}"),
        ] {
            assert_eq!(result(file, search, replace), Ok(want.to_owned()), "{search:?} → {replace:?}");
        }
    }

    #[test]
    fn one_place_or_none() {
        assert_eq!(result("a\nb\na", "a", "x"), Err("many [0, 2]".to_owned()));
        assert_eq!(result("a\na\na", "a\na", "x"), Err("many [0, 1]".to_owned()), "overlapping places are two");
        assert_eq!(result(" a\n  a", "a", "x"), Err("many [0, 1]".to_owned()));
        assert_eq!(result("a\n  a", "a", "x"), Ok("x\n  a".to_owned()));
        assert_eq!(result("a \nb", "a\nb", "x"), Ok("x".to_owned()));
    }

    #[test]
    fn white_space_is_the_files() {
        let file = "fn f() {  \n\tlet a = 1;\n\n\tlet b = 2;\n}";
        let want = |c: &str| Ok(format!("fn f() {{  \n\tlet a = 1;\n\n{c}\tlet b = 2;\n}}"));
        for (search, replace) in [
            ("fn f() {\n\tlet a = 1;\n\n\tlet b = 2;", "fn f() {\n\tlet a = 1;\n\n\tlet c = 3;\n\tlet b = 2;"),
            ("    let a = 1;\n\n    let b = 2;\n", "    let a = 1;\n\n    let c = 3;\n    let b = 2;\n"),
            ("\n\nlet a = 1;\n\n\tlet b = 2;\n\n", "\n\nlet a = 1;\n\n\tlet c = 3;\n\tlet b = 2;\n\n"),
            ("\tlet a=1;\n\n\tlet b  = 2;", "\tlet a=1;\n\n\tlet c = 3;\n\tlet b  = 2;"),
        ] {
            assert_eq!(result(file, search, replace), want("\tlet c = 3;\n"), "{search}");
        }
        for replace in ["\tlet a = 1;\n\tlet c = 3;\n\tlet b = 2;", "\tlet a = 1;\n\n\tlet c = 3;\n\tlet b = 2;", "\tlet b = 2;"] {
            let doubt = "1: it is not clear where the new lines belong among the blank lines there".to_owned();
            assert_eq!(result(file, "\tlet a = 1;\n\tlet b = 2;", replace), Err(doubt), "{replace}");
        }
        assert_eq!(
            result(file, "\tlet a = 1;\n\tlet b = 2;", "\tlet a = 9;\n\tlet b = 8;"),
            Ok("fn f() {  \n\tlet a = 9;\n\n\tlet b = 8;\n}".to_owned())
        );
    }

    #[test]
    fn left_out_lines_are_the_files() {
        let file = "fn f() {\n    one();\n    two();\n    three();\n    four();\n}\nfn g() {\n    two();\n}";
        let want = Ok(file.replace("four", "five"));
        assert_eq!(result(file, "    one();\n...\n    four();\n}", "    one();\n...\n    five();\n}"), want);
        assert_eq!(
            result(file, "    one();\n    // ...\n    four();\n}", "    one();\n    two();\n    three();\n    five();\n}"),
            want,
            "all of it is written out"
        );
        assert_eq!(
            result(file, "    one();\n    two();\n    three();\n    four();", "    one();\n    ...\n    four();"),
            Ok(file.to_owned())
        );
        assert_eq!(
            result(
                file,
                "    one();\n    two();\n    three();\n    four();\n}",
                "    one();\n    // ... existing code ...\n    five();\n}"
            ),
            Err("1: it is not clear what `...` leaves out".to_owned()),
            "whether `three` is left out or replaced is not said"
        );
        assert_eq!(
            result(file, "fn f() {\n...\n    two();\n", "fn f() {\n...\n    six();\n"),
            Err("0: it is not clear what `...` leaves out".to_owned())
        );
    }

    #[test]
    fn a_slip_in_a_line_that_stays_is_the_files() {
        let file = "fn f() {\n    let alpha = compute(1, 2);\n    let beta = alpha + 1;\n    emit(beta);\n    done(alpha);\n}";
        let replace = |text: &str| text.replace("emit(beta)", "emit(beta, alpha)");
        let quoted = file.replace("compute(1, 2)", "compute(1, 3)");
        assert_eq!(result(file, &quoted, &replace(&quoted)), Ok(replace(file)));
        let quoted = file.replace("    let alpha = compute(1, 2);\n", "");
        assert_eq!(result(file, &quoted, &replace(&quoted)), Ok(replace(file)), "a line that is not quoted stays");
        let quoted = file.replace("{\n", "{\n    // made up\n");
        assert_eq!(result(file, &quoted, &replace(&quoted)), Ok(replace(file)), "a line that was made up is not written");
        let quoted = file.replace("emit(beta)", "emit(&beta)");
        assert_eq!(
            result(file, &quoted, &quoted.replace("emit(&beta)", "x()")),
            Err("none".to_owned()),
            "what is to be changed must be there"
        );
        let file_without = "h(cl\n\ns A:\n    two()\n\n %  def g(self):";
        let (quoted, dots) = ("  M class A:\n    two()\n\n %  def g(self):", "    ...\n\n\n  M class A:\n   f g(s");
        assert_eq!(result(file_without, quoted, dots), Err("none".to_owned()), "nor is it when it comes a second time");
        let twice = format!("{file}\n{}", file.replace("fn f", "fn g"));
        let quoted = file.replace("compute(1, 2)", "compute(1, 3)");
        assert_eq!(result(&twice, &quoted, &replace(&quoted)), Err("none".to_owned()), "another function comes near");
    }

    /// The file has a line twice, the search once: the other one is not taken for it and lost.
    #[test]
    fn a_line_like_one_that_is_not_quoted_stays() {
        let lines = ["impl A {", "    /// Adds one.", "    fn add(&mut self) {", "        self.total += 1;", "      "];
        let more = ["        self.total += 1;", "        self.calls += 1;", "        log(self.total);", "    }", "}"];
        let search = [&lines[1..4], &more[1..4]].concat().join("\n");
        let file = [&lines[..], &more[..]].concat().join("\n");
        let changed = |text: &str| text.replace("fn add", "fn sum").replace("log(self.total)", "log(x)");
        for slip in ["Adds one", "Adds 1"] {
            let search = search.replace("Adds one", slip);
            let got = result(&file, &search, &changed(&search));
            assert!(got.is_err() || got == Ok(changed(&file)), "{got:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn places_are_those_of_the_naive_search(hay in "[ab]{0,30}", needle in "[ab]{1,4}") {
            let naive: Vec<usize> =
                hay.as_bytes().windows(needle.len()).enumerate().filter(|(_, w)| *w == needle.as_bytes()).map(|(at, _)| at).collect();
            proptest::prop_assert_eq!(places(hay.as_bytes(), needle.as_bytes()), naive);
        }
    }
}
