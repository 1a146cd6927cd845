//! From any error to what the user reads and what the shell gets: the one place where sentences, advice and exit codes are
//! chosen.
//!
//! Exit codes: 0 done, 1 user or configuration error, 2 usage, 3 broken pipe, 4 provider failed, 5 edits rejected or checks
//! failed, 6 permission denied, 130 interrupted, 255 bug.
//!
//! Invariants
//! - What went wrong, where, and what to do; a cause is shown once.

use crate::agent::Error;
use crate::agent::local;
use crate::agent::store::StoreError;
use crate::config::schema::built_in_providers;
use crate::index::{IndexError, ResolveError};
use crate::llm::{Fault, LlmError};
use crate::prompt::PromptError;
use crate::session::address::BadAddress;
use crate::ui::{OutputError, Report};
use crate::vcs::VcsError;

/// Why a command failed, ready to be shown.
#[derive(Debug)]
pub struct Failure {
    pub report: Report,
    pub code: u8,
}

pub const USER: u8 = 1;
pub const USAGE: u8 = 2;
pub const PIPE: u8 = 3;
pub const PROVIDER: u8 = 4;
pub const REJECTED: u8 = 5;
pub const DENIED: u8 = 6;
pub const INTERRUPTED: u8 = 130;
pub const BUG: u8 = 255;

impl Failure {
    /// The user's own mistake, or a state that the user can change.
    pub fn user(error: impl Into<String>) -> Self {
        Self { report: Report { error: error.into(), ..Report::default() }, code: USER }
    }

    /// A command line that cannot be read.
    pub fn usage(error: impl Into<String>) -> Self {
        Self { code: USAGE, ..Self::user(error) }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.report.hints.push(hint.into());
        self
    }

    /// Of a step that went back when it failed: it is tried again by `command`, and no edits wait for `rt retry`.
    pub fn of_step(error: Error, command: &str) -> Self {
        let said = Self::user(error.to_string()).code(REJECTED);
        match error {
            Error::Vcs(VcsError::IndexLocked(_)) => said.hint(format!("if no git is running, remove that file, then: {command}")),
            Error::Vcs(VcsError::CommitRefused(_) | VcsError::InProgress(_) | VcsError::FileChanged(_))
            | Error::NothingCommitted(_) => said.hint(format!("the files are as before; once that is mended: {command}")),
            Error::OnlyFirst { .. } => said.hint(format!("once that is mended: {command}")),
            Error::Vcs(VcsError::Conflict(_)) if command == "rt undo" => said
                .hint("nothing was changed. Lines of yours that are not committed: commit or stash them, then: rt undo")
                .hint("lines that a later commit changed: take them back yourself (see: rt diff), then: rt undo --keep-code"),
            other => other.into(),
        }
    }

    #[must_use]
    pub fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        match error {
            OutputError::BrokenPipe => Self::user(error.to_string()).code(PIPE),
            OutputError::Io(_) => Self::user(error.to_string()),
        }
    }
}

impl From<BadAddress> for Failure {
    fn from(error: BadAddress) -> Self {
        Self::usage(error.to_string())
            .hint("addresses: @ · @~2 · a session's name · name/3 · the first letters of a turn or session id")
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        let text = error.to_string();
        match error {
            ResolveError::Index(e) => e.into(),
            ResolveError::NoCursor => Self::user(text).hint("begin one with: rt -m \"…\"   or see: rt session list"),
            _ => Self::user(text).hint("see: rt session list   rt log --all"),
        }
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Vcs(e) => e.into(),
            other => Self::user(other.to_string()).hint("the index can be made anew at any time: rt index rebuild"),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::Vcs(e) => e.into(),
            StoreError::File { source, .. } => no_room(Self::user(text), &source),
            StoreError::Incomplete { .. } => Self::user(error.to_string()).hint("fetch the rest of the session: rt session fetch"),
            StoreError::Cursor { .. } => {
                Self::user(error.to_string()).hint("remove that file and choose a session again: rt session resume NAME")
            }
            StoreError::Decode { .. } => Self::user(text),
        }
    }
}

impl From<VcsError> for Failure {
    fn from(error: VcsError) -> Self {
        let failure = Self::user(error.to_string());
        match error {
            VcsError::NotARepository(_) => failure.hint("go to your project's directory, or begin one with: git init"),
            VcsError::IndexLocked(path) => failure
                .hint("if no git is running, remove that file, then: rt retry")
                .hint(format!("the file: {}", path.display()))
                .code(REJECTED),
            VcsError::InProgress(what) => {
                failure.hint(format!("finish or abort the {what}, then commit what is in the files with: rt retry")).code(REJECTED)
            }
            VcsError::NoIdentity => {
                failure.hint("git config --global user.name \"Your Name\" · git config --global user.email you@example.com")
            }
            VcsError::CommitRefused(_) => failure
                .hint("the edits are in the files; when the hook is content: rt retry   or take them back: rt undo")
                .code(REJECTED),
            VcsError::FileChanged(_) => failure.hint("nothing was written; try again with: rt retry").code(REJECTED),
            VcsError::BadTarget(..) => failure.hint("nothing was written").code(REJECTED),
            VcsError::Conflict(_) => failure.hint("nothing was changed; commit or stash your own lines there first").code(REJECTED),
            VcsError::Moved { .. } => failure.hint("another process was faster; try again"),
            VcsError::Unsupported { what, .. } if what.contains("home directory") => {
                failure.hint("go to your project's directory, or begin one with: git init")
            }
            VcsError::Io { source, .. } | VcsError::Storage { source, .. } => no_room(failure, &source),
            _ => failure,
        }
    }
}

