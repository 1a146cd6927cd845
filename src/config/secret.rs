//! Keys of providers, and keeping secrets out of what is stored and sent.
//!
//! Invariants
//! - A [`Secret`] cannot be shown by accident: Debug and Display give its placeholder; only [`Secret::expose`] gives the value.
//! - What [`Redactor::redact`] returns holds none of its secrets, whatever the secrets and the text are: neither as they are
//!   nor in the two forms in which text is written here, as a JSON string and percent-encoded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::schema::BUILT_IN_PROVIDERS;
use crate::base::json::escape_into;
use crate::base::text::{percent_decode, percent_encode};

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
    /// The placeholder, which stands unchanged in JSON, in a trailer and on a terminal, whatever the variable is called.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' };
        write!(f, "[secret:{}]", self.name.chars().map(plain).collect::<String>())
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

/// A user name in an address that is at least so long is a token, as forges take it in place of a name and a password.
const TOKEN: usize = 20;

/// The passwords in the addresses (`https://user:password@host`) of a text, as they stand there and decoded.
pub fn secrets_in_urls(name: &str, text: &str) -> Vec<Secret> {
    let mut out = Vec::new();
    let mut add = |value: &str| {
        let decoded = String::from_utf8(percent_decode(value)).unwrap_or_default();
        for value in [value, &decoded] {
            if value.len() >= MIN_SECRET && out.iter().all(|known: &Secret| known.value != value) {
                out.push(Secret::new(name, value));
            }
        }
    };
    for rest in text.split("://").skip(1) {
        let end = rest.find(|c: char| "/?#\"'`<>".contains(c) || c.is_whitespace()).unwrap_or(rest.len());
        let Some((user, _)) = rest[..end].rsplit_once('@') else { continue };
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        add(password);
        if user.len() >= TOKEN {
            add(user);
        }
    }
    out
}

/// The values of all variables whose names say that they are secret, and the passwords in the addresses of all others.
pub fn secrets_in_env(env: &BTreeMap<String, String>) -> Vec<Secret> {
    let is_secret = |name: &str| {
        let name = name.to_ascii_uppercase();
        ["KEY", "TOKEN", "SECRET", "PASSWORD"].iter().any(|word| name.contains(word))
    };
    let whole = env
        .iter()
        .map(|(name, value)| (name, value.trim()))
        .filter(|(name, value)| value.len() >= MIN_SECRET && is_secret(name))
        .map(|(name, value)| Secret::new(name, value));
    whole.chain(env.iter().flat_map(|(name, value)| secrets_in_urls(name, value))).collect()
}

/// Finds secrets in text and replaces each by its placeholder, `[secret:NAME]`.
#[derive(Clone)]
pub struct Redactor {
    /// Longest first, so that a secret that contains another is replaced whole.
    secrets: Vec<Secret>,
    /// All of them at once, in the same order: the first place with one, and there the first of them.
    search: AhoCorasick,
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
        let written = |secret: &Secret| {
            let mut json = Vec::new();
            escape_into(&mut json, &secret.value);
            [String::from_utf8_lossy(&json).into_owned(), percent_encode(secret.value.as_bytes())]
                .map(|value| Secret::new(secret.name.clone(), value))
        };
        let others: Vec<Secret> = secrets.iter().flat_map(written).collect();
        secrets.extend(others);
        let placeholders: Vec<String> = secrets.iter().map(Secret::to_string).collect();
        secrets.retain(|secret| !placeholders.iter().any(|text| text.contains(&secret.value)));
        secrets.sort_by(|a, b| {
            b.value.len().cmp(&a.value.len()).then_with(|| a.value.cmp(&b.value)).then_with(|| a.name.cmp(&b.name))
        });
        secrets.dedup_by(|later, kept| later.value == kept.value);
        // The form whose size is that of the secrets: a whole key in a variable has thousands of bytes.
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostFirst).kind(Some(AhoCorasickKind::ContiguousNFA));
        let search = builder.build(secrets.iter().map(|secret| secret.value.as_bytes()));
        let search = search.unwrap_or_else(|e| unreachable!("an environment has less than two gigabytes: {e}"));
        Self { secrets, search }
    }

    /// The same with one more.
    #[must_use]
    pub fn with(&self, secret: Secret) -> Self {
        Self::new(self.secrets.iter().cloned().chain([secret]))
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
        let tail = bytes.get(from..)?;
        if self.secrets.is_empty() {
            return None;
        }
        let found = self.search.find(tail)?;
        Some((from + found.start(), &self.secrets[found.pattern().as_usize()]))
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

    /// The same for bytes that need not be text.
    pub fn redact_bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if !self.holds(bytes) {
            return bytes.into();
        }
        // Between characters and broken bytes alike, a secret is a run of whole characters.
        let mut out = Vec::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            out.extend_from_slice(self.redact(chunk.valid()).as_bytes());
            out.extend_from_slice(chunk.invalid());
        }
        out.into()
    }

    /// How much of `text`, from its beginning, can be redacted for itself, whatever text follows it: up to where a secret may
    /// have begun.
    fn settled(&self, text: &str) -> usize {
        let bytes = text.as_bytes();
        let Some(longest) = self.secrets.first() else { return bytes.len() };
        // Where a whole secret fits, only a whole one counts.
        let short = (bytes.len() + 1).saturating_sub(longest.value.len());
        let mut at = 0;
        while let Some((start, secret)) = self.find_from(bytes, at).filter(|(start, _)| *start < short) {
            at = start + secret.value.len();
        }
        at = at.max(short);
        while at < bytes.len() {
            let here = &bytes[at..];
            if self.secrets.iter().any(|s| s.value.len() > here.len() && s.value.as_bytes().starts_with(here)) {
                return at;
            }
            at += self.secrets.iter().find(|s| here.starts_with(s.value.as_bytes())).map_or(1, |whole| whole.value.len());
        }
        at
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

/// [`Redactor::redact`] over pieces of a text: a secret is found wherever it is cut.
#[derive(Debug)]
pub struct Pieces<'r> {
    redactor: &'r Redactor,
    /// The end of what came, when it may be the beginning of a secret.
    held: String,
}

