//! When a provider that is down is left alone for a while, and when it is tried again.
//!
//! Invariants
//! - A pure state machine: state, rules and the moment go in, the next state comes out. Where the state is kept is somebody
//!   else's affair ([`BreakerStore`]); losing it costs a few calls to a provider that is down, and nothing else.
//! - Only a provider that cannot be reached or cannot cope counts as down. One that answers with a refusal is up.
//! - After the cooldown one call is let through, not all that wait for it. One that nobody hears of again (its process was
//!   killed) holds the others up for one cooldown at most.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::clock::Timestamp;

use super::error::Fault;

/// What it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Failed calls in a row; 0 is never.
    pub failures: u32,
    /// How long it is left alone.
    pub cooldown: Duration,
}

/// What is known of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// How many calls in a row failed because it is down.
    pub failures: u32,
    /// When the last of them failed, or a later one was let through to try.
    pub since: Option<Timestamp>,
}

/// Whether it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Ask,
    /// One call, to see whether it is up again.
    Try,
    /// Not before then.
    Wait(Timestamp),
}

/// How a call ended, as far as it says something of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It is there, whatever it said.
    Up,
    /// It cannot be reached, or cannot cope.
    Down,
    /// Nobody can say: it was stopped on this side, or broke off in the middle.
    Unknown,
}

impl Ended {
    /// What a failure says.
    pub const fn of(fault: Fault) -> Self {
        match fault {
            Fault::Transport | Fault::Overloaded { .. } | Fault::Idle => Self::Down,
            Fault::Cut | Fault::Aborted | Fault::Protocol | Fault::NotRecorded => Self::Unknown,
            Fault::RateLimited { .. }
            | Fault::QuotaUsedUp
            | Fault::ContextTooLong
            | Fault::Auth
            | Fault::Refused
            | Fault::BadRequest
            | Fault::NotFound => Self::Up,
        }
    }
}

impl State {
    const fn is_open(self, rules: Rules) -> bool {
        rules.failures > 0 && self.failures >= rules.failures
    }

    /// Whether a call may be made at `now`; the state changes when it is a try.
    pub fn admit(self, rules: Rules, now: Timestamp) -> (Self, Admission) {
        if !self.is_open(rules) {
            return (self, Admission::Ask);
        }
        let cooldown = i64::try_from(rules.cooldown.as_millis()).unwrap_or(i64::MAX);
        let until = self.since.map(|since| Timestamp::from_millis(since.millis().saturating_add(cooldown)));
        match until {
            // A moment that is still to come was written by a clock that was wrong.
            Some(until) if now < until && self.since.is_some_and(|since| since <= now) => (self, Admission::Wait(until)),
            _ => (Self { since: Some(now), ..self }, Admission::Try),
        }
    }

    /// What is known when a call has ended at `now`.
    #[must_use]
    pub fn ended(self, how: Ended, now: Timestamp) -> Self {
        match how {
            Ended::Up => Self::default(),
            Ended::Down => Self { failures: self.failures.saturating_add(1), since: Some(now) },
            // Whoever comes next may try.
            Ended::Unknown => Self { since: None, ..self },
        }
    }
}

/// Which provider it is about. The same name at another address is another one: who mends the address is asked at once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub provider: String,
    /// Empty where it is the provider's own.
    pub address: String,
}

/// Keeps what is known of providers. It is a cache: what cannot be read or written is as if it were not known.
pub trait BreakerStore {
    /// What is known.
    fn known(&self, place: &Place) -> State;

    /// Replaces it by what `change` makes of it, with nobody in between.
    fn change(&mut self, place: &Place, change: &mut dyn FnMut(State) -> State);
}

/// Whether this provider is asked at this moment.
pub fn admit(store: &mut dyn BreakerStore, place: &Place, rules: Rules, now: impl FnOnce() -> Timestamp) -> Admission {
    // While all is well, nothing is written, and nobody looks at the clock.
    if !store.known(place).is_open(rules) {
        return Admission::Ask;
    }
    let now = now();
    let mut said = Admission::Ask;
    store.change(place, &mut |state| {
        let (next, admission) = state.admit(rules, now);
        said = admission;
        next
    });
    said
}

/// Keeps how a call ended at this moment.
pub fn ended(store: &mut dyn BreakerStore, place: &Place, how: Ended, now: impl FnOnce() -> Timestamp) {
    if how == Ended::Down || store.known(place) != State::default() {
        let now = now();
        store.change(place, &mut |state| state.ended(how, now));
    }
}

/// What is known while the process lives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InMemory(BTreeMap<Place, State>);

impl BreakerStore for InMemory {
    fn known(&self, place: &Place) -> State {
        self.0.get(place).copied().unwrap_or_default()
    }

