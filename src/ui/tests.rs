//! What is written, captured, with and without colour and terminals.

use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::Style::{Added, Bold, Dim, Hunk, Plain, Removed};
use super::*;
use crate::base::clock::Timestamp;
use crate::base::text::neutralise;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("buffer").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().expect("buffer"))).expect("text")
    }
}

struct Captured {
    ui: Ui,
    out: Buffer,
    err: Buffer,
}

fn ui_with(options: Options, input: &str) -> Captured {
    let (out, err) = (Buffer::default(), Buffer::default());
    let streams = Streams {
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        input: Box::new(Cursor::new(input.to_owned().into_bytes())),
    };
    Captured { ui: Ui::new(options, streams), out, err }
}

const PIPES: Options = Options {
    terminal: Terminal { stdin: false, stdout: false, stderr: false, together: false, erases: false, width: 0 },
    color: ColorChoice::Auto,
    quiet: false,
};
const TERMINAL: Options =
    Options { terminal: Terminal { stdin: true, stdout: true, stderr: true, together: true, erases: true, width: 20 }, ..PIPES };
const GREY_TERMINAL: Options = Options { color: ColorChoice::Never, ..TERMINAL };

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

#[test]
fn colour_only_where_it_belongs() {
    let text = || Text::new().add(Style::Path, "a.rs").plain("  ").add(Style::Good, "");
    let written = |options| {
        let captured = ui_with(options, "");
        captured.ui.line(text()).expect("written");
        captured.ui.status(text());
        (captured.out.take(), captured.err.take())
    };
    let (plain, colored) = ("a.rs  \n".to_owned(), "\u{1b}[34ma.rs\u{1b}[0m  \n".to_owned());
    assert_eq!(written(PIPES), (plain.clone(), plain.clone()));
    assert_eq!(written(TERMINAL), (colored.clone(), colored.clone()));
    assert_eq!(written(GREY_TERMINAL), (plain.clone(), plain.clone()));
    assert_eq!(written(Options { color: ColorChoice::Always, ..PIPES }), (colored.clone(), colored.clone()));
    let only_err = Terminal { stdout: false, ..TERMINAL.terminal };
    assert_eq!(written(Options { terminal: only_err, ..TERMINAL }), (plain.clone(), colored));
    assert_eq!(written(Options { quiet: true, ..PIPES }), (plain, String::new()));
}

#[test]
fn foreign_text_is_exact_in_pipes_and_harmless_on_terminals() {
    let evil = "\u{1b}]0;pwned\u{7}\r\n";
    for (options, expected) in [(PIPES, evil.to_owned()), (GREY_TERMINAL, "\\u{1b}]0;pwned\\u{7}\n".to_owned())] {
        let captured = ui_with(options, "");
        captured.ui.out(evil).expect("written");
        assert_eq!(captured.out.take(), expected);
        captured.ui.raw(evil.as_bytes()).expect("written");
        assert_eq!(captured.out.take(), expected);
        captured.ui.warn("x\u{1b}[2J");
        assert_eq!(captured.err.take().contains('\u{1b}'), options == PIPES);
        let mut stream = captured.ui.stream();
        evil.chars().try_for_each(|c| stream.write(&c.to_string())).expect("written");
        stream.finish().expect("written");
        assert_eq!(captured.out.take(), expected);
    }
    let (out, bytes) = (Buffer::default(), [0xff, 0x1b]);
    let streams = Streams { out: Box::new(out.clone()), err: Box::new(io::sink()), input: Box::new(io::empty()) };
    Ui::new(PIPES, streams).raw(&bytes).expect("written");
    assert_eq!(*out.0.lock().expect("buffer"), bytes);
}

#[test]
fn a_streams_last_line_ends_on_a_terminal_only() {
    for (options, expected) in [(PIPES, "half"), (GREY_TERMINAL, "half\n")] {
        let captured = ui_with(options, "");
        let mut stream = captured.ui.stream();
        stream.write("half").expect("written");
        stream.finish().expect("written");
        assert_eq!(captured.out.take(), expected);
    }
    let captured = ui_with(GREY_TERMINAL, "");
    let mut stream = captured.ui.stream();
    stream.write("half").expect("written");
    captured.ui.status("frame");
    captured.ui.status("frame");
    assert_eq!(captured.err.take(), "\nframe\nframe\n", "the frame starts on its own line");
}

