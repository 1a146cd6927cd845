//! Configuration: files, texts of settings, and secrets.

use std::collections::BTreeMap;
use std::path::Path;

use retort::config::schema::{self, KEYS, Scope};
use retort::config::secret::{Redactor, Secret};
use retort::config::{Config, Entry, Layer, Origin, Sources, changed, check, parse, parse_duration};

use super::bytes::{Dice, joined, parts, text};

pub fn toml(data: &[u8]) {
    file(Path::new("config.toml"), data);
}

pub fn json(data: &[u8]) {
    file(Path::new("config.json"), data);
}

/// Every key with its value, without where it stands.
fn plain(entries: &[Entry]) -> BTreeMap<String, String> {
    entries.iter().map(|entry| (entry.key.clone(), entry.value.to_string())).collect()
}

/// What is read is known, stands where it says, and can be written back; setting one key changes no other.
fn file(path: &Path, data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').count();
    let (entries, problems) = parse(path, Layer::Project, data);
    for entry in &entries {
        let key = schema::find(&entry.key).expect("only known keys are read");
        let Origin::File { line, layer: Layer::Project, .. } = entry.origin else { panic!("another origin") };
        assert!((1..=lines).contains(&line), "line {line} of {lines}");
        let shown = text(data.split(|byte| *byte == b'\n').nth(line - 1).unwrap_or_default());
        let name = entry.key.rsplit('.').next().unwrap_or_default();
        assert!(
            path.ends_with("config.json") || shown.contains(name) || shown.contains('\\'),
            "{} is not in line {line}: {shown:?}",
            entry.key
        );
        assert_eq!(key.read_text(&entry.value.to_string()).as_ref(), Ok(&entry.value), "{}", entry.key);
    }
    for problem in &problems {
        assert!(!problem.to_string().contains('\n'), "one line: {problem}");
        let _ = problem.hint();
    }
    let Ok(old) = std::str::from_utf8(data) else { return assert!(!problems.is_empty()) };
    if !problems.is_empty() {
        return;
    }
    let mut dice = Dice::of(data);
    for _ in 0..3 {
        let key = &KEYS[dice.below(KEYS.len())];
        let name = key.name.replace("<name>", "gemini");
        let new = changed(path, old, &name, key.example).expect("a sound file can be changed");
        let mut want = plain(&entries);
        want.insert(name.clone(), key.read_text(key.example).expect("an example is valid").to_string());
        let (after, problems) = parse(path, Layer::Project, new.as_bytes());
        assert!(problems.is_empty(), "{problems:?} in {new:?}");
        assert_eq!(plain(&after), want, "{new:?}");
        let again = changed(path, &new, &name, key.example).expect("still sound");
        assert_eq!(plain(&parse(path, Layer::Project, again.as_bytes()).0), want, "setting it twice is setting it once");
    }
}

pub fn toml_seeds() -> Vec<Vec<u8>> {
    let line = |key: &schema::Key| format!("{} = {}", key.name.replace("<name>", "work"), serde_json::Value::from(key.example));
    let examples = KEYS.iter().map(line).collect::<Vec<_>>().join("\n");
    let starter = schema::starter();
    let all =
        starter.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).filter(|l| !l.starts_with(' ')).collect::<Vec<_>>();
    vec![
        examples.into_bytes(),
        all.join("\n").into_bytes(),
        starter.into_bytes(),
        b"vcs = { commit = \"off\", dirty = 'refuse' } # c\n[providers.gemini.retry]\nmax = 0x2\n".to_vec(),
        b"\xef\xbb\xbf[hooks]\r\nplan = [\r\n  \"store\", # one\r\n]\r\n[[model]]\n".to_vec(),
        b"\"model\".\"default\" = \"\"\"\na\\\n  b\"\"\"\n[debug]\nclock = \"2026-01-31T09:30:00Z\"\n".to_vec(),
    ]
}

pub fn json_seeds() -> Vec<Vec<u8>> {
    vec![
        br#"{"$schema":"x","model":{"default":"gemini/flash","local_servers":["a=1"]},"vcs":{"commit":"off","coauthor":true}}"#.to_vec(),
        b"{\n  \"providers\": {\"work\": {\"kind\": \"openai\", \"base_url\": \"http://x\", \"retry\": {\"max\": 2}}},\n  \"debug\": {\"seed\": 1}\n}\n".to_vec(),
        br#"{"vcs":{"commit":null,"message":1.5},"ui":[],"vcs":{"commit":"off"},"a.b":{}}"#.to_vec(),
    ]
}

/// Lines `layer key=text`. What a session keeps is never an error and sets nothing that it may not.
pub fn settings(data: &[u8]) {
    let all = text(data);
    let mut sources = Sources { home: "no-such-directory".into(), ..Sources::default() };
    for line in all.lines() {
        let (layer, rest) = line.split_once(' ').unwrap_or(("session", line));
        let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
        let pair = (key.to_owned(), value.to_owned());
        match layer {
            "env" => drop(sources.env.insert(pair.0, pair.1)),
            "flag" => sources.flags.push(pair),
            _ => sources.session.push(pair),
        }
        if let Some(time) = parse_duration(value) {
            assert_eq!(parse_duration(&retort::config::duration_text(time)), Some(time));
        }
    }
    let problems = check(&sources);
    assert_eq!(Config::load(&sources).is_ok(), problems.is_empty());
    let alone = Sources { session: sources.session.clone(), home: sources.home.clone(), ..Sources::default() };
    let config = Config::load(&alone).expect("a session's settings are never an error");
    for entry in config.entries().iter().filter(|entry| entry.origin == Origin::Session) {
        let key = schema::find(&entry.key).expect("a known key");
        assert!(key.scope != Scope::Trusted, "a session set {}", entry.key);
    }
    assert!(config.warnings().iter().all(|warning| !warning.contains('\n')));
}

pub fn settings_seeds() -> Vec<Vec<u8>> {
    let lines = |layer: &str| {
        let line = |key: &schema::Key| format!("{layer} {}={}", key.name.replace("<name>", "gemini"), key.example);
        KEYS.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    vec![
        lines("session").into_bytes(),
        lines("flag").into_bytes(),
        b"env RT__MODEL__DEFAULT=pro\nenv RT_MODEL=flash\nenv RT__PROVIDERS__WORK__KIND=openai\nflag hooks.plan=[\"a\", \"b\"]\n"
            .to_vec(),
    ]
}

/// Parts: a text, then secrets. None is in what comes out; what holds none is not touched.
pub fn redact(data: &[u8]) {
    let mut parts = parts(data);
    let text = text(parts.next().unwrap_or_default());
    let secrets = parts.take(8).enumerate().map(|(at, value)| Secret::new(format!("S{at}_KEY"), super::bytes::text(value)));
    let redactor = Redactor::new(secrets);
    let out = redactor.redact(&text);
    assert!(!redactor.holds(out.as_bytes()), "{out:?}");
    assert_eq!(redactor.redact(&out), out);
    if !redactor.holds(text.as_bytes()) {
        assert_eq!(out, text);
    }
}

pub fn redact_seeds() -> Vec<Vec<u8>> {
    vec![
        joined(&[b"the key is abcdefghijklmnop, or so", b"abcdefghijklmnop", b"klmnopqrstuv"]),
        joined(&[b"abcdefghijklmnoptail-of-text", b"abcdefghijklmnop", b"]tail-of-text"]),
        joined(&[b"[secret:[secret:S0_KEY]S0_KEY]", b"[secret:S1_KEY]", b"S0_KEY]S0_KEY]"]),
    ]
}
