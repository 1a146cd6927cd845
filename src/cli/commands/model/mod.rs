//! `rt model`: the models of this machine and the servers for them.
//!
//! Invariants
//! - One subcommand, one file. They work outside of a repository as well.

mod bench;
mod ps;
mod scan;
mod serve;
mod stop;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::agent::local::scan::places::{self, Given};
use crate::agent::local::scan::{self as found, Scan};
use crate::agent::local::state::{Server, Servers};
use crate::base::clock::Clock;
use crate::config::Config;
use crate::ui::{Style, Text};

use super::super::context::Context;
use super::super::error::Failure;

/// Find models on this machine, start and stop servers for them, measure them
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rt model scan\n  rt model serve qwen2.5-coder\n  rt -m \"…\" --model local/NAME\n  rt model stop\n\nMore: docs/local-models.md"
)]
pub struct ModelArgs {
    #[command(subcommand)]
    pub command: ModelCommand,
}

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    Scan(scan::ScanArgs),
    Serve(serve::ServeArgs),
    Stop(stop::StopArgs),
    Ps(ps::PsArgs),
    Bench(bench::BenchArgs),
}

pub fn run(ctx: &Context, args: &ModelArgs) -> Result<(), Failure> {
    match &args.command {
        ModelCommand::Scan(_) => scan::run(ctx),
        ModelCommand::Serve(args) => serve::run(ctx, args),
        ModelCommand::Stop(args) => stop::run(ctx, args),
        ModelCommand::Ps(_) => ps::run(ctx),
        ModelCommand::Bench(args) => bench::run(ctx, args),
    }
}

/// What the subcommands work with.
struct Here<'a> {
    ctx: &'a Context,
    config: Config,
    clock: Arc<dyn Clock>,
    servers: Servers,
}

impl<'a> Here<'a> {
    fn new(ctx: &'a Context) -> Result<Self, Failure> {
        let config = ctx.config()?;
        for warning in config.warnings() {
            ctx.ui.warn(warning);
        }
        let clock = Context::clock(&config);
        let home = ctx.home.as_deref().ok_or_else(|| Failure::user("neither HOME nor RT_HOME is set"))?;
        Ok(Self { ctx, clock, config, servers: Servers::below(home) })
    }

    /// The model files of this machine, and the places that were looked into.
    fn scan(&self) -> (Scan, Vec<PathBuf>) {
        let paths = &self.config.settings().model.paths;
        let given = Given { env: &self.ctx.vars, user_home: self.ctx.user_home.as_deref(), paths };
        let (places, notices) = places::places(given);
        let scan = found::scan(&places, notices);
        (scan, places.into_iter().map(|place| place.path).collect())
    }

    /// The servers that were started here; what is wrong with the files of others is said.
    fn known(&self) -> Vec<Server> {
        let (servers, notices) = self.servers.all();
        for notice in &notices {
            self.ctx.ui.warn(notice);
        }
        servers
    }

    /// What to type to ask the model of a server.
    fn usage(&self, port: u16, name: &str) -> String {
        let address = format!("http://127.0.0.1:{port}/v1");
        let settings = self.config.settings();
        let local = settings.model.local_servers.iter().map(|(name, settings)| (name, settings));
        let mut all = settings.providers.iter().chain(local);
        match all.find(|(_, known)| known.base_url.as_deref().is_some_and(|url| url.trim_end_matches('/') == address)) {
            Some((provider, _)) => format!("rt -m \"…\" --model {provider}/{name}"),
            None => format!("rt -m \"…\" --config model.local_servers=local={port} --model local/{name}"),
        }
    }

    fn status(&self, text: impl Into<String>) {
        self.ctx.ui.status(Text::new().add(Style::Dim, text));
    }
}
