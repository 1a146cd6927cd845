//! A turn while it is open: its directory holds at any moment what a later process needs to record it.
//!
//! The directory's files: `open` the turn as far as it is known, with the place where it belongs, in one piece; `head` and
//! `raw` the response as it arrives; `command` the command of the user's that runs.
//!
//! Invariants
//! - Everything is durable before what depends on it: the request before it is sent, the answer before it is read, the
//!   edits with both sides before a file changes.
//! - No secret is in what is written whole; only the response's bytes stand as they arrive until the turn is recorded.
//! - [`OpenTurn::close`] appends to the session first and removes the directory last.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde_json::{Value, json};

use crate::base::hash::Sha256;
use crate::base::id::{Oid, SessionId};
use crate::base::json::canonical;
use crate::base::path::RepoPath;
use crate::base::text::{percent_decode, percent_encode};
use crate::llm::Answer;
use crate::process;
use crate::session::codec;
use crate::session::cursor::Cursor;
use crate::session::meta::Fact;
use crate::session::turn::Turn;
use crate::vcs::Layout;
use crate::vcs::wal::Wal;

use super::Error;
use super::scrub::scrub;
use super::store::{Appended, Begins};
use super::workspace::Workspace;

/// Where a turn goes when it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The turn before it.
    pub parent: Option<Oid>,
    /// Whether its session begins with it.
    pub begins: Begins,
    /// The name of the session that begins.
    pub name: Option<String>,
    /// A session that loses its name to this one, because its tail was undone; and the tail's end.
    pub replaces: Option<(SessionId, crate::base::id::TurnKey)>,
    /// Paths whose files had the edits already when the turn opened; what it does not commit stays in them.
    pub in_files: BTreeSet<RepoPath>,
    /// Where the worktree stood when the turn opened.
    pub stood: Option<Cursor>,
    /// Whether the worktree stays there.
    pub aside: bool,
}

/// The file that names a command which runs.
const COMMAND: &str = "command";

/// The file that the response is streamed into.
pub(super) const RAW: &str = "raw";

/// The command of a dead process's turn that still runs.
pub fn running_command(wal: &Wal) -> Option<u32> {
    let known = String::from_utf8(wal.get(COMMAND).ok()??).ok()?;
    let pid: u32 = known.split(' ').next()?.parse().ok()?;
    (process::identity(pid).as_ref() == Some(&known)).then_some(pid)
}

/// An open turn.
pub struct OpenTurn {
    pub turn: Turn,
    pub place: Place,
    wal: Wal,
}

impl OpenTurn {
    /// Opens a turn: all that is known of it is durable when this returns.
    pub fn create(ws: &Workspace, mut turn: Turn, mut place: Place) -> Result<Self, Error> {
        check(ws, &turn)?;
        scrub(&mut turn, &ws.redactor);
        ws.faults.point("open.before");
        place.stood = ws.store().cursor()?;
        let key = turn.header.key.to_string();
        let common = &ws.backend.layout().common_dir;
        let wal = Wal::create(common, &key, &bundle(ws, &turn, &place), &ws.faults).map_err(Error::unfinished(common))?;
        ws.faults.point("open.after");
        Ok(Self { turn, place, wal })
    }

    /// The directory that the response is streamed into.
    pub const fn wal(&mut self) -> &mut Wal {
        &mut self.wal
    }

    /// Makes the streamed response durable, and adds its bytes to the answer that was made of them.
    pub fn end_answer(&mut self, ws: &Workspace, mut answer: Answer) -> Result<Answer, Error> {
        let ended = self.wal.end_stream();
        answer.record.raw = ended.map_err(Error::unfinished(&ws.backend.layout().common_dir))?;
        Ok(answer)
    }

    /// Makes the present state of the turn durable: its edits, its header.
    pub fn save(&mut self, ws: &Workspace) -> Result<(), Error> {
        check(ws, &self.turn)?;
        scrub(&mut self.turn, &ws.redactor);
        let common = &ws.backend.layout().common_dir;
        self.wal.reopen(&bundle(ws, &self.turn, &self.place)).map_err(Error::unfinished(common))
    }

