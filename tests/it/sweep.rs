//! kill −9 from outside, before any system call that changes something on disk: whether there is a kill point or not.
//!
//! Invariants
//! - `strace` sends the signal as the program enters the call, so each state between two changes is tried, and only those.
//! - `RT_SWEEP` says that only every n-th of them is tried, the others in other runs of the loop; `cargo xtask sweep` tries all.
#![expect(clippy::disallowed_methods, reason = "how much is tried comes from the environment")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::crash::{CASES, exchange, recovered};
use crate::support::killed::{ASK, Snapshot, each, scene, sound};
use crate::support::world::World;

/// Calls that change what is on disk, as this system has them; opening a file counts where it may make one.
const CALLS: &str = "?open,openat,?creat,write,?rename,?renameat,renameat2,?link,linkat,?symlink,symlinkat,?unlink,unlinkat,?rmdir,\
                     ?mkdir,mkdirat,ftruncate,?chmod,fchmod,fchmodat";

/// A call of a run, and how many of that name it is.
type Site = (String, usize);

/// The calls of one run of the program at which something changes.
fn sites(world: &World, args: &[&str]) -> Vec<Site> {
    let trace = world.top().join("trace");
    let shown = trace.display().to_string();
    let ran = world.traced(&["-o", &shown, "-e", &format!("trace={CALLS}")], args).ok();
    let text = std::fs::read_to_string(&trace).expect("traced");
    let (mut counts, mut sites) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for line in text.lines() {
        let Some((name, rest)) = line.split_once('(') else { continue };
        let nth = counts.entry(name).or_default();
        *nth += 1;
        let changes = match name {
            "open" | "openat" => rest.contains("O_CREAT"),
            "write" => !rest.starts_with("1,") && !rest.starts_with("2,"),
            _ => true,
        };
        if changes {
            sites.push((name.to_owned(), *nth));
        }
    }
    assert!(sites.len() > 30, "{args:?}: {}\n{text}", ran.err);
    sites
}

/// Which of these sites are tried now.
fn some(sites: Vec<Site>, first: usize) -> Vec<Site> {
    let every = std::env::var("RT_SWEEP").ok().and_then(|n| n.parse().ok()).unwrap_or(29);
    sites.into_iter().skip(first % every).step_by(every).collect()
}

/// Kills a run at a call. What differs from run to run, as the number of files that are opened to be read, may let one go on.
fn kill(world: &World, (name, nth): &Site, args: &[&str]) -> bool {
    let inject = format!("inject={name}:signal=KILL:when={nth}");
    let ran = world.traced(&["-o", "/dev/null", "-e", &format!("trace={name}"), "-e", &inject], args);
    ran.code.is_none()
}

#[test]
fn a_kill_before_any_change_on_disk_loses_nothing() {
    let (world, _server) = scene();
    if !world.can_trace() {
        return;
    }
    let (all, kills) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (_, before, after) = exchange();
    each(&some(sites(&world, &ASK), 0), |site| {
        let at = format!("ask at {site:?}");
        let (world, _server) = scene();
        all.fetch_add(1, Ordering::SeqCst);
        kills.fetch_add(kill(&world, site, &ASK).into(), Ordering::SeqCst);
        sound(&world, &before, &after, &at);
        recovered(&world, &before, &after, &at);
    });
    for (number, case) in CASES.iter().enumerate() {
        let (prepared, _server) = scene();
        (case.prepare)(&prepared);
        let reference = prepared.copy();
        let before = Snapshot::of(&reference);
        let sites = sites(&reference, case.args);
        let after = Snapshot::of(&reference);
        each(&some(sites, number * 7), |site| {
            let world = prepared.copy();
            all.fetch_add(1, Ordering::SeqCst);
            kills.fetch_add(kill(&world, site, case.args).into(), Ordering::SeqCst);
            case.holds(&world, &before, &after, &format!("{} at {site:?}", case.name));
        });
    }
    let (all, kills) = (all.into_inner(), kills.into_inner());
    println!("tried: {all}, killed: {kills}");
    assert!(kills * 10 >= all * 9, "only {kills} of {all} runs were killed");
}
