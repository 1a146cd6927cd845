//! Getting changes into the files and onto the user's branch, for every kind of turn.
//!
//! Invariants
//! - Files are written all together or not at all, then committed; what cannot be committed stays in the files and is said.
//! - The commit carries the turn's key, by which recovery and undo find it. No subject reads like such a trailer, whoever
//!   wrote it.

use crate::base::change::{ChangeSet, FileState};
use crate::base::id::{Oid, TurnKey};
use crate::base::path::RepoPath;
use crate::base::text::subject;
use crate::config::{DirtyMode, MessageSource};
use crate::hooks::{Pipeline, Point};
use crate::session::request::ModelId;
use crate::session::turn::{ChangeStatus, FileStat, Turn};
use crate::vcs::{Extent, Landed, Landing, VcsError, Words};

use super::Error;
use super::workspace::Workspace;

/// The commit's trailer that names the turn.
pub fn trailer(key: TurnKey) -> String {
    format!("Retort-Turn: {key}")
}

/// The trailer of the commit that `vcs.dirty = "commit-first"` makes of the user's own lines before the turn's.
pub fn before_trailer(key: TurnKey) -> String {
    format!("Retort-Before: {key}")
}

/// What a commit says.
#[derive(Debug, Clone, Copy)]
pub struct Wording<'a> {
    /// The subject that the model gave.
    pub given: Option<&'a str>,
    /// The user's words.
    pub prompt: &'a str,
    pub model: Option<&'a ModelId>,
}

/// The whole commit message.
pub fn message(ws: &Workspace, wording: Wording<'_>, changes: &ChangeSet, key: TurnKey) -> String {
    let vcs = ws.config.settings().vcs;
    let words = match vcs.message {
        MessageSource::Model => wording.given.and_then(|text| subject(text, 72)),
        MessageSource::Prompt => subject(wording.prompt, 72),
    };
    let words = words.filter(|words| !is_trailer(words)).unwrap_or_else(|| from_files(changes));
    let mut out = format!("{words}\n\n");
    if let (true, Some(model)) = (vcs.coauthor, wording.model) {
        out.push_str(&format!("Co-authored-by: {model} <retort@invalid>\n"));
    }
    out.push_str(&trailer(key));
    out.push('\n');
    out
}

/// A message that somebody else wrote, with the turn's trailer and no other line that looks like one of ours.
pub fn with_trailer(text: &str, key: TurnKey) -> String {
    let own = trailer(key);
    let kept: Vec<&str> = text.lines().filter(|line| *line != own && !is_trailer(line)).collect();
    let kept = kept.join("\n").replace('\0', "");
    let words = kept.trim();
    // Trailers of one block stand without a blank line between them.
    let last = words.rsplit("\n\n").next().filter(|block| *block != words).unwrap_or_default();
    let is_block = !last.is_empty() && last.lines().all(|line| line.split_once(": ").is_some_and(|(k, _)| !k.contains(' ')));
    let gap = if is_block { "\n" } else { "\n\n" };
    format!("{}{gap}{own}\n", if words.is_empty() { "Update files" } else { words })
}

/// Whether a line could be taken for one of our trailers, once somebody has squashed or quoted the commit.
fn is_trailer(line: &str) -> bool {
    line.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("retort-")) && line.contains(':')
}

/// A subject from what was touched, when nobody gave one.
fn from_files(changes: &ChangeSet) -> String {
    let verb = |before: &Option<FileState>, after: &Option<FileState>| match (before, after) {
        (None, _) => "Add",
        (_, None) => "Delete",
        _ => "Update",
    };
    let all: Vec<_> = changes.iter().collect();
    let line = match all[..] {
        [(path, change)] => format!("{} {path}", verb(&change.before, &change.after)),
        [(first, _), ..] => format!("Update {first} and {} more", all.len() - 1),
        [] => "Update files".to_owned(),
    };
    subject(&line, 72).unwrap_or(line)
}

/// What follows when files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Commit,
    Leave,
}

impl Then {
    pub fn of(steps: &Pipeline) -> Self {
        if steps.has_point(Point::Commit) { Self::Commit } else { Self::Leave }
    }
}

