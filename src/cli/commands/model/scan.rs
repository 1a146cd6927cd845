//! `rt model scan`: the model files and the running servers of this machine.

use clap::Args;
use serde_json::json;

use crate::agent::local::ask::{self, Served};
use crate::agent::local::gguf::Gguf;
use crate::agent::local::scan::Found;
use crate::agent::local::scan::places::Owner;
use crate::agent::models;
use crate::ui::{Style, Table, Text, bytes, count};

use super::super::super::context::Context;
use super::super::super::error::Failure;
use super::Here;

/// List the model files and the running servers of this machine
#[derive(Debug, Args)]
#[command(
    after_help = "It looks into the caches of Hugging Face and llama.cpp, those of Ollama and LM Studio, and the directories in `model.paths`, and asks the servers in `model.local_servers`. A file that several of them have is one line.\n\nExamples:\n  rt model scan\n  rt model scan --json\n  rt config set model.paths '[\"~/models\"]'"
)]
pub struct ScanArgs {}

pub fn run(ctx: &Context) -> Result<(), Failure> {
    let here = Here::new(ctx)?;
    let (scan, places) = here.scan();
    let servers = super::super::ask::block_on(servers(&here))?;
    if ctx.global.json {
        for found in &scan.models {
            ctx.ui.json(&as_json(found))?;
        }
        for (name, address, served) in &servers {
            let Served { name: model, bytes, size_label, quantisation, context } = served;
            ctx.ui.json(&json!({
                "v": 1, "kind": "server", "model": format!("{name}/{model}"), "address": address, "bytes": bytes,
                "size": size_label, "quantisation": quantisation, "context": context,
            }))?;
        }
    } else {
        let mut table = Table::new().right(1);
        scan.models.iter().for_each(|found| table.row(row(found)));
        for (name, address, served) in &servers {
            table.row([
                Text::new().add(Style::Good, format!("{name}/{}", served.name)),
                Text::from(served.bytes.map_or_else(String::new, bytes)),
                Text::from(served.quantisation.clone().unwrap_or_default()),
                Text::from(served.size_label.clone().unwrap_or_default()),
                Text::from(served.context.map_or_else(String::new, window)),
                Text::new().add(Style::Dim, format!("running at {address}")),
            ]);
        }
        ctx.ui.table(&table)?;
    }
    scan.notices.iter().for_each(|notice| ctx.ui.warn(notice));
    if scan.models.is_empty() {
        let looked: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
        here.status(format!("no model files in {}", looked.join(", ")));
        here.status("other directories: rt config set model.paths '[\"~/models\"]'");
    } else if servers.is_empty() {
        here.status("no server is running · start one: rt model serve NAME");
    }
    Ok(())
}

/// Every model of every server of this machine that answers: the server's name and address, and the model.
async fn servers(here: &Here<'_>) -> Vec<(String, String, Served)> {
    let settings = here.config.settings();
    let client = ask::client();
    let mut out = Vec::new();
    for server in models::local_servers(settings, None).await.into_iter().filter(|server| server.model.is_ok()) {
        let known = settings.model.local_servers.iter().find(|(name, _)| *name == server.name);
        let Some(address) = known.and_then(|(_, known)| models::address_of(known)) else { continue };
        let models = ask::models(&client, &address).await.unwrap_or_default();
        out.extend(models.into_iter().map(|model| (server.name.clone(), address.clone(), model)));
    }
    out
}

/// A number of tokens as people say it: `32k`.
fn window(tokens: u64) -> String {
    if tokens >= 1024 && tokens.is_multiple_of(1024) {
        format!("{}k context", tokens / 1024)
    } else {
        format!("{} context", count(tokens))
    }
}

fn owners(found: &Found) -> Vec<&'static str> {
    found.owners.iter().copied().map(Owner::as_str).collect()
}

fn row(found: &Found) -> [Text; 6] {
    let from = if found.of.is_empty() { owners(found).join(", ") } else { format!("{} · {}", owners(found).join(", "), found.of) };
    let name = if found.can_be_served() { Style::Id } else { Style::Dim };
    let start = |end: Text| [Text::new().add(name, found.name.clone()), Text::from(bytes(found.bytes)), end];
    match &found.facts {
        Ok(facts) => {
            let size = facts.size_label.clone().or_else(|| facts.parameters.map(count)).unwrap_or_default();
            let [one, two, three] = start(Text::from(facts.quantisation().unwrap_or_default()));
            let what = match facts.kind.as_str() {
                "model" => facts.context_length.map_or_else(String::new, window),
                other => other.to_owned(),
            };
            let size = if size.is_empty() { facts.architecture.clone() } else { size };
            [one, two, three, Text::from(size), Text::from(what), Text::new().add(Style::Dim, from)]
        }
        Err(why) => {
            let [one, two, three] = start(Text::new());
            [
                one,
                two,
                three,
                Text::new(),
                Text::new(),
                Text::new().add(Style::Warn, why.clone()).add(Style::Dim, format!(" · {from}")),
            ]
        }
    }
}

fn as_json(found: &Found) -> serde_json::Value {
    let facts = found.facts.as_ref().ok();
    json!({
        "v": 1,
        "kind": facts.map_or("unusable", |facts| facts.kind.as_str()),
        "name": found.name,
        "of": found.of,
        "path": found.path.display().to_string(),
        "bytes": found.bytes,
        "parts": found.parts,
        "from": owners(found),
        "problem": found.facts.as_ref().err(),
        "title": facts.and_then(|facts| facts.name.clone()),
        "architecture": facts.map(|facts| facts.architecture.clone()),
        "size": facts.and_then(|facts| facts.size_label.clone()),
        "parameters": facts.and_then(|facts| facts.parameters),
        "quantisation": facts.and_then(Gguf::quantisation),
        "context": facts.and_then(|facts| facts.context_length),
        "layers": facts.and_then(|facts| facts.layers),
        "chat_template": facts.map(|facts| facts.chat_template),
    })
}
