//! What a repository says about itself: the files that a message names, the project's instructions to a model, and whether
//! an edit breaks the syntax of a file.
//!
//! Invariants
//! - Reads only through [`SourceTree`](crate::base::tree::SourceTree), so the same code sees a worktree, a commit or a test.
//! - A file is taken only when the message leaves no doubt which one it means; what could mean several is reported.

mod instructions;
mod named;
pub mod syntax;

pub use instructions::instruction_files;
pub use named::{Ambiguous, How, Named, NamedFiles, named_files};
