//! What is known about models: window, abilities, price. Data, from three sources merged by `cargo xtask models`; see
//! `src/llm/data/SOURCES.md`.
//!
//! Invariants
//! - Lookups are pure: the moment and the prompt's length are handed in, because prices have dates and length tiers.
//! - A model that is not listed has no price. A guess would be summed up as if it were one.
//! - Whatever the data does not say is unknown or not so; nothing is concluded from a model's name.
//! - A catalogue is a plain value: what the user says about models is laid over it field by field, and nothing is kept aside.

mod read;

use std::collections::BTreeMap;

use crate::base::clock::Timestamp;
use crate::base::money::Tokens;
use crate::base::options::CallOption;
use crate::config::EditFormat;
use crate::session::request::ModelId;
use crate::session::turn::Price;

pub use read::CatalogError;

/// The file that is part of the program.
const BUILT_IN: &str = include_str!("../data/models.json");

/// One price of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceRow {
    /// Since when it holds; `None`: always.
    pub from: Option<Timestamp>,
    /// It holds for prompts longer than this.
    pub above: Tokens,
    pub price: Price,
}

/// What is known about one model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelInfo {
    /// The name that the provider knows it by.
    pub id: String,
    /// What request and answer may have together.
    pub window: Option<Tokens>,
    /// The most that a request may have, where the provider sets it apart.
    pub max_input: Option<Tokens>,
    /// The most that an answer may have.
    pub max_output: Option<Tokens>,
    /// It takes pictures.
    pub images: bool,
    /// It takes PDF files.
    pub documents: bool,
    /// It calls tools.
    pub tools: bool,
    /// It answers by a JSON schema.
    pub structured: bool,
    /// It thinks before it answers.
    pub reasoning: bool,
    /// The words for effort that it takes, from the least.
    pub efforts: Vec<&'static str>,
    /// The least and the most thinking tokens, for a model that is told a number.
    pub budget: Option<(Tokens, Option<Tokens>)>,
    /// Options that it does not take although its protocol has them.
    pub refuses: Vec<CallOption>,
    /// The day, as `2026-10-07`.
    pub released: Option<String>,
    /// The form of edits that suits it best.
    pub edit_format: Option<EditFormat>,
    /// Other names of it.
    pub also: Vec<String>,
    /// In no order; [`ModelInfo::price`] chooses.
    pub prices: Vec<PriceRow>,
}

impl ModelInfo {
    /// The most that a request may have.
    pub fn largest_request(&self) -> Option<Tokens> {
        self.max_input.or(self.window)
    }

    /// Whether it takes the option.
    pub fn takes(&self, option: CallOption) -> bool {
        !self.refuses.contains(&option)
    }

    /// What it costs at `at` for a prompt of `prompt` tokens, cached ones included.
    pub fn price(&self, prompt: Tokens, at: Timestamp) -> Option<Price> {
        let holds = |row: &&PriceRow| row.from.is_none_or(|from| from <= at) && (row.above == Tokens(0) || prompt > row.above);
        self.prices.iter().filter(holds).max_by_key(|row| (row.from, row.above)).map(|row| row.price)
    }
}

/// All models that are known, by provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog {
    models: BTreeMap<String, BTreeMap<String, ModelInfo>>,
    aliases: BTreeMap<String, ModelId>,
    defaults: BTreeMap<String, String>,
}

impl Catalog {
    /// What the program itself knows.
    pub fn built_in() -> Self {
        Self::default().with(BUILT_IN).expect("the embedded file is read by a test")
    }

    /// The same with what another file says: its fields replace ours one by one, and its models are added.
    ///
    /// The file has the shape of `src/llm/data/models.json`; what is not understood is an error, so that a slip is not
    /// taken for a default.
    pub fn with(mut self, json: &str) -> Result<Self, CatalogError> {
        read::lay_over(&mut self, json)?;
        Ok(self)
    }

    /// The model of this name: as it stands, without `models/`, without a date at its end, or by another name of it.
    pub fn find(&self, provider: &str, model: &str) -> Option<&ModelInfo> {
        let rows = self.models.get(provider)?;
        let plain = plain(model);
        let names = [Some(model), Some(plain), undated(plain)];
        let mut names = names.into_iter().flatten();
        names.find_map(|name| rows.get(name).or_else(|| rows.values().find(|row| row.also.iter().any(|other| other == name))))
    }

    /// The model that a short name stands for, of whatever provider: `flash`, `opus`.
    pub fn alias(&self, name: &str) -> Option<ModelId> {
        self.aliases.get(name).cloned()
    }

    /// The short name of a provider's model, when it has one.
    pub fn alias_of(&self, provider: &str, model: &str) -> Option<&str> {
        let is_it = |id: &ModelId| id.provider == provider && id.model == model;
        self.aliases.iter().find(|(_, id)| is_it(id)).map(|(alias, _)| alias.as_str())
    }

    /// The name that `provider` knows `model` by: a short name is written out where it is this provider's, and `models/`
    /// is taken off.
    pub fn full_name<'a>(&'a self, provider: &str, model: &'a str) -> &'a str {
        match self.aliases.get(model) {
            Some(id) if id.provider == provider => &id.model,
            _ => plain(model),
        }
    }

    /// The price of the dearest model of a provider: what one whose own price is not known may cost.
    pub fn dearest(&self, provider: &str, prompt: Tokens, at: Timestamp) -> Option<Price> {
        let prices = self.models.get(provider)?.values().filter_map(|model| model.price(prompt, at));
        prices.max_by_key(|price| (price.input, price.output))
    }

    /// What the model costs at `at` for a prompt of `prompt` tokens, cached ones included.
    pub fn price(&self, provider: &str, model: &str, prompt: Tokens, at: Timestamp) -> Option<Price> {
        self.find(provider, model)?.price(prompt, at)
    }

    /// The model that `auto` takes of a provider; it may be a short name.
    pub fn default_of(&self, provider: &str) -> Option<&str> {
        self.defaults.get(provider).map(String::as_str)
    }

    /// The models of a provider, by name.
    pub fn models(&self, provider: &str) -> impl Iterator<Item = &ModelInfo> {
        self.models.get(provider).into_iter().flat_map(BTreeMap::values)
    }

    /// The providers of which models are known, by name.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }
}

/// Gemini's own API writes `models/` before a name.
fn plain(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

/// The name without `-20260131` or `-2026-01-31` at its end.
fn undated(model: &str) -> Option<&str> {
    let without = |pattern: &str| {
        let (name, end) = model.split_at_checked(model.len().checked_sub(pattern.len())?)?;
        let fits = |(byte, wanted): (u8, u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
        (!name.is_empty() && end.bytes().zip(pattern.bytes()).all(fits)).then_some(name)
    };
    without("-00000000").or_else(|| without("-0000-00-00"))
}

#[cfg(test)]
mod tests;
