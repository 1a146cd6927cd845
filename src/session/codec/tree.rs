//! The turn's tree: everything that is read one turn at a time.
//!
//! Invariants
//! - Files of the user, the model and the provider are stored byte for byte; JSON here is canonical.
//! - A file's two sides are `edits/<n>.before` and `edits/<n>.after`, `<n>` being its place in `edits/index.json`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::base::change::{FileMode, FileState};
use crate::base::hash::Sha256;
use crate::base::json::{LARGEST, canonical};
use crate::base::path::RepoPath;
use crate::session::event::Event;
use crate::session::request::{Encoding, Entry, Kind, Manifest, Role};
use crate::session::stream::Stop;
use crate::session::turn::{
    Access, ChangeStatus, Envelope, Header, RequestRecord, ResponseRecord, SessionState, StoredChange, StoredEdits, StoredReject,
    Turn,
};

use super::{DecodeError, FORMAT, trailer};

type Files = BTreeMap<String, Vec<u8>>;

/// The files of the turn's tree.
pub fn encode_tree(turn: &Turn) -> Files {
    let mut out = Files::new();
    out.insert(FORMAT.to_owned(), Vec::new());
    out.insert("turn.json".to_owned(), to_json(&meta(turn)));
    if let Some(prompt) = &turn.prompt {
        out.insert("prompt".to_owned(), prompt.clone());
    }
    if let Some(request) = &turn.request {
        out.insert("request/envelope.json".to_owned(), to_json(&envelope(&request.envelope)));
        out.insert("request/manifest".to_owned(), encode_manifest(&request.manifest));
        for (label, bytes) in &request.parts {
            out.insert(format!("request/parts/{label}"), bytes.clone());
        }
    }
    if let Some(response) = &turn.response {
        encode_response(&mut out, response);
    }
    if turn.edits != StoredEdits::default() {
        encode_edits(&mut out, &turn.edits);
    }
    if !turn.events.is_empty() {
        out.insert("events.ndjson".to_owned(), turn.events.iter().flat_map(|e| line(&encode_event(e))).collect());
    }
    out
}

/// Reads the tree of the turn with this header.
pub fn decode_tree(
    header: Header,
    file: &mut dyn FnMut(&str) -> Option<Vec<u8>>,
    list: &mut dyn FnMut(&str) -> Vec<String>,
) -> Result<Turn, DecodeError> {
    if file(FORMAT).is_none() {
        return Err(DecodeError::Missing(FORMAT.to_owned()));
    }
    let meta = from_json("turn.json", &file("turn.json").ok_or_else(|| DecodeError::Missing("turn.json".to_owned()))?)?;
    let request = match file("request/manifest") {
        None => None,
        Some(manifest) => {
            let raw = file("request/envelope.json").ok_or_else(|| DecodeError::Missing("request/envelope.json".to_owned()))?;
            let mut parts = BTreeMap::new();
            for name in list("request/parts") {
                let label: Sha256 = name.parse().map_err(|e| DecodeError::malformed("request/parts", e))?;
                let path = format!("request/parts/{name}");
                let bytes = file(&path).ok_or(DecodeError::Missing(path))?;
                if Sha256::of(&bytes) != label {
                    return Err(DecodeError::malformed(format!("request/parts/{name}"), "its bytes have another SHA-256"));
                }
                parts.insert(label, bytes);
            }
            let envelope = decode_envelope(&from_json("request/envelope.json", &raw)?)?;
            Some(RequestRecord { envelope, manifest: decode_manifest(&manifest)?, parts })
        }
    };
    Ok(Turn {
        header,
        state: decode_state(&meta)?,
        prompt: file("prompt"),
        request,
        response: decode_response(file)?,
        edits: decode_edits(file)?,
        events: file("events.ndjson").map(|raw| decode_events(&raw)).transpose()?.unwrap_or_default(),
    })
}

fn to_json(value: &Value) -> Vec<u8> {
    // Values built in this file hold strings, integers below 2^53, booleans, arrays and objects with ASCII keys only.
    canonical(value).unwrap_or_else(|e| unreachable!("turn metadata: {e}"))
}

fn line(value: &Value) -> Vec<u8> {
    let mut out = to_json(value);
    out.push(b'\n');
    out
}

