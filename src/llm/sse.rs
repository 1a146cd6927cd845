//! Server-sent events: bytes in, `data` payloads out.
//!
//! Invariants
//! - The same payloads come out however the bytes are split; each byte is looked at a fixed number of times, and nothing is
//!   allocated for an event that is no longer than those before it.
//! - Lines end with `\n`, `\r\n` or `\r`. Comments, event names, ids and unknown fields are skipped: the providers that
//!   are read here say everything in the payload.

use memchr::memchr2;

use crate::base::text::lossy;

/// An incremental parser.
#[derive(Debug, Default)]
pub struct Sse {
    /// The line that is not finished yet.
    line: Vec<u8>,
    /// The data lines of the event that is not finished yet.
    data: Vec<u8>,
    /// Whether there is one; its data can be empty.
    open: bool,
    /// The last byte was `\r`, so a `\n` now belongs to it.
    after_cr: bool,
    /// A byte order mark can only stand before this is true.
    begun: bool,
}

impl Sse {
    /// Takes the next bytes and gives the payloads that they complete.
    pub fn feed(&mut self, mut bytes: &[u8], mut payload: impl FnMut(&str)) {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', bytes) else {
                self.line.extend_from_slice(bytes);
                return;
            };
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            // Most events are one line of data and an empty one, and both are here.
            if self.begun && !self.open && self.line.is_empty() {
                let line_end = if bytes[end..].starts_with(b"\r\n") { &b"\r\n"[..] } else { &bytes[end..=end] };
                let behind = bytes[end..].strip_prefix(line_end).and_then(|rest| rest.strip_prefix(line_end));
                // What comes behind a lone return may belong to it.
                if let (Some(value), Some(behind), true) = (value_of(line), behind, line_end != b"\r") {
                    payload(&lossy(value));
                    bytes = behind;
                    continue;
                }
            }
            self.after_cr = bytes[end] == b'\r';
            bytes = rest;
            let ended = if self.line.is_empty() {
                self.end_line(line)
            } else {
                self.line.extend_from_slice(line);
                self.end_held_line()
            };
            if ended {
                payload(&lossy(&self.data));
                self.data.clear();
            }
        }
    }

    /// The payload that the end of the stream left unfinished, if any; it may be cut in the middle.
    pub fn finish(&mut self) -> Option<String> {
        if !self.line.is_empty() {
            self.end_held_line();
        }
        std::mem::take(&mut self.open).then(|| lossy(&std::mem::take(&mut self.data)).into_owned())
    }

    fn end_held_line(&mut self) -> bool {
        let mut line = std::mem::take(&mut self.line);
        let ended = self.end_line(&line);
        line.clear();
        self.line = line;
        ended
    }

    /// Takes a whole line; says whether it ends an event, whose payload is in `data` then.
    fn end_line(&mut self, mut line: &[u8]) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            return std::mem::take(&mut self.open);
        }
        let Some(value) = value_of(line) else { return false };
        if std::mem::replace(&mut self.open, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        false
    }
}

/// What a line of data says.
fn value_of(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"data")?;
    // A field without a colon has an empty value.
    let value = if rest.is_empty() { rest } else { rest.strip_prefix(b":")? };
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<String>) {
        let (mut sse, mut out) = (Sse::default(), Vec::new());
        for piece in pieces {
            sse.feed(piece, |payload| out.push(payload.to_owned()));
        }
        let rest = sse.finish();
        (out, rest)
    }

    #[test]
    fn fields_comments_and_line_ends() {
        let text = "\u{feff}data: a\n\n: ping\n\nevent: x\r\ndata:b\r\ndata:  c\r\n\r\ndata\r\rdatum: z\nid: 1\n\ndata: cut";
        let (events, rest) = parse([text.as_bytes()]);
        assert_eq!(events, ["a", "b\n c", ""]);
        assert_eq!(rest.as_deref(), Some("cut"));
    }

    #[test]
    fn foreign_bytes_become_replacement_characters() {
        assert_eq!(parse([&b"data: \xff\n\n"[..]]).0, ["\u{fffd}"]);
    }

    proptest::proptest! {
        #[test]
        fn any_split_gives_the_same(text in "(data: ?[a-zé]{0,3}|:|[a-z]|\r|\n|\r\n){0,30}", cuts in proptest::collection::vec(0usize..120, 0..8)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]);
            proptest::prop_assert_eq!(parse(pieces), parse([bytes]));
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            parse([&bytes[..]]);
        }
    }
}
