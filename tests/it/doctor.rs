//! `rt doctor`: what it says of a sound set-up, and of each thing that is not as it should be.

use serde_json::Value;

use crate::storage::mounted;
use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{Ran, World, edit};

const LINES: &str = "1\n2\n3\n4\n5\n";

fn world() -> World {
    World::with(&[("a.txt", LINES), ("src/b.txt", "x\n")])
}

/// A world with one session.
fn used() -> World {
    let world = world();
    let _ = world.rt_with(&["apply"], edit("a.txt", "2\n", "two\n").as_bytes(), &[]).ok();
    world
}

/// The checks that are not `ok`, without those that every world of tests has.
fn notable(ran: &Ran) -> Vec<Value> {
    let own = |row: &Value| row["check"] == "model" || (row["check"] == "keys");
    ran.json().into_iter().filter(|row| row["health"] != "ok" && !own(row)).collect()
}

/// The one thing that is to be found, with this health; what it says and advises, in one text.
fn one(world: &World, check: &str, health: &str) -> String {
    let ran = world.rt(&["doctor", "--json"]);
    let found = notable(&ran);
    assert_eq!(found.len(), 1, "{check}: {}{}", ran.out, ran.err);
    assert_eq!((&found[0]["check"], &found[0]["health"]), (&check.into(), &health.into()), "{}", ran.out);
    assert_eq!(ran.code, Some(i32::from(health == "problem")), "{check}: {}", ran.err);
    let todo = found[0]["todo"].as_str().unwrap_or_default();
    assert!(!todo.is_empty() || health == "note", "{check} says what to do: {}", ran.out);
    format!("{} · {todo}", found[0]["says"].as_str().expect("says"))
}

