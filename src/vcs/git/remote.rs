//! Push and fetch, by the installed `git`: credentials, SSH, proxies and signing are set up there.
//!
//! Invariants
//! - A push names each ref exactly and forces nothing; a fetch writes below `refs/retort/remotes/<remote>/` only, where it
//!   follows the remote.

use crate::process::{Output, Spec};
use crate::session::refs::{ALL, META, SESSIONS, of_remote};
use crate::vcs::{RefResult, VcsError};

use super::Git;

/// Variables by which a caller (a hook of git, an alias) tells git where a repository is. Ours is found from the directory,
/// so they would send our children to another one.
const ELSEWHERE: [&str; 11] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
];

impl Git {
    fn git(&self, action: &str, spec: &Spec, started: impl FnOnce(u32)) -> Result<Output, VcsError> {
        let failed = |stderr: String| VcsError::GitFailed { action: action.to_owned(), stderr };
        let mut spec = ELSEWHERE.iter().fold(spec.clone(), Spec::without_env);
        if self.layout.private {
            spec = spec.env("GIT_DIR", &self.layout.git_dir);
        }
        spec.directory(&self.layout.root).run_noted(started).map_err(|e| {
            failed(if e.kind() == std::io::ErrorKind::NotFound {
                "the program git was not found; it is needed here".to_owned()
            } else {
                e.to_string()
            })
        })
    }

    pub(super) fn run_git(&self, action: &str, spec: &Spec) -> Result<Output, VcsError> {
        let out = self.git(action, spec, |_| {})?;
        if out.success() { Ok(out) } else { Err(VcsError::GitFailed { action: action.to_owned(), stderr: out.error_text() }) }
    }

    /// Runs `git commit` and the like: the caller tells a refusal from other failures, and is told the process's number.
    pub(super) fn try_git(&self, action: &str, spec: &Spec, started: impl FnOnce(u32)) -> Result<Output, VcsError> {
        self.git(action, spec, started)
    }

    pub(super) fn push_refs(&self, remote: &str, refs: &[String]) -> Result<Vec<RefResult>, VcsError> {
        let spec = Spec::new("git")
            .args(["push", "--porcelain", "--atomic", "--no-verify", "--no-follow-tags", "--", remote])
            .args(refs.iter().map(|r| format!("{r}:{r}")));
        let out = self.git("push", &spec, |_| {})?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let results: Vec<RefResult> = text
            .lines()
            .filter_map(|line| {
                let mut words = line.splitn(3, '\t');
                let (flag, name, detail) = (words.next()?, words.next()?, words.next()?);
                let name = name.split(':').next()?.to_owned();
                (flag.len() == 1).then(|| RefResult { name, ok: flag != "!", detail: detail.to_owned() })
            })
            .collect();
        if results.is_empty() && !out.success() {
            return Err(VcsError::GitFailed { action: "push".to_owned(), stderr: out.error_text() });
        }
        Ok(results)
    }

    pub(super) fn fetch_refs(&self, remote: &str) -> Result<(), VcsError> {
        let specs = [SESSIONS, META].map(|own| {
            let below = own.strip_prefix(ALL).unwrap_or(own);
            format!("+{own}*:{}{below}*", of_remote(remote))
        });
        let spec = Spec::new("git")
            .args(["fetch", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--prune", "--refmap=", "--", remote])
            .args(specs);
        self.run_git("fetch", &spec).map(drop)
    }
}
