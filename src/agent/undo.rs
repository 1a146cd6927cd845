//! Undo and redo of exchanges, in any process and on any day.
//!
//! Invariants
//! - Only our own change comes out: later work of the user in the same files stays, by a three-way merge; where both touch
//!   the same lines nothing is done at all.
//! - Files are written all together, and all commits of an exchange leave the branch in one step. Whatever fails, files and
//!   branch say the same again; whatever is killed, the next start brings it to its end.
//! - The session ref does not move; the cursor does. What was undone stays in the session and can be redone.

use std::collections::BTreeSet;

use crate::base::change::{ChangeSet, FileState};
use crate::base::id::Oid;
use crate::base::path::RepoPath;
use crate::session::cursor::Cursor;
use crate::session::meta::Fact;
use crate::session::turn::{ChangeStatus, Outcome, TurnKind};
use crate::vcs::{Share, Taken, TakenBack, VcsError, Words};

use super::Error;
use super::intent::{Intent, Step};
use super::landing::{self, Then};
use super::steps::{Resumed, Steps};
use super::store::Link;
use super::workspace::Workspace;

/// What an undo leaves as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// The files and the branch.
    pub code: bool,
    /// The conversation.
    pub chat: bool,
    /// All but the last turn of the exchange.
    pub earlier_turns: bool,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The turns that were taken back (or brought back), the newest first.
    pub turns: Vec<Link>,
    /// Files that changed.
    pub files: Vec<RepoPath>,
    /// What happened on the branch, for each commit.
    pub commits: Vec<(Oid, TakenBack)>,
    pub cursor: Cursor,
}

/// Takes the exchange back in which the cursor's turn is.
pub fn undo(ws: &Workspace, keep: Keep) -> Result<Undone, Error> {
    let cursor = ws.store().cursor()?.ok_or(Error::NoSession)?;
    let (here, turns) = taken_back(ws, &cursor, keep)?;
    if keep.code {
        return go_back(ws, keep, cursor, &here, turns);
    }
    let changes = written(ws, &turns)?;
    let taken_out = changes.inverse().onto(&*ws.backend.worktree()?)?;
    let wal = Intent::begin(ws, Step::Undo(keep), &cursor, &taken_out, landing::temp(here.header.key))?;
    let undone = undo_steps(ws, keep, cursor, &here, turns, &taken_out.into(), None);
    wal.close().map_err(Error::unfinished(&ws.backend.layout().common_dir))?;
    undone
}

/// The cursor's turn, and the turns that an undo takes back, the newest first.
fn taken_back(ws: &Workspace, cursor: &Cursor, keep: Keep) -> Result<(Link, Vec<Link>), Error> {
    let here = here(ws, cursor)?.ok_or(Error::NothingToUndo)?;
    let mut turns = Vec::new();
    for link in ws.store().chain(here.commit) {
        let link = link?;
        let same = turns
            .first()
            .is_none_or(|first: &Link| link.header.exchange == first.header.exchange && (!keep.earlier_turns || turns.is_empty()));
        // A note says what goes along with later messages; taking it back is part of undoing what came after it.
        if !same {
            break;
        }
        turns.push(link);
    }
    Ok((here, turns))
}

/// Takes changes out of the files, and the turns' commits off the branch unless they are `reverted` already.
fn undo_steps(
    ws: &Workspace,
    keep: Keep,
    cursor: Cursor,
    here: &Link,
    turns: Vec<Link>,
    taken_out: &Resumed,
    reverted: Option<Oid>,
) -> Result<Undone, Error> {
    ws.backend.apply(&taken_out.rest, &landing::temp(here.header.key))?;
    ws.faults.point("undo.files");
    let commits = match take_back(ws, &turns, reverted) {
        Ok(commits) => commits,
        Err(error) => {
            ws.backend.apply(&taken_out.whole.inverse(), &landing::temp(here.header.key))?;
            return Err(error);
        }
    };
    ws.faults.point("undo.branch");
    let files = written(ws, &turns)?.ends().map(|(path, _)| path.clone()).collect();
    Ok(Undone { files, commits, ..go_back(ws, keep, cursor, here, turns)? })
}

