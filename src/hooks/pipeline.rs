//! The handlers of a turn in their order.

use super::{Builtin, CommandId, Handler, Point};

/// Why a list of handlers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    #[error("hooks.{point}: there is no handler {name:?}; this point has {known}")]
    Unknown { point: &'static str, name: String, known: String },
    #[error("hooks.{point}: {name} is listed twice")]
    Twice { point: &'static str, name: String },
    #[error("hooks.{later} needs hooks.{earlier}: it has nothing to work on without {missing}")]
    Broken { earlier: &'static str, later: &'static str, missing: &'static str },
    #[error("hooks.{point} must list {name}: there is no turn without it")]
    Needed { point: &'static str, name: &'static str },
    #[error("hook.{name}: a step of the program has this name")]
    Reserved { name: String },
    #[error("hooks.{point}: {second} must stand after {first}")]
    Order { point: &'static str, first: &'static str, second: &'static str },
}

/// The steps of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    steps: Vec<Handler>,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self { steps: Builtin::ALL.into_iter().map(Handler::Builtin).collect() }
    }
}

/// Where a command stands, as seen from the program's own step of its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    /// It does what that step would do.
    Instead,
    After,
}

/// What works on what: each needs something at the point before.
const CHAIN: [Builtin; 6] = [Builtin::Build, Builtin::Send, Builtin::Parse, Builtin::Store, Builtin::Apply, Builtin::Commit];

impl Pipeline {
    /// The pipeline that these lists of handler names describe. `is_command` knows the names of the user's own handlers.
    pub fn new<'a>(handlers: impl Fn(Point) -> &'a [String], is_command: impl Fn(&str) -> bool) -> Result<Self, HookError> {
        let mut steps = Vec::new();
        for point in Point::ALL {
            let names = handlers(point);
            for (at, name) in names.iter().enumerate() {
                if names[..at].contains(name) {
                    return Err(HookError::Twice { point: point.name(), name: name.clone() });
                }
                let builtin = Builtin::from_name(name).filter(|builtin| builtin.point() == point);
                steps.push(match (builtin, u16::try_from(at)) {
                    (Some(builtin), _) => Handler::Builtin(builtin),
                    (None, Ok(at)) if is_command(name) => Handler::Command(CommandId { point, at }),
                    _ => return Err(HookError::Unknown { point: point.name(), name: name.clone(), known: known(point) }),
                });
            }
        }
        let pipeline = Self { steps };
        pipeline.check()?;
        Ok(pipeline)
    }

    fn check(&self) -> Result<(), HookError> {
        for needed in [Builtin::Open, Builtin::Record] {
            if !self.has(needed) {
                return Err(HookError::Needed { point: needed.point().name(), name: needed.name() });
            }
        }
        for pair in CHAIN.windows(2) {
            let (first, second) = (pair[0].point(), pair[1].point());
            if self.has_point(second) && !self.has_point(first) {
                return Err(HookError::Broken { earlier: first.name(), later: second.name(), missing: pair[0].name() });
            }
        }
        // What is kept before files change cannot be left to somebody else: undo and recovery work from it.
        if self.has_point(Point::Edits) && !self.has(Builtin::Store) {
            return Err(HookError::Needed { point: Point::Plan.name(), name: Builtin::Store.name() });
        }
        let place = |builtin| self.steps.iter().position(|step| *step == Handler::Builtin(builtin));
        if place(Builtin::Check) > place(Builtin::Record) {
            let (first, second) = (Builtin::Check.name(), Builtin::Record.name());
            return Err(HookError::Order { point: Point::Turn.name(), first, second });
        }
        Ok(())
    }

    /// Whether this step of the program is taken.
    pub fn has(&self, builtin: Builtin) -> bool {
        self.steps.contains(&Handler::Builtin(builtin))
    }

    /// Whether anything runs at a point.
    pub fn has_point(&self, point: Point) -> bool {
        self.steps.iter().any(|step| step.point() == point)
    }

    /// The same without what runs at this point and what builds on it; the turn is recorded all the same.
    #[must_use]
    pub fn until(mut self, point: Point) -> Self {
        self.steps.retain(|step| step.point() < point || step.point() == Point::Turn);
        self
    }

    /// The step after `handler`; the first one after `None`.
    pub fn next(&self, handler: Option<Handler>) -> Option<Handler> {
        let at = handler.map_or(Some(0), |h| self.steps.iter().position(|s| *s == h).map(|at| at + 1));
        at.and_then(|at| self.steps.get(at)).copied()
    }

    /// The commands of a point that stand on this side of the program's own step.
    pub fn commands(&self, point: Point, side: Side) -> Vec<CommandId> {
        let command = |step: &Handler| match step {
            Handler::Command(command) if command.point == point => Some(*command),
            _ => None,
        };
        self.steps.iter().filter_map(command).filter(|id| self.side(*id) == side).collect()
    }

    /// Where a command stands. Without a step of the program's own at its point, the last command there is in its place.
    pub fn side(&self, command: CommandId) -> Side {
        let place = |wanted: &dyn Fn(&Handler) -> bool| self.steps.iter().position(wanted);
        let own = |step: &Handler| {
            step.point() == command.point && matches!(step, Handler::Builtin(builtin) if *builtin != Builtin::Check)
        };
        let at = place(&|step| *step == Handler::Command(command));
        match place(&own) {
            Some(own) if at > Some(own) => Side::After,
            Some(_) => Side::Before,
            None => {
                let last = self.steps.iter().rposition(|step| step.point() == command.point);
                if at == last { Side::Instead } else { Side::Before }
            }
        }
    }

    /// The last step before a point.
    pub fn last_before(&self, point: Point) -> Option<Handler> {
        self.steps.iter().rev().find(|step| step.point() < point).copied()
    }
}

