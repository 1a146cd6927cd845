//! Real changes, written in every form and read again: the file becomes the child's, and back the parent's.

#![expect(clippy::format_collect, reason = "an answer is written line by line, and is short")]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::base::change::{FileMode, FileState};
use crate::base::path::RepoPath;
use crate::base::text::{equal_pairs, unified};
use crate::base::tree::{MemoryTree, SourceTree as _};

const NAME: &str = "src/some file.rs";

/// Lines as programs have them: some are unique, some are everywhere.
fn line() -> impl Strategy<Value = String> {
    let common =
        prop::sample::select(vec!["}", "", "    }", "    return;", "{", "\tbreak;", "/// Same.", "        });", "# a", "..  b"]);
    let indent = prop::sample::select(vec!["", "    ", "        ", "\t", "\t\t", "  "]);
    prop_oneof![
        2 => common.prop_map(str::to_owned),
        5 => (indent, 0_u32..5000, "[a-z]{1,8}").prop_map(|(indent, n, word)| format!("{indent}let {word}_{n} = call({n}, {word:?});")),
    ]
}

/// A file, and some runs of its lines with what takes their place.
fn edited() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    let places = prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, prop::collection::vec(line(), 0..4)), 1..4);
    (prop::collection::vec(line(), 8..60), places).prop_map(|(old, places)| {
        let mut new = old.clone();
        for (at, len, lines) in places {
            let at = at.index(new.len() + 1);
            let upto = (at + len).min(new.len());
            new.splice(at..upto, lines);
        }
        (old, new)
    })
}

fn text(lines: &[String], end: &str, last: bool) -> String {
    let text: String = lines.iter().flat_map(|line| [line.as_str(), end]).collect();
    if last { text } else { text.strip_suffix(end).unwrap_or(&text).to_owned() }
}

/// The hunks of a diff with so many lines around: the lines with their signs.
fn hunks(old: &[String], new: &[String], around: usize) -> Vec<Vec<(char, String)>> {
    let (mut i, mut j) = (0, 0);
    let mut all: Vec<(char, String)> = Vec::new();
    for (at, to) in equal_pairs(old, new).into_iter().chain([(old.len(), new.len())]) {
        all.extend(old[i..at].iter().map(|line| ('-', line.clone())));
        all.extend(new[j..to].iter().map(|line| ('+', line.clone())));
        all.extend(old.get(at).map(|line| (' ', line.clone())));
        (i, j) = (at + 1, to + 1);
    }
    let near = |n: usize| (n.saturating_sub(around)..(n + around + 1).min(all.len())).any(|n| all[n].0 != ' ');
    let mut hunks: Vec<Vec<(char, String)>> = vec![Vec::new()];
    for (n, line) in all.iter().enumerate() {
        match hunks.last_mut() {
            Some(hunk) if near(n) => hunk.push(line.clone()),
            Some(hunk) if !hunk.is_empty() => hunks.push(Vec::new()),
            _ => {}
        }
    }
    hunks.retain(|hunk| !hunk.is_empty());
    hunks
}

fn side(lines: &[(char, String)], sign: char) -> String {
    lines.iter().filter(|(s, _)| *s == ' ' || *s == sign).map(|(_, line)| format!("{line}\n")).collect()
}

/// The change in each form that can say it.
fn forms(old: &[String], new: &[String], around: usize) -> Vec<(&'static str, String)> {
    let (before, after) = (text(old, "\n", true), text(new, "\n", true));
    let hunks = hunks(old, new, around);
    let parts: Vec<(String, String)> = hunks.iter().map(|lines| (side(lines, '-'), side(lines, '+'))).collect();
    let signed = |lines: &[(char, String)]| lines.iter().map(|(sign, line)| format!("{sign}{line}\n")).collect::<String>();
    let bare: String = hunks.iter().map(|lines| format!("@@\n{}", signed(lines))).collect();
    let mut forms = vec![
        ("blocks", parts.iter().map(|(a, b)| format!("{NAME}\n<<<<<<< SEARCH\n{a}=======\n{b}>>>>>>> REPLACE\n\n")).collect()),
        ("diff", format!("```diff\n{}```\n", unified(&before, &after, &format!("a/{NAME}"), &format!("b/{NAME}")))),
        ("diff without numbers", format!("--- a/{NAME}\n+++ b/{NAME}\n{bare}")),
        (
            "git's diff",
            format!("diff --git a/{NAME} b/{NAME}\nindex 1..2 100644\n--- a/{NAME}\n+++ b/{NAME}\n{bare}\nSo much for that.\n"),
        ),
        ("patch", format!("*** Begin Patch\n*** Update File: {NAME}\n{bare}*** End Patch\n")),
        ("announced", format!("=== FILE: {NAME} ===\n````\n{after}````\n")),
        (
            "tags",
            parts
                .iter()
                .map(|(a, b)| format!("<edit path=\"{NAME}\">\n<search>\n{a}</search>\n<replace>\n{b}</replace>\n</edit>\n"))
                .collect(),
        ),
        ("file in tags", format!("<file path=\"{NAME}\">\n{after}</file>\n")),
        ("calls", parts.iter().map(|(a, b)| json!({ "path": NAME, "old_str": a, "new_str": b }).to_string() + "\n").collect()),
        ("calls in a fence", format!("So:\n\n```json\n{}\n```\n", json!({ "edits": [{ "file_path": NAME, "content": after }] }))),
    ];
    if new.iter().filter(|line| old.contains(line)).count() * 5 > old.len() * 4 && old.iter().take(2).eq(new.iter().take(2)) {
        forms.push(("whole", format!("**{NAME}**\n````\n{after}````\n")));
    }
    forms
}

