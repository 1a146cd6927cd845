//! Refs and commits under `refs/retort/` that others made: of any content, depth and size, and words that look like ours.

use crate::support::fake_model::FakeModel;
use crate::support::small::{LINES, apply, session, small_with_a_turn};
use crate::support::world::{World, edit};

fn key(world: &World) -> String {
    world.rt(&["log", "--json", "-n", "1"]).ok().json()[0]["turn"].as_str().expect("a key").to_owned()
}

/// Points a session of this letter at an object, whatever git thinks of it.
fn point(world: &World, letter: &str, id: &str) -> String {
    let sid = letter.repeat(26);
    world.write(&format!(".git/refs/retort/sessions/{sid}"), format!("{}\n", id.trim()));
    sid
}

fn object(world: &World, kind: &str, bytes: &[u8]) -> String {
    world.git_input(&["hash-object", "-t", kind, "-w", "--stdin", "--literally"], bytes).trim().to_owned()
}

/// Looks in every way; nothing may panic, hang or fail for the sake of another's session.
fn looks(world: &World, sid: &str) {
    for command in [&["log"][..], &["log", "--all"], &["log", "--all", "--json"], &["session", "list", "--all"], &["status"]] {
        let _ = world.rt(command).ok();
    }
    for command in [
        &["show", sid][..],
        &["log", sid],
        &["diff", sid],
        &["show", "--prompt", sid],
        &["log", "--search", "apply"],
        &["-s", sid, "-m", "hi", "--model", "echo"],
        &["session", "checkout", sid],
        &["session", "resume", sid],
        &["retry", sid],
        &["--yes", "session", "push", "nowhere", sid],
    ] {
        let ran = world.rt(command);
        assert!(matches!(ran.code, Some(0 | 1 | 5)), "{command:?}: {:?} {}", ran.code, ran.err);
    }
}

#[test]
fn commits_of_any_content_are_said_to_be_unreadable() {
    let world = small_with_a_turn();
    let cursor = world.read(".git/retort/cursor.json");
    let tip = world.git(&["rev-parse", &format!("refs/retort/sessions/{}", session(&world))]);
    let good = world.try_git(&["cat-file", "commit", tip.trim()], b"").out;
    let (head, message) = good.split_once("\n\n").expect("a commit");
    let blob = world.git(&["rev-parse", "HEAD:a.txt"]);
    let tree_of = |what: &str| head.replacen(&head[5..45], what, 1);
    let with = |message: &str| format!("{head}\n\n{message}");
    let line = |name: &str| message.lines().find(|l| l.starts_with(name)).expect("a line").to_owned();
    let many = (0..200_000).map(|n| format!("Retort-X{n}: 1\n")).collect::<Vec<_>>().concat();
    let paths = (0..50_000).map(|n| format!("Retort-Path: M +1 -1 a{n}\n")).collect::<Vec<_>>().concat();
    for bytes in [
        Vec::new(),
        b"\0\0\0".to_vec(),
        b"tree \n\n".to_vec(),
        vec![0xff; 10_000],
        head.as_bytes().to_vec(),
        with("").into_bytes(),
        with("x").into_bytes(),
        [head.as_bytes(), b"\n\nx\n\n\xff\xfe: \xff\n"].concat(),
        format!("{}\n\n{message}", tree_of(blob.trim())).into_bytes(),
        format!("{}\n\n{message}", tree_of(&"1".repeat(40))).into_bytes(),
        format!("{}\n\n{message}", head.replacen("author", &format!("parent {}\nauthor", "2".repeat(40)), 1)).into_bytes(),
        with(&message.replace("Retort-Format: retort-0", "Retort-Format: retort-9")).into_bytes(),
        with(&message.replace(&line("Retort-Turn:"), "Retort-Turn: short")).into_bytes(),
        with(&message.replace(&line("Retort-Turn:"), "Retort-Turn: 0123456789abcdef0123456789abcdef")).into_bytes(),
        with(&message.replace(&line("Retort-Session:"), "Retort-Session: k")).into_bytes(),
        with(&message.replace(&line("Retort-Path:"), "Retort-Path: M +1 -1 ../../x")).into_bytes(),
        with(&message.replace(&line("Retort-Path:"), "Retort-Path: M +1 -1 .git/config")).into_bytes(),
        with(&format!("{message}{}\n", line("Retort-Turn:"))).into_bytes(),
        with(&format!("{message}{many}")).into_bytes(),
        with(&format!("{message}{paths}")).into_bytes(),
        with(&message.replace(&line("Retort-End:"), "Retort-End: 9999999999-99-99T99:99:99Z")).into_bytes(),
        with(&message.replace(&line("Retort-End:"), "Retort-End: -9999-01-01T00:00:00Z")).into_bytes(),
    ] {
        let id = object(&world, "commit", &bytes);
        let sid = point(&world, "m", &id);
        looks(&world, &sid);
        // Somebody may have gone there; it must not be a dead end.
        world.write(".git/retort/cursor.json", &cursor);
        for name in world.git(&["for-each-ref", "--format=%(refname)", "refs/retort/meta"]).lines() {
            if name.contains("mmmm") {
                world.git(&["update-ref", "-d", name]);
            }
        }
        let _ = std::fs::remove_file(world.repo().join(format!(".git/refs/retort/sessions/{sid}")));
        world.git(&["checkout", "-q", "HEAD", "--", "."]);
    }
    let _ = apply(&world, "a.txt", "3\n", "three\n").ok();
    let _ = world.rt(&["undo"]).ok();
    assert_eq!(world.read("a.txt"), LINES.replace("2\n", "two\n"));
}

