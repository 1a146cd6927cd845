//! What an address means in a repository.
//!
//! Invariants
//! - The answer depends on refs and commits alone; the index must have caught up.
//! - Where an address has two readings, both are named; nothing is guessed. (Of sessions with one name, those that were not
//!   abandoned come first; of two copies of a session, our own does.)

use rusqlite::{Row, params};

use super::rows::{Reader, TurnRow, blob, need, session_id};
use super::{Index, IndexError};
use crate::base::id::{Oid, SessionId, TurnKey, is_letters};
use crate::session::address::{Address, Base, Step};
use crate::session::cursor::Cursor;
use crate::session::refs::{Kind, RefName};
use crate::vcs::Backend;

/// What an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub session: SessionId,
    /// The remote that this copy of the session was fetched from; `None` for our own.
    pub remote: Option<String>,
    /// Whether it is the session's last turn (or the session has none), so that going on there is no fork.
    pub tip: bool,
    /// `None` before the first turn.
    pub turn: Option<TurnRow>,
}

/// One reading of an ambiguous address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Leads to it without doubt.
    pub address: String,
    /// A turn's subject, or a session's name.
    pub what: String,
}

/// Why an address leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error("there is no session in this worktree yet")]
    NoCursor,
    #[error("no session or turn is called {what}{}", hint(near))]
    NotFound { what: String, near: Vec<String> },
    #[error("{what} is ambiguous: it could be {}", candidates.iter().map(|c| format!("{} ({})", c.address, c.what)).collect::<Vec<_>>().join(", "))]
    Ambiguous { what: String, candidates: Vec<Candidate> },
    #[error("there {} there", plural(*have))]
    TooFar { have: u64 },
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl From<rusqlite::Error> for ResolveError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Index(error.into())
    }
}

fn hint(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

fn plural(turns: u64) -> String {
    match turns {
        0 => "is no turn".to_owned(),
        1 => "is only one turn".to_owned(),
        n => format!("are only {n} turns"),
    }
}

/// More readings than this are not listed.
const MANY: usize = 8;

/// A session ref.
#[derive(Debug, Clone)]
struct Slot {
    remote: String,
    id: SessionId,
    tip: Option<Oid>,
    name: Option<String>,
    abandoned: bool,
}

impl Slot {
    fn at(&self, suffix: &str) -> String {
        if self.remote.is_empty() { suffix.to_owned() } else { format!("{suffix}@{}", self.remote) }
    }

    fn full_ref(&self) -> String {
        RefName { remote: &self.remote, kind: Kind::Session, session: self.id }.to_string()
    }
}

impl Index {
    /// Finds what `address` means; `here` is the worktree's cursor.
    pub fn resolve(&self, repo: &dyn Backend, address: &Address, here: Option<&Cursor>) -> Result<Place, ResolveError> {
        let id = self.repo_id(repo)?.unwrap_or(-1);
        let mut resolver =
            Resolver { index: self, id, slots: self.slots(id)?, reader: Reader::new(&self.conn, id).map_err(IndexError::from)? };
        let (slot, mut turn) = match &address.base {
            Base::Here => resolver.here(here.ok_or(ResolveError::NoCursor)?)?,
            Base::Ref(name) => resolver.by_ref(name)?,
            Base::Session(id) => resolver.session(*id)?,
            Base::Prefix(letters) => resolver.prefix(letters, None)?,
            Base::Commit(digits) => resolver.commit(digits)?.ok_or_else(|| resolver.not_found(digits))?,
            Base::Name(name) => resolver.name(name)?,
        };
        for step in &address.steps {
            turn = Some(match *step {
                Step::Back(n) => resolver.back(turn, n)?,
                Step::Nth(n) => resolver.nth(&slot, n)?,
            });
        }
        Ok(Place {
            session: slot.id,
            tip: turn.as_ref().map(|t| t.oid) == slot.tip,
            remote: Some(slot.remote).filter(|remote| !remote.is_empty()),
            turn,
        })
    }

    fn slots(&self, id: i64) -> Result<Vec<Slot>, IndexError> {
        let mut stmt =
            self.conn.prepare("SELECT remote, id, tip, name, abandoned FROM sessions WHERE repo = ?1 ORDER BY remote, id")?;
        let read = |row: &Row<'_>| {
            Ok(Slot {
                remote: row.get("remote")?,
                id: need(blob(row, "id", session_id)?, "id")?,
                tip: blob(row, "tip", Oid::from_bytes)?,
                name: row.get("name")?,
                abandoned: row.get("abandoned")?,
            })
        };
        Ok(stmt.query_map([id], read)?.collect::<Result<_, _>>()?)
    }
}