/// Writes the files. User lines in them are treated as `vcs.dirty` says.
pub fn write(ws: &Workspace, changes: &ChangeSet, key: TurnKey, then: Then) -> Result<(), Error> {
    let mut first = None;
    match ws.config.settings().vcs.dirty {
        DirtyMode::Separate => {}
        // Whoever wants no commit of ours wants none of theirs by us either.
        DirtyMode::CommitFirst if then == Then::Leave => {}
        DirtyMode::Refuse => {
            let dirty = dirty_among(ws, changes)?;
            if !dirty.is_empty() {
                return Err(Error::Dirty(dirty));
            }
        }
        DirtyMode::CommitFirst => first = commit_first(ws, changes, key)?,
    }
    ws.backend.apply(changes, &temp(key)).map_err(|why| match first {
        // A hook may have made something else of those lines; that is theirs to look at, so they must know where it is.
        Some((commit, files)) => Error::OnlyFirst { commit, files, why },
        None => why.into(),
    })
}

/// The tag of temporary files of this turn.
pub fn temp(key: TurnKey) -> String {
    key.to_string()[..12].to_owned()
}

/// Commits what is in the files.
pub fn commit(ws: &Workspace, changes: &ChangeSet, wording: Wording<'_>, key: TurnKey) -> Result<Landed, VcsError> {
    commit_saying(ws, changes, message(ws, wording, changes, key), key)
}

/// The same with a message as a whole, which has the turn's trailer.
pub fn commit_saying(ws: &Workspace, changes: &ChangeSet, message: String, key: TurnKey) -> Result<Landed, VcsError> {
    let now = ws.now();
    let trailer = trailer(key);
    let (author_offset, extent) = (ws.clock.offset(now), Extent::WhatFits);
    let words = Words { message, author_time: now, author_offset, trailer: &trailer };
    ws.backend.land(&Landing { changes, words, extent })
}

/// Notes in a turn's edits what a hook of the repository made of them, so that `undo` knows what to take out.
pub fn note_rewritten(turn: &mut Turn, landed: &Landed) {
    for (path, state) in &landed.rewritten {
        for change in turn.edits.changes.iter_mut().filter(|c| c.path == *path) {
            change.after = Some(state.clone());
        }
    }
    if !landed.rewritten.is_empty() {
        turn.header.files = FileStat::of(&turn.edits.with_status(ChangeStatus::Written));
    }
}

fn dirty_among(ws: &Workspace, changes: &ChangeSet) -> Result<Vec<RepoPath>, Error> {
    let dirty = ws.backend.dirty()?;
    Ok(dirty.into_iter().map(|f| f.path).filter(|path| changes.get(path).is_some()).collect())
}

/// `vcs.dirty = "commit-first"`: the user's own lines of the files that are about to be edited become a commit of theirs.
/// Gives that commit and its files; `None` when there were none.
fn commit_first(ws: &Workspace, changes: &ChangeSet, key: TurnKey) -> Result<Option<(Oid, Vec<RepoPath>)>, Error> {
    let paths = dirty_among(ws, changes)?;
    let tree = head_tree(ws)?;
    let files = ws.backend.worktree()?;
    let mut own = ChangeSet::default();
    for path in &paths {
        let Some(change) = changes.get(path) else { continue };
        // Looked at after HEAD: what another process of ours writes it commits later, so none of its work can be in HEAD and
        // not in the file, and be committed as taken out by the user.
        let now = files.read(path).map_err(|source| Error::Read { what: path.to_string(), source })?;
        if now != change.before {
            return Err(VcsError::FileChanged(path.clone()).into());
        }
        let old = match (tree, path.as_str()) {
            (Some(tree), Some(text)) => ws.backend.file(tree, text)?,
            _ => None,
        };
        let mode = change.before.as_ref().map(|s| s.mode).unwrap_or_default();
        own.record(path.clone(), old.map(|bytes| FileState { mode, bytes }), change.before.clone());
    }
    if own.is_empty() {
        return Ok(None);
    }
    let now = ws.now();
    let trailer = before_trailer(key);
    let names: Vec<String> = own.iter().map(|(path, _)| path.to_string()).collect();
    let line = format!("Work in progress on {}", names.join(", "));
    let message = format!("{}\n\n{trailer}\n", subject(&line, 72).unwrap_or(line));
    let landed = ws.backend.land(&Landing {
        changes: &own,
        words: Words { message, author_time: now, author_offset: ws.clock.offset(now), trailer: &trailer },
        extent: Extent::Whole,
    })?;
    let left: Vec<RepoPath> = landed.uncommitted.into_iter().map(|(path, _)| path).collect();
    if !left.is_empty() {
        return Err(Error::NotFirst(left));
    }
    Ok(landed.commit.map(|commit| (commit, own.iter().map(|(path, _)| path.clone()).collect())))
}

fn head_tree(ws: &Workspace) -> Result<Option<Oid>, Error> {
    let Some(head) = ws.backend.head()?.commit else { return Ok(None) };
    Ok(ws.backend.commit(head)?.map(|c| c.tree))
}
