//! What the index says of small histories, and what it does with files that are not what they should be.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::base::change::{FileMode, FileState, LineCounts};
use crate::base::clock::Timestamp;
use crate::base::hash::Sha256;
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::base::money::{Tokens, Usd};
use crate::base::path::RepoPath;
use crate::session::codec::{decode_header, encode};
use crate::session::cursor::Cursor;
use crate::session::event::Event;
use crate::session::meta::{Fact, Meta, RECORDS, Record};
use crate::session::stream::Usage;
use crate::session::turn::*;
use crate::vcs::memory::Memory;
use crate::vcs::{CommitDraft, Expected, Signature};

/// A repository that turns are written into.
pub(super) struct World {
    pub repo: Arc<Memory>,
    pub count: u64,
}

pub(super) fn sid(n: u8) -> SessionId {
    SessionId::new(Sha256::of(&[n]).as_bytes()[..8].try_into().expect("8 bytes"), Timestamp::from_millis(1_700_000_000_000))
}

pub(super) fn key(n: u64) -> TurnKey {
    TurnKey::from_bytes(Sha256::of(&n.to_be_bytes()).as_bytes()[..16].try_into().expect("16 bytes"))
}

pub(super) fn own(kind: &str, id: SessionId) -> String {
    format!("refs/retort/{kind}/{id}")
}

pub(super) fn fetched(kind: &str, id: SessionId) -> String {
    format!("refs/retort/remotes/origin/{kind}/{id}")
}

impl World {
    pub(super) fn new(name: &str) -> Self {
        Self { repo: Arc::new(Memory::new(name)), count: 0 }
    }

    fn write(&self, parent: Option<Oid>, files: BTreeMap<String, Vec<u8>>, message: &[u8]) -> Oid {
        let (author, committer) = (Signature::retort(self.count), Signature::retort(1));
        let draft = CommitDraft { parents: parent.into_iter().collect(), files, author, committer, message: message.to_vec() };
        self.repo.write_commit(&draft).expect("a commit")
    }

    /// Writes a turn's commit; no ref moves.
    pub(super) fn commit(&mut self, session: SessionId, parent: Option<Oid>, change: impl FnOnce(&mut Turn)) -> Oid {
        self.count += 1;
        let message = parent.map(|p| self.repo.commit(p).expect("reads").expect("the parent").message);
        let seq = message.and_then(|m| decode_header(&m).ok()).map_or(1, |h| h.seq + 1);
        let at = |seconds: u64| Timestamp::from_millis(1_700_000_000_000 + (self.count * 10 + seconds) as i64 * 1000);
        let header = Header {
            subject: format!("turn number {}", self.count),
            kind: TurnKind::Turn,
            key: key(self.count),
            exchange: key(self.count),
            session,
            seq,
            model: Some("gemini/flash".parse().expect("a model")),
            served: None,
            usage: Usage { input: Tokens(100), output: Tokens(10), ..Usage::default() },
            price: None,
            cost: Some(Usd::from_nanos(1_000)),
            start: at(0),
            end: at(5),
            base: None,
            branch: Some("refs/heads/main".to_owned()),
            commit: None,
            files: vec![],
            outcome: Outcome::None,
            request: None,
            forked_from: None,
        };
        let mut turn = Turn {
            header,
            state: SessionState::default(),
            prompt: None,
            request: None,
            response: None,
            edits: StoredEdits::default(),
            events: vec![],
        };
        change(&mut turn);
        let parts = encode(&turn);
        self.write(parent, parts.files, &parts.message)
    }

    /// A commit that is no turn.
    pub(super) fn junk(&mut self, parent: Option<Oid>) -> Oid {
        self.count += 1;
        self.write(parent, BTreeMap::new(), format!("{}\n\nRetort-Format: retort-9\n", self.count).as_bytes())
    }

    pub(super) fn tip(&self, name: &str) -> Option<Oid> {
        self.repo.refs(name).expect("refs").into_iter().find(|(n, _)| n == name).map(|(_, id)| id)
    }

    pub(super) fn point(&self, name: &str, to: Oid) {
        let expected = self.tip(name).map_or(Expected::Absent, Expected::Is);
        self.repo.set_ref(name, to, expected).expect("the ref moves");
    }

    /// Appends a turn to a session.
    pub(super) fn say(&mut self, session: SessionId, change: impl FnOnce(&mut Turn)) -> Oid {
        let oid = self.commit(session, self.tip(&own("sessions", session)), change);
        self.point(&own("sessions", session), oid);
        oid
    }

