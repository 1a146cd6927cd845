//! Addresses of sessions and turns, as a person writes them. Parsing only; what an address means is looked up elsewhere.
//!
//! Grammar: `base step*`, where base is `@`, a full ref name, a session id, a session's name, a prefix of a turn key or
//! session id (letters k–z), or a hexadecimal turn commit id (7 digits or more); a step is `-`, `~`, `~N` (N turns back), or
//! `/N` (the N-th turn of the session, notes not counted).
//!
//! Invariants
//! - Names are never made of k–z letters only ([`super::meta::check_name`]), so a base has one reading.

use crate::base::id::{Oid, SessionId, is_letters};

use super::refs::{self, Kind, RefName, SESSIONS};

/// What an address starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// The worktree's cursor.
    Here,
    /// The session of a full ref, `refs/retort/sessions/<id>`; other refs under `refs/retort/` are kept as written.
    Ref(String),
    Session(SessionId),
    /// A prefix of a turn key or session id.
    Prefix(String),
    /// A commit id or a prefix of one, in lower case.
    Commit(String),
    Name(String),
}

/// How to go on from the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many turns back.
    Back(u64),
    /// The N-th turn, from 1.
    Nth(u64),
}

/// A parsed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub base: Base,
    pub steps: Vec<Step>,
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an address: {why}")]
pub struct BadAddress {
    text: String,
    why: &'static str,
}

impl std::str::FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = |why| BadAddress { text: text.to_owned(), why };
        let (mut rest, mut steps) = (text, Vec::new());
        // Steps are peeled off the end, because a name may hold `-`.
        loop {
            let before = rest.trim_end_matches(|c: char| c.is_ascii_digit());
            let digits = &rest[before.len()..];
            if let Some(head) = before.strip_suffix('~') {
                let n = if digits.is_empty() { 1 } else { digits.parse().map_err(|_| bad("the number is too large"))? };
                steps.push(Step::Back(n));
                rest = head;
            } else if let Some(head) = before.strip_suffix('/').filter(|head| {
                !head.starts_with(refs::REMOTES.trim_end_matches('/'))
                    && *head != SESSIONS.trim_end_matches('/')
                    && !digits.is_empty()
            }) {
                let n = digits.parse().map_err(|_| bad("the number is too large"))?;
                if n == 0 {
                    return Err(bad("turns are counted from 1"));
                }
                steps.push(Step::Nth(n));
                rest = head;
            } else if let Some(head) = rest.strip_suffix('-').filter(|head| head.starts_with('@')) {
                steps.push(Step::Back(1));
                rest = head;
            } else {
                break;
            }
        }
        steps.reverse();
        if steps.iter().skip(1).any(|s| matches!(s, Step::Nth(_))) {
            return Err(bad("`/N` stands right after a session"));
        }
        let base = if rest == "@" {
            Base::Here
        } else if rest.starts_with("refs/") {
            if !rest.starts_with(refs::ALL) {
                return Err(bad("only refs under refs/retort/ hold sessions"));
            }
            match RefName::parse(rest) {
                Some(RefName { remote: "", kind: Kind::Session, session }) => Base::Session(session),
                _ => Base::Ref(rest.to_owned()),
            }
        } else if let Ok(id) = rest.parse::<SessionId>() {
            Base::Session(id)
        } else if is_letters(rest) {
            Base::Prefix(rest.to_owned())
        } else if rest.len() >= 7
            && rest.len() <= 64
            && rest.bytes().all(|b| b.is_ascii_hexdigit())
            && rest.bytes().any(|b| b.is_ascii_digit())
            || rest.parse::<Oid>().is_ok()
        {
            Base::Commit(rest.to_ascii_lowercase())
        } else if rest.is_empty() {
            return Err(bad("nothing comes before the step"));
        } else if rest.contains('@') && super::meta::check_name(rest.split('@').next().unwrap_or_default()).is_ok()
            || super::meta::check_name(rest).is_ok()
        {
            Base::Name(rest.to_owned())
        } else {
            return Err(bad("expected @, a session's name or id, a turn's id, or a ref under refs/retort/"));
        };
        Ok(Self { base, steps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Address {
        text.parse().unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn forms() {
        let at = |base, steps: &[Step]| Address { base, steps: steps.to_vec() };
        assert_eq!(parse("@"), at(Base::Here, &[]));
        assert_eq!(parse("@-"), at(Base::Here, &[Step::Back(1)]));
        assert_eq!(parse("@~3"), at(Base::Here, &[Step::Back(3)]));
        assert_eq!(parse("@--"), at(Base::Here, &[Step::Back(1), Step::Back(1)]));
        assert_eq!(parse("fix-paging~2"), at(Base::Name("fix-paging".into()), &[Step::Back(2)]));
        assert_eq!(parse("paging/7"), at(Base::Name("paging".into()), &[Step::Nth(7)]));
        assert_eq!(parse("paging/7~"), at(Base::Name("paging".into()), &[Step::Nth(7), Step::Back(1)]));
        assert_eq!(parse("paging@origin"), at(Base::Name("paging@origin".into()), &[]));
        assert_eq!(parse("kxvq"), at(Base::Prefix("kxvq".into()), &[]));
        assert_eq!(parse("3fa2c1d"), at(Base::Commit("3fa2c1d".into()), &[]));
        let id = SessionId::from_bytes([3; 13]);
        assert_eq!(parse(&format!("{SESSIONS}{id}/2")), at(Base::Session(id), &[Step::Nth(2)]));
        for bad in ["", "~", "@/0", "refs/heads/main", "a b", "@~99999999999999999999", "x/1/2"] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?} was accepted");
        }
    }

    proptest::proptest! {
        #[test]
        fn foreign_text_never_panics(text: String, near in "[@~/a-z0-9-]{0,12}") {
            let _ = text.parse::<Address>();
            let _ = near.parse::<Address>();
        }
    }
}
