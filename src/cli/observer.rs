//! How an exchange looks: the frame on stderr and the answer on stdout, or the event stream as JSON.
//!
//! Invariants
//! - stdout has the answer only (or, with `--json`, one event a line); the frame goes to stderr.
//! - A reader that went away does not stop the exchange: the answer is paid for, so it is kept, applied and recorded.

use serde_json::{Value, json};

use crate::agent::check::{Broken, Checked};
use crate::agent::edits::{Gathered, Misfit};
use crate::agent::exchange::{Observer, Progress};
use crate::agent::hook;
use crate::agent::models::{LeftOut, Model};
use crate::agent::prepare::{Prepared, Why};
use crate::agent::review::Reviewed;
use crate::base::clock::Clock;
use crate::base::money::Tokens;
use crate::hooks::Ran;
use crate::project::syntax::SyntaxError;
use crate::session::request::ModelId;
use crate::session::turn::{Access, FileStat, FileStatus, Header, Outcome, Turn};
use crate::ui::{OutputError, Style, Text, Ui, elapsed};
use crate::vcs::Landed;

use super::context::{counted, files};
use super::render;

/// How many edits that did not fit are shown one by one; the others are counted.
const MOST_LINES: usize = 20;

/// How many lines of a check's output are shown, the last ones.
const MOST_OUTPUT: usize = 30;

/// Shows an exchange.
pub struct Frame<'a> {
    ui: &'a Ui,
    clock: &'a dyn Clock,
    json: bool,
    /// Where the answer's text goes.
    stream: Option<crate::ui::Stream<'a>>,
    /// The variable that the key comes from, for the first line.
    via: Option<String>,
    branch: String,
    /// Other dirty files, counted once the commit is made.
    dirty: Box<dyn Fn() -> usize + 'a>,
    stats: Vec<FileStat>,
    /// The first failure to write; what comes after it is not shown.
    broken: Option<OutputError>,
    any_text: bool,
    /// The turn under way, as people write it.
    turn: String,
    /// The answer's last line has no end yet.
    mid_line: bool,
    /// Another answer of the exchange follows.
    next_answer: bool,
    written: bool,
    /// Whether nothing was ever committed here by us, so that the user may not expect it.
    first_time: bool,
}

impl<'a> Frame<'a> {
    pub fn new(
        ui: &'a Ui,
        clock: &'a dyn Clock,
        json: bool,
        via: Option<String>,
        branch: String,
        dirty: impl Fn() -> usize + 'a,
    ) -> Self {
        Self {
            ui,
            clock,
            json,
            stream: None,
            via,
            branch,
            dirty: Box::new(dirty),
            stats: Vec::new(),
            broken: None,
            any_text: false,
            turn: String::new(),
            mid_line: false,
            next_answer: false,
            written: false,
            first_time: false,
        }
    }

    /// Says with the first commit how to have none.
    pub fn first_time(mut self, first_time: bool) -> Self {
        self.first_time = first_time;
        self
    }

    /// Ends the frame; gives what went wrong on stdout.
    pub fn finish(mut self) -> Option<OutputError> {
        self.end_text();
        self.broken
    }

    fn emit(&mut self, event: &Value) {
        if self.broken.is_none()
            && let Err(error) = self.ui.json(event)
        {
            self.broken = Some(error);
        }
    }

    fn event(&mut self, kind: &str, mut fields: Value) {
        if self.json {
            fields["v"] = json!(1);
            fields["event"] = json!(kind);
            self.emit(&fields);
        }
    }

    fn text(&mut self, text: &str) {
        self.ui.end_progress();
        self.any_text = true;
        if self.json {
            self.event("text", json!({ "text": text }));
        } else if self.broken.is_none() {
            let stream = self.stream.get_or_insert_with(|| self.ui.stream());
            // Where nothing of the frame stands between two answers, a line's end does.
            let apart = std::mem::take(&mut self.next_answer) && self.mid_line && !self.ui.options().terminal.stdout;
            let written = if apart { stream.write("\n") } else { Ok(()) }.and_then(|()| stream.write(text));
            if let Err(error) = written {
                self.broken = Some(error);
            }
            self.mid_line = !text.ends_with('\n');
        }
    }

