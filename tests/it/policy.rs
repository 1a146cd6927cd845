//! Who is asked, and whether at all: models that stand in, providers that are left alone, calls at once, what may be spent.

use std::io::{BufRead as _, BufReader};
use std::process::Child;

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{Ran, World, edit};

const BUSY: &str = r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;

fn busy() -> FakeModel {
    FakeModel::answering(|_| Reply::error(503, BUSY))
}

fn change() -> String {
    edit("a.txt", "one\n", "1\n")
}

/// A world with Gemini at this address, which is asked once, and `stand-in`, a server of OpenAI's protocol, at the other.
fn world(gemini: &FakeModel, other: &FakeModel) -> World {
    let mut world = World::with(&[("a.txt", "one\ntwo\n")]).gemini(&gemini.url());
    world.set("RT__PROVIDERS__GEMINI__RETRY__MAX", "0");
    for (key, value) in [("KIND", "openai"), ("BASE_URL", &other.url()), ("RETRY__MAX", "0")] {
        world.set(&format!("RT__PROVIDERS__STAND-IN__{key}"), value);
    }
    world.set("RT__MODEL__FALLBACK", "stand-in/m");
    world
}

fn ask(world: &World, args: &[&str]) -> Ran {
    world.rt(&[&["-m", "change a.txt"], args].concat())
}

fn log(world: &World) -> Vec<serde_json::Value> {
    world.rt(&["log", "--json"]).ok().json()
}

#[test]
fn another_model_answers_when_the_first_one_is_down() {
    let (gemini, other) = (busy(), FakeModel::script(vec![Reply::openai(&change(), 3)]));
    let world = world(&gemini, &other);
    let head = world.git(&["rev-parse", "HEAD"]);
    let ran = ask(&world, &["--model", "gemini/flash"]).ok();
    let said = "gemini/flash does not answer (gemini: HTTP 503: The model is overloaded.); asking stand-in/m instead";
    assert!(ran.err.lines().any(|line| line == said), "{}", ran.err);
    assert_eq!((gemini.requests().len(), other.requests().len()), (1, 1));
    // The same words, on the other wire.
    assert!(other.requests()[0].text().contains("change a.txt") && other.requests()[0].path.ends_with("/chat/completions"));
    assert_eq!(world.read("a.txt"), "1\ntwo\n");
    let turns = log(&world);
    let seen: Vec<_> = turns.iter().map(|t| (t["outcome"].as_str(), t["model"].as_str())).collect();
    assert_eq!(seen, [(Some("applied"), Some("stand-in/m")), (Some("failed"), Some("gemini/flash"))]);
    assert_eq!(turns[0]["exchange"], turns[1]["exchange"]);
    assert_eq!(world.rt(&["show", "--prompt"]).ok().raw, other.requests()[0].body);
    let events = world.rt(&["show", "@~1", "--json"]).ok().out;
    assert!(events.contains("\"fallback\"") && events.contains("stand-in/m"), "{events}");
    // One exchange, so one undo.
    world.rt(&["undo"]).ok();
    assert_eq!((world.read("a.txt").as_str(), world.git(&["rev-parse", "HEAD"])), ("one\ntwo\n", head));
    world.rt(&["redo"]).ok();
    assert_eq!(world.read("a.txt"), "1\ntwo\n");
    assert_eq!(world.rt(&["fsck"]).code, Some(0));
}

#[test]
fn one_can_go_on_with_what_the_other_model_said() {
    let other = FakeModel::script(vec![Reply::openai("Other words.", 1), Reply::openai("More.", 1)]);
    let gemini = busy();
    let world = world(&gemini, &other);
    ask(&world, &[]).ok();
    world.rt(&["-c", "-m", "go on"]).ok();
    assert!(other.requests()[1].text().contains("Other words."));
    assert_eq!(
        gemini.requests()[1].text().matches("change a.txt").count(),
        other.requests()[0].text().matches("change a.txt").count()
    );
}

#[test]
fn what_only_one_provider_understands_does_not_go_to_the_other() {
    let gemini = FakeModel::script(vec![Reply::gemini("First.", 1), Reply::error(503, BUSY)]);
    let other = FakeModel::script(vec![Reply::openai("Second.", 1)]);
    let world = world(&gemini, &other);
    ask(&world, &[]).ok();
    world.rt(&["-c", "-m", "go on"]).ok();
    let (before, instead) = (gemini.requests()[1].text(), other.requests()[0].text());
    assert!(before.contains("First.") && before.contains("thoughtSignature"), "{before}");
    assert!(instead.contains("First.") && instead.contains("go on") && !instead.contains("thoughtSignature"), "{instead}");
}

