//! Repositories of every shape: what is worked on, and what is refused with nothing written.

use std::path::{Path, PathBuf};

use crate::support::killed::{fsck, tidy};
use crate::support::small::{LINES, apply_in, small};
use crate::support::world::{World, edit};

/// An edit of `a.txt`, its undo and its redo, in a repository whose status stays what it was all along.
fn there_and_back(world: &World, directory: &Path) {
    let git = |args: &[&str]| world.git_in(directory, args);
    let (status, staged, diff) =
        (git(&["status", "--porcelain=v2"]), git(&["diff", "--cached", "--stat"]), git(&["diff", "--stat"]));
    let (head, flags) = (git(&["rev-parse", "HEAD"]), git(&["ls-files", "-v"]));
    let same = |at: &str| {
        // The object ids of a file that is dirty anyway may differ; which files they are and how may not.
        let lines =
            |text: &str| text.lines().map(|l| (l[..4].to_owned(), l.rsplit(' ').next().map(str::to_owned))).collect::<Vec<_>>();
        assert_eq!(lines(&git(&["status", "--porcelain=v2"])), lines(&status), "{at}");
        assert_eq!((git(&["diff", "--cached", "--stat"]), git(&["diff", "--stat"])), (staged.clone(), diff.clone()), "{at}");
        assert_eq!(git(&["ls-files", "-v"]), flags, "{at}");
        assert_eq!(git(&["fsck", "--strict", "--no-dangling", "--no-progress"]), "", "{at}");
    };
    let before = std::fs::read(directory.join("a.txt")).expect("read");
    apply_in(world, directory, "a.txt", "8\n", "eight\n").ok();
    assert!(git(&["show", "HEAD:a.txt"]).contains("eight\n"), "it is committed");
    same("applied");
    world.rt_in(directory, &["undo"], b"", &[]).ok();
    assert_eq!((git(&["rev-parse", "HEAD"]), std::fs::read(directory.join("a.txt")).expect("read")), (head, before));
    same("undone");
    world.rt_in(directory, &["redo"], b"", &[]).ok();
    assert!(git(&["show", "HEAD:a.txt"]).contains("eight\n"), "it is committed again");
    same("redone");
    world.rt_in(directory, &["undo"], b"", &[]).ok();
}

/// All files of a git directory with their bytes.
fn inside(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut out = Vec::new();
    let mut queue = vec![directory.to_owned()];
    while let Some(next) = queue.pop() {
        for entry in std::fs::read_dir(next).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                queue.push(path);
            } else {
                out.push((path.clone(), std::fs::read(path).unwrap_or_default()));
            }
        }
    }
    out.sort();
    out
}

/// Commands that make turns refuse, say why and write nothing.
fn refused(world: &World, directory: &Path, why: &str) {
    let before = inside(directory);
    for args in [&["apply"][..], &["-m", "x", "--model", "echo"], &["session", "new"], &["status"]] {
        let ran = world.rt_in(directory, args, edit("a.txt", "8\n", "eight\n").as_bytes(), &[]).code(1);
        assert!(ran.err.contains(why), "{args:?}: {}", ran.err);
    }
    assert_eq!(inside(directory), before, "nothing is written");
}

#[test]
fn bare_reftable_and_unknown_extensions_are_refused() {
    let world = small();
    let at = |name: &str| world.top().join(name).display().to_string();
    world.git(&["clone", "-q", "--bare", ".", &at("bare")]);
    refused(&world, &world.top().join("bare"), "a bare repository has no files");
    world.git(&["init", "-q", "--ref-format=reftable", &at("tables")]);
    refused(&world, &world.top().join("tables"), "reftable");
    world.git(&["clone", "-q", ".", &at("strange")]);
    let strange = world.top().join("strange");
    world.git_in(&strange, &["config", "core.repositoryFormatVersion", "1"]);
    std::fs::OpenOptions::new()
        .append(true)
        .open(strange.join(".git/config"))
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"[extensions]\n\tnewIdea = true\n"))
        .expect("written");
    refused(&world, &strange, "newidea");
}

