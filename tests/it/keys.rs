//! Keys that a command prints, and keys that are kept: where they are used, and where they never are.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{World, holds};

const KEY: &str = "a-key-that-is-not-real";
const COMMAND: &str = "RT__PROVIDERS__GEMINI__KEY_COMMAND";

fn model() -> FakeModel {
    FakeModel::answering(|_| Reply::gemini("Yes.", 1))
}

/// A world whose Gemini is at this address, without a key.
fn world(model: &FakeModel) -> World {
    let mut world = World::with(&[("a.txt", "a\n")]);
    world.set("RT__PROVIDERS__GEMINI__BASE_URL", &model.url());
    world
}

/// The key that the last request was sent with.
fn sent(model: &FakeModel) -> String {
    model.requests().last().expect("a request").headers["x-goog-api-key"].clone()
}

fn file(world: &World) -> PathBuf {
    world.top().join("home/.retort/credentials")
}

fn mode(path: PathBuf) -> u32 {
    std::fs::metadata(path).expect("there").permissions().mode() & 0o777
}

/// Nothing that the program wrote has the key.
fn nowhere(world: &World) {
    assert!(!holds(&world.all_objects(), KEY));
    let database = world.top().join("home/.retort/data/retort.db");
    assert!(!holds(&std::fs::read(database).unwrap_or_default(), KEY));
}

#[test]
fn a_command_that_prints_the_key_runs_when_it_is_needed() {
    let (model, mut world) = (model(), World::with(&[("a.txt", "a\n")]));
    world.set("RT__PROVIDERS__GEMINI__BASE_URL", &model.url());
    world.set(COMMAND, &format!("echo ran >> ../runs; echo {KEY}"));
    let runs = |world: &World| std::fs::read_to_string(world.top().join("runs")).unwrap_or_default().lines().count();
    world.write("conf.env", format!("token={KEY}\n"));
    let ran = world.rt(&["--model", "flash", "-m", &format!("use {KEY}"), "--file", "conf.env"]).ok();
    assert_eq!((sent(&model).as_str(), runs(&world)), (KEY, 1));
    assert!(ran.err.contains("gemini/flash (key_command)") && ran.err.contains("conf.env holds a secret"), "{}", ran.err);
    let request = &model.requests()[0];
    assert!(request.text().contains("use [secret:key_command]"), "{}", request.text());
    assert!(!holds(&request.body, KEY) && !ran.err.contains(KEY) && !ran.out.contains(KEY));
    nowhere(&world);
    // Only looking needs no key.
    for line in
        [&["log"][..], &["doctor"], &["status"], &["model", "list"], &["model", "show", "flash"], &["-m", "x", "--show-prompt"]]
    {
        let ran = world.rt(line).ok();
        assert!(!ran.out.contains(KEY) && !ran.err.contains(KEY));
    }
    // `--show-prompt` redacts, so it had to know the key; nothing else ran the command.
    assert_eq!(runs(&world), 2);
    assert!(world.rt(&["doctor"]).ok().out.contains("gemini has a key_command"));
    // A variable comes first.
    let ran = world.rt_with(&["-n", "-m", "again"], b"", &[("GEMINI_API_KEY", "another-key-not-real")]).ok();
    assert!(ran.err.contains("(GEMINI_API_KEY)"), "{}", ran.err);
    assert_eq!((sent(&model).as_str(), runs(&world)), ("another-key-not-real", 2));
}

