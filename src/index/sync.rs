//! Catching up with the refs.
//!
//! Invariants
//! - With nothing new it is one listing of refs and one comparison; nothing is written.
//! - All that one call reads is written in one transaction, with the watermarks; a killed one leaves the index as it was.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::rows::{Carry, Fresh, Writer};
use super::{Index, IndexError, common_dir};
use crate::base::id::{Oid, SessionId};
use crate::session::codec::decode_header;
use crate::session::meta::{Meta, RECORDS, check_name};
use crate::session::refs::{self, Kind, RefName};
use crate::vcs::{Backend, RawCommit, VcsError};

/// What a call of [`Index::sync`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncReport {
    /// Commits that were read.
    pub read: usize,
    /// Of these, such as cannot be understood; each is a row that says why.
    pub unreadable: usize,
    /// Rows of commits that no ref reaches any more.
    pub dropped: usize,
    /// One line for people, when the index was damaged and is new.
    pub notice: Option<String>,
}

fn listing(repo: &dyn Backend) -> Result<Vec<(String, Oid)>, VcsError> {
    let mut refs = repo.refs(refs::ALL)?;
    refs.retain(|(name, _)| RefName::parse(name).is_some());
    Ok(refs)
}

fn watermarks(conn: &Connection, id: i64) -> rusqlite::Result<Vec<(String, Oid)>> {
    let mut stmt = conn.prepare("SELECT name, oid FROM refs WHERE repo = ?1 ORDER BY name")?;
    let read =
        |row: &rusqlite::Row<'_>| Ok((row.get(0)?, super::rows::need(super::rows::blob(row, "oid", Oid::from_bytes)?, "oid")?));
    stmt.query_map([id], read)?.collect()
}

/// The commit, or `None` when it is not here or cannot be read.
fn commit(repo: &dyn Backend, oid: Oid) -> Result<Option<RawCommit>, VcsError> {
    match repo.commit(oid) {
        Err(VcsError::Corrupt(_)) => Ok(None),
        other => other,
    }
}

