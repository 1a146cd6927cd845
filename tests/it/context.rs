//! What goes along with a message: pictures, options, and a session that has become too long.

use serde_json::Value;

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{World, edit, steady};

/// A picture of one pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";

/// The user's own word about the models of these tests.
fn knows(world: &World, model: &str, json: &str) {
    let home = world.top().join("home/.retort");
    std::fs::create_dir_all(&home).expect("made");
    std::fs::write(home.join("models.json"), format!("{{\"models\": {{\"{model}\": {json}}}}}")).expect("written");
}

fn body(request: &crate::support::fake_model::Received) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

#[test]
fn a_picture_goes_along_as_it_is_and_only_once() {
    let model = FakeModel::saying(&["It is blue.", "Still blue.", "Red now."]);
    let world = World::new().gemini(&model.url());
    world.write("shot.png", PNG);
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "first"]);
    world.rt(&["-n", "-m", "which colour has shot.png?"]).ok();
    let show = world.rt(&["show", "--prompt"]).ok();
    assert_eq!(show.raw, model.requests()[0].body);
    let parts = &body(&model.requests()[0])["contents"][0]["parts"];
    let at = parts.as_array().expect("parts").iter().position(|part| part["inlineData"].is_object()).expect("a picture");
    assert_eq!(parts[at]["inlineData"]["mimeType"], "image/png");
    assert_eq!(parts[at]["inlineData"]["data"], "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAA=");
    assert!(parts[at - 1]["text"].as_str().is_some_and(|text| text.starts_with("The picture shot.png")), "{parts}");

    world.rt(&["-c", "-m", "sure?"]).ok();
    assert_eq!(model.requests()[1].text().matches("inlineData").count(), 1, "it was shown already");
    world.write("shot.png", [PNG, b"more"].concat());
    world.rt(&["-c", "-m", "and now?"]).ok();
    assert_eq!(model.requests()[2].text().matches("inlineData").count(), 2);
    assert!(model.requests()[2].text().contains("earlier copies are out of date"));
    world.rt(&["fsck"]).ok();
}

#[test]
fn a_model_that_takes_no_pictures_is_not_sent_one() {
    let model = FakeModel::saying(&["never"]);
    let world = World::new().gemini(&model.url());
    world.write("shot.png", PNG);
    knows(&world, "gemini/blind", "{\"window\": 100000}");
    let ran = world.rt(&["-m", "what is it?", "--read", "shot.png", "--model", "gemini/blind"]).code(1);
    assert!(ran.err.contains("blind cannot be shown shot.png: it takes no such files"), "{}", ran.err);
    assert!(model.requests().is_empty());
}

#[test]
fn options_are_sent_said_and_recorded() {
    let model = FakeModel::saying(&["one", "two"]);
    let world = World::with(&[("a.txt", "a\n")]).gemini(&model.url());
    knows(&world, "gemini/own", "{\"refuses\": [\"top_k\"], \"efforts\": [\"low\", \"high\"]}");
    let line = ["-m", "hi", "--model", "gemini/own", "--temperature", "0.70", "--top-k", "7", "--mirostat", "2", "--effort", "max"];
    let ran = world.rt(&line).ok();
    let config = body(&model.requests()[0])["generationConfig"].clone();
    assert_eq!(config, serde_json::json!({ "temperature": 0.7 }));
    assert!(model.requests()[0].text().contains("\"temperature\":0.70"), "as it was written");
    for said in [
        "mirostat is left out: gemini has no such option",
        "top_k is left out: own does not take it",
        "effort is left out: own takes low, high",
    ] {
        assert_eq!(ran.err.matches(said).count(), 1, "{said}\n{}", ran.err);
    }
    let shown = world.rt(&["show", "--json"]).ok();
    assert_eq!(shown.out.matches("option-left-out").count(), 3, "{}", shown.out);

    world.rt(&["session", "set", "sampling.seed", "11"]).ok();
    world.rt(&["-c", "-m", "again"]).ok();
    assert_eq!(body(&model.requests()[1])["generationConfig"], serde_json::json!({ "seed": 11 }));
    let wrong = world.rt(&["-m", "hi", "--temperature", "warm"]).code(1);
    assert!(wrong.err.contains("sampling.temperature") && wrong.err.contains("a number from 0 to 10"), "{}", wrong.err);
}