#[test]
fn events_say_that_another_model_is_asked() {
    let (gemini, other) = (busy(), FakeModel::script(vec![Reply::openai("Fine.", 1)]));
    let ran = ask(&world(&gemini, &other), &["--json"]).ok();
    let events = ran.json();
    let kinds: Vec<&str> = events.iter().filter_map(|e| e["event"].as_str()).filter(|kind| *kind != "text").collect();
    assert_eq!(kinds, ["request", "turn", "fallback", "request", "turn"]);
    let fallback = events.iter().find(|e| e["event"] == "fallback").expect("it is there");
    assert_eq!((&fallback["from"], &fallback["to"]), (&"gemini/flash".into(), &"stand-in/m".into()));
    let request = events.iter().rfind(|e| e["event"] == "request").expect("it is there");
    assert_eq!((&request["fallback"], &request["model"]), (&true.into(), &"stand-in/m".into()));
}

#[test]
fn what_the_user_has_to_mend_is_not_asked_of_another_model() {
    for (status, body) in [(400, "{}"), (401, "{}"), (404, "{}"), (413, "{}")] {
        let (gemini, other) = (FakeModel::answering(move |_| Reply::error(status, body)), FakeModel::script(Vec::new()));
        ask(&world(&gemini, &other), &[]).code(4);
        assert_eq!((gemini.requests().len(), other.requests().len()), (1, 0), "{status}");
    }
    // Nor is an answer that has begun.
    let gemini = FakeModel::script(vec![Reply::gemini(&change(), 4).cut_after(2)]);
    let other = FakeModel::script(Vec::new());
    ask(&world(&gemini, &other), &[]).code(4);
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn models_that_cannot_stand_in_are_left_out() {
    let (gemini, other) = (busy(), FakeModel::script(vec![Reply::openai("Fine.", 1)]));
    let mut world = world(&gemini, &other);
    world.set("RT__MODEL__FALLBACK", "anthropic/m,nobody/m,gemini/flash,stand-in/m");
    let ran = ask(&world, &["--model", "gemini/flash"]).ok();
    for said in [
        "anthropic/m of model.fallback is left out: anthropic needs a key, and none of these variables is set: ANTHROPIC_API_KEY",
        "nobody/m of model.fallback is left out: there is no provider \"nobody\"",
        "gemini/flash of model.fallback is left out: it is the model that does not answer",
        "asking stand-in/m instead",
    ] {
        assert!(ran.err.contains(said), "{said}\n{}", ran.err);
    }
    assert_eq!(gemini.requests().len(), 1);
}

#[test]
fn when_all_are_down_the_last_ones_error_is_said() {
    let (gemini, other) = (busy(), busy());
    let world = world(&gemini, &other);
    let ran = ask(&world, &[]).code(4);
    assert!(ran.err.contains("error: stand-in: HTTP 503: The model is overloaded."), "{}", ran.err);
    assert_eq!(log(&world).iter().filter(|t| t["outcome"] == "failed").count(), 2);
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_stand_in_has_all_its_reflections() {
    let gemini = busy();
    let other = FakeModel::script(vec![Reply::openai(&edit("a.txt", "nothing like it\n", "1\n"), 2), Reply::openai(&change(), 2)]);
    let world = world(&gemini, &other);
    ask(&world, &["--config", "check.max_reflections=1"]).ok();
    assert_eq!((world.read("a.txt").as_str(), other.requests().len(), gemini.requests().len()), ("1\ntwo\n", 2, 1));
}

/// Runs a message at this minute of a day.
fn at(world: &World, minute: u32, args: &[&str]) -> Ran {
    let clock = format!("2026-05-01T10:{minute:02}:00Z");
    world.rt_with(&[&["-m", "change a.txt"], args].concat(), b"", &[("RT__DEBUG__CLOCK", &clock)])
}

/// A world with no stand-in, that leaves Gemini alone after two failures for ten minutes.
fn cautious(gemini: &FakeModel) -> World {
    let mut world = world(gemini, gemini);
    world.set("RT__MODEL__FALLBACK", "");
    world.set("RT__PROVIDERS__GEMINI__BREAKER__FAILURES", "2");
    world.set("RT__PROVIDERS__GEMINI__BREAKER__COOLDOWN", "10m");
    world
}

#[test]
fn a_provider_that_is_down_is_left_alone_until_one_call_gets_through() {
    let replies = vec![Reply::error(503, BUSY), Reply::error(503, BUSY), Reply::error(503, BUSY)];
    let well = (0..3).map(|_| Reply::gemini("Fine.", 1));
    let model = FakeModel::script(replies.into_iter().chain(well).collect());
    let world = cautious(&model);
    for minute in [0, 1] {
        at(&world, minute, &[]).code(4);
    }
    let turns = log(&world).len();
    let ran = at(&world, 3, &[]).code(4);
    let said = ran.err.lines().find(|line| line.starts_with("error: ")).expect("an error");
    assert!(said.starts_with("error: gemini failed several times in a row and is not asked before 2026-05-01T10:11:"), "{said}");
    assert!(ran.err.contains("--config providers.gemini.breaker.failures=0"), "{}", ran.err);
    assert_eq!((model.requests().len(), log(&world).len()), (2, turns), "nothing was sent, and there is no turn");
    // After the cooldown one call is let through. It fails, so it is left alone again; then one goes well.
    at(&world, 12, &[]).code(4);
    at(&world, 13, &[]).code(4);
    assert_eq!(model.requests().len(), 3);
    at(&world, 30, &[]).ok();
    at(&world, 31, &[]).ok();
    assert_eq!(model.requests().len(), 5);
}

#[test]
fn a_provider_that_is_left_alone_can_be_asked_all_the_same() {
    let model = FakeModel::script(vec![
        Reply::error(503, BUSY),
        Reply::error(503, BUSY),
        Reply::gemini("Fine.", 1),
        Reply::gemini("Fine.", 1),
    ]);
    let world = cautious(&model);
    at(&world, 0, &[]).code(4);
    at(&world, 1, &[]).code(4);
    at(&world, 2, &["--config", "providers.gemini.breaker.failures=0"]).ok();
    at(&world, 3, &[]).ok();
    assert_eq!(model.requests().len(), 4);
}

/// The one call that is let through is not used up by a message that nothing is sent for.
#[test]
fn a_message_that_comes_to_nothing_leaves_the_try_to_the_next_one() {
    let model = FakeModel::script(vec![Reply::error(503, BUSY), Reply::error(503, BUSY), Reply::gemini("Fine.", 1)]);
    let world = cautious(&model);
    for minute in [0, 1] {
        at(&world, minute, &[]).code(4);
    }
    let ran = at(&world, 12, &["--max-cost", "0.0000001"]);
    assert!(ran.code != Some(0) && model.requests().len() == 2, "{}", ran.err);
    at(&world, 13, &[]).ok();
    assert_eq!(model.requests().len(), 3);
}

#[test]
fn a_wrong_key_or_a_refusal_does_not_mean_that_a_provider_is_down() {
    let model = FakeModel::answering(|_| Reply::error(401, "{}"));
    let world = cautious(&model);
    for minute in 0..4 {
        at(&world, minute, &[]).code(4);
    }
    assert_eq!(model.requests().len(), 4);
}

#[test]
fn while_a_provider_is_left_alone_another_is_asked_at_once() {
    let (gemini, other) = (busy(), FakeModel::answering(|_| Reply::openai("Fine.", 1)));
    let mut world = world(&gemini, &other);
    world.set("RT__PROVIDERS__GEMINI__BREAKER__FAILURES", "1");
    world.set("RT__PROVIDERS__GEMINI__BREAKER__COOLDOWN", "10m");
    at(&world, 0, &["-n"]).ok();
    let ran = at(&world, 1, &["-n", "--model", "gemini/flash"]).ok();
    assert!(ran.err.contains("gemini/flash does not answer (gemini failed several times in a row"), "{}", ran.err);
    assert!(ran.err.contains("new session · stand-in/m"), "{}", ran.err);
    assert_eq!((gemini.requests().len(), other.requests().len()), (1, 2));
    let turns = log(&world);
    assert_eq!((turns.len(), &turns[0]["model"]), (1, &"stand-in/m".into()), "no turn for what was not asked");
}

#[test]
fn without_a_database_messages_go_out_as_ever() {
    let model = FakeModel::answering(|_| Reply::error(503, BUSY));
    let mut world = cautious(&model);
    world.set("RT__STORE__PATH", "/dev/null/x.db");
    for minute in 0..3 {
        at(&world, minute, &[]).code(4);
    }
    assert_eq!(model.requests().len(), 3, "nobody remembers");
}

/// Starts a message and waits until it says that it waits.
fn waiting(world: &World) -> (Child, String) {
    let mut child = world.start(&["-m", "second", "-n"]);
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let said = lines.by_ref().map(|line| line.expect("text")).find(|line| line.contains("waiting: "));
    // Whoever closes the pipe would stop it.
    std::thread::spawn(move || lines.for_each(drop));
    (child, said.expect("it waits"))
}

/// A world in which Gemini has one call at once, and a first one that is held until the gate is used or dropped.
fn held() -> (FakeModel, World, Child, std::sync::mpsc::Sender<()>) {
    let (first, gate) = Reply::gemini("First.", 2).gated(1);
    let model = FakeModel::script(vec![first, Reply::gemini("Second.", 2)]);
    let mut world = World::with(&[("a.txt", "one\ntwo\n")]).gemini(&model.url());
    world.set("RT__PROVIDERS__GEMINI__CONCURRENCY", "1");
    world.set("RT__PROVIDERS__GEMINI__RETRY__MAX", "0");
    let child = world.start(&["-m", "first", "-n"]);
    while model.requests().is_empty() {
        std::thread::yield_now();
    }
    (model, world, child, gate)
}

#[test]
fn a_call_too_many_waits_for_the_one_before() {
    let (model, world, first, gate) = held();
    let (mut second, said) = waiting(&world);
    assert_eq!(said, "waiting: 1 call of gemini at once, by providers.gemini.concurrency");
    assert_eq!(model.requests().len(), 1);
    gate.send(()).expect("the server waits");
    assert!(first.wait_with_output().expect("it ends").status.success());
    assert!(second.wait().expect("it ends").success());
    assert_eq!(model.requests().len(), 2);
}

#[test]
fn a_killed_call_frees_its_slot() {
    let (model, world, mut first, _gate) = held();
    let (mut second, _) = waiting(&world);
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    assert!(second.wait().expect("it ends").success());
    assert_eq!(model.requests().len(), 2);
}

#[test]
fn whoever_waits_can_stop() {
    let (model, world, first, gate) = held();
    let (mut second, _) = waiting(&world);
    let id = i32::try_from(second.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it runs");
    assert_eq!(second.wait().expect("it ends").code(), Some(130));
    gate.send(()).expect("the server waits");
    assert!(first.wait_with_output().expect("it ends").status.success());
    assert_eq!(model.requests().len(), 1, "it was not asked");
}

/// A world whose model costs 10 dollars a million tokens each way, by the user's own word.
fn priced(model: &FakeModel) -> World {
    let world = World::with(&[("a.txt", "one\ntwo\n")]).gemini(&model.url());
    let models = r#"{"models":{
        "gemini/m":{"prices":[{"input":10,"cache_read":10,"output":10}]},
        "gemini/gemini-3.7-flash":{"prices":[{"input":10,"cache_read":10,"output":10}]}}}"#;
    std::fs::create_dir_all(world.top().join("home/.retort")).expect("made");
    std::fs::write(world.top().join("home/.retort/models.json"), models).expect("written");
    world
}

#[test]
fn summaries_and_replays_cost_no_more_than_allowed_and_no_project_says_what_is() {
    let model = FakeModel::answering(|_| Reply::gemini("Fine.", 1));
    let world = priced(&model);
    ask(&world, &["--model", "gemini/m"]).ok();
    let least = ["--config", "model.max_cost=0.0001"];
    for line in [&["session", "compact", "--model", "gemini/m"][..], &["replay", "@"]] {
        let ran = world.rt(&[line, &least].concat()).code(1);
        assert!(ran.err.contains("model.max_cost allows ($0.0001)"), "{line:?} {}", ran.err);
    }
    // A limit that a repository brings along is none.
    std::fs::write(world.top().join("home/.retort/config.toml"), "[model]\nmax_cost = 0.0001\n").expect("written");
    world.write(".retort/config.toml", "[model]\nmax_cost = 1000\n");
    let ran = ask(&world, &["--model", "gemini/m"]).code(1);
    assert!(ran.err.contains("allows ($0.0001)") && ran.err.contains("ignored until `rt trust`: model.max_cost"), "{}", ran.err);
    assert_eq!(model.requests().len(), 1);
}

#[test]
fn a_request_that_could_cost_too_much_is_not_sent() {
    let model = FakeModel::answering(|_| Reply::gemini("Fine.", 1));
    let world = priced(&model);
    let ran = ask(&world, &["--model", "gemini/m", "--max-cost", "0.0001"]).code(1);
    let said = ran.err.lines().find(|line| line.starts_with("error: ")).expect("an error");
    assert!(said.starts_with("error: the next request costs about $0.0"), "{said}");
    assert!(said.ends_with("and the exchange $0 so far: together that is more than model.max_cost allows ($0.0001)"), "{said}");
    assert!(ran.err.contains("--max-cost USD"), "{}", ran.err);
    assert_eq!((model.requests().len(), world.git(&["for-each-ref", "refs/retort"])), (0, String::new()));
    // As a setting it may be a number.
    let config = world.top().join("home/.retort/config.toml");
    std::fs::write(&config, "[model]\nmax_cost = 0.0001\n").expect("written");
    let ran = ask(&world, &["--model", "gemini/m"]).code(1);
    assert!(ran.err.contains("model.max_cost allows ($0.0001)"), "{}", ran.err);
    let _ = world.rt(&["config", "set", "model.max_cost", "0.25"]).ok();
    assert_eq!(world.rt(&["config", "get", "model.max_cost"]).ok().out.trim(), "0.25");
    std::fs::remove_file(config).expect("it is there");
    // The longest answer counts, too, where it is known.
    ask(&world, &["--model", "gemini/m", "--max-cost", "0.5", "--max-tokens", "60000"]).code(1);
    ask(&world, &["--model", "gemini/m", "--max-cost", "0.5"]).ok();
    assert_eq!(model.requests().len(), 1);
}

/// The provider says which model it is with its answer; until then it may be any.
#[test]
fn a_name_that_stands_for_some_model_counts_as_the_dearest() {
    let misfit = Reply::gemini(&edit("a.txt", "nothing like it\n", "1\n"), 2);
    let model = FakeModel::script(vec![misfit, Reply::gemini(&change(), 2)]);
    let world = World::with(&[("a.txt", "one\ntwo\n")]).gemini(&model.url());
    let ran = ask(&world, &["--model", "gemini/flash", "--max-cost", "0.000001"]).code(1);
    assert!(ran.err.contains("than model.max_cost allows"), "{}", ran.err);
    assert_eq!(model.requests().len(), 0);
    let ran = ask(&world, &["--model", "gemini/flash", "--max-cost", "1"]).ok();
    assert!(!ran.err.contains("no price"), "{}", ran.err);
    assert_eq!(model.requests().len(), 2);
}

#[test]
fn what_the_exchange_has_cost_counts() {
    // Each answer is 1,200 tokens and some, which is a good cent.
    let misfit = || Reply::gemini(&edit("a.txt", "nothing like it\n", "1\n"), 2);
    let model = FakeModel::script(vec![misfit(), misfit(), misfit()]);
    let world = priced(&model);
    let ran = ask(&world, &["--model", "gemini/m", "--max-cost", "0.03"]).code(1);
    assert!(ran.err.contains("the exchange $0.01") || ran.err.contains("the exchange $0.02"), "{}", ran.err);
    let asked = model.requests().len();
    assert!((1..3).contains(&asked), "{asked}");
    assert_eq!(log(&world).len(), asked, "each is recorded");
    assert_eq!(world.read("a.txt"), "one\ntwo\n");
    assert_eq!(world.rt(&["status"]).ok().err, "", "nothing is left behind");
}

#[test]
fn a_model_without_a_price_is_asked_and_that_is_said_once() {
    let misfit = Reply::openai(&edit("a.txt", "nothing like it\n", "1\n"), 2);
    let other = FakeModel::script(vec![misfit, Reply::openai(&change(), 2)]);
    let world = world(&other, &other);
    let ran = ask(&world, &["--model", "stand-in/m", "--max-cost", "0.000001"]).ok();
    let said = "no price is known for stand-in/m: the limit of $0.000001 does not hold for it";
    assert_eq!((ran.err.matches(said).count(), other.requests().len()), (1, 2), "{}", ran.err);
}

#[test]
fn a_limit_that_is_no_amount_is_said() {
    let world = World::with(&[("a.txt", "one\n")]);
    for wrong in ["much", "-1", "1e3", ""] {
        let ran = world.rt(&["-m", "x", "--model", "echo", "--max-cost", wrong]);
        let well = wrong.is_empty();
        assert_eq!(ran.code == Some(0), well, "{wrong}: {}", ran.err);
        assert!(well || ran.err.contains("expected an amount in dollars such as \"0.50\""), "{}", ran.err);
    }
    let _ = world.rt(&["-m", "x", "--model", "echo", "--max-cost", "$2.50"]).ok();
}