/// Moves the place in the conversation.
fn go_back(ws: &Workspace, keep: Keep, cursor: Cursor, here: &Link, turns: Vec<Link>) -> Result<Undone, Error> {
    let store = ws.store();
    let mut undone = Undone { files: Vec::new(), commits: Vec::new(), cursor: cursor.clone(), turns };
    if !keep.chat {
        undone.cursor = if let Some(place) = came_from(ws, here)? {
            place
        } else {
            let before = undone.turns.last().and_then(|oldest| oldest.parent).map(|p| store.link(p)).transpose()?;
            let mut redo = cursor.redo;
            redo.push(here.header.key);
            Cursor { session: cursor.session, turn: before.map(|l| l.header.key), redo }
        };
        store.set_cursor(&undone.cursor)?;
        ws.faults.point("undo.cursor");
    }
    Ok(undone)
}

/// Where the worktree stood before this turn, if it is a checkout from a place that still is: what the files say after it is
/// taken back is what was said there.
fn came_from(ws: &Workspace, link: &Link) -> Result<Option<Cursor>, Error> {
    if link.header.kind != TurnKind::Note {
        return Ok(None);
    }
    let Some(place) = Cursor::before(&ws.store().turn(link)?.events) else { return Ok(None) };
    let there = here(ws, &place)?.is_some() || (place.turn.is_none() && ws.store().tip(place.session)?.is_some());
    Ok(there.then_some(place))
}

/// Brings the last undone exchange back.
pub fn redo(ws: &Workspace) -> Result<Undone, Error> {
    let cursor = ws.store().cursor()?.ok_or(Error::NoSession)?;
    let (last, turns) = brought_back(ws, &cursor)?;
    let changes = written(ws, &turns)?;
    let merged = changes.onto(&*ws.backend.worktree()?)?;
    let wal = Intent::begin(ws, Step::Redo, &cursor, &merged, landing::temp(last.header.key))?;
    let redone = redo_steps(ws, cursor, &last, turns, &merged.into());
    wal.close().map_err(Error::unfinished(&ws.backend.layout().common_dir))?;
    redone
}

/// The turn that a redo goes to, and the turns that it brings back, the newest first.
fn brought_back(ws: &Workspace, cursor: &Cursor) -> Result<(Link, Vec<Link>), Error> {
    let store = ws.store();
    let key = *cursor.redo.last().ok_or(Error::NothingToRedo)?;
    let tip = store.tip(cursor.session)?.ok_or(Error::EmptySession(cursor.session))?;
    let last = store.find(tip, key)?.ok_or(Error::NothingToRedo)?;
    let mut turns = Vec::new();
    for link in store.chain(last.commit) {
        let link = link?;
        if Some(link.header.key) == cursor.turn {
            break;
        }
        turns.push(link);
    }
    Ok((last, turns))
}

fn redo_steps(ws: &Workspace, cursor: Cursor, last: &Link, turns: Vec<Link>, resumed: &Resumed) -> Result<Undone, Error> {
    let (store, key, merged) = (ws.store(), last.header.key, &resumed.rest);
    // What is in the files already, because the user or a redo that died put it there, is committed all the same.
    let mut wanted = written(ws, &turns)?.inverse().onto(&*ws.backend.worktree()?)?.inverse();
    for (path, change) in merged.iter() {
        wanted.record(path.clone(), change.before.clone(), change.after.clone());
    }
    let commits = turns.iter().any(|t| t.header.commit.is_some()) && !wanted.is_empty();
    landing::write(ws, merged, key, if commits { Then::Commit } else { Then::Leave })?;
    ws.faults.point("redo.files");
    let mut redo = cursor.redo;
    redo.pop();
    let mut undone = Undone {
        files: merged.iter().map(|(path, _)| path.clone()).collect(),
        commits: Vec::new(),
        cursor: Cursor { session: cursor.session, turn: Some(key), redo },
        turns,
    };
    if commits {
        let (subject, newest) = (last.header.subject.clone(), store.turn(last)?);
        let wording =
            landing::Wording { given: newest.edits.message.as_deref(), prompt: &subject, model: last.header.model.as_ref() };
        let landed = match landing::commit(ws, &wanted, wording, key) {
            // What was in the files before may be on the branch, too.
            Ok(landed) if landed.commit.is_some() || merged.is_empty() || landed.uncommitted.is_empty() => landed,
            failed => {
                // All or nothing: files and branch say the same again.
                ws.backend.apply(&resumed.whole.inverse(), &landing::temp(key))?;
                return Err(failed.map_or_else(Error::from, |landed| Error::NothingCommitted(landed.uncommitted)));
            }
        };
        ws.faults.point("redo.branch");
        // Whoever went on with a redo that died finds the commit there.
        let line = landing::trailer(key);
        let there = landed.commit.map_or_else(|| on_branch(ws, &line, last.header.base), |commit| Ok(Some(commit)))?;
        if let Some(commit) = there {
            // One commit holds what all of its turns changed.
            for link in undone.turns.iter().filter(|link| link.header.commit.is_some_and(|recorded| recorded != commit)) {
                store.annotate(link.header.session, Fact::Landed(link.header.key, commit), ws.now(), &ws.author()?)?;
            }
        }
        undone.commits.extend(landed.commit.map(|c| (c, TakenBack::Moved(Some(c)))));
    }
    store.set_cursor(&undone.cursor)?;
    ws.faults.point("redo.cursor");
    Ok(undone)
}

