//! The built-in data against what providers publish, and files of users laid over it.

use super::*;
use crate::base::money::Usd;
use crate::base::options::EFFORTS;
use crate::session::stream::Usage;

fn at(text: &str) -> Timestamp {
    let text = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    text.parse().expect("a time")
}

/// `input cache-read cache-write output`.
fn shown(price: Option<Price>) -> String {
    price.map_or("-".to_owned(), |p| [p.input, p.cache_read, p.cache_write, p.output].map(|usd| usd.to_string()).join(" "))
}

fn with(json: &str) -> Catalog {
    Catalog::built_in().with(json).expect("reads")
}

#[test]
fn prices_go_by_date_and_by_the_length_of_the_prompt() {
    let catalog = Catalog::built_in();
    let november = "2026-11-20";
    for (provider, model, prompt, time, price) in [
        ("gemini", "gemini-4-carbon", 1, "2026-11-30T23:59:59.999Z", "2 0.1 2 10"),
        ("gemini", "gemini-4-carbon", 1, "2026-12-01", "4 0.2 4 20"),
        ("gemini", "models/gemini-4-argon", 1, "2026-12-01", "4 0.2 4 20"),
        ("gemini", "gemini-4-argon", 900_000, november, "2 0.1 2 10"),
        ("gemini", "gemini-4-hydrogen", 1, "2026-12-01", "1.5 0.075 1.5 7.5"),
        ("gemini", "gemini-3.8-flash", 1, november, "0.75 0.075 0.75 3.75"),
        ("gemini", "gemini-3.7-flash", 1, "2026-12-31T23:59:59Z", "0.75 0.075 0.75 3.75"),
        ("gemini", "gemini-3.7-flash", 1, "2027-01-01", "1.5 0.15 1.5 7.5"),
        ("gemini", "gemini-3.6-flash", 1, "2027-01-01", "1.5 0.15 1.5 7.5"),
        ("gemini", "gemini-3.5-flash-lite", 1, november, "0.3 0.03 0.3 2.5"),
        ("gemini", "gemini-3.5-flash", 1, november, "1.5 0.15 1.5 9"),
        ("gemini", "gemini-3.1-pro-preview", 200_000, november, "2 0.2 2 12"),
        ("gemini", "gemini-3.1-pro-preview", 200_001, november, "4 0.4 4 18"),
        ("gemini", "gemini-3.1-pro-preview-customtools", 200_001, november, "4 0.4 4 18"),
        ("gemini", "gemini-flash-latest", 1, november, "-"),
        ("gemini", "gemini-99", 1, november, "-"),
        ("anthropic", "claude-opus-5-5", 900_000, november, "4 0.2 5 20"),
        ("anthropic", "claude-sonnet-5-5", 1, "2026-10-06T23:59:59Z", "2 0.2 2.5 10"),
        ("anthropic", "claude-sonnet-5-5", 1, "2026-10-07", "2 0.1 2.5 10"),
        ("anthropic", "claude-haiku-5-5", 100_000, november, "0.1 0.01 0.125 0.5"),
        ("anthropic", "claude-haiku-5-5", 100_001, november, "0.5 0.05 0.625 2.5"),
        ("anthropic", "claude-fable-5-1", 1, november, "10 0.25 12.5 50"),
        ("anthropic", "claude-sonnet-4-6", 300_000, "2026-03-12", "6 0.6 7.5 22.5"),
        ("anthropic", "claude-sonnet-4-6", 300_000, "2026-03-13", "3 0.3 3.75 15"),
        ("openai", "gpt-6-astra", 272_000, november, "10 1 12.5 50"),
        ("openai", "gpt-6.1-sol", 272_001, november, "4 0.2 5 15"),
        ("openai", "gpt-6.1-terra", 1, november, "1 0.05 1.25 5"),
        ("openai", "gpt-6-sol", 1, november, "2 0.2 2.5 10"),
        ("openai", "gpt-6-luna", 1, november, "0.1 0.01 0.125 0.5"),
        ("openai", "gpt-5.6-luna", 300_000, "2026-07-29", "2 0.2 2.5 9"),
        ("openai", "gpt-5.6-luna", 300_000, "2026-07-30", "0.4 0.04 0.5 1.8"),
        ("openai", "gpt-5.6-sol", 1, november, "-"),
        ("xai", "grok-4.7", 199_999, november, "2 0.5 2 6"),
        ("xai", "grok-4.7", 200_000, november, "4 1 4 12"),
        ("xai", "grok-4.3", 1, november, "1.25 0.2 1.25 2.5"),
        ("xai", "grok-build-0.1", 200_000, november, "2 0.4 2 4"),
        ("groq", "openai/gpt-oss-120b", 1, november, "0.15 0.075 0.15 0.6"),
        ("nobody", "gpt-6-luna", 1, november, "-"),
    ] {
        assert_eq!(shown(catalog.price(provider, model, Tokens(prompt), at(time))), price, "{model} {prompt} {time}");
    }
}

