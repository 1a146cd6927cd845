//! What is kept of a request.
//!
//! Invariants
//! - A request that holds a secret is neither kept nor sent.

use std::collections::BTreeMap;

use crate::base::hash::Sha256;
use crate::base::id::Oid;
use crate::llm::WireCall;
use crate::session::turn::{RequestDigest, RequestRecord};

use super::super::Error;
use super::super::workspace::Workspace;

/// What is kept of a request, which must hold no secret.
pub(in crate::agent) fn record_request(
    ws: &Workspace,
    parent: Option<Oid>,
    call: &WireCall,
) -> Result<(RequestDigest, RequestRecord), Error> {
    let body = call.body.bytes();
    check_request(ws, call, &body)?;
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
fn check_request(ws: &Workspace, call: &WireCall, body: &[u8]) -> Result<(), Error> {
    let segment = call.body.segments.iter().find(|segment| ws.redactor.holds(&segment.bytes));
    let place = |what: &str| ws.redactor.redact(what).into_owned();
    if let Some(secret) = ws.redactor.find(body).or_else(|| ws.redactor.find(call.envelope.url.as_bytes())) {
        let part = segment.map_or_else(|| "the address or the model's name".to_owned(), |segment| place(&segment.kind.0));
        return Err(Error::WouldSend { secret: secret.to_string(), part });
    }
    Ok(())
}
