//! Asking until there is an answer: against a server on loopback, and the local providers.

use std::sync::Mutex;

use futures_util::stream;

use super::*;
use crate::base::clock::Entropy;
use crate::base::money::Tokens;
use crate::net::fake_model::{FakeModel, Reply};
use crate::session::stream::Stop;

/// Full waits, so that they are known.
struct Most;

impl Entropy for Most {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0xff);
    }
}

const IDLE: Duration = Duration::from_secs(7777);

fn policy() -> RetryPolicy {
    RetryPolicy { max: 3, base: Duration::from_millis(300), cap: Duration::from_secs(30), idle: IDLE }
}

/// Waits between attempts pass at once; waiting for data takes for ever until `expire` is notified.
#[derive(Default)]
pub(super) struct Hand {
    slept: Mutex<Vec<Duration>>,
    expire: Arc<tokio::sync::Notify>,
}

impl Hand {
    pub(super) fn waits(&self) -> Vec<u128> {
        self.slept.lock().expect("lock").iter().filter(|d| is_wait(**d)).map(Duration::as_millis).collect()
    }

    fn idles(&self) -> usize {
        self.slept.lock().expect("lock").iter().filter(|d| **d == IDLE).count()
    }
}

fn is_wait(time: Duration) -> bool {
    time < Duration::from_secs(100) && time != Duration::from_secs(1)
}

impl Timer for Hand {
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        self.slept.lock().expect("lock").push(time);
        let expire = Arc::clone(&self.expire);
        Box::pin(async move {
            if !is_wait(time) {
                expire.notified().await;
            }
        })
    }
}

#[derive(Default)]
pub(super) struct Log {
    lines: Vec<String>,
    pub(super) raw: Vec<u8>,
    pub(super) text: String,
    full_after: Option<usize>,
}

impl Sink for Log {
    fn on_attempt(&mut self, number: u32) -> std::io::Result<()> {
        self.lines.push(format!("attempt {number}"));
        self.raw.clear();
        Ok(())
    }

    fn on_head(&mut self, status: u16, _headers: &BTreeMap<String, String>) -> std::io::Result<()> {
        self.lines.push(format!("head {status}"));
        Ok(())
    }

    fn on_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.full_after.is_some_and(|limit| self.raw.len() + bytes.len() > limit) {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.raw.extend_from_slice(bytes);
        Ok(())
    }

    fn on_event(&mut self, event: &ModelEvent) {
        if let ModelEvent::Text(text) = event {
            self.text.push_str(text);
        }
    }

    fn on_retry(&mut self, wait: Duration, error: &LlmError) {
        self.lines.push(format!("retry in {} ms: {error}", wait.as_millis()));
    }
}

pub(super) struct Asked {
    pub(super) result: Result<Answer, AskError>,
    /// As far as it came.
    pub(super) partial: Answer,
    pub(super) log: Log,
    pub(super) timer: Hand,
}

pub(super) fn asked(provider: &dyn Provider) -> Asked {
    let (mut log, timer) = (Log::default(), Hand::default());
    let call = provider.encode(&hello()).expect("body");
    let (partial, result) = run(ask_whole(provider, &call, &policy(), &Most, &timer, &mut log));
    Asked { result: result.map(|()| partial.clone()), partial, log, timer }
}

fn failed(server: &FakeModel) -> (AskError, Asked) {
    let asked = asked(&gemini(&server.url()));
    (asked.result.clone().expect_err("a failure"), asked)
}

#[test]
fn an_answer_over_loopback() {
    let text = "Grüße,\n\"quoted\" \\ text\n";
    let server = FakeModel::script(vec![Reply::gemini(text, 5).with_header("Set-Cookie", "no").with_header("X-Request-Id", "r")]);
    let Asked { result, log, .. } = asked(&gemini(&server.url()));
    let answer = result.expect("answer");
    assert_eq!((answer.record.text.as_str(), answer.record.stop.clone()), (text, Some(Stop::End)));
    assert_eq!((log.text.as_str(), &log.raw), (text, &answer.record.raw));
    assert_eq!(answer.served.as_deref(), Some("gemini-3.7-flash"));
    assert_eq!((answer.usage.input, answer.usage.output), (Tokens(1200), Tokens(35)));
    assert_eq!(answer.record.headers.keys().collect::<Vec<_>>(), ["content-type", "x-request-id"]);
    assert_eq!(replay(&from(&gemini("")), 200, &log.raw).0.record.text, text);
    let sent = server.requests().remove(0);
    assert_eq!(sent.path, "/v1beta/models/flash:streamGenerateContent?alt=sse");
    assert_eq!(sent.headers["x-goog-api-key"], "key-of-the-test");
    assert_eq!(sent.body, gemini("").encode(&hello()).expect("body").body.bytes());

    let server = FakeModel::script(vec![Reply::openai(text, 5)]);
    let answer = asked(&chat("llama", &format!("{}/v1", server.url()))).result.expect("answer");
    assert_eq!((answer.record.text.as_str(), answer.usage.input, answer.usage.cache_read), (text, Tokens(1000), Tokens(200)));
    let sent = server.requests().remove(0);
    assert_eq!((sent.path.as_str(), sent.headers["authorization"].as_str()), ("/v1/chat/completions", "Bearer key-of-the-test"));
}

