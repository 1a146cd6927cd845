//! A model server on loopback that speaks the providers' own bytes and plays a script.
//!
//! Invariants
//! - Only the standard library: the double shares no code with what it tests.
//! - Every request is recorded exactly as it came; each reply goes out in the chunks it was written in.
//! - A request that the script does not expect is answered with 400 and a text that says so, so it fails without a retry.
#![allow(dead_code, reason = "it is compiled into several test crates, and each uses a part of it")]

// It is compiled from two places, so its own place must be said.
#[path = "spoken.rs"]
pub(crate) mod spoken;

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use spoken::{Said, Speech};

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// With the query; the whole address when the server is used as a proxy.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// One scripted reply. Its default end is a whole one.
#[derive(Default)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    chunks: Vec<Vec<u8>>,
    /// Before chunk k, a message of the gate is awaited; a gate that is dropped closes the connection.
    gates: BTreeMap<usize, Receiver<()>>,
    /// How many bytes of the body the client has taken; it is waited for before each further chunk.
    taken: Option<Box<dyn Fn() -> usize + Send>>,
    cut: bool,
    /// Whether the connection closes without a word.
    silent: bool,
}

impl Reply {
    /// A reply with this status and content type, sent in these chunks.
    pub(crate) fn new(status: u16, content_type: &str, chunks: Vec<Vec<u8>>) -> Self {
        Self { status, headers: vec![("Content-Type".into(), content_type.into())], chunks, ..Self::default() }
    }

    /// The connection closes without a word.
    pub(crate) fn hang_up() -> Self {
        Self { silent: true, ..Self::default() }
    }

    /// 200 with an event stream of these payloads.
    pub(crate) fn payloads<T: AsRef<str>>(payloads: &[T]) -> Self {
        Self::stream(payloads.iter().map(|json| format!("data: {}\n\n", json.as_ref()).into_bytes()).collect())
    }

    /// 200 with an event stream.
    pub(crate) fn stream(chunks: Vec<Vec<u8>>) -> Self {
        Self::new(200, "text/event-stream", chunks)
    }

    /// A failing status with a JSON body.
    pub(crate) fn error(status: u16, body: &str) -> Self {
        Self::new(status, "application/json; charset=UTF-8", vec![body.into()])
    }

    /// Gemini's stream for `text`, cut into about `pieces` chunks.
    pub(crate) fn gemini(text: &str, pieces: usize) -> Self {
        Self::stream(gemini_chunks(&split(text, pieces)))
    }

    /// The stream of chat completions for `text`, cut into about `pieces` chunks.
    pub(crate) fn openai(text: &str, pieces: usize) -> Self {
        Self::said(Speech::Chat, &Said { cached: 200, ..Said::text(text, pieces) })
    }

    /// An answer in the bytes of `speech`.
    pub(crate) fn said(speech: Speech, said: &Said) -> Self {
        Self::new(200, speech.content_type(), speech.frames(said))
    }

    /// A failing status with a body as `speech` has it.
    pub(crate) fn failed(speech: Speech, status: u16, message: &str) -> Self {
        Self::error(status, &speech.failure(status, message))
    }

    /// The same with one more header.
    #[must_use]
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same, holding back chunk `before` (0 is the first) and what follows until the returned sender is used.
    /// Dropping the sender closes the connection there.
    #[must_use]
    pub(crate) fn gated(mut self, before: usize) -> (Self, Sender<()>) {
        let (open, gate) = channel();
        self.gates.insert(before, gate);
        (self, open)
    }

    /// The same, each chunk sent when the client has taken those before; `taken` says how many bytes it has.
    #[must_use]
    pub(crate) fn paced(self, taken: impl Fn() -> usize + Send + 'static) -> Self {
        Self { taken: Some(Box::new(taken)), ..self }
    }

    /// The same with only the first `chunks` chunks, after which the connection closes without an end.
    #[must_use]
    pub(crate) fn cut_after(mut self, chunks: usize) -> Self {
        self.chunks.truncate(chunks);
        self.cut = true;
        self
    }

