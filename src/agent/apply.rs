//! Edits without a model call: those that a turn has stored, and answers from anywhere.
//!
//! Invariants
//! - Both make turns of the kind `apply`, with the same course as a model's answer: stored, written, committed.

use std::collections::BTreeSet;

use serde_json::Map;

use crate::base::change::ChangeSet;
use crate::base::id::TurnKey;
use crate::base::path::RepoPath;
use crate::edit::EditFormat;
use crate::hooks::{Builtin, Pipeline, Point, Ran, Side};
use crate::session::event::Event;
use crate::session::turn::{ChangeStatus, FileStat, Outcome, SessionState, StoredEdits, Turn, TurnKind};
use crate::vcs::Landed;

use super::Error;
use super::check::{self, Broken};
use super::edits::{Gathered, Rules};
use super::exchange::{Until, new_header, pipeline};
use super::hook::{self, Line};
use super::landing::{self, Then, Wording};
use super::open::{OpenTurn, Place};
use super::prepare::Start;
use super::review::Reviewed;
use super::steps::merged;
use super::store::{Appended, Link};
use super::workspace::Workspace;

/// How applying went.
#[derive(Debug)]
pub struct Applied {
    pub turn: Turn,
    pub appended: Appended,
    pub gathered: Gathered,
    pub landed: Option<Landed>,
    /// Where files no longer parse.
    pub broken: Vec<Broken>,
    /// The commands of the user's that ran.
    pub hooks: Vec<Ran>,
    /// Why the edits are not in the files, or not committed.
    pub error: Option<Error>,
}

/// How the user looks at edits before they are written.
pub type Look<'a> = &'a mut dyn FnMut(&ChangeSet) -> Result<Reviewed, Error>;

/// Takes an answer from anywhere: parses, applies, commits. With a look at it, only what was taken there.
pub fn answer(
    ws: &Workspace,
    text: &str,
    format: EditFormat,
    start: &Start,
    until: Until,
    look: Option<Look<'_>>,
) -> Result<Applied, Error> {
    let state = ws.store().state(start.parent)?;
    let mut gathered = Gathered::default();
    let tree = ws.backend.worktree()?;
    let rules = Rules { state: &state, redactor: &ws.redactor, ask_for_unseen: false };
    let mut line = Line::new(ws, pipeline(ws, until));
    let (mut words, mut files) = (text.to_owned(), None);
    let data = |text: &str| Map::from_iter([("text".to_owned(), text.into())]);
    line.run(
        Point::Response,
        Side::Before,
        None,
        || data(text),
        |said| {
            words = said.text.unwrap_or_else(|| words.clone());
            files = said.files;
        },
    )?;
    let taken = match files {
        Some(files) => gathered.take_plan(&hook::plan(files), &*tree, &rules),
        None => gathered.take(&words, format, &*tree, &rules),
    };
    taken.map_err(|source| Error::Read { what: "a file that the answer edits".to_owned(), source })?;
    line.run(Point::Response, Side::After, None, || data(text), |_| {})?;
    // The edits are taken from the answer as it is, and refused if they hold a secret; what is stored has none.
    let text = &*ws.redactor.redact(text);
    let subject = gathered.message.clone().unwrap_or_else(|| "apply an answer".to_owned());
    let whole = gathered.rejects.is_empty();
    let until = if whole { until } else { Until::Stored };
    let mut events = Vec::new();
    if let (true, false, Some(look)) = (whole, gathered.changes.is_empty(), look) {
        let looked = look(&gathered.changes)?;
        events = looked.events(ws);
        gathered.changes = looked.changes;
    }
    let job = Job {
        state,
        gathered,
        to_write: None,
        start,
        subject,
        until,
        answer: Some(text),
        exchange: None,
        in_files: BTreeSet::new(),
        events,
    };
    let mut applied = run(ws, job, line)?;
    if !whole {
        let (turn, held) = (applied.turn.header.key, !applied.gathered.changes.is_empty());
        applied.error = Some(Error::Partial { turn, rejects: applied.gathered.rejects.len(), held });
    }
    Ok(applied)
}

