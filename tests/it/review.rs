//! `--review`: each change is looked at on a terminal before it is written.

use super::support::fake_model::FakeModel;
use super::support::world::{World, edit};

const LINES: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n";

fn answer() -> String {
    edit("a.txt", "2\n", "TWO\n") + &edit("a.txt", "12\n", "TWELVE\n")
}

fn world(answers: &[String]) -> (World, FakeModel) {
    let server = FakeModel::saying(answers);
    let world = World::with(&[("a.txt", LINES), ("old.txt", "old\n")]).gemini(&server.url());
    (world, server)
}

const ASK: [&str; 4] = ["-n", "-m", "Change a.txt and old.txt", "--review"];

#[test]
fn what_is_taken_lands_and_what_is_not_does_not() {
    let (world, server) = world(&[answer()]);
    // A line of the user's own beside what is taken.
    world.write("a.txt", LINES.replace("14\n", "mine\n"));
    let ran = world.tty(&ASK, b"y\nn\n");
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(ran.out.contains("(1/2) Take this change [y,n,e,a,q,?]?"), "{}", ran.out);
    assert!(ran.out.contains("\u{1b}[31m-2\u{1b}[0m") && ran.out.contains("\u{1b}[32m+TWO\u{1b}[0m"), "{}", ran.out);
    assert!(ran.out.contains("1 change taken, 1 left out"), "{}", ran.out);
    assert_eq!(world.read("a.txt"), LINES.replace("2\n3", "TWO\n3").replace("14\n", "mine\n"));
    assert_eq!(world.git(&["show", "HEAD:a.txt"]), LINES.replace("2\n3", "TWO\n3"));
    assert_eq!(server.requests().len(), 1, "without a reason the model is not asked");
    let shown = world.rt(&["show"]).ok().out;
    assert!(shown.contains("left out  a.txt\n") && shown.contains("  +TWELVE\n"), "{shown}");
    let _ = world.rt(&["undo"]).ok();
    assert_eq!(world.read("a.txt"), LINES.replace("14\n", "mine\n"));
}

#[test]
fn a_reason_goes_back_to_the_model_once_the_rest_is_written() {
    let (world, server) = world(&[answer(), edit("a.txt", "12\n", "twelve\n")]);
    let ran = world.tty(&ASK, b"y\nn in small letters, please\ny\n");
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert_eq!(world.read("a.txt"), LINES.replace("2\n3", "TWO\n3").replace("12\n", "twelve\n"));
    let asked = server.requests()[1].text();
    assert!(asked.contains("a.txt: in small letters, please") && asked.contains("+TWELVE"), "{asked}");
    assert!(asked.contains("The others were written"), "{asked}");
    assert_eq!(world.git(&["log", "--format=%s"]).lines().count(), 3);
}

#[test]
fn a_reason_for_refusing_all_goes_back_too() {
    let (world, server) = world(&[answer(), "Then nothing.\n".to_owned()]);
    let ran = world.tty(&ASK, b"n why?\nq\n");
    assert_eq!((ran.code, world.read("a.txt").as_str()), (Some(0), LINES), "{}", ran.out);
    assert!(server.requests()[1].text().contains("Nothing was written"), "{}", server.requests()[1].text());
}

#[test]
fn lines_can_be_written_otherwise_in_the_editor() {
    let (mut world, _server) = world(&[answer()]);
    world.set("EDITOR", "sed -i s/TWO/zwei/");
    let ran = world.tty(&ASK, b"?\ne\ne\ny\ny\n");
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(ran.out.contains("e  edit the new lines in your editor"), "{}", ran.out);
    // What was written is shown before it is asked about, and the second time the editor changes nothing of it.
    let (_, again) = ran.out.split_once("(as you wrote it)").expect("the change is shown again");
    let question = |text: &str| text.find("(1/2) Take this change").expect("a question");
    assert!(again.find("+zwei").is_some_and(|at| at < question(again)), "{}", ran.out);
    assert!(again[question(again)..].contains("it was not changed"), "{}", ran.out);
    let want = LINES.replace("2\n3", "zwei\n3").replace("12\n", "TWELVE\n");
    assert_eq!((world.read("a.txt"), world.git(&["show", "HEAD:a.txt"])), (want.clone(), want));
    assert_eq!(world.rt(&["show", "--json"]).ok().json()[0]["events"][0]["fields"]["edited"], "1");
}

#[test]
fn lines_written_in_the_editor_can_still_be_refused() {
    let (mut world, server) = world(&[answer(), "Then nothing.\n".to_owned()]);
    world.set("EDITOR", "sed -i s/TWO/zwei/");
    let ran = world.tty(&ASK, b"e\nn in English\nn\n");
    assert_eq!((ran.code, world.read("a.txt").as_str()), (Some(0), LINES), "{}", ran.out);
    // The model hears of what it wrote itself.
    let asked = server.requests()[1].text();
    assert!(asked.contains("a.txt: in English") && asked.contains("+TWO") && !asked.contains("zwei"), "{asked}");
}

