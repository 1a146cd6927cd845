//! `rt session`: sessions as things with names.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::agent::prepare::Start;
use crate::agent::sessions::{self, Fetched};
use crate::agent::workspace::Workspace;
use crate::agent::{self, Error, checkout};
use crate::base::id::SessionId;
use crate::config::schema::{self, Scope};
use crate::index::Sessions;
use crate::ui::{Style, Table, Text, age, bytes};

use super::super::context::{Context, counted, files};
use super::super::error::Failure;
use super::super::observer::Frame;
use super::super::render;
use super::ask;

/// List, choose, name and share sessions
#[derive(Debug, Args)]
#[command(
    after_help = "A session is a chain of turns. An address is a session's name, `name/3` (its third turn), `name~1` (the turn before its\nlast), `@` (where you are), `@~1`, or the first letters of a turn or session id.\n\nExamples:\n  rt session list\n  rt session checkout paging/3\n  rt session push origin"
)]
pub struct SessionArgs {
    #[command(subcommand)]
    pub command: SessionCommand,
}

#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// List sessions, the newest first
    List {
        /// Also those that were left behind by an undo
        #[arg(long)]
        all: bool,
    },
    /// Begin a session without a message
    #[command(after_help = "Examples:\n  rt session new paging")]
    New {
        /// Its name
        name: Option<String>,
    },
    /// Bring a turn's code and conversation into this worktree
    #[command(
        after_help = "Files change by a three-way merge, so your own work in them stays; where both touch the same lines, nothing is\nchanged. `rt undo` takes the checkout back.\n\nExamples:\n  rt session checkout paging\n  rt session checkout paging/3\n  rt session checkout paging/3 --worktree ../paging   leaves this worktree alone"
    )]
    Checkout {
        /// A session or turn
        address: String,
        /// Make a worktree for it in this directory instead
        #[arg(long, value_name = "DIR")]
        worktree: Option<PathBuf>,
    },
    /// Go on with a turn's conversation; files stay as they are
    #[command(after_help = "Examples:\n  rt session resume paging\n  rt session resume @~1")]
    Resume {
        /// A session or turn
        address: String,
    },
    /// Keep a setting in this worktree's session
    #[command(
        after_help = "Examples:\n  rt session set model.default gemini/pro\n  rt session set model.default   takes it out again"
    )]
    Set {
        /// The setting, such as `model.default`
        key: String,
        /// Its value; without one the setting is taken out
        value: Option<String>,
    },
    /// Sum this worktree's session up, so that it goes on with less to read
    #[command(
        after_help = "The summary is a turn like any other: read it with `rt show`, take it back with `rt undo`. A session that has no room for\na further message is summed up by itself, unless `context.compact` is off.\n\nExamples:\n  rt session compact\n  rt session compact --model flash-lite"
    )]
    Compact {
        /// The model that sums up; else `model.weak`, else `model.default`
        #[arg(long, value_name = "MODEL")]
        model: Option<String>,
    },
    /// Give a session another name
    #[command(after_help = "Examples:\n  rt session rename paging        this worktree's session\n  rt session rename old paging")]
    Rename {
        /// The new name, or the session when two are given
        name: String,
        /// The new name, when a session is given first
        new: Option<String>,
    },
    /// Send sessions to a remote, after showing what leaves
    #[command(
        after_help = "Only the refs that are listed are sent, apart from any push of code. Taking a shared session back from the remote does not erase the copies that others have.\n\nExamples:\n  rt session push origin\n  rt session push origin paging fix-tests"
    )]
    Push {
        /// The remote
        remote: String,
        /// The sessions; this worktree's when none is given
        sessions: Vec<String>,
    },
    /// Fetch the sessions of a remote
    #[command(
        after_help = "Your own sessions are never overwritten: where both went on, both stay, as `name` and `name@origin`.\n\nExamples:\n  rt session fetch\n  rt session fetch upstream"
    )]
    Fetch {
        /// The remote
        #[arg(default_value = "origin")]
        remote: String,
    },
}

