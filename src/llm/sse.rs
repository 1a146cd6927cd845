//! Server-sent events: bytes in, `data` payloads out.
//!
//! Invariants
//! - The same payloads come out however the bytes are split; each byte is looked at a fixed number of times.
//! - Lines end with `\n`, `\r\n` or `\r`. Comments, event names, ids and unknown fields are skipped: the providers that
//!   are read here say everything in the payload.

/// An incremental parser.
#[derive(Debug, Default)]
pub struct Sse {
    /// The line that is not finished yet.
    line: Vec<u8>,
    /// The data lines of the event that is not finished yet.
    data: Option<Vec<u8>>,
    /// The last byte was `\r`, so a `\n` now belongs to it.
    after_cr: bool,
    /// A byte order mark can only stand before this is true.
    begun: bool,
}

impl Sse {
    /// Takes the next bytes and appends the payloads that they complete.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<String>) {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|b| matches!(b, b'\n' | b'\r')) else {
                self.line.extend_from_slice(bytes);
                return;
            };
            self.line.extend_from_slice(&bytes[..end]);
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            out.extend(self.end_line());
        }
    }

    /// The payload that the end of the stream left unfinished, if any; it may be cut in the middle.
    pub fn finish(&mut self) -> Option<String> {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.take_event()
    }

    fn end_line(&mut self) -> Option<String> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with("\u{feff}".as_bytes()) {
            line.drain(..3);
        }
        if line.is_empty() {
            return self.take_event();
        }
        let rest = line.strip_prefix(b"data")?;
        // A field without a colon has an empty value.
        let value = if rest.is_empty() { rest } else { rest.strip_prefix(b":")? };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            None => self.data = Some(value.to_vec()),
        }
        None
    }

    fn take_event(&mut self) -> Option<String> {
        self.data.take().map(|data| String::from_utf8_lossy(&data).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<String>) {
        let (mut sse, mut out) = (Sse::default(), Vec::new());
        pieces.into_iter().for_each(|piece| sse.feed(piece, &mut out));
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
