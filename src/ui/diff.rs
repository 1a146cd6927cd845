//! Unified diffs in colour.

use super::style::{Style, Text};

/// A unified diff with a style for each line. Lines of a hunk are told from headers by the hunk's own counts, so that a
/// removed `-- x` is not taken for a file name.
pub fn diff(text: &str) -> Text {
    let mut out = Text::new();
    let (mut old, mut new) = (0, 0);
    for line in text.split_inclusive('\n') {
        let style = if old > 0 || new > 0 {
            match line.as_bytes().first() {
                Some(b'-') => {
                    old -= 1;
                    Style::Removed
                }
                Some(b'+') => {
                    new -= 1;
                    Style::Added
                }
                Some(b'\\') => Style::Dim,
                _ => {
                    (old, new) = (old - 1, new - 1);
                    Style::Plain
                }
            }
        } else if let Some(counts) = hunk(line) {
            (old, new) = counts;
            Style::Hunk
        } else if line.starts_with('\\') {
            Style::Dim
        } else {
            Style::Bold
        };
        let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
        out.push(style, body);
        out.push(Style::Plain, end);
    }
    out
}

/// The line counts in `@@ -1,2 +3,4 @@`.
fn hunk(line: &str) -> Option<(i64, i64)> {
    let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let count = |range: &str| range.split_once(',').map_or(Some(1), |(_, n)| n.parse::<u32>().ok().map(i64::from));
    Some((count(old)?, count(new)?))
}
