//! What can be done with each provider, and the test that shows it; the table of docs/providers.md.
//!
//! Invariants
//! - Each cell is either a test or a reason, so no cell is blank. A test below sees that every named test is there.
//! - `llm::tests::conformance` reads this table: where it says that something works it must work, where it says that
//!   something does not work it must not.
//! - Which options a provider takes is not written here: its adapter says so.

use std::sync::Arc;

use crate::base::options::CallOption;
use crate::config::{OutputFormat, Protocol};
use crate::net::{Client, Options};

use super::{Endpoint, Provider};

use Ability::{
    CachedTokens, Cost, Documents, Images, Native, Reasoning, Refusals, Retries, StopReasons, Streaming, Structured, Tokens,
    ToolCalls, ToolResults,
};
use Speaker::{Anthropic, Chat, ClaudeCode, Codex, Echo, Gemini, GeminiCli, Manual, Ollama, OpenAi, Replay, Text, Xai};
use Support::{No, Passes};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    Gemini,
    Anthropic,
    OpenAi,
    Xai,
    /// Any server with chat completions.
    Chat,
    Ollama,
    ClaudeCode,
    Codex,
    GeminiCli,
    /// A program of the user's own that writes plain text.
    Text,
    Echo,
    Manual,
    Replay,
}

/// Something that can be wanted of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    Streaming,
    Reasoning,
    ToolCalls,
    ToolResults,
    Images,
    Documents,
    Structured,
    StopReasons,
    Refusals,
    Tokens,
    CachedTokens,
    Cost,
    Retries,
    Native,
}

