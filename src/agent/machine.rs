//! The course of one exchange, as a pure machine: what happened goes in, what to do next comes out.
//!
//! Invariants
//! - No I/O, no clock, no data beyond what decides the course; the driver holds messages, edits and bytes.
//! - Every turn that was opened is closed, whatever happens between.
//! - A file is written only after its edits are stored, and a commit is made only after files are written.

use crate::hooks::{Handler, Pipeline};
use crate::session::turn::Outcome;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The exchange starts.
    Begin,
    /// A turn is open: prompt and request are durable.
    Opened,
    /// The model's answer is whole.
    Answered,
    /// The answer was cut off, at the token limit or by the connection; complete edits in it must not be written alone.
    Cut,
    /// There is no answer.
    Failed,
    /// The user stopped it.
    Interrupted,
    /// The edits of the answer, counted.
    Parsed {
        /// Edits that fit, in this answer or held from earlier ones.
        fit: usize,
        /// Edits that do not fit, and blocks that cannot be read.
        misfits: usize,
        /// Files that the answer edits (or asks for) without having seen them.
        unseen: usize,
    },
    /// The edits are durable.
    Stored,
    /// The files are written.
    Applied,
    /// A file changed meanwhile, or cannot be written; none is.
    NotApplied,
    /// The branch has the commit.
    Committed,
    /// It has not, and the driver knows why.
    NotCommitted,
    /// The turn is recorded.
    Closed,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Build the exchange's next prompt and open a turn with it; `reflection` when it answers an answer.
    Open { reflection: bool },
    /// Call the model.
    Ask,
    /// Run a step.
    Run(Handler),
    /// Record the turn.
    Close(Outcome),
    /// The exchange is over.
    Finish(End),
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Done,
    /// The provider failed.
    NoAnswer,
    /// Edits did not fit, could not be written, or could not be committed.
    Rejected,
    Interrupted,
}

/// An exchange under way.
#[derive(Debug)]
pub struct Machine {
    pipeline: Pipeline,
    reflections_left: u32,
    /// What follows when the open turn is closed.
    after: Effect,
}

impl Machine {
    /// An exchange that may send what did not fit back to the model `max_reflections` times.
    pub const fn new(pipeline: Pipeline, max_reflections: u32) -> Self {
        Self { pipeline, reflections_left: max_reflections, after: Effect::Finish(End::Done) }
    }

    /// Takes what happened and says what to do next.
    pub fn handle(&mut self, input: Input) -> Effect {
        match input {
            Input::Begin => Effect::Open { reflection: false },
            Input::Opened => Effect::Ask,
            Input::Answered => self.step(None, Outcome::None),
            Input::Cut => self.close(Outcome::Interrupted, End::NoAnswer),
            Input::Failed => self.close(Outcome::Failed, End::NoAnswer),
            Input::Interrupted => self.close(Outcome::Interrupted, End::Interrupted),
            Input::Parsed { misfits, unseen, .. } if misfits + unseen > 0 => {
                if self.reflections_left == 0 {
                    return self.close(Outcome::Rejected, End::Rejected);
                }
                self.reflections_left -= 1;
                self.after = Effect::Open { reflection: true };
                Effect::Close(Outcome::Rejected)
            }
            Input::Parsed { fit: 0, .. } => self.close(Outcome::None, End::Done),
            Input::Parsed { .. } => self.step(Some(Handler::Parse), Outcome::None),
            Input::Stored => self.step(Some(Handler::Store), Outcome::None),
            Input::Applied => self.step(Some(Handler::Apply), Outcome::Uncommitted),
            Input::NotApplied => self.close(Outcome::Rejected, End::Rejected),
            Input::Committed => self.close(Outcome::Applied, End::Done),
            Input::NotCommitted => self.close(Outcome::Uncommitted, End::Rejected),
            Input::Closed => self.after,
        }
    }

