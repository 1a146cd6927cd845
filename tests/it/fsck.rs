//! `rt fsck`: clean repositories are clean, and each kind of damage is found, named and advised on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::fake_model::FakeModel;
use crate::support::small::{session, small};
use crate::support::world::{Ran, World, edit};

/// Two turns of one session, the second with parts that the first one holds; the first one has edits and a commit.
fn world() -> World {
    let model = FakeModel::saying(&[edit("a.txt", "2\n", "two\n"), "Nothing to do.".to_owned()]);
    let world = small().gemini(&model.url());
    let _ = world.rt(&["-m", "change a.txt"]).ok();
    let _ = world.rt(&["-c", "-m", "and now?"]).ok();
    let _ = world.rt(&["session", "rename", "mine"]).ok();
    world
}

fn tip(sid: &str) -> String {
    format!("refs/retort/sessions/{sid}")
}

/// What was found: kind and level, without the summary.
fn found(ran: &Ran) -> Vec<(String, String)> {
    let text = |row: &Value, key: &str| row[key].as_str().map(str::to_owned);
    ran.json().iter().filter_map(|row| Some((text(row, "kind")?, text(row, "level")?))).collect()
}

/// Every file below a directory, with its content and time.
fn files(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            out.extend(files(&path));
        } else {
            let time = path.metadata().expect("there").modified().expect("a time");
            out.insert(path.clone(), (std::fs::read(&path).expect("read"), time));
        }
    }
    out
}

#[test]
fn a_repository_with_a_past_is_clean_and_looking_changes_nothing() {
    let texts = [edit("a.txt", "2\n", "two\n"), edit("a.txt", "no such line\n", "x\n"), edit("a.txt", "3\n", "three\n")];
    let model = FakeModel::saying(&texts);
    let world = small().gemini(&model.url());
    let _ = world.rt(&["fsck"]).ok();
    let _ = world.rt(&["-m", "change a.txt"]).ok();
    let _ = world.rt(&["-c", "-m", "and again"]).ok();
    let _ = world.rt(&["files", "add", "--read-only", "b.txt"]).ok();
    let _ = world.rt(&["undo"]).ok();
    let _ = world.rt(&["undo"]).ok();
    // Each of these begins a session behind a turn of another one.
    let _ = world.rt(&["files", "add", "b.txt"]).ok();
    let _ = world.rt(&["undo"]).ok();
    let _ = world.rt_with(&["apply"], edit("b.txt", "x\n", "y\n").as_bytes(), &[]).ok();
    let _ = world.rt(&["-s", "@~1", "-m", "on a fork", "--model", "echo"]).ok();
    let _ = world.rt_with(&["apply", "--no-commit"], edit("b.txt", "y\n", "z\n").as_bytes(), &[]).ok();
    let _ = world.rt(&["retry"]).ok();
    let _ = world.rt(&["-n", "-m", "this one fails"]).code(4);
    let _ = world.rt_with(&["apply"], edit("b.txt", "nothing\n", "z\n").as_bytes(), &[]).code(5);
    let _ = world.rt(&["log", "--all", "--json"]).ok();
    let before = files(world.top());
    let ran = world.rt(&["fsck"]).ok();
    assert!(ran.out.starts_with("no errors in ") && ran.out.lines().count() == 1, "{}", ran.out);
    assert_eq!(ran.err, "");
    let ran = world.rt(&["fsck", "--json"]).ok();
    assert_eq!(found(&ran), [], "{}", ran.out);
    assert!(ran.json()[0]["turns"].as_u64() > Some(8), "{}", ran.out);
    let _ = world.rt(&["doctor"]).ok();
    let after = files(world.top());
    let names = |all: &BTreeMap<PathBuf, _>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&after), names(&before), "no file came or went");
    assert!(after == before, "no file was written");
}

#[test]
fn a_session_that_an_apply_or_a_note_begins_behind_a_turn_says_that_it_is_a_fork() {
    let world = world();
    let first = world.rt(&["log", "--json"]).ok().json()[1].clone();
    for begin in [&["files", "add", "b.txt"][..], &["apply"]] {
        let _ = world.rt(&["session", "resume", "mine/1"]).ok();
        let _ = world.rt_with(begin, edit("b.txt", "x\n", "y\n").as_bytes(), &[]).ok();
        let row = world.rt(&["log", "--json"]).ok().json()[0].clone();
        assert_ne!(row["session"], first["session"], "{begin:?}");
        assert_eq!(row["forked_from"]["turn"], first["turn"], "{begin:?}");
        assert_eq!(row["forked_from"]["session"], first["session"], "{begin:?}");
    }
}

