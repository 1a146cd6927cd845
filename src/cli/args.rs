//! The command line as it is typed, and how it becomes requests.
//!
//! Invariants
//! - Reading arguments does nothing; help, completions and man pages come from these definitions alone.
//! - `-m` takes words up to the next flag, as in `rt -m fix the typo in a.rs`. A word that could be a flag is never taken for
//!   text in silence: it must be quoted.

use clap::{Args, Parser, Subcommand};

use super::commands;
use super::error::Failure;

/// Git-native AI pair programmer: every model call is a commit on a hidden ref of your own repository.
#[derive(Debug, Parser)]
#[command(
    name = "rt",
    bin_name = "rt",
    version,
    max_term_width = 100,
    disable_help_subcommand = false,
    after_help = "Examples:\n  rt -m Please implement the paginate stub in src/page.rs\n  git diff | rt -m \"review this change\"\n  rt undo\n  rt log\n  rt demo            see it work, without a key or a network\n\nExit codes: 0 done, 1 a mistake or state of yours, 2 usage, 4 the provider failed, 5 edits not applied or a check failed,\n6 a hook says no, 130 interrupted. All are in docs/cli.md."
)]
pub struct Cli {
    #[command(flatten)]
    pub ask: commands::ask::AskArgs,

    #[command(flatten)]
    pub global: Global,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Set a configuration key for this run, such as `vcs.commit=off`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", global = true, help_heading = "Common options")]
    pub config: Vec<String>,

    /// Print results, or what happens, as JSON, one object a line (docs/formats/events.md)
    #[arg(long, global = true, help_heading = "Common options")]
    pub json: bool,

    /// Say nothing but results, warnings and errors
    #[arg(short, long, global = true, help_heading = "Common options")]
    pub quiet: bool,

    /// Answer every question with yes
    #[arg(short, long, global = true, help_heading = "Common options")]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Apply(commands::apply::ApplyArgs),
    Retry(commands::retry::RetryArgs),
    Replay(commands::replay::ReplayArgs),
    Undo(commands::undo::UndoArgs),
    Redo(commands::redo::RedoArgs),
    Log(commands::log::LogArgs),
    Show(commands::show::ShowArgs),
    Diff(commands::diff::DiffArgs),
    Cost(commands::cost::CostArgs),
    Status(commands::status::StatusArgs),
    Session(commands::session::SessionArgs),
    Files(commands::files::FilesArgs),
    Prompt(commands::prompt::PromptArgs),
    Config(commands::config::ConfigArgs),
    Model(commands::model::ModelArgs),
    Init(commands::init::InitArgs),
    Trust(commands::trust::TrustArgs),
    Index(commands::index::IndexArgs),
    Fsck(commands::fsck::FsckArgs),
    Doctor(commands::doctor::DoctorArgs),
    Demo(commands::demo::DemoArgs),
    Completions(commands::completions::CompletionsArgs),
    Man(commands::man::ManArgs),
    #[command(hide = true)]
    Debug(commands::debug::DebugArgs),
}

/// Joins the words after each `-m` into one value.
pub fn join_message(args: Vec<String>) -> Result<Vec<String>, Failure> {
    let mut out = Vec::with_capacity(args.len());
    let mut words = args.into_iter().peekable();
    out.extend(words.next());
    let known = known_flags();
    while let Some(arg) = words.next() {
        if arg == "--" {
            out.push(arg);
            out.extend(words);
            break;
        }
        if arg != "-m" && arg != "--message" {
            // The first bare word is a command; what comes after it is not ours to join.
            let bare = !arg.starts_with('-');
            let first = out.len() == 1;
            out.push(arg);
            if bare && first {
                out.extend(words);
                break;
            }
            continue;
        }
        let mut text = Vec::new();
        while let Some(word) = words.peek() {
            if word.len() > 1 && word.starts_with('-') {
                // A message in one piece, such as `-m "- fix the list"`, is text whatever it begins with.
                let single = text.is_empty() && word.contains(char::is_whitespace);
                let name = word.split('=').next().unwrap_or(word);
                if single {
                    text.extend(words.next());
                } else if !known.iter().any(|k| k == name) {
                    return Err(Failure::usage(format!("{word:?} in the message could be a flag"))
                        .hint(format!("quote the whole message: rt -m \"{} {word} …\"", text.join(" ").trim())));
                }
                break;
            }
            text.extend(words.next());
        }
        if text.is_empty() {
            return Err(Failure::usage("-m needs a message").hint("rt -m \"…\"   or, from standard input: rt -m -"));
        }
        out.push(format!("--message={}", text.join(" ")));
        if let Some(word) = words.peek().filter(|w| !w.starts_with('-')) {
            return Err(Failure::usage(format!("{word:?} is not part of the message")).hint("quote the whole message"));
        }
    }
    Ok(out)
}

/// Every flag of a bare `rt`, as typed.
fn known_flags() -> Vec<String> {
    use clap::CommandFactory as _;
    let mut names = vec!["-h".to_owned(), "--help".to_owned()];
    for arg in Cli::command().get_arguments() {
        names.extend(arg.get_short().map(|c| format!("-{c}")));
        names.extend(arg.get_long().map(|l| format!("--{l}")));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(line: &[&str]) -> Result<Vec<String>, u8> {
        join_message(line.iter().map(|s| (*s).to_owned()).collect()).map_err(|f| f.code)
    }

    fn strings(line: &[&str]) -> Vec<String> {
        line.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn words_up_to_a_flag_are_the_message() {
        let want = strings(&["rt", "--message=Please fix asdf.rs", "--model", "pro"]);
        assert_eq!(join(&["rt", "-m", "Please", "fix", "asdf.rs", "--model", "pro"]), Ok(want));
        assert_eq!(join(&["rt", "-m", "one piece"]), Ok(strings(&["rt", "--message=one piece"])));
        assert_eq!(join(&["rt", "-m", "a", "-m", "b"]), Ok(strings(&["rt", "--message=a", "--message=b"])));
        assert_eq!(join(&["rt", "-m", "-"]), Ok(strings(&["rt", "--message=-"])));
        assert_eq!(join(&["rt", "-m", "- a list item"]), Ok(strings(&["rt", "--message=- a list item"])));
    }

    #[test]
    fn what_could_be_a_flag_must_be_quoted() {
        assert_eq!(join(&["rt", "-m", "add", "a", "--verbose", "flag"]), Err(2));
        assert_eq!(join(&["rt", "-m"]), Err(2));
        assert_eq!(join(&["rt", "-m", "--json"]), Err(2));
    }

    #[test]
    fn commands_are_left_alone() {
        let line = ["rt", "log", "-m", "x", "y"];
        assert_eq!(join(&line), Ok(strings(&line)));
    }
}
