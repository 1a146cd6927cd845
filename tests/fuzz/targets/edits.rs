//! Answers with edits: reading them, and matching them against files.

use std::collections::{BTreeMap, BTreeSet};

use retort::base::change::{FileMode, FileState};
use retort::base::path::RepoPath;
use retort::base::tree::{MemoryTree, SourceTree as _};
use retort::edit::{
    Applied, Edit, EditFormat, EditPlan, Hunk, IssueKind, Op, ParseEvent, Parser, Reason, Replacement, Rules, apply, parse,
};

use super::bytes::{Dice, joined, parts, text};
use super::files;
use super::words::{inside, tree};

/// Files that there are when an input brings none.
const FILES: [&[u8]; 6] = [
    b"a.rs\nfn a() {\n    one();\n    two();\n}\n",
    b"src/b.rs\nmod b {\n\tb();\n\n\tb();\n}",
    b"doc.md\nTitle\n=====\n\n```\nx\n```\n",
    b"dos.txt\none\r\ntwo\r\nmixed\nend",
    b"@link\na.rs",
    b"locked.rs\none\n",
];

/// Parts: the answer, then files (see `tree`). The file `locked.rs` may not be edited, and of `withheld.rs` nothing may be said.
pub fn edits(data: &[u8]) {
    let mut parts = parts(data);
    let answer = text(parts.next().unwrap_or_default());
    let mut brought = parts.peekable();
    let tree = if brought.peek().is_some() { tree(brought) } else { tree(FILES.into_iter()) };
    let mut dice = Dice::of(data);
    for format in [EditFormat::Auto, EditFormat::WholeFile] {
        one(format, &answer, &tree, &mut dice);
    }
}

fn one(format: EditFormat, answer: &str, tree: &MemoryTree, dice: &mut Dice) {
    for complete in [false, true] {
        let plan = parse(format, tree.paths(), answer, complete);
        let cuts: Vec<usize> = dice.cuts(answer.len()).into_iter().filter(|at| answer.is_char_boundary(*at)).collect();
        let pieces: Vec<&str> = cuts.windows(2).map(|pair| &answer[pair[0]..pair[1]]).collect();
        assert_eq!(fed(format, tree, &pieces, complete).0, plan, "cut at random");
        if answer.len() <= 500 {
            let mut at = 0;
            let letters: Vec<&str> =
                answer.chars().map(|c| (at, at += c.len_utf8(), at)).map(|(from, (), to)| &answer[from..to]).collect();
            assert_eq!(fed(format, tree, &letters, complete).0, plan, "letter by letter");
        }
    }
    let (plan, events) = fed(format, tree, &[answer], true);
    assert!(events.windows(2).all(|pair| matches!(pair, [ParseEvent::Edit(a), ParseEvent::Edit(b)] if a != b)), "reported twice");
    assert!(plan.issues.iter().all(|issue| (1..=answer.split('\n').count()).contains(&issue.line) && !issue.line().contains('\n')));
    accounted(answer, &plan);
    applied(&plan, tree, dice);
}

fn fed(format: EditFormat, tree: &MemoryTree, pieces: &[&str], complete: bool) -> (EditPlan, Vec<ParseEvent>) {
    let mut parser = Parser::new(format, tree.paths());
    let events = pieces.iter().flat_map(|piece| parser.feed(piece)).collect();
    (parser.finish(complete), events)
}

/// Every line of the answer is in the prose, in an edit or in what could not be read; or it is the form itself. Where
/// reading stopped, the plan says so and what comes after is not asked for.
fn accounted(answer: &str, plan: &EditPlan) {
    use IssueKind::{NestedMarker, NoDiffPath, NoDivider, NoFence, StrayEnd, Tag, TooMany, TwoPaths, UnclearFence};
    if plan.issues.iter().any(|issue| {
        matches!(
            issue.kind,
            NestedMarker | NoDiffPath | NoDivider | NoFence | StrayEnd | Tag(..) | TooMany | TwoPaths | UnclearFence
        )
    }) {
        return;
    }
    // JSON is told again in its own words, and what is behind the end of a patch's fence is of no form.
    if answer.contains(['{', '[']) {
        return;
    }
    let sources = plan.edits.iter().map(|edit| edit.source.as_str()).chain(plan.issues.iter().map(|issue| issue.source.as_str()));
    let kept: BTreeSet<&str> = sources.chain([plan.prose.as_str()]).flat_map(|text| text.split('\n')).map(str::trim_end).collect();
    let written = |edit: &Edit| edit.path.as_ref().map_or_else(|bad| bad.written.clone(), ToString::to_string);
    let mut names: Vec<String> = plan.edits.iter().map(written).collect();
    names.extend(
        plan.issues
            .iter()
            .filter_map(|issue| issue.path.clone())
            .flat_map(|paths| paths.split(", ").map(str::to_owned).collect::<Vec<_>>()),
    );
    let ends: Vec<&str> = names.iter().map(|name| name.rsplit(['/', '\\']).next().unwrap_or(name)).collect();
    for line in answer.split('\n').map(str::trim_end).filter(|line| !line.trim().is_empty()) {
        let signs = ["```", "~~~", "=== ", "*** ", "@@", "---", "+++", "diff ", "<", "\\", "index ", "old mode", "new ", "rename "];
        let form = signs.iter().any(|sign| line.trim_start().starts_with(sign));
        let label = || ends.iter().any(|end| line.contains(end));
        assert!(kept.contains(line) || form || label(), "{line:?} is lost");
    }
}

