//! The two output streams, the input, and the line of progress that lives between them.

use std::borrow::Cow;
use std::io::{self, BufRead, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::human::elapsed;
use super::stream::Stream;
use super::style::{Style, Text};
use super::table::Table;
use crate::base::clock::Timestamp;
use crate::base::text::{ellipsis, is_unsafe_to_show};

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// Each stream by itself, when it is a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which streams are terminals, and what the terminal can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terminal {
    /// stdin is one.
    pub stdin: bool,
    /// stdout is one.
    pub stdout: bool,
    /// stderr is one.
    pub stderr: bool,
    /// stdout and stderr go to the same place (`2>&1`).
    pub together: bool,
    /// A line on it can be taken back (`TERM` is not `dumb`); without that, there is no progress line.
    pub erases: bool,
    /// Columns; 0 is unknown, and nothing is cut.
    pub width: usize,
}

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// What the streams are.
    pub terminal: Terminal,
    /// When to colour.
    pub color: ColorChoice,
    /// No frame and no progress, only results, warnings, errors and questions.
    pub quiet: bool,
}

/// Where to write to and read from.
pub struct Streams {
    /// stdout.
    pub out: Box<dyn Write + Send>,
    /// stderr.
    pub err: Box<dyn Write + Send>,
    /// stdin.
    pub input: Box<dyn BufRead + Send>,
}

/// Why a result could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The reader went away, which is its right: `rt log | head`.
    #[error("the reader of the output has gone")]
    BrokenPipe,
    /// Anything else, such as a full disk.
    #[error("cannot write the output: {0}")]
    Io(io::Error),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::BrokenPipe } else { Self::Io(error) }
    }
}

/// An error as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// What went wrong.
    pub error: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do.
    pub hints: Vec<String>,
}

struct Progress {
    label: String,
    since: Timestamp,
    shown: bool,
}

/// What must not be seen in an output: gives the bytes without it, or nothing when it is not in them.
pub type Veil = Box<dyn Fn(&[u8]) -> Option<Vec<u8>> + Send>;

struct State {
    streams: Streams,
    veil: Option<Veil>,
    progress: Option<Progress>,
    /// stdout is a terminal and its last line has no end yet.
    mid_line: bool,
    color: ColorChoice,
}

/// A user's view of the program.
pub struct Ui {
    options: Options,
    state: Mutex<State>,
}

/// How long something takes before a progress line says so, in milliseconds.
const PROGRESS_AFTER: i64 = 250;
/// Takes the current line of a terminal back.
const ERASE_LINE: &[u8] = b"\r\x1b[2K";

impl Ui {
    /// A view over these streams.
    pub fn new(options: Options, streams: Streams) -> Self {
        Self { options, state: Mutex::new(State { streams, veil: None, progress: None, mid_line: false, color: options.color }) }
    }

    /// How it writes.
    pub const fn options(&self) -> Options {
        self.options
    }

    /// Whether a question can be answered.
    pub const fn can_ask(&self) -> bool {
        self.options.terminal.stdin && self.options.terminal.stderr
    }

    /// Changes when colour is used, once the settings are known.
    pub fn set_color(&self, color: ColorChoice) {
        self.state().color = color;
    }

    /// From now on, everything that is written to either stream goes through this.
    pub fn set_veil(&self, veil: Veil) {
        self.state().veil = Some(veil);
    }

