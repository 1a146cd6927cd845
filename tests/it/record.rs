//! Recording what goes over the network, and playing it back in its place.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{World, edit, holds, received_at};

const FILES: &[(&str, &str)] = &[("a.txt", "one\ntwo\nthree\n")];

fn answer() -> String {
    edit("a.txt", "two\n", "2\n")
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .expect("a directory")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn exchange(dir: &Path, number: &str) -> Value {
    serde_json::from_slice(&std::fs::read(dir.join(format!("{number}.json"))).expect("recorded")).expect("JSON")
}

/// A world, the place of its recording, and the variables that record there and play it.
fn world(server: &FakeModel) -> (World, PathBuf) {
    let world = World::with(FILES).gemini(&server.url());
    let dir = world.top().join("tape");
    (world, dir)
}

#[test]
fn a_recorded_turn_is_made_again_without_the_server() {
    let place = Arc::new(OnceLock::new());
    let server = FakeModel::script(vec![Reply::gemini(&answer(), 3).paced(received_at(&place))]);
    let (world, dir) = world(&server);
    place.set(world.repo()).expect("once");
    let twin = world.copy();
    let tape = dir.display().to_string();
    let ask = ["-m", "Number a.txt", "--model", "flash", "--json"];
    let first = world.rt_with(&ask, b"", &[("RT_RECORD", &tape)]).ok();
    drop(server);
    assert_eq!(files(&dir), ["0001.json", "0001.request", "0001.response"]);
    let recorded = exchange(&dir, "0001");
    let chunks = recorded["response"]["chunks"].as_array().expect("a list").len();
    assert!(chunks > 1 && recorded["response"]["ended"] == "whole", "{recorded}");
    assert_eq!(recorded["request"]["headers"], serde_json::json!({ "content-type": "application/json" }));
    assert_eq!(std::fs::read(dir.join("0001.request")).expect("bytes"), world.rt(&["show", "--prompt"]).ok().raw);
    assert_eq!(std::fs::read(dir.join("0001.response")).expect("bytes"), world.rt(&["show", "--raw"]).ok().raw);
    // Neither the key nor the server is needed.
    let vars = [("RT_REPLAY", tape.as_str()), ("GEMINI_API_KEY", "")];
    let again = twin.rt_with(&ask, b"", &vars).ok();
    let (one, other) = (first.json(), again.json());
    assert_eq!(one.last(), other.last(), "the same turn, byte for byte");
    assert_eq!(world.git(&["rev-parse", "HEAD"]), twin.git(&["rev-parse", "HEAD"]));
    assert_eq!(twin.read("a.txt"), "one\n2\nthree\n");
}

#[test]
fn what_is_not_recorded_is_said_and_never_sent() {
    let server = FakeModel::saying(&[answer(), answer()]);
    let (world, dir) = world(&server);
    let tape = dir.display().to_string();
    let ask = |text: &str, var: &str| world.rt_with(&["-n", "--dry-run", "-m", text, "--model", "flash"], b"", &[(var, &tape)]);
    ask("Number a.txt", "RT_RECORD").ok();
    let ran = ask("Number a.txt please", "RT_REPLAY").code(4);
    for said in ["POST /v1beta/models/", "0001 is nearest", "differs from byte", " please", "RT_RECORD=DIR"] {
        assert!(ran.err.contains(said), "{said} is missing in:\n{}", ran.err);
    }
    assert!(!ran.err.contains("trying again") && server.requests().len() == 1, "{}", ran.err);
    let ran = world.rt_with(&["-n", "-m", "x", "--model", "gemini/pro"], b"", &[("RT_REPLAY", &tape)]).code(4);
    assert!(ran.err.contains("what is there begins with 0001"), "{}", ran.err);
    let gone = world.top().join("gone").display().to_string();
    let ran = world.rt_with(&["-n", "-m", "x", "--model", "flash"], b"", &[("RT_REPLAY", &gone)]).code(4);
    assert!(ran.err.contains(&gone), "{}", ran.err);
    let both = [("RT_REPLAY", tape.as_str()), ("RT_RECORD", tape.as_str())];
    assert!(world.rt_with(&["log"], b"", &both).code(1).err.contains("both set"));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn equal_requests_are_answered_in_order_and_failures_too() {
    let failed = Reply::error(503, "{\"error\":{\"message\":\"busy\"}}").with_header("Retry-After", "0");
    let server = FakeModel::script(vec![failed, Reply::gemini(&answer(), 3)]);
    let (world, dir) = world(&server);
    let tape = dir.display().to_string();
    let run = |var: &str| {
        let vars = [(var, tape.as_str()), ("RT__PROVIDERS__GEMINI__RETRY__BASE", "1ms")];
        world.rt_with(&["-n", "--dry-run", "-m", "Number a.txt", "--model", "flash", "--json"], b"", &vars).ok().json()
    };
    let first = run("RT_RECORD");
    assert_eq!(files(&dir).len(), 6);
    assert_eq!(
        (exchange(&dir, "0001")["response"]["status"].clone(), exchange(&dir, "0002")["response"]["status"].clone()),
        (503.into(), 200.into())
    );
    let again = run("RT_REPLAY");
    let events = |lines: &[Value]| lines.iter().map(|line| line["event"].clone()).collect::<Vec<_>>();
    assert_eq!(events(&first), events(&again));
    assert!(events(&again).contains(&"retry".into()));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn keys_and_account_ids_are_not_recorded() {
    let key = "a-key-that-is-not-real";
    let secret = "a-token-of-somewhere-else";
    let account = "org-AbCdEfGhIjKlMnOpQrStUvWx";
    let said = format!("{{\"error\":{{\"message\":\"no: {key} and {secret} of {account}\"}},\"organization_id\":\"abc\"}}");
    let server = FakeModel::script(vec![
        Reply::error(400, &said).with_header("OpenAI-Organization", account).with_header("x-request-id", "r-1"),
    ]);
    let (mut world, dir) = world(&server);
    world.set("OTHER_TOKEN", secret);
    world.rt_with(&["-m", "Number a.txt", "--model", "flash"], b"", &[("RT_RECORD", &dir.display().to_string())]).code(4);
    for name in files(&dir) {
        let bytes = std::fs::read(dir.join(&name)).expect("bytes");
        for word in [key, secret, account, "\"abc\""] {
            assert!(!holds(&bytes, word), "{word} is in {name}");
        }
    }
    let recorded = exchange(&dir, "0001");
    assert_eq!(recorded["response"]["headers"]["x-request-id"], "r-1");
    let body = std::fs::read_to_string(dir.join("0001.response")).expect("text");
    assert!(body.contains("[secret:OTHER_TOKEN]") && body.contains("[account]"), "{body}");
}

#[test]
fn processes_that_record_in_one_place_do_not_overwrite_each_other() {
    let server = FakeModel::answering(|_| Reply::gemini("Fine.", 3));
    let (world, dir) = world(&server);
    let children: Vec<_> = (0..4)
        .map(|n| {
            let text = format!("question {n}");
            let mut command = world.command(&["-n", "--dry-run", "-m", &text, "--model", "flash"]);
            command.env("RT_RECORD", &dir).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
            command.stderr(std::process::Stdio::null()).spawn().expect("it starts")
        })
        .collect();
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    assert_eq!(files(&dir).len(), 12);
    let all: Vec<u8> = (1..=4).flat_map(|n| std::fs::read(dir.join(format!("000{n}.request"))).expect("bytes")).collect();
    assert!((0..4).all(|n| holds(&all, &format!("question {n}"))));
}

#[test]
fn lists_of_local_models_and_programs_are_recorded_too() {
    let models = "{\"object\":\"list\",\"data\":[{\"id\":\"tiny\"}]}";
    let server = FakeModel::answering(move |request| match request.method.as_str() {
        "GET" => Reply::new(200, "application/json", vec![models.into()]),
        _ => Reply::openai(&answer(), 3),
    });
    let mut world = World::with(FILES);
    let port = server.url().rsplit(':').next().expect("a port").to_owned();
    world.set("RT__MODEL__LOCAL_SERVERS", &format!("here={port}"));
    world.set("RT__PROVIDERS__MINE__KIND", "command");
    world.set("RT__PROVIDERS__MINE__COMMAND", "[\"sh\", \"-c\", \"cat >/dev/null; echo it runs; touch $1\", \"sh\", \"{model}\"]");
    let ran = world.top().join("ran").display().to_string();
    let dir = world.top().join("tape");
    let tape = dir.display().to_string();
    let run = |args: &[&str], var: &str| {
        world.rt_with(&[&["-n", "--dry-run", "-m", "Number a.txt"], args].concat(), b"", &[(var, &tape)])
    };
    let mine = format!("mine/{ran}");
    run(&[], "RT_RECORD").ok();
    run(&["--model", &mine], "RT_RECORD").ok();
    assert!(Path::new(&ran).exists());
    std::fs::remove_file(&ran).expect("removed");
    drop(server);
    assert!(run(&[], "RT_REPLAY").ok().err.contains("here/tiny"));
    assert!(run(&["--model", &mine], "RT_REPLAY").ok().out.contains("it runs"));
    assert!(!Path::new(&ran).exists(), "the program did not run");
}

#[test]
fn a_turn_a_file_and_a_directory_are_models() {
    let server = FakeModel::saying(&[answer()]);
    let (world, dir) = world(&server);
    let tape = dir.display().to_string();
    world.rt_with(&["--dry-run", "-m", "Number a.txt", "--model", "flash"], b"", &[("RT_RECORD", &tape)]).ok();
    drop(server);
    std::fs::copy(dir.join("0001.response"), world.top().join("x.gemini.sse")).expect("copied");
    let file = world.top().join("x.gemini.sse").display().to_string();
    for address in ["@", tape.as_str(), file.as_str()] {
        for form in ["replay:", "replay/"] {
            let ran = world.rt(&["-n", "--dry-run", "-m", "Number a.txt", "--model", &format!("{form}{address}"), "--json"]).ok();
            let turn = ran.json().pop().expect("a turn");
            assert_eq!((&turn["model"], &turn["files"][0]["path"]), (&"replay/replay".into(), &"a.txt".into()), "{form}{address}");
        }
    }
    let empty = world.top().join("home").display().to_string();
    let ran = world.rt(&["-n", "-m", "x", "--model", &format!("replay:{empty}")]).code(1);
    assert!(ran.err.contains("RT_RECORD=DIR"), "{}", ran.err);
}
