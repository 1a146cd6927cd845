//! Opening the file, laying out its tables, and setting a damaged one aside.
//!
//! Invariants
//! - `user_version` is the number of migrations that were run; `application_id` tells our file from any other database,
//!   which is never written to.
//! - Opening a file that is up to date runs no statement that writes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::IndexError;

/// In order; only ever appended to.
pub(super) const MIGRATIONS: [&str; 3] = [
    include_str!("../../migrations/0001_index.sql"),
    include_str!("../../migrations/0002_cache_write.sql"),
    include_str!("../../migrations/0003_breaker.sql"),
];
const VERSION: i64 = MIGRATIONS.len() as i64;
/// `rtix`.
const APPLICATION: i64 = 0x7274_6978;
/// A rebuild of a large repository by another process may take seconds.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn connect_memory() -> Result<Connection, IndexError> {
    let mut conn = Connection::open_in_memory()?;
    migrate(&mut conn)?;
    Ok(conn)
}

pub(super) fn connect(path: &Path) -> Result<Connection, IndexError> {
    let unusable = |why: String| IndexError::Unusable { path: path.to_owned(), why };
    if !path.exists() {
        create(path).map_err(|e| unusable(e.to_string()))?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(|e| unusable(e.to_string()))?;
    conn.busy_timeout(PATIENCE)?;
    if conn.is_readonly("main")? {
        return Err(unusable("it is read-only".to_owned()));
    }
    let current = is_ours(&conn, "main", path)?;
    // Without write-ahead logging (some network file systems) or while another process switches it on, all works as well,
    // only readers wait for writers.
    if let Err(e) = conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
        match as_unusable(path, e) {
            IndexError::Busy => {}
            other => return Err(other),
        }
    }
    conn.execute_batch("PRAGMA synchronous = NORMAL")?;
    if !current {
        migrate(&mut conn)?;
    }
    Ok(conn)
}

/// An error of one who opens the file: what cannot be read or written is of no use.
pub(super) fn as_unusable(path: &Path, error: rusqlite::Error) -> IndexError {
    match IndexError::from(error) {
        IndexError::Failed(why) => IndexError::Unusable { path: path.to_owned(), why },
        other => other,
    }
}

/// Whether the database `schema` of a connection is laid out as this version does it; false when that is still to be done.
/// One of another program or a newer version is an error.
pub(super) fn is_ours(conn: &Connection, schema: &str, path: &Path) -> Result<bool, IndexError> {
    let failed = |e| as_unusable(path, e);
    // In this order: another process may be laying it out just now, tables and marks in one step.
    let count = format!("SELECT count(*) FROM {schema}.sqlite_schema");
    let tables: i64 = conn.query_row(&count, [], |row| row.get(0)).map_err(failed)?;
    let application = pragma(conn, schema, "application_id").map_err(failed)?;
    if application != APPLICATION && (application != 0 || tables > 0) {
        return Err(IndexError::Unusable { path: path.to_owned(), why: "it is a database of another program".to_owned() });
    }
    let found = pragma(conn, schema, "user_version").map_err(failed)?;
    if found > VERSION {
        return Err(IndexError::Newer { path: path.to_owned(), found, known: VERSION });
    }
    Ok(found == VERSION)
}

fn pragma(conn: &Connection, schema: &str, name: &str) -> rusqlite::Result<i64> {
    conn.pragma_query_value(Some(schema), name, |row| row.get(0))
}

/// An empty file that only its owner may read: it will hold conversations.
fn create(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Runs the migrations that were not run yet.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), IndexError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been first.
    let done = usize::try_from(pragma(&tx, "main", "user_version")?).unwrap_or(0);
    for (at, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        tx.execute_batch(sql)?;
        tx.execute_batch(&format!("PRAGMA user_version = {}; PRAGMA application_id = {APPLICATION}", at + 1))?;
    }
    Ok(tx.commit()?)
}

/// Renames the file and its journals to `….broken-N`, and says so.
pub(super) fn move_away(path: &Path, why: &str) -> Result<String, IndexError> {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let free = (1..=u32::MAX).map(|n| format!(".broken-{n}")).find(|s| !with(s).exists()).unwrap_or_default();
    // The main file goes first: SQLite discards a journal that it finds without one.
    for journal in ["", "-wal", "-shm"] {
        match std::fs::rename(with(journal), with(&format!("{free}{journal}"))) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(IndexError::Unusable {
                    path: path.to_owned(),
                    why: format!("damaged ({why}), and cannot be renamed: {e}"),
                });
            }
            _ => {}
        }
    }
    Ok(format!("the index was damaged ({why}); it is kept as {} and read again from the repository", with(&free).display()))
}
