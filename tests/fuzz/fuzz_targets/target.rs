//! All targets in one program, so that it is built and linked once: `RETORT_FUZZ` says which one runs. With
//! `RETORT_FUZZ_SEEDS` it first writes the target's seeds into that directory.
#![no_main]

use std::sync::OnceLock;

#[path = "../targets/mod.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod targets;

static CHOSEN: OnceLock<&targets::Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("RETORT_FUZZ").unwrap_or_default();
        let names: Vec<&str> = targets::ALL.iter().map(|target| target.name).collect();
        let found = targets::ALL.iter().find(|target| target.name == name);
        let target = found.unwrap_or_else(|| panic!("RETORT_FUZZ is {name:?}, which is none of: {}", names.join(" ")));
        if let Some(dir) = std::env::var_os("RETORT_FUZZ_SEEDS") {
            let dir = std::path::PathBuf::from(dir);
            for (at, seed) in (target.seeds)().into_iter().enumerate() {
                std::fs::write(dir.join(format!("seed-{at:03}")), seed).expect("the directory can be written to");
            }
        }
        let _ = CHOSEN.set(target);
    },
    |data: &[u8]| {
        if let Some(target) = CHOSEN.get() {
            (target.run)(data);
        }
    }
);
