//! The one integration binary: the real program against real git, with a fake model on loopback that speaks the
//! provider's own bytes.

mod answers;
mod ask;
mod checks;
mod cli;
mod crash;
mod demo;
mod doctor;
mod exact;
mod failures;
mod format;
mod fsck;
mod fuzz;
mod hooks;
mod hostile;
mod hostile_answers;
mod hostile_names;
mod hostile_refs;
mod hostile_repositories;
mod landing;
mod model;
mod private;
mod repositories;
mod review;
mod running;
mod secrets;
mod shapes;
mod sharing;
mod storage;
mod support;
mod sweep;
mod syscalls;
mod together;
mod transcripts;
mod trust;
mod undo;
