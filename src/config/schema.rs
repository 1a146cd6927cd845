//! The one table of keys.
//!
//! Invariants
//! - Every key here does something. A key for something that is not built is absent, so that setting it is an error and
//!   not a silent promise.
//! - `<name>` in a key stands for the name of a provider or of a hook's command.
//! - Defaults are written as the text that a user would write, and pass the key's own check.

use super::value::{Kind, Raw, Value};
use crate::base::options::CallOption;

pub use super::markdown::{json_schema, markdown, starter};

/// Which layers may set a key, besides the user's own file, the environment and the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Any project and any session.
    Anyone,
    /// A session, and a project once it is trusted.
    Session,
    /// Only a project that is trusted.
    Trusted,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The dotted name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The default as text; empty means unset.
    pub default: &'static str,
    /// Which layers may set it.
    pub scope: Scope,
    /// One sentence for the manual.
    pub doc: &'static str,
    /// An example value, as text.
    pub example: &'static str,
}

/// Providers that exist without being configured, with their default key variable.
pub const BUILT_IN_PROVIDERS: [(&str, &str); 4] =
    [("gemini", "GEMINI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY"), ("openai", "OPENAI_API_KEY"), ("xai", "XAI_API_KEY")];

/// Programs that answer, by the provider's name, which is also the word for what they write. Each runs without tools, so that
/// it only answers; what it answers is applied here. `{model}` and `{system}` stand for those.
pub const BUILT_IN_PROGRAMS: [(&str, &[&str]); 3] = [
    (
        "claude-code",
        &[
            "claude",
            "-p",
            "--model",
            "{model}",
            "--system-prompt",
            "{system}",
            "--tools",
            "",
            "--setting-sources",
            "",
            "--no-session-persistence",
            "--output-format",
            "stream-json",
            "--verbose",
            "--include-partial-messages",
        ],
    ),
    (
        "codex",
        &["codex", "exec", "--json", "--ephemeral", "--skip-git-repo-check", "--sandbox", "read-only", "--model", "{model}", "-"],
    ),
    ("gemini-cli", &["gemini", "--model", "{model}", "--approval-mode", "plan", "-o", "stream-json"]),
];

/// Every provider that exists without being configured.
pub fn built_in_providers() -> impl Iterator<Item = &'static str> {
    let keyed = BUILT_IN_PROVIDERS.iter().map(|(name, _)| *name);
    keyed.chain(["ollama"]).chain(BUILT_IN_PROGRAMS.iter().map(|(name, _)| *name))
}

pub(super) fn is_built_in(name: &str) -> bool {
    built_in_providers().any(|known| known == name)
}

const fn key(name: &'static str, kind: Kind, default: &'static str, scope: Scope, example: &'static str, doc: &'static str) -> Key {
    Key { name, kind, default, scope, doc, example }
}

/// What is asked of an answer is the model's own choice until somebody sets it: several models refuse a value that is set.
const fn sampling(name: &'static str, option: CallOption, example: &'static str) -> Key {
    key(name, Kind::Sampling(option), "", Session, example, option.doc())
}

use Kind::{Bool, Choice, Command, Duration, Int, List, Money, Path, Text, Time, Url};
use Scope::{Anyone, Session, Trusted};

