//! `rt debug`: the value at each seam, for whoever works on retort.

mod stream;

use std::collections::BTreeMap;
use std::io::BufRead as _;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base::change::{FileMode, FileState};
use crate::base::path::RepoPath;
use crate::base::tree::{MemoryTree, SourceTree as _};

use crate::config::schema;
use crate::edit;
use crate::llm::{self, LlmError, sample};
use crate::session::request::ModelId;
use crate::session::stream::ModelEvent;

use super::super::context::Context;
use super::super::error::Failure;
use super::super::{reference, support};
use stream::StreamArgs;

/// Look at the values between the steps
#[derive(Debug, Args)]
pub struct DebugArgs {
    #[command(subcommand)]
    pub command: DebugCommand,
}

#[derive(Debug, Subcommand)]
pub enum DebugCommand {
    /// Print a generated document: cli.md, config.md, config.schema.json or providers.md
    Gen {
        /// Which one
        what: String,
    },
    /// Make the edits of answers: JSON lines with files, answer and format in, files and issues out
    ///
    /// In:  {"files": {"PATH": "TEXT"}, "answer": "TEXT", "format": "auto"}
    /// Out: {"files": {"PATH": "TEXT"}, "applied": N, "issues": TEXTS}
    ///
    /// As in a project, nothing is written unless all edits of the answer fit.
    #[command(verbatim_doc_comment)]
    Edits,
    /// Read an answer on standard input and print the edits in it as JSON
    Reply,
    /// Read a provider's response on standard input and print the model's events, as JSON lines
    ///
    /// An error is the last line; the exit code is 4 then.
    Wire {
        /// The protocol, or the provider: anthropic, gemini, openai-chat, openai-responses, xai, ollama, claude-cli, codex-cli …
        #[arg(long)]
        provider: String,
        /// Read so many bytes at a time; all at once without it
        #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..))]
        chunk: Option<u32>,
        /// The HTTP status that it came with
        #[arg(long, default_value_t = 200)]
        status: u16,
    },
    /// Ask a model and keep its answer in a file as it arrives; no turn is made
    #[command(hide = true)]
    Stream(StreamArgs),
    /// Print the body of a request: a fixed conversation, as a provider is told it
    ///
    /// What a provider's protocol has no place for is left out of it.
    #[command(hide = true)]
    Body {
        /// The protocol, or the provider, as for `wire`
        #[arg(long)]
        provider: String,
        /// The conversation
        #[arg(long, value_parser = sample::NAMES.iter().copied().collect::<Vec<_>>(), default_value = "everything")]
        sample: String,
        /// The model's name in it
        #[arg(long, default_value = "flash")]
        model: String,
        /// Read the provider's response to it on standard input, and go on from there
        #[arg(long)]
        answer: bool,
    },
    /// Print the stored files of a turn as JSON
    Turn {
        /// The turn
        #[arg(default_value = "@")]
        address: String,
    },
}

