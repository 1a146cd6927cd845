//! How edits land: a corpus of answers through the program, counted by form and noise; and what reading and making edits costs.
//!
//! Invariants
//! - A row counts as exact if all files are, byte for byte, what they were after the real commit; as rejected if nothing changed
//!   and the program says why; as wrong in every other case.
//! - Costs are ratios to a program that does the least that could do: copying the files, `git apply`, `md5sum`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{alternate, child, page, stamp};
use crate::measure::{self, Cost};
use crate::shell;

/// Opens the part of docs/benchmarks.md that is about edits.
const HEADING: &str = "## Edits";

pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    let (mut corpus, mut write, mut runs) = (None, false, 11);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--corpus" => corpus = Some(PathBuf::from(args.next().ok_or("--corpus takes a directory")?)),
            "--runs" => {
                runs = args.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0).ok_or("--runs takes a number above 0")?;
            }
            "--write" => write = true,
            other => return Err(format!("bench edits knows --corpus DIR, --runs N and --write, not {other}")),
        }
    }
    let rt = shell::build_rt(&["--release"])?;
    let mut text = format!("{HEADING}\n\n");
    let mut wrong = 0;
    if let Some(corpus) = &corpus {
        let (table, errors) = counted(&rt, corpus)?;
        wrong = errors;
        text += "Answers made from real commits, exact and with the noise that models make, through `rt debug edits`; `cargo xtask bench edits \
                 --corpus DIR`. Exact: all files are byte for byte those of the commit. Rejected: nothing was written, with a reason. Wrong: \
                 anything else.\n\n";
        text += &table;
        text.push('\n');
    }
    let (table, missed) = costs(runs)?;
    text += &format!("Processor time of whole processes, median of {runs} alternating runs.\n\n{table}\n{}", stamp()?);
    print!("{text}");
    if write {
        page::put(HEADING, &text)?;
    }
    match (wrong, missed) {
        (0, false) => Ok(()),
        (0, true) => Err("a target is missed: the rows that say FAIL".to_owned()),
        (n, _) => Err(format!("{n} answers made something else of a file than was meant")),
    }
}

/// A line of the corpus in one form.
struct Case {
    form: String,
    noise: String,
    before: Value,
    after: Value,
}

