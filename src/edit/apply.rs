//! Edits + tree → changes and rejects.
//!
//! Edits are taken in order, each against what the ones before it left. An edit that does not fit changes nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::base::change::{ChangeSet, FileMode, FileState};
use crate::base::path::RepoPath;
use crate::base::text::is_binary;
use crate::base::tree::SourceTree;

use super::change::{Change, is_blank};
use super::elide::{leaves_out, says_so};
use super::ladder::{self, Found, Hint};
use super::likeness::{dots_are_code, doubtful_whole, is_mostly};
use super::lines::{File, Splice, texts};
use super::marker;
use super::names::Names;
use super::nearest::{Region, nearest, region};
use super::noise;
use super::plan::{BadTarget, Edit, Hunk, Op, Replacement};
use super::reject::{Reason, Reject};
use super::settle::Doubt;

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
    /// Edits that ask for what is there already, such as a search equal to its replacement, or one that was made before.
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
    let mut made = BTreeSet::new();
    for (index, edit) in edits.iter().enumerate() {
        let said = (edit.path_text(), edit.source.as_str());
        match world.edit(edit, rules, made.contains(&said)) {
            Ok(true) => {
                made.insert(said);
                applied.landed.push(index);
            }
            Ok(false) => applied.unchanged.push(index),
            Err(Stop::Io(error)) => return Err(error),
            // Said again, as in a summary. The first time there was one place for it.
            Err(Stop::Misfit(misfit)) if misfit.is_done(edit) && made.contains(&said) => applied.unchanged.push(index),
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

impl Misfit {
    /// Whether what the edit asks for may be there already.
    fn is_done(&self, edit: &Edit) -> bool {
        match self.reason {
            Reason::NotFound(_) => self.already.is_some(),
            Reason::Missing(_) => edit.op == Op::Delete,
            _ => false,
        }
    }
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
    /// Whether anything may be at `path` at all.
    fn check(&self, path: &RepoPath, rules: &Rules) -> Result<(), Stop> {
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
        if self.names.is_directory(path) { Err(Reason::Directory.into()) } else { Ok(()) }
    }

    /// Makes one edit; whether it changed anything. One that was `made` before is not made again: it was said twice, or it is meant
    /// for another place, which it does not tell.
    fn edit(&mut self, edit: &Edit, rules: &Rules, made: bool) -> Result<bool, Stop> {
        let path = edit.path.as_ref().map_err(|bad| Reason::BadPath(bad.to_string()))?;
        self.check(path, rules)?;
        let now = self.read(path)?;
        if let Some(file) = &now {
            self.check_spelling(path)?;
            if file.mode == FileMode::Symlink {
                return Err(Reason::Symlink.into());
            }
            if is_binary(&file.bytes) && !matches!(edit.op, Op::Delete | Op::Rename { .. } | Op::Executable(_)) {
                return Err(Reason::Binary.into());
            }
        }
        self.work += (now.as_ref().map_or(0, |file| file.bytes.len()) + edit.source.len()) as u64;
        if self.work > self.most {
            return Err(Reason::TooMuch.into());
        }
        match &edit.op {
            Op::Rename { to } => return self.rename(path, to, now, rules),
            Op::Executable(yes) => {
                let Some(mut file) = now else { return Err(Reason::Missing(self.names.similar(path)).into()) };
                let mode = if *yes { FileMode::Executable } else { FileMode::Regular };
                let changed = std::mem::replace(&mut file.mode, mode) != mode;
                self.put(path, Some(file));
                return Ok(changed);
            }
            _ => {}
        }
        let text = now.as_ref().map(|file| std::str::from_utf8(&file.bytes).unwrap_or_default());
        if now.is_none() && edit.crlf {
            return self.create_in_crlf(path, edit, rules);
        }
        let after = match content(path, text, &edit.op) {
            Ok(after) => after,
            Err(Stop::Misfit(misfit)) if misfit.reason == Reason::Missing(Vec::new()) => {
                return Err(Reason::Missing(self.names.similar(path)).into());
            }
            Err(stop) => return Err(stop),
        };
        if after.as_deref() == text {
            return Ok(false);
        }
        if made && edit.op.quotes() {
            return Err(Reason::Repeated.into());
        }
        if now.is_none() {
            self.names.check_creatable(path)?;
            if let Op::Write { content, .. } = &edit.op {
                self.check_elsewhere(path, content, rules)?;
            }
        }
        let before = self.files.get(path).and_then(|(before, _)| before.as_ref());
        let mode = now.as_ref().or(before).map_or(FileMode::Regular, |file| file.mode);
        self.put(path, after.map(|text| FileState { mode, bytes: text.into_bytes() }));
        Ok(true)
    }

    /// Refuses what is most of a file that has this path at the end of its own: its directory was left out, or a copy is meant.
    fn check_elsewhere(&mut self, path: &RepoPath, content: &str, rules: &Rules) -> Result<(), Stop> {
        for other in self.names.below(path) {
            if rules.withheld.contains(&other) || self.tree.obstacle(&other).is_some() {
                continue;
            }
            let Some(file) = self.read(&other)? else { continue };
            self.work += file.bytes.len() as u64;
            let text = std::str::from_utf8(&file.bytes).unwrap_or_default();
            if is_mostly(text, content) {
                return Err(Reason::Elsewhere(other.to_string()).into());
            }
        }
        Ok(())
    }

    /// Creates a file from an answer whose own lines end with CRLF: whether those of the file are meant to, the files beside
    /// it tell.
    fn create_in_crlf(&mut self, path: &RepoPath, edit: &Edit, rules: &Rules) -> Result<bool, Stop> {
        let Some(text) = content(path, None, &edit.op)? else { return Ok(false) };
        self.names.check_creatable(path)?;
        if matches!(edit.op, Op::Write { .. }) {
            self.check_elsewhere(path, &text, rules)?;
        }
        let text = match self.line_ends_beside(path)? {
            _ if !text.contains('\n') => text,
            Some(true) => text.replace("\r\n", "\n").replace('\n', "\r\n"),
            Some(false) => text,
            None => return Err(Reason::LineEnds.into()),
        };
        self.put(path, Some(FileState { mode: FileMode::Regular, bytes: text.into_bytes() }));
        Ok(true)
    }

    /// Whether files of the same kind, or else any, have CRLF line ends.
    fn line_ends_beside(&self, path: &RepoPath) -> Result<Option<bool>, Stop> {
        let kind = |path: &RepoPath| path.file_name().rsplit(|byte| *byte == b'.').next().map(<[u8]>::to_vec);
        let own = kind(path);
        let same = self.tree.paths().iter().filter(|other| kind(other) == own);
        for other in same.take(8).chain(self.tree.paths().iter().take(8)) {
            if self.tree.obstacle(other).is_some() {
                continue;
            }
            let file = self.tree.read(other).map_err(Stop::Io)?;
            if let Some(file) = file.filter(|file| !is_binary(&file.bytes) && file.bytes.contains(&b'\n')) {
                return Ok(Some(file.bytes.windows(2).any(|two| two == b"\r\n")));
            }
        }
        Ok(None)
    }

    /// The file is this now; it was read before.
    fn put(&mut self, path: &RepoPath, state: Option<FileState>) {
        self.names.set(path, state.is_some());
        if let Some((_, now)) = self.files.get_mut(path) {
            *now = state;
        }
    }

    fn rename(
        &mut self,
        from: &RepoPath,
        to: &Result<RepoPath, BadTarget>,
        now: Option<FileState>,
        rules: &Rules,
    ) -> Result<bool, Stop> {
        let to = to.as_ref().map_err(|bad| Reason::BadPath(bad.to_string()))?;
        let Some(file) = now else { return Err(Reason::Missing(self.names.similar(from)).into()) };
        if to == from {
            return Ok(false);
        }
        self.check(to, rules)?;
        if self.read(to)?.is_some() {
            return Err(Reason::Taken(to.to_string()).into());
        }
        // The name that it leaves is free: it may differ in case only, or be a directory from now on.
        self.names.set(from, false);
        if let Err(reason) = self.names.check_creatable(to) {
            self.names.set(from, true);
            return Err(reason.into());
        }
        self.put(from, None);
        self.put(to, Some(file));
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

/// The content after an edit; `None` when the file is gone.
fn content(path: &RepoPath, old: Option<&str>, op: &Op) -> Result<Option<String>, Stop> {
    let fits = |result: Result<String, Misfit>| result.map(Some).map_err(|misfit| Stop::Misfit(Box::new(misfit)));
    check_noise(path, old, op)?;
    match op {
        Op::Delete if old.is_none() => Err(Reason::Missing(Vec::new()).into()),
        Op::Delete | Op::Rename { .. } | Op::Executable(_) => Ok(None),
        Op::Write { content, told } => {
            if old.is_none() {
                check_whole(content)?;
            }
            if let Some(old) = old
                && let Some(why) = doubtful_whole(path, old, content, *told)
            {
                return Err(why.into());
            }
            Ok(Some(written(old, content)))
        }
        Op::Replace(replacement) => {
            check_markers(old, replacement)?;
            if old.is_none() && replacement.creates() {
                check_whole(replacement.parts().1)?;
            }
            let hint = Hint { dots_are_code: dots_are_code(path), ..Hint::default() };
            fits(replaced(old, replacement, hint))
        }
        Op::Hunk(hunk) => fits(patched(old, hunk, dots_are_code(path))),
        Op::Text { old: sought, new, all } => fits(retold(path, old, sought, new, *all)),
    }
}

/// The new text is as it is meant.
fn check_noise(path: &RepoPath, old: Option<&str>, op: &Op) -> Result<(), Reason> {
    let new: Cow<'_, str> = match op {
        Op::Write { content, .. } => content.into(),
        Op::Replace(replacement) => replacement.parts().1.into(),
        Op::Text { new, .. } => new.into(),
        Op::Hunk(hunk) => hunk.body.split_inclusive('\n').filter_map(|line| line.strip_prefix('+')).collect(),
        Op::Rename { .. } | Op::Executable(_) | Op::Delete => return Ok(()),
    };
    match op {
        Op::Write { .. } if noise::is_numbered(old, &new) => Err(Reason::Numbered),
        Op::Write { .. } | Op::Text { .. } if noise::has_doubled_escapes(path.as_bytes(), old, &new) => Err(Reason::DoubledEscapes),
        _ if noise::is_escaped(path.as_bytes(), old, &new) => Err(Reason::Escaped),
        _ => Ok(()),
    }
}

/// A new file has all of its lines.
fn check_whole(content: &str) -> Result<(), Stop> {
    match content.lines().position(says_so) {
        Some(at) => Err(Reason::LeftOut(at + 1).into()),
        None => Ok(()),
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

/// Whether the block can be told from the file's text.
fn check_markers(old: Option<&str>, replacement: &Replacement) -> Result<(), Reason> {
    let old_lines = || old.into_iter().flat_map(str::lines);
    // The text between the markers may have been cut short at such a line.
    if let Some(at) = old_lines().position(|line| replacement.is_marker(line)) {
        return Err(Reason::Markers(at + 1));
    }
    // A search that has the divider's look-alike in it can only be meant for a file that has one. Whether it is found
    // there proves nothing: of a search with a slip in it, the part above the look-alike may still be found.
    if replacement.is_ambiguous() && old_lines().any(marker::underlines) { Err(Reason::Dividers) } else { Ok(()) }
}

fn plain(reason: Reason) -> Misfit {
    Misfit { reason, nearest: None, already: None }
}

fn replaced(old: Option<&str>, replacement: &Replacement, hint: Hint<'_>) -> Result<String, Misfit> {
    let (search, replace) = replacement.parts();
    if replacement.creates() {
        return match old {
            None | Some("") => Ok(replace.to_owned()),
            Some(old) if old == replace => Ok(old.to_owned()),
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
    let change = unfenced(&here, Change::replacing(search, replace));
    let splice = located(&here, &change, hint)?;
    if replacement.may_quote(&here[splice.at + splice.len..]) { Err(plain(Reason::Dividers)) } else { Ok(file.spliced(&splice)) }
}

/// A search and a replacement, each in a fence of its own, without the fences, unless the file has such lines.
fn unfenced<'a>(here: &[&'a str], change: Change<'a>) -> Change<'a> {
    let fenced = |lines: &[&str]| {
        lines.len() > 2
            && lines[0].trim_ascii_start().starts_with("```")
            && lines.last().is_some_and(|line| line.trim_ascii() == "```")
    };
    let bare = |lines: &[&'a str]| lines[1..lines.len() - 1].to_vec();
    if fenced(&change.old) && (change.new.is_empty() || fenced(&change.new)) && ladder::places(here, &change.old).is_empty() {
        let new = if change.new.is_empty() { Vec::new() } else { bare(&change.new) };
        return Change::replacing(bare(&change.old), new);
    }
    change
}

fn patched(old: Option<&str>, hunk: &Hunk, dots_are_code: bool) -> Result<String, Misfit> {
    let Some(old) = old else { return Err(plain(Reason::Missing(Vec::new()))) };
    let file = File::new(old);
    let here = file.texts();
    let change = Change::of(hunk.lines());
    let splice = if change.old.is_empty() {
        if !hunk.at_end && !here.is_empty() {
            return Err(plain(Reason::NoContext));
        }
        Splice { at: here.len(), len: 0, with: change.new.iter().map(|line| (*line).into()).collect() }
    } else {
        let hint = Hint { line: hunk.line, scopes: &hunk.scopes, at_end: hunk.at_end, dots_are_code };
        located(&here, &change, hint)?
    };
    let mut out = file.spliced(&splice);
    if let Some(ends) = hunk.last_end.filter(|_| splice.at + splice.len == here.len()) {
        let bare = out.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text).len());
        match bare {
            Some(length) if !ends => out.truncate(length),
            None if ends && !out.is_empty() => out.push_str(if old.contains("\r\n") { "\r\n" } else { "\n" }),
            _ => {}
        }
    }
    Ok(out)
}

/// A text for another one. It need not begin where a line does; but where it is whole lines but for the first one's white space,
/// or is not there as it stands, whole lines are meant.
fn retold(path: &RepoPath, old: Option<&str>, sought: &str, new: &str, all: bool) -> Result<String, Misfit> {
    let hint = Hint { dots_are_code: dots_are_code(path), ..Hint::default() };
    let lines = || replaced(old, &Replacement::new(sought, new), hint);
    if sought.is_empty() {
        return lines();
    }
    let Some(text) = old else { return Err(plain(Reason::Missing(Vec::new()))) };
    if sought == new {
        return if text.contains(sought) { Ok(text.to_owned()) } else { Err(not_found(&texts(text), &texts(sought), &[])) };
    }
    let crlf = text.contains("\r\n") && !sought.contains('\r');
    let ended = |text: &str| if crlf { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text.to_owned() };
    let (needle, put) = (ended(sought), ended(new));
    // The file's last line may lack the end that is quoted with it.
    let last = needle.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).filter(|line| text.ends_with(*line));
    let last = last.map(|line| text.len() - line.len()).filter(|at| *at == 0 || text[..*at].ends_with('\n'));
    // Those that overlap are two, and which one is meant is not said.
    let (first, step) = (text.find(&needle), needle.chars().next().map_or(1, char::len_utf8));
    let all_places = || {
        let next = |at: &usize| text.get(at + step..).and_then(|rest| rest.find(&needle)).map(|n| at + step + n);
        std::iter::successors(first, next)
    };
    let splits = |at: &usize| splits_a_word(text, *at, &needle) || splits_a_line_end(text, *at, &needle);
    let places = || all_places().filter(|at| !splits(at)).chain(last);
    let line_of = |at: usize| text[..at].matches('\n').count() + 1;
    let mut found = places();
    match (found.next(), found.next()) {
        (Some(_), Some(_)) if !all => Err(plain(Reason::Ambiguous(places().take(200).map(line_of).collect()))),
        (Some(at), None) if Some(at) == last || is_lines(text, at, &needle) => lines(),
        (Some(_), _) if texts(new).iter().any(|line| leaves_out(line)) && !texts(sought).iter().any(|line| leaves_out(line)) => {
            Err(plain(Reason::LeftOut(1)))
        }
        (Some(_), _) if all => match all_places().find(splits) {
            Some(at) => Err(plain(Reason::PartialWord(line_of(at)))),
            None => Ok(text.replace(&needle, &put)),
        },
        (Some(at), _) => Ok([&text[..at], &put, &text[at + needle.len()..]].concat()),
        (None, _) => match first.filter(|at| splits_a_word(text, *at, &needle)) {
            Some(at) => Err(plain(Reason::PartialWord(line_of(at)))),
            None => lines(),
        },
    }
}

/// Whether a text that stands at `at` begins or ends within a word.
fn splits_a_word(text: &str, at: usize, needle: &str) -> bool {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let (before, behind) = (text[..at].chars().next_back(), text[at + needle.len()..].chars().next());
    word(before) && word(needle.chars().next()) || word(needle.chars().next_back()) && word(behind)
}

/// Whether a text that stands at `at` begins or ends within the two characters of a line end.
fn splits_a_line_end(text: &str, at: usize, needle: &str) -> bool {
    let (before, behind) = (&text[..at], &text[at + needle.len()..]);
    before.ends_with('\r') && needle.starts_with('\n') || needle.ends_with('\r') && behind.starts_with('\n')
}

/// Whether a text that stands at `at` is whole lines, but for white space in front of it.
fn is_lines(text: &str, at: usize, needle: &str) -> bool {
    let head = text[..at].rsplit('\n').next().unwrap_or_default();
    let tail = &text[at + needle.len()..];
    let ends = tail.is_empty() || needle.ends_with('\n') || tail.starts_with('\n') || tail.starts_with("\r\n");
    ends && is_blank(head) && !is_blank(needle)
}

fn located<'a>(here: &[&'a str], change: &Change<'a>, hint: Hint<'_>) -> Result<Splice<'a>, Misfit> {
    match ladder::find(here, change, hint) {
        Found::One(splice) => Ok(splice),
        Found::Many(places) => {
            let at = places.first().and_then(|at| region(here, *at..(at + change.old.len().min(10)).min(here.len())));
            Err(Misfit { reason: Reason::Ambiguous(places.iter().map(|at| at + 1).collect()), nearest: at, already: None })
        }
        Found::Unsure(at, doubt) => {
            let nearest = region(here, at..(at + change.old.len()).min(here.len()));
            let reason = if doubt == Doubt::BlankEnds { Reason::BlankEnds(at + 1) } else { Reason::Unsure(at + 1, doubt) };
            Err(Misfit { reason, nearest, already: None })
        }
        Found::None => Err(not_found(here, &change.old, &change.new)),
    }
}

fn not_found(here: &[&str], search: &[&str], replace: &[&str]) -> Misfit {
    let already =
        replace.iter().any(|line| !is_blank(line)).then(|| ladder::places(here, replace).first().map(|at| at + 1)).flatten();
    if let [only] = search
        && let Some(at) = here.iter().position(|line| line.contains(only.trim()))
    {
        let nearest = region(here, at..at + 1);
        return Misfit { reason: Reason::PartialLine(at + 1), nearest, already };
    }
    let (nearest, differs) = nearest(here, search).unzip();
    Misfit { reason: Reason::NotFound(differs), nearest: nearest.flatten(), already }
}
