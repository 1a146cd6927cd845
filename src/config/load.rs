//! The layers and their merge.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use super::credentials;
use super::file::{self, Setting};
use super::schema::{self, KEYS, Scope};
use super::secret::{self, Secret};
use super::settings::Merged;
use super::trust::{self, Links, Status};
use super::value::Value;
use super::{ConfigError, Settings};

/// Where settings come from; everything of the outside world but the files is given as a value.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// retort's own directory: `RT_HOME`, else `~/.retort`.
    pub home: PathBuf,
    /// The user's home directory, for `~/` in paths.
    pub user_home: Option<PathBuf>,
    /// The root of the project's worktree, if there is one.
    pub project_root: Option<PathBuf>,
    /// What the session keeps, as (key, text).
    pub session: Vec<(String, String)>,
    /// All variables; `RT_MODEL`, `RT_RECORD`, `RT_REPLAY` and `RT__…` are settings.
    pub env: BTreeMap<String, String>,
    /// The command line, as (key, text), in order.
    pub flags: Vec<(String, String)>,
}

/// The layer of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The user's own.
    User,
    /// The project's.
    Project,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The default.
    BuiltIn,
    /// A file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Whose file.
        layer: Layer,
    },
    /// Kept in the session.
    Session,
    /// A variable.
    Variable(String),
    /// A flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::File { path, line, .. } => write!(f, "{}:{line}", path.display()),
            Self::Session => f.write_str("session"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// A key with its value and where that comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The full key.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Who set it.
    pub origin: Origin,
}

/// A template that replaces a built-in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its text.
    pub text: String,
    /// The file that it comes from.
    pub path: PathBuf,
}

/// Where the key of a provider comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The variable of this name.
    Variable(String),
    /// What `key_command` prints.
    Command,
    /// Kept by `rt model login`.
    Stored,
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Command => f.write_str("key_command"),
            Self::Stored => f.write_str(credentials::STORED),
        }
    }
}

/// Merged settings.
#[derive(Debug, Clone)]
pub struct Config {
    settings: Settings,
    entries: Vec<Entry>,
    warnings: Vec<String>,
    trust: Status,
    home: PathBuf,
    project: Option<PathBuf>,
    /// Keys that the user keeps, by provider.
    stored: BTreeMap<String, Secret>,
}

/// Everything that is wrong with a configuration, in the order of the layers.
pub fn check(sources: &Sources) -> Vec<ConfigError> {
    match gather(sources) {
        Ok((_, problems)) => problems,
        Err(error) => vec![error],
    }
}

