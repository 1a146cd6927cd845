//! `rt show`: one turn, whole.

use clap::Args;
use serde_json::json;

use crate::agent::Error;
use crate::agent::store::Link;
use crate::agent::workspace::Workspace;
use crate::session::turn::{ChangeStatus, Turn};
use crate::ui::{Style, Text, elapsed};

use super::super::context::Context;
use super::super::error::Failure;
use super::super::render;

/// Show a turn: the message, the answer and what came of it
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rt show\n  rt show @~1\n  rt show --prompt > request.json   the exact bytes that were sent\n  rt show paging/3 --answer"
)]
pub struct ShowArgs {
    /// The turn
    #[arg(default_value = "@")]
    pub address: String,

    /// Print the exact bytes that were sent to the model
    #[arg(long, conflicts_with_all = ["raw", "answer"])]
    pub prompt: bool,

    /// Print the exact bytes that came back
    #[arg(long, conflicts_with = "answer")]
    pub raw: bool,

    /// Print the answer's text
    #[arg(long)]
    pub answer: bool,
}

pub fn run(ctx: &Context, args: &ShowArgs) -> Result<(), Failure> {
    let ws = ctx.workspace()?;
    let (link, _) = super::place(ctx, &ws, &args.address)?;
    if args.prompt {
        let body = ws.store().body(&link)?;
        let body = body.ok_or_else(|| Failure::user(format!("turn {} asked no model", args.address)))?;
        return Ok(ctx.ui.raw(&body)?);
    }
    let mut turn = ws.store().turn(&link)?;
    turn.header = ws.store().with_commit(turn.header)?;
    if args.raw || args.answer {
        let response = turn.response.as_ref().ok_or_else(|| Failure::user(format!("turn {} has no answer", args.address)))?;
        let bytes = if args.raw { &response.raw } else { response.text.as_bytes() };
        return Ok(ctx.ui.raw(bytes)?);
    }
    if ctx.global.json { as_json(ctx, &link, &turn) } else { as_text(ctx, &ws, &link, &turn) }
}

fn as_json(ctx: &Context, link: &Link, turn: &Turn) -> Result<(), Failure> {
    let mut value = render::header(&turn.header);
    value["id"] = json!(link.commit.to_string());
    value["prompt"] = json!(turn.prompt.as_ref().map(|p| String::from_utf8_lossy(p)));
    value["answer"] = json!(turn.response.as_ref().map(|r| &r.text));
    value["stop"] = json!(turn.response.as_ref().and_then(|r| r.stop.as_ref()).map(crate::session::stream::Stop::as_text));
    let changes: Vec<_> =
        turn.edits.changes.iter().map(|c| json!({ "path": c.path.to_string(), "status": c.status.as_str() })).collect();
    let rejects: Vec<_> =
        turn.edits.rejects.iter().map(|r| json!({ "path": r.path, "reason": r.reason, "edit": r.edit })).collect();
    value["edits"] = json!({ "changes": changes, "rejects": rejects, "message": turn.edits.message });
    let files: Vec<_> =
        turn.state.files.iter().map(|(path, access)| json!({ "path": path.to_string(), "access": access.as_str() })).collect();
    value["state"] = json!({ "files": files, "settings": turn.state.settings });
    value["events"] = turn.events.iter().map(|e| json!({ "at": e.at.to_string(), "kind": e.kind, "fields": e.fields })).collect();
    Ok(ctx.ui.json(&value)?)
}