#[test]
fn a_sound_repository_has_nothing_to_be_said_against_it() {
    let mut world = used();
    world.set("GEMINI_API_KEY", "a-key-that-is-not-real");
    world.git(&["remote", "add", "origin", "https://ada:hunter2@example.invalid/x.git"]);
    let ran = world.rt(&["doctor"]).ok();
    assert!(ran.out.lines().all(|line| line.starts_with("ok ")), "{}", ran.out);
    for said in ["rt 0.1.0", "retort-0", "SQLite 3.", "git: 2.", "git (sha1) at ", "gemini has GEMINI_API_KEY", "retort.db, "] {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    for secret in ["a-key-that-is-not-real", "hunter2", "example.invalid", "Ada", "ada@example.com"] {
        assert!(!ran.out.contains(secret), "{secret}: {}", ran.out);
    }
    let json = world.rt(&["doctor", "--json"]).ok();
    assert_eq!(notable(&json), Vec::<Value>::new());
    assert_eq!(json.json().len(), ran.out.lines().count());
}

#[test]
fn outside_of_a_repository_and_in_those_that_are_refused() {
    let world = world();
    let ran = world.rt_in(world.top(), &["doctor", "--json"], b"", &[]).ok();
    assert!(ran.out.contains("is not inside one"), "{}", ran.out);
    let bare = world.top().join("bare");
    world.git(&["init", "-q", "--bare", &bare.display().to_string()]);
    let ran = world.rt_in(&bare, &["doctor"], b"", &[]).code(1);
    assert!(ran.out.contains("a bare repository has no files to work on"), "{}", ran.out);
    for (key, value, said) in [
        ("extensions.somethingNew", "true", "the extension somethingnew"),
        ("extensions.refStorage", "reftable", "refs are stored as reftable"),
    ] {
        let world = used();
        world.git(&["config", "core.repositoryFormatVersion", "1"]);
        world.write(".git/config", format!("{}\n[extensions]\n\t{} = {value}\n", world.read(".git/config"), &key[11..]));
        let said_all = one(&world, "repository", "problem");
        assert!(said_all.contains(said), "{said_all}");
    }
}

#[test]
fn what_is_in_use_is_named() {
    let world = used();
    world.git(&["config", "core.autocrlf", "input"]);
    world.git(&["config", "core.ignorecase", "true"]);
    world.git(&["config", "commit.gpgSign", "true"]);
    world.git(&["config", "core.fsmonitor", "true"]);
    world.git(&["sparse-checkout", "set", "src"]);
    world.git(&["update-index", "--split-index"]);
    world.hook("pre-commit", "exit 0");
    world.write(".gitmodules", "");
    let ran = world.rt(&["doctor"]).ok();
    let line = ran.out.lines().find(|line| line.contains(" in use: ")).expect("a line").to_owned();
    for said in [
        "sparse checkout",
        "split index",
        "fsmonitor",
        "commit hooks (pre-commit)",
        "signed commits",
        "core.autocrlf (input)",
        "core.ignorecase",
        "has submodules",
    ] {
        assert!(line.contains(said), "{said}: {line}");
    }
    let side = world.top().join("side");
    world.git(&["worktree", "add", "-q", "-b", "side", &side.display().to_string()]);
    let ran = world.rt_in(&side, &["doctor"], b"", &[]).ok();
    assert!(ran.out.contains("linked worktree"), "{}", ran.out);
    world.git(&["config", "uploadpack.allowFilter", "true"]);
    let (source, place) = (format!("file://{}", world.repo().display()), world.top().join("clone"));
    world.git(&["clone", "-q", "--depth=1", "--filter=blob:none", &source, &place.display().to_string()]);
    let ran = world.rt_in(&place, &["doctor"], b"", &[]).ok();
    assert!(ran.out.contains("shallow, partial clone (blob:none)"), "{}", ran.out);
}

/// The commands of an advice, run in a shell.
fn follow(world: &World, said: &str) {
    let at = said.find("git config").expect("commands");
    let command = said[at..].split("; fetch").next().expect("commands");
    let _ = world.run("sh", &["-c", command]).ok();
}

#[test]
fn remotes_that_a_plain_push_would_publish_prompts_to() {
    for set_up in [&["remote", "add", "--mirror=push", "away"][..], &["remote", "add", "away"]] {
        let world = used();
        let away = world.top().join("away.git");
        world.git(&["init", "-q", "--bare", &away.display().to_string()]);
        world.git(&[set_up, &[&away.display().to_string()]].concat());
        if set_up.len() == 3 {
            world.git(&["config", "remote.away.push", "+refs/*:refs/*"]);
        }
        let said = one(&world, "remote", "warning");
        assert!(said.contains("publishes every prompt"), "{said}");
        follow(&world, &said);
        let ran = world.rt(&["doctor", "--json"]).ok();
        assert_eq!(notable(&ran), Vec::<Value>::new(), "the advice helps");
        world.git(&["push", "-q", "away"]);
        let there = world.git(&["ls-remote", "away"]);
        assert!(there.contains("refs/heads/main") && !there.contains("retort"), "{there}");
    }
}

#[test]
fn remotes_whose_fetch_would_overwrite_sessions() {
    for (spec, prune, health) in [
        ("+refs/*:refs/*", "true", "problem"),
        ("+refs/retort/*:refs/retort/*", "false", "problem"),
        ("refs/retort/sessions/*:refs/retort/sessions/*", "false", "warning"),
    ] {
        let world = used();
        let away = world.top().join("away.git");
        world.git(&["init", "-q", "--bare", &away.display().to_string()]);
        world.git(&["remote", "add", "away", &away.display().to_string()]);
        world.git(&["config", "remote.away.fetch", spec]);
        world.git(&["config", "remote.away.prune", prune]);
        let said = one(&world, "remote", health);
        assert!(said.contains("git fetch"), "{said}");
        if spec == "+refs/*:refs/*" {
            continue;
        }
        follow(&world, &said);
        let ran = world.rt(&["doctor", "--json"]).ok();
        assert_eq!(notable(&ran), Vec::<Value>::new(), "the advice helps");
    }
    let world = used();
    world.git(&["remote", "add", "origin", "/nowhere"]);
    world.git(&["config", "--add", "remote.origin.fetch", "+refs/retort/*:refs/retort/remotes/origin/*"]);
    assert_eq!(notable(&world.rt(&["doctor", "--json"]).ok()), Vec::<Value>::new(), "where rt itself fetches to");
}

#[test]
fn settings_of_git_that_let_it_drop_things() {
    for (key, value, check, health) in [
        ("gc.pruneExpire", "now", "git gc", "warning"),
        ("gc.reflogExpireUnreachable", "now", "git gc", "note"),
        ("core.logAllRefUpdates", "false", "reflog", "note"),
    ] {
        let world = used();
        world.git(&["config", key, value]);
        let said = one(&world, check, health);
        assert!(said.contains(key), "{said}");
    }
    let world = used();
    world.git(&["config", "gc.pruneExpire", "3.days.ago"]);
    assert_eq!(notable(&world.rt(&["doctor", "--json"]).ok()), Vec::<Value>::new());
}

type SetUp<'a> = &'a dyn Fn(&World);

#[test]
fn what_belongs_to_nothing_is_named() {
    let sid = "k".repeat(26);
    let set_ups: [(&str, &str, SetUp<'_>); 6] = [
        ("note", "about a session that is not here", &|w| {
            w.git(&["update-ref", &format!("refs/retort/meta/{sid}"), "HEAD"]);
        }),
        ("note", "fetched from gone", &|w| {
            w.git(&["update-ref", &format!("refs/retort/remotes/gone/sessions/{sid}"), "HEAD"]);
        }),
        ("warning", ".lock keeps that ref from being written", &|w| w.write(&format!(".git/refs/retort/sessions/{sid}.lock"), "")),
        ("warning", "1 unfinished that could not be read", &|w| w.write(".git/retort/unreadable/kkkk/open", "?")),
        ("warning", "src/.b.txt.kkkkllllmmmm.tmp is a temporary file", &|w| w.write("src/.b.txt.kkkkllllmmmm.tmp", "half")),
        ("warning", ".cursor.json.new.tmp is a temporary file", &|w| w.write(".git/retort/.cursor.json.new.tmp", "half")),
    ];
    for (health, said, set_up) in set_ups {
        let world = used();
        set_up(&world);
        let all = one(&world, "orphans", health);
        assert!(all.contains(said), "{said}: {all}");
    }
    let world = used();
    // A file of the user's that only looks a little like one.
    world.write(".notes.tmp", "mine");
    assert_eq!(notable(&world.rt(&["doctor", "--json"]).ok()), Vec::<Value>::new());
}

#[test]
fn states_of_the_repository_and_the_set_up() {
    let set_ups: [(&str, &str, &str, SetUp<'_>); 6] = [
        ("identity", "problem", "does not know who you are", &|w| drop(w.git(&["config", "user.name", ""]))),
        ("index", "warning", "index.lock exists", &|w| w.write(".git/index.lock", "")),
        ("under way", "note", "a merge", &|w| {
            w.git(&["checkout", "-q", "-b", "other"]);
            w.git(&["commit", "-q", "--allow-empty", "-m", "there"]);
            w.git(&["checkout", "-q", "main"]);
            w.git(&["merge", "-q", "--no-ff", "--no-commit", "other"]);
        }),
        ("trust", "note", "not trusted", &|w| w.write(".retort/config.toml", "[vcs]\ncoauthor = true\n")),
        ("settings", "problem", "vcs.comit", &|w| {
            std::fs::create_dir_all(w.top().join("home/.retort")).expect("made");
            std::fs::write(w.top().join("home/.retort/config.toml"), "[vcs]\ncomit = \"off\"\n").expect("written");
        }),
        ("database", "warning", "goes on without it", &|w| {
            let path = w.top().join("home/.retort/data/retort.db");
            std::fs::remove_file(&path).expect("removed");
            let other = rusqlite::Connection::open(&path).expect("opens");
            other.execute_batch("CREATE TABLE theirs (x)").expect("made");
        }),
    ];
    for (check, health, said, set_up) in set_ups {
        let world = used();
        set_up(&world);
        let all = one(&world, check, health);
        assert!(all.contains(said), "{check}: {all}");
    }
    let mut world = used();
    world.set("HOME", "");
    let ran = world.rt(&["doctor"]).code(1);
    assert!(ran.out.contains("problem  home: neither HOME nor RT_HOME is set"), "{}", ran.out);
}

#[test]
fn only_the_servers_of_this_machine_are_asked() {
    let model = |text: &'static str| FakeModel::answering(move |_| Reply::new(200, "application/json", vec![text.into()]));
    let (local, provider) = (model(r#"{"data":[{"id":"a-small-one"}]}"#), model("{}"));
    let port = local.url().rsplit(':').next().expect("a port").to_owned();
    let mut world = used().gemini(&provider.url());
    world.set("RT__MODEL__LOCAL_SERVERS", &format!("here={port},gone=1"));
    let ran = world.rt(&["doctor"]).ok();
    assert!(ran.out.contains("local servers: here answers with a-small-one; gone: nobody there"), "{}", ran.out);
    let asked: Vec<String> = local.requests().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    assert_eq!(asked, ["GET /v1/models"]);
    assert_eq!(provider.requests(), []);
}

#[test]
fn turns_of_a_directory_without_a_repository_are_looked_after_as_well() {
    let world = world();
    let place = world.top().join("plain");
    std::fs::create_dir(&place).expect("made");
    std::fs::write(place.join("a.txt"), LINES).expect("written");
    let _ = world.rt_in(&place, &["apply"], edit("a.txt", "2\n", "two\n").as_bytes(), &[]).ok();
    let ran = world.rt_in(&place, &["doctor"], b"", &[]).ok();
    assert!(ran.out.contains("repository: none here; edits are not committed, and turns are kept in "), "{}", ran.out);
    let ran = world.rt_in(&place, &["fsck"], b"", &[]).ok();
    assert!(ran.out.starts_with("no errors in 1 turn of 1 session"), "{}", ran.out);
}

#[test]
fn places_that_cannot_be_written_and_disks_that_are_full_are_named() {
    let world = used();
    std::fs::rename(world.repo().join(".git/retort"), world.repo().join(".git/retort.moved")).expect("moved");
    world.write(".git/retort", "in the way\n");
    let ran = world.rt(&["doctor"]).code(1);
    assert!(ran.out.contains(".git/retort is in the way of a directory, so nothing can be recorded"), "{}", ran.out);
    let mut world = used();
    world.write("file", "");
    world.set("RT_HOME", &world.repo().join("file/home").display().to_string());
    let ran = world.rt(&["doctor"]);
    assert!(ran.out.contains("file is in the way of a directory; the database is kept in memory"), "{}", ran.out);
    let world = used();
    let script = r#"
"$RT" doctor > "$OUT/small"; echo "small: $?"
mount -o remount,ro .
"$RT" doctor > "$OUT/closed"; echo "closed: $?"
"#;
    let Some(ran) = mounted(&world, "8m", script) else { return };
    assert_eq!(ran.out, "small: 1\nclosed: 1\n", "{}", ran.err);
    let said = |name: &str| std::fs::read_to_string(world.top().join("out").join(name)).expect("read");
    assert!(said("small").contains("problem  git directory:") && said("small").contains(" MB free"), "{}", said("small"));
    assert!(said("closed").contains("cannot be written, so nothing can be recorded"), "{}", said("closed"));
}