pub fn run(ctx: &Context, args: &DebugArgs) -> Result<(), Failure> {
    match &args.command {
        DebugCommand::Gen { what } => match what.as_str() {
            "cli.md" => Ok(ctx.ui.out(reference::markdown())?),
            "config.md" => Ok(ctx.ui.out(schema::markdown())?),
            "providers.md" => Ok(ctx.ui.out(support::markdown())?),
            "config.schema.json" => {
                let text = serde_json::to_string_pretty(&schema::json_schema()).unwrap_or_default();
                Ok(ctx.ui.line(text)?)
            }
            other => Err(Failure::usage(format!("there is no document {other:?}"))
                .hint("cli.md, config.md, config.schema.json, providers.md")),
        },
        DebugCommand::Edits => {
            for (at, line) in std::io::stdin().lock().lines().enumerate() {
                let line = line.map_err(|e| Failure::user(format!("standard input cannot be read: {e}")))?;
                if !line.trim().is_empty() {
                    // The parser saw one line only.
                    let why = |e: serde_json::Error| e.to_string().replace(" at line 1 column", " at column");
                    let case: Case = serde_json::from_str(&line)
                        .map_err(|e| Failure::user(format!("line {} is no case: {}", at + 1, why(e))))?;
                    ctx.ui.json(&case.made())?;
                }
            }
            Ok(())
        }
        DebugCommand::Reply => {
            let bytes = ctx.ui.read_input().map_err(|e| Failure::user(format!("standard input cannot be read: {e}")))?;
            let plan = edit::parse(edit::EditFormat::Auto, &[], &String::from_utf8_lossy(&bytes), true);
            for one in &plan.edits {
                ctx.ui.json(&json!({ "path": one.path_text(), "op": one.op.word(), "source": one.source }))?;
            }
            for issue in &plan.issues {
                ctx.ui.json(&json!({ "issue": issue.line() }))?;
            }
            Ok(ctx.ui.json(&json!({ "message": plan.message, "prose": plan.prose }))?)
        }
        DebugCommand::Wire { provider, chunk, status } => {
            let raw = ctx.ui.read_input().map_err(|e| Failure::user(format!("standard input cannot be read: {e}")))?;
            wire(ctx, provider, chunk.map_or(raw.len(), |size| size as usize).max(1), *status, &raw)
        }
        DebugCommand::Stream(args) => stream::run(ctx, args),
        DebugCommand::Body { provider, sample, model, answer } => body(ctx, provider, sample, model, *answer),
        DebugCommand::Turn { address } => {
            let ws = ctx.workspace()?;
            let (link, _) = super::place(ctx, &ws, address)?;
            let parts = crate::session::codec::encode(&ws.store().turn(&link)?);
            ctx.ui.raw(&parts.message)?;
            for (path, bytes) in &parts.files {
                ctx.ui.json(&json!({ "path": path, "bytes": bytes.len(), "text": std::str::from_utf8(bytes).ok() }))?;
            }
            Ok(())
        }
    }
}

/// The format that a provider's recordings are in.
fn format_of_provider(provider: &str) -> &str {
    match provider {
        "openai-chat" | "llamacpp" | "openrouter" => "openai",
        "openai-responses" | "xai" => "responses",
        "claude-cli" => "claude-code",
        "codex-cli" => "codex",
        other => other,
    }
}

fn wire(ctx: &Context, provider: &str, chunk: usize, status: u16, raw: &[u8]) -> Result<(), Failure> {
    let format = format_of_provider(provider);
    if !llm::FORMATS.contains(&format) {
        return Err(Failure::usage(format!("there is no protocol {provider:?}")).hint(llm::FORMATS.join(", ")));
    }
    let failed = |error: LlmError| {
        let after = error.after().map(|after| after.as_millis() as u64);
        ctx.ui.json(&json!({ "event": "error", "fault": error.fault.word(), "status": error.status, "message": error.message,
            "retried": error.retryable(), "after_ms": after }))?;
        Err(Failure::from(error))
    };
    if !(200..300).contains(&status) {
        return failed(llm::error::from_response(provider, status, &BTreeMap::new(), raw));
    }
    let mut decoder = llm::decoder_of(format, provider);
    let mut events = Vec::new();
    let fed = raw.chunks(chunk).try_for_each(|piece| decoder.feed(piece, &mut events));
    let read = fed.and_then(|()| decoder.finish(&mut events));
    for event in &events {
        ctx.ui.json(&event_json(event))?;
    }
    let stopped = events.iter().any(|event| matches!(event, ModelEvent::Stop(_)));
    match read {
        Err(error) => failed(error),
        Ok(()) if !stopped => failed(LlmError::new(llm::Fault::Cut, provider, "the stream ends without an end of the answer")),
        Ok(()) => Ok(()),
    }
}

/// What this prints is sent to real servers by tests, and checked against the types of the providers' own libraries.
fn body(ctx: &Context, provider: &str, name: &str, model: &str, answered: bool) -> Result<(), Failure> {
    let format = format_of_provider(provider);
    let no_such = || Failure::usage(format!("there are no bodies of {provider:?}")).hint(FORMATS_WITH_BODY);
    let name_of_provider = if provider.starts_with("openai") { "openai" } else { provider };
    let adapter = sample::adapter(format, name_of_provider).ok_or_else(no_such)?;
    let id = ModelId { provider: name_of_provider.to_owned(), model: model.to_owned() };
    let mut request = sample::named(name, id).ok_or_else(no_such)?;
    request.options.take_out(|option, _| adapter.takes(option));
    let mut call = adapter.encode(&request)?;
    if answered {
        let raw = ctx.ui.read_input().map_err(|e| Failure::user(format!("standard input cannot be read: {e}")))?;
        let (answer, error) = llm::replay(&call.envelope, 200, &raw);
        if let Some(error) = error {
            return Err(Failure::from(error));
        }
        sample::go_on(&mut request, adapter.name(), &answer);
        call = adapter.encode(&request)?;
    }
    Ok(ctx.ui.raw(&call.body.bytes())?)
}

