//! `rt trust`: allowing a repository's own settings to act.

use clap::Args;

use crate::agent::Error;
use crate::config::trust::{self, Status};
use crate::ui::Text;

use super::super::context::Context;
use super::super::error::Failure;

/// Allow this repository's own configuration to set commands, addresses, keys and templates
#[derive(Debug, Args)]
#[command(
    after_help = "Trust holds for the files as they are now: when one of them changes, it has to be given again.\n\nExamples:\n  rt trust --status\n  rt trust"
)]
pub struct TrustArgs {
    /// Take the trust back
    #[arg(long)]
    pub revoke: bool,

    /// Only say how things stand
    #[arg(long, conflicts_with = "revoke")]
    pub status: bool,
}

pub fn run(ctx: &Context, args: &TrustArgs) -> Result<(), Failure> {
    let root = ctx.needed_root()?;
    let home = ctx.home.clone().ok_or_else(|| Failure::user("neither HOME nor RT_HOME is set"))?;
    if args.revoke {
        let was = trust::untrust(&home, &root).map_err(Error::from)?;
        return Ok(ctx.ui.line(if was { "no longer trusted" } else { "it was not trusted" })?);
    }
    let status = trust::status(&home, &root).map_err(Error::from)?;
    if args.status {
        let text = match status {
            Status::Nothing => "there is nothing here that needs trust".to_owned(),
            Status::Untrusted => "not trusted".to_owned(),
            Status::Changed(files) => format!("trusted once, but these files changed: {}", files.join(", ")),
            Status::Trusted => "trusted".to_owned(),
        };
        return Ok(ctx.ui.line(text)?);
    }
    if matches!(status, Status::Nothing | Status::Trusted) {
        let text = if status == Status::Trusted { "it is trusted already" } else { "there is nothing here that needs trust" };
        return Ok(ctx.ui.line(text)?);
    }
    // Whoever is asked sees for what.
    for wish in trust::wishes(&root).map_err(Error::from)? {
        ctx.ui.status(Text::new().plain("  ").plain(wish));
    }
    let question = format!(
        "The files in {} may then choose where prompts are sent and what runs. Trust them?",
        root.join(".retort").display()
    );
    ctx.confirm(&question, "nothing was changed")?;
    let files = trust::trust(&home, &root).map_err(Error::from)?;
    Ok(ctx.ui.line(format!("trusted: {}", files.join(", ")))?)
}
