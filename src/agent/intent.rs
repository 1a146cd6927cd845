//! An undo or redo under way: what a later process needs to bring it to its end when this one dies.
//!
//! Invariants
//! - Both are done from what the session has stored, every step looks at what is there, and the cursor moves last. So while
//!   the cursor stands where it stood, doing all of it again completes it.
//! - It says which commit the branch stood on, and what each file is to become: what is done already is told from what the
//!   user did.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::change::{ChangeSet, FileState};
use crate::base::hash::{Hasher, Sha256};
use crate::base::id::Oid;
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
    /// HEAD's commit.
    pub head: Option<Oid>,
    /// The files that it writes and what they will be (`None`: gone), and the mark of its temporary ones.
    pub files: BTreeMap<RepoPath, Option<Sha256>>,
    pub temp: String,
    /// Its worktree, as [`worktree`] spells it.
    pub worktree: String,
}

impl Intent {
    /// Makes it durable. The directory is to be closed when everything is done.
    pub fn begin(ws: &Workspace, step: Step, cursor: &Cursor, changes: &ChangeSet, temp: String) -> Result<Wal, Error> {
        let layout = ws.backend.layout();
        let files = changes.iter().map(|(path, change)| (path.clone(), change.after.as_ref().map(digest))).collect();
        let head = ws.backend.head()?.commit;
        let intent = Self { step, cursor: cursor.clone(), head, files, temp, worktree: worktree(layout) };
        let key = ws.new_key().to_string();
        let wal = Wal::create(&layout.common_dir, &key, &intent.encode(), &ws.faults);
        wal.map_err(Error::unfinished(&layout.common_dir))
    }

    /// Whether a file is as it is to become.
    pub fn is_done(&self, path: &RepoPath, now: Option<&FileState>) -> bool {
        self.files.get(path).is_some_and(|after| *after == now.map(digest))
    }

    fn encode(&self) -> Vec<u8> {
        let file = |(path, after): (&RepoPath, &Option<Sha256>)| {
            json!([percent_encode(path.as_bytes()), after.map_or(String::new(), |digest| digest.to_string())])
        };
        let mut value = json!({
            "cursor": String::from_utf8_lossy(&self.cursor.encode()),
            "files": self.files.iter().map(file).collect::<Vec<_>>(),
            "head": self.head.map_or(String::new(), |head| head.to_string()),
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
        let file = |entry: &Value| {
            let path = RepoPath::new(percent_decode(entry[0].as_str()?)).ok()?;
            let after = Some(entry[1].as_str()?).filter(|text| !text.is_empty());
            Some((path, after.map(str::parse).transpose().ok()?))
        };
        let head = Some(value["head"].as_str()?).filter(|text| !text.is_empty());
        let flag = |name: &str| value["undo"][name] == json!(true);
        let undo = Step::Undo(Keep { code: flag("code"), chat: flag("chat"), earlier_turns: flag("earlier") });
        Some(Self {
            step: if value["undo"].is_object() { undo } else { Step::Redo },
            cursor: Cursor::decode(value["cursor"].as_str()?.as_bytes()).ok()?,
            head: head.map(str::parse).transpose().ok()?,
            files: value["files"].as_array()?.iter().map(file).collect::<Option<_>>()?,
            temp: text(&value["temp"])?,
            worktree: text(&value["worktree"])?,
        })
    }
}

/// What tells one state of a file from another.
fn digest(state: &FileState) -> Sha256 {
    let mut hasher = Hasher::default();
    hasher.update(state.mode.octal().as_bytes());
    hasher.update(&state.bytes);
    hasher.digest().0
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn round_trips(sid: [u8; 13], turn: Option<[u8; 16]>, head: Option<[u8; 20]>, flags: Option<[bool; 3]>, names in proptest::collection::btree_set("[a-z]{1,4}(/[ä-ü]{1,3})?", 0..4)) {
            let step = flags.map_or(Step::Redo, |[code, chat, earlier_turns]| Step::Undo(Keep { code, chat, earlier_turns }));
            let cursor = Cursor {
                session: crate::base::id::SessionId::from_bytes(sid),
                turn: turn.map(crate::base::id::TurnKey::from_bytes),
                redo: Vec::new(),
            };
            let path = |n: &String| RepoPath::new(n.as_bytes().to_vec()).expect("a path");
            let files = names.iter().map(|n| (path(n), Some(Sha256::of(n.as_bytes())).filter(|_| n.len() % 2 == 0))).collect();
            let head = head.map(|raw| Oid::from_bytes(&raw).expect("an id"));
            let intent = Intent { step, cursor, head, files, temp: "kk".to_owned(), worktree: "worktrees/a%20b".to_owned() };
            proptest::prop_assert_eq!(Intent::decode(&intent.encode()), Some(intent));
        }

        #[test]
        fn foreign_bytes_never_panic(raw: Vec<u8>) {
            let _ = Intent::decode(&raw);
        }
    }
}
