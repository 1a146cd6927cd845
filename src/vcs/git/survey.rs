//! What kind of repository this is, also of one that is refused: for diagnosis, so it reads and judges nothing.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice as _;

use crate::base::clock::Timestamp;
use crate::vcs::VcsError;

use super::Git;

/// Something that this repository uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    pub name: &'static str,
    /// What of it; empty when the name says it all.
    pub value: String,
}

/// A remote as the configuration has it. Its address is left out: it can hold a password.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remote {
    pub name: String,
    pub mirror: bool,
    pub push: Vec<String>,
    pub fetch: Vec<String>,
    /// Whether a fetch deletes what the remote does not have.
    pub prune: bool,
}

/// What a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The worktree's top directory; `None` in a bare repository.
    pub root: Option<PathBuf>,
    pub git_dir: PathBuf,
    pub common_dir: PathBuf,
    /// It is of retort's own making, for a directory that is in none.
    pub private: bool,
    /// Why retort does not work here.
    pub refused: Option<String>,
    pub object_format: String,
    pub features: Vec<Feature>,
    /// A merge, rebase or the like that is under way.
    pub operation: Option<String>,
    pub remotes: Vec<Remote>,
    /// Settings of git that are set, of those that `ASKED` names.
    pub settings: BTreeMap<&'static str, String>,
    /// Whether git knows who the user is.
    pub identity: bool,
}

/// Settings of git that bear on whether something of retort's is lost.
const ASKED: [&str; 4] = ["gc.pruneExpire", "gc.reflogExpire", "gc.reflogExpireUnreachable", "core.logAllRefUpdates"];

/// Hooks that run when something is committed.
const COMMIT_HOOKS: [&str; 4] = ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"];

impl Git {
    /// Looks at the repository around `start`, whatever it is. An error when there is none, or when it cannot be opened.
    pub fn survey(start: &Path) -> Result<Survey, VcsError> {
        let repo = Self::open(start)?;
        let refused = Self::accept(&repo).err().map(|e| e.to_string());
        look(&repo, refused)
    }

    /// Looks at this one.
    pub fn look(&self) -> Result<Survey, VcsError> {
        Ok(Survey { private: self.layout.private, ..look(&self.repo, None)? })
    }
}

fn look(repo: &gix::Repository, refused: Option<String>) -> Result<Survey, VcsError> {
    let config = repo.config_snapshot();
    let full = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let text = |key: &str| config.string(key).map(|value| value.to_str_lossy().into_owned());
    let settings = ASKED.into_iter().filter_map(|key| Some((key, text(key)?))).collect();
    let identity = Git::signature_of(repo, Timestamp::from_millis(0), 0).is_ok();
    let mut survey = Survey {
        root: repo.workdir().map(full),
        git_dir: full(repo.git_dir()),
        common_dir: full(repo.common_dir()),
        private: false,
        refused,
        object_format: repo.object_hash().to_string(),
        features: Vec::new(),
        operation: repo.state().map(|state| format!("{state:?}").to_lowercase()),
        remotes: remotes(repo),
        settings,
        identity,
    };
    survey.features = features(repo, &survey)?;
    Ok(survey)
}

