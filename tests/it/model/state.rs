//! What a repository holds at one moment, read with git and the file system alone.
//!
//! Invariants
//! - Nothing of the program under test is asked here.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::world::World;

/// A file: its mode as git writes it, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) mode: String,
    pub(super) bytes: Vec<u8>,
}

impl File {
    /// Its lines with their ends, and how often each is there.
    pub(super) fn lines(&self) -> BTreeMap<String, i64> {
        let mut lines = BTreeMap::new();
        for line in String::from_utf8_lossy(&self.bytes).split_inclusive('\n') {
            *lines.entry(line.to_owned()).or_default() += 1;
        }
        lines
    }

    /// Whether all of its lines that have an end have `\r\n`, and there is one.
    pub(super) fn crlf(&self) -> bool {
        let ends: BTreeSet<bool> =
            self.bytes.split_inclusive(|b| *b == b'\n').filter(|l| l.ends_with(b"\n")).map(|l| l.ends_with(b"\r\n")).collect();
        ends == BTreeSet::from([true])
    }

    /// Its last line without its end, and whether it has one.
    pub(super) fn last(&self) -> (&[u8], bool) {
        let line = self.bytes.split_inclusive(|b| *b == b'\n').next_back().unwrap_or_default();
        let text = line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
        (text, text.len() < line.len())
    }
}

/// A path in the worktree, in the index and in HEAD.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) worktree: Option<File>,
    pub(super) index: Option<File>,
    pub(super) head: Option<File>,
}

/// A repository at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) places: BTreeMap<String, Place>,
    /// HEAD's commit.
    pub(super) commit: String,
    /// What HEAD names.
    pub(super) branch: String,
    /// All refs but the branch and ours.
    pub(super) refs: BTreeMap<String, String>,
    /// Paths of which git says that the file differs from the index.
    pub(super) unstaged: BTreeSet<String>,
    /// Whether a path is in conflict.
    pub(super) conflicted: bool,
}

/// Reads states; keeps the blobs that it has seen.
#[derive(Default)]
pub(super) struct Reader {
    blobs: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl Reader {
    pub(super) fn read(&self, world: &World) -> State {
        let mut places: BTreeMap<String, Place> = BTreeMap::new();
        let mut conflicted = false;
        let (mut index, mut head) = (Vec::new(), Vec::new());
        for line in world.git(&["ls-files", "-s", "-z"]).split_terminator('\0') {
            let (about, path) = line.split_once('\t').expect("a tab");
            let words: Vec<&str> = about.split(' ').collect();
            conflicted |= words[2] != "0";
            index.push((path.to_owned(), words[0].to_owned(), words[1].to_owned()));
        }
        for line in world.git(&["ls-tree", "-r", "-z", "HEAD"]).split_terminator('\0') {
            let (about, path) = line.split_once('\t').expect("a tab");
            let words: Vec<&str> = about.split(' ').collect();
            head.push((path.to_owned(), words[0].to_owned(), words[2].to_owned()));
        }
        self.fetch(world, index.iter().chain(&head).map(|(_, _, id)| id));
        let blobs = self.blobs.borrow();
        let file = |mode: String, id: &str| Some(File { mode, bytes: blobs[id].clone() });
        for (path, mode, id) in index {
            places.entry(path).or_default().index = file(mode, &id);
        }
        for (path, mode, id) in head {
            places.entry(path).or_default().head = file(mode, &id);
        }
        walk(world, "", &mut places);
        let all = world.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let mut refs: BTreeMap<String, String> =
            all.lines().filter_map(|l| l.split_once(' ')).map(|(n, o)| (n.to_owned(), o.to_owned())).collect();
        let head = world.read(".git/HEAD");
        let branch = head.trim().strip_prefix("ref: ").unwrap_or_default().to_owned();
        let commit = refs.remove(&branch).unwrap_or_else(|| head.trim().to_owned());
        refs.retain(|name, _| !name.starts_with("refs/retort/"));
        let unstaged = world.git(&["diff", "--name-only", "-z"]).split_terminator('\0').map(str::to_owned).collect();
        State { places, commit, branch, refs, unstaged, conflicted }
    }

    /// The text files of the worktree, in name order.
    pub(super) fn texts(world: &World) -> Vec<String> {
        let mut places = BTreeMap::new();
        walk(world, "", &mut places);
        texts(&places)
    }

    fn fetch<'a>(&self, world: &World, ids: impl Iterator<Item = &'a String>) {
        let mut blobs = self.blobs.borrow_mut();
        let missing: BTreeSet<&String> = ids.filter(|id| !blobs.contains_key(*id)).collect();
        let input = missing.iter().map(|id| format!("{id}\n")).collect::<Vec<_>>().concat();
        if input.is_empty() {
            return;
        }
        let raw = world.try_git(&["cat-file", "--batch"], input.as_bytes()).raw;
        let mut rest = &raw[..];
        while !rest.is_empty() {
            let end = rest.iter().position(|b| *b == b'\n').expect("a head line");
            let head = String::from_utf8_lossy(&rest[..end]).into_owned();
            let words: Vec<&str> = head.split(' ').collect();
            assert_eq!(words[1], "blob", "{head}");
            let size: usize = words[2].parse().expect("a size");
            blobs.insert(words[0].to_owned(), rest[end + 1..end + 1 + size].to_vec());
            rest = &rest[end + size + 2..];
        }
    }
}

fn walk(world: &World, directory: &str, places: &mut BTreeMap<String, Place>) {
    for entry in std::fs::read_dir(world.repo().join(directory)).expect("a directory") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("text");
        let path = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
        let meta = entry.path().symlink_metadata().expect("it is there");
        if meta.is_dir() {
            if name != ".git" {
                walk(world, &path, places);
            }
            continue;
        }
        let (mode, bytes) = if meta.is_symlink() {
            ("120000", std::fs::read_link(entry.path()).expect("a link").as_os_str().as_bytes().to_vec())
        } else {
            let mode = if meta.permissions().mode() & 0o100 == 0 { "100644" } else { "100755" };
            (mode, std::fs::read(entry.path()).expect("a file"))
        };
        places.entry(path).or_default().worktree = Some(File { mode: mode.to_owned(), bytes });
    }
}

fn texts(places: &BTreeMap<String, Place>) -> Vec<String> {
    let text = |p: &Place| p.worktree.as_ref().is_some_and(|f| f.mode != "120000" && !f.bytes.contains(&0));
    places.iter().filter(|(_, p)| text(p)).map(|(path, _)| path.clone()).collect()
}

impl State {
    pub(super) fn place(&self, path: &str) -> Place {
        self.places.get(path).cloned().unwrap_or_default()
    }

    /// The text files of the worktree, in name order.
    pub(super) fn texts(&self) -> Vec<String> {
        texts(&self.places)
    }

    /// What git says about the worktree is what is there: an index entry that looks fresh and is not would hide work.
    pub(super) fn check_index(&self) -> Result<(), String> {
        if self.conflicted {
            return Ok(());
        }
        let differs = |p: &&Place| p.index.is_some() && p.index != p.worktree;
        let expected: BTreeSet<String> = self.places.iter().filter(|(_, p)| differs(p)).map(|(path, _)| path.clone()).collect();
        if expected == self.unstaged { Ok(()) } else { Err(format!("git diff names {:?}, not {expected:?}", self.unstaged)) }
    }
}
