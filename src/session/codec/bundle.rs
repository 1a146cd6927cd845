//! Several named files as one run of bytes, so that an unfinished turn is replaced in one atomic step.
//!
//! Form: the line `retort-0 bundle`, then for each file, in name order, the line `<length of name> <length of content>`, the
//! name, the content, and a newline.
//!
//! Invariants
//! - `unpack(pack(files)) == files`; anything else than a whole bundle is an error, never a part of one.

use std::collections::BTreeMap;

use super::DecodeError;

const HEAD: &[u8] = b"retort-0 bundle\n";
const NAME: &str = "the bundle";

/// The bytes for these files.
pub fn pack(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD.len() + files.iter().map(|(n, b)| n.len() + b.len() + 24).sum::<usize>());
    out.extend_from_slice(HEAD);
    for (name, bytes) in files {
        out.extend_from_slice(format!("{} {}\n", name.len(), bytes.len()).as_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(bytes);
        out.push(b'\n');
    }
    out
}

/// The files in these bytes.
pub fn unpack(raw: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, DecodeError> {
    let bad = |why: &str| DecodeError::malformed(NAME, why);
    let mut rest = raw.strip_prefix(HEAD).ok_or_else(|| bad("its first line is not that of a bundle"))?;
    let mut files = BTreeMap::new();
    while !rest.is_empty() {
        let end = rest.iter().take(48).position(|b| *b == b'\n').ok_or_else(|| bad("a line with lengths is missing"))?;
        let line = std::str::from_utf8(&rest[..end]).map_err(|e| DecodeError::malformed(NAME, e))?;
        let (name, content) = line.split_once(' ').ok_or_else(|| bad("a line with lengths has no two numbers"))?;
        let length = |text: &str| text.parse::<usize>().map_err(|e| DecodeError::malformed(NAME, e));
        let (name, content) = (length(name)?, length(content)?);
        rest = &rest[end + 1..];
        let whole = name.checked_add(content).filter(|sum| *sum < rest.len()).ok_or_else(|| bad("it ends too early"))?;
        if rest[whole] != b'\n' {
            return Err(bad("a file is not followed by a newline"));
        }
        let key = std::str::from_utf8(&rest[..name]).map_err(|e| DecodeError::malformed(NAME, e))?;
        if files.insert(key.to_owned(), rest[name..whole].to_vec()).is_some() {
            return Err(bad("a name stands twice"));
        }
        rest = &rest[whole + 1..];
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn round_trips(files: BTreeMap<String, Vec<u8>>) {
            proptest::prop_assert_eq!(unpack(&pack(&files)), Ok(files));
        }

        #[test]
        fn a_part_is_an_error(files in proptest::collection::btree_map("[a-z]{1,3}", proptest::collection::vec(0u8..255, 0..8), 1..4), cut in 1usize..8) {
            let raw = pack(&files);
            let kept = &raw[..raw.len().saturating_sub(cut)];
            if let Ok(found) = unpack(kept) {
                // A cut exactly between two files cannot be told from a smaller bundle; nothing else may pass.
                proptest::prop_assert_eq!(pack(&found), kept);
            }
        }

        #[test]
        fn foreign_bytes_never_panic(raw: Vec<u8>) {
            let _ = unpack(&raw);
            let _ = unpack(&[HEAD, &raw].concat());
        }
    }
}
