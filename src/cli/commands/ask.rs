//! `rt -m`: one message to a model, and what comes of it.

use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::agent::exchange::{self, Asked, Until};
use crate::agent::machine::End;
use crate::agent::models::{self, Model, Special};
use crate::agent::prepare::{self, Extra, Message, Start};
use crate::agent::review::Reviewer;
use crate::agent::store::{Appended, Link};
use crate::agent::workspace::Workspace;
use crate::agent::{Error, compact, keys, undo};
use crate::base::clock::Clock;
use crate::base::id::SessionId;
use crate::base::money::Usd;
use crate::edit::EditFormat;
use crate::hooks::Builtin;
use crate::index::Index;
use crate::llm::breaker::{BreakerStore, InMemory};
use crate::llm::{self, Recording};
use crate::net::cassette;
use crate::session::meta::name_from;
use crate::session::turn::{Access, ChangeStatus, Outcome, Turn};
use crate::ui::{Style, Text, Ui};
use crate::vcs::wal::{Looked, Wal};

use super::super::context::{self, Context};
use super::super::editor;
use super::super::error::{BUG, DENIED, Failure, INTERRUPTED, PROVIDER, REJECTED};
use super::super::observer::Frame;
use super::super::review::Person;
use super::super::sampling::SamplingArgs;

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Message")]
pub struct AskArgs {
    /// The message; words may stay unquoted up to the next flag. `-` reads it from standard input. May be repeated
    #[arg(short, long, value_name = "TEXT")]
    pub message: Vec<String>,

    /// Read the message from a file
    #[arg(short = 'F', long = "from-file", value_name = "FILE")]
    pub from_file: Option<String>,

    /// Write the message in your editor
    #[arg(short, long)]
    pub edit: bool,

    /// Go on from a session or turn; a fork if it is not the last one
    #[arg(short, long, value_name = "ADDRESS", conflicts_with_all = ["continue_", "new"])]
    pub session: Option<String>,

    /// Go on with this worktree's session
    #[arg(short, long = "continue", conflicts_with = "new")]
    pub continue_: bool,

    /// Begin a new session
    #[arg(short, long)]
    pub new: bool,

    /// The model for this message: provider/model, a short name such as flash or sonnet (rt model list --all), echo, manual, or replay:ADDRESS
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    /// How the model is to write edits
    #[arg(long, value_parser = super::edit_formats(), value_name = "FORMAT")]
    pub edit_format: Option<EditFormat>,

    /// Send a file that may be edited; may be repeated
    #[arg(long = "file", value_name = "PATH")]
    pub files: Vec<String>,

    /// Send a file for reference only; may be repeated
    #[arg(long = "read", value_name = "PATH")]
    pub read: Vec<String>,

    /// Run a command when the edits are written, and let the model mend what fails; may be repeated
    #[arg(long, value_name = "COMMAND", conflicts_with = "dry_run", value_parser = super::not_empty)]
    pub test: Vec<String>,

    /// The same before those, with the edited files where `{files}` stands; may be repeated
    #[arg(long, value_name = "COMMAND", conflicts_with = "dry_run", value_parser = super::not_empty)]
    pub lint: Vec<String>,

    /// The most that this message may cost, in dollars; no request is sent that could take it over
    #[arg(long, value_name = "USD", allow_hyphen_values = true)]
    pub max_cost: Option<String>,

    /// Print the exact request and stop
    #[arg(long)]
    pub show_prompt: bool,

    /// Ask and store, but write no file
    #[arg(long)]
    pub dry_run: bool,

    /// Write the files, but do not commit
    #[arg(long)]
    pub no_commit: bool,

    /// Look at each change before it is written, and take it, leave it out or edit it
    #[arg(long, conflicts_with = "dry_run")]
    pub review: bool,

    #[command(flatten)]
    pub sampling: SamplingArgs,
}

impl AskArgs {
    /// Whether any of them asks for a message.
    pub fn asks(&self) -> bool {
        !self.message.is_empty() || self.from_file.is_some() || self.edit
    }

