//! What a model reads, as snapshots; the rules of growth and of exact content, as properties.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::base::money::BytesPerFour;

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).expect("a path")
}

fn file(at: &str, access: Access, content: &str) -> FileInput {
    FileInput { path: path(at), access, content: Some(content.as_bytes().to_vec()) }
}

const NO_LIMIT: Budget<'static> = Budget { window: None, reserve_output: Tokens(0), counter: &BytesPerFour };

fn limited(window: u64) -> Budget<'static> {
    Budget { window: Some(Tokens(window)), ..NO_LIMIT }
}

fn inputs<'a>(templates: &'a Templates, message: &'a str) -> Inputs<'a> {
    Inputs {
        previous: &[],
        message,
        stdin: None,
        contexts: &[],
        files: &[],
        tracked: &[],
        instructions: &[],
        edit_format: "search-replace",
        commit_subject: true,
        budget: NO_LIMIT,
        templates,
    }
}

/// The parts as the model reads them, each under a line that says what it is.
fn show(parts: &[Part]) -> String {
    let one = |part: &Part| format!("[{} {}]\n{}", part.role.as_str(), part.kind.0, part.as_text());
    parts.iter().map(one).collect()
}

fn kinds(prompt: &Prompt) -> Vec<&str> {
    prompt.fragments.iter().filter(|f| f.new).map(|f| f.kind.0.as_str()).collect()
}

fn answered(prompt: &Prompt) -> Vec<Part> {
    let mut parts = prompt.parts.clone();
    parts.push(Part::text(Role::Assistant, "answer", "Done."));
    parts
}

fn texts(count: usize) -> Vec<RepoPath> {
    let mut paths: Vec<RepoPath> = (0..count).map(|n| path(&format!("src/m{}/k{}/f{n}.rs", n % 7, n % 40))).collect();
    paths.sort();
    paths
}

#[test]
fn a_new_session_and_its_second_turn() {
    let templates = Templates::builtin();
    let files = [
        file("src/paging.rs", Access::ReadWrite, "fn last(n: usize) -> usize {\n    n\n}\n"),
        file("docs/paging.md", Access::ReadOnly, "# Paging\n\n```rust\nlast(3)\n```"),
    ];
    let tracked = [path("AGENTS.md"), path("docs/paging.md"), path("src/paging.rs")];
    let instructions = [("AGENTS.md".to_owned(), "Run no formatter.\n".to_owned())];
    let first = build(&Inputs {
        stdin: Some("panicked at src/paging.rs:2\n"),
        files: &files,
        tracked: &tracked,
        instructions: &instructions,
        ..inputs(&templates, "fix the off-by-one in paging")
    })
    .expect("a prompt");
    insta::assert_snapshot!("new_session", show(&first.parts));

    let previous = answered(&first);
    let files = [
        file("src/paging.rs", Access::ReadWrite, "fn last(n: usize) -> usize {\r\n    n - 1\r\n}"),
        FileInput { content: None, ..files[1].clone() },
        file("src/new.rs", Access::ReadWrite, ""),
        FileInput { path: path("src/next.rs"), access: Access::ReadWrite, content: None },
    ];
    let tracked = [path("AGENTS.md"), path("docs/new.md"), path("src/new.rs"), path("src/paging.rs")];
    let second = build(&Inputs {
        previous: &previous,
        files: &files,
        tracked: &tracked,
        instructions: &instructions,
        ..inputs(&templates, "and the test")
    })
    .expect("a prompt");
    insta::assert_snapshot!("second_turn", show(&second.parts[previous.len()..]));
}

#[test]
fn the_whole_file_format_has_rules_of_its_own() {
    let templates = Templates::builtin();
    let prompt = build(&Inputs { edit_format: "whole-file", ..inputs(&templates, "x") }).expect("a prompt");
    insta::assert_snapshot!("whole_file_rules", prompt.parts[1].as_text());
}

