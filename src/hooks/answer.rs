//! What a command says by its exit code and its output.
//!
//! The contract is the one that users of Claude Code know: 0 goes on, and a JSON object on standard output decides; 2 says
//! no, with standard error as the reason; anything else is an error that is shown and stops nothing.

use serde_json::{Map, Value};

use crate::base::path::RepoPath;
use crate::base::text::ellipsis;
use crate::config::OnFailure;
use crate::process::bounded::{Bounded, Ended};

use super::{Point, Side};

/// The exit code that says no.
const BLOCK: i32 = 2;
/// The most characters of a reason, message or context that are used.
const MOST_TEXT: usize = 10_000;

/// Whether the course goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Go,
    /// What comes next is not wanted as it is.
    Block(String),
    /// The exchange is to end.
    Stop(String),
}

/// A file's new text; `None` takes it away.
pub type FileText = (RepoPath, Option<String>);

/// What a command gives for the program to use, as far as its point takes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// More for the model to read.
    pub context: Option<String>,
    /// The user's words, or the answer, in other words.
    pub text: Option<String>,
    /// Whole files.
    pub files: Option<Vec<FileText>>,
    /// The commit's message.
    pub message: Option<String>,
    /// The commit that was made.
    pub commit: Option<String>,
}

/// A command's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub verdict: Verdict,
    pub said: Said,
    /// What the user is to read.
    pub message: Option<String>,
    /// Why it cannot be used.
    pub failed: Option<String>,
}

impl Answer {
    /// A command that could not be used.
    pub fn failed(why: String, on_failure: OnFailure) -> Self {
        let verdict = match on_failure {
            OnFailure::Warn => Verdict::Go,
            OnFailure::Block => Verdict::Stop(why.clone()),
        };
        Self { verdict, said: Said::default(), message: None, failed: Some(why) }
    }

    const fn go(said: Said) -> Self {
        Self { verdict: Verdict::Go, said, message: None, failed: None }
    }

    /// Reads what a command left.
    pub fn read(point: Point, ran: &Bounded, on_failure: OnFailure) -> Self {
        let stderr = || cut(String::from_utf8_lossy(&ran.stderr.bytes).trim());
        let explained = |what: String| {
            let said = stderr();
            if said.is_empty() { what } else { format!("{what}: {said}") }
        };
        match ran.ended {
            Ended::Code(0) if ran.stdout.dropped > 0 => {
                let bytes = ran.stdout.bytes.len() as u64 + ran.stdout.dropped;
                Self::failed(format!("it wrote {bytes} bytes, more than are read"), on_failure)
            }
            Ended::Code(0) => Self::read_output(point, &ran.stdout.bytes).unwrap_or_else(|why| Self::failed(why, on_failure)),
            Ended::Code(BLOCK) => {
                let said = stderr();
                let reason = if said.is_empty() { "no reason was given".to_owned() } else { said };
                Self { verdict: Verdict::Block(reason), ..Self::go(Said::default()) }
            }
            Ended::Code(code) => Self::failed(explained(format!("it ended with code {code}")), on_failure),
            Ended::Signal => Self::failed(explained("a signal ended it".to_owned()), on_failure),
            Ended::TimedOut => Self::failed(explained("it took too long and was killed".to_owned()), on_failure),
        }
    }

