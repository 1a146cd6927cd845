//! From a model's name to something that answers.
//!
//! Invariants
//! - A request goes to the provider that the user chose, and to no other. `auto` takes the first one that is set up, in a
//!   fixed order, else a server of this machine ([`discover`]), and the caller says which.
//! - A key comes from a variable, from the user's own command or from where the user keeps it, in this order, and is never part
//!   of an error.
//! - A model whose key only a command has can be looked at without one; [`super::keys::unlock`] comes before it is asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use crate::base::clock::{Entropy, Timestamp};
use crate::base::media::MediaType;
use crate::base::money::Tokens;
use crate::base::options::{CallOption, CallOptions};
use crate::config::schema::BUILT_IN_PROVIDERS;
use crate::config::secret::{Redactor, Secret};
use crate::config::{Config, KeySource, Protocol, ProviderSettings, Settings};
use crate::llm::{
    Anthropic, Chat, Echo, Endpoint, Gemini, Manual, Ollama, Program, Provider, Recording, Replay, Responses, RetryPolicy,
    WireCall, breaker,
    catalog::{Catalog, ModelInfo},
    local::Paste,
};
use crate::net::{Client, Options, Tape};
use crate::session::request::{ModelId, ModelRequest, Part, Traits};
use crate::session::stream::Usage;
use crate::session::turn::Price;

use super::Error;
use super::workspace::{Workspace, scratch_below};

/// How long a local server may take to be reached, and to say which models it has.
const REACHED_WITHIN: Duration = Duration::from_millis(300);
const LISTED_WITHIN: Duration = Duration::from_secs(2);

/// A model that can be asked.
pub struct Model {
    /// As it was asked for.
    pub id: ModelId,
    pub provider: Box<dyn Provider>,
    pub policy: RetryPolicy,
    /// Which provider it is for those who keep whether it is down; `None` where nobody does.
    pub place: Option<breaker::Place>,
    /// When it is left alone.
    pub breaker: breaker::Rules,
    /// How many calls of its provider may run at once; 0 is no limit.
    pub concurrency: u32,
    /// The variable that the key comes from, else the server's address; for people.
    pub via: Option<String>,
    /// The name that the provider knows it by.
    pub full: String,
    /// What is known about it.
    pub info: ModelInfo,
    /// How it is to answer, as far as it can be told.
    pub options: CallOptions,
    /// What it cannot be told.
    pub left_out: Vec<LeftOut>,
}

/// An option that is set, and that the model does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    pub option: CallOption,
    /// As JSON text.
    pub value: String,
    /// What does not take it, and what would be taken.
    pub why: String,
}

impl Model {
    /// A provider that is its own only model, such as `echo`.
    pub fn plain(provider: Box<dyn Provider>) -> Self {
        let name = provider.name().to_owned();
        Self {
            id: ModelId { provider: name.clone(), model: name.clone() },
            provider,
            policy: RetryPolicy::default(),
            place: None,
            breaker: breaker::Rules { failures: 0, cooldown: Duration::ZERO },
            concurrency: 0,
            via: None,
            full: name,
            info: ModelInfo::default(),
            options: CallOptions::default(),
            left_out: Vec::new(),
        }
    }

    /// The same, to be asked with these options; those that it does not take are left out.
    fn with_options(mut self, mut options: CallOptions) -> Self {
        let provider = &*self.provider;
        let mut left = Vec::new();
        let mut leave = |out: Vec<(CallOption, String)>, why: &str| {
            left.extend(out.into_iter().map(|(option, value)| LeftOut { option, value, why: why.to_owned() }));
        };
        leave(options.take_out(|option, _| provider.takes(option)), &format!("{} has no such option", provider.name()));
        let info = &self.info;
        leave(options.take_out(|option, _| info.takes(option)), &format!("{} does not take it", self.full));
        let known = |option: CallOption, json: &str| {
            option != CallOption::Effort || info.efforts.is_empty() || info.efforts.contains(&json.trim_matches('"'))
        };
        leave(options.take_out(known), &format!("{} takes {}", self.full, info.efforts.join(", ")));
        (self.options, self.left_out) = (options, left);
        self
    }

    /// The request that asks this model to go on with the conversation.
    pub fn request(&self, parts: Vec<Part>) -> ModelRequest {
        let model = ModelId { provider: self.id.provider.clone(), model: self.full.clone() };
        ModelRequest { options: self.options.clone(), traits: self.traits(), ..ModelRequest::new(model, parts) }
    }