#[test]
fn errors_have_labels_and_json_is_one_line() {
    let captured = ui_with(PIPES, "");
    captured.ui.error(&Report {
        error: "cannot read a.toml\nat all".into(),
        causes: vec!["no such file".into()],
        hints: vec!["rt init".into()],
    });
    assert_eq!(captured.err.take(), "error: cannot read a.toml\n  at all\ncaused by: no such file\nhint: rt init\n");
    captured.ui.json(&serde_json::json!({"a": "b\n"})).expect("written");
    assert_eq!(captured.out.take(), "{\"a\":\"b\\n\"}\n");
    let colored = ui_with(TERMINAL, "");
    colored.ui.warn("look");
    assert_eq!(colored.err.take(), "\u{1b}[33mwarning:\u{1b}[0m look\n");
}

struct Failing(io::ErrorKind);

impl Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

#[test]
fn a_reader_that_went_away_is_told_from_other_failures() {
    let failing = |kind| {
        let streams = Streams { out: Box::new(Failing(kind)), err: Box::new(Failing(kind)), input: Box::new(io::empty()) };
        Ui::new(PIPES, streams)
    };
    let gone = failing(io::ErrorKind::BrokenPipe);
    assert!(matches!(gone.line("x"), Err(OutputError::BrokenPipe)));
    assert!(matches!(gone.stream().write("x"), Err(OutputError::BrokenPipe)));
    gone.status("a frame that nobody reads is no error");
    assert!(matches!(failing(io::ErrorKind::StorageFull).json(&1), Err(OutputError::Io(_))));
}

#[test]
fn questions_take_the_safe_answer_when_nobody_answers() {
    let captured = ui_with(PIPES, "y\n");
    assert!(!captured.ui.ask("Delete it?", false));
    assert_eq!(captured.err.take(), "Delete it? no (nobody to ask: not a terminal)\n");
    assert_eq!(captured.ui.choose("Which?", &["a", "b"], 1), 1);
    assert_eq!(captured.err.take(), "Which? b (nobody to ask: not a terminal)\n");
    assert_eq!(captured.ui.read_input().expect("input"), b"y\n", "and reads nothing");

    let ask = |input, safe| ui_with(GREY_TERMINAL, input).ui.ask("Sure?", safe);
    assert!(ask("YES\n", false) && ask("what\ny\n", false) && !ask("n\n", true));
    assert!(ask("", true) && !ask("\n", false) && !ask("a\nb\nc\ny\n", false));
    let captured = ui_with(GREY_TERMINAL, "9\n2\nrest\r\n");
    assert_eq!(captured.ui.choose("Which?", &["a", "b"], 0), 1);
    assert_eq!(captured.err.take(), "  1  a\n  2  b\nWhich? [1] Which? [1] ");
    assert_eq!(captured.ui.read_line().expect("input").as_deref(), Some("rest"));
    assert_eq!(captured.ui.read_line().expect("input"), None);
}

#[test]
fn progress_waits_and_leaves_before_text() {
    let captured = ui_with(GREY_TERMINAL, "");
    captured.ui.begin_progress("asking", at(0));
    captured.ui.tick(at(249));
    assert_eq!(captured.err.take(), "");
    captured.ui.tick(at(1300));
    assert_eq!(captured.err.take(), "\r\u{1b}[2Kasking 1.3s");
    captured.ui.out("half").expect("written");
    assert_eq!(captured.err.take(), "\r\u{1b}[2K");
    captured.ui.tick(at(1400));
    assert_eq!(captured.err.take(), "", "an unfinished line is left alone");
    captured.ui.out(" line\n").expect("written");
    captured.ui.tick(at(65_000));
    assert_eq!(captured.err.take(), "\r\u{1b}[2Kasking 1m05s");
    captured.ui.end_progress();
    assert_eq!(captured.err.take(), "\r\u{1b}[2K");
    captured.ui.tick(at(70_000));
    captured.ui.begin_progress("a label that is longer than the line", at(0));
    captured.ui.tick(at(500));
    assert_eq!(captured.err.take(), "\r\u{1b}[2Ka label that is lo…");

    let dumb = Terminal { erases: false, ..TERMINAL.terminal };
    for options in [PIPES, Options { quiet: true, ..TERMINAL }, Options { terminal: dumb, ..TERMINAL }] {
        let captured = ui_with(options, "");
        captured.ui.begin_progress("asking", at(0));
        captured.ui.tick(at(9000));
        assert_eq!(captured.err.take(), "");
    }
}

