//! Small texts: addresses, paths, what a message or a project says, numbers and escapes, and the merge.

use std::collections::BTreeSet;
use std::io;
use std::path::Component;

use retort::base::change::{FileMode, FileState};
use retort::base::clock::Timestamp;
use retort::base::hash::Sha256;
use retort::base::id::{Oid, SessionId, TurnKey};
use retort::base::json::{canonical, escape_into};
use retort::base::merge::{merge3, merge3_files};
use retort::base::money::Usd;
use retort::base::path::RepoPath;
use retort::base::text::{ellipsis, is_unsafe_to_show, neutralise, percent_decode, percent_encode, subject};
use retort::base::tree::{MemoryTree, SourceTree};
use retort::project::{instruction_files, named_files};
use retort::session::address::{Address, Base, Step};
use retort::session::refs::{RefName, SESSIONS};
use retort::session::request::ModelId;

use super::bytes::{joined, parts, text};

/// Text that reads as this address.
fn spelled(address: &Address) -> String {
    let mut out = match &address.base {
        Base::Here => "@".to_owned(),
        Base::Session(id) => id.to_string(),
        Base::Ref(text) | Base::Prefix(text) | Base::Commit(text) | Base::Name(text) => text.clone(),
    };
    for step in &address.steps {
        out += &match step {
            Step::Back(n) => format!("~{n}"),
            Step::Nth(n) => format!("/{n}"),
        };
    }
    out
}

/// An address that is read is the one that its own spelling means; one that is not is refused in one line.
pub fn address(data: &[u8]) {
    let given = text(data);
    match given.parse::<Address>() {
        Ok(read) => {
            let again = spelled(&read);
            assert_eq!(again.parse::<Address>().as_ref(), Ok(&read), "{again:?}");
            if let Base::Ref(name) | Base::Name(name) | Base::Prefix(name) | Base::Commit(name) = &read.base {
                assert!(!name.is_empty());
            }
            assert!(read.steps.iter().all(|step| *step != Step::Nth(0)));
            // Nothing of what was written is left out: it is the base, then the steps.
            let base = spelled(&Address { base: read.base, steps: Vec::new() });
            let written = given.strip_prefix(SESSIONS).filter(|rest| rest.starts_with(&base)).unwrap_or(&given);
            let steps = written.get(base.len()..).expect("it begins with its base");
            assert!(written[..base.len()].eq_ignore_ascii_case(&base), "{base:?} in {given:?}");
            assert!(steps.bytes().all(|byte| b"~-/0123456789".contains(&byte)), "{steps:?}");
            assert_eq!(steps.matches(['~', '-', '/']).count(), read.steps.len(), "{given:?}");
        }
        Err(why) => assert!(!why.to_string().contains('\n')),
    }
    if let Some(name) = RefName::parse(&given) {
        assert_eq!(name.to_string(), given);
    }
}

pub fn address_seeds() -> Vec<Vec<u8>> {
    let id = SessionId::from_bytes([3; 13]);
    let list = [
        "@",
        "@-",
        "@--~3",
        "fix-paging~2",
        "paging/7~",
        "paging@origin",
        "kxvq",
        "3fa2c1d",
        "refs/heads/main",
        "@~99999999999999999999",
        "x/1/2",
        "é.x",
    ];
    let mut seeds: Vec<Vec<u8>> = list.map(|text| text.as_bytes().to_vec()).to_vec();
    seeds.push(format!("refs/retort/sessions/{id}/2").into_bytes());
    seeds.push(format!("refs/retort/remotes/origin/meta/{id}").into_bytes());
    seeds.push(id.to_string().into_bytes());
    seeds
}

/// Whether a file system could take `part` for git's own directory. Written apart from the program's rule.
fn is_git(part: &[u8]) -> bool {
    let seen: String = text(part)
        .to_lowercase()
        .chars()
        .filter(|c| !matches!(*c as u32, 0x200c..=0x200f | 0x202a..=0x202e | 0x206a..=0x206f | 0xfeff))
        .collect();
    let stem = seen.split([':', '\\']).next().unwrap_or_default().trim_end_matches([' ', '.']).to_owned();
    stem == ".git" || stem == "git~1"
}

/// A path that is accepted stays inside and out of git's directory.
pub fn inside(path: &RepoPath) {
    let mut components = 0;
    for component in path.to_os().components() {
        let Component::Normal(part) = component else { panic!("{path} leaves the root") };
        assert!(!is_git(part.as_encoded_bytes()), "{path} is git's");
        components += 1;
    }
    assert_eq!(components, path.as_bytes().split(|byte| *byte == b'/').count(), "{path} has a part that is none");
    assert!(!path.as_bytes().contains(&0));
}

