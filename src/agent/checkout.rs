//! Going to another turn: with its code, or with the conversation only.
//!
//! Invariants
//! - Files change by a three-way merge of what the turns in between did; a file that no turn touched is never touched.
//! - Before a file changes, its bytes are in a note turn, with the place that is left, so `undo` takes a checkout back.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use crate::base::change::{ChangeSet, FileChange, FileState};
use crate::base::id::Oid;
use crate::base::path::RepoPath;
use crate::base::tree::SourceTree;
use crate::session::cursor::Cursor;
use crate::session::turn::{ChangeStatus, Outcome, StoredChange, StoredEdits, TurnKind};

use super::Error;
use super::prepare::Start;
use super::sessions::Noted;
use super::steps::{Steps, missing_in};
use super::store::Link;
use super::workspace::Workspace;
use super::{landing, sessions, undo};

/// What a checkout did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOut {
    /// Files that changed.
    pub files: Vec<RepoPath>,
    /// The turn that the cursor stands on now.
    pub cursor: Cursor,
}

/// Brings code and conversation of a turn into this worktree.
pub fn checkout(ws: &Workspace, target: &Link, is_tip: bool) -> Result<CheckedOut, Error> {
    let store = ws.store();
    let here = store.cursor()?.map(|c| undo::here(ws, &c)).transpose()?.flatten();
    let (back, forth) = between(ws, here.as_ref(), target)?;
    let merged = left(ws, &back)?.inverse().then(&brought(ws, &forth)?).onto(&*ws.backend.worktree()?)?;
    arrive(ws, target, is_tip, merged)
}

/// Writes what leads to a turn, and moves there.
fn arrive(ws: &Workspace, target: &Link, is_tip: bool, merged: ChangeSet) -> Result<CheckedOut, Error> {
    let store = ws.store();
    let cursor = Cursor { session: target.header.session, turn: Some(target.header.key), redo: Vec::new() };
    if merged.is_empty() {
        store.set_cursor(&cursor)?;
        return Ok(CheckedOut { files: Vec::new(), cursor });
    }
    let changes = merged.iter().map(|(path, change)| StoredChange {
        path: path.clone(),
        status: ChangeStatus::Written,
        before: change.before.clone(),
        after: change.after.clone(),
    });
    let edits = StoredEdits { changes: changes.collect(), ..StoredEdits::default() };
    // From a turn that is not the last one it is a fork, which is called after the session that it comes from.
    let name = match store.meta(target.header.session)?.name() {
        Some(name) if !is_tip => Some(sessions::free_name(ws, &name)?),
        _ => None,
    };
    let start = Start { parent: Some(target.commit), session: is_tip.then_some(target.header.session), name, replaces: None };
    let state = store.turn(target)?.state;
    let what = format!("check out {}", target.header.subject);
    let events = store.cursor()?.map(|here| here.left(ws.now())).into_iter().collect();
    let noted = Noted { edits, outcome: Outcome::Uncommitted, events };
    let open = sessions::open_note(ws, &start, state, &what, noted)?;
    if let Err(error) = ws.backend.apply(&merged, &landing::temp(open.turn.header.key)) {
        // No file changed, so there is nothing for a later start to put back.
        open.abandon(ws)?;
        return Err(error.into());
    }
    let (turn, appended) = open.close(ws)?;
    let cursor = Cursor { session: appended.session, turn: Some(turn.header.key), redo: Vec::new() };
    Ok(CheckedOut { files: merged.iter().map(|(path, _)| path.clone()).collect(), cursor })
}

/// Brings code and conversation of a turn into a worktree of its own; this one stays as it is. `open` gives the workspace
/// of the new worktree.
pub fn checkout_aside<E: From<Error>>(
    ws: &Workspace,
    target: &Link,
    is_tip: bool,
    directory: &Path,
    open: impl FnOnce() -> Result<Workspace, E>,
) -> Result<CheckedOut, E> {
    let (commit, missing) = beginning(ws, target)?;
    let tree = ws.backend.commit(commit).map_err(Error::from)?.map(|raw| raw.tree);
    // What cannot be brought together is said before there is a worktree that would stay behind.
    missing.onto(&Committed { ws, tree })?;
    ws.backend.add_worktree(directory, commit).map_err(Error::from)?;
    let aside = open()?;
    let tree = aside.backend.worktree().map_err(Error::from)?;
    let merged = missing.onto(&*tree)?;
    drop(tree);
    Ok(arrive(&aside, target, is_tip, merged)?)
}

/// The commit from which a turn's code is built, and the edits up to the turn that are not in it. The commit is that of the
/// turn, or of the nearest one before it that has one, else that on which the session began.
fn beginning(ws: &Workspace, target: &Link) -> Result<(Oid, Steps), Error> {
    let line = ws.store().chain(target.commit).collect::<Result<Vec<Link>, _>>()?;
    let mut found = None;
    let mut missing: BTreeMap<RepoPath, Vec<FileChange>> = BTreeMap::new();
    for link in line.iter().rev() {
        let commit = link.header.commit.map(|commit| ws.backend.commit(commit)).transpose()?.flatten();
        let Some(commit) = commit else {
            if link.header.kind != TurnKind::Note {
                for (path, change) in undo::written_by(ws, link)?.iter() {
                    missing.entry(path.clone()).or_default().push(change.clone());
                }
            }
            continue;
        };
        found = Some(commit.id);
        // Without a commit of their own they may be in one that the user made, before this one.
        let parent = commit.parents.first().map(|p| ws.backend.commit(*p)).transpose()?.flatten();
        let before = Committed { ws, tree: parent.map(|raw| raw.tree) };
        for (path, changes) in &mut missing {
            *changes = missing_in(before.state(path)?.as_ref(), changes);
        }
    }
    let found = match found.or(line.last().and_then(|oldest| oldest.header.base)) {
        Some(commit) if ws.backend.commit(commit)?.is_some() => commit,
        _ => return Err(Error::NoCode(target.header.key)),
    };
    let mut steps = Steps::default();
    for (path, changes) in missing {
        for change in changes {
            steps.add(&path, change);
        }
    }
    Ok((found, steps))
}

