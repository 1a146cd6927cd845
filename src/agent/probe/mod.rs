//! Whether a model really answers: small questions, and what came of them.
//!
//! Invariants
//! - No turn is made and nothing is stored: what is asked here is not part of anybody's work.
//! - A question is asked once. Trouble that a message would wait out is what a test is to show.
//! - What the provider cannot do by the table of [`crate::llm::ability`], or the model by the catalogue, is not tried.

use std::time::Duration;

use crate::base::clock::{Clock, Entropy};
use crate::base::money::{Tokens, Usd};
use crate::base::options::CallOptions;
use crate::llm::ability::{Ability, Speaker, Support};
use crate::llm::catalog::Catalog;
use crate::llm::{Answer, AskError, Fault, LlmError, RetryPolicy, Sink, TokioTimer, ask_whole};
use crate::session::request::{ModelId, ModelRequest, OutputSchema, Part, Role, ToolSpec, Traits};
use crate::session::stream::{ModelEvent, Usage};

use super::models::Model;

/// A red square.
const PICTURE: &[u8] = include_bytes!("red.png");

/// How a question went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Works,
    DoesNot(String),
    NotTried(String),
}

/// One thing that was tried, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    pub what: &'static str,
    pub verdict: Verdict,
}

/// What came of all questions to a model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Probed {
    pub probes: Vec<Probe>,
    /// The model that really answered.
    pub served: Option<String>,
    /// Until the first piece of an answer came, and until the first answer was whole.
    pub first: Option<Duration>,
    pub total: Option<Duration>,
    pub usage: Usage,
    /// `None`: nobody says what it costs.
    pub cost: Option<Usd>,
}

impl Probed {
    /// Whether something that was tried does not work.
    pub fn failed(&self) -> bool {
        self.probes.iter().any(|probe| matches!(probe.verdict, Verdict::DoesNot(_)))
    }

    fn says(&mut self, what: &'static str, verdict: Verdict) {
        self.probes.push(Probe { what, verdict });
    }
}

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// One question.
    Answer,
    /// One more for each of tools, schemas and pictures.
    Everything,
}

/// What a model is tried with.
pub struct Prober<'a> {
    pub model: &'a Model,
    pub speaker: Speaker,
    /// Whether a key is sent.
    pub has_key: bool,
    pub catalog: &'a Catalog,
    pub clock: &'a dyn Clock,
    pub entropy: &'a dyn Entropy,
}

/// Notes when the first piece came, and in how many the text came.
struct Watch<'a> {
    clock: &'a dyn Clock,
    first: Option<i64>,
    pieces: usize,
}

impl Sink for Watch<'_> {
    fn on_event(&mut self, event: &ModelEvent) {
        if matches!(event, ModelEvent::Text(_) | ModelEvent::Reasoning(_)) {
            self.first.get_or_insert_with(|| self.clock.now().millis());
        }
        self.pieces += usize::from(matches!(event, ModelEvent::Text(_)));
    }
}