fn rules() -> Rules {
    let path = |name: &str| RepoPath::new(name).expect("a path");
    Rules { read_only: [path("locked.rs")].into(), withheld: [path("withheld.rs")].into() }
}

fn run(edits: &[Edit], tree: &MemoryTree) -> Applied {
    apply(edits, tree, &rules()).expect("memory can be read")
}

/// The files after `done`.
fn after(tree: &MemoryTree, done: &Applied) -> BTreeMap<RepoPath, FileState> {
    let mut files: BTreeMap<RepoPath, FileState> =
        tree.paths().iter().filter_map(|path| Some((path.clone(), tree.read(path).ok()??))).collect();
    for (path, change) in done.changes.iter() {
        assert_eq!(files.get(path), change.before.as_ref(), "{path}: what was there before");
        match &change.after {
            Some(state) => drop(files.insert(path.clone(), state.clone())),
            None => drop(files.remove(path)),
        }
    }
    files
}

fn applied(plan: &EditPlan, tree: &MemoryTree, dice: &mut Dice) {
    let done = run(&plan.edits, tree);
    let mut told: Vec<usize> =
        done.landed.iter().chain(&done.unchanged).copied().chain(done.rejects.iter().map(|r| r.index)).collect();
    told.sort_unstable();
    assert!(told.into_iter().eq(0..plan.edits.len()), "every edit has one end");
    for (path, change) in done.changes.iter() {
        inside(path);
        let names = |edit: &Edit| edit.path.as_ref() == Ok(path) || matches!(&edit.op, Op::Rename { to: Ok(to) } if to == path);
        assert!(done.landed.iter().any(|at| names(&plan.edits[*at])), "{path} changed without an edit");
        assert!(!rules().read_only.contains(path) && !rules().withheld.contains(path), "{path} may not be edited");
        let mode = |side: &Option<FileState>| side.as_ref().map(|state| state.mode);
        assert_ne!(mode(&change.before), Some(FileMode::Symlink), "{path} is a link");
        let moved = plan.edits.iter().any(|edit| matches!(edit.op, Op::Rename { .. } | Op::Executable(_)));
        assert!(moved || mode(&change.after).is_none_or(|now| now == mode(&change.before).unwrap_or_default()), "{path}: its mode");
        assert!(moved || change.after.as_ref().is_none_or(|state| std::str::from_utf8(&state.bytes).is_ok()), "{path}: not text");
    }
    for reject in &done.rejects {
        assert!(!reject.line().contains('\n') && !reject.sentence().is_empty());
        let path = plan.edits[reject.index].path.as_ref();
        assert!(
            path.map_or(true, |path| !rules().withheld.contains(path)) || (reject.nearest.is_none() && reject.already.is_none())
        );
    }
    let left = after(tree, &done);
    let names: BTreeSet<String> = left.keys().map(|path| text(path.as_bytes()).to_lowercase()).collect();
    let before: BTreeSet<String> = tree.paths().iter().map(|path| text(path.as_bytes()).to_lowercase()).collect();
    assert!(names.len() == left.len() || before.len() < tree.paths().len(), "two names that differ only in case");
    for path in done.changes.iter().filter(|(_, change)| change.after.is_some()).map(|(path, _)| path) {
        let below = [path.as_bytes(), b"/"].concat();
        assert!(!left.keys().any(|other| other.as_bytes().starts_with(&below)), "{path} is a file and a directory");
    }
    // Rejects leave no trace, and two halves come to the same as the whole.
    let kept: Vec<Edit> = done.landed.iter().map(|at| plan.edits[*at].clone()).collect();
    assert_eq!(run(&kept, tree).changes, done.changes, "rejects leave a trace");
    let half = dice.below(plan.edits.len() + 1);
    let first = run(&plan.edits[..half], tree);
    let second = run(&plan.edits[half..], &MemoryTree::new(after(tree, &first)));
    // An answer is read as one: what it makes itself is no file elsewhere, what it says again is made once, and which line ends a
    // new file has, the files tell as they were before.
    let said: BTreeSet<(String, &str)> = plan.edits.iter().map(|edit| (edit.path_text(), edit.source.as_str())).collect();
    let copies = second.rejects.iter().any(|reject| matches!(reject.reason, Reason::Elsewhere(_)));
    let by_others = plan.edits.iter().any(|edit| edit.crlf && matches!(edit.op, Op::Write { .. } | Op::Replace(_)));
    if said.len() == plan.edits.len() && !copies && !by_others {
        assert_eq!(after(&MemoryTree::new(after(tree, &first)), &second), left, "two halves");
    }
    for edit in plan.edits.iter().take(8) {
        exact(edit, tree);
    }
}

