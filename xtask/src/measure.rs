//! What a program costs: processor time and peak memory of it and of all it waited for.
//!
//! Invariants
//! - The program is started by a helper process of its own (`xtask measure`), because Linux counts the memory of the process
//!   that forks towards the peak of the one that is executed: a large parent would be measured in place of a small child.
//! - Numbers are the kernel's (`wait4`), not differences of clocks, so they hold on a busy machine.

use std::process::{Command, Stdio};

/// The cost of one or more programs that ran one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cost {
    /// User and system time, microseconds.
    pub(crate) cpu: u64,
    /// The largest resident set of any process, KiB.
    pub(crate) peak: u64,
}

impl Cost {
    /// The cost of both, one after the other.
    pub(crate) fn then(self, next: Self) -> Self {
        Self { cpu: self.cpu + next.cpu, peak: self.peak.max(next.peak) }
    }
}

/// Runs the command (arguments, environment and directory are taken from it) and measures it. It must succeed.
pub(crate) fn cost(command: &Command) -> Result<Cost, String> {
    let this = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    let mut helper = Command::new(this);
    helper.args(["measure", "--"]).arg(command.get_program()).args(command.get_args());
    if let Some(dir) = command.get_current_dir() {
        helper.current_dir(dir);
    }
    helper.env_clear().envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let out = helper.stdin(Stdio::null()).output().map_err(|e| format!("cannot run the measuring helper: {e}"))?;
    let said = String::from_utf8_lossy(&out.stderr);
    let numbers = said.lines().next_back().and_then(|line| line.strip_prefix(MARK)).filter(|_| out.status.success());
    let numbers = numbers.ok_or_else(|| {
        format!("`{}` failed ({}):\n{said}{}", crate::shell::shown(command), out.status, String::from_utf8_lossy(&out.stdout))
    })?;
    let mut fields = numbers.split_whitespace().map(str::parse);
    match (fields.next(), fields.next()) {
        (Some(Ok(cpu)), Some(Ok(peak))) => Ok(Cost { cpu, peak }),
        _ => Err(format!("the measuring helper said {numbers:?}")),
    }
}

/// Opens the helper's last line on stderr.
const MARK: &str = "measured: ";

/// The helper: runs a program to its end and prints its cost as the last line of stderr.
pub(crate) fn helper(command: &[&str]) -> Result<(), String> {
    let child = Command::new(command[0]).args(&command[1..]).spawn().map_err(|e| format!("cannot run {}: {e}", command[0]))?;
    let (status, cost) = wait(child.id())?;
    if status != 0 {
        return Err(format!("{} ended with wait status {status:#x}", command[0]));
    }
    eprintln!("{MARK}{} {}", cost.cpu, cost.peak);
    Ok(())
}

#[expect(unsafe_code, reason = "no safe wrapper of wait4 among the crates of this project")]
fn wait(pid: u32) -> Result<(i32, Cost), String> {
    let mut status = 0;
    // SAFETY: `rusage` is a plain C struct of integers, for which zero bytes are a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live, writable locals of the types that wait4 writes; the child is ours and nothing else waits for it.
    let got = unsafe { libc::wait4(pid.cast_signed(), &raw mut status, 0, &raw mut usage) };
    if got != pid.cast_signed() {
        return Err(format!("wait4 failed: {}", std::io::Error::last_os_error()));
    }
    let micros = |time: libc::timeval| time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_usec.cast_unsigned();
    Ok((status, Cost { cpu: micros(usage.ru_utime) + micros(usage.ru_stime), peak: usage.ru_maxrss.cast_unsigned() }))
}

/// A program of known cost, by which the measuring is tested: uses `millis` of processor time and touches `mebibytes`.
pub(crate) fn burn(millis: &str, mebibytes: &str) -> Result<(), String> {
    let number = |text: &str| text.parse::<u64>().map_err(|e| format!("{text}: {e}"));
    let (millis, mebibytes) = (number(millis)?, number(mebibytes)?);
    let held = vec![1_u8; usize::try_from(mebibytes << 20).map_err(|e| e.to_string())?];
    while spent()? < millis * 1000 {
        std::hint::black_box(held.iter().step_by(4096).map(|b| u64::from(*b)).sum::<u64>());
    }
    Ok(())
}

/// Processor time of this process so far, microseconds.
#[expect(unsafe_code, reason = "no safe wrapper of getrusage among the crates of this project")]
fn spent() -> Result<u64, String> {
    // SAFETY: as in `wait`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live, writable local of the type that getrusage writes.
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) } != 0 {
        return Err(format!("getrusage failed: {}", std::io::Error::last_os_error()));
    }
    let micros = |time: libc::timeval| time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_usec.cast_unsigned();
    Ok(micros(usage.ru_utime) + micros(usage.ru_stime))
}