/// Applies and commits again what a turn has stored. With `partial` the edits that fit are enough.
pub fn retry(ws: &Workspace, link: &Link, start: &Start, partial: bool, until: Until) -> Result<Applied, Error> {
    let source = ws.store().turn(link)?;
    let key = source.header.key;
    let rejects = source.edits.rejects.len();
    // An uncommitted turn is in the files already; then only the commit is missing, and writing changes nothing.
    let wanted = match source.header.outcome {
        Outcome::Uncommitted => source.edits.with_status(ChangeStatus::Written),
        _ => source.edits.with_status(ChangeStatus::Held),
    };
    if rejects > 0 && !partial {
        return Err(Error::Partial { turn: key, rejects, held: !wanted.is_empty() });
    }
    if wanted.is_empty() {
        return Err(Error::NothingHeld(key));
    }
    let mut gathered = Gathered { message: source.edits.message.clone(), ..Gathered::default() };
    let mut misfits = Vec::new();
    let mut to_write = ChangeSet::default();
    let already = source.header.outcome == Outcome::Uncommitted;
    let mut in_files = BTreeSet::new();
    for (path, change) in wanted.iter() {
        let now = ws.backend.worktree()?.read(path).map_err(|source| Error::Read { what: path.to_string(), source })?;
        match merged(change, now.as_ref()) {
            // The edit is in the file, perhaps among lines that the user has written since.
            Some(merged) if already && merged == now => {
                in_files.insert(path.clone());
                gathered.changes.record(path.clone(), change.before.clone(), change.after.clone());
                gathered.counts.insert(path.clone(), 1);
            }
            Some(merged) => {
                to_write.record(path.clone(), now.clone(), merged.clone());
                gathered.changes.record(path.clone(), now, merged);
                gathered.counts.insert(path.clone(), 1);
            }
            None => misfits.push(path.clone()),
        }
    }
    if !misfits.is_empty() {
        return Err(Error::NoLongerFits { turn: key, paths: misfits });
    }
    if gathered.changes.is_empty() {
        return Err(Error::NothingHeld(key));
    }
    let state = ws.store().state(start.parent)?;
    // The same exchange, so that undo takes both back and nothing is left to retry.
    let exchange = Some(source.header.exchange);
    let to_write = Some(to_write);
    let job = Job {
        state,
        gathered,
        to_write,
        start,
        subject: source.header.subject,
        until,
        answer: None,
        exchange,
        in_files,
        events: Vec::new(),
    };
    run(ws, job, Line::new(ws, pipeline(ws, until)))
}

/// Records changes that are in the files already, as a part of an exchange.
pub(super) fn in_files(
    ws: &Workspace,
    changes: ChangeSet,
    subject: &str,
    start: &Start,
    exchange: TurnKey,
    until: Until,
) -> Result<Applied, Error> {
    let state = ws.store().state(start.parent)?;
    let in_files = changes.iter().map(|(path, _)| path.clone()).collect();
    let counts = changes.iter().map(|(path, _)| (path.clone(), 1)).collect();
    let gathered = Gathered { changes, counts, message: Some(subject.to_owned()), ..Gathered::default() };
    let (subject, to_write, exchange) = (subject.to_owned(), Some(ChangeSet::default()), Some(exchange));
    let job = Job { state, gathered, to_write, start, subject, until, answer: None, exchange, in_files, events: Vec::new() };
    // The user's commands had their say about the edits; this is what came of them.
    let all = Pipeline::default();
    run(ws, job, Line::new(ws, if until == Until::Committed { all } else { all.until(Point::Commit) }))
}

