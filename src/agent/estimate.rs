//! How many tokens a request has, before anybody has counted them.
//!
//! Invariants
//! - An estimate has an error, which is shown with it. In a session it is measured by what the model counted for the turns
//!   before; without any, a token has four bytes, which is wrong by a quarter at most for text and code.

use crate::base::id::Oid;
use crate::base::money::{BytesPerFour, Measured, TokenCounter, Tokens};
use crate::session::request::ModelId;

use super::Error;
use super::workspace::Workspace;

/// How far back in a session is looked.
const FAR: usize = 16;
/// The error where nothing was measured, and where it was measured once, in per cent.
pub(super) const UNMEASURED: u64 = 25;
const ONCE: u64 = 10;
/// Nobody knows better than that: the next text is another one.
const LEAST: u64 = 2;

/// A way to count, and how wrong it may be.
pub struct Estimate {
    pub counter: Box<dyn TokenCounter>,
    /// In per cent.
    pub error: u64,
}

/// How tokens are counted for the next request behind `parent`.
pub fn estimate(ws: &Workspace, parent: Option<Oid>, model: &ModelId) -> Result<Estimate, Error> {
    let mut measured: Vec<(u64, Tokens)> = Vec::new();
    for link in parent.into_iter().flat_map(|commit| ws.store().chain(commit)).take(FAR) {
        let header = link?.header;
        let counted = header.usage.input + header.usage.cache_read + header.usage.cache_write;
        let same = header.model.as_ref().is_some_and(|asked| asked.provider == model.provider);
        if let Some(request) = header.request.filter(|_| same && counted.0 > 0) {
            measured.push((request.length, counted));
        }
        if measured.len() == 2 {
            break;
        }
    }
    Ok(from(&measured))
}

/// From what was measured, the newest first.
fn from(measured: &[(u64, Tokens)]) -> Estimate {
    let measure =
        |at: usize| measured.get(at).and_then(|(bytes, tokens)| Measured::of(*bytes, *tokens).map(|m| (m, *bytes, *tokens)));
    match (measure(0), measure(1)) {
        (None, _) => Estimate { counter: Box::new(BytesPerFour), error: UNMEASURED },
        (Some((newest, ..)), None) => Estimate { counter: Box::new(newest), error: ONCE },
        (Some((newest, bytes, tokens)), Some((_, bytes_before, tokens_before))) => {
            // What the older one would have said of the newer.
            let said = bytes.saturating_mul(tokens_before.0) / bytes_before.max(1);
            let off = said.abs_diff(tokens.0) * 100 / tokens.0.max(1);
            Estimate { counter: Box::new(newest), error: off.clamp(LEAST, UNMEASURED) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turns_before_measure_the_next_one() {
        let by = |measured: &[(u64, u64)]| {
            let measured: Vec<(u64, Tokens)> = measured.iter().map(|(bytes, tokens)| (*bytes, Tokens(*tokens))).collect();
            let estimate = from(&measured);
            (estimate.counter.count(&"x".repeat(3000)).0, estimate.error)
        };
        assert_eq!(by(&[]), (750, 25));
        assert_eq!(by(&[(3000, 1000)]), (1000, 10));
        assert_eq!(by(&[(3000, 1000), (1500, 500)]), (1000, 2));
        assert_eq!(by(&[(3000, 1000), (1500, 540)]), (1000, 8));
        // A picture, or a server that counts something else.
        assert_eq!(by(&[(900_000, 1000)]), (750, 25));
        assert_eq!(by(&[(3000, 1000), (900_000, 1000)]), (1000, 10));
    }
}
