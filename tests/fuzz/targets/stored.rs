//! What is read out of a repository: turns, annotations, cursors and unfinished work. Anybody may have made it.

use std::collections::BTreeMap;

use retort::agent::open::Place;
use retort::base::change::LineCounts;
use retort::base::clock::Timestamp;
use retort::base::hash::Sha256;
use retort::base::id::{Oid, SessionId, TurnKey};
use retort::base::path::RepoPath;
use retort::session::codec::{DecodeError, FORMAT, bundle, decode, decode_header, encode, encode_header, from_bundle, to_bundle};
use retort::session::cursor::Cursor;
use retort::session::meta::{Fact, Meta, Record, check_name, name_from};
use retort::session::request::ModelId;
use retort::session::stream::Usage;
use retort::session::turn::{ChangeStatus, FileStat, FileStatus, ForkPoint, Header, Outcome, RequestDigest, Turn, TurnKind};

use super::bytes::{BETWEEN, Dice, joined, parts, text};
use super::files;

/// Contents by name.
type Files = BTreeMap<String, Vec<u8>>;

/// Every golden turn: its message and the files of its tree.
fn golden() -> Vec<(Vec<u8>, Files)> {
    let mut turns: BTreeMap<String, (Vec<u8>, Files)> = BTreeMap::new();
    for (path, bytes) in files("fixtures/turns") {
        let Some((name, rest)) = path.split_once('/') else { continue };
        let turn = turns.entry(name.to_owned()).or_default();
        if let Some(file) = rest.strip_prefix("files/") {
            turn.1.insert(file.to_owned(), bytes);
        } else if let Some(at) = bytes.windows(2).position(|two| two == b"\n\n") {
            turn.0 = bytes[at + 2..].to_vec();
        }
    }
    turns.into_values().collect()
}

fn header(dice: &mut Dice) -> Header {
    let mut bytes = [0; 16];
    bytes.fill_with(|| dice.roll() as u8);
    let session = SessionId::new([bytes[0]; 8], Timestamp::from_millis(1_795_000_000_000));
    Header {
        subject: "subject".to_owned(),
        kind: TurnKind::Turn,
        key: TurnKey::from_bytes(bytes),
        exchange: TurnKey::from_bytes(bytes),
        session,
        seq: 7,
        model: None,
        served: None,
        usage: Usage::default(),
        price: None,
        cost: None,
        start: Timestamp::from_millis(1_795_000_000_000),
        end: Timestamp::from_millis(1_795_000_000_001),
        base: Oid::from_bytes(&[bytes[1]; 20]),
        branch: None,
        commit: None,
        files: Vec::new(),
        outcome: Outcome::Applied,
        request: Some(RequestDigest { sha256: Sha256::of(&bytes), length: 3 }),
        forked_from: Some(ForkPoint { session, turn: TurnKey::from_bytes(bytes) }),
    }
}

/// A header that is read is written and read back the same; no text in a header makes a line of its own.
pub fn message(data: &[u8]) {
    match decode_header(data) {
        Ok(read) => {
            let written = encode_header(&read);
            assert_eq!(decode_header(&written).as_ref(), Ok(&read), "{}", text(&written));
            assert_eq!(encode_header(&read), written);
        }
        Err(why) => assert!(!why.to_string().is_empty()),
    }
    let mut dice = Dice::of(data);
    let said = text(data);
    let mut own = header(&mut dice);
    own.subject.clone_from(&said);
    own.served = Some(said.clone());
    own.branch = Some(said.clone());
    own.model = Some(ModelId { provider: "p".to_owned(), model: format!("m{said}") });
    if let Ok(path) = RepoPath::new(data) {
        own.files.push(FileStat { path, status: FileStatus::Added, lines: LineCounts { added: dice.roll(), removed: 0 } });
    }
    let written = encode_header(&own);
    let back = decode_header(&written).unwrap_or_else(|why| panic!("{why}: {}", text(&written)));
    // The subject is for people: it is one safe line. Everything else is as it was.
    own.subject.clone_from(&back.subject);
    assert_eq!(back, own);
    let written = text(&written);
    assert_eq!(
        written.matches("\nRetort-Outcome: ").count() + usize::from(written.starts_with("Retort-Outcome: ")),
        1 + usize::from(written.starts_with("Retort-Outcome: "))
    );
    assert!(!written.chars().any(|c| c.is_control() && c != '\n'));
}

