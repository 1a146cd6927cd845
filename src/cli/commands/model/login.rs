//! `rt model login`: a key is kept for its user alone.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use crate::agent::{Error, keys};
use crate::config::schema::{self, BUILT_IN_PROGRAMS, BUILT_IN_PROVIDERS};
use crate::config::secret::Secret;
use crate::config::{Config, KeySource, Protocol, credentials};
use crate::ui::{Style, Text, Typed};

use super::super::super::context::Context;
use super::super::super::error::{Failure, INTERRUPTED};
use super::Known;
use super::test;

/// Keep the key of a provider, for you alone
#[derive(Debug, Args)]
#[command(
    after_help = "The key is asked for and not shown, or read from standard input. It is kept in `credentials` beside your configuration, which only you can read, and is used where no variable and no `key_command` has one.\n\nExamples:\n  rt model login anthropic\n  pass show work/openai | rt model login openai\n  rt model login anthropic --remove"
)]
pub struct LoginArgs {
    /// The provider, such as `anthropic`
    pub provider: String,

    /// Forget the key that is kept
    #[arg(long)]
    pub remove: bool,
}

pub fn run(ctx: &Context, args: &LoginArgs) -> Result<(), Failure> {
    let home = ctx.home.clone().ok_or_else(|| Failure::user("neither HOME nor RT_HOME is set"))?;
    let place = credentials::path(&home).display().to_string();
    // Before the settings are read: they cannot be while others may read the keys.
    if credentials::repair(&home).map_err(Error::from)? {
        ctx.ui.warn(&format!("others could read {place}; now only you can"));
    }
    let config = ctx.config()?;
    let provider = args.provider.as_str();
    if args.remove {
        let had = credentials::keep(&home, provider, None).map_err(Error::from)?;
        if !had {
            return Err(Failure::user(format!("no key of {provider} is kept in {place}")));
        }
        return said(ctx, provider, "removed", &format!("the key of {provider} is no longer in {place}"));
    }
    takes_key(&config, provider)?;
    let key = Secret::new(credentials::STORED, asked(ctx, provider)?);
    let hidden: Vec<Secret> = config.secrets(&ctx.vars).into_iter().chain([key.clone()]).collect();
    ctx.hide(&crate::config::secret::Redactor::new(hidden));
    let had = credentials::keep(&home, provider, Some(&key)).map_err(Error::from)?;
    said(ctx, provider, "kept", &format!("the key of {provider} is {} {place}", if had { "replaced in" } else { "kept in" }))?;
    match config.key_source(provider, &ctx.vars) {
        Some(KeySource::Variable(name)) => ctx.ui.warn(&format!("{name} is set, and its key is used before the one that is kept")),
        Some(KeySource::Command) => ctx.ui.warn("key_command is set, and its key is used before the one that is kept"),
        Some(KeySource::Stored) | None => {}
    }
    if ctx.ui.can_ask() && ctx.ui.ask("Try it now, with a request that costs a fraction of a cent?", false) {
        let known = Known::new(ctx)?;
        return test::one(known, provider);
    }
    ctx.ui.status(Text::new().add(Style::Dim, format!("see it work: rt model test {provider}")));
    Ok(())
}

fn said(ctx: &Context, provider: &str, done: &str, text: &str) -> Result<(), Failure> {
    if ctx.global.json {
        return Ok(ctx.ui.json(&json!({ "v": 1, "provider": provider, "key": done }))?);
    }
    Ok(ctx.ui.line(text)?)
}

/// A provider that there is, and that is given a key.
fn takes_key(config: &Config, provider: &str) -> Result<(), Failure> {
    let settings = config.settings().providers.get(provider);
    if BUILT_IN_PROGRAMS.iter().any(|(name, _)| *name == provider) || settings.is_some_and(|s| s.kind == Protocol::Command) {
        return Err(Failure::user(format!("{provider} is a program, which has its own way to log in")));
    }
    if settings.is_some() || schema::built_in_providers().any(|name| name == provider) {
        return Ok(());
    }
    let own = config.settings().providers.iter().filter(|(_, settings)| settings.kind != Protocol::Command);
    let own = own.map(|(name, _)| name.as_str());
    let names: BTreeSet<&str> = BUILT_IN_PROVIDERS.iter().map(|(name, _)| *name).chain(own).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    Err(Failure::from(Error::UnknownProvider(provider.to_owned())).hint(format!("those that a key can be kept for: {names}")))
}

/// The key, typed without being shown, or from standard input.
fn asked(ctx: &Context, provider: &str) -> Result<String, Failure> {
    let unread = |e: std::io::Error| Failure::user(format!("the key cannot be read: {e}; nothing is kept"));
    let text = if ctx.ui.options().terminal.stdin {
        match ctx.ui.ask_hidden(&format!("The key of {provider} (it is not shown):")).map_err(unread)? {
            Typed::Line(line) => line,
            Typed::End => String::new(),
            Typed::Interrupted => return Err(Failure::user("interrupted; nothing is kept").code(INTERRUPTED)),
        }
    } else {
        let bytes = ctx.ui.read_input().map_err(unread)?;
        String::from_utf8(bytes).map_err(|_| Failure::user("what was piped in is not text; nothing is kept"))?
    };
    match keys::one_line(text.trim()) {
        Ok(key) if key.contains(char::is_whitespace) => {
            Err(Failure::user("there is white space in the middle of the key; nothing is kept").hint("paste the key alone"))
        }
        Ok(key) => Ok(key.to_owned()),
        Err(why) => Err(Failure::user(format!("standard input {why}; nothing is kept")).hint("a key is one line")),
    }
}
