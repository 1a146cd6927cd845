//! Objects: reading commits and trees, writing turn commits, and syncing what was written.
//!
//! Invariants
//! - [`Git::sync_objects`] is called with every id that was written before a ref can point to any of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use gix::bstr::ByteSlice as _;
use gix::objs::tree::{Entry, EntryKind, EntryMode};

use crate::base::clock::Timestamp;
use crate::base::id::Oid;
use crate::process::Spec;
use crate::vcs::{CommitDraft, RawCommit, Signature, VcsError};

use super::{Files, Git, gix_id, oid};

/// The largest file of a turn that is read, in bytes.
const LARGEST: u64 = 512 << 20;

impl Git {
    pub(super) fn raw_commit(&self, id: Oid) -> Result<Option<RawCommit>, VcsError> {
        let Some(object) = self.repo.try_find_object(gix_id(id)).map_err(super::fault)? else { return Ok(None) };
        if object.kind != gix::object::Kind::Commit {
            return Ok(None);
        }
        self.check_name(gix_id(id), object.kind, &object.data)?;
        let commit = object.into_commit();
        let data = commit.decode().map_err(super::fault)?;
        Ok(Some(RawCommit {
            id,
            tree: oid(data.tree()),
            parents: data.parents().map(oid).collect(),
            message: data.message.to_vec(),
        }))
    }

    pub(super) fn find_commits(&self, prefix: &str) -> Result<Vec<Oid>, VcsError> {
        let Ok(wanted) = gix::hash::Prefix::from_hex(prefix) else { return Ok(Vec::new()) };
        let mut found = std::collections::HashSet::new();
        self.repo.objects.lookup_prefix(wanted, Some(&mut found)).map_err(super::fault)?;
        let mut out = Vec::new();
        for id in found.into_iter().collect::<BTreeSet<_>>() {
            if self.repo.find_header(id).is_ok_and(|h| h.kind() == gix::object::Kind::Commit) {
                out.push(oid(id));
            }
        }
        Ok(out)
    }

    pub(super) fn tree_file(&self, tree: Oid, path: &str) -> Result<Option<Vec<u8>>, VcsError> {
        let Some((_, id)) = self.entry(tree, path)?.filter(|(mode, _)| mode.is_blob_or_symlink()) else { return Ok(None) };
        // Others' turns can have objects that are tiny as they are stored, and larger than the machine's memory.
        let size = self.repo.find_header(id).map_or(0, |header| header.size());
        if size > LARGEST {
            return Err(VcsError::Corrupt(format!("{path} has {} MiB; nothing that large was ever written there", size >> 20)));
        }
        self.blob(id).map(Some)
    }

    pub(super) fn tree_names(&self, tree: Oid, directory: &str) -> Result<Vec<String>, VcsError> {
        let tree = match directory {
            "" => self.tree(gix_id(tree))?,
            _ => match self.entry(tree, directory)? {
                Some((mode, id)) if mode.is_tree() => self.tree(id)?,
                _ => return Ok(Vec::new()),
            },
        };
        let entries = tree.decode().map_err(super::fault)?.entries;
        Ok(entries.iter().map(|e| e.filename.to_str_lossy().into_owned()).collect())
    }

    /// What stands at `path`; nothing where a part of the way is no directory.
    fn entry(&self, tree: Oid, path: &str) -> Result<Option<(EntryMode, gix::ObjectId)>, VcsError> {
        let mut at = (EntryMode::from(EntryKind::Tree), gix_id(tree));
        for name in path.split('/') {
            if !at.0.is_tree() {
                return Ok(None);
            }
            let tree = self.tree(at.1)?;
            let entries = tree.decode().map_err(super::fault)?.entries;
            let Some(found) = entries.iter().find(|e| e.filename == name) else { return Ok(None) };
            at = (found.mode, found.oid.to_owned());
        }
        Ok(Some(at))
    }

