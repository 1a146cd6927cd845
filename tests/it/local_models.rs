//! `rt model`: which models are found, and what becomes of the servers that are started for them.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use std::sync::atomic::{AtomicU16, Ordering};

use crate::support::fake_llama::{install, loading_for, loading_for_ever};
use crate::support::fake_model::{FakeModel, Reply, bound};
use crate::support::made_gguf::Made;
use crate::support::world::{Ran, World};

/// A world whose servers end with it.
struct Local {
    world: World,
    port: u16,
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.world.rt(&["model", "stop", "--all", "--grace", "0"]);
    }
}

impl Local {
    /// With a model `coder-7b-Q4_K_M` among the user's, and a server's program that does this first.
    fn new(first: &str) -> Self {
        let mut world = World::with(&[("a.txt", "one\n")]);
        let program = install(&world, first);
        world.set("RT__MODEL__LLAMA_SERVER", &program);
        let port = own_port();
        world.set("RT__MODEL__LOCAL_SERVERS", &format!("local={port}"));
        let local = Self { world, port };
        local.file("home/.lmstudio/models/maker/coder/coder-7b-Q4_K_M.gguf", &seven());
        local
    }

    fn file(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.world.top().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, bytes).expect("written");
        path
    }

    fn serve(&self, more: &[&str]) -> Ran {
        let port = self.port.to_string();
        self.world.rt(&[&["model", "serve", "coder", "--port", &port], more].concat())
    }

    fn ps(&self) -> Vec<Value> {
        self.world.rt(&["model", "ps", "--json"]).ok().json()
    }

    /// The number of the only server.
    fn pid(&self) -> Pid {
        let all = self.ps();
        assert_eq!(all.len(), 1, "{all:?}");
        let pid = all[0]["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        pid.unwrap_or_else(|| panic!("{all:?}"))
    }

    fn run_dir(&self) -> PathBuf {
        self.world.top().join("home/.retort/run")
    }

    fn states(&self) -> Vec<String> {
        let entries = fs::read_dir(self.run_dir()).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains(".json")).collect()
    }

    /// Starts the program and waits until its server has said that it is loading.
    fn loading(&self, pipe: &Path) -> std::process::Child {
        let port = self.port.to_string();
        let mut command = self.world.command(&["model", "serve", "coder", "--port", &port]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        // One that ends without a server would leave the reader of the pipe waiting for ever.
        let (mut out, told) = (child.stdout.take().expect("a pipe"), pipe.to_owned());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut out, &mut std::io::sink());
            let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
            let reader = fs::OpenOptions::new().write(true).custom_flags(flags).open(told);
            let _ = reader.and_then(|mut pipe| pipe.write_all(b"it ended without a server"));
        });
        assert_eq!(fs::read_to_string(pipe).expect("it tells"), "loading");
        child
    }
}

/// A port that nobody else takes while it is let go of and taken again: below those that the system gives out by itself, and
/// another one for each test and each run of them.
fn own_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Runs at once have numbers that are near to each other, and a hundred ports each.
    let first = 20_000 + (std::process::id() % 100) as u16 * 100;
    let mut ports = (0..1_000).map(|_| first + NEXT.fetch_add(1, Ordering::SeqCst) % 100);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

fn seven() -> Vec<u8> {
    Made::new("llama").seven().bytes()
}

fn lives(pid: Pid) -> bool {
    let state = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(pid).is_ok() && !state.contains(") Z ")
}

/// A world whose server is loading for ever, and the pipe through which it says so.
fn slow() -> (Local, PathBuf) {
    let local = Local::new("");
    let pipe = local.world.top().join("pipe");
    assert_eq!(local.world.run("mkfifo", &[&pipe.display().to_string()]).code, Some(0));
    let _ = install(&local.world, &loading_for_ever(&pipe));
    (local, pipe)
}

