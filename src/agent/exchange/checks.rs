//! The driver's part in checks: what breaks the syntax goes back before it is written, what fails a command after. In between
//! stands the look of the user, if they want one.
//!
//! Invariants
//! - Before a command runs, the turn's directory says what is written and committed already: whoever closes the turn of a
//!   process that died meanwhile leaves it so.
//! - What a lint command made of edited files becomes a turn of its own in the same exchange, so that undo takes it back with
//!   the rest. The user's own lines are left out of its commit as of every other.

use crate::base::change::{ChangeSet, FileState};
use crate::base::path::RepoPath;
use crate::prompt::Trouble;

use super::super::apply;
use super::super::check::{self, Checked, Job, Kind};
use super::super::edits::Gathered;
use super::super::prepare::Start;
use super::super::review;
use super::{Driver, Error, Event, Failed, Input, Objection, Outcome, Progress, Then, Until, Workspace};

/// Edits as a lint command left them.
pub(super) struct Tidied {
    changes: ChangeSet,
    /// The commands that did it.
    by: Vec<String>,
}

impl Driver<'_> {
    /// What comes of edits that all fit: whether they may be written.
    pub(super) fn look_at_syntax(&mut self, fit: usize) -> Result<Input, Error> {
        let ws = self.ws;
        let fits = Input::Parsed { fit, misfits: 0, unseen: 0 };
        if fit == 0 {
            return Ok(fits);
        }
        let broken = check::broken_if_asked(ws, &self.gathered.changes);
        if broken.is_empty() {
            return Ok(fits);
        }
        let events: Vec<Event> = broken.iter().map(|place| place.event(ws)).collect();
        self.open()?.turn.turn.events.extend(events);
        self.observer.observe(&Progress::Broken(&broken));
        if !std::mem::replace(&mut self.told_syntax, true) {
            self.trouble = Some(Trouble::Syntax(broken.iter().map(check::Broken::for_model).collect()));
        }
        Ok(Input::Broken)
    }

    /// Lets the user look at the edits, and makes durable what they take.
    pub(super) async fn review_and_store(&mut self, interrupt: &mut (dyn Future<Output = ()> + Unpin)) -> Result<Input, Error> {
        let ws = self.ws;
        // What the model was told of and left so is written.
        self.trouble = None;
        let Some(reviewer) = &mut self.reviewer else { return self.store() };
        let looked = tokio::select! {
            looked = review::review(&self.gathered.changes, &mut **reviewer) => looked.map_err(Error::Review)?,
            () = &mut *interrupt => {
                self.error = Some(Error::Interrupted);
                return Ok(Input::Interrupted);
            }
        };
        self.observer.observe(&Progress::Reviewed(&looked));
        let events = looked.events(ws);
        // Broken is what is left, or what the user made of it by hand.
        let broken = check::broken_if_asked(ws, &looked.changes);
        let turn = &mut self.open()?.turn.turn;
        turn.events.retain(|event| event.kind != "syntax");
        turn.events.extend(events.into_iter().chain(broken.iter().map(|place| place.event(ws))));
        let (hunks, none) = (looked.for_model(ws), looked.changes.is_empty());
        self.gathered.changes = looked.changes;
        let reasons = !hunks.is_empty();
        if reasons {
            self.trouble = Some(Trouble::Refused { hunks, others: !none });
        }
        if none {
            return Ok(Input::Refused { reasons });
        }
        let stored = self.store()?;
        Ok(if reasons { Input::StoredInPart } else { stored })
    }

    /// Runs the user's commands on what was written.
    pub(super) async fn check(&mut self, interrupt: &mut (dyn Future<Output = ()> + Unpin)) -> Result<Input, Error> {
        let ws = self.ws;
        let changes = self.gathered.changes.clone();
        let jobs = |kind| check::jobs(&ws.config.settings().check, kind, &changes);
        let (lints, tests) = (jobs(Kind::Lint), jobs(Kind::Test));
        if lints.is_empty() && tests.is_empty() {
            return Ok(Input::Checked);
        }
        self.settle_before_checks(&changes)?;
        let before = on_disk(ws, &changes)?;
        let mut failed = Vec::new();
        let mut tidiers = Vec::new();
        for job in &lints {
            let now = on_disk(ws, &changes)?;
            let Some(mut checked) = self.run_job(job, interrupt).await? else { return Ok(Input::Interrupted) };
            if on_disk(ws, &changes)? != now {
                tidiers.push(checked.command.clone());
                // One that mends what it finds says so by failing; the second time counts.
                if !checked.passed() {
                    match self.run_job(job, interrupt).await? {
                        Some(again) => checked = again,
                        None => return Ok(Input::Interrupted),
                    }
                }
            }
            if !checked.passed() {
                failed.push(checked);
            }
        }
        let after = on_disk(ws, &changes)?;
        let mut tidied = ChangeSet::default();
        for ((path, before), (_, after)) in before.into_iter().zip(after) {
            tidied.record(path, before, after);
        }
        self.tidied = (!tidied.is_empty()).then_some(Tidied { changes: tidied, by: tidiers });
        if failed.is_empty() {
            for job in &tests {
                let Some(checked) = self.run_job(job, interrupt).await? else { return Ok(Input::Interrupted) };
                if !checked.passed() {
                    failed.push(checked);
                    break;
                }
            }
        }
        ws.faults.point("checked");
        let Some(last) = failed.last() else {
            self.failed = None;
            return Ok(Input::Checked);
        };
        let turn = self.open()?.turn.turn.header.key;
        self.failed = Some(Failed { command: last.command.clone(), how: last.how(), turn });
        if failed.iter().any(|checked| !checked.can_be_mended()) {
            return Ok(Input::CheckFailed(Objection::Stop));
        }
        self.trouble.get_or_insert(Trouble::Checks(failed.iter().map(Checked::for_model).collect()));
        Ok(Input::CheckFailed(Objection::Mend))
    }

    /// Keeps what the turn has come to, in case nobody comes to say it.
    fn settle_before_checks(&mut self, changes: &ChangeSet) -> Result<(), Error> {
        let (ws, state) = (self.ws, self.state.clone());
        let open = self.open()?;
        open.turn.turn.state = state;
        if open.turn.turn.header.commit.is_some() {
            open.turn.turn.header.outcome = Outcome::Applied;
        } else {
            open.turn.turn.header.outcome = Outcome::Uncommitted;
            open.turn.place.in_files = changes.iter().map(|(path, _)| path.clone()).collect();
        }
        open.turn.save(ws)?;
        ws.faults.point("check.before");
        Ok(())
    }

    /// `None` when the user did not want to wait.
    async fn run_job(&mut self, job: &Job, interrupt: &mut (dyn Future<Output = ()> + Unpin)) -> Result<Option<Checked>, Error> {
        let ws = self.ws;
        self.observer.observe(&Progress::Checking { command: &job.shown(ws) });
        let checked = tokio::select! {
            checked = job.run(ws) => checked?,
            () = &mut *interrupt => {
                self.error = Some(Error::Interrupted);
                return Ok(None);
            }
        };
        self.observer.observe(&Progress::Checked(&checked));
        let event = checked.event(ws);
        self.open()?.turn.turn.events.push(event);
        Ok(Some(checked))
    }

    /// Records what lint commands made of the files, behind the turn that was just closed.
    pub(super) fn keep_tidied(&mut self) -> Result<(), Error> {
        let (Some(Tidied { changes, by }), Some((_, last))) = (self.tidied.take(), &self.last) else { return Ok(()) };
        let start = Start { parent: Some(last.commit), session: Some(last.session), name: None, replaces: None };
        let until = if self.then == Then::Commit { Until::Committed } else { Until::Written };
        let subject = format!("Apply what {} changes", by.join(" and "));
        let exchange = self.exchange.ok_or_else(|| Error::Bug("no exchange".to_owned()))?;
        match apply::in_files(self.ws, changes, &subject, &start, exchange, until) {
            Ok(done) => {
                self.observer.observe(&Progress::Written(&done.gathered));
                if let Some(landed) = &done.landed {
                    self.observer.observe(&Progress::Landed(landed));
                }
                if let Some(error) = &done.error {
                    self.observer.observe(&Progress::NotCommitted(error));
                }
                self.observer.observe(&Progress::Closed { turn: &done.turn, appended: &done.appended });
                self.last = Some((done.turn, done.appended));
            }
            // It stays in the files, as the user's own work would.
            Err(error) => self.observer.observe(&Progress::NotCommitted(&error)),
        }
        Ok(())
    }
}

