//! One command, one file: the arguments, whose doc comments are the help, and the function that runs it.
//!
//! Invariants
//! - A command reads through `agent` and `index` and writes through `agent`; what is shown is decided here.

pub mod apply;
pub mod ask;
pub mod completions;
pub mod config;
pub mod cost;
pub mod debug;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod files;
pub mod fsck;
pub mod index;
pub mod init;
pub mod log;
pub mod man;
pub mod model;
pub mod prompt;
pub mod redo;
pub mod replay;
pub mod retry;
pub mod session;
pub mod show;
pub mod status;
pub mod trust;
pub mod undo;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::agent::prepare::Start;
use crate::agent::store::Link;
use crate::agent::workspace::Workspace;
use crate::edit::EditFormat;

use super::context::Context;
use super::error::Failure;

/// The turn that an address means, and whether going on there is no fork.
fn place(ctx: &Context, ws: &Workspace, address: &str) -> Result<(Link, bool), Failure> {
    let place = Context::resolve(ws, &ctx.index(ws)?, address)?;
    let row = place.turn.ok_or_else(|| Failure::user(format!("{address} has no turn yet")))?;
    Ok((ws.store().link(row.oid)?, place.tip))
}

/// The forms of edits, for flags.
fn edit_formats() -> impl TypedValueParser<Value = EditFormat> {
    PossibleValuesParser::new(EditFormat::WORDS).map(|word| EditFormat::from_word(&word).unwrap_or_default())
}

/// The form in which edits are asked for and read: the flag's, else the settings'.
fn edit_format(ws: &Workspace, flag: Option<EditFormat>) -> EditFormat {
    flag.unwrap_or(ws.config.settings().model.edit_format)
}

/// Turns a command's `--no-commit` and the like into how far to go.
const fn until(no_commit: bool) -> crate::agent::exchange::Until {
    if no_commit { crate::agent::exchange::Until::Written } else { crate::agent::exchange::Until::Committed }
}

/// Where a turn without a model goes: the worktree's session, else a new one.
fn start_here(ws: &Workspace) -> Result<Start, Failure> {
    match ws.store().cursor()? {
        Some(cursor) => {
            let here = crate::agent::undo::here(ws, &cursor)?;
            ask::continue_from(ws, cursor.session, here.as_ref())
        }
        None => Ok(crate::agent::prepare::Start { parent: None, session: None, name: None, replaces: None }),
    }
}

/// An argument that says something.
pub fn not_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
}