/// Every key, in the order of the manual.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("model.default", Text, "auto", Session, "gemini/flash",
        "The model that answers, as `provider/model` or an alias; `auto` takes the first provider that has a key, Gemini first, else a server of this machine."),
    key("model.continuations", Int(0, 10), "2", Anyone, "0",
        "How often a model is asked for the rest of an answer that reached its length limit; each time is a turn of the same exchange."),
    key("model.weak", Text, "", Session, "flash-lite",
        "The model that sums up a session that has become too long. Unset: the one that is asked anyway."),
    key("model.edit_format", Choice(&["auto", "search-replace", "whole-file", "unified-diff", "patch"]), "auto", Anyone, "whole-file",
        "How the model is asked to write edits; `auto` chooses by model."),
    key("model.fallback", List, "", Session, "anthropic/sonnet,llama-server/qwen",
        "The models that are asked, one after the other, when the provider of the one before is down, overloaded or has no quota left and nothing of an answer has come. One without a key, or that the request is too long for, is left out."),
    key("model.max_cost", Money, "", Trusted, "0.50",
        "What one exchange may cost, in dollars: no request is sent that could take it over, counting what the exchange has cost so far, the request's tokens and, if `sampling.max_tokens` is set, the longest answer. A summary on the way counts, too. A model without a known price counts as the dearest of its provider; where none has a price it is asked all the same, which is said once."),
    key("model.local_servers", List, "local=9931,llama-server=8080,ollama=11434,lmstudio=1234",
        Trusted, "llama-server=8080",
        "Servers of this machine with OpenAI's protocol, as `name=port`: with `auto` and no key the first one that answers is asked; as a model, `name/model`."),
    key("model.paths", List, "", Trusted, "~/models",
        "Directories in which `rt model scan` looks for GGUF files, besides the places of other programs; full paths, or such that begin with `~/`."),
    key("model.llama_server", Path, "", Trusted, "~/llama.cpp/build/bin/llama-server",
        "The program that `rt model serve` starts. Unset: `llama-server` on the path."),
    key("model.system_file", Path, "", Trusted, "~/prompts/system.md",
        "A file whose text replaces the built-in system prompt."),
    key("providers.<name>.kind", Choice(&["gemini", "openai", "responses", "anthropic", "ollama", "command"]), "", Trusted, "openai",
        "The protocol that the provider speaks; needed for a provider with a name of your own. `openai` is chat completions, which most servers speak; `openai` and `xai` themselves speak `responses`, unless they have an address of their own."),
    key("providers.<name>.key_env", Text, "", Trusted, "WORK_GEMINI_KEY",
        "The variable that holds the key. Unset: `GEMINI_API_KEY` then `GOOGLE_API_KEY` for gemini, `ANTHROPIC_API_KEY`, `OPENAI_API_KEY`, `XAI_API_KEY` for those, none for others."),
    key("providers.<name>.key_command", Command, "", Trusted, "pass show work/gemini",
        "A command that prints the key; it runs when the key is needed and no variable has it. Without either, the key is the one that `rt model login` keeps."),
    key("providers.<name>.base_url", Url, "", Trusted, "http://127.0.0.1:8080/v1",
        "Where requests go. Unset: the provider's own address."),
    key("providers.<name>.command", Command, "", Trusted, "my-model --name {model}",
        "For the kind `command`: what gets the conversation on standard input, in an empty directory, and answers on standard output; `{model}` and `{system}` stand for those; in a line each becomes a quoted variable, so that the shell reads neither. `claude-code`, `codex` and `gemini-cli` have one of their own."),
    key("providers.<name>.output", Choice(&["text", "claude-code", "codex", "gemini-cli"]), "", Trusted, "text",
        "For the kind `command`: what it writes, the answer's text or the lines of another program."),
    key("providers.<name>.timeout", Duration, "300s", Trusted, "60s",
        "How long to wait when no data arrives."),
    key("providers.<name>.retry.max", Int(0, 20), "5", Trusted, "2",
        "How often a request that failed for a passing reason is sent again."),
    key("providers.<name>.retry.base", Duration, "500ms", Trusted, "1s",
        "The wait before the first retry; it doubles each time."),
    key("providers.<name>.retry.cap", Duration, "30s", Trusted, "10s",
        "The longest wait between retries."),
    key("providers.<name>.breaker.failures", Int(0, 1000), "5", Trusted, "3",
        "After so many calls in a row that failed for good because the provider is down, it is not asked for a while; 0 asks it always."),
    key("providers.<name>.breaker.cooldown", Duration, "60s", Trusted, "5m",
        "How long that is; then one call is let through, and what becomes of it decides."),
    key("providers.<name>.concurrency", Int(0, 1000), "0", Trusted, "1",
        "How many calls of it may run at once, in all processes of yours; others wait. 0 is no limit."),
    sampling("sampling.max_tokens", CallOption::MaxTokens, "32000"),
    sampling("sampling.effort", CallOption::Effort, "high"),
    sampling("sampling.temperature", CallOption::Temperature, "0.2"),
    sampling("sampling.top_p", CallOption::TopP, "0.9"),
    sampling("sampling.top_k", CallOption::TopK, "40"),
    sampling("sampling.min_p", CallOption::MinP, "0.05"),
    sampling("sampling.seed", CallOption::Seed, "7"),
    sampling("sampling.presence_penalty", CallOption::PresencePenalty, "0.5"),
    sampling("sampling.frequency_penalty", CallOption::FrequencyPenalty, "0.5"),
    sampling("sampling.repeat_penalty", CallOption::RepeatPenalty, "1.1"),
    sampling("sampling.mirostat", CallOption::Mirostat, "2"),
    sampling("sampling.mirostat_tau", CallOption::MirostatTau, "5"),
    sampling("sampling.mirostat_eta", CallOption::MirostatEta, "0.1"),
    sampling("sampling.stop", CallOption::Stop, "END"),
    key("session.continue", Duration, "12h", Anyone, "2h",
        "On a terminal, a message goes on with the worktree's session if its last turn is younger than this."),
    key("vcs.commit", Choice(&["auto", "off"]), "auto", Anyone, "off",
        "Whether applied edits are committed to your branch."),
    key("vcs.message", Choice(&["model", "prompt"]), "model", Anyone, "prompt",
        "Where the commit's subject comes from: a line of the answer, or your own words."),
    key("vcs.coauthor", Bool, "false", Anyone, "true",
        "Whether the commit names the model as co-author."),
    key("vcs.dirty", Choice(&["separate", "commit-first", "refuse"]), "separate", Trusted, "refuse",
        "What happens to your uncommitted lines in a file that the model edits: left uncommitted, committed first, or the edit is refused."),
    key("context.history_tokens", Int(0, i64::MAX), "0", Anyone, "20000",
        "How many tokens of earlier turns are sent; 0 is what the model's window allows."),
    key("context.compact", Choice(&["auto", "off"]), "auto", Anyone, "off",
        "What happens when a session has no room for a further message: it is summed up in a turn of its own, or the message is refused."),
    key("context.instructions", Bool, "true", Anyone, "false",
        "Whether `AGENTS.md`, `CLAUDE.md` or `GEMINI.md` is sent."),
    key("check.syntax", Bool, "true", Anyone, "false",
        "Whether edits that newly break the syntax of a file go back to the model once before they are written."),
    key("check.lint", List, "", Trusted, "python: ruff check",
        "Commands that look at edited files once they are written; docs/checks.md has the form. What one of them finds goes back to the model."),
    key("check.test", List, "", Trusted, "cargo test",
        "Commands that run after those, when all of them went well."),
    key("check.timeout", Duration, "10m", Trusted, "30s",
        "How long one of these commands may run."),
    key("check.max_reflections", Int(0, 10), "3", Anyone, "1",
        "How often something goes back to the model in one exchange: edits that do not fit, broken syntax, checks that fail."),
    key("hooks.session", List, "open", Trusted, "open",
        "Handlers that begin a session or go on with one."),
    key("hooks.prompt", List, "build", Trusted, "build",
        "Handlers that make a request of your words."),
    key("hooks.request", List, "send", Trusted, "send",
        "Handlers that send the request and take the answer."),
    key("hooks.response", List, "parse", Trusted, "parse",
        "Handlers that read the answer."),
    key("hooks.plan", List, "store", Trusted, "store",
        "Handlers that take the edits before any file changes."),
    key("hooks.edits", List, "apply", Trusted, "apply",
        "Handlers that write the files."),
    key("hooks.commit", List, "commit", Trusted, "commit",
        "Handlers that commit what was written."),
    key("hooks.turn", List, "check,record", Trusted, "record",
        "Handlers that end the turn: the project's checks, then the record."),
    key("hook.<name>.command", Command, "", Trusted, "scripts/check-edits",
        "A command that can stand in the lists of `hooks` by this name: a line for the shell, or a list of a program and its arguments. See docs/hooks.md."),
    key("hook.<name>.timeout", Duration, "60s", Trusted, "10s",
        "When the command is killed, with all that it started."),
    key("hook.<name>.on_failure", Choice(&["warn", "block"]), "warn", Trusted, "block",
        "What it means when the command fails or takes too long: it is shown, or it counts as a no."),
    key("store.path", Path, "data/retort.db", Trusted, "/var/tmp/retort.db",
        "The index database. It can be deleted: it is rebuilt from the repositories."),
    key("ui.color", Choice(&["auto", "always", "never"]), "auto", Anyone, "never",
        "When output is coloured; `auto` is on terminals."),
    key("debug.clock", Time, "", Trusted, "2026-01-31T09:30:00Z",
        "A clock that starts here and moves only when it is read."),
    key("debug.seed", Int(0, i64::MAX), "", Trusted, "1",
        "Ids are numbered from this seed instead of being random."),
    key("debug.fault", Text, "", Trusted, "applied",
        "The process kills itself at this fault point; a release build does not."),
    key("debug.record", Path, "", Trusted, "tests/cassette",
        "A directory in which everything that goes over the network is recorded, without keys and account ids; `RT_RECORD` is short for it. See docs/formats/cassette.md."),
    key("debug.replay", Path, "", Trusted, "tests/cassette",
        "A directory whose recorded answers stand in for the network: nothing is sent. `RT_REPLAY` is short for it."),
];