/// Why a model is asked again, for people: the end of a sentence.
pub(super) fn about(trouble: Option<&Trouble>, gathered: &Gathered) -> String {
    let counted = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    match trouble {
        None => format!("about {}", counted(gathered.rejects.len() + gathered.unseen.len(), "edit")),
        Some(Trouble::Syntax(places)) => format!("about {} with broken syntax", counted(places.len(), "place")),
        Some(Trouble::Objection { hook, .. }) => format!("because of {hook}"),
        Some(Trouble::Checks(failed)) => {
            let commands: Vec<&str> = failed.iter().map(|f| f.command.as_str()).collect();
            format!("about {}", commands.join(", "))
        }
        Some(Trouble::Refused { hunks, .. }) => format!("about {}", counted(hunks.len(), "refused change")),
    }
}

/// The files of a change as they are now.
fn on_disk(ws: &Workspace, changes: &ChangeSet) -> Result<Vec<(RepoPath, Option<FileState>)>, Error> {
    let tree = ws.backend.worktree()?;
    let read = |path: &RepoPath| {
        let state = tree.read(path).map_err(|source| Error::Read { what: path.to_string(), source })?;
        Ok((path.clone(), state))
    };
    changes.iter().filter(|(_, change)| change.after.is_some()).map(|(path, _)| read(path)).collect()
}
