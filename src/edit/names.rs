//! Which paths are files and which are directories after the edits so far, and which new ones can be created.
//!
//! Every question costs about as much as its path is long, however many edits came before.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::path::RepoPath;
use crate::base::text::is_unsafe_to_show;

use super::reject::Reason;

/// The longest path that every file system takes below a root of usual length, and the longest name in it; in bytes.
const LONGEST_PATH: usize = 1024;
const LONGEST_NAME: usize = 255;

/// Of tracked files with the name of one that is missing, so many are looked at.
const LOOKED_AT: usize = 100;

pub(super) struct Names<'t> {
    /// In byte order.
    tracked: &'t [RepoPath],
    /// Files that are not tracked.
    made: BTreeSet<Vec<u8>>,
    /// Tracked files that are gone.
    gone: BTreeSet<RepoPath>,
    /// How many of them are below a directory.
    gone_below: BTreeMap<Vec<u8>, usize>,
    /// The files by their lower-case form; made when the first one is created.
    folded: Option<BTreeMap<String, BTreeSet<RepoPath>>>,
    /// Places in `tracked` by lower-case file name; made when the first one is missing.
    by_name: Option<BTreeMap<Vec<u8>, Vec<usize>>>,
}

impl<'t> Names<'t> {
    pub(super) fn new(tracked: &'t [RepoPath]) -> Self {
        Self { tracked, made: BTreeSet::new(), gone: BTreeSet::new(), gone_below: BTreeMap::new(), folded: None, by_name: None }
    }

    /// Takes notice that `path` is a file now, or is none.
    pub(super) fn set(&mut self, path: &RepoPath, is_file: bool) {
        if self.is_tracked(path.as_bytes()) {
            let changed = if is_file { self.gone.remove(path) } else { self.gone.insert(path.clone()) };
            for directory in directories(path).filter(|_| changed) {
                let count = self.gone_below.entry(directory.to_owned()).or_default();
                *count = if is_file { *count - 1 } else { *count + 1 };
            }
        } else if is_file {
            self.made.insert(path.as_bytes().to_owned());
        } else {
            self.made.remove(path.as_bytes());
        }
        if let Some(folded) = &mut self.folded {
            let same = folded.entry(fold(path)).or_default();
            let _ = if is_file { same.insert(path.clone()) } else { same.remove(path) };
        }
    }

    fn is_tracked(&self, path: &[u8]) -> bool {
        self.tracked.binary_search_by(|known| known.as_bytes().cmp(path)).is_ok()
    }

    /// A path that is longer than this and not tracked is no file: to look for it, or to create it, may be an error of the system.
    pub(super) fn check_length(&self, path: &RepoPath) -> Result<(), Reason> {
        let path = path.as_bytes();
        let long = path.len() > LONGEST_PATH || path.split(|b| *b == b'/').any(|part| part.len() > LONGEST_NAME);
        if long && !self.is_tracked(path) { Err(Reason::BadName("it is longer than file systems take")) } else { Ok(()) }
    }

    /// Whether `path` is a file, as far as the tracked paths and the edits tell.
    fn is_file(&self, path: &[u8]) -> bool {
        self.made.contains(path) || (self.is_tracked(path) && !self.gone.contains(path))
    }

    pub(super) fn is_directory(&self, path: &RepoPath) -> bool {
        let inside = [path.as_bytes(), b"/"].concat();
        let from = self.tracked.partition_point(|known| known.as_bytes() < inside.as_slice());
        let tracked = self.tracked[from..].partition_point(|known| known.as_bytes().starts_with(&inside));
        tracked > self.gone_below.get(path.as_bytes()).copied().unwrap_or_default()
            || self.made.range(inside.clone()..).next().is_some_and(|made| made.starts_with(&inside))
    }

    /// Whether a file can be created at `path`, where there is none.
    pub(super) fn check_creatable(&mut self, path: &RepoPath) -> Result<(), Reason> {
        for part in path.as_bytes().split(|b| *b == b'/') {
            let part = String::from_utf8_lossy(part);
            if is_device(&part) {
                return Err(Reason::BadName("Windows keeps it for a device"));
            }
            if part.ends_with(['.', ' ']) {
                return Err(Reason::BadName("Windows drops a dot or space at the end of a name"));
            }
            if part.chars().any(|c| char::is_control(c) || is_unsafe_to_show(c)) {
                return Err(Reason::BadName("it has a control character"));
            }
        }
        if let Some(parent) = directories(path).find(|directory| self.is_file(directory)) {
            return Err(Reason::ParentIsFile(
                RepoPath::new(parent).map_or_else(|why| why.to_string(), |parent| parent.to_string()),
            ));
        }
        match self.folded().get(&fold(path)).and_then(|same| same.iter().find(|other| *other != path)) {
            Some(other) => Err(Reason::CaseCollision(other.to_string())),
            None => Ok(()),
        }
    }

    /// Other files whose paths differ from this one, which is not tracked, in case only.
    pub(super) fn spellings<'s>(&'s mut self, path: &'s RepoPath) -> impl Iterator<Item = &'s RepoPath> {
        let tracked = self.is_tracked(path.as_bytes());
        let same = self.folded().get(&fold(path)).filter(|_| !tracked);
        same.into_iter().flatten().filter(move |other| *other != path)
    }

    fn folded(&mut self) -> &BTreeMap<String, BTreeSet<RepoPath>> {
        let Self { tracked, made, gone, folded, .. } = self;
        folded.get_or_insert_with(|| {
            let made = made.iter().filter_map(|path| RepoPath::new(path.as_slice()).ok());
            let mut map: BTreeMap<String, BTreeSet<RepoPath>> = BTreeMap::new();
            for path in tracked.iter().filter(|path| !gone.contains(*path)).cloned().chain(made) {
                map.entry(fold(&path)).or_default().insert(path);
            }
            map
        })
    }

    /// Tracked files of the same name.
    pub(super) fn similar(&mut self, path: &RepoPath) -> Vec<String> {
        self.same_name(path).take(3).map(ToString::to_string).collect()
    }

    /// Tracked files whose paths end with this one, below some directory.
    pub(super) fn below(&mut self, path: &RepoPath) -> Vec<RepoPath> {
        let tail = [b"/", path.as_bytes()].concat();
        self.same_name(path).filter(|other| other.as_bytes().ends_with(&tail)).take(3).cloned().collect()
    }

    fn same_name<'s>(&'s mut self, path: &'s RepoPath) -> impl Iterator<Item = &'s RepoPath> {
        let tracked = self.tracked;
        let by_name = self.by_name.get_or_insert_with(|| {
            let mut map: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
            for (at, path) in tracked.iter().enumerate() {
                map.entry(path.file_name().to_ascii_lowercase()).or_default().push(at);
            }
            map
        });
        let same = by_name.get(&path.file_name().to_ascii_lowercase()).map_or(&[][..], Vec::as_slice);
        let gone = &self.gone;
        same.iter().take(LOOKED_AT).map(|at| &tracked[*at]).filter(move |other| *other != path && !gone.contains(*other))
    }
}

/// The directories on the way to `path`, the outermost first.
fn directories(path: &RepoPath) -> impl Iterator<Item = &[u8]> {
    let bytes = path.as_bytes();
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &bytes[..at])
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
