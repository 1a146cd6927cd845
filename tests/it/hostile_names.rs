//! Answers that name what they may not write: other places, git's own directory, other repositories, things that are no
//! files.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};

use crate::support::fake_model::FakeModel;
use crate::support::world::{Ran, World, edit};

fn world() -> World {
    World::with(&[("a.txt", "one\ntwo\n"), ("b.txt", "b\n"), ("sub/c.txt", "c\n")])
}

/// An answer that writes a whole file.
fn file(path: &str, text: &str) -> String {
    format!("=== FILE: {path} ===\n````\n{text}````\n\n")
}

fn apply(world: &World, answer: &str) -> Ran {
    world.rt_with(&["apply"], answer.as_bytes(), &[])
}

/// Everything that is not retort's own, by path: kind, and content where it has one.
fn everything(world: &World) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut out = std::collections::BTreeMap::new();
    let mut queue = vec![world.top().to_owned()];
    while let Some(directory) = queue.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(world.top()).expect("inside").display().to_string();
            let own = ["home", "repo/.git/objects", "repo/.git/retort", "repo/.git/refs/retort"];
            if own.iter().any(|own| name.starts_with(own)) {
                continue;
            }
            let meta = std::fs::symlink_metadata(&path).expect("there");
            if meta.is_dir() {
                queue.push(path);
            } else if meta.is_symlink() {
                out.insert(name, std::fs::read_link(&path).expect("a link").as_os_str().as_encoded_bytes().to_vec());
            } else if meta.is_file() && meta.len() < 1 << 20 {
                out.insert(name, std::fs::read(&path).expect("read"));
            } else {
                out.insert(name, format!("{:?} {}", meta.file_type(), meta.len()).into_bytes());
            }
        }
    }
    out
}

/// The answer is rejected with exit code 5, the reason is said, and nothing outside of retort's own places changed.
fn refused(world: &World, answer: &str, why: &str) {
    let before = everything(world);
    let ran = apply(world, answer).code(5);
    assert!(ran.err.contains(why), "{why:?} is not said:\n{}", ran.err);
    assert!(ran.err.contains("does not fit") && ran.err.contains("rt show"), "{}", ran.err);
    assert!(before == everything(world), "something was written for {answer}");
}

#[test]
fn paths_that_lead_out_of_the_repository_are_rejected() {
    let world = world();
    for path in ["../x", "sub/../../x", "a/../../x", "/etc/x", "//x", "C:\\x", "sub//x", "sub/./x", "sub/.."] {
        refused(&world, &file(path, "x\n"), path.rsplit('\\').next().expect("a part"));
        refused(&world, &format!("=== DELETE: {path} ===\n"), "does not fit");
    }
    for path in ["..\\x", "sub\\..\\..\\x"] {
        refused(&world, &file(path, "x\n"), "leaves the repository");
    }
}

#[test]
fn no_spelling_of_gits_own_directory_is_written() {
    let world = world();
    let hook = "hooks/post-checkout";
    for path in [
        ".git/config",
        ".GIT/config",
        "sub/.git/hooks/x",
        ".git./config",
        ".git /config",
        ".git . ./config",
        "git~1/config",
        "GIT~1/config",
        ".git:x/config",
        ".git::$INDEX_ALLOCATION/config",
        ".g\u{200c}it/config",
        "\u{feff}.git/config",
        ".gi\u{202e}t/config",
        "sub\\.git\\config",
        ".git",
        ".git\\config",
    ] {
        refused(&world, &file(path, "[core]\n\tfsmonitor = touch pwned\n"), "git's own directory");
    }
    refused(&world, &file(&format!(".git/{hook}"), "x\n"), "git's own directory");
    // Git's own measure: what it does not take into an index is never a path here.
    for path in [".git/x", ".GIT/x", "git~1/x", ".git . ./x", ".g\u{200c}it/x"] {
        let settings = ["-c", "core.protectNTFS=true", "-c", "core.protectHFS=true"];
        let entry = format!("100644,{},{path}", world.git(&["rev-parse", "HEAD:a.txt"]).trim());
        let args = [&settings[..], &["update-index", "--add", "--cacheinfo", &entry]].concat();
        assert_ne!(world.try_git(&args, b"").code, Some(0), "git takes {path}");
    }
}

#[test]
fn git_data_under_another_name_in_the_worktree_is_not_written() {
    let world = world();
    world.git(&["init", "-q", "--separate-git-dir", "meta"]);
    assert!(world.repo().join(".git").is_file());
    let config = world.read("meta/config");
    let ran = apply(&world, &(file("meta/config", "x\n") + &file("meta/hooks/pre-commit", "x\n"))).code(5);
    assert!(ran.err.contains("it lies in git's own directory"), "{}", ran.err);
    assert!(world.read("meta/config") == config && !world.exists("meta/hooks/pre-commit"));
}

