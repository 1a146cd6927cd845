//! What a GGUF file says about its model, read from its head.
//!
//! Invariants
//! - Only the head is read, and of that at most [`LONGEST`] bytes; tensors are never looked at.
//! - Nothing is allocated by a length that stands in the file: of a text or a list so much is kept as could be meant, and the
//!   rest is passed over.
//! - What one reader gets from the bytes, every reader gets, however they are cut into pieces.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

/// The most bytes of a head. Those with the largest vocabularies have about 15 million.
pub const LONGEST: u64 = 64 << 20;

/// The most bytes of a text that are kept.
const KEPT: usize = 256;

/// The most numbers of a list that are kept: one for each layer.
const LIST: usize = 1024;

/// The most values that are kept.
const VALUES: usize = 256;

/// How deep lists may lie in lists.
const DEEPEST: u8 = 4;

/// Why a file is none that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGguf {
    #[error("it is not a GGUF file")]
    NotGguf,
    #[error("it is GGUF version {0}; versions 2 and 3 can be read")]
    Version(u32),
    #[error("it ends in the middle of its head: the download is not complete")]
    Cut,
    #[error("its head is longer than {} MiB", LONGEST >> 20)]
    TooLong,
    #[error("its head is damaged: {0}")]
    Damaged(&'static str),
    #[error("it cannot be read: {0}")]
    Io(String),
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Model,
    /// Turns images or sound into what a model takes (`mmproj`).
    Projector,
    /// Changes a model (LoRA).
    Adapter,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Projector => "projector",
            Self::Adapter => "adapter",
        }
    }
}

/// What the head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gguf {
    pub version: u32,
    /// Such as `llama` or `qwen2`; empty when the file does not say.
    pub architecture: String,
    pub kind: Kind,
    pub name: Option<String>,
    /// How large it is in its maker's words, such as `7B`.
    pub size_label: Option<String>,
    pub parameters: Option<u64>,
    /// The number of its quantisation; [`Gguf::quantisation`] has the name.
    pub file_type: Option<u64>,
    /// How many tokens it was trained on at once.
    pub context_length: Option<u64>,
    pub layers: Option<u64>,
    /// How many numbers of half precision it keeps for each token of the context.
    pub kept_per_token: Option<u64>,
    pub chat_template: bool,
}

/// Ends of keys below the architecture's name whose numbers are kept.
const NUMBERS: [&str; 7] = [
    ".context_length",
    ".embedding_length",
    ".block_count",
    ".attention.head_count",
    ".attention.head_count_kv",
    ".attention.key_length",
    ".attention.value_length",
];

/// Whole keys that are kept.
const OTHERS: [&str; 6] =
    ["general.architecture", "general.type", "general.name", "general.size_label", "general.parameter_count", "general.file_type"];

const TEMPLATE: &str = "tokenizer.chat_template";

impl Gguf {
    /// The name of its quantisation, such as `Q4_K_M`.
    pub fn quantisation(&self) -> Option<&'static str> {
        // Bit 10 says that the number was guessed from the tensors.
        let number = self.file_type? & !1024;
        TYPES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
    }
}

