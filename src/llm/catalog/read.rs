//! The text of a catalogue: aliases, defaults, and one object of fields for each model.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Catalog, ModelInfo, PriceRow};
use crate::base::clock::Timestamp;
use crate::base::money::{Tokens, Usd};
use crate::base::options::{CallOption, EFFORTS};
use crate::config::EditFormat;
use crate::session::request::ModelId;
use crate::session::turn::Price;

/// Why a text is not a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    #[error("not a list of models: {0}")]
    Shape(String),
    #[error("{0:?} is not a model: expected provider/model, such as gemini/gemini-4-argon")]
    Name(String),
    #[error("{model}: no field is called {field:?}; the nearest is {nearest:?}")]
    Field { model: String, field: String, nearest: &'static str },
    #[error("{model}: {field}: {why}")]
    Value { model: String, field: String, why: String },
}

/// The file as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(default)]
    aliases: BTreeMap<String, String>,
    #[serde(default)]
    defaults: BTreeMap<String, String>,
    #[serde(default, borrow)]
    models: BTreeMap<String, BTreeMap<String, &'a RawValue>>,
}

/// A price as it stands. Money keeps its digits: it is read from the text of the number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'a> {
    from: Option<String>,
    #[serde(default)]
    above: u64,
    #[serde(borrow)]
    input: &'a RawValue,
    #[serde(default, borrow)]
    cache_read: Option<&'a RawValue>,
    #[serde(default, borrow)]
    cache_write: Option<&'a RawValue>,
    #[serde(borrow)]
    output: &'a RawValue,
}

/// Lays what `json` says over a catalogue.
pub(super) fn lay_over(catalog: &mut Catalog, json: &str) -> Result<(), CatalogError> {
    let file: File<'_> = serde_json::from_str(json).map_err(|e| CatalogError::Shape(e.to_string()))?;
    for (alias, name) in file.aliases {
        catalog.aliases.insert(alias, id(&name)?);
    }
    catalog.defaults.extend(file.defaults);
    for (name, fields) in file.models {
        let ModelId { provider, model } = id(&name)?;
        let row = catalog.models.entry(provider).or_default().entry(model.clone()).or_default();
        row.id = model;
        for (field, value) in fields {
            let said = set(row, &field, value.get());
            said.ok_or_else(|| unknown(&name, &field))?.map_err(|why| CatalogError::Value { model: name.clone(), field, why })?;
        }
    }
    Ok(())
}

fn id(name: &str) -> Result<ModelId, CatalogError> {
    name.parse().map_err(|_| CatalogError::Name(name.to_owned()))
}

fn unknown(model: &str, field: &str) -> CatalogError {
    let nearest = FIELDS.iter().min_by_key(|known| distance(field, known)).copied().unwrap_or_default();
    CatalogError::Field { model: model.to_owned(), field: field.to_owned(), nearest }
}

/// Makes the list of fields and the function that sets one, so that neither has what the other has not.
macro_rules! fields {
    ($($name:literal => |$row:ident, $json:ident| $set:expr;)+) => {
        const FIELDS: &[&str] = &[$($name),+];

        /// Sets one field; `None` when there is none of this name.
        fn set(row: &mut ModelInfo, field: &str, json: &str) -> Option<Result<(), String>> {
            let result = match field {
                $($name => { let ($row, $json) = (row, json); $set })+
                _ => return None,
            };
            Some(result)
        }
    };
}

