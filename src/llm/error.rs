//! Why a call of a model failed, and what the provider's error body says about it.
//!
//! Invariants
//! - The status is looked at first, then the body as JSON whatever its content type says; a body that is no JSON is the
//!   message itself.
//! - Where the provider said something, [`LlmError::message`] is its own text, at most shortened.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::net::NetError;

/// The longest message that is kept of an error page.
const MESSAGE_LIMIT: usize = 600;

/// What kind of failure it is, for the callers that branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Too many requests or tokens for the moment; `after` is what the provider asks to wait.
    RateLimited { after: Option<Duration> },
    /// The quota of the day, or the account's money, is used up: waiting a little does not help.
    QuotaUsedUp,
    /// The provider has trouble; the same request may work later.
    Overloaded { after: Option<Duration> },
    /// The request is longer than the model's window.
    ContextTooLong,
    /// The key is missing, wrong or may not do this.
    Auth,
    /// A filter refused the request.
    Refused,
    /// The provider does not accept the request as it is.
    BadRequest,
    /// There is no such model (or address).
    NotFound,
    /// No connection.
    Transport,
    /// The answer is not in the provider's format.
    Protocol,
    /// Nothing useful arrived for too long.
    Idle,
    /// The stream ended in the middle of the answer.
    Cut,
    /// A recording stands in for the network, and does not have this.
    NotRecorded,
    /// Given up on this side: a setting of the connection cannot be used, what arrived could not be stored, nothing was
    /// pasted, or a recording has no more answers.
    Aborted,
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct LlmError {
    pub fault: Fault,
    pub provider: String,
    /// The HTTP status, or 0 when there was none.
    pub status: u16,
    /// What the provider, or the transport, said.
    pub message: String,
    /// What the provider said about trying again; its word counts more than the kind of failure.
    pub told: Option<bool>,
}

impl Fault {
    /// The kind of failure in a word, for machines.
    pub const fn word(self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "rate-limited",
            Self::QuotaUsedUp => "quota-used-up",
            Self::Overloaded { .. } => "overloaded",
            Self::ContextTooLong => "context-too-long",
            Self::Auth => "auth",
            Self::Refused => "refused",
            Self::BadRequest => "bad-request",
            Self::NotFound => "not-found",
            Self::Transport => "transport",
            Self::Protocol => "protocol",
            Self::Idle => "idle",
            Self::Cut => "cut",
            Self::NotRecorded => "not-recorded",
            Self::Aborted => "aborted",
        }
    }
}

impl LlmError {
    /// A failure without a status.
    pub fn new(fault: Fault, provider: &str, message: impl Into<String>) -> Self {
        Self { fault, provider: provider.to_owned(), status: 0, message: message.into(), told: None }
    }

    /// A failure below HTTP.
    pub fn from_net(provider: &str, error: &NetError) -> Self {
        let fault = match error {
            NetError::NotRecorded(_) => Fault::NotRecorded,
            NetError::Request(_) => Fault::BadRequest,
            NetError::Setup(_) | NetError::Certificate { .. } => Fault::Aborted,
            NetError::Broken { .. } => Fault::Transport,
        };
        Self::new(fault, provider, error.to_string())
    }

    /// Whether the same request may succeed a little later.
    pub const fn retryable(&self) -> bool {
        use Fault::{Cut, Idle, Overloaded, RateLimited, Transport};
        match self.told {
            Some(told) => told,
            None => matches!(self.fault, RateLimited { .. } | Overloaded { .. } | Transport | Idle | Cut),
        }
    }

    /// Whether another provider could answer where this one cannot: it is away, or wants no more of us. What is wrong with the
    /// request, the key or the model's name is for the user to mend, and to be told.
    pub const fn is_of_the_provider(&self) -> bool {
        use Fault::{Cut, Idle, Overloaded, QuotaUsedUp, RateLimited, Transport};
        matches!(self.fault, RateLimited { .. } | QuotaUsedUp | Overloaded { .. } | Transport | Idle | Cut)
    }

    /// How long the provider asks to wait.
    pub const fn after(&self) -> Option<Duration> {
        match self.fault {
            Fault::RateLimited { after } | Fault::Overloaded { after } => after,
            _ => None,
        }
    }

