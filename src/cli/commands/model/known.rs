//! What the commands for models that are known or set up work with.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::agent::models::{self, Setup};
use crate::agent::workspace::catalog_of;
use crate::agent::{Error, keys};
use crate::base::clock::{Clock, Entropy};
use crate::config::secret::{Redactor, Secret};
use crate::config::{Config, KeySource};
use crate::llm::catalog::Catalog;
use crate::net::Tape;
use crate::session::request::ModelId;

use super::super::super::context::Context;
use super::super::super::error::Failure;
use super::super::ask::block_on;

/// What the subcommands find models with.
pub struct Known<'a> {
    pub ctx: &'a Context,
    pub config: Config,
    pub catalog: Catalog,
    /// Keys that were got by a command.
    pub keys: BTreeMap<String, Secret>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub tape: Option<Arc<Tape>>,
}

impl<'a> Known<'a> {
    pub fn new(ctx: &'a Context) -> Result<Self, Failure> {
        let config = ctx.config()?;
        for warning in config.warnings() {
            ctx.ui.warn(warning);
        }
        let catalog = catalog_of(config.home())?;
        let (clock, entropy) = (Context::clock(&config), Context::entropy(&config));
        let redactor = Redactor::new(config.secrets(&ctx.vars));
        let tape = models::tape(config.settings(), &redactor)?;
        Ok(Self { ctx, catalog, clock, entropy, tape, keys: BTreeMap::new(), config })
    }

    pub fn setup(&self) -> Setup<'_> {
        let Self { ctx, config, catalog, keys, entropy, .. } = self;
        Setup { config, env: &ctx.vars, catalog, keys, entropy: &**entropy, tape: self.tape.clone() }
    }

    pub fn key_source(&self, provider: &str) -> Option<KeySource> {
        self.config.key_source(provider, &self.ctx.vars)
    }

    /// The model of this name, or that a provider of this name is asked for by itself; without a name, the one of the settings.
    pub fn named(&self, name: Option<&str>) -> Result<ModelId, Failure> {
        let name = name.unwrap_or(&self.config.settings().model.default);
        if let Some(model) = self.catalog.default_of(name).filter(|_| models::settings_of(&self.config, name).is_some()) {
            return Ok(ModelId { provider: name.to_owned(), model: model.to_owned() });
        }
        match models::parse_with(&self.setup(), name) {
            Err(Error::NoModel { .. }) => Ok(block_on(models::discover_with(self.config.settings(), self.tape.clone()))??),
            known => Ok(known?),
        }
    }

    /// Gets the key of a provider, where a command has it; from then on it is in nothing that is written.
    pub fn unlock(&mut self, provider: &str) -> Result<(), Failure> {
        if self.keys.contains_key(provider) || self.key_source(provider) != Some(KeySource::Command) {
            return Ok(());
        }
        let root = self.ctx.root()?.unwrap_or_else(|| self.ctx.directory.clone());
        let redactor = self.redactor();
        let key = block_on(keys::printed(&self.config, provider, &root, &redactor))??;
        self.keys.insert(provider.to_owned(), key);
        let redactor = self.redactor();
        self.tape = models::tape(self.config.settings(), &redactor)?;
        self.ctx.hide(&redactor);
        Ok(())
    }

    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.config.secrets(&self.ctx.vars).into_iter().chain(self.keys.values().cloned()))
    }
}
