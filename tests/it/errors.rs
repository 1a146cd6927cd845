//! The rows of docs/errors.md: what a provider, or the way to it, can do wrong, in its own words; how often it is asked, what
//! is said, and with which exit code.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{Ran, World, edit};

/// A world with a model of this provider at this address, which is asked three times at most.
fn world(provider: &str, url: &str) -> World {
    let mut world = World::with(&[("a.txt", "one\ntwo\n")]);
    let upper = provider.to_ascii_uppercase();
    let kind = match provider {
        "gemini" | "anthropic" | "ollama" => provider,
        "llama" => "openai",
        _ => "responses",
    };
    world.set(&format!("{upper}_API_KEY"), "a-key-that-is-not-real");
    let settings = [("KIND", kind), ("BASE_URL", url), ("RETRY__MAX", "2"), ("RETRY__BASE", "0ms"), ("RETRY__CAP", "0ms")];
    for (key, value) in settings {
        world.set(&format!("RT__PROVIDERS__{upper}__{key}"), value);
    }
    world
}

fn ask(world: &World, provider: &str) -> Ran {
    world.rt(&["-m", "change a.txt", "--model", &format!("{provider}/m")])
}

/// The line that says what went wrong.
fn error(ran: &Ran) -> &str {
    ran.err.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or_else(|| panic!("no error:\n{}", ran.err))
}

/// Makes a provider's reply, each time.
type Say = Box<dyn FnMut() -> Reply + Send>;
/// A provider, its reply, how often it is asked, and what is said.
type Case<'a> = (&'a str, Say, usize, &'a str);

/// Each provider with its reply: how often it is asked, and what is said; the exit code is 4.
fn fails(cases: Vec<Case<'_>>) {
    for (provider, mut reply, attempts, said) in cases {
        let model = FakeModel::answering(move |_| reply());
        let world = world(provider, &model.url());
        let ran = ask(&world, provider).code(4);
        assert_eq!((error(&ran), model.requests().len()), (said, attempts), "{provider}");
        assert_eq!(world.read("a.txt"), "one\ntwo\n");
    }
}

/// A failing status with this body, each time.
fn says(status: u16, body: impl Into<String>) -> Say {
    let body = body.into();
    Box::new(move || Reply::error(status, &body))
}

/// A stream of these payloads, each time.
fn streams(payloads: &[&str]) -> Say {
    let payloads: Vec<String> = payloads.iter().map(|json| (*json).to_owned()).collect();
    Box::new(move || Reply::payloads(&payloads))
}

fn fixture(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sse/");
    std::fs::read_to_string(format!("{root}{path}")).expect("a fixture")
}

/// A recorded stream, one payload a line.
fn recorded(path: &str) -> Say {
    let text = fixture(path);
    streams(&text.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>())
}

const STARTED: &str =
    r#"{"type":"message_start","message":{"model":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}"#;
const BLOCK: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
const WORDS: &str = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Some words"}}"#;
const OVERLOADED: &str = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;