#[test]
fn a_submodule_is_a_repository_of_its_own() {
    let world = small();
    let lib = world.top().join("lib");
    world.git(&["clone", "-q", ".", &lib.display().to_string()]);
    world.git(&["-c", "protocol.file.allow=always", "submodule", "add", "-q", &lib.display().to_string(), "sub"]);
    world.git(&["commit", "-q", "-m", "with a part"]);
    // From outside, edits that reach into it are rejected.
    let sub = world.repo().join("sub");
    for answer in [edit("sub/a.txt", "8\n", "eight\n"), edit("sub/new.txt", "", "x\n"), "=== DELETE: sub/a.txt ===\n".to_owned()] {
        let ran = world.rt_with(&["apply"], answer.as_bytes(), &[]);
        assert!(matches!(ran.code, Some(5)), "{:?} {}", ran.code, ran.err);
        assert_eq!(world.git_in(&sub, &["status", "--porcelain"]), "", "{}", ran.err);
    }
    let ran = world.rt_with(&["apply"], edit("sub", "8\n", "eight\n").as_bytes(), &[]).code(5);
    assert!(!ran.err.is_empty());
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    // Inside it is worked on, and has its own turns.
    let count = |dir: &Path| world.git_in(dir, &["for-each-ref", "refs/retort/sessions"]).lines().count();
    let outer = count(&world.repo());
    there_and_back(&world, &sub);
    assert_eq!((count(&world.repo()), count(&sub)), (outer, 1));
    apply_in(&world, &sub, "b.txt", "x\n", "y\n").ok();
    assert_eq!(world.git(&["status", "--porcelain"]), " M sub\n");
    there_and_back(&world, &world.repo());
    assert_eq!(world.git(&["status", "--porcelain"]), " M sub\n");
}

#[test]
fn shallow_and_borrowing_clones() {
    let world = small();
    world.write("b.txt", "y\n");
    world.git(&["commit", "-q", "-a", "-m", "second"]);
    let source = format!("file://{}", world.repo().display());
    for (name, option) in [("shallow", "--depth=1"), ("borrowing", "--shared")] {
        let clone = world.top().join(name);
        let from = if name == "shallow" { source.clone() } else { world.repo().display().to_string() };
        world.git(&["clone", "-q", option, &from, &clone.display().to_string()]);
        there_and_back(&world, &clone);
    }
    assert!(world.top().join("borrowing/.git/objects/info/alternates").exists());
    assert!(world.top().join("shallow/.git/shallow").exists());
    fsck(&world, "the source");
}

/// What git may keep in the index besides entries: none of it is trusted to say that a file is unchanged when it is not.
#[test]
fn every_kind_of_index() {
    type Prepare = fn(&World);
    let ways: [(&str, Prepare); 6] = [
        ("split index", |w| drop(w.git(&["update-index", "--split-index"]))),
        ("untracked cache", |w| drop(w.git(&["update-index", "--untracked-cache"]))),
        ("fsmonitor", |w| {
            w.hook("../fsmonitor", "printf 'token\\0'");
            w.git(&["config", "core.fsmonitor", ".git/fsmonitor"]);
            w.git(&["update-index", "--fsmonitor"]);
        }),
        ("version 4", |w| drop(w.git(&["update-index", "--index-version", "4"]))),
        ("many files", |w| drop(w.git(&["config", "feature.manyFiles", "true"]))),
        ("no checksum", |w| drop(w.git(&["config", "index.skipHash", "true"]))),
    ];
    for (name, prepare) in ways {
        let world = small();
        world.write("staged.txt", "s\n");
        world.git(&["add", "staged.txt"]);
        prepare(&world);
        world.git(&["status", "--porcelain"]);
        there_and_back(&world, &world.repo());
        // What the user does next is seen.
        world.git(&["config", "core.fsmonitor", "false"]);
        world.write("b.txt", "mine\n");
        world.write("a.txt", world.read("a.txt").replace("1\n", "mine\n"));
        assert_eq!(world.git(&["diff", "--name-only"]), "a.txt\nb.txt\n", "{name}");
        assert_eq!(world.git(&["diff", "--cached", "--name-only"]), "staged.txt\n", "{name}");
        tidy(&world, name);
    }
}