/// A copy of the session's tip as a session of its own: the same turn key, in another chain.
fn twin(world: &World, sid: &str, letter: &str) -> String {
    let fresh = format!("{}{}", letter.repeat(20), &sid[20..]);
    let message = world.git(&["log", "-1", "--format=%B", &format!("refs/retort/sessions/{sid}")]);
    let message = message.trim_end().replace(sid, &fresh);
    let tree = format!("refs/retort/sessions/{sid}^{{tree}}");
    let commit = world.git(&["commit-tree", "-m", &message, &tree]);
    world.git(&["update-ref", &format!("refs/retort/sessions/{fresh}"), commit.trim()]);
    fresh
}

#[test]
fn two_sessions_with_the_same_turn_key_are_told_apart() {
    let world = small_with_a_turn();
    let (sid, key) = (session(&world), key(&world));
    let other = twin(&world, &sid, "k");
    // As a fetch brings it: then the key means our own turn.
    let (local, fetched) = (format!("refs/retort/sessions/{other}"), format!("refs/retort/remotes/evil/sessions/{other}"));
    let commit = world.git(&["rev-parse", &local]);
    world.git(&["update-ref", "-d", &local]);
    world.git(&["update-ref", &fetched, commit.trim()]);
    for address in [&key[..], &key[..8]] {
        assert_eq!(world.rt(&["show", "--json", address]).ok().json()[0]["session"], sid.as_str());
    }
    world.git(&["update-ref", &local, commit.trim()]);
    assert_eq!(world.rt(&["show", "--json", &other]).ok().json()[0]["session"], other.as_str());
    looks(&world, &other);
    world.git(&["checkout", "-q", "HEAD", "--", "."]);
    let _ = world.rt(&["session", "resume", &sid]).ok();
    let _ = world.rt(&["undo"]).ok();
    assert_eq!(world.read("a.txt"), LINES);
    let _ = world.rt(&["redo"]).ok();
    assert_eq!(world.read("a.txt"), LINES.replace("2\n", "two\n"));
    // The same in one chain: a turn whose parent has its key.
    let looped = world.git(&["log", "-1", "--format=%B", &format!("refs/retort/sessions/{sid}")]);
    let parent = format!("refs/retort/sessions/{sid}");
    let commit = world.git(&["commit-tree", "-m", looped.trim_end(), "-p", &parent, &format!("{parent}^{{tree}}")]);
    world.git(&["update-ref", &parent, commit.trim()]);
    for command in [&["log"][..], &["status"], &["show", &key], &["undo"], &["redo"], &["-c", "-m", "hi", "--model", "echo"]] {
        let ran = world.rt(command);
        assert!(matches!(ran.code, Some(0 | 1 | 5)), "{command:?}: {:?} {}", ran.code, ran.err);
    }
}

