//! What a newcomer, or whoever reads a bug report, needs to know of a machine and a repository.
//!
//! Invariants
//! - Nothing is written, and nothing is sent; what the local servers answered is given.
//! - No value of a secret, no address of a remote and no name of a person is in what is said: it goes into bug reports.
//! - A check that cannot be made says so and does not keep the others from being made.

mod repository;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::base::id::is_letters;
use crate::config::trust::Status;
use crate::config::{Config, ConfigError, KeySource, Origin, secret};
use crate::index::Index;
use crate::process::Spec;
use crate::session::codec::FORMAT;
use crate::vcs::git::{Git, Survey};
use crate::vcs::{Backend as _, VcsError};

use super::models::Server;

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    Ok,
    /// Worth knowing.
    Note,
    /// It works, and something can go wrong.
    Warning,
    /// Something does not work.
    Problem,
}

impl Health {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub health: Health,
    pub says: String,
    /// What to do.
    pub todo: Option<String>,
}

impl Check {
    fn new(name: &'static str, health: Health, says: impl Into<String>) -> Self {
        Self { name, health, says: says.into(), todo: None }
    }

    fn ok(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, Health::Ok, says)
    }

    fn note(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, Health::Note, says)
    }

    fn warning(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, Health::Warning, says)
    }

    fn problem(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, Health::Problem, says)
    }

    fn todo(self, todo: impl Into<String>) -> Self {
        Self { todo: Some(todo.into()), ..self }
    }
}

/// What the checks are made of.
pub struct Given<'a> {
    pub directory: &'a Path,
    /// retort's own directory.
    pub home: Option<&'a Path>,
    pub env: &'a BTreeMap<String, String>,
    pub survey: &'a Result<Survey, VcsError>,
    /// The repository, when there is one to work on.
    pub git: Option<&'a Git>,
    /// `None` without a home.
    pub config: Option<&'a Result<Config, ConfigError>>,
    /// The servers of this machine that the settings name, and what they answered.
    pub servers: &'a [Server],
}

/// Makes all checks.
pub fn doctor(given: &Given<'_>) -> Vec<Check> {
    let mut out = vec![versions(), git_version(), system()];
    out.extend(repository::checks(given));
    out.extend(settings(given));
    out.extend(hooks(given));
    out.extend(models(given));
    out.extend(store::checks(given));
    out
}

fn versions() -> Check {
    let (own, sqlite) = (env!("CARGO_PKG_VERSION"), Index::library());
    Check::ok("versions", format!("rt {own}, turn format {FORMAT}, SQLite {sqlite}"))
}

/// The first git whose `fetch` takes all that `rt session fetch` gives it.
const GIT: (u32, u32) = (2, 29);

fn git_version() -> Check {
    let missing = |why: String| {
        Check::problem("git", format!("the program git cannot be run ({why}); hooks, signing and sharing need it"))
            .todo("install git, or put it on your PATH")
    };
    let said = match Spec::new("git").arg("--version").run() {
        Ok(out) if out.success() => String::from_utf8_lossy(&out.stdout).trim().to_owned(),
        Ok(out) => return missing(out.error_text()),
        Err(error) => return missing(error.to_string()),
    };
    let version = said.strip_prefix("git version ").unwrap_or(&said);
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < GIT {
        return Check::warning("git", format!("{version} is older than {}.{}, which sharing sessions needs", GIT.0, GIT.1))
            .todo("install a newer one");
    }
    Check::ok("git", version)
}

fn system() -> Check {
    let named = Spec::new("uname").arg("-srm").run().ok().filter(crate::process::Output::success);
    let named = named.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    Check::ok("system", named.unwrap_or_else(|| format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)))
}

fn settings(given: &Given<'_>) -> Vec<Check> {
    let config = match given.config {
        None => return Vec::new(),
        Some(Ok(config)) => config,
        Some(Err(error)) => {
            let check = Check::problem("settings", error.to_string());
            let hint = error.hint().unwrap_or_else(|| "rt config check names everything that is wrong".to_owned());
            return vec![check.todo(hint)];
        }
    };
    let (mut files, mut variables, mut flags) = (BTreeSet::new(), BTreeSet::new(), false);
    for entry in config.entries() {
        match &entry.origin {
            Origin::File { path, .. } => drop(files.insert(path.display().to_string())),
            Origin::Variable(name) => drop(variables.insert(name.clone())),
            Origin::Flag => flags = true,
            Origin::BuiltIn | Origin::Session => {}
        }
    }
    let mut from = vec!["built in".to_owned()];
    from.extend(files);
    from.extend(variables);
    from.extend(flags.then(|| "the command line".to_owned()));
    let mut out = vec![Check::ok("settings", format!("from {}", from.join(", ")))];
    out.extend(match config.trust() {
        Status::Nothing => None,
        Status::Trusted => Some(Check::ok("trust", "this project's own settings are trusted")),
        Status::Untrusted => {
            let check = Check::note("trust", "this project's own settings are not trusted, so some of them do not count");
            Some(check.todo("read .retort, then: rt trust"))
        }
        Status::Changed(files) => {
            let check = Check::warning("trust", format!("these files changed since you trusted them: {}", files.join(", ")));
            Some(check.todo("read them, then: rt trust"))
        }
    });
    out
}