/// A key together with the name that a user wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A key that takes a value.
    Key(usize),
    /// A table with keys below it.
    Group,
    /// Neither.
    Unknown,
}

/// Whether a provider or a hook can have this name: it must fit in a variable and in `provider/model`.
fn is_own_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

/// Reads an entry of `model.local_servers`, `name=port`; the name of a built-in provider stays that provider's.
pub(super) fn local_server(entry: &str) -> Option<(&str, u16)> {
    let (name, port) = entry.split_once('=')?;
    let (name, port) = (name.trim(), port.trim().parse().ok()?);
    let own = is_own_name(name) && BUILT_IN_PROVIDERS.iter().all(|(known, _)| *known != name);
    (own && port > 0).then_some((name, port))
}

fn fits(pattern: &str, part: &str) -> bool {
    pattern == part || (pattern == "<name>" && is_own_name(part))
}

pub(super) fn find_parts(parts: &[&str]) -> Found {
    for (at, key) in KEYS.iter().enumerate() {
        let mut pattern = key.name.split('.');
        if parts.iter().all(|part| pattern.next().is_some_and(|p| fits(p, part))) {
            return if pattern.next().is_none() { Found::Key(at) } else { Found::Group };
        }
    }
    Found::Unknown
}

/// The key that `name` stands for; `providers.gemini.timeout` stands for `providers.<name>.timeout`.
pub fn find(name: &str) -> Option<&'static Key> {
    match find_parts(&name.split('.').collect::<Vec<_>>()) {
        Found::Key(at) => KEYS.get(at),
        Found::Group | Found::Unknown => None,
    }
}

