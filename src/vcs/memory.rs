//! A repository in memory, stricter than git: what git would let pass and retort never does is an error here.
//!
//! Invariants
//! - An object's id is a hash of its content, so the same calls give the same ids.
//! - A commit is written only with parents that exist; a session ref only moves forward; a ref never stands beside a
//!   directory of its own name. Only [`Memory::foreign_ref`], which stands for another program, may break the second rule.
//! - The worktree, the index and HEAD are three maps, and every method keeps apart what git keeps apart.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::change::{ChangeSet, FileChange, FileMode, FileState};
use crate::base::clock::Timestamp;
use crate::base::hash::Sha256;
use crate::base::id::Oid;
use crate::base::merge::{Conflict, merge3_files};
use crate::base::path::RepoPath;
use crate::base::tree::SourceTree;
use crate::session::refs::{ALL, META, SESSIONS, of_remote};

use super::{
    Backend, CommitDraft, DirtyFile, Expected, Extent, Head, Landed, Landing, Layout, RawCommit, RefResult, Share, Signature,
    Taken, TakenBack, VcsError, Withheld, Words,
};

type Files = BTreeMap<RepoPath, FileState>;
type Tree = BTreeMap<Vec<u8>, FileState>;

const MAIN: &str = "refs/heads/main";

/// One repository with one worktree.
pub struct Memory {
    layout: Layout,
    state: Mutex<State>,
}

#[derive(Clone, Default)]
struct State {
    trees: BTreeMap<Oid, Tree>,
    commits: BTreeMap<Oid, RawCommit>,
    refs: BTreeMap<String, Oid>,
    /// Where HEAD has been, the newest last.
    reflog: Vec<Oid>,
    worktree: Files,
    index: Files,
    /// What is under way: a merge, a rebase.
    busy: Option<&'static str>,
    remotes: BTreeMap<String, Arc<Memory>>,
}

fn refused(what: impl Into<String>) -> VcsError {
    VcsError::Corrupt(what.into())
}

/// An object id from what the object holds.
fn hash(kind: &str, pieces: &[&[u8]]) -> Oid {
    let mut all = kind.as_bytes().to_vec();
    for piece in pieces {
        all.extend_from_slice(&(piece.len() as u64).to_be_bytes());
        all.extend_from_slice(piece);
    }
    Oid::from_bytes(&Sha256::of(&all).as_bytes()[..20]).expect("20 bytes are an object id")
}

