//! A conversation as the adapters see it: messages of pieces, of which each one is something that the provider can be told.
//!
//! Invariants
//! - Appending parts to a conversation only appends pieces and messages, so a body that is written from them only grows.
//! - A provider's own bytes go to that provider only. What they mean to another one (a call of a tool) is read off them.
//! - Every call has its result before the next message of the user: providers refuse a conversation without.
//! - System text that comes after the first message cannot move to the front without changing what was sent before, so it is
//!   sent as the user's.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::base::media::MediaType;
use crate::session::request::{Part, Role};

use super::error::{Fault, LlmError};

/// A call of a tool, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub id: String,
    pub name: String,
    /// JSON text.
    pub arguments: String,
    /// The provider that is told it made it without an id, and would not know this one.
    pub unnamed: bool,
}

/// The id of a call that came without one: its name, and from the second on which one of that name it is in the answer.
pub(super) fn own_id(name: &str, earlier: usize) -> String {
    if earlier == 0 { name.to_owned() } else { format!("{name}-{}", earlier + 1) }
}

/// Something that a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a Part),
    /// This provider's own bytes.
    Native(&'a Part),
    /// A call that another provider's model made.
    Call(Call),
    Result {
        call: Call,
        /// `None`: nobody ran it.
        part: Option<&'a Part>,
    },
    Media {
        part: &'a Part,
        media: MediaType,
    },
}

/// A run of pieces with one role, which is never `System`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub role: Role,
    pub pieces: Vec<Piece<'a>>,
}

/// Pieces that are one message where calls and results have messages, or fields, of their own.
pub(super) enum Run<'m, 'a> {
    User(&'m [Piece<'a>]),
    Assistant {
        texts: Vec<&'a Part>,
        /// [`Piece::Native`] and [`Piece::Call`].
        calls: Vec<&'m Piece<'a>>,
    },
    Result {
        call: &'m Call,
        part: Option<&'a Part>,
    },
}

impl<'a> Message<'a> {
    /// The runs of this message, in order. What the model said between two calls begins a run.
    pub(super) fn runs<'m>(&'m self) -> Vec<Run<'m, 'a>> {
        let is_call = |piece: &Piece<'_>| matches!(piece, Piece::Native(_) | Piece::Call(_));
        let is_result = |piece: &Piece<'_>| matches!(piece, Piece::Result { .. });
        if self.role == Role::Assistant {
            let runs = self.pieces.chunk_by(|a, b| !is_call(a) || is_call(b));
            return runs
                .map(|run| Run::Assistant { texts: texts(run), calls: run.iter().filter(|p| is_call(p)).collect() })
                .collect();
        }
        let runs = self.pieces.chunk_by(|a, b| !is_result(a) && !is_result(b));
        runs.map(|run| match &run[0] {
            Piece::Result { call, part } => Run::Result { call, part: *part },
            _ => Run::User(run),
        })
        .collect()
    }
}

/// The texts among these pieces.
pub(super) fn texts<'a>(pieces: &[Piece<'a>]) -> Vec<&'a Part> {
    pieces.iter().filter_map(|piece| if let Piece::Text(part) = piece { Some(*part) } else { None }).collect()
}

/// A whole conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Talk<'a> {
    pub system: Vec<&'a Part>,
    pub messages: Vec<Message<'a>>,
}

/// What stands for the result of a call that nobody ran.
pub(super) const NOT_RUN: &str = "This tool was not run.";

impl<'a> Talk<'a> {
    /// The same where there has to be something to answer.
    pub(super) fn to_answer(provider: &str, parts: &'a [Part]) -> Result<Self, LlmError> {
        let talk = Self::new(provider, parts);
        if talk.messages.is_empty() {
            return Err(LlmError::new(Fault::BadRequest, provider, "the request has no message"));
        }
        Ok(talk)
    }

