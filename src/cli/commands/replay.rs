//! `rt replay`: a turn's question once more, and both answers compared.

use clap::Args;
use serde_json::{Value, json};

use crate::agent::Error;
use crate::agent::exchange::{Observer, Progress};
use crate::agent::machine::End;
use crate::agent::models::{self, Model, Special};
use crate::agent::replay::{self, Replayed, Side};
use crate::agent::workspace::Workspace;
use crate::base::change::{ChangeSet, FileState};
use crate::base::path::RepoPath;
use crate::base::text::{is_binary, unified};
use crate::edit::EditFormat;
use crate::llm::Recording;
use crate::session::turn::{FileStat, Turn};
use crate::ui::{Style, Table, Text, Ui, count, diff, elapsed, side_by_side};

use super::super::context::{Context, counted, files};
use super::super::error::{Failure, INTERRUPTED, PROVIDER};
use super::super::render;
use super::ask;

/// From so many columns on, two texts stand beside each other.
const WIDE: usize = 120;

/// Ask the exact same thing again and compare the answers
#[derive(Debug, Args)]
#[command(
    after_help = "The same model gets the stored request byte for byte; another one gets the same parts in its own protocol. The edits of both\nanswers are matched against the files as they were then (what the first answer edited, and the commit for the rest). No file\nchanges, and you stay where you are: the new turn is in a session of its own and its edits wait there, as after --dry-run: `rt retry TURN`\napplies them.\n\nExamples:\n  rt replay\n  rt replay paging/3\n  rt replay @~1 --model pro\n  rt replay @ --json"
)]
pub struct ReplayArgs {
    /// The turn
    #[arg(default_value = "@")]
    pub address: String,

    /// Ask this model instead
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    /// How edits are read in both answers
    #[arg(long, value_parser = super::edit_formats(), value_name = "FORMAT")]
    pub edit_format: Option<EditFormat>,
}

pub fn run(ctx: &Context, args: &ReplayArgs) -> Result<(), Failure> {
    let ws = ctx.workspace()?;
    let (link, _) = super::place(ctx, &ws, &args.address)?;
    let turn = ws.store().turn(&link).map_err(Error::from)?;
    let model = match &args.model {
        Some(wanted) => ask::model(ctx, &ws, wanted)?,
        None => same_model(ctx, &ws, &turn)?,
    };
    let format = super::edit_format(&ws, args.edit_format);
    let mut watcher = Watcher { ui: &ctx.ui, json: ctx.global.json };
    let progress = ctx.ui.shows_progress() && model.id.provider != "manual";
    if progress {
        ctx.ui.begin_progress(format!("asking {}", model.id), ws.now());
    }
    let result = {
        let mut interrupt = Box::pin(ask::interrupted(&ctx.ui));
        let run = replay::run(&ws, &link, &model, format, &mut watcher, &mut interrupt);
        ask::block_on(ask::with_ticks(run, progress.then_some((&ctx.ui, &*ws.clock))))
    };
    ctx.ui.end_progress();
    let replayed = result??;
    ask::after(ctx, &ws);
    if ctx.global.json {
        as_json(ctx, &replayed)?;
    } else {
        as_text(ctx, &replayed)?;
    }
    let Some(error) = replayed.finished.error else { return Ok(()) };
    match replayed.finished.end {
        End::NoAnswer => Err(Failure::from(error).code(PROVIDER)),
        End::Interrupted => Err(Failure::from(error).code(INTERRUPTED)),
        _ => Err(error.into()),
    }
}

/// The model that the turn has asked.
fn same_model(ctx: &Context, ws: &Workspace, turn: &Turn) -> Result<Model, Failure> {
    let id = replay::model_of(turn).ok_or(Error::AskedNothing(turn.header.key))?;
    if id.provider != "replay" {
        return ask::model(ctx, ws, &id.to_string());
    }
    let recorded = turn.request.as_ref().zip(turn.response.as_ref());
    let recordings = recorded.map(|(request, response)| Recording {
        format: crate::llm::format_of(&request.envelope).to_owned(),
        status: response.status,
        raw: response.raw.clone(),
    });
    let special = Special { recordings: recordings.into_iter().collect(), ..Special::default() };
    Ok(models::open(ws, id, special)?)
}

