//! How much memory a model needs, and how much there is.
//!
//! Invariants
//! - Pure. What is needed is an estimate from above: weights as large as the file, a key and a value in half precision for
//!   each head and token. Work space of the server comes on top, some hundred megabytes.

use super::gguf::Gguf;

/// What a server needs for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    pub weights: u64,
    /// What is kept for the tokens of the context; `None` when the file does not say enough.
    pub context: Option<u64>,
}

impl Need {
    /// For a model whose files have `bytes` together, with so many tokens of context.
    pub fn of(gguf: &Gguf, bytes: u64, context: u64) -> Self {
        let each = gguf.kept_per_token.and_then(|numbers| numbers.checked_mul(2));
        Self { weights: bytes, context: each.and_then(|each| each.checked_mul(context)) }
    }

    pub const fn total(self) -> u64 {
        self.weights.saturating_add(match self.context {
            Some(context) => context,
            None => 0,
        })
    }
}

/// How many bytes a program can still get without others having to give way, from the text of `/proc/meminfo`.
pub fn available(meminfo: &str) -> Option<u64> {
    kilobytes(meminfo, "MemAvailable")
}

/// How many bytes a process has in memory, from the text of `/proc/<pid>/status`.
pub fn resident(status: &str) -> Option<u64> {
    kilobytes(status, "VmRSS")
}

fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::super::gguf::{made_gguf::Made, read};
    use super::*;

    #[test]
    fn weights_and_context_are_added_up() {
        let seven = read(&*Made::new("llama").seven().bytes()).expect("a sound head");
        let need = Need::of(&seven, 4_000_000_000, 16_384);
        // 131,072 bytes a token, as llama.cpp says for such a model.
        assert_eq!((need.context, need.total()), (Some(2_147_483_648), 6_147_483_648));
        let unknown = read(&*Made::new("rwkv7").bytes()).expect("a sound head");
        assert_eq!(Need::of(&unknown, 10, 16_384), Need { weights: 10, context: None });
        assert_eq!(Need::of(&seven, 10, u64::MAX).total(), 10);
    }

    #[test]
    fn what_linux_says_is_read() {
        let text = "MemTotal:       24576000 kB\nMemFree:         1000 kB\nMemAvailable:   20480000 kB\n";
        assert_eq!(available(text), Some(20_971_520_000));
        assert_eq!(resident("Name:\tx\nVmRSS:\t   27000 kB\nThreads:\t1\n"), Some(27_648_000));
        for none in ["", "MemAvailable", "MemAvailable: many kB", "MemAvailable: 5", "MemAvailable: 99999999999999999999 kB"] {
            assert_eq!(available(none), None, "{none:?}");
        }
    }
}
