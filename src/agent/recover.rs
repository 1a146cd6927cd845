//! Closing the turns of processes that died.
//!
//! Invariants
//! - A turn's answer is kept, whatever else happens. Its commit is kept if it was made; else its files go back to what they
//!   were, and the edits wait in the turn.
//! - A file that is neither what it was before nor after is somebody else's by now and stays.
//! - Doing it twice, or dying in the middle of it, changes nothing: every step looks at what is there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use crate::base::change::ChangeSet;
use crate::base::id::{Oid, TurnKey};
use crate::base::path::RepoPath;
use crate::llm;
use crate::session::cursor::Cursor;
use crate::session::event::Event;
use crate::session::turn::{ChangeStatus, Outcome, ResponseRecord, StoredEdits, Turn, TurnKind};
use crate::vcs::wal::Wal;
use crate::vcs::{Landed, VcsError};

use super::Error;
use super::edits::{Gathered, Rules};
use super::intent::{Intent, Step};
use super::landing;
use super::open::{self, Found, Place, annotate, record};
use super::prepare;
use super::store::{Appended, Link, StoreError};
use super::undo::{self, Undone};
use super::workspace::Workspace;

/// What was done about one unfinished turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    pub key: TurnKey,
    /// What came of the turn.
    pub outcome: Outcome,
    /// Whether anything of an answer had arrived.
    pub answered: bool,
    /// Files that were put back to what they were before.
    pub restored: Vec<RepoPath>,
    /// Files that somebody changed since; they were left alone.
    pub left: Vec<RepoPath>,
    /// Whether the turn's commit is on the branch.
    pub committed: bool,
    /// Whether stored edits wait for `retry`.
    pub held: bool,
    /// Whether they are not all that the answer had.
    pub partial: bool,
    pub kind: TurnKind,
    /// Whether the turn was recorded already, and only its traces went.
    pub only_traces: bool,
    /// Whether there was nothing to keep: files that a checkout had changed are back, and that is all.
    pub dropped: bool,
}

/// What was done about one piece of unfinished work.
#[derive(Debug)]
pub enum Seen {
    Turn(Recovered),
    /// An undo or redo was completed; or it had been complete (`Ok(None)`); or it cannot be.
    Step(Step, Result<Option<Undone>, Error>),
    /// It could not be closed; the next start tries again.
    Failed(TurnKey, Error),
    /// It cannot be read, and was put out of the way.
    Unreadable {
        place: PathBuf,
        why: Error,
    },
}

/// Brings everything in order that dead processes left in this worktree.
pub fn recover(ws: &Workspace) -> Result<Vec<Seen>, Error> {
    let common = &ws.backend.layout().common_dir;
    let failed = || Error::unfinished(common);
    let mut out = Vec::new();
    for (_, wal) in Wal::abandoned(common, &ws.faults).map_err(failed())? {
        let raw = wal.opened().map_err(failed())?;
        if let Some(intent) = Intent::decode(&raw) {
            match owner(ws, &intent.worktree) {
                Owner::Other => continue,
                Owner::Gone => {}
                Owner::Us => {
                    let result = undo::complete(ws, &intent);
                    let later = matches!(result, Err(Error::Vcs(VcsError::AtWork(_))));
                    out.push(Seen::Step(intent.step, result));
                    if later {
                        continue;
                    }
                }
            }
            wal.close().map_err(failed())?;
            continue;
        }
        let found = match open::read(&wal) {
            Ok(found) => found,
            Err(why) => {
                // It must not keep every later start from working.
                let place = wal.set_aside(common).map_err(failed())?;
                out.push(Seen::Unreadable { place, why });
                continue;
            }
        };
        let whose = owner(ws, &found.worktree);
        if whose != Owner::Other {
            let key = found.turn.header.key;
            // One that fails must not keep the user from looking at the others.
            out.push(close(ws, found, wal, whose).map_or_else(|why| Seen::Failed(key, why), Seen::Turn));
        }
    }
    ws.store().clear_cursor()?;
    ws.backend.clear_locks()?;
    Ok(out)
}

/// Whose work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// This worktree's.
    Us,
    /// Another worktree's; the next start there sees to it.
    Other,
    /// A worktree's that is no more: there are no files and no cursor to bring in order.
    Gone,
}

fn owner(ws: &Workspace, worktree: &str) -> Owner {
    let layout = ws.backend.layout();
    if worktree == open::worktree(layout) {
        return Owner::Us;
    }
    let name = PathBuf::from(OsString::from_vec(crate::base::text::percent_decode(worktree)));
    if layout.common_dir.join(name).exists() { Owner::Other } else { Owner::Gone }
}

