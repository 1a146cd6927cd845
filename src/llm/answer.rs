//! A model's answer put together from its events.
//!
//! Invariants
//! - An [`Answer`] is a function of the events alone, so a stored stream gives the same answer as the live one.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use crate::base::clock::Entropy;
use crate::base::money::Usd;
use crate::session::stream::{ModelEvent, Usage};
use crate::session::turn::{Envelope, ResponseRecord};

use super::ask::{AskError, RetryPolicy, Sink, Timer, ask};
use super::error::{Fault, LlmError, from_response};
use super::local::{decoder_of, format_of};
use super::{Decoder, Provider, WireCall};

/// A tool that the model wants to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// JSON text.
    pub arguments: String,
}

/// What came back, whole or in part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    pub record: ResponseRecord,
    pub usage: Usage,
    /// The model that really answered.
    pub served: Option<String>,
    pub calls: Vec<ToolCall>,
    /// What the provider says that the call costs, if it does.
    pub cost: Option<Usd>,
}

impl Answer {
    /// Sets the response's head.
    pub fn head(&mut self, status: u16, headers: &BTreeMap<String, String>) {
        self.record.status = status;
        self.record.headers.clone_from(headers);
    }

    /// Adds one event.
    pub fn take(&mut self, event: &ModelEvent) {
        match event {
            ModelEvent::Text(text) => self.record.text.push_str(text),
            ModelEvent::Reasoning(text) => self.record.reasoning.push_str(text),
            ModelEvent::Native(bytes) => self.record.native.push((self.record.text.len() as u64, bytes.clone())),
            ModelEvent::ToolCall { id, name, arguments } => {
                self.calls.push(ToolCall { id: id.clone(), name: name.clone(), arguments: arguments.clone() });
            }
            ModelEvent::Served(model) => self.served = Some(model.clone()),
            ModelEvent::Usage(usage) => self.usage = *usage,
            ModelEvent::Cost(cost) => self.cost = Some(*cost),
            ModelEvent::Stop(stop) => self.record.stop = Some(stop.clone()),
        }
    }

    /// Whether something was said that a second attempt would say again.
    pub fn has_begun(&self) -> bool {
        !self.record.text.is_empty() || !self.calls.is_empty()
    }
}

/// A sink that holds the whole answer in memory, its bytes too, and passes everything on.
struct Gather<'s> {
    answer: Answer,
    to: &'s mut dyn Sink,
}

impl Sink for Gather<'_> {
    fn on_attempt(&mut self, number: u32) -> io::Result<()> {
        self.answer = Answer::default();
        self.to.on_attempt(number)
    }

    fn on_head(&mut self, status: u16, headers: &BTreeMap<String, String>) -> io::Result<()> {
        self.answer.head(status, headers);
        self.to.on_head(status, headers)
    }

    fn on_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.answer.record.raw.extend_from_slice(bytes);
        self.to.on_raw(bytes)
    }

    fn on_event(&mut self, event: &ModelEvent) {
        self.answer.take(event);
        self.to.on_event(event);
    }

    fn on_retry(&mut self, wait: Duration, error: &LlmError) {
        self.to.on_retry(wait, error);
    }
}

/// [`ask`], and the last attempt's answer in memory, as far as it came.
pub async fn ask_whole(
    provider: &dyn Provider,
    call: &WireCall,
    policy: &RetryPolicy,
    entropy: &dyn Entropy,
    timer: &dyn Timer,
    sink: &mut dyn Sink,
) -> (Answer, Result<(), AskError>) {
    let mut gather = Gather { answer: Answer::default(), to: sink };
    let result = ask(provider, call, policy, entropy, timer, &mut gather).await;
    (gather.answer, result)
}

/// Whether a status means that the body is an answer. Local providers have none.
pub(super) const fn is_success(status: u16) -> bool {
    matches!(status, 0 | 200..=299)
}

pub(super) fn cut(provider: &str, status: u16, why: &str) -> LlmError {
    LlmError { status, ..LlmError::new(Fault::Cut, provider, format!("the answer was cut off: {why}")) }
}

/// Decodes the stored answer to a stored call again: what it holds, and what was wrong with it. It needs neither a key nor
/// the provider's settings, so it works when those are gone.
pub fn replay(envelope: &Envelope, status: u16, raw: &[u8]) -> (Answer, Option<LlmError>) {
    let (format, provider) = (format_of(envelope), envelope.provider.as_str());
    let mut answer = Answer::default();
    answer.record.status = status;
    answer.record.raw = raw.to_vec();
    if !is_success(status) {
        let error = from_response(provider, status, &answer.record.headers, raw);
        return (answer, Some(error));
    }
    let mut decoder = decoder_of(format, provider);
    let mut events = Vec::new();
    let result = decode_all(&mut *decoder, raw, &mut events);
    for event in &events {
        answer.take(event);
    }
    let error = match result {
        _ if answer.record.stop.is_some() => None,
        Ok(()) => Some(cut(provider, status, "the stored bytes end too early")),
        Err(error) => Some(error),
    };
    (answer, error)
}

fn decode_all(decoder: &mut dyn Decoder, raw: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
    decoder.feed(raw, out)?;
    decoder.finish(out)
}