#[test]
fn a_session_that_is_too_long_is_summed_up_in_a_turn_that_can_be_seen() {
    let long = "It is a long story. ".repeat(1200);
    let model = FakeModel::answering(move |request| {
        let text = request.text();
        if text.contains("You sum up conversations") {
            Reply::gemini("Goal: a story about a whale, never a shark.", 3)
        } else if text.contains("the last chapter") {
            Reply::gemini(&edit("story.txt", "begin\n", "end\n"), 3)
        } else {
            Reply::gemini(&long, 3)
        }
    });
    let world = World::with(&[("story.txt", "begin\n")]).gemini(&model.url());
    knows(&world, "gemini/small", "{\"window\": 20000}");
    let ask = |words: &str| world.rt(&["-c", "-m", words, "--model", "gemini/small"]);
    world.rt(&["-n", "-m", "tell me of a whale, story.txt", "--model", "gemini/small"]).ok();
    let before = ask("go on").ok();
    assert!(!before.err.contains("sums the session up"), "{}", before.err);
    let ran = ask("write the last chapter").ok();
    assert!(ran.err.contains("gemini/small sums the session up, so that it has room to go on"), "{}", steady(&ran.err));
    assert_eq!(world.read("story.txt"), "end\n");

    let requests = model.requests();
    assert_eq!(requests.len(), 4);
    let (summary, last) = (requests[2].text(), requests[3].text());
    assert!(
        summary.contains("tell me of a whale") && summary.contains("[story.txt was shown]") && summary.contains("a long story")
    );
    assert!(last.contains("never a shark") && !last.contains("a long story"), "{last}");
    // The rules stay, and the file is shown anew.
    let system = |at: usize| body(&requests[at])["systemInstruction"].clone();
    assert_eq!(system(3), system(0));
    assert!(last.contains("File for editing") && last.contains("begin"));

    let log = world.rt(&["log"]).ok();
    assert!(log.out.contains("summary of the conversation so far"), "{}", log.out);
    // What was said before is still there, and so is every byte that was sent.
    assert!(world.rt(&["show", "@~2"]).ok().out.contains("a long story"));
    assert_eq!(world.rt(&["show", "@~1", "--prompt"]).ok().raw, requests[2].body);
    world.rt(&["fsck"]).ok();
    world.rt(&["undo"]).ok();
    assert_eq!(world.read("story.txt"), "begin\n");
}

#[test]
fn a_summary_that_fails_changes_nothing() {
    let model = FakeModel::script(vec![
        Reply::gemini("One.", 1),
        Reply::error(400, "{\"error\":{\"message\":\"no\"}}"),
        Reply::gemini("Two.", 1),
        Reply::gemini("Goal: count.", 1),
        Reply::gemini("Three.", 1),
    ]);
    let world = World::with(&[("a.txt", "a\n")]).gemini(&model.url());
    let nothing = world.rt(&["session", "compact"]).code(1);
    assert!(nothing.err.contains("there is no conversation yet"), "{}", nothing.err);
    world.rt(&["-n", "-m", "count to one"]).ok();
    world.rt(&["session", "compact"]).code(4);
    world.rt(&["-c", "-m", "to two"]).ok();
    assert!(model.requests()[2].text().contains("count to one"), "the conversation is as it was");
    let summed = world.rt(&["session", "compact"]).ok();
    assert_eq!(summed.out, "Goal: count.\n");
    world.rt(&["-c", "-m", "to three"]).ok();
    let last = model.requests()[4].text();
    assert!(last.contains("Goal: count.") && !last.contains("count to one"), "{last}");
    let off = world.rt(&["-c", "-m", "more", "--config", "context.compact=off", "--config", "context.history_tokens=1"]).code(1);
    assert!(off.err.contains("more than context.history_tokens allows"), "{}", off.err);
}

#[test]
fn the_provider_counts_when_it_is_asked_to() {
    let model = FakeModel::answering(|request| match request.path.as_str() {
        "/v1beta/models/gemini-flash-latest:countTokens" => {
            Reply::new(200, "application/json", vec![b"{\"totalTokens\": 1234}".to_vec()])
        }
        _ => Reply::error(400, "{\"error\":{\"message\":\"no\"}}"),
    });
    let world = World::with(&[("a.txt", "a\n")]).gemini(&model.url());
    let ran = world.rt(&["prompt", "show", "change a.txt", "--count"]).ok();
    assert!(ran.out.ends_with("gemini counts 1234 tokens\n"), "{}", ran.out);
    let request = &body(&model.requests()[0])["generateContentRequest"];
    assert_eq!(request["model"], "models/gemini-flash-latest");
    assert!(request["contents"][0]["parts"].as_array().is_some_and(|parts| parts.len() > 2));
    let none = world.rt(&["prompt", "show", "--count", "--config", "model.default=echo"]).code(1);
    assert!(none.err.contains("echo does not count tokens"), "{}", none.err);
}

/// Gemini's stream for a text that reaches the length limit.
fn cut(text: &str) -> Reply {
    let end = "\"finishReason\": \"STOP\"";
    let chunks = crate::support::fake_model::gemini_chunks(&[text.to_owned()]);
    let chunks =
        chunks.into_iter().map(|chunk| String::from_utf8(chunk).expect("text").replace(end, "\"finishReason\": \"MAX_TOKENS\""));
    Reply::stream(chunks.map(String::into_bytes).collect())
}