    fn send(self, stream: &mut TcpStream) -> io::Result<()> {
        if self.silent {
            return Ok(());
        }
        write!(stream, "HTTP/1.1 {} Scripted\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n", self.status)?;
        for (name, value) in &self.headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        stream.write_all(b"\r\n")?;
        let mut sent = 0;
        for (at, chunk) in self.chunks.iter().enumerate() {
            while self.taken.as_ref().is_some_and(|taken| taken() < sent) {
                if hung_up(stream) {
                    return Ok(());
                }
                std::thread::yield_now();
            }
            sent += chunk.len();
            if self.gates.get(&at).is_some_and(|gate| gate.recv().is_err()) {
                return Ok(());
            }
            write!(stream, "{:x}\r\n", chunk.len())?;
            stream.write_all(chunk)?;
            stream.write_all(b"\r\n")?;
            stream.flush()?;
        }
        if !self.cut {
            stream.write_all(b"0\r\n\r\n")?;
        }
        stream.flush()
    }
}

/// Whether the client is gone.
fn hung_up(stream: &TcpStream) -> bool {
    let looked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let _ = stream.set_nonblocking(false);
    looked.map_or_else(|why| why.kind() != io::ErrorKind::WouldBlock, |bytes| bytes == 0)
}

type Script = Box<dyn FnMut(&Received) -> Reply + Send>;

/// The server. Dropping it stops it.
pub(crate) struct FakeModel {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A listener on a port. What just had it may have left a copy in a process that another test is starting in this moment.
pub(crate) fn bound(port: u16) -> TcpListener {
    let attempt = || TcpListener::bind(("127.0.0.1", port)).inspect_err(|_| std::thread::yield_now());
    (0..100_000).find_map(|_| attempt().ok()).or_else(|| Some(attempt().expect("a free port"))).expect("a listener")
}

impl FakeModel {
    /// Gives these replies in order.
    pub(crate) fn script(replies: Vec<Reply>) -> Self {
        let mut replies = replies.into_iter();
        Self::answering(move |_| {
            replies.next().unwrap_or_else(|| Reply::error(400, "{\"error\":{\"message\":\"the script is over\"}}"))
        })
    }

    /// Gives these texts in order, as Gemini.
    pub(crate) fn saying<T: AsRef<str>>(texts: &[T]) -> Self {
        Self::script(texts.iter().map(|text| Reply::gemini(text.as_ref(), 5)).collect())
    }

    /// Makes each reply from its request.
    pub(crate) fn answering(reply: impl FnMut(&Received) -> Reply + Send + 'static) -> Self {
        Self::answering_at(0, reply)
    }

    /// The same on a port of one's own.
    pub(crate) fn answering_at(port: u16, reply: impl FnMut(&Received) -> Reply + Send + 'static) -> Self {
        let listener = bound(port);
        let address = listener.local_addr().expect("the port's address");
        let (received, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let state = (Arc::clone(&received), Arc::clone(&stop));
        let thread = std::thread::spawn(move || accept(&listener, Box::new(reply), &state.0, &state.1));
        Self { address, received, stop, thread: Some(thread) }
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What was asked until now.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // The listener only looks at the flag when somebody comes.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Received {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn accept(listener: &TcpListener, script: Script, received: &Arc<Mutex<Vec<Received>>>, stop: &AtomicBool) {
    let script = Arc::new(Mutex::new(script));
    for stream in listener.incoming() {
        let (Ok(mut stream), false) = (stream, stop.load(Ordering::SeqCst)) else { return };
        let (script, received) = (Arc::clone(&script), Arc::clone(received));
        // A thread for each connection, so one that waits at a gate does not hold up the next.
        std::thread::spawn(move || {
            let _ = stream.set_nodelay(true);
            let Ok(request) = read(&stream) else { return };
            received.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
            let reply = (script.lock().unwrap_or_else(PoisonError::into_inner))(&request);
            // A client that went away is not the server's problem.
            let _ = reply.send(&mut stream);
        });
    }
}

fn read(stream: &TcpStream) -> io::Result<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Err(io::ErrorKind::InvalidData.into()) };
    let (method, path) = (method.to_owned(), path.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Received { method, path, headers, body })
}

/// `text` in about `pieces` pieces of the same length, never inside a character.
pub(crate) fn split(text: &str, pieces: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(chars.len().div_ceil(pieces.max(1)).max(1)).map(|piece| piece.iter().collect()).collect()
}

/// Gemini's stream for these pieces of text, with thinking that is not shown.
pub(crate) fn gemini_chunks(pieces: &[String]) -> Vec<Vec<u8>> {
    Speech::Gemini.frames(&Said { text: pieces.to_vec(), thinking: 30, ..Said::default() })
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => out.extend(format!("\\u{:04x}", c as u32).chars()),
            c => out.push(c),
        }
    }
    out
}
