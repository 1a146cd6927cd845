//! Sessions as things with names, files and settings, and their way to other clones.
//!
//! Invariants
//! - What a session keeps is changed by a `note` turn, so it is part of its history and travels with it.
//! - A push names its refs one by one; nothing else leaves. A fetch moves no local session but forward.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::{Oid, SessionId};
use crate::base::text::subject;
use crate::session::event::Event;
use crate::session::meta::{Fact, check_name, name_from};
use crate::session::refs::{self, Kind, RefName};
use crate::session::turn::{Outcome, SessionState, StoredEdits, Turn, TurnKind};
use crate::vcs::{Expected, RefResult, VcsError};

use super::Error;
use super::exchange::new_header;
use super::open::{OpenTurn, Place};
use super::prepare::Start;
use super::store::{Appended, Begins};
use super::workspace::Workspace;

/// The names of all sessions here that were not left behind.
fn names(ws: &Workspace) -> Result<BTreeSet<String>, Error> {
    let store = ws.store();
    let mut out = BTreeSet::new();
    for (name, _) in ws.backend.refs(refs::META)? {
        if let Some(name) = RefName::parse(&name) {
            out.extend(store.meta(name.session)?.name());
        }
    }
    Ok(out)
}

/// A free name for a session that begins with this message.
pub fn name_for(ws: &Workspace, message: &str) -> Result<String, Error> {
    let taken = names(ws)?;
    Ok(name_from(message, &|name| taken.contains(name)))
}

/// `name`, or `name` with the first free number.
pub fn free_name(ws: &Workspace, name: &str) -> Result<String, Error> {
    let taken = names(ws)?;
    let numbered = (2..10_000).map(|n| format!("{name}-{n}"));
    Ok(std::iter::once(name.to_owned()).chain(numbered).find(|n| !taken.contains(n)).unwrap_or_else(|| name.to_owned()))
}

/// Gives a session another name.
pub fn rename(ws: &Workspace, session: SessionId, name: &str) -> Result<(), Error> {
    check_name(name)?;
    if ws.redactor.holds(name.as_bytes()) {
        return Err(Error::KeepsSecret);
    }
    let store = ws.store();
    if store.meta(session)?.name().as_deref() == Some(name) {
        return Ok(());
    }
    if names(ws)?.contains(name) {
        return Err(Error::NameTaken(name.to_owned()));
    }
    Ok(store.annotate(session, Fact::Name(name.to_owned()), ws.now(), &ws.author()?)?)
}

/// Appends a note: the session keeps `state` from now on.
pub fn note(ws: &Workspace, start: &Start, state: SessionState, what: &str) -> Result<(Turn, Appended), Error> {
    open_note(ws, start, state, what, Noted { edits: StoredEdits::default(), outcome: Outcome::None, events: Vec::new() })?
        .close(ws)
}

/// What a note holds beside its line.
pub(super) struct Noted {
    pub edits: StoredEdits,
    pub outcome: Outcome,
    pub events: Vec<Event>,
}

/// A note that is open, for those who write files before it is recorded.
pub(super) fn open_note(ws: &Workspace, start: &Start, state: SessionState, what: &str, noted: Noted) -> Result<OpenTurn, Error> {
    // A setting is kept as it was meant or not at all, and a name is no name with a placeholder in it.
    let kept = state.settings.iter().flat_map(|(key, value)| [key, value]).chain(&start.name);
    if kept.into_iter().any(|text| ws.redactor.holds(text.as_bytes())) {
        return Err(Error::KeepsSecret);
    }
    let key = ws.new_key();
    let mut header = new_header(ws, TurnKind::Note, key, key, start.session, start.parent)?;
    header.subject = subject(what, 72).unwrap_or_default();
    header.outcome = noted.outcome;
    let place = place(ws, start, what)?;
    let turn = Turn { header, state, prompt: None, request: None, response: None, edits: noted.edits, events: noted.events };
    OpenTurn::create(ws, turn, place)
}

/// Where a turn that starts so belongs. A session that begins is named after `text` when it was given no name. A fetched
/// session that nobody has gone on with here has no ref of its own yet.
pub fn place(ws: &Workspace, start: &Start, text: &str) -> Result<Place, Error> {
    let name = match (&start.name, start.session) {
        (Some(name), _) => Some(name.clone()),
        (None, None) => Some(name_for(ws, text)?),
        (None, Some(_)) => None,
    };
    let begins = match start.session {
        None => Begins::Session,
        Some(session) if ws.store().tip(session)?.is_none() => {
            adopt_meta(ws, session)?;
            Begins::Session
        }
        Some(_) => Begins::Nothing,
    };
    Ok(Place { name, replaces: start.replaces, ..Place::new(start.parent, begins) })
}

