//! What a command of the user's writes.

use retort::config::OnFailure;
use retort::hooks::{Answer, Point, Side, Verdict};
use retort::process::bounded::{Bounded, Ended, Kept};

use super::bytes::Dice;

/// Any output is read; a no has a reason of sensible length, nothing that is given leads out of the project, and a failure
/// alone stops nothing.
pub fn answer(bytes: &[u8]) {
    let mut dice = Dice::of(bytes);
    let point = Point::ALL[dice.below(Point::ALL.len())];
    let kept = |bytes: &[u8]| Kept { bytes: bytes.to_vec(), ..Kept::default() };
    for ended in [Ended::Code(0), Ended::Code(1), Ended::Code(2), Ended::Signal, Ended::TimedOut] {
        let ran = Bounded { ended, stdout: kept(bytes), stderr: kept(bytes) };
        let answer = Answer::read(point, &ran, OnFailure::Warn);
        match &answer.verdict {
            Verdict::Block(why) | Verdict::Stop(why) => {
                assert!(!why.is_empty() && why.chars().count() <= 10_000, "a reason of {} bytes", why.len());
                assert!(matches!(ended, Ended::Code(0 | 2)) && answer.failed.is_none());
            }
            Verdict::Go => assert_ne!(ended, Ended::Code(2), "2 is a no"),
        }
        if answer.failed.is_some() || ended != Ended::Code(0) {
            assert!(answer.said.names().is_empty(), "what cannot be used gives nothing");
        }
        for (path, _) in answer.said.files.iter().flatten() {
            assert!(!path.as_bytes().starts_with(b"/") && path.as_bytes().split(|b| *b == b'/').all(|part| part != b".."));
        }
        for side in [Side::Before, Side::Instead, Side::After] {
            assert!(answer.said.unused(point, side).len() <= answer.said.names().len());
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    [
        "it is Friday\n",
        "{}",
        "{\"decision\":\"block\",\"reason\":\"not today\"}",
        "{\"continue\":false,\"stopReason\":\"enough\",\"systemMessage\":\"m\",\"suppressOutput\":true}",
        "{\"hookSpecificOutput\":{\"hookEventName\":\"edits\",\"files\":{\"a/b.txt\":\"1\\n\",\"c\":null}}}",
        "{\"hookSpecificOutput\":{\"text\":\"x\",\"message\":\"m\",\"commit\":\"0123\",\"additionalContext\":\"y\"}}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
