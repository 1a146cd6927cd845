//! What a model does while it answers, as data.
//!
//! Invariants
//! - Text events, concatenated, are the answer; nothing is trimmed.
//! - A stream that ends without [`ModelEvent::Stop`] was cut off, whatever the transport said.

use crate::base::money::{Tokens, Usd};

/// Token counts as the provider reports them; a number it does not report is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens read that were not cached.
    pub input: Tokens,
    /// Tokens read from the provider's cache.
    pub cache_read: Tokens,
    /// Tokens written into the provider's cache.
    pub cache_write: Tokens,
    /// Tokens written, thinking included.
    pub output: Tokens,
    /// Tokens of `output` spent on thinking.
    pub reasoning: Tokens,
}

impl Usage {
    /// The sum of two calls.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input + other.input,
            cache_read: self.cache_read + other.cache_read,
            cache_write: self.cache_write + other.cache_write,
            output: self.output + other.output,
            reasoning: self.reasoning + other.reasoning,
        }
    }
}

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// It was done.
    End,
    /// The answer reached the token limit and is cut off.
    Length,
    /// It wants a tool's result.
    ToolUse,
    /// It, or a filter in front of it, refused; the text says what the provider gave as the reason.
    Refused(String),
    /// Anything else, as the provider spelled it.
    Other(String),
}

impl Stop {
    /// The stored spelling.
    pub fn as_text(&self) -> String {
        match self {
            Self::End => "end".to_owned(),
            Self::Length => "length".to_owned(),
            Self::ToolUse => "tool-use".to_owned(),
            Self::Refused(why) => format!("refused: {why}"),
            Self::Other(what) => format!("other: {what}"),
        }
    }

    /// Reverses [`Self::as_text`].
    pub fn from_text(text: &str) -> Self {
        match text {
            "end" => Self::End,
            "length" => Self::Length,
            "tool-use" => Self::ToolUse,
            _ => match text.split_once(": ") {
                Some(("refused", why)) => Self::Refused(why.to_owned()),
                Some(("other", what)) => Self::Other(what.to_owned()),
                _ => Self::Other(text.to_owned()),
            },
        }
    }
}

/// One step of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelEvent {
    /// A piece of the answer.
    Text(String),
    /// A piece of the model's thinking, when the provider shows it.
    Reasoning(String),
    /// Provider bytes that belong at this place of the assistant's message and must go back unchanged.
    Native(Vec<u8>),
    /// A complete call of a tool; `arguments` is JSON text.
    ToolCall { id: String, name: String, arguments: String },
    /// The model that really answers.
    Served(String),
    /// Token counts so far; a later one replaces an earlier one.
    Usage(Usage),
    /// What the provider says that the call costs.
    Cost(Usd),
    /// The end.
    Stop(Stop),
}
