//! From an answer to the changes of an exchange: parsing, matching against the files with earlier edits already in them,
//! and the report that goes back to the model.
//!
//! Invariants
//! - Edits that fit are held, not written, until all of an exchange fit; later edits are matched on top of them.
//! - A file that the answer has not seen is not edited; it is asked for again with the file.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::io;

use crate::base::change::{ChangeSet, FileState};
use crate::base::path::RepoPath;
use crate::base::text::ellipsis;
use crate::base::tree::SourceTree;
use crate::config::secret::Redactor;
use crate::edit::{self, Edit, EditFormat, EditPlan, IssueKind, Op, ParseIssue, Reject};
use crate::prompt;
use crate::session::turn::{Access, ChangeStatus, SessionState, StoredChange, StoredEdits, StoredReject};

/// Files with changes on top.
struct Overlay<'a> {
    below: &'a dyn SourceTree,
    changes: &'a ChangeSet,
}

impl SourceTree for Overlay<'_> {
    fn paths(&self) -> &[RepoPath] {
        self.below.paths()
    }

    fn read(&self, path: &RepoPath) -> io::Result<Option<FileState>> {
        match self.changes.get(path) {
            Some(change) => Ok(change.after.clone()),
            None => self.below.read(path),
        }
    }

    fn obstacle(&self, path: &RepoPath) -> Option<&'static str> {
        self.below.obstacle(path)
    }

    fn is_same_file(&self, a: &RepoPath, b: &RepoPath) -> bool {
        self.below.is_same_file(a, b)
    }
}

/// What an exchange has come to so far.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// Everything that fits.
    pub changes: ChangeSet,
    /// How many edits of each path are in `changes`.
    pub counts: BTreeMap<RepoPath, usize>,
    /// What did not fit in the last answer.
    pub rejects: Vec<Misfit>,
    /// Files that the last answer edits without having seen them.
    pub unseen: Vec<RepoPath>,
    /// Edits of earlier answers that the model was asked about, and that no answer since has made good.
    pub given_up: Vec<Misfit>,
    /// The commit subject, the latest one given.
    pub message: Option<String>,
}

/// One edit or block that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    pub path: Option<String>,
    /// One sentence for a person.
    pub line: String,
    pub for_model: prompt::RejectInfo,
    /// As the model wrote it.
    pub source: String,
    /// Whether it can be left out and nothing is missing: it is in the file already, or was no edit.
    pub dispensable: bool,
}

/// Enough of an edit for the model to know which one is meant; it has the whole in its own answer.
fn excerpt(edit: &str) -> Option<String> {
    (!edit.is_empty()).then(|| edit::shortened(edit, 60).into_owned())
}

impl Misfit {
    fn from_issue(issue: &ParseIssue) -> Self {
        let path = issue.path.as_deref().map(|path| ellipsis(path, 160));
        let for_model =
            prompt::RejectInfo { path: path.clone(), reason: issue.kind.to_string(), edit: excerpt(&issue.source), nearest: None };
        Self { path, line: issue.line(), for_model, source: issue.source.clone(), dispensable: false }
    }

    /// Edits that a command of the user's does not want.
    pub fn from_hook(name: &str, why: &str) -> Self {
        let for_model = prompt::RejectInfo { path: None, reason: why.to_owned(), edit: None, nearest: None };
        Self { path: None, line: format!("{name} says no: {why}"), for_model, source: String::new(), dispensable: true }
    }

    /// What may have followed.
    fn cut() -> Self {
        let line = "the answer is cut off behind its last edit; there may have been more".to_owned();
        let for_model = prompt::RejectInfo { path: None, reason: line.clone(), edit: None, nearest: None };
        Self { path: None, line, for_model, source: String::new(), dispensable: true }
    }

    fn with_secret(path: &RepoPath, edit: &Edit) -> Self {
        let reason = "the edit would put a secret of the user's environment into the file".to_owned();
        let line = format!("{path}: {reason}");
        let for_model = prompt::RejectInfo { path: Some(path.to_string()), reason, edit: excerpt(&edit.source), nearest: None };
        Self { path: Some(path.to_string()), line, for_model, source: edit.source.clone(), dispensable: false }
    }

    fn from_reject(reject: &Reject) -> Self {
        let nearest = reject.nearest.as_ref().map(|r| prompt::Nearest { line: r.first_line, text: r.text.clone() });
        let for_model =
            prompt::RejectInfo { path: Some(reject.path.clone()), reason: reject.sentence(), edit: excerpt(&reject.edit), nearest };
        let dispensable = reject.already.is_some();
        Self { path: Some(reject.path.clone()), line: reject.line(), for_model, source: reject.edit.clone(), dispensable }
    }
}