/// llama.cpp's numbers for what most tensors of a file are.
const TYPES: [(u64, &str); 35] = [
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (10, "Q2_K"),
    (11, "Q3_K_S"),
    (12, "Q3_K_M"),
    (13, "Q3_K_L"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (19, "IQ2_XXS"),
    (20, "IQ2_XS"),
    (21, "Q2_K_S"),
    (22, "IQ3_XS"),
    (23, "IQ3_XXS"),
    (24, "IQ1_S"),
    (25, "IQ4_NL"),
    (26, "IQ3_S"),
    (27, "IQ3_M"),
    (28, "IQ2_S"),
    (29, "IQ2_M"),
    (30, "IQ4_XS"),
    (31, "IQ1_M"),
    (32, "BF16"),
    (36, "TQ1_0"),
    (37, "TQ2_0"),
    (38, "MXFP4"),
    (39, "NVFP4"),
    (40, "Q1_0"),
];

/// Reads the head of a file.
pub fn read(input: impl BufRead) -> Result<Gguf, BadGguf> {
    let mut head = Head { input, left: LONGEST, big_endian: false };
    let magic = head.bytes::<4>().map_err(|error| if error == BadGguf::Cut { BadGguf::NotGguf } else { error })?;
    if &magic != b"GGUF" {
        return Err(BadGguf::NotGguf);
    }
    let version = head.bytes::<4>()?;
    // The same small number, seen from either end.
    head.big_endian = version[3] != 0 && version[0] == 0;
    let version = if head.big_endian { u32::from_be_bytes(version) } else { u32::from_le_bytes(version) };
    if !(2..=3).contains(&version) {
        return Err(BadGguf::Version(version));
    }
    let _tensors = head.number(8)?;
    let count = head.number(8)?;
    let mut values = Values::default();
    for _ in 0..count {
        let key = head.text()?;
        let kind = head.number(4)?;
        values.chat_template |= key == TEMPLATE;
        let wanted = OTHERS.contains(&key.as_str()) || NUMBERS.iter().any(|end| key.ends_with(end));
        match head.value(kind, 0)? {
            Some(value) if wanted && values.all.len() < VALUES => drop(values.all.insert(key, value)),
            _ => {}
        }
    }
    Ok(values.gguf(version))
}

enum Value {
    Number(u64),
    Text(String),
    List(Vec<u64>),
}

/// The part of the input that is not read yet.
struct Head<R> {
    input: R,
    left: u64,
    big_endian: bool,
}

impl<R: BufRead> Head<R> {
    fn take(&mut self, count: u64) -> Result<(), BadGguf> {
        self.left = self.left.checked_sub(count).ok_or(BadGguf::TooLong)?;
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), BadGguf> {
        self.take(buffer.len() as u64)?;
        self.input.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BadGguf::Cut,
            _ => BadGguf::Io(error.to_string()),
        })
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], BadGguf> {
        let mut out = [0; N];
        self.fill(&mut out)?;
        Ok(out)
    }

    /// An unsigned number of so many bytes, at most 8.
    fn number(&mut self, size: usize) -> Result<u64, BadGguf> {
        let mut out = [0; 8];
        let place = if self.big_endian { 8 - size..8 } else { 0..size };
        self.fill(&mut out[place])?;
        Ok(if self.big_endian { u64::from_be_bytes(out) } else { u64::from_le_bytes(out) })
    }

    fn skip(&mut self, count: u64) -> Result<(), BadGguf> {
        self.take(count)?;
        let mut left = count;
        while left > 0 {
            let there = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(BadGguf::Io(error.to_string())),
                Ok(buffer) => buffer.len(),
            };
            if there == 0 {
                return Err(BadGguf::Cut);
            }
            let used = usize::try_from(left).map_or(there, |left| there.min(left));
            self.input.consume(used);
            left -= used as u64;
        }
        Ok(())
    }

    /// The beginning of a text; what is not UTF-8 in it is replaced.
    fn text(&mut self) -> Result<String, BadGguf> {
        let length = self.number(8)?;
        let kept = usize::try_from(length).map_or(KEPT, |length| length.min(KEPT));
        let mut buffer = [0; KEPT];
        self.fill(&mut buffer[..kept])?;
        self.skip(length - kept as u64)?;
        Ok(String::from_utf8_lossy(&buffer[..kept]).into_owned())
    }

    /// A value of a kind; nothing for one that says nothing here, such as a fraction.
    fn value(&mut self, kind: u64, depth: u8) -> Result<Option<Value>, BadGguf> {
        Ok(match kind {
            8 => Some(Value::Text(self.text()?)),
            9 => self.list(depth)?.map(Value::List),
            _ => {
                let size = size_of(kind)?;
                let number = self.number(size)?;
                whole(kind, number).map(Value::Number)
            }
        })
    }

    /// The first numbers of a list; nothing for a list of anything else.
    fn list(&mut self, depth: u8) -> Result<Option<Vec<u64>>, BadGguf> {
        let kind = self.number(4)?;
        let count = self.number(8)?;
        if kind == 8 || kind == 9 {
            for _ in 0..count {
                if kind == 8 {
                    let length = self.number(8)?;
                    self.skip(length)?;
                } else if depth < DEEPEST {
                    self.list(depth + 1)?;
                } else {
                    return Err(BadGguf::Damaged("lists lie too deep in lists"));
                }
            }
            return Ok(None);
        }
        let size = size_of(kind)?;
        let mut out = Vec::new();
        let kept = usize::try_from(count).map_or(LIST, |count| count.min(LIST));
        for _ in 0..kept {
            let number = self.number(size)?;
            out.extend(whole(kind, number));
        }
        self.skip((count - kept as u64).checked_mul(size as u64).ok_or(BadGguf::TooLong)?)?;
        Ok(Some(out))
    }
}