#[test]
fn tables_line_up() {
    let mut table = Table::new().right(1);
    table.row(["name", "7", "a long last column"]);
    table.row([Text::new().add(Style::Id, "é"), "1234".into(), "x\ny\u{1b}".into()]);
    let captured = ui_with(PIPES, "");
    captured.ui.table(&table).expect("written");
    assert_eq!(captured.out.take(), "name     7  a long last column\né     1234  x y\\u{1b}\n");
    let narrow = ui_with(GREY_TERMINAL, "");
    narrow.ui.table(&table).expect("written");
    assert_eq!(narrow.out.take(), "name     7  a long…\né     1234  x y\\u{1…\n");
    assert_eq!(Table::new().render(10), Text::new());
    let mut gaps = Table::new();
    gaps.row(["a", "", ""]);
    gaps.row(["", "b", ""]);
    captured.ui.table(&gaps).expect("written");
    assert_eq!(captured.out.take(), "a\n   b\n", "no spaces at the end of a line");
}

#[test]
fn diffs_are_coloured_by_the_hunks_own_counts() {
    let text = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ fn\n--- gone\n+++ come\n same\n\\ No newline at end of file\n--- a/y";
    let styles: Vec<Style> = diff(text).spans().map(|(style, _)| style).step_by(2).collect();
    assert_eq!(styles, [Bold, Bold, Hunk, Removed, Added, Plain, Dim, Bold]);
    let ends_with_removals: Vec<Style> = diff("@@ -1,3 +1 @@\n same\n--- gone\n-x\n").spans().map(|(s, _)| s).step_by(2).collect();
    assert_eq!(ends_with_removals, [Hunk, Plain, Removed, Removed]);
    let captured = ui_with(PIPES, "");
    captured.ui.out(diff(text)).expect("written");
    assert_eq!(captured.out.take(), text);
}

#[test]
fn numbers_for_people() {
    let ages = [0, 999, 12_000, 300_000, 10_900_000, 172_800_000, 10_400_000_000, 70_000_000_000, -300_000];
    let shown: Vec<String> = ages.iter().map(|ms| age(at(1_000_000 - ms), at(1_000_000))).collect();
    assert_eq!(shown, ["now", "now", "12s ago", "5m ago", "3h ago", "2d ago", "4mo ago", "2y ago", "in 5m"]);
    assert_eq!([0, 950, 3900, 62_000, 999_600, 1_234_567].map(count), ["0", "950", "3.9k", "62k", "1.0M", "1.2M"]);
    assert_eq!([999, 1000, u64::MAX].map(bytes), ["999 B", "1.0 kB", "18446744 TB"]);
    assert_eq!([-5, 4_200, 59_999, 65_000, 7_380_000].map(elapsed), ["0.0s", "4.2s", "59s", "1m05s", "2h03m"]);
}

proptest! {
    #[test]
    fn pieces_read_like_the_whole(chunks in prop::collection::vec("[a\r\n\u{1b}\\[\u{202e}é]{0,4}", 0..8)) {
        let mut neutral = Neutraliser::default();
        let mut shown: String = chunks.iter().map(|chunk| neutral.push(chunk)).collect();
        shown.push_str(&neutral.finish());
        prop_assert_eq!(shown, neutralise(&chunks.concat()).into_owned());
    }

    #[test]
    fn a_diff_keeps_its_text(text in "(@@ -[0-9]{1,9}(,[0-9]{1,12})? \\+[0-9](,[0-9])? @@|[-+ \\\\]{0,3}[a-z]{0,3}|\n){0,12}") {
        let kept: String = diff(&text).spans().map(|(_, text)| text).collect();
        prop_assert_eq!(kept, text);
    }

    #[test]
    fn nothing_foreign_moves_a_terminal(text: String) {
        let captured = ui_with(GREY_TERMINAL, "");
        captured.ui.out(text.as_str()).expect("written");
        captured.ui.status(text.as_str());
        prop_assert!(!(captured.out.take() + &captured.err.take()).chars().any(crate::base::text::is_unsafe_to_show));
    }

    #[test]
    fn ages_take_any_moments(then: i64, now: i64) {
        prop_assert!(!age(at(then), at(now)).is_empty());
    }
}

#[test]
fn what_a_key_left_on_the_terminal_gets_a_line_of_its_own() {
    for (options, expected) in [(PIPES, "stopped\n"), (GREY_TERMINAL, "\nstopped\n")] {
        let captured = ui_with(options, "");
        captured.ui.keyboard_echoed();
        captured.ui.status("stopped");
        assert_eq!(captured.err.take(), expected);
    }
}
