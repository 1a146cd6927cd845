//! docs/transcripts: what the documents say is typed, run; what they say is printed, compared byte for byte.
//!
//! A document is read from top to bottom in one world, a repository on branch `main` and a home. Comments set it up:
//! `<!-- file PATH` writes a file, `<!-- run` runs lines of a shell that must go well and are not shown, `<!-- answer` is
//! what the model says next; their text goes on to a line `-->`. In a block whose fence says `console`, a line that begins
//! with `$ ` is run and everything up to the next one is what it prints on both streams. No line of output begins so.
//!
//! `UPDATE_TRANSCRIPTS=1 cargo test --test it transcripts` writes what is printed into the documents.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::support::fake_model::{FakeModel, Reply, gemini_chunks};
use crate::support::world::World;

/// The documents' directory.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/transcripts")
}

/// Where a document's commands run.
struct Stage {
    world: World,
    answers: Arc<Mutex<VecDeque<String>>>,
    _model: FakeModel,
}

impl Stage {
    fn new() -> Self {
        let answers: Arc<Mutex<VecDeque<String>>> = Arc::default();
        let queue = Arc::clone(&answers);
        let model = FakeModel::answering(move |_| match queue.lock().expect("a lock").pop_front() {
            Some(text) => Reply::stream(vec![gemini_chunks(&[text]).concat()]),
            None => Reply::error(400, "{\"error\":{\"message\":\"the document gives no answer here\"}}"),
        });
        // The server's port is another one each time, and the address is recorded in turns: as a proxy it is not in there.
        let mut world = World::new().gemini("http://gemini.invalid");
        world.set("http_proxy", &model.url());
        Self { world, answers, _model: model }
    }

    /// Does what a comment says.
    fn direct(&self, words: &str, text: &str) {
        match words.split_once(' ').unwrap_or((words, "")) {
            ("file", path) => self.world.write(path, text),
            ("answer", "") => self.answers.lock().expect("a lock").push_back(text.to_owned()),
            ("run", "") => drop(self.world.sh(&format!("set -e\n{text}")).ok()),
            _ => panic!("unknown comment: {words}"),
        }
    }

    /// What a command prints. The world's own directories are shown under the names that a reader would have.
    fn run(&self, line: &str) -> String {
        let mut out = self.world.sh(line).out;
        for (inner, shown) in [("/repo", "~/paging"), ("/home", "~"), ("", "~")] {
            out = out.replace(&format!("{}{inner}", self.world.top().display()), shown);
        }
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out
    }
}

/// The document with the output that its commands really have, and how many answers nobody asked for.
fn play(document: &str) -> (String, usize) {
    let stage = Stage::new();
    let mut out = String::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        out += &format!("{line}\n");
        if let Some(words) = line.strip_prefix("<!-- ") {
            let mut text = String::new();
            if let Some(words) = words.strip_suffix(" -->") {
                stage.direct(words, "");
                continue;
            }
            for line in lines.by_ref() {
                out += &format!("{line}\n");
                if line == "-->" {
                    break;
                }
                text += &format!("{line}\n");
            }
            stage.direct(words, &text);
        } else if let Some(fence) = line.strip_suffix("console").filter(|f| f.len() >= 3 && f.bytes().all(|b| b == b'`')) {
            for line in lines.by_ref() {
                if line == fence {
                    out += &format!("{line}\n");
                    break;
                }
                if let Some(command) = line.strip_prefix("$ ") {
                    out += &format!("{line}\n{}", stage.run(command));
                }
            }
        }
    }
    let left = stage.answers.lock().expect("a lock").len();
    (out, left)
}

#[expect(clippy::disallowed_methods, reason = "a person asks for new documents by a variable")]
fn check(name: &str) {
    let path = directory().join(name);
    let document = std::fs::read_to_string(&path).expect("the document");
    let (played, left) = play(&document);
    if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        std::fs::write(&path, &played).expect("written");
    } else {
        let diff = differing_lines(&document, &played);
        assert!(
            document == played,
            "{name} is not what happens (- document, + program); to accept it: UPDATE_TRANSCRIPTS=1 cargo test --test it transcript\n{diff}"
        );
    }
    assert_eq!(left, 0, "answers in {name} that nobody asked for");
}

/// The lines that differ, without those that begin and end both texts alike.
fn differing_lines(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - same;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let show = |sign: &str, lines: &[&str]| lines.iter().flat_map(|l| [sign, " ", l, "\n"]).collect::<String>();
    format!("at line {}\n{}{}", same + 1, show("-", &old[same..old.len() - tail]), show("+", &new[same..new.len() - tail]))
}

const DOCUMENTS: [&str; 8] =
    ["apply.md", "ask.md", "config-trust.md", "retry.md", "session.md", "share.md", "show-log-diff.md", "undo-redo.md"];

#[test]
fn every_document_is_run() {
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(directory()).expect("the directory") {
        names.push(entry.expect("an entry").file_name().into_string().expect("a name"));
    }
    names.retain(|n| n != "README.md");
    names.sort();
    assert_eq!(names, DOCUMENTS);
}

#[test]
fn a_document_that_lies_is_found_out() {
    let lie = "```console\n$ echo one; echo two >&2\nthree\n$ cat a.txt\n```\n";
    let document = format!("<!-- file a.txt\ntext\n-->\n{lie}");
    let truth = document.replace("three\n", "one\ntwo\n").replace("a.txt\n```", "a.txt\ntext\n```");
    assert_eq!(play(&document), (truth.clone(), 0));
    assert_eq!(differing_lines(&document, &truth), "at line 6\n- three\n- $ cat a.txt\n+ one\n+ two\n+ $ cat a.txt\n+ text\n");
}

#[test]
fn the_readme_quotes_the_transcripts() {
    let read = |path: &Path| std::fs::read_to_string(path).expect("a document");
    let readme = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let all: String = DOCUMENTS.iter().map(|name| read(&directory().join(name))).collect();
    let (_, rest) = readme.split_once("```text\n").expect("a transcript");
    let (quoted, _) = rest.split_once("```").expect("its end");
    for line in quoted.lines().filter(|line| !matches!(*line, "" | "…")) {
        assert!(all.lines().any(|l| l == line), "no transcript has {line:?}");
    }
}

#[test]
fn transcript_of_apply() {
    check("apply.md");
}

#[test]
fn transcript_of_ask() {
    check("ask.md");
}

#[test]
fn transcript_of_config_and_trust() {
    check("config-trust.md");
}

#[test]
fn transcript_of_retry() {
    check("retry.md");
}

#[test]
fn transcript_of_session() {
    check("session.md");
}

#[test]
fn transcript_of_share() {
    check("share.md");
}

#[test]
fn transcript_of_show_log_diff() {
    check("show-log-diff.md");
}

#[test]
fn transcript_of_undo_and_redo() {
    check("undo-redo.md");
}
