//! Models on this machine: which there are, a server for one of them, and how fast it is.
//!
//! Invariants
//! - Only what was started here is ever stopped: it is known by a file of ours, its number and its time of birth.
//! - What is started stands in that file before anybody waits for it, so it is found again whatever happens to us.
//! - Nothing is asked but servers of this machine, and nothing is written but our own files of running servers.

pub mod gguf;
pub mod memory;
pub mod scan;
