//! What a model's answer passes through on its way: kept first, then shown, without the secrets that may be in it.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use crate::base::path::RepoPath;
use crate::config::secret::Pieces;
use crate::edit::{EditFormat, ParseEvent, Parser};
use crate::llm::{Answer, LlmError, Sink};
use crate::session::event::Event;
use crate::session::stream::ModelEvent;

use super::Error;
use super::exchange::{Observer, Progress};
use super::open::{OpenTurn, RAW};
use super::workspace::Workspace;

/// Keeps what arrives, then shows it.
pub(super) struct Tap<'a> {
    turn: &'a mut OpenTurn,
    observer: &'a mut dyn Observer,
    ws: &'a Workspace,
    text: Pieces<'a>,
    reasoning: Pieces<'a>,
    /// Reads the edits as they arrive, for who watches; the answer is read again when it is whole.
    edits: Option<(Parser, Vec<RepoPath>)>,
    format: EditFormat,
    /// What arrived, but for the raw bytes, which are in the turn's directory.
    pub answer: Answer,
    silent: bool,
}

impl<'a> Tap<'a> {
    pub fn new(
        ws: &'a Workspace,
        turn: &'a mut OpenTurn,
        observer: &'a mut dyn Observer,
        format: EditFormat,
    ) -> Result<Self, Error> {
        let pieces = || Pieces::new(&ws.redactor);
        let edits = if observer.watches_edits() {
            let known = ws.backend.worktree()?.paths().to_vec();
            Some((Parser::new(format, &known), known))
        } else {
            None
        };
        Ok(Self {
            turn,
            observer,
            ws,
            text: pieces(),
            reasoning: pieces(),
            edits,
            format,
            answer: Answer::default(),
            silent: false,
        })
    }

    /// One that keeps what arrives and shows nothing of it.
    pub fn silent(ws: &'a Workspace, turn: &'a mut OpenTurn, observer: &'a mut dyn Observer) -> Self {
        let pieces = || Pieces::new(&ws.redactor);
        Self {
            turn,
            observer,
            ws,
            text: pieces(),
            reasoning: pieces(),
            edits: None,
            format: EditFormat::Auto,
            answer: Answer::default(),
            silent: true,
        }
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
            if let Some((parser, _)) = &mut self.edits {
                for ParseEvent::Edit(at) in parser.feed(text) {
                    if let Some(edit) = parser.edits().get(at) {
                        self.observer.observe(&Progress::Read(edit));
                    }
                }
            }
        }
    }
}

impl Sink for Tap<'_> {
    fn on_attempt(&mut self, number: u32) -> io::Result<()> {
        self.answer = Answer::default();
        if let Some((parser, known)) = &mut self.edits {
            *parser = Parser::new(self.format, known);
        }
        if number > 1 {
            self.turn.turn.events.push(Event::new(self.ws.now(), "attempt").with("number", number));
        }
        self.turn.wal().start_stream(RAW)?;
        // The head of an attempt that failed must not be taken for that of this one.
        self.turn.wal().remove("head")
    }

    fn on_head(&mut self, status: u16, headers: &BTreeMap<String, String>) -> io::Result<()> {
        self.answer.head(status, headers);
        self.ws.faults.point("head");
        self.turn.wal().put("head", &serde_json::to_vec(&(status, headers))?)
    }

    fn on_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.ws.faults.point("raw.before");
        let kept = self.turn.wal().append(bytes);
        self.ws.faults.point("raw");
        kept
    }

    fn on_event(&mut self, event: &ModelEvent) {
        self.answer.take(event);
        match event {
            _ if self.silent => {}
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