    /// Settings that its flags stand for.
    pub fn settings(&self) -> impl Iterator<Item = String> {
        let one = |key: &str, list: &[String]| (!list.is_empty()).then(|| format!("{key}={}", serde_json::Value::from(list)));
        let commands = [one("check.lint", &self.lint), one("check.test", &self.test)];
        let cost = self.max_cost.as_ref().map(|usd| format!("model.max_cost={usd}"));
        commands.into_iter().flatten().chain(cost).chain(self.sampling.settings())
    }

    /// Whether any flag of a message was given.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

pub fn run(ctx: &Context, args: &AskArgs) -> Result<(), Failure> {
    let mut person = args.review.then(|| Person::at_terminal(ctx)).transpose()?;
    let (text, stdin) = message(ctx, args)?;
    let ws = ctx.workspace_for_turn(Vec::new())?;
    if (!args.lint.is_empty() || !args.test.is_empty()) && !ws.pipeline.has(Builtin::Check) {
        return Err(
            Failure::user("hooks.turn has no \"check\", so no command would run").hint("rt config set hooks.turn check,record")
        );
    }
    let (start, base) = start(ctx, &ws, args)?;
    let settings = kept_settings(&ws, base.as_ref())?;
    let mut ws = if settings.is_empty() { ws } else { ctx.workspace_for_turn(settings)? };
    let wanted = args.model.clone().unwrap_or_else(|| ws.config.settings().model.default.clone());
    let model = model(ctx, &mut ws, &wanted)?;
    unlock_others(ctx, &mut ws)?;
    let mut files = Vec::new();
    for (list, access) in [(&args.files, Access::ReadWrite), (&args.read, Access::ReadOnly)] {
        for path in list {
            let known = ws.path(path)?;
            // One that may be edited can be made; one to read from has to be there.
            if access == Access::ReadOnly && !ws.backend.layout().root.join(known.to_os()).exists() {
                return Err(Failure::user(format!("there is no file {path}")).hint("nothing was sent"));
            }
            files.push((known, access));
        }
    }
    let format = super::edit_format(&ws, args.edit_format);
    let mut start = start;
    let mut index = None;
    if start.session.is_none() && start.name.is_none() && !args.show_prompt {
        // Without an index the name is found in the refs, which reads every session there is.
        index = ctx.index(&ws).ok();
        start.name = index.as_ref().and_then(|index| free_name(&ws, index, &text));
    }
    let mut message = Message { text, stdin, files, start, model: model.id.clone(), format };
    if args.show_prompt {
        let prepared = prepare::first(&ws, &message, &Extra::default(), &model)?;
        ctx.ui.raw(&prepared.call.body.bytes())?;
        ctx.ui.status(Text::new().add(Style::Dim, format!("{} tokens ±{}%; nothing was sent", prepared.tokens, prepared.error)));
        return Ok(());
    }
    let until = match (args.dry_run, args.no_commit) {
        (true, _) => Until::Stored,
        (_, true) => Until::Written,
        _ => Until::Committed,
    };
    // Providers that are down are kept there; without it, for this message.
    let mut index = index.or_else(|| ctx.open_index(&ws).ok());
    let branch = ws.backend.head().map_err(Error::from)?.short().to_owned();
    let clock = Arc::clone(&ws.clock);
    let finished = {
        let dirty = || ws.backend.dirty().map_or(0, |d| d.len());
        let first_time = ws.backend.refs(crate::session::refs::SESSIONS).map_err(Error::from)?.is_empty();
        let frame = Frame::new(&ctx.ui, &*clock, ctx.global.json, model.via.clone(), branch, dirty);
        let mut frame = frame.first_time(first_time);
        let result = {
            let mut interrupt = Box::pin(interrupted(&ctx.ui));
            let mut spent = Usd::default();
            if compact::needed(&ws, &message, &model)? {
                // A signal is heard by the runtime that waits for it, and each has one of its own.
                let mut interrupt = Box::pin(interrupted(&ctx.ui));
                let (turn, summed) = summed(&ws, &message.start, &model, &mut frame, &mut interrupt)?;
                spent = turn.header.cost.unwrap_or_default();
                message.start = Start { parent: Some(summed.commit), session: Some(summed.session), name: None, replaces: None };
            }
            let reviewer = person.as_mut().map(|person| person as &mut dyn Reviewer);
            let mut memory = InMemory::default();
            let breakers: &mut dyn BreakerStore = match &mut index {
                Some(index) => index,
                None => &mut memory,
            };
            let asked = Asked { model: &model, breakers, spent };
            let run = exchange::run(&ws, &message, asked, until, &mut frame, reviewer, &mut interrupt);
            // Nobody waits while a person is asked to paste: the line would stand between theirs.
            let ticks = ctx.ui.shows_progress() && model.id.provider != "manual";
            block_on(with_ticks(run, ticks.then_some((&ctx.ui, &*clock))))?
        };
        let broken = frame.finish();
        let finished = result?;
        if let Some(error) = broken {
            after_with(ctx, &ws, index);
            return Err(error.into());
        }
        finished
    };
    after_with(ctx, &ws, index);
    let held = finished.turn.edits.with_status(ChangeStatus::Held).len();
    let said_something = finished.turn.response.as_ref().is_some_and(|response| !response.text.is_empty());
    let failure = finished.error.map(Failure::from).map(|failure| {
        let kept = failure.report.hints.iter().any(|hint| hint.contains("what arrived is kept") || hint.contains("rt -c"));
        let lost = finished.end == End::NoAnswer && said_something && !kept;
        if lost { failure.hint("what arrived is kept: rt show   ask again with: rt -c -m \"…\"") } else { failure }
    });
    let failure = failure.map(|failure| match finished.end {
        End::NoAnswer | End::Interrupted if held > 0 => {
            let partial = if finished.turn.edits.rejects.is_empty() { "" } else { " --partial" };
            failure.hint(format!("complete edits of {} are kept: rt retry{partial}", context::files(held)))
        }
        End::Interrupted => match finished.turn.header.outcome {
            Outcome::Applied => interrupted_later("the edits are written and committed; take them back: rt undo"),
            Outcome::Uncommitted => interrupted_later("the edits are in the files; take them back: rt undo"),
            _ => failure,
        },
        _ => failure,
    });
    match finished.end {
        End::Done => Ok(()),
        End::NoAnswer => Err(failure.unwrap_or_else(|| Failure::user("there is no answer")).code(PROVIDER)),
        End::Blocked => Err(failure.unwrap_or_else(|| Failure::user("a hook did not let it be sent")).code(DENIED)),
        End::Interrupted => Err(failure.unwrap_or_else(|| Failure::user("interrupted")).code(INTERRUPTED)),
        End::GivenUp => Err(failure.unwrap_or_else(|| Failure::user("edits were given up")).code(REJECTED)),
        End::CheckFailed => Err(failure.unwrap_or_else(|| Failure::user("a check failed")).code(REJECTED)),
        End::Rejected => {
            let (rejects, turn) = (finished.turn.edits.rejects.len(), finished.turn.header.key);
            let default = || match held {
                0 => Error::NothingFits { rejects }.into(),
                _ => Error::Partial { turn, rejects, held: true }.into(),
            };
            Err(failure.unwrap_or_else(default).code(REJECTED))
        }
    }
}

/// Gets the keys of models that may be asked beside the chosen one, where commands have them. One that cannot be got is said; that
/// model is then left out when its turn comes.
fn unlock_others(ctx: &Context, ws: &mut Workspace) -> Result<(), Failure> {
    let settings = &ws.config.settings().model;
    let names: Vec<String> = settings.fallback.iter().chain(&settings.weak).cloned().collect();
    for name in names {
        let Ok(id) = models::parse(ws, &name) else { continue };
        if let Err(error) = block_on(keys::unlock(ws, &id.provider))? {
            ctx.ui.warn(&format!("{name}: {error}"));
        }
    }
    ctx.hide(&ws.redactor);
    Ok(())
}

/// Sums the session up, on the model that is set for that.
pub fn summed(
    ws: &Workspace,
    start: &Start,
    model: &Model,
    frame: &mut Frame<'_>,
    interrupt: &mut (dyn Future<Output = ()> + Unpin),
) -> Result<(Turn, Appended), Failure> {
    let weak = match &ws.config.settings().model.weak {
        Some(name) => Some(models::open(ws, models::parse(ws, name)?, Special::default())?),
        None => None,
    };
    Ok(block_on(compact::run(ws, start, weak.as_ref().unwrap_or(model), frame, interrupt))??)
}

/// The model with this name, ready to be asked.
pub fn model(ctx: &Context, ws: &mut Workspace, wanted: &str) -> Result<Model, Failure> {
    let mut special = Special::default();
    let name = match wanted.strip_prefix("replay/").or_else(|| wanted.strip_prefix("replay:")) {
        Some(address) => {
            special.recordings = recordings(ctx, ws, address)?;
            "replay"
        }
        None => wanted,
    };
    let id = match models::parse(ws, name) {
        Err(Error::NoModel { .. }) => block_on(models::discover(ws))??,
        known => known?,
    };
    if id.provider == "manual" {
        special.paste = Some(super::super::manual::paste(ctx)?);
    }
    block_on(keys::unlock(ws, &id.provider))??;
    ctx.hide(&ws.redactor);
    Ok(models::open(ws, id, special)?)
}

/// After the answer was used: while a check or a hook ran.
fn interrupted_later(hint: &str) -> Failure {
    Failure::user("what came after the edits was interrupted").hint(hint).code(INTERRUPTED)
}

/// How often the progress line is drawn.
const TICK: Duration = Duration::from_millis(200);

/// Brings the index up to date after something was recorded; a failure there is a warning.
pub fn after(ctx: &Context, ws: &Workspace) {
    after_with(ctx, ws, None);
}

/// The same with the index, if it is open already.
fn after_with(ctx: &Context, ws: &Workspace, index: Option<Index>) {
    let opened = index.map_or_else(|| ctx.open_index(ws), Ok);
    if let Err(failure) = opened.and_then(|mut index| ctx.sync_new(ws, &mut index)) {
        ctx.ui.warn(&format!("the index was not updated: {}", failure.report.error));
    }
    ws.faults.point("indexed");
}

/// A name for the session that begins with this message, which no other session here has.
fn free_name(ws: &Workspace, index: &Index, text: &str) -> Option<String> {
    let failed = std::cell::Cell::new(false);
    let taken = |name: &str| index.name_taken(&*ws.backend, name).inspect_err(|_| failed.set(true)).unwrap_or(false);
    let name = name_from(&ws.redactor.redact(text), &taken);
    Some(name).filter(|_| !failed.get())
}

/// Runs a future on a runtime of this thread.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::user(format!("the runtime cannot start: {e}")).code(BUG))?;
    let output = runtime.block_on(future);
    // Someone may still be asked to paste an answer; after an interrupt nobody waits for it.
    runtime.shutdown_background();
    Ok(output)
}