#[test]
fn what_is_broken_by_hand_is_said() {
    let server = FakeModel::saying(&[edit("a.rs", "fn a() {}\n", "fn b() {}\n")]);
    let mut world = World::with(&[("a.rs", "fn a() {}\n")]).gemini(&server.url());
    world.set("EDITOR", "sed -i s/}//");
    let ran = world.tty(&["-n", "-m", "Rename a in a.rs", "--review"], b"e\ny\n");
    assert!(ran.code == Some(0) && ran.out.contains(" a.rs:1:8 does not parse"), "{}", ran.out);
    assert!(world.rt(&["show"]).ok().out.contains("syntax    a.rs:1:8"));
    // Nothing is said of what was left out.
    let server = FakeModel::saying(&[edit("a.rs", "fn b() {}\n", "fn c() {\n"), "So be it.".to_owned()]);
    let world = World::with(&[("a.rs", "fn b() {}\n")]).gemini(&server.url());
    let ran = world.tty(&["-n", "-m", "Change a.rs", "--review"], b"n\n");
    assert!(ran.out.contains("this `{` is never closed") && !ran.out.contains("1:8 does not parse"), "{}", ran.out);
}

#[test]
fn all_the_rest_none_of_it_and_the_end_of_the_input() {
    let all = answer() + &edit("new/b.txt", "", "new\n") + "=== DELETE: old.txt ===\n";
    for (typed, a, new, old) in [
        (&b"n\na\n"[..], LINES.replace("12\n", "TWELVE\n"), true, false),
        (b"y\nq\n", LINES.replace("2\n3", "TWO\n3"), false, true),
        (b"\x04", LINES.to_owned(), false, true),
        (b"n\nn\ny\nn\n", LINES.to_owned(), true, true),
        (b"n\nn\nn\nx\ny\n", LINES.to_owned(), false, false),
    ] {
        let (world, _server) = world(std::slice::from_ref(&all));
        let ran = world.tty(&ASK, typed);
        assert_eq!(ran.code, Some(0), "{}", ran.out);
        assert_eq!((world.read("a.txt"), world.exists("new/b.txt"), world.exists("old.txt")), (a, new, old), "{}", ran.out);
        assert_eq!(world.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn an_answer_from_a_file_is_looked_at_too() {
    let (world, _server) = world(&[]);
    world.write("../answer.md", answer());
    let ran = world.tty(&["apply", "../answer.md", "--review"], b"n\ny\n");
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert_eq!(world.git(&["show", "HEAD:a.txt"]), LINES.replace("12\n", "TWELVE\n"));
    assert!(world.rt(&["show"]).ok().out.contains("left out  a.txt"));
    world.write("../answer.md", edit("a.txt", "7\n", "SEVEN\n"));
    let ran = world.tty(&["apply", "../answer.md", "--review"], b"q\n");
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(ran.out.contains("every change was left out; nothing is written") && !ran.out.contains("no edits"), "{}", ran.out);
    assert_eq!(world.read("a.txt"), LINES.replace("12\n", "TWELVE\n"));
}

#[test]
fn without_a_terminal_it_is_a_usage_error_and_nothing_is_sent() {
    let (world, server) = world(&[answer()]);
    let ran = world.rt(&ASK).code(2);
    assert!(ran.err.contains("--review asks at a terminal") && ran.err.contains("hint:"), "{}", ran.err);
    assert_eq!(server.requests().len(), 0);
    let _ = world.rt_with(&["apply", "--review"], answer().as_bytes(), &[]).code(2);
    assert_eq!(world.read("a.txt"), LINES);
}

#[test]
fn what_changed_while_it_was_looked_at_is_not_written_over() {
    let (mut world, _server) = world(&[answer()]);
    // The editor of the first change is the user at work in the file itself.
    world.set("EDITOR", "f() { echo ZWEI > \"$1\"; echo mine > a.txt; }; f");
    let ran = world.tty(&ASK, b"e\ny\ny\n");
    assert_eq!((ran.code, world.read("a.txt").as_str()), (Some(5), "mine\n"), "{}", ran.out);
}

#[test]
fn an_interrupt_ends_the_look_and_nothing_is_written() {
    let (mut world, _server) = world(&[answer()]);
    // As Ctrl-C at the question that follows, which nobody answers.
    world.set("EDITOR", "f() { echo x >> \"$1\"; kill -INT $PPID; }; f");
    let ran = world.tty(&ASK, b"e\n");
    assert_eq!((ran.code, world.read("a.txt").as_str()), (Some(130), LINES), "{}", ran.out);
    assert_eq!(world.rt(&["show", "--json"]).ok().json()[0]["outcome"], "interrupted");
}

#[test]
fn yes_and_review_do_not_go_together() {
    let (world, server) = world(&[answer()]);
    let ran = world.tty(&["-y", "-m", "Change a.txt", "--review"], b"");
    assert!(ran.code == Some(2) && ran.out.contains("leave one of them out"), "{}", ran.out);
    assert!(server.requests().is_empty());
}