/// Writes a commit object and points the ref to it.
fn put(world: &World, name: &str, object: &str) -> String {
    let id = world.git_input(&["hash-object", "-t", "commit", "-w", "--stdin", "--literally"], object.as_bytes()).trim().to_owned();
    world.git(&["update-ref", name, &id]);
    id
}

/// The session's newest commit with another text in it.
fn reworded(world: &World, from: &str, to: &str) {
    let name = tip(&session(world));
    let object = world.git(&["cat-file", "commit", &name]);
    assert!(object.contains(from), "{from}: {object}");
    put(world, &name, &object.replacen(from, to, 1));
}

/// The session's newest commit with these changes of its tree, as lines for `git update-index --index-info`.
fn retreed(world: &World, name: &str, lines: &str) {
    let script = "export GIT_INDEX_FILE=\"$PWD/.git/other\"; rm -f \"$GIT_INDEX_FILE\"; git read-tree \"$0^{tree}\" && printf '%s' \"$1\" | git update-index --add --index-info && git write-tree";
    let tree = world.run("sh", &["-c", script, name, lines]).ok().out;
    let object = world.git(&["cat-file", "commit", name]);
    let (_, rest) = object.split_once('\n').expect("a first line");
    put(world, name, &format!("tree {}\n{rest}", tree.trim()));
}

fn blob(world: &World, bytes: &[u8]) -> String {
    world.git_input(&["hash-object", "-w", "--stdin"], bytes).trim().to_owned()
}

fn with_file(world: &World, path: &str, bytes: &str) {
    let id = blob(world, bytes.as_bytes());
    retreed(world, &tip(&session(world)), &format!("100644 {id}\t{path}\n"));
}

fn without_file(world: &World, path: &str) {
    retreed(world, &tip(&session(world)), &format!("0 {}\t{path}\n", "0".repeat(40)));
}

fn at(world: &World, path: &str) -> String {
    world.git(&["cat-file", "blob", &format!("{}:{path}", tip(&session(world)))])
}

/// Where git keeps an object that is in no pack.
fn object_file(world: &World, what: &str) -> PathBuf {
    let id = world.git(&["rev-parse", what]);
    world.repo().join(".git/objects").join(&id[..2]).join(id[2..].trim())
}

/// Puts other bytes in the place of an object's file, which git made read-only.
fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).expect("removed");
    std::fs::write(path, bytes).expect("written");
}

fn own_part(world: &World) -> String {
    let all = world.git(&["ls-tree", "-r", "--name-only", &tip(&session(world)), "request/parts/"]);
    all.lines().next().expect("a part").to_owned()
}

type Damage = fn(&World, &str);

