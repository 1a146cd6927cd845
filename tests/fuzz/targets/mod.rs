//! What the fuzzers run: one function per parser of foreign bytes, each with what must hold of any input.
//!
//! The same functions run under a coverage-guided fuzzer (`cargo xtask fuzz`) and as tests (tests/it/fuzz.rs).
//!
//! Invariants
//! - A target is a function of its bytes alone: no clock, no environment, no file. What it needs beside them (where to cut,
//!   which key to set) comes from dice that the bytes themselves seed, so a file repeats a finding anywhere.
//! - A panic is a finding, and so is every broken `assert`.

mod bytes;
mod config;
mod edits;
mod gguf;
mod hooks;
mod reply;
mod stored;
mod syntax;
mod words;

use std::path::{Path, PathBuf};

#[allow(unused_imports, reason = "the tests mutate inputs with it")]
pub use bytes::Dice;

/// One target.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Where to begin: whole inputs that the parser takes.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words of the format, in libFuzzer's form of a dictionary.
    pub words: &'static str,
}

macro_rules! targets {
    ($($name:ident = $run:path, $seeds:path;)*) => {
        /// Every target there is.
        pub const ALL: &[Target] = &[
            $(Target {
                name: stringify!($name),
                run: $run,
                seeds: $seeds,
                words: include_str!(concat!("../words/", stringify!($name), ".dict")),
            }),*
        ];
    };
}

targets! {
    address = words::address, words::address_seeds;
    annotations = stored::annotations, stored::annotations_seeds;
    config_json = config::json, config::json_seeds;
    config_toml = config::toml, config::toml_seeds;
    edits = edits::edits, edits::seeds;
    edits_calls = edits::edits, edits::call_seeds;
    edits_diffs = edits::edits, edits::diff_seeds;
    edits_patches = edits::edits, edits::patch_seeds;
    edits_tags = edits::edits, edits::tag_seeds;
    errors = reply::errors, reply::error_seeds;
    gguf = gguf::gguf, gguf::seeds;
    hooks = hooks::answer, hooks::seeds;
    json = reply::json, reply::json_seeds;
    ladder = edits::ladder, edits::ladder_seeds;
    merge = words::merge, words::merge_seeds;
    message = stored::message, stored::message_seeds;
    paths = words::paths, words::path_seeds;
    project = words::project, words::project_seeds;
    redact = config::redact, config::redact_seeds;
    settings = config::settings, config::settings_seeds;
    sse = reply::sse, reply::sse_seeds;
    stream_chat = reply::chat, reply::chat_seeds;
    stream_gemini = reply::gemini, reply::gemini_seeds;
    syntax = syntax::syntax, syntax::seeds;
    texts = words::texts, words::text_seeds;
    turn = stored::turn, stored::turn_seeds;
    unfinished = stored::unfinished, stored::unfinished_seeds;
}

/// The project's tests.
fn tests() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // This file is compiled into two crates: the fuzzers' own, and the project's.
    if here.ends_with("tests/fuzz") { here.join("..") } else { here.join("tests") }
}

/// Every file below a directory of the tests, in order, by its path in it.
fn files(below: &str) -> Vec<(String, Vec<u8>)> {
    fn walk(dir: &Path, prefix: &str, out: &mut Vec<(String, Vec<u8>)>) {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for path in entries {
            let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
            if path.is_dir() {
                walk(&path, &format!("{name}/"), out);
            } else if let Ok(bytes) = std::fs::read(&path) {
                out.push((name, bytes));
            }
        }
    }
    let mut out = Vec::new();
    walk(&tests().join(below), "", &mut out);
    out
}

/// The committed findings of a target, which must stay mended.
pub fn regressions(target: &str) -> Vec<(String, Vec<u8>)> {
    files(&format!("fuzz/regressions/{target}"))
}

/// The targets that have a directory of findings.
pub fn found_in() -> Vec<String> {
    let mut names: Vec<String> =
        files("fuzz/regressions").iter().filter_map(|(name, _)| Some(name.split_once('/')?.0.to_owned())).collect();
    names.dedup();
    names
}
