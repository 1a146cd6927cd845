//! The rules of docs/architecture.md that neither compiler nor clippy checks.
//!
//! Invariants
//! - The table in docs/architecture.md is the only list of modules, layers and crate owners; nothing of it is repeated here.
//! - Rules are functions of a [`Tree`] held in memory, so each is proved by a planted violation.

mod imports;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use crate::shell;

const MAX_LINES: usize = 600;
const EXCEPTIONS: &str = "xtask/tidy-exceptions.txt";
const ARCHITECTURE: &str = "docs/architecture.md";

/// The project's text files by path, and the lowest number that each exception ever had.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) lowest: BTreeMap<String, usize>,
}

/// One broken rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    pub(crate) what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: [{}] {}", self.path, self.line, self.rule, self.what)
    }
}

/// Checks the project at `root`.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let findings = check(&load(root)?)?;
    if findings.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Err(format!("{} broken rules (docs/architecture.md says why each is there)\n{}", list.len(), list.join("\n")))
}

/// What git tracks or would track, so that a new file is checked before it is added.
fn load(root: &Path) -> Result<Tree, String> {
    let mut list = shell::git(root, 0);
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]);
    let mut tree = Tree::default();
    for path in shell::text(&mut list)?.split_terminator('\0') {
        // A deleted file is still listed, and not every file is text.
        if let Ok(text) = std::fs::read(root.join(path)).map_err(drop).and_then(|b| String::from_utf8(b).map_err(drop)) {
            tree.files.insert(path.to_owned(), text);
        }
    }
    let mut log = shell::git(root, 0);
    log.args(["log", "--format=", "-p", "--unified=0", "--", EXCEPTIONS]);
    for line in shell::text(&mut log).unwrap_or_default().lines() {
        if let Some((path, number)) = line.strip_prefix('+').and_then(exception) {
            tree.lowest.entry(path.to_owned()).and_modify(|low| *low = number.min(*low)).or_insert(number);
        }
    }
    Ok(tree)
}

/// Every broken rule of `tree`, in path order. An error means that the table itself cannot be read.
pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>, String> {
    let architecture = tree.files.get(ARCHITECTURE).ok_or_else(|| format!("{ARCHITECTURE} is missing"))?;
    let table = table::Table::parse(architecture).map_err(|e| format!("{ARCHITECTURE}: {e}"))?;
    let crates = dependencies(tree.files.get("Cargo.toml").map_or("", String::as_str));
    let mut found = Vec::new();
    sizes(tree, &mut found);
    let mut unknown = BTreeSet::new();
    for (path, text) in &tree.files {
        found.extend(words::check(path, text));
        if Path::new(path).extension().is_none_or(|ext| ext != "rs") {
            continue;
        }
        // Fixtures are somebody's files as they were; the rules are for ours.
        if path.starts_with("tests/fixtures/") {
            continue;
        }
        docs(path, text, &mut found);
        let Some(place) = imports::place(path) else { continue };
        let Some(module) = place.first() else { continue };
        if table.layer(module).is_none() {
            if unknown.insert(module.clone()) {
                let what = format!("module `{module}` is not in the layer table: add a row to {ARCHITECTURE}, or move the code");
                found.push(Finding { path: path.clone(), line: 1, rule: "table", what });
            }
            continue;
        }
        match imports::references(text, &place) {
            Ok(list) => found.extend(list.iter().filter_map(|reference| {
                let (rule, what) = table.judge(module, &reference.path, &crates)?;
                Some(Finding { path: path.clone(), line: reference.line, rule, what })
            })),
            Err(what) => found.push(Finding { path: path.clone(), line: 1, rule: "syntax", what }),
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// `path number`; a comment or an empty line is nothing.
fn exception(line: &str) -> Option<(&str, usize)> {
    let (path, number) = line.trim().rsplit_once(' ')?;
    Some((path.trim(), number.parse().ok()?))
}

fn sizes(tree: &Tree, found: &mut Vec<Finding>) {
    let list = tree.files.get(EXCEPTIONS).map_or("", String::as_str);
    let mut excepted = BTreeSet::new();
    for (at, (path, number)) in list.lines().enumerate().filter_map(|(at, line)| Some((at, exception(line)?))) {
        excepted.insert(path);
        let actual = tree.files.get(path).map(|text| text.lines().count());
        let lowest = tree.lowest.get(path).copied().unwrap_or(number);
        let what = match actual {
            None => format!("{path} is gone: remove this line"),
            Some(lines) if lines <= MAX_LINES => format!("{path} has {lines} lines and needs no exception: remove this line"),
            Some(lines) if lines > number => format!("{path} grew from {number} to {lines} lines: split it"),
            Some(lines) if lines < number => format!("{path} shrank to {lines} lines: write {lines} here"),
            Some(_) if number > lowest => format!("{path} was down to {lowest}: a number here may only fall; split the file"),
            Some(_) => continue,
        };
        found.push(Finding { path: EXCEPTIONS.to_owned(), line: at + 1, rule: "size", what });
    }
    for (path, text) in tree.files.iter().filter(|(path, _)| Path::new(path).extension().is_some_and(|ext| ext == "rs")) {
        let lines = text.lines().count();
        if lines > MAX_LINES && !excepted.contains(path.as_str()) {
            let what = format!("{lines} lines, at most {MAX_LINES}: split it along a concept");
            found.push(Finding { path: path.clone(), line: MAX_LINES + 1, rule: "size", what });
        }
    }
}

fn docs(path: &str, text: &str, found: &mut Vec<Finding>) {
    if !text.starts_with("//!") {
        let what = "starts without `//!`: say in one sentence what this file is for".to_owned();
        found.push(Finding { path: path.to_owned(), line: 1, rule: "docs", what });
        return;
    }
    let mut doc = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    if module_root(path) && !doc.any(|line| line.trim_start_matches(['#', ' ', '*']).starts_with("Invariants")) {
        let what = "a module's root states its invariants: add a paragraph `Invariants` with a list".to_owned();
        found.push(Finding { path: path.to_owned(), line: 1, rule: "docs", what });
    }
}

/// `src/X/mod.rs` or `src/X.rs`, or the library's root.
fn module_root(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("src/").filter(|rest| *rest != "main.rs") else { return false };
    rest.strip_suffix("/mod.rs").or_else(|| rest.strip_suffix(".rs")).is_some_and(|name| !name.contains('/'))
}

/// The names under which the manifest's ordinary dependencies are known in code.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let section = section.rsplit_once("'.").map_or(section, |(_, last)| last);
            inside = section == "dependencies";
            names.extend(section.strip_prefix("dependencies.").map(table::in_code));
        } else if let Some((key, _)) = line.split_once('=').filter(|_| inside && !line.starts_with('#')) {
            names.insert(table::in_code(key.trim().split('.').next().unwrap_or_default()));
        }
    }
    names
}