/// The user's commands, when there are any: each must be a program that can be found.
fn hooks(given: &Given<'_>) -> Vec<Check> {
    let Some(Ok(config)) = given.config else { return Vec::new() };
    let settings = &config.settings().hooks;
    if let Err(error) = super::hook::pipeline(settings) {
        return vec![Check::problem("hooks", error.to_string()).todo("docs/hooks.md")];
    }
    let root = given.git.map_or(given.directory, |git| git.layout().root.as_path());
    let path = given.env.get("PATH").map(String::as_str).unwrap_or_default();
    let on_path = |program: &str| std::env::split_paths(path).any(|dir| dir.join(program).is_file());
    let is_there = |program: &str| if program.contains('/') { root.join(program).is_file() } else { on_path(program) };
    let home = given.env.get("HOME").map(String::as_str).unwrap_or_default();
    let missing = settings.commands.iter().filter_map(|(name, command)| {
        let program = match &command.argv[..] {
            // What a line for the shell does, only the shell knows; a plain path at its beginning is looked for.
            [_, flag, line] if flag == "-c" && is_shell(command) => {
                let word =
                    line.split_whitespace().next().filter(|word| word.contains('/') && !word.contains(['$', '`', '"', '\'']))?;
                word.strip_prefix("~/").map_or_else(|| word.to_owned(), |rest| format!("{home}/{rest}"))
            }
            argv => argv.first()?.clone(),
        };
        let lost = !is_there(&program);
        lost.then(|| {
            Check::warning("hooks", format!("the command of {name} cannot be found: {program}"))
                .todo(format!("correct hook.{name}.command"))
        })
    });
    let mut out: Vec<Check> = missing.collect();
    if out.is_empty() && !settings.commands.is_empty() {
        out.push(Check::ok("hooks", settings.commands.keys().cloned().collect::<Vec<_>>().join(", ")));
    }
    out
}

fn is_shell(command: &crate::config::HookCommand) -> bool {
    command.argv.first().is_some_and(|program| program == "sh")
}

fn models(given: &Given<'_>) -> Vec<Check> {
    let Some(Ok(config)) = given.config else { return Vec::new() };
    let settings = config.settings();
    let (mut said, mut keys) = (Vec::new(), 0);
    for (name, provider) in &settings.providers {
        let found = config.key_source(name, given.env);
        let names = secret::key_names(name, provider.key_env.as_deref());
        said.push(match (found, names.is_empty()) {
            (Some(source), _) => {
                keys += 1;
                match source {
                    KeySource::Variable(variable) => format!("{name} has {variable}"),
                    KeySource::Command => format!("{name} has a key_command"),
                    KeySource::Stored => format!("{name} has a key that rt model login keeps"),
                }
            }
            (None, true) => format!("{name} needs none"),
            (None, false) => format!("{name} has none of {}", names.join(", ")),
        });
    }
    let mut out = vec![Check::ok("keys", said.join("; "))];
    let answered = |server: &Server| match &server.model {
        Ok(model) => format!("{} answers with {model}", server.name),
        Err(Some(why)) => format!("{}: {why}", server.name),
        Err(None) => format!("{}: nobody there", server.name),
    };
    let running = given.servers.iter().any(|server| server.model.is_ok());
    if !given.servers.is_empty() {
        out.push(Check::ok("local servers", given.servers.iter().map(answered).collect::<Vec<_>>().join("; ")));
    }
    let own = settings.providers.values().any(|provider| provider.base_url.is_some());
    let default = &settings.model.default;
    out.push(if default == "auto" && keys == 0 && !running && !own {
        Check::warning("model", "none is set up: there is no key, and no server of this machine answers")
            .todo("set GEMINI_API_KEY or OPENAI_API_KEY, start a local server, or paste by hand: --model manual")
    } else {
        Check::ok("model", format!("{default}{}", if default == "auto" { ", the first that is set up" } else { "" }))
    });
    out
}

/// Whether a file of this name is one that is written before it is renamed into place beside a user's file.
fn is_own_temp(name: &str) -> bool {
    let inner = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".tmp"));
    inner.and_then(|rest| rest.rsplit_once('.')).is_some_and(|(_, mark)| mark.len() == 12 && is_letters(mark))
}
