//! The commands of `check.lint` and `check.test`: which files each is for, and how it is started.
//!
//! ```text
//! entry    = [selector {"," selector} ": "] command
//! selector = a language (python, rust …) or a pattern (*.py, src/**/*.ts, web/)
//! ```
//!
//! Invariants
//! - A file's name never becomes a part of a shell line: names are the line's arguments, and one that begins with a dash is
//!   written so that no program takes it for an option.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use crate::base::path::RepoPath;

/// A language's names and the ends of its files' names.
const LANGUAGES: &[(&[&str], &[&str])] = &[
    (&["bash", "sh", "shell"], &["bash", "sh"]),
    (&["c"], &["c", "h"]),
    (&["c++", "cpp"], &["cc", "cpp", "cxx", "h", "hh", "hpp", "hxx"]),
    (&["c#", "csharp"], &["cs"]),
    (&["css"], &["css", "less", "scss"]),
    (&["go"], &["go"]),
    (&["html"], &["htm", "html"]),
    (&["java"], &["java"]),
    (&["javascript", "js"], &["cjs", "js", "jsx", "mjs"]),
    (&["json"], &["json"]),
    (&["kotlin"], &["kt", "kts"]),
    (&["lua"], &["lua"]),
    (&["markdown", "md"], &["md"]),
    (&["php"], &["php"]),
    (&["py", "python"], &["py", "pyi"]),
    (&["rb", "ruby"], &["gemspec", "rake", "rb"]),
    (&["rs", "rust"], &["rs"]),
    (&["scala"], &["scala"]),
    (&["sql"], &["sql"]),
    (&["swift"], &["swift"]),
    (&["toml"], &["toml"]),
    (&["ts", "typescript"], &["cts", "mts", "ts", "tsx"]),
    (&["yaml", "yml"], &["yaml", "yml"]),
    (&["zig"], &["zig"]),
];

/// One command of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    selectors: Vec<Selector>,
    /// As the user wrote it.
    pub(super) line: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Selector {
    Endings(&'static [&'static str]),
    Pattern(String),
}

impl Command {
    /// Reads an entry. What stands before the first colon is a selector only if it looks like nothing else: then no word of
    /// the command itself is taken for one.
    pub(super) fn parse(entry: &str) -> Self {
        let entry = entry.trim();
        let plain = || Self { selectors: Vec::new(), line: entry.to_owned() };
        let Some((before, line)) = entry.split_once(": ") else { return plain() };
        let read: Option<Vec<Selector>> = before.split(',').map(|one| selector(one.trim())).collect();
        match read {
            Some(selectors) if !line.trim().is_empty() => Self { selectors, line: line.trim().to_owned() },
            _ => plain(),
        }
    }

    /// The files that it is about, of those that a turn changed and whether each is still there; `None` when it has nothing
    /// to do.
    pub(super) fn files<'p>(&self, changed: &[(&'p RepoPath, bool)], append: bool) -> Option<Vec<&'p RepoPath>> {
        let meant = |path: &RepoPath| self.selectors.is_empty() || self.selectors.iter().any(|s| s.takes(path));
        let mut any = changed.iter().filter(|(path, _)| meant(path)).peekable();
        any.peek()?;
        let files: Vec<&RepoPath> = any.filter(|(_, there)| *there).map(|(path, _)| *path).collect();
        (!files.is_empty() || !self.takes_files(append)).then_some(files)
    }

    fn takes_files(&self, append: bool) -> bool {
        self.line.contains("{files}") || (append && !self.selectors.is_empty())
    }

    /// The arguments of `sh`. Files are given where `{files}` stands; without that, a command with a selector gets them at
    /// its end when `append` says so, and one without a selector is for the project as a whole.
    pub(super) fn arguments(&self, files: &[&RepoPath], append: bool) -> Vec<OsString> {
        let line = if self.line.contains("{files}") {
            self.line.replace("{files}", "\"$@\"")
        } else if self.takes_files(append) {
            format!("{} \"$@\"", self.line)
        } else {
            self.line.clone()
        };
        // One stream, so that errors stand where they were printed.
        let mut out: Vec<OsString> = ["-c", &format!("exec 2>&1\n{line}"), "sh"].map(OsString::from).into();
        out.extend(files.iter().map(|path| {
            let name = path.as_bytes();
            let safe = if name.starts_with(b"-") { [b"./", name].concat() } else { name.to_vec() };
            OsString::from_vec(safe)
        }));
        out
    }
}

/// A word that stands where a language should and is none: no program's name ends with a colon.
pub(in crate::agent) fn unknown_language(entry: &str) -> Option<&str> {
    let (before, _) = entry.trim().split_once(": ")?;
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '#' | '-' | '_');
    let words: Vec<&str> = before.split(',').map(str::trim).collect();
    let like_words = words.iter().all(|one| selector(one).is_some() || (!one.is_empty() && one.chars().all(word)));
    words.into_iter().find(|one| like_words && selector(one).is_none())
}

