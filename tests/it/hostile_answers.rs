//! Answers that are too much: of bytes, of edits, of work. And answers, names, hooks and errors with commands for a terminal.

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{Ran, World, edit, holds};

fn apply(world: &World, answer: &str) -> Ran {
    world.rt_with(&["apply"], answer.as_bytes(), &[])
}

fn block(search: &str, replace: &str) -> String {
    format!("<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n")
}

#[test]
fn fifty_megabytes_are_taken_exactly() {
    let world = World::with(&[("a.txt", "one\n")]);
    let line = "0123456789abcdefghijklmnopqrstuvwxyz and the rest of a line of text\n";
    let text = line.repeat((50 << 20) / line.len());
    let answer = format!("=== FILE: big.txt ===\n```\n{text}```\n");
    let _ = apply(&world, &answer).ok();
    assert!(world.read("big.txt") == text, "byte for byte");
    assert!(world.rt(&["show", "--answer"]).ok().out == answer, "and the answer too");
    let _ = world.rt(&["undo"]).ok();
    assert!(!world.exists("big.txt"));
    let text = line.repeat((5 << 20) / line.len());
    let answer = format!("=== FILE: big.txt ===\n```\n{text}```\n");
    let model = FakeModel::script(vec![Reply::gemini(&answer, 5000)]);
    let world = world.gemini(&model.url());
    let ran = world.rt(&["-n", "-m", "write it"]).ok();
    assert!(world.read("big.txt") == text && ran.out == answer);
}

#[test]
fn a_file_that_is_all_new_is_compared_in_sensible_time() {
    let lines = |tag: &str| (0..300_000).map(|n| format!("{tag} {n}\n")).collect::<Vec<_>>().concat();
    let (old, new) = (lines("old"), lines("new"));
    let world = World::with(&[("a.txt", &old)]);
    let _ = apply(&world, &format!("=== FILE: a.txt ===\n```\n{new}```\n")).ok();
    assert!(world.read("a.txt") == new);
    assert!(world.rt(&["diff"]).ok().out.contains("+new 299999"));
    let _ = world.rt(&["undo"]).ok();
    assert!(world.read("a.txt") == old);
}

#[test]
fn a_million_edits_are_refused_as_such() {
    let world = World::with(&[("a.txt", "x\n"), ("b.txt", "b\n")]);
    let toggles = [block("x\n", "y\n"), block("y\n", "x\n")].concat();
    let answer = format!("b.txt\n{}a.txt\n{}", block("b\n", "B\n"), toggles.repeat(500_000));
    let ran = apply(&world, &answer).code(5);
    assert!(ran.err.contains("more than 50,000 edits"), "{}", ran.err);
    assert_eq!((world.read("a.txt").as_str(), world.read("b.txt").as_str()), ("x\n", "b\n"));
    assert!(ran.err.lines().count() < 30, "{}", ran.err);
    let _ = world.rt(&["retry", "--partial"]).ok();
    assert_eq!(world.read("b.txt"), "B\n", "what was read can be taken");
}

#[test]
fn two_thousand_edits_are_made() {
    let lines = (0..2_000).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat();
    let world = World::with(&[("a.txt", &lines)]);
    let edits = (0..2_000).map(|n| block(&format!("line {n}\n"), &format!("LINE {n}\n"))).collect::<Vec<_>>().concat();
    let _ = apply(&world, &format!("a.txt\n{edits}")).ok();
    assert_eq!(world.read("a.txt"), lines.to_uppercase());
}

#[test]
fn edits_that_never_fit_a_large_file_end() {
    let lines = (0..100_000).map(|n| format!("a line of some length with the number {n}\n")).collect::<Vec<_>>().concat();
    let world = World::with(&[("a.txt", &lines)]);
    let edits =
        (0..3_000).map(|n| block(&format!("a line of some length with no number {n}\n"), "x\n")).collect::<Vec<_>>().concat();
    let ran = apply(&world, &format!("a.txt\n{edits}")).code(5);
    assert!(ran.err.lines().filter(|l| l.contains("does not fit")).count() == 21, "20 and a count: {}", ran.err);
    let shown = world.rt(&["show", "--json"]).ok().json();
    let rejects = shown[0]["edits"]["rejects"].as_array().expect("rejects");
    assert_eq!(rejects.len(), 3_000, "all are kept");
    assert!(rejects[2_999]["reason"].as_str().is_some_and(|why| why.contains("so often that the rest of its edits was not tried")));
}

#[test]
fn many_edits_that_do_not_fit_go_back_as_some_and_a_count() {
    let edits = (0..3_000).map(|n| edit("a.txt", &format!("none {n}\n"), "x\n")).collect::<Vec<_>>().concat();
    let model = FakeModel::saying(&[edits, "Then not.".to_owned()]);
    let world = World::with(&[("a.txt", "x\n")]).gemini(&model.url());
    let _ = world.rt(&["-m", "change a.txt"]).ok();
    let first = model.requests()[0].body.len();
    let second = model.requests()[1].text();
    assert!(second.contains("2900 more edits did not fit"), "the rest is counted");
    let answer = 3_000 * 120;
    assert!(second.len() < first + 2 * answer, "{} bytes", second.len());
}