/// One edit alone: the file becomes what the edit says, or nothing happens.
fn exact(edit: &Edit, tree: &MemoryTree) {
    let done = run(std::slice::from_ref(edit), tree);
    let Ok(path) = &edit.path else { return assert!(done.changes.is_empty() && done.rejects.len() == 1) };
    let Some(change) = done.changes.get(path) else { return assert!(done.landed.is_empty()) };
    let strip = |text: &str| text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
    let bare = |state: &FileState| strip(&text(&state.bytes));
    let old = change.before.as_ref().map(bare).unwrap_or_default();
    let ended = |text: &str| strip(text).replace("\r\n", "\n");
    let new = change.after.as_ref().map(bare);
    match &edit.op {
        Op::Delete | Op::Rename { .. } => assert_eq!(new, None),
        Op::Executable(_) => assert_eq!(new, Some(old)),
        Op::Hunk(hunk) => sound(&old, &new.expect("not deleted"), &signed(hunk, " -"), &signed(hunk, " +")),
        // Where it stands as it is, but for the file's line ends, it is replaced as it is.
        Op::Text { old: sought, new: put, .. } if !ended(&old).contains(&ended(sought)) => {
            sound(&old, &new.expect("not deleted"), sought, put);
        }
        Op::Text { .. } => assert!(new.is_some()),
        Op::Write { content, .. } => {
            let body = content.strip_prefix('\u{feff}').unwrap_or(content);
            let new = new.expect("written");
            // What stands in front of a line's end may be read as a part of it the next time.
            let lines = |text: &str| text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect::<Vec<_>>();
            // The last line's end is the old file's affair, so an empty last line can be gone.
            assert!(old.is_empty() || same_lines(&lines(&new), &lines(body)), "{new:?} for {body:?}");
        }
        Op::Replace(replacement) if replacement.creates() => assert!(old.is_empty() && change.after.is_some()),
        Op::Replace(replacement) => replaced(&old, &new.expect("not deleted"), replacement),
    }
}

fn same_lines(a: &[String], b: &[String]) -> bool {
    let trimmed = |lines: &[String]| {
        let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |at| at + 1);
        lines[..end].to_vec()
    };
    trimmed(a) == trimmed(b)
}

fn signed(hunk: &Hunk, signs: &str) -> String {
    hunk.body.split_inclusive('\n').filter_map(|line| Some(line.strip_prefix(|sign| signs.contains(sign))?.to_owned())).collect()
}

fn replaced(old: &str, new: &str, replacement: &Replacement) {
    let (search, replace) = replacement.parts();
    let strip = |text: &str| text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
    sound(old, new, &strip(search), &strip(replace));
}

