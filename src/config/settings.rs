//! The merged values as types.
//!
//! Invariants
//! - Every field is filled: what nobody set has its default from the table of keys.
//! - An enum here has a variant for each word that its key allows ([`tests`](super::tests) tries them all).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::schema;
use super::value::Value;
use crate::base::clock::Timestamp;
use crate::base::money::Usd;
use crate::base::options::{CallOption, CallOptions};

/// Makes an enum for a key that takes one of a few words; the first is the default.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $(#[$first_doc:meta])* $first:ident = $first_word:literal, $($(#[$word_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub enum $name { $(#[$first_doc])* #[default] $first, $($(#[$word_doc])* $variant),+ }

        impl $name {
            /// All words, in the order of the manual.
            pub const WORDS: &[&str] = &[$first_word, $($word),+];

            /// The word in a configuration file.
            pub const fn as_str(self) -> &'static str {
                match self { Self::$first => $first_word, $(Self::$variant => $word),+ }
            }

            /// The variant of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $first_word => Some(Self::$first), $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// How edits are asked for.
    EditFormat {
        /// Whatever the model likes best of the forms that cannot be mistaken.
        Auto = "auto",
        /// SEARCH/REPLACE blocks.
        SearchReplace = "search-replace",
        /// Whole files; here, and only here, a path line above a plain fenced block is one.
        WholeFile = "whole-file",
        /// Unified diffs.
        UnifiedDiff = "unified-diff",
        /// Patches between `*** Begin Patch` and `*** End Patch`.
        Patch = "patch",
    }
}

words! {
    /// What a provider speaks.
    Protocol {
        /// Gemini's own.
        Gemini = "gemini",
        /// OpenAI-compatible chat completions.
        OpenAi = "openai",
        /// OpenAI's Responses API.
        Responses = "responses",
        /// Anthropic's Messages API.
        Anthropic = "anthropic",
        /// Ollama's own.
        Ollama = "ollama",
        /// None: a command that answers on its standard output.
        Command = "command",
    }
}
words! {
    /// What a command writes on its standard output.
    OutputFormat {
        /// The answer and nothing else.
        Text = "text",
        /// The lines of `claude -p --output-format stream-json`.
        ClaudeCode = "claude-code",
        /// The lines of `codex exec --json`.
        Codex = "codex",
        /// The lines of `gemini -p -o stream-json`.
        GeminiCli = "gemini-cli",
    }
}
words! {
    /// Whether edits are committed.
    CommitMode {
        /// Each exchange makes a commit.
        Auto = "auto",
        /// Files are written and left uncommitted.
        Off = "off",
    }
}
words! {
    /// Where the subject of a commit comes from.
    MessageSource {
        /// The model's line.
        Model = "model",
        /// The user's words.
        Prompt = "prompt",
    }
}
words! {
    /// What happens when a conversation has no room any more.
    CompactMode {
        /// It is summed up, in a turn of its own.
        Auto = "auto",
        /// The message is refused.
        Off = "off",
    }
}
words! {
    /// What happens to the user's uncommitted lines in a file that is edited.
    DirtyMode {
        /// They stay uncommitted.
        Separate = "separate",
        /// They are committed first, on their own.
        CommitFirst = "commit-first",
        /// The edit is refused.
        Refuse = "refuse",
    }
}
words! {
    /// What the failure of a hook's command means.
    OnFailure {
        /// It is shown.
        Warn = "warn",
        /// The same as a no.
        Block = "block",
    }
}
words! {
    /// When output is coloured.
    Color {
        /// On terminals.
        Auto = "auto",
        /// Even in pipes.
        Always = "always",
        /// Nowhere.
        Never = "never",
    }
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `[model]`
    pub model: ModelSettings,
    /// `[providers.<name>]`: the built-in ones and those that are configured.
    pub providers: BTreeMap<String, ProviderSettings>,
    /// `[sampling]`
    pub sampling: CallOptions,
    /// `[session]`
    pub session: SessionSettings,
    /// `[vcs]`
    pub vcs: VcsSettings,
    /// `[context]`
    pub context: ContextSettings,
    /// `[check]`
    pub check: CheckSettings,
    /// `[hooks]`
    pub hooks: HookSettings,
    /// `[store]`
    pub store: StoreSettings,
    /// `[ui]`
    pub ui: UiSettings,
    /// `[debug]`
    pub debug: DebugSettings,
}