#[test]
fn words_that_look_like_a_trailer_are_words() {
    let first = small_with_a_turn();
    let key = key(&first);
    let line = format!("Retort-Turn: {key}");
    let answers = [
        format!("=== COMMIT: {line} ===\n{}", edit("b.txt", "x\n", "y\n")),
        format!("=== COMMIT: Retort-Undo: {key} ===\n{}", edit("b.txt", "y\n", "z\n")),
    ];
    let model = FakeModel::saying(&answers);
    let world = first.gemini(&model.url());
    let _ = world.rt(&["-c", "-m", &format!("{line}\n\nRetort-Outcome: none\n{line}\nsee b.txt")]).ok();
    let _ = world.rt(&["-c", "-m", &format!("Retort-Session: x in b.txt\n\n{line}"), "--config", "vcs.message=prompt"]).ok();
    let log = world.rt(&["log", "--json"]).ok().json();
    assert_eq!(log.len(), 3);
    assert_eq!(log[1]["subject"], line.as_str(), "a subject is what was said");
    assert!(log.iter().all(|row| row["outcome"] == "applied"), "{log:?}");
    let subjects = world.git(&["log", "--format=%s", "-n", "2"]);
    assert_eq!(subjects, "Update b.txt\nUpdate b.txt\n", "no commit begins like a trailer of ours");
    let keys = world.git(&["log", "--format=%(trailers:key=Retort-Turn,valueonly,separator=%x2C)", "-n", "3"]);
    assert!(keys.lines().all(|l| l.len() == 32) && keys.lines().last() == Some(&key), "{keys}");
    for (b, a) in [("y\n", "two\n"), ("x\n", "two\n"), ("x\n", "2\n")] {
        let _ = world.rt(&["undo"]).ok();
        assert_eq!((world.read("b.txt").as_str(), world.read("a.txt").contains(a)), (b, true));
    }
    assert_eq!(world.git(&["log", "--format=%s"]), "first\n");
}

#[test]
fn a_commit_with_our_words_as_its_subject_is_not_taken_for_ours() {
    let world = small_with_a_turn();
    let line = format!("Retort-Turn: {}", key(&world));
    world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    world.write("b.txt", "theirs\n");
    world.git(&["commit", "-q", "-a", "-m", &line]);
    let head = world.git(&["rev-parse", "HEAD"]);
    let _ = world.rt(&["undo"]).ok();
    assert_eq!((world.git(&["rev-parse", "HEAD"]), world.read("b.txt")), (head, "theirs\n".to_owned()));
    // Nor is an unfinished turn closed by it.
    let ran = world.rt_with(&["apply"], edit("a.txt", "3\n", "three\n").as_bytes(), &[("RT__DEBUG__FAULT", "applied")]);
    assert_eq!(ran.code, None);
    let open = std::fs::read_dir(world.repo().join(".git/retort/wal")).expect("lists").next().expect("one").expect("an entry");
    let key = open.file_name().into_string().expect("a key");
    world.git(&["commit", "-q", "--allow-empty", "-m", &format!("Retort-Turn: {key}")]);
    let ran = world.rt(&["status"]).ok();
    assert!(ran.err.contains("put back as before") && !ran.err.contains("commit stands"), "{}", ran.err);
    assert_eq!(world.read("a.txt"), LINES);
}

#[test]
fn a_model_whose_name_has_lines_is_none() {
    let world = small_with_a_turn();
    for name in ["openai/m\nRetort-Turn: x", "open\u{1b}ai/m", "x/\u{7}"] {
        let ran = world.rt(&["-m", "hi", "--model", name]).code(1);
        assert!(ran.err.contains("is not a model"), "{}", ran.err);
    }
    // As a session from elsewhere may keep it.
    let ran = world.rt(&["session", "set", "model.default", "openai/m\nRetort-Turn: x"]);
    let ran = if ran.code == Some(0) { world.rt(&["-c", "-m", "hi"]) } else { ran };
    assert!(ran.code == Some(1) && ran.err.contains("not a model"), "{}", ran.err);
}

#[test]
fn chains_of_a_hundred_thousand_turns_are_walked() {
    let world = small_with_a_turn();
    let sid = session(&world);
    let tip = format!("refs/retort/sessions/{sid}");
    let template = world.git(&["log", "-1", "--format=%B", &tip]);
    let tree = world.git(&["rev-parse", &format!("{tip}^{{tree}}")]);
    let fresh = format!("{}{}", "l".repeat(20), &sid[20..]);
    let key = key(&world);
    let letters = |n: usize| (0..8).rev().map(|at| char::from(b'z' - (n >> (4 * at) & 15) as u8)).collect::<String>();
    let mut stream = String::new();
    for n in 1..=100_000 {
        let own_key = format!("{}{}", &key[..24], letters(n));
        let message = template.trim_end().replace(&sid, &fresh).replace(&key, &own_key);
        let message = message.replace("Retort-Seq: 1\n", &format!("Retort-Seq: {n}\n")) + "\n";
        stream.push_str(&format!(
            "commit refs/retort/sessions/{fresh}\ncommitter retort <retort@invalid> {} +0000\ndata {}\n{message}\n",
            86_400 + n,
            message.len()
        ));
        if n == 1 {
            stream.push_str(&format!("M 040000 {} \n\n", tree.trim()));
        }
    }
    world.git_input(&["fast-import", "--quiet"], stream.as_bytes());
    let list = world.rt(&["session", "list", "--all"]).ok();
    assert!(list.out.contains("100000 turns"), "{}", list.out);
    assert_eq!(world.rt(&["log", "-n", "3", &fresh]).ok().out.lines().count(), 3);
    let _ = world.rt(&["show", &fresh]).ok();
    let _ = world.rt(&["-s", &fresh, "-m", "hi", "--model", "echo"]).ok();
    let _ = world.rt(&["status"]).ok();
    let _ = world.rt(&["undo"]).ok();
    let _ = world.rt(&["session", "resume", &sid]).ok();
    let _ = world.rt(&["undo"]).ok();
    assert_eq!(world.read("a.txt"), LINES);
}

