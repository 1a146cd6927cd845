//! Who is asked, and whether at all: the models that stand in for another, providers that are left alone, what may be spent.
//!
//! Invariants
//! - A request goes to the model that the user chose, or to one that they named to stand in for it, and it is said which.
//! - Nothing is sent that could take the exchange over its limit, as far as prices are known.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use crate::base::clock::Timestamp;
use crate::base::money::{BytesPerFour, TokenCounter as _, Tokens, Usd};
use crate::base::options::CallOption;
use crate::llm::breaker::{self, Admission, BreakerStore, Ended};
use crate::llm::{LlmError, TokioTimer};
use crate::session::event::Event;
use crate::session::request::{ModelId, Part};
use crate::session::stream::Usage;
use crate::session::turn::Price;
use crate::vcs::durable::Lock;

use super::super::estimate::UNMEASURED;
use super::super::machine::Input;
use super::super::models::{self, Model, Special};
use super::super::open::Place;
use super::super::slots::Slots;
use super::super::store::Begins;
use super::super::workspace::Workspace;
use super::super::{Error, prepare};
use super::{Driver, Progress};

/// Who is asked, and what is known of providers that are down.
pub struct Asked<'a> {
    pub model: &'a Model,
    pub breakers: &'a mut dyn BreakerStore,
    /// What the message has cost already.
    pub spent: Usd,
}

/// The model that is asked now.
#[derive(Clone)]
pub(super) enum Chosen<'a> {
    Given(&'a Model),
    Instead(Rc<Model>),
}

impl Deref for Chosen<'_> {
    type Target = Model;

    fn deref(&self) -> &Model {
        match self {
            Self::Given(model) => model,
            Self::Instead(model) => model,
        }
    }
}

/// What decides who is asked.
pub(super) struct Policy<'a> {
    breakers: &'a mut dyn BreakerStore,
    /// Models that may still stand in, by name.
    left: VecDeque<String>,
    /// The one that does so next.
    next: Option<Next>,
    /// What the exchange has cost, as far as it is known.
    spent: Usd,
    /// The price of the last answer, and of which model it was.
    price: Option<(ModelId, Price)>,
    said_unpriced: bool,
    /// The provider that is to be tried once again; until the call has ended, nobody else asks it.
    trying: Option<breaker::Place>,
}

impl Drop for Policy<'_> {
    /// A call that was never made says nothing, and leaves the next one to somebody else.
    fn drop(&mut self) {
        if let Some(place) = self.trying.take() {
            breaker::ended(self.breakers, &place, Ended::Unknown, Timestamp::default);
        }
    }
}

/// A request that goes to another model.
struct Next {
    model: Rc<Model>,
    parts: Vec<Part>,
    tokens: Tokens,
    why: String,
}

impl<'a> Policy<'a> {
    pub(super) fn new(breakers: &'a mut dyn BreakerStore, fallback: &[String], spent: Usd) -> Self {
        let left = fallback.iter().cloned().collect();
        Self { breakers, left, next: None, spent, price: None, said_unpriced: false, trying: None }
    }

    /// Counts what an answer of `model` has cost.
    pub(super) fn charge(&mut self, model: &ModelId, price: Option<Price>, cost: Option<Usd>) {
        self.spent = self.spent + cost.unwrap_or_default();
        self.price = price.map(|price| (model.clone(), price)).or(self.price.take());
    }
}

/// What a request of so many estimated tokens may cost at most; nothing where no price is known.
pub(in crate::agent) fn could_cost(ws: &Workspace, model: &Model, tokens: Tokens, last: Option<Price>) -> Option<Usd> {
    let now = ws.now();
    let tokens = Tokens(tokens.0.saturating_add(tokens.0.saturating_mul(UNMEASURED) / 100));
    let own = model.price(ws, None, &Usage { input: tokens, ..Usage::default() }, now);
    let price = own.or(last).or_else(|| model.dearest(ws, tokens, now))?;
    let output = model.options.whole(CallOption::MaxTokens).map_or(Tokens(0), Tokens);
    // Kept for the next request, a token costs more than read; and none of it may have been kept by the one before.
    let read = price.cost(&Usage { input: tokens, output, ..Usage::default() });
    Some(read.max(price.cost(&Usage { cache_write: tokens, output, ..Usage::default() })))
}

