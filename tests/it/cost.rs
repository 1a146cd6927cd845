//! What models have cost, over sessions, models and days.

use serde_json::{Value, json};

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{World, edit};

const FILES: &[(&str, &str)] = &[("a.txt", "one\n"), ("b.txt", "two\n")];

/// Answers as Gemini, and as a server whose prices nobody knows.
fn server() -> FakeModel {
    FakeModel::answering(|request| match request.path.as_str() {
        "/v1/chat/completions" => Reply::openai("Fine.", 3),
        path if path.contains("broken") => Reply::error(400, "{\"error\":{\"message\":\"no\"}}"),
        _ => Reply::gemini(&edit("a.txt", "one\n", "1\n"), 3),
    })
}

fn world(server: &FakeModel) -> World {
    let mut world = World::with(FILES).gemini(&server.url());
    world.set("RT__PROVIDERS__WORK__KIND", "openai");
    world.set("RT__PROVIDERS__WORK__BASE_URL", &format!("{}/v1", server.url()));
    world
}

fn total(lines: &[Value]) -> &Value {
    lines.last().filter(|line| line["total"] == true).expect("a total")
}

/// What `rt log` says that these turns cost, in billionths.
fn logged(world: &World, args: &[&str]) -> i64 {
    let turns = world.rt(&[&["log", "--json"], args].concat()).ok().json();
    turns.iter().filter_map(|turn| turn["cost"].as_str()).map(nanos).sum()
}

fn nanos(cost: &str) -> i64 {
    let (whole, part) = cost.split_once('.').unwrap_or((cost, ""));
    format!("{whole}{part:0<9}").parse().expect("an amount")
}

#[test]
fn sums_are_exact_and_unknown_prices_are_said() {
    let server = server();
    let world = world(&server);
    world.rt(&["-m", "Change a.txt", "--model", "flash", "--dry-run"]).ok();
    world.rt(&["-c", "-m", "Again a.txt", "--model", "flash", "--dry-run"]).ok();
    world.rt(&["-n", "-m", "Is b.txt fine?", "--model", "work/big"]).ok();
    // It asks nobody.
    world.rt(&["-c", "-m", "hello", "--model", "echo"]).ok();
    let lines = world.rt(&["cost", "--json"]).ok().json();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let known = logged(&world, &["--all"]);
    assert!(known > 0);
    let all = total(&lines);
    assert_eq!((all["calls"].as_u64(), all["unknown"].as_u64()), (Some(3), Some(1)));
    assert_eq!(nanos(all["cost"].as_str().expect("a sum")), known);
    assert_eq!(all["usage"]["cache_read"], 200);
    // The newest session first, and of it nothing is known.
    assert_eq!((&lines[0]["cost"], &lines[0]["unknown"]), (&Value::Null, &json!(1)));
    assert_eq!(nanos(lines[1]["cost"].as_str().expect("a sum")), known);
    let by_model = world.rt(&["cost", "--by", "model", "--json"]).ok().json();
    let names: Vec<_> = by_model.iter().map(|line| line["model"].as_str()).collect();
    assert_eq!(names, [Some("gemini/gemini-3.7-flash"), Some("work/fake-1"), None]);
    let shown = world.rt(&["cost", "--by", "model"]).ok().out;
    let cells: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[0], ["calls", "input", "cached", "written", "output", "cost"]);
    assert_eq!(cells[2][1..], ["1", "1.0k", "200", "0", "3", "unknown"], "{shown}");
    assert!(shown.lines().last().is_some_and(|line| line.ends_with(" + 1 unknown")), "{shown}");
}

#[test]
fn a_call_without_an_answer_cost_nothing() {
    let server = server();
    let world = world(&server);
    world.rt(&["-m", "Change a.txt", "--model", "gemini/broken"]).code(4);
    let lines = world.rt(&["cost", "--json"]).ok().json();
    assert_eq!((&total(&lines)["cost"], &total(&lines)["unknown"]), (&json!("0"), &json!(0)));
}

#[test]
fn sets_are_sessions_turns_and_ranges() {
    let server = server();
    let world = world(&server);
    let ask = |args: &[&str]| world.rt(&[&["--model", "flash", "--dry-run", "-m", "Change a.txt"], args].concat()).ok();
    ask(&[]);
    ask(&["-c"]);
    ask(&["-c"]);
    world.rt(&["session", "rename", "first"]).ok();
    // A fork: it shares the first turn.
    ask(&["-s", "first/1"]);
    world.rt(&["session", "rename", "second"]).ok();
    let calls = |sets: &[&str]| {
        let lines = world.rt(&[&["cost", "--json"], sets].concat()).ok().json();
        total(&lines)["calls"].as_u64().expect("a number")
    };
    assert_eq!(calls(&[]), 4);
    assert_eq!(calls(&["first"]), 3);
    assert_eq!(calls(&["second"]), 1);
    assert_eq!(calls(&["@"]), 1);
    assert_eq!(calls(&["first", "@", "first/2"]), 4);
    assert_eq!(calls(&["first/2"]), 1);
    assert_eq!(calls(&["first/1..first"]), 2);
    assert_eq!(calls(&["first/2.."]), 1);
    assert_eq!(calls(&["..first/2"]), 2);
    assert_eq!(calls(&["..@"]), 2);
    let key = world.rt(&["log", "first", "-n", "1", "--json"]).ok().json()[0]["turn"].as_str().expect("a key").to_owned();
    assert_eq!(calls(&[&key[..12]]), 1);
    world.rt(&["cost", "third"]).code(1);
}

#[test]
fn days_are_local_and_older_calls_can_be_left_out() {
    let server = server();
    let world = world(&server);
    let ask = |clock: &str| {
        world.rt_with(&["-n", "--model", "flash", "--dry-run", "-m", "Change a.txt"], b"", &[("RT__DEBUG__CLOCK", clock)]).ok()
    };
    ask("2026-02-10T23:59:00Z");
    ask("2026-02-11T00:01:00Z");
    ask("2026-02-11T12:00:00Z");
    let run = |args: &[&str]| {
        let now = [("RT__DEBUG__CLOCK", "2026-02-12T06:00:00Z")];
        world.rt_with(&[&["cost", "--by", "day", "--json"], args].concat(), b"", &now).ok().json()
    };
    let days =
        |lines: &[Value]| lines.iter().map(|l| (l["day"].as_str().map(str::to_owned), l["calls"].clone())).collect::<Vec<_>>();
    let day = |day: &str, calls: u64| (Some(day.to_owned()), json!(calls));
    assert_eq!(days(&run(&[])), [day("2026-02-11", 2), day("2026-02-10", 1), (None, json!(3))]);
    assert_eq!(days(&run(&["--since", "2026-02-11"])), [day("2026-02-11", 2), (None, json!(2))]);
    assert_eq!(days(&run(&["--since", "1d"])), [day("2026-02-11", 1), (None, json!(1))]);
    assert_eq!(days(&run(&["--since", "2026-02-10T23:59:30Z"])), [day("2026-02-11", 2), (None, json!(2))]);
    assert!(world.rt(&["cost", "--since", "yesterday"]).code(2).err.contains("--since 7d"));
}
