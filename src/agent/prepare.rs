//! From a message to the exact request: which files go along, what the session already said, and what it costs.
//!
//! Invariants
//! - Reads the repository and writes nothing, so `--show-prompt` runs exactly this.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::{Oid, SessionId, TurnKey};
use crate::base::media::MediaType;
use crate::base::money::{TokenCounter, Tokens};
use crate::base::path::RepoPath;
use crate::base::text::is_binary;
use crate::base::tree::SourceTree;
use crate::edit::EditFormat;
use crate::llm::WireCall;
use crate::project;
use crate::prompt::{self, Budget, FileInput, Fragment, Inputs, Trouble};
use crate::session::request::{ModelId, Part};
use crate::session::turn::{Access, SessionState};

use super::Error;
use super::edits::Gathered;
use super::estimate::{Estimate, estimate};
use super::models::{LeftOut, Model};
use super::store::Conversation;
use super::workspace::Workspace;

/// What is left for the answer when the window is known.
const RESERVE_OUTPUT: Tokens = Tokens(8_192);

/// How many edits that did not fit are given back to the model one by one.
const MOST_REJECTS: usize = 100;

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The turn that it continues; `None` for a new session.
    pub parent: Option<Oid>,
    /// The session to append to; `None` begins a new one.
    pub session: Option<SessionId>,
    /// A name for the session that begins; made from the message when there is none.
    pub name: Option<String>,
    /// The session whose undone tail is left behind, and that tail's end.
    pub replaces: Option<(SessionId, TurnKey)>,
}

impl Start {
    /// A session that begins with nothing.
    pub const fn fresh() -> Self {
        Self { parent: None, session: None, name: None, replaces: None }
    }
}

/// One message to a model.
#[derive(Debug, Clone)]
pub struct Message {
    pub text: String,
    pub stdin: Option<String>,
    /// Files given by hand.
    pub files: Vec<(RepoPath, Access)>,
    pub start: Start,
    pub model: ModelId,
    pub format: EditFormat,
}

/// Why a file goes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    pub path: RepoPath,
    pub access: Access,
    pub why: Why,
    /// Whether there is such a file.
    pub exists: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The message names it.
    Named,
    /// A flag gave it.
    Given,
    /// The session has it.
    Session,
}

/// A request that is ready to be sent.
pub struct Prepared {
    pub call: WireCall,
    /// What it says, for whoever wants it counted.
    pub parts: Vec<Part>,
    pub state: SessionState,
    pub fragments: Vec<Fragment>,
    /// An estimate, and by how many per cent it may be wrong.
    pub tokens: Tokens,
    pub error: u64,
    pub files: Vec<Included>,
    /// Files that hold a secret; they stay here.
    pub withheld: BTreeSet<RepoPath>,
    /// Base names in the message that fit several files.
    pub ambiguous: Vec<project::Ambiguous>,
    /// The message with secrets replaced.
    pub text: String,
    /// Options that are set and that the model does not take.
    pub left_out: Vec<LeftOut>,
}

/// What commands of the user's add to a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extra {
    /// Text for the model, each with the command that gave it.
    pub contexts: Vec<(String, String)>,
    /// What stands in place of the user's words.
    pub words: Option<String>,
    /// Whether these words are all that is added to the conversation.
    pub bare: bool,
}

/// The files that go along with a message.
struct Along {
    state: SessionState,
    files: Vec<Included>,
    inputs: Vec<FileInput>,
    withheld: BTreeSet<RepoPath>,
    ambiguous: Vec<project::Ambiguous>,
}

fn along(ws: &Workspace, message: &Message, text: &str, tree: &dyn SourceTree) -> Result<Along, Error> {
    let mut state = ws.store().state(message.start.parent)?;
    let named = project::named_files(text, tree);
    let mut files: Vec<Included> = Vec::new();
    for path in state.files.keys() {
        files.push(Included { path: path.clone(), access: state.files[path], why: Why::Session, exists: true });
    }
    let given = message.files.iter().map(|(path, access)| (path.clone(), *access, Why::Given));
    let in_message = named.files.into_iter().map(|n| (n.path, Access::ReadWrite, Why::Named));
    for (path, access, why) in given.chain(in_message) {
        // What was said by hand, now or earlier, outweighs a name in the message.
        if why == Why::Named && state.files.contains_key(&path) {
            continue;
        }
        state.files.insert(path.clone(), access);
        files.retain(|f| f.path != path);
        files.push(Included { path, access, why, exists: true });
    }
    let (inputs, withheld) = file_inputs(ws, tree, state.files.iter().map(|(p, a)| (p.clone(), *a)))?;
    files.retain(|f| !withheld.contains(&f.path));
    for file in &mut files {
        file.exists = !inputs.iter().any(|input| input.path == file.path && input.content.is_none());
    }
    Ok(Along { state, files, inputs, withheld, ambiguous: named.ambiguous })
}