/// What is done to a repository, and what must be found then.
const DAMAGES: [(&str, &str, Damage); 38] = [
    ("ref-name", "error", |w, _| drop(w.git(&["update-ref", "refs/retort/what", "HEAD"]))),
    ("ref-of-later-version", "note", |w, sid| drop(w.git(&["update-ref", &format!("refs/retort/code/{sid}"), "HEAD"]))),
    ("ref-broken", "error", |w, sid| w.write(&format!(".git/refs/retort/meta/{sid}"), "garbage\n")),
    ("ref-broken", "error", |w, sid| w.write(&format!(".git/refs/retort/meta/{sid}"), "ref: refs/heads/main\n")),
    ("ref-kind", "error", |w, sid| drop(w.git(&["update-ref", &format!("refs/retort/meta/{sid}"), "HEAD:a.txt"]))),
    ("ref-missing", "error", |w, sid| w.write(&format!(".git/refs/retort/meta/{sid}"), format!("{}\n", "1".repeat(40)))),
    ("ref-session", "error", |w, sid| {
        drop(w.git(&["update-ref", &tip(&format!("{}{}", "k".repeat(20), &sid[20..])), &tip(sid)]));
    }),
    ("parent-missing", "error", |w, sid| std::fs::remove_file(object_file(w, &format!("{}~1", tip(sid)))).expect("removed")),
    ("parents", "error", |w, _| {
        let head = w.git(&["rev-parse", "HEAD"]);
        reworded(w, "\nauthor ", &format!("\nparent {head}author "));
    }),
    ("decode", "error", |w, _| reworded(w, "Retort-Kind: turn\n", "")),
    ("decode", "error", |w, _| without_file(w, "retort-0")),
    ("decode", "error", |w, _| with_file(w, &own_part(w), "other bytes")),
    ("version", "incomplete", |w, _| reworded(w, "Retort-Format: retort-0", "Retort-Format: retort-9")),
    // A file that is cut off, and one that has the content of another one.
    ("read", "error", |w, sid| overwrite(&object_file(w, &format!("{}:response/raw", tip(sid))), b"x")),
    ("read", "error", |w, sid| {
        let other = std::fs::read(object_file(w, "HEAD:a.txt")).expect("read");
        overwrite(&object_file(w, &format!("{}:response/raw", tip(sid))), &other);
    }),
    ("seq", "error", |w, _| reworded(w, "Retort-Seq: 2", "Retort-Seq: 7")),
    ("committer", "error", |w, _| reworded(w, "<retort@invalid> 86402", "<retort@invalid> 86403")),
    ("committer", "error", |w, _| reworded(w, "committer retort <retort@invalid>", "committer Eve <eve@example.com>")),
    ("key-twice", "error", |w, sid| {
        let fresh = format!("{}{}", "k".repeat(20), &sid[20..]);
        let object = w.git(&["cat-file", "commit", &tip(sid)]).replace(sid, &fresh);
        put(w, &tip(&fresh), &object);
    }),
    ("turn-json", "error", |w, _| reworded(w, "Retort-Outcome: none", "Retort-Outcome: applied")),
    ("turn-json", "error", |w, _| reworded(w, "Retort-Outcome: none", "Retort-Path: A +1 -0 no.txt\nRetort-Outcome: none")),
    ("files", "error", |w, _| reworded(w, "Retort-Outcome: none", "Retort-Path: A +1 -0 no.txt\nRetort-Outcome: none")),
    ("unnamed-files", "error", |w, _| without_file(w, "response/head.json")),
    ("request-missing", "error", |w, _| without_file(w, "request/manifest")),
    ("request-unsaid", "error", |w, _| {
        let object = w.git(&["cat-file", "commit", &tip(&session(w))]);
        let line = object.lines().find(|l| l.starts_with("Retort-Request: ")).expect("a request");
        reworded(w, &format!("{line}\n"), "");
    }),
    ("part-missing", "error", |w, _| without_file(w, &own_part(w))),
    ("part-length", "error", |w, _| {
        let manifest = at(w, "request/manifest");
        let (first, rest) = manifest.rsplit_once(" raw - wire").expect("framing at its end");
        let (label, _) = first.rsplit_once(' ').expect("a length");
        with_file(w, "request/manifest", &format!("{label} 7 raw - wire{rest}"));
    }),
    ("body", "error", |w, _| {
        let manifest = at(w, "request/manifest");
        let cut = manifest.trim_end().rsplit_once('\n').expect("lines").0;
        with_file(w, "request/manifest", &format!("{cut}\n"));
    }),
    ("exchange-missing", "error", |w, _| {
        let object = w.git(&["cat-file", "commit", &tip(&session(w))]);
        let line = object.lines().find(|l| l.starts_with("Retort-Exchange: ")).expect("an exchange");
        reworded(w, line, &format!("Retort-Exchange: {}", "k".repeat(32)));
    }),
    ("fork-parent", "error", |w, sid| {
        let object = w.git(&["cat-file", "commit", &tip(sid)]);
        put(w, &tip(sid), &format!("{object}Retort-Forked-From: {sid} {}\n", "k".repeat(32)));
    }),
    ("fork-missing", "note", |w, sid| {
        let object = w.git(&["cat-file", "commit", &format!("{}~1", tip(sid))]);
        put(w, &tip(sid), &format!("{object}Retort-Forked-From: {sid} {}\n", "k".repeat(32)));
    }),
    ("code-missing", "note", |w, _| {
        w.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
        w.git(&["commit", "-q", "--amend", "-m", "mine now"]);
        w.git(&["reflog", "expire", "--expire=now", "--all"]);
        w.git(&["gc", "-q", "--prune=now"]);
    }),
    ("code-kind", "error", |w, _| {
        let (head, id) = (w.git(&["rev-parse", "HEAD"]), blob(w, b"x"));
        reworded(w, &format!("Retort-Base: {}", head.trim()), &format!("Retort-Base: {id}"));
    }),
    ("record", "error", |w, sid| {
        let id = blob(w, b"{\"at\":\"then\",\"kind\":\"name\",\"value\":\"x\"}\n");
        retreed(w, &format!("refs/retort/meta/{sid}"), &format!("100644 {id}\trecords\n"));
    }),
    ("records", "error", |w, sid| {
        retreed(w, &format!("refs/retort/meta/{sid}"), &format!("0 {}\trecords\n", "0".repeat(40)));
    }),
    ("cursor", "error", |w, _| w.write(".git/retort/cursor.json", "{}\n")),
    ("cursor-session", "error", |w, sid| {
        let text = w.read(".git/retort/cursor.json").replace(sid, &"k".repeat(26));
        w.write(".git/retort/cursor.json", text);
    }),
    ("cursor-turn", "error", |w, sid| {
        w.write(".git/retort/cursor.json", format!("{{\"redo\":[\"{}\"],\"session\":\"{sid}\"}}\n", "k".repeat(32)));
    }),
];

