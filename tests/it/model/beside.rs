//! What is done at once: two turns, or a turn and the user's git.
//!
//! Invariants
//! - Who comes first is not ours to say; whatever a turn says of itself must be true, and nobody's commit is lost.

use serde_json::Value;

use super::answer::Answer;
use super::reference::{Beside, Own, check_beside};
use super::sim::{Outcome, Sim, Turn};
use super::{Edit, Rt, With};

impl Sim {
    pub(super) fn both(&mut self, first: &[Edit], with: &With) -> Outcome<()> {
        match with {
            With::Other(second) => {
                let before = self.state();
                let answers = [self.answer(&before, first, Some(true)), self.answer(&before, second, Some(false))];
                self.turns_at_once(answers.into(), None)
            }
            With::SameFile { file, at, how } => {
                let before = self.state();
                // Half a file apart, so that neither is in the other's way.
                let texts = before.texts();
                let Some(path) = texts.get(usize::from(*file) % texts.len().max(1)) else { return Ok(()) };
                let count = before.place(path).worktree.map_or(0, |f| f.bytes.split_inclusive(|b| *b == b'\n').count());
                if count < 6 {
                    return Ok(());
                }
                let at = [usize::from(*at) % count, (usize::from(*at) + count / 2) % count];
                let answers = [0, 1].map(|n| {
                    let edit = Edit::Lines { file: *file, at: u8::try_from(at[n]).unwrap_or(0), how: how[n] };
                    self.answer(&before, &[edit], None)
                });
                self.turns_at_once(answers.into(), None)
            }
            With::Commit => {
                let before = self.state();
                let answer = self.answer(&before, first, None);
                self.turns_at_once(vec![answer], Some(&["commit", "-q", "-a", "-m", "beside"]))
            }
            With::Gc => {
                let before = self.state();
                let rt = Rt::Apply { edits: first.to_vec(), flag: 0 };
                let Some((args, answer)) = self.command(&before, &rt) else { return Ok(()) };
                let ran = std::thread::scope(|scope| {
                    let gc = scope.spawn(|| self.world.try_git(&["gc", "-q"], b""));
                    let ran = Self::start(&self.world, &args, answer.as_ref(), "");
                    let _ = gc.join().expect("it runs");
                    ran
                });
                self.after(&rt, &args, answer, &before, None, &ran).map_err(|why| format!("{why}\n{}{}", ran.out, ran.err))
            }
        }
    }

    /// Turns, and something that the user asks of git, all at once.
    fn turns_at_once(&mut self, answers: Vec<Answer>, user: Option<&[&str]>) -> Outcome<()> {
        let before = self.state();
        let (rans, asked) = std::thread::scope(|scope| {
            let world = &self.world;
            let start = |answer| scope.spawn(move || world.rt_with(&["apply", "--json"], answer, &[]));
            let runs: Vec<_> = answers.iter().map(|answer| start(answer.text.as_bytes())).collect();
            let asked = user.map(|args| world.try_git(args, b""));
            (runs.into_iter().map(|run| run.join().expect("it runs")).collect::<Vec<_>>(), asked)
        });
        let after = self.state();
        let said: String = rans.iter().chain(&asked).flat_map(|ran| [ran.out.as_str(), ran.err.as_str()]).collect();
        let mut turns = Vec::new();
        for (answer, ran) in answers.iter().zip(&rans) {
            let turn = ran.out.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok()).find(|v| v["event"] == "turn");
            let turn = turn.ok_or_else(|| format!("no turn: {said}"))?;
            let outcome = turn["outcome"].as_str().unwrap_or_default();
            let (written, committed) = (matches!(outcome, "applied" | "uncommitted"), outcome == "applied");
            turns.push(Beside { deltas: answer.deltas.clone(), written, committed });
            let key = turn["turn"].as_str().expect("a key").to_owned();
            self.turns.insert(key, Turn { deltas: answer.deltas.clone(), answer: Some(answer.text.clone()) });
        }
        let own = match user {
            Some(_) => Own::All,
            None if self.policy == "commit-first" => Own::Edited,
            None => Own::None,
        };
        check_beside(&before, &after, &turns, own).map_err(|e| format!("{e}\n{said}"))?;
        if asked.is_some_and(|ran| ran.code == Some(0)) {
            let new = self.world.git(&["log", "--format=%s", &format!("{}..HEAD", before.commit)]);
            if !new.lines().any(|subject| subject == "beside") {
                return Err(format!("the user's commit is not on the branch, but {new}\n{said}"));
            }
        }
        self.learn(None, &super::reference::Deltas::new()).map_err(|e| format!("{e}\n{said}"))
    }
}
