//! Anthropic's Messages API, with server-sent events.
//!
//! Invariants
//! - Signed thinking and everything else that is not text goes back as it came: the API refuses a session whose blocks were
//!   changed. A block that arrived in pieces is put together as JSON with the same values.
//! - What is cached is everything up to the end of the request, by one mark outside of the messages: a mark inside one would
//!   have to move, and change what was sent before.
//! - An option that the model does not take makes the API refuse the request, so none is sent that nobody asked for.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde::Deserialize;

use crate::base::json::read::{self, Raw, Text};
use crate::base::money::Tokens;
use crate::base::options::CallOption;
use crate::config::Protocol;
use crate::session::request::{Encoding, ModelRequest, Role, WireBody};
use crate::session::stream::{ModelEvent, Stop, Usage};
use crate::session::turn::Envelope;

use super::endpoint::Endpoint;
use super::error::{LlmError, from_stream};
use super::talk::{Call, Piece, Talk};
use super::wire::{Payloads, StreamDecoder, Writer, is_json, json_or_empty, quoted, read};
use super::{Decoder, Provider, RawResponse, WireCall};

/// The version of the API that is spoken here.
const VERSION: &str = "2023-06-01";
/// The longest answer that is asked for when nobody knows what the model can give; the API wants a number, and every model
/// takes this one.
const MAX_TOKENS: Tokens = Tokens(8_192);

const OPTIONS: &[(CallOption, &str)] = &[
    (CallOption::Temperature, "temperature"),
    (CallOption::TopP, "top_p"),
    (CallOption::TopK, "top_k"),
    (CallOption::Stop, "stop_sequences"),
];

/// A server that speaks the Messages API.
pub struct Anthropic(Endpoint);

impl Anthropic {
    /// Where Anthropic serves it.
    pub const BASE_URL: &'static str = "https://api.anthropic.com";

    /// The API at the endpoint's address (without `/v1`).
    pub const fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    fn body(&self, request: &ModelRequest, talk: &Talk<'_>) -> Writer {
        let mut body = Writer::default();
        Self::head(&mut body, request);
        self.said(&mut body, request, talk);
        body
    }

    /// How to answer.
    fn head(body: &mut Writer, request: &ModelRequest) {
        let options = &request.options;
        let limit = options.whole(CallOption::MaxTokens).map(Tokens).or(request.traits.max_output).unwrap_or(MAX_TOKENS);
        body.wire(&format!("{{\"model\":{},\"max_tokens\":{},\"stream\":true,", quoted(&request.model.model), limit.0));
        body.wire("\"cache_control\":{\"type\":\"ephemeral\"},");
        if request.traits.thinks && options.word(CallOption::Effort) != Some("none") {
            body.wire("\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},");
        }
        output_config(body, request);
        body.options(options, OPTIONS);
    }

    /// What there is to read; the end of the body.
    fn said(&self, body: &mut Writer, request: &ModelRequest, talk: &Talk<'_>) {
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                let (name, about) = (quoted(&tool.name), quoted(&tool.description));
                format!("{{\"name\":{name},\"description\":{about},\"input_schema\":{}}}", json_or_empty(&tool.schema))
            });
            body.wire(&format!("\"tools\":[{}],", tools.collect::<Vec<_>>().join(",")));
        }
        if !talk.system.is_empty() {
            body.wire("\"system\":[");
            for (at, part) in talk.system.iter().enumerate() {
                body.wire(if at > 0 { ",{\"type\":\"text\",\"text\":\"" } else { "{\"type\":\"text\",\"text\":\"" });
                body.text(part);
                body.wire("\"}");
            }
            body.wire("],");
        }
        body.wire("\"messages\":[");
        for (at, message) in talk.messages.iter().enumerate() {
            body.wire(if at > 0 { ",{\"role\":\"" } else { "{\"role\":\"" });
            body.wire(if message.role == Role::Assistant { "assistant" } else { "user" });
            body.wire("\",\"content\":[");
            for (at, piece) in message.pieces.iter().enumerate() {
                body.wire(if at > 0 { "," } else { "" });
                self.piece(body, piece);
            }
            body.wire("]}");
        }
        body.wire("]}");
    }

    fn piece(&self, body: &mut Writer, piece: &Piece<'_>) {
        match piece {
            Piece::Text(part) => {
                body.wire("{\"type\":\"text\",\"text\":\"");
                body.text(part);
                body.wire("\"}");
            }
            Piece::Native(part) => body.part(part, Encoding::Raw),
            Piece::Call(call) => body.native(&self.0.name, call_json(call)),
            Piece::Result { call, part } => {
                body.wire(&format!("{{\"type\":\"tool_result\",\"tool_use_id\":{},\"content\":", quoted(&call.id)));
                body.result(*part);
                body.wire("}");
            }
            Piece::Media { part, media } => {
                let kind = if media.is_image() { "image" } else { "document" };
                let mime = media.mime();
                let before =
                    format!("{{\"type\":\"{kind}\",\"source\":{{\"type\":\"base64\",\"media_type\":\"{mime}\",\"data\":\"");
                body.media(&before, part, "\"}}");
            }
        }
    }
}

