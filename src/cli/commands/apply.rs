//! `rt apply`: an answer from anywhere as a turn.

use clap::Args;

use crate::agent::exchange::Until;
use crate::agent::prepare::Start;
use crate::agent::{Error, apply, review};
use crate::base::change::ChangeSet;
use crate::edit::EditFormat;

use super::super::applied;
use super::super::context::Context;
use super::super::error::{Failure, INTERRUPTED};
use super::super::review::Person;
use super::ask;

/// Take an answer from anywhere: read its edits, apply and commit them
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rt apply answer.md\n  xclip -o | rt apply\n  rt apply --no-commit < answer.md")]
pub struct ApplyArgs {
    /// The file with the answer; `-` or nothing reads standard input
    pub file: Option<String>,

    /// How its edits are written
    #[arg(long, value_parser = super::edit_formats(), value_name = "FORMAT")]
    pub edit_format: Option<EditFormat>,

    /// Read and store the edits, but write no file
    #[arg(long)]
    pub dry_run: bool,

    /// Write the files, but do not commit
    #[arg(long)]
    pub no_commit: bool,

    /// Look at each change before it is written, and take it, leave it out or edit it
    #[arg(long, conflicts_with = "dry_run")]
    pub review: bool,

    /// Begin a new session
    #[arg(short, long)]
    pub new: bool,
}

pub fn run(ctx: &Context, args: &ApplyArgs) -> Result<(), Failure> {
    let mut person = args.review.then(|| Person::at_terminal(ctx)).transpose()?;
    let text = match args.file.as_deref().filter(|f| *f != "-") {
        Some(file) => ctx.read_file(file)?,
        None => ctx.read_input()?,
    };
    if text.trim().is_empty() {
        return Err(Failure::usage("there is nothing to apply: the answer is empty"));
    }
    let ws = ctx.workspace_for_turn(Vec::new())?;
    let start = if args.new { Start::fresh() } else { super::start_here(&ws)? };
    let format = super::edit_format(&ws, args.edit_format);
    let until = if args.dry_run { Until::Stored } else { super::until(args.no_commit) };
    let mut look = |changes: &ChangeSet| {
        let Some(person) = &mut person else { return Err(Error::Bug("nobody looks".to_owned())) };
        let looked = ask::block_on(async {
            tokio::select! {
                looked = review::review(changes, person) => looked.map_err(Error::Review),
                () = ask::interrupted(&ctx.ui) => Err(Error::Interrupted),
            }
        });
        let looked = looked.map_err(|failure| Error::Bug(failure.report.error))??;
        applied::reviewed(ctx, &ws, &looked);
        Ok(looked)
    };
    let look = args.review.then_some(&mut look as apply::Look<'_>);
    let done = apply::answer(&ws, &text, format, &start, until, look).map_err(|error| match error {
        // There is no turn yet.
        Error::Interrupted => Failure::user("interrupted").hint("nothing was written or kept").code(INTERRUPTED),
        other => other.into(),
    })?;
    let read = crate::edit::parse(format, &[], &text, true);
    applied::show(ctx, &ws, done, !read.edits.is_empty() || !read.issues.is_empty())
}
