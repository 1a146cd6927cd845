//! What a turn costs beside what git takes for the same edit: ratios within one run, so they mean the same on every machine.
//!
//! Invariants
//! - The two sides alternate, each in its own clone of the same fixture, and make the same edit; a run that did not commit it is an error,
//!   never a measurement.
//! - git runs as its users run it: no option of ours makes it slower or faster than it is.

mod doubling;
pub(crate) mod edits;
mod page;
mod server;
pub(crate) mod wire;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixtures::{self, COUNTER, Recipe};
use crate::measure::{self, Cost};
use crate::shell;

/// What the command line asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    runs: usize,
    write: bool,
    /// git against itself: the ratios must come out near 1, or the measuring is at fault.
    git_only: bool,
}

impl Options {
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        let mut options = Self { runs: 21, write: false, git_only: false };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--write" => options.write = true,
                "--git-only" => options.git_only = true,
                "--runs" => {
                    let number = args.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                    options.runs = number.ok_or("--runs takes a number above 0")?;
                }
                other => return Err(format!("bench knows --runs N, --write and --git-only, not {other}")),
            }
        }
        Ok(options)
    }
}

/// One comparison: medians of both sides and what is aimed at.
struct Row {
    what: String,
    rt: Cost,
    git: Cost,
    most: f64,
    peak: Option<u64>,
}

/// The largest resident set a turn may have, bytes.
const PEAK: u64 = 30_000_000;

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let rt = if options.git_only { PathBuf::from("git") } else { shell::build_rt(&["--release"])? };
    let place = shell::target().join("bench");
    shell::remove(&place)?;
    let home = place.join("home");
    shell::write(&home.join("gitconfig"), b"[user]\n\tname = Ada Example\n\temail = ada@example.invalid\n")?;
    let server = server::Server::start().map_err(|e| format!("cannot open a port on loopback: {e}"))?;
    let mut rows = Vec::new();
    for recipe in Recipe::ALL {
        let (ours, theirs) = (place.join(format!("{}-rt", recipe.name())), place.join(format!("{}-git", recipe.name())));
        for clone in [&ours, &theirs] {
            fixtures::copy(recipe, clone)?;
        }
        server.serve(&ours.join(COUNTER));
        let turn = || {
            if options.git_only {
                return git_commit(&ours, &home);
            }
            committed(&ours, &|| measure::cost(&turn_command(&rt, &ours, &home, server.port())))
        };
        let (rt, git) = alternate(options.runs, &turn, &|| git_commit(&theirs, &home))?;
        rows.push(Row { what: format!("whole turn, {} repository", recipe.name()), rt, git, most: 3.0, peak: Some(PEAK) });
    }
    let version = |program: &Path| measure::cost(child(program, &home, &home).arg("--version"));
    let (ours, theirs) = alternate(options.runs, &|| version(&rt), &|| version(Path::new("git")))?;
    rows.push(Row { what: "`--version`".to_owned(), rt: ours, git: theirs, most: 2.0, peak: None });
    let table = table(&rows);
    print!("{table}");
    if options.git_only {
        println!("git against itself: every ratio is 1 as far as the measuring goes");
        return Ok(());
    }
    if options.write {
        page::put(HEADING, &turns(&table, options.runs)?)?;
    }
    if rows.iter().all(Row::passes) { Ok(()) } else { Err("a target is missed: the rows that say FAIL".to_owned()) }
}

/// A program as a user would run it, with a home of its own.
fn child(program: &Path, dir: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir).env("HOME", home).env("GIT_CONFIG_GLOBAL", home.join("gitconfig")).env("GIT_CONFIG_NOSYSTEM", "1");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

fn turn_command(rt: &Path, dir: &Path, home: &Path, port: u16) -> Command {
    let mut command = child(rt, dir, home);
    command.args(["--model", "gemini/flash", "-m", &format!("bump the counter in {COUNTER}")]);
    command.env("RT_HOME", home.join(".retort")).env("GEMINI_API_KEY", "test-key-not-real");
    command.env("RT__PROVIDERS__GEMINI__BASE_URL", format!("http://127.0.0.1:{port}"));
    command
}

/// `git add` and `git commit` of the next number; the edit itself is not measured.
fn git_commit(dir: &Path, home: &Path) -> Result<Cost, String> {
    let git = || child(Path::new("git"), dir, home);
    committed(dir, &|| {
        let file = dir.join(COUNTER);
        let text = shell::read(&file)?;
        let (old, new) = fixtures::next_line(&text).ok_or("the counter file has no counter")?;
        shell::write(&file, text.replace(&old, &new).as_bytes())?;
        let added = measure::cost(git().args(["add", COUNTER]))?;
        Ok(added.then(measure::cost(git().args(["commit", "-m", "Bump the counter"]))?))
    })
}