fn close(ws: &Workspace, found: Found, wal: Wal, whose: Owner) -> Result<Recovered, Error> {
    let Found { mut turn, place, head, raw, .. } = found;
    if let Some(pid) = open::running_command(&wal) {
        return Err(VcsError::AtWork(Some(pid)).into());
    }
    let (key, ours) = (turn.header.key, whose == Owner::Us);
    let end = |wal: Wal| wal.close().map_err(Error::unfinished(&ws.backend.layout().common_dir));
    let mut done = Recovered {
        key,
        outcome: turn.header.outcome,
        answered: false,
        restored: Vec::new(),
        left: Vec::new(),
        committed: false,
        held: false,
        partial: false,
        kind: turn.header.kind,
        only_traces: false,
        dropped: false,
    };
    let changes = turn.edits.with_status(ChangeStatus::Written);
    let paths: BTreeSet<RepoPath> = changes.iter().map(|(path, _)| path.clone()).collect();
    if ours {
        ws.backend.clean_temps(&changes, &landing::temp(key))?;
        ws.faults.point("recover.temps");
    }
    if let Some(link) = recorded(ws, &turn)? {
        let forked = link.header.session != turn.header.session;
        let appended = Appended { commit: link.commit, session: link.header.session, forked };
        annotate(ws, &appended, &place)?;
        move_cursor(ws, &appended, key, &place, whose)?;
        ws.faults.point("recover.cursor");
        end(wal)?;
        (done.outcome, done.only_traces, done.committed) = (link.header.outcome, true, link.header.commit.is_some());
        return Ok(done);
    }
    let (line, base) = (landing::trailer(key), turn.header.base);
    if ours {
        ws.backend.settle(&landing::before_trailer(key), base, &paths)?;
    }
    turn.header.commit = if ours { ws.backend.settle(&line, base, &paths)? } else { ws.backend.find_landed(&line, base)? };
    ws.faults.point("recover.settled");
    done.committed = turn.header.commit.is_some();
    if let (true, Some(commit)) = (ours, turn.header.commit) {
        note_rewritten(ws, &mut turn, commit)?;
    }
    if done.committed {
        turn.state.keep(&turn.edits.with_status(ChangeStatus::Written));
    }
    take_answer(ws, &mut turn, head, raw);
    done.answered = turn.response.as_ref().is_some_and(|r| !r.raw.is_empty());
    if ours && turn.header.kind == TurnKind::Turn && turn.edits == StoredEdits::default() {
        keep_edits(ws, &mut turn, &place)?;
    }
    if !done.committed {
        if ours {
            restore(ws, &changes, &place.in_files, key, &mut done)?;
            ws.faults.point("recover.restored");
        }
        if turn.header.kind == TurnKind::Note && !paths.is_empty() && done.left.is_empty() {
            // A checkout that did not come to its end: the files are as before, and it says nothing else.
            done.dropped = true;
            end(wal)?;
            return Ok(done);
        }
        if place.in_files.is_empty() {
            turn.edits.changes.iter_mut().for_each(|change| change.status = ChangeStatus::Held);
        }
    }
    let whole = turn.response.as_ref().is_some_and(ResponseRecord::is_whole)
        || !matches!(turn.header.kind, TurnKind::Turn | TurnKind::Compact);
    turn.header.outcome = match whole {
        // It had come to its end but for the checks.
        true if done.committed && turn.header.outcome == Outcome::Applied => Outcome::Applied,
        _ if !done.committed && !place.in_files.is_empty() => Outcome::Uncommitted,
        true => Outcome::Recovered,
        false => Outcome::Interrupted,
    };
    turn.header.end = ws.now();
    turn.events
        .push(Event::new(turn.header.end, "recover").with("committed", done.committed).with("restored", done.restored.len()));
    done.outcome = turn.header.outcome;
    done.held = !matches!(turn.header.kind, TurnKind::Note | TurnKind::Compact)
        && (turn.edits.changes.iter().any(|c| c.status == ChangeStatus::Held) || turn.header.outcome == Outcome::Uncommitted);
    done.partial = !turn.edits.rejects.is_empty();
    let appended = record(ws, &mut turn, &place)?;
    move_cursor(ws, &appended, key, &place, whose)?;
    ws.faults.point("recover.cursor");
    end(wal)?;
    Ok(done)
}