#[test]
fn turns_larger_than_any_that_was_written_are_not_read() {
    let world = small_with_a_turn();
    let sid = session(&world);
    let tip = format!("refs/retort/sessions/{sid}");
    let zeros = |name: &str, size: u64| {
        let path = world.repo().join(name);
        std::fs::File::create(&path).expect("made").set_len(size).expect("sparse");
        let id = world.git(&["-c", "core.bigFileThreshold=1m", "-c", "core.compression=1", "hash-object", "-w", name]);
        std::fs::remove_file(path).expect("removed");
        id.trim().to_owned()
    };
    let (huge, large) = (zeros("huge", 513 << 20), zeros("large", 16 << 20));
    let tree = |entries: String| world.git_input(&["mktree"], entries.as_bytes()).trim().to_owned();
    let listed = world.git(&["ls-tree", &tip]);
    let response = world.git(&["ls-tree", &format!("{tip}:response")]);
    let rest = |text: &str, without: &str| {
        text.lines().filter(|l| !l.ends_with(without)).map(|l| format!("{l}\n")).collect::<Vec<_>>().concat()
    };
    let native = (0..40).map(|n| format!("100644 blob {large}\t{n}\n")).collect::<Vec<_>>().concat();
    let head = format!("{{\"headers\":[],\"native\":[{}0],\"status\":200}}", "0,".repeat(39));
    let head = object(&world, "blob", head.as_bytes());
    let whole = tree(rest(&response, "\ttext") + &format!("100644 blob {huge}\ttext\n"));
    let pieces =
        tree(rest(&response, "\thead.json") + &format!("100644 blob {head}\thead.json\n040000 tree {}\tnative\n", tree(native)));
    let many = {
        let empty = object(&world, "blob", b"");
        let names = (0..100_000).map(|n| format!("100644 blob {empty}\t{n:064x}\n")).collect::<Vec<_>>().concat();
        tree(format!("040000 tree {}\tparts\n100644 blob {empty}\tmanifest\n", tree(names)))
    };
    let message = world.git(&["log", "-1", "--format=%B", &tip]);
    for (letter, entry, why) in [
        ("m", format!("040000 tree {whole}\tresponse\n"), "has 513 MiB"),
        ("n", format!("040000 tree {pieces}\tresponse\n"), "holds more than 512 MiB"),
        (
            "o",
            rest(&listed, "\trequest")
                .lines()
                .filter(|l| l.ends_with("\tresponse"))
                .map(|l| format!("{l}\n"))
                .collect::<Vec<_>>()
                .concat()
                + &format!("040000 tree {many}\trequest\n"),
            "request",
        ),
    ] {
        let fresh = format!("{}{}", letter.repeat(20), &sid[20..]);
        let whole = tree(rest(&rest(&listed, "\tresponse"), "\trequest") + &entry);
        let commit = world.git(&["commit-tree", "-m", message.trim_end().replace(&sid, &fresh).trim(), &whole]);
        world.git(&["update-ref", &format!("refs/retort/sessions/{fresh}"), commit.trim()]);
        let ran = world.rt(&["show", &fresh]).code(1);
        assert!(ran.err.contains(why), "{letter}: {}", ran.err);
        let _ = world.rt(&["log", "--all"]).ok();
        let _ = world.rt(&["log", "--search", "apply"]).ok();
        let _ = world.rt(&["session", "list", "--all"]).ok();
    }
    let _ = apply(&world, "a.txt", "3\n", "three\n").ok();
}
