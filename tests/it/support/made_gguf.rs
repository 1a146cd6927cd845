//! Writes the heads of GGUF files as llama.cpp's own tools do.
//!
//! Invariants
//! - Only the standard library: the double shares no code with what it tests.
#![allow(dead_code, reason = "it is compiled into several test crates, and each uses a part of it")]

/// A head in the making.
#[derive(Clone)]
pub(crate) struct Made {
    version: u32,
    big_endian: bool,
    count: u64,
    values: Vec<u8>,
}

impl Made {
    pub(crate) fn new(architecture: &str) -> Self {
        Self::version(3, false).text("general.architecture", architecture)
    }

    pub(crate) fn version(version: u32, big_endian: bool) -> Self {
        Self { version, big_endian, count: 0, values: Vec::new() }
    }

    /// A model with seven thousand million parameters, as its head goes.
    pub(crate) fn seven(self) -> Self {
        self.text("general.name", "Tiny Seven")
            .text("general.size_label", "7B")
            .number("general.file_type", 15)
            .number("llama.context_length", 32_768)
            .number("llama.block_count", 32)
            .number("llama.embedding_length", 4096)
            .number("llama.attention.head_count", 32)
            .number("llama.attention.head_count_kv", 8)
            .texts("tokenizer.ggml.tokens", &["a", "b", "the longest of them"])
            .text("tokenizer.chat_template", "{{ messages }}")
    }

    fn put(&mut self, number: u64, size: usize) {
        let mut bytes = number.to_le_bytes()[..size].to_vec();
        if self.big_endian {
            bytes.reverse();
        }
        self.values.extend(bytes);
    }

    fn put_text(&mut self, text: &str) {
        self.put(text.len() as u64, 8);
        self.values.extend_from_slice(text.as_bytes());
    }

    fn key(&mut self, key: &str, kind: u64) {
        self.count += 1;
        self.put_text(key);
        self.put(kind, 4);
    }

    fn list(&mut self, key: &str, kind: u64, count: u64) {
        self.key(key, 9);
        self.put(kind, 4);
        self.put(count, 8);
    }

    pub(crate) fn text(mut self, key: &str, text: &str) -> Self {
        self.key(key, 8);
        self.put_text(text);
        self
    }

    pub(crate) fn number(mut self, key: &str, number: u32) -> Self {
        self.key(key, 4);
        self.put(number.into(), 4);
        self
    }

    pub(crate) fn numbers(mut self, key: &str, numbers: &[u32]) -> Self {
        self.list(key, 4, numbers.len() as u64);
        for number in numbers {
            self.put((*number).into(), 4);
        }
        self
    }

    pub(crate) fn texts(mut self, key: &str, texts: &[&str]) -> Self {
        self.list(key, 8, texts.len() as u64);
        for text in texts {
            self.put_text(text);
        }
        self
    }

    /// A text that is said to have more bytes than there are in the world.
    pub(crate) fn lying_text(mut self, key: &str) -> Self {
        self.key(key, 8);
        self.put(u64::MAX, 8);
        self
    }

    /// A list that is said to have so many items.
    pub(crate) fn lying_list(mut self, key: &str, kind: u64) -> Self {
        self.list(key, kind, u64::MAX);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = Self { values: b"GGUF".to_vec(), ..self.clone() };
        head.put(self.version.into(), 4);
        head.put(0, 8);
        head.put(self.count, 8);
        [head.values, self.values.clone()].concat()
    }
}
