//! The only spawner of processes.
//!
//! Invariants
//! - A child gets exactly the program, arguments, directory and extra variables that it is given; arguments are never
//!   pasted into a shell line here.
//! - Both of a child's output pipes are read while its input is written, so no child can block on a full pipe.
#![expect(clippy::disallowed_methods, reason = "this module owns spawning")]

pub mod background;
pub mod bounded;
pub mod fault;
pub mod streamed;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// A process to run.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    program: OsString,
    args: Vec<OsString>,
    directory: Option<PathBuf>,
    env: Vec<(OsString, OsString)>,
    unset: Vec<OsString>,
    /// Whether nothing is inherited.
    bare: bool,
    input: Vec<u8>,
    file: Option<Arc<File>>,
}

/// What a process left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// Its standard error as text, without the final newline.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim_end().to_owned()
    }
}

impl Spec {
    pub fn new(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), ..Self::default() }
    }

    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    #[must_use]
    pub fn args<I: IntoIterator<Item: Into<OsString>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Where it runs.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Takes a variable away that would be inherited; one that is set for the child stays.
    #[must_use]
    pub fn without_env(mut self, key: impl Into<OsString>) -> Self {
        self.unset.push(key.into());
        self
    }

    /// Takes all variables away that would be inherited; those that are set for the child stay.
    #[must_use]
    pub fn without_any_env(mut self) -> Self {
        self.bare = true;
        self
    }

    /// What it reads on standard input.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// The same from a file, from where that stands. Its lock is the child's too, from the first moment to its last.
    #[must_use]
    pub fn input_file(mut self, file: File) -> Self {
        self.file = Some(Arc::new(file));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        if self.bare {
            command.env_clear();
        }
        self.unset.iter().for_each(|key| {
            command.env_remove(key);
        });
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    /// Runs it to its end and collects what it printed.
    pub fn run(&self) -> io::Result<Output> {
        self.run_noted(|_| {})
    }

    /// The same; `started` is told the process's number.
    pub fn run_noted(&self, started: impl FnOnce(u32)) -> io::Result<Output> {
        let stdin = self.file.as_ref().map_or(Ok(Stdio::piped()), |file| file.try_clone().map(Stdio::from))?;
        let mut child = self.command().stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        started(child.id());
        let (stdin, input) = (child.stdin.take(), self.input.clone());
        // A child that does not read its input closes the pipe; that is its business, not an error of ours.
        std::thread::spawn(move || stdin.map(|mut pipe| pipe.write_all(&input)));
        let out = child.stdout.take().map(collect);
        let errors = child.stderr.take().map(collect);
        let code = child.wait()?.code();
        Ok(Output { code, stdout: collected(out), stderr: collected(errors) })
    }

    /// Runs it on our own terminal; `None` when a signal ended it.
    pub fn run_attached(&self) -> io::Result<Option<i32>> {
        Ok(self.command().status()?.code())
    }
}

/// How long a child's output is waited for after its end. A process that it left in the background may hold its pipes for
/// ever; what the child itself wrote is there by then.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// The same where that process goes on writing.
const AT_LAST: Duration = Duration::from_secs(2);

/// Reads a pipe to its end on a thread of its own.
fn collect(mut pipe: impl io::Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match pipe.read(&mut buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(read @ 1..) if send.send(buffer[..read].to_vec()).is_ok() => {}
                _ => break,
            }
        }
    });
    receive
}

fn collected(pieces: Option<mpsc::Receiver<Vec<u8>>>) -> Vec<u8> {
    let (mut out, end) = (Vec::new(), Instant::now() + AT_LAST);
    let left = || AFTERWARDS.min(end.saturating_duration_since(Instant::now()));
    while let Some(Ok(piece)) = pieces.as_ref().map(|p| p.recv_timeout(left())) {
        out.extend(piece);
        if Instant::now() >= end {
            break;
        }
    }
    out
}

/// Names a living process so that another one that gets its number later is not taken for it; `None` when it is dead.
pub fn identity(pid: u32) -> Option<String> {
    let known = rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)?;
    // Another user's lives, too.
    if rustix::process::test_kill_process(known) == Err(rustix::io::Errno::SRCH) {
        return None;
    }
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return Some(pid.to_string()) };
    // After the name in brackets: the state, and as the 20th word from there the time at which it began.
    let words: Vec<&str> = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let dead = matches!(words.first(), Some(&"Z" | &"X"));
    (!dead).then(|| format!("{pid} {}", words.get(19).unwrap_or(&"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_input_and_output_do_not_block() {
        let input = vec![b'x'; 1 << 20];
        let out =
            Spec::new("sh").args(["-c", "cat; head -c 300000 /dev/zero >&2; exit 3"]).input(input.clone()).run().expect("runs");
        assert_eq!((out.code, out.stdout.len(), out.stderr.len()), (Some(3), input.len(), 300_000));
    }

    #[test]
    fn what_a_child_leaves_running_is_not_waited_for() {
        // The gate is never opened from outside: the one in the background ends with the directory.
        let dir = tempfile::tempdir().expect("a directory");
        let gate = dir.path().join("gate");
        let script = "mkfifo \"$1\"; (read line < \"$1\") & echo done";
        let out = Spec::new("sh").args(["-c", script, "sh"]).arg(&gate).run().expect("runs");
        assert_eq!((out.code, out.stdout), (Some(0), b"done\n".to_vec()));
        std::fs::write(&gate, "go\n").expect("opened");
    }

    #[test]
    fn the_living_are_told_from_the_dead() {
        let mut child = Spec::new("cat").command().stdin(Stdio::piped()).spawn().expect("starts");
        let one = identity(child.id());
        assert!(one.is_some() && one == identity(child.id()));
        drop(child.stdin.take());
        child.wait().expect("ends");
        assert_eq!(identity(child.id()), None);
    }

    #[test]
    fn who_goes_on_writing_for_ever_is_not_waited_for() {
        // It ends when nobody reads from it any more.
        let out = Spec::new("sh").args(["-c", "while :; do echo more; done & echo first"]).run().expect("runs");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.success() && text.contains("first"), "{text:.100}");
    }

    #[test]
    fn a_child_that_ignores_its_input_is_no_error() {
        let out = Spec::new("true").input(vec![b'x'; 1 << 20]).run().expect("runs");
        assert!(out.success());
    }
}
