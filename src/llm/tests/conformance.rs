//! One script, every provider: the same answer in each provider's own bytes gives the same events, and what follows from it
//! is the same.
//!
//! Invariants
//! - What an adapter is held to is said by [`Speaker::can`] and by nothing here: where that says no, what it says no to must
//!   not come out either.

use serde_json::Value;

use super::asking::{Asked, asked};
use super::*;
use crate::base::media::base64;
use crate::base::money::{Tokens, Usd};
use crate::base::options::CallOption;
use crate::config::OutputFormat;
use crate::llm::ability::{Ability, Speaker, Support};
use crate::net::fake_model::spoken::{Call, End, PROMPT, Said, Speech};
use crate::net::fake_model::{FakeModel, Received, Reply, split};
use crate::session::request::{OutputSchema, ToolSpec};
use crate::session::stream::{Stop, Usage};

const KEY: &str = "key-of-the-test";
const TEXT: &str = "Grüße,\n\"quoted\" \\ text\nin five pieces";
const CALLS: [Call; 2] = [
    Call { id: "c1", name: "look", arguments: r#"{"at":"a \"b\".rs","n":1.50}"# },
    Call { id: "c2", name: "list", arguments: "{}" },
];

/// An adapter, and whose bytes it reads; `None` for plain text.
#[derive(Clone, Copy)]
struct Adapter {
    speaker: Speaker,
    speech: Option<Speech>,
}

const HTTP: [Adapter; 6] = [
    Adapter { speaker: Speaker::Gemini, speech: Some(Speech::Gemini) },
    Adapter { speaker: Speaker::Anthropic, speech: Some(Speech::Anthropic) },
    Adapter { speaker: Speaker::OpenAi, speech: Some(Speech::Responses) },
    Adapter { speaker: Speaker::Xai, speech: Some(Speech::Responses) },
    Adapter { speaker: Speaker::Chat, speech: Some(Speech::Chat) },
    Adapter { speaker: Speaker::Ollama, speech: Some(Speech::Ollama) },
];

const PROGRAMS: [Adapter; 4] = [
    Adapter { speaker: Speaker::ClaudeCode, speech: Some(Speech::Claude) },
    Adapter { speaker: Speaker::Codex, speech: Some(Speech::Codex) },
    Adapter { speaker: Speaker::GeminiCli, speech: Some(Speech::GeminiCli) },
    Adapter { speaker: Speaker::Text, speech: None },
];

fn everyone() -> impl Iterator<Item = Adapter> {
    HTTP.into_iter().chain(PROGRAMS)
}

/// A provider with somebody behind it, who is gone with this.
struct Set {
    provider: Box<dyn Provider>,
    server: Option<FakeModel>,
    _files: Option<tempfile::TempDir>,
}

impl Set {
    fn asked(&self) -> Asked {
        asked(&*self.provider)
    }

    fn answer(&self, who: Adapter) -> Answer {
        self.asked().result.unwrap_or_else(|error| panic!("{}: {error}", who.name()))
    }

    fn requests(&self) -> Vec<Received> {
        self.server.as_ref().map(FakeModel::requests).unwrap_or_default()
    }
}

impl Adapter {
    fn name(self) -> &'static str {
        self.speaker.name()
    }

    fn can(self, ability: Ability) -> bool {
        matches!(self.speaker.can(ability), Support::Passes(_))
    }

    /// The provider at an address.
    fn at(self, url: &str) -> Box<dyn Provider> {
        match self.speaker {
            Speaker::Gemini => Box::new(gemini(url)),
            Speaker::Anthropic => Box::new(anthropic(url)),
            Speaker::OpenAi => Box::new(responses(&format!("{url}/v1"))),
            Speaker::Xai => Box::new(Responses::new(endpoint("xai", &format!("{url}/v1")))),
            Speaker::Chat => Box::new(chat("llama", &format!("{url}/v1"))),
            Speaker::Ollama => Box::new(ollama(url)),
            _ => Box::new(self.program(&[], "nowhere".into())),
        }
    }

    fn program(self, argv: &[&str], directory: std::path::PathBuf) -> Program {
        let output = OutputFormat::from_word(self.name()).unwrap_or_default();
        let argv = argv.iter().map(|arg| (*arg).to_owned()).collect();
        Program { name: self.name().to_owned(), argv, output, directory, tape: None }
    }

    fn frames(self, said: &Said) -> Vec<Vec<u8>> {
        self.speech.map_or_else(|| said.text.iter().map(|t| t.clone().into_bytes()).collect(), |speech| speech.frames(said))
    }

    /// With somebody who gives these answers; a program gives the first one each time.
    fn giving(self, replies: Vec<Reply>) -> Set {
        let server = FakeModel::script(replies);
        Set { provider: self.at(&server.url()), server: Some(server), _files: None }
    }

    /// A program that writes these frames each time.
    fn writing(self, frames: &[Vec<u8>]) -> Set {
        let files = tempfile::tempdir().expect("a directory");
        let answer = files.path().join("answer");
        std::fs::write(&answer, frames.concat()).expect("written");
        let argv = ["sh", "-c", "cat >/dev/null; cat \"$0\"", &answer.display().to_string()];
        let provider = Box::new(self.program(&argv, files.path().join("empty")));
        Set { provider, server: None, _files: Some(files) }
    }

    fn saying(self, said: &Said) -> Set {
        match self.speech.filter(|_| !self.speaker.is_program()) {
            Some(speech) => self.giving(vec![Reply::said(speech, said)]),
            None => self.writing(&self.frames(said)),
        }
    }

    fn events(self, frames: &[Vec<u8>]) -> Vec<ModelEvent> {
        let (mut decoder, mut out) = (self.at("http://x").decoder(), Vec::new());
        for frame in frames {
            decoder.feed(frame, &mut out).expect("read");
        }
        decoder.finish(&mut out).expect("read");
        out
    }

    /// What it makes of a whole answer.
    fn stop(self, said: &Said) -> Option<Stop> {
        self.saying(said).answer(self).record.stop
    }
}

