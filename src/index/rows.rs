//! A turn's header ⇄ rows.
//!
//! Invariants
//! - A header is read back exactly as it was written. Counts above 2^63 survive as the same bits.
//! - A value that no writer of this file can have written is an error of the database, which makes the index "damaged".

use std::str::FromStr;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, Statement, params};

use crate::base::change::LineCounts;
use crate::base::clock::Timestamp;
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::base::money::{Tokens, Usd};
use crate::base::path::RepoPath;
use crate::session::stream::Usage;
use crate::session::turn::{FileStat, FileStatus, ForkPoint, Header, Outcome, Price, RequestDigest, TurnKind};

/// One turn as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnRow {
    pub oid: Oid,
    /// The first parent.
    pub parent: Option<Oid>,
    /// `None` when the commit is not here.
    pub tree: Option<Oid>,
    /// 1 for a root.
    pub depth: u64,
    /// Its number in its chain, from 1; `None` for a note and for what cannot be read.
    pub nth: Option<u64>,
    /// The shortest unique prefix of its key in the repository; empty when it cannot be read.
    pub prefix: String,
    /// The header, or why it cannot be read.
    pub header: Result<Header, String>,
}

impl TurnRow {
    /// The key, when it can be read.
    pub fn key(&self) -> Option<TurnKey> {
        self.header.as_ref().ok().map(|h| h.key)
    }
}

/// What a commit adds to its first parent's chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Carry {
    pub depth: u64,
    pub nth: u64,
    pub session: Option<SessionId>,
    pub last_model: Option<String>,
    pub last_branch: Option<String>,
    pub last_end: Option<Timestamp>,
    pub began: Option<Timestamp>,
    pub usage: Usage,
    pub cost: Option<Usd>,
}

impl Carry {
    /// The chain's state after one more commit; `None` for one that cannot be read.
    pub(super) fn next(&self, header: Option<&Header>) -> Self {
        let mut next = Self { depth: self.depth + 1, ..self.clone() };
        let Some(h) = header else { return next };
        if next.session != Some(h.session) {
            // Shared ancestors are counted in the session that made them.
            next = Self { session: Some(h.session), began: Some(h.start), usage: Usage::default(), cost: None, ..next };
        }
        next.nth += u64::from(h.kind != TurnKind::Note);
        next.last_model = h.model.as_ref().map(ToString::to_string).or(next.last_model);
        next.last_branch = h.branch.clone().or(next.last_branch);
        next.last_end = Some(h.end);
        next.usage = next.usage.plus(h.usage);
        next.cost = match (next.cost, h.cost) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        next
    }

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            depth: count(row, "depth")?,
            nth: count(row, "nth")?,
            session: blob(row, "session", session_id)?,
            last_model: row.get("last_model")?,
            last_branch: row.get("last_branch")?,
            last_end: time(row, "last_end")?,
            began: time(row, "began")?,
            usage: usage(row, "sum_")?,
            cost: money(row, "sum_cost")?,
        })
    }
}

/// A commit that was just read.
pub(super) struct Fresh {
    pub oid: Oid,
    pub parent: Option<Oid>,
    pub tree: Option<Oid>,
    pub header: Result<Header, String>,
}

/// Writes turns; statements are prepared once.
pub(super) struct Writer<'c> {
    conn: &'c Connection,
    turn: Statement<'c>,
    usage: Statement<'c>,
    file: Statement<'c>,
}

const COLUMNS: &str = "repo, oid, parent, tree, depth, nth, error, missing, subject, kind, key, exchange, session, seq, model, \
    served, started, ended, base, branch, code, outcome, request_hash, request_length, fork_session, fork_turn, last_model, \
    last_branch, last_end, began, sum_input, sum_cache_read, sum_cache_write, sum_output, sum_reasoning, sum_cost";

