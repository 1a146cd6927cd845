//! What was sent is what is shown, byte for byte, for every turn there is.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::fake_model::{FakeModel, Received};
use crate::support::world::{World, edit};

/// The turns of a world in the order in which they were made.
fn turns(world: &World) -> Vec<Value> {
    let mut rows = world.rt(&["log", "--all", "--json"]).ok().json();
    rows.retain(|row| !row["request"].is_null());
    rows.sort_by_key(|row| row["start"].as_str().unwrap_or_default().to_owned());
    rows
}

#[test]
fn every_turn_shows_the_bytes_that_the_server_received() {
    let change = |from: usize| edit("count.txt", &format!("{from}\n"), &format!("{}\n", from + 1));
    let mut answers: Vec<String> = vec![change(0), "Only words: \"quotes\", \\ and ☂ and\ttabs.".to_owned()];
    // The third message takes two turns.
    answers.extend([edit("count.txt", "not there\n", "x\n"), change(1)]);
    answers.extend((2..8).map(change));
    answers.push("The last of ten.".to_owned());
    answers.extend(["On a fork.".to_owned(), "After an undo.".to_owned(), "And on.".to_owned()]);
    let model = FakeModel::saying(&answers);
    let world =
        World::with(&[("count.txt", "0\n"), ("AGENTS.md", "Be brief.\n"), ("seen.txt", "as it was\n")]).gemini(&model.url());

    world.rt(&["-n", "-m", "turn one of count.txt, with seen.txt"]).ok();
    world.rt(&["session", "rename", "ten"]).ok();
    for n in 2..=10 {
        if n == 5 {
            world.write("seen.txt", "changed by hand\n");
        }
        let text = format!("turn {n}: go on \"quoted\" with \u{1f980} \u{7} and \\n");
        world.rt_with(&["-c", "-m", &text], if n == 6 { b"piped in\n" } else { b"" }, &[]).ok();
    }
    world.rt(&["-s", "ten/3", "-m", "a fork"]).ok();
    world.rt(&["session", "resume", "ten"]).ok();
    world.rt(&["undo"]).ok();
    world.rt(&["-c", "-m", "instead of the tenth"]).ok();
    world.rt(&["-c", "-m", "and on"]).ok();

    let received = model.requests();
    assert_eq!(received.len(), 14, "ten messages, one reflection, a fork, two after the undo");
    let turns = turns(&world);
    assert_eq!(turns.len(), received.len());
    let mut sent: BTreeMap<String, &[u8]> = BTreeMap::new();
    for (turn, request) in turns.iter().zip(&received) {
        let key = turn["turn"].as_str().expect("a key");
        let shown = world.rt(&["show", key, "--prompt"]).ok();
        assert_eq!(String::from_utf8_lossy(&shown.raw), request.text(), "turn {key}");
        assert_eq!(shown.raw, request.body, "turn {key}");
        sent.insert(turn["id"].as_str().expect("an id").to_owned(), &request.body);
    }

    // Each request is the one before it with something behind.
    for turn in &turns {
        let id = turn["id"].as_str().expect("an id");
        let parent = world.git(&["rev-list", "--parents", "-1", id]).split_whitespace().nth(1).map(str::to_owned);
        let Some(parent) = parent else { continue };
        let before = sent[&parent].strip_suffix(b"]}").expect("closing brackets");
        assert!(sent[id].starts_with(before), "{id} does not go on from {parent}");
        assert!(sent[id].len() > before.len());
    }
    let texts: Vec<String> = received.iter().map(Received::text).collect();
    assert_eq!(texts[5].matches("changed by hand").count(), 1, "a changed file is sent again");
    assert_eq!(texts[12].matches("changed by hand").count(), 1, "and only then");
    assert!(texts[6].contains("piped in"));
    assert!(!texts[11].contains("turn 5") && texts[11].contains("a fork"), "the fork knows nothing of what came later");
    assert!(!texts[12].contains("turn 10") && texts[12].contains("instead of the tenth"));
    assert_eq!(world.try_git(&["fsck", "--strict"], b"").code, Some(0));
}

#[test]
fn the_prompt_that_is_shown_first_is_the_one_that_is_sent() {
    let model = FakeModel::saying(&["Yes.", "Again."]);
    let world = World::with(&[("a.txt", "a\n"), ("b.txt", "b\n")]).gemini(&model.url());
    for line in [&["-m", "what is in a.txt"][..], &["-c", "-m", "and this?", "--read", "b.txt"]] {
        let shown = world.rt_with(&[line, &["--show-prompt"]].concat(), b"piped\n", &[]).ok();
        let asked = model.requests().len();
        world.rt_with(line, b"piped\n", &[]).ok();
        let received = model.requests();
        assert_eq!(received.len(), asked + 1, "showing sends nothing");
        assert_eq!(shown.raw, received[asked].body);
    }
    assert_eq!(world.rt(&["log", "--json"]).ok().json().len(), 2, "showing records nothing");
}
