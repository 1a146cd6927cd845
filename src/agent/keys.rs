//! Keys that a command of the user's prints.
//!
//! Invariants
//! - The command runs when the key is needed and not before; one of a project only while that is trusted.
//! - Before anything else is done with a key, it is among the secrets that are kept out of everything.
//! - What the command printed is never part of an error; what it said on standard error is, without secrets.

use std::path::Path;
use std::time::Duration;

use crate::config::secret::{Redactor, Secret};
use crate::config::{Config, KeySource};
use crate::process::Spec;
use crate::process::bounded::{Ended, Limits};

use super::Error;
use super::workspace::Workspace;

/// What a command that prints a key may use.
const LIMITS: Limits = Limits { time: Duration::from_secs(10), output: 16 << 10 };

/// What such a key is called where its variable would be named.
const NAME: &str = "key_command";

/// Gets the key of `provider` for the workspace, if a command has it.
pub async fn unlock(ws: &mut Workspace, provider: &str) -> Result<(), Error> {
    if ws.keys.contains_key(provider) || ws.config.key_source(provider, &ws.env) != Some(KeySource::Command) {
        return Ok(());
    }
    let root = ws.backend.layout().root.clone();
    let key = printed(&ws.config, provider, &root, &ws.redactor).await?;
    ws.redactor = ws.redactor.with(key.clone());
    ws.tape = super::models::tape(ws.config.settings(), &ws.redactor)?;
    ws.keys.insert(provider.to_owned(), key);
    Ok(())
}

/// Runs the command of `provider` in `directory` and takes the key that it prints.
pub async fn printed(config: &Config, provider: &str, directory: &Path, redactor: &Redactor) -> Result<Secret, Error> {
    let failed = |how: String| Error::KeyCommand { provider: provider.to_owned(), how };
    if let Err(why) = config.may_run(&[&format!("providers.{provider}.key_command")])? {
        return Err(failed(format!("does not run: {why}")));
    }
    let argv = config.settings().providers.get(provider).map(|settings| settings.key_command.as_slice()).unwrap_or_default();
    let Some((program, args)) = argv.split_first() else { return Err(failed("is not set".to_owned())) };
    let ran = Spec::new(program).args(args).directory(directory).run_bounded(LIMITS).await;
    let ran = ran.map_err(|error| failed(format!("cannot be run: {program}: {error}")))?;
    let said = String::from_utf8_lossy(&ran.stderr.bytes).trim_end().to_owned();
    // It may say the key there, too.
    let own = key_of(&ran.stdout.bytes).ok().map(|key| redactor.with(key));
    let said = own.as_ref().unwrap_or(redactor).redact(&said).into_owned();
    let with = |how: String| if said.is_empty() { how } else { format!("{how}: {said}") };
    match ran.ended {
        Ended::Code(0) if ran.stdout.dropped > 0 => Err(failed(format!("printed more than {} KiB", LIMITS.output >> 10))),
        Ended::Code(0) => key_of(&ran.stdout.bytes).map_err(|why| failed(with(why.to_owned()))),
        Ended::Code(code) => Err(failed(with(format!("ended with exit code {code}")))),
        Ended::Signal => Err(failed(with("was ended by a signal".to_owned()))),
        Ended::TimedOut => Err(failed(with(format!("was stopped after {} s", LIMITS.time.as_secs())))),
    }
}

/// The one line that holds a key.
fn key_of(printed: &[u8]) -> Result<Secret, &'static str> {
    let text = std::str::from_utf8(printed).map_err(|_| "printed something that is not text")?;
    one_line(text).map(|key| Secret::new(NAME, key))
}

/// A key as it was printed, typed or piped: one line, without its end.
pub fn one_line(text: &str) -> Result<&str, &'static str> {
    let key = text.trim_end_matches(['\n', '\r']);
    match key {
        "" => Err("gave nothing"),
        _ if key.contains(char::is_control) => Err("gave more than one line"),
        _ => Ok(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    const KEY: &str = "a-key-that-is-not-real";

    fn ran(command: &str) -> Result<String, String> {
        let home = tempfile::tempdir().expect("a directory");
        let sources = Sources {
            home: home.path().to_owned(),
            flags: vec![("providers.anthropic.key_command".to_owned(), command.to_owned())],
            ..Sources::default()
        };
        let config = Config::load(&sources).expect("settings");
        assert_eq!(config.key_source("anthropic", &[].into()), Some(KeySource::Command));
        assert!(config.key_for("anthropic", &[].into()).is_none(), "nothing is run by looking");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let redactor = Redactor::new([Secret::new("OTHER", "another-secret-of-mine")]);
        let key = runtime.block_on(printed(&config, "anthropic", home.path(), &redactor));
        key.map(|key| key.expose().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_line_that_a_command_prints_is_the_key() {
        assert_eq!(ran(&format!("echo {KEY}")), Ok(KEY.to_owned()));
        assert_eq!(ran(&format!("printf '{KEY}\\r\\n'; echo noise >&2")), Ok(KEY.to_owned()));
        assert_eq!(ran(&format!("[\"printf\", \"%s\", \" {KEY} \"]")), Ok(format!(" {KEY} ")));
    }

    #[test]
    fn a_failure_is_told_without_what_was_printed() {
        let failed = |command: &str| {
            let said = ran(command).expect_err("it fails");
            assert!(said.starts_with("the key_command of anthropic ") && !said.contains(KEY), "{said}");
            said.strip_prefix("the key_command of anthropic ").map(str::to_owned).expect("the beginning")
        };
        assert_eq!(failed(&format!("echo {KEY}; echo locked >&2; exit 3")), "ended with exit code 3: locked");
        assert_eq!(failed(&format!("echo {KEY}; echo no {KEY} >&2; exit 3")), "ended with exit code 3: no [secret:key_command]");
        assert_eq!(failed("echo another-secret-of-mine >&2; exit 1"), "ended with exit code 1: [secret:OTHER]");
        assert_eq!(failed("true"), "gave nothing");
        assert_eq!(failed(&format!("echo {KEY}; echo {KEY}")), "gave more than one line");
        assert_eq!(failed("head -c 20000 /dev/zero | tr '\\\\0' x"), "printed more than 16 KiB");
        assert_eq!(failed("printf '\\377'"), "printed something that is not text");
        assert!(failed("[\"/no/such/program\"]").starts_with("cannot be run: /no/such/program: "));
    }
}
