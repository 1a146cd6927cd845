//! Programs that answer on their standard output: other agents' command lines, or any command of the user's.
//!
//! Invariants
//! - The program gets the conversation on standard input and runs in an empty directory of its own, so it has nothing to edit;
//!   what it answers goes through our own parser like any other answer.
//! - No word of a model's name or of the conversation is read by a shell: a line gets them as variables.
//! - The body is exactly what it was given: the system text, where the command has a place for it, a line, and the rest.
//! - Lines of unknown kinds are skipped: these formats grow with every release.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::StreamExt as _;
use serde::Deserialize;

use crate::base::json::read::{self, Raw};
use crate::base::money::Tokens;
use crate::config::OutputFormat;
use crate::net::{NetError, Request, Tape};
use crate::process::Spec;
use crate::session::request::{Encoding, ModelRequest, Role, WireBody};
use crate::session::stream::{ModelEvent, Stop, Usage};
use crate::session::turn::Envelope;

use super::endpoint::same_protocol;
use super::error::{Fault, LlmError, from_response};
use super::local::PlainDecoder;
use super::talk::{NOT_RUN, Piece, Talk};
use super::wire::{Payloads, StreamDecoder, Writer, usd};
use super::{Decoder, Provider, RawResponse, WireCall, anthropic};

/// Stands between the system text and the conversation.
const MARK: &str = "\n=== conversation ===\n";
/// The longest system text that is given as an argument; systems have a limit for one.
const LONGEST_ARGUMENT: usize = 100_000;

/// What a command may say, and the variable that has it where the command is a line for the shell.
const MODEL: (&str, &str) = ("{model}", "RT_ASKED_MODEL");
const SYSTEM: (&str, &str) = ("{system}", "RT_ASKED_SYSTEM");

/// A command that is the model.
pub struct Program {
    pub name: String,
    /// Program and arguments, or the shell with a line; `{model}` and `{system}` stand for those.
    pub argv: Vec<String>,
    pub output: OutputFormat,
    /// Where it runs; made before and removed after each call.
    pub directory: PathBuf,
    /// Records what it is given and says, or stands in for it.
    pub tape: Option<Arc<Tape>>,
}

/// The directory of one call.
struct Empty(PathBuf);

impl Drop for Empty {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Program {
    fn failed(&self, why: impl std::fmt::Display) -> LlmError {
        let program = self.argv.first().map_or("", String::as_str);
        LlmError::new(Fault::Aborted, &self.name, format!("{program}: {why}"))
    }

    fn takes_system(&self) -> bool {
        self.argv.iter().any(|arg| arg.contains(SYSTEM.0))
    }

    /// The line, where the command is one for the shell.
    fn line(&self) -> Option<&str> {
        match self.argv.as_slice() {
            [shell, flag, line] if shell == "sh" && flag == "-c" => Some(line),
            _ => None,
        }
    }

    fn call(&self, model: &str, body: WireBody) -> Result<WireCall, LlmError> {
        // A fetched session may have kept any name, and it must not become an option of the program.
        let plain = |c: char| c.is_ascii_alphanumeric() || "._:/@+-".contains(c);
        if model.starts_with('-') || !model.chars().all(plain) {
            let why = format!("{model:?} is no name that a program is given: letters, digits and ._:/@+- only");
            return Err(LlmError::new(Fault::NotFound, &self.name, why));
        }
        let shown: Vec<String> = self.argv.iter().map(|arg| arg.replace(MODEL.0, model)).collect();
        Ok(WireCall {
            envelope: Envelope {
                provider: self.name.clone(),
                protocol: self.output.as_str().to_owned(),
                method: "RUN".to_owned(),
                url: format!("run:{}", shown.join(" ")),
                headers: [("model".to_owned(), model.to_owned())].into(),
            },
            secret_headers: Vec::new(),
            body,
        })
    }

    /// What it said when that was recorded.
    fn played(&self, answer: Result<crate::net::Response, NetError>) -> Result<RawResponse, LlmError> {
        let response = answer.map_err(|e| LlmError::from_net(&self.name, &e))?;
        let name = self.name.clone();
        let body = response.body.map(move |piece| {
            piece.map_err(|e| match e {
                NetError::Broken { detail, .. } => LlmError::new(Fault::Aborted, &name, detail),
                other => LlmError::from_net(&name, &other),
            })
        });
        Ok(RawResponse { status: response.status, headers: response.headers, body: body.boxed() })
    }

