//! Layer 1: settings. Merges layers, remembers where each value came from, and decides what a repository that nobody
//! has trusted yet may set. Owns toml_edit.
//!
//! Invariants
//! - [`schema::KEYS`] is the only list of keys: defaults, type checks, suggestions, docs/config.md and the JSON schema
//!   are all derived from it, so they cannot disagree.
//! - A later layer wins key by key: built-in, user, project, session, environment, command line.
//! - A value that could run a command, choose where a prompt is sent, or read a file outside the project never comes
//!   from a project that is not trusted, nor from a session, which may have been fetched from someone else.
//! - Files are read and written here and nowhere above; the home directory and the variables are handed in.
//! - No secret is held in a [`Config`], and none can be printed by accident ([`secret::Secret`]).

mod error;
mod file;
mod load;
mod markdown;
pub mod schema;
pub mod secret;
mod settings;
pub mod trust;
mod value;
mod write;

pub use error::ConfigError;
pub use file::parse;
pub use load::{Config, Entry, Layer, Origin, Sources, Template, check};
pub use settings::{
    BreakerSettings, CheckSettings, Color, CommitMode, ContextSettings, DebugSettings, DirtyMode, EditFormat, HookCommand,
    HookSettings, MessageSource, ModelSettings, OnFailure, OutputFormat, Protocol, ProviderSettings, RetrySettings,
    SessionSettings, Settings, StoreSettings, UiSettings, VcsSettings,
};
pub use value::{Value, duration_text, parse_duration};
pub use write::{changed, set};

#[cfg(test)]
mod tests;
