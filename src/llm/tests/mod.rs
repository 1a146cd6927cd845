//! The providers as a whole: recorded streams at every split, exact bodies, and asking against a server on loopback.

mod asking;
mod decoding;
mod encoding;

use std::sync::Arc;

use super::*;
use crate::net::Options;
use crate::session::request::{Part, Role};

fn client() -> Arc<Client> {
    Arc::new(Client::new(Options::default()))
}

fn gemini(url: &str) -> Gemini {
    Gemini::new(url, Secret::new("TEST_KEY", "key-of-the-test"), client())
}

fn chat(name: &str, url: &str) -> Chat {
    Chat::new(
        ChatOptions { name: name.into(), base_url: url.into(), key: Some(Secret::new("TEST_KEY", "key-of-the-test")) },
        client(),
    )
}

fn request(parts: Vec<Part>) -> ModelRequest {
    ModelRequest { model: "x/flash".parse().expect("model"), parts, max_output: None }
}

fn hello() -> ModelRequest {
    request(vec![Part::text(Role::User, "message", "hello")])
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime").block_on(future)
}

/// The envelope of a stored call, as far as decoding needs it.
fn from(provider: &str) -> Envelope {
    Envelope { provider: provider.into(), ..Envelope::default() }
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/sse/{path}", env!("CARGO_MANIFEST_DIR"))).expect("fixture")
}

fn find(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
