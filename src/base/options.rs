//! How a model is to answer: sampling, length, effort. Options are unset until somebody sets them.
//!
//! Invariants
//! - A value is JSON text that was checked when it came in, and is written into a request as it stands: what the user said
//!   is what is sent, digit for digit.
//! - Which option a provider or a model takes is not known here.

use std::collections::BTreeMap;
use std::fmt;

/// Makes the enum of options with its names, ranges and sentences in one table.
macro_rules! options {
    ($($variant:ident = $name:literal, $shape:expr, $doc:literal;)+) => {
        /// One thing that can be asked of a model's answer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CallOption { $(#[doc = $doc] $variant),+ }

        impl CallOption {
            /// All of them, in the order of the manual.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in settings and, with `-` for `_`, of the flag.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// One sentence for the manual.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc),+ }
            }

            const fn shape(self) -> Shape {
                match self { $(Self::$variant => $shape),+ }
            }
        }
    };
}

/// What an option's value looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    /// A whole number in this range.
    Whole(u64, u64),
    /// A number in this range.
    Number(f64, f64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Texts.
    Texts,
}

use Shape::{Number, Texts, Whole, Word};

/// The words for how long a model thinks, from the least.
pub const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];

options! {
    MaxTokens = "max_tokens", Whole(1, 100_000_000), "The most tokens that an answer may have.";
    Effort = "effort", Word(EFFORTS), "How much the model thinks before it answers.";
    Temperature = "temperature", Number(0.0, 10.0), "How freely the next token is chosen; 0 takes the likeliest.";
    TopP = "top_p", Number(0.0, 1.0), "Only the likeliest tokens that make up this share are chosen from.";
    TopK = "top_k", Whole(0, 1_000_000), "Only so many of the likeliest tokens are chosen from.";
    MinP = "min_p", Number(0.0, 1.0), "Only tokens with this share of the likeliest one's probability are chosen from.";
    Seed = "seed", Whole(0, 2_147_483_647), "A number that makes the choice repeatable, where the provider can.";
    PresencePenalty = "presence_penalty", Number(-10.0, 10.0), "Makes tokens less likely that stand in the answer already.";
    FrequencyPenalty = "frequency_penalty", Number(-10.0, 10.0), "The same, by how often they stand there.";
    RepeatPenalty = "repeat_penalty", Number(0.0, 100.0), "Local models: divides the probability of tokens that were used lately.";
    Mirostat = "mirostat", Whole(0, 2), "Local models: keep the answer's surprise steady, by version 1 or 2; 0 is off.";
    MirostatTau = "mirostat_tau", Number(0.0, 100.0), "Local models: the surprise that Mirostat keeps to.";
    MirostatEta = "mirostat_eta", Number(0.0, 10.0), "Local models: how fast Mirostat adapts.";
    Stop = "stop", Texts, "Texts at which the answer ends.";
}

impl fmt::Display for CallOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl CallOption {
    /// The option of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|option| option.name() == name)
    }

    /// What it takes, for error messages and the manual.
    pub fn described(self) -> String {
        match self.shape() {
            Whole(low, high) => format!("a whole number from {low} to {high}"),
            Number(low, high) => format!("a number from {low} to {high}"),
            Word(words) => format!("one of {}", words.join(", ")),
            Texts => "texts, as a list in JSON or with commas between them".to_owned(),
        }
    }

    /// The value as JSON text; `None` when it is not what the option takes.
    pub fn read(self, text: &str) -> Option<String> {
        let text = text.trim();
        match self.shape() {
            Whole(low, high) => text.parse().ok().filter(|n: &u64| (low..=high).contains(n)).map(|n| n.to_string()),
            Number(low, high) => {
                // What JSON calls a number; Rust reads `inf`, `.5` and `1.` as well.
                let number: f64 = serde_json::from_str(text).ok()?;
                (low..=high).contains(&number).then(|| text.to_owned())
            }
            Word(words) => words.iter().find(|word| **word == text).map(|word| format!("\"{word}\"")),
            Texts => {
                let texts: Vec<String> =
                    serde_json::from_str(text).unwrap_or_else(|_| text.split(',').map(|t| t.trim().to_owned()).collect());
                let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
                (!texts.is_empty()).then(|| serde_json::Value::from(texts).to_string())
            }
        }
    }
}

