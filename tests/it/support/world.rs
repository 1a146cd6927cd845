//! A hermetic place to run the program in: its own home, repository, configuration and environment.
//!
//! Invariants
//! - The program gets exactly the variables that are set here; nothing of the machine's home, time or order of runs reaches it.
//! - Clock and ids are numbered: run n of a world starts n hours after the epoch of the tests, with seed n.
#![expect(clippy::disallowed_methods, reason = "tests start the program and git themselves")]
#![expect(clippy::print_stderr, reason = "a test that cannot run here says so")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// A repository, a home and the variables of a user.
pub(crate) struct World {
    dir: tempfile::TempDir,
    vars: BTreeMap<String, String>,
    runs: AtomicU64,
}

/// What a program left.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    /// `None`: a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) raw: Vec<u8>,
}

impl Ran {
    /// The same, if it went well.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// The same, if it ended with this code.
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// stdout as JSON, one value a line.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }
}

impl World {
    /// An empty repository on branch `main`.
    pub(crate) fn new() -> Self {
        let dir = directory();
        for name in ["repo", "home"] {
            std::fs::create_dir(dir.path().join(name)).expect("made");
        }
        let config = dir.path().join("home/gitconfig");
        std::fs::write(
            &config,
            "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n",
        )
        .expect("written");
        let vars = vars(dir.path());
        let world = Self { dir, vars, runs: AtomicU64::new(0) };
        world.git(&["init", "-q"]);
        world
    }

    /// The same world in another place; both go on from here.
    pub(crate) fn copy(&self) -> Self {
        let dir = directory();
        copy(self.top(), dir.path());
        let mut all = self.vars.clone();
        all.extend(vars(dir.path()));
        Self { dir, vars: all, runs: AtomicU64::new(self.runs.load(Ordering::SeqCst)) }
    }

