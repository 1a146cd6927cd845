//! Asking again what a turn has asked, and what is said of the two answers.

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{World, edit};

const FILES: &[(&str, &str)] = &[("a.txt", "one\ntwo\nthree\n"), ("b.txt", "b\n")];

fn changed(line: &str) -> String {
    edit("a.txt", "two\n", &format!("{line}\n"))
}

/// What must be the same before and after: where the worktree stands, its files, and refs other than those of turns.
fn standing(world: &World) -> (String, String, String, String) {
    let mut status = world.rt(&["status", "--json"]).ok().json().remove(0);
    // Its edits wait, as after --dry-run.
    status["waiting"] = serde_json::Value::Null;
    (world.read("a.txt"), world.foreign_refs(), world.git(&["status", "--porcelain"]), status.to_string())
}

#[test]
fn the_same_model_gets_the_same_bytes_and_nothing_is_written() {
    let server = FakeModel::saying(&[changed("2"), changed("zwei")]);
    let world = World::with(FILES).gemini(&server.url());
    world.rt(&["-m", "Number a.txt", "--model", "flash"]).ok();
    // What the files are now is not what the question was about.
    world.write("a.txt", "all new\n");
    let before = standing(&world);
    let ran = world.rt(&["replay", "--json"]).ok();
    assert_eq!(standing(&world), before);
    let requests = server.requests();
    assert_eq!((requests.len(), &requests[0].body, &requests[0].path), (2, &requests[1].body, &requests[1].path));
    assert_eq!(requests[0].headers, requests[1].headers);
    let said = &ran.json()[0];
    assert_eq!((ran.json().len(), &said["exact"], &said["base"]), (1, &true.into(), &"turn".into()));
    assert_eq!((&said["same_answer"], &said["same_edits"]), (&false.into(), &false.into()));
    assert_eq!(said["files_that_differ"], serde_json::json!(["a.txt"]));
    assert_eq!(said["again"]["files"], serde_json::json!([{ "path": "a.txt", "status": "M", "added": 1, "removed": 1 }]));
    assert_eq!((&said["original"]["files"], &said["again"]["rejects"]), (&said["again"]["files"], &serde_json::json!([])));
    assert_eq!(said["original"]["cost"].as_str(), said["again"]["cost"].as_str());
    assert!(said["again"]["cost"].is_string());
}

#[test]
fn it_is_a_turn_of_a_session_of_its_own_behind_the_same_turn() {
    let server = FakeModel::saying(&["Yes.".to_owned(), changed("2"), changed("zwei"), changed("due")]);
    let world = World::with(FILES).gemini(&server.url());
    world.rt(&["-m", "Is a.txt fine?", "--model", "flash"]).ok();
    world.rt(&["session", "rename", "numbers"]).ok();
    world.rt(&["-c", "-m", "Number a.txt", "--model", "flash"]).ok();
    world.rt(&["replay"]).ok();
    world.rt(&["replay", "numbers/2"]).ok();
    let first = &world.rt(&["log", "numbers", "--json"]).ok().json();
    let again = &world.rt(&["log", "numbers-replay", "--json"]).ok().json();
    assert_eq!((first.len(), again.len()), (2, 2));
    assert_eq!(first[1]["id"], again[1]["id"], "both stand behind the same turn");
    assert_eq!(first[0]["request"], again[0]["request"]);
    assert_eq!((again[0]["outcome"].as_str(), again[0]["subject"].as_str()), (Some("none"), Some("Number a.txt")));
    assert!(world.rt(&["show", "numbers-replay-2", "--answer"]).ok().out.contains("due"));
    let events = world.rt(&["show", "numbers-replay", "--json"]).ok().json()[0]["events"].clone();
    assert_eq!(events[0]["fields"]["of"], first[0]["turn"], "{events}");
    // What it held can be written by hand, and everything is in order.
    world.rt(&["undo"]).ok();
    world.rt(&["retry", "numbers-replay"]).ok();
    assert_eq!(world.read("a.txt"), "one\nzwei\nthree\n");
    world.rt(&["fsck"]).ok();
}

