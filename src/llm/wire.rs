//! What the HTTP adapters share: a body written part by part, and a decoder from bytes to JSON payloads.
//!
//! Invariants
//! - [`Writer`] merges framing between two parts into one segment, so the same framing is the same stored object.
//! - A body that is one JSON object instead of an event stream is one payload: some servers ignore `stream`.
//! - Each byte is looked at a fixed number of times, whatever the pieces are.

use memchr::memchr;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::base::json::escape_into;
use crate::base::json::read::{self, Raw};
use crate::base::money::Usd;
use crate::base::options::{CallOption, CallOptions};
use crate::base::text::lossy;
use crate::session::request::{Encoding, Kind, Part, Role, Segment, WireBody};
use crate::session::stream::ModelEvent;

use super::Decoder;
use super::error::{Fault, LlmError};
use super::sse::Sse;
use super::talk::NOT_RUN;

/// Writes a body.
#[derive(Default)]
pub(super) struct Writer {
    segments: Vec<Segment>,
    wire: String,
}

impl Writer {
    /// Appends framing.
    pub(super) fn wire(&mut self, text: &str) {
        self.wire.push_str(text);
    }

    /// Appends a part of the conversation.
    pub(super) fn part(&mut self, part: &Part, encoding: Encoding) {
        self.flush();
        self.segments.push(Segment::part(part, encoding));
    }

    /// Appends a part as the inside of a JSON string.
    pub(super) fn text(&mut self, part: &Part) {
        self.part(&utf8(part), Encoding::Json);
    }

    /// Appends an image or document between the framing for it.
    pub(super) fn media(&mut self, before: &str, part: &Part, after: &str) {
        self.wire(before);
        self.part(part, Encoding::Base64);
        self.wire(after);
    }

    /// Appends what a call came to as a JSON string, with its quotes.
    pub(super) fn result(&mut self, part: Option<&Part>) {
        match part {
            Some(part) => {
                self.wire("\"");
                self.text(part);
                self.wire("\"");
            }
            None => self.wire(&quoted(NOT_RUN)),
        }
    }

    /// Appends JSON that becomes this provider's own bytes: a call that another one's model made.
    pub(super) fn native(&mut self, provider: &str, json: String) {
        let part = Part { role: Role::Assistant, kind: Kind::native(provider), bytes: json.into_bytes() };
        self.part(&part, Encoding::Raw);
    }

    /// Appends `"name":value,` for each option that `names` has a name for.
    pub(super) fn options(&mut self, options: &CallOptions, names: &[(CallOption, &str)]) {
        for (option, json) in options.iter() {
            if let Some((_, name)) = names.iter().find(|(known, _)| *known == option) {
                self.wire(&format!("\"{name}\":{json},"));
            }
        }
    }

    /// Appends framing that stands apart from what is around it.
    pub(super) fn mark(&mut self, text: &str) {
        self.flush();
        self.segments.push(Segment::wire(text));
    }

    fn flush(&mut self) {
        if !self.wire.is_empty() {
            self.segments.push(Segment::wire(std::mem::take(&mut self.wire)));
        }
    }

    /// The finished body.
    pub(super) fn finish(mut self) -> WireBody {
        self.flush();
        WireBody { segments: self.segments }
    }
}

/// Whether a part is text that a person can read. Empty ones say nothing.
pub(super) fn is_text(part: &Part) -> bool {
    part.kind.native_provider().is_none() && part.media_type().is_none() && !part.bytes.is_empty()
}

/// A JSON string's inside has to be UTF-8; other bytes become replacement characters.
fn utf8(part: &Part) -> Part {
    match std::str::from_utf8(&part.bytes) {
        Ok(_) => part.clone(),
        Err(_) => Part::text(part.role, part.kind.clone(), part.as_text()),
    }
}

/// Appends parts as the inside of one JSON string, with text (escaped already) between them.
pub(super) fn joined(body: &mut Writer, parts: &[&Part], between: &str) {
    for (at, part) in parts.iter().enumerate() {
        body.wire(if at > 0 { between } else { "" });
        body.text(part);
    }
}

/// Text as a JSON string, with its quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = b"\"".to_vec();
    escape_into(&mut out, text);
    out.push(b'"');
    String::from_utf8_lossy(&out).into_owned()
}

/// A JSON text as it stands, or `{}` where it is none: what a model or a file gave must not break the body around it.
pub(super) fn json_or_empty(text: &str) -> &str {
    if is_json(text) { text } else { "{}" }
}

