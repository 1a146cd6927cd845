//! Unified diffs, with or without git's headers, in a fence or not.
//!
//! Line numbers and counts are often wrong, so they end nothing while lines with signs follow, and say where a hunk belongs only
//! if the counts agree. A line without a sign right behind others is taken for one that stays: it is looked for in the file
//! and never written, so the worst that comes of it is a hunk that does not fit.

use super::label::Known;
use super::plan::{Hunk, IssueKind, Op, Replacement};

/// An edit that was read.
pub(super) struct Made {
    pub(super) path: String,
    pub(super) op: Op,
    pub(super) source: String,
    /// Its lines end with CRLF in the answer.
    pub(super) crlf: bool,
}

/// What became of a line.
pub(super) enum Flow {
    /// It belongs to the form.
    Taken,
    /// It is the form's last one.
    Last,
    /// The form is over, and this line, with one before it perhaps, is no part of it.
    Over(Option<String>),
}

#[derive(Default)]
pub(super) struct Diff {
    /// The answer itself has CRLF line ends.
    crlf: bool,
    fenced: bool,
    /// The header of the file as it was written.
    head: String,
    old: Option<String>,
    new: Option<String>,
    /// The paths of the line `diff --git`.
    named: Option<String>,
    from: Option<String>,
    to: Option<String>,
    mode: Option<String>,
    created: bool,
    deleted: bool,
    binary: bool,
    /// Whether what the headers say of the file was made an edit.
    said: bool,
    /// Whether the file's diff brought anything so far.
    brought: bool,
    /// How many lines more there are by its hunks so far.
    shift: isize,
    hunk: Option<Open>,
    /// A line `--- …` that may begin the next file.
    held: Option<String>,
    pub(super) made: Vec<Made>,
    pub(super) issue: Option<(IssueKind, Option<String>, String)>,
}

#[derive(Default)]
struct Open {
    hunk: Hunk,
    source: String,
    /// The lines of both sides as the header counts them, and where the sides begin.
    said: Option<((usize, usize), (usize, usize))>,
    seen: (usize, usize),
    /// Lines without any sign that are blank; lines that stay, if more lines follow.
    blanks: usize,
    last: u8,
    /// Whether a line that is not blank is said to stay.
    quotes: bool,
}

impl Open {
    fn is_full(&self) -> bool {
        self.said.is_some_and(|(said, _)| self.seen.0 >= said.0 && self.seen.1 >= said.1)
    }

    fn push(&mut self, sign: u8, text: &str) {
        for _ in 0..std::mem::take(&mut self.blanks) {
            self.hunk.body.push_str(" \n");
            self.seen = (self.seen.0 + 1, self.seen.1 + 1);
        }
        self.hunk.body.push(char::from(sign));
        self.hunk.body.push_str(text);
        self.hunk.body.push('\n');
        self.seen.0 += usize::from(sign != b'+');
        self.seen.1 += usize::from(sign != b'-');
        self.last = sign;
    }
}

/// Whether a line can begin a file's diff; `--- ` does only with `+++ ` on the next line.
pub(super) fn begins(line: &str) -> bool {
    line.starts_with("--- ") || line.starts_with("diff --git ")
}

impl Diff {
    /// Begins with `diff --git a/x b/x`.
    pub(super) fn git(line: &str, fenced: bool) -> Self {
        let mut diff = Self { crlf: line.ends_with('\r'), fenced, ..Self::default() };
        diff.header(line.trim_end());
        diff
    }

    /// Begins with `--- a/x` and `+++ b/x`.
    pub(super) fn plain(old: &str, new: &str, fenced: bool) -> Self {
        let mut diff = Self { crlf: old.ends_with('\r'), fenced, ..Self::default() };
        diff.names(old.trim_end(), new.trim_end());
        diff
    }

    /// Begins with `@@`; other lines named the file.
    pub(super) fn of(path: String, line: &str) -> Self {
        let mut diff =
            Self { crlf: line.ends_with('\r'), fenced: true, new: Some(path.clone()), old: Some(path), ..Self::default() };
        diff.begin(line.trim_end());
        diff
    }

    /// The file that it is about at the moment.
    pub(super) fn path(&self) -> Option<String> {
        self.new.clone().or_else(|| self.old.clone()).or_else(|| self.named.clone())
    }