    pub(super) fn annotate(&mut self, session: SessionId, fact: Fact) {
        self.count += 1;
        let name = own("meta", session);
        let old = self.tip(&name);
        let raw = old.map(|o| self.repo.commit(o).expect("reads").expect("meta"));
        let records = raw.and_then(|raw| self.repo.file(raw.tree, RECORDS).expect("reads")).unwrap_or_default();
        let mut meta = Meta::decode(&records);
        meta.add(&Record { at: Timestamp::from_millis(self.count as i64), fact });
        let oid = self.write(old, BTreeMap::from([(RECORDS.to_owned(), meta.encode())]), b"meta");
        self.point(&name, oid);
    }

    fn name(&mut self, session: SessionId, name: &str) {
        self.annotate(session, Fact::Name(name.to_owned()));
    }

    fn synced(&self) -> Index {
        let mut index = Index::in_memory().expect("opens");
        index.sync(&*self.repo).expect("syncs");
        index
    }
}

fn key_of(index: &Index, world: &World, oid: Oid) -> TurnKey {
    index.turn(&*world.repo, oid).expect("reads").and_then(|t| t.key()).expect("a turn")
}

/// `alpha` has four turns, the third a note; `beta` forks from its second with one more.
fn small() -> (World, [Oid; 5]) {
    let mut w = World::new("small");
    let (a, b) = (sid(1), sid(2));
    let one = w.say(a, |_| ());
    let two = w.say(a, |t| t.header.branch = Some("refs/heads/topic".to_owned()));
    let note = w.say(a, |t| (t.header.kind, t.header.model, t.header.cost) = (TurnKind::Note, None, None));
    let four = w.say(a, |_| ());
    let fork = ForkPoint { session: a, turn: key(2) };
    let five = w.commit(b, Some(two), |t| {
        t.header.forked_from = Some(fork);
        t.header.model = Some("gemini/pro".parse().expect("a model"));
    });
    w.point(&own("sessions", b), five);
    w.name(a, "alpha");
    w.name(b, "beta");
    (w, [one, two, note, four, five])
}

#[test]
fn sessions_and_their_sums() {
    let (w, [one, two, note, four, five]) = small();
    let index = w.synced();
    let rows = index.sessions(&*w.repo, Sessions::Live).expect("lists");
    let brief: Vec<_> = rows.iter().map(|r| (&*r.label, r.tip, r.turns, r.usage.input.0, r.cost.map(Usd::nanos))).collect();
    // What a fork shares is counted once; its turns are those of the whole chain.
    assert_eq!(brief, [("beta", five, 3, 100, Some(1000)), ("alpha", four, 3, 400, Some(3000))]);
    assert_eq!((rows[0].model.as_deref(), rows[0].branch.as_deref()), (Some("gemini/pro"), Some("refs/heads/main")));
    assert!(rows[0].first > rows[1].first && rows[0].last > rows[1].last);
    let log = index.log(&*w.repo, five, usize::MAX).expect("lists");
    assert_eq!(log.iter().map(|t| (t.oid, t.nth)).collect::<Vec<_>>(), [(five, Some(3)), (two, Some(2)), (one, Some(1))]);
    let log = index.log(&*w.repo, four, 2).expect("lists");
    assert_eq!(log.iter().map(|t| (t.oid, t.nth)).collect::<Vec<_>>(), [(four, Some(3)), (note, None)]);
    let full = key_of(&index, &w, four).to_string();
    assert!(full.starts_with(&log[0].prefix) && log[0].prefix.len() >= 4);
    let other = World::new("other");
    assert_eq!(index.sessions(&*other.repo, Sessions::All).expect("lists"), [], "repositories are kept apart");
}

#[test]
fn headers_are_listed_as_they_were_written() {
    let mut w = World::new("headers");
    let oid = w.say(sid(1), |t| {
        let h = &mut t.header;
        h.usage = Usage { input: Tokens(u64::MAX), cache_read: Tokens(2), ..h.usage };
        h.price = Some(Price {
            input: Usd::from_nanos(1),
            cache_read: Usd::from_nanos(2),
            cache_write: Usd::from_nanos(4),
            output: Usd::from_nanos(3),
        });
        h.served = Some("flash-001".to_owned());
        h.base = Oid::from_bytes(&[7; 20]);
        h.commit = Oid::from_bytes(&[8; 32]);
        h.request = Some(RequestDigest { sha256: Sha256::of(b"x"), length: 12 });
        h.forked_from = Some(ForkPoint { session: sid(9), turn: key(99) });
        let path = RepoPath::new(&b"a/\xff b"[..]).expect("a path");
        h.files = vec![FileStat { path, status: FileStatus::Deleted, lines: LineCounts { added: 0, removed: 9 } }];
    });
    let index = w.synced();
    let raw = w.repo.commit(oid).expect("reads").expect("the commit");
    let row = index.turn(&*w.repo, oid).expect("reads").expect("a row");
    assert_eq!(row.header, Ok(decode_header(&raw.message).expect("decodes")));
    assert_eq!((row.tree, row.parent, row.depth), (Some(raw.tree), None, 1));
}