/// A call as the API writes it.
pub(super) fn call_json(call: &Call) -> String {
    let (id, name, input) = (quoted(&call.id), quoted(&call.name), json_or_empty(&call.arguments));
    format!("{{\"type\":\"tool_use\",\"id\":{id},\"name\":{name},\"input\":{input}}}")
}

/// Effort and the answer's shape stand together.
fn output_config(body: &mut Writer, request: &ModelRequest) {
    let effort =
        request.options.get(CallOption::Effort).filter(|json| *json != "\"none\"").map(|json| format!("\"effort\":{json}"));
    let format = request
        .schema
        .as_ref()
        .map(|schema| format!("\"format\":{{\"type\":\"json_schema\",\"schema\":{}}}", json_or_empty(&schema.schema)));
    let fields: Vec<String> = effort.into_iter().chain(format).collect();
    if !fields.is_empty() {
        body.wire(&format!("\"output_config\":{{{}}},", fields.join(",")));
    }
}

impl Provider for Anthropic {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError> {
        let talk = Talk::to_answer(self.name(), &request.parts)?;
        let body = self.body(request, &talk).finish();
        Ok(self.0.call(Protocol::Anthropic, "/v1/messages", &[("anthropic-version", VERSION)], body))
    }

    fn again(&self, envelope: &Envelope, body: WireBody) -> Result<WireCall, LlmError> {
        self.0.again(Protocol::Anthropic, envelope, body)
    }

    fn open<'a>(&'a self, call: &'a WireCall) -> BoxFuture<'a, Result<RawResponse, LlmError>> {
        Box::pin(self.0.open(call))
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(decoder(self.name()))
    }

    fn counting(&self, request: &ModelRequest) -> Option<WireCall> {
        let mut body = Writer::default();
        body.wire(&format!("{{\"model\":{},", quoted(&request.model.model)));
        self.said(&mut body, request, &Talk::new(self.name(), &request.parts));
        let headers = [("anthropic-version", VERSION)];
        Some(self.0.call(Protocol::Anthropic, "/v1/messages/count_tokens", &headers, body.finish()))
    }

    fn takes(&self, option: CallOption) -> bool {
        matches!(option, CallOption::MaxTokens | CallOption::Effort) || OPTIONS.iter().any(|(known, _)| *known == option)
    }
}

/// A decoder of the API's stream, for recordings too.
pub(super) fn decoder(provider: &str) -> impl Decoder + use<> {
    StreamDecoder::new(State::new(provider))
}

/// Every event, and a whole message too, as a server gives it that ignores `stream`.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    index: Option<u64>,
    #[serde(borrow)]
    content_block: Option<Raw<'a>>,
    #[serde(borrow)]
    delta: Option<Raw<'a>>,
    usage: Option<Counts>,
    #[serde(borrow)]
    content: Option<Vec<Raw<'a>>>,
    model: Option<String>,
    stop_reason: Option<String>,
    #[serde(borrow)]
    stop_details: Option<Raw<'a>>,
}

/// An event of the kind that most are.
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    index: Option<u64>,
    #[serde(rename = "delta", borrow)]
    said: Option<Said<'a>>,
}

/// A piece of text, or of thinking.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    model: Option<String>,
    usage: Option<Counts>,
    #[serde(borrow)]
    content: Option<Vec<Raw<'a>>>,
}

