//! Gemini's own protocol, `streamGenerateContent` with server-sent events.
//!
//! Invariants
//! - Whatever must go back unchanged (function calls, signatures, parts of unknown kinds) is a native part, in place, with
//!   the bytes that the API sent. One exception: text that carries a signature itself becomes plain text followed by an
//!   empty signed part, which is how the API streams it anyway; so the text is in the answer, and only once.
//! - Shown thinking is not sent back; its signature is.

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::value::RawValue;

use std::sync::Arc;

use crate::base::clock::Timestamp;
use crate::base::money::Tokens;
use crate::config::secret::Secret;
use crate::net::Client;
use crate::session::request::{Encoding, ModelRequest, Part, Role};
use crate::session::stream::{ModelEvent, Stop, Usage};
use crate::session::turn::{Envelope, Price};

use super::error::{Fault, LlmError, from_stream};
use super::wire::{Payloads, StreamDecoder, Writer, is_text, split_system, utf8};
use super::{Decoder, Provider, RawResponse, WireCall, catalog};

const NAME: &str = "gemini";

/// The Gemini API.
pub struct Gemini {
    base_url: String,
    key: Secret,
    client: Arc<Client>,
}

impl Gemini {
    /// Where Google serves it.
    pub const BASE_URL: &'static str = "https://generativelanguage.googleapis.com";

    /// The API at `base_url` (without `/v1beta`).
    pub fn new(base_url: &str, key: Secret, client: Arc<Client>) -> Self {
        Self { base_url: base_url.trim_end_matches('/').to_owned(), key, client }
    }
}

impl Provider for Gemini {
    fn name(&self) -> &str {
        NAME
    }

    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError> {
        let model = catalog::gemini_alias(&request.model.model);
        if model.is_empty() || !model.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
            return Err(LlmError::new(Fault::NotFound, NAME, format!("{model:?} is not the name of a model")));
        }
        let url = format!("{}/v1beta/models/{model}:streamGenerateContent?alt=sse", self.base_url);
        let mine = |part: &&Part| is_text(part) || part.kind.native_provider() == Some(NAME);
        let (system, rest) = split_system(request.parts.iter().filter(mine));
        if rest.is_empty() {
            return Err(LlmError::new(Fault::BadRequest, NAME, "the request has no message"));
        }
        let mut body = Writer::default();
        body.wire("{");
        if !system.is_empty() {
            body.wire("\"systemInstruction\":{\"parts\":[");
            parts(&mut body, system);
            body.wire("]},");
        }
        if let Some(limit) = request.max_output {
            body.wire(&format!("\"generationConfig\":{{\"maxOutputTokens\":{}}},", limit.0));
        }
        body.wire("\"contents\":[");
        for (at, message) in rest.chunk_by(|a, b| a.0 == b.0).enumerate() {
            let role = if message[0].0 == Role::Assistant { "model" } else { "user" };
            body.wire(if at > 0 { ",{\"role\":\"" } else { "{\"role\":\"" });
            body.wire(role);
            body.wire("\",\"parts\":[");
            parts(&mut body, message.iter().map(|(_, part)| *part));
            body.wire("]}");
        }
        body.wire("]}");
        Ok(WireCall {
            envelope: Envelope {
                provider: NAME.to_owned(),
                method: "POST".to_owned(),
                url,
                headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
            },
            secret_headers: vec![("x-goog-api-key".to_owned(), self.key.clone())],
            body: body.finish(),
        })
    }

    fn open<'a>(&'a self, call: &'a WireCall) -> BoxFuture<'a, Result<RawResponse, LlmError>> {
        Box::pin(super::post(&self.client, call))
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(decoder())
    }

    fn price(&self, model: &str, usage: &Usage, at: Timestamp) -> Option<Price> {
        catalog::gemini_price(model, usage.input + usage.cache_read, at)
    }

    fn context_window(&self, model: &str) -> Option<Tokens> {
        catalog::gemini_window(model)
    }
}

fn parts<'a>(body: &mut Writer, parts: impl IntoIterator<Item = &'a Part>) {
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            body.wire(",");
        }
        if part.kind.native_provider().is_some() {
            body.part(part, Encoding::Raw);
            continue;
        }
        body.wire("{\"text\":\"");
        body.part(&utf8(part), Encoding::Json);
        body.wire("\"}");
    }
}

/// A decoder of the API's stream, for recordings too.
pub(super) fn decoder() -> impl Decoder {
    StreamDecoder::new(State::default())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
    usage_metadata: Option<Counts>,
    model_version: Option<String>,
    prompt_feedback: Option<Feedback>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow)]
    content: Option<Content<'a>>,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Piece<'a> {
    text: Option<String>,
    #[serde(default)]
    thought: bool,
    #[serde(borrow)]
    thought_signature: Option<&'a RawValue>,
    #[serde(borrow)]
    function_call: Option<FunctionCall<'a>>,
}