#[test]
fn retorts_own_directory_is_no_part_of_a_project() {
    // As when a home directory is itself a repository.
    let mut world = world();
    world.set("RT_HOME", &world.repo().join("own").display().to_string());
    world.write("own/config.toml", "[vcs]\ncommit = \"off\"\n");
    world.write("own/trust.toml", "");
    for path in ["own/config.toml", "own/trust.toml", "own/templates/system.j2"] {
        let ran = apply(&world, &file(path, "[providers.gemini]\nbase_url = \"http://evil\"\n")).code(5);
        assert!(ran.err.contains("it lies in retort's own directory"), "{}", ran.err);
    }
    assert_eq!((world.read("own/config.toml").as_str(), world.exists("own/templates")), ("[vcs]\ncommit = \"off\"\n", false));
}

#[test]
fn links_are_neither_followed_nor_edited() {
    let mut world = world();
    let outside = world.top().join("outside");
    std::fs::create_dir(&outside).expect("made");
    std::fs::write(outside.join("secret.txt"), "private\n").expect("written");
    symlink("../outside", world.repo().join("out")).expect("linked");
    symlink("../outside/secret.txt", world.repo().join("link.txt")).expect("linked");
    symlink("../outside/new.txt", world.repo().join("dangling.txt")).expect("linked");
    symlink("sub", world.repo().join("alias")).expect("linked");
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "links"]);
    refused(&world, &file("out/secret.txt", "x\n"), "symbolic link");
    refused(&world, &file("out/new.txt", "x\n"), "symbolic link");
    refused(&world, &edit("out/secret.txt", "private\n", "x\n"), "symbolic link");
    refused(&world, "=== DELETE: out/secret.txt ===\n", "symbolic link");
    refused(&world, &file("alias/c.txt", "x\n"), "symbolic link");
    for path in ["link.txt", "dangling.txt", "out"] {
        refused(&world, &file(path, "x\n"), "it is a symbolic link");
        refused(&world, &format!("=== DELETE: {path} ===\n"), "it is a symbolic link");
    }
    // The same through a model, which is told why, and never sees what is behind the link.
    let model = FakeModel::saying(&[file("out/new.txt", "x\n") + &edit("link.txt", "any\n", "x\n"), "Then not.".to_owned()]);
    world = world.gemini(&model.url());
    let _ = world.rt(&["-m", "look at link.txt"]).code(5);
    assert!(model.requests()[1].text().contains("symbolic link"), "{}", model.requests()[1].text());
    assert!(model.requests().iter().all(|r| !r.text().contains("private")));
    assert_eq!(std::fs::read_dir(&outside).expect("lists").count(), 1);
}

#[test]
fn a_directory_that_became_a_link_since_is_not_written_through() {
    let world = world();
    let _ = apply(&world, &file("made/x.txt", "x\n")).ok();
    let outside = world.top().join("outside");
    std::fs::rename(world.repo().join("made"), &outside).expect("moved");
    symlink("../outside", world.repo().join("made")).expect("linked");
    for command in [&["undo"][..], &["redo"]] {
        let _ = world.rt(command);
        assert_eq!(std::fs::read_to_string(outside.join("x.txt")).expect("there"), "x\n");
    }
    refused(&world, &file("made/y.txt", "y\n"), "symbolic link");
}

#[test]
fn names_that_no_system_should_have_are_not_created() {
    let world = world();
    for path in ["nul", "sub/CON.txt", "com1", "lpt¹.log", "aux/x", "CONIN$"] {
        refused(&world, &file(path, "x\n"), "device");
    }
    for path in ["dots.", "sub./x"] {
        refused(&world, &file(path, "x\n"), "dot or space");
    }
    for path in ["esc\u{1b}[31m.txt", "bell\u{7}.txt", "tab\t.txt", "c1\u{9b}x", "exe\u{202e}txt.rs", "del\u{7f}"] {
        refused(&world, &file(path, "x\n"), "control character");
        assert!(!apply(&world, &file(path, "x\n")).err.contains('\u{1b}') || !path.contains('\u{1b}'));
    }
    let ran = apply(&world, "=== FILE: nul\0byte ===\n```\nx\n```\n");
    assert_ne!(ran.code, Some(0), "{}", ran.err);
    assert!(!world.exists("nul"));
    // One that is there already is the user's own choice.
    world.write("aux", "x\n");
    world.git(&["add", "aux"]);
    world.git(&["commit", "-q", "-m", "aux"]);
    let _ = apply(&world, &file("aux", "y\n")).ok();
    assert_eq!(world.read("aux"), "y\n");
}

#[test]
fn names_as_long_as_a_system_takes_are_written_and_longer_ones_rejected() {
    let world = world();
    let (longest, wide) = ("n".repeat(255), "é".repeat(127));
    let _ = apply(&world, &(file(&longest, "x\n") + &file(&format!("sub/{wide}"), "y\n"))).ok();
    assert_eq!((world.read(&longest).as_str(), world.read(&format!("sub/{wide}")).as_str()), ("x\n", "y\n"));
    let _ = world.rt(&["undo"]).ok();
    assert!(!world.exists(&longest));
    refused(&world, &file(&"n".repeat(256), "x\n"), "longer than file systems take");
    refused(&world, &file(&format!("{}/x", "n".repeat(256)), "x\n"), "longer than file systems take");
    refused(&world, &file(&"d/".repeat(2000), "x\n"), "plain form");
    refused(&world, &file(&("d/".repeat(2047) + "x"), "x\n"), "longer than file systems take");
    let endless = "d/".repeat(1_000_000) + "x";
    refused(&world, &file(&endless, "x\n"), "longer than file systems take");
    let ran = apply(&world, &file(&endless, "x\n")).code(5);
    assert!(ran.err.len() < 2000, "the path is not repeated: {} bytes", ran.err.len());
}