/// Whether it can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// The test that shows it.
    Passes(&'static str),
    /// Why not.
    No(&'static str),
}

impl Speaker {
    /// All of them, in the order of the manual.
    pub const ALL: [Self; 13] =
        [Gemini, Anthropic, OpenAi, Xai, Chat, Ollama, ClaudeCode, Codex, GeminiCli, Text, Echo, Manual, Replay];

    /// The provider's name, or what it is where the user names it.
    pub const fn name(self) -> &'static str {
        match self {
            Gemini => "gemini",
            Anthropic => "anthropic",
            OpenAi => "openai",
            Xai => "xai",
            Chat => "chat completions",
            Ollama => "ollama",
            ClaudeCode => "claude-code",
            Codex => "codex",
            GeminiCli => "gemini-cli",
            Text => "a program",
            Echo => "echo",
            Manual => "manual",
            Replay => "replay",
        }
    }

    /// A sentence about what it is.
    pub const fn about(self) -> &'static str {
        match self {
            Gemini => "Google's Gemini API, in its own protocol.",
            Anthropic => "Anthropic's Messages API.",
            OpenAi => "OpenAI's Responses API.",
            Xai => "xAI's models, by the Responses API.",
            Chat => {
                "Any server with OpenAI's chat completions, of kind `openai`: llama-server, vLLM, LM Studio, OpenRouter, a gateway \
                 at work."
            }
            Ollama => "A server of Ollama, in its own protocol.",
            ClaudeCode => "The program `claude`, run without tools for each message.",
            Codex => "The program `codex`, run read-only for each message.",
            GeminiCli => "The program `gemini`, run without changes for each message.",
            Text => "A command of your own, of kind `command`, that writes its answer as plain text.",
            Echo => "Says your message back; for tries without a model.",
            Manual => "You, with any chat window: the prompt is shown, and what you paste is the answer.",
            Replay => "Recorded answers, given again.",
        }
    }

    /// Who a provider is that speaks `kind` or, as a program, writes `output`.
    pub fn of(name: &str, kind: Protocol, output: OutputFormat) -> Self {
        match (name, kind, output) {
            ("echo", ..) => Echo,
            ("manual", ..) => Manual,
            ("replay", ..) => Replay,
            (_, Protocol::Gemini, _) => Gemini,
            (_, Protocol::Anthropic, _) => Anthropic,
            ("xai", Protocol::Responses, _) => Xai,
            (_, Protocol::Responses, _) => OpenAi,
            (_, Protocol::OpenAi, _) => Chat,
            (_, Protocol::Ollama, _) => Ollama,
            (_, Protocol::Command, OutputFormat::ClaudeCode) => ClaudeCode,
            (_, Protocol::Command, OutputFormat::Codex) => Codex,
            (_, Protocol::Command, OutputFormat::GeminiCli) => GeminiCli,
            (_, Protocol::Command, OutputFormat::Text) => Text,
        }
    }

    /// The options that its adapter takes.
    pub fn options(self) -> Vec<CallOption> {
        let endpoint = || Endpoint {
            name: self.name().to_owned(),
            base_url: String::new(),
            key: None,
            client: Arc::new(Client::new(Options::default())),
        };
        let adapter: Box<dyn Provider> = match self {
            Gemini => Box::new(super::Gemini::new(endpoint())),
            Anthropic => Box::new(super::Anthropic::new(endpoint())),
            OpenAi | Xai => Box::new(super::Responses::new(endpoint())),
            Chat => Box::new(super::Chat::new(endpoint())),
            Ollama => Box::new(super::Ollama::new(endpoint())),
            ClaudeCode | Codex | GeminiCli | Text => Box::new(super::Program {
                name: self.name().to_owned(),
                argv: Vec::new(),
                output: OutputFormat::Text,
                directory: std::path::PathBuf::new(),
                tape: None,
            }),
            Echo | Manual | Replay => Box::new(super::Echo),
        };
        CallOption::ALL.iter().copied().filter(|option| adapter.takes(*option)).collect()
    }

    /// Whether it is a program that is run for each message.
    pub const fn is_program(self) -> bool {
        matches!(self, ClaudeCode | Codex | GeminiCli | Text)
    }

    /// Whether it has no model behind it that could be told anything.
    const fn is_local(self) -> bool {
        matches!(self, Echo | Manual | Replay)
    }

    /// Whether `ability` can be had here.
    pub const fn can(self, ability: Ability) -> Support {
        match ability {
            Streaming => self.streaming(),
            ToolResults if matches!(self, Replay) => No(NOTHING_SENT),
            ToolResults => Passes("llm::tests::conformance::results_go_back_with_the_calls_they_belong_to"),
            Images | Documents | Structured => self.sent(ability),
            Cost => self.cost(),
            Retries => self.retries(),
            _ => self.told(ability),
        }
    }

    const fn streaming(self) -> Support {
        match self {
            Codex => No("`codex exec` writes a message when it is whole"),
            Echo | Manual => No("the answer is there at once"),
            Replay => Passes(REPLAYED),
            _ => Passes("llm::tests::conformance::text_arrives_in_the_pieces_it_was_sent_in"),
        }
    }

    /// What is in the request beside text.
    const fn sent(self, ability: Ability) -> Support {
        match (self, ability) {
            (Replay, _) => No(NOTHING_SENT),
            (Echo | Manual, Structured) => No("nobody checks the answer against a schema"),
            (Echo | Manual, _) => No("the prompt is shown as text; a file that is none is left out"),
            (_, Structured) if self.is_program() => No("its command line is given no schema"),
            (_, Structured) => Passes("llm::tests::conformance::a_schema_is_part_of_the_request"),
            _ if self.is_program() => No("it is given text on standard input; a file that is none is refused before it runs"),
            (Ollama, Documents) => No("its protocol has pictures only; a document is refused before it is sent"),
            (_, Documents) => Passes("llm::tests::conformance::documents_are_sent_with_their_own_bytes"),
            _ => Passes("llm::tests::conformance::images_are_sent_with_their_own_bytes"),
        }
    }

    /// What is in the answer beside text.
    const fn told(self, ability: Ability) -> Support {
        match (self, ability) {
            (Replay, Native) => No(NOTHING_SENT),
            (Replay, _) => Passes(REPLAYED),
            (Text | Echo | Manual, _) => No("its answer is plain text and nothing else"),
            (_, ToolCalls) if self.is_program() => {
                No("it runs its own tools and is started without any; it cannot be given others")
            }
            (_, Native) if self.is_program() => {
                No("what its model needs again stays in the program, which is started anew each time")
            }
            (GeminiCli, Reasoning) => No("its lines hold no thinking"),
            (Codex | GeminiCli, StopReasons) => No("it says that it is done, and not why"),
            (Codex | GeminiCli, Refusals) => No("a refusal is a text like any other"),
            (Ollama, Refusals) => No("its protocol has none; a refusal is a text like any other"),
            (Ollama, CachedTokens) => No("it does not say what it had in its cache"),
            (_, Reasoning) => Passes("llm::tests::conformance::thinking_is_told_from_the_answer"),
            (_, ToolCalls) => Passes("llm::tests::conformance::parallel_calls_arrive_whole_and_in_order"),
            (_, StopReasons) => Passes("llm::tests::conformance::why_it_stopped_is_told"),
            (_, Refusals) => Passes("llm::tests::conformance::a_refusal_is_told_with_its_reason"),
            (_, Native) => Passes("llm::tests::conformance::own_parts_go_back_unchanged_and_the_request_only_grows"),
            _ => Passes("llm::tests::conformance::tokens_are_counted_alike"),
        }
    }

    const fn cost(self) -> Support {
        match self {
            Gemini => Passes("providers::gemini_makes_a_committed_edit"),
            Anthropic => Passes("providers::anthropic_makes_a_committed_edit"),
            OpenAi => Passes("providers::openai_makes_a_committed_edit"),
            Xai => Passes("providers::xai_makes_a_committed_edit"),
            Chat => Passes("llm::tests::conformance::a_cost_that_is_told_is_taken"),
            ClaudeCode => Passes("providers::claude_code_makes_a_committed_edit"),
            Ollama => No("it runs on your machine; no price is known, and none is made up"),
            Codex | GeminiCli | Text => No("it does not say what a call costs, and its model is not known here"),
            Echo | Manual | Replay => No("nothing is bought"),
        }
    }

    const fn retries(self) -> Support {
        match self {
            ClaudeCode => Passes("llm::tests::conformance::programs_are_run_again_only_where_they_say_that_it_passes"),
            Codex | GeminiCli | Text => No("it does not say whether a failure passes, so it is told at once"),
            _ if self.is_local() => No("there is no connection that could fail"),
            _ => Passes("llm::tests::conformance::passing_trouble_is_waited_out_and_the_rest_is_told"),
        }
    }
}

