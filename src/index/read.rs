//! Lists, search, and what is read from trees when it is first asked for.
//!
//! Invariants
//! - Every order is total and made of recorded values: times, then ids.
//! - A tree that is not here, or is malformed, reads as empty; the turn itself stays listed.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension as _, Row, TransactionBehavior, params};

use super::rows::{Carry, Reader, TurnRow, blob, need, session_id, time, turn_key};
use super::{Index, IndexError};
use crate::base::clock::Timestamp;
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::base::money::Usd;
use crate::base::text::percent_encode;
use crate::session::codec::{FORMAT, decode_tree};
use crate::session::stream::Usage;
use crate::session::turn::{ChangeStatus, Turn};
use crate::vcs::Backend;

/// Which sessions to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// Without abandoned ones, and without fetched ones that our own session of the same id contains.
    Live,
    All,
}

/// A session as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub id: SessionId,
    /// The remote it was fetched from; `None` for our own.
    pub remote: Option<String>,
    pub name: Option<String>,
    /// The name, else the shortest unique prefix of the id; `…@remote` when it was fetched.
    pub label: String,
    pub tip: Oid,
    /// The tip's key, when it can be read.
    pub turn: Option<TurnKey>,
    /// Turns of its chain, shared ancestors included, notes not counted.
    pub turns: u64,
    /// When its first turn of its own started.
    pub first: Timestamp,
    /// When its last turn ended.
    pub last: Timestamp,
    /// The newest model that was asked, `provider/model`.
    pub model: Option<String>,
    /// The newest branch, as a full ref name.
    pub branch: Option<String>,
    /// Of the turns that were made in it: those that a fork shares are counted where they were made.
    pub usage: Usage,
    /// The same for money; `None` when no price was known.
    pub cost: Option<Usd>,
    /// An undo and a new message left it behind.
    pub abandoned: bool,
    /// Fetched, and our own session of the same id contains all of it.
    pub covered: bool,
    /// Why the tip cannot be read.
    pub problem: Option<String>,
}

/// A piece of a found text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub text: String,
    /// Whether it is what was looked for.
    pub hit: bool,
}

/// A turn that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub turn: TurnRow,
    /// Some text around the first match.
    pub snippet: Vec<Span>,
}

/// A turn whose edits were parsed and wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRow {
    pub turn: TurnRow,
    /// Paths of changes that fit and were not written, percent-encoded where they are not plain text.
    pub held: Vec<String>,
    /// Edits that did not fit: the path as the model wrote it, and why.
    pub rejects: Vec<(String, String)>,
}

/// One event of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    pub turn: Oid,
    pub at: Timestamp,
    pub kind: String,
    pub fields: BTreeMap<String, String>,
}

/// Turns that may have left edits: those that came to nothing, and those whose edits were only to be stored.
const OPEN: &str = "(turns.outcome IN ('rejected', 'interrupted', 'recovered', 'uncommitted') \
     OR turns.outcome = 'none' AND EXISTS (SELECT 1 FROM files f WHERE f.turn = turns.id))";

impl Index {
    /// Sessions, the one with the latest turn first.
    pub fn sessions(&self, repo: &dyn Backend, which: Sessions) -> Result<Vec<SessionRow>, IndexError> {
        let Some(id) = self.repo_id(repo)? else { return Ok(Vec::new()) };
        let mut reader = Reader::new(&self.conn, id)?;
        let mut stmt = self.conn.prepare(
            "SELECT s.remote, s.id AS sid, s.name, s.tip, s.abandoned, t.* FROM sessions s \
             JOIN turns t ON t.repo = s.repo AND t.oid = s.tip WHERE s.repo = ?1",
        )?;
        let mut rows: Vec<SessionRow> = stmt.query_map([id], session_row)?.collect::<Result<_, _>>()?;
        let own: BTreeMap<SessionId, Oid> = rows.iter().filter(|r| r.remote.is_none()).map(|r| (r.id, r.tip)).collect();
        for row in &mut rows {
            let plain = row.name.clone().map_or_else(|| reader.prefix(row.id.as_bytes()), Ok)?;
            row.label = row.remote.as_ref().map_or_else(|| plain.clone(), |remote| format!("{plain}@{remote}"));
            if let Some(tip) = own.get(&row.id).filter(|_| row.remote.is_some()) {
                row.covered = reader.chain_has(*tip, row.tip)?;
            }
        }
        rows.retain(|row| which == Sessions::All || !(row.abandoned || row.covered));
        rows.sort_by(|a, b| (b.last, a.id, &a.remote).cmp(&(a.last, b.id, &b.remote)));
        Ok(rows)
    }

