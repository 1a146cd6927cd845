//! `rt model stop`: the end of servers that were started here.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::agent::local::state::{Server, Stopped};
use crate::ui::{Style, Text};

use super::super::super::context::Context;
use super::super::super::error::Failure;
use super::Here;

/// Stop servers that `rt model serve` has started, and no others
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rt model stop\n  rt model stop 9931\n  rt model stop --all")]
pub struct StopArgs {
    /// The server's port, or its model's name or a part of it; may be left out when there is only one
    #[arg(conflicts_with = "all")]
    pub server: Option<String>,

    /// All of them
    #[arg(long)]
    pub all: bool,

    /// How many seconds a server may take to end by itself before it is killed
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub grace: u64,
}

pub fn run(ctx: &Context, args: &StopArgs) -> Result<(), Failure> {
    let here = Here::new(ctx)?;
    let servers = which(here.known(), args)?;
    if servers.is_empty() {
        here.status("rt has started no server");
    }
    for server in servers {
        let stop = here.servers.stop(&server, Duration::from_secs(args.grace));
        let stopped = super::super::ask::block_on(stop)??;
        let (word, said) = match stopped {
            Stopped::WasGone => ("gone", "had ended already"),
            Stopped::ByItself => ("stopped", "is stopped"),
            Stopped::Killed => ("killed", "did not end by itself and was killed"),
        };
        if ctx.global.json {
            ctx.ui.json(&json!({ "v": 1, "server": word, "port": server.port, "name": server.name, "pid": server.pid }))?;
        } else {
            ctx.ui.line(Text::new().add(Style::Id, server.name.clone()).plain(format!(" on port {} {said}", server.port)))?;
        }
    }
    Ok(())
}

fn which(known: Vec<Server>, args: &StopArgs) -> Result<Vec<Server>, Failure> {
    let list = |servers: &[&Server]| servers.iter().map(|s| format!("{} ({})", s.port, s.name)).collect::<Vec<_>>().join(", ");
    let Some(written) = &args.server else {
        if !args.all && known.len() > 1 {
            let all = list(&known.iter().collect::<Vec<_>>());
            return Err(Failure::usage(format!("which one? {all}")).hint("rt model stop PORT   or: rt model stop --all"));
        }
        return Ok(known);
    };
    let lower = written.to_lowercase();
    let exact = |server: &&Server| server.port.to_string() == *written || server.name == *written;
    let mut fit: Vec<&Server> = known.iter().filter(exact).collect();
    if fit.is_empty() {
        fit = known.iter().filter(|server| server.name.to_lowercase().contains(&lower)).collect();
    }
    match fit[..] {
        [one] => Ok(vec![one.clone()]),
        [] => Err(Failure::user(format!("rt has started no server {written:?}"))
            .hint("which there are: rt model ps   what others have started, they stop")),
        _ => Err(Failure::usage(format!("several servers fit: {}", list(&fit))).hint("rt model stop PORT")),
    }
}
