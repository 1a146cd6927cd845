//! How fast a server of this machine is: until its first word, reading a prompt, and writing.
//!
//! Invariants
//! - What the server says of its own speed counts before what was measured from here; which of the two a figure is, is kept.
//! - Time comes from the given clock.
//! - Each run begins with other words, because servers keep what a prompt has in common with the one before.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::base::clock::{Clock, Timestamp};
use crate::config::secret::Secret;
use crate::llm::sse::Sse;
use crate::net::{Client, Options};

use super::Error;

/// What is asked. Its length is like that of a question about a small file.
const PROMPT: &str = include_str!("bench.txt");

/// How long nothing may arrive. A server may load its model first.
const SILENCE: Duration = Duration::from_mins(10);

/// The most bytes of an answer.
const LONGEST: usize = 64 << 20;

/// Whom to ask.
pub struct Target {
    pub address: String,
    pub model: String,
    pub key: Option<Secret>,
}

/// Who measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Server,
    Us,
}

impl By {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Us => "rt",
        }
    }
}

/// One run's figures; rates are tokens a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Milliseconds from the request to the first word.
    pub first: Option<f64>,
    pub prompt_tokens: Option<u64>,
    pub prompt_rate: Option<f64>,
    pub tokens: Option<u64>,
    pub rate: Option<f64>,
    pub by: By,
}

/// The request of a run.
fn body(model: &str, run: u32, tokens: u32) -> Value {
    json!({
        "model": model,
        "messages": [{ "role": "user", "content": format!("Run {run}.\n\n{PROMPT}") }],
        "max_tokens": tokens,
        "temperature": 0,
        "stream": true,
        "stream_options": { "include_usage": true },
        // llama.cpp's own: each run does the whole work. Others do not know them.
        "cache_prompt": false,
        "ignore_eos": true,
    })
}

/// Asks once, for so many tokens.
pub async fn run(clock: &dyn Clock, target: &Target, number: u32, tokens: u32) -> Result<Sample, Error> {
    // A connection of its own: llama.cpp's server closes that of a stream, and a request that meets the end is lost.
    let client = Client::new(Options::default());
    let failed = |why: String| Error::Answer { address: target.address.clone(), why };
    let url = format!("{}/chat/completions", target.address.trim_end_matches('/'));
    let bearer = target.key.as_ref().map(|key| format!("Bearer {}", key.expose()));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    let began = clock.now();
    let request = client.post(&url, &headers, body(&target.model, number, tokens).to_string().into_bytes());
    let late = || failed(format!("nothing came for {} minutes", SILENCE.as_secs() / 60));
    let response = tokio::time::timeout(SILENCE, request).await.map_err(|_| late())?;
    let mut response = response.map_err(|why| failed(why.to_string()))?;
    let (mut sse, mut reading, mut plain, mut length) = (Sse::default(), Reading::new(began), Vec::new(), 0);
    loop {
        let next = tokio::time::timeout(SILENCE, response.body.next()).await.map_err(|_| late())?;
        let Some(bytes) = next.transpose().map_err(|why| failed(why.to_string()))? else { break };
        length += bytes.len();
        if length > LONGEST {
            return Err(failed("its answer does not end".to_owned()));
        }
        if response.status == 200 {
            let now = clock.now();
            sse.feed(&bytes, |payload| reading.take(payload, now));
        } else {
            plain.extend(bytes);
        }
    }
    if response.status != 200 {
        let said: Value = serde_json::from_slice(&plain).unwrap_or_default();
        let message = said["error"]["message"].as_str().or(said["error"].as_str()).unwrap_or("no reason is given");
        return Err(failed(format!("status {}: {message}", response.status)));
    }
    reading.sample().ok_or_else(|| failed("its answer has no text".to_owned()))
}

/// What a stream has said so far.
struct Reading {
    began: Timestamp,
    first: Option<Timestamp>,
    last: Timestamp,
    pieces: u64,
    usage: Value,
    timings: Value,
}

impl Reading {
    const fn new(began: Timestamp) -> Self {
        Self { began, first: None, last: began, pieces: 0, usage: Value::Null, timings: Value::Null }
    }

    fn take(&mut self, payload: &str, now: Timestamp) {
        let Ok(mut chunk) = serde_json::from_str::<Value>(payload) else { return };
        let delta = &chunk["choices"][0]["delta"];
        let says = |key: &str| delta[key].as_str().is_some_and(|text| !text.is_empty());
        if ["content", "reasoning_content", "reasoning"].into_iter().any(says) {
            self.first.get_or_insert(now);
            self.last = now;
            self.pieces += 1;
        }
        for (key, kept) in [("usage", &mut self.usage), ("timings", &mut self.timings)] {
            if let Some(value) = chunk.get_mut(key).filter(|value| value.is_object()) {
                *kept = value.take();
            }
        }
    }

