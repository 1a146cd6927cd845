//! Exact bodies, and how they grow.

use proptest::prelude::*;

use super::*;
use crate::base::hash::Sha256;
use crate::base::options::{CallOption, CallOptions};
use crate::session::request::Kind;

fn conversation() -> Vec<Part> {
    vec![
        Part::text(Role::System, "instructions", "Be \"brief\"."),
        Part::text(Role::System, "format", "Rules"),
        Part::text(Role::User, "file:a.rs", "fn a() {}\n"),
        Part::text(Role::User, "message", "explain é"),
        Part::text(Role::Assistant, "answer", "It does "),
        Part {
            role: Role::Assistant,
            kind: Kind::native("gemini"),
            bytes: b"{\"text\":\"\", \"thoughtSignature\":\"S\"}".to_vec(),
        },
        Part { role: Role::Assistant, kind: Kind::native("anthropic"), bytes: b"{\"signature\":1}".to_vec() },
        Part::text(Role::Assistant, "answer", "nothing."),
        Part::text(Role::System, "format", "New rules"),
        Part::text(Role::User, "message", "thanks"),
    ]
}

#[test]
fn bodies() {
    let show = |call: WireCall| {
        let segments: Vec<_> =
            call.body.segments.iter().map(|s| format!("{:?} {}\n", s.kind.0, String::from_utf8_lossy(&s.bytes))).collect();
        let segments = segments.concat();
        assert!(!format!("{call:?}").contains("key-of-the-test"));
        let secret: Vec<_> = call.secret_headers.iter().map(|(n, v)| format!("{n}: {}", v.expose())).collect();
        format!("{:#?}\n{secret:?}\n{segments}\n{}", call.envelope, String::from_utf8_lossy(&call.body.bytes()))
    };
    let mut request = request(conversation());
    request.options = CallOptions::default().with(CallOption::MaxTokens, "64");
    insta::assert_snapshot!("body-gemini", show(gemini("http://g/").encode(&request).expect("body")));
    insta::assert_snapshot!("body-openai", show(chat("openai", "http://o/v1/").encode(&request).expect("body")));
    insta::assert_snapshot!("body-echo", show(Echo.encode(&request).expect("body")));
    insta::assert_snapshot!("body-anthropic", show(anthropic("http://a/").encode(&request).expect("body")));
    insta::assert_snapshot!("body-responses", show(responses("http://o/v1/").encode(&request).expect("body")));
    insta::assert_snapshot!("body-ollama", show(ollama("http://m/").encode(&request).expect("body")));
    insta::assert_snapshot!("body-program", show(program("claude-code").encode(&request).expect("body")));
    let llama = Chat::new(Endpoint { key: None, ..endpoint("llama", "http://l/v1") });
    let call = llama.encode(&request).expect("body");
    assert!(call.secret_headers.is_empty() && find(&call.body.bytes(), b"\"max_tokens\":64,"));
}

fn everything() -> ModelRequest {
    sample::named("everything", "x/flash".parse().expect("model")).expect("a sample")
}

#[test]
fn everything_at_once() {
    for provider in all().iter().filter(|provider| !["claude-code", "echo", "manual"].contains(&provider.name())) {
        let mut request = everything();
        let left = request.options.take_out(|option, _| provider.takes(option));
        let call = provider.encode(&request).expect("a body");
        let body: serde_json::Value = serde_json::from_slice(&call.body.bytes()).expect("JSON");
        let name = format!("everything-{}-{}", provider.name(), call.envelope.protocol);
        let left: Vec<_> = left.iter().map(|(option, _)| option.name()).collect();
        insta::assert_snapshot!(name, format!("left out: {}\n{body:#}", left.join(", ")));
    }
    let error = program("claude-code").encode(&everything()).expect_err("an image");
    assert_eq!(error.to_string(), "claude-code: a program is given text only, and a.png is none");
}

#[test]
fn requests_that_cannot_be_sent() {
    let fault = |provider: &dyn Provider, request: &ModelRequest| provider.encode(request).expect_err("refused").fault;
    let nothing = request(vec![Part::text(Role::System, "instructions", "x"), Part::text(Role::User, "message", "")]);
    assert_eq!(fault(&gemini(""), &nothing), Fault::BadRequest);
    assert_eq!(fault(&chat("o", ""), &nothing), Fault::BadRequest);
    let mut odd = hello();
    odd.model.model = "../x?key=1".into();
    assert_eq!(fault(&gemini(""), &odd), Fault::NotFound);
}

