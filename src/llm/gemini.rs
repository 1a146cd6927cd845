//! Gemini's own protocol, `streamGenerateContent` with server-sent events.
//!
//! Invariants
//! - Whatever must go back unchanged (function calls, signatures, parts of unknown kinds) is a native part, in place, with
//!   the bytes that the API sent. One exception: text that carries a signature itself becomes plain text followed by an
//!   empty signed part, which is how the API streams it anyway; so the text is in the answer, and only once.
//! - Shown thinking is not sent back; its signature is.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde::Deserialize;

use crate::base::json::read::{First, Raw, Text};
use crate::base::money::Tokens;
use crate::base::options::CallOption;
use crate::config::Protocol;
use crate::session::request::{Encoding, ModelRequest, Role, WireBody};
use crate::session::stream::{ModelEvent, Stop, Usage};
use crate::session::turn::Envelope;

use super::endpoint::Endpoint;
use super::error::{Fault, LlmError, from_stream};
use super::talk::{Piece, Talk, own_id};
use super::wire::{Payloads, StreamDecoder, Writer, json_or_empty, quoted, read};
use super::{Decoder, Provider, RawResponse, WireCall};

const OPTIONS: &[(CallOption, &str)] = &[
    (CallOption::MaxTokens, "maxOutputTokens"),
    (CallOption::Temperature, "temperature"),
    (CallOption::TopP, "topP"),
    (CallOption::TopK, "topK"),
    (CallOption::Seed, "seed"),
    (CallOption::PresencePenalty, "presencePenalty"),
    (CallOption::FrequencyPenalty, "frequencyPenalty"),
    (CallOption::Stop, "stopSequences"),
];

/// The Gemini API.
pub struct Gemini(Endpoint);

impl Gemini {
    /// Where Google serves it.
    pub const BASE_URL: &'static str = "https://generativelanguage.googleapis.com";

    /// The API at the endpoint's address (without `/v1beta`).
    pub const fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    fn body(&self, request: &ModelRequest, talk: &Talk<'_>) -> Writer {
        let mut body = Writer::default();
        body.wire("{");
        self.fields(&mut body, request, talk);
        body.wire("}");
        body
    }

    fn fields(&self, body: &mut Writer, request: &ModelRequest, talk: &Talk<'_>) {
        if !talk.system.is_empty() {
            body.wire("\"systemInstruction\":{\"parts\":[");
            for (at, part) in talk.system.iter().enumerate() {
                body.wire(if at > 0 { "," } else { "" });
                self.piece(body, &Piece::Text(part));
            }
            body.wire("]},");
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                let (name, about) = (quoted(&tool.name), quoted(&tool.description));
                format!("{{\"name\":{name},\"description\":{about},\"parametersJsonSchema\":{}}}", json_or_empty(&tool.schema))
            });
            body.wire(&format!("\"tools\":[{{\"functionDeclarations\":[{}]}}],", tools.collect::<Vec<_>>().join(",")));
        }
        generation_config(body, request);
        body.wire("\"contents\":[");
        for (at, message) in talk.messages.iter().enumerate() {
            let role = if message.role == Role::Assistant { "model" } else { "user" };
            body.wire(if at > 0 { ",{\"role\":\"" } else { "{\"role\":\"" });
            body.wire(role);
            body.wire("\",\"parts\":[");
            for (at, piece) in message.pieces.iter().enumerate() {
                body.wire(if at > 0 { "," } else { "" });
                self.piece(body, piece);
            }
            body.wire("]}");
        }
        body.wire("]");
    }

    fn piece(&self, body: &mut Writer, piece: &Piece<'_>) {
        match piece {
            Piece::Text(part) => {
                body.wire("{\"text\":\"");
                body.text(part);
                body.wire("\"}");
            }
            Piece::Native(part) => body.part(part, Encoding::Raw),
            Piece::Call(call) => {
                let (id, name, args) = (quoted(&call.id), quoted(&call.name), json_or_empty(&call.arguments));
                let json =
                    format!("{{\"functionCall\":{{\"id\":{id},\"name\":{name},\"args\":{args}}},\"thoughtSignature\":{FOREIGN}}}");
                body.native(&self.0.name, json);
            }
            Piece::Result { call, part } => {
                let id = if call.unnamed { String::new() } else { format!("\"id\":{},", quoted(&call.id)) };
                body.wire(&format!("{{\"functionResponse\":{{{id}\"name\":{},\"response\":{{\"output\":", quoted(&call.name)));
                body.result(*part);
                body.wire("}}}");
            }
            Piece::Media { part, media } => {
                body.media(&format!("{{\"inlineData\":{{\"mimeType\":\"{}\",\"data\":\"", media.mime()), part, "\"}}");
            }
        }
    }
}

