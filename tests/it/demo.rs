//! `rt demo` as a newcomer runs it.

use crate::support::world::World;

#[test]
fn the_whole_loop_runs_without_key_or_network() {
    let world = World::new();
    let ran = world.rt_in(world.top(), &["demo"], b"", &[]).ok();
    let at = |text: &str| ran.out.find(text).unwrap_or_else(|| panic!("{text:?} is missing in:\n{}", ran.out));
    let steps = [
        "The model is RECORDED",
        "FAILED  page_count 0 10",
        "$ rt -m Please implement the page_count stub in paging.sh",
        "=== COMMIT: Implement page_count ===",
        "+    echo $((($1 + $2 - 1) / $2))",
        "ok      page_count 11 10 = 2",
        "refs/retort/sessions/",
        "Please implement the page_count stub in paging.sh\n\nEverything can be taken back",
        "took back Please implement",
    ];
    let places: Vec<usize> = steps.into_iter().map(at).collect();
    assert!(places.is_sorted(), "{places:?}\n{}", ran.out);
    assert!(ran.err.contains("committed") && ran.err.contains("new session"), "{}", ran.err);
    let scratch = world.top().join("retort-demo-1");
    assert_eq!(world.git_in(&scratch, &["status", "--porcelain"]), "");
    assert_eq!(world.git_in(&scratch, &["log", "--format=%s"]), "A stub and its test\n");
}
