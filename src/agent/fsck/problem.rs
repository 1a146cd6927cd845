//! What can be wrong with what is stored: the sentence, how bad it is, and what to do.

use std::fmt;

use crate::base::hash::Sha256;
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::session::turn::RequestDigest;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is as it should be, but worth knowing.
    Note,
    /// Something is not here that is elsewhere, so not everything could be looked at.
    Incomplete,
    /// Something is damaged or lost.
    Error,
}

impl Level {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Incomplete => "incomplete",
            Self::Error => "error",
        }
    }
}

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The full name of a ref.
    pub reference: Option<String>,
    pub turn: Option<TurnKey>,
    pub commit: Option<Oid>,
    /// A file or directory.
    pub path: Option<String>,
}

impl Place {
    pub(super) fn reference(name: &str) -> Self {
        Self { reference: Some(name.to_owned()), ..Self::default() }
    }

    pub(super) fn path(path: &std::path::Path) -> Self {
        Self { path: Some(path.display().to_string()), ..Self::default() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.turn, &self.commit, &self.reference, &self.path) {
            (Some(turn), Some(commit), ..) => write!(f, "turn {} (commit {})", turn.short(), commit.short()),
            (_, Some(commit), Some(name), _) => write!(f, "commit {} of {name}", commit.short()),
            (_, _, Some(name), _) => f.write_str(name),
            (_, _, _, Some(path)) => f.write_str(path),
            _ => f.write_str("the repository"),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("retort gives no ref such a name")]
    RefName,
    #[error("this version does not know what such a ref holds, and did not look")]
    RefOfLater,
    #[error("it is no ref: {0}")]
    RefBroken(&'static str),
    #[error("it points to a {0}, not to a commit")]
    RefKind(String),
    #[error("the commit that it points to ({0}) is not in this repository")]
    RefMissing(Oid),
    #[error("its newest turn says that it is in session {0}")]
    RefSession(SessionId),
    #[error("the turn before it ({0}) is not in this repository")]
    ParentMissing(Oid),
    #[error("older turns are not here, as the clone is shallow{}", without(*.requests))]
    Shallow { requests: u64 },
    #[error("it has {0} parents; a turn continues one")]
    Parents(usize),
    #[error("it is no turn that can be read: {0}")]
    Decode(String),
    #[error("it was written by another version: {0}")]
    Version(String),
    #[error("it cannot be read: {0}")]
    Read(String),
    #[error("{turns} of its turns could not be looked at: this partial clone does not have all of them yet")]
    NotFetched { turns: u64 },
    #[error("it says that it is number {is} of its chain, and is number {should}")]
    Seq { is: u64, should: u64 },
    #[error("its committer is {is}, not {should}")]
    Committer { is: String, should: String },
    #[error("commit {0} has the same key")]
    KeyTwice(Oid),
    #[error("turn.json says otherwise than the message: {}", .0.join(", "))]
    TurnJson(Vec<String>),
    #[error("it lists a change of {0} that is not among its edits")]
    Files(String),
    #[error("files below {0}/ that nothing names")]
    Unnamed(&'static str),
    #[error("it says that a request was sent, and has none")]
    RequestMissing,
    #[error("it has a request, and does not say that one was sent")]
    RequestUnsaid,
    #[error("a part of its request is missing: {0}")]
    PartMissing(Sha256),
    #[error("request part {0} has not the length that the manifest says")]
    PartLength(Sha256),
    #[error("the request as it is stored has {} bytes and SHA-256 {}; what was sent had {} bytes and {}", .is.length, .is.sha256, .sent.length, .sent.sha256)]
    Body { is: RequestDigest, sent: RequestDigest },
    #[error("its exchange began with turn {}, which is not here", .0.short())]
    ExchangeMissing(TurnKey),
    #[error("it takes up edits of turn {}, which is not here", .0.short())]
    ExchangeElsewhere(TurnKey),
    #[error("it says that it was forked from turn {}, and stands behind turn {}", .says.short(), .is.short())]
    ForkParent { says: TurnKey, is: TurnKey },
    #[error("a session begins here behind a turn of another one, and it does not say that it is a fork")]
    ForkUnsaid,
    #[error("the turn that it was forked from ({}) is not here", .0.short())]
    ForkMissing(TurnKey),
    #[error("{turns} of its turns name commits of your code that are not here any more, such as {}", .first.short())]
    CodeMissing { turns: u64, first: Oid },
    #[error("it names {id} as a commit of your code, and that is a {kind}")]
    CodeKind { id: Oid, kind: String },
    #[error("an annotation cannot be read: {0}")]
    Record(String),
    #[error("it has no annotations")]
    Records,
    #[error("it cannot be read: {0}")]
    File(String),
    #[error("it does not say where this worktree stands: {0}")]
    Cursor(String),
    #[error("it says that this worktree stands in session {0}, which is not here")]
    CursorSession(SessionId),
    #[error("it names turn {}, which is not in that session", .0.short())]
    CursorTurn(TurnKey),
    #[error("an unfinished {0}")]
    Unfinished(&'static str),
    #[error("an unfinished turn that cannot be read: {0}")]
    UnfinishedBroken(String),
    #[error("the database has {rows} rows otherwise than the refs say, such as {first}")]
    Index { rows: usize, first: String },
    #[error("the database is damaged: {0}")]
    IndexDamaged(String),
    #[error("the database was not compared: {0}")]
    IndexUnread(String),
}

fn without(requests: u64) -> String {
    match requests {
        0 => String::new(),
        1 => "; one request cannot be put together without them".to_owned(),
        n => format!("; {n} requests cannot be put together without them"),
    }
}

impl Problem {
    /// A word for programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::RefName => "ref-name",
            Self::RefOfLater => "ref-of-later-version",
            Self::RefBroken(_) => "ref-broken",
            Self::RefKind(_) => "ref-kind",
            Self::RefMissing(_) => "ref-missing",
            Self::RefSession(_) => "ref-session",
            Self::ParentMissing(_) => "parent-missing",
            Self::Shallow { .. } => "shallow",
            Self::Parents(_) => "parents",
            Self::Decode(_) => "decode",
            Self::Version(_) => "version",
            Self::Read(_) => "read",
            Self::NotFetched { .. } => "not-fetched",
            Self::Seq { .. } => "seq",
            Self::Committer { .. } => "committer",
            Self::KeyTwice(_) => "key-twice",
            Self::TurnJson(_) => "turn-json",
            Self::Files(_) => "files",
            Self::Unnamed(_) => "unnamed-files",
            Self::RequestMissing => "request-missing",
            Self::RequestUnsaid => "request-unsaid",
            Self::PartMissing(_) => "part-missing",
            Self::PartLength(_) => "part-length",
            Self::Body { .. } => "body",
            Self::ExchangeMissing(_) => "exchange-missing",
            Self::ExchangeElsewhere(_) => "exchange-elsewhere",
            Self::ForkParent { .. } => "fork-parent",
            Self::ForkUnsaid => "fork-unsaid",
            Self::ForkMissing(_) => "fork-missing",
            Self::CodeMissing { .. } => "code-missing",
            Self::CodeKind { .. } => "code-kind",
            Self::Record(_) => "record",
            Self::Records => "records",
            Self::File(_) => "file",
            Self::Cursor(_) => "cursor",
            Self::CursorSession(_) => "cursor-session",
            Self::CursorTurn(_) => "cursor-turn",
            Self::Unfinished(_) => "unfinished",
            Self::UnfinishedBroken(_) => "unfinished-broken",
            Self::Index { .. } => "index",
            Self::IndexDamaged(_) => "index-damaged",
            Self::IndexUnread(_) => "index-unread",
        }
    }

    pub const fn level(&self) -> Level {
        match self {
            Self::RefOfLater
            | Self::ExchangeElsewhere(_)
            | Self::ForkUnsaid
            | Self::ForkMissing(_)
            | Self::CodeMissing { .. }
            | Self::Unfinished(_)
            | Self::IndexUnread(_) => Level::Note,
            Self::Shallow { .. } | Self::NotFetched { .. } | Self::Version(_) => Level::Incomplete,
            _ => Level::Error,
        }
    }

    /// What to do about it, when it was found at `place`.
    pub fn advice(&self, place: &Place) -> String {
        let name = place.reference.as_deref().unwrap_or("REF");
        let restore = "get it from where there is a copy: rt session fetch, or a backup of the repository";
        match self {
            Self::RefName | Self::RefKind(_) => {
                format!("another program made it; if nobody needs it: git update-ref -d {name}")
            }
            Self::RefBroken(_) => format!("write the commit into it that it had, or remove it: git update-ref -d {name}"),
            Self::RefMissing(_) => format!("{restore}; else remove the ref: git update-ref -d {name}"),
            Self::RefOfLater | Self::Version(_) => "a newer rt reads it".to_owned(),
            Self::Shallow { .. } => format!("fetch the rest: git fetch --unshallow REMOTE {name}"),
            Self::NotFetched { .. } => format!("fetch them: git log -p {name} > /dev/null"),
            Self::ExchangeElsewhere(_) | Self::ForkUnsaid | Self::ForkMissing(_) => {
                "nothing; it can be read and gone on with".to_owned()
            }
            Self::CodeMissing { .. } => "nothing; git drops commits that were amended or rebased away".to_owned(),
            Self::Record(_) | Self::Records | Self::RefSession(_) | Self::Parents(_) | Self::KeyTwice(_) => {
                "another program wrote it; rt goes on without it".to_owned()
            }
            Self::Cursor(_) | Self::CursorSession(_) | Self::CursorTurn(_) => {
                "choose a session again: rt session resume NAME, after removing that file if it still fails".to_owned()
            }
            Self::File(_) => "let yourself read it".to_owned(),
            Self::Unfinished(_) => "the next rt in its worktree closes it: rt status".to_owned(),
            Self::UnfinishedBroken(_) => "the next rt puts it out of the way and says where: rt status".to_owned(),
            Self::Index { .. } | Self::IndexDamaged(_) => "rt index rebuild".to_owned(),
            Self::IndexUnread(_) => "see: rt doctor".to_owned(),
            Self::ParentMissing(_) | Self::Read(_) | Self::PartMissing(_) => {
                format!("{restore}; git fsck says what else is damaged")
            }
            Self::Decode(_)
            | Self::Seq { .. }
            | Self::Committer { .. }
            | Self::TurnJson(_)
            | Self::Files(_)
            | Self::Unnamed(_)
            | Self::RequestMissing
            | Self::RequestUnsaid
            | Self::PartLength(_)
            | Self::Body { .. }
            | Self::ExchangeMissing(_)
            | Self::ForkParent { .. }
            | Self::CodeKind { .. } => "it was not written by rt, or by one with a bug: report it, please".to_owned(),
        }
    }
}