impl Memory {
    /// An empty repository on the unborn branch `main`; `name` tells it from others.
    pub fn new(name: &str) -> Self {
        let root = PathBuf::from("/memory").join(name);
        let git_dir = root.join(".git");
        Self { layout: Layout { root, common_dir: git_dir.clone(), git_dir, private: false }, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The maps are replaced whole or not at all, so a panic of another holder leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worktree's file becomes this, as an editor would make it; `None` deletes it.
    pub fn edit(&self, path: &RepoPath, file: Option<FileState>) {
        put(&mut self.lock().worktree, path.clone(), file);
    }

    /// `git add path`.
    pub fn stage(&self, path: &RepoPath) {
        let mut state = self.lock();
        let file = state.worktree.get(path).cloned();
        put(&mut state.index, path.clone(), file);
    }

    /// `git commit` of what is staged.
    pub fn user_commit(&self, message: &str) -> Result<Oid, VcsError> {
        let mut state = self.lock();
        let tree = state.index.iter().map(|(p, f)| (p.as_bytes().to_vec(), f.clone())).collect();
        let parents = state.tip().into_iter().collect();
        let id = state.write(tree, parents, &[b"user"], message.as_bytes())?;
        state.advance(id);
        Ok(id)
    }

    /// The file that is staged.
    pub fn staged(&self, path: &RepoPath) -> Option<FileState> {
        self.lock().index.get(path).cloned()
    }

    /// The file in HEAD.
    pub fn committed(&self, path: &RepoPath) -> Option<FileState> {
        let state = self.lock();
        state.head_tree().get(path.as_bytes()).cloned()
    }

    /// Another program writes or deletes a ref, without any check but that the commit exists.
    pub fn foreign_ref(&self, name: &str, target: Option<Oid>) -> Result<(), VcsError> {
        let mut state = self.lock();
        match target {
            None => drop(state.refs.remove(name)),
            Some(id) if state.commits.contains_key(&id) => drop(state.refs.insert(name.to_owned(), id)),
            Some(id) => return Err(refused(format!("{name} cannot point to {id}: there is no such commit"))),
        }
        Ok(())
    }

    /// Takes a commit away, as a shallow or damaged clone lacks it; [`Self::foreign_gain`] brings it back.
    pub fn foreign_loss(&self, id: Oid) -> Option<RawCommit> {
        self.lock().commits.remove(&id)
    }

    /// Brings a lost commit back.
    pub fn foreign_gain(&self, commit: RawCommit) {
        self.lock().commits.insert(commit.id, commit);
    }

    /// A merge or the like begins (`Some`) or ends.
    pub fn foreign_operation(&self, what: Option<&'static str>) {
        self.lock().busy = what;
    }

    /// Adds a remote.
    pub fn add_remote(&self, name: &str, other: &Arc<Memory>) {
        self.lock().remotes.insert(name.to_owned(), Arc::clone(other));
    }

    fn remote(&self, name: &str) -> Result<Arc<Memory>, VcsError> {
        let found = self.lock().remotes.get(name).cloned();
        found.ok_or_else(|| VcsError::GitFailed { action: "remote".to_owned(), stderr: format!("no such remote: {name}") })
    }
}

fn put<K: Ord>(files: &mut BTreeMap<K, FileState>, path: K, file: Option<FileState>) {
    match file {
        Some(file) => drop(files.insert(path, file)),
        None => drop(files.remove(&path)),
    }
}

impl State {
    fn tip(&self) -> Option<Oid> {
        self.refs.get(MAIN).copied()
    }

    fn tree_of(&self, commit: Option<Oid>) -> Tree {
        let tree = commit.and_then(|c| self.commits.get(&c)).and_then(|c| self.trees.get(&c.tree));
        tree.cloned().unwrap_or_default()
    }

    fn head_tree(&self) -> Tree {
        self.tree_of(self.tip())
    }

    fn advance(&mut self, to: Oid) {
        self.refs.insert(MAIN.to_owned(), to);
        self.reflog.push(to);
    }

    fn write(&mut self, tree: Tree, parents: Vec<Oid>, who: &[&[u8]], message: &[u8]) -> Result<Oid, VcsError> {
        if let Some(lost) = parents.iter().find(|p| !self.commits.contains_key(p)) {
            return Err(refused(format!("parent {lost} does not exist")));
        }
        let mut pieces: Vec<&[u8]> = Vec::new();
        for (path, file) in &tree {
            pieces.extend([path.as_slice(), file.mode.octal().as_bytes(), &file.bytes]);
        }
        let tree_id = hash("tree", &pieces);
        let mut pieces: Vec<&[u8]> = vec![tree_id.as_bytes(), message];
        pieces.extend(who);
        pieces.extend(parents.iter().map(Oid::as_bytes));
        let id = hash("commit", &pieces);
        self.trees.insert(tree_id, tree);
        self.commits.insert(id, RawCommit { id, tree: tree_id, parents, message: message.to_vec() });
        Ok(id)
    }

    /// Every commit that can be reached from here, through all parents.
    fn reachable(&self, from: Oid) -> BTreeSet<Oid> {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![from]);
        while let Some(id) = todo.pop() {
            if let Some(commit) = self.commits.get(&id).filter(|_| seen.insert(id)) {
                todo.extend(&commit.parents);
            }
        }
        seen
    }

    /// Checks everything about a ref that retort sets.
    fn check_ref(&self, name: &str, new: Oid) -> Result<(), VcsError> {
        let part_ok = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && !part.ends_with('.')
                && !part.contains("..")
                && part.strip_suffix(".lock").is_none()
                && part.chars().all(|c| !c.is_control() && !" ~^:?*[\\".contains(c))
        };
        let inside = name.strip_prefix(ALL).ok_or_else(|| refused(format!("{name} is not under {ALL}")))?;
        if !inside.split('/').all(part_ok) || !inside.contains('/') {
            return Err(refused(format!("{name:?} is not a valid ref name")));
        }
        let nested = |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'));
        if let Some(other) = self.refs.keys().find(|r| nested(r, name) || nested(name, r)) {
            return Err(refused(format!("{name} cannot stand beside {other}")));
        }
        if !self.commits.contains_key(&new) {
            return Err(refused(format!("{name} cannot point to {new}: there is no such commit")));
        }
        Ok(())
    }

