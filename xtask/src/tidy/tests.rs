//! The real tree is tidy, and each rule fails on a planted violation.

use super::*;

const TABLE: &str = "\
| L | module | what | owns |
|---|---|---|---|
| 0 | `base` | ids | `sha2` |
| 1 | `process` | spawns | `tokio::process` |
| 1 | `net` | asks | `reqwest` |
| 2 | `vcs` | commits | `gix`, `jj-lib` |
| 4 | `agent` | joins | |

| shared crate | named in |
|---|---|
| `serde` | all |
| `tokio` | `process`, `net`, `agent` |

| unrelated | table |
|---|---|
| `a` | `b` |
";
const MANIFEST: &str = "\
[package]
name = \"x\"
[dependencies]
gix = { version = \"1\" }
jj-lib = \"1\"
serde.workspace = true
sha2 = \"1\"
tokio = \"1\"
unlisted-crate = \"1\"
[target.'cfg(unix)'.dependencies]
reqwest = \"1\"
[dev-dependencies]
proptest = \"1\"
";

/// A tidy tree with more files in it.
fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    let tidy = [
        (ARCHITECTURE, TABLE),
        ("Cargo.toml", MANIFEST),
        ("src/lib.rs", "//! All.\n//!\n//! Invariants\n//! - None.\npub mod base;\n"),
        ("src/main.rs", "//! Runs it.\nfn main() { x::run() }\n"),
    ];
    for (path, text) in tidy.iter().chain(files) {
        tree.files.insert((*path).to_owned(), (*text).to_owned());
    }
    tree
}

/// What is found in a tidy tree with more files, as `path:line rule`.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let findings = check(&tree(files)).unwrap();
    findings.iter().map(|f| format!("{}:{} {}", f.path, f.line, f.rule)).collect()
}

/// What is found in `code`, standing in a file of module `vcs` from line 2 on.
fn in_vcs(code: &str) -> Vec<String> {
    let text = format!("//! A part.\n{code}\n");
    let findings = check(&tree(&[("src/vcs/part.rs", &text)])).unwrap();
    findings.iter().map(|f| format!("{} {}", f.line, f.rule)).collect()
}

#[test]
fn this_project_is_tidy() {
    run(&shell::root()).unwrap_or_else(|findings| panic!("{findings}"));
}

#[test]
fn downward_imports_and_owned_crates_are_fine() {
    let code = "use crate::base::{id::Oid, path};\nuse crate::net;\nuse super::other;\nuse gix::objs;\nuse std::process::Command;\n\
                pub(crate) fn f(x: crate::process::Child) -> jj_lib::Repo { serde::de(x) }\nmod tests { use super::*; use proptest::prelude::*; }";
    assert_eq!(in_vcs(code), [""; 0]);
}

#[test]
fn upward_and_sibling_imports_are_found_wherever_they_stand() {
    assert_eq!(found(&[("src/process/child.rs", "//! One.\nuse crate::net::Client;\n")]), ["src/process/child.rs:2 layer"]);
    for code in [
        "use crate::agent::Run;",
        "use crate::{base::id, agent::{self, Run}};",
        "use super::super::agent::Run;",
        "use super::super::*;",
        "use crate as all;",
        "use crate::Run;",
        "fn f(x: crate::agent::Run) {}",
        "fn f() { let x: Vec<super::super::agent::Run> = g(); }",
        "mod inner { use super::super::super::agent; }",
        "fn f() { self::super::super::agent::go() }",
        "fn f() { println!(\"{}\", crate::agent::go()) }",
        "macro_rules! m { () => { $crate::agent::go() } }",
        "use_all! { use crate::{base, agent}; }",
        "fn f() { vec![g(|| { super::super::agent::go() })]; }",
        "#[derive(crate::agent::Derive)] struct S;",
        "#[cfg(test)] mod tests { use crate::agent::Run; }",
    ] {
        let found = in_vcs(code);
        assert!(!found.is_empty() && found.iter().all(|f| f == "2 layer"), "{code}: {found:?}");
    }
    let message = check(&tree(&[("src/base/x.rs", "//! X.\nuse crate::vcs;\n")])).unwrap()[0].to_string();
    assert!(
        message.starts_with("src/base/x.rs:2: [layer] `base` (layer 0) imports the higher layer's `vcs` (layer 2): "),
        "{message}"
    );
}

#[test]
fn a_crate_is_named_by_its_owner_only() {
    for code in [
        "use reqwest::Client;",
        "use reqwest;",
        "use ::reqwest::Client;",
        "extern crate reqwest;",
        "fn f() -> reqwest::Result<()> { g() }",
        "fn f() { <u8 as reqwest::Trait>::x() }",
        "fn f() { g(reqwest::get) }",
        "fn f() { m!(reqwest::get) }",
        "#[derive(Debug, sha2::Digest)] struct S;",
        "use tokio::spawn;",
        "#[tokio::main] async fn f() {}",
        "use unlisted_crate::x;",
    ] {
        assert_eq!(in_vcs(code), ["2 owner"], "{code}");
    }
    let agent = |code: &str| found(&[("src/agent/x.rs", &format!("//! X.\n{code}\n"))]);
    assert_eq!(agent("use tokio::sync::mpsc;"), [""; 0]);
    assert_eq!(agent("use tokio::{sync, process::Command};"), ["src/agent/x.rs:2 owner"]);
    assert_eq!(agent("fn f(gix: u8) { <u8>::gix::x(gix.reqwest::<u8>()) }"), [""; 0]);
}

