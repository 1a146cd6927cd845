//! `rt model test`: one real round trip, and what came of it.

use clap::Args;
use serde_json::json;

use crate::agent::models::{self, Model, Special};
use crate::agent::probe::{Depth, Probed, Prober, Verdict};
use crate::llm::ability::Speaker;
use crate::session::request::ModelId;
use crate::ui::{Style, Text, elapsed};

use super::super::super::context::{Context, counted};
use super::super::super::error::{Failure, INTERRUPTED, PROVIDER};
use super::super::ask::{block_on, interrupted};
use super::Known;

/// Ask models a small question, to see whether they answer
#[derive(Debug, Args)]
#[command(
    after_help = "Each model is really asked, which costs a fraction of a cent; what it cost is said. No turn is made, and no repository is needed. The exit code is 4 when something does not work.\n\nExamples:\n  rt model test\n  rt model test sonnet gemini/flash --all\n  rt model test anthropic --json"
)]
pub struct TestArgs {
    /// The models, or providers; without one, the model that is asked by itself
    pub models: Vec<String>,

    /// Try tools, schemas and pictures, too; one more question for each
    #[arg(long)]
    pub all: bool,
}

pub fn run(ctx: &Context, args: &TestArgs) -> Result<(), Failure> {
    let mut known = Known::new(ctx)?;
    let ids = match &args.models[..] {
        [] => vec![known.named(None)?],
        names => names.iter().map(|name| known.named(Some(name))).collect::<Result<Vec<_>, _>>()?,
    };
    let depth = if args.all { Depth::Everything } else { Depth::Answer };
    let mut failed = 0;
    for id in ids {
        failed += u64::from(!tried(&mut known, id, depth)?);
    }
    over(failed)
}

/// Tries the model that `auto` takes of a provider.
pub(super) fn one(mut known: Known<'_>, provider: &str) -> Result<(), Failure> {
    let id = known.named(Some(provider))?;
    let well = tried(&mut known, id, Depth::Answer)?;
    over(u64::from(!well))
}

fn over(failed: u64) -> Result<(), Failure> {
    match failed {
        0 => Ok(()),
        n => Err(Failure::user(format!("{} failed the test", counted(n, "model"))).code(PROVIDER)),
    }
}

/// Asks one model, and says whether all went well.
fn tried(known: &mut Known<'_>, id: ModelId, depth: Depth) -> Result<bool, Failure> {
    if matches!(id.provider.as_str(), "manual" | "replay") {
        return Err(Failure::user(format!("{} is no model that could be tested", id.provider)));
    }
    known.unlock(&id.provider)?;
    let model = models::open_with(&known.setup(), id, Special::default())?;
    let settings = models::settings_of(&known.config, &model.id.provider);
    let (kind, output) = settings.map(|s| (s.kind, s.output)).unwrap_or_default();
    let prober = Prober {
        model: &model,
        speaker: Speaker::of(&model.id.provider, kind, output),
        has_key: known.key_source(&model.id.provider).is_some(),
        catalog: &known.catalog,
        clock: &*known.clock,
        entropy: &*known.entropy,
    };
    let ui = &known.ctx.ui;
    let probed = block_on(async {
        tokio::select! {
            probed = prober.run(depth) => Some(probed),
            () = interrupted(ui) => None,
        }
    })?;
    let probed = probed.ok_or_else(|| Failure::user("interrupted").code(INTERRUPTED))?;
    show(known.ctx, &model, &probed)?;
    Ok(!probed.failed())
}

fn show(ctx: &Context, model: &Model, probed: &Probed) -> Result<(), Failure> {
    let Probed { probes, served, first, total, usage, cost } = probed;
    let name = format!("{}/{}", model.id.provider, model.full);
    let millis = |time: &Option<std::time::Duration>| time.map(|time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    if ctx.global.json {
        let probes: Vec<_> = probes
            .iter()
            .map(|probe| match &probe.verdict {
                Verdict::Works => json!({ "what": probe.what, "result": "works", "why": null }),
                Verdict::DoesNot(why) => json!({ "what": probe.what, "result": "does-not", "why": why }),
                Verdict::NotTried(why) => json!({ "what": probe.what, "result": "not-tried", "why": why }),
            })
            .collect();
        return Ok(ctx.ui.json(&json!({
            "v": 1, "model": name, "served": served, "via": model.via, "probes": probes, "ok": !probed.failed(),
            "first_ms": millis(first), "total_ms": millis(total), "cost": cost.map(|cost| cost.to_string()),
            "usage": { "input": usage.input.0, "cache_read": usage.cache_read.0, "cache_write": usage.cache_write.0,
                "output": usage.output.0, "reasoning": usage.reasoning.0 },
        }))?);
    }
    let mut head = Text::new().add(Style::Bold, name.clone());
    let via = model.via.as_deref().map(|via| format!(" ({via})")).unwrap_or_default();
    let served = served.as_ref().filter(|served| **served != model.full).map(|served| format!(" answered by {served}"));
    head.push(Style::Dim, format!("{via}{}", served.unwrap_or_default()));
    ctx.ui.line(head)?;
    for probe in probes {
        let (style, said) = match &probe.verdict {
            Verdict::Works => (Style::Good, "works".to_owned()),
            Verdict::DoesNot(why) => (Style::Bad, format!("does not: {why}")),
            Verdict::NotTried(why) => (Style::Dim, format!("not tried: {why}")),
        };
        ctx.ui.line(Text::new().plain(format!("  {:<18} ", probe.what)).add(style, said.replace('\n', " ")))?;
    }
    let mut facts = Vec::new();
    facts.extend(millis(first).map(|first| format!("first piece after {}", elapsed(first))));
    facts.extend(millis(total).map(|total| format!("whole after {}", elapsed(total))));
    let read = usage.input + usage.cache_read + usage.cache_write;
    facts.push(format!("{} tokens in, {} out", read.0, usage.output.0));
    facts.push(cost.map_or_else(|| "no price known".to_owned(), |cost| format!("${cost}")));
    Ok(ctx.ui.line(Text::new().add(Style::Dim, format!("  {}", facts.join(" · "))))?)
}