    pub(super) fn line(&mut self, raw: &str, known: &Known) -> Flow {
        let text = if self.crlf { raw.strip_suffix('\r').unwrap_or(raw) } else { raw };
        if let Some(held) = self.held.take() {
            if text.starts_with("+++ ") {
                // Behind git's own headers they are the same file's.
                if self.hunk.is_some() || self.said || self.old.is_some() || self.new.is_some() {
                    self.close_file(known);
                }
                self.names(&held, text.trim_end());
                return Flow::Taken;
            }
            match &mut self.hunk {
                Some(open) if self.fenced || !open.is_full() => Self::content(open, &held),
                _ => return Flow::Over(Some(held)),
            }
        }
        if text.starts_with("diff --git ") {
            self.close_file(known);
            self.header(text.trim_end());
            return Flow::Taken;
        }
        let Some(open) = &mut self.hunk else { return self.between(text) };
        if text.starts_with("@@") {
            // A file's header was taken for lines, since the counts were too high.
            let count = open.hunk.body.len();
            let mut lines = open.hunk.body.trim_end_matches('\n').rsplitn(3, '\n');
            if let (Some(new), Some(old)) = (lines.next(), lines.next())
                && !open.is_full()
                && open.said.is_some()
                && old.starts_with("--- ")
                && new.starts_with("+++ ")
            {
                let (old, new) = (old.to_owned(), new.to_owned());
                open.hunk.body.truncate(count - old.len() - new.len() - 2);
                self.close_file(known);
                self.names(&old, &new);
            }
            self.close_hunk(known);
            self.begin(text.trim_end());
            return Flow::Taken;
        }
        match text.as_bytes().first() {
            None => {
                let due = open.said.is_some_and(|(said, _)| open.seen.0 < said.0 && open.seen.1 < said.1);
                open.blanks += 1;
                open.source.push('\n');
                if due {
                    open.blanks -= 1;
                    open.push(b' ', "");
                }
            }
            Some(b' ' | b'+' | b'-') => {
                // Models miscount. So only where nothing else says where the diff ends, a hunk that is whole does: a list in
                // a text follows, or what mail programs put below.
                let item = text.as_bytes().get(1) == Some(&b' ') && text.as_bytes().get(2).is_some_and(|b| *b != b' ');
                if open.is_full() && (open.blanks > 0 && item && !self.fenced || text.trim_end() == "--") {
                    return Flow::Over(None);
                }
                let wanted = open.said.is_some_and(|(said, _)| open.seen.0 < said.0);
                if text.starts_with("--- ") && !wanted {
                    self.held = Some(text.trim_end().to_owned());
                    return Flow::Taken;
                }
                open.quotes |= text.starts_with(' ') && !text.trim().is_empty();
                Self::content(open, text);
            }
            Some(b'\\') => {
                match open.last {
                    b'-' => open.hunk.last_end = Some(true),
                    _ => open.hunk.last_end = Some(false),
                }
                open.source.push_str(text);
                open.source.push('\n');
            }
            Some(_) if text.trim_start().starts_with("```") || text.trim_start().starts_with("~~~") => return Flow::Over(None),
            Some(_) if !self.fenced && (open.is_full() || open.blanks > 0) => return Flow::Over(None),
            Some(_) => {
                open.source.push_str(text);
                open.source.push('\n');
                open.push(b' ', text);
            }
        }
        Flow::Taken
    }

    fn content(open: &mut Open, text: &str) {
        open.source.push_str(text);
        open.source.push('\n');
        open.push(text.as_bytes()[0], &text[1..]);
    }

    /// A line in front of the hunks.
    fn between(&mut self, text: &str) -> Flow {
        if text.starts_with("@@") {
            self.begin(text.trim_end());
            return Flow::Taken;
        }
        if text.starts_with("--- ") {
            self.held = Some(text.trim_end().to_owned());
            return Flow::Taken;
        }
        let named = self.old.is_some() || self.new.is_some();
        if named && text.trim().is_empty() {
            return Flow::Taken;
        }
        // Some leave out the line that begins a hunk.
        if named && text.starts_with(['+', '-', ' ']) && self.fenced {
            self.begin("@@");
            if let Some(open) = &mut self.hunk {
                Self::content(open, text);
            }
            return Flow::Taken;
        }
        if self.header(text.trim_end()) { Flow::Taken } else { Flow::Over(None) }
    }

