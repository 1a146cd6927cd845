//! The coverage-guided fuzzers, for a while each.
//!
//! The targets are in tests/fuzz/targets and also run as ordinary tests. Here they run under libFuzzer, which looks for inputs
//! that reach new code; what it learns stays in tests/fuzz/corpus.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell;

/// What the command line asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// None: all.
    targets: Vec<String>,
    minutes: u64,
    /// An input to run once.
    repeat: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        let mut options = Self { targets: Vec::new(), minutes: 1, repeat: None };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--minutes" => {
                    let number = args.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                    options.minutes = number.ok_or("--minutes takes a number above 0")?;
                }
                "--repeat" => options.repeat = Some(args.next().ok_or("--repeat takes a file")?.into()),
                other if other.starts_with('-') => return Err(format!("fuzz knows --minutes N and --repeat FILE, not {other}")),
                name => options.targets.push(name.to_owned()),
            }
        }
        if options.repeat.is_some() && options.targets.len() != 1 {
            return Err("--repeat needs the one target that the file is for: cargo xtask fuzz TARGET --repeat FILE".to_owned());
        }
        Ok(options)
    }
}

/// Where everything of the fuzzers is.
fn place() -> PathBuf {
    shell::root().join("tests/fuzz")
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let known = names(&shell::read(&place().join("targets/mod.rs"))?);
    if let Some(stranger) = options.targets.iter().find(|name| !known.contains(name)) {
        return Err(format!("there is no target {stranger}: {}", known.join(" ")));
    }
    ready()?;
    build()?;
    if let (Some(input), [target]) = (&options.repeat, &options.targets[..]) {
        let input = input.canonicalize().map_err(|e| format!("cannot find {}: {e}", input.display()))?;
        return if fuzzer(target).arg(input).status().map_err(cannot)?.success() {
            Ok(())
        } else {
            Err(format!("{target} fails on it"))
        };
    }
    let chosen = if options.targets.is_empty() { &known } else { &options.targets };
    let mut found = Vec::new();
    for target in chosen {
        found.extend(hunt(target, options.minutes)?);
    }
    if found.is_empty() { Ok(()) } else { Err(told(&found)) }
}

/// The targets, from the one list of them.
fn names(source: &str) -> Vec<String> {
    let list = source.split_once("\ntargets! {").map_or("", |(_, rest)| rest);
    let entries = list.lines().take_while(|line| *line != "}");
    entries.filter_map(|line| Some(line.split_once(" = ")?.0.trim().to_owned())).collect()
}

/// Whether what is needed is there; all that is missing in one error.
fn ready() -> Result<(), String> {
    let works = |program: &str, args: &[&str]| {
        let run = Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        run.is_ok_and(|status| status.success())
    };
    let mut missing = Vec::new();
    if !works("cargo-fuzz", &["--version"]) {
        missing.push("cargo-fuzz, which starts the fuzzers: cargo install cargo-fuzz --locked");
    }
    if !works(&std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned()), &["--version"]) {
        missing.push("a C++ compiler, which libFuzzer is compiled with: apt-get install g++, or another one in CXX");
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("the fuzzers need\n- {}", missing.join("\n- "))) }
}

fn cannot(error: std::io::Error) -> String {
    format!("cannot run cargo-fuzz: {error}")
}

/// `cargo fuzz` with what instruments code on a stable compiler. The code is safe Rust, so no sanitizer watches the memory:
/// without one, three times as many inputs are tried.
fn cargo_fuzz(verb: &str) -> Command {
    let mut command = shell::cargo();
    command.current_dir(place()).env("RUSTC_BOOTSTRAP", "1").args([
        "fuzz",
        verb,
        "--fuzz-dir",
        ".",
        "--sanitizer",
        "none",
        "target",
    ]);
    command
}

