//! Reading JSON of a known shape where it stands.
//!
//! An answer comes in tens of thousands of small JSON texts, and reading them is most of what a stream costs. This reads the
//! same texts as `serde_json` in a third of the instructions, because it only reads from a string in memory, looks at each
//! byte once and copies nothing that has no escapes in it.
//!
//! Invariants
//! - The texts that `serde_json` takes are taken and no others, also where a value is ignored or kept as [`Raw`]; and they
//!   have the same values.
//! - Numbers are `u64`, `i64` or `f64`, whichever holds them, in this order.
//! - Nesting is limited where it is looked into, so no text can use up the stack.
//! - Shapes are structs, options, lists, maps by name and plain values. Enums, flattened and untagged shapes are not read.

#![expect(clippy::inline_always, reason = "these few run for every word of an answer, and as calls they took a fifth of the time")]

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

/// As deep as objects and arrays may be in each other.
const DEEPEST: u32 = 127;

/// Why a text could not be read as what was wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(Box<str>);

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self(what.to_string().into())
    }
}

/// Reads a whole text.
pub fn from_str<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    let mut reader = Reader { text, at: 0, left: DEEPEST };
    let value = T::deserialize(&mut reader)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.bad("something stands behind its end")),
    }
}

/// A value as it is written. Where it may be missing, `null` is none; what is there is never `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// The text.
    pub const fn get(self) -> &'a str {
        self.0
    }
}

/// The name by which a [`Raw`] is asked for.
const RAW: &str = "retort raw JSON";

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = &'de str;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<&'de str, E> {
                Ok(text)
            }
        }
        from.deserialize_newtype_struct(RAW, Whole).map(Self)
    }
}

/// The first item of a list; what the others are does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct First<T>(pub Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = First<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<First<T>, A::Error> {
                let first = items.next_element()?;
                while first.is_some() && items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }
        from.deserialize_seq(Items(PhantomData))
    }
}

/// A string, where it stands if nothing in it is escaped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            #[inline]
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
                Ok(Cow::Owned(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Cow<'de, str>, E> {
                Ok(Cow::Owned(text))
            }
        }
        from.deserialize_str(Whole).map(Self)
    }
}

impl Text<'_> {
    /// The text, if it says anything.
    pub fn some(self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.into_owned())
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// So many levels more.
    left: u32,
}