#[test]
fn files_of_all_places_and_running_servers_are_listed() {
    let mut local = Local::new("");
    let snapshots = "home/.cache/huggingface/hub/models--org--repo/snapshots/1";
    local.file(&format!("{snapshots}/big-00001-of-00002.gguf"), &seven());
    local.file(&format!("{snapshots}/big-00002-of-00002.gguf"), &[0; 3000]);
    local.file("home/.cache/llama.cpp/mmproj-x.gguf", &Made::new("clip").bytes());
    local.file("mine/half.gguf", b"GGUF\x03\0\0\0");
    local.world.set("RT__MODEL__PATHS", &format!("{},/nowhere,relative", local.world.top().join("mine").display()));
    let ollama = FakeModel::answering(|request| match request.path.as_str() {
        "/v1/models" => Reply::new(200, "application/json", vec![b"{\"data\":[{\"id\":\"q:7b\"}]}".to_vec()]),
        "/api/tags" => {
            let tags = "{\"models\":[{\"name\":\"q:7b\",\"size\":4000000000,\"details\":{\"parameter_size\":\"7.6B\",\"quantization_level\":\"Q4_K_M\"}},{\"name\":\"other:1b\"}]}";
            Reply::new(200, "application/json", vec![tags.as_bytes().to_vec()])
        }
        _ => Reply::error(404, "{}"),
    });
    local.world.set("RT__MODEL__LOCAL_SERVERS", &format!("ollama={},dead={}", ollama.port(), local.port));
    let ran = local.world.rt(&["model", "scan"]).ok();
    let rows: Vec<Vec<&str>> =
        ran.out.lines().map(|line| line.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect()).collect();
    let address = format!("running at http://127.0.0.1:{}/v1", ollama.port());
    let size = |bytes: usize| retort::ui::bytes(bytes as u64);
    let (both, one, clip) = (size(seven().len() + 3000), size(seven().len()), size(Made::new("clip").bytes().len()));
    let want: [&[&str]; 6] = [
        &["big", &both, "Q4_K_M", "7B", "32k context", "Hugging Face · org/repo"],
        &["mmproj-x", &clip, "clip", "projector", "llama.cpp"],
        &["coder-7b-Q4_K_M", &one, "Q4_K_M", "7B", "32k context", "LM Studio · maker/coder"],
        &["half", "8 B", "it ends in the middle of its head: the download is not complete · model.paths"],
        &["ollama/q:7b", "4.0 GB", "Q4_K_M", "7.6B", &address],
        &["ollama/other:1b", &address],
    ];
    assert_eq!(rows, want, "{}", ran.out);
    assert!(
        ran.err.contains("/nowhere: there is no such directory") && ran.err.contains("\"relative\" is no full path"),
        "{}",
        ran.err
    );
    let json = local.world.rt(&["model", "scan", "--json"]).ok().json();
    assert_eq!(json.len(), 6);
    assert_eq!((&json[0]["parts"], &json[0]["context"], &json[0]["chat_template"]), (&2.into(), &32_768.into(), &true.into()));
    assert_eq!(
        (&json[3]["kind"], &json[4]["kind"], &json[4]["model"]),
        (&"unusable".into(), &"server".into(), &"ollama/q:7b".into())
    );
    assert!(json[0]["path"].as_str().is_some_and(|path| path.ends_with("snapshots/1/big-00001-of-00002.gguf")));
}

