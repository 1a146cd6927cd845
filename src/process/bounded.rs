//! Commands of the user: bounded in time and output, and stopped together with everything that they started.
//!
//! Invariants
//! - The command leads a process group of its own. When its time is over, or nobody waits for it any more, the whole group
//!   is killed. What it leaves in the background when it ends by itself is left alone, and not waited for.
//! - Its output is read while it runs, whatever the amount; only so many bytes of it are kept.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::{AFTERWARDS, Spec};

/// What a command may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub time: Duration,
    /// The most bytes that are kept of either output, from its beginning.
    pub output: usize,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Code(i32),
    /// A signal that was not ours.
    Signal,
    /// Its time was over, and it was killed.
    TimedOut,
}

/// One of the two outputs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    pub bytes: Vec<u8>,
    /// How many bytes more there were.
    pub dropped: u64,
    /// The last of these, for whoever looks for a summary at the end.
    pub tail: Vec<u8>,
}

/// How much of an output's end is kept when there is more than was to be kept.
const TAIL: usize = 1 << 18;

/// What a command left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounded {
    pub ended: Ended,
    pub stdout: Kept,
    pub stderr: Kept,
}

impl Kept {
    async fn fill(&mut self, pipe: Option<impl AsyncRead + Unpin>, most: usize) {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = vec![0; 1 << 16];
        loop {
            match pipe.read(&mut buffer).await {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) | Ok(0) => return,
                Ok(read) => {
                    let keep = read.min(most.saturating_sub(self.bytes.len()));
                    self.bytes.extend_from_slice(&buffer[..keep]);
                    self.dropped += (read - keep) as u64;
                    self.tail.extend_from_slice(&buffer[keep..read]);
                    // Not with every piece: each time, what is left is moved.
                    if self.tail.len() > 2 * TAIL {
                        self.tail.drain(..self.tail.len() - TAIL);
                    }
                }
            }
        }
    }
}

/// A running group, killed when it is dropped before its leader has ended.
pub(super) struct Group(Option<rustix::process::Pid>);

impl Group {
    /// The group that this child leads.
    pub(super) fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw))
    }

    /// Its leader has ended: its number may be another's from now on.
    pub(super) const fn release(&mut self) {
        self.0 = None;
    }

    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Spec {
    /// Runs it within limits. Dropping the future kills it.
    pub async fn run_bounded(&self, limits: Limits) -> io::Result<Bounded> {
        self.run_bounded_noted(limits, |_| {}).await
    }

    /// The same; `started` is told the process's number.
    pub async fn run_bounded_noted(&self, limits: Limits, started: impl FnOnce(u32)) -> io::Result<Bounded> {
        let mut command = Command::from(self.command());
        command.process_group(0).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut group = Group::of(&child);
        if let Some(id) = child.id() {
            started(id);
        }
        let (mut out, mut errors) = (Kept::default(), Kept::default());
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let ended = {
            let write = async {
                // A command that does not read its input closes the pipe; that is its business, not an error of ours.
                if let Some(mut pipe) = stdin {
                    let _ = pipe.write_all(&self.input).await;
                }
            };
            let pipes = async { tokio::join!(write, out.fill(stdout, limits.output), errors.fill(stderr, limits.output)) };
            tokio::pin!(pipes);
            let mut open = true;
            let running = async {
                loop {
                    tokio::select! {
                        status = child.wait() => break status,
                        _ = &mut pipes, if open => open = false,
                    }
                }
            };
            if let Ok(status) = timeout(limits.time, running).await {
                group.release();
                if open {
                    let _ = timeout(AFTERWARDS, &mut pipes).await;
                }
                status?.code().map_or(Ended::Signal, Ended::Code)
            } else {
                group.kill();
                let _ = timeout(AFTERWARDS, child.wait()).await;
                Ended::TimedOut
            }
        };
        Ok(Bounded { ended, stdout: out, stderr: errors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, time: Duration, output: usize) -> Bounded {
        let spec = Spec::new("sh").args(["-c", script]).input(vec![b'x'; 1 << 20]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(spec.run_bounded(Limits { time, output })).expect("runs")
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn large_input_and_output_do_not_block_and_so_much_is_kept() {
        let ran = run("cat; head -c 300000 /dev/zero >&2; exit 3", LONG, 1000);
        assert_eq!((ran.ended, ran.stdout.bytes.len(), ran.stderr.bytes.len()), (Ended::Code(3), 1000, 1000));
        assert_eq!((ran.stdout.dropped, ran.stderr.dropped), ((1 << 20) - 1000, 299_000));
        let ran = run("head -c 3000000 /dev/zero; echo end", LONG, 1000);
        assert!(ran.stdout.tail.ends_with(b"\0end\n") && ran.stdout.tail.len() <= 2 * TAIL, "{}", ran.stdout.tail.len());
    }

    #[test]
    fn what_is_over_its_time_is_killed_with_all_that_it_started() {
        let dir = tempfile::tempdir().expect("a directory");
        let gate = dir.path().join("gate");
        let gate_text = gate.display();
        // The one in the background holds the fifo open; when it is dead, nobody does.
        let script = format!("mkfifo {gate_text}; (exec 3<>{gate_text}; echo up; read line <&3) & echo $!; wait");
        let ran = run(&script, Duration::from_millis(400), 1000);
        assert_eq!(ran.ended, Ended::TimedOut);
        let said = String::from_utf8(ran.stdout.bytes).expect("text");
        let pid: u32 = said.lines().find_map(|line| line.parse().ok()).expect("a number");
        // A signal takes effect a moment after it was sent.
        let gone = (0..1_000_000).any(|_| super::super::identity(pid).is_none());
        assert!(gone, "{said}");
    }

    #[test]
    fn what_holds_the_pipes_in_the_background_is_not_waited_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let gate = dir.path().join("gate");
        let script = format!("mkfifo {0}; (read line < {0}) & echo done", gate.display());
        let ran = run(&script, LONG, 1000);
        assert_eq!((ran.ended, ran.stdout.bytes), (Ended::Code(0), b"done\n".to_vec()));
        std::fs::write(&gate, "go\n").expect("it lives, and reads");
    }

    #[test]
    fn what_nobody_waits_for_is_killed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("pid");
        let script = "cd \"$1\"; mkfifo gate; echo $$ > new; mv new pid; read line < gate";
        let spec = Spec::new("sh").args(["-c", script, "sh"]).arg(dir.path());
        runtime.block_on(async {
            let written = async {
                while !file.exists() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                ran = spec.run_bounded(Limits { time: LONG, output: 1 }) => panic!("it ended: {ran:?}"),
                () = written => {}
            }
        });
        let pid: u32 = std::fs::read_to_string(&file).expect("written").trim().parse().expect("a number");
        assert!((0..1_000_000).any(|_| super::super::identity(pid).is_none()));
    }
}
