//! `rt model`: which models there are, what is known of them, whether they answer; those of this machine and servers for them.
//!
//! Invariants
//! - One subcommand, one file. They work outside of a repository as well.

mod bench;
mod here;
mod known;
mod list;
mod login;
mod ps;
mod scan;
mod serve;
mod show;
mod stop;
mod test;

use clap::{Args, Subcommand};

use super::super::context::Context;
use super::super::error::Failure;
use here::Here;
pub use known::Known;

/// See which models there are, whether they answer, and run servers for those of this machine
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rt model list\n  rt model show sonnet\n  rt model login anthropic\n  rt model test sonnet\n  rt model scan\n  rt model serve qwen2.5-coder\n  rt model stop\n\nWhat can be done with which provider is in docs/providers.md, where keys come from in docs/keys.md, and how to use\nmodels of this machine in docs/local-models.md."
)]
pub struct ModelArgs {
    #[command(subcommand)]
    pub command: ModelCommand,
}

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Test(test::TestArgs),
    Login(login::LoginArgs),
    Scan(scan::ScanArgs),
    Serve(serve::ServeArgs),
    Stop(stop::StopArgs),
    Ps(ps::PsArgs),
    Bench(bench::BenchArgs),
}

pub fn run(ctx: &Context, args: &ModelArgs) -> Result<(), Failure> {
    match &args.command {
        ModelCommand::List(args) => list::run(ctx, args),
        ModelCommand::Show(args) => show::run(ctx, args),
        ModelCommand::Test(args) => test::run(ctx, args),
        ModelCommand::Login(args) => login::run(ctx, args),
        ModelCommand::Scan(_) => scan::run(ctx),
        ModelCommand::Serve(args) => serve::run(ctx, args),
        ModelCommand::Stop(args) => stop::run(ctx, args),
        ModelCommand::Ps(_) => ps::run(ctx),
        ModelCommand::Bench(args) => bench::run(ctx, args),
    }
}
