//! What goes wrong: the provider, the connection, the repository, the user's set-up.

use crate::support::fake_model::{FakeModel, Reply};
use crate::support::world::{World, edit, steady};

fn change() -> String {
    edit("a.txt", "one\n", "1\n")
}

fn world(model: &FakeModel) -> World {
    let mut world = World::with(&[("a.txt", "one\ntwo\n")]).gemini(&model.url());
    world.set("RT__PROVIDERS__GEMINI__RETRY__BASE", "1ms");
    world.set("RT__PROVIDERS__GEMINI__RETRY__CAP", "2ms");
    world
}

fn last(world: &World) -> serde_json::Value {
    world.rt(&["show", "--json"]).ok().json().remove(0)
}

#[test]
fn a_provider_that_refuses_is_exit_code_four_and_a_turn() {
    let body = r#"{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT", "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]}}"#;
    let model = FakeModel::script(vec![Reply::error(400, body)]);
    let world = world(&model);
    let ran = world.rt(&["-m", "change a.txt"]).code(4);
    insta::assert_snapshot!(steady(&ran.err), @r"
    change-txt · new session · gemini/flash (GEMINI_API_KEY)
    + a.txt (named)   total N tokens
    turn rkpm · Ts · rt show --prompt
    error: gemini: HTTP 400: API key not valid. Please pass a valid API key.
    hint: the provider does not accept the key; check the variable that holds it
    ");
    let turn = last(&world);
    assert_eq!(turn["outcome"], "failed");
    assert_eq!(turn["prompt"], "change a.txt");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.rt(&["show", "--prompt"]).ok().raw, model.requests()[0].body, "what was asked is kept");
}

