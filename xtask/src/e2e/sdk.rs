//! The adapters against what others wrote: the vendors' own libraries, for what is read from recordings and what is sent, and a mock of the
//! providers.
//!
//! Invariants
//! - Opt-in, because it installs packages: into a virtual environment of its own, from wherever pip is told to get them.
//! - No network but loopback while it checks.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell;

const PACKAGES: [&str; 4] = ["anthropic", "openai", "google-genai", "ollama"];
const IMPORTS: &str = "import anthropic, openai, google.genai, ollama";

/// Installs the libraries where they are not there yet, and runs both checks.
pub(crate) fn run(venv: Option<&str>) -> Result<(), String> {
    let python = python(&venv.map_or_else(|| shell::target().join("e2e/venv"), PathBuf::from))?;
    let rt = shell::build_rt(&[])?;
    let recordings = shell::root().join("tests/fixtures/sse");
    let checks = ["sdk_streams.py", "sdk_bodies.py"].map(|script| {
        let mut command = script_of(&python, script);
        command.arg(&rt).arg(&recordings);
        shell::shows(&mut command)
    });
    checks.into_iter().collect()
}

const HOW_TO_GET_A_MOCK: &str = "\
no llmock: give its path with --llmock PATH or LLMOCK, or put it on PATH. One way to get it:
  npm install --prefix target/e2e/npm @copilotkit/aimock
  cargo xtask e2e aimock --llmock target/e2e/npm/node_modules/.bin/llmock";

/// Whole turns against a mock of the providers that is not ours.
pub(crate) fn mock(flag: Option<&str>) -> Result<(), String> {
    let program = super::find(flag, "LLMOCK", "llmock", HOW_TO_GET_A_MOCK)?;
    let python = super::python();
    let rt = shell::build_rt(&[])?;
    shell::shows(script_of(Path::new(&python), "aimock.py").arg(rt).arg(program))
}

/// A script of ours, whose modules leave nothing behind in the source tree.
pub(super) fn script_of(python: &Path, script: &str) -> Command {
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(shell::root().join("xtask/e2e").join(script));
    command
}

/// The interpreter of a virtual environment that has the libraries.
fn python(venv: &Path) -> Result<PathBuf, String> {
    let python = venv.join("bin/python");
    if !python.is_file() {
        shell::output(Command::new(super::python()).args(["-m", "venv"]).arg(venv))
            .map_err(|e| format!("{e}\nit needs python3 with venv; PYTHON=… chooses one"))?;
    }
    if shell::output(Command::new(&python).args(["-c", IMPORTS])).is_err() {
        println!("installing {} into {}", PACKAGES.join(", "), venv.display());
        shell::output(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
    }
    Ok(python)
}
