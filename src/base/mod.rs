//! Layer 0: ids, paths, hashes, time, change sets, three-way merge and the traits that let pure code read files.
//!
//! Invariants
//! - No I/O: the two traits that stand for the outside world ([`clock::Clock`], [`clock::Entropy`]) have their real
//!   implementations at the command line's one door.
//! - Types here carry no behaviour of a subsystem; what only one module needs lives in that module.

pub mod change;
pub mod clock;
pub mod hash;
pub mod hunk;
pub mod id;
pub mod json;
pub mod media;
pub mod merge;
pub mod money;
pub mod options;
pub mod path;
pub mod text;
pub mod tree;
