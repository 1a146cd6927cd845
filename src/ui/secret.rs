//! A question whose answer is not shown while it is typed.
//!
//! Invariants
//! - The terminal is as it was before when this returns, whichever way: also Ctrl-C is read as a key here, so that no signal
//!   ends the process while nothing is echoed.

use std::io::{self, BufRead};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use super::output::Ui;
use super::style::{Style, Text};

/// What came of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    Line(String),
    /// Nothing was typed before the end of the input.
    End,
    /// Ctrl-C.
    Interrupted,
}

/// The terminal without echo, as long as this lives.
struct Silent(Termios);

impl Silent {
    fn new() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes &= !(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What was typed before it was asked for was seen, and is thrown away.
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

impl Ui {
    /// Asks for a line on the terminal and does not show what is typed.
    pub fn ask_hidden(&self, question: &str) -> io::Result<Typed> {
        let silent = Silent::new()?;
        self.say(Text::new().add(Style::Bold, question).plain(" "));
        let typed = self.with_input(typed);
        drop(silent);
        self.say("\n");
        typed
    }
}

/// Reads keys up to the end of a line.
fn typed(input: &mut dyn BufRead) -> io::Result<Typed> {
    let mut line: Vec<u8> = Vec::new();
    loop {
        let Some(key) = next(input)? else {
            return Ok(if line.is_empty() { Typed::End } else { Typed::Line(text(&line)) });
        };
        match key {
            b'\n' | b'\r' => return Ok(Typed::Line(text(&line))),
            0x03 => return Ok(Typed::Interrupted),
            0x04 if line.is_empty() => return Ok(Typed::End),
            0x04 => {}
            0x08 | 0x7f => {
                // A whole character: its other bytes, then the first one.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            0x15 => line.clear(),
            other => line.push(other),
        }
    }
}

fn next(input: &mut dyn BufRead) -> io::Result<Option<u8>> {
    let first = loop {
        match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?.first().copied(),
        }
    };
    input.consume(usize::from(first.is_some()));
    Ok(first)
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_a_line() {
        let read = |keys: &[u8]| typed(&mut { keys }).expect("read");
        let line = |text: &str| Typed::Line(text.to_owned());
        assert_eq!(read(b"a key\nmore"), line("a key"));
        assert_eq!(read("aé\x7fb\rmore".as_bytes()), line("ab"));
        assert_eq!(read(b"wrong\x15right\x08\x08ht\n"), line("right"));
        assert_eq!(read(b"\x7f\n"), line(""));
        assert_eq!(read(b"a key\x03"), Typed::Interrupted);
        assert_eq!((read(b"\x04"), read(b""), read(b"ab\x04c")), (Typed::End, Typed::End, line("abc")));
    }
}
