//! Reading for those who verify: every object is checked against its name, and nothing is fetched or written.

use std::collections::BTreeSet;

use gix::bstr::ByteSlice as _;
use gix::refs::file::iter::loose_then_packed::Error as ListError;

use crate::base::id::Oid;
use crate::vcs::{RawCommit, Signature, VcsError};

use super::{Git, gix_id, oid};

/// A commit with what only a verifier asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    pub raw: RawCommit,
    pub committer: Signature,
}

/// A ref that a list of refs leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddRef {
    pub name: String,
    pub why: &'static str,
}

impl Git {
    /// The same repository for someone who verifies it: each object that is read must have the content that its name says,
    /// and one that a partial clone does not have is [`VcsError::NotFetched`] instead of being fetched.
    #[must_use]
    pub fn careful(mut self) -> Self {
        self.careful = true;
        self
    }

    pub(super) fn check_name(&self, id: gix::ObjectId, kind: gix::object::Kind, data: &[u8]) -> Result<(), VcsError> {
        if !self.careful {
            return Ok(());
        }
        let is = gix::objs::compute_hash(id.kind(), kind, data).map_err(super::fault)?;
        if is == id {
            Ok(())
        } else {
            Err(VcsError::Corrupt(format!("{kind} {id} holds something else: its content is that of {is}")))
        }
    }

    /// Whether git may leave objects out of this clone until somebody reads them.
    pub(super) fn is_partial(&self) -> bool {
        Self::is_partial_clone(&self.repo)
    }

    pub(super) fn is_partial_clone(repo: &gix::Repository) -> bool {
        let config = repo.config_snapshot();
        config.string("extensions.partialClone").is_some()
            || config.plumbing().sections_by_name("remote").is_some_and(|mut all| all.any(|s| s.value("promisor").is_some()))
    }

    /// The commit with this id and who committed it; `None` when there is no such commit here.
    pub fn inspect(&self, id: Oid) -> Result<Option<Inspected>, VcsError> {
        let Some(raw) = self.raw_commit(id)? else { return Ok(None) };
        let commit = self.repo.find_commit(gix_id(id)).map_err(super::fault)?;
        let who = commit.committer().map_err(super::fault)?;
        let time = who.time().map_err(super::fault)?;
        let committer = Signature {
            name: who.name.to_str_lossy().into_owned(),
            email: who.email.to_str_lossy().into_owned(),
            seconds: time.seconds,
            offset: time.offset,
        };
        Ok(Some(Inspected { raw, committer }))
    }

    /// What kind of object this is, in git's word; `None` when it is not here.
    pub fn kind(&self, id: Oid) -> Result<Option<String>, VcsError> {
        let found = self.repo.try_find_header(gix_id(id)).map_err(super::fault)?;
        Ok(found.map(|header| header.kind().to_string()))
    }

    /// Commits whose parents are not here, because the clone is shallow.
    pub fn shallow(&self) -> Result<BTreeSet<Oid>, VcsError> {
        let commits = self.repo.shallow_commits().map_err(super::fault)?;
        Ok(commits.iter().flat_map(|list| list.iter()).map(|id| oid(*id)).collect())
    }

    /// Refs below `prefix` that point to no object at all.
    pub fn odd_refs(&self, prefix: &str) -> Result<Vec<OddRef>, VcsError> {
        let platform = self.repo.references().map_err(super::fault)?;
        let mut out = Vec::new();
        for reference in platform.prefixed(prefix).map_err(super::fault)? {
            match reference {
                Ok(found) if found.target().try_id().is_none() => {
                    let name = found.name().as_bstr().to_str_lossy().into_owned();
                    out.push(OddRef { name, why: "it points to another ref" });
                }
                Ok(_) => {}
                Err(error) => match error.downcast_ref::<ListError>() {
                    Some(ListError::ReferenceCreation { relative_path, .. }) => {
                        out.push(OddRef { name: relative_path.display().to_string(), why: "its file holds no object id" });
                    }
                    _ => return Err(super::fault(error)),
                },
            }
        }
        Ok(out)
    }
}
