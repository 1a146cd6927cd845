//! Looking at the file without changing it.
//!
//! Invariants
//! - The file is opened for reading only. While no other process uses it, not even SQLite's own files beside it are made.

use std::path::Path;

use super::{Index, IndexError, common_dir, schema};
use crate::base::text::percent_encode;
use crate::vcs::Backend;

/// Tables with the repository's number, and those with a turn's.
const OF_REPO: [&str; 3] = ["refs", "sessions", "turns"];
const OF_TURN: [&str; 4] = ["files", "usage", "edits", "events"];

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    Absent,
    /// It is laid out anew at the next start.
    Older,
    Current,
}

/// What a file holds of a repository.
pub enum Copied {
    /// There is no file yet, or it is laid out anew at the next start, or it knows nothing of this repository.
    Nothing,
    /// A copy in memory of what it holds.
    Rows(Index),
}

impl Index {
    /// What the file at `path` says about this repository.
    pub fn copy(path: &Path, repo: &dyn Backend) -> Result<Copied, IndexError> {
        let (Probe::Current, copy) = Self::beside(path)? else { return Ok(Copied::Nothing) };
        let conn = &copy.conn;
        let sound: String = conn.query_row("PRAGMA old.quick_check(1)", [], |row| row.get(0))?;
        if sound != "ok" {
            return Err(IndexError::Damaged(sound));
        }
        let known = conn.execute("INSERT INTO main.repos SELECT * FROM old.repos WHERE common_dir = ?1", [common_dir(repo)])?;
        if known == 0 {
            return Ok(Copied::Nothing);
        }
        for table in OF_REPO {
            let sql = format!("INSERT INTO main.{table} SELECT t.* FROM old.{table} t JOIN main.repos r ON r.id = t.repo");
            conn.execute(&sql, [])?;
        }
        for table in OF_TURN {
            let sql = format!("INSERT INTO main.{table} SELECT t.* FROM old.{table} t JOIN main.turns ON turns.id = t.turn");
            conn.execute(&sql, [])?;
        }
        conn.execute(
            "INSERT INTO main.messages (rowid, prompt, answer) \
             SELECT m.rowid, m.prompt, m.answer FROM old.messages m JOIN main.turns ON turns.id = m.rowid",
            [],
        )?;
        conn.execute("DETACH old", [])?;
        Ok(Copied::Rows(copy))
    }

    /// Whether the file at `path` can be used.
    pub fn probe(path: &Path) -> Result<Probe, IndexError> {
        Ok(Self::beside(path)?.0)
    }

    /// An empty index in memory, with the file beside it as `old`.
    fn beside(path: &Path) -> Result<(Probe, Self), IndexError> {
        let copy = Self::in_memory()?;
        if !path.exists() {
            return Ok((Probe::Absent, copy));
        }
        copy.conn.execute("ATTACH ?1 AS old", [address(path)]).map_err(|e| schema::as_unusable(path, e))?;
        let probe = if schema::is_ours(&copy.conn, "old", path)? { Probe::Current } else { Probe::Older };
        Ok((probe, copy))
    }

    /// The version of the database library.
    pub fn library() -> &'static str {
        rusqlite::version()
    }
}

/// The file as SQLite is told to open it.
fn address(path: &Path) -> String {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-wal");
    let quiet = std::fs::metadata(journal).map_or(0, |meta| meta.len()) == 0;
    // With a journal, another process is at work or was killed; without one the file alone is the whole truth.
    let how = if quiet { "immutable=1" } else { "mode=ro" };
    let shown = percent_encode(path.as_os_str().as_encoded_bytes());
    format!("file:{}?{how}", shown.replace('?', "%3f").replace('#', "%23"))
}