impl Gathered {
    /// What a turn holds, for the next one of its exchange.
    pub fn holding(edits: &StoredEdits) -> Self {
        let changes = edits.with_status(ChangeStatus::Held);
        let counts = changes.iter().map(|(path, _)| (path.clone(), 1)).collect();
        Self { changes, counts, message: edits.message.clone(), ..Self::default() }
    }

    /// Takes the edits of one more answer.
    pub fn take(&mut self, answer: &str, format: EditFormat, tree: &dyn SourceTree, rules: &Rules<'_>) -> io::Result<()> {
        self.take_plan(&edit::parse(format, &known(tree, rules), answer, true), tree, rules)
    }

    /// Takes the complete edits of an answer that was cut off, and notes that there may have been more.
    pub fn take_cut(&mut self, answer: &str, format: EditFormat, tree: &dyn SourceTree, rules: &Rules<'_>) -> io::Result<()> {
        let plan = edit::parse(format, &known(tree, rules), answer, false);
        self.take_plan(&plan, tree, rules)?;
        let noted = plan.issues.iter().any(|issue| issue.kind == IssueKind::Cut);
        if !self.changes.is_empty() && !noted {
            self.rejects.push(Misfit::cut());
        }
        Ok(())
    }

    /// The same with edits that were read already.
    pub fn take_plan(&mut self, plan: &EditPlan, tree: &dyn SourceTree, rules: &Rules<'_>) -> io::Result<()> {
        self.asked_again();
        self.make_good(plan, tree);
        self.unseen.clear();
        if plan.message.is_some() {
            self.message.clone_from(&plan.message);
        }
        let overlay = Overlay { below: tree, changes: &self.changes };
        let looks = rules.look(plan, &overlay)?;
        let mut usable: Vec<Edit> = Vec::new();
        let mut unseen = BTreeSet::new();
        for edit in &plan.edits {
            match &edit.path {
                Ok(path) if looks.get(path).is_some_and(|look| rules.must_be_seen(path, edit, look)) => {
                    unseen.insert(path.clone());
                }
                _ => usable.push(edit.clone()),
            }
        }
        let withheld = looks.iter().filter(|(_, look)| look.holds_secret).map(|(path, _)| (*path).clone()).collect();
        let applied = edit::apply(&usable, &overlay, &rules.edit_rules(withheld))?;
        // A secret is written nowhere, and nor is its placeholder in its place.
        let holds = |path: &RepoPath| {
            let after = applied.changes.get(path).and_then(|change| change.after.as_ref());
            rules.redactor.holds(path.as_bytes()) || after.is_some_and(|file| rules.redactor.holds(&file.bytes))
        };
        let secret: BTreeSet<RepoPath> = applied.changes.iter().map(|(path, _)| path).filter(|path| holds(path)).cloned().collect();
        for at in &applied.landed {
            let edit = &usable[*at];
            match &edit.path {
                Ok(path) if secret.contains(path) => self.rejects.push(Misfit::with_secret(path, edit)),
                Ok(path) => *self.counts.entry(path.clone()).or_default() += 1,
                Err(_) => {}
            }
        }
        self.rejects.extend(plan.issues.iter().map(Misfit::from_issue));
        self.rejects.extend(applied.rejects.iter().map(Misfit::from_reject));
        self.unseen = unseen.into_iter().collect();
        let fit = applied.changes.iter().filter(|(path, _)| !secret.contains(*path));
        let fit = fit.map(|(path, change)| (path.clone(), change.clone())).collect();
        self.changes = std::mem::take(&mut self.changes).then(&fit);
        self.redact(rules.redactor);
        Ok(())
    }

    /// What did not fit is what an answer from now on may make good.
    pub fn asked_again(&mut self) {
        self.given_up.extend(self.rejects.drain(..).filter(|misfit| !misfit.dispensable));
    }

