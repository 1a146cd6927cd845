//! Paths inside a repository.
//!
//! Invariants
//! - A [`RepoPath`] is relative to the root, uses `/`, has no empty, `.` or `..` component, no NUL, and no component that
//!   git or a case-insensitive file system could take for `.git`. So joining it to the root cannot leave the root or
//!   reach repository data, whatever a model answers. (Symbolic links on the way are the writer's business.)
//! - It is bytes: paths that are not UTF-8 survive. It has at most [`LONGEST`] of them, so that work on each of its parts
//!   stays small whatever an answer says.

use std::fmt;

use super::text::ellipsis;

/// What Linux takes as a path, in bytes.
pub const LONGEST: usize = 4096;

/// How much of a bad path an error shows, in characters.
const SHOWN: usize = 160;

/// A path relative to the repository's root.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Vec<u8>);

/// Why a text is not a path inside the repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// Nothing was given.
    #[error("the path is empty")]
    Empty,
    /// It starts with `/` or a drive letter.
    #[error("{0:?} is an absolute path; paths are relative to the repository's root")]
    Absolute(String),
    /// It has a `.`, `..` or empty component, or a NUL.
    #[error("{0:?} leaves the repository or is not in its plain form")]
    Escapes(String),
    /// No system takes it.
    #[error("{0:?} is longer than file systems take")]
    TooLong(String),
    /// It names repository data.
    #[error("{0:?} is inside git's own directory")]
    GitDir(String),
}

impl RepoPath {
    /// Checks `raw` against the rules in the module's documentation.
    pub fn new(raw: impl Into<Vec<u8>>) -> Result<Self, BadPath> {
        let raw = raw.into();
        // Four bytes are the longest character.
        let shown = || ellipsis(&String::from_utf8_lossy(&raw[..raw.len().min(4 * SHOWN + 4)]), SHOWN);
        if raw.is_empty() {
            return Err(BadPath::Empty);
        }
        if raw.len() > LONGEST {
            return Err(BadPath::TooLong(shown()));
        }
        let drive =
            raw.len() > 1 && raw[0].is_ascii_alphabetic() && raw[1] == b':' && raw.get(2).is_some_and(|b| b"/\\".contains(b));
        if raw[0] == b'/' || drive {
            return Err(BadPath::Absolute(shown()));
        }
        if raw.contains(&0) {
            return Err(BadPath::Escapes(shown()));
        }
        for part in raw.split(|b| *b == b'/') {
            if part.is_empty() || part == b"." || part == b".." {
                return Err(BadPath::Escapes(shown()));
            }
            if is_git_dir(part) {
                return Err(BadPath::GitDir(shown()));
            }
        }
        Ok(Self(raw))
    }

    /// The path's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as text, when it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The last component.
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|b| *b == b'/').next().unwrap_or(&self.0)
    }

    /// The part after the last dot of the last component, when there is one.
    pub fn extension(&self) -> Option<&[u8]> {
        let name = self.file_name();
        name.iter().rposition(|b| *b == b'.').filter(|at| *at > 0).map(|at| &name[at + 1..])
    }

    /// The path as the operating system spells it, relative to the root.
    #[cfg(unix)]
    pub fn to_os(&self) -> &std::path::Path {
        use std::os::unix::ffi::OsStrExt as _;
        std::path::Path::new(std::ffi::OsStr::from_bytes(&self.0))
    }
}

impl std::borrow::Borrow<[u8]> for RepoPath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// Whether a file system could take this component for `.git`: any letter case, trailing dots or spaces, the short name
/// `git~1`, an NTFS stream suffix, or Unicode characters that HFS+ ignores.
fn is_git_dir(part: &[u8]) -> bool {
    // Nearly every component; the rest of the test was two fifths of a turn's instructions on 5,400 files.
    if part.is_ascii() && !part.windows(3).any(|three| three.eq_ignore_ascii_case(b"git")) {
        return false;
    }
    let text = String::from_utf8_lossy(part);
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'))
        .collect();
    plain.split(['\\', ':']).any(|piece| {
        let piece = piece.trim_end_matches(['.', ' ']).to_ascii_lowercase();
        piece == ".git" || piece == "git~1"
    })
}

impl fmt::Display for RepoPath {
    /// The text when it is UTF-8 without control characters, else with such bytes escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            Some(text) if !text.chars().any(char::is_control) => f.write_str(text),
            _ => self.0.escape_ascii().fmt(f),
        }
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepoPath({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_paths_are_refused() {
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "./a",
            "a/.",
            ".git/config",
            ".GIT/config",
            "a/.Git",
            "a/.git./b",
            ".git /x",
            "GIT~1/config",
            ".git:$INDEX",
            ".git . .",
            "sub/.GiT/hooks/x",
            "git~1. /config",
            "\u{feff}.git/x",
            ".gi\u{206a}t",
            ".g\u{200c}it/x",
            "a\0b",
            "C:\\x",
            "x\\.git\\config",
        ] {
            assert!(RepoPath::new(bad).is_err(), "{bad:?} was accepted");
        }
        let long = "a/".repeat(2047) + "ab";
        assert!(RepoPath::new(long.as_str()).is_ok());
        let error = RepoPath::new(format!("{long}c")).expect_err("too long").to_string();
        assert!(error.len() < 200 && error.contains("longer than file systems take"), "{error}");
        for good in ["a", "a/b.rs", ".gitignore", "x.git", "git", "a..b", "...", "é/ü", "c:x"] {
            assert!(RepoPath::new(good).is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn names_and_extensions() {
        let path = RepoPath::new("src/a.tar.gz").expect("a path");
        assert_eq!((path.file_name(), path.extension()), (&b"a.tar.gz"[..], Some(&b"gz"[..])));
        assert_eq!(RepoPath::new("a/.env").expect("a path").extension(), None);
    }

    proptest::proptest! {
        #[test]
        fn an_accepted_path_stays_inside(text in "[a./\\\\:~ gitGIT]{0,12}") {
            if let Ok(path) = RepoPath::new(text) {
                for part in path.to_os().components() {
                    proptest::prop_assert!(matches!(part, std::path::Component::Normal(_)));
                }
            }
        }
    }
}