impl<'c> Writer<'c> {
    pub(super) fn new(conn: &'c Connection) -> rusqlite::Result<Self> {
        let marks = vec!["?"; COLUMNS.split(',').count()].join(", ");
        Ok(Self {
            conn,
            turn: conn.prepare(&format!("INSERT INTO turns ({COLUMNS}) VALUES ({marks})"))?,
            usage: conn.prepare("INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?,
            file: conn.prepare("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)")?,
        })
    }

    pub(super) fn insert(&mut self, repo: i64, fresh: &Fresh, carry: &Carry) -> rusqlite::Result<()> {
        let h = fresh.header.as_ref().ok();
        let raw = |id: Option<Oid>| id.map(|id| id.as_bytes().to_vec());
        let fork = h.and_then(|h| h.forked_from);
        let request = h.and_then(|h| h.request);
        self.turn.execute(params![
            repo,
            fresh.oid.as_bytes(),
            raw(fresh.parent),
            raw(fresh.tree),
            carry.depth.cast_signed(),
            carry.nth.cast_signed(),
            fresh.header.as_ref().err(),
            fresh.tree.is_none(),
            h.map(|h| &h.subject),
            h.map(|h| h.kind.as_str()),
            h.map(|h| h.key.as_bytes().as_slice()),
            h.map(|h| h.exchange.as_bytes().as_slice()),
            // A commit that cannot be read continues its parent's session.
            h.map(|h| h.session).or(carry.session).as_ref().map(|s| s.as_bytes().as_slice()),
            h.map(|h| h.seq.cast_signed()),
            h.and_then(|h| h.model.as_ref()).map(ToString::to_string),
            h.and_then(|h| h.served.as_ref()),
            h.map(|h| h.start.millis()),
            h.map(|h| h.end.millis()),
            raw(h.and_then(|h| h.base)),
            h.and_then(|h| h.branch.as_ref()),
            raw(h.and_then(|h| h.commit)),
            h.map(|h| h.outcome.as_str()),
            request.map(|r| r.sha256.to_string()),
            request.map(|r| r.length.cast_signed()),
            fork.as_ref().map(|f| f.session.as_bytes().as_slice()),
            fork.as_ref().map(|f| f.turn.as_bytes().as_slice()),
            carry.last_model,
            carry.last_branch,
            carry.last_end.map(Timestamp::millis),
            carry.began.map(Timestamp::millis),
            carry.usage.input.0.cast_signed(),
            carry.usage.cache_read.0.cast_signed(),
            carry.usage.cache_write.0.cast_signed(),
            carry.usage.output.0.cast_signed(),
            carry.usage.reasoning.0.cast_signed(),
            carry.cost.map(Usd::nanos),
        ])?;
        let Some(h) = h else { return Ok(()) };
        let id = self.conn.last_insert_rowid();
        if h.usage != Usage::default() || h.price.is_some() || h.cost.is_some() {
            self.usage.execute(params![
                id,
                h.usage.input.0.cast_signed(),
                h.usage.cache_read.0.cast_signed(),
                h.usage.cache_write.0.cast_signed(),
                h.usage.output.0.cast_signed(),
                h.usage.reasoning.0.cast_signed(),
                h.price.map(|p| p.input.nanos()),
                h.price.map(|p| p.cache_read.nanos()),
                h.price.map(|p| p.output.nanos()),
                h.cost.map(Usd::nanos),
                h.price.map(|p| p.cache_write.nanos()),
            ])?;
        }
        for (place, file) in h.files.iter().enumerate() {
            let (added, removed) = (file.lines.added.cast_signed(), file.lines.removed.cast_signed());
            let status = file.status.letter().to_string();
            self.file.execute(params![id, place as i64, file.path.as_bytes(), status, added, removed])?;
        }
        Ok(())
    }
}

/// Reads turns of one repository; statements are prepared once.
pub(super) struct Reader<'c> {
    repo: i64,
    turn: Statement<'c>,
    link: Statement<'c>,
    files: Statement<'c>,
    near: [Statement<'c>; 4],
}

/// A turn's place in its chain.
pub(super) struct Link {
    pub parent: Option<Oid>,
    pub depth: u64,
    /// Turns of the chain up to here, notes not counted.
    pub nth: u64,
}

impl<'c> Reader<'c> {
    pub(super) fn new(conn: &'c Connection, repo: i64) -> rusqlite::Result<Self> {
        let near = |what: &str| conn.prepare(&format!("SELECT {what} ?2"));
        Ok(Self {
            repo,
            turn: conn.prepare(
                "SELECT t.*, u.turn AS u_turn, u.input AS u_input, u.cache_read AS u_cache_read, u.cache_write AS u_cache_write, \
                 u.output AS u_output, u.reasoning AS u_reasoning, u.price_input, u.price_cache_read, u.price_cache_write, \
                 u.price_output, u.cost FROM turns t LEFT JOIN usage u ON u.turn = t.id WHERE t.repo = ?1 AND t.oid = ?2",
            )?,
            link: conn.prepare("SELECT parent, depth, nth FROM turns WHERE repo = ?1 AND oid = ?2")?,
            files: conn.prepare("SELECT path, status, added, removed FROM files WHERE turn = ?1 ORDER BY place")?,
            near: [
                near("max(key) FROM turns WHERE repo = ?1 AND key <")?,
                near("min(key) FROM turns WHERE repo = ?1 AND key >")?,
                near("max(id) FROM sessions WHERE repo = ?1 AND id <")?,
                near("min(id) FROM sessions WHERE repo = ?1 AND id >")?,
            ],
        })
    }