#[test]
fn fetched_sessions_stand_beside_ours() {
    let (mut w, [_, two, _, four, _]) = small();
    let index = |w: &World, which| w.synced().sessions(&*w.repo, which).expect("lists");
    let labels = |rows: &[SessionRow]| rows.iter().map(|r| (r.label.clone(), r.covered)).collect::<Vec<_>>();
    w.repo.foreign_ref(&fetched("sessions", sid(1)), Some(two)).expect("set");
    w.repo.foreign_ref(&fetched("meta", sid(1)), w.tip(&own("meta", sid(1)))).expect("set");
    assert_eq!(labels(&index(&w, Sessions::Live)), [("beta".to_owned(), false), ("alpha".to_owned(), false)]);
    assert!(labels(&index(&w, Sessions::All)).contains(&("alpha@origin".to_owned(), true)));
    let theirs = w.commit(sid(1), Some(four), |_| ());
    w.repo.foreign_ref(&fetched("sessions", sid(1)), Some(theirs)).expect("set");
    assert_eq!(index(&w, Sessions::Live)[0].label, "alpha@origin");
    w.annotate(sid(1), Fact::Abandoned(key(4)));
    assert!(!labels(&index(&w, Sessions::Live)).contains(&("alpha".to_owned(), false)));
    w.repo.foreign_ref(&own("sessions", sid(1)), None).expect("deleted");
    assert_eq!(labels(&index(&w, Sessions::All)).len(), 2);
}

#[test]
fn what_cannot_be_read_is_a_row() {
    let mut w = World::new("junk");
    let root = w.say(sid(1), |_| ());
    let junk = w.junk(Some(root));
    w.point(&own("sessions", sid(1)), junk);
    let tip = w.say(sid(1), |_| ());
    w.repo.foreign_ref("refs/retort/sessions/what-is-this", Some(root)).expect("set");
    let lost = w.repo.foreign_loss(root).expect("it was there");
    let mut index = Index::in_memory().expect("opens");
    let report = index.sync(&*w.repo).expect("syncs");
    assert_eq!((report.read, report.unreadable), (3, 2));
    let log = index.log(&*w.repo, tip, 9).expect("lists");
    let errors: Vec<_> = log.iter().map(|t| t.header.as_ref().err().map(String::as_str)).collect();
    assert!(matches!(errors[..], [None, Some(format), Some(gone)] if format.contains("retort-9") && gone.contains("not in this")));
    assert_eq!(index.sync(&*w.repo).expect("syncs"), SyncReport::default(), "still missing");
    w.repo.foreign_gain(lost);
    assert_eq!(index.sync(&*w.repo).expect("syncs").read, 3, "deepened");
    assert_eq!(index.log(&*w.repo, tip, 9).expect("lists")[2].nth, Some(1));
    assert_eq!(index.check(&*w.repo).expect("checks"), []);
}

#[test]
fn full_text_fills_on_first_search() {
    let (mut w, _) = small();
    let oid = w.say(sid(1), |t| {
        t.prompt = Some(b"please fix the \"off-by-one\" in paginate()".to_vec());
        t.response = Some(ResponseRecord { text: "The loop went one too far.".to_owned(), ..ResponseRecord::default() });
        t.events = vec![Event::new(Timestamp::from_millis(5), "retry").with("after", "1s")];
    });
    let mut index = w.synced();
    let found = |index: &mut Index, text: &str| -> Vec<Oid> {
        index.search(&*w.repo, text, 10).expect("searches").into_iter().map(|h| h.turn.oid).collect()
    };
    assert_eq!(found(&mut index, "pagin loop"), [oid]);
    assert_eq!(found(&mut index, "off-by-one"), [oid]);
    assert_eq!(found(&mut index, "nothing here"), []);
    for hostile in ["", "\"", "a\"b", "AND", "NEAR(", "x*", "prompt:fix", "-fix", "(((", "\0", "^", "{a}"] {
        found(&mut index, hostile);
    }
    let hit = index.search(&*w.repo, "paginate", 1).expect("searches").remove(0);
    assert_eq!(hit.snippet.iter().filter(|s| s.hit).map(|s| &*s.text).collect::<Vec<_>>(), ["paginate"]);
    assert!(hit.snippet[0].text.starts_with("please fix"));
    let events = index.events(&*w.repo, Some("retry")).expect("lists");
    assert_eq!((events.len(), events[0].turn, &*events[0].fields["after"]), (1, oid, "1s"));
    assert_eq!(index.events(&*w.repo, Some("stop")).expect("lists"), []);
    assert_eq!(index.check(&*w.repo).expect("checks"), []);
}