/// Where a model begins anew, as it is told to: the last lines, with 24 characters that are not blank.
fn anew(text: &str) -> &str {
    let starts = text.match_indices('\n').map(|(at, _)| at + 1).rev().chain([0]);
    let enough = |at: &usize| text[*at..].split_whitespace().map(|word| word.chars().count()).sum::<usize>() >= 24;
    &text[starts.into_iter().find(enough).unwrap_or(0)..]
}

#[test]
fn an_answer_that_is_cut_off_goes_on_and_is_written_whole() {
    let (first, second) = (edit("a.txt", "a\n", "one\n"), edit("b.txt", "b\n", "two\nthree\n"));
    let whole = format!("{first}\n{second}");
    let at = whole.find("three").expect("there") + 3;
    let line = |at: usize| at - anew(&whole[..at]).len();
    let pieces = [cut(&whole[..18]), cut(&whole[line(18)..at]), Reply::gemini(&whole[line(at)..], 3)];
    let model = FakeModel::script(pieces.into());
    let world = World::with(&[("a.txt", "a\n"), ("b.txt", "b\n")]).gemini(&model.url());
    let ran = world.rt(&["-m", "change a.txt and b.txt"]).ok();
    assert_eq!((world.read("a.txt").as_str(), world.read("b.txt").as_str()), ("one\n", "two\nthree\n"), "{}", ran.out);
    assert_eq!(ran.err.matches("asking for the rest").count(), 2, "{}", ran.err);
    let last = model.requests()[2].text();
    assert!(last.contains("behind the last of these lines:\\n\\n<<<<<<< SEARCH\\nb\\n=======\\ntwo\\nthr\\n"), "{last}");
    let commits = world.git(&["log", "--oneline"]);
    assert_eq!(commits.lines().count(), 2, "one commit for all of it: {commits}");
    assert!(!world.rt(&["status"]).ok().out.contains("rt retry"));
    world.rt(&["undo"]).ok();
    assert_eq!((world.read("a.txt").as_str(), world.read("b.txt").as_str()), ("a\n", "b\n"));
    world.rt(&["fsck"]).ok();
}

#[test]
fn an_answer_that_is_cut_off_too_often_is_kept_and_not_written() {
    let whole = format!("{}\n{}", edit("a.txt", "a\n", "one\n"), edit("b.txt", "b\n", "two\n"));
    let at = whole.find("b.txt").expect("there");
    let model = FakeModel::script(vec![
        cut(&whole[..30]),
        cut(&whole[30 - anew(&whole[..30]).len()..at]),
        Reply::error(400, "{\"error\":{\"message\":\"no\"}}"),
    ]);
    let world = World::with(&[("a.txt", "a\n"), ("b.txt", "b\n")]).gemini(&model.url());
    let ran = world.rt(&["-m", "change a.txt and b.txt"]).code(4);
    assert!(ran.err.contains("complete edits of 1 file are kept: rt retry"), "{}", ran.err);
    assert_eq!(world.read("a.txt"), "a\n");
    world.rt(&["retry", "--partial"]).ok();
    assert_eq!((world.read("a.txt").as_str(), world.read("b.txt").as_str()), ("one\n", "b\n"));

    let model = FakeModel::script(vec![cut(&whole[..at])]);
    let world = World::with(&[("a.txt", "a\n"), ("b.txt", "b\n")]).gemini(&model.url());
    let ran = world.rt(&["-m", "change a.txt and b.txt", "--config", "model.continuations=0"]).code(4);
    assert!(ran.err.contains("reached the model's length limit"), "{}", ran.err);
    assert_eq!(model.requests().len(), 1);
}

#[test]
fn what_does_not_go_on_where_an_answer_stopped_is_not_put_behind_it() {
    let whole = edit("a.txt", "a\n", "one\ntwo\n");
    let at = whole.find("two").expect("there") + 2;
    let rest = |before: &str| Reply::gemini(&format!("{before} thirds\n>>>>>>> REPLACE\n```\n"), 1);
    let model = FakeModel::script(vec![cut(&whole[..at]), rest(&format!("{}o", anew(&whole[..at])))]);
    let world = World::with(&[("a.txt", "a\n")]).gemini(&model.url());
    world.rt(&["-m", "change a.txt"]).ok();
    assert_eq!(world.read("a.txt"), "one\ntwo thirds\n", "it begins with the line that was cut");
    let model = FakeModel::script(vec![cut(&whole[..at]), Reply::gemini("o thirds\n>>>>>>> REPLACE\n```\n", 1)]);
    let world = World::with(&[("a.txt", "a\n")]).gemini(&model.url());
    let ran = world.rt(&["-m", "change a.txt"]).code(4);
    assert!(ran.err.contains("reached the model's length limit"), "{}", ran.err);
    assert_eq!(world.read("a.txt"), "a\n");
}