impl<'r> Pieces<'r> {
    pub const fn new(redactor: &'r Redactor) -> Self {
        Self { redactor, held: String::new() }
    }

    /// What can be shown after one more piece.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let rest = self.held.split_off(self.redactor.settled(&self.held));
        let done = std::mem::replace(&mut self.held, rest);
        self.redactor.redact(&done).into_owned()
    }

    /// What was held back.
    pub fn finish(&mut self) -> String {
        self.redactor.redact(&std::mem::take(&mut self.held)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(name: &str, text: &str) -> Vec<String> {
        secrets_in_urls(name, text).iter().map(|secret| secret.expose().to_owned()).collect()
    }

    #[test]
    fn passwords_and_tokens_are_found_in_addresses() {
        assert_eq!(values("X", "postgres://me:long-password@db/x, http://a:short@b"), ["long-password"]);
        assert_eq!(values("X", "https://u:p%40ssword-and-more@h/p?q=a@b"), ["p%40ssword-and-more", "p@ssword-and-more"]);
        assert_eq!(values("X", "https://ghp_0123456789abcdef0123@github.example"), ["ghp_0123456789abcdef0123"]);
        assert_eq!(values("X", "https://ghp_0123456789abcdef0123:x-oauth-basic@h"), ["x-oauth-basic", "ghp_0123456789abcdef0123"]);
        for none in ["", "://", "https://host/a@b:long-password", "mailto:me:long-password@h", "ssh://git@host", "https://u@h"] {
            assert_eq!(values("X", none), [""; 0], "{none}");
        }
    }

    #[test]
    fn the_forms_in_which_text_is_written_are_found_too() {
        let redactor = Redactor::new([Secret::new("a \"name\"", "quote\" back\\slash %é\n")]);
        for text in ["quote\" back\\slash %é\n", "quote\\\" back\\\\slash %é\\n", "quote\" back\\slash %25%C3%A9%0A"] {
            assert_eq!(redactor.redact(&format!("<{text}>")), "<[secret:a__name_]>");
        }
        let bytes = [b"\xff".as_slice(), "quote\" back\\slash %é\n".as_bytes(), b"\xfe"].concat();
        assert_eq!(redactor.redact_bytes(&bytes).as_ref(), b"\xff[secret:a__name_]\xfe");
    }

    proptest::proptest! {
        /// Few letters, so that secrets overlap and begin again inside of themselves.
        #[test]
        fn a_secret_is_found_wherever_it_is_cut(
            values in proptest::collection::vec("[abé]{12,16}", 1..4),
            text in proptest::collection::vec("[abé]{0,9}", 0..8),
            order in proptest::collection::vec(0_usize..3, 0..4),
            cuts in proptest::collection::vec(0_usize..80, 0..8),
        ) {
            let redactor = Redactor::new(values.iter().enumerate().map(|(at, value)| Secret::new(["X", "Y", "Z"][at], value.as_str())));
            let mut all = text.concat();
            for at in order {
                all.push_str(&values[at % values.len()]);
            }
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|at| all.is_char_boundary(*at)).collect();
            cuts.sort_unstable();
            let (mut pieces, mut out, mut from) = (Pieces::new(&redactor), String::new(), 0);
            for to in cuts.into_iter().chain([all.len()]).filter(|to| *to <= all.len()) {
                out.push_str(&pieces.push(&all[from..to]));
                proptest::prop_assert!(!redactor.holds(out.as_bytes()));
                from = to;
            }
            out.push_str(&pieces.finish());
            proptest::prop_assert_eq!(out, redactor.redact(&all).into_owned());
        }
    }
}
