//! What becomes of the cost of edits when their input doubles, in time and in memory.
//!
//! Invariants
//! - The same shape is measured at its full size and at half of it; the ratio of the two is what counts.

use std::fmt::Write as _;
use std::path::Path;

use super::alternate;
use super::edits::{block, source};
use crate::measure::Cost;
use crate::shell;

/// The most that twice the input may cost.
const MOST: f64 = 2.2;

/// The longest answer, bytes.
const ANSWER: usize = 50_000_000;

/// The longest line, bytes.
const LINE: usize = 1_000_000;

/// One shape of input: writes it below a directory, in this size, and names the work.
struct Shape {
    what: String,
    full: usize,
    write: fn(&Path, usize) -> Result<Vec<String>, String>,
}

/// The table, and whether a target is missed.
pub(super) fn table(runs: usize, place: &Path, work: &dyn Fn(&[&str]) -> Result<Cost, String>) -> Result<(String, bool), String> {
    let mut table = String::from(
        "| input | of | CPU ms | half of it | ratio | peak MB | half of it | ratio | at most | |\n|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n",
    );
    let mut missed = false;
    for shape in shapes() {
        let make = |size: usize| {
            let dir = place.join(format!("doubling-{size}"));
            shell::remove(&dir)?;
            std::fs::create_dir_all(dir.join("files")).map_err(|e| e.to_string())?;
            (shape.write)(&dir, size)
        };
        let words = [make(shape.full)?, make(shape.full / 2)?];
        let run = |words: &[String]| work(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let (full, half) = alternate(runs, &|| run(&words[0]), &|| run(&words[1]))?;
        let ratio = |full: u64, half: u64| full as f64 / half.max(1) as f64;
        let (time, memory) = (ratio(full.cpu, half.cpu), ratio(full.peak, half.peak));
        let bad = time > MOST || memory > MOST;
        missed |= bad;
        let (ms, mb) = (|cpu: u64| cpu as f64 / 1000.0, |peak: u64| peak as f64 * 1024.0 / 1e6);
        let _ = writeln!(
            table,
            "| {} | {} | {:.1} | {:.1} | {time:.2} | {:.1} | {:.1} | {memory:.2} | {MOST} | {} |",
            shape.what,
            size(shape.full),
            ms(full.cpu),
            ms(half.cpu),
            mb(full.peak),
            mb(half.peak),
            if bad { "FAIL" } else { "pass" },
        );
    }
    Ok((table, missed))
}

fn size(bytes: usize) -> String {
    if bytes >= 1_000_000 { format!("{} MB", bytes / 1_000_000) } else { format!("{bytes}") }
}

fn shapes() -> Vec<Shape> {
    let shape = |what: &str, full, write| Shape { what: what.to_owned(), full, write };
    vec![
        shape("an answer of search and replace", ANSWER, |dir, size| answer(dir, size, &blocks)),
        shape("of whole files", ANSWER, |dir, size| answer(dir, size, &whole)),
        shape("of unified diffs", ANSWER, |dir, size| answer(dir, size, &diff)),
        shape("of a patch", ANSWER, |dir, size| answer(dir, size, &patch)),
        shape("of tags", ANSWER, |dir, size| answer(dir, size, &tags)),
        shape("of calls, one a line", ANSWER, |dir, size| answer(dir, size, &calls)),
        shape("of prose", ANSWER, |dir, size| answer(dir, size, &prose)),
        shape("an edit in a file of one line", LINE, |dir, size| line(dir, size, str::to_owned)),
        shape("the same, with other white space", LINE, |dir, size| line(dir, size, |text| text.replacen(' ', "\t", 3))),
        shape("the same, not to be found", LINE, |dir, size| line(dir, size, |text| text.replace("17", "18"))),
        shape("an edit in as many lines", 100_000, |dir, size| lines(dir, size, str::to_owned)),
        shape("the same, with other white space", 100_000, |dir, size| lines(dir, size, |text| text.replace("    ", "\t"))),
        shape("the same, with a slip in a line", 100_000, |dir, size| {
            lines(dir, size, |text| text.replacen("length", "lenght", 1))
        }),
        shape("the same, not to be found", 100_000, |dir, size| lines(dir, size, |text| text.replace("compute", "reckon(it)"))),
        shape("an edit that leaves lines out in as many places", 8_000, elided),
        shape("as many edits, two in a file", 1_000, many),
        shape("as many fences that look like files, and as many that do not", 20_000, guesses),
    ]
}

/// An answer of so many bytes, made of parts, to be read.
fn answer(dir: &Path, size: usize, part: &dyn Fn(usize) -> String) -> Result<Vec<String>, String> {
    let mut text = String::with_capacity(size + 100_000);
    let mut n = 0;
    while text.len() < size {
        text += &part(n);
        n += 1;
    }
    let path = dir.join("answer.md");
    shell::write(&path, text.as_bytes())?;
    Ok(vec!["read".to_owned(), path.to_string_lossy().into_owned()])
}

fn blocks(n: usize) -> String {
    let text = source(n, 300);
    format!("Next.\n\nsrc/file{n}.rs\n```rust\n<<<<<<< SEARCH\n{text}=======\n{text}    more();\n>>>>>>> REPLACE\n```\n\n")
}

fn whole(n: usize) -> String {
    format!("=== FILE: src/file{n}.rs ===\n```rust\n{}```\n\n", source(n, 600))
}

fn signed(n: usize, sign: char) -> String {
    source(n, 300).lines().fold(String::new(), |text, line| text + &format!("{sign}{line}\n"))
}

fn diff(n: usize) -> String {
    format!("--- a/src/file{n}.rs\n+++ b/src/file{n}.rs\n@@ -1,300 +1,601 @@\n{}{}+more();\n", signed(n, ' '), signed(n + 1, '+'))
}

fn patch(n: usize) -> String {
    let text = format!("*** Update File: src/file{n}.rs\n@@\n{}{}+more();\n", signed(n, ' '), signed(n + 1, '+'));
    if n == 0 { format!("*** Begin Patch\n{text}") } else { text }
}

fn tags(n: usize) -> String {
    let text = source(n, 300);
    format!("<edit path=\"src/file{n}.rs\">\n<search>\n{text}</search>\n<replace>\n{text}    more();\n</replace>\n</edit>\n")
}

fn calls(n: usize) -> String {
    let text = source(n, 300);
    format!(
        "{}\n",
        serde_json::json!({ "path": format!("src/file{n}.rs"), "old_str": text, "new_str": format!("{text}more();\n") })
    )
}

fn prose(n: usize) -> String {
    format!("{n}. It is *certain* that `value_{n}` holds, as `src/file{n}.rs` shows: the sum of all that came before it.\n\n")
}

/// One edit of a file, whose search is the file's text changed by `slip`.
fn one(dir: &Path, text: &str, search: &str, replace: &str) -> Result<Vec<String>, String> {
    let (files, answer) = (dir.join("files"), dir.join("answer.md"));
    shell::write(&files.join("large.rs"), text.as_bytes())?;
    shell::write(&answer, format!("large.rs\n```\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n```\n").as_bytes())?;
    Ok(vec!["try".to_owned(), files.to_string_lossy().into_owned(), answer.to_string_lossy().into_owned()])
}

fn line(dir: &Path, size: usize, slip: fn(&str) -> String) -> Result<Vec<String>, String> {
    let mut text = String::with_capacity(size + 100);
    let mut n = 0;
    while text.len() < size {
        let _ = write!(text, "let value_{n} = compute({n}); ");
        n += 1;
    }
    text.push('\n');
    one(dir, &text, &slip(&text), &slip(&text).replacen("compute", "reckon", 1))
}

fn lines(dir: &Path, count: usize, slip: fn(&str) -> String) -> Result<Vec<String>, String> {
    let text = source(1, count);
    let at = count / 3 * 2;
    let around: Vec<&str> = text.lines().skip(at).take(9).collect();
    let quoted = |middle: &str| {
        around.iter().enumerate().map(|(n, line)| if n == 4 { middle } else { line }.to_owned() + "\n").collect::<String>()
    };
    one(dir, &text, &slip(&quoted(around[4])), &slip(&quoted("    changed();")))
}

/// Every third line is quoted, and the last one changed.
fn elided(dir: &Path, count: usize) -> Result<Vec<String>, String> {
    let text = source(1, count * 3);
    let quoted: Vec<&str> = text.lines().step_by(3).collect();
    let search = quoted.join("\n...\n") + "\n";
    let (rest, _) = search.trim_end().rsplit_once('\n').unwrap_or_default();
    one(dir, &text, &search, &format!("{rest}\n    changed();\n"))
}

fn guesses(dir: &Path, count: usize) -> Result<Vec<String>, String> {
    let mut text = String::new();
    for n in 0..count / 2 {
        let _ = write!(text, "`src/file{n}.rs`\n```rust\nlet x = {n};\n```\n\n");
    }
    text += &"For example:\n\n```python\nx = 1\n```\n\n".repeat(count / 2);
    let path = dir.join("answer.md");
    shell::write(&path, text.as_bytes())?;
    Ok(vec!["read".to_owned(), path.to_string_lossy().into_owned()])
}

fn many(dir: &Path, count: usize) -> Result<Vec<String>, String> {
    let mut answer = String::new();
    for n in 0..count / 2 {
        let (name, text) = (format!("file{n}.rs"), source(n, 250));
        answer += &block(&name, &text, 40);
        answer += &block(&name, &text, 200);
        shell::write(&dir.join("files").join(name), text.as_bytes())?;
    }
    let path = dir.join("answer.md");
    shell::write(&path, answer.as_bytes())?;
    Ok(vec!["try".to_owned(), dir.join("files").to_string_lossy().into_owned(), path.to_string_lossy().into_owned()])
}