    fn text(&self) -> String {
        match self.status {
            // That a request was taken says nothing of what went wrong later.
            0 | 200..=299 => format!("{}: {}", self.provider, self.message),
            status => format!("{}: HTTP {status}: {}", self.provider, self.message),
        }
    }
}

/// The error that a response with a failing status stands for.
pub fn from_response(provider: &str, status: u16, headers: &BTreeMap<String, String>, body: &[u8]) -> LlmError {
    let body = Body::read(body);
    let after = [header_delay(headers), body.delay].into_iter().flatten().max();
    let fault = match status {
        401 | 403 => Fault::Auth,
        402 => Fault::QuotaUsedUp,
        404 => Fault::NotFound,
        413 => Fault::ContextTooLong,
        429 if body.quota_is_used_up() => Fault::QuotaUsedUp,
        429 => Fault::RateLimited { after: after.or_else(|| body.has("perminute").then_some(Duration::from_mins(1))) },
        501 => Fault::BadRequest,
        408 | 409 | 500.. => Fault::Overloaded { after },
        300..=399 => Fault::Protocol,
        _ => body.client_fault(),
    };
    let message = match status {
        300..=399 => "the server redirects elsewhere, which is not followed; check the provider's address".to_owned(),
        _ if body.message.is_empty() => "no message".to_owned(),
        _ => body.message,
    };
    let told = headers.get("x-should-retry").and_then(|word| word.parse().ok());
    LlmError { fault, provider: provider.to_owned(), status, message, told }
}

/// The error that an error object in the middle of a stream stands for; its code takes the place of the status.
pub fn from_stream(provider: &str, json: &str) -> LlmError {
    let body = Body::read(json.as_bytes());
    let status = body.status.unwrap_or_else(|| match () {
        () if body.quota_is_used_up() || body.has("rate_limit") => 429,
        () if ["server_error", "overloaded", "unavailable", "api_error", "timeout", "slow_down"]
            .iter()
            .any(|word| body.has(word)) =>
        {
            503
        }
        () if body.has("authentication") || body.has("permission_error") => 401,
        () if body.has("not_found_error") => 404,
        () if body.has("request_too_large") => 413,
        () => 400,
    });
    LlmError { status: body.status.unwrap_or(0), ..from_response(provider, status, &BTreeMap::new(), json.as_bytes()) }
}

/// What the shapes of error bodies have in common.
#[derive(Default)]
struct Body {
    message: String,
    /// All machine-readable words (codes, types, reasons, quota ids) in lower case, each followed by a space.
    words: String,
    status: Option<u16>,
    delay: Option<Duration>,
}

impl Body {
    fn read(raw: &[u8]) -> Self {
        let mut body = Self::default();
        match serde_json::from_slice::<Value>(raw) {
            // Gemini wraps the error into a list when the stream is not one of events.
            Ok(Value::Array(items)) => items.first().into_iter().for_each(|v| body.take(v)),
            Ok(value) => body.take(&value),
            Err(_) => String::from_utf8_lossy(raw).trim().clone_into(&mut body.message),
        }
        if body.message.chars().count() > MESSAGE_LIMIT {
            body.message = body.message.chars().take(MESSAGE_LIMIT).chain(['…']).collect();
        }
        body.delay = body.delay.or_else(|| delay_in_text(&body.message));
        body
    }

    fn take(&mut self, value: &Value) {
        let error = match &value["error"] {
            Value::Object(_) => &value["error"],
            // The flat shape: {"code":"invalid-argument","error":"text"}.
            Value::String(text) => {
                self.message.clone_from(text);
                value
            }
            _ => value,
        };
        for key in ["message", "detail"] {
            if self.message.is_empty() {
                error[key].as_str().unwrap_or_default().clone_into(&mut self.message);
            }
        }
        for key in ["code", "type", "status", "reason"] {
            match &error[key] {
                Value::String(word) => self.word(word),
                Value::Number(n) => self.status = self.status.or(n.as_u64().and_then(|n| u16::try_from(n).ok())),
                _ => {}
            }
        }
        for detail in error["details"].as_array().into_iter().flatten() {
            self.word(detail["reason"].as_str().unwrap_or_default());
            for violation in detail["violations"].as_array().into_iter().flatten() {
                self.word(violation["quotaId"].as_str().unwrap_or_default());
            }
            let delay = detail["retryDelay"].as_str().and_then(|d| seconds(d.strip_suffix('s')?));
            self.delay = self.delay.max(delay);
        }
        if self.message.is_empty() {
            self.message = value.to_string();
        }
    }

