//! Turns in the repository: reading chains, putting requests together again, appending, names, cursor.
//!
//! Invariants
//! - Refs and commits are the only source; the index is never asked here.
//! - A session ref moves by compare-and-swap. The loser of a race keeps its turn as a fork: its answer was made from the
//!   older context, so hanging it behind the winner's turn would record something that did not happen.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::base::clock::Timestamp;
use crate::base::hash::Sha256;
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::process::fault::Faults;
use crate::session::codec::{self, DecodeError, FORMAT};
use crate::session::cursor::Cursor;
use crate::session::meta::{Fact, Meta, RECORDS, Record};
use crate::session::refs;
use crate::session::request::{Manifest, MissingPart, Part, WireBody};
use crate::session::turn::{ForkPoint, Header, Outcome, SessionState, Turn, TurnKind};
use crate::vcs::{Backend, CommitDraft, Expected, RawCommit, Signature, VcsError, durable};

/// The mark of the cursor's temporary file.
const CURSOR_TEMP: &str = "new";

/// The most that a turn may hold, in bytes. One from elsewhere could name one large object a thousand times.
const LARGEST: usize = 512 << 20;

/// What can go wrong with stored turns.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Vcs(#[from] VcsError),
    /// A commit on a session ref is no turn, or a damaged one.
    #[error("turn commit {commit} cannot be read: {source}")]
    Decode { commit: Oid, source: DecodeError },
    /// The history here does not reach far enough back to put the request together.
    #[error("the request of turn {turn} is incomplete here: {source}")]
    Incomplete { turn: TurnKey, source: MissingPart },
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    #[error("{path}: {source}")]
    Cursor { path: String, source: crate::session::cursor::BadCursor },
}

/// A turn's place in the graph, and its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub commit: Oid,
    pub tree: Oid,
    pub parent: Option<Oid>,
    pub header: Header,
}

/// A turn that was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    pub commit: Oid,
    /// The session it is in now; another one than was asked for when it became a fork.
    pub session: SessionId,
    pub forked: bool,
}

/// What was said up to a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conversation {
    Parts(Vec<Part>),
    /// What was said up to `before` was summed up.
    Summed {
        before: Oid,
        text: String,
    },
}

/// The turns of a repository.
#[derive(Clone, Copy)]
pub struct Store<'a> {
    backend: &'a dyn Backend,
    faults: &'a Faults,
}

impl<'a> Store<'a> {
    pub const fn new(backend: &'a dyn Backend, faults: &'a Faults) -> Self {
        Self { backend, faults }
    }

    /// The session's newest turn.
    pub fn tip(&self, session: SessionId) -> Result<Option<Oid>, StoreError> {
        Ok(self.backend.find_ref(&refs::session(session))?)
    }

    fn raw(&self, commit: Oid) -> Result<RawCommit, StoreError> {
        Ok(self.backend.commit(commit)?.ok_or_else(|| VcsError::Corrupt(format!("turn commit {commit} is missing")))?)
    }

    /// The turn's header and parent.
    pub fn link(&self, commit: Oid) -> Result<Link, StoreError> {
        let raw = self.raw(commit)?;
        let header = codec::decode_header(&raw.message).map_err(|source| StoreError::Decode { commit, source })?;
        Ok(Link { commit, tree: raw.tree, parent: raw.parents.first().copied(), header })
    }