    /// The command and its input for a body.
    fn given(&self, model: &str, body: &WireBody) -> Result<Spec, LlmError> {
        let (system, input) = self.split(body);
        let values = [(MODEL, model), (SYSTEM, &system)];
        let mut argv = self.argv.clone();
        if let (Some(line), [_, _, last]) = (self.line(), argv.as_mut_slice()) {
            *last = values.iter().fold(line.to_owned(), |line, ((mark, variable), _)| {
                // Quotes around it are as good as none.
                let quoted = [format!("\"{mark}\""), format!("'{mark}'"), (*mark).to_owned()];
                quoted.iter().fold(line, |line, mark| line.replace(mark, &format!("\"${variable}\"")))
            });
        } else {
            argv =
                argv.into_iter().map(|arg| values.iter().fold(arg, |arg, ((mark, _), value)| arg.replace(mark, value))).collect();
        }
        let mut argv = argv.into_iter();
        let program = argv.next().ok_or_else(|| self.failed("there is no command"))?;
        let spec = Spec::new(program).args(argv).directory(&self.directory).input(input);
        Ok(if self.line().is_some() { values.iter().fold(spec, |spec, ((_, name), value)| spec.env(name, value)) } else { spec })
    }

    /// The system text, where the command has a place for it, and what goes to its standard input.
    fn split(&self, body: &WireBody) -> (String, Vec<u8>) {
        let bytes = body.bytes();
        let at = body.segments.iter().position(|segment| segment.role.is_none() && segment.bytes == MARK.as_bytes());
        let before: usize = body.segments[..at.unwrap_or(0)].iter().map(|segment| segment.bytes.len()).sum();
        let system = String::from_utf8_lossy(&bytes[..before]).into_owned();
        if !self.takes_system() || system.len() > LONGEST_ARGUMENT || system.contains('\0') {
            return (String::new(), bytes);
        }
        let rest = if at.is_some() { before + MARK.len() } else { 0 };
        (system, bytes[rest..].to_vec())
    }
}

impl Provider for Program {
    fn name(&self) -> &str {
        &self.name
    }

    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError> {
        let talk = Talk::to_answer(&self.name, &request.parts)?;
        let mut body = Writer::default();
        for (at, part) in talk.system.iter().enumerate() {
            body.wire(if at > 0 { "\n\n" } else { "" });
            body.part(part, Encoding::Raw);
        }
        body.mark(MARK);
        let mut last = None;
        for message in &talk.messages {
            for piece in &message.pieces {
                if let Piece::Media { part, .. } = piece {
                    let file = part.kind.subject().unwrap_or("a file");
                    let why = format!("a program is given text only, and {file} is none");
                    return Err(LlmError::new(Fault::BadRequest, &self.name, why));
                }
                body.wire(if last.is_some() { "\n\n" } else { "" });
                if last != Some(message.role) {
                    body.wire(if message.role == Role::Assistant { "=== assistant ===\n" } else { "=== user ===\n" });
                }
                last = Some(message.role);
                match piece {
                    Piece::Text(part) | Piece::Native(part) | Piece::Result { part: Some(part), .. } => {
                        body.part(part, Encoding::Raw);
                    }
                    Piece::Call(call) => body.native(&self.name, anthropic::call_json(call)),
                    Piece::Result { part: None, .. } => body.wire(NOT_RUN),
                    Piece::Media { .. } => {}
                }
            }
        }
        self.call(&request.model.model, body.finish())
    }

    fn again(&self, envelope: &Envelope, body: WireBody) -> Result<WireCall, LlmError> {
        same_protocol(&self.name, self.output.as_str(), envelope)?;
        self.call(envelope.headers.get("model").map_or("", String::as_str), body)
    }