/// What is said about a fetched session is said here too.
fn adopt_meta(ws: &Workspace, session: SessionId) -> Result<(), Error> {
    let (store, author) = (ws.store(), ws.author()?);
    for (name, tip) in ws.backend.refs(refs::REMOTES)? {
        if RefName::parse(&name).is_some_and(|name| name.kind == Kind::Meta && name.session == session) {
            store.take_meta(session, tip, &author)?;
        }
    }
    Ok(())
}

/// What a push would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    pub refs: Vec<String>,
    pub turns: u64,
    /// Bytes of all stored prompts, requests and answers, before git packs them.
    pub bytes: u64,
    /// Files whose content is in the requests.
    pub files: BTreeSet<String>,
}

/// Looks through what a push of these sessions sends.
pub fn preview(ws: &Workspace, sessions: &[SessionId]) -> Result<Preview, Error> {
    let store = ws.store();
    let mut out = Preview { refs: Vec::new(), turns: 0, bytes: 0, files: BTreeSet::new() };
    let mut seen = BTreeSet::new();
    for session in sessions {
        let tip = store.tip(*session)?.ok_or(Error::EmptySession(*session))?;
        out.refs.push(refs::session(*session));
        let meta = refs::meta(*session);
        if ws.backend.refs(&meta)?.iter().any(|(name, _)| *name == meta) {
            out.refs.push(meta);
        }
        for link in store.chain(tip) {
            let link = link?;
            if !seen.insert(link.commit) {
                continue;
            }
            let turn = store.turn(&link)?;
            out.turns += 1;
            let parts = turn.request.iter().flat_map(|r| r.parts.values()).map(Vec::len).sum::<usize>();
            let answer = turn.response.as_ref().map_or(0, |r| r.raw.len() + r.text.len());
            let sides =
                turn.edits.changes.iter().flat_map(|c| [&c.before, &c.after]).flatten().map(|s| s.bytes.len()).sum::<usize>();
            out.bytes += (parts + answer + sides) as u64;
            let quoted =
                turn.request.iter().flat_map(|r| &r.manifest.entries).filter(|e| matches!(e.kind.name(), "file" | "read-only"));
            out.files.extend(quoted.filter_map(|e| e.kind.subject().map(str::to_owned)));
            out.files.extend(turn.edits.changes.iter().map(|c| c.path.to_string()));
        }
    }
    Ok(out)
}

/// Pushes exactly the refs of a preview.
pub fn push(ws: &Workspace, remote: &str, preview: &Preview) -> Result<Vec<RefResult>, Error> {
    Ok(ws.backend.push(remote, &preview.refs)?)
}

/// What a fetch brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// A session that is not here yet.
    New(SessionId),
    /// The session here went forward.
    Forward(SessionId),
    /// Both sides have turns that the other has not; both stay.
    Diverged(SessionId),
}

/// Whether all between `local` and `tip` are turns of this session: else the session here could not be read any more.
fn goes_on(ws: &Workspace, session: SessionId, local: Oid, tip: Oid) -> bool {
    let mut chain = ws.store().chain(tip);
    loop {
        match chain.next() {
            Some(Ok(link)) if link.commit == local => return true,
            Some(Ok(link)) if link.header.session == session => {}
            _ => return false,
        }
    }
}

/// Fetches a remote's sessions. Those that are here go forward when they can.
pub fn fetch(ws: &Workspace, remote: &str) -> Result<Vec<Fetched>, Error> {
    if remote.contains(['/', ':']) || remote.starts_with('-') {
        return Err(Error::NoRemote(remote.to_owned()));
    }
    let prefix = refs::of_remote(remote);
    let before: BTreeMap<String, Oid> = ws.backend.refs(&prefix)?.into_iter().collect();
    ws.backend.fetch(remote)?;
    let (store, author) = (ws.store(), ws.author()?);
    let mut out = Vec::new();
    for (name, tip) in ws.backend.refs(&prefix)? {
        let Some(RefName { kind, session, .. }) = RefName::parse(&name) else { continue };
        let local = store.tip(session)?;
        match (kind, local) {
            (Kind::Meta, Some(_)) => store.take_meta(session, tip, &author)?,
            (Kind::Session, None) if before.get(&name) != Some(&tip) => out.push(Fetched::New(session)),
            (Kind::Session, Some(local)) if local != tip => {
                if ws.backend.is_ancestor(local, tip)? && goes_on(ws, session, local, tip) {
                    match ws.backend.set_ref(&refs::session(session), tip, Expected::Is(local)) {
                        Err(VcsError::Moved { .. }) => out.push(Fetched::Diverged(session)),
                        other => {
                            other?;
                            out.push(Fetched::Forward(session));
                        }
                    }
                } else if !ws.backend.is_ancestor(tip, local)? {
                    out.push(Fetched::Diverged(session));
                }
            }
            _ => {}
        }
    }
    Ok(out)
}
