//! Closing the turns of processes that died.
//!
//! Invariants
//! - A turn's answer is kept, whatever else happens. Its commit is kept if it was made; else its files go back to what they
//!   were, and the edits wait in the turn.
//! - A file that is neither what it was before nor after is somebody else's by now and stays.
//! - Doing it twice, or dying in the middle of it, changes nothing: every step looks at what is there.

use std::collections::BTreeSet;

use crate::base::change::ChangeSet;
use crate::base::id::TurnKey;
use crate::base::path::RepoPath;
use crate::llm;
use crate::session::cursor::Cursor;
use crate::session::event::Event;
use crate::session::turn::{ChangeStatus, Outcome, Turn, TurnKind};
use crate::vcs::VcsError;
use crate::vcs::wal::Wal;

use super::Error;
use super::landing;
use super::open::{self, Found, annotate, record};
use super::store::{Appended, StoreError};
use super::workspace::Workspace;

/// What was done about one unfinished turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    pub key: TurnKey,
    /// What came of the turn.
    pub outcome: Outcome,
    /// Files that were put back to what they were before.
    pub restored: Vec<RepoPath>,
    /// Files that somebody changed since; they were left alone.
    pub left: Vec<RepoPath>,
    /// Whether the turn's commit is on the branch.
    pub committed: bool,
    /// Whether stored edits wait for `retry`.
    pub held: bool,
    /// Whether the turn was recorded already, and only its traces went.
    pub only_traces: bool,
}

/// What was found at a start.
#[derive(Debug, Default)]
pub struct Report {
    pub closed: Vec<Recovered>,
    /// Directories that nobody can read, where they are kept now, and why.
    pub unreadable: Vec<(std::path::PathBuf, Error)>,
}

/// Closes every unfinished turn of this worktree whose process is gone.
pub fn recover(ws: &Workspace) -> Result<Report, Error> {
    let layout = ws.backend.layout();
    let mut out = Report::default();
    for (_, wal) in Wal::abandoned(&layout.common_dir).map_err(Error::unfinished(&layout.common_dir))? {
        let found = match open::read(&wal) {
            Ok(found) => found,
            Err(error) => {
                let kept = wal.set_aside(&layout.common_dir).map_err(Error::unfinished(&layout.common_dir))?;
                out.unreadable.push((kept, error));
                continue;
            }
        };
        let own = found.git_dir == open::worktree_id(layout);
        let other = String::from_utf8_lossy(&crate::base::text::percent_decode(&found.git_dir)).into_owned();
        if !own && layout.common_dir.join(other).exists() {
            // The next start in that worktree sees to it.
            continue;
        }
        out.closed.push(close(ws, found, wal, own)?);
    }
    Ok(out)
}

