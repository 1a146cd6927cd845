//! The driver of an exchange: does what the machine says, and is the only place that awaits.
//!
//! Invariants
//! - Every turn is read from refs and written to its ref; between two turns of an exchange only the held edits are carried.
//! - Whoever watches is told everything through one [`Observer`]; it cannot change the course.

mod again;
mod answer;
mod checks;
mod command;
mod continuing;
mod policy;
mod request;

pub(super) use request::{price_of, record_request};

use std::time::Duration;

use crate::base::id::{Oid, TurnKey};
use crate::base::money::{Tokens, Usd};
use crate::config::CommitMode;
use crate::edit::Edit;
use crate::hooks::{Builtin, Handler, Pipeline, Point, Ran};
use crate::llm::{self, Answer, AskError, LlmError, TokioTimer, WireCall};
use crate::prompt::Trouble;
use crate::session::event::Event;
use crate::session::request::ModelId;
use crate::session::stream::Stop;
use crate::session::turn::{ChangeStatus, FileStat, Header, Outcome, SessionState, StoredEdits, Turn, TurnKind};
use crate::vcs::Landed;

use super::Error;
use super::check::{Broken, Checked};
use super::edits::{Gathered, Misfit};
use super::landing::{self, Then, Wording};
use super::machine::{Effect, End, Input, Machine, Objection};
use super::models::Model;
use super::open::{OpenTurn, Place};
use super::prepare::{self, Message, Prepared};
use super::review::{Reviewed, Reviewer};
use super::store::{Appended, Begins};
use super::tap::Tap;
use super::workspace::Workspace;
pub use again::{Question, again};
use command::Hooked;
pub use policy::Asked;
pub(super) use policy::could_cost;
use policy::{Chosen, Policy};
pub use request::{check_request, new_header};