#[test]
fn the_queue_holds_what_was_not_applied() {
    let mut w = World::new("queue");
    let state = |text: &str| Some(FileState { mode: FileMode::Regular, bytes: text.as_bytes().to_vec() });
    let edits = |status| StoredEdits {
        changes: vec![StoredChange { path: RepoPath::new("a.rs").expect("a path"), status, before: None, after: state("x") }],
        rejects: vec![StoredReject { path: "b.rs".to_owned(), reason: "no such line".to_owned(), edit: "…".to_owned() }],
        message: None,
    };
    let open = w.say(sid(1), |t| (t.header.outcome, t.edits) = (Outcome::Rejected, edits(ChangeStatus::Held)));
    w.say(sid(1), |t| t.header.outcome = Outcome::Failed);
    let mut index = w.synced();
    let queue = index.queue(&*w.repo).expect("lists");
    assert_eq!(queue.iter().map(|q| q.turn.oid).collect::<Vec<_>>(), [open]);
    assert_eq!((&queue[0].held[..], &queue[0].rejects[0].1[..]), (&["a.rs".to_owned()][..], "no such line"));
    assert_eq!(index.check(&*w.repo).expect("checks"), []);
    let exchange = key_of(&index, &w, open);
    w.say(sid(1), |t| (t.header.kind, t.header.exchange, t.header.outcome) = (TurnKind::Apply, exchange, Outcome::Applied));
    index.sync(&*w.repo).expect("syncs");
    assert_eq!(index.queue(&*w.repo).expect("lists"), [], "the exchange came to something");
}