    /// Whether a session of our own has this name.
    pub fn name_taken(&self, repo: &dyn Backend, name: &str) -> Result<bool, IndexError> {
        let id = self.repo_id(repo)?;
        let sql = "SELECT EXISTS (SELECT 1 FROM sessions WHERE repo = ?1 AND remote = '' AND name = ?2)";
        Ok(self.conn.query_row(sql, params![id, name], |row| row.get(0))?)
    }

    /// The shortest prefix of a turn's key, of four letters or more, that nothing else in the repository has.
    pub fn unique_prefix(&self, repo: &dyn Backend, key: TurnKey) -> Result<String, IndexError> {
        Ok(Reader::new(&self.conn, self.repo_id(repo)?.unwrap_or(-1))?.prefix(key.as_bytes())?)
    }

    /// The turn of a commit.
    pub fn turn(&self, repo: &dyn Backend, oid: Oid) -> Result<Option<TurnRow>, IndexError> {
        Ok(Reader::new(&self.conn, self.repo_id(repo)?.unwrap_or(-1))?.turn(oid)?)
    }

    /// The chain that ends at `tip`, newest first, at most `limit` of it.
    pub fn log(&self, repo: &dyn Backend, tip: Oid, limit: usize) -> Result<Vec<TurnRow>, IndexError> {
        let mut reader = Reader::new(&self.conn, self.repo_id(repo)?.unwrap_or(-1))?;
        let (mut at, mut out) = (Some(tip), Vec::new());
        while let Some(oid) = at.filter(|_| out.len() < limit) {
            let Some(turn) = reader.turn(oid)? else { break };
            at = turn.parent;
            out.push(turn);
        }
        Ok(out)
    }