/// One of these signals.
pub fn signals(kinds: &[SignalKind]) -> std::io::Result<impl Future<Output = ()> + use<>> {
    let mut all = kinds.iter().map(|kind| signal(*kind)).collect::<Result<Vec<_>, _>>()?;
    Ok(poll_fn(move |cx| {
        let heard = all.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
        if heard { Poll::Ready(()) } else { Poll::Pending }
    }))
}

/// The user's wish to stop.
pub async fn interrupted(ui: &Ui) {
    // Both end a program that answers, too. That of a terminal that is closed stays as it is: `nohup` may have it ignored.
    match signals(&[SignalKind::interrupt(), SignalKind::terminate()]) {
        Ok(heard) => heard.await,
        // Without a handler the signal ends the process, which recovery takes care of.
        Err(_) => std::future::pending().await,
    }
    ui.keyboard_echoed();
}

/// Runs a future, and draws the progress line several times a second meanwhile.
pub async fn with_ticks<T>(future: impl Future<Output = T>, ticks: Option<(&Ui, &dyn Clock)>) -> T {
    let Some((ui, clock)) = ticks else { return future.await };
    let mut timer = tokio::time::interval(TICK);
    tokio::pin!(future);
    loop {
        tokio::select! {
            biased;
            result = &mut future => return result,
            _ = timer.tick() => ui.tick(clock.now()),
        }
    }
}