    fn open<'a>(&'a self, call: &'a WireCall) -> BoxFuture<'a, Result<RawResponse, LlmError>> {
        let bytes = self.tape.as_ref().map(|_| call.body.bytes()).unwrap_or_default();
        let headers: Vec<_> = call.envelope.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let asked = Request { method: &call.envelope.method, url: &call.envelope.url, headers: &headers, body: &bytes };
        if let Some(played) = self.tape.as_ref().and_then(|tape| tape.play(&asked)) {
            return std::future::ready(self.played(played)).boxed();
        }
        let opened = || {
            let model = call.envelope.headers.get("model").map_or("", String::as_str);
            let spec = self.given(model, &call.body)?;
            std::fs::create_dir_all(&self.directory).map_err(|e| self.failed(format!("{}: {e}", self.directory.display())))?;
            let empty = Empty(self.directory.clone());
            let stream = spec.stream().map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => self.failed("there is no such program in PATH"),
                _ => self.failed(e),
            })?;
            let body = stream.map(move |piece| {
                // The directory lives as long as what is read.
                let _ = &empty;
                piece.map(Bytes::from).map_err(|e| e.to_string())
            });
            let body = match &self.tape {
                None => body.boxed(),
                Some(tape) => {
                    let mut take = tape.begin(&asked).map_err(|e| LlmError::from_net(&self.name, &e))?;
                    take.head(0, &BTreeMap::new());
                    take.around(body.boxed(), |e| e.to_string())
                }
            };
            let name = self.name.clone();
            let body = body.map(move |piece| piece.map_err(|why| LlmError::new(Fault::Aborted, &name, why)));
            Ok(RawResponse { status: 0, headers: [].into(), body: body.boxed() })
        };
        std::future::ready(opened()).boxed()
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        decoder(self.output, &self.name)
    }
}

/// A decoder of a program's output, for recordings too.
pub(super) fn decoder(output: OutputFormat, provider: &str) -> Box<dyn Decoder> {
    match output {
        OutputFormat::Text => Box::new(PlainDecoder::default()),
        OutputFormat::ClaudeCode => Box::new(StreamDecoder::lines(Claude::new(provider))),
        OutputFormat::Codex => Box::new(StreamDecoder::lines(Codex { provider: provider.to_owned(), ..Codex::default() })),
        OutputFormat::GeminiCli => Box::new(StreamDecoder::lines(GeminiCli { provider: provider.to_owned() })),
    }
}

fn read<'a, T: Deserialize<'a>>(provider: &str, json: &'a str) -> Result<T, LlmError> {
    // What is no JSON at all is said to a person: that one has to log in, that an option is not known.
    read::from_str(json).map_err(|_| LlmError::new(Fault::Aborted, provider, format!("it says: {}", excerpt(json))))
}

/// The beginning of a line.
fn excerpt(line: &str) -> String {
    line.trim().chars().take(200).collect()
}

/// `claude -p --output-format stream-json`.
struct Claude {
    provider: String,
    events: anthropic::State,
    /// Whether events were passed on; else the whole messages are the answer.
    streamed: bool,
    ended: bool,
}

#[derive(Deserialize)]
struct ClaudeLine<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    event: Option<Raw<'a>>,
    parent_tool_use_id: Option<String>,
    #[serde(borrow)]
    message: Option<Raw<'a>>,
    subtype: Option<String>,
    #[serde(default)]
    is_error: bool,
    result: Option<String>,
    errors: Option<Vec<String>>,
    api_error_status: Option<u16>,
    stop_reason: Option<String>,
    #[serde(borrow)]
    total_cost_usd: Option<Raw<'a>>,
    usage: Option<anthropic::Counts>,
}

impl Claude {
    fn new(provider: &str) -> Self {
        Self { provider: provider.to_owned(), events: anthropic::State::new(provider), streamed: false, ended: false }
    }

    fn result(&mut self, line: ClaudeLine<'_>, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        self.ended = true;
        if line.is_error || line.subtype.as_deref().is_some_and(|kind| kind != "success") {
            let said = line.errors.filter(|errors| !errors.is_empty()).map(|errors| errors.join("; ")).or(line.result);
            let message = said.unwrap_or_else(|| line.subtype.unwrap_or_else(|| "it failed".to_owned()));
            let status = line.api_error_status.unwrap_or(0);
            let fault = if status == 0 { Fault::Aborted } else { from_response("", status, &[].into(), message.as_bytes()).fault };
            return Err(LlmError { status, ..LlmError::new(fault, &self.provider, message) });
        }
        // The counts of the lines before it repeat, and were not passed on; these are those of the whole.
        self.events = anthropic::State::new(&self.provider);
        self.events.count(line.usage, out);
        let cost = line.total_cost_usd.and_then(usd);
        out.extend(cost.map(ModelEvent::Cost));
        out.push(ModelEvent::Stop(match line.stop_reason.as_deref() {
            Some("max_tokens") => Stop::Length,
            Some("refusal") => Stop::Refused("refusal".to_owned()),
            _ => Stop::End,
        }));
        Ok(())
    }
}

