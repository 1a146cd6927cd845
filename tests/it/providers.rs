//! The same committed edit through every kind of provider: each is asked at its own address with its own header, and answers
//! in its own bytes.
#![expect(clippy::disallowed_methods, reason = "the live tests take keys from the variables of whoever starts them")]

use crate::support::fake_model::spoken::{Said, Speech};
use crate::support::fake_model::{FakeModel, Received, Reply, split};
use crate::support::world::{Ran, World, edit, holds};

const STUB: &str = "fn xyz() -> u32 {\n    todo!()\n}\n";
const KEY: &str = "a-key-that-is-not-real";

fn answer() -> String {
    edit("asdf.rs", "    todo!()\n", "    42\n") + "\n=== COMMIT: Implement xyz ===\n"
}

/// What the model says: it thinks, and a part of the prompt was cached.
fn said() -> Said {
    Said { reasoning: vec!["The stub is ", "in asdf.rs."], text: split(&answer(), 5), cached: 200, thinking: 30, ..Said::default() }
}

struct Asked {
    world: World,
    ran: Ran,
    /// The one request.
    request: Received,
}

/// Asks `model` with these variables, `URL` in which stands for the server's address, and sees the edit committed.
fn asked(speech: Speech, model: &str, vars: &[(&str, &str)]) -> Asked {
    let server = FakeModel::script(vec![Reply::said(speech, &said())]);
    let mut world = World::with(&[("asdf.rs", STUB)]);
    for (name, value) in vars {
        world.set(name, &value.replace("URL", &server.url()));
    }
    let ran = world.rt(&["--model", model, "-m", "implement xyz in asdf.rs"]).ok();
    is_committed(&world, &ran);
    let request = server.requests().pop().expect("a request");
    assert_eq!(server.requests().len(), 1);
    assert!(request.text().contains("implement xyz in asdf.rs") && request.text().contains("todo!()"));
    for bytes in [&request.body[..], request.path.as_bytes(), ran.err.as_bytes(), &world.all_objects()] {
        assert!(!holds(bytes, KEY));
    }
    Asked { world, ran, request }
}

