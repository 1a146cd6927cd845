//! Scenarios from tests/fixtures/edit, and single cases of reading and applying together.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;
use crate::base::change::{ChangeSet, FileMode, FileState};
use crate::base::path::RepoPath;
use crate::base::tree::{MemoryTree, SourceTree as _};

pub(super) fn path(text: &str) -> RepoPath {
    RepoPath::new(text).expect("a path")
}

fn file(text: &str) -> FileState {
    FileState { mode: FileMode::Regular, bytes: text.into() }
}

/// Answers that were made wrongly once, or not at all; `after` is null where nothing may change, with a reason or because it is
/// no edit.
#[test]
fn answers_that_were_hard() {
    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        files: BTreeMap<String, String>,
        answer: String,
        after: Option<BTreeMap<String, String>>,
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/edit-cases.jsonl");
    let text = fs::read_to_string(root).expect("the cases");
    assert!(text.lines().count() > 100);
    for line in text.lines() {
        let case: Case = serde_json::from_str(line).expect("a case");
        let given: Vec<(&str, &str)> = case.files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let (plan, done) = applied(&tree(&given), &case.answer);
        let mut got = case.files.clone();
        // As in the program, nothing is written unless all of it fits.
        let changes = if plan.issues.is_empty() && done.rejects.is_empty() { done.changes } else { ChangeSet::default() };
        for (path, change) in changes.iter() {
            match &change.after {
                Some(file) => drop(got.insert(path.to_string(), String::from_utf8(file.bytes.clone()).expect("text"))),
                None => drop(got.remove(&path.to_string())),
            }
        }
        assert_eq!(got, case.after.unwrap_or(case.files), "{}:\n{}", case.name, case.answer);
    }
}

pub(super) fn tree(files: &[(&str, &str)]) -> MemoryTree {
    MemoryTree::new(files.iter().map(|(name, text)| (path(name), file(text))))
}

pub(super) fn applied(tree: &MemoryTree, answer: &str) -> (EditPlan, Applied) {
    let plan = parse(EditFormat::Auto, tree.paths(), answer, true);
    let applied = apply(&plan.edits, tree, &Rules::default()).expect("memory can be read");
    (plan, applied)
}

/// The content of `name` afterwards, or what was wrong.
pub(super) fn outcome(tree: &MemoryTree, name: &str, answer: &str) -> Result<String, String> {
    let (plan, applied) = applied(tree, answer);
    let mut wrong: Vec<String> = plan.issues.iter().map(ParseIssue::line).collect();
    wrong.extend(applied.rejects.iter().map(Reject::line));
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let after = applied.changes.get(&path(name)).map(|change| change.after.clone());
    let state = after.unwrap_or_else(|| tree.read(&path(name)).expect("memory can be read"));
    Ok(state.map_or_else(|| "(no file)".to_owned(), |state| String::from_utf8(state.bytes).expect("text")))
}

pub(super) fn block(name: &str, search: &str, replace: &str, width: usize) -> String {
    let marks = |sign: &str| sign.repeat(width);
    format!("{name}\n```\n{} SEARCH\n{search}{}\n{replace}{} REPLACE\n```\n", marks("<"), marks("="), marks(">"))
}

/// Every file below `root`, by relative path.
fn files_below(root: &Path, prefix: &str, out: &mut BTreeMap<RepoPath, FileState>) {
    for entry in fs::read_dir(root).into_iter().flatten() {
        let entry = entry.expect("an entry");
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files_below(&entry.path(), &format!("{name}/"), out);
        } else {
            out.insert(path(&name), FileState { mode: FileMode::Regular, bytes: fs::read(entry.path()).expect("a file") });
        }
    }
}