impl Config {
    /// Merges all layers; the first thing that is wrong is the error.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let (config, problems) = gather(sources)?;
        problems.into_iter().next().map_or(Ok(config), Err)
    }

    /// retort's own directory.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The settings as types.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// One key, such as `vcs.commit` or `providers.gemini.timeout`.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Every key in the order of the manual, with those of each provider that is known.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What was ignored and why, one line each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether the project's own files may act.
    pub const fn trust(&self) -> &Status {
        &self.trust
    }

    /// Whether a command that these keys set may run now: those of a project only while its files are the ones that were
    /// trusted. An answer, or another command, may have written there since the settings were read.
    pub fn may_run(&self, keys: &[&str]) -> Result<Result<(), String>, ConfigError> {
        let of_project = |entry: &Entry| {
            keys.contains(&entry.key.as_str()) && matches!(entry.origin, Origin::File { layer: Layer::Project, .. })
        };
        let root = self.project.as_deref().and_then(Path::parent).filter(|_| self.entries.iter().any(of_project));
        let Some(root) = root else { return Ok(Ok(())) };
        Ok(match trust::status(&self.home, root)? {
            Status::Trusted => Ok(()),
            Status::Changed(files) => Err(format!("the project's .retort/ changed since you trusted it ({})", files.join(", "))),
            Status::Nothing | Status::Untrusted => Err("the project is no longer trusted".to_owned()),
        })
    }

    /// The key of a provider: from the variable that its settings name or else the well-known ones, or as it is kept. Where a
    /// command gives it there is none here: nothing is run.
    pub fn key_for(&self, provider: &str, env: &BTreeMap<String, String>) -> Option<Secret> {
        match self.key_source(provider, env)? {
            KeySource::Variable(_) => self.key_in(provider, env),
            KeySource::Command => None,
            KeySource::Stored => self.stored.get(provider).cloned(),
        }
    }

    fn key_in(&self, provider: &str, env: &BTreeMap<String, String>) -> Option<Secret> {
        let named = self.settings.providers.get(provider).and_then(|p| p.key_env.as_deref());
        secret::key_for(provider, env, named)
    }

    /// Where the key of a provider comes from, when it has one.
    pub fn key_source(&self, provider: &str, env: &BTreeMap<String, String>) -> Option<KeySource> {
        let variable = self.key_in(provider, env).map(|key| KeySource::Variable(key.name().to_owned()));
        let command = self.settings.providers.get(provider).filter(|settings| !settings.key_command.is_empty());
        let stored = || self.stored.contains_key(provider).then_some(KeySource::Stored);
        variable.or_else(|| command.map(|_| KeySource::Command)).or_else(stored)
    }

    /// Everything that must never be stored or sent: secrets in variables and in addresses, and the keys of all providers.
    pub fn secrets(&self, env: &BTreeMap<String, String>) -> Vec<Secret> {
        let mut found = secret::secrets_in_env(env);
        found.extend(self.entries.iter().flat_map(|entry| secret::secrets_in_urls(&entry.key, &entry.value.to_string())));
        found.extend(self.settings.providers.keys().filter_map(|name| self.key_in(name, env)));
        found.extend(self.stored.values().cloned());
        found
    }

    /// The text that replaces the built-in system prompt (`model.system_file`).
    pub fn system_text(&self) -> Result<Option<String>, ConfigError> {
        self.settings.model.system_file.as_deref().map(text_of).transpose()
    }

    /// Templates that replace built-in ones, by name (`system.j2`, `edits/whole.j2`): the user's, and over them those of a
    /// trusted project.
    pub fn templates(&self) -> Result<BTreeMap<String, Template>, ConfigError> {
        let mut found = BTreeMap::new();
        let project = self.project.as_deref().filter(|_| self.trust == Status::Trusted);
        let own = (self.home.as_path(), Links::Followed);
        for (dir, links) in [Some(own), project.map(|dir| (dir, Links::Ignored))].into_iter().flatten() {
            for (name, path) in trust::walk(&dir.join("templates"), links)? {
                found.insert(name, Template { text: text_of(&path)?, path });
            }
        }
        Ok(found)
    }
}

fn text_of(path: &Path) -> Result<String, ConfigError> {
    let not_text = |_| std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not UTF-8 text");
    String::from_utf8(trust::read_bounded(path)?).map_err(|e| ConfigError::io("read", path)(not_text(e)))
}

/// What the layers have said so far.
struct Layers<'a> {
    sources: &'a Sources,
    set: BTreeMap<String, (Value, Origin)>,
    problems: Vec<ConfigError>,
    warnings: Vec<String>,
}

fn gather(sources: &Sources) -> Result<(Config, Vec<ConfigError>), ConfigError> {
    let mut layers = Layers { sources, set: BTreeMap::new(), problems: Vec::new(), warnings: Vec::new() };
    let stored = credentials::read(&sources.home).unwrap_or_else(|problem| {
        layers.problems.push(problem);
        BTreeMap::new()
    });
    for setting in layers.files(&sources.home, Layer::User)? {
        layers.put(setting, &sources.home);
    }
    let project = sources.project_root.as_ref().map(|root| root.join(".retort")).filter(|dir| !same_dir(dir, &sources.home));
    let trust = match (&project, &sources.project_root) {
        (Some(_), Some(root)) => trust::status(&sources.home, root)?,
        _ => Status::Nothing,
    };
    if let Some(dir) = &project {
        layers.project(dir, &trust)?;
    }
    for (key, text) in &sources.session {
        layers.session(key, text);
    }
    for (name, text) in &sources.env {
        if let Some(key) = variable_key(name) {
            layers.text(&key, text, Origin::Variable(name.clone()));
        }
    }
    for (key, text) in &sources.flags {
        layers.text(key, text, Origin::Flag);
    }
    layers.local_servers();
    let configured = layers.providers();
    let hooks = layers.hooks();
    let Layers { set, problems, warnings, .. } = layers;
    let value_of = |key: &str| match set.get(key) {
        Some((value, _)) => value.clone(),
        None => schema::find(key).map_or(Value::Unset, |known| resolved(known.default_value(), &sources.home)),
    };
    let settings = Merged(&value_of).settings(&configured, &hooks);
    let entries = all_keys(settings.providers.keys(), hooks.iter())
        .into_iter()
        .map(|key| Entry {
            value: value_of(&key),
            origin: set.get(&key).map_or(Origin::BuiltIn, |(_, origin)| origin.clone()),
            key,
        })
        .collect();
    Ok((Config { settings, entries, warnings, trust, home: sources.home.clone(), project, stored }, problems))
}

