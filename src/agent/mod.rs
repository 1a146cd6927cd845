//! The workspace, the course of an exchange and everything that acts on turns; usable without a command line.
//!
//! Invariants
//! - The driver ([`exchange`]) owns all mutable state and is the only place that awaits; what happens next is decided by
//!   the pure [`machine`].
//! - Nothing is kept in the process between exchanges: each starts from refs, cursor and files.
//! - A turn that is open has a directory of its own until it is recorded; [`recover`] closes those of dead processes.

pub mod apply;
pub mod check;
pub mod checkout;
pub mod compact;
pub mod doctor;
pub mod edits;
mod error;
pub mod estimate;
pub mod exchange;
pub mod fsck;
pub mod hook;
pub mod intent;
pub mod keys;
pub mod landing;
pub mod local;
pub mod machine;
pub mod models;
pub mod open;
pub mod prepare;
pub mod probe;
pub mod recover;
pub mod replay;
pub mod review;
mod scrub;
pub mod sessions;
pub mod slots;
pub mod spend;
pub mod steps;
pub mod store;
mod tap;
pub mod undo;
pub mod workspace;

pub use error::Error;