    /// Notes a command of the user's that runs: if we are killed it goes on, and whoever closes the turn must not do so before
    /// it has ended.
    pub fn note_command(&self, pid: u32) {
        let _ = self.wal.put(COMMAND, process::identity(pid).unwrap_or_default().as_bytes());
    }

    /// The command has ended.
    pub fn end_command(&self) {
        let _ = self.wal.remove(COMMAND);
    }

    /// Removes the directory of a turn that came to nothing and leaves no record.
    pub fn abandon(self, ws: &Workspace) -> Result<(), Error> {
        self.wal.close().map_err(Error::unfinished(&ws.backend.layout().common_dir))
    }

    /// Records the turn, moves the cursor to it (unless it stands aside) and removes the directory.
    pub fn close(mut self, ws: &Workspace) -> Result<(Turn, Appended), Error> {
        let appended = record(ws, &mut self.turn, &self.place)?;
        if !self.place.aside {
            let cursor = Cursor { session: appended.session, turn: Some(self.turn.header.key), redo: Vec::new() };
            ws.store().set_cursor(&cursor)?;
        }
        ws.faults.point("close.cursor");
        self.wal.close().map_err(Error::unfinished(&ws.backend.layout().common_dir))?;
        ws.faults.point("close.after");
        Ok((self.turn, appended))
    }
}

/// Refuses a turn that would keep a secret in a file's content: what is stored can be pushed. A file may have got one since
/// its edits were made.
fn check(ws: &Workspace, turn: &Turn) -> Result<(), Error> {
    let held = turn.edits.changes.iter().find(|change| {
        let sides = [&change.before, &change.after];
        sides.into_iter().flatten().any(|file| ws.redactor.holds(&file.bytes)) || ws.redactor.holds(change.path.as_bytes())
    });
    held.map_or(Ok(()), |change| Err(Error::HoldsSecret(change.path.clone())))
}

fn bundle(ws: &Workspace, turn: &Turn, place: &Place) -> Vec<u8> {
    let place = place.encode(&worktree(ws.backend.layout()));
    codec::to_bundle(turn, &BTreeMap::from([("place".to_owned(), place)]))
}

/// The session that this turn begins when it loses a race: the same one whoever records it, so that it is recorded once.
pub fn fork_of(turn: &Turn) -> SessionId {
    let h = &turn.header;
    let hash = Sha256::of(format!("fork of {} at {}", h.session, h.key).as_bytes());
    let mut random = [0; 8];
    random.copy_from_slice(&hash.as_bytes()[..8]);
    SessionId::new(random, h.start)
}

/// Appends a turn where it belongs, and keeps what is said about sessions: the name of one that begins, the end of one that
/// is left behind.
pub fn record(ws: &Workspace, turn: &mut Turn, place: &Place) -> Result<Appended, Error> {
    let (store, author) = (ws.store(), ws.author()?);
    scrub(turn, &ws.redactor);
    let fork = fork_of(turn);
    let appended = store.append(turn, place.parent, place.begins, &author, fork)?;
    ws.faults.point("close.appended");
    annotate(ws, &appended, place)?;
    Ok(appended)
}

/// The annotations that go with a recorded turn. Making them twice changes nothing that counts.
pub fn annotate(ws: &Workspace, appended: &Appended, place: &Place) -> Result<(), Error> {
    let (store, author) = (ws.store(), ws.author()?);
    if let Some((session, tail)) = place.replaces {
        if !store.meta(session)?.abandoned().contains(&tail) {
            store.annotate(session, Fact::Abandoned(tail), ws.now(), &author)?;
        }
        ws.faults.point("close.abandoned");
    }
    let named = match (&place.name, appended.forked) {
        (Some(name), _) => Some(name.clone()),
        (None, true) => store.meta(appended.session)?.name().is_none().then(|| "fork".to_owned()),
        (None, false) => None,
    };
    if let Some(name) = named
        && store.meta(appended.session)?.name().is_none()
    {
        let name = if appended.forked { super::sessions::free_name(ws, &name)? } else { name };
        store.annotate(appended.session, Fact::Name(name), ws.now(), &author)?;
        ws.faults.point("close.named");
    }
    Ok(())
}

