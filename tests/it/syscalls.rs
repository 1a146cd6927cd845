//! One turn as the kernel sees it: what must be durable is synced before the next step, and nothing is written elsewhere.
//!
//! Invariants
//! - The order is read from `strace`; where it is missing or may not trace, the test says so and ends.

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{World, edit};

/// A call that went well, and the paths in it.
#[derive(Debug)]
struct Call {
    name: String,
    paths: Vec<String>,
    line: String,
}

impl Call {
    fn read(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once(' ')?;
        let (name, args) = rest.trim_start().split_once('(')?;
        if line.contains(" = -1 ") && !line.contains("EINPROGRESS") {
            return None;
        }
        // The working directory is named at every `…at` call; it says nothing.
        let args = args.rsplit_once(" = ").map_or(args, |(args, _)| args);
        let args: String = args.split("AT_FDCWD<").map(|part| part.split_once('>').map_or(part, |(_, rest)| rest)).collect();
        let args = if rest.contains("AT_FDCWD<") { args } else { rest.split_once('(')?.1.to_owned() };
        let mut paths: Vec<String> = args.split('"').skip(1).step_by(2).map(str::to_owned).collect();
        if matches!(name, "fsync" | "fdatasync") {
            paths = args
                .split_once('<')
                .and_then(|(_, rest)| rest.split_once('>'))
                .map(|(path, _)| path.to_owned())
                .into_iter()
                .collect();
        }
        Some(Self { name: name.to_owned(), paths, line: line.to_owned() })
    }

    fn syncs(&self, path: &str) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync") && self.paths[0] == path
    }

    /// The names that a rename or link goes from and to.
    fn moves(&self) -> Option<(&str, &str)> {
        let moving = matches!(self.name.as_str(), "rename" | "renameat" | "renameat2" | "link" | "linkat");
        moving.then(|| (self.paths[0].as_str(), self.paths[1].as_str()))
    }

    fn writes(&self) -> bool {
        match self.name.as_str() {
            "openat" | "open" => self.line.contains("O_WRONLY") || self.line.contains("O_RDWR") || self.line.contains("O_CREAT"),
            "fsync" | "fdatasync" | "connect" => false,
            _ => true,
        }
    }
}

