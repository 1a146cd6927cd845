//! Numbers for people.

use crate::base::clock::Timestamp;

/// How long ago `then` was: `now`, `12s ago`, `5m ago`, `3h ago`, `2d ago`, `4mo ago`, `2y ago`. Clocks differ between
/// machines, so a moment in the future reads as `in 5m`.
pub fn age(then: Timestamp, now: Timestamp) -> String {
    const STEPS: [(i64, &str); 6] = [(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let seconds = now.millis().saturating_sub(then.millis()) / 1000;
    let size = seconds.saturating_abs();
    let Some((step, unit)) = STEPS.iter().find(|(step, _)| size >= *step) else { return "now".to_owned() };
    let n = size / step;
    if seconds > 0 { format!("{n}{unit} ago") } else { format!("in {n}{unit}") }
}

/// Three digits with a letter: `950`, `3.9k`, `62k`, `1.2M`.
fn scaled(n: u64, letters: [&str; 5]) -> String {
    let mut value = n as f64;
    let mut at = 0;
    // 999.5 would round to a fourth digit.
    while value >= 999.5 && at + 1 < letters.len() {
        value /= 1000.0;
        at += 1;
    }
    let letter = letters[at];
    if at > 0 && value < 9.95 { format!("{value:.1}{letter}") } else { format!("{value:.0}{letter}") }
}

/// A number of things, such as tokens: `950`, `3.9k`, `1.2M`.
pub fn count(n: u64) -> String {
    scaled(n, ["", "k", "M", "G", "T"])
}

/// A size: `950 B`, `3.9 kB`, `1.2 MB`; a kB is 1000 bytes.
pub fn bytes(n: u64) -> String {
    scaled(n, [" B", " kB", " MB", " GB", " TB"])
}

/// A length of time from milliseconds: `4.2s`, `59s`, `1m05s`, `2h03m`.
pub fn elapsed(millis: i64) -> String {
    let millis = millis.max(0);
    let seconds = millis / 1000;
    match seconds {
        0..10 => format!("{seconds}.{}s", millis % 1000 / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}
