//! `rt cost`: what models have cost, by session, model or day.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::agent::Error;
use crate::agent::spend::{self, By, Group, Sum};
use crate::agent::workspace::Workspace;
use crate::base::clock::Timestamp;
use crate::base::id::{Oid, SessionId};
use crate::config::parse_duration;
use crate::index::{Index, SessionRow, Sessions, Spending};
use crate::session::address::{Address, Base};
use crate::ui::{Style, Table, Text, count};

use super::super::context::{Context, counted};
use super::super::error::Failure;
use super::super::render;

/// Say what models have cost
#[derive(Debug, Args)]
#[command(
    after_help = "A set is a session (its own turns), a turn (that one alone), or `a..b`: the turns up to b that are not turns up to a. Without\none it is every session of yours. The cost of a call is what the provider counted at the price of that moment, as the turn\nkeeps it; where no price was known it says so, and the sum is of the others. A turn that several sessions share counts once.\n`echo`, `manual` and `replay` ask no provider and are left out.\n\nExamples:\n  rt cost\n  rt cost --by model --since 7d\n  rt cost --by day --since 2026-01-31\n  rt cost paging fix-tests\n  rt cost paging/3..@"
)]
pub struct CostArgs {
    /// Sessions, turns and ranges of turns
    #[arg(value_name = "SET")]
    pub sets: Vec<String>,

    /// What the sums are of
    #[arg(long, value_enum, default_value_t = Grouping::Session)]
    pub by: Grouping,

    /// Only calls since a date (2026-01-31), a time (2026-01-31T09:30:00Z) or so long ago (7d, 12h)
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
}

/// What the sums are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Grouping {
    Session,
    Model,
    Day,
}

pub fn run(ctx: &Context, args: &CostArgs) -> Result<(), Failure> {
    let ws = ctx.workspace()?;
    let index = ctx.index(&ws)?;
    let since = args.since.as_deref().map(|text| moment(&ws, text)).transpose()?;
    let rows = index.sessions(&*ws.backend, Sessions::All)?;
    let mut spending = if args.sets.is_empty() {
        let tips: Vec<Oid> = rows.iter().filter(|row| row.remote.is_none()).map(|row| row.tip).collect();
        index.spending(&*ws.backend, &tips, &[])?
    } else {
        united(&ws, &index, &args.sets)?
    };
    spending.calls.retain(|call| spend::was_asked(call) && since.is_none_or(|since| call.at >= since));
    let by = match args.by {
        Grouping::Session => By::Session,
        Grouping::Model => By::Model,
        Grouping::Day => By::Day,
    };
    let (groups, total) = spend::sums(&spending.calls, by, &*ws.clock);
    let groups: Vec<Line> = groups.into_iter().map(|(group, sum)| Line::of(group, sum, &rows)).collect();
    if spending.unreadable > 0 {
        ctx.ui.warn(&format!("{} cannot be read, so what they cost is not in here", counted(spending.unreadable, "turn")));
    }
    if ctx.global.json {
        for line in &groups {
            let mut value = as_json(&line.sum);
            line.fields.iter().for_each(|(key, text)| value[*key] = json!(text));
            ctx.ui.json(&value)?;
        }
        let mut value = as_json(&total);
        value["total"] = json!(true);
        return Ok(ctx.ui.json(&value)?);
    }
    if groups.is_empty() {
        ctx.ui.status(Text::new().plain("no model was asked"));
        return Ok(());
    }
    Ok(ctx.ui.table(&table(&groups, &total))?)
}