#[test]
fn a_reflection_names_what_fits_and_what_does_not() {
    let templates = Templates::builtin();
    let first = build(&inputs(&templates, "x")).expect("a prompt");
    let previous = answered(&first);
    let rejects = [
        RejectInfo {
            path: Some("src/a.rs".to_owned()),
            reason: "the SEARCH lines are not in the file.".to_owned(),
            edit: Some("fn a() {\n    one();\n".to_owned()),
            nearest: Some(Nearest { line: 12, text: "fn a() {\n    // ```\n    one()\n".to_owned() }),
        },
        RejectInfo { path: None, reason: "a block has no path line above it.".to_owned(), edit: None, nearest: None },
    ];
    let reflection = Reflection {
        previous: &previous,
        rejects: &rejects,
        held: &[Held { path: path("src/b.rs"), edits: 2 }, Held { path: path("src/c.rs"), edits: 1 }],
        files: &[file("src/d.rs", Access::ReadWrite, "mod d;\n")],
        commit_subject: true,
        budget: NO_LIMIT,
        templates: &templates,
    };
    let prompt = reflect(&reflection).expect("a prompt");
    assert_eq!(prompt.parts[..previous.len()], previous[..]);
    insta::assert_snapshot!("reflection", show(&prompt.parts[previous.len()..]));
    let only_unseen = reflect(&Reflection { rejects: &[], held: &[], commit_subject: false, ..reflection }).expect("a prompt");
    insta::assert_snapshot!("reflection_unseen", show(&only_unseen.parts[previous.len()..]));
}

#[test]
fn broken_syntax_and_failed_checks_as_the_model_reads_them() {
    let templates = Templates::builtin();
    let shown = file("src/a.rs", Access::ReadWrite, "fn a() {\n    1\n}\n");
    let first = build(&Inputs { files: std::slice::from_ref(&shown), ..inputs(&templates, "change a") }).expect("a prompt");
    let previous = answered(&first);
    let place = BrokenPlace {
        path: "src/a.rs".to_owned(),
        line: 2,
        column: 8,
        what: "an identifier is missing here".to_owned(),
        excerpt: "fn a() {\n    1 +\n}\n".to_owned(),
        from: 1,
    };
    let files = [file("src/a.rs", Access::ReadWrite, "fn a() {\n    2\n}\n")];
    let told = |trouble: Trouble, files: &[FileInput], commit_subject| {
        let (previous, templates) = (&previous, &templates);
        let again = Again { previous, trouble: &trouble, files, commit_subject, budget: NO_LIMIT, templates };
        show(&super::again(&again).expect("a prompt").parts[previous.len()..])
    };
    insta::assert_snapshot!("syntax", told(Trouble::Syntax(vec![place]), &files, true));
    let failed = FailedCheck {
        command: "cargo test".to_owned(),
        how: "failed with exit status 101".to_owned(),
        output: "test a ... FAILED\n  left: 1\n right: 2".to_owned(),
        lint: false,
    };
    insta::assert_snapshot!("check", told(Trouble::Checks(vec![failed.clone()]), &files, true));
    let silent = FailedCheck { output: String::new(), lint: true, ..failed.clone() };
    insta::assert_snapshot!("check_silent", told(Trouble::Checks(vec![silent, failed]), &[shown], false));
    let hunk = RefusedHunk {
        path: "src/a.rs".to_owned(),
        reason: "keep the name".to_owned(),
        diff: "@@ -1,2 +1,2 @@\n-fn a() {\n+fn b() {\n     1".to_owned(),
    };
    let objection = Trouble::Objection { hook: "no-guesses".to_owned(), why: "do not guess\n".to_owned() };
    insta::assert_snapshot!("objection", told(objection, &files, true));
    insta::assert_snapshot!("refused", told(Trouble::Refused { hunks: vec![hunk], others: true }, &files, true));
}

#[test]
fn the_order_puts_the_request_last_and_its_files_next() {
    let templates = Templates::builtin();
    let files = [file("a", Access::ReadWrite, "a\n"), file("b", Access::ReadOnly, "b\n")];
    let prompt = build(&Inputs {
        files: &files,
        stdin: Some("piped"),
        tracked: &texts(3),
        instructions: &[("AGENTS.md".to_owned(), "x".to_owned())],
        ..inputs(&templates, "do it")
    })
    .expect("a prompt");
    assert_eq!(
        kinds(&prompt),
        [
            "instructions",
            "format:search-replace",
            "format:commit-subject",
            "project:AGENTS.md",
            "list:paths",
            "read-only:b",
            "file:a",
            "stdin",
            "request",
            "message"
        ]
    );
    assert_eq!(prompt.parts.last().map(|p| p.bytes.as_slice()), Some(&b"do it"[..]));
}