fields! {
    "window" => |row, json| tokens(json).map(|n| row.window = n);
    "max_input" => |row, json| tokens(json).map(|n| row.max_input = n);
    "max_output" => |row, json| tokens(json).map(|n| row.max_output = n);
    "images" => |row, json| plain(json).map(|yes| row.images = yes);
    "documents" => |row, json| plain(json).map(|yes| row.documents = yes);
    "tools" => |row, json| plain(json).map(|yes| row.tools = yes);
    "structured" => |row, json| plain(json).map(|yes| row.structured = yes);
    "reasoning" => |row, json| plain(json).map(|yes| row.reasoning = yes);
    "efforts" => |row, json| efforts(json).map(|words| row.efforts = words);
    "budget" => |row, json| budget(json).map(|ends| row.budget = ends);
    "refuses" => |row, json| refuses(json).map(|options| row.refuses = options);
    "released" => |row, json| day(json).map(|day| row.released = day);
    "edit_format" => |row, json| edit_format(json).map(|format| row.edit_format = format);
    "also" => |row, json| plain(json).map(|names| row.also = names);
    "prices" => |row, json| prices(json).map(|prices| row.prices = prices);
}

fn plain<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|e| e.to_string())
}

/// A number of tokens, at least 1, or `null`.
fn tokens(json: &str) -> Result<Option<Tokens>, String> {
    match plain(json)? {
        Some(0) => Err("0 tokens are none: leave it out".to_owned()),
        number => Ok(number.map(Tokens)),
    }
}

fn efforts(json: &str) -> Result<Vec<&'static str>, String> {
    let words: Vec<String> = plain(json)?;
    match words.iter().find(|word| !EFFORTS.contains(&word.as_str())) {
        Some(word) => Err(format!("{word:?} is none of {}", EFFORTS.join(", "))),
        None => Ok(EFFORTS.iter().copied().filter(|known| words.iter().any(|word| word == known)).collect()),
    }
}

fn budget(json: &str) -> Result<Option<(Tokens, Option<Tokens>)>, String> {
    match plain::<Option<Vec<u64>>>(json)?.as_deref() {
        None => Ok(None),
        Some(&[least]) => Ok(Some((Tokens(least), None))),
        Some(&[least, most]) if least <= most => Ok(Some((Tokens(least), Some(Tokens(most))))),
        Some(_) => Err("expected the least and the most number of tokens, such as [128, 32768]".to_owned()),
    }
}

fn refuses(json: &str) -> Result<Vec<CallOption>, String> {
    let names: Vec<String> = plain(json)?;
    let option = |name: &String| CallOption::parse(name).ok_or_else(|| format!("no option is called {name:?}"));
    names.iter().map(option).collect()
}

fn day(json: &str) -> Result<Option<String>, String> {
    let day: Option<String> = plain(json)?;
    day.as_deref().map(midnight).transpose()?;
    Ok(day)
}

fn edit_format(json: &str) -> Result<Option<EditFormat>, String> {
    let Some(word) = plain::<Option<String>>(json)? else { return Ok(None) };
    let known = || EditFormat::WORDS.join(", ");
    EditFormat::from_word(&word).map(Some).ok_or_else(|| format!("{word:?} is none of {}", known()))
}

fn prices(json: &str) -> Result<Vec<PriceRow>, String> {
    plain::<Vec<Row<'_>>>(json)?.iter().map(price).collect()
}

fn price(row: &Row<'_>) -> Result<PriceRow, String> {
    let input = usd(row.input)?;
    let or_input = |price: Option<&RawValue>| price.map_or(Ok(input), usd);
    Ok(PriceRow {
        from: row.from.as_deref().map(midnight).transpose()?,
        above: Tokens(row.above),
        price: Price {
            input,
            cache_read: or_input(row.cache_read)?,
            cache_write: or_input(row.cache_write)?,
            output: usd(row.output)?,
        },
    })
}

fn usd(number: &RawValue) -> Result<Usd, String> {
    let wrong = || format!("{number} is not a price: expected dollars for a million tokens, such as 0.075");
    number.get().parse().ok().filter(|price: &Usd| *price >= Usd::default()).ok_or_else(wrong)
}

/// When a day begins, in UTC.
fn midnight(day: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{day:?} is not a day: expected one such as 2026-12-01");
    if day.len() != 10 {
        return Err(wrong());
    }
    format!("{day}T00:00:00Z").parse().map_err(|_| wrong())
}

/// How many letters must be put in, taken out or changed to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let changed = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
