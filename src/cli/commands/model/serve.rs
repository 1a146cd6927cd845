//! `rt model serve`: a server for a model of this machine.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;
use tokio::signal::unix::SignalKind;

use crate::agent::local::launch::{self, Launch};
use crate::agent::local::memory::{self, Need};
use crate::agent::local::scan::{self, Found, Meant};
use crate::agent::local::serve::{self, Order, Standing};
use crate::agent::local::{PORT, ask};
use crate::process::fault::Faults;
use crate::ui::{Style, Text, bytes, elapsed};

use super::super::super::context::Context;
use super::super::super::error::Failure;
use super::Here;

/// Start llama.cpp's server for a model, unless one runs already
#[derive(Debug, Args)]
#[command(
    after_help = "The server goes on when this command ends; `rt model stop` stops it. Before it is started, what the model needs is compared with the memory that is available. Ctrl-C while it loads stops it again.\n\nExamples:\n  rt model serve qwen2.5-coder\n  rt model serve ~/models/x.gguf --ctx 32768 --ngl all --flash-attn on\n  rt model serve qwen2.5-coder -- --cache-type-k q8_0"
)]
pub struct ServeArgs {
    /// A GGUF file, or a name from `rt model scan`, or a part of one that no other has
    pub model: String,

    /// The port it listens on, on this machine only
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    /// How many tokens of context; as a rule 16384, or what the model was trained on if that is less
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u64).range(1..))]
    pub ctx: Option<u64>,

    /// How many layers go to the graphics card: a number, `auto` or `all`
    #[arg(long, value_name = "N", value_parser = layers)]
    pub ngl: Option<String>,

    /// Whether flash attention is used
    #[arg(long, value_name = "WHEN", value_parser = PossibleValuesParser::new(["on", "off", "auto"]))]
    pub flash_attn: Option<String>,

    /// How many threads it computes with
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: Option<u32>,

    /// Start it even if the memory does not seem to suffice
    #[arg(long)]
    pub force: bool,

    /// More arguments for llama-server
    #[arg(last = true, value_name = "ARGUMENT")]
    pub extra: Vec<String>,
}

fn layers(text: &str) -> Result<String, String> {
    let known = ["auto", "all"].contains(&text) || text.parse::<u32>().is_ok();
    if known { Ok(text.to_owned()) } else { Err("a number, auto or all".to_owned()) }
}

pub fn run(ctx: &Context, args: &ServeArgs) -> Result<(), Failure> {
    let here = Here::new(ctx)?;
    let found = model(&here, &args.model)?;
    let facts = match &found.facts {
        Ok(facts) if found.can_be_served() => facts,
        Ok(facts) => return Err(Failure::user(format!("{} is no model but a {}", args.model, facts.kind.as_str()))),
        Err(why) => return Err(Failure::user(format!("{}: {why}", found.path.display()))),
    };
    let context = launch::context(args.ctx, facts.context_length);
    let launch = Launch {
        model: found.path.clone(),
        name: launch::served_name(&found.name),
        port: args.port.unwrap_or(PORT),
        context,
        gpu_layers: args.ngl.clone(),
        flash_attention: args.flash_attn.clone(),
        threads: args.threads,
        extra: args.extra.clone(),
    };
    if let Some(server) = serve::ours(&here.servers, &launch, args.port) {
        return attached(&here, server.port, &server.name, &Starter::Rt(server.pid));
    }
    let client = ask::client();
    match super::super::ask::block_on(serve::standing(&client, &launch))? {
        Standing::Free => {}
        Standing::Same => return attached(&here, launch.port, &launch.name, &Starter::Other),
        Standing::Other(names) => {
            let with = if names.is_empty() { String::new() } else { format!(" (a server with {})", names.join(", ")) };
            let failure = Failure::user(format!("port {} is in use{with}; nothing was started", launch.port));
            return Err(failure.hint("choose another one: --port   or see what rt has started: rt model ps"));
        }
    }
    let need = Need::of(facts, found.bytes, context);
    check_memory(&here, args, need, context)?;
    let program = program(&here)?;
    started(&here, &launch, &program, found.bytes)
}

/// The model that the user means: a file, else one that is found.
fn model(here: &Here<'_>, written: &str) -> Result<Found, Failure> {
    let path = here.ctx.directory.join(written);
    if path.is_file() || path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf")) {
        return scan::one(&path).map_err(|why| Failure::user(format!("{}: {why}", path.display())));
    }
    let (scan, _) = here.scan();
    match scan::meant(&scan.models, written) {
        Meant::One(found) | Meant::Not(found) => Ok(found.clone()),
        Meant::Several(names) => {
            Err(Failure::user(format!("several models are called so: {}", names.join(", "))).hint("give more of the name"))
        }
        Meant::None => Err(Failure::user(format!("there is no model {written:?} on this machine"))
            .hint("which there are: rt model scan   a file of your own: give its path")),
    }
}

/// Who has started a server.
enum Starter {
    Rt(Option<u32>),
    Other,
}

