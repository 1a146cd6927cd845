//! Provider adapters: a request becomes the exact bytes to send, the bytes that come back become model events.
//!
//! Invariants
//! - Encoding and decoding are pure; only [`Provider::open`] does I/O. So stored bytes can be decoded again at any time,
//!   and give the same events.
//! - Raw bytes are handed to the caller before they are decoded: it can keep them, whatever happens next.
//! - Decoders give the same events however the bytes are split.
//! - The body of request n, without its closing brackets, is a prefix of the body of request n+1 as long as parts are only
//!   appended. Framing is written in few, repeating runs, because each distinct run is stored once.
//! - A credential is only ever in [`WireCall::secret_headers`]; it is not shown, not stored, and cut out of error bodies.

pub mod ability;
pub mod answer;
pub mod anthropic;
pub mod ask;
pub mod breaker;
pub mod catalog;
pub mod chat;
pub mod endpoint;
pub mod error;
pub mod gemini;
pub mod local;
pub mod ollama;
pub mod program;
pub mod responses;
pub mod sample;
pub mod sse;
mod talk;
mod wire;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt as _};

use crate::base::money::Tokens;
use crate::base::options::CallOption;
use crate::config::secret::Secret;
use crate::net::{self, Client};
use crate::session::request::{ModelRequest, WireBody};
use crate::session::stream::ModelEvent;
use crate::session::turn::Envelope;

pub use answer::{Answer, ToolCall, ask_whole, replay};
pub use anthropic::Anthropic;
pub use ask::{AskError, RetryPolicy, Sink, Timer, TokioTimer, ask};
pub use chat::Chat;
pub use endpoint::Endpoint;
pub use error::{Fault, LlmError};
pub use gemini::Gemini;
pub use local::{Echo, FORMATS, Manual, Recording, Replay, decoder_of, format_at, format_of};
pub use ollama::Ollama;
pub use program::Program;
pub use responses::Responses;

/// A call ready to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireCall {
    /// Where to and how; without credentials, so it can be stored.
    pub envelope: Envelope,
    /// Headers that carry credentials; never stored.
    pub secret_headers: Vec<(String, Secret)>,
    pub body: WireBody,
}

/// One attempt's response: head now, body as it arrives.
pub struct RawResponse {
    /// The HTTP status, or 0 where there is none.
    pub status: u16,
    /// The headers that are worth keeping, names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: BoxStream<'static, Result<Bytes, LlmError>>,
}

/// Turns the bytes of a successful response into events.
pub trait Decoder: Send {
    /// Takes the next bytes and appends the events that they complete. Events before an error are still appended.
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), LlmError>;

    /// Says that the stream is over. A missing [`ModelEvent::Stop`] then means that the answer was cut off.
    fn finish(&mut self, out: &mut Vec<ModelEvent>) -> Result<(), LlmError>;

    /// How many useful pieces were read; keep-alives do not count.
    fn progress(&self) -> u64;
}

/// Something that answers.
pub trait Provider: Send + Sync {
    /// The first half of `provider/model`.
    fn name(&self) -> &str;

    /// The exact bytes to send. Pure.
    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError>;

    /// The call that sends a stored body again, byte for byte. It goes to where the provider is today, with the credentials of
    /// today: a stored call may come from anybody. Pure.
    fn again(&self, envelope: &Envelope, _body: WireBody) -> Result<WireCall, LlmError> {
        let why = format!("a stored request of {} cannot be sent again as it is", envelope.provider);
        Err(LlmError::new(Fault::BadRequest, self.name(), why))
    }

    /// Makes one attempt. A failing status is a response, not an error.
    fn open<'a>(&'a self, call: &'a WireCall) -> BoxFuture<'a, Result<RawResponse, LlmError>>;

    /// A decoder for one response.
    fn decoder(&self) -> Box<dyn Decoder>;

    /// Whether its protocol has a place for the option; what the model makes of it is another question.
    fn takes(&self, _option: CallOption) -> bool {
        false
    }

    /// The call that asks the provider how many tokens a request has, where it has one. It costs nothing.
    fn counting(&self, _request: &ModelRequest) -> Option<WireCall> {
        None
    }

    /// How long nothing useful may arrive, given what is configured. A person takes longer than a server.
    fn idle_limit(&self, configured: Duration) -> Duration {
        configured
    }
}

/// One attempt over HTTP.
async fn post(client: &Client, call: &WireCall) -> Result<RawResponse, LlmError> {
    let provider = call.envelope.provider.clone();
    let open = call.envelope.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let secret = call.secret_headers.iter().map(|(name, value)| (name.as_str(), value.expose()));
    let headers: Vec<_> = open.chain(secret).collect();
    let response = client.post(&call.envelope.url, &headers, call.body.bytes()).await;
    let mut response = response.map_err(|e| LlmError::from_net(&provider, &e))?;
    response.headers.retain(|name, _| net::is_kept(name));
    let body = response.body.map(move |item| item.map_err(|e| LlmError::from_net(&provider, &e))).boxed();
    Ok(RawResponse { status: response.status, headers: response.headers, body })
}

/// Asks the provider how many tokens a request has; `None` where it does not count.
pub async fn count(provider: &dyn Provider, request: &ModelRequest) -> Option<Result<Tokens, LlmError>> {
    let call = provider.counting(request)?;
    let ask = async {
        let mut response = provider.open(&call).await?;
        let mut body = Vec::new();
        while let Some(bytes) = response.body.next().await {
            body.extend(bytes?);
            if body.len() > LONGEST_COUNT {
                break;
            }
        }
        if !answer::is_success(response.status) {
            return Err(error::from_response(provider.name(), response.status, &response.headers, &body));
        }
        let counted = serde_json::from_slice::<Counted>(&body).ok().and_then(|c| c.total.or(c.input));
        counted.map(Tokens).ok_or_else(|| LlmError::new(Fault::Protocol, provider.name(), "it gave no count"))
    };
    Some(ask.await)
}

/// The longest answer to a question for a count.
const LONGEST_COUNT: usize = 1 << 20;

/// A count in the words of the protocols.
#[derive(serde::Deserialize)]
struct Counted {
    #[serde(rename = "totalTokens")]
    total: Option<u64>,
    #[serde(rename = "input_tokens")]
    input: Option<u64>,
}

#[cfg(test)]
mod tests;