/// The message and, apart from it, what was piped in.
fn message(ctx: &Context, args: &AskArgs) -> Result<(String, Option<String>), Failure> {
    let mut parts = Vec::new();
    let mut used_stdin = false;
    for text in &args.message {
        if text == "-" {
            used_stdin = true;
            parts.push(ctx.read_input()?);
        } else {
            parts.push(text.clone());
        }
    }
    if let Some(file) = &args.from_file {
        if file == "-" {
            used_stdin = true;
            parts.push(ctx.read_input()?);
        } else {
            parts.push(ctx.read_file(file)?);
        }
    }
    let mut text = parts.join("\n\n");
    if args.edit {
        text = edited(ctx, &text)?;
    }
    if text.trim().is_empty() {
        return Err(Failure::usage("the message is empty").hint("rt -m \"what should change\""));
    }
    let piped = !ctx.ui.options().terminal.stdin && !used_stdin;
    let stdin = if piped { Some(ctx.read_input()?).filter(|t| !t.trim().is_empty()) } else { None };
    Ok((text, stdin))
}

/// Lets the user write the message in the editor that git uses.
fn edited(ctx: &Context, draft: &str) -> Result<String, Failure> {
    let unsent = |mut failure: Failure| {
        failure.report.error.push_str("; nothing was sent");
        failure
    };
    let bytes = editor::edited(ctx, "MESSAGE.md", draft.as_bytes()).map_err(unsent)?;
    String::from_utf8(bytes).map_err(|_| Failure::user("the message is not UTF-8 text"))
}

