//! Keys of providers, and keeping secrets out of what is stored and sent.
//!
//! Invariants
//! - A [`Secret`] cannot be shown by accident: Debug and Display give its placeholder; only [`Secret::expose`] gives the value.
//! - What [`Redactor::redact`] returns holds none of its secrets, whatever the secrets and the text are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::schema::BUILT_IN_PROVIDERS;

/// Values shorter than this are words, not secrets: replacing them everywhere would destroy text and protect nothing.
pub const MIN_SECRET: usize = 12;

/// A secret value and the variable that it comes from.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    name: String,
    value: String,
}

impl Secret {
    /// The secret `value` of variable `name`.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }

    /// The variable.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value itself, for the one place that sends it to its owner.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[secret:{}]", self.name)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The variables that may hold a provider's key, in the order in which they are tried. A variable that the user named is
/// the only one: falling back to another account's key would be a surprise.
pub fn key_names(provider: &str, key_env: Option<&str>) -> Vec<String> {
    let own = BUILT_IN_PROVIDERS.iter().find(|(name, _)| *name == provider).map(|(_, variable)| *variable);
    match (key_env, own) {
        (Some(named), own) if Some(named) != own => vec![named.to_owned()],
        (_, Some(own)) if provider == "gemini" => vec![own.to_owned(), "GOOGLE_API_KEY".to_owned()],
        (_, own) => own.into_iter().map(str::to_owned).collect(),
    }
}

/// The key of a provider: the first of [`key_names`] that is set. White space around it is a slip of pasting.
pub fn key_for(provider: &str, env: &BTreeMap<String, String>, key_env: Option<&str>) -> Option<Secret> {
    key_names(provider, key_env).into_iter().find_map(|name| {
        let value = env.get(&name)?.trim();
        (!value.is_empty()).then(|| Secret::new(name.clone(), value))
    })
}

/// The values of all variables whose names say that they are secret.
pub fn secrets_in_env(env: &BTreeMap<String, String>) -> Vec<Secret> {
    let is_secret = |name: &str| {
        let name = name.to_ascii_uppercase();
        ["KEY", "TOKEN", "SECRET", "PASSWORD"].iter().any(|word| name.contains(word))
    };
    env.iter()
        .map(|(name, value)| (name, value.trim()))
        .filter(|(name, value)| value.len() >= MIN_SECRET && is_secret(name))
        .map(|(name, value)| Secret::new(name, value))
        .collect()
}

/// Finds secrets in text and replaces each by its placeholder, `[secret:NAME]`.
#[derive(Clone)]
pub struct Redactor {
    /// Longest first, so that a secret that contains another is replaced whole.
    secrets: Vec<Secret>,
    /// Whether a secret starts with this pair of bytes: one look-up per byte of text, however many secrets there are.
    starts: Vec<bool>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redactor").field(&self.secrets).finish()
    }
}

impl Redactor {
    /// A redactor of `secrets`; those under [`MIN_SECRET`] bytes are left out, and so is a value that is part of a
    /// placeholder (a variable whose value is the name of another): it is no secret.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut secrets: Vec<Secret> = secrets.into_iter().filter(|secret| secret.value.len() >= MIN_SECRET).collect();
        let placeholders: Vec<String> = secrets.iter().map(Secret::to_string).collect();
        secrets.retain(|secret| !placeholders.iter().any(|text| text.contains(&secret.value)));
        secrets.sort_by(|a, b| {
            b.value.len().cmp(&a.value.len()).then_with(|| a.value.cmp(&b.value)).then_with(|| a.name.cmp(&b.name))
        });
        secrets.dedup_by(|later, kept| later.value == kept.value);
        let mut starts = vec![false; 1 << 16];
        for secret in &secrets {
            if let [first, second, ..] = secret.value.as_bytes() {
                starts[pair(*first, *second)] = true;
            }
        }
        Self { secrets, starts }
    }

    /// The first secret in `bytes`.
    pub fn find(&self, bytes: &[u8]) -> Option<&Secret> {
        self.find_from(bytes, 0).map(|(_, secret)| secret)
    }

    /// Whether `bytes` hold a secret.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        self.find(bytes).is_some()
    }

    fn find_from(&self, bytes: &[u8], from: usize) -> Option<(usize, &Secret)> {
        if self.secrets.is_empty() {
            return None;
        }
        let tail = bytes.get(from..)?;
        tail.windows(2).enumerate().filter(|(_, two)| self.starts[pair(two[0], two[1])]).find_map(|(at, _)| {
            let here = &tail[at..];
            self.secrets.iter().find(|secret| here.starts_with(secret.value.as_bytes())).map(|secret| (from + at, secret))
        })
    }

    /// `text` with each secret replaced by its placeholder.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(mut out) = self.pass(text, Secret::to_string) else { return text.into() };
        // A placeholder together with its neighbours can spell a secret that has brackets in it. Removing those ends,
        // because each pass makes the text shorter.
        while let Some(shorter) = self.pass(&out, |_| String::new()) {
            out = shorter;
        }
        out.into()
    }

    fn pass(&self, text: &str, placeholder: impl Fn(&Secret) -> String) -> Option<String> {
        let mut out = String::new();
        let mut done = 0;
        // Secrets and text are both UTF-8, so a match starts and ends between characters.
        while let Some((at, secret)) = self.find_from(text.as_bytes(), done) {
            out.push_str(&text[done..at]);
            out.push_str(&placeholder(secret));
            done = at + secret.value.len();
        }
        (done > 0).then(|| out + &text[done..])
    }
}

const fn pair(first: u8, second: u8) -> usize {
    (first as usize) << 8 | second as usize
}
