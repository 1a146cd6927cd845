//! Turns: the commits of all chains, each once, from its root on.
//!
//! Invariants
//! - Going down a chain, what is known of the turns above is kept once and taken back on the way to the next branch: which
//!   turn holds which request part, and the digest of the last request after each of its parts.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::agent::store::{Link, Store, StoreError};
use crate::base::hash::{Hasher, Sha256};
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::process::fault::Faults;
use crate::session::codec::{self, DecodeError};
use crate::session::request::Encoding;
use crate::session::turn::{FileStat, FileStatus, Header, RequestDigest, Turn, TurnKind};
use crate::vcs::git::Inspected;
use crate::vcs::{Backend as _, Signature, VcsError};

use super::super::Error;
use super::problem::{Place, Problem};
use super::{Check, Extent};

/// A commit of a chain.
struct Node {
    commit: Inspected,
    /// A ref that leads to it.
    reference: usize,
    children: Vec<Oid>,
}

/// What lies above the first commit of a chain that is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Above {
    Nothing,
    /// Turns that the clone does not have.
    Shallow,
    /// Turns that are lost.
    Lost,
}

/// A request's parts in order, and its digest after each of them.
#[derive(Clone, Default)]
struct Known {
    entries: Vec<(Sha256, u64, Encoding)>,
    after: Vec<Hasher>,
}

/// The turn above.
#[derive(Clone, Copy)]
struct Before {
    key: TurnKey,
    session: SessionId,
    seq: u64,
}

enum Step {
    Enter {
        commit: Oid,
        before: Option<Before>,
        known: Rc<Known>,
    },
    /// Back above a turn that held these parts.
    Leave(Vec<Sha256>),
}

/// What is counted for a ref and said once.
#[derive(Default)]
struct Counts {
    code: u64,
    first_code: Option<Oid>,
    not_fetched: u64,
}

struct Chains<'c, 'a> {
    check: &'c mut Check<'a>,
    refs: &'c [(&'c str, Oid, SessionId)],
    /// The refs of each commit that has some.
    tips: BTreeMap<Oid, Vec<usize>>,
    nodes: BTreeMap<Oid, Node>,
    /// The trees that hold each part along the present chain, the nearest last.
    holders: BTreeMap<Sha256, Vec<Oid>>,
    /// Parts that were said to be missing or damaged.
    bad_parts: BTreeSet<Sha256>,
    above: Above,
    /// Requests that cannot be put together because of what lies above.
    cut: u64,
    /// What commits of the user's code are; `None`: not here.
    code: BTreeMap<Oid, Option<String>>,
    counts: BTreeMap<usize, Counts>,
    exchanges: Vec<(Place, TurnKind, TurnKey)>,
    forks: Vec<(Place, TurnKey)>,
}

impl Check<'_> {
    /// Verifies the chains that end at these refs.
    pub(super) fn chains(&mut self, refs: &[(&str, Oid, SessionId)]) -> Result<(), Error> {
        self.report.sessions = refs.iter().map(|(_, _, id)| id).collect::<BTreeSet<_>>().len() as u64;
        let mut tips: BTreeMap<Oid, Vec<usize>> = BTreeMap::new();
        refs.iter().enumerate().for_each(|(at, (_, tip, _))| tips.entry(*tip).or_default().push(at));
        let mut chains = Chains {
            check: self,
            refs,
            tips,
            nodes: BTreeMap::new(),
            holders: BTreeMap::new(),
            bad_parts: BTreeSet::new(),
            above: Above::Nothing,
            cut: 0,
            code: BTreeMap::new(),
            counts: BTreeMap::new(),
            exchanges: Vec::new(),
            forks: Vec::new(),
        };
        for (root, above) in chains.gather() {
            chains.walk(root, above)?;
        }
        chains.last();
        Ok(())
    }
}

impl Chains<'_, '_> {
    fn place(&self, commit: Oid, key: Option<TurnKey>) -> Place {
        let name = self.nodes.get(&commit).and_then(|node| self.refs.get(node.reference)).map(|(name, ..)| (*name).to_owned());
        Place { reference: name, turn: key, commit: Some(commit), path: None }
    }

