//! Where things are kept: the database, the directories, unfinished work, and what belongs to nothing any more.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

use crate::index::{Index, IndexError, Probe};
use crate::session::refs::{self, Kind, RefName};
use crate::vcs::git::{Git, Survey};
use crate::vcs::wal::{Looked, Wal};
use crate::vcs::{Backend as _, VcsError};

use super::{Check, Given, is_own_temp};

/// Less free space than this is a warning, and a problem.
const LITTLE: u64 = 200_000_000;
const TOO_LITTLE: u64 = 10_000_000;

pub(super) fn checks(given: &Given<'_>) -> Vec<Check> {
    let mut out = Vec::new();
    out.extend(database(given));
    match given.home {
        Some(home) => out.extend(directory("home", home)),
        None => out.push(Check::problem("home", "neither HOME nor RT_HOME is set").todo("set one of them to a directory")),
    }
    let Ok(survey) = given.survey else { return out };
    let mut seen = BTreeSet::new();
    for (name, path) in [("git directory", &survey.common_dir), ("worktree's git directory", &survey.git_dir)] {
        if seen.insert(path) {
            out.extend(directory(name, path));
        }
    }
    let busy = unfinished(survey, &mut out);
    unreadable(survey, &mut out);
    if let Some(git) = given.git {
        if let Err(error) = lost_refs(git, survey, &mut out) {
            out.push(Check::warning("refs", format!("they cannot be listed: {error}")).todo("rt fsck says more"));
        }
        if !busy {
            leftovers(git, survey, &mut out);
        }
    }
    out
}

fn database(given: &Given<'_>) -> Option<Check> {
    let path = &given.config?.as_ref().ok()?.settings().store.path;
    let at = path.display();
    let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
    let without = "rt goes on without it, only slower";
    Some(match Index::probe(path) {
        Ok(Probe::Absent) => Check::ok("database", format!("{at} is made when it is first needed")),
        Ok(_) if access(path, Access::WRITE_OK).is_err() => {
            Check::warning("database", format!("{at} cannot be written; {without}")).todo("let yourself write it")
        }
        Ok(_) => Check::ok("database", format!("{at}, {} kB, can be written", size.div_ceil(1000))),
        Err(IndexError::Damaged(why)) => {
            Check::warning("database", format!("{at} is damaged ({why})")).todo("nothing; the next rt puts it aside and reads anew")
        }
        Err(error) => Check::warning("database", format!("{error}; {without}"))
            .todo("move that file away, or name another place: rt config set store.path PATH"),
    })
}

/// Whether a directory, or the one that it would be made in, can be written, and how much room there is.
fn directory(name: &'static str, path: &Path) -> Vec<Check> {
    let Some(there) = path.ancestors().find(|p| p.exists()) else { return Vec::new() };
    let at = path.display();
    let inside = ["objects", "refs", "refs/retort", "retort", "data"].map(|name| path.join(name));
    let closed = std::iter::once(there).chain(inside.iter().map(PathBuf::as_path).filter(|p| p.exists())).find_map(|p| {
        let why = if p.is_dir() {
            access(p, Access::WRITE_OK).err().map(|_| "cannot be written")?
        } else {
            "is in the way of a directory"
        };
        Some(format!("{} {why}", p.display()))
    });
    if let Some(said) = closed {
        return vec![if name == "home" {
            Check::warning("home", format!("{said}; the database is kept in memory, and settings cannot be changed"))
                .todo("let yourself write it, or set RT_HOME to another directory")
        } else {
            Check::problem(name, format!("{said}, so nothing can be recorded")).todo("move it away, or let yourself write it")
        }];
    }
    let Ok(stat) = statvfs(there) else { return vec![Check::ok(name, format!("{at} can be written"))] };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let room = if free >= 10_000_000_000 { format!("{} GB", free / 1_000_000_000) } else { format!("{} MB", free / 1_000_000) };
    let said = format!("{at} can be written, {room} free");
    vec![match free {
        ..TOO_LITTLE => Check::problem(name, said).todo("make room on that disk"),
        TOO_LITTLE..LITTLE => Check::warning(name, said).todo("make room on that disk"),
        _ => Check::ok(name, said),
    }]
}

