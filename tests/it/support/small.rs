//! The small repository that most tests of safety begin with: `a.txt` with nine lines, `b.txt` with one.

use std::path::Path;

use super::world::{Ran, World, edit};

pub(crate) const LINES: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

pub(crate) fn small() -> World {
    World::with(&[("a.txt", LINES), ("b.txt", "x\n")])
}

/// The same with a turn, which changed the second line of `a.txt`.
pub(crate) fn small_with_a_turn() -> World {
    let world = small();
    let _ = apply(&world, "a.txt", "2\n", "two\n").ok();
    world
}

/// Applies an answer with one edit.
#[must_use = "a test looks at how a run went"]
pub(crate) fn apply(world: &World, path: &str, search: &str, replace: &str) -> Ran {
    apply_in(world, &world.repo(), path, search, replace)
}

/// The same in a directory.
#[must_use = "a test looks at how a run went"]
pub(crate) fn apply_in(world: &World, directory: &Path, path: &str, search: &str, replace: &str) -> Ran {
    world.rt_in(directory, &["apply"], edit(path, search, replace).as_bytes(), &[])
}

/// The id of the one session that there is.
pub(crate) fn session(world: &World) -> String {
    world.git(&["for-each-ref", "--format=%(refname:lstrip=3)", "refs/retort/sessions"]).trim().to_owned()
}
