//! A sequence carried out: the steps of the user, and those of the program, each of these compared with the model.
//!
//! Invariants
//! - A commit of the user that a step of the program finds on the branch is there after it.
//! - A turn that was open when the program was killed is in the log after the next start, with its answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::killed::{fsck, tidy};
use crate::support::world::{Ran, World};

use super::answer::Answer;
use super::reference::{Branch, Delta, Deltas, Files, Steps, check};
use super::state::{File, Reader, State};
use super::user::executable;
use super::{Op, Rt};

pub(super) type Outcome<T> = Result<T, String>;

/// A turn as the test knows it.
pub(super) struct Turn {
    pub(super) deltas: Deltas,
    /// What must be found in what it stored.
    pub(super) answer: Option<String>,
}

pub(super) struct Sim {
    pub(super) world: World,
    reader: Reader,
    /// `vcs.dirty`.
    pub(super) policy: &'static str,
    pub(super) turns: BTreeMap<String, Turn>,
    /// The tips of sessions.
    tips: BTreeMap<String, String>,
    lines: u32,
    /// How often the program was killed.
    kills: u64,
}

/// Carries a sequence out, and says how often the program was killed in it.
pub(super) fn run(policy: u8, ops: &[Op]) -> Outcome<u64> {
    let mut sim = Sim::new(["separate", "commit-first", "refuse"][usize::from(policy % 3)]);
    for (at, op) in ops.iter().enumerate() {
        sim.step(op).map_err(|why| format!("step {at}, {op:?}: {why}"))?;
    }
    sim.end()?;
    Ok(sim.kills)
}

const TEXTS: [&str; 7] = ["a.txt", "b.txt", "bare.txt", "crlf.txt", "dup.txt", "sub/c.txt", "sub/deep/d.txt"];