    /// The same as a call.
    pub fn encode(&self, parts: Vec<Part>) -> Result<WireCall, Error> {
        Ok(self.provider.encode(&self.request(parts))?)
    }

    fn traits(&self) -> Traits {
        // Models of this provider take the adaptive form of thinking since then; older ones refuse it.
        let adaptive = self.info.released.as_deref().is_some_and(|day| day >= "2026-02-01");
        let thinks = self.info.reasoning && (self.id.provider != "anthropic" || adaptive);
        Traits { max_output: self.info.max_output, window: self.info.window, thinks }
    }

    /// What the model that `served` an answer costs at `at`; `None` when it is not known.
    pub fn price(&self, ws: &Workspace, served: Option<&str>, usage: &Usage, at: Timestamp) -> Option<Price> {
        self.price_in(ws.catalog().ok()?, served, usage, at)
    }

    /// The same by this catalogue.
    pub fn price_in(&self, catalog: &Catalog, served: Option<&str>, usage: &Usage, at: Timestamp) -> Option<Price> {
        let prompt = usage.input + usage.cache_read + usage.cache_write;
        // An alias such as `flash` has no price; what it stands for has.
        let named = |model: &str| catalog.price(&self.id.provider, model, prompt, at);
        served.and_then(named).or_else(|| named(&self.full))
    }

    /// Whether it can be shown such a file. What nothing is known about is asked, and says so itself if not.
    pub fn shows(&self, media: MediaType) -> bool {
        self.info.id.is_empty() || if media.is_image() { self.info.images } else { self.info.documents }
    }

    /// What a request of so many tokens may cost at most, where its own price is not known: an alias stands for some model of its
    /// provider's.
    pub fn dearest(&self, ws: &Workspace, prompt: Tokens, at: Timestamp) -> Option<Price> {
        ws.catalog().ok()?.dearest(&self.id.provider, prompt, at)
    }

    /// How many tokens a request may have, and what of these is for the answer; `None` when it is not known.
    pub fn window(&self) -> Option<Tokens> {
        self.info.window
    }
}

/// What the special providers need from whoever starts them.
#[derive(Default)]
pub struct Special {
    /// Recorded answers for the provider `replay`.
    pub recordings: Vec<Recording>,
    /// Shows a prompt to a person and takes the answer back, for the provider `manual`.
    pub paste: Option<Box<Paste>>,
}

/// What a model is found and opened with; no repository is among it.
pub struct Setup<'a> {
    pub config: &'a Config,
    pub env: &'a BTreeMap<String, String>,
    pub catalog: &'a Catalog,
    /// Keys that were got by a command, by provider.
    pub keys: &'a BTreeMap<String, Secret>,
    /// For the name of the directory that a program runs in.
    pub entropy: &'a dyn Entropy,
    /// What stands between the program and the network, if anything does.
    pub tape: Option<Arc<Tape>>,
}

impl<'a> Setup<'a> {
    fn of(ws: &'a Workspace) -> Result<Self, Error> {
        Ok(Self {
            config: &ws.config,
            env: &ws.env,
            catalog: ws.catalog()?,
            keys: &ws.keys,
            entropy: &*ws.entropy,
            tape: ws.tape.clone(),
        })
    }

    fn key(&self, provider: &str) -> Option<Secret> {
        self.config.key_for(provider, self.env).or_else(|| self.keys.get(provider).cloned())
    }
}

/// Reads a model's name: `provider/model`, or one of the short names.
pub fn parse(ws: &Workspace, name: &str) -> Result<ModelId, Error> {
    if ws.redactor.holds(name.as_bytes()) {
        return Err(Error::KeepsSecret);
    }
    parse_with(&Setup::of(ws)?, name)
}

