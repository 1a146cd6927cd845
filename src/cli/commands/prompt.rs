//! `rt prompt`: what the next message would send.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::agent::Error;
use crate::agent::exchange::check_request;
use crate::agent::models::{self, Model, Special};
use crate::agent::prepare::{self, Extra, Message};
use crate::llm::{self, Echo};
use crate::ui::{Style, Table, Text};

use super::super::context::Context;
use super::super::error::Failure;

/// See what the next message would send
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rt prompt show\n  rt prompt show \"fix src/page.rs\"   with the files that this message names"
)]
pub struct PromptArgs {
    #[command(subcommand)]
    pub command: PromptCommand,
}

#[derive(Debug, Subcommand)]
pub enum PromptCommand {
    /// Show the parts of the next request with their tokens
    Show {
        /// The message that it would be for
        #[arg(default_value = "…")]
        message: String,
        /// Let the provider count the whole; it is sent the request, and answers with the number only
        #[arg(long)]
        count: bool,
    },
}

pub fn run(ctx: &Context, args: &PromptArgs) -> Result<(), Failure> {
    let PromptCommand::Show { message, count } = &args.command;
    let mut ws = ctx.workspace()?;
    let start = super::start_here(&ws)?;
    // Without a model the parts are the same; only the exact bytes depend on who is asked.
    let wanted = ws.config.settings().model.default.clone();
    let model = if *count {
        super::ask::model(ctx, &mut ws, &wanted)?
    } else {
        let model = models::parse(&ws, &wanted).and_then(|id| models::open(&ws, id, Special::default()));
        model.unwrap_or_else(|_| Model::plain(Box::new(Echo)))
    };
    let format = super::edit_format(&ws, None);
    let message = Message { text: message.clone(), stdin: None, files: Vec::new(), start, model: model.id.clone(), format };
    let prepared = prepare::first(&ws, &message, &Extra::default(), &model)?;
    let counted = if *count {
        check_request(&ws, &prepared.call)?;
        let request = model.request(prepared.parts.clone());
        let asking = async { tokio::time::timeout(model.policy.idle, llm::count(&*model.provider, &request)).await };
        super::ask::block_on(asking)?.map_err(|_| Failure::user(format!("{} does not answer", model.provider.name())))?
    } else {
        None
    };
    if ctx.global.json {
        for f in &prepared.fragments {
            ctx.ui.json(&json!({ "v": 1, "kind": f.kind.0, "role": f.role.as_str(), "tokens": f.tokens.0, "new": f.new }))?;
        }
        return match counted.transpose().map_err(Error::from)? {
            Some(tokens) => Ok(ctx.ui.json(&json!({ "v": 1, "kind": "counted", "tokens": tokens.0 }))?),
            None => Ok(()),
        };
    }
    let mut table = Table::new().right(2);
    for f in &prepared.fragments {
        table.row([
            Text::new().add(Style::Dim, f.role.as_str()),
            Text::new().add(if f.new { Style::Bold } else { Style::Plain }, f.kind.0.clone()),
            Text::new().plain(f.tokens.to_string()),
            Text::new().add(Style::Dim, if f.new { "new" } else { "" }),
        ]);
    }
    ctx.ui.table(&table)?;
    ctx.ui.line(Text::new().plain(format!("total {} tokens ±{}%", prepared.tokens, prepared.error)))?;
    match counted.transpose().map_err(Error::from)? {
        Some(tokens) => Ok(ctx.ui.line(Text::new().plain(format!("{} counts {} tokens", model.provider.name(), tokens.0)))?),
        None if *count => Err(Failure::user(format!("{} does not count tokens", model.provider.name()))),
        None => Ok(()),
    }
}
