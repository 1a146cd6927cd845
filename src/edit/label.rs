//! Which file a block means: reading a path out of the line that names it.
//!
//! A line is a path only as a whole, apart from decoration; a path inside a sentence names nothing. A guess is taken only
//! where it is the only one possible, and never for a file that is to be created.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::path::RepoPath;

use super::plan::BadTarget;

/// The paths that a model may mean.
pub(super) struct Known {
    by_name: BTreeMap<Vec<u8>, Vec<RepoPath>>,
    /// Those that the answer makes itself.
    made: BTreeSet<RepoPath>,
}

/// Files that are commonly named by one word without a dot.
const PLAIN_NAMES: [&str; 12] = [
    "Makefile",
    "Dockerfile",
    "Containerfile",
    "Justfile",
    "justfile",
    "Gemfile",
    "Rakefile",
    "Procfile",
    "LICENSE",
    "README",
    "CHANGELOG",
    "CODEOWNERS",
];

/// How names of files end that people write about.
const ENDS: [&str; 98] = [
    "adoc",
    "astro",
    "bash",
    "bat",
    "bazel",
    "bzl",
    "c",
    "cc",
    "cfg",
    "cjs",
    "clj",
    "cljs",
    "cmake",
    "conf",
    "cpp",
    "cs",
    "csproj",
    "css",
    "csv",
    "cts",
    "cxx",
    "dart",
    "dockerfile",
    "eex",
    "ejs",
    "elm",
    "env",
    "erb",
    "erl",
    "ex",
    "exs",
    "fish",
    "fs",
    "go",
    "gql",
    "gradle",
    "graphql",
    "groovy",
    "h",
    "haml",
    "hbs",
    "hcl",
    "heex",
    "hpp",
    "hrl",
    "hs",
    "html",
    "htm",
    "ini",
    "ipynb",
    "java",
    "jl",
    "js",
    "json",
    "jsonc",
    "jsx",
    "kt",
    "kts",
    "less",
    "lock",
    "lua",
    "m",
    "md",
    "mdx",
    "mjs",
    "mk",
    "ml",
    "mli",
    "mm",
    "mod",
    "mts",
    "nim",
    "nix",
    "php",
    "pl",
    "pm",
    "properties",
    "proto",
    "ps1",
    "py",
    "pyi",
    "r",
    "rb",
    "rs",
    "rst",
    "sass",
    "scala",
    "scss",
    "sh",
    "sql",
    "svelte",
    "svg",
    "swift",
    "tf",
    "tmpl",
    "toml",
    "ts",
    "tsx",
];
/// More of them, of plain texts and data.
const TEXTS: [&str; 12] = ["txt", "vue", "vb", "v", "xml", "yaml", "yml", "zig", "zsh", "tpl", "j2", "tsv"];

impl Known {
    pub(super) fn new(paths: &[RepoPath]) -> Self {
        let mut by_name: BTreeMap<Vec<u8>, Vec<RepoPath>> = BTreeMap::new();
        for path in paths {
            by_name.entry(path.file_name().to_vec()).or_default().push(path.clone());
        }
        Self { by_name, made: BTreeSet::new() }
    }

    /// The answer makes a file.
    pub(super) fn add(&mut self, path: &RepoPath) {
        self.made.insert(path.clone());
    }

