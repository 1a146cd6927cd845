//! `rt model list`, `show` and `test`.

use serde_json::Value;

use crate::support::fake_model::spoken::{Call, Said, Speech};
use crate::support::fake_model::{FakeModel, Received, Reply, split};
use crate::support::world::World;

const KEY: &str = "a-key-that-is-not-real";

/// A place that is no repository, with a key for Anthropic at this address.
fn world(url: &str) -> World {
    let mut world = World::new();
    std::fs::remove_dir_all(world.repo().join(".git")).expect("removed");
    world.set("ANTHROPIC_API_KEY", KEY);
    world.set("RT__PROVIDERS__ANTHROPIC__BASE_URL", url);
    world
}

fn names(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| format!("{}/{}", row["provider"].as_str().expect("text"), row["model"].as_str().expect("text"))).collect()
}

#[test]
fn the_list_has_the_models_that_can_be_asked() {
    let server =
        FakeModel::answering(|_| Reply::new(200, "application/json", vec![br#"{"data":[{"id":"tiny"},{"id":"small"}]}"#.to_vec()]));
    let mut world = world("http://127.0.0.1:9");
    let port = server.url().rsplit(':').next().expect("a port").to_owned();
    world.set("RT__MODEL__LOCAL_SERVERS", &format!("mine={port}"));
    let ran = world.rt(&["model", "list"]).ok();
    assert!(ran.out.contains("* anthropic/claude-sonnet-5-5") && ran.out.contains("mine/small"), "{}", ran.out);
    assert!(!ran.out.contains("openai/") && !ran.out.contains(KEY), "{}", ran.out);
    let rows = world.rt(&["model", "list", "--json"]).ok().json();
    let sonnet = rows.iter().find(|row| row["alias"] == "sonnet").expect("a row");
    assert_eq!((&sonnet["default"], &sonnet["key"]), (&true.into(), &"ANTHROPIC_API_KEY".into()));
    assert!(sonnet["window"].as_u64() > Some(100_000) && sonnet["price"]["input"].is_string(), "{sonnet}");
    assert!(sonnet["abilities"].as_array().expect("words").contains(&"tools".into()), "{sonnet}");
    assert_eq!(rows.iter().filter(|row| row["default"] == true).count(), 1);
    assert!(names(&rows).ends_with(&["mine/tiny".to_owned(), "mine/small".to_owned()]));
    // One provider, whether it has a key or not; all of them.
    let rows = world.rt(&["model", "list", "openai", "--json"]).ok().json();
    assert!(!rows.is_empty() && names(&rows).iter().all(|name| name.starts_with("openai/")));
    let all = names(&world.rt(&["model", "list", "--all", "--json"]).ok().json());
    for provider in ["anthropic/", "gemini/", "openai/", "xai/", "mine/"] {
        assert!(all.iter().any(|name| name.starts_with(provider)), "{provider}");
    }
    let ran = world.rt(&["model", "list", "antropic"]).code(1);
    assert!(ran.err.contains("there is no provider \"antropic\""), "{}", ran.err);
    let bare = World::new();
    assert!(bare.rt(&["model", "list"]).ok().err.contains("rt model login"));
}

#[test]
fn a_model_is_shown_with_all_that_is_known() {
    let mut world = world("http://127.0.0.1:9");
    world.set("RT__SAMPLING__TEMPERATURE", "0.5");
    world.set("RT__SAMPLING__MAX_TOKENS", "900");
    let shown = world.rt(&["model", "show", "sonnet", "--json"]).ok().json().remove(0);
    assert_eq!((&shown["model"], &shown["full"]), (&"anthropic/sonnet".into(), &"anthropic/claude-sonnet-5-5".into()));
    assert_eq!((&shown["protocol"], &shown["address"]), (&"anthropic".into(), &"http://127.0.0.1:9".into()));
    assert_eq!((&shown["key"], &shown["unusable"]), (&"ANTHROPIC_API_KEY".into(), &Value::Null));
    let set: Vec<_> = shown["set"].as_array().expect("a list").iter().map(|s| (s["option"].clone(), s["sent"].clone())).collect();
    assert_eq!(set, [("max_tokens".into(), true.into()), ("temperature".into(), false.into())]);
    assert!(shown["refuses"].as_array().expect("a list").contains(&"mirostat".into()), "{shown}");
    let text = world.rt(&["model", "show", "sonnet"]).ok().out;
    for part in
        ["short name", "max_tokens = 900 (RT__SAMPLING__MAX_TOKENS)", "temperature = 0.5 (RT__SAMPLING__TEMPERATURE, left out)"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("for a million tokens; now") && text.contains("built in (models.dev") && !text.contains(KEY), "{text}");
    // The user's own file is named where it says something.
    std::fs::create_dir_all(world.top().join("home/.retort")).expect("made");
    let own = r#"{"models":{"anthropic/claude-sonnet-5-5":{"window":4321},"openai/mine":{"window":99}}}"#;
    std::fs::write(world.top().join("home/.retort/models.json"), own).expect("written");
    let shown = world.rt(&["model", "show", "sonnet", "--json"]).ok().json().remove(0);
    assert_eq!(shown["window"], 4321);
    assert!(shown["data"].as_str().expect("text").ends_with("/.retort/models.json"), "{shown}");
    // One that cannot be asked is shown all the same, and one that nobody knows.
    let text = world.rt(&["model", "show", "openai/mine"]).ok().out;
    assert!(text.contains("cannot be asked") && text.contains("OPENAI_API_KEY"), "{text}");
    assert!(world.rt(&["model", "show", "anthropic/unheard-of"]).ok().out.contains("nothing is known about it"));
    assert!(world.rt(&["model", "show", "nobody/x"]).code(1).err.contains("there is no provider"));
}

fn results(shown: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    shown["probes"].as_array().expect("a list").iter().map(|probe| (text(&probe["what"]), text(&probe["result"]))).collect()
}

#[test]
fn a_test_is_one_real_question() {
    let said = Said { text: split("one two three four", 4), cached: 200, ..Said::default() };
    let server = FakeModel::answering(move |_| Reply::said(Speech::Anthropic, &said));
    let world = world(&server.url());
    let ran = world.rt(&["model", "test", "sonnet"]).ok();
    for what in ["reachable", "key accepted", "streamed text", "token counts"] {
        assert!(ran.out.contains(&format!("{what:<18} works")), "{}", ran.out);
    }
    assert!(ran.out.contains("1200 tokens in, 4 out · $0.00") && ran.out.contains("first piece after"), "{}", ran.out);
    assert!(!ran.out.contains(KEY) && !ran.err.contains(KEY));
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.requests()[0].headers["x-api-key"], KEY);
    let shown = world.rt(&["model", "test", "--json"]).ok().json().remove(0);
    assert_eq!((&shown["ok"], &shown["served"]), (&true.into(), &"claude-fake-1".into()));
    assert!(shown["first_ms"].is_u64() && shown["total_ms"].is_u64() && shown["cost"].is_string(), "{shown}");
    assert!(!world.top().join("home/.retort/private").exists(), "no turn is made");
}

#[test]
fn everything_is_tried_when_it_is_asked_for() {
    let call = |arguments| Call { id: "c1", name: "note", arguments };
    let answers = vec![
        Said::text("one two three four", 4),
        Said { calls: vec![call(r#"{"word":"ready"}"#)], ..Said::default() },
        Said::text(r#"{"prime": true}"#, 2),
        Said::text("It is Red.", 2),
    ];
    let script = |answers: &[Said]| FakeModel::script(answers.iter().map(|said| Reply::said(Speech::Anthropic, said)).collect());
    let server = script(&answers);
    let shown = world(&server.url()).rt(&["model", "test", "sonnet", "--all", "--json"]).ok().json().remove(0);
    let works = |what: &str| (what.to_owned(), "works".to_owned());
    let all = ["reachable", "key accepted", "streamed text", "token counts", "tool calls", "structured output", "images in"];
    assert_eq!(results(&shown), all.map(works));
    let asked: Vec<String> = server.requests().iter().map(Received::text).collect();
    assert!(asked[1].contains(r#""name":"note""#) && asked[2].contains("json_schema") && asked[3].contains("image/png"));
    // Each of them answered in another way.
    let one = Said::text("one two three four", 4);
    let server = script(&[one.clone(), one.clone(), one.clone(), one]);
    let ran = world(&server.url()).rt(&["model", "test", "sonnet", "--all"]).code(4);
    for said in ["did not call the tool", "the shape of the schema", "the picture is red"] {
        assert!(ran.out.contains(said), "{}", ran.out);
    }
    assert!(ran.err.contains("1 model failed the test"), "{}", ran.err);
}

#[test]
fn what_does_not_work_is_told_with_the_reason() {
    let tried = |reply: fn() -> Reply| {
        let server = FakeModel::answering(move |_| reply());
        let ran = world(&server.url()).rt(&["model", "test", "sonnet", "--all"]).code(4);
        assert_eq!(server.requests().len(), 1, "it is asked once");
        assert!(!ran.out.contains(KEY), "{}", ran.out);
        ran.out
    };
    let out = tried(|| Reply::failed(Speech::Anthropic, 401, "invalid x-api-key a-key-that-is-not-real"));
    assert!(
        out.contains("reachable          works") && out.contains("key accepted       does not: HTTP 401: invalid x-api-key [key]"),
        "{out}"
    );
    assert!(out.contains("streamed text      not tried: there was no answer"), "{out}");
    assert!(out.contains("tool calls         not tried: the first question was not answered"), "{out}");
    let out = tried(|| Reply::failed(Speech::Anthropic, 529, "overloaded"));
    assert!(out.contains("streamed text      does not: HTTP 529: overloaded"), "{out}");
    let ran = world("http://127.0.0.1:9").rt(&["model", "test", "sonnet", "--json"]).code(4);
    let shown = ran.json().remove(0);
    assert_eq!((results(&shown)[0].1.as_str(), &shown["ok"]), ("does-not", &false.into()));
}

#[test]
fn other_kinds_are_tested_too() {
    let mut world = world("http://127.0.0.1:9");
    let out = world.rt(&["model", "test", "echo"]).ok().out;
    assert!(out.contains("key accepted       not tried: it is asked without a key"), "{out}");
    assert!(out.contains("streamed text      not tried: the answer is there at once"), "{out}");
    world.program("../bin/mine", "cat >/dev/null; echo one two three");
    world.set("RT__PROVIDERS__MINE__KIND", "command");
    let command = format!("'{}/bin/mine'", world.top().display());
    world.set("RT__PROVIDERS__MINE__COMMAND", &command);
    let ran = world.rt(&["model", "test", "mine/m", "--all"]);
    assert!(ran.out.contains("tool calls         not tried: its answer is plain text"), "{}", ran.out);
    assert!(world.rt(&["model", "test", "manual"]).code(1).err.contains("no model that could be tested"));
}