/// An answer with everything in it.
fn everything() -> Said {
    Said {
        reasoning: vec!["First ", "this, then that."],
        text: split(TEXT, 5),
        calls: CALLS.to_vec(),
        cached: 200,
        thinking: 30,
        ..Said::default()
    }
}

/// The same without calls, which not all who answer can make.
fn plain() -> Said {
    Said { calls: Vec::new(), ..everything() }
}

fn text_of(events: &[ModelEvent]) -> String {
    events.iter().filter_map(|event| if let ModelEvent::Text(text) = event { Some(text.as_str()) } else { None }).collect()
}

#[test]
fn the_answer_is_the_same_whoever_gives_it() {
    for who in everyone() {
        let set = who.saying(&plain());
        let Asked { result, log, .. } = set.asked();
        let answer = result.unwrap_or_else(|error| panic!("{}: {error}", who.name()));
        assert_eq!(answer.record.text, TEXT, "{}", who.name());
        assert_eq!((log.text.as_str(), &log.raw), (TEXT, &who.frames(&plain()).concat()), "{}", who.name());
        assert_eq!(answer.record.raw, log.raw, "what arrived is kept as it came");
        assert_eq!(answer.record.stop, Some(Stop::End), "{}", who.name());
        assert_eq!(answer.served.is_some(), !matches!(who.speaker, Speaker::Codex | Speaker::Text), "{}", who.name());
        // Only thinking, text, calls and the end are in order; counts come whenever they come.
        let events = who.events(&who.frames(&plain()));
        let place = |wanted: fn(&ModelEvent) -> bool| events.iter().position(wanted);
        let thought = place(|event| matches!(event, ModelEvent::Reasoning(_)));
        let first = place(|event| matches!(event, ModelEvent::Text(_))).expect("text");
        let stop = place(|event| matches!(event, ModelEvent::Stop(_))).expect("an end");
        assert!(thought.is_none_or(|at| at < first) && first < stop, "{}: {events:?}", who.name());
    }
}