/// `[model]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSettings {
    /// `provider/model`, an alias, or `auto`.
    pub default: String,
    /// How often an answer that is cut off at the length limit goes on.
    pub continuations: u32,
    /// The model for summaries, if not the one that is asked anyway.
    pub weak: Option<String>,
    /// Who is asked when it is down, in this order.
    pub fallback: Vec<String>,
    /// What an exchange may cost.
    pub max_cost: Option<Usd>,
    /// How edits are asked for.
    pub edit_format: EditFormat,
    /// Servers that may run on this machine, in the order in which they are tried, by the provider's name.
    pub local_servers: Vec<(String, ProviderSettings)>,
    /// Directories with model files, as they are written.
    pub paths: Vec<String>,
    /// The program of a local server, if not the one on the path.
    pub llama_server: Option<PathBuf>,
    /// A file that replaces the system prompt.
    pub system_file: Option<PathBuf>,
}

/// `[providers.<name>]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSettings {
    /// What it speaks.
    pub kind: Protocol,
    /// The variable with its key, if not the well-known one.
    pub key_env: Option<String>,
    /// What prints its key, where no variable has it; empty for none.
    pub key_command: Vec<String>,
    /// Its address, if not its own. Set for every provider that is not built in.
    pub base_url: Option<String>,
    /// How long to wait without data.
    pub timeout: Duration,
    /// When to try again.
    pub retry: RetrySettings,
    /// When it is left alone.
    pub breaker: BreakerSettings,
    /// How many calls may run at once; 0 is no limit.
    pub concurrency: u32,
    /// The program and its arguments, where that is what answers.
    pub command: Vec<String>,
    /// What it writes.
    pub output: OutputFormat,
}

/// `[providers.<name>.retry]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySettings {
    /// How many times after the first.
    pub max: u32,
    /// The first wait.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
}

/// `[providers.<name>.breaker]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// How many failed calls in a row it takes; 0 is never.
    pub failures: u32,
    /// For how long.
    pub cooldown: Duration,
}

/// `[session]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// `session.continue`: how old a last turn may be to be gone on with.
    pub continue_within: Duration,
}

/// `[vcs]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VcsSettings {
    /// Whether to commit.
    pub commit: CommitMode,
    /// Where the subject comes from.
    pub message: MessageSource,
    /// Whether the model is named as co-author.
    pub coauthor: bool,
    /// What happens to uncommitted lines.
    pub dirty: DirtyMode,
}

/// `[context]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextSettings {
    /// Tokens of earlier turns; `None` is what the window allows.
    pub history_tokens: Option<u64>,
    /// What happens when it is too long.
    pub compact: CompactMode,
    /// Whether instruction files are sent.
    pub instructions: bool,
}

/// `[check]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSettings {
    /// Whether edits that break the syntax go back to the model once.
    pub syntax: bool,
    /// Commands that look at edited files.
    pub lint: Vec<String>,
    /// Commands that run after those.
    pub test: Vec<String>,
    /// How long one of them may run.
    pub timeout: Duration,
    /// How often something goes back to the model in one exchange.
    pub max_reflections: u32,
}

/// `[hooks]`: handler names by point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSettings {
    /// Where a session opens.
    pub session: Vec<String>,
    /// Making the request.
    pub prompt: Vec<String>,
    /// Sending it.
    pub request: Vec<String>,
    /// After the answer.
    pub response: Vec<String>,
    /// Before files change.
    pub plan: Vec<String>,
    /// Writing files.
    pub edits: Vec<String>,
    /// Committing.
    pub commit: Vec<String>,
    /// Ending the turn.
    pub turn: Vec<String>,
    /// `[hook.<name>]`: the commands.
    pub commands: BTreeMap<String, HookCommand>,
}