/// The same without a workspace.
pub fn parse_with(setup: &Setup<'_>, name: &str) -> Result<ModelId, Error> {
    // It stands in a line of the user's commit, as co-author. A fetched session may have kept any text.
    if name.contains(char::is_control) {
        return Err(Error::UnknownModel(name.to_owned()));
    }
    let model = |provider: &str, model: &str| ModelId { provider: provider.to_owned(), model: model.to_owned() };
    match name {
        "auto" => auto(setup),
        "echo" | "manual" | "replay" => Ok(model(name, name)),
        _ => {
            if let Some(full) = setup.catalog.alias(name) {
                return Ok(model(&full.provider, name));
            }
            let id: ModelId = name.parse().map_err(|_| Error::UnknownModel(name.to_owned()))?;
            let known = ["echo", "manual", "replay"].contains(&id.provider.as_str());
            let known = known || settings_of(setup.config, &id.provider).is_some();
            if known { Ok(id) } else { Err(Error::UnknownProvider(id.provider)) }
        }
    }
}

/// The first provider with a key, in the order of the manual, with the model that it is asked for by itself.
fn auto(setup: &Setup<'_>) -> Result<ModelId, Error> {
    for (provider, _) in BUILT_IN_PROVIDERS {
        if setup.config.key_source(provider, setup.env).is_some()
            && let Some(model) = setup.catalog.default_of(provider)
        {
            return Ok(ModelId { provider: provider.to_owned(), model: model.to_owned() });
        }
    }
    Err(Error::NoModel { tried: Vec::new() })
}

/// What is known of a provider: as it is configured, else as one of the servers of this machine.
pub fn settings_of<'a>(config: &'a Config, provider: &str) -> Option<&'a ProviderSettings> {
    let settings = config.settings();
    let local = || settings.model.local_servers.iter().find(|(name, _)| name == provider).map(|(_, settings)| settings);
    match settings.providers.get(provider) {
        Some(known) if known.base_url.is_none() => local().or(Some(known)),
        known => known.or_else(local),
    }
}

/// The first model of the first server that answers on this machine: those that are configured, then the usual places.
/// Nothing is sent but the question for its models.
pub async fn discover(ws: &Workspace) -> Result<ModelId, Error> {
    discover_with(ws.config.settings(), ws.tape.clone()).await
}

/// The same without a workspace.
pub async fn discover_with(settings: &Settings, tape: Option<Arc<Tape>>) -> Result<ModelId, Error> {
    let usual = settings
        .model
        .local_servers
        .iter()
        .filter(|(name, _)| settings.providers.get(name).is_none_or(|known| known.base_url.is_none()));
    let candidates = settings.providers.iter().chain(usual.map(|(name, settings)| (name, settings)));
    let servers: Vec<(&String, String)> = candidates
        .filter(|(_, settings)| matches!(settings.kind, Protocol::OpenAi | Protocol::Ollama))
        .filter_map(|(name, settings)| Some((name, address_of(settings)?)))
        .collect();
    let asked = ask_all(servers.iter().map(|(_, address)| address.clone()), tape).await;
    let mut tried = Vec::new();
    for ((name, address), found) in servers.into_iter().zip(asked) {
        match found.and_then(first) {
            Ok(model) => return Ok(ModelId { provider: name.clone(), model }),
            Err(None) => tried.push(address),
            Err(Some(why)) => tried.push(format!("{address} ({why})")),
        }
    }
    Err(Error::NoModel { tried })
}

/// One of the servers of this machine that the settings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub name: String,
    /// Its first model; else why it has none, when it is there at all.
    pub model: Result<String, Option<&'static str>>,
    /// All of its models.
    pub models: Vec<String>,
}

/// Why a server has no model, when it is there at all.
type NoModel = Option<&'static str>;

fn first(models: Vec<String>) -> Result<String, NoModel> {
    models.into_iter().next().ok_or(Some("it has no model"))
}

/// Asks each server of this machine in `model.local_servers` for its models, and nobody else for anything.
pub async fn local_servers(settings: &Settings, tape: Option<Arc<Tape>>) -> Vec<Server> {
    let servers = &settings.model.local_servers;
    let addresses = servers.iter().map(|(_, settings)| address_of(settings).unwrap_or_default());
    let asked = ask_all(addresses, tape).await;
    let server = |name: &String, asked: Result<Vec<String>, NoModel>| {
        let models = asked.clone().unwrap_or_default();
        Server { name: name.clone(), model: asked.and_then(first), models }
    };
    servers.iter().zip(asked).map(|((name, _), asked)| server(name, asked)).collect()
}