fn from_json(name: &str, raw: &[u8]) -> Result<Value, DecodeError> {
    serde_json::from_slice(raw).map_err(|e| DecodeError::malformed(name, e))
}

/// `{"path": …}`, or `{"path_bytes": …}` percent-encoded when the path is not UTF-8.
fn put_path(map: &mut Map<String, Value>, path: &RepoPath) {
    match path.as_str() {
        Some(text) => map.insert("path".to_owned(), json!(text)),
        None => map.insert("path_bytes".to_owned(), json!(crate::base::text::percent_encode(path.as_bytes()))),
    };
}

fn get_path(name: &str, value: &Value) -> Result<RepoPath, DecodeError> {
    let raw = match (value["path"].as_str(), value["path_bytes"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(text)) => crate::base::text::percent_decode(text),
        _ => return Err(DecodeError::malformed(name, "a path is missing")),
    };
    RepoPath::new(raw).map_err(|e| DecodeError::malformed(name, e))
}

fn meta(turn: &Turn) -> Value {
    let mut trailers = Map::new();
    let mut paths = Vec::new();
    for (key, value) in trailer::trailers(&turn.header) {
        if key == "Retort-Path" {
            paths.push(json!(value));
        } else {
            trailers.insert(key.to_owned(), json!(value));
        }
    }
    if !paths.is_empty() {
        trailers.insert("Retort-Path".to_owned(), Value::Array(paths));
    }
    let files: Vec<Value> = turn
        .state
        .files
        .iter()
        .map(|(path, access)| {
            let mut map = Map::new();
            put_path(&mut map, path);
            map.insert("access".to_owned(), json!(access.as_str()));
            Value::Object(map)
        })
        .collect();
    json!({ "format": FORMAT, "trailers": trailers, "files": files, "settings": pairs(&turn.state.settings) })
}

/// The trailers that `turn.json` repeats otherwise than the message has them. Those that this version does not know are not
/// looked at.
pub fn disagreements(header: &Header, turn_json: &[u8]) -> Result<Vec<String>, DecodeError> {
    let meta = from_json("turn.json", turn_json)?;
    let bad = |why: &str| DecodeError::malformed("turn.json", why);
    let mut block = "x\n\n".to_owned();
    for (key, value) in meta["trailers"].as_object().ok_or_else(|| bad("trailers is not an object"))? {
        let paths = value.as_array().map(Vec::as_slice);
        for value in paths.unwrap_or(std::slice::from_ref(value)) {
            let text = value.as_str().ok_or_else(|| bad("a trailer is no text"))?;
            let shown = if paths.is_some() { text.to_owned() } else { crate::base::text::percent_encode(text.as_bytes()) };
            block.push_str(&format!("{key}: {shown}\n"));
        }
    }
    let repeated = Header { subject: header.subject.clone(), ..trailer::decode_header(block.as_bytes())? };
    let by_key = |h: &Header| {
        let mut map: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (key, value) in trailer::trailers(h) {
            map.entry(key).or_default().push(value);
        }
        map
    };
    let (here, there) = (by_key(header), by_key(&repeated));
    let keys: std::collections::BTreeSet<&str> = here.keys().chain(there.keys()).copied().collect();
    Ok(keys.into_iter().filter(|key| here.get(key) != there.get(key)).map(str::to_owned).collect())
}

/// A map with free keys as an array of pairs: canonical objects have ASCII keys only.
fn pairs(map: &BTreeMap<String, String>) -> Value {
    map.iter().map(|(k, v)| json!([k, v])).collect()
}

fn decode_pairs(name: &str, value: &Value) -> Result<BTreeMap<String, String>, DecodeError> {
    let bad = || DecodeError::malformed(name, "expected an array of [key, value] pairs");
    let mut out = BTreeMap::new();
    for pair in value.as_array().ok_or_else(bad)? {
        let (Some(key), Some(value)) = (pair[0].as_str(), pair[1].as_str()) else { return Err(bad()) };
        out.insert(key.to_owned(), value.to_owned());
    }
    Ok(out)
}

fn decode_state(meta: &Value) -> Result<SessionState, DecodeError> {
    let bad = |why: &str| DecodeError::malformed("turn.json", why);
    let mut files = BTreeMap::new();
    for item in meta["files"].as_array().ok_or_else(|| bad("files is not an array"))? {
        let access = item["access"].as_str().and_then(Access::parse).ok_or_else(|| bad("a file has no known access"))?;
        files.insert(get_path("turn.json", item)?, access);
    }
    Ok(SessionState { files, settings: decode_pairs("turn.json settings", &meta["settings"])? })
}

