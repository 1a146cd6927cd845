//! Asking once what a turn has asked, for comparing: nothing is written, and nothing goes back to the model.
//!
//! Invariants
//! - It is a turn like any other, in a session of its own; the worktree stays where it stands.
//! - No handler of the user's runs: what is sent is decided already, and what comes back goes nowhere.

use crate::base::money::{BytesPerFour, TokenCounter as _, Usd};
use crate::base::tree::SourceTree;
use crate::llm::breaker;
use crate::session::event::Event;
use crate::session::turn::{Outcome, Turn};

use super::super::edits::{Gathered, Rules};
use super::answer::unreadable;
use super::{Asked, Begun, Driver, End, Error, Finished, Input, Message, Model, Observer, WireCall, Workspace, prepare};

/// What is asked again.
pub struct Question<'a> {
    /// The turn that asked it first.
    pub original: &'a Turn,
    pub call: WireCall,
    /// Whether the call is the first one, byte for byte.
    pub exact: bool,
    /// The files that edits are matched against.
    pub tree: &'a dyn SourceTree,
}

/// Asks it; gives what came of it and the edits of the answer.
pub async fn again(
    ws: &Workspace,
    message: &Message,
    model: &Model,
    question: Question<'_>,
    observer: &mut dyn Observer,
    interrupt: &mut (dyn Future<Output = ()> + Unpin),
) -> Result<(Finished, Gathered), Error> {
    let Question { original, call, exact, tree } = question;
    // One question says nothing of a provider, and is asked whatever was said of it before.
    let mut breakers = breaker::InMemory::default();
    let asked = Asked { model, breakers: &mut breakers, spent: Usd::default() };
    let mut driver = Driver::new(ws, message, asked, observer, 0);
    driver.one_call();
    driver.session()?;
    driver.state.clone_from(&original.state);
    let Some(Begun { header, mut place, .. }) = driver.begun.take() else {
        return Err(Error::Bug("a question has no place".to_owned()));
    };
    place.aside = true;
    let as_it_was = if exact { "as it was" } else { "written anew" };
    let event = Event::new(ws.now(), "replay").with("of", original.header.key).with("request", as_it_was);
    driver.hooked.events.push(event);
    driver.within_budget(BytesPerFour.count(&String::from_utf8_lossy(&call.body.bytes())))?;
    driver.open_turn(header, place, original.prompt.clone(), call)?;
    let input = driver.ask(interrupt).await?;
    let text = driver.answer()?;
    let rules = Rules { state: &original.state, redactor: &ws.redactor, ask_for_unseen: false };
    let format = prepare::asked_for(message.format);
    driver.gathered = Gathered::default();
    let (outcome, end) = match input {
        Input::Answered => {
            driver.gathered.take(&text, format, tree, &rules).map_err(unreadable)?;
            if driver.gathered.rejects.is_empty() { (Outcome::None, End::Done) } else { (Outcome::Rejected, End::Rejected) }
        }
        Input::Failed => (Outcome::Failed, End::NoAnswer),
        cut => {
            driver.gathered.take_cut(&text, format, tree, &rules).map_err(unreadable)?;
            (Outcome::Interrupted, if cut == Input::Interrupted { End::Interrupted } else { End::NoAnswer })
        }
    };
    driver.store()?;
    driver.close(outcome)?;
    let gathered = std::mem::take(&mut driver.gathered);
    Ok((driver.finish(end)?, gathered))
}