#[test]
fn addresses() {
    let (mut w, [one, two, note, four, five]) = small();
    let theirs = w.commit(sid(1), Some(four), |_| ());
    w.repo.foreign_ref(&fetched("sessions", sid(1)), Some(theirs)).expect("set");
    w.repo.foreign_ref(&fetched("meta", sid(1)), w.tip(&own("meta", sid(1)))).expect("set");
    w.repo.foreign_ref(&fetched("sessions", sid(3)), Some(one)).expect("set");
    let index = w.synced();
    let here = Cursor { session: sid(1), turn: Some(key_of(&index, &w, two)), redo: vec![] };
    let at = |text: &str| index.resolve(&*w.repo, &text.parse().expect("parses"), Some(&here));
    let place = |text: &str| {
        let p = at(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        (p.session, p.remote.is_some(), p.tip, p.turn.map(|t| t.oid))
    };
    let prefix = |oid| index.turn(&*w.repo, oid).expect("reads").expect("a turn").prefix;
    for (text, expected) in [
        ("@".to_owned(), (sid(1), false, false, Some(two))),
        ("@-".to_owned(), (sid(1), false, false, Some(one))),
        ("alpha".to_owned(), (sid(1), false, true, Some(four))),
        ("alpha~2".to_owned(), (sid(1), false, false, Some(two))),
        ("alpha/3".to_owned(), (sid(1), false, true, Some(four))),
        ("alpha/2".to_owned(), (sid(1), false, false, Some(two))),
        ("beta~1".to_owned(), (sid(2), false, false, Some(two))),
        ("alpha@origin".to_owned(), (sid(1), true, true, Some(theirs))),
        ("alpha@origin~1".to_owned(), (sid(1), true, false, Some(four))),
        (sid(2).to_string(), (sid(2), false, true, Some(five))),
        (sid(2).to_string()[..6].to_owned(), (sid(2), false, true, Some(five))),
        (sid(3).to_string(), (sid(3), true, true, Some(one))),
        (own("sessions", sid(2)), (sid(2), false, true, Some(five))),
        (fetched("sessions", sid(1)), (sid(1), true, true, Some(theirs))),
        (prefix(note), (sid(1), false, false, Some(note))),
        (format!("{}~1", prefix(five)), (sid(2), false, false, Some(two))),
        (prefix(theirs), (sid(1), true, true, Some(theirs))),
        (four.to_string(), (sid(1), false, true, Some(four))),
        (two.to_string()[..12].to_owned(), (sid(1), false, false, Some(two))),
    ] {
        assert_eq!(place(&text), expected, "{text}");
    }
    let fails = |text: &str| at(text).err().unwrap_or_else(|| panic!("{text} was found")).to_string();
    assert_eq!(fails("alhpa"), "no session or turn is called alhpa; did you mean alpha?");
    assert_eq!(fails("alpha/9"), "there are only 3 turns there");
    assert!(matches!(at("@~2"), Err(ResolveError::TooFar { have: 2 })));
    assert!(matches!(index.resolve(&*w.repo, &"@".parse().expect("parses"), None), Err(ResolveError::NoCursor)));
    let nowhere = Cursor { turn: None, ..here.clone() };
    let p = index.resolve(&*w.repo, &"@".parse().expect("parses"), Some(&nowhere)).expect("a session without turns yet");
    assert_eq!((p.turn, p.tip), (None, false));
}

#[test]
fn two_readings_are_both_named() {
    let (mut w, [_, two, _, four, _]) = small();
    w.name(sid(2), "alpha");
    let index = w.synced();
    let at = |index: &Index, text: &str| index.resolve(&*w.repo, &text.parse().expect("parses"), None);
    let Err(ResolveError::Ambiguous { candidates, .. }) = at(&index, "alpha") else { panic!("alpha has one reading") };
    assert_eq!(candidates.len(), 2);
    for candidate in &candidates {
        assert!(at(&index, &candidate.address).is_ok(), "{candidate:?}");
    }
    // Keys that share five letters.
    let near = |last: u8| TurnKey::from_bytes([0, 0, last, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    w.say(sid(1), |t| t.header.key = near(1));
    w.say(sid(1), |t| t.header.key = near(2));
    let index = w.synced();
    assert_eq!(index.unique_prefix(&*w.repo, near(1)).expect("reads"), "zzzzzy");
    let Err(ResolveError::Ambiguous { candidates, .. }) = w.resolve(&index, "zzzzz") else { panic!("zzzzz has one reading") };
    assert_eq!(candidates.iter().map(|c| &*c.address).collect::<Vec<_>>(), ["zzzzzy", "zzzzzx"]);
    assert!(matches!(w.resolve(&index, "zzzzzy"), Ok(p) if !p.tip));
    // One is left behind by a fork that takes its name.
    w.annotate(sid(1), Fact::Abandoned(near(2)));
    let index = w.synced();
    assert!(matches!(w.resolve(&index, "alpha"), Ok(p) if p.session == sid(2)));
    assert!(index.log(&*w.repo, four, 9).expect("lists").iter().any(|t| t.oid == two));
}

impl World {
    fn resolve(&self, index: &Index, text: &str) -> Result<Place, ResolveError> {
        index.resolve(&*self.repo, &text.parse().expect("parses"), None)
    }
}

#[test]
fn migrations_run_once() {
    let mut conn = schema::connect_memory().expect("opens");
    let version = |conn: &Connection| conn.pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0)).expect("reads");
    assert_eq!(version(&conn), schema::MIGRATIONS.len() as i64);
    schema::migrate(&mut conn).expect("nothing to do");
    assert_eq!(version(&conn), schema::MIGRATIONS.len() as i64);
}

/// A row of before prices had `cache_write` has none, and would be read as a turn without a price.
#[test]
fn an_older_layout_is_brought_up_to_date_and_read_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("retort.db");
    let mut w = World::new("older");
    let price = Price {
        input: Usd::from_nanos(2),
        cache_read: Usd::from_nanos(1),
        cache_write: Usd::from_nanos(4),
        output: Usd::from_nanos(8),
    };
    let oid = w.say(sid(1), |t| t.header.price = Some(price));
    let older = Connection::open(&path).expect("opens");
    older.execute_batch(schema::MIGRATIONS[0]).expect("lays out");
    older.execute_batch("PRAGMA user_version = 1; PRAGMA application_id = 0x72746978").expect("marks");
    older.execute_batch("INSERT INTO repos VALUES (1, x'2f')").expect("fills");
    older.execute_batch("INSERT INTO refs VALUES (1, 'refs/retort/sessions/x', x'00')").expect("fills");
    drop(older);
    let mut index = Index::open(&path).expect("opens").index;
    let left: i64 = index.conn.query_row("SELECT count(*) FROM refs", [], |row| row.get(0)).expect("counts");
    assert_eq!(left, 0, "what was read before is read again");
    assert_eq!(index.sync(&*w.repo).expect("syncs").read, 1);
    assert_eq!(index.turn(&*w.repo, oid).expect("reads").expect("there").header.expect("a header").price, Some(price));
}

