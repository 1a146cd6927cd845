//! Which models lie on this machine.
//!
//! Invariants
//! - A file is one row, wherever it is seen: by what it is on the disk, and by the hash of its content where a cache says it.
//! - The parts of a split model are one row.
//! - Nothing here is an error: what cannot be read is said beside what was found.

mod layout;
pub mod places;
mod walk;

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::gguf::{self, Gguf, Kind};
use places::{Owner, Place};
use walk::{File, Walk};

/// A model, or what belongs to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is called in commands: the file's name without its end, or Ollama's name.
    pub name: String,
    /// The repository or directory that it is from.
    pub of: String,
    /// The file to load; of a split model the first one.
    pub path: PathBuf,
    /// All its files together.
    pub bytes: u64,
    /// How many files it should have.
    pub parts: u32,
    /// Where it was seen.
    pub owners: Vec<Owner>,
    /// What its head says, else why it cannot be used.
    pub facts: Result<Gguf, String>,
}

impl Found {
    /// Whether a server can be started for it.
    pub fn can_be_served(&self) -> bool {
        matches!(&self.facts, Ok(facts) if facts.kind == Kind::Model)
    }

    /// The name together with where it is from.
    pub fn full_name(&self) -> String {
        if self.of.is_empty() { self.name.clone() } else { format!("{}/{}", self.of, self.name) }
    }
}

/// What was found, in the order of the places, and what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    pub models: Vec<Found>,
    pub notices: Vec<String>,
}

/// A file with where it was seen.
struct Listed {
    owner: Owner,
    of: String,
    /// Its name, where the place has another one than that of the file.
    name: Option<String>,
    file: File,
}

/// Looks into the places. `notices` is what there is to say about them already.
pub fn scan(places: &[Place], notices: Vec<String>) -> Scan {
    let mut walk = Walk::new(notices);
    let mut models: Vec<Found> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for place in places {
        if place.owner == Owner::Configured && !place.path.is_dir() {
            walk.notices.push(format!("{}: there is no such directory (model.paths)", place.path.display()));
        }
        for group in grouped(layout::look(place.owner, &place.path, &mut walk)) {
            let keys = group.keys();
            if let Some(at) = keys.iter().find_map(|key| known.get(key)).copied() {
                let owners = &mut models[at].owners;
                if !owners.contains(&group.owner) {
                    owners.push(group.owner);
                }
                known.extend(keys.into_iter().map(|key| (key, at)));
            } else {
                known.extend(keys.into_iter().map(|key| (key, models.len())));
                models.push(group.found());
            }
        }
    }
    Scan { models, notices: walk.notices }
}

