//! Places where a test lets the process die, to prove that nothing is lost there.
//!
//! Invariants
//! - In a release build every point is empty.
//! - A fault is a real `SIGKILL` of ourselves: no destructor runs, no buffer is flushed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Which point is armed: `name` (its first hit) or `name:N` (its N-th hit). `trace` kills nowhere and writes every hit as a
/// line into the given file. `panic=NAME TEXT` panics at a point instead, with the text.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    armed: Option<Arc<Armed>>,
}

#[derive(Debug)]
struct Armed {
    name: String,
    hit: u32,
    trace: Option<std::path::PathBuf>,
    panic: Option<String>,
    hits: Mutex<BTreeMap<String, u32>>,
}

impl Faults {
    /// Reads `debug.fault`; an empty text arms nothing. `trace=FILE` records.
    pub fn new(spec: &str) -> Self {
        if spec.is_empty() || !cfg!(debug_assertions) {
            return Self::default();
        }
        let (name, hit) = spec.rsplit_once(':').and_then(|(n, h)| Some((n, h.parse().ok()?))).unwrap_or((spec, 1));
        let trace = spec.strip_prefix("trace=").map(Into::into);
        let (name, text) = spec.strip_prefix("panic=").map_or((name, None), |rest| {
            let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
            (name, Some(text.to_owned()))
        });
        let armed = Armed { name: name.to_owned(), hit, trace, panic: text, hits: Mutex::default() };
        Self { armed: Some(Arc::new(armed)) }
    }

    /// Dies here if this point is armed.
    pub fn point(&self, name: &str) {
        let Some(armed) = &self.armed else { return };
        let hit = {
            let mut hits = armed.hits.lock().unwrap_or_else(PoisonError::into_inner);
            let hit = hits.entry(name.to_owned()).or_default();
            *hit += 1;
            *hit
        };
        if let Some(file) = &armed.trace {
            let line = format!("{name}:{hit}\n");
            let mut options = std::fs::OpenOptions::new();
            if let Ok(mut file) = options.create(true).append(true).open(file) {
                let _ = std::io::Write::write_all(&mut file, line.as_bytes());
            }
        } else if armed.name == name && armed.hit == hit {
            if let Some(text) = &armed.panic {
                panic!("a fault was set: {text}");
            }
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}
