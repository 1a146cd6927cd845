//! `src/llm/data/models.json`: what is known about models, merged from two collections and what is kept by hand.
//!
//! Invariants
//! - The same inputs give the same bytes: rows and fields have a fixed order, numbers are written as short as they can be.
//! - What is kept by hand wins. Of prices, genai-prices comes next, because it knows dates; of everything else, models.dev.
//!   Each disagreement is told.
//! - A price that nobody states is absent. A name that merely begins like one that has a price does not get it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::shell;

const DATA: &str = "src/llm/data";

/// A provider as this program, models.dev and genai-prices call it.
const PROVIDERS: [(&str, &str, &str); 7] = [
    ("anthropic", "anthropic", "anthropic"),
    ("deepseek", "deepseek", "deepseek"),
    ("gemini", "google", "google"),
    ("groq", "groq", "groq"),
    ("mistral", "mistral", "mistral"),
    ("openai", "openai", "openai"),
    ("xai", "xai", "x-ai"),
];

/// The fields of a row, in the order in which they are written.
const FIELDS: [&str; 15] = [
    "window",
    "max_input",
    "max_output",
    "images",
    "documents",
    "tools",
    "structured",
    "reasoning",
    "efforts",
    "budget",
    "refuses",
    "released",
    "edit_format",
    "also",
    "prices",
];

/// What a row kept by hand says beside those: where it is from, of when it is, and since when the model is gone.
const NOTES: [&str; 3] = ["source", "as_of", "retired"];

/// The words for effort in their order; a word that is not among them is left out.
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// Smaller windows belong to classifiers.
const SMALLEST_WINDOW: u64 = 4_096;

const USAGE: &str = "cargo xtask models needs --models-dev FILE and --prices FILE
  --models-dev  the `api.json` of the project models.dev (anomalyco/models.dev)
  --prices      `prices/data.json` of the project genai-prices (pydantic/genai-prices)
  Get both, run it, read what it says and `git diff`, and write the versions into src/llm/data/SOURCES.md";

type Row = Map<String, Value>;

/// What came of a merge.
#[derive(Debug)]
struct Merged {
    text: String,
    rows: usize,
    /// Where the sources disagreed, and which was taken.
    notes: Vec<String>,
}

/// Writes the file anew.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let (["--models-dev", models, "--prices", prices] | ["--prices", prices, "--models-dev", models]) = words else {
        return Err(USAGE.to_owned());
    };
    let data = shell::root().join(DATA);
    let merged = merge(&read(Path::new(models))?, &read(Path::new(prices))?, &read(&data.join("extra.json"))?)?;
    merged.notes.iter().for_each(|note| println!("{note}"));
    shell::write(&data.join("models.json"), merged.text.as_bytes())?;
    println!("{DATA}/models.json: {} models, {} bytes", merged.rows, merged.text.len());
    Ok(())
}

fn read(path: &Path) -> Result<Value, String> {
    serde_json::from_str(&shell::read(path)?).map_err(|e| format!("{}: {e}", path.display()))
}

fn merge(models_dev: &Value, prices: &Value, extra: &Value) -> Result<Merged, String> {
    let by_hand = by_hand(extra)?;
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut notes = Vec::new();
    for (name, theirs, _) in PROVIDERS {
        let models = models_dev[theirs]["models"].as_object().ok_or_else(|| format!("models.dev: no provider {theirs:?}"))?;
        rows.extend(models.iter().filter_map(|(id, model)| Some((format!("{name}/{id}"), of_models_dev(name, id, model)?))));
    }
    for (key, fields) in &by_hand {
        let known = rows.entry(key.clone()).or_default();
        for (field, value) in fields.iter().filter(|(field, _)| FIELDS.contains(&field.as_str()) && *field != "prices") {
            match known.insert(field.clone(), value.clone()) {
                Some(old) if old != *value => {
                    notes.push(format!("{key}: {field} is {old} in models.dev; taken: {value}, kept by hand"));
                }
                _ => {}
            }
        }
    }
    for (key, row) in &mut rows {
        let dated = dated_prices(prices, key);
        let (taken, note) = price(key, row.remove("prices"), dated, by_hand.get(key).and_then(|fields| fields.get("prices")));
        row.extend(taken.map(|prices| ("prices".to_owned(), prices)));
        notes.extend(note);
    }
    rows.retain(|key, _| by_hand.get(key).is_none_or(|fields| !fields.contains_key("retired")));
    drop_dated_twins(&mut rows);
    let text = written(extra, &rows)?;
    Ok(Merged { text, rows: rows.len(), notes })
}