#[test]
fn what_must_be_durable_is_synced_before_the_next_step() {
    let answer = edit("sub/a.txt", "two\n", "2\n") + &edit("new/b.txt", "", "made\n");
    let server = FakeModel::script(vec![Reply::gemini(&answer, 3)]);
    let world = World::with(&[("sub/a.txt", "one\ntwo\n")]).gemini(&server.url());
    let trace = world.top().join("trace");
    let shown = trace.display().to_string();
    let calls = "trace=openat,open,creat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,\
                 truncate,ftruncate,fsync,fdatasync,connect";
    let rt = env!("CARGO_BIN_EXE_rt");
    if !world.can_trace() {
        return;
    }
    let ran = world.run("strace", &["-f", "-y", "-s", "4096", "-e", calls, "-o", &shown, rt, "-m", "change sub/a.txt"]).ok();
    assert_eq!(world.read("sub/a.txt"), "one\n2\n", "{}", ran.err);
    let text = std::fs::read_to_string(&trace).expect("traced");
    let calls: Vec<Call> = text.lines().filter_map(Call::read).collect();
    let repo = world.repo().canonicalize().expect("there").display().to_string();
    let git = format!("{repo}/.git");
    let first =
        |what: &str, is: &dyn Fn(&Call) -> bool| calls.iter().position(is).unwrap_or_else(|| panic!("no {what} in\n{text}"));
    let last =
        |what: &str, is: &dyn Fn(&Call) -> bool| calls.iter().rposition(is).unwrap_or_else(|| panic!("no {what} in\n{text}"));

    // Nothing outside of the root, the git directory and the user's own directory is written.
    let home = world.top().join("home/.retort").display().to_string();
    for call in calls.iter().filter(|c| c.writes()) {
        for path in &call.paths {
            let known = path.starts_with(&format!("{repo}/")) || path.starts_with(&home) || path == "/dev/null";
            assert!(known || *path == repo, "written elsewhere: {}", call.line);
        }
    }

    // The message is durable before anything is sent.
    let sent = first("connection", &|c| c.name == "connect" && c.line.contains("127.0.0.1"));
    let opened = first("rename of the unfinished turn", &|c| c.moves().is_some_and(|(from, _)| from.contains("/wal/.new-")));
    let directory = calls[opened].moves().expect("a rename").1.to_owned();
    let fresh = calls[opened].moves().expect("a rename").0.to_owned();
    let order = [
        first("sync of the message", &|c| c.syncs(&format!("{fresh}/open"))),
        first("sync of its directory", &|c| c.syncs(&fresh)),
        opened,
        first("sync of the directory above", &|c| c.syncs(&format!("{git}/retort/wal"))),
        sent,
        // The answer, then the plan with the bytes before and after, before a file changes.
        first("sync of the answer", &|c| c.syncs(&format!("{directory}/raw"))),
        last("rename of the plan", &|c| c.moves().is_some_and(|(_, to)| to == format!("{directory}/open"))),
        last("sync of the plan's directory", &|c| c.syncs(&directory)),
        first("rename of a file", &|c| c.moves().is_some_and(|(_, to)| !to.starts_with(&git) && to.starts_with(&repo))),
    ];
    assert!(order.is_sorted(), "{order:?}\n{text}");
    let plan = order[6];
    let temporary = calls[plan].moves().expect("a rename").0.to_owned();
    assert!(calls[..plan].iter().any(|c| c.syncs(&temporary)), "the plan is synced before it has its name");

    // Each file and each ref is synced under its temporary name or its own, and so is its directory after the rename.
    let mut renamed = 0;
    for (at, call) in calls.iter().enumerate() {
        let Some((from, to)) = call.moves().filter(|(_, to)| !to.contains("/.git/objects/") && !to.contains(".lock")) else {
            continue;
        };
        if to.contains("/retort/wal/") && from.contains("/.new-") {
            continue;
        }
        renamed += 1;
        let above = to.rsplit_once('/').expect("a directory").0;
        // A lock is another name of a file that was written and synced before.
        let link =
            |c: &Call| c.moves().filter(|(_, name)| c.name.starts_with("link") && *name == from).map(|(own, _)| own.to_owned());
        let own = calls[..at].iter().rev().find_map(link);
        let before = calls[..at].iter().any(|c| c.syncs(from) || own.as_ref().is_some_and(|own| c.syncs(own)));
        let after = calls[at..].iter().any(|c| c.syncs(to));
        assert!(before || after, "{to} has its name and is never synced\n{text}");
        assert!(calls[at..].iter().any(|c| c.syncs(above)), "{above} is not synced after {to}\n{text}");
    }
    assert!(renamed >= 7, "two files, the plan, branch, index, refs and cursor: {renamed}\n{text}");

    // Objects are synced before the ref that needs them moves, and the unfinished turn goes last.
    for (name, at) in calls
        .iter()
        .enumerate()
        .filter_map(|(at, c)| Some((c.moves()?.1, at)))
        .filter(|(to, _)| to.starts_with(&format!("{git}/refs/")) && !to.contains(".lock"))
    {
        for call in calls[..at].iter().filter_map(Call::moves).filter(|(_, to)| to.contains("/.git/objects/")) {
            assert!(calls[..at].iter().any(|c| c.syncs(call.1)), "{name} moves before {} is synced\n{text}", call.1);
        }
    }
    let closed =
        first("end of the unfinished turn", &|c| c.name.starts_with("unlink") && c.paths[0] == format!("{directory}/open"));
    let session = last("move of the session", &|c| c.moves().is_some_and(|(_, to)| to.contains("/refs/retort/")));
    let above = calls[session].moves().expect("a rename").1.rsplit_once('/').expect("a directory").0.to_owned();
    let synced = last("sync of the session's directory", &|c| c.syncs(&above));
    assert!(session < synced && synced < closed, "{session} {synced} {closed}\n{text}");
}
