//! Programs whose output is read while they run.
//!
//! Invariants
//! - The program leads a process group of its own, which is killed when nobody reads any more before it has ended.
//! - Its input is written and both of its outputs are read at once, so it cannot block on a full pipe. Of its errors only the
//!   end is kept.

use std::io;
use std::process::Stdio;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::Spec;
use super::bounded::Group;

/// How much of the errors is kept.
const ERRORS: usize = 4096;

/// Why a program's output has no more: it failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The end of what it said on standard error may be empty.
    #[error("it ended with exit code {code}{}", said(.errors))]
    Code { code: i32, errors: String },
    #[error("a signal ended it{}", said(.errors))]
    Signal { errors: String },
}

fn said(errors: &str) -> String {
    if errors.is_empty() { String::new() } else { format!(": {errors}") }
}

struct Running {
    child: Child,
    group: Group,
    stdin: Option<ChildStdin>,
    input: Vec<u8>,
    written: usize,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    errors: Vec<u8>,
    ended: bool,
}

impl Spec {
    /// Starts it; what it writes on standard output comes as it is written, then an error if it did not end well. Dropping the
    /// stream kills it.
    pub fn stream(&self) -> io::Result<BoxStream<'static, Result<Vec<u8>, Failed>>> {
        let mut command = Command::from(self.command());
        command.process_group(0).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let running = Running {
            group: Group::of(&child),
            stdin: child.stdin.take(),
            input: self.input.clone(),
            written: 0,
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            errors: Vec::new(),
            ended: false,
            child,
        };
        Ok(stream::unfold(running, |mut running| async move { Some((running.next().await?, running)) }).boxed())
    }
}

impl Running {
    async fn next(&mut self) -> Option<Result<Vec<u8>, Failed>> {
        if self.ended {
            return None;
        }
        let (mut out, mut errors) = (vec![0; 1 << 16], vec![0; 1 << 12]);
        while self.stdout.is_some() || self.stderr.is_some() {
            tokio::select! {
                read = read(self.stdout.as_mut(), &mut out), if self.stdout.is_some() => match read {
                    Err(error) => return self.end(Some(Err(error.into()))),
                    Ok(0) => self.stdout = None,
                    Ok(count) => {
                        out.truncate(count);
                        return Some(Ok(out));
                    }
                },
                read = read(self.stderr.as_mut(), &mut errors), if self.stderr.is_some() => match read {
                    Err(_) | Ok(0) => self.stderr = None,
                    Ok(count) => {
                        self.errors.extend_from_slice(&errors[..count]);
                        let over = self.errors.len().saturating_sub(ERRORS);
                        self.errors.drain(..over);
                    }
                },
                written = write(self.stdin.as_mut(), &self.input[self.written..]), if self.stdin.is_some() => match written {
                    // A program that does not read its input closes the pipe; that is its business.
                    Err(_) | Ok(0) => self.stdin = None,
                    Ok(count) => self.written += count,
                },
            }
        }
        let status = self.child.wait().await;
        self.group.release();
        let errors = String::from_utf8_lossy(&self.errors).trim().to_owned();
        let failed = match status.map(|status| status.code()) {
            Err(error) => Some(Failed::Io(error)),
            Ok(Some(0)) => None,
            Ok(Some(code)) => Some(Failed::Code { code, errors }),
            Ok(None) => Some(Failed::Signal { errors }),
        };
        self.end(failed.map(Err))
    }

    fn end<T>(&mut self, last: Option<T>) -> Option<T> {
        self.ended = true;
        last
    }
}

async fn read(pipe: Option<&mut (impl tokio::io::AsyncRead + Unpin)>, buffer: &mut [u8]) -> io::Result<usize> {
    match pipe {
        Some(pipe) => pipe.read(buffer).await,
        None => Ok(0),
    }
}

/// Nothing left to write closes the pipe.
async fn write(pipe: Option<&mut ChildStdin>, rest: &[u8]) -> io::Result<usize> {
    match pipe {
        Some(pipe) if !rest.is_empty() => pipe.write(rest).await,
        _ => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(spec: &Spec) -> (Vec<u8>, Option<String>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut stream = spec.stream().expect("starts");
            let (mut out, mut failed) = (Vec::new(), None);
            while let Some(piece) = stream.next().await {
                match piece {
                    Ok(bytes) => out.extend(bytes),
                    Err(error) => failed = Some(error.to_string()),
                }
            }
            (out, failed)
        })
    }

    #[test]
    fn input_and_both_outputs_do_not_block_each_other() {
        let input = vec![b'x'; 1 << 20];
        let script = "head -c 300000 /dev/zero >&2; cat";
        assert_eq!(all(&Spec::new("sh").args(["-c", script]).input(input.clone())), (input, None));
    }

    #[test]
    fn how_it_failed_is_said_after_what_it_wrote() {
        let (out, failed) = all(&Spec::new("sh").args(["-c", "echo part; echo no key >&2; exit 3"]));
        assert_eq!((out.as_slice(), failed.as_deref()), (&b"part\n"[..], Some("it ended with exit code 3: no key")));
        let (_, failed) = all(&Spec::new("sh").args(["-c", "kill -9 $$"]));
        assert_eq!(failed.as_deref(), Some("a signal ended it"));
    }

    #[test]
    fn what_nobody_reads_any_more_is_killed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let dir = tempfile::tempdir().expect("a directory");
        let script = "cd \"$1\"; mkfifo gate; echo $$; read line < gate";
        let spec = Spec::new("sh").args(["-c", script, "sh"]).arg(dir.path());
        let pid = runtime.block_on(async {
            let mut stream = spec.stream().expect("starts");
            let first = stream.next().await.expect("a piece").expect("bytes");
            String::from_utf8(first).expect("text").trim().parse::<u32>().expect("a number")
        });
        assert!((0..1_000_000).any(|_| super::super::identity(pid).is_none()));
    }
}