    /// A repository with these files in one commit.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let world = Self::new();
        for (path, text) in files {
            world.write(path, text);
        }
        world.git(&["add", "-A"]);
        world.git(&["commit", "-q", "-m", "first"]);
        world
    }

    /// Lets the program talk to a model at this address, as Gemini.
    pub(crate) fn gemini(mut self, url: &str) -> Self {
        self.set("GEMINI_API_KEY", "a-key-that-is-not-real");
        self.set("RT__PROVIDERS__GEMINI__BASE_URL", url);
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.vars.insert(name.to_owned(), value.to_owned());
    }

    /// The repository's root.
    pub(crate) fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    /// The directory that holds the repository and the home.
    pub(crate) fn top(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let full = self.repo().join(path);
        std::fs::create_dir_all(full.parent().expect("a parent")).expect("made");
        std::fs::write(full, text).expect("written");
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.repo().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.repo().join(path).exists()
    }

    /// Runs git in the repository; it must go well.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.repo(), args)
    }

    /// Runs git in the repository with something on standard input; it must go well.
    pub(crate) fn git_input(&self, args: &[&str], input: &[u8]) -> String {
        let ran = self.run_in(&self.repo(), "git", args, input, &[]);
        assert_eq!(ran.code, Some(0), "git {args:?}\n{}{}", ran.out, ran.err);
        ran.out
    }

    /// Runs git in a directory; it must go well.
    pub(crate) fn git_in(&self, directory: &Path, args: &[&str]) -> String {
        let ran = self.run_in(directory, "git", args, b"", &[]);
        assert_eq!(ran.code, Some(0), "git {args:?}\n{}{}", ran.out, ran.err);
        ran.out
    }

    /// Runs another program in the repository.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Ran {
        self.run_in(&self.repo(), program, args, b"", &[])
    }

    /// Runs the program in the repository.
    #[must_use = "a test looks at how a run went"]
    pub(crate) fn rt(&self, args: &[&str]) -> Ran {
        self.rt_with(args, b"", &[])
    }

    /// Runs the program with something on standard input and more variables.
    #[must_use = "a test looks at how a run went"]
    pub(crate) fn rt_with(&self, args: &[&str], input: &[u8], vars: &[(&str, &str)]) -> Ran {
        self.rt_in(&self.repo(), args, input, vars)
    }

    /// Runs a line of a shell in the repository, with the program on its path and both streams in one, as on a terminal.
    pub(crate) fn sh(&self, line: &str) -> Ran {
        let bin = self.dir.path().join("bin");
        if !bin.exists() {
            std::fs::create_dir(&bin).expect("made");
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rt"), bin.join("rt")).expect("linked");
        }
        let path = format!("{}:{}", bin.display(), self.vars["PATH"]);
        let (clock, seed) = self.stamp();
        let vars = [("RT__DEBUG__CLOCK", clock.as_str()), ("RT__DEBUG__SEED", &seed), ("PATH", &path)];
        self.run_in(&self.repo(), "sh", &["-c", &format!("exec 2>&1\n{line}")], b"", &vars)
    }

    /// The next run's clock and seed.
    fn stamp(&self) -> (String, String) {
        let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        (format!("2026-03-{:02}T{:02}:00:00Z", 1 + run / 24, run % 24), run.to_string())
    }

    /// Runs the program in a directory.
    #[must_use = "a test looks at how a run went"]
    pub(crate) fn rt_in(&self, directory: &Path, args: &[&str], input: &[u8], vars: &[(&str, &str)]) -> Ran {
        let (clock, seed) = self.stamp();
        let mut all = vec![("RT__DEBUG__CLOCK", clock.as_str()), ("RT__DEBUG__SEED", seed.as_str())];
        all.extend(vars);
        self.run_in(directory, env!("CARGO_BIN_EXE_rt"), args, input, &all)
    }

    /// Runs the program in the repository under `strace` with these options.
    #[must_use = "a test looks at how a run went"]
    pub(crate) fn traced(&self, options: &[&str], args: &[&str]) -> Ran {
        let (clock, seed) = self.stamp();
        let vars = [("RT__DEBUG__CLOCK", clock.as_str()), ("RT__DEBUG__SEED", seed.as_str())];
        let all = [options, &[env!("CARGO_BIN_EXE_rt")], args].concat();
        self.run_in(&self.repo(), "strace", &all, b"", &vars)
    }

    /// Whether there is an `strace` that may trace; says so if not.
    pub(crate) fn can_trace(&self) -> bool {
        let ran = self.run("sh", &["-c", "command -v strace >/dev/null && strace -f -o /dev/null true 2>/dev/null"]);
        if ran.code != Some(0) {
            eprintln!("skipped: strace is missing, or may not trace here");
        }
        ran.code == Some(0)
    }

    fn run_in(&self, directory: &Path, program: impl AsRef<OsStr>, args: &[&str], input: &[u8], vars: &[(&str, &str)]) -> Ran {
        use std::io::Write as _;
        let mut command = Command::new(program);
        command.args(args).current_dir(directory).env_clear().envs(&self.vars).envs(vars.iter().copied());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // Whoever does not read its input closes the pipe.
            let _ = stdin.write_all(&input);
        });
        let out = child.wait_with_output().expect("it ends");
        writer.join().expect("the writer ends");
        Ran {
            code: out.status.code(),
            out: String::from_utf8_lossy(&out.stdout).into_owned(),
            err: String::from_utf8_lossy(&out.stderr).into_owned(),
            raw: out.stdout,
        }
    }

    /// Runs git in the repository, whatever comes of it.
    #[must_use = "a test looks at how a run went"]
    pub(crate) fn try_git(&self, args: &[&str], input: &[u8]) -> Ran {
        self.run_in(&self.repo(), "git", args, input, &[])
    }

    /// The program in the repository, not started yet.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        let mut command = Command::new(env!("CARGO_BIN_EXE_rt"));
        command.args(args).current_dir(self.repo()).env_clear().envs(&self.vars);
        command.env("RT__DEBUG__CLOCK", "2026-03-01T00:00:00Z").env("RT__DEBUG__SEED", run.to_string());
        command
    }

    /// Starts the program in the repository with nothing on standard input; whoever asked reads what it says.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    /// Makes an executable hook of the repository.
    pub(crate) fn hook(&self, name: &str, script: &str) {
        self.program(&format!(".git/hooks/{name}"), script);
    }

    /// Makes a program, at a path as seen from the repository. A child writes it: a child of another test that is just
    /// starting would have a copy of our descriptor, and git cannot run a file that somebody has open for writing.
    pub(crate) fn program(&self, path: &str, script: &str) {
        let write = r#"mkdir -p "$(dirname "$1")" && cat > "$1" && chmod 755 "$1""#;
        let script = format!("#!/bin/sh\n{script}\n");
        let _ = self.run_in(&self.repo(), "sh", &["-c", write, "sh", path], script.as_bytes(), &[]).ok();
    }

    /// The content of every object in the repository, in one piece.
    pub(crate) fn all_objects(&self) -> Vec<u8> {
        self.try_git(&["cat-file", "--batch-all-objects", "--batch"], b"").raw
    }

    /// All refs outside `refs/retort/`, one a line.
    pub(crate) fn foreign_refs(&self) -> String {
        let all = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        all.split_inclusive('\n').filter(|l| !l.starts_with("refs/retort/")).collect()
    }
}