    fn end_text(&mut self) {
        self.ui.end_progress();
        if let Some(stream) = self.stream.take()
            && let Err(error) = stream.finish()
        {
            self.broken.get_or_insert(error);
        }
        self.mid_line &= !self.ui.options().terminal.together;
    }

    fn prepared(&mut self, prepared: &Prepared, turn: &Header, name: Option<&str>, new: bool) {
        self.turn = turn.key.short();
        let model = turn.model.as_ref().map(ToString::to_string).unwrap_or_default();
        let sent: Vec<Value> = prepared
            .files
            .iter()
            .map(|f| json!({ "path": f.path.to_string(), "access": f.access.as_str(), "why": why(f.why), "exists": f.exists }))
            .collect();
        let mut request = json!({ "session": turn.session.to_string(), "name": name, "new": new, "turn": turn.key.to_string(),
            "model": model, "files": sent, "tokens": prepared.tokens.0 });
        if !prepared.left_out.is_empty() {
            let left = |left: &LeftOut| json!({ "option": left.option.name(), "why": left.why });
            request["left_out"] = prepared.left_out.iter().map(left).collect();
        }
        self.event("request", request);
        let mut line = Text::new().add(Style::Bold, name.unwrap_or("session").to_owned());
        line.push(
            Style::Dim,
            match (new, turn.forked_from) {
                (true, None) => " · new session · ".to_owned(),
                (true, Some(_)) => " · new session, a fork · ".to_owned(),
                (false, _) => format!(" · turn {} · ", turn.seq),
            },
        );
        line.push(Style::Plain, model);
        if let Some(via) = &self.via {
            line.push(Style::Dim, format!(" ({via})"));
        }
        self.ui.status(line);
        let mut line = Text::new();
        for file in prepared.files.iter().filter(|f| f.why != Why::Session) {
            line.push(
                if file.access == Access::ReadOnly { Style::Dim } else { Style::Added },
                if file.access == Access::ReadOnly { "= " } else { "+ " },
            );
            line.push(Style::Path, file.path.to_string());
            let new = if file.exists { "" } else { ", no such file yet" };
            line.push(Style::Dim, format!(" ({}{new})   ", why(file.why)));
        }
        let kept = prepared.files.iter().filter(|f| f.why == Why::Session).count();
        if kept > 0 {
            line.push(Style::Dim, format!("{} of the session   ", files(kept)));
        }
        line.push(Style::Dim, format!("total {} tokens", prepared.tokens));
        self.ui.status(line);
        for LeftOut { option, why, .. } in &prepared.left_out {
            self.ui.warn(&format!("{option} is left out: {why}"));
        }
        for ambiguous in &prepared.ambiguous {
            let paths: Vec<String> = ambiguous.paths.iter().take(4).map(ToString::to_string).collect();
            self.ui.warn(&format!("{} could be {}; none is sent. Name the path, or use --file", ambiguous.name, paths.join(", ")));
        }
        for path in &prepared.withheld {
            self.ui.warn(&format!("{path} holds a secret of your environment: it is not sent and not edited"));
        }
        self.ui.begin_progress("waiting for the answer", self.clock.now());
    }

    fn fallback(&mut self, from: &ModelId, to: &Model, why: &str, turn: Option<&Header>, tokens: Option<Tokens>) {
        self.end_text();
        self.via.clone_from(&to.via);
        self.event("fallback", json!({ "from": from.to_string(), "to": to.id.to_string(), "why": why }));
        let line = format!("{from} does not answer ({why}); asking {} instead", to.id);
        self.ui.status(Text::new().add(Style::Warn, line));
        let Some(turn) = turn else { return };
        (self.next_answer, self.turn) = (true, turn.key.short());
        let tokens = tokens.map(|tokens| tokens.0);
        let mut request = json!({ "turn": turn.key.to_string(), "fallback": true, "model": to.id.to_string(), "tokens": tokens });
        self.left_out(&to.left_out, &mut request);
        self.event("request", request);
        self.ui.begin_progress("waiting for the answer", self.clock.now());
    }

    /// Says which options a model does not take.
    fn left_out(&self, options: &[LeftOut], request: &mut Value) {
        if !options.is_empty() {
            let left = |left: &LeftOut| json!({ "option": left.option.name(), "why": left.why });
            request["left_out"] = options.iter().map(left).collect();
        }
        for LeftOut { option, why, .. } in options {
            self.ui.warn(&format!("{option} is left out: {why}"));
        }
    }