    /// The conversation as `provider` is told it.
    pub(super) fn new(provider: &str, parts: &'a [Part]) -> Self {
        let mut talk = Self::default();
        let mut calls = Calls::default();
        for part in parts {
            match part.kind.native_provider() {
                Some(own) if own == provider => {
                    calls.made(&part.bytes, Whose::Own);
                    talk.add(Role::Assistant, Piece::Native(part));
                }
                Some(_) => {
                    for call in calls.made(&part.bytes, Whose::Foreign) {
                        talk.add(Role::Assistant, Piece::Call(call));
                    }
                }
                // An empty text says nothing, and some providers refuse it.
                None if part.bytes.is_empty() => {}
                None if part.role == Role::System && talk.messages.is_empty() => talk.system.push(part),
                None => talk.say(part, &mut calls),
            }
        }
        talk
    }

    /// Adds a part that every provider can be told.
    fn say(&mut self, part: &'a Part, calls: &mut Calls) {
        let role = if part.role == Role::Assistant { Role::Assistant } else { Role::User };
        if role == Role::User {
            calls.names.clear();
        }
        if part.kind.name() == "tool-result" {
            // One without its call is nothing that a provider takes.
            if let Some(call) = part.kind.subject().and_then(|id| calls.answered(id)) {
                self.add(Role::User, Piece::Result { call, part: Some(part) });
            }
            return;
        }
        if role == Role::User {
            for call in calls.rest() {
                self.add(Role::User, Piece::Result { call, part: None });
            }
        }
        self.add(role, part.media_type().map_or(Piece::Text(part), |media| Piece::Media { part, media }));
    }

    fn add(&mut self, role: Role, piece: Piece<'a>) {
        match self.messages.last_mut() {
            Some(last) if last.role == role => last.pieces.push(piece),
            _ => self.messages.push(Message { role, pieces: vec![piece] }),
        }
    }
}

/// Calls that have no result yet, in their order.
#[derive(Default)]
struct Calls {
    open: Vec<Call>,
    /// How many calls of the answer had no id, by their name.
    names: BTreeMap<String, usize>,
    /// The calls that were answered; a result may come in several parts.
    done: BTreeMap<String, Call>,
}

/// Who made a call: the provider that is told of it, which gets its own bytes back, or another one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    Foreign,
}

impl Calls {
    fn made(&mut self, native: &[u8], whose: Whose) -> Vec<Call> {
        let mut calls = calls_in(native);
        for call in calls.iter_mut().filter(|call| call.id.is_empty()) {
            let earlier = self.names.entry(call.name.clone()).or_default();
            call.id = own_id(&call.name, *earlier);
            call.unnamed = whose == Whose::Own;
            *earlier += 1;
        }
        self.open.extend(calls.iter().cloned());
        calls
    }

    fn answered(&mut self, id: &str) -> Option<Call> {
        if let Some(at) = self.open.iter().position(|call| call.id == id) {
            let call = self.open.remove(at);
            self.done.insert(id.to_owned(), call);
        }
        self.done.get(id).cloned()
    }

    fn rest(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.open)
    }
}

/// The shapes in which the protocols write a call.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    call_id: Option<String>,
    name: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, rename = "functionCall")]
    gemini: Option<Function<'a>>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    id: Option<String>,
    name: Option<String>,
    #[serde(borrow, alias = "args")]
    arguments: Option<&'a RawValue>,
}

/// The calls in a provider's own bytes, whichever it is; one part holds at most one. Its id is empty where it came without.
fn calls_in(native: &[u8]) -> Vec<Call> {
    let Ok(shape) = serde_json::from_slice::<Shape<'_>>(native) else { return Vec::new() };
    let call = |id: Option<String>, name: Option<String>, arguments: Option<&RawValue>| {
        Some(Call { id: id?, name: name?, arguments: object(arguments), unnamed: false })
    };
    let found = match shape {
        Shape { gemini: Some(function), .. } => call(Some(function.id.unwrap_or_default()), function.name, function.arguments),
        Shape { function: Some(function), id, .. } => {
            let id = id.filter(|id| !id.is_empty()).or(function.id);
            call(Some(id.unwrap_or_default()), function.name, function.arguments)
        }
        Shape { kind: Some(kind), id, name, input, .. } if kind == "tool_use" => call(id, name, input),
        Shape { kind: Some(kind), call_id, name, arguments, .. } if kind == "function_call" => call(call_id, name, arguments),
        Shape { kind: Some(kind), call_id, name, input, .. } if kind == "custom_tool_call" => call(call_id, name, input),
        _ => None,
    };
    found.into_iter().collect()
}

