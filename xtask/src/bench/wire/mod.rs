//! What it costs to read an answer, beside `curl` to a file from the same server.
//!
//! Invariants
//! - Both read the same bytes from the same server; a run that did not get all of them is an error, never a measurement.
//! - What runs is the client of a turn: it keeps the bytes in a file as `curl` does, and reads, redacts and shows the text
//!   beside. The whole turn is measured, too, beside `curl` and `git hash-object -w`, which keep as much.
//! - No answer is the same as one before, so nothing is found again.

mod serve;
mod streams;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::{alternate, child, page, stamp};
use crate::measure::{self, Cost};
use crate::shell;
use serve::Server;
use streams::{ALL, Recorded};

/// How long a long answer is, bytes; and in MB.
const LONG: usize = 10_000_000;
const MEGABYTES: f64 = 10.0;
/// So many answers at once.
const PARALLEL: usize = 200;
/// What each of them may take beside an idle process, bytes.
const EACH: f64 = 1_048_576.0;
/// How many times what `curl` takes.
const MOST: f64 = 2.0;

/// Opens the part of docs/benchmarks.md that is about this.
const HEADING: &str = "## The wire";

pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    let (mut runs, mut write) = (11, false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--runs" => {
                runs = args.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0).ok_or("--runs takes a number above 0")?;
            }
            "--write" => write = true,
            other => return Err(format!("bench wire knows --runs N and --write, not {other}")),
        }
    }
    let bench = Bench::new()?;
    let mut rows = Vec::new();
    for recorded in &ALL {
        rows.push(bench.client(recorded, runs)?);
    }
    rows.push(bench.turn(runs)?);
    let mut text = format!(
        "{HEADING}\n\n`cargo xtask bench wire`. Answers of 10 MB in the providers' own bytes, recorded ones with more words in them, from a server on \
         loopback. The client is that of a turn, without the turn (`rt debug stream`): it keeps the bytes in a file, reads them, and shows the text \
         without the secrets that may be in it; `curl` keeps the bytes in a file; neither waits for the disk. Processor time for each megabyte over an answer of one piece, \
         median of {runs} alternating runs; peak is the largest resident set.\n\n\
         | what | rt CPU ms/MB | beside | CPU ms/MB | ratio | at most | rt peak MB | |\n|---|--:|---|--:|--:|--:|--:|---|\n"
    );
    text.extend(rows.iter().map(Row::line));
    let (first, second) = bench.first_byte(runs)?;
    let early = first <= MOST * second;
    text += &format!(
        "\nThe first byte of a first answer is printed by `rt -m` {:.1} ms after it was started, by `curl` after {:.1} ms: {:.2} times, at most {MOST}: {}.\n",
        first * 1000.0,
        second * 1000.0,
        first / second,
        word(early),
    );
    let each = bench.parallel()?;
    text += &format!(
        "\n{PARALLEL} answers of 10 MB at once in one process take {:.0} KiB each beside what it takes for one short one; at most {:.0}: {}.\n\n{}",
        each / 1024.0,
        EACH / 1024.0,
        word(each <= EACH),
        stamp()?,
    );
    print!("{text}");
    if write {
        page::put(HEADING, &text)?;
    }
    if early && each <= EACH && rows.iter().all(Row::passes) { Ok(()) } else { Err("a target is missed: see FAIL".to_owned()) }
}

const fn word(passes: bool) -> &'static str {
    if passes { "pass" } else { "FAIL" }
}

/// What a megabyte costs.
struct Row {
    what: String,
    beside: &'static str,
    ours: f64,
    theirs: f64,
    peak: u64,
}

impl Row {
    /// From what a long and a short answer cost both.
    fn new(what: String, beside: &'static str, long: (Cost, Cost), short: (Cost, Cost)) -> Self {
        let more = |long: Cost, short: Cost| long.cpu.saturating_sub(short.cpu) as f64 / 1000.0 / MEGABYTES;
        Self { what, beside, ours: more(long.0, short.0), theirs: more(long.1, short.1), peak: long.0.peak }
    }

    fn ratio(&self) -> f64 {
        self.ours / self.theirs.max(0.001)
    }

    fn passes(&self) -> bool {
        self.ratio() <= MOST
    }