/// The rows that are kept by hand; each says where it is from.
fn by_hand(extra: &Value) -> Result<BTreeMap<String, Row>, String> {
    let models = extra["models"].as_object().ok_or("extra.json: no \"models\"")?;
    let row = |(key, fields): (&String, &Value)| {
        let fields = fields.as_object().ok_or_else(|| format!("extra.json: {key}: not an object"))?.clone();
        let known = |field: &str| FIELDS.contains(&field) || NOTES.contains(&field);
        if let Some(field) = fields.keys().find(|field| !known(field)) {
            return Err(format!("extra.json: {key}: no field is called {field:?}; there are {}", FIELDS.join(", ")));
        }
        for note in ["source", "as_of"] {
            fields.get(note).and_then(Value::as_str).ok_or_else(|| format!("extra.json: {key}: {note:?} is missing"))?;
        }
        Ok((key.clone(), fields))
    };
    models.iter().map(row).collect()
}

/// A row of models.dev; `None` when the model is gone, or does something else than answer in words.
fn of_models_dev(provider: &str, id: &str, model: &Value) -> Option<Row> {
    let modalities = |way: &str| -> Vec<&str> { strings(&model["modalities"][way]) };
    let window = model["limit"]["context"].as_u64().filter(|n| *n >= SMALLEST_WINDOW)?;
    let words_only = modalities("output") == ["text"] && modalities("input").contains(&"text");
    if model["status"] == "deprecated" || !words_only || id.contains("embed") || id.contains("deep-research") {
        return None;
    }
    let mut row = Row::new();
    let mut set = |field: &str, value: Value| drop(row.insert(field.to_owned(), value));
    set("window", json!(window));
    for (field, theirs) in [("max_input", "input"), ("max_output", "output")] {
        model["limit"][theirs].as_u64().filter(|n| *n > 0).into_iter().for_each(|n| set(field, json!(n)));
    }
    let reasoning = model["reasoning"] == true;
    for (field, yes) in [
        ("images", modalities("input").contains(&"image")),
        ("documents", modalities("input").contains(&"pdf")),
        ("tools", model["tool_call"] == true),
        ("structured", model["structured_output"] == true),
        ("reasoning", reasoning),
    ] {
        set(field, json!(yes));
    }
    let options = model["reasoning_options"].as_array();
    let option = |kind: &str| options.and_then(|all| all.iter().find(|option| option["type"] == kind));
    if let Some(option) = option("effort") {
        let theirs = strings(&option["values"]);
        set("efforts", json!(EFFORTS.iter().filter(|word| theirs.contains(word)).collect::<Vec<_>>()));
    }
    if let Some(option) = option("budget_tokens") {
        let ends = [&option["min"], &option["max"]].into_iter().filter(|n| n.is_u64()).cloned();
        set("budget", Value::Array(ends.collect()));
    }
    let fixed = options.is_some_and(Vec::is_empty);
    set("refuses", json!(refused(provider, reasoning, !reasoning || fixed, model["temperature"] == false)));
    model["release_date"].as_str().into_iter().for_each(|day| set("released", json!(day)));
    set("prices", cost(provider, &model["cost"]).unwrap_or(json!([])));
    Some(row)
}

/// The options that a model does not take although its protocol has them, in the order of the manual.
fn refused(provider: &str, reasoning: bool, no_effort: bool, no_temperature: bool) -> Vec<&'static str> {
    let mut out = Vec::new();
    if no_effort {
        out.push("effort");
    }
    if no_temperature {
        out.extend(["temperature", "top_p"]);
    }
    match provider {
        "anthropic" | "gemini" if no_temperature => out.push("top_k"),
        "openai" if no_temperature && reasoning => out.extend(["presence_penalty", "frequency_penalty"]),
        "xai" if reasoning => out.extend(["presence_penalty", "frequency_penalty", "stop"]),
        _ => {}
    }
    out
}

/// The prices of models.dev.
fn cost(provider: &str, cost: &Value) -> Option<Value> {
    let names = [("input", "input"), ("cache_read", "cache_read"), ("cache_write", "cache_write"), ("output", "output")];
    let mut out = vec![price_row(cost, &names, None, None)?];
    for tier in cost["tiers"].as_array().into_iter().flatten() {
        out.push(price_row(tier, &names, None, Some(above(provider, tier["tier"]["size"].as_u64()?)))?);
    }
    Some(Value::Array(out))
}

