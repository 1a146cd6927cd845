//! Tokens and money as types.
//!
//! Invariants
//! - Money is whole billionths of a US dollar, so sums are exact; it is written as a decimal string, never as a float.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

/// A count of model tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tokens(pub u64);

impl Add for Tokens {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Tokens {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self(0), Add::add)
    }
}

impl fmt::Display for Tokens {
    /// `812`, `6.2k`, `1.1M`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n @ 0..1_000 => write!(f, "{n}"),
            n @ 1_000..1_000_000 => write!(f, "{:.1}k", n as f64 / 1e3),
            n => write!(f, "{:.1}M", n as f64 / 1e6),
        }
    }
}

/// Estimates how many tokens a text costs.
pub trait TokenCounter: Send + Sync {
    /// The estimate for `text`, in tokens.
    fn count(&self, text: &str) -> Tokens;
}

/// Counts about four bytes a token, the usual rule for English and code; the error against real tokenizers is within
/// about a quarter, so it is shown as an estimate.
#[derive(Debug, Clone, Copy, Default)]
pub struct BytesPerFour;

impl TokenCounter for BytesPerFour {
    fn count(&self, text: &str) -> Tokens {
        Tokens(text.len().div_ceil(4) as u64)
    }
}

/// Counts by a measured length: what a model counted for a text before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Bytes of a thousand tokens.
    bytes: u64,
}

impl Measured {
    /// The measure of a text of `bytes` bytes that had `tokens` tokens; `None` where that is like no text: pictures in it, or
    /// counts that are not of the text.
    pub fn of(bytes: u64, tokens: Tokens) -> Option<Self> {
        let bytes = bytes.saturating_mul(1000).checked_div(tokens.0)?;
        (1_500..=8_000).contains(&bytes).then_some(Self { bytes })
    }
}

impl TokenCounter for Measured {
    fn count(&self, text: &str) -> Tokens {
        Tokens((text.len() as u64 * 1000).div_ceil(self.bytes))
    }
}

/// An amount of US dollars, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(i64);

impl Usd {
    /// The amount of `nanos` billionths of a dollar.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Billionths of a dollar.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// What `tokens` cost at `self` dollars a million.
    #[must_use]
    pub fn per_million(self, tokens: Tokens) -> Self {
        let nanos = i128::from(self.0) * i128::from(tokens.0) / 1_000_000;
        Self(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self(0), Add::add)
    }
}

impl fmt::Display for Usd {
    /// Decimal dollars without a sign for the currency and without trailing zeros: `0.0031`, `12`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, nanos) = (self.0.unsigned_abs() / 1_000_000_000, self.0.unsigned_abs() % 1_000_000_000);
        if nanos == 0 {
            return write!(f, "{sign}{whole}");
        }
        write!(f, "{sign}{whole}.{}", format!("{nanos:09}").trim_end_matches('0'))
    }
}

impl FromStr for Usd {
    type Err = BadUsd;

    fn from_str(text: &str) -> Result<Self, BadUsd> {
        let bad = || BadUsd(text.to_owned());
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(part) || part.len() > 9 {
            return Err(bad());
        }
        let nanos: i64 = format!("{whole}{part:0<9}").parse().map_err(|_| bad())?;
        Ok(Self(if negative { -nanos } else { nanos }))
    }
}

/// Why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an amount in dollars: expected decimal digits such as 0.0031")]
pub struct BadUsd(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn price_times_tokens_is_exact() {
        let price: Usd = "1.50".parse().expect("a price");
        assert_eq!(price.per_million(Tokens(2_000)).to_string(), "0.003");
    }

    proptest::proptest! {
        #[test]
        fn usd_round_trips(nanos: i64) {
            proptest::prop_assume!(nanos != i64::MIN);
            let usd = Usd::from_nanos(nanos);
            proptest::prop_assert_eq!(usd.to_string().parse(), Ok(usd));
        }
    }
}