/// The beginning of an answer, in each provider's form.
fn beginnings() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("gemini", vec![r#"{"candidates":[{"content":{"parts":[{"text":"Some words"}],"role":"model"},"index":0}]}"#]),
        ("anthropic", vec![STARTED, BLOCK, WORDS]),
        ("openai", vec![r#"{"type":"response.output_text.delta","item_id":"i","delta":"Some words"}"#]),
        ("llama", vec![r#"{"model":"m","choices":[{"index":0,"delta":{"content":"Some words"},"finish_reason":null}]}"#]),
    ]
}

#[test]
fn a_wrong_key_is_not_tried_again() {
    let llama = r#"{"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}}"#;
    fails(vec![
        (
            "gemini",
            says(400, fixture("gemini/error-bad-key.json")),
            1,
            "gemini: HTTP 400: API key not valid. Please pass a valid API key.",
        ),
        ("anthropic", says(401, fixture("anthropic/error-bad-key.json")), 1, "anthropic: HTTP 401: invalid x-api-key"),
        (
            "openai",
            says(401, fixture("openai-chat/error-bad-key.json")),
            1,
            "openai: HTTP 401: Incorrect API key provided: bad apiKey. You can find your API key at https://platform.openai.com/account/api-keys.",
        ),
        (
            "xai",
            says(400, fixture("xai/error-auth.json")),
            1,
            "xai: HTTP 400: Incorrect API key provided. You can obtain an API key from https://console.x.ai.",
        ),
        ("llama", says(401, llama), 1, "llama: HTTP 401: Invalid API Key"),
    ]);
}

#[test]
fn a_wrong_model_is_not_tried_again() {
    let gemini = r#"{"error":{"code":404,"message":"models/m is not found for API version v1beta.","status":"NOT_FOUND"}}"#;
    let anthropic = r#"{"type":"error","error":{"type":"not_found_error","message":"model: m"},"request_id":"r"}"#;
    let llama = r#"{"error":{"message":"invalid model ID","type":"invalid_request_error","param":null,"code":null}}"#;
    fails(vec![
        ("gemini", says(404, gemini), 1, "gemini: HTTP 404: models/m is not found for API version v1beta."),
        ("anthropic", says(404, anthropic), 1, "anthropic: HTTP 404: model: m"),
        (
            "openai",
            says(400, fixture("openai-responses/error-bad-model.json")),
            1,
            "openai: HTTP 400: The requested model 'bad model' does not exist.",
        ),
        ("llama", says(400, llama), 1, "llama: HTTP 400: invalid model ID"),
        ("ollama", says(404, fixture("ollama/error-bad-model-1.json")), 1, "ollama: HTTP 404: model 'bad_model' not found"),
    ]);
}

#[test]
fn a_request_that_is_too_long_is_not_tried_again() {
    let gemini = r#"{"error":{"code":400,"message":"The input token count (1300000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#;
    let anthropic = |kind: &str, text: &str| format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{text}"}}}}"#);
    let openai = r#"{"error":{"message":"Your input exceeds the context window of this model.","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}"#;
    let failed = r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"context_length_exceeded","message":"Your input exceeds the context window of this model."}}}"#;
    let cases: Vec<Case<'_>> = vec![
        (
            "gemini",
            says(400, gemini),
            1,
            "gemini: HTTP 400: The input token count (1300000) exceeds the maximum number of tokens allowed (1048576).",
        ),
        (
            "anthropic",
            says(400, anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")),
            1,
            "anthropic: HTTP 400: prompt is too long: 210000 tokens > 200000 maximum",
        ),
        (
            "anthropic",
            says(413, anthropic("request_too_large", "Request exceeds the maximum size")),
            1,
            "anthropic: HTTP 413: Request exceeds the maximum size",
        ),
        ("openai", says(400, openai), 1, "openai: HTTP 400: Your input exceeds the context window of this model."),
        ("openai", streams(&[failed]), 1, "openai: Your input exceeds the context window of this model."),
        (
            "llama",
            says(400, fixture("llamacpp/context-overflow.json")),
            1,
            "llama: HTTP 400: request (2009 tokens) exceeds the available context size (512 tokens), try increasing it",
        ),
    ];
    fails(cases);
}

#[test]
fn a_quota_that_is_used_up_is_not_tried_again() {
    let openai = r#"{"error":{"message":"You exceeded your current quota.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
    let anthropic = r#"{"type":"error","error":{"type":"billing_error","message":"Your credit balance is too low"}}"#;
    fails(vec![
        ("openai", says(429, openai), 1, "openai: HTTP 429: You exceeded your current quota."),
        (
            "openai",
            recorded("openai-responses/error-in-stream.chunks.txt"),
            1,
            "openai: You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        ),
        (
            "gemini",
            says(429, fixture("gemini/429-retry-info.json").replace("PerMinute", "PerDay")),
            1,
            "gemini: HTTP 429: You exceeded your current quota, please check your plan.",
        ),
        ("anthropic", says(402, anthropic), 1, "anthropic: HTTP 402: Your credit balance is too low"),
    ]);
}

#[test]
fn an_overloaded_provider_is_tried_again_and_then_said() {
    let gemini = r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
    let openai = r#"{"error":{"message":"The server had an error.","type":"server_error","param":null,"code":null}}"#;
    let llama = r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#;
    fails(vec![
        ("anthropic", says(529, OVERLOADED), 3, "anthropic: HTTP 529: Overloaded"),
        ("anthropic", streams(&[STARTED, OVERLOADED]), 3, "anthropic: Overloaded"),
        ("gemini", says(503, gemini), 3, "gemini: HTTP 503: The model is overloaded."),
        ("openai", says(500, openai), 3, "openai: HTTP 500: The server had an error."),
        ("llama", says(503, llama), 3, "llama: HTTP 503: Loading model"),
    ]);
}

#[test]
fn a_rate_limit_is_waited_out_and_then_said() {
    let anthropic =
        r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your rate limit."}}"#;
    let long: Say = Box::new(|| Reply::error(429, "{}").with_header("Retry-After", "301"));
    fails(vec![
        ("anthropic", says(429, anthropic), 3, "anthropic: HTTP 429: This request would exceed your rate limit."),
        // Longer than anybody waits at a terminal.
        ("openai", long, 1, "openai: HTTP 429: {}"),
    ]);
}

#[test]
fn a_provider_says_how_long_to_wait() {
    let info = fixture("gemini/429-retry-info.json").replace("34.4s", "0.005s");
    let text =
        r#"{"error":{"message":"Rate limit reached. Please try again in 7ms.","type":"tokens","code":"rate_limit_exceeded"}}"#;
    let replies: Vec<(&str, Reply, Reply, u64)> = vec![
        ("gemini", Reply::error(429, &info), Reply::gemini("Fine.", 1), 5),
        ("anthropic", Reply::error(529, OVERLOADED).with_header("retry-after-ms", "6"), Reply::payloads(&answer()), 6),
        ("anthropic", Reply::error(429, "{}").with_header("Retry-After", "0.008"), Reply::payloads(&answer()), 8),
        ("llama", Reply::error(429, text), Reply::openai("Fine.", 1), 7),
    ];
    for (provider, reply, fine, wait) in replies {
        let model = FakeModel::script(vec![reply, fine]);
        let world = world(provider, &model.url());
        let ran = world.rt(&["--json", "-m", "hello", "--model", &format!("{provider}/m")]).ok();
        let waits: Vec<u64> = ran.json().iter().filter(|e| e["event"] == "retry").filter_map(|e| e["wait_ms"].as_u64()).collect();
        assert_eq!(waits, [wait], "{provider}");
    }
}

/// A whole answer of Anthropic's.
fn answer() -> [&'static str; 5] {
    [
        STARTED,
        BLOCK,
        WORDS,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}"#,
        r#"{"type":"message_stop"}"#,
    ]
}

#[test]
fn a_provider_says_whether_to_try_again() {
    let told = |status: u16, word: &'static str| -> Say {
        Box::new(move || Reply::error(status, OVERLOADED).with_header("x-should-retry", word))
    };
    fails(vec![
        ("anthropic", told(529, "false"), 1, "anthropic: HTTP 529: Overloaded"),
        ("anthropic", told(400, "true"), 3, "anthropic: HTTP 400: Overloaded"),
    ]);
}