#[test]
fn another_model_gets_the_same_conversation_in_its_own_protocol() {
    let server = FakeModel::answering(|request| match request.path.as_str() {
        "/v1/chat/completions" => Reply::openai(&changed("2"), 3),
        _ => Reply::gemini(&changed("2"), 3),
    });
    let mut world = World::with(FILES).gemini(&server.url());
    world.set("RT__PROVIDERS__WORK__KIND", "openai");
    world.set("RT__PROVIDERS__WORK__BASE_URL", &format!("{}/v1", server.url()));
    world.rt(&["-m", "Number a.txt", "--model", "flash"]).ok();
    let ran = world.rt(&["replay", "--model", "work/big"]).ok();
    assert!(ran.err.contains("written for the other model"), "{}", ran.err);
    let body: serde_json::Value = serde_json::from_slice(&server.requests()[1].body).expect("JSON");
    let sent = body["messages"].to_string();
    assert!(sent.contains("Number a.txt") && sent.contains("one\\ntwo\\nthree\\n"), "{sent}");
    let line = |what: &str| ran.out.lines().find(|l| l.starts_with(what)).unwrap_or_else(|| panic!("{what}:\n{}", ran.out));
    for what in ["answer", "a.txt"] {
        assert!(line(what).ends_with("same"), "{}", ran.out);
    }
    assert!(line("cost").ends_with("unknown") && line("cost").contains('$'), "{}", ran.out);
    assert!(!ran.out.contains("@@"), "equal answers need no diff:\n{}", ran.out);
}

#[test]
fn differences_are_shown_as_diffs() {
    let server = FakeModel::saying(&[changed("2"), changed("zwei")]);
    let world = World::with(FILES).gemini(&server.url());
    world.rt(&["-m", "Number a.txt", "--model", "flash"]).ok();
    let out = world.rt(&["replay"]).ok().out;
    let (answers, files) = out.split_once(" a.txt\n").expect("both diffs");
    assert!(answers.contains("-2\n") && answers.contains("+zwei\n"), "{out}");
    assert!(files.contains("-2\n") && files.contains("+zwei\n"), "{out}");
}

#[test]
fn what_the_key_is_sent_to_is_never_the_turns_choice() {
    let (first, second) = (FakeModel::saying(&[changed("2")]), FakeModel::saying(&[changed("2")]));
    let mut world = World::with(FILES).gemini(&first.url());
    world.rt(&["-m", "Number a.txt", "--model", "flash"]).ok();
    world.set("RT__PROVIDERS__GEMINI__BASE_URL", &second.url());
    let ran = world.rt(&["replay"]).code(4);
    assert!(ran.err.contains(&second.url()) && ran.err.contains("--model gemini/MODEL"), "{}", ran.err);
    assert_eq!((first.requests().len(), second.requests().len()), (1, 0));
    // Written anew it goes to where the provider is now.
    world.rt(&["replay", "--model", "gemini/pro"]).ok();
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
}

#[test]
fn turns_that_asked_nobody_and_failing_providers_are_said() {
    let server =
        FakeModel::script(vec![Reply::gemini(&changed("2"), 3), Reply::error(400, "{\"error\":{\"message\":\"not today\"}}")]);
    let world = World::with(FILES).gemini(&server.url());
    world.rt(&["-m", "Number a.txt", "--model", "flash"]).ok();
    assert!(world.rt(&["replay"]).code(4).err.contains("not today"));
    world.rt(&["session", "new", "empty"]).ok();
    assert!(world.rt(&["replay"]).code(1).err.contains("asked no model"));
    // A person, nobody, and a recording can be asked again, too.
    world.rt(&["-n", "-m", "hello", "--model", "echo"]).ok();
    assert_eq!(world.rt(&["replay", "--json"]).ok().json()[0]["same_answer"], true);
}
