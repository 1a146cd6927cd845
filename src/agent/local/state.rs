//! The servers that were started here, one file for each, so that every later run of the program knows them.
//!
//! Invariants
//! - A server's file is there before the server is, and until it is gone.
//! - A process is a server of ours only if its number and its birth are those of the file, or if it writes into the log that
//!   only such a server can write into.
//! - The files are for the user alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::process::background::{self, End};
use crate::vcs::durable;

use super::{Error, memory};

/// The most bytes of a server's file.
const LONGEST: u64 = 1 << 16;

/// How often somebody who waits looks again.
pub(super) const AGAIN: Duration = Duration::from_millis(50);

/// How long a process that is killed may take to be gone.
const DYING: Duration = Duration::from_secs(10);

/// What is kept of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    v: u32,
    pub port: u16,
    /// What it calls its model.
    pub name: String,
    pub model: PathBuf,
    /// How many tokens of context it has.
    pub context: u64,
    began: String,
    /// Absent until it has started.
    pub pid: Option<u32>,
    process: Option<String>,
}

impl Server {
    pub fn new(port: u16, name: String, model: PathBuf, context: u64, began: Timestamp) -> Self {
        Self { v: 1, port, name, model, context, began: began.to_string(), pid: None, process: None }
    }

    /// When it was started.
    pub fn began(&self) -> Option<Timestamp> {
        self.began.parse().ok()
    }

    /// Where requests go.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    pub(super) fn started(&mut self, pid: u32) {
        self.pid = Some(pid);
        self.process = background::named(pid);
    }
}

/// Whether a server is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    Runs(u32),
    /// Its first process is dead or not known, but these write into its log: it, or what it started.
    Left(Vec<u32>),
    Gone,
}

impl Condition {
    /// Whom to tell.
    pub fn processes(&self) -> &[u32] {
        match self {
            Self::Runs(pid) => std::slice::from_ref(pid),
            Self::Left(pids) => pids,
            Self::Gone => &[],
        }
    }
}

/// The directory of the files.
#[derive(Debug, Clone)]
pub struct Servers(PathBuf);

impl Servers {
    /// Below retort's own directory.
    pub fn below(home: &Path) -> Self {
        Self(home.join("run"))
    }

    fn file(&self, port: u16) -> PathBuf {
        self.0.join(format!("llama-{port}.json"))
    }

    /// What a server prints; it stays when the server is gone.
    pub fn log(&self, port: u16) -> PathBuf {
        self.0.join(format!("llama-{port}.log"))
    }

    pub(super) fn make(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    /// All that are known, by port, and what is wrong with files that cannot be read.
    pub fn all(&self) -> (Vec<Server>, Vec<String>) {
        let (mut out, mut notices) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let port = name.strip_prefix("llama-").and_then(|rest| rest.strip_suffix(".json")?.parse::<u16>().ok());
            let Some(port) = port else { continue };
            match read(&entry.path()) {
                Ok(server) if server.port == port && server.v == 1 => out.push(server),
                Ok(_) => notices.push(format!("{}: it is not for this port, or of a later version", entry.path().display())),
                Err(why) => notices.push(format!("{}: {why}", entry.path().display())),
            }
        }
        out.sort_by_key(|server| server.port);
        (out, notices)
    }

