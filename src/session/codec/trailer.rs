//! The commit message: a subject and one block of `Retort-*` trailers.
//!
//! Invariants
//! - Every key stands once, except `Retort-Path`; unknown keys are ignored, so fields can be added.
//! - Values are percent-encoded where a byte is not printable ASCII.
//! - `Retort-Seq` has 32 bits: a committer date is made from it, and one that overflows is a damaged commit to git.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use crate::base::change::LineCounts;
use crate::base::money::Tokens;
use crate::base::path::RepoPath;
use crate::base::text::{is_unsafe_to_show, percent_decode, percent_encode};
use crate::session::request::ModelId;
use crate::session::stream::Usage;
use crate::session::turn::{FileStat, FileStatus, ForkPoint, Header, Outcome, Price, RequestDigest, TurnKind};

use super::{DecodeError, FORMAT};

/// The trailers of a header, in their order.
pub(super) fn trailers(h: &Header) -> Vec<(&'static str, String)> {
    let mut out = vec![
        ("Retort-Format", FORMAT.to_owned()),
        ("Retort-Kind", h.kind.as_str().to_owned()),
        ("Retort-Turn", h.key.to_string()),
        ("Retort-Exchange", h.exchange.to_string()),
        ("Retort-Session", h.session.to_string()),
        ("Retort-Seq", h.seq.to_string()),
    ];
    let mut opt = |key, value: Option<String>| out.extend(value.map(|v| (key, v)));
    opt("Retort-Model", h.model.as_ref().map(ToString::to_string));
    opt("Retort-Served", h.served.clone());
    let u = &h.usage;
    opt(
        "Retort-Usage",
        (*u != Usage::default()).then(|| {
            let (i, r, w, o, t) = (u.input.0, u.cache_read.0, u.cache_write.0, u.output.0, u.reasoning.0);
            format!("in={i} cache-read={r} cache-write={w} out={o} reasoning={t}")
        }),
    );
    let price = |p: Price| format!("in={} cache-read={} cache-write={} out={}", p.input, p.cache_read, p.cache_write, p.output);
    opt("Retort-Price", h.price.map(price));
    opt("Retort-Cost", h.cost.map(|c| c.to_string()));
    opt("Retort-Start", Some(h.start.to_string()));
    opt("Retort-End", Some(h.end.to_string()));
    opt("Retort-Base", h.base.map(|o| o.to_string()));
    opt("Retort-Branch", h.branch.clone());
    opt("Retort-Commit", h.commit.map(|o| o.to_string()));
    for f in &h.files {
        let path = percent_encode(f.path.as_bytes());
        out.push(("Retort-Path", format!("{} +{} -{} {path}", f.status.letter(), f.lines.added, f.lines.removed)));
    }
    let mut opt = |key, value: Option<String>| out.extend(value.map(|v| (key, v)));
    opt("Retort-Outcome", Some(h.outcome.as_str().to_owned()));
    opt("Retort-Request", h.request.map(|r| format!("{} {}", r.sha256, r.length)));
    opt("Retort-Forked-From", h.forked_from.map(|f| format!("{} {}", f.session, f.turn)));
    out
}

/// A subject without what could move the cursor of a terminal; a commit from elsewhere may have any.
fn shown(subject: &str) -> String {
    let clean: String = subject.chars().filter(|c| !is_unsafe_to_show(*c) && !matches!(c, '\n' | '\t')).collect();
    clean.trim().to_owned()
}

/// The subject of turn `seq`, which is never empty.
fn subject(text: &str, seq: u64) -> String {
    match shown(text) {
        none if none.is_empty() => format!("turn {seq}"),
        some => some,
    }
}

/// The commit message for a header.
pub fn encode_header(h: &Header) -> Vec<u8> {
    let mut out = format!("{}\n\n", subject(&h.subject, h.seq));
    for (key, value) in trailers(h) {
        let value = if key == "Retort-Path" { value } else { percent_encode(value.as_bytes()) };
        out.push_str(&format!("{key}: {value}\n"));
    }
    out.into_bytes()
}