    /// The turn of this commit, without its prefix.
    pub(super) fn bare_turn(&mut self, oid: Oid) -> rusqlite::Result<Option<TurnRow>> {
        let files = &mut self.files;
        self.turn.query_row(params![self.repo, oid.as_bytes()], |row| read_turn(row, files)).optional()
    }

    /// The turn of this commit.
    pub(super) fn turn(&mut self, oid: Oid) -> rusqlite::Result<Option<TurnRow>> {
        let Some(mut turn) = self.bare_turn(oid)? else { return Ok(None) };
        if let Some(key) = turn.key() {
            turn.prefix = self.prefix(key.as_bytes())?;
        }
        Ok(Some(turn))
    }

    pub(super) fn link(&mut self, oid: Oid) -> rusqlite::Result<Option<Link>> {
        let read = |row: &Row<'_>| {
            Ok(Link { parent: blob(row, "parent", Oid::from_bytes)?, depth: count(row, "depth")?, nth: count(row, "nth")? })
        };
        self.link.query_row(params![self.repo, oid.as_bytes()], read).optional()
    }

    /// Whether `oid` is `tip` or one of its first parents.
    pub(super) fn chain_has(&mut self, tip: Oid, oid: Oid) -> rusqlite::Result<bool> {
        let Some(goal) = self.link(oid)? else { return Ok(false) };
        let mut at = Some(tip);
        while let Some(id) = at.filter(|id| *id != oid) {
            at = self.link(id)?.filter(|l| l.depth > goal.depth).and_then(|l| l.parent);
        }
        Ok(at == Some(oid))
    }

    /// The shortest prefix, of four letters or more, that no other turn key or session id of the repository has.
    pub(super) fn prefix(&mut self, id: &[u8]) -> rusqlite::Result<String> {
        let mut letters = 4;
        for near in &mut self.near {
            // Of a sorted set, the neighbours share the most.
            let other: Option<Vec<u8>> = near.query_row(params![self.repo, id], |row| row.get(0))?;
            letters = letters.max(other.map_or(0, |other| 1 + shared_letters(id, &other)));
        }
        Ok(id.iter().flat_map(|b| [b >> 4, b & 15]).take(letters).map(|nibble| char::from(b'z' - nibble)).collect())
    }
}

fn shared_letters(a: &[u8], b: &[u8]) -> usize {
    let equal = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let half = a.get(equal).zip(b.get(equal)).is_some_and(|(a, b)| a >> 4 == b >> 4);
    equal * 2 + usize::from(half)
}

pub(super) fn session_id(raw: &[u8]) -> Option<SessionId> {
    raw.try_into().ok().map(SessionId::from_bytes)
}

pub(super) fn turn_key(raw: &[u8]) -> Option<TurnKey> {
    raw.try_into().ok().map(TurnKey::from_bytes)
}

fn malformed(name: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, format!("{name} holds a malformed value").into())
}

pub(super) fn blob<T>(row: &Row<'_>, name: &str, make: impl Fn(&[u8]) -> Option<T>) -> rusqlite::Result<Option<T>> {
    match row.get_ref(name)?.as_blob_or_null()? {
        None => Ok(None),
        Some(raw) => make(raw).map(Some).ok_or_else(|| malformed(name)),
    }
}

