//! What is said of right and wrong texts in every language.

use super::*;

fn path(name: &str) -> RepoPath {
    RepoPath::new(name).expect("a path")
}

fn told(name: &str, before: Option<&str>, after: &str) -> Vec<String> {
    let found = newly_broken(&path(name), before.map(str::as_bytes), after.as_bytes());
    found.into_iter().map(|e| format!("{}:{}: {} | {}", e.line, e.column, e.what, e.text)).collect()
}

/// A right text and a wrong one in each language, and what is said of it.
const EACH: &[(&str, &str, &str)] = &[
    ("a.rs", "fn a() -> u32 {\n    1\n}\n", "fn a() -> u32 {\n    1 +\n}\n"),
    ("a.py", "def a():\n    return 1\n", "def a():\n    return (1\n"),
    ("a.js", "const a = { x: 1 };\n", "const a = { x: 1 y: 2 };\n"),
    ("a.jsx", "const a = <b c={1}>x</b>;\n", "const a = <b c={1>x</b>;\n"),
    ("a.ts", "let a: number = 1;\n", "let a: = 1;\n"),
    ("a.tsx", "const a = <b c={x as number}/>;\n", "const a = <b c={x as number/>;\n"),
    ("a.go", "package a\n\nfunc a() int {\n\treturn 1\n}\n", "package a\n\nfunc a() int {\n\treturn 1 +\n}\n"),
    ("A.java", "class A {\n  int a() { return 1; }\n}\n", "class A {\n  int a() { return 1 }\n}\n"),
    ("a.c", "int a(void) {\n  return 1;\n}\n", "int a(void) {\n  return 1;\n"),
    ("a.h", "class A { int a; };\n", "class A { int a; ;;) };\n"),
    ("a.cpp", "template <class T> T a(T x) { return x; }\n", "template <class T> T a(T x) { return x; }}\n"),
    ("a.rb", "def a\n  1\nend\n", "def a\n  [1\nend\n"),
    ("a.sh", "if true; then\n  echo a\nfi\n", "if true; then\n  echo a\n"),
    ("a.json", "{\"a\": [1, 2]}\n", "{\"a\": [1, 2}\n"),
];

#[test]
fn each_language_is_read() {
    let mut said = String::new();
    for (name, right, wrong) in EACH {
        assert_eq!(told(name, None, right), [""; 0], "{name}");
        assert_eq!(told(name, Some(wrong), right), [""; 0], "{name}");
        let found = told(name, Some(right), wrong);
        said.push_str(&format!("{name}  {}\n", found.join("\n      ")));
        assert!(!found.is_empty(), "{name}");
    }
    insta::assert_snapshot!(said);
}

#[test]
fn what_a_grammar_cannot_know_is_not_said() {
    let torn = "#ifdef A\nint f(int x) {\n#else\nint f(long x) {\n#endif\n  return 1;\n}\n";
    let begun = "int f(int x) {\n#ifdef A\n  if (x) {\n#endif\n    x = 1;\n#ifdef A\n  }\n#endif\n  return x;\n}\n";
    for (name, text) in [("a.c", torn), ("a.cpp", torn), ("a.c", begun), ("a.h", begun)] {
        assert_eq!(told(name, None, text), [""; 0], "{name}");
    }
    // A guard around a header, and parts that are whole, hide nothing.
    let guarded = "#ifndef A_H\n#define A_H\n#ifdef B\nint b(void);\n#else\nchar s[] = \"{\"; // {\n#endif\nint a(void) {\n  return 1;\n#endif\n";
    assert!(!told("a.h", None, guarded).is_empty());
    let commas = "{\n  // what is right\n  \"a\": [1, 2,],\n  \"b\": { \"c\": 1, },\n  // the last\n}\n";
    for name in ["tsconfig.json", "web/tsconfig.build.json", "jsconfig.json", ".vscode/settings.json", "a.jsonc"] {
        assert_eq!(told(name, None, commas), [""; 0], "{name}");
        assert!(!told(name, None, "{\"a\": [1, 2}\n").is_empty(), "{name}");
        assert!(!told(name, None, "{\"a\": [1,, 2]}\n").is_empty(), "{name}");
    }
    assert!(!told("package.json", None, commas).is_empty());
}

#[test]
fn the_place_is_where_the_mistake_is() {
    let before = "fn a(x: u32) {\n    if x == 1 {\n        b();\n    }\n}\n\nfn b() {}\n";
    let after = "fn a(x: u32) {\n    if x == 1 {\n        b();\n}\n\nfn b() {}\n";
    let [said] = &told("a.rs", Some(before), after)[..] else { panic!("one error") };
    assert_eq!(
        said,
        "1:14: this `{` is never closed (the `}` of line 4 closes the `{` of line 2, but is indented otherwise) | fn a(x: u32) {"
    );
    let said = told("a.py", Some("x = 1\ny = 2\n"), "x = 1\ny = = 2\n");
    assert_eq!(said, ["2:5: `=` cannot be read as Python here | y = = 2"]);
    let said = told("é.json", None, "{\"é\": 1 \"b\": 2}\n");
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn errors_of_before_are_not_held_against_the_edit() {
    // The second line is none of the grammar's; the edit is elsewhere, above and below it.
    let before = "let a = 1;\nlet b = = 2;\nlet c = 3;\n";
    assert_eq!(told("a.js", Some(before), "let z;\nlet a = 1;\nlet b = = 2;\nlet c = 4;\n"), [""; 0]);
    let [said] = &told("a.js", Some(before), "let a = 1;\nlet b = = 2;\nlet c = = 3;\n")[..] else { panic!("one error") };
    assert!(said.starts_with("3:"), "{said}");
    // As many errors as before, though at another place: perhaps the grammar's own weakness.
    assert_eq!(told("a.js", Some(before), "let a = 1;\nlet b = 2;\nlet c = = 3;\n"), [""; 0]);
    let broken_before = "fn a() {\n    x(;\n}\n";
    assert_eq!(told("a.rs", Some(broken_before), "fn a() {\n    x(;\n}\n\nfn b() {}\n"), [""; 0]);
}

#[test]
fn what_is_no_code_too_large_or_endless_is_not_looked_at() {
    assert_eq!(told("a.txt", None, "{{{ (("), [""; 0]);
    assert_eq!(told(".rs", None, "{{{"), [""; 0]);
    assert_eq!(told("a.rs", None, "fn a() { \0 ("), [""; 0]);
    let large = format!("fn a() {{\n{}", " ".repeat(LARGEST));
    assert_eq!(told("a.rs", None, &large), [""; 0]);
    // Deep nesting is read without recursion.
    let deep = "(".repeat(200_000);
    assert_eq!(told("a.js", None, &deep).len(), 1);
    let slow: String = (0..LARGEST / 8).map(|n| ["<a>(", "{[<", "*&T", "::<"][n % 4]).collect();
    let _ = told("a.cpp", None, &slow);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(before in "[a-z(){}=;\"' \n]{0,60}", after in "[a-z(){}=;\"' \né]{0,60}") {
        for name in ["a.rs", "a.py", "a.js", "a.h", "a.sh", "a.rb", "a.json"] {
            let lines = after.split('\n').count();
            for error in newly_broken(&path(name), Some(before.as_bytes()), after.as_bytes()) {
                proptest::prop_assert!((1..=lines).contains(&error.line) && error.column > 0, "{:?}", error);
            }
            proptest::prop_assert_eq!(newly_broken(&path(name), Some(before.as_bytes()), before.as_bytes()), Vec::new());
        }
    }
}