fn same_dir(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The key that a variable sets: `RT__VCS__COMMIT` is `vcs.commit`.
fn variable_key(name: &str) -> Option<String> {
    match name {
        "RT_MODEL" => Some("model.default".to_owned()),
        "RT_RECORD" => Some("debug.record".to_owned()),
        "RT_REPLAY" => Some("debug.replay".to_owned()),
        _ => name.strip_prefix("RT__").map(|rest| rest.to_lowercase().replace("__", ".")),
    }
}

/// Every full key, in the table's order; those of a provider or hook stand together.
fn all_keys<'a>(
    providers: impl Iterator<Item = &'a String> + Clone,
    hooks: impl Iterator<Item = &'a String> + Clone,
) -> Vec<String> {
    let table = |key: &schema::Key| key.name.split_once(".<name>").map(|(table, _)| table);
    let mut keys = Vec::new();
    let mut done = None;
    for key in KEYS {
        match table(key) {
            None => keys.push(key.name.to_owned()),
            known if known == done => {}
            known => {
                done = known;
                let own = || KEYS.iter().filter(|key| table(key) == known);
                let add = |name: &String| own().map(|key| key.name.replace("<name>", name)).collect::<Vec<_>>();
                match known {
                    Some("hook") => keys.extend(hooks.clone().flat_map(add)),
                    _ => keys.extend(providers.clone().flat_map(add)),
                }
            }
        }
    }
    keys
}

/// A relative path starts at the directory of what set it.
fn resolved(value: Value, base: &Path) -> Value {
    match value {
        Value::Path(path) => Value::Path(base.join(path)),
        other => other,
    }
}

