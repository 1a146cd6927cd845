//! docs/formats/turn.md against the program: what it writes is what the document says, and git alone can read it.
//!
//! `UPDATE_TURNS=1 cargo test --test it format` writes tests/fixtures/turns/001-edit anew. That is for a new version of the
//! format only: a golden turn is there to stay readable.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{World, edit};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/turns/001-edit")
}

/// A repository, a server that answers with these texts, and an address in the turns that is the same each time.
fn world(answers: &[String]) -> (World, FakeModel) {
    let model = FakeModel::script(answers.iter().map(|text| Reply::gemini(text, 3)).collect());
    let mut world = World::with(&[("src/page.sh", "# Paging.\npage_count() {\n    echo \"$(( $1 / $2 ))\"\n}\n")]);
    world = world.gemini("http://gemini.invalid");
    world.set("http_proxy", &model.url());
    (world, model)
}

fn answer() -> String {
    edit("src/page.sh", "    echo \"$(( $1 / $2 ))\"\n", "    echo \"$(( ($1 + $2 - 1) / $2 ))\"\n")
        + "\n=== COMMIT: Count the last page ===\n"
}

/// The session's commits by `git`, the oldest first.
fn turns(world: &World) -> Vec<String> {
    let name = world.git(&["for-each-ref", "--format=%(refname)", "refs/retort/sessions"]);
    world.git(&["rev-list", "--reverse", name.trim()]).lines().map(str::to_owned).collect()
}

/// The files of a commit's tree.
fn files(world: &World, commit: &str) -> BTreeMap<String, Vec<u8>> {
    let names = world.git(&["ls-tree", "-r", "--name-only", commit]);
    names.lines().map(|name| (name.to_owned(), world.git(&["show", &format!("{commit}:{name}")]).into_bytes())).collect()
}

/// What stays of a turn when time, ids and prompts change: the trailers' keys, and the files without the parts' labels.
fn shape(commit: &str, names: impl Iterator<Item = String>) -> (Vec<String>, Vec<String>) {
    let (head, message) = commit.split_once("\n\n").expect("a message");
    let committer = head.lines().filter(|l| l.starts_with("committer") || l.starts_with("parent")).map(str::to_owned);
    let keys = message.lines().filter_map(|l| l.split_once(": ")).map(|(key, _)| key.to_owned());
    let names = names.filter(|n| !n.starts_with("request/parts/"));
    (committer.chain(keys).collect(), names.collect())
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a person asks for a new golden turn by a variable")]
fn a_turn_has_the_shape_of_the_golden_one() {
    let (world, _model) = world(&[answer()]);
    drop(world.rt(&["-m", "page_count in src/page.sh forgets the last page"]).ok());
    let [commit] = &turns(&world)[..] else { panic!("one turn") };
    let raw = world.git(&["cat-file", "commit", commit]);
    let files = files(&world, commit);
    if std::env::var_os("UPDATE_TURNS").is_some() {
        let _ = std::fs::remove_dir_all(golden());
        for (name, bytes) in &files {
            let path = golden().join("files").join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, bytes).expect("written");
        }
        std::fs::write(golden().join("commit"), &raw).expect("written");
    }
    let manifest = files["request/manifest"].split(|b| *b == b'\n').filter(|l| !l.is_empty()).count();
    assert!(files.keys().filter(|n| n.starts_with("request/parts/")).count() <= manifest);
    let names = ["edits/0.after", "edits/0.before", "edits/index.json", "prompt", "request/envelope.json"];
    let more = ["request/manifest", "response/head.json", "response/native/0", "response/raw", "response/text", "retort-0"];
    let all: Vec<String> = names.into_iter().chain(more).chain(["turn.json"]).map(str::to_owned).collect();
    assert_eq!(shape(&raw, files.into_keys()), shape(&read(&golden().join("commit")), all.into_iter()));
}

#[test]
fn the_document_shows_the_golden_turn() {
    let document = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats/turn.md"));
    for name in ["commit", "files/request/manifest", "files/turn.json", "files/edits/index.json", "files/request/envelope.json"] {
        let text = read(&golden().join(name));
        assert!(document.contains(text.trim_end()), "{name} is not in the document");
    }
}

/// The body of a turn's request, put together as the document says, with nothing but git.
fn body(world: &World, commit: &str) -> Vec<u8> {
    let manifest = world.git(&["show", &format!("{commit}:request/manifest")]);
    let chain = world.git(&["rev-list", "--first-parent", commit]);
    let mut out = Vec::new();
    for line in manifest.lines() {
        let words: Vec<&str> = line.splitn(5, ' ').collect();
        let part = chain.lines().find_map(|turn| files(world, turn).remove(&format!("request/parts/{}", words[0])));
        let part = part.unwrap_or_else(|| panic!("no part {}", words[0]));
        assert_eq!(part.len().to_string(), words[1]);
        match words[2] {
            "raw" => out.extend(part),
            "json" => {
                let quoted = serde_json::to_string(&String::from_utf8(part).expect("text")).expect("a string");
                out.extend(&quoted.as_bytes()[1..quoted.len() - 1]);
            }
            other => panic!("unknown encoding {other}"),
        }
    }
    out
}

#[test]
fn requests_can_be_put_together_with_git_alone() {
    let (world, model) =
        world(&[answer(), "Nothing to do: \"quoted\" \\ and ünicode.\n".to_owned(), "Still nothing.\n".to_owned()]);
    drop(world.rt(&["-m", "page_count in src/page.sh forgets the last page"]).ok());
    drop(world.rt(&["-c", "-m", "and \"now\"?\tTabs, too"]).ok());
    drop(world.rt(&["-c", "-m", "once more"]).ok());
    let turns = turns(&world);
    let sent: Vec<Vec<u8>> = model.requests().into_iter().map(|r| r.body).collect();
    assert_eq!((turns.len(), sent.len()), (3, 3));
    for (turn, sent) in turns.iter().zip(sent) {
        assert_eq!(String::from_utf8_lossy(&body(&world, turn)), String::from_utf8_lossy(&sent));
    }
    let stored = |turn: &str| files(&world, turn).keys().filter(|n| n.starts_with("request/parts/")).count();
    assert!(stored(&turns[2]) < stored(&turns[0]), "a later turn holds only what is new");
}