#[test]
fn case_alone_makes_no_two_files() {
    for ignores in ["true", "false"] {
        let world = world();
        world.git(&["config", "core.ignorecase", ignores]);
        refused(&world, &file("A.TXT", "x\n"), "a.txt exists and differs from this path only in upper and lower case");
        refused(&world, &file("SUB/C.txt", "x\n"), "sub/c.txt exists");
        refused(&world, &(file("new.rs", "x\n") + &file("New.rs", "y\n")), "new.rs exists");
    }
}

#[test]
fn a_file_for_reference_is_not_edited_under_another_spelling() {
    // On a file system that ignores case both names lead to one file, as these two do.
    let answer = edit("B.TXT", "b\n", "x\n");
    let model = FakeModel::saying(&[answer.clone(), answer, "Then not.".to_owned()]);
    let world = world().gemini(&model.url());
    std::fs::hard_link(world.repo().join("b.txt"), world.repo().join("B.TXT")).expect("linked");
    let ran = world.rt(&["-m", "look", "--read", "b.txt"]).code(5);
    assert!(ran.err.contains("B.TXT: b.txt exists and differs"), "{}", ran.err);
    assert_eq!(world.read("b.txt"), "b\n");
}

#[test]
fn the_other_name_of_a_hard_linked_file_keeps_its_bytes() {
    let world = world();
    let other = world.top().join("other.txt");
    std::fs::hard_link(world.repo().join("a.txt"), &other).expect("linked");
    let _ = apply(&world, &edit("a.txt", "one\n", "1\n")).ok();
    assert_eq!(
        (world.read("a.txt").as_str(), std::fs::read_to_string(&other).expect("there").as_str()),
        ("1\ntwo\n", "one\ntwo\n")
    );
    let _ = world.rt(&["undo"]).ok();
    assert_eq!(world.read("a.txt"), "one\ntwo\n");
    assert_eq!(std::fs::metadata(&other).expect("there").nlink(), 1);
}

#[test]
fn other_repositories_inside_are_not_written() {
    let world = world();
    let library = world.top().join("library").display().to_string();
    world.git(&["init", "-q", &library]);
    world.git(&["-C", &library, "commit", "-q", "--allow-empty", "-m", "lib"]);
    world.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &library, "lib"]);
    world.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &library, "gone"]);
    world.git(&["commit", "-q", "-m", "submodules"]);
    world.git(&["submodule", "--quiet", "deinit", "-f", "gone"]);
    world.git(&["init", "-q", "nested"]);
    assert_eq!(std::fs::read_dir(world.repo().join("gone")).expect("lists").count(), 0, "not checked out");
    for path in ["lib/x.txt", "nested/x.txt", "nested/deep/x.txt"] {
        refused(&world, &file(path, "x\n"), "another repository");
    }
    for path in ["gone/x.txt", "gone/deep/x.txt"] {
        refused(&world, &file(path, "x\n"), "it lies in a submodule");
    }
    for path in ["lib", "gone"] {
        refused(&world, &file(path, "x\n"), "nothing can be written there");
    }
    std::fs::remove_dir(world.repo().join("gone")).expect("removed");
    refused(&world, &file("gone", "x\n"), "it lies in a submodule");
    assert!(world.git(&["ls-files", "-s"]).matches("160000").count() == 2);
}

#[test]
fn what_is_no_file_stays_what_it_is() {
    let world = world();
    world.run("mkfifo", &["pipe"]).ok();
    let _socket = std::os::unix::net::UnixListener::bind(world.repo().join("socket")).expect("bound");
    std::fs::create_dir_all(world.repo().join("empty/deep")).expect("made");
    std::fs::File::create(world.repo().join("huge")).expect("made").set_len(3 << 30).expect("sparse");
    for path in ["pipe", "socket"] {
        refused(&world, &file(path, "x\n"), "a pipe, socket or device stands there");
        refused(&world, &edit(&format!("./{path}"), "", "x\n"), "a pipe, socket or device stands there");
        refused(&world, &format!("=== DELETE: {path} ===\n"), "a pipe, socket or device stands there");
    }
    for path in ["empty", "sub", "empty/deep"] {
        refused(&world, &file(path, "x\n"), "it is a directory");
        refused(&world, &format!("=== DELETE: {path} ===\n"), "it is a directory");
    }
    refused(&world, &file("huge", "x\n"), "the file is larger than 64 MiB");
    refused(&world, &edit("./huge", "x\n", "y\n"), "the file is larger than 64 MiB");
    refused(&world, &file("a.txt/x", "x\n"), "a file stands where a directory is needed");
    let kind = std::fs::symlink_metadata(world.repo().join("pipe")).expect("there").file_type();
    assert!(kind.is_fifo());
}