pub fn run(ctx: &Context, args: &SessionArgs) -> Result<(), Failure> {
    let mut ws = match &args.command {
        SessionCommand::New { .. } | SessionCommand::Compact { .. } => ctx.workspace_for_turn(Vec::new())?,
        _ => ctx.workspace()?,
    };
    match &args.command {
        SessionCommand::List { all } => list(ctx, &ws, *all),
        SessionCommand::New { name } => new(ctx, &ws, name.as_deref()),
        SessionCommand::Checkout { address, worktree } => check_out(ctx, &ws, address, worktree.as_deref()),
        SessionCommand::Resume { address } => resume(ctx, &ws, address),
        SessionCommand::Set { key, value } => set(ctx, &ws, key, value.as_deref()),
        SessionCommand::Compact { model } => compact(ctx, &mut ws, model.as_deref()),
        SessionCommand::Rename { name, new } => rename(ctx, &ws, name, new.as_deref()),
        SessionCommand::Push { remote, sessions } => push(ctx, &ws, remote, sessions),
        SessionCommand::Fetch { remote } => fetch(ctx, &ws, remote),
    }
}

fn list(ctx: &Context, ws: &Workspace, all: bool) -> Result<(), Failure> {
    let index = ctx.index(ws)?;
    let which = if all { Sessions::All } else { Sessions::Live };
    let here = ws.store().cursor()?.map(|c| c.session);
    let mut table = Table::new().right(2);
    for row in index.sessions(&*ws.backend, which)? {
        if row.covered && !all {
            continue;
        }
        if ctx.global.json {
            ctx.ui.json(&render::session(&row))?;
            continue;
        }
        let own = here == Some(row.id) && row.remote.is_none();
        let turns = counted(row.turns, "turn");
        let cost = row.cost.map(|c| format!("${}", render::money(c))).unwrap_or_default();
        let left = if row.abandoned { "left behind" } else { "" };
        table.row([
            Text::new().add(Style::Good, if own { "*" } else { " " }),
            Text::new().add(Style::Bold, row.label.clone()),
            Text::new().plain(turns),
            Text::new().add(Style::Dim, age(row.last, ws.now())),
            Text::new().plain(row.model.clone().unwrap_or_default()),
            Text::new().plain(cost),
            Text::new().add(Style::Dim, left),
        ]);
    }
    Ok(ctx.ui.table(&table)?)
}

fn new(ctx: &Context, ws: &Workspace, name: Option<&str>) -> Result<(), Failure> {
    let name = match name {
        Some(name) => {
            crate::session::meta::check_name(name).map_err(Error::from)?;
            let free = sessions::free_name(ws, name)?;
            if free != name {
                return Err(Error::NameTaken(name.to_owned()).into());
            }
            free
        }
        None => sessions::name_for(ws, "session")?,
    };
    let start = Start { name: Some(name.clone()), ..Start::fresh() };
    let (_, appended) = sessions::note(ws, &start, crate::session::turn::SessionState::default(), &format!("begin {name}"))?;
    super::ask::after(ctx, ws);
    if ctx.global.json {
        return Ok(ctx.ui.json(&json!({ "v": 1, "session": appended.session.to_string(), "name": name }))?);
    }
    Ok(ctx.ui.line(Text::new().plain("session ").add(Style::Bold, name).plain(" begins here; go on with it: rt -c -m \"…\""))?)
}

fn check_out(ctx: &Context, ws: &Workspace, address: &str, aside: Option<&Path>) -> Result<(), Failure> {
    let (link, tip) = super::place(ctx, ws, address)?;
    let done = match aside {
        None => checkout::checkout(ws, &link, tip).map_err(|error| Failure::of_step(error, "rt session checkout"))?,
        Some(directory) => {
            let directory = ctx.directory.join(directory);
            checkout::checkout_aside(ws, &link, tip, &directory, || ctx.workspace_at(&directory))?
        }
    };
    super::ask::after(ctx, ws);
    let paths: Vec<String> = done.files.iter().map(ToString::to_string).collect();
    if ctx.global.json {
        let turn = done.cursor.turn.map(|t| t.to_string());
        return Ok(ctx.ui.json(&json!({ "v": 1, "session": done.cursor.session.to_string(), "turn": turn, "files": paths }))?);
    }
    let name = Context::session_name(ws, done.cursor.session)?;
    let mut line = Text::new().plain("at ").add(Style::Bold, name).plain(format!(" · {}", link.header.subject));
    if let Some(directory) = aside {
        line.push(Style::Plain, " · in ");
        line.push(Style::Path, directory.display().to_string());
    } else if done.files.is_empty() {
        line.push(Style::Dim, " · the files were as that turn left them");
    } else {
        line.push(Style::Plain, format!(" · {} changed: {}", files(done.files.len()), paths.join(", ")));
        line.push(Style::Dim, " · rt undo takes it back");
    }
    Ok(ctx.ui.line(line)?)
}

