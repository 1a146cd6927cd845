//! `...` for lines that were left out.
//!
//! In the search it stands for whatever is between the lines around it, if those are found once. In the replacement alone it
//! stands for the lines of the search between its neighbours, if those stay. In all other cases nobody knows what it means,
//! and a file that says "rest unchanged" is the worst that could come of it.

use super::change::{Change, LineOp, is_blank, same, solid};
use super::settle::{Doubt, Hold};

/// Places of one piece that are looked at.
const PLACES: usize = 64;

/// What people and models say in a comment instead of lines is made of such words …
const WORDS: [&str; 62] = [
    "a",
    "above",
    "all",
    "and",
    "are",
    "as",
    "before",
    "below",
    "body",
    "brevity",
    "changes",
    "class",
    "code",
    "component",
    "content",
    "contents",
    "etc",
    "existing",
    "file",
    "for",
    "from",
    "function",
    "functions",
    "goes",
    "here",
    "implementation",
    "imports",
    "in",
    "is",
    "keep",
    "kept",
    "lines",
    "logic",
    "method",
    "methods",
    "module",
    "more",
    "needed",
    "no",
    "of",
    "omitted",
    "original",
    "other",
    "our",
    "previous",
    "remain",
    "remaining",
    "remains",
    "rest",
    "same",
    "script",
    "section",
    "stay",
    "stays",
    "styles",
    "tests",
    "the",
    "there",
    "this",
    "to",
    "unchanged",
    "your",
];
/// … with one of these among them.
const CORES: [&str; 9] = ["existing", "omitted", "previous", "remaining", "rest", "same", "unchanged", "original", "kept"];

/// A comment's text, without the signs of a comment, brackets and dots; whether dots begin it, and whether they end it. Where
/// it is no comment, that of the line.
fn read(line: &str) -> Option<(String, bool, bool)> {
    let text = line.trim_ascii();
    let leads = ["//", "#", "--", ";", "/*", "<!--", "{/*", "*", "%", "\"", "'"];
    let body = leads.iter().find_map(|lead| text.strip_prefix(lead)).unwrap_or(text);
    let body = ["*/}", "*/", "-->"].iter().find_map(|end| body.strip_suffix(end)).unwrap_or(body).trim_ascii();
    let body = body.trim_start_matches(['/', '#', '-', ';', '!', '*']).trim_ascii();
    let inner = [('[', ']'), ('(', ')')].iter().find_map(|(open, close)| body.strip_prefix(*open)?.strip_suffix(*close));
    let body = inner.unwrap_or(body).trim_ascii();
    let dots = |text: &str| ["...", "…"].contains(&text);
    let comment = body.len() < text.len();
    if !comment && !dots(body) {
        return None;
    }
    let begins = body.starts_with("...") && !body.starts_with("....") || body.starts_with('…');
    let ends = body.ends_with("...") && !body.ends_with("....") || body.ends_with('…');
    Some((body.trim_matches(['.', '…', ' ', '(', ')', '[', ']', ':', '!']).to_ascii_lowercase(), begins, ends))
}

/// Whether the words are those that stand for lines.
fn stands_for_lines(words: &str) -> bool {
    let words: Vec<&str> = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let enough = words.len() > 1 || matches!(words[..], ["unchanged" | "omitted" | "rest"]);
    enough && words.iter().all(|word| WORDS.contains(word)) && words.iter().any(|word| CORES.contains(word))
}

/// Whether the line says that lines were left out: three dots, alone or at the beginning of a comment, or at the end of one
/// that says so.
pub(super) fn leaves_out(line: &str) -> bool {
    // With white space between them they are the same dots, as all lines are.
    if solid(line).take(4).eq(*b"...") {
        return true;
    }
    if !line.contains("...") && !line.contains('…') {
        return false;
    }
    read(line).is_some_and(|(words, begins, ends)| begins || ends && stands_for_lines(&words))
}