#[test]
fn text_arrives_in_the_pieces_it_was_sent_in() {
    let said = Said::text(TEXT, 5);
    for who in everyone() {
        let (mut decoder, mut out, mut seen) = (who.at("http://x").decoder(), Vec::new(), Vec::new());
        for frame in who.frames(&said) {
            decoder.feed(&frame, &mut out).expect("read");
            let text = text_of(&out);
            if seen.last() != Some(&text) && !text.is_empty() {
                seen.push(text);
            }
        }
        let want: Vec<String> = (1..=said.text.len()).map(|count| said.text[..count].concat()).collect();
        let want = if who.can(Ability::Streaming) { want } else { vec![TEXT.to_owned()] };
        assert_eq!(seen, want, "{}", who.name());
    }
}

#[test]
fn thinking_is_told_from_the_answer() {
    for who in everyone() {
        let answer = who.saying(&plain()).answer(who);
        let want = if who.can(Ability::Reasoning) { "First this, then that." } else { "" };
        assert_eq!((answer.record.reasoning.as_str(), answer.record.text.as_str()), (want, TEXT), "{}", who.name());
    }
}

#[test]
fn parallel_calls_arrive_whole_and_in_order() {
    for who in everyone() {
        let answer = who.saying(&everything()).answer(who);
        let calls: Vec<_> = answer.calls.iter().map(|call| (&*call.id, &*call.name, &*call.arguments)).collect();
        let want: Vec<_> = CALLS.iter().map(|call| (call.id, call.name, call.arguments)).collect();
        assert_eq!(calls, if who.can(Ability::ToolCalls) { want } else { Vec::new() }, "{}", who.name());
        assert_eq!(answer.record.text, TEXT, "{}", who.name());
    }
}

#[test]
fn why_it_stopped_is_told() {
    for who in everyone() {
        let known = who.can(Ability::StopReasons);
        assert_eq!(who.stop(&plain()), Some(Stop::End), "{}", who.name());
        let length = who.stop(&Said { end: End::Length, ..plain() });
        assert_eq!(length, Some(if known { Stop::Length } else { Stop::End }), "{}", who.name());
        let calls = who.stop(&everything());
        assert_eq!(calls, Some(if who.can(Ability::ToolCalls) { Stop::ToolUse } else { Stop::End }), "{}", who.name());
    }
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    for who in everyone() {
        let stop = who.stop(&Said { end: End::Refused("not for me"), ..Said::text("No", 1) });
        let refused = matches!(&stop, Some(Stop::Refused(_)));
        assert_eq!(refused, who.can(Ability::Refusals), "{}: {stop:?}", who.name());
        if refused && !who.speaker.is_program() {
            assert!(stop.expect("an end").as_text().ends_with("not for me"), "{}", who.name());
        }
    }
}

#[test]
fn tokens_are_counted_alike() {
    for who in everyone() {
        let said = plain();
        let usage = who.saying(&said).answer(who).usage;
        if !who.can(Ability::Tokens) {
            assert_eq!(usage, Usage::default(), "{}", who.name());
            continue;
        }
        let cached = if who.can(Ability::CachedTokens) { said.cached } else { 0 };
        let apart = !matches!(who.speaker, Speaker::Ollama | Speaker::GeminiCli);
        let tokens = |count: usize| Tokens(count as u64);
        let want = Usage {
            input: tokens(PROMPT - cached),
            cache_read: tokens(cached),
            cache_write: Tokens(0),
            output: tokens(said.thinking + said.text.len()),
            reasoning: tokens(if apart { said.thinking } else { 0 }),
        };
        assert_eq!(usage, want, "{}", who.name());
    }
}

