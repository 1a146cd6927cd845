//! Disks that are full and directories that cannot be written: nothing half-written, nothing lost, and a word about it.
//!
//! Invariants
//! - Real file systems of a size of their own, in a mount namespace that nobody else sees and that goes with the test. Where
//!   the system does not allow one, the test says so and ends.
#![expect(clippy::print_stderr, reason = "a test that cannot run here says so")]

use crate::support::small::{LINES, small};
use crate::support::world::{Ran, World, edit};

/// Runs a script in a copy of the repository that lies in a file system of its own; `None` where there can be none. In the
/// script `$RT` is the program and `$OUT` a directory elsewhere.
pub(crate) fn mounted(world: &World, size: &str, script: &str) -> Option<Ran> {
    let allowed = world.run("unshare", &["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]);
    if allowed.code != Some(0) {
        eprintln!("skipped: no mount namespaces here: {}", allowed.err.trim());
        return None;
    }
    let (place, out) = (world.top().join("disk"), world.top().join("out"));
    std::fs::create_dir_all(&place).expect("made");
    std::fs::create_dir_all(&out).expect("made");
    let whole = format!(
        "RT={}; OUT={}; mount -t tmpfs -o size={size} none {d} && cp -a . {d} && cd {d} || exit 99\n{script}",
        env!("CARGO_BIN_EXE_rt"),
        out.display(),
        d = place.display(),
    );
    Some(world.run("unshare", &["-rm", "sh", "-c", &whole]))
}

/// An edit with all but so many kilobytes of the disk taken, from none to more than it needs.
#[test]
fn a_full_disk_leaves_everything_whole() {
    let world = small();
    let answer = edit("a.txt", "8\n", "eight\n") + &edit("new/c.txt", "", "made\n");
    std::fs::write(world.top().join("answer"), answer).expect("written");
    let script = r#"
seed=0
for free in 0 4 8 12 16 20 24 28 32 36 40 44 48 52 56 60 64 72 80 96 112 128 160; do
    seed=$((seed + 1)); export RT__DEBUG__SEED=$seed
    avail=$(df -k --output=avail . | tail -1)
    dd if=/dev/zero of=.git/filler bs=1k count=$((avail - free)) 2>/dev/null
    "$RT" apply --new < "$OUT/../answer" > "$OUT/out" 2> "$OUT/err"; code=$?
    file=$(tr '\n' ' ' < a.txt); made=$(cat new/c.txt 2>/dev/null)
    rm .git/filler
    RT__DEBUG__SEED=$((seed + 1000)) "$RT" status > "$OUT/status" 2> "$OUT/after"; then=$?
    sound=$(git fsck --strict --no-dangling --no-progress 2>&1 | tr '\n' ' ')
    left=$(ls .git/retort/wal 2>/dev/null | tr '\n' ' ')$(find . -name '.*.tmp' -o -name '*.lock' -size +0 | tr '\n' ' ')
    dirty=$(git status --porcelain | tr '\n' ' ')
    echo "$free|$code|$file|$made|$then|$sound|$left|$dirty|$(grep -c . "$OUT/after")|$(tr '\n' ' ' < "$OUT/err")"
    git reset -q --hard start; git clean -qfd
done
"#;
    world.git(&["tag", "start"]);
    let Some(ran) = mounted(&world, "16m", script) else { return };
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    let (before, after) = (LINES.replace('\n', " "), LINES.replace("8\n", "eight\n").replace('\n', " "));
    let mut codes = Vec::new();
    for line in ran.out.lines() {
        let words: Vec<&str> = line.splitn(10, '|').collect();
        let [_, code, file, made, then, sound, left, dirty, _, err] = words[..] else { panic!("{line}") };
        codes.push(code);
        assert!((file, made) == (&before, "") || (file, made) == (&after, "made"), "both files or none: {line}");
        assert_eq!((then, sound, left), ("0", "", ""), "{line}");
        match code {
            "0" => assert_eq!((file, dirty), (after.as_str(), ""), "{line}"),
            "1" | "5" => assert!(err.contains("error: ") && err.contains("full"), "{line}"),
            _ => panic!("{line}"),
        }
    }
    assert!(codes.len() > 20 && codes[0] != "0" && codes[codes.len() - 1] == "0", "{codes:?}");
}

/// A repository that nobody can write: reading works, a turn is refused before anything is sent.
#[test]
fn a_read_only_repository_can_be_read() {
    let world = World::with(&[("a.txt", LINES)]);
    world.rt_with(&["apply"], edit("a.txt", "2\n", "two\n").as_bytes(), &[]).ok();
    std::fs::write(world.top().join("answer"), edit("a.txt", "8\n", "eight\n")).expect("written");
    let script = r#"
mount -o remount,ro . || exit 98
for args in "log --json" "status" "show" "diff" "session list" "index check" "files list"; do
    "$RT" $args > "$OUT/out" 2> "$OUT/err" || { echo "$args: $(cat "$OUT/err")"; }
done
"$RT" apply < "$OUT/../answer" 2>&1; echo "apply: $?"
"$RT" -m 'say something' --model echo 2>&1; echo "ask: $?"
"$RT" undo 2>&1; echo "undo: $?"
git fsck --strict 2>&1; git status --porcelain
"#;
    let Some(ran) = mounted(&world, "16m", script) else { return };
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let said = |l: &&str| ["error: ", "apply: ", "ask: ", "undo: "].iter().any(|begin| l.starts_with(begin));
    let lines: Vec<&str> = ran.out.lines().filter(said).collect();
    let [apply, code, ask, asked, undo, undone] = lines[..] else { panic!("{}", ran.out) };
    assert_eq!((code, asked, undone), ("apply: 1", "ask: 1", "undo: 1"), "{}", ran.out);
    for line in [apply, ask, undo] {
        assert!(line.starts_with("error: ") && line.contains("Read-only"), "{}", ran.out);
    }
}
