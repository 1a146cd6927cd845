//! How a file, or any foreign text, stands in a prompt.
//!
//! Invariants
//! - The text between the fences is the file, byte for byte, but for one last line end that is added when the file has none.
//! - A picture or document goes along as its own bytes, behind a line that names it.
//! - A fence is longer than every run of back-ticks in what it encloses, so content cannot close it.

use serde::Serialize;

use super::{FileInput, PromptError, Templates};
use crate::base::text::is_binary;
use crate::session::request::{Kind, Part, Role};
use crate::session::turn::Access;

/// A fence that `text` cannot close.
pub(super) fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(3.max(longest + 1))
}

/// `text` without its last line end, which the template gives again.
pub(super) fn body(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

#[derive(Serialize)]
struct MediaValues<'a> {
    path: &'a str,
    image: bool,
    superseding: bool,
}

#[derive(Serialize)]
struct Values<'a> {
    path: &'a str,
    exists: bool,
    superseding: bool,
    read_only: bool,
    empty: bool,
    /// `all`, `some`, or nothing when every line ends plainly.
    crlf: &'static str,
    no_final_newline: bool,
    language: &'a str,
    fence: String,
    content: &'a str,
}

/// The part that shows `file`, unless the newest one in `previous` shows just that.
pub(super) fn part(previous: &[Part], file: &FileInput, templates: &Templates) -> Result<Vec<Part>, PromptError> {
    let path = file.path.to_string();
    let media = file.content.clone().and_then(|bytes| Part::media(Role::User, &path, bytes));
    if let Some(media) = media {
        let image = media.kind.name() == "image";
        let shown: Vec<&Part> = previous.iter().filter(|part| part.kind == media.kind).collect();
        let superseding = !shown.is_empty();
        if shown.last() == Some(&&media) {
            return Ok(Vec::new());
        }
        let caption = templates.render("media", MediaValues { path: &path, image, superseding })?;
        return Ok(vec![Part::text(Role::User, format!("media:{path}").as_str(), caption), media]);
    }
    let is_file = |kind: &Kind| matches!(kind.name(), "file" | "read-only") && kind.subject() == Some(&path);
    let Some(shown) = previous.iter().rev().find(|p| is_file(&p.kind)) else {
        return render(file, &path, false, templates).map(|part| vec![part]);
    };
    // The newest one is either the first of its path, or superseded another.
    for superseding in [false, true] {
        if render(file, &path, superseding, templates)? == *shown {
            return Ok(Vec::new());
        }
    }
    render(file, &path, true, templates).map(|part| vec![part])
}

fn render(file: &FileInput, path: &str, superseding: bool, templates: &Templates) -> Result<Part, PromptError> {
    let bytes = file.content.as_deref().unwrap_or_default();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if !is_binary(bytes) => text,
        _ => return Err(PromptError::NotText { path: file.path.clone() }),
    };
    let (ends, crlf) = (text.matches('\n').count(), text.matches("\r\n").count());
    let extension = file.path.extension().and_then(|ext| std::str::from_utf8(ext).ok()).unwrap_or_default();
    let read_only = file.access == Access::ReadOnly;
    let values = Values {
        path,
        exists: file.content.is_some(),
        superseding,
        read_only,
        empty: text.is_empty(),
        crlf: match crlf {
            0 => "",
            n if n == ends => "all",
            _ => "some",
        },
        no_final_newline: !text.is_empty() && !text.ends_with('\n'),
        language: if extension.bytes().all(|b| b.is_ascii_alphanumeric()) { extension } else { "" },
        fence: fence(text),
        content: body(text),
    };
    let kind = format!("{}:{path}", if read_only { "read-only" } else { "file" });
    Ok(Part::text(Role::User, kind.as_str(), templates.render("file", values)?))
}
