//! The index is a function of the refs: however it got there, it says the same.

use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::{World, fetched, key, own, sid};
use super::*;
use crate::session::meta::Fact;
use crate::session::turn::{Outcome, StoredEdits, StoredReject, TurnKind};

#[derive(Debug, Clone)]
enum Op {
    Say {
        session: u8,
        kind: TurnKind,
        outcome: Outcome,
    },
    /// A session begins at another's turn, some steps back.
    Fork {
        session: u8,
        from: u8,
        back: u8,
    },
    Junk {
        session: u8,
    },
    Name {
        session: u8,
        name: String,
    },
    Abandon {
        session: u8,
    },
    /// A remote has our session as it is, or with one more turn.
    Fetch {
        session: u8,
        more: bool,
    },
    /// Another program deletes a ref, ours or fetched.
    Delete {
        session: u8,
        remote: bool,
    },
    /// Another program sets a session back.
    Rewind {
        session: u8,
        back: u8,
    },
    /// A commit is not here any more.
    Lose {
        session: u8,
        back: u8,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let session = || 0u8..3;
    let kind = prop_oneof![Just(TurnKind::Turn), Just(TurnKind::Note), Just(TurnKind::Apply), Just(TurnKind::Compact)];
    let outcome = prop_oneof![Just(Outcome::None), Just(Outcome::Applied), Just(Outcome::Rejected), Just(Outcome::Interrupted)];
    prop_oneof![
        6 => (session(), kind, outcome).prop_map(|(session, kind, outcome)| Op::Say { session, kind, outcome }),
        2 => (session(), session(), 0u8..3).prop_map(|(session, from, back)| Op::Fork { session, from, back }),
        1 => session().prop_map(|session| Op::Junk { session }),
        1 => (session(), "[a-c]{1,2}").prop_map(|(session, name)| Op::Name { session, name }),
        1 => session().prop_map(|session| Op::Abandon { session }),
        2 => (session(), any::<bool>()).prop_map(|(session, more)| Op::Fetch { session, more }),
        1 => (session(), any::<bool>()).prop_map(|(session, remote)| Op::Delete { session, remote }),
        1 => (session(), 0u8..4).prop_map(|(session, back)| Op::Rewind { session, back }),
        1 => (session(), 0u8..4).prop_map(|(session, back)| Op::Lose { session, back }),
    ]
}

fn run(world: &mut World, op: &Op) {
    let back = |world: &World, tip, steps| {
        let mut at = tip;
        for _ in 0..steps {
            let parent = world.repo.commit(at).expect("reads").and_then(|c| c.parents.first().copied());
            at = parent.unwrap_or(at);
        }
        at
    };
    let name = |n: u8| own("sessions", sid(n));
    // What was lost cannot be continued: git would not write such a commit either.
    let tip = |world: &World, n: u8| world.tip(&name(n)).filter(|t| world.repo.commit(*t).expect("reads").is_some());
    match op {
        Op::Say { session, kind, outcome } => {
            if tip(world, *session).is_none() && world.tip(&name(*session)).is_some() {
                return;
            }
            world.say(sid(*session), |t| {
                (t.header.kind, t.header.outcome) = (*kind, *outcome);
                t.prompt = Some(t.header.subject.clone().into_bytes());
                let reject = StoredReject { path: "a".to_owned(), reason: "b".to_owned(), edit: "c".to_owned() };
                t.edits = StoredEdits { rejects: vec![reject], ..StoredEdits::default() };
            });
        }
        Op::Fork { session, from, back: steps } => {
            if let (None, Some(from)) = (world.tip(&name(*session)), tip(world, *from)) {
                let oid = back(world, from, *steps);
                if world.repo.commit(oid).expect("reads").is_some() {
                    let oid = world.commit(sid(*session), Some(oid), |_| ());
                    world.point(&name(*session), oid);
                }
            }
        }
        Op::Junk { session } => {
            if let Some(tip) = tip(world, *session) {
                let oid = world.junk(Some(tip));
                world.repo.foreign_ref(&name(*session), Some(oid)).expect("sets");
            }
        }
        Op::Name { session, name } => world.annotate(sid(*session), Fact::Name(name.clone())),
        Op::Abandon { session } => world.annotate(sid(*session), Fact::Abandoned(key(world.count))),
        Op::Fetch { session, more } => {
            if let Some(mut oid) = tip(world, *session) {
                if *more {
                    oid = world.commit(sid(*session), Some(oid), |_| ());
                }
                world.repo.foreign_ref(&fetched("sessions", sid(*session)), Some(oid)).expect("sets");
                if let Some(meta) = world.tip(&own("meta", sid(*session))) {
                    world.repo.foreign_ref(&fetched("meta", sid(*session)), Some(meta)).expect("sets");
                }
            }
        }
        Op::Delete { session, remote } => {
            let name = if *remote { fetched("sessions", sid(*session)) } else { name(*session) };
            world.repo.foreign_ref(&name, None).expect("deletes");
        }
        Op::Rewind { session, back: steps } => {
            if let Some(tip) = tip(world, *session) {
                let to = back(world, tip, *steps);
                if world.repo.commit(to).expect("reads").is_some() {
                    world.repo.foreign_ref(&name(*session), Some(to)).expect("sets");
                }
            }
        }
        Op::Lose { session, back: steps } => {
            if let Some(tip) = tip(world, *session) {
                drop(world.repo.foreign_loss(back(world, tip, *steps)));
            }
        }
    }
}

/// Everything that can be asked, as text.
fn answers(index: &mut Index, world: &World) -> String {
    let repo = &*world.repo;
    let sessions = index.sessions(repo, Sessions::All).expect("lists");
    let logs: Vec<_> = sessions.iter().map(|s| index.log(repo, s.tip, usize::MAX).expect("lists")).collect();
    let (hits, queue) = (index.search(repo, "turn number", 100).expect("searches"), index.queue(repo).expect("lists"));
    let names: Vec<_> =
        ["a", "b", "ab@origin"].map(|n| index.resolve(repo, &n.parse().expect("parses"), None).map_err(|e| e.to_string())).into();
    format!("{sessions:#?}{logs:#?}{hits:#?}{queue:#?}{names:#?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// One index reads after every step and answers now and then, one after some steps, one only at the end. A commit that
    /// was read before it was lost is known to the first alone, so losses are left to the next property.
    #[test]
    fn the_way_does_not_matter(ops in vec((op(), any::<bool>()), 1..40)) {
        let mut world = World::new("way");
        let mut index: Vec<Index> = (0..3).map(|_| Index::in_memory().expect("opens")).collect();
        for (op, now) in ops.iter().filter(|(op, _)| !matches!(op, Op::Lose { .. })) {
            run(&mut world, op);
            index[0].sync(&*world.repo).expect("syncs");
            if *now {
                index[1].sync(&*world.repo).expect("syncs");
                answers(&mut index[0], &world);
            }
        }
        for index in &mut index {
            index.sync(&*world.repo).expect("syncs");
            prop_assert_eq!(index.check(&*world.repo).expect("checks"), vec![]);
        }
        let said: Vec<String> = index.iter_mut().map(|i| answers(i, &world)).collect();
        prop_assert_eq!(&said[0], &said[2]);
        prop_assert_eq!(&said[1], &said[2]);
        let dumps: Vec<_> = index.iter().map(|i| i.dump(&*world.repo).expect("dumps")).collect();
        prop_assert!(dumps[0] == dumps[2] && dumps[1] == dumps[2]);
    }

    /// Lost commits, junk and foreign moves never make a sync or an answer fail, and a rebuild is what a new index says.
    #[test]
    fn nothing_in_a_repository_is_fatal(ops in vec(op(), 1..40)) {
        let mut world = World::new("losses");
        let mut index = Index::in_memory().expect("opens");
        for op in &ops {
            run(&mut world, op);
            prop_assert_eq!(index.sync(&*world.repo).expect("syncs").notice, None);
        }
        answers(&mut index, &world);
        index.rebuild(&*world.repo).expect("rebuilds");
        let mut fresh = Index::in_memory().expect("opens");
        fresh.sync(&*world.repo).expect("syncs");
        prop_assert_eq!(answers(&mut index, &world), answers(&mut fresh, &world));
        prop_assert_eq!(index.check(&*world.repo).expect("checks"), vec![]);
    }

    /// A shortest prefix leads back to its turn, and nothing shorter does.
    #[test]
    fn prefixes_lead_home(keys in vec((0u8..3, 0u8..3), 1..12)) {
        let mut world = World::new("prefixes");
        let oids: Vec<_> = keys.iter().map(|(a, b)| {
            let mut raw = [0; 16];
            (raw[2], raw[3]) = (*a, *b);
            raw[15] = 1;
            world.say(sid(1), |t| t.header.key = crate::base::id::TurnKey::from_bytes(raw))
        }).collect();
        let mut index = Index::in_memory().expect("opens");
        index.sync(&*world.repo).expect("syncs");
        for oid in oids {
            let turn = index.turn(&*world.repo, oid).expect("reads").expect("a turn");
            let at = |text: &str| index.resolve(&*world.repo, &text.parse().expect("parses"), None);
            let found = at(&turn.prefix).expect("it is unique").turn.and_then(|t| t.key());
            prop_assert_eq!(found, turn.key());
            if turn.prefix.len() > 4 {
                let ambiguous = matches!(at(&turn.prefix[..turn.prefix.len() - 1]), Err(ResolveError::Ambiguous { .. }));
                prop_assert!(ambiguous);
            }
        }
    }
}