    fn hook(&mut self, ran: &Ran) {
        self.end_text();
        let (result, why, message) = (hook::result(ran), hook::why(ran), ran.answer.message.as_deref());
        let (point, name) = (ran.point.name(), &ran.name);
        self.event("hook", json!({ "point": point, "hook": name, "result": result, "why": why, "message": message }));
        match (result, why) {
            ("failed", Some(why)) => self.ui.warn(&format!("the hook {name} at {point} could not be used: {why}")),
            (_, Some(why)) => self.ui.status(Text::new().add(Style::Bad, format!("{name} says no  ")).plain(why.to_owned())),
            (_, None) => {}
        }
        if let Some(message) = message {
            self.ui.status(Text::new().add(Style::Dim, format!("{name}: ")).plain(message.to_owned()));
        }
    }

    fn rejected(&mut self, gathered: &Gathered) {
        self.end_text();
        let rejects: Vec<Value> =
            gathered.rejects.iter().map(|r| json!({ "path": r.path, "reason": r.for_model.reason, "edit": r.source })).collect();
        let unseen: Vec<String> = gathered.unseen.iter().map(ToString::to_string).collect();
        self.event("rejected", json!({ "rejects": rejects, "unseen": unseen, "held": gathered.changes.len() }));
        for reject in gathered.rejects.iter().take(MOST_LINES) {
            self.ui.status(Text::new().add(Style::Bad, "does not fit  ").plain(reject.line.clone()));
        }
        if let Some(left) = gathered.rejects.len().checked_sub(MOST_LINES).filter(|left| *left > 0) {
            self.ui.status(Text::new().add(Style::Bad, "does not fit  ").plain(format!("{left} more · rt show")));
        }
        for path in &gathered.unseen {
            self.ui.status(Text::new().add(Style::Warn, "not seen yet  ").add(Style::Path, path.to_string()));
        }
    }

    fn landed(&mut self, landed: &Landed) {
        let left: Vec<String> = landed.without_user_lines.iter().map(ToString::to_string).collect();
        let out: Vec<Value> = landed.uncommitted.iter().map(|(p, w)| json!({ "path": p.to_string(), "why": w.as_str() })).collect();
        self.event(
            "committed",
            json!({ "commit": landed.commit.map(|c| c.to_string()), "without_user_lines": left, "uncommitted": out }),
        );
        for (path, why) in &landed.uncommitted {
            self.ui.warn(&format!("{path} is edited but not committed: {}", why.reason()));
        }
        if let Some(why) = &landed.index_behind {
            let names: Vec<String> = self.stats.iter().map(|f| f.path.to_string()).collect();
            let names = names.join(" ");
            self.ui.warn(&format!("the commit is made, but the index has the files as before ({why}): git reset -q -- {names}"));
        }
        let Some(commit) = landed.commit else { return };
        let mut line = stat_text(&self.stats);
        line.push(Style::Good, "committed ");
        line.push(Style::Id, commit.short());
        line.push(Style::Plain, format!(" on {}", self.branch));
        let mine = landed.without_user_lines.len();
        if mine > 0 {
            line.push(Style::Dim, format!(" (without your changes in {})", files(mine)));
        } else {
            match (self.dirty)() {
                0 => {}
                dirty => line.push(Style::Dim, format!(" ({} left out)", counted(dirty as u64, "dirty file"))),
            }
        }
        self.ui.status(line);
        if std::mem::take(&mut self.first_time) {
            let text = "edits are committed to your branch; to commit yourself: rt config set vcs.commit off";
            self.ui.status(Text::new().add(Style::Dim, text));
        }
        self.written = true;
    }

    fn reviewed(&mut self, looked: &Reviewed) {
        let refused: Vec<Value> =
            looked.refused.iter().map(|r| json!({ "path": r.path.to_string(), "why": r.reason, "diff": r.diff })).collect();
        self.event("review", json!({ "taken": looked.taken, "edited": looked.edited, "refused": refused }));
        let left = looked.refused.len();
        let said = match (looked.taken, left) {
            (0, _) => "every change was left out; nothing is written".to_owned(),
            (_, 0) => return,
            (taken, left) => format!("{} taken, {left} left out", counted(taken as u64, "change")),
        };
        self.ui.status(Text::new().add(Style::Dim, said));
    }

