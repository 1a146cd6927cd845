//! The course of one exchange, as a pure machine: what happened goes in, what to do next comes out.
//!
//! Invariants
//! - No I/O, no clock, no data beyond what decides the course; the driver holds messages, edits and bytes.
//! - Every turn that was opened is closed, whatever happens between.
//! - A file is written only after its edits are stored, and a commit is made only after files are written.
//! - What a turn comes to is settled before the handlers of `turn` run; checks run only on what was written as meant.

use crate::hooks::{Builtin, Handler, Pipeline, Point};
use crate::session::turn::Outcome;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The exchange starts.
    Begin,
    /// A handler is done, and there is nothing to say about it.
    Passed,
    /// A handler of the user's says no.
    Blocked(Objection),
    /// A turn is open: prompt and request are durable.
    Opened,
    /// The model's answer is whole.
    Answered,
    /// The answer was cut off at the token limit, and the model is asked for the rest.
    CutShort,
    /// The answer was cut off, at the token limit or by the connection; complete edits in it must not be written alone.
    Cut,
    /// There is no answer.
    Failed,
    /// There is none because the provider is away, and another model can be asked.
    Down,
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
    /// All edits fit, but with them a file no longer parses that did before.
    Broken,
    /// The edits are durable.
    Stored,
    /// The same, but the user took only some of them, and said of others why not.
    StoredInPart,
    /// The user took none of them.
    Refused {
        /// Whether they said why.
        reasons: bool,
    },
    /// The files are written.
    Applied,
    /// A file changed meanwhile, or cannot be written; none is.
    NotApplied,
    /// The branch has the commit.
    Committed,
    /// It has not, and the driver knows why.
    NotCommitted,
    /// The project's checks went well.
    Checked,
    /// One of them failed.
    CheckFailed(Objection),
    /// The turn is recorded.
    Closed,
}

/// What somebody who says no wants to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// The model is told why, where it can mend it.
    Mend,
    /// The exchange ends.
    Stop,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Open a turn with the request that was built; or, when it answers an answer (`reflection`), build and open that.
    Open { reflection: bool },
    /// Open a turn that puts the same request to the next model.
    OpenFallback,
    /// Open a turn that asks for the rest of the answer.
    OpenContinuation,
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
    /// The edits are in the files, and a check still fails.
    CheckFailed,
    /// What is there is as the last answer wants it, but that leaves out edits of an earlier one that did not fit.
    GivenUp,
    /// A handler did not let it be sent.
    Blocked,
    Interrupted,
}

/// An exchange under way.
#[derive(Debug)]
pub struct Machine {
    pipeline: Pipeline,
    reflections_left: u32,
    /// The step that was taken last.
    at: Option<Handler>,
    /// Whether the exchange has a turn.
    opened: bool,
    answered: bool,
    /// Whether the model was told of broken syntax; it is told once.
    told_syntax: bool,
    /// Whether what is in the files fails a check.
    check_failed: bool,
    /// Whether the user has said something that goes back to the model when all else is done.
    wanted: bool,
    /// What the open turn has come to.
    outcome: Outcome,
    /// What follows when the open turn is closed.
    after: Effect,
}

impl Machine {
    /// An exchange that may send what did not fit back to the model `max_reflections` times.
    pub const fn new(pipeline: Pipeline, max_reflections: u32) -> Self {
        Self {
            pipeline,
            reflections_left: max_reflections,
            at: None,
            opened: false,
            answered: false,
            told_syntax: false,
            check_failed: false,
            wanted: false,
            outcome: Outcome::None,
            after: Effect::Finish(End::Done),
        }
    }

