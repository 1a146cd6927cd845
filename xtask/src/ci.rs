//! Every check in order, each with its seconds; the first failure ends it.

use std::process::Command;
use std::time::Instant;

use crate::{generate, requirements, shell, tidy};

type Check = fn() -> Result<(), String>;

enum Step {
    Cargo(&'static [&'static str], Option<(&'static str, &'static str)>),
    Own(&'static str, Check),
}

const STEPS: &[Step] = &[
    Step::Cargo(&["fmt", "--all", "--check"], None),
    Step::Own("tidy", || tidy::run(&shell::root())),
    Step::Own("requirements --check", || requirements::run(requirements::Mode::Check)),
    Step::Cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], None),
    // The library without the command line: nothing below `cli` may need what only the feature brings.
    Step::Cargo(&["clippy", "--lib", "--no-default-features", "--", "-D", "warnings"], None),
    Step::Cargo(&["test", "--workspace"], None),
    Step::Own("gen --check", || generate::run(generate::Mode::Check)),
    Step::Cargo(&["doc", "--workspace", "--no-deps"], Some(("RUSTDOCFLAGS", "-D warnings"))),
];

/// Runs them all.
pub(crate) fn run() -> Result<(), String> {
    let whole = Instant::now();
    for step in STEPS {
        let again = step.again();
        println!("── {again}");
        let begun = Instant::now();
        step.run().map_err(|why| format!("{why}\nrun it alone with: {again}"))?;
        println!("── {again}: ok, {:.1} s", begun.elapsed().as_secs_f64());
    }
    println!("── ci: {} steps ok, {:.1} s", STEPS.len(), whole.elapsed().as_secs_f64());
    Ok(())
}

impl Step {
    /// What a person types to run this step alone.
    fn again(&self) -> String {
        match self {
            Self::Cargo(args, None) => format!("cargo {}", args.join(" ")),
            Self::Cargo(args, Some((key, value))) => format!("{key}='{value}' cargo {}", args.join(" ")),
            Self::Own(name, _) => format!("cargo xtask {name}"),
        }
    }

    fn run(&self) -> Result<(), String> {
        match self {
            Self::Own(_, check) => check(),
            Self::Cargo(args, env) => {
                let mut command: Command = shell::cargo();
                command.args(*args).envs(*env);
                let status = command.status().map_err(|e| format!("cannot run cargo: {e}"))?;
                if status.success() { Ok(()) } else { Err(format!("failed ({status})")) }
            }
        }
    }
}