fn envelope(e: &Envelope) -> Value {
    let mut out = json!({ "provider": e.provider, "method": e.method, "url": e.url, "headers": pairs(&e.headers) });
    if !e.protocol.is_empty() {
        out["protocol"] = json!(e.protocol);
    }
    out
}

fn decode_envelope(value: &Value) -> Result<Envelope, DecodeError> {
    let text = |key: &str| {
        let found = value[key].as_str().map(str::to_owned);
        found.ok_or_else(|| DecodeError::malformed("request/envelope.json", format!("{key} is not a string")))
    };
    Ok(Envelope {
        provider: text("provider")?,
        protocol: value["protocol"].as_str().unwrap_or_default().to_owned(),
        method: text("method")?,
        url: text("url")?,
        headers: decode_pairs("request/envelope.json headers", &value["headers"])?,
    })
}

/// One line an entry, five words: label, length, encoding, role (`-` for the provider's framing), kind.
pub(super) fn encode_manifest(manifest: &Manifest) -> Vec<u8> {
    let mut out = String::new();
    for e in &manifest.entries {
        let role = e.role.map_or("-", Role::as_str);
        let kind = crate::base::text::percent_encode(e.kind.0.as_bytes());
        out.push_str(&format!("{} {} {} {role} {kind}\n", e.label, e.length, e.encoding.as_str()));
    }
    out.into_bytes()
}

pub(super) fn decode_manifest(raw: &[u8]) -> Result<Manifest, DecodeError> {
    let bad = |why: &str| DecodeError::malformed("request/manifest", why);
    let text = std::str::from_utf8(raw).map_err(|e| DecodeError::malformed("request/manifest", e))?;
    let mut entries = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(5, ' ').collect();
        let [label, length, encoding, role, kind] = words[..] else { return Err(bad("a line has fewer than five words")) };
        let kind = String::from_utf8(crate::base::text::percent_decode(kind)).map_err(|_| bad("a kind is not text"))?;
        entries.push(Entry {
            label: label.parse().map_err(|_| bad("a label is not a SHA-256"))?,
            length: length.parse().map_err(|_| bad("a length is not a number"))?,
            encoding: Encoding::parse(encoding).ok_or_else(|| bad("unknown encoding"))?,
            role: if role == "-" { None } else { Some(Role::parse(role).ok_or_else(|| bad("unknown role"))?) },
            kind: Kind(kind),
        });
    }
    Ok(Manifest { entries })
}

fn encode_response(out: &mut Files, r: &ResponseRecord) {
    let mut map = Map::new();
    map.insert("status".to_owned(), json!(r.status));
    map.insert("headers".to_owned(), pairs(&r.headers));
    if let Some(stop) = &r.stop {
        map.insert("stop".to_owned(), json!(stop.as_text()));
    }
    map.insert("native".to_owned(), r.native.iter().map(|(at, _)| json!(at)).collect());
    out.insert("response/head.json".to_owned(), to_json(&Value::Object(map)));
    out.insert("response/raw".to_owned(), r.raw.clone());
    out.insert("response/text".to_owned(), r.text.clone().into_bytes());
    if !r.reasoning.is_empty() {
        out.insert("response/reasoning".to_owned(), r.reasoning.clone().into_bytes());
    }
    for (at, (_, bytes)) in r.native.iter().enumerate() {
        out.insert(format!("response/native/{at}"), bytes.clone());
    }
}