    /// Reads all commits; gives the first ones, and what lies above each.
    fn gather(&mut self) -> Vec<(Oid, Above)> {
        let mut roots = Vec::new();
        for (at, (name, tip, _)) in self.refs.iter().enumerate() {
            let (mut next, mut child) = (Some(*tip), None::<Oid>);
            while let Some(id) = next {
                if let Some(node) = self.nodes.get_mut(&id) {
                    node.children.extend(child);
                    break;
                }
                let read = self.check.git.inspect(id);
                let commit = match read {
                    Ok(Some(commit)) => commit,
                    Ok(None) => {
                        // A ref's own commit was looked at before.
                        let Some(child) = child else { break };
                        let cut = self.check.shallow.contains(&child);
                        if !cut {
                            self.check.found(self.place(child, None), Problem::ParentMissing(id));
                        }
                        roots.push((child, if cut { Above::Shallow } else { Above::Lost }));
                        break;
                    }
                    Err(error) => {
                        let place = Place { reference: Some((*name).to_owned()), commit: Some(id), ..Place::default() };
                        self.check.found(place, Problem::Read(error.to_string()));
                        roots.extend(child.map(|child| (child, Above::Lost)));
                        break;
                    }
                };
                next = commit.raw.parents.first().copied();
                if next.is_none() {
                    roots.push((id, Above::Nothing));
                }
                self.nodes.insert(id, Node { commit, reference: at, children: child.into_iter().collect() });
                child = Some(id);
            }
        }
        roots
    }

    fn walk(&mut self, root: Oid, above: Above) -> Result<(), Error> {
        (self.above, self.cut) = (above, 0);
        let mut steps = vec![Step::Enter { commit: root, before: None, known: Rc::default() }];
        while let Some(step) = steps.pop() {
            match step {
                Step::Leave(labels) => {
                    for label in labels {
                        self.holders.get_mut(&label).map(Vec::pop);
                    }
                }
                Step::Enter { commit, before, known } => {
                    let Some(node) = self.nodes.get_mut(&commit) else { continue };
                    let children = std::mem::take(&mut node.children);
                    let inspected = node.commit.clone();
                    self.check.report.turns += 1;
                    let labels = self.hold(inspected.raw.tree);
                    steps.push(Step::Leave(labels));
                    let (here, known) = self.turn(&inspected, before, known)?;
                    for child in children {
                        steps.push(Step::Enter { commit: child, before: here, known: Rc::clone(&known) });
                    }
                }
            }
        }
        if above == Above::Shallow {
            let problem = Problem::Shallow { requests: self.cut };
            self.check.found(self.place(root, None), problem);
        }
        Ok(())
    }

    /// Notes the parts that a turn holds.
    fn hold(&mut self, tree: Oid) -> Vec<Sha256> {
        // What cannot be listed is said when the turn is read.
        let names = self.check.git.list(tree, "request/parts").unwrap_or_default();
        let labels: Vec<Sha256> = names.iter().filter_map(|name| name.parse().ok()).collect();
        for label in &labels {
            self.holders.entry(*label).or_default().push(tree);
        }
        labels
    }

    /// Verifies one turn; gives what the next one is compared with.
    fn turn(&mut self, commit: &Inspected, before: Option<Before>, known: Rc<Known>) -> Result<(Option<Before>, Rc<Known>), Error> {
        let id = commit.raw.id;
        let header = match codec::decode_header(&commit.raw.message) {
            Ok(header) => header,
            Err(error) => {
                self.check.found(self.place(id, None), undecoded(&error));
                return Ok((None, known));
            }
        };
        let place = self.place(id, Some(header.key));
        self.header(commit, &header, before, &place);
        self.code(&header, &place);
        let here = Some(Before { key: header.key, session: header.session, seq: header.seq });
        let link = Link { commit: id, tree: commit.raw.tree, parent: commit.raw.parents.first().copied(), header };
        let faults = Faults::default();
        let known = match Store::new(self.check.git, &faults).turn(&link) {
            Ok(turn) => {
                self.check.report.bytes += size(&turn);
                self.tree(&link, &turn, &place)?;
                self.request(&turn, &place, known)
            }
            Err(StoreError::Decode { source, .. }) => {
                self.check.found(place, undecoded(&source));
                known
            }
            Err(StoreError::Vcs(VcsError::NotFetched(_))) => {
                self.counted(id).not_fetched += 1;
                known
            }
            Err(error) => {
                self.check.found(place, Problem::Read(error.to_string()));
                known
            }
        };
        Ok((here, known))
    }

    fn counted(&mut self, commit: Oid) -> &mut Counts {
        let reference = self.nodes.get(&commit).map_or(0, |node| node.reference);
        self.counts.entry(reference).or_default()
    }

