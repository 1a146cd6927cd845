//! The fuzz targets as tests: every committed finding, every seed, and a fixed number of mutations of them. The
//! coverage-guided side is `cargo xtask fuzz`.

#![expect(clippy::print_stderr, reason = "a finding is told to whoever runs the tests")]

#[path = "../fuzz/targets/mod.rs"]
#[allow(dead_code, reason = "the fuzzers use more of it")]
mod targets;

use std::path::Path;

use targets::{ALL, Dice, Target, found_in, regressions};

/// Mutations of one target, so that all targets take some ten seconds together on a slow machine.
const MUTATIONS: usize = 3000;

/// Inputs longer than this are cut: what a parser gets wrong it gets wrong in a few lines.
const LONGEST: usize = 4096;

/// Keeps the input when a target panics, and says where it is.
struct Keep<'a> {
    target: &'a str,
    input: &'a [u8],
}

impl Drop for Keep<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}", self.target));
            let kept = std::fs::write(&path, self.input);
            eprintln!("the input is in {} ({kept:?}): {:?}", path.display(), String::from_utf8_lossy(self.input));
            eprintln!("when it is mended, keep it as tests/fuzz/regressions/{}/A-NAME-THAT-SAYS-WHAT-IT-WAS", self.target);
        }
    }
}

fn run(target: &Target, input: &[u8]) {
    let _keep = Keep { target: target.name, input };
    (target.run)(input);
}

/// The words of a dictionary file: one quoted string a line.
fn words(dictionary: &str) -> Vec<Vec<u8>> {
    let word = |line: &str| {
        let mut rest = line.strip_prefix('"')?.strip_suffix('"')?;
        let mut word = Vec::new();
        while let Some(byte) = rest.as_bytes().first() {
            let (byte, length) = match rest.strip_prefix("\\x").and_then(|hex| u8::from_str_radix(hex.get(..2)?, 16).ok()) {
                Some(byte) => (byte, 4),
                None if *byte == b'\\' => (*rest.as_bytes().get(1)?, 2),
                None => (*byte, 1),
            };
            word.push(byte);
            rest = rest.get(length..).unwrap_or_default();
        }
        Some(word)
    };
    dictionary.lines().filter_map(word).collect()
}

/// `input` with one to six small changes.
fn mutated(input: &[u8], others: &[Vec<u8>], words: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..=dice.below(6) {
        let at = dice.below(out.len() + 1);
        let upto = (at + dice.below(40)).min(out.len());
        match dice.below(9) {
            0 => drop(out.splice(at..upto, [])),
            1 => {
                let again = out[at..upto].to_vec();
                drop(out.splice(at..at, again));
            }
            2 => out.insert(at, dice.roll() as u8),
            3 if at < out.len() => out[at] ^= 1 << dice.below(8),
            4 => out.truncate(at),
            5 if !others.is_empty() => {
                let other = &others[dice.below(others.len())];
                let from = dice.below(other.len() + 1);
                let piece = other[from..(from + dice.below(400)).min(other.len())].to_vec();
                drop(out.splice(at..upto, piece));
            }
            6 => {
                // A line to another place: what order means is where parsers err.
                let lines: Vec<Vec<u8>> = out.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                if lines.len() > 1 {
                    let (from, to) = (dice.below(lines.len()), dice.below(lines.len()));
                    let mut lines = lines;
                    let line = lines.remove(from);
                    lines.insert(to, line);
                    out = lines.concat();
                }
            }
            _ if !words.is_empty() => {
                let word = words[dice.below(words.len())].clone();
                drop(out.splice(at..if dice.below(2) == 0 { at } else { upto }, word));
            }
            _ => {}
        }
        out.truncate(LONGEST);
    }
    out
}

fn all_of(name: &str) {
    let target = ALL.iter().find(|target| target.name == name).expect("a target of this name");
    for (_, input) in regressions(name) {
        run(target, &input);
    }
    let (seeds, words) = ((target.seeds)(), words(target.words));
    assert!(seeds.iter().any(|seed| seed.len() < LONGEST / 2) && !words.is_empty(), "{name} has words and short seeds");
    for input in seeds.iter().map(Vec::as_slice).chain([&b""[..]]) {
        run(target, input);
    }
    let mut dice = Dice::of(name.as_bytes());
    // What came of a mutation is mutated again now and then, to get further away from the seeds.
    let mut pool = seeds.clone();
    for n in 0..MUTATIONS {
        let from = &pool[dice.below(pool.len())];
        let input = mutated(from, &seeds, &words, &mut dice);
        run(target, &input);
        if n % 4 == 0 {
            let at = seeds.len() + dice.below(50);
            if at < pool.len() { pool[at] = input } else { pool.push(input) }
        }
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            all_of(stringify!($name));
        })*

        #[test]
        fn every_target_is_tested_and_every_finding_has_a_target() {
            let names: Vec<&str> = ALL.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
            let lost: Vec<String> = found_in().into_iter().filter(|dir| !names.contains(&dir.as_str())).collect();
            assert_eq!(lost, [""; 0], "findings of targets that are gone");
        }
    };
}

tests! {
    address annotations config_json config_toml edits edits_calls edits_diffs edits_patches edits_tags errors gguf hooks json ladder
    merge message paths project redact settings sse stream_chat
    stream_gemini syntax texts turn unfinished
}