fn is_committed(world: &World, ran: &Ran) {
    assert_eq!(ran.out.trim_end(), answer().trim_end());
    assert_eq!(world.git(&["show", "HEAD:asdf.rs"]), STUB.replace("todo!()", "42"), "{}", ran.err);
    assert_eq!(world.git(&["log", "-1", "--format=%s"]), "Implement xyz\n");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

impl Asked {
    fn at(&self, path: &str) -> &Self {
        assert_eq!((self.request.method.as_str(), self.request.path.as_str()), ("POST", path));
        self
    }

    /// The key is in this header and in no other.
    fn with_key(&self, header: &str, value: &str) -> &Self {
        let with: Vec<_> = self.request.headers.iter().filter(|(_, value)| value.contains(KEY)).collect();
        assert_eq!(with, [(&header.to_owned(), &value.replace("KEY", KEY))]);
        self
    }

    fn without_key(&self) -> &Self {
        assert!(["authorization", "x-api-key", "x-goog-api-key"].iter().all(|name| !self.request.headers.contains_key(*name)));
        self
    }

    /// What it cost, by the price list of the model that was asked.
    fn priced(&self, priced: bool) -> &Self {
        let row = self.world.rt(&["log", "--json"]).ok().json().remove(0);
        assert_eq!(row["cost"].as_str().is_some_and(|cost| cost.starts_with("0.00")), priced, "{row}");
        self
    }

    /// What is on record: who answered, and the tokens as `[input, from the cache, written]`.
    fn counted(&self, served: &str, tokens: [u64; 3]) {
        counted(&self.world, served, tokens);
        // What arrived decodes to the same again.
        let shown = self.world.rt(&["show", "--json"]).ok().json().remove(0);
        assert_eq!(shown["outcome"], "applied", "{shown}");
        assert!(self.ran.err.contains("asdf.rs  +1 −1"), "{}", self.ran.err);
    }
}

fn counted(world: &World, served: &str, tokens: [u64; 3]) {
    let row = world.rt(&["log", "--json"]).ok().json().remove(0);
    assert_eq!(row["served"], served, "{row}");
    let usage = &row["usage"];
    assert_eq!([&usage["input"], &usage["cache_read"], &usage["output"]].map(serde_json::Value::as_u64), tokens.map(Some), "{row}");
}

#[test]
fn gemini_makes_a_committed_edit() {
    let vars = [("GEMINI_API_KEY", KEY), ("RT__PROVIDERS__GEMINI__BASE_URL", "URL")];
    let asked = asked(Speech::Gemini, "flash", &vars);
    asked.at("/v1beta/models/gemini-flash-latest:streamGenerateContent?alt=sse").with_key("x-goog-api-key", "KEY");
    asked.priced(true).counted("gemini-3.7-flash", [1000, 200, 35]);
}

#[test]
fn anthropic_makes_a_committed_edit() {
    let vars = [("ANTHROPIC_API_KEY", KEY), ("RT__PROVIDERS__ANTHROPIC__BASE_URL", "URL")];
    let asked = asked(Speech::Anthropic, "sonnet", &vars);
    asked.at("/v1/messages").with_key("x-api-key", "KEY").priced(true).counted("claude-fake-1", [1000, 200, 35]);
    assert_eq!(asked.request.headers["anthropic-version"], "2023-06-01");
    assert!(asked.request.text().starts_with(r#"{"model":"claude-sonnet-5-5","max_tokens":"#), "{}", asked.request.text());
}

#[test]
fn openai_makes_a_committed_edit() {
    let vars =
        [("OPENAI_API_KEY", KEY), ("RT__PROVIDERS__OPENAI__BASE_URL", "URL/v1"), ("RT__PROVIDERS__OPENAI__KIND", "responses")];
    let asked = asked(Speech::Responses, "openai/gpt-6-luna", &vars);
    asked.at("/v1/responses").with_key("authorization", "Bearer KEY").priced(true).counted("gpt-fake-1", [1000, 200, 35]);
    assert!(asked.request.text().contains(r#""store":false"#));
}

#[test]
fn xai_makes_a_committed_edit() {
    let vars = [("XAI_API_KEY", KEY), ("RT__PROVIDERS__XAI__BASE_URL", "URL/v1"), ("RT__PROVIDERS__XAI__KIND", "responses")];
    let asked = asked(Speech::Responses, "grok", &vars);
    asked.at("/v1/responses").with_key("authorization", "Bearer KEY").priced(true).counted("gpt-fake-1", [1000, 200, 35]);
    assert!(asked.request.text().contains(r#""model":"grok-4.7""#));
}

#[test]
fn ollama_makes_a_committed_edit() {
    let asked = asked(Speech::Ollama, "ollama/fake:1b", &[("RT__PROVIDERS__OLLAMA__BASE_URL", "URL")]);
    asked.at("/api/chat").without_key().priced(false).counted("fake:1b", [1200, 0, 35]);
    assert!(asked.request.text().contains(r#""num_ctx":"#));
}

#[test]
fn a_server_with_chat_completions_makes_a_committed_edit() {
    let vars = [("RT__PROVIDERS__LLAMA__KIND", "openai"), ("RT__PROVIDERS__LLAMA__BASE_URL", "URL/v1")];
    let asked = asked(Speech::Chat, "llama/fake", &vars);
    asked.at("/v1/chat/completions").without_key().priced(false).counted("fake-1", [1000, 200, 35]);
}

/// A program of this name on the path, which keeps what it is given and writes these frames.
fn program(world: &mut World, name: &str, frames: &[Vec<u8>]) {
    let top = world.top().display().to_string();
    std::fs::write(world.top().join("answer"), frames.concat()).expect("written");
    let keep = format!("cat > '{top}/input'\nfor arg do printf '%s\\n' \"$arg\"; done > '{top}/args'\npwd > '{top}/pwd'");
    world.program(&format!("../bin/{name}"), &format!("{keep}\nls -A > '{top}/ls'\ncat '{top}/answer'"));
    let path = format!("{top}/bin:{}", std::env::var("PATH").unwrap_or_default());
    world.set("PATH", &path);
}

fn kept(world: &World, name: &str) -> String {
    std::fs::read_to_string(world.top().join(name)).expect("kept")
}

#[test]
fn claude_code_makes_a_committed_edit() {
    let mut world = World::with(&[("asdf.rs", STUB)]);
    program(&mut world, "claude", &Speech::Claude.frames(&said()));
    let ran = world.rt(&["--model", "claude-code/opus", "-m", "implement xyz in asdf.rs"]).ok();
    is_committed(&world, &ran);
    counted(&world, "claude-fake-1", [1000, 200, 35]);
    let (input, args) = (kept(&world, "input"), kept(&world, "args"));
    assert!(input.contains("implement xyz in asdf.rs") && input.contains("todo!()"), "{input}");
    assert!(args.starts_with("-p\n--model\nopus\n--system-prompt\n") && args.contains("SEARCH"), "{args}");
    assert_eq!(kept(&world, "ls"), "", "it has nothing to edit");
    let place = kept(&world, "pwd");
    assert!(!place.trim().starts_with(&world.repo().display().to_string()), "{place}");
    assert!(!std::path::Path::new(place.trim()).exists(), "its directory goes when it ends");
    let row = world.rt(&["log", "--json"]).ok().json().remove(0);
    assert_eq!(row["cost"], "0.0154683", "what it says that it cost");
}

#[test]
fn codex_and_the_gemini_program_make_a_committed_edit() {
    for (name, provider, speech) in [("codex", "codex", Speech::Codex), ("gemini", "gemini-cli", Speech::GeminiCli)] {
        let mut world = World::with(&[("asdf.rs", STUB)]);
        program(&mut world, name, &speech.frames(&said()));
        let ran = world.rt(&["--model", &format!("{provider}/some-model"), "-m", "implement xyz in asdf.rs"]).ok();
        is_committed(&world, &ran);
        assert!(kept(&world, "input").contains("implement xyz in asdf.rs"));
        assert!(kept(&world, "args").contains("--model\nsome-model\n"));
    }
}

#[test]
fn a_program_of_the_users_own_makes_a_committed_edit() {
    let mut world = World::with(&[("asdf.rs", STUB)]);
    program(&mut world, "mine", &[answer().into_bytes()]);
    world.set("RT__PROVIDERS__MINE__KIND", "command");
    world.set("RT__PROVIDERS__MINE__COMMAND", "mine --name {model}");
    let ran = world.rt(&["--model", "mine/m", "-m", "implement xyz in asdf.rs"]).ok();
    is_committed(&world, &ran);
}

#[test]
fn a_shell_reads_neither_a_model_s_name_nor_the_system_text() {
    let mut world = World::with(&[("asdf.rs", STUB)]);
    program(&mut world, "mine", &[answer().into_bytes()]);
    world.set("RT__PROVIDERS__MINE__KIND", "command");
    world.set("RT__PROVIDERS__MINE__COMMAND", "mine --name {model} --system '{system}' --both \"{model}\"");
    for hostile in ["mine/x;touch owned", "mine/$(touch owned)", "mine/--yes", "mine/a b"] {
        let ran = world.rt(&["--model", hostile, "-m", "implement xyz in asdf.rs"]);
        assert!(ran.code != Some(0) && ran.err.contains("is no name that a program is given"), "{hostile}: {}", ran.err);
    }
    assert!(!world.exists("owned") && !world.top().join("input").exists(), "nothing ran");
    let ran = world.rt(&["--model", "mine/org/m-1:free", "-m", "implement xyz in asdf.rs"]).ok();
    is_committed(&world, &ran);
    let args = kept(&world, "args");
    assert!(args.starts_with("--name\norg/m-1:free\n--system\n") && args.ends_with("--both\norg/m-1:free\n"), "{args}");
    // The system text has quotes and dollars of its own; it came as one argument.
    assert!(args.len() > 500 && !kept(&world, "input").contains("=== conversation ==="), "{args}");
}

#[test]
fn a_program_that_fails_says_why() {
    let mut world = World::with(&[("asdf.rs", STUB)]);
    program(&mut world, "claude", &[Speech::Claude.broken(false)]);
    let ran = world.rt(&["--model", "claude-code/opus", "-m", "implement xyz in asdf.rs"]).code(4);
    assert!(ran.err.contains("the request is not understood"), "{}", ran.err);
    world.set("PATH", "/usr/bin:/bin");
    let ran = world.rt(&["--model", "claude-code/opus", "-m", "implement xyz in asdf.rs"]).code(4);
    assert!(ran.err.contains("claude"), "{}", ran.err);
}

/// Asks the real provider for one edit with the key from the variables of whoever started the test.
fn live(variable: &str, model: &str) {
    let key = std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set"));
    let mut world = World::with(&[("asdf.rs", STUB)]);
    world.set(variable, &key);
    let message = "In asdf.rs, replace todo!() by the number 42. Change nothing else.";
    let ran = world.rt(&["--model", model, "-m", message]).ok();
    assert_eq!(world.git(&["show", "HEAD:asdf.rs"]), STUB.replace("todo!()", "42"), "{}{}", ran.out, ran.err);
    let row = world.rt(&["log", "--json"]).ok().json().remove(0);
    assert!(row["usage"]["input"].as_u64() > Some(0) && row["usage"]["output"].as_u64() > Some(0), "{row}");
    assert!(!holds(&world.all_objects(), &key));
}

#[test]
#[ignore = "needs GEMINI_API_KEY and costs money: cargo test --test it providers::live_gemini -- --ignored"]
fn live_gemini() {
    live("GEMINI_API_KEY", "flash");
}

#[test]
#[ignore = "needs ANTHROPIC_API_KEY and costs money: cargo test --test it providers::live_anthropic -- --ignored"]
fn live_anthropic() {
    live("ANTHROPIC_API_KEY", "haiku");
}

#[test]
#[ignore = "needs OPENAI_API_KEY and costs money: cargo test --test it providers::live_openai -- --ignored"]
fn live_openai() {
    live("OPENAI_API_KEY", "luna");
}

#[test]
#[ignore = "needs XAI_API_KEY and costs money: cargo test --test it providers::live_xai -- --ignored"]
fn live_xai() {
    live("XAI_API_KEY", "grok");
}
