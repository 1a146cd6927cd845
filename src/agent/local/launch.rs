//! How `llama-server` is started: the program and its arguments.
//!
//! Invariants
//! - Pure but for looking whether a program is there.
//! - It listens on this machine only, unless the user's own arguments say otherwise: those come last, and the last one counts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::config::secret::Secret;

/// How many tokens of context a server gets when nobody says: enough for some files and their history, and affordable.
pub const CONTEXT: u64 = 16_384;

/// What a server is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    pub model: PathBuf,
    pub name: String,
    pub port: u16,
    pub context: u64,
    pub gpu_layers: Option<String>,
    pub flash_attention: Option<String>,
    pub threads: Option<u32>,
    /// The user's own arguments.
    pub extra: Vec<String>,
}

impl Launch {
    pub fn arguments(&self) -> Vec<OsString> {
        let mut out: Vec<OsString> = Vec::new();
        let mut add = |name: &str, value: OsString| out.extend([OsString::from(name), value]);
        add("--model", self.model.clone().into());
        add("--alias", self.name.clone().into());
        add("--host", "127.0.0.1".into());
        add("--port", self.port.to_string().into());
        add("--ctx-size", self.context.to_string().into());
        // Else the context may be shared out among several conversations at once.
        add("--parallel", "1".into());
        for (name, value) in [("--n-gpu-layers", &self.gpu_layers), ("--flash-attn", &self.flash_attention)] {
            if let Some(value) = value {
                add(name, value.into());
            }
        }
        if let Some(threads) = self.threads {
            add("--threads", threads.to_string().into());
        }
        out.extend(self.extra.iter().map(OsString::from));
        out
    }
}

/// What a model is called by its server: part of `provider/model`, and no list of names for the server.
pub fn served_name(name: &str) -> String {
    let clean = |c: char| if c.is_control() || c.is_whitespace() || c == ',' { '_' } else { c };
    name.chars().map(clean).collect()
}

/// The context that a server gets: what is asked for, else as much as is usual and the model was trained on.
pub fn context(wanted: Option<u64>, trained: Option<u64>) -> u64 {
    wanted.unwrap_or_else(|| trained.filter(|trained| *trained > 0).map_or(CONTEXT, |trained| trained.min(CONTEXT)))
}

/// The program `llama-server` in the directories of `PATH`.
pub fn find(path: &str) -> Option<PathBuf> {
    let directories = path.split(':').filter(|directory| !directory.is_empty());
    directories.map(|directory| Path::new(directory).join("llama-server")).find(|file| is_program(file))
}

pub fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The variables that a server gets: all of ours but those that hold a secret. It needs none, and it outlives us.
pub fn variables<'a>(env: &'a BTreeMap<String, String>, secrets: &[Secret]) -> Vec<(&'a str, &'a str)> {
    // A key of a few letters is in every path.
    let holds = |value: &str, secret: &str| value == secret || (secret.len() >= 8 && value.contains(secret));
    let holds = |value: &str| secrets.iter().any(|secret| holds(value, secret.expose()));
    let named = |name: &str| secrets.iter().any(|secret| secret.name() == name);
    env.iter().filter(|(name, value)| !named(name) && !holds(value)).map(|(k, v)| (k.as_str(), v.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch() -> Launch {
        Launch {
            model: "/m/a b.gguf".into(),
            name: "a".into(),
            port: 9931,
            context: 4096,
            gpu_layers: None,
            flash_attention: None,
            threads: None,
            extra: Vec::new(),
        }
    }

    #[test]
    fn every_option_is_passed_on_and_the_users_own_come_last() {
        let shown = |launch: &Launch| launch.arguments().iter().map(|a| a.to_string_lossy()).collect::<Vec<_>>().join("|");
        let plain = "--model|/m/a b.gguf|--alias|a|--host|127.0.0.1|--port|9931|--ctx-size|4096|--parallel|1";
        assert_eq!(shown(&launch()), plain);
        let all = Launch {
            gpu_layers: Some("all".into()),
            flash_attention: Some("on".into()),
            threads: Some(4),
            extra: vec!["--host".into(), "::1".into()],
            ..launch()
        };
        assert_eq!(shown(&all), format!("{plain}|--n-gpu-layers|all|--flash-attn|on|--threads|4|--host|::1"));
    }

    #[test]
    fn the_context_is_what_is_asked_for_else_what_the_model_has_up_to_a_limit() {
        assert_eq!([context(None, None), context(None, Some(131_072)), context(None, Some(2048))], [CONTEXT, CONTEXT, 2048]);
        assert_eq!([context(Some(65_536), Some(2048)), context(None, Some(0))], [65_536, CONTEXT]);
    }

    #[test]
    fn a_served_name_is_one_name() {
        assert_eq!(served_name("qwen2.5-coder:7b"), "qwen2.5-coder:7b");
        assert_eq!(served_name("a b,c\n"), "a_b_c_");
    }

    #[test]
    fn secrets_stay_here() {
        let env = [("PATH", "/bin"), ("A_KEY", "abcdefghijkl"), ("URL", "x?k=abcdefghijkl")];
        let env: BTreeMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let secrets = [Secret::new("A_KEY", "abcdefghijkl")];
        assert_eq!(variables(&env, &secrets), [("PATH", "/bin")]);
    }

    #[test]
    fn a_program_is_a_file_that_may_be_run() {
        let dir = tempfile::tempdir().expect("a directory");
        let [one, two, three] = ["one", "two", "three"].map(|name| dir.path().join(name));
        std::fs::create_dir_all(one.join("llama-server")).expect("made");
        for (directory, mode) in [(&two, 0o644), (&three, 0o755)] {
            std::fs::create_dir(directory).expect("made");
            let file = directory.join("llama-server");
            std::fs::write(&file, "").expect("written");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("set");
        }
        let path = format!(":{}:{}:{}", one.display(), two.display(), three.display());
        assert_eq!(find(&path), Some(three.join("llama-server")));
        assert_eq!(find(""), None);
    }
}
