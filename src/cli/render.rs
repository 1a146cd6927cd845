//! Turns and sessions as JSON and as lines, the same everywhere.
//!
//! Invariants
//! - JSON here is versioned (`"v": 1`): fields are added, never renamed. It depends on refs and commits alone, so it is the
//!   same after the index was made anew.

use serde_json::{Value, json};

use crate::base::money::Usd;
use crate::index::{SessionRow, TurnRow};
use crate::session::stream::Usage;
use crate::session::turn::{FileStat, Header, Outcome, TurnKind};

/// Dollars with four digits after the point, or more when there is nothing before them.
pub fn money(cost: Usd) -> String {
    let dollars = cost.nanos() as f64 / 1e9;
    if dollars >= 0.001 || cost.nanos() == 0 { format!("{dollars:.4}") } else { format!("{dollars:.6}") }
}

pub fn file(stat: &FileStat) -> Value {
    json!({ "path": stat.path.to_string(), "status": stat.status.letter().to_string(), "added": stat.lines.added, "removed": stat.lines.removed })
}

pub fn usage(u: &Usage) -> Value {
    json!({ "input": u.input.0, "cache_read": u.cache_read.0, "cache_write": u.cache_write.0, "output": u.output.0, "reasoning": u.reasoning.0 })
}

/// How a turn ended, in the words for people: `none` says nothing to whoever has not read the format.
pub fn outcome(h: &Header) -> &'static str {
    match h.outcome {
        Outcome::None if h.kind == TurnKind::Note => "note",
        Outcome::None if h.kind == TurnKind::Compact => "summary",
        Outcome::None if !h.files.is_empty() => "stored",
        Outcome::None => "no edits",
        other => other.as_str(),
    }
}

/// A turn's header.
pub fn header(h: &Header) -> Value {
    json!({
        "v": 1,
        "turn": h.key.to_string(),
        "exchange": h.exchange.to_string(),
        "session": h.session.to_string(),
        "seq": h.seq,
        "kind": h.kind.as_str(),
        "subject": h.subject,
        "outcome": h.outcome.as_str(),
        "model": h.model.as_ref().map(ToString::to_string),
        "served": h.served,
        "usage": usage(&h.usage),
        "cost": h.cost.map(|c| c.to_string()),
        "start": h.start.to_string(),
        "end": h.end.to_string(),
        "base": h.base.map(|o| o.to_string()),
        "branch": h.branch,
        "commit": h.commit.map(|o| o.to_string()),
        "files": h.files.iter().map(file).collect::<Vec<_>>(),
        "request": h.request.map(|r| json!({ "sha256": r.sha256.to_string(), "length": r.length })),
        "forked_from": h.forked_from.map(|f| json!({ "session": f.session.to_string(), "turn": f.turn.to_string() })),
    })
}

/// A row of the log.
pub fn row(row: &TurnRow) -> Value {
    let mut value = match &row.header {
        Ok(h) => header(h),
        Err(why) => json!({ "v": 1, "unreadable": why }),
    };
    value["id"] = json!(row.oid.to_string());
    value["nth"] = json!(row.nth);
    value
}

/// A row of the list of sessions.
pub fn session(s: &SessionRow) -> Value {
    json!({
        "v": 1,
        "session": s.id.to_string(),
        "name": s.name,
        "label": s.label,
        "remote": s.remote,
        "tip": s.tip.to_string(),
        "turns": s.turns,
        "model": s.model,
        "branch": s.branch,
        "first": s.first.to_string(),
        "last": s.last.to_string(),
        "usage": usage(&s.usage),
        "cost": s.cost.map(|c| c.to_string()),
        "abandoned": s.abandoned,
    })
}
