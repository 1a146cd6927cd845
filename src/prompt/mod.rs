//! Puts together what a model is asked: typed fragments in a fixed order, rendered from templates, within the window.
//!
//! Invariants
//! - Pure: bytes in, parts out. The same inputs and templates give the same bytes.
//! - Append-only: the parts of a prompt begin with the parts that the conversation already had, byte for byte. What changed
//!   since is appended as superseding.
//! - Nothing is cut in silence. What does not fit is an error that says what costs most; only the list of tracked paths
//!   shrinks by itself, and says that it did.
//! - Every part but the user's words ends in a blank line, so parts may be sent apart or one after the other.

mod again;
mod compact;
mod file;
mod list;
mod reflect;
mod template;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::base::money::{TokenCounter, Tokens};
use crate::base::path::RepoPath;
use crate::session::request::{Kind, Part, Role};
use crate::session::turn::Access;

pub use again::{Again, BrokenPlace, FailedCheck, RefusedHunk, Trouble, again};
pub use compact::{SUMMARY, after as after_summary, compact};
pub use reflect::{Held, Nearest, Reflection, RejectInfo, reflect};
pub use template::{Override, TemplateError, TemplateText, Templates};

/// The most that the list of tracked paths may cost.
const LIST_TOKENS: Tokens = Tokens(2_000);
/// The part of the window that the list may take, when that is less.
const LIST_SHARE: u64 = 8;

/// A file of the session as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInput {
    pub path: RepoPath,
    pub access: Access,
    /// `None`: there is no such file, or not any more.
    pub content: Option<Vec<u8>>,
}

/// How much a prompt may cost.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    /// What the model can take, question and answer together; `None` when that is not known.
    pub window: Option<Tokens>,
    /// What must be left for the answer.
    pub reserve_output: Tokens,
    pub counter: &'a dyn TokenCounter,
}

impl Budget<'_> {
    /// What the prompt itself may cost.
    fn available(&self) -> Option<Tokens> {
        self.window.map(|window| Tokens(window.0.saturating_sub(self.reserve_output.0)))
    }
}

/// Everything that a prompt is made from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The conversation so far; empty in a new session.
    pub previous: &'a [Part],
    /// The user's words.
    pub message: &'a str,
    pub stdin: Option<&'a str>,
    /// What commands of the user's add, each with its name.
    pub contexts: &'a [(String, String)],
    /// Every file of the session, also those that did not change: what is shown already is not shown again.
    pub files: &'a [FileInput],
    /// The tracked paths in byte order; empty for no list.
    pub tracked: &'a [RepoPath],
    /// The project's instruction files, name and text, the general ones first.
    pub instructions: &'a [(String, String)],
    /// `search-replace` or `whole-file`.
    pub edit_format: &'a str,
    /// Whether the answer is to give the commit's subject.
    pub commit_subject: bool,
    pub budget: Budget<'a>,
    pub templates: &'a Templates,
}

/// One part of a prompt, as the account of its cost shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    pub role: Role,
    /// What it is, and after the colon what it is about.
    pub kind: Kind,
    /// An estimate.
    pub tokens: Tokens,
    /// Whether this prompt adds it to the conversation.
    pub new: bool,
}

/// A request's parts, and what each costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The conversation so far, followed by what is new.
    pub parts: Vec<Part>,
    /// One for each part, in the same order.
    pub fragments: Vec<Fragment>,
}

impl Prompt {
    /// The estimate for the whole request.
    pub fn tokens(&self) -> Tokens {
        self.fragments.iter().map(|f| f.tokens).sum()
    }
}

/// Why there is no prompt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    #[error("{}", too_long(*.total, *.available, .fragments))]
    TooLong {
        total: Tokens,
        /// The window without what is reserved for the answer.
        available: Tokens,
        /// Every fragment, the most expensive first.
        fragments: Vec<Fragment>,
    },
    #[error("{path} is not UTF-8 text, so it cannot be sent to a model; take it out of the session")]
    NotText { path: RepoPath },
    #[error("there is no edit format {name:?}; the formats are {}", .known.join(", "))]
    UnknownFormat { name: String, known: Vec<String> },
    #[error(transparent)]
    Template(#[from] TemplateError),
}