fn selector(text: &str) -> Option<Selector> {
    let lower = text.to_ascii_lowercase();
    if let Some((_, endings)) = LANGUAGES.iter().find(|(names, _)| names.contains(&lower.as_str())) {
        return Some(Selector::Endings(endings));
    }
    let looks_like_path = text.contains(['*', '/', '.', '?']);
    (looks_like_path && !text.contains(|c: char| c.is_whitespace())).then(|| Selector::Pattern(text.to_owned()))
}

impl Selector {
    fn takes(&self, path: &RepoPath) -> bool {
        let bytes = path.as_bytes();
        let name = bytes.rsplit(|b| *b == b'/').next().unwrap_or_default();
        match self {
            Self::Endings(endings) => {
                let ending = name.iter().rposition(|b| *b == b'.').map(|at| &name[at + 1..]).unwrap_or_default();
                endings.iter().any(|known| known.as_bytes() == ending)
            }
            Self::Pattern(pattern) => {
                let pattern = pattern.trim_start_matches("./");
                match pattern.strip_suffix('/') {
                    Some(directory) => bytes.strip_prefix(directory.as_bytes()).is_some_and(|rest| rest.starts_with(b"/")),
                    // As in .gitignore: without a slash it is about the name, wherever the file is.
                    None if !pattern.contains('/') => fits(pattern.as_bytes(), name),
                    None => fits(pattern.trim_start_matches('/').as_bytes(), bytes),
                }
            }
        }
    }
}

/// `*` and `?` stand for what is no slash, `**/` for any directories, `**` for anything.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', b'*', b'/', rest @ ..] => {
            fits(rest, text) || text.iter().enumerate().any(|(at, b)| *b == b'/' && fits(rest, &text[at + 1..]))
        }
        [b'*', b'*', rest @ ..] => (0..=text.len()).any(|at| fits(rest, &text[at..])),
        [b'*', rest @ ..] => {
            let end = text.iter().position(|b| *b == b'/').unwrap_or(text.len());
            (0..=end).any(|at| fits(rest, &text[at..]))
        }
        [b'?', rest @ ..] => text.split_first().is_some_and(|(b, after)| *b != b'/' && fits(rest, after)),
        [b, rest @ ..] => text.split_first().is_some_and(|(first, after)| first == b && fits(rest, after)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> RepoPath {
        RepoPath::new(name).expect("a path")
    }

    fn taken(entry: &str) -> Vec<String> {
        let all = ["a.py", "src/b.py", "src/deep/c.ts", "web/d.js", "README.md", "web/e.css"].map(path);
        let files = Command::parse(entry).files(&all.iter().map(|path| (path, true)).collect::<Vec<_>>(), true);
        files.unwrap_or_default().into_iter().map(ToString::to_string).collect()
    }

    #[test]
    fn entries_say_which_files_they_are_for() {
        for (entry, files) in [
            ("python: ruff check", &["a.py", "src/b.py"][..]),
            ("*.py: ruff check", &["a.py", "src/b.py"]),
            ("src/*.py: ruff check", &["src/b.py"]),
            ("src/**/*.ts, web/: eslint", &["src/deep/c.ts", "web/d.js", "web/e.css"]),
            ("**/*.ts: x", &["src/deep/c.ts"]),
            ("Makefile: x", &["a.py", "src/b.py", "src/deep/c.ts", "web/d.js", "README.md", "web/e.css"]),
            ("rust: cargo clippy", &[]),
            ("README.??: spell", &["README.md"]),
        ] {
            assert_eq!(taken(entry), files, "{entry}");
        }
    }

    #[test]
    fn a_deleted_file_is_given_to_nobody() {
        let gone = path("a.py");
        let files = |entry: &str, append| Command::parse(entry).files(&[(&gone, false)], append);
        assert_eq!(files("python: ruff check", true), None);
        assert_eq!(files("ruff check {files}", false), None);
        assert_eq!(files("python: pytest", false), Some(Vec::new()));
        assert_eq!(files("make test", true), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_selector_belongs_to_the_command() {
        for entry in ["make: all", "echo a: b", "sh -c 'x: y.z'", "cargo test", "*.py:", "./check: x y"] {
            assert_eq!(Command::parse(entry).line, if entry.starts_with('.') { "x y" } else { entry }, "{entry}");
        }
    }

    #[test]
    fn names_of_files_are_arguments_and_never_shell_text() {
        let odd = [path("-rf"), path("a b;$(x).py")];
        let odd: Vec<&RepoPath> = odd.iter().collect();
        let shown = |entry: &str, append| {
            let args = Command::parse(entry).arguments(&odd, append);
            args.into_iter().map(|a| a.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(shown("python: ruff check", true), ["-c", "exec 2>&1\nruff check \"$@\"", "sh", "./-rf", "a b;$(x).py"]);
        assert_eq!(shown("ruff {files} --x", false)[1], "exec 2>&1\nruff \"$@\" --x");
        assert_eq!(shown("cargo clippy", true)[1], "exec 2>&1\ncargo clippy");
        assert_eq!(shown("python: pytest", false)[1], "exec 2>&1\npytest");
    }
}
