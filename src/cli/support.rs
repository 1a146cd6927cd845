//! docs/providers.md: what can be done with each provider, from the table that the conformance tests read.
//!
//! Invariants
//! - Nothing about a provider is written here; no cell is blank.

use std::fmt::Write as _;

use crate::base::options::CallOption;
use crate::llm::ability::{Ability, Speaker, Support};

const HEAD: &str = "# Providers\n\nWritten by `cargo xtask gen` from `src/llm/ability.rs`, which the tests of all providers read: where it says yes, a test sees \
                    that it works, by the provider's own bytes; where it says no, the test sees that nothing of the kind happens. Which test, or why not, \
                    stands below the table for each provider. What a single model can do is another question: `rt model show MODEL`.\n\n\
                    How a provider is set up is in [config.md](config.md) under `providers`, how its key is found in [keys.md](keys.md).\n";

/// What holds for the rows of options.
const OPTIONS: &str = "A setting that the provider, or the model, does not take is left out of the request, and said. `openai` with chat completions \
                       (`providers.openai.kind`) takes fewer options than other servers do: OpenAI refuses those that are not its own. \
                       Before a request is sent, its tokens are estimated from its bytes for every provider; what is counted and billed is what the \
                       provider then says.\n";

/// The test that sends every option to every provider.
const SENT: &str = "llm::tests::encoding::everything_at_once";

/// The document.
pub fn markdown() -> String {
    let mut out = String::from(HEAD);
    // Writing to a string cannot fail.
    let names: Vec<&str> = Speaker::ALL.iter().map(|speaker| speaker.name()).collect();
    let _ = write!(out, "\n| | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    let row = |out: &mut String, name: &str, has: &dyn Fn(Speaker) -> bool| {
        let cells: Vec<&str> = Speaker::ALL.iter().map(|speaker| if has(*speaker) { "yes" } else { "no" }).collect();
        let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
    };
    for ability in Ability::ALL {
        row(&mut out, ability.name(), &|speaker| matches!(speaker.can(ability), Support::Passes(_)));
    }
    let takes: Vec<Vec<CallOption>> = Speaker::ALL.iter().map(|speaker| speaker.options()).collect();
    for option in CallOption::ALL {
        let has = |speaker: Speaker| {
            let at = Speaker::ALL.iter().position(|known| *known == speaker);
            at.is_some_and(|at| takes[at].contains(option))
        };
        row(&mut out, &format!("`sampling.{option}`"), &has);
    }
    let _ = write!(out, "\n{OPTIONS}");
    for (speaker, takes) in Speaker::ALL.into_iter().zip(&takes) {
        section(&mut out, speaker, takes);
    }
    out
}

fn section(out: &mut String, speaker: Speaker, takes: &[CallOption]) {
    let _ = write!(out, "\n## {}\n\n{}\n\n| | |\n|---|---|\n", speaker.name(), speaker.about());
    for ability in Ability::ALL {
        let cell = match speaker.can(ability) {
            Support::Passes(test) => format!("passes (`{test}`)"),
            Support::No(why) => format!("unsupported, because {why}"),
        };
        let _ = writeln!(out, "| {} | {cell} |", ability.name());
    }
    let listed = |options: Vec<CallOption>| options.iter().map(|option| format!("`{option}`")).collect::<Vec<_>>().join(", ");
    let refused: Vec<CallOption> = CallOption::ALL.iter().copied().filter(|option| !takes.contains(option)).collect();
    if !takes.is_empty() {
        let _ = writeln!(out, "| options that it takes | {}: passes (`{SENT}`) |", listed(takes.to_vec()));
    }
    if !refused.is_empty() {
        let _ = writeln!(out, "| other options | {}: unsupported, because it has no place for them |", listed(refused));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_blank_and_every_option_is_somewhere() {
        let text = markdown();
        for line in text.lines().filter(|line| line.starts_with('|')).filter(|line| !line.starts_with("| |")) {
            let cells = line.trim_matches('|').split('|');
            assert!(cells.clone().count() > 1 && cells.into_iter().all(|cell| !cell.trim().is_empty()), "{line}");
        }
        let rows = |name: &str| text.lines().filter(|line| line.starts_with(&format!("| {name} |"))).count();
        for ability in Ability::ALL {
            assert_eq!(rows(ability.name()), 1 + Speaker::ALL.len(), "{}", ability.name());
        }
        for option in CallOption::ALL {
            assert_eq!(rows(&format!("`sampling.{option}`")), 1);
            assert_eq!(text.matches(&format!("`{option}`")).count(), Speaker::ALL.len(), "{option}");
        }
        assert!(text.contains("| `sampling.mirostat` | no | no | no | no | yes | yes | no |"), "{text}");
    }

    #[test]
    fn the_test_of_the_options_is_there() {
        let text = include_str!("../llm/tests/encoding.rs");
        assert!(text.contains(&format!("#[test]\nfn {}() {{", SENT.rsplit("::").next().unwrap_or_default())));
    }
}