/// Paths, and what is made of them.
pub fn paths(data: &[u8]) {
    match RepoPath::new(data) {
        Ok(path) => {
            inside(&path);
            assert_eq!(path.as_bytes(), data);
            assert!(!path.to_string().chars().any(char::is_control), "{path:?}");
            assert!(data.ends_with(path.file_name()) && !path.file_name().is_empty());
            if let Some(extension) = path.extension() {
                assert!(path.file_name().ends_with(extension));
            }
            assert_eq!(RepoPath::new(percent_decode(&percent_encode(data))), Ok(path));
        }
        Err(why) => assert!(!why.to_string().is_empty()),
    }
    // The beginning of an accepted path is one too, up to any slash.
    if RepoPath::new(data).is_ok() {
        for (at, _) in data.iter().enumerate().filter(|(_, byte)| **byte == b'/').take(20) {
            assert!(RepoPath::new(&data[..at]).is_ok());
        }
    }
}

pub fn path_seeds() -> Vec<Vec<u8>> {
    let list = [
        "src/a.tar.gz",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "./a",
        ".git/config",
        "a/.Git./b",
        "GIT~1/config",
        ".git:$INDEX",
        ".g\u{200c}it/x",
        "C:\\x",
        "x\\.git\\config",
        "...",
        "é/ü",
        "c:x",
        "a/.env",
    ];
    let mut seeds: Vec<Vec<u8>> = list.map(|text| text.as_bytes().to_vec()).to_vec();
    seeds.push(b"not/\xff\xfe/utf8".to_vec());
    seeds
}

/// Reading and writing small things.
pub fn texts(data: &[u8]) {
    let given = text(data);
    let coded = percent_encode(data);
    assert!(coded.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    assert_eq!(percent_decode(&coded), data);
    let decoded = percent_decode(&given);
    assert_eq!(percent_decode(&percent_encode(&decoded)), decoded);

    let shown = neutralise(&given);
    assert!(!shown.chars().any(is_unsafe_to_show), "{shown:?}");
    assert_eq!(neutralise(&shown), shown);
    if let Some(line) = subject(&given, 20) {
        assert!(
            !line.is_empty() && line.chars().count() <= 20 && !line.contains('\n') && !line.chars().any(is_unsafe_to_show),
            "{line:?}"
        );
    }
    assert!(ellipsis(&given, 7).chars().count() <= 7);

    let mut inner = b"\"".to_vec();
    escape_into(&mut inner, &given);
    inner.push(b'"');
    assert_eq!(serde_json::from_slice::<String>(&inner).expect("a JSON string"), given);
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(data)
        && let Ok(bytes) = canonical(&value)
    {
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&bytes).expect("JSON"), value);
    }

    again::<TurnKey>(&given);
    again::<SessionId>(&given);
    again::<Oid>(&given.to_ascii_lowercase());
    again::<Sha256>(&given.to_ascii_lowercase());
    again::<Timestamp>(&given);
    again::<Usd>(&given);
    again::<ModelId>(&given);
}

/// What is read can be written and read again.
fn again<T: std::str::FromStr + ToString + PartialEq + std::fmt::Debug>(given: &str) {
    if let Ok(value) = given.parse::<T>() {
        assert_eq!(value.to_string().parse::<T>().ok().as_ref(), Some(&value), "{given:?} as {:?}", value.to_string());
    }
}

pub fn text_seeds() -> Vec<Vec<u8>> {
    let list = [
        "a%20b%zz%",
        "\u{1b}]0;x\u{7}b\r\nc\u{202e}",
        "\n\n  fix \u{1b}[31mit\n more",
        "2023-11-14T22:13:20.000Z",
        "-009999-01-02T01:59:59Z",
        "0.0031",
        "-9223372036.854775807",
        "gemini/flash",
        "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        "kkkkkkkkkkkkkkkkkkkkkkkkkk",
        "{\"b\": [1, true, \"é\u{1}\\n\"], \"a\": {}}",
        "8e51201dafeabcc4f922fe74e237ea064d94a061",
    ];
    list.map(|text| text.as_bytes().to_vec()).to_vec()
}