#[test]
fn what_is_recorded_does_not_hold_the_key_of_a_command() {
    let model = FakeModel::answering(|request| {
        if request.path.ends_with(":countTokens") {
            return Reply::new(200, "application/json", vec![format!("{{\"totalTokens\": 7, \"x\": \"{KEY}\"}}").into_bytes()]);
        }
        Reply::gemini(&format!("You use {KEY}."), 1)
    });
    let mut world = World::with(&[("a.txt", "a\n")]);
    world.set("RT__PROVIDERS__GEMINI__BASE_URL", &model.url());
    world.set(COMMAND, &format!("echo {KEY}"));
    world.set("RT_MODEL", "flash");
    let tape = world.top().join("tape");
    let record = [("RT_RECORD", tape.to_str().expect("text"))];
    world.rt_with(&["-m", "which key?"], b"", &record).ok();
    let ran = world.rt_with(&["prompt", "show", &format!("use {KEY}"), "--count"], b"", &record).ok();
    assert!(ran.out.ends_with("gemini counts 7 tokens\n"), "{}", ran.out);
    assert_eq!(sent(&model), KEY, "the command is asked for counting, too");
    // Its answer is none that a test of a model likes; what is recorded counts.
    let _ = world.rt_with(&["model", "test", "flash"], b"", &record);
    assert!(model.requests().iter().all(|request| !holds(&request.body, KEY)));
    let recorded: Vec<_> = std::fs::read_dir(&tape).expect("recorded").map(|entry| entry.expect("an entry").path()).collect();
    assert!(recorded.len() >= 3 && recorded.iter().all(|file| !holds(&std::fs::read(file).expect("read"), KEY)), "{recorded:?}");
    nowhere(&world);
}

#[test]
fn a_command_that_fails_says_why_and_not_what_it_printed() {
    let (model, mut world) = (model(), World::with(&[("a.txt", "a\n")]));
    world.set("RT__PROVIDERS__GEMINI__BASE_URL", &model.url());
    world.set(COMMAND, &format!("echo {KEY}; echo the store is locked: {KEY} >&2; exit 3"));
    for line in [&["-m", "hi"][..], &["model", "test", "flash"]] {
        let ran = world.rt(line).code(1);
        assert!(ran.err.contains("the key_command of gemini ended with exit code 3: the store is locked"), "{}", ran.err);
        assert!(!ran.err.contains(KEY) && !ran.out.contains(KEY), "{}", ran.err);
    }
    assert!(model.requests().is_empty());
}

#[test]
fn a_project_s_command_runs_only_while_it_is_trusted() {
    let (model, world) = (model(), World::with(&[("a.txt", "a\n")]));
    let config = |key: &str| {
        let url = model.url();
        format!("[providers.gemini]\nbase_url = \"{url}\"\nkey_command = \"echo ran >> ../runs; echo {key}\"\n")
    };
    world.write(".retort/config.toml", config(KEY));
    let ran = world.rt(&["--model", "flash", "-m", "hi"]).code(1);
    assert!(ran.err.contains("providers.gemini.key_command") && ran.err.contains("rt trust"), "{}", ran.err);
    world.rt(&["trust", "-y"]).ok();
    world.rt(&["--model", "flash", "-m", "hi"]).ok();
    assert_eq!(sent(&model), KEY);
    world.write(".retort/config.toml", config("another-key-not-real"));
    world.rt(&["--model", "flash", "-m", "hi"]).code(1);
    assert_eq!(std::fs::read_to_string(world.top().join("runs")).expect("it ran"), "ran\n");
    assert_eq!(model.requests().len(), 1);
}

#[test]
fn a_key_is_kept_used_and_forgotten() {
    let model = model();
    let world = world(&model);
    let before = world.rt(&["--model", "flash", "-m", "hi"]).code(1);
    assert!(before.err.contains("rt model login gemini"), "{}", before.err);
    let ran = world.rt_with(&["model", "login", "gemini"], format!("{KEY}\n").as_bytes(), &[]).ok();
    assert!(ran.out.contains("the key of gemini is kept in") && ran.err.contains("rt model test gemini"), "{}{}", ran.out, ran.err);
    assert_eq!((mode(file(&world)), mode(world.top().join("home/.retort"))), (0o600, 0o700));
    let ran = world.rt(&["-m", &format!("use {KEY}")]).ok();
    assert_eq!(sent(&model), KEY);
    assert!(ran.err.contains("gemini/flash (credentials)") && !holds(&model.requests()[0].body, KEY), "{}", ran.err);
    nowhere(&world);
    assert!(world.rt(&["doctor"]).ok().out.contains("gemini has a key that rt model login keeps"));
    // A command and a variable come first; the user is told.
    let command = [(COMMAND, "echo a-key-of-the-command")];
    let ran = world.rt_with(&["model", "login", "gemini"], KEY.as_bytes(), &command).ok();
    assert!(ran.err.contains("key_command is set"), "{}", ran.err);
    world.rt_with(&["-n", "-m", "hi"], b"", &command).ok();
    assert_eq!(sent(&model), "a-key-of-the-command");
    let ran = world.rt(&["model", "login", "gemini", "--remove"]).ok();
    assert!(ran.out.contains("no longer in"), "{}", ran.out);
    assert!(!holds(&std::fs::read(file(&world)).expect("there"), KEY));
    world.rt(&["-n", "-m", "hi"]).code(1);
    world.rt(&["model", "login", "gemini", "--remove"]).code(1);
}