/// A scenario is a directory: `before/` the files, `answer.md`, optionally `format`; then `after/` the files that the edits
/// write, and `report.txt` everything else that comes of it.
#[test]
fn scenarios() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/edit");
    let mut names: Vec<_> = fs::read_dir(&root).expect("the scenarios").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    assert!(names.len() >= 8);
    for dir in names {
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        files_below(&dir.join("before"), "", &mut before);
        files_below(&dir.join("after"), "", &mut after);
        let tree = MemoryTree::new(before);
        let answer = fs::read_to_string(dir.join("answer.md")).expect("an answer");
        let format = fs::read_to_string(dir.join("format"))
            .map_or(EditFormat::Auto, |text| EditFormat::from_word(text.trim()).expect("a format"));
        let plan = parse(format, tree.paths(), &answer, true);
        let mut slow = Parser::new(format, tree.paths());
        for c in answer.chars() {
            slow.feed(c.encode_utf8(&mut [0; 4]));
        }
        assert_eq!(slow.finish(true), plan, "{}", dir.display());
        let done = apply(&plan.edits, &tree, &Rules::default()).expect("memory can be read");
        let written = done.changes.iter().filter_map(|(path, change)| Some((path.clone(), change.after.clone()?))).collect();
        assert_eq!(after, written, "{}", dir.display());
        let gone = done.changes.iter().filter(|(_, change)| change.after.is_none());
        let report: String = (plan.message.iter().map(|message| format!("subject: {message}\n")))
            .chain(gone.map(|(gone, _)| format!("deleted: {gone}\n")))
            .chain(plan.issues.iter().map(|issue| format!("--- issue\n{}\n", issue.line())))
            .chain(done.rejects.iter().map(|reject| {
                let near = reject.nearest.as_ref().map(|r| format!("from line {}:\n{}", r.first_line, r.text));
                format!("--- reject\n{}\n{}", reject.line(), near.unwrap_or_default())
            }))
            .chain([format!("--- prose\n{}", plan.prose)])
            .collect();
        let want = fs::read_to_string(dir.join("report.txt")).expect("a report");
        assert_eq!(report, want, "{}: report.txt", dir.display());
    }
}

#[test]
fn hostile_or_impossible_targets_are_rejected() {
    let mut files: Vec<(RepoPath, FileState)> =
        [("src/a.rs", "a\n"), ("link/x", "a\n"), ("locked", "a\n"), ("Makefile", "a\n"), ("aux.c", "a\n")]
            .map(|(name, text)| (path(name), file(text)))
            .to_vec();
    files.push((path("sym"), FileState { mode: FileMode::Symlink, bytes: b"a\n".to_vec() }));
    files.push((path("bin"), file("a\n\0")));
    let tree = MemoryTree::new(files);
    let rules = Rules { read_only: [path("locked")].into(), ..Rules::default() };
    for (answer, reason) in [
        (
            block("../up.rs", "a\n", "b\n", 7),
            Reason::BadPath("\"../up.rs\" leaves the repository or is not in its plain form".to_owned()),
        ),
        (
            block("/etc/passwd", "", "b\n", 7),
            Reason::BadPath("\"/etc/passwd\" is an absolute path; paths are relative to the repository's root".to_owned()),
        ),
        (
            block(".git/hooks/pre-commit", "", "b\n", 7),
            Reason::BadPath("\".git/hooks/pre-commit\" is inside git's own directory".to_owned()),
        ),
        (block("src/con.txt", "", "b\n", 7), Reason::BadName("Windows keeps it for a device")),
        (block("Com1/x.rs", "", "b\n", 7), Reason::BadName("Windows keeps it for a device")),
        (block("locked", "a\n", "b\n", 7), Reason::ReadOnly),
        ("=== DELETE: locked ===\n".to_owned(), Reason::ReadOnly),
        (block("sym", "a\n", "b\n", 7), Reason::Symlink),
        (block("bin", "a\n", "b\n", 7), Reason::Binary),
        ("=== DELETE: a.rs ===\n".to_owned(), Reason::Missing(vec!["src/a.rs".to_owned()])),
        (block("lib/a.rs", "a\n", "b\n", 7), Reason::Missing(vec!["src/a.rs".to_owned()])),
        (block("src/a.rs/b.rs", "", "b\n", 7), Reason::ParentIsFile("src/a.rs".to_owned())),
        (block("**src/**", "", "b\n", 7), Reason::BadPath("\"src/\" leaves the repository or is not in its plain form".to_owned())),
        ("=== FILE: src ===\n```\nb\n```\n".to_owned(), Reason::Directory),
        (block("SRC/A.rs", "", "b\n", 7), Reason::CaseCollision("src/a.rs".to_owned())),
        (block("src/a.rs", "", "b\n", 7), Reason::Exists),
        (block("src/a.rs", "\n", "b\n", 7), Reason::Exists),
    ] {
        let plan = parse(EditFormat::Auto, tree.paths(), &answer, true);
        let done = apply(&plan.edits, &tree, &rules).expect("memory can be read");
        assert_eq!(done.rejects.iter().map(|r| &r.reason).collect::<Vec<_>>(), [&reason], "{answer}{:?}", plan.issues);
        assert!(done.changes.is_empty());
    }
    assert_eq!(outcome(&tree, "aux.c", &block("aux.c", "a\n", "b\n", 7)), Ok("b\n".to_owned()), "an existing file keeps its name");
}

