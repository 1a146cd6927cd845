//! Model text → edit plan, and edit plan + tree → change set or rejects.
//!
//! # The grammar of an answer
//!
//! Prose is free. Four forms mean something, each on lines of its own and outside the other forms:
//!
//! ```text
//! block   = [path] [fence] head search divider replace end [fence]
//! path    = the file, alone on the line above the fence or the head (blank line allowed), or first line in the fence,
//!           or in the fence's info string; may be decorated (**path**, `path`, ### path, path:). Without one: as before
//! fence   = 3 or more backticks or tildes; never needed
//! head    = "<<<<<<< SEARCH"      divider = "======="      end = ">>>>>>> REPLACE"
//! search  = whole lines that stand in the file once; none: the file is created with `replace`
//! file    = "=== FILE: path ===" fence content fence            the whole content, new or instead of the old
//! delete  = "=== DELETE: path ==="
//! commit  = "=== COMMIT: one line ==="                          the commit's subject
//! ```
//!
//! Markers have 5 to 9 characters. In content that has such lines itself, the three markers of the block are 8 or 9 wide:
//! then only markers of that very width count. If several lines could be the divider, it is the first, unless the file has
//! such a line too: then the block is rejected. A whole file ends at the first line of at least as many
//! fence characters without an info string, so its fence is longer than any fence in the content. In the whole-file format
//! a path line above a fence (or in its info string) does as well as `=== FILE`; in the others a plain fenced block is an
//! illustration and never written.
//!
//! Invariants
//! - Reading never fails: what cannot be read is an issue, and where content and form can no longer be told apart, nothing
//!   further is read. The plan does not depend on how the text was cut into chunks. The cost is linear.
//! - A file becomes what the model meant, byte for byte, or the edit is rejected with the reason; nothing is guessed that
//!   has a second possibility. Line ends, byte order mark, last line end and mode stay as the file has them.
//! - Pure: files are read through a `SourceTree` and nothing is written.
//!
//! A further format is a file beside `block.rs` and `whole.rs` and a state in `parse.rs`; a further way to match is a
//! function in the list of `ladder.rs`.

mod apply;
mod block;
mod calls;
mod change;
mod diff;
mod elide;
mod guess;
mod indent;
mod keys;
mod label;
mod ladder;
mod lines;
mod marker;
mod names;
mod near;
mod nearest;
mod parse;
mod patch;
mod plan;
mod reject;
mod settle;
mod tags;
#[cfg(test)]
mod tests;
mod whole;

pub use crate::config::EditFormat;
pub use apply::{Applied, Rules, apply};
pub use nearest::Region;
pub use parse::{Parser, parse};
pub use plan::{BadTarget, Edit, EditPlan, Hunk, IssueKind, Op, ParseEvent, ParseIssue, Replacement};
pub use reject::{Reason, Reject, shortened};
pub use settle::Doubt;
