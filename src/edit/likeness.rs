//! Whether a content is a file's: the whole of it, or that of another one.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::path::RepoPath;

use super::elide::{hints_so, leaves_out};
use super::lines::texts;
use super::reject::Reason;

/// Whether a line of three dots means something in this language: a body in Python, an end in YAML.
pub(super) fn dots_are_code(path: &RepoPath) -> bool {
    let name = path.file_name();
    [".py", ".pyi", ".yml", ".yaml"].iter().any(|end| name.ends_with(end.as_bytes()))
}

/// Why this is hardly the whole content of the file.
pub(super) fn doubtful_whole(path: &RepoPath, old: &str, content: &str, told: bool) -> Option<Reason> {
    let (here, there) = (texts(old), texts(content));
    // A comment that only may say so does where lines are missing.
    let fewer = there.len() < here.len();
    if there.iter().any(|line| leaves_out(line) || fewer && hints_so(line)) {
        let known: BTreeSet<&str> = here.iter().map(|line| line.trim_ascii()).collect();
        let code = |line: &str| dots_are_code(path) && line.trim_ascii() == "...";
        let says = |line: &str| leaves_out(line) || fewer && hints_so(line);
        let stray = |line: &&str| says(line) && !known.contains(line.trim_ascii()) && !code(line);
        if let Some(at) = there.iter().position(stray) {
            return Some(Reason::LeftOut(at + 1));
        }
    }
    if told || here.is_empty() {
        return None;
    }
    // A piece of a file has neither its beginning nor its end, and little of it.
    let (here, there) = (solid(&here), solid(&there));
    let begins = here.first() == there.first() && (here.first().is_some_and(|line| line.len() > 7) || here.get(1) == there.get(1));
    let ends = here.len() > 2 && there.len() > 2 && here[here.len() - 3..] == there[there.len() - 3..];
    let kept = common(&here, &there);
    let most = kept * 2 >= here.len();
    (!(begins && ends || (begins || ends) && kept * 4 >= here.len() || most && (begins || ends || kept * 5 >= here.len() * 4)))
        .then_some(Reason::NotWhole)
}

/// The lines that are not blank, without their indentation.
fn solid<'t>(lines: &[&'t str]) -> Vec<&'t str> {
    lines.iter().map(|line| line.trim_ascii()).filter(|line| !line.is_empty()).collect()
}

/// How many lines of `there` are lines of `here`.
fn common(here: &[&str], there: &[&str]) -> usize {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for line in here {
        *left.entry(line).or_default() += 1;
    }
    let take = |line: &&&str| left.get_mut(**line).is_some_and(|n| n.checked_sub(1).map(|less| *n = less).is_some());
    there.iter().filter(take).count()
}

/// Whether a content has most lines of a file, which has some, and they are most of its own.
pub(super) fn is_mostly(old: &str, content: &str) -> bool {
    const FEW: usize = 3;
    let (here, there) = (texts(old), texts(content));
    let (here, there) = (solid(&here), solid(&there));
    let kept = common(&here, &there);
    here.len() >= FEW && kept * 2 > here.len() && kept * 2 > there.len()
}