    fn colors(&self, terminal: bool) -> bool {
        match self.state().color {
            ColorChoice::Auto => terminal,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a result to stdout, as it is: no line end is added.
    pub fn out(&self, text: impl Into<Text>) -> Result<(), OutputError> {
        let terminal = self.options.terminal.stdout;
        self.out_bytes(text.into().render(self.colors(terminal), terminal).as_bytes())
    }

    /// Writes text of ours that has its colours in it already, such as help.
    pub fn own_ansi(&self, text: &str) -> Result<(), OutputError> {
        self.out_bytes(text.as_bytes())
    }

    /// Writes a line of results.
    pub fn line(&self, text: impl Into<Text>) -> Result<(), OutputError> {
        let mut text = text.into();
        text.push(Style::Plain, "\n");
        self.out(text)
    }

    /// Writes foreign bytes: exact into a pipe, harmless on a terminal.
    pub fn raw(&self, bytes: &[u8]) -> Result<(), OutputError> {
        if self.options.terminal.stdout { self.out(String::from_utf8_lossy(bytes).into_owned()) } else { self.out_bytes(bytes) }
    }

    /// Writes a value as one line of JSON.
    pub fn json(&self, value: &impl serde::Serialize) -> Result<(), OutputError> {
        let line = serde_json::to_string(value).map_err(io::Error::from)?;
        // The same value for every reader of JSON, and harmless on a terminal: the encoder leaves some control characters.
        let mut safe = String::with_capacity(line.len() + 1);
        for c in line.chars() {
            if is_unsafe_to_show(c) {
                safe.push_str(&format!("\\u{:04x}", u32::from(c)));
            } else {
                safe.push(c);
            }
        }
        safe.push('\n');
        self.out_bytes(safe.as_bytes())
    }

    /// Writes a table, its last column cut to the width of a terminal.
    pub fn table(&self, table: &Table) -> Result<(), OutputError> {
        let Terminal { stdout, width, .. } = self.options.terminal;
        self.out(table.render(if stdout { width } else { 0 }))
    }

    /// A writer for text that arrives in pieces, such as a model's answer.
    pub fn stream(&self) -> Stream<'_> {
        Stream::new(self, self.options.terminal.stdout)
    }

    pub(super) fn out_bytes(&self, bytes: &[u8]) -> Result<(), OutputError> {
        let Some(last) = bytes.last() else { return Ok(()) };
        let mut state = self.state();
        state.hide_progress();
        let clean = state.veiled(bytes);
        state.streams.out.write_all(&clean)?;
        state.streams.out.flush()?;
        state.mid_line = (self.options.terminal.stdout || self.options.terminal.together) && *last != b'\n';
        Ok(())
    }

    pub(super) fn is_mid_line(&self) -> bool {
        self.state().mid_line
    }

    /// A line of the frame around results.
    pub fn status(&self, text: impl Into<Text>) {
        if !self.options.quiet {
            self.err_line(text.into());
        }
    }

    /// What belongs to a question, also when quiet; no line end is added.
    pub fn say(&self, text: impl Into<Text>) {
        self.err_text(&text.into());
    }

    /// A line that the user should see even when quiet.
    pub fn warn(&self, text: &str) {
        self.err_line(labelled(Style::Warn, "warning:", text));
    }

    /// An error with its causes and what to do.
    pub fn error(&self, report: &Report) {
        self.err_line(labelled(Style::Bad, "error:", &report.error));
        for cause in &report.causes {
            self.err_line(labelled(Style::Dim, "caused by:", cause));
        }
        for hint in &report.hints {
            self.err_line(labelled(Style::Good, "hint:", hint));
        }
    }

    fn err_line(&self, mut text: Text) {
        text.push(Style::Plain, "\n");
        self.err_text(&text);
    }

    fn err_text(&self, text: &Text) {
        let terminal = self.options.terminal.stderr;
        let shown = text.render(self.colors(terminal), terminal);
        let mut state = self.state();
        state.hide_progress();
        if (terminal || self.options.terminal.together) && std::mem::take(&mut state.mid_line) {
            state.write_err(b"\n");
        }
        state.write_err(shown.as_bytes());
    }

    /// Announces that something may take a while. It is shown once [`Ui::tick`] finds that it does.
    pub fn begin_progress(&self, label: impl Into<String>, now: Timestamp) {
        let mut state = self.state();
        state.hide_progress();
        state.progress = Some(Progress { label: label.into(), since: now, shown: false });
    }

    /// Draws the progress line, if it is time and nothing else stands on the line. Call it several times a second.
    pub fn tick(&self, now: Timestamp) {
        let width = self.options.terminal.width;
        let colors = self.colors(true);
        let mut state = self.state();
        if !self.shows_progress() || state.mid_line {
            return;
        }
        let Some(progress) = &mut state.progress else { return };
        let millis = now.millis().saturating_sub(progress.since.millis());
        if millis < PROGRESS_AFTER {
            return;
        }
        progress.shown = true;
        let line = format!("{} {}", progress.label, elapsed(millis));
        // A line that wraps could not be taken back.
        let line = if width > 1 { ellipsis(&line, width - 1) } else { line };
        let shown = Text::new().add(Style::Dim, line).render(colors, true);
        state.write_err(ERASE_LINE);
        state.write_err(shown.as_bytes());
    }

    /// Whether a progress line can be seen at all.
    pub const fn shows_progress(&self) -> bool {
        !self.options.quiet && self.options.terminal.stderr && self.options.terminal.erases
    }

    /// A key that was pressed stands on the terminal's line, as `^C` does; the next line begins below it.
    pub fn keyboard_echoed(&self) {
        let mut state = self.state();
        state.hide_progress();
        state.mid_line |= self.options.terminal.stdin && self.options.terminal.stderr;
    }

    /// Takes the progress line away.
    pub fn end_progress(&self) {
        let mut state = self.state();
        state.hide_progress();
        state.progress = None;
    }

    /// Asks yes or no. `safe` is the answer when nobody can be asked, at the end of the input, and for an empty line.
    pub fn ask(&self, question: &str, safe: bool) -> bool {
        let choices = if safe { "[Y/n]" } else { "[y/N]" };
        self.ask_with(question, choices, |answer| match answer.to_lowercase().as_str() {
            "y" | "yes" => Some(true),
            "n" | "no" => Some(false),
            _ => None,
        })
        .unwrap_or_else(|| {
            self.took(question, if safe { "yes" } else { "no" });
            safe
        })
    }

    /// Lets the user choose among `options` by number; `safe` as for [`Ui::ask`]. The result is an index into `options`.
    pub fn choose(&self, question: &str, options: &[&str], safe: usize) -> usize {
        if self.can_ask() {
            for (at, option) in options.iter().enumerate() {
                self.err_line(Text::new().add(Style::Id, format!("{:>3}", at + 1)).plain(format!("  {option}")));
            }
        }
        let number = |answer: &str| answer.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|at| *at < options.len());
        self.ask_with(question, &format!("[{}]", safe + 1), number).unwrap_or_else(|| {
            self.took(question, options.get(safe).copied().unwrap_or_default());
            safe
        })
    }