    fn checked(&mut self, checked: &Checked) {
        self.ui.end_progress();
        self.event(
            "check",
            json!({ "kind": checked.kind.as_str(), "command": checked.command, "ok": checked.passed(), "status": checked.status(),
                    "ms": checked.millis, "output": checked.output }),
        );
        let style = if checked.passed() { Style::Good } else { Style::Bad };
        let mut line = Text::new().add(Style::Dim, format!("{}  ", checked.kind.as_str())).plain(checked.command.clone());
        line.push(style, format!(" {}", checked.how()));
        line.push(Style::Dim, format!(" · {}", elapsed(checked.millis)));
        self.ui.status(line);
        if !checked.passed() {
            let lines: Vec<&str> = checked.output.lines().collect();
            let from = lines.len().saturating_sub(MOST_OUTPUT);
            if from > 0 {
                self.ui.status(Text::new().add(Style::Dim, format!("  … {from} more lines: rt show {}", self.turn)));
            }
            lines[from..].iter().for_each(|line| self.ui.status(Text::new().plain(format!("  {line}"))));
        }
    }

    fn closed(&mut self, turn: &Turn, session: crate::base::id::SessionId, forked: bool) {
        self.end_text();
        let header = &turn.header;
        if self.json {
            let mut value = render::header(header);
            value["session"] = json!(session.to_string());
            value["forked"] = json!(forked);
            self.event("turn", value);
        }
        if header.outcome == Outcome::Uncommitted && !self.written && !self.stats.is_empty() {
            let mut line = stat_text(&self.stats);
            line.push(Style::Warn, "written, not committed");
            self.ui.status(line);
        }
        if header.outcome == Outcome::None && !turn.edits.changes.is_empty() {
            let mut line = stat_text(&FileStat::of(&turn.edits.with_status(crate::session::turn::ChangeStatus::Held)));
            line.push(Style::Warn, "stored, not written");
            line.push(Style::Dim, " · rt retry writes them");
            self.ui.status(line);
        }
        if matches!(header.outcome, Outcome::Applied | Outcome::Uncommitted | Outcome::None) {
            for event in turn.events.iter().filter(|event| event.kind == "syntax") {
                let get = |key: &str| event.fields.get(key).map_or("", String::as_str);
                self.ui.warn(&format!("{}:{}:{} does not parse: {}", get("path"), get("line"), get("column"), get("what")));
            }
        }
        if forked {
            self.ui.warn("another process went on with the session first; this turn is kept as a fork of its own");
        }
        let mut line = Text::new().add(Style::Dim, "turn ").add(Style::Id, header.key.to_string()[..4].to_owned());
        if let Some(cost) = header.cost {
            line.push(Style::Plain, format!(" · ${}", render::money(cost)));
        } else if header.usage.output > Tokens(0) {
            line.push(Style::Plain, format!(" · {} in, {} out", header.usage.input + header.usage.cache_read, header.usage.output));
        }
        line.push(Style::Dim, format!(" · {}", elapsed(header.end.millis() - header.start.millis())));
        let undo = if matches!(header.outcome, Outcome::Applied | Outcome::Uncommitted) { " · rt undo" } else { "" };
        // Without a model there is no prompt.
        let show = if turn.request.is_some() { " · rt show --prompt" } else { " · rt show" };
        line.push(Style::Dim, format!("{undo}{show}"));
        self.ui.status(line);
        self.stats.clear();
        self.written = false;
        self.any_text = false;
    }
}

