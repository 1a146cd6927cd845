//! What is asked of a model, independent of any provider, and the record of the bytes that were sent.
//!
//! Invariants
//! - A request is an append-only list of parts. Within a session the parts of turn n are a prefix of those of turn n+1
//!   until a `compact` turn, so provider caches and signed thinking stay valid.
//! - The body that is sent is exactly the concatenation of a [`Manifest`]'s entries, each decoded part put through its
//!   [`Encoding`].
//! - Images and documents are parts like any other, with their own bytes; what they are is read off those bytes.

use std::fmt;
use std::str::FromStr;

use crate::base::hash::Sha256;
use crate::base::json::escape_into;
use crate::base::media::MediaType;
use crate::base::money::Tokens;

use crate::base::options::CallOptions;

/// `provider/model`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId {
    pub provider: String,
    pub model: String,
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

impl FromStr for ModelId {
    type Err = BadModelId;

    fn from_str(text: &str) -> Result<Self, BadModelId> {
        match text.split_once('/') {
            Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
                Ok(Self { provider: provider.to_owned(), model: model.to_owned() })
            }
            _ => Err(BadModelId(text.to_owned())),
        }
    }
}

/// Why a text is not a model's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a model: expected provider/model, such as gemini/flash")]
pub struct BadModelId(String);

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    /// The stored spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }

    /// The role that is spelled so.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::System, Self::User, Self::Assistant].into_iter().find(|r| r.as_str() == text)
    }
}

/// What a part is for. The text after a colon names its subject: `file:src/a.rs`, `native:gemini`.
///
/// Known kinds: `instructions` (system text), `format` (edit rules), `project` (instruction files), `map`, `file`, `read-only`,
/// `list` (tracked paths), `stdin`, `hook` (what a command of the user's adds), `request` (the line before the words), `message` (the user's words), `answer` (the model's text), `reflection` (what did not
/// fit), `image` and `document` (the file's own bytes), `tool-result:ID` (what the call with this id came to), `native` (provider
/// bytes that must go back unchanged), `wire` (the provider's own framing, not part of the conversation).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub String);

impl Kind {
    /// The provider's framing.
    pub fn wire() -> Self {
        Self("wire".to_owned())
    }

    /// Provider bytes of the conversation, which only that provider understands.
    pub fn native(provider: &str) -> Self {
        Self(format!("native:{provider}"))
    }

    /// The provider whose bytes these are, when they are such.
    pub fn native_provider(&self) -> Option<&str> {
        self.0.strip_prefix("native:")
    }

    /// The kind without its subject.
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(name, _)| name)
    }

    /// The subject after the colon.
    pub fn subject(&self) -> Option<&str> {
        self.0.split_once(':').map(|(_, subject)| subject)
    }
}

impl From<&str> for Kind {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// One piece of the conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    pub role: Role,
    pub kind: Kind,
    /// UTF-8 text, except for `native` parts, which are the provider's own bytes (JSON), and for media.
    pub bytes: Vec<u8>,
}

impl Part {
    /// A part that is text.
    pub fn text(role: Role, kind: impl Into<Kind>, text: impl Into<String>) -> Self {
        Self { role, kind: kind.into(), bytes: text.into().into_bytes() }
    }

    /// An image or a document, by its bytes; `None` when they are neither.
    pub fn media(role: Role, name: &str, bytes: Vec<u8>) -> Option<Self> {
        let kind = if MediaType::of(&bytes)?.is_image() { "image" } else { "document" };
        Some(Self { role, kind: Kind(format!("{kind}:{name}")), bytes })
    }

    /// What the bytes are, for an image or document.
    pub fn media_type(&self) -> Option<MediaType> {
        if matches!(self.kind.name(), "image" | "document") { MediaType::of(&self.bytes) } else { None }
    }

    /// The bytes as text; what is not UTF-8 shows as replacement characters.
    pub fn as_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.media_type().is_some() {
            return write!(f, "Part({} {} {} bytes)", self.role.as_str(), self.kind.0, self.bytes.len());
        }
        write!(f, "Part({} {} {:?})", self.role.as_str(), self.kind.0, self.as_text())
    }
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    /// JSON schema of the arguments, as JSON text.
    pub schema: String,
}

/// The shape that an answer must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSchema {
    pub name: String,
    /// JSON schema, as JSON text.
    pub schema: String,
}

/// What is known of the model that is asked, as far as it decides how a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traits {
    /// The longest answer that it can give.
    pub max_output: Option<Tokens>,
    /// What fits into it, question and answer together.
    pub window: Option<Tokens>,
    /// Whether it can be asked to think, as much as it likes, and to show it.
    pub thinks: bool,
}

/// Everything that a provider needs to know to make one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRequest {
    pub model: ModelId,
    /// The whole conversation, in order; a message is a run of parts with one role.
    pub parts: Vec<Part>,
    /// How to answer; what is not set is left to the provider.
    pub options: CallOptions,
    pub tools: Vec<ToolSpec>,
    pub schema: Option<OutputSchema>,
    pub traits: Traits,
}

impl ModelRequest {
    /// A request for text, with everything left to the provider.
    pub fn new(model: ModelId, parts: Vec<Part>) -> Self {
        Self { model, parts, options: CallOptions::default(), tools: Vec::new(), schema: None, traits: Traits::default() }
    }

    /// Runs of parts with the same role, in order.
    pub fn messages(&self) -> impl Iterator<Item = (Role, &[Part])> {
        self.parts.chunk_by(|a, b| a.role == b.role).map(|run| (run[0].role, run))
    }
}

/// How a part's bytes are written into the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As they are.
    Raw,
    /// As the inside of a JSON string, by the frozen escaper.
    Json,
    /// In base 64 with padding, in one line.
    Base64,
}

