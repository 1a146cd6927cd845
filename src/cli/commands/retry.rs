//! `rt retry`: stored edits again, without a model call.

use clap::Args;

use crate::agent::apply;
use crate::ui::{Style, Text};

use super::super::applied;
use super::super::context::Context;
use super::super::error::Failure;

/// Apply and commit stored edits again, without asking the model
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rt retry             the last turn\n  rt retry --partial   take the edits that fit\n  rt retry kxvq"
)]
pub struct RetryArgs {
    /// The turn whose edits to apply
    #[arg(default_value = "@")]
    pub address: String,

    /// Take the edits that fit although others did not
    #[arg(long)]
    pub partial: bool,

    /// Write the files, but do not commit
    #[arg(long)]
    pub no_commit: bool,
}

pub fn run(ctx: &Context, args: &RetryArgs) -> Result<(), Failure> {
    let ws = ctx.workspace()?;
    let (link, _) = super::place(ctx, &ws, &args.address)?;
    let start = super::start_here(&ws)?;
    let done = apply::retry(&ws, &link, &start, args.partial, super::until(args.no_commit))?;
    for reject in ws.store().turn(&link)?.edits.rejects {
        ctx.ui.status(Text::new().add(Style::Warn, "left out  ").plain(reject.reason));
    }
    applied::show(ctx, &ws, done, true)
}
