//! A double of llama.cpp's server, as a program of its own: a shell script that becomes this test binary, which then acts as
//! the server instead of testing it.
//!
//! Invariants
//! - The process that is started is the one that serves: the script does not stay.
//! - It answers in llama.cpp's bytes, as recorded from a real one (build 11434) with the text replaced.

use std::path::Path;

use super::fake_model::{FakeModel, Received, Reply};
use super::world::World;

/// The variable with the server's arguments, one a line, and that with how many times it says that it is loading.
const ARGS: &str = "FAKE_LLAMA_ARGS";
const LOADS: &str = "FAKE_LLAMA_LOADS";

/// A pipe into which it writes when it has said so for the first time.
const TELL: &str = "FAKE_LLAMA_TELL";

/// Makes the program; `first` is what the script does before, such as setting a variable. Gives its path.
pub(crate) fn install(world: &World, first: &str) -> String {
    let itself = std::env::current_exe().expect("this binary");
    let act = concat!(module_path!(), "::the_double_loads_and_then_answers");
    let act = act.split_once("::").map_or(act, |(_, rest)| rest);
    let script =
        format!("{first}\n{ARGS}=$(printf '%s\\n' \"$@\"); export {ARGS}\nexec '{}' --exact {act} --nocapture", itself.display());
    world.program("../bin/llama-server", &script);
    world.top().join("bin/llama-server").display().to_string()
}

/// Lines of a script for a server that is loading for ever, and tells so through a pipe.
pub(crate) fn loading_for_ever(pipe: &Path) -> String {
    format!("export {LOADS}=4000000000 {TELL}='{}'", pipe.display())
}

/// Lines of a script for a server that loads for so many questions.
pub(crate) fn loading_for(questions: u32) -> String {
    format!("export {LOADS}={questions}")
}

fn answer(status: u16, body: &serde_json::Value) -> Reply {
    Reply::new(status, "application/json; charset=utf-8", vec![body.to_string().into_bytes()])
}

/// The frames of a streamed answer.
fn stream(model: &str) -> Reply {
    let chunk = |rest: &str| {
        format!(
            "data: {{\"created\":1,\"id\":\"chatcmpl-x\",\"model\":{},\"system_fingerprint\":\"b0-unknown\",\"object\":\"chat.completion.chunk\",{rest}}}\n\n",
            serde_json::Value::from(model)
        )
    };
    let choice =
        |finish: &str, delta: &str| chunk(&format!("\"choices\":[{{\"finish_reason\":{finish},\"index\":0,\"delta\":{delta}}}]"));
    let end = "\"choices\":[],\"usage\":{\"completion_tokens\":4,\"prompt_tokens\":24,\"total_tokens\":28,\"prompt_tokens_details\":{\"cached_tokens\":0}},\
         \"timings\":{\"cache_n\":0,\"prompt_n\":24,\"prompt_ms\":192.0,\"prompt_per_token_ms\":8.0,\"prompt_per_second\":125.0,\
         \"predicted_n\":4,\"predicted_ms\":100.0,\"predicted_per_token_ms\":25.0,\"predicted_per_second\":40.0}";
    let frames = [
        choice("null", "{\"role\":\"assistant\",\"content\":null}"),
        choice("null", "{\"content\":\"Four \"}"),
        choice("null", "{\"content\":\"words it says\"}"),
        choice("\"stop\"", "{}"),
        chunk(end),
        "data: [DONE]\n\n".to_owned(),
    ];
    Reply::stream(frames.map(String::into_bytes).into())
}

/// The server for these arguments.
fn serve(args: &[String], loads: u64, tell: Option<String>) -> FakeModel {
    let after = |name: &str| args.iter().skip_while(|arg| *arg != name).nth(1).cloned().unwrap_or_default();
    let (model, alias, mut said) = (after("--model"), after("--alias"), 0);
    let reply = move |request: &Received| {
        if said < loads {
            said += u64::from(request.path == "/health");
            if let (1, Some(pipe)) = (said, &tell) {
                std::fs::write(pipe, "loading").expect("somebody reads");
            }
            return Reply::error(503, "{\"error\":{\"message\":\"Loading model\",\"type\":\"unavailable_error\",\"code\":503}}");
        }
        match request.path.as_str() {
            "/health" => answer(200, &serde_json::json!({ "status": "ok" })),
            "/props" => answer(200, &serde_json::json!({ "model_path": model })),
            "/v1/models" => {
                let meta = serde_json::json!({ "n_ctx": 4096, "n_ctx_train": 8192, "size": 471_808, "ftype": "all F32" });
                answer(200, &serde_json::json!({ "object": "list", "data": [{ "id": alias, "object": "model", "meta": meta }] }))
            }
            "/v1/chat/completions" => stream(&alias),
            _ => Reply::error(404, "{\"error\":{\"message\":\"File Not Found\",\"type\":\"not_found_error\",\"code\":404}}"),
        }
    };
    FakeModel::answering_at(after("--port").parse().unwrap_or(0), reply)
}

/// As a test: the double loads as long as it is told to, and then says what it was started with. As a program: the server.
#[test]
#[expect(clippy::disallowed_methods, reason = "as a program it is told by variables what to be")]
fn the_double_loads_and_then_answers() {
    if let Ok(args) = std::env::var(ARGS) {
        let args: Vec<String> = args.lines().map(str::to_owned).collect();
        let loads = std::env::var(LOADS).ok().and_then(|loads| loads.parse().ok()).unwrap_or(0);
        let _server = serve(&args, loads, std::env::var(TELL).ok());
        loop {
            std::thread::park();
        }
    }
    let args = ["--model", "/m.gguf", "--alias", "m"].map(str::to_owned);
    let server = serve(&args, 2, None);
    let world = World::new();
    let servers = format!("local={}", server.port());
    let scan = || world.rt_with(&["model", "scan", "--json"], b"", &[("RT__MODEL__LOCAL_SERVERS", &servers)]).ok();
    assert_eq!(scan().out, "", "it is still loading");
    let asked = server.requests().len();
    assert!(asked > 0 && server.requests().iter().all(|request| request.path == "/v1/models"));
}