/// Closes one. A turn of a worktree that is gone (not our `own`) leaves the files, the branch and the cursor here alone.
fn close(ws: &Workspace, found: Found, wal: Wal, own: bool) -> Result<Recovered, Error> {
    let Found { mut turn, place, head, raw, .. } = found;
    let (store, key) = (ws.store(), turn.header.key);
    let mut done = Recovered {
        key,
        outcome: turn.header.outcome,
        restored: Vec::new(),
        left: Vec::new(),
        committed: false,
        held: false,
        only_traces: false,
    };
    let changes = turn.edits.with_status(ChangeStatus::Written);
    let paths: BTreeSet<RepoPath> = changes.iter().map(|(path, _)| path.clone()).collect();
    if own {
        ws.backend.clean_temps(&changes, &landing::temp(key))?;
    }
    let recorded = match store.tip(turn.header.session)?.map(|tip| store.find(tip, key)).transpose() {
        // Whatever that ref leads to, it is not this turn; recording then makes a fork.
        Err(StoreError::Decode { .. } | StoreError::Vcs(VcsError::Corrupt(_))) => None,
        other => other?.flatten(),
    };
    if let Some(link) = recorded {
        let appended = Appended { commit: link.commit, session: link.header.session, forked: false };
        annotate(ws, &appended, &place)?;
        if own {
            move_cursor(ws, &appended, key, place.parent)?;
        }
        wal.close().map_err(Error::unfinished(&ws.backend.layout().common_dir))?;
        (done.outcome, done.only_traces, done.committed) = (link.header.outcome, true, link.header.commit.is_some());
        return Ok(done);
    }
    if own {
        turn.header.commit = ws.backend.settle(&landing::trailer(key), turn.header.base, &paths)?;
    }
    done.committed = turn.header.commit.is_some();
    take_answer(ws, &mut turn, head, raw);
    if !done.committed {
        if own {
            restore(ws, &changes, key, &mut done)?;
        }
        for change in &mut turn.edits.changes {
            change.status = ChangeStatus::Held;
        }
    }
    let whole = turn.response.as_ref().is_some_and(|r| r.stop.is_some()) || turn.header.kind != TurnKind::Turn;
    turn.header.outcome = if whole { Outcome::Recovered } else { Outcome::Interrupted };
    turn.header.end = ws.now();
    turn.events
        .push(Event::new(turn.header.end, "recover").with("committed", done.committed).with("restored", done.restored.len()));
    done.outcome = turn.header.outcome;
    done.held = turn.edits.changes.iter().any(|c| c.status == ChangeStatus::Held);
    let appended = record(ws, &mut turn, &place)?;
    if own {
        move_cursor(ws, &appended, key, place.parent)?;
    }
    wal.close().map_err(Error::unfinished(&ws.backend.layout().common_dir))?;
    Ok(done)
}

/// Decodes what had arrived of the answer.
fn take_answer(
    ws: &Workspace,
    turn: &mut Turn,
    head: Option<(u16, std::collections::BTreeMap<String, String>)>,
    raw: Option<Vec<u8>>,
) {
    let (Some(request), Some(raw)) = (&turn.request, raw) else { return };
    let (status, headers) = head.unwrap_or_default();
    let (mut answer, _) = llm::replay(&request.envelope, status, &raw);
    answer.record.headers = headers;
    turn.header.usage = answer.usage;
    turn.header.served = answer.served;
    if let (Some(model), Ok(id)) = (
        turn.header.model.clone(),
        super::models::parse(ws, &turn.header.model.as_ref().map(ToString::to_string).unwrap_or_default()),
    ) && let Ok(known) = super::models::open(ws, id, super::models::Special::default())
    {
        let name = turn.header.served.clone().unwrap_or(model.model);
        turn.header.price = known.provider.price(&name, &turn.header.usage, turn.header.start);
        turn.header.cost = turn.header.price.map(|p| p.cost(&turn.header.usage));
    }
    turn.response = Some(answer.record);
}

/// Puts the files back that have the turn's bytes.
fn restore(ws: &Workspace, changes: &ChangeSet, key: TurnKey, done: &mut Recovered) -> Result<(), Error> {
    let tree = ws.backend.worktree()?;
    let mut back = ChangeSet::default();
    for (path, change) in changes.iter() {
        let now = tree.read(path).map_err(|source| Error::Read { what: path.to_string(), source })?;
        if now == change.after {
            back.record(path.clone(), now, change.before.clone());
            done.restored.push(path.clone());
        } else if now != change.before {
            done.left.push(path.clone());
        }
    }
    match ws.backend.apply(&back, &landing::temp(key)) {
        Err(VcsError::FileChanged(path)) => {
            done.restored.clear();
            done.left.push(path);
            Ok(())
        }
        other => Ok(other?),
    }
}

/// Moves the cursor as the dead process would have.
fn move_cursor(ws: &Workspace, appended: &Appended, key: TurnKey, parent: Option<crate::base::id::Oid>) -> Result<(), Error> {
    let store = ws.store();
    let parent = parent.map(|p| store.link(p)).transpose()?.map(|l| l.header.key);
    let cursor = store.cursor()?;
    let stood_there = cursor.as_ref().is_none_or(|c| c.turn.is_none() || c.turn == parent);
    if stood_there || parent.is_none() {
        store.set_cursor(&Cursor { session: appended.session, turn: Some(key), redo: Vec::new() })?;
    }
    Ok(())
}
