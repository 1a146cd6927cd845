//! `rt demo`: the whole loop on a scratch repository with a recorded model.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::process::Spec;
use crate::session::refs::SESSIONS;
use crate::ui::{Style, Text};

use super::super::context::Context;
use super::super::env::Env;
use super::super::error::Failure;

/// See the whole loop on a scratch repository, with a recorded model: no key, no network
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rt demo\n  rt demo --dir try-it   look around in it afterwards")]
pub struct DemoArgs {
    /// Make the scratch repository here instead of in the temporary directory
    #[arg(long, value_name = "DIR")]
    pub dir: Option<String>,
}

const PROGRAM: &str = include_str!("../demo/paging.sh");
const TEST: &str = include_str!("../demo/test.sh");
const ANSWER: &[u8] = include_bytes!("../demo/answer.gemini.sse");
const MESSAGE: &str = "Please implement the page_count stub in paging.sh";

pub fn run(ctx: &Context, args: &DemoArgs) -> Result<(), Failure> {
    let directory = make_directory(ctx, args.dir.as_deref())?;
    let demo = Demo { ctx, directory };
    demo.say("A scratch repository with a small program and a test that fails. The model is RECORDED: the answer below was")?;
    demo.say("written beforehand and is played back; everything else is the real program. No key is used, nothing is sent.")?;
    demo.set_up()?;
    demo.shell("sh test.sh")?;
    demo.say("The test fails, because the function is a stub. Ask for it:")?;
    let cassette = demo.cassette();
    demo.rt(&["-m", MESSAGE, "--model", &format!("replay/{}", cassette.display())], &format!("rt -m {MESSAGE}"))?;
    demo.say("The answer came in a stream, its edit was applied and committed. What changed, and the test:")?;
    demo.rt(&["diff"], "rt diff")?;
    demo.shell("sh test.sh")?;
    demo.say("The exchange itself is a commit on a hidden ref of the same repository:")?;
    let session = demo.session()?;
    demo.shell(&format!("git log --format='%h %s' {session}"))?;
    demo.say("Everything can be taken back:")?;
    demo.rt(&["undo"], "rt undo")?;
    demo.say("So the test fails as before:")?;
    demo.shell("sh test.sh")?;
    demo.say("That was all. Bring it back with `rt redo`, or try it on your own project:")?;
    demo.say(&format!("  cd {}", demo.directory.display()))?;
    demo.say("  export GEMINI_API_KEY=…   then   rt -m \"what should change\"")
}

fn make_directory(ctx: &Context, wanted: Option<&str>) -> Result<PathBuf, Failure> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |e: std::io::Error| Failure::user(format!("{path}: {e}"))
    };
    if let Some(wanted) = wanted {
        let path = ctx.directory.join(wanted);
        std::fs::create_dir(&path).map_err(failed(&path))?;
        return Ok(path);
    }
    let parent = ctx.vars.get("TMPDIR").filter(|t| !t.is_empty()).map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    for number in 1..10_000 {
        let path = parent.join(format!("retort-demo-{number}"));
        match std::fs::create_dir(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => return other.map(|()| path.clone()).map_err(failed(&path)),
        }
    }
    Err(Failure::user(format!("{} is full of demos", parent.display())).hint("rt demo --dir DIR"))
}

struct Demo<'a> {
    ctx: &'a Context,
    directory: PathBuf,
}

impl Demo<'_> {
    fn say(&self, text: &str) -> Result<(), Failure> {
        Ok(self.ctx.ui.line(Text::new().add(Style::Dim, text.to_owned()))?)
    }

    fn cassette(&self) -> PathBuf {
        self.directory.join(".git").join("answer.gemini.sse")
    }

    fn set_up(&self) -> Result<(), Failure> {
        self.git(&["init", "--quiet", "--initial-branch=main"])?;
        self.git(&["config", "user.name", "Demo"])?;
        self.git(&["config", "user.email", "demo@example.com"])?;
        for (path, bytes) in [("paging.sh", PROGRAM.as_bytes()), ("test.sh", TEST.as_bytes()), (".git/answer.gemini.sse", ANSWER)] {
            let path = self.directory.join(path);
            std::fs::write(&path, bytes).map_err(|e| Failure::user(format!("{}: {e}", path.display())))?;
        }
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", "A stub and its test"])
    }

    fn git(&self, args: &[&str]) -> Result<(), Failure> {
        let out = Spec::new("git").args(args.iter().copied()).directory(&self.directory).run();
        let out = out.map_err(|e| Failure::user(format!("git cannot be started: {e}")))?;
        if out.success() { Ok(()) } else { Err(Failure::user(format!("git {} failed: {}", args.join(" "), out.error_text()))) }
    }

    fn prompt(&self, line: &str) -> Result<(), Failure> {
        Ok(self.ctx.ui.line(Text::new().plain("\n$ ").add(Style::Bold, line.to_owned()))?)
    }

    /// Shows a shell command and what it prints. That a test fails is part of the story.
    fn shell(&self, line: &str) -> Result<(), Failure> {
        self.prompt(line)?;
        let out = Spec::new("sh").args(["-c", line]).directory(&self.directory).run();
        let out = out.map_err(|e| Failure::user(format!("sh cannot be started: {e}")))?;
        self.ctx.ui.raw(&out.stdout)?;
        self.ctx.ui.raw(&out.stderr)?;
        Ok(self.ctx.ui.line("")?)
    }

    /// Runs the program itself in the scratch repository, with a home of its own.
    fn rt(&self, args: &[&str], shown: &str) -> Result<(), Failure> {
        self.prompt(shown)?;
        let mut env = Env::of_process().map_err(|e| Failure::user(e.to_string()))?;
        env.vars.clone_from(&self.ctx.vars);
        env.vars.insert("RT_HOME".to_owned(), self.directory.join(".git").join("home").display().to_string());
        env.directory.clone_from(&self.directory);
        env.terminal.stdin = true;
        let line = std::iter::once("rt").chain(args.iter().copied()).map(Into::into);
        match super::super::run(line, env) {
            0 => Ok(self.ctx.ui.line("")?),
            code => Err(Failure::user(format!("{shown} ended with code {code}")).code(code)),
        }
    }

    fn session(&self) -> Result<String, Failure> {
        let out = Spec::new("git").args(["for-each-ref", "--format=%(refname)", SESSIONS]).directory(&self.directory).run();
        let out = out.map_err(|e| Failure::user(format!("git cannot be started: {e}")))?;
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }
}