    /// What the commit says about itself, and what it stands behind.
    fn header(&mut self, commit: &Inspected, header: &Header, before: Option<Before>, place: &Place) {
        let mut problems = Vec::new();
        if commit.raw.parents.len() > 1 {
            problems.push(Problem::Parents(commit.raw.parents.len()));
        }
        let first = commit.raw.parents.is_empty();
        let should = before.map(|b| b.seq.saturating_add(1)).or(first.then_some(1));
        if let Some(should) = should.filter(|should| *should != header.seq) {
            problems.push(Problem::Seq { is: header.seq, should });
        }
        problems.extend(wrong_committer(&commit.committer, header.seq));
        match self.check.keys.insert(header.key, commit.raw.id) {
            Some(other) if other != commit.raw.id => problems.push(Problem::KeyTwice(other)),
            _ => {}
        }
        match (header.forked_from, before) {
            (Some(fork), Some(before)) if fork.turn != before.key => {
                problems.push(Problem::ForkParent { says: fork.turn, is: before.key });
            }
            (Some(fork), None) => self.forks.push((place.clone(), fork.turn)),
            (None, Some(before)) if before.session != header.session => problems.push(Problem::ForkUnsaid),
            _ => {}
        }
        for (name, tip, session) in self.tips.get(&commit.raw.id).into_iter().flatten().filter_map(|at| self.refs.get(*at)) {
            if *session != header.session {
                let place = Place { reference: Some((*name).to_owned()), commit: Some(*tip), ..Place::default() };
                self.check.found(place, Problem::RefSession(header.session));
            }
        }
        if header.exchange != header.key {
            self.exchanges.push((place.clone(), header.kind, header.exchange));
        }
        self.check.found_all(place, problems);
    }

    /// The commits of the user's code that the turn names.
    fn code(&mut self, header: &Header, place: &Place) {
        let mut lost = None;
        for id in [header.base, header.commit].into_iter().flatten() {
            if !self.code.contains_key(&id) {
                let kind = self.check.git.kind(id).unwrap_or_else(|error| {
                    self.check.found(place.clone(), Problem::Read(error.to_string()));
                    Some("commit".to_owned())
                });
                self.code.insert(id, kind);
            }
            let kind = self.code.get(&id).cloned().flatten();
            match kind {
                None => lost = lost.or(Some(id)),
                Some(kind) if kind != "commit" => self.check.found(place.clone(), Problem::CodeKind { id, kind }),
                Some(_) => {}
            }
        }
        if let (Some(id), Some(commit)) = (lost, place.commit) {
            let counts = self.counted(commit);
            counts.code += 1;
            counts.first_code.get_or_insert(id);
        }
    }

    /// What the tree says twice, and files in it that nothing names.
    fn tree(&mut self, link: &Link, turn: &Turn, place: &Place) -> Result<(), Error> {
        let mut problems = Vec::new();
        let raw = self.check.git.file(link.tree, "turn.json")?.unwrap_or_default();
        match codec::disagreements(&link.header, &raw) {
            Ok(keys) if keys.is_empty() => {}
            Ok(keys) => problems.push(Problem::TurnJson(keys)),
            Err(error) => problems.push(Problem::Decode(error.to_string())),
        }
        let top = self.check.git.list(link.tree, "")?;
        let has = |name: &str| top.iter().any(|n| n == name);
        let unnamed = [
            ("request", turn.request.is_none()),
            ("response", turn.response.is_none()),
            ("edits", turn.edits == crate::session::turn::StoredEdits::default()),
        ];
        problems.extend(unnamed.into_iter().filter(|(name, none)| *none && has(name)).map(|(name, _)| Problem::Unnamed(name)));
        match (link.header.request, &turn.request) {
            (Some(_), None) => problems.push(Problem::RequestMissing),
            (None, Some(_)) => problems.push(Problem::RequestUnsaid),
            _ => {}
        }
        // How many lines changed is said in both blocks of trailers, which were compared.
        let mut changes = crate::base::change::ChangeSet::default();
        turn.edits.changes.iter().for_each(|c| changes.record(c.path.clone(), c.before.clone(), c.after.clone()));
        let named = |file: &&FileStat| changes.get(&file.path).is_some_and(|change| FileStatus::of(change) == file.status);
        problems.extend(link.header.files.iter().filter(|file| !named(file)).map(|file| Problem::Files(file.path.to_string())));
        self.check.found_all(place, problems);
        Ok(())
    }

