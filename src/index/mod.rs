//! The SQLite view of `refs/retort`: lists, search, the queue of unapplied edits, and what an address means.
//!
//! Invariants
//! - Never an authority: every row is computed from commits and refs, so deleting the file loses nothing, and an answer
//!   depends neither on the order in which commits were read, nor on row ids, nor on the clock. Lazily filled tables differ
//!   in extent only. The one exception is what is known of providers that are down, which nobody has to know.
//! - One file serves all repositories of a user; rows belong to a repository by its common directory. Several processes may
//!   use it at once: writers take the write lock before they list refs, so a later writer never goes back to older refs.
//! - Nothing that a commit or ref can hold is an error of the index: what cannot be read is a row that says why.
//! - Chains follow first parents.
//! - There is no storage trait: the file and the memory variant are the same SQL, and a trait with one implementation would
//!   only repeat this type's methods. A second engine brings the trait with it.

mod breaker;
mod check;
mod copy;
#[cfg(test)]
mod properties;
mod read;
mod resolve;
mod rows;
mod schema;
mod spent;
mod sync;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OptionalExtension as _};

pub use check::{Mismatch, Side};
pub use copy::{Copied, Probe};
pub use read::{EventRow, Hit, QueueRow, SessionRow, Sessions, Span};
pub use resolve::{Candidate, Place, ResolveError};
pub use rows::TurnRow;
pub use spent::{Spending, Spent};
pub use sync::SyncReport;

use crate::vcs::{Backend, VcsError};

/// Why the index could not be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file cannot be opened for writing; [`Index::in_memory`] serves instead.
    #[error("the index at {path} cannot be used: {why}", path = path.display())]
    Unusable { path: PathBuf, why: String },
    /// A newer program laid it out; it is left alone, and [`Index::in_memory`] serves instead.
    #[error("the index at {path} was made by a newer retort (layout {found}, known up to {known})", path = path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// Other processes held it for too long.
    #[error("the index is busy: another retort process is writing it")]
    Busy,
    /// It holds what it cannot hold; [`Index::set_aside`] starts afresh.
    #[error("the index is damaged: {0}")]
    Damaged(String),
    /// The disk is full, or the like.
    #[error("the index cannot be read or written: {0}")]
    Failed(String),
    /// The repository could not be read.
    #[error(transparent)]
    Vcs(#[from] VcsError),
}

impl From<rusqlite::Error> for IndexError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            // SQLite's plain error is a missing table or column; an error without a code is a value of the wrong type.
            Some(
                ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::Unknown
                | ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch,
            )
            | None => Self::Damaged(text),
            Some(_) => Self::Failed(text),
        }
    }
}

/// The index.
pub struct Index {
    conn: Connection,
    /// `None` when it is in memory.
    path: Option<PathBuf>,
}

/// An index that was opened, and what had to be done for it.
pub struct Opened {
    pub index: Index,
    /// One line for people, when a damaged file was set aside.
    pub notice: Option<String>,
}

impl Index {
    /// Opens or makes the file at `path`. A damaged one is set aside and made again.
    pub fn open(path: &Path) -> Result<Opened, IndexError> {
        match schema::connect(path) {
            Ok(conn) => Ok(Opened { index: Self { conn, path: Some(path.to_owned()) }, notice: None }),
            Err(IndexError::Damaged(why)) => {
                let notice = schema::move_away(path, &why)?;
                Ok(Opened { index: Self { conn: schema::connect(path)?, path: Some(path.to_owned()) }, notice: Some(notice) })
            }
            Err(other) => Err(other),
        }
    }

    /// An empty index that lasts as long as the value.
    pub fn in_memory() -> Result<Self, IndexError> {
        Ok(Self { conn: schema::connect_memory()?, path: None })
    }

    /// Starts afresh because of [`IndexError::Damaged`]; the file stays beside the new one. Gives one line for people.
    pub fn set_aside(&mut self, why: &str) -> Result<String, IndexError> {
        // The old file is closed first, so that its journal is not written under the new file's name.
        self.conn = schema::connect_memory()?;
        let Some(path) = &self.path else { return Ok(format!("the index was damaged ({why}) and is read again")) };
        let notice = schema::move_away(path, why)?;
        self.conn = schema::connect(path)?;
        Ok(notice)
    }

    /// The number of this repository; `None` when it was never read.
    fn repo_id(&self, repo: &dyn Backend) -> Result<Option<i64>, IndexError> {
        let found = self.conn.query_row("SELECT id FROM repos WHERE common_dir = ?1", [common_dir(repo)], |row| row.get(0));
        Ok(found.optional()?)
    }
}

/// What identifies a repository.
fn common_dir(repo: &dyn Backend) -> &[u8] {
    repo.layout().common_dir.as_os_str().as_encoded_bytes()
}