fn paths(steps: &Steps) -> BTreeSet<RepoPath> {
    steps.ends().map(|(path, _)| path.clone()).collect()
}

/// Completes an undo or redo whose process died; `None` when it was complete.
pub fn complete(ws: &Workspace, intent: &Intent) -> Result<Option<Undone>, Error> {
    let mut touched = ChangeSet::default();
    for path in intent.files.keys() {
        // Only the paths count for temporary files.
        let any = FileState { mode: crate::base::change::FileMode::Regular, bytes: Vec::new() };
        touched.record(path.clone(), None, Some(any));
    }
    ws.backend.clean_temps(&touched, &intent.temp)?;
    if ws.store().cursor()?.as_ref() != Some(&intent.cursor) {
        return Ok(None);
    }
    // Its commit would come after ours.
    ws.backend.check_outlived()?;
    let cursor = intent.cursor.clone();
    let done = |path: &RepoPath, now: Option<&FileState>| intent.is_done(path, now);
    match intent.step {
        Step::Undo(keep) => {
            let (here, turns) = taken_back(ws, &cursor, keep)?;
            let changes = written(ws, &turns)?;
            let taken_out = changes.inverse().resumed(&*ws.backend.worktree()?, done)?;
            let reverted = settle_undo(ws, intent, &turns)?;
            undo_steps(ws, keep, cursor, &here, turns, &taken_out, reverted).map(Some)
        }
        Step::Redo => {
            let (last, turns) = brought_back(ws, &cursor)?;
            let changes = written(ws, &turns)?;
            let merged = changes.resumed(&*ws.backend.worktree()?, done)?;
            for line in [landing::before_trailer(last.header.key), landing::trailer(last.header.key)] {
                let Some(head) = ws.backend.head()?.commit.filter(|head| Some(*head) != intent.head) else { break };
                let parent = ws.backend.commit(head)?.and_then(|c| c.parents.first().copied());
                ws.backend.settle(&line, parent, &paths(&changes))?;
            }
            redo_steps(ws, cursor, &last, turns, &merged).map(Some)
        }
    }
}

/// Brings the index up to the branch when the dead process had moved it. Gives the commit that it made to revert the turns.
fn settle_undo(ws: &Workspace, intent: &Intent, turns: &[Link]) -> Result<Option<Oid>, Error> {
    let (from, head) = match (intent.head, ws.backend.head()?.commit) {
        // Where the branch did not move, the index is as the user has it.
        (from, head) if from == head => return Ok(None),
        (Some(from), head) => (from, head),
        (None, _) => return Ok(None),
    };
    let own = paths(&written(ws, turns)?);
    for link in turns {
        if let (Some(commit), Some(head)) = (ws.backend.find_landed(&undo_line(link), intent.head)?, head)
            && ws.backend.is_ancestor(commit, head)?
            && !ws.backend.is_ancestor(commit, from)?
        {
            ws.backend.settle(&undo_line(link), intent.head, &own)?;
            return Ok(Some(commit));
        }
    }
    ws.backend.settle_from(from, &own)?;
    Ok(None)
}

