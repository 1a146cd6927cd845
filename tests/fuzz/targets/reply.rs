//! What comes back from a provider: event streams, error bodies.

use std::collections::BTreeMap;

use retort::base::json::read::{self, Raw, Text};
use retort::llm::error::{from_response, from_stream};
use retort::llm::sse::Sse;
use retort::llm::{Answer, LlmError, decoder_of, replay};
use retort::session::request::Role;
use retort::session::stream::{ModelEvent, Stop};
use retort::session::turn::Envelope;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::bytes::{Dice, joined, parts, pieces, text};
use super::files;

fn fixtures(end: &str) -> Vec<Vec<u8>> {
    files("fixtures/sse").into_iter().filter(|(name, _)| name.ends_with(end)).map(|(_, bytes)| bytes).collect()
}

fn payloads(pieces: &[&[u8]]) -> (Vec<String>, Option<String>) {
    let (mut sse, mut out) = (Sse::default(), Vec::new());
    for piece in pieces {
        sse.feed(piece, |payload| out.push(payload.to_owned()));
    }
    let rest = sse.finish();
    (out, rest)
}

/// Any split gives the same payloads, and the three line ends mean the same.
pub fn sse(data: &[u8]) {
    let whole = payloads(&[data]);
    let mut dice = Dice::of(data);
    assert_eq!(payloads(&pieces(data, &dice.cuts(data.len()))), whole, "cut at random");
    if data.len() <= 2000 {
        let bytes: Vec<&[u8]> = data.chunks(1).collect();
        assert_eq!(payloads(&bytes), whole, "byte by byte");
    }
    let mut plain = Vec::with_capacity(data.len());
    for (at, byte) in data.iter().enumerate() {
        match byte {
            b'\n' if at > 0 && data[at - 1] == b'\r' => {}
            b'\r' => plain.push(b'\n'),
            byte => plain.push(*byte),
        }
    }
    assert_eq!(payloads(&[&plain]), whole, "with plain line ends");
}

pub fn sse_seeds() -> Vec<Vec<u8>> {
    let mut seeds = fixtures(".sse");
    seeds.push(b"\xef\xbb\xbfdata: a\n\n: ping\n\nevent: x\r\ndata:b\r\ndata:  c\r\n\r\ndata\r\rid: 1\n\ndata: cut".to_vec());
    seeds
}

/// The reader of streams takes what `serde_json` takes, and reads the same.
pub fn json(data: &[u8]) {
    let text = text(data);
    let ours = read::from_str::<Value>(&text).ok();
    assert_eq!(ours, serde_json::from_str(&text).ok());
    let whole = serde_json::from_str::<IgnoredAny>(&text).is_ok();
    assert_eq!(read::from_str::<IgnoredAny>(&text).is_ok(), whole);
    let raw = read::from_str::<Raw<'_>>(&text).ok().map(Raw::get);
    assert_eq!(raw, whole.then(|| text.trim_matches([' ', '\n', '\t', '\r'])));
    let string = read::from_str::<Text<'_>>(&text).ok().map(|text| text.0.into_owned());
    assert_eq!(string, serde_json::from_str::<String>(&text).ok());
}

