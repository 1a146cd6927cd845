//! A turn: one model call and what came of it, as data.
//!
//! Invariants
//! - [`Header`] holds every field that is listed, filtered or summed; it is what the commit message carries, so lists are
//!   built without reading a tree.
//! - [`Turn::state`] is the session's files and settings *after* the turn, whole, so one turn is enough to go on from.

use std::collections::BTreeMap;

use crate::base::change::{ChangeSet, FileChange, FileState, LineCounts};
use crate::base::clock::Timestamp;
use crate::base::hash::Sha256;
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::base::money::Usd;
use crate::base::path::RepoPath;

use super::event::Event;
use super::request::{Kind, Manifest, ModelId, Part, Role};
use super::stream::{Stop, Usage};

/// What made the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TurnKind {
    /// A model call.
    Turn,
    /// Stored or foreign edits, applied without a call.
    Apply,
    /// No model and no edits: files added, settings kept.
    Note,
    /// A model call that sums up the conversation before it; what follows begins anew with that.
    Compact,
}

impl TurnKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::Apply => "apply",
            Self::Note => "note",
            Self::Compact => "compact",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Turn, Self::Apply, Self::Note, Self::Compact].into_iter().find(|k| k.as_str() == text)
    }
}

/// What came of the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Edits are in the files and committed.
    Applied,
    /// Edits are in the files, not committed.
    Uncommitted,
    /// There were no edits.
    None,
    /// Edits did not fit, so none was written.
    Rejected,
    /// There was no answer.
    Failed,
    /// It was stopped before the answer was whole.
    Interrupted,
    /// The process died; a later one closed the turn.
    Recovered,
}

impl Outcome {
    const ALL: [Self; 7] =
        [Self::Applied, Self::Uncommitted, Self::None, Self::Rejected, Self::Failed, Self::Interrupted, Self::Recovered];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Uncommitted => "uncommitted",
            Self::None => "none",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Recovered => "recovered",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|o| o.as_str() == text)
    }
}

/// What happened to one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileStatus {
    Added,
    Modified,
    Deleted,
}

impl FileStatus {
    /// Git's letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Modified => 'M',
            Self::Deleted => 'D',
        }
    }

    /// What a change does.
    pub const fn of(change: &FileChange) -> Self {
        match (&change.before, &change.after) {
            (None, _) => Self::Added,
            (_, None) => Self::Deleted,
            _ => Self::Modified,
        }
    }

    pub fn parse(letter: &str) -> Option<Self> {
        [Self::Added, Self::Modified, Self::Deleted].into_iter().find(|s| s.letter().to_string() == letter)
    }
}

/// One file of a turn, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStat {
    pub path: RepoPath,
    pub status: FileStatus,
    pub lines: LineCounts,
}

impl FileStat {
    /// The list for a change set, in path order.
    pub fn of(changes: &ChangeSet) -> Vec<Self> {
        changes
            .iter()
            .map(|(path, change)| Self { path: path.clone(), status: FileStatus::of(change), lines: change.line_counts() })
            .collect()
    }
}

/// Dollars a million tokens, as they were when the turn was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    pub input: Usd,
    pub cache_read: Usd,
    /// What is written into the provider's cache; the same as `input` where the provider does not charge it apart.
    pub cache_write: Usd,
    pub output: Usd,
}

impl Price {
    /// What `usage` costs.
    pub fn cost(&self, usage: &Usage) -> Usd {
        self.input.per_million(usage.input)
            + self.cache_read.per_million(usage.cache_read)
            + self.cache_write.per_million(usage.cache_write)
            + self.output.per_million(usage.output)
    }
}

/// The exact body's hash and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestDigest {
    pub sha256: Sha256,
    pub length: u64,
}

/// Where a fork began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForkPoint {
    pub session: SessionId,
    pub turn: TurnKey,
}

/// Every field of a turn that is listed, filtered or summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// One line for people, the commit's subject.
    pub subject: String,
    pub kind: TurnKind,
    pub key: TurnKey,
    /// The key of the turn that the user's message opened.
    pub exchange: TurnKey,
    pub session: SessionId,
    /// 1 for a root, else the parent's plus 1.
    pub seq: u64,
    pub model: Option<ModelId>,
    /// What the provider said it served.
    pub served: Option<String>,
    pub usage: Usage,
    pub price: Option<Price>,
    pub cost: Option<Usd>,
    pub start: Timestamp,
    pub end: Timestamp,
    /// HEAD when the turn opened.
    pub base: Option<Oid>,
    /// The branch that was checked out, as a full ref name.
    pub branch: Option<String>,
    /// The commit that the turn made on the user's branch.
    pub commit: Option<Oid>,
    pub files: Vec<FileStat>,
    pub outcome: Outcome,
    pub request: Option<RequestDigest>,
    pub forked_from: Option<ForkPoint>,
}

