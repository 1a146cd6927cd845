//! Random work of a user and of the program, one after the other and at once, against a small reference model.
//!
//! Invariants
//! - What a step does depends on the sequence alone: no clock, no thread but in `Op::Both`, where any order must do. A
//!   failure prints the shortest sequence that shows it and the seed that found it.
//! - After each step of the program every byte of the user is where it was, or where the model says; at the end every
//!   answer is in a turn, the repository is sound and the index can be made anew.
//!
//! `PROPTEST_CASES` says how many sequences a seed tries and `RT_MODEL_SEED` where the seeds begin; `cargo xtask soak` sets
//! both.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "how much is tried comes from the environment, and is said")]

mod answer;
mod beside;
mod reference;
mod sim;
mod state;
mod user;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use crate::support::killed::each;

/// A step. Numbers choose among what there is at the time.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// The user writes into a file.
    Write {
        file: u8,
        at: u8,
        how: How,
    },
    /// The user makes a file that git does not know.
    Untracked {
        name: u8,
    },
    /// Bytes that are no text, a link, an executable bit.
    Odd {
        file: u8,
        what: u8,
    },
    Remove {
        file: u8,
    },
    Rename {
        file: u8,
    },
    Stage {
        file: u8,
    },
    StageAll,
    Unstage {
        file: u8,
    },
    Commit {
        all: bool,
    },
    Amend,
    Reset {
        soft: bool,
    },
    Switch {
        branch: u8,
    },
    Rebase {
        branch: u8,
    },
    Merge {
        branch: u8,
    },
    /// Ends a merge that is under way.
    MergeEnd,
    Stash,
    Pop,
    /// A remote has what is on the branch.
    Pushed,
    PackRefs,
    /// Everything that nothing refers to is gone.
    Gc,
    /// The database is gone.
    NoIndex,
    /// The program.
    Rt(Rt),
    /// The program, killed at some point of its way, and what the next start makes of it.
    Killed {
        point: u16,
        rt: Rt,
    },
    /// A turn and something else at once.
    Both {
        first: Vec<Edit>,
        with: With,
    },
}

/// What goes on beside a turn.
#[derive(Debug, Clone)]
pub(crate) enum With {
    /// Another turn, on other files.
    Other(Vec<Edit>),
    /// In place of the turn, two on other lines of the same file.
    SameFile { file: u8, at: u8, how: [How; 2] },
    /// The user commits everything.
    Commit,
    /// Git packs.
    Gc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Change,
    Insert,
    Delete,
}

/// An edit of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Lines { file: u8, at: u8, how: How },
    Create { name: u8 },
    Delete { file: u8 },
}

#[derive(Debug, Clone)]
pub(crate) enum Rt {
    Apply { edits: Vec<Edit>, flag: u8 },
    Undo { keep: u8 },
    Redo,
    Retry { turn: u8 },
    Checkout { turn: u8 },
    Resume { turn: u8 },
    New,
}

/// Most of the time the same few files, so that what the user and the program do meets.
fn file() -> impl Strategy<Value = u8> {
    prop_oneof![5 => 0..2u8, 3 => 2..5u8, 1 => 5..8u8]
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![3 => Just(How::Change), 2 => Just(How::Insert), 1 => Just(How::Delete)]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        8 => (file(), any::<u8>(), how()).prop_map(|(file, at, how)| Edit::Lines { file, at, how }),
        1 => (0..3u8).prop_map(|name| Edit::Create { name }),
        1 => file().prop_map(|file| Edit::Delete { file }),
    ]
}

fn rt() -> impl Strategy<Value = Rt> {
    prop_oneof![
        8 => (prop::collection::vec(edit(), 1..4), any::<u8>()).prop_map(|(edits, flag)| Rt::Apply { edits, flag }),
        4 => (0..8u8).prop_map(|keep| Rt::Undo { keep }),
        3 => Just(Rt::Redo),
        1 => any::<u8>().prop_map(|turn| Rt::Retry { turn }),
        2 => any::<u8>().prop_map(|turn| Rt::Checkout { turn }),
        1 => any::<u8>().prop_map(|turn| Rt::Resume { turn }),
        1 => Just(Rt::New),
    ]
}

fn with() -> impl Strategy<Value = With> {
    prop_oneof![
        2 => prop::collection::vec(edit(), 1..3).prop_map(With::Other),
        2 => (file(), any::<u8>(), [how(), how()]).prop_map(|(file, at, how)| With::SameFile { file, at, how }),
        2 => Just(With::Commit),
        1 => Just(With::Gc),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => rt().prop_map(Op::Rt),
        4 => (any::<u16>(), rt()).prop_map(|(point, rt)| Op::Killed { point, rt }),
        2 => (prop::collection::vec(edit(), 1..3), with()).prop_map(|(first, with)| Op::Both { first, with }),
        6 => (file(), any::<u8>(), how()).prop_map(|(file, at, how)| Op::Write { file, at, how }),
        1 => (0..3u8).prop_map(|name| Op::Untracked { name }),
        2 => (file(), 0..6u8).prop_map(|(file, what)| Op::Odd { file, what }),
        1 => file().prop_map(|file| Op::Remove { file }),
        1 => file().prop_map(|file| Op::Rename { file }),
        5 => file().prop_map(|file| Op::Stage { file }),
        1 => Just(Op::StageAll),
        1 => file().prop_map(|file| Op::Unstage { file }),
        2 => any::<bool>().prop_map(|all| Op::Commit { all }),
        1 => Just(Op::Amend),
        1 => any::<bool>().prop_map(|soft| Op::Reset { soft }),
        1 => (0..2u8).prop_map(|branch| Op::Switch { branch }),
        1 => (0..2u8).prop_map(|branch| Op::Rebase { branch }),
        1 => (0..2u8).prop_map(|branch| Op::Merge { branch }),
        1 => Just(Op::MergeEnd),
        1 => Just(Op::Stash),
        1 => Just(Op::Pop),
        1 => Just(Op::Pushed),
        1 => Just(Op::PackRefs),
        1 => Just(Op::Gc),
        1 => Just(Op::NoIndex),
    ]
}

/// Tries sequences that begin with a seed.
fn run(seed: u64) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let config = Config { cases, max_shrink_iters: 150, failure_persistence: None, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let policy = prop_oneof![3 => Just(0u8), 1 => Just(1u8), 1 => Just(2u8)];
    let sequences = (policy, prop::collection::vec(op(), 1..50));
    let tried = std::cell::Cell::new([0u64; 3]);
    let result = runner.run(&sequences, |(policy, ops)| {
        let kills = sim::run(policy, &ops).map_err(TestCaseError::fail)?;
        let [sequences, steps, all] = tried.get();
        tried.set([sequences + 1, steps + ops.len() as u64, all + kills]);
        Ok(())
    });
    match result {
        Err(TestError::Fail(why, (policy, ops))) => {
            let ops: Vec<String> = ops.iter().map(|op| format!("  {op:?}\n")).collect();
            panic!("RT_MODEL_SEED={seed}, policy {policy}: {why}\nafter\n{}", ops.concat());
        }
        Err(other) => panic!("RT_MODEL_SEED={seed}: {other}"),
        Ok(()) => println!("tried: {}", tried.get().map(|n| n.to_string()).join(" ")),
    }
}

#[test]
fn nothing_is_lost_whatever_happens() {
    let first: u64 = std::env::var("RT_MODEL_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let seeds: Vec<u64> = (first..first + 4).collect();
    each(&seeds, |seed| run(*seed));
}
