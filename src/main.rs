//! The program `rt`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    retort::cli::main()
}