/// How many bytes a number of a kind has.
fn size_of(kind: u64) -> Result<usize, BadGguf> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        _ => Err(BadGguf::Damaged("it has a value of an unknown kind")),
    }
}

/// The number, where it is whole and not negative.
fn whole(kind: u64, number: u64) -> Option<u64> {
    let sign = match kind {
        1 => 1 << 7,
        3 => 1 << 15,
        5 => 1 << 31,
        11 => 1 << 63,
        6 | 12 => return None,
        _ => 0,
    };
    (number & sign == 0).then_some(number)
}

#[derive(Default)]
struct Values {
    all: BTreeMap<String, Value>,
    chat_template: bool,
}

impl Values {
    fn text(&self, key: &str) -> Option<String> {
        match self.all.get(key) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text.clone()),
            _ => None,
        }
    }

    fn number(&self, key: &str) -> Option<u64> {
        match self.all.get(key) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    fn gguf(&self, version: u32) -> Gguf {
        let architecture = self.text("general.architecture").unwrap_or_default();
        let kind = match self.text("general.type").as_deref() {
            Some("mmproj") => Kind::Projector,
            Some("adapter") => Kind::Adapter,
            _ if architecture == "clip" => Kind::Projector,
            _ => Kind::Model,
        };
        let own = |rest: &str| format!("{architecture}.{rest}");
        let layers = self.number(&own("block_count"));
        Gguf {
            version,
            kind,
            name: self.text("general.name"),
            size_label: self.text("general.size_label"),
            parameters: self.number("general.parameter_count"),
            file_type: self.number("general.file_type"),
            context_length: self.number(&own("context_length")),
            layers,
            kept_per_token: self.kept_per_token(&architecture, layers),
            chat_template: self.chat_template,
            architecture,
        }
    }

    /// A key and a value for each head of each layer. Layers that look back only some way, or keep a short form, need less.
    fn kept_per_token(&self, architecture: &str, layers: Option<u64>) -> Option<u64> {
        let own = |rest: &str| format!("{architecture}.{rest}");
        let one = |rest: &str| match self.all.get(&own(rest)) {
            Some(Value::Number(number)) => Some(*number),
            Some(Value::List(list)) => list.iter().copied().max(),
            _ => None,
        };
        let heads = one("attention.head_count");
        let each = || one("embedding_length")?.checked_div(heads?);
        let length = one("attention.key_length").or_else(each)?.checked_add(one("attention.value_length").or_else(each)?)?;
        let all_heads = match self.all.get(&own("attention.head_count_kv")) {
            Some(Value::List(list)) => list.iter().try_fold(0_u64, |sum, heads| sum.checked_add(*heads))?,
            Some(Value::Number(number)) => number.checked_mul(layers?)?,
            _ => heads?.checked_mul(layers?)?,
        };
        all_heads.checked_mul(length)
    }
}

/// Writes such files for the tests of this module and of those above it.
#[cfg(test)]
#[path = "../../../tests/it/support/made_gguf.rs"]
pub(crate) mod made_gguf;

#[cfg(test)]
mod tests {
    use super::made_gguf::Made;
    use super::*;