    /// Takes what happened and says what to do next.
    pub fn handle(&mut self, input: Input) -> Effect {
        match input {
            Input::Checked => {
                self.check_failed = false;
                self.go()
            }
            Input::CheckFailed(objection) => self.check_failed(objection),
            Input::Answered => {
                self.answered = true;
                self.go()
            }
            Input::Blocked(objection) => self.blocked(objection),
            Input::Cut => self.close(Outcome::Interrupted, End::NoAnswer),
            Input::CutShort => self.end(Outcome::Interrupted, Effect::OpenContinuation),
            Input::Failed => self.close(Outcome::Failed, End::NoAnswer),
            // It says nothing of edits, so it uses up none of the reflections.
            Input::Down => self.end(Outcome::Failed, Effect::OpenFallback),
            Input::Interrupted => self.interrupted(),
            Input::Parsed { misfits, unseen, .. } if misfits + unseen > 0 => self.reject(Objection::Mend),
            // What failed before fails still.
            Input::Parsed { fit: 0, .. } | Input::Refused { reasons: false } => {
                self.close(Outcome::None, if self.check_failed { End::CheckFailed } else { End::Done })
            }
            // Each costs the user a sentence, so they end by themselves.
            Input::Refused { reasons: true } => self.end(Outcome::None, Effect::Open { reflection: true }),
            Input::StoredInPart => {
                self.wanted = true;
                self.go()
            }
            Input::Broken if !self.told_syntax && self.reflections_left > 0 => {
                self.told_syntax = true;
                self.reject(Objection::Mend)
            }
            // With broken syntax, too: the model means it, or cannot do better.
            Input::Parsed { .. } | Input::Broken | Input::Begin | Input::Passed | Input::Opened | Input::Stored | Input::Closed => {
                self.go()
            }
            Input::Applied => self.went(Outcome::Uncommitted),
            Input::NotApplied => self.close(Outcome::Rejected, End::Rejected),
            Input::Committed => self.went(Outcome::Applied),
            Input::NotCommitted => self.close(Outcome::Uncommitted, End::Rejected),
        }
    }

    /// What the open turn, or the last one, has come to.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Goes on with the next step of the configuration.
    fn go(&mut self) -> Effect {
        match self.pipeline.next(self.at) {
            // A turn begins when its request is there.
            Some(next) if !self.opened && next.point() > Point::Prompt => {
                self.opened = true;
                Effect::Open { reflection: false }
            }
            Some(next) => {
                self.at = Some(next);
                match next {
                    Handler::Builtin(Builtin::Record) => Effect::Close(self.outcome),
                    Handler::Builtin(Builtin::Check) if !self.as_meant() => self.go(),
                    // Who stops it does not want to wait for what comes after it.
                    Handler::Command(_) if self.after == Effect::Finish(End::Interrupted) => self.go(),
                    next => Effect::Run(next),
                }
            }
            None => {
                // The exchange's next turn has its request from the answer, not from the user's words.
                self.at = self.pipeline.last_before(Point::Request);
                (self.answered, self.outcome) = (false, Outcome::None);
                let after = std::mem::replace(&mut self.after, Effect::Finish(End::Done));
                let may_go_on = matches!(after, Effect::Finish(End::Done | End::CheckFailed));
                if std::mem::take(&mut self.wanted) && may_go_on { Effect::Open { reflection: true } } else { after }
            }
        }
    }

    /// The same, and the turn has come to something.
    fn went(&mut self, outcome: Outcome) -> Effect {
        self.outcome = outcome;
        self.go()
    }

    /// Whether the edits are in the files and nothing went wrong.
    fn as_meant(&self) -> bool {
        matches!(self.outcome, Outcome::Applied | Outcome::Uncommitted) && self.after == Effect::Finish(End::Done)
    }

    fn blocked(&mut self, objection: Objection) -> Effect {
        match self.at.map(Handler::point) {
            Some(Point::Prompt) => Effect::Finish(End::Blocked),
            Some(Point::Request) if !self.answered => self.close(Outcome::Failed, End::Blocked),
            Some(Point::Request | Point::Response | Point::Plan) => self.reject(objection),
            Some(Point::Edits) if self.outcome == Outcome::None => self.reject(objection),
            Some(Point::Edits | Point::Commit) if self.outcome == Outcome::Uncommitted => {
                self.close(Outcome::Uncommitted, End::Rejected)
            }
            // What is done already is not undone; the user is told.
            _ => self.go(),
        }
    }

