//! The names of all refs that retort keeps: built and read here and nowhere else.
//!
//! Own refs are `refs/retort/sessions/<id>` (turns) and `refs/retort/meta/<id>` (annotations); those of a remote stand below
//! `refs/retort/remotes/<remote>/` with the same ends.

use crate::base::id::SessionId;

/// Everything of retort's.
pub const ALL: &str = "refs/retort/";
/// Our own sessions.
pub const SESSIONS: &str = "refs/retort/sessions/";
/// What is said about our own sessions.
pub const META: &str = "refs/retort/meta/";
/// What was fetched.
pub const REMOTES: &str = "refs/retort/remotes/";

/// What a ref holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A session's turns.
    Session,
    /// Its annotations.
    Meta,
}

/// A ref's name in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefName<'a> {
    /// The remote it came from; empty for our own.
    pub remote: &'a str,
    pub kind: Kind,
    pub session: SessionId,
}

/// The ref of our own session.
pub fn session(session: SessionId) -> String {
    RefName { remote: "", kind: Kind::Session, session }.to_string()
}

/// The ref of what is said about our own session.
pub fn meta(session: SessionId) -> String {
    RefName { remote: "", kind: Kind::Meta, session }.to_string()
}

/// Where the refs of a remote stand.
pub fn of_remote(remote: &str) -> String {
    format!("{REMOTES}{remote}/")
}

impl<'a> RefName<'a> {
    /// Reads a full ref name; `None` for one that is not a session's.
    pub fn parse(name: &'a str) -> Option<Self> {
        let (path, id) = name.strip_prefix(ALL)?.rsplit_once('/')?;
        let (remote, kind) = match path.strip_prefix("remotes/") {
            Some(rest) => rest.rsplit_once('/').filter(|(remote, _)| !remote.is_empty())?,
            None => ("", path),
        };
        let kind = match kind {
            "sessions" => Kind::Session,
            "meta" => Kind::Meta,
            _ => return None,
        };
        Some(Self { remote, kind, session: id.parse().ok()? })
    }
}

impl std::fmt::Display for RefName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Kind::Session => "sessions",
            Kind::Meta => "meta",
        };
        match self.remote {
            "" => write!(f, "{ALL}{kind}/{}", self.session),
            remote => write!(f, "{REMOTES}{remote}/{kind}/{}", self.session),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Timestamp;

    #[test]
    fn names_are_read_as_they_are_built() {
        let id = SessionId::new([7; 8], Timestamp::from_millis(1));
        for remote in ["", "origin", "team/mirror"] {
            for kind in [Kind::Session, Kind::Meta] {
                let name = RefName { remote, kind, session: id };
                assert_eq!(RefName::parse(&name.to_string()), Some(name));
            }
        }
        assert_eq!(session(id), format!("{SESSIONS}{id}"));
        assert_eq!(meta(id), format!("{META}{id}"));
        let theirs = RefName { remote: "origin", kind: Kind::Session, session: id }.to_string();
        assert_eq!(theirs, format!("{}sessions/{id}", of_remote("origin")));
    }

    #[test]
    fn other_names_are_not_sessions() {
        let id = SessionId::new([7; 8], Timestamp::from_millis(1));
        for name in [
            format!("refs/heads/{id}"),
            format!("refs/retort/{id}"),
            format!("refs/retort/archive/{id}"),
            format!("refs/retort/remotes/sessions/{id}"),
            format!("{SESSIONS}what-is-this"),
            SESSIONS.to_owned(),
            String::new(),
        ] {
            assert_eq!(RefName::parse(&name), None, "{name}");
        }
    }
}
