//! `rt config`: settings and where they come from.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::agent::Error;
use crate::config::schema::Scope;
use crate::config::{self, schema};
use crate::ui::{Style, Table, Text};

use super::super::context::Context;
use super::super::error::Failure;

/// Read and change settings
#[derive(Debug, Args)]
#[command(
    after_help = "Later layers win: built in, your own file, the project's file, variables (`RT_MODEL`, `RT__VCS__COMMIT`), flags.\n\nExamples:\n  rt config set model.default pro\n  rt config set --project vcs.coauthor true\n  rt config show --origin"
)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write a commented configuration file of your own
    Init,
    /// Print one setting's value
    Get {
        /// The setting, such as `model.default`
        key: String,
    },
    /// Set a value in your own configuration file
    Set {
        /// The setting, such as `model.default`
        key: String,
        /// The value
        value: String,
        /// Set it in the project's `.retort/config.toml` instead
        #[arg(long)]
        project: bool,
    },
    /// Print all settings and their values
    Show {
        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Check all configuration files
    Check,
    /// Print where your own configuration file is
    Path,
    /// Print a JSON schema for editors
    Schema,
}

pub fn run(ctx: &Context, args: &ConfigArgs) -> Result<(), Failure> {
    let home = || ctx.home.clone().ok_or_else(|| Failure::user("neither HOME nor RT_HOME is set"));
    let own = || home().map(|h| if h.join("config.json").exists() { h.join("config.json") } else { h.join("config.toml") });
    match &args.command {
        ConfigCommand::Init => {
            let path = own()?;
            if path.exists() {
                return Err(Failure::user(format!("{} exists already", path.display())).hint("change it: rt config set KEY VALUE"));
            }
            crate::vcs::durable::replace(&path, schema::starter().as_bytes())
                .map_err(|e| Failure::user(format!("{}: {e}", path.display())))?;
            Ok(ctx.ui.line(format!("wrote {}", path.display()))?)
        }
        ConfigCommand::Path => Ok(ctx.ui.line(own()?.display().to_string())?),
        ConfigCommand::Schema => Ok(ctx.ui.json(&schema::json_schema())?),
        ConfigCommand::Set { key, value, project } => {
            let path = if *project {
                let root = ctx.root()?.ok_or_else(|| Failure::user("this is not inside a repository"))?;
                let json = root.join(".retort/config.json");
                let path = if json.exists() { json } else { root.join(".retort/config.toml") };
                // The project may be anybody's; its link could lead to any file of the user's.
                let ways = [root.join(".retort"), path.clone()];
                if let Some(link) = ways.iter().find(|way| way.is_symlink()) {
                    return Err(Failure::user(format!("{} is a symbolic link, and is not written through", link.display()))
                        .hint("put a file in its place, or set it for yourself, without --project"));
                }
                path
            } else {
                own()?
            };
            config::set(&path, key, value).map_err(Error::from)?;
            ctx.ui.line(Text::new().add(Style::Bold, key.clone()).plain(format!(" = {value} in {}", path.display())))?;
            if *project && schema::find(key).is_some_and(|known| known.scope != Scope::Anyone) {
                ctx.ui.status(Text::new().add(Style::Warn, "it does not count until you have said: rt trust"));
            }
            Ok(())
        }
        ConfigCommand::Get { key } => {
            let config = ctx.config()?;
            let Some(entry) = config.get(key) else {
                let failure = Failure::user(format!("there is no setting {key:?}"));
                return Err(schema::nearest(key).into_iter().fold(failure, |f, near| f.hint(format!("did you mean {near}?"))));
            };
            Ok(ctx.ui.line(entry.value.to_string())?)
        }
        ConfigCommand::Show { origin } => show(ctx, *origin),
        ConfigCommand::Check => {
            let problems = config::check(&ctx.sources(ctx.root()?, Vec::new())?);
            let Some((last, others)) = problems.split_last() else { return Ok(ctx.ui.line("all settings are in order")?) };
            for problem in others {
                ctx.ui.warn(&problem.to_string());
            }
            let hint = last.hint();
            Err(hint.into_iter().fold(Failure::user(last.to_string()), Failure::hint))
        }
    }
}

fn show(ctx: &Context, origin: bool) -> Result<(), Failure> {
    let config = ctx.config()?;
    let mut table = Table::new();
    for entry in config.entries() {
        if ctx.global.json {
            ctx.ui
                .json(&json!({ "v": 1, "key": entry.key, "value": entry.value.to_json(), "origin": entry.origin.to_string() }))?;
            continue;
        }
        let mut cells = vec![Text::new().add(Style::Bold, entry.key.clone()), Text::new().plain(entry.value.to_string())];
        if origin {
            cells.push(Text::new().add(Style::Dim, entry.origin.to_string()));
        }
        table.row(cells);
    }
    ctx.ui.table(&table)?;
    config.warnings().iter().for_each(|warning| ctx.ui.warn(warning));
    Ok(())
}