#[test]
fn long_files_are_found_and_exceptions_only_shrink() {
    let lines = |n: usize| format!("//! Long.\n{}", "// x\n".repeat(n - 1));
    let (short, long) = (lines(600), lines(601));
    assert_eq!(found(&[("tests/it/a.rs", &short)]), [""; 0]);
    assert_eq!(found(&[("tests/it/a.rs", &long)]), ["tests/it/a.rs:601 size"]);
    let listed = |number: &str| {
        found(&[("src/main.rs", &long), (EXCEPTIONS, &format!("# a comment, not a number\nsrc/main.rs {number}\n"))])
    };
    assert_eq!(listed("601"), [""; 0]);
    assert_eq!(listed("602"), ["xtask/tidy-exceptions.txt:2 size"]);
    assert_eq!(listed("600"), ["xtask/tidy-exceptions.txt:2 size"]);
    assert_eq!(found(&[("src/main.rs", &short), (EXCEPTIONS, "src/main.rs 600\n")]), ["xtask/tidy-exceptions.txt:1 size"]);
    assert_eq!(found(&[(EXCEPTIONS, "src/gone.rs 700\n")]), ["xtask/tidy-exceptions.txt:1 size"]);
    let mut raised = tree(&[("src/main.rs", &lines(640)), (EXCEPTIONS, "src/main.rs 640\n")]);
    assert_eq!(check(&raised).unwrap(), []);
    raised.lowest.insert("src/main.rs".to_owned(), 620);
    assert!(check(&raised).unwrap()[0].what.contains("was down to 620"));
}

#[test]
fn files_say_what_they_are_and_modules_their_invariants() {
    assert_eq!(found(&[("src/base/x.rs", "use std::fmt;\n")]), ["src/base/x.rs:1 docs"]);
    assert_eq!(found(&[("src/base/mod.rs", "//! Ids.\nuse std::fmt;\n// Invariants\n")]), ["src/base/mod.rs:1 docs"]);
    assert_eq!(found(&[("src/net.rs", "//! Asks.\n")]), ["src/net.rs:1 docs"]);
    assert_eq!(found(&[("src/net.rs", "//! Asks.\n//!\n//! # Invariants\n//! - One.\n")]), [""; 0]);
}

#[test]
fn a_module_has_a_row_and_a_file_parses() {
    let stray = [("src/stray/mod.rs", "//! S.\n//! Invariants\n"), ("src/stray/x.rs", "//! X.\nuse crate::agent;\n")];
    assert_eq!(found(&stray), ["src/stray/mod.rs:1 table"]);
    assert_eq!(found(&[("src/base/x.rs", "//! X.\nfn (\n")]), ["src/base/x.rs:1 syntax"]);
}

#[test]
fn machine_paths_and_registries_are_found_in_any_text() {
    let paths = [["see /wo", "rk/main"], ["\"/ro", "ot/.cargo\""], ["(/ho", "me/ada/x)"], ["file:///Us", "ers/ada"]];
    let hosts = [["https://index.", "crates.io/x"], ["https://registry.", "npmjs.org/"], ["pip -i https://pypi.", "org/simple"]];
    for [a, b] in paths.into_iter().chain(hosts) {
        assert_eq!(found(&[("docs/x.md", &format!("Fine.\n{a}{b}\n"))]), ["docs/x.md:2 words"], "{a}{b}");
    }
    let fine = ["src/wo", "rk/x, https://host.example/ho", "me/x, ~/wo", "rk/x, $DIR/ro", "ot/x, crates.io"].concat();
    assert_eq!(found(&[("docs/x.md", &fine)]), [""; 0]);
    let lock = |source: &str| found(&[("Cargo.lock", &format!("[[package]]\nsource = \"{source}\"\n"))]);
    assert_eq!(lock("registry+https://github.com/rust-lang/crates.io-index"), [""; 0]);
    assert_eq!(lock("git+https://example.invalid/x"), ["Cargo.lock:2 words"]);
}

#[test]
fn a_table_that_contradicts_itself_is_refused() {
    let row = |more: &str| table::Table::parse(&TABLE.replace("| 4 | `agent`", &format!("{more}\n| 4 | `agent`"))).unwrap_err();
    assert_eq!(row("| 1 | `net` | again | |"), "module `net` has two rows");
    assert_eq!(row("| 1 | `ui` | shows | `gix` |"), "crate `gix` is listed twice: one owner, or one row of shared crates");
    assert_eq!(row("| one | `ui` | shows | |"), "layer \"one\" is not a number");
    assert!(table::Table::parse("no table").is_err());
    let stranger = TABLE.replace("| `process`, `net`, `agent` |", "| `nobody` |");
    assert!(table::Table::parse(&stranger).unwrap_err().contains("`nobody`, which has no row"));
}
