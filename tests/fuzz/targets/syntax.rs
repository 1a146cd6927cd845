//! What is said of the syntax of edited files: parts name, text before, text after.

use retort::base::path::RepoPath;
use retort::project::syntax::newly_broken;

use super::bytes::{joined, parts};

/// Names of files in every language that is known.
const NAMES: [&str; 14] =
    ["a.rs", "a.py", "a.js", "a.ts", "a.tsx", "a.go", "A.java", "a.c", "a.h", "a.cpp", "a.rb", "a.sh", "a.json", "a.txt"];

/// An error stands at a line of the text and quotes it; a text that stays as it is has none, nor has one over nothing.
pub fn syntax(data: &[u8]) {
    let mut parts = parts(data);
    let mut next = || parts.next().unwrap_or_default();
    let (which, before, after) = (next(), next(), next());
    let name = NAMES[usize::from(which.first().copied().unwrap_or_default()) % NAMES.len()];
    let path = RepoPath::new(name).expect("a path");
    assert_eq!(newly_broken(&path, Some(before), before), Vec::new(), "{name}");
    let lines: Vec<&[u8]> = after.split(|byte| *byte == b'\n').collect();
    for before in [None, Some(before)] {
        let found = newly_broken(&path, before, after);
        assert!(found.len() <= 3, "{found:?}");
        for error in found {
            let line = lines.get(error.line - 1).unwrap_or_else(|| panic!("{error:?}"));
            let shown = String::from_utf8_lossy(line);
            let quoted = error.text.trim_end_matches('…');
            assert!(shown.starts_with(quoted), "{error:?}");
            assert!((1..=shown.chars().count() + 1).contains(&error.column), "{error:?}");
            assert!(!error.what.is_empty() && !error.what.ends_with('.'), "{error:?}");
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    vec![
        joined(&[b"\0", b"fn a() -> u32 {\n    1\n}\n", b"fn a() -> u32 {\n    1 +\n}\n"]),
        joined(&[b"\x01", b"def a():\n    return 1\n", b"def a():\n    return (1\n"]),
        joined(&[b"\x02", b"const a = { x: 1 };\n", b"const a = { x: 1 y: `${2` };\n"]),
        joined(&[b"\x03", b"let a: number = 1;\n", b"let a: = 1;\n"]),
        joined(&[b"\x04", b"const a = <b c={1}/>;\n", b"const a = <b c={1/>;\n"]),
        joined(&[b"\x05", b"package a\n\nfunc a() int {\n\treturn 1\n}\n", b"package a\n\nfunc a() int {\n\treturn 1 +\n}\n"]),
        joined(&[b"\x06", b"class A {\n  int a() { return 1; }\n}\n", b"class A {\n  int a() { return 1 }\n}\n"]),
        joined(&[b"\x07", b"#define A {\nint a(void) {\n  return 1;\n}\n", b"#define A {\nint a(void) {\n  return 1;\n"]),
        joined(&[b"\x08", b"class A { int a; };\n", b"class A { int a; ;;) };\n"]),
        joined(&[b"\x09", b"template <class T> T a(T x) { return x; }\n", b"template <class T> T a(T x) { return x; }}\n"]),
        joined(&[b"\x0a", b"def a\n  \"#{1}\"\nend\n", b"def a\n  [\"#{1\"\nend\n"]),
        joined(&[b"\x0b", b"case $a in\n  b) echo;;\nesac\n", b"case $a in\n  b) echo <<E\n"]),
        joined(&[b"\x0c", b"{\"a\": [1, 2]}\n", "{\"é\": [1, 2}\r\n".as_bytes()]),
    ]
}