fn undo_line(link: &Link) -> String {
    format!("Retort-Undo: {}", link.header.key)
}

/// The turn that the cursor stands on.
pub fn here(ws: &Workspace, cursor: &Cursor) -> Result<Option<Link>, Error> {
    let store = ws.store();
    let (Some(key), Some(tip)) = (cursor.turn, store.tip(cursor.session)?) else { return Ok(None) };
    Ok(store.find(tip, key)?)
}

/// What these turns (the newest first) wrote into the files.
pub fn written(ws: &Workspace, turns: &[Link]) -> Result<Steps, Error> {
    let mut all = Steps::default();
    for link in turns.iter().rev() {
        all.push(&written_by(ws, link)?);
    }
    Ok(all)
}

/// What this turn wrote into the files.
pub fn written_by(ws: &Workspace, link: &Link) -> Result<ChangeSet, Error> {
    let wrote = matches!(link.header.outcome, Outcome::Applied | Outcome::Uncommitted | Outcome::Recovered);
    if wrote { Ok(ws.store().turn(link)?.edits.with_status(ChangeStatus::Written)) } else { Ok(ChangeSet::default()) }
}

/// The turn's commit, wherever it is now: the recorded one while it is on the branch, else the one that carries the key
/// (the user may have amended or rebased).
fn landed_commit(ws: &Workspace, link: &Link) -> Result<Option<Oid>, Error> {
    let Some(commit) = link.header.commit else { return Ok(None) };
    let head = ws.backend.head()?.commit;
    match head {
        Some(head) if ws.backend.is_ancestor(commit, head)? => Ok(Some(commit)),
        Some(_) => Ok(on_branch(ws, &landing::trailer(link.header.key), link.header.base)?),
        None => Ok(None),
    }
}

fn on_branch(ws: &Workspace, line: &str, base: Option<Oid>) -> Result<Option<Oid>, VcsError> {
    let found = ws.backend.find_landed(line, base)?;
    match (found, ws.backend.head()?.commit) {
        (Some(found), Some(head)) if ws.backend.is_ancestor(found, head)? => Ok(Some(found)),
        _ => Ok(None),
    }
}

/// Takes the commits of these turns (the newest first) back, as far as they are on the branch: all in one step or none.
fn take_back(ws: &Workspace, turns: &[Link], reverted: Option<Oid>) -> Result<Vec<(Oid, TakenBack)>, Error> {
    let mut found = Vec::new();
    for link in turns {
        if let Some(commit) = landed_commit(ws, link)? {
            let own = written_by(ws, link)?;
            // The user may have made it anew (amend, rebase) and put work of their own into it.
            let whole = link.header.commit == Some(commit) || ws.backend.is_exactly(commit, &own)?;
            found.push((commit, own, if whole { Share::All } else { Share::Part }, undo_line(link)));
        }
    }
    let Some((newest, .., trailer)) = found.first() else { return Ok(Vec::new()) };
    let back = if let Some(commit) = reverted {
        TakenBack::Reverted(commit)
    } else {
        let raw = ws.backend.commit(*newest)?.map(|c| c.message).unwrap_or_default();
        let subject = String::from_utf8_lossy(&raw).lines().next().unwrap_or_default().to_owned();
        let (names, lines): (Vec<String>, Vec<&str>) = found.iter().map(|(c, .., line)| (c.to_string(), line.as_str())).unzip();
        let title = match found.len() {
            1 => format!("Revert \"{subject}\""),
            n => format!("Revert \"{subject}\" and {} more", n - 1),
        };
        let plural = if found.len() == 1 { "" } else { "s" };
        let names = names.join(",\n");
        let message = format!("{title}\n\nThis takes back commit{plural} {names}.\n\n{}\n", lines.join("\n"));
        let now = ws.now();
        let words = Words { message, author_time: now, author_offset: ws.clock.offset(now), trailer };
        let taken: Vec<Taken<'_>> =
            found.iter().map(|(commit, changes, share, _)| Taken { commit: *commit, changes, share: *share }).collect();
        ws.backend.take_back(&taken, &words)?
    };
    Ok(found.into_iter().map(|(commit, ..)| (commit, back.clone())).collect())
}
