//! An undo or redo under way: what a later process needs to bring it to its end when this one dies.
//!
//! Invariants
//! - Both are done from what the session has stored, every step looks at what is there, and the cursor moves last. So while
//!   the cursor stands where it stood, doing all of it again completes it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::base::json::canonical;
use crate::base::path::RepoPath;
use crate::base::text::{percent_decode, percent_encode};
use crate::session::cursor::Cursor;
use crate::vcs::wal::Wal;

use super::Error;
use super::open::worktree;
use super::undo::Keep;
use super::workspace::Workspace;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Undo(Keep),
    Redo,
}

/// The same with where it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub step: Step,
    pub cursor: Cursor,
    /// The files that it writes, and the mark of its temporary ones.
    pub paths: BTreeSet<RepoPath>,
    pub temp: String,
    /// Its worktree, as [`worktree`] spells it.
    pub worktree: String,
}

impl Intent {
    /// Makes it durable. The directory is to be closed when everything is done.
    pub fn begin(ws: &Workspace, step: Step, cursor: &Cursor, paths: BTreeSet<RepoPath>, temp: String) -> Result<Wal, Error> {
        let layout = ws.backend.layout();
        let intent = Self { step, cursor: cursor.clone(), paths, temp, worktree: worktree(layout) };
        let key = ws.new_key().to_string();
        let wal = Wal::create(&layout.common_dir, &key, &intent.encode(), &ws.faults);
        wal.map_err(Error::unfinished(&layout.common_dir))
    }

    fn encode(&self) -> Vec<u8> {
        let mut value = json!({
            "cursor": String::from_utf8_lossy(&self.cursor.encode()),
            "paths": self.paths.iter().map(|p| percent_encode(p.as_bytes())).collect::<Vec<_>>(),
            "temp": self.temp,
            "worktree": self.worktree,
        });
        if let Step::Undo(keep) = self.step {
            value["undo"] = json!({ "code": keep.code, "chat": keep.chat, "earlier": keep.earlier_turns });
        }
        canonical(&value).unwrap_or_else(|e| unreachable!("intent: {e}"))
    }

    /// The intent in an unfinished directory's bytes; `None` when they are a turn's.
    pub fn decode(raw: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(raw).ok()?;
        let text = |v: &Value| v.as_str().map(str::to_owned);
        let flag = |name: &str| value["undo"][name] == json!(true);
        let undo = Step::Undo(Keep { code: flag("code"), chat: flag("chat"), earlier_turns: flag("earlier") });
        Some(Self {
            step: if value["undo"].is_object() { undo } else { Step::Redo },
            cursor: Cursor::decode(value["cursor"].as_str()?.as_bytes()).ok()?,
            paths: value["paths"]
                .as_array()?
                .iter()
                .map(|p| RepoPath::new(percent_decode(p.as_str()?)).ok())
                .collect::<Option<_>>()?,
            temp: text(&value["temp"])?,
            worktree: text(&value["worktree"])?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn round_trips(sid: [u8; 13], turn: Option<[u8; 16]>, flags: Option<[bool; 3]>, names in proptest::collection::btree_set("[a-z]{1,4}(/[ä-ü]{1,3})?", 0..4)) {
            let step = flags.map_or(Step::Redo, |[code, chat, earlier_turns]| Step::Undo(Keep { code, chat, earlier_turns }));
            let cursor = Cursor {
                session: crate::base::id::SessionId::from_bytes(sid),
                turn: turn.map(crate::base::id::TurnKey::from_bytes),
                redo: Vec::new(),
            };
            let paths = names.iter().map(|n| RepoPath::new(n.as_bytes().to_vec()).expect("a path")).collect();
            let intent = Intent { step, cursor, paths, temp: "kk".to_owned(), worktree: "worktrees/a%20b".to_owned() };
            proptest::prop_assert_eq!(Intent::decode(&intent.encode()), Some(intent));
        }

        #[test]
        fn foreign_bytes_never_panic(raw: Vec<u8>) {
            let _ = Intent::decode(&raw);
        }
    }
}
