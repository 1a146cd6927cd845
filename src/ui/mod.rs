//! Layer 1, behind the feature `cli`: labelled output, colour, progress, questions. Owns anstyle and everything terminal.
//!
//! Invariants
//! - It knows no domain type: it is handed text with styles, and answers with yes, no or a number.
//! - stdout carries results only, everything else goes to stderr; a pipe gets the exact bytes of a result.
//! - On a terminal, foreign text cannot move the cursor, change colours or reorder what is shown.
//! - Nothing waits for an answer when nobody can give one: the safe answer is taken and named.
//! - A reader of stdout that went away is [`OutputError::BrokenPipe`]; a stderr that went away is nobody's problem.

mod diff;
mod human;
mod output;
mod secret;
mod sides;
mod stream;
mod style;
mod table;

pub use diff::diff;
pub use human::{age, bytes, count, elapsed};
pub use output::{ColorChoice, Options, OutputError, Report, Streams, Terminal, Ui, Veil};
pub use secret::Typed;
pub use sides::side_by_side;
pub use stream::{Neutraliser, Stream};
pub use style::{Style, Text};
pub use table::Table;

#[cfg(test)]
mod tests;