#[test]
fn marked_entries_keep_their_marks() {
    for (mark, letter) in [("--assume-unchanged", "h"), ("--skip-worktree", "S")] {
        let world = small();
        // The mark is there because of local lines that nobody is to see.
        world.write("a.txt", format!("{LINES}local\n"));
        world.git(&["update-index", mark, "a.txt"]);
        assert_eq!(world.git(&["ls-files", "-v"]), format!("{letter} a.txt\nH b.txt\n"));
        there_and_back(&world, &world.repo());
        assert!(world.read("a.txt").ends_with("local\n"), "{mark}");
        assert!(!world.git(&["show", "HEAD:a.txt"]).contains("local"), "{mark}: local lines are not committed");
    }
}

#[test]
fn sparse_checkouts_keep_their_shape() {
    for (kind, index) in [("--cone", "--sparse-index"), ("--cone", "--no-sparse-index")] {
        let world = World::with(&[("a.txt", LINES), ("in/x.txt", "x\n"), ("out/y.txt", "y\n"), ("out/deep/z.txt", "z\n")]);
        world.git(&["sparse-checkout", "set", kind, index, "in"]);
        assert!(!world.exists("out"));
        let folded = world.git(&["ls-files", "--sparse"]).contains("out/\n");
        assert_eq!(folded, index == "--sparse-index");
        there_and_back(&world, &world.repo());
        assert!(!world.exists("out"), "{kind} {index}");
        assert_eq!(world.git(&["ls-tree", "-r", "--name-only", "HEAD"]), "a.txt\nin/x.txt\nout/deep/z.txt\nout/y.txt\n");
    }
}

#[test]
fn while_something_is_in_progress_files_are_written_and_nothing_is_committed() {
    let ways: [(&str, &[&str], &str); 4] = [
        ("merge", &["merge", "-q", "side"], "merge --abort"),
        ("rebase", &["rebase", "-q", "side"], "rebase --abort"),
        ("cherry-pick", &["cherry-pick", "side"], "cherry-pick --abort"),
        ("revert", &["revert", "--no-edit", "HEAD~1"], "revert --abort"),
    ];
    for (name, begin, abort) in ways {
        let world = small();
        world.git(&["switch", "-q", "-c", "side"]);
        world.write("b.txt", "theirs\n");
        world.git(&["commit", "-q", "-a", "-m", "theirs"]);
        world.git(&["switch", "-q", "main"]);
        for text in ["mine\n", "mine again\n"] {
            world.write("b.txt", text);
            world.git(&["commit", "-q", "-a", "-m", "mine"]);
        }
        assert_ne!(world.try_git(begin, b"").code, Some(0), "{name}: it ends in a conflict");
        let (head, index, b) = (world.git(&["rev-parse", "HEAD"]), world.git(&["ls-files", "-s"]), world.read("b.txt"));
        let ran = apply_in(&world, &world.repo(), "a.txt", "8\n", "eight\n").code(5);
        assert!(ran.err.contains(&format!("a {name} is in progress")), "{name}: {}", ran.err);
        assert!(world.read("a.txt").contains("eight\n"), "{name}");
        assert_eq!(
            (world.git(&["rev-parse", "HEAD"]), world.git(&["ls-files", "-s"]), world.read("b.txt")),
            (head, index, b),
            "{name}"
        );
        // A file in conflict holds both sides; an edit of it is the user's business to commit.
        let line = world.read("b.txt").lines().find(|l| l.starts_with("mine")).expect("ours").to_owned() + "\n";
        let ran = apply_in(&world, &world.repo(), "b.txt", &line, "settled\n").code(5);
        assert!(ran.err.contains("in progress"), "{name}: {}", ran.err);
        world.rt(&["undo"]).ok();
        world.rt(&["undo"]).ok();
        assert_eq!(world.read("a.txt"), LINES, "{name}");
        let abort: Vec<&str> = abort.split(' ').collect();
        world.git(&abort);
        world.rt(&["redo"]).ok();
        world.rt(&["retry"]).ok();
        assert!(world.git(&["show", "HEAD:a.txt"]).contains("eight\n"), "{name}: retry commits it when that is over");
        fsck(&world, name);
        tidy(&world, name);
    }
}

