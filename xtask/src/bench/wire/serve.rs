//! A server on loopback that sends one stream, at once, to whoever asks.
//!
//! Invariants
//! - It is a thread of this process, and one for each client: none of its time is counted towards what is measured.
//! - Where several are waited for, none gets a byte of its answer before all have asked.

use std::io::Write as _;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use super::super::server;
use super::streams::Stream;

pub(super) struct Server {
    pub(super) port: u16,
    /// How many bytes of an answer there are, and of text in it.
    pub(super) sent: usize,
    pub(super) text: usize,
}

impl Server {
    /// One that answers when `together` have asked.
    pub(super) fn start(stream: Stream, together: usize) -> Result<Self, String> {
        let failed = |e: std::io::Error| format!("cannot open a port on loopback: {e}");
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let made = Self { port, sent: stream.bytes.len(), text: stream.text };
        let (stream, count, all) = (Arc::new(stream), Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(together)));
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let (stream, count, all) = (Arc::clone(&stream), Arc::clone(&count), Arc::clone(&all));
                std::thread::spawn(move || {
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {}\r\nconnection: close\r\n\r\n", stream.kind);
                    let bytes = stream.numbered(count.fetch_add(1, Ordering::Relaxed));
                    let asked = server::asked(&client);
                    all.wait();
                    let sent = asked.and_then(|_| client.write_all(head.as_bytes())).and_then(|()| client.write_all(&bytes));
                    // A client that hung up is its own failure and is seen there.
                    sent.unwrap_or_default();
                });
            }
        });
        Ok(made)
    }
}