/// The address up to and with `/v1`: Ollama lists its models there as the others do.
pub fn address_of(settings: &ProviderSettings) -> Option<String> {
    let base = settings.base_url.as_ref()?.trim_end_matches('/');
    let bare = settings.kind == Protocol::Ollama && !base.ends_with("/v1");
    Some(if bare { format!("{base}/v1") } else { base.to_owned() })
}

async fn ask_all(addresses: impl Iterator<Item = String>, tape: Option<Arc<Tape>>) -> Vec<Result<Vec<String>, NoModel>> {
    let client = Client::new(Options { connect_timeout: REACHED_WITHIN, tape, ..Options::default() });
    let asked = addresses.map(|address| {
        let client = &client;
        async move { models_at(client, &address).await }
    });
    futures_util::future::join_all(asked).await
}

/// The models that a server lists; else why it has none, when it is there at all.
async fn models_at(client: &Client, address: &str) -> Result<Vec<String>, NoModel> {
    let ask = async {
        let response = client.get_local(&format!("{}/models", address.trim_end_matches('/'))).await.map_err(|_| None)?;
        if response.status != 200 {
            return Err(Some("it is there, but not ready"));
        }
        let mut body = response.body;
        let mut raw = Vec::new();
        while let Some(bytes) = body.next().await {
            raw.extend(bytes.map_err(|_| None)?);
            if raw.len() > 1 << 20 {
                return Err(None);
            }
        }
        let list: serde_json::Value = serde_json::from_slice(&raw).map_err(|_| Some("it is no model server"))?;
        let is_name = |id: &&str| !id.is_empty() && !id.contains(char::is_control);
        let ids = list["data"].as_array().into_iter().flatten().filter_map(|model| model["id"].as_str());
        Ok(ids.filter(is_name).map(str::to_owned).collect())
    };
    tokio::time::timeout(LISTED_WITHIN, ask).await.unwrap_or(Err(Some("it does not answer")))
}

/// What stands between the program and the network, as the settings have it.
pub fn tape(settings: &Settings, redactor: &Redactor) -> Result<Option<Arc<Tape>>, Error> {
    let redactor = redactor.clone();
    let clean = Box::new(move |bytes: &[u8]| redactor.holds(bytes).then(|| redactor.redact_bytes(bytes).into_owned()));
    match (&settings.debug.record, &settings.debug.replay) {
        (None, None) => Ok(None),
        (Some(dir), None) => Ok(Some(Arc::new(Tape::recording(dir.clone(), clean)))),
        (None, Some(dir)) => Ok(Some(Arc::new(Tape::playing(dir.clone(), clean)))),
        (Some(_), Some(_)) => Err(Error::RecordsAndReplays),
    }
}

/// The model with this name, ready to be asked.
pub fn open(ws: &Workspace, id: ModelId, special: Special) -> Result<Model, Error> {
    open_with(&Setup::of(ws)?, id, special)
}