/// Whether a commit that was missing is here now.
fn missing_came(conn: &Connection, id: i64, repo: &dyn Backend) -> Result<bool, IndexError> {
    let mut stmt = conn.prepare("SELECT oid FROM turns WHERE repo = ?1 AND missing = 1")?;
    let read = |row: &rusqlite::Row<'_>| super::rows::need(super::rows::blob(row, "oid", Oid::from_bytes)?, "oid");
    for oid in stmt.query_map([id], read)? {
        if commit(repo, oid?)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn forget(conn: &Connection, id: i64) -> rusqlite::Result<()> {
    for table in ["refs", "sessions", "turns"] {
        conn.execute(&format!("DELETE FROM {table} WHERE repo = ?1"), [id])?;
    }
    Ok(())
}

impl Index {
    /// Reads what is new in this repository's refs. A damaged index is set aside and read again.
    pub fn sync(&mut self, repo: &dyn Backend) -> Result<SyncReport, IndexError> {
        self.healing(|index| if index.is_current(repo)? { Ok(SyncReport::default()) } else { index.catch_up(repo) })
    }

    /// The same for one who knows that there is something new, and need not list all refs to find out.
    pub fn sync_new(&mut self, repo: &dyn Backend) -> Result<SyncReport, IndexError> {
        self.healing(|index| index.catch_up(repo))
    }

    /// Forgets this repository and reads it again.
    pub fn rebuild(&mut self, repo: &dyn Backend) -> Result<SyncReport, IndexError> {
        self.healing(|index| {
            if let Some(id) = index.repo_id(repo)? {
                let tx = index.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
                forget(&tx, id)?;
                tx.commit()?;
            }
            index.catch_up(repo)
        })
    }

    fn healing(&mut self, mut act: impl FnMut(&mut Self) -> Result<SyncReport, IndexError>) -> Result<SyncReport, IndexError> {
        match act(self) {
            Err(IndexError::Damaged(why)) => {
                let notice = Some(self.set_aside(&why)?);
                Ok(SyncReport { notice, ..act(self)? })
            }
            other => other,
        }
    }

    fn is_current(&self, repo: &dyn Backend) -> Result<bool, IndexError> {
        let Some(id) = self.repo_id(repo)? else { return Ok(false) };
        Ok(!missing_came(&self.conn, id, repo)? && watermarks(&self.conn, id)? == listing(repo)?)
    }

    fn catch_up(&mut self, repo: &dyn Backend) -> Result<SyncReport, IndexError> {
        let again = self.repo_id(repo)?.map_or(Ok(false), |id| missing_came(&self.conn, id, repo))?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute("INSERT OR IGNORE INTO repos (common_dir) VALUES (?1)", [common_dir(repo)])?;
        let id = tx.query_row("SELECT id FROM repos WHERE common_dir = ?1", [common_dir(repo)], |row| row.get(0))?;
        if again {
            forget(&tx, id)?;
        }
        let report = Sync { tx: &tx, repo, id, report: SyncReport::default() }.run()?;
        tx.commit()?;
        Ok(report)
    }
}

struct Sync<'a> {
    tx: &'a Transaction<'a>,
    repo: &'a dyn Backend,
    id: i64,
    report: SyncReport,
}

impl Sync<'_> {
    fn run(mut self) -> Result<SyncReport, IndexError> {
        // Listed under the write lock: what another process wrote before is never newer than this.
        let new: BTreeMap<String, Oid> = listing(self.repo)?.into_iter().collect();
        let old: BTreeMap<String, Oid> = watermarks(self.tx, self.id)?.into_iter().collect();
        let names: BTreeSet<&String> = new.keys().chain(old.keys()).filter(|name| new.get(*name) != old.get(*name)).collect();
        let (mut touched, mut sweep) = (BTreeSet::new(), false);
        for name in names {
            let Some(RefName { remote, kind, session }) = RefName::parse(name) else { continue };
            let (from, to) = (old.get(name).copied(), new.get(name).copied());
            touched.insert((remote, session));
            if kind == Kind::Session {
                let met = to.map(|tip| self.ingest(tip)).transpose()?.flatten();
                // It went forward when the walk from its new tip ended at the old one; else something may be left behind.
                sweep |= from.is_some() && met != from;
            }
            match to {
                Some(to) => {
                    self.tx.execute("INSERT OR REPLACE INTO refs VALUES (?1, ?2, ?3)", params![self.id, name, to.as_bytes()])?
                }
                None => self.tx.execute("DELETE FROM refs WHERE repo = ?1 AND name = ?2", params![self.id, name])?,
            };
        }
        for (remote, session) in touched {
            self.session(&new, remote, session)?;
        }
        if sweep {
            self.report.dropped = self.tx.execute(
                "DELETE FROM turns WHERE repo = ?1 AND oid NOT IN (
                   WITH RECURSIVE reached(oid) AS (
                     SELECT tip FROM sessions WHERE repo = ?1
                     UNION
                     SELECT t.parent FROM reached r JOIN turns t ON t.repo = ?1 AND t.oid = r.oid WHERE t.parent IS NOT NULL
                   ) SELECT oid FROM reached)",
                [self.id],
            )?;
        }
        Ok(self.report)
    }

    /// Reads the chain that ends at `tip` as far as it is not known; gives the known commit where it began.
    fn ingest(&mut self, tip: Oid) -> Result<Option<Oid>, IndexError> {
        let mut known = self.tx.prepare("SELECT * FROM turns WHERE repo = ?1 AND oid = ?2")?;
        let (mut at, mut met, mut unread) = (Some(tip), None, Vec::new());
        let mut carry = Carry::default();
        while let Some(oid) = at {
            if let Some(found) = known.query_row(params![self.id, oid.as_bytes()], Carry::read).optional()? {
                (carry, met) = (found, Some(oid));
                break;
            }
            let raw = commit(self.repo, oid)?;
            at = raw.as_ref().and_then(|raw| raw.parents.first().copied());
            unread.push((oid, raw));
        }
        if unread.is_empty() {
            return Ok(met);
        }
        let mut writer = Writer::new(self.tx)?;
        while let Some((oid, raw)) = unread.pop() {
            let fresh = match raw {
                None => Fresh { oid, parent: None, tree: None, header: Err("the commit is not in this repository".to_owned()) },
                Some(raw) => Fresh {
                    oid,
                    parent: raw.parents.first().copied(),
                    tree: Some(raw.tree),
                    header: decode_header(&raw.message).map_err(|e| e.to_string()),
                },
            };
            carry = carry.next(fresh.header.as_ref().ok());
            writer.insert(self.id, &fresh, &carry)?;
            self.report.read += 1;
            self.report.unreadable += usize::from(fresh.header.is_err());
        }
        Ok(met)
    }

    /// Writes a session's row from its two refs.
    fn session(&self, refs: &BTreeMap<String, Oid>, remote: &str, id: SessionId) -> Result<(), IndexError> {
        let of = |kind| refs.get(&RefName { remote, kind, session: id }.to_string());
        let Some(tip) = of(Kind::Session) else {
            let key = params![self.id, remote, id.as_bytes()];
            self.tx.execute("DELETE FROM sessions WHERE repo = ?1 AND remote = ?2 AND id = ?3", key)?;
            return Ok(());
        };
        let meta = of(Kind::Meta).map(|oid| self.meta(*oid)).transpose()?.unwrap_or_default();
        let key: Option<Vec<u8>> =
            self.tx.query_row("SELECT key FROM turns WHERE repo = ?1 AND oid = ?2", params![self.id, tip.as_bytes()], |row| {
                row.get(0)
            })?;
        let abandoned = key.is_some_and(|key| meta.abandoned().iter().any(|k| k.as_bytes()[..] == key));
        // Another program's name that is none here could be taken for an address of something else.
        let name = meta.name().filter(|name| check_name(name).is_ok());
        self.tx.execute(
            "INSERT OR REPLACE INTO sessions (repo, remote, id, tip, name, abandoned) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![self.id, remote, id.as_bytes(), tip.as_bytes(), name, abandoned],
        )?;
        Ok(())
    }

    fn meta(&self, oid: Oid) -> Result<Meta, IndexError> {
        let Some(raw) = commit(self.repo, oid)? else { return Ok(Meta::default()) };
        match self.repo.file(raw.tree, RECORDS) {
            Ok(records) => Ok(records.map(|raw| Meta::decode(&raw)).unwrap_or_default()),
            Err(VcsError::Corrupt(_)) => Ok(Meta::default()),
            Err(e) => Err(e.into()),
        }
    }
}
