//! Ollama's own protocol, `/api/chat` with JSON lines.
//!
//! Invariants
//! - The window is always said: Ollama's own is small, and it cuts the beginning of a longer conversation in silence.
//! - The window is a power of two that only grows with the conversation, because the model is loaded anew for another one.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde::Deserialize;

use crate::base::json::read::{Raw, Text};
use crate::base::money::{BytesPerFour, TokenCounter as _, Tokens};
use crate::base::options::CallOption;
use crate::config::Protocol;
use crate::session::request::{Encoding, ModelRequest, Part, WireBody};
use crate::session::stream::{ModelEvent, Stop, Usage};
use crate::session::turn::Envelope;

use super::endpoint::Endpoint;
use super::error::{Fault, LlmError, from_stream};
use super::talk::{Message, Piece, Run, Talk, own_id, texts};
use super::wire::{Payloads, StreamDecoder, Writer, joined, json_or_empty, quoted, read};
use super::{Decoder, Provider, RawResponse, WireCall};

/// The smallest window that is asked for, and what is left in it for the answer.
const LEAST_WINDOW: u64 = 8_192;
const ROOM: u64 = 4_096;

const OPTIONS: &[(CallOption, &str)] = &[
    (CallOption::MaxTokens, "num_predict"),
    (CallOption::Temperature, "temperature"),
    (CallOption::TopP, "top_p"),
    (CallOption::TopK, "top_k"),
    (CallOption::MinP, "min_p"),
    (CallOption::Seed, "seed"),
    (CallOption::PresencePenalty, "presence_penalty"),
    (CallOption::FrequencyPenalty, "frequency_penalty"),
    (CallOption::RepeatPenalty, "repeat_penalty"),
    (CallOption::Mirostat, "mirostat"),
    (CallOption::MirostatTau, "mirostat_tau"),
    (CallOption::MirostatEta, "mirostat_eta"),
    (CallOption::Stop, "stop"),
];

/// An Ollama server.
pub struct Ollama(Endpoint);

impl Ollama {
    /// Where it listens by itself.
    pub const BASE_URL: &'static str = "http://127.0.0.1:11434";

    /// The server at the endpoint's address (without `/api`).
    pub const fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    fn body(&self, request: &ModelRequest, talk: &Talk<'_>) -> Writer {
        let mut body = Writer::default();
        body.wire(&format!("{{\"model\":{},\"stream\":true,", quoted(&request.model.model)));
        match request.options.word(CallOption::Effort) {
            Some("none") => body.wire("\"think\":false,"),
            Some("minimal" | "low") => body.wire("\"think\":\"low\","),
            Some("medium") => body.wire("\"think\":\"medium\","),
            Some(_) => body.wire("\"think\":\"high\","),
            None => {}
        }
        if let Some(schema) = &request.schema {
            body.wire(&format!("\"format\":{},", json_or_empty(&schema.schema)));
        }
        if !request.tools.is_empty() {
            body.wire(&format!("\"tools\":[{}],", request.tools.iter().map(super::chat::tool).collect::<Vec<_>>().join(",")));
        }
        body.wire("\"messages\":[");
        if !talk.system.is_empty() {
            body.wire("{\"role\":\"system\",\"content\":\"");
            joined(&mut body, &talk.system, "\\n\\n");
            body.wire("\"}");
        }
        for (at, run) in talk.messages.iter().flat_map(Message::runs).enumerate() {
            body.wire(if at > 0 || !talk.system.is_empty() { ",{" } else { "{" });
            self.run(&mut body, &run);
            body.wire("}");
        }
        // Behind the messages, so that a larger window does not change what stands before them.
        body.wire(&format!("],\"options\":{{\"num_ctx\":{}", window(request)));
        for (option, json) in request.options.iter() {
            if let Some((_, name)) = OPTIONS.iter().find(|(known, _)| *known == option) {
                body.wire(&format!(",\"{name}\":{json}"));
            }
        }
        body.wire("}}");
        body
    }

    fn run(&self, body: &mut Writer, run: &Run<'_, '_>) {
        match run {
            Run::User(pieces) => {
                body.wire("\"role\":\"user\",\"content\":\"");
                joined(body, &texts(pieces), "\\n\\n");
                body.wire("\"");
                let images: Vec<&Part> = pieces.iter().filter_map(image).collect();
                for (at, part) in images.iter().enumerate() {
                    body.media(if at == 0 { ",\"images\":[\"" } else { ",\"" }, part, "\"");
                }
                body.wire(if images.is_empty() { "" } else { "]" });
            }
            Run::Assistant { texts, calls } => {
                body.wire("\"role\":\"assistant\",\"content\":\"");
                joined(body, texts, "");
                body.wire(if calls.is_empty() { "\"" } else { "\",\"tool_calls\":[" });
                for (at, call) in calls.iter().enumerate() {
                    body.wire(if at > 0 { "," } else { "" });
                    self.call(body, call);
                }
                body.wire(if calls.is_empty() { "" } else { "]" });
            }
            Run::Result { call, part } => {
                body.wire(&format!("\"role\":\"tool\",\"tool_name\":{},\"content\":", quoted(&call.name)));
                body.result(*part);
            }
        }
    }

