//! The sentences that a model reads, as data: the built-in templates and what the user or the project puts in their place.
//!
//! Invariants
//! - Every template name is known; an override of an unknown name is an error, never ignored.
//! - A value that a template names and the program does not give is an error, so a typing mistake is seen at once.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use crate::base::hash::Sha256;

macro_rules! builtin {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../templates/", $name, ".j2")))),*]
    };
}

const BUILTIN: &[(&str, &str)] = builtin!["check" "commit-subject" "compact" "continue" "file" "format-patch" "format-search-replace" "format-unified-diff"
    "format-whole-file" "hook" "list" "media" "objection" "project" "request" "reflection" "refused" "stdin" "summary" "syntax" "system" "transcript"];

/// Where a built-in template comes from, as errors say it.
const BUILTIN_ORIGIN: &str = "built in";

/// Text that replaces a built-in template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub source: String,
    /// The file that it was read from, for errors and for people.
    pub origin: String,
}

/// One template as it is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateText<'a> {
    pub name: &'a str,
    pub source: &'a str,
    pub origin: &'a str,
}

/// A template that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template `{name}` ({origin}{}): {detail}", .line.map(|n| format!(", line {n}")).unwrap_or_default())]
pub struct TemplateError {
    pub name: String,
    pub origin: String,
    /// Counted from 1; `None` when the template as a whole is wrong.
    pub line: Option<usize>,
    pub detail: String,
}

/// The templates in use.
#[derive(Debug)]
pub struct Templates {
    env: Environment<'static>,
    texts: BTreeMap<String, Override>,
}

impl Templates {
    /// The built-in templates, each replaced by its override when there is one. Names are file names without `.j2`.
    pub fn new(overrides: &BTreeMap<String, Override>) -> Result<Self, TemplateError> {
        let builtin = |(name, source): &(&str, &str)| {
            ((*name).to_owned(), Override { source: (*source).to_owned(), origin: BUILTIN_ORIGIN.to_owned() })
        };
        let mut texts: BTreeMap<String, Override> = BUILTIN.iter().map(builtin).collect();
        for (name, text) in overrides {
            let Some(known) = texts.get_mut(name) else {
                let names: Vec<&str> = BUILTIN.iter().map(|(name, _)| *name).collect();
                let detail = format!("there is no template of this name; the names are {}", names.join(", "));
                return Err(TemplateError { name: name.clone(), origin: text.origin.clone(), line: None, detail });
            };
            *known = text.clone();
        }
        let mut env = Environment::new();
        env.set_auto_escape_callback(|_| AutoEscape::None);
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().expect("the usual delimiters differ"));
        for (name, text) in &texts {
            env.add_template_owned(name.clone(), text.source.clone()).map_err(|e| explain(&texts, name, &e))?;
        }
        Ok(Self { env, texts })
    }

    /// The templates as they are shipped.
    pub fn builtin() -> Self {
        Self::new(&BTreeMap::new()).expect("the built-in templates are tested")
    }

    /// Every template in use, by name.
    pub fn iter(&self) -> impl Iterator<Item = TemplateText<'_>> {
        self.texts.iter().map(|(name, text)| TemplateText { name, source: &text.source, origin: &text.origin })
    }

    /// A hash over all names and sources: equal digests render equal inputs to equal bytes.
    pub fn digest(&self) -> Sha256 {
        let mut all = Vec::new();
        for text in self.iter() {
            all.extend_from_slice(format!("{} {}\n", text.name, text.source.len()).as_bytes());
            all.extend_from_slice(text.source.as_bytes());
        }
        Sha256::of(&all)
    }

    /// The edit formats that have rules.
    pub fn formats(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().filter_map(|name| name.strip_prefix("format-"))
    }

    /// The template's text with these values in it. It ends in one blank line, so texts can stand one after the other.
    pub(super) fn render(&self, name: &str, values: impl Serialize) -> Result<String, TemplateError> {
        let template = self.env.get_template(name).map_err(|e| explain(&self.texts, name, &e))?;
        let text = template.render(Serde(values)).map_err(|e| explain(&self.texts, name, &e))?;
        Ok(format!("{}\n\n", text.trim_matches('\n')))
    }
}

/// The library's error as ours. An included template is named instead of the one that includes it.
fn explain(texts: &BTreeMap<String, Override>, name: &str, error: &minijinja::Error) -> TemplateError {
    let name = error.name().filter(|inner| texts.contains_key(*inner)).unwrap_or(name);
    let detail = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    TemplateError {
        name: name.to_owned(),
        origin: texts.get(name).map_or(BUILTIN_ORIGIN, |text| &text.origin).to_owned(),
        line: error.line(),
        detail,
    }
}
