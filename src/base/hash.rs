//! SHA-256, the hash of everything that must be the same in every repository, whatever its object format.
//!
//! Invariants
//! - A [`Sha256`] is shown as 64 lower-case hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The digest's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A digest of bytes that come in pieces. A copy goes on from where it was made.
#[derive(Clone, Default)]
pub struct Hasher {
    state: sha2::Sha256,
    length: u64,
}

impl Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// The digest of all pieces so far, and how many bytes those are.
    pub fn digest(&self) -> (Sha256, u64) {
        (Sha256(self.state.clone().finalize().into()), self.length)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

impl FromStr for Sha256 {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        text.parse::<super::id::Oid>()
            .ok()
            .and_then(|oid| oid.as_bytes().try_into().ok())
            .map(Self)
            .ok_or_else(|| BadHash(text.to_owned()))
    }
}

/// Why a text is not a SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a SHA-256 digest: expected 64 hexadecimal digits")]
pub struct BadHash(String);

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn pieces_are_the_whole(pieces: Vec<Vec<u8>>) {
            let mut hasher = Hasher::default();
            for piece in &pieces {
                let mut copy = hasher.clone();
                copy.update(piece);
                hasher = copy;
            }
            let whole = pieces.concat();
            proptest::prop_assert_eq!(hasher.digest(), (Sha256::of(&whole), whole.len() as u64));
        }
    }
}
