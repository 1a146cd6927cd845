//! What a turn does to the user's repository: its own change, and nothing else.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{World, edit, signed};

const MESSAGE: [&str; 11] =
    ["-m", "Please", "implement", "the", "xyz", "function", "stub", "in", "asdf.rs", "--config", "session.continue=1h"];
const STUB: &str = "fn before() {}\n\nfn xyz() -> u32 {\n    todo!()\n}\n\nfn middle() {}\n\nfn after() {}\n";

fn answer() -> String {
    edit("asdf.rs", "    todo!()\n", "    42\n") + "\n=== COMMIT: Implement xyz ===\n"
}

/// Everything of the repository that belongs to the user.
#[derive(Debug, PartialEq, Eq)]
struct Theirs {
    status: BTreeMap<String, String>,
    entries: BTreeMap<String, String>,
    unstaged: Vec<String>,
    staged: Vec<String>,
    refs: BTreeMap<String, String>,
    stash: String,
}

impl Theirs {
    fn of(world: &World, ours: &str) -> Self {
        let other = |text: String, split: char| {
            let lines = text.lines().filter_map(|l| l.rsplit_once(split)).filter(|(_, path)| *path != ours);
            lines.map(|(what, path)| (path.to_owned(), what.to_owned())).collect::<BTreeMap<_, _>>()
        };
        Self {
            status: other(world.git(&["status", "--porcelain=v2", "--untracked-files=all", "--ignored"]), ' '),
            entries: other(world.git(&["ls-files", "-s"]), '\t'),
            unstaged: signed(&world.git(&["diff"])),
            staged: signed(&world.git(&["diff", "--cached"])),
            refs: world.foreign_refs().lines().filter_map(|l| l.split_once(' ')).map(|(n, o)| (n.into(), o.into())).collect(),
            stash: world.git(&["stash", "list", "-p"]),
        }
    }
}

/// 5,300 files in one commit, then work of every kind on top.
fn busy_repository() -> World {
    let world = World::new();
    let mut stream = String::from("commit refs/heads/main\ncommitter Ada <ada@example.com> 1767225600 +0000\ndata 5\nfirst\n");
    let mut add = |path: &str, text: &str| stream.push_str(&format!("M 100644 inline {path}\ndata {}\n{text}\n", text.len()));
    add("asdf.rs", STUB);
    add(".gitignore", "*.log\n");
    for directory in 0..53 {
        for file in 0..100 {
            let lines: Vec<String> = (0..12).map(|n| format!("pub const N{n}: u32 = {};\n", directory * file + n)).collect();
            add(&format!("src/m{directory:02}/f{file:02}.rs"), &lines.concat());
        }
    }
    let ran = world.try_git(&["fast-import", "--quiet"], stream.as_bytes());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    world.git(&["reset", "-q", "--hard"]);
    let remote = world.top().join("remote.git").display().to_string();
    world.git(&["init", "-q", "--bare", &remote]);
    world.git(&["remote", "add", "origin", &remote]);
    world.git(&["push", "-q", "-u", "origin", "main"]);
    world.git(&["branch", "other"]);
    world.git(&["tag", "v1"]);
    world.write("src/m00/f00.rs", "// put aside\n");
    world.git(&["stash", "push", "-q"]);
    world.write("src/m03/f07.rs", "// staged\n");
    world.write("staged-new.txt", "new and staged\n");
    world.write("src/m06/f03.rs", "// staged part\n");
    world.git(&["add", "src/m03/f07.rs", "staged-new.txt", "src/m06/f03.rs"]);
    world.git(&["rm", "-q", "src/m04/f01.rs"]);
    world.git(&["mv", "src/m07/f01.rs", "src/m07/moved.rs"]);
    world.write("src/m06/f03.rs", "// staged part\n// and more, not staged\n");
    world.write("src/m05/f02.rs", "// dirty\n");
    std::fs::remove_file(world.repo().join("src/m08/f08.rs")).expect("removed");
    world.write("notes/todo.txt", "untracked\n");
    world.write("build.log", "ignored\n");
    world.git(&["add", "-N", "notes/todo.txt"]);
    world
}