#[derive(Deserialize)]
struct FunctionCall<'a> {
    id: Option<String>,
    name: String,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
    block_reason_message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "these are the API's names")]
struct Counts {
    prompt_token_count: u64,
    tool_use_prompt_token_count: u64,
    cached_content_token_count: u64,
    candidates_token_count: u64,
    thoughts_token_count: u64,
}

impl Counts {
    fn usage(&self) -> Usage {
        let read = self.prompt_token_count.saturating_add(self.tool_use_prompt_token_count);
        Usage {
            input: Tokens(read.saturating_sub(self.cached_content_token_count)),
            cache_read: Tokens(self.cached_content_token_count),
            cache_write: Tokens(0),
            output: Tokens(self.candidates_token_count.saturating_add(self.thoughts_token_count)),
            reasoning: Tokens(self.thoughts_token_count),
        }
    }
}

#[derive(Default)]
struct State {
    served: Option<String>,
    usage: Usage,
    calls: usize,
}

impl State {
    fn piece(&mut self, raw: &RawValue, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        let piece: Piece = serde_json::from_str(raw.get()).map_err(|e| unreadable(&e))?;
        let native = |out: &mut Vec<ModelEvent>| out.push(ModelEvent::Native(raw.get().as_bytes().to_vec()));
        if let Some(call) = piece.function_call {
            self.calls += 1;
            out.push(ModelEvent::ToolCall {
                id: call.id.unwrap_or_else(|| format!("call-{}", self.calls)),
                name: call.name,
                arguments: call.args.map_or("{}", RawValue::get).to_owned(),
            });
            native(out);
            return Ok(());
        }
        match (piece.text, piece.thought_signature) {
            (Some(text), signature) if piece.thought => {
                if !text.is_empty() {
                    out.push(ModelEvent::Reasoning(text));
                }
                if signature.is_some() {
                    native(out);
                }
            }
            (Some(text), Some(signature)) if !text.is_empty() => {
                out.push(ModelEvent::Text(text));
                let signed = format!("{{\"text\":\"\",\"thoughtSignature\":{}}}", signature.get());
                out.push(ModelEvent::Native(signed.into_bytes()));
            }
            (Some(text), None) => {
                if !text.is_empty() {
                    out.push(ModelEvent::Text(text));
                }
            }
            _ => native(out),
        }
        Ok(())
    }

    fn stop(&self, reason: String, message: Option<String>) -> Stop {
        let why = |reason: String| match message {
            Some(message) => format!("{reason}: {message}"),
            None => reason,
        };
        match reason.as_str() {
            // A turn with function calls also ends with STOP.
            "STOP" if self.calls > 0 => Stop::ToolUse,
            "STOP" => Stop::End,
            // CONTINUATION is the same limit, from where the API could go on.
            "MAX_TOKENS" | "CONTINUATION" => Stop::Length,
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE" | "IMAGE_SAFETY" => {
                Stop::Refused(why(reason))
            }
            _ => Stop::Other(why(reason)),
        }
    }
}

impl Payloads for State {
    fn payload(&mut self, json: &str, out: &mut Vec<ModelEvent>) -> Result<bool, LlmError> {
        let chunk: Chunk = serde_json::from_str(json).map_err(|e| unreadable(&e))?;
        if chunk.error.is_some() {
            return Err(from_stream(NAME, json));
        }
        let before = out.len();
        if chunk.model_version.is_some() && chunk.model_version != self.served {
            self.served.clone_from(&chunk.model_version);
            out.extend(chunk.model_version.map(ModelEvent::Served));
        }
        let candidate = chunk.candidates.into_iter().flatten().next();
        let (content, reason, message) = candidate.map_or((None, None, None), |c| (c.content, c.finish_reason, c.finish_message));
        for raw in content.and_then(|c| c.parts).into_iter().flatten() {
            self.piece(raw, out)?;
        }
        if let Some(usage) = chunk.usage_metadata.map(|counts| counts.usage()).filter(|usage| *usage != self.usage) {
            self.usage = usage;
            out.push(ModelEvent::Usage(usage));
        }
        let blocked = chunk.prompt_feedback.and_then(|f| Some((f.block_reason?, f.block_reason_message)));
        if let Some((reason, message)) = blocked {
            let why = message.map_or_else(|| reason.clone(), |message| format!("{reason}: {message}"));
            out.push(ModelEvent::Stop(Stop::Refused(why)));
        } else if let Some(reason) = reason {
            out.push(ModelEvent::Stop(self.stop(reason, message)));
        }
        Ok(out.len() > before)
    }
}

fn unreadable(error: &serde_json::Error) -> LlmError {
    LlmError::new(Fault::Protocol, NAME, format!("the answer cannot be read: {error}"))
}
