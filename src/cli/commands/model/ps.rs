//! `rt model ps`: the servers that were started here.

use clap::Args;
use serde_json::json;

use crate::agent::local::ask::{self, Health};
use crate::agent::local::state::{Condition, Server};
use crate::ui::{Style, Table, Text, bytes, elapsed};

use super::super::super::context::Context;
use super::super::super::error::Failure;
use super::Here;

/// List the servers that `rt model serve` has started
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rt model ps\n  rt model ps --json")]
pub struct PsArgs {}

pub fn run(ctx: &Context) -> Result<(), Failure> {
    let here = Here::new(ctx)?;
    let known = here.known();
    if known.is_empty() {
        here.status("rt has started no server · rt model serve NAME");
    }
    let mut table = Table::new().right(0).right(3).right(4);
    for server in known {
        let condition = here.servers.condition(&server);
        let (style, state) = state(&server, &condition)?;
        let resident = here.servers.resident(&server);
        let up = server.began().map(|began| here.clock.now().millis().saturating_sub(began.millis()));
        let up = up.filter(|_| condition != Condition::Gone);
        let pids = condition.processes();
        if ctx.global.json {
            ctx.ui.json(&json!({
                "v": 1, "port": server.port, "name": server.name, "model": server.model.display().to_string(),
                "address": server.address(), "pid": pids.first(), "state": state, "resident": resident,
                "context": server.context, "up_seconds": up.map(|up| up / 1000),
                "log": here.servers.log(server.port).display().to_string(),
            }))?;
            continue;
        }
        table.row([
            Text::from(server.port.to_string()),
            Text::new().add(Style::Id, server.name.clone()),
            Text::new().add(style, state),
            Text::from(resident.map_or_else(String::new, bytes)),
            Text::from(up.map_or_else(String::new, elapsed)),
            Text::from(pids.first().map_or_else(String::new, |pid| format!("process {pid}"))),
            Text::new().add(Style::Dim, server.model.display().to_string()),
        ]);
    }
    Ok(ctx.ui.table(&table)?)
}

fn state(server: &Server, condition: &Condition) -> Result<(Style, &'static str), Failure> {
    if *condition == Condition::Gone {
        return Ok((Style::Bad, "ended"));
    }
    let client = ask::client();
    Ok(match super::super::ask::block_on(ask::health(&client, server.port))? {
        Health::Ready => (Style::Good, "ready"),
        Health::Loading => (Style::Warn, "loading"),
        Health::Silent => (Style::Warn, "silent"),
    })
}
