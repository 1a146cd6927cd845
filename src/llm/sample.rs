//! Fixed conversations, and adapters with nobody at their address: what the bodies of every protocol are looked at with.
//!
//! Invariants
//! - The same bytes every time: tests keep them, and other programs check them against the providers' own types.

use std::sync::Arc;

use crate::base::money::Tokens;
use crate::base::options::{CallOption, CallOptions};
use crate::net::{Client, Options};
use crate::session::request::{Kind, ModelId, ModelRequest, OutputSchema, Part, Role, ToolSpec, Traits};

use super::{Answer, Anthropic, Chat, Endpoint, Gemini, Ollama, Provider, Responses};

/// The conversations that there are.
pub const NAMES: &[&str] = &["text", "tools", "schema", "document", "everything"];

/// A conversation by its name.
pub fn named(name: &str, model: ModelId) -> Option<ModelRequest> {
    let mut request = ModelRequest::new(model, vec![Part::text(Role::System, "instructions", "Be brief.")]);
    request.parts.push(Part::text(Role::User, "message", "what is in it?"));
    match name {
        "text" => request.parts.extend([
            Part::text(Role::Assistant, "answer", "A \"cat\"."),
            Part::text(Role::User, "file:a.rs", "fn a() {}\n"),
            Part::text(Role::User, "message", "sure? é"),
        ]),
        "tools" => request.tools = vec![look()],
        "schema" => request.schema = Some(cat()),
        "document" => request.parts.extend(Part::media(Role::User, "a.pdf", b"%PDF-1.4\n%%EOF\n".to_vec())),
        "everything" => everything(&mut request),
        _ => return None,
    }
    Some(request)
}

fn look() -> ToolSpec {
    ToolSpec {
        name: "look".into(),
        description: "Looks at a file".into(),
        schema: r#"{"type":"object","properties":{"at":{"type":"string","enum":["a.png","b.png"]}},"required":["at"]}"#.into(),
    }
}

fn cat() -> OutputSchema {
    let schema =
        r#"{"type":"object","properties":{"cat":{"type":"boolean"}},"required":["cat"],"additionalProperties":false}"#.into();
    OutputSchema { name: "answer".into(), schema }
}

/// All that can be in one: a picture, calls that another provider's model made at once, of which one was not run, every option.
fn everything(request: &mut ModelRequest) {
    let call = |id: &str, at: &str| Part {
        role: Role::Assistant,
        kind: Kind::native("elsewhere"),
        bytes: format!(r#"{{"type":"tool_use","id":"{id}","name":"look","input":{{"at":"{at}"}}}}"#).into_bytes(),
    };
    request.parts.extend(Part::media(Role::User, "a.png", b"\x89PNG\r\n\x1a\n\0".to_vec()));
    request.parts.extend([
        Part::text(Role::Assistant, "answer", "I look."),
        call("c1", "a.png"),
        call("c2", "b.png"),
        Part::text(Role::User, "tool-result:c1", "a \"cat\""),
        Part::text(Role::User, "message", "and?"),
        Part::text(Role::Assistant, "answer", "A cat."),
        Part::text(Role::User, "message", "sure?"),
    ]);
    request.tools = vec![look()];
    request.schema = Some(cat());
    request.traits = Traits { max_output: Some(Tokens(32_000)), window: None, thinks: true };
    request.options = CallOption::ALL.iter().fold(CallOptions::default(), |options, option| {
        let value = match option {
            CallOption::MaxTokens => "64",
            CallOption::Effort => "\"high\"",
            CallOption::Stop => r#"["END"]"#,
            CallOption::TopK | CallOption::Seed => "7",
            CallOption::Mirostat => "2",
            _ => "0.5",
        };
        options.with(*option, value)
    });
}

/// The conversation goes on: the model answered, what it called has a result, and the user says a word.
pub fn go_on(request: &mut ModelRequest, provider: &str, answer: &Answer) {
    request.parts.extend(answer.record.parts(provider));
    request
        .parts
        .extend(answer.calls.iter().map(|call| Part::text(Role::User, format!("tool-result:{}", call.id).as_str(), "done")));
    request.parts.push(Part::text(Role::User, "message", "go on"));
}

/// The adapter of a protocol, without a key; `name` is the provider's, which some of them heed.
pub fn adapter(protocol: &str, name: &str) -> Option<Box<dyn Provider>> {
    let client = Arc::new(Client::new(Options::default()));
    let endpoint = Endpoint { name: name.to_owned(), base_url: "http://127.0.0.1".to_owned(), key: None, client };
    Some(match protocol {
        "gemini" => Box::new(Gemini::new(endpoint)),
        "anthropic" => Box::new(Anthropic::new(endpoint)),
        "responses" => Box::new(Responses::new(endpoint)),
        "openai" => Box::new(Chat::new(endpoint)),
        "ollama" => Box::new(Ollama::new(endpoint)),
        _ => return None,
    })
}
