//! The only spawner of processes.
//!
//! Invariants
//! - A child gets exactly the program, arguments, directory and extra variables that it is given; arguments are never
//!   pasted into a shell line here.
//! - Both of a child's output pipes are read while its input is written, so no child can block on a full pipe.
#![expect(clippy::disallowed_methods, reason = "this module owns spawning")]

pub mod fault;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// A process to run.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    program: OsString,
    args: Vec<OsString>,
    directory: Option<PathBuf>,
    env: Vec<(OsString, OsString)>,
    unset: Vec<OsString>,
    input: Vec<u8>,
    kept: Vec<Arc<File>>,
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

    /// What it reads on standard input.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// A file that stays open in the child, and in its children: a lock on it lasts as long as they do when we are killed.
    #[must_use]
    pub fn keeping(mut self, file: Arc<File>) -> Self {
        self.kept.push(file);
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
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
        // Unlike any other, these descriptors are not closed when the child becomes its program.
        let kept = self.kept.iter().map(rustix::io::dup).collect::<Result<Vec<_>, _>>()?;
        let mut child = self.command().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        drop(kept);
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // A child that does not read its input closes the pipe; that is its business, not an error of ours.
                stdin.map(|mut pipe| pipe.write_all(&self.input))
            });
            let errors = scope.spawn(|| {
                let mut bytes = Vec::new();
                stderr.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut bytes)).map(|_| bytes)
            });
            let mut stdout = Vec::new();
            if let Some(mut pipe) = child.stdout.take() {
                pipe.read_to_end(&mut stdout)?;
            }
            let stderr = errors.join().map_err(|_| io::Error::other("the reader of standard error died"))??;
            Ok(Output { code: child.wait()?.code(), stdout, stderr })
        })
    }

    /// Runs it on our own terminal; `None` when a signal ended it.
    pub fn run_attached(&self) -> io::Result<Option<i32>> {
        Ok(self.command().status()?.code())
    }
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
    fn a_child_that_ignores_its_input_is_no_error() {
        let out = Spec::new("true").input(vec![b'x'; 1 << 20]).run().expect("runs");
        assert!(out.success());
    }
}
