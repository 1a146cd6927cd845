//! `rt undo`: the last exchange back.

use clap::Args;

use crate::agent::undo::{Keep, Undone, undo};
use crate::ui::{Style, Text};
use crate::vcs::TakenBack;

use super::super::applied;
use super::super::context::{Context, files};
use super::super::error::Failure;

/// Take the last exchange back: its commit, its files and its place in the conversation
#[derive(Debug, Args)]
#[command(
    after_help = "Your own later work in the same files stays. A commit that a remote has is reverted by a new one.\n\nExamples:\n  rt undo\n  rt undo --keep-code   go on from the turn before, files stay\n  rt redo"
)]
pub struct UndoArgs {
    /// Leave files and branch as they are
    #[arg(long, conflicts_with = "keep_chat")]
    pub keep_code: bool,

    /// Leave the conversation as it is
    #[arg(long)]
    pub keep_chat: bool,

    /// Take back only the last turn of the exchange
    #[arg(long)]
    pub turn: bool,
}

pub fn run(ctx: &Context, args: &UndoArgs) -> Result<(), Failure> {
    let ws = ctx.workspace()?;
    if ctx.completed.get() == Some("undo") {
        // It was asked for once, and that one is done now; a second one would take back more than was meant.
        return Ok(());
    }
    let done = undo(&ws, Keep { code: args.keep_code, chat: args.keep_chat, earlier_turns: args.turn })
        .map_err(|error| Failure::of_step(error, "rt undo"))?;
    show(ctx, "took back", &done)
}

/// One line about what was done, or its JSON.
pub fn show(ctx: &Context, verb: &str, done: &Undone) -> Result<(), Failure> {
    if ctx.global.json {
        return Ok(ctx.ui.json(&applied::undone(done))?);
    }
    let subject = done.turns.last().map(|l| l.header.subject.clone()).unwrap_or_default();
    let mut line = Text::new().plain(format!("{verb} ")).add(Style::Bold, subject);
    if !done.files.is_empty() {
        line.push(Style::Plain, format!(" · {}", files(done.files.len())));
    }
    for (commit, back) in &done.commits {
        match back {
            TakenBack::Moved(Some(to)) if to == commit => {
                line.push(Style::Plain, " · committed ");
                line.push(Style::Id, commit.short());
            }
            TakenBack::Moved(Some(to)) => {
                line.push(Style::Plain, format!(" · commit {} is off the branch, which is at ", commit.short()));
                line.push(Style::Id, to.short());
            }
            TakenBack::Moved(None) => {
                line.push(Style::Plain, format!(" · commit {} is off the branch, which is empty again", commit.short()));
            }
            TakenBack::Reverted(by) => {
                line.push(Style::Plain, format!(" · commit {} is reverted by ", commit.short()));
                line.push(Style::Id, by.short());
            }
        }
    }
    Ok(ctx.ui.line(line)?)
}
