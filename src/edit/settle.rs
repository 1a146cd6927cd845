//! A change and the place where its quotation was found → the lines to put there.
//!
//! The quotation is corrected until it is the file, line by line, and what the change repeats of it is corrected likewise. Then
//! the two are compared: lines that stay are the file's own, lines that go are gone, and lines that come stand between the same
//! neighbours. Lines that the quotation did not have stay, if it is certain where among the new ones; else there is a
//! [`Doubt`] and nothing is done.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::change::{Change, LineOp, is_blank, same};
use super::elide::leaves_out;
use super::indent::{Indents, Pair, indent, learn};
use super::lines::Splice;

/// What a quoted line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// It stands at this line of the file.
    At(usize),
    /// It is blank.
    Blank,
    /// It stands for lines that were left out.
    Elided,
    /// It stands at this line of the file, but is quoted with a slip.
    Near(usize),
    /// It is not in the file.
    Slip,
}

/// What is not certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    #[error("it is not clear how to indent the replacement there")]
    Indentation,
    #[error("it is not clear where the new lines belong among the blank lines there")]
    Blanks,
    #[error("it is not clear whether the blank lines at its ends are to go")]
    BlankEnds,
    #[error("it is not clear what `...` leaves out")]
    Elision,
    #[error("a line that is to be changed differs from the file's")]
    Slip,
}

/// So many lines around a place are looked at for how the file indents there.
const AROUND: usize = 40;

/// A line of the corrected quotation.
#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    at: usize,
    /// It was not quoted.
    silent: bool,
    /// The change repeats it.
    kept: bool,
}

/// A line of the change in its place.
enum Placed<'a> {
    Keep { old: &'a str, new: &'a str, at: usize },
    Drop { old: &'a str, at: usize },
    Add(&'a str),
}

/// The change at its place; `holds` says of each quoted line what it is, at least one is found.
pub(super) fn settle<'a>(file: &[&'a str], change: &Change<'a>, holds: &[Hold]) -> Result<Splice<'a>, Doubt> {
    let (lines, new) = Correction::new(file, change, holds).corrected()?;
    let texts = lines.iter().map(|line| line.text).collect();
    let ops = Change::replacing(texts, new).ops();
    // A line that was not quoted may be equal to one that stays, and be taken for it.
    let olds = ops.iter().filter(|op| op.old().is_some());
    let lost = lines.iter().zip(olds).any(|(line, op)| line.kept && !is_blank(line.text) && matches!(op, LineOp::Drop(_)));
    if lost && lines.iter().any(|line| line.silent && !is_blank(line.text)) {
        return Err(Doubt::Slip);
    }
    emit(file, &placed(&lines, &ops)?, change.is_diff())
}

/// The quotation and what the change repeats of it, being corrected.
struct Correction<'c, 'a> {
    file: &'c [&'a str],
    change: &'c Change<'a>,
    holds: &'c [Hold],
    /// By quoted line, the line of the result that repeats it.
    repeats: Vec<Option<usize>>,
    lines: Vec<Line<'a>>,
    /// What stands in the result instead of a line of it.
    instead: BTreeMap<usize, Vec<&'a str>>,
}

