//! Properties and goldens of the codec.

use proptest::prelude::*;

use super::*;
use crate::base::change::{FileMode, FileState, LineCounts};
use crate::base::clock::Timestamp;
use crate::base::hash::Sha256;
use crate::base::id::{Oid, SessionId, TurnKey};
use crate::base::money::{Tokens, Usd};
use crate::base::path::RepoPath;
use crate::session::event::Event;
use crate::session::request::{Encoding, ModelId, Part, Role, Segment, WireBody};
use crate::session::stream::{Stop, Usage};
use crate::session::turn::*;

fn round_trip(turn: &Turn) -> Turn {
    let parts = encode(turn);
    let mut file = |path: &str| parts.files.get(path).cloned();
    let mut list = |dir: &str| {
        let prefix = format!("{dir}/");
        parts.files.keys().filter_map(|p| p.strip_prefix(&prefix)).map(str::to_owned).collect()
    };
    decode(&parts.message, &mut file, &mut list).expect("decodes")
}

fn path() -> impl Strategy<Value = RepoPath> {
    proptest::collection::vec(any::<u8>(), 1..12).prop_filter_map("a path", |raw| RepoPath::new(raw).ok())
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0i64..4_000_000_000_000).prop_map(Timestamp::from_millis)
}

fn state() -> impl Strategy<Value = Option<FileState>> {
    let mode = prop_oneof![Just(FileMode::Regular), Just(FileMode::Executable), Just(FileMode::Symlink)];
    proptest::option::of((mode, any::<Vec<u8>>()).prop_map(|(mode, bytes)| FileState { mode, bytes }))
}

prop_compose! {
    fn usage()(n in any::<[u32; 5]>()) -> Usage {
        let t = |i: usize| Tokens(u64::from(n[i]));
        Usage { input: t(0), cache_read: t(1), cache_write: t(2), output: t(3), reasoning: t(4) }
    }
}

prop_compose! {
    fn header()(
        ids in any::<([u8; 16], [u8; 16], [u8; 13], [u8; 20])>(),
        seq in 1u64..1_000_000,
        kind in prop_oneof![Just(TurnKind::Turn), Just(TurnKind::Apply), Just(TurnKind::Note), Just(TurnKind::Compact)],
        subject in "[a-zA-Zé%:][a-zA-Zé%: ]{0,20}[a-z]",
        served in proptest::option::of(any::<String>()),
        usage in usage(),
        money in proptest::option::of((0i64..1 << 40, 0i64..1 << 40)),
        times in (time(), time()),
        branch in proptest::option::of(any::<String>()),
        files in proptest::collection::vec((path(), any::<(u32, u32)>()), 0..4),
        fork in proptest::option::of(any::<([u8; 13], [u8; 16])>()),
    ) -> Header {
        Header {
            subject, kind,
            key: TurnKey::from_bytes(ids.0),
            exchange: TurnKey::from_bytes(ids.1),
            session: SessionId::from_bytes(ids.2),
            seq,
            model: served.as_ref().map(|_| ModelId { provider: "a b".into(), model: "x/ü%".into() }),
            served, usage,
            price: money.map(|(a, b)| {
                let usd = Usd::from_nanos;
                Price { input: usd(a), cache_read: usd(b), cache_write: usd(b / 2), output: usd(a) }
            }),
            cost: money.map(|(_, b)| Usd::from_nanos(b)),
            start: times.0, end: times.1,
            base: Oid::from_bytes(&ids.3),
            branch,
            commit: money.and(Oid::from_bytes(&[9; 32])),
            files: files.into_iter().map(|(path, n)| FileStat {
                path, status: FileStatus::Modified, lines: LineCounts { added: n.0.into(), removed: n.1.into() },
            }).collect(),
            outcome: Outcome::Applied,
            request: money.map(|_| RequestDigest { sha256: Sha256::of(b"x"), length: 1 }),
            forked_from: fork.map(|(s, t)| ForkPoint { session: SessionId::from_bytes(s), turn: TurnKey::from_bytes(t) }),
        }
    }
}

