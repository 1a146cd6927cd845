//! The random test for longer than a test run has time for.
//!
//! Invariants
//! - Every round has seeds of its own, which are printed, so a failure can be had again.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::shell;

/// How many sequences a seed tries in a round; a round has four seeds.
const CASES: u64 = 40;

/// Runs rounds until the time is over; the first failure ends it.
pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    let (minutes, mut seed) = match args {
        ["--minutes", minutes] => (number(minutes)?, 1000),
        ["--minutes", minutes, "--seed", seed] => (number(minutes)?, number(seed)?),
        _ => return Err("cargo xtask soak --minutes N [--seed N]".to_owned()),
    };
    let begun = Instant::now();
    let mut sum = [0; 3];
    while begun.elapsed() < Duration::from_secs(minutes * 60) {
        let mut command = shell::cargo();
        command.args(["test", "--quiet", "--test", "it", "model::", "--", "--nocapture"]);
        command.env("PROPTEST_CASES", CASES.to_string()).env("RT_MODEL_SEED", seed.to_string());
        let out = command.stdin(Stdio::null()).output().map_err(|e| format!("cannot run cargo: {e}"))?;
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        if !out.status.success() {
            return Err(format!("{said}\nagain with: RT_MODEL_SEED={seed} PROPTEST_CASES={CASES} cargo test --test it model::"));
        }
        for line in said.lines().filter_map(|l| l.strip_prefix("tried: ")) {
            for (sum, word) in sum.iter_mut().zip(line.split(' ')) {
                *sum += word.parse::<u64>().map_err(|e| format!("{line}: {e}"))?;
            }
        }
        seed += 4;
        let [sequences, steps, kills] = sum;
        let minutes = begun.elapsed().as_secs_f64() / 60.0;
        println!("{minutes:.1} min: {sequences} sequences, {steps} steps, {kills} kills; the next seed is {seed}");
    }
    Ok(())
}

/// Kills every command before each of its changes on disk.
pub(crate) fn sweep() -> Result<(), String> {
    let mut command = shell::cargo();
    command.args(["test", "--quiet", "--test", "it", "sweep::", "--", "--nocapture"]).env("RT_SWEEP", "1");
    let status = command.stdin(Stdio::null()).status().map_err(|e| format!("cannot run cargo: {e}"))?;
    if status.success() { Ok(()) } else { Err("something was lost".to_owned()) }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}
