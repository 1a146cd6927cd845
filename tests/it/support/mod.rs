//! What the integration tests share.
#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod fake_llama;
pub(crate) mod fake_model;
pub(crate) mod killed;
#[allow(clippy::duplicate_mod, reason = "a fuzz target has it as well")]
pub(crate) mod made_gguf;
pub(crate) mod small;
pub(crate) mod tty;
pub(crate) mod world;