    fn word(&mut self, word: &str) {
        self.words.push_str(&word.to_ascii_lowercase());
        self.words.push(' ');
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    fn says(&self, text: &str) -> bool {
        self.message.to_ascii_lowercase().contains(text)
    }

    fn quota_is_used_up(&self) -> bool {
        ["insufficient_quota", "enforced_spend_limit", "billing", "perday"].iter().any(|word| self.has(word))
            // A tier that has no quota at all for the model says so only in the text.
            || self.message.split("limit: ").skip(1).any(|rest| rest.starts_with('0') && !rest[1..].starts_with(|c: char| c.is_ascii_digit()))
    }

    fn client_fault(&self) -> Fault {
        const TOO_LONG: [&str; 4] =
            ["maximum number of tokens", "maximum context length", "prompt is too long", "exceeds the available context size"];
        match () {
            () if self.has("api_key_invalid") || self.has("invalid_api_key") || self.says("incorrect api key") => Fault::Auth,
            () if self.has("context_length_exceeded") || self.has("exceed_context_size") => Fault::ContextTooLong,
            () if TOO_LONG.iter().any(|text| self.says(text)) => Fault::ContextTooLong,
            () if self.has("model_not_found") || self.says("invalid model id") => Fault::NotFound,
            () if self.has("content_filter") || self.has("content_policy") || self.has("invalid_prompt") => Fault::Refused,
            () if self.has("insufficient_quota") => Fault::QuotaUsedUp,
            () => Fault::BadRequest,
        }
    }
}

/// `Retry-After-Ms` and `Retry-After` in seconds. The form with a date is not read: it needs a clock, and no provider of
/// models uses it.
fn header_delay(headers: &BTreeMap<String, String>) -> Option<Duration> {
    let millis = headers.get("retry-after-ms").and_then(|v| seconds(v)).map(|d| d / 1000);
    let whole = headers.get("retry-after").and_then(|v| seconds(v));
    millis.max(whole)
}

fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok())
}

