//! docs/benchmarks.md: a part for each benchmark, in which its last results are.
//!
//! Invariants
//! - Writing one part leaves the others as they are.

use crate::shell;

/// Puts a part (its first line is the heading) in the place of the one with this heading, or at the end.
pub(super) fn put(heading: &str, text: &str) -> Result<(), String> {
    let page = shell::root().join("docs/benchmarks.md");
    let old = shell::read(&page).unwrap_or_default();
    shell::write(&page, with(&old, heading, text).as_bytes())
}

fn with(old: &str, heading: &str, text: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for line in old.lines() {
        match parts.last_mut() {
            Some(part) if !line.starts_with("# ") && !line.starts_with("## ") => *part += &format!("{line}\n"),
            _ => parts.push(format!("{line}\n")),
        }
    }
    let text = format!("{}\n", text.trim_end());
    match parts.iter_mut().find(|part| part.lines().next() == Some(heading)) {
        Some(part) => *part = text,
        None => parts.push(text),
    }
    parts.iter().map(|part| part.trim_end()).collect::<Vec<_>>().join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_put_in_its_place() {
        let page = "# All\n\none\n\n## Two\n\ntwo\n";
        assert_eq!(with(page, "# All", "# All\n\n1\n\n"), "# All\n\n1\n\n## Two\n\ntwo\n");
        assert_eq!(with(page, "## Two", "## Two\n2"), "# All\n\none\n\n## Two\n2\n");
        assert_eq!(with(page, "## Three", "## Three\n"), "# All\n\none\n\n## Two\n\ntwo\n\n## Three\n");
        assert_eq!(with("", "# All", "# All\n\nx"), "# All\n\nx\n");
    }
}
