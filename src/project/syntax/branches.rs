//! Preprocessor conditionals of C and C++ whose parts are no whole pieces of code.
//!
//! Invariants
//! - In doubt a text counts as one that a grammar cannot read: then nothing is said of it.

/// Whether a part between two lines of a conditional opens a bracket that it does not close, or closes one that it does not
/// open. The one that stands around a header (`#ifndef A`, `#define A`) is none.
pub(super) fn tear_code_apart(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().map(str::trim_start).peekable();
    // The brackets that are open in each part, the innermost part last; none: a header's guard.
    let mut parts: Vec<Option<i64>> = Vec::new();
    while let Some(line) = lines.next() {
        let word = line
            .strip_prefix('#')
            .map(|rest| rest.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default());
        let ended = match word {
            Some("if" | "ifdef" | "ifndef") => {
                let guard = word == Some("ifndef") && lines.peek().is_some_and(|next| next.starts_with("#define"));
                parts.push((!guard).then_some(0));
                None
            }
            Some("else" | "elif" | "elifdef" | "elifndef") => parts.last_mut().and_then(|part| part.replace(0)),
            Some("endif") => parts.pop().flatten(),
            Some(_) => None,
            None => {
                for open in parts.iter_mut().flatten() {
                    *open += balance(line);
                    if *open < 0 {
                        return true;
                    }
                }
                None
            }
        };
        if ended.is_some_and(|open| open != 0) {
            return true;
        }
    }
    false
}

/// How many brackets of a line stay open; those in strings, characters and comments to the end of the line do not count.
fn balance(line: &str) -> i64 {
    let (mut open, mut chars, mut quote) = (0, line.chars().peekable(), None);
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(chars.next()),
            (Some(end), c) if c == end => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '/') if chars.peek() == Some(&'/') => break,
            (None, '(' | '[' | '{') => open += 1,
            (None, ')' | ']' | '}') => open -= 1,
            _ => {}
        }
    }
    open
}
