//! Small rules about text that several modules must agree on.
//!
//! Invariants
//! - Nothing here panics on any input, and cutting never splits a character.

use std::borrow::Cow;

/// Bytes as text; what is not UTF-8 becomes replacement characters.
pub fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    // Several times as fast as looking for the first mistake, and there is hardly ever one.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Percent-encodes every byte that is not printable ASCII, and `%` itself, so that the result is one line.
pub fn percent_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Reverses [`percent_encode`]; a `%` that is not followed by two hexadecimal digits stands for itself.
pub fn percent_decode(text: &str) -> Vec<u8> {
    let raw = text.as_bytes();
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        let byte = (raw[at] == b'%')
            .then(|| raw.get(at + 1..at + 3))
            .flatten()
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        out.push(byte.unwrap_or(raw[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    out
}

/// The first non-blank line without control characters, cut to `columns` characters with `…`.
pub fn subject(text: &str, columns: usize) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let clean: String = line.chars().filter(|c| !is_unsafe_to_show(*c)).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| ellipsis(clean, columns))
}

/// `text` cut to `columns` characters, the last one `…` when something was cut.
pub fn ellipsis(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Whether a character could move the cursor, change colours or reorder text on a terminal. Tab and newline could not.
pub fn is_unsafe_to_show(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Makes foreign text harmless on a terminal: each unsafe character is shown as a visible escape. A carriage return
/// before a newline is dropped, as a terminal would.
pub fn neutralise(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.chars().any(is_unsafe_to_show) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            c if is_unsafe_to_show(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out.into()
}

/// Whether bytes look like something other than text: a NUL in the first 8,000 bytes (git's own rule), or not UTF-8.
pub fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(8000)].contains(&0) || std::str::from_utf8(bytes).is_err()
}

/// The difference of two texts with three lines of context, in the form that `patch` takes; empty when they are equal.
pub fn unified(old: &str, new: &str, old_name: &str, new_name: &str) -> String {
    similar::TextDiff::from_lines(old, new).unified_diff().context_radius(3).header(old_name, new_name).to_string()
}

/// Which items of the two sequences are the same ones, as pairs of places in the old and the new sequence.
pub fn equal_pairs<T: std::hash::Hash + Ord>(old: &[T], new: &[T]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for op in similar::capture_diff_slices(similar::Algorithm::Myers, old, new) {
        if let similar::DiffOp::Equal { old_index, new_index, len } = op {
            pairs.extend((0..len).map(|n| (old_index + n, new_index + n)));
        }
    }
    pairs
}

/// Lines with their ends; the last may have none.
pub fn byte_lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|b| *b == b'\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_one_safe_line() {
        assert_eq!(subject("\n\n  fix \u{1b}[31mit\n more", 72).as_deref(), Some("fix [31mit"));
        assert_eq!(subject(" \n\t", 72), None);
        assert_eq!(subject(&"x".repeat(80), 5).as_deref(), Some("xxxx…"));
    }

    #[test]
    fn terminal_escapes_become_visible() {
        assert_eq!(neutralise("a\u{1b}]0;x\u{7}b\r\nc"), "a\\u{1b}]0;x\\u{7}b\nc");
        assert!(matches!(neutralise("plain\ttext\n"), std::borrow::Cow::Borrowed(_)));
    }

    proptest::proptest! {
        #[test]
        fn percent_round_trips(bytes: Vec<u8>) {
            let text = percent_encode(&bytes);
            proptest::prop_assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b)));
            proptest::prop_assert_eq!(percent_decode(&text), bytes);
        }

        #[test]
        fn percent_decode_takes_anything(text: String) {
            let _ = percent_decode(&text);
        }
    }
}
