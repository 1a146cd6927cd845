//! The measuring is measured: a program of known cost is reported at that cost.
#![expect(clippy::disallowed_methods, reason = "the helper is a program and is tested as one")]

use std::process::Command;

/// Microseconds of processor time and KiB of peak memory that the helper reports.
fn measured(args: &[&str]) -> (u64, u64) {
    let xtask = env!("CARGO_BIN_EXE_xtask");
    let out = Command::new(xtask).args(["measure", "--"]).args(args).output().expect("xtask runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let said = String::from_utf8(out.stderr).expect("text");
    let numbers = said.lines().next_back().and_then(|line| line.strip_prefix("measured: ")).expect("the marked line");
    let (cpu, peak) = numbers.split_once(' ').expect("two numbers");
    (cpu.parse().expect("microseconds"), peak.parse().expect("KiB"))
}

#[test]
fn processor_time_and_peak_memory_are_those_of_the_program() {
    let xtask = env!("CARGO_BIN_EXE_xtask");
    let (cpu, peak) = measured(&[xtask, "burn", "60", "40"]);
    assert!((60_000..600_000).contains(&cpu), "{cpu} µs");
    assert!((40 << 10..60 << 10).contains(&peak), "{peak} KiB");
    let (cpu, peak) = measured(&[xtask, "burn", "0", "0"]);
    assert!(cpu < 60_000, "{cpu} µs");
    assert!(peak < 20 << 10, "{peak} KiB: the helper's own memory is counted");
}

#[test]
fn what_it_waited_for_counts_too() {
    let xtask = env!("CARGO_BIN_EXE_xtask");
    let (cpu, peak) = measured(&[xtask, "measure", "--", xtask, "burn", "60", "40"]);
    assert!(cpu >= 60_000 && peak >= 40 << 10, "{cpu} µs, {peak} KiB");
}

#[test]
fn a_program_that_fails_is_not_measured() {
    let xtask = env!("CARGO_BIN_EXE_xtask");
    let out = Command::new(xtask).args(["measure", "--", xtask, "no-such-command"]).output().expect("xtask runs");
    assert!(!out.status.success());
}
