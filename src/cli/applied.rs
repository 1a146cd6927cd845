//! How applying stored or foreign edits looks.

use serde_json::json;

use crate::agent::Error;
use crate::agent::apply::Applied;
use crate::agent::exchange::{Observer as _, Progress};
use crate::agent::review::Reviewed;
use crate::agent::workspace::Workspace;
use crate::session::turn::Outcome;

use super::commands::ask::after;
use super::context::Context;
use super::error::{Failure, INTERRUPTED, REJECTED};
use super::observer::Frame;
use super::render;

/// Shows what came of it, through the same frame as an exchange; `edits` is whether there were any, be they in the files already.
pub fn show(ctx: &Context, ws: &Workspace, done: Applied, edits: bool) -> Result<(), Failure> {
    let branch = ws.backend.head().map_err(Error::from)?.short().to_owned();
    let dirty = || ws.backend.dirty().map_or(0, |d| d.len());
    let mut frame = Frame::new(&ctx.ui, &*ws.clock, ctx.global.json, None, branch, dirty);
    for ran in &done.hooks {
        frame.observe(&Progress::Hook(ran));
    }
    if !done.gathered.rejects.is_empty() {
        frame.observe(&Progress::Rejected(&done.gathered));
    }
    if ctx.global.json && !done.broken.is_empty() {
        frame.observe(&Progress::Broken(&done.broken));
    }
    if matches!(done.turn.header.outcome, Outcome::Applied | Outcome::Uncommitted) {
        frame.observe(&Progress::Written(&done.gathered));
    }
    if let Some(landed) = &done.landed {
        frame.observe(&Progress::Landed(landed));
    }
    frame.observe(&Progress::Closed { turn: &done.turn, appended: &done.appended });
    let broken = frame.finish();
    after(ctx, ws);
    if let Some(error) = broken {
        return Err(error.into());
    }
    let looked_at = done.turn.events.iter().any(|event| event.kind == "review");
    let nothing = done.gathered.changes.is_empty() && done.gathered.rejects.is_empty() && !looked_at;
    match done.error {
        None if nothing && !edits => {
            Err(Failure::user("the answer holds no edits").hint("what was read is kept: rt show").code(REJECTED))
        }
        Some(error @ Error::Interrupted) => {
            Err(Failure::user(error.to_string()).hint("the edits are kept: rt retry").code(INTERRUPTED))
        }
        Some(error) => Err(Failure::from(error).code(REJECTED)),
        None => Ok(()),
    }
}

/// Says what the user's look at the edits came to.
pub fn reviewed(ctx: &Context, ws: &Workspace, looked: &Reviewed) {
    let mut frame = Frame::new(&ctx.ui, &*ws.clock, ctx.global.json, None, String::new(), || 0);
    frame.observe(&Progress::Reviewed(looked));
}

/// What an undo or redo did, as JSON.
pub fn undone(done: &crate::agent::undo::Undone) -> serde_json::Value {
    use crate::vcs::TakenBack;
    let commits: Vec<_> = done
        .commits
        .iter()
        .map(|(commit, back)| match back {
            TakenBack::Moved(to) => json!({ "commit": commit.to_string(), "moved_to": to.map(|t| t.to_string()) }),
            TakenBack::Reverted(by) => json!({ "commit": commit.to_string(), "reverted_by": by.to_string() }),
        })
        .collect();
    json!({
        "v": 1,
        "turns": done.turns.iter().map(|l| render::header(&l.header)).collect::<Vec<_>>(),
        "files": done.files.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "commits": commits,
        "at": done.cursor.turn.map(|t| t.to_string()),
    })
}