/// Where the message goes, and the turn that it continues.
fn start(ctx: &Context, ws: &Workspace, args: &AskArgs) -> Result<(Start, Option<Link>), Failure> {
    if let Some(address) = &args.session {
        let (link, tip) = super::place(ctx, ws, address)?;
        let session = tip.then_some(link.header.session);
        let start = Start { parent: Some(link.commit), session, name: None, replaces: None };
        return Ok((start, Some(link)));
    }
    if args.new {
        return Ok((Start::fresh(), None));
    }
    let Some(cursor) = ws.store().cursor()? else {
        if args.continue_ {
            return Err(Error::NoSession.into());
        }
        return Ok((Start::fresh(), None));
    };
    let here = undo::here(ws, &cursor)?;
    let go_on = args.continue_ || (ctx.ui.options().terminal.stdin && here.as_ref().is_some_and(|l| is_recent(ws, l)));
    if !go_on {
        return Ok((Start::fresh(), None));
    }
    let start = continue_from(ws, cursor.session, here.as_ref())?;
    // Who has gone on meanwhile has moved it: then this is no undo.
    if start.replaces.is_some() && ws.store().cursor()?.as_ref() != Some(&cursor) {
        return self::start(ctx, ws, args);
    }
    Ok((start, here))
}

/// Whether a message without a flag goes on with this turn: same branch, and not long ago.
fn is_recent(ws: &Workspace, link: &Link) -> bool {
    let branch = ws.backend.head().ok().and_then(|h| h.branch);
    let within = i64::try_from(ws.config.settings().session.continue_within.as_millis()).unwrap_or(i64::MAX);
    link.header.branch == branch && ws.now().millis() - link.header.end.millis() < within
}

