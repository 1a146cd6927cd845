//! retort: a git-native AI pair programmer. Every model call is a turn, and every turn is a commit on a hidden ref
//! of the user's own repository.
//!
//! Invariants
//! - A module imports only modules of a lower layer (docs/architecture.md has the table, `cargo xtask tidy` checks it).
//! - The library is usable without the command line: everything that parses arguments or knows a terminal is behind the
//!   default feature `cli`.

pub mod agent;
pub mod base;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod edit;
pub mod hooks;
pub mod index;
pub mod llm;
pub mod net;
pub mod process;
pub mod project;
pub mod prompt;
pub mod session;
#[cfg(feature = "cli")]
pub mod ui;
pub mod vcs;
