//! A model that answers at once: a server on loopback in Gemini's streaming frames.
//!
//! Invariants
//! - The answer raises the number in the served file by one, so every turn is a real edit that applies.
//! - It is a thread of this process: none of its time is counted towards what is measured.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::fixtures::{self, COUNTER};

/// A running server; it lives as long as the program.
pub(super) struct Server {
    port: u16,
    file: Arc<Mutex<PathBuf>>,
}

impl Server {
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let file = Arc::new(Mutex::new(PathBuf::new()));
        let served = Arc::clone(&file);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let path = served.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // A client that hung up is its own failure and is seen there.
                answer(&stream, &path).unwrap_or_default();
            }
        });
        Ok(Self { port, file })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Answers are about this file from now on.
    pub(super) fn serve(&self, file: &Path) {
        file.clone_into(&mut self.file.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Reads a request; gives its first line.
pub(super) fn asked(stream: &TcpStream) -> io::Result<String> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        if let Some((_, value)) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    io::copy(&mut (&mut reader).take(length), &mut io::sink())?;
    Ok(first)
}

fn answer(mut stream: &TcpStream, file: &Path) -> io::Result<()> {
    let line = asked(stream)?;
    let wanted = line.starts_with("POST ") && line.contains(":streamGenerateContent");
    let answer = if wanted { std::fs::read_to_string(file).ok().as_deref().and_then(fixtures::next_line) } else { None };
    let Some((old, new)) = answer else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    for event in events(&old, &new) {
        stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
    }
    stream.write_all(b"0\r\n\r\n")
}

/// The stream: two pieces of text, and an end with its token counts.
fn events(old: &str, new: &str) -> [String; 3] {
    let edit = format!("{COUNTER}\n```rust\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n```\n");
    let piece = |text: &str, more: &str| {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let usage = r#""usageMetadata":{"promptTokenCount":900,"candidatesTokenCount":60,"totalTokenCount":960}"#;
        let content = format!(r#"{{"content":{{"parts":[{{"text":"{text}"}}],"role":"model"}}{more},"index":0}}"#);
        format!(
            "data: {{\"candidates\":[{content}],{usage},\"modelVersion\":\"gemini-flash-latest\",\"responseId\":\"bench\"}}\r\n\r\n"
        )
    };
    [piece("The counter goes up by one.\n\n", ""), piece(&edit, ""), piece("", r#","finishReason":"STOP""#)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_with_the_next_number_in_chunks_that_add_up() {
        let file = std::env::temp_dir().join(format!("xtask-server-{}.rs", std::process::id()));
        std::fs::write(&file, fixtures::counter(6)).unwrap();
        let server = Server::start().unwrap();
        server.serve(&file);
        let ask = |path: &str| {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
            write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n{{}}\r\n").unwrap();
            let mut said = String::new();
            stream.read_to_string(&mut said).unwrap();
            said
        };
        let said = ask("/v1beta/models/gemini-flash-latest:streamGenerateContent?alt=sse");
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
        assert!(said.contains(r"COUNTER: u64 = 6;\n=======\npub const COUNTER: u64 = 7;\n>>>>>>> REPLACE"), "{said}");
        let (_, mut body) = said.split_once("\r\n\r\n").unwrap();
        let mut events = Vec::new();
        loop {
            let (size, rest) = body.split_once("\r\n").unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            if size == 0 {
                break;
            }
            let event = &rest[..size];
            assert!(event.starts_with("data: {") && event.ends_with("}\r\n\r\n"), "{event}");
            events.push(event.to_owned());
            body = rest[size..].strip_prefix("\r\n").unwrap();
        }
        assert!(events.len() == 3 && events[2].contains(r#""finishReason":"STOP""#));
        assert!(ask("/v1beta/models").starts_with("HTTP/1.1 404"));
        std::fs::remove_file(&file).unwrap();
    }
}