#[test]
fn an_error_in_the_middle_of_an_answer_keeps_what_came() {
    let model = FakeModel::answering(|_| Reply::payloads(&[STARTED, BLOCK, WORDS, OVERLOADED]));
    let world = world("anthropic", &model.url());
    let ran = ask(&world, "anthropic").code(4);
    assert_eq!((error(&ran), ran.out.trim_end(), model.requests().len()), ("anthropic: Overloaded", "Some words", 1));
    assert!(ran.err.contains("hint: what arrived is kept: rt show"), "{}", ran.err);
    let turn = world.rt(&["show", "--json"]).ok().json().remove(0);
    assert_eq!((&turn["outcome"], &turn["answer"]), (&"interrupted".into(), &"Some words".into()));
}

#[test]
fn a_web_page_is_no_answer_and_is_kept() {
    let page = b"<html>Please log in</html>";
    let model = FakeModel::answering(move |_| Reply::new(200, "text/html; charset=utf-8", vec![page.to_vec()]));
    let world = world("openai", &model.url());
    let ran = ask(&world, "openai").code(4);
    assert_eq!(error(&ran), "openai: the server answers with a web page, which is no model's answer; check the provider's address");
    assert_eq!((world.rt(&["show", "--raw"]).ok().raw, model.requests().len()), (page.to_vec(), 1));
}

#[test]
fn a_refusal_is_not_tried_again() {
    let blocked = r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":9}}"#;
    let safety = r#"{"candidates":[{"content":{"parts":[],"role":"model"},"finishReason":"SAFETY","index":0}]}"#;
    let words = r#"{"type":"response.refusal.delta","item_id":"i","delta":"I cannot help with that."}"#;
    let done = r#"{"type":"response.completed","response":{"status":"completed","model":"m","output":[]}}"#;
    let chat = r#"{"choices":[{"index":0,"delta":{"refusal":"I cannot help with that."},"finish_reason":"stop"}]}"#;
    let filter = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}"#;
    let status = r#"{"error":{"message":"The prompt was filtered.","code":"content_filter"}}"#;
    fails(vec![
        ("gemini", streams(&[blocked]), 1, "the model refused: PROHIBITED_CONTENT"),
        ("gemini", streams(&[safety]), 1, "the model refused: SAFETY"),
        (
            "anthropic",
            recorded("anthropic/refusal.chunks.txt"),
            1,
            "the model refused: cyber: This request triggered restrictions on violative cyber content and was blocked under Anthropic's Usage Policy.",
        ),
        ("openai", streams(&[words, done]), 1, "the model refused: I cannot help with that."),
        ("llama", streams(&[chat, "[DONE]"]), 1, "the model refused: I cannot help with that."),
        ("llama", streams(&[filter, "[DONE]"]), 1, "the model refused: content_filter"),
        ("llama", says(400, status), 1, "llama: HTTP 400: The prompt was filtered."),
    ]);
}