/// The files that would go along if the message had these words.
pub fn files(ws: &Workspace, message: &Message, words: &str) -> Result<Vec<Included>, Error> {
    Ok(along(ws, message, words, &*ws.backend.worktree()?)?.files)
}

/// What was said up to and with a turn, as the next request repeats it.
pub fn conversation(ws: &Workspace, commit: Oid) -> Result<Vec<Part>, Error> {
    let mut at = commit;
    let mut summary = None;
    // Of several summaries the newest counts; the system text is found behind the oldest.
    let parts = loop {
        match ws.store().conversation(at)? {
            Conversation::Parts(parts) => break parts,
            Conversation::Summed { before, text } => {
                summary.get_or_insert(text);
                at = before;
            }
        }
    };
    Ok(summary.map_or(Ok(parts.clone()), |text| prompt::after_summary(&parts, &text, &ws.templates))?)
}

/// Builds the first request of an exchange.
pub fn first(ws: &Workspace, message: &Message, extra: &Extra, model: &Model) -> Result<Prepared, Error> {
    let previous = message.start.parent.map_or(Ok(Vec::new()), |parent| conversation(ws, parent))?;
    let tree = ws.backend.worktree()?;
    let text = ws.redactor.redact(extra.words.as_deref().unwrap_or(&message.text)).into_owned();
    let stdin = message.stdin.as_deref().map(|s| ws.redactor.redact(s).into_owned());
    let Along { state, files, inputs, withheld, ambiguous } = along(ws, message, &text, &*tree)?;
    let instructions = if ws.config.settings().context.instructions {
        let found = project::instruction_files(&*tree, ws.directory.as_ref())
            .map_err(|source| Error::Read { what: "the instruction files".to_owned(), source })?;
        found
            .into_iter()
            .filter(|(_, text)| !ws.redactor.holds(text.as_bytes()))
            .map(|(path, text)| (path.to_string(), text))
            .collect()
    } else {
        Vec::new()
    };
    let estimate = estimate(ws, message.start.parent, &message.model)?;
    limit_history(ws, &previous, &*estimate.counter)?;
    for file in &inputs {
        let media = file.content.as_deref().and_then(MediaType::of);
        if media.is_some_and(|media| !model.shows(media)) {
            return Err(Error::NotShown { model: model.full.clone(), path: file.path.clone() });
        }
    }
    // A path can hold a secret as well as a file can.
    let tracked: Vec<RepoPath> = tree.paths().iter().filter(|path| !ws.redactor.holds(path.as_bytes())).cloned().collect();
    let inputs = Inputs {
        previous: &previous,
        message: &text,
        contexts: &extra.contexts,
        stdin: stdin.as_deref(),
        files: &inputs,
        tracked: &tracked,
        instructions: &instructions,
        edit_format: asked_for(message.format).as_str(),
        commit_subject: asks_for_subject(ws),
        budget: budget(model, &estimate),
        templates: &ws.templates,
    };
    let prompt = if extra.bare { prompt::bare(&inputs)? } else { prompt::build(&inputs)? };
    let tokens = prompt.tokens();
    let call = model.encode(prompt.parts.clone())?;
    Ok(Prepared {
        parts: prompt.parts,
        call,
        state,
        fragments: prompt.fragments,
        tokens,
        files,
        withheld,
        ambiguous,
        text,
        left_out: model.left_out.clone(),
        error: estimate.error,
    })
}