/// A group as it is shown.
struct Line {
    label: Text,
    /// What it is called in JSON.
    fields: Vec<(&'static str, Option<String>)>,
    sum: Sum,
}

impl Line {
    fn of(group: Group, sum: Sum, rows: &[SessionRow]) -> Self {
        match group {
            Group::Session(id) => {
                let row = rows.iter().filter(|row| row.id == id).min_by_key(|row| row.remote.is_some());
                // The session of a turn that others share may be gone.
                let label = row.map_or_else(|| id.to_string()[..8].to_owned(), |row| row.label.clone());
                let fields = vec![("session", Some(id.to_string())), ("name", row.and_then(|row| row.name.clone()))];
                Self { label: Text::new().add(Style::Bold, label), fields, sum }
            }
            Group::Model(name) => Self { label: Text::new().plain(name.clone()), fields: vec![("model", Some(name))], sum },
            Group::Day(day) => {
                let day = Timestamp::from_millis(day.saturating_mul(86_400_000)).to_string()[..10].to_owned();
                Self { label: Text::new().plain(day.clone()), fields: vec![("day", Some(day))], sum }
            }
        }
    }
}

fn as_json(sum: &Sum) -> Value {
    json!({
        "v": 1,
        "calls": sum.calls,
        "usage": render::usage(&sum.usage),
        "cost": sum.cost.map(|cost| cost.to_string()),
        "unknown": sum.unknown,
    })
}

fn table(lines: &[Line], total: &Sum) -> Table {
    let mut table = (1..=6).fold(Table::new(), Table::right);
    let head = ["", "calls", "input", "cached", "written", "output", "cost"];
    table.row(head.map(|word| Text::new().add(Style::Dim, word)));
    for line in lines {
        table.row(cells(line.label.clone(), &line.sum));
    }
    table.row(cells(Text::new().add(Style::Dim, "total"), total));
    table
}

fn cells(label: Text, sum: &Sum) -> [Text; 7] {
    let tokens = |n: crate::base::money::Tokens| Text::new().plain(count(n.0));
    let known = sum.cost.map(|cost| format!("${}", render::money(cost)));
    let unknown = (sum.unknown > 0).then(|| match sum.cost {
        None => "unknown".to_owned(),
        Some(_) => format!("{} unknown", sum.unknown),
    });
    let mut cost = Text::new().plain(known.clone().unwrap_or_default());
    if let Some(unknown) = unknown {
        cost.push(Style::Warn, if known.is_some() { format!(" + {unknown}") } else { unknown });
    }
    let usage = &sum.usage;
    [
        label,
        Text::new().plain(sum.calls.to_string()),
        tokens(usage.input),
        tokens(usage.cache_read),
        tokens(usage.cache_write),
        tokens(usage.output),
        cost,
    ]
}

/// The calls of all sets, each once.
fn united(ws: &Workspace, index: &Index, sets: &[String]) -> Result<Spending, Failure> {
    let (mut calls, mut unreadable) = (BTreeMap::new(), 0);
    for set in sets {
        let found = one(ws, index, set)?;
        unreadable += found.unreadable;
        calls.extend(found.calls.into_iter().map(|call| ((call.at, call.turn), call)));
    }
    Ok(Spending { calls: calls.into_values().collect(), unreadable })
}

fn one(ws: &Workspace, index: &Index, set: &str) -> Result<Spending, Failure> {
    let end = |address: &str| -> Result<Vec<Oid>, Failure> {
        let place = Context::resolve(ws, index, if address.is_empty() { "@" } else { address })?;
        Ok(place.turn.into_iter().map(|turn| turn.oid).collect())
    };
    if let Some((from, to)) = set.split_once("..") {
        let without = if from.is_empty() { Vec::new() } else { end(from)? };
        return Ok(index.spending(&*ws.backend, &end(to)?, &without)?);
    }
    let place = Context::resolve(ws, index, set)?;
    let address: Address = set.parse()?;
    let Some(turn) = place.turn else { return Ok(Spending::default()) };
    let is_session = address.steps.is_empty() && names_session(&address.base, place.session, turn.oid);
    if !is_session {
        return Ok(index.spending(&*ws.backend, &[turn.oid], &turn.parent.into_iter().collect::<Vec<_>>())?);
    }
    // This worktree may stand before the session's end.
    let tip = match address.base {
        Base::Here => ws.store().tip(place.session).map_err(Error::from)?.unwrap_or(turn.oid),
        _ => turn.oid,
    };
    let mut found = index.spending(&*ws.backend, &[tip], &[])?;
    found.calls.retain(|call| call.session == place.session);
    Ok(found)
}

/// Whether an address without steps means a session, and not one turn.
fn names_session(base: &Base, session: SessionId, turn: Oid) -> bool {
    match base {
        Base::Here | Base::Ref(_) | Base::Session(_) => true,
        Base::Prefix(letters) => session.to_string().starts_with(letters.as_str()),
        Base::Commit(_) => false,
        // Letters that are digits as well may be a name or a commit.
        Base::Name(name) => !turn.to_string().starts_with(&name.to_ascii_lowercase()),
    }
}

/// A moment as it is written on the command line.
fn moment(ws: &Workspace, text: &str) -> Result<Timestamp, Failure> {
    if let Some(ago) = parse_duration(text) {
        let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        return Ok(Timestamp::from_millis(ws.now().millis().saturating_sub(ago)));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    // Midnight where the user is; near it the offset is that of the day before at worst.
    let midnight = format!("{text}T00:00:00Z").parse::<Timestamp>().map_err(|_| {
        Failure::usage(format!("--since {text:?} is no date, time or duration")).hint("such as: --since 7d, --since 2026-01-31")
    })?;
    let offset = i64::from(ws.clock.offset(midnight));
    Ok(Timestamp::from_millis(midnight.millis() - offset * 1000))
}