#[test]
fn what_is_written_into_a_cache_has_a_price_of_its_own() {
    let price = Catalog::built_in().price("anthropic", "claude-opus-5-5", Tokens(1), at("2026-11-20")).expect("a price");
    let million = Tokens(1_000_000);
    let usage = Usage { input: million, cache_read: million, cache_write: million, output: million, reasoning: million };
    assert_eq!(price.cost(&usage).to_string(), "29.2");
    assert_eq!(price.cost(&Usage { cache_write: million, ..Usage::default() }).to_string(), "5");
}

#[test]
fn models_are_found_by_their_names() {
    let catalog = Catalog::built_in();
    for (provider, name, id) in [
        ("gemini", "gemini-4-argon", "gemini-4-argon"),
        ("gemini", "models/gemini-4-argon", "gemini-4-argon"),
        ("gemini", "models/gemini-4-argon-2026-10-13", "gemini-4-argon"),
        ("openai", "gpt-6.1-sol-2026-09-29", "gpt-6.1-sol"),
        ("openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("openai", "gpt-5.6", "gpt-5.6-sol"),
        ("openai", "gpt-5.6-20260709", "gpt-5.6-sol"),
        ("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("gemini", "gemini-pro-latest", "gemini-pro-latest"),
    ] {
        assert_eq!(catalog.find(provider, name).map(|row| row.id.as_str()), Some(id), "{name}");
    }
    for (provider, name) in [
        ("gemini", "gemini-4-argon-2026"),
        ("gemini", "gemini-4"),
        ("gemini", "gemini-2.5-pro"),
        ("gemini", ""),
        ("openai", "gpt-4o-202405-13"),
        ("openai", "text-embedding-3-large"),
        ("anthropic", "gpt-6-luna"),
        ("anthropic", "-20251001"),
        ("openrouter", "openai/gpt-6-luna"),
    ] {
        assert_eq!(catalog.find(provider, name).map(|row| row.id.as_str()), None, "{name}");
    }
}

#[test]
fn short_names_stand_for_models_that_are_known() {
    let catalog = Catalog::built_in();
    let alias = |name| catalog.alias(name).map(|id| id.to_string());
    for (name, id) in [
        ("pro", "gemini/gemini-pro-latest"),
        ("flash", "gemini/gemini-flash-latest"),
        ("flash-lite", "gemini/gemini-flash-lite-latest"),
        ("opus", "anthropic/claude-opus-5-5"),
        ("sonnet", "anthropic/claude-sonnet-5-5"),
        ("haiku", "anthropic/claude-haiku-5-5"),
        ("fable", "anthropic/claude-fable-5-2"),
        ("gpt", "openai/gpt-6.1-sol"),
        ("luna", "openai/gpt-6-luna"),
        ("terra", "openai/gpt-6.1-terra"),
        ("grok", "xai/grok-4.7"),
    ] {
        assert_eq!(alias(name).as_deref(), Some(id));
    }
    assert_eq!(alias("gpt-6.1-sol"), None);
    for id in catalog.aliases.values() {
        assert!(catalog.find(&id.provider, &id.model).is_some(), "{id}");
    }
    assert_eq!(catalog.full_name("gemini", "flash"), "gemini-flash-latest");
    assert_eq!(catalog.full_name("openai", "flash"), "flash", "the short name of another provider is a name like any other");
    assert_eq!(catalog.full_name("gemini", "models/gemini-4-argon"), "gemini-4-argon");
}

#[test]
fn each_provider_has_a_default_that_is_known() {
    let catalog = Catalog::built_in();
    let all: Vec<&str> = catalog.providers().collect();
    assert_eq!(all, ["anthropic", "deepseek", "gemini", "groq", "mistral", "openai", "xai"]);
    for provider in all {
        let name = catalog.default_of(provider).unwrap_or_else(|| panic!("{provider} has none"));
        let row = catalog.find(provider, catalog.full_name(provider, name)).unwrap_or_else(|| panic!("{provider}/{name}"));
        assert!(row.tools && catalog.models(provider).any(|other| other == row), "{provider}/{name}");
    }
    assert_eq!(
        ["gemini", "anthropic", "openai", "xai"].map(|p| catalog.default_of(p).unwrap_or_default()),
        ["flash", "claude-sonnet-5-5", "gpt-6-luna", "grok-4.7"]
    );
    assert_eq!((catalog.default_of("nobody"), catalog.models("nobody").count()), (None, 0));
}

#[test]
fn abilities_of_the_newest_models() {
    use CallOption::{Effort, PresencePenalty, Stop, Temperature, TopK, TopP};
    let catalog = Catalog::built_in();
    let row = |provider, model| catalog.find(provider, model).unwrap_or_else(|| panic!("{model}"));
    for model in
        ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-1", "claude-fable-5-2", "claude-opus-5"]
    {
        let row = row("anthropic", model);
        assert_eq!((row.window, row.max_output), (Some(Tokens(1_000_000)), Some(Tokens(128_000))), "{model}");
        assert_eq!(row.efforts, ["low", "medium", "high", "xhigh", "max"], "{model}");
        assert_eq!(row.refuses, [Temperature, TopP, TopK], "{model}");
        assert!(row.images && row.documents && row.tools && row.structured && row.reasoning, "{model}");
    }
    for model in ["gemini-4-carbon", "gemini-4-argon", "gemini-4-hydrogen", "gemini-3.8-flash", "gemini-flash-latest"] {
        let row = row("gemini", model);
        assert_eq!((row.window, row.max_output), (Some(Tokens(1_048_576)), Some(Tokens(65_536))), "{model}");
        assert_eq!(row.takes(Temperature), !model.starts_with("gemini-4"), "{model}");
        assert_eq!(row.efforts.contains(&"xhigh"), model == "gemini-4-hydrogen", "{model}");
    }
    for model in ["gpt-6-astra", "gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-sol", "gpt-6-luna"] {
        let row = row("openai", model);
        assert_eq!((row.window, row.largest_request()), (Some(Tokens(1_050_000)), Some(Tokens(922_000))), "{model}");
        assert_eq!(row.efforts.contains(&"none"), !["gpt-6-astra", "gpt-6.1-sol"].contains(&model), "{model}");
        assert!(!row.takes(Temperature) && !row.takes(PresencePenalty) && row.takes(Effort), "{model}");
    }
    assert_eq!(row("xai", "grok-4.7").window, Some(Tokens(500_000)));
    assert_eq!(row("xai", "grok-4.3").window, Some(Tokens(1_000_000)));
    assert_eq!(row("xai", "grok-4.3").efforts.first(), Some(&"none"));
    assert!(!row("xai", "grok-build-0.1").takes(Effort) && !row("xai", "grok-4.7").takes(Stop));
    assert_eq!(row("gemini", "gemini-2.5-flash").budget, Some((Tokens(0), Some(Tokens(24_576)))));
    assert_eq!(row("anthropic", "claude-haiku-4-5").budget, Some((Tokens(1_024), None)));
    assert!(row("openai", "gpt-4.1").takes(Temperature) && !row("openai", "gpt-4.1").takes(Effort));
}

#[test]
fn every_row_is_sane() {
    let catalog = Catalog::built_in();
    let rows: Vec<(&str, &ModelInfo)> = catalog.providers().flat_map(|p| catalog.models(p).map(move |row| (p, row))).collect();
    assert!((100..400).contains(&rows.len()) && BUILT_IN.len() < 100_000, "{} rows, {} bytes", rows.len(), BUILT_IN.len());
    let dearest: Usd = "1000".parse().expect("money");
    for (provider, row) in rows {
        let name = format!("{provider}/{}", row.id);
        let window = row.window.unwrap_or_else(|| panic!("{name} has no window"));
        assert!((Tokens(4_096)..=Tokens(20_000_000)).contains(&window), "{name}");
        assert!(row.max_output.is_none_or(|n| n <= window) && row.max_input.is_none_or(|n| n <= window), "{name}");
        assert!(row.efforts.is_empty() || row.reasoning && row.takes(CallOption::Effort), "{name}");
        assert!(row.efforts.iter().map(|word| EFFORTS.iter().position(|known| known == word)).is_sorted(), "{name}");
        assert!(row.released.as_deref().is_none_or(|day| ("2022-01-01"..="2026-12-31").contains(&day)), "{name}");
        for (at, PriceRow { from, above, price }) in row.prices.iter().enumerate() {
            let other = row.prices[..at].iter().any(|other| (other.from, other.above) == (*from, *above));
            assert!(!other, "{name} has two prices for one time and length");
            assert!(*above <= window, "{name}");
            assert!(price.input > Usd::default() && price.output >= price.input && price.output < dearest, "{name}");
            assert!(price.cache_read > Usd::default() && price.cache_read <= price.input, "{name}");
            assert!(price.cache_write >= price.input && price.cache_write <= price.input + price.input, "{name}");
        }
        let base = row.prices.iter().all(|price| price.above > Tokens(0));
        assert!(row.prices.is_empty() || !base, "{name} has prices for long prompts only");
    }
}

#[test]
fn fields_of_the_users_file_replace_ours_one_by_one() {
    let catalog = with(
        r#"{"aliases": {"mine": "local/tiny", "flash": "gemini/gemini-4-hydrogen"}, "defaults": {"gemini": "gemini-4-argon"}, "models": {
            "gemini/gemini-4-argon": {"window": 4096, "refuses": [], "edit_format": "whole-file", "prices": [{"input": 1.125, "output": 2}]},
            "openai/gpt-6-luna": {"images": false, "max_input": null},
            "local/tiny": {"tools": true, "efforts": ["high", "low"], "budget": [0, 8192], "also": ["tiny:1b"], "released": "2026-02-28"}}}"#,
    );
    let ours = Catalog::built_in();
    let argon = catalog.find("gemini", "gemini-4-argon").expect("there");
    let expected = ModelInfo {
        window: Some(Tokens(4_096)),
        refuses: Vec::new(),
        edit_format: Some(EditFormat::WholeFile),
        prices: argon.prices.clone(),
        ..ours.find("gemini", "gemini-4-argon").expect("there").clone()
    };
    assert_eq!(*argon, expected);
    assert_eq!(shown(argon.price(Tokens(1), at("2026-12-24"))), "1.125 1.125 1.125 2");
    let luna = catalog.find("openai", "gpt-6-luna").expect("there");
    assert_eq!((luna.images, luna.largest_request(), luna.tools), (false, Some(Tokens(1_050_000)), true));
    let tiny = catalog.find("local", "tiny:1b").expect("there");
    let known = ModelInfo {
        id: "tiny".to_owned(),
        tools: true,
        efforts: vec!["low", "high"],
        budget: Some((Tokens(0), Some(Tokens(8_192)))),
        also: vec!["tiny:1b".to_owned()],
        released: Some("2026-02-28".to_owned()),
        ..ModelInfo::default()
    };
    assert_eq!(*tiny, known);
    assert_eq!(catalog.alias("mine").map(|id| id.to_string()).as_deref(), Some("local/tiny"));
    assert_eq!((catalog.full_name("gemini", "flash"), catalog.default_of("gemini")), ("gemini-4-hydrogen", Some("gemini-4-argon")));
    assert_eq!(with("{}"), ours);
    assert_eq!(with(BUILT_IN), ours, "our own file says nothing new");
}