/// The header in a commit message.
pub fn decode_header(message: &[u8]) -> Result<Header, DecodeError> {
    let text = std::str::from_utf8(message).map_err(|e| DecodeError::malformed("the commit message", e))?;
    let (title, block) = text.split_once("\n\n").ok_or_else(|| DecodeError::Missing("Retort-Format".to_owned()))?;
    let mut fields = Fields::default();
    for line in block.lines() {
        let Some((key, value)) = line.split_once(": ").filter(|(key, _)| key.starts_with("Retort-")) else {
            return Err(DecodeError::malformed("the trailer block", format!("unexpected line {line:?}")));
        };
        if key == "Retort-Path" {
            fields.paths.push(parse_path(value)?);
        } else if fields.map.insert(key, value).is_some() {
            return Err(DecodeError::malformed(key, "it stands twice"));
        }
    }
    let format = fields.text("Retort-Format")?.ok_or_else(|| DecodeError::Missing("Retort-Format".to_owned()))?;
    if format != FORMAT {
        return Err(DecodeError::Version(format));
    }
    let seq = fields.need::<u32>("Retort-Seq")?.into();
    Ok(Header {
        subject: subject(title, seq),
        kind: fields.known("Retort-Kind", TurnKind::parse)?,
        key: fields.need("Retort-Turn")?,
        exchange: fields.need("Retort-Exchange")?,
        session: fields.need("Retort-Session")?,
        seq,
        model: fields.get::<ModelId>("Retort-Model")?,
        served: fields.text("Retort-Served")?,
        usage: fields.pairs("Retort-Usage")?.map(|p| usage(&p)).transpose()?.unwrap_or_default(),
        price: fields.pairs("Retort-Price")?.map(|p| price(&p)).transpose()?,
        cost: fields.get("Retort-Cost")?,
        start: fields.need("Retort-Start")?,
        end: fields.need("Retort-End")?,
        base: fields.get("Retort-Base")?,
        branch: fields.text("Retort-Branch")?,
        commit: fields.get("Retort-Commit")?,
        files: std::mem::take(&mut fields.paths),
        outcome: fields.known("Retort-Outcome", Outcome::parse)?,
        request: fields.two("Retort-Request")?.map(|(sha256, length)| RequestDigest { sha256, length }),
        forked_from: fields.two("Retort-Forked-From")?.map(|(session, turn)| ForkPoint { session, turn }),
    })
}

#[derive(Default)]
struct Fields<'a> {
    map: BTreeMap<&'a str, &'a str>,
    paths: Vec<FileStat>,
}

impl Fields<'_> {
    fn text(&self, key: &str) -> Result<Option<String>, DecodeError> {
        let Some(value) = self.map.get(key) else { return Ok(None) };
        String::from_utf8(percent_decode(value)).map(Some).map_err(|e| DecodeError::malformed(key, e))
    }

    fn get<T: FromStr<Err: Display>>(&self, key: &str) -> Result<Option<T>, DecodeError> {
        self.text(key)?.map(|v| v.parse().map_err(|e| DecodeError::malformed(key, e))).transpose()
    }

    fn need<T: FromStr<Err: Display>>(&self, key: &str) -> Result<T, DecodeError> {
        self.get(key)?.ok_or_else(|| DecodeError::Missing(key.to_owned()))
    }

    fn known<T>(&self, key: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, DecodeError> {
        let value: String = self.need(key)?;
        parse(&value).ok_or_else(|| DecodeError::malformed(key, format!("unknown value {value:?}")))
    }

    fn two<A: FromStr<Err: Display>, B: FromStr<Err: Display>>(&self, key: &str) -> Result<Option<(A, B)>, DecodeError> {
        let Some(value) = self.text(key)? else { return Ok(None) };
        let (a, b) = value.split_once(' ').ok_or_else(|| DecodeError::malformed(key, "expected two words"))?;
        let a = a.parse().map_err(|e| DecodeError::malformed(key, e))?;
        let b = b.parse().map_err(|e| DecodeError::malformed(key, e))?;
        Ok(Some((a, b)))
    }

    fn pairs(&self, key: &'static str) -> Result<Option<Pairs>, DecodeError> {
        let Some(value) = self.text(key)? else { return Ok(None) };
        let map = value.split(' ').filter_map(|word| word.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Ok(Some(Pairs { key, map }))
    }
}

struct Pairs {
    key: &'static str,
    map: BTreeMap<String, String>,
}

impl Pairs {
    fn get<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, DecodeError> {
        let value = self.map.get(name).ok_or_else(|| DecodeError::malformed(self.key, format!("{name} is missing")))?;
        value.parse().map_err(|e| DecodeError::malformed(self.key, e))
    }
}

fn usage(p: &Pairs) -> Result<Usage, DecodeError> {
    Ok(Usage {
        input: Tokens(p.get("in")?),
        cache_read: Tokens(p.get("cache-read")?),
        cache_write: Tokens(p.get("cache-write")?),
        output: Tokens(p.get("out")?),
        reasoning: Tokens(p.get("reasoning")?),
    })
}

fn price(p: &Pairs) -> Result<Price, DecodeError> {
    let input = p.get("in")?;
    // Turns of before caches were charged for do not have it.
    let cache_write = if p.map.contains_key("cache-write") { p.get("cache-write")? } else { input };
    Ok(Price { input, cache_read: p.get("cache-read")?, cache_write, output: p.get("out")? })
}

fn parse_path(value: &str) -> Result<FileStat, DecodeError> {
    let bad = |why: &str| DecodeError::malformed("Retort-Path", why);
    let mut words = value.splitn(4, ' ');
    let mut word = || words.next().ok_or_else(|| bad("expected: letter +added -removed path"));
    let status = FileStatus::parse(word()?).ok_or_else(|| bad("unknown letter"))?;
    let added = word()?.strip_prefix('+').and_then(|n| n.parse().ok()).ok_or_else(|| bad("no count of added lines"))?;
    let removed = word()?.strip_prefix('-').and_then(|n| n.parse().ok()).ok_or_else(|| bad("no count of removed lines"))?;
    let path = RepoPath::new(percent_decode(word()?)).map_err(|e| DecodeError::malformed("Retort-Path", e))?;
    Ok(FileStat { path, status, lines: LineCounts { added, removed } })
}
