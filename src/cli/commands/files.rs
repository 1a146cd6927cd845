//! `rt files`: the files that go along with every message.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::agent::sessions;
use crate::agent::workspace::Workspace;
use crate::session::turn::{Access, SessionState};
use crate::ui::{Style, Text};

use super::super::context::Context;
use super::super::error::Failure;

/// Choose the files that go along with every message of the session
#[derive(Debug, Args)]
#[command(
    after_help = "Files that a message names go along with that message by themselves.\n\nExamples:\n  rt files add src/page.rs\n  rt files add --read-only docs/api.md\n  rt files rm src/page.rs\n  rt files"
)]
pub struct FilesArgs {
    #[command(subcommand)]
    pub command: Option<FilesCommand>,
}

#[derive(Debug, Subcommand)]
pub enum FilesCommand {
    /// Add files to the session
    Add {
        /// The files
        #[arg(required = true)]
        paths: Vec<String>,
        /// The model may read, but not edit them
        #[arg(long)]
        read_only: bool,
    },
    /// Take files out of the session
    Rm {
        /// The files
        #[arg(required = true)]
        paths: Vec<String>,
    },
    /// List the session's files
    List,
}

pub fn run(ctx: &Context, args: &FilesArgs) -> Result<(), Failure> {
    let ws = ctx.workspace()?;
    match &args.command {
        None | Some(FilesCommand::List) => list(ctx, &ws),
        Some(FilesCommand::Add { paths, read_only }) => {
            let access = if *read_only { Access::ReadOnly } else { Access::ReadWrite };
            let tree = ws.backend.worktree().map_err(crate::agent::Error::from)?;
            let mut found = Vec::new();
            for written in paths {
                let path = ws.path(written)?;
                let there = tree.read(&path).map_err(|e| Failure::user(format!("{path}: {e}")))?;
                if there.is_none() {
                    return Err(Failure::user(format!("{path} is not a file of the repository")));
                }
                found.push(path);
            }
            drop(tree);
            change(ctx, &ws, "add", |state| {
                for path in &found {
                    state.files.insert(path.clone(), access);
                }
                found.iter().map(ToString::to_string).collect()
            })
        }
        Some(FilesCommand::Rm { paths }) => {
            let mut wanted = Vec::new();
            for written in paths {
                wanted.push(ws.path(written)?);
            }
            change(ctx, &ws, "take out", |state| {
                wanted.iter().filter(|p| state.files.remove(*p).is_some()).map(ToString::to_string).collect()
            })
        }
    }
}

fn list(ctx: &Context, ws: &Workspace) -> Result<(), Failure> {
    let start = super::start_here(ws)?;
    for (path, access) in ws.store().state(start.parent)?.files {
        if ctx.global.json {
            ctx.ui.json(&json!({ "v": 1, "path": path.to_string(), "access": access.as_str() }))?;
        } else {
            ctx.ui.line(Text::new().add(Style::Path, path.to_string()).add(Style::Dim, format!("  {}", access.as_str())))?;
        }
    }
    Ok(())
}

fn change(ctx: &Context, ws: &Workspace, verb: &str, edit: impl FnOnce(&mut SessionState) -> Vec<String>) -> Result<(), Failure> {
    let start = super::start_here(ws)?;
    let old = ws.store().state(start.parent)?;
    let mut new = old.clone();
    let named = edit(&mut new);
    if new == old {
        ctx.ui.status(Text::new().plain("nothing changed"));
        return Ok(());
    }
    let what = format!("{verb} {}", named.join(", "));
    sessions::note(ws, &start, new, &what)?;
    super::ask::after(ctx, ws);
    list(ctx, ws)
}
