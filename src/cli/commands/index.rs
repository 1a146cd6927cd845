//! `rt index`: the database that lists and searches are answered from.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::ui::{Style, Text};

use super::super::context::{Context, counted};
use super::super::error::{Failure, REJECTED};

/// Make the search database anew, or check it
#[derive(Debug, Args)]
#[command(
    after_help = "The database holds nothing that is not in the repositories; it can be deleted at any time.\n\nExamples:\n  rt index check\n  rt index rebuild"
)]
pub struct IndexArgs {
    #[command(subcommand)]
    pub command: IndexCommand,
}

#[derive(Debug, Subcommand)]
pub enum IndexCommand {
    /// Make this repository's part anew from its refs
    Rebuild,
    /// Compare it with the refs, row by row
    Check,
}

pub fn run(ctx: &Context, args: &IndexArgs) -> Result<(), Failure> {
    let ws = ctx.workspace()?;
    let mut index = ctx.open_index(&ws)?;
    match args.command {
        IndexCommand::Rebuild => {
            let report = index.rebuild(&*ws.backend)?;
            if let Some(notice) = report.notice {
                ctx.ui.warn(&notice);
            }
            if ctx.global.json {
                return Ok(ctx.ui.json(&json!({ "v": 1, "read": report.read, "unreadable": report.unreadable }))?);
            }
            let bad = if report.unreadable > 0 { format!(", {} unreadable", report.unreadable) } else { String::new() };
            Ok(ctx.ui.line(format!("read {}{bad}", counted(report.read as u64, "turn")))?)
        }
        IndexCommand::Check => {
            index.sync(&*ws.backend)?;
            let mismatches = index.check(&*ws.backend)?;
            for m in &mismatches {
                let side = format!("{:?}", m.side).to_lowercase();
                if ctx.global.json {
                    ctx.ui.json(&json!({ "v": 1, "table": m.table, "side": side, "row": m.row }))?;
                } else {
                    ctx.ui.line(Text::new().add(Style::Bad, format!("{side} ")).plain(format!("{}: {}", m.table, m.row)))?;
                }
            }
            if mismatches.is_empty() {
                if !ctx.global.json {
                    ctx.ui.line("the index says what the refs say")?;
                }
                return Ok(());
            }
            Err(Failure::user(format!("{} rows differ", mismatches.len())).hint("rt index rebuild").code(REJECTED))
        }
    }
}