/// Counts by form and noise, as a table; and how many are wrong.
fn counted(rt: &Path, corpus: &Path) -> Result<(String, usize), String> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(corpus)
        .map_err(|e| format!("{}: {e}", corpus.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| [".jsonl", ".jsonl.gz"].iter().any(|end| path.to_string_lossy().ends_with(end)))
        .collect();
    names.sort();
    let place = shell::target().join("bench-edits");
    shell::remove(&place)?;
    std::fs::create_dir_all(&place).map_err(|e| e.to_string())?;
    let (input, output) = (place.join("cases"), place.join("results"));
    let mut cases = Vec::new();
    let mut out = BufWriter::new(File::create(&input).map_err(|e| e.to_string())?);
    for name in &names {
        for line in lines(name)? {
            rows(&line, &mut |case, answer| {
                let line = json!({ "files": case.before, "answer": answer, "format": "auto" });
                writeln!(out, "{line}").map_err(|e| e.to_string())?;
                cases.push(case);
                Ok(())
            })?;
        }
    }
    out.flush().map_err(|e| e.to_string())?;
    drop(out);
    let status = Command::new(rt)
        .args(["debug", "edits"])
        .stdin(File::open(&input).map_err(|e| e.to_string())?)
        .stdout(File::create(&output).map_err(|e| e.to_string())?)
        .stderr(Stdio::inherit())
        .status()
        .map_err(|e| e.to_string())?;
    if !status.success() {
        return Err(format!("rt debug edits: {status}"));
    }
    let mut counts: BTreeMap<(String, String), [usize; 3]> = BTreeMap::new();
    let results = BufReader::new(File::open(&output).map_err(|e| e.to_string())?).lines();
    let mut given = 0;
    for (case, line) in cases.into_iter().zip(results) {
        let result: Value = serde_json::from_str(&line.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
        let said = result["issues"].as_array().is_some_and(|issues| !issues.is_empty()) || result["applied"] == 0;
        let what = if result["files"] == case.after {
            0
        } else if result["files"] == case.before && said {
            1
        } else {
            2
        };
        counts.entry((case.form, case.noise)).or_default()[what] += 1;
        given += 1;
    }
    let mut table = String::from("| form | noise | exact | rejected | wrong |\n|---|---|--:|--:|--:|\n");
    let mut sum = [0; 3];
    for ((form, noise), [exact, rejected, wrong]) in &counts {
        sum = [sum[0] + exact, sum[1] + rejected, sum[2] + wrong];
        let _ = writeln!(table, "| {form} | {noise} | {exact} | {rejected} | {wrong} |");
    }
    let _ = writeln!(table, "| all | {given} answers | {} | {} | {} |", sum[0], sum[1], sum[2]);
    Ok((table, sum[2]))
}

fn lines(path: &Path) -> Result<Vec<String>, String> {
    let text = if path.extension().is_some_and(|end| end == "gz") {
        shell::text(Command::new("gzip").arg("-dc").arg(path))?
    } else {
        shell::read(path)?
    };
    Ok(text.lines().map(str::to_owned).collect())
}

/// The answers of a line of the corpus, each with its files before and after.
fn rows(line: &str, each: &mut dyn FnMut(Case, &str) -> Result<(), String>) -> Result<(), String> {
    let row: Value = serde_json::from_str(line).map_err(|e| format!("the corpus: {e}"))?;
    let (status, file) = (row["status"].as_str().unwrap_or("M"), row["file"].as_str().unwrap_or_default());
    let old = row["old_file"].as_str().unwrap_or(file);
    let before = if status == "A" { json!({}) } else { json!({ old: row["before"] }) };
    let after = if status == "D" { json!({}) } else { json!({ file: row["after"] }) };
    for (form, answers) in row["blocks"].as_object().into_iter().flatten() {
        for (noise, answer) in answers.as_object().into_iter().flatten() {
            let case = Case { form: form.clone(), noise: noise.clone(), before: before.clone(), after: after.clone() };
            each(case, answer.as_str().unwrap_or_default())?;
        }
    }
    Ok(())
}

/// What is compared: the work, what it is compared with, and the most that it may cost.
struct Row {
    what: &'static str,
    with: &'static str,
    ours: Cost,
    theirs: Cost,
    most: f64,
}

fn costs(runs: usize) -> Result<(String, bool), String> {
    shell::output(shell::cargo().args(["build", "--quiet", "--release", "--example", "edit_costs"]))?;
    let program = shell::target().join("release/examples/edit_costs");
    let place = shell::target().join("bench-edits");
    std::fs::create_dir_all(&place).map_err(|e| e.to_string())?;
    let work = |args: &[&str]| measure::cost(child(&program, &place, &place).args(args));
    let at = |name: &str| place.join(name).to_string_lossy().into_owned();
    let mut rows = Vec::new();

    let (dir, answer) = (at("many"), at("many.md"));
    let files: Vec<(String, String)> = (0..500).map(|n| (format!("file{n}.rs"), source(n, 250))).collect();
    let mut edits = String::new();
    for (name, text) in &files {
        for line in [40, 200] {
            edits += &block(name, text, line);
        }
    }
    shell::write(Path::new(&answer), edits.as_bytes())?;
    let fresh = || files.iter().try_for_each(|(name, text)| shell::write(&Path::new(&dir).join(name), text.as_bytes()));
    let apply = || fresh().and_then(|()| work(&["apply", &dir, &answer]));
    let copy = || fresh().and_then(|()| work(&["copy", &dir]));
    let (ours, theirs) = alternate(runs, &apply, &copy)?;
    rows.push(Row { what: "1,000 edits in 500 files", with: "reading and writing the files", ours, theirs, most: 3.0 });

    let (dir, answer, patch) = (at("large"), at("large.md"), at("large.patch"));
    let text = source(1, 100_000);
    let line = text.lines().nth(66_000).unwrap_or_default().to_owned();
    let changed = text.replacen(&line, "    changed();", 1);
    shell::write(Path::new(&answer), block("large.rs", &text, 66_000).as_bytes())?;
    let file = Path::new(&dir).join("large.rs");
    let fresh = || shell::write(&file, text.as_bytes());
    shell::write(&place.join("a/large.rs"), text.as_bytes())?;
    shell::write(&place.join("b/large.rs"), changed.as_bytes())?;
    let diff = Command::new("git").current_dir(&place).args(["diff", "--no-index", "a/large.rs", "b/large.rs"]).output();
    let diff = String::from_utf8_lossy(&diff.map_err(|e| e.to_string())?.stdout).replace("a/a/", "a/").replace("b/b/", "b/");
    shell::write(Path::new(&patch), diff.as_bytes())?;
    let apply = || {
        fresh()?;
        let cost = work(&["apply", &dir, &answer])?;
        if shell::read(&file)? == changed { Ok(cost) } else { Err("the edit was not made".to_owned()) }
    };
    let git = || {
        fresh()?;
        // In a directory of another repository, git would pass over the file.
        let mut git = child(Path::new("git"), Path::new(&dir), &place);
        let cost = measure::cost(git.env("GIT_CEILING_DIRECTORIES", &place).args(["apply", &patch]))?;
        if shell::read(&file)? == changed { Ok(cost) } else { Err("git apply did not change the file".to_owned()) }
    };
    let (ours, theirs) = alternate(runs, &apply, &git)?;
    rows.push(Row { what: "one edit in 100,000 lines", with: "`git apply`", ours, theirs, most: 3.0 });

    let answer = at("answer.md");
    let mut text = String::new();
    for n in 0..1200 {
        text += &format!(
            "Then the next part.\n\nsrc/file{n}.rs\n```rust\n<<<<<<< SEARCH\n{0}=======\n{0}    more();\n>>>>>>> REPLACE\n```\n\n",
            source(n, 600)
        );
    }
    shell::write(Path::new(&answer), text.as_bytes())?;
    let md5 = || measure::cost(child(Path::new("md5sum"), &place, &place).arg(&answer));
    let (ours, theirs) = alternate(runs, &|| work(&["parse", &answer]), &md5)?;
    rows.push(Row { what: "reading an answer of 50 MB", with: "`md5sum`", ours, theirs, most: 3.0 });
    let (ours, theirs) = alternate(runs, &|| work(&["parse-pieces", &answer]), &|| work(&["parse", &answer]))?;
    rows.push(Row { what: "the same in pieces of 4 KiB", with: "in one piece", ours, theirs, most: 1.2 });

    let mut table =
        String::from("| what | CPU ms | beside | CPU ms | ratio | at most | peak MB | |\n|---|--:|---|--:|--:|--:|--:|---|\n");
    let mut missed = false;
    for row in rows {
        let ratio = row.ours.cpu as f64 / row.theirs.cpu.max(1) as f64;
        missed |= ratio > row.most;
        let _ = writeln!(
            table,
            "| {} | {:.1} | {} | {:.1} | {ratio:.2} | {} | {:.1} | {} |",
            row.what,
            row.ours.cpu as f64 / 1000.0,
            row.with,
            row.theirs.cpu as f64 / 1000.0,
            row.most,
            row.ours.peak as f64 * 1024.0 / 1e6,
            if ratio > row.most { "FAIL" } else { "pass" },
        );
    }
    let (doubled, too_much) = super::doubling::table(runs, &place, &work)?;
    Ok((format!("{table}\nTwice the input, the answer read or the edit tried:\n\n{doubled}"), missed || too_much))
}

/// A program text of so many lines, of which no two are equal.
pub(super) fn source(seed: usize, lines: usize) -> String {
    let mut text = String::new();
    for n in 0..lines {
        let _ = writeln!(text, "    let value_{seed}_{n} = compute({n}, \"a text of some length\");");
    }
    text
}

/// An edit of one line, with two around it on either side.
pub(super) fn block(name: &str, text: &str, line: usize) -> String {
    let around: Vec<&str> = text.lines().skip(line - 2).take(5).collect();
    let changed = [around[0], around[1], "    changed();", around[3], around[4]];
    format!("{name}\n```rust\n<<<<<<< SEARCH\n{}\n=======\n{}\n>>>>>>> REPLACE\n```\n\n", around.join("\n"), changed.join("\n"))
}