    /// Reads one of git's header lines; whether it is one.
    fn header(&mut self, line: &str) -> bool {
        let value = |key: &str| line.strip_prefix(key).map(str::trim);
        if let Some(paths) = value("diff --git ") {
            self.named = paths.rfind(" b/").map(|at| paths[at + 3..].to_owned());
        } else if let Some(path) = value("rename from ") {
            self.from = Some(unquoted(path));
        } else if let Some(path) = value("rename to ") {
            self.to = Some(unquoted(path));
        } else if let Some(mode) = value("new file mode ") {
            (self.created, self.mode) = (true, Some(mode.to_owned()));
        } else if value("deleted file mode ").is_some() {
            self.deleted = true;
        } else if let Some(mode) = value("new mode ") {
            self.mode = Some(mode.to_owned());
        } else if line.starts_with("Binary files ") || line == "GIT binary patch" {
            self.binary = true;
        } else if !["index ", "old mode ", "similarity index ", "dissimilarity index ", "copy from ", "copy to "]
            .iter()
            .any(|key| line.starts_with(key))
        {
            return false;
        }
        self.head.push_str(line);
        self.head.push('\n');
        true
    }

    fn names(&mut self, old: &str, new: &str) {
        let path = |line: &str| {
            let path = line.get(4..).unwrap_or_default().split('\t').next().unwrap_or_default().trim().trim_matches('`');
            // Notes and times that are not set apart as they should be.
            let path = [" (", " 1", " 2"]
                .iter()
                .filter_map(|note| path.rsplit_once(note))
                .map(|(path, _)| path)
                .min_by_key(|path| path.len())
                .filter(|cut| cut.contains('.') && is_note(&path[cut.len()..]))
                .unwrap_or(path);
            (path != "/dev/null").then(|| unquoted(path))
        };
        (self.old, self.new) = (path(old), path(new));
        let bare = |path: &Option<String>, sign: &str| path.as_deref().is_none_or(|path| path.starts_with(sign));
        if bare(&self.old, "a/") && bare(&self.new, "b/") {
            for path in [&mut self.old, &mut self.new].into_iter().flatten() {
                path.drain(..2);
            }
        }
        self.created |= self.old.is_none();
        self.deleted |= self.new.is_none();
        for line in [old, new] {
            self.head.push_str(line);
            self.head.push('\n');
        }
    }

    /// Begins a hunk at `@@ -1,2 +3,4 @@`, or anything less.
    fn begin(&mut self, line: &str) {
        let number = |text: &str| text.parse::<usize>().ok();
        let side = |text: &str| match text.split_once(',') {
            Some((at, count)) => Some((number(at)?, number(count)?)),
            None => Some((number(text)?, 1)),
        };
        let said = (|| {
            let ranges = line.strip_prefix("@@ -")?.split(" @@").next()?;
            let (old, new) = ranges.split_once(" +")?;
            let (old, new) = (side(old)?, side(new)?);
            Some(((old.1, new.1), (old.0, new.0)))
        })();
        self.hunk = Some(Open { said, source: format!("{line}\n"), ..Open::default() });
    }

    fn close_hunk(&mut self, known: &Known) {
        let Some(open) = self.hunk.take() else { return };
        if !self.deleted {
            self.say(known);
        }
        let Open { mut hunk, source, said, seen, quotes, .. } = open;
        if hunk.body.is_empty() || self.contradicts() {
            return;
        }
        let source = format!("{}{source}", self.head);
        // A file goes if it is the one whose lines go.
        let path = if self.deleted { self.old.clone().or_else(|| self.named.clone()) } else { self.path() };
        let Some(path) = path else {
            self.issue.get_or_insert((IssueKind::NoDiffPath, None, source));
            return;
        };
        if self.created && quotes {
            self.issue.get_or_insert((IssueKind::QuotesNothing, Some(path), source));
            return;
        }
        let op = if self.created {
            let mut content = String::with_capacity(hunk.body.len());
            // Of a new file nothing is quoted: a line without a sign, such as a blank one, is a line of it.
            for line in hunk.body.split_inclusive('\n').filter_map(|line| line.strip_prefix(['+', ' '])) {
                content.push_str(line);
            }
            if hunk.last_end == Some(false) {
                content.pop();
            }
            Op::Replace(Replacement::new("", &content))
        } else {
            // Where the new side is empty, its number is that of the line before.
            let at = |((_, new), (_, line)): ((usize, usize), (usize, usize))| if new == 0 { line } else { line.saturating_sub(1) };
            // Numbers that contradict each other say nothing.
            let agree = |((old, new), (from, to)): &((usize, usize), (usize, usize))| {
                (*old, *new) == seen && (*old == 0 || *new == 0 || from.checked_add_signed(self.shift) == Some(*to))
            };
            hunk.line = said.filter(agree).map(at);
            Op::Hunk(hunk)
        };
        self.shift += seen.1 as isize - seen.0 as isize;
        self.made.push(Made { path, op, source, crlf: self.crlf });
        self.brought = true;
    }

    /// Whether the headers say that the file comes and that it goes.
    const fn contradicts(&self) -> bool {
        self.created && self.deleted
    }