impl<'c, 'a> Correction<'c, 'a> {
    fn new(file: &'c [&'a str], change: &'c Change<'a>, holds: &'c [Hold]) -> Self {
        let (mut repeats, mut to) = (Vec::with_capacity(change.old.len()), 0);
        for op in change.ops_as_written() {
            match op {
                LineOp::Keep { .. } => repeats.push(Some(to)),
                LineOp::Drop(_) => repeats.push(None),
                LineOp::Add(_) => {}
            }
            to += usize::from(!matches!(op, LineOp::Drop(_)));
        }
        Self { file, change, holds, repeats, lines: Vec::new(), instead: BTreeMap::new() }
    }

    fn corrected(mut self) -> Result<(Vec<Line<'a>>, Vec<&'a str>), Doubt> {
        let found = |(n, hold): (usize, &Hold)| if let Hold::At(at) | Hold::Near(at) = hold { Some((n, *at)) } else { None };
        let found: Vec<(usize, usize)> = self.holds.iter().enumerate().filter_map(found).collect();
        let (Some(&(first, from)), Some(&(last, to))) = (found.first(), found.last()) else { return Err(Doubt::Slip) };
        let there = self.file[..from].iter().rev().take_while(|line| is_blank(line)).count();
        self.edge(0..first, there, from)?;
        self.put(first, from)?;
        for pair in found.windows(2) {
            let ((left, above), (right, below)) = (pair[0], pair[1]);
            self.between(left + 1..right, above + 1..below)?;
            self.put(right, below)?;
        }
        let there = self.file[to + 1..].iter().take_while(|line| is_blank(line)).count();
        self.edge(last + 1..self.holds.len(), there, to + 1)?;
        let mut new: Vec<&'a str> = Vec::with_capacity(self.change.new.len());
        let elided: BTreeSet<usize> =
            (0..self.holds.len()).filter(|n| self.holds[*n] == Hold::Elided).filter_map(|n| self.repeats[n]).collect();
        let any = self.holds.contains(&Hold::Elided);
        for (n, line) in self.change.new.iter().enumerate() {
            match self.instead.get(&n) {
                Some(lines) => new.extend(lines),
                None if any && leaves_out(line) && !elided.contains(&n) => return Err(Doubt::Elision),
                None => new.push(line),
            }
        }
        Ok((self.lines, new))
    }

    /// A quoted line stands at this line of the file.
    fn put(&mut self, n: usize, at: usize) -> Result<(), Doubt> {
        let near = matches!(self.holds[n], Hold::Near(_));
        if near {
            // What is to be changed must be there as it is quoted.
            let to = self.repeats[n].ok_or(Doubt::Slip)?;
            self.instead.insert(to, vec![self.file[at]]);
        }
        let text = if near { self.file[at] } else { self.change.old[n] };
        self.lines.push(Line { text, at, silent: false, kept: self.repeats[n].is_some() });
        Ok(())
    }

    /// A line of the file that is not quoted.
    fn add(&mut self, at: usize, silent: bool) {
        self.lines.push(Line { text: self.file[at], at, silent, kept: false });
    }

    /// A quoted line is not in the file, so it is not repeated either.
    fn forget(&mut self, n: usize) {
        if let Some(to) = self.repeats[n] {
            self.instead.insert(to, Vec::new());
        }
    }

    /// In front of what was found, or behind it, where the file has `there` blank lines next to line `at`.
    fn edge(&mut self, quoted: std::ops::Range<usize>, there: usize, at: usize) -> Result<(), Doubt> {
        let leading = quoted.start == 0;
        let blanks: Vec<usize> = quoted.clone().filter(|n| self.holds[*n] == Hold::Blank).collect();
        // The outermost new line: what is left out beside it has an end that nobody knows.
        let quotes: BTreeSet<usize> = self.repeats.iter().flatten().copied().collect();
        let mut news = (0..self.change.new.len()).filter(|to| !quotes.contains(to) && !is_blank(self.change.new[*to]));
        let news = if leading { news.next() } else { news.next_back() };
        for n in quoted.clone() {
            // What is left out or made up at the edge is no part of the change, if it only stays and nothing new is behind it.
            let quiet = self.is_quiet(if leading { n..quoted.end } else { quoted.start - 1..n })
                && self.repeats[n].is_some_and(|to| news.is_none_or(|at| if leading { at > to } else { at < to }));
            match self.holds[n] {
                Hold::Elided | Hold::Slip if quiet => self.forget(n),
                Hold::Elided => return Err(Doubt::Elision),
                Hold::Slip => return Err(Doubt::Slip),
                Hold::Blank | Hold::At(_) | Hold::Near(_) => {}
            }
        }
        let own = blanks.len().min(there);
        let spare = blanks.len() - own;
        // The outermost ones are too many, in the result as well.
        let new = &self.change.new;
        let outer: Vec<usize> = if leading { (0..new.len()).collect() } else { (0..new.len()).rev().collect() };
        for to in outer.into_iter().take_while(|to| is_blank(new[*to])).take(spare) {
            self.instead.insert(to, Vec::new());
        }
        if leading {
            blanks[spare..].iter().zip(at - own..at).try_for_each(|(n, at)| self.put(*n, at))
        } else {
            blanks[..own].iter().zip(at..at + own).try_for_each(|(n, at)| self.put(*n, at))
        }
    }

    /// Whether all quoted lines of the range stay, and nothing new stands between them and the next one.
    fn is_quiet(&self, quoted: std::ops::Range<usize>) -> bool {
        let to = |n: usize| self.repeats.get(n).copied().flatten();
        (quoted.start..quoted.end).all(|n| matches!((to(n), to(n + 1)), (Some(a), Some(b)) if b == a + 1))
    }

    /// Between two lines that were found.
    fn between(&mut self, quoted: std::ops::Range<usize>, there: std::ops::Range<usize>) -> Result<(), Doubt> {
        let held = |hold: Hold| quoted.clone().filter(|n| self.holds[*n] == hold).collect::<Vec<_>>();
        let (elided, slips, blanks) = (held(Hold::Elided), held(Hold::Slip), held(Hold::Blank));
        if let Some(mark) = elided.first() {
            if elided.len() > 1 || !slips.is_empty() {
                return Err(Doubt::Elision);
            }
            self.elided(*mark, &blanks, there);
            return Ok(());
        }
        if slips.is_empty() && there.clone().all(|at| is_blank(self.file[at])) {
            return self.blanks(&blanks, there);
        }
        if slips.is_empty() {
            for n in &blanks {
                self.forget(*n);
            }
            there.for_each(|at| self.add(at, true));
        } else {
            // Lines were made up.
            if slips.iter().any(|n| self.repeats[*n].is_none()) || there.clone().any(|at| !is_blank(self.file[at])) {
                return Err(Doubt::Slip);
            }
            for n in &slips {
                self.forget(*n);
            }
            return self.blanks(&blanks, there);
        }
        Ok(())
    }

    /// All lines there are blank.
    fn blanks(&mut self, quoted: &[usize], there: std::ops::Range<usize>) -> Result<(), Doubt> {
        let mut spare = quoted.len().saturating_sub(there.len());
        let mut left_out = BTreeSet::new();
        // Too many: those that are to go are gone already.
        for goes in [true, false] {
            for n in quoted.iter().rev() {
                if spare > 0 && self.repeats[*n].is_none() == goes && left_out.insert(*n) {
                    spare -= 1;
                    self.forget(*n);
                }
            }
        }
        let mut quoted = quoted.iter().filter(|n| !left_out.contains(n));
        for at in there {
            match quoted.next() {
                Some(n) => self.put(*n, at)?,
                None => self.add(at, true),
            }
        }
        Ok(())
    }

    /// The quoted line `mark` stands for what is there; `blanks` are the blank lines around it.
    fn elided(&mut self, mark: usize, blanks: &[usize], there: std::ops::Range<usize>) {
        let (above, below): (Vec<usize>, Vec<usize>) = blanks.iter().partition(|n| **n < mark);
        let blank = |at: &usize| is_blank(self.file[*at]);
        let head = there.clone().take_while(blank).count().min(above.len());
        let tail = (there.start + head..there.end).rev().take_while(blank).count().min(below.len());
        above[head..].iter().chain(&below[..below.len() - tail]).for_each(|n| self.forget(*n));
        if let Some(to) = self.repeats[mark] {
            self.instead.insert(to, self.file[there.start + head..there.end - tail].to_vec());
        }
        there.for_each(|at| self.add(at, false));
    }
}

