//! Everything that an action can fail with.
//!
//! Invariants
//! - A variant exists where a caller (the command line) says something of its own or chooses an exit code; texts say what
//!   and where, the advice is added by the command line.

use std::io;
use std::path::{Path, PathBuf};

use crate::base::clock::Timestamp;
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::base::money::{Tokens, Usd};
use crate::base::path::RepoPath;
use crate::config::ConfigError;
use crate::hooks::HookError;
use crate::llm::LlmError;
use crate::llm::catalog::CatalogError;
use crate::prompt::{PromptError, TemplateError};
use crate::session::codec::DecodeError;
use crate::vcs::{VcsError, Withheld};

use super::store::StoreError;

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Vcs(#[from] VcsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Hook(#[from] HookError),
    #[error(transparent)]
    Prompt(#[from] PromptError),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Llm(#[from] LlmError),
    /// `debug.record` and `debug.replay`.
    #[error("debug.record (RT_RECORD) and debug.replay (RT_REPLAY) are both set")]
    RecordsAndReplays,
    /// It is a note, or applied edits.
    #[error("turn {} asked no model", .0.short())]
    AskedNothing(TurnKey),
    /// A secret was taken out of it later.
    #[error("the stored request of turn {} is not what was sent: something was taken out of it", .0.short())]
    NotAsSent(TurnKey),
    /// An unfinished turn's directory cannot be written or read.
    #[error("{path}: {source}")]
    Unfinished { path: String, source: io::Error },
    #[error("an unfinished turn cannot be read: {0}")]
    UnfinishedTurn(#[from] DecodeError),
    #[error("{what} cannot be read: {source}")]
    Read { what: String, source: io::Error },
    #[error("{0} is outside the repository")]
    OutsideRepository(String),
    /// No provider has a key, and no server of this machine answers.
    #[error("no model is set up")]
    NoModel { tried: Vec<String> },
    #[error("{0:?} is not a model")]
    UnknownModel(String),
    #[error("there is no provider {0:?}")]
    UnknownProvider(String),
    #[error("the provider {0} is of the kind \"command\", and providers.{0}.command is not set")]
    NoCommand(String),
    /// The user's own file about models.
    #[error("{path}: {source}")]
    Catalog { path: String, source: CatalogError },
    #[error("{model} cannot be shown {path}: it takes no such files")]
    NotShown { model: String, path: RepoPath },
    #[error("there is no conversation yet that could be summed up")]
    NothingToCompact,
    #[error("the model gave no summary")]
    NoSummary,
    /// A project's settings name it, and they are not those that were trusted.
    #[error("the model's command does not run: {0}")]
    NotTrusted(String),
    /// Without what it printed.
    #[error("the key_command of {provider} {how}")]
    KeyCommand { provider: String, how: String },
    #[error("{provider} needs a key, and none of these variables is set: {}", names.join(", "))]
    NoKey { provider: String, names: Vec<String> },
    /// `manual` without someone to paste.
    #[error("the provider manual needs someone at a terminal, or an answer on standard input")]
    NoPerson,
    /// The breaker of its provider is open.
    #[error("{provider} failed several times in a row and is not asked before {until} ({})", seconds_left(until.millis() - now.millis()))]
    LeftAlone { provider: String, until: Timestamp, now: Timestamp },
    /// A model that was to stand in for itself.
    #[error("it is the model that does not answer")]
    SameModel,
    #[error("the request has {tokens} tokens, and it takes {window}")]
    WindowTooSmall { tokens: Tokens, window: Tokens },
    /// `model.max_cost`.
    #[error(
        "the next request costs about ${next}, and the exchange ${spent} so far: together that is more than model.max_cost allows (${limit})"
    )]
    OverBudget { limit: Usd, spent: Usd, next: Usd },
    /// `providers.<name>.concurrency`.
    #[error("the calls that run at once cannot be counted: {}: {source}", path.display())]
    Slots { path: PathBuf, source: io::Error },
    #[error("the conversation so far takes {used} tokens, more than context.history_tokens allows ({limit})")]
    HistoryTooLong { used: Tokens, limit: Tokens },
    #[error("the answer reached the model's length limit and is cut off; its edits were not written")]
    CutAtLimit,
    #[error("the model refused: {0}")]
    Refused(String),
    #[error("interrupted")]
    Interrupted,
    /// `vcs.dirty = "refuse"`.
    #[error("{} {} uncommitted changes, and vcs.dirty is \"refuse\"", list(.0), if .0.len() == 1 { "has" } else { "have" })]
    Dirty(Vec<RepoPath>),
    /// `vcs.dirty = "commit-first"`, and git's index does not let it.
    #[error("your own changes of {} cannot be committed first", list(.0))]
    NotFirst(Vec<RepoPath>),
    /// `vcs.dirty = "commit-first"`: that was done, but the edits could not be written after it.
    #[error("your own lines of {} are committed in {}, but the edits are not in the files: {why}", list(files), commit.short())]
    OnlyFirst { commit: Oid, files: Vec<RepoPath>, why: VcsError },
    #[error("nothing was committed: {}", withheld(.0))]
    NothingCommitted(Vec<(RepoPath, Withheld)>),
    /// There is nothing stored that could be applied.
    #[error("turn {} has no edits that wait to be applied", .0.short())]
    NothingHeld(TurnKey),
    #[error("edits of turn {} do not fit the files any more: {}", turn.short(), list(paths))]
    NoLongerFits { turn: TurnKey, paths: Vec<RepoPath> },
    /// Some edits of the turn were rejected, and it was not said to take the rest.
    #[error("{} {} of turn {} did not fit", rejects, if *rejects == 1 { "edit" } else { "edits" }, turn.short())]
    Partial { turn: TurnKey, rejects: usize, held: bool },
    /// The model was asked as often as it may be, and nothing of its answers can be written.
    #[error("no answer fits; {} of the last one {} not, and nothing was written", if *rejects == 1 { "1 edit".to_owned() } else { format!("{rejects} edits") }, if *rejects == 1 { "does" } else { "do" })]
    NothingFits { rejects: usize },
    /// The model left them out when it was asked again.
    #[error("{} {} given up: {}", edits.len(), if edits.len() == 1 { "edit" } else { "edits" }, first(edits))]
    GivenUp { edits: Vec<String>, written: bool },
    /// The user could not be asked.
    #[error("the review cannot go on: {0}")]
    Review(io::Error),
    /// A command of `check.lint` or `check.test`.
    #[error("{command} {how}")]
    CheckFailed { command: String, how: String, turn: TurnKey },
    /// The content of a file with a secret is never stored.
    #[error("{0} holds a secret of your environment: its content is not stored, so it is not changed")]
    HoldsSecret(RepoPath),
    /// A request is never sent with one in it.
    #[error("the request would hold a secret of your environment, {secret}, in its part {part}; nothing was sent")]
    WouldSend { secret: String, part: String },
    #[error("a name or setting with a secret of your environment is not kept")]
    KeepsSecret,
    #[error("there is nothing to undo")]
    NothingToUndo,
    #[error("the session is as long as a session can be; begin a new one")]
    ChainTooLong,
    #[error("there is nothing to redo")]
    NothingToRedo,
    /// Nothing in the repository has the code that a turn began with.
    #[error("the code of turn {} is not in this repository", .0.short())]
    NoCode(TurnKey),
    #[error("this worktree has no session yet")]
    NoSession,
    #[error("session {0} has no turns")]
    EmptySession(SessionId),
    #[error("{0}")]
    BadName(#[from] crate::session::meta::BadName),
    #[error("a session is already called {0:?}")]
    NameTaken(String),
    #[error("there is no remote {0:?}")]
    NoRemote(String),
    /// A command of the user's says no.
    #[error("the hook {hook} at {point} says no: {why}")]
    Blocked { point: &'static str, hook: String, why: String },
    /// A state that cannot be.
    #[error("bug: {0}")]
    Bug(String),
}

/// How long it still is, in seconds.
fn seconds_left(millis: i64) -> String {
    format!("{} s", (millis.max(0) + 999) / 1000)
}

impl Error {
    /// An I/O error of an unfinished turn's directory.
    pub(super) fn unfinished(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path: PathBuf = path.join("retort").join("wal");
        move |source| Self::Unfinished { path: path.display().to_string(), source }
    }
}

fn list(paths: &[RepoPath]) -> String {
    paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The first few of these lines.
fn first(lines: &[String]) -> String {
    let mut out = lines.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
    if lines.len() > 3 {
        out.push_str(&format!("; and {} more", lines.len() - 3));
    }
    out
}

fn withheld(files: &[(RepoPath, Withheld)]) -> String {
    if files.is_empty() {
        return "the branch has these edits already".to_owned();
    }
    files.iter().map(|(path, w)| format!("{path} ({})", w.reason())).collect::<Vec<_>>().join(", ")
}