impl<'a> Reader<'a> {
    #[cold]
    fn bad(&self, what: &str) -> Error {
        Error(format!("no JSON: {what} at byte {}", self.at).into())
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space; it is not taken.
    #[inline(always)]
    fn peek(&mut self) -> Option<u8> {
        match self.byte() {
            Some(byte) if byte > b' ' => Some(byte),
            _ => self.peek_further(),
        }
    }

    fn peek_further(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                other => return other,
            }
        }
    }

    /// Takes a string in which nothing is escaped, without its quotes; any other stays where it is. It begins here.
    #[inline(always)]
    fn plain_string(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let from = self.at + 1;
        let end = from + plain(bytes.get(from..)?);
        if bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        Some(&self.text[from..end])
    }

    #[inline]
    fn expect(&mut self, wanted: u8) -> Result<(), Error> {
        if self.peek() != Some(wanted) {
            return Err(self.bad(&format!("{:?} is missing", char::from(wanted))));
        }
        self.at += 1;
        Ok(())
    }

    /// Takes a word such as `true`.
    #[inline]
    fn word(&mut self, word: &str) -> Result<(), Error> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.bad("an unknown word"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Takes a string; what stands between its quotes, and whether something in it is escaped.
    #[inline]
    fn quoted(&mut self) -> Result<(&'a str, bool), Error> {
        self.expect(b'"')?;
        let (from, bytes) = (self.at, self.text.as_bytes());
        let mut escaped = false;
        loop {
            self.at += plain(&bytes[self.at..]);
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((&self.text[from..self.at - 1], escaped));
                }
                Some(b'\\') => (self.at, escaped) = (self.at + 1, true),
                Some(_) => return Err(self.bad("a control character in a string")),
                None => return Err(self.bad("a string has no end")),
            }
            match self.byte() {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                Some(b'u') if hex(bytes, self.at + 1).is_some() => self.at += 5,
                _ => return Err(self.bad("an unknown escape")),
            }
        }
    }

    #[inline]
    fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        let (inside, escaped) = self.quoted()?;
        if escaped { self.unescaped(inside).map(Cow::Owned) } else { Ok(Cow::Borrowed(inside)) }
    }

    /// The meaning of a string whose escapes are known to be complete.
    fn unescaped(&self, inside: &str) -> Result<String, Error> {
        let mut out = String::with_capacity(inside.len());
        let mut rest = inside;
        while let Some(at) = rest.find('\\') {
            out.push_str(&rest[..at]);
            let (escape, after) = (rest.as_bytes()[at + 1], &rest[at + 2..]);
            rest = after;
            out.push(match escape {
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => {
                    let first = hex(rest.as_bytes(), 0).unwrap_or_default();
                    rest = &rest[4..];
                    let pair = rest.strip_prefix("\\u").and_then(|low| hex(low.as_bytes(), 0)).filter(|_| is_high(first));
                    let Some(letter) = char::decode_utf16([first].into_iter().chain(pair)).next().and_then(Result::ok) else {
                        return Err(self.bad("half of a character in a string"));
                    };
                    rest = if pair.is_some() { &rest[6..] } else { rest };
                    letter
                }
                other => char::from(other),
            });
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Takes a number; its text, and whether it is whole.
    fn number(&mut self) -> Result<(&'a str, bool), Error> {
        let from = self.at;
        let digits = |reader: &mut Self| {
            let begin = reader.at;
            while reader.byte().is_some_and(|byte| byte.is_ascii_digit()) {
                reader.at += 1;
            }
            if reader.at == begin { Err(reader.bad("a digit is missing")) } else { Ok(reader.at - begin) }
        };
        self.at += usize::from(self.byte() == Some(b'-'));
        let zero = self.byte() == Some(b'0');
        if digits(self)? > 1 && zero {
            return Err(self.bad("a number begins with a zero"));
        }
        let mut whole = true;
        if self.byte() == Some(b'.') {
            (self.at, whole) = (self.at + 1, false);
            digits(self)?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            (self.at, whole) = (self.at + 1, false);
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            digits(self)?;
        }
        Ok((&self.text[from..self.at], whole))
    }

    #[inline]
    fn deeper<T>(&mut self, what: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.left = self.left.checked_sub(1).ok_or_else(|| self.bad("it is nested too deep"))?;
        self.at += 1;
        let done = what(self)?;
        self.left += 1;
        Ok(done)
    }

    /// Whether there is another item before the bracket; what separates them is taken.
    #[inline(always)]
    fn another(&mut self, first: &mut bool, close: u8) -> Result<bool, Error> {
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !*first => {
                self.at += 1;
                if self.peek() == Some(close) { Err(self.bad("a comma before the end")) } else { Ok(true) }
            }
            Some(_) if std::mem::take(first) => Ok(true),
            _ => Err(self.bad("a comma or an end is missing")),
        }
    }

    /// Takes a value, whatever it is and however deep.
    fn skip(&mut self) -> Result<(), Error> {
        let mut open: Vec<u8> = Vec::new();
        let mut first = false;
        loop {
            match self.peek() {
                Some(b'"') => {
                    if self.plain_string().is_none() {
                        self.quoted()?;
                    }
                }
                Some(begin @ (b'{' | b'[')) => {
                    self.at += 1;
                    // What ends it is two letters further.
                    open.push(begin + 2);
                    first = true;
                }
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                Some(b'-' | b'0'..=b'9') => {
                    if self.digits().is_none() {
                        self.number()?;
                    }
                }
                _ => return Err(self.bad("a value is missing")),
            }
            // The next value, in whatever has one.
            loop {
                let Some(close) = open.last().copied() else { return Ok(()) };
                if self.another(&mut first, close)? {
                    if close == b'}' {
                        self.quoted()?;
                        self.expect(b':')?;
                    }
                    break;
                }
                open.pop();
                first = false;
            }
        }
    }
}

/// How many bytes there are before the first that ends a string or has a meaning in it; eight are looked at at a time.
#[inline(always)]
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let of = |byte: u8| ONES * u64::from(byte);
    // The lowest bit that is set is that of the first byte that is zero, or below `least`; higher ones may be set by mistake.
    let zero = |eight: u64| eight.wrapping_sub(ONES) & !eight & TOPS;
    let below = |eight: u64, least: u8| eight.wrapping_sub(of(least)) & !eight & TOPS;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (at, chunk) in chunks.iter().enumerate() {
        let eight = u64::from_le_bytes(*chunk);
        let found = zero(eight ^ of(b'"')) | zero(eight ^ of(b'\\')) | below(eight, b' ');
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '));
    bytes.len() - rest.len() + end.unwrap_or(rest.len())
}

/// The number of four hexadecimal digits.
fn hex(bytes: &[u8], at: usize) -> Option<u16> {
    let four = bytes.get(at..at + 4)?;
    four.iter().try_fold(0, |so_far: u16, byte| Some(so_far << 4 | char::from(*byte).to_digit(16)? as u16))
}