#[test]
fn filters_pointers_and_signing() {
    let world = small();
    world.git(&["config", "filter.turn.clean", "tr a-z n-za-m"]);
    world.git(&["config", "filter.turn.smudge", "tr a-z n-za-m"]);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n";
    world.write(".gitattributes", "c.txt filter=turn\nbig.bin filter=lfs diff=lfs merge=lfs -text\n");
    world.write("c.txt", "abc\nxyz\n");
    world.write("big.bin", pointer);
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "filtered"]);
    assert_eq!(world.git(&["cat-file", "blob", "HEAD:c.txt"]), "nop\nklm\n");
    apply_in(&world, &world.repo(), "c.txt", "abc\n", "def\n").ok();
    assert_eq!(
        (world.read("c.txt").as_str(), world.git(&["cat-file", "blob", "HEAD:c.txt"]).as_str()),
        ("def\nxyz\n", "qrs\nklm\n")
    );
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    there_and_back(&world, &world.repo());
    assert_eq!(world.read("big.bin"), pointer);
    // Every commit is signed by whatever the user has set up.
    let signer = world.top().join("signer").display().to_string();
    world.hook("../../../signer", "cat > /dev/null; echo '[GNUPG:] SIG_CREATED ' >&2; printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nours\\n-----END PGP SIGNATURE-----\\n'");
    world.git(&["config", "gpg.program", &signer]);
    world.git(&["config", "commit.gpgSign", "true"]);
    apply_in(&world, &world.repo(), "b.txt", "x\n", "y\n").ok();
    let commit = world.git(&["cat-file", "commit", "HEAD"]);
    assert!(commit.contains("gpgsig ") && commit.contains("Retort-Turn: "), "{commit}");
    world.rt(&["undo"]).ok();
    there_and_back(&world, &world.repo());
    // A signer that fails: the file is written, and that is all.
    world.git(&["config", "gpg.program", "false"]);
    let head = world.git(&["rev-parse", "HEAD"]);
    let ran = apply_in(&world, &world.repo(), "b.txt", "x\n", "z\n").code(5);
    assert!(ran.err.contains("sign"), "{}", ran.err);
    assert_eq!((world.read("b.txt").as_str(), world.git(&["rev-parse", "HEAD"])), ("z\n", head));
}

#[test]
fn paths_that_are_no_utf8_are_left_as_they_are() {
    use std::os::unix::ffi::OsStrExt as _;
    let world = small();
    let odd = world.repo().join(std::ffi::OsStr::from_bytes(b"caf\xe9.txt"));
    std::fs::write(&odd, "odd\n").expect("written");
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "odd"]);
    there_and_back(&world, &world.repo());
    std::fs::write(&odd, "dirty\n").expect("written");
    let dirty = world.rt(&["status", "--json"]).ok().json();
    assert_eq!(dirty[0]["dirty"].as_array().map(Vec::len), Some(1), "{dirty:?}");
    there_and_back(&world, &world.repo());
    assert_eq!(std::fs::read(&odd).expect("read"), b"dirty\n");
    world.rt(&["-m", "say something", "--model", "echo"]).ok();
    world.rt(&["files", "list"]).ok();
}

#[test]
fn sixty_thousand_files() {
    let world = small();
    let mut list = String::new();
    let blob = world.git_input(&["hash-object", "-w", "--stdin"], b"same\n");
    for n in 0..60_000 {
        list.push_str(&format!("100644 {}\td{}/f{n}.txt\n", blob.trim(), n / 300));
    }
    world.git_input(&["update-index", "--index-info"], list.as_bytes());
    world.git(&["checkout-index", "-q", "-a", "-f"]);
    world.git(&["commit", "-q", "-m", "many"]);
    world.git(&["update-index", "-q", "--refresh"]);
    world.write("d7/f2100.txt", "mine\n");
    there_and_back(&world, &world.repo());
    assert_eq!(world.git(&["status", "--porcelain"]), " M d7/f2100.txt\n");
    assert_eq!(world.git(&["ls-files"]).lines().count(), 60_002);
}