    fn named(&self, path: &str) -> &[RepoPath] {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.by_name.get(name.as_bytes()).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has(&self, path: &str) -> bool {
        let made = || RepoPath::new(path).is_ok_and(|path| self.made.contains(&path));
        self.named(path).iter().any(|known| known.as_bytes() == path.as_bytes()) || made()
    }

    /// Whether a text that looks like a path, above a block that nobody announced, is a file's: it is known, or its name is one
    /// as files have. Headings are full of dots and slashes: `Node.js`, `CI/CD`, `os.path.join`.
    pub(super) fn is_likely(&self, written: &str) -> bool {
        let plain = self.plain(written);
        if self.has(&plain) || self.resolve(&plain, false).is_ok_and(|path| self.has(&path.to_string())) {
            return true;
        }
        let (directory, name) = plain.rsplit_once('/').map_or((None, plain.as_str()), |(directory, name)| (Some(directory), name));
        let Some((stem, end)) = name.rsplit_once('.') else {
            let there = |directory: &str| {
                self.by_name.values().flatten().any(|path| path.to_string().starts_with(&format!("{directory}/")))
            };
            return PLAIN_NAMES.contains(&name)
                || directory.is_some_and(|d| there(d) || plain.bytes().all(|b| !b.is_ascii_uppercase()));
        };
        let product = directory.is_none() && end == "js" && stem.starts_with(|c: char| c.is_ascii_uppercase());
        stem.is_empty() || (ENDS.contains(&end) || TEXTS.contains(&end)) && !product
    }

    /// The path in its plain form: no leading `./`, and `/` between the parts.
    fn plain(&self, written: &str) -> String {
        let mut path = written.trim();
        while let Some(rest) = path.strip_prefix("./").or_else(|| path.strip_prefix(".\\")) {
            path = rest;
        }
        if path.contains('\\') && !self.has(path) { path.replace('\\', "/") } else { path.to_owned() }
    }

    /// The file that `written` names. Unless it is to be taken exactly, an unknown path that is the end of one known path
    /// means that one.
    pub(super) fn resolve(&self, written: &str, exactly: bool) -> Result<RepoPath, BadTarget> {
        let plain = self.plain(written);
        let path = RepoPath::new(plain.as_str()).map_err(|why| BadTarget { written: written.to_owned(), why });
        if exactly || self.has(&plain) {
            return path;
        }
        if let Some(known) = self.known_elsewhere(&plain) {
            return Ok(known.clone());
        }
        let path = path?;
        let tail = format!("/{plain}");
        let mut ends = self.named(&plain).iter().filter(|known| known.as_bytes().ends_with(tail.as_bytes()));
        match (ends.next(), ends.next()) {
            (Some(only), None) => Ok(only.clone()),
            _ => Ok(path),
        }
    }

    /// The known file that a path means which begins at another place: `/repo/src/a.rs`, `original/a.rs`. A directory in front that
    /// is not known may be one that is not tracked, so it is not just left out.
    fn known_elsewhere(&self, plain: &str) -> Option<&RepoPath> {
        const SIDES: [&str; 13] =
            ["a", "b", "c", "i", "w", "o", "old", "new", "original", "modified", "updated", "before", "after"];
        let from = |at: usize| self.named(plain).iter().find(|known| known.as_bytes() == &plain.as_bytes()[at..]);
        if let Some((first, _)) = plain.split_once('/').filter(|(first, _)| SIDES.contains(first)) {
            return from(first.len() + 1);
        }
        let rest = plain.strip_prefix('/')?;
        // Of a longer path a name alone proves too little.
        let short = rest.matches('/').count() < 2;
        plain.match_indices('/').filter(|(at, _)| short || plain[at + 1..].contains('/')).find_map(|(at, _)| from(at + 1))
    }

    /// The path that `line` consists of, if it is one.
    pub(super) fn path_line(&self, line: &str) -> Option<String> {
        if line.len() > 2048 {
            return None;
        }
        let (bare, quoted) = undecorated(line);
        self.is_path(bare, quoted).then(|| bare.to_owned())
    }

    /// A path in a fence's info string: ```` ```rust src/a.rs ````, ```` ```src/a.rs ````, ```` ```rust:src/a.rs ````.
    pub(super) fn path_in_info(&self, info: &str) -> Option<String> {
        // `12:15:src/a.rs` quotes lines of a file that is there.
        let number = |part: Option<&str>| part.is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        info.split_whitespace()
            .filter(|word| !(number(word.split(':').next()) && number(word.split(':').nth(1))))
            .map(|word| {
                let value = ["title=", "file=", "filename=", "path="].iter().find_map(|key| word.strip_prefix(key));
                value.map_or_else(|| word.split_once(':').map_or(word, |(_, path)| path), |value| value.trim_matches('"'))
            })
            .find_map(|word| self.path_line(word))
    }

    /// The one known file that these lines speak of, the last of them first.
    pub(super) fn mentioned(&self, lines: &str) -> Option<String> {
        for line in lines.lines().rev().take(40) {
            let words = line.split(|c: char| c.is_whitespace() || "`'\"()<>[],;*".contains(c));
            let words = words.map(|word| word.trim_matches(|c: char| ":.!?#".contains(c)));
            let words =
                words.map(|word| word.split_once(':').map_or(word, |(path, _)| path)).filter(|word| word.contains(['.', '/']));
            let known = words.filter_map(|word| self.resolve(word, false).ok()).map(|path| path.to_string());
            let found: BTreeSet<String> = known.filter(|path| self.has(path)).collect();
            match found.len() {
                0 => {}
                1 => return found.into_iter().next(),
                _ => return None,
            }
        }
        None
    }

    /// Whether a sentence speaks of a file other than `path`.
    pub(super) fn mentions_other(&self, sentence: &str, path: &str) -> bool {
        let own = self.resolve(path, false).ok();
        sentence.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric() && !"./_-[]".contains(c))).any(
            |word| {
                let word = word.trim_end_matches('.');
                let file_like = word.contains('/') && self.is_path(word, false);
                (file_like || !self.named(&self.plain(word)).is_empty()) && self.resolve(word, false).ok() != own
            },
        )
    }

    fn is_path(&self, text: &str, quoted: bool) -> bool {
        if text.is_empty() || text.len() > 1024 || text.chars().any(char::is_control) {
            return false;
        }
        if self.has(&self.plain(text)) || PLAIN_NAMES.contains(&text) {
            return true;
        }
        if text.contains(|c: char| "{};=<>|\"*?`".contains(c))
            || (!quoted && (text.contains(char::is_whitespace) || text.ends_with('.')))
        {
            return false;
        }
        text.contains(['/', '\\']) || text.split('.').skip(1).any(|part| part.starts_with(char::is_alphanumeric))
    }
}

