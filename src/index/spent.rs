//! What turns have used, and what that cost.
//!
//! Invariants
//! - A turn is one row however many sessions share it; so is a turn of which there is a redacted copy.
//! - Nothing is estimated here: what a turn does not say is `None`.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::Reader;
use super::{Index, IndexError};
use crate::base::clock::Timestamp;
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::base::money::Usd;
use crate::session::request::ModelId;
use crate::session::stream::Usage;
use crate::session::turn::{Header, Outcome};
use crate::vcs::Backend;

/// One call of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    pub turn: TurnKey,
    /// The session that it was made in.
    pub session: SessionId,
    pub model: ModelId,
    /// What the provider said it served.
    pub served: Option<String>,
    /// When it was asked.
    pub at: Timestamp,
    pub usage: Usage,
    /// `None` when no price was known.
    pub cost: Option<Usd>,
    /// Whether there is no answer.
    pub failed: bool,
}

impl Spent {
    fn of(header: Header) -> Option<Self> {
        header.request?;
        Some(Self {
            turn: header.key,
            session: header.session,
            model: header.model?,
            served: header.served,
            at: header.start,
            usage: header.usage,
            cost: header.cost,
            failed: header.outcome == Outcome::Failed,
        })
    }
}

/// The calls of some chains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spending {
    /// In the order in which they were made.
    pub calls: Vec<Spent>,
    /// Turns that cannot be read, whatever they cost.
    pub unreadable: u64,
}

impl Index {
    /// The calls of the chains that end at `tips`, but not those of the chains that end at `without`.
    pub fn spending(&self, repo: &dyn Backend, tips: &[Oid], without: &[Oid]) -> Result<Spending, IndexError> {
        let Some(id) = self.repo_id(repo)? else { return Ok(Spending::default()) };
        let mut reader = Reader::new(&self.conn, id)?;
        let mut seen = BTreeSet::new();
        for tip in without {
            let mut at = Some(*tip);
            while let Some(oid) = at.filter(|oid| seen.insert(*oid)) {
                at = reader.link(oid)?.and_then(|link| link.parent);
            }
        }
        let (mut calls, mut unreadable) = (BTreeMap::new(), 0);
        for tip in tips {
            let mut at = Some(*tip);
            while let Some(oid) = at.filter(|oid| seen.insert(*oid)) {
                let Some(row) = reader.bare_turn(oid)? else { break };
                at = row.parent;
                match row.header {
                    Ok(header) => calls.extend(Spent::of(header).map(|spent| (spent.turn, spent))),
                    // The end of a shallow history is no turn of it.
                    Err(_) => unreadable += u64::from(row.tree.is_some()),
                }
            }
        }
        let mut calls: Vec<Spent> = calls.into_values().collect();
        calls.sort_by_key(|spent| (spent.at, spent.turn));
        Ok(Spending { calls, unreadable })
    }
}