/// From how many tokens on a tier holds, as the longest prompt for which it does not: only xAI counts the number itself in.
fn above(provider: &str, size: u64) -> u64 {
    if provider == "xai" { size - 1 } else { size }
}

/// One price; `None` when it is not whole, or is none: a model that costs nothing has no price that anybody states.
fn price_row(from: &Value, names: &[(&str, &str)], day: Option<&str>, above: Option<u64>) -> Option<Value> {
    let mut row = Row::new();
    row.extend(day.map(|day| ("from".to_owned(), json!(day))));
    row.extend(above.map(|n| ("above".to_owned(), json!(n))));
    for (ours, theirs) in names {
        row.extend(from[*theirs].as_f64().filter(|n| *n > 0.0).map(|n| ((*ours).to_owned(), json!(n))));
    }
    (row.contains_key("input") && row.contains_key("output")).then_some(Value::Object(row))
}

/// The prices that genai-prices has for exactly this model.
fn dated_prices(prices: &Value, key: &str) -> Option<Value> {
    let (name, id) = key.split_once('/')?;
    let (_, _, theirs) = PROVIDERS.iter().find(|(ours, ..)| *ours == name)?;
    let provider = prices.as_array()?.iter().find(|provider| provider["id"] == *theirs)?;
    let models = provider["models"].as_array()?;
    let named = models.iter().find(|model| model["id"] == id);
    let model = named.or_else(|| models.iter().find(|model| means(&model["match"], id)))?;
    match &model["prices"] {
        Value::Array(blocks) => {
            let rows = blocks.iter().map(|block| {
                let day = match &block["constraint"] {
                    Value::Null => None,
                    // Prices by the time of the day are more than this program knows of.
                    constraint if constraint.as_object()?.len() == 1 => Some(constraint["start_date"].as_str()?),
                    _ => return None,
                };
                tiers(name, &block["prices"], day)
            });
            Some(Value::Array(rows.collect::<Option<Vec<_>>>()?.concat()))
        }
        one => Some(Value::Array(tiers(name, one, None)?)),
    }
}

/// Whether a clause of genai-prices means this model. One that says how names begin means that name and its dated forms.
fn means(clause: &Value, id: &str) -> bool {
    if let Some(clauses) = clause["or"].as_array() {
        return clauses.iter().any(|clause| means(clause, id));
    }
    let is = |name: &str| clause[name].as_str().is_some_and(|text| text == id);
    is("equals") || clause["starts_with"].as_str().is_some_and(|start| start == id || undated(id) == Some(start))
}

/// The prices of one block: the base, then each tier.
fn tiers(provider: &str, prices: &Value, day: Option<&str>) -> Option<Vec<Value>> {
    const NAMES: [(&str, &str); 4] = [
        ("input", "input_mtok"),
        ("cache_read", "cache_read_mtok"),
        ("cache_write", "cache_write_mtok"),
        ("output", "output_mtok"),
    ];
    let starts = |value: &Value| -> Vec<u64> {
        value["tiers"].as_array().into_iter().flatten().filter_map(|tier| tier["start"].as_u64()).collect()
    };
    let mut sizes: Vec<u64> = NAMES.iter().flat_map(|(_, theirs)| starts(&prices[*theirs])).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let at = |size: Option<u64>| -> Value {
        let price = |value: &Value| match value {
            Value::Object(price) => {
                let mut tiers = price.get("tiers").and_then(Value::as_array).into_iter().flatten();
                let reached = tiers.rfind(|tier| tier["start"].as_u64() <= size && size.is_some());
                reached.map_or_else(|| price["base"].clone(), |tier| tier["price"].clone())
            }
            plain => plain.clone(),
        };
        NAMES.iter().map(|(_, theirs)| ((*theirs).to_owned(), price(&prices[*theirs]))).collect::<Row>().into()
    };
    let sized = sizes.into_iter().map(|size| price_row(&at(Some(size)), &NAMES, day, Some(above(provider, size))));
    std::iter::once(price_row(&at(None), &NAMES, day, None)).chain(sized).collect()
}

