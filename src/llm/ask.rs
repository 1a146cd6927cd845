//! One question, asked until it is answered: attempts, waiting, and when to give up.
//!
//! Invariants
//! - After a piece of text or a tool call was delivered there is no further attempt: the caller has shown it already.
//! - What arrived is never lost: raw bytes reach the [`Sink`] before they are decoded.
//! - Nothing of the answer is held here: the sink has it. However long a stream is, reading it takes the same memory.
//! - The time-out runs on useful data. A server that only sends keep-alives is as silent as one that sends nothing.
//! - Dropping the future stops everything; no task is left behind.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::StreamExt as _;

use crate::base::clock::Entropy;
use crate::config::duration_text;
use crate::session::stream::ModelEvent;

use super::answer::{cut, is_success};
use super::error::{Fault, LlmError, from_response};
use super::{Provider, RawResponse, WireCall};

/// When a provider asks for more patience than this, it is told to the user at once.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// After the end was told, the rest of the stream is read for this long, so that the stored bytes are whole.
const LINGER: Duration = Duration::from_secs(1);
/// How much of an error body is read.
const ERROR_BODY: usize = 1 << 20;
/// The largest answer that is taken. The longest that a model can give today has a hundredth of it; a server that never ends
/// would fill memory and disk.
const LARGEST: usize = 128 << 20;
/// How much of what came is decoded at once; it bounds what an event and its text take beside it.
const AT_ONCE: usize = 64 << 10;
/// Keys that are shorter are words that could stand anywhere, such as `none`.
const SHORTEST_KEY: usize = 8;

/// How often to try, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The most attempts after the first.
    pub max: u32,
    /// The longest wait before the second attempt; it doubles with each further one.
    pub base: Duration,
    /// The longest wait, unless the provider asks for more.
    pub cap: Duration,
    /// How long nothing useful may arrive.
    pub idle: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max: 5, base: Duration::from_millis(500), cap: Duration::from_secs(30), idle: Duration::from_mins(5) }
    }
}

impl RetryPolicy {
    /// The wait after failed attempt `attempt` (from 1), or `None` to give up. The whole range below the growing limit is
    /// used at random, so that many clients do not come back together.
    pub fn wait(&self, attempt: u32, error: &LlmError, entropy: &dyn Entropy) -> Option<Duration> {
        let asked = error.after().unwrap_or_default();
        if attempt > self.max || !error.retryable() || asked > LONGEST_WAIT {
            return None;
        }
        let limit = self.base.saturating_mul(1 << (attempt - 1).min(20)).min(self.cap);
        let mut random = [0; 4];
        entropy.fill(&mut random);
        Some(limit.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX)).max(asked))
    }
}

/// Lets time pass.
pub trait Timer: Send + Sync {
    /// A future that is ready after `time`.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;
}

/// The real one.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioTimer;

impl Timer for TokioTimer {
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// Who is told what happens. An error of `on_attempt`, `on_head` or `on_raw` stops the call: what cannot be kept is not
/// asked for.
pub trait Sink {
    /// Attempt `number` (from 1) begins; what an earlier one left is void.
    fn on_attempt(&mut self, _number: u32) -> io::Result<()> {
        Ok(())
    }

    /// The response's head.
    fn on_head(&mut self, _status: u16, _headers: &BTreeMap<String, String>) -> io::Result<()> {
        Ok(())
    }

    /// Bytes of the body, before they are decoded.
    fn on_raw(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    /// What they mean; of what came at once, pieces of text that follow each other are one, and token counts come last, so they
    /// may come after the stop.
    fn on_event(&mut self, _event: &ModelEvent) {}

    /// The attempt failed, the next one begins after `wait`.
    fn on_retry(&mut self, _wait: Duration, _error: &LlmError) {}
}

/// A call that failed for good; the sink has what had arrived by then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct AskError {
    pub error: LlmError,
    pub attempts: u32,
}

/// Asks, and asks again as `policy` says.
pub async fn ask(
    provider: &dyn Provider,
    call: &WireCall,
    policy: &RetryPolicy,
    entropy: &dyn Entropy,
    timer: &dyn Timer,
    sink: &mut dyn Sink,
) -> Result<(), AskError> {
    let idle = provider.idle_limit(policy.idle);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let sink = &mut *sink;
        let mut attempt = Attempt { provider, call, idle, timer, sink, status: 0, length: 0, begun: false, stopped: false };
        let Err(error) = attempt.run(attempts).await else { return Ok(()) };
        let wait = policy.wait(attempts, &error, entropy).filter(|_| !attempt.begun);
        let Some(wait) = wait else { return Err(AskError { error, attempts }) };
        sink.on_retry(wait, &error);
        timer.sleep(wait).await;
    }
}

/// One attempt in progress.
struct Attempt<'a> {
    provider: &'a dyn Provider,
    call: &'a WireCall,
    idle: Duration,
    timer: &'a dyn Timer,
    sink: &'a mut dyn Sink,
    status: u16,
    /// How many bytes of the body came.
    length: usize,
    /// Whether something was said that a second attempt would say again.
    begun: bool,
    /// Whether the end of the answer was told.
    stopped: bool,
}

