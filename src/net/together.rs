//! A body in pieces of what is there at the time, for which its reader is woken once.
//!
//! The client hands on what it reads in small pieces, often one for each event. Each of them would wake whoever runs on top
//! of the runtime, for which the runtime looks for news from the system; between its own tasks it does not. So a task puts
//! them together.
//!
//! Invariants
//! - Nothing waits for more than is there: a piece that comes alone is handed on alone.
//! - A piece has at most [`AT_ONCE`] bytes and one piece of the client's. One is read ahead; a slow reader makes the other
//!   side wait.
//! - Dropping the body ends the task.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use futures_util::future::FutureExt as _;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::NetError;

/// How much is put together.
const AT_ONCE: usize = 64 << 10;

type Piece = Result<Bytes, NetError>;

/// The same body in fewer pieces.
pub(super) fn together(body: impl Stream<Item = Piece> + Send + 'static) -> BoxStream<'static, Piece> {
    let (to, from) = mpsc::channel(1);
    // It ends the task when it goes.
    let mut task = JoinSet::new();
    task.spawn(hand_on(body, to));
    stream::unfold((from, task), |(mut from, task)| async move { Some((from.recv().await?, (from, task))) }).boxed()
}

async fn hand_on(body: impl Stream<Item = Piece> + Send + 'static, to: mpsc::Sender<Piece>) {
    let mut body = pin!(body);
    let mut next = body.next().await;
    while let Some(first) = next {
        let Ok(first) = first else {
            // Nobody listens any more, or hears this last.
            let _ = to.send(first).await;
            return;
        };
        // One that comes alone is handed on as it is.
        let mut piece = first;
        let mut held = BytesMut::new();
        // What came and is no part of the piece: the end, or an error.
        let mut behind = None;
        while held.len() + piece.len() < AT_ONCE && behind.is_none() {
            let mut came = body.next().now_or_never();
            if came.is_none() {
                // The client may have more, and has to have its turn to hand it on.
                pass().await;
                came = body.next().now_or_never();
            }
            match came {
                None => break,
                Some(Some(Ok(more))) => {
                    held.reserve(if held.is_empty() { AT_ONCE } else { piece.len() });
                    held.extend_from_slice(&std::mem::replace(&mut piece, more));
                }
                Some(end) => behind = Some(end),
            }
        }
        if !held.is_empty() {
            held.extend_from_slice(&piece);
            piece = held.freeze();
        }
        if to.send(Ok(piece)).await.is_err() {
            return;
        }
        next = match behind {
            Some(end) => end,
            None => body.next().await,
        };
    }
}

/// Lets the other tasks run once.
async fn pass() {
    let mut passed = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut passed, true) {
            return Poll::Ready(());
        }
        // Not the runtime's own way, which looks for news from the system first.
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
    }

    fn all(pieces: Vec<Piece>) -> Vec<Piece> {
        run(async { together(stream::iter(pieces)).collect().await })
    }

    #[test]
    fn what_is_there_comes_at_once_and_then_its_end() {
        let piece = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
        assert_eq!(all(vec![]), []);
        assert_eq!(all(vec![piece("a")]), [piece("a")]);
        assert_eq!(all(vec![piece("a"), piece("b"), piece(""), piece("c")]), [piece("abc")]);
        let broken = || Err(NetError::Request("no".to_owned()));
        assert_eq!(all(vec![piece("a"), piece("b"), broken(), piece("c")]), [piece("ab"), broken()]);
        assert_eq!(all(vec![broken()]), [broken()]);
        let large = Bytes::from(vec![b'x'; AT_ONCE - 1]);
        let got = all(vec![Ok(large.clone()), Ok(large.clone()), Ok(large.clone())]);
        let lengths: Vec<usize> = got.iter().map(|piece| piece.as_ref().map_or(0, Bytes::len)).collect();
        assert_eq!(lengths, [2 * (AT_ONCE - 1), AT_ONCE - 1]);
    }

    #[test]
    fn what_comes_alone_is_handed_on_alone() {
        let (to, mut from) = mpsc::unbounded_channel::<&'static str>();
        run(async move {
            let mut body = together(poll_fn_stream(move |cx| from.poll_recv(cx)));
            for text in ["a", "b"] {
                to.send(text).expect("it is read");
                assert_eq!(body.next().await, Some(Ok(Bytes::from_static(text.as_bytes()))));
            }
            drop(body);
            // The task goes, and with it the other end.
            to.closed().await;
        });
    }

    fn poll_fn_stream(
        mut next: impl FnMut(&mut std::task::Context<'_>) -> Poll<Option<&'static str>> + Send + 'static,
    ) -> impl Stream<Item = Piece> + Send {
        stream::poll_fn(move |cx| next(cx).map(|text| text.map(|text| Ok(Bytes::from_static(text.as_bytes())))))
    }
}