fn resume(ctx: &Context, ws: &Workspace, address: &str) -> Result<(), Failure> {
    let (link, tip) = super::place(ctx, ws, address)?;
    let drift = checkout::resume(ws, &link)?;
    let paths: Vec<String> = drift.iter().map(ToString::to_string).collect();
    if ctx.global.json {
        let session = link.header.session.to_string();
        return Ok(ctx.ui.json(&json!({ "v": 1, "session": session, "turn": link.header.key.to_string(), "drift": paths }))?);
    }
    let name = Context::session_name(ws, link.header.session)?;
    let mut line = Text::new().plain("at ").add(Style::Bold, name).plain(format!(" · {}", link.header.subject));
    if !tip {
        line.push(Style::Dim, " · the next message makes a fork");
    }
    ctx.ui.line(line)?;
    if !drift.is_empty() {
        ctx.ui.warn(&format!(
            "{} {} not as the session left {}: {}",
            files(paths.len()),
            if paths.len() == 1 { "is" } else { "are" },
            if paths.len() == 1 { "it" } else { "them" },
            paths.join(", ")
        ));
    }
    Ok(())
}

fn set(ctx: &Context, ws: &Workspace, key: &str, value: Option<&str>) -> Result<(), Failure> {
    let Some(known) = schema::find(key) else {
        let failure = Failure::user(format!("there is no setting {key:?}"));
        return Err(schema::nearest(key).into_iter().fold(failure, |f, near| f.hint(format!("did you mean {near}?"))));
    };
    if matches!(known.scope, Scope::Trusted) {
        return Err(Failure::user(format!("{key} cannot be kept in a session: sessions can be fetched from others"))
            .hint(format!("set it for yourself: rt config set {key} …")));
    }
    if let Some(value) = value {
        known.read_text(value).map_err(|why| Failure::user(format!("{key}: {why}")))?;
    }
    let start = super::start_here(ws)?;
    let mut state = ws.store().state(start.parent)?;
    let what = if let Some(value) = value {
        state.settings.insert(key.to_owned(), value.to_owned());
        format!("set {key} to {value}")
    } else {
        state.settings.remove(key);
        format!("take {key} out")
    };
    let (_, appended) = sessions::note(ws, &start, state, &what)?;
    super::ask::after(ctx, ws);
    let name = Context::session_name(ws, appended.session)?;
    Ok(ctx.ui.line(Text::new().add(Style::Bold, name).plain(format!(": {what}")))?)
}

fn rename(ctx: &Context, ws: &Workspace, first: &str, second: Option<&str>) -> Result<(), Failure> {
    let (address, name) = second.map_or(("@", first), |new| (first, new));
    let index = ctx.index(ws)?;
    let place = Context::resolve(ws, &index, address)?;
    sessions::rename(ws, place.session, name)?;
    super::ask::after(ctx, ws);
    Ok(ctx.ui.line(
        Text::new().plain(format!("session {} is called ", &place.session.to_string()[..8])).add(Style::Bold, name.to_owned()),
    )?)
}