    #[test]
    fn both_versions_and_both_ends_say_the_same() {
        let all = [(3, false), (3, true), (2, false)].map(|(version, big)| {
            let made = Made::version(version, big).text("general.architecture", "llama");
            let said = read(&*made.seven().bytes()).expect("a sound head");
            assert_eq!(said.version, version);
            Gguf { version: 0, ..said }
        });
        assert!(all.iter().all(|said| *said == all[0]));
        let said = &all[0];
        assert_eq!((said.name.as_deref(), said.size_label.as_deref()), (Some("Tiny Seven"), Some("7B")));
        assert_eq!((said.quantisation(), said.kind, said.chat_template), (Some("Q4_K_M"), Kind::Model, true));
        assert_eq!((said.context_length, said.layers), (Some(32_768), Some(32)));
        // 32 layers, 8 heads, 128 numbers for a key and for a value.
        assert_eq!(said.kept_per_token, Some(32 * 8 * 256));
    }

    #[test]
    fn heads_may_differ_from_layer_to_layer_and_keys_have_a_length_of_their_own() {
        let made = Made::new("gemma3")
            .number("gemma3.block_count", 3)
            .number("gemma3.attention.head_count", 8)
            .numbers("gemma3.attention.head_count_kv", &[4, 0, 2])
            .number("gemma3.attention.key_length", 256)
            .number("gemma3.attention.value_length", 128);
        let said = read(&*made.bytes()).expect("a sound head");
        assert_eq!(said.kept_per_token, Some(6 * (256 + 128)));
        let without = read(&*Made::new("rwkv7").number("rwkv7.block_count", 3).bytes()).expect("a sound head");
        assert_eq!((without.kept_per_token, without.chat_template), (None, false));
    }

    #[test]
    fn projectors_and_adapters_are_no_models() {
        let kind = |made: Made| read(&*made.bytes()).expect("a sound head").kind;
        assert_eq!(kind(Made::new("clip")), Kind::Projector);
        assert_eq!(kind(Made::new("llama").text("general.type", "mmproj")), Kind::Projector);
        assert_eq!(kind(Made::new("llama").text("general.type", "adapter")), Kind::Adapter);
        assert_eq!(kind(Made::new("llama").text("general.type", "model")), Kind::Model);
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let of = |bytes: &[u8]| read(bytes).expect_err("it is refused");
        assert_eq!(of(b""), BadGguf::NotGguf);
        assert_eq!(of(b"PK\x03\x04 an archive"), BadGguf::NotGguf);
        assert_eq!(of(b"GGUF\x01\0\0\0"), BadGguf::Version(1));
        assert_eq!(of(b"GGUF\x04\0\0\0"), BadGguf::Version(4));
        assert!(matches!(of(&Made::new("llama").lying_list("x", 99).bytes()), BadGguf::Damaged(_)));
    }

    #[test]
    fn a_length_that_lies_costs_nothing() {
        let made = Made::new("llama");
        // A text, a list of numbers, a list of texts.
        for made in [made.clone().lying_text("general.name"), made.clone().lying_list("x", 10), made.lying_list("x", 8)] {
            assert_eq!(read(&*made.bytes()), Err(BadGguf::Cut));
        }
        let long = [Made::new("llama").lying_text("general.name").bytes(), vec![0; 1000]].concat();
        assert_eq!(read(&*long), Err(BadGguf::TooLong));
    }

    #[test]
    fn every_cut_of_a_head_is_found() {
        let whole = Made::new("llama").seven().bytes();
        for end in 0..whole.len() {
            let want = if end < 4 { BadGguf::NotGguf } else { BadGguf::Cut };
            assert_eq!(read(&whole[..end]), Err(want), "cut at {end}");
        }
        // What comes behind the head is not looked at.
        assert_eq!(read(&*[&whole[..], b"tensors"].concat()), read(&*whole));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics_and_pieces_do_not_matter(mut bytes: Vec<u8>, at in 0_usize..300, byte: u8, size in 1_usize..20) {
            let _ = read(&*bytes);
            let mut damaged = Made::new("llama").seven().bytes();
            if let Some(place) = damaged.get_mut(at) {
                *place = byte;
            }
            damaged.append(&mut bytes);
            let piecewise = read(io::BufReader::with_capacity(size, &*damaged));
            proptest::prop_assert_eq!(piecewise, read(&*damaged));
        }
    }
}