#[test]
fn an_overloaded_provider_is_asked_again() {
    let busy = || Reply::error(503, r#"{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}"#);
    let model = FakeModel::script(vec![busy(), busy(), Reply::gemini(&change(), 3)]);
    let world = world(&model);
    let ran = world.rt(&["-m", "change a.txt"]).ok();
    assert!(ran.err.contains("overloaded") && ran.err.contains("trying again"), "{}", ran.err);
    assert_eq!(model.requests().len(), 3);
    let received = model.requests();
    assert!(received.iter().all(|r| r.body == received[0].body), "the same bytes each time");
    assert_eq!(world.rt(&["show", "--prompt"]).ok().raw, received[0].body);
    assert_eq!(world.rt(&["log", "--json"]).ok().json().len(), 1, "one turn");
    assert_eq!(world.read("a.txt"), "1\ntwo\n");
}

#[test]
fn nobody_there_is_exit_code_four() {
    let model = FakeModel::script(Vec::new());
    let mut world = world(&model);
    world.set("RT__PROVIDERS__GEMINI__RETRY__MAX", "1");
    drop(model);
    let ran = world.rt(&["-m", "change a.txt"]).code(4);
    assert!(ran.err.contains("127.0.0.1") || ran.err.contains("connect"), "{}", ran.err);
    assert_eq!(last(&world)["outcome"], "failed");
}

#[test]
fn a_cut_stream_keeps_its_text_and_writes_nothing() {
    let text = format!("{}{}", change(), "and more words ".repeat(40));
    let model = FakeModel::script(vec![Reply::gemini(&text, 10).cut_after(6), Reply::gemini("Going on.", 2)]);
    let world = world(&model);
    let ran = world.rt(&["-m", "change a.txt"]).code(4);
    assert!(ran.err.contains("rt show"), "{}", ran.err);
    assert_eq!(world.read("a.txt"), "one\ntwo\n");
    let turn = last(&world);
    assert_eq!(turn["outcome"], "interrupted");
    let kept = turn["answer"].as_str().expect("text");
    assert!(text.starts_with(kept) && kept.contains(">>>>>>> REPLACE"), "{kept}");
    assert_eq!(ran.out.trim_end(), kept.trim_end(), "what was shown is what is kept");
    let raw = world.rt(&["show", "--raw"]).ok().raw;
    assert!(raw.starts_with(b"data: {") && raw.ends_with(b"\r\n\r\n"));
    // One can go on from there.
    world.rt(&["-c", "-m", "go on"]).ok();
    assert!(model.requests()[1].text().contains("and more words"));
}

#[test]
fn the_complete_edits_of_a_cut_answer_wait_and_are_written_when_one_says_so() {
    let half = change().replace("one", "two").replace('1', "2");
    let half = &half[..half.find(">>>>>>>").expect("an end")];
    for text in [format!("{}\nAnd then ", change()), format!("{}\n{half}", change())] {
        let whole = format!("{text}{}", ".".repeat(text.len()));
        let model = FakeModel::script(vec![Reply::gemini(&whole, 10).cut_after(5)]);
        let world = world(&model);
        let ran = world.rt(&["-m", "change a.txt"]).code(4);
        assert!(ran.err.contains("complete edits of 1 file are kept: rt retry --partial"), "{}", ran.err);
        assert_eq!((world.read("a.txt").as_str(), world.git(&["status", "--porcelain"]).as_str()), ("one\ntwo\n", ""));
        assert!(world.rt(&["status"]).ok().out.contains("1 file to write"));
        let said = world.rt(&["show"]).ok().out;
        assert!(said.contains("cut off") || said.contains("ends inside this block"), "{said}");
        world.rt(&["retry"]).code(5);
        assert_eq!(world.read("a.txt"), "one\ntwo\n");
        world.rt(&["retry", "--partial"]).ok();
        assert_eq!((world.read("a.txt").as_str(), world.git(&["status", "--porcelain"]).as_str()), ("1\ntwo\n", ""));
        world.rt(&["undo"]).ok();
        assert_eq!(world.read("a.txt"), "one\ntwo\n");
    }
}

#[test]
fn a_hook_that_refuses_keeps_the_files_and_retry_commits_them() {
    let model = FakeModel::saying(&[change()]);
    let world = world(&model);
    let head = world.git(&["rev-parse", "HEAD"]);
    world.hook("pre-commit", "echo 'the linter says no' >&2; exit 1");
    let ran = world.rt(&["-m", "change a.txt"]).code(5);
    assert!(ran.err.contains("the linter says no") && ran.err.contains("rt retry"), "{}", ran.err);
    assert_eq!((world.read("a.txt").as_str(), world.git(&["rev-parse", "HEAD"])), ("1\ntwo\n", head));
    assert_eq!(last(&world)["outcome"], "uncommitted");
    world.rt(&["retry"]).code(5);
    world.hook("pre-commit", "touch hook-ran; exit 0");
    world.rt(&["retry"]).ok();
    assert!(world.exists("hook-ran"));
    assert_eq!(world.git(&["show", "HEAD:a.txt"]), "1\ntwo\n");
    assert_eq!(world.git(&["status", "--porcelain", "--untracked-files=no"]), "");
    assert_eq!(model.requests().len(), 1);
}

#[test]
fn a_hook_sees_our_change_only_and_may_reword_the_message() {
    let model = FakeModel::saying(&[change()]);
    let world = world(&model);
    world.write("staged.txt", "mine\n");
    world.git(&["add", "staged.txt"]);
    world.hook("pre-commit", "git diff --cached --name-only > ../seen");
    world.hook("commit-msg", "sed -i '1s/^/[hooked] /' \"$1\"");
    world.rt(&["-m", "change a.txt"]).ok();
    assert_eq!(std::fs::read_to_string(world.top().join("seen")).expect("it ran"), "a.txt\n");
    assert!(world.git(&["log", "-1", "--format=%s"]).starts_with("[hooked] "));
    assert_eq!(world.git(&["status", "--porcelain"]), "A  staged.txt\n");
    world.rt(&["undo"]).ok();
    assert_eq!((world.read("a.txt").as_str(), world.git(&["status", "--porcelain"])), ("one\ntwo\n", "A  staged.txt\n".into()));
}

#[test]
fn in_the_middle_of_a_merge_nothing_is_committed() {
    let model = FakeModel::saying(&[change()]);
    let world = world(&model);
    world.git(&["checkout", "-q", "-b", "side"]);
    world.write("b.txt", "side\n");
    world.git(&["add", "b.txt"]);
    world.git(&["commit", "-q", "-m", "side"]);
    world.git(&["checkout", "-q", "main"]);
    world.write("b.txt", "main\n");
    world.git(&["add", "b.txt"]);
    world.git(&["commit", "-q", "-m", "main"]);
    assert_eq!(world.try_git(&["merge", "-q", "side"], b"").code, Some(1));
    let (head, status) = (world.git(&["rev-parse", "HEAD"]), world.git(&["status", "--porcelain=v2"]));
    let ran = world.rt(&["-m", "change a.txt"]).code(5);
    assert!(ran.err.contains("merge") && ran.err.contains("rt retry"), "{}", ran.err);
    assert_eq!((world.git(&["rev-parse", "HEAD"]), world.read("a.txt").as_str()), (head, "1\ntwo\n"));
    let now = world.git(&["status", "--porcelain=v2"]);
    let others: Vec<&str> = now.lines().filter(|l| !l.ends_with(" a.txt")).collect();
    assert_eq!(others, status.lines().collect::<Vec<_>>());
    world.write("b.txt", "both\n");
    world.git(&["add", "b.txt"]);
    world.git(&["commit", "-q", "-m", "merged"]);
    world.rt(&["retry"]).ok();
    assert_eq!(world.git(&["show", "--format=", "--name-only", "HEAD"]), "a.txt\n");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[test]
fn without_an_identity_nothing_is_sent() {
    let model = FakeModel::saying(&[change()]);
    let mut world = world(&model);
    world.set("GIT_CONFIG_GLOBAL", "/dev/null");
    let ran = world.rt(&["-m", "change a.txt"]).code(1);
    assert!(ran.err.contains("user.name") && ran.err.contains("user.email"), "{}", ran.err);
    assert!(model.requests().is_empty(), "nothing was sent");
    assert_eq!(world.git(&["for-each-ref", "refs/retort"]), "");
    assert_eq!(world.rt(&["status"]).ok().err, "", "nothing is left behind");
}

#[test]
fn a_locked_index_is_said_and_retried() {
    let model = FakeModel::saying(&[change()]);
    let world = world(&model);
    world.write(".git/index.lock", "");
    let ran = world.rt(&["-m", "change a.txt"]).code(5);
    assert!(ran.err.contains("index.lock") && ran.err.contains("rt retry"), "{}", ran.err);
    assert_eq!(world.read("a.txt"), "1\ntwo\n");
    std::fs::remove_file(world.repo().join(".git/index.lock")).expect("still there");
    world.rt(&["retry"]).ok();
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_file_that_changed_while_the_model_wrote_is_merged_or_left() {
    let (reply, gate) = Reply::gemini(&change(), 4).gated(3);
    let model = FakeModel::script(vec![reply]);
    let world = world(&model);
    let child = world.start(&["-m", "change a.txt"]);
    while model.requests().is_empty() {
        std::thread::yield_now();
    }
    world.write("a.txt", "one\ntwo\nthree, by hand\n");
    gate.send(()).expect("the server waits");
    let out = child.wait_with_output().expect("it ends");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(world.read("a.txt"), "1\ntwo\nthree, by hand\n");
    assert_eq!(world.git(&["show", "HEAD:a.txt"]), "1\ntwo\n");
}