impl From<LlmError> for Failure {
    fn from(error: LlmError) -> Self {
        let failure = Self::user(error.to_string()).code(PROVIDER);
        match error.fault {
            Fault::Auth => failure.hint("the provider does not accept the key; check the variable that holds it"),
            Fault::NotRecorded => {
                failure.hint("nothing was sent; to record it too, run the same without RT_REPLAY and with: RT_RECORD=DIR")
            }
            Fault::QuotaUsedUp => failure.hint("waiting a moment does not help; use another model: --model"),
            Fault::Overloaded { .. } | Fault::RateLimited { .. } => {
                failure.hint("try again later, or let another model stand in: rt config set model.fallback provider/model")
            }
            Fault::NotFound => failure.hint("check the model's name: rt -m … --model provider/model"),
            Fault::ContextTooLong => failure.hint("begin a new session with: rt -n -m \"…\", or give fewer files"),
            Fault::Transport => failure.hint("is the address right, and is there a connection? rt config show --origin"),
            Fault::Idle | Fault::Cut => failure.hint("what arrived is kept: rt show   ask again with: rt -c -m \"…\""),
            _ => failure,
        }
    }
}

/// What to do when a place cannot be written.
fn no_room(failure: Failure, why: &std::io::Error) -> Failure {
    use std::io::ErrorKind as Kind;
    match why.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => failure
            .hint("the disk is full; what arrived is kept. Make room, then try again: the next command closes what is unfinished"),
        Kind::ReadOnlyFilesystem | Kind::PermissionDenied => {
            failure.hint("a turn needs to be written there before anything is sent; reading works: rt log, rt show")
        }
        _ => failure,
    }
}

