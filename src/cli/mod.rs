//! The command line: arguments, environment, one file per command, rendering, and errors as exit codes.
//!
//! Invariants
//! - [`run`] can be called twice in one process: nothing is kept between calls.
//! - stdout carries results only; everything else goes to stderr.
//! - Sentences about errors and exit codes are chosen in `error` and nowhere else.

mod applied;
mod args;
mod commands;
mod context;
mod editor;
mod env;
mod error;
mod manual;
mod observer;
mod reference;
mod render;
mod review;
mod sampling;
mod support;

use std::ffi::OsString;
use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use args::{Cli, Command};
use context::Context;
pub use env::{Env, Hidden};
use error::{BUG, Failure, PIPE};

use crate::base::text::neutralise;
use crate::ui::{ColorChoice, Report};

/// The program, with everything it takes from the process.
pub fn main() -> ExitCode {
    let Ok(env) = Env::of_process() else { return ExitCode::from(BUG) };
    let secrets = env.secrets.clone();
    // What panics has a value at hand, which may be anything.
    std::panic::set_hook(Box::new(move |info| {
        let said = info.to_string();
        let said = secrets.take_out(said.as_bytes()).map_or(said, |clean| String::from_utf8_lossy(&clean).into_owned());
        let said = neutralise(&said);
        let _ = writeln!(std::io::stderr(), "error: this is a bug of retort: {said}");
        let _ =
            writeln!(std::io::stderr(), "  hint: nothing is lost: the next command closes an unfinished turn; please report this");
    }));
    let ran = std::panic::catch_unwind(AssertUnwindSafe(|| run(std::env::args_os(), env)));
    ExitCode::from(ran.unwrap_or(BUG))
}

/// Runs one command line; gives the exit code.
pub fn run(args: impl Iterator<Item = OsString>, env: Env) -> u8 {
    let mut early = Vec::new();
    for arg in args {
        match arg.into_string() {
            Ok(text) => early.push(text),
            Err(arg) => return fail_early(env, &Failure::usage(format!("{} is not UTF-8", arg.to_string_lossy()))),
        }
    }
    // By far the commonest call of scripts; it needs none of the rest.
    if early.len() == 2 && (early[1] == "--version" || early[1] == "-V") {
        let (ui, _) = env.ui(false);
        return ui.line(concat!("rt ", env!("CARGO_PKG_VERSION"))).map_or(PIPE, |()| 0);
    }
    let has_message = early.iter().any(|a| a == "-m" || a == "--message");
    let joined = match args::join_message(early) {
        Ok(joined) => joined,
        Err(failure) => return fail_early(env, &failure),
    };
    let cli = match Cli::try_parse_from(joined) {
        Ok(cli) => cli,
        Err(error) => return usage(env, &error, has_message),
    };
    let mut global = cli.global.clone();
    global.config.extend(cli.ask.settings());
    let ctx = Context::new(env, global);
    // They fail because of what their lines say.
    let lines_say_all = matches!(cli.command, Some(Command::Doctor(_) | Command::Fsck(_)));
    let result = dispatch(ctx, cli);
    match result {
        Ok(()) => 0,
        Err((ctx, failure)) => {
            // A reader that went away knows already.
            if failure.code != PIPE {
                ctx.ui.error(&failure.report);
                if ctx.global.json && !lines_say_all {
                    let Report { error, causes, hints } = &failure.report;
                    let event = serde_json::json!({ "v": 1, "event": "error", "error": error, "causes": causes, "hints": hints, "code": failure.code });
                    // Whoever does not read it has the code.
                    let _ = ctx.ui.json(&event);
                }
            }
            failure.code
        }
    }
}

