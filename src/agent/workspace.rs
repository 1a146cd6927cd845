//! What every action works with: the repository, the settings, time and randomness. Built once, from plain values.
//!
//! Invariants
//! - Nothing here reads an environment variable; those that matter are given.
//! - A secret that is known here is replaced in every text that comes in from the user, and a file that holds one is neither
//!   sent nor edited.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use std::cell::OnceCell;

use crate::base::clock::{Clock, Entropy, Timestamp};
use crate::base::id::{SessionId, TurnKey};
use crate::base::path::RepoPath;
use crate::config::Config;
use crate::config::secret::{Redactor, Secret, secrets_in_urls};
use crate::hooks::{Pipeline, Point};
use crate::llm::catalog::Catalog;
use crate::net::Tape;
use crate::process::fault::Faults;
use crate::prompt::{Override, Templates};
use crate::vcs::git::Git;
use crate::vcs::{Backend, Credential, Signature};

use super::Error;
use super::store::Store;

/// A repository with everything that is needed to work on it.
pub struct Workspace {
    pub backend: Box<dyn Backend>,
    pub config: Config,
    /// The variables of the process: keys are looked up in them.
    pub env: BTreeMap<String, String>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub faults: Faults,
    pub redactor: Redactor,
    /// Keys that were got by a command, by provider.
    pub(super) keys: BTreeMap<String, Secret>,
    pub templates: Templates,
    pub pipeline: Pipeline,
    /// The directory that the user is in, inside the repository; `None` at its root.
    pub directory: Option<RepoPath>,
    /// Records what goes over the network, or stands in for it.
    pub tape: Option<Arc<Tape>>,
    /// Read when it is first needed.
    catalog: OnceCell<Catalog>,
}

/// What a workspace is built from.
pub struct Parts {
    pub backend: Git,
    pub config: Config,
    pub env: BTreeMap<String, String>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub faults: Faults,
}

/// What the repository's own configuration has of passwords and tokens.
fn credentials(backend: &Git) -> Vec<Secret> {
    let mut out = Vec::new();
    for Credential { name, text, whole } in backend.credentials() {
        out.extend(secrets_in_urls(&name, &text));
        out.extend(whole.then(|| Secret::new(name, text)));
    }
    out
}

/// What is known about models: by the program, and by the user's own file beside the settings in `home`.
pub fn catalog_of(home: &Path) -> Result<Catalog, Error> {
    let path = home.join("models.json");
    let built_in = Catalog::built_in();
    match std::fs::read_to_string(&path) {
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(built_in),
        Err(source) => Err(Error::Read { what: path.display().to_string(), source }),
        Ok(text) => built_in.with(&text).map_err(|source| Error::Catalog { path: path.display().to_string(), source }),
    }
}

/// A directory below `home` that nobody else uses; it does not exist yet.
pub fn scratch_below(home: &Path, entropy: &dyn Entropy) -> PathBuf {
    let mut name = [0; 8];
    entropy.fill(&mut name);
    home.join("run").join(format!("{:016x}", u64::from_le_bytes(name)))
}

impl Workspace {
    /// A workspace for someone who is in `directory`.
    pub fn new(parts: Parts, directory: &Path) -> Result<Self, Error> {
        let Parts { backend, config, env, clock, entropy, faults } = parts;
        let mut overrides: BTreeMap<String, Override> = BTreeMap::new();
        for (name, template) in config.templates()? {
            let name = name.strip_suffix(".j2").unwrap_or(&name).to_owned();
            overrides.insert(name, Override { source: template.text, origin: template.path.display().to_string() });
        }
        if let (Some(text), Some(path)) = (config.system_text()?, &config.settings().model.system_file) {
            overrides.insert("system".to_owned(), Override { source: text, origin: path.display().to_string() });
        }
        if let Some(error) = super::check::wrong_setting(&config) {
            return Err(error.into());
        }
        let pipeline = super::hook::pipeline(&config.settings().hooks)?;
        let pipeline = if backend.layout().private { pipeline.until(Point::Commit) } else { pipeline };
        let inside = directory.strip_prefix(&backend.layout().root).ok();
        let directory = inside.and_then(|d| RepoPath::new(d.as_os_str().as_bytes()).ok());
        let redactor = Redactor::new(config.secrets(&env).into_iter().chain(credentials(&backend)));
        Ok(Self {
            keys: BTreeMap::new(),
            tape: super::models::tape(config.settings(), &redactor)?,
            redactor,
            templates: Templates::new(&overrides)?,
            backend: Box::new(backend),
            config,
            env,
            clock,
            entropy,
            faults,
            pipeline,
            directory,
            catalog: OnceCell::new(),
        })
    }

    /// What is known about models: by the program, and by the user's own `models.json` beside the settings.
    pub fn catalog(&self) -> Result<&Catalog, Error> {
        if let Some(known) = self.catalog.get() {
            return Ok(known);
        }
        let known = catalog_of(self.config.home())?;
        Ok(self.catalog.get_or_init(|| known))
    }

    /// The repository's turns.
    pub fn store(&self) -> Store<'_> {
        Store::new(&*self.backend, &self.faults)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The user, as the author of a commit made at this moment.
    pub fn author(&self) -> Result<Signature, Error> {
        let now = self.now();
        Ok(self.backend.author(now, self.clock.offset(now))?)
    }

    pub fn new_key(&self) -> TurnKey {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        TurnKey::from_bytes(bytes)
    }

    pub fn new_session(&self) -> SessionId {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        SessionId::new(bytes, self.now())
    }

    /// A path that the user wrote, relative to the directory that they are in, as one of the repository.
    pub fn path(&self, written: &str) -> Result<RepoPath, Error> {
        if self.redactor.holds(written.as_bytes()) {
            return Err(Error::KeepsSecret);
        }
        let absolute = Path::new(written).is_absolute();
        let start = match &self.directory {
            Some(directory) if !absolute => self.backend.layout().root.join(directory.to_os()),
            _ => self.backend.layout().root.clone(),
        };
        let mut full = std::path::PathBuf::new();
        for part in start.join(written).components() {
            match part {
                std::path::Component::ParentDir => {
                    full.pop();
                }
                std::path::Component::CurDir => {}
                other => full.push(other),
            }
        }
        let outside = || Error::OutsideRepository(written.to_owned());
        let inside = full.strip_prefix(&self.backend.layout().root).map_err(|_| outside())?;
        RepoPath::new(inside.as_os_str().as_bytes()).map_err(|_| outside())
    }
}
