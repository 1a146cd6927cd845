//! Single lines that mean something outside or inside a block: markers, fences and directives.
//!
//! A marker or a fence is recognised by its whole line only, so a line that merely contains one is content.

/// A line of 5 to 9 equal characters, optionally followed by the marker's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marker {
    /// White space before it, in bytes.
    pub indent: usize,
    /// How many characters.
    pub width: usize,
}

impl Marker {
    /// Whether `found` belongs to the block that this marker opens. Narrow markers are drawn carelessly, wide ones on purpose.
    pub(super) fn owns(self, found: Option<Self>) -> bool {
        found.is_some_and(|m| m.indent == self.indent && (self.width <= 7 || m.width == self.width))
    }
}

/// Whether a line can be a marker or a fence at all; most lines are told apart by their first sign.
pub(super) fn may_be(line: &str) -> bool {
    let first = line.bytes().find(|byte| !byte.is_ascii_whitespace());
    first.is_some_and(|byte| matches!(byte, b'<' | b'=' | b'>' | b'-' | b'+' | b'`' | b'~') || !byte.is_ascii())
}

/// `<<<<<<< SEARCH`, also drawn as `------- SEARCH` or said as `<<<<<<< ORIGINAL`.
pub(super) fn head(line: &str) -> Option<Marker> {
    marker(line, '<', &["SEARCH", "ORIGINAL", "FIND", "OLD"]).or_else(|| marker(line, '-', &["SEARCH"]))
}

/// `=======`
pub(super) fn divider(line: &str) -> Option<Marker> {
    marker(line, '=', &[""])
}

/// Whether a line of a text looks like the divider of a block. How many signs it has is the first thing that models get wrong.
pub(super) fn underlines(line: &str) -> bool {
    line.trim().len() > 2 && line.trim().bytes().all(|byte| byte == b'=')
}

/// `>>>>>>> REPLACE`, also drawn as `+++++++ REPLACE` or said as `>>>>>>> UPDATED`.
pub(super) fn end(line: &str) -> Option<Marker> {
    marker(line, '>', &["REPLACE", "UPDATED", "NEW"]).or_else(|| marker(line, '+', &["REPLACE"]))
}

/// The words are written in any case, perhaps with a colon; a closing fence may stand on the same line.
fn marker(line: &str, sign: char, words: &[&str]) -> Option<Marker> {
    let line = line.trim_end();
    let body = line.trim_start();
    let rest = body.trim_start_matches(sign);
    let width = body.len() - rest.len();
    if !(5..=9).contains(&width) {
        return None;
    }
    let said = rest.trim_start();
    let said = if said.is_empty() { said } else { said.trim_end_matches('`').trim_end_matches(':') };
    words.iter().any(|word| said.eq_ignore_ascii_case(word)).then_some(Marker { indent: line.len() - body.len(), width })
}

/// The line that opens or closes a fenced block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fence<'a> {
    /// White space before it, in bytes.
    pub indent: usize,
    /// A backtick or a tilde.
    pub sign: char,
    pub width: usize,
    /// What follows the signs; a closing fence has none.
    pub info: &'a str,
}

impl Fence<'_> {
    /// Whether `self` could end a block that `open` began.
    pub(super) fn reaches(&self, open: (char, usize)) -> bool {
        self.sign == open.0 && self.width >= open.1
    }
}

/// Three or more backticks or tildes.
pub(super) fn fence(line: &str) -> Option<Fence<'_>> {
    let line = line.trim_end();
    let body = line.trim_start();
    let sign = body.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let info = body.trim_start_matches(sign);
    let width = body.len() - info.len();
    // "```code``` in a sentence" is no fence.
    (width >= 3 && !info.contains('`')).then_some(Fence { indent: line.len() - body.len(), sign, width, info: info.trim() })
}

/// A line `=== WORD: argument ===`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive<'a> {
    File(&'a str),
    Delete(&'a str),
    Commit(&'a str),
}

/// Reads a directive; it starts in the first column.
pub(super) fn directive(line: &str) -> Option<Directive<'_>> {
    let body = line.trim_end().strip_prefix("=== ")?.strip_suffix("===")?;
    let (word, argument) = body.split_once(':')?;
    let argument = argument.trim();
    match word.trim() {
        _ if argument.is_empty() => None,
        "FILE" => Some(Directive::File(argument)),
        "DELETE" => Some(Directive::Delete(argument)),
        "COMMIT" => Some(Directive::Commit(argument)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_stand_alone() {
        assert_eq!(head("<<<<<<< SEARCH  \r"), Some(Marker { indent: 0, width: 7 }));
        assert_eq!(end("  >>>>>>>>> REPLACE"), Some(Marker { indent: 2, width: 9 }));
        assert_eq!(divider("====="), Some(Marker { indent: 0, width: 5 }));
        for no in ["<<<< SEARCH", "<<<<<<< HEAD", "<<<<<<< SEARCH it", "x <<<<<<< SEARCH", "<<<<<<<<<< SEARCH", "<<<<<<<"] {
            assert_eq!(head(no), None, "{no:?}");
        }
        assert_eq!(divider("=========="), None);
        assert_eq!(divider("===== x"), None);
    }

    #[test]
    fn fences_and_directives() {
        let open = fence("````rust src/a.rs").expect("a fence");
        assert_eq!((open.sign, open.width, open.info), ('`', 4, "rust src/a.rs"));
        assert_eq!(fence("```x``` is code"), None);
        assert_eq!(directive("=== FILE: a b.rs ==="), Some(Directive::File("a b.rs")));
        assert_eq!(directive("=== COMMIT: say == twice ==="), Some(Directive::Commit("say == twice")));
        for no in [" === FILE: a ===", "=== FILE: ===", "=== FILE: a", "=== file: a ===", "====", "=== RUN: a ==="] {
            assert_eq!(directive(no), None, "{no:?}");
        }
    }
}