/// Whether the model may edit a file of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    ReadWrite,
    ReadOnly,
}

impl Access {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::ReadWrite, Self::ReadOnly].into_iter().find(|a| a.as_str() == text)
    }
}

/// What a session carries from turn to turn beside the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionState {
    pub files: BTreeMap<RepoPath, Access>,
    /// Kept settings by config key, such as `model.default`.
    pub settings: BTreeMap<String, String>,
}

impl SessionState {
    /// Files that a turn made or changed belong to the session from then on.
    pub fn keep(&mut self, changes: &ChangeSet) {
        for (path, change) in changes.iter() {
            if change.after.is_some() {
                self.files.entry(path.clone()).or_insert(Access::ReadWrite);
            }
        }
    }
}

/// How the request was sent; no credential is ever in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    pub provider: String,
    /// What it speaks, in a word of the settings; empty where the provider is its own (`echo`, `manual`).
    pub protocol: String,
    pub method: String,
    pub url: String,
    /// Header names in lower case; only those that are not secret.
    pub headers: BTreeMap<String, String>,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    pub envelope: Envelope,
    pub manifest: Manifest,
    /// The parts that this turn itself holds: those that the nearest older request of the chain does not have.
    pub parts: BTreeMap<Sha256, Vec<u8>>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseRecord {
    /// The HTTP status, or 0 where there is none.
    pub status: u16,
    /// Allow-listed response headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The final attempt's body after content decoding, as received.
    pub raw: Vec<u8>,
    /// The answer's text.
    pub text: String,
    pub reasoning: String,
    /// `None` when the stream was cut off.
    pub stop: Option<Stop>,
    /// Provider bytes with the position in `text` (in bytes) where each stood.
    pub native: Vec<(u64, Vec<u8>)>,
}

impl ResponseRecord {
    /// Whether the model came to the end of what it had to say.
    pub const fn is_whole(&self) -> bool {
        !matches!(self.stop, None | Some(Stop::Length | Stop::Refused(_)))
    }

    /// The assistant's message as the next request repeats it: text and provider bytes in their order.
    pub fn parts(&self, provider: &str) -> Vec<Part> {
        let mut out = Vec::new();
        let mut at = 0;
        let text = |from: usize, to: usize| self.text.get(from..to).filter(|t| !t.is_empty());
        for (position, bytes) in &self.native {
            // A turn from elsewhere may name any place; the text must come whole all the same.
            let position = self.text.floor_char_boundary((*position as usize).max(at));
            out.extend(text(at, position).map(|t| Part::text(Role::Assistant, "answer", t)));
            out.push(Part { role: Role::Assistant, kind: Kind::native(provider), bytes: bytes.clone() });
            at = position;
        }
        out.extend(text(at, self.text.len()).map(|t| Part::text(Role::Assistant, "answer", t)));
        out
    }
}

/// Whether a stored change is in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeStatus {
    /// It fits, but was not written (others of the exchange did not fit, or writing was not wanted).
    Held,
    /// It was written.
    Written,
}

impl ChangeStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Written => "written",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Held, Self::Written].into_iter().find(|s| s.as_str() == text)
    }
}

/// One file's stored change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChange {
    pub path: RepoPath,
    pub status: ChangeStatus,
    pub before: Option<FileState>,
    pub after: Option<FileState>,
}

/// An edit that did not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReject {
    /// As the model wrote it; it may be no path at all.
    pub path: String,
    /// What was wrong, in one sentence.
    pub reason: String,
    /// The edit's own text.
    pub edit: String,
}

/// Everything that was parsed from the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredEdits {
    pub changes: Vec<StoredChange>,
    pub rejects: Vec<StoredReject>,
    /// The commit subject that the model gave.
    pub message: Option<String>,
}

impl StoredEdits {
    /// The changes that have `status`.
    pub fn with_status(&self, status: ChangeStatus) -> ChangeSet {
        let mut set = ChangeSet::default();
        for change in self.changes.iter().filter(|c| c.status == status) {
            set.record(change.path.clone(), change.before.clone(), change.after.clone());
        }
        set
    }
}

/// A turn, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub header: Header,
    pub state: SessionState,
    /// The user's bytes, in the turn that opened the exchange.
    pub prompt: Option<Vec<u8>>,
    pub request: Option<RequestRecord>,
    pub response: Option<ResponseRecord>,
    pub edits: StoredEdits,
    pub events: Vec<Event>,
}
