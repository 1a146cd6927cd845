//! `--review`: each change is shown before it is written, and the user says what becomes of it.

use std::future::Future;
use std::io;
use std::pin::Pin;

use crate::agent::review::{Decision, Reviewer, Shown};
use crate::ui::{Style, Text, diff};

use super::context::Context;
use super::editor;
use super::error::Failure;

/// A person at a terminal.
pub struct Person<'a> {
    ctx: &'a Context,
}

impl<'a> Person<'a> {
    /// Fails where there is nobody to ask.
    pub fn at_terminal(ctx: &'a Context) -> Result<Self, Failure> {
        if ctx.global.yes {
            return Err(Failure::usage("--review asks about each change, and --yes answers every question: leave one of them out"));
        }
        if ctx.ui.can_ask() {
            return Ok(Self { ctx });
        }
        Err(Failure::usage("--review asks at a terminal, and standard input or standard error is none")
            .hint("an answer for rt apply --review is given as a file")
            .hint("to look at edits without one: --dry-run, then rt diff, then rt retry"))
    }

    async fn ask(&self, shown: &Shown<'_>) -> io::Result<Decision> {
        let ui = &self.ctx.ui;
        ui.end_progress();
        let mut head = Text::new().add(Style::Path, shown.path.to_string());
        if let Some(whole) = shown.whole {
            head.push(Style::Dim, format!(" ({whole})"));
        }
        if shown.edited {
            head.push(Style::Dim, " (as you wrote it)");
        }
        ui.say(head.plain("\n"));
        if shown.diff.is_empty() {
            ui.say(Text::new().add(Style::Dim, "this file is no text\n"));
        }
        ui.say(diff(&shown.diff));
        let choices = if shown.new.is_some() { "y,n,e,a,q,?" } else { "y,n,a,q,?" };
        loop {
            let question = format!("({}/{}) Take this change [{choices}]? ", shown.number, shown.of);
            ui.say(Text::new().add(Style::Bold, question));
            let Some(line) = read_line().await? else {
                ui.say("\n");
                return Ok(Decision::RefuseAll);
            };
            let line = line.trim();
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            match (word.to_lowercase().as_str(), rest.trim()) {
                ("y" | "yes", "") => return Ok(Decision::Take),
                ("n" | "no", "") => return Ok(Decision::Refuse(None)),
                ("n" | "no", reason) => return Ok(Decision::Refuse(Some(reason.to_owned()))),
                ("a" | "all", "") => return Ok(Decision::TakeAll),
                ("q" | "quit", "") => return Ok(Decision::RefuseAll),
                ("e" | "edit", "") => match &shown.new {
                    Some(new) => match self.edited(shown, new) {
                        Ok(lines) if lines.is_empty() && !new.is_empty() => {
                            ui.warn("the file was left empty, so nothing is taken of it; n leaves the change out");
                        }
                        Ok(lines) if lines == *new => ui.warn("it was not changed"),
                        Ok(lines) => return Ok(Decision::Instead(lines)),
                        Err(failure) => ui.warn(&failure.report.error),
                    },
                    None => ui.warn("there are no new lines that could be edited"),
                },
                _ => ui.say(HELP),
            }
        }
    }

    fn edited(&self, shown: &Shown<'_>, new: &[u8]) -> Result<Vec<u8>, Failure> {
        let ending = shown.path.extension().and_then(|e| std::str::from_utf8(e).ok());
        let plain = ending.filter(|e| e.bytes().all(|b| b.is_ascii_alphanumeric())).unwrap_or("txt");
        editor::edited(self.ctx, &format!("CHANGE.{plain}"), new)
    }
}

const HELP: &str = "\
y  take it
n  leave it out; n and some words leave it out and tell the model why
e  edit the new lines in your editor; the change is shown again, and asked about
a  take it and all that follow
q  leave it out and all that follow
?  this help
";

impl Reviewer for Person<'_> {
    fn decide<'a>(&'a mut self, shown: &'a Shown<'a>) -> Pin<Box<dyn Future<Output = io::Result<Decision>> + 'a>> {
        Box::pin(self.ask(shown))
    }
}

/// One line from the terminal, read on a thread, so that Ctrl-C is heard meanwhile.
async fn read_line() -> io::Result<Option<String>> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line)?;
        Ok::<_, io::Error>((read > 0).then_some(line))
    });
    read.await.map_err(io::Error::other)?
}
