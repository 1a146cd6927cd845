//! Brackets without a partner. Where a closing one is missing, a grammar often gives up far from the place, or on the whole
//! file; the count of brackets says more.

use tree_sitter::{Node, Tree};

/// A bracket that has no partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lonely {
    /// Where it stands, in bytes.
    pub(super) at: usize,
    pub(super) what: String,
}

struct Open {
    at: usize,
    row: usize,
    indent: usize,
    text: &'static str,
    closing: &'static str,
}

/// Opening brackets, as grammars call them, with what closes them. The fourth and fifth begin an expression in a string.
const PAIRS: [(&str, &str); 5] = [("(", ")"), ("[", "]"), ("{", "}"), ("${", "}"), ("#{", "}")];

/// The first bracket without a partner.
pub(super) fn lonely(tree: &Tree, text: &[u8]) -> Option<Lonely> {
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    let indent = |row: usize| lines.get(row).map_or(0, |line| line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count());
    let mut open: Vec<Open> = Vec::new();
    // A pair whose two lines are indented otherwise: the bracket that is missing often belongs there.
    let mut crooked: Option<(usize, String)> = None;
    let mut failed = None;
    leaves(tree, |node| {
        let (kind, row) = (node.kind(), node.start_position().row);
        if node.is_missing() {
            return true;
        }
        if let Some((text, closing)) = PAIRS.into_iter().find(|(text, _)| *text == kind) {
            open.push(Open { at: node.start_byte(), row, indent: indent(row), text, closing });
        } else if PAIRS.iter().any(|(_, closing)| *closing == kind) {
            match open.pop() {
                None => failed = Some(Lonely { at: node.start_byte(), what: format!("this `{kind}` closes nothing") }),
                Some(last) if last.closing != kind => {
                    let what = format!("this `{kind}` does not close the `{}` of line {}", last.text, last.row + 1);
                    failed = Some(Lonely { at: node.start_byte(), what });
                }
                Some(last) => {
                    let first_on_line = indent(row) == node.start_position().column;
                    if crooked.is_none() && first_on_line && row > last.row && indent(row) != last.indent {
                        let note = format!(
                            "the `{kind}` of line {} closes the `{}` of line {}, but is indented otherwise",
                            row + 1,
                            last.text,
                            last.row + 1
                        );
                        crooked = Some((last.at, note));
                    }
                }
            }
        }
        failed.is_none()
    });
    let mut lonely = failed.or_else(|| {
        let first = open.first()?;
        Some(Lonely { at: first.at, what: format!("this `{}` is never closed", first.text) })
    })?;
    if let Some((at, note)) = crooked {
        lonely.what.push_str(&format!(" ({note})"));
        // What is left open at the end is the outermost one; the crooked pair is nearer to the mistake.
        if !open.is_empty() {
            lonely.at = lonely.at.min(at);
        }
    }
    Some(lonely)
}

/// Calls `see` with every token, in order, until it says that it has seen enough.
fn leaves(tree: &Tree, mut see: impl FnMut(Node<'_>) -> bool) {
    let mut cursor = tree.walk();
    loop {
        if cursor.goto_first_child() {
            continue;
        }
        if !see(cursor.node()) {
            return;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}
