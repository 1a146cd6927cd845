//! Properties of reading and applying together.

use proptest::prelude::*;

use super::tests::{block, outcome, path, tree};
use super::*;
use crate::base::tree::SourceTree as _;

/// Pieces of answers that look like form.
fn answer() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a.rs",
        "**src/b.rs**",
        "../x",
        "text of a.rs",
        "```",
        "```rust",
        "````",
        "~~~",
        "```rust c.rs",
        "<<<<<<< SEARCH",
        "=======",
        ">>>>>>> REPLACE",
        "<<<<<<<<< SEARCH",
        "=========",
        ">>>>>>>>> REPLACE",
        "=== FILE: a.rs ===",
        "=== DELETE: a.rs ===",
        "=== COMMIT: é ===",
        "one",
        "two",
        "    one",
        "",
        "é",
        "\r",
    ]);
    let end = prop::sample::select(vec!["\n", "\n", "\n", "\r\n", ""]);
    prop::collection::vec((piece, end), 0..40).prop_map(|lines| lines.into_iter().flat_map(|(text, end)| [text, end]).collect())
}

/// A file's lines before and after one change: (lines, first, how many, new lines).
fn change(
    old: Vec<&'static str>,
    new: Vec<&'static str>,
) -> impl Strategy<Value = (Vec<&'static str>, usize, usize, Vec<&'static str>)> {
    let line = prop::sample::select(old);
    let new = prop::collection::vec(prop::sample::select(new), 0..6);
    (prop::collection::vec(line, 1..20), any::<(prop::sample::Index, prop::sample::Index)>(), new).prop_map(
        |(lines, (at, len), new)| {
            let at = at.index(lines.len());
            let len = 1 + len.index(lines.len() - at);
            (lines, at, len, new)
        },
    )
}

/// Whether the search begins or ends with other blank lines than the replacement: whether those are to go or to come is not always
/// known.
fn quotes_blank_ends(search: &[&str], new: &[&str]) -> bool {
    let blanks = |lines: &mut dyn Iterator<Item = &&str>| lines.take_while(|line| line.trim().is_empty()).count();
    blanks(&mut search.iter()) != blanks(&mut new.iter()) || blanks(&mut search.iter().rev()) != blanks(&mut new.iter().rev())
}

fn joined(lines: &[&str], end: &str) -> String {
    lines.iter().flat_map(|line| [*line, end]).collect()
}

const PLAIN: [&str; 8] = ["alpha", "    beta", "    gamma();", "}", "", "    }", "\tdelta", "epsilon {"];
const FORM: [&str; 10] =
    ["alpha", "    beta", "", "=======", "=====", "<<<<<<< SEARCH", "```", "```rust", "=== DELETE: f.rs ===", ">>>>>>> REPLACE"];

