//! What can be wrong with a configuration.

use std::path::{Path, PathBuf};

use super::Origin;

/// Why a configuration cannot be used. The text says what and where; [`ConfigError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that does not exist.
    #[error("{origin}: unknown key {key:?}")]
    UnknownKey {
        /// Where it is set.
        origin: Origin,
        /// The key as written.
        key: String,
        /// The valid name that looks most like it.
        nearest: Option<String>,
    },
    /// A value that its key does not take.
    #[error("{origin}: {key}: {problem}")]
    BadValue {
        /// Where it is set.
        origin: Origin,
        /// The key.
        key: String,
        /// What was expected and what was found.
        problem: String,
    },
    /// A file that is not TOML or JSON.
    #[error("{}:{line}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The parser's message.
        problem: String,
    },
    /// Two files where one is read.
    #[error("{} and {} both exist, and only one can be read", first.display(), second.display())]
    TwoFiles {
        /// The TOML file.
        first: PathBuf,
        /// The JSON file.
        second: PathBuf,
    },
    /// A file or directory that cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: read, write, list.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ConfigError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { nearest: Some(name), .. } => Some(format!("did you mean {name}?")),
            Self::UnknownKey { .. } => Some("`rt config show` lists every key".to_owned()),
            Self::TwoFiles { second, .. } => Some(format!("move what you need out of {} and remove it", second.display())),
            Self::BadValue { .. } | Self::Syntax { .. } | Self::Io { .. } => None,
        }
    }

    /// An adapter for `map_err` on the result of a file operation.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
