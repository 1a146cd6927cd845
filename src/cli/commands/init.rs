//! `rt init`: the project's own directory.

use clap::Args;

use crate::vcs::durable;

use super::super::context::Context;
use super::super::error::Failure;

/// Make `.retort/` in the project, for settings that belong to it
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rt init\n  rt config set --project check.max_reflections 1")]
pub struct InitArgs {}

const CONFIG: &str = "# Settings of this project. Whoever clones it allows those that could do harm with `rt trust`.\n# All keys: rt config show   what they mean: docs/config.md of retort\n";

pub fn run(ctx: &Context, _: &InitArgs) -> Result<(), Failure> {
    let root = ctx.needed_root()?;
    let directory = root.join(".retort");
    if directory.is_symlink() {
        return Err(Failure::user(format!("{} is a symbolic link, and is not written through", directory.display()))
            .hint("put a directory in its place"));
    }
    let file = directory.join("config.toml");
    if file.exists() || directory.join("config.json").exists() {
        return Ok(ctx.ui.line(format!("{} is there already", directory.display()))?);
    }
    durable::replace(&file, CONFIG.as_bytes()).map_err(|e| Failure::user(format!("{}: {e}", file.display())))?;
    Ok(ctx.ui.line(format!("wrote {}; instructions for the model belong in AGENTS.md", file.display()))?)
}
