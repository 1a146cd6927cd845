//! A conversation that is summed up: the request for it, and what stands in the conversation's place.
//!
//! Invariants
//! - What was said is in the request word for word; files, lists and instructions are named only, because they are shown anew.
//! - What follows a summary begins with the system text of the conversation that it sums up, so nothing has to be said again.

use serde::Serialize;

use crate::session::request::{Part, Role};

use super::{Budget, Prompt, PromptError, Templates, file, finish};

/// The kind of the part that stands for a conversation.
pub const SUMMARY: &str = "summary";

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
    fence: String,
}

/// The request for a summary of `previous`.
pub fn compact(previous: &[Part], budget: Budget<'_>, templates: &Templates) -> Result<Prompt, PromptError> {
    let transcript = transcript(previous);
    let values = Text { text: file::body(&transcript), fence: file::fence(&transcript) };
    let parts = vec![
        Part::text(Role::System, "instructions", templates.render("compact", Text { text: "", fence: String::new() })?),
        Part::text(Role::User, "transcript", templates.render("transcript", values)?),
    ];
    finish(&[], parts, budget)
}

/// The conversation that goes on behind a summary: `before` is what was summed up.
pub fn after(before: &[Part], summary: &str, templates: &Templates) -> Result<Vec<Part>, PromptError> {
    let mut parts: Vec<Part> = before.iter().take_while(|part| part.role == Role::System).cloned().collect();
    let text = templates.render("summary", Text { text: file::body(summary), fence: String::new() })?;
    parts.push(Part::text(Role::User, SUMMARY, text));
    Ok(parts)
}

/// What was said, by whom.
fn transcript(parts: &[Part]) -> String {
    let mut out = String::new();
    let mut last = None;
    for part in parts.iter().filter(|part| part.role != Role::System && part.kind.native_provider().is_none()) {
        let subject = part.kind.subject().unwrap_or_default();
        let text = match part.kind.name() {
            "list" | "project" | "request" | "media" | "format" => continue,
            "file" | "read-only" | "image" | "document" => format!("[{subject} was shown]"),
            "tool-result" => format!("[a tool gave:]\n{}", part.as_text().trim_end()),
            _ => part.as_text().trim_end().to_owned(),
        };
        if last != Some(part.role) {
            out.push_str(if part.role == Role::Assistant { "\n=== assistant ===\n" } else { "\n=== programmer ===\n" });
        }
        last = Some(part.role);
        out.push_str(&text);
        out.push('\n');
    }
    out.trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::money::{BytesPerFour, Tokens};

    const BUDGET: Budget<'static> = Budget { window: Some(Tokens(10_000)), reserve_output: Tokens(100), counter: &BytesPerFour };

    fn conversation() -> Vec<Part> {
        vec![
            Part::text(Role::System, "instructions", "Be an expert.\n\n"),
            Part::text(Role::System, "format:search-replace", "Write edits so.\n\n"),
            Part::text(Role::User, "list:paths", "a.rs\nb.rs\n\n"),
            Part::text(Role::User, "file:a.rs", "File for editing:\n\nfn a() {}\n\n"),
            Part::text(Role::User, "request", "The request:\n\n"),
            Part::text(Role::User, "message", "Call it b, never c."),
            Part::text(Role::Assistant, "answer", "Done."),
        ]
    }

    #[test]
    fn what_was_said_is_kept_and_what_is_shown_anew_is_named() {
        let prompt = compact(&conversation(), BUDGET, &Templates::builtin()).expect("a request");
        let text = prompt.parts[1].as_text().into_owned();
        assert!(text.contains("=== programmer ===\n[a.rs was shown]\nCall it b, never c.\n\n=== assistant ===\nDone.\n"), "{text}");
        assert!(!text.contains("fn a") && !text.contains("b.rs") && !text.contains("Be an expert"));
        assert_eq!(prompt.parts.len(), 2);
    }

    #[test]
    fn what_follows_keeps_the_rules() {
        let parts = after(&conversation(), "Goal: b.", &Templates::builtin()).expect("parts");
        let kinds: Vec<&str> = parts.iter().map(|part| part.kind.0.as_str()).collect();
        assert_eq!(kinds, ["instructions", "format:search-replace", "summary"]);
        assert!(parts[2].as_text().ends_with("\n\nGoal: b.\n\n"));
    }
}
