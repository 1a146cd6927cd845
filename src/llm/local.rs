//! Providers without a network: `echo`, `replay` and `manual`.
//!
//! Invariants
//! - `echo` and `manual` get the request as readable text with every part in it as it is, so what is stored is what was
//!   asked; the answer's bytes are its text.
//! - `replay` gives recorded bytes to the decoder of the provider that they were recorded from.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream;

use crate::config::OutputFormat;
use crate::session::request::{Encoding, ModelRequest, Role, WireBody};
use crate::session::stream::{ModelEvent, Stop};
use crate::session::turn::Envelope;

use super::error::{Fault, LlmError};
use super::wire::{Writer, is_text};
use super::{Decoder, Provider, RawResponse, WireCall, anthropic, chat, gemini, ollama, program, responses};

/// Says the user's last message back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo;

impl Provider for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError> {
        Ok(plain_call(self.name(), request))
    }

    fn again(&self, _: &Envelope, body: WireBody) -> Result<WireCall, LlmError> {
        Ok(local_call(self.name(), body))
    }

    fn open<'a>(&'a self, call: &'a WireCall) -> BoxFuture<'a, Result<RawResponse, LlmError>> {
        let theirs = || call.body.segments.iter().rev().filter(|s| s.role == Some(Role::User));
        let last = theirs().find(|s| s.kind.name() == "message").or_else(|| theirs().next());
        let text = last.map(|s| s.bytes.clone()).unwrap_or_default();
        async { Ok(respond(0, text)) }.boxed()
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(PlainDecoder::default())
    }
}

/// Gives the text to paste to a person and returns what was pasted back.
pub type Paste = dyn Fn(&str) -> io::Result<Vec<u8>> + Send + Sync;

/// A person with a chat window.
pub struct Manual {
    paste: Arc<Paste>,
}

impl Manual {
    /// `paste` gets the whole prompt and gives the answer. It may block.
    pub fn new(paste: Box<Paste>) -> Self {
        Self { paste: paste.into() }
    }
}

impl Provider for Manual {
    fn name(&self) -> &'static str {
        "manual"
    }

    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError> {
        Ok(plain_call(self.name(), request))
    }

    fn again(&self, _: &Envelope, body: WireBody) -> Result<WireCall, LlmError> {
        Ok(local_call(self.name(), body))
    }

    fn open<'a>(&'a self, call: &'a WireCall) -> BoxFuture<'a, Result<RawResponse, LlmError>> {
        let paste = Arc::clone(&self.paste);
        let prompt = String::from_utf8_lossy(&call.body.bytes()).into_owned();
        let given_up = |why: String| LlmError::new(Fault::Aborted, "manual", why);
        async move {
            // On its own thread, so that an interrupt is still seen meanwhile.
            let answer = tokio::task::spawn_blocking(move || paste(&prompt)).await;
            match answer {
                Ok(Ok(bytes)) => Ok(respond(0, bytes)),
                Ok(Err(error)) => Err(given_up(format!("no answer was given: {error}"))),
                Err(error) => Err(given_up(error.to_string())),
            }
        }
        .boxed()
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(PlainDecoder::default())
    }

    fn idle_limit(&self, _configured: Duration) -> Duration {
        // A day is long enough for a person, and short enough for every timer.
        Duration::from_hours(24)
    }
}

/// One recorded response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The format it is in; see [`format_of`].
    pub format: String,
    pub status: u16,
    pub raw: Vec<u8>,
}

/// What format the answer to a stored call is in: the protocol's word, or the name of a provider without one. A replayed
/// answer is in the format that it was first recorded in, which the call's address says.
pub fn format_of(envelope: &Envelope) -> &str {
    let own = if envelope.protocol.is_empty() { &envelope.provider } else { &envelope.protocol };
    envelope.url.strip_prefix(REPLAYED).filter(|_| envelope.provider == "replay").unwrap_or(own)
}

/// What format the answer of a recorded call is in, by its method and path; `None` for one that asks no model.
pub fn format_at(method: &str, path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or(path);
    let known = [
        (":streamGenerateContent", "gemini"),
        ("/v1/messages", "anthropic"),
        ("/chat/completions", "openai"),
        ("/responses", "responses"),
        ("/api/chat", "ollama"),
    ];
    if method != "POST" {
        return None;
    }
    known.iter().find(|(end, _)| path.ends_with(end)).map(|(_, format)| *format)
}

/// What the address of a replayed call begins with.
const REPLAYED: &str = "replay:";

/// Every word for a format.
pub const FORMATS: &[&str] =
    &["gemini", "anthropic", "responses", "openai", "ollama", "text", "claude-code", "codex", "gemini-cli", "echo", "manual"];