    /// Turns whose message or answer has all these words (or words that begin so), the latest first.
    pub fn search(&mut self, repo: &dyn Backend, text: &str, limit: usize) -> Result<Vec<Hit>, IndexError> {
        let Some(id) = self.repo_id(repo)? else { return Ok(Vec::new()) };
        let words =
            text.split(|c: char| c.is_whitespace() || c.is_control() || c == '"').filter(|w| w.contains(char::is_alphanumeric));
        let query: Vec<String> = words.map(|word| format!("\"{word}\"*")).collect();
        if query.is_empty() {
            return Ok(Vec::new());
        }
        self.read_texts(repo, None)?;
        let mut reader = Reader::new(&self.conn, id)?;
        let mut stmt = self.conn.prepare(
            "SELECT t.oid, snippet(messages, -1, char(2), char(3), '…', 24) AS snippet \
             FROM messages JOIN turns t ON t.id = messages.rowid \
             WHERE messages MATCH ?2 AND t.repo = ?1 ORDER BY t.ended DESC, t.oid LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = stmt.query_map(params![id, query.join(" "), limit], |row| {
            Ok((need(blob(row, "oid", Oid::from_bytes)?, "oid")?, row.get::<_, String>("snippet")?))
        })?;
        let mut hits = Vec::new();
        for hit in found {
            let (oid, snippet) = hit?;
            hits.extend(reader.turn(oid)?.map(|turn| Hit { turn, snippet: spans(&snippet) }));
        }
        Ok(hits)
    }

    /// Turns of our own live sessions whose edits wait, the latest first. Only the last turn of an exchange counts: what
    /// came of the exchange is what came of that, also where it was taken in another session.
    pub fn queue(&mut self, repo: &dyn Backend) -> Result<Vec<QueueRow>, IndexError> {
        let Some(id) = self.repo_id(repo)? else { return Ok(Vec::new()) };
        self.read_edits(repo, None)?;
        let mut reader = Reader::new(&self.conn, id)?;
        let mut stmt = self.conn.prepare(&format!(
            "SELECT turns.id AS turn, turns.oid, s.tip FROM turns \
             JOIN sessions s ON s.repo = turns.repo AND s.remote = '' AND s.id = turns.session AND NOT s.abandoned \
             WHERE turns.repo = ?1 AND {OPEN} AND EXISTS (SELECT 1 FROM edits e WHERE e.turn = turns.id AND e.reason IS NULL) \
             AND NOT EXISTS (SELECT 1 FROM turns n WHERE n.repo = turns.repo AND n.exchange = turns.exchange \
               AND (n.session = turns.session AND n.depth > turns.depth OR n.session <> turns.session AND n.started > turns.started)) \
             ORDER BY turns.ended DESC, turns.oid"
        ))?;
        let mut edits = self.conn.prepare("SELECT path, reason FROM edits WHERE turn = ?1 ORDER BY place")?;
        let oid = |row: &Row<'_>, name: &str| need(blob(row, name, Oid::from_bytes)?, name);
        let found = stmt.query_map([id], |row| Ok((row.get::<_, i64>("turn")?, oid(row, "oid")?, oid(row, "tip")?)))?;
        let mut queue = Vec::new();
        for open in found {
            let (rowid, oid, tip) = open?;
            let Some(turn) = reader.turn(oid)? else { continue };
            if !reader.chain_has(tip, oid)? {
                continue;
            }
            let mut row = QueueRow { turn, held: Vec::new(), rejects: Vec::new() };
            for edit in edits.query_map([rowid], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<String>>(1)?)))? {
                match edit? {
                    (path, None) => row.held.push(String::from_utf8(path).unwrap_or_else(|e| percent_encode(e.as_bytes()))),
                    (path, Some(reason)) => row.rejects.push((String::from_utf8_lossy(&path).into_owned(), reason)),
                }
            }
            queue.push(row);
        }
        Ok(queue)
    }

    /// Events of one kind, or all, over all turns of the repository, the earliest first.
    pub fn events(&mut self, repo: &dyn Backend, kind: Option<&str>) -> Result<Vec<EventRow>, IndexError> {
        let Some(id) = self.repo_id(repo)? else { return Ok(Vec::new()) };
        self.read_texts(repo, None)?;
        let mut stmt = self.conn.prepare(
            "SELECT t.oid, e.at, e.kind, e.fields FROM events e JOIN turns t ON t.id = e.turn \
             WHERE t.repo = ?1 AND (?2 IS NULL OR e.kind = ?2) ORDER BY e.at, t.oid, e.place",
        )?;
        let rows = stmt.query_map(params![id, kind], |row| {
            let fields: String = row.get("fields")?;
            Ok(EventRow {
                turn: need(blob(row, "oid", Oid::from_bytes)?, "oid")?,
                at: need(time(row, "at")?, "at")?,
                kind: row.get("kind")?,
                fields: need(serde_json::from_str(&fields).ok(), "fields")?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Reads messages, answers and events of turns where that was not done, or of those of `only`.
    pub(super) fn read_texts(&mut self, repo: &dyn Backend, only: Option<&BTreeSet<Oid>>) -> Result<(), IndexError> {
        self.read_trees(repo, "text_read", "error IS NULL", only, |tx, rowid, tree, turn| {
            let prompt = turn.and_then(|t| t.prompt.clone()).unwrap_or_default();
            let answer = repo.file(tree, "response/text").ok().flatten().unwrap_or_default();
            if !(prompt.is_empty() && answer.is_empty()) {
                let (prompt, answer) = (String::from_utf8_lossy(&prompt), String::from_utf8_lossy(&answer));
                tx.execute("INSERT INTO messages (rowid, prompt, answer) VALUES (?1, ?2, ?3)", params![rowid, prompt, answer])?;
            }
            for (place, event) in turn.iter().flat_map(|t| &t.events).enumerate() {
                let fields = serde_json::to_string(&event.fields).unwrap_or_default();
                let values = params![rowid, place as i64, event.at.millis(), event.kind, fields];
                tx.execute("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5)", values)?;
            }
            Ok(())
        })
    }

    /// The same for edits, of turns that left some.
    pub(super) fn read_edits(&mut self, repo: &dyn Backend, only: Option<&BTreeSet<Oid>>) -> Result<(), IndexError> {
        self.read_trees(repo, "edits_read", OPEN, only, |tx, rowid, _, turn| {
            let Some(edits) = turn.map(|t| &t.edits) else { return Ok(()) };
            let held = edits.changes.iter().filter(|c| c.status == ChangeStatus::Held).map(|c| (c.path.as_bytes(), None));
            let rejects = edits.rejects.iter().map(|r| (r.path.as_bytes(), Some(&r.reason)));
            for (place, (path, reason)) in held.chain(rejects).enumerate() {
                tx.execute("INSERT INTO edits VALUES (?1, ?2, ?3, ?4)", params![rowid, place as i64, path, reason])?;
            }
            Ok(())
        })
    }

    fn read_trees(
        &mut self,
        repo: &dyn Backend,
        flag: &str,
        which: &str,
        only: Option<&BTreeSet<Oid>>,
        mut store: impl FnMut(&rusqlite::Connection, i64, Oid, Option<&Turn>) -> rusqlite::Result<()>,
    ) -> Result<(), IndexError> {
        /// So many turns a transaction: others wait for the write lock meanwhile.
        const BATCH: usize = 1_000;
        let Some(id) = self.repo_id(repo)? else { return Ok(()) };
        let unread = {
            let mut stmt = self.conn.prepare(&format!("SELECT oid FROM turns WHERE repo = ?1 AND {flag} = 0 AND {which}"))?;
            let oids = stmt.query_map([id], |row| need(blob(row, "oid", Oid::from_bytes)?, "oid"))?;
            oids.collect::<Result<Vec<Oid>, _>>()?
        };
        let wanted: Vec<Oid> = unread.into_iter().filter(|oid| only.is_none_or(|only| only.contains(oid))).collect();
        for batch in wanted.chunks(BATCH) {
            let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut reader = Reader::new(&tx, id)?;
                // Another process may have read it, or dropped it, meanwhile.
                let mut mark =
                    tx.prepare(&format!("UPDATE turns SET {flag} = 1 WHERE repo = ?1 AND oid = ?2 AND {flag} = 0 RETURNING id"))?;
                for oid in batch {
                    let Some(rowid) = mark.query_row(params![id, oid.as_bytes()], |row| row.get::<_, i64>(0)).optional()? else {
                        continue;
                    };
                    let Some(turn) = reader.bare_turn(*oid)? else { continue };
                    if let Some(tree) = turn.tree {
                        store(&tx, rowid, tree, read_tree(repo, tree, turn).as_ref())?;
                    }
                }
            }
            tx.commit()?;
        }
        Ok(())
    }
}

/// A turn without its request and response, which are the bulk of it.
fn read_tree(repo: &dyn Backend, tree: Oid, turn: TurnRow) -> Option<Turn> {
    let wanted = |path: &str| path == FORMAT || ["turn.json", "prompt", "edits/", "events."].iter().any(|p| path.starts_with(p));
    let mut file = |path: &str| if wanted(path) { repo.file(tree, path).ok().flatten() } else { None };
    decode_tree(turn.header.ok()?, &mut file, &mut |_| Vec::new()).ok()
}

fn session_row(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    let id: SessionId = need(blob(row, "sid", session_id)?, "id")?;
    let carry = Carry::read(row)?;
    // A ref may point into another session's chain, with no turn of its own yet.
    let own = carry.session == Some(id);
    Ok(SessionRow {
        id,
        remote: row.get::<_, Option<String>>("remote")?.filter(|remote| !remote.is_empty()),
        name: row.get("name")?,
        label: String::new(),
        tip: need(blob(row, "tip", Oid::from_bytes)?, "tip")?,
        turn: blob(row, "key", turn_key)?,
        turns: carry.nth,
        first: carry.began.filter(|_| own).unwrap_or_else(|| id.began()),
        last: carry.last_end.unwrap_or_else(|| id.began()),
        model: carry.last_model,
        branch: carry.last_branch,
        usage: if own { carry.usage } else { Usage::default() },
        cost: carry.cost.filter(|_| own),
        abandoned: row.get("abandoned")?,
        covered: false,
        problem: row.get("error")?,
    })
}

/// Splits a snippet at its marks.
fn spans(text: &str) -> Vec<Span> {
    let mut out = Vec::new();
    for (at, piece) in text.split('\u{2}').enumerate() {
        let (hit, rest) = if at == 0 { ("", piece) } else { piece.split_once('\u{3}').unwrap_or((piece, "")) };
        for (text, hit) in [(hit, true), (rest, false)] {
            if !text.is_empty() {
                out.push(Span { text: text.to_owned(), hit });
            }
        }
    }
    out
}
