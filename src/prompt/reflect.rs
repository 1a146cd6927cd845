//! The next turn of an exchange whose edits did not all fit.
//!
//! Invariants
//! - The model is told of every edit that did not fit, with the file's own lines, and of every one that is kept, so that
//!   it sends only what is needed.

use serde::Serialize;

use super::{Budget, FileInput, Prompt, PromptError, Templates, file, finish};
use crate::base::path::RepoPath;
use crate::session::request::{Part, Role};

/// The lines of a file that come nearest to what an edit searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// Counted from 1.
    pub line: usize,
    /// Whole lines, exactly as they are in the file.
    pub text: String,
}

/// An edit that did not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectInfo {
    /// As the model wrote it; `None` when it did not say which file it meant.
    pub path: Option<String>,
    /// A sentence: what is wrong, and how to put it right.
    pub reason: String,
    /// The edit itself, as the model wrote it.
    pub edit: Option<String>,
    pub nearest: Option<Nearest>,
}

/// Edits of one file that fit and wait for the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub path: RepoPath,
    pub edits: usize,
}

/// What came of an answer that could not be applied as it was.
#[derive(Clone, Copy)]
pub struct Reflection<'a> {
    /// The conversation, the answer included.
    pub previous: &'a [Part],
    pub rejects: &'a [RejectInfo],
    pub held: &'a [Held],
    /// Files that the answer edits or asks for and that were not shown to the model. What is shown already is not shown again.
    pub files: &'a [FileInput],
    pub commit_subject: bool,
    pub budget: Budget<'a>,
    pub templates: &'a Templates,
}

#[derive(Serialize)]
struct Values {
    unseen: Vec<String>,
    rejects: Vec<Reject>,
    held: Vec<HeldValues>,
    commit_subject: bool,
}

#[derive(Serialize)]
struct Reject {
    path: String,
    reason: String,
    edit: String,
    nearest: String,
    line: usize,
    fence: String,
}

#[derive(Serialize)]
struct HeldValues {
    path: String,
    edits: usize,
}

impl From<&RejectInfo> for Reject {
    fn from(reject: &RejectInfo) -> Self {
        let edit = reject.edit.as_deref().map(file::body).unwrap_or_default();
        let nearest = reject.nearest.as_ref().map(|n| file::body(&n.text)).unwrap_or_default();
        Self {
            path: reject.path.clone().unwrap_or_default(),
            reason: reject.reason.clone(),
            edit: edit.to_owned(),
            nearest: nearest.to_owned(),
            line: reject.nearest.as_ref().map_or(0, |n| n.line),
            fence: file::fence(&[edit, nearest].join("\n")),
        }
    }
}

/// Makes the prompt that gives the model its edits back.
pub fn reflect(reflection: &Reflection<'_>) -> Result<Prompt, PromptError> {
    let Reflection { previous, templates, .. } = *reflection;
    let mut new = Vec::new();
    for input in reflection.files {
        new.extend(file::part(previous, input, templates)?);
    }
    let values = Values {
        unseen: reflection.files.iter().map(|f| f.path.to_string()).collect(),
        rejects: reflection.rejects.iter().map(Reject::from).collect(),
        held: reflection.held.iter().map(|h| HeldValues { path: h.path.to_string(), edits: h.edits }).collect(),
        commit_subject: reflection.commit_subject,
    };
    new.push(Part::text(Role::User, "reflection", templates.render("reflection", values)?));
    finish(previous, new, reflection.budget)
}