fn word<T>(row: &Row<'_>, name: &str, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<Option<T>> {
    match row.get_ref(name)?.as_str_or_null()? {
        None => Ok(None),
        Some(text) => parse(text).map(Some).ok_or_else(|| malformed(name)),
    }
}

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

pub(super) fn need<T>(value: Option<T>, name: &str) -> rusqlite::Result<T> {
    value.ok_or_else(|| malformed(name))
}

fn number(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(name)?.map(i64::cast_unsigned))
}

pub(super) fn count(row: &Row<'_>, name: &str) -> rusqlite::Result<u64> {
    need(number(row, name)?, name)
}

pub(super) fn time(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(name)?.map(Timestamp::from_millis))
}

fn money(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<Usd>> {
    Ok(row.get::<_, Option<i64>>(name)?.map(Usd::from_nanos))
}

fn usage(row: &Row<'_>, prefix: &str) -> rusqlite::Result<Usage> {
    let tokens = |name: &str| Ok::<_, rusqlite::Error>(Tokens(number(row, &format!("{prefix}{name}"))?.unwrap_or(0)));
    Ok(Usage {
        input: tokens("input")?,
        cache_read: tokens("cache_read")?,
        cache_write: tokens("cache_write")?,
        output: tokens("output")?,
        reasoning: tokens("reasoning")?,
    })
}

fn read_turn(row: &Row<'_>, files: &mut Statement<'_>) -> rusqlite::Result<TurnRow> {
    let header = match row.get::<_, Option<String>>("error")? {
        Some(why) => Err(why),
        None => Ok(read_header(row, files)?),
    };
    let counted = header.as_ref().is_ok_and(|h| h.kind != TurnKind::Note);
    Ok(TurnRow {
        oid: need(blob(row, "oid", Oid::from_bytes)?, "oid")?,
        parent: blob(row, "parent", Oid::from_bytes)?,
        tree: blob(row, "tree", Oid::from_bytes)?,
        depth: count(row, "depth")?,
        nth: counted.then(|| count(row, "nth")).transpose()?,
        prefix: String::new(),
        header,
    })
}

fn read_header(row: &Row<'_>, files: &mut Statement<'_>) -> rusqlite::Result<Header> {
    let key = |name: &str| need(blob(row, name, turn_key)?, name);
    let moment = |name: &str| need(time(row, name)?, name);
    let cache = money(row, "price_cache_read")?.zip(money(row, "price_cache_write")?);
    let price = match (money(row, "price_input")?, cache, money(row, "price_output")?) {
        (Some(input), Some((cache_read, cache_write)), Some(output)) => Some(Price { input, cache_read, cache_write, output }),
        _ => None,
    };
    let request = word(row, "request_hash", parsed)?.zip(number(row, "request_length")?);
    let fork = blob(row, "fork_session", session_id)?.zip(blob(row, "fork_turn", turn_key)?);
    let read_file = |row: &Row<'_>| {
        Ok(FileStat {
            path: need(blob(row, "path", |raw| RepoPath::new(raw).ok())?, "path")?,
            status: need(word(row, "status", FileStatus::parse)?, "status")?,
            lines: LineCounts { added: count(row, "added")?, removed: count(row, "removed")? },
        })
    };
    Ok(Header {
        subject: need(row.get("subject")?, "subject")?,
        kind: need(word(row, "kind", TurnKind::parse)?, "kind")?,
        key: key("key")?,
        exchange: key("exchange")?,
        session: need(blob(row, "session", session_id)?, "session")?,
        seq: count(row, "seq")?,
        model: word(row, "model", parsed)?,
        served: row.get("served")?,
        usage: usage(row, "u_")?,
        price,
        cost: money(row, "cost")?,
        start: moment("started")?,
        end: moment("ended")?,
        base: blob(row, "base", Oid::from_bytes)?,
        branch: row.get("branch")?,
        commit: blob(row, "code", Oid::from_bytes)?,
        files: files.query_map([row.get::<_, i64>("id")?], read_file)?.collect::<Result<_, _>>()?,
        outcome: need(word(row, "outcome", Outcome::parse)?, "outcome")?,
        request: request.map(|(sha256, length)| RequestDigest { sha256, length }),
        forked_from: fork.map(|(session, turn)| ForkPoint { session, turn }),
    })
}