    fn interrupted(&mut self) -> Effect {
        match self.at.map(Handler::point) {
            _ if !self.opened => Effect::Finish(End::Interrupted),
            Some(Point::Turn) => {
                self.after = Effect::Finish(End::Interrupted);
                self.go()
            }
            _ if self.outcome == Outcome::None => self.close(Outcome::Interrupted, End::Interrupted),
            _ => self.close(self.outcome, End::Interrupted),
        }
    }

    /// What is written stays; the model may go on from there.
    fn check_failed(&mut self, objection: Objection) -> Effect {
        self.check_failed = true;
        self.after = if objection == Objection::Stop || self.reflections_left == 0 {
            Effect::Finish(End::CheckFailed)
        } else {
            self.reflections_left -= 1;
            Effect::Open { reflection: true }
        };
        self.go()
    }

    /// The edits are not wanted as they are; the model may try again.
    fn reject(&mut self, objection: Objection) -> Effect {
        if objection == Objection::Stop || self.reflections_left == 0 {
            return self.close(Outcome::Rejected, End::Rejected);
        }
        self.reflections_left -= 1;
        self.end(Outcome::Rejected, Effect::Open { reflection: true })
    }

    fn close(&mut self, outcome: Outcome, end: End) -> Effect {
        self.end(outcome, Effect::Finish(end))
    }

