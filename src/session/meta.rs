//! Annotations of a session: its name, and which tails were abandoned. They are kept beside the conversation, so that the
//! session ref only ever fast-forwards.
//!
//! Invariants
//! - A record is one line of canonical JSON. Two sets of records merge as a union of lines; for a value that can be set
//!   again, the record last by (time, SHA-256 of the line) counts.

use std::collections::BTreeMap;

use serde_json::json;

use crate::base::clock::Timestamp;
use crate::base::hash::Sha256;
use crate::base::id::{Oid, TurnKey};
use crate::base::json::canonical;
use crate::session::turn::Header;

/// One annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The session is called this.
    Name(String),
    /// The tail that ends at this turn was left behind by an undo and a new message.
    Abandoned(TurnKey),
    /// A redo made this commit of what the turn changed.
    Landed(TurnKey, Oid),
}

/// An annotation and when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub at: Timestamp,
    pub fact: Fact,
}

impl Record {
    /// The record's line, without a newline.
    fn line(&self) -> Vec<u8> {
        let value = match &self.fact {
            Fact::Name(name) => json!({ "at": self.at.to_string(), "kind": "name", "value": name }),
            Fact::Abandoned(turn) => json!({ "at": self.at.to_string(), "kind": "abandoned", "value": turn.to_string() }),
            Fact::Landed(turn, commit) => {
                json!({ "at": self.at.to_string(), "kind": "landed", "value": format!("{turn} {commit}") })
            }
        };
        canonical(&value).unwrap_or_else(|e| unreachable!("meta record: {e}"))
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(line).ok()?;
        let text = value["value"].as_str()?;
        let fact = match value["kind"].as_str()? {
            "name" => Fact::Name(text.to_owned()),
            "abandoned" => Fact::Abandoned(text.parse().ok()?),
            "landed" => {
                let (turn, commit) = text.split_once(' ')?;
                Fact::Landed(turn.parse().ok()?, commit.parse().ok()?)
            }
            _ => return None,
        };
        Some(Self { at: value["at"].as_str()?.parse().ok()?, fact })
    }
}

/// The file of an annotation commit that holds the records.
pub const RECORDS: &str = "records";

/// The annotations of one session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meta {
    /// Whole lines by hash; lines of kinds that this version does not know are kept.
    lines: BTreeMap<Sha256, Vec<u8>>,
}

impl Meta {
    /// Reads the file `records`; empty lines are skipped, everything else is kept.
    pub fn decode(raw: &[u8]) -> Self {
        let lines = raw.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| (Sha256::of(l), l.to_vec()));
        Self { lines: lines.collect() }
    }

    /// The file's bytes: one record a line, ordered by hash.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for line in self.lines.values() {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        out
    }

    /// Adds a record.
    pub fn add(&mut self, record: &Record) {
        let line = record.line();
        self.lines.insert(Sha256::of(&line), line);
    }

    /// Adds all records of `other`.
    pub fn union(&mut self, other: &Self) {
        self.lines.extend(other.lines.iter().map(|(h, l)| (*h, l.clone())));
    }

    /// Lines that are no records: of a kind that is known here but malformed, or not an object with a kind and a time.
    pub fn damaged(&self) -> impl Iterator<Item = String> {
        let is_record = |line: &[u8]| {
            let value: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
            let known = value["kind"].as_str().map(|kind| matches!(kind, "name" | "abandoned" | "landed"));
            let timed = value["at"].as_str().is_some_and(|at| at.parse::<Timestamp>().is_ok());
            match known {
                Some(true) => Record::parse(line).is_some(),
                Some(false) => timed,
                None => false,
            }
        };
        self.lines.values().filter(move |line| !is_record(line)).map(|line| String::from_utf8_lossy(line).into_owned())
    }

    fn records(&self) -> impl Iterator<Item = (Sha256, Record)> {
        self.lines.iter().filter_map(|(h, l)| Some((*h, Record::parse(l)?)))
    }

    /// The names that were given, oldest first. A record from elsewhere may hold any text; what could not be given here (it
    /// might be taken for an address, or move the cursor of a terminal) is no name.
    fn names(&self) -> Vec<(Timestamp, Sha256, String)> {
        let mut names: Vec<_> = self
            .records()
            .filter_map(|(h, r)| match r.fact {
                Fact::Name(name) => check_name(&name).is_ok().then_some((r.at, h, name)),
                Fact::Abandoned(_) | Fact::Landed(..) => None,
            })
            .collect();
        names.sort();
        names
    }

    /// The session's name.
    pub fn name(&self) -> Option<String> {
        self.names().pop().map(|(_, _, name)| name)
    }

    /// When it was given.
    pub fn named_at(&self) -> Option<Timestamp> {
        self.names().pop().map(|(at, _, _)| at)
    }

    /// The commit that a redo made last of what this turn changed, and when that was said.
    pub fn landed(&self, turn: TurnKey) -> Option<(Timestamp, Oid)> {
        let commits = self.records().filter_map(|(hash, record)| match record.fact {
            Fact::Landed(key, commit) if key == turn => Some((record.at, hash, commit)),
            _ => None,
        });
        commits.max().map(|(at, _, commit)| (at, commit))
    }

    /// A turn of the session with the commit that holds its changes now.
    #[must_use]
    pub fn with_commit(&self, mut header: Header) -> Header {
        if header.commit.is_some() {
            header.commit = self.landed(header.key).map(|(_, commit)| commit).or(header.commit);
        }
        header
    }

    /// Turns at which an abandoned tail ends.
    pub fn abandoned(&self) -> Vec<TurnKey> {
        let mut keys: Vec<_> = self
            .records()
            .filter_map(|(_, r)| match r.fact {
                Fact::Abandoned(key) => Some(key),
                Fact::Name(_) | Fact::Landed(..) => None,
            })
            .collect();
        keys.sort_unstable();
        keys
    }
}

