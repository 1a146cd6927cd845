//! `rt man`: manual pages.

use std::path::Path;

use clap::{Args, CommandFactory as _};

use super::super::args::Cli;
use super::super::context::Context;
use super::super::error::Failure;
use super::super::reference;

/// Print the manual page, or write all of them into a directory
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rt man | man -l -\n  rt man --dir ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Write rt.1 and a page for each command into this directory
    #[arg(long, value_name = "DIR")]
    pub dir: Option<String>,
}

pub fn run(ctx: &Context, args: &ManArgs) -> Result<(), Failure> {
    let page = |command: clap::Command| {
        let mut out = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut out)
            .map(|()| out)
            .map_err(|e| Failure::user(format!("the page cannot be made: {e}")))
    };
    let Some(directory) = &args.dir else { return Ok(ctx.ui.raw(&page(Cli::command())?)?) };
    let directory = ctx.directory.join(directory);
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |e: std::io::Error| Failure::user(format!("{path}: {e}"))
    };
    std::fs::create_dir_all(&directory).map_err(io(&directory))?;
    let mut top = Cli::command().disable_help_subcommand(true);
    top.build();
    let mut commands = Vec::new();
    reference::gather(&mut commands, &top, "rt");
    let pages = commands.into_iter().map(|(name, command)| {
        let name = name.replace(' ', "-");
        (name.clone(), command.disable_help_subcommand(true).display_name(name))
    });
    for (name, command) in pages {
        let path = directory.join(format!("{name}.1"));
        std::fs::write(&path, page(command)?).map_err(io(&path))?;
    }
    Ok(())
}
