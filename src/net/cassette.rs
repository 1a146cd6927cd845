//! A directory of recorded exchanges (docs/formats/cassette.md).
//!
//! Invariants
//! - `NNNN.json` is written last, so an exchange without it was not recorded to its end and is not there.
//! - No two processes write the same number: whoever makes `NNNN.request` has it.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::base::hash::Sha256;

/// The version that is written and read.
const VERSION: u32 = 1;

/// One exchange as its `NNNN.json` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    pub v: u32,
    pub number: u32,
    pub method: String,
    pub url: String,
    pub request: Asked,
    /// `None` when there was none.
    pub response: Option<Answered>,
    /// Why there was none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failed: Option<String>,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub headers: BTreeMap<String, String>,
    pub bytes: u64,
    pub sha256: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    /// How many bytes came at a time.
    pub chunks: Vec<usize>,
    /// `whole`; `dropped` when nobody read on; else why the connection broke.
    pub ended: String,
}

pub(super) const WHOLE: &str = "whole";
pub(super) const DROPPED: &str = "dropped";

impl Exchange {
    pub(super) fn new(number: u32, method: &str, url: String, headers: BTreeMap<String, String>, body: &[u8]) -> Self {
        let request = Asked { headers, bytes: body.len() as u64, sha256: Sha256::of(body).to_string() };
        Self { v: VERSION, number, method: method.to_owned(), url, request, response: None, failed: None }
    }

    /// What it is found by, beside the body: a server may be at another address when it is replayed.
    pub fn path(&self) -> &str {
        path_of(&self.url)
    }

    pub(super) fn is_of(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path() == path
    }

    /// The number as the files have it.
    pub fn name(&self) -> String {
        name(self.number)
    }
}

/// The path of an address with its query; all of what is no address of a server.
pub(super) fn path_of(url: &str) -> &str {
    let Some((scheme, rest)) = url.split_once("://") else { return url };
    if !matches!(scheme, "http" | "https") {
        return url;
    }
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn name(number: u32) -> String {
    format!("{number:04}")
}

fn file(dir: &Path, number: u32, ending: &str) -> PathBuf {
    dir.join(format!("{}.{ending}", name(number)))
}

/// The exchanges of a directory, in order.
pub fn read(dir: &Path) -> io::Result<Vec<Exchange>> {
    let wrong = |path: &Path, why: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display()));
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let exchange: Exchange =
            serde_json::from_slice(&std::fs::read(&path)?).map_err(|e| wrong(&path, format!("it is no recorded exchange: {e}")))?;
        if exchange.v != VERSION {
            return Err(wrong(&path, format!("its format is {}, and {VERSION} is known", exchange.v)));
        }
        out.push(exchange);
    }
    out.sort_by_key(|exchange| exchange.number);
    Ok(out)
}

/// The bytes that were sent in an exchange.
pub fn request(dir: &Path, exchange: &Exchange) -> io::Result<Vec<u8>> {
    std::fs::read(file(dir, exchange.number, "request"))
}

/// The bytes that came back.
pub fn response(dir: &Path, exchange: &Exchange) -> io::Result<Vec<u8>> {
    std::fs::read(file(dir, exchange.number, "response"))
}

/// The bytes in the pieces in which they came.
pub(super) fn pieces(bytes: Vec<u8>, chunks: &[usize]) -> Vec<Bytes> {
    let (mut rest, mut out) = (Bytes::from(bytes), Vec::new());
    for length in chunks {
        out.push(rest.split_to(rest.len().min(*length)));
    }
    out.push(rest);
    out.retain(|piece| !piece.is_empty());
    out
}

/// Takes the next free number for an exchange that begins, and writes what is sent.
pub(super) fn claim(dir: &Path, body: &[u8]) -> io::Result<u32> {
    std::fs::create_dir_all(dir)?;
    let taken = |entry: io::Result<std::fs::DirEntry>| entry.ok()?.path().file_stem()?.to_str()?.parse::<u32>().ok();
    let mut number = std::fs::read_dir(dir)?.filter_map(taken).max().unwrap_or(0);
    loop {
        number = number.checked_add(1).ok_or_else(|| io::Error::other("there are too many exchanges in it"))?;
        match write_new(&file(dir, number, "request"), body) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done.map(|()| number),
        }
    }
}

/// Gives a number back that nothing came of.
pub(super) fn give_back(dir: &Path, number: u32) {
    let _ = std::fs::remove_file(file(dir, number, "request"));
}

/// Writes what came back, and then that the exchange is there.
pub(super) fn finish(dir: &Path, exchange: &Exchange, body: &[u8]) -> io::Result<()> {
    if exchange.response.is_some() {
        write_new(&file(dir, exchange.number, "response"), body)?;
    }
    let mut json = serde_json::to_vec_pretty(exchange)?;
    json.push(b'\n');
    write_new(&file(dir, exchange.number, "json"), &json)
}

/// Only its owner may read it: it holds a conversation.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}
