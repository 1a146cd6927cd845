//! Running a command of the user's at a point.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::config::secret::Redactor;
use crate::config::{HookCommand, OnFailure};
use crate::process::Spec;
use crate::process::bounded::Limits;

use super::{Answer, Point};

/// The most bytes that are read of what a command writes.
const MOST_OUTPUT: usize = 1 << 20;

/// The variables that a command gets of ours, when they are set. Nothing else is passed on: keys of providers are none of
/// its business.
const PASSED: [&str; 11] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "RT_HOME"];

/// A command with its name in the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    pub name: &'a str,
    pub settings: &'a HookCommand,
}

/// Where and for what it runs.
pub struct Surroundings<'a> {
    pub root: &'a Path,
    pub env: &'a BTreeMap<String, String>,
    pub redactor: &'a Redactor,
    pub session: String,
    /// Whether it may run, and why not.
    pub may_run: Result<(), String>,
    /// The turn's key; none before there is one.
    pub turn: Option<String>,
}

/// A command that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    pub name: String,
    pub point: Point,
    pub answer: Answer,
}

impl Command<'_> {
    /// Runs it with what its point has to say; `started` is told its number. Dropping the future kills it.
    pub async fn run(&self, point: Point, around: &Surroundings<'_>, data: Map<String, Value>, started: impl FnOnce(u32)) -> Ran {
        let mut input = data;
        for (key, value) in [
            ("hook_event_name", point.name()),
            ("hook", self.name),
            ("session_id", &around.session),
            ("cwd", &around.root.to_string_lossy()),
            ("turn", around.turn.as_deref().unwrap_or_default()),
        ] {
            input.insert(key.to_owned(), value.into());
        }
        let on_failure = self.settings.on_failure;
        if let Err(why) = &around.may_run {
            let why = format!("it was not run: {why}");
            // What keeps edits from the files must not be got rid of by an edit.
            let on_failure = if point <= Point::Edits { OnFailure::Block } else { on_failure };
            return Ran { name: self.name.to_owned(), point, answer: Answer::failed(why, on_failure) };
        }
        let ran = self.spec(point, around, Value::Object(input).to_string());
        let limits = Limits { time: self.settings.timeout, output: MOST_OUTPUT };
        let answer = match ran.run_bounded_noted(limits, started).await {
            Ok(ran) => Answer::read(point, &ran, on_failure),
            Err(error) => Answer::failed(format!("it cannot be started: {error}"), on_failure),
        };
        Ran { name: self.name.to_owned(), point, answer }
    }

    fn spec(&self, point: Point, around: &Surroundings<'_>, input: String) -> Spec {
        let mut argv = self.settings.argv.iter();
        let mut spec = Spec::new(argv.next().cloned().unwrap_or_default()).args(argv).directory(around.root).without_any_env();
        for name in PASSED {
            // A path can hold a secret as well.
            if let Some(value) = around.env.get(name).filter(|value| !around.redactor.holds(value.as_bytes())) {
                spec = spec.env(name, value);
            }
        }
        let turn = around.turn.as_deref().unwrap_or_default();
        for (name, value) in
            [("RT_HOOK", self.name), ("RT_POINT", point.name()), ("RT_SESSION", &around.session), ("RT_TURN", turn)]
        {
            spec = spec.env(name, value);
        }
        spec.input(input)
    }
}