fn features(repo: &gix::Repository, at: &Survey) -> Result<Vec<Feature>, VcsError> {
    let config = repo.config_snapshot();
    let text = |key: &str| config.string(key).map(|value| value.to_str_lossy().into_owned());
    let on = |key: &str| config.boolean(key).unwrap_or(false);
    let mut out = Vec::new();
    let mut has = |name: &'static str, value: String| out.push(Feature { name, value });
    if at.git_dir != at.common_dir {
        has("linked worktree", String::new());
    }
    if at.git_dir.components().any(|part| part.as_os_str() == "modules") {
        has("submodule of another repository", String::new());
    }
    if at.root.as_ref().is_some_and(|root| root.join(".gitmodules").is_file()) {
        has("has submodules", String::new());
    }
    if repo.is_shallow() {
        has("shallow", String::new());
    }
    if Git::is_partial_clone(repo) {
        let filters = config.plumbing().sections_by_name("remote").into_iter().flatten();
        let filter = filters.into_iter().find_map(|s| s.value("partialclonefilter"));
        has("partial clone", filter.map(|f| f.to_str_lossy().into_owned()).unwrap_or_default());
    }
    if on("core.sparseCheckout") {
        has("sparse checkout", String::new());
    }
    let shared = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b"sharedindex.");
    if names(&at.git_dir).iter().any(|name| shared(name)) {
        has("split index", String::new());
    }
    if let Some(value) = text("core.fsmonitor").filter(|value| value != "false" && !value.is_empty()) {
        has("fsmonitor", if value == "true" { String::new() } else { "a hook".to_owned() });
    }
    if at.common_dir.join("objects/info/alternates").is_file() {
        has("alternates", String::new());
    }
    let hooks = commit_hooks(repo, at.root.as_deref(), &at.common_dir)?;
    if !hooks.is_empty() {
        has("commit hooks", hooks.join(" "));
    }
    if on("commit.gpgSign") {
        has("signed commits", text("gpg.format").unwrap_or_default());
    }
    if let Some(value) = text("core.autocrlf").filter(|value| value != "false") {
        has("core.autocrlf", value);
    }
    if on("core.ignorecase") {
        has("core.ignorecase", String::new());
    }
    if let Some(all) = config.plumbing().sections_by_name("extensions") {
        let mut extensions: Vec<String> = all.flat_map(|section| section.value_names().collect::<Vec<_>>()).collect();
        extensions.sort();
        extensions.dedup();
        has("extensions", extensions.join(" "));
    }
    Ok(out)
}

fn names(directory: &Path) -> Vec<std::ffi::OsString> {
    std::fs::read_dir(directory).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.file_name())).collect()
}

/// The hooks of the repository that run when something is committed.
pub(super) fn commit_hooks(repo: &gix::Repository, root: Option<&Path>, common_dir: &Path) -> Result<Vec<&'static str>, VcsError> {
    let config = repo.config_snapshot();
    let set = config.trusted_path("core.hooksPath").map_err(super::fault)?;
    let directory = set.map_or_else(|| common_dir.join("hooks"), |path| root.unwrap_or(common_dir).join(path));
    let runs =
        |name: &&str| std::fs::metadata(directory.join(name)).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    Ok(COMMIT_HOOKS.into_iter().filter(|name| runs(name)).collect())
}

fn remotes(repo: &gix::Repository) -> Vec<Remote> {
    let config = repo.config_snapshot();
    let mut out: BTreeMap<String, Remote> = BTreeMap::new();
    let always_prunes = config.boolean("fetch.prune").unwrap_or(false);
    for section in config.plumbing().sections_by_name("remote").into_iter().flatten() {
        let header = section.header();
        let Some(raw) = header.subsection_name() else { continue };
        let name = raw.to_str_lossy().into_owned();
        let remote = out.entry(name.clone()).or_insert_with(|| Remote { name, prune: always_prunes, ..Remote::default() });
        let all = |key: &str| section.values(key).into_iter().map(|value| value.to_str_lossy().into_owned());
        // A key without a value is a yes.
        let yes = |key: &str| section.value_implicit(key).map(|v| v.is_none_or(|v| is_yes(&v.to_str_lossy())));
        remote.mirror = yes("mirror").unwrap_or(remote.mirror);
        remote.prune = yes("prune").unwrap_or(remote.prune);
        remote.push.extend(all("push"));
        remote.fetch.extend(all("fetch"));
    }
    out.into_values().collect()
}

fn is_yes(value: &str) -> bool {
    let no = ["", "false", "no", "off", "0"];
    !no.contains(&value.to_ascii_lowercase().as_str())
}
