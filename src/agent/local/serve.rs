//! Starting a server for a model, and waiting until it can be asked.
//!
//! Invariants
//! - Until the server is ready it ends with us: by an error, an interrupt or a panic. Only a kill leaves it behind, and then
//!   its file says so.
//! - A port that somebody listens on is left alone, whoever it is.

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::net::Client;
use crate::process::Spec;
use crate::process::background::{self, Background, Log};
use crate::process::fault::Faults;

use super::Error;
use super::ask::{self, Health};
use super::launch::Launch;
use super::state::{AGAIN, Condition, Server, Servers, resident};

/// How long somebody else who is looking at the log may keep us out of it.
const LOOKS: u32 = 20;

/// How long a server may take to end by itself when its loading is interrupted.
const GRACE: Duration = Duration::from_secs(5);

/// How much of what a server printed is shown when it ended.
const TAIL: u64 = 4096;
const TAIL_LINES: usize = 12;

/// What to start, and with what.
pub struct Order<'a> {
    pub servers: &'a Servers,
    pub launch: &'a Launch,
    pub program: &'a Path,
    pub variables: Vec<(&'a str, &'a str)>,
    pub now: Timestamp,
    pub faults: &'a Faults,
}

/// Who is on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Free,
    /// A server that has the model; ours or another's.
    Same,
    /// Somebody else; the names of the models, where it has some.
    Other(Vec<String>),
}

/// Who is on the port that a server is to have.
pub async fn standing(client: &Client, launch: &Launch) -> Standing {
    if TcpListener::bind(("127.0.0.1", launch.port)).is_ok() {
        return Standing::Free;
    }
    let address = format!("http://127.0.0.1:{}/v1", launch.port);
    let (loaded, models) = tokio::join!(ask::loaded(client, launch.port), ask::models(client, &address));
    let names: Vec<String> = models.unwrap_or_default().into_iter().map(|model| model.name).collect();
    let same = loaded.is_some_and(|path| same_file(&path, &launch.model)) || names.contains(&launch.name);
    if same { Standing::Same } else { Standing::Other(names) }
}

/// Whether two paths lead to one file.
pub fn same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// A server of ours that has the model: the one on this port, or on any if none is named.
pub fn ours(servers: &Servers, launch: &Launch, port: Option<u16>) -> Option<Server> {
    let (all, _) = servers.all();
    let fits = |server: &Server| port.is_none_or(|port| port == server.port) && same_file(&server.model, &launch.model);
    all.into_iter().find(|server| fits(server) && servers.condition(server) != Condition::Gone)
}

/// Stops the server, unless it may stay.
struct Starting<'a> {
    child: Background,
    server: Server,
    servers: &'a Servers,
    stays: bool,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        if !self.stays {
            let _ = background::end(self.child.id(), background::End::Kill);
            let _ = self.servers.remove(self.server.port);
        }
    }
}

/// Starts a server and waits until it can be asked. `watch` is told many times a second how many bytes it has in memory.
pub async fn start(
    order: &Order<'_>,
    client: &Client,
    watch: &mut dyn FnMut(Option<u64>),
    interrupt: impl Future<Output = ()>,
) -> Result<Server, Error> {
    let mut starting = spawn(order).await?;
    tokio::select! {
        biased;
        ready = wait(&mut starting, client, watch) => ready?,
        () = interrupt => {
            // Asked first, so that what it was doing with a graphics card ends in order.
            let stopped = order.servers.stop(&starting.server, GRACE).await;
            // If it does not end, its file must stay.
            starting.stays = true;
            return Err(stopped.err().unwrap_or(Error::Interrupted));
        }
    }
    starting.stays = true;
    Ok(starting.server.clone())
}

async fn spawn<'a>(order: &Order<'a>) -> Result<Starting<'a>, Error> {
    let Order { servers, launch, program, now, faults, .. } = *order;
    let path = servers.log(launch.port);
    let failed = |why: io::Error| Error::file(&path, &why);
    servers.make().map_err(failed)?;
    let log = open(&path).await.map_err(failed)?.ok_or(Error::Busy { port: launch.port })?;
    let mut server = Server::new(launch.port, launch.name.clone(), launch.model.clone(), launch.context, now);
    servers.write(&server).map_err(failed)?;
    let mut spec = Spec::new(program).args(launch.arguments()).without_any_env();
    for (name, value) in &order.variables {
        spec = spec.env(*name, *value);
    }
    let child = match spec.start_background(log) {
        Ok(child) => child,
        Err(why) => {
            let _ = servers.remove(launch.port);
            return Err(Error::CannotStart { program: program.to_owned(), why: why.to_string() });
        }
    };
    faults.point("server");
    server.started(child.id());
    let starting = Starting { child, server, servers, stays: false };
    servers.write(&starting.server).map_err(failed)?;
    Ok(starting)
}

async fn open(path: &Path) -> io::Result<Option<Log>> {
    for _ in 0..LOOKS {
        if let Some(log) = Log::begin(path)? {
            return Ok(Some(log));
        }
        tokio::time::sleep(AGAIN).await;
    }
    Ok(None)
}

async fn wait(starting: &mut Starting<'_>, client: &Client, watch: &mut dyn FnMut(Option<u64>)) -> Result<(), Error> {
    let log = starting.servers.log(starting.server.port);
    loop {
        let health = ask::health(client, starting.server.port).await;
        // Looked at after the answer: one that has ended was not who answered.
        if let Some(how) = starting.child.ended().map_err(|why| Error::file(&log, &why))? {
            let text = background::tail(&log, TAIL).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
            return Err(Error::Ended { how, tail, log });
        }
        if health == Health::Ready {
            return Ok(());
        }
        watch(resident(starting.child.id()));
        tokio::time::sleep(AGAIN).await;
    }
}
