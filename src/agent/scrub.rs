//! Taking secrets out of a turn before it is kept.
//!
//! Invariants
//! - After [`scrub`] no text of the turn that came from outside holds a secret: the user's words, the model's answer, what a
//!   provider, a hook or a filter said. The request is not touched: what is sent is checked before it is sent. Neither are
//!   the two sides of a file: a turn with a secret in one does not open.
//! - A turn without a secret stays as it is, byte for byte.

use crate::config::secret::Redactor;
use crate::llm;
use crate::session::event::Event;
use crate::session::stream::Stop;
use crate::session::turn::{ResponseRecord, Turn};

/// What stands in place of a response's bytes when no redaction of them is known to leave none of a secret.
const WITHHELD: &[u8] = b"[the bytes of this answer spelled a secret in pieces and were not kept; its text was]\n";

/// Replaces secrets by their placeholders.
pub(super) fn scrub(turn: &mut Turn, redactor: &Redactor) {
    let clean = |text: &mut String| {
        if redactor.holds(text.as_bytes()) {
            *text = redactor.redact(text).into_owned();
        }
    };
    let h = &mut turn.header;
    [Some(&mut h.subject), h.served.as_mut(), h.branch.as_mut()].into_iter().flatten().for_each(clean);
    turn.state.settings.values_mut().for_each(clean);
    if let Some(prompt) = turn.prompt.as_mut().filter(|prompt| redactor.holds(prompt)) {
        *prompt = redactor.redact_bytes(prompt).into_owned();
    }
    let format = turn.request.as_ref().map(|request| request.envelope.clone()).unwrap_or_default();
    if let Some(response) = &mut turn.response {
        scrub_response(response, redactor, |status, raw| llm::replay(&format, status, raw).0.record);
    }
    for reject in &mut turn.edits.rejects {
        [&mut reject.path, &mut reject.reason, &mut reject.edit].into_iter().for_each(clean);
    }
    turn.edits.message.iter_mut().for_each(clean);
    turn.events.iter_mut().flat_map(|Event { fields, .. }| fields.values_mut()).for_each(clean);
}

fn scrub_response(r: &mut ResponseRecord, redactor: &Redactor, decode: impl Fn(u16, &[u8]) -> ResponseRecord) {
    let spelled = holds(r, redactor);
    if redactor.holds(&r.raw) {
        r.raw = redactor.redact_bytes(&r.raw).into_owned();
    }
    // The provider may have sent a secret in pieces, or with escapes that we do not write.
    if spelled && holds(&decode(r.status, &r.raw), redactor) {
        r.raw = WITHHELD.to_vec();
    }
    if redactor.holds(r.text.as_bytes()) {
        for (at, _) in &mut r.native {
            let before = (0..=*at as usize).rev().find_map(|end| r.text.get(..end)).unwrap_or_default();
            *at = redactor.redact(before).len() as u64;
        }
        r.text = redactor.redact(&r.text).into_owned();
        for (at, _) in &mut r.native {
            *at = (0..=*at as usize).rev().find(|end| r.text.is_char_boundary(*end)).unwrap_or(0) as u64;
        }
    }
    if redactor.holds(r.reasoning.as_bytes()) {
        r.reasoning = redactor.redact(&r.reasoning).into_owned();
    }
    for bytes in r.native.iter_mut().map(|(_, bytes)| bytes).filter(|bytes| redactor.holds(bytes)) {
        *bytes = redactor.redact_bytes(bytes).into_owned();
    }
    for value in r.headers.values_mut() {
        *value = redactor.redact(value).into_owned();
    }
    if let Some(Stop::Refused(why) | Stop::Other(why)) = &mut r.stop {
        *why = redactor.redact(why).into_owned();
    }
}

fn holds(r: &ResponseRecord, redactor: &Redactor) -> bool {
    redactor.holds(r.text.as_bytes())
        || redactor.holds(r.reasoning.as_bytes())
        || r.native.iter().any(|(_, bytes)| redactor.holds(bytes))
        || matches!(&r.stop, Some(Stop::Refused(why) | Stop::Other(why)) if redactor.holds(why.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::Secret;

    const SECRET: &str = "canary-0123456789";

    fn response(raw: &str, text: &str) -> ResponseRecord {
        ResponseRecord {
            raw: raw.into(),
            text: text.into(),
            native: vec![(0, b"{}".to_vec()), (99, b"{}".to_vec())],
            ..Default::default()
        }
    }

    #[test]
    fn bytes_that_spell_a_secret_in_pieces_go_and_others_are_mended() {
        let redactor = Redactor::new([Secret::new("K", SECRET)]);
        let run = |mut r: ResponseRecord, decoded: &str| {
            scrub_response(&mut r, &redactor, |_, _| ResponseRecord { text: decoded.into(), ..Default::default() });
            r
        };
        let whole = run(response(&format!("<{SECRET}>"), &format!("é{SECRET}!")), "clean");
        assert_eq!((&whole.raw[..], whole.text.as_str()), (&b"<[secret:K]>"[..], "é[secret:K]!"));
        assert_eq!(whole.native.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, whole.text.len() as u64]);
        let pieces = run(response("<canary-><0123456789>", SECRET), SECRET);
        assert_eq!((&pieces.raw[..], pieces.text.as_str()), (WITHHELD, "[secret:K]"));
        let none = response("<raw>", "text");
        assert_eq!(run(none.clone(), SECRET), none);
    }
}
