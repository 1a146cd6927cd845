//! The languages that can be read, by the names of files.

use crate::base::path::RepoPath;

/// A language with a grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Bash,
    C,
    Cpp,
    Go,
    Java,
    JavaScript,
    Json,
    /// JSON as the settings of some programs have it, with a comma after the last item.
    JsonWithCommas,
    Python,
    Ruby,
    Rust,
    TypeScript,
    Tsx,
}

impl Language {
    /// As people call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bash => "shell",
            Self::C => "C",
            Self::Cpp => "C++",
            Self::Go => "Go",
            Self::Java => "Java",
            Self::JavaScript => "JavaScript",
            Self::Json | Self::JsonWithCommas => "JSON",
            Self::Python => "Python",
            Self::Ruby => "Ruby",
            Self::Rust => "Rust",
            Self::TypeScript | Self::Tsx => "TypeScript",
        }
    }

    /// Whether every bracket in its text has a partner. A shell's `case x)` has none.
    pub(super) const fn pairs_brackets(self) -> bool {
        !matches!(self, Self::Bash)
    }

    /// Whether the text is what a preprocessor makes of it.
    pub(super) const fn is_preprocessed(self) -> bool {
        matches!(self, Self::C | Self::Cpp)
    }

    pub(super) fn grammar(self) -> tree_sitter::Language {
        match self {
            Self::Bash => tree_sitter_bash::LANGUAGE,
            Self::C => tree_sitter_c::LANGUAGE,
            Self::Cpp => tree_sitter_cpp::LANGUAGE,
            Self::Go => tree_sitter_go::LANGUAGE,
            Self::Java => tree_sitter_java::LANGUAGE,
            Self::JavaScript => tree_sitter_javascript::LANGUAGE,
            Self::Json | Self::JsonWithCommas => tree_sitter_json::LANGUAGE,
            Self::Python => tree_sitter_python::LANGUAGE,
            Self::Ruby => tree_sitter_ruby::LANGUAGE,
            Self::Rust => tree_sitter_rust::LANGUAGE,
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
        }
        .into()
    }
}

/// The languages that a file of this name may be in.
pub(super) fn of(path: &RepoPath) -> &'static [Language] {
    let text = path.as_str().unwrap_or_default();
    let name = text.rsplit('/').next().unwrap_or_default();
    match name.rsplit_once('.').map_or("", |(stem, ending)| if stem.is_empty() { "" } else { ending }) {
        "bash" | "sh" => &[Language::Bash],
        "c" => &[Language::C],
        "h" => &[Language::C, Language::Cpp],
        "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" => &[Language::Cpp],
        "go" => &[Language::Go],
        "java" => &[Language::Java],
        "cjs" | "js" | "jsx" | "mjs" => &[Language::JavaScript],
        "jsonc" => &[Language::JsonWithCommas],
        "json" if name.starts_with("tsconfig") || name.starts_with("jsconfig") || text.rsplit('/').nth(1) == Some(".vscode") => {
            &[Language::JsonWithCommas]
        }
        "json" => &[Language::Json],
        "py" | "pyi" => &[Language::Python],
        "gemspec" | "rake" | "rb" => &[Language::Ruby],
        "rs" => &[Language::Rust],
        "cts" | "mts" | "ts" => &[Language::TypeScript],
        "tsx" => &[Language::Tsx],
        _ if matches!(name, "Gemfile" | "Rakefile") => &[Language::Ruby],
        _ => &[],
    }
}