impl Sim {
    fn new(policy: &'static str) -> Self {
        let mut lines = 0;
        let mut numbered = |count: u32| {
            lines += count;
            (lines - count..lines).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat()
        };
        let mut text = |name: &&'static str| {
            let text = numbered(9);
            let text = match *name {
                "bare.txt" => text.trim_end().to_owned(),
                "crlf.txt" => text.replace('\n', "\r\n"),
                "dup.txt" => text.split_inclusive('\n').flat_map(|line| [line, "}\n"]).collect(),
                _ => text,
            };
            (*name, text)
        };
        let files: Vec<(&str, String)> = TEXTS.iter().map(&mut text).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
        let mut world = World::with(&files);
        world.set("RT__VCS__DIRTY", policy);
        executable(&world, "b.txt");
        world.git(&["commit", "-q", "-a", "--amend", "--no-edit"]);
        world.git(&["branch", "side"]);
        Self { world, reader: Reader::default(), policy, turns: BTreeMap::new(), tips: BTreeMap::new(), lines, kills: 0 }
    }

    pub(super) fn line(&mut self, who: &str) -> String {
        self.lines += 1;
        format!("{who} {}\n", self.lines)
    }

    pub(super) fn state(&self) -> State {
        self.reader.read(&self.world)
    }

    fn step(&mut self, op: &Op) -> Outcome<()> {
        if !matches!(op, Op::Rt(_) | Op::Killed { .. } | Op::Both { .. }) {
            self.user(op);
            return Ok(());
        }
        let head = self.world.git(&["rev-parse", "HEAD"]);
        match op {
            Op::Rt(rt) => self.rt(rt)?,
            Op::Killed { point, rt } => self.killed(*point, rt)?,
            Op::Both { first, with } => self.both(first, with)?,
            _ => {}
        }
        // What was on the branch and is not is ours alone.
        let gone = self.world.git(&["log", "-z", "--format=%H%n%B", head.trim(), "--not", "HEAD"]);
        match gone.split_terminator('\0').find(|commit| !commit.contains("\nRetort-")) {
            Some(commit) => Err(format!("the user's commit {commit} is off the branch")),
            None => Ok(()),
        }
    }

    /// The command line, its input, and the answer in it.
    pub(super) fn command(&mut self, state: &State, rt: &Rt) -> Option<(Vec<String>, Option<Answer>)> {
        let address = |n: u8| self.turns.keys().nth(usize::from(n) % self.turns.len().max(1)).cloned();
        let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        Some(match rt {
            Rt::Apply { edits, flag } => {
                let answer = self.answer(state, edits, None);
                let mut args = words(&["apply", "--json"]);
                args.extend(match flag % 16 {
                    0..10 => None,
                    10 | 11 => Some("--new".to_owned()),
                    12 | 13 => Some("--dry-run".to_owned()),
                    _ => Some("--no-commit".to_owned()),
                });
                (args, Some(answer))
            }
            Rt::Undo { keep } => {
                let mut args = words(&["undo", "--json"]);
                args.extend(match keep {
                    0 => Some("--keep-code".to_owned()),
                    1 => Some("--keep-chat".to_owned()),
                    2 => Some("--turn".to_owned()),
                    _ => None,
                });
                (args, None)
            }
            Rt::Redo => (words(&["redo", "--json"]), None),
            Rt::Retry { turn } => (words(&["retry", "--json", &address(*turn)?]), None),
            Rt::Checkout { turn } => (words(&["session", "checkout", "--json", &address(*turn)?]), None),
            Rt::Resume { turn } => (words(&["session", "resume", "--json", &address(*turn)?]), None),
            Rt::New => (words(&["session", "new", "--json"]), None),
        })
    }

    fn rt(&mut self, rt: &Rt) -> Outcome<()> {
        let before = self.state();
        let Some((args, answer)) = self.command(&before, rt) else { return Ok(()) };
        let here = self.here();
        let ran = Self::start(&self.world, &args, answer.as_ref(), "");
        self.after(rt, &args, answer, &before, here.as_deref(), &ran).map_err(|why| format!("{why}\n{}{}", ran.out, ran.err))
    }

    pub(super) fn start(world: &World, args: &[String], answer: Option<&Answer>, fault: &str) -> Ran {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let input = answer.map(|a| a.text.as_bytes()).unwrap_or_default();
        let vars = [("RT__DEBUG__FAULT", fault)];
        world.rt_with(&args, input, if fault.is_empty() { &[] } else { &vars })
    }

    /// The turn that the worktree stands on.
    fn here(&self) -> Option<String> {
        let raw = std::fs::read(self.world.repo().join(".git/retort/cursor.json")).ok()?;
        let cursor: Value = serde_json::from_slice(&raw).expect("JSON");
        cursor["turn"].as_str().map(str::to_owned)
    }

    /// Looks at what a run did.
    pub(super) fn after(
        &mut self,
        rt: &Rt,
        args: &[String],
        answer: Option<Answer>,
        before: &State,
        here: Option<&str>,
        ran: &Ran,
    ) -> Outcome<()> {
        let after = self.state();
        let json: Vec<Value> = ran.out.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
        let turn = json.iter().find(|v| v["event"] == "turn");
        if ran.code.is_none_or(|code| !matches!(code, 0 | 1 | 5)) {
            return Err(format!("exit code {:?}", ran.code));
        }
        let nothing = Steps::default();
        match rt {
            Rt::Apply { .. } | Rt::Retry { .. } => {
                let outcome = turn.map_or("", |t| t["outcome"].as_str().expect("text"));
                let deltas = match (&answer, rt) {
                    (Some(answer), _) => answer.deltas.clone(),
                    // What it brings in is what the turn has, in the state in which the files are.
                    (None, _) => self.retried(args, before),
                };
                let steps = Steps::of([deltas.clone()]);
                if let (Some(answer), "applied" | "uncommitted") = (&answer, outcome) {
                    answer.is_exactly(before, &after, Files::Changed)?;
                }
                match outcome {
                    "applied" => {
                        self.commits(before, &after, turn.expect("it is there"))?;
                        self.compare(before, &after, &steps, Files::Changed, &Branch::May)?;
                    }
                    "uncommitted" => check(before, &after, &steps, Files::Changed, &Branch::Same)?,
                    _ => check(before, &after, &nothing, Files::Same, &Branch::Same)?,
                }
                self.learn(answer.map(|a| a.text), &deltas)
            }
            Rt::Undo { keep } => {
                let steps = match json.first() {
                    Some(done) if ran.code == Some(0) && *keep != 0 => {
                        self.steps(done["turns"].as_array().expect("turns"))?.inverse()
                    }
                    _ => nothing,
                };
                let branch = self.branch(json.first(), before, Some(&after))?;
                let files = if ran.code == Some(0) && *keep != 0 { Files::Changed } else { Files::Same };
                check(before, &after, &steps, files, &branch)?;
                self.learn(None, &Deltas::new())
            }
            Rt::Redo => {
                let steps = match json.first() {
                    Some(done) if ran.code == Some(0) => self.steps(done["turns"].as_array().expect("turns"))?,
                    _ => nothing,
                };
                if ran.code == Some(0) {
                    self.compare(before, &after, &steps, Files::Changed, &Branch::May)?;
                } else {
                    check(before, &after, &steps, Files::Same, &Branch::Same)?;
                }
                self.learn(None, &Deltas::new())
            }
            Rt::Checkout { .. } => {
                let target = args.last().expect("an address");
                let steps = if ran.code == Some(0) { self.way(here, target)? } else { nothing };
                let files = if ran.code == Some(0) { Files::Changed } else { Files::Same };
                check(before, &after, &steps, files, &Branch::Same)?;
                let deltas = changed(before, &after);
                self.learn(None, &deltas)
            }
            Rt::Resume { .. } | Rt::New => {
                check(before, &after, &nothing, Files::Same, &Branch::Same)?;
                self.learn(None, &Deltas::new())
            }
        }
    }

    /// The same as `check`, but with the user's own lines in a commit of their own before.
    fn compare(&self, before: &State, after: &State, steps: &Steps, files: Files, branch: &Branch) -> Outcome<()> {
        if self.policy != "commit-first" || after.commit == before.commit {
            return check(before, after, steps, files, branch);
        }
        // Then the user's lines of the files that were written are committed too: as if they had been before.
        let mut first = before.clone();
        for (path, place) in &mut first.places {
            let dirty = place.worktree != place.index || place.index != place.head;
            let theirs = place.head.is_some() || place.worktree.is_some();
            if steps.paths().contains(path) && dirty && theirs && place.index.is_some() {
                // Their lines, that is; an executable bit stays where they put it, unless HEAD does not have the file yet.
                let with = |mode: Option<&File>| {
                    let mut file = place.worktree.clone()?;
                    file.mode = mode.map_or(file.mode, |f| f.mode.clone());
                    Some(file)
                };
                let (mut index, head) = (with(place.head.as_ref().and(place.index.as_ref())), with(place.head.as_ref()));
                // What was staged otherwise stays staged: only what their commit brings is added.
                if let (Some(index), Some(old), Some(new), Some(staged)) = (&mut index, &place.head, &place.worktree, &place.index)
                    && old != staged
                {
                    index.bytes = super::reference::brought(&old.bytes, &new.bytes, &staged.bytes);
                }
                let now = after.place(path);
                if now.worktree != place.worktree || now.head == head {
                    (place.index, place.head) = (index, head);
                }
            }
        }
        check(&first, after, steps, files, branch)
    }

    /// What an undo says about the branch: the files of which each commit that it took back, or reverted, is out of HEAD.
    fn branch(&self, report: Option<&Value>, before: &State, after: Option<&State>) -> Outcome<Branch> {
        let commits = report.and_then(|r| r["commits"].as_array()).map_or(&[][..], Vec::as_slice);
        if commits.is_empty() {
            return Ok(Branch::Same);
        }
        let (mut head, mut paths) = (before.commit.as_str(), BTreeSet::new());
        for done in commits {
            let to = done["moved_to"].as_str().or(done["reverted_by"].as_str()).ok_or("it names no commit")?;
            // All of them go in one step. Where HEAD stays, there was no trace of any.
            if head != before.commit && to != head {
                return Err(format!("the branch moved twice: {commits:?}"));
            }
            if to != before.commit {
                let commit = done["commit"].as_str().expect("a commit");
                let names = self.world.git(&["show", "-z", "--format=", "--name-only", "--no-renames", commit]);
                paths.extend(names.split_terminator('\0').map(str::to_owned));
            }
            head = to;
        }
        match after {
            Some(after) if after.commit != head => Err(format!("HEAD is {}, and said to be {head}", after.commit)),
            _ => Ok(Branch::Must(paths)),
        }
    }

    /// A commit of the turn is on top of what was there.
    fn commits(&self, before: &State, after: &State, turn: &Value) -> Outcome<()> {
        let commit = turn["commit"].as_str().ok_or("an applied turn names no commit")?;
        if after.commit != commit {
            return Err(format!("HEAD is {}, not {commit}", after.commit));
        }
        let older = self.world.git(&["log", "--format=%P%n%(trailers:key=Retort-Turn,valueonly)", "-1", commit]);
        let key = turn["turn"].as_str().expect("a key");
        let fits = self.policy == "commit-first" || older.starts_with(&before.commit);
        if fits && older.contains(key) { Ok(()) } else { Err(format!("the commit's parent and turn are {older}")) }
    }

    /// What these turns of a report (the newest first) did, oldest first.
    fn steps(&self, turns: &[Value]) -> Outcome<Steps> {
        let mut all = Vec::new();
        for turn in turns.iter().rev() {
            // What a dead process had written went back, unless it was committed.
            let wrote = match turn["outcome"].as_str() {
                Some("recovered") => !turn["commit"].is_null(),
                outcome => matches!(outcome, Some("applied" | "uncommitted")),
            };
            let key = turn["turn"].as_str().expect("a key");
            let known = self.turns.get(key).ok_or_else(|| format!("turn {key} is new"))?;
            if wrote {
                all.push(known.deltas.clone());
            }
        }
        Ok(Steps::of(all))
    }

    /// What a retry makes of the files as they are.
    fn retried(&self, args: &[String], before: &State) -> Deltas {
        let of = |(path, delta): (&String, &Delta)| (path.clone(), delta.on_file(before.place(path).worktree.as_ref()));
        self.turns[args.last().expect("an address")].deltas.iter().map(of).collect()
    }

    /// What lies between two turns along the conversation.
    fn way(&self, from: Option<&str>, to: &str) -> Outcome<Steps> {
        let line = |key: &str| self.log(&[key]);
        let forth = line(to)?;
        let back = from.map(line).transpose()?.unwrap_or_default();
        let of = |all: &[Value], other: &[Value]| -> Outcome<Steps> {
            let known: BTreeSet<&str> = other.iter().filter_map(|t| t["turn"].as_str()).collect();
            let own = |t: &&Value| !known.contains(t["turn"].as_str().unwrap_or_default()) && t["kind"] != "note";
            self.steps(&all.iter().filter(own).cloned().collect::<Vec<_>>())
        };
        Ok(of(&back, &forth)?.inverse().then(of(&forth, &back)?))
    }

    fn log(&self, what: &[&str]) -> Outcome<Vec<Value>> {
        let ran = self.world.rt(&[&["log", "--json", "-n", "1000"], what].concat());
        if ran.code == Some(0) { Ok(ran.json()) } else { Err(format!("log {what:?}: {}", ran.err)) }
    }

    /// Takes in what is new on our refs; what was there must be there still.
    pub(super) fn learn(&mut self, answer: Option<String>, deltas: &Deltas) -> Outcome<()> {
        let all = self.world.git(&["for-each-ref", "--format=%(refname) %(objectname)", "refs/retort/sessions"]);
        let tips: BTreeMap<String, String> =
            all.lines().filter_map(|l| l.split_once(' ')).map(|(n, o)| (n.to_owned(), o.to_owned())).collect();
        for (name, old) in &self.tips {
            let new = tips.get(name).ok_or_else(|| format!("{name} is gone"))?;
            if new != old && self.world.try_git(&["merge-base", "--is-ancestor", old, new], b"").code != Some(0) {
                return Err(format!("{name} did not go forward"));
            }
        }
        if tips == self.tips {
            return Ok(());
        }
        self.tips = tips;
        let format = "--format=%(trailers:key=Retort-Turn,valueonly,separator=)";
        let keys = self.world.git(&["log", "--glob=refs/retort/sessions/*", format]);
        let keys: BTreeSet<String> = keys.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect();
        for key in keys.iter().filter(|key| !self.turns.contains_key(*key)).cloned().collect::<Vec<_>>() {
            self.turns.insert(key, Turn { deltas: deltas.clone(), answer: answer.clone() });
        }
        let lost: Vec<&String> = self.turns.keys().filter(|key| !keys.contains(*key)).collect();
        if lost.is_empty() { Ok(()) } else { Err(format!("turns are lost: {lost:?}")) }
    }

    /// The turns that are open.
    fn open(&self) -> Vec<String> {
        let Ok(all) = std::fs::read_dir(self.world.repo().join(".git/retort/wal")) else { return Vec::new() };
        let turn = |entry: std::io::Result<std::fs::DirEntry>| {
            let entry = entry.expect("an entry");
            let raw = std::fs::read(entry.path().join("open")).ok()?;
            // An undo or a redo says where it began and nothing else.
            let intent = serde_json::from_slice::<Value>(&raw).is_ok_and(|v| v["cursor"].is_string() && v["temp"].is_string());
            let name = entry.file_name().into_string().expect("text");
            (!intent && !name.starts_with('.')).then_some(name)
        };
        all.filter_map(turn).collect()
    }

    fn killed(&mut self, point: u16, rt: &Rt) -> Outcome<()> {
        let before = self.state();
        let Some((args, answer)) = self.command(&before, rt) else { return Ok(()) };
        // Where it can be killed is found out on a copy.
        let copy = self.world.copy();
        let trace = copy.top().join("trace");
        let ran = Self::start(&copy, &args, answer.as_ref(), &format!("trace={}", trace.display()));
        let points = std::fs::read_to_string(&trace).unwrap_or_default();
        let points: Vec<&str> = points.lines().collect();
        let Some(fault) = points.get(usize::from(point) % points.len().max(1)) else { return Ok(()) };
        let (done, went_well) = (self.reader.read(&copy), ran.code == Some(0));
        // What they take back or bring is what the copy reports.
        let reported: Value = ran.out.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        let here = self.here();
        let ran = Self::start(&self.world, &args, answer.as_ref(), fault);
        let at = |why: String| format!("killed at {fault}: {why}\n{}{}", ran.out, ran.err);
        if ran.code.is_some() {
            return Err(at(format!("it was not killed: {:?}", ran.code)));
        }
        self.kills += 1;
        let open = self.open();
        let torn = self.state();
        for (path, place) in &torn.places {
            let now = &place.worktree;
            let temporary = path.rsplit('/').next().is_some_and(|name| name.starts_with('.') && name.contains(".tmp"));
            // A command that fails may be on the way back; then the next start goes back all the way, which is looked at below.
            if !temporary && went_well && *now != before.place(path).worktree && *now != done.place(path).worktree {
                return Err(at(format!("{path} is neither before nor after: {now:?}")));
            }
        }
        let next = self.world.rt(&["status", "--json"]);
        let at = |why: String| at(format!("{why}\nthen: {}{}", next.out, next.err));
        if next.code != Some(0) {
            return Err(at(format!("the next start ends with {:?}", next.code)));
        }
        let after = self.state();
        let (steps, branch, deltas, text) = match rt {
            Rt::Apply { .. } => {
                let answer = answer.expect("an answer");
                answer.is_exactly(&before, &after, Files::AllOrNone).map_err(at)?;
                (Steps::of([answer.deltas.clone()]), Branch::May, answer.deltas, Some(answer.text))
            }
            Rt::Retry { .. } => {
                let deltas = self.retried(&args, &before);
                (Steps::of([deltas.clone()]), Branch::May, deltas, None)
            }
            Rt::Checkout { .. } => (
                self.way(here.as_deref(), args.last().expect("an address")).map_err(at)?,
                Branch::Same,
                changed(&before, &after),
                None,
            ),
            Rt::Undo { .. } | Rt::Redo => {
                let turns = reported["turns"].as_array().filter(|_| !matches!(rt, Rt::Undo { keep: 0 }));
                let steps = self.steps(turns.map_or(&[][..], Vec::as_slice)).map_err(at)?;
                let steps = if matches!(rt, Rt::Redo) { steps } else { steps.inverse() };
                let branch = if matches!(rt, Rt::Redo) { Ok(Branch::May) } else { self.branch(Some(&reported), &before, None) };
                (steps, branch.map_err(at)?, Deltas::new(), None)
            }
            Rt::Resume { .. } | Rt::New => (Steps::default(), Branch::Same, Deltas::new(), None),
        };
        if matches!(rt, Rt::Undo { .. }) {
            check(&before, &after, &steps, Files::AllOrNone, &branch).map_err(at)?;
        } else {
            self.compare(&before, &after, &steps, Files::AllOrNone, &branch).map_err(at)?;
        }
        self.learn(text, &deltas).map_err(at)?;
        // A checkout that did not come to its end leaves no trace.
        let dropped = matches!(rt, Rt::Checkout { .. }) && changed(&before, &after).is_empty();
        if let Some(key) = open.iter().find(|key| !self.turns.contains_key(*key) && !dropped) {
            return Err(at(format!("turn {key} was open and is not in the log")));
        }
        let again = self.world.rt(&["status", "--json"]);
        if (again.err.as_str(), &again.out) != ("", &next.out) {
            return Err(at(format!("the start after it differs: {}{}", again.out, again.err)));
        }
        Ok(())
    }

    /// What must hold when all is done.
    fn end(&mut self) -> Outcome<()> {
        let log = self.log(&["--all"])?;
        let _ = std::fs::remove_dir_all(self.world.top().join("home/.retort/data"));
        if self.log(&["--all"])? != log {
            return Err("the log is another one when the database is made anew".to_owned());
        }
        let keys: BTreeSet<&str> = log.iter().filter_map(|t| t["turn"].as_str()).collect();
        for (key, turn) in &self.turns {
            if !keys.contains(key.as_str()) {
                return Err(format!("{key} is not in the log"));
            }
            let Some(answer) = &turn.answer else { continue };
            let raw = self.world.rt(&["show", "--raw", key]).raw;
            if raw != answer.as_bytes() {
                return Err(format!("{key} has another answer: {:?}", String::from_utf8_lossy(&raw)));
            }
        }
        let ran = self.world.rt(&["index", "check"]);
        if ran.code != Some(0) {
            return Err(format!("index check: {}{}", ran.out, ran.err));
        }
        fsck(&self.world, "at the end");
        tidy(&self.world, "at the end");
        Ok(())
    }
}

/// What the files of two states have different.
fn changed(before: &State, after: &State) -> Deltas {
    let paths: BTreeSet<&String> = before.places.keys().chain(after.places.keys()).collect();
    let mut out = Deltas::new();
    for path in paths {
        let (old, new) = (before.place(path), after.place(path));
        if old.worktree != new.worktree {
            out.insert(path.clone(), Delta::between(old.worktree.as_ref(), new.worktree.as_ref()));
        }
    }
    out
}
