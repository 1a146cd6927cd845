//! A world in which the program is killed, and what must hold afterwards.
//!
//! Invariants
//! - What is looked at right after the kill is looked at before any other run of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::fake_model::{FakeModel, Reply, gemini_chunks, split};
use super::world::{Ran, World, received_at};

/// Files, `git status` and HEAD's tree at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    status: String,
    tree: String,
}

impl Snapshot {
    /// Whether HEAD has the same tree.
    pub(crate) fn tree_is(&self, other: &Self) -> bool {
        self.tree == other.tree
    }

    pub(crate) fn of(world: &World) -> Self {
        let mut files = BTreeMap::new();
        walk(&world.repo(), &world.repo(), &mut files);
        files.retain(|name, _| !name.starts_with(".git/"));
        Self { files, status: world.git(&["status", "--porcelain=v2"]), tree: world.git(&["rev-parse", "HEAD^{tree}"]) }
    }
}

fn walk(root: &Path, directory: &Path, out: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for path in entries.map(|e| e.expect("an entry").path()) {
        if path.is_dir() {
            walk(root, &path, out);
        } else {
            let name = path.strip_prefix(root).expect("inside").display().to_string();
            out.insert(name, std::fs::read(&path).unwrap_or_default());
        }
    }
}

pub(crate) const MESSAGE: &str = "Change a.txt and sub/b.txt, drop old.txt, add new/c.txt";

fn block(path: &str, search: &str, replace: &str) -> String {
    format!("{path}\n```\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n```\n\n")
}

/// The two answers: in the first one, one edit does not fit.
pub(crate) fn answers() -> [String; 2] {
    let fit = block("a.txt", "two\n", "TWO\n") + &block("new/c.txt", "", "made\n") + "=== DELETE: old.txt ===\n\n";
    let first = format!("I change it.\n\n{fit}{}", block("sub/b.txt", "not there\n", "x\n"));
    [first, format!("Again.\n\n{}", block("sub/b.txt", "b2\n", "B2\n"))]
}

/// An exchange with two commits: what was staged kept one file out of the first.
pub(crate) fn two_commits(world: &World) {
    world.write("old.txt", "staged\n");
    world.git(&["add", "old.txt"]);
    world.write("old.txt", "old\n");
    let answer = block("old.txt", "old\n", "OLD\n") + &block("sub/b.txt", "b2\n", "B2\n");
    let _ = world.rt_with(&["apply", "--no-commit"], answer.as_bytes(), &[]).ok();
    let first = world.rt(&["log", "--json", "-n", "1"]).ok().json()[0]["turn"].as_str().expect("a key").to_owned();
    let _ = world.rt(&["retry"]).ok();
    world.git(&["reset", "-q", "old.txt"]);
    let _ = world.rt(&["retry", &first]).ok();
    let exchange = |turn: &serde_json::Value| turn["exchange"] == first.as_str() && turn["commit"].is_string();
    assert_eq!(world.rt(&["log", "--json"]).ok().json().iter().filter(|turn| exchange(turn)).count(), 2);
}

const PIECES: usize = 3;

/// The body of the answer to request `at` (0 is the first).
pub(crate) fn sent(at: usize) -> Vec<u8> {
    gemini_chunks(&split(&answers()[at], PIECES)).concat()
}

/// A repository with staged, dirty and untracked work of a user, and a model that gives [`answers`].
pub(crate) fn scene() -> (World, FakeModel) {
    let server = FakeModel::script(answers().iter().map(|text| Reply::gemini(text, PIECES)).collect());
    (world(&server), server)
}

/// The same; what is asked in this world is answered piece by piece.
pub(crate) fn slow_scene() -> (World, FakeModel) {
    // Answers arrive piece by piece, so that there are moments in the middle of one.
    let place = Arc::new(OnceLock::new());
    let paced = |text: &String| Reply::gemini(text, PIECES).paced(received_at(&place));
    let server = FakeModel::script(answers().iter().map(paced).collect());
    let world = world(&server);
    place.set(world.repo()).expect("once");
    (world, server)
}

pub(crate) fn world(server: &FakeModel) -> World {
    static ONE: OnceLock<World> = OnceLock::new();
    ONE.get_or_init(fresh).copy().gemini(&server.url())
}

fn fresh() -> World {
    let lines = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";
    let world = World::with(&[
        ("a.txt", lines),
        ("sub/b.txt", "b1\nb2\nb3\n"),
        ("old.txt", "old\n"),
        ("staged.txt", "s\n"),
        ("other.txt", "o\n"),
    ]);
    world.write("a.txt", format!("{lines}mine\n"));
    world.write("staged.txt", "staged\n");
    world.git(&["add", "staged.txt"]);
    world.write("other.txt", "dirty\n");
    world.write("untracked.txt", "mine\n");
    world
}

/// The exchange that is killed.
pub(crate) const ASK: [&str; 3] = ["-n", "-m", MESSAGE];

