//! Recording what goes over the network, and playing it back in its place.
//!
//! Invariants
//! - What is written was cleaned first: of secrets, of account ids, of headers that are not known to be harmless.
//! - A tape that plays sends nothing: what it does not have is an error.
//! - A request is the one that was recorded if method, path and the hash of the cleaned body are equal; equal ones are
//!   answered in the order in which they were recorded, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};

use super::accounts::without_accounts;
use super::cassette::{self, Answered, DROPPED, Exchange, WHOLE};
use super::{NetError, Response};

/// Replaces the secrets in some bytes; nothing when there is none.
pub type Clean = dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync;

/// Records exchanges in a directory, or plays those that are there.
pub struct Tape {
    dir: PathBuf,
    clean: Box<Clean>,
    /// `None`: it records.
    played: Option<Played>,
}

/// What a directory has, and which of it was played.
#[derive(Default)]
struct Played {
    exchanges: OnceLock<Result<Vec<Exchange>, String>>,
    done: Mutex<BTreeSet<u32>>,
}

/// A request, as far as it is told from others.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl Tape {
    /// One that records; the directory is made with the first exchange.
    pub fn recording(dir: PathBuf, clean: Box<Clean>) -> Self {
        Self { dir, clean, played: None }
    }

    /// One that plays what is there.
    pub fn playing(dir: PathBuf, clean: Box<Clean>) -> Self {
        Self { dir, clean, played: Some(Played::default()) }
    }

    /// Whether nothing is sent.
    pub const fn plays(&self) -> bool {
        self.played.is_some()
    }

    fn cleaned(&self, bytes: &[u8]) -> Vec<u8> {
        let clean = (self.clean)(bytes);
        let bytes = clean.as_deref().unwrap_or(bytes);
        without_accounts(bytes).unwrap_or_else(|| bytes.to_vec())
    }

    fn cleaned_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.cleaned(text.as_bytes())).into_owned()
    }

    /// The recorded answer to a request; `None` for a tape that records.
    pub fn play(&self, asked: &Request<'_>) -> Option<Result<Response, NetError>> {
        self.played.as_ref().map(|played| self.answer(played, asked))
    }

    fn answer(&self, played: &Played, asked: &Request<'_>) -> Result<Response, NetError> {
        let broken = |e: io::Error| NetError::Setup(format!("the recording in {} cannot be read: {e}", self.dir.display()));
        let known = played.exchanges.get_or_init(|| cassette::read(&self.dir).map_err(|e| broken(e).to_string()));
        let known = known.as_ref().map_err(|why| NetError::Setup(why.clone()))?;
        let body = self.cleaned(asked.body);
        let wanted = Exchange::new(0, asked.method, self.address(asked.url), BTreeMap::new(), &body);
        let equal = |e: &&Exchange| e.is_of(asked.method, wanted.path()) && e.request.sha256 == wanted.request.sha256;
        let next = {
            let mut done = played.done.lock().unwrap_or_else(PoisonError::into_inner);
            let next = known.iter().filter(equal).find(|exchange| !done.contains(&exchange.number));
            done.extend(next.map(|exchange| exchange.number));
            next
        };
        let Some(exchange) = next else {
            let same: Vec<String> = known.iter().filter(equal).map(Exchange::name).collect();
            return Err(NetError::NotRecorded(self.missing(&wanted, &body, &same, known)));
        };
        let Some(answered) = &exchange.response else {
            let detail = exchange.failed.clone().unwrap_or_default();
            return Err(NetError::Broken { host: "recorded".to_owned(), detail });
        };
        let raw = cassette::response(&self.dir, exchange).map_err(broken)?;
        let mut items: Vec<Result<Bytes, NetError>> = cassette::pieces(raw, &answered.chunks).into_iter().map(Ok).collect();
        if !matches!(answered.ended.as_str(), WHOLE | DROPPED) {
            items.push(Err(NetError::Broken { host: "recorded".to_owned(), detail: answered.ended.clone() }));
        }
        Ok(Response { status: answered.status, headers: answered.headers.clone(), body: stream::iter(items).boxed() })
    }

    /// Which request it is, and what is there that comes nearest.
    fn missing(&self, wanted: &Exchange, body: &[u8], same: &[String], known: &[Exchange]) -> String {
        let asked = format!("{} {}", wanted.method, wanted.path());
        let dir = self.dir.display();
        if !same.is_empty() {
            let times = if same.len() == 1 { "once".to_owned() } else { format!("{} times", same.len()) };
            return format!("{asked} was recorded {times} in {dir} ({}), and is asked once more", same.join(", "));
        }
        let shared = |exchange: &Exchange| {
            let theirs = cassette::request(&self.dir, exchange).unwrap_or_default();
            let equal = theirs.iter().zip(body).take_while(|(a, b)| a == b).count();
            (equal, theirs)
        };
        let alike = known.iter().filter(|exchange| exchange.is_of(&wanted.method, wanted.path()));
        let near = alike.map(|exchange| (shared(exchange), exchange)).max_by_key(|((equal, _), _)| *equal);
        let near = match near {
            Some(((equal, theirs), exchange)) => format!(
                "{} is nearest; its body differs from byte {} on: recorded {}, asked {}",
                exchange.name(),
                equal + 1,
                excerpt(&theirs, equal),
                excerpt(body, equal)
            ),
            None => match known.first() {
                Some(first) => format!("what is there begins with {}: {} {}", first.name(), first.method, first.path()),
                None => "nothing is there".to_owned(),
            },
        };
        format!("{asked} ({} bytes) is not recorded in {dir}: {near}", body.len())
    }

    /// The address without what may be secret in its query.
    fn address(&self, url: &str) -> String {
        let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
        let Some(query) = query else { return self.cleaned_text(path) };
        let secret = |name: &str| {
            let name = name.to_ascii_lowercase();
            ["key", "secret", "password", "sig", "auth"].iter().any(|word| name.contains(word)) || name.ends_with("token")
        };
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if secret(name) && !name.eq_ignore_ascii_case("pageToken") => format!("{name}=[secret]"),
            _ => pair.to_owned(),
        });
        self.cleaned_text(&format!("{path}?{}", pairs.collect::<Vec<_>>().join("&")))
    }

    /// Begins to record an exchange.
    pub fn begin(self: &Arc<Self>, asked: &Request<'_>) -> Result<Take, NetError> {
        let body = self.cleaned(asked.body);
        let number = cassette::claim(&self.dir, &body).map_err(|e| unwritten(&self.dir, &e))?;
        let open = |name: &str| matches!(name, "accept" | "content-type" | "model") || name.starts_with("anthropic-");
        let headers = asked.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), self.cleaned_text(value)));
        let headers = headers.filter(|(name, _)| open(name)).collect();
        let exchange = Exchange::new(number, asked.method, self.address(asked.url), headers, &body);
        Ok(Take { tape: Arc::clone(self), exchange: Some(exchange), raw: Vec::new() })
    }
}

