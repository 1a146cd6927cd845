//! Whether an edit newly breaks the syntax of a file.
//!
//! Invariants
//! - Pure over text, and a matter of the files at hand: a language that no edited file has costs nothing.
//! - What a file had of errors before is not held against an edit: only errors at new places count, and only if there are
//!   more of them than before. In doubt, nothing is said.
//! - Bounded: files over [`LARGEST`] are not looked at, and reading one ends after a number of steps, not of seconds, so that
//!   the same text has the same result everywhere.

#[cfg(feature = "grammars")]
mod brackets;
#[cfg(feature = "grammars")]
mod branches;
#[cfg(feature = "grammars")]
mod language;
#[cfg(feature = "grammars")]
mod read;
#[cfg(test)]
#[cfg(feature = "grammars")]
mod tests;

use crate::base::path::RepoPath;

/// The largest file that is looked at, in bytes.
pub const LARGEST: usize = 2 << 20;

/// One place where a file does not parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// The line itself, shortened when it is very long.
    pub text: String,
    /// What is wrong: a sentence without a full stop.
    pub what: String,
}

/// The errors that a change brings into a file, the first few of them; none in a language that is not known. `before` is
/// `None` for a new file.
#[cfg(feature = "grammars")]
pub fn newly_broken(path: &RepoPath, before: Option<&[u8]>, after: &[u8]) -> Vec<SyntaxError> {
    let languages = language::of(path);
    // A header may be of either language: it is right if it is right in one of them.
    let mut found: Option<Vec<SyntaxError>> = None;
    for language in languages {
        let here = read::newly_broken(*language, before, after);
        if found.as_ref().is_none_or(|best| here.len() < best.len()) {
            found = Some(here);
        }
    }
    found.unwrap_or_default()
}

/// Without grammars no language is known.
#[cfg(not(feature = "grammars"))]
pub fn newly_broken(_: &RepoPath, _: Option<&[u8]>, _: &[u8]) -> Vec<SyntaxError> {
    Vec::new()
}
