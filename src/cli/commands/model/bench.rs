//! `rt model bench`: how fast a server is.

use clap::Args;
use serde_json::json;

use crate::agent::local::ask;
use crate::agent::local::bench::{self, By, Sample, Target};
use crate::agent::local::state::Condition;
use crate::agent::models;
use crate::config::{Protocol, ProviderSettings};
use crate::ui::{Style, Table, Text};

use super::super::super::context::{Context, counted};
use super::super::super::error::Failure;
use super::Here;

/// Measure a server of this machine: time to the first word, tokens a second
#[derive(Debug, Args)]
#[command(
    after_help = "The same question is asked several times, after once unmeasured, and the figures in the middle are shown. What the server says of its own speed counts before what is measured here.\n\nExamples:\n  rt model bench\n  rt model bench 9931 --tokens 256\n  rt model bench --model ollama/qwen2.5-coder:7b --json"
)]
pub struct BenchArgs {
    /// The port of a server of this machine; as a rule the one that rt has started, else the first of `model.local_servers`
    #[arg(conflicts_with = "model", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    /// A model as `provider/model`, of a provider with an address of its own
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    /// How many tokens an answer has
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(2..))]
    pub tokens: u32,

    /// How often it is asked
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub runs: u32,
}

pub fn run(ctx: &Context, args: &BenchArgs) -> Result<(), Failure> {
    let here = Here::new(ctx)?;
    let target = super::super::ask::block_on(target(&here, args))??;
    here.status(format!(
        "{} at {} · {} of up to {} tokens",
        target.model,
        target.address,
        counted(args.runs.into(), "run"),
        args.tokens
    ));
    let clock = &*here.clock;
    let measure = async {
        ctx.ui.begin_progress("warming up", clock.now());
        bench::run(clock, &target, 0, 1).await?;
        let mut samples = Vec::new();
        for number in 1..=args.runs {
            ctx.ui.begin_progress(format!("run {number} of {}", args.runs), clock.now());
            let sample = bench::run(clock, &target, number, args.tokens).await?;
            samples.push(sample);
        }
        Ok::<_, Failure>(samples)
    };
    let measured =
        super::super::ask::block_on(super::super::ask::with_ticks(measure, ctx.ui.shows_progress().then_some((&ctx.ui, clock))))?;
    ctx.ui.end_progress();
    let samples = measured?;
    let Some(middle) = bench::median(&samples) else { return Ok(()) };
    show(ctx, &target, samples.len(), &middle)
}

fn show(ctx: &Context, target: &Target, runs: usize, middle: &Sample) -> Result<(), Failure> {
    let Sample { first, prompt_tokens, prompt_rate, tokens, rate, by } = *middle;
    if ctx.global.json {
        return Ok(ctx.ui.json(&json!({
            "v": 1, "model": target.model, "address": target.address, "runs": runs, "first_token_ms": first,
            "prompt_tokens": prompt_tokens, "prompt_tokens_per_second": prompt_rate,
            "generated_tokens": tokens, "generated_tokens_per_second": rate, "measured_by": by.as_str(),
        }))?);
    }
    let a_second = |rate: Option<f64>| rate.map_or_else(|| "too fast to say".to_owned(), |rate| format!("{rate:.1} tokens/s"));
    let of = |tokens: Option<u64>| tokens.map_or_else(String::new, |n| counted(n, "token"));
    let mut table = Table::new().right(1);
    let mut row = |what: &str, figure: String, note: String| {
        table.row([Text::new().add(Style::Bold, what), Text::from(figure), Text::new().add(Style::Dim, note)]);
    };
    let whose = if by == By::Server { "as the server says" } else { "measured from here" };
    row("first token", first.map_or_else(String::new, |ms| format!("{ms:.0} ms")), "measured from here".to_owned());
    row("prompt", a_second(prompt_rate), format!("{}, {whose}", of(prompt_tokens)));
    row("answer", a_second(rate), format!("{}, {whose}", of(tokens)));
    Ok(ctx.ui.table(&table)?)
}

/// The server to measure.
async fn target(here: &Here<'_>, args: &BenchArgs) -> Result<Target, Failure> {
    let settings = here.config.settings();
    if let Some(written) = &args.model {
        return named(here, written);
    }
    let port = args.port.or_else(|| {
        let known = here.known();
        known.iter().find(|server| here.servers.condition(server) != Condition::Gone).map(|server| server.port)
    });
    if let Some(port) = port {
        let address = format!("http://127.0.0.1:{port}/v1");
        let models = ask::models(&ask::client(), &address).await.unwrap_or_default();
        let nobody =
            || Failure::user(format!("{address}: no model answers there")).hint("which there are: rt model scan, rt model ps");
        return Ok(Target { model: models.into_iter().next().ok_or_else(nobody)?.name, address, key: None });
    }
    for server in models::local_servers(settings, None).await {
        let known = settings.model.local_servers.iter().find(|(name, _)| *name == server.name);
        if let (Ok(model), Some(address)) = (server.model, known.and_then(|(_, known)| models::address_of(known))) {
            return Ok(Target { address, model, key: None });
        }
    }
    Err(Failure::user("no server of this machine answers")
        .hint("start one: rt model serve NAME   or name another: --model provider/model"))
}

fn named(here: &Here<'_>, written: &str) -> Result<Target, Failure> {
    let settings = here.config.settings();
    let not = |why: &str| Failure::usage(format!("{written:?} {why}"));
    let (provider, model) = written.split_once('/').ok_or_else(|| not("is not provider/model").hint("such as local/NAME"))?;
    let local = || settings.model.local_servers.iter().find(|(name, _)| name == provider).map(|(_, known)| known);
    let known: &ProviderSettings = settings.providers.get(provider).or_else(local).ok_or_else(|| {
        not("has a provider that is not set up").hint("rt config set providers.NAME.base_url, or model.local_servers")
    })?;
    let (Protocol::OpenAi | Protocol::Ollama, Some(address)) = (known.kind, models::address_of(known)) else {
        return Err(not("is not on a server with an address of its own and OpenAI's protocol"));
    };
    Ok(Target { address, model: model.to_owned(), key: here.config.key_for(provider, &here.ctx.vars) })
}