    fn line(&self) -> String {
        let Self { what, beside, ours, theirs, peak } = self;
        let (ratio, peak) = (self.ratio(), *peak as f64 * 1024.0 / 1e6);
        format!("| {what} | {ours:.2} | {beside} | {theirs:.2} | {ratio:.2} | {MOST} | {peak:.1} | {} |\n", word(self.passes()))
    }
}

/// What all measurements need.
struct Bench {
    rt: PathBuf,
    home: PathBuf,
    repo: PathBuf,
    /// Where answers are kept.
    kept: PathBuf,
}

impl Bench {
    fn new() -> Result<Self, String> {
        let rt = shell::build_rt(&["--release"])?;
        let place = shell::target().join("bench-wire");
        shell::remove(&place)?;
        let (home, repo, kept) = (place.join("home"), place.join("repo"), place.join("kept"));
        shell::write(&home.join("gitconfig"), b"[user]\n\tname = Ada Example\n\temail = ada@example.invalid\n")?;
        for dir in [&repo, &kept] {
            std::fs::create_dir_all(dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
        }
        let bench = Self { rt, home, repo, kept };
        for args in [&["init", "-q"][..], &["commit", "-q", "--allow-empty", "-m", "Begin"]] {
            shell::text(bench.git().args(args))?;
        }
        Ok(bench)
    }

    fn git(&self) -> Command {
        child(Path::new("git"), &self.repo, &self.home)
    }

    /// rt, for a model of this protocol at this server.
    fn rt(&self, recorded: &Recorded, port: u16) -> Command {
        let mut command = child(&self.rt, &self.repo, &self.home);
        command.env("RT_HOME", self.home.join(".retort"));
        let address = format!("http://127.0.0.1:{port}");
        command.envs(recorded.settings.iter().map(|(name, value)| (name, value.replace("{}", &address))));
        command
    }

    /// The client, once for each stream.
    fn stream(&self, recorded: &Recorded, port: u16, streams: usize) -> Command {
        let mut command = self.rt(recorded, port);
        command.args(["debug", "stream", "--model", recorded.model, "--streams", &streams.to_string(), "--to"]);
        command.arg(&self.kept).arg("go");
        command
    }

    fn curl(&self, port: u16) -> Command {
        let mut command = child(Path::new("curl"), &self.repo, &self.home);
        command.args(["-sS", "-N", "-d", "{}", "-o"]).arg(self.kept.join("curled"));
        command.arg(format!("http://127.0.0.1:{port}/"));
        command
    }

    fn curled(&self, server: &Server) -> Result<Cost, String> {
        let cost = measure::cost(&self.curl(server.port))?;
        has(&self.kept.join("curled"), server.sent)?;
        Ok(cost)
    }

    /// What the client of a protocol costs.
    fn client(&self, recorded: &Recorded, runs: usize) -> Result<Row, String> {
        let both = |length: usize| {
            let server = Server::start(recorded.stream(length)?, 1)?;
            let shown = self.kept.join("shown");
            let ours = || {
                let cost = measure::cost(&to(&self.stream(recorded, server.port, 1), &shown))?;
                has(&shown, server.text)?;
                has(&self.kept.join("1"), server.sent)?;
                Ok(cost)
            };
            alternate(runs, &ours, &|| self.curled(&server))
        };
        Ok(Row::new(format!("client, {}", recorded.what), "`curl`", both(LONG)?, both(0)?))
    }

    /// What a whole turn costs.
    fn turn(&self, runs: usize) -> Result<Row, String> {
        let recorded = &ALL[1];
        let both = |length: usize| {
            let server = Server::start(recorded.stream(length)?, 1)?;
            let shown = self.kept.join("shown");
            let ours = || {
                let mut command = self.rt(recorded, server.port);
                command.args(["--model", recorded.model, "-n", "-m", "go"]);
                let cost = measure::cost(&to(&command, &shown))?;
                has(&shown, server.text)?;
                Ok(cost)
            };
            let theirs = || {
                let curled = self.curled(&server)?;
                Ok(curled.then(measure::cost(self.git().args(["hash-object", "-w"]).arg(self.kept.join("curled")))?))
            };
            alternate(runs, &ours, &theirs)
        };
        let what = format!("whole turn, {}", recorded.what);
        Ok(Row::new(what, "`curl` and `git hash-object -w`", both(LONG)?, both(0)?))
    }

    /// How long it takes until the first byte of an answer is printed, seconds; medians.
    fn first_byte(&self, runs: usize) -> Result<(f64, f64), String> {
        let recorded = &ALL[1];
        let server = Server::start(recorded.stream(0)?, 1)?;
        let mut ours = self.rt(recorded, server.port);
        ours.args(["--model", recorded.model, "-n", "-m", "go"]);
        let mut theirs = child(Path::new("curl"), &self.repo, &self.home);
        theirs.args(["-sS", "-N", "-d", "{}"]).arg(format!("http://127.0.0.1:{}/", server.port));
        let mut times = (Vec::new(), Vec::new());
        for _ in 0..=runs {
            times.0.push(first_byte(&mut ours)?);
            times.1.push(first_byte(&mut theirs)?);
        }
        let median = |times: &mut Vec<f64>| {
            // The first run of each is a rehearsal.
            times.remove(0);
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        Ok((median(&mut times.0), median(&mut times.1)))
    }

    /// What each of many answers at once takes, bytes.
    fn parallel(&self) -> Result<f64, String> {
        let recorded = &ALL[1];
        let idle = {
            let server = Server::start(recorded.stream(0)?, 1)?;
            measure::cost(&to(&self.stream(recorded, server.port, 1), &self.kept.join("shown")))?
        };
        let server = Server::start(recorded.stream(LONG)?, PARALLEL)?;
        let busy = measure::cost(&self.stream(recorded, server.port, PARALLEL))?;
        for number in 1..=PARALLEL {
            let file = self.kept.join(number.to_string());
            has(&file, server.sent)?;
            std::fs::remove_file(&file).map_err(|e| format!("cannot remove {}: {e}", file.display()))?;
        }
        Ok(busy.peak.saturating_sub(idle.peak) as f64 * 1024.0 / PARALLEL as f64)
    }
}

/// The same with standard output in a file.
fn to(command: &Command, file: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "file=$1; shift; exec \"$@\" > \"$file\"", "sh"]).arg(file);
    shell.arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(dir) = command.get_current_dir() {
        shell.current_dir(dir);
    }
    shell
}