    /// The next step after `handler`, or the end of the turn with `outcome` when there is none.
    fn step(&mut self, handler: Option<Handler>, outcome: Outcome) -> Effect {
        match self.pipeline.next(handler) {
            Some(next) => Effect::Run(next),
            None => self.close(outcome, End::Done),
        }
    }

    fn close(&mut self, outcome: Outcome, end: End) -> Effect {
        self.after = Effect::Finish(end);
        Effect::Close(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Handler::{Apply, Commit, Parse, Store};

    const fn parsed(fit: usize, misfits: usize, unseen: usize) -> Input {
        Input::Parsed { fit, misfits, unseen }
    }

    fn script(pipeline: Pipeline, reflections: u32, inputs: &[Input]) -> Vec<Effect> {
        let mut machine = Machine::new(pipeline, reflections);
        inputs.iter().map(|input| machine.handle(*input)).collect()
    }

    #[test]
    fn the_whole_way() {
        let inputs = [
            Input::Begin,
            Input::Opened,
            Input::Answered,
            parsed(2, 0, 0),
            Input::Stored,
            Input::Applied,
            Input::Committed,
            Input::Closed,
        ];
        let want = [
            Effect::Open { reflection: false },
            Effect::Ask,
            Effect::Run(Parse),
            Effect::Run(Store),
            Effect::Run(Apply),
            Effect::Run(Commit),
            Effect::Close(Outcome::Applied),
            Effect::Finish(End::Done),
        ];
        assert_eq!(script(Pipeline::default(), 3, &inputs), want);
    }

    #[test]
    fn misfits_go_back_a_bounded_number_of_times() {
        let round = [Input::Opened, Input::Answered, parsed(1, 1, 0), Input::Closed];
        let inputs: Vec<Input> = std::iter::once(Input::Begin).chain(round).chain(round).collect();
        let effects = script(Pipeline::default(), 1, &inputs);
        assert_eq!(effects[4], Effect::Open { reflection: true });
        assert_eq!(effects[7..], [Effect::Close(Outcome::Rejected), Effect::Finish(End::Rejected)]);
    }

    #[test]
    fn shortened_pipelines_end_early() {
        let inputs = [Input::Begin, Input::Opened, Input::Answered, parsed(1, 0, 0), Input::Stored, Input::Applied, Input::Closed];
        let uncommitted = script(Pipeline::default().until(Commit), 3, &inputs);
        assert_eq!(uncommitted[5..], [Effect::Close(Outcome::Uncommitted), Effect::Finish(End::Done)]);
        let dry = script(Pipeline::default().until(Apply), 3, &inputs[..5]);
        assert_eq!(dry[4], Effect::Close(Outcome::None));
        assert_eq!(script(Pipeline::default().until(Parse), 3, &inputs[..3])[2], Effect::Close(Outcome::None));
    }

    #[test]
    fn a_cut_answer_writes_nothing() {
        let effects = script(Pipeline::default(), 3, &[Input::Begin, Input::Opened, Input::Cut, Input::Closed]);
        assert_eq!(effects[2..], [Effect::Close(Outcome::Interrupted), Effect::Finish(End::NoAnswer)]);
    }

    proptest::proptest! {
        #[test]
        fn files_are_never_written_before_they_are_stored(inputs in proptest::collection::vec(0usize..13, 0..40)) {
            let all = [
                Input::Begin, Input::Opened, Input::Answered, Input::Cut, Input::Failed, Input::Interrupted, parsed(1, 0, 0), parsed(0, 0, 0),
                parsed(1, 1, 0), Input::Stored, Input::Applied, Input::NotApplied, Input::Closed,
            ];
            let mut machine = Machine::new(Pipeline::default(), 2);
            for input in inputs {
                let effect = machine.handle(all[input]);
                if effect == Effect::Run(Apply) {
                    proptest::prop_assert_eq!(all[input], Input::Stored);
                }
                if effect == Effect::Run(Commit) {
                    proptest::prop_assert_eq!(all[input], Input::Applied);
                }
            }
        }
    }
}
