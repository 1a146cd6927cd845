//! OpenAI's Responses API, with server-sent events; xAI speaks it, too.
//!
//! Invariants
//! - Nothing is kept at the provider (`store: false`): what a later request needs is sent again, and so a turn can be asked
//!   again from what is stored here.
//! - Items of the model's that are not plain text (calls, encrypted reasoning) go back with the bytes that came.
//! - `response.output_item.done` is what counts of an item; the pieces before it are only shown.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use serde::Deserialize;

use crate::base::hash::Sha256;
use crate::base::json::read::{Raw, Text};
use crate::base::money::Tokens;
use crate::base::options::CallOption;
use crate::config::Protocol;
use crate::session::request::{Encoding, ModelRequest, Role, WireBody};
use crate::session::stream::{ModelEvent, Stop, Usage};
use crate::session::turn::Envelope;

use super::endpoint::Endpoint;
use super::error::{Fault, LlmError, from_stream};
use super::talk::{Message, Piece, Talk, texts};
use super::wire::{Payloads, StreamDecoder, Writer, joined, json_or_empty, quoted, read};
use super::{Decoder, Provider, RawResponse, WireCall};

const OPTIONS: &[(CallOption, &str)] =
    &[(CallOption::MaxTokens, "max_output_tokens"), (CallOption::Temperature, "temperature"), (CallOption::TopP, "top_p")];

/// A server that speaks the Responses API.
pub struct Responses(Endpoint);

impl Responses {
    /// Where OpenAI and xAI serve it.
    pub const OPENAI_URL: &'static str = "https://api.openai.com/v1";
    pub const XAI_URL: &'static str = "https://api.x.ai/v1";

    /// The API at the endpoint's address, up to and with `/v1`.
    pub const fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    fn body(&self, request: &ModelRequest, talk: &Talk<'_>) -> Writer {
        let mut body = Writer::default();
        let options = &request.options;
        body.wire(&format!("{{\"model\":{},\"stream\":true,\"store\":false,", quoted(&request.model.model)));
        body.wire(&format!("\"prompt_cache_key\":\"{}\",", cache_key(talk)));
        let effort = options.get(CallOption::Effort);
        if request.traits.thinks || effort.is_some() {
            let effort = effort.map(|json| format!("\"effort\":{json},")).unwrap_or_default();
            body.wire(&format!("\"include\":[\"reasoning.encrypted_content\"],\"reasoning\":{{{effort}\"summary\":\"auto\"}},"));
        }
        body.options(options, OPTIONS);
        if let Some(schema) = &request.schema {
            let (name, shape) = (quoted(&schema.name), json_or_empty(&schema.schema));
            body.wire(&format!(
                "\"text\":{{\"format\":{{\"type\":\"json_schema\",\"name\":{name},\"schema\":{shape},\"strict\":true}}}},"
            ));
        }
        self.said(&mut body, request, talk);
        body
    }

    /// What there is to read; the end of the body.
    fn said(&self, body: &mut Writer, request: &ModelRequest, talk: &Talk<'_>) {
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                let (name, about) = (quoted(&tool.name), quoted(&tool.description));
                let shape = json_or_empty(&tool.schema);
                format!("{{\"type\":\"function\",\"name\":{name},\"description\":{about},\"parameters\":{shape},\"strict\":false}}")
            });
            body.wire(&format!("\"tools\":[{}],", tools.collect::<Vec<_>>().join(",")));
        }
        if !talk.system.is_empty() {
            body.wire("\"instructions\":\"");
            joined(body, &talk.system, "\\n\\n");
            body.wire("\",");
        }
        body.wire("\"input\":[");
        let mut first = true;
        for message in &talk.messages {
            self.message(body, message, &mut first);
        }
        body.wire("]}");
    }

    /// A message is one item, but calls, results and the model's own items are items of their own.
    fn message(&self, body: &mut Writer, message: &Message<'_>, first: &mut bool) {
        let is_content = |piece: &Piece<'_>| matches!(piece, Piece::Text(_) | Piece::Media { .. });
        for run in message.pieces.chunk_by(|a, b| is_content(a) && is_content(b)) {
            if !std::mem::take(first) {
                body.wire(",");
            }
            if !is_content(&run[0]) {
                self.item(body, &run[0]);
                continue;
            }
            if message.role == Role::Assistant {
                // The API's own kind of text is only for messages with the ids that it gave them.
                body.wire("{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"");
                joined(body, &texts(run), "");
                body.wire("\"}");
                continue;
            }
            body.wire("{\"type\":\"message\",\"role\":\"user\",\"content\":[");
            for (at, piece) in run.iter().enumerate() {
                body.wire(if at > 0 { "," } else { "" });
                content(body, piece);
            }
            body.wire("]}");
        }
    }

    fn item(&self, body: &mut Writer, piece: &Piece<'_>) {
        match piece {
            Piece::Native(part) => body.part(part, Encoding::Raw),
            Piece::Call(call) => {
                let (id, name, arguments) = (quoted(&call.id), quoted(&call.name), quoted(&call.arguments));
                let json = format!("{{\"type\":\"function_call\",\"call_id\":{id},\"name\":{name},\"arguments\":{arguments}}}");
                body.native(&self.0.name, json);
            }
            Piece::Result { call, part } => {
                body.wire(&format!("{{\"type\":\"function_call_output\",\"call_id\":{},\"output\":", quoted(&call.id)));
                body.result(*part);
                body.wire("}");
            }
            Piece::Text(_) | Piece::Media { .. } => {}
        }
    }
}