/// `… retry in 34.4s`, `… try again in 120ms`.
fn delay_in_text(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    let rest = ["retry in ", "try again in "].iter().find_map(|mark| lower.split_once(mark)).map(|(_, rest)| rest)?;
    let unit = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let amount = seconds(&rest[..unit])?;
    match &rest[unit..] {
        r if r.starts_with("ms") => Some(amount / 1000),
        r if r.trim_start().starts_with('s') => Some(amount),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: u16, body: &str) -> Fault {
        from_response("p", status, &BTreeMap::new(), body.as_bytes()).fault
    }

    fn fixture(path: &str) -> String {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sse/");
        std::fs::read_to_string(format!("{root}{path}")).expect("fixture")
    }

    #[test]
    fn recorded_bodies() {
        assert_eq!(fault(400, &fixture("gemini/error-bad-key.json")), Fault::Auth);
        assert_eq!(fault(401, &fixture("openai-chat/error-bad-key.json")), Fault::Auth);
        assert_eq!(fault(400, &fixture("xai/error-auth.json")), Fault::Auth);
        assert_eq!(fault(400, &fixture("llamacpp/context-overflow.json")), Fault::ContextTooLong);
        let limited = Fault::RateLimited { after: Some(Duration::from_millis(34_400)) };
        assert_eq!(fault(429, &fixture("gemini/429-retry-info.json")), limited);
        assert_eq!(fault(429, &fixture("gemini/429-retry-info.json").replace("PerMinute", "PerDay")), Fault::QuotaUsedUp);
        let error = from_response("gemini", 400, &BTreeMap::new(), fixture("gemini/error-bad-key.json").as_bytes());
        assert_eq!(error.to_string(), "gemini: HTTP 400: API key not valid. Please pass a valid API key.");
    }

    #[test]
    fn made_up_bodies() {
        let per_minute = r#"{"error":{"code":429,"details":[{"violations":[{"quotaId":"XPerMinuteY"}]}]}}"#;
        assert_eq!(fault(429, per_minute), Fault::RateLimited { after: Some(Duration::from_mins(1)) });
        assert_eq!(fault(429, r#"{"error":{"message":"no","code":"insufficient_quota"}}"#), Fault::QuotaUsedUp);
        assert_eq!(fault(429, r#"{"error":{"message":"quota, limit: 0, model: x"}}"#), Fault::QuotaUsedUp);
        assert_eq!(fault(429, "slow down, try again in 1.5s"), Fault::RateLimited { after: Some(Duration::from_millis(1500)) });
        assert_eq!(fault(429, "Please retry in 120ms."), Fault::RateLimited { after: Some(Duration::from_millis(120)) });
        assert_eq!(fault(503, "<html>busy</html>"), Fault::Overloaded { after: None });
        assert_eq!(fault(501, ""), Fault::BadRequest);
        assert_eq!(fault(529, ""), Fault::Overloaded { after: None });
        assert_eq!(fault(404, "{}"), Fault::NotFound);
        assert_eq!(fault(422, "[]"), Fault::BadRequest);
        assert_eq!(fault(302, ""), Fault::Protocol);
        assert_eq!(fault(400, r#"{"error":{"message":"invalid model ID","code":null}}"#), Fault::NotFound);
        let long = r#"[{"error":{"message":"The input token count (9) exceeds the maximum number of tokens allowed (5)."}}]"#;
        assert_eq!(fault(400, long), Fault::ContextTooLong);
        assert_eq!(
            from_response("p", 500, &BTreeMap::new(), "é".repeat(900).as_bytes()).message.chars().count(),
            MESSAGE_LIMIT + 1
        );
    }

    #[test]
    fn headers_win_when_they_ask_for_more() {
        let headers = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let after = |h: &BTreeMap<String, String>| from_response("p", 429, h, b"try again in 2s").after();
        assert_eq!(after(&headers(&[("retry-after", "7")])), Some(Duration::from_secs(7)));
        assert_eq!(after(&headers(&[("retry-after-ms", "20")])), Some(Duration::from_secs(2)));
        assert_eq!(after(&headers(&[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")])), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_certificate_that_is_not_accepted_is_not_tried_again() {
        let error = NetError::Certificate { host: "h".to_owned(), detail: "UnknownIssuer".to_owned() };
        let error = LlmError::from_net("p", &error);
        assert!(!error.retryable() && !error.is_of_the_provider());
        assert_eq!(error.to_string(), "p: h: UnknownIssuer");
    }

    #[test]
    fn another_provider_helps_only_where_this_one_is_away() {
        let helps = |fault| LlmError::new(fault, "p", "m").is_of_the_provider();
        for fault in [Fault::Transport, Fault::Idle, Fault::Cut, Fault::QuotaUsedUp, Fault::Overloaded { after: None }] {
            assert!(helps(fault), "{fault:?}");
        }
        for fault in [Fault::ContextTooLong, Fault::Auth, Fault::Refused, Fault::BadRequest, Fault::NotFound, Fault::Aborted] {
            assert!(!helps(fault), "{fault:?}");
        }
    }

    #[test]
    fn errors_inside_a_stream() {
        let quota = from_stream("p", r#"{"type":"error","error":{"code":"insufficient_quota","message":"m"}}"#);
        assert_eq!((quota.fault, quota.status), (Fault::QuotaUsedUp, 0));
        assert!(from_stream("p", r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#).retryable());
        assert!(from_stream("p", r#"{"error":{"type":"server_error","message":"m"}}"#).retryable());
        assert!(!from_stream("p", r#"{"error":"no"}"#).retryable());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(status: u16, body: Vec<u8>, text: String, delay: String) {
            let headers = [("retry-after".to_owned(), delay)].into();
            let _ = from_response("p", status, &headers, &body);
            let _ = from_stream("p", &text);
            let _ = from_response("p", 429, &headers, format!("limit: 0{text} retry in {text}").as_bytes());
        }
    }
}
