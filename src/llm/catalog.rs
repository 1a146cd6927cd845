//! What is known about models: window and price, as data.
//!
//! Invariants
//! - Lookups are pure: the moment and the prompt's length are handed in, because prices have dates and length tiers.
//! - A model that is not listed has no price. A guess would be summed up as if it were one.

use crate::base::clock::Timestamp;
use crate::base::money::{Tokens, Usd};
use crate::session::turn::Price;

/// One price of one model. Of the rows that apply, the last counts.
struct Row {
    model: &'static str,
    /// Milliseconds since 1970 from which it holds.
    from: i64,
    /// It holds for prompts longer than this many tokens.
    above: u64,
    /// Thousandths of a dollar a million tokens, as are the next two.
    input: i64,
    cache_read: i64,
    output: i64,
}

const fn row(model: &'static str, input: i64, cache_read: i64, output: i64) -> Row {
    Row { model, from: i64::MIN, above: 0, input, cache_read, output }
}

/// 2026-12-01 and 2027-01-01, UTC.
const DECEMBER_2026: i64 = 1_796_083_200_000;
const JANUARY_2027: i64 = 1_798_761_600_000;

/// Standard tier.
const GEMINI: &[Row] = &[
    row("gemini-4-carbon", 2_000, 100, 10_000),
    Row { from: DECEMBER_2026, ..row("gemini-4-carbon", 4_000, 200, 20_000) },
    row("gemini-4-argon", 2_000, 100, 10_000),
    Row { from: DECEMBER_2026, ..row("gemini-4-argon", 4_000, 200, 20_000) },
    row("gemini-4-hydrogen", 1_500, 75, 7_500),
    row("gemini-3.7-flash", 750, 75, 3_750),
    Row { from: JANUARY_2027, ..row("gemini-3.7-flash", 1_500, 150, 7_500) },
    row("gemini-3.6-flash", 750, 75, 3_750),
    Row { from: JANUARY_2027, ..row("gemini-3.6-flash", 1_500, 150, 7_500) },
    row("gemini-3.5-flash-lite", 300, 30, 2_500),
    row("gemini-3.5-flash", 1_500, 150, 9_000),
    row("gemini-3.1-pro-preview", 2_000, 200, 12_000),
    Row { above: 200_000, ..row("gemini-3.1-pro-preview", 4_000, 400, 18_000) },
    row("gemini-3.1-pro-preview-customtools", 2_000, 200, 12_000),
    Row { above: 200_000, ..row("gemini-3.1-pro-preview-customtools", 4_000, 400, 18_000) },
    row("gemini-3.1-flash-lite", 250, 25, 1_500),
    row("gemini-3-flash-preview", 500, 50, 3_000),
];

/// Models whose price is not known to the table, or that are names for changing models.
const UNPRICED: [&str; 4] = ["gemini-3.8-flash", "gemini-pro-latest", "gemini-flash-latest", "gemini-flash-lite-latest"];

/// The newest model of a family, by its short name.
pub fn gemini_alias(model: &str) -> &str {
    match model {
        "pro" => "gemini-pro-latest",
        "flash" => "gemini-flash-latest",
        "flash-lite" => "gemini-flash-lite-latest",
        other => other.strip_prefix("models/").unwrap_or(other),
    }
}

/// What `model` costs at `at` for a prompt of `prompt` tokens, cached ones included.
pub fn gemini_price(model: &str, prompt: Tokens, at: Timestamp) -> Option<Price> {
    let model = gemini_alias(model);
    let holds = |r: &&Row| r.model == model && r.from <= at.millis() && (r.above == 0 || prompt.0 > r.above);
    let row = GEMINI.iter().rfind(holds)?;
    let usd = |thousandths: i64| Usd::from_nanos(thousandths * 1_000_000);
    Some(Price { input: usd(row.input), cache_read: usd(row.cache_read), output: usd(row.output) })
}

/// How many tokens fit into a request to `model`.
pub fn gemini_window(model: &str) -> Option<Tokens> {
    let model = gemini_alias(model);
    let known = GEMINI.iter().any(|r| r.model == model) || UNPRICED.contains(&model);
    known.then_some(Tokens(1_048_576))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_tiers() {
        let at = |text: &str| text.parse::<Timestamp>().expect("time");
        let input = |model, prompt, time| gemini_price(model, Tokens(prompt), at(time)).map(|p| p.input.to_string());
        assert_eq!(input("gemini-4-carbon", 1, "2026-11-30T23:59:59.999Z").as_deref(), Some("2"));
        assert_eq!(input("models/gemini-4-carbon", 1, "2026-12-01T00:00:00Z").as_deref(), Some("4"));
        assert_eq!(input("gemini-3.7-flash", 1, "2026-12-31T23:59:59Z").as_deref(), Some("0.75"));
        assert_eq!(input("gemini-3.7-flash", 1, "2027-01-01T00:00:00Z").as_deref(), Some("1.5"));
        assert_eq!(input("gemini-3.1-pro-preview", 200_000, "2026-11-01T00:00:00Z").as_deref(), Some("2"));
        assert_eq!(input("gemini-3.1-pro-preview", 200_001, "2026-11-01T00:00:00Z").as_deref(), Some("4"));
        assert_eq!(input("flash", 1, "2026-11-01T00:00:00Z"), None);
        assert_eq!(gemini_window("flash"), Some(Tokens(1_048_576)));
        assert_eq!(gemini_window("gemini-99"), None);
    }
}