impl Encoding {
    /// The stored spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Json => "json",
            Self::Base64 => "base64",
        }
    }

    /// The encoding that is spelled so.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Raw, Self::Json, Self::Base64].into_iter().find(|e| e.as_str() == text)
    }

    /// Appends the encoded form of `bytes`.
    pub fn encode_into(self, out: &mut Vec<u8>, bytes: &[u8]) {
        match (self, std::str::from_utf8(bytes)) {
            (Self::Json, Ok(text)) => escape_into(out, text),
            (Self::Base64, _) => out.extend_from_slice(crate::base::media::base64(bytes).as_bytes()),
            // Text is checked to be UTF-8 before it becomes a segment; see `Segment::new`.
            _ => out.extend_from_slice(bytes),
        }
    }
}

/// One run of bytes of a body, with what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub role: Option<Role>,
    pub kind: Kind,
    pub encoding: Encoding,
    /// The bytes before encoding.
    pub bytes: Vec<u8>,
}

impl Segment {
    /// The provider's framing, as it is.
    pub fn wire(bytes: impl Into<Vec<u8>>) -> Self {
        Self { role: None, kind: Kind::wire(), encoding: Encoding::Raw, bytes: bytes.into() }
    }

    /// A part of the conversation. Bytes that are not UTF-8 cannot be JSON text, so those are raw then.
    pub fn part(part: &Part, encoding: Encoding) -> Self {
        let no_text = encoding == Encoding::Json && std::str::from_utf8(&part.bytes).is_err();
        let encoding = if no_text { Encoding::Raw } else { encoding };
        Self { role: Some(part.role), kind: part.kind.clone(), encoding, bytes: part.bytes.clone() }
    }
}

/// A body ready to be sent: its segments, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WireBody {
    pub segments: Vec<Segment>,
}

impl WireBody {
    /// The exact bytes to send.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.segments.iter().map(|s| s.bytes.len() + 16).sum());
        self.segments.iter().for_each(|s| s.encoding.encode_into(&mut out, &s.bytes));
        out
    }

    /// The record of these segments.
    pub fn manifest(&self) -> Manifest {
        Manifest {
            entries: self
                .segments
                .iter()
                .map(|s| Entry {
                    label: Sha256::of(&s.bytes),
                    length: s.bytes.len() as u64,
                    role: s.role,
                    kind: s.kind.clone(),
                    encoding: s.encoding,
                })
                .collect(),
        }
    }
}

/// One line of a manifest: which part stands here, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// SHA-256 of the part's bytes before encoding.
    pub label: Sha256,
    /// Length of the part's bytes before encoding.
    pub length: u64,
    /// `None` for the provider's framing.
    pub role: Option<Role>,
    pub kind: Kind,
    pub encoding: Encoding,
}

/// The record of a body: its parts in order, by label.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    pub entries: Vec<Entry>,
}

impl Manifest {
    /// Puts the body together again. `part` finds the bytes of a label; the first label it does not know is the error.
    pub fn assemble<'a>(&self, mut part: impl FnMut(&Sha256) -> Option<&'a [u8]>) -> Result<Vec<u8>, MissingPart> {
        let mut out = Vec::new();
        for entry in &self.entries {
            let bytes = part(&entry.label).ok_or(MissingPart(entry.label))?;
            entry.encoding.encode_into(&mut out, bytes);
        }
        Ok(out)
    }

    /// The body as the segments that it is the record of.
    pub fn body<'a>(&self, mut part: impl FnMut(&Sha256) -> Option<&'a [u8]>) -> Result<WireBody, MissingPart> {
        let segment = |Entry { label, role, kind, encoding, .. }: &Entry| {
            let bytes = part(label).ok_or(MissingPart(*label))?.to_vec();
            Ok(Segment { role: *role, kind: kind.clone(), encoding: *encoding, bytes })
        };
        Ok(WireBody { segments: self.entries.iter().map(segment).collect::<Result<_, _>>()? })
    }

    /// The conversation that the body carried, without the provider's framing.
    pub fn parts<'a>(&self, mut part: impl FnMut(&Sha256) -> Option<&'a [u8]>) -> Result<Vec<Part>, MissingPart> {
        let mut out = Vec::new();
        for entry in &self.entries {
            let Some(role) = entry.role else { continue };
            let bytes = part(&entry.label).ok_or(MissingPart(entry.label))?.to_vec();
            out.push(Part { role, kind: entry.kind.clone(), bytes });
        }
        Ok(out)
    }

    /// Whether a part with this label is in the body.
    pub fn contains(&self, label: &Sha256) -> bool {
        self.entries.iter().any(|e| e.label == *label)
    }
}

/// A part that the manifest names was not found: the history is shallow, or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("request part {0} is not in this repository")]
pub struct MissingPart(pub Sha256);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_its_manifest() {
        let part = Part::text(Role::User, "message", "say \"hi\"\n");
        let body =
            WireBody { segments: vec![Segment::wire("{\"t\":\""), Segment::part(&part, Encoding::Json), Segment::wire("\"}")] };
        assert_eq!(body.bytes(), br#"{"t":"say \"hi\"\n"}"#);
        let manifest = body.manifest();
        let find = |label: &Sha256| body.segments.iter().map(|s| &s.bytes[..]).find(|b| Sha256::of(b) == *label);
        assert_eq!(manifest.assemble(find), Ok(body.bytes()));
        assert_eq!(manifest.body(find), Ok(body.clone()));
        assert_eq!(manifest.parts(find), Ok(vec![part]));
        assert!(manifest.assemble(|_| None).is_err());
    }
}
