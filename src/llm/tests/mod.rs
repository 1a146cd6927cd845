//! The providers as a whole: recorded streams at every split, exact bodies, and asking against a server on loopback.

mod asking;
mod conformance;
mod decoding;
mod encoding;

use std::sync::Arc;

use super::*;
use crate::net::Options;
use crate::session::request::{Part, Role};

fn client() -> Arc<Client> {
    Arc::new(Client::new(Options::default()))
}

fn endpoint(name: &str, url: &str) -> Endpoint {
    let key = Some(Secret::new("TEST_KEY", "key-of-the-test"));
    Endpoint { name: name.into(), base_url: url.into(), key, client: client() }
}

fn gemini(url: &str) -> Gemini {
    Gemini::new(endpoint("gemini", url))
}

fn chat(name: &str, url: &str) -> Chat {
    Chat::new(endpoint(name, url))
}

fn anthropic(url: &str) -> Anthropic {
    Anthropic::new(endpoint("anthropic", url))
}

fn responses(url: &str) -> Responses {
    Responses::new(endpoint("openai", url))
}

fn ollama(url: &str) -> Ollama {
    Ollama::new(endpoint("ollama", url))
}

fn program(name: &str) -> Program {
    let output = crate::config::OutputFormat::from_word(name).expect("a word");
    let argv = ["tool", "--model", "{model}", "--system", "{system}"].map(str::to_owned).to_vec();
    Program { name: name.into(), argv, output, directory: "nowhere".into(), tape: None }
}

/// Every adapter, with nobody at its address.
fn all() -> Vec<Box<dyn Provider>> {
    vec![
        Box::new(gemini("http://g")),
        Box::new(anthropic("http://a")),
        Box::new(responses("http://r/v1")),
        Box::new(chat("openai", "http://o/v1")),
        Box::new(chat("llama", "http://l/v1")),
        Box::new(ollama("http://m")),
        Box::new(program("claude-code")),
        Box::new(Echo),
        Box::new(Manual::new(Box::new(|_| Ok(vec![])))),
    ]
}

fn request(parts: Vec<Part>) -> ModelRequest {
    ModelRequest::new("x/flash".parse().expect("model"), parts)
}

fn hello() -> ModelRequest {
    request(vec![Part::text(Role::User, "message", "hello")])
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime").block_on(future)
}

/// The envelope of a call that this provider makes.
fn from(provider: &dyn Provider) -> Envelope {
    provider.encode(&hello()).expect("a call").envelope
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/sse/{path}", env!("CARGO_MANIFEST_DIR"))).expect("fixture")
}

fn find(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