/// A decoder for a format, for errors of `provider`; every word that is not known is a server with chat completions.
pub fn decoder_of(format: &str, provider: &str) -> Box<dyn Decoder> {
    match format {
        "gemini" => Box::new(gemini::decoder(provider)),
        "anthropic" => Box::new(anthropic::decoder(provider)),
        "responses" => Box::new(responses::decoder(provider)),
        "ollama" => Box::new(ollama::decoder(provider)),
        "echo" | "manual" | "replay" => Box::new(PlainDecoder::default()),
        word if OutputFormat::from_word(word).is_some() => {
            program::decoder(OutputFormat::from_word(word).unwrap_or_default(), provider)
        }
        _ => Box::new(chat::decoder(provider)),
    }
}

/// Answers with recorded responses, one after the other.
pub struct Replay {
    format: String,
    recordings: Vec<Recording>,
    next: AtomicUsize,
}

impl Replay {
    /// Recordings in the order of the calls, all in one format: a call is bound to a format before it is made.
    pub fn new(recordings: Vec<Recording>) -> Result<Self, LlmError> {
        let format = recordings.first().map(|r| r.format.clone()).unwrap_or_default();
        if let Some(other) = recordings.iter().find(|r| r.format != format) {
            let why = format!("recordings of {format} and of {} cannot be replayed together", other.format);
            return Err(LlmError::new(Fault::Aborted, "replay", why));
        }
        Ok(Self { format, recordings, next: AtomicUsize::new(0) })
    }
}

impl Provider for Replay {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError> {
        let mut call = plain_call(self.name(), request);
        call.envelope.url = format!("{REPLAYED}{}", self.format);
        Ok(call)
    }

    fn again(&self, _: &Envelope, body: WireBody) -> Result<WireCall, LlmError> {
        let mut call = local_call(self.name(), body);
        call.envelope.url = format!("{REPLAYED}{}", self.format);
        Ok(call)
    }

    fn open<'a>(&'a self, _call: &'a WireCall) -> BoxFuture<'a, Result<RawResponse, LlmError>> {
        let next = self.recordings.get(self.next.fetch_add(1, Ordering::Relaxed));
        let response = next.map(|r| respond(r.status, r.raw.clone()));
        async { response.ok_or_else(|| LlmError::new(Fault::Aborted, "replay", "there is no further recorded answer")) }.boxed()
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        decoder_of(&self.format, self.name())
    }
}

fn respond(status: u16, raw: Vec<u8>) -> RawResponse {
    RawResponse { status, headers: [].into(), body: Box::pin(stream::iter([Ok(raw.into())])) }
}

fn plain_call(provider: &str, request: &ModelRequest) -> WireCall {
    local_call(provider, plain_body(request))
}

fn local_call(provider: &str, body: WireBody) -> WireCall {
    let envelope = Envelope { provider: provider.to_owned(), method: "LOCAL".to_owned(), ..Envelope::default() };
    WireCall { envelope, secret_headers: Vec::new(), body }
}

/// The conversation as text for a person: a line before each message that says whose it is.
fn plain_body(request: &ModelRequest) -> WireBody {
    let mut body = Writer::default();
    let parts: Vec<_> = request.parts.iter().filter(|part| is_text(part)).collect();
    for message in parts.chunk_by(|a, b| a.role == b.role) {
        body.wire(&format!("=== {} ===\n", message[0].role.as_str()));
        for part in message {
            body.part(part, Encoding::Raw);
            body.wire("\n\n");
        }
    }
    body.finish()
}

/// The bytes are the text.
#[derive(Default)]
pub(super) struct PlainDecoder {
    /// The beginning of a character whose other bytes have not come yet.
    pending: Vec<u8>,
    progress: u64,
}

impl Decoder for PlainDecoder {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        self.progress += u64::from(!bytes.is_empty());
        self.pending.extend_from_slice(bytes);
        // An unfinished character at the end waits; anything else that is not UTF-8 never will be.
        let whole = self.pending.len() - self.pending.utf8_chunks().last().map_or(0, |c| unfinished(c.invalid()));
        let rest = self.pending.split_off(whole);
        let done = std::mem::replace(&mut self.pending, rest);
        if !done.is_empty() {
            out.push(ModelEvent::Text(String::from_utf8_lossy(&done).into_owned()));
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            out.push(ModelEvent::Text(String::from_utf8_lossy(&rest).into_owned()));
        }
        out.push(ModelEvent::Stop(Stop::End));
        Ok(())
    }

    fn progress(&self) -> u64 {
        self.progress
    }
}

/// How many bytes at the end could still become a character.
fn unfinished(tail: &[u8]) -> usize {
    let could_go_on = std::str::from_utf8(tail).is_err_and(|e| e.error_len().is_none());
    if could_go_on { tail.len() } else { 0 }
}