    /// Takes out of what did not fit what these edits are meant to put right: whatever they name, and, for each that nobody was
    /// asked about, one of those that named no file that there is.
    fn make_good(&mut self, plan: &EditPlan, tree: &dyn SourceTree) {
        if self.given_up.is_empty() {
            return;
        }
        let issues = plan.issues.iter().map(|issue| issue.path.clone());
        let named: Vec<Option<String>> = plan.edits.iter().map(|edit| Some(edit.path_text())).chain(issues).collect();
        let known: BTreeSet<String> = tree.paths().iter().map(ToString::to_string).collect();
        for path in named {
            let before = self.given_up.len();
            self.given_up.retain(|misfit| misfit.path.is_none() || misfit.path != path);
            let elsewhere = |misfit: &Misfit| misfit.path.as_ref().is_none_or(|path| !known.contains(path));
            if self.given_up.len() == before
                && let Some(at) = self.given_up.iter().position(elsewhere)
            {
                self.given_up.remove(at);
            }
        }
    }

    /// Takes secrets out of what an answer said: it was not redacted before it was read.
    fn redact(&mut self, redactor: &Redactor) {
        let clean = |text: &mut String| *text = redactor.redact(text).into_owned();
        self.message.iter_mut().for_each(clean);
        for misfit in &mut self.rejects {
            let model = &mut misfit.for_model;
            [misfit.path.as_mut(), model.path.as_mut(), model.edit.as_mut()].into_iter().flatten().for_each(clean);
            [&mut misfit.line, &mut misfit.source, &mut model.reason].into_iter().for_each(clean);
        }
    }

    /// As it is kept in a turn.
    pub fn stored(&self, status: ChangeStatus) -> StoredEdits {
        let changes = self.changes.iter().map(|(path, change)| StoredChange {
            path: path.clone(),
            status,
            before: change.before.clone(),
            after: change.after.clone(),
        });
        let unseen = self.unseen.iter().map(|path| StoredReject {
            path: path.to_string(),
            reason: "the model had not seen this file".to_owned(),
            edit: String::new(),
        });
        let rejects = self.rejects.iter().map(|r| StoredReject {
            path: r.path.clone().unwrap_or_default(),
            reason: r.line.clone(),
            edit: r.source.clone(),
        });
        StoredEdits { changes: changes.collect(), rejects: rejects.chain(unseen).collect(), message: self.message.clone() }
    }

    /// The edits that are kept, for the model.
    pub fn held(&self) -> Vec<prompt::Held> {
        self.counts.iter().map(|(path, edits)| prompt::Held { path: path.clone(), edits: *edits }).collect()
    }
}

/// The paths that an answer may name.
fn known(tree: &dyn SourceTree, rules: &Rules<'_>) -> Vec<RepoPath> {
    rules.state.files.keys().chain(tree.paths()).cloned().collect()
}

/// A file as an edit finds it.
struct Look {
    /// None: there is no file.
    length: Option<usize>,
    holds_secret: bool,
}

/// What an answer may do.
pub struct Rules<'a> {
    pub state: &'a SessionState,
    /// Knows the secrets: a file that holds one is never sent, so never edited.
    pub redactor: &'a Redactor,
    /// Whether edits of files that are not in the session are sent back with the file. Off where no model can be asked.
    pub ask_for_unseen: bool,
}

impl Rules<'_> {
    fn must_be_seen(&self, path: &RepoPath, edit: &Edit, look: &Look) -> bool {
        if !self.ask_for_unseen || look.holds_secret || self.state.files.contains_key(path) {
            return false;
        }
        // Creating a file needs no look at it; an existing one is refused or replaced only by someone who saw it.
        look.length.is_some_and(|length| length > 0 || matches!(edit.op, Op::Delete))
    }

    /// Looks at the files of the plan, whether the model has asked for them before or not; at each once, however many edits
    /// there are of it.
    fn look<'p>(&self, plan: &'p EditPlan, tree: &dyn SourceTree) -> io::Result<BTreeMap<&'p RepoPath, Look>> {
        let mut looks = BTreeMap::new();
        for path in plan.edits.iter().filter_map(|edit| edit.path.as_ref().ok()) {
            if let Entry::Vacant(place) = looks.entry(path) {
                // What cannot be written there is said when the edit is tried.
                let file = if tree.obstacle(path).is_some() { None } else { tree.read(path)? };
                let in_file = file.as_ref().is_some_and(|file| self.redactor.holds(&file.bytes));
                let holds_secret = in_file || self.redactor.holds(path.as_bytes());
                place.insert(Look { length: file.map(|file| file.bytes.len()), holds_secret });
            }
        }
        Ok(looks)
    }

    fn edit_rules(&self, withheld: BTreeSet<RepoPath>) -> edit::Rules {
        let read_only = self.state.files.iter().filter(|(_, access)| **access == Access::ReadOnly).map(|(path, _)| path.clone());
        edit::Rules { read_only: read_only.collect(), withheld }
    }
}