struct Resolver<'i> {
    index: &'i Index,
    id: i64,
    slots: Vec<Slot>,
    reader: Reader<'i>,
}

type Spot = (Slot, Option<TurnRow>);

impl Resolver<'_> {
    fn not_found(&self, what: &str) -> ResolveError {
        let labels = self.slots.iter().filter_map(|s| Some(s.at(s.name.as_ref()?)));
        let bare = what.split('@').next().unwrap_or(what);
        let mut near: Vec<(usize, String)> = labels
            .map(|label| (if label.split('@').next() == Some(bare) { 0 } else { distance(what, &label) }, label))
            .filter(|(far, _)| *far <= 1 + what.chars().count() / 4)
            .collect();
        near.sort();
        near.dedup();
        ResolveError::NotFound { what: what.to_owned(), near: near.into_iter().take(3).map(|(_, label)| label).collect() }
    }

    fn at_tip(&mut self, slot: Slot) -> Result<Spot, ResolveError> {
        let turn = slot.tip.map(|tip| self.reader.turn(tip)).transpose()?.flatten();
        Ok((slot, turn))
    }

    fn here(&mut self, cursor: &Cursor) -> Result<Spot, ResolveError> {
        let mut copies = self.slots.iter().filter(|s| s.id == cursor.session);
        let none = Slot { remote: String::new(), id: cursor.session, tip: None, name: None, abandoned: false };
        let slot = copies.next().cloned().unwrap_or(none);
        let Some(key) = cursor.turn else { return Ok((slot, None)) };
        match self.by_key(key, slot.tip)? {
            Some(turn) => Ok((slot, Some(turn))),
            None => Err(self.not_found(&key.to_string())),
        }
    }

    fn by_ref(&mut self, name: &str) -> Result<Spot, ResolveError> {
        let found = RefName::parse(name).filter(|name| name.kind == Kind::Session);
        let slot = found.and_then(|name| self.slots.iter().find(|s| s.remote == name.remote && s.id == name.session));
        match slot.cloned() {
            Some(slot) => self.at_tip(slot),
            None => Err(self.not_found(name)),
        }
    }

    fn session(&mut self, id: SessionId) -> Result<Spot, ResolveError> {
        let copies: Vec<Slot> = self.slots.iter().filter(|s| s.id == id).cloned().collect();
        match copies.first() {
            None => Err(self.not_found(&id.to_string())),
            // Our own sorts first.
            Some(first) if first.remote.is_empty() || copies.iter().all(|c| c.tip == first.tip) => self.at_tip(first.clone()),
            Some(_) => Err(self.ambiguous(&id.to_string(), &copies)?),
        }
    }

    fn ambiguous(&mut self, what: &str, slots: &[Slot]) -> Result<ResolveError, ResolveError> {
        let mut candidates = Vec::new();
        for slot in slots.iter().take(MANY) {
            let prefix = self.reader.prefix(slot.id.as_bytes())?;
            let name = slot.name.as_ref().map_or_else(|| prefix.clone(), Clone::clone);
            // The prefix of a session that is ours too means ours.
            let address = if slot.remote.is_empty() { prefix } else { slot.full_ref() };
            candidates.push(Candidate { address, what: format!("session {}", slot.at(&name)) });
        }
        Ok(ResolveError::Ambiguous { what: what.to_owned(), candidates })
    }

    /// A turn key or session id that begins so; with a remote, a session of that remote only.
    fn prefix(&mut self, letters: &str, remote: Option<&str>) -> Result<Spot, ResolveError> {
        let (low, high) = range(letters.bytes().map(|b| b'z' - b));
        let inside = |id: &SessionId| id.as_bytes()[..] >= low[..] && id.as_bytes()[..] <= high[..];
        let mut ids: Vec<SessionId> =
            self.slots.iter().filter(|s| inside(&s.id) && remote.is_none_or(|r| s.remote == r)).map(|s| s.id).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys = if remote.is_none() { self.keys(&low, &high)? } else { Vec::new() };
        match (&ids[..], &keys[..]) {
            ([], []) => Err(self.not_found(letters)),
            ([id], []) => match remote.and_then(|r| self.slots.iter().find(|s| s.id == *id && s.remote == r)) {
                Some(slot) => self.at_tip(slot.clone()),
                None => self.session(*id),
            },
            ([], [key]) => {
                let Some(turn) = self.by_key(*key, None)? else { return Err(self.not_found(letters)) };
                Ok((self.home(&turn)?, Some(turn)))
            }
            _ => {
                let mut candidates = Vec::new();
                for id in ids.iter().take(MANY) {
                    let name = self.slots.iter().find(|s| s.id == *id).and_then(|s| s.name.clone());
                    let what = name.map_or_else(|| "session".to_owned(), |name| format!("session {name}"));
                    candidates.push(Candidate { address: self.reader.prefix(id.as_bytes())?, what });
                }
                for key in keys {
                    let subject = self.by_key(key, None)?.and_then(|t| t.header.ok()).map(|h| h.subject).unwrap_or_default();
                    candidates.push(Candidate { address: self.reader.prefix(key.as_bytes())?, what: subject });
                }
                candidates.truncate(MANY);
                Err(ResolveError::Ambiguous { what: letters.to_owned(), candidates })
            }
        }
    }

    fn keys(&self, low: &[u8], high: &[u8]) -> Result<Vec<TurnKey>, ResolveError> {
        let sql = "SELECT DISTINCT key FROM turns WHERE repo = ?1 AND key BETWEEN ?2 AND ?3 ORDER BY key LIMIT ?4";
        let mut stmt = self.index.conn.prepare(sql)?;
        let rows =
            stmt.query_map(params![self.id, low, high, MANY as i64], |row| need(blob(row, "key", super::rows::turn_key)?, "key"))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The turn with this key. A redacted copy has the same key: then the one in the chain of `tip` is meant, else the one
    /// in a session of ours, else the first by commit id.
    fn by_key(&mut self, key: TurnKey, tip: Option<Oid>) -> Result<Option<TurnRow>, ResolveError> {
        let mut stmt = self.index.conn.prepare("SELECT oid FROM turns WHERE repo = ?1 AND key = ?2 ORDER BY oid")?;
        let rows = stmt.query_map(params![self.id, key.as_bytes()], |row| need(blob(row, "oid", Oid::from_bytes)?, "oid"))?;
        let oids: Vec<Oid> = rows.collect::<Result<_, _>>()?;
        let Some(&first) = oids.first() else { return Ok(None) };
        let own = self.slots.iter().filter(|s| s.remote.is_empty()).filter_map(|s| s.tip);
        let tips: Vec<Oid> = if oids.len() > 1 { tip.into_iter().chain(own).collect() } else { Vec::new() };
        for tip in tips {
            for oid in &oids {
                if self.reader.chain_has(tip, *oid)? {
                    return Ok(self.reader.turn(*oid)?);
                }
            }
        }
        Ok(self.reader.turn(first)?)
    }

    /// The session that a turn is looked at in: the one that made it if it still holds it, else the first that does.
    fn home(&mut self, turn: &TurnRow) -> Result<Slot, ResolveError> {
        let made_in = turn.header.as_ref().ok().map(|h| h.session);
        let mut slots = self.slots.clone();
        slots.sort_by_key(|s| (Some(s.id) != made_in, s.abandoned));
        for slot in slots {
            if let Some(tip) = slot.tip
                && self.reader.chain_has(tip, turn.oid)?
            {
                return Ok(slot);
            }
        }
        Err(ResolveError::Index(IndexError::Damaged(format!("turn {} is in no session", turn.oid))))
    }

    /// A turn's commit that begins with these digits.
    fn commit(&mut self, digits: &str) -> Result<Option<Spot>, ResolveError> {
        let (low, high) = range(digits.bytes().map(|b| char::from(b).to_digit(16).unwrap_or(0) as u8));
        let sql = "SELECT oid FROM turns WHERE repo = ?1 AND oid BETWEEN ?2 AND ?3 ORDER BY oid LIMIT ?4";
        let mut stmt = self.index.conn.prepare(sql)?;
        let rows =
            stmt.query_map(params![self.id, low, high, MANY as i64], |row| need(blob(row, "oid", Oid::from_bytes)?, "oid"))?;
        let oids: Vec<Oid> = rows.collect::<Result<_, _>>()?;
        let mut turns = Vec::new();
        for oid in oids {
            turns.extend(self.reader.turn(oid)?);
        }
        if turns.len() > 1 {
            let what = |t: &TurnRow| t.header.as_ref().map_or_else(Clone::clone, |h| h.subject.clone());
            let candidates = turns.iter().map(|t| Candidate { address: t.oid.to_string(), what: what(t) }).collect();
            return Err(ResolveError::Ambiguous { what: digits.to_owned(), candidates });
        }
        let Some(turn) = turns.pop() else { return Ok(None) };
        Ok(Some((self.home(&turn)?, Some(turn))))
    }

    fn name(&mut self, text: &str) -> Result<Spot, ResolveError> {
        let (name, remote) = text.split_once('@').unwrap_or((text, ""));
        let mut found: Vec<Slot> =
            self.slots.iter().filter(|s| s.remote == remote && s.name.as_deref() == Some(name)).cloned().collect();
        if found.iter().any(|s| !s.abandoned) {
            found.retain(|s| !s.abandoned);
        }
        match &found[..] {
            [slot] => self.at_tip(slot.clone()),
            [] if is_letters(name) && !remote.is_empty() => self.prefix(name, Some(remote)),
            // Seven hexadecimal letters may be a commit or a name.
            [] if name.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
                self.commit(&text.to_ascii_lowercase())?.ok_or_else(|| self.not_found(text))
            }
            [] => Err(self.not_found(text)),
            several => Err(self.ambiguous(text, several)?),
        }
    }

    fn back(&mut self, from: Option<TurnRow>, n: u64) -> Result<TurnRow, ResolveError> {
        let from = from.ok_or(ResolveError::TooFar { have: 0 })?;
        let too_far = || ResolveError::TooFar { have: from.depth };
        let mut at = from.oid;
        for _ in 0..n {
            at = self.reader.link(at)?.and_then(|link| link.parent).ok_or_else(too_far)?;
        }
        self.reader.turn(at)?.ok_or_else(too_far)
    }

    fn nth(&mut self, slot: &Slot, n: u64) -> Result<TurnRow, ResolveError> {
        let (mut at, mut found) = (slot.tip, None);
        // Notes after the turn have its number too, so it is the oldest that has it.
        while let Some(oid) = at
            && let Some(link) = self.reader.link(oid)?
            && link.nth >= n
        {
            (at, found) = (link.parent, Some(oid).filter(|_| link.nth == n));
        }
        let have = slot.tip.map(|tip| self.reader.link(tip)).transpose()?.flatten().map_or(0, |link| link.nth);
        let turn = found.map(|oid| self.reader.turn(oid)).transpose()?.flatten();
        turn.ok_or(ResolveError::TooFar { have })
    }
}

/// The least and greatest ids that begin with these half-bytes.
fn range(nibbles: impl Iterator<Item = u8>) -> (Vec<u8>, Vec<u8>) {
    let nibbles: Vec<u8> = nibbles.collect();
    let fill = |with: u8| {
        let half = |at: usize| nibbles.get(at).copied().unwrap_or(with);
        (0..32.max(nibbles.len().div_ceil(2))).map(|at| (half(at * 2) << 4) | half(at * 2 + 1)).collect::<Vec<u8>>()
    };
    let mut low = fill(0);
    // Shorter ids sort before their continuation.
    low.truncate(nibbles.len().div_ceil(2));
    (low, fill(15))
}

/// How many characters must be changed, added or removed to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = (corner + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = row[j + 1];
            row[j + 1] = cost;
        }
    }
    row[b.len()]
}
