//! An answer that reached the length limit goes on in the exchange's next turn.
//!
//! Invariants
//! - Each turn keeps the text that came in it; the edits are read from the whole, and nothing is written before its end.
//! - Where one piece ends and the next begins is proven, not guessed: the next one begins with the lines in which the last one
//!   stopped, so many that they are no accident. One that does not is not put behind it.

use super::super::machine::Input;
use super::super::open::Place;
use super::super::store::Begins;
use super::super::{Error, prepare};
use super::{Driver, Progress};

impl Driver<'_> {
    /// Whether a piece of an answer goes on where the one before it stopped.
    pub(super) fn fits(&self, piece: &str) -> bool {
        joined(&self.so_far, piece).is_some()
    }

    /// Whether the model is asked for the rest of an answer that was cut off behind this piece, which is kept then.
    pub(super) fn goes_on(&mut self, piece: &str) -> bool {
        let whole = joined(&self.so_far, piece).filter(|whole| !whole.trim().is_empty());
        let Some(whole) = whole.filter(|_| self.continuations_left > 0) else { return false };
        self.continuations_left -= 1;
        self.so_far = self.ws.redactor.redact(&whole).into_owned();
        true
    }

    /// All of the answer whose last piece this is. A piece that does not fit is none of it.
    pub(super) fn with_earlier(&self, piece: String) -> String {
        if self.so_far.is_empty() { piece } else { joined(&self.so_far, &piece).unwrap_or_else(|| self.so_far.clone()) }
    }

    /// Opens the turn that asks for the rest.
    pub(super) fn open_continuation(&mut self) -> Result<Input, Error> {
        let Some((_, appended)) = &self.last else { return Err(Error::Bug("nothing to go on with".to_owned())) };
        let (parent, session) = (appended.commit, appended.session);
        self.error = None;
        let (call, tokens) = prepare::continuation(self.ws, parent, &self.model, &self.so_far[seam(&self.so_far)..])?;
        self.within_budget(tokens)?;
        let header = self.header(Some(session), Some(parent))?;
        self.observer.observe(&Progress::Continuing { turn: &header, tokens });
        self.open_turn(header, Place::new(Some(parent), Begins::Nothing), None, call)
    }
}

/// How many characters that are not blank have to be there twice: a `}` begins many lines.
const PROOF: usize = 24;

/// Where the lines begin that the next piece has to begin with: the last ones, with [`PROOF`] characters, or all.
fn seam(text: &str) -> usize {
    let mut seen = 0;
    let mut at = text.trim_end().len();
    loop {
        let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
        seen += text[begin..at].chars().filter(|c| !c.is_whitespace()).count();
        if begin == 0 || (seen >= PROOF && !text[begin..at].trim().is_empty()) {
            return begin;
        }
        at = begin - 1;
    }
}

/// The two pieces of an answer as one; nothing where the second does not begin with the lines in which the first stopped.
fn joined(before: &str, after: &str) -> Option<String> {
    let (kept, lines) = before.split_at(seam(before));
    // Of a whole line its end is known as well.
    let lines = lines.trim_end_matches('\n');
    let after = after.trim_start_matches('\n');
    after.starts_with(lines).then(|| format!("{kept}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seam_is_proven() {
        let join = |before: &str, after: &str| joined(before, after);
        assert_eq!(join("", "abc").as_deref(), Some("abc"));
        // A line that is long enough is one that is there once.
        let long = "let counted = words.len() + 1";
        let (before, after) = (format!("a\n    {long}"), format!("    {long};\nb"));
        assert_eq!(join(&before, &after), Some(format!("a\n    {long};\nb")));
        assert_eq!(join("a\nthr", "\na\nthree").as_deref(), Some("a\nthree"));
        // A whole line, and blank ones behind it.
        assert_eq!(join(&format!("a\n{long}\n\n"), &format!("{long}\n\n\nc")), Some(format!("a\n{long}\n\n\nc")));
        assert_eq!(join("a\nb \n", "a\nb \nc").as_deref(), Some("a\nb \nc"));
        // The last line alone proves nothing where it is short: these are two braces, or one.
        let (before, lines) = (format!("x\n{long}\n\n}}\n"), format!("{long}\n\n}}\n"));
        assert_eq!(join(&before, "}\n\nfn f() {}"), None);
        assert_eq!(join(&before, &format!("{lines}}}\n")), Some(format!("x\n{lines}}}\n")));
        for (before, after) in [("a\nthr", "ee"), ("a\nthr", "```\na\nthree"), ("a\n  x", "x = 1"), ("a\nb\n", "c"), ("a\nb", "b")]
        {
            assert_eq!(join(before, after), None, "{before:?} {after:?}");
        }
    }
}