/// The same without a workspace.
pub fn open_with(setup: &Setup<'_>, id: ModelId, special: Special) -> Result<Model, Error> {
    let plain = |provider: Box<dyn Provider>| Model { id: id.clone(), ..Model::plain(provider) };
    match id.provider.as_str() {
        "echo" => return Ok(plain(Box::new(Echo))),
        "manual" => {
            let paste = special.paste.ok_or(Error::NoPerson)?;
            return Ok(plain(Box::new(Manual::new(paste))));
        }
        "replay" => return Ok(plain(Box::new(Replay::new(special.recordings)?))),
        _ => {}
    }
    let settings = settings_of(setup.config, &id.provider).ok_or_else(|| Error::UnknownProvider(id.provider.clone()))?;
    let source = setup.config.key_source(&id.provider, setup.env);
    let via = source.as_ref().map(ToString::to_string).or_else(|| settings.base_url.clone());
    let key = setup.key(&id.provider);
    let retry = settings.retry;
    let policy = RetryPolicy { max: retry.max, base: retry.base, cap: retry.cap, idle: settings.timeout };
    if settings.kind == Protocol::Command {
        if settings.command.is_empty() {
            return Err(Error::NoCommand(id.provider.clone()));
        }
        let keys = ["command", "kind"].map(|key| format!("providers.{}.{key}", id.provider));
        if let Err(why) = setup.config.may_run(&keys.each_ref().map(String::as_str))? {
            return Err(Error::NotTrusted(why));
        }
        let provider = Box::new(Program {
            name: id.provider.clone(),
            argv: settings.command.clone(),
            output: settings.output,
            directory: scratch_below(setup.config.home(), setup.entropy),
            tape: setup.tape.clone(),
        });
        return known(setup, Model { via: settings.command.first().cloned(), policy, ..Model::plain(provider) }, id);
    }
    let own = own_address(&id.provider, settings.kind);
    let locked = source == Some(KeySource::Command);
    let played = setup.tape.as_ref().is_some_and(|tape| tape.plays());
    let needs_key = (settings.base_url.is_none() || settings.kind == Protocol::Gemini) && settings.kind != Protocol::Ollama;
    if key.is_none() && needs_key && !locked && !played {
        return Err(missing_key(&id.provider, settings.key_env.as_deref()));
    }
    let base_url = settings.base_url.clone().or_else(|| own.map(str::to_owned));
    let base_url = base_url.ok_or_else(|| Error::UnknownProvider(id.provider.clone()))?;
    let client = Arc::new(Client::new(net_options(setup.env, setup.tape.clone())));
    let endpoint = Endpoint { name: id.provider.clone(), base_url, key, client };
    let provider: Box<dyn Provider> = match settings.kind {
        Protocol::Gemini => Box::new(Gemini::new(endpoint)),
        Protocol::OpenAi => Box::new(Chat::new(endpoint)),
        Protocol::Responses => Box::new(Responses::new(endpoint)),
        Protocol::Anthropic => Box::new(Anthropic::new(endpoint.without_version())),
        Protocol::Ollama => Box::new(Ollama::new(endpoint.without_version())),
        Protocol::Command => return Err(Error::Bug("a command has no address".to_owned())),
    };
    known(setup, Model { policy, via, ..Model::plain(provider) }, id)
}

/// The same with its name, what is known about it, and how it is to be asked.
fn known(setup: &Setup<'_>, model: Model, id: ModelId) -> Result<Model, Error> {
    let full = setup.catalog.full_name(&id.provider, &id.model).to_owned();
    let info = setup.catalog.find(&id.provider, &full).cloned().unwrap_or_default();
    let sampling = setup.config.settings().sampling.clone();
    let settings = settings_of(setup.config, &id.provider).ok_or_else(|| Error::UnknownProvider(id.provider.clone()))?;
    let breaker = breaker::Rules { failures: settings.breaker.failures, cooldown: settings.breaker.cooldown };
    let place = Some(breaker::Place { provider: id.provider.clone(), address: settings.base_url.clone().unwrap_or_default() });
    Ok(Model { id, full, info, place, breaker, concurrency: settings.concurrency, ..model }.with_options(sampling))
}

/// Where a provider is that has no address of its own in the settings.
pub fn own_address(provider: &str, kind: Protocol) -> Option<&'static str> {
    match (provider, kind) {
        ("gemini", _) | (_, Protocol::Gemini) => Some(Gemini::BASE_URL),
        ("anthropic", _) | (_, Protocol::Anthropic) => Some(Anthropic::BASE_URL),
        ("xai", _) => Some(Responses::XAI_URL),
        ("openai", _) | (_, Protocol::Responses) => Some(Responses::OPENAI_URL),
        (_, Protocol::Ollama) => Some(Ollama::BASE_URL),
        (_, Protocol::OpenAi | Protocol::Command) => None,
    }
}

fn missing_key(provider: &str, named: Option<&str>) -> Error {
    Error::NoKey { provider: provider.to_owned(), names: crate::config::secret::key_names(provider, named) }
}

/// Proxies and certificates as the usual variables set them up.
fn net_options(env: &BTreeMap<String, String>, tape: Option<Arc<Tape>>) -> Options {
    let either = |name: &str| {
        let upper = name.to_ascii_uppercase();
        [name, upper.as_str()].iter().find_map(|n| env.get(*n)).filter(|v| !v.is_empty()).cloned()
    };
    let all = either("all_proxy");
    Options {
        http_proxy: env.get("http_proxy").filter(|v| !v.is_empty()).cloned().or_else(|| all.clone()),
        https_proxy: either("https_proxy").or(all),
        no_proxy: either("no_proxy").unwrap_or_default(),
        ca_file: env.get("SSL_CERT_FILE").filter(|v| !v.is_empty()).map(Into::into),
        tape,
        ..Options::default()
    }
}