prop_compose! {
    fn turn()(
        header in header(),
        prompt in proptest::option::of(any::<Vec<u8>>()),
        files in proptest::collection::btree_map(path(), prop_oneof![Just(Access::ReadOnly), Just(Access::ReadWrite)], 0..3),
        settings in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..3),
        texts in proptest::collection::vec(any::<String>(), 0..4),
        response in proptest::option::of((any::<Vec<u8>>(), any::<String>(), any::<String>(), any::<Vec<u8>>())),
        edits in proptest::collection::vec((path(), state(), state()), 0..3),
        reject in proptest::option::of(any::<[String; 3]>()),
        message in proptest::option::of(any::<String>()),
        events in proptest::collection::vec((time(), any::<[String; 3]>()), 0..3),
    ) -> Turn {
        let mut segments = vec![Segment::wire("[")];
        segments.extend(texts.iter().map(|t| Segment::part(&Part::text(Role::User, "file:é b", t.clone()), Encoding::Json)));
        let body = WireBody { segments };
        Turn {
            header,
            state: SessionState { files, settings: settings.clone() },
            prompt,
            request: (!texts.is_empty()).then(|| RequestRecord {
                envelope: Envelope { provider: "p".into(), protocol: "gemini".into(), method: "POST".into(), url: "http://x".into(), headers: settings.clone() },
                manifest: body.manifest(),
                parts: body.segments.iter().map(|s| (Sha256::of(&s.bytes), s.bytes.clone())).collect(),
            }),
            response: response.map(|(raw, text, reasoning, native)| ResponseRecord {
                status: 200, headers: settings, raw, text, reasoning, stop: Some(Stop::End), native: vec![(0, native)],
            }),
            edits: StoredEdits {
                changes: edits.into_iter().map(|(path, before, after)| StoredChange { path, status: ChangeStatus::Held, before, after }).collect(),
                rejects: reject.map(|[path, reason, edit]| StoredReject { path, reason, edit }).into_iter().collect(),
                message,
            },
            events: events.into_iter().map(|(at, [kind, k, v])| Event::new(at, &kind).with(&k, v)).collect(),
        }
    }
}

proptest! {
    #[test]
    fn turns_round_trip(turn in turn()) {
        let back = round_trip(&turn);
        prop_assert_eq!(&back, &turn);
        prop_assert_eq!(encode(&back), encode(&turn));
    }

    #[test]
    fn what_was_written_agrees_and_each_other_value_is_named(turn in turn(), outcome: bool) {
        let raw = &encode(&turn).files["turn.json"];
        prop_assert_eq!(disagreements(&turn.header, raw), Ok(Vec::new()));
        let mut other = turn.header;
        let key = if outcome { other.outcome = Outcome::Rejected; "Retort-Outcome" } else { other.seq += 1; "Retort-Seq" };
        prop_assert_eq!(disagreements(&other, raw), Ok(vec![key.to_owned()]));
    }

    #[test]
    fn bundles_round_trip(turn in turn(), place: Vec<u8>) {
        let extra = BTreeMap::from([("place".to_owned(), place)]);
        prop_assert_eq!(from_bundle(&to_bundle(&turn, &extra)), Ok((turn, extra)));
    }

    #[test]
    fn no_subject_can_forge_a_trailer(mut header in header(), subject in "(\\PC|[\r\n]|Retort-Outcome: none){0,40}") {
        header.subject = subject;
        let back = decode_header(&encode_header(&header)).expect("decodes");
        prop_assert_eq!(back.outcome, header.outcome);
        prop_assert_eq!(back.key, header.key);
    }

    #[test]
    fn foreign_messages_never_panic(message: Vec<u8>, block in "[ -~\n]{0,200}") {
        let _ = decode_header(&message);
        let _ = decode_header(format!("x\n\nRetort-Format: retort-0\nRetort-{block}").as_bytes());
        let _ = super::tree::decode_manifest(&message);
    }
}

#[test]
fn a_price_of_before_caches_were_charged_for_is_read() {
    let id = "k".repeat(32);
    let message = |price: &str| {
        format!(
            "x\n\nRetort-Format: retort-0\nRetort-Kind: turn\nRetort-Turn: {id}\nRetort-Exchange: {id}\nRetort-Session: {}\n\
             Retort-Seq: 1\nRetort-Price: {price}\nRetort-Start: 2026-01-01T00:00:00Z\nRetort-End: 2026-01-01T00:00:00Z\n\
             Retort-Outcome: none\n",
            &id[..26]
        )
    };
    let read = |price: &str| decode_header(message(price).as_bytes()).map(|header| header.price.map(|p| p.cache_write.nanos()));
    assert_eq!(read("in=0.75 cache-read=0.075 out=3.75"), Ok(Some(750_000_000)));
    assert_eq!(read("in=4 cache-read=0.2 cache-write=5 out=20"), Ok(Some(5_000_000_000)));
    assert!(read("in=4 cache-read=0.2 cache-write=five out=20").is_err());
    assert!(read("in=4 cache-write=5 out=20").is_err());
}