impl Driver<'_> {
    /// Only this model is asked, and once.
    pub(super) fn one_call(&mut self) {
        self.policy.left.clear();
        self.continuations_left = 0;
    }

    /// Sees to it that the first model is one that is asked just now.
    pub(super) fn admit(&mut self) -> Result<(), Error> {
        let Err(refused) = self.may_ask(&self.model.clone()) else { return Ok(()) };
        let Some(model) = self.stand_in(None) else { return Err(refused) };
        let why = refused.to_string();
        self.note(self.fell_back(&model, &why));
        self.observer.observe(&Progress::Fallback { from: &self.model.id, to: &model, why: &why, turn: None, tokens: None });
        self.model = Chosen::Instead(Rc::new(model));
        Ok(())
    }

    /// Whether the model's provider is asked just now; if it is, somebody will say how that ended.
    fn may_ask(&mut self, model: &Model) -> Result<(), Error> {
        let Some(place) = &model.place else { return Ok(()) };
        let ws = self.ws;
        match breaker::admit(self.policy.breakers, place, model.breaker, || ws.now()) {
            Admission::Ask => Ok(()),
            Admission::Try => {
                self.policy.trying = Some(place.clone());
                Ok(())
            }
            Admission::Wait(until) => Err(Error::LeftAlone { provider: place.provider.clone(), until, now: ws.now() }),
        }
    }

    /// Keeps what the end of a call says of the provider; `None`: it was stopped here.
    pub(super) fn note_end(&mut self, result: Option<Result<(), &LlmError>>) {
        let how = match result {
            Some(Ok(())) => Ended::Up,
            Some(Err(error)) => Ended::of(error.fault),
            None => Ended::Unknown,
        };
        if let Some(place) = &self.model.place {
            self.policy.trying.take_if(|trying| trying == place);
            breaker::ended(self.policy.breakers, place, how, || self.ws.now());
        }
    }

    /// What a failed call comes to: another model is asked if there is one that can answer.
    pub(super) fn failed(&mut self, error: &LlmError) -> Result<Input, Error> {
        if !error.is_of_the_provider() {
            return Ok(Input::Failed);
        }
        let parts = self.parts()?;
        let tokens = parts.iter().map(|part| BytesPerFour.count(&part.as_text())).sum();
        let Some(model) = self.stand_in(Some((&parts, tokens))) else { return Ok(Input::Failed) };
        let why = error.to_string();
        self.note(self.fell_back(&model, &why));
        self.policy.next = Some(Next { model: Rc::new(model), parts, tokens, why });
        Ok(Input::Down)
    }

    /// The next of the models that may stand in and can be asked, for a request that is known or one that is to be built.
    fn stand_in(&mut self, request: Option<(&[Part], Tokens)>) -> Option<Model> {
        while let Some(name) = self.policy.left.pop_front() {
            let opened = models::parse(self.ws, &name).and_then(|id| models::open(self.ws, id, Special::default()));
            match opened.and_then(|model| self.may_stand_in(&model, request).map(|()| model)) {
                Ok(model) => return Some(model),
                Err(why) => {
                    let why = why.to_string();
                    self.note(Event::new(self.ws.now(), "fallback-left-out").with("model", &name).with("why", &why));
                    self.observer.observe(&Progress::LeftOut { model: &name, why: &why });
                }
            }
        }
        None
    }

    fn may_stand_in(&mut self, model: &Model, request: Option<(&[Part], Tokens)>) -> Result<(), Error> {
        if model.id == self.model.id {
            return Err(Error::SameModel);
        }
        if let Some((parts, tokens)) = request {
            if let Some(window) = model.info.largest_request().filter(|window| tokens > *window) {
                return Err(Error::WindowTooSmall { tokens, window });
            }
            // One that takes no images, say, is none that can answer.
            model.encode(parts.to_vec())?;
            self.afford(model, tokens)?;
        }
        self.may_ask(model)
    }

    fn fell_back(&self, to: &Model, why: &str) -> Event {
        let why = self.ws.redactor.redact(why);
        Event::new(self.ws.now(), "fallback").with("from", &self.model.id).with("to", &to.id).with("why", why)
    }

    /// Keeps an event in the turn that is open, or in the next one.
    pub(super) fn note(&mut self, event: Event) {
        match &mut self.open {
            Some(open) => open.turn.turn.events.push(event),
            None => self.hooked.events.push(event),
        }
    }

    /// Opens the turn that puts the same request to the next model.
    pub(super) fn open_fallback(&mut self) -> Result<Input, Error> {
        let (Some(Next { model, parts, tokens, why }), Some((_, appended))) = (self.policy.next.take(), &self.last) else {
            return Err(Error::Bug("there is no model to ask instead".to_owned()));
        };
        let (parent, session) = (appended.commit, appended.session);
        let before = std::mem::replace(&mut self.model, Chosen::Instead(model));
        self.error = None;
        let call = self.model.encode(parts)?;
        let header = self.header(Some(session), Some(parent))?;
        let (from, turn) = (&before.id, Some(&header));
        self.observer.observe(&Progress::Fallback { from, to: &self.model, why: &why, turn, tokens: Some(tokens) });
        self.note_left_out();
        self.open_turn(header, Place::new(Some(parent), Begins::Nothing), None, call)
    }

    /// Keeps which options the model does not take in the turn that is opened next.
    pub(super) fn note_left_out(&mut self) {
        for models::LeftOut { option, value, why } in &self.model.left_out {
            let event = Event::new(self.ws.now(), "option-left-out").with("option", option).with("value", value).with("why", why);
            self.hooked.events.push(event);
        }
    }

    /// Refuses a request of so many tokens that could take the exchange over its limit.
    pub(super) fn within_budget(&mut self, tokens: Tokens) -> Result<(), Error> {
        self.afford(&self.model.clone(), tokens)
    }

    fn afford(&mut self, model: &Model, tokens: Tokens) -> Result<(), Error> {
        let Some(limit) = self.ws.config.settings().model.max_cost else { return Ok(()) };
        let now = self.ws.now();
        let last = self.policy.price.as_ref().filter(|(id, _)| *id == model.id).map(|(_, price)| *price);
        let spent = self.policy.spent;
        let Some(next) = could_cost(self.ws, model, tokens, last) else {
            if spent >= limit && spent > Usd::default() {
                return Err(Error::OverBudget { limit, spent, next: Usd::default() });
            }
            if !std::mem::replace(&mut self.policy.said_unpriced, true) {
                self.note(Event::new(now, "unpriced").with("model", &model.id));
                self.observer.observe(&Progress::Unpriced { model: &model.id, limit });
            }
            return Ok(());
        };
        if spent + next > limit { Err(Error::OverBudget { limit, spent, next }) } else { Ok(()) }
    }

    /// Waits until the provider may have one more call; `None`: the user stopped it meanwhile.
    pub(super) async fn slot(&mut self, interrupt: &mut (dyn Future<Output = ()> + Unpin)) -> Result<Option<Option<Lock>>, Error> {
        // From here on a signal is heard, not the end of the process.
        if poll_fn(|cx| Poll::Ready(Pin::new(&mut *interrupt).poll(cx))).await.is_ready() {
            return Ok(None);
        }
        let limit = self.model.concurrency;
        if limit == 0 {
            return Ok(Some(None));
        }
        let (provider, directory) = (&self.model.id.provider, self.ws.config.home().join("run").join("slots"));
        let slots = Slots::new(&directory, provider, limit);
        let failed = |source| Error::Slots { path: directory.clone(), source };
        if let Some(lock) = slots.attempt().map_err(failed)? {
            return Ok(Some(Some(lock)));
        }
        self.observer.observe(&Progress::Waiting { provider, limit });
        tokio::select! {
            lock = slots.wait(&TokioTimer) => Ok(Some(Some(lock.map_err(failed)?))),
            () = interrupt => Ok(None),
        }
    }

    /// Builds the first request of the exchange.
    pub(super) fn build(&mut self) -> Result<Input, Error> {
        self.admit()?;
        let prepared = prepare::first(self.ws, self.message, &self.hooked.extra, &self.model)?;
        self.within_budget(prepared.tokens)?;
        self.prepared = Some(prepared);
        Ok(Input::Passed)
    }
}
