//! Chat completions as OpenAI defined them, which most other servers speak too: llama-server, OpenRouter, xAI, vLLM …
//!
//! Invariants
//! - Only text goes back to the model; native parts belong to other protocols and are skipped.
//! - A message's parts become one string: servers with simple templates accept nothing else. The user's parts are
//!   separated by an empty line, the model's own are not separated, because they are pieces of one text.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::base::json::escape_into;
use crate::base::money::Tokens;
use crate::config::secret::Secret;
use crate::net::Client;
use crate::session::request::{Encoding, ModelRequest, Part, Role};
use crate::session::stream::{ModelEvent, Stop, Usage};
use crate::session::turn::Envelope;

use super::error::{Fault, LlmError, from_stream};
use super::wire::{Payloads, StreamDecoder, Writer, is_text, split_system, utf8};
use super::{Decoder, Provider, RawResponse, WireCall};

/// Which server, and how it wants to be spoken to.
pub struct ChatOptions {
    /// The provider's name here: `openai`, `llama`, `xai` …
    pub name: String,
    /// The address up to and with `/v1`.
    pub base_url: String,
    /// Local servers need none.
    pub key: Option<Secret>,
}

/// A server that speaks chat completions.
pub struct Chat {
    options: ChatOptions,
    client: Arc<Client>,
}

impl Chat {
    /// Where OpenAI serves it.
    pub const OPENAI_URL: &'static str = "https://api.openai.com/v1";

    pub fn new(options: ChatOptions, client: Arc<Client>) -> Self {
        Self { options, client }
    }
}

impl Provider for Chat {
    fn name(&self) -> &str {
        &self.options.name
    }

    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError> {
        let (system, rest) = split_system(request.parts.iter().filter(|part| is_text(part)));
        if rest.is_empty() {
            return Err(LlmError::new(Fault::BadRequest, self.name(), "the request has no message"));
        }
        let mut body = Writer::default();
        let mut model = Vec::new();
        escape_into(&mut model, &request.model.model);
        body.wire(&format!("{{\"model\":\"{}\",", String::from_utf8_lossy(&model)));
        body.wire("\"stream\":true,\"stream_options\":{\"include_usage\":true},");
        if let Some(limit) = request.max_output {
            // OpenAI's own models refuse the old name, most other servers do not know the new one.
            let name = if self.name() == "openai" { "max_completion_tokens" } else { "max_tokens" };
            body.wire(&format!("\"{name}\":{},", limit.0));
        }
        body.wire("\"messages\":[");
        let system = (!system.is_empty()).then_some(("system", system));
        let rest = rest.chunk_by(|a, b| a.0 == b.0).map(|run| {
            let role = if run[0].0 == Role::Assistant { "assistant" } else { "user" };
            (role, run.iter().map(|(_, part)| *part).collect())
        });
        for (at, (role, parts)) in system.into_iter().chain(rest).enumerate() {
            body.wire(if at > 0 { ",{\"role\":\"" } else { "{\"role\":\"" });
            body.wire(role);
            body.wire("\",\"content\":\"");
            content(&mut body, &parts, if role == "assistant" { "" } else { "\\n\\n" });
            body.wire("\"}");
        }
        body.wire("]}");
        let key = self.options.key.as_ref().map(|key| Secret::new(key.name(), format!("Bearer {}", key.expose())));
        Ok(WireCall {
            envelope: Envelope {
                provider: self.options.name.clone(),
                method: "POST".to_owned(),
                url: format!("{}/chat/completions", self.options.base_url.trim_end_matches('/')),
                headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
            },
            secret_headers: key.map(|key| ("authorization".to_owned(), key)).into_iter().collect(),
            body: body.finish(),
        })
    }

    fn open<'a>(&'a self, call: &'a WireCall) -> BoxFuture<'a, Result<RawResponse, LlmError>> {
        Box::pin(super::post(&self.client, call))
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(decoder(self.name()))
    }
}

fn content(body: &mut Writer, parts: &[&Part], between: &str) {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            body.wire(between);
        }
        body.part(&utf8(part), Encoding::Json);
    }
}

/// A decoder of the stream, for recordings too.
pub(super) fn decoder(provider: &str) -> impl Decoder + use<> {
    StreamDecoder::new(State { provider: provider.to_owned(), ..State::default() })
}

