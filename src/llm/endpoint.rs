//! Where a provider is reached over HTTP, and how a call to it is put together.
//!
//! Invariants
//! - The key is in one secret header and nowhere else; which header is the protocol's.

use std::sync::Arc;

use crate::config::Protocol;
use crate::config::secret::Secret;
use crate::net::Client;
use crate::session::request::WireBody;
use crate::session::turn::Envelope;

use super::error::{Fault, LlmError};
use super::{RawResponse, WireCall};

/// One provider's address, name and key.
pub struct Endpoint {
    /// The provider's name here: `openai`, `llama`, `work` …
    pub name: String,
    /// The address that the protocol's paths are added to.
    pub base_url: String,
    /// Local servers need none.
    pub key: Option<Secret>,
    pub client: Arc<Client>,
}

impl Endpoint {
    /// The same, whether its address was given with `/v1` at its end or without.
    #[must_use]
    pub fn without_version(mut self) -> Self {
        let base = self.base_url.trim_end_matches('/');
        self.base_url = base.strip_suffix("/v1").unwrap_or(base).to_owned();
        self
    }

    /// A call of `path` with JSON.
    pub(super) fn call(&self, protocol: Protocol, path: &str, headers: &[(&str, &str)], body: WireBody) -> WireCall {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        let own = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        WireCall {
            envelope: Envelope {
                provider: self.name.clone(),
                protocol: protocol.as_str().to_owned(),
                method: "POST".to_owned(),
                url: self.url(path),
                headers: own.chain([json]).collect(),
            },
            secret_headers: self.key.iter().map(|key| auth(protocol, key)).collect(),
            body,
        }
    }

    /// The call that sends a stored body again. Its address must be one of this provider's as it is set up today: whoever wrote
    /// the turn does not choose where the key goes.
    pub(super) fn again(&self, protocol: Protocol, stored: &Envelope, body: WireBody) -> Result<WireCall, LlmError> {
        same_protocol(&self.name, protocol.as_str(), stored)?;
        let path = stored.url.strip_prefix(self.base_url.trim_end_matches('/'));
        // A path that goes up would leave what the address was given for.
        let Some(path) = path.filter(|path| path.starts_with('/') && !path.contains("..") && !path.contains('\\')) else {
            let why = format!(
                "the request was sent to {}, and {} is at {} now; --model {}/MODEL asks it there",
                stored.url, self.name, self.base_url, self.name
            );
            return Err(LlmError::new(Fault::BadRequest, &self.name, why));
        };
        let own = |name: &str| matches!(name, "content-type" | "anthropic-version" | "anthropic-beta");
        let headers: Vec<_> = stored.headers.iter().filter(|(name, _)| own(name)).map(|(n, v)| (n.as_str(), v.as_str())).collect();
        Ok(self.call(protocol, path, &headers, body))
    }

    /// The address of `path`.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url.trim_end_matches('/'))
    }

    pub(super) async fn open(&self, call: &WireCall) -> Result<RawResponse, LlmError> {
        super::post(&self.client, call).await
    }
}

/// Refuses a stored call that the provider would not understand today.
pub(super) fn same_protocol(provider: &str, protocol: &str, stored: &Envelope) -> Result<(), LlmError> {
    if stored.protocol == protocol {
        return Ok(());
    }
    let was = if stored.protocol.is_empty() { &stored.provider } else { &stored.protocol };
    let why =
        format!("the request was written for {was}, and {provider} speaks {protocol} now; --model {provider}/MODEL writes it anew");
    Err(LlmError::new(Fault::BadRequest, provider, why))
}

/// How `protocol` wants to be given a key.
pub fn auth(protocol: Protocol, key: &Secret) -> (String, Secret) {
    match protocol {
        Protocol::Gemini => ("x-goog-api-key".to_owned(), key.clone()),
        Protocol::Anthropic => ("x-api-key".to_owned(), key.clone()),
        _ => ("authorization".to_owned(), Secret::new(key.name(), format!("Bearer {}", key.expose()))),
    }
}