proptest! {
    #[test]
    fn the_plan_does_not_depend_on_the_chunks(answer in answer(), cuts: Vec<prop::sample::Index>, complete: bool, whole: bool) {
        let format = if whole { EditFormat::WholeFile } else { EditFormat::Auto };
        let known = [path("a.rs"), path("src/b.rs")];
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(answer.len() + 1)).filter(|at| answer.is_char_boundary(*at)).collect();
        at.extend([0, answer.len()]);
        at.sort_unstable();
        let mut parser = Parser::new(format, &known);
        for pair in at.windows(2) {
            parser.feed(&answer[pair[0]..pair[1]]);
        }
        prop_assert_eq!(parser.finish(complete), parse(format, &known, &answer, complete));
    }

    #[test]
    fn any_text_is_taken_and_rejects_change_nothing(answer in prop_oneof![answer(), any::<String>()], content in "(one|two|    one|\n|\r\n){0,8}", whole: bool) {
        let format = if whole { EditFormat::WholeFile } else { EditFormat::Auto };
        let tree = tree(&[("a.rs", &content), ("src/b.rs", "b\n")]);
        let plan = parse(format, tree.paths(), &answer, true);
        let rules = Rules { read_only: [path("src/b.rs")].into(), ..Rules::default() };
        let done = apply(&plan.edits, &tree, &rules).expect("memory can be read");
        prop_assert_eq!(done.landed.len() + done.unchanged.len() + done.rejects.len(), plan.edits.len());
        prop_assert!(done.changes.get(&path("src/b.rs")).is_none());
        for reject in &done.rejects {
            let alone = apply(&plan.edits[reject.index..=reject.index], &tree, &rules).expect("memory can be read");
            prop_assert!(alone.rejects.is_empty() || alone.changes.is_empty());
            prop_assert!(!reject.line().contains('\n'));
        }
        let kept: Vec<Edit> = done.landed.iter().map(|at| plan.edits[*at].clone()).collect();
        prop_assert_eq!(apply(&kept, &tree, &rules).expect("memory can be read").changes, done.changes, "rejects leave no trace");
    }

    #[test]
    fn a_change_written_as_a_block_comes_out_exactly((lines, at, len, new) in change(PLAIN.to_vec(), PLAIN.to_vec()), crlf: bool, bare_end: bool, crlf_answer: bool) {
        let end = if crlf { "\r\n" } else { "\n" };
        let mut after = lines.clone();
        after.splice(at..at + len, new.iter().copied());
        let content = |lines: &[&str]| { let text = joined(lines, end); if bare_end { text.strip_suffix(end).unwrap_or(&text).to_owned() } else { text } };
        let (before, want) = (content(&lines), content(&after));
        // One line without an end does not tell which ends the file has, and an empty last line without an end is none.
        prop_assume!(!bare_end || (lines.len() > 1 && lines.last() != Some(&"") && after.last() != Some(&"")));
        let search = &lines[at..at + len];
        prop_assume!(!quotes_blank_ends(search, &new));
        let blank = search.iter().all(|line| line.is_empty());
        let unique = lines.windows(len).filter(|window| *window == search).count() == 1;
        let mut answer = block("f.rs", &joined(search, "\n"), &joined(&new, "\n"), 7);
        if crlf_answer { answer = answer.replace('\n', "\r\n"); }
        let tree = tree(&[("f.rs", &before)]);
        let got = outcome(&tree, "f.rs", &answer);
        // New lines without the indentation of all that is quoted may have lost it.
        let first = |lines: &[&str]| lines.iter().find(|line| !line.is_empty()).map(|line| line.trim().to_owned());
        let outdented = first(search) == first(&new) && search.iter().any(|line| line.starts_with([' ', '\t']));
        if search == new {
            // A blank line for a blank line changes nothing, wherever it is meant to stand.
            prop_assert!(got == Ok(before) || (blank && got.is_err()));
        } else if unique && !blank && outdented {
            prop_assert!(got == Ok(want) || got.is_err_and(|why| why.contains("how to indent")));
        } else if unique && !blank {
            prop_assert_eq!(got, Ok(want));
        } else {
            prop_assert!(got.is_err());
        }
    }

    #[test]
    fn a_shifted_block_is_exact_or_rejected((lines, at, len, new) in change(PLAIN.to_vec(), PLAIN.to_vec()), width in 1_usize..6, deeper: bool, only_search: bool) {
        prop_assume!(!quotes_blank_ends(&lines[at..at + len], &new));
        let white = " ".repeat(width);
        // A replacement that is as deep as the file may be in its indentation.
        let deep = |line: &&str| !line.is_empty() && !line.starts_with(&white);
        prop_assume!(if deeper { !new.iter().any(|line| lines.contains(&&*format!("{white}{line}"))) } else { new.is_empty() || new.iter().any(deep) });
        let shift = |lines: &[&str]| lines.iter().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{white}{line}\n") }).collect::<String>();
        let mut after = lines.clone();
        after.splice(at..at + len, new.iter().copied());
        let (old, want) = if deeper { (joined(&lines, "\n"), joined(&after, "\n")) } else { (shift(&lines), shift(&after)) };
        let put = |lines: &[&str], shifted: bool| if shifted == deeper { shift(lines) } else { joined(lines, "\n") };
        let tree = tree(&[("f.rs", &old)]);
        let got = outcome(&tree, "f.rs", &block("f.rs", &put(&lines[at..at + len], true), &put(&new, !only_search), 7));
        if !only_search && let Ok(got) = got {
            // The search may fit elsewhere as it is written; then it is not shifted at all.
            let exact = old.contains(&put(&lines[at..at + len], true));
            prop_assert!(exact || got == want || lines[at..at + len] == new[..], "{got:?} for {want:?}");
        }
    }

    #[test]
    fn wide_markers_carry_any_text((lines, at, len, new) in change(FORM.to_vec(), FORM.to_vec())) {
        let mut after = lines.clone();
        after.splice(at..at + len, new.iter().copied());
        let search = &lines[at..at + len];
        prop_assume!(!quotes_blank_ends(search, &new));
        let blank = search.iter().all(|line| line.is_empty());
        let unique = lines.windows(len).filter(|window| *window == search).count() == 1;
        let tree = tree(&[("f.rs", &joined(&lines, "\n"))]);
        let answer = block("f.rs", &joined(search, "\n"), &joined(&new, "\n"), 9);
        let got = outcome(&tree, "f.rs", &answer);
        prop_assert!(got.is_err() || got == Ok(joined(&after, "\n")));
        // A blank line for a blank line changes nothing, wherever it is meant to stand.
        prop_assert!(got.is_ok() == (!blank && (unique || search == new)) || (blank && search == new));
    }

    #[test]
    fn narrow_markers_around_such_text_are_exact_or_refused((lines, at, len, new) in change(FORM.to_vec(), FORM[..9].to_vec())) {
        let mut after = lines.clone();
        after.splice(at..at + len, new.iter().copied());
        prop_assume!(!quotes_blank_ends(&lines[at..at + len], &new));
        let tree = tree(&[("f.rs", &joined(&lines, "\n"))]);
        let answer = block("f.rs", &joined(&lines[at..at + len], "\n"), &joined(&new, "\n"), 7);
        if let Ok(got) = outcome(&tree, "f.rs", &answer) {
            prop_assert_eq!(got, joined(&after, "\n"));
        }
    }

    #[test]
    fn a_whole_file_is_exact_or_refused(lines in prop::collection::vec(prop::sample::select(FORM.to_vec()), 0..20), wide: bool, old in "(alpha|\n){0,5}") {
        let fence = if wide { "````" } else { "```" };
        let content = joined(&lines, "\n");
        let tree = tree(&[("other", "x\n"), ("e.rs", &old)]);
        let got = outcome(&tree, "f.rs", &format!("=== FILE: f.rs ===\n{fence}rust\n{content}{fence}\n\nDone.\n"));
        // Fences that do not even pair are told apart by a longer fence only.
        let mut fences = lines.iter().filter(|line| line.starts_with("```"));
        prop_assume!(wide || fences.next() != Some(&"```") || fences.next() != Some(&"```rust"));
        let form_first = lines.iter().find(|line| !line.is_empty()) == Some(&"<<<<<<< SEARCH");
        match got {
            Ok(got) => prop_assert_eq!(got, content),
            Err(_) => prop_assert!(!wide || form_first),
        }
    }
}