fn as_text(ctx: &Context, ws: &Workspace, link: &Link, turn: &Turn) -> Result<(), Failure> {
    let h = &turn.header;
    let ui = &ctx.ui;
    ui.line(Text::new().add(Style::Id, format!("turn {}", h.key)).add(Style::Dim, format!(" ({})", link.commit.short())))?;
    let field = |name: &str, value: String| ui.line(Text::new().add(Style::Dim, format!("{name:<10}")).plain(value));
    field("session", format!("{} · turn {} in the chain", Context::session_name(ws, h.session)?, h.seq))?;
    if let Some(model) = &h.model {
        let served = h.served.as_ref().map(|s| format!(" (served by {s})")).unwrap_or_default();
        field("model", format!("{model}{served}"))?;
    }
    field("time", format!("{} to {}", h.start, h.end))?;
    if h.usage != crate::session::stream::Usage::default() {
        let cost = h.cost.map_or_else(|| "price unknown".to_owned(), |c| format!("${}", render::money(c)));
        let cached = if h.usage.cache_read.0 > 0 { format!(" ({} cached)", h.usage.cache_read) } else { String::new() };
        field("usage", format!("{} in{cached}, {} out · {cost}", h.usage.input + h.usage.cache_read, h.usage.output))?;
    }
    if let Some(request) = &h.request {
        field("request", format!("{} bytes, sha256 {}", request.length, &request.sha256.to_string()[..16]))?;
    }
    if let Some(commit) = h.commit {
        field("commit", commit.to_string())?;
    }
    field("outcome", render::outcome(h).to_owned())?;
    for stat in &h.files {
        let held = turn.edits.changes.iter().any(|c| c.path == stat.path && c.status == ChangeStatus::Held);
        let note = if held { " (stored, not written)" } else { "" };
        field("file", format!("{} {} +{} −{}{note}", stat.status.letter(), stat.path, stat.lines.added, stat.lines.removed))?;
    }
    for reject in &turn.edits.rejects {
        // Most reasons begin with the path.
        let path = Some(format!("{}: ", reject.path)).filter(|path| path != ": " && !reject.reason.starts_with(path));
        field("rejected", format!("{}{}", path.unwrap_or_default(), reject.reason))?;
    }
    for event in turn.events.iter().filter(|e| e.kind == "given-up") {
        field("given up", event.fields.get("what").cloned().unwrap_or_default())?;
    }
    for event in turn.events.iter().filter(|e| matches!(e.kind.as_str(), "error" | "retry" | "recover" | "uncommitted")) {
        let fields: Vec<String> = event.fields.iter().map(|(k, v)| format!("{k}={v}")).collect();
        field("event", format!("{} {}", event.kind, fields.join(" ")))?;
    }
    for event in turn.events.iter().filter(|e| e.kind == "hook") {
        let get = |key: &str| event.fields.get(key).map_or("", String::as_str);
        let why = if get("why").is_empty() { String::new() } else { format!(": {}", get("why")) };
        field("hook", format!("{} at {} {}{why}", get("hook"), get("point"), get("result")))?;
    }
    for event in turn.events.iter().filter(|e| e.kind == "syntax") {
        let get = |key: &str| event.fields.get(key).map_or("", String::as_str);
        field("syntax", format!("{}:{}:{}: {}", get("path"), get("line"), get("column"), get("what")))?;
    }
    for event in turn.events.iter().filter(|e| e.kind == "refused") {
        let get = |key: &str| event.fields.get(key).map_or("", String::as_str);
        let why = if get("why").is_empty() { String::new() } else { format!(": {}", get("why")) };
        field("left out", format!("{}{why}", get("path")))?;
        for line in get("diff").lines() {
            ui.line(Text::new().plain(format!("  {line}")))?;
        }
    }
    for event in turn.events.iter().filter(|e| e.kind == "check") {
        let get = |key: &str| event.fields.get(key).map_or("", String::as_str);
        let took = elapsed(get("millis").parse().unwrap_or_default());
        field(get("kind"), format!("{} {} · {took}", get("command"), get("how")))?;
        for line in get("output").lines() {
            ui.line(Text::new().plain(format!("  {line}")))?;
        }
    }
    if let Some(prompt) = &turn.prompt {
        ui.line("")?;
        for line in String::from_utf8_lossy(prompt).lines() {
            ui.line(Text::new().add(Style::Bold, format!("> {line}")))?;
        }
    }
    if let Some(response) = &turn.response {
        ui.line("")?;
        ui.line(response.text.trim_end().to_owned())?;
    }
    Ok(())
}

/// What a turn needs to be for `diff`: its changes.
pub fn changes(ws: &Workspace, link: &Link) -> Result<crate::base::change::ChangeSet, Error> {
    let turn = ws.store().turn(link)?;
    let written = turn.edits.with_status(ChangeStatus::Written);
    Ok(if written.is_empty() { turn.edits.with_status(ChangeStatus::Held) } else { written })
}
