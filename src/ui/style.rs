//! Text in styles: what a span means, not how it looks.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Effects};

use crate::base::text::neutralise;

/// What a span of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Ordinary text.
    #[default]
    Plain,
    /// Of less interest.
    Dim,
    /// Of more interest.
    Bold,
    /// Success.
    Good,
    /// Failure.
    Bad,
    /// Something to look at.
    Warn,
    /// A file.
    Path,
    /// A name or key that can be used in a command.
    Id,
    /// A line that came.
    Added,
    /// A line that went.
    Removed,
    /// Where a part of a diff starts.
    Hunk,
}

impl Style {
    const fn ansi(self) -> anstyle::Style {
        match self {
            Self::Plain => anstyle::Style::new(),
            Self::Dim => anstyle::Style::new().effects(Effects::DIMMED),
            Self::Bold => anstyle::Style::new().effects(Effects::BOLD),
            Self::Good | Self::Added => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default().effects(Effects::BOLD),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Path => AnsiColor::Blue.on_default(),
            Self::Id => AnsiColor::Magenta.on_default(),
            Self::Removed => AnsiColor::Red.on_default(),
            Self::Hunk => AnsiColor::Cyan.on_default(),
        }
    }
}

/// Spans of text, each with its style.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(Vec<(Style, String)>);

impl Text {
    /// No text.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// This, and then ordinary text.
    #[must_use]
    pub fn plain(self, text: impl Into<String>) -> Self {
        self.add(Style::Plain, text)
    }

    /// This, and then text in a style.
    #[must_use]
    pub fn add(mut self, style: Style, text: impl Into<String>) -> Self {
        self.push(style, text);
        self
    }

    /// Adds text in a style at the end.
    pub fn push(&mut self, style: Style, text: impl Into<String>) {
        self.0.push((style, text.into()));
    }

    /// Adds all spans of `other` at the end.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The spans.
    pub fn spans(&self) -> impl Iterator<Item = (Style, &str)> {
        self.0.iter().map(|(style, text)| (*style, text.as_str()))
    }

    /// How many columns it takes, one per character.
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// The bytes to write. `color`: with ANSI styles; `safe`: with foreign control characters made visible.
    pub(super) fn render(&self, color: bool, safe: bool) -> String {
        let mut out = String::new();
        for (style, text) in &self.0 {
            let shown = if safe { neutralise(text) } else { text.into() };
            let ansi = style.ansi();
            if color && *style != Style::Plain && !shown.is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(out, "{ansi}{shown}{ansi:#}");
            } else {
                out.push_str(&shown);
            }
        }
        out
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new().plain(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::new().plain(text)
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::new().plain(text)
    }
}
