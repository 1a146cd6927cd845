//! `rt model list`: the models that can be asked.

use clap::Args;
use serde_json::{Value, json};

use crate::agent::models::{self, Server};
use crate::llm::catalog::ModelInfo;
use crate::session::turn::Price;
use crate::ui::{Style, Table, Text, count};

use super::super::super::context::Context;
use super::super::super::error::Failure;
use super::super::ask::block_on;
use super::Known;

/// List the models that can be asked: those of providers that have a key, and of servers that run
#[derive(Debug, Args)]
#[command(
    after_help = "Prices are dollars for a million tokens, of the request and of the answer. `*` is the model that is asked by itself.\n\nExamples:\n  rt model list\n  rt model list anthropic\n  rt model list --all --json"
)]
pub struct ListArgs {
    /// Only the models of this provider, whether it has a key or not
    pub provider: Option<String>,

    /// The models of providers without a key, too
    #[arg(long)]
    pub all: bool,
}

/// One line of the list.
struct Row<'a> {
    provider: &'a str,
    model: &'a str,
    info: Option<&'a ModelInfo>,
    alias: Option<String>,
    default: bool,
}

impl<'a> Row<'a> {
    fn new(known: &'a Known<'_>, default: Option<(&str, &str)>, provider: &'a str, model: &'a str) -> Self {
        Self {
            provider,
            model,
            info: known.catalog.find(provider, model),
            alias: known.catalog.alias_of(provider, model).map(str::to_owned),
            default: default == Some((provider, model)),
        }
    }
}

pub fn run(ctx: &Context, args: &ListArgs) -> Result<(), Failure> {
    let known = Known::new(ctx)?;
    let settings = known.config.settings();
    let default = known.named(None).ok();
    let full = default.as_ref().map(|id| (id.provider.as_str(), known.catalog.full_name(&id.provider, &id.model)));
    let servers = block_on(models::local_servers(settings, known.tape.clone()))?;
    if let Some(provider) = &args.provider
        && models::settings_of(&known.config, provider).is_none()
        && known.catalog.models(provider).next().is_none()
    {
        return Err(crate::agent::Error::UnknownProvider(provider.clone()).into());
    }
    let wanted = |provider: &str| match &args.provider {
        Some(only) => only == provider,
        None => args.all || known.key_source(provider).is_some(),
    };
    let mut rows: Vec<Row<'_>> = Vec::new();
    for provider in known.catalog.providers().filter(|provider| wanted(provider)) {
        rows.extend(known.catalog.models(provider).map(|info| Row::new(&known, full, provider, &info.id)));
    }
    let here = servers.iter().filter(|server| args.provider.as_ref().is_none_or(|only| *only == server.name));
    for Server { name, models, .. } in here {
        rows.extend(models.iter().map(|model| Row::new(&known, full, name, model)));
    }
    show(&known, &rows)
}

fn show(known: &Known<'_>, rows: &[Row<'_>]) -> Result<(), Failure> {
    let ui = &known.ctx.ui;
    if rows.is_empty() {
        ui.status(Text::new().add(
            Style::Dim,
            "no provider has a key, and no server of this machine answers · rt model login PROVIDER · rt model list --all",
        ));
    }
    let now = known.clock.now();
    let mut table = Table::new().right(1).right(2).right(3).right(4);
    for Row { provider, model, info, alias, default } in rows {
        let price = info.and_then(|info| info.price(crate::base::money::Tokens(0), now));
        if known.ctx.global.json {
            ui.json(&json!({
                "v": 1, "provider": provider, "model": model, "alias": alias, "default": default,
                "window": info.and_then(|i| i.window).map(|t| t.0), "max_output": info.and_then(|i| i.max_output).map(|t| t.0),
                "price": price.map(|price| price_json(&price)), "abilities": info.map(abilities),
                "key": known.key_source(provider).map(|source| source.to_string()),
            }))?;
            continue;
        }
        let tokens = |tokens: Option<crate::base::money::Tokens>| tokens.map_or_else(String::new, |t| count(t.0));
        let mut name = Text::new().add(if *default { Style::Good } else { Style::Dim }, if *default { "* " } else { "  " });
        name.push(Style::Id, format!("{provider}/{model}"));
        table.row([
            name,
            Text::from(tokens(info.and_then(|i| i.window))),
            Text::from(tokens(info.and_then(|i| i.max_output))),
            Text::from(price.map_or_else(String::new, |p| format!("${}", p.input))),
            Text::from(price.map_or_else(String::new, |p| format!("${}", p.output))),
            Text::new().add(Style::Bold, alias.clone().unwrap_or_default()),
            Text::new().add(Style::Dim, info.map(|info| abilities(info).join(" ")).unwrap_or_default()),
        ]);
    }
    Ok(ui.table(&table)?)
}

/// What a model can do, in words.
pub(super) fn abilities(info: &ModelInfo) -> Vec<&'static str> {
    let all = [
        (info.images, "images"),
        (info.documents, "PDF"),
        (info.tools, "tools"),
        (info.structured, "schema"),
        (info.reasoning, "thinking"),
    ];
    all.into_iter().filter(|(can, _)| *can).map(|(_, word)| word).collect()
}

/// Dollars for a million tokens, as text: money keeps its digits.
pub(super) fn price_json(price: &Price) -> Value {
    json!({ "input": price.input.to_string(), "cache_read": price.cache_read.to_string(),
        "cache_write": price.cache_write.to_string(), "output": price.output.to_string() })
}