    /// From `commit` back along first parents. A parent that is not here (a shallow fetch) ends the chain.
    pub fn chain(self, commit: Oid) -> impl Iterator<Item = Result<Link, StoreError>> + use<'a> {
        let mut next = Some(commit);
        let mut first = true;
        std::iter::from_fn(move || {
            let id = next.take()?;
            if !std::mem::take(&mut first) && matches!(self.backend.commit(id), Ok(None)) {
                return None;
            }
            let link = self.link(id);
            next = link.as_ref().ok().and_then(|l| l.parent);
            Some(link)
        })
    }

    /// The turn with this key in the chain that ends at `tip`.
    pub fn find(self, tip: Oid, key: TurnKey) -> Result<Option<Link>, StoreError> {
        for link in self.chain(tip) {
            let link = link?;
            if link.header.key == key {
                return Ok(Some(link));
            }
        }
        Ok(None)
    }

    /// The turn, whole.
    pub fn turn(&self, link: &Link) -> Result<Turn, StoreError> {
        let mut failed = None;
        let mut left = LARGEST;
        let mut file = |path: &str| match self.backend.file(link.tree, path) {
            Ok(bytes) => {
                if let Some(rest) = left.checked_sub(bytes.as_ref().map_or(0, Vec::len)) {
                    left = rest;
                    return bytes;
                }
                let size = format!("turn commit {} holds more than {} MiB", link.commit, LARGEST >> 20);
                failed.get_or_insert(VcsError::Corrupt(size));
                left = 0;
                None
            }
            Err(e) => {
                failed.get_or_insert(e);
                None
            }
        };
        let mut list_failed = None;
        let mut list = |path: &str| match self.backend.list(link.tree, path) {
            Ok(names) => names,
            Err(e) => {
                list_failed.get_or_insert(e);
                Vec::new()
            }
        };
        let turn = codec::decode_tree(link.header.clone(), &mut file, &mut list);
        if let Some(error) = failed.or(list_failed) {
            return Err(error.into());
        }
        turn.map_err(|source| StoreError::Decode { commit: link.commit, source })
    }

    /// What the session keeps after `commit`; nothing before its first turn.
    pub fn state(self, commit: Option<Oid>) -> Result<SessionState, StoreError> {
        commit.map_or_else(|| Ok(SessionState::default()), |commit| Ok(self.turn(&self.link(commit)?)?.state))
    }

    /// The nearest turn at or before `link` that made a request, with that request's parts, which older turns may hold.
    fn request(self, link: &Link) -> Result<Option<(Turn, Parts)>, StoreError> {
        let mut newest: Option<Turn> = None;
        let mut parts = Parts::default();
        let mut wanted = BTreeSet::new();
        for link in self.chain(link.commit) {
            let link = link?;
            if link.header.request.is_none() {
                continue;
            }
            if newest.is_none() {
                let turn = self.turn(&link)?;
                let Some(request) = &turn.request else { continue };
                parts.0.clone_from(&request.parts);
                wanted.extend(request.manifest.entries.iter().map(|e| e.label).filter(|l| !parts.0.contains_key(l)));
                newest = Some(turn);
            } else {
                for name in self.backend.list(link.tree, "request/parts")? {
                    let Some(label) = name.parse().ok().filter(|label| wanted.contains(label)) else { continue };
                    if let Some(bytes) = self.backend.file(link.tree, &format!("request/parts/{name}"))? {
                        parts.0.insert(label, bytes);
                        wanted.remove(&label);
                    }
                }
            }
            if wanted.is_empty() {
                break;
            }
        }
        Ok(newest.map(|turn| (turn, parts)))
    }

    /// The exact bytes that were sent in this turn; `None` when nothing was.
    pub fn body(self, link: &Link) -> Result<Option<Vec<u8>>, StoreError> {
        let (Some(_), Some((turn, parts))) = (link.header.request, self.request(link)?) else { return Ok(None) };
        let Some(request) = &turn.request else { return Ok(None) };
        let incomplete = |source| StoreError::Incomplete { turn: link.header.key, source };
        request.manifest.assemble(|label| parts.get(label)).map(Some).map_err(incomplete)
    }

    /// The same as the segments that it was put together from.
    pub fn wire_body(self, link: &Link) -> Result<Option<WireBody>, StoreError> {
        let (Some(_), Some((turn, parts))) = (link.header.request, self.request(link)?) else { return Ok(None) };
        let Some(request) = &turn.request else { return Ok(None) };
        let incomplete = |source| StoreError::Incomplete { turn: link.header.key, source };
        request.manifest.body(|label| parts.get(label)).map(Some).map_err(incomplete)
    }

    /// The parts of this turn's request, in order, without the provider's framing.
    pub fn request_parts(self, link: &Link) -> Result<Vec<Part>, StoreError> {
        let Some((turn, parts)) = self.request(link)? else { return Ok(Vec::new()) };
        let incomplete = |source| StoreError::Incomplete { turn: link.header.key, source };
        turn.request.map_or(Ok(Vec::new()), |r| r.manifest.parts(|label| parts.get(label)).map_err(incomplete))
    }

    /// The conversation up to and with this turn: the last request that was answered, and its answer. Questions that were
    /// never answered are not part of it.
    pub fn conversation(self, commit: Oid) -> Result<Conversation, StoreError> {
        for link in self.chain(commit) {
            let link = link?;
            if link.header.request.is_none() {
                continue;
            }
            let turn = self.turn(&link)?;
            let (Some(request), Some(response)) = (&turn.request, &turn.response) else { continue };
            if turn.header.kind == TurnKind::Compact {
                // One that failed, or was cut off, sums nothing up.
                let summed = turn.header.outcome == Outcome::None && response.is_whole() && !response.text.trim().is_empty();
                match link.parent.filter(|_| summed) {
                    None => continue,
                    Some(parent) => return Ok(Conversation::Summed { before: parent, text: response.text.clone() }),
                }
            }
            let answer = response.parts(&request.envelope.provider);
            if answer.is_empty() {
                continue;
            }
            let mut parts = self.request_parts(&link)?;
            parts.extend(answer);
            return Ok(Conversation::Parts(parts));
        }
        Ok(Conversation::Parts(Vec::new()))
    }

    /// The manifest of the nearest request at or before `commit`: parts in it need not be stored again.
    pub fn known_manifest(self, commit: Option<Oid>) -> Result<Manifest, StoreError> {
        for link in commit.into_iter().flat_map(|c| self.chain(c)) {
            let link = link?;
            if link.header.request.is_some()
                && let Some(request) = self.turn(&link)?.request
            {
                return Ok(request.manifest);
            }
        }
        Ok(Manifest::default())
    }

    /// Appends a turn behind `parent` to its session, whose ref must be `parent` (or absent, for a session that begins
    /// here). When somebody else was first, the turn becomes the first one of a new session `fork`.
    pub fn append(
        &self,
        turn: &mut Turn,
        parent: Option<Oid>,
        begins: Begins,
        author: &Signature,
        fork: SessionId,
    ) -> Result<Appended, StoreError> {
        let expected = match (begins, parent) {
            (Begins::Session, _) | (_, None) => Expected::Absent,
            (Begins::Nothing, Some(parent)) => Expected::Is(parent),
        };
        let commit = self.write(turn, parent, author)?;
        match self.backend.set_ref(&refs::session(turn.header.session), commit, expected) {
            Ok(()) => Ok(Appended { commit, session: turn.header.session, forked: false }),
            Err(VcsError::Moved { .. }) => {
                if let Some(parent) = parent {
                    let turn_key = self.link(parent)?.header.key;
                    turn.header.forked_from = Some(ForkPoint { session: turn.header.session, turn: turn_key });
                }
                turn.header.session = fork;
                let commit = self.write(turn, parent, author)?;
                self.backend.set_ref(&refs::session(fork), commit, Expected::Absent)?;
                Ok(Appended { commit, session: fork, forked: true })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn write(&self, turn: &Turn, parent: Option<Oid>, author: &Signature) -> Result<Oid, StoreError> {
        let parts = codec::encode(turn);
        Ok(self.backend.write_commit(&CommitDraft {
            parents: parent.into_iter().collect(),
            files: parts.files,
            author: author.clone(),
            committer: Signature::retort(turn.header.seq),
            message: parts.message,
        })?)
    }

    /// The session's annotations.
    pub fn meta(&self, session: SessionId) -> Result<Meta, StoreError> {
        Ok(self.meta_at(&refs::meta(session))?.map(|(_, _, meta)| meta).unwrap_or_default())
    }

    /// The turn with the commit that holds its changes since a redo, if one made another.
    pub fn with_commit(&self, header: Header) -> Result<Header, StoreError> {
        Ok(self.meta(header.session)?.with_commit(header))
    }

    /// What the ref is, the commit among that, and the records.
    fn meta_at(&self, name: &str) -> Result<Option<(Oid, Option<Oid>, Meta)>, StoreError> {
        let Some(tip) = self.backend.find_ref(name)? else { return Ok(None) };
        // Whoever can push here can make the ref point to anything; what holds no records says nothing.
        let Ok(Some(raw)) = self.backend.commit(tip) else { return Ok(Some((tip, None, Meta::default()))) };
        let meta = Meta::decode(&self.backend.file(raw.tree, RECORDS)?.unwrap_or_default());
        Ok(Some((tip, Some(tip), meta)))
    }

    /// Adds an annotation; again when somebody else added one meanwhile.
    pub fn annotate(&self, session: SessionId, fact: Fact, at: Timestamp, author: &Signature) -> Result<(), StoreError> {
        let mut add = Meta::default();
        // The last record counts: one from a clock that is ahead must not outlast what is said now.
        let last = match &fact {
            Fact::Name(_) => self.meta(session)?.named_at(),
            Fact::Landed(turn, _) => self.meta(session)?.landed(*turn).map(|(last, _)| last),
            Fact::Abandoned(_) => None,
        };
        let at = last.map_or(at, |last| at.max(Timestamp::from_millis(last.millis().saturating_add(1))));
        add.add(&Record { at, fact });
        let name = refs::meta(session);
        for _ in 0..64 {
            let known = self.meta_at(&name)?;
            let mut meta = known.as_ref().map(|(_, _, meta)| meta.clone()).unwrap_or_default();
            meta.union(&add);
            if known.as_ref().is_some_and(|(_, commit, old)| commit.is_some() && *old == meta) {
                return Ok(());
            }
            let (tip, parent) = known.map_or((None, None), |(tip, parent, _)| (Some(tip), parent));
            let depth = parent.map_or(Ok(0), |p| self.depth(p))?;
            let commit = self.write_meta(session, &meta, parent.into_iter().collect(), depth + 1, author)?;
            match self.backend.set_ref(&name, commit, tip.map_or(Expected::Absent, Expected::Is)) {
                Err(VcsError::Moved { .. }) => {}
                other => return Ok(other?),
            }
        }
        Err(VcsError::Moved { name }.into())
    }

    /// Takes over what another clone says about the session. Its history is kept as well, so that either side can push on.
    pub fn take_meta(&self, session: SessionId, theirs: Oid, author: &Signature) -> Result<(), StoreError> {
        // Another's ref may point to anything; what is no commit says nothing.
        if !matches!(self.backend.commit(theirs), Ok(Some(_))) {
            return Ok(());
        }
        let name = refs::meta(session);
        for _ in 0..64 {
            let known = self.meta_at(&name)?;
            let (new, expected) = match known {
                None => (theirs, Expected::Absent),
                Some((ours, None, _)) => (theirs, Expected::Is(ours)),
                Some((_, Some(ours), _)) if self.backend.is_ancestor(theirs, ours)? => return Ok(()),
                Some((_, Some(ours), _)) if self.backend.is_ancestor(ours, theirs)? => (theirs, Expected::Is(ours)),
                Some((_, Some(ours), mut meta)) => {
                    meta.union(&Meta::decode(&self.backend.file(self.raw(theirs)?.tree, RECORDS)?.unwrap_or_default()));
                    let (own, other) = (self.depth(ours)?, self.depth(theirs)?);
                    // The deeper one first: depth is counted along first parents.
                    let parents = if own < other { vec![theirs, ours] } else { vec![ours, theirs] };
                    (self.write_meta(session, &meta, parents, own.max(other) + 1, author)?, Expected::Is(ours))
                }
            };
            match self.backend.set_ref(&name, new, expected) {
                Err(VcsError::Moved { .. }) => {}
                other => return Ok(other?),
            }
        }
        Err(VcsError::Moved { name }.into())
    }

    fn write_meta(
        &self,
        session: SessionId,
        meta: &Meta,
        parents: Vec<Oid>,
        depth: u64,
        author: &Signature,
    ) -> Result<Oid, VcsError> {
        self.backend.write_commit(&CommitDraft {
            parents,
            files: BTreeMap::from([(FORMAT.to_owned(), Vec::new()), (RECORDS.to_owned(), meta.encode())]),
            author: author.clone(),
            committer: Signature::retort(depth),
            message: format!("annotations of session {session}\n").into_bytes(),
        })
    }

    fn depth(&self, commit: Oid) -> Result<u64, StoreError> {
        let (mut next, mut depth) = (Some(commit), 0);
        while let Some(id) = next {
            depth += 1;
            // A shallow fetch ends the chain.
            next = self.backend.commit(id)?.and_then(|c| c.parents.first().copied());
        }
        Ok(depth)
    }

    fn cursor_path(&self) -> std::path::PathBuf {
        self.backend.layout().git_dir.join("retort").join("cursor.json")
    }

    /// Where this worktree stands; `None` when nothing was done in it yet.
    pub fn cursor(&self) -> Result<Option<Cursor>, StoreError> {
        let path = self.cursor_path();
        let shown = || path.display().to_string();
        match std::fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::File { path: shown(), source }),
            Ok(raw) => Cursor::decode(&raw).map(Some).map_err(|source| StoreError::Cursor { path: shown(), source }),
        }
    }

    /// Moves this worktree's cursor.
    pub fn set_cursor(&self, cursor: &Cursor) -> Result<(), StoreError> {
        self.with_cursor_lock(|path| {
            durable::replace_with(path, CURSOR_TEMP, &cursor.encode(), || self.faults.point("cursor.written"))?;
            self.faults.point("cursor.moved");
            Ok(())
        })
    }

    /// Removes what a process left that was killed while it moved the cursor.
    pub fn clear_cursor(&self) -> Result<(), StoreError> {
        if !durable::temp_beside(&self.cursor_path(), CURSOR_TEMP).exists() {
            return Ok(());
        }
        self.with_cursor_lock(|path| match std::fs::remove_file(durable::temp_beside(path, CURSOR_TEMP)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        })
    }

    /// Writers of the cursor take turns, so that what one of them left when it was killed is known as such.
    fn with_cursor_lock(&self, write: impl FnOnce(&std::path::Path) -> io::Result<()>) -> Result<(), StoreError> {
        let path = self.cursor_path();
        let _lock = durable::lock(&path.with_file_name("cursor.lock"))
            .map_err(|source| StoreError::File { path: path.display().to_string(), source })?;
        write(&path).map_err(|source| StoreError::File { path: path.display().to_string(), source })
    }
}

/// Whether a turn begins a session (which then must not exist yet).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    Session,
    Nothing,
}

#[derive(Default)]
struct Parts(BTreeMap<Sha256, Vec<u8>>);

impl Parts {
    fn get(&self, label: &Sha256) -> Option<&[u8]> {
        self.0.get(label).map(Vec::as_slice)
    }
}