#[derive(Deserialize)]
struct Chunk<'a> {
    choices: Option<Vec<Choice>>,
    usage: Option<Counts>,
    model: Option<String>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice {
    // `message` is the name in an answer that is not streamed.
    #[serde(alias = "message")]
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    /// Narrower than the number of a call, so that there is always a next one.
    index: Option<u32>,
    id: Option<String>,
    function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
struct FunctionDelta {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    total_tokens: u64,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize, Default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl Counts {
    fn usage(self) -> Usage {
        let prompt = self.prompt_tokens_details.unwrap_or_default();
        let (read, write) = (prompt.cached_tokens.unwrap_or(0), prompt.cache_write_tokens.unwrap_or(0));
        let reasoning = self.completion_tokens_details.and_then(|d| d.reasoning_tokens).unwrap_or(0);
        let listed = self.prompt_tokens.saturating_add(self.completion_tokens);
        // Some servers count thinking beside the completion instead of in it; the total gives them away.
        let beside = if listed.saturating_add(reasoning) == self.total_tokens { reasoning } else { 0 };
        Usage {
            input: Tokens(self.prompt_tokens.saturating_sub(read).saturating_sub(write)),
            cache_read: Tokens(read),
            cache_write: Tokens(write),
            output: Tokens(self.completion_tokens.saturating_add(beside)),
            reasoning: Tokens(reasoning),
        }
    }
}

#[derive(Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

#[derive(Default)]
struct State {
    provider: String,
    served: Option<String>,
    usage: Usage,
    calls: BTreeMap<u64, Call>,
    refusal: String,
    finish: Option<String>,
    ended: bool,
}

impl State {
    fn delta(&mut self, delta: Delta, out: &mut Vec<ModelEvent>) -> bool {
        let before = out.len();
        let reasoning = delta.reasoning_content.or(delta.reasoning).filter(|text| !text.is_empty());
        out.extend(reasoning.map(ModelEvent::Reasoning));
        out.extend(delta.content.filter(|text| !text.is_empty()).map(ModelEvent::Text));
        self.refusal.push_str(delta.refusal.as_deref().unwrap_or_default());
        let calls = delta.tool_calls.unwrap_or_default();
        let useful = out.len() > before || !calls.is_empty() || delta.refusal.is_some_and(|text| !text.is_empty());
        for call in calls {
            self.call(call);
        }
        useful
    }

    /// Joins the pieces of a call by index. A server that gives no index gives an id with the first piece of each call.
    fn call(&mut self, piece: CallDelta) {
        let last = self.calls.last_key_value().map(|(at, call)| (*at, call.id.as_str()));
        let index = match (piece.index, last) {
            (Some(index), _) => index.into(),
            (None, None) => 0,
            (None, Some((at, id))) => at + u64::from(piece.id.as_deref().is_some_and(|new| !new.is_empty() && new != id)),
        };
        let call = self.calls.entry(index).or_default();
        if let Some(id) = piece.id.filter(|id| !id.is_empty()) {
            call.id = id;
        }
        if let Some(function) = piece.function {
            call.name.push_str(function.name.as_deref().unwrap_or_default());
            call.arguments.push_str(function.arguments.as_deref().unwrap_or_default());
        }
    }

    fn stop(&mut self, out: &mut Vec<ModelEvent>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let calls = std::mem::take(&mut self.calls);
        let wants_tools = !calls.is_empty();
        for (at, call) in calls {
            out.push(ModelEvent::ToolCall {
                id: if call.id.is_empty() { format!("call-{}", at + 1) } else { call.id },
                name: call.name,
                arguments: if call.arguments.is_empty() { "{}".to_owned() } else { call.arguments },
            });
        }
        let refusal = std::mem::take(&mut self.refusal);
        out.push(ModelEvent::Stop(match self.finish.take() {
            _ if !refusal.is_empty() => Stop::Refused(refusal),
            Some(reason) if reason == "length" => Stop::Length,
            Some(reason) if reason == "content_filter" => Stop::Refused(reason),
            Some(reason) if !matches!(reason.as_str(), "stop" | "tool_calls" | "function_call") => Stop::Other(reason),
            _ if wants_tools => Stop::ToolUse,
            _ => Stop::End,
        }));
    }
}

impl Payloads for State {
    fn payload(&mut self, json: &str, out: &mut Vec<ModelEvent>) -> Result<bool, LlmError> {
        if json.trim() == "[DONE]" {
            self.stop(out);
            return Ok(true);
        }
        let chunk: Chunk = serde_json::from_str(json)
            .map_err(|e| LlmError::new(Fault::Protocol, &self.provider, format!("the answer cannot be read: {e}")))?;
        if chunk.error.is_some() {
            return Err(from_stream(&self.provider, json));
        }
        let mut useful = false;
        if chunk.model.as_ref().is_some_and(|model| !model.is_empty()) && chunk.model != self.served {
            self.served.clone_from(&chunk.model);
            out.extend(chunk.model.map(ModelEvent::Served));
            useful = true;
        }
        if let Some(choice) = chunk.choices.into_iter().flatten().next() {
            if let Some(delta) = choice.delta {
                useful |= self.delta(delta, out);
            }
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                self.finish = Some(reason);
                useful = true;
            }
        }
        if let Some(usage) = chunk.usage.map(Counts::usage).filter(|usage| *usage != self.usage) {
            self.usage = usage;
            out.push(ModelEvent::Usage(usage));
            useful = true;
        }
        Ok(useful)
    }

    fn end(&mut self, out: &mut Vec<ModelEvent>) {
        // Some servers leave out `[DONE]`; the reason to finish is an end too.
        if self.finish.is_some() {
            self.stop(out);
        }
    }
}