const FORMATS_WITH_BODY: &str = "anthropic, gemini, openai-chat, openai-responses, ollama, or a provider such as llamacpp or xai";

fn event_json(event: &ModelEvent) -> Value {
    match event {
        ModelEvent::Text(text) => json!({ "event": "text", "text": text }),
        ModelEvent::Reasoning(text) => json!({ "event": "reasoning", "text": text }),
        ModelEvent::Native(bytes) => json!({ "event": "native", "json": String::from_utf8_lossy(bytes) }),
        ModelEvent::ToolCall { id, name, arguments } => {
            json!({ "event": "tool-call", "id": id, "name": name, "arguments": arguments })
        }
        ModelEvent::Served(model) => json!({ "event": "served", "model": model }),
        ModelEvent::Usage(u) => json!({ "event": "usage", "input": u.input.0, "cache_read": u.cache_read.0,
            "cache_write": u.cache_write.0, "output": u.output.0, "reasoning": u.reasoning.0 }),
        ModelEvent::Cost(cost) => json!({ "event": "cost", "usd": cost.to_string() }),
        ModelEvent::Stop(stop) => json!({ "event": "stop", "reason": stop.as_text() }),
    }
}

/// An answer and the files that it is about.
#[derive(Deserialize)]
struct Case {
    files: BTreeMap<String, String>,
    answer: String,
    #[serde(default)]
    format: Option<String>,
}

/// The form of a word, or of the name that other programs give it.
fn format_named(word: &str) -> Option<edit::EditFormat> {
    use edit::EditFormat;
    match word {
        "search_replace" | "diff" | "diff-fenced" => Some(EditFormat::SearchReplace),
        "whole" | "whole_file" => Some(EditFormat::WholeFile),
        "udiff" | "unified_diff" => Some(EditFormat::UnifiedDiff),
        "v4a" | "apply_patch" => Some(EditFormat::Patch),
        "json" | "tool" | "tools" | "tool_calls" | "tags" | "xml" => Some(EditFormat::Auto),
        word => EditFormat::from_word(word),
    }
}

impl Case {
    fn made(self) -> Value {
        let failed =
            |files: &BTreeMap<String, String>, issues: Vec<String>| json!({ "files": files, "applied": 0, "issues": issues });
        let format = self.format.as_deref().map_or(Some(edit::EditFormat::Auto), format_named);
        let Some(format) = format else { return failed(&self.files, vec!["there is no such format".to_owned()]) };
        let mut files = Vec::new();
        for (path, text) in &self.files {
            match RepoPath::new(path.as_str()) {
                Ok(path) => files.push((path, FileState { mode: FileMode::Regular, bytes: text.clone().into_bytes() })),
                Err(why) => return failed(&self.files, vec![why.to_string()]),
            }
        }
        let tree = MemoryTree::new(files);
        let plan = edit::parse(format, tree.paths(), &self.answer, true);
        let applied = match edit::apply(&plan.edits, &tree, &edit::Rules::default()) {
            Ok(applied) => applied,
            Err(error) => return failed(&self.files, vec![error.to_string()]),
        };
        let mut issues: Vec<String> = plan.issues.iter().map(edit::ParseIssue::line).collect();
        issues.extend(applied.rejects.iter().map(edit::Reject::line));
        if !issues.is_empty() {
            return failed(&self.files, issues);
        }
        let mut after = self.files;
        for (path, change) in applied.changes.iter() {
            match &change.after {
                Some(file) => after.insert(path.to_string(), String::from_utf8_lossy(&file.bytes).into_owned()),
                None => after.remove(&path.to_string()),
            };
        }
        json!({ "files": after, "applied": applied.landed.len(), "issues": [] })
    }
}
