//! Long answers in the providers' own bytes: recordings, in which one piece of text comes again and again.
//!
//! Invariants
//! - All of a recording is there, byte for byte, but for the piece of text, in whose place others stand.
//! - The words differ from piece to piece, and the first ones from stream to stream, as those of answers do: what has been
//!   kept before is nothing that a turn could find again.

use std::ops::Range;

use crate::shell;

/// A protocol, and where an answer in it was recorded.
pub(super) struct Recorded {
    /// The protocol, as a reader of a table knows it.
    pub(super) what: &'static str,
    /// The model that is asked for, and the settings of its provider, with `{}` for the server's address.
    pub(super) model: &'static str,
    pub(super) settings: &'static [(&'static str, &'static str)],
    file: &'static str,
    /// The text of a piece, with what stands around it.
    piece: (&'static str, &'static str, &'static str),
    /// How many words the provider sends in a piece.
    words: usize,
}

pub(super) const ALL: [Recorded; 5] = [
    Recorded {
        what: "Gemini",
        model: "gemini/flash",
        settings: &[("RT__PROVIDERS__GEMINI__BASE_URL", "{}"), ("GEMINI_API_KEY", "test-key-not-real")],
        file: "gemini/flash-maxtokens.sse",
        piece: ("{\"text\": \"", "The", "\"}]"),
        words: 12,
    },
    Recorded {
        what: "Anthropic",
        model: "anthropic/claude-haiku-4-5",
        settings: &[("RT__PROVIDERS__ANTHROPIC__BASE_URL", "{}"), ("ANTHROPIC_API_KEY", "test-key-not-real")],
        file: "anthropic/thinking-text.sse",
        piece: ("\"text_delta\",\"text\":\"", "Hello", "\""),
        words: 3,
    },
    Recorded {
        what: "OpenAI Responses",
        model: "openai/gpt-5.6-luna",
        settings: &[
            ("RT__PROVIDERS__OPENAI__BASE_URL", "{}/v1"),
            ("RT__PROVIDERS__OPENAI__KIND", "responses"),
            ("OPENAI_API_KEY", "test-key-not-real"),
        ],
        file: "openai-responses/text.sse",
        piece: ("\"content_index\":0,\"delta\":\"", "Hello", "\""),
        words: 1,
    },
    Recorded {
        what: "OpenAI Chat Completions",
        model: "router/gpt-5.6-luna",
        settings: &[("RT__PROVIDERS__ROUTER__BASE_URL", "{}/v1"), ("RT__PROVIDERS__ROUTER__KIND", "openai")],
        file: "openai-chat/text.sse",
        piece: ("\"delta\":{\"content\":\"", "Hello", "\""),
        words: 1,
    },
    Recorded {
        what: "Ollama",
        model: "ollama/qwen3:4b",
        settings: &[("RT__PROVIDERS__OLLAMA__BASE_URL", "{}")],
        file: "ollama/chat.ndjson",
        piece: ("\"content\":\"", " recall", "\""),
        words: 1,
    },
];

const WORDS: [&str; 24] = [
    "the", "turn", "of", "a", "model", "is", "kept", "in", "commit", "and", "every", "line", "that", "it", "says", "can", "be",
    "read", "again", "from", "there", "with", "all", "words",
];

/// A stream: its bytes, and how long the text in it is.
pub(super) struct Stream {
    pub(super) bytes: Vec<u8>,
    pub(super) text: usize,
    pub(super) kind: &'static str,
    /// Where a number stands that is another one each time it is sent.
    number: Range<usize>,
}

impl Recorded {
    fn recording(&self) -> Result<String, String> {
        shell::read(&shell::root().join("tests/fixtures/sse").join(self.file))
    }

    /// A stream of at least so many bytes.
    pub(super) fn stream(&self, least: usize) -> Result<Stream, String> {
        let lines = self.file.ends_with(".ndjson");
        let all = self.recording()?;
        let (before, text, after) = self.piece;
        let marked = [before, text, after].concat();
        let lost = || format!("{} has no {marked}", self.file);
        let at = all.find(&marked).ok_or_else(lost)?;
        let kind = if lines { "application/x-ndjson" } else { "text/event-stream" };
        let gap = ["\r\n\r\n", "\n\n"].into_iter().find(|gap| !lines && all.contains(gap)).unwrap_or("\n");
        // The piece's own event, or line, with what separates it from the next one.
        let from = all[..at].rfind(gap).map_or(0, |end| end + gap.len());
        let upto = at + all[at..].find(gap).ok_or_else(lost)? + gap.len();
        let (head, tail) = (&all[from..at + before.len()], &all[at + before.len() + text.len()..upto]);
        let mut bytes = if lines { Vec::new() } else { all.as_bytes()[..from].to_vec() };
        let begin = bytes.len() + head.len() + 1;
        let mut length = 0;
        let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut said = vec![" 000000000".to_owned()];
        while bytes.len() < least || length == 0 {
            for _ in 0..self.words {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let word = WORDS[(random >> 33) as usize % WORDS.len()];
                said.push(if (random >> 60) == 0 { format!(" {word}.\\n") } else { format!(" {word}") });
            }
            let piece = std::mem::take(&mut said).concat();
            length += piece.replace("\\n", "\n").len();
            bytes.extend_from_slice([head, &piece, tail].concat().as_bytes());
        }
        let end = if lines { all.trim_end().rfind('\n').map_or(0, |end| end + 1) } else { upto };
        bytes.extend_from_slice(&all.as_bytes()[end..]);
        Ok(Stream { bytes, text: length, kind, number: begin..begin + 9 })
    }
}

impl Stream {
    /// The stream as it is sent for the `n`th time: one that nobody has seen before.
    pub(super) fn numbered(&self, n: usize) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[self.number.clone()].copy_from_slice(format!("{n:09}").as_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_recordings_with_more_words() {
        for recorded in ALL {
            let (short, long) = (recorded.stream(0).unwrap(), recorded.stream(100_000).unwrap());
            let all = recorded.recording().unwrap();
            assert!(short.bytes.len() < all.len() + 200 && (100_000..102_000 + all.len()).contains(&long.bytes.len()));
            assert!(long.text > 20 * short.text, "{}", recorded.what);
            let (first, second) = (long.numbered(1), long.numbered(2));
            assert!(first.len() == second.len() && first.iter().zip(&second).filter(|(a, b)| a != b).count() == 1);
            let text = String::from_utf8(first).unwrap();
            assert!(
                text.contains(" 000000001") && !text.contains(&[recorded.piece.0, recorded.piece.1, recorded.piece.2].concat())
            );
            let events = text.lines().filter_map(|line| line.strip_prefix("data: ").or(line.strip_prefix('{').map(|_| line)));
            for event in events.filter(|event| *event != "[DONE]") {
                assert!(serde_json::from_str::<serde_json::Value>(event).is_ok(), "{event}");
            }
        }
    }
}
