//! A sequence carried out: the user's steps with git, the program's with the program, each of these compared with the model.
//!
//! Invariants
//! - A user's step that git refuses is none; one that ends in a conflict is taken back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::killed::{fsck, tidy};
use crate::support::world::{Ran, World};

use super::reference::{Branch, Delta, Deltas, Files, Steps, check};
use super::state::{File, Reader, State};
use super::{Edit, How, Op, Rt};

type Outcome<T> = Result<T, String>;

/// A turn as the test knows it.
struct Turn {
    deltas: Deltas,
    /// What must be found in what it stored.
    answer: Option<String>,
}

struct Sim {
    world: World,
    reader: Reader,
    /// `vcs.dirty`.
    policy: &'static str,
    turns: BTreeMap<String, Turn>,
    /// The tips of sessions.
    tips: BTreeMap<String, String>,
    lines: u32,
}

/// An answer, and what it does when all of it is applied.
struct Answer {
    text: String,
    deltas: Deltas,
}

/// Carries a sequence out.
pub(super) fn run(policy: u8, ops: &[Op]) -> Outcome<()> {
    let mut sim = Sim::new(["separate", "commit-first", "refuse"][usize::from(policy % 3)]);
    for (at, op) in ops.iter().enumerate() {
        sim.step(op).map_err(|why| format!("step {at}, {op:?}: {why}"))?;
    }
    sim.end()
}

const TEXTS: [&str; 5] = ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt", "e.txt"];

impl Sim {
    fn new(policy: &'static str) -> Self {
        let mut lines = 0;
        let mut text = |count: u32| {
            lines += count;
            (lines - count..lines).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat()
        };
        let files: Vec<(&str, String)> = TEXTS.iter().map(|name| (*name, text(9))).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
        let mut world = World::with(&files);
        world.set("RT__VCS__DIRTY", policy);
        world.git(&["branch", "side"]);
        Self { world, reader: Reader::default(), policy, turns: BTreeMap::new(), tips: BTreeMap::new(), lines }
    }

    fn line(&mut self, who: &str) -> String {
        self.lines += 1;
        format!("{who} {}\n", self.lines)
    }

    fn state(&self) -> State {
        self.reader.read(&self.world)
    }

    fn step(&mut self, op: &Op) -> Outcome<()> {
        match op {
            Op::Rt(rt) => self.rt(rt),
            Op::Killed { point, rt } => self.killed(*point, rt),
            Op::Both { first, second } => self.both(first, second),
            _ => {
                self.user(op);
                Ok(())
            }
        }
    }