fn too_long(total: Tokens, available: Tokens, fragments: &[Fragment]) -> String {
    let history: Tokens = fragments.iter().filter(|f| !f.new).map(|f| f.tokens).sum();
    let mut shown: Vec<_> = fragments.iter().filter(|f| f.new).map(|f| (f.tokens, f.kind.0.as_str())).collect();
    shown.push((history, "the conversation so far"));
    shown.retain(|(tokens, _)| tokens.0 > 0);
    shown.sort_by_key(|(tokens, _)| std::cmp::Reverse(*tokens));
    let largest: Vec<String> = shown.iter().take(5).map(|(tokens, name)| format!("{name} {tokens}")).collect();
    format!(
        "the request has about {total} tokens, but the model has room for {available}; most is taken by: {}",
        largest.join(", ")
    )
}

/// Makes the prompt for a message of the user.
pub fn build(inputs: &Inputs<'_>) -> Result<Prompt, PromptError> {
    let Inputs { previous, templates, budget, .. } = *inputs;
    let mut new = standing(inputs)?;

    for (name, text) in inputs.instructions {
        let kind = format!("project:{name}");
        let shown = previous.iter().rev().find(|p| p.kind.0 == kind);
        let part = |superseding: bool| -> Result<Part, TemplateError> {
            let values = Project { name, superseding, fence: file::fence(text), text: file::body(text) };
            Ok(Part::text(Role::User, kind.as_str(), templates.render("project", values)?))
        };
        match shown {
            None => new.push(part(false)?),
            Some(shown) if *shown == part(false)? || *shown == part(true)? => {}
            Some(_) => new.push(part(true)?),
        }
    }

    let most = budget.available().map_or(LIST_TOKENS, |all| LIST_TOKENS.min(Tokens(all.0 / LIST_SHARE)));
    if let Some(list) = list::list(previous, inputs.tracked, budget.counter, most) {
        let values = ListValues {
            form: list.form.as_str(),
            total: inputs.tracked.len(),
            omitted: list.omitted,
            fence: file::fence(&list.lines.join("\n")),
            lines: list.lines,
        };
        let kind = format!("list:{}", list.form.as_str());
        new.push(Part::text(Role::User, kind.as_str(), templates.render("list", values)?));
    }

    // What may be edited stands nearest to the request.
    for access in [Access::ReadOnly, Access::ReadWrite] {
        for input in inputs.files.iter().filter(|f| f.access == access) {
            new.extend(file::part(previous, input, templates)?);
        }
    }
    if let Some(text) = inputs.stdin.filter(|text| !text.is_empty()) {
        let values = Stdin { fence: file::fence(text), text: file::body(text) };
        new.push(Part::text(Role::User, "stdin", templates.render("stdin", values)?));
    }
    for (name, text) in inputs.contexts {
        new.push(Part::text(Role::User, format!("hook:{name}").as_str(), context(templates, name, text)?));
    }
    // After files, nothing in the user's words would say where the material ends and the request begins.
    if new.iter().any(|part| part.role == Role::User) {
        new.push(Part::text(Role::User, "request", templates.render("request", Standing { changed: false })?));
    }
    new.push(Part::text(Role::User, "message", inputs.message));
    finish(previous, new, budget)
}

/// The same for a message that is a whole prompt: nothing else is added to the conversation.
pub fn bare(inputs: &Inputs<'_>) -> Result<Prompt, PromptError> {
    finish(inputs.previous, vec![Part::text(Role::User, "message", inputs.message)], inputs.budget)
}

/// The prompt that asks for the rest of an answer that was cut off at the end of these lines.
pub fn go_on(previous: &[Part], lines: &str, budget: Budget<'_>, templates: &Templates) -> Result<Prompt, PromptError> {
    let text = templates.render("continue", Lines { lines: lines.trim_end_matches('\n') })?;
    finish(previous, vec![Part::text(Role::User, "continue", text)], budget)
}

/// What a command of the user's adds, as the model reads it.
pub fn context(templates: &Templates, name: &str, text: &str) -> Result<String, TemplateError> {
    templates.render("hook", Context { name, fence: file::fence(text), text: file::body(text) })
}