pub(super) fn is_json(text: &str) -> bool {
    read::from_str::<IgnoredAny>(text).is_ok()
}

/// A number of dollars, as servers write one.
pub(super) fn usd(raw: Raw<'_>) -> Option<Usd> {
    let dollars: f64 = raw.get().parse().ok()?;
    // Above a billion it is no price, and whole billionths no longer fit.
    (0.0..1e9).contains(&dollars).then(|| Usd::from_nanos((dollars * 1e9).round() as i64))
}

/// Reads a payload, or a part of one.
pub(super) fn read<'a, T: Deserialize<'a>>(provider: &str, json: &'a str) -> Result<T, LlmError> {
    let unreadable = |e| LlmError::new(Fault::Protocol, provider, format!("the answer cannot be read: {e}"));
    read::from_str(json).map_err(unreadable)
}

/// What the payloads of one provider mean.
pub(super) trait Payloads: Send {
    /// Reads one payload; says whether it was of use.
    fn payload(&mut self, json: &str, out: &mut Vec<ModelEvent>) -> Result<bool, LlmError>;

    /// The stream is over.
    fn end(&mut self, _out: &mut Vec<ModelEvent>) {}
}

/// Bytes to payloads.
pub(super) struct StreamDecoder<P> {
    framing: Framing,
    payloads: P,
    progress: u64,
}

enum Framing {
    /// Only white space was seen.
    Unknown,
    Events(Sse),
    /// The whole body so far.
    Object(Vec<u8>),
    /// The line that is not finished yet; each line is a payload.
    Lines(Vec<u8>),
}

impl<P: Payloads> StreamDecoder<P> {
    /// For server-sent events.
    pub(super) fn new(payloads: P) -> Self {
        Self { framing: Framing::Unknown, payloads, progress: 0 }
    }

    /// For JSON lines.
    pub(super) fn lines(payloads: P) -> Self {
        Self { framing: Framing::Lines(Vec::new()), payloads, progress: 0 }
    }
}

fn take(payloads: &mut impl Payloads, progress: &mut u64, json: &str, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
    *progress += u64::from(payloads.payload(json, out)?);
    Ok(())
}

impl<P: Payloads> Decoder for StreamDecoder<P> {
    fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        if matches!(self.framing, Framing::Unknown) {
            // White space before the first event means nothing, whether it comes in a piece of its own or not.
            bytes = bytes.trim_ascii_start();
            match bytes.first() {
                None => return Ok(()),
                Some(b'{') => self.framing = Framing::Object(Vec::new()),
                Some(_) => self.framing = Framing::Events(Sse::default()),
            }
        }
        match &mut self.framing {
            Framing::Unknown => Ok(()),
            Framing::Object(body) => {
                body.extend_from_slice(bytes);
                Ok(())
            }
            Framing::Events(sse) => {
                let (payloads, progress) = (&mut self.payloads, &mut self.progress);
                let mut taken = Ok(());
                sse.feed(bytes, |json| {
                    if taken.is_ok() {
                        taken = take(payloads, progress, json, out);
                    }
                });
                taken
            }
            Framing::Lines(rest) => {
                let (payloads, progress) = (&mut self.payloads, &mut self.progress);
                let mut taken = Ok(());
                while let Some(end) = memchr(b'\n', bytes) {
                    let (line, after) = (&bytes[..end], &bytes[end + 1..]);
                    bytes = after;
                    // Most lines come whole.
                    if !rest.is_empty() {
                        rest.extend_from_slice(line);
                    }
                    let line = lossy(if rest.is_empty() { line } else { rest });
                    if taken.is_ok() && !line.trim().is_empty() {
                        taken = take(payloads, progress, &line, out);
                    }
                    rest.clear();
                }
                rest.extend_from_slice(bytes);
                taken
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        let rest = match &mut self.framing {
            Framing::Unknown => None,
            Framing::Object(body) | Framing::Lines(body) => Some(lossy(body).into_owned()),
            Framing::Events(sse) => sse.finish(),
        };
        // A last payload that cannot be read was cut in the middle; that the answer has no end says so already.
        let whole = rest.filter(|json| json == "[DONE]" || is_json(json));
        let result = whole.map_or(Ok(()), |json| take(&mut self.payloads, &mut self.progress, &json, out));
        self.payloads.end(out);
        result
    }

    fn progress(&self) -> u64 {
        self.progress
    }
}