#[test]
fn an_answer_that_reaches_its_limit_is_said() {
    const SAID: &str = "the answer reached the model's length limit and is cut off; its edits were not written";
    let gemini = r#"{"candidates":[{"content":{"parts":[{"text":"The"}],"role":"model"},"finishReason":"MAX_TOKENS","index":0}]}"#;
    let delta = |reason: &str| format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#);
    let (tokens, window) = (delta("max_tokens"), delta("model_context_window_exceeded"));
    let stopped = r#"{"type":"message_stop"}"#;
    let words = r#"{"type":"response.output_text.delta","item_id":"i","delta":"Some words"}"#;
    let incomplete =
        r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}"#;
    let chat = r#"{"choices":[{"index":0,"delta":{"content":"Some"},"finish_reason":"length"}]}"#;
    // The rest is asked for twice.
    fails(vec![
        ("gemini", streams(&[gemini]), 3, SAID),
        ("anthropic", streams(&[STARTED, BLOCK, WORDS, &tokens, stopped]), 3, SAID),
        ("anthropic", streams(&[STARTED, BLOCK, WORDS, &window, stopped]), 3, SAID),
        ("openai", streams(&[words, incomplete]), 3, SAID),
        ("llama", streams(&[chat, "[DONE]"]), 3, SAID),
    ]);
}

#[test]
fn a_stream_without_an_end_is_an_answer_that_was_cut_off() {
    for (provider, payloads) in beginnings() {
        let model = FakeModel::answering(move |_| Reply::payloads(&payloads));
        let world = world(provider, &model.url());
        let ran = ask(&world, provider).code(4);
        let said = format!("{provider}: the answer was cut off: the connection was closed");
        assert_eq!((error(&ran), ran.out.trim_end(), model.requests().len()), (said.as_str(), "Some words", 1));
    }
}

#[test]
fn a_connection_that_breaks_in_the_middle_keeps_what_came() {
    for (provider, payloads) in beginnings() {
        let chunks = payloads.len();
        let model = FakeModel::answering(move |_| Reply::payloads(&payloads).cut_after(chunks));
        let world = world(provider, &model.url());
        let ran = ask(&world, provider).code(4);
        assert!(error(&ran).starts_with(&format!("{provider}: the answer was cut off: ")), "{}", ran.err);
        assert_eq!((ran.out.trim_end(), model.requests().len()), ("Some words", 1), "{provider}");
    }
}

#[test]
fn a_connection_that_breaks_before_the_answer_is_tried_again() {
    let replies: [fn() -> Reply; 2] = [Reply::hang_up, || Reply::payloads(&[STARTED]).cut_after(1)];
    for (reply, said) in replies.into_iter().zip(["anthropic: 127.0.0.1:", "anthropic: the answer was cut off: "]) {
        let model = FakeModel::answering(move |_| reply());
        let world = world("anthropic", &model.url());
        let ran = ask(&world, "anthropic").code(4);
        assert!(error(&ran).starts_with(said), "{}", ran.err);
        assert_eq!(model.requests().len(), 3, "{said}");
    }
}

/// A server that holds the connection after what it has said, until it is dropped.
fn holding(payloads: &'static [&'static str]) -> FakeModel {
    let mut gates = Vec::new();
    FakeModel::answering(move |_| {
        let chunks = payloads.iter().chain([&"never"]).map(|text| format!("{text}\n\n").into_bytes()).collect();
        let (reply, gate) = Reply::stream(chunks).gated(payloads.len());
        gates.push(gate);
        reply
    })
}

#[test]
fn a_silent_server_is_given_up_whether_it_keeps_alive_or_not() {
    for payloads in [&[][..], &[": keep-alive", "event: ping\ndata: {\"type\":\"ping\"}", ": keep-alive"]] {
        let model = holding(payloads);
        let mut world = world("anthropic", &model.url());
        world.set("RT__PROVIDERS__ANTHROPIC__TIMEOUT", "30ms");
        let ran = ask(&world, "anthropic").code(4);
        assert_eq!((error(&ran), model.requests().len()), ("anthropic: no data for 30ms", 3));
    }
}

