//! docs/cli.md: every command and flag, from the definitions that the program itself uses.
//!
//! Invariants
//! - Nothing about a command is written here. What all commands have in common is said once, at the top.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use super::args::Cli;

const HEAD: &str = "# Command line\n\nWritten by `cargo xtask gen` from the definitions that the program uses; `rt help COMMAND` says the same. \
                    What the commands print is shown in [transcripts](transcripts/README.md), settings are in [config.md](config.md).\n";

/// Exit codes, for scripts.
const CODES: &str = "## Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | done |\n| 1 | a mistake, or a state, that you can change |\n\
                     | 2 | the command line cannot be read |\n| 3 | the reader of the output went away |\n| 4 | the model's provider failed |\n\
                     | 5 | edits of the answer were rejected, given up by the model or not committed, or a check failed; the last lines say which, and what helps |\n\
                     | 6 | a hook of yours did not let it be sent |\n| 130 | interrupted |\n| 255 | a bug in retort |\n";

/// What is hidden among the commands.
const DEBUG: &str = "`rt debug` shows the values between the steps, for whoever works on retort; `rt debug --help` says which. \
                     What `--json` prints is in [formats/events.md](formats/events.md).\n";

/// The document.
pub fn markdown() -> String {
    let mut top = Cli::command();
    top.build();
    let mut commands = Vec::new();
    gather(&mut commands, &top, "rt");
    // Writing to a string cannot fail.
    let mut out = String::from(HEAD);
    out.push_str("\n| command | what it does |\n|---|---|\n");
    for (name, command) in &commands {
        let summary = if name == "rt" { "Send a message".to_owned() } else { about(command) };
        let _ = writeln!(out, "| [`{name}`](#{}) | {summary} |", name.replace(' ', "-"));
    }
    out.push_str("\n## Options of every command\n\n| option | what it does |\n|---|---|\n");
    for arg in top.get_arguments().filter(|a| a.is_global_set()) {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(out, "| {} | {help} |", spelled(arg));
    }
    let _ = write!(out, "\n{CODES}\n{DEBUG}");
    for (name, command) in commands {
        section(&mut out, &name, command);
    }
    out
}

/// The command and all below it that are not hidden.
pub fn gather(out: &mut Vec<(String, Command)>, command: &Command, name: &str) {
    out.push((name.to_owned(), command.clone()));
    for child in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        gather(out, child, &format!("{name} {}", child.get_name()));
    }
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

/// `-y`, `--yes`
fn spelled(arg: &Arg) -> String {
    let value = arg.get_value_names().filter(|_| arg.get_action().takes_values()).and_then(|names| names.first());
    let value = value.map(|name| format!(" {name}")).unwrap_or_default();
    let short = arg.get_short().map(|c| format!("`-{c}{value}`"));
    let long = arg.get_long().map(|l| format!("`--{l}{value}`"));
    short.into_iter().chain(long).collect::<Vec<_>>().join(", ")
}

fn section(out: &mut String, name: &str, command: Command) {
    let summary = about(&command);
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.has_subcommands();
    let common = |arg: &Arg| arg.is_global_set() || matches!(arg.get_id().as_str(), "help" | "version");
    let mut shown = command
        .mut_args(|arg| if common(&arg) { arg.hide(true) } else { arg })
        .disable_help_subcommand(true)
        .after_help("")
        .help_template(if name == "rt" { "{usage-heading} {usage}\n\n{options}" } else { "{usage-heading} {usage}\n\n{all-args}" })
        .term_width(100);
    if has_commands && name != "rt" {
        shown = shown.mut_subcommands(|c| if c.get_name() == "help" { c.hide(true) } else { c });
    }
    let help = shown.render_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(out, "\n## {name}\n\n{summary}.\n\n```text\n{}\n```\n", lines.join("\n").trim());
    let (prose, examples) = after.split_once("Examples:\n").unwrap_or((&after, ""));
    if !prose.trim().is_empty() {
        let _ = write!(out, "\n{}\n", prose.trim());
    }
    if !examples.is_empty() {
        let lines: Vec<&str> = examples.lines().map(|l| l.strip_prefix("  ").unwrap_or(l)).collect();
        let _ = write!(out, "\n```text\n{}\n```\n", lines.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_summary_and_the_document_has_every_command() {
        let mut top = Cli::command();
        top.build();
        let mut commands = Vec::new();
        gather(&mut commands, &top, "rt");
        let text = markdown();
        for (name, command) in commands {
            let summary = about(&command);
            assert!(!summary.is_empty() && !summary.ends_with('.') && !summary.contains('\n'), "{name}: {summary:?}");
            assert_eq!(text.matches(&format!("\n## {name}\n")).count(), 1, "{name}");
            let examples = command.get_after_help().is_some_and(|h| h.to_string().contains("Examples:\n"));
            assert!(examples || name.split(' ').count() == 3, "{name} shows no example");
            for arg in command.get_arguments().filter(|a| !a.is_hide_set()) {
                assert!(arg.get_help().is_some(), "{name}: {} says nothing", arg.get_id());
            }
        }
        assert_eq!(text.matches("--quiet").count(), 1, "what all commands have stands once");
    }
}
