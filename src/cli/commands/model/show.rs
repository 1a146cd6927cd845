//! `rt model show`: everything that is known about one model.

use clap::Args;
use serde_json::json;

use crate::agent::models::{self, Special};
use crate::base::clock::Timestamp;
use crate::base::money::Tokens;
use crate::base::options::CallOption;
use crate::config::EditFormat;
use crate::llm::catalog::{Catalog, ModelInfo, PriceRow};
use crate::ui::{Style, Table, Text, count};

use super::super::super::context::Context;
use super::super::super::error::Failure;
use super::Known;
use super::list::{abilities, price_json};

/// Show everything that is known about a model, and how it would be asked
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is sent.\n\nExamples:\n  rt model show\n  rt model show sonnet\n  rt model show openai/gpt-6-luna --json"
)]
pub struct ShowArgs {
    /// The model; without one, the one that is asked by itself
    pub model: Option<String>,
}

pub fn run(ctx: &Context, args: &ShowArgs) -> Result<(), Failure> {
    let known = Known::new(ctx)?;
    let id = known.named(args.model.as_deref())?;
    let settings = models::settings_of(&known.config, &id.provider);
    let full = known.catalog.full_name(&id.provider, &id.model).to_owned();
    let found = known.catalog.find(&id.provider, &full);
    let info = found.cloned().unwrap_or_default();
    // Without a key it cannot be asked, but what is known is known.
    let paste: Box<crate::llm::local::Paste> = Box::new(|_| Ok(Vec::new()));
    let special = Special { recordings: Vec::new(), paste: Some(paste) };
    let opened = models::open_with(&known.setup(), id.clone(), special);
    let (model, unusable) = match opened {
        Ok(model) => (Some(model), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let address = settings
        .and_then(|s| s.base_url.clone())
        .or_else(|| settings.and_then(|s| models::own_address(&id.provider, s.kind)).map(str::to_owned));
    let source = known.key_source(&id.provider).map(|source| source.to_string());
    let (takes, refuses): (Vec<CallOption>, Vec<CallOption>) = CallOption::ALL
        .iter()
        .partition(|option| model.as_ref().is_some_and(|m| m.provider.takes(**option)) && info.takes(**option));
    let set: Vec<(CallOption, String, String)> = CallOption::ALL
        .iter()
        .filter_map(|option| {
            let value = known.config.settings().sampling.get(*option)?.to_owned();
            let origin = known.config.get(&format!("sampling.{option}")).map(|entry| entry.origin.to_string());
            Some((*option, value, origin.unwrap_or_default()))
        })
        .collect();
    let data = data(&known, &id.provider, &full);
    let names = |options: &[CallOption]| options.iter().map(|option| option.name()).collect::<Vec<_>>();
    if ctx.global.json {
        return Ok(ctx.ui.json(&json!({
            "v": 1, "model": id.to_string(), "full": format!("{}/{full}", id.provider), "known": found.is_some(),
            "alias": known.catalog.alias_of(&id.provider, &full), "also": info.also,
            "protocol": settings.map(|s| s.kind.as_str()), "address": address, "key": source, "unusable": unusable,
            "window": info.window.map(|t| t.0), "max_input": info.max_input.map(|t| t.0), "max_output": info.max_output.map(|t| t.0),
            "abilities": abilities(&info), "efforts": info.efforts, "takes": names(&takes), "refuses": names(&refuses),
            "set": set.iter().map(|(o, value, from)| json!({ "option": o.name(), "value": value, "origin": from,
                "sent": takes.contains(o) })).collect::<Vec<_>>(),
            "edit_format": info.edit_format.map(EditFormat::as_str), "released": info.released,
            "prices": info.prices.iter().map(|row| json!({ "from": row.from.map(|t| t.to_string()), "above": row.above.0,
                "price": price_json(&row.price) })).collect::<Vec<_>>(),
            "data": data,
        }))?);
    }
    let mut table = Table::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            table.row([Text::new().add(Style::Bold, name), Text::from(value)]);
        }
    };
    line("model", format!("{}/{full}", id.provider));
    line("short name", known.catalog.alias_of(&id.provider, &full).unwrap_or_default().to_owned());
    line("other names", info.also.join(", "));
    line("protocol", settings.map(|s| s.kind.as_str().to_owned()).unwrap_or_default());
    line("address", address.unwrap_or_default());
    line("key", source.unwrap_or_else(|| "none".to_owned()));
    line("cannot be asked", unusable.unwrap_or_default());
    limits(&mut line, &info);
    line("abilities", abilities(&info).join(", "));
    line("efforts", info.efforts.join(", "));
    line("takes", names(&takes).join(", "));
    line("does not take", if model.is_some() { names(&refuses).join(", ") } else { String::new() });
    for (option, value, from) in &set {
        let sent = if takes.contains(option) { "" } else { ", left out" };
        line("set", format!("{option} = {value} ({from}{sent})"));
    }
    line("edits", info.edit_format.map(EditFormat::as_str).map(str::to_owned).unwrap_or_default());
    line("released", info.released.clone().unwrap_or_default());
    let now = known.clock.now();
    let current = info.price(Tokens(0), now);
    for row in &info.prices {
        line("price", priced(row, now, current == Some(row.price)));
    }
    line("data", data);
    Ok(ctx.ui.table(&table)?)
}

fn limits(line: &mut impl FnMut(&str, String), info: &ModelInfo) {
    let tokens = |tokens: Option<Tokens>| tokens.map(|t| format!("{} tokens", count(t.0))).unwrap_or_default();
    line("window", tokens(info.window));
    line("longest request", tokens(info.max_input));
    line("longest answer", tokens(info.max_output));
    if let Some((least, most)) = info.budget {
        let most = most.map(|most| format!(" to {}", count(most.0))).unwrap_or_default();
        line("thinking", format!("from {}{most} tokens", count(least.0)));
    }
}

/// A price for a million tokens, and when it holds.
fn priced(row: &PriceRow, now: Timestamp, holds: bool) -> String {
    let price = &row.price;
    let mut text = format!(
        "${} in · ${} from the cache · ${} into the cache · ${} out, for a million tokens",
        price.input, price.cache_read, price.cache_write, price.output
    );
    if row.above > Tokens(0) {
        text.push_str(&format!("; for requests above {} tokens", count(row.above.0)));
    }
    if let Some(from) = row.from {
        let day: String = from.to_string().chars().take(10).collect();
        text.push_str(&format!("; {} {day}", if from <= now { "since" } else { "from" }));
    }
    if holds {
        text.push_str("; now");
    }
    text
}

/// Where what is known comes from.
fn data(known: &Known<'_>, provider: &str, full: &str) -> String {
    let own = Catalog::built_in();
    let (own, merged) = (own.find(provider, full), known.catalog.find(provider, full));
    let file = || known.config.home().join("models.json").display().to_string();
    match (own, merged) {
        (_, None) => format!("nothing is known about it; what you know can be said in {}", file()),
        (None, Some(_)) => file(),
        (Some(own), Some(merged)) if own != merged => format!("built in (models.dev, genai-prices), with {}", file()),
        _ => "built in (models.dev, genai-prices and the providers' own pages)".to_owned(),
    }
}