#[test]
fn a_busy_repository_of_thousands_of_files_gets_our_change_and_nothing_else() {
    let text = answer();
    let pieces = 8;
    let (reply, gate) = Reply::gemini(&text, pieces).gated(pieces - 1);
    let model = FakeModel::script(vec![reply]);
    let world = busy_repository().gemini(&model.url());
    assert!(world.git(&["ls-files"]).lines().count() > 5_000);
    let before = Theirs::of(&world, "asdf.rs");
    let base = world.git(&["rev-parse", "HEAD"]);

    let mut child = world.start(&MESSAGE);
    let mut stdout = child.stdout.take().expect("a pipe");
    let (seen, first) = channel();
    let reader = std::thread::spawn(move || {
        let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(n @ 1..) = stdout.read(&mut buffer) {
            all.extend_from_slice(&buffer[..n]);
            let _ = seen.send(all.len());
        }
        all
    });
    let shown = first.recv_timeout(Duration::from_mins(1)).expect("text is shown while the last chunks are held back");
    assert!(shown < text.len(), "{shown}");
    gate.send(()).expect("the server waits");
    let ended = child.wait_with_output().expect("it ends");
    let shown = String::from_utf8(reader.join().expect("read")).expect("UTF-8");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(shown.trim_end(), text.trim_end(), "stdout is the answer and nothing else");

    let after = Theirs::of(&world, "asdf.rs");
    let moved: Vec<&String> = after.refs.keys().filter(|name| before.refs.get(*name) != after.refs.get(*name)).collect();
    assert_eq!(moved, ["refs/heads/main"]);
    assert_eq!(after.refs.len(), before.refs.len());
    let after = Theirs { refs: before.refs.clone(), ..after };
    assert_eq!(after.refs, before.refs);
    assert_eq!(after, before);
    assert!(!world.git(&["status", "--porcelain=v2"]).contains("asdf.rs"), "our file is clean");
    assert_eq!(world.git(&["diff", "--name-only", base.trim(), "HEAD"]), "asdf.rs\n");
    assert_eq!(world.git(&["rev-parse", "HEAD~1"]), base);
    assert_eq!(world.read("asdf.rs"), STUB.replace("todo!()", "42"));
    assert_eq!(world.git(&["log", "-1", "--format=%an <%ae> %s"]), "Ada <ada@example.com> Implement xyz\n");
    let fsck = world.try_git(&["fsck", "--strict"], b"");
    assert_eq!((fsck.code, fsck.err.replace("notice: HEAD", "")), (Some(0), String::new()), "{}", fsck.out);

    world.git(&["push", "-q"]);
    let remote = world.git(&["ls-remote", "origin"]);
    assert!(remote.contains("refs/heads/main") && !remote.contains("retort"), "{remote}");
    world.git(&["commit", "-q", "-m", "mine"]);
    assert_eq!(world.git(&["show", "HEAD:asdf.rs"]), STUB.replace("todo!()", "42"));
    let mine = world.git(&["diff", "--name-status", "--no-renames", "HEAD~1", "HEAD"]);
    assert_eq!(
        mine,
        "M\tsrc/m03/f07.rs\nD\tsrc/m04/f01.rs\nM\tsrc/m06/f03.rs\nD\tsrc/m07/f01.rs\nA\tsrc/m07/moved.rs\nA\tstaged-new.txt\n"
    );
    world.git(&["stash", "drop", "-q"]);
    let body = &model.requests()[0].text();
    assert!(body.contains("File for editing") && body.contains("fn xyz()"), "the named file went along");
}

