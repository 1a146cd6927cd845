//! Secrets that are everywhere around the program, and must be nowhere in what it leaves: no object or ref that it wrote, no
//! database, no unfinished turn, no output, and nothing that a server received but the key in its own header.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::support::fake_model::{FakeModel, Reply, gemini_chunks};
use crate::support::world::{Ran, World, edit, received_at};

/// The canaries and the variables that they live in. One has characters that JSON escapes and that percent-encoding does.
const ENV: [(&str, &str); 5] = [
    ("GEMINI_API_KEY", "canary-gemini-4f9a1c"),
    ("MY_ACCESS_TOKEN", "canary-token-77b2e0"),
    ("DB_PASSWORD", "canary \"pass\\word\" 100% é"),
    ("APP_SECRET", "canary-secret-5d31aa"),
    ("DATABASE_URL", "postgres://app:canary-url-9c8e17@db.example/app"),
];
const IN_URL: &str = "canary-url-9c8e17";
/// In the repository's own configuration only.
const IN_REMOTE: &str = "canary-remote-2a6f40";
const IN_HEADER: &str = "canary-header-b0d4";

/// The secrets, in each form in which they could be written here.
fn canaries() -> Vec<String> {
    let mut out: Vec<String> = [IN_URL, IN_REMOTE, IN_HEADER].map(str::to_owned).into();
    out.extend(ENV.iter().filter(|(name, _)| *name != "DATABASE_URL").map(|(_, value)| (*value).to_owned()));
    let json: Vec<String> = out.iter().map(|c| serde_json::to_string(c).expect("text").trim_matches('"').to_owned()).collect();
    let encoded = |c: &String| {
        c.bytes()
            .map(|b| if b.is_ascii_graphic() && b != b'%' || b == b' ' { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect()
    };
    let percent: Vec<String> = out.iter().map(encoded).collect();
    let base64: Vec<String> = out.iter().map(|c| base64(c.as_bytes())).collect();
    out.extend(json.into_iter().chain(percent).chain(base64));
    out.sort();
    out.dedup();
    out
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let n = three.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        (0..=three.len()).map(move |at| char::from(LETTERS[(n >> (18 - 6 * at) & 63) as usize])).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

fn all_secrets() -> String {
    let env = ENV.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(" | ");
    format!("{env} | {IN_REMOTE} | {IN_HEADER}")
}

fn clean(what: &str, bytes: &[u8]) {
    for canary in canaries() {
        let place = bytes.windows(canary.len()).position(|w| w == canary.as_bytes());
        if let Some(at) = place {
            let around = &bytes[at.saturating_sub(300)..(at + 200).min(bytes.len())];
            panic!("{canary} is in {what}:\n{}", String::from_utf8_lossy(around));
        }
    }
}

fn said(what: &str, ran: &Ran) {
    clean(&format!("the output of {what}"), &ran.raw);
    clean(&format!("the errors of {what}"), ran.err.as_bytes());
}

/// Every file below a directory that is not the user's own work.
fn files(directory: &Path, check: &mut dyn FnMut(&Path, &[u8])) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for path in entries.map(|e| e.expect("an entry").path()) {
        if path.is_dir() {
            files(&path, check);
        } else {
            check(&path, &std::fs::read(&path).unwrap_or_default());
        }
    }
}

/// The world's remains hold no secret, but for the files that the user put one into.
fn nothing_left(world: &World) {
    let own = ["secret.env", "repo/.git/config", "home/.retort/config.toml", "answer.md", "hooks/"];
    files(world.top(), &mut |path, bytes| {
        let name = path.strip_prefix(world.top()).expect("inside").display().to_string();
        if !own.iter().any(|own| name.contains(own)) {
            clean(&name, bytes);
        }
    });
    clean("an object", &world.all_objects());
    clean("a ref", world.git(&["for-each-ref"]).as_bytes());
    clean("a reflog", world.git(&["reflog", "--all"]).as_bytes());
}

fn world(model: &FakeModel) -> World {
    let mut world = World::with(&[("a.txt", "one\ntwo\n"), ("b.txt", "b\n")]).gemini(&model.url());
    for (name, value) in ENV {
        world.set(name, value);
    }
    world.git(&["remote", "add", "origin", &format!("https://user:{IN_REMOTE}@127.0.0.1:9/x.git")]);
    world.git(&["config", "http.extraHeader", &format!("Authorization: Basic {IN_HEADER}")]);
    world.write("secret.env", format!("port=1\nall={}\n", all_secrets()));
    world.git(&["add", "a.txt"]);
    world
}

fn received(model: &FakeModel) {
    for request in model.requests() {
        clean("a request", &request.body);
        clean("an address", request.path.as_bytes());
        for (name, value) in &request.headers {
            if name == "x-goog-api-key" {
                assert_eq!(value, ENV[0].1, "its own key");
            } else {
                clean(name, value.as_bytes());
            }
        }
    }
}

/// Looks at everything that can be shown.
fn looked_at(world: &World) {
    for command in [
        &["log"][..],
        &["log", "--all", "--json"],
        &["log", "--search", "canary"],
        &["show"],
        &["show", "--json"],
        &["show", "--prompt"],
        &["show", "--raw"],
        &["show", "--answer"],
        &["diff"],
        &["debug", "turn"],
        &["status"],
        &["status", "--json"],
        &["session", "list", "--json"],
        &["config", "show", "--origin"],
        &["config", "check"],
        &["prompt", "show", "look at secret.env and a.txt"],
        &["files"],
        &["index", "check"],
    ] {
        said(&format!("{command:?}"), &world.rt(command));
    }
}

#[test]
fn what_the_user_gives_is_sent_kept_and_shown_without_them() {
    let model = FakeModel::saying(&["I see.", "Yes.", "Yes.", "Yes."]);
    let world = world(&model);
    let message = format!("Compare {} with secret.env and a.txt", all_secrets());
    let args = ["-m", &message, "--file", "secret.env"];
    let ran = world.rt_with(&args, all_secrets().as_bytes(), &[]).ok();
    said("a message", &ran);
    assert!(ran.err.contains("secret.env holds a secret of your environment: it is not sent"), "{}", ran.err);
    let sent = model.requests()[0].text();
    for name in ["GEMINI_API_KEY", "MY_ACCESS_TOKEN", "DB_PASSWORD", "APP_SECRET", "DATABASE_URL", "remote.url", "http.extraHeader"]
    {
        assert!(sent.contains(&format!("[secret:{name}]")), "{name}: {sent}");
    }
    let json = world.rt_with(&["--json", "-c", "-m", &message], all_secrets().as_bytes(), &[]).ok();
    said("--json", &json);
    let shown = world.rt_with(&["-n", "-m", &message, "--show-prompt"], all_secrets().as_bytes(), &[]).ok();
    said("--show-prompt", &shown);
    let from = world.top().join("answer.md");
    std::fs::write(&from, &message).expect("written");
    said("--from-file", &world.rt(&["-n", "-F", &from.display().to_string()]).ok());
    looked_at(&world);
    received(&model);
    nothing_left(&world);
}

#[test]
fn what_a_model_says_is_kept_and_shown_without_them_and_never_written() {
    let all = all_secrets();
    let writes = edit("a.txt", "one\n", &format!("one {}\n", ENV[1].1));
    let told = format!("Your secrets: {all}\n\n=== COMMIT: use {} ===\n{writes}", ENV[3].1);
    let good = format!("Then so.\n\n=== COMMIT: with {} ===\n{}", ENV[3].1, edit("a.txt", "one\n", "1\n"));
    let misfit = edit("a.txt", &format!("no {all}\n"), "x\n");
    let named = format!("=== FILE: {}.txt ===\n```\nx\n```\n", ENV[1].1);
    // In one piece, in pieces of a few characters each, and with the key where a server that echoes would have it.
    for pieces in [1, 40, 1000] {
        let texts = [&told, &misfit, &named, &good];
        let model =
            FakeModel::script(texts.iter().map(|text| Reply::gemini(text, pieces).with_header("x-request-id", ENV[0].1)).collect());
        let world = world(&model);
        let ran = world.rt(&["-m", "change a.txt"]).code(5);
        said("an answer", &ran);
        assert!(ran.err.contains("would put a secret of the user's environment into the file"), "{}", ran.err);
        assert_eq!(world.read("a.txt"), "1\ntwo\n", "what has none is written");
        assert_eq!(world.git(&["log", "-1", "--format=%s"]), "with [secret:APP_SECRET]\n");
        let answers = world.rt(&["show", "--answer", "@~3"]).ok();
        assert!(answers.out.contains("Your secrets: [secret:GEMINI_API_KEY] | [secret:MY_ACCESS_TOKEN]"), "{}", answers.out);
        looked_at(&world);
        received(&model);
        nothing_left(&world);
    }
    // Through `rt apply` too.
    let world = world(&FakeModel::saying(&[""]));
    for answer in [&told, &misfit, &named] {
        let ran = world.rt_with(&["apply"], answer.as_bytes(), &[]).code(5);
        said("apply", &ran);
    }
    // It knows no repository, so it knows the variables only.
    let of_env = told.replace(IN_REMOTE, "").replace(IN_HEADER, "");
    said("debug reply", &world.rt_with(&["debug", "reply"], of_env.as_bytes(), &[]).ok());
    assert_eq!(world.read("a.txt"), "one\ntwo\n");
    looked_at(&world);
    nothing_left(&world);
}

#[test]
fn reasoning_refusals_tool_calls_and_native_parts_are_kept_without_them() {
    let [key, token] = [ENV[0].1, ENV[1].1];
    let part = |part: &str| {
        format!("data: {{\"candidates\": [{{\"content\": {{\"parts\": [{part}],\"role\": \"model\"}},\"index\": 0}}]}}\r\n\r\n")
            .into_bytes()
    };
    let mut chunks = vec![
        part(&format!("{{\"text\": \"I think of {key} and \\u0063anary-token-77b2e0\",\"thought\": true}}")),
        part(&format!("{{\"functionCall\": {{\"name\": \"send\",\"args\": {{\"what\": \"{token}\"}}}}}}")),
        part(&format!("{{\"text\": \"é {token} \"}}")),
        part("{\"text\": \"canary-gem\"}"),
        part("{\"text\": \"ini-4f9a1c is it\"}"),
    ];
    chunks.extend(gemini_chunks(&["end".to_owned()]));
    let model = FakeModel::script(vec![Reply::stream(chunks), Reply::gemini("Fine.", 1)]);
    let world = world(&model);
    let ran = world.rt(&["--json", "-m", "hi"]);
    said("reasoning", &ran);
    assert!(ran.out.contains("I think of [secret:GEMINI_API_KEY]"), "{}", ran.out);
    looked_at(&world);
    // What goes back to the provider has none either.
    said("the next message", &world.rt(&["-c", "-m", "go on"]).ok());
    received(&model);
    nothing_left(&world);
}

#[test]
fn errors_of_providers_hooks_filters_and_remotes_are_shown_without_them() {
    let all = all_secrets().replace('\\', "\\\\").replace('"', "\\\"");
    let error = |status: u16| Reply::error(status, &format!("{{\"error\":{{\"code\":{status},\"message\":\"you sent {all}\"}}}}"));
    let plain = Reply::new(500, "text/html", vec![all_secrets().into_bytes()]);
    let overloaded = error(503).with_header("retry-after-ms", "1");
    let model = FakeModel::script(vec![error(400), plain, overloaded, Reply::gemini(&edit("a.txt", "one\n", "1\n"), 2)]);
    let world = world(&model);
    let retry = ["--config", "check.max_reflections=0"];
    said("a refusal", &world.rt(&[&retry[..], &["-m", "hi"]].concat()).code(4));
    world.hook("pre-commit", &format!("printf '%s\\n' '{}' \"$MY_ACCESS_TOKEN\" >&2; exit 1", all_secrets()));
    let ran = world.rt_with(&["-n", "-m", "change a.txt"], b"", &[("RT__PROVIDERS__GEMINI__RETRY__BASE", "1ms")]).code(5);
    said("retries and a hook", &ran);
    assert!(ran.err.contains("[secret:MY_ACCESS_TOKEN]") && ran.err.contains("refused"), "{}", ran.err);
    looked_at(&world);
    for command in [
        &["--yes", "session", "push", "origin"][..],
        &["session", "fetch", "origin"],
        &["--yes", "session", "push", &format!("https://user:{IN_REMOTE}@127.0.0.1:9/y.git")],
        &["session", "fetch", ENV[1].1],
        &["session", "rename", ENV[1].1],
        &["session", "new", ENV[1].1],
        &["session", "set", "model.default", &format!("openai/{}", ENV[1].1)],
        &["show", ENV[1].1],
        &["-m", "hi", "--model", ENV[1].1],
        &["-m", "hi", "--model", &format!("openai/{}", ENV[1].1)],
        &["-m", "hi", "--file", &format!("{}.txt", ENV[1].1)],
        &["--config", ENV[1].1, "status"],
        &["--config", &format!("vcs.commit={}", ENV[1].1), "status"],
        &["--config", &format!("{}=x", ENV[1].1), "status"],
        &["--config", &format!("providers.gemini.base_url=https://user:{}@host/v1", ENV[1].1), "-m", "hi"],
        &["--config", &format!("providers.gemini.base_url=https://host/v1?key={}", ENV[1].1), "-m", "hi"],
        &["config", "get", ENV[1].1],
        &["config", "set", "providers.gemini.base_url", &format!("https://user:{}@host/v1", ENV[1].1)],
        &[&format!("--{}", ENV[1].1)],
        &[ENV[1].1],
    ] {
        let ran = world.rt(command);
        assert_ne!(ran.code, Some(0), "{command:?}: {}", ran.out);
        assert_ne!(ran.code, Some(255), "{command:?}: {}", ran.err);
        said(&format!("{command:?}"), &ran);
    }
    received(&model);
    nothing_left(&world);
}

#[test]
fn an_address_with_a_password_is_refused_and_not_repeated() {
    let secret = "plain-words-of-no-variable";
    let world = World::with(&[("a.txt", "one\n")]);
    for (address, why) in [
        (format!("https://user:{secret}@host.example/v1"), "holds a user name or password"),
        (format!("https://{secret}@host.example/v1"), "holds a user name or password"),
        (format!("https://host.example/v1?key={secret}"), "has a query"),
        (format!("https://host.example/v1#{secret}"), "has a query"),
        (format!("ftp://host/{secret}"), "begins with neither"),
    ] {
        let pair = format!("providers.gemini.base_url={address}");
        let ran = world.rt(&["--config", &pair, "-m", "hi"]).code(1);
        assert!(ran.err.contains(why) && !ran.err.contains(secret), "{}", ran.err);
        let ran = world.rt(&["config", "set", "providers.gemini.base_url", &address]).code(1);
        assert!(ran.err.contains(why) && !(ran.err + &ran.out).contains(secret));
        std::fs::create_dir_all(world.top().join("home/.retort")).expect("made");
        let config = world.top().join("home/.retort/config.toml");
        std::fs::write(&config, format!("[providers.gemini]\nbase_url = \"{address}\"\n")).expect("written");
        let ran = world.rt(&["config", "show"]).code(1);
        assert!(ran.err.contains("config.toml:2") && !(ran.err + &ran.out).contains(secret));
        std::fs::remove_file(config).expect("removed");
    }
}

#[test]
fn a_killed_turn_is_closed_without_them() {
    let told = format!("Look: {}\n{}", all_secrets(), edit("a.txt", "one\n", "1\n"));
    let names = [
        "open.after",
        "raw:3",
        "raw:9",
        "answer.synced",
        "parsed",
        "stored",
        "applied",
        "landed",
        "close.appended",
        "close.cursor",
    ];
    for (pieces, point) in names.iter().enumerate() {
        let place = Arc::new(OnceLock::new());
        let model = FakeModel::script(vec![Reply::gemini(&told, 7 + pieces).paced(received_at(&place))]);
        let world = world(&model);
        place.set(world.repo()).expect("once");
        let ran = world.rt_with(&["-m", &format!("use {} in a.txt", ENV[1].1)], b"", &[("RT__DEBUG__FAULT", point)]);
        assert_eq!(ran.code, None, "{point} is passed: {}", ran.err);
        said(point, &ran);
        let ran = world.rt(&["status"]).ok();
        said("recovery", &ran);
        assert!(ran.err.contains("unfinished turn"), "{point}: {}", ran.err);
        looked_at(&world);
        received(&model);
        nothing_left(&world);
    }
}

#[test]
fn a_bug_is_exit_code_255_and_tells_no_secret() {
    let model = FakeModel::saying(&["Fine."]);
    let world = world(&model);
    let fault = format!("panic=answer.synced I hold {}", all_secrets());
    let ran = world.rt_with(&["-m", "hi"], b"", &[("RT__DEBUG__FAULT", &fault)]).code(255);
    said("a panic", &ran);
    assert!(ran.err.contains("this is a bug of retort") && ran.err.contains("I hold [secret:GEMINI_API_KEY]"), "{}", ran.err);
    let ran = world.rt(&["status"]).ok();
    assert!(ran.err.contains("the answer is kept"), "{}", ran.err);
    looked_at(&world);
    nothing_left(&world);
}

#[test]
fn a_request_with_one_in_it_is_not_sent() {
    let later = "a-word-that-is-a-secret-later";
    let model = FakeModel::saying(&["Fine.", "Fine."]);
    let mut world = World::with(&[("a.txt", "one\n"), (&format!("{later}.txt"), "x\n")]).gemini(&model.url());
    world.rt(&["-m", &format!("this is {later}")]).ok();
    world.set("LATE_TOKEN", later);
    let ran = world.rt(&["-c", "-m", "go on"]).code(1);
    assert!(
        ran.err.contains("would hold a secret of your environment, [secret:LATE_TOKEN], in its part list:paths"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("rt -n -m") && !ran.err.contains(later), "{}", ran.err);
    assert_eq!(model.requests().len(), 1, "nothing was sent");
    // A path that holds one is not in the list of files either.
    world.rt(&["-n", "-m", "go on"]).ok();
    assert!(!model.requests()[1].text().contains(later) && model.requests()[1].text().contains("a.txt"));
}