fn decode_response(file: &mut dyn FnMut(&str) -> Option<Vec<u8>>) -> Result<Option<ResponseRecord>, DecodeError> {
    const HEAD: &str = "response/head.json";
    let Some(head) = file(HEAD) else { return Ok(None) };
    let head = from_json(HEAD, &head)?;
    let mut need = |name: &str| file(name).ok_or_else(|| DecodeError::Missing(name.to_owned()));
    let text = |name: &str, raw: Vec<u8>| String::from_utf8(raw).map_err(|e| DecodeError::malformed(name, e));
    let mut native = Vec::new();
    for (at, position) in head["native"].as_array().into_iter().flatten().enumerate() {
        // A larger one cannot be written again.
        let position = position
            .as_u64()
            .filter(|at| *at <= LARGEST)
            .ok_or_else(|| DecodeError::malformed(HEAD, "a position is not a number"))?;
        native.push((position, need(&format!("response/native/{at}"))?));
    }
    Ok(Some(ResponseRecord {
        status: head["status"]
            .as_u64()
            .and_then(|n| u16::try_from(n).ok())
            .ok_or_else(|| DecodeError::malformed(HEAD, "status"))?,
        headers: decode_pairs("response/head.json headers", &head["headers"])?,
        raw: need("response/raw")?,
        text: text("response/text", need("response/text")?)?,
        reasoning: text("response/reasoning", file("response/reasoning").unwrap_or_default())?,
        stop: head["stop"].as_str().map(Stop::from_text),
        native,
    }))
}

fn encode_edits(out: &mut Files, edits: &StoredEdits) {
    let mut changes = Vec::new();
    for (at, change) in edits.changes.iter().enumerate() {
        let mut map = Map::new();
        put_path(&mut map, &change.path);
        map.insert("status".to_owned(), json!(change.status.as_str()));
        for (name, side) in [("before", &change.before), ("after", &change.after)] {
            if let Some(side) = side {
                map.insert(name.to_owned(), json!(side.mode.octal()));
                out.insert(format!("edits/{at}.{name}"), side.bytes.clone());
            }
        }
        changes.push(Value::Object(map));
    }
    let rejects: Vec<Value> = edits.rejects.iter().map(|r| json!({ "path": r.path, "reason": r.reason, "edit": r.edit })).collect();
    let mut index = json!({ "changes": changes, "rejects": rejects });
    if let Some(message) = &edits.message {
        index["message"] = json!(message);
    }
    out.insert("edits/index.json".to_owned(), to_json(&index));
}

fn decode_edits(file: &mut dyn FnMut(&str) -> Option<Vec<u8>>) -> Result<StoredEdits, DecodeError> {
    const INDEX: &str = "edits/index.json";
    let bad = |why: &str| DecodeError::malformed(INDEX, why);
    let Some(raw) = file(INDEX) else { return Ok(StoredEdits::default()) };
    let index = from_json(INDEX, &raw)?;
    let mut edits = StoredEdits { message: index["message"].as_str().map(str::to_owned), ..StoredEdits::default() };
    for (at, item) in index["changes"].as_array().ok_or_else(|| bad("changes is not an array"))?.iter().enumerate() {
        let mut side = |name: &str| match item[name].as_str() {
            None => Ok(None),
            Some(mode) => {
                let mode = FileMode::from_octal(mode).ok_or_else(|| bad("unknown file mode"))?;
                let path = format!("edits/{at}.{name}");
                let bytes = file(&path).ok_or(DecodeError::Missing(path))?;
                Ok(Some(FileState { mode, bytes }))
            }
        };
        edits.changes.push(StoredChange {
            path: get_path(INDEX, item)?,
            status: item["status"].as_str().and_then(ChangeStatus::parse).ok_or_else(|| bad("unknown status"))?,
            before: side("before")?,
            after: side("after")?,
        });
    }
    for item in index["rejects"].as_array().ok_or_else(|| bad("rejects is not an array"))? {
        let text = |key: &str| item[key].as_str().map(str::to_owned).ok_or_else(|| bad("a reject lacks a field"));
        edits.rejects.push(StoredReject { path: text("path")?, reason: text("reason")?, edit: text("edit")? });
    }
    Ok(edits)
}

fn encode_event(e: &Event) -> Value {
    json!({ "at": e.at.to_string(), "kind": e.kind, "fields": pairs(&e.fields) })
}

fn decode_events(raw: &[u8]) -> Result<Vec<Event>, DecodeError> {
    const NAME: &str = "events.ndjson";
    let mut out = Vec::new();
    for line in raw.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let value = from_json(NAME, line)?;
        let text = |key: &str| value[key].as_str().ok_or_else(|| DecodeError::malformed(NAME, format!("{key} is not a string")));
        out.push(Event {
            at: text("at")?.parse().map_err(|e| DecodeError::malformed(NAME, e))?,
            kind: text("kind")?.to_owned(),
            fields: decode_pairs(NAME, &value["fields"])?,
        });
    }
    Ok(out)
}