#[test]
fn a_server_is_started_used_measured_and_stopped() {
    let local = Local::new(&loading_for(3));
    let world = &local.world;
    let ran = local.serve(&["--ctx", "4096", "--ngl", "all", "--flash-attn", "on", "--threads", "2", "--", "--seed", "7"]).ok();
    let address = format!("http://127.0.0.1:{}/v1", local.port);
    assert!(ran.out.starts_with(&format!("serving coder-7b-Q4_K_M at {address} (process ")), "{}", ran.out);
    assert!(ran.err.contains("rt -m \"…\" --model local/coder-7b-Q4_K_M"), "{}", ran.err);
    assert!(ran.err.contains("537 MB for 4096 tokens of context"), "{}", ran.err);
    let pid = local.pid();
    assert!(lives(pid));
    let ps = local.ps().remove(0);
    assert_eq!((&ps["state"], &ps["name"], &ps["port"]), (&"ready".into(), &"coder-7b-Q4_K_M".into(), &local.port.into()));
    assert!(
        (ps["resident"].as_u64().is_some_and(|bytes| bytes > 100_000) || !cfg!(target_os = "linux"))
            && ps["up_seconds"].as_u64().is_some(),
        "{ps}"
    );
    let shown = world.rt(&["model", "ps"]).ok().out;
    assert!(shown.contains("  ready  ") && shown.contains(&format!("process {}", pid.as_raw_nonzero())), "{shown}");
    // As it was told to be, and in a group of its own.
    if cfg!(target_os = "linux") {
        let environ = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).expect("its variables");
        let args =
            String::from_utf8_lossy(&environ).split('\0').find_map(|v| v.strip_prefix("FAKE_LLAMA_ARGS=").map(str::to_owned));
        let args = args.expect("its arguments").replace('\n', " ");
        let end = format!(
            "--alias coder-7b-Q4_K_M --host 127.0.0.1 --port {} --ctx-size 4096 --parallel 1 --n-gpu-layers all --flash-attn on --threads 2 --seed 7",
            local.port
        );
        assert!(args.starts_with("--model /") && args.ends_with(&end), "{args}");
    }
    assert_eq!(rustix::process::getpgid(Some(pid)), Ok(pid));
    // A second time nothing is done.
    for more in [&["--json"][..], &["--ctx", "9", "--json"]] {
        let again = local.serve(more).ok().json().remove(0);
        assert_eq!((&again["server"], again["pid"].as_i64()), (&"attached".into(), Some(i64::from(pid.as_raw_nonzero().get()))));
    }
    let answer = world.rt(&["-m", "say something", "--model", "local/coder-7b-Q4_K_M"]).ok();
    assert!(answer.out.contains("Four words it says"), "{}", answer.out);
    let scan = world.rt(&["model", "scan", "--json"]).ok().json();
    assert!(scan.iter().any(|row| row["model"] == "local/coder-7b-Q4_K_M" && row["context"] == 4096), "{scan:?}");
    let bench = world.rt(&["model", "bench", "--json"]).ok().json().remove(0);
    assert_eq!(
        (&bench["generated_tokens_per_second"], &bench["prompt_tokens_per_second"]),
        (&40.0.into(), &125.0.into()),
        "{bench}"
    );
    assert_eq!((&bench["measured_by"], &bench["runs"], &bench["prompt_tokens"]), (&"server".into(), &3.into(), &24.into()));
    // The clock of tests goes a second further with each look.
    assert!(bench["first_token_ms"].as_f64().is_some_and(|ms| ms >= 1000.0), "{bench}");
    let table = world.rt(&["model", "bench", "--model", "local/coder-7b-Q4_K_M", "--runs", "1"]).ok().out;
    assert!(table.contains("40.0 tokens/s") && table.contains("first token"), "{table}");
    let stopped = world.rt(&["model", "stop", "coder"]).ok();
    assert_eq!(stopped.out, format!("coder-7b-Q4_K_M on port {} is stopped\n", local.port));
    assert!(!lives(pid));
    assert_eq!((local.states(), local.ps().len()), (vec![], 0));
    assert_eq!(world.rt(&["model", "stop"]).ok().out, "");
    let _ = world.rt(&["model", "bench"]).code(1);
}

