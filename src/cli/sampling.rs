//! Flags for how a model is to answer. Each stands for a setting of the same name.

use clap::Args;

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "How to answer (unset: as the model likes)")]
pub struct SamplingArgs {
    /// The most tokens that the answer may have
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub max_tokens: Option<String>,

    /// How much the model thinks: none, minimal, low, medium, high, xhigh or max
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    pub effort: Option<String>,

    /// How freely the next token is chosen; 0 takes the likeliest
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub temperature: Option<String>,

    /// Choose from the likeliest tokens that make up this share
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub top_p: Option<String>,

    /// Choose from so many of the likeliest tokens
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub top_k: Option<String>,

    /// Choose from tokens with this share of the likeliest one's probability
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub min_p: Option<String>,

    /// Make the choice repeatable, where the provider can
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub seed: Option<String>,

    /// Make tokens less likely that stand in the answer already
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub presence_penalty: Option<String>,

    /// The same, by how often they stand there
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub frequency_penalty: Option<String>,

    /// Local models: make tokens less likely that were used lately
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub repeat_penalty: Option<String>,

    /// Local models: keep the surprise steady, by version 1 or 2
    #[arg(long, value_name = "VERSION", allow_hyphen_values = true)]
    pub mirostat: Option<String>,

    /// Local models: the surprise that Mirostat keeps to
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub mirostat_tau: Option<String>,

    /// Local models: how fast Mirostat adapts
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub mirostat_eta: Option<String>,

    /// A text at which the answer ends; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
}

impl SamplingArgs {
    /// The settings that they stand for, as `key=value`.
    pub fn settings(&self) -> Vec<String> {
        let given = [
            ("max_tokens", &self.max_tokens),
            ("effort", &self.effort),
            ("temperature", &self.temperature),
            ("top_p", &self.top_p),
            ("top_k", &self.top_k),
            ("min_p", &self.min_p),
            ("seed", &self.seed),
            ("presence_penalty", &self.presence_penalty),
            ("frequency_penalty", &self.frequency_penalty),
            ("repeat_penalty", &self.repeat_penalty),
            ("mirostat", &self.mirostat),
            ("mirostat_tau", &self.mirostat_tau),
            ("mirostat_eta", &self.mirostat_eta),
        ];
        let one = |(name, value): (&str, &Option<String>)| value.as_ref().map(|value| format!("sampling.{name}={value}"));
        let stop = (!self.stop.is_empty()).then(|| format!("sampling.stop={}", serde_json::Value::from(self.stop.clone())));
        given.into_iter().filter_map(one).chain(stop).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::options::CallOption;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        sampling: SamplingArgs,
    }

    #[test]
    fn every_option_has_a_flag() {
        for option in CallOption::ALL {
            let flag = format!("--{}", option.name().replace('_', "-"));
            let line = <Line as clap::Parser>::try_parse_from(["rt", &flag, "1"]).unwrap_or_else(|e| panic!("{flag}: {e}"));
            let value = if *option == CallOption::Stop { "[\"1\"]" } else { "1" };
            assert_eq!(line.sampling.settings(), [format!("sampling.{option}={value}")]);
        }
    }
}
