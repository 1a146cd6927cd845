//! What happened in a turn beside the answer: attempts, checks, hooks, notices.
//!
//! Invariants
//! - An event is one line of canonical JSON in `events.ndjson`: a time, a kind and string fields. Kinds are added, never
//!   changed in meaning.

use std::collections::BTreeMap;

use crate::base::clock::Timestamp;

/// One line of a turn's event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: Timestamp,
    /// `attempt`, `retry`, `stop`, `notice`, `reject`, `recover` …
    pub kind: String,
    pub fields: BTreeMap<String, String>,
}

impl Event {
    /// An event of this kind without fields.
    pub fn new(at: Timestamp, kind: &str) -> Self {
        Self { at, kind: kind.to_owned(), fields: BTreeMap::new() }
    }

    /// The same with one more field.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.fields.insert(key.to_owned(), value.to_string());
        self
    }
}
