//! Exact bodies, and how they grow.

use proptest::prelude::*;

use super::*;
use crate::base::hash::Sha256;
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
    request.max_output = Some(Tokens(64));
    insta::assert_snapshot!("body-gemini", show(gemini("http://g/").encode(&request).expect("body")));
    insta::assert_snapshot!("body-openai", show(chat("openai", "http://o/v1/").encode(&request).expect("body")));
    insta::assert_snapshot!("body-echo", show(Echo.encode(&request).expect("body")));
    let llama = Chat::new(ChatOptions { name: "llama".into(), base_url: "http://l/v1".into(), key: None }, client());
    let call = llama.encode(&request).expect("body");
    assert!(call.secret_headers.is_empty() && find(&call.body.bytes(), b"\"max_tokens\":64,"));
}

#[test]
fn short_names_are_geminis_newest_models() {
    for (name, model) in
        [("pro", "gemini-pro-latest"), ("flash", "gemini-flash-latest"), ("flash-lite", "gemini-flash-lite-latest")]
    {
        let mut short = hello();
        short.model.model = name.into();
        let call = gemini("http://gemini.invalid").encode(&short).expect("a call");
        assert_eq!(call.envelope.url, format!("http://gemini.invalid/v1beta/models/{model}:streamGenerateContent?alt=sse"));
    }
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
    let kind = prop_oneof![3 => Just("message"), 1 => Just("native:gemini"), 1 => Just("native:other")];
    (role, kind, any::<String>()).prop_map(|(role, kind, text)| match kind {
        "native:gemini" => {
            Part { role, kind: kind.into(), bytes: serde_json::to_vec(&serde_json::json!({ "x": text })).expect("JSON") }
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
        for (provider, closing) in [(&gemini("") as &dyn Provider, "]}]}"), (&chat("openai", ""), "\"}]}"), (&Manual::new(Box::new(|_| Ok(vec![]))), "")] {
            let (short, long) = (provider.encode(&request(before.clone())).expect("body"), provider.encode(&request(after.clone())).expect("body"));
            let (short_bytes, long_bytes) = (short.body.bytes(), long.body.bytes());
            let open = short_bytes.strip_suffix(closing.as_bytes()).expect("closing brackets");
            prop_assert!(long_bytes.starts_with(open));
            // What was sent can be put together again, and asked again, from what is stored.
            let manifest = long.body.manifest();
            let stored = |label: &Sha256| long.body.segments.iter().map(|s| &s.bytes[..]).find(|b| Sha256::of(b) == *label);
            prop_assert_eq!(manifest.assemble(stored).expect("parts"), &long_bytes[..]);
            let again = provider.encode(&request(manifest.parts(stored).expect("parts"))).expect("body");
            prop_assert_eq!(again.body.bytes(), &long_bytes[..]);
            if !closing.is_empty() {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&long_bytes).is_ok());
            }
        }
    }
}