struct Job<'a> {
    state: SessionState,
    gathered: Gathered,
    /// What of it is not in the files yet; `None`: all.
    to_write: Option<ChangeSet>,
    start: &'a Start,
    subject: String,
    until: Until,
    /// The foreign answer, kept as the response.
    answer: Option<&'a str>,
    /// The exchange that it continues.
    exchange: Option<TurnKey>,
    /// Paths whose files have the edits already.
    in_files: BTreeSet<RepoPath>,
    events: Vec<Event>,
}

fn run(ws: &Workspace, job: Job<'_>, mut line: Line<'_>) -> Result<Applied, Error> {
    let Job { mut state, mut gathered, to_write, start, subject, until, answer, exchange, in_files, mut events } = job;
    // There is nobody who could mend it; the user is told.
    let broken = check::broken_if_asked(ws, &gathered.changes);
    events.extend(broken.iter().map(|place| place.event(ws)));
    let key = ws.new_key();
    let mut header = new_header(ws, TurnKind::Apply, key, exchange.unwrap_or(key), start.session, start.parent)?;
    header.subject = crate::base::text::subject(&subject, 72).unwrap_or_default();
    header.files = FileStat::of(&gathered.changes);
    let place = Place { in_files, ..super::sessions::place(ws, start, &subject)? };
    let response = answer.map(|text| crate::session::turn::ResponseRecord {
        raw: text.as_bytes().to_vec(),
        text: text.to_owned(),
        stop: Some(crate::session::stream::Stop::End),
        ..Default::default()
    });
    let status = if until == Until::Stored { ChangeStatus::Held } else { ChangeStatus::Written };
    let edits: StoredEdits = gathered.stored(status);
    let turn = Turn { header, state: state.clone(), prompt: None, request: None, response, edits, events };
    line.place = Some(hook::Where::from(&turn.header));
    let mut open = OpenTurn::create(ws, turn, place)?;
    let mut landed = None;
    let mut error = None;
    let outcome = if until == Until::Stored {
        if gathered.rejects.is_empty() { Outcome::None } else { Outcome::Rejected }
    } else if gathered.changes.is_empty() {
        Outcome::None
    } else {
        let (outcome, done, failed) = write_and_commit(&mut line, &mut gathered, to_write.as_ref(), &subject, &mut open)?;
        (landed, error) = (done, failed);
        outcome
    };
    let mut told = hook::outcome(&open.turn.header, outcome);
    told.insert("commit".to_owned(), landed.as_ref().and_then(|l| l.commit).map(|c| c.to_string()).into());
    // What is done is done; a no is shown.
    let _ = line.run(Point::Turn, Side::Before, Some(&open), || told.clone(), |_| {});
    open.turn.events.append(&mut line.events);
    if outcome == Outcome::Rejected {
        open.turn.edits = gathered.stored(ChangeStatus::Held);
    } else if until != Until::Stored {
        state.keep(&gathered.changes);
    }
    if let Some(landed) = &landed {
        landing::note_rewritten(&mut open.turn, landed);
    }
    let end = ws.now();
    let withheld = landed.iter().flat_map(|l| &l.uncommitted);
    let withheld = withheld.map(|(path, why)| Event::new(end, "uncommitted").with("path", path).with("why", why.as_str()));
    open.turn.events.extend(withheld);
    if let Some(error) = &error {
        open.turn.events.push(Event::new(end, "error").with("what", ws.redactor.redact(&error.to_string())));
    }
    open.turn.state = state;
    open.turn.header.outcome = outcome;
    open.turn.header.commit = landed.as_ref().and_then(|l| l.commit);
    open.turn.header.end = end;
    let (turn, appended) = open.close(ws)?;
    told.insert("turn_commit".to_owned(), appended.commit.to_string().into());
    let _ = line.run(Point::Turn, Side::After, None, || told.clone(), |_| {});
    Ok(Applied { turn, appended, gathered, landed, broken, hooks: line.ran, error })
}

type Went = (Outcome, Option<Landed>, Option<Error>);