/// Compiles the fuzzers with the versions that the workspace's lock file names.
fn build() -> Result<(), String> {
    let (ours, theirs) = (shell::root().join("Cargo.lock"), place().join("Cargo.lock"));
    let lock = shell::read(&ours)?;
    let based = place().join("corpus/.based-on");
    if std::fs::read_to_string(&based).ok().as_deref() != Some(&lock) || !theirs.exists() {
        shell::write(&theirs, lock.as_bytes())?;
        shell::write(&based, lock.as_bytes())?;
    }
    let status = cargo_fuzz("build").status().map_err(cannot)?;
    if status.success() { Ok(()) } else { Err(format!("the fuzzers do not compile ({status})")) }
}

/// The compiled fuzzers, about to run `target`.
fn fuzzer(target: &str) -> Command {
    let mut command = cargo_fuzz("run");
    command.env("RETORT_FUZZ", target);
    command
}

/// A finding: whose, and the file with the input.
type Found = (String, PathBuf);

fn hunt(target: &str, minutes: u64) -> Result<Vec<Found>, String> {
    let place = place();
    let (corpus, findings) = (place.join("corpus").join(target), place.join("artifacts").join(target));
    let regressions = place.join("regressions").join(target);
    for dir in [&corpus, &findings] {
        std::fs::create_dir_all(dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
    }
    let before = listed(&findings);
    println!("── {target}, {minutes} min");
    let mut command = fuzzer(target);
    command.env("RETORT_FUZZ_SEEDS", &corpus).arg(&corpus).args(regressions.is_dir().then_some(&regressions));
    command.arg("--").args([
        format!("-max_total_time={}", minutes * 60),
        format!("-artifact_prefix={}/", findings.display()),
        format!("-dict={}", place.join("words").join(format!("{target}.dict")).display()),
        "-max_len=4096".to_owned(),
        // An input of 4 KB that takes this long is a finding too.
        "-timeout=10".to_owned(),
        "-print_final_stats=1".to_owned(),
        "-verbosity=0".to_owned(),
    ]);
    let status = command.status().map_err(cannot)?;
    let found: Vec<Found> =
        listed(&findings).into_iter().filter(|file| !before.contains(file)).map(|file| (target.to_owned(), file)).collect();
    if !status.success() && found.is_empty() {
        return Err(format!("the fuzzer of {target} failed without a finding ({status})"));
    }
    Ok(found)
}

fn listed(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn told(found: &[Found]) -> String {
    let root = shell::root();
    let mut out = String::new();
    for (target, file) in found {
        let file = file.strip_prefix(&root).unwrap_or(file).display();
        out += &format!("{target} fails on {file}\n  again: cargo xtask fuzz {target} --repeat {file}\n");
        out += &format!("  when it is mended: move it to tests/fuzz/regressions/{target}/, with a name that says what it was\n");
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line() {
        let parse = |line: &str| Options::parse(&line.split_whitespace().collect::<Vec<_>>());
        let all = Options { targets: Vec::new(), minutes: 1, repeat: None };
        assert_eq!(parse(""), Ok(all));
        let two = Options { targets: vec!["edits".to_owned(), "sse".to_owned()], minutes: 3, repeat: None };
        assert_eq!(parse("edits --minutes 3 sse"), Ok(two));
        let once = Options { targets: vec!["sse".to_owned()], minutes: 1, repeat: Some("f".into()) };
        assert_eq!(parse("sse --repeat f"), Ok(once));
        for bad in ["--minutes", "--minutes 0", "--minutes x", "--repeat f", "a b --repeat f", "sse --repeat", "--hours 1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_list_of_targets_is_read() {
        let names = names(&shell::read(&place().join("targets/mod.rs")).unwrap());
        assert!(names.len() >= 15 && names.iter().any(|name| name == "edits"), "{names:?}");
        for name in &names {
            assert!(place().join("words").join(format!("{name}.dict")).is_file(), "{name} has words");
        }
    }

    #[test]
    fn a_finding_is_told_with_the_command_to_repeat_it() {
        let text = told(&[("sse".to_owned(), shell::root().join("tests/fuzz/artifacts/sse/crash-1"))]);
        assert!(text.contains("cargo xtask fuzz sse --repeat tests/fuzz/artifacts/sse/crash-1"), "{text}");
    }
}