const NOTHING_SENT: &str = "nothing is sent";
const REPLAYED: &str = "llm::tests::conformance::a_recording_gives_the_same_answer";

impl Ability {
    /// All of them, in the order of the manual.
    pub const ALL: [Self; 14] = [
        Streaming,
        Reasoning,
        ToolCalls,
        ToolResults,
        Images,
        Documents,
        Structured,
        StopReasons,
        Refusals,
        Tokens,
        CachedTokens,
        Cost,
        Retries,
        Native,
    ];

    /// What it is called in the manual.
    pub const fn name(self) -> &'static str {
        match self {
            Streaming => "streamed text",
            Reasoning => "thinking shown",
            ToolCalls => "tool calls",
            ToolResults => "tool results",
            Images => "images in",
            Documents => "PDF in",
            Structured => "structured output",
            StopReasons => "stop reasons",
            Refusals => "refusals",
            Tokens => "token counts",
            CachedTokens => "cached tokens counted",
            Cost => "cost",
            Retries => "retries",
            Native => "byte-exact return of native parts",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_names_a_test_that_is_there_or_a_reason() {
        for speaker in Speaker::ALL {
            for ability in Ability::ALL {
                match speaker.can(ability) {
                    No(why) => assert!(!why.is_empty() && !why.ends_with('.'), "{}: {}", speaker.name(), ability.name()),
                    Passes(test) => assert!(is_there(test), "{test} is no test"),
                }
            }
        }
    }

    /// Whether a test of this name stands in the file that its module is.
    fn is_there(test: &str) -> bool {
        let (module, name) = test.rsplit_once("::").expect("a module");
        let file = match module.strip_prefix("llm::") {
            Some(rest) => format!("src/llm/{}.rs", rest.replace("::", "/")),
            None => format!("tests/it/{module}.rs"),
        };
        let text = std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).expect("a file of tests");
        text.contains(&format!("#[test]\nfn {name}() {{"))
    }
}