/// What holds wherever a search is found, and however much it differs from the file: nothing stands in the file afterwards but
/// lines of the file and of the replacement, and nothing goes but what was quoted; where it is quoted exactly, and once, with
/// something else around it, the result is the plain one.
fn sound(old: &str, new: &str, search: &str, replace: &str) {
    // A byte order mark is none in the middle of a file, and becomes one where the lines in front of it go.
    let solid = |line: &str| line.chars().filter(|c| !c.is_ascii_whitespace() && *c != '\u{feff}').collect::<String>();
    let keys = |text: &str| text.lines().map(solid).collect::<Vec<_>>();
    let (quoted, put, before, after) = (keys(search), keys(replace), keys(old), keys(new));
    let left_out = quoted.iter().any(|line| line.contains("...") || line.contains('…'));
    for line in after.iter().filter(|line| !line.is_empty()) {
        assert!(before.contains(line) || put.contains(line), "{line:?} is neither the file's nor the replacement's");
        // What the model only quotes is written only if the file has it.
        assert!(
            before.contains(line)
                || !quoted.contains(line)
                || put.iter().filter(|l| *l == line).count() > quoted.iter().filter(|l| *l == line).count(),
            "{line:?} was made up"
        );
    }
    let count = |lines: &[String], line: &String| lines.iter().filter(|other| *other == line).count();
    for line in before.iter().filter(|line| !line.is_empty()) {
        let gone = count(&before, line).saturating_sub(count(&after, line));
        assert!(left_out || gone <= count(&quoted, line), "{line:?} is gone, and was not quoted");
    }
}

/// The ladder alone: a file, what is to be found in it, and what is to be there instead.
pub fn ladder(data: &[u8]) {
    let mut parts = parts(data).map(text);
    let (file, search, replace) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let path = RepoPath::new("f.py").expect("a path");
    let tree = MemoryTree::new([(path.clone(), FileState { mode: FileMode::Regular, bytes: file.into_bytes() })]);
    let hunk = |signs: (char, &str), text: &str| {
        text.lines().flat_map(|line| [signs.0.to_string(), line.to_owned(), "\n".to_owned()]).collect::<String>() + signs.1
    };
    let body = hunk(('-', ""), &search) + &hunk(('+', ""), &replace);
    let common: String =
        search.lines().zip(replace.lines()).take_while(|(a, b)| a == b).flat_map(|(a, _)| [" ", a, "\n"]).collect();
    for op in [
        Op::Replace(Replacement::new(&search, &replace)),
        Op::Hunk(Hunk { body, ..Hunk::default() }),
        Op::Hunk(Hunk { body: common, ..Hunk::default() }),
        Op::Text { old: search.clone(), new: replace.clone(), all: false },
    ] {
        exact(&Edit { path: Ok(path.clone()), op, source: String::new(), crlf: false }, &tree);
    }
}

pub fn ladder_seeds() -> Vec<Vec<u8>> {
    let file = "class A:\n    def f(self):\n        one()\n\n        two()  \n\n    def g(self):\n        ...\n\tthree()\n";
    [
        ("        one()\n\n        two()\n", "        one()\n\n        new()\n        two()\n"),
        ("def f(self):\n    one()\n\n    two()\n", "def f(self):\n    one()\n    if x:\n        two()\n"),
        ("    def f(self):\n...\n        two()\n", "    def f(self):\n...\n        2\n"),
        ("\n        one()\n        two()\n\n", "\n        one()\n\n        three()\n        two()\n\n"),
        (
            "class A:\n    def f(self, x):\n        one()\n\n        two()\n\n",
            "class A:\n    def f(self, x):\n        one()\n\n        2\n\n",
        ),
        ("    three()\n", "    four()\n"),
    ]
    .map(|(search, replace)| joined(&[file.as_bytes(), search.as_bytes(), replace.as_bytes()]))
    .to_vec()
}

fn answers(answers: &[&str]) -> Vec<Vec<u8>> {
    answers.iter().map(|answer| answer.as_bytes().to_vec()).collect()
}

pub fn diff_seeds() -> Vec<Vec<u8>> {
    answers(&[
        "```diff\n--- a/a.rs\n+++ b/a.rs\n@@ -1,4 +1,4 @@\n fn a() {\n-    one();\n+    three();\n     two();\n }\n```\n",
        "diff --git a/doc.md b/new.md\nsimilarity index 90%\nrename from doc.md\nrename to new.md\nold mode 100644\nnew mode 100755\n--- a/doc.md\n+++ b/new.md\n@@\n-Title\n+Head\n =====\n\n ```\n",
        "--- /dev/null\n+++ b/x.rs\n@@ -0,0 +1,2 @@\n+x\n+--- y\n\\ No newline at end of file\n--- a/dos.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n\n- a list\n",
        "--- dos.txt\t2020\n+++ dos.txt\n@@ -3,1 +3,1 @@\n-mixed\r\n+new\r\n end\n",
    ])
}

