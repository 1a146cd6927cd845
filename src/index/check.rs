//! Comparing the index with what the refs say.
//!
//! Invariants
//! - Rows are compared by what they say, never by row ids, and as sets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rusqlite::types::ValueRef;

use super::{Index, IndexError};
use crate::base::id::Oid;
use crate::vcs::Backend;

/// Where a row stands that the other side lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// In the index only.
    Index,
    /// In what the refs give only.
    Refs,
}

/// A row that is not on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub table: &'static str,
    pub side: Side,
    /// The row's columns as `name=value`.
    pub row: String,
}

/// Columns that say where a row lies or how far it was read, not what it says.
const PRIVATE: [&str; 5] = ["id", "repo", "turn", "text_read", "edits_read"];

const TABLES: [(&str, &str); 8] = [
    ("refs", "SELECT * FROM refs WHERE repo = ?1"),
    ("sessions", "SELECT id AS session, s.* FROM sessions s WHERE repo = ?1"),
    ("turns", "SELECT * FROM turns WHERE repo = ?1"),
    ("files", "SELECT t.oid AS of, f.* FROM files f JOIN turns t ON t.id = f.turn WHERE t.repo = ?1"),
    ("usage", "SELECT t.oid AS of, u.* FROM usage u JOIN turns t ON t.id = u.turn WHERE t.repo = ?1"),
    ("edits", "SELECT t.oid AS of, e.* FROM edits e JOIN turns t ON t.id = e.turn WHERE t.repo = ?1"),
    ("events", "SELECT t.oid AS of, e.* FROM events e JOIN turns t ON t.id = e.turn WHERE t.repo = ?1"),
    ("messages", "SELECT t.oid AS of, m.* FROM messages m JOIN turns t ON t.id = m.rowid WHERE t.repo = ?1"),
];

type Dump = BTreeMap<(&'static str, String), usize>;

impl Index {
    /// Reads the repository into memory and compares row by row; empty when all is well. Refs that moved since the last
    /// [`Index::sync`] show as mismatches.
    pub fn check(&self, repo: &dyn Backend) -> Result<Vec<Mismatch>, IndexError> {
        let file: String = self.conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if file != "ok" {
            return Err(IndexError::Damaged(file));
        }
        let mut fresh = Self::in_memory()?;
        fresh.sync(repo)?;
        fresh.read_texts(repo, Some(&self.done(repo, "text_read")?))?;
        fresh.read_edits(repo, Some(&self.done(repo, "edits_read")?))?;
        let (here, there) = (self.dump(repo)?, fresh.dump(repo)?);
        let only = |side, a: &Dump, b: &Dump| -> Vec<Mismatch> {
            let lacks = a.iter().filter(|(row, count)| b.get(*row) != Some(*count));
            lacks.map(|((table, row), _)| Mismatch { table, side, row: row.clone() }).collect()
        };
        let mut out = only(Side::Index, &here, &there);
        out.extend(only(Side::Refs, &there, &here));
        Ok(out)
    }

    /// Commits whose tree was read for `flag`.
    fn done(&self, repo: &dyn Backend, flag: &str) -> Result<BTreeSet<Oid>, IndexError> {
        let mut stmt = self.conn.prepare(&format!("SELECT oid FROM turns WHERE repo = ?1 AND {flag} = 1"))?;
        let oids =
            stmt.query_map([self.repo_id(repo)?], |row| super::rows::need(super::rows::blob(row, "oid", Oid::from_bytes)?, "oid"))?;
        Ok(oids.collect::<Result<_, _>>()?)
    }

    /// Every row of this repository, and how often it stands there.
    pub(super) fn dump(&self, repo: &dyn Backend) -> Result<Dump, IndexError> {
        let id = self.repo_id(repo)?;
        let mut dump = Dump::new();
        for (table, sql) in TABLES {
            let mut stmt = self.conn.prepare(sql)?;
            let names: Vec<String> = stmt.column_names().map(str::to_owned).collect();
            let mut rows = stmt.query([id])?;
            while let Some(row) = rows.next()? {
                let mut text = String::new();
                for (at, name) in names.iter().enumerate().filter(|(_, name)| !PRIVATE.contains(&name.as_str())) {
                    // Writing to a string cannot fail.
                    let _ = match row.get_ref(at)? {
                        ValueRef::Null => Ok(()),
                        ValueRef::Integer(n) => write!(text, " {name}={n}"),
                        ValueRef::Real(x) => write!(text, " {name}={x}"),
                        ValueRef::Text(raw) => write!(text, " {name}={:?}", String::from_utf8_lossy(raw)),
                        ValueRef::Blob(raw) => {
                            write!(text, " {name}=").and_then(|()| raw.iter().try_for_each(|b| write!(text, "{b:02x}")))
                        }
                    };
                }
                *dump.entry((table, text.trim_start().to_owned())).or_default() += 1;
            }
        }
        Ok(dump)
    }
}
