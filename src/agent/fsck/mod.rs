//! Verifying everything that is stored: refs, turns, requests, annotations, cursors, unfinished turns, and the database.
//!
//! Invariants
//! - Nothing is written, fetched, closed or removed.
//! - Each commit is read once, however many sessions share it, and each request costs what it adds to the one before it: the
//!   time grows with what is stored, not with its square.
//! - What is not here because the clone is shallow or partial is incomplete, never damaged.

mod around;
mod chains;
mod problem;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub use problem::{Level, Place, Problem};

use crate::base::id::{Oid, SessionId, TurnKey};
use crate::index::{Copied, Index, IndexError};
use crate::session::refs::{self, Kind, RefName};
use crate::vcs::Backend as _;
use crate::vcs::git::Git;

use super::Error;

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub place: Place,
    pub problem: Problem,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The worst first.
    pub findings: Vec<Finding>,
    pub sessions: u64,
    pub turns: u64,
    /// Content of the turns' files.
    pub bytes: u64,
}

impl Report {
    /// How many findings are of this level.
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|f| f.problem.level() == level).count()
    }
}

/// What to look at.
#[derive(Debug, Clone, Copy)]
pub enum Extent<'a> {
    /// Everything, with the database at this path.
    All { database: &'a Path },
    /// The chains and annotations of these sessions.
    Sessions(&'a BTreeSet<SessionId>),
}

/// Verifies. `git` must be [`Git::careful`].
pub fn fsck(git: &Git, extent: Extent<'_>) -> Result<Report, Error> {
    let mut check = Check { git, shallow: git.shallow()?, report: Report::default(), keys: BTreeMap::new(), extent };
    let refs = check.refs()?;
    let of = |kind: Kind| -> Vec<(&str, Oid, SessionId)> {
        refs.iter().filter(|(_, _, k, _)| *k == kind).map(|(name, tip, _, id)| (name.as_str(), *tip, *id)).collect()
    };
    check.chains(&of(Kind::Session))?;
    check.annotations(&of(Kind::Meta))?;
    if let Extent::All { database } = extent {
        check.cursors()?;
        check.unfinished();
        check.database(database);
    }
    let mut report = check.report;
    report.findings.sort_by_key(|found| std::cmp::Reverse(found.problem.level()));
    Ok(report)
}

/// A look at a repository that is under way.
struct Check<'a> {
    git: &'a Git,
    shallow: BTreeSet<Oid>,
    report: Report,
    /// The commit of each turn that was read.
    keys: BTreeMap<TurnKey, Oid>,
    extent: Extent<'a>,
}

type Ref = (String, Oid, Kind, SessionId);

impl Check<'_> {
    fn found(&mut self, place: Place, problem: Problem) {
        self.report.findings.push(Finding { place, problem });
    }

    fn found_all(&mut self, place: &Place, problems: impl IntoIterator<Item = Problem>) {
        self.report.findings.extend(problems.into_iter().map(|problem| Finding { place: place.clone(), problem }));
    }

    fn looks_at_all(&self) -> bool {
        matches!(self.extent, Extent::All { .. })
    }

    /// The refs that lead to turns and annotations.
    fn refs(&mut self) -> Result<Vec<Ref>, Error> {
        let mut out = Vec::new();
        if self.looks_at_all() {
            for odd in self.git.odd_refs(refs::ALL)? {
                self.found(Place::reference(&odd.name), Problem::RefBroken(odd.why));
            }
        }
        for (name, tip) in self.git.refs(refs::ALL)? {
            let Some(RefName { kind, session, .. }) = RefName::parse(&name) else {
                if self.looks_at_all() {
                    let problem = if is_of_later(&name) { Problem::RefOfLater } else { Problem::RefName };
                    self.found(Place::reference(&name), problem);
                }
                continue;
            };
            if matches!(self.extent, Extent::Sessions(chosen) if !chosen.contains(&session)) {
                continue;
            }
            match self.git.kind(tip) {
                Ok(Some(is)) if is == "commit" => out.push((name, tip, kind, session)),
                Ok(Some(is)) => self.found(Place::reference(&name), Problem::RefKind(is)),
                Ok(None) => self.found(Place::reference(&name), Problem::RefMissing(tip)),
                Err(error) => self.found(Place::reference(&name), Problem::Read(error.to_string())),
            }
        }
        Ok(out)
    }

    /// Compares the database with the refs, in a copy that has caught up with them first, as every start lets it.
    fn database(&mut self, path: &Path) {
        let compared = || -> Result<Option<(usize, String)>, IndexError> {
            let Copied::Rows(mut copy) = Index::copy(path, self.git)? else { return Ok(None) };
            copy.sync(self.git)?;
            let rows = copy.check(self.git)?;
            Ok(rows.first().map(|row| (rows.len(), format!("in {}: {}", row.table, row.row))))
        };
        let problem = match compared() {
            Ok(None) => return,
            Ok(Some((rows, first))) => Problem::Index { rows, first: crate::base::text::ellipsis(&first, 100) },
            Err(IndexError::Damaged(why)) => Problem::IndexDamaged(why),
            Err(error) => Problem::IndexUnread(error.to_string()),
        };
        self.found(Place::path(path), problem);
    }
}

/// Whether the design has a use for such a name that is still to come.
fn is_of_later(name: &str) -> bool {
    let rest = name.strip_prefix(refs::ALL).and_then(|rest| rest.split_once('/'));
    rest.is_some_and(|(kind, id)| matches!(kind, "code" | "trash") && id.parse::<SessionId>().is_ok())
}
