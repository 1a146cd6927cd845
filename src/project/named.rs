//! The tracked files that a message names.
//!
//! Invariants
//! - A whole path is taken at once, a base name or the end of a path only when exactly one tracked file has it.
//! - An ordinary word never names a file: without a dot or slash only a file in the root counts, and when its name is in
//!   lower case (`build`, `test`) only in quotes, in back-ticks or behind `./`.
//! - One pass over the tracked paths, whatever the message.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::path::RepoPath;
use crate::base::tree::SourceTree;

/// How a message names a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By its path from the root.
    Path,
    /// By its base name or the end of its path, which no other tracked file has.
    Name,
}

/// A file that the message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub path: RepoPath,
    pub how: How,
}

/// A name that several tracked files have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguous {
    /// As it stands in the message.
    pub name: String,
    /// In byte order; at least two.
    pub paths: Vec<RepoPath>,
}

/// What a message names, in the order of first mention.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamedFiles {
    pub files: Vec<Named>,
    /// Not taken. Names that a whole path elsewhere in the message explains are left out.
    pub ambiguous: Vec<Ambiguous>,
}

/// Finds the tracked files that `message` names.
pub fn named_files(message: &str, tree: &dyn SourceTree) -> NamedFiles {
    let mentions = mentions(message);
    let wanted: BTreeSet<&[u8]> = mentions.iter().flatten().flatten().map(|reading| base(reading.text).as_bytes()).collect();
    let mut by_name: BTreeMap<&[u8], Vec<&RepoPath>> = BTreeMap::new();
    for path in tree.paths() {
        if let Some(name) = wanted.get(path.file_name()) {
            by_name.entry(name).or_default().push(path);
        }
    }
    let mut found = Found::default();
    for mention in &mentions {
        // Parts of a word count only when the word as a whole names nothing.
        let (whole, parts) = mention.split_first().unwrap_or((const { &Vec::new() }, &[]));
        if !take(whole, &by_name, &mut found) {
            for part in parts {
                take(part, &by_name, &mut found);
            }
        }
    }
    let Found { files, mut ambiguous, taken, .. } = found;
    ambiguous.retain(|a| !a.paths.iter().any(|path| taken.contains(path)));
    NamedFiles { files, ambiguous }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    files: Vec<Named>,
    ambiguous: Vec<Ambiguous>,
    /// The paths in `files` and the names in `ambiguous`.
    taken: BTreeSet<RepoPath>,
    told: BTreeSet<String>,
}

/// One way to read a piece of a word.
#[derive(Debug, Clone, Copy)]
struct Reading<'a> {
    text: &'a str,
    /// Set apart from the sentence by quotes, back-ticks or `./`.
    marked: bool,
}

/// The readings of a piece of text, the most literal first.
type Piece<'a> = Vec<Reading<'a>>;

/// Each word as a list of pieces: the whole word, then its parts. Quoted text with blanks in it counts as a word too.
fn mentions(message: &str) -> Vec<Vec<Piece<'_>>> {
    let mut all = Vec::new();
    for line in message.lines() {
        for quote in ['`', '"'] {
            for quoted in line.split(quote).skip(1).step_by(2).filter(|text| text.contains(char::is_whitespace)) {
                all.push(vec![vec![Reading { text: quoted, marked: true }]]);
            }
        }
        for word in line.split_whitespace().filter(|word| !word.contains("://")) {
            let marked = word.contains(['`', '"', '\'']);
            let mut pieces = vec![readings(word, marked)];
            if word.contains(SEPARATORS) {
                pieces.extend(word.split(SEPARATORS).filter(|part| !part.is_empty()).map(|part| readings(part, marked)));
            }
            all.push(pieces);
        }
    }
    all
}

const SEPARATORS: &[char] =
    &['`', '"', '\'', '(', ')', '[', ']', '{', '}', '<', '>', ',', ';', '|', '=', '“', '”', '‘', '’', '«', '»'];
const LEADING: &[char] = &['`', '"', '\'', '(', '[', '{', '<', '@', '“', '‘', '«', '¿', '¡'];
const TRAILING: &[char] = &['`', '"', '\'', ')', ']', '}', '>', ',', ';', ':', '.', '!', '?', '…', '”', '’', '»', '。', '，', '、'];

