//! What stands around the turns: annotations, the places of worktrees, unfinished work.

use std::collections::{BTreeMap, BTreeSet};

use crate::agent::intent::Intent;
use crate::agent::open;
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::session::codec::{FORMAT, decode_header};
use crate::session::cursor::Cursor;
use crate::session::meta::{Meta, RECORDS};
use crate::session::refs;
use crate::vcs::wal::{Looked, Wal};
use crate::vcs::{Backend as _, VcsError};

use super::super::Error;
use super::Check;
use super::chains::wrong_committer;
use super::problem::{Place, Problem};

impl Check<'_> {
    /// Verifies the annotations at these refs.
    pub(super) fn annotations(&mut self, refs: &[(&str, Oid, SessionId)]) -> Result<(), Error> {
        // The depth of each commit that was read; `None` where the chain begins elsewhere.
        let mut depths: BTreeMap<Oid, Option<u64>> = BTreeMap::new();
        for (name, tip, _) in refs {
            let place = |id: Oid| Place { reference: Some((*name).to_owned()), commit: Some(id), ..Place::default() };
            let (mut next, mut chain) = (Some(*tip), Vec::new());
            let mut depth = Some(0);
            while let Some(id) = next {
                if let Some(known) = depths.get(&id) {
                    depth = *known;
                    break;
                }
                match self.git.inspect(id) {
                    Ok(Some(commit)) => {
                        next = commit.raw.parents.first().copied();
                        chain.push(commit);
                    }
                    Ok(None) => {
                        let child = chain.last().map(|c| c.raw.id);
                        if child.is_none_or(|child| !self.shallow.contains(&child)) {
                            self.found(place(child.unwrap_or(id)), Problem::ParentMissing(id));
                        }
                        depth = None;
                        break;
                    }
                    Err(error) => {
                        self.found(place(id), Problem::Read(error.to_string()));
                        depth = None;
                        break;
                    }
                }
            }
            for commit in chain.iter().rev() {
                depth = depth.map(|depth| depth + 1);
                depths.insert(commit.raw.id, depth);
                if let Some(problem) = depth.and_then(|depth| wrong_committer(&commit.committer, depth)) {
                    self.found(place(commit.raw.id), problem);
                }
            }
            if let Some(commit) = chain.first() {
                self.records(commit.raw.tree, &place(commit.raw.id))?;
            }
        }
        Ok(())
    }

    fn records(&mut self, tree: Oid, place: &Place) -> Result<(), Error> {
        let problem = match self.git.file(tree, RECORDS) {
            Ok(Some(raw)) => {
                let mut damaged = Meta::decode(&raw).damaged().map(Problem::Record).collect::<Vec<_>>();
                if !self.git.list(tree, "")?.iter().any(|name| name == FORMAT) {
                    damaged.push(Problem::Decode(format!("{FORMAT} is missing")));
                }
                damaged
            }
            Ok(None) => vec![Problem::Records],
            Err(VcsError::NotFetched(_)) => Vec::new(),
            Err(error) => vec![Problem::Read(error.to_string())],
        };
        self.found_all(place, problem);
        Ok(())
    }

    /// Verifies where the worktrees of the repository stand.
    pub(super) fn cursors(&mut self) -> Result<(), Error> {
        let common = self.git.layout().common_dir.clone();
        let linked = std::fs::read_dir(common.join("worktrees")).into_iter().flatten();
        let linked = linked.filter_map(|entry| Some(entry.ok()?.path()));
        for directory in std::iter::once(common).chain(linked) {
            let path = directory.join("retort").join("cursor.json");
            let raw = match std::fs::read(&path) {
                Ok(raw) => raw,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => {
                    self.found(Place::path(&path), Problem::File(e.to_string()));
                    continue;
                }
            };
            match Cursor::decode(&raw) {
                Ok(cursor) => {
                    let problems = self.cursor(&cursor)?;
                    self.found_all(&Place::path(&path), problems);
                }
                Err(why) => self.found(Place::path(&path), Problem::Cursor(why.to_string())),
            }
        }
        Ok(())
    }

    fn cursor(&self, cursor: &Cursor) -> Result<Vec<Problem>, Error> {
        let Some(tip) = self.git.find_ref(&refs::session(cursor.session))? else {
            // One that was fetched and not gone on with yet has no ref of its own.
            let theirs = self.git.refs(refs::REMOTES)?;
            let fetched = theirs.iter().any(|(name, _)| name.ends_with(&format!("/sessions/{}", cursor.session)));
            return Ok(if fetched { Vec::new() } else { vec![Problem::CursorSession(cursor.session)] });
        };
        let mut wanted: BTreeSet<TurnKey> = cursor.turn.iter().chain(&cursor.redo).copied().collect();
        let mut next = Some(tip);
        while let Some(id) = next.filter(|_| !wanted.is_empty()) {
            // What cannot be read was said before; then nothing can be said about the rest.
            let Ok(Some(commit)) = self.git.commit(id) else { return Ok(Vec::new()) };
            if let Ok(header) = decode_header(&commit.message) {
                wanted.remove(&header.key);
            }
            next = commit.parents.first().copied();
        }
        Ok(wanted.into_iter().map(Problem::CursorTurn).collect())
    }

    /// Verifies that what dead processes left can be read.
    pub(super) fn unfinished(&mut self) {
        let common = self.git.layout().common_dir.clone();
        let place = Place::path(&common.join("retort").join("wal"));
        let all = match Wal::look(&common) {
            Ok(all) => all,
            Err(error) => {
                self.found(place, Problem::File(error.to_string()));
                return;
            }
        };
        for (name, looked) in all {
            let place = Place::path(&common.join("retort").join("wal").join(name));
            let problem = match looked {
                Looked::Held | Looked::Litter => continue,
                Looked::Unreadable(error) => Problem::UnfinishedBroken(error.to_string()),
                Looked::Open(wal) => match wal.opened() {
                    Err(error) => Problem::UnfinishedBroken(error.to_string()),
                    Ok(raw) if Intent::decode(&raw).is_some() => Problem::Unfinished("undo or redo"),
                    Ok(_) => match open::read(&wal) {
                        Ok(_) => Problem::Unfinished("turn"),
                        Err(error) => Problem::UnfinishedBroken(error.to_string()),
                    },
                },
            };
            self.found(place, problem);
        }
    }
}