fn unwritten(dir: &Path, why: &io::Error) -> NetError {
    NetError::Setup(format!("the recording in {} cannot be written: {why}", dir.display()))
}

/// A few bytes from there on, as text.
fn excerpt(bytes: &[u8], from: usize) -> String {
    match bytes.get(from..(from + 40).min(bytes.len())) {
        Some(piece) if !piece.is_empty() => format!("{:?}", String::from_utf8_lossy(piece)),
        _ => "its end".to_owned(),
    }
}

/// An exchange that is being recorded. Dropping it keeps what has arrived.
pub struct Take {
    tape: Arc<Tape>,
    /// `None` once it is written.
    exchange: Option<Exchange>,
    raw: Vec<u8>,
}

impl Take {
    /// The response's head.
    pub fn head(&mut self, status: u16, headers: &BTreeMap<String, String>) {
        let kept = headers.iter().filter(|(name, _)| is_kept(name));
        let headers = kept.map(|(name, value)| (name.clone(), self.tape.cleaned_text(value))).collect();
        if let Some(exchange) = &mut self.exchange {
            exchange.response = Some(Answered { status, headers, chunks: Vec::new(), ended: DROPPED.to_owned() });
        }
    }

    fn chunk(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
        if let Some(answered) = self.exchange.as_mut().and_then(|e| e.response.as_mut()) {
            answered.chunks.push(bytes.len());
        }
    }

    /// There is no response, and why.
    pub fn failed(mut self, why: &str) -> Result<(), NetError> {
        if let Some(exchange) = &mut self.exchange {
            exchange.failed = Some(self.tape.cleaned_text(why));
        }
        self.write()
    }

    fn end(&mut self, how: &str) -> Result<(), NetError> {
        let how = self.tape.cleaned_text(how);
        if let Some(answered) = self.exchange.as_mut().and_then(|e| e.response.as_mut()) {
            answered.ended = how;
        }
        self.write()
    }

    fn write(&mut self) -> Result<(), NetError> {
        let Some(exchange) = self.exchange.take() else { return Ok(()) };
        let dir = &self.tape.dir;
        if exchange.response.is_none() && exchange.failed.is_none() {
            cassette::give_back(dir, exchange.number);
            return Ok(());
        }
        let body = self.tape.cleaned(&self.raw);
        cassette::finish(dir, &exchange, &body).map_err(|e| unwritten(dir, &e))
    }

    /// The body, recorded as it is read. `failed` makes an error of what went wrong with the recording.
    pub fn around<E: std::fmt::Display + Send + 'static>(
        self,
        body: BoxStream<'static, Result<Bytes, E>>,
        failed: impl Fn(NetError) -> E + Send + 'static,
    ) -> BoxStream<'static, Result<Bytes, E>> {
        stream::unfold(Some((self, body, failed)), |state| async move {
            let (mut take, mut body, failed) = state?;
            match body.next().await {
                Some(Ok(bytes)) => {
                    take.chunk(&bytes);
                    Some((Ok(bytes), Some((take, body, failed))))
                }
                Some(Err(error)) => {
                    let written = take.end(&error.to_string());
                    Some((Err(written.err().map_or(error, failed)), None))
                }
                None => take.end(WHOLE).err().map(|error| (Err(failed(error)), None)),
            }
        })
        .boxed()
    }
}

impl Drop for Take {
    fn drop(&mut self) {
        // Whoever stopped reading is not told; an exchange that cannot be written is not there.
        let _ = self.write();
    }
}

/// Headers that say something about the answer, the limits or whom to ask about it. Cookies and the like are not kept.
pub fn is_kept(name: &str) -> bool {
    const NAMES: [&str; 10] = [
        "content-type",
        "date",
        "openai-processing-ms",
        "openai-version",
        "request-id",
        "retry-after",
        "retry-after-ms",
        "server-timing",
        "x-request-id",
        "x-should-retry",
    ];
    NAMES.contains(&name) || name.starts_with("x-ratelimit-") || name.starts_with("anthropic-ratelimit-")
}
