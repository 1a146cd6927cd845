//! `rt status`: where this worktree stands.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use crate::agent::store::Link;
use crate::agent::workspace::Workspace;
use crate::agent::{Error, undo};
use crate::base::path::RepoPath;
use crate::config::CommitMode;
use crate::hooks::Point;
use crate::session::turn::{ChangeStatus, Outcome};
use crate::ui::{Style, Text, age};
use crate::vcs::DirtyFile;

use super::super::context::{Context, counted, files};
use super::super::error::Failure;
use super::super::render;

/// Show the session of this worktree, its files, and edits that wait
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rt status\n  rt status --json")]
pub struct StatusArgs {}

pub fn run(ctx: &Context) -> Result<(), Failure> {
    let ws = ctx.workspace()?;
    let mut index = ctx.index(&ws)?;
    let head = ws.backend.head().map_err(Error::from)?;
    let dirty = ws.backend.dirty().map_err(Error::from)?;
    let cursor = ws.store().cursor()?;
    let mut here = cursor.as_ref().map(|c| undo::here(&ws, c)).transpose()?.flatten();
    let turn = here.as_ref().map(|l| ws.store().turn(l)).transpose()?;
    if let Some(link) = &mut here {
        link.header = ws.store().with_commit(link.header.clone()).map_err(Error::from)?;
    }
    let waiting = index.queue(&*ws.backend)?;
    let written = here.as_ref().map_or(Ok(BTreeSet::new()), |link| not_committed(&ws, link, &dirty))?;
    // With `vcs.commit` off committing is the user's.
    let to_commit = here.as_ref().filter(|_| !written.is_empty() && ws.pipeline.has_point(Point::Commit) && commits(&ws));
    let name = cursor.as_ref().map(|c| Context::session_name(&ws, c.session)).transpose()?;
    if ctx.global.json {
        let state = turn
            .as_ref()
            .map(|t| t.state.files.iter().map(|(p, a)| json!({ "path": p.to_string(), "access": a.as_str() })).collect::<Vec<_>>());
        return Ok(ctx.ui.json(&json!({
            "v": 1,
            "branch": head.branch,
            "commit": head.commit.map(|c| c.to_string()),
            "session": cursor.as_ref().map(|c| c.session.to_string()),
            "name": name,
            "turn": here.as_ref().map(|l| render::header(&l.header)),
            "redo": cursor.as_ref().map_or(0, |c| c.redo.len()),
            "files": state,
            "dirty": dirty
                .iter()
                .map(|d| json!({ "path": d.path.to_string(), "staged": d.staged, "unstaged": d.unstaged, "of_turn": written.contains(&d.path) }))
                .collect::<Vec<_>>(),
            "waiting": to_commit.iter().map(|link| Some(link.header.key)).chain(waiting.iter().map(|q| q.turn.key()))
                .map(|key| key.map(|k| k.to_string())).collect::<Vec<_>>(),
        }))?);
    }
    let ui = &ctx.ui;
    match (&cursor, &name, &here) {
        (Some(cursor), Some(name), Some(link)) => {
            let h = &link.header;
            let mut line = Text::new().add(Style::Bold, name.clone()).plain(format!(" on {} · turn ", head.short()));
            line.push(Style::Id, index.unique_prefix(&*ws.backend, h.key)?);
            line.push(Style::Plain, format!(" · {} · ", h.subject));
            line.push(super::log::outcome_style(h.outcome), render::outcome(h));
            line.push(Style::Dim, format!(" · {}", age(h.end, ws.now())));
            ui.line(line)?;
            if !cursor.redo.is_empty() {
                ui.line(format!("{} undone · rt redo", counted(cursor.redo.len() as u64, "exchange")))?;
            }
        }
        (Some(_), Some(name), None) => ui.line(format!("{name} on {} · everything undone · rt redo", head.short()))?,
        _ => ui.line(format!("no session in this worktree yet, on {} · begin one: rt -m \"…\"", head.short()))?,
    }
    for (path, access) in turn.iter().flat_map(|t| &t.state.files) {
        ui.line(Text::new().plain("  ").add(Style::Path, path.to_string()).add(Style::Dim, format!("  {}", access.as_str())))?;
    }
    if !written.is_empty() {
        ui.line(Text::new().add(Style::Dim, format!("{} with edits of the last turn, not committed", files(written.len()))))?;
    }
    let own = dirty.iter().filter(|d| !written.contains(&d.path)).count();
    if own > 0 {
        ui.line(Text::new().add(Style::Dim, format!("{} with uncommitted changes of yours", files(own))))?;
    }
    if let Some(link) = to_commit {
        let id = index.unique_prefix(&*ws.backend, link.header.key)?;
        let line = Text::new().add(Style::Warn, "waiting  ").add(Style::Id, id.clone());
        let line = line.plain(format!("  {} to commit", files(written.len())));
        ui.line(line.add(Style::Dim, format!(" · rt retry {id}")))?;
    }
    for row in waiting {
        let mut line = Text::new().add(Style::Warn, "waiting  ").add(Style::Id, row.turn.prefix.clone());
        let fit = row.held.len();
        line.push(Style::Plain, format!("  {} to write", files(fit)));
        if !row.rejects.is_empty() {
            line.push(Style::Plain, format!(", {} did not fit", row.rejects.len()));
        }
        line.push(Style::Dim, format!(" · rt retry {}{}", row.turn.prefix, if row.rejects.is_empty() { "" } else { " --partial" }));
        ui.line(line)?;
    }
    Ok(())
}

/// Whether rt commits what it writes.
fn commits(ws: &Workspace) -> bool {
    ws.config.settings().vcs.commit == CommitMode::Auto
}

/// The dirty files that are as this turn left them: it wrote them, and they were not committed.
fn not_committed(ws: &Workspace, link: &Link, dirty: &[DirtyFile]) -> Result<BTreeSet<RepoPath>, Error> {
    if link.header.outcome != Outcome::Uncommitted {
        return Ok(BTreeSet::new());
    }
    let (tree, changes) = (ws.backend.worktree()?, ws.store().turn(link)?.edits.with_status(ChangeStatus::Written));
    let mut found = BTreeSet::new();
    for path in dirty.iter().map(|d| &d.path) {
        let Some(change) = changes.get(path) else { continue };
        let now = tree.read(path).map_err(|source| Error::Read { what: path.to_string(), source })?;
        if now == change.after {
            found.insert(path.clone());
        }
    }
    Ok(found)
}