pub fn patch_seeds() -> Vec<Vec<u8>> {
    answers(&[
        "*** Begin Patch\n*** Update File: a.rs\n@@ fn a() {\n-    one();\n+    three();\n     two();\n*** End of File\n*** End Patch\n",
        "```sh\napply_patch <<'EOF'\n*** Begin Patch\n*** Update File: src/b.rs\n*** Move to: src/c.rs\n@@ mod b {\n@@\n \tb();\n\n+\tx();\n*** Add File: n.rs\n+x\n\n+y\n*** Delete File: dos.txt\n*** End Patch\nEOF\n```\n",
    ])
}

pub fn tag_seeds() -> Vec<Vec<u8>> {
    answers(&[
        "<edit path=\"a.rs\">\n<search>\n    one();\n</search>\n<replace>\n    three();\n</replace>\n</edit>\n",
        "<path>src/b.rs</path>\n<old_str>mod b {</old_str>\n<new_str>mod c {</new_str>\n<file path=\"n.rs\">\nx\n</file>\n",
        "<file path=\"doc.md\">\n<find>Title</find><new>Head</new>\n</file>\n<content>\nx</content>\n",
    ])
}

pub fn call_seeds() -> Vec<Vec<u8>> {
    answers(&[
        "{\"path\": \"a.rs\", \"old_str\": \"one\", \"new_str\": \"three\"}\n{\"path\": \"n.rs\", \"content\": \"x\"}",
        "So:\n```json\n{\"edits\": [{\"file_path\": \"doc.md\", \"old_string\": \"x\", \"new_string\": \"y\", \"replace_all\": true}]}\n```\n",
        "[{\"name\": \"apply_patch\", \"arguments\": \"{\\\"input\\\": \\\"*** Begin Patch\\\\n*** Delete File: a.rs\\\\n*** End Patch\\\"}\"}, {\"from\": \"doc.md\", \"to\": \"d.md\"}]",
        "<tool_call>\n{\"function\": {\"arguments\": {\"path\": \"a.rs\", \"command\": \"delete\"}}}\n</tool_call>\n",
    ])
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut scenarios: BTreeMap<String, (Vec<u8>, Vec<Vec<u8>>)> = BTreeMap::new();
    for (path, bytes) in files("fixtures/edit") {
        let Some((name, rest)) = path.split_once('/') else { continue };
        let scenario = scenarios.entry(name.to_owned()).or_default();
        if rest == "answer.md" {
            scenario.0 = bytes;
        } else if let Some(file) = rest.strip_prefix("before/") {
            scenario.1.push([file.as_bytes(), b"\n", &bytes].concat());
        }
    }
    let mut seeds: Vec<Vec<u8>> = scenarios
        .into_values()
        .map(|(answer, files)| {
            let parts: Vec<&[u8]> = std::iter::once(answer.as_slice()).chain(files.iter().map(Vec::as_slice)).collect();
            joined(&parts)
        })
        .collect();
    // Where the same lines stand more than once, as they are and shifted.
    let twice = b"twice.rs\nx();\n    y();\n}\nz();\n    y();\n}\n  x();\n    w();\n}\n";
    for (search, replace) in
        [("    y();\n}\n", "    n();\n}\n"), ("z();\n    y();\n", "z();\n"), ("x();\n  w();\n}\n", "x();\n  v();\n}\n")]
    {
        let answer = format!("twice.rs\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n");
        seeds.push(joined(&[answer.as_bytes(), twice]));
    }
    for answer in [
        "a.rs\n```rust\n<<<<<<< SEARCH\none();\ntwo();\n=======\none();\nthree();\n>>>>>>> REPLACE\n```\n",
        "src/b.rs\n<<<<<<< SEARCH\n\tb();\n\n\tb();\n=======\n\tc();\n>>>>>>> REPLACE\n\ndos.txt\n<<<<<<< SEARCH\ntwo\n=======\nzwei\n>>>>>>> REPLACE\n",
        "=== FILE: dos.txt ===\n````\none\nnew\n````\n=== DELETE: a.rs ===\n=== FILE: A.rs ===\n```\nx\n```\n=== COMMIT: all ===\n",
        "**doc.md**\n<<<<<<<<< SEARCH\nTitle\n=====\n=========\nHeading\n=======\n>>>>>>>>> REPLACE\n",
        "locked.rs\n<<<<<<< SEARCH\none\n=======\ntwo\n>>>>>>> REPLACE\n../x\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n.git/config\n```\nx\n```\n",
    ] {
        seeds.push(answer.as_bytes().to_vec());
    }
    seeds
}
