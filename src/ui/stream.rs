//! Text that arrives in pieces.

use super::output::{OutputError, Ui};
use crate::base::text::neutralise;

/// [`neutralise`] over pieces of a text, cut anywhere between characters.
///
/// Escape sequences need no memory, since each control character is made visible by itself; only a carriage return has to
/// wait for the next character, because before a newline it is dropped.
#[derive(Debug, Clone, Default)]
pub struct Neutraliser {
    held_return: bool,
}

impl Neutraliser {
    /// The harmless form of the next piece.
    pub fn push(&mut self, chunk: &str) -> String {
        let mut text = String::with_capacity(chunk.len() + 1);
        if !chunk.is_empty() && std::mem::take(&mut self.held_return) {
            text.push('\r');
        }
        text.push_str(chunk);
        if text.ends_with('\r') {
            text.pop();
            self.held_return = true;
        }
        neutralise(&text).into_owned()
    }

    /// What was held back.
    pub fn finish(&mut self) -> String {
        let held = if std::mem::take(&mut self.held_return) { "\r" } else { "" };
        neutralise(held).into_owned()
    }
}

/// Writes text to stdout as it arrives: exact bytes into a pipe, harmless text on a terminal.
pub struct Stream<'a> {
    ui: &'a Ui,
    neutral: Option<Neutraliser>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(ui: &'a Ui, terminal: bool) -> Self {
        Self { ui, neutral: terminal.then(Neutraliser::default) }
    }

    /// Writes the next piece.
    pub fn write(&mut self, chunk: &str) -> Result<(), OutputError> {
        match &mut self.neutral {
            Some(neutral) => self.ui.out_bytes(neutral.push(chunk).as_bytes()),
            None => self.ui.out_bytes(chunk.as_bytes()),
        }
    }

    /// Ends the text; on a terminal, or where other lines go to the same place, its last line too.
    pub fn finish(mut self) -> Result<(), OutputError> {
        match &mut self.neutral {
            Some(neutral) => self.ui.out_bytes(neutral.finish().as_bytes())?,
            None if !self.ui.options().terminal.together => return Ok(()),
            None => {}
        }
        if self.ui.is_mid_line() { self.ui.out_bytes(b"\n") } else { Ok(()) }
    }
}
