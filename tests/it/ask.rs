//! `rt -m`: how a message is read, where it goes, and what is seen.

use crate::support::fake_model::FakeModel;
use crate::support::world::{World, edit, steady};

const STUB: &str = "fn xyz() -> u32 {\n    todo!()\n}\n";

fn implement() -> String {
    edit("asdf.rs", "    todo!()\n", "    42\n") + "\n=== COMMIT: Implement xyz ===\n"
}

#[test]
fn an_unquoted_message_finds_its_file() {
    let model = FakeModel::saying(&[implement().replace("asdf.rs", "src/asdf.rs")]);
    let world = World::with(&[("src/asdf.rs", STUB), ("src/other.rs", "fn other() {}\n")]).gemini(&model.url());
    let line = ["-m", "Please", "implement", "the", "xyz", "function", "stub", "in", "asdf.rs"];
    let ran = world.rt(&line).ok();
    assert_eq!(world.read("src/asdf.rs"), STUB.replace("todo!()", "42"));
    insta::assert_snapshot!(ran.out, @r"
    I change it.

    src/asdf.rs
    ```
    <<<<<<< SEARCH
        todo!()
    =======
        42
    >>>>>>> REPLACE
    ```

    === COMMIT: Implement xyz ===
    ");
    insta::assert_snapshot!(steady(&ran.err), @r"
    implement-xyz-function-stub · new session · gemini/flash (GEMINI_API_KEY)
    + src/asdf.rs (named)   total N tokens
    src/asdf.rs  +1 −1   committed 6ea3dfa on main
    edits are committed to your branch; to commit yourself: rt config set vcs.commit off
    turn rkpm · $0.0010 · Ts · rt undo · rt show --prompt
    ");
    let body = model.requests()[0].text();
    assert!(body.contains("Please implement the xyz function stub in asdf.rs") && !body.contains("fn other()"));
    assert_eq!(model.requests()[0].path, "/v1beta/models/gemini-flash-latest:streamGenerateContent?alt=sse");
}

#[test]
fn the_event_stream() {
    let model = FakeModel::saying(&[implement()]);
    let world = World::with(&[("asdf.rs", STUB)]).gemini(&model.url());
    let ran = world.rt(&["--json", "-m", "implement xyz in asdf.rs"]).ok();
    let mut shown = String::new();
    for mut event in ran.json().into_iter().filter(|e| e["event"] != "text" && e["event"] != "edit") {
        // What changes with every template, or with one more look at the clock.
        for at in ["/tokens", "/request/length", "/request/sha256", "/session", "/start", "/end"] {
            if let Some(value) = event.pointer_mut(at) {
                *value = serde_json::Value::String("…".to_owned());
            }
        }
        shown.push_str(&format!("{event}\n"));
    }
    insta::assert_snapshot!(shown, @r#"
    {"event":"request","files":[{"access":"read-write","exists":true,"path":"asdf.rs","why":"named"}],"model":"gemini/flash","name":"implement-xyz-asdf-rs","new":true,"session":"…","tokens":"…","tokens_error":25,"turn":"rkpmwvoooznylmzqukokyouznozlvrsr","v":1}
    {"event":"written","files":[{"added":1,"path":"asdf.rs","removed":1,"status":"M"}],"v":1}
    {"commit":"a986c67c577a73e085ed6bb7065da0e29cf122da","event":"committed","uncommitted":[],"v":1,"without_user_lines":[]}
    {"base":"c6aca08ec0a17706a474557d81da854f33262d34","branch":"refs/heads/main","commit":"a986c67c577a73e085ed6bb7065da0e29cf122da","cost":"0.00103125","end":"…","event":"turn","exchange":"rkpmwvoooznylmzqukokyouznozlvrsr","files":[{"added":1,"path":"asdf.rs","removed":1,"status":"M"}],"forked":false,"forked_from":null,"kind":"turn","model":"gemini/flash","outcome":"applied","request":{"length":"…","sha256":"…"},"seq":1,"served":"gemini-3.7-flash","session":"…","start":"…","subject":"implement xyz in asdf.rs","turn":"rkpmwvoooznylmzqukokyouznozlvrsr","usage":{"cache_read":0,"cache_write":0,"input":1200,"output":35,"reasoning":30},"v":1}
    "#);
    let text: String = ran.json().iter().filter(|e| e["event"] == "text").filter_map(|e| e["text"].as_str()).collect();
    assert_eq!(text, implement());
    let order: Vec<String> = ran.json().iter().map(|e| e["event"].as_str().expect("a kind").to_owned()).collect();
    assert_eq!(
        order.iter().filter(|kind| *kind != "text").collect::<Vec<_>>(),
        ["request", "edit", "written", "committed", "turn"]
    );
    let edit = ran.json().into_iter().find(|e| e["event"] == "edit").expect("an edit");
    assert_eq!((edit["path"].as_str(), edit["op"].as_str()), (Some("asdf.rs"), Some("replace")));
    assert!(ran.json().iter().all(|e| e["v"] == 1));
}

/// The session of the newest turn, and how many turns it has.
fn newest(world: &World) -> (String, usize) {
    let rows = world.rt(&["log", "--json"]).ok().json();
    (rows[0]["session"].as_str().expect("a session").to_owned(), rows.len())
}

#[test]
fn where_a_message_goes() {
    let model = FakeModel::answering(|_| crate::support::fake_model::Reply::gemini("Yes.", 1));
    let world = World::with(&[("a.txt", "a\n")]).gemini(&model.url());
    assert!(world.rt(&["-c", "-m", "go on"]).code(1).err.contains("no session"));
    assert!(model.requests().is_empty());
    world.rt(&["-m", "first"]).ok();
    let (first, _) = newest(&world);
    // Without a terminal a message without a flag begins a session.
    let ran = world.rt(&["-m", "second"]).ok();
    assert!(ran.err.contains("new session"), "{}", ran.err);
    let (second, turns) = newest(&world);
    assert_ne!(first, second);
    assert_eq!(turns, 1);
    let ran = world.rt(&["-c", "-m", "go on"]).ok();
    assert!(ran.err.contains("turn 2"), "{}", ran.err);
    assert_eq!(newest(&world), (second.clone(), 2));
    world.rt(&["-s", &first, "-m", "back"]).ok();
    assert_eq!(newest(&world), (first.clone(), 2));
    world.rt(&["-n", "-m", "third"]).ok();
    assert_eq!(newest(&world).1, 1);
    // From a turn that is not the last one it is a fork, and the original stays as it is.
    let ran = world.rt(&["-s", &format!("{second}~1"), "-m", "otherwise"]).ok();
    assert!(ran.err.contains("new session"), "{}", ran.err);
    let (fork, turns) = newest(&world);
    assert!(fork != second && turns == 2);
    assert_eq!(world.rt(&["log", &second, "--json"]).ok().json().len(), 2);
    let rows = world.rt(&["log", "--json"]).ok().json();
    assert_eq!(rows[0]["forked_from"]["session"], second.as_str());
    assert_eq!(rows[1]["session"], second.as_str());
    for line in [&["-c", "-n", "-m", "x"][..], &["-s", "@", "-c", "-m", "x"], &["-s", "@", "-n", "-m", "x"]] {
        let ran = world.rt(line).code(2);
        assert!(ran.err.contains("cannot be used with"), "{}", ran.err);
    }
    assert!(world.rt(&["-s", "nobody", "-m", "x"]).code(1).err.contains("nobody"));
}

#[test]
fn ways_to_give_a_message() {
    let model = FakeModel::answering(|_| crate::support::fake_model::Reply::gemini("Yes.", 1));
    let world = World::with(&[("a.txt", "content of a\n")]).gemini(&model.url());
    let last = || model.requests().last().expect("a request").text();
    world.rt_with(&["-m", "review this"], b"diff --git a/a b/a\n", &[]).ok();
    assert!(last().contains("diff --git a/a b/a") && last().contains("review this"));
    world.rt_with(&["-m", "-"], b"all of it from standard input, with a.txt\n", &[]).ok();
    assert_eq!(last().matches("all of it from standard input").count(), 1);
    assert!(last().contains("content of a"));
    world.write("message.md", "from a file\n");
    world.rt_with(&["-F", "message.md"], b"and piped", &[]).ok();
    assert!(last().contains("from a file") && last().contains("and piped"));
    world.rt(&["-m", "first part", "-m", "second", "part"]).ok();
    assert!(last().contains(r"first part\n\nsecond part"), "{}", last());
    world.rt_with(&["-e"], b"", &[("GIT_EDITOR", "printf 'from the editor' >")]).ok();
    assert!(last().contains("from the editor"));
    world.rt(&["-m", "- begins like a list"]).ok();
    assert!(last().contains("- begins like a list"));
    let asked = model.requests().len();
    for (line, said) in [
        (&["-m", "add", "a", "--verbose", "flag"][..], "quote"),
        (&["-m", "words", "--model", "flash", "more", "words"], "quote"),
        (&["-m", " "], "empty"),
        (&["-m"], "needs a message"),
        (&["-F", "missing.md"], "missing.md"),
        (&["-c"], "message"),
    ] {
        let ran = world.rt(line);
        assert!(matches!(ran.code, Some(1 | 2)), "{line:?} {ran:?}");
        assert!(ran.err.contains(said), "{line:?}: {}", ran.err);
    }
    let failed = world.rt_with(&["-e", "-m", "draft"], b"", &[("GIT_EDITOR", "false")]).code(1);
    assert!(failed.err.contains("nothing was sent"), "{}", failed.err);
    assert_eq!(model.requests().len(), asked);
}

#[test]
fn a_dry_run_is_stored_and_written_by_retry() {
    let model = FakeModel::saying(&[implement()]);
    let world = World::with(&[("asdf.rs", STUB)]).gemini(&model.url());
    let head = world.git(&["rev-parse", "HEAD"]);
    let ran = world.rt(&["--dry-run", "-m", "implement xyz in asdf.rs"]).ok();
    assert!(ran.err.contains("stored, not written") && ran.err.contains("rt retry"), "{}", ran.err);
    assert_eq!((world.read("asdf.rs").as_str(), world.git(&["status", "--porcelain"])), (STUB, String::new()));
    assert_eq!(world.git(&["rev-parse", "HEAD"]), head);
    world.rt(&["retry"]).ok();
    assert_eq!(world.git(&["show", "HEAD:asdf.rs"]), STUB.replace("todo!()", "42"));
    assert_eq!(world.git(&["log", "-1", "--format=%s"]), "Implement xyz\n");
    assert_eq!(model.requests().len(), 1, "no second call");
    let again = world.rt(&["retry"]).code(1);
    assert!(again.err.contains("no edits that wait"), "{}", again.err);
    world.rt(&["undo"]).ok();
    assert_eq!((world.read("asdf.rs").as_str(), world.git(&["rev-parse", "HEAD"])), (STUB, head));
}

#[test]
fn what_was_written_without_a_commit_is_committed_by_retry() {
    let model = FakeModel::saying(&[implement(), implement()]);
    let world = World::with(&[("asdf.rs", STUB)]).gemini(&model.url());
    let ran = world.rt(&["--no-commit", "-m", "implement xyz in asdf.rs"]).ok();
    assert!(ran.err.contains("written, not committed"), "{}", ran.err);
    assert_eq!(world.git(&["status", "--porcelain"]), " M asdf.rs\n");
    world.rt(&["retry"]).ok();
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.git(&["rev-list", "--count", "HEAD"]), "2\n");
    world.rt(&["undo"]).ok();
    assert_eq!(world.read("asdf.rs"), STUB);
    assert_eq!(world.git(&["rev-list", "--count", "HEAD"]), "1\n");
    // The same by configuration, and taken back from the files alone.
    world.rt(&["--config", "vcs.commit=off", "-n", "-m", "implement xyz in asdf.rs"]).ok();
    assert_eq!(world.git(&["status", "--porcelain"]), " M asdf.rs\n");
    world.rt(&["undo"]).ok();
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[test]
fn without_a_model_every_way_to_get_one_is_named() {
    let world = World::with(&[("a.txt", "a\n")]);
    insta::assert_snapshot!(world.rt(&["-m", "hello"]).code(1).err, @r#"
    error: no model is set up
    hint: a key: export GEMINI_API_KEY=…  (or GOOGLE_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY, XAI_API_KEY; none of them is set)
    hint: or keep one: rt model login anthropic   where claude is installed: --model claude-code/sonnet
    hint: a local server: none is named in model.local_servers   start one: rt model scan, rt model serve NAME
    hint: any other server: rt config set providers.NAME.kind openai, and providers.NAME.base_url
    hint: no key at all: rt -m "…" --model manual  (paste the prompt into any chat), or see it work: rt demo
    "#);
    let outside = world.rt_in(world.top(), &["-m", "hello"], b"", &[("GEMINI_API_KEY", "k")]).code(1);
    assert!(outside.err.contains("git init"), "{}", outside.err);
}

#[test]
fn where_answer_and_frame_go_to_one_place_the_frame_begins_a_line() {
    let model = FakeModel::saying(&["no newline at end", "no newline at end"]);
    let world = World::with(&[("a.txt", "a\n")]).gemini(&model.url());
    let script = format!("\"{}\" -n -m hi 2>&1 </dev/null", env!("CARGO_BIN_EXE_rt"));
    let ran = world.run("sh", &["-c", &script]).ok();
    assert!(ran.out.contains("no newline at end\nturn "), "{}", ran.out);
    // Apart, the answer is what it is.
    assert_eq!(world.rt(&["-n", "-m", "hi"]).ok().out, "no newline at end");
}

#[test]
fn a_given_file_that_does_not_exist_is_said() {
    let model = FakeModel::saying(&["Yes."]);
    let world = World::with(&[("a.txt", "a\n")]).gemini(&model.url());
    let ran = world.rt(&["-m", "look", "--file", "typo.txt", "--file", "a.txt"]).ok();
    assert!(ran.err.contains("+ typo.txt (given, no such file yet)   + a.txt (given)"), "{}", ran.err);
}

#[test]
fn a_check_that_is_empty_is_a_mistake() {
    let world = World::with(&[("a.txt", "a\n")]);
    for flag in ["--test", "--lint"] {
        let ran = world.rt(&["-m", "hi", flag, ""]).code(2);
        assert!(ran.err.contains("it is empty"), "{}", ran.err);
    }
}