/// Arguments as a JSON object, whether they came as one or as its text.
fn object(arguments: Option<&RawValue>) -> String {
    let raw = arguments.map_or("{}", RawValue::get);
    let text = serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned());
    if text.trim().is_empty() { "{}".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::request::Kind;

    fn native(provider: &str, json: &str) -> Part {
        Part { role: Role::Assistant, kind: Kind::native(provider), bytes: json.as_bytes().to_vec() }
    }

    #[test]
    fn a_call_is_read_in_every_protocol() {
        for json in [
            r#"{"functionCall":{"id":"1","name":"f","args":{"a":1}},"thoughtSignature":"S"}"#,
            r#"{"type":"tool_use","id":"1","name":"f","input":{"a":1}}"#,
            r#"{"type":"function_call","id":"fc","call_id":"1","name":"f","arguments":"{\"a\":1}"}"#,
            r#"{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}"#,
            r#"{"id":"1","function":{"index":0,"name":"f","arguments":{"a":1}}}"#,
        ] {
            let want = Call { id: "1".into(), name: "f".into(), arguments: r#"{"a":1}"#.into(), unnamed: false };
            assert_eq!(calls_in(json.as_bytes()), [want], "{json}");
        }
        let none = [r#"{"type":"thinking","thinking":"x","signature":"s"}"#, r#"{"text":"","thoughtSignature":"S"}"#, "no", "[]"];
        assert!(none.iter().all(|json| calls_in(json.as_bytes()).is_empty()));
    }

    #[test]
    fn calls_without_an_id_go_by_their_name() {
        let call = |at: &str| native("a", &format!(r#"{{"functionCall":{{"name":"f","args":{{"at":"{at}"}}}}}}"#));
        let result = |id: &str, text: &str| Part::text(Role::User, format!("tool-result:{id}").as_str(), text);
        let parts = [call("x"), call("y"), result("f", "one"), result("f-2", "two"), call("z"), result("f", "three")];
        let results = |provider: &str| {
            let talk = Talk::new(provider, &parts);
            let pieces = talk.messages.iter().flat_map(|message| message.pieces.clone());
            let result = |piece| match piece {
                Piece::Result { call, part: Some(part) } => {
                    Some(format!("{} {} {} {}", call.id, call.unnamed, call.arguments, part.as_text()))
                }
                _ => None,
            };
            pieces.filter_map(result).collect::<Vec<_>>()
        };
        let want = |unnamed: bool| {
            [("f", "x", "one"), ("f-2", "y", "two"), ("f", "z", "three")]
                .map(|(id, at, text)| format!("{id} {unnamed} {{\"at\":\"{at}\"}} {text}"))
        };
        assert_eq!(results("a"), want(true));
        assert_eq!(results("b"), want(false));
    }

    #[test]
    fn every_call_has_a_result() {
        let parts = [
            Part::text(Role::User, "message", "go"),
            native("a", r#"{"type":"tool_use","id":"1","name":"f","input":{}}"#),
            native("a", r#"{"type":"tool_use","id":"2","name":"g","input":{}}"#),
            Part::text(Role::User, "tool-result:2", "two"),
            Part::text(Role::User, "tool-result:9", "lost"),
            Part::text(Role::User, "message", "go on"),
        ];
        let kinds = |provider: &str| {
            let talk = Talk::new(provider, &parts);
            let kind = |piece: &Piece<'_>| match piece {
                Piece::Text(part) => part.as_text().into_owned(),
                Piece::Native(_) => "native".to_owned(),
                Piece::Call(call) => format!("call {}", call.name),
                Piece::Result { call, part } => format!("{} {}", call.name, part.map_or("-".into(), |p| p.as_text())),
                Piece::Media { .. } => "media".to_owned(),
            };
            talk.messages.iter().map(|m| m.pieces.iter().map(kind).collect::<Vec<_>>().join(", ")).collect::<Vec<_>>()
        };
        assert_eq!(kinds("a"), ["go", "native, native", "g two, f -, go on"]);
        assert_eq!(kinds("b"), ["go", "call f, call g", "g two, f -, go on"]);
    }
}