#[test]
fn slips_in_the_users_file_are_named() {
    let row = |fields: &str| format!(r#"{{"models": {{"gemini/mine": {fields}}}}}"#);
    for (json, says) in [
        (row(r#"{"windw": 1}"#), r#"gemini/mine: no field is called "windw"; the nearest is "window""#),
        (row(r#"{"price": 1}"#), r#"gemini/mine: no field is called "price"; the nearest is "prices""#),
        (row(r#"{"max_ouput": 1}"#), r#"the nearest is "max_output""#),
        (row(r#"{"window": "large"}"#), "gemini/mine: window: invalid type: string"),
        (row(r#"{"window": 0}"#), "gemini/mine: window: 0 tokens are none"),
        (row(r#"{"images": 1}"#), "gemini/mine: images: invalid type"),
        (row(r#"{"efforts": ["huge"]}"#), r#"gemini/mine: efforts: "huge" is none of none, minimal"#),
        (row(r#"{"refuses": ["heat"]}"#), r#"gemini/mine: refuses: no option is called "heat""#),
        (row(r#"{"budget": [5, 1]}"#), "gemini/mine: budget: expected the least and the most"),
        (row(r#"{"released": "in May"}"#), r#"gemini/mine: released: "in May" is not a day"#),
        (row(r#"{"edit_format": "best"}"#), r#"gemini/mine: edit_format: "best" is none of auto"#),
        (row(r#"{"prices": [{"input": 1}]}"#), "gemini/mine: prices: missing field `output`"),
        (row(r#"{"prices": [{"input": -1, "output": 1}]}"#), "gemini/mine: prices: -1 is not a price"),
        (row(r#"{"prices": [{"input": "1", "output": 1}]}"#), "gemini/mine: prices: \"1\" is not a price"),
        (row(r#"{"prices": [{"input": 1, "output": 1, "from": "2026-13-01"}]}"#), r#"prices: "2026-13-01" is not a day"#),
        (row(r#"{"prices": [{"input": 1, "output": 1, "until": 1}]}"#), "prices: unknown field `until`"),
        (row("[]"), "not a list of models: invalid type"),
        (r#"{"models": {"argon": {}}}"#.to_owned(), r#""argon" is not a model: expected provider/model"#),
        (r#"{"aliases": {"a": "b"}}"#.to_owned(), r#""b" is not a model"#),
        (r#"{"model": {}}"#.to_owned(), "not a list of models: unknown field `model`"),
        (String::new(), "not a list of models: EOF"),
    ] {
        let error = Catalog::built_in().with(&json).expect_err(&json).to_string();
        assert!(error.contains(says), "{json}\n{error}");
    }
}