impl Payloads for Claude {
    fn payload(&mut self, json: &str, out: &mut Vec<ModelEvent>) -> Result<bool, LlmError> {
        let line: ClaudeLine<'_> = read(&self.provider, json)?;
        let before = out.len();
        match line.kind.as_str() {
            // What a tool's own agent says is not the answer.
            _ if line.parent_tool_use_id.is_some() || self.ended => {}
            "stream_event" => {
                if let Some(event) = line.event {
                    self.streamed = true;
                    let useful = self.events.payload(event.get(), out)?;
                    // Its tools ran there; nobody here is asked to run one, and the result line is the end.
                    out.retain(|event| !is_own(event));
                    return Ok(useful);
                }
            }
            "assistant" if !self.streamed => {
                if let Some(message) = line.message {
                    self.events.payload(message.get(), out)?;
                    out.retain(|event| !is_own(event));
                }
            }
            "result" => self.result(line, out)?,
            _ => {}
        }
        Ok(out.len() > before)
    }
}

/// What is between the program and its model only.
const fn is_own(event: &ModelEvent) -> bool {
    matches!(event, ModelEvent::ToolCall { .. } | ModelEvent::Native(_) | ModelEvent::Stop(_) | ModelEvent::Usage(_))
}

/// `codex exec --json`, and the notifications of `codex app-server`.
#[derive(Default)]
struct Codex {
    provider: String,
    /// Messages that were shown in pieces.
    shown: Vec<String>,
    usage: Usage,
    texts: usize,
}

#[derive(Deserialize)]
struct CodexLine<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<CodexParams<'a>>,
    #[serde(borrow)]
    item: Option<CodexItem<'a>>,
    usage: Option<CodexUsage>,
    #[serde(borrow)]
    error: Option<Raw<'a>>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CodexParams<'a> {
    item_id: Option<String>,
    delta: Option<String>,
    #[serde(borrow)]
    item: Option<CodexItem<'a>>,
    token_usage: Option<CodexTokens>,
    turn: Option<CodexTurn>,
    #[serde(borrow)]
    error: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct CodexItem<'a> {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Deserialize)]
struct CodexTokens {
    total: Option<CodexUsage>,
}

#[derive(Deserialize)]
struct CodexTurn {
    status: Option<String>,
    error: Option<CodexError>,
}

#[derive(Deserialize)]
struct CodexError {
    message: Option<String>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "these are the program's names")]
struct CodexUsage {
    #[serde(alias = "inputTokens")]
    input_tokens: Option<u64>,
    #[serde(alias = "cachedInputTokens")]
    cached_input_tokens: Option<u64>,
    #[serde(alias = "outputTokens")]
    output_tokens: Option<u64>,
    #[serde(alias = "reasoningOutputTokens")]
    reasoning_output_tokens: Option<u64>,
}

impl Codex {
    fn failed(&self, raw: Option<Raw<'_>>, message: Option<String>) -> LlmError {
        let said = raw.and_then(|raw| read::from_str::<CodexError>(raw.get()).ok()).and_then(|error| error.message);
        LlmError::new(Fault::Aborted, &self.provider, said.or(message).unwrap_or_else(|| "the turn failed".to_owned()))
    }

    fn text(&mut self, text: String, out: &mut Vec<ModelEvent>) {
        self.texts += 1;
        out.push(ModelEvent::Text(text));
    }

    fn item(&mut self, item: CodexItem<'_>, out: &mut Vec<ModelEvent>) {
        let text = item.text.filter(|text| !text.is_empty());
        match (item.kind.as_deref(), text) {
            (Some("agent_message" | "agentMessage"), Some(text)) if item.id.as_ref().is_none_or(|id| !self.shown.contains(id)) => {
                self.text(text.into_owned(), out);
            }
            (Some("reasoning"), Some(text)) => out.push(ModelEvent::Reasoning(text.into_owned())),
            _ => {}
        }
    }

