//! Text that must not be in a tracked file: directories of one machine, and hosts or mirrors of package registries.

use super::Finding;

/// Written in two halves, or this file would break its own rule.
const DIRECTORIES: [(&str, &str); 2] = [("/wo", "rk/"), ("/ro", "ot/")];
/// These hold one directory per person; without a name they are nobody's.
const HOMES: [(&str, &str); 2] = [("/ho", "me/"), ("/Us", "ers/")];
const HOSTS: [(&str, &str); 7] = [
    ("index.", "crates.io"),
    ("static.", "crates.io"),
    ("registry.", "npmjs.org"),
    ("files.", "pythonhosted.org"),
    ("pypi.", "org/simple"),
    ("proxy.", "golang.org"),
    ("sparse+", "http"),
];
/// The only source that a lock file may name: it means "the public registry" and is no host that is asked.
const LOCKED: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut report = |what: String| found.push(Finding { path: path.to_owned(), line: at + 1, rule: "words", what });
        let directories = DIRECTORIES.map(|(a, b)| (format!("{a}{b}"), false));
        for (word, needs_name) in directories.into_iter().chain(HOMES.map(|(a, b)| (format!("{a}{b}"), true))) {
            if names_directory(line, &word, needs_name) {
                report(format!("`{word}…` is a directory of one machine: use a relative path, `~` or a temporary directory"));
            }
        }
        for word in HOSTS.map(|(a, b)| format!("{a}{b}")) {
            if line.contains(&word) {
                report(format!("`{word}` is a package registry: which one is used is the business of each machine; leave it out"));
            }
        }
        if path.ends_with("Cargo.lock") && line.starts_with("source = ") && line != LOCKED {
            report("a locked crate comes from somewhere else than the public registry: restore the source line".to_owned());
        }
    }
    found
}

/// Whether an absolute path starts with `word` in `line`; the middle of a longer path or of a URL is not meant.
fn names_directory(line: &str, word: &str, needs_name: bool) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let named = line[at + word.len()..].starts_with(|c: char| c.is_ascii_alphanumeric());
        before.is_none_or(|c| c.is_whitespace() || "\"'`(=:[,/|".contains(c)) && (named || !needs_name)
    })
}