/// A commit's files as a checkout writes them.
struct Committed<'a> {
    ws: &'a Workspace,
    /// `None`: there is no commit, so there are no files.
    tree: Option<Oid>,
}

impl Committed<'_> {
    fn state(&self, path: &RepoPath) -> Result<Option<FileState>, Error> {
        Ok(self.tree.map(|tree| self.ws.backend.checked_out(tree, path)).transpose()?.flatten())
    }
}

impl SourceTree for Committed<'_> {
    // Only single files of it are asked for.
    fn paths(&self) -> &[RepoPath] {
        &[]
    }

    fn read(&self, path: &RepoPath) -> io::Result<Option<FileState>> {
        self.state(path).map_err(io::Error::other)
    }
}

/// Goes on with a turn's conversation; files stay. Gives the files that are not as the session left them.
pub fn resume(ws: &Workspace, target: &Link) -> Result<Vec<RepoPath>, Error> {
    let store = ws.store();
    store.set_cursor(&Cursor { session: target.header.session, turn: Some(target.header.key), redo: Vec::new() })?;
    drift(ws, target)
}

/// Files that the turns up to this one wrote and that are different now.
pub fn drift(ws: &Workspace, target: &Link) -> Result<Vec<RepoPath>, Error> {
    let (_, all) = between(ws, None, target)?;
    let wrote = undo::written(ws, &all)?;
    let tree = ws.backend.worktree()?;
    let mut out = Vec::new();
    for (path, end) in wrote.ends() {
        let now = tree.read(path).map_err(|source| Error::Read { what: path.to_string(), source })?;
        if now != *end {
            out.push(path.clone());
        }
    }
    Ok(out)
}

/// The turns from `here` back to where the two lines part, and from `target` back to there; each the newest first.
fn between(ws: &Workspace, here: Option<&Link>, target: &Link) -> Result<(Vec<Link>, Vec<Link>), Error> {
    let store = ws.store();
    let line = |from: &Link| store.chain(from.commit).collect::<Result<Vec<Link>, _>>();
    let forth = line(target)?;
    let back = here.map(line).transpose()?.unwrap_or_default();
    let known: BTreeSet<Oid> = forth.iter().map(|l| l.commit).collect();
    let back: Vec<Link> = back.into_iter().take_while(|l| !known.contains(&l.commit)).collect();
    let parted = match back.last() {
        Some(oldest) => oldest.parent,
        None => here.map(|h| h.commit),
    };
    let forth = forth.into_iter().take_while(|l| Some(l.commit) != parted).collect();
    Ok((back, forth))
}

/// What these turns (the newest first) did to the files, which goes out of them: a file that one of them deleted comes back
/// with the lines that the user had not committed.
fn left(ws: &Workspace, turns: &[Link]) -> Result<Steps, Error> {
    let mut all = Steps::default();
    for link in code(turns) {
        all.push(&undo::written_by(ws, link)?);
    }
    Ok(all)
}

/// What these turns (the newest first) did to the code, which comes into the files.
fn brought(ws: &Workspace, turns: &[Link]) -> Result<Steps, Error> {
    let mut all = Steps::default();
    for link in code(turns) {
        let written = undo::written_by(ws, link)?;
        all.push(&match link.header.commit {
            Some(commit) => committed(ws, &written, commit)?,
            None => written,
        });
    }
    Ok(all)
}

/// The turns that changed code, the oldest first. A checkout among them brought the files from elsewhere to where the turn
/// before it had left them, so along the conversation it changed nothing.
fn code(turns: &[Link]) -> impl Iterator<Item = &Link> {
    turns.iter().rev().filter(|l| l.header.kind != TurnKind::Note)
}

/// The same change as the turn's commit has it: what a hook did to it is in, lines that the user had not committed are not. A
/// file that the commit leaves out has what was written.
fn committed(ws: &Workspace, written: &ChangeSet, commit: Oid) -> Result<ChangeSet, Error> {
    let Some(raw) = ws.backend.commit(commit)? else { return Ok(written.clone()) };
    let parent = raw.parents.first().map(|p| ws.backend.commit(*p)).transpose()?.flatten();
    let side = |tree: Option<Oid>, path: &RepoPath, known: &Option<FileState>| -> Result<Option<FileState>, Error> {
        // Stored bytes may differ from worktree bytes by line ends or filters; then what the turn wrote is right.
        let (Some(tree), Some(known), Some(text)) = (tree, known, path.as_str()) else { return Ok(known.clone()) };
        let stored = ws.backend.file(tree, text)?.filter(|bytes| !has_filters(&known.bytes, bytes));
        Ok(Some(FileState { mode: known.mode, bytes: stored.unwrap_or_else(|| known.bytes.clone()) }))
    };
    let mut out = ChangeSet::default();
    for (path, change) in written.iter() {
        let before = side(parent.as_ref().map(|p| p.tree), path, &change.before)?;
        let after = side(Some(raw.tree), path, &change.after)?;
        if before == after {
            out.record(path.clone(), change.before.clone(), change.after.clone());
        } else {
            out.record(path.clone(), before, after);
        }
    }
    Ok(out)
}

fn has_filters(worktree: &[u8], stored: &[u8]) -> bool {
    worktree.contains(&b'\r') != stored.contains(&b'\r')
}
