//! Commands of the user's in the course of an exchange.

use serde_json::{Map, Value, json};

use crate::edit::EditPlan;
use crate::hooks::{CommandId, Pipeline, Point, Ran, Side, Verdict};
use crate::prompt::Trouble;
use crate::session::event::Event;
use crate::session::request::{Part, Role};
use crate::session::stream::Stop;
use crate::session::turn::{ChangeStatus, Outcome, ResponseRecord};
use crate::vcs::Landed;

use super::super::Error;
use super::super::edits::{Misfit, Rules};
use super::super::hook;
use super::super::landing;
use super::super::machine::{Input, Objection};
use super::super::prepare::{self, Extra, Included};
use super::{Driver, Progress};

/// What commands have said, until it is used.
#[derive(Default)]
pub(super) struct Hooked {
    pub pipeline: Pipeline,
    /// For the first request.
    pub extra: Extra,
    /// The answer in other words, to be parsed in its place.
    pub answer: Option<String>,
    pub message: Option<String>,
    /// Whether the edits are in the files.
    pub written: bool,
    /// Events of the time before the turn is open.
    pub events: Vec<Event>,
}

impl Driver<'_> {
    /// Runs a command; `outcome` is what the turn has come to.
    pub(super) async fn command(
        &mut self,
        id: CommandId,
        outcome: Outcome,
        interrupt: &mut (dyn Future<Output = ()> + Unpin),
    ) -> Result<Input, Error> {
        let data = self.told(id.point, outcome)?;
        let header = self.begun.as_ref().map(|begun| &begun.header).or(self.open.as_ref().map(|open| &open.turn.turn.header));
        let place = header.or(self.last.as_ref().map(|(turn, _)| &turn.header)).map(hook::Where::from);
        let open = self.open.as_ref().map(|open| &open.turn);
        let ran = tokio::select! {
            ran = hook::call(self.ws, &self.hooked.pipeline, id, place, open, data) => ran?,
            () = &mut *interrupt => {
                self.error = Some(Error::Interrupted);
                return Ok(Input::Interrupted);
            }
        };
        self.take(id, ran)
    }

    /// What a command is told.
    fn told(&mut self, point: Point, outcome: Outcome) -> Result<Map<String, Value>, Error> {
        let value = match point {
            Point::Session => json!({
                "source": if self.message.start.session.is_some() { "resume" } else { "startup" },
                "session_name": self.begun.as_ref().and_then(|begun| begun.name.clone()).or(self.message.start.name.clone()),
            }),
            Point::Prompt => {
                let listed = |files: &[Included]| -> Vec<Value> {
                    files.iter().map(|f| json!({ "path": f.path.to_string(), "access": f.access.as_str() })).collect()
                };
                let stdin = self.message.stdin.as_deref().map(|text| self.ws.redactor.redact(text));
                match &self.prepared {
                    None => {
                        let words = self.ws.redactor.redact(self.hooked.extra.words.as_deref().unwrap_or(&self.message.text));
                        let files = prepare::files(self.ws, self.message, &words)?;
                        json!({ "prompt": words, "stdin": stdin, "files": listed(&files) })
                    }
                    Some(prepared) => {
                        let (files, tokens) = (listed(&prepared.files), prepared.tokens.0);
                        json!({ "prompt": prepared.text, "stdin": stdin, "files": files, "tokens": tokens })
                    }
                }
            }
            Point::Request => {
                let model = self.model.id.to_string();
                let parts = self.parts()?;
                let messages: Vec<Value> = parts
                    .chunk_by(|a, b| a.role == b.role)
                    .map(|run| {
                        let text: String = run.iter().filter(|p| p.kind.native_provider().is_none()).map(Part::as_text).collect();
                        json!({ "role": run[0].role.as_str(), "content": text })
                    })
                    .collect();
                json!({ "model": model, "messages": messages })
            }
            Point::Response => {
                let text = self.answer()?;
                json!({ "model": self.model.id.to_string(), "text": text })
            }
            Point::Plan | Point::Edits => return Ok(hook::data(point, &self.gathered, "")),
            Point::Commit => {
                let message = self.commit_message()?;
                let mut data = hook::data(point, &self.gathered, &message);
                data.insert("commit".to_owned(), json!(self.open()?.turn.turn.header.commit.map(|c| c.to_string())));
                return Ok(data);
            }
            Point::Turn => {
                let last = self.last.as_ref().map(|(turn, appended)| (&turn.header, Some(appended.commit)));
                let open = self.open.as_ref().map(|open| (&open.turn.turn.header, None));
                let Some((header, record)) = open.or(last) else { return Err(Error::Bug("there is no turn".to_owned())) };
                let mut data = hook::outcome(header, outcome);
                if let Some(record) = record {
                    data.insert("turn_commit".to_owned(), record.to_string().into());
                }
                return Ok(data);
            }
        };
        match value {
            Value::Object(fields) => Ok(fields),
            _ => Err(Error::Bug("what a hook is told is no object".to_owned())),
        }
    }

    /// The conversation that the open turn's request carries.
    pub(super) fn parts(&mut self) -> Result<Vec<Part>, Error> {
        let segments = &self.open()?.call.body.segments;
        let part =
            |s: &crate::session::request::Segment| Some(Part { role: s.role?, kind: s.kind.clone(), bytes: s.bytes.clone() });
        Ok(segments.iter().filter_map(part).collect())
    }

    /// The answer as it is read for edits.
    pub(super) fn answer(&mut self) -> Result<String, Error> {
        if let Some(text) = &self.hooked.answer {
            return Ok(text.clone());
        }
        let piece = self.open()?.turn.turn.response.as_ref().map(|r| r.text.clone()).unwrap_or_default();
        Ok(self.with_earlier(piece))
    }

    /// What the commit will say.
    pub(super) fn commit_message(&mut self) -> Result<String, Error> {
        let key = self.open()?.turn.turn.header.key;
        Ok(match &self.hooked.message {
            Some(text) => landing::with_trailer(text, key),
            None => landing::message(self.ws, self.wording(), &self.gathered.changes, key),
        })
    }

    /// Keeps and shows what a command said, and does it.
    fn take(&mut self, id: CommandId, mut ran: Ran) -> Result<Input, Error> {
        let own = self.hooked.pipeline.side(id) == Side::Instead;
        if own {
            // Nobody else does what it should have done.
            hook::must_give(&mut ran);
        }
        self.note_ran(&ran);
        let objection = match &ran.answer.verdict {
            Verdict::Go => None,
            Verdict::Block(_) => Some(Objection::Mend),
            Verdict::Stop(_) => Some(Objection::Stop),
        };
        match objection {
            Some(objection) => self.objected(&ran, objection),
            // What a point makes nothing of was said to the user.
            None if ran.answer.failed.is_some() => Ok(Input::Passed),
            None => self.use_said(id, ran, own),
        }
    }

    fn note_ran(&mut self, ran: &Ran) {
        let mut event = hook::event(self.ws, ran);
        if ran.point == Point::Prompt && ran.answer.said.text.is_some() {
            // The turn's prompt is what was made of them.
            event = event.with("was", self.hooked.extra.words.as_ref().unwrap_or(&self.message.text));
        }
        self.note(event);
        self.observer.observe(&Progress::Hook(ran));
    }

    fn objected(&mut self, ran: &Ran, objection: Objection) -> Result<Input, Error> {
        let written = self.hooked.written;
        match ran.point {
            Point::Prompt | Point::Request if self.unanswered() => self.error = Some(hook::blocked(ran)),
            Point::Edits if written => self.error = Some(hook::blocked(ran)),
            Point::Request | Point::Response | Point::Plan | Point::Edits => self.refuse(ran)?,
            Point::Commit if self.open()?.turn.turn.header.commit.is_none() => self.error = Some(hook::blocked(ran)),
            _ => return Ok(Input::Passed),
        }
        Ok(Input::Blocked(objection))
    }

    fn unanswered(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.turn.turn.response.is_none())
    }

    /// The edits are kept in the turn as they are, with why they are not wanted; the model begins again.
    fn refuse(&mut self, ran: &Ran) -> Result<(), Error> {
        let why = hook::why(ran).unwrap_or_default();
        self.gathered.asked_again();
        self.gathered.rejects.push(Misfit::from_hook(&ran.name, why));
        let stored = self.gathered.stored(ChangeStatus::Held);
        self.open()?.turn.turn.edits = stored;
        self.error = Some(hook::blocked(ran));
        self.trouble = Some(Trouble::Objection { hook: ran.name.clone(), why: why.to_owned() });
        self.gathered.changes = crate::base::change::ChangeSet::default();
        self.gathered.counts.clear();
        Ok(())
    }

    /// Uses what a command gives.
    fn use_said(&mut self, id: CommandId, ran: Ran, own: bool) -> Result<Input, Error> {
        let said = ran.answer.said;
        match id.point {
            Point::Session | Point::Prompt => {
                self.hooked.extra.contexts.extend(said.context.map(|text| (ran.name.clone(), text)));
                if let Some(text) = said.text {
                    self.hooked.extra.words = Some(text);
                }
                if own {
                    self.hooked.extra.bare = true;
                    return self.build();
                }
            }
            Point::Request => {
                if let Some(text) = said.context {
                    self.add_context(&ran.name, &text)?;
                }
                if let Some(text) = said.text.filter(|_| own) {
                    return self.answered(text);
                }
            }
            Point::Response => {
                self.hooked.answer = said.text.or(self.hooked.answer.take());
                if own {
                    return self.parse_for(said.files);
                }
                if let Some(files) = said.files {
                    return self.more_edits(&ran.name, hook::plan(files));
                }
            }
            Point::Edits if own => return self.applied_by(&ran.name),
            Point::Edits => {
                if let Some(files) = said.files {
                    let input = self.more_edits(&ran.name, hook::plan(files))?;
                    if input == Input::Passed {
                        self.store()?;
                    }
                    return Ok(input);
                }
            }
            Point::Commit if own => return self.committed_by(said.commit.as_deref().unwrap_or_default()),
            Point::Commit => self.hooked.message = said.message.or(self.hooked.message.take()),
            Point::Plan | Point::Turn => {}
        }
        Ok(Input::Passed)
    }

    /// Puts more text at the end of the open turn's request.
    fn add_context(&mut self, name: &str, text: &str) -> Result<(), Error> {
        let mut parts = self.parts()?;
        let text = crate::prompt::context(&self.ws.templates, name, text)?;
        parts.push(Part::text(Role::User, format!("hook:{name}").as_str(), text));
        let call = self.model.encode(parts)?;
        let (digest, record) = super::request::record_request(self.ws, self.open()?.turn.place.parent, &call)?;
        let ws = self.ws;
        let open = self.open()?;
        open.turn.turn.header.request = Some(digest);
        open.turn.turn.request = Some(record);
        open.turn.save(ws)?;
        open.call = call;
        Ok(())
    }

    /// A command is the model.
    fn answered(&mut self, text: String) -> Result<Input, Error> {
        let ws = self.ws;
        self.observer.observe(&Progress::Text(&ws.redactor.redact(&text)));
        let open = self.open()?;
        let raw = text.as_bytes().to_vec();
        open.turn.turn.response = Some(ResponseRecord { raw, text, stop: Some(Stop::End), ..ResponseRecord::default() });
        open.turn.save(ws)?;
        Ok(Input::Answered)
    }

    /// A command reads the edits: as whole files, or from its own text in any of the forms of edits.
    fn parse_for(&mut self, files: Option<Vec<crate::hooks::FileText>>) -> Result<Input, Error> {
        match files {
            None => self.parse(),
            Some(files) => self.parse_plan(&hook::plan(files)),
        }
    }

    /// Edits on top of those that fit. What does not fit is the command's fault, so nothing of it goes back to the model.
    fn more_edits(&mut self, name: &str, plan: EditPlan) -> Result<Input, Error> {
        let ws = self.ws;
        let tree = ws.backend.worktree()?;
        let rules = Rules { state: &self.state, redactor: &ws.redactor, ask_for_unseen: false };
        let read = |source| Error::Read { what: "a file that a hook edits".to_owned(), source };
        self.gathered.take_plan(&plan, &*tree, &rules).map_err(read)?;
        if self.gathered.rejects.is_empty() {
            return Ok(Input::Passed);
        }
        let why = self.gathered.rejects.iter().map(|r| r.line.clone()).collect::<Vec<_>>().join("; ");
        self.error = Some(Error::Blocked { point: Point::Edits.name(), hook: name.to_owned(), why });
        self.open()?.turn.turn.edits = self.gathered.stored(ChangeStatus::Held);
        self.observer.observe(&Progress::Rejected(&self.gathered));
        Ok(Input::Blocked(Objection::Stop))
    }

    /// A command wrote the files: what is in them now is what was done.
    fn applied_by(&mut self, name: &str) -> Result<Input, Error> {
        let done = hook::as_written(self.ws, &self.gathered.changes)?;
        if done.is_empty() {
            let why = "it stands for a step of its own, and wrote none of the files".to_owned();
            self.error = Some(Error::Blocked { point: Point::Edits.name(), hook: name.to_owned(), why });
            self.open()?.turn.turn.edits = self.gathered.stored(ChangeStatus::Held);
            return Ok(Input::NotApplied);
        }
        self.gathered.changes = done;
        self.store()?;
        self.written();
        Ok(Input::Applied)
    }

    /// A command made the commit, and says which.
    fn committed_by(&mut self, commit: &str) -> Result<Input, Error> {
        let ws = self.ws;
        let base = self.open()?.turn.turn.header.base;
        match hook::made(ws, base, commit) {
            Ok(oid) => {
                ws.faults.point("landed");
                self.observer.observe(&Progress::Landed(&Landed { commit: Some(oid), ..Landed::default() }));
                self.open()?.turn.turn.header.commit = Some(oid);
                Ok(Input::Committed)
            }
            Err(error) => {
                self.observer.observe(&Progress::NotCommitted(&error));
                self.error = Some(error);
                Ok(Input::NotCommitted)
            }
        }
    }
}