fn applied(before: &str, answer: &str) -> Result<String, String> {
    let file = FileState { mode: FileMode::Executable, bytes: before.into() };
    let path = RepoPath::new(NAME).expect("a path");
    let tree = MemoryTree::new([(path.clone(), file)]);
    let plan = parse(EditFormat::Auto, tree.paths(), answer, true);
    let done = apply(&plan.edits, &tree, &Rules::default()).expect("memory can be read");
    let wrong: Vec<String> = plan.issues.iter().map(ParseIssue::line).chain(done.rejects.iter().map(Reject::line)).collect();
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let Some(change) = done.changes.get(&path) else { return Ok(before.to_owned()) };
    let after = change.after.as_ref().ok_or("deleted")?;
    assert_eq!(after.mode, FileMode::Executable);
    Ok(String::from_utf8(after.bytes.clone()).expect("text"))
}

/// Whether each hunk's old lines stand in the file once, so that the change can be said without more.
fn is_plain(old: &[String], new: &[String], around: usize) -> bool {
    let mut now = old.to_vec();
    for lines in hunks(old, new, around) {
        let sought: Vec<&str> = lines.iter().filter(|(sign, _)| *sign != '+').map(|(_, line)| line.as_str()).collect();
        let put: Vec<String> = lines.iter().filter(|(sign, _)| *sign != '-').map(|(_, line)| line.clone()).collect();
        let ends = |lines: &[&str]| {
            let blank = |line: &&&str| line.is_empty();
            (lines.iter().take_while(blank).count(), lines.iter().rev().take_while(blank).count())
        };
        let come: Vec<&str> = put.iter().map(String::as_str).collect();
        let (gone, kept) = (ends(&sought), ends(&come));
        // New lines without the indentation of all that is quoted may have lost it.
        let first = |lines: &[&str]| lines.iter().find(|line| !line.is_empty()).map(|line| line.trim().to_owned());
        let outdented = first(&sought) == first(&come) && sought.iter().any(|line| line.starts_with([' ', '\t']));
        if outdented && come.iter().any(|line| !line.is_empty() && !line.starts_with([' ', '\t'])) {
            return false;
        }
        if sought.iter().all(|line| line.trim().is_empty()) || gone.0 > kept.0 || gone.1 > kept.1 {
            return false;
        }
        let there: Vec<usize> =
            (0..(now.len() + 1).saturating_sub(sought.len())).filter(|at| now[*at..at + sought.len()] == sought[..]).collect();
        let [at] = there[..] else { return false };
        now.splice(at..at + sought.len(), put);
    }
    now == new
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(400), ..ProptestConfig::default() })]

    #[test]
    fn a_change_in_any_form_makes_the_child_and_back_the_parent((old, new) in edited(), around in 1_usize..4, crlf: bool, last: bool) {
        let end = if crlf { "\r\n" } else { "\n" };
        // A text that ends with a blank line ends with its line end.
        let last = last || [&old, &new].iter().any(|lines| lines.last().is_some_and(String::is_empty));
        // One line without an end does not tell which ends the file has.
        prop_assume!(!crlf || last || old.len().min(new.len()) > 1);
        for (old, new) in [(&old, &new), (&new, &old)] {
            prop_assume!(!new.is_empty() && !old.is_empty());
            let (before, after) = (text(old, end, last), text(new, end, last));
            let plain = is_plain(old, new, around);
            for (form, answer) in forms(old, new, around) {
                match applied(&before, &answer) {
                    Ok(got) => prop_assert_eq!(&got, &after, "{}:\n{}", form, answer),
                    // What calls name may begin in the middle of a line, so it may be there more often. A whole file that
                    // nobody announces has to look like the file.
                    Err(why) => prop_assert!((!plain || form == "calls") && form != "announced" || form == "whole", "{form}: {why}\n{answer}"),
                }
            }
        }
    }

    /// A cut-off answer has edits of the whole one, from its first one on, and no others.
    #[test]
    fn of_a_cut_answer_only_complete_edits_are_taken((old, new) in edited(), around in 1_usize..4, cuts: Vec<prop::sample::Index>) {
        let known = [RepoPath::new(NAME).expect("a path")];
        for (form, answer) in forms(&old, &new, around) {
            let whole = parse(EditFormat::Auto, &known, &answer, true).edits;
            for cut in &cuts {
                let cut = answer.floor_char_boundary(cut.index(answer.len() + 1));
                let part = parse(EditFormat::Auto, &known, &answer[..cut], false).edits;
                prop_assert!(part.len() <= whole.len() && part[..] == whole[..part.len()], "{form}: {}\n{part:?}\n{whole:?}", &answer[..cut]);
            }
        }
    }
}
