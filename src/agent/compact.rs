//! A session that has become too long is summed up, in a turn that everybody can see.
//!
//! Invariants
//! - Nothing is cut in silence: the turn before it has everything, and the summary's own turn says what was asked and answered.
//! - An answer that is not whole sums nothing up; the conversation stays as it was.

use crate::base::money::{BytesPerFour, Tokens, Usd};
use crate::config::CompactMode;
use crate::llm::{self, Answer, AskError, TokioTimer};
use crate::prompt::{self, Budget, PromptError};
use crate::session::event::Event;
use crate::session::stream::Stop;
use crate::session::turn::{Outcome, StoredEdits, Turn, TurnKind};

use super::Error;
use super::estimate::estimate;
use super::exchange::{Observer, Progress, could_cost, new_header, price_of, record_request};
use super::models::Model;
use super::open::OpenTurn;
use super::prepare::{self, Extra, Message, Start};
use super::sessions;
use super::store::Appended;
use super::tap::Tap;
use super::workspace::Workspace;

/// What is left for a summary.
const RESERVE: Tokens = Tokens(4_096);

/// Whether a message has no room behind its conversation, and a summary would make some.
pub fn needed(ws: &Workspace, message: &Message, model: &Model) -> Result<bool, Error> {
    let Some(parent) = message.start.parent.filter(|_| ws.config.settings().context.compact == CompactMode::Auto) else {
        return Ok(false);
    };
    let limit = ws.config.settings().context.history_tokens.map(Tokens);
    let previous = prepare::conversation(ws, parent)?;
    let estimate = estimate(ws, Some(parent), &model.id)?;
    let said: Tokens = previous.iter().map(|part| estimate.counter.count(&part.as_text())).sum();
    // By far the most conversations are short; those are not looked at any further.
    let short = model.window().is_none_or(|window| said.0 < window.0 / 4);
    if short && limit.is_none_or(|limit| said <= limit) {
        return Ok(false);
    }
    match prepare::first(ws, message, &Extra::default(), model) {
        Err(Error::HistoryTooLong { .. }) => Ok(true),
        // Files that are too many by themselves are not made fewer by a summary.
        Err(Error::Prompt(PromptError::TooLong { total, available, .. })) => Ok(total.0 - available.0 <= said.0 / 2),
        Err(error) => Err(error),
        Ok(_) => Ok(false),
    }
}

/// Sums the conversation up. The turn continues `start`, and becomes the session's newest.
pub async fn run(
    ws: &Workspace,
    start: &Start,
    model: &Model,
    observer: &mut dyn Observer,
    interrupt: &mut (dyn Future<Output = ()> + Unpin),
) -> Result<(Turn, Appended), Error> {
    let parent = start.parent.ok_or(Error::NothingToCompact)?;
    let previous = prepare::conversation(ws, parent)?;
    if previous.is_empty() {
        return Err(Error::NothingToCompact);
    }
    let budget = Budget { window: model.window(), reserve_output: RESERVE, counter: &BytesPerFour };
    let prompt = prompt::compact(&previous, budget, &ws.templates)?;
    let tokens = prompt.tokens();
    let limit = ws.config.settings().model.max_cost;
    if let Some((limit, next)) = limit.zip(could_cost(ws, model, tokens, None)).filter(|(limit, next)| next > limit) {
        return Err(Error::OverBudget { limit, spent: Usd::default(), next });
    }
    let call = model.encode(prompt.parts)?;
    let key = ws.new_key();
    let mut header = new_header(ws, TurnKind::Compact, key, key, start.session, Some(parent))?;
    "summary of the conversation so far".clone_into(&mut header.subject);
    header.model = Some(model.id.clone());
    let (digest, request) = record_request(ws, Some(parent), &call)?;
    header.request = Some(digest);
    observer.observe(&Progress::Compacting { turn: &header, tokens });
    let turn = Turn {
        header,
        state: ws.store().state(Some(parent))?,
        prompt: None,
        request: Some(request),
        response: None,
        edits: StoredEdits::default(),
        events: Vec::new(),
    };
    let mut open = OpenTurn::create(ws, turn, sessions::place(ws, start, "summary")?)?;
    let mut tap = Tap::silent(ws, &mut open, observer);
    let result = {
        let asking = llm::ask(&*model.provider, &call, &model.policy, &*ws.entropy, &TokioTimer, &mut tap);
        tokio::select! {
            result = asking => Some(result),
            () = &mut *interrupt => None,
        }
    };
    let answer = std::mem::take(&mut tap.answer);
    drop(tap);
    let answer = open.end_answer(ws, answer)?;
    let error = match result {
        Some(Ok(())) => match &answer.record.stop {
            Some(Stop::Length) => Some(Error::CutAtLimit),
            Some(Stop::Refused(why)) => Some(Error::Refused(why.clone())),
            _ if answer.record.text.trim().is_empty() => Some(Error::NoSummary),
            _ => None,
        },
        Some(Err(AskError { error, .. })) => Some(error.into()),
        None => Some(Error::Interrupted),
    };
    keep(ws, &mut open.turn, model, answer);
    open.turn.header.outcome = match &error {
        None => Outcome::None,
        Some(Error::Interrupted) => Outcome::Interrupted,
        Some(_) => Outcome::Failed,
    };
    open.turn.header.end = ws.now();
    if let Some(error) = &error {
        let what = ws.redactor.redact(&error.to_string()).into_owned();
        let end = open.turn.header.end;
        open.turn.events.push(Event::new(end, "error").with("what", what));
    }
    let (turn, appended) = open.close(ws)?;
    observer.observe(&Progress::Closed { turn: &turn, appended: &appended });
    error.map_or(Ok((turn, appended)), Err)
}

fn keep(ws: &Workspace, turn: &mut Turn, model: &Model, answer: Answer) {
    price_of(ws, turn, model, &answer);
    if answer.record.status != 0 || !answer.record.raw.is_empty() || answer.record.stop.is_some() {
        turn.response = Some(answer.record);
    }
}