/// `[hook.<name>]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCommand {
    /// The program and its arguments; a line of text is given to a shell.
    pub argv: Vec<String>,
    /// When it is killed.
    pub timeout: Duration,
    /// What its failure means.
    pub on_failure: OnFailure,
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// The index database.
    pub path: PathBuf,
}

/// `[ui]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UiSettings {
    /// When to colour.
    pub color: Color,
}

/// `[debug]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebugSettings {
    /// Where a numbered clock starts.
    pub clock: Option<Timestamp>,
    /// The seed of numbered ids.
    pub seed: Option<u64>,
    /// The fault point to die at.
    pub fault: Option<String>,
    /// Where exchanges are recorded.
    pub record: Option<PathBuf>,
    /// Whose recorded answers stand in for the network.
    pub replay: Option<PathBuf>,
}

/// Merged values by key, with the table's default for what is absent.
pub(super) struct Merged<'a>(pub(super) &'a dyn Fn(&str) -> Value);

impl Merged<'_> {
    fn text(&self, key: &str) -> Option<String> {
        match (self.0)(key) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn word<T: Default>(&self, key: &str, from_word: fn(&str) -> Option<T>) -> T {
        self.text(key).and_then(|word| from_word(&word)).unwrap_or_default()
    }

    fn yes(&self, key: &str) -> bool {
        (self.0)(key) == Value::Bool(true)
    }

    fn int(&self, key: &str) -> Option<u64> {
        match (self.0)(key) {
            Value::Int(n) => u64::try_from(n).ok(),
            _ => None,
        }
    }

    fn small(&self, key: &str) -> u32 {
        self.int(key).and_then(|n| u32::try_from(n).ok()).unwrap_or_default()
    }

    fn time(&self, key: &str) -> Duration {
        match (self.0)(key) {
            Value::Duration(time) => time,
            _ => Duration::ZERO,
        }
    }

    fn list(&self, key: &str) -> Vec<String> {
        match (self.0)(key) {
            Value::List(items) => items,
            _ => Vec::new(),
        }
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        match (self.0)(key) {
            Value::Path(path) => Some(path),
            _ => None,
        }
    }

    /// All settings. `configured` names the providers that any layer mentions, `hooks` the commands.
    pub(super) fn settings(&self, configured: &BTreeSet<String>, hooks: &BTreeSet<String>) -> Settings {
        let built_in = schema::built_in_providers().map(str::to_owned);
        let providers = built_in.chain(configured.iter().cloned()).map(|name| (name.clone(), self.provider(&name))).collect();
        Settings {
            model: ModelSettings {
                default: self.text("model.default").unwrap_or_default(),
                continuations: self.small("model.continuations"),
                weak: self.text("model.weak"),
                fallback: self.list("model.fallback"),
                max_cost: self.text("model.max_cost").and_then(|text| text.parse().ok()),
                edit_format: self.word("model.edit_format", EditFormat::from_word),
                local_servers: self.local_servers(),
                paths: self.list("model.paths"),
                llama_server: self.path("model.llama_server"),
                system_file: self.path("model.system_file"),
            },
            providers,
            sampling: self.sampling(),
            session: SessionSettings { continue_within: self.time("session.continue") },
            vcs: VcsSettings {
                commit: self.word("vcs.commit", CommitMode::from_word),
                message: self.word("vcs.message", MessageSource::from_word),
                coauthor: self.yes("vcs.coauthor"),
                dirty: self.word("vcs.dirty", DirtyMode::from_word),
            },
            context: ContextSettings {
                history_tokens: self.int("context.history_tokens").filter(|n| *n > 0),
                compact: self.word("context.compact", CompactMode::from_word),
                instructions: self.yes("context.instructions"),
            },
            check: CheckSettings {
                syntax: self.yes("check.syntax"),
                lint: self.list("check.lint"),
                test: self.list("check.test"),
                timeout: self.time("check.timeout"),
                max_reflections: self.small("check.max_reflections"),
            },
            hooks: HookSettings {
                session: self.list("hooks.session"),
                prompt: self.list("hooks.prompt"),
                request: self.list("hooks.request"),
                response: self.list("hooks.response"),
                plan: self.list("hooks.plan"),
                edits: self.list("hooks.edits"),
                commit: self.list("hooks.commit"),
                turn: self.list("hooks.turn"),
                commands: hooks.iter().map(|name| (name.clone(), self.hook(name))).collect(),
            },
            store: StoreSettings { path: self.path("store.path").unwrap_or_default() },
            ui: UiSettings { color: self.word("ui.color", Color::from_word) },
            debug: DebugSettings {
                clock: match (self.0)("debug.clock") {
                    Value::Time(time) => Some(time),
                    _ => None,
                },
                seed: self.int("debug.seed"),
                fault: self.text("debug.fault"),
                record: self.path("debug.record"),
                replay: self.path("debug.replay"),
            },
        }
    }

    fn sampling(&self) -> CallOptions {
        let read = |option: &CallOption| Some((*option, option.read(&self.text(&format!("sampling.{option}"))?)?));
        CallOption::ALL.iter().filter_map(read).fold(CallOptions::default(), |all, (option, json)| all.with(option, json))
    }

    fn local_servers(&self) -> Vec<(String, ProviderSettings)> {
        let entries = self.list("model.local_servers");
        let servers = entries.iter().filter_map(|entry| schema::local_server(entry));
        servers
            .map(|(name, port)| {
                let settings = self.provider(name);
                let version = if settings.kind == Protocol::Ollama { "" } else { "/v1" };
                let base_url = Some(format!("http://127.0.0.1:{port}{version}"));
                (name.to_owned(), ProviderSettings { base_url, ..settings })
            })
            .collect()
    }

    fn argv(&self, key: &str) -> Option<Vec<String>> {
        match (self.0)(key) {
            Value::Text(line) => Some(vec!["sh".to_owned(), "-c".to_owned(), line]),
            Value::List(argv) => Some(argv),
            _ => None,
        }
    }

    fn hook(&self, name: &str) -> HookCommand {
        let key = |rest: &str| format!("hook.{name}.{rest}");
        let argv = self.argv(&key("command")).unwrap_or_default();
        HookCommand { argv, timeout: self.time(&key("timeout")), on_failure: self.word(&key("on_failure"), OnFailure::from_word) }
    }

    fn provider(&self, name: &str) -> ProviderSettings {
        let key = |rest: &str| format!("providers.{name}.{rest}");
        let base_url = self.text(&key("base_url"));
        let program = schema::BUILT_IN_PROGRAMS.iter().find(|(known, _)| *known == name);
        let own_kind = match name {
            "gemini" => Protocol::Gemini,
            "anthropic" => Protocol::Anthropic,
            "ollama" => Protocol::Ollama,
            _ if program.is_some() => Protocol::Command,
            // Other servers at an address of their own speak what everybody speaks.
            "openai" | "xai" if base_url.is_none() => Protocol::Responses,
            _ => Protocol::OpenAi,
        };
        ProviderSettings {
            kind: self.text(&key("kind")).and_then(|word| Protocol::from_word(&word)).unwrap_or(own_kind),
            key_env: self.text(&key("key_env")),
            key_command: self.argv(&key("key_command")).unwrap_or_default(),
            base_url,
            timeout: self.time(&key("timeout")),
            retry: RetrySettings {
                max: self.small(&key("retry.max")),
                base: self.time(&key("retry.base")),
                cap: self.time(&key("retry.cap")),
            },
            breaker: BreakerSettings {
                failures: self.small(&key("breaker.failures")),
                cooldown: self.time(&key("breaker.cooldown")),
            },
            concurrency: self.small(&key("concurrency")),
            command: self
                .argv(&key("command"))
                .unwrap_or_else(|| program.map(|(_, argv)| argv.iter().map(|arg| (*arg).to_owned()).collect()).unwrap_or_default()),
            output: self
                .text(&key("output"))
                .and_then(|word| OutputFormat::from_word(&word))
                .or_else(|| OutputFormat::from_word(name))
                .unwrap_or_default(),
        }
    }
}