/// Parts: base, ours, theirs.
pub fn merge(data: &[u8]) {
    let mut parts = parts(data);
    let mut next = || parts.next().unwrap_or_default();
    let (base, ours, theirs) = (next(), next(), next());
    assert_eq!(merge3(base, base, base).as_deref(), Ok(base), "taking nothing gives the base");
    assert_eq!(merge3(base, ours, base).as_deref(), Ok(ours));
    assert_eq!(merge3(base, base, theirs).as_deref(), Ok(theirs));
    assert_eq!(merge3(base, ours, ours).as_deref(), Ok(ours));
    let merged = merge3(base, ours, theirs);
    assert_eq!(merge3(base, theirs, ours), merged, "symmetric");
    assert_eq!(merge3_files(Some(base), Some(ours), Some(theirs)), merged.clone().map(Some));
    let Ok(merged) = merged else { return };
    let lines = |bytes: &[u8]| bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let known: BTreeSet<Vec<u8>> = lines(ours).into_iter().chain(lines(theirs)).collect();
    assert!(lines(&merged).iter().all(|line| known.contains(line)), "no line is made up");
    // A line that one side added and the base does not have is in the result.
    let (had, has): (BTreeSet<_>, BTreeSet<_>) = (lines(base).into_iter().collect(), lines(&merged).into_iter().collect());
    for line in known.iter().filter(|line| !had.contains(*line)) {
        assert!(has.contains(line), "{:?} was added by one side and is gone", text(line));
    }
}

pub fn merge_seeds() -> Vec<Vec<u8>> {
    vec![
        joined(&[b"1\n2\n3\n4\n5\n6\n", b"1\nX\n3\n4\n5\n6\n", b"1\n2\n3\n4\n5\n6\n7\n"]),
        joined(&[b"1\n2\n3\n", b"1\nX\n3\n", b"1\nY\n3\n"]),
        joined(&[b"a\r\nb\r\n\nc", b"a\r\n\nc\n", b"a\r\nb\r\n\nc\nd"]),
        joined(&[b"", b"a", b"a\n"]),
    ]
}

/// Files for a target: parts `flagsname`, newline, content. Flag `@` is a symbolic link, `*` an executable file.
pub fn tree<'a>(parts: impl Iterator<Item = &'a [u8]>) -> MemoryTree {
    MemoryTree::new(parts.filter_map(|part| {
        let at = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
        let (name, content) = (&part[..at], part.get(at + 1..).unwrap_or_default());
        let (mode, name) = match name.split_first() {
            Some((b'@', rest)) => (FileMode::Symlink, rest),
            Some((b'*', rest)) => (FileMode::Executable, rest),
            _ => (FileMode::Regular, name),
        };
        Some((RepoPath::new(name).ok()?, FileState { mode, bytes: content.to_vec() }))
    }))
}

/// A tree that looks at every path that is asked of it.
struct Watched(MemoryTree);

impl SourceTree for Watched {
    fn paths(&self) -> &[RepoPath] {
        self.0.paths()
    }

    fn read(&self, path: &RepoPath) -> io::Result<Option<FileState>> {
        inside(path);
        self.0.read(path)
    }
}

/// Parts: a message, a folder, then files. The files that a message names, and the project's instructions, are files of the
/// project and nothing else.
pub fn project(data: &[u8]) {
    let mut parts = parts(data);
    let message = text(parts.next().unwrap_or_default());
    let folder = RepoPath::new(parts.next().unwrap_or_default()).ok();
    let tree = Watched(tree(parts));
    let named = named_files(&message, &tree);
    let mut seen = BTreeSet::new();
    for file in &named.files {
        assert!(tree.paths().binary_search(&file.path).is_ok());
        assert!(seen.insert(&file.path), "{} is named twice", file.path);
        assert!(message.contains(text(file.path.file_name()).as_str()), "{} is not in the message", file.path);
    }
    for ambiguous in &named.ambiguous {
        assert!(ambiguous.paths.len() > 1 && ambiguous.paths.iter().all(|path| !seen.contains(path)));
    }
    let found = instruction_files(&tree, folder.as_ref()).expect("memory can be read");
    for (path, given) in &found {
        let state = tree.read(path).expect("memory can be read").expect("it is there");
        assert!(given.len() <= 3 * 32 * 1024 + 100 && !given.trim().is_empty());
        if state.mode != FileMode::Symlink && state.bytes.len() <= 32 * 1024 {
            assert_eq!(*given, text(&state.bytes));
        }
    }
}

pub fn project_seeds() -> Vec<Vec<u8>> {
    vec![
        joined(&[
            b"fix src/a.rs:12 and `my notes.txt`, see mod.rs",
            b"src",
            b"src/a.rs\nx",
            b"my notes.txt\n",
            b"a/mod.rs\n",
            b"b/mod.rs\n",
            b"AGENTS.md\nBe brief.\n",
            b"@src/AGENTS.md\n../AGENTS.md",
        ]),
        joined(&[
            b"(asdf.rs); [the file](b/c.rs#L10-L20) \"README\" ./build",
            b"b/c",
            b"asdf.rs\n",
            b"b/c.rs\n",
            b"README\n",
            b"build\n",
            b"@CLAUDE.md\n/etc/passwd",
            b"@b/CLAUDE.md\n.git/config",
        ]),
    ]
}