/// Whether a comment says so in words.
pub(super) fn says_so(line: &str) -> bool {
    leaves_out(line) && line.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Whether a comment may say so, without dots. Where lines go and it comes, it does.
pub(super) fn hints_so(line: &str) -> bool {
    const LONGEST: usize = 80;
    line.trim_ascii().len() <= LONGEST && read(line).is_some_and(|(words, ..)| stands_for_lines(&words))
}

/// A line of the replacement that leaves lines out while the search has none such. Where three dots are code, and nothing
/// goes for them, they are code.
fn stray(ops: &[LineOp<'_>], at: usize, dots_are_code: bool) -> bool {
    let LineOp::Add(line) = ops[at] else { return false };
    if !leaves_out(line) && !hints_so(line) {
        return false;
    }
    let nothing_goes = !ops.iter().any(|op| matches!(op, LineOp::Drop(line) if !is_blank(line)));
    !(nothing_goes && (!leaves_out(line) || dots_are_code && line.trim_ascii() == "..."))
}

/// The change with what its replacement alone leaves out; none where it leaves out nothing.
pub(super) fn completed<'a>(change: &Change<'a>, dots_are_code: bool) -> Result<Option<Change<'a>>, Doubt> {
    let says = |line: &&str| leaves_out(line) || hints_so(line);
    if !change.new.iter().any(says) || change.old.iter().any(|line| leaves_out(line)) {
        return Ok(None);
    }
    let ops = change.ops();
    let mut out: Vec<LineOp<'a>> = Vec::with_capacity(ops.len());
    let mut any = false;
    let mut seen = 0;
    for run in ops.chunk_by(|a, b| !matches!(a, LineOp::Keep { .. }) && !matches!(b, LineOp::Keep { .. })) {
        let (from, upto) = (seen, seen + run.len());
        seen = upto;
        let marks = (0..run.len()).filter(|at| stray(run, *at, dots_are_code)).count();
        if marks == 0 {
            out.extend(run);
            continue;
        }
        any = true;
        // Whether a new line beside it replaces one of the lines or is one more is not said.
        let adds = run.iter().filter(|op| matches!(op, LineOp::Add(line) if !is_blank(line))).count();
        let drops: Vec<&'a str> = run.iter().filter_map(|op| op.old()).collect();
        // The lines around must be there once, or others of them may have been meant.
        let once = |op: Option<&LineOp<'a>>| match op {
            Some(LineOp::Keep { old, .. }) => change.old.iter().filter(|line| same(line, old)).count() == 1,
            Some(_) => false,
            None => true,
        };
        let certain = once(from.checked_sub(1).and_then(|at| ops.get(at))) && once(ops.get(upto));
        if marks != 1 || adds != 1 || drops.is_empty() || !certain {
            return Err(Doubt::Elision);
        }
        out.extend(drops.into_iter().map(|old| LineOp::Keep { old, new: old }));
    }
    Ok(any.then(|| Change::of(out)))
}

/// What the quoted lines are if those that leave lines out are taken so, and the pieces between are found in one way only; if
/// in several ways, the first line of the first.
/// `places` makes what gives, for solid quoted lines in a row, the file lines of each place where they stand.
pub(super) fn holds<P: Fn(&[&str]) -> Vec<Vec<usize>>>(old: &[&str], places: impl Fn() -> P) -> Option<Result<Vec<Hold>, usize>> {
    if !old.iter().any(|line| leaves_out(line)) {
        return None;
    }
    let pieces: Vec<Vec<&str>> =
        old.split(|line| leaves_out(line)).map(|piece| piece.iter().copied().filter(|line| !is_blank(line)).collect()).collect();
    let solid: Vec<&Vec<&str>> = pieces.iter().filter(|piece| !piece.is_empty()).collect();
    if solid.is_empty() {
        return None;
    }
    let places = places();
    let found: Vec<Vec<Vec<usize>>> = solid.iter().map(|piece| places(piece)).collect();
    if found.iter().any(|places| places.is_empty() || places.len() > PLACES) {
        return None;
    }
    // In how many ways the pieces stand one behind the other, from each place on.
    let mut ways: Vec<Vec<usize>> = found.iter().map(|places| vec![1; places.len()]).collect();
    let end = |lines: &[usize]| lines.last().copied().unwrap_or_default();
    for piece in (0..found.len().saturating_sub(1)).rev() {
        for (n, here) in found[piece].iter().enumerate() {
            let next = found[piece + 1].iter().zip(&ways[piece + 1]);
            ways[piece][n] =
                next.filter(|(there, _)| there[0] > end(here)).fold(0_usize, |sum, (_, ways)| sum.saturating_add(*ways));
        }
    }
    let total = ways[0].iter().fold(0_usize, |sum, n| sum.saturating_add(*n));
    if total != 1 {
        let first = found[0].iter().zip(&ways[0]).find(|(_, ways)| **ways > 0).map(|(lines, _)| lines[0]);
        return first.map(Err);
    }
    let mut lines = Vec::new();
    let mut from = None;
    for (places, ways) in found.iter().zip(&ways) {
        let here = places.iter().zip(ways).find(|(lines, ways)| **ways == 1 && from.is_none_or(|from| lines[0] > from))?.0;
        from = Some(end(here));
        lines.extend_from_slice(here);
    }
    let mut lines = lines.into_iter();
    let hold = |line: &&str| match line {
        line if leaves_out(line) => Hold::Elided,
        line if is_blank(line) => Hold::Blank,
        _ => lines.next().map_or(Hold::Slip, Hold::At),
    };
    Some(Ok(old.iter().map(hold).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_lines_out() {
        for yes in [
            "...",
            "    ...",
            "// ...",
            "# ... existing code ...",
            "<!-- ... rest of the page ... -->",
            "/* ... */",
            "…",
            "// ... rest of the function unchanged",
            "[... remaining items ...]",
            "// ...rest",
            "# ... and so on",
        ] {
            assert!(leaves_out(yes), "{yes}");
        }
        for no in
            ["....", "// and so on...", "foo(...)", "...args", "a, b, ...", "let rest = 1; // existing", "\"existing...\" + x"]
        {
            assert!(!leaves_out(no), "{no}");
        }
    }

    #[test]
    fn what_hints_at_lines() {
        for yes in ["// rest of the code remains the same", "# [previous code]", "/* existing code here */", "// (unchanged)"] {
            assert!(hints_so(yes), "{yes}");
        }
        for no in ["/// Same.", "# Check for an existing user...", "rest of the code", "// the other way round", "# keep it"] {
            assert!(!hints_so(no) && !leaves_out(no), "{no}");
        }
    }
}
