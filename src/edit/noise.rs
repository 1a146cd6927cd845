//! New text that was changed on its way into the answer: with line numbers, with entities, with its escapes doubled.
//!
//! Nobody means such text where it can be told from what is meant, and it is never put right by guessing. Where a file may
//! well be about such things (a text, a page, data), nothing is said.

use std::collections::BTreeSet;

use super::lines::texts;

/// How names of files of program text end.
const PROGRAMS: [&str; 26] = [
    "c", "cc", "cpp", "cs", "cxx", "dart", "go", "h", "hpp", "java", "js", "kt", "lua", "mjs", "php", "py", "pyi", "rb", "rs",
    "scala", "sh", "sql", "swift", "ts", "zig", "cjs",
];

const ENTITIES: [&str; 5] = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];

fn is_program(path: &[u8]) -> bool {
    let end = path.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    PROGRAMS.iter().any(|known| known.as_bytes() == end)
}

/// The text of a line in front of the line number that some programs show it with, for the number `n`.
fn unnumbered(line: &str, n: usize) -> Option<&str> {
    let rest = line.trim_start().strip_prefix(&n.to_string())?.trim_start_matches(' ');
    ['|', '→', '\t', ':'].iter().find_map(|sign| rest.strip_prefix(*sign))
}

/// Whether all lines of a content begin with their numbers, and those of the file do not. Without a file that tells, only
/// numbers that are set in a column are taken for such.
pub(super) fn is_numbered(old: Option<&str>, content: &str) -> bool {
    let bare: Option<Vec<&str>> = content.lines().zip(1..).map(|(line, n)| unnumbered(line, n)).collect();
    let Some(bare) = bare.filter(|bare| bare.len() > 2) else { return false };
    match old.map(texts).filter(|old| !old.is_empty()) {
        Some(old) => {
            let bare: BTreeSet<&str> = bare.iter().map(|line| line.trim()).collect();
            old.iter().any(|line| !line.trim().is_empty() && bare.contains(line.trim()))
        }
        None => content.starts_with(' '),
    }
}

/// Whether the new text of a program has entities where the program would have the characters themselves: some models write
/// everything as in a page.
pub(super) fn is_escaped(path: &[u8], old: Option<&str>, new: &str) -> bool {
    let has = |text: &str| ENTITIES.iter().any(|entity| text.contains(entity));
    if !is_program(path) || !has(new) || old.is_some_and(has) {
        return false;
    }
    let comment = |line: &str| ["//", "/*", "*", "#", "--"].iter().any(|lead| line.trim_start().starts_with(lead));
    let bare = ENTITIES.iter().fold(new.to_owned(), |text, entity| text.replace(entity, ""));
    let outside = |line: &str| ENTITIES.iter().any(|entity| line.find(entity).is_some_and(|at| !in_quotes(&line[..at])));
    !bare.contains(['&', '<', '>']) && new.lines().any(|line| !comment(line) && outside(line))
}

/// Whether the new text of a program is one line, in which `\n` stands where lines would end.
pub(super) fn has_doubled_escapes(path: &[u8], old: Option<&str>, new: &str) -> bool {
    if !is_program(path) || new.trim_end().contains('\n') || !breaks(new) {
        return false;
    }
    !old.is_some_and(|old| old.lines().any(breaks))
}

/// Whether `\n` stands outside of quotes, as if a line ended there.
fn breaks(line: &str) -> bool {
    let mut quotes = Quotes::default();
    line.char_indices().any(|(at, c)| {
        let (open, escaped) = (quotes.open.is_some(), quotes.escaped);
        quotes.push(c);
        let behind = || line[at..].strip_prefix("\\n").map(|rest| rest.chars().next());
        let ends = |next: Option<char>| next.is_none_or(|c| c.is_whitespace() || c == '\\' || c == '}');
        c == '\\' && !open && !escaped && !line[..at].ends_with('\\') && behind().is_some_and(ends)
    })
}

/// Whether a text ends inside quotes that it opens.
fn in_quotes(text: &str) -> bool {
    let mut quotes = Quotes::default();
    text.chars().for_each(|c| quotes.push(c));
    quotes.open.is_some()
}

/// Which quotes are open, character by character.
#[derive(Default)]
struct Quotes {
    open: Option<char>,
    escaped: bool,
}

impl Quotes {
    fn push(&mut self, c: char) {
        match (self.open, c) {
            _ if self.escaped => self.escaped = false,
            (Some(_), '\\') => self.escaped = true,
            (None, '"' | '\'' | '`') => self.open = Some(c),
            (Some(sign), _) if sign == c => self.open = None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_lines() {
        let file = "fn a() {\n    b();\n}\n";
        assert!(is_numbered(Some(file), "  1 | fn a() {\n  2 |     c();\n  3 | }\n"));
        assert!(
            is_numbered(Some(file), "1\tfn a() {\n2\t    c();\n3\t}\n") && is_numbered(Some(file), "1: fn a() {\n2: x\n3: }\n")
        );
        assert!(is_numbered(None, "  1 | a\n  2 | b\n  3 | c\n"));
        assert!(!is_numbered(None, "1: a\n2: b\n3: c\n"), "a table of its own");
        assert!(!is_numbered(Some("1: a\n2: b\n"), "1: a\n2: b\n3: c\n"), "as the file is");
        assert!(!is_numbered(Some(file), "1 | x\n3 | y\n4 | z\n"));
    }

    #[test]
    fn entities_in_a_program() {
        let escaped = |new: &str| is_escaped(b"src/a.rs", Some("let a = b;\n"), new);
        for yes in ["if a &gt; 0 {", "fn f() -&gt; u8 {", "a(&quot;x&quot;)", "x &amp;&amp; y // \"&amp;\""] {
            assert!(escaped(yes), "{yes}");
        }
        for no in ["let a = \"&gt;\";", "/// `&lt;`", "a < b && c(\"&lt;\")", "s.replace('&', \"&amp;\")", "a > b"] {
            assert!(!escaped(no), "{no}");
        }
        assert!(!is_escaped(b"a.md", None, "a &gt; b") && !is_escaped(b"a.rs", Some("\"&lt;\""), "a &gt; b"));
    }

    #[test]
    fn escapes_that_are_doubled() {
        let doubled = |new: &str| has_doubled_escapes(b"a.js", Some("x();\n"), new);
        for yes in ["check(name);\\n  return 'Bye';", "def f():\\n    return 1\\n", "a();\\n\\nb();", "if (x) {\\n}"] {
            assert!(doubled(yes), "{yes}");
        }
        for no in [
            "s.split('\\n') ",
            "s.split(/\\n/)",
            "print(\"a\\n b\\n\")",
            "a();\nb('\\n');\n",
            "`\\n `",
            "\\nu ",
            "say(\"it's\\n \")",
        ] {
            assert!(!doubled(no), "{no}");
        }
        assert!(
            !has_doubled_escapes(b"a.md", None, "use \\n here")
                && !has_doubled_escapes(b"a.sh", Some("echo a\\n b\n"), "echo c\\n d")
        );
    }
}
