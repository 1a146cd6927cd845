//! `rt debug`: the value at each seam, for whoever works on retort.

use clap::{Args, CommandFactory as _, Subcommand};
use serde_json::json;

use crate::config::schema;
use crate::edit;

use super::super::args::Cli;
use super::super::context::Context;
use super::super::error::Failure;

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
            "cli.md" => Ok(ctx.ui.out(cli_markdown())?),
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

/// All commands and flags as a document.
fn cli_markdown() -> String {
    let mut top = Cli::command();
    top.build();
    let mut out = "# Command line\n\nGenerated from the program's own definitions by `cargo xtask gen`.\n".to_owned();
    section(&mut out, &mut top, "rt");
    out
}

fn section(out: &mut String, command: &mut clap::Command, name: &str) {
    let help = command.clone().term_width(100).render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    out.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim()));
    let below: Vec<String> =
        command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help").map(|c| c.get_name().to_owned()).collect();
    for child in below {
        if let Some(sub) = command.find_subcommand_mut(&child) {
            section(out, sub, &format!("{name} {child}"));
        }
    }
}
