//! What is known of providers that are down, for all processes of a user.
//!
//! Invariants
//! - A failure here is never one of the caller: what cannot be read is not known, what cannot be written is forgotten.
//! - A change is one transaction that begins with the write lock, so two processes do not both take the one try.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::Index;
use crate::base::clock::Timestamp;
use crate::llm::breaker::{BreakerStore, Place, State};

impl BreakerStore for Index {
    fn known(&self, place: &Place) -> State {
        read(&self.conn, place).unwrap_or_default()
    }

    fn change(&mut self, place: &Place, change: &mut dyn FnMut(State) -> State) {
        // Nobody is told: it would stand in the way of an answer.
        let _ = try_change(&mut self.conn, place, change);
    }
}

fn read(conn: &Connection, place: &Place) -> rusqlite::Result<State> {
    let sql = "SELECT failures, since FROM breaker WHERE provider = ?1 AND address = ?2";
    let row = conn.query_row(sql, [&place.provider, &place.address], |row| {
        Ok(State { failures: row.get(0)?, since: row.get::<_, Option<i64>>(1)?.map(Timestamp::from_millis) })
    });
    Ok(row.optional()?.unwrap_or_default())
}

fn try_change(conn: &mut Connection, place: &Place, change: &mut dyn FnMut(State) -> State) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let next = change(read(&tx, place)?);
    let key = (&place.provider, &place.address);
    if next == State::default() {
        tx.execute("DELETE FROM breaker WHERE provider = ?1 AND address = ?2", key)?;
    } else {
        let sql = "INSERT INTO breaker (provider, address, failures, since) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT DO UPDATE SET failures = excluded.failures, since = excluded.since";
        tx.execute(sql, (key.0, key.1, next.failures, next.since.map(Timestamp::millis)))?;
    }
    tx.commit()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::llm::breaker::{Admission, Ended, InMemory, Rules, admit, ended};

    const RULES: Rules = Rules { failures: 2, cooldown: Duration::from_mins(1) };

    fn place(address: &str) -> Place {
        Place { provider: "gemini".to_owned(), address: address.to_owned() }
    }

    /// What every store has to do.
    fn conforms(store: &mut dyn BreakerStore) {
        let (here, there) = (place("http://here"), place("http://there"));
        assert_eq!(store.known(&here), State::default());
        let at = Timestamp::from_millis;
        ended(store, &here, Ended::Down, || at(1));
        ended(store, &here, Ended::Down, || at(2));
        assert_eq!(store.known(&here), State { failures: 2, since: Some(at(2)) });
        assert_eq!(store.known(&there), State::default());
        ended(store, &here, Ended::Unknown, || at(3));
        assert_eq!(store.known(&here), State { failures: 2, since: None });
        assert_eq!(admit(store, &here, RULES, || at(4)), Admission::Try);
        assert_eq!(admit(store, &here, RULES, || at(5)), Admission::Wait(at(60_004)));
        ended(store, &here, Ended::Up, || at(6));
        assert_eq!(store.known(&here), State::default());
    }

    #[test]
    fn both_stores_do_the_same() {
        conforms(&mut InMemory::default());
        conforms(&mut Index::in_memory().expect("memory"));
    }

    #[test]
    fn it_survives_the_process_and_a_damaged_table_is_as_if_nothing_were_known() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.db");
        conforms(&mut Index::open(&path).expect("opens").index);
        let mut index = Index::open(&path).expect("opens").index;
        (1..3).for_each(|n| ended(&mut index, &place(""), Ended::Down, || Timestamp::from_millis(n)));
        drop(index);
        let mut index = Index::open(&path).expect("opens").index;
        assert_eq!(index.known(&place("")).failures, 2);
        index.conn.execute_batch("DROP TABLE breaker").expect("dropped");
        assert_eq!(admit(&mut index, &place(""), RULES, || Timestamp::from_millis(9)), Admission::Ask);
        ended(&mut index, &place(""), Ended::Down, || Timestamp::from_millis(9));
    }

    #[test]
    fn of_many_at_once_one_may_try() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.db");
        let mut index = Index::open(&path).expect("opens").index;
        (1..3).for_each(|n| ended(&mut index, &place(""), Ended::Down, || Timestamp::from_millis(n)));
        let tries = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let mut index = Index::open(&path).expect("opens").index;
                    if admit(&mut index, &place(""), RULES, || Timestamp::from_millis(100_000)) == Admission::Try {
                        tries.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(tries.into_inner(), 1);
    }
}
