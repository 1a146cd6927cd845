//! The next turns of an exchange whose edits fit, but break the syntax of a file, fail a check or are not what the user wants.
//!
//! Invariants
//! - The model is told the place or the output, and that it may say that all is well: nobody is asked for an edit that
//!   would make things worse.

use serde::Serialize;

use super::{Budget, FileInput, Prompt, PromptError, Templates, file, finish};
use crate::session::request::{Part, Role};

/// A place where a file no longer parses, with the edits in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenPlace {
    pub path: String,
    /// Line and character, from 1.
    pub line: usize,
    pub column: usize,
    /// A sentence without a full stop.
    pub what: String,
    /// The lines around it, and the number of their first one.
    pub excerpt: String,
    pub from: usize,
}

/// A check that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCheck {
    /// As the user wrote it.
    pub command: String,
    /// How it ended, as the end of a sentence that begins with the command.
    pub how: String,
    /// What it printed, cut down to what matters.
    pub output: String,
    /// Whether it is a lint command; else a test.
    pub lint: bool,
}

/// A part of an edit that the user did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedHunk {
    pub path: String,
    /// In the user's words.
    pub reason: String,
    /// Its lines, as a diff has them.
    pub diff: String,
}

/// What goes back to the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    Syntax(Vec<BrokenPlace>),
    Checks(Vec<FailedCheck>),
    /// A command of the user's says no.
    Objection {
        hook: String,
        why: String,
    },
    Refused {
        hunks: Vec<RefusedHunk>,
        /// Whether other edits were taken.
        others: bool,
    },
}

/// All that the prompt is made from.
#[derive(Clone, Copy)]
pub struct Again<'a> {
    /// The conversation, the answer included.
    pub previous: &'a [Part],
    pub trouble: &'a Trouble,
    /// The files of the session as they are now; what is shown already is not shown again.
    pub files: &'a [FileInput],
    pub commit_subject: bool,
    pub budget: Budget<'a>,
    pub templates: &'a Templates,
}

#[derive(Serialize)]
struct SyntaxValues {
    broken: Vec<PlaceValues>,
    commit_subject: bool,
}

#[derive(Serialize)]
struct PlaceValues {
    path: String,
    line: usize,
    column: usize,
    what: String,
    from: usize,
    excerpt: String,
    fence: String,
}

#[derive(Serialize)]
struct CheckValues<'a> {
    failed: Vec<FailedValues<'a>>,
    commit_subject: bool,
}

#[derive(Serialize)]
struct FailedValues<'a> {
    command: &'a str,
    how: &'a str,
    output: &'a str,
    fence: String,
    lint: bool,
}

#[derive(Serialize)]
struct ObjectionValues<'a> {
    hook: &'a str,
    why: &'a str,
    commit_subject: bool,
}

#[derive(Serialize)]
struct RefusedValues<'a> {
    refused: Vec<HunkValues<'a>>,
    others: bool,
    commit_subject: bool,
}

#[derive(Serialize)]
struct HunkValues<'a> {
    path: &'a str,
    reason: &'a str,
    diff: &'a str,
    fence: String,
}

/// Makes the prompt that says what is wrong.
pub fn again(inputs: &Again<'_>) -> Result<Prompt, PromptError> {
    let Again { previous, trouble, templates, commit_subject, budget, .. } = *inputs;
    let mut new = Vec::new();
    // What is not written yet is in no file.
    let files = if matches!(trouble, Trouble::Syntax(_)) { &[] } else { inputs.files };
    for input in files {
        new.extend(file::part(previous, input, templates)?);
    }
    let (kind, text) = match trouble {
        Trouble::Syntax(broken) => {
            let place = |p: &BrokenPlace| PlaceValues {
                path: p.path.clone(),
                line: p.line,
                column: p.column,
                what: p.what.clone(),
                from: p.from,
                excerpt: file::body(&p.excerpt).to_owned(),
                fence: file::fence(&p.excerpt),
            };
            ("syntax", templates.render("syntax", SyntaxValues { broken: broken.iter().map(place).collect(), commit_subject })?)
        }
        Trouble::Checks(failed) => {
            let values = failed.iter().map(|f| FailedValues {
                command: &f.command,
                how: &f.how,
                output: file::body(&f.output),
                fence: file::fence(&[f.command.as_str(), &f.output].join("\n")),
                lint: f.lint,
            });
            ("check", templates.render("check", CheckValues { failed: values.collect(), commit_subject })?)
        }
        Trouble::Objection { hook, why } => {
            ("objection", templates.render("objection", ObjectionValues { hook, why: why.trim(), commit_subject })?)
        }
        Trouble::Refused { hunks, others } => {
            let values = hunks.iter().map(|h| HunkValues {
                path: &h.path,
                reason: &h.reason,
                diff: file::body(&h.diff),
                fence: file::fence(&h.diff),
            });
            let values = RefusedValues { refused: values.collect(), others: *others, commit_subject };
            ("refused", templates.render("refused", values)?)
        }
    };
    new.push(Part::text(Role::User, kind, text));
    finish(previous, new, budget)
}