/// The model of one file that the user named. Of a split one that is the first part, and the others lie beside it.
pub fn one(path: &Path) -> std::io::Result<Found> {
    let meta = fs::metadata(path)?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let listed = |path: &Path, meta: &fs::Metadata| Listed {
        owner: Owner::Configured,
        of: String::new(),
        name: None,
        file: File::of(path, directory, meta),
    };
    let stem = stem(path);
    let Some((base, _, total)) = split(&stem) else { return Ok(Group::new(listed(path, &meta)).found()) };
    let names = (1..=total.min(MOST_PARTS)).map(|part| directory.join(format!("{base}-{part:05}-of-{total:05}.gguf")));
    let all = names.filter_map(|name| fs::metadata(&name).ok().map(|meta| listed(&name, &meta))).collect();
    grouped(all).pop().map(Group::found).ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

/// The most parts that a model is looked for in.
const MOST_PARTS: u32 = 999;

/// A model's files.
struct Group {
    owner: Owner,
    of: String,
    name: String,
    total: u32,
    /// By number, from 1.
    parts: BTreeMap<u32, File>,
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// `NAME-00001-of-00003` taken apart.
fn split(stem: &str) -> Option<(&str, u32, u32)> {
    let number = |text: &str| (text.len() == 5).then(|| text.parse::<u32>().ok()).flatten();
    let (rest, total) = stem.rsplit_once("-of-")?;
    let (base, part) = rest.rsplit_once('-')?;
    let (part, total) = (number(part)?, number(total)?);
    (1..=total).contains(&part).then_some((base, part, total))
}

fn grouped(files: Vec<Listed>) -> Vec<Group> {
    let mut out: Vec<Group> = Vec::new();
    let mut begun: BTreeMap<(Option<PathBuf>, String, u32), usize> = BTreeMap::new();
    for listed in files {
        let own = stem(&listed.file.path);
        let Some((base, part, total)) = split(&own).filter(|_| listed.name.is_none()) else {
            out.push(Group::new(listed));
            continue;
        };
        let at = *begun.entry((listed.file.path.parent().map(Path::to_owned), base.to_owned(), total)).or_insert(out.len());
        if at == out.len() {
            out.push(Group { owner: listed.owner, of: listed.of, name: base.to_owned(), total, parts: BTreeMap::new() });
        }
        out[at].parts.insert(part, listed.file);
    }
    out
}

impl Group {
    fn new(listed: Listed) -> Self {
        let name = listed.name.unwrap_or_else(|| stem(&listed.file.path));
        Self { owner: listed.owner, of: listed.of, name, total: 1, parts: [(1, listed.file)].into() }
    }

    /// What another sight of the same model has in common with this one.
    fn keys(&self) -> Vec<String> {
        let first = self.parts.values().next();
        let node = first.map(|file| format!("node {} {}", file.node.0, file.node.1));
        let digest = first.and_then(|file| file.digest.as_ref()).map(|digest| format!("sha256 {digest}"));
        node.into_iter().chain(digest).collect()
    }

    fn found(self) -> Found {
        let bytes = self.parts.values().map(|file| file.bytes).sum();
        let there = self.parts.len();
        let missing = usize::try_from(self.total).unwrap_or(usize::MAX).saturating_sub(there);
        let path = self.parts.values().next().map(|file| file.path.clone()).unwrap_or_default();
        let facts = match missing {
            0 => head(&path),
            missing => Err(format!("{missing} of its {} files are missing", self.total)),
        };
        let facts = facts.map(|facts| {
            // Older converters leave the kind out.
            let named = self.name.to_lowercase().starts_with("mmproj");
            Gguf { kind: if named { Kind::Projector } else { facts.kind }, ..facts }
        });
        Found { name: self.name, of: self.of, path, bytes, parts: self.total, owners: vec![self.owner], facts }
    }
}

fn head(path: &Path) -> Result<Gguf, String> {
    let file = fs::File::open(path).map_err(|why| format!("it cannot be read: {why}"))?;
    gguf::read(BufReader::with_capacity(1 << 16, file)).map_err(|why| why.to_string())
}

/// Which model somebody means.
#[derive(Debug, PartialEq, Eq)]
pub enum Meant<'a> {
    One(&'a Found),
    /// Several, by their full names.
    Several(Vec<String>),
    /// It is one that no server can be started for.
    Not(&'a Found),
    None,
}

/// The model of this name, else the only one with this text in its full name.
pub fn meant<'a>(models: &'a [Found], written: &str) -> Meant<'a> {
    let lower = written.to_lowercase();
    let tests: [&dyn Fn(&Found) -> bool; 3] = [&|model| model.full_name() == written, &|model| model.name == written, &|model| {
        model.full_name().to_lowercase().contains(&lower)
    }];
    for test in tests {
        let all: Vec<&Found> = models.iter().filter(|model| test(model)).collect();
        let fit: Vec<&Found> = all.iter().copied().filter(|model| model.can_be_served()).collect();
        match (&fit[..], &all[..]) {
            ([one], _) => return Meant::One(one),
            ([], [one, ..]) => return Meant::Not(one),
            ([], []) => {}
            (several, _) => return Meant::Several(several.iter().map(|model| model.full_name()).collect()),
        }
    }
    Meant::None
}

#[cfg(test)]
mod tests;