    fn sample(&self) -> Option<Sample> {
        let first = self.first?;
        let millis = |from: Timestamp, to: Timestamp| (to.millis().saturating_sub(from.millis())).max(0) as f64;
        let rate = |tokens: Option<u64>, millis: f64| tokens.filter(|n| *n > 0 && millis > 0.0).map(|n| n as f64 * 1000.0 / millis);
        let prompt_tokens = self.usage["prompt_tokens"].as_u64();
        let tokens = self.usage["completion_tokens"].as_u64().or(Some(self.pieces));
        let told = |key: &str| self.timings[key].as_f64().filter(|rate| rate.is_finite() && *rate > 0.0);
        let by = if told("predicted_per_second").is_some() { By::Server } else { By::Us };
        Some(Sample {
            first: Some(millis(self.began, first)),
            prompt_tokens,
            prompt_rate: told("prompt_per_second").or_else(|| rate(prompt_tokens, millis(self.began, first))),
            tokens,
            // The first token belongs to the time before it.
            rate: told("predicted_per_second").or_else(|| rate(tokens.map(|n| n.saturating_sub(1)), millis(first, self.last))),
            by,
        })
    }
}

/// The figures in the middle; of an even number the mean of the two there.
pub fn median(samples: &[Sample]) -> Option<Sample> {
    let last = samples.last()?;
    let of = |figure: &dyn Fn(&Sample) -> Option<f64>| {
        let mut all: Vec<f64> = samples.iter().filter_map(figure).collect();
        all.sort_by(f64::total_cmp);
        let upper = *all.get(all.len() / 2)?;
        let lower = *all.get(all.len().saturating_sub(1) / 2)?;
        Some(f64::midpoint(lower, upper))
    };
    let whole = |figure: &dyn Fn(&Sample) -> Option<u64>| of(&|s| figure(s).map(|n| n as f64)).map(|n| n.round() as u64);
    Some(Sample {
        first: of(&|s| s.first),
        prompt_tokens: whole(&|s| s.prompt_tokens),
        prompt_rate: of(&|s| s.prompt_rate),
        tokens: whole(&|s| s.tokens),
        rate: of(&|s| s.rate),
        by: last.by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn read(chunks: &[(i64, &str)]) -> Option<Sample> {
        let mut reading = Reading::new(at(1000));
        for (millis, chunk) in chunks {
            reading.take(chunk, at(*millis));
        }
        reading.sample()
    }

    const WORD: &str = r#"{"choices":[{"delta":{"content":"a"}}]}"#;

    #[test]
    fn what_the_server_says_counts() {
        let end = r#"{"choices":[],"usage":{"prompt_tokens":24,"completion_tokens":4},"timings":{"prompt_per_second":120.5,"predicted_per_second":40.25}}"#;
        let role = r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#;
        let sample = read(&[(1050, role), (1200, WORD), (1300, WORD), (9000, end), (9000, "[DONE]")]).expect("a sample");
        let want = Sample {
            first: Some(200.0),
            prompt_tokens: Some(24),
            prompt_rate: Some(120.5),
            tokens: Some(4),
            rate: Some(40.25),
            by: By::Server,
        };
        assert_eq!(sample, want);
    }

    #[test]
    fn without_that_it_is_measured_from_here() {
        let usage = r#"{"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":11}}"#;
        let thought = r#"{"choices":[{"delta":{"reasoning":"hm"}}]}"#;
        let sample = read(&[(1500, thought), (1700, WORD), (2500, WORD), (2600, usage)]).expect("a sample");
        let want = Sample {
            first: Some(500.0),
            prompt_tokens: Some(100),
            prompt_rate: Some(200.0),
            tokens: Some(11),
            rate: Some(10.0),
            by: By::Us,
        };
        assert_eq!(sample, want);
        // No counts: pieces are tokens, as far as anybody knows. No time: no rate.
        let bare = read(&[(1100, WORD), (1100, WORD)]).expect("a sample");
        assert_eq!((bare.tokens, bare.rate, bare.prompt_rate), (Some(2), None, None));
        assert_eq!(read(&[(1100, "{}"), (1200, "[DONE]")]), None);
    }

    #[test]
    fn the_middle_of_several_runs() {
        let sample = |first: f64, rate: Option<f64>| Sample {
            first: Some(first),
            prompt_tokens: Some(10),
            prompt_rate: None,
            tokens: Some(4),
            rate,
            by: By::Us,
        };
        let three = median(&[sample(30.0, Some(1.0)), sample(10.0, None), sample(20.0, Some(3.0))]).expect("a median");
        assert_eq!((three.first, three.rate, three.prompt_rate), (Some(20.0), Some(2.0), None));
        assert_eq!(median(&[sample(30.0, None), sample(10.0, None)]).and_then(|s| s.first), Some(20.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn each_run_asks_with_other_words_from_the_beginning() {
        let text = |run| body("m", run, 8)["messages"][0]["content"].as_str().expect("text").to_owned();
        assert!(text(1) != text(2) && text(1).get(..5) != text(2).get(..5) && text(1).ends_with(PROMPT));
    }

    proptest::proptest! {
        #[test]
        fn any_stream_is_read(texts: Vec<String>, millis: Vec<i64>) {
            let mut reading = Reading::new(at(0));
            for (text, now) in texts.iter().zip(&millis) {
                reading.take(text, at(*now));
                reading.take(&format!("{{\"choices\":[{{\"delta\":{{\"content\":{}}}}}]}}", Value::from(text.as_str())), at(*now));
            }
            let _ = reading.sample();
        }
    }
}