/// What becomes of the lines of the corrected quotation. One that was not quoted stays, if nothing changes beside it: what the
/// model would have had there is not known.
fn placed<'a>(lines: &[Line<'a>], ops: &[LineOp<'a>]) -> Result<Vec<Placed<'a>>, Doubt> {
    let mut out = Vec::with_capacity(ops.len());
    let (mut next, mut seen) = (0, 0);
    for run in ops.chunk_by(|a, b| !matches!(a, LineOp::Keep { .. }) && !matches!(b, LineOp::Keep { .. })) {
        let (from, upto) = (seen, seen + run.len());
        seen = upto;
        if let [LineOp::Keep { old, new }] = run {
            let line = lines[next];
            next += 1;
            if line.silent && is_blank(line.text) && (is_beside_news(&ops[..from], true) || is_beside_news(&ops[upto..], false)) {
                return Err(Doubt::Blanks);
            }
            out.push(Placed::Keep { old, new, at: line.at });
            continue;
        }
        let news: Vec<&'a str> = run.iter().filter_map(|op| if let LineOp::Add(line) = op { Some(*line) } else { None }).collect();
        let gone = &lines[next..next + run.len() - news.len()];
        next += gone.len();
        let drop = |line: &Line<'a>| Placed::Drop { old: line.text, at: line.at };
        let stay = |line: &Line<'a>| Placed::Keep { old: line.text, new: line.text, at: line.at };
        if !gone.iter().any(|line| line.silent) {
            out.extend(gone.iter().map(drop));
            out.extend(news.into_iter().map(Placed::Add));
            continue;
        }
        let quoted = |line: &Line<'a>| !line.silent;
        let doubt = if gone.iter().any(|line| line.silent && !is_blank(line.text)) { Doubt::Slip } else { Doubt::Blanks };
        let (Some(first), Some(last)) = (gone.iter().position(quoted), gone.iter().rposition(quoted)) else {
            if !news.is_empty() {
                return Err(doubt);
            }
            out.extend(gone.iter().map(stay));
            continue;
        };
        // It stays beside or between lines that are replaced; where lines only go, it may well go with them.
        let inner = &gone[first..=last];
        let one_by_one = news.len() == inner.iter().filter(|line| quoted(line)).count() && !news.iter().any(|line| is_blank(line));
        if news.is_empty() || doubt == Doubt::Slip || !(one_by_one || inner.iter().all(quoted)) {
            return Err(doubt);
        }
        out.extend(gone[..first].iter().map(stay));
        let mut news = news.into_iter().map(Placed::Add);
        for line in inner {
            out.push(if line.silent { stay(line) } else { drop(line) });
            if one_by_one && !line.silent {
                out.extend(news.next());
            }
        }
        out.extend(news);
        out.extend(gone[last + 1..].iter().map(stay));
    }
    Ok(out)
}

/// Whether new lines that replace none stand next to a blank line that was not quoted, without such a line on their other side:
/// then the model may have left it out, or meant it for the other side. They may also stand further off, if the lines in
/// between are the same as their own.
fn is_beside_news(ops: &[LineOp<'_>], above: bool) -> bool {
    let line = |op: &LineOp<'_>| match *op {
        LineOp::Keep { new, .. } => (true, new.to_owned()),
        LineOp::Add(new) => (false, new.to_owned()),
        LineOp::Drop(_) => (true, String::new()),
    };
    let far = |n: usize| if above { ops.len().checked_sub(n + 1).map(|at| &ops[at]) } else { ops.get(n) };
    let kept = (0..ops.len()).take_while(|n| matches!(far(*n), Some(LineOp::Keep { .. }))).count();
    let run = (kept..ops.len()).take_while(|n| matches!(far(*n), Some(LineOp::Add(_) | LineOp::Drop(_)))).count();
    let adds: Vec<String> =
        (kept..kept + run).filter_map(&far).filter(|op| matches!(op, LineOp::Add(_))).map(|op| line(op).1).collect();
    if adds.is_empty() || adds.len() < run || kept > adds.len() {
        return false;
    }
    // The new lines, nearest first; moved up to the blank line, those in between come first and as many fall off at the far end.
    let between = (0..kept).filter_map(&far).map(|op| line(op).1);
    let slides = between.zip(&adds[adds.len() - kept..]).all(|(kept, add)| same(&kept, add));
    slides && adds.len().checked_sub(kept + 1).is_none_or(|last| !is_blank(&adds[last]))
}

fn emit<'a>(file: &[&'a str], placed: &[Placed<'a>], diff: bool) -> Result<Splice<'a>, Doubt> {
    let place = |p: &Placed<'a>| match p {
        Placed::Keep { at, .. } | Placed::Drop { at, .. } => Some(*at),
        Placed::Add(_) => None,
    };
    let (Some(first), Some(last)) = (placed.iter().find_map(place), placed.iter().rev().find_map(place)) else {
        return Err(Doubt::Slip);
    };
    // If nothing but white space is to change, the file's own must be quoted.
    let kept = |p: &Placed<'a>| if let Placed::Keep { old, new, at } = p { Some((*old, *new, file[*at])) } else { None };
    if placed.iter().all(|p| kept(p).is_some())
        && placed.iter().filter_map(kept).any(|(old, new, there)| old != there && new != old)
    {
        return Err(Doubt::Indentation);
    }
    let pair = |p: &Placed<'a>| {
        let (quoted, at, wanted) = match p {
            Placed::Keep { old, new, at } => (*old, *at, Some(*new)),
            Placed::Drop { old, at } => (*old, *at, None),
            Placed::Add(_) => return None,
        };
        (!is_blank(quoted) && same(quoted, file[at])).then_some(Pair { quoted, there: file[at], wanted })
    };
    let pairs: Vec<Pair<'a>> = placed.iter().filter_map(pair).collect();
    let needs = |p: &Placed<'a>| match p {
        Placed::Add(line) if !is_blank(line) => Some(*line),
        Placed::Keep { old, new, at } if *old != file[*at] && indent(new) != indent(old) && !is_blank(new) => Some(*new),
        _ => None,
    };
    let news: Vec<&'a str> = placed.iter().filter_map(needs).collect();
    let after = placed.iter().filter_map(|p| match p {
        Placed::Add(line) | Placed::Keep { new: line, .. } => Some(*line).filter(|line| !is_blank(line)),
        Placed::Drop { .. } => None,
    });
    let after: Vec<&'a str> = after.collect();
    let near = &file[first.saturating_sub(AROUND)..(last + AROUND).min(file.len())];
    let indents = if news.is_empty() { Indents::Same } else { learn(&pairs, &after, &news, near).ok_or(Doubt::Indentation)? };
    // In a diff, lines that stay may have lost their sign, and a space for it; lines that come have not.
    let indents = if diff && indents == Indents::More(" ") { Indents::Same } else { indents };
    // A first line that lacks its indentation and is no longer the first one has perhaps been taken for another.
    let odd = |p: &Pair<'_>| indent(p.quoted) != indent(p.there);
    let first_odd = pairs.len() > 1 && odd(&pairs[0]) && !pairs[1..].iter().any(odd);
    let mut with: Vec<Cow<'a, str>> = Vec::with_capacity(placed.len());
    let mut first_line = true;
    for p in placed {
        match p {
            Placed::Keep { old, at, .. } if first_odd && !first_line && indent(old) != indent(file[*at]) => {
                return Err(Doubt::Indentation);
            }
            Placed::Drop { .. } => {}
            Placed::Add(line) => {
                let line = line.strip_suffix('\r').unwrap_or(line);
                with.push(indents.line(line, first_line).ok_or(Doubt::Indentation)?);
                first_line &= is_blank(line);
            }
            Placed::Keep { old, new, at } => {
                with.push(respaced(old, new, file[*at], &indents, first_line)?);
                first_line &= is_blank(new);
            }
        }
    }
    Ok(Splice { at: first, len: last + 1 - first, with })
}

/// A line that stays, perhaps with other white space than it is quoted with.
fn respaced<'a>(old: &'a str, new: &'a str, there: &'a str, indents: &Indents<'_>, first: bool) -> Result<Cow<'a, str>, Doubt> {
    if new == old || is_blank(new) && is_blank(old) {
        return Ok(Cow::Borrowed(there));
    }
    if old == there {
        return Ok(Cow::Borrowed(new));
    }
    // Of each part, what the model changed; where it changed nothing, what the file has.
    let parts = |line: &'a str| {
        let text = line.trim_ascii();
        (indent(line), text, &line[indent(line).len() + text.len()..])
    };
    let ((old_white, old_text, old_end), (white, text, end), (there_white, there_text, there_end)) =
        (parts(old), parts(new), parts(there));
    let white: Cow<'_, str> = if white == old_white {
        there_white.into()
    } else {
        let line = indents.line(new, first).ok_or(Doubt::Indentation)?;
        indent(&line).to_owned().into()
    };
    let text = if text == old_text { there_text } else { text };
    let end = if end == old_end { there_end } else { end };
    Ok(format!("{white}{text}{end}").into())
}