#[test]
fn what_does_not_fit_into_memory_is_refused_with_numbers() {
    let local = Local::new("");
    let huge = local.file("huge.gguf", &seven());
    // Eight TB, of which the disk has nothing.
    fs::OpenOptions::new().write(true).open(&huge).and_then(|file| file.set_len(8 << 40)).expect("a sparse file");
    let (path, port) = (huge.display().to_string(), local.port.to_string());
    let args = ["model", "serve", &path, "--port", &port];
    if !Path::new("/proc/meminfo").exists() {
        return;
    }
    let ran = local.world.rt(&args).code(1);
    for said in
        ["the memory does not suffice", "8.8 TB of weights", "2.1 GB for 16384 tokens of context", "are available", "--force"]
    {
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
    assert_eq!(local.states(), [""; 0]);
    let forced = local.world.rt(&[&args[..], &["--force"]].concat()).ok();
    assert!(forced.err.contains("warning: it needs about 8.8 TB"), "{}", forced.err);
    assert!(lives(local.pid()));
}

#[test]
fn a_server_that_cannot_load_says_why_and_leaves_nothing() {
    let local = Local::new("echo loading >&2; echo 'error: unknown model architecture' >&2; exit 3");
    let ran = local.serve(&[]).code(4);
    assert!(ran.err.contains("(code 3)") && ran.err.contains("unknown model architecture"), "{}", ran.err);
    assert!(ran.err.contains(&format!("run/llama-{}.log", local.port)), "{}", ran.err);
    assert_eq!((local.states(), local.ps().len()), (vec![], 0));
    // Nothing to start it with.
    let world = &local.world;
    let none = world.rt_with(&["model", "serve", "coder"], b"", &[("RT__MODEL__LLAMA_SERVER", ""), ("PATH", "/nowhere")]).code(1);
    assert!(none.err.contains("no llama-server on the path") && none.err.contains("model.llama_server"), "{}", none.err);
    let wrong = world.rt_with(&["model", "serve", "coder"], b"", &[("RT__MODEL__LLAMA_SERVER", "/nowhere/x")]).code(1);
    assert!(wrong.err.contains("/nowhere/x is no program"), "{}", wrong.err);
    for (name, said) in
        [("nothing", "there is no model \"nothing\""), ("/nowhere/x.gguf", "No such file"), ("a.txt", "not a GGUF file")]
    {
        let ran = world.rt(&["model", "serve", name]).code(1);
        assert!(ran.err.contains(said), "{name}: {}", ran.err);
    }
}

#[test]
fn an_interrupt_while_it_loads_stops_the_server() {
    for signal in [Signal::INT, Signal::TERM] {
        let (local, pipe) = slow();
        let child = local.loading(&pipe);
        let server = local.pid();
        assert!(lives(server) && local.ps()[0]["state"] == "loading");
        let rt = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(rt, signal).expect("sent");
        let out = child.wait_with_output().expect("it ends");
        assert_eq!(out.status.code(), Some(130), "{}", String::from_utf8_lossy(&out.stderr));
        assert!(!lives(server));
        assert_eq!(local.states(), [""; 0]);
    }
}

#[test]
fn one_that_a_killed_rt_left_is_known_and_can_be_stopped() {
    let (local, pipe) = slow();
    let mut child = local.loading(&pipe);
    child.kill().expect("killed");
    child.wait().expect("it ends");
    let server = local.pid();
    assert!(lives(server) && local.ps()[0]["state"] == "loading");
    // It has the model already, so no second one is started.
    assert_eq!(local.serve(&["--json"]).ok().json()[0]["server"], "attached");
    let _ = local.world.rt(&["model", "stop", &local.port.to_string()]).ok();
    assert!(!lives(server));
}

#[test]
fn one_whose_number_was_never_written_is_found_all_the_same() {
    if !cfg!(all(target_os = "linux", debug_assertions)) {
        return;
    }
    let local = Local::new("");
    let port = local.port.to_string();
    let ran = local.world.rt_with(&["model", "serve", "coder", "--port", &port], b"", &[("RT__DEBUG__FAULT", "server")]);
    assert_eq!(ran.code, None, "it died between the start and the note");
    let server = local.pid();
    assert!(lives(server));
    assert_eq!(local.world.rt(&["model", "stop"]).ok().out, format!("coder-7b-Q4_K_M on port {port} is stopped\n"));
    assert!(!lives(server));
}

#[test]
fn one_that_does_not_end_is_killed() {
    let local = Local::new("trap '' TERM");
    let _ = local.serve(&[]).ok();
    let server = local.pid();
    let ran = local.world.rt(&["model", "stop", "--grace", "0"]).ok();
    assert!(ran.out.contains("did not end by itself and was killed"), "{}", ran.out);
    assert!(!lives(server));
}

#[test]
fn what_others_have_started_is_left_alone() {
    let local = Local::new("");
    let path = local.world.top().join("home/.lmstudio/models/maker/coder/coder-7b-Q4_K_M.gguf").display().to_string();
    let models = |id: &'static str, path: String| {
        move |request: &crate::support::fake_model::Received| {
            let body = match request.path.as_str() {
                "/v1/models" => format!("{{\"data\":[{{\"id\":\"{id}\"}}]}}"),
                "/props" => format!("{{\"model_path\":\"{path}\"}}"),
                _ => return Reply::error(404, "{}"),
            };
            Reply::new(200, "application/json", vec![body.into_bytes()])
        }
    };
    for (id, path, said) in [
        ("other", "/other.gguf".to_owned(), Err("in use (a server with other)")),
        ("other", path, Ok("started by another program, which is left alone")),
        ("coder-7b-Q4_K_M", String::new(), Ok("started by another program, which is left alone")),
    ] {
        let foreign = FakeModel::answering_at(local.port, models(id, path));
        let ran = local.serve(&[]);
        match said {
            Ok(said) => assert!(ran.clone().ok().out.contains(said), "{}", ran.out),
            Err(said) => assert!(ran.clone().code(1).err.contains(said), "{}", ran.err),
        }
        let stop = local.world.rt(&["model", "stop", &local.port.to_string()]).code(1);
        assert!(stop.err.contains("what others have started, they stop"), "{}", stop.err);
        assert_eq!((local.states(), local.ps().len()), (vec![], 0));
        let before = foreign.requests().len();
        let _ = local.world.rt(&["model", "scan"]).ok();
        assert!(foreign.requests().len() > before, "it still answers");
    }
    // Not even a server that says nothing.
    let silent = bound(local.port);
    let ran = local.serve(&[]).code(1);
    assert!(ran.err.contains(&format!("port {} is in use; nothing was started", local.port)), "{}", ran.err);
    drop(silent);
}