/// Somebody serves it already: nothing is done.
fn attached(here: &Here<'_>, port: u16, name: &str, starter: &Starter) -> Result<(), Failure> {
    let (by, pid) = match starter {
        Starter::Rt(pid) => ("rt", *pid),
        Starter::Other => ("another program, which is left alone", None),
    };
    if !here.ctx.global.json {
        here.ctx.ui.line(
            Text::new()
                .plain("already served: ")
                .add(Style::Id, name.to_owned())
                .plain(format!(" at http://127.0.0.1:{port}/v1 (started by {by})")),
        )?;
    }
    told(here, port, name, pid, "attached")
}

fn told(here: &Here<'_>, port: u16, name: &str, pid: Option<u32>, how: &str) -> Result<(), Failure> {
    if here.ctx.global.json {
        let address = format!("http://127.0.0.1:{port}/v1");
        here.ctx.ui.json(&json!({ "v": 1, "server": how, "name": name, "address": address, "port": port, "pid": pid }))?;
    }
    here.status(here.usage(port, name));
    Ok(())
}

/// Refuses what would not fit, unless it is wanted all the same.
fn check_memory(here: &Here<'_>, args: &ServeArgs, need: Need, context: u64) -> Result<(), Failure> {
    let kept = need.context.map_or_else(
        || "an unknown amount for its context".to_owned(),
        |kept| format!("{} for {context} tokens of context", bytes(kept)),
    );
    let needed = format!("it needs about {} ({} of weights, {kept})", bytes(need.total()), bytes(need.weights));
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let Some(available) = memory::available(&meminfo) else {
        here.status(format!("{needed}; this system does not say how much memory is available, so that is not checked"));
        return Ok(());
    };
    if need.total() <= available {
        here.status(format!("{needed}; {} are available", bytes(available)));
        return Ok(());
    }
    let short = format!("{needed}, and {} are available", bytes(available));
    // Layers on a graphics card are not in this memory, and how many of them fit there is the server's to say.
    if args.force || args.ngl.as_ref().is_some_and(|layers| layers != "0") {
        here.ctx.ui.warn(&short);
        return Ok(());
    }
    Err(Failure::user(format!("the memory does not suffice: {short}"))
        .hint("less context: --ctx   a smaller quantisation of the model   all the same: --force"))
}

fn program(here: &Here<'_>) -> Result<PathBuf, Failure> {
    if let Some(path) = &here.config.settings().model.llama_server {
        let usable = launch::is_program(path);
        let wrong = || Failure::user(format!("{} is no program (model.llama_server)", path.display()));
        return usable.then(|| path.clone()).ok_or_else(wrong);
    }
    let path = here.ctx.vars.get("PATH").map(String::as_str).unwrap_or_default();
    launch::find(path).ok_or_else(|| {
        Failure::user("there is no llama-server on the path")
            .hint("it is part of llama.cpp: https://github.com/ggml-org/llama.cpp")
            .hint("if you have it elsewhere: rt config set model.llama_server PATH")
    })
}

fn started(here: &Here<'_>, launch: &Launch, program: &Path, size: u64) -> Result<(), Failure> {
    let ui = &here.ctx.ui;
    let began = here.clock.now();
    let secrets = here.config.secrets(&here.ctx.vars);
    let faults = Faults::new(here.config.settings().debug.fault.as_deref().unwrap_or_default());
    let order = Order {
        servers: &here.servers,
        launch,
        program,
        variables: launch::variables(&here.ctx.vars, &secrets),
        now: began,
        faults: &faults,
    };
    here.status(format!("loading {} · what it prints: {}", launch.name, here.servers.log(launch.port).display()));
    let mut shown = String::new();
    let mut watch = |resident: Option<u64>| {
        if ui.shows_progress() {
            let read = resident.map_or_else(String::new, |there| format!(" {} of {}", bytes(there.min(size)), bytes(size)));
            let label = format!("loading {}{read}", launch.name);
            if label != shown {
                ui.begin_progress(label.clone(), began);
                shown = label;
            }
            ui.tick(here.clock.now());
        }
    };
    let result = super::super::ask::block_on(async {
        // Heard from here on, so there is no moment in which a signal would leave a server behind.
        let all = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let interrupt = super::super::ask::signals(&all).map_err(|why| Failure::user(format!("signals cannot be heard: {why}")))?;
        let client = ask::client();
        serve::start(&order, &client, &mut watch, interrupt).await.map_err(Failure::from)
    })?;
    ui.end_progress();
    let server = result?;
    let took = elapsed(here.clock.now().millis().saturating_sub(began.millis()));
    if !here.ctx.global.json {
        let pid = server.pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
        ui.line(
            Text::new()
                .plain("serving ")
                .add(Style::Id, server.name.clone())
                .plain(format!(" at {}{pid}, ready after {took}", server.address())),
        )?;
    }
    told(here, server.port, &server.name, server.pid, "started")?;
    here.status(format!("it goes on until: rt model stop {}", server.port));
    Ok(())
}