/// Builds the request that answers an answer: what did not fit goes back, files that it had not seen go along.
pub fn reflection(
    ws: &Workspace,
    parent: Oid,
    model: &Model,
    state: &mut SessionState,
    gathered: &Gathered,
) -> Result<(WireCall, Tokens), Error> {
    let previous = conversation(ws, parent)?;
    let estimate = estimate(ws, Some(parent), &model.id)?;
    let tree = ws.backend.worktree()?;
    let unseen = gathered.unseen.iter().map(|p| (p.clone(), Access::ReadWrite));
    let (inputs, _) = file_inputs(ws, &*tree, unseen)?;
    state.files.extend(gathered.unseen.iter().map(|p| (p.clone(), Access::ReadWrite)));
    let mut rejects: Vec<prompt::RejectInfo> = gathered.rejects.iter().take(MOST_REJECTS).map(|r| r.for_model.clone()).collect();
    let left = gathered.rejects.len() - rejects.len();
    if left > 0 {
        let reason = format!("{left} more edits did not fit and are not repeated here; send fewer at once");
        rejects.push(prompt::RejectInfo { path: None, reason, edit: None, nearest: None });
    }
    let prompt = prompt::reflect(&prompt::Reflection {
        previous: &previous,
        rejects: &rejects,
        held: &gathered.held(),
        files: &inputs,
        commit_subject: asks_for_subject(ws),
        budget: budget(model, &estimate),
        templates: &ws.templates,
    })?;
    encoded(prompt, model)
}

/// Builds the request that says what is wrong with edits that fit.
pub fn again(
    ws: &Workspace,
    parent: Oid,
    model: &Model,
    state: &SessionState,
    trouble: &Trouble,
) -> Result<(WireCall, Tokens), Error> {
    let previous = conversation(ws, parent)?;
    let estimate = estimate(ws, Some(parent), &model.id)?;
    let tree = ws.backend.worktree()?;
    let (mut files, _) = file_inputs(ws, &*tree, state.files.iter().map(|(path, access)| (path.clone(), *access)))?;
    // A check may have made something else of one; then it is not shown, and nobody can edit it.
    files.retain(|file| file.content.as_ref().is_none_or(|bytes| !is_binary(bytes)));
    let prompt = prompt::again(&prompt::Again {
        previous: &previous,
        trouble,
        files: &files,
        commit_subject: asks_for_subject(ws),
        budget: budget(model, &estimate),
        templates: &ws.templates,
    })?;
    encoded(prompt, model)
}

/// Builds the request for the rest of an answer that was cut off.
pub fn continuation(ws: &Workspace, parent: Oid, model: &Model, lines: &str) -> Result<(WireCall, Tokens), Error> {
    let previous = conversation(ws, parent)?;
    let estimate = estimate(ws, Some(parent), &model.id)?;
    encoded(prompt::go_on(&previous, lines, budget(model, &estimate), &ws.templates)?, model)
}

fn encoded(prompt: prompt::Prompt, model: &Model) -> Result<(WireCall, Tokens), Error> {
    let tokens = prompt.tokens();
    Ok((model.encode(prompt.parts)?, tokens))
}

fn budget<'a>(model: &Model, estimate: &'a Estimate) -> Budget<'a> {
    Budget { window: model.window(), reserve_output: RESERVE_OUTPUT, counter: &*estimate.counter }
}

/// The form in which edits are asked for. Every model of today manages search and replace better than whole files.
pub const fn asked_for(format: EditFormat) -> EditFormat {
    match format {
        EditFormat::Auto => EditFormat::SearchReplace,
        other => other,
    }
}

fn asks_for_subject(ws: &Workspace) -> bool {
    use crate::config::{CommitMode, MessageSource};
    let vcs = ws.config.settings().vcs;
    vcs.commit == CommitMode::Auto && vcs.message == MessageSource::Model
}

fn limit_history(ws: &Workspace, previous: &[Part], counter: &dyn TokenCounter) -> Result<(), Error> {
    let Some(limit) = ws.config.settings().context.history_tokens.filter(|n| *n > 0) else { return Ok(()) };
    let used: Tokens = previous.iter().map(|part| counter.count(&part.as_text())).sum();
    if used > Tokens(limit) { Err(Error::HistoryTooLong { used, limit: Tokens(limit) }) } else { Ok(()) }
}

/// The present content of files; those that hold a secret are named apart.
fn file_inputs(
    ws: &Workspace,
    tree: &dyn SourceTree,
    files: impl Iterator<Item = (RepoPath, Access)>,
) -> Result<(Vec<FileInput>, BTreeSet<RepoPath>), Error> {
    let mut inputs = BTreeMap::new();
    let mut withheld = BTreeSet::new();
    for (path, access) in files {
        let state = tree.read(&path).map_err(|source| Error::Read { what: path.to_string(), source })?;
        let content = state.map(|s| s.bytes);
        if ws.redactor.holds(path.as_bytes()) || content.as_ref().is_some_and(|bytes| ws.redactor.holds(bytes)) {
            withheld.insert(path);
        } else {
            inputs.insert(path.clone(), FileInput { path, access, content });
        }
    }
    Ok((inputs.into_values().collect(), withheld))
}
