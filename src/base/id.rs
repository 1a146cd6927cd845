//! Ids written in the letters k–z, so that they can never be mistaken for hexadecimal commit ids.
//!
//! Invariants
//! - `z` stands for the half-byte 0 and `k` for 15 (the same alphabet as jj's change ids).
//! - A [`TurnKey`] is 16 random bytes (32 letters). A [`SessionId`] is 8 random bytes, then 5 bytes of time in tenths of a
//!   second since 2020-01-01 UTC (26 letters): random first, so short prefixes differ; time last, so a bare list of
//!   refs says when each session began.

use std::fmt;
use std::str::FromStr;

use super::clock::Timestamp;

/// Seconds from 1970-01-01 to 2020-01-01, UTC.
const EPOCH_2020: i64 = 1_577_836_800;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}: expected {letters} letters from k to z")]
pub struct BadId {
    text: String,
    what: &'static str,
    letters: usize,
}

fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from(b'z' - nibble));
        }
    }
    out
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let letters = text.as_bytes();
    if letters.len() != N * 2 || !is_letters(text) {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(letters.chunks_exact(2)) {
        *byte = ((b'z' - pair[0]) << 4) | (b'z' - pair[1]);
    }
    Some(out)
}

/// Whether `text` is made of the letters k–z only, and so can be a prefix of an id.
pub fn is_letters(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| (b'k'..=b'z').contains(&b))
}

macro_rules! letter_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// The id with exactly these bytes.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The id's bytes.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                decode(text).map(Self).ok_or_else(|| BadId { text: text.to_owned(), what: $what, letters: $bytes * 2 })
            }
        }
    };
}

letter_id!(
    /// A turn's name: fixed when the turn opens, kept through recovery; trailers and addresses use it, never a commit id.
    TurnKey,
    16,
    "a turn key"
);
letter_id!(
    /// A session's name; also the last part of its ref.
    SessionId,
    13,
    "a session id"
);

impl TurnKey {
    /// The first eight letters, for sentences; enough to be told apart, and an address.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(8);
        text
    }
}

impl SessionId {
    /// An id from 8 random bytes and the time the session began.
    pub fn new(random: [u8; 8], began: Timestamp) -> Self {
        let tenths = (began.millis() / 100 - EPOCH_2020 * 10).max(0).cast_unsigned().to_be_bytes();
        let mut bytes = [0; 13];
        bytes[..8].copy_from_slice(&random);
        bytes[8..].copy_from_slice(&tenths[3..]);
        Self(bytes)
    }

    /// When the session began, to a tenth of a second.
    pub fn began(&self) -> Timestamp {
        let mut tenths = [0; 8];
        tenths[3..].copy_from_slice(&self.0[8..]);
        Timestamp::from_millis((i64::from_be_bytes(tenths) + EPOCH_2020 * 10) * 100)
    }
}

/// A git object id: 20 bytes (SHA-1) or 32 bytes (SHA-256).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid {
    len: u8,
    bytes: [u8; 32],
}

impl Oid {
    /// The id with these bytes; `None` unless there are 20 or 32 of them.
    pub fn from_bytes(raw: &[u8]) -> Option<Self> {
        if raw.len() != 20 && raw.len() != 32 {
            return None;
        }
        let mut bytes = [0; 32];
        bytes[..raw.len()].copy_from_slice(raw);
        Some(Self { len: raw.len() as u8, bytes })
    }

    /// The id's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The first seven hexadecimal digits, for people.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(7);
        text
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({self})")
    }
}

impl FromStr for Oid {
    type Err = BadOid;

    fn from_str(text: &str) -> Result<Self, BadOid> {
        let bad = || BadOid(text.to_owned());
        if !text.is_ascii() {
            return Err(bad());
        }
        let raw: Option<Vec<u8>> = (0..text.len() / 2).map(|i| u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).ok()).collect();
        raw.filter(|raw| raw.len() * 2 == text.len()).and_then(|raw| Self::from_bytes(&raw)).ok_or_else(bad)
    }
}

/// Why a text is not an object id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an object id: expected 40 or 64 hexadecimal digits")]
pub struct BadOid(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphabet_is_reversed_hex() {
        let mut bytes = [0; 16];
        bytes[0] = 0x0f;
        assert_eq!(TurnKey::from_bytes(bytes).to_string(), format!("zk{}", "z".repeat(30)));
    }

    #[test]
    fn session_id_carries_its_time() {
        let began = Timestamp::from_millis(1_795_000_000_300);
        let id = SessionId::new([7; 8], began);
        assert_eq!(id.began(), began);
        assert_eq!(id.to_string().len(), 26);
    }

    proptest::proptest! {
        #[test]
        fn ids_round_trip(bytes: [u8; 16], sid: [u8; 13]) {
            let key = TurnKey::from_bytes(bytes);
            proptest::prop_assert_eq!(key.to_string().parse::<TurnKey>(), Ok(key));
            let id = SessionId::from_bytes(sid);
            proptest::prop_assert_eq!(id.to_string().parse::<SessionId>(), Ok(id));
        }

        #[test]
        fn foreign_text_never_panics(text: String) {
            let _ = text.parse::<TurnKey>();
            let _ = text.parse::<Oid>();
        }
    }
}
