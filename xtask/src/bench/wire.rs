//! What it costs to read a long answer, beside `curl` to a file from the same server.
//!
//! Invariants
//! - Both read the same bytes from the same server; a run that did not get all of them is an error, never a measurement.
//! - The turn is a whole one: the answer is shown, parsed for edits and kept, which `curl` does not do.

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::{Row, alternate, child, server, table};
use crate::measure::{self, Cost};
use crate::shell;

/// How long the stream is, bytes.
const LONG: usize = 10 << 20;
/// One piece of the answer; two lines, as models send them.
const PIECE: &str = "The quick brown fox jumps over the lazy dog,\\nand says what it does.\\n";

pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    let runs = match args {
        [] => 11,
        ["--runs", number] => number.parse().ok().filter(|n| *n > 0).ok_or("--runs takes a number above 0")?,
        _ => return Err("bench wire knows --runs N".to_owned()),
    };
    let rt = shell::build_rt(&["--release"])?;
    let place = shell::target().join("bench-wire");
    shell::remove(&place)?;
    let home = place.join("home");
    shell::write(&home.join("gitconfig"), b"[user]\n\tname = Ada Example\n\temail = ada@example.invalid\n")?;
    let repo = place.join("repo");
    std::fs::create_dir_all(&repo).map_err(|e| format!("cannot make {}: {e}", repo.display()))?;
    for args in [&["init", "-q"][..], &["commit", "-q", "--allow-empty", "-m", "Begin"]] {
        shell::text(child(Path::new("git"), &repo, &home).args(args))?;
    }
    let mut rows = Vec::new();
    for (what, length, peak) in [("an answer of one line", 0, None), ("an answer of 10 MB", LONG, None)] {
        let (stream, text) = stream(length);
        let sent = stream.len() as u64;
        let port = serve(Arc::new(stream)).map_err(|e| format!("cannot open a port on loopback: {e}"))?;
        let (ours, theirs) = alternate(runs, &|| turn(&rt, &repo, &home, port, text), &|| curl(&place, &home, port, sent))?;
        rows.push(Row { what: what.to_owned(), rt: ours, git: theirs, most: 2.0, peak });
    }
    print!("{}", table(&rows).replace("git", "curl"));
    let [short, long] = rows.as_slice() else { return Err("there are two rows".to_owned()) };
    let more = |of: fn(&Row) -> Cost| of(long).cpu.saturating_sub(of(short).cpu) as f64 / 1000.0 / (LONG >> 20) as f64;
    let (ours, theirs) = (more(|row| row.rt), more(|row| row.git));
    println!("CPU for each further megabyte: rt {ours:.2} ms, curl {theirs:.2} ms");
    let held = long.rt.peak.saturating_sub(short.rt.peak) as f64 * 1024.0 / 1e6;
    println!("memory for 10 MB over that for a line: rt {held:.1} MB");
    if ours <= 2.0 * theirs { Ok(()) } else { Err(format!("a megabyte costs {:.1} times what curl takes for it", ours / theirs)) }
}

/// A stream of at least so many bytes in Gemini's frames, and how long its text is.
fn stream(length: usize) -> (Vec<u8>, usize) {
    let event = |text: &str, more: &str| {
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}],\"role\":\"model\"}}{more},\"index\":0}}],\
             \"usageMetadata\":{{\"promptTokenCount\":900,\"candidatesTokenCount\":60,\"totalTokenCount\":960}},\
             \"modelVersion\":\"gemini-flash-latest\",\"responseId\":\"bench\"}}\r\n\r\n"
        )
    };
    let one = event(PIECE, "");
    let pieces = (length / one.len()).max(1);
    let mut bytes = one.repeat(pieces).into_bytes();
    bytes.extend_from_slice(event("", ",\"finishReason\":\"STOP\"").as_bytes());
    (bytes, pieces * PIECE.replace("\\n", "\n").len())
}

/// Gives these bytes to whoever asks; the port.
fn serve(stream: Arc<Vec<u8>>) -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            let sent =
                server::asked(&client).and_then(|_| client.write_all(head.as_bytes())).and_then(|()| client.write_all(&stream));
            // A client that hung up is its own failure and is seen there.
            sent.unwrap_or_default();
        }
    });
    Ok(port)
}

fn turn(rt: &Path, repo: &Path, home: &Path, port: u16, text: usize) -> Result<Cost, String> {
    let shown: PathBuf = home.join("shown");
    let mut command = child(Path::new("sh"), repo, home);
    command.args(["-c", "exec \"$0\" --model gemini/flash -n -m go > \"$1\""]).arg(rt).arg(&shown);
    command.env("RT_HOME", home.join(".retort")).env("GEMINI_API_KEY", "test-key-not-real");
    command.env("RT__PROVIDERS__GEMINI__BASE_URL", format!("http://127.0.0.1:{port}"));
    whole(&command, &shown, text as u64)
}

fn curl(place: &Path, home: &Path, port: u16, sent: u64) -> Result<Cost, String> {
    let file = place.join("curled");
    let mut command = child(Path::new("curl"), place, home);
    command.args(["-sS", "-N", "-d", "{}", "-o"]).arg(&file).arg(format!("http://127.0.0.1:{port}/"));
    whole(&command, &file, sent)
}

/// Runs it and makes sure that the file it writes has all.
fn whole(command: &Command, file: &Path, length: u64) -> Result<Cost, String> {
    let cost = measure::cost(command)?;
    let got = std::fs::metadata(file).map_err(|e| format!("{}: {e}", file.display()))?.len();
    if got == length { Ok(cost) } else { Err(format!("{} has {got} bytes of {length}", file.display())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_has_the_text_that_it_says() {
        for length in [0, 100_000] {
            let (stream, text) = stream(length);
            let events = String::from_utf8(stream).unwrap();
            let events: Vec<_> = events.split_terminator("\r\n\r\n").collect();
            let said: usize = events
                .iter()
                .map(|event| {
                    let json: serde_json::Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
                    json["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap().len()
                })
                .sum();
            assert_eq!(said, text);
            assert!(events.last().unwrap().contains("STOP") && text * 5 >= length);
        }
    }
}
