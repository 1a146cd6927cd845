//! The one door through which the outside world comes in: variables, directory, terminals, clock and randomness.
//!
//! Invariants
//! - Nowhere else is a variable, a clock or a random source read. Tests replace all of them here, or through `debug.*`.
#![expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]

use std::collections::BTreeMap;
use std::io::{BufReader, IsTerminal as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use crate::base::clock::{Clock, Entropy, Timestamp};
use crate::base::hash::Sha256;
use crate::config::secret::{Redactor, secrets_in_env};
use crate::ui::{ColorChoice, Options, Streams, Terminal, Ui};

/// What a run of the program is given.
pub struct Env {
    /// Variables that are text; others cannot be settings or keys.
    pub vars: BTreeMap<String, String>,
    pub directory: PathBuf,
    pub terminal: Terminal,
    pub streams: Streams,
    /// What must not be seen in any output.
    pub secrets: Hidden,
}

/// The secrets that are known, for everything that writes: first those of the variables, later more.
#[derive(Clone)]
pub struct Hidden(Arc<Mutex<Redactor>>);

impl Hidden {
    pub fn new(redactor: Redactor) -> Self {
        Self(Arc::new(Mutex::new(redactor)))
    }

    /// Knows these from now on.
    pub fn set(&self, redactor: Redactor) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = redactor;
    }

    /// The bytes without them; nothing when they hold none.
    pub fn take_out(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        // Never waits: a panic is written while somebody may be in here.
        match self.0.try_lock() {
            Ok(redactor) => redactor.holds(bytes).then(|| redactor.redact_bytes(bytes).into_owned()),
            Err(TryLockError::Poisoned(held)) => Some(held.get_ref().redact_bytes(bytes).into_owned()),
            Err(TryLockError::WouldBlock) => Some(b"[nothing can be shown here]\n".to_vec()),
        }
    }
}

/// Whether stdout and stderr are one file, pipe or terminal.
fn go_together() -> bool {
    let (out, err) = (rustix::fs::fstat(std::io::stdout()), rustix::fs::fstat(std::io::stderr()));
    matches!((out, err), (Ok(out), Ok(err)) if (out.st_dev, out.st_ino) == (err.st_dev, err.st_ino))
}

impl Env {
    /// The process's own.
    pub fn of_process() -> std::io::Result<Self> {
        let vars: BTreeMap<String, String> =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
        let width = vars.get("COLUMNS").and_then(|c| c.parse().ok()).unwrap_or_else(|| {
            rustix::termios::tcgetwinsize(std::io::stdout())
                .or_else(|_| rustix::termios::tcgetwinsize(std::io::stderr()))
                .map_or(0, |w| w.ws_col.into())
        });
        let terminal = Terminal {
            stdin: std::io::stdin().is_terminal(),
            stdout: std::io::stdout().is_terminal(),
            stderr: std::io::stderr().is_terminal(),
            together: go_together(),
            erases: vars.get("TERM").is_none_or(|t| t != "dumb"),
            width,
        };
        Ok(Self {
            directory: std::env::current_dir()?,
            terminal,
            streams: Streams {
                out: Box::new(std::io::stdout()),
                err: Box::new(std::io::stderr()),
                input: Box::new(BufReader::new(std::io::stdin())),
            },
            secrets: Hidden::new(Redactor::new(secrets_in_env(&vars))),
            vars,
        })
    }

    /// The user's home directory.
    pub fn user_home(&self) -> Option<PathBuf> {
        self.vars.get("HOME").filter(|h| !h.is_empty()).map(PathBuf::from)
    }

    /// retort's own directory.
    pub fn home(&self) -> Option<PathBuf> {
        let set = self.vars.get("RT_HOME").filter(|h| !h.is_empty()).map(PathBuf::from);
        set.or_else(|| self.user_home().map(|h| h.join(".retort")))
    }

    /// The user's view, through which no secret of these variables is seen.
    pub fn ui(self, quiet: bool) -> (Ui, BTreeMap<String, String>) {
        let ui = Ui::new(self.ui_options(quiet), self.streams);
        ui.set_veil(Box::new(move |bytes| self.secrets.take_out(bytes)));
        (ui, self.vars)
    }

    /// Colour before any settings are known.
    pub fn ui_options(&self, quiet: bool) -> Options {
        let never = self.vars.get("NO_COLOR").is_some_and(|v| !v.is_empty());
        Options { terminal: self.terminal, color: if never { ColorChoice::Never } else { ColorChoice::Auto }, quiet }
    }
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
    }

    fn offset(&self, at: Timestamp) -> i32 {
        let zone = jiff::tz::TimeZone::system();
        jiff::Timestamp::from_millisecond(at.millis()).map_or(0, |t| zone.to_offset(t).seconds())
    }
}

/// A clock that goes one second forward each time it is read; in UTC.
pub struct NumberedClock(AtomicI64);

impl NumberedClock {
    pub const fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.millis()))
    }
}

impl Clock for NumberedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1000, Ordering::Relaxed))
    }

    fn offset(&self, _: Timestamp) -> i32 {
        0
    }
}

/// The machine's randomness.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        // There is no way to go on without it, and no system that we run on lacks it.
        getrandom::fill(out).expect("the system has a random source");
    }
}

/// Bytes that follow from a seed.
pub struct SeededEntropy {
    seed: u64,
    count: AtomicU64,
}

impl SeededEntropy {
    pub const fn new(seed: u64) -> Self {
        Self { seed, count: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let count = self.count.fetch_add(1, Ordering::Relaxed);
            let block = Sha256::of(format!("{} {count}", self.seed).as_bytes());
            chunk.copy_from_slice(&block.as_bytes()[..chunk.len()]);
        }
    }
}