impl Place {
    /// Behind `parent`, with nothing to say about sessions.
    pub const fn new(parent: Option<Oid>, begins: Begins) -> Self {
        Self { parent, begins, name: None, replaces: None, in_files: BTreeSet::new(), stood: None, aside: false }
    }

    /// The bytes that go with the turn, with the name of the worktree that it was made in.
    pub fn encode(&self, worktree: &str) -> Vec<u8> {
        let mut value = json!({
            "begins": self.begins == Begins::Session,
            "worktree": worktree,
        });
        if let Some(parent) = self.parent {
            value["parent"] = json!(parent.to_string());
        }
        if !self.in_files.is_empty() {
            value["in_files"] = self.in_files.iter().map(|p| json!(percent_encode(p.as_bytes()))).collect();
        }
        if let Some(cursor) = &self.stood {
            value["stood"] = json!(String::from_utf8_lossy(&cursor.encode()));
        }
        if self.aside {
            value["aside"] = json!(true);
        }
        if let Some(name) = &self.name {
            value["name"] = json!(name);
        }
        if let Some((session, tail)) = self.replaces {
            value["replaces"] = json!([session.to_string(), tail.to_string()]);
        }
        canonical(&value).unwrap_or_else(|e| unreachable!("place: {e}"))
    }

    /// Reverses [`Self::encode`]. What cannot be read is left out: the answer is worth more than its place.
    pub fn decode(raw: &[u8]) -> (Self, String) {
        let place: Value = serde_json::from_slice(raw).unwrap_or_default();
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let read = Self {
            parent: place["parent"].as_str().and_then(|p| p.parse().ok()),
            begins: if place["begins"] == json!(true) { Begins::Session } else { Begins::Nothing },
            name: place["name"].as_str().map(str::to_owned),
            replaces: place["replaces"][0].as_str().and_then(|s| s.parse().ok()).zip(text(&place["replaces"][1]).parse().ok()),
            in_files: place["in_files"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|p| RepoPath::new(percent_decode(p.as_str()?)).ok())
                .collect(),
            stood: place["stood"].as_str().and_then(|raw| Cursor::decode(raw.as_bytes()).ok()),
            aside: place["aside"] == json!(true),
        };
        (read, text(&place["worktree"]))
    }
}

/// How a worktree is called in the directories of unfinished work.
pub fn worktree(layout: &Layout) -> String {
    percent_encode(layout.worktree_name().as_os_str().as_encoded_bytes())
}

/// A dead process's turn as its directory has it.
pub struct Found {
    pub turn: Turn,
    pub place: Place,
    /// Its worktree, as [`worktree`] spells it.
    pub worktree: String,
    /// Status and headers of the response, when they had arrived.
    pub head: Option<(u16, BTreeMap<String, String>)>,
    /// The response's bytes, when the request had been sent.
    pub raw: Option<Vec<u8>>,
}

/// Reads the directory of an unfinished turn.
pub fn read(wal: &Wal) -> Result<Found, Error> {
    let io = |source: io::Error| Error::Unfinished { path: "retort/wal".to_owned(), source };
    let (turn, extra) = codec::from_bundle(&wal.opened().map_err(io)?)?;
    let (place, worktree) = Place::decode(extra.get("place").map_or(&b""[..], Vec::as_slice));
    let head = wal.get("head").map_err(io)?.and_then(|raw| serde_json::from_slice::<(u16, BTreeMap<String, String>)>(&raw).ok());
    Ok(Found { turn, place, worktree, head, raw: wal.get(RAW).map_err(io)? })
}
