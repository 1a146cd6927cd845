//! The user's commands at the points of a turn: what each is told, and how what it says is kept.
//!
//! Invariants
//! - What a command wrote is shown and kept without secrets. Texts for files are not touched: a file with a secret is
//!   refused as a whole, as when a model writes one.
//! - Every command that ran is an event of its turn, also when it said nothing.

use serde_json::{Map, Value, json};

use crate::base::change::{ChangeSet, FileState};
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::config::HookSettings;
use crate::config::secret::Redactor;
use crate::edit::{Edit, EditPlan, Op};
use crate::hooks::{Command, CommandId, FileText, HookError, Pipeline, Point, Ran, Said, Side, Surroundings, Verdict};
use crate::session::event::Event;
use crate::session::turn::{Header, Outcome};

use super::Error;
use super::edits::Gathered;
use super::open::OpenTurn;
use super::workspace::Workspace;

/// A point's list of names.
pub(super) fn names(hooks: &HookSettings, point: Point) -> &[String] {
    match point {
        Point::Session => &hooks.session,
        Point::Prompt => &hooks.prompt,
        Point::Request => &hooks.request,
        Point::Response => &hooks.response,
        Point::Plan => &hooks.plan,
        Point::Edits => &hooks.edits,
        Point::Commit => &hooks.commit,
        Point::Turn => &hooks.turn,
    }
}

/// The steps that the settings describe.
pub fn pipeline(hooks: &HookSettings) -> Result<Pipeline, HookError> {
    if let Some(name) = hooks.commands.keys().find(|name| crate::hooks::Builtin::from_name(name).is_some()) {
        return Err(HookError::Reserved { name: name.clone() });
    }
    Pipeline::new(|point| names(hooks, point), |name| hooks.commands.contains_key(name))
}

/// What a command is told of where it runs.
#[derive(Clone, Copy)]
pub(super) struct Where {
    pub session: SessionId,
    pub turn: TurnKey,
}

impl From<&Header> for Where {
    fn from(header: &Header) -> Self {
        Self { session: header.session, turn: header.key }
    }
}

/// Runs a command. Dropping the future kills it.
pub(super) async fn call(
    ws: &Workspace,
    pipeline: &Pipeline,
    id: CommandId,
    place: Option<Where>,
    open: Option<&OpenTurn>,
    data: Map<String, Value>,
) -> Result<Ran, Error> {
    let hooks = &ws.config.settings().hooks;
    let name = names(hooks, id.point).get(usize::from(id.at)).map(String::as_str).unwrap_or_default();
    let Some(settings) = hooks.commands.get(name) else { return Err(Error::Bug(format!("there is no hook {name:?}"))) };
    let keys = [format!("hooks.{}", id.point.name()), format!("hook.{name}.command")];
    let around = Surroundings {
        may_run: ws.config.may_run(&keys.each_ref().map(String::as_str))?,
        root: &ws.backend.layout().root,
        env: &ws.env,
        redactor: &ws.redactor,
        session: place.map(|place| place.session.to_string()).unwrap_or_default(),
        turn: place.map(|place| place.turn.to_string()),
    };
    ws.faults.point("hook.before");
    let started = |pid| open.into_iter().for_each(|open| open.note_command(pid));
    let mut ran = Command { name, settings }.run(id.point, &around, data, started).await;
    if let Some(open) = open {
        open.end_command();
    }
    ws.faults.point("hook.after");
    redact(&mut ran, &ws.redactor);
    let unused = ran.answer.said.unused(id.point, pipeline.side(id));
    if !unused.is_empty() && ran.answer.failed.is_none() {
        ran.answer.failed = Some(format!("it gave {}, of which this point makes nothing", unused.join(", ")));
    }
    Ok(ran)
}

fn redact(ran: &mut Ran, redactor: &Redactor) {
    let clean = |text: &mut String| *text = redactor.redact(text).into_owned();
    let answer = &mut ran.answer;
    if let Verdict::Block(why) | Verdict::Stop(why) = &mut answer.verdict {
        clean(why);
    }
    let said = &mut answer.said;
    [&mut answer.message, &mut answer.failed, &mut said.context, &mut said.message].into_iter().flatten().for_each(clean);
}