fn readings(piece: &str, marked: bool) -> Piece<'_> {
    let trimmed = piece.trim_start_matches(LEADING).trim_end_matches(TRAILING);
    let plain = trimmed.trim_matches(['*', '_']).trim_start_matches(LEADING).trim_end_matches(TRAILING);
    let mut texts: Vec<&str> = Vec::new();
    for text in [piece, trimmed, plain] {
        for text in [text, without_line(text)] {
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    let unmark = |text| {
        let rest = str::trim_start_matches(text, "./");
        Reading { text: rest, marked: marked || rest.len() < text.len() }
    };
    texts.into_iter().map(unmark).collect()
}

/// `text` without the line numbers that compilers and forges put behind a path: `:12`, `:12:5`, `:12-20`, `#L12-L20`, `(12,5)`.
fn without_line(text: &str) -> &str {
    let is_place = |rest: &str, extra: &[char]| {
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.chars().all(|c| c.is_ascii_digit() || extra.contains(&c))
    };
    if let Some((path, place)) = text.rsplit_once("#L") {
        return if is_place(place, &['-', 'L', 'C']) { path } else { text };
    }
    if let Some((path, place)) = text.split_once('(') {
        return if is_place(place.trim_end_matches([')', ':']), &[',']) { path } else { text };
    }
    match text.split_once(':') {
        Some((path, place)) if is_place(place, &[':', '-']) => path,
        _ => text,
    }
}

/// What follows the last slash.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Adds what the first fitting reading names; whether one did.
fn take(readings: &[Reading<'_>], by_name: &BTreeMap<&[u8], Vec<&RepoPath>>, found: &mut Found) -> bool {
    for &Reading { text, marked } in readings {
        let Some(same_name) = by_name.get(base(text).as_bytes()) else { continue };
        if let Some(path) = same_name.iter().find(|path| path.as_bytes() == text.as_bytes()) {
            let plain_word = !text.contains(['.', '/']) && text.bytes().all(|b| b.is_ascii_lowercase()) && !text.ends_with("file");
            if marked || !plain_word {
                add(found, path, How::Path);
                return true;
            }
            continue;
        }
        if !base(text).contains('.') {
            continue;
        }
        let ends_so = |path: &RepoPath| {
            path.as_bytes().strip_suffix(text.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.ends_with(b"/"))
        };
        let paths: Vec<RepoPath> = same_name.iter().filter(|path| ends_so(path)).map(|path| (*path).clone()).collect();
        match &paths[..] {
            [] => continue,
            [path] => add(found, path, How::Name),
            _ if !found.told.insert(text.to_owned()) => {}
            _ => found.ambiguous.push(Ambiguous { name: text.to_owned(), paths }),
        }
        return true;
    }
    false
}

fn add(found: &mut Found, path: &RepoPath, how: How) {
    if found.taken.insert(path.clone()) {
        found.files.push(Named { path: path.clone(), how });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only the paths matter here.
    struct Paths(Vec<RepoPath>);

    impl SourceTree for Paths {
        fn paths(&self) -> &[RepoPath] {
            &self.0
        }

        fn read(&self, _: &RepoPath) -> std::io::Result<Option<crate::base::change::FileState>> {
            Ok(None)
        }
    }

    fn tree(paths: &[&str]) -> Paths {
        let mut paths: Vec<RepoPath> = paths.iter().map(|p| RepoPath::new(*p).expect("a path")).collect();
        paths.sort();
        Paths(paths)
    }

    const FILES: &[&str] = &[
        "LICENSE",
        "Makefile",
        "README",
        "README.md",
        "app/[id]/page (old).tsx",
        "app/[id]/page.tsx",
        "build",
        "docs/README.md",
        "justfile",
        "my notes.txt",
        "pkg/__init__.py",
        "src/a.rs",
        "src/asdf.rs",
        "src/cli/mod.rs",
        "src/net/mod.rs",
        ".gitignore",
        "tools/test",
    ];

    fn taken(message: &str) -> Vec<String> {
        named_files(message, &tree(FILES)).files.into_iter().map(|named| named.path.to_string()).collect()
    }

    #[test]
    fn paths_and_unique_names_in_sentences() {
        for (message, expected) in [
            ("Please implement the xyz function stub in asdf.rs", &["src/asdf.rs"][..]),
            ("fix src/a.rs.", &["src/a.rs"]),
            ("in (src/a.rs), `asdf.rs`; and \"README.md\"!", &["src/a.rs", "src/asdf.rs", "README.md"]),
            ("src/a.rs:12: error; ./src/asdf.rs:3:7", &["src/a.rs", "src/asdf.rs"]),
            ("src/a.rs#L10-L20 and asdf.rs(4,2): x", &["src/a.rs", "src/asdf.rs"]),
            ("src/a.rs,asdf.rs", &["src/a.rs", "src/asdf.rs"]),
            ("see [the file](src/a.rs) and **asdf.rs**", &["src/a.rs", "src/asdf.rs"]),
            ("@src/a.rs asdf.rs's tests", &["src/a.rs", "src/asdf.rs"]),
            ("cli/mod.rs:9", &["src/cli/mod.rs"]),
            ("pkg/__init__.py, or __init__.py.", &["pkg/__init__.py"]),
            ("app/[id]/page.tsx, please", &["app/[id]/page.tsx"]),
            ("`app/[id]/page (old).tsx` and `my notes.txt`", &["app/[id]/page (old).tsx", "my notes.txt"]),
            ("file=src/a.rs", &["src/a.rs"]),
            ("update .gitignore", &[".gitignore"]),
            ("the Makefile, the LICENSE, the README and the justfile", &["Makefile", "LICENSE", "README", "justfile"]),
            ("run `build` or ./build", &["build"]),
            ("“asdf.rs”…", &["src/asdf.rs"]),
            ("a src/a.rs again src/a.rs", &["src/a.rs"]),
        ] {
            assert_eq!(taken(message), expected, "{message}");
        }
    }

    #[test]
    fn words_and_addresses_name_nothing() {
        for message in [
            "build it and run the test",
            "makefile license readme",
            "https://example.com/src/a.rs",
            "the asdf module, e.g. this one",
            "xsrc/a.rs src/a.rsx SRC/A.RS ../src/a.rs",
            "src src/ . / ./ .. … `` \"\" ()",
            "tests, page, mod",
            "",
        ] {
            assert_eq!(named_files(message, &tree(FILES)), NamedFiles::default(), "{message}");
        }
    }

    #[test]
    fn names_of_several_files_are_reported_not_taken() {
        let found = named_files("fix mod.rs, really mod.rs", &tree(FILES));
        let [ambiguous] = &found.ambiguous[..] else { panic!("{found:?}") };
        assert_eq!((found.files.len(), ambiguous.name.as_str(), ambiguous.paths.len()), (0, "mod.rs", 2));
        let found = named_files("fix mod.rs, I mean src/net/mod.rs", &tree(FILES));
        assert_eq!((found.files.len(), found.files[0].how, found.ambiguous.len()), (1, How::Path, 0));
        assert_eq!(named_files("asdf.rs", &tree(FILES)).files[0].how, How::Name);
    }

    #[test]
    fn large_repositories_and_long_messages_are_one_pass() {
        let many: Vec<String> = (0..60_000).map(|n| format!("crates/c{}/src/file{n}.rs", n % 500)).collect();
        let tree = tree(&many.iter().map(String::as_str).collect::<Vec<_>>());
        let message = format!("fix file59999.rs {}", "and some other words, foo.bar(baz): 12\n".repeat(5_000));
        assert_eq!(named_files(&message, &tree).files.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_message_is_read(message in "[ a-c./:#L0-9`\"'()\\[\\]*_@é“\n]{0,60}") {
            let paths = tree(&["a", "a.b", "b/a.b", "c/a.b", "b/c", "a/b.c"]);
            let found = named_files(&message, &paths);
            for named in &found.files {
                proptest::prop_assert!(message.contains(base(&named.path.to_string())));
            }
            proptest::prop_assert!(found.ambiguous.iter().all(|a| a.paths.len() > 1));
        }

        #[test]
        fn every_path_is_found_in_back_ticks(at in 0..FILES.len()) {
            let found = named_files(&format!("see `{}`:", FILES[at]), &tree(FILES));
            proptest::prop_assert_eq!(found.files[0].path.to_string(), FILES[at]);
        }
    }
}