    pub(super) fn write(&self, server: &Server) -> io::Result<()> {
        let bytes = serde_json::to_vec(server).map_err(io::Error::from)?;
        let path = self.file(server.port);
        let temp = durable::temp_beside(&path, &std::process::id().to_string());
        let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temp);
        let written = written.and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()));
        written.and_then(|()| fs::rename(&temp, &path)).and_then(|()| durable::sync_directory(&self.0)).inspect_err(|_| {
            let _ = fs::remove_file(&temp);
        })
    }

    /// Forgets a server.
    pub fn remove(&self, port: u16) -> io::Result<()> {
        match fs::remove_file(self.file(port)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
            _ => Ok(()),
        }
    }

    pub fn condition(&self, server: &Server) -> Condition {
        match (server.pid, &server.process) {
            (Some(pid), Some(process)) if background::named(pid).as_ref() == Some(process) => Condition::Runs(pid),
            _ if background::is_held(&self.log(server.port)) => Condition::Left(background::writers(&self.log(server.port))),
            _ => Condition::Gone,
        }
    }

    /// How many bytes a server and what it started have in memory together, where the system says.
    pub fn resident(&self, server: &Server) -> Option<u64> {
        background::writers(&self.log(server.port)).into_iter().map(resident).reduce(|one, other| Some(one? + other?))?
    }

    /// Ends a server and all that it started: it is asked to, and killed after `grace`. Nobody else is touched.
    pub async fn stop(&self, server: &Server, grace: Duration) -> Result<Stopped, Error> {
        let mut result = Stopped::WasGone;
        for (how, wait) in [(End::Ask, grace), (End::Kill, DYING)] {
            let condition = self.condition(server);
            if condition == Condition::Gone {
                break;
            }
            for pid in condition.processes() {
                background::end(*pid, how).map_err(|why| Error::file(&self.file(server.port), &why))?;
            }
            result = if how == End::Ask { Stopped::ByItself } else { Stopped::Killed };
            let _ = tokio::time::timeout(wait, self.gone(server)).await;
        }
        if self.condition(server) != Condition::Gone {
            return Err(Error::StillThere { port: server.port, processes: self.condition(server).processes().to_vec() });
        }
        self.remove(server.port).map_err(|why| Error::file(&self.file(server.port), &why))?;
        Ok(result)
    }

    async fn gone(&self, server: &Server) {
        while self.condition(server) != Condition::Gone {
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    WasGone,
    ByItself,
    Killed,
}

/// How many bytes one process has in memory.
pub(super) fn resident(pid: u32) -> Option<u64> {
    memory::resident(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn read(path: &Path) -> Result<Server, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|why| why.to_string())?;
    file.take(LONGEST).read_to_end(&mut bytes).map_err(|why| why.to_string())?;
    serde_json::from_slice(&bytes).map_err(|why| format!("it is damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Spec;
    use std::os::unix::fs::PermissionsExt as _;

    fn servers() -> (tempfile::TempDir, Servers) {
        let dir = tempfile::tempdir().expect("a directory");
        let servers = Servers::below(dir.path());
        servers.make().expect("made");
        (dir, servers)
    }

    fn server(port: u16) -> Server {
        Server::new(port, "m".into(), "/m.gguf".into(), 10, Timestamp::from_millis(1_700_000_000_000))
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
    }

    /// A process that writes into the log of a port and ends when it is told to.
    fn running(servers: &Servers, port: u16, script: &str) -> background::Background {
        let log = background::Log::begin(&servers.log(port)).expect("it opens").expect("nobody has it");
        let child = Spec::new("sh").args(["-c", script]).directory(&servers.0).start_background(log).expect("it starts");
        // What it starts before that is gone by then.
        let up = || background::tail(&servers.log(port), 10).is_ok_and(|text| text == "up\n");
        assert!((0..10_000_000).any(|_| up()));
        child
    }

    const WAITS: &str = "mkfifo pipe; echo up; read line <> pipe";

    #[test]
    fn what_is_kept_is_read_again_and_is_private() {
        let (_dir, servers) = servers();
        servers.write(&server(2)).expect("written");
        servers.write(&server(1)).expect("written");
        servers.write(&server(1)).expect("written again");
        fs::write(servers.file(3), "{").expect("written");
        fs::write(servers.file(4), serde_json::to_vec(&server(5)).expect("text")).expect("written");
        fs::write(servers.0.join("llama-x.json"), "not ours").expect("written");
        let (all, notices) = servers.all();
        assert_eq!(all, [server(1), server(2)]);
        assert_eq!(notices.len(), 2, "{notices:?}");
        assert_eq!(all[0].began(), Some(Timestamp::from_millis(1_700_000_000_000)));
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&servers.file(1)), mode(&servers.0)), (0o600, 0o700));
        servers.remove(1).expect("removed");
        servers.remove(1).expect("gone already");
        assert_eq!(servers.all().0, [server(2)]);
    }

    #[test]
    fn a_number_that_is_anothers_by_now_is_not_touched() {
        let (_dir, servers) = servers();
        // Our own number with another birth: whoever kills it kills this test.
        let mut other = server(1);
        other.started(std::process::id());
        assert_eq!(servers.condition(&other), Condition::Runs(std::process::id()));
        other.process = other.process.map(|name| name + "0");
        servers.write(&other).expect("written");
        assert_eq!(servers.condition(&other), Condition::Gone);
        assert_eq!(block_on(servers.stop(&other, Duration::ZERO)), Ok(Stopped::WasGone));
        assert_eq!(servers.all().0, []);
    }

    #[test]
    fn a_server_is_asked_and_then_killed() {
        for (script, want) in [(WAITS.to_owned(), Stopped::ByItself), (format!("trap '' TERM; {WAITS}"), Stopped::Killed)] {
            let (_dir, servers) = servers();
            let child = running(&servers, 1, &script);
            let mut known = server(1);
            known.started(child.id());
            servers.write(&known).expect("written");
            let grace = if want == Stopped::Killed { Duration::ZERO } else { Duration::from_mins(1) };
            assert_eq!(block_on(servers.stop(&known, grace)), Ok(want));
            assert_eq!((servers.condition(&known), servers.all().0), (Condition::Gone, vec![]));
        }
    }

    #[test]
    fn one_whose_number_was_never_written_is_found_by_its_log() {
        let (_dir, servers) = servers();
        let child = running(&servers, 1, WAITS);
        servers.write(&server(1)).expect("written");
        let found = servers.condition(&server(1));
        if cfg!(target_os = "linux") {
            assert_eq!(found, Condition::Left(vec![child.id()]));
            assert!(servers.resident(&server(1)).is_some_and(|bytes| bytes > 0));
            assert_eq!(block_on(servers.stop(&server(1), Duration::from_mins(1))), Ok(Stopped::ByItself));
        } else {
            assert_eq!(found, Condition::Left(vec![]));
            background::end(child.id(), End::Kill).expect("sent");
        }
    }
}