#[test]
fn newer_formats_are_named() {
    let error = decode_header(b"x\n\nRetort-Format: retort-9\n").expect_err("unknown");
    assert_eq!(error, DecodeError::Version("retort-9".to_owned()));
}

#[test]
fn an_assistant_message_keeps_native_parts_in_place() {
    let r =
        ResponseRecord { text: "abcd".into(), native: vec![(2, b"N".to_vec()), (4, b"E".to_vec())], ..ResponseRecord::default() };
    let shown: Vec<_> = r.parts("g").iter().map(|p| (p.kind.0.clone(), p.as_text().into_owned())).collect();
    let want = [("answer", "ab"), ("native:g", "N"), ("answer", "cd"), ("native:g", "E")];
    assert_eq!(shown, want.map(|(k, t)| (k.to_owned(), t.to_owned())));
}

#[test]
fn a_native_part_inside_a_character_leaves_the_text_whole() {
    let part = |at: u64| (at, b"N".to_vec());
    let r = ResponseRecord { text: "aéb".into(), native: vec![part(2), part(1), part(u64::MAX)], ..ResponseRecord::default() };
    let shown: Vec<_> = r.parts("g").iter().map(|p| p.as_text().into_owned()).collect();
    assert_eq!(shown, ["a", "N", "N", "éb", "N"]);
}

#[test]
fn what_could_not_be_written_again_is_not_read() {
    let head = |at: &str| format!("{{\"headers\":[],\"native\":[{at}],\"status\":200}}");
    let read = |at: &str| {
        let files = BTreeMap::from([
            (FORMAT, Vec::new()),
            ("turn.json", b"{\"files\":[],\"settings\":[]}".to_vec()),
            ("response/head.json", head(at).into_bytes()),
            ("response/native/0", b"{}".to_vec()),
            ("response/raw", Vec::new()),
            ("response/text", b"text".to_vec()),
        ]);
        let id = "k".repeat(32);
        let message = format!(
            "\n\nRetort-Format: retort-0\nRetort-Kind: turn\nRetort-Turn: {id}\nRetort-Exchange: {id}\nRetort-Session: {}\nRetort-Seq: 7\n\
             Retort-Start: 2026-01-01T00:00:00Z\nRetort-End: 2026-01-01T00:00:00Z\nRetort-Outcome: none\n",
            &id[..26]
        );
        decode(message.as_bytes(), &mut |name| files.get(name).cloned(), &mut |_| Vec::new())
    };
    let turn = read("9007199254740991").expect("a turn");
    assert_eq!(round_trip(&turn), turn);
    assert_eq!(turn.header.subject, "turn 7", "a message without a subject has the one that would be written");
    assert!(matches!(read("9007199254740992"), Err(DecodeError::Malformed { .. })));
}

/// Every turn in tests/fixtures/turns: a raw commit, and the files of its tree.
#[test]
fn golden_turns_are_read_and_written_the_same() {
    fn walk(root: &std::path::Path, below: &str, out: &mut std::collections::BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(root.join(below)).expect("a directory") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a name");
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            if entry.file_type().expect("a type").is_dir() {
                walk(root, &path, out);
            } else {
                out.insert(path.clone(), std::fs::read(root.join(path)).expect("a file"));
            }
        }
    }
    let turns = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/turns");
    let mut seen = 0;
    for entry in std::fs::read_dir(turns).expect("the directory") {
        let path = entry.expect("an entry").path();
        let Ok(commit) = std::fs::read(path.join("commit")) else { continue };
        let at = commit.windows(2).position(|w| w == b"\n\n").expect("a message");
        let mut files = std::collections::BTreeMap::new();
        walk(&path.join("files"), "", &mut files);
        let mut file = |name: &str| files.get(name).cloned();
        let mut list = |dir: &str| {
            let prefix = format!("{dir}/");
            files.keys().filter_map(|p| p.strip_prefix(&prefix)).map(str::to_owned).collect()
        };
        let turn = decode(&commit[at + 2..], &mut file, &mut list).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let request = turn.request.as_ref().expect("a request");
        let body = request.manifest.assemble(|label| request.parts.get(label).map(Vec::as_slice)).expect("whole");
        let digest = RequestDigest { sha256: Sha256::of(&body), length: body.len() as u64 };
        assert_eq!(turn.header.request, Some(digest), "{}", path.display());
        assert_eq!(encode(&turn), CommitParts { message: commit[at + 2..].to_vec(), files }, "{}", path.display());
        seen += 1;
    }
    assert!(seen > 0, "there is a golden turn");
}
