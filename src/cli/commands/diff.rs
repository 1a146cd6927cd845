//! `rt diff`: what a turn changed.

use clap::Args;

use crate::base::change::{ChangeSet, FileState};
use crate::base::text::is_binary;
use crate::ui::diff;

use super::super::context::Context;
use super::super::error::Failure;

/// Show what a turn changed, as a diff
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rt diff\n  rt diff kxvq | git apply -R")]
pub struct DiffArgs {
    /// The turn
    #[arg(default_value = "@")]
    pub address: String,
}

pub fn run(ctx: &Context, args: &DiffArgs) -> Result<(), Failure> {
    let ws = ctx.workspace()?;
    let (link, _) = super::place(ctx, &ws, &args.address)?;
    let changes = super::show::changes(&ws, &link)?;
    Ok(ctx.ui.out(diff(&unified(&changes)))?)
}

/// The change in the form that `git apply` takes.
pub fn unified(changes: &ChangeSet) -> String {
    let mut out = String::new();
    for (path, change) in changes.iter() {
        out.push_str(&format!("diff --git a/{path} b/{path}\n"));
        match (&change.before, &change.after) {
            (None, Some(after)) => out.push_str(&format!("new file mode {}\n", after.mode.octal())),
            (Some(before), None) => out.push_str(&format!("deleted file mode {}\n", before.mode.octal())),
            (Some(before), Some(after)) if before.mode != after.mode => {
                out.push_str(&format!("old mode {}\nnew mode {}\n", before.mode.octal(), after.mode.octal()));
            }
            _ => {}
        }
        let bytes = |side: &Option<FileState>| side.as_ref().map(|s| s.bytes.clone()).unwrap_or_default();
        let (before, after) = (bytes(&change.before), bytes(&change.after));
        if is_binary(&before) || is_binary(&after) {
            out.push_str(&format!("Binary files a/{path} and b/{path} differ\n"));
            continue;
        }
        let name = |side: &Option<FileState>, letter: char| {
            if side.is_some() { format!("{letter}/{path}") } else { "/dev/null".to_owned() }
        };
        let (old, new) = (String::from_utf8_lossy(&before).into_owned(), String::from_utf8_lossy(&after).into_owned());
        let diff = crate::base::text::unified(&old, &new, &name(&change.before, 'a'), &name(&change.after, 'b'));
        out.push_str(&diff);
    }
    out
}