/// What holds for the whole conversation: who the model is and how it writes edits. System text while there is no
/// conversation; later only what is different now, as a part of the user's message, because the prefix must stay.
fn standing(inputs: &Inputs<'_>) -> Result<Vec<Part>, PromptError> {
    let Inputs { previous, templates, edit_format, .. } = *inputs;
    if !templates.formats().any(|known| known == edit_format) {
        let known = templates.formats().map(str::to_owned).collect();
        return Err(PromptError::UnknownFormat { name: edit_format.to_owned(), known });
    }
    let mut new = Vec::new();
    let role = if previous.is_empty() { Role::System } else { Role::User };
    if previous.is_empty() {
        new.push(Part::text(role, "instructions", templates.render("system", Standing { changed: false })?));
    }
    let format = format!("format:{edit_format}");
    let is_format = |part: &&Part| part.kind.name() == "format" && part.kind.0 != COMMIT_SUBJECT;
    let shown = previous.iter().rev().find(is_format);
    if shown.is_none_or(|shown| shown.kind.0 != format) {
        let text = templates.render(&format!("format-{edit_format}"), Standing { changed: shown.is_some() })?;
        new.push(Part::text(role, format.as_str(), text));
    }
    if inputs.commit_subject && !previous.iter().any(|p| p.kind.0 == COMMIT_SUBJECT) {
        new.push(Part::text(role, COMMIT_SUBJECT, templates.render("commit-subject", Standing { changed: false })?));
    }
    Ok(new)
}

/// The kind of the rule about the commit's subject.
const COMMIT_SUBJECT: &str = "format:commit-subject";

#[derive(Serialize)]
struct Lines<'a> {
    lines: &'a str,
}

#[derive(Serialize)]
struct Standing {
    changed: bool,
}

#[derive(Serialize)]
struct Project<'a> {
    name: &'a str,
    superseding: bool,
    fence: String,
    text: &'a str,
}

#[derive(Serialize)]
struct Context<'a> {
    name: &'a str,
    fence: String,
    text: &'a str,
}

#[derive(Serialize)]
struct ListValues {
    form: &'static str,
    total: usize,
    lines: Vec<String>,
    omitted: usize,
    fence: String,
}

#[derive(Serialize)]
struct Stdin<'a> {
    fence: String,
    text: &'a str,
}

/// About what a picture costs, at the size that providers scale large ones to.
const IMAGE_TOKENS: Tokens = Tokens(1_600);
/// About what a page of a document costs, as text and picture.
const PAGE_TOKENS: u64 = 2_000;

/// What one part costs, as an estimate.
fn tokens(part: &Part, counter: &dyn TokenCounter) -> Tokens {
    match part.media_type() {
        None => counter.count(&part.as_text()),
        Some(media) if media.is_image() => IMAGE_TOKENS,
        Some(_) => {
            let pages =
                part.bytes.windows(b"/Type /Page".len() + 1).filter(|w| w.starts_with(b"/Type /Page") && !w.ends_with(b"s"));
            Tokens(PAGE_TOKENS * pages.count().max(1) as u64)
        }
    }
}

/// Counts what the parts cost and refuses what is too long.
fn finish(previous: &[Part], new: Vec<Part>, budget: Budget<'_>) -> Result<Prompt, PromptError> {
    let mut parts = previous.to_vec();
    parts.extend(new);
    let fragment = |(at, part): (usize, &Part)| Fragment {
        role: part.role,
        kind: part.kind.clone(),
        tokens: tokens(part, budget.counter),
        new: at >= previous.len(),
    };
    let fragments: Vec<Fragment> = parts.iter().enumerate().map(fragment).collect();
    let prompt = Prompt { parts, fragments };
    match (prompt.tokens(), budget.available()) {
        (total, Some(available)) if total > available => {
            let mut fragments = prompt.fragments;
            fragments.sort_by_key(|f| std::cmp::Reverse(f.tokens));
            Err(PromptError::TooLong { total, available, fragments })
        }
        _ => Ok(prompt),
    }
}
