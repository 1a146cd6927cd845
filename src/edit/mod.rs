//! Model text → edit plan, and edit plan + tree → change set or rejects.
//!
//! # The grammar of an answer
//!
//! Prose is free. These forms mean something, each on lines of its own and outside the other forms; which one an answer is in,
//! the answer itself tells:
//!
//! ```text
//! block   = [path] [fence] head search divider replace end [fence]
//! path    = the file, alone on the line above the fence or the head (blank line allowed), or first line in the fence,
//!           or in the fence's info string; may be decorated (**path**, `path`, ### path, path:). Without one: as before
//! fence   = 3 or more backticks or tildes; never needed
//! head    = "<<<<<<< SEARCH"      divider = "======="      end = ">>>>>>> REPLACE"   (also "------- SEARCH", "+++++++ REPLACE")
//! search  = whole lines that stand in the file once; none: the file is created with `replace`
//! file    = "=== FILE: path ===" fence content fence            the whole content, new or instead of the old
//! delete  = "=== DELETE: path ==="
//! commit  = "=== COMMIT: one line ==="                          the commit's subject
//! diff    = [git's headers] "--- a/path" "+++ b/path" hunk…     a unified diff; /dev/null creates and deletes, git's headers rename
//!           and change the mode; in a fence for diffs a path above it does instead of the headers
//! hunk    = "@@" … lines that begin with a space, "-" or "+"    numbers are optional, and may be wrong
//! patch   = "*** Begin Patch" ("*** Update File: path" ["*** Move to: path"] ("@@" [line above] lines)… ["*** End of File"]
//!           | "*** Add File: path" +lines | "*** Delete File: path")… ["*** End Patch"]
//! tags    = <search>…</search> <replace>…</replace> | <content>…</content>, with <path>…</path> or path="…" in a tag;
//!           other usual names of these tags as well
//! calls   = JSON that is the whole answer, or in a fence for JSON: {path, old_str, new_str} | {path, content} | … ,
//!           alone, in an array, one a line, or as the arguments of tool calls
//! ```
//!
//! Markers have 5 to 9 characters. In content that has such lines itself, the three markers of the block are 8 or 9 wide:
//! then only markers of that very width count. If several lines could be the divider, it is the first, unless the file has
//! such a line too: then the block is rejected, as it is if its only divider may be the underline below what was found. A whole file ends at the first line of at least as many
//! fence characters without an info string, so its fence is longer than any fence in the content. Where whole files are
//! asked for, a path line above a fence (or in its info string) does as well as `=== FILE`; where nothing is asked for, it
//! does if the answer has no other edit and the content looks like all of the file (`guess.rs`); elsewhere a plain fenced
//! block is an illustration and never written.
//!
//! Invariants
//! - Reading never fails: what cannot be read is an issue, and where content and form can no longer be told apart, nothing
//!   further is read. The plan does not depend on how the text was cut into chunks. The cost is linear.
//! - A file becomes what the model meant, byte for byte, or the edit is rejected with the reason; nothing is guessed that
//!   has a second possibility. A line that stays is the file's own line, never the model's copy of it. Line ends, byte order
//!   mark, last line end and mode stay as the file has them.
//! - Pure: files are read through a `SourceTree` and nothing is written.
//!
//! An edit that an answer says twice is made once. New text that was changed on its way (line numbers, entities, doubled
//! escapes) is refused (`noise.rs`), and so is a whole file that is most of another one whose path ends with its own.
//!
//! A further format is a file beside `diff.rs` and `tags.rs` and a state in `parse/`; how a search is found is the ladder of
//! `ladder.rs`, how the replacement is carried over is `settle.rs`.

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
mod likeness;
mod lines;
mod marker;
mod names;
mod near;
mod nearest;
mod noise;
mod parse;
mod patch;
mod plan;
#[cfg(test)]
mod properties;
mod reject;
#[cfg(test)]
mod rendered;
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