fn write_and_commit(
    line: &mut Line<'_>,
    gathered: &mut Gathered,
    to_write: Option<&ChangeSet>,
    subject: &str,
    open: &mut OpenTurn,
) -> Result<Went, Error> {
    let (ws, key, base) = (line.ws, open.turn.header.key, open.turn.header.base);
    let then = Then::of(&line.pipeline);
    let no = |outcome, error| Ok((outcome, None, Some(error)));
    let plan = hook::data(Point::Plan, gathered, "");
    for side in [Side::Before, Side::After] {
        if let Err(error) = line.run(Point::Plan, side, Some(open), || plan.clone(), |_| {}) {
            return no(Outcome::Rejected, error);
        }
    }
    let mut files = Vec::new();
    let told = hook::data(Point::Edits, gathered, "");
    if let Err(error) = line.run(Point::Edits, Side::Before, Some(open), || told.clone(), |said| files.extend(said.files)) {
        return no(Outcome::Rejected, error);
    }
    // What is tried again is what was stored.
    for files in files.into_iter().filter(|_| to_write.is_none()) {
        let tree = ws.backend.worktree()?;
        let rules = Rules { state: &open.turn.state, redactor: &ws.redactor, ask_for_unseen: false };
        let read = |source| Error::Read { what: "a file that a hook edits".to_owned(), source };
        gathered.take_plan(&hook::plan(files), &*tree, &rules).map_err(read)?;
        if !gathered.rejects.is_empty() {
            return no(Outcome::Rejected, Error::Partial { turn: key, rejects: gathered.rejects.len(), held: true });
        }
        open.turn.edits = gathered.stored(ChangeStatus::Written);
        open.turn.header.files = FileStat::of(&gathered.changes);
        open.save(ws)?;
    }
    if line.pipeline.has(Builtin::Apply) {
        if let Err(error) = landing::write(ws, to_write.unwrap_or(&gathered.changes), key, then) {
            return no(Outcome::Rejected, error);
        }
    } else {
        gathered.changes = hook::as_written(ws, &gathered.changes)?;
        open.turn.edits = gathered.stored(ChangeStatus::Written);
        open.turn.header.files = FileStat::of(&gathered.changes);
        open.save(ws)?;
    }
    ws.faults.point("applied");
    if let Err(error) = line.run(Point::Edits, Side::After, Some(open), || told.clone(), |_| {}) {
        return no(Outcome::Uncommitted, error);
    }
    if then == Then::Leave {
        return Ok((Outcome::Uncommitted, None, None));
    }
    let wording = Wording { given: gathered.message.as_deref(), prompt: subject, model: None };
    let (mut message, mut commit) = (landing::message(ws, wording, &gathered.changes, key), None);
    let told = hook::data(Point::Commit, gathered, &message);
    let taken = line.run(
        Point::Commit,
        Side::Before,
        Some(open),
        || told.clone(),
        |said| {
            message = said.message.map_or_else(|| message.clone(), |text| landing::with_trailer(&text, key));
            commit = said.commit;
        },
    );
    if let Err(error) = taken {
        return no(Outcome::Uncommitted, error);
    }
    let landed = if line.pipeline.has(Builtin::Commit) {
        landing::commit_saying(ws, &gathered.changes, message, key).map_err(Error::from)
    } else {
        hook::made(ws, base, &commit.unwrap_or_default()).map(|oid| Landed { commit: Some(oid), ..Landed::default() })
    };
    match landed {
        Ok(landed) if landed.commit.is_some() => {
            let mut told = told;
            told.insert("commit".to_owned(), landed.commit.map(|c| c.to_string()).into());
            let _ = line.run(Point::Commit, Side::After, Some(open), || told.clone(), |_| {});
            Ok((Outcome::Applied, Some(landed), None))
        }
        Ok(landed) => {
            let error = Error::NothingCommitted(landed.uncommitted.clone());
            Ok((Outcome::Uncommitted, Some(landed), Some(error)))
        }
        Err(error) => no(Outcome::Uncommitted, error),
    }
}
