//! Canonical JSON: the bytes that are hashed, stored and sent.
//!
//! Invariants
//! - [`escape_into`] is frozen: stored requests are put together again with it, so its output for a given text may never
//!   change. It is RFC 8785's string form.
//! - [`canonical`] writes RFC 8785 for the values that the turn store allows: ASCII keys, strings, integers, booleans,
//!   arrays and objects; no floats and no null.

pub mod read;

use serde_json::Value;

/// Appends the inside of a JSON string (no quotes) for `text`.
pub fn escape_into(out: &mut Vec<u8>, text: &str) {
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
}

/// 2^53 − 1: above it, readers in other languages lose digits.
pub const LARGEST: u64 = (1 << 53) - 1;

/// Why a value has no canonical form here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot be stored in canonical JSON")]
pub struct NotCanonical(&'static str);

/// The canonical bytes of `value`, without a final newline.
pub fn canonical(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::new();
    write(&mut out, value)?;
    Ok(out)
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escape_into(out, text);
    out.push(b'"');
}

fn write(out: &mut Vec<u8>, value: &Value) -> Result<(), NotCanonical> {
    match value {
        Value::Null => return Err(NotCanonical("null")),
        Value::Bool(yes) => out.extend_from_slice(if *yes { b"true" } else { b"false" }),
        Value::Number(n) => match n.as_i64().filter(|n| n.unsigned_abs() <= LARGEST) {
            Some(n) => out.extend_from_slice(n.to_string().as_bytes()),
            None => return Err(NotCanonical("a fraction or an integer above 2^53 − 1")),
        },
        Value::String(text) => string(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(out, item)?;
            }
            out.push(b']');
        }
        Value::Object(map) => {
            // serde_json's map may or may not be sorted, depending on features of other crates.
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by(|a, b| a.0.cmp(b.0));
            out.push(b'{');
            for (at, (key, item)) in keys.into_iter().enumerate() {
                if !key.is_ascii() {
                    return Err(NotCanonical("an object key outside ASCII"));
                }
                if at > 0 {
                    out.push(b',');
                }
                string(out, key);
                out.push(b':');
                write(out, item)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn golden() {
        let value = json!({"b": [1, true, "é\u{1}\n"], "a": {}});
        assert_eq!(canonical(&value).expect("canonical"), "{\"a\":{},\"b\":[1,true,\"é\\u0001\\n\"]}".as_bytes());
        assert!(canonical(&json!(1.5)).is_err() && canonical(&json!(null)).is_err());
        assert!(canonical(&json!(9_007_199_254_740_992_i64)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn escaping_is_read_back_by_any_parser(text: String) {
            let mut out = b"\"".to_vec();
            escape_into(&mut out, &text);
            out.push(b'"');
            proptest::prop_assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), text);
        }
    }
}