const fn is_high(unit: u16) -> bool {
    matches!(unit, 0xd800..=0xdbff)
}

impl<'a> Reader<'a> {
    #[inline(always)]
    fn string_for<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.plain_string() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => self.escaped_for(visitor),
        }
    }

    #[inline(never)]
    fn escaped_for<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.string()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    #[inline]
    fn object_for<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.deeper(|reader| {
            let mut items = Items { reader, first: true, ended: false };
            visitor.visit_map(&mut items).and_then(|value| items.end(b'}').map(|()| value))
        })
    }

    #[inline]
    fn array_for<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.deeper(|reader| {
            let mut items = Items { reader, first: true, ended: false };
            visitor.visit_seq(&mut items).and_then(|value| items.end(b']').map(|()| value))
        })
    }

    /// Takes a number that is nothing but a few digits; anything else stays where it is.
    #[inline]
    fn digits(&mut self) -> Option<u64> {
        let digits = self.text.as_bytes()[self.at..].iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
        let text = self.text.get(self.at..self.at + digits).filter(|text| digits == 1 || !text.starts_with('0'))?;
        if !(1..20).contains(&digits) || matches!(self.text.as_bytes().get(self.at + digits), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        self.at += digits;
        Some(text.bytes().fold(0, |so_far, digit| so_far * 10 + u64::from(digit - b'0')))
    }

    /// A value that need not be what was asked for; then the visitor says so.
    #[inline(never)]
    fn any<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'"') => self.string_for(visitor),
            Some(b'{') => self.object_for(visitor),
            Some(b'[') => self.array_for(visitor),
            Some(b't') => self.word("true").and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self.word("false").and_then(|()| visitor.visit_bool(false)),
            Some(b'n') => self.word("null").and_then(|()| visitor.visit_unit()),
            Some(b'-' | b'0'..=b'9') => {
                let (text, whole) = self.number()?;
                if let Some(number) = text.parse().ok().filter(|_| whole) {
                    return visitor.visit_u64(number);
                }
                match text.parse().ok().filter(|_| whole && text != "-0") {
                    Some(number) => visitor.visit_i64(number),
                    // Its fractions are its own affair.
                    None => match serde_json::from_str(text) {
                        Ok(number) => visitor.visit_f64(number),
                        Err(_) => Err(self.bad("a number out of range")),
                    },
                }
            }
            _ => Err(self.bad("a value is missing")),
        }
    }
}

/// Methods that look for what is asked for first.
macro_rules! likely {
    ($($method:ident($($more:ident: $type:ty),*): $byte:literal => $read:ident;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($more: $type,)* visitor: V) -> Result<V::Value, Error> {
            $(let _ = $more;)*
            if self.peek() == Some($byte) { self.$read(visitor) } else { self.any(visitor) }
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.any(visitor)
    }

    likely! {
        deserialize_str(): b'"' => string_for;
        deserialize_string(): b'"' => string_for;
        deserialize_identifier(): b'"' => string_for;
        deserialize_map(): b'{' => object_for;
        deserialize_struct(_name: &'static str, _fields: &'static [&'static str]): b'{' => object_for;
        deserialize_seq(): b'[' => array_for;
    }

    #[inline]
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.peek();
        match self.digits() {
            Some(number) => visitor.visit_u64(number),
            None => self.any(visitor),
        }
    }

    #[inline(always)]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() == Some(b'n') { self.word("null").and_then(|()| visitor.visit_none()) } else { visitor.visit_some(self) }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name != RAW {
            return visitor.visit_newtype_struct(self);
        }
        self.peek();
        let from = self.at;
        self.skip()?;
        visitor.visit_borrowed_str(&self.text[from..self.at])
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct enum
    }
}

/// What an object or an array holds.
struct Items<'r, 'a> {
    reader: &'r mut Reader<'a>,
    first: bool,
    ended: bool,
}

impl Items<'_, '_> {
    #[inline]
    fn another(&mut self, close: u8) -> Result<bool, Error> {
        let more = self.reader.another(&mut self.first, close)?;
        self.ended = !more;
        Ok(more)
    }

    /// Who wants a certain number of items does not look for the end.
    fn end(&mut self, close: u8) -> Result<(), Error> {
        if !self.ended && self.another(close)? { Err(self.reader.bad("there are too many items")) } else { Ok(()) }
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if !self.another(b'}')? {
            return Ok(None);
        }
        if self.reader.peek() != Some(b'"') {
            return Err(self.reader.bad("a name is missing"));
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.reader.expect(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.another(b']')? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests;