#[test]
fn trouble_is_waited_out() {
    let limited = String::from_utf8(fixture("gemini/429-retry-info.json")).expect("text");
    let server = FakeModel::script(vec![
        Reply::error(503, "busy"),
        Reply::error(429, &limited),
        Reply::gemini("x", 1).cut_after(0),
        Reply::gemini("fine", 2),
    ]);
    let Asked { result, log, timer, .. } = asked(&gemini(&server.url()));
    assert_eq!(result.expect("answer").record.text, "fine");
    assert_eq!(timer.waits(), [300, 34_400, 1200]);
    let told: Vec<_> = log.lines.iter().filter(|l| !l.starts_with("retry in 1200")).map(String::as_str).collect();
    assert_eq!(
        told,
        [
            "attempt 1",
            "head 503",
            "retry in 300 ms: gemini: HTTP 503: busy",
            "attempt 2",
            "head 429",
            "retry in 34400 ms: gemini: HTTP 429: You exceeded your current quota, please check your plan.",
            "attempt 3",
            "head 200",
            "attempt 4",
            "head 200"
        ]
    );
}

#[test]
fn giving_up() {
    let server = FakeModel::answering(|_| Reply::error(500, "down"));
    let (error, asked) = failed(&server);
    assert_eq!((error.attempts, error.error.status, asked.partial.record.status), (4, 500, 500));
    assert_eq!((asked.timer.waits(), &asked.log.raw[..]), (vec![300, 600, 1200], &b"down"[..]));

    let server = FakeModel::script(vec![Reply::error(429, "{}").with_header("Retry-After", "301")]);
    assert_eq!((failed(&server).0.attempts, server.requests().len()), (1, 1));

    for (status, fault) in [(400, Fault::BadRequest), (401, Fault::Auth), (404, Fault::NotFound), (402, Fault::QuotaUsedUp)] {
        let server = FakeModel::script(vec![Reply::error(status, "{}"), Reply::gemini("never", 1)]);
        assert_eq!((failed(&server).0.error.fault, server.requests().len()), (fault, 1));
    }
    let dead = std::net::TcpListener::bind("127.0.0.1:0").expect("port").local_addr().expect("address");
    let error = asked_error(&gemini(&format!("http://{dead}")));
    assert_eq!((error.attempts, error.error.fault), (4, Fault::Transport));
}

fn asked_error(provider: &dyn Provider) -> AskError {
    asked(provider).result.expect_err("a failure")
}

#[test]
fn what_was_said_is_kept_and_not_asked_again() {
    let server = FakeModel::script(vec![Reply::gemini("half of the answer", 2).cut_after(1), Reply::gemini("never", 1)]);
    let (error, asked) = failed(&server);
    assert_eq!((error.error.fault, server.requests().len()), (Fault::Cut, 1));
    assert_eq!((asked.partial.record.text.as_str(), asked.partial.record.stop.clone()), ("half of t", None));
    assert_eq!(
        (asked.log.text.as_str(), asked.log.raw.as_slice()),
        (asked.partial.record.text.as_str(), &asked.partial.record.raw[..])
    );
}

#[test]
fn a_key_that_is_repeated_is_cut_out() {
    let server = FakeModel::script(vec![Reply::error(401, "{\"error\":{\"message\":\"bad key key-of-the-test!\"}}")]);
    let (error, asked) = failed(&server);
    assert_eq!(error.error.message, "bad key [key]!");
    assert!(!find(&asked.log.raw, b"key-of-the-test") && !find(&asked.partial.record.raw, b"key-of-the-test"));
}

#[test]
fn what_cannot_be_stored_is_not_asked_for() {
    let server = FakeModel::script(vec![Reply::gemini("some text", 3)]);
    let (mut log, timer) = (Log { full_after: Some(10), ..Log::default() }, Hand::default());
    let provider = gemini(&server.url());
    let result = run(async {
        let call = provider.encode(&hello()).expect("body");
        ask(&provider, &call, &policy(), &Most, &timer, &mut log).await
    });
    let error = result.expect_err("a failure");
    assert_eq!((error.error.fault, error.attempts, log.text.as_str()), (Fault::Aborted, 1, ""));
}

/// Opens a gate when the first piece of text arrives.
struct Opener(Option<std::sync::mpsc::Sender<()>>, String);

impl Sink for Opener {
    fn on_event(&mut self, event: &ModelEvent) {
        if let ModelEvent::Text(text) = event {
            self.1.push_str(text);
            // The second chunk only leaves the server after the first was decoded here.
            if let Some(gate) = self.0.take() {
                gate.send(()).expect("the server waits");
            }
        }
    }
}

