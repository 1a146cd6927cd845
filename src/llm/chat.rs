//! Chat completions as OpenAI defined them, which most other servers speak too: llama-server, OpenRouter, xAI, vLLM …
//!
//! Invariants
//! - A message's texts become one string: servers with simple templates accept nothing else. The user's are separated by an
//!   empty line, the model's own are not separated, because they are pieces of one text. Only images need a list.
//! - A call goes back as one piece of JSON, however it arrived.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde::Deserialize;

use crate::base::json::read::{First, Raw, Text};
use crate::base::money::Tokens;
use crate::base::options::CallOption;
use crate::config::Protocol;
use crate::session::request::{Encoding, ModelRequest, ToolSpec, WireBody};
use crate::session::stream::{ModelEvent, Stop, Usage};
use crate::session::turn::Envelope;

use super::endpoint::Endpoint;
use super::error::{LlmError, from_stream};
use super::talk::{Message, Piece, Run, Talk, texts};
use super::wire::{Payloads, StreamDecoder, Writer, joined, json_or_empty, quoted, read, usd};
use super::{Decoder, Provider, RawResponse, WireCall};

/// Servers that are not OpenAI's own know more, under the same names.
const OPTIONS: &[(CallOption, &str)] = &[
    (CallOption::Effort, "reasoning_effort"),
    (CallOption::Temperature, "temperature"),
    (CallOption::TopP, "top_p"),
    (CallOption::Seed, "seed"),
    (CallOption::PresencePenalty, "presence_penalty"),
    (CallOption::FrequencyPenalty, "frequency_penalty"),
    (CallOption::Stop, "stop"),
];
const MORE: &[(CallOption, &str)] = &[
    (CallOption::TopK, "top_k"),
    (CallOption::MinP, "min_p"),
    (CallOption::RepeatPenalty, "repeat_penalty"),
    (CallOption::Mirostat, "mirostat"),
    (CallOption::MirostatTau, "mirostat_tau"),
    (CallOption::MirostatEta, "mirostat_eta"),
];

/// A server that speaks chat completions.
pub struct Chat(Endpoint);

impl Chat {
    /// Where OpenAI serves it.
    pub const OPENAI_URL: &'static str = "https://api.openai.com/v1";

    /// The server at the endpoint's address, up to and with `/v1`.
    pub const fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    fn is_openai(&self) -> bool {
        self.0.name == "openai"
    }

    fn body(&self, request: &ModelRequest, talk: &Talk<'_>) -> Writer {
        let mut body = Writer::default();
        body.wire(&format!("{{\"model\":{},", quoted(&request.model.model)));
        body.wire("\"stream\":true,\"stream_options\":{\"include_usage\":true},");
        if let Some(limit) = request.options.get(CallOption::MaxTokens) {
            // OpenAI's own models refuse the old name, most other servers do not know the new one.
            let name = if self.is_openai() { "max_completion_tokens" } else { "max_tokens" };
            body.wire(&format!("\"{name}\":{limit},"));
        }
        body.options(&request.options, OPTIONS);
        if !self.is_openai() {
            body.options(&request.options, MORE);
        }
        if let Some(schema) = &request.schema {
            let (name, shape) = (quoted(&schema.name), json_or_empty(&schema.schema));
            body.wire(&format!(
                "\"response_format\":{{\"type\":\"json_schema\",\"json_schema\":{{\"name\":{name},\"schema\":{shape},\"strict\":true}}}},"
            ));
        }
        if !request.tools.is_empty() {
            body.wire(&format!("\"tools\":[{}],", request.tools.iter().map(tool).collect::<Vec<_>>().join(",")));
        }
        body.wire("\"messages\":[");
        if !talk.system.is_empty() {
            body.wire("{\"role\":\"system\",\"content\":\"");
            joined(&mut body, &talk.system, "\\n\\n");
            body.wire("\"}");
        }
        for (at, run) in talk.messages.iter().flat_map(Message::runs).enumerate() {
            body.wire(if at > 0 || !talk.system.is_empty() { ",{\"role\":\"" } else { "{\"role\":\"" });
            self.run(&mut body, &run);
            body.wire("}");
        }
        body.wire("]}");
        body
    }

    fn run(&self, body: &mut Writer, run: &Run<'_, '_>) {
        match run {
            Run::User(pieces) if pieces.iter().any(|piece| matches!(piece, Piece::Media { .. })) => {
                body.wire("user\",\"content\":[");
                for (at, piece) in pieces.iter().enumerate() {
                    body.wire(if at > 0 { "," } else { "" });
                    content(body, piece);
                }
                body.wire("]");
            }
            Run::User(pieces) => {
                body.wire("user\",\"content\":\"");
                joined(body, &texts(pieces), "\\n\\n");
                body.wire("\"");
            }
            Run::Assistant { texts, calls } => {
                body.wire("assistant\",\"content\":\"");
                joined(body, texts, "");
                body.wire("\"");
                for (at, call) in calls.iter().enumerate() {
                    body.wire(if at > 0 { "," } else { ",\"tool_calls\":[" });
                    self.call(body, call);
                }
                body.wire(if calls.is_empty() { "" } else { "]" });
            }
            Run::Result { call, part } => {
                body.wire(&format!("tool\",\"tool_call_id\":{},\"content\":", quoted(&call.id)));
                body.result(*part);
            }
        }
    }