    /// Asks up to three times; nothing when there is nobody to ask, or no answer that can be understood.
    fn ask_with<T>(&self, question: &str, choices: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        if !self.can_ask() {
            return None;
        }
        for _ in 0..3 {
            self.err_text(&Text::new().add(Style::Bold, question).plain(format!(" {choices} ")));
            let line = self.read_line().ok().flatten()?;
            let answer = line.trim();
            if answer.is_empty() {
                return None;
            }
            if let Some(answer) = read(answer) {
                return Some(answer);
            }
        }
        None
    }

    fn took(&self, question: &str, answer: &str) {
        let why = if self.can_ask() { "" } else { " (nobody to ask: not a terminal)" };
        self.err_line(Text::new().plain(format!("{question} {answer}{why}")));
    }

    /// One line of the input without its end; nothing at the end of the input.
    pub fn read_line(&self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let read = self.state().streams.input.read_line(&mut line)?;
        Ok((read > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned()))
    }

    /// Lets the input be read in a way of one's own.
    pub(super) fn with_input<T>(&self, read: impl FnOnce(&mut dyn BufRead) -> T) -> T {
        read(&mut *self.state().streams.input)
    }

    /// All that is left of the input.
    pub fn read_input(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.state().streams.input.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl State {
    fn veiled<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        self.veil.as_ref().and_then(|veil| veil(bytes)).map_or(Cow::Borrowed(bytes), Cow::Owned)
    }

    /// A frame that nobody reads any more is no reason to stop.
    fn write_err(&mut self, bytes: &[u8]) {
        let clean = self.veiled(bytes);
        let _ = self.streams.err.write_all(&clean).and_then(|()| self.streams.err.flush());
    }

    fn hide_progress(&mut self) {
        if self.progress.as_mut().is_some_and(|progress| std::mem::take(&mut progress.shown)) {
            self.write_err(ERASE_LINE);
        }
    }
}

fn labelled(style: Style, label: &str, text: &str) -> Text {
    Text::new().add(style, label).plain(format!(" {}", text.trim_end().replace('\n', "\n  ")))
}