    fn user(&mut self, op: &Op) {
        let before = self.state();
        let texts = before.texts();
        let pick = |n: u8| texts.get(usize::from(n) % texts.len().max(1)).cloned();
        let git = |args: &[&str]| self.world.try_git(args, b"").code == Some(0);
        match op {
            Op::Write { file, at, how } => {
                let Some(path) = pick(*file) else { return };
                let line = self.line("user");
                let text = self.world.read(&path);
                let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
                let at = usize::from(*at) % lines.len().max(1);
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
                if before.place(&path).worktree.is_none() {
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
                    _ => {
                        use std::os::unix::fs::PermissionsExt as _;
                        let mode = std::fs::Permissions::from_mode(0o755);
                        std::fs::set_permissions(self.world.repo().join(path), mode).expect("set");
                    }
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
                if !git(&["stash", "pop", "-q"]) && self.state().conflicted {
                    git(&["reset", "-q", "--hard"]);
                }
            }
            Op::Pushed => drop(git(&["update-ref", "refs/remotes/origin/main", "HEAD"])),
            Op::Gc => {
                git(&["reflog", "expire", "--expire=now", "--all"]);
                git(&["gc", "-q", "--prune=now"]);
            }
            Op::NoIndex => drop(std::fs::remove_dir_all(self.world.top().join("home/.retort/data"))),
            Op::Rt(_) | Op::Killed { .. } | Op::Both { .. } => unreachable!("not the user's"),
        }
    }

    /// An answer whose edits fit the files as they are.
    fn answer(&mut self, state: &State, edits: &[Edit], only: Option<bool>) -> Answer {
        let texts: Vec<String> = state
            .texts()
            .into_iter()
            .enumerate()
            .filter(|(n, _)| only.is_none_or(|even| (n % 2 == 0) == even))
            .map(|(_, p)| p)
            .collect();
        let token = self.line("answer");
        let mut answer = Answer { text: format!("{token}\n"), deltas: Deltas::new() };
        let mut seen = BTreeSet::new();
        for edit in edits {
            let path = match edit {
                Edit::Create { name } => Some(format!("new/{}{name}.txt", if only == Some(true) { "even" } else { "" })),
                Edit::Lines { file, .. } | Edit::Delete { file } => texts.get(usize::from(*file) % texts.len().max(1)).cloned(),
            };
            let Some(path) = path.filter(|path| seen.insert(path.clone())) else { continue };
            let now = state.place(&path).worktree;
            let line = self.line("model");
            let (said, then) = match (edit, &now) {
                (Edit::Create { .. }, None) => (block(&path, "", &line), Some(line.clone())),
                (Edit::Delete { .. }, Some(_)) => (format!("=== DELETE: {path} ===\n\n"), None),
                (Edit::Lines { at, how, .. }, Some(file)) => {
                    let text = String::from_utf8_lossy(&file.bytes).into_owned();
                    let lines: Vec<&str> = text.split_inclusive('\n').collect();
                    let Some(old) = lines.get(usize::from(*at) % lines.len().max(1)) else { continue };
                    let new = match how {
                        How::Change => line.clone(),
                        How::Insert => format!("{old}{line}"),
                        How::Delete => String::new(),
                    };
                    (block(&path, old, &new), Some(text.replacen(*old, &new, 1)))
                }
                _ => continue,
            };
            let then = then.map(|text| File { mode: "100644".to_owned(), bytes: text.into_bytes() });
            answer.deltas.insert(path, Delta::between(now.as_ref(), then.as_ref()));
            answer.text += &said;
        }
        answer
    }

    /// The command line, its input, and the answer in it.
    fn command(&mut self, state: &State, rt: &Rt) -> Option<(Vec<String>, Option<Answer>)> {
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

    fn start(world: &World, args: &[String], answer: Option<&Answer>, fault: &str) -> Ran {
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
    fn after(
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
                    (None, _) => self.turns[args.last().expect("an address")].deltas.clone(),
                };
                let steps = Steps::of([deltas.clone()]);
                match outcome {
                    "applied" => {
                        self.commits(before, &after, turn.expect("it is there"))?;
                        self.compare(before, &after, &steps, Files::Changed, Branch::May)?;
                    }
                    "uncommitted" => check(before, &after, &steps, Files::Changed, Branch::Same)?,
                    _ => check(before, &after, &nothing, Files::Same, Branch::Same)?,
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
                let moved = json.first().is_some_and(|d| d["commits"].as_array().is_some_and(|c| !c.is_empty()));
                let files = if ran.code == Some(0) && *keep != 0 { Files::Changed } else { Files::Same };
                check(before, &after, &steps, files, if moved { Branch::May } else { Branch::Same })?;
                self.learn(None, &Deltas::new())
            }
            Rt::Redo => {
                let steps = match json.first() {
                    Some(done) if ran.code == Some(0) => self.steps(done["turns"].as_array().expect("turns"))?,
                    _ => nothing,
                };
                if ran.code == Some(0) {
                    self.compare(before, &after, &steps, Files::Changed, Branch::May)?;
                } else {
                    check(before, &after, &steps, Files::Same, Branch::Same)?;
                }
                self.learn(None, &Deltas::new())
            }
            Rt::Checkout { .. } => {
                let target = args.last().expect("an address");
                let steps = if ran.code == Some(0) { self.way(here, target)? } else { nothing };
                let files = if ran.code == Some(0) { Files::Changed } else { Files::Same };
                check(before, &after, &steps, files, Branch::Same)?;
                let deltas = changed(before, &after);
                self.learn(None, &deltas)
            }
            Rt::Resume { .. } | Rt::New => {
                check(before, &after, &nothing, Files::Same, Branch::Same)?;
                self.learn(None, &Deltas::new())
            }
        }
    }

    /// The same as `check`, but with the user's own lines in a commit of their own before.
    fn compare(&self, before: &State, after: &State, steps: &Steps, files: Files, branch: Branch) -> Outcome<()> {
        if self.policy != "commit-first" || after.commit == before.commit {
            return check(before, after, steps, files, branch);
        }
        // Then the user's lines of the files that were edited are committed too: as if they had been before.
        let mut first = before.clone();
        for (path, place) in &mut first.places {
            let dirty = place.worktree != place.index || place.index != place.head;
            if steps.paths().contains(path) && dirty && place.index.is_some() {
                (place.index, place.head) = (place.worktree.clone(), place.worktree.clone());
            }
        }
        check(&first, after, steps, files, branch)
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
    fn learn(&mut self, answer: Option<String>, deltas: &Deltas) -> Outcome<()> {
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
        let done = self.reader.read(&copy);
        // What they take back or bring is what the copy reports.
        let reported: Value = ran.out.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        let here = self.here();
        let ran = Self::start(&self.world, &args, answer.as_ref(), fault);
        let at = |why: String| format!("killed at {fault}: {why}\n{}{}", ran.out, ran.err);
        if ran.code.is_some() {
            return Err(at(format!("it was not killed: {:?}", ran.code)));
        }
        let torn = self.state();
        for (path, place) in &torn.places {
            let now = &place.worktree;
            let temporary = path.rsplit('/').next().is_some_and(|name| name.starts_with('.') && name.contains(".tmp"));
            if !temporary && *now != before.place(path).worktree && *now != done.place(path).worktree {
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
                (Steps::of([answer.deltas.clone()]), Branch::May, answer.deltas, Some(answer.text))
            }
            Rt::Retry { .. } => {
                let deltas = self.turns[args.last().expect("an address")].deltas.clone();
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
                (steps, Branch::May, Deltas::new(), None)
            }
            Rt::Resume { .. } | Rt::New => (Steps::default(), Branch::Same, Deltas::new(), None),
        };
        if matches!(rt, Rt::Undo { .. }) {
            check(&before, &after, &steps, Files::AllOrNone, branch).map_err(at)?;
        } else {
            self.compare(&before, &after, &steps, Files::AllOrNone, branch).map_err(at)?;
        }
        self.learn(text, &deltas).map_err(at)?;
        let again = self.world.rt(&["status", "--json"]);
        if (again.err.as_str(), &again.out) != ("", &next.out) {
            return Err(at(format!("the start after it differs: {}{}", again.out, again.err)));
        }
        Ok(())
    }

    fn both(&mut self, first: &[Edit], second: &[Edit]) -> Outcome<()> {
        let before = self.state();
        let answers = [self.answer(&before, first, Some(true)), self.answer(&before, second, Some(false))];
        let args: Vec<String> = ["apply", "--json"].map(str::to_owned).into();
        let rans = std::thread::scope(|scope| {
            let (world, args) = (&self.world, &args);
            let runs = answers.each_ref().map(|answer| {
                scope.spawn(move || {
                    let args: Vec<&str> = args.iter().map(String::as_str).collect();
                    world.rt_with(&args, answer.text.as_bytes(), &[])
                })
            });
            runs.map(|run| run.join().expect("it runs"))
        });
        let after = self.state();
        let mut all = Deltas::new();
        let said = format!("{}{}{}{}", rans[0].out, rans[0].err, rans[1].out, rans[1].err);
        for (answer, ran) in answers.iter().zip(&rans) {
            let turn = ran.out.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok()).find(|v| v["event"] == "turn");
            let turn = turn.ok_or_else(|| format!("no turn: {said}"))?;
            if matches!(turn["outcome"].as_str(), Some("applied" | "uncommitted")) {
                all.extend(answer.deltas.clone());
            }
            let key = turn["turn"].as_str().expect("a key").to_owned();
            self.turns.insert(key, Turn { deltas: answer.deltas.clone(), answer: Some(answer.text.clone()) });
        }
        let steps = Steps::of([all.clone()]);
        self.compare(&before, &after, &steps, Files::Changed, Branch::May).map_err(|e| format!("{e}\n{said}"))?;
        self.learn(None, &Deltas::new()).map_err(|e| format!("{e}\n{said}"))
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

const BRANCHES: [&str; 2] = ["main", "side"];

fn block(path: &str, search: &str, replace: &str) -> String {
    format!("{path}\n```\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n```\n\n")
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