impl Prober<'_> {
    /// Asks the questions, in order.
    pub async fn run(&self, depth: Depth) -> Probed {
        let mut done = Probed::default();
        let began = self.clock.now().millis();
        let mut watch = Watch { clock: self.clock, first: None, pieces: 0 };
        let asked = self.ask(self.request("Write the numbers from one to twelve as words."), &mut watch).await;
        let since = |at: i64| Duration::from_millis(u64::try_from(at - began).unwrap_or_default());
        done.total = Some(since(self.clock.now().millis()));
        done.first = watch.first.map(since);
        let answered = asked.is_ok();
        self.first_question(&mut done, asked, watch.pieces);
        if depth == Depth::Everything {
            for ability in [Ability::ToolCalls, Ability::Structured, Ability::Images] {
                let verdict = match self.out_of_reach(ability) {
                    Some(why) => Verdict::NotTried(why),
                    None if !answered => Verdict::NotTried("the first question was not answered".to_owned()),
                    None => self.further(&mut done, ability).await,
                };
                done.says(ability.name(), verdict);
            }
        }
        done
    }

    fn first_question(&self, done: &mut Probed, asked: Result<Answer, AskError>, pieces: usize) {
        const WHAT: [&str; 4] = ["reachable", "key accepted", "streamed text", "token counts"];
        let not = |why: &str| Verdict::NotTried(why.to_owned());
        let key = |works: Verdict| if self.has_key { works } else { not("it is asked without a key") };
        let verdicts = match asked {
            Ok(answer) => {
                self.count(done, &answer);
                let streamed = match self.speaker.can(Ability::Streaming) {
                    Support::No(why) => not(why),
                    Support::Passes(_) if answer.record.text.trim().is_empty() => {
                        Verdict::DoesNot("the answer is empty".to_owned())
                    }
                    Support::Passes(_) if pieces == 0 => Verdict::DoesNot("there was no text in the answer".to_owned()),
                    Support::Passes(_) => Verdict::Works,
                };
                let counted = match self.speaker.can(Ability::Tokens) {
                    Support::No(why) => not(why),
                    Support::Passes(_) if answer.usage.output == Tokens(0) => Verdict::DoesNot("none came".to_owned()),
                    Support::Passes(_) => Verdict::Works,
                };
                [Verdict::Works, key(Verdict::Works), streamed, counted]
            }
            Err(AskError { error, .. }) => {
                let why = said(&error);
                let later = || not("there was no answer");
                match error.fault {
                    Fault::Transport | Fault::Aborted => [Verdict::DoesNot(why), later(), later(), later()],
                    Fault::Auth => [Verdict::Works, Verdict::DoesNot(why), later(), later()],
                    _ => [Verdict::Works, key(Verdict::Works), Verdict::DoesNot(why), later()],
                }
            }
        };
        WHAT.into_iter().zip(verdicts).for_each(|(what, verdict)| done.says(what, verdict));
    }

    /// Why a question makes no sense.
    fn out_of_reach(&self, ability: Ability) -> Option<String> {
        if let Support::No(why) = self.speaker.can(ability) {
            return Some(why.to_owned());
        }
        let info = &self.model.info;
        // Of a model that nobody has listed, nothing is known that speaks against it.
        let can = info.id.is_empty()
            || match ability {
                Ability::ToolCalls => info.tools,
                Ability::Structured => info.structured,
                _ => info.images,
            };
        (!can).then(|| format!("{} is not known to", self.model.full))
    }

    async fn further(&self, done: &mut Probed, ability: Ability) -> Verdict {
        let mut request = match ability {
            Ability::ToolCalls => self.request("Use the tool `note` to note the word \"ready\"."),
            Ability::Structured => self.request("Is seven a prime number? Answer by the schema, as JSON."),
            _ => self.request("Which colour has this picture? Answer with one word."),
        };
        match ability {
            Ability::ToolCalls => request.tools.push(ToolSpec {
                name: "note".to_owned(),
                description: "Notes a word.".to_owned(),
                schema:
                    r#"{"type":"object","properties":{"word":{"type":"string"}},"required":["word"],"additionalProperties":false}"#
                        .to_owned(),
            }),
            Ability::Structured => {
                request.schema = Some(OutputSchema {
                    name: "answer".to_owned(),
                    schema: r#"{"type":"object","properties":{"prime":{"type":"boolean"}},"required":["prime"],"additionalProperties":false}"#
                        .to_owned(),
                });
            }
            _ => request.parts.splice(0..0, Part::media(Role::User, "red.png", PICTURE.to_vec())).for_each(drop),
        }
        let mut watch = Watch { clock: self.clock, first: None, pieces: 0 };
        let answer = match self.ask(request, &mut watch).await {
            Ok(answer) => answer,
            Err(error) => return Verdict::DoesNot(said(&error.error)),
        };
        self.count(done, &answer);
        let text = answer.record.text.trim();
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let well = match ability {
            Ability::ToolCalls => answer.calls.iter().any(|call| call.name == "note" && json(&call.arguments).is_some()),
            Ability::Structured => json(text).is_some_and(|value| value["prime"].is_boolean()),
            _ => text.to_lowercase().contains("red"),
        };
        if well {
            return Verdict::Works;
        }
        Verdict::DoesNot(match ability {
            Ability::ToolCalls => "it did not call the tool".to_owned(),
            Ability::Structured => "the answer does not have the shape of the schema".to_owned(),
            _ => "it does not see that the picture is red".to_owned(),
        })
    }

    fn request(&self, text: &str) -> ModelRequest {
        let model = ModelId { provider: self.model.id.provider.clone(), model: self.model.full.clone() };
        let traits = Traits { max_output: self.model.info.max_output, window: self.model.info.window, thinks: false };
        // Asked as a message would be, but for thinking, which would only cost.
        let options: CallOptions = self.model.options.clone();
        ModelRequest { options, traits, ..ModelRequest::new(model, vec![Part::text(Role::User, "message", text)]) }
    }

    async fn ask(&self, request: ModelRequest, watch: &mut Watch<'_>) -> Result<Answer, AskError> {
        let provider = &*self.model.provider;
        let call = provider.encode(&request).map_err(|error| AskError { error, attempts: 0 })?;
        let once = RetryPolicy { max: 0, ..self.model.policy.clone() };
        let (answer, result) = ask_whole(provider, &call, &once, self.entropy, &TokioTimer, watch).await;
        result.map(|()| answer)
    }

    fn count(&self, done: &mut Probed, answer: &Answer) {
        done.served = done.served.take().or_else(|| answer.served.clone());
        done.usage = done.usage.plus(answer.usage);
        let price = self.model.price_in(self.catalog, answer.served.as_deref(), &answer.usage, self.clock.now());
        let cost = answer.cost.or_else(|| price.map(|price| price.cost(&answer.usage)));
        done.cost = match (done.cost, cost) {
            (Some(so_far), Some(cost)) => Some(so_far + cost),
            (so_far, cost) => so_far.or(cost),
        };
    }
}

/// Without the provider's name, which is said already.
fn said(error: &LlmError) -> String {
    let text = error.to_string();
    text.strip_prefix(&format!("{}: ", error.provider)).unwrap_or(&text).to_owned()
}
