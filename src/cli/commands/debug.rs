//! `rt debug`: the value at each seam, for whoever works on retort.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::config::schema;
use crate::edit;

use super::super::context::Context;
use super::super::error::Failure;
use super::super::reference;

/// Look at the values between the steps
#[derive(Debug, Args)]
pub struct DebugArgs {
    #[command(subcommand)]
    pub command: DebugCommand,
}

#[derive(Debug, Subcommand)]
pub enum DebugCommand {
    /// Print a generated document: cli.md, config.md or config.schema.json
    Gen {
        /// Which one
        what: String,
    },
    /// Read an answer on standard input and print the edits in it as JSON
    Reply,
    /// Print the stored files of a turn as JSON
    Turn {
        /// The turn
        #[arg(default_value = "@")]
        address: String,
    },
}

pub fn run(ctx: &Context, args: &DebugArgs) -> Result<(), Failure> {
    match &args.command {
        DebugCommand::Gen { what } => match what.as_str() {
            "cli.md" => Ok(ctx.ui.out(reference::markdown())?),
            "config.md" => Ok(ctx.ui.out(schema::markdown())?),
            "config.schema.json" => {
                let text = serde_json::to_string_pretty(&schema::json_schema()).unwrap_or_default();
                Ok(ctx.ui.line(text)?)
            }
            other => Err(Failure::usage(format!("there is no document {other:?}")).hint("cli.md, config.md, config.schema.json")),
        },
        DebugCommand::Reply => {
            let bytes = ctx.ui.read_input().map_err(|e| Failure::user(format!("standard input cannot be read: {e}")))?;
            let plan = edit::parse(edit::EditFormat::Auto, &[], &String::from_utf8_lossy(&bytes), true);
            for one in &plan.edits {
                let op = match &one.op {
                    edit::Op::Replace(_) => "replace",
                    edit::Op::Write { .. } => "write",
                    edit::Op::Delete => "delete",
                };
                ctx.ui.json(&json!({ "path": one.path_text(), "op": op, "source": one.source }))?;
            }
            for issue in &plan.issues {
                ctx.ui.json(&json!({ "issue": issue.line() }))?;
            }
            Ok(ctx.ui.json(&json!({ "message": plan.message, "prose": plan.prose }))?)
        }
        DebugCommand::Turn { address } => {
            let ws = ctx.workspace()?;
            let (link, _) = super::place(ctx, &ws, address)?;
            let parts = crate::session::codec::encode(&ws.store().turn(&link)?);
            ctx.ui.raw(&parts.message)?;
            for (path, bytes) in &parts.files {
                ctx.ui.json(&json!({ "path": path, "bytes": bytes.len(), "text": std::str::from_utf8(bytes).ok() }))?;
            }
            Ok(())
        }
    }
}