#[test]
fn only_what_changed_is_appended() {
    let templates = Templates::builtin();
    let next = |previous: &[Part], content: Option<&str>, access| {
        let files = [FileInput { path: path("a.rs"), access, content: content.map(|c| c.as_bytes().to_vec()) }];
        build(&Inputs { previous, files: &files, ..inputs(&templates, "go on") }).expect("a prompt")
    };
    let mut prompt = next(&[], Some("1"), Access::ReadWrite);
    for (content, access, expected) in [
        (Some("1"), Access::ReadWrite, &["message"][..]),
        (Some("2"), Access::ReadWrite, &["file:a.rs", "request", "message"]),
        (Some("2"), Access::ReadWrite, &["message"]),
        (Some("1"), Access::ReadWrite, &["file:a.rs", "request", "message"]),
        (Some("1"), Access::ReadOnly, &["read-only:a.rs", "request", "message"]),
        (None, Access::ReadOnly, &["read-only:a.rs", "request", "message"]),
        (None, Access::ReadOnly, &["message"]),
        (Some("1"), Access::ReadWrite, &["file:a.rs", "request", "message"]),
    ] {
        prompt = next(&answered(&prompt), content, access);
        assert_eq!(kinds(&prompt), expected, "{content:?} {access:?}");
    }
}

#[test]
fn standing_rules_that_change_are_said_to_the_user_role() {
    let templates = Templates::builtin();
    let first = build(&Inputs { commit_subject: false, ..inputs(&templates, "x") }).expect("a prompt");
    let previous = answered(&first);
    let rules = ("AGENTS.md".to_owned(), "new".to_owned());
    let second = build(&Inputs {
        previous: &previous,
        edit_format: "whole-file",
        instructions: std::slice::from_ref(&rules),
        ..inputs(&templates, "x")
    })
    .expect("a prompt");
    assert_eq!(kinds(&second), ["format:whole-file", "format:commit-subject", "project:AGENTS.md", "request", "message"]);
    assert!(second.parts[previous.len()..].iter().all(|p| p.role == Role::User));
    assert!(second.parts[previous.len()].as_text().starts_with("From now on"));
    let previous = answered(&second);
    let changed = ("AGENTS.md".to_owned(), "newer".to_owned());
    let third =
        build(&Inputs { previous: &previous, edit_format: "whole-file", instructions: &[changed], ..inputs(&templates, "x") })
            .expect("a prompt");
    assert_eq!(kinds(&third), ["project:AGENTS.md", "request", "message"]);
    assert!(third.parts[previous.len()].as_text().contains("have changed"));
}

#[test]
fn a_large_repository_is_listed_by_folder() {
    let templates = Templates::builtin();
    let list = |previous: &[Part], tracked: &[RepoPath], budget| {
        let prompt = build(&Inputs { previous, tracked, budget, ..inputs(&templates, "x") }).expect("a prompt");
        prompt.parts[previous.len()..].iter().find(|p| p.kind.name() == "list").cloned()
    };
    let large = list(&[], &texts(20_000), NO_LIMIT).expect("a list");
    assert_eq!(large.kind.0, "list:folders");
    assert!(large.as_text().contains("\nsrc/m3/k9/ 7") && BytesPerFour.count(&large.as_text()) < Tokens(2_100), "{large:?}");
    let shallow = list(&[], &texts(20_000), limited(4_000)).expect("a list");
    assert!(shallow.as_text().contains("\nsrc/m3/ 2857\n"), "{shallow:?}");
    // A flat folder cannot be summed up by its folders.
    let flat: Vec<RepoPath> = (1_000..5_000).map(|n| path(&format!("f{n}"))).collect();
    let flat = list(&[], &flat, NO_LIMIT).expect("a list");
    assert!(flat.as_text().contains("\n(and 3700 more)\n"), "{flat:?}");
    let mut few = texts(2);
    let first = build(&Inputs { tracked: &few, ..inputs(&templates, "x") }).expect("a prompt");
    assert_eq!(list(&first.parts, &few, NO_LIMIT), None);
    few.push(path("z.rs"));
    let added = list(&first.parts, &few, NO_LIMIT).expect("a list");
    assert_eq!(added.kind.0, "list:added");
    assert!(added.as_text().contains("\nz.rs\n") && !added.as_text().contains("f0.rs"));
    let overview = list(&first.parts, &texts(900), NO_LIMIT).expect("a list");
    assert_eq!(overview.kind.0, "list:folders");
    let mut shown = first.parts.clone();
    shown.push(overview);
    assert_eq!(list(&shown, &texts(1_000), NO_LIMIT), None);
}

