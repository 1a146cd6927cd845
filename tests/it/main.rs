//! The one integration binary: the real program against real git, with a fake model on loopback that speaks the
//! provider's own bytes.

mod answers;
mod ask;
mod cli;
mod demo;
mod exact;
mod failures;
mod format;
mod landing;
mod running;
mod sharing;
mod support;
mod transcripts;
mod undo;
