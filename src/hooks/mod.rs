//! Hook points and the handlers that run there. The program's own steps are handlers too, and the default ones.
//!
//! Invariants
//! - A point's handlers run in the order of the configuration; an empty list switches the step off.
//! - Each built-in handler belongs to one point, so the steps of a turn keep their order: parse, store, apply, commit.

/// A place in a turn where handlers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// An answer is complete.
    Response,
    /// Edits were read from it.
    Plan,
    /// Edits are stored and about to be written.
    Edits,
    /// Edits are in the files.
    Commit,
}

impl Point {
    /// All points of a turn, in their order.
    pub const ALL: [Self; 4] = [Self::Response, Self::Plan, Self::Edits, Self::Commit];

    /// The configuration's spelling, `hooks.<name>`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Plan => "plan",
            Self::Edits => "edits",
            Self::Commit => "commit",
        }
    }
}

/// A step that can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handler {
    /// Read the edits from the answer.
    Parse,
    /// Keep them, with the bytes before and after, before any file changes.
    Store,
    /// Write the files.
    Apply,
    /// Commit on the user's branch.
    Commit,
}

impl Handler {
    const ALL: [Self; 4] = [Self::Parse, Self::Store, Self::Apply, Self::Commit];

    /// The configuration's spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Store => "store",
            Self::Apply => "apply",
            Self::Commit => "commit",
        }
    }

    /// The point at which it can run.
    pub const fn point(self) -> Point {
        match self {
            Self::Parse => Point::Response,
            Self::Store => Point::Plan,
            Self::Apply => Point::Edits,
            Self::Commit => Point::Commit,
        }
    }
}

/// Why a list of handlers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    #[error("hooks.{point}: there is no handler {name:?}; this point has {known}")]
    Unknown { point: &'static str, name: String, known: &'static str },
    #[error("hooks.{point}: {name} is listed twice")]
    Twice { point: &'static str, name: String },
    #[error("hooks.{later} needs hooks.{earlier}: it has nothing to work on without {missing}")]
    Broken { earlier: &'static str, later: &'static str, missing: &'static str },
}

/// The steps that a turn takes after an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    steps: Vec<Handler>,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self { steps: Handler::ALL.to_vec() }
    }
}

impl Pipeline {
    /// The pipeline that these lists of handler names describe.
    pub fn new<'a>(handlers: impl Fn(Point) -> &'a [String]) -> Result<Self, HookError> {
        let mut steps = Vec::new();
        for point in Point::ALL {
            for name in handlers(point) {
                let here = |h: &&Handler| h.point() == point;
                let known = Handler::ALL.iter().find(here).map_or("none", |h| h.name());
                let Some(handler) = Handler::ALL.into_iter().filter(|h| here(&h)).find(|h| h.name() == name) else {
                    return Err(HookError::Unknown { point: point.name(), name: name.clone(), known });
                };
                if steps.contains(&handler) {
                    return Err(HookError::Twice { point: point.name(), name: name.clone() });
                }
                steps.push(handler);
            }
        }
        for pair in Handler::ALL.windows(2) {
            if steps.contains(&pair[1]) && !steps.contains(&pair[0]) {
                let (earlier, later) = (pair[0].point().name(), pair[1].point().name());
                return Err(HookError::Broken { earlier, later, missing: pair[0].name() });
            }
        }
        Ok(Self { steps })
    }

    /// The same without a step and those that build on it.
    #[must_use]
    pub fn until(mut self, handler: Handler) -> Self {
        if let Some(at) = self.steps.iter().position(|h| *h == handler) {
            self.steps.truncate(at);
        }
        self
    }

    /// The step after `handler`; the first one after `None`.
    pub fn next(&self, handler: Option<Handler>) -> Option<Handler> {
        let at = handler.map_or(Some(0), |h| self.steps.iter().position(|s| *s == h).map(|at| at + 1));
        at.and_then(|at| self.steps.get(at)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(lists: [&[&str]; 4]) -> Result<Pipeline, HookError> {
        let owned: Vec<Vec<String>> = lists.iter().map(|l| l.iter().map(|s| (*s).to_owned()).collect()).collect();
        Pipeline::new(|point| &owned[Point::ALL.iter().position(|p| *p == point).unwrap_or(0)])
    }

    #[test]
    fn the_default_lists_give_the_default_steps() {
        assert_eq!(pipeline([&["parse"], &["store"], &["apply"], &["commit"]]), Ok(Pipeline::default()));
    }

    #[test]
    fn steps_are_removed_from_the_end_only() {
        let steps = pipeline([&["parse"], &["store"], &["apply"], &[]]).expect("valid");
        assert_eq!(steps.next(Some(Handler::Apply)), None);
        assert_eq!(steps, Pipeline::default().until(Handler::Commit));
        assert!(matches!(pipeline([&["parse"], &[], &["apply"], &[]]), Err(HookError::Broken { .. })));
    }

    #[test]
    fn unknown_and_repeated_handlers_are_errors() {
        assert!(matches!(pipeline([&["store"], &[], &[], &[]]), Err(HookError::Unknown { .. })));
        assert!(matches!(pipeline([&["parse", "parse"], &[], &[], &[]]), Err(HookError::Twice { .. })));
    }
}
