//! The user's steps, with git and in files.
//!
//! Invariants
//! - A step that git refuses is none; one that ends in a conflict is taken back.
//! - A line that the user writes has the end that the file's lines have.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::world::World;

use super::reference::shared;
use super::sim::Sim;
use super::state::Reader;
use super::{How, Op};

const BRANCHES: [&str; 2] = ["main", "side"];

impl Sim {
    pub(super) fn user(&mut self, op: &Op) {
        let texts = Reader::texts(&self.world);
        let pick = |n: u8| texts.get(usize::from(n) % texts.len().max(1)).cloned();
        let git = |args: &[&str]| self.world.try_git(args, b"").code == Some(0);
        match op {
            Op::Write { file, at, how } => {
                let Some(path) = pick(*file) else { return };
                let text = self.world.read(&path);
                let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
                let at = usize::from(*at) % lines.len().max(1);
                let old = lines.get(at).copied().unwrap_or("\n");
                let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
                // Beside a line that stands several times comes another of the kind.
                let line = if shared(old) && lines.len() > 1 && *how == How::Insert { old.to_owned() } else { self.line("user") };
                let line = line.trim_end().to_owned() + if old.ends_with('\n') || *how == How::Insert { end } else { "" };
                match how {
                    How::Change if !lines.is_empty() => lines[at] = &line,
                    How::Delete if !lines.is_empty() => drop(lines.remove(at)),
                    _ => lines.insert(at, &line),
                }
                self.world.write(&path, lines.concat());
            }
            Op::Untracked { name } => {
                let line = self.line("user");
                let path = format!("new/{name}.txt");
                if !self.world.exists(&path) {
                    self.world.write(&path, line);
                }
            }
            Op::Odd { file, what } => {
                let Some(path) = pick(*file) else { return };
                match what {
                    0 => self.world.write("odd/blob.bin", [0, 159, 146, 150, *file]),
                    1 => {
                        let link = self.world.repo().join("odd-link");
                        let _ = std::fs::remove_file(&link);
                        std::os::unix::fs::symlink("a.txt", link).expect("linked");
                    }
                    _ => executable(&self.world, &path),
                }
            }
            Op::Remove { file } => {
                if let Some(path) = pick(*file) {
                    std::fs::remove_file(self.world.repo().join(path)).expect("removed");
                }
            }
            Op::Rename { file } => {
                if let Some(path) = pick(*file) {
                    git(&["mv", &path, &format!("{path}.moved.txt")]);
                }
            }
            Op::Stage { file } => {
                if let Some(path) = pick(*file) {
                    git(&["add", &path]);
                }
            }
            Op::StageAll => drop(git(&["add", "-A"])),
            Op::Unstage { file } => {
                if let Some(path) = pick(*file) {
                    git(&["reset", "-q", "--", &path]);
                }
            }
            Op::Commit { all: true } => drop(git(&["commit", "-q", "-a", "-m", "mine"])),
            Op::Commit { all: false } => drop(git(&["commit", "-q", "-m", "mine"])),
            Op::Amend => drop(git(&["commit", "-q", "--amend", "--no-edit"])),
            Op::Reset { soft } => drop(git(&["reset", "-q", if *soft { "--soft" } else { "--mixed" }, "HEAD~1"])),
            Op::Switch { branch } => drop(git(&["switch", "-q", BRANCHES[usize::from(*branch)]])),
            Op::Rebase { branch } => {
                if !git(&["rebase", "-q", BRANCHES[usize::from(*branch)]]) {
                    git(&["rebase", "--abort"]);
                }
            }
            Op::Merge { branch } => {
                if !git(&["merge", "-q", "--no-ff", "--no-commit", BRANCHES[usize::from(*branch)]]) {
                    git(&["merge", "--abort"]);
                }
            }
            Op::MergeEnd => {
                if self.world.exists(".git/MERGE_HEAD") && !git(&["commit", "-q", "--no-edit"]) {
                    git(&["reset", "-q", "--merge"]);
                }
            }
            Op::Stash => drop(git(&["stash", "-q"])),
            Op::Pop => {
                if !git(&["stash", "pop", "-q"]) && !self.world.git(&["ls-files", "-u"]).is_empty() {
                    git(&["reset", "-q", "--hard"]);
                }
            }
            Op::Pushed => drop(git(&["update-ref", "refs/remotes/origin/main", "HEAD"])),
            Op::PackRefs => drop(git(&["pack-refs", "--all"])),
            Op::Gc => {
                git(&["reflog", "expire", "--expire=now", "--all"]);
                git(&["gc", "-q", "--prune=now"]);
            }
            Op::NoIndex => drop(std::fs::remove_dir_all(self.world.top().join("home/.retort/data"))),
            Op::Rt(_) | Op::Killed { .. } | Op::Both { .. } => unreachable!("not the user's"),
        }
    }
}

/// Gives a file the executable bit, or takes it away.
pub(super) fn executable(world: &World, path: &str) {
    let path = world.repo().join(path);
    let mode = path.metadata().expect("it is there").permissions().mode() ^ 0o111;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
}