impl Key {
    /// The default, checked.
    pub fn default_value(&self) -> Value {
        self.read(&self.kind.raw_of(self.default)).unwrap_or(Value::Unset)
    }

    /// Whether it is for the project's own tests rather than for users.
    pub fn is_for_tests(&self) -> bool {
        self.name.starts_with("debug.")
    }

    pub(super) fn read(&self, raw: &Raw) -> Result<Value, String> {
        self.kind.check(raw, self.default.is_empty())
    }

    /// Checks a value given as text, as from a variable or flag.
    pub fn read_text(&self, text: &str) -> Result<Value, String> {
        let raw = if self.default.is_empty() && text.is_empty() { Raw::Text(String::new()) } else { self.kind.raw_of(text) };
        self.read(&raw)
    }
}

/// The valid key or table that looks most like `name`, if any looks like it at all.
pub fn nearest(name: &str) -> Option<String> {
    let given: Vec<&str> = name.split('.').collect();
    let last = given.last().copied().unwrap_or_default();
    let mut best: Option<(usize, String)> = None;
    for key in KEYS.iter().filter(|key| !key.is_for_tests()) {
        let parts: Vec<&str> = key
            .name
            .split('.')
            .enumerate()
            .map(|(at, part)| match given.get(at) {
                Some(own) if part == "<name>" && is_own_name(own) => own,
                _ => part,
            })
            .collect();
        for length in 1..=parts.len() {
            let candidate = parts[..length].join(".");
            let edits = edit_distance(name, &candidate);
            // `color` alone, or under the wrong table, is more likely the right word in the wrong place than a typing error.
            let displaced = length == parts.len() && parts[length - 1] == last;
            let distance = if displaced { edits.min(2) } else { edits };
            let close = displaced || edits <= name.chars().count().div_ceil(3).min(4);
            if close && best.as_ref().is_none_or(|(least, _)| distance < *least) {
                best = Some((distance, candidate));
            }
        }
    }
    best.map(|(_, name)| name)
}

/// Levenshtein's distance in characters. Names over 100 characters are not typing errors, and are far from everything.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(101).collect();
    if a.len() > 400 || b.len() > 100 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