#[test]
fn a_server_gets_no_key() {
    let mut local = Local::new("env > \"$HOME/seen\"");
    local.world.set("GEMINI_API_KEY", "a-key-that-is-not-real");
    local.world.set("CUDA_VISIBLE_DEVICES", "0");
    let _ = local.serve(&[]).ok();
    let seen = fs::read_to_string(local.world.top().join("home/seen")).expect("written");
    assert!(seen.contains("CUDA_VISIBLE_DEVICES=0") && !seen.contains("a-key-that-is-not-real"), "{seen}");
    let state = fs::read_to_string(local.run_dir().join(format!("llama-{}.json", local.port))).expect("its file");
    assert!(!state.contains("a-key-that-is-not-real"));
}

#[test]
fn several_servers_are_told_apart() {
    let local = Local::new("");
    local.file("home/.lmstudio/models/maker/small/small-1b.gguf", &seven());
    let second = own_port().to_string();
    let _ = local.serve(&[]).ok();
    let ran = local.world.rt(&["model", "serve", "small", "--port", &second]).ok();
    assert!(ran.err.contains(&format!("--config model.local_servers=local={second} --model local/small-1b")), "{}", ran.err);
    let which = local.world.rt(&["model", "stop"]).code(2);
    assert!(which.err.contains("which one?") && which.err.contains("small-1b"), "{}", which.err);
    let _ = local.world.rt(&["model", "stop", "small-1b"]).ok();
    assert_eq!(local.ps().len(), 1);
    let _ = local.world.rt(&["model", "serve", "small", "--port", &second]).ok();
    assert_eq!(local.world.rt(&["model", "stop", "--all"]).ok().out.lines().count(), 2);
    assert_eq!(local.states(), [""; 0]);
}

#[test]
fn a_project_that_nobody_trusts_names_neither_program_nor_directory() {
    let world = World::with(&[("a.txt", "one\n"), ("x.gguf", "GGUF")]);
    let local = Local { world, port: 9 };
    let program = local.world.top().join("home/evil");
    local.world.program("../home/evil", "touch \"$HOME/pwned\"");
    let config = format!("[model]\nllama_server = \"{}\"\npaths = [\"{}\"]\n", program.display(), local.world.repo().display());
    local.world.write(".retort/config.toml", config);
    local.file("home/.lmstudio/models/maker/coder/coder-7b-Q4_K_M.gguf", &seven());
    let ran = local.world.rt_with(&["model", "serve", "coder"], b"", &[("PATH", "/nowhere")]).code(1);
    assert!(ran.err.contains("no llama-server on the path"), "{}", ran.err);
    assert!(ran.err.contains("model.llama_server") && ran.err.contains("rt trust"), "{}", ran.err);
    let scan = local.world.rt(&["model", "scan", "--json"]).ok().json();
    assert_eq!(scan.iter().map(|row| row["name"].clone()).collect::<Vec<_>>(), ["coder-7b-Q4_K_M"]);
    assert!(!local.world.top().join("home/pwned").exists());
}
