//! `rt redo`: forward again.

use clap::Args;

use crate::agent::undo::redo;

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
    let done = redo(&ws).map_err(|error| Failure::of_step(error, "rt redo"))?;
    super::undo::show(ctx, "brought back", &done)
}