#[test]
fn what_is_too_long_is_refused_with_what_costs_most() {
    let templates = Templates::builtin();
    let files = [file("big.rs", Access::ReadWrite, &"x".repeat(40_000)), file("small.rs", Access::ReadWrite, "y")];
    let budget = Budget { reserve_output: Tokens(1_000), ..limited(9_000) };
    let error = build(&Inputs { files: &files, budget, ..inputs(&templates, "x") }).expect_err("too long");
    let PromptError::TooLong { total, available, fragments } = &error else { panic!("{error}") };
    assert_eq!((*available, fragments[0].kind.0.as_str()), (Tokens(8_000), "file:big.rs"));
    assert_eq!(*total, fragments.iter().map(|f| f.tokens).sum());
    assert!(error.to_string().contains("most is taken by: file:big.rs 10.0k, "), "{error}");
}

#[test]
fn files_that_are_not_text_are_refused_by_name() {
    let templates = Templates::builtin();
    for content in [&b"a\0b"[..], b"\xff\xfe"] {
        let files = [FileInput { path: path("logo.png"), access: Access::ReadOnly, content: Some(content.to_vec()) }];
        let error = build(&Inputs { files: &files, ..inputs(&templates, "x") }).expect_err("not text");
        assert_eq!(error, PromptError::NotText { path: path("logo.png") });
    }
    let error = build(&Inputs { edit_format: "udiff", ..inputs(&templates, "x") }).expect_err("unknown");
    assert_eq!(
        error.to_string(),
        r#"there is no edit format "udiff"; the formats are patch, search-replace, unified-diff, whole-file"#
    );
}

fn overridden(name: &str, source: &str) -> Result<Templates, TemplateError> {
    let text = Override { source: source.to_owned(), origin: "/p/.retort/templates/x.j2".to_owned() };
    Templates::new(&BTreeMap::from([(name.to_owned(), text)]))
}

#[test]
fn templates_can_be_replaced() {
    let templates = overridden("system", "Be brief.\n").expect("a template");
    let prompt = build(&inputs(&templates, "x")).expect("a prompt");
    assert_eq!(prompt.parts[0].as_text(), "Be brief.\n\n");
    assert_ne!(templates.digest(), Templates::builtin().digest());
    assert_eq!(Templates::builtin().digest(), Templates::builtin().digest());
    let origin = templates.iter().find(|t| t.name == "system").map(|t| t.origin);
    assert_eq!(origin, Some("/p/.retort/templates/x.j2"));
}

#[test]
fn a_wrong_template_is_named_with_its_origin_and_line() {
    let error = overridden("system", "one\ntwo {% if %}").expect_err("a syntax error");
    assert_eq!((error.name.as_str(), error.line), ("system", Some(2)));
    assert!(error.to_string().starts_with("template `system` (/p/.retort/templates/x.j2, line 2): syntax error"), "{error}");
    let error = overridden("sytem", "x").expect_err("no such name");
    assert!(error.to_string().contains("format-patch, format-search-replace"), "{error}");
    let templates = overridden("stdin", "{{ fence }}\n\n{{ txt }}").expect("correct as a text");
    let error = build(&Inputs { stdin: Some("x"), ..inputs(&templates, "x") }).expect_err("an unknown value");
    let PromptError::Template(error) = error else { panic!("{error}") };
    assert_eq!((error.name.as_str(), error.line), ("stdin", Some(3)));
}

#[test]
fn every_template_on_disk_is_built_in() {
    let mut names: Vec<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/templates"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().trim_end_matches(".j2").to_owned())
        .collect();
    names.sort();
    assert_eq!(Templates::builtin().iter().map(|t| t.name.to_owned()).collect::<Vec<_>>(), names);
}

