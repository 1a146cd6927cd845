//! What a model's answer passes through on its way: kept first, then shown, without the secrets that may be in it.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use crate::config::secret::Pieces;
use crate::llm::{Answer, LlmError, Sink};
use crate::session::event::Event;
use crate::session::stream::ModelEvent;

use super::exchange::{Observer, Progress};
use super::open::OpenTurn;
use super::workspace::Workspace;

/// Keeps what arrives, then shows it.
pub(super) struct Tap<'a> {
    turn: &'a mut OpenTurn,
    observer: &'a mut dyn Observer,
    ws: &'a Workspace,
    text: Pieces<'a>,
    reasoning: Pieces<'a>,
    /// What arrived, for when the call is dropped in the middle.
    pub partial: Answer,
}

impl<'a> Tap<'a> {
    pub fn new(ws: &'a Workspace, turn: &'a mut OpenTurn, observer: &'a mut dyn Observer) -> Self {
        let pieces = || Pieces::new(&ws.redactor);
        Self { turn, observer, ws, text: pieces(), reasoning: pieces(), partial: Answer::default() }
    }

    /// Shows what was held back, because a secret may have begun there.
    pub fn finish(&mut self) {
        let (text, reasoning) = (self.text.finish(), self.reasoning.finish());
        self.show(&reasoning, &text);
    }

    fn show(&mut self, reasoning: &str, text: &str) {
        if !reasoning.is_empty() {
            self.observer.observe(&Progress::Reasoning(reasoning));
        }
        if !text.is_empty() {
            self.observer.observe(&Progress::Text(text));
        }
    }
}

impl Sink for Tap<'_> {
    fn on_attempt(&mut self, number: u32) -> io::Result<()> {
        self.partial = Answer::default();
        if number > 1 {
            self.turn.turn.events.push(Event::new(self.ws.now(), "attempt").with("number", number));
        }
        // The head of an attempt that failed must not be taken for that of this one.
        self.turn.wal().remove("head")?;
        self.turn.wal().start_stream("raw")
    }

    fn on_head(&mut self, status: u16, headers: &BTreeMap<String, String>) -> io::Result<()> {
        self.partial.record.status = status;
        self.partial.record.headers.clone_from(headers);
        self.ws.faults.point("head");
        self.turn.wal().put("head", &serde_json::to_vec(&(status, headers))?)
    }

    fn on_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.partial.record.raw.extend_from_slice(bytes);
        self.ws.faults.point("raw.before");
        let kept = self.turn.wal().append(bytes);
        self.ws.faults.point("raw");
        kept
    }

    fn on_event(&mut self, event: &ModelEvent) {
        self.partial.take(event);
        match event {
            ModelEvent::Text(text) => {
                let shown = self.text.push(text);
                self.show("", &shown);
            }
            ModelEvent::Reasoning(text) => {
                let shown = self.reasoning.push(text);
                self.show(&shown, "");
            }
            _ => {}
        }
    }

    fn on_retry(&mut self, wait: Duration, error: &LlmError) {
        self.turn.turn.events.push(Event::new(self.ws.now(), "retry").with("why", error).with("wait-ms", wait.as_millis()));
        self.observer.observe(&Progress::Retrying { wait, error });
    }
}