fn content(body: &mut Writer, piece: &Piece<'_>) {
    match piece {
        Piece::Text(part) => {
            body.wire("{\"type\":\"input_text\",\"text\":\"");
            body.text(part);
            body.wire("\"}");
        }
        Piece::Media { part, media } if media.is_image() => {
            let before = format!("{{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":\"data:{};base64,", media.mime());
            body.media(&before, part, "\"}");
        }
        Piece::Media { part, media } => {
            let name = quoted(part.kind.subject().unwrap_or("document"));
            let before = format!("{{\"type\":\"input_file\",\"filename\":{name},\"file_data\":\"data:{};base64,", media.mime());
            body.media(&before, part, "\"}");
        }
        Piece::Native(_) | Piece::Call(_) | Piece::Result { .. } => {}
    }
}

/// Requests with one beginning go to where that beginning is cached. It says nothing but which belong together, and is the
/// same for forks of a conversation.
fn cache_key(talk: &Talk<'_>) -> String {
    let mut bytes = Vec::new();
    let first = talk.messages.first().and_then(|message| message.pieces.first());
    let said = first.into_iter().filter_map(|piece| if let Piece::Text(part) = piece { Some(*part) } else { None });
    for part in talk.system.iter().copied().chain(said) {
        bytes.extend_from_slice(&part.bytes);
        bytes.push(0);
    }
    Sha256::of(&bytes).to_string().chars().take(32).collect()
}

impl Provider for Responses {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError> {
        let talk = Talk::to_answer(self.name(), &request.parts)?;
        let body = self.body(request, &talk).finish();
        Ok(self.0.call(Protocol::Responses, "/responses", &[], body))
    }

    fn again(&self, envelope: &Envelope, body: WireBody) -> Result<WireCall, LlmError> {
        self.0.again(Protocol::Responses, envelope, body)
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
        Some(self.0.call(Protocol::Responses, "/responses/input_tokens", &[], body.finish()))
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
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    delta: Option<Text<'a>>,
    #[serde(borrow)]
    item_id: Option<Text<'a>>,
    summary_index: Option<u64>,
    #[serde(borrow)]
    item: Option<Raw<'a>>,
    #[serde(borrow)]
    response: Option<Raw<'a>>,
    /// `response` in a whole answer, as a server gives it that ignores `stream`.
    object: Option<String>,
    #[serde(borrow)]
    error: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Whole<'a> {
    model: Option<String>,
    status: Option<String>,
    usage: Option<Counts>,
    incomplete_details: Option<Incomplete>,
    #[serde(borrow)]
    output: Option<Vec<Raw<'a>>>,
    #[serde(borrow)]
    error: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Deserialize, Default)]
struct Counts {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize, Default)]
struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    input: Option<String>,
    #[serde(borrow)]
    encrypted_content: Option<Raw<'a>>,
    content: Option<Vec<Content>>,
}

#[derive(Deserialize)]
struct Content {
    text: Option<String>,
    refusal: Option<String>,
}

impl Counts {
    fn usage(&self) -> Usage {
        let details = self.input_tokens_details.as_ref();
        let read = details.and_then(|d| d.cached_tokens).unwrap_or(0);
        let write = details.and_then(|d| d.cache_write_tokens).unwrap_or(0);
        Usage {
            input: Tokens(self.input_tokens.unwrap_or(0).saturating_sub(read).saturating_sub(write)),
            cache_read: Tokens(read),
            cache_write: Tokens(write),
            output: Tokens(self.output_tokens.unwrap_or(0)),
            reasoning: Tokens(self.output_tokens_details.as_ref().and_then(|d| d.reasoning_tokens).unwrap_or(0)),
        }
    }
}

#[derive(Default)]
struct State {
    provider: String,
    served: Option<String>,
    usage: Usage,
    /// Messages whose text was shown in pieces, by id; an empty one stands for pieces that did not say which message they are of.
    shown: BTreeSet<String>,
    /// The summary that is being shown, so that the next one begins a paragraph.
    summary: Option<(String, u64)>,
    refusal: String,
    calls: usize,
    ended: bool,
}

impl State {
    fn text(&mut self, frame: Frame<'_>, out: &mut Vec<ModelEvent>) {
        if let Some(text) = frame.delta.and_then(Text::some) {
            let item = frame.item_id.map(|id| id.0).unwrap_or_default();
            if !self.shown.contains(&*item) {
                self.shown.insert(item.into_owned());
            }
            out.push(ModelEvent::Text(text));
        }
    }