impl Layers<'_> {
    /// The settings of `dir`'s config.toml or config.json.
    fn files(&mut self, dir: &Path, layer: Layer) -> Result<Vec<Setting>, ConfigError> {
        let (toml, json) = (dir.join("config.toml"), dir.join("config.json"));
        let is_there = |path: &Path| match layer {
            Layer::User => path.exists(),
            Layer::Project => Links::Ignored.is_file(path),
        };
        let path = match (is_there(&toml), is_there(&json)) {
            (true, true) => return Err(ConfigError::TwoFiles { first: toml, second: json }),
            (true, false) => toml,
            (false, true) => json,
            (false, false) => return Ok(Vec::new()),
        };
        let bytes = trust::read_bounded(&path)?;
        let contents = file::read(&path, layer, &bytes);
        self.problems.extend(contents.problems);
        Ok(contents.settings)
    }

    fn project(&mut self, dir: &Path, trust: &Status) -> Result<(), ConfigError> {
        let mut ignored = Vec::new();
        let linked = trust::linked(dir);
        if !linked.is_empty() {
            let names: Vec<String> = linked.iter().map(|name| dir.join(name).display().to_string()).collect();
            self.warnings.push(format!("a project's own settings are not read through a symbolic link: {}", names.join(", ")));
        }
        if linked.iter().any(|name| name == ".") {
            return Ok(());
        }
        for setting in self.files(dir, Layer::Project)? {
            if *trust == Status::Trusted || KEYS[setting.entry].scope == Scope::Anyone {
                self.put(setting, dir);
            } else {
                ignored.push(setting.key);
            }
        }
        if *trust != Status::Trusted && !trust::walk(&dir.join("templates"), Links::Ignored)?.is_empty() {
            ignored.push("templates/".to_owned());
        }
        if !ignored.is_empty() {
            let why = match trust {
                Status::Changed(files) => format!("changed since you trusted it ({})", files.join(", ")),
                Status::Nothing | Status::Untrusted | Status::Trusted => "is not trusted".to_owned(),
            };
            self.warnings.push(format!("{} {why}; ignored until `rt trust`: {}", dir.display(), ignored.join(", ")));
        }
        Ok(())
    }

    /// A session outlives versions and travels between people, so what does not fit is ignored and never an error.
    fn session(&mut self, name: &str, text: &str) {
        let why = match schema::find(name) {
            None => "there is no such key".to_owned(),
            Some(key) if key.scope == Scope::Trusted => "a session may not set it".to_owned(),
            Some(key) => match key.read_text(text) {
                Ok(value) => {
                    self.set.insert(name.to_owned(), (value, Origin::Session));
                    return;
                }
                Err(problem) => problem,
            },
        };
        self.warnings.push(format!("the session's setting {name:?} is ignored: {why}"));
    }

    fn text(&mut self, name: &str, text: &str, origin: Origin) {
        let Some(key) = schema::find(name) else {
            self.problems.push(ConfigError::UnknownKey { origin, key: name.to_owned(), nearest: schema::nearest(name) });
            return;
        };
        match key.read_text(text).and_then(|value| self.expanded(value)) {
            Ok(value) => drop(self.set.insert(name.to_owned(), (value, origin))),
            Err(problem) => self.problems.push(ConfigError::BadValue { origin, key: name.to_owned(), problem }),
        }
    }

    fn put(&mut self, setting: Setting, base: &Path) {
        let Setting { key, value, origin, .. } = setting;
        match self.expanded(value) {
            Ok(value) => drop(self.set.insert(key, (resolved(value, base), origin))),
            Err(problem) => self.problems.push(ConfigError::BadValue { origin, key, problem }),
        }
    }

    fn expanded(&self, value: Value) -> Result<Value, String> {
        let Value::Path(path) = &value else { return Ok(value) };
        match (path.strip_prefix("~"), &self.sources.user_home) {
            (Ok(rest), Some(home)) => Ok(Value::Path(home.join(rest))),
            (Ok(_), None) => Err("`~` stands for the home directory, and HOME is not set: write the full path".to_owned()),
            (Err(_), _) => Ok(value),
        }
    }

    fn local_servers(&mut self) {
        let key = "model.local_servers";
        let Some((Value::List(entries), origin)) = self.set.get(key) else { return };
        if let Some(bad) = entries.iter().find(|entry| schema::local_server(entry).is_none()) {
            let problem = format!("{bad:?} is not name=port, such as llama-server=8080");
            self.problems.push(ConfigError::BadValue { origin: origin.clone(), key: key.to_owned(), problem });
        }
    }

    /// Whether `model.local_servers` says where this provider is.
    fn is_local_server(&self, name: &str) -> bool {
        let key = "model.local_servers";
        let default = schema::find(key).map(schema::Key::default_value);
        let entries = match self.set.get(key).map(|(value, _)| value).or(default.as_ref()) {
            Some(Value::List(entries)) => entries.clone(),
            _ => Vec::new(),
        };
        entries.iter().filter_map(|entry| schema::local_server(entry)).any(|(known, _)| known == name)
    }

    /// The commands that any layer mentions.
    fn hooks(&mut self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (key, (_, origin)) in &self.set {
            let Some((name, _)) = key.strip_prefix("hook.").and_then(|rest| rest.split_once('.')) else { continue };
            let command = self.set.get(&format!("hook.{name}.command"));
            if names.insert(name.to_owned()) && !matches!(command, Some((Value::Text(_) | Value::List(_), _))) {
                let (origin, key) = (origin.clone(), format!("hook.{name}"));
                self.problems.push(ConfigError::BadValue { origin, key, problem: "it has no command".to_owned() });
            }
        }
        names
    }

    /// The providers that any layer mentions. One that is not built in must say what it speaks and where it is, which is
    /// also what catches a wrong letter in the name of one that is.
    fn providers(&mut self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (key, (_, origin)) in &self.set {
            let Some((name, _)) = key.strip_prefix("providers.").and_then(|rest| rest.split_once('.')) else { continue };
            if !names.insert(name.to_owned()) || schema::is_built_in(name) || self.is_local_server(name) {
                continue;
            }
            let value = |rest: &str| self.set.get(&format!("providers.{name}.{rest}")).map(|(value, _)| value);
            let is_command = value("kind") == Some(&Value::Text("command".to_owned()));
            let place = if is_command { "command" } else { "base_url" };
            let lacks = |rest: &str| !matches!(value(rest), Some(Value::Text(_) | Value::List(_)));
            if lacks("kind") || lacks(place) {
                self.problems.push(ConfigError::BadValue {
                    origin: origin.clone(),
                    key: format!("providers.{name}"),
                    problem: format!(
                        "not a built-in provider ({}); one of your own needs a kind, such as \"openai\", and a {place}",
                        schema::built_in_providers().collect::<Vec<_>>().join(", ")
                    ),
                });
            }
        }
        names
    }
}