fn known(point: Point) -> String {
    let names: Vec<&str> = Builtin::ALL.into_iter().filter(|b| b.point() == point).map(Builtin::name).collect();
    format!("{}, and those of the tables [hook.<name>]", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: [&[&str]; 8] =
        [&["open"], &["build"], &["send"], &["parse"], &["store"], &["apply"], &["commit"], &["check", "record"]];

    fn pipeline(changed: &[(Point, &[&str])]) -> Result<Pipeline, HookError> {
        let mut lists = DEFAULT.map(|list| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        for (point, names) in changed {
            lists[*point as usize] = names.iter().map(|s| (*s).to_owned()).collect();
        }
        Pipeline::new(|point| &lists[point as usize], |name| name.starts_with("my-"))
    }

    #[test]
    fn the_default_lists_give_the_default_steps() {
        assert_eq!(pipeline(&[]), Ok(Pipeline::default()));
    }

    #[test]
    fn steps_are_removed_from_the_end_only() {
        let steps = pipeline(&[(Point::Commit, &[])]).expect("valid");
        assert_eq!(steps.next(Some(Handler::Builtin(Builtin::Apply))), Some(Handler::Builtin(Builtin::Check)));
        assert_eq!(steps, Pipeline::default().until(Point::Commit));
        assert!(matches!(pipeline(&[(Point::Plan, &[])]), Err(HookError::Broken { .. })));
    }

    #[test]
    fn a_session_is_opened_a_turn_recorded_and_edits_are_stored() {
        for (point, names) in
            [(Point::Session, &[][..]), (Point::Session, &["my-own"]), (Point::Turn, &["check"]), (Point::Plan, &["my-own"])]
        {
            assert!(matches!(pipeline(&[(point, names)]), Err(HookError::Needed { .. })), "{names:?}");
        }
        assert!(matches!(pipeline(&[(Point::Turn, &["record", "check"])]), Err(HookError::Order { .. })));
        assert!(pipeline(&[(Point::Turn, &["record"])]).is_ok());
    }

    #[test]
    fn commands_stand_before_after_and_in_place_of_a_step() {
        let steps = pipeline(&[(Point::Response, &["my-first", "parse", "my-last"]), (Point::Commit, &["my-first"])]);
        let steps = steps.expect("valid");
        let command = |point, at| Handler::Command(CommandId { point, at });
        let (first, last) = (command(Point::Response, 0), command(Point::Response, 2));
        assert_eq!(steps.next(Some(Handler::Builtin(Builtin::Send))), Some(first));
        assert_eq!(steps.next(Some(first)), Some(Handler::Builtin(Builtin::Parse)));
        assert_eq!(steps.next(Some(last)), Some(Handler::Builtin(Builtin::Store)));
        assert_eq!(steps.last_before(Point::Turn), Some(command(Point::Commit, 0)));
        let sides =
            [(Point::Response, 0), (Point::Response, 2), (Point::Commit, 0)].map(|(point, at)| steps.side(CommandId { point, at }));
        assert_eq!(sides, [Side::Before, Side::After, Side::Instead]);
    }

    #[test]
    fn unknown_and_repeated_handlers_are_errors() {
        assert!(matches!(pipeline(&[(Point::Response, &["store"])]), Err(HookError::Unknown { .. })));
        assert!(matches!(pipeline(&[(Point::Response, &["parse", "parse"])]), Err(HookError::Twice { .. })));
        assert!(matches!(pipeline(&[(Point::Turn, &["my-own", "record", "my-own"])]), Err(HookError::Twice { .. })));
    }
}
