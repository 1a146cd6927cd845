//! What the HTTP adapters share: a body written part by part, and a decoder from bytes to JSON payloads.
//!
//! Invariants
//! - [`Writer`] merges framing between two parts into one segment, so the same framing is the same stored object.
//! - A body that is one JSON object instead of an event stream is one payload: some servers ignore `stream`.

use crate::session::request::{Encoding, Part, Role, Segment, WireBody};
use crate::session::stream::ModelEvent;

use super::Decoder;
use super::error::LlmError;
use super::sse::Sse;

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

/// Whether a part is text that every provider can be sent. Empty ones say nothing, and some providers refuse them.
pub(super) fn is_text(part: &Part) -> bool {
    part.kind.native_provider().is_none() && !part.bytes.is_empty()
}

/// A JSON string's inside has to be UTF-8; other bytes become replacement characters.
pub(super) fn utf8(part: &Part) -> Part {
    match std::str::from_utf8(&part.bytes) {
        Ok(_) => part.clone(),
        Err(_) => Part::text(part.role, part.kind.clone(), part.as_text()),
    }
}

/// The leading system parts, and the rest. System text that comes later cannot move to the front without changing what
/// was sent before, so it is sent as the user's.
pub(super) fn split_system<'a>(parts: impl Iterator<Item = &'a Part>) -> (Vec<&'a Part>, Vec<(Role, &'a Part)>) {
    let (mut system, mut rest) = (Vec::new(), Vec::new());
    for part in parts {
        match part.role {
            Role::System if rest.is_empty() => system.push(part),
            Role::System => rest.push((Role::User, part)),
            role => rest.push((role, part)),
        }
    }
    (system, rest)
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
}

impl<P: Payloads> StreamDecoder<P> {
    pub(super) fn new(payloads: P) -> Self {
        Self { framing: Framing::Unknown, payloads, progress: 0 }
    }

    fn take(&mut self, json: &str, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        self.progress += u64::from(self.payloads.payload(json, out)?);
        Ok(())
    }
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
                let mut payloads = Vec::new();
                sse.feed(bytes, &mut payloads);
                payloads.iter().try_for_each(|json| self.take(json, out))
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<ModelEvent>) -> Result<(), LlmError> {
        let rest = match &mut self.framing {
            Framing::Unknown => None,
            Framing::Object(body) => Some(String::from_utf8_lossy(body).into_owned()),
            Framing::Events(sse) => sse.finish(),
        };
        // A last payload that cannot be read was cut in the middle; that the answer has no end says so already.
        let whole = rest.filter(|json| json == "[DONE]" || serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok());
        let result = whole.map_or(Ok(()), |json| self.take(&json, out));
        self.payloads.end(out);
        result
    }

    fn progress(&self) -> u64 {
        self.progress
    }
}