    fn call(&self, body: &mut Writer, piece: &Piece<'_>) {
        match piece {
            Piece::Native(part) => body.part(part, Encoding::Raw),
            Piece::Call(call) => body.native(&self.0.name, call_json(&call.id, &call.name, &call.arguments)),
            _ => {}
        }
    }
}

/// A tool as chat completions, and Ollama, want it described.
pub(super) fn tool(tool: &ToolSpec) -> String {
    let (name, about, shape) = (quoted(&tool.name), quoted(&tool.description), json_or_empty(&tool.schema));
    format!("{{\"type\":\"function\",\"function\":{{\"name\":{name},\"description\":{about},\"parameters\":{shape}}}}}")
}

fn call_json(id: &str, name: &str, arguments: &str) -> String {
    let (id, name, arguments) = (quoted(id), quoted(name), quoted(arguments));
    format!("{{\"id\":{id},\"type\":\"function\",\"function\":{{\"name\":{name},\"arguments\":{arguments}}}}}")
}

fn content(body: &mut Writer, piece: &Piece<'_>) {
    match piece {
        Piece::Text(part) => {
            body.wire("{\"type\":\"text\",\"text\":\"");
            body.text(part);
            body.wire("\"}");
        }
        Piece::Media { part, media } if media.is_image() => {
            let before = format!("{{\"type\":\"image_url\",\"image_url\":{{\"url\":\"data:{};base64,", media.mime());
            body.media(&before, part, "\"}}");
        }
        Piece::Media { part, media } => {
            let name = quoted(part.kind.subject().unwrap_or("document"));
            let mime = media.mime();
            let before = format!("{{\"type\":\"file\",\"file\":{{\"filename\":{name},\"file_data\":\"data:{mime};base64,");
            body.media(&before, part, "\"}}");
        }
        Piece::Native(_) | Piece::Call(_) | Piece::Result { .. } => {}
    }
}

impl Provider for Chat {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError> {
        let talk = Talk::to_answer(self.name(), &request.parts)?;
        let body = self.body(request, &talk).finish();
        Ok(self.0.call(Protocol::OpenAi, "/chat/completions", &[], body))
    }

    fn again(&self, envelope: &Envelope, body: WireBody) -> Result<WireCall, LlmError> {
        self.0.again(Protocol::OpenAi, envelope, body)
    }

    fn open<'a>(&'a self, call: &'a WireCall) -> BoxFuture<'a, Result<RawResponse, LlmError>> {
        Box::pin(self.0.open(call))
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(decoder(self.name()))
    }

    fn takes(&self, option: CallOption) -> bool {
        let known = |table: &[(CallOption, &str)]| table.iter().any(|(name, _)| *name == option);
        option == CallOption::MaxTokens || known(OPTIONS) || (!self.is_openai() && known(MORE))
    }
}

/// A decoder of the stream, for recordings too.
pub(super) fn decoder(provider: &str) -> impl Decoder + use<> {
    StreamDecoder::new(State { provider: provider.to_owned(), ..State::default() })
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Option<First<Choice<'a>>>,
    #[serde(borrow)]
    usage: Option<Counts<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    // `message` is the name in an answer that is not streamed.
    #[serde(alias = "message", borrow)]
    delta: Option<Delta<'a>>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning: Option<Text<'a>>,
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
struct Counts<'a> {
    /// Routers of models say what a call costs, in dollars.
    #[serde(borrow)]
    cost: Option<Raw<'a>>,
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

impl Counts<'_> {
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
    served: String,
    usage: Usage,
    calls: BTreeMap<u64, Call>,
    refusal: String,
    finish: Option<String>,
    ended: bool,
}

impl State {
    fn delta(&mut self, delta: Delta<'_>, out: &mut Vec<ModelEvent>) -> bool {
        let before = out.len();
        out.extend(delta.reasoning_content.or(delta.reasoning).and_then(Text::some).map(ModelEvent::Reasoning));
        out.extend(delta.content.and_then(Text::some).map(ModelEvent::Text));
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
        for (at, Call { id, name, arguments }) in calls {
            let id = if id.is_empty() { format!("call-{}", at + 1) } else { id };
            let arguments = if arguments.is_empty() { "{}".to_owned() } else { arguments };
            let native = call_json(&id, &name, &arguments).into_bytes();
            out.push(ModelEvent::ToolCall { id, name, arguments });
            out.push(ModelEvent::Native(native));
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
        let chunk: Chunk = read(&self.provider, json)?;
        if chunk.error.is_some() {
            return Err(from_stream(&self.provider, json));
        }
        let mut useful = false;
        if let Some(Text(model)) = &chunk.model
            && !model.is_empty()
            && self.served != **model
        {
            (**model).clone_into(&mut self.served);
            out.push(ModelEvent::Served(self.served.clone()));
            useful = true;
        }
        if let Some(choice) = chunk.choices.and_then(|list| list.0) {
            if let Some(delta) = choice.delta {
                useful |= self.delta(delta, out);
            }
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                self.finish = Some(reason);
                useful = true;
            }
        }
        out.extend(chunk.usage.as_ref().and_then(|counts| counts.cost).and_then(usd).map(ModelEvent::Cost));
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
