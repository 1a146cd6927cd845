//! Where a worktree stands: the session and turn that `@` means, and what `redo` would bring back.
//!
//! Invariants
//! - The cursor names turns by key, so it survives recovery; a cursor that cannot be read is an error, never a silent reset.

use serde_json::json;

use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, TurnKey};
use crate::base::json::canonical;

use super::event::Event;

/// The kind of the event by which a checkout says where it came from.
const CHECKOUT: &str = "checkout";

/// A worktree's place in its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub session: SessionId,
    /// `None` when everything of the session was undone, or nothing was done yet.
    pub turn: Option<TurnKey>,
    /// Undone tips, the latest last; `redo` goes to that one.
    pub redo: Vec<TurnKey>,
}

/// Why bytes are not a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it does not say where this worktree stands: {0}")]
pub struct BadCursor(String);

impl Cursor {
    /// The event of a checkout that leaves this place.
    pub fn left(&self, at: Timestamp) -> Event {
        let event = Event::new(at, CHECKOUT).with("session", self.session);
        match self.turn {
            Some(turn) => event.with("turn", turn),
            None => event,
        }
    }

    /// The place that a checkout with these events left; there is nothing to redo at it any more.
    pub fn before(events: &[Event]) -> Option<Self> {
        let fields = &events.iter().find(|e| e.kind == CHECKOUT)?.fields;
        let turn = fields.get("turn").map(|key| key.parse().ok());
        // A turn that cannot be read is not the same as none.
        let turn = if let Some(read) = turn { Some(read?) } else { None };
        Some(Self { session: fields.get("session")?.parse().ok()?, turn, redo: Vec::new() })
    }

    /// The file's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let redo: Vec<String> = self.redo.iter().map(ToString::to_string).collect();
        let mut value = json!({ "session": self.session.to_string(), "redo": redo });
        if let Some(turn) = self.turn {
            value["turn"] = json!(turn.to_string());
        }
        let mut out = canonical(&value).unwrap_or_else(|e| unreachable!("cursor: {e}"));
        out.push(b'\n');
        out
    }

    /// The cursor in a file's bytes.
    pub fn decode(raw: &[u8]) -> Result<Self, BadCursor> {
        let bad = |e: &dyn std::fmt::Display| BadCursor(e.to_string());
        let value: serde_json::Value = serde_json::from_slice(raw).map_err(|e| bad(&e))?;
        let key = |v: &serde_json::Value| v.as_str().unwrap_or_default().parse::<TurnKey>().map_err(|e| bad(&e));
        Ok(Self {
            session: value["session"].as_str().unwrap_or_default().parse().map_err(|e| bad(&e))?,
            turn: value.get("turn").map(key).transpose()?,
            redo: value["redo"].as_array().into_iter().flatten().map(key).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn round_trips(sid: [u8; 13], turn: Option<[u8; 16]>, redo: Vec<[u8; 16]>) {
            let cursor = Cursor {
                session: SessionId::from_bytes(sid),
                turn: turn.map(TurnKey::from_bytes),
                redo: redo.into_iter().map(TurnKey::from_bytes).collect(),
            };
            proptest::prop_assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn a_checkout_knows_where_it_came_from(sid: [u8; 13], turn: Option<[u8; 16]>) {
            let cursor =
                Cursor { session: SessionId::from_bytes(sid), turn: turn.map(TurnKey::from_bytes), redo: Vec::new() };
            let at = Timestamp::from_millis(1);
            proptest::prop_assert_eq!(Cursor::before(&[Event::new(at, "recover"), cursor.left(at)]), Some(cursor.clone()));
            proptest::prop_assert_eq!(Cursor::before(&[cursor.left(at).with("turn", "?")]), None);
        }

        #[test]
        fn foreign_bytes_never_panic(raw: Vec<u8>) {
            let _ = Cursor::decode(&raw);
        }
    }
}