/// The user's own lines of the file that is edited: at its start staged, at its end not.
fn with_own_lines(staged: bool, dirty: bool) -> (World, FakeModel) {
    let model = FakeModel::saying(&[answer()]);
    let world = World::with(&[("asdf.rs", STUB), ("other.txt", "one\n")]).gemini(&model.url());
    let mut text = STUB.to_owned();
    if staged {
        text = text.replace("fn before() {}", "fn before() { staged() }");
        world.write("asdf.rs", &text);
        world.git(&["add", "asdf.rs"]);
    }
    if dirty {
        text = text.replace("fn after() {}", "fn after() { dirty() }");
        world.write("asdf.rs", &text);
    }
    (world, model)
}

#[test]
fn the_users_lines_in_the_edited_file_stay_uncommitted_and_staged_as_they_were() {
    for (staged, dirty) in [(false, true), (true, false), (true, true)] {
        let (world, _model) = with_own_lines(staged, dirty);
        let before = (signed(&world.git(&["diff"])), signed(&world.git(&["diff", "--cached"])));
        let was = world.read("asdf.rs");
        let ran = world.rt(&MESSAGE).ok();
        assert!(ran.err.contains("without your changes in 1 file"), "{}", ran.err);
        assert_eq!(world.git(&["show", "HEAD:asdf.rs"]), STUB.replace("todo!()", "42"), "{staged} {dirty}");
        assert_eq!(world.read("asdf.rs"), was.replace("todo!()", "42"));
        assert_eq!((signed(&world.git(&["diff"])), signed(&world.git(&["diff", "--cached"]))), before, "{staged} {dirty}");
        // What is staged can be committed as it is, and takes nothing of ours back.
        if staged {
            world.git(&["commit", "-q", "-m", "mine"]);
            let mine = signed(&world.git(&["diff", "HEAD~1", "HEAD"]));
            assert_eq!(mine, ["-fn before() {}", "+fn before() { staged() }"]);
        }
    }
}

#[test]
fn where_the_users_lines_overlap_the_edit_stays_on_disk() {
    let (world, _model) = with_own_lines(false, false);
    world.write("asdf.rs", STUB.replace("    todo!()", "    // soon\n    todo!()"));
    let head = world.git(&["rev-parse", "HEAD"]);
    let ran = world.rt(&MESSAGE).code(5);
    assert!(ran.err.contains("your uncommitted lines overlap"), "{}", ran.err);
    assert_eq!(world.git(&["rev-parse", "HEAD"]), head);
    assert!(world.read("asdf.rs").contains("    // soon\n    42\n"));
    // Once the user has committed, nothing of the turn is lost and nothing is left to do but undo.
    assert_eq!(world.rt(&["log", "--json"]).ok().json()[0]["outcome"], "uncommitted");
    world.rt(&["undo"]).ok();
    assert!(world.read("asdf.rs").contains("    // soon\n    todo!()\n"));
}

#[test]
fn what_the_answer_creates_is_committed_and_what_was_untracked_is_not() {
    let create = "notes.txt\n```\n<<<<<<< SEARCH\n=======\nmade here\n>>>>>>> REPLACE\n```\n";
    let model = FakeModel::saying(&[create.to_owned(), edit("draft.txt", "mine\n", "ours\n")]);
    let world = World::with(&[("a.txt", "a\n")]).gemini(&model.url());
    world.write("draft.txt", "mine\n");
    world.rt(&["-m", "make notes"]).ok();
    assert_eq!(world.git(&["show", "--format=", "--name-status", "HEAD"]), "A\tnotes.txt\n");
    let head = world.git(&["rev-parse", "HEAD"]);
    let ran = world.rt(&["-m", "edit the draft", "--file", "draft.txt"]).code(5);
    assert!(ran.err.contains("not tracked"), "{}", ran.err);
    assert_eq!((world.read("draft.txt").as_str(), world.git(&["rev-parse", "HEAD"])), ("ours\n", head));
    assert_eq!(world.git(&["status", "--porcelain"]), "?? draft.txt\n");
}
