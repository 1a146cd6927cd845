//! What is kept of a request, and the header of its turn.
//!
//! Invariants
//! - A request that holds a secret is neither kept nor sent.

use std::collections::BTreeMap;

use crate::base::hash::Sha256;
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::llm::{Answer, WireCall};
use crate::session::stream::Usage;
use crate::session::turn::{ForkPoint, Header, Outcome, RequestDigest, RequestRecord, Turn, TurnKind};

use super::super::Error;
use super::super::models::Model;
use super::super::workspace::Workspace;

/// What is kept of a request, which must hold no secret.
pub(in crate::agent) fn record_request(
    ws: &Workspace,
    parent: Option<Oid>,
    call: &WireCall,
) -> Result<(RequestDigest, RequestRecord), Error> {
    let body = call.body.bytes();
    check_body(ws, call, &body)?;
    let digest = RequestDigest { sha256: Sha256::of(&body), length: body.len() as u64 };
    let known = ws.store().known_manifest(parent)?;
    let mut parts = BTreeMap::new();
    for segment in &call.body.segments {
        let label = Sha256::of(&segment.bytes);
        if !known.contains(&label) {
            parts.insert(label, segment.bytes.clone());
        }
    }
    Ok((digest, RequestRecord { envelope: call.envelope.clone(), manifest: call.body.manifest(), parts }))
}

/// Refuses a request that holds a secret. What goes into one was redacted where it came from, so this is the last look.
pub fn check_request(ws: &Workspace, call: &WireCall) -> Result<(), Error> {
    check_body(ws, call, &call.body.bytes())
}

fn check_body(ws: &Workspace, call: &WireCall, body: &[u8]) -> Result<(), Error> {
    let segment = call.body.segments.iter().find(|segment| ws.redactor.holds(&segment.bytes));
    let place = |what: &str| ws.redactor.redact(what).into_owned();
    if let Some(secret) = ws.redactor.find(body).or_else(|| ws.redactor.find(call.envelope.url.as_bytes())) {
        let part = segment.map_or_else(|| "the address or the model's name".to_owned(), |segment| place(&segment.kind.0));
        return Err(Error::WouldSend { secret: secret.to_string(), part });
    }
    Ok(())
}

/// A header for a turn that begins now; its outcome is what holds if nobody comes to say otherwise.
pub fn new_header(
    ws: &Workspace,
    kind: TurnKind,
    key: TurnKey,
    exchange: TurnKey,
    session: Option<SessionId>,
    parent: Option<Oid>,
) -> Result<Header, Error> {
    // Without a name to write, a turn could not be recorded: this must come out before anything is sent or written.
    ws.author()?;
    let before = parent.map(|p| ws.store().link(p)).transpose()?.map(|link| link.header);
    let last = before.as_ref().map_or(0, |h| h.seq);
    let seq = last.checked_add(1).filter(|n| u32::try_from(*n).is_ok()).ok_or(Error::ChainTooLong)?;
    let head = ws.backend.head()?;
    let now = ws.now();
    Ok(Header {
        subject: String::new(),
        kind,
        key,
        exchange,
        session: session.unwrap_or_else(|| ws.new_session()),
        seq,
        model: None,
        served: None,
        usage: Usage::default(),
        price: None,
        cost: None,
        start: now,
        end: now,
        base: head.commit,
        branch: head.branch,
        commit: None,
        files: Vec::new(),
        outcome: Outcome::Interrupted,
        request: None,
        // A session that begins behind a turn is a fork of that turn's.
        forked_from: before.filter(|_| session.is_none()).map(|h| ForkPoint { session: h.session, turn: h.key }),
    })
}

/// Notes what the answer cost, at the price of the moment in which it was asked for.
pub(in crate::agent) fn price_of(ws: &Workspace, turn: &mut Turn, model: &Model, answer: &Answer) {
    let price = model.price(ws, answer.served.as_deref(), &answer.usage, turn.header.start);
    turn.header.usage = answer.usage;
    turn.header.served.clone_from(&answer.served);
    // Nothing that was used costs nothing, and is not known to cost anything.
    turn.header.price = price.filter(|_| answer.usage != Usage::default());
    turn.header.cost = answer.cost.or_else(|| turn.header.price.map(|p| p.cost(&answer.usage)));
}
