//! Everything that is done to the project and is not the program: checks, generated files, test repositories, benchmarks.
//!
//! Invariants
//! - Only std, `syn` and `libc`: this crate is compiled before every check, so it stays small.
//! - A failure says where, which rule, and what to do next; exit code 1 is a failed check, 2 a wrong command line.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::format_push_string,
    reason = "a developer's tool: it runs other programs, reads the clock and talks to a terminal; the rules it breaks protect `rt`"
)]

mod bench;
mod ci;
mod e2e;
mod fixtures;
mod fuzz;
mod generate;
mod measure;
mod models;
mod requirements;
mod shell;
mod soak;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "cargo xtask COMMAND

  ci                     every check, in order; stops at the first failure
  tidy                   layers, crate owners, file sizes, module docs, forbidden words
  gen [--check]          docs/cli.md, docs/config.md, docs/config.schema.json, completions/, man/ from the one definition
  fixtures [small|large] test repositories under target/fixtures, made with real git
  bench [--runs N] [--write] [--git-only]
                         CPU and peak memory of rt against git, as ratios in one run
  bench edits [--corpus DIR] [--runs N] [--write]
                         how the answers of a corpus land, by form and noise; what reading and making edits costs
  bench wire [--runs N] [--write]
                         what reading a long answer costs, beside curl to a file from the same server
  fuzz [TARGET…] [--minutes N] [--repeat FILE]
                         coverage-guided fuzzing of the parsers, N minutes each (1); or one input again
  e2e llama [--server PATH]
                         whole turns, tools, schemas and failures against a real llama-server with random weights
  e2e sdk [--venv DIR]   recordings and request bodies against the vendors' own Python libraries
  e2e aimock [--llmock PATH]
                         whole turns in five protocols against a mock of the providers
  soak --minutes N [--seed N]
                         random work of user and program against the reference model, until the time is over
  sweep                  kill -9 from outside before every change on disk, of every command that makes one
  models --models-dev FILE --prices FILE
                         src/llm/data/models.json from the data of two projects and what is kept by hand
  requirements [--check] count or check docs/requirements.md
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["ci"] => ci::run(),
        ["tidy"] => tidy::run(&shell::root()),
        ["gen"] => generate::run(generate::Mode::Write),
        ["gen", "--check"] => generate::run(generate::Mode::Check),
        ["fixtures"] => fixtures::run(&fixtures::Recipe::ALL),
        ["fixtures", name] => fixtures::Recipe::named(name).and_then(|recipe| fixtures::run(&[recipe])),
        ["bench", "edits", rest @ ..] => bench::edits::run(rest),
        ["bench", "wire", rest @ ..] => bench::wire::run(rest),
        ["bench", rest @ ..] => bench::Options::parse(rest).and_then(|options| bench::run(&options)),
        ["fuzz", rest @ ..] => fuzz::Options::parse(rest).and_then(|options| fuzz::run(&options)),
        ["e2e", "llama"] => e2e::run(None),
        ["e2e", "llama", "--server", path] => e2e::run(Some(path)),
        ["e2e", "sdk"] => e2e::sdk::run(None),
        ["e2e", "sdk", "--venv", dir] => e2e::sdk::run(Some(dir)),
        ["e2e", "aimock"] => e2e::sdk::mock(None),
        ["e2e", "aimock", "--llmock", path] => e2e::sdk::mock(Some(path)),
        ["soak", rest @ ..] => soak::run(rest),
        ["sweep"] => soak::sweep(),
        ["models", rest @ ..] => models::run(rest),
        ["requirements"] => requirements::run(requirements::Mode::Count),
        ["requirements", "--check"] => requirements::run(requirements::Mode::Check),
        ["measure", "--", command @ ..] if !command.is_empty() => measure::helper(command),
        ["burn", millis, mebibytes] => measure::burn(millis, mebibytes),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