/// Says what is unfinished; gives whether a process is at work.
fn unfinished(survey: &Survey, out: &mut Vec<Check>) -> bool {
    let all = match Wal::look(&survey.common_dir) {
        Ok(all) => all,
        Err(error) => {
            out.push(Check::warning("unfinished", format!("unfinished turns cannot be listed: {error}")).todo("rt fsck says more"));
            return false;
        }
    };
    let count = |is: fn(&Looked) -> bool| all.iter().filter(|(_, looked)| is(looked)).count();
    let (held, open) = (count(|l| matches!(l, Looked::Held)), count(|l| matches!(l, Looked::Open(_))));
    let broken = count(|l| matches!(l, Looked::Unreadable(_)));
    if held > 0 {
        out.push(Check::note("at work", format!("{held} other rt in this repository")));
    }
    if open > 0 {
        let said = format!("{open} unfinished, of an rt that was killed; the next one in the same worktree closes it");
        out.push(Check::note("unfinished", said).todo("rt status"));
    }
    if broken > 0 {
        out.push(Check::warning("unfinished", format!("{broken} cannot be looked into")).todo("rt fsck says more"));
    }
    held > 0
}

fn unreadable(survey: &Survey, out: &mut Vec<Check>) {
    let place = survey.common_dir.join("retort").join("unreadable");
    let count = std::fs::read_dir(&place).map_or(0, Iterator::count);
    if count > 0 {
        let said = format!("{count} unfinished that could not be read, kept in {}", place.display());
        out.push(
            Check::warning("orphans", said).todo("an answer that had arrived is its file raw; when nobody needs it, remove it"),
        );
    }
}

/// Refs that belong to nothing, and what killed processes left beside refs.
fn lost_refs(git: &Git, survey: &Survey, out: &mut Vec<Check>) -> Result<(), VcsError> {
    let all = git.refs(refs::ALL)?;
    let named: Vec<RefName<'_>> = all.iter().filter_map(|(name, _)| RefName::parse(name)).collect();
    let sessions: BTreeSet<_> = named.iter().filter(|n| n.kind == Kind::Session).map(|n| (n.remote, n.session)).collect();
    for lost in named.iter().filter(|n| n.kind == Kind::Meta && !sessions.contains(&(n.remote, n.session))) {
        let said = format!("{lost} is about a session that is not here");
        out.push(Check::note("orphans", said).todo(format!("if nobody needs it: git update-ref -d {lost}")));
    }
    let known: BTreeSet<&str> = survey.remotes.iter().map(|r| r.name.as_str()).collect();
    let gone: BTreeSet<&str> =
        named.iter().map(|n| n.remote).filter(|remote| !remote.is_empty() && !known.contains(remote)).collect();
    for remote in gone {
        let below = refs::of_remote(remote);
        out.push(
            Check::note("orphans", format!("sessions that were fetched from {remote}, which is no remote any more")).todo(format!(
                "if nobody needs them: git for-each-ref --format='delete %(refname)' {below} | git update-ref --stdin"
            )),
        );
    }
    let mut locks = Vec::new();
    find_locks(&survey.common_dir.join(refs::ALL.trim_end_matches('/')), &mut locks);
    for lock in locks {
        // One of ours has a second name in our own directory, by which the next rt knows it.
        let ours = std::fs::metadata(&lock).is_ok_and(|meta| meta.nlink() > 1);
        let at = lock.display();
        out.push(if ours {
            Check::note("orphans", format!("{at} was left by an rt that was killed, unless one is at work"))
                .todo("the next one removes it")
        } else {
            Check::warning("orphans", format!("{at} keeps that ref from being written: a git is at work, or one was killed"))
                .todo("if no git is running, remove that file")
        });
    }
    Ok(())
}

fn find_locks(directory: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find_locks(&path, out);
        } else if path.extension().is_some_and(|e| e == "lock") {
            out.push(path);
        }
    }
    out.sort();
}

/// Temporary files of processes that were killed: beside tracked files, and in our own directory.
fn leftovers(git: &Git, survey: &Survey, out: &mut Vec<Check>) {
    let mut found = Vec::new();
    let own = survey.git_dir.join("retort");
    found.extend(files(&own, |name| name.strip_suffix(".tmp").is_some_and(|rest| rest.starts_with('.'))));
    if let (Ok(tree), Some(root)) = (git.worktree(), &survey.root) {
        let parent = |path: &crate::base::path::RepoPath| root.join(path.to_os()).parent().map(Path::to_owned);
        let directories: BTreeSet<PathBuf> = tree.paths().iter().filter_map(parent).chain([root.clone()]).collect();
        found.extend(directories.iter().flat_map(|directory| files(directory, is_own_temp)));
    }
    for path in found {
        let check = Check::warning("orphans", format!("{} is a temporary file of an rt that was killed", path.display()));
        out.push(check.todo("rt status removes it if it can; else remove it"));
    }
}

fn files(directory: &Path, is: fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    let mut out: Vec<PathBuf> =
        entries.filter(|e| e.file_name().to_str().is_some_and(is)).map(|e| e.path()).filter(|p| p.is_file()).collect();
    out.sort();
    out
}