fn has(file: &Path, length: usize) -> Result<(), String> {
    let got = std::fs::metadata(file).map_err(|e| format!("{}: {e}", file.display()))?.len();
    if got == length as u64 { Ok(()) } else { Err(format!("{} has {got} bytes of {length}", file.display())) }
}

/// From its start to the first byte on standard output.
fn first_byte(command: &mut Command) -> Result<f64, String> {
    use std::io::Read as _;
    let failed = |e: std::io::Error| format!("{}: {e}", shell::shown(command));
    let begun = Instant::now();
    let mut child = Command::new(command.get_program());
    child.args(command.get_args()).env_clear();
    child.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    child.current_dir(command.get_current_dir().unwrap_or(Path::new("."))).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = child.spawn().map_err(failed)?;
    let mut out = child.stdout.take().ok_or("there is no pipe")?;
    let mut byte = [0];
    out.read_exact(&mut byte).map_err(failed)?;
    let time = begun.elapsed().as_secs_f64();
    std::io::copy(&mut out, &mut std::io::sink()).map_err(failed)?;
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(time) } else { Err(format!("{}: {status}", shell::shown(command))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_what_a_megabyte_costs_over_a_short_answer() {
        let cost = |cpu| Cost { cpu, peak: 2000 };
        let row = |ours| Row::new("x".to_owned(), "y", (cost(ours), cost(30_000)), (cost(10_000), cost(10_000)));
        assert_eq!(row(50_000).line(), "| x | 4.00 | y | 2.00 | 2.00 | 2 | 2.0 | pass |\n");
        assert_eq!((row(50_100).passes(), row(10_000).ratio()), (false, 0.0));
    }

    #[test]
    fn a_command_is_the_same_with_its_output_elsewhere() {
        let file = std::env::temp_dir().join(format!("xtask-to-{}", std::process::id()));
        let mut said = Command::new("sh");
        said.args(["-c", "echo \"$WORD\" it is"]).env("WORD", "so");
        assert!(to(&said, &file).status().unwrap().success());
        assert_eq!(shell::read(&file).unwrap(), "so it is\n");
        assert!(has(&file, 9).is_ok() && has(&file, 8).is_err());
        std::fs::remove_file(&file).unwrap();
    }
}