#[test]
fn a_name_that_no_file_can_have_is_rejected() {
    let tree = tree(&[("a.rs", "a\n")]);
    for name in [format!("{}.rs", "x".repeat(253)), format!("{}x.rs", "d/".repeat(600)), format!("{}x.rs", "d/".repeat(400_000))] {
        for answer in [format!("=== FILE: {name} ===\n```\nx\n```\n"), format!("=== DELETE: {name} ===\n")] {
            let (_, done) = applied(&tree, &answer);
            let why: Vec<String> = done.rejects.iter().map(|reject| reject.reason.to_string()).collect();
            assert!(matches!(&why[..], [why] if why.ends_with("is longer than file systems take")), "{why:?}");
        }
    }
    let longest = format!("{}.rs", "x".repeat(252));
    assert_eq!(outcome(&tree, &longest, &block(&longest, "", "x\n", 7)), Ok("x\n".to_owned()));
}

#[test]
fn what_is_shown_of_a_file_is_short_whatever_its_lines_are() {
    let lines = "word ".repeat(10_000);
    let tree = tree(&[("one-line.js", &lines), ("lines.js", &format!("{}\nend();\n", "word ".repeat(100)).repeat(60))]);
    let answer = block("one-line.js", "word word\n", "x\n", 7) + &block("lines.js", "end();\nnot there\n", "x\n", 7);
    let (_, done) = applied(&tree, &answer);
    assert_eq!(done.rejects[0].reason, Reason::PartialLine(1));
    assert_eq!(done.rejects[0].nearest, None, "the line is too long to be shown");
    assert!(done.rejects.iter().all(|reject| reject.nearest.as_ref().is_none_or(|region| region.text.len() <= 16 * 1024)));
}

#[test]
fn edits_that_go_through_too_much_are_left() {
    let tree = tree(&[("a.rs", &"line\n".repeat(200)), ("b.rs", "one\n")]);
    let answer = "=== DELETE: a.rs ===\n=== FILE: a.rs ===\n````\nx\n````\n".to_owned() + &block("b.rs", "one\n", "two\n", 7);
    let plan = parse(EditFormat::Auto, tree.paths(), &answer, true);
    let landed = |most| super::apply::apply_within(most, &plan.edits, &tree, &Rules::default()).expect("memory can be read").landed;
    assert_eq!((landed(2000), landed(1030), landed(100)), (vec![0, 1, 2], vec![0], vec![]));
}

