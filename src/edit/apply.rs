//! Edits + tree → changes and rejects.
//!
//! Edits are taken in order, each against what the ones before it left. An edit that does not fit changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::base::change::{ChangeSet, FileMode, FileState};
use crate::base::path::RepoPath;
use crate::base::text::is_binary;
use crate::base::tree::SourceTree;

use super::ladder::{self, Found};
use super::lines::{File, Splice, texts};
use super::names::Names;
use super::nearest::{Region, nearest, region};
use super::plan::{Edit, Op, Replacement};
use super::reject::{Reason, Reject};

/// What may not be edited.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub read_only: BTreeSet<RepoPath>,
    /// Files whose content must not leave the machine; nothing of them is in a reject either.
    pub withheld: BTreeSet<RepoPath>,
}

/// What the edits come to.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// By the edits that fit.
    pub changes: ChangeSet,
    /// Edits that fit and changed something, by index.
    pub landed: Vec<usize>,
    /// Edits that ask for what is there already, such as a search equal to its replacement.
    pub unchanged: Vec<usize>,
    pub rejects: Vec<Reject>,
}

/// The most that the edits of one answer may go through, in bytes: each one takes its file whole. Above all real answers (250
/// edits of a file of a million bytes), and about a second of work.
const MOST: u64 = 256 << 20;

/// Applies `edits` to the files of `tree`. Fails only if a file cannot be read.
pub fn apply(edits: &[Edit], tree: &dyn SourceTree, rules: &Rules) -> io::Result<Applied> {
    apply_within(MOST, edits, tree, rules)
}

pub(super) fn apply_within(most: u64, edits: &[Edit], tree: &dyn SourceTree, rules: &Rules) -> io::Result<Applied> {
    let mut world = World { tree, files: BTreeMap::new(), names: Names::new(tree.paths()), work: 0, most };
    let mut applied = Applied::default();
    for (index, edit) in edits.iter().enumerate() {
        match world.edit(edit, rules) {
            Ok(true) => applied.landed.push(index),
            Ok(false) => applied.unchanged.push(index),
            Err(Stop::Io(error)) => return Err(error),
            Err(Stop::Misfit(misfit)) => {
                let Misfit { reason, nearest, already } = *misfit;
                applied.rejects.push(Reject { index, path: edit.path_text(), reason, nearest, already, edit: edit.source.clone() });
            }
        }
    }
    for (path, (before, now)) in world.files {
        applied.changes.record(path, before, now);
    }
    Ok(applied)
}

struct Misfit {
    reason: Reason,
    nearest: Option<Region>,
    already: Option<usize>,
}

enum Stop {
    Io(io::Error),
    Misfit(Box<Misfit>),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Misfit(Box::new(Misfit { reason, nearest: None, already: None }))
    }
}

/// The files as the edits so far left them.
struct World<'t> {
    tree: &'t dyn SourceTree,
    /// Before all edits, and now.
    files: BTreeMap<RepoPath, (Option<FileState>, Option<FileState>)>,
    names: Names<'t>,
    /// Bytes gone through so far, and how many may be.
    work: u64,
    most: u64,
}

impl World<'_> {
    /// Makes one edit; whether it changed anything.
    fn edit(&mut self, edit: &Edit, rules: &Rules) -> Result<bool, Stop> {
        let path = edit.path.as_ref().map_err(|bad| Reason::BadPath(bad.to_string()))?;
        if rules.withheld.contains(path) {
            return Err(Reason::Withheld.into());
        }
        if rules.read_only.contains(path) {
            return Err(Reason::ReadOnly.into());
        }
        self.names.check_length(path)?;
        if !self.files.contains_key(path)
            && let Some(why) = self.tree.obstacle(path)
        {
            return Err(Reason::Obstacle(why).into());
        }
        if self.names.is_directory(path) {
            return Err(Reason::Directory.into());
        }
        let now = self.read(path)?;
        if let Some(file) = &now {
            self.check_spelling(path)?;
            if file.mode == FileMode::Symlink {
                return Err(Reason::Symlink.into());
            }
            if is_binary(&file.bytes) && edit.op != Op::Delete {
                return Err(Reason::Binary.into());
            }
        }
        self.work += (now.as_ref().map_or(0, |file| file.bytes.len()) + edit.source.len()) as u64;
        if self.work > self.most {
            return Err(Reason::TooMuch.into());
        }
        let text = now.as_ref().map(|file| std::str::from_utf8(&file.bytes).unwrap_or_default());
        let after = match &edit.op {
            Op::Delete if now.is_none() => return Err(Reason::Missing(self.names.similar(path)).into()),
            Op::Delete => None,
            Op::Write { content } => Some(written(text, content)),
            Op::Replace(replacement) => match replaced(text, replacement) {
                Ok(after) => Some(after),
                Err(Stop::Misfit(misfit)) if misfit.reason == Reason::Missing(Vec::new()) => {
                    return Err(Reason::Missing(self.names.similar(path)).into());
                }
                Err(stop) => return Err(stop),
            },
        };
        if after.as_deref() == text {
            return Ok(false);
        }
        if now.is_none() {
            self.names.check_creatable(path)?;
        }
        self.names.set(path, after.is_some());
        if let Some((before, now)) = self.files.get_mut(path) {
            let mode = now.as_ref().or(before.as_ref()).map_or(FileMode::Regular, |file| file.mode);
            *now = after.map(|text| FileState { mode, bytes: text.into_bytes() });
        }
        Ok(true)
    }

    /// Refuses an untracked path that is another spelling of a tracked one, as a file system that ignores case has it: what
    /// holds for the file holds for its own name only.
    fn check_spelling(&mut self, path: &RepoPath) -> Result<(), Reason> {
        let tree = self.tree;
        match self.names.spellings(path).find(|other| tree.is_same_file(path, other)) {
            Some(other) => Err(Reason::CaseCollision(other.to_string())),
            None => Ok(()),
        }
    }

    fn read(&mut self, path: &RepoPath) -> Result<Option<FileState>, Stop> {
        if let Some((_, now)) = self.files.get(path) {
            return Ok(now.clone());
        }
        let state = self.tree.read(path).map_err(|error| match error.kind() {
            io::ErrorKind::IsADirectory => Reason::Directory.into(),
            io::ErrorKind::NotADirectory => Reason::ParentIsFile("a part of the path".to_owned()).into(),
            _ => Stop::Io(error),
        })?;
        self.names.set(path, state.is_some());
        self.files.insert(path.clone(), (state.clone(), state.clone()));
        Ok(state)
    }
}

