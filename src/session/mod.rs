//! The conversation as data: requests, model events, turns, sessions, addresses, and the codec between a turn and the
//! parts of its commit.
//!
//! Invariants
//! - Pure: no file, no process, no clock. What is stored is decided here and nowhere else.
//! - Bytes of the user, of a model or of a provider are never re-encoded; only metadata is.

pub mod address;
pub mod codec;
pub mod cursor;
pub mod event;
pub mod meta;
pub mod refs;
pub mod request;
pub mod stream;
pub mod turn;