#[test]
fn a_cost_that_is_told_is_taken() {
    let raw = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\
               \"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2,\"cost\":0.0000105}}\n\n";
    let router = chat("router", "http://x");
    assert_eq!(replay(&from(&router), 200, raw.as_bytes()).0.cost, Some("0.0000105".parse::<Usd>().expect("dollars")));
    for who in everyone() {
        let told = who.saying(&plain()).answer(who).cost;
        assert_eq!(told.is_some(), who.speaker == Speaker::ClaudeCode, "{}", who.name());
    }
}

#[test]
fn own_parts_go_back_unchanged_and_the_request_only_grows() {
    for who in everyone() {
        let set = who.saying(&everything());
        let answer = set.answer(who);
        let own = &answer.record.native;
        assert_eq!(own.len() >= CALLS.len(), who.can(Ability::Native), "{}: {own:?}", who.name());
        let first = set.provider.encode(&hello()).expect("a body").body;
        let mut parts = hello().parts;
        parts.extend(answer.record.parts(set.provider.name()));
        parts.extend(CALLS.map(|call| Part::text(Role::User, &*format!("tool-result:{}", call.id), "what came of it")));
        parts.push(Part::text(Role::User, "message", "go on"));
        let next = set.provider.encode(&request(parts)).expect("a body").body.bytes();
        for (_, bytes) in own {
            assert!(find(&next, bytes), "{}: {}", who.name(), String::from_utf8_lossy(bytes));
            // Who sends a part in one piece gets that very piece back.
            if matches!(who.speech, Some(Speech::Gemini | Speech::Responses | Speech::Ollama)) {
                assert!(find(&answer.record.raw, bytes), "{}: {}", who.name(), String::from_utf8_lossy(bytes));
            }
        }
        let said = first.segments.iter().rposition(|segment| segment.role.is_some()).expect("a part");
        let open = WireBody { segments: first.segments[..=said].to_vec() }.bytes();
        assert!(next.starts_with(&open), "{}", who.name());
    }
}

#[test]
fn results_go_back_with_the_calls_they_belong_to() {
    for who in everyone() {
        let set = who.saying(&everything());
        let answer = set.answer(who);
        let mut parts = hello().parts;
        parts.extend(answer.record.parts(set.provider.name()));
        if !who.can(Ability::ToolCalls) {
            // It made no call; somebody else's model did.
            let call = br#"{"type":"tool_use","id":"c1","name":"look","input":{}}"#.to_vec();
            parts.push(Part { role: Role::Assistant, kind: crate::session::request::Kind::native("elsewhere"), bytes: call });
        }
        parts.push(Part::text(Role::User, "tool-result:c1", "seven \"lines\""));
        let body = set.provider.encode(&request(parts)).expect("a body").body.bytes();
        let text = if who.speaker.is_program() { "seven \"lines\"" } else { "seven \\\"lines\\\"" };
        assert!(find(&body, text.as_bytes()), "{}: {}", who.name(), String::from_utf8_lossy(&body));
        if !who.speaker.is_program() {
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            let named = body.to_string();
            // By its id, or by the tool's name where the protocol has no ids.
            assert!(named.matches("c1").count() >= 2 || named.matches("look").count() >= 2, "{}: {named}", who.name());
        }
    }
    for local in [&Echo as &dyn Provider, &Manual::new(Box::new(|_| Ok(Vec::new())))] {
        let mut parts = hello().parts;
        parts.push(Part::text(Role::User, "tool-result:c1", "seven \"lines\""));
        assert!(find(&local.encode(&request(parts)).expect("a body").body.bytes(), b"seven \"lines\""));
    }
}

/// Sends a file, and sees its bytes in the request, or why it is not sent.
fn files(ability: Ability, name: &str, bytes: &[u8]) {
    for who in everyone() {
        let mut parts = hello().parts;
        parts.push(Part::media(Role::User, name, bytes.to_vec()).expect("a file of this kind"));
        match who.at("http://x").encode(&request(parts)) {
            Ok(call) => {
                assert!(who.can(ability), "{}", who.name());
                assert!(find(&call.body.bytes(), base64(bytes).as_bytes()), "{}", who.name());
            }
            Err(error) => {
                assert!(!who.can(ability), "{error}");
                assert!(error.fault == Fault::BadRequest && error.message.contains(name), "{error}");
            }
        }
    }
}