pub fn message_seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = golden().into_iter().map(|(message, _)| message).collect();
    let mut full = header(&mut Dice::of(b"full"));
    full.model = "gemini/flash".parse().ok();
    full.cost = "0.0031".parse().ok();
    full.branch = Some("refs/heads/é".to_owned());
    seeds.push(encode_header(&full));
    seeds
}

fn decoded(message: &[u8], files: &Files) -> Result<Turn, DecodeError> {
    let mut file = |path: &str| files.get(path).cloned();
    let mut list = |directory: &str| {
        let below = format!("{directory}/");
        files.keys().filter_map(|path| path.strip_prefix(&below)).filter(|name| !name.contains('/')).map(str::to_owned).collect()
    };
    decode(message, &mut file, &mut list)
}

/// A turn that was read, whoever made it, is written and read back the same, and everything that is done with turns can be
/// done with it.
fn sound(turn: &Turn) {
    let written = encode(turn);
    assert_eq!(decoded(&written.message, &written.files).as_ref(), Ok(turn));
    let extra = BTreeMap::from([("place".to_owned(), b"\xff\n".to_vec())]);
    assert_eq!(from_bundle(&to_bundle(turn, &extra)), Ok((turn.clone(), extra)));
    for status in [ChangeStatus::Held, ChangeStatus::Written] {
        let changes = turn.edits.with_status(status);
        assert!(changes.iter().all(|(_, change)| change.before != change.after));
        let _ = FileStat::of(&changes);
        assert_eq!(changes.inverse().inverse(), changes);
    }
    if let Some(request) = &turn.request {
        let _ = request.manifest.assemble(|label| request.parts.get(label).map(Vec::as_slice));
        let _ = request.manifest.parts(|label| request.parts.get(label).map(Vec::as_slice));
    }
    if let Some(response) = &turn.response {
        let parts = response.parts("p");
        let said: Vec<u8> =
            parts.iter().filter(|part| part.kind.native_provider().is_none()).flat_map(|part| part.bytes.clone()).collect();
        assert_eq!(text(&said), response.text, "the next request repeats the whole answer");
        assert_eq!(parts.iter().filter(|part| part.kind.native_provider().is_some()).count(), response.native.len());
    }
}

/// The files of the parts after the first.
fn tree(data: &[u8]) -> Files {
    let mut files = BTreeMap::from([(FORMAT.to_owned(), Vec::new())]);
    for part in parts(data).skip(1) {
        let at = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
        let content = part.get(at + 1..).unwrap_or_default().to_vec();
        let name = match text(&part[..at]) {
            part if part == "part" => format!("request/parts/{}", Sha256::of(&content)),
            other => other,
        };
        files.insert(name, content);
    }
    files
}

/// Either a bundle, or parts: the message, then the files of the tree as `name`, newline, content. A file called `part` is a
/// part of the request under its own hash.
pub fn turn(data: &[u8]) {
    if let Ok(files) = bundle::unpack(data) {
        assert_eq!(bundle::pack(&files).len(), data.len(), "nothing in it is skipped");
        assert_eq!(bundle::unpack(&bundle::pack(&files)), Ok(files));
        if let Ok((turn, _)) = from_bundle(data) {
            sound(&turn);
        }
        return;
    }
    let message = parts(data).next().unwrap_or_default();
    let files = tree(data);
    // Most mutations break the message, and then the tree is not read.
    let own = encode_header(&header(&mut Dice::of(data)));
    for message in [message, &own] {
        match decoded(message, &files) {
            Ok(turn) => {
                sound(&turn);
                whole(&turn, &files);
            }
            Err(why) => assert!(!why.to_string().is_empty()),
        }
    }
}

