//! Hook points and the handlers that run there. The program's own steps are handlers too, and the default ones.
//!
//! Invariants
//! - A point's handlers run in the order of the configuration; an empty list switches the step off where it can be.
//! - Each built-in handler belongs to one point, so the steps of a turn keep their order: open, build, send, parse, store,
//!   apply, commit, check, record.
//! - A turn is opened and recorded whatever is configured, and nothing is written that is not stored.
//! - Without a command in the configuration, nothing here starts a process or costs anything.

mod answer;
mod command;
mod pipeline;

pub use answer::{Answer, FileText, Said, Verdict};
pub use command::{Command, Ran, Surroundings};
pub use pipeline::{HookError, Pipeline, Side};

/// A place in a turn where handlers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// A session begins or is gone on with.
    Session,
    /// The user's words are there.
    Prompt,
    /// A request is ready to be sent.
    Request,
    /// An answer is complete.
    Response,
    /// Edits were read from it.
    Plan,
    /// Edits are stored and about to be written.
    Edits,
    /// Edits are in the files.
    Commit,
    /// All is done but recording it.
    Turn,
}

impl Point {
    /// All points, in the order of a turn.
    pub const ALL: [Self; 8] =
        [Self::Session, Self::Prompt, Self::Request, Self::Response, Self::Plan, Self::Edits, Self::Commit, Self::Turn];

    /// The configuration's spelling, `hooks.<name>`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Prompt => "prompt",
            Self::Request => "request",
            Self::Response => "response",
            Self::Plan => "plan",
            Self::Edits => "edits",
            Self::Commit => "commit",
            Self::Turn => "turn",
        }
    }
}

/// A step of the program itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// Begin a session or go on with one.
    Open,
    /// Make the request.
    Build,
    /// Send it and take the answer.
    Send,
    /// Read the edits from the answer.
    Parse,
    /// Keep them, with the bytes before and after, before any file changes.
    Store,
    /// Write the files.
    Apply,
    /// Commit on the user's branch.
    Commit,
    /// Run the project's own checks on what was written.
    Check,
    /// Record the turn.
    Record,
}

impl Builtin {
    const ALL: [Self; 9] =
        [Self::Open, Self::Build, Self::Send, Self::Parse, Self::Store, Self::Apply, Self::Commit, Self::Check, Self::Record];

    /// The configuration's spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Build => "build",
            Self::Send => "send",
            Self::Parse => "parse",
            Self::Store => "store",
            Self::Apply => "apply",
            Self::Commit => "commit",
            Self::Check => "check",
            Self::Record => "record",
        }
    }

    /// The point at which it can run.
    pub const fn point(self) -> Point {
        match self {
            Self::Open => Point::Session,
            Self::Build => Point::Prompt,
            Self::Send => Point::Request,
            Self::Parse => Point::Response,
            Self::Store => Point::Plan,
            Self::Apply => Point::Edits,
            Self::Commit => Point::Commit,
            Self::Check | Self::Record => Point::Turn,
        }
    }

    /// The step of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|builtin| builtin.name() == name)
    }
}

/// One entry of a point's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handler {
    /// A step of the program.
    Builtin(Builtin),
    /// A command of the user.
    Command(CommandId),
}

/// Which command, and where in which list it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommandId {
    pub point: Point,
    /// The place in the point's list, from 0.
    pub at: u16,
}

impl Handler {
    /// The point at which it runs.
    pub const fn point(self) -> Point {
        match self {
            Self::Builtin(builtin) => builtin.point(),
            Self::Command(command) => command.point,
        }
    }
}