/// A directory in memory, where the system has room there: what is synced is ready at once.
fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(memory).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_bsize));
    // As long as a name in `/tmp`: the columns of what is printed depend on it.
    let dir =
        if room > 2 << 30 { tempfile::Builder::new().prefix("").rand_bytes(6).tempdir_in(memory) } else { tempfile::tempdir() };
    dir.expect("a directory")
}

/// The variables of a user whose world is in this directory.
fn vars(top: &Path) -> BTreeMap<String, String> {
    let shown = |path: &Path| path.display().to_string();
    let vars = [
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("HOME", shown(&top.join("home"))),
        ("GIT_CONFIG_GLOBAL", shown(&top.join("home/gitconfig"))),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z".to_owned()),
        ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z".to_owned()),
        ("GIT_CEILING_DIRECTORIES", shown(top)),
        ("TZ", "UTC".to_owned()),
        ("TMPDIR", shown(top)),
        // No server of this machine is asked by accident.
        ("RT__MODEL__LOCAL_SERVERS", String::new()),
    ];
    vars.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        if here.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&here).expect("a link"), &there).expect("linked");
        } else if here.is_dir() {
            std::fs::create_dir_all(&there).expect("made");
            copy(&here, &there);
        } else {
            std::fs::copy(&here, &there).expect("copied");
        }
    }
}

/// An answer with one search/replace edit.
pub(crate) fn edit(path: &str, search: &str, replace: &str) -> String {
    format!("I change it.\n\n{path}\n```\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n```\n")
}

/// The lines of a diff that begin with a sign, without file headers: what a person would say has changed.
pub(crate) fn signed(diff: &str) -> Vec<String> {
    let header = |line: &&str| line.starts_with("+++ ") || line.starts_with("--- ");
    diff.lines().filter(|l| l.starts_with(['+', '-'])).filter(|l| !header(l)).map(str::to_owned).collect()
}

/// Whether `needle` is somewhere in `hay`.
pub(crate) fn holds(hay: &[u8], needle: &str) -> bool {
    hay.windows(needle.len()).any(|w| w == needle.as_bytes())
}

/// A frame without what every change of a template or one more look at the clock would change: counts of tokens, durations.
pub(crate) fn steady(frame: &str) -> String {
    let is_time = |word: &str| word.strip_suffix('s').is_some_and(|n| n.parse::<f64>().is_ok());
    let line = |line: &str| {
        // How wrong an estimate may be depends on the turns before.
        let words: Vec<&str> = line.split(' ').filter(|word| !word.starts_with('±')).collect();
        let counted = |at: usize| words.get(at + 1).is_some_and(|next| *next == "tokens");
        let steady = words.iter().enumerate().map(|(at, w)| {
            if counted(at) {
                "N"
            } else if is_time(w) {
                "Ts"
            } else {
                w
            }
        });
        steady.collect::<Vec<_>>().join(" ")
    };
    frame.lines().map(|l| line(l) + "\n").collect()
}

/// How many bytes of an answer a turn in the repository there has kept; none as long as the place is not known.
pub(crate) fn received_at(place: &Arc<OnceLock<PathBuf>>) -> impl Fn() -> usize + Send + use<> {
    let place = Arc::clone(place);
    move || {
        let turns = place.get().map(|repo| std::fs::read_dir(repo.join(".git/retort/wal")));
        let raw = |turn: std::fs::DirEntry| std::fs::metadata(turn.path().join("raw")).map_or(0, |meta| meta.len() as usize);
        turns.and_then(Result::ok).into_iter().flatten().flatten().map(raw).max().unwrap_or_default()
    }
}