    fn call(&self, body: &mut Writer, piece: &Piece<'_>) {
        match piece {
            Piece::Native(part) => body.part(part, Encoding::Raw),
            Piece::Call(call) => {
                let (id, name, arguments) = (quoted(&call.id), quoted(&call.name), json_or_empty(&call.arguments));
                body.native(&self.0.name, format!("{{\"id\":{id},\"function\":{{\"name\":{name},\"arguments\":{arguments}}}}}"));
            }
            _ => {}
        }
    }
}

fn image<'a>(piece: &Piece<'a>) -> Option<&'a Part> {
    match piece {
        Piece::Media { part, media } if media.is_image() => Some(part),
        _ => None,
    }
}

/// Room for the conversation and an answer, as a power of two, within what the model has.
fn window(request: &ModelRequest) -> u64 {
    let said: Tokens = request.parts.iter().map(|part| BytesPerFour.count(&part.as_text())).sum();
    let answer = request.options.whole(CallOption::MaxTokens).unwrap_or(ROOM);
    // The estimate can be a quarter too small.
    let needed = (said.0 + said.0 / 4).saturating_add(answer).max(LEAST_WINDOW).next_power_of_two();
    request.traits.window.map_or(needed, |most| needed.min(most.0))
}

impl Provider for Ollama {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError> {
        let talk = Talk::to_answer(self.name(), &request.parts)?;
        if let Some(part) = request.parts.iter().find(|part| part.media_type().is_some_and(|media| !media.is_image())) {
            let why = format!("{} is no image, and Ollama takes no other files", part.kind.subject().unwrap_or("a file"));
            return Err(LlmError::new(Fault::BadRequest, self.name(), why));
        }
        let body = self.body(request, &talk).finish();
        Ok(self.0.call(Protocol::Ollama, "/api/chat", &[], body))
    }

    fn again(&self, envelope: &Envelope, body: WireBody) -> Result<WireCall, LlmError> {
        self.0.again(Protocol::Ollama, envelope, body)
    }

    fn open<'a>(&'a self, call: &'a WireCall) -> BoxFuture<'a, Result<RawResponse, LlmError>> {
        Box::pin(self.0.open(call))
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(decoder(self.name()))
    }

    fn takes(&self, option: CallOption) -> bool {
        option == CallOption::Effort || OPTIONS.iter().any(|(known, _)| *known == option)
    }
}

/// A decoder of the server's lines, for recordings too.
pub(super) fn decoder(provider: &str) -> impl Decoder + use<> {
    StreamDecoder::lines(State { provider: provider.to_owned(), ..State::default() })
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Said<'a>>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
    #[serde(borrow)]
    error: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Raw<'a>>>,
}

#[derive(Deserialize)]
struct CallLine<'a> {
    id: Option<String>,
    #[serde(borrow)]
    function: Function<'a>,
}

#[derive(Deserialize)]
struct Function<'a> {
    name: String,
    #[serde(borrow)]
    arguments: Option<Raw<'a>>,
}

#[derive(Default)]
struct State {
    provider: String,
    served: Option<String>,
    calls: usize,
    /// How many calls had no id, by their name.
    unnamed: BTreeMap<String, usize>,
}

impl State {
    fn call(&mut self, raw: Raw<'_>, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        let line: CallLine<'_> = read(&self.provider, raw.get())?;
        self.calls += 1;
        // Older servers give no id; results then go by the name.
        let id = line.id.filter(|id| !id.is_empty()).unwrap_or_else(|| {
            let earlier = self.unnamed.entry(line.function.name.clone()).or_default();
            *earlier += 1;
            own_id(&line.function.name, *earlier - 1)
        });
        let arguments = line.function.arguments.map_or("{}", Raw::get).to_owned();
        out.push(ModelEvent::ToolCall { id, name: line.function.name, arguments });
        out.push(ModelEvent::Native(raw.get().as_bytes().to_vec()));
        Ok(())
    }
}

impl Payloads for State {
    fn payload(&mut self, json: &str, out: &mut Vec<ModelEvent>) -> Result<bool, LlmError> {
        let line: Line<'_> = read(&self.provider, json)?;
        if line.error.is_some() {
            return Err(from_stream(&self.provider, json));
        }
        let before = out.len();
        if let Some(Text(model)) = &line.model
            && self.served.as_deref() != Some(&**model)
        {
            self.served = Some((**model).to_owned());
            out.extend(self.served.clone().map(ModelEvent::Served));
        }
        if let Some(said) = line.message {
            out.extend(said.thinking.and_then(Text::some).map(ModelEvent::Reasoning));
            out.extend(said.content.and_then(Text::some).map(ModelEvent::Text));
            for call in said.tool_calls.into_iter().flatten() {
                self.call(call, out)?;
            }
        }
        if line.done {
            let (input, output) = (line.prompt_eval_count.unwrap_or(0), line.eval_count.unwrap_or(0));
            if input + output > 0 {
                out.push(ModelEvent::Usage(Usage { input: Tokens(input), output: Tokens(output), ..Usage::default() }));
            }
            out.push(ModelEvent::Stop(match line.done_reason.as_deref() {
                Some("length") => Stop::Length,
                None | Some("stop") if self.calls > 0 => Stop::ToolUse,
                None | Some("stop") => Stop::End,
                Some(other) => Stop::Other(other.to_owned()),
            }));
        }
        Ok(out.len() > before)
    }
}