    fn change(&mut self, place: &Place, change: &mut dyn FnMut(State) -> State) {
        let state = change(self.known(place));
        self.0.insert(place.clone(), state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { failures: 3, cooldown: Duration::from_mins(1) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn down(times: u32, last: i64) -> State {
        State { failures: times, since: Some(at(last)) }
    }

    #[test]
    fn it_opens_after_enough_failures_in_a_row() {
        let mut state = State::default();
        for second in 0..3 {
            assert_eq!(state.admit(RULES, at(second)), (state, Admission::Ask));
            state = state.ended(Ended::Down, at(second));
        }
        assert_eq!(state.admit(RULES, at(3)), (state, Admission::Wait(at(62))));
        let answered = down(2, 0).ended(Ended::Up, at(1));
        assert_eq!(answered.ended(Ended::Down, at(2)), down(1, 2), "not in a row");
    }

    #[test]
    fn after_the_cooldown_one_call_decides() {
        let (state, first) = down(3, 0).admit(RULES, at(60));
        assert_eq!(first, Admission::Try);
        assert_eq!(state.admit(RULES, at(61)).1, Admission::Wait(at(120)), "one, not all");
        assert_eq!(state.ended(Ended::Up, at(62)).admit(RULES, at(62)).1, Admission::Ask);
        assert_eq!(state.ended(Ended::Down, at(62)).admit(RULES, at(63)).1, Admission::Wait(at(122)));
        assert_eq!(state.ended(Ended::Unknown, at(62)).admit(RULES, at(63)).1, Admission::Try, "it was stopped here");
        assert_eq!(state.admit(RULES, at(120)).1, Admission::Try, "its process was killed");
    }

    #[test]
    fn it_can_be_turned_off_and_a_wrong_clock_does_no_harm() {
        assert_eq!(down(9, 0).admit(Rules { failures: 0, ..RULES }, at(1)).1, Admission::Ask);
        assert_eq!(down(9, 1_000_000).admit(RULES, at(1)).1, Admission::Try);
        let ever = Rules { cooldown: Duration::MAX, ..RULES };
        assert_eq!(down(9, 0).admit(ever, at(1)).1, Admission::Wait(Timestamp::from_millis(i64::MAX)));
    }

    #[test]
    fn what_answers_is_up() {
        assert_eq!([Fault::Transport, Fault::Overloaded { after: None }, Fault::Idle].map(Ended::of), [Ended::Down; 3]);
        assert_eq!([Fault::Auth, Fault::RateLimited { after: None }, Fault::ContextTooLong].map(Ended::of), [Ended::Up; 3]);
        assert_eq!([Fault::Cut, Fault::Aborted].map(Ended::of), [Ended::Unknown; 2]);
    }

    #[test]
    fn a_store_is_written_only_when_something_changes() {
        struct Counting(InMemory, u32);
        impl BreakerStore for Counting {
            fn known(&self, place: &Place) -> State {
                self.0.known(place)
            }

            fn change(&mut self, place: &Place, change: &mut dyn FnMut(State) -> State) {
                self.1 += 1;
                self.0.change(place, change);
            }
        }
        let place = Place { provider: "p".to_owned(), address: String::new() };
        let mut store = Counting(InMemory::default(), 0);
        assert_eq!(admit(&mut store, &place, RULES, || at(0)), Admission::Ask);
        ended(&mut store, &place, Ended::Up, || at(0));
        assert_eq!(store.1, 0);
        (0..3).for_each(|second| ended(&mut store, &place, Ended::Down, || at(second)));
        assert_eq!((admit(&mut store, &place, RULES, || at(4)), store.1), (Admission::Wait(at(62)), 4));
        let other = Place { address: "http://there".to_owned(), ..place.clone() };
        assert_eq!(admit(&mut store, &other, RULES, || at(4)), Admission::Ask);
        assert_eq!(admit(&mut store, &place, RULES, || at(70)), Admission::Try);
        ended(&mut store, &place, Ended::Up, || at(71));
        assert_eq!(store.known(&place), State::default());
    }

    proptest::proptest! {
        /// Whatever happens, nobody waits longer than a cooldown.
        #[test]
        fn nobody_waits_for_longer_than_the_cooldown(failures: u32, since in -9_000_000i64..9_000_000, now in -9_000_000i64..9_000_000) {
            let state = State { failures, since: Some(Timestamp::from_millis(since)) };
            let now = Timestamp::from_millis(now);
            if let (same, Admission::Wait(until)) = state.admit(RULES, now) {
                proptest::prop_assert_eq!(same, state);
                proptest::prop_assert!(until > now && until.millis() - now.millis() <= 60_000);
            }
        }
    }
}