fn push(ctx: &Context, ws: &Workspace, remote: &str, names: &[String]) -> Result<(), Failure> {
    let index = ctx.index(ws)?;
    let mut chosen: Vec<SessionId> = Vec::new();
    if names.is_empty() {
        chosen.push(ws.store().cursor()?.ok_or(Error::NoSession)?.session);
    }
    for name in names {
        chosen.push(Context::resolve(ws, &index, name)?.session);
    }
    let preview = sessions::preview(ws, &chosen)?;
    let shown: Vec<&str> = preview.files.iter().map(String::as_str).collect();
    let ui = &ctx.ui;
    ui.status(Text::new().plain(format!(
        "to {remote}: {}, {} before packing",
        counted(preview.turns, "turn"),
        bytes(preview.bytes)
    )));
    if !shown.is_empty() {
        let more = if shown.len() > 8 { format!(" and {} more", shown.len() - 8) } else { String::new() };
        ui.status(Text::new().plain(format!(
            "content of {}: {}{more}",
            files(shown.len()),
            shown[..shown.len().min(8)].join(", ")
        )));
    }
    for name in &preview.refs {
        ui.status(Text::new().add(Style::Dim, format!("  {name}")));
    }
    ctx.confirm("Everyone who can read the remote can then read these prompts and answers. Push?", "nothing was pushed")?;
    let results = sessions::push(ws, remote, &preview)?;
    let mut failed = None;
    for result in results {
        if ctx.global.json {
            ctx.ui.json(&json!({ "v": 1, "ref": result.name, "ok": result.ok, "detail": result.detail }))?;
        } else {
            let style = if result.ok { Style::Good } else { Style::Bad };
            ctx.ui.line(
                Text::new()
                    .add(style, if result.ok { "pushed  " } else { "refused " })
                    .plain(format!("{} {}", result.name, result.detail)),
            )?;
        }
        // The others of an atomic push fail with the one that did; that one has the reason.
        if !result.ok && failed.as_ref().is_none_or(|why: &String| why.contains("atomic push failed")) {
            failed = Some(result.detail);
        }
    }
    match failed {
        None => Ok(()),
        Some(why) => Err(Failure::user(format!("the remote refused: {why}"))
            .hint("if it has newer turns: rt session fetch, then go on from them")),
    }
}

fn fetch(ctx: &Context, ws: &Workspace, remote: &str) -> Result<(), Failure> {
    let found = sessions::fetch(ws, remote)?;
    let index = ctx.index(ws)?;
    let rows = index.sessions(&*ws.backend, Sessions::All)?;
    let label = |id: SessionId, fetched: bool| {
        let row = rows.iter().find(|r| r.id == id && r.remote.is_some() == fetched);
        row.map_or_else(|| id.to_string(), |r| r.label.clone())
    };
    for one in &found {
        let (id, what, hint) = match one {
            Fetched::New(id) => (id, "new", format!("go on with it: rt -s {} -m \"…\"", label(*id, true))),
            Fetched::Forward(id) => (id, "went forward", String::new()),
            Fetched::Diverged(id) => (id, "has other turns than yours", format!("theirs is {}", label(*id, true))),
        };
        let name = label(*id, matches!(one, Fetched::New(_)));
        if ctx.global.json {
            ctx.ui.json(&json!({ "v": 1, "session": id.to_string(), "label": name, "what": what }))?;
        } else {
            ctx.ui.line(Text::new().add(Style::Bold, name).plain(format!(" {what}  ")).add(Style::Dim, hint))?;
        }
    }
    if found.is_empty() {
        ctx.ui.status(Text::new().plain(format!("nothing new from {remote}")));
    }
    Ok(())
}

fn compact(ctx: &Context, ws: &mut Workspace, model: Option<&str>) -> Result<(), Failure> {
    let start = super::start_here(ws)?;
    let settings = &ws.config.settings().model;
    let name = model.or(settings.weak.as_deref()).unwrap_or(&settings.default).to_owned();
    let model = ask::model(ctx, ws, &name)?;
    let branch = ws.backend.head().map_err(Error::from)?.short().to_owned();
    let mut frame = Frame::new(&ctx.ui, &*ws.clock, ctx.global.json, model.via.clone(), branch, || 0);
    let mut interrupt = Box::pin(ask::interrupted(&ctx.ui));
    let run = agent::compact::run(ws, &start, &model, &mut frame, &mut interrupt);
    let done = ask::block_on(run)?;
    frame.finish();
    ask::after(ctx, ws);
    let (turn, _) = done?;
    Ok(ctx.ui.line(turn.response.map(|response| response.text).unwrap_or_default().trim_end())?)
}