/// Runs `work` and makes sure that it committed the next number, and nothing else.
fn committed(dir: &Path, work: &dyn Fn() -> Result<Cost, String>) -> Result<Cost, String> {
    let at = |rev: &str| shell::text(shell::git(dir, 0).args(["show", &format!("{rev}:{COUNTER}")]));
    let before = at("HEAD")?;
    let cost = work()?;
    let wanted = fixtures::next_line(&before).map(|(old, new)| before.replace(&old, &new));
    let changed = shell::text(shell::git(dir, 0).args(["diff", "--name-only", "HEAD^", "HEAD"]))?;
    if Some(at("HEAD")?) != wanted || changed.trim() != COUNTER || shell::read(&dir.join(COUNTER)).ok() != wanted {
        return Err(format!("the run in {} did not commit the next number, only that", dir.display()));
    }
    Ok(cost)
}

/// The medians of `runs` alternating runs of both, after one unmeasured run of each.
fn alternate(
    runs: usize,
    first: &dyn Fn() -> Result<Cost, String>,
    second: &dyn Fn() -> Result<Cost, String>,
) -> Result<(Cost, Cost), String> {
    first()?;
    second()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        ours.push(first()?);
        theirs.push(second()?);
    }
    Ok((median(&ours), median(&theirs)))
}

/// Median of the times; the largest of the peaks, since a limit is a limit.
fn median(costs: &[Cost]) -> Cost {
    let mut cpu: Vec<u64> = costs.iter().map(|c| c.cpu).collect();
    cpu.sort_unstable();
    Cost { cpu: cpu.get(cpu.len() / 2).copied().unwrap_or_default(), peak: costs.iter().map(|c| c.peak).max().unwrap_or_default() }
}

impl Row {
    fn ratio(&self) -> f64 {
        self.rt.cpu as f64 / self.git.cpu.max(1) as f64
    }

    fn passes(&self) -> bool {
        self.ratio() <= self.most && self.peak.is_none_or(|most| self.rt.peak * 1024 < most)
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| what | rt CPU ms | git CPU ms | ratio | at most | rt peak MB | git peak MB | under | |\n|---|--:|--:|--:|--:|--:|--:|--:|---|\n",
    );
    for row in rows {
        let (ms, mb) = (|cost: Cost| cost.cpu as f64 / 1000.0, |cost: Cost| cost.peak as f64 * 1024.0 / 1e6);
        let peak = row.peak.map_or("–".to_owned(), |most| format!("{}", most / 1_000_000));
        text += &format!(
            "| {} | {:.1} | {:.1} | {:.2} | {} | {:.1} | {:.1} | {peak} | {} |\n",
            row.what,
            ms(row.rt),
            ms(row.git),
            row.ratio(),
            row.most,
            mb(row.rt),
            mb(row.git),
            if row.passes() { "pass" } else { "FAIL" },
        );
    }
    text
}

/// Opens the part of docs/benchmarks.md that is about turns, which is the first.
const HEADING: &str = "# Benchmarks";

fn turns(table: &str, runs: usize) -> Result<String, String> {
    Ok(format!(
        "{HEADING}\n\nWritten by `cargo xtask bench --write`. Processor time is user + system of the program and all that it waited for, median of \
         {runs} alternating runs in one go; peak is the largest resident set of any run. The model is a server on loopback that answers at once; \
         every turn begins a session, so the last run has all the others beside it. git makes the same edit with `git add` and `git commit`. Only the ratios are comparable between machines.\n\n{table}\n{}",
        stamp()?,
    ))
}

/// On what was measured.
fn stamp() -> Result<String, String> {
    let root = shell::root();
    let commit = shell::text(shell::git(&root, 0).args(["describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]))?;
    let git = shell::text(shell::git(&root, 0).arg("--version"))?;
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu =
        cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    Ok(format!("Commit {}, {}, {} ({cores} cores).\n", commit.trim(), git.trim(), cpu.unwrap_or("unknown processor")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read_whole() {
        let whole = Options { runs: 5, write: true, git_only: false };
        assert_eq!(Options::parse(&["--runs", "5", "--write"]), Ok(whole));
        for wrong in [&["--runs"][..], &["--runs", "0"], &["--run"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_row_fails_by_time_or_by_memory() {
        let row = |cpu, peak| Row {
            what: String::new(),
            rt: Cost { cpu, peak },
            git: Cost { cpu: 10, peak: 0 },
            most: 3.0,
            peak: Some(PEAK),
        };
        assert!(row(30, 29_000).passes());
        assert!(!row(31, 29_000).passes());
        assert!(!row(30, 29_400).passes());
        let costs = [5, 1, 9].map(|n| Cost { cpu: n, peak: n });
        assert_eq!(median(&costs), Cost { cpu: 5, peak: 9 });
    }
}
