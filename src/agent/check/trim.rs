//! The output of a check, cut down to what matters.
//!
//! Invariants
//! - Pure, and the result is never longer than asked for but for one line that says what was cut.
//! - Whatever is left out is said, in square brackets, where it was; progress that a terminal would have overwritten is not.

use std::fmt::Write as _;

/// The longest line, in characters.
const LINE: usize = 600;

/// How often a line may stand there before its repeats are counted instead of shown.
const REPEATS: usize = 3;

/// A check's output as a person at a terminal would want to read it, in at most about `most` bytes.
pub fn trimmed(raw: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(raw);
    let plain = without_escapes(&text);
    let shown: Vec<String> = plain.split('\n').map(|line| shortened(overwritten(line).trim_end())).collect();
    let mut lines = tidied(&shown, |line| !is_progress(line));
    if size(&lines) > most {
        lines = tidied(&shown, |line| !is_progress(line) && !is_success(line));
    }
    let lines = if size(&lines) > most { cut(&lines, most) } else { lines };
    lines.join("\n")
}

fn size(lines: &[String]) -> usize {
    lines.iter().map(|line| line.len() + 1).sum()
}

/// Without colours, cursor movements and titles of windows.
fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                // A control sequence ends with a letter or one of a few signs.
                Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                // A string for the terminal ends with BEL or ESC \.
                Some(']' | 'P' | '^' | '_') => {
                    while let Some(c) = chars.next() {
                        if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                Some('(' | ')') => drop(chars.next()),
                _ => {}
            },
            '\u{8}' => {
                if !out.ends_with('\n') {
                    out.pop();
                }
            }
            '\n' | '\t' | '\r' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// What a terminal shows of a line that went back to its beginning.
fn overwritten(line: &str) -> &str {
    line.trim_end_matches('\r').rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default()
}

fn shortened(line: &str) -> String {
    let count = line.chars().count();
    if count <= LINE {
        return line.to_owned();
    }
    let head: String = line.chars().take(LINE * 2 / 3).collect();
    let tail: String = line.chars().skip(count - LINE / 3).collect();
    format!("{head} [{} characters left out] {tail}", count - LINE * 2 / 3 - LINE / 3)
}

/// Whether a line only says that something is under way.
fn is_progress(line: &str) -> bool {
    const VERBS: [&str; 14] = [
        "Adding",
        "Blocking",
        "Checking",
        "Compiling",
        "Documenting",
        "Downloaded",
        "Downloading",
        "Fresh",
        "Installing",
        "Locking",
        "Preparing",
        "Unpacked",
        "Unpacking",
        "Updating",
    ];
    let line = line.trim();
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default();
    // Cargo, npm, pip and apt say so of one package after the other: "Compiling a v1.2.0".
    let of_package = VERBS.contains(&first) && line.split_whitespace().count() <= 5 && !line.contains("error");
    let step = first.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|inner| inner.split_once('/'));
    let is_step = step.is_some_and(|(at, of)| is_number(at) && is_number(of)) && !line.to_ascii_lowercase().contains("error");
    let bar = |c: char| matches!(c, '#' | '=' | '-' | '>' | '.' | '█' | '▒' | '░' | '━' | '╸' | '[' | ']' | '|' | ' ' | '%');
    let is_bar = line.contains('%') && line.chars().filter(|c| bar(*c)).count() > 10 && !line.contains("error");
    of_package || is_step || is_bar
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a line says that one of many tests went well.
fn is_success(line: &str) -> bool {
    let line = line.trim();
    (line.starts_with("test ") && (line.ends_with("... ok") || line.ends_with("... ignored")))
        || line.starts_with("--- PASS:")
        || line.starts_with("=== RUN ")
        || (line.starts_with("ok ") && line.contains('\t'))
        || line.starts_with("✓ ")
        || line.starts_with("✔ ")
        || (line.contains("::") && line.split_whitespace().nth(1) == Some("PASSED"))
}

/// The lines that are wanted, with runs of blank and of equal lines made short, and a word on how many others there were.
fn tidied(lines: &[String], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let kept: Vec<&String> = lines.iter().filter(|line| wanted(line)).collect();
    let passed = lines.iter().filter(|line| !wanted(line) && is_success(line)).count();
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(line) = kept.get(at) {
        let run = kept[at..].iter().take_while(|next| next == &line).count();
        let shown = if line.is_empty() { 1 } else { run.min(REPEATS) };
        out.extend(std::iter::repeat_n((*line).clone(), shown));
        if !line.is_empty() && run > REPEATS {
            out.push(format!("[the same line {} more times]", run - REPEATS));
        }
        at += run;
    }
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    let blank = out.iter().take_while(|line| line.is_empty()).count();
    out.drain(..blank);
    if passed > 0 {
        out.insert(0, format!("[{passed} lines about what went well are left out]"));
    }
    out
}

/// Head and tail: the first error is what matters of a compiler, the summary of a test run.
fn cut(lines: &[String], most: usize) -> Vec<String> {
    let mut left = most.saturating_sub(60);
    let mut head = 0;
    while head < lines.len() && left.saturating_sub(lines[head].len() + 1) > most / 2 {
        left -= lines[head].len() + 1;
        head += 1;
    }
    let mut tail = lines.len();
    while tail > head && lines[tail - 1].len() < left {
        left -= lines[tail - 1].len() + 1;
        tail -= 1;
    }
    let mut out: Vec<String> = lines[..head].to_vec();
    let mut note = String::new();
    // Writing to a string cannot fail.
    let _ = write!(note, "[{} lines left out here]", tail - head);
    out.push(note);
    out.extend_from_slice(&lines[tail..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trim(text: &str) -> String {
        trimmed(text.as_bytes(), 12_000)
    }

    #[test]
    fn what_a_terminal_would_not_keep_is_gone() {
        let raw = "\u{1b}[1;31merror\u{1b}[0m: bad\u{1b}]0;title\u{7}\n  1%\r 50%\r100% done\r\nab\u{8}c\n\n\n\n\nend\n\n";
        assert_eq!(trim(raw), "error: bad\n100% done\nac\n\nend");
    }

    #[test]
    fn progress_is_left_out_and_errors_are_not() {
        let raw = "   Compiling serde v1.0.2\n    Checking app v0.1.0 (/x)\n[12/300] Building CXX object a.o\n\
                   ##########################     62.1%\nerror[E0308]: mismatched types\n[13/300] error: no\nChecking the error path of it all failed\n";
        assert_eq!(trim(raw), "error[E0308]: mismatched types\n[13/300] error: no\nChecking the error path of it all failed");
    }

    #[test]
    fn repeats_are_counted() {
        let raw = format!("a\n{}b\n{}", "again\n".repeat(50), "z\n".repeat(2));
        assert_eq!(trim(&raw), "a\nagain\nagain\nagain\n[the same line 47 more times]\nb\nz\nz");
    }

    #[test]
    fn successes_go_first_when_it_is_long_and_then_the_middle() {
        let ok: String = (0..400).map(|n| ["test module::number_", &n.to_string(), " ... ok\n"].concat()).collect();
        let raw = format!("running 401 tests\n{ok}test x ... FAILED\n\nfailures:\n  left: 1\n");
        assert_eq!(
            trimmed(raw.as_bytes(), 2_000),
            "[400 lines about what went well are left out]\nrunning 401 tests\ntest x ... FAILED\n\nfailures:\n  left: 1"
        );
        assert!(trim(&raw[..2_000]).contains("number_3 ... ok"));
        let long: String = (0..5_000).map(|n| ["line ", &n.to_string(), "\n"].concat()).collect();
        let cut = trimmed(long.as_bytes(), 1_000);
        assert!(cut.starts_with("line 0\nline 1\n") && cut.ends_with("line 4998\nline 4999"), "{cut}");
        let shown = cut.lines().count() - 1;
        assert!(cut.contains(&format!("\n[{} lines left out here]\n", 5_000 - shown)), "{cut}");
        assert!(cut.len() <= 1_000, "{}", cut.len());
    }

    #[test]
    fn a_very_long_line_keeps_its_ends() {
        let cut = trim(&format!("start{}end", "x".repeat(5_000)));
        assert!(cut.starts_with("startx") && cut.ends_with("xend") && cut.contains("characters left out]") && cut.len() < 700);
    }

    proptest::proptest! {
        #[test]
        fn any_output_is_bounded(raw: Vec<u8>, times in 1usize..200, most in 200usize..2_000) {
            let all = raw.repeat(times);
            let cut = trimmed(&all, most);
            proptest::prop_assert!(cut.len() <= most + LINE * 4, "{}", cut.len());
            proptest::prop_assert_eq!(cut.bytes().find(|b| *b == 27), None);
        }
    }
}
