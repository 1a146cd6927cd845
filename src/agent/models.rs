//! From a model's name to something that answers.
//!
//! Invariants
//! - A request goes to the provider that the user chose, and to no other. `auto` takes the first one that is set up, in a
//!   fixed order, and the caller says which.
//! - Keys come from variables of the process only and are never part of an error.

use std::sync::Arc;

use crate::config::Protocol;
use crate::llm::{Chat, ChatOptions, Echo, Gemini, Manual, Provider, Recording, Replay, RetryPolicy, Secret, local::Paste};
use crate::net::{Client, Options};
use crate::session::request::ModelId;

use super::Error;
use super::workspace::Workspace;

/// Where the servers of local model programs listen when nothing is configured.
pub const LOCAL_SERVERS: [(&str, &str); 4] = [
    ("llama.cpp", "http://127.0.0.1:9931"),
    ("llama.cpp", "http://127.0.0.1:8080"),
    ("ollama", "http://127.0.0.1:11434"),
    ("lmstudio", "http://127.0.0.1:1234"),
];

/// A model that can be asked.
pub struct Model {
    pub id: ModelId,
    pub provider: Box<dyn Provider>,
    pub policy: RetryPolicy,
    /// The variable that the key comes from, for people.
    pub key_name: Option<String>,
}

/// What the special providers need from whoever starts them.
#[derive(Default)]
pub struct Special {
    /// Recorded answers for the provider `replay`.
    pub recordings: Vec<Recording>,
    /// Shows a prompt to a person and takes the answer back, for the provider `manual`.
    pub paste: Option<Box<Paste>>,
}

/// Reads a model's name: `provider/model`, or one of the short names.
pub fn parse(ws: &Workspace, name: &str) -> Result<ModelId, Error> {
    let model = |provider: &str, model: &str| ModelId { provider: provider.to_owned(), model: model.to_owned() };
    match name {
        "auto" => auto(ws),
        "pro" | "flash" | "flash-lite" => Ok(model("gemini", name)),
        "echo" | "manual" | "replay" => Ok(model(name, name)),
        _ => {
            let id: ModelId = name.parse().map_err(|_| Error::UnknownModel(name.to_owned()))?;
            let known = ["echo", "manual", "replay"].contains(&id.provider.as_str())
                || ws.config.settings().providers.contains_key(&id.provider);
            if known { Ok(id) } else { Err(Error::UnknownProvider(id.provider)) }
        }
    }
}

/// The first provider that is set up: Gemini, then OpenAI, then a local server of the user's configuration.
fn auto(ws: &Workspace) -> Result<ModelId, Error> {
    for (provider, model) in [("gemini", "flash"), ("openai", "gpt-6-luna")] {
        if ws.config.key_for(provider, &ws.env).is_some() {
            return Ok(ModelId { provider: provider.to_owned(), model: model.to_owned() });
        }
    }
    Err(Error::NoModel)
}

/// The model with this name, ready to be asked.
pub fn open(ws: &Workspace, id: ModelId, special: Special) -> Result<Model, Error> {
    let plain = |provider: Box<dyn Provider>| Model { id: id.clone(), provider, policy: RetryPolicy::default(), key_name: None };
    match id.provider.as_str() {
        "echo" => return Ok(plain(Box::new(Echo))),
        "manual" => {
            let paste = special.paste.ok_or(Error::NoPerson)?;
            return Ok(plain(Box::new(Manual::new(paste))));
        }
        "replay" => return Ok(plain(Box::new(Replay::new(special.recordings)?))),
        _ => {}
    }
    let settings = ws.config.settings().providers.get(&id.provider).ok_or_else(|| Error::UnknownProvider(id.provider.clone()))?;
    let key = ws.config.key_for(&id.provider, &ws.env);
    let key_name = key.as_ref().map(|k| k.name().to_owned());
    let secret = key.map(|k| Secret::new(k.expose()));
    let client = Arc::new(Client::new(net_options(ws)));
    let provider: Box<dyn Provider> = match settings.kind {
        Protocol::Gemini => {
            let key = secret.ok_or_else(|| missing_key(&id.provider, settings.key_env.as_deref()))?;
            Box::new(Gemini::new(settings.base_url.as_deref().unwrap_or(Gemini::BASE_URL), key, client))
        }
        Protocol::OpenAi => {
            if secret.is_none() && settings.base_url.is_none() {
                return Err(missing_key(&id.provider, settings.key_env.as_deref()));
            }
            let base_url = settings.base_url.clone().unwrap_or_else(|| Chat::OPENAI_URL.to_owned());
            Box::new(Chat::new(ChatOptions { name: id.provider.clone(), base_url, key: secret }, client))
        }
    };
    let retry = settings.retry;
    let policy = RetryPolicy { max: retry.max, base: retry.base, cap: retry.cap, idle: settings.timeout };
    Ok(Model { id, provider, policy, key_name })
}

fn missing_key(provider: &str, named: Option<&str>) -> Error {
    Error::NoKey { provider: provider.to_owned(), names: crate::config::secret::key_names(provider, named) }
}

/// Proxies and certificates as the usual variables set them up.
fn net_options(ws: &Workspace) -> Options {
    let either = |name: &str| {
        let upper = name.to_ascii_uppercase();
        [name, upper.as_str()].iter().find_map(|n| ws.env.get(*n)).filter(|v| !v.is_empty()).cloned()
    };
    let all = either("all_proxy");
    Options {
        http_proxy: ws.env.get("http_proxy").filter(|v| !v.is_empty()).cloned().or_else(|| all.clone()),
        https_proxy: either("https_proxy").or(all),
        no_proxy: either("no_proxy").unwrap_or_default(),
        ca_file: ws.env.get("SSL_CERT_FILE").filter(|v| !v.is_empty()).map(Into::into),
        ..Options::default()
    }
}
