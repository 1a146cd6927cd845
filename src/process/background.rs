//! Processes that go on when we end: servers that a later run of the program looks after.
//!
//! Invariants
//! - Such a process leads a group of its own, so a key that is pressed at our terminal does not reach it.
//! - It writes into a log whose lock it has from its first moment to its last; as long as somebody has the lock, it or
//!   something that it started is there.
//! - A number alone names no process: it is another's once its owner has died. [`named`] says more than that.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal};

use super::bounded::Ended;
use super::{Spec, identity};

/// A process that was started here, while we are here.
#[derive(Debug)]
pub struct Background(Child);

impl Background {
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> io::Result<Option<Ended>> {
        Ok(self.0.try_wait()?.map(|status| status.code().map_or(Ended::Signal, Ended::Code)))
    }
}

/// A log that nobody else writes into.
#[derive(Debug)]
pub struct Log(File);

impl Log {
    /// Opens a log for a new process, empty; nothing when the process of an earlier one is still there.
    pub fn begin(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(why),
            Ok(()) => {
                file.set_len(0)?;
                Ok(Some(Self(file)))
            }
        }
    }
}

/// Whether the process of a log, or something that it started, is still there.
pub fn is_held(log: &Path) -> bool {
    let Ok(file) = File::open(log) else { return false };
    // Two that look at once do not keep each other out.
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

impl Spec {
    /// Starts it with nothing on standard input and both outputs in the log.
    pub fn start_background(&self, log: Log) -> io::Result<Background> {
        let (out, errors) = (log.0.try_clone()?, log.0);
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(out).stderr(errors).process_group(0);
        command.spawn().map(Background)
    }
}

/// Names a living process for good, also beyond the next start of the machine; `None` when it is dead.
pub fn named(pid: u32) -> Option<String> {
    let known = identity(pid)?;
    // Where there is no `/proc`, `ps` knows when it was born.
    if known.contains(' ') {
        let start = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        return Some(format!("{known} {}", start.trim()));
    }
    let ps = Spec::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()]).run().ok()?;
    let born = String::from_utf8_lossy(&ps.stdout).trim().to_owned();
    (ps.success() && !born.is_empty()).then(|| format!("{known} {born}"))
}

/// The processes that write into a log, by their numbers; none where the system does not say.
pub fn writers(log: &Path) -> Vec<u32> {
    let Ok(log) = log.canonicalize() else { return Vec::new() };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let ours = |pid: &u32| fs::read_link(format!("/proc/{pid}/fd/1")).is_ok_and(|to| to == log);
    let mut out: Vec<u32> = numbers.filter(ours).filter(|pid| *pid != std::process::id()).collect();
    out.sort_unstable();
    out
}

/// How a process is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It may tidy up.
    Ask,
    Kill,
}

/// Tells a process to end, and all of the group that it leads, if it leads one. One that is gone is no error.
pub fn end(pid: u32, how: End) -> io::Result<()> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    let signal = if how == End::Ask { Signal::TERM } else { Signal::KILL };
    let leads = rustix::process::getpgid(Some(pid)).is_ok_and(|group| group == pid);
    let send = if leads { rustix::process::kill_process_group } else { rustix::process::kill_process };
    match send(pid, signal) {
        Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
        Err(why) => Err(why.into()),
    }
}

/// The last `most` bytes of a file as text, from the beginning of a line.
pub fn tail(path: &Path, most: u64) -> io::Result<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(most);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(match text.split_once('\n') {
        Some((_, rest)) if from > 0 => rest.to_owned(),
        _ => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eventually(what: &str, mut test: impl FnMut() -> bool) {
        assert!((0..10_000_000).any(|_| test()), "{what}");
    }

    fn start(script: &str, log: &Path) -> Background {
        let open = Log::begin(log).expect("it opens").expect("nobody has it");
        let directory = log.parent().expect("a parent");
        Spec::new("sh").args(["-c", script]).directory(directory).start_background(open).expect("it starts")
    }

    #[test]
    fn a_log_is_held_until_the_last_of_a_group_is_dead() {
        let dir = tempfile::tempdir().expect("a directory");
        let log = dir.path().join("log");
        assert!(!is_held(&log), "there is none yet");
        // Both wait for words that never come: the pipe is their own.
        let mut leader = start("echo up; mkfifo pipe; (read line <> pipe) & wait", &log);
        eventually("it writes", || tail(&log, 100).is_ok_and(|text| text == "up\n"));
        assert!(is_held(&log) && Log::begin(&log).expect("it opens").is_none());
        let name = named(leader.id());
        assert!(name.is_some() && name == named(leader.id()));
        if cfg!(target_os = "linux") {
            assert!(writers(&log).contains(&leader.id()));
        }
        end(leader.id(), End::Ask).expect("sent");
        eventually("it ends", || leader.ended().expect("it is ours").is_some());
        assert_eq!((leader.ended().expect("known"), named(leader.id())), (Some(Ended::Signal), None));
        eventually("all of it ends", || !is_held(&log));
        assert_eq!(writers(&log), [0; 0]);
        end(leader.id(), End::Kill).expect("nobody is there, which is no error");
        assert_eq!(tail(&log, 100).expect("kept"), "up\n");
        drop(Log::begin(&log).expect("it opens").expect("free again"));
        assert_eq!(tail(&log, 100).expect("emptied"), "");
    }

    #[test]
    fn what_it_prints_and_how_it_ends_is_known() {
        let dir = tempfile::tempdir().expect("a directory");
        let log = dir.path().join("log");
        let mut child = start("echo one; echo two >&2; cat; exit 7", &log);
        eventually("it ends", || child.ended().expect("it is ours").is_some());
        assert_eq!(child.ended().expect("known"), Some(Ended::Code(7)));
        assert_eq!((tail(&log, 100).expect("kept"), tail(&log, 6).expect("kept")), ("one\ntwo\n".into(), "two\n".into()));
    }
}
