//! The one integration binary: the real program against real git, with a fake model on loopback that speaks the
//! provider's own bytes.

mod crash;
mod demo;
mod support;
mod together;
