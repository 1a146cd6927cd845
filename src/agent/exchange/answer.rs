//! From an answer to the edits that an exchange has gathered.
//!
//! Invariants
//! - Nothing is written here: what fits is held.
//! - Of an answer that was cut off only complete edits are kept, and it is noted that there may have been more.

use std::io;

use crate::edit::EditPlan;
use crate::session::event::Event;

use super::super::Error;
use super::super::edits::{Misfit, Rules};
use super::super::machine::Input;
use super::super::prepare;
use super::{Driver, Progress};

impl Driver<'_> {
    pub(super) fn parse(&mut self) -> Result<Input, Error> {
        let (ws, text) = (self.ws, self.answer()?);
        let tree = ws.backend.worktree()?;
        let rules = Rules { state: &self.state, redactor: &ws.redactor, ask_for_unseen: true };
        self.gathered.take(&text, prepare::asked_for(self.message.format), &*tree, &rules).map_err(unreadable)?;
        self.parsed()
    }

    pub(super) fn parse_plan(&mut self, plan: &EditPlan) -> Result<Input, Error> {
        let ws = self.ws;
        let tree = ws.backend.worktree()?;
        let rules = Rules { state: &self.state, redactor: &ws.redactor, ask_for_unseen: true };
        self.gathered.take_plan(plan, &*tree, &rules).map_err(unreadable)?;
        self.parsed()
    }

    /// What was read from the answer.
    fn parsed(&mut self) -> Result<Input, Error> {
        let ws = self.ws;
        let (fit, misfits, unseen) = (self.gathered.changes.len(), self.gathered.rejects.len(), self.gathered.unseen.len());
        let now = ws.now();
        let lines: Vec<Event> = self.gathered.rejects.iter().map(|r| Event::new(now, "reject").with("what", &r.line)).collect();
        self.open()?.turn.turn.events.extend(lines);
        if misfits + unseen > 0 {
            self.observer.observe(&Progress::Rejected(&self.gathered));
        }
        ws.faults.point("parsed");
        if misfits + unseen == 0 {
            self.note_given_up()?;
        }
        if misfits + unseen == 0 {
            return self.look_at_syntax(fit);
        }
        Ok(Input::Parsed { fit, misfits, unseen })
    }

    /// Says which edits are missing in what this answer came to.
    fn note_given_up(&mut self) -> Result<(), Error> {
        let given_up = std::mem::take(&mut self.gathered.given_up);
        if given_up.is_empty() {
            return Ok(());
        }
        let now = self.ws.now();
        let event = |misfit: &Misfit| {
            let path = misfit.path.as_deref().unwrap_or_default();
            Event::new(now, "given-up").with("path", path).with("what", &misfit.line).with("edit", &misfit.source)
        };
        self.open()?.turn.turn.events.extend(given_up.iter().map(event));
        self.observer.observe(&Progress::GivenUp(&given_up));
        self.given_up.extend(given_up.into_iter().map(|misfit| misfit.line));
        Ok(())
    }

    /// Keeps the complete edits of an answer that was cut off; nothing is written.
    pub(super) fn keep_complete(&mut self) -> Result<(), Error> {
        let (ws, text) = (self.ws, self.answer()?);
        if text.is_empty() {
            return Ok(());
        }
        let tree = ws.backend.worktree()?;
        let rules = Rules { state: &self.state, redactor: &ws.redactor, ask_for_unseen: true };
        self.gathered.take_cut(&text, prepare::asked_for(self.message.format), &*tree, &rules).map_err(unreadable)
    }
}

pub(super) fn unreadable(source: io::Error) -> Error {
    Error::Read { what: "a file that the answer edits".to_owned(), source }
}