    fn move_ref(&mut self, name: &str, new: Oid, expected: Expected) -> Result<(), VcsError> {
        self.check_ref(name, new)?;
        let old = self.refs.get(name).copied();
        let as_expected = match expected {
            Expected::Absent => old.is_none(),
            Expected::Is(id) => old == Some(id),
        };
        if !as_expected {
            return Err(VcsError::Moved { name: name.to_owned() });
        }
        if name.starts_with(SESSIONS) && old.is_some_and(|old| !self.reachable(new).contains(&old)) {
            return Err(refused(format!("{name} would not move forward")));
        }
        self.refs.insert(name.to_owned(), new);
        Ok(())
    }

    /// Copies `commit` and everything behind it.
    fn take_objects(&mut self, from: &Self, commit: Oid) {
        for id in from.reachable(commit) {
            let raw = &from.commits[&id];
            self.trees.insert(raw.tree, from.trees[&raw.tree].clone());
            self.commits.insert(id, raw.clone());
        }
    }

    /// Moves the index entry of one path from what `old` has to what `new` has, keeping what the user staged.
    fn carry_entry(
        &self,
        path: &RepoPath,
        old: Option<&FileState>,
        new: Option<&FileState>,
    ) -> Result<Option<FileState>, Conflict> {
        merge_states(old, self.index.get(path), new)
    }
}

/// Three-way merge of whole files: bytes by lines, the mode by the side that changed it.
fn merge_states(
    base: Option<&FileState>,
    ours: Option<&FileState>,
    theirs: Option<&FileState>,
) -> Result<Option<FileState>, Conflict> {
    let bytes = |f: Option<&FileState>| f.map(|f| f.bytes.clone());
    let merged = merge3_files(bytes(base).as_deref(), bytes(ours).as_deref(), bytes(theirs).as_deref())?;
    let mode = |f: Option<&FileState>| f.map(|f| f.mode);
    let mode = if mode(theirs) == mode(base) { mode(ours).or(mode(theirs)) } else { mode(theirs).or(mode(ours)) };
    Ok(merged.map(|bytes| FileState { mode: mode.unwrap_or(FileMode::Regular), bytes }))
}

/// One path of a landing: what HEAD and the index will hold.
struct Piece {
    committed: Option<FileState>,
    entry: Option<FileState>,
}

impl State {
    fn piece(&self, path: &RepoPath, change: &FileChange, head: Option<&FileState>) -> Result<Piece, Withheld> {
        if change.before.is_some() && head.is_none() && !self.index.contains_key(path) {
            return Err(Withheld::Untracked);
        }
        let committed = merge_states(change.before.as_ref(), head, change.after.as_ref()).map_err(|Conflict| Withheld::Overlap)?;
        let entry = self.carry_entry(path, head, committed.as_ref()).map_err(|Conflict| Withheld::IndexConflict)?;
        Ok(Piece { committed, entry })
    }

    fn check_idle(&self) -> Result<(), VcsError> {
        self.busy.map_or(Ok(()), |what| Err(VcsError::InProgress(what)))
    }
}

/// The worktree at one moment.
struct Snapshot {
    tracked: Vec<RepoPath>,
    files: Files,
}

impl SourceTree for Snapshot {
    fn paths(&self) -> &[RepoPath] {
        &self.tracked
    }

    fn read(&self, path: &RepoPath) -> io::Result<Option<FileState>> {
        Ok(self.files.get(path).cloned())
    }
}

fn has_line(message: &[u8], line: &str) -> bool {
    message.trim_ascii_start().split(|b| *b == b'\n').skip(1).any(|l| l == line.as_bytes())
}

fn who(words: &Words<'_>) -> [Vec<u8>; 2] {
    [words.author_time.millis().to_be_bytes().to_vec(), words.author_offset.to_be_bytes().to_vec()]
}