    fn read_output(point: Point, stdout: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(stdout).map_err(|_| "it wrote something that is not UTF-8 text".to_owned())?;
        let text = text.trim();
        if !text.starts_with('{') {
            // Where a request is made, plain text is something for the model to read; elsewhere it says nothing.
            let context = matches!(point, Point::Session | Point::Prompt) && !text.is_empty();
            return Ok(Self::go(Said { context: context.then(|| cut(text)), ..Said::default() }));
        }
        let fields: Map<String, Value> =
            serde_json::from_str(text).map_err(|e| format!("it wrote JSON that cannot be read: {e}"))?;
        let word = |key: &str| match fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(format!("`{key}` is not a string")),
        };
        let why = |given: Option<&str>| given.map_or_else(|| "no reason was given".to_owned(), cut);
        let verdict = match (fields.get("continue"), word("decision")?) {
            (Some(Value::Bool(false)), _) => Verdict::Stop(why(word("stopReason")?)),
            (Some(Value::Bool(true) | Value::Null) | None, Some("block")) => Verdict::Block(why(word("reason")?)),
            (Some(Value::Bool(true) | Value::Null) | None, None | Some("approve")) => Verdict::Go,
            (Some(Value::Bool(true) | Value::Null) | None, Some(other)) => {
                return Err(format!("`decision` is {other:?}, which is none: it can be \"block\""));
            }
            (Some(_), _) => return Err("`continue` is not true or false".to_owned()),
        };
        let message = word("systemMessage")?.filter(|text| !text.is_empty()).map(cut);
        let said = match fields.get("hookSpecificOutput") {
            None | Some(Value::Null) => Said::default(),
            Some(Value::Object(said)) => Said::read(said)?,
            Some(_) => return Err("`hookSpecificOutput` is not an object".to_owned()),
        };
        Ok(Self { verdict, said, message, failed: None })
    }
}

impl Said {
    fn read(fields: &Map<String, Value>) -> Result<Self, String> {
        let mut out = Self::default();
        for (key, value) in fields {
            let text = || value.as_str().map(str::to_owned).ok_or_else(|| format!("`{key}` is not a string"));
            match key.as_str() {
                "hookEventName" => {}
                "additionalContext" => out.context = Some(cut(&text()?)).filter(|text| !text.is_empty()),
                "text" => out.text = Some(text()?),
                "message" => out.message = Some(text()?),
                "commit" => out.commit = Some(text()?),
                "files" => out.files = Some(files(value)?),
                // A word that is not known is more likely a slip than something that may be left out.
                _ => return Err(format!("`{key}` in `hookSpecificOutput` means nothing here")),
            }
        }
        Ok(out)
    }

    /// The names of what it holds.
    pub fn names(&self) -> Vec<&'static str> {
        let held = [
            ("additionalContext", self.context.is_some()),
            ("text", self.text.is_some()),
            ("files", self.files.is_some()),
            ("message", self.message.is_some()),
            ("commit", self.commit.is_some()),
        ];
        held.into_iter().filter(|(_, held)| *held).map(|(name, _)| name).collect()
    }

    /// The names of what it holds and nobody takes who stands there.
    pub fn unused(&self, point: Point, side: Side) -> Vec<&'static str> {
        let used: &[&str] = match (point, side) {
            (Point::Session, _) | (Point::Request, Side::Before) => &["additionalContext"],
            (Point::Prompt, Side::Before) => &["additionalContext", "text"],
            (Point::Prompt | Point::Request, Side::Instead) => &["text"],
            (Point::Response, Side::Before | Side::Instead) => &["text", "files"],
            (Point::Response, Side::After) | (Point::Edits, Side::Before) => &["files"],
            (Point::Commit, Side::Before) => &["message"],
            (Point::Commit, Side::Instead) => &["commit"],
            _ => &[],
        };
        self.names().into_iter().filter(|name| !used.contains(name)).collect()
    }
}

fn files(value: &Value) -> Result<Vec<FileText>, String> {
    let fields = value.as_object().ok_or("`files` is not an object of texts by path")?;
    let file = |(path, text): (&String, &Value)| {
        let known = RepoPath::new(path.as_bytes()).map_err(|e| format!("`files` has {path:?}: {e}"))?;
        match text {
            Value::Null => Ok((known, None)),
            Value::String(text) => Ok((known, Some(text.clone()))),
            _ => Err(format!("`files` has something else than a text for {path:?}")),
        }
    };
    fields.iter().map(file).collect()
}

