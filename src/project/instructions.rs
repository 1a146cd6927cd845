//! Instruction files that a project keeps for the programs that help with it.
//!
//! Invariants
//! - One name is used in the whole project, the first that occurs, so the same rules written down for several programs do
//!   not come twice.
//! - A text that is cut says so in its last line.
//! - A link that belongs to the project leads to files of the project only. It may have been made by somebody who cannot see
//!   this worktree, in the hope of a file that the user keeps here and that is no part of the project, such as `.env`.

use std::io;

use crate::base::change::{FileMode, FileState};
use crate::base::path::RepoPath;
use crate::base::tree::SourceTree;

/// The names, the preferred one first.
const NAMES: [&str; 3] = ["AGENTS.md", "CLAUDE.md", "GEMINI.md"];

/// The most that one file gives, in bytes.
const CAP: usize = 32 * 1024;

/// How many links are followed from one file.
const MAX_LINKS: usize = 4;

/// The instruction files from the root down to the folder `cwd` (`None`: the root), the general ones first.
pub fn instruction_files(tree: &dyn SourceTree, cwd: Option<&RepoPath>) -> io::Result<Vec<(RepoPath, String)>> {
    let mut folders: Vec<&[u8]> = vec![b""];
    if let Some(cwd) = cwd.map(RepoPath::as_bytes) {
        folders.extend(cwd.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| &cwd[..at]));
        folders.push(cwd);
    }
    for name in NAMES {
        let mut found = Vec::new();
        for folder in &folders {
            let Some(path) = join(folder, name.as_bytes()) else { continue };
            if let Some(bytes) = read(tree, &path)? {
                found.push((path, capped(&bytes)));
            }
        }
        found.retain(|(_, text)| !text.trim().is_empty());
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// The file's bytes; links inside the repository are followed, because projects link one name to another.
fn read(tree: &dyn SourceTree, path: &RepoPath) -> io::Result<Option<Vec<u8>>> {
    let is_tracked = |path: &RepoPath| tree.paths().binary_search(path).is_ok();
    let of_project = is_tracked(path);
    let mut path = path.clone();
    for _ in 0..=MAX_LINKS {
        match tree.read(&path)? {
            Some(FileState { mode: FileMode::Symlink, bytes }) => {
                let folder = path.as_bytes().iter().rposition(|b| *b == b'/').map_or(&b""[..], |at| &path.as_bytes()[..at]);
                let Some(target) = join(folder, &bytes) else { return Ok(None) };
                if of_project && !is_tracked(&target) {
                    return Ok(None);
                }
                path = target;
            }
            other => return Ok(other.map(|state| state.bytes)),
        }
    }
    Ok(None)
}

/// `relative` as seen from `folder`; `None` when that is not inside the repository.
fn join(folder: &[u8], relative: &[u8]) -> Option<RepoPath> {
    if relative.starts_with(b"/") {
        return None;
    }
    let mut parts: Vec<&[u8]> = folder.split(|b| *b == b'/').filter(|part| !part.is_empty()).collect();
    for part in relative.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    RepoPath::new(parts.join(&b'/')).ok()
}

/// The text, whole or up to the last line that fits.
fn capped(bytes: &[u8]) -> String {
    if bytes.len() <= CAP {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let end = bytes[..CAP].iter().rposition(|b| *b == b'\n').map_or(CAP, |at| at + 1);
    // A line longer than the cap is cut inside; the last character must not be cut with it.
    let end = (end.saturating_sub(3)..=end).rev().find(|at| bytes[*at] & 0xC0 != 0x80).unwrap_or(end);
    let text = String::from_utf8_lossy(&bytes[..end]);
    format!("{}\n[cut here: the file has {} bytes, of which the first {end} are given]\n", text.trim_end_matches('\n'), bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::tree::MemoryTree;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).expect("a path")
    }

    fn tree(files: &[(&str, FileMode, &str)]) -> MemoryTree {
        MemoryTree::new(files.iter().map(|(p, mode, text)| (path(p), FileState { mode: *mode, bytes: text.as_bytes().to_vec() })))
    }

    fn names(tree: &MemoryTree, cwd: Option<&str>) -> Vec<(String, String)> {
        let found = instruction_files(tree, cwd.map(path).as_ref()).expect("memory does not fail");
        found.into_iter().map(|(path, text)| (path.to_string(), text)).collect()
    }

    #[test]
    fn from_the_root_down_under_one_name() {
        use FileMode::Regular;
        let tree = tree(&[
            ("AGENTS.md", Regular, "root"),
            ("CLAUDE.md", Regular, "other program"),
            ("a/AGENTS.md", Regular, "a"),
            ("a/b/AGENTS.md", Regular, "b"),
            ("c/AGENTS.md", Regular, "c"),
        ]);
        let expected = [("AGENTS.md", "root"), ("a/AGENTS.md", "a"), ("a/b/AGENTS.md", "b")];
        assert_eq!(names(&tree, Some("a/b")), expected.map(|(p, t)| (p.to_owned(), t.to_owned())));
        assert_eq!(names(&tree, None).len(), 1);
    }

    #[test]
    fn other_names_when_the_first_is_missing_or_blank() {
        use FileMode::{Regular, Symlink};
        let blank = tree(&[("AGENTS.md", Regular, " \n"), ("CLAUDE.md", Regular, "c"), ("GEMINI.md", Regular, "g")]);
        assert_eq!(names(&blank, None), [("CLAUDE.md".to_owned(), "c".to_owned())]);
        let linked = tree(&[("sub/GEMINI.md", Symlink, "../docs/./rules.md"), ("docs/rules.md", Regular, "rules")]);
        assert_eq!(names(&linked, Some("sub")), [("sub/GEMINI.md".to_owned(), "rules".to_owned())]);
    }

    #[test]
    fn links_out_of_the_repository_or_in_a_circle_are_not_followed() {
        use FileMode::Symlink;
        for target in ["/etc/passwd", "../outside", "AGENTS.md", ".git/config", "gone.md"] {
            assert_eq!(names(&tree(&[("AGENTS.md", Symlink, target)]), None), [], "{target}");
        }
    }

    #[test]
    fn a_long_file_is_cut_at_a_line_and_says_so() {
        let text = "rule é\n".repeat(6_000);
        let [(_, given)] = &names(&tree(&[("AGENTS.md", FileMode::Regular, &text)]), None)[..] else { panic!("one file") };
        assert!(given.len() < CAP + 100);
        let (kept, note) = given.trim_end().rsplit_once('\n').expect("two lines");
        assert!(text.starts_with(kept) && kept.ends_with("rule é"));
        assert!(note.starts_with("[cut here: the file has 48000 bytes, of which the first 327"), "{note}");
        let one_line = "é".repeat(CAP);
        let [(_, given)] = &names(&tree(&[("AGENTS.md", FileMode::Regular, &format!("x{one_line}"))]), None)[..] else { panic!() };
        assert!(!given.contains('\u{fffd}'));
    }
}