/// Why a text cannot be a session's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("a name starts with a letter and goes on with letters, digits, `-`, `_` or `.`")]
    Form,
    #[error("a name made of the letters k to z only could be mistaken for a turn or session id")]
    LooksLikeId,
    #[error("a name is at most 64 characters long")]
    Long,
}

/// Checks a session's name.
pub fn check_name(name: &str) -> Result<(), BadName> {
    let form = name.chars().next().is_some_and(char::is_alphabetic)
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !name.contains("..");
    if !form {
        return Err(BadName::Form);
    }
    if name.chars().count() > 64 {
        return Err(BadName::Long);
    }
    if crate::base::id::is_letters(name) {
        return Err(BadName::LooksLikeId);
    }
    Ok(())
}

/// A readable name from a message: up to four of its telling words, and the first free number when it is taken.
pub fn name_from(message: &str, taken: &dyn Fn(&str) -> bool) -> String {
    const DULL: [&str; 26] = [
        "please", "the", "a", "an", "and", "or", "to", "of", "in", "on", "for", "with", "this", "that", "it", "is", "be", "my",
        "me", "can", "you", "could", "would", "should", "i", "we",
    ];
    let words = message.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
    let told: Vec<String> = words.filter(|w| !w.is_empty() && !DULL.contains(&w.as_str())).take(4).collect();
    let mut base = told.join("-");
    base.truncate(40);
    let mut base = base.trim_end_matches('-').to_owned();
    if check_name(&base).is_err() {
        base = if base.is_empty() { "session".to_owned() } else { format!("s-{base}") };
    }
    if !taken(&base) {
        return base;
    }
    (2..u64::MAX).map(|n| format!("{base}-{n}")).find(|name| !taken(name)).unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64, fact: Fact) -> Record {
        Record { at: Timestamp::from_millis(millis), fact }
    }

    #[test]
    fn the_latest_name_wins_in_any_order() {
        let (old, new) = (at(1, Fact::Name("old".into())), at(2, Fact::Name("new".into())));
        for order in [[&old, &new], [&new, &old]] {
            let mut meta = Meta::default();
            for record in order {
                meta.add(record);
            }
            assert_eq!(meta.name().as_deref(), Some("new"));
            assert_eq!(Meta::decode(&meta.encode()), meta);
        }
    }

    #[test]
    fn a_name_from_elsewhere_that_is_none_does_not_count() {
        let mut meta = Meta::default();
        meta.add(&at(1, Fact::Name("good".into())));
        for name in ["", "\u{1b}[31m", "../../x", "refs/heads/main", "kk"] {
            meta.add(&at(2, Fact::Name(name.into())));
        }
        assert_eq!(meta.name().as_deref(), Some("good"));
        assert_eq!(meta.named_at(), Some(Timestamp::from_millis(1)));
    }

    #[test]
    fn damaged_lines_are_found_and_unknown_kinds_are_not() {
        let good = b"{\"at\":\"2026-03-01T01:00:08.000Z\",\"kind\":\"rating\",\"value\":5}\n";
        assert_eq!(Meta::decode(good).damaged().count(), 0);
        let bad = b"{\"at\":\"then\",\"kind\":\"name\",\"value\":\"x\"}\n{}\nwhat\n{\"kind\":\"abandoned\"}\n";
        assert_eq!(Meta::decode(bad).damaged().count(), 4);
    }

    #[test]
    fn unknown_records_survive() {
        let raw = b"{\"kind\":\"rating\",\"value\":\"5\"}\n";
        assert_eq!(Meta::decode(raw).encode(), raw);
    }

    #[test]
    fn names() {
        let free = |_: &str| false;
        assert_eq!(name_from("Please implement the xyz function stub in asdf.rs", &free), "implement-xyz-function-stub");
        assert_eq!(name_from("", &free), "session");
        assert_eq!(name_from("7 up", &free), "s-7-up");
        assert_eq!(name_from("tox", &free), "s-tox");
        assert_eq!(name_from("fix it", &|n| n == "fix"), "fix-2");
        assert_eq!(check_name("knot"), Err(BadName::LooksLikeId));
        assert_eq!(check_name("a/b"), Err(BadName::Form));
    }

    proptest::proptest! {
        #[test]
        fn generated_names_are_valid(message: String) {
            proptest::prop_assert_eq!(check_name(&name_from(&message, &|_| false)), Ok(()));
        }

        #[test]
        fn union_commutes(a in proptest::collection::vec("[a-z]{1,4}", 0..4), b in proptest::collection::vec("[a-z]{1,4}", 0..4)) {
            let make = |v: &[String]| Meta::decode(v.join("\n").as_bytes());
            let (mut x, mut y) = (make(&a), make(&b));
            x.union(&make(&b));
            y.union(&make(&a));
            proptest::prop_assert_eq!(x, y);
        }
    }
}
