//! Where model files lie, by the variables that other programs heed.
//!
//! Invariants
//! - Pure: a place that is named here need not be there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Whose place it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    HuggingFace,
    LlamaCpp,
    Ollama,
    LmStudio,
    /// One of `model.paths`.
    Configured,
}

impl Owner {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HuggingFace => "Hugging Face",
            Self::LlamaCpp => "llama.cpp",
            Self::Ollama => "Ollama",
            Self::LmStudio => "LM Studio",
            Self::Configured => "model.paths",
        }
    }
}

/// A directory to look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub owner: Owner,
    pub path: PathBuf,
}

/// What the places follow from.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    pub env: &'a BTreeMap<String, String>,
    pub user_home: Option<&'a Path>,
    /// `model.paths` as they are written.
    pub paths: &'a [String],
}

/// All places, in the order in which a file that lies in several of them is named; and what is wrong with those configured.
pub fn places(given: Given<'_>) -> (Vec<Place>, Vec<String>) {
    let (mut out, mut notices) = (Vec::new(), Vec::new());
    let mut add = |owner, path: Option<PathBuf>| out.extend(path.map(|path| Place { owner, path }));
    let set = |name: &str| given.env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = |rest: &str| given.user_home.map(|home| home.join(rest));
    let cache = |rest: &str| set("XDG_CACHE_HOME").map(|cache| cache.join(rest)).or_else(|| home(&format!(".cache/{rest}")));
    let hugging_face = set("HF_HUB_CACHE").or_else(|| set("HF_HOME").map(|home| home.join("hub")));
    add(Owner::HuggingFace, hugging_face.or_else(|| cache("huggingface/hub")));
    let moved = set("LLAMA_CACHE");
    if moved.is_none() {
        add(Owner::LlamaCpp, cache("llama.cpp"));
        add(Owner::LlamaCpp, home("Library/Caches/llama.cpp"));
    }
    add(Owner::LlamaCpp, moved);
    add(Owner::LmStudio, home(".lmstudio/models"));
    add(Owner::LmStudio, cache("lm-studio/models"));
    add(Owner::Ollama, set("OLLAMA_MODELS").or_else(|| home(".ollama/models")));
    for written in given.paths {
        let path = match written.strip_prefix('~').map(|rest| rest.strip_prefix('/').unwrap_or(rest)) {
            Some(rest) => home(rest),
            None => Some(PathBuf::from(written)),
        };
        match path.filter(|path| path.is_absolute()) {
            Some(path) => add(Owner::Configured, Some(path)),
            None => notices.push(format!("model.paths: {written:?} is no full path, and no path that begins with ~/")),
        }
    }
    (out, notices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(env: &[(&str, &str)], paths: &[&str]) -> (Vec<String>, Vec<String>) {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let (places, notices) = places(Given { env: &env, user_home: Some(Path::new("/h")), paths: &paths });
        (places.iter().map(|place| format!("{}: {}", place.owner.as_str(), place.path.display())).collect(), notices)
    }

    #[test]
    fn without_variables_they_are_where_each_program_has_them() {
        let want = [
            "Hugging Face: /h/.cache/huggingface/hub",
            "llama.cpp: /h/.cache/llama.cpp",
            "llama.cpp: /h/Library/Caches/llama.cpp",
            "LM Studio: /h/.lmstudio/models",
            "LM Studio: /h/.cache/lm-studio/models",
            "Ollama: /h/.ollama/models",
        ];
        assert_eq!(of(&[("LLAMA_CACHE", "")], &[]), (want.map(str::to_owned).into(), vec![]));
    }

    #[test]
    fn variables_move_them_and_configured_ones_come_last() {
        let env = [("HF_HOME", "/hf"), ("XDG_CACHE_HOME", "/c"), ("LLAMA_CACHE", "/ll"), ("OLLAMA_MODELS", "/o")];
        let (said, notices) = of(&env, &["~/m", "/n", "o", "~"]);
        let want = [
            "Hugging Face: /hf/hub",
            "llama.cpp: /ll",
            "LM Studio: /h/.lmstudio/models",
            "LM Studio: /c/lm-studio/models",
            "Ollama: /o",
            "model.paths: /h/m",
            "model.paths: /n",
            "model.paths: /h/",
        ];
        assert_eq!(said, want);
        assert!(notices.len() == 1 && notices[0].contains("\"o\""), "{notices:?}");
        assert_eq!(of(&[("HF_HUB_CACHE", "/hub"), ("HF_HOME", "/hf")], &[]).0[0], "Hugging Face: /hub");
    }
}