#[test]
fn bytes_can_be_seen_while_the_rest_is_held_back() {
    let (reply, gate) = Reply::gemini("one two", 2).gated(1);
    let server = FakeModel::script(vec![reply]);
    let mut sink = Opener(Some(gate), String::new());
    let provider = gemini(&server.url());
    let answer = run(async {
        let call = provider.encode(&hello()).expect("body");
        ask_whole(&provider, &call, &policy(), &Most, &Hand::default(), &mut sink).await
    });
    assert_eq!((answer.0.record.text.as_str(), sink.1.as_str()), ("one two", "one two"));
}

/// Answers with these chunks, and then says nothing while time runs out.
struct Silent {
    chunks: Vec<&'static str>,
    expire: Arc<tokio::sync::Notify>,
}

impl Provider for Silent {
    fn name(&self) -> &'static str {
        "silent"
    }

    fn encode(&self, request: &ModelRequest) -> Result<WireCall, LlmError> {
        Echo.encode(request)
    }

    fn open<'a>(&'a self, _call: &'a WireCall) -> BoxFuture<'a, Result<RawResponse, LlmError>> {
        let (chunks, expire) = (self.chunks.clone(), Arc::clone(&self.expire));
        Box::pin(async move {
            let silence = stream::poll_fn(move |_| {
                expire.notify_one();
                std::task::Poll::Pending
            });
            let body = stream::iter(chunks.into_iter().map(|c| Ok(Bytes::from_static(c.as_bytes())))).chain(silence).boxed();
            Ok(RawResponse { status: 200, headers: BTreeMap::new(), body })
        })
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        gemini("").decoder()
    }
}

fn silent(chunks: Vec<&'static str>) -> (Result<(), AskError>, String, usize) {
    let (mut log, timer) = (Log::default(), Hand::default());
    let provider = Silent { chunks, expire: Arc::clone(&timer.expire) };
    let result = run(async {
        let call = provider.encode(&hello()).expect("body");
        ask(&provider, &call, &RetryPolicy { max: 0, ..policy() }, &Most, &timer, &mut log).await
    });
    (result, log.text, timer.idles())
}

#[test]
fn keep_alives_do_not_stop_the_clock() {
    const TEXT: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n";
    const END: &str = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n";
    // One deadline for the head, one for the first data, and a new one only after the useful piece.
    let (result, text, deadlines) = silent(vec![": ping\n\n", TEXT, ": ping\n\n", "data: {}\n\n"]);
    let error = result.expect_err("silence");
    assert_eq!((error.error.fault, text.as_str(), deadlines), (Fault::Idle, "a", 3));
    let (result, _, deadlines) = silent(vec![": ping\n\n", "data: {}\n\n"]);
    assert_eq!((result.expect_err("silence").error.fault, deadlines), (Fault::Idle, 2));
    // After the end, silence is no fault.
    let (result, text, _) = silent(vec![TEXT, END]);
    assert_eq!((result, text.as_str()), (Ok(()), "a"));
}

#[test]
fn echo_says_the_message_back() {
    let answer = asked(&Echo).result.expect("answer");
    assert_eq!((answer.record.text.as_str(), answer.record.status), ("hello", 0));
}

#[test]
fn replay_decodes_recordings_in_order() {
    let recording = |name: &str| Recording { format: "gemini".into(), status: 200, raw: fixture(&format!("gemini/{name}.sse")) };
    let provider = Replay::new(vec![recording("flash-maxtokens"), recording("pro-thinking-toolresult")]).expect("one provider");
    let texts: Vec<_> = (0..2).map(|_| asked(&provider).result.expect("answer").record.text).collect();
    assert_eq!(texts, ["The", "363.89"]);
    // A replayed turn can be replayed again: its call says in which format the bytes are.
    let call = provider.encode(&hello()).expect("body");
    assert_eq!(replay(&call.envelope, 200, &fixture("gemini/flash-maxtokens.sse")).0.record.text, "The");
    assert_eq!(asked_error(&provider).error.fault, Fault::Aborted);
    let other = Recording { format: "openai".into(), ..recording("flash-maxtokens") };
    assert!(Replay::new(vec![recording("flash-maxtokens"), other]).is_err());
    let chat = Recording { format: "openai".into(), status: 200, raw: fixture("openai-chat/text.sse") };
    assert_eq!(asked(&Replay::new(vec![chat]).expect("one provider")).result.expect("answer").record.text, "Hello");
}

#[test]
fn manual_shows_the_prompt_and_takes_the_answer() {
    let provider = Manual::new(Box::new(|prompt| Ok(format!("<{prompt}>").into_bytes())));
    assert_eq!(asked(&provider).result.expect("answer").record.text, "<=== user ===\nhello\n\n>");
    let provider = Manual::new(Box::new(|_| Err(std::io::ErrorKind::UnexpectedEof.into())));
    let error = asked_error(&provider);
    assert_eq!((error.error.fault, error.attempts), (Fault::Aborted, 1));
}
