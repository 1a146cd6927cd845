//! `rt doctor`: how this machine and this repository are set up.

use clap::Args;
use serde_json::json;

use crate::agent::doctor::{self, Check, Given, Health};
use crate::agent::models;
use crate::config::Config;
use crate::config::secret::Redactor;
use crate::ui::{Style, Text};

use super::super::context::{Context, Outside, counted};
use super::super::error::Failure;

/// Say how this machine and this repository are set up, and what could go wrong
#[derive(Debug, Args)]
#[command(
    after_help = "Each line is one check: `ok`, a `note`, a `warning` (it works, but something can go wrong) or a `problem`, and what to do. The exit code is 1 when there is a problem. It works outside of a repository, and in one that rt refuses.\n\nNothing is written, and nothing is sent but a question to the servers of this machine in `model.local_servers`. What is printed holds no key, no address of a remote and no name of a person, but paths: it can go into a bug report.\n\nExamples:\n  rt doctor\n  rt doctor --json"
)]
pub struct DoctorArgs {}

pub fn run(ctx: &Context) -> Result<(), Failure> {
    let survey = ctx.survey();
    let git = ctx.repository(&ctx.directory, Outside::Refuse).ok();
    let root = survey.as_ref().ok().and_then(|s| s.root.clone());
    // Without a home there are no settings; that is said as well.
    let config = ctx.home.is_some().then(|| ctx.sources(root, Vec::new())).transpose()?.map(|sources| Config::load(&sources));
    let servers = match &config {
        Some(Ok(config)) => {
            ctx.set_color(config);
            let tape = models::tape(config.settings(), &Redactor::new(config.secrets(&ctx.vars)))?;
            super::ask::block_on(models::local_servers(config.settings(), tape))?
        }
        _ => Vec::new(),
    };
    let home = ctx.home.as_deref();
    let given = Given {
        directory: &ctx.directory,
        home,
        env: &ctx.vars,
        survey: &survey,
        git: git.as_ref(),
        config: config.as_ref(),
        servers: &servers,
    };
    let checks = doctor::doctor(&given);
    for check in &checks {
        show(ctx, check)?;
    }
    match checks.iter().filter(|check| check.health == Health::Problem).count() {
        0 => Ok(()),
        n => Err(Failure::user(counted(n as u64, "problem")).hint("the lines that begin with `problem` say what to do")),
    }
}

fn show(ctx: &Context, check: &Check) -> Result<(), Failure> {
    let Check { name, health, says, todo } = check;
    if ctx.global.json {
        return Ok(ctx.ui.json(&json!({ "v": 1, "check": name, "health": health.as_str(), "says": says, "todo": todo }))?);
    }
    let style = match health {
        Health::Ok => Style::Good,
        Health::Note => Style::Dim,
        Health::Warning => Style::Warn,
        Health::Problem => Style::Bad,
    };
    let one_line = says.replace('\n', " ");
    let mut line = Text::new().add(style, format!("{:<8}", health.as_str())).plain(format!(" {name}: {one_line}"));
    if let Some(todo) = todo {
        line.push(Style::Dim, format!(" · {todo}"));
    }
    Ok(ctx.ui.line(line)?)
}