/// `line` without the decoration that people and models put around a path, and whether that decoration quoted it.
fn undecorated(line: &str) -> (&str, bool) {
    let mut text = line.trim().trim_start_matches('#').trim_start();
    for lead in ["// ", "- ", "* "] {
        text = text.strip_prefix(lead).map_or(text, str::trim_start);
    }
    if let Some((number, rest)) = text.split_once(". ")
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        text = rest.trim_start();
    }
    let mut quoted = false;
    loop {
        let before = text;
        text = text.trim_end_matches(':').trim();
        for word in ["File:", "file:", "Path:", "path:", "Filename:", "filename:", "**File:**", "**Path:**"] {
            text = text.strip_prefix(word).map_or(text, str::trim_start);
        }
        if text.ends_with(')')
            && let Some((path, _)) = text.rsplit_once(" (")
        {
            text = path.trim_end();
        }
        for sign in ["**", "`", "*", "\""] {
            if let Some(inner) = text.strip_prefix(sign).and_then(|t| t.strip_suffix(sign)) {
                (text, quoted) = (inner.trim(), true);
            }
        }
        if text == before {
            return (text, quoted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let paths = ["src/lib.rs", "src/a/mod.rs", "src/b/mod.rs", "My File.txt", "bin/tool"];
        Known::new(&paths.map(|p| RepoPath::new(p).expect("a path")))
    }

    #[test]
    fn decorated_paths_are_read_and_sentences_are_not() {
        for line in [
            "src/lib.rs",
            "**src/lib.rs**",
            "**`src/lib.rs`**",
            "### `src/lib.rs`",
            "`src/lib.rs`:",
            "- src/lib.rs",
            "2. src/lib.rs",
            "// src/lib.rs",
            "# src/lib.rs",
            "File: src/lib.rs",
            "**File:** src/lib.rs",
            "`src/lib.rs` (new file):",
            "**src/lib.rs:**",
        ] {
            assert_eq!(known().path_line(line).as_deref(), Some("src/lib.rs"), "{line:?}");
        }
        for (line, path) in [
            ("My File.txt", "My File.txt"),
            ("bin/tool", "bin/tool"),
            ("`new dir/x.md`", "new dir/x.md"),
            ("../up.rs", "../up.rs"),
            (".env", ".env"),
        ] {
            assert_eq!(known().path_line(line).as_deref(), Some(path));
        }
        for no in ["Then:", "Now change src/lib.rs", "Done.", "...", "e.g.", "foo(x);", "let x = a.b", "", "**", "`"] {
            assert_eq!(known().path_line(no), None, "{no:?}");
        }
        assert_eq!(known().path_in_info("rust src/x.rs").as_deref(), Some("src/x.rs"));
        assert_eq!(known().path_in_info("markdown:docs/x.md").as_deref(), Some("docs/x.md"));
        assert_eq!(known().path_in_info("rust,no_run"), None);
    }

    #[test]
    fn a_path_is_completed_only_when_one_is_meant() {
        let resolve = |text, exactly| known().resolve(text, exactly).map(|p| p.to_string()).map_err(|bad| bad.written);
        assert_eq!(resolve("lib.rs", false), Ok("src/lib.rs".to_owned()));
        assert_eq!(resolve("lib.rs", true), Ok("lib.rs".to_owned()));
        assert_eq!(resolve("mod.rs", false), Ok("mod.rs".to_owned()));
        assert_eq!(resolve("ib.rs", false), Ok("ib.rs".to_owned()));
        assert_eq!(resolve("././src\\lib.rs", false), Ok("src/lib.rs".to_owned()));
        assert_eq!(resolve(".\\src\\lib.rs", false), Ok("src/lib.rs".to_owned()));
        assert_eq!(resolve("/etc/passwd", false), Err("/etc/passwd".to_owned()));
    }

    #[test]
    fn mentions() {
        assert!(known().mentions_other("now in `bin/tool`:", "src/lib.rs"));
        assert!(known().mentions_other("and the mod.rs file", "src/lib.rs"));
        assert!(!known().mentions_other("also in lib.rs, at the end.", "src/lib.rs"));
        assert!(!known().mentions_other("Then add the function.", "src/lib.rs"));
    }
}