/// What stands for the signature of a call that another provider's model made; the API refuses one without.
const FOREIGN: &str = "\"skip_thought_signature_validator\"";

fn generation_config(body: &mut Writer, request: &ModelRequest) {
    let known = |option| OPTIONS.iter().find(|(known, _)| *known == option).map(|(_, name)| *name);
    let mut fields: Vec<String> =
        request.options.iter().filter_map(|(option, json)| Some(format!("\"{}\":{json}", known(option)?))).collect();
    // The API knows no level without any thinking; the least comes nearest.
    let effort = request.options.word(CallOption::Effort).map(|word| if word == "none" { "minimal" } else { word });
    fields.extend(effort.map(|word| format!("\"thinkingConfig\":{{\"thinkingLevel\":\"{word}\"}}")));
    if let Some(schema) = &request.schema {
        let shape = json_or_empty(&schema.schema);
        fields.push(format!("\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{shape}"));
    }
    if !fields.is_empty() {
        body.wire(&format!("\"generationConfig\":{{{}}},", fields.join(",")));
    }
}

impl Provider for Gemini {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError> {
        let model = request.model.model.as_str();
        if model.is_empty() || !model.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
            return Err(LlmError::new(Fault::NotFound, self.name(), format!("{model:?} is not the name of a model")));
        }
        let talk = Talk::to_answer(self.name(), &request.parts)?;
        let path = format!("/v1beta/models/{model}:streamGenerateContent?alt=sse");
        Ok(self.0.call(Protocol::Gemini, &path, &[], self.body(request, &talk).finish()))
    }

    fn again(&self, envelope: &Envelope, body: WireBody) -> Result<WireCall, LlmError> {
        self.0.again(Protocol::Gemini, envelope, body)
    }

    fn open<'a>(&'a self, call: &'a WireCall) -> BoxFuture<'a, Result<RawResponse, LlmError>> {
        Box::pin(self.0.open(call))
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(decoder(self.name()))
    }

    fn counting(&self, request: &ModelRequest) -> Option<WireCall> {
        let model = request.model.model.as_str();
        let mut body = Writer::default();
        body.wire(&format!("{{\"generateContentRequest\":{{\"model\":{},", quoted(&format!("models/{model}"))));
        self.fields(&mut body, request, &Talk::new(self.name(), &request.parts));
        body.wire("}}");
        Some(self.0.call(Protocol::Gemini, &format!("/v1beta/models/{model}:countTokens"), &[], body.finish()))
    }

    fn takes(&self, option: CallOption) -> bool {
        option == CallOption::Effort || OPTIONS.iter().any(|(known, _)| *known == option)
    }
}