impl Attempt<'_> {
    async fn run(&mut self, number: u32) -> Result<(), LlmError> {
        let kept = self.sink.on_attempt(number);
        self.kept(kept)?;
        let response = match select(self.provider.open(self.call), self.timer.sleep(self.idle)).await {
            Either::Left((response, _)) => response?,
            Either::Right(_) => return Err(self.silent()),
        };
        self.status = response.status;
        let kept = self.sink.on_head(response.status, &response.headers);
        self.kept(kept)?;
        if is_success(response.status) { self.read(response).await } else { Err(self.refused(response).await) }
    }

    async fn read(&mut self, mut response: RawResponse) -> Result<(), LlmError> {
        if response.headers.get("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            let status = response.status;
            self.whole(response).await?;
            let message = "the server answers with a web page, which is no model's answer; check the provider's address";
            return Err(LlmError { status, ..LlmError::new(Fault::NotFound, self.provider.name(), message) });
        }
        let mut decoder = self.provider.decoder();
        let mut events = Vec::new();
        let mut progress = 0;
        let mut deadline = self.timer.sleep(self.idle);
        let ended = loop {
            let bytes = match select(response.body.next(), &mut deadline).await {
                Either::Left((None, _)) => break "the connection was closed".to_owned(),
                // A program that failed has no end to its answer, whatever it wrote before.
                Either::Left((Some(Err(error)), _)) if error.fault == Fault::Aborted && !self.stopped => return Err(error),
                Either::Left((Some(Err(error)), _)) => break error.message,
                Either::Left((Some(Ok(bytes)), _)) => bytes,
                Either::Right(_) if self.stopped => return Ok(()),
                Either::Right(_) => return Err(self.silent()),
            };
            if self.length + bytes.len() > LARGEST {
                break format!("it is larger than {} MiB, which is the most that is taken", LARGEST >> 20);
            }
            self.keep(&bytes)?;
            let stopped = self.stopped;
            for piece in bytes.chunks(AT_ONCE) {
                let decoded = decoder.feed(piece, &mut events);
                self.deliver(&mut events);
                match decoded {
                    // What follows the end is stored, but can no longer spoil the answer.
                    Err(_) if self.stopped => {}
                    other => other?,
                }
            }
            if self.stopped {
                if !stopped {
                    deadline = self.timer.sleep(LINGER);
                }
            } else if progress != decoder.progress() {
                progress = decoder.progress();
                deadline = self.timer.sleep(self.idle);
            }
        };
        let decoded = decoder.finish(&mut events);
        self.deliver(&mut events);
        if self.stopped {
            return Ok(());
        }
        decoded?;
        Err(cut(self.provider.name(), self.status, &ended))
    }

    async fn refused(&mut self, mut response: RawResponse) -> LlmError {
        let (status, headers) = (response.status, std::mem::take(&mut response.headers));
        match self.whole(response).await {
            Ok(body) => from_response(self.provider.name(), status, &headers, &body),
            Err(error) => error,
        }
    }

    /// Reads what is no answer whole before it is stored, so that a key that it repeats can be cut out.
    async fn whole(&mut self, mut response: RawResponse) -> Result<Vec<u8>, LlmError> {
        let mut body = Vec::new();
        let mut deadline = self.timer.sleep(self.idle.min(LONGEST_WAIT));
        while body.len() < ERROR_BODY {
            match select(response.body.next(), &mut deadline).await {
                Either::Left((Some(Ok(bytes)), _)) => body.extend_from_slice(&bytes),
                _ => break,
            }
        }
        for (_, secret) in &self.call.secret_headers {
            let key = secret.expose().strip_prefix("Bearer ").unwrap_or(secret.expose());
            if key.len() >= SHORTEST_KEY {
                body = replace_all(&body, key.as_bytes(), b"[key]");
            }
        }
        self.keep(&body).map(|()| body)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), LlmError> {
        let kept = self.sink.on_raw(bytes);
        self.length += bytes.len();
        self.kept(kept)
    }

    fn deliver(&mut self, events: &mut Vec<ModelEvent>) {
        let (mut held, mut usage) = (None, None);
        for event in events.drain(..) {
            match (&event, &mut held) {
                // Some providers count behind each word, and only the last count is one.
                (ModelEvent::Usage(_), _) => usage = Some(event),
                (ModelEvent::Text(more), Some(ModelEvent::Text(text)))
                | (ModelEvent::Reasoning(more), Some(ModelEvent::Reasoning(text))) => text.push_str(more),
                _ => held.replace(event).into_iter().for_each(|event| self.tell(&event)),
            }
        }
        held.into_iter().chain(usage).for_each(|event| self.tell(&event));
    }

    fn tell(&mut self, event: &ModelEvent) {
        match event {
            ModelEvent::Text(text) => self.begun |= !text.is_empty(),
            ModelEvent::ToolCall { .. } => self.begun = true,
            ModelEvent::Stop(_) => self.stopped = true,
            _ => {}
        }
        self.sink.on_event(event);
    }

    fn kept(&self, result: io::Result<()>) -> Result<(), LlmError> {
        result.map_err(|e| LlmError::new(Fault::Aborted, self.provider.name(), format!("the answer cannot be stored: {e}")))
    }

    fn silent(&self) -> LlmError {
        let message = format!("no data for {}", duration_text(self.idle));
        LlmError { status: self.status, ..LlmError::new(Fault::Idle, self.provider.name(), message) }
    }
}

fn replace_all(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}
