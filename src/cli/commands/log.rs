//! `rt log`: the turns of a session, the newest first.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use clap::Args;

use crate::agent::Error;
use crate::index::TurnRow;
use crate::session::turn::{Outcome, TurnKind};
use crate::ui::{Style, Text, age};

use super::super::context::Context;
use super::super::error::Failure;
use super::super::render;

/// Read turns like commits, the newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rt log\n  rt log paging\n  rt log --all\n  rt log --search \"off by one\"")]
pub struct LogArgs {
    /// A session or turn to start from
    #[arg(default_value = "@")]
    pub address: String,

    /// At most so many turns
    #[arg(short = 'n', long = "max-count", value_name = "N")]
    pub max: Option<usize>,

    /// The turns of all sessions
    #[arg(long)]
    pub all: bool,

    /// Turns whose prompt or answer has these words
    #[arg(long, value_name = "WORDS")]
    pub search: Option<String>,

    /// Show the files of each turn
    #[arg(long)]
    pub stat: bool,
}

pub fn run(ctx: &Context, args: &LogArgs) -> Result<(), Failure> {
    let ws = ctx.workspace()?;
    let mut index = ctx.index(&ws)?;
    if let Some(words) = &args.search {
        let hits = index.search(&*ws.backend, words, args.max.unwrap_or(20))?;
        for hit in hits {
            if ctx.global.json {
                let mut value = render::row(&hit.turn);
                value["snippet"] = hit.snippet.iter().map(|s| s.text.as_str()).collect::<String>().into();
                ctx.ui.json(&value)?;
                continue;
            }
            ctx.ui.line(line(ctx, &ws, &hit.turn))?;
            let mut text = Text::new().plain("    ");
            for span in &hit.snippet {
                text.push(if span.hit { Style::Bold } else { Style::Dim }, span.text.replace('\n', " "));
            }
            ctx.ui.line(text)?;
        }
        return Ok(());
    }
    let mut tips = Vec::new();
    if args.all {
        tips.extend(index.sessions(&*ws.backend, crate::index::Sessions::All)?.into_iter().map(|s| s.tip));
    } else {
        let place = Context::resolve(&ws, &index, &args.address)?;
        tips.extend(place.turn.map(|t| t.oid));
    }
    let most = args.max.unwrap_or(usize::MAX >> 1);
    let (mut seen, mut rows) = (BTreeSet::new(), Vec::new());
    for tip in tips {
        rows.extend(index.log(&*ws.backend, tip, most)?.into_iter().filter(|row| seen.insert(row.oid)));
    }
    if args.all {
        // Each session has its newest turn first; a turn that cannot be read stays with the one before it.
        let mut last = i64::MAX;
        rows.sort_by_cached_key(|row| {
            last = row.header.as_ref().map_or(last, |header| header.end.millis());
            Reverse(last)
        });
        rows.truncate(most);
    }
    let mut said = BTreeMap::new();
    for mut row in rows {
        if let Ok(header) = row.header {
            let meta = match said.entry(header.session) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(ws.store().meta(header.session).map_err(Error::from)?),
            };
            row.header = Ok(meta.with_commit(header));
        }
        if ctx.global.json {
            ctx.ui.json(&render::row(&row))?;
            continue;
        }
        ctx.ui.line(line(ctx, &ws, &row))?;
        if let (true, Ok(header)) = (args.stat, &row.header) {
            for stat in &header.files {
                ctx.ui.line(
                    Text::new()
                        .plain("    ")
                        .plain(format!("{} ", stat.status.letter()))
                        .add(Style::Path, stat.path.to_string())
                        .plain(format!(" +{} −{}", stat.lines.added, stat.lines.removed)),
                )?;
            }
        }
    }
    Ok(())
}

/// One turn in one line.
pub fn line(_: &Context, ws: &crate::agent::workspace::Workspace, row: &TurnRow) -> Text {
    let mut text = Text::new().add(Style::Id, row.prefix.clone());
    text.push(Style::Dim, format!(" {} ", row.oid.short()));
    let Ok(h) = &row.header else {
        text.push(Style::Bad, "unreadable".to_owned());
        return text;
    };
    text.push(outcome_style(h.outcome), render::outcome(h));
    if h.kind == TurnKind::Apply || (h.kind == TurnKind::Note && h.outcome != Outcome::None) {
        text.push(Style::Dim, format!(" {}", h.kind.as_str()));
    }
    text.push(Style::Plain, format!("  {}", h.subject));
    let mut tail = format!("  {}", age(h.end, ws.now()));
    if let Some(model) = &h.model {
        tail.push_str(&format!(" · {model}"));
    }
    if let Some(cost) = h.cost {
        tail.push_str(&format!(" · ${}", render::money(cost)));
    }
    if let Some(commit) = h.commit {
        tail.push_str(&format!(" · {}", commit.short()));
    }
    text.push(Style::Dim, tail);
    text
}

pub const fn outcome_style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Applied => Style::Good,
        Outcome::None => Style::Dim,
        Outcome::Uncommitted | Outcome::Recovered => Style::Warn,
        Outcome::Rejected | Outcome::Failed | Outcome::Interrupted => Style::Bad,
    }
}