fn dispatch(ctx: Context, cli: Cli) -> Result<(), (Box<Context>, Failure)> {
    let ctx = Box::new(ctx);
    let result = match &cli.command {
        None if cli.ask.asks() => commands::ask::run(&ctx, &cli.ask),
        None if cli.ask.any() => Err(Failure::usage("there is no message").hint("rt -m \"what should change\"")),
        None => overview(&ctx),
        Some(_) if cli.ask.any() => Err(Failure::usage("flags of a message and a command do not go together")
            .hint("words after a flag are not part of the message: quote it")
            .hint("flags of a command stand after its name")),
        Some(command) => one(&ctx, command),
    };
    result.map_err(|failure| (ctx, failure))
}

fn one(ctx: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Apply(args) => commands::apply::run(ctx, args),
        Command::Retry(args) => commands::retry::run(ctx, args),
        Command::Replay(args) => commands::replay::run(ctx, args),
        Command::Undo(args) => commands::undo::run(ctx, args),
        Command::Redo(args) => commands::redo::run(ctx, args),
        Command::Log(args) => commands::log::run(ctx, args),
        Command::Show(args) => commands::show::run(ctx, args),
        Command::Diff(args) => commands::diff::run(ctx, args),
        Command::Cost(args) => commands::cost::run(ctx, args),
        Command::Status(_) => commands::status::run(ctx),
        Command::Session(args) => commands::session::run(ctx, args),
        Command::Files(args) => commands::files::run(ctx, args),
        Command::Prompt(args) => commands::prompt::run(ctx, args),
        Command::Config(args) => commands::config::run(ctx, args),
        Command::Model(args) => commands::model::run(ctx, args),
        Command::Init(args) => commands::init::run(ctx, args),
        Command::Trust(args) => commands::trust::run(ctx, args),
        Command::Index(args) => commands::index::run(ctx, args),
        Command::Fsck(args) => commands::fsck::run(ctx, args),
        Command::Doctor(_) => commands::doctor::run(ctx),
        Command::Demo(args) => commands::demo::run(ctx, args),
        Command::Completions(args) => commands::completions::run(ctx, args),
        Command::Man(args) => commands::man::run(ctx, args),
        Command::Debug(args) => commands::debug::run(ctx, args),
    }
}

/// A bare `rt`: where this worktree stands, and how to go on.
fn overview(ctx: &Context) -> Result<(), Failure> {
    if ctx.root()?.is_some() {
        commands::status::run(ctx)?;
        ctx.ui.line("")?;
    }
    Ok(ctx.ui.line(
        "rt -m \"…\"          ask for a change\nrt undo             take the last exchange back\nrt log              read the turns\nrt session checkout go to any session or turn\nrt apply            take an answer from anywhere\nrt help             everything else",
    )?)
}

fn fail_early(env: Env, failure: &Failure) -> u8 {
    env.ui(false).0.error(&failure.report);
    failure.code
}

/// What clap has to say: help and version are results, everything else is a usage error.
fn usage(env: Env, error: &clap::Error, has_message: bool) -> u8 {
    let options = env.ui_options(false);
    let (ui, _) = env.ui(false);
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        let color = options.color != ColorChoice::Never && options.terminal.stdout;
        let text = if color { error.render().ansi().to_string() } else { error.render().to_string() };
        let code = if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand { error::USAGE } else { 0 };
        let written = if color { ui.own_ansi(&text) } else { ui.out(text) };
        return written.map_or(PIPE, |()| code);
    }
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    let first = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let missing = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(names)) if error.kind() == ErrorKind::MissingRequiredArgument => names.join(", "),
        _ => String::new(),
    };
    let mut failure = Failure::usage(if missing.is_empty() { first } else { format!("missing: {missing}") });
    if !has_message && error.kind() == ErrorKind::InvalidSubcommand {
        failure = failure.hint("a message to the model: rt -m \"…\"");
    }
    if has_message && matches!(error.kind(), ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument) {
        failure = failure.hint("words after a flag are not part of the message: quote it");
    }
    for line in lines.filter(|l| ["tip:", "Usage:", "[possible values"].iter().any(|start| l.starts_with(start))) {
        failure = failure.hint(line.trim_start_matches("tip: ").to_owned());
    }
    ui.error(&failure.report);
    failure.code
}
