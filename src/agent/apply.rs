//! Edits without a model call: those that a turn has stored, and answers from anywhere.
//!
//! Invariants
//! - Both make turns of the kind `apply`, with the same course as a model's answer: stored, written, committed.

use std::collections::BTreeSet;

use crate::base::change::ChangeSet;
use crate::base::id::TurnKey;
use crate::base::path::RepoPath;
use crate::edit::EditFormat;
use crate::session::event::Event;
use crate::session::turn::{ChangeStatus, FileStat, Outcome, SessionState, StoredEdits, Turn, TurnKind};
use crate::vcs::Landed;

use super::Error;
use super::edits::{Gathered, Rules};
use super::exchange::{Until, new_header, pipeline};
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
    gathered
        .take(text, format, &*tree, &rules)
        .map_err(|source| Error::Read { what: "a file that the answer edits".to_owned(), source })?;
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
    let mut applied = run(ws, job)?;
    if !whole {
        applied.error = Some(Error::Partial { turn: applied.turn.header.key, rejects: applied.gathered.rejects.len() });
    }
    Ok(applied)
}

/// Applies and commits again what a turn has stored. With `partial` the edits that fit are enough.
pub fn retry(ws: &Workspace, link: &Link, start: &Start, partial: bool, until: Until) -> Result<Applied, Error> {
    let source = ws.store().turn(link)?;
    let key = source.header.key;
    let rejects = source.edits.rejects.len();
    if rejects > 0 && !partial {
        return Err(Error::Partial { turn: key, rejects });
    }
    // An uncommitted turn is in the files already; then only the commit is missing, and writing changes nothing.
    let wanted = match source.header.outcome {
        Outcome::Uncommitted => source.edits.with_status(ChangeStatus::Written),
        _ => source.edits.with_status(ChangeStatus::Held),
    };
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
    run(
        ws,
        Job {
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
        },
    )
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
    run(ws, Job { state, gathered, to_write, start, subject, until, answer: None, exchange, in_files, events: Vec::new() })
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

fn run(ws: &Workspace, job: Job<'_>) -> Result<Applied, Error> {
    let Job { mut state, gathered, to_write, start, subject, until, answer, exchange, in_files, events } = job;
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
    let mut open = OpenTurn::create(ws, turn, place)?;
    let mut landed = None;
    let mut error = None;
    let outcome = if until == Until::Stored {
        if gathered.rejects.is_empty() { Outcome::None } else { Outcome::Rejected }
    } else if gathered.changes.is_empty() {
        Outcome::None
    } else {
        let wording = Wording { given: gathered.message.as_deref(), prompt: &subject, model: None };
        let (outcome, done, failed) = write_and_commit(ws, &gathered.changes, to_write.as_ref(), wording, key, until);
        (landed, error) = (done, failed);
        outcome
    };
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
    Ok(Applied { turn, appended, gathered, landed, error })
}

fn write_and_commit(
    ws: &Workspace,
    changes: &ChangeSet,
    to_write: Option<&ChangeSet>,
    wording: Wording<'_>,
    key: TurnKey,
    until: Until,
) -> (Outcome, Option<Landed>, Option<Error>) {
    let then = Then::of(&pipeline(ws, until));
    if let Err(error) = landing::write(ws, to_write.unwrap_or(changes), key, then) {
        return (Outcome::Rejected, None, Some(error));
    }
    ws.faults.point("applied");
    if then == Then::Leave {
        return (Outcome::Uncommitted, None, None);
    }
    match landing::commit(ws, changes, wording, key) {
        Ok(landed) if landed.commit.is_some() => (Outcome::Applied, Some(landed), None),
        Ok(landed) => {
            let error = Error::NothingCommitted(landed.uncommitted.clone());
            (Outcome::Uncommitted, Some(landed), Some(error))
        }
        Err(error) => (Outcome::Uncommitted, None, Some(error.into())),
    }
}
