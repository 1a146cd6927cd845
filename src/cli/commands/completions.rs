//! `rt completions`: for shells.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::super::args::Cli;
use super::super::context::Context;
use super::super::error::Failure;

/// Print a completion script
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rt completions bash > ~/.local/share/bash-completion/completions/rt\n  rt completions fish > ~/.config/fish/completions/rt.fish"
)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

pub fn run(ctx: &Context, args: &CompletionsArgs) -> Result<(), Failure> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rt", &mut out);
    Ok(ctx.ui.raw(&out)?)
}