fn any_part() -> impl Strategy<Value = Part> {
    let role = prop_oneof![Just(Role::System), Just(Role::User), Just(Role::Assistant)];
    let kind = prop_oneof![
        6 => Just("message"),
        1 => Just("native:gemini"),
        1 => Just("native:other"),
        1 => Just("native:anthropic"),
        1 => Just("tool-result:c1"),
        1 => Just("tool-result:c2"),
    ];
    (role, kind, any::<String>()).prop_map(|(role, kind, text)| match kind {
        "native:gemini" => {
            Part { role: Role::Assistant, kind: kind.into(), bytes: serde_json::json!({ "x": text }).to_string().into_bytes() }
        }
        "native:anthropic" | "native:other" => {
            let id = if text.len().is_multiple_of(2) { "c1" } else { "c2" };
            let call = serde_json::json!({ "type": "tool_use", "id": id, "name": "f", "input": { "x": text } });
            Part { role: Role::Assistant, kind: kind.into(), bytes: call.to_string().into_bytes() }
        }
        _ => Part::text(role, kind, text),
    })
}

proptest! {
    #[test]
    fn the_body_only_grows_at_its_end(parts in proptest::collection::vec(any_part(), 1..12), more in proptest::collection::vec(any_part(), 0..4)) {
        // A conversation that can be sent has a message of the user after its system text.
        let mut before = vec![Part::text(Role::System, "instructions", "s"), Part::text(Role::User, "message", "m")];
        before.extend(parts);
        let mut after = before.clone();
        after.extend(more);
        for provider in all() {
            let (short, long) = (provider.encode(&request(before.clone())).expect("body"), provider.encode(&request(after.clone())).expect("body"));
            // Up to the end of what was said; behind it are brackets, and at most what does not belong to the conversation.
            let said = short.body.segments.iter().rposition(|segment| segment.role.is_some()).expect("a part");
            let open = WireBody { segments: short.body.segments[..=said].to_vec() }.bytes();
            let long_bytes = long.body.bytes();
            prop_assert!(long_bytes.starts_with(&open), "{}", provider.name());
            // What was sent can be put together again, and asked again, from what is stored.
            let manifest = long.body.manifest();
            let stored = |label: &Sha256| long.body.segments.iter().map(|s| &s.bytes[..]).find(|b| Sha256::of(b) == *label);
            prop_assert_eq!(manifest.assemble(stored).expect("parts"), &long_bytes[..]);
            let again = provider.encode(&request(manifest.parts(stored).expect("parts"))).expect("body");
            let again = again.body.bytes();
            prop_assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&long_bytes));
            if long.envelope.method == "POST" {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&long_bytes).is_ok(), "{}", provider.name());
            }
        }
    }
}

#[test]
fn what_is_counted_is_what_is_read() {
    for (provider, path, keys) in [
        (&gemini("http://g") as &dyn Provider, "/v1beta/models/flash:countTokens", "generateContentRequest"),
        (&anthropic("http://a"), "/v1/messages/count_tokens", "messages model system tools"),
        (&responses("http://r/v1"), "/v1/responses/input_tokens", "input instructions model tools"),
    ] {
        let request = everything();
        let call = provider.counting(&request).expect("it counts");
        assert!(call.envelope.url.ends_with(path), "{}", call.envelope.url);
        let body: serde_json::Value = serde_json::from_slice(&call.body.bytes()).expect("JSON");
        let found: Vec<&String> = body.as_object().expect("an object").keys().collect();
        assert_eq!(found, keys.split(' ').collect::<Vec<_>>(), "{path}");
        // The conversation is the same bytes in both.
        let sent = provider.encode(&request).expect("a body").body;
        let parts =
            |body: &WireBody| body.segments.iter().filter(|s| s.role.is_some()).map(|s| s.bytes.clone()).collect::<Vec<_>>();
        assert_eq!(parts(&call.body), parts(&sent));
    }
    assert!(all().iter().filter(|provider| provider.counting(&hello()).is_none()).count() >= 5);
}