#[derive(Deserialize)]
struct MessageDelta<'a> {
    stop_reason: Option<String>,
    #[serde(borrow)]
    stop_details: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct StopDetails {
    category: Option<String>,
    explanation: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Counts {
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

/// A block's fields as they came.
type Fields = BTreeMap<String, String>;

/// A block that is not finished yet.
struct Block {
    kind: String,
    start: Fields,
    /// Texts that were added to fields, by their name.
    added: BTreeMap<String, String>,
}

impl Block {
    /// Adds a piece to a field.
    fn add(&mut self, key: &str, text: String, out: &mut Vec<ModelEvent>) {
        if self.kind == "text" {
            out.extend((key == "text").then_some(ModelEvent::Text(text)));
            return;
        }
        match self.added.get_mut(key) {
            Some(so_far) => so_far.push_str(&text),
            None => drop(self.added.insert(key.to_owned(), text.clone())),
        }
        out.extend((key == "thinking").then_some(ModelEvent::Reasoning(text)));
    }

    fn text(&self, key: &str) -> String {
        self.start.get(key).and_then(|json| read::from_str(json).ok()).unwrap_or_default()
    }

    /// The whole block as JSON. What came at once keeps its bytes.
    fn json(mut self) -> (String, String) {
        let mut input = "{}".to_owned();
        for (key, text) in std::mem::take(&mut self.added) {
            let whole = if key == "partial_json" {
                // Only a call that was cut off has no whole input; what is there is kept as text.
                ("input".to_owned(), if is_json(&text) { text.trim_ascii().to_owned() } else { quoted(&text) })
            } else {
                let so_far = self.text(&key);
                (key, quoted(&format!("{so_far}{text}")))
            };
            self.start.insert(whole.0, whole.1);
        }
        if let Some(json) = self.start.get("input") {
            json.clone_into(&mut input);
        }
        let fields = self.start.iter().map(|(key, json)| format!("{}:{json}", quoted(key)));
        (format!("{{{}}}", fields.collect::<Vec<_>>().join(",")), input)
    }
}

/// What the events mean; a program that passes these events on uses it, too.
pub(super) struct State {
    provider: String,
    served: Option<String>,
    usage: Usage,
    blocks: BTreeMap<u64, Block>,
    stop: Option<Stop>,
    ended: bool,
}

impl State {
    pub(super) fn new(provider: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            served: None,
            usage: Usage::default(),
            blocks: BTreeMap::new(),
            stop: None,
            ended: false,
        }
    }

    fn served(&mut self, model: Option<String>, out: &mut Vec<ModelEvent>) {
        if model.is_some() && model != self.served {
            self.served.clone_from(&model);
            out.extend(model.map(ModelEvent::Served));
        }
    }

    /// Counts are those of the whole message so far; one that is not named stays.
    pub(super) fn count(&mut self, counts: Option<Counts>, out: &mut Vec<ModelEvent>) {
        let Some(counts) = counts else { return };
        let mut usage = self.usage;
        let set = |to: &mut Tokens, count: Option<u64>| *to = count.map_or(*to, Tokens);
        set(&mut usage.input, counts.input_tokens);
        set(&mut usage.cache_read, counts.cache_read_input_tokens);
        set(&mut usage.cache_write, counts.cache_creation_input_tokens);
        set(&mut usage.output, counts.output_tokens);
        set(&mut usage.reasoning, counts.output_tokens_details.and_then(|d| d.thinking_tokens));
        if usage != self.usage {
            self.usage = usage;
            out.push(ModelEvent::Usage(usage));
        }
    }

    fn start(&mut self, index: u64, raw: Raw<'_>, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        let fields: BTreeMap<String, Raw<'_>> = read(&self.provider, raw.get())?;
        let start = fields.into_iter().map(|(key, raw)| (key, raw.get().to_owned())).collect();
        let mut block = Block { kind: String::new(), start, added: BTreeMap::new() };
        block.kind = block.text("type");
        let (text, thinking) = (block.text("text"), block.text("thinking"));
        if block.kind == "text" && !text.is_empty() {
            out.push(ModelEvent::Text(text));
        }
        if block.kind == "thinking" && !thinking.is_empty() {
            out.push(ModelEvent::Reasoning(thinking));
        }
        self.blocks.insert(index, block);
        Ok(())
    }

    /// Adds a piece to a block; says whether it was of use.
    fn delta(&mut self, index: u64, raw: Raw<'_>, out: &mut Vec<ModelEvent>) -> Result<bool, LlmError> {
        let delta: BTreeMap<Text<'_>, Raw<'_>> = read(&self.provider, raw.get())?;
        let Some(block) = self.blocks.get_mut(&index) else { return Ok(false) };
        let mut useful = false;
        for (Text(key), value) in delta {
            // What is no text is no piece of one.
            if key == "type" || !value.get().starts_with('"') {
                continue;
            }
            let Some(text) = read::<Text<'_>>(&self.provider, value.get())?.some() else { continue };
            useful = true;
            block.add(&key, text, out);
        }
        Ok(useful)
    }

    /// Adds a piece of text or thinking, which most events are; `None`: it is something else.
    fn said(&mut self, json: &str, out: &mut Vec<ModelEvent>) -> Option<bool> {
        let frame: Delta<'_> = read::from_str(json).ok()?;
        let block = self.blocks.get_mut(&frame.index?).filter(|_| frame.kind.0 == "content_block_delta")?;
        let Said { text, thinking } = frame.said?;
        let (key, piece) = match (block.kind.as_str(), text, thinking) {
            ("text", Some(text), None) => ("text", text),
            ("thinking", None, Some(thinking)) => ("thinking", thinking),
            _ => return None,
        };
        let Some(piece) = piece.some() else { return Some(false) };
        block.add(key, piece, out);
        Some(true)
    }

    fn end_block(&mut self, index: u64, out: &mut Vec<ModelEvent>) {
        let Some(block) = self.blocks.remove(&index).filter(|block| block.kind != "text") else { return };
        let (kind, id, name) = (block.kind.clone(), block.text("id"), block.text("name"));
        let (json, arguments) = block.json();
        if kind == "tool_use" {
            out.push(ModelEvent::ToolCall { id, name, arguments });
        }
        out.push(ModelEvent::Native(json.into_bytes()));
    }

    fn stopped(&mut self, reason: Option<String>, details: Option<Raw<'_>>) -> Result<(), LlmError> {
        let Some(reason) = reason else { return Ok(()) };
        self.stop = Some(match reason.as_str() {
            "end_turn" | "stop_sequence" => Stop::End,
            "max_tokens" | "model_context_window_exceeded" => Stop::Length,
            "tool_use" => Stop::ToolUse,
            "refusal" => {
                let details: Option<StopDetails> = details.map(|raw| read(&self.provider, raw.get())).transpose()?;
                let words = details.map_or([None, None], |d| [d.category, d.explanation]);
                let why: Vec<String> = words.into_iter().flatten().collect();
                Stop::Refused(if why.is_empty() { reason } else { why.join(": ") })
            }
            _ => Stop::Other(reason),
        });
        Ok(())
    }

    /// A message that came as one object.
    fn whole(&mut self, content: Vec<Raw<'_>>, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        for (index, block) in content.into_iter().enumerate() {
            self.start(index as u64, block, out)?;
            self.end_block(index as u64, out);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<ModelEvent>) {
        if let Some(stop) = self.stop.clone().filter(|_| !std::mem::replace(&mut self.ended, true)) {
            out.push(ModelEvent::Stop(stop));
        }
    }
}

impl Payloads for State {
    fn payload(&mut self, json: &str, out: &mut Vec<ModelEvent>) -> Result<bool, LlmError> {
        if let Some(useful) = self.said(json, out) {
            return Ok(useful);
        }
        let frame: Frame<'_> = read(&self.provider, json)?;
        let before = out.len();
        let index = frame.index.unwrap_or_default();
        match &*frame.kind.0 {
            "message_start" => {
                if let Some(message) = frame.message {
                    self.served(message.model, out);
                    self.count(message.usage, out);
                    self.whole(message.content.unwrap_or_default(), out)?;
                }
            }
            "content_block_start" => {
                if let Some(block) = frame.content_block {
                    self.start(index, block, out)?;
                }
                return Ok(true);
            }
            "content_block_delta" => {
                let useful = frame.delta.map(|delta| self.delta(index, delta, out)).transpose()?;
                return Ok(useful.unwrap_or(false));
            }
            "content_block_stop" => {
                self.end_block(index, out);
                return Ok(true);
            }
            "message_delta" => {
                let delta: Option<MessageDelta<'_>> = frame.delta.map(|raw| read(&self.provider, raw.get())).transpose()?;
                if let Some(delta) = delta {
                    self.stopped(delta.stop_reason, delta.stop_details)?;
                }
                self.count(frame.usage, out);
                return Ok(true);
            }
            "message_stop" => self.finish(out),
            "error" => return Err(from_stream(&self.provider, json)),
            "message" => {
                self.served(frame.model, out);
                self.whole(frame.content.unwrap_or_default(), out)?;
                self.count(frame.usage, out);
                self.stopped(frame.stop_reason, frame.stop_details)?;
                self.finish(out);
            }
            // A ping, and whatever the API may add.
            _ => {}
        }
        Ok(out.len() > before)
    }

    fn end(&mut self, out: &mut Vec<ModelEvent>) {
        self.finish(out);
    }
}