/// Says what the wait is for; the answer is shown beside the first one.
struct Watcher<'a> {
    ui: &'a Ui,
    json: bool,
}

impl Observer for Watcher<'_> {
    fn observe(&mut self, progress: &Progress<'_>) {
        if let (Progress::Retrying { wait, error }, false) = (progress, self.json) {
            let wait = elapsed(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
            self.ui.status(Text::new().add(Style::Warn, format!("{error}; trying again in {wait}")));
        }
    }
}

/// What the comparison calls an answer's text.
fn text(side: &Side) -> &str {
    side.turn.response.as_ref().map_or("", |response| &response.text)
}

fn after<'a>(side: &'a Side, path: &RepoPath) -> Option<&'a Option<FileState>> {
    side.gathered.changes.get(path).map(|change| &change.after)
}

/// Every path that one of them edits.
fn paths(replayed: &Replayed) -> Vec<RepoPath> {
    let both = [&replayed.original, &replayed.again];
    let mut paths: Vec<RepoPath> = both.iter().flat_map(|s| s.gathered.changes.iter().map(|(path, _)| path.clone())).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn stat(changes: &ChangeSet, path: &RepoPath) -> Option<FileStat> {
    FileStat::of(changes).into_iter().find(|stat| stat.path == *path)
}

fn side_json(side: &Side) -> Value {
    let stats: Vec<Value> = FileStat::of(&side.gathered.changes).iter().map(render::file).collect();
    let rejects: Vec<Value> =
        side.gathered.rejects.iter().map(|r| json!({ "path": r.path, "reason": r.line, "edit": r.source })).collect();
    let h = &side.turn.header;
    json!({
        "turn": h.key.to_string(),
        "session": h.session.to_string(),
        "model": h.model.as_ref().map(ToString::to_string),
        "served": h.served,
        "answer": text(side),
        "usage": render::usage(&h.usage),
        "cost": h.cost.map(|cost| cost.to_string()),
        "ms": h.end.millis() - h.start.millis(),
        "files": stats,
        "rejects": rejects,
    })
}

fn as_json(ctx: &Context, replayed: &Replayed) -> Result<(), Failure> {
    let (original, again) = (&replayed.original, &replayed.again);
    let differ: Vec<String> =
        paths(replayed).iter().filter(|path| after(original, path) != after(again, path)).map(ToString::to_string).collect();
    let value = json!({
        "v": 1,
        "exact": replayed.exact,
        "base": if replayed.on_worktree { "worktree" } else { "turn" },
        "original": side_json(original),
        "again": side_json(again),
        "same_answer": text(original) == text(again),
        "same_edits": differ.is_empty(),
        "files_that_differ": differ,
    });
    Ok(ctx.ui.json(&value)?)
}

fn as_text(ctx: &Context, replayed: &Replayed) -> Result<(), Failure> {
    let (original, again) = (&replayed.original, &replayed.again);
    let names = [original, again].map(|side| side.turn.header.key.short());
    let how = if replayed.exact { "the same request, byte for byte" } else { "the same parts, written for the other model" };
    ctx.ui.status(Text::new().add(Style::Dim, how));
    if replayed.on_worktree {
        ctx.ui.warn("the files of that time are not known; both answers are matched against those of today");
    }
    ctx.ui.table(&numbers(replayed, &names))?;
    for side in [original, again] {
        for reject in &side.gathered.rejects {
            let line = Text::new().add(Style::Warn, "does not fit  ").add(Style::Id, side.turn.header.key.short());
            ctx.ui.line(line.plain(format!("  {}", reject.line)))?;
        }
    }
    compare(ctx, "the answers", [text(original), text(again)], &names)?;
    for path in paths(replayed) {
        let (first, second) = (after(original, &path), after(again, &path));
        let (Some(Some(first)), Some(Some(second))) = (first, second) else { continue };
        if first == second {
            continue;
        }
        if is_binary(&first.bytes) || is_binary(&second.bytes) {
            ctx.ui.line(Text::new().add(Style::Path, path.to_string()).plain(" differs, and is no text"))?;
            continue;
        }
        let sides = [first, second].map(|state| String::from_utf8_lossy(&state.bytes).into_owned());
        compare(ctx, &path.to_string(), [&sides[0], &sides[1]], &names)?;
    }
    Ok(())
}

/// What can be told in a line each.
fn numbers(replayed: &Replayed, names: &[String; 2]) -> Table {
    let sides = [&replayed.original, &replayed.again];
    let mut table = Table::new();
    let mut add = |what: &str, cells: [Text; 2], end: Text| {
        let [first, second] = cells;
        table.row([Text::new().add(Style::Dim, what), first, second, end]);
    };
    let plain = |tell: &dyn Fn(&Side) -> String| sides.map(|side| Text::new().plain(tell(side)));
    let id = |name: &String| Text::new().add(Style::Id, name.clone());
    add("turn", [id(&names[0]), id(&names[1])], Text::new());
    let model = |side: &Side| {
        let h = &side.turn.header;
        h.served.clone().or_else(|| h.model.as_ref().map(ToString::to_string)).unwrap_or_default()
    };
    add("model", plain(&model), Text::new());
    let input = |side: &Side| {
        let u = &side.turn.header.usage;
        let cached = if u.cache_read.0 > 0 { format!(" ({} cached)", count(u.cache_read.0)) } else { String::new() };
        format!("{} in{cached}, {} out", count((u.input + u.cache_read + u.cache_write).0), count(u.output.0))
    };
    add("tokens", plain(&input), Text::new());
    let cost = |side: &Side| side.turn.header.cost.map_or_else(|| "unknown".to_owned(), |c| format!("${}", render::money(c)));
    add("cost", plain(&cost), Text::new());
    add("time", plain(&|side| elapsed(side.turn.header.end.millis() - side.turn.header.start.millis())), Text::new());
    let same = |same: bool| Text::new().add(if same { Style::Good } else { Style::Warn }, if same { "same" } else { "differs" });
    add("answer", plain(&|side| counted(text(side).lines().count() as u64, "line")), same(text(sides[0]) == text(sides[1])));
    let edits = |side: &Side| match (side.gathered.changes.len(), side.gathered.rejects.len()) {
        (0, 0) => "none".to_owned(),
        (fit, 0) => files(fit),
        (fit, misfits) => format!("{}, {} do not fit", files(fit), counted(misfits as u64, "edit")),
    };
    add("edits", plain(&edits), Text::new());
    for path in paths(replayed) {
        let lines = |side: &Side| match stat(&side.gathered.changes, &path) {
            Some(stat) => format!("{} +{} −{}", stat.status.letter(), stat.lines.added, stat.lines.removed),
            None => "untouched".to_owned(),
        };
        add(&path.to_string(), plain(&lines), same(after(sides[0], &path) == after(sides[1], &path)));
    }
    table
}

/// Two texts, beside each other where there is room; nothing when they are equal.
fn compare(ctx: &Context, what: &str, texts: [&str; 2], names: &[String; 2]) -> Result<(), Failure> {
    if texts[0] == texts[1] {
        return Ok(());
    }
    let [old, new] = [&names[0], &names[1]].map(|name| format!("{name} {what}"));
    let width = ctx.ui.options().terminal.width;
    ctx.ui.line("")?;
    if ctx.ui.options().terminal.stdout && width >= WIDE {
        return Ok(ctx.ui.out(side_by_side(texts[0], texts[1], [&old, &new], width))?);
    }
    Ok(ctx.ui.out(diff(&unified(texts[0], texts[1], &old, &new)))?)
}