pub fn json_seeds() -> Vec<Vec<u8>> {
    let streams = fixtures(".ndjson").into_iter().chain(fixtures(".json"));
    let lines = streams.flat_map(|stream| stream.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>());
    let own = [r#"{"a":[1,-2,3.5e-7,18446744073709551615],"b":{"c":null},"d":true}"#, r#""\ud83d\ude00 \n\\ \"é""#, " [ ] "];
    lines.filter(|line| (1..2000).contains(&line.len())).chain(own.map(|text| text.as_bytes().to_vec())).collect()
}

#[derive(Debug, PartialEq)]
struct Decoded {
    events: Vec<ModelEvent>,
    error: Option<LlmError>,
    progress: u64,
}

fn decoded(format: &str, pieces: &[&[u8]]) -> Decoded {
    let mut decoder = decoder_of(format, "fuzz");
    let mut events = Vec::new();
    let fed = pieces.iter().try_for_each(|piece| decoder.feed(piece, &mut events));
    let error = fed.and_then(|()| decoder.finish(&mut events)).err();
    Decoded { events, error, progress: decoder.progress() }
}

/// Any split gives the same events, and the answer that is put together from them holds all of their text.
fn stream(format: &str, data: &[u8]) {
    let whole = decoded(format, &[data]);
    let mut dice = Dice::of(data);
    assert_eq!(decoded(format, &pieces(data, &dice.cuts(data.len()))), whole, "cut at random");
    if data.len() <= 2000 {
        assert_eq!(decoded(format, &data.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
    }
    let mut said = String::new();
    for event in &whole.events {
        match event {
            ModelEvent::Text(text) => said.push_str(text),
            ModelEvent::Native(bytes) => {
                serde_json::from_slice::<&serde_json::value::RawValue>(bytes).expect("bytes that go back are JSON");
            }
            _ => {}
        }
    }
    let envelope = Envelope { provider: format.to_owned(), ..Envelope::default() };
    let (answer, error) = replay(&envelope, 200, data);
    assert_eq!(answer.record.text, said);
    assert_eq!(answer.record.raw, data);
    assert_eq!(error.is_none(), answer.record.stop.is_some(), "an answer without an end is an error");
    kept(&answer);
}

/// The message that the next request repeats has the whole text in it.
fn kept(answer: &Answer) {
    let shown: Vec<u8> = answer
        .record
        .parts("p")
        .into_iter()
        .inspect(|part| assert_eq!(part.role, Role::Assistant))
        .filter(|part| part.kind.native_provider().is_none())
        .flat_map(|part| part.bytes)
        .collect();
    assert_eq!(text(&shown), answer.record.text);
}

pub fn gemini(data: &[u8]) {
    stream("gemini", data);
}

pub fn chat(data: &[u8]) {
    stream("openai", data);
    // A local answer is its text; how that is cut into events may differ.
    let said = |pieces: &[&[u8]]| {
        let Decoded { events, error, .. } = decoded("echo", pieces);
        assert_eq!((error, events.last()), (None, Some(&ModelEvent::Stop(Stop::End))));
        events.iter().map(|event| if let ModelEvent::Text(text) = event { text.as_str() } else { "" }).collect::<String>()
    };
    assert_eq!(said(&[data]), text(data));
    assert_eq!(said(&pieces(data, &Dice::of(data).cuts(data.len()))), text(data));
}

pub fn gemini_seeds() -> Vec<Vec<u8>> {
    files("fixtures/sse/gemini").into_iter().map(|(_, bytes)| bytes).collect()
}

pub fn chat_seeds() -> Vec<Vec<u8>> {
    let named = files("fixtures/sse").into_iter().filter(|(name, _)| !name.starts_with("gemini/") && name != "SOURCES.md");
    named.map(|(_, bytes)| bytes).collect()
}

/// Parts: the body, then the values of the two headers that ask to wait.
pub fn errors(data: &[u8]) {
    let mut parts = parts(data);
    let body = parts.next().unwrap_or_default();
    let names = ["retry-after", "retry-after-ms"];
    let headers: BTreeMap<String, String> =
        names.iter().zip(parts).map(|(name, value)| ((*name).to_owned(), text(value))).collect();
    for status in [0, 200, 302, 400, 401, 402, 404, 413, 429, 500, 501, 503, 599, u16::MAX] {
        let error = from_response("p", status, &headers, body);
        assert_eq!((error.status, error.provider.as_str()), (status, "p"));
        assert!(error.message.chars().count() <= 601 && !error.message.is_empty());
        assert!(error.after().is_none() || error.retryable());
    }
    let error = from_stream("p", &text(body));
    assert!(!error.to_string().is_empty());
}

pub fn error_seeds() -> Vec<Vec<u8>> {
    let mut seeds = fixtures(".json");
    seeds.push(joined(&[b"slow down, try again in 1.5s", b"7", b"120"]));
    seeds.push(joined(&[br#"{"error":{"message":"quota, limit: 0, model: x","code":"insufficient_quota"}}"#, b"1e3"]));
    seeds.push(br#"[{"error":{"code":429,"details":[{"retryDelay":"34.4s","violations":[{"quotaId":"XPerMinuteY"}]}]}}]"#.to_vec());
    seeds
}