    fn reasoning(&mut self, frame: Frame<'_>, out: &mut Vec<ModelEvent>) {
        let Some(text) = frame.delta.and_then(Text::some) else { return };
        let place = (frame.item_id.and_then(Text::some).unwrap_or_default(), frame.summary_index.unwrap_or_default());
        if self.summary.as_ref().is_some_and(|last| *last != place) {
            out.push(ModelEvent::Reasoning("\n\n".to_owned()));
        }
        self.summary = Some(place);
        out.push(ModelEvent::Reasoning(text));
    }

    fn item(&mut self, raw: Raw<'_>, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        let item: Item<'_> = read(&self.provider, raw.get())?;
        let native = |out: &mut Vec<ModelEvent>| out.push(ModelEvent::Native(raw.get().as_bytes().to_vec()));
        match item.kind.as_str() {
            "message" => {
                let named = item.id.as_ref().is_some_and(|id| !id.is_empty() && self.shown.contains(id));
                let shown = named || self.shown.remove("");
                for content in item.content.into_iter().flatten() {
                    out.extend(content.text.filter(|text| !shown && !text.is_empty()).map(ModelEvent::Text));
                    if let Some(refusal) = content.refusal {
                        self.refusal = refusal;
                    }
                }
            }
            "function_call" | "custom_tool_call" => {
                self.calls += 1;
                let id = item.call_id.or(item.id).unwrap_or_else(|| format!("call-{}", self.calls));
                let arguments = match (item.arguments, item.input) {
                    (Some(json), _) if !json.trim().is_empty() => json,
                    (None, Some(text)) => quoted(&text),
                    _ => "{}".to_owned(),
                };
                out.push(ModelEvent::ToolCall { id, name: item.name.unwrap_or_default(), arguments });
                native(out);
            }
            // Without its encrypted content, the provider would look for it in what it does not keep.
            "reasoning" if item.encrypted_content.is_none_or(|raw| raw.get() == "null") => {}
            _ => native(out),
        }
        Ok(())
    }

    fn whole(&mut self, raw: &str, with_output: bool, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        let whole: Whole<'_> = read(&self.provider, raw)?;
        if whole.model.is_some() && whole.model != self.served {
            self.served.clone_from(&whole.model);
            out.extend(whole.model.map(ModelEvent::Served));
        }
        if let Some(error) = whole.error.filter(|raw| raw.get() != "null") {
            return Err(from_stream(&self.provider, &format!("{{\"error\":{}}}", error.get())));
        }
        if with_output {
            for item in whole.output.into_iter().flatten() {
                self.item(item, out)?;
            }
        }
        if let Some(usage) = whole.usage.map(|counts| counts.usage()).filter(|usage| *usage != self.usage) {
            self.usage = usage;
            out.push(ModelEvent::Usage(usage));
        }
        let status = whole.status.unwrap_or_default();
        let reason = whole.incomplete_details.and_then(|details| details.reason);
        match status.as_str() {
            "completed" | "incomplete" => self.stop(reason, out),
            "failed" | "cancelled" => {
                return Err(LlmError::new(Fault::Overloaded { after: None }, &self.provider, format!("the answer {status}")));
            }
            _ => {}
        }
        Ok(())
    }

    fn stop(&mut self, incomplete: Option<String>, out: &mut Vec<ModelEvent>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let refusal = std::mem::take(&mut self.refusal);
        out.push(ModelEvent::Stop(match incomplete {
            _ if !refusal.is_empty() => Stop::Refused(refusal),
            Some(reason) if reason == "max_output_tokens" => Stop::Length,
            Some(reason) if reason == "content_filter" => Stop::Refused(reason),
            Some(reason) => Stop::Other(reason),
            None if self.calls > 0 => Stop::ToolUse,
            None => Stop::End,
        }));
    }
}

impl Payloads for State {
    fn payload(&mut self, json: &str, out: &mut Vec<ModelEvent>) -> Result<bool, LlmError> {
        if json.trim() == "[DONE]" {
            return Ok(false);
        }
        let frame: Frame<'_> = read(&self.provider, json)?;
        let before = out.len();
        match frame.kind.as_ref().map_or("", |kind| &*kind.0) {
            "response.output_text.delta" => self.text(frame, out),
            "response.refusal.delta" => {
                self.refusal.push_str(frame.delta.as_ref().map_or("", |delta| &*delta.0));
                return Ok(true);
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => self.reasoning(frame, out),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" | "response.output_item.added" => {
                return Ok(true);
            }
            "response.output_item.done" => {
                if let Some(raw) = frame.item {
                    self.item(raw, out)?;
                }
                return Ok(true);
            }
            "response.created"
            | "response.in_progress"
            | "response.queued"
            | "response.completed"
            | "response.incomplete"
            | "response.failed" => {
                if let Some(raw) = frame.response {
                    self.whole(raw.get(), false, out)?;
                }
            }
            "error" => return Err(from_stream(&self.provider, json)),
            _ if frame.error.is_some_and(|raw| raw.get() != "null") => return Err(from_stream(&self.provider, json)),
            _ if frame.object.as_deref() == Some("response") => self.whole(json, true, out)?,
            _ => {}
        }
        Ok(out.len() > before)
    }
}
