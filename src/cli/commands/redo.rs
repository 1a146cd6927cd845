//! `rt redo`: forward again.

use clap::Args;

use crate::agent::Error;
use crate::agent::undo::redo;
use crate::vcs::VcsError;

use super::super::context::Context;
use super::super::error::Failure;

/// Bring the last undone exchange back
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rt undo\n  rt redo")]
pub struct RedoArgs {}

pub fn run(ctx: &Context, _: &RedoArgs) -> Result<(), Failure> {
    let ws = ctx.workspace()?;
    if ctx.completed.get() == Some("redo") {
        return Ok(());
    }
    let done = redo(&ws).map_err(|error| {
        let nothing_happened =
            matches!(&error, Error::Vcs(VcsError::CommitRefused(_) | VcsError::InProgress(_)) | Error::NothingCommitted(_));
        let failure = Failure::from(error);
        let hint = "files and branch are as before; once that is mended, bring the exchange back: rt redo";
        if nothing_happened { failure.only_hint(hint) } else { failure }
    })?;
    super::undo::show(ctx, "brought back", &done)
}