/// The whole content in the manner of the file that it replaces: its line ends, and with or without a last one.
fn written(old: Option<&str>, content: &str) -> String {
    match old {
        None | Some("") => content.to_owned(),
        Some(old) => {
            let file = File::new(old);
            let body = content.strip_prefix('\u{feff}').unwrap_or(content);
            let with = texts(body).into_iter().map(Into::into).collect();
            file.spliced(&Splice { at: 0, len: file.lines.len(), with })
        }
    }
}

fn replaced(old: Option<&str>, replacement: &Replacement) -> Result<String, Stop> {
    let old_lines = || old.into_iter().flat_map(texts);
    // The text between the markers may have been cut short at such a line.
    if let Some(at) = old_lines().position(|line| replacement.is_marker(line)) {
        return Err(Reason::Markers(at + 1).into());
    }
    // A search that has the divider's look-alike in it can only be meant for a file that has one. Whether it is found
    // there proves nothing: of a search with a slip in it, the part above the look-alike may still be found.
    if replacement.is_ambiguous() && replacement.has_divider(old_lines()) {
        return Err(Reason::Dividers.into());
    }
    let (search, replace) = replacement.parts();
    one_reading(old, search, replace).map_err(|misfit| Stop::Misfit(Box::new(misfit)))
}

fn one_reading(old: Option<&str>, search: &str, replace: &str) -> Result<String, Misfit> {
    let plain = |reason| Misfit { reason, nearest: None, already: None };
    if search.trim().is_empty() {
        return match old {
            None | Some("") => Ok(replace.to_owned()),
            Some(_) => Err(plain(Reason::Exists)),
        };
    }
    let Some(old) = old else { return Err(plain(Reason::Missing(Vec::new()))) };
    let file = File::new(old);
    let here = file.texts();
    let (search, replace) =
        (texts(search.strip_prefix('\u{feff}').unwrap_or(search)), texts(replace.strip_prefix('\u{feff}').unwrap_or(replace)));
    if search == replace {
        return Ok(old.to_owned());
    }
    match ladder::find(&here, &search, &replace) {
        Found::One(splice) => Ok(file.spliced(&splice)),
        Found::Many(places) => {
            let at = places.first().and_then(|at| region(&here, *at..at + search.len().min(10)));
            Err(Misfit { reason: Reason::Ambiguous(places.iter().map(|at| at + 1).collect()), nearest: at, already: None })
        }
        Found::Unsure(at) => {
            let nearest = region(&here, at..at + search.len());
            Err(Misfit { reason: Reason::Indentation(at + 1), nearest, already: None })
        }
        Found::None => Err(not_found(&here, &search, &replace)),
    }
}

fn not_found(here: &[&str], search: &[&str], replace: &[&str]) -> Misfit {
    let already = (replace.iter().any(|line| !line.trim().is_empty()))
        .then(|| ladder::places(here, replace).first().map(|at| at + 1))
        .flatten();
    if let [only] = search
        && let Some(at) = here.iter().position(|line| line.contains(only.trim()))
    {
        let nearest = region(here, at..at + 1);
        return Misfit { reason: Reason::PartialLine(at + 1), nearest, already };
    }
    let (nearest, differs) = nearest(here, search).unzip();
    Misfit { reason: Reason::NotFound(differs), nearest: nearest.flatten(), already }
}