    pub(super) fn blob(&self, id: gix::ObjectId) -> Result<Vec<u8>, VcsError> {
        let fault = |e: &dyn std::fmt::Display| VcsError::Corrupt(format!("blob {id} cannot be read: {e}"));
        let mut blob = match self.repo.find_blob(id) {
            Err(e) if self.bring_promised(id)? => {
                let brought = self.brought(id).map_err(|_| fault(&e))?;
                brought.try_into_blob().map_err(|_| fault(&e))
            }
            other => other.map_err(|e| fault(&e)),
        }?;
        self.check_name(id, gix::object::Kind::Blob, &blob.data)?;
        Ok(std::mem::take(&mut blob.data))
    }

    /// A directory of the user's code or of a turn.
    pub(super) fn tree(&self, id: gix::ObjectId) -> Result<gix::Tree<'_>, VcsError> {
        let tree = match self.repo.find_tree(id) {
            Err(_) if self.bring_promised(id)? => self.brought(id)?.try_into_tree().map_err(super::fault),
            other => other.map_err(super::fault),
        }?;
        self.check_name(id, gix::object::Kind::Tree, &tree.data)?;
        Ok(tree)
    }

    /// An object that was just fetched. Each fetch makes a pack, and the library sees only so many more than there were when
    /// the repository was opened; then it is opened anew.
    fn brought(&self, id: gix::ObjectId) -> Result<gix::Object<'_>, VcsError> {
        if let Ok(object) = self.repo.find_object(id) {
            return Ok(object);
        }
        let again = gix::open_opts(self.repo.path(), self.repo.open_options().clone()).map_err(super::fault)?;
        let object = again.find_object(id).map_err(super::fault)?.detach();
        Ok(object.attach(&self.repo))
    }

    /// Lets git fetch an object that a partial clone does not have yet. False when it is not missing, or this is no such
    /// clone.
    fn bring_promised(&self, id: gix::ObjectId) -> Result<bool, VcsError> {
        if !self.is_partial() || self.repo.has_object(id) {
            return Ok(false);
        }
        if self.careful {
            return Err(VcsError::NotFetched(oid(id)));
        }
        let spec = Spec::new("git").args(["cat-file", "-e", &id.to_string()]);
        self.run_git(&format!("fetch of {id}, which this partial clone does not have yet,"), &spec).map(|_| true)
    }

    pub(super) fn write_draft(&self, draft: &CommitDraft) -> Result<Oid, VcsError> {
        let mut written = Vec::new();
        let files: Files<'_> = draft.files.iter().map(|(path, bytes)| (path.as_str(), &bytes[..])).collect();
        let tree = self.write_files(&files, &mut written)?;
        let id = self.write_commit_object(tree, &draft.parents, &draft.author, &draft.committer, &draft.message, &mut written)?;
        self.sync_objects(&written)?;
        Ok(oid(id))
    }

    pub(super) fn write_commit_object(
        &self,
        tree: gix::ObjectId,
        parents: &[Oid],
        author: &Signature,
        committer: &Signature,
        message: &[u8],
        written: &mut Vec<gix::ObjectId>,
    ) -> Result<gix::ObjectId, VcsError> {
        let commit = gix::objs::Commit {
            tree,
            parents: parents.iter().map(|p| gix_id(*p)).collect(),
            author: actor(author),
            committer: actor(committer),
            encoding: None,
            message: message.into(),
            extra_headers: Vec::new(),
        };
        let id = retried(|| self.writer.write_object(&commit)).map_err(super::fault)?.detach();
        written.push(id);
        Ok(id)
    }

    pub(super) fn write_blob(&self, bytes: &[u8], written: &mut Vec<gix::ObjectId>) -> Result<gix::ObjectId, VcsError> {
        let id = retried(|| self.writer.write_blob(bytes)).map_err(super::fault)?.detach();
        written.push(id);
        Ok(id)
    }

    pub(super) fn write_tree(&self, mut entries: Vec<Entry>, written: &mut Vec<gix::ObjectId>) -> Result<gix::ObjectId, VcsError> {
        entries.sort();
        let tree = gix::objs::Tree { entries };
        let id = retried(|| self.writer.write_object(&tree)).map_err(super::fault)?.detach();
        written.push(id);
        Ok(id)
    }

    fn write_files(&self, files: &Files<'_>, written: &mut Vec<gix::ObjectId>) -> Result<gix::ObjectId, VcsError> {
        let mut entries = Vec::new();
        let mut directories: BTreeMap<&str, Files<'_>> = BTreeMap::new();
        for (path, bytes) in files {
            if let Some((directory, rest)) = path.split_once('/') {
                directories.entry(directory).or_default().insert(rest, bytes);
            } else {
                let id = self.write_blob(bytes, written)?;
                entries.push(Entry { mode: EntryKind::Blob.into(), filename: (*path).into(), oid: id });
            }
        }
        for (name, files) in directories {
            let id = self.write_files(&files, written)?;
            entries.push(Entry { mode: EntryMode::from(EntryKind::Tree), filename: name.into(), oid: id });
        }
        self.write_tree(entries, written)
    }

    /// Makes loose objects durable: each file, then the directories that name them.
    pub(super) fn sync_objects(&self, ids: &[gix::ObjectId]) -> Result<(), VcsError> {
        self.faults.point("objects.written");
        let root = self.layout.common_dir.join("objects");
        let mut directories = BTreeSet::new();
        for id in ids.iter().collect::<BTreeSet<_>>() {
            let hex = id.to_string();
            let directory = root.join(&hex[..2]);
            let path = directory.join(&hex[2..]);
            match File::open(&path) {
                Ok(file) => {
                    file.sync_all().map_err(VcsError::io(&path))?;
                    directories.insert(directory);
                }
                // It was there before, in a pack or in another repository that this one borrows from.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(VcsError::io(&path)(e)),
            }
        }
        if !directories.is_empty() {
            directories.insert(root);
        }
        for directory in directories {
            match crate::vcs::durable::sync_directory(&directory) {
                // `git gc` has packed what was in it.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                done => done.map_err(VcsError::io(&directory))?,
            }
        }
        self.faults.point("objects.synced");
        Ok(())
    }

    pub(super) fn signature(&self, at: Timestamp, offset: i32) -> Result<Signature, VcsError> {
        Self::signature_of(&self.repo, at, offset)
    }

    pub(super) fn signature_of(repo: &gix::Repository, at: Timestamp, offset: i32) -> Result<Signature, VcsError> {
        let actor = repo.author().and_then(Result::ok).ok_or(VcsError::NoIdentity)?;
        let (name, email) = (without_crud(&actor.name.to_str_lossy()), without_crud(&actor.email.to_str_lossy()));
        if name.is_empty() || email.is_empty() {
            return Err(VcsError::NoIdentity);
        }
        Ok(Signature { name, email, seconds: at.seconds(), offset })
    }
}

/// Writes an object, again when it fails: `git gc` removes a directory of objects that has become empty also between our
/// making one and our moving the object into it.
fn retried<T, E>(write: impl Fn() -> Result<T, E>) -> Result<T, E> {
    for _ in 0..9 {
        if let Ok(done) = write() {
            return Ok(done);
        }
    }
    write()
}

/// A name as git writes it into a commit: without the characters that it trims at the ends, and without those that would
/// break the line.
fn without_crud(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !matches!(c, '<' | '>' | '\n' | '\0')).collect();
    kept.trim_matches(|c: char| c <= ' ' || matches!(c, '.' | ',' | ':' | ';' | '"' | '\\' | '\'')).to_owned()
}

fn actor(s: &Signature) -> gix::actor::Signature {
    gix::actor::Signature {
        name: s.name.as_str().into(),
        email: s.email.as_str().into(),
        time: gix::date::Time::new(s.seconds, s.offset),
    }
}