/// Going on with a session from where its worktree stands; after an undo that is a fork that takes the name.
pub fn continue_from(ws: &Workspace, session: SessionId, here: Option<&Link>) -> Result<Start, Failure> {
    let store = ws.store();
    let tip = store.tip(session)?;
    if tip.is_some() && tip == here.map(|l| l.commit) {
        return Ok(Start { parent: tip, session: Some(session), name: None, replaces: None });
    }
    let Some(tip) = tip else { return Ok(Start::fresh()) };
    if somebody_is_at_work(ws) {
        // The session has gone on under somebody's hands. Recording tells: whoever comes second makes a fork.
        return Ok(Start { parent: here.map(|l| l.commit), session: Some(session), name: None, replaces: None });
    }
    let end = store.link(tip)?.header.key;
    let name = store.meta(session)?.name();
    Ok(Start { parent: here.map(|l| l.commit), session: None, name, replaces: Some((session, end)) })
}

/// Whether another process has a turn open here.
fn somebody_is_at_work(ws: &Workspace) -> bool {
    let looked = Wal::look(&ws.backend.layout().common_dir).unwrap_or_default();
    looked.iter().any(|(_, turn)| matches!(turn, Looked::Held))
}

fn kept_settings(ws: &Workspace, base: Option<&Link>) -> Result<Vec<(String, String)>, Failure> {
    let Some(link) = base else { return Ok(Vec::new()) };
    Ok(ws.store().turn(link)?.state.settings.into_iter().collect())
}

/// Recorded answers: those of a turn's exchange, in order, a file `<anything>.<provider>.sse` with a response's body, or a
/// directory that `RT_RECORD` has filled.
fn recordings(ctx: &Context, ws: &Workspace, address: &str) -> Result<Vec<Recording>, Failure> {
    if let Some(format) = address.strip_suffix(".sse").and_then(|stem| stem.rsplit_once('.')).map(|(_, format)| format) {
        let path = ctx.directory.join(address);
        let raw = std::fs::read(&path).map_err(|e| Failure::user(format!("{}: {e}", path.display())))?;
        return Ok(vec![Recording { format: format.to_owned(), status: 200, raw }]);
    }
    let directory = ctx.directory.join(address);
    if directory.is_dir() {
        return cassette(&directory);
    }
    let (link, _) = super::place(ctx, ws, address)?;
    let store = ws.store();
    let mut out = Vec::new();
    for link in store.chain(link.commit).take_while(|l| l.as_ref().is_ok_and(|l| l.header.exchange == link.header.exchange)) {
        let turn = store.turn(&link?)?;
        if let (Some(request), Some(response)) = (turn.request, turn.response) {
            let format = llm::format_of(&request.envelope).to_owned();
            out.push(Recording { format, status: response.status, raw: response.raw });
        }
    }
    if out.is_empty() {
        return Err(Failure::user(format!("{address} has no recorded answer")));
    }
    out.reverse();
    Ok(out)
}

/// The answers of models in a directory of recorded exchanges.
fn cassette(directory: &Path) -> Result<Vec<Recording>, Failure> {
    let unreadable = |e: std::io::Error| Failure::user(format!("the recording in {} cannot be read: {e}", directory.display()));
    let mut out = Vec::new();
    for exchange in cassette::read(directory).map_err(unreadable)? {
        let (Some(answered), Some(format)) = (&exchange.response, llm::format_at(&exchange.method, exchange.path())) else {
            continue;
        };
        let raw = cassette::response(directory, &exchange).map_err(unreadable)?;
        out.push(Recording { format: format.to_owned(), status: answered.status, raw });
    }
    if out.is_empty() {
        return Err(Failure::user(format!("no answer of a model is recorded in {}", directory.display()))
            .hint("record one: RT_RECORD=DIR rt -m \"…\""));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn nobody_waits_for_a_paste_that_is_not_wanted_any_more() {
        let (answer, pasted) = channel::<()>();
        let asked = async { drop(tokio::task::spawn_blocking(move || pasted.recv().is_ok())) };
        block_on(asked).expect("a runtime");
        // Only now does the person give up; before, `block_on` would have waited for them.
        drop(answer);
    }
}
