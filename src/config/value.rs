//! Values of settings: what a file or a variable holds ([`Raw`]) and what a key takes ([`Value`]).
//!
//! Invariants
//! - [`Value`]'s text form is accepted again by [`Kind::raw_of`] for the same key.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::money::Usd;
use crate::base::options::CallOption;

/// A checked value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing: the key has no default and nobody set it, or someone set it to the empty string.
    Unset,
    /// Text, or one of a fixed set of words.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// An integer in the range of its key.
    Int(i64),
    /// A length of time.
    Duration(Duration),
    /// A moment.
    Time(Timestamp),
    /// Names or words, in order.
    List(Vec<String>),
    /// A file, `~` and relative paths already resolved.
    Path(PathBuf),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Bool(yes) => write!(f, "{yes}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Duration(time) => f.write_str(&duration_text(*time)),
            Self::Time(time) => write!(f, "{time}"),
            Self::List(items) => write!(f, "{}", serde_json::Value::from(items.clone())),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Value {
    /// The value as JSON; unset is null.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Unset => serde_json::Value::Null,
            Self::Bool(yes) => (*yes).into(),
            Self::Int(n) => (*n).into(),
            Self::List(items) => items.clone().into(),
            Self::Text(_) | Self::Duration(_) | Self::Time(_) | Self::Path(_) => self.to_string().into(),
        }
    }
}

/// What stands in a file, before anyone has asked whether the key takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    Text(String),
    Bool(bool),
    Int(i64),
    List(Vec<String>),
    /// A number that is no integer, as it is written.
    Number(String),
    /// Anything else, by name: "a table".
    Other(&'static str),
}

impl Raw {
    fn described(&self) -> String {
        match self {
            Self::Text(text) => format!("the string {text:?}"),
            Self::Bool(yes) => format!("the boolean {yes}"),
            Self::Int(n) => format!("the integer {n}"),
            Self::List(_) => "a list".to_owned(),
            Self::Number(text) => format!("the number {text}"),
            Self::Other(name) => (*name).to_owned(),
        }
    }
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any string.
    Text,
    /// `true` or `false`.
    Bool,
    /// An integer from the first to the second number.
    Int(i64, i64),
    /// A string such as `300ms`, `30s`, `5m`, `12h`, `7d`.
    Duration,
    /// A string, RFC 3339.
    Time,
    /// A list of strings.
    List,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A line for the shell, or a list of a program and its arguments.
    Command,
    /// A string that names a file.
    Path,
    /// What an option of a call takes; the value is text that the option reads.
    Sampling(CallOption),
    /// An amount of US dollars; the value is text that [`Usd`] reads.
    Money,
    /// Where a provider is. It is stored with every request and shown, so nothing secret may be in it.
    Url,
}

impl Kind {
    /// What the key takes, for error messages and the manual.
    pub fn described(self) -> String {
        match self {
            Self::Text => "a string".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Int(low, i64::MAX) => format!("an integer, at least {low}"),
            Self::Int(low, high) => format!("an integer from {low} to {high}"),
            Self::Duration => "a duration such as \"300ms\", \"30s\", \"5m\" or \"12h\"".to_owned(),
            Self::Time => "a time such as \"2026-01-31T09:30:00Z\"".to_owned(),
            Self::List => "a list of strings".to_owned(),
            Self::Choice(words) => {
                let quoted: Vec<String> = words.iter().map(|w| format!("{w:?}")).collect();
                match quoted.split_last() {
                    Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                    _ => quoted.concat(),
                }
            }
            Self::Command => "a line for the shell, or a list of a program and its arguments".to_owned(),
            Self::Path => "a string that names a file".to_owned(),
            Self::Sampling(option) => option.described(),
            Self::Money => "an amount in dollars such as \"0.50\"".to_owned(),
            Self::Url => "an address such as \"http://127.0.0.1:8080/v1\"".to_owned(),
        }
    }