/// Every way to get a model, in a few lines.
fn no_model(tried: &[String]) -> Failure {
    let servers = if tried.is_empty() {
        "none is named in model.local_servers".to_owned()
    } else {
        format!("none answers at {}", tried.join(", "))
    };
    Failure::user("no model is set up")
        .hint("a key: export GEMINI_API_KEY=…  (or GOOGLE_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY, XAI_API_KEY; none of them is set)")
        .hint("or keep one: rt model login anthropic   where claude is installed: --model claude-code/sonnet")
        .hint(format!("a local server: {servers}   start one: rt model scan, rt model serve NAME"))
        .hint("any other server: rt config set providers.NAME.kind openai, and providers.NAME.base_url")
        .hint("no key at all: rt -m \"…\" --model manual  (paste the prompt into any chat), or see it work: rt demo")
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let user = || Self::user(text.clone());
        match error {
            Error::Vcs(e) => e.into(),
            Error::Store(e) => e.into(),
            Error::Llm(e) => e.into(),
            Error::Config(e) => {
                let hint = e.hint();
                let failure = Self::user(e.to_string());
                hint.into_iter().fold(failure, Self::hint)
            }
            Error::Prompt(PromptError::TooLong { .. }) => user().hint("give fewer files, or begin a new session: rt -n -m \"…\""),
            Error::Prompt(PromptError::NotText { .. }) => {
                user().hint("only text files can be sent; leave it out: rt files rm PATH")
            }
            Error::NoModel { tried } => no_model(&tried),
            Error::CheckFailed { turn, .. } => user()
                .hint(format!(
                    "the edits stay; more of what it printed: rt show {}   take the whole exchange back: rt undo",
                    turn.short()
                ))
                .code(REJECTED),
            Error::NoKey { provider, .. } => user()
                .hint("set one of them, or choose another model: --model, rt config set model.default")
                .hint(format!("or keep a key here: rt model login {provider}")),
            Error::KeyCommand { provider, .. } => user()
                .hint(format!("the command: rt config get providers.{provider}.key_command   docs/keys.md says what it may do")),
            Error::UnknownModel(_) => {
                user().hint("a model is provider/model (gemini/flash, claude-code/sonnet) or a short name such as flash, pro, sonnet, opus, gpt").hint("which there are: rt model list --all")
            }
            Error::UnknownProvider(name) => {
                user().hint(format!("the built-in ones are {}", built_in_providers().collect::<Vec<_>>().join(", "))).hint(format!(
                    "for a server of your own: rt config set providers.{name}.kind openai, and providers.{name}.base_url"
                ))
            }
            Error::NoCommand(name) => user().hint(format!("rt config set providers.{name}.command '[\"program\", \"argument\"]'")),
            Error::NoSummary => {
                user().hint("the conversation is as it was; another model may do it: rt session compact --model").code(PROVIDER)
            }
            Error::NotShown { .. } => user().hint("choose another model: --model   or leave the file out: rt files rm PATH"),
            Error::RecordsAndReplays => user().hint("what is replayed is recorded already; unset one of them"),
            Error::NotAsSent(_) => {
                user().hint("another model can be sent what is left of it: rt replay TURN --model provider/model")
            }
            Error::NoPerson => user().hint("rt -m \"…\" --show-prompt prints the request; rt apply FILE takes an answer"),
            Error::LeftAlone { ref provider, .. } => user()
                .hint(format!("nothing was sent; ask all the same: --config providers.{provider}.breaker.failures=0"))
                .hint("ask another model: --model, or by itself from now on: rt config set model.fallback provider/model")
                .code(PROVIDER),
            Error::OverBudget { .. } => user()
                .hint("this request was not sent; allow more: --max-cost USD   or send less: fewer files, a new session (rt -n)"),
            Error::Slots { source, .. } => no_room(user(), &source).hint("without a limit: providers.NAME.concurrency = 0"),
            Error::HistoryTooLong { .. } => user().hint("begin a new session: rt -n -m \"…\"   or raise context.history_tokens"),
            Error::CutAtLimit => user().hint("ask for less at once, or go on: rt -c -m \"go on\"").code(PROVIDER),
            Error::Refused(_) => user().code(PROVIDER),
            Error::Interrupted => user().hint("what arrived is kept: rt show").code(INTERRUPTED),
            Error::Dirty(_) | Error::NotFirst(_) => user().hint("commit or stash them, then: rt retry").code(REJECTED),
            Error::OnlyFirst { commit, .. } => user()
                .hint(format!("a hook of the repository may have changed them on the way: git show {}", commit.short()))
                .hint("write the edits after them: rt retry")
                .code(REJECTED),
            Error::NothingCommitted(_) => {
                user().hint("the edits are in the files; commit them yourself, or take them back: rt undo").code(REJECTED)
            }
            Error::NoLongerFits { .. } => user().hint("the files changed since; ask again: rt -c -m \"…\"").code(REJECTED),
            Error::Partial { held: false, .. } => user().hint("nothing of it fits; why: rt show").code(REJECTED),
            Error::Partial { .. } => user().hint("take the edits that fit: rt retry --partial   or look: rt show").code(REJECTED),
            Error::NothingFits { .. } => user()
                .hint(
                    "what did not fit: rt show   ask in other words: rt -c -m \"…\"   let it try more often: check.max_reflections",
                )
                .code(REJECTED),
            Error::GivenUp { written: true, .. } => user()
                .hint("the others are written; what was given up: rt show   take the whole exchange back: rt undo")
                .code(REJECTED),
            Error::GivenUp { .. } => user().hint("nothing was written; what was given up: rt show").code(REJECTED),
            Error::HoldsSecret(_) => {
                user().hint("nothing was written; take the secret out of the file, or out of the answer, first").code(REJECTED)
            }
            Error::WouldSend { .. } => {
                user().hint("begin a new session: rt -n -m \"…\"   or, if it is no secret, unset that variable")
            }
            // Nothing was begun, so there is no turn to look at.
            Error::Blocked { point: "session" | "prompt", .. } => {
                user().hint("nothing was sent; what the hooks are: rt config show --origin").code(DENIED)
            }
            Error::Blocked { .. } => {
                user().hint("what the hooks are: rt config show --origin   what was done: rt show").code(DENIED)
            }
            Error::NothingHeld(_) => user().hint("see what it did: rt show"),
            Error::NothingToUndo => user().hint("see: rt log"),
            Error::NoCode(_) => user().hint("fetch the branch that the session worked on, then try again"),
            Error::NoSession => user().hint("begin one: rt -m \"…\""),
            Error::NameTaken(_) => user().hint("see: rt session list --all"),
            Error::OutsideRepository(_) => user().hint("only files inside the repository can be given"),
            Error::Unfinished { source, .. } => no_room(user(), &source),
            Error::Bug(_) => user().code(BUG),
            other => {
                let mut failure = Self::user(other.to_string());
                failure.report.causes = causes(&other, &failure.report.error);
                failure
            }
        }
    }
}

impl From<local::Error> for Failure {
    fn from(error: local::Error) -> Self {
        let failure = Self::user(error.to_string());
        match error {
            local::Error::Ended { log, .. } => failure.hint(format!("all that it printed: {}", log.display())).code(PROVIDER),
            local::Error::Answer { .. } => failure.hint("which servers are there: rt model scan").code(PROVIDER),
            local::Error::Interrupted => failure.code(INTERRUPTED),
            local::Error::Busy { .. } => failure.hint("see: rt model ps   or choose another port: --port"),
            local::Error::CannotStart { .. } => failure.hint("is it llama.cpp's server? rt config get model.llama_server"),
            local::Error::StillThere { .. } => failure.hint("look at the process yourself; nothing else was touched"),
            local::Error::File { .. } => failure,
        }
    }
}

/// Causes that say something which the error itself does not.
fn causes(error: &dyn std::error::Error, shown: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !shown.contains(&text) && !out.contains(&text) {
            out.push(text);
        }
        next = cause.source();
    }
    out
}
