//! Asking again what a turn has asked, and putting both answers side by side.
//!
//! Invariants
//! - The same model is sent the stored body, byte for byte, and only if it still is what was sent; another one is sent the
//!   same parts in its own protocol.
//! - The edits of both answers are read by the same rules and matched against the same files: those that the first answer was
//!   about, as far as they are known. No file of the worktree changes.

use std::collections::BTreeMap;
use std::io;

use crate::base::change::FileState;
use crate::base::hash::Sha256;
use crate::base::id::Oid;
use crate::base::path::RepoPath;
use crate::base::tree::SourceTree;
use crate::edit::EditFormat;
use crate::llm::WireCall;
use crate::session::request::ModelId;
use crate::session::turn::Turn;

use super::Error;
use super::edits::{Gathered, Rules};
use super::exchange::{self, Finished, Observer};
use super::models::Model;
use super::prepare::{self, Message, Start};
use super::sessions;
use super::store::Link;
use super::workspace::Workspace;

/// An answer and what it would change.
pub struct Side {
    pub turn: Turn,
    pub gathered: Gathered,
}

/// A question that was asked twice.
pub struct Replayed {
    pub original: Side,
    pub again: Side,
    /// How it went the second time.
    pub finished: Finished,
    /// Whether the second request was the first one, byte for byte.
    pub exact: bool,
    /// Whether the files of the first answer are not known any more, so that both were matched against those of today.
    pub on_worktree: bool,
}

/// The model that a turn has asked, by the provider that the request went to.
pub fn model_of(turn: &Turn) -> Option<ModelId> {
    let asked = turn.header.model.clone()?;
    let provider = &turn.request.as_ref()?.envelope.provider;
    if *provider == asked.provider {
        return Some(asked);
    }
    // Another one stood in; what it was asked for is not kept, what it served is.
    Some(ModelId { provider: provider.clone(), model: turn.header.served.clone().unwrap_or(asked.model) })
}

/// The call that asks `model` what the turn has asked, and whether it is the first one byte for byte.
pub fn call(ws: &Workspace, link: &Link, turn: &Turn, model: &Model) -> Result<(WireCall, bool), Error> {
    let request = turn.request.as_ref().ok_or(Error::AskedNothing(link.header.key))?;
    if model_of(turn).as_ref() != Some(&model.id) {
        return Ok((model.encode(ws.store().request_parts(link)?)?, false));
    }
    let body = ws.store().wire_body(link)?.ok_or(Error::AskedNothing(link.header.key))?;
    let sent = link.header.request.map(|digest| digest.sha256);
    if sent != Some(Sha256::of(&body.bytes())) {
        return Err(Error::NotAsSent(link.header.key));
    }
    Ok((model.provider.again(&request.envelope, body)?, true))
}

/// Asks `model` again.
pub async fn run(
    ws: &Workspace,
    link: &Link,
    model: &Model,
    format: EditFormat,
    observer: &mut dyn Observer,
    interrupt: &mut (dyn Future<Output = ()> + Unpin),
) -> Result<Replayed, Error> {
    let turn = ws.store().turn(link)?;
    let (call, exact) = call(ws, link, &turn, model)?;
    let tree = Before::of(ws, &turn)?;
    let name = ws.store().meta(link.header.session)?.name();
    let name = name.unwrap_or_else(|| link.header.session.to_string()[..8].to_owned());
    let name = sessions::free_name(ws, &format!("{}-replay", name.trim_end_matches("-replay")))?;
    let words = turn.prompt.as_ref().map(|prompt| String::from_utf8_lossy(prompt).into_owned());
    let message = Message {
        text: words.unwrap_or_else(|| turn.header.subject.clone()),
        stdin: None,
        files: Vec::new(),
        start: Start { parent: link.parent, session: None, name: Some(name), replaces: None },
        model: model.id.clone(),
        format,
    };
    let question = exchange::Question { original: &turn, call, exact, tree: &tree };
    let (finished, gathered) = exchange::again(ws, &message, model, question, observer, interrupt).await?;
    let first = read(ws, &turn, format, &tree)?;
    Ok(Replayed {
        again: Side { turn: finished.turn.clone(), gathered },
        original: Side { gathered: first, turn },
        finished,
        exact,
        on_worktree: tree.commit.is_none(),
    })
}

/// The edits of a stored answer.
fn read(ws: &Workspace, turn: &Turn, format: EditFormat, tree: &dyn SourceTree) -> Result<Gathered, Error> {
    let mut gathered = Gathered::default();
    let Some(response) = &turn.response else { return Ok(gathered) };
    let rules = Rules { state: &turn.state, redactor: &ws.redactor, ask_for_unseen: false };
    let format = prepare::asked_for(format);
    let taken = if response.is_whole() {
        gathered.take(&response.text, format, tree, &rules)
    } else {
        gathered.take_cut(&response.text, format, tree, &rules)
    };
    taken.map_err(|source| Error::Read { what: "a file that the answer edits".to_owned(), source })?;
    Ok(gathered)
}

/// The files as they were when a turn's answer came: what its edits found, and for the rest the commit that was checked out.
struct Before<'a> {
    ws: &'a Workspace,
    worktree: Box<dyn SourceTree + 'a>,
    /// The tree of that commit; `None` when it is not here, or there was none.
    commit: Option<Oid>,
    found: BTreeMap<RepoPath, Option<FileState>>,
    /// Files of the session; one that is not in the commit was never tracked.
    session: Vec<RepoPath>,
}

impl<'a> Before<'a> {
    fn of(ws: &'a Workspace, turn: &Turn) -> Result<Self, Error> {
        let commit = turn.header.base.map(|base| ws.backend.commit(base)).transpose()?.flatten();
        Ok(Self {
            ws,
            worktree: ws.backend.worktree()?,
            commit: commit.map(|commit| commit.tree),
            found: turn.edits.changes.iter().map(|change| (change.path.clone(), change.before.clone())).collect(),
            session: turn.state.files.keys().cloned().collect(),
        })
    }
}

impl SourceTree for Before<'_> {
    fn paths(&self) -> &[RepoPath] {
        self.worktree.paths()
    }

    fn read(&self, path: &RepoPath) -> io::Result<Option<FileState>> {
        if let Some(state) = self.found.get(path) {
            return Ok(state.clone());
        }
        let Some(tree) = self.commit else { return self.worktree.read(path) };
        match self.ws.backend.checked_out(tree, path).map_err(io::Error::other)? {
            None if self.session.contains(path) => self.worktree.read(path),
            state => Ok(state),
        }
    }

    fn obstacle(&self, path: &RepoPath) -> Option<&'static str> {
        self.worktree.obstacle(path)
    }

    fn is_same_file(&self, a: &RepoPath, b: &RepoPath) -> bool {
        self.worktree.is_same_file(a, b)
    }
}