/// What is kept of a command that ran.
pub(super) fn event(ws: &Workspace, ran: &Ran) -> Event {
    let mut event = Event::new(ws.now(), "hook").with("point", ran.point.name()).with("hook", &ran.name);
    event = event.with("result", result(ran));
    if let Some(why) = why(ran) {
        event = event.with("why", why);
    }
    if let Some(message) = &ran.answer.message {
        event = event.with("message", message);
    }
    let gave = ran.answer.said.names();
    if !gave.is_empty() {
        event = event.with("gave", gave.join(" "));
    }
    event
}

/// The word for how a command went.
pub fn result(ran: &Ran) -> &'static str {
    match (&ran.answer.verdict, &ran.answer.failed) {
        (Verdict::Block(_) | Verdict::Stop(_), _) => "blocked",
        (Verdict::Go, Some(_)) => "failed",
        (Verdict::Go, None) => "passed",
    }
}

/// Why it did not pass.
pub fn why(ran: &Ran) -> Option<&str> {
    match &ran.answer.verdict {
        Verdict::Block(why) | Verdict::Stop(why) => Some(why),
        Verdict::Go => ran.answer.failed.as_deref(),
    }
}

/// A no, as an error.
pub(super) fn blocked(ran: &Ran) -> Error {
    Error::Blocked { point: ran.point.name(), hook: ran.name.clone(), why: why(ran).unwrap_or_default().to_owned() }
}

/// Changes as JSON; with the texts of both sides when `texts`.
pub(super) fn files(changes: &ChangeSet, texts: bool) -> Value {
    let side = |state: &Option<FileState>| match state {
        None => Value::Null,
        // Every file that can be edited is text.
        Some(file) => String::from_utf8_lossy(&file.bytes).into(),
    };
    let file = |(path, change): (&crate::base::path::RepoPath, &crate::base::change::FileChange)| {
        let status = match crate::session::turn::FileStatus::of(change) {
            crate::session::turn::FileStatus::Added => "added",
            crate::session::turn::FileStatus::Modified => "modified",
            crate::session::turn::FileStatus::Deleted => "deleted",
        };
        let lines = change.line_counts();
        let mut value = json!({ "path": path.to_string(), "status": status, "added": lines.added, "removed": lines.removed });
        if texts {
            value["before"] = side(&change.before);
            value["after"] = side(&change.after);
        }
        value
    };
    changes.iter().map(file).collect()
}

/// What the commands of these points are told about edits.
pub(super) fn data(point: Point, gathered: &Gathered, message: &str) -> Map<String, Value> {
    let mut out = Map::new();
    match point {
        Point::Plan => drop(out.insert("edits".to_owned(), files(&gathered.changes, false))),
        Point::Edits => drop(out.insert("files".to_owned(), files(&gathered.changes, true))),
        Point::Commit => {
            out.insert("paths".to_owned(), gathered.changes.iter().map(|(path, _)| json!(path.to_string())).collect());
            out.insert("message".to_owned(), message.into());
        }
        _ => {}
    }
    out
}