#[test]
fn a_second_opening_finds_everything() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("new/data/retort.db");
    let (w, _) = small();
    let mut first = Index::open(&path).expect("opens");
    assert_eq!((first.notice.as_ref(), first.index.path.is_none()), (None, false));
    assert_eq!(first.index.sync(&*w.repo).expect("syncs").read, 5);
    let mut second = Index::open(&path).expect("opens").index;
    let before: i64 = second.conn.query_row("PRAGMA data_version", [], |r| r.get(0)).expect("reads");
    assert_eq!(first.index.sync(&*w.repo).expect("syncs"), SyncReport::default());
    let after: i64 = second.conn.query_row("PRAGMA data_version", [], |r| r.get(0)).expect("reads");
    assert_eq!(before, after, "a sync without news wrote something");
    assert_eq!(second.sync(&*w.repo).expect("syncs"), SyncReport::default());
    assert_eq!(second.rebuild(&*w.repo).expect("rebuilds").read, 5);
    assert_eq!(second.check(&*w.repo).expect("checks"), []);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn damaged_files_are_set_aside() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("retort.db");
    std::fs::write(&path, "no database at all, but long enough to be looked at as one: ".repeat(20)).expect("writes");
    let opened = Index::open(&path).expect("opens");
    assert!(opened.notice.is_some_and(|n| n.contains("retort.db.broken-1") && !n.contains('\n')));
    drop(opened.index);
    let (w, _) = small();
    let mut index = Index::open(&path).expect("opens").index;
    index.sync(&*w.repo).expect("syncs");
    Connection::open(&path).expect("opens").execute_batch("DROP TABLE refs").expect("drops");
    let report = index.sync(&*w.repo).expect("heals");
    assert!(report.read == 5 && report.notice.is_some_and(|n| n.contains("broken-2")));
    assert!(dir.path().join("retort.db.broken-2").exists());
    assert_eq!(index.check(&*w.repo).expect("checks"), []);
    index.conn.execute_batch("UPDATE turns SET key = x'00' WHERE depth = 1").expect("updates");
    assert!(matches!(index.check(&*w.repo).as_deref(), Ok([_, _])), "one row is two mismatches");
    assert!(index.rebuild(&*w.repo).expect("rebuilds").notice.is_none());
    assert_eq!(index.check(&*w.repo).expect("checks"), []);
}

#[test]
fn files_of_others_are_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("theirs.db");
    Connection::open(&path).expect("opens").execute_batch("CREATE TABLE recipes (name)").expect("creates");
    assert!(matches!(Index::open(&path), Err(IndexError::Unusable { .. })));
    let path = dir.path().join("newer.db");
    drop(Index::open(&path).expect("opens"));
    Connection::open(&path).expect("opens").execute_batch("PRAGMA user_version = 99").expect("sets");
    assert!(matches!(Index::open(&path), Err(IndexError::Newer { found: 99, .. })));
    assert!(path.exists() && !dir.path().join("newer.db.broken-1").exists());
    std::fs::write(dir.path().join("file"), "").expect("writes");
    assert!(matches!(Index::open(&dir.path().join("file/x.db")), Err(IndexError::Unusable { .. })));
}

#[test]
fn several_processes_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("retort.db");
    let (mut w, _) = small();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..6)
            .map(|_| {
                let (path, repo) = (&path, Arc::clone(&w.repo));
                scope.spawn(move || {
                    for _ in 0..5 {
                        let mut opened = Index::open(path).expect("opens");
                        assert_eq!(opened.notice, None);
                        opened.index.sync(&*repo).expect("syncs");
                        opened.index.search(&*repo, "anything", 5).expect("searches");
                        opened.index.sessions(&*repo, Sessions::All).expect("lists");
                    }
                })
            })
            .collect();
        for _ in 0..40 {
            w.say(sid(1), |_| ());
        }
        for worker in workers {
            worker.join().expect("a worker");
        }
    });
    let mut index = Index::open(&path).expect("opens").index;
    index.sync(&*w.repo).expect("syncs");
    assert_eq!(index.check(&*w.repo).expect("checks"), []);
}