    /// Leaves out what is left of the turn but its end.
    fn end(&mut self, outcome: Outcome, after: Effect) -> Effect {
        (self.outcome, self.after) = (outcome, after);
        self.at = self.pipeline.last_before(Point::Turn);
        self.go()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn run(builtin: Builtin) -> Effect {
        Effect::Run(Handler::Builtin(builtin))
    }

    const fn parsed(fit: usize, misfits: usize, unseen: usize) -> Input {
        Input::Parsed { fit, misfits, unseen }
    }

    /// What comes before the first answer.
    const START: [Input; 5] = [Input::Begin, Input::Passed, Input::Passed, Input::Opened, Input::Answered];

    fn script(pipeline: Pipeline, reflections: u32, inputs: &[Input]) -> Vec<Effect> {
        let mut machine = Machine::new(pipeline, reflections);
        START.iter().chain(inputs).map(|input| machine.handle(*input)).collect()
    }

    /// The default steps with a command before and after the one of this point.
    fn around(point: Point) -> (Pipeline, [Effect; 2]) {
        let builtin = |p: Point| match p {
            Point::Session => "open",
            Point::Prompt => "build",
            Point::Request => "send",
            Point::Response => "parse",
            Point::Plan => "store",
            Point::Edits => "apply",
            Point::Commit => "commit",
            Point::Turn => "record",
        };
        let list = |p: Point| {
            let names: &[&str] = if p == point { &["my-first", builtin(p), "my-last"] } else { &[builtin(p)] };
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let lists: Vec<Vec<String>> = Point::ALL.into_iter().map(list).collect();
        let pipeline = Pipeline::new(|p| &lists[p as usize], |name| name.starts_with("my-")).expect("valid");
        (pipeline, [0, 2].map(|at| Effect::Run(Handler::Command(crate::hooks::CommandId { point, at }))))
    }

    /// The effects of a course in which everything goes well, but for the first command, which objects.
    fn objected(point: Point, at: usize, objection: Objection) -> Vec<Effect> {
        let (pipeline, commands) = around(point);
        let mut machine = Machine::new(pipeline, 1);
        let (mut effects, mut objected) = (vec![machine.handle(Input::Begin)], false);
        loop {
            let effect = effects[effects.len() - 1];
            let input = match effect {
                Effect::Finish(_) => return effects,
                Effect::Open { .. } | Effect::OpenFallback | Effect::OpenContinuation => Input::Opened,
                Effect::Close(_) => Input::Closed,
                Effect::Run(Handler::Builtin(builtin)) => match builtin {
                    Builtin::Send => Input::Answered,
                    Builtin::Parse => parsed(1, 0, 0),
                    Builtin::Store => Input::Stored,
                    Builtin::Apply => Input::Applied,
                    Builtin::Commit => Input::Committed,
                    Builtin::Check => Input::Checked,
                    Builtin::Open | Builtin::Build | Builtin::Record => Input::Passed,
                },
                Effect::Run(Handler::Command(_)) if effect == commands[at] && !objected => {
                    objected = true;
                    Input::Blocked(objection)
                }
                Effect::Run(Handler::Command(_)) => Input::Passed,
            };
            effects.push(machine.handle(input));
        }
    }

    #[test]
    fn the_whole_way() {
        let inputs = [parsed(2, 0, 0), Input::Stored, Input::Applied, Input::Committed, Input::Checked, Input::Closed];
        let want = [
            run(Builtin::Open),
            run(Builtin::Build),
            Effect::Open { reflection: false },
            run(Builtin::Send),
            run(Builtin::Parse),
            run(Builtin::Store),
            run(Builtin::Apply),
            run(Builtin::Commit),
            run(Builtin::Check),
            Effect::Close(Outcome::Applied),
            Effect::Finish(End::Done),
        ];
        assert_eq!(script(Pipeline::default(), 3, &inputs), want);
    }

    #[test]
    fn misfits_go_back_a_bounded_number_of_times() {
        let inputs = [parsed(1, 1, 0), Input::Closed, Input::Opened, Input::Answered, parsed(1, 1, 0), Input::Closed];
        let effects = script(Pipeline::default(), 1, &inputs);
        assert_eq!(effects[5..8], [Effect::Close(Outcome::Rejected), Effect::Open { reflection: true }, run(Builtin::Send)]);
        assert_eq!(effects[9..], [Effect::Close(Outcome::Rejected), Effect::Finish(End::Rejected)]);
    }

    #[test]
    fn shortened_pipelines_end_early() {
        let inputs = [parsed(1, 0, 0), Input::Stored, Input::Applied, Input::Checked, Input::Closed];
        let uncommitted = script(Pipeline::default().until(Point::Commit), 3, &inputs);
        assert_eq!(uncommitted[7..], [run(Builtin::Check), Effect::Close(Outcome::Uncommitted), Effect::Finish(End::Done)]);
        let dry = script(Pipeline::default().until(Point::Edits), 3, &inputs[..2]);
        assert_eq!(dry[6], Effect::Close(Outcome::None));
        assert_eq!(script(Pipeline::default().until(Point::Response), 3, &[])[4], Effect::Close(Outcome::None));
    }

    #[test]
    fn a_cut_answer_writes_nothing() {
        let mut machine = Machine::new(Pipeline::default(), 3);
        let inputs = START[..4].iter().chain(&[Input::Cut, Input::Closed]);
        let effects: Vec<Effect> = inputs.map(|input| machine.handle(*input)).collect();
        assert_eq!(effects[4..], [Effect::Close(Outcome::Interrupted), Effect::Finish(End::NoAnswer)]);
    }

    #[test]
    fn when_the_provider_is_away_the_next_model_has_the_same_turn_again() {
        let down = [Input::Down, Input::Closed, Input::Opened];
        let rest = [Input::Answered, parsed(1, 1, 0), Input::Closed, Input::Opened, Input::Failed, Input::Closed];
        let mut machine = Machine::new(Pipeline::default(), 1);
        let inputs = START[..4].iter().chain(&down).chain(&down).chain(&rest);
        let effects: Vec<Effect> = inputs.map(|input| machine.handle(*input)).collect();
        let fallback = [Effect::Close(Outcome::Failed), Effect::OpenFallback, run(Builtin::Send)];
        assert_eq!((&effects[4..7], &effects[7..10]), (&fallback[..], &fallback[..]));
        // What did not fit then goes back to it: nothing of the reflections was used up.
        assert_eq!(effects[11..13], [Effect::Close(Outcome::Rejected), Effect::Open { reflection: true }]);
        assert_eq!(effects[14..], [Effect::Close(Outcome::Failed), Effect::Finish(End::NoAnswer)]);
    }

    #[test]
    fn only_what_was_written_as_meant_is_checked() {
        let inputs = [parsed(1, 0, 0), Input::Stored, Input::Applied, Input::NotCommitted, Input::Closed];
        let effects = script(Pipeline::default(), 3, &inputs);
        assert_eq!(effects[8..], [Effect::Close(Outcome::Uncommitted), Effect::Finish(End::Rejected)]);
    }

    #[test]
    fn an_objection_ends_what_it_can_still_prevent() {
        let ends = |point, at, objection| {
            let effects = objected(point, at, objection);
            let closes: Vec<Effect> = effects.iter().filter(|e| !matches!(e, Effect::Run(_))).copied().collect();
            closes
        };
        let (first, again) = (Effect::Open { reflection: false }, Effect::Open { reflection: true });
        let close = Effect::Close;
        let end = Effect::Finish;
        let well = vec![first, close(Outcome::Applied), end(End::Done)];
        let mended = vec![first, close(Outcome::Rejected), again, close(Outcome::Applied), end(End::Done)];
        let stopped = vec![first, close(Outcome::Rejected), end(End::Rejected)];
        for at in [0, 1] {
            assert_eq!(ends(Point::Session, at, Objection::Stop), well);
            assert_eq!(ends(Point::Prompt, at, Objection::Mend), [end(End::Blocked)]);
            assert_eq!(ends(Point::Turn, at, Objection::Mend), well);
            for point in [Point::Response, Point::Plan] {
                assert_eq!(ends(point, at, Objection::Mend), mended, "{point:?}");
                assert_eq!(ends(point, at, Objection::Stop), stopped, "{point:?}");
            }
        }
        assert_eq!(ends(Point::Request, 0, Objection::Mend), [first, close(Outcome::Failed), end(End::Blocked)]);
        assert_eq!(ends(Point::Request, 1, Objection::Mend), mended);
        assert_eq!(ends(Point::Edits, 0, Objection::Mend), mended);
        let kept = [first, close(Outcome::Uncommitted), end(End::Rejected)];
        assert_eq!(ends(Point::Edits, 1, Objection::Mend), kept);
        assert_eq!(ends(Point::Commit, 0, Objection::Mend), kept);
        assert_eq!(ends(Point::Commit, 1, Objection::Mend), well, "it is committed already");
    }

    #[test]
    fn after_an_interruption_no_command_runs() {
        let (pipeline, commands) = around(Point::Turn);
        let mut machine = Machine::new(pipeline, 1);
        let inputs = START[..4].iter().chain(&[Input::Interrupted, Input::Closed]);
        let effects: Vec<Effect> = inputs.map(|input| machine.handle(*input)).collect();
        assert_eq!(effects[4..], [Effect::Close(Outcome::Interrupted), Effect::Finish(End::Interrupted)]);
        assert!(commands.iter().all(|command| !effects.contains(command)));
    }

    #[test]
    fn broken_syntax_goes_back_once_and_is_then_written() {
        let again = [Input::Closed, Input::Opened, Input::Answered];
        let written = [Input::Stored, Input::Applied, Input::Committed, Input::Checked, Input::Closed];
        let inputs: Vec<Input> = [Input::Broken].into_iter().chain(again).chain([Input::Broken]).chain(written).collect();
        let effects = script(Pipeline::default(), 3, &inputs);
        assert_eq!(effects[5..8], [Effect::Close(Outcome::Rejected), Effect::Open { reflection: true }, run(Builtin::Send)]);
        assert_eq!(effects[9], run(Builtin::Store));
        assert_eq!(effects[13..], [Effect::Close(Outcome::Applied), Effect::Finish(End::Done)]);
        assert_eq!(script(Pipeline::default(), 0, &[Input::Broken])[5], run(Builtin::Store), "nobody can be asked");
    }

    #[test]
    fn a_failed_check_goes_back_with_the_edits_kept() {
        let round = |checked| [parsed(1, 0, 0), Input::Stored, Input::Applied, Input::Committed, checked, Input::Closed];
        let fails = Input::CheckFailed(Objection::Mend);
        let more = [Input::Opened, Input::Answered];
        let twice: Vec<Input> = round(fails).into_iter().chain(more).chain(round(fails)).collect();
        let effects = script(Pipeline::default(), 1, &twice);
        assert_eq!(effects[9..12], [Effect::Close(Outcome::Applied), Effect::Open { reflection: true }, run(Builtin::Send)]);
        assert_eq!(effects[17..], [Effect::Close(Outcome::Applied), Effect::Finish(End::CheckFailed)]);
        let mended: Vec<Input> = round(fails).into_iter().chain(more).chain(round(Input::Checked)).collect();
        assert_eq!(script(Pipeline::default(), 1, &mended).last(), Some(&Effect::Finish(End::Done)));
        // No further edits: it fails as before.
        let given_up: Vec<Input> = round(fails).into_iter().chain(more).chain([parsed(0, 0, 0), Input::Closed]).collect();
        assert_eq!(script(Pipeline::default(), 3, &given_up).last(), Some(&Effect::Finish(End::CheckFailed)));
        let stop = script(Pipeline::default(), 3, &round(Input::CheckFailed(Objection::Stop)));
        assert_eq!(stop[9..], [Effect::Close(Outcome::Applied), Effect::Finish(End::CheckFailed)]);
    }

    #[test]
    fn what_the_user_says_of_an_edit_goes_back_when_the_others_are_written() {
        let rest = [Input::Applied, Input::Committed, Input::Checked, Input::Closed];
        let inputs: Vec<Input> = [parsed(2, 0, 0), Input::StoredInPart].into_iter().chain(rest).collect();
        let effects = script(Pipeline::default(), 0, &inputs);
        assert_eq!(effects[9..], [Effect::Close(Outcome::Applied), Effect::Open { reflection: true }]);
        let none = |reasons| script(Pipeline::default(), 0, &[parsed(2, 0, 0), Input::Refused { reasons }, Input::Closed]);
        assert_eq!(none(true)[6..], [Effect::Close(Outcome::None), Effect::Open { reflection: true }]);
        assert_eq!(none(false)[6..], [Effect::Close(Outcome::None), Effect::Finish(End::Done)]);
    }

    proptest::proptest! {
        #[test]
        fn files_are_never_written_before_they_are_stored(inputs in proptest::collection::vec(0usize..22, 0..60)) {
            let all = [
                Input::Begin, Input::Opened, Input::Answered, Input::Cut, Input::Failed, Input::Interrupted, parsed(1, 0, 0), parsed(0, 0, 0),
                parsed(1, 1, 0), Input::Stored, Input::Applied, Input::NotApplied, Input::Closed, Input::Checked, Input::Passed,
                Input::Blocked(Objection::Mend), Input::Broken, Input::CheckFailed(Objection::Mend),
                Input::StoredInPart, Input::Refused { reasons: true }, Input::Down, Input::CutShort,
            ];
            let mut machine = Machine::new(Pipeline::default(), 2);
            let mut before = None;
            for input in inputs {
                let effect = machine.handle(all[input]);
                if effect == run(Builtin::Apply) {
                    proptest::prop_assert_eq!(before, Some(run(Builtin::Store)));
                }
                if effect == run(Builtin::Commit) {
                    proptest::prop_assert_eq!(before, Some(run(Builtin::Apply)));
                }
                before = Some(effect);
            }
        }
    }
}
