//! Models on this machine: which there are, a server for one of them, and how fast it is.
//!
//! Invariants
//! - Only what was started here is ever stopped: it is known by a file of ours, its number and its time of birth.
//! - What is started stands in that file before anybody waits for it, so it is found again whatever happens to us.
//! - Nothing is asked but servers of this machine, and nothing is written but our own files of running servers.

pub mod ask;
pub mod bench;
pub mod gguf;
pub mod launch;
pub mod memory;
pub mod scan;
pub mod serve;
pub mod state;

use std::path::{Path, PathBuf};

use crate::process::bounded::Ended;

/// The port of the servers that are started here. The usual list of local servers has it under the name `local`.
pub const PORT: u16 = 9931;

/// Why something about a server did not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: String },
    #[error("another rt is just starting a server on port {port}, or something that such a server started still holds its log")]
    Busy { port: u16 },
    #[error("{} cannot be started: {why}", program.display())]
    CannotStart { program: PathBuf, why: String },
    /// With the last lines that it printed.
    #[error("llama-server ended before it was ready ({}){}", ended(*how), said(tail))]
    Ended { how: Ended, tail: String, log: PathBuf },
    #[error("interrupted while the model was loading; the server is stopped")]
    Interrupted,
    #[error("the server on port {port} does not end{}", numbers(processes))]
    StillThere { port: u16, processes: Vec<u32> },
    /// A server that is measured did not answer as it should.
    #[error("{address}: {why}")]
    Answer { address: String, why: String },
}

impl Error {
    fn file(path: &Path, why: &std::io::Error) -> Self {
        Self::File { path: path.to_owned(), why: why.to_string() }
    }
}

fn ended(how: Ended) -> String {
    match how {
        Ended::Code(code) => format!("code {code}"),
        Ended::Signal => "by a signal".to_owned(),
        Ended::TimedOut => "its time was over".to_owned(),
    }
}

fn said(tail: &str) -> String {
    if tail.is_empty() { " and printed nothing".to_owned() } else { format!("; the last that it printed:\n{tail}") }
}

fn numbers(processes: &[u32]) -> String {
    let list: Vec<String> = processes.iter().map(u32::to_string).collect();
    if list.is_empty() { String::new() } else { format!(" (process {})", list.join(", ")) }
}