#[test]
fn many_files_and_many_fences_end() {
    let world = World::with(&[("a.txt", "x\n")]);
    let mut answer =
        (0..2_000).map(|n| format!("=== FILE: d{}/f{n}.txt ===\n````\n{n}\n````\n\n", n % 7)).collect::<Vec<_>>().concat();
    answer.push_str(&"```\n\n".repeat(200_000));
    let _ = apply(&world, &answer).ok();
    assert_eq!(world.read("d4/f1999.txt").trim(), "1999");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    let _ = world.rt(&["undo"]).ok();
    assert!(!world.exists("d4"));
}

/// Commands for a terminal: title, colour, cursor, clipboard, hyperlink, C1, and text that runs the other way.
const EVIL: &str =
    "\u{1b}]0;owned\u{7}\u{1b}[31mred\u{1b}[2J\u{1b}]52;c;eA==\u{7}\u{1b}]8;;http://x\u{7}\u{9b}31m\u{9d}x\u{202e}neddih\u{8}\r";

/// Whether nothing of [`EVIL`] would be obeyed. The terminal itself writes a carriage return before each newline.
fn harmless(ran: &Ran) -> bool {
    let text = ran.out.replace("\r\n", "\n");
    !text
        .chars()
        .any(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

#[test]
fn nothing_foreign_is_obeyed_by_a_terminal_and_all_of_it_is_kept() {
    let told =
        format!("Look: {EVIL} done.\n\n=== COMMIT: evil {EVIL}words ===\n{}", edit("a.txt", "one\n", &format!("1 {EVIL}.\n")));
    let misfit = edit("a.txt", &format!("not {EVIL} there\n"), "x\n");
    let error = format!("{{\"error\":{{\"code\":400,\"message\":\"bad \\u001b]0;owned\\u0007 \\u009b31m {}\"}}}}", '\u{202e}');
    let model = FakeModel::script(vec![Reply::gemini(&told, 9), Reply::gemini(&misfit, 3), Reply::error(400, &error)]);
    let mut world = World::with(&[("a.txt", "one\n"), ("b.txt", "b\n")]).gemini(&model.url());
    world.set("NO_COLOR", "1");
    world.set("TERM", "dumb");
    let evil_name = "x\u{1b}[31m\u{9b}y.txt";
    world.write(evil_name, "e\n");
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "names"]);
    let message = format!("change a.txt {EVIL}");
    let ran = world.tty(&["-m", &message, "--file", evil_name], b"");
    assert_eq!(ran.code, Some(0), "{:?}", ran.out);
    assert!(harmless(&ran) && ran.out.contains("\\u{1b}"), "made visible: {:?}", ran.out);
    // Exact where bytes are asked for, and in the store.
    assert!(world.rt(&["show", "--answer"]).ok().raw == told.as_bytes());
    assert!(holds(&world.all_objects(), EVIL));
    assert_eq!(world.read("a.txt"), format!("1 {EVIL}.\n"));
    let subject = world.git(&["log", "-1", "--format=%s"]);
    assert!(subject.starts_with("evil ") && !subject.trim_end().contains(char::is_control), "{subject:?}");
    for command in [
        &["log"][..],
        &["log", "--stat"],
        &["log", "--json"],
        &["log", "--search", "done"],
        &["show"],
        &["show", "--json"],
        &["show", "--answer"],
        &["show", "--raw"],
        &["show", "--prompt"],
        &["status"],
        &["status", "--json"],
        &["diff"],
        &["files"],
        &["session", "list"],
        &["prompt", "show", "look at a.txt"],
        &["debug", "turn"],
        &["config", "show"],
    ] {
        let ran = world.tty(command, b"");
        assert!(ran.code == Some(0) && harmless(&ran), "{command:?}: {:?}", ran.out);
    }
    let ran = world.tty(&["--config", "check.max_reflections=0", "-n", "-m", "again a.txt"], b"");
    assert!(ran.code == Some(5) && harmless(&ran), "{:?}", ran.out);
    let ran = world.tty(&["-n", "-m", "and again"], b"");
    assert!(ran.code == Some(4) && harmless(&ran) && ran.out.contains("bad "), "{:?}", ran.out);
    world.hook("pre-commit", "printf '\\033]0;owned\\007\\302\\2330m refused \\342\\200\\256' >&2; exit 1");
    let own = world.top().join("answer.md");
    std::fs::write(&own, edit("b.txt", "b\n", "B\n")).expect("written");
    let ran = world.tty(&["apply", &own.display().to_string()], b"");
    assert!(ran.code == Some(5) && ran.out.contains("refused") && harmless(&ran), "{:?}", ran.out);
    let ran = world.tty(&["show"], b"");
    assert!(ran.out.contains("refused") && harmless(&ran), "{:?}", ran.out);
}

#[test]
fn a_prompt_that_a_person_is_to_paste_is_harmless_on_the_terminal() {
    let mut world = World::with(&[("a.txt", &format!("one {EVIL}\n"))]);
    world.set("NO_COLOR", "1");
    world.set("TERM", "dumb");
    let ran = world.tty(&["-m", "look at a.txt", "--model", "manual"], b"Nothing to do.\n.\n");
    assert!(ran.code == Some(0) && ran.out.contains("copy from here") && harmless(&ran), "{:?}", ran.out);
}
