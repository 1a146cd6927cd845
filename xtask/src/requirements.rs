//! docs/requirements.md: every line of the source documents once, each with a known state.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::shell;

/// What to do with the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Count,
    Check,
}

/// The documents' letters and how many lines each has.
const DOCUMENTS: [(char, usize, &str); 5] =
    [('C', 48, "000"), ('A', 175, "001"), ('L', 89, "002"), ('D', 37, "003"), ('P', 184, "004")];

const FILE: &str = "docs/requirements.md";

/// Documents whose rows name tests, too, and the heads of their columns.
const TABLES: [(&str, &[&str]); 2] = [
    ("docs/safety.md", &["condition", "what happens", "exit code", "test"]),
    ("docs/errors.md", &["condition", "asked again", "another model", "exit code", "what is said", "test"]),
];

/// Prints the counts, or every fault of the list.
pub(crate) fn run(mode: Mode) -> Result<(), String> {
    let root = shell::root();
    let list = parse(&shell::read(&root.join(FILE))?);
    let tests = match mode {
        Mode::Count => BTreeSet::new(),
        Mode::Check => tests(&root)?,
    };
    match mode {
        Mode::Count => print!("{}", count(&list)),
        Mode::Check => {
            let mut all = vec![(FILE, faults(&list, &|name| tests.contains(name) || root.join(name).is_file()))];
            for (file, columns) in TABLES {
                all.push((file, table_faults(&shell::read(&root.join(file))?, columns, &|name| tests.contains(name))));
            }
            all.retain(|(_, faults)| !faults.is_empty());
            if !all.is_empty() {
                let told: Vec<String> = all.iter().map(|(file, faults)| format!("{file}\n{}", faults.join("\n"))).collect();
                return Err(told.join("\n"));
            }
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    line: usize,
    id: String,
    state: String,
}

/// Rows of tables whose first cell looks like an id.
fn parse(text: &str) -> Vec<Row> {
    let row = |(at, line): (usize, &str)| {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        let (id, state) = (*cells.first()?, *cells.last()?);
        let digits = id.strip_prefix(|c: char| c.is_ascii_uppercase())?;
        let known = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        known.then(|| Row { line: at + 1, id: id.to_owned(), state: state.to_owned() })
    };
    text.lines().enumerate().filter_map(row).collect()
}

/// `planned`, `done (names)` or `ruled out (why)`; a done line names tests or files that exist.
fn fault_of(state: &str, exists: &dyn Fn(&str) -> bool) -> Option<String> {
    let inside = |prefix: &str| state.strip_prefix(prefix)?.strip_suffix(')').filter(|text| !text.trim().is_empty());
    if state == "planned" || inside("ruled out (").is_some() {
        return None;
    }
    let Some(names) = inside("done (") else {
        return Some(format!("state {state:?} is none of: planned, done (test or file, …), ruled out (why)"));
    };
    let missing: Vec<&str> = names.split(',').map(|name| name.trim().trim_matches('`')).filter(|name| !exists(name)).collect();
    if missing.is_empty() { None } else { Some(format!("done, but there is no test or file named {}", missing.join(", "))) }
}

fn faults(list: &[Row], exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let wanted: BTreeSet<String> =
        DOCUMENTS.iter().flat_map(|(letter, last, _)| (1..=*last).map(move |n| format!("{letter}{n:03}"))).collect();
    let mut faults = Vec::new();
    for row in list {
        if !wanted.contains(&row.id) {
            faults.push(format!("line {}: {} is no id of the documents", row.line, row.id));
        } else if let Some(first) = seen.insert(&row.id, row.line) {
            faults.push(format!("line {}: {} stands on line {first} too", row.line, row.id));
        }
        faults.extend(fault_of(&row.state, exists).map(|what| format!("line {}: {}: {what}", row.line, row.id)));
    }
    let missing: Vec<&str> = wanted.iter().map(String::as_str).filter(|id| !seen.contains_key(id)).collect();
    if !missing.is_empty() {
        faults.push(format!("missing: {}", missing.join(", ")));
    }
    faults
}

/// Rows of these columns, the last of which names tests, where a test does not exist or none is named.
fn table_faults(text: &str, columns: &[&str], exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let Some(row) = line.strip_prefix("| ").and_then(|l| l.strip_suffix(" |")) else { continue };
        let cells: Vec<&str> = row.split(" | ").collect();
        if cells == columns {
            continue;
        }
        let names: Vec<&str> = cells.last().into_iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        if cells.len() != columns.len() || names.is_empty() {
            faults.push(format!("line {}: not of the form {}, the last as `name`", at + 1, columns.join(", ")));
        }
        faults.extend(names.into_iter().filter(|n| !exists(n)).map(|n| format!("line {}: there is no test named {n}", at + 1)));
    }
    faults
}

fn count(list: &[Row]) -> String {
    let mut out = String::from("document  lines  done  planned  ruled out\n");
    for (letter, _, document) in DOCUMENTS {
        let rows: Vec<&Row> = list.iter().filter(|row| row.id.starts_with(letter)).collect();
        let with = |prefix: &str| rows.iter().filter(|row| row.state.starts_with(prefix)).count();
        out +=
            &format!("{document} {letter} {:>9}{:>6}{:>9}{:>11}\n", rows.len(), with("done"), with("planned"), with("ruled out"));
    }
    out
}

/// The names of all test functions of the project: whatever follows `fn` on the lines after a test attribute, and inside `proptest!`.
fn tests(root: &Path) -> Result<BTreeSet<String>, String> {
    let mut list = shell::git(root, 0);
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.rs"]);
    let mut names = BTreeSet::new();
    for path in shell::text(&mut list)?.split_terminator('\0') {
        names.extend(test_names(&std::fs::read_to_string(root.join(path)).unwrap_or_default()));
    }
    Ok(names)
}

fn test_names(source: &str) -> Vec<String> {
    let mut armed = false;
    let mut names = Vec::new();
    for line in source.lines().map(str::trim) {
        armed |= line.starts_with("#[") && line.contains("test") && !line.contains("cfg(");
        let signature = line.trim_start_matches("pub ").trim_start_matches("async ");
        if let Some(rest) = signature.strip_prefix("fn ").filter(|_| armed) {
            names.extend(rest.split(['(', '<']).next().map(str::to_owned));
            armed = false;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(change: impl Fn(&str, &str) -> String) -> String {
        let ids = DOCUMENTS.iter().flat_map(|(letter, last, _)| (1..=*last).map(move |n| format!("{letter}{n:03}")));
        ids.map(|id| change(&id, &format!("| {id} | words | planned |\n"))).collect()
    }

    fn faults_of(text: &str) -> String {
        faults(&parse(text), &|name| name == "a_test").join("\n")
    }

    #[test]
    fn a_whole_list_has_no_fault() {
        let text = whole(|id, line| match id {
            "C001" => "| C001 | words | done (`a_test`) |\n".to_owned(),
            "C002" => "| C002 | words | ruled out (K08: measured unsafe) |\n".to_owned(),
            _ => line.to_owned(),
        });
        assert_eq!(faults_of(&text), "");
        assert_eq!(parse(&text).len(), 533);
    }

    #[test]
    fn what_is_missing_twice_unknown_or_stateless_is_named() {
        let missing = whole(|id, line| if id == "L007" { String::new() } else { line.to_owned() });
        assert_eq!(faults_of(&missing), "missing: L007");
        let twice = whole(|id, line| if id == "C002" { line.repeat(2) } else { line.to_owned() });
        assert_eq!(faults_of(&twice), "line 3: C002 stands on line 2 too");
        let unknown = whole(|_, line| line.to_owned()) + "| C049 | words | planned |\n";
        assert_eq!(faults_of(&unknown), "line 534: C049 is no id of the documents");
        for state in ["", "later", "done", "done ()", "ruled out", "ruled out ( )"] {
            let text = whole(|id, line| if id == "C001" { format!("| C001 | words | {state} |\n") } else { line.to_owned() });
            assert!(faults_of(&text).starts_with("line 1: C001: state"), "{state}");
        }
        let absent =
            whole(|id, line| if id == "C001" { "| C001 | w | done (a_test, no_test) |\n".to_owned() } else { line.to_owned() });
        assert_eq!(faults_of(&absent), "line 1: C001: done, but there is no test or file named no_test");
    }

    #[test]
    fn a_row_of_a_table_names_tests_that_exist() {
        let columns = ["condition", "what happens", "exit code", "test"];
        let faults = |text: &str| table_faults(text, &columns, &|name| name == "a_test").len();
        let head = "# Safety\n\n| condition | what happens | exit code | test |\n|---|---|---|---|\n";
        assert_eq!(faults(&format!("{head}| a | b | 5 | `a_test` |\n")), 0);
        for wrong in
            ["| a | b | 5 | `no_test` |", "| a | b | 5 | a_test |", "| a | b | `a_test` |", "| a | b | 5 | `a_test`, `x` |"]
        {
            assert_eq!(faults(&format!("{head}{wrong}\n")), 1, "{wrong}");
        }
    }

    #[test]
    fn test_functions_are_found_by_their_attribute() {
        let source = "fn helper() {}\n#[test]\n#[ignore]\nfn one() {}\nfn other() {}\n#[tokio::test]\nasync fn two() {}\n";
        assert_eq!(test_names(source), ["one", "two"]);
    }
}