/// What stands between the fences below the path's line.
fn fenced(part: &Part, path: &str) -> String {
    let text = part.as_text().into_owned();
    let (_, rest) = text.split_once(&format!("\n\n{path}\n")).expect("the path's line");
    let (open, rest) = rest.split_once('\n').expect("a fence");
    let fence: String = open.chars().take_while(|c| *c == '`').collect();
    assert!(!rest.trim_end().strip_suffix(&fence).expect("closed").contains(&fence));
    rest.trim_end().strip_suffix(&fence).expect("closed").to_owned()
}

proptest! {
    #[test]
    fn content_is_exact(content in "[a`~ \t\r\n{}%#]{0,40}") {
        let templates = Templates::builtin();
        let files = [file("x.md", Access::ReadWrite, &content)];
        let prompt = build(&Inputs { files: &files, ..inputs(&templates, "x") }).expect("a prompt");
        let part = &prompt.parts[prompt.parts.len() - 3];
        let ended = if content.ends_with('\n') { content.clone() } else { format!("{content}\n") };
        prop_assert_eq!(fenced(part, "x.md"), ended);
        let head = part.as_text().lines().next().map(str::to_owned).unwrap_or_default();
        prop_assert_eq!(head.contains("no line end"), !content.is_empty() && !content.ends_with('\n'));
        prop_assert_eq!(head.contains("CRLF"), content.contains("\r\n"));
        prop_assert_eq!(head.contains("is empty"), content.is_empty());
    }

    #[test]
    fn a_conversation_only_grows(turns in proptest::collection::vec(turn(), 1..5)) {
        let templates = Templates::builtin();
        let mut previous = Vec::new();
        for turn in turns {
            let inputs = Inputs {
                previous: &previous,
                stdin: turn.stdin.as_deref(),
                files: &turn.files,
                tracked: &turn.tracked,
                instructions: &turn.instructions,
                edit_format: if turn.whole { "whole-file" } else { "search-replace" },
                commit_subject: turn.subject,
                ..inputs(&templates, &turn.message)
            };
            let prompt = build(&inputs).expect("a prompt");
            prop_assert_eq!(&prompt.parts[..previous.len()], &previous[..]);
            prop_assert_eq!(&prompt, &build(&inputs).expect("a prompt"));
            prop_assert_eq!(prompt.fragments.len(), prompt.parts.len());
            let new = &prompt.parts[previous.len()..];
            prop_assert!(new.iter().all(|p| p.kind.name() == "message" || p.bytes.ends_with(b"\n\n")));
            prop_assert!(previous.is_empty() || new.iter().all(|p| p.role == Role::User));
            // Once it is said, it is said.
            let again = build(&Inputs { previous: &prompt.parts, stdin: None, ..inputs }).expect("a prompt");
            prop_assert_eq!(kinds(&again), ["message"]);
            previous = answered(&prompt);
        }
    }
}

#[derive(Debug)]
struct Turn {
    message: String,
    stdin: Option<String>,
    files: Vec<FileInput>,
    tracked: Vec<RepoPath>,
    instructions: Vec<(String, String)>,
    whole: bool,
    subject: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    let content = proptest::option::of("[ab`\n]{0,6}".prop_map(String::into_bytes));
    let files = proptest::collection::btree_map("[a-d]", (any::<bool>(), content), 0..4);
    let tracked = proptest::collection::btree_set("[a-f]/[a-f]", 0..400);
    let rules = proptest::collection::btree_map("[AB].md", "[ab`\n]{0,4}", 0..3);
    (".{0,9}", proptest::option::of(".{0,9}"), files, tracked, rules, any::<bool>(), any::<bool>()).prop_map(
        |(message, stdin, files, tracked, instructions, whole, subject)| Turn {
            message,
            stdin,
            files: files
                .into_iter()
                .map(|(name, (write, content))| FileInput {
                    path: path(&name),
                    access: if write { Access::ReadWrite } else { Access::ReadOnly },
                    content,
                })
                .collect(),
            tracked: tracked.iter().map(|p| path(p)).collect(),
            instructions: instructions.into_iter().collect(),
            whole,
            subject,
        },
    )
}