#[test]
fn each_damage_is_found_with_a_word_about_what_to_do() {
    let whole = world();
    let sid = session(&whole);
    assert_eq!(found(&whole.rt(&["fsck", "--json"]).ok()), []);
    for (kind, level, damage) in DAMAGES {
        let world = whole.copy();
        damage(&world, &sid);
        let before = files(&world.repo().join(".git"));
        let ran = world.rt(&["fsck", "--json"]);
        let all = found(&ran);
        assert!(all.contains(&(kind.to_owned(), level.to_owned())), "{kind}: {}{}", ran.out, ran.err);
        let errors = all.iter().filter(|(_, level)| level == "error").count();
        assert_eq!(ran.code, Some(i32::from(errors > 0)), "{kind}: {}{}", ran.out, ran.err);
        assert_eq!(ran.json().last().expect("a summary")["errors"], errors, "{kind}");
        assert!(
            ran.json().iter().all(|row| row["kind"].is_null() || row["todo"].as_str().is_some_and(|t| !t.is_empty())),
            "{kind}"
        );
        let shown = world.rt(&["fsck"]);
        assert_eq!(shown.out.lines().count(), all.len() + 1, "{kind}: one line each\n{}", shown.out);
        assert!(shown.out.contains(" · "), "{kind}: {}", shown.out);
        assert!(files(&world.repo().join(".git")) == before, "{kind}: looking changes nothing");
    }
}

#[test]
fn one_damage_is_one_finding_and_not_one_for_each_turn_behind_it() {
    let mut world = world();
    world.set("RT_MODEL", "echo");
    for at in 0..4 {
        let _ = world.rt(&["-c", "-m", &format!("message {at}")]).ok();
    }
    let sid = session(&world);
    // A part of the first turn, which the later ones repeat.
    let part = world.git(&["ls-tree", "-r", "--name-only", &format!("{}~2", tip(&sid)), "request/parts/"]);
    let part = part.lines().next().expect("a part").to_owned();
    std::fs::remove_file(object_file(&world, &format!("{}~2:{part}", tip(&sid)))).expect("removed");
    let ran = world.rt(&["fsck", "--json"]).code(1);
    assert_eq!(found(&ran), [("read".to_owned(), "error".to_owned())], "{}", ran.out);
}

#[test]
fn only_the_sessions_that_are_named_are_looked_at() {
    let world = world();
    let sid = session(&world);
    let _ = world.rt(&["-n", "-m", "another one", "--model", "echo"]).ok();
    let _ = world.rt(&["session", "rename", "other"]).ok();
    let name = tip(&sid);
    let object = world.git(&["cat-file", "commit", &name]).replacen("Retort-Seq: 2", "Retort-Seq: 7", 1);
    put(&world, &name, &object);
    world.git(&["update-ref", "refs/retort/what", "HEAD"]);
    let ran = world.rt(&["fsck", "other"]).ok();
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    assert!(ran.out.contains("1 turn of 1 session"), "{}", ran.out);
    let ran = world.rt(&["fsck", "mine"]).code(1);
    assert!(ran.out.contains("error") && !ran.out.contains("refs/retort/what"), "{}", ran.out);
    let ran = world.rt(&["fsck", "nobody"]).code(1);
    assert!(ran.err.contains("nobody"), "{}", ran.err);
}

#[test]
fn unfinished_turns_are_told_and_left_for_the_next_start() {
    let world = world();
    let ran = world.rt_with(&["apply", "--config", "debug.fault=applied"], edit("a.txt", "3\n", "three\n").as_bytes(), &[]);
    assert_eq!(ran.code, None, "{}", ran.err);
    let ran = world.rt(&["fsck", "--json"]).ok();
    assert_eq!(found(&ran), [("unfinished".to_owned(), "note".to_owned())], "{}", ran.out);
    let doctor = world.rt(&["doctor"]).ok();
    assert!(doctor.out.contains("1 unfinished"), "{}", doctor.out);
    let key =
        std::fs::read_dir(world.repo().join(".git/retort/wal")).expect("there").next().expect("one").expect("one").file_name();
    world.write(&format!(".git/retort/wal/{}/open", key.display()), "garbage");
    let ran = world.rt(&["fsck", "--json"]).code(1);
    assert_eq!(found(&ran), [("unfinished-broken".to_owned(), "error".to_owned())], "{}", ran.out);
    let _ = world.rt(&["status"]).ok();
    assert_eq!(found(&world.rt(&["fsck", "--json"]).ok()), []);
}

