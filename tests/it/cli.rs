//! The command line as a person meets it: flags in any place, models that are found, and words that help.

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{World, edit};

const FILES: &[(&str, &str)] = &[("a.rs", "fn main() {\n    println!(\"hi\");\n}\n")];

fn greeting() -> String {
    edit("a.rs", "    println!(\"hi\");\n", "    println!(\"hello\");\n")
}

fn port(url: &str) -> &str {
    url.rsplit(':').next().expect("a port")
}

/// A local server with these models, which answers every question with one edit.
fn local_server(models: &'static str) -> FakeModel {
    FakeModel::answering(move |request| match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/models") => Reply::new(200, "application/json", vec![models.into()]),
        ("POST", "/v1/chat/completions") => Reply::openai(&greeting(), 3),
        other => Reply::error(400, &format!("{{\"error\":{{\"message\":\"{other:?} is not expected\"}}}}")),
    })
}

#[test]
fn without_a_key_a_running_local_server_is_found_and_named() {
    let (dead, loading) =
        (FakeModel::script(vec![]).url(), FakeModel::script(vec![Reply::error(503, "{}"), Reply::error(503, "{}")]));
    let server = local_server("{\"object\":\"list\",\"data\":[{\"id\":\"tiny/one\"},{\"id\":\"two\"}]}");
    let mut world = World::with(FILES);
    let all = format!("gone={},busy={},here={}", port(&dead), port(&loading.url()), port(&server.url()));
    world.set("RT__MODEL__LOCAL_SERVERS", &all);
    let ran = world.rt(&["-m", "Change", "a.rs"]).ok();
    assert!(ran.err.contains(&format!("here/tiny/one ({}/v1)", server.url())), "{}", ran.err);
    assert!(world.read("a.rs").contains("hello"));
    let turn = &world.rt(&["log", "--json"]).ok().json()[0];
    assert_eq!((turn["model"].as_str(), turn["outcome"].as_str()), (Some("here/tiny/one"), Some("applied")));
    // The name that was recorded can be given again, and asks that server without looking around.
    world.rt(&["undo"]).ok();
    let before = (server.requests().len(), loading.requests().len());
    world.rt(&["-n", "-m", "Change", "a.rs", "--model", "here/tiny/one"]).ok();
    assert_eq!((server.requests().len(), loading.requests().len()), (before.0 + 1, before.1));
    assert!(server.requests().iter().all(|r| !r.headers.contains_key("authorization")));
}

#[test]
fn without_any_model_every_way_to_get_one_is_named() {
    let (dead, empty) = (FakeModel::script(vec![]).url(), local_server("{\"data\":[]}"));
    let mut world = World::with(FILES);
    let ran = world.rt(&["-m", "hello"]).code(1);
    for way in
        ["GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY", "model.local_servers", "base_url", "--model manual", "rt demo"]
    {
        assert!(ran.err.contains(way), "{way} is missing in:\n{}", ran.err);
    }
    world.set("RT__MODEL__LOCAL_SERVERS", &format!("gone={},empty={}", port(&dead), port(&empty.url())));
    let ran = world.rt(&["-m", "hello"]).code(1);
    assert!(ran.err.contains(&format!("{dead}/v1, {}/v1 (it has no model)", empty.url())), "{}", ran.err);
    assert_eq!(world.git(&["for-each-ref", "refs/retort"]), "", "nothing was recorded");
    for wrong in ["8080", "http://127.0.0.1:1", "x=0", "x=70000", "gemini=8080", "X=1"] {
        world.set("RT__MODEL__LOCAL_SERVERS", wrong);
        let ran = world.rt(&["config", "show"]).code(1);
        assert!(ran.err.contains("RT__MODEL__LOCAL_SERVERS") && ran.err.contains("name=port"), "{}", ran.err);
    }
}

#[test]
fn common_flags_may_stand_before_the_command() {
    let world = World::with(FILES);
    world.rt(&["-q", "-m", "hello", "--model", "echo"]).ok();
    for line in [["--json", "log"], ["log", "--json"]] {
        assert_eq!(world.rt(&line).ok().json()[0]["subject"], "hello");
    }
    world.rt(&["-y", "status"]).ok();
    for line in [&["--model", "echo", "log"][..], &["--dry-run", "undo"], &["-n", "status"]] {
        let ran = world.rt(line).code(2);
        assert!(ran.err.contains("do not go together"), "{}", ran.err);
    }
    let ran = world.rt(&["-c", "-n", "-m", "x"]).code(2);
    assert!(ran.err.contains("'--new'") && !ran.err.contains("quote it"), "{}", ran.err);
    let ran = world.rt(&["completions", "foo"]).code(2);
    assert!(ran.err.contains("possible values: bash"), "{}", ran.err);
    let ran = world.rt(&["logg"]).code(2);
    assert!(ran.err.contains("'log'"), "{}", ran.err);
    assert!(world.rt(&["log", "--help"]).ok().out.contains("Usage: rt log"));
}

#[test]
fn outcomes_and_counts_are_words() {
    let world = World::with(FILES);
    world.rt(&["-m", "hello", "--model", "echo"]).ok();
    assert!(world.rt(&["log"]).ok().out.contains(" no edits  hello"));
    assert!(world.rt(&["status"]).ok().out.contains(" · no edits · "));
    assert!(world.rt(&["show"]).ok().out.contains("outcome   no edits"));
    world.rt(&["files", "add", "a.rs"]).ok();
    let log = world.rt(&["log"]).ok().out;
    assert!(log.contains(" note  add a.rs") && !log.contains("none"), "{log}");
    // Scripts get the stored word.
    assert_eq!(world.rt(&["log", "--json"]).ok().json()[0]["outcome"], "none");
    world.git(&["init", "-q", "--bare", "../bare.git"]);
    let preview = world.rt(&["session", "push", "../bare.git"]).code(1);
    assert!(preview.err.contains("2 turns,") && preview.err.contains("no (nobody to ask"), "{}", preview.err);
}

