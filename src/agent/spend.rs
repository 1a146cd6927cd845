//! Sums of what calls cost, by session, model or day.
//!
//! Invariants
//! - Sums are exact, and of what was frozen in the turns: prices of today change nothing.
//! - A call whose price is not known is counted as such; it is never a call that cost nothing.

use std::collections::BTreeMap;

use crate::base::clock::{Clock, Timestamp};
use crate::base::id::SessionId;
use crate::base::money::{Tokens, Usd};
use crate::index::Spent;
use crate::session::stream::Usage;

/// What a sum is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Session(SessionId),
    /// Provider and model, as the provider calls it.
    Model(String),
    /// A day of the local calendar, in days since 1970-01-01.
    Day(i64),
}

/// By what calls are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Session,
    Model,
    Day,
}

/// What some calls have used and cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    pub calls: u64,
    pub usage: Usage,
    /// Of the calls whose price was known; `None` when that was none.
    pub cost: Option<Usd>,
    /// Calls whose price was not known.
    pub unknown: u64,
    /// When the last of them was made.
    pub last: Timestamp,
}

impl Sum {
    fn add(&mut self, spent: &Spent) {
        self.calls += 1;
        self.usage = self.usage.plus(spent.usage);
        self.last = self.last.max(spent.at);
        match (spent.cost, self.cost) {
            (Some(cost), so_far) => self.cost = Some(so_far.unwrap_or_default() + cost),
            // Without an answer and without a count, nobody was charged. One that named its model had begun to answer.
            (None, so_far) if spent.failed && spent.served.is_none() && spent.usage == Usage::default() => {
                self.cost = Some(so_far.unwrap_or_default());
            }
            (None, _) => self.unknown += 1,
        }
    }

    /// All tokens that were read, cached or not.
    pub fn read(&self) -> Tokens {
        self.usage.input + self.usage.cache_read + self.usage.cache_write
    }
}

/// Whether a provider was asked at all, or only a recording, a person or nobody.
pub fn was_asked(spent: &Spent) -> bool {
    !matches!(spent.model.provider.as_str(), "echo" | "manual" | "replay")
}

/// The sums of the groups, and of all. Sessions and days come with the newest first, models with the dearest.
pub fn sums(calls: &[Spent], by: By, clock: &dyn Clock) -> (Vec<(Group, Sum)>, Sum) {
    let (mut groups, mut total) = (BTreeMap::<Group, Sum>::new(), Sum::default());
    for spent in calls {
        let group = match by {
            By::Session => Group::Session(spent.session),
            By::Model => Group::Model(format!("{}/{}", spent.model.provider, spent.served.as_ref().unwrap_or(&spent.model.model))),
            By::Day => Group::Day((spent.at.seconds() + i64::from(clock.offset(spent.at))).div_euclid(86_400)),
        };
        groups.entry(group).or_default().add(spent);
        total.add(spent);
    }
    let mut groups: Vec<(Group, Sum)> = groups.into_iter().collect();
    match by {
        By::Model => groups.sort_by(|(_, a), (_, b)| b.cost.cmp(&a.cost).then(b.read().cmp(&a.read()))),
        By::Session | By::Day => groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.last)),
    }
    (groups, total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::TurnKey;

    struct East;

    impl Clock for East {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }

        fn offset(&self, _: Timestamp) -> i32 {
            2 * 3600
        }
    }

    fn spent(n: u8, at: &str, served: Option<&str>, cost: Option<i64>) -> Spent {
        Spent {
            turn: TurnKey::from_bytes([n; 16]),
            session: SessionId::from_bytes([n % 2; 13]),
            model: "gemini/flash".parse().expect("a model"),
            served: served.map(str::to_owned),
            at: at.parse().expect("a time"),
            usage: Usage { input: Tokens(10), ..Usage::default() },
            cost: cost.map(Usd::from_nanos),
            failed: false,
        }
    }

    #[test]
    fn unknown_prices_are_counted_and_not_added() {
        let calls = [
            spent(1, "2026-03-01T10:00:00Z", None, Some(1)),
            spent(2, "2026-03-01T11:00:00Z", None, None),
            spent(3, "2026-03-01T12:00:00Z", None, Some(2)),
            Spent { failed: true, usage: Usage::default(), ..spent(4, "2026-03-01T13:00:00Z", None, None) },
        ];
        let (_, total) = sums(&calls, By::Model, &East);
        assert_eq!((total.calls, total.unknown, total.cost), (4, 1, Some(Usd::from_nanos(3))));
        let failed = |served| Spent { failed: true, usage: Usage::default(), ..spent(5, "2026-03-01T13:00:00Z", served, None) };
        let (_, total) = sums(&[failed(None), failed(Some("gemini-3.7-flash"))], By::Model, &East);
        assert_eq!((total.unknown, total.cost), (1, Some(Usd::default())), "an answer that broke off may have cost something");
        let (_, total) = sums(&calls[1..2], By::Model, &East);
        assert_eq!((total.unknown, total.cost), (1, None));
    }

    #[test]
    fn groups_are_what_they_say() {
        let calls = [
            spent(1, "2026-03-01T21:59:59Z", Some("gemini-3.7-flash"), Some(1)),
            spent(2, "2026-03-01T22:00:00Z", Some("gemini-3.7-flash"), Some(5)),
            spent(3, "2026-03-02T08:00:00Z", None, Some(2)),
        ];
        let of = |by: By| sums(&calls, by, &East).0.into_iter().map(|(g, sum)| (g, sum.calls)).collect::<Vec<_>>();
        let model = |name: &str| Group::Model(name.to_owned());
        assert_eq!(of(By::Model), [(model("gemini/gemini-3.7-flash"), 2), (model("gemini/flash"), 1)]);
        // Two hours east the second call was made at midnight.
        assert_eq!(of(By::Day), [(Group::Day(20_514), 2), (Group::Day(20_513), 1)]);
        let session = |n: u8| Group::Session(SessionId::from_bytes([n; 13]));
        assert_eq!(of(By::Session), [(session(1), 2), (session(0), 1)]);
    }
}