/// Which prices count, and what is to be said about it.
fn price(key: &str, models_dev: Option<Value>, dated: Option<Value>, hand: Option<&Value>) -> (Option<Value>, Option<String>) {
    let some = |prices: Option<Value>| prices.filter(|prices| prices.as_array().is_some_and(|rows| !rows.is_empty()));
    let (models_dev, dated) = (some(models_dev), some(dated));
    // A name for whatever model is the newest costs what that one does; OpenAI's `-latest` stay with one version.
    let moving = (key.ends_with("-latest") && !key.starts_with("openai/")).then(|| json!([]));
    let hand = hand.or(moving.as_ref());
    let stated = [("genai-prices", &dated), ("models.dev", &models_dev)];
    let taken = hand.cloned().or_else(|| dated.clone()).or_else(|| models_dev.clone());
    let by = if moving.is_some() {
        "since the name moves"
    } else if hand.is_some() {
        "kept by hand"
    } else {
        "of genai-prices"
    };
    let other: Vec<String> = stated
        .into_iter()
        .filter_map(|(source, prices)| Some((source, prices.as_ref()?)))
        .filter(|(_, prices)| taken.as_ref().is_none_or(|taken| compact(taken) != compact(prices)))
        .map(|(source, prices)| format!("{} in {source}", compact(prices)))
        .collect();
    let shown = taken.as_ref().map(compact).unwrap_or_default();
    let note = (!other.is_empty()).then(|| format!("{key}: prices are {}; taken: {shown}, {by}", other.join(" and ")));
    (some(taken), note)
}

/// A dated model that is just what the undated name means is found by that name.
fn drop_dated_twins(rows: &mut BTreeMap<String, Row>) {
    let plain =
        |row: &Row| row.iter().filter(|(field, _)| *field != "released").map(|(f, v)| (f.clone(), v.clone())).collect::<Row>();
    let twin = |key: &String| Some(plain(&rows[undated(key)?.to_owned().as_str()]) == plain(&rows[key]));
    let known = |key: &&String| undated(key).is_some_and(|name| rows.contains_key(name));
    let twins: Vec<String> = rows.keys().filter(known).filter(|key| twin(key) == Some(true)).cloned().collect();
    rows.retain(|key, _| !twins.contains(key));
}

/// The name without `-20260131` or `-2026-01-31` at its end.
fn undated(id: &str) -> Option<&str> {
    let date = |pattern: &str| {
        let (name, end) = id.split_at_checked(id.len().checked_sub(pattern.len())?)?;
        let fits = |(byte, wanted): (u8, u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
        (!name.is_empty() && end.bytes().zip(pattern.bytes()).all(fits)).then_some(name)
    };
    date("-00000000").or_else(|| date("-0000-00-00"))
}

/// The file: one model a line.
fn written(extra: &Value, rows: &BTreeMap<String, Row>) -> Result<String, String> {
    let mut out = "{\n".to_owned();
    for name in ["aliases", "defaults"] {
        let entries = extra[name].as_object().ok_or_else(|| format!("extra.json: no {name:?}"))?;
        let lines: Vec<String> = entries.iter().map(|(key, value)| format!("{}: {value}", json!(key))).collect();
        out.push_str(&format!("{}: {{\n{}\n}},\n", json!(name), lines.join(",\n")));
    }
    let line = |(key, row): (&String, &Row)| {
        let said = |field: &&&str| row.get(**field).is_some_and(|v| !is_nothing(v));
        let fields: Vec<String> =
            FIELDS.iter().filter(said).map(|field| format!("{}: {}", json!(field), compact(&row[*field]))).collect();
        format!("{}: {{{}}}", json!(key), fields.join(", "))
    };
    out.push_str(&format!("\"models\": {{\n{}\n}}\n}}\n", rows.iter().map(line).collect::<Vec<_>>().join(",\n")));
    Ok(out)
}

/// What is the same as saying nothing.
fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false)) || value.as_array().is_some_and(Vec::is_empty)
}

/// JSON on one line, prices in their usual order, numbers without a needless digit.
fn compact(value: &Value) -> String {
    const ORDER: [&str; 6] = ["from", "above", "input", "cache_read", "cache_write", "output"];
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let field = |name: &str| Some(format!("{}: {}", json!(name), compact(fields.get(name)?)));
            format!("{{{}}}", ORDER.iter().filter_map(|name| field(name)).collect::<Vec<_>>().join(", "))
        }
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), decimal),
        other => other.to_string(),
    }
}

fn decimal(number: f64) -> String {
    let text = format!("{number:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests;