/// What the user, the model and the provider wrote is read to the last byte.
fn whole(turn: &Turn, files: &Files) {
    let written = encode(turn).files;
    let of_response = |name: &str| name.starts_with("response/") && turn.response.is_some();
    for (name, bytes) in files.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        if name == "prompt"
            || (of_response(name) && ["response/raw", "response/text", "response/reasoning"].contains(&name.as_str()))
        {
            assert_eq!(written.get(name), Some(bytes), "{name}");
        }
    }
    for (at, change) in turn.edits.changes.iter().enumerate() {
        for (name, side) in [("before", &change.before), ("after", &change.after)] {
            assert_eq!(side.as_ref().map(|side| &side.bytes), side.as_ref().and_then(|_| files.get(&format!("edits/{at}.{name}"))));
        }
    }
}

/// A tree with a little of everything: the golden ones are too long to be changed much.
const SMALL: &[&str] = &[
    "",
    "turn.json\n{\"files\":[{\"access\":\"read-only\",\"path\":\"a\"},{\"access\":\"read-write\",\"path_bytes\":\"b%FF\"}],\"settings\":[[\"a\",\"b\"]]}",
    "prompt\nhi",
    "request/envelope.json\n{\"headers\":[[\"a\",\"b\"]],\"method\":\"POST\",\"provider\":\"p\",\"url\":\"u\"}",
    "request/manifest\n8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4 2 json user message\n",
    "part\nhi",
    "response/head.json\n{\"headers\":[],\"native\":[2,4],\"status\":200,\"stop\":\"refused: x\"}",
    "response/native/0\n{}",
    "response/native/1\n[]",
    "response/raw\nx",
    "response/reasoning\nbecause",
    "response/text\nabé.",
    "edits/index.json\n{\"changes\":[{\"after\":\"100755\",\"before\":\"100644\",\"path\":\"a\",\"status\":\"held\"}],\"message\":\"m\",\"rejects\":[{\"edit\":\"e\",\"path\":\"p\",\"reason\":\"r\"}]}",
    "edits/0.before\none\n",
    "edits/0.after\ntwo\n",
    "events.ndjson\n{\"at\":\"2026-01-31T09:30:00.000Z\",\"fields\":[[\"k\",\"v\"]],\"kind\":\"retry\"}\n",
];

pub fn turn_seeds() -> Vec<Vec<u8>> {
    let small = joined(&SMALL.iter().map(|part| part.as_bytes()).collect::<Vec<_>>());
    decoded(&encode_header(&header(&mut Dice::of(b"small"))), &tree(&small)).expect("the small tree is one of a turn");
    let mut seeds = vec![small];
    for (message, files) in golden() {
        if let Ok(turn) = decoded(&message, &files) {
            seeds.push(to_bundle(&turn, &BTreeMap::new()));
        }
        let mut parts = vec![message];
        for (name, content) in files {
            let name = if name.starts_with("request/parts/") { "part" } else { &name };
            parts.push([name.as_bytes(), b"\n", &content].concat());
        }
        seeds.push(joined(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>()));
    }
    seeds
}

/// Parts: the file `open` of an unfinished turn, and a cursor.
pub fn unfinished(data: &[u8]) {
    if let Ok((turn, extra)) = from_bundle(data) {
        sound(&turn);
        place(extra.get("place").map_or(&b""[..], Vec::as_slice));
    }
    for part in parts(data) {
        place(part);
        cursor(part);
    }
    let mut dice = Dice::of(data);
    let mut key = || TurnKey::from_bytes([dice.roll() as u8; 16]);
    let own = Cursor {
        session: SessionId::from_bytes([data.len() as u8; 13]),
        turn: data.len().is_multiple_of(2).then(&mut key),
        redo: (0..data.len() % 3).map(|_| key()).collect(),
    };
    assert_eq!(Cursor::decode(&own.encode()).as_ref(), Ok(&own));
    let mut place = Place::new(None, retort::agent::store::Begins::Nothing);
    place.name = Some(text(data));
    place.in_files.extend(RepoPath::new(data).ok());
    place.stood = Some(own);
    assert_eq!(Place::decode(&place.encode(&text(data))), (place, text(data)));
}