#[test]
fn one_spelling_of_the_edit_formats() {
    let world = World::with(FILES);
    let by_flag = world.rt(&["-m", "a.rs", "--model", "echo", "--edit-format", "whole-file", "--show-prompt"]).ok().out;
    let by_key = world.rt(&["-m", "a.rs", "--model", "echo", "--config", "model.edit_format=whole-file", "--show-prompt"]).ok().out;
    assert_eq!(by_flag, by_key);
    assert!(!by_flag.contains("<<<<<<< SEARCH"), "{by_flag}");
    world.rt(&["-m", "x", "--config", "model.edit_format=whole"]).code(1);
    world.rt(&["-m", "x", "--edit-format", "whole"]).code(2);
}

#[test]
fn an_editor_writes_the_message() {
    let mut world = World::with(FILES);
    world.set("EDITOR", "echo 'Look at a.rs' >>");
    let ran = world.rt(&["-e", "--model", "echo"]).ok();
    assert_eq!(ran.out.trim_end(), "Look at a.rs");
    assert!(ran.err.contains("+ a.rs (named)"), "{}", ran.err);
    assert!(!world.top().join("home/.retort/MESSAGE.md").exists());
    for (editor, code, words) in [("false", 1, "nothing was sent"), ("true", 2, "the message is empty")] {
        world.set("EDITOR", editor);
        let ran = world.rt(&["-e", "--model", "echo"]).code(code);
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    assert_eq!(world.rt(&["log", "--all", "--json"]).ok().json().len(), 1);
}

#[test]
fn outside_of_everything_it_says_what_to_do() {
    let mut world = World::with(FILES);
    for line in [&["log"][..], &["undo"], &["trust"], &["init"], &["session", "list"]] {
        let ran = world.rt_in(world.top(), line, b"", &[]).code(1);
        assert!(ran.err.contains("is not inside a git repository") && ran.err.contains("git init"), "{line:?}: {}", ran.err);
    }
    assert!(world.rt_in(world.top(), &[], b"", &[]).ok().out.contains("rt -m"));
    assert!(!world.exists(".retort"));
    world.set("HOME", "");
    let ran = world.rt(&["log"]).code(1);
    assert!(ran.err.contains("neither HOME nor RT_HOME is set"), "{}", ran.err);
    world.set("RT_HOME", &world.top().join("own").display().to_string());
    world.rt(&["-m", "x", "--model", "echo"]).ok();
    assert!(world.top().join("own/data/retort.db").exists());
}

#[test]
fn a_command_line_that_cannot_be_read_says_what_is_missing() {
    let world = World::new();
    for (line, missing) in [
        (&["config", "set", "vcs.commit"][..], "missing: <VALUE>"),
        (&["session", "rename"], "missing: <"),
        (&["session", "push"], "missing: <"),
        (&["files", "add"], "missing: <"),
    ] {
        let ran = world.rt(line).code(2);
        assert!(ran.err.contains(missing) && ran.err.contains("Usage:"), "{line:?}: {}", ran.err);
    }
    assert!(world.rt(&["hello", "world"]).code(2).err.contains("hint: a message to the model: rt -m"));
}

#[test]
fn an_error_is_an_event_too() {
    let world = World::with(&[("a.txt", "a\n")]);
    let ran = world.rt(&["show", "nothing", "--json"]).code(1);
    let event = ran.json().pop().expect("an event");
    assert_eq!((&event["event"], &event["code"]), (&"error".into(), &1.into()), "{event}");
    assert!(ran.err.contains(event["error"].as_str().expect("a sentence")) && event["hints"][0].is_string(), "{event}");
    let lines = "{\"files\": {}, \"answer\": \"\"}\n\n{\"files\": 1}\n";
    let ran = world.rt_with(&["debug", "edits"], lines.as_bytes(), &[]).code(1);
    assert!(ran.err.contains("line 3 is no case:") && !ran.err.contains("line 1"), "{}", ran.err);
}

#[test]
fn the_turns_of_all_sessions_are_newest_first_and_counted() {
    let world = World::with(&[("a.txt", "0\n")]);
    for n in 0..6 {
        let args: &[&str] = if n % 3 == 0 { &["apply", "--new"] } else { &["apply"] };
        let _ = world.rt_with(args, edit("a.txt", &format!("{n}\n"), &format!("{}\n", n + 1)).as_bytes(), &[]).ok();
        if n == 3 {
            let first = world.rt(&["session", "list", "--json"]).ok().json().pop().expect("two");
            let _ = world.rt(&["session", "resume", &first["session"].as_str().expect("an id")[..8]]).ok();
        }
    }
    let ends = |args: &[&str]| -> Vec<String> {
        let rows = world.rt(args).ok().json();
        rows.iter().map(|row| row["end"].as_str().expect("a time").to_owned()).collect()
    };
    let all = ends(&["log", "--all", "--json"]);
    assert!(all.len() == 6 && all.is_sorted_by(|a, b| a > b), "{all:?}");
    assert_eq!(ends(&["log", "--all", "--json", "-n", "3"]), all[..3]);
}