#[test]
fn what_is_no_text_is_left_out_where_a_person_reads() {
    for local in [&Echo as &dyn Provider, &Manual::new(Box::new(|_| Ok(Vec::new())))] {
        let mut parts = hello().parts;
        let bytes = b"\x89PNG\r\n\x1a\n\0";
        parts.push(Part::media(Role::User, "a.png", bytes.to_vec()).expect("a picture"));
        let body = local.encode(&request(parts)).expect("a body").body.bytes();
        assert!(find(&body, b"hello") && !find(&body, bytes) && !find(&body, base64(bytes).as_bytes()));
        assert!(CallOption::ALL.iter().all(|option| !local.takes(*option)));
    }
}

#[test]
fn images_are_sent_with_their_own_bytes() {
    files(Ability::Images, "a.png", b"\x89PNG\r\n\x1a\n\0\xff");
}

#[test]
fn documents_are_sent_with_their_own_bytes() {
    files(Ability::Documents, "a.pdf", b"%PDF-1.7\n\xff\xfe");
}

#[test]
fn a_schema_is_part_of_the_request() {
    let schema = r#"{"type":"object","properties":{"cat":{"type":"boolean"}}}"#;
    for who in everyone() {
        let mut request = hello();
        request.schema = Some(OutputSchema { name: "answer".into(), schema: schema.into() });
        request.tools = vec![ToolSpec { name: "look".into(), description: "Looks".into(), schema: r#"{"type":"string"}"#.into() }];
        let body = who.at("http://x").encode(&request).expect("a body").body.bytes();
        assert_eq!(find(&body, schema.as_bytes()), who.can(Ability::Structured), "{}", who.name());
        assert_eq!(find(&body, br#"{"type":"string"}"#), who.can(Ability::ToolCalls), "{}", who.name());
    }
}

#[test]
fn the_key_is_in_one_secret_header_and_nowhere_else() {
    for who in HTTP {
        let set = who.saying(&plain());
        let call = set.provider.encode(&hello()).expect("a call");
        assert!(!format!("{call:?}").contains(KEY) && !find(&call.body.bytes(), KEY.as_bytes()), "{}", who.name());
        assert!(call.envelope.headers.values().all(|value| !value.contains(KEY)) && !call.envelope.url.contains(KEY));
        set.answer(who);
        let sent = set.requests().remove(0);
        assert_eq!(sent.headers.values().filter(|value| value.contains(KEY)).count(), 1, "{}", who.name());
        assert!(!sent.path.contains(KEY) && !find(&sent.body, KEY.as_bytes()), "{}", who.name());
        assert_eq!(sent.body, call.body.bytes(), "what was shown is what is sent");
        // A server that says the key back does not bring it into what is kept.
        let speech = who.speech.expect("a protocol");
        let Asked { result, log, .. } = who.giving(vec![Reply::failed(speech, 401, &format!("bad key {KEY}"))]).asked();
        let error = result.expect_err("refused");
        assert!(!error.to_string().contains(KEY) && !find(&log.raw, KEY.as_bytes()), "{error}");
    }
}

#[test]
fn passing_trouble_is_waited_out_and_the_rest_is_told() {
    for who in HTTP {
        assert!(who.can(Ability::Retries));
        let speech = who.speech.expect("a protocol");
        let fine = || Reply::said(speech, &plain());
        let failed = |status, message| Reply::failed(speech, status, message);
        let waits = |replies: Vec<Reply>| {
            let Asked { result, timer, .. } = who.giving(replies).asked();
            (result.map(|answer| answer.record.text).map_err(|error| (error.error.fault, error.attempts)), timer.waits())
        };
        let well = Ok(TEXT.to_owned());
        // As long as it asks for, else as long as is configured.
        assert_eq!(waits(vec![failed(429, "Please try again in 2s."), fine()]), (well.clone(), vec![2000]), "{}", who.name());
        assert_eq!(waits(vec![failed(503, "busy"), failed(500, "?"), fine()]), (well.clone(), vec![300, 600]), "{}", who.name());
        assert_eq!(waits(vec![fine().cut_after(0), fine()]), (well.clone(), vec![300]), "{}", who.name());
        // In the middle of a stream, before anything was said. Ollama's errors there are text only.
        let broken = |busy| Reply::new(200, speech.content_type(), vec![speech.broken(busy)]);
        if speech != Speech::Ollama {
            assert_eq!(waits(vec![broken(true), fine()]), (well.clone(), vec![300]), "{}", who.name());
        }
        for (reply, fault) in [
            (failed(401, "no such key"), Fault::Auth),
            (failed(402, "pay first"), Fault::QuotaUsedUp),
            (failed(404, "no such model"), Fault::NotFound),
            (failed(400, "the prompt is too long for this model"), Fault::ContextTooLong),
            (failed(400, "not like this"), Fault::BadRequest),
        ] {
            assert_eq!(waits(vec![reply, fine()]), (Err((fault, 1)), vec![]), "{}", who.name());
        }
        let (result, slept) = waits(vec![broken(false), fine()]);
        assert!(matches!(result, Err((_, 1))) && slept.is_empty(), "{}: {result:?}", who.name());
    }
}

#[test]
fn what_was_said_is_not_said_again() {
    for who in HTTP {
        let frames = who.frames(&plain());
        let begun = (1..frames.len()).find(|count| {
            let (mut decoder, mut out) = (who.at("http://x").decoder(), Vec::new());
            frames[..*count].iter().for_each(|frame| decoder.feed(frame, &mut out).expect("read"));
            !text_of(&out).is_empty()
        });
        let begun = begun.expect("text");
        let speech = who.speech.expect("a protocol");
        let cut = Reply::said(speech, &plain()).cut_after(begun);
        let broken = Reply::new(200, speech.content_type(), [&frames[..begun], &[speech.broken(true)]].concat());
        for reply in [cut, broken] {
            let set = who.giving(vec![reply, Reply::said(speech, &plain())]);
            let asked = set.asked();
            let error = asked.result.expect_err("an end that is none");
            assert_eq!((error.attempts, set.requests().len()), (1, 1), "{}", who.name());
            assert_eq!(asked.partial.record.text, plain().text[0], "{}", who.name());
        }
    }
}

#[test]
fn programs_are_run_again_only_where_they_say_that_it_passes() {
    for who in PROGRAMS {
        let Some(speech) = who.speech else { continue };
        for busy in [true, false] {
            let error = who.writing(&[speech.broken(busy)]).asked().result.expect_err("it failed");
            let again = busy && who.can(Ability::Retries);
            assert_eq!(error.attempts, if again { 4 } else { 1 }, "{}: {error}", who.name());
            assert!(error.to_string().starts_with(&format!("{}: ", who.name())), "{error}");
        }
        let cut = who.frames(&plain());
        let error = who.writing(&cut[..cut.len() - 1]).asked().result.expect_err("it has no end");
        assert_eq!((error.error.fault, error.attempts), (Fault::Cut, 1), "{}", who.name());
    }
}

#[test]
fn a_recording_gives_the_same_answer() {
    for who in everyone() {
        let answer = who.saying(&everything()).answer(who);
        let provider = who.at("http://x");
        let format = format_of(&from(&*provider)).to_owned();
        let recording = Recording { format, status: answer.record.status, raw: answer.record.raw.clone() };
        let again = asked(&Replay::new(vec![recording]).expect("one format")).result.expect("an answer");
        let bare = |answer: Answer| Answer {
            record: crate::session::turn::ResponseRecord { headers: BTreeMap::new(), ..answer.record.clone() },
            ..answer
        };
        assert_eq!(bare(again), bare(answer), "{}", who.name());
    }
}
