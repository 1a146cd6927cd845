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

/// Applies `edits` to the files of `tree`. Fails only if a file cannot be read.
pub fn apply(edits: &[Edit], tree: &dyn SourceTree, rules: &Rules) -> io::Result<Applied> {
    let mut world = World { tree, files: BTreeMap::new(), folded: None };
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
    /// Tracked paths by their lower-case form; made when the first file is created.
    folded: Option<BTreeMap<String, Vec<RepoPath>>>,
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
        if self.is_directory(path) {
            return Err(Reason::Directory.into());
        }
        let now = self.read(path)?;
        if let Some(file) = &now {
            if file.mode == FileMode::Symlink {
                return Err(Reason::Symlink.into());
            }
            if is_binary(&file.bytes) && edit.op != Op::Delete {
                return Err(Reason::Binary.into());
            }
        }
        let text = now.as_ref().map(|file| std::str::from_utf8(&file.bytes).unwrap_or_default());
        let after = match &edit.op {
            Op::Delete if now.is_none() => return Err(Reason::Missing(self.similar(path)).into()),
            Op::Delete => None,
            Op::Write { content } => Some(written(text, content)),
            Op::Replace(replacement) => match replaced(text, replacement) {
                Ok(after) => Some(after),
                Err(Stop::Misfit(misfit)) if misfit.reason == Reason::Missing(Vec::new()) => {
                    return Err(Reason::Missing(self.similar(path)).into());
                }
                Err(stop) => return Err(stop),
            },
        };
        if after.as_deref() == text {
            return Ok(false);
        }
        if now.is_none() {
            self.check_creatable(path)?;
        }
        if let Some((before, now)) = self.files.get_mut(path) {
            let mode = now.as_ref().or(before.as_ref()).map_or(FileMode::Regular, |file| file.mode);
            *now = after.map(|text| FileState { mode, bytes: text.into_bytes() });
        }
        Ok(true)
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
        self.files.insert(path.clone(), (state.clone(), state.clone()));
        Ok(state)
    }

    /// Whether `path` is a file after the edits so far, as far as the tracked paths tell.
    fn is_file(&self, path: &RepoPath) -> bool {
        self.files.get(path).map_or_else(|| self.tree.paths().binary_search(path).is_ok(), |(_, now)| now.is_some())
    }

    fn is_directory(&self, path: &RepoPath) -> bool {
        let inside = [path.as_bytes(), b"/"].concat();
        let tracked = self.tree.paths();
        let from = tracked.partition_point(|p| p.as_bytes() < inside.as_slice());
        tracked[from..].iter().take_while(|p| p.as_bytes().starts_with(&inside)).any(|p| self.is_file(p))
            || self.files.range(path.clone()..).any(|(p, (_, now))| p.as_bytes().starts_with(&inside) && now.is_some())
    }

    fn check_creatable(&mut self, path: &RepoPath) -> Result<(), Reason> {
        for part in path.as_bytes().split(|b| *b == b'/') {
            let part = String::from_utf8_lossy(part);
            if is_device(&part) {
                return Err(Reason::BadName("Windows keeps it for a device"));
            }
            if part.ends_with(['.', ' ']) {
                return Err(Reason::BadName("Windows drops a dot or space at the end of a name"));
            }
            if part.chars().any(char::is_control) {
                return Err(Reason::BadName("it has a control character"));
            }
        }
        let bytes = path.as_bytes();
        for (at, _) in bytes.iter().enumerate().filter(|(_, b)| **b == b'/') {
            if let Ok(parent) = RepoPath::new(&bytes[..at])
                && self.is_file(&parent)
            {
                return Err(Reason::ParentIsFile(parent.to_string()));
            }
        }
        let tracked = self.tree.paths();
        let folded = self.folded.get_or_insert_with(|| {
            let mut map: BTreeMap<String, Vec<RepoPath>> = BTreeMap::new();
            for path in tracked {
                map.entry(fold(path)).or_default().push(path.clone());
            }
            map
        });
        let key = fold(path);
        let same: Vec<RepoPath> = folded.get(&key).cloned().unwrap_or_default();
        let created = self.files.keys().filter(|other| fold(other) == key);
        if let Some(other) = same.iter().chain(created).find(|other| *other != path && self.is_file(other)) {
            return Err(Reason::CaseCollision(other.to_string()));
        }
        Ok(())
    }

    /// Tracked files of the same name.
    fn similar(&self, path: &RepoPath) -> Vec<String> {
        let name = path.file_name().to_ascii_lowercase();
        let same = |p: &&RepoPath| p.file_name().eq_ignore_ascii_case(&name) && *p != path && self.is_file(p);
        self.tree.paths().iter().filter(same).take(3).map(ToString::to_string).collect()
    }
}

fn fold(path: &RepoPath) -> String {
    String::from_utf8_lossy(path.as_bytes()).to_lowercase()
}

/// Whether Windows takes a file of this name, whatever its extension, for a device.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_uppercase();
    let numbered = ["COM", "LPT"].iter().any(|port| {
        stem.strip_prefix(port).is_some_and(|n| matches!(n, "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"))
    });
    numbered || ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str())
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
    if replacement.is_ambiguous() && old_lines().any(|line| replacement.is_divider(line)) {
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
            let at = places.first().map(|at| region(&here, *at..at + search.len().min(10)));
            Err(Misfit { reason: Reason::Ambiguous(places.iter().map(|at| at + 1).collect()), nearest: at, already: None })
        }
        Found::Unsure(at) => {
            let nearest = Some(region(&here, at..at + search.len()));
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
        let nearest = Some(region(here, at..at + 1));
        return Misfit { reason: Reason::PartialLine(at + 1), nearest, already };
    }
    let (nearest, differs) = nearest(here, search).unzip();
    Misfit { reason: Reason::NotFound(differs), nearest, already }
}