/// A decoder of the API's stream, for recordings too.
pub(super) fn decoder(provider: &str) -> impl Decoder + use<> {
    StreamDecoder::new(State { provider: provider.to_owned(), ..State::default() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a, P> {
    candidates: Option<First<Candidate<P>>>,
    usage_metadata: Option<Counts>,
    #[serde(borrow)]
    model_version: Option<Text<'a>>,
    prompt_feedback: Option<Feedback>,
    #[serde(borrow)]
    error: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<P> {
    content: Option<Content<P>>,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Deserialize)]
struct Content<P> {
    parts: Option<Vec<P>>,
}

impl<P> Chunk<'_, P> {
    /// The candidate; others are never asked for.
    fn candidate(&self) -> Option<&Candidate<P>> {
        self.candidates.as_ref().and_then(|list| list.0.as_ref())
    }

    fn take_parts(&mut self) -> Vec<P> {
        let candidate = self.candidates.as_mut().and_then(|list| list.0.as_mut());
        candidate.and_then(|candidate| candidate.content.as_mut()?.parts.take()).unwrap_or_default()
    }

    fn parts(&self) -> &[P] {
        let content = self.candidate().and_then(|candidate| candidate.content.as_ref());
        content.and_then(|content| content.parts.as_deref()).unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wired<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(default)]
    thought: bool,
    #[serde(borrow)]
    thought_signature: Option<Raw<'a>>,
    #[serde(borrow)]
    function_call: Option<FunctionCall<'a>>,
}

impl Wired<'_> {
    /// Whether it is nothing but text.
    const fn is_text(&self) -> bool {
        self.text.is_some() && self.thought_signature.is_none() && self.function_call.is_none()
    }

    fn said(self) -> Option<ModelEvent> {
        self.text.and_then(Text::some).map(if self.thought { ModelEvent::Reasoning } else { ModelEvent::Text })
    }
}

#[derive(Deserialize)]
struct FunctionCall<'a> {
    id: Option<String>,
    name: String,
    #[serde(borrow)]
    args: Option<Raw<'a>>,
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
    provider: String,
    served: String,
    usage: Usage,
    calls: usize,
    /// How many calls had no id, by their name.
    unnamed: BTreeMap<String, usize>,
}

impl State {
    fn piece(&mut self, raw: Raw<'_>, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        let piece: Wired<'_> = read(&self.provider, raw.get())?;
        if piece.is_text() {
            out.extend(piece.said());
            return Ok(());
        }
        let native = |out: &mut Vec<ModelEvent>| out.push(ModelEvent::Native(raw.get().as_bytes().to_vec()));
        if let Some(call) = piece.function_call {
            self.calls += 1;
            let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| {
                let earlier = self.unnamed.entry(call.name.clone()).or_default();
                *earlier += 1;
                own_id(&call.name, *earlier - 1)
            });
            out.push(ModelEvent::ToolCall { id, name: call.name, arguments: call.args.map_or("{}", Raw::get).to_owned() });
            native(out);
            return Ok(());
        }
        match (piece.text, piece.thought_signature) {
            (Some(Text(text)), Some(_)) if piece.thought => {
                if !text.is_empty() {
                    out.push(ModelEvent::Reasoning(text.into_owned()));
                }
                native(out);
            }
            (Some(Text(text)), Some(signature)) if !text.is_empty() => {
                out.push(ModelEvent::Text(text.into_owned()));
                let signed = format!("{{\"text\":\"\",\"thoughtSignature\":{}}}", signature.get());
                out.push(ModelEvent::Native(signed.into_bytes()));
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
        match read::<Chunk<'_, Wired<'_>>>(&self.provider, json) {
            Ok(chunk) if chunk.parts().iter().all(Wired::is_text) => self.chunk(json, chunk, out, |_, part, out| {
                out.extend(part.said());
                Ok(())
            }),
            // The bytes of its parts are wanted, which takes a second look.
            _ => self.chunk(json, read(&self.provider, json)?, out, |state, raw: Raw<'_>, out| state.piece(raw, out)),
        }
    }
}

impl State {
    fn chunk<P>(
        &mut self,
        json: &str,
        mut chunk: Chunk<'_, P>,
        out: &mut Vec<ModelEvent>,
        take: impl Fn(&mut Self, P, &mut Vec<ModelEvent>) -> Result<(), LlmError>,
    ) -> Result<bool, LlmError> {
        if chunk.error.is_some() {
            return Err(from_stream(&self.provider, json));
        }
        let before = out.len();
        if let Some(Text(served)) = &chunk.model_version
            && self.served != **served
        {
            (**served).clone_into(&mut self.served);
            out.push(ModelEvent::Served(self.served.clone()));
        }
        chunk.take_parts().into_iter().try_for_each(|part| take(self, part, out))?;
        let candidate = chunk.candidates.and_then(|list| list.0);
        let (reason, message) = candidate.map_or((None, None), |c| (c.finish_reason, c.finish_message));
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