/// The points that a run hits, in order, each once.
pub(crate) fn points(world: &World, args: &[&str]) -> (Vec<String>, Ran) {
    let file = world.top().join("trace");
    let ran = world.rt_with(args, b"", &[("RT__DEBUG__FAULT", &format!("trace={}", file.display()))]);
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    (text.lines().map(str::to_owned).collect(), ran)
}

/// Runs until the point and dies there. Streams arrive in pieces of their own, so a later piece may not come.
pub(crate) fn kill(world: &World, args: &[&str], point: &str) -> Ran {
    let ran = world.rt_with(args, b"", &[("RT__DEBUG__FAULT", point)]);
    let streamed = point.starts_with("raw") && !matches!(point.rsplit(':').next(), Some("1" | "2"));
    assert!(ran.code.is_none() || streamed, "{point}: it was not killed: {:?}\n{}", ran.code, ran.err);
    ran
}

/// What the unfinished directories hold: how many are open, and the bytes that arrived in each turn.
pub(crate) struct Left {
    pub(crate) open: usize,
    pub(crate) raw: Vec<Vec<u8>>,
}

pub(crate) fn left(world: &World) -> Left {
    let mut left = Left { open: 0, raw: Vec::new() };
    for entry in std::fs::read_dir(world.repo().join(".git/retort/wal")).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with('.') && entry.path().join("open").exists() {
            left.open += 1;
            left.raw.extend(std::fs::read(entry.path().join("raw")));
        }
    }
    left
}

/// What holds right after a kill: every file wholly before or after, nothing of the user lost, the repository sound.
pub(crate) fn sound(world: &World, before: &Snapshot, after: &Snapshot, at: &str) {
    fsck(world, at);
    let mut files = BTreeMap::new();
    walk(&world.repo(), &world.repo(), &mut files);
    files.retain(|name, _| !name.starts_with(".git/") && !is_temp(name));
    let names: BTreeSet<&String> = files.keys().chain(before.files.keys()).chain(after.files.keys()).collect();
    for name in names {
        let (now, old, new) = (files.get(name), before.files.get(name), after.files.get(name));
        assert!(now == old || now == new, "{at}: {name} is neither before nor after: {now:?}");
    }
}

/// Both git and the program itself find nothing damaged.
pub(crate) fn fsck(world: &World, at: &str) {
    let ran = world.run("git", &["fsck", "--strict", "--no-dangling", "--no-progress"]);
    assert!(ran.code == Some(0) && ran.out.is_empty() && ran.err.is_empty(), "{at}: fsck\n{}{}", ran.out, ran.err);
    let ran = world.run(env!("CARGO_BIN_EXE_rt"), &["fsck"]);
    assert!(ran.code == Some(0), "{at}: rt fsck\n{}{}", ran.out, ran.err);
}

fn is_temp(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.starts_with('.') && Path::new(file).extension().is_some_and(|e| e == "tmp")
}

/// Nothing of a dead process is left: no temporary file, no lock of ours, no directory of an unfinished turn.
pub(crate) fn tidy(world: &World, at: &str) {
    let mut files = BTreeMap::new();
    walk(&world.repo(), &world.repo(), &mut files);
    let litter = |name: &&String| {
        let lock = Path::new(name).extension().is_some_and(|e| e == "lock") && !name.starts_with(".git/retort/");
        is_temp(name) || lock || name.starts_with(".git/retort/wal/") || name.ends_with("index.new")
    };
    let found: Vec<&String> = files.keys().filter(litter).collect();
    assert!(found.is_empty(), "{at}: left behind: {found:?}");
    let empty = std::fs::read_dir(world.repo().join(".git/retort/wal")).is_ok_and(|mut d| d.next().is_some());
    assert!(!empty, "{at}: a directory of a turn is left");
}

/// The next start, which names what it did in one line per unfinished piece of work; and the one after it, which is silent.
pub(crate) fn start(world: &World, at: &str) -> String {
    let open = left(world).open;
    let ran = world.rt(&["status", "--json"]).ok();
    assert_eq!(ran.err.lines().count(), open, "{at}: one line for each unfinished turn:\n{}", ran.err);
    assert!(ran.err.lines().all(|l| l.starts_with("unfinished ")), "{at}: {}", ran.err);
    tidy(world, at);
    let again = world.rt(&["status", "--json"]).ok();
    assert_eq!((again.err.as_str(), &again.out), ("", &ran.out), "{at}: the second start");
    let _ = world.rt(&["log", "--all", "--json"]).ok();
    fsck(world, at);
    ran.err
}

/// The turn that a line offers to retry; whole, or in part.
pub(crate) fn offered(line: &str, partial: bool) -> Option<&str> {
    let mut words = line.split("rt retry ").nth(1)?.split_whitespace();
    if partial {
        words.find(|word| *word == "--partial").and(words.next())
    } else {
        words.next().filter(|word| *word != "--partial")
    }
}

/// Does a job for each item on a few threads.
pub(crate) fn each<T: Sync>(items: &[T], job: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
                        job(item);
                    }
                })
            })
            .collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}
