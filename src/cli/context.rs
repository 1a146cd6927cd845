//! What a command works with: the user's view, the settings, the repository, the index.
//!
//! Invariants
//! - Unfinished turns of dead processes are closed before a command sees it.
//! - From the first line on, nothing is written that holds a secret of the variables; once settings and repository are known,
//!   of those too.
//! - The index is a help, not a need: when it cannot be used, one in memory takes its place.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::agent::intent::Step;
use crate::agent::recover::{self, Recovered, Seen};
use crate::agent::workspace::{Parts, Workspace};
use crate::base::clock::{Clock, Entropy};
use crate::base::id::SessionId;
use crate::config::secret::Redactor;
use crate::config::{Color, Config, Sources};
use crate::index::{Index, Place, SyncReport};
use crate::process::fault::Faults;
use crate::session::address::Address;
use crate::session::turn::{Outcome, TurnKind};
use crate::ui::{ColorChoice, Style, Text, Ui};
use crate::vcs::git::{Git, Private, Survey};
use crate::vcs::{Backend as _, VcsError};

use super::args::Global;
use super::env::{Env, Hidden, NumberedClock, SeededEntropy, SystemClock, SystemEntropy};
use super::error::Failure;

/// One run of a command.
pub struct Context {
    pub ui: Ui,
    secrets: Hidden,
    pub global: Global,
    pub vars: std::collections::BTreeMap<String, String>,
    pub directory: PathBuf,
    pub home: Option<PathBuf>,
    pub user_home: Option<PathBuf>,
    /// The undo or redo of a dead process that this run has completed.
    pub completed: Cell<Option<&'static str>>,
}

/// What a command does in a directory that is in no repository and has no turns yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    Refuse,
    /// Its turns are kept among retort's own files.
    Make,
}

impl Context {
    pub fn new(env: Env, global: Global) -> Self {
        let (home, user_home, directory) = (env.home(), env.user_home(), env.directory.clone());
        let completed = Cell::new(None);
        let secrets = env.secrets.clone();
        let (ui, vars) = env.ui(global.quiet);
        Self { ui, secrets, global, vars, directory, home, user_home, completed }
    }

    /// Where the settings come from. `root` is the worktree's, when there is one.
    pub fn sources(&self, root: Option<PathBuf>, session: Vec<(String, String)>) -> Result<Sources, Failure> {
        let home = self
            .home
            .clone()
            .ok_or_else(|| Failure::user("neither HOME nor RT_HOME is set").hint("set one of them to a directory"))?;
        let mut flags = Vec::new();
        for pair in &self.global.config {
            let (key, value) = pair.split_once('=').ok_or_else(|| {
                Failure::usage(format!("--config {pair:?} is not KEY=VALUE")).hint("such as: --config vcs.commit=off")
            })?;
            flags.push((key.to_owned(), value.to_owned()));
        }
        Ok(Sources { home, user_home: self.user_home.clone(), project_root: root, session, env: self.vars.clone(), flags })
    }

