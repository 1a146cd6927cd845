//! What the commands for models of this machine work with.

use std::path::PathBuf;
use std::sync::Arc;

use crate::agent::local::scan::places::{self, Given};
use crate::agent::local::scan::{self as found, Scan};
use crate::agent::local::state::{Server, Servers};
use crate::base::clock::Clock;
use crate::config::Config;
use crate::ui::{Style, Text};

use super::super::super::context::Context;
use super::super::super::error::Failure;

/// What the subcommands work with.
pub(super) struct Here<'a> {
    pub(super) ctx: &'a Context,
    pub(super) config: Config,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) servers: Servers,
}

impl<'a> Here<'a> {
    pub(super) fn new(ctx: &'a Context) -> Result<Self, Failure> {
        let config = ctx.config()?;
        for warning in config.warnings() {
            ctx.ui.warn(warning);
        }
        let clock = Context::clock(&config);
        let home = ctx.home.as_deref().ok_or_else(|| Failure::user("neither HOME nor RT_HOME is set"))?;
        Ok(Self { ctx, clock, config, servers: Servers::below(home) })
    }

    /// The model files of this machine, and the places that were looked into.
    pub(super) fn scan(&self) -> (Scan, Vec<PathBuf>) {
        let paths = &self.config.settings().model.paths;
        let given = Given { env: &self.ctx.vars, user_home: self.ctx.user_home.as_deref(), paths };
        let (places, notices) = places::places(given);
        let scan = found::scan(&places, notices);
        (scan, places.into_iter().map(|place| place.path).collect())
    }

    /// The servers that were started here; what is wrong with the files of others is said.
    pub(super) fn known(&self) -> Vec<Server> {
        let (servers, notices) = self.servers.all();
        for notice in &notices {
            self.ctx.ui.warn(notice);
        }
        servers
    }

    /// What to type to ask the model of a server.
    pub(super) fn usage(&self, port: u16, name: &str) -> String {
        let address = format!("http://127.0.0.1:{port}/v1");
        let settings = self.config.settings();
        let local = settings.model.local_servers.iter().map(|(name, settings)| (name, settings));
        let mut all = settings.providers.iter().chain(local);
        match all.find(|(_, known)| known.base_url.as_deref().is_some_and(|url| url.trim_end_matches('/') == address)) {
            Some((provider, _)) => format!("rt -m \"…\" --model {provider}/{name}"),
            None => format!("rt -m \"…\" --config model.local_servers=local={port} --model local/{name}"),
        }
    }

    pub(super) fn status(&self, text: impl Into<String>) {
        self.ctx.ui.status(Text::new().add(Style::Dim, text));
    }
}