/// The time of each of these grew with the square of the answer, and was minutes.
#[test]
fn a_long_answer_costs_as_much_as_it_is_long() {
    const N: usize = 10_000;
    let many = |line: &dyn Fn(usize) -> String| (0..N).map(line).collect::<String>();
    let files: Vec<(String, String)> = (0..N).map(|n| (format!("e/f{n}.rs"), "x\n".to_owned())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (none, some) = (tree(&[("a.rs", "x\n")]), tree(&files));
    let (_, done) = applied(&none, &many(&|n| block(&format!("d/f{n}.rs"), "", "x\n", 7)));
    assert_eq!(done.landed.len(), N);
    let (_, done) = applied(&some, &many(&|n| block(&format!("d/g{n}.rs"), "a\n", "x\n", 7)));
    assert_eq!(done.rejects.len(), N);
    let again = "=== FILE: e ===\n```\nx\n```\n=== DELETE: e ===\n".repeat(N);
    let (_, done) = applied(&some, &(many(&|n| format!("=== DELETE: e/f{n}.rs ===\n")) + &again));
    assert_eq!((done.landed.len(), done.changes.len()), (3 * N, N));
    let wide = many(&|n| format!("=== FILE: d/f{n} ===\n`````\nx\n`````\n"));
    assert_eq!(applied(&none, &(wide + &"```\n\n```\n".repeat(N))).1.landed.len(), N);
    let heads = format!("=== FILE: g ===\n````\n{}x\n{}````\n", "\n".repeat(2 * N), "<<<<<<< SEARCH\n".repeat(2 * N));
    assert_eq!(applied(&none, &heads).1.landed.len(), 1);
    // What is looked at for signs of noise: quotes around each of many line ends, and numbers in front of all lines.
    let escapes = serde_json::json!({ "path": "g.rs", "content": format!("\"{}", "\\n ".repeat(40 * N)) }).to_string();
    assert_eq!(applied(&none, &escapes).1.landed.len(), 1);
    let numbered = many(&|n| format!("{}: y{n}\n", n + 1));
    let lines = tree(&[("n.rs", &many(&|n| format!("x{n}\n")))]);
    assert_eq!(applied(&lines, &format!("=== FILE: n.rs ===\n````\n{numbered}````\n")).1.landed.len(), 1);
    let dividers = tree(&[("a.rs", &format!("x\n{}", "=====\n".repeat(N)))]);
    let (_, done) = applied(&dividers, &block("a.rs", "x\n", &"=======\n".repeat(N), 7));
    assert_eq!(done.rejects.len(), 1);
}

#[test]
fn edits_are_taken_in_order() {
    let tree = tree(&[("a.rs", "one\ntwo\n"), ("dir/x", "x\n")]);
    let answer =
        block("a.rs", "one\n", "three\n", 7) + &block("a.rs", "three\ntwo\n", "four\n", 7) + &block("a.rs", "one\n", "five\n", 7);
    let (plan, done) = applied(&tree, &answer);
    assert_eq!((plan.edits.len(), &done.landed), (3, &vec![0, 1]));
    assert_eq!(done.rejects[0].line(), "a.rs: the SEARCH text is not in the file");
    assert_eq!(done.changes.get(&path("a.rs")).and_then(|c| c.after.clone()), Some(file("four\n")));
    let renamed = format!("=== DELETE: a.rs ===\n{}", block("A.rs", "", "one\n", 7));
    assert_eq!(outcome(&tree, "A.rs", &renamed), Ok("one\n".to_owned()));
    let moved = format!("=== DELETE: dir/x ===\n{}", block("dir/y/z", "", "x\n", 7));
    assert_eq!(outcome(&tree, "dir/y/z", &moved), Ok("x\n".to_owned()));
    assert_eq!(outcome(&tree, "dir", "=== DELETE: dir/x ===\n=== FILE: dir ===\n```\nd\n```\n"), Ok("d\n".to_owned()));
    assert_eq!(
        outcome(&tree, "a.rs", "=== DELETE: a.rs ===\n=== FILE: a.rs ===\n```\none\ntwo\n```\n"),
        Ok("one\ntwo\n".to_owned())
    );
    assert_eq!(
        outcome(&tree, "b.c", &(block("b.c", "", "x\n", 7) + &block("B.c", "", "x\n", 7))),
        Err("B.c: b.c exists and differs from this path only in upper and lower case".to_owned())
    );
}

#[test]
fn a_file_keeps_its_manner() {
    let mut state = file("#!/bin/sh\r\necho a\r\nexit");
    state.mode = FileMode::Executable;
    let tree = MemoryTree::new([(path("run"), state)]);
    let (_, done) = applied(&tree, &block("run", "echo a\nexit\n", "echo b\nexit\n", 7));
    let after = done.changes.get(&path("run")).and_then(|change| change.after.clone()).expect("a change");
    assert_eq!((after.mode, after.bytes.as_slice()), (FileMode::Executable, &b"#!/bin/sh\r\necho b\r\nexit"[..]));
    assert_eq!(outcome(&tree, "run", "=== FILE: run ===\n```\n#!/bin/sh\n```\n"), Ok("#!/bin/sh".to_owned()));
    assert_eq!(
        outcome(&tree, "run", &block("run", "#!/bin/sh\necho a\nexit\n", "", 7)),
        Ok(String::new()),
        "a file can be emptied"
    );
    assert_eq!(
        outcome(&tree, "run", &block("run", "echo a\n", "echo b\n", 7).replace('\n', "\r\n")),
        Ok("#!/bin/sh\r\necho b\r\nexit".to_owned())
    );
    let new = block("new.rs", "", "x\n", 7).replace('\n', "\r\n");
    assert_eq!(outcome(&tree, "new.rs", &new), Ok("x\r\n".to_owned()), "as the file beside it has it");
    let alone = outcome(&MemoryTree::default(), "new.rs", &new);
    assert!(alone.is_err_and(|why| why.contains("all lines of the answer end with CRLF")));
}

#[test]
fn a_misfit_says_what_is_there() {
    let tree =
        tree(&[("a.rs", "fn a() {\n    b();\n}\nfn c() {\n    b();\n}\nfn d() {}\n"), ("doc.md", "x\n>>>>>>> REPLACE\ny\n")]);
    for (search, replace, want) in [
        (
            "    b();\n",
            "    e();\n",
            "a.rs: the SEARCH text stands in the file 2 times, at lines 2, 5; add lines until it is unique",
        ),
        ("fn d()\n", "fn e()\n", "a.rs: the SEARCH text is only a part of line 7; it must consist of whole lines"),
        (
            "fn e() {}\n",
            "fn d() {}\n",
            "a.rs: the SEARCH text is not in the file: line 7 of the file is `fn d() {}`, line 1 of the search is `fn e() {}`; the replacement already stands at line 7",
        ),
        (
            "Fn d() {}\n",
            "",
            "a.rs: the SEARCH text is not in the file: line 1 of the search differs from line 7 of the file in upper and lower case",
        ),
    ] {
        assert_eq!(outcome(&tree, "a.rs", &block("a.rs", search, replace, 7)), Err(want.to_owned()));
    }
    assert!(
        outcome(&tree, "doc.md", &block("doc.md", "x\n", "z\n", 7))
            .is_err_and(|why| why.contains("line 2 of the file is itself a marker"))
    );
    assert_eq!(outcome(&tree, "doc.md", &block("doc.md", "x\n>>>>>>> REPLACE\n", "z\n", 9)), Ok("z\ny\n".to_owned()));
    let (_, done) = applied(&tree, &block("a.rs", "fn d() {}\n", "fn d() {}\n", 7));
    assert_eq!((done.unchanged, done.landed, done.rejects), (vec![0], vec![], vec![]));
}

/// A text that a tool call names may begin anywhere, also within another place of the same text.
#[test]
fn a_text_that_overlaps_itself_stands_there_more_than_once() {
    for (text, old) in [("    }\n}\n}\n}\n", "}\n}\n"), ("a- ---x", "--"), ("«««x", "««")] {
        let answer = serde_json::json!({ "path": "a.rs", "old_str": old, "new_str": "x" }).to_string();
        let got = outcome(&tree(&[("a.rs", text)]), "a.rs", &answer);
        assert!(got.as_ref().is_err_and(|why| why.contains("stands in the file")), "{got:?}");
    }
}

/// A text that a tool call names does not end within a line end or a word, and not at any place where it is to be changed at all.
#[test]
fn a_text_does_not_end_within_a_line_end_or_a_word() {
    let outcome = |text: &str, old: &str, all: bool| {
        let answer = serde_json::json!({ "path": "a.rs", "old_str": old, "new_str": "x", "replace_all": all }).to_string();
        outcome(&tree(&[("a.rs", text)]), "a.rs", &answer)
    };
    for (text, old) in [("one\r\n\n", "\r"), ("a\r\nb\rc\r\n", "\nb\r"), ("foobar\n", "foo")] {
        assert!(outcome(text, old, false).is_err() && outcome(text, old, true).is_err(), "{old:?} in {text:?}");
    }
    assert!(outcome("foo(foo);\nfoobar();\n", "foo", true).is_err_and(|why| why.contains("line 2 only within a longer word")));
    // A whole line may be quoted with the one half of its end.
    assert_eq!(outcome("one\r\ntwo\r\n", "one\r", false), Ok("x\r\ntwo\r\n".to_owned()));
    assert_eq!(outcome("foo(foo);\nbar();\n", "foo", true), Ok("x(x);\nbar();\n".to_owned()));
}

#[test]
fn what_cannot_be_read_is_an_issue_and_is_not_guessed() {
    let tree = tree(&[("a.rs", "one\ntwo\n"), ("b.rs", "one\n")]);
    let good = block("a.rs", "one\n", "1\n", 7);
    let kinds = |answer: &str| {
        let plan = parse(EditFormat::Auto, tree.paths(), answer, true);
        (plan.edits.len(), plan.issues.iter().map(|issue| issue.kind).collect::<Vec<_>>())
    };
    let half = |upto: &str| good[..good.find(upto).expect("there")].to_owned();
    assert_eq!(kinds(&(good.clone() + &half(">>>>>>>"))), (1, vec![IssueKind::Cut]));
    assert_eq!(kinds(&(good.clone() + &half("======="))), (1, vec![IssueKind::Cut]));
    assert_eq!(kinds("=== FILE: c.rs ===\n````\nx\n```\n"), (0, vec![IssueKind::Cut]));
    assert_eq!(kinds("=== FILE: c.rs ===\nx\n=== DELETE: a.rs ===\n"), (0, vec![IssueKind::NoFence]));
    assert_eq!(kinds("=== FILE: c.rs ===\n"), (0, vec![IssueKind::NoFence]));
    assert_eq!(kinds(&good.replace("a.rs\n", "")), (0, vec![IssueKind::NoPath]));
    assert_eq!(kinds(&good.replace("```\n<", "```rust b.rs\n<")), (0, vec![IssueKind::TwoPaths]));
    assert_eq!(kinds(&good.replace("=======\n", "")), (0, vec![IssueKind::NoDivider]));
    assert_eq!(kinds(&block("a.rs", "one\n", "1\n>>>>>>> REPLACE\n2\n", 7)), (0, vec![IssueKind::StrayEnd]));
    assert_eq!(kinds(&block("a.rs", "one\n", "<<<<<<< SEARCH\n", 7)), (0, vec![IssueKind::NestedMarker]));
    assert_eq!(kinds("=== FILE: c.md ===\n```\na\n```sh\nx\n```\nb\n```\n"), (0, vec![IssueKind::UnclearFence]));
    assert_eq!(kinds("=== FILE: c.md ===\n```\na\n```\nx\n```\nb\n```\n"), (0, vec![IssueKind::UnclearFence]));
    let both = format!("=== FILE: a.rs ===\n```rust\na.rs\n{}```\n", &good[good.find('<').expect("there")..]);
    assert_eq!(kinds(&both), (0, vec![IssueKind::UnclearFence]));
    let new = format!("=== FILE: new.rs ===\n{}", &block("new.rs", "", "x\n", 7)[7..]);
    assert_eq!(kinds(&new), (0, vec![IssueKind::UnclearFence]), "it may be a file whose text is a block");
    assert_eq!(kinds(&new.replace("```\n", "")), (1, vec![]));
    // A cut answer: the fence may be the beginning of one with a language.
    let plan = parse(EditFormat::Auto, &[], "=== FILE: c.md ===\n```\na\n```", false);
    assert_eq!((plan.edits.len(), plan.issues[0].kind, plan.complete), (0, IssueKind::Cut, false));
    let unnamed = parse(EditFormat::WholeFile, &[], "Here you are:\n```rust\nx\n```\n", true);
    assert_eq!(unnamed.issues.iter().map(|issue| issue.kind).collect::<Vec<_>>(), [IssueKind::Unnamed]);
}

#[test]
fn only_the_line_that_names_the_file_is_taken_out_of_the_prose() {
    let tree = tree(&[("a.rs", "one\n"), ("b.rs", "one\n")]);
    let answer = block("b.rs", "one\n", "1\n", 7).replace("b.rs\n```\n", "```\nThe-first/one\na.rs\n");
    let (plan, done) = applied(&tree, &answer);
    assert_eq!((plan.prose.as_str(), plan.issues.len()), ("```\nThe-first/one\n", 0));
    assert_eq!(done.changes.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>(), ["a.rs"]);
}

/// A line that names the file of an edit that never comes is text like any other.
#[test]
fn a_line_that_names_nothing_stays_in_the_prose() {
    let tree = tree(&[("a.rs", "one\n")]);
    for answer in ["So:\na.rs\n<content>\n@@\nno\n", "a.rs\n<content>\n@@\n"] {
        let (plan, _) = applied(&tree, answer);
        assert!(plan.edits.is_empty() && plan.prose.lines().any(|line| line == "a.rs"), "{plan:?}");
    }
    let (plan, done) = applied(&tree, "a.rs\n<content>\n<<<<<<< SEARCH\none\n=======\n1\n>>>>>>> REPLACE\n</content>\n");
    assert!(done.landed.len() == 1 && !plan.prose.contains("a.rs"), "{plan:?}");
}

/// A file whose text is a call has all of that text.
#[test]
fn a_file_about_calls_is_whole() {
    let text = "<tool_call>\nname: x\n</tool_call>\n";
    assert_eq!(outcome(&tree(&[("a.rs", "one\n")]), "calls.txt", &format!("calls.txt\n````\n{text}````\n")), Ok(text.to_owned()));
    let call = "{\"path\": \"a.rs\", \"old_str\": \"one\", \"new_str\": \"1\"}";
    let answer = format!("```\n<tool_call>\n{call}\n</tool_call>\n```\n");
    assert_eq!(outcome(&tree(&[("a.rs", "one\n")]), "a.rs", &answer), Ok("1\n".to_owned()));
}

/// An edit is taken back once, whatever else puts it in doubt.
#[test]
fn an_edit_in_doubt_twice_is_taken_back_once() {
    let tags = "<edit path=\"a.rs\">\n<search>\none\n</search>\n<replace>\n1\n</replace>\n</replace>\n</edit>\n";
    let (plan, _) = applied(&tree(&[("a.rs", "one\n")]), &format!("{tags}>>>>>>> REPLACE\n"));
    let kinds: Vec<IssueKind> = plan.issues.iter().map(|issue| issue.kind).collect();
    assert_eq!((kinds, plan.edits), (vec![IssueKind::StrayTag, IssueKind::StrayEnd], vec![]));
}

/// A diff of a new file that brings no line of it, or says that the file goes as well, is not passed over.
#[test]
fn a_new_file_without_its_lines_is_an_issue() {
    for answer in [
        "--- /dev/null\n+++ b/x.rs\n@@ -0,0 +1,2 @@\n",
        "--- /dev/null\n+++ b/x.rs\ndeleted file mode 100644\n@@ -0,4 +1,2\n",
        "diff --git a/x.rs b/x.rs\nnew file mode 100644\ndeleted file mode 100644\n",
    ] {
        let (plan, done) = applied(&tree(&[("a.rs", "one\n")]), answer);
        let kinds: Vec<IssueKind> = plan.issues.iter().map(|issue| issue.kind).collect();
        assert_eq!((kinds, done.changes.len()), (vec![IssueKind::NoDiffPath], 0), "{answer}");
    }
}

#[test]
fn events_come_as_edits_are_closed() {
    let mut parser = Parser::new(EditFormat::Auto, &[]);
    let answer = block("a.rs", "one\n", "1\n", 7);
    let (first, rest) = answer.split_at(answer.find("REPLACE").expect("there") + 7);
    assert_eq!(parser.feed(first), []);
    assert_eq!(parser.feed(rest).len(), 1);
    assert_eq!(parser.feed("=== DELETE: b.rs ===\n").len(), 1);
    assert_eq!(parser.finish(true).edits.iter().map(Edit::path_text).collect::<Vec<_>>(), ["a.rs", "b.rs"]);
}