fn cut(text: &str) -> String {
    ellipsis(text, MOST_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::bounded::Kept;

    fn ran(ended: Ended, stdout: &str, stderr: &str) -> Bounded {
        let kept = |text: &str| Kept { bytes: text.into(), ..Kept::default() };
        Bounded { ended, stdout: kept(stdout), stderr: kept(stderr) }
    }

    fn read(point: Point, stdout: &str) -> Answer {
        Answer::read(point, &ran(Ended::Code(0), stdout, "noise"), OnFailure::Warn)
    }

    #[test]
    fn codes_say_go_no_and_error() {
        let of = |ended| Answer::read(Point::Edits, &ran(ended, "{\"continue\":false}", " why\n"), OnFailure::Warn);
        assert_eq!(of(Ended::Code(2)).verdict, Verdict::Block("why".to_owned()));
        for (ended, why) in [
            (Ended::Code(1), "it ended with code 1: why"),
            (Ended::Signal, "a signal ended it: why"),
            (Ended::TimedOut, "it took too long and was killed: why"),
        ] {
            let answer = of(ended);
            assert_eq!((answer.verdict, answer.failed.as_deref()), (Verdict::Go, Some(why)));
        }
        let strict = Answer::read(Point::Edits, &ran(Ended::Code(1), "", ""), OnFailure::Block);
        assert_eq!(strict.verdict, Verdict::Stop("it ended with code 1".to_owned()));
    }

    #[test]
    fn an_object_decides() {
        assert_eq!(read(Point::Edits, "{}"), Answer::go(Said::default()));
        assert_eq!(read(Point::Edits, "{\"decision\":\"block\",\"reason\":\"r\"}").verdict, Verdict::Block("r".to_owned()));
        let stop = read(Point::Edits, "{\"continue\":false,\"stopReason\":\"s\",\"decision\":\"block\",\"reason\":\"r\"}");
        assert_eq!(stop.verdict, Verdict::Stop("s".to_owned()));
        let answer = read(
            Point::Commit,
            "{\"systemMessage\":\"m\",\"suppressOutput\":true,\"hookSpecificOutput\":{\"hookEventName\":\"commit\",\"message\":\"x\",\"files\":{\"a\":\"1\",\"b\":null}}}",
        );
        assert_eq!((answer.message.as_deref(), answer.said.message.as_deref()), (Some("m"), Some("x")));
        assert_eq!(answer.said.files.as_ref().map(Vec::len), Some(2));
        assert_eq!(answer.said.unused(Point::Commit, Side::Before), ["files"]);
    }

    #[test]
    fn plain_text_is_context_where_a_request_is_made() {
        assert_eq!(read(Point::Prompt, "it is Friday\n").said.context.as_deref(), Some("it is Friday"));
        assert_eq!(read(Point::Edits, "formatted 3 files\n"), Answer::go(Said::default()));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_stops_nothing() {
        for text in [
            "{",
            "{\"decision\":\"perhaps\"}",
            "{\"decision\":1}",
            "{\"continue\":\"no\"}",
            "{\"hookSpecificOutput\":[]}",
            "{\"hookSpecificOutput\":{\"tex\":\"\"}}",
            "{\"hookSpecificOutput\":{\"files\":{\"../a\":\"\"}}}",
            "{\"hookSpecificOutput\":{\"files\":{\"a\":1}}}",
        ] {
            let answer = read(Point::Edits, text);
            assert!(answer.failed.is_some() && answer.verdict == Verdict::Go, "{text}");
        }
        let mut long = ran(Ended::Code(0), "{}", "");
        long.stdout.dropped = 5;
        assert!(Answer::read(Point::Edits, &long, OnFailure::Warn).failed.is_some());
    }

    proptest::proptest! {
        #[test]
        fn any_output_is_read(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60), text in "\\{[ -~]{0,60}\\}?") {
            for output in [&bytes[..], text.as_bytes()] {
                let mut ran = ran(Ended::Code(0), "", "");
                ran.stdout.bytes = output.to_vec();
                for point in Point::ALL {
                    Answer::read(point, &ran, OnFailure::Block);
                }
            }
        }
    }
}
