//! `rt fsck`: whether everything that is stored is whole.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use crate::agent::Error;
use crate::agent::fsck::{self, Extent, Finding, Level, Report};
use crate::agent::store::StoreError;
use crate::base::id::SessionId;
use crate::index::Index;
use crate::session::address::Address;
use crate::session::cursor::Cursor;
use crate::ui::{Style, Text, bytes};
use crate::vcs::git::Git;

use super::super::context::{Context, counted};
use super::super::error::Failure;

/// Verify everything that retort stored in this repository
#[derive(Debug, Args)]
#[command(
    after_help = "Each turn is read, each request is put together again and compared with the hash of what was sent, and names, numbers, annotations and the database are compared with each other. Nothing is written. `error` is damage, `incomplete` is what a shallow or partial clone does not have, `note` is worth knowing. The exit code is 1 when there is an error.\n\nFor the repository itself there is `git fsck`; for what is set up, `rt doctor`.\n\nExamples:\n  rt fsck\n  rt fsck paging"
)]
pub struct FsckArgs {
    /// Only these sessions
    #[arg(value_name = "SESSION")]
    pub sessions: Vec<String>,
}

pub fn run(ctx: &Context, args: &FsckArgs) -> Result<(), Failure> {
    let (git, config) = ctx.untouched()?;
    let git = git.careful();
    let chosen = sessions(&git, &args.sessions)?;
    let database = &config.settings().store.path;
    let extent = if args.sessions.is_empty() { Extent::All { database } } else { Extent::Sessions(&chosen) };
    let report = fsck::fsck(&git, extent)?;
    for finding in &report.findings {
        show(ctx, finding)?;
    }
    let count = |level| report.count(level);
    let errors = count(Level::Error);
    if ctx.global.json {
        ctx.ui.json(&json!({
            "v": 1, "sessions": report.sessions, "turns": report.turns, "bytes": report.bytes,
            "errors": errors, "incomplete": count(Level::Incomplete), "notes": count(Level::Note),
        }))?;
    } else {
        ctx.ui.line(summary(&report))?;
    }
    if errors == 0 {
        return Ok(());
    }
    Err(Failure::user(format!("{} found", counted(errors as u64, "error"))).hint("nothing was changed"))
}

/// The sessions that these addresses lead to, by the refs alone.
fn sessions(git: &Git, names: &[String]) -> Result<BTreeSet<SessionId>, Failure> {
    let mut chosen = BTreeSet::new();
    if names.is_empty() {
        return Ok(chosen);
    }
    let mut index = Index::in_memory()?;
    index.sync(git)?;
    let cursor = cursor(git)?;
    for name in names {
        let address: Address = name.parse()?;
        chosen.insert(index.resolve(git, &address, cursor.as_ref())?.session);
    }
    Ok(chosen)
}

fn cursor(git: &Git) -> Result<Option<Cursor>, Failure> {
    let faults = crate::process::fault::Faults::default();
    match crate::agent::store::Store::new(git, &faults).cursor() {
        // Whoever says which session they mean does not need it.
        Err(StoreError::Cursor { .. }) => Ok(None),
        other => Ok(other.map_err(Error::from)?),
    }
}

fn show(ctx: &Context, finding: &Finding) -> Result<(), Failure> {
    let Finding { place, problem } = finding;
    let (level, advice) = (problem.level(), problem.advice(place));
    if ctx.global.json {
        return Ok(ctx.ui.json(&json!({
            "v": 1, "level": level.as_str(), "kind": problem.word(), "what": problem.to_string(), "todo": advice,
            "ref": place.reference, "turn": place.turn.map(|t| t.to_string()),
            "commit": place.commit.map(|c| c.to_string()), "path": place.path,
        }))?);
    }
    let style = match level {
        Level::Error => Style::Bad,
        Level::Incomplete => Style::Warn,
        Level::Note => Style::Dim,
    };
    let line = Text::new().add(style, format!("{:<11}", level.as_str())).add(Style::Id, place.to_string());
    let what = problem.to_string().replace('\n', " ");
    Ok(ctx.ui.line(line.plain(format!(": {what}")).add(Style::Dim, format!(" · {advice}")))?)
}

fn summary(report: &Report) -> Text {
    let errors = report.count(Level::Error);
    let style = if errors == 0 { Style::Good } else { Style::Bad };
    let said = if errors == 0 { "no errors".to_owned() } else { counted(errors as u64, "error") };
    let mut rest =
        format!(" in {} of {} ({})", counted(report.turns, "turn"), counted(report.sessions, "session"), bytes(report.bytes));
    let incomplete = report.count(Level::Incomplete);
    if incomplete > 0 {
        rest.push_str(&format!(", {incomplete} incomplete"));
    }
    let notes = report.count(Level::Note);
    if notes > 0 {
        rest.push_str(&format!(", {}", counted(notes as u64, "note")));
    }
    Text::new().add(style, said).plain(rest)
}