    /// The root of the worktree around the directory, when there is one.
    pub fn root(&self) -> Result<Option<PathBuf>, Failure> {
        match self.repository(&self.directory, Outside::Refuse) {
            Ok(git) => Ok(Some(git.layout().root.clone())),
            Err(VcsError::NotARepository(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What is known of the repository around the directory, also of one that is refused.
    pub fn survey(&self) -> Result<Survey, VcsError> {
        match Git::survey(&self.directory) {
            Err(VcsError::NotARepository(_)) => self.repository(&self.directory, Outside::Refuse)?.look(),
            other => other,
        }
    }

    /// The repository around the directory; outside of one, that which keeps the turns of the directory.
    pub fn repository(&self, directory: &Path, outside: Outside) -> Result<Git, VcsError> {
        let missing = match Git::discover(directory, Faults::default()) {
            Err(missing @ VcsError::NotARepository(_)) => missing,
            found => return found,
        };
        let Some(home) = &self.home else { return Err(missing) };
        let stores = home.join("private");
        let private = Private { stores: &stores, home: self.user_home.as_deref() };
        match outside {
            Outside::Make => private.find_or_make(directory, &Faults::default()),
            Outside::Refuse => private.find(directory, &Faults::default())?.ok_or(missing),
        }
    }

    /// The same, where nothing can be done without one.
    pub fn needed_root(&self) -> Result<PathBuf, Failure> {
        Ok(self.root()?.ok_or_else(|| VcsError::NotARepository(self.directory.clone()))?)
    }

    /// The settings without a session's own.
    pub fn config(&self) -> Result<Config, Failure> {
        let root = self.root()?;
        let config = Config::load(&self.sources(root, Vec::new())?).map_err(crate::agent::Error::from)?;
        self.set_color(&config);
        self.secrets.set(Redactor::new(config.secrets(&self.vars)));
        Ok(config)
    }

    /// The clock that the settings name.
    pub fn clock(config: &Config) -> Arc<dyn Clock> {
        match config.settings().debug.clock {
            Some(start) => Arc::new(NumberedClock::new(start)),
            None => Arc::new(SystemClock),
        }
    }

    /// The source of randomness that the settings name.
    pub fn entropy(config: &Config) -> Arc<dyn Entropy> {
        match config.settings().debug.seed {
            Some(seed) => Arc::new(SeededEntropy::new(seed)),
            None => Arc::new(SystemEntropy),
        }
    }

    /// From now on, nothing that is written holds one of these secrets.
    pub fn hide(&self, redactor: &Redactor) {
        self.secrets.set(redactor.clone());
    }

    /// `ui.color` outweighs what the terminal says; `auto` leaves it.
    pub fn set_color(&self, config: &Config) {
        match config.settings().ui.color {
            Color::Always => self.ui.set_color(ColorChoice::Always),
            Color::Never => self.ui.set_color(ColorChoice::Never),
            Color::Auto => {}
        }
    }

    /// The repository and the settings as they are, for someone who only looks: what dead processes left stays.
    pub fn untouched(&self) -> Result<(Git, Config), Failure> {
        let git = self.repository(&self.directory, Outside::Refuse)?;
        let sources = self.sources(Some(git.layout().root.clone()), Vec::new())?;
        let config = Config::load(&sources).map_err(crate::agent::Error::from)?;
        self.set_color(&config);
        Ok((git, config))
    }

    /// The repository around the directory, with what dead processes left brought in order.
    pub fn workspace(&self) -> Result<Workspace, Failure> {
        self.workspace_in(&self.directory, Outside::Refuse, Vec::new())
    }

    /// The same for a command that makes a turn, which may be the first one of a directory without a repository. With a
    /// session's own settings it is built anew.
    pub fn workspace_for_turn(&self, session: Vec<(String, String)>) -> Result<Workspace, Failure> {
        self.workspace_in(&self.directory, Outside::Make, session)
    }

    /// The same for another worktree of the repository.
    pub fn workspace_at(&self, directory: &Path) -> Result<Workspace, Failure> {
        self.workspace_in(directory, Outside::Refuse, Vec::new())
    }

    fn workspace_in(&self, directory: &Path, outside: Outside, session: Vec<(String, String)>) -> Result<Workspace, Failure> {
        let first = session.is_empty();
        let probe = self.repository(directory, outside)?;
        if let (true, Outside::Make, true) = (first, outside, probe.layout().private) {
            let place = probe.layout().git_dir.display().to_string();
            let said = format!("no git repository here: edits are not committed, turns are kept in {place}");
            self.ui.status(Text::new().add(Style::Dim, said));
        }
        let sources = self.sources(Some(probe.layout().root.clone()), session)?;
        let config = Config::load(&sources).map_err(crate::agent::Error::from)?;
        self.set_color(&config);
        self.secrets.set(Redactor::new(config.secrets(&self.vars)));
        if first {
            config.warnings().iter().for_each(|warning| self.ui.warn(warning));
        }
        let debug = &config.settings().debug;
        let (clock, entropy) = (Self::clock(&config), Self::entropy(&config));
        let faults = Faults::new(debug.fault.as_deref().unwrap_or_default());
        let backend = probe.with_faults(faults.clone());
        let backend = match &self.home {
            Some(home) => backend.without(home),
            None => backend,
        };
        let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let ws = Workspace::new(Parts { backend, config, env: self.vars.clone(), clock, entropy, faults }, &directory)?;
        self.secrets.set(ws.redactor.clone());
        if first {
            self.recover(&ws)?;
        }
        Ok(ws)
    }

    /// One line for each piece of work that a dead process left.
    fn recover(&self, ws: &Workspace) -> Result<(), Failure> {
        for seen in recover::recover(ws)? {
            let said = match &seen {
                Seen::Turn(done) => about_turn(done),
                Seen::Step(step, result) => {
                    let name = if *step == Step::Redo { "redo" } else { "undo" };
                    if let Ok(Some(_)) = result {
                        self.completed.set(Some(name));
                    }
                    match result {
                        Ok(Some(_)) => format!("unfinished {name}: it is complete now"),
                        Ok(None) => format!("unfinished {name}: it was complete; its traces are removed"),
                        Err(error) => format!("unfinished {name}: it cannot be completed ({error}) · rt {name} does it again"),
                    }
                }
                Seen::Failed(key, why) => {
                    format!("unfinished turn {}: it cannot be closed ({why}); the next command tries again", key.short())
                }
                Seen::Unreadable { place, why } => {
                    format!("an unfinished turn cannot be read ({why}); its files are kept in {}", place.display())
                }
            };
            self.ui.status(Text::new().add(Style::Warn, said));
        }
        Ok(())
    }

    /// The index, caught up with the repository.
    pub fn index(&self, ws: &Workspace) -> Result<Index, Failure> {
        let mut index = self.open_index(ws)?;
        self.said(index.sync(&*ws.backend)?);
        Ok(index)
    }

    /// Brings an open index up to date after something was recorded.
    pub fn sync_new(&self, ws: &Workspace, index: &mut Index) -> Result<(), Failure> {
        self.said(index.sync_new(&*ws.backend)?);
        Ok(())
    }

    fn said(&self, report: SyncReport) {
        if let Some(notice) = report.notice {
            self.ui.warn(&notice);
        }
    }

    /// The index as it is; one in memory when the file cannot be used.
    pub fn open_index(&self, ws: &Workspace) -> Result<Index, Failure> {
        match Index::open(&ws.config.settings().store.path) {
            Ok(opened) => {
                if let Some(notice) = opened.notice {
                    self.ui.warn(&notice);
                }
                Ok(opened.index)
            }
            Err(error) => {
                self.ui.warn(&format!("{error}; going on without the database"));
                Ok(Index::in_memory()?)
            }
        }
    }

    /// What an address means here.
    pub fn resolve(ws: &Workspace, index: &Index, address: &str) -> Result<Place, Failure> {
        let address: Address = address.parse()?;
        let cursor = ws.store().cursor()?;
        Ok(index.resolve(&*ws.backend, &address, cursor.as_ref())?)
    }

    /// How a session is called in output: its name, else the first letters of its id.
    pub fn session_name(ws: &Workspace, session: SessionId) -> Result<String, Failure> {
        Ok(ws.store().meta(session)?.name().unwrap_or_else(|| session.to_string()[..8].to_owned()))
    }

    /// All of standard input; a person at a terminal is told that it is waited for.
    pub fn read_input(&self) -> Result<String, Failure> {
        if self.ui.options().terminal.stdin {
            self.ui.status(Text::new().add(Style::Dim, "reading from the terminal; end with Ctrl-D on a line of its own"));
        }
        let bytes = self.ui.read_input().map_err(|e| Failure::user(format!("standard input cannot be read: {e}")))?;
        String::from_utf8(bytes).map_err(|_| Failure::user("standard input is not UTF-8 text"))
    }

    /// A text file that the user named, from the directory that they are in.
    pub fn read_file(&self, file: &str) -> Result<String, Failure> {
        let path = self.directory.join(file);
        let bytes = std::fs::read(&path).map_err(|e| Failure::user(format!("{}: {e}", path.display())))?;
        String::from_utf8(bytes).map_err(|_| Failure::user(format!("{} is not UTF-8 text", path.display())))
    }

    /// Asks, unless `--yes` was given; a no ends the command with `otherwise`.
    pub fn confirm(&self, question: &str, otherwise: &str) -> Result<(), Failure> {
        if self.global.yes || self.ui.ask(question, false) {
            return Ok(());
        }
        let failure = Failure::user(otherwise);
        // Someone who was asked knows.
        Err(if self.ui.can_ask() { failure } else { failure.hint("--yes answers the question") })
    }
}

fn about_turn(done: &Recovered) -> String {
    let key = &done.key.to_string()[..8];
    if done.dropped {
        let back = if done.restored.is_empty() { "nothing was changed yet".to_owned() } else { put_back(done.restored.len()) };
        return format!("unfinished checkout: {back}");
    }
    if done.only_traces {
        return format!("unfinished turn {key}: it was complete; its traces are removed");
    }
    let what = match (done.kind, done.outcome, done.answered) {
        (TurnKind::Turn | TurnKind::Compact, Outcome::Interrupted, false) => {
            "it was interrupted before an answer came; the message is kept"
        }
        (TurnKind::Turn | TurnKind::Compact, Outcome::Interrupted, true) => "it was interrupted; what arrived is kept",
        (TurnKind::Turn, ..) => "the answer is kept",
        _ => "it is recorded",
    };
    let mut said = format!("unfinished turn {key}: {what}");
    if done.committed {
        said.push_str(", its commit stands");
    }
    if !done.restored.is_empty() {
        said.push_str(&format!(", {}", put_back(done.restored.len())));
    }
    if !done.left.is_empty() {
        said.push_str(&format!(", {} changed since and left alone", files(done.left.len())));
    }
    if done.held {
        let (partial, which) = if done.partial { (" --partial", "the edits of it that fit") } else { ("", "its edits") };
        said.push_str(&format!(" · rt retry{partial} {key} applies {which}"));
    }
    said
}

fn put_back(count: usize) -> String {
    format!("{} put back as before", files(count))
}

/// `1 file`, `3 files`.
pub fn files(count: usize) -> String {
    counted(count as u64, "file")
}

/// `1 turn`, `3 turns`.
pub fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