/// What happens, for whoever watches.
pub enum Progress<'a> {
    /// The request is ready and about to be sent.
    Prepared {
        prepared: &'a Prepared,
        turn: &'a Header,
        name: Option<&'a str>,
        new: bool,
    },
    /// Something goes back to the model.
    Reflecting {
        turn: &'a Header,
        about: &'a str,
        tokens: Tokens,
        left: u32,
    },
    /// The answer reached the length limit, and the rest is asked for.
    Continuing {
        turn: &'a Header,
        tokens: Tokens,
    },
    /// The conversation is summed up first.
    Compacting {
        turn: &'a Header,
        tokens: Tokens,
    },
    Text(&'a str),
    Reasoning(&'a str),
    /// An edit is complete in the answer that still arrives. Nothing was done with it, and what follows can take it back.
    Read(&'a Edit),
    Retrying {
        wait: Duration,
        error: &'a LlmError,
    },
    /// Another model is asked the same; from the start of the exchange, or with a turn of its own.
    Fallback {
        from: &'a ModelId,
        to: &'a Model,
        why: &'a str,
        turn: Option<&'a Header>,
        tokens: Option<Tokens>,
    },
    /// A model that was to stand in cannot.
    LeftOut {
        model: &'a str,
        why: &'a str,
    },
    /// The provider has as many calls as it may have.
    Waiting {
        provider: &'a str,
        limit: u32,
    },
    /// What it costs is not known, so the limit does not hold for it.
    Unpriced {
        model: &'a ModelId,
        limit: Usd,
    },
    /// The answer could not be used as it is.
    Rejected(&'a Gathered),
    /// The model was asked again about these edits, and its answer leaves them out.
    GivenUp(&'a [Misfit]),
    /// All edits fit, but with them a file no longer parses.
    Broken(&'a [Broken]),
    /// A command of the user's begins to look at what was written.
    Checking {
        command: &'a str,
    },
    Checked(&'a Checked),
    /// The user has looked at the edits.
    Reviewed(&'a Reviewed),
    /// A command of the user's has run.
    Hook(&'a Ran),
    Written(&'a Gathered),
    NotWritten(&'a Error),
    Landed(&'a Landed),
    NotCommitted(&'a Error),
    Closed {
        turn: &'a Turn,
        appended: &'a Appended,
    },
}

/// Is told what happens.
pub trait Observer {
    fn observe(&mut self, progress: &Progress<'_>);

    /// Whether it is to be told of edits while they arrive, which costs a second reading of the answer.
    fn watches_edits(&self) -> bool {
        false
    }
}

/// How far an exchange goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Edits are committed.
    Committed,
    /// Edits are written, not committed.
    Written,
    /// Edits are stored only.
    Stored,
}

/// How an exchange went.
#[derive(Debug)]
pub struct Finished {
    pub end: End,
    /// The last turn.
    pub turn: Turn,
    pub appended: Appended,
    /// Why there is no answer, or why the edits are not in the files or not committed.
    pub error: Option<Error>,
}

/// Runs a message to its end. With a reviewer, nothing is written that they did not take.
pub async fn run<'a>(
    ws: &'a Workspace,
    message: &'a Message,
    asked: Asked<'a>,
    until: Until,
    observer: &'a mut dyn Observer,
    reviewer: Option<&'a mut dyn Reviewer>,
    interrupt: &mut (dyn Future<Output = ()> + Unpin),
) -> Result<Finished, Error> {
    let pipeline = pipeline(ws, until);
    let max = ws.config.settings().check.max_reflections;
    // What recovery reads must say that files may be written, before the first one is.
    let stored_as = if pipeline.has_point(Point::Edits) { ChangeStatus::Written } else { ChangeStatus::Held };
    let then = Then::of(&pipeline);
    let hooked = Hooked { pipeline: pipeline.clone(), ..Hooked::default() };
    let mut machine = Machine::new(pipeline, max);
    let mut driver = Driver { reviewer, hooked, stored_as, then, ..Driver::new(ws, message, asked, observer, max) };
    let mut effect = machine.handle(Input::Begin);
    loop {
        let input = match effect {
            Effect::Open { reflection: false } => driver.open_first()?,
            Effect::Open { reflection: true } => driver.open_reflection()?,
            Effect::OpenFallback => driver.open_fallback()?,
            Effect::OpenContinuation => driver.open_continuation()?,
            Effect::Run(Handler::Builtin(builtin)) => driver.run(builtin, interrupt).await?,
            Effect::Run(Handler::Command(id)) => driver.command(id, machine.outcome(), interrupt).await?,
            Effect::Close(outcome) => driver.close(outcome)?,
            Effect::Finish(end) => return driver.finish(end),
        };
        effect = machine.handle(input);
    }
}

/// The steps that a turn takes which goes so far.
pub(super) fn pipeline(ws: &Workspace, until: Until) -> Pipeline {
    match until {
        Until::Committed if ws.config.settings().vcs.commit == CommitMode::Auto => ws.pipeline.clone(),
        Until::Committed | Until::Written => ws.pipeline.clone().until(Point::Commit),
        Until::Stored => ws.pipeline.clone().until(Point::Edits),
    }
}

struct Driver<'a> {
    ws: &'a Workspace,
    message: &'a Message,
    model: Chosen<'a>,
    policy: Policy<'a>,
    observer: &'a mut dyn Observer,
    reviewer: Option<&'a mut dyn Reviewer>,
    state: SessionState,
    gathered: Gathered,
    /// What goes back to the model, if it is not edits that do not fit.
    trouble: Option<Trouble>,
    /// Whether the model was told of broken syntax.
    told_syntax: bool,
    /// Edits that the model left out when it was asked again, in a line each.
    given_up: Vec<String>,
    /// The check that failed last, and how.
    failed: Option<Failed>,
    tidied: Option<checks::Tidied>,
    text: String,
    /// The first turn's place and request, until it is opened with them.
    begun: Option<Begun>,
    prepared: Option<Prepared>,
    /// What commands of the user's said.
    hooked: Hooked,
    exchange: Option<TurnKey>,
    open: Option<Open>,
    last: Option<(Turn, Appended)>,
    error: Option<Error>,
    reflections_left: u32,
    /// How often an answer may still go on, and what came of the one that does.
    continuations_left: u32,
    so_far: String,
    /// How edits are stored: `Written` when the next step writes them.
    stored_as: ChangeStatus,
    /// What follows when they are written.
    then: Then,
}

/// A check that failed.
struct Failed {
    command: String,
    how: String,
    /// The turn that has its output.
    turn: TurnKey,
}

/// Where the first turn goes.
struct Begun {
    header: Header,
    place: Place,
    /// The session's name, if it has one.
    name: Option<String>,
}

/// The turn that is open, and its call.
struct Open {
    turn: OpenTurn,
    call: WireCall,
}

impl<'a> Driver<'a> {
    fn new(ws: &'a Workspace, message: &'a Message, asked: Asked<'a>, observer: &'a mut dyn Observer, reflections: u32) -> Self {
        Self {
            stored_as: ChangeStatus::Held,
            then: Then::Leave,
            reviewer: None,
            ws,
            message,
            model: Chosen::Given(asked.model),
            policy: Policy::new(asked.breakers, &ws.config.settings().model.fallback, asked.spent),
            observer,
            state: SessionState::default(),
            gathered: Gathered::default(),
            trouble: None,
            told_syntax: false,
            given_up: Vec::new(),
            failed: None,
            tidied: None,
            text: String::new(),
            begun: None,
            prepared: None,
            hooked: Hooked::default(),
            exchange: None,
            open: None,
            last: None,
            error: None,
            reflections_left: reflections,
            continuations_left: ws.config.settings().model.continuations,
            so_far: String::new(),
        }
    }

    fn open(&mut self) -> Result<&mut Open, Error> {
        // The machine opens a turn before it asks for anything else.
        self.open.as_mut().ok_or_else(|| Error::Bug("no turn is open".to_owned()))
    }

    async fn run(&mut self, builtin: Builtin, interrupt: &mut (dyn Future<Output = ()> + Unpin)) -> Result<Input, Error> {
        match builtin {
            Builtin::Open => self.session(),
            Builtin::Build => self.build(),
            Builtin::Send => self.ask(interrupt).await,
            Builtin::Parse => self.parse(),
            Builtin::Store => self.review_and_store(interrupt).await,
            Builtin::Apply => self.apply(),
            Builtin::Commit => self.commit(),
            Builtin::Check => self.check(interrupt).await,
            // The machine says with which outcome: `Effect::Close`.
            Builtin::Record => Err(Error::Bug("a turn was recorded without an outcome".to_owned())),
        }
    }

    /// Says where the exchange's first turn goes.
    fn session(&mut self) -> Result<Input, Error> {
        let start = &self.message.start;
        self.text = self.ws.redactor.redact(&self.message.text).into_owned();
        let place = super::sessions::place(self.ws, start, &self.text)?;
        let name = match &place.name {
            Some(name) => Some(name.clone()),
            None => start.session.map(|s| self.ws.store().meta(s)).transpose()?.and_then(|m| m.name()),
        };
        let header = self.header(start.session, start.parent)?;
        self.begun = Some(Begun { header, place, name });
        Ok(Input::Passed)
    }

    fn open_first(&mut self) -> Result<Input, Error> {
        let (Some(prepared), Some(Begun { mut header, place, name })) = (self.prepared.take(), self.begun.take()) else {
            return Err(Error::Bug("a turn was opened without a request".to_owned()));
        };
        self.state.clone_from(&prepared.state);
        // Another one may stand in for it by now.
        header.model = Some(self.model.id.clone());
        self.note_left_out();
        let new = self.message.start.session.is_none();
        self.observer.observe(&Progress::Prepared { prepared: &prepared, turn: &header, name: name.as_deref(), new });
        self.open_turn(header, place, Some(prepared.text.into_bytes()), prepared.call)
    }

    fn open_reflection(&mut self) -> Result<Input, Error> {
        let (parent, session) = match &self.last {
            Some((_, appended)) => (appended.commit, appended.session),
            None => return Err(Error::Bug("nothing to reflect on".to_owned())),
        };
        let trouble = self.trouble.take();
        let about = checks::about(trouble.as_ref(), &self.gathered);
        let (call, tokens) = match &trouble {
            Some(trouble) => prepare::again(self.ws, parent, &self.model, &self.state, trouble)?,
            None => prepare::reflection(self.ws, parent, &self.model, &mut self.state, &self.gathered)?,
        };
        self.within_budget(tokens)?;
        if !matches!(trouble, None | Some(Trouble::Syntax(_))) {
            // These edits are done with; what comes now is written against the files as they are.
            self.gathered.asked_again();
            self.gathered = Gathered { given_up: std::mem::take(&mut self.gathered.given_up), ..Gathered::default() };
        }
        // The next answer is one of its own.
        self.so_far.clear();
        // What one answer was refused for is not what the next one comes to.
        (self.error, self.hooked.answer, self.hooked.message, self.hooked.written) = (None, None, None, false);
        let header = self.header(Some(session), Some(parent))?;
        self.reflections_left = self.reflections_left.saturating_sub(1);
        let left = self.reflections_left;
        self.observer.observe(&Progress::Reflecting { turn: &header, about: &about, tokens, left });
        let place = Place::new(Some(parent), Begins::Nothing);
        self.open_turn(header, place, None, call)
    }

    fn header(&mut self, session: Option<crate::base::id::SessionId>, parent: Option<Oid>) -> Result<Header, Error> {
        let key = self.ws.new_key();
        let exchange = *self.exchange.get_or_insert(key);
        let mut header = new_header(self.ws, TurnKind::Turn, key, exchange, session, parent)?;
        header.subject = crate::base::text::subject(&self.text, 72).unwrap_or_default();
        header.model = Some(self.model.id.clone());
        Ok(header)
    }

    fn open_turn(&mut self, mut header: Header, place: Place, prompt: Option<Vec<u8>>, call: WireCall) -> Result<Input, Error> {
        let (digest, request) = request::record_request(self.ws, place.parent, &call)?;
        header.request = Some(digest);
        let turn = Turn {
            header,
            state: self.state.clone(),
            prompt,
            request: Some(request),
            response: None,
            edits: StoredEdits::default(),
            events: std::mem::take(&mut self.hooked.events),
        };
        let turn = OpenTurn::create(self.ws, turn, place)?;
        self.open = Some(Open { turn, call });
        Ok(Input::Opened)
    }

    async fn ask(&mut self, interrupt: &mut (dyn Future<Output = ()> + Unpin)) -> Result<Input, Error> {
        let (ws, model) = (self.ws, self.model.clone());
        let Some(_slot) = self.slot(interrupt).await? else {
            self.error = Some(Error::Interrupted);
            return Ok(Input::Interrupted);
        };
        let Some(open) = self.open.as_mut() else { return Err(Error::Bug("no turn is open".to_owned())) };
        let format = prepare::asked_for(self.message.format);
        let mut tap = Tap::new(ws, &mut open.turn, &mut *self.observer, format)?;
        let result = {
            let asking = llm::ask(&*model.provider, &open.call, &model.policy, &*ws.entropy, &TokioTimer, &mut tap);
            tokio::select! {
                result = asking => Some(result),
                () = &mut *interrupt => None,
            }
        };
        tap.finish();
        let answer = std::mem::take(&mut tap.answer);
        let answer = open.turn.end_answer(ws, answer)?;
        ws.faults.point("answer.synced");
        self.note_end(result.as_ref().map(|r| r.as_ref().map(drop).map_err(|e| &e.error)));
        let input = match result {
            Some(Ok(())) => {
                let fits = self.fits(&answer.record.text);
                let input = match &answer.record.stop {
                    Some(Stop::Length) if self.goes_on(&answer.record.text) => Input::CutShort,
                    Some(Stop::Length) => {
                        self.error = Some(Error::CutAtLimit);
                        Input::Cut
                    }
                    // What does not go on where the last piece stopped is not the rest of it.
                    _ if !fits => {
                        self.error = Some(Error::CutAtLimit);
                        Input::Cut
                    }
                    Some(Stop::Refused(why)) => {
                        self.error = Some(Error::Refused(why.clone()));
                        if answer.record.text.is_empty() { Input::Failed } else { Input::Cut }
                    }
                    _ => Input::Answered,
                };
                self.take_answer(answer)?;
                input
            }
            Some(Err(AskError { error, .. })) => {
                let (cut, begun) = (!answer.record.text.is_empty(), answer.has_begun());
                self.take_answer(answer)?;
                let input = match (cut, begun) {
                    (true, _) => Input::Cut,
                    (false, true) => Input::Failed,
                    (false, false) => self.failed(&error)?,
                };
                self.error = Some(error.into());
                input
            }
            None => {
                self.take_answer(answer)?;
                self.error = Some(Error::Interrupted);
                Input::Interrupted
            }
        };
        if matches!(input, Input::Cut | Input::Interrupted) || (input == Input::Failed && !self.so_far.is_empty()) {
            self.keep_complete()?;
        }
        Ok(input)
    }

    fn take_answer(&mut self, answer: Answer) -> Result<(), Error> {
        let (ws, model, now) = (self.ws, self.model.clone(), self.ws.now());
        let turn = &mut self.open()?.turn.turn;
        price_of(ws, turn, &model, &answer);
        let (price, cost) = (turn.header.price, turn.header.cost);
        for call in &answer.calls {
            turn.events.push(Event::new(now, "tool-call").with("name", &call.name).with("arguments", &call.arguments));
        }
        if answer.record.status != 0 || !answer.record.raw.is_empty() || answer.record.stop.is_some() {
            turn.response = Some(answer.record);
        }
        self.policy.charge(&self.model.id, price, cost);
        Ok(())
    }

    fn store(&mut self) -> Result<Input, Error> {
        let (stored, files) = (self.gathered.stored(self.stored_as), FileStat::of(&self.gathered.changes));
        let ws = self.ws;
        let open = self.open()?;
        open.turn.turn.edits = stored;
        open.turn.turn.header.files = files;
        open.turn.save(ws)?;
        ws.faults.point("stored");
        Ok(Input::Stored)
    }

    fn apply(&mut self) -> Result<Input, Error> {
        let ws = self.ws;
        let key = self.open()?.turn.turn.header.key;
        ws.faults.point("apply.before");
        match landing::write(ws, &self.gathered.changes, key, self.then) {
            Ok(()) => {
                ws.faults.point("applied");
                self.written();
                Ok(Input::Applied)
            }
            Err(error) => {
                self.open()?.turn.turn.edits = self.gathered.stored(ChangeStatus::Held);
                self.observer.observe(&Progress::NotWritten(&error));
                self.error = Some(error);
                Ok(Input::NotApplied)
            }
        }
    }

    /// The edits are in the files.
    fn written(&mut self) {
        self.hooked.written = true;
        self.state.keep(&self.gathered.changes);
        self.observer.observe(&Progress::Written(&self.gathered));
    }

    fn wording(&self) -> Wording<'_> {
        Wording { given: self.gathered.message.as_deref(), prompt: &self.text, model: Some(&self.model.id) }
    }

    fn commit(&mut self) -> Result<Input, Error> {
        let ws = self.ws;
        let key = self.open()?.turn.turn.header.key;
        let message = self.commit_message()?;
        match landing::commit_saying(ws, &self.gathered.changes, message, key) {
            Ok(landed) => {
                ws.faults.point("landed");
                self.observer.observe(&Progress::Landed(&landed));
                let now = ws.now();
                let turn = &mut self.open()?.turn.turn;
                turn.header.commit = landed.commit;
                landing::note_rewritten(turn, &landed);
                turn.events.extend(
                    landed
                        .uncommitted
                        .iter()
                        .map(|(path, why)| Event::new(now, "uncommitted").with("path", path).with("why", why.as_str())),
                );
                if landed.commit.is_some() {
                    return Ok(Input::Committed);
                }
                self.error = Some(Error::NothingCommitted(landed.uncommitted));
                Ok(Input::NotCommitted)
            }
            Err(error) => {
                let error = Error::from(error);
                self.observer.observe(&Progress::NotCommitted(&error));
                self.error = Some(error);
                Ok(Input::NotCommitted)
            }
        }
    }

    fn close(&mut self, outcome: Outcome) -> Result<Input, Error> {
        let ws = self.ws;
        let Some(Open { mut turn, .. }) = self.open.take() else { return Err(Error::Bug("no turn is open".to_owned())) };
        let record = &mut turn.turn;
        record.header.outcome = outcome;
        record.header.end = ws.now();
        record.state.clone_from(&self.state);
        if !matches!(outcome, Outcome::Applied | Outcome::Uncommitted) {
            // A command may have said no between storing and writing.
            record.edits.changes.iter_mut().for_each(|change| change.status = ChangeStatus::Held);
        }
        if record.edits == StoredEdits::default() && (!self.gathered.changes.is_empty() || outcome == Outcome::Rejected) {
            record.edits = self.gathered.stored(ChangeStatus::Held);
        }
        if let Some(error) = &self.error {
            record.events.push(Event::new(record.header.end, "error").with("what", ws.redactor.redact(&error.to_string())));
        }
        let (turn, appended) = turn.close(ws)?;
        self.observer.observe(&Progress::Closed { turn: &turn, appended: &appended });
        self.last = Some((turn, appended));
        self.keep_tidied()?;
        Ok(Input::Closed)
    }

    fn finish(mut self, mut end: End) -> Result<Finished, Error> {
        if end == End::Done && !self.given_up.is_empty() {
            end = End::GivenUp;
            let outcome = self.last.as_ref().map(|(turn, _)| turn.header.outcome);
            let written = matches!(outcome, Some(Outcome::Applied | Outcome::Uncommitted));
            self.error = Some(Error::GivenUp { edits: std::mem::take(&mut self.given_up), written });
        }
        if let (End::CheckFailed, Some(Failed { command, how, turn })) = (end, self.failed.take()) {
            self.error = Some(Error::CheckFailed { command, how, turn });
        }
        let Some((turn, appended)) = self.last.take() else {
            return Err(self.error.take().unwrap_or_else(|| Error::Bug("no turn was made".to_owned())));
        };
        Ok(Finished { end, turn, appended, error: self.error.take() })
    }
}
