//! What the integration tests share.

pub(crate) mod fake_model;
pub(crate) mod world;
