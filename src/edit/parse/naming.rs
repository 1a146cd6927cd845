//! Which file a form is for, by the lines around its beginning.

use super::Parser;

/// What the lines above a block say about its file.
pub(super) enum Names {
    Path(String),
    /// It stands where a whole file was announced.
    Whole(String),
    None,
    Several(String),
}

/// A line of the prose that could name a file.
#[derive(Clone, Copy)]
pub(super) struct Label {
    /// Where it begins.
    pub(super) mark: usize,
    /// Blank lines since.
    pub(super) blanks: usize,
}

impl Parser {
    /// What names the form that begins here. Takes the naming lines out of the prose.
    pub(super) fn names(&mut self) -> Names {
        let mut found: Vec<String> = self.tagged.take().into_iter().collect();
        self.tagged_by.clear();
        let mut mark = self.plan.prose.len();
        if let Some(label) = self.label.take() {
            if label.blanks > 1 {
                // Too far above to name anything, it is text.
                self.fence.iter_mut().filter(|open| !open.edits).for_each(|open| open.quotes = true);
            } else if let Some(path) = self.known.path_line(self.labelled(label)) {
                mark = label.mark;
                found.push(path);
            }
        }
        if let Some(open) = self.fence.as_ref().filter(|open| !open.edits) {
            found.extend(self.known.path_in_info(&open.info));
            let above = open.label.and_then(|label| self.known.path_line(self.labelled(label)));
            if !open.quotes {
                mark = open.label.filter(|_| above.is_some()).map_or(open.mark, |label| label.mark);
            }
            found.extend(above);
        }
        // A search proves that it is meant for the file that the text speaks of.
        let since = self.since.min(self.plan.prose.len());
        if found.is_empty() {
            found.extend(self.known.mentioned(&self.plan.prose[since..]));
        }
        let unnamed = found.is_empty();
        let other = |said: &str, last: &str| said.lines().any(|line| self.known.mentions_other(line, last));
        let inherits = self.last.as_ref().filter(|_| unnamed).filter(|last| !other(&self.plan.prose[since..], last));
        let inherited = inherits.cloned();
        self.plan.prose.truncate(mark);
        self.since = self.since.min(mark);
        let Some(first) = found.first() else { return inherited.map_or(Names::None, Names::Path) };
        let meant = self.known.resolve(first, false);
        let same = |other: &String| {
            other == first || meant.is_ok() && self.known.resolve(other, false).ok() == meant.as_ref().ok().cloned()
        };
        if !found.iter().all(same) {
            return Names::Several(found.join(", "));
        }
        Names::Path(first.clone())
    }

    /// The same, and what was taken out.
    pub(super) fn names_said(&mut self) -> (Names, String) {
        let fence = self.fence.as_ref().filter(|open| !open.edits && !open.quotes);
        let marks = [self.label, fence.and_then(|open| open.label)].into_iter().flatten().map(|label| label.mark);
        let from = marks.chain(fence.map(|open| open.mark)).chain([self.plan.prose.len()]).min().unwrap_or_default();
        let said = self.plan.prose[from..].to_owned();
        let names = self.names();
        let by = said.get(self.plan.prose.len().saturating_sub(from)..).unwrap_or_default().to_owned();
        (names, by)
    }

    /// The line of the prose that a label is.
    pub(super) fn labelled(&self, label: Label) -> &str {
        self.plan.prose.get(label.mark..).and_then(|prose| prose.lines().next()).unwrap_or_default()
    }

    /// A path in a tag is for nothing.
    pub(super) fn untag(&mut self) {
        self.tagged = None;
        let by = std::mem::take(&mut self.tagged_by);
        self.plan.prose.push_str(&by);
    }
}

impl Names {
    pub(super) fn shown(&self) -> Option<String> {
        match self {
            Self::Path(path) | Self::Whole(path) | Self::Several(path) => Some(path.clone()),
            Self::None => None,
        }
    }
}