#[test]
fn a_server_that_falls_silent_in_the_middle_is_not_asked_again() {
    let model = holding(&[concat!(
        "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Some words\"}}"
    )]);
    let mut world = world("anthropic", &model.url());
    world.set("RT__PROVIDERS__ANTHROPIC__TIMEOUT", "100ms");
    let ran = ask(&world, "anthropic").code(4);
    assert_eq!((error(&ran), ran.out.trim_end(), model.requests().len()), ("anthropic: no data for 100ms", "Some words", 1));
}

#[test]
fn what_is_not_in_the_providers_format_is_not_tried_again() {
    let redirect: Say =
        Box::new(|| Reply::new(302, "text/html", vec![b"moved".to_vec()]).with_header("Location", "http://elsewhere.invalid/"));
    fails(vec![(
        "gemini",
        redirect,
        1,
        "gemini: HTTP 302: the server redirects elsewhere, which is not followed; check the provider's address",
    )]);
    for provider in ["gemini", "anthropic", "openai", "llama"] {
        let model = FakeModel::answering(|_| Reply::payloads(&["<html>Please log in</html>"]));
        let world = world(provider, &model.url());
        let ran = ask(&world, provider).code(4);
        assert!(error(&ran).starts_with(&format!("{provider}: the answer cannot be read: ")), "{}", ran.err);
        assert_eq!(model.requests().len(), 1);
    }
}

/// An address where nobody is.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string()
}

#[test]
fn a_server_that_is_not_there_is_tried_again() {
    let address = nobody();
    let ran = ask(&world("openai", &format!("http://{address}/v1")), "openai").code(4);
    assert_eq!(error(&ran), format!("openai: {address}: tcp connect error: Connection refused (os error 111)"));
    assert_eq!(ran.err.matches("trying again").count(), 2);
}

#[test]
fn a_proxy_that_is_not_there_is_tried_again_and_one_that_is_none_is_not() {
    let mut world = world("openai", "https://model.invalid/v1");
    world.set("https_proxy", &format!("http://{}", nobody()));
    let ran = ask(&world, "openai").code(4);
    assert!(error(&ran).starts_with("openai: ") && error(&ran).contains("Connection refused"), "{}", ran.err);
    assert_eq!(ran.err.matches("trying again").count(), 2);
    world.set("https_proxy", "::");
    let ran = ask(&world, "openai").code(4);
    assert_eq!(error(&ran), "openai: the https proxy is not a proxy address such as http://proxy.example:3128");
    assert_eq!(ran.err.matches("trying again").count(), 0);
}

#[test]
fn a_server_without_tls_behind_https_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut some = [0; 5];
            let _ = stream.read_exact(&mut some).and_then(|()| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    let ran = ask(&world("openai", &format!("https://{address}/v1")), "openai").code(4);
    // Without any certificate of an authority on this machine, it does not get that far.
    let said = error(&ran);
    assert!(said.contains(&address.to_string()) || said.contains("HTTPS client"), "{}", ran.err);
}

#[test]
fn a_certificate_file_that_cannot_be_read_is_said_once() {
    let mut world = world("openai", "https://model.invalid/v1");
    world.set("SSL_CERT_FILE", "/nonexistent/ca.pem");
    let ran = ask(&world, "openai").code(4);
    assert_eq!(error(&ran), "openai: certificate file /nonexistent/ca.pem: No such file or directory (os error 2)");
    assert_eq!(ran.err.matches("trying again").count(), 0);
}

#[test]
fn without_a_key_nothing_is_sent() {
    let world = World::with(&[("a.txt", "one\n")]);
    let ran = world.rt(&["-m", "change a.txt", "--model", "anthropic/m"]).code(1);
    assert_eq!(error(&ran), "anthropic needs a key, and none of these variables is set: ANTHROPIC_API_KEY");
    let ran = world.rt(&["-m", "change a.txt", "--model", "nobody/m"]).code(1);
    assert_eq!(error(&ran), "there is no provider \"nobody\"");
}

#[test]
fn a_whole_answer_of_each_provider_is_none_of_these() {
    let model = FakeModel::answering(|_| Reply::gemini(&edit("a.txt", "one\n", "1\n"), 3));
    let world = world("gemini", &model.url());
    let ran = ask(&world, "gemini").ok();
    assert!(!ran.err.contains("error:"), "{}", ran.err);
    assert_eq!(world.read("a.txt"), "1\ntwo\n");
}