#[test]
fn the_database_is_compared_and_not_changed() {
    let world = world();
    let path = world.top().join("home/.retort/data/retort.db");
    // New turns that it has not read yet are no disagreement.
    let _ = world.rt(&["log"]).ok();
    let copy = std::fs::read(&path).expect("read");
    let _ = world.rt(&["-c", "-m", "more", "--model", "echo"]).ok();
    std::fs::write(&path, &copy).expect("written");
    assert_eq!(found(&world.rt(&["fsck", "--json"]).ok()), []);
    assert!(std::fs::read(&path).expect("read") == copy, "it is as it was");
    {
        let conn = rusqlite::Connection::open(&path).expect("opens");
        conn.execute("UPDATE turns SET subject = 'another one' WHERE seq = 1", []).expect("updates");
    }
    let ran = world.rt(&["fsck", "--json"]).code(1);
    assert_eq!(found(&ran), [("index".to_owned(), "error".to_owned())], "{}", ran.out);
    let _ = world.rt(&["index", "rebuild"]).ok();
    assert_eq!(found(&world.rt(&["fsck", "--json"]).ok()), []);
    let mut torn = std::fs::read(&path).expect("read");
    let middle = torn.len() / 2;
    torn[middle - 4096..middle + 4096].fill(0xa5);
    std::fs::write(&path, torn).expect("written");
    let ran = world.rt(&["fsck", "--json"]).code(1);
    assert_eq!(found(&ran), [("index-damaged".to_owned(), "error".to_owned())], "{}", ran.out);
    std::fs::write(&path, "This is no database at all, but it is long enough to be looked at as one. ".repeat(20))
        .expect("written");
    assert_eq!(found(&world.rt(&["fsck", "--json"]).code(1)), [("index-damaged".to_owned(), "error".to_owned())]);
}

/// A clone with the sessions as its own, fetched with this option.
fn clone(world: &World, option: &str) -> PathBuf {
    world.git(&["config", "uploadpack.allowFilter", "true"]);
    let (source, place) = (format!("file://{}", world.repo().display()), world.top().join("clone"));
    world.git(&["clone", "-q", option, "--no-checkout", &source, &place.display().to_string()]);
    world.git_in(&place, &["fetch", "-q", option, "origin", "+refs/retort/*:refs/retort/*"]);
    place
}

#[test]
fn a_shallow_clone_is_incomplete_and_not_damaged() {
    let world = world();
    let place = clone(&world, "--depth=1");
    let ran = world.rt_in(&place, &["fsck", "--json"], b"", &[]).ok();
    let all = found(&ran);
    assert!(all.contains(&("shallow".to_owned(), "incomplete".to_owned())), "{}", ran.out);
    assert!(all.iter().all(|(_, level)| level != "error"), "{}", ran.out);
    assert!(ran.out.contains("one request cannot be put together"), "{}", ran.out);
    world.git_in(&place, &["fetch", "-q", "--unshallow", "origin", "+refs/retort/*:refs/retort/*"]);
    assert_eq!(found(&world.rt_in(&place, &["fsck", "--json"], b"", &[]).ok()), []);
}

#[test]
fn a_partial_clone_is_incomplete_and_nothing_is_fetched() {
    let world = world();
    let place = clone(&world, "--filter=blob:none");
    let count = || world.git_in(&place, &["count-objects", "-v"]);
    let before = count();
    let ran = world.rt_in(&place, &["fsck", "--json"], b"", &[]).ok();
    assert_eq!(found(&ran), [("not-fetched".to_owned(), "incomplete".to_owned())], "{}", ran.out);
    assert_eq!(count(), before, "nothing is fetched");
    for turn in ["mine/1", "mine"] {
        let _ = world.rt_in(&place, &["show", turn, "--prompt"], b"", &[]).ok();
        let _ = world.rt_in(&place, &["show", turn], b"", &[]).ok();
    }
    // What is advised.
    world.git_in(&place, &["log", "-p", &tip(&session(&world))]);
    assert_eq!(found(&world.rt_in(&place, &["fsck", "--json"], b"", &[]).ok()), []);
}
