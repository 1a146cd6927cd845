//! Running other programs, and where the project is.
//!
//! Invariants
//! - [`git`] runs with a cleared environment, no configuration of the machine and fixed names and dates, so what it makes is the
//!   same everywhere.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The directory that holds the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// `cargo`, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// `git` in `dir`, hermetic; commits made by it are dated `day` days after the fixtures' first day.
pub(crate) fn git(dir: &Path, day: u32) -> Command {
    let date = format!("{} +0000", FIRST_DAY + u64::from(day) * 86_400);
    let mut command = Command::new("git");
    command.current_dir(dir).env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    for (key, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("LC_ALL", "C"),
        ("GIT_AUTHOR_NAME", "Ada Example"),
        ("GIT_AUTHOR_EMAIL", "ada@example.invalid"),
        ("GIT_COMMITTER_NAME", "Ada Example"),
        ("GIT_COMMITTER_EMAIL", "ada@example.invalid"),
    ] {
        command.env(key, value);
    }
    command.env("HOME", dir).env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
    command.args(["-c", "core.autocrlf=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "commit.gpgSign=false"]);
    command
}

/// 2026-01-05 09:00:00 UTC, the day of a fixture's first commit.
pub(crate) const FIRST_DAY: u64 = 1_767_603_600;

/// Runs it to the end; its own words when it fails.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, String> {
    let out = command.stdin(Stdio::null()).output().map_err(|e| format!("cannot run {}: {e}", shown(command)))?;
    if out.status.success() {
        return Ok(out.stdout);
    }
    let said = [out.stderr.as_slice(), out.stdout.as_slice()].concat();
    Err(format!("`{}` failed ({}):\n{}", shown(command), out.status, String::from_utf8_lossy(&said).trim_end()))
}

/// As [`output`], as text.
pub(crate) fn text(command: &mut Command) -> Result<String, String> {
    String::from_utf8(output(command)?).map_err(|_| format!("`{}` printed something that is not UTF-8", shown(command)))
}

/// Runs it to the end; it prints for itself.
pub(crate) fn shows(command: &mut Command) -> Result<(), String> {
    let status = command.stdin(Stdio::null()).status().map_err(|e| format!("cannot run {}: {e}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status})", shown(command))) }
}

/// The command as one would type it, for messages.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Builds `rt` and says where cargo put it.
pub(crate) fn build_rt(profile: &[&str]) -> Result<PathBuf, String> {
    let mut command = cargo();
    command.args(["build", "--quiet", "--bin", "rt", "--message-format=json-render-diagnostics"]).args(profile);
    command.stderr(Stdio::inherit());
    let log = text(&mut command)?;
    log.split("\"executable\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(PathBuf::from)
        .find(|path| path.file_stem().is_some_and(|stem| stem == "rt"))
        .ok_or_else(|| "cargo built no binary named rt: is the feature `cli` on?".to_owned())
}

/// Where test repositories and other made things go. Not committed.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Reads a file of the project.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

/// Writes a file, making its directory.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, bytes)).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// Removes a directory that this tool made, if it is there.
pub(crate) fn remove(dir: &Path) -> Result<(), String> {
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(format!("cannot remove {}: {e}", dir.display())),
        _ => Ok(()),
    }
}