    fn count(&mut self, usage: Option<CodexUsage>, out: &mut Vec<ModelEvent>) {
        let Some(counts) = usage else { return };
        let cached = counts.cached_input_tokens.unwrap_or(0);
        let usage = Usage {
            input: Tokens(counts.input_tokens.unwrap_or(0).saturating_sub(cached)),
            cache_read: Tokens(cached),
            cache_write: Tokens(0),
            output: Tokens(counts.output_tokens.unwrap_or(0)),
            reasoning: Tokens(counts.reasoning_output_tokens.unwrap_or(0)),
        };
        if usage != self.usage {
            self.usage = usage;
            out.push(ModelEvent::Usage(usage));
        }
    }
}

impl Payloads for Codex {
    fn payload(&mut self, json: &str, out: &mut Vec<ModelEvent>) -> Result<bool, LlmError> {
        let line: CodexLine<'_> = read(&self.provider, json)?;
        let before = out.len();
        let params = line.params;
        match line.kind.as_deref().or(line.method.as_deref()).unwrap_or_default() {
            "item/agentMessage/delta" => {
                let Some(params) = params else { return Ok(false) };
                if let Some(text) = params.delta.filter(|text| !text.is_empty()) {
                    let id = params.item_id.unwrap_or_default();
                    if self.shown.last() != Some(&id) {
                        self.shown.push(id);
                    }
                    self.text(text, out);
                }
            }
            "item.completed" => line.item.into_iter().for_each(|item| self.item(item, out)),
            "item/completed" => params.and_then(|p| p.item).into_iter().for_each(|item| self.item(item, out)),
            "thread/tokenUsage/updated" => self.count(params.and_then(|p| p.token_usage).and_then(|u| u.total), out),
            "turn.completed" => {
                self.count(line.usage, out);
                out.push(ModelEvent::Stop(Stop::End));
            }
            "turn/completed" => {
                let turn = params.and_then(|p| p.turn);
                if let Some(CodexTurn { status: Some(status), error }) = turn.filter(|t| t.status.as_deref() != Some("completed")) {
                    return Err(self.failed(None, error.and_then(|e| e.message).or(Some(status))));
                }
                out.push(ModelEvent::Stop(Stop::End));
            }
            "turn.failed" => return Err(self.failed(line.error, line.message)),
            "turn/failed" => return Err(self.failed(params.and_then(|p| p.error), None)),
            // Notices of retries come under this name, too; the turn's end says whether it failed.
            _ => {}
        }
        Ok(out.len() > before)
    }
}

/// `gemini -p -o stream-json`.
struct GeminiCli {
    provider: String,
}

#[derive(Deserialize)]
struct GeminiLine {
    #[serde(rename = "type")]
    kind: String,
    model: Option<String>,
    role: Option<String>,
    content: Option<String>,
    status: Option<String>,
    error: Option<GeminiError>,
    stats: Option<GeminiStats>,
}

#[derive(Deserialize)]
struct GeminiError {
    message: Option<String>,
}

#[derive(Deserialize)]
struct GeminiStats {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cached: Option<u64>,
}

impl Payloads for GeminiCli {
    fn payload(&mut self, json: &str, out: &mut Vec<ModelEvent>) -> Result<bool, LlmError> {
        let line: GeminiLine = read(&self.provider, json)?;
        let before = out.len();
        match line.kind.as_str() {
            "init" => out.extend(line.model.map(ModelEvent::Served)),
            "message" if line.role.as_deref() == Some("assistant") => {
                out.extend(line.content.filter(|text| !text.is_empty()).map(ModelEvent::Text));
            }
            "result" if line.status.as_deref() == Some("error") => {
                let message = line.error.and_then(|error| error.message).unwrap_or_else(|| "it failed".to_owned());
                return Err(LlmError::new(Fault::Aborted, &self.provider, message));
            }
            "result" => {
                if let Some(stats) = line.stats {
                    let cached = stats.cached.unwrap_or(0);
                    out.push(ModelEvent::Usage(Usage {
                        input: Tokens(stats.input_tokens.unwrap_or(0).saturating_sub(cached)),
                        cache_read: Tokens(cached),
                        output: Tokens(stats.output_tokens.unwrap_or(0)),
                        ..Usage::default()
                    }));
                }
                out.push(ModelEvent::Stop(Stop::End));
            }
            _ => {}
        }
        Ok(out.len() > before)
    }
}