#[test]
fn what_is_no_key_or_has_no_place_is_not_kept() {
    let model = model();
    let world = world(&model);
    let inputs = [("", "gave nothing"), (" \n", "gave nothing"), ("one\ntwo\n", "more than one line"), ("a key\n", "white space")];
    for (input, said) in inputs {
        let ran = world.rt_with(&["model", "login", "gemini"], input.as_bytes(), &[]).code(1);
        assert!(ran.err.contains(said) && ran.err.contains("nothing is kept"), "{}", ran.err);
    }
    for (provider, said) in [("gemeni", "there is no provider"), ("claude-code", "its own way to log in")] {
        let ran = world.rt_with(&["model", "login", provider], KEY.as_bytes(), &[]).code(1);
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    assert!(!file(&world).exists());
}

#[test]
fn keys_that_others_may_read_are_not_used_until_that_is_mended() {
    let model = model();
    let world = world(&model);
    world.rt_with(&["model", "login", "gemini"], KEY.as_bytes(), &[]).ok();
    std::fs::set_permissions(file(&world), std::fs::Permissions::from_mode(0o644)).expect("set");
    let ran = world.rt(&["-m", "hi"]).code(1);
    assert!(ran.err.contains("others may read it") && ran.err.contains("chmod 600"), "{}", ran.err);
    let ran = world.rt_with(&["model", "login", "gemini"], KEY.as_bytes(), &[]).ok();
    assert!(ran.err.contains("others could read"), "{}", ran.err);
    assert_eq!(mode(file(&world)), 0o600);
    world.rt(&["-m", "hi"]).ok();
    let elsewhere = world.top().join("elsewhere");
    std::fs::rename(file(&world), &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, file(&world)).expect("linked");
    world.rt(&["-m", "hi"]).code(1);
    world.rt_with(&["model", "login", "gemini"], b"another-key-not-real", &[]).code(1);
    assert!(holds(&std::fs::read(&elsewhere).expect("there"), KEY), "nothing is written through a link");
}

#[test]
fn on_a_terminal_the_key_is_asked_for_and_not_shown() {
    let model = model();
    let world = world(&model);
    let prompt = "(it is not shown):";
    let ran = world.tty_after(&["model", "login", "gemini"], prompt, format!("wrong\x15{KEY}x\x7f\nn\n").as_bytes());
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(!ran.out.contains(KEY) && !ran.out.contains("wrong") && ran.out.contains("kept in"), "{}", ran.out);
    assert!(holds(&std::fs::read(file(&world)).expect("there"), &format!("\"{KEY}\"")));
    assert!(model.requests().is_empty(), "it was offered and not wanted");
    let ran = world.tty_after(&["model", "login", "gemini"], prompt, b"half\x03");
    assert_eq!(ran.code, Some(130), "{}", ran.out);
    assert!(ran.out.contains("nothing is kept") && !ran.out.contains("half"), "{}", ran.out);
    let ran = world.tty_after(&["model", "login", "gemini"], prompt, format!("{KEY}\ny\n").as_bytes());
    assert!(ran.out.contains("key accepted") && !ran.out.contains(KEY), "{}", ran.out);
    assert_eq!(sent(&model), KEY);
}
