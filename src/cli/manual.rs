//! The provider `manual`: a person carries the prompt to any chat and brings the answer back.

use std::io::{self, BufRead as _, Write as _};

use crate::base::text::neutralise;
use crate::llm::local::Paste;

use super::context::Context;
use super::error::Failure;

/// Shows the prompt and reads the answer: up to a line with a single dot on a terminal, else to the end of the input.
pub fn paste(ctx: &Context) -> Result<Box<Paste>, Failure> {
    let terminal = ctx.ui.options().terminal;
    if !terminal.stdin {
        return Err(Failure::user("the provider manual needs someone at a terminal")
            .hint("rt -m \"…\" --show-prompt prints the request; rt apply FILE takes an answer"));
    }
    Ok(Box::new(move |prompt: &str| {
        let mut err = io::stderr();
        writeln!(
            err,
            "----- copy from here -----\n{}\n----- to here, paste the answer below and end it with a line that has a dot alone -----",
            neutralise(prompt)
        )?;
        let mut answer = Vec::new();
        for line in io::stdin().lock().lines() {
            let line = line?;
            if line == "." {
                break;
            }
            answer.extend_from_slice(line.as_bytes());
            answer.push(b'\n');
        }
        Ok(answer)
    }))
}