/// The options of a call, each with its value as JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallOptions(BTreeMap<CallOption, String>);

impl CallOptions {
    /// The same with one more; the value is JSON text from [`CallOption::read`].
    #[must_use]
    pub fn with(mut self, option: CallOption, json: impl Into<String>) -> Self {
        self.0.insert(option, json.into());
        self
    }

    /// The value as JSON text.
    pub fn get(&self, option: CallOption) -> Option<&str> {
        self.0.get(&option).map(String::as_str)
    }

    /// The value of an option that is a whole number.
    pub fn whole(&self, option: CallOption) -> Option<u64> {
        self.get(option)?.parse().ok()
    }

    /// The value of an option that is a word, without its quotes.
    pub fn word(&self, option: CallOption) -> Option<&str> {
        Some(self.get(option)?.trim_matches('"'))
    }

    /// Those that are set, in the order of the manual.
    pub fn iter(&self) -> impl Iterator<Item = (CallOption, &str)> {
        self.0.iter().map(|(option, json)| (*option, json.as_str()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out those for which `taken` is false, and gives them.
    pub fn take_out(&mut self, taken: impl Fn(CallOption, &str) -> bool) -> Vec<(CallOption, String)> {
        let all = std::mem::take(&mut self.0);
        let (kept, left): (BTreeMap<_, _>, BTreeMap<_, _>) = all.into_iter().partition(|(option, json)| taken(*option, json));
        self.0 = kept;
        left.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        use CallOption::{Effort, MaxTokens, Mirostat, Stop, Temperature, TopP};
        let read = |option: CallOption, text| option.read(text);
        assert_eq!(read(Temperature, " 0.70 ").as_deref(), Some("0.70"));
        assert_eq!(read(Temperature, "1e-1").as_deref(), Some("1e-1"));
        for bad in ["", "inf", "NaN", ".5", "1.", "11", "-1", "1 ", "\"1\""].map(|t| if t == "1 " { "1 1" } else { t }) {
            assert_eq!(read(Temperature, bad), None, "{bad}");
        }
        assert_eq!((read(TopP, "1"), read(TopP, "1.1")), (Some("1".to_owned()), None));
        assert_eq!((read(MaxTokens, "0"), read(MaxTokens, "010")), (None, Some("10".to_owned())));
        assert_eq!((read(Mirostat, "2"), read(Mirostat, "3")), (Some("2".to_owned()), None));
        assert_eq!((read(Effort, "high"), read(Effort, "much")), (Some("\"high\"".to_owned()), None));
        assert_eq!(read(Stop, "a, \"b\"").as_deref(), Some(r#"["a","\"b\""]"#));
        assert_eq!(read(Stop, r#"["a,b", ""]"#).as_deref(), Some(r#"["a,b"]"#));
        assert_eq!(read(Stop, " , "), None);
    }

    #[test]
    fn names_are_one_each_and_values_are_json() {
        for option in CallOption::ALL {
            assert_eq!(CallOption::parse(option.name()), Some(*option));
            assert!(!option.described().is_empty() && option.doc().ends_with('.'));
        }
        let mut options = CallOptions::default().with(CallOption::Seed, "7").with(CallOption::Effort, "\"low\"");
        assert_eq!((options.whole(CallOption::Seed), options.word(CallOption::Effort)), (Some(7), Some("low")));
        let left = options.take_out(|option, _| option != CallOption::Seed);
        assert_eq!((left, options.is_empty()), (vec![(CallOption::Seed, "7".to_owned())], false));
    }
}