impl Backend for Memory {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn head(&self) -> Result<Head, VcsError> {
        Ok(Head { branch: Some(MAIN.to_owned()), commit: self.lock().tip() })
    }

    fn refs(&self, prefix: &str) -> Result<Vec<(String, Oid)>, VcsError> {
        let state = self.lock();
        Ok(state.refs.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(name, id)| (name.clone(), *id)).collect())
    }

    fn commit(&self, id: Oid) -> Result<Option<RawCommit>, VcsError> {
        Ok(self.lock().commits.get(&id).cloned())
    }

    fn commits_with_prefix(&self, prefix: &str) -> Result<Vec<Oid>, VcsError> {
        Ok(self.lock().commits.keys().filter(|id| id.to_string().starts_with(prefix)).take(8).copied().collect())
    }

    fn file(&self, tree: Oid, path: &str) -> Result<Option<Vec<u8>>, VcsError> {
        let state = self.lock();
        let tree = state.trees.get(&tree).ok_or_else(|| refused(format!("tree {tree} does not exist")))?;
        Ok(tree.get(path.as_bytes()).map(|file| file.bytes.clone()))
    }

    fn checked_out(&self, tree: Oid, path: &RepoPath) -> Result<Option<FileState>, VcsError> {
        let state = self.lock();
        let tree = state.trees.get(&tree).ok_or_else(|| refused(format!("tree {tree} does not exist")))?;
        Ok(tree.get(path.as_bytes()).cloned())
    }

    fn list(&self, tree: Oid, directory: &str) -> Result<Vec<String>, VcsError> {
        let state = self.lock();
        let tree = state.trees.get(&tree).ok_or_else(|| refused(format!("tree {tree} does not exist")))?;
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let inside = tree.keys().filter_map(|path| path.strip_prefix(prefix.as_bytes()));
        let names = inside.filter_map(|rest| rest.split(|b| *b == b'/').next()).map(|n| String::from_utf8_lossy(n).into_owned());
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn write_commit(&self, draft: &CommitDraft) -> Result<Oid, VcsError> {
        let nested = |a: &str| draft.files.range(format!("{a}/")..).next().is_some_and(|(b, _)| b.starts_with(&format!("{a}/")));
        for path in draft.files.keys() {
            RepoPath::new(path.as_str()).map_err(|e| refused(e.to_string()))?;
            if nested(path) {
                return Err(refused(format!("{path} is a file and a directory")));
            }
        }
        let file = |bytes: &Vec<u8>| FileState { mode: FileMode::Regular, bytes: bytes.clone() };
        let tree = draft.files.iter().map(|(path, bytes)| (path.as_bytes().to_vec(), file(bytes))).collect();
        let people = format!("{:?}{:?}", draft.author, draft.committer);
        self.lock().write(tree, draft.parents.clone(), &[people.as_bytes()], &draft.message)
    }

    fn set_ref(&self, name: &str, new: Oid, expected: Expected) -> Result<(), VcsError> {
        self.lock().move_ref(name, new, expected)
    }

    fn author(&self, at: Timestamp, offset: i32) -> Result<Signature, VcsError> {
        Ok(Signature { name: "A. User".to_owned(), email: "user@example.org".to_owned(), seconds: at.seconds(), offset })
    }

    fn worktree(&self) -> Result<Box<dyn SourceTree + '_>, VcsError> {
        let state = self.lock();
        Ok(Box::new(Snapshot { tracked: state.index.keys().cloned().collect(), files: state.worktree.clone() }))
    }

    fn dirty(&self) -> Result<Vec<DirtyFile>, VcsError> {
        let state = self.lock();
        let head: Files =
            state.head_tree().into_iter().filter_map(|(path, file)| Some((RepoPath::new(path).ok()?, file))).collect();
        let tracked: BTreeSet<_> = head.keys().chain(state.index.keys()).collect();
        let dirty = tracked.into_iter().map(|path| DirtyFile {
            path: path.clone(),
            unstaged: state.index.contains_key(path) && state.index.get(path) != state.worktree.get(path),
            staged: state.index.get(path) != head.get(path),
        });
        Ok(dirty.filter(|d| d.unstaged || d.staged).collect())
    }

    fn check_idle(&self) -> Result<(), VcsError> {
        self.lock().check_idle()
    }

    fn apply(&self, changes: &ChangeSet, _temp: &str) -> Result<(), VcsError> {
        let mut state = self.lock();
        let mut after = state.worktree.clone();
        for (path, change) in changes.iter() {
            if state.worktree.get(path) != change.before.as_ref() {
                return Err(VcsError::FileChanged(path.clone()));
            }
            put(&mut after, path.clone(), change.after.clone());
        }
        for (path, _) in changes.iter().filter(|(_, c)| c.after.is_some()) {
            let nested = |a: &RepoPath, b: &RepoPath| a.as_bytes().strip_prefix(b.as_bytes()).is_some_and(|r| r.starts_with(b"/"));
            if after.keys().any(|other| nested(path, other)) {
                return Err(VcsError::BadTarget(path.clone(), "something on the way to it is not a directory"));
            }
            if after.keys().any(|other| nested(other, path)) {
                return Err(VcsError::BadTarget(path.clone(), "it is a directory"));
            }
        }
        state.worktree = after;
        Ok(())
    }

    fn clean_temps(&self, _changes: &ChangeSet, _temp: &str) -> Result<(), VcsError> {
        Ok(())
    }

    fn land(&self, landing: &Landing<'_>) -> Result<Landed, VcsError> {
        if !has_line(landing.words.message.as_bytes(), landing.words.trailer) {
            return Err(refused(format!("the commit message lacks the line {:?}", landing.words.trailer)));
        }
        let mut state = self.lock();
        state.check_idle()?;
        let old = state.head_tree();
        let (mut tree, mut index) = (old.clone(), state.index.clone());
        let mut landed = Landed {
            commit: None,
            without_user_lines: Vec::new(),
            uncommitted: Vec::new(),
            rewritten: Vec::new(),
            index_behind: None,
        };
        for (path, change) in landing.changes.iter() {
            let head = old.get(path.as_bytes());
            match state.piece(path, change, head) {
                Err(why) => landed.uncommitted.push((path.clone(), why)),
                Ok(piece) => {
                    if change.before.as_ref() != head {
                        landed.without_user_lines.push(path.clone());
                    }
                    put(&mut tree, path.as_bytes().to_vec(), piece.committed);
                    put(&mut index, path.clone(), piece.entry);
                }
            }
        }
        let wanted = landing.extent == Extent::WhatFits || landed.uncommitted.is_empty();
        if tree != old && wanted {
            let (parents, who) = (state.tip().into_iter().collect(), who(&landing.words));
            let id = state.write(tree, parents, &[&who[0], &who[1]], landing.words.message.as_bytes())?;
            state.index = index;
            state.advance(id);
            landed.commit = Some(id);
        }
        Ok(landed)
    }

    fn take_back(&self, commits: &[Taken<'_>], words: &Words<'_>) -> Result<TakenBack, VcsError> {
        let mut state = self.lock();
        state.check_idle()?;
        let old = state.head_tree();
        let (mut tree, mut index) = (old.clone(), state.index.clone());
        let (mut end, mut alone, mut steps) = (state.tip(), true, BTreeMap::<&RepoPath, Vec<_>>::new());
        for taken in commits {
            let raw = state.commits.get(&taken.commit).cloned();
            let raw = raw.ok_or_else(|| refused(format!("commit {} does not exist", taken.commit)))?;
            let parent = raw.parents.first().copied();
            alone &= taken.share == Share::All && end == Some(taken.commit);
            end = parent;
            let (with, without) = (state.tree_of(Some(taken.commit)), state.tree_of(parent));
            for (path, change) in taken.changes.iter() {
                let at = |tree: &Tree| tree.get(path.as_bytes()).cloned();
                let (from, to) = match taken.share {
                    Share::All => (at(&with), at(&without)),
                    Share::Part => (change.after.clone(), change.before.clone()),
                };
                match steps.entry(path).or_default().last_mut() {
                    Some((_, last)) if *last == from => *last = to,
                    _ => steps.entry(path).or_default().push((from, to)),
                }
            }
        }
        for (path, steps) in steps {
            for (from, to) in steps {
                let out = merge_states(from.as_ref(), tree.get(path.as_bytes()), to.as_ref());
                put(&mut tree, path.as_bytes().to_vec(), out.map_err(|Conflict| VcsError::Conflict(path.clone()))?);
            }
            let entry = state.carry_entry(path, old.get(path.as_bytes()), tree.get(path.as_bytes()));
            put(&mut index, path.clone(), entry.map_err(|Conflict| VcsError::Conflict(path.clone()))?);
        }
        let reaches = |id: &Oid| commits.iter().any(|taken| state.reachable(*id).contains(&taken.commit));
        let shared = state.refs.iter().any(|(name, id)| name.starts_with("refs/remotes/") && reaches(id));
        if alone && !shared {
            match end {
                Some(end) => state.advance(end),
                None => drop(state.refs.remove(MAIN)),
            }
            state.index = index;
            return Ok(TakenBack::Moved(end));
        }
        if tree == old {
            return Ok(TakenBack::Moved(state.tip()));
        }
        let (parents, who) = (state.tip().into_iter().collect(), who(words));
        let id = state.write(tree, parents, &[&who[0], &who[1]], words.message.as_bytes())?;
        state.index = index;
        state.advance(id);
        Ok(TakenBack::Reverted(id))
    }

    fn find_landed(&self, line: &str, base: Option<Oid>) -> Result<Option<Oid>, VcsError> {
        let state = self.lock();
        let (mut at, mut walk) = (state.tip(), Vec::new());
        while let Some(id) = at.filter(|id| Some(*id) != base && walk.len() < 1000) {
            walk.push(id);
            at = state.commits.get(&id).and_then(|c| c.parents.first().copied());
        }
        let found = walk.iter().chain(state.reflog.iter().rev());
        Ok(found.copied().find(|id| state.commits.get(id).is_some_and(|c| has_line(&c.message, line))))
    }

    fn settle(&self, line: &str, base: Option<Oid>, _paths: &BTreeSet<RepoPath>) -> Result<Option<Oid>, VcsError> {
        // A landing is one step here: there is nothing half-done to complete.
        self.find_landed(line, base)
    }

    fn settle_from(&self, _from: Oid, _paths: &BTreeSet<RepoPath>) -> Result<(), VcsError> {
        Ok(())
    }

    fn clear_locks(&self) -> Result<(), VcsError> {
        Ok(())
    }

    fn is_ancestor(&self, ancestor: Oid, commit: Oid) -> Result<bool, VcsError> {
        Ok(self.lock().reachable(commit).contains(&ancestor))
    }

    fn add_worktree(&self, _directory: &Path, _commit: Oid) -> Result<(), VcsError> {
        Err(refused("the files of this backend lie in memory".to_owned()))
    }

    fn push(&self, remote: &str, refs: &[String]) -> Result<Vec<RefResult>, VcsError> {
        let other = self.remote(remote)?;
        let mine = self.lock().clone();
        let mut theirs = other.lock();
        let mut next = theirs.clone();
        let mut results = Vec::new();
        for name in refs {
            let id = *mine.refs.get(name).ok_or_else(|| refused(format!("{name} does not exist")))?;
            next.take_objects(&mine, id);
            let expected = next.refs.get(name).map_or(Expected::Absent, |old| Expected::Is(*old));
            let done = next.move_ref(name, id, expected);
            let detail = done.as_ref().err().map(ToString::to_string).unwrap_or_default();
            results.push(RefResult { name: name.clone(), ok: done.is_ok(), detail });
        }
        if results.iter().all(|r| r.ok) {
            *theirs = next;
        }
        Ok(results)
    }

    fn fetch(&self, remote: &str) -> Result<(), VcsError> {
        let theirs = self.remote(remote)?.lock().clone();
        let mut state = self.lock();
        for (name, id) in &theirs.refs {
            let Some(rest) = name.strip_prefix(ALL).filter(|_| name.starts_with(SESSIONS) || name.starts_with(META)) else {
                continue;
            };
            state.take_objects(&theirs, *id);
            state.refs.insert(format!("{}{rest}", of_remote(remote)), *id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