    /// Puts the request together and compares it with what was sent. A part that stands where it stood in the request before
    /// is not read again: the digest goes on from there.
    fn request(&mut self, turn: &Turn, place: &Place, known: Rc<Known>) -> Rc<Known> {
        let (Some(request), Some(sent)) = (&turn.request, turn.header.request) else { return known };
        let mut known = Rc::unwrap_or_clone(known);
        let entries = &request.manifest.entries;
        let same = known.entries.iter().zip(entries).take_while(|(old, e)| **old == (e.label, e.length, e.encoding)).count();
        known.entries.truncate(same);
        known.after.truncate(same);
        let mut hasher = known.after.last().cloned().unwrap_or_default();
        let mut encoded = Vec::new();
        for entry in &entries[same..] {
            let Some(bytes) = self.part(entry.label, request.parts.get(&entry.label), place) else { return Rc::new(known) };
            if bytes.len() as u64 != entry.length {
                self.check.found(place.clone(), Problem::PartLength(entry.label));
            }
            encoded.clear();
            entry.encoding.encode_into(&mut encoded, &bytes);
            hasher.update(&encoded);
            known.entries.push((entry.label, entry.length, entry.encoding));
            known.after.push(hasher.clone());
        }
        let (sha256, length) = hasher.digest();
        let is = RequestDigest { sha256, length };
        if is != sent {
            self.check.found(place.clone(), Problem::Body { is, sent });
        }
        Rc::new(known)
    }

    /// The bytes of a request part; `None` when they are not to be had, which is then said.
    fn part(&mut self, label: Sha256, own: Option<&Vec<u8>>, place: &Place) -> Option<Vec<u8>> {
        if let Some(bytes) = own {
            return Some(bytes.clone());
        }
        if self.bad_parts.contains(&label) {
            return None;
        }
        let Some(tree) = self.holders.get(&label).and_then(|trees| trees.last()).copied() else {
            if self.above == Above::Nothing {
                self.bad_parts.insert(label);
                self.check.found(place.clone(), Problem::PartMissing(label));
            } else {
                self.cut += 1;
            }
            return None;
        };
        match self.check.git.file(tree, &format!("request/parts/{label}")) {
            Ok(Some(bytes)) if Sha256::of(&bytes) == label => Some(bytes),
            // That was said of the turn that holds it.
            _ => {
                self.bad_parts.insert(label);
                None
            }
        }
    }

    /// What can be said only when every turn was read, and what is said once for a ref.
    fn last(self) {
        let Self { check, refs, counts, exchanges, forks, .. } = self;
        let all = matches!(check.extent, Extent::All { .. });
        for (place, kind, exchange) in exchanges {
            if !check.keys.contains_key(&exchange) && (all || kind == TurnKind::Turn) {
                let cut = !check.shallow.is_empty();
                let problem = match kind {
                    TurnKind::Turn if !cut => Problem::ExchangeMissing(exchange),
                    _ => Problem::ExchangeElsewhere(exchange),
                };
                check.found(place, problem);
            }
        }
        for (place, turn) in forks {
            if all && !check.keys.contains_key(&turn) {
                check.found(place, Problem::ForkMissing(turn));
            }
        }
        for (at, counts) in counts {
            let place = refs.get(at).map(|(name, ..)| Place::reference(name)).unwrap_or_default();
            if let Some(first) = counts.first_code {
                check.found(place.clone(), Problem::CodeMissing { turns: counts.code, first });
            }
            if counts.not_fetched > 0 {
                check.found(place, Problem::NotFetched { turns: counts.not_fetched });
            }
        }
    }
}

fn undecoded(error: &DecodeError) -> Problem {
    match error {
        DecodeError::Version(_) => Problem::Version(error.to_string()),
        _ => Problem::Decode(error.to_string()),
    }
}

/// Whether another than retort committed it, or with another date than that of its depth.
pub(super) fn wrong_committer(is: &Signature, depth: u64) -> Option<Problem> {
    let should = Signature::retort(depth);
    let shown = |s: &Signature| format!("{} <{}> at {}{}", s.name, s.email, s.seconds, zone(s.offset));
    (*is != should).then(|| Problem::Committer { is: shown(is), should: shown(&should) })
}

fn zone(offset: i32) -> String {
    if offset == 0 { String::new() } else { format!(" ({offset:+} seconds from UTC)") }
}

/// The content of the turn's larger files.
fn size(turn: &Turn) -> u64 {
    let parts = turn.request.iter().flat_map(|r| r.parts.values()).map(Vec::len);
    let answer = turn.response.iter().map(|r| r.raw.len() + r.text.len() + r.reasoning.len());
    let sides = turn.edits.changes.iter().flat_map(|c| [&c.before, &c.after]).flatten().map(|file| file.bytes.len());
    let prompt = turn.prompt.iter().map(Vec::len);
    parts.chain(answer).chain(sides).chain(prompt).map(|n| n as u64).sum()
}