/// What a turn came to.
pub(super) fn outcome(header: &Header, outcome: Outcome) -> Map<String, Value> {
    let usage = header.usage;
    let value = json!({
        "outcome": outcome.as_str(),
        "commit": header.commit.map(|c| c.to_string()),
        "usage": { "input": usage.input.0, "output": usage.output.0, "cache_read": usage.cache_read.0 },
        "cost_usd": header.cost.map(|cost| cost.to_string()),
        "files": header.files.iter().map(|f| f.path.to_string()).collect::<Vec<_>>(),
    });
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Whole files as edits.
pub(super) fn plan(files: Vec<FileText>) -> EditPlan {
    let edit = |(path, text): FileText| Edit {
        path: Ok(path),
        op: text.map_or(Op::Delete, |content| Op::Write { content, told: true }),
        source: String::new(),
        crlf: false,
    };
    EditPlan { edits: files.into_iter().map(edit).collect(), ..EditPlan::default() }
}

/// Whether a command that stands for a step of the program gave what that step gives; if not, that is a no.
pub(super) fn must_give(ran: &mut Ran) {
    if ran.answer.verdict != Verdict::Go {
        return;
    }
    let said = &ran.answer.said;
    let lacks = match ran.point {
        Point::Prompt | Point::Request => said.text.is_none().then_some("no `text`"),
        Point::Response => (said.text.is_none() && said.files.is_none()).then_some("neither `text` nor `files`"),
        Point::Commit => said.commit.is_none().then_some("no `commit`"),
        _ => None,
    };
    let why = ran.answer.failed.clone().or(lacks.map(|what| format!("it stands for a step of its own, and gave {what}")));
    if let Some(why) = why {
        (ran.answer.verdict, ran.answer.failed) = (Verdict::Stop(why.clone()), Some(why));
    }
}

/// The changes as a command made them, when it wrote the files instead of us: what is in them now.
pub(super) fn as_written(ws: &Workspace, changes: &ChangeSet) -> Result<ChangeSet, Error> {
    let tree = ws.backend.worktree()?;
    let mut done = ChangeSet::default();
    for (path, change) in changes.iter() {
        let now = tree.read(path).map_err(|source| Error::Read { what: path.to_string(), source })?;
        done.record(path.clone(), change.before.clone(), now);
    }
    Ok(done)
}

/// The commit that a command says it made. One that was there before the turn is not the turn's, and one that is not on
/// the branch is none that the user would find.
pub(super) fn made(ws: &Workspace, base: Option<Oid>, said: &str) -> Result<Oid, Error> {
    let head = ws.backend.head()?.commit;
    let known = said.trim().parse::<Oid>().ok().filter(|oid| matches!(ws.backend.commit(*oid), Ok(Some(_))));
    if let (Some(oid), Some(head)) = (known, head)
        && ws.backend.is_ancestor(oid, head)?
        && !base.map(|base| ws.backend.is_ancestor(oid, base)).transpose()?.unwrap_or(false)
    {
        return Ok(oid);
    }
    let said = crate::base::text::ellipsis(&ws.redactor.redact(said), 80);
    let why = format!("{said:?} is no commit that it made on this branch");
    Err(Error::Blocked { point: Point::Commit.name(), hook: "in place of commit".to_owned(), why })
}

/// Runs commands for those who do not await.
pub(super) struct Line<'a> {
    pub ws: &'a Workspace,
    pub pipeline: Pipeline,
    pub place: Option<Where>,
    /// What ran, in order.
    pub ran: Vec<Ran>,
    pub events: Vec<Event>,
    /// The user stopped a command; no other one begins.
    stopped: bool,
}

impl<'a> Line<'a> {
    pub const fn new(ws: &'a Workspace, pipeline: Pipeline) -> Self {
        Self { ws, pipeline, place: None, ran: Vec::new(), events: Vec::new(), stopped: false }
    }

    /// Runs what stands on this side of the program's step of a point, or in its place. `take` gets what each
    /// gives; the first no is the error.
    pub fn run(
        &mut self,
        point: Point,
        side: Side,
        open: Option<&OpenTurn>,
        mut data: impl FnMut() -> Map<String, Value>,
        mut take: impl FnMut(Said),
    ) -> Result<(), Error> {
        let mut commands = self.pipeline.commands(point, side);
        if side == Side::Before {
            commands.extend(self.pipeline.commands(point, Side::Instead));
        }
        if commands.is_empty() {
            return Ok(());
        }
        if self.stopped {
            return Err(Error::Interrupted);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| Error::Read { what: "the runtime".to_owned(), source })?;
        for id in commands {
            let called = call(self.ws, &self.pipeline, id, self.place, open, data());
            let ran = runtime.block_on(async {
                tokio::select! {
                    ran = called => Some(ran),
                    Ok(()) = tokio::signal::ctrl_c() => None,
                }
            });
            let Some(ran) = ran else {
                self.stopped = true;
                return Err(Error::Interrupted);
            };
            let mut ran = ran?;
            if self.pipeline.side(id) == Side::Instead {
                must_give(&mut ran);
            }
            self.events.push(event(self.ws, &ran));
            self.ran.push(ran.clone());
            if ran.answer.verdict != Verdict::Go {
                return Err(blocked(&ran));
            }
            if ran.answer.failed.is_none() {
                take(ran.answer.said);
            }
        }
        Ok(())
    }
}