/// Where a turn goes, as far as it can be read, is written and read back the same.
fn place(raw: &[u8]) {
    let (place, worktree) = Place::decode(raw);
    assert_eq!(Place::decode(&place.encode(&worktree)), (place, worktree));
}

fn cursor(raw: &[u8]) {
    match Cursor::decode(raw) {
        Ok(cursor) => assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor)),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
}

pub fn unfinished_seeds() -> Vec<Vec<u8>> {
    let key = TurnKey::from_bytes([5; 16]);
    let session = SessionId::from_bytes([3; 13]);
    let cursor = Cursor { session, turn: Some(key), redo: vec![key] };
    let place = Place {
        parent: Oid::from_bytes(&[7; 32]),
        begins: retort::agent::store::Begins::Session,
        name: Some("fix-paging".to_owned()),
        replaces: Some((session, key)),
        in_files: [RepoPath::new(&b"a/\xfe%"[..]).expect("a path")].into(),
        stood: Some(cursor.clone()),
        aside: true,
    };
    let place = place.encode("main%20tree");
    let mut seeds = vec![[place.as_slice(), &[BETWEEN], &cursor.encode()].concat()];
    for (message, files) in golden() {
        if let Ok(turn) = decoded(&message, &files) {
            seeds.push(to_bundle(&turn, &BTreeMap::from([("place".to_owned(), place.clone())])));
        }
    }
    seeds
}

/// Parts: the records of one clone and of another.
pub fn annotations(data: &[u8]) {
    let mut parts = parts(data);
    let (one, other) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (a, b) = (Meta::decode(one), Meta::decode(other));
    assert_eq!(Meta::decode(&a.encode()), a);
    for line in one.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        assert!(a.encode().split(|byte| *byte == b'\n').any(|kept| kept == line), "no record is dropped");
    }
    let (mut x, mut y) = (a.clone(), b.clone());
    x.union(&b);
    y.union(&a);
    assert_eq!((&x, x.encode()), (&y, y.encode()), "whichever comes first");
    let mut again = x.clone();
    again.union(&a);
    assert_eq!(again, x, "and however often");
    let abandoned = x.abandoned();
    assert!(a.abandoned().iter().chain(&b.abandoned()).all(|key| abandoned.contains(key)));
    if let Some(name) = x.name() {
        assert_eq!(check_name(&name), Ok(()), "{name:?}");
        let mut renamed = x.clone();
        renamed.add(&Record { at: Timestamp::from_millis(253_402_000_000_000), fact: Fact::Name("latest".to_owned()) });
        assert!(renamed.named_at() >= x.named_at());
    }
    let name = name_from(&text(one), &|_| false);
    assert_eq!(check_name(&name), Ok(()), "{name:?}");
}

pub fn annotations_seeds() -> Vec<Vec<u8>> {
    let mut meta = Meta::default();
    meta.add(&Record { at: Timestamp::from_millis(1), fact: Fact::Name("old".to_owned()) });
    meta.add(&Record { at: Timestamp::from_millis(2), fact: Fact::Abandoned(TurnKey::from_bytes([5; 16])) });
    let foreign = "{\"at\":\"2099-01-01T00:00:00.000Z\",\"kind\":\"name\",\"value\":\"\\u001b[31mx\"}\nno json\n{\"kind\":\"rating\",\"value\":\"5\"}\n";
    vec![joined(&[&meta.encode(), foreign.as_bytes()]), b"Please implement the xyz function stub in asdf.rs".to_vec()]
}