impl Observer for Frame<'_> {
    fn watches_edits(&self) -> bool {
        self.json
    }

    fn observe(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Prepared { prepared, turn, name, new } => self.prepared(prepared, turn, *name, *new),
            Progress::Reflecting { turn, about, tokens, left } => {
                (self.next_answer, self.turn) = (true, turn.key.short());
                self.event(
                    "request",
                    json!({ "turn": turn.key.to_string(), "reflection": true, "tokens": tokens.0, "left": left }),
                );
                let text = format!("asking again {about} · {tokens} tokens");
                self.ui.status(Text::new().add(Style::Dim, text));
                self.ui.begin_progress("waiting for the answer", self.clock.now());
            }
            Progress::Text(text) => self.text(text),
            Progress::Reasoning(text) => {
                self.event("reasoning", json!({ "text": text }));
                self.ui.tick(self.clock.now());
            }
            Progress::Read(edit) => {
                self.event("edit", json!({ "path": edit.path_text(), "op": edit.op.word(), "text": edit.source }));
            }
            Progress::Retrying { wait, error } => {
                self.event("retry", json!({ "wait_ms": wait.as_millis() as u64, "why": error.to_string() }));
                self.ui.status(Text::new().add(Style::Warn, format!("{error}; trying again in {} s", wait.as_secs_f64().ceil())));
            }
            Progress::Fallback { from, to, why, turn, tokens } => self.fallback(from, to, why, *turn, *tokens),
            Progress::LeftOut { model, why } => {
                self.event("fallback-left-out", json!({ "model": model, "why": why }));
                self.ui.warn(&format!("{model} of model.fallback is left out: {why}"));
            }
            Progress::Waiting { provider, limit } => {
                self.event("waiting", json!({ "provider": provider, "limit": limit }));
                let text = format!("waiting: {} of {provider} at once, by providers.{provider}.concurrency", calls(*limit));
                self.ui.status(Text::new().add(Style::Dim, text));
            }
            Progress::Unpriced { model, limit } => {
                self.event("unpriced", json!({ "model": model.to_string(), "limit": limit.to_string() }));
                self.ui.warn(&format!("no price is known for {model}: the limit of ${limit} does not hold for it"));
            }
            Progress::Rejected(gathered) => self.rejected(gathered),
            Progress::GivenUp(edits) => {
                self.end_text();
                let edit = |m: &Misfit| json!({ "path": m.path, "reason": m.for_model.reason, "edit": m.source });
                self.event("given-up", json!({ "edits": edits.iter().map(edit).collect::<Vec<_>>() }));
            }
            Progress::Broken(places) => {
                self.end_text();
                let error = |b: &Broken| {
                    let SyntaxError { line, column, what, .. } = &b.error;
                    json!({ "path": b.path.to_string(), "line": line, "column": column, "what": what })
                };
                self.event("syntax", json!({ "places": places.iter().map(error).collect::<Vec<_>>() }));
                for place in *places {
                    self.ui.status(Text::new().add(Style::Bad, "does not parse  ").plain(place.line()));
                }
            }
            Progress::Reviewed(looked) => self.reviewed(looked),
            Progress::Checking { command } => {
                self.ui.end_progress();
                self.ui.begin_progress(*command, self.clock.now());
            }
            Progress::Checked(checked) => self.checked(checked),
            Progress::Hook(ran) => self.hook(ran),
            Progress::Written(gathered) => {
                self.end_text();
                self.stats = FileStat::of(&gathered.changes);
                let files: Vec<Value> = self.stats.iter().map(render::file).collect();
                self.event("written", json!({ "files": files }));
            }
            Progress::NotWritten(error) => {
                self.end_text();
                self.event("not-written", json!({ "why": error.to_string() }));
            }
            Progress::Landed(landed) => self.landed(landed),
            Progress::NotCommitted(error) => self.event("not-committed", json!({ "why": error.to_string() })),
            Progress::Closed { turn, appended } => self.closed(turn, appended.session, appended.forked),
        }
    }
}

fn calls(limit: u32) -> String {
    counted(u64::from(limit), "call")
}

const fn why(why: Why) -> &'static str {
    match why {
        Why::Named => "named",
        Why::Given => "given",
        Why::Session => "session",
    }
}

/// `src/a.rs  +4 −1   ` for each file.
pub fn stat_text(stats: &[FileStat]) -> Text {
    let mut line = Text::new();
    for (at, stat) in stats.iter().enumerate() {
        if at == 4 && stats.len() > 5 {
            line.push(Style::Dim, format!("and {} more   ", stats.len() - at));
            break;
        }
        line.push(Style::Path, stat.path.to_string());
        match stat.status {
            FileStatus::Added => line.push(Style::Dim, " new"),
            FileStatus::Deleted => line.push(Style::Dim, " deleted"),
            FileStatus::Modified => {}
        }
        line.push(Style::Added, format!("  +{}", stat.lines.added));
        line.push(Style::Removed, format!(" −{}", stat.lines.removed));
        line.push(Style::Plain, "   ");
    }
    line
}