/// The turn in its session, or in the fork that it begins when it lost a race.
fn recorded(ws: &Workspace, turn: &Turn) -> Result<Option<Link>, Error> {
    let store = ws.store();
    for session in [turn.header.session, open::fork_of(turn)] {
        let found = match store.tip(session)?.map(|tip| store.find(tip, turn.header.key)).transpose() {
            // Whatever that ref leads to, it is not this turn; recording then makes a fork.
            Err(StoreError::Decode { .. } | StoreError::Vcs(VcsError::Corrupt(_))) => None,
            other => other?.flatten(),
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
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
    if status == 0 && raw.is_empty() {
        return;
    }
    let (mut answer, _) = llm::replay(&request.envelope, status, &raw);
    answer.record.headers = headers;
    turn.header.usage = answer.usage;
    turn.header.served = answer.served;
    if let Some(id) = turn.header.model.clone()
        && let Ok(known) = super::models::open(ws, id, super::models::Special::default())
    {
        turn.header.price = known.price(ws, turn.header.served.as_deref(), &turn.header.usage, turn.header.start);
        turn.header.cost = turn.header.price.map(|p| p.cost(&turn.header.usage));
    }
    turn.header.cost = answer.cost.or(turn.header.cost);
    turn.response = Some(answer.record);
}

/// Keeps the edits of an answer that nobody came to read.
fn keep_edits(ws: &Workspace, turn: &mut Turn, place: &Place) -> Result<(), Error> {
    let Some(answer) = turn.response.as_ref().filter(|answer| !answer.text.is_empty()) else { return Ok(()) };
    let (tree, format) = (ws.backend.worktree()?, prepare::asked_for(ws.config.settings().model.edit_format));
    let rules = Rules { state: &turn.state, redactor: &ws.redactor, ask_for_unseen: true };
    // What the exchange held before is a part of what it would have written.
    let (header, parent) = (&turn.header, place.parent.map(|parent| ws.store().link(parent)).transpose()?);
    let parent = parent.filter(|link| header.exchange != header.key && link.header.exchange == header.exchange);
    let held = parent.map(|link| ws.store().turn(&link)).transpose()?;
    let mut gathered = held.map_or_else(Gathered::default, |turn| Gathered::holding(&turn.edits));
    let taken = if answer.is_whole() {
        gathered.take(&answer.text, format, &*tree, &rules)
    } else {
        gathered.take_cut(&answer.text, format, &*tree, &rules)
    };
    // A file that cannot be read now is no reason to leave the turn open; the answer is kept as it is.
    if taken.is_ok() {
        turn.edits = gathered.stored(ChangeStatus::Held);
    }
    Ok(())
}

/// Notes in the turn's edits what a hook made of them on the way into the commit: files that are, on disk and there, the
/// same, and not what the turn wrote.
fn note_rewritten(ws: &Workspace, turn: &mut Turn, commit: Oid) -> Result<(), Error> {
    let Some(raw) = ws.backend.commit(commit)? else { return Ok(()) };
    let mut landed = Landed { commit: Some(commit), ..Landed::default() };
    let tree = ws.backend.worktree()?;
    for (path, change) in turn.edits.with_status(ChangeStatus::Written).iter() {
        let now = tree.read(path).map_err(|source| Error::Read { what: path.to_string(), source })?;
        if let (Some(now), Some(text)) = (now.filter(|now| Some(now) != change.after.as_ref()), path.as_str())
            && ws.backend.file(raw.tree, text)?.is_some_and(|bytes| bytes == now.bytes)
        {
            landed.rewritten.push((path.clone(), now));
        }
    }
    landing::note_rewritten(turn, &landed);
    Ok(())
}

/// Puts the files back that have the turn's bytes.
fn restore(
    ws: &Workspace,
    changes: &ChangeSet,
    in_files: &BTreeSet<RepoPath>,
    key: TurnKey,
    done: &mut Recovered,
) -> Result<(), Error> {
    let tree = ws.backend.worktree()?;
    let mut back = ChangeSet::default();
    for (path, change) in changes.iter().filter(|(path, _)| !in_files.contains(*path)) {
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

/// Moves the cursor as the dead process would have, unless somebody moved it since.
fn move_cursor(ws: &Workspace, appended: &Appended, key: TurnKey, place: &Place, whose: Owner) -> Result<(), Error> {
    let store = ws.store();
    if whose == Owner::Us && !place.aside && store.cursor()? == place.stood {
        store.set_cursor(&Cursor { session: appended.session, turn: Some(key), redo: Vec::new() })?;
    }
    Ok(())
}