    /// Reads the text of a variable or flag. A list may be written `a,b` or `["a", "b"]`.
    pub(super) fn raw_of(self, text: &str) -> Raw {
        match self {
            Self::Bool => text.parse().map_or_else(|_| Raw::Text(text.to_owned()), Raw::Bool),
            Self::Int(..) => text.parse().map_or_else(|_| Raw::Text(text.to_owned()), Raw::Int),
            Self::List => Raw::List(
                serde_json::from_str(text)
                    .unwrap_or_else(|_| text.split(',').map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect()),
            ),
            Self::Command if text.starts_with('[') => {
                serde_json::from_str(text).map_or_else(|_| Raw::Text(text.to_owned()), Raw::List)
            }
            Self::Text
            | Self::Command
            | Self::Duration
            | Self::Time
            | Self::Choice(_)
            | Self::Path
            | Self::Sampling(_)
            | Self::Money
            | Self::Url => Raw::Text(text.to_owned()),
        }
    }

    /// The checked value, or what is wrong with it. `optional`: the empty string means unset.
    pub(super) fn check(self, raw: &Raw, optional: bool) -> Result<Value, String> {
        let wrong = || format!("expected {}, found {}", self.described(), raw.described());
        let value = match (self, raw) {
            (Self::Bool | Self::Int(..) | Self::List, Raw::Text(text)) if !(optional && text.is_empty()) => None,
            (_, Raw::Text(text)) if optional && text.is_empty() => Some(Value::Unset),
            (Self::Text | Self::Command, Raw::Text(text)) if !text.is_empty() => Some(Value::Text(text.clone())),
            (Self::Command, Raw::List(argv)) if argv.first().is_some_and(|program| !program.is_empty()) => {
                Some(Value::List(argv.clone()))
            }
            (Self::Bool, Raw::Bool(yes)) => Some(Value::Bool(*yes)),
            (Self::Int(low, high), Raw::Int(n)) if (low..=high).contains(n) => Some(Value::Int(*n)),
            (Self::Duration, Raw::Text(text)) => parse_duration(text).map(Value::Duration),
            (Self::Time, Raw::Text(text)) => text.parse().ok().map(Value::Time),
            (Self::List, Raw::List(items)) => Some(Value::List(items.clone())),
            (Self::Choice(words), Raw::Text(text)) if words.contains(&text.as_str()) => Some(Value::Text(text.clone())),
            (Self::Sampling(option), Raw::Text(_) | Raw::Int(_) | Raw::Number(_) | Raw::List(_)) => {
                let text = match raw {
                    Raw::Int(n) => n.to_string(),
                    Raw::List(items) => serde_json::Value::from(items.clone()).to_string(),
                    Raw::Text(text) | Raw::Number(text) => text.clone(),
                    Raw::Bool(_) | Raw::Other(_) => String::new(),
                };
                option.read(&text).map(|_| Value::Text(text))
            }
            (Self::Money, Raw::Text(_) | Raw::Int(_) | Raw::Number(_)) => {
                let text = match raw {
                    Raw::Int(n) => n.to_string(),
                    Raw::Text(text) | Raw::Number(text) => text.trim_start_matches('$').to_owned(),
                    Raw::Bool(_) | Raw::List(_) | Raw::Other(_) => String::new(),
                };
                text.parse::<Usd>().ok().filter(|amount| *amount >= Usd::default()).map(|amount| Value::Text(amount.to_string()))
            }
            (Self::Path, Raw::Text(text)) if !text.is_empty() => Some(Value::Path(PathBuf::from(text))),
            (Self::Url, Raw::Text(text)) => match check_url(text) {
                Ok(()) => Some(Value::Text(text.clone())),
                // The value is not repeated: it may hold a password.
                Err(problem) => return Err(format!("expected {}; {problem}", self.described())),
            },
            _ => None,
        };
        value.ok_or_else(wrong)
    }
}

fn check_url(text: &str) -> Result<(), &'static str> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let rest = rest.ok_or("this one begins with neither http:// nor https://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match () {
        () if host.contains('@') => {
            Err("this one holds a user name or password: put the key into a variable, and its name into key_env")
        }
        () if rest.contains(['?', '#']) => Err("this one has a query: put the key into a variable, and its name into key_env"),
        () if host.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) => Err("this one is none"),
        () => Ok(()),
    }
}

/// Units with their milliseconds, longest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads `300ms`, `30s`, `5m`, `12h`, `7d`; no sums, no fractions, no bare numbers (a reader would have to guess the unit).
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(*millis)?))
}

/// The shortest text that [`parse_duration`] reads back.
pub fn duration_text(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (unit, size) = UNITS.iter().find(|(_, size)| millis >= *size && millis % size == 0).unwrap_or(&("s", 1000));
    format!("{}{unit}", millis / size)
}