    /// Makes edits of what the headers say.
    fn say(&mut self, known: &Known) {
        if std::mem::replace(&mut self.said, true) || self.contradicts() {
            return;
        }
        let source = self.head.clone();
        let mut brought = self.brought;
        let mut make = |path: Option<String>, op: Op| {
            if let Some(path) = path {
                brought = true;
                self.made.push(Made { path, op, source: source.clone(), crlf: self.crlf });
            }
        };
        if self.deleted {
            make(self.old.clone().or_else(|| self.named.clone()), Op::Delete);
            self.brought = brought;
            return;
        }
        let moved = match (&self.from, &self.to, &self.old, &self.new) {
            (Some(from), Some(to), ..) => Some((from.clone(), to.clone())),
            // Two names without a word about it: only one of them is there.
            (_, _, Some(old), Some(new)) if old != new && known.has(old) && !known.has(new) => Some((old.clone(), new.clone())),
            _ => None,
        };
        if let Some((from, to)) = moved {
            make(Some(from), Op::Rename { to: known.resolve(&to, true) });
            self.new = Some(to);
        }
        if let Some(mode) = self.mode.as_deref().filter(|_| !self.created) {
            let path = self.new.clone().or_else(|| self.to.clone()).or_else(|| self.named.clone());
            make(path, Op::Executable(mode.ends_with("755")));
        }
        self.brought = brought;
    }

    /// The file's diff is at its end.
    pub(super) fn close_file(&mut self, known: &Known) {
        if let Some(held) = self.held.take()
            && let Some(open) = &mut self.hunk
        {
            Self::content(open, &held);
        }
        let any = self.hunk.is_some() || self.made.iter().any(|made| !matches!(made.op, Op::Rename { .. }));
        self.close_hunk(known);
        self.say(known);
        let path = self.new.clone().or_else(|| self.named.clone());
        let link = self.mode.as_deref().is_some_and(|mode| mode.starts_with("120") || mode.starts_with("160"));
        let contradicts = self.contradicts();
        if self.binary || link {
            self.issue.get_or_insert((IssueKind::BinaryPatch, path, self.head.clone()));
        } else if self.created && !contradicts {
            let source = self.head.clone();
            if let Some(path) = path.clone().filter(|_| !any) {
                self.made.push(Made {
                    path,
                    op: Op::Write { content: String::new(), told: true },
                    source: source.clone(),
                    crlf: self.crlf,
                });
            }
            if let Some(path) = path.filter(|_| self.mode.as_deref().is_some_and(|mode| mode.ends_with("755"))) {
                self.made.push(Made { path, op: Op::Executable(true), source, crlf: self.crlf });
            }
        }
        // Of a header without a hunk nothing is lost; of a hunk's first line without any, the file's name above it.
        let named = self.old.is_some() || self.new.is_some();
        let half = ["similarity ", "dissimilarity ", "rename ", "copy ", "old mode "];
        let half = self.head.lines().any(|line| half.iter().any(|key| line.starts_with(key)));
        // Of a new file, a hunk's first line is not enough either.
        let empty = self.created && any || !self.created && (named == self.head.is_empty() || half);
        if !self.brought && (empty || contradicts) {
            self.issue.get_or_insert((IssueKind::NoDiffPath, self.path(), self.head.clone()));
        }
        let (made, issue) = (std::mem::take(&mut self.made), self.issue.take());
        *self = Self { crlf: self.crlf, fenced: self.fenced, made, issue, ..Self::default() };
    }
}

/// A path as git quotes it when it has unusual bytes, in its plain form.
fn unquoted(path: &str) -> String {
    let Some(inner) = path.strip_prefix('"').and_then(|path| path.strip_suffix('"')) else { return path.to_owned() };
    let mut out = Vec::new();
    let mut bytes = inner.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(first @ b'0'..=b'3') => {
                let mut value = first - b'0';
                for _ in 0..2 {
                    if let Some(digit) = bytes.next_if(|byte| matches!(byte, b'0'..=b'7')) {
                        value = value.wrapping_mul(8).wrapping_add(digit - b'0');
                    }
                }
                out.push(value);
            }
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(other) => out.push(other),
            None => out.push(b'\\'),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether this is what stands behind a path: a word in brackets, or a time.
fn is_note(text: &str) -> bool {
    let text = text.trim();
    let time = text.len() >= 10 && text.bytes().all(|b| b.is_ascii_digit() || b"-: .+TZ".contains(&b)) && text.contains('-');
    time || text.starts_with('(') && text.ends_with(')')
}
