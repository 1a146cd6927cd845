//! Where a worktree stands: the session and turn that `@` means, and what `redo` would bring back.
//!
//! Invariants
//! - The cursor names turns by key, so it survives recovery; a cursor that cannot be read is an error, never a silent reset.

use serde_json::json;

use crate::base::id::{SessionId, TurnKey};
use crate::base::json::canonical;

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
        fn foreign_bytes_never_panic(raw: Vec<u8>) {
            let _ = Cursor::decode(&raw);
        }
    }
}
