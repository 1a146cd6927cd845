//! Turn ⇄ the parts of its commit. docs/formats/turn.md describes the bytes.
//!
//! Invariants
//! - `decode(encode(turn)) == turn` for every turn, and `encode` gives the same bytes for the same turn.
//! - The header is in the message alone; text, edits and events are in the tree alone. `turn.json` repeats the trailers.
//! - Decoding foreign bytes gives an error that names the field, never a panic and never a half-read turn.
//! - A trailer's value is one line of printable ASCII, so no message and no path can add a trailer.

pub mod bundle;
mod trailer;
mod tree;

use std::collections::BTreeMap;

pub use trailer::{decode_header, encode_header};
pub use tree::{decode_tree, disagreements, encode_tree};

use super::turn::Turn;

/// The format's version: the name of an empty file in the tree, and the value of `Retort-Format`.
pub const FORMAT: &str = "retort-0";

/// A commit before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitParts {
    pub message: Vec<u8>,
    /// File contents by path (`/` between directories).
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Why stored bytes are not a turn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Made by a newer (or foreign) program.
    #[error("format {0:?} is not known to this version of retort, which reads {FORMAT}")]
    Version(String),
    /// A field or file that must be there is not.
    #[error("{0} is missing")]
    Missing(String),
    /// A field or file cannot be read.
    #[error("{field} is malformed: {why}")]
    Malformed { field: String, why: String },
}

impl DecodeError {
    fn malformed(field: impl Into<String>, why: impl ToString) -> Self {
        Self::Malformed { field: field.into(), why: why.to_string() }
    }
}

/// The commit's parts for `turn`.
pub fn encode(turn: &Turn) -> CommitParts {
    CommitParts { message: encode_header(&turn.header), files: encode_tree(turn) }
}

/// The turn whose commit has this message and these files. `file` gives a file of the commit's tree by path, `list` the
/// names inside a directory of it.
pub fn decode(
    message: &[u8],
    file: &mut dyn FnMut(&str) -> Option<Vec<u8>>,
    list: &mut dyn FnMut(&str) -> Vec<String>,
) -> Result<Turn, DecodeError> {
    decode_tree(decode_header(message)?, file, list)
}

/// A turn as one run of bytes, with whatever else (`extra`, by name) must not be parted from it.
pub fn to_bundle(turn: &Turn, extra: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let parts = encode(turn);
    let mut files: BTreeMap<String, Vec<u8>> =
        parts.files.into_iter().map(|(path, bytes)| (format!("tree/{path}"), bytes)).collect();
    files.insert("message".to_owned(), parts.message);
    files.extend(extra.iter().map(|(name, bytes)| (format!("extra/{name}"), bytes.clone())));
    bundle::pack(&files)
}

/// Reverses [`to_bundle`].
pub fn from_bundle(raw: &[u8]) -> Result<(Turn, BTreeMap<String, Vec<u8>>), DecodeError> {
    let files = bundle::unpack(raw)?;
    let message = files.get("message").ok_or_else(|| DecodeError::Missing("message".to_owned()))?;
    let mut file = |path: &str| files.get(&format!("tree/{path}")).cloned();
    let mut list = |directory: &str| {
        let below = format!("tree/{directory}/");
        files.keys().filter_map(|n| n.strip_prefix(&below)).filter(|n| !n.contains('/')).map(str::to_owned).collect()
    };
    let turn = decode(message, &mut file, &mut list)?;
    let extra = files.iter().filter_map(|(n, b)| Some((n.strip_prefix("extra/")?.to_owned(), b.clone()))).collect();
    Ok((turn, extra))
}

#[cfg(test)]
mod tests;
