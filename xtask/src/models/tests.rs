//! Merging a small fixture of each source; the shapes are those of the real files.

use serde_json::{Value, json};

use super::{decimal, means, merge, undated};

fn models_dev() -> Value {
    let words = |input: &[&str]| json!({ "input": input, "output": ["text"] });
    let google = json!({
        "gemini-9-pro": {
            "limit": { "context": 1_000_000, "output": 65_536 }, "modalities": words(&["text", "image", "pdf"]),
            "tool_call": true, "structured_output": true, "temperature": true, "reasoning": true, "release_date": "2026-02-01",
            "reasoning_options": [{ "type": "toggle" }, { "type": "budget_tokens", "min": 128, "max": 32_768 }],
            "cost": { "input": 2.0, "output": 12, "cache_read": 0.2, "tiers":
                [{ "input": 4, "output": 18, "cache_read": 0.4, "tier": { "size": 200_000 } }] }
        },
        "gemini-9-pro-latest": {
            "limit": { "context": 1_000_000 }, "modalities": words(&["text"]), "tool_call": true, "reasoning": false,
            "cost": { "input": 2, "output": 12 }
        },
        "gemini-embedding-9": { "limit": { "context": 8_192 }, "modalities": words(&["text"]) },
        "gemini-9-image": { "limit": { "context": 32_768 }, "modalities": { "input": ["text"], "output": ["text", "image"] } },
        "gemini-9-listener": { "limit": { "context": 32_768 }, "modalities": words(&["audio"]) },
        "gemini-9-guard": { "limit": { "context": 512 }, "modalities": words(&["text"]) },
        "gemini-1": { "limit": { "context": 32_768 }, "modalities": words(&["text"]), "status": "deprecated" },
        "gemini-2": { "limit": { "context": 32_768 }, "modalities": words(&["text"]) },
    });
    let anthropic = json!({
        "claude-9": {
            "limit": { "context": 200_000, "output": 64_000 }, "modalities": words(&["text", "image"]), "tool_call": true,
            "temperature": false, "reasoning": true, "reasoning_options": [{ "type": "effort", "values": ["max", "low", "odd"] }],
            "cost": { "input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75 }
        },
        "claude-9-20260101": {
            "limit": { "context": 200_000, "output": 64_000 }, "modalities": words(&["text", "image"]), "tool_call": true,
            "temperature": false, "reasoning": true, "reasoning_options": [{ "type": "effort", "values": ["low", "max"] }],
            "release_date": "2026-01-01", "cost": { "input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75 }
        },
    });
    let xai = json!({ "grok-9": {
        "limit": { "context": 500_000 }, "modalities": words(&["text"]), "reasoning": true, "reasoning_options": [],
        "cost": { "input": 2, "output": 6, "tiers": [{ "input": 4, "output": 12, "tier": { "size": 200_000 } }] }
    } });
    let mut all = json!({ "google": { "models": google }, "anthropic": { "models": anthropic }, "xai": { "models": xai } });
    for name in ["deepseek", "groq", "mistral", "openai"] {
        all[name] = json!({ "models": {} });
    }
    all
}

fn prices() -> Value {
    let claude = json!([
        { "prices": { "input_mtok": { "base": 3, "tiers": [{ "start": 200_000, "price": 6 }] }, "cache_read_mtok": 0.3,
            "cache_write_mtok": 3.75, "output_mtok": { "base": 15, "tiers": [{ "start": 200_000, "price": 22.5 }] } } },
        { "constraint": { "start_date": "2026-09-01" }, "prices": { "input_mtok": 2, "output_mtok": 10 } },
    ]);
    let starts = json!({ "or": [{ "starts_with": "claude-9" }, { "equals": "claude-nine" }] });
    let hours = json!([{ "constraint": { "start_time": "00:30:00Z", "end_time": "16:30:00Z" },
        "prices": { "input_mtok": 9, "output_mtok": 9 } }]);
    json!([
        { "id": "anthropic", "models": [{ "id": "claude-9-0", "match": starts, "prices": claude }] },
        { "id": "google", "models": [{ "id": "gemini-9-pro", "match": {}, "prices": hours }] },
    ])
}

fn extra() -> Value {
    json!({
        "aliases": { "pro": "gemini/gemini-9-pro" },
        "defaults": { "gemini": "pro" },
        "models": {
            "gemini/gemini-9-pro": { "source": "a page", "as_of": "2026-03-01", "window": 1_048_576, "also": ["nine"] },
            "gemini/gemini-2": { "source": "a page", "as_of": "2026-03-01", "retired": "2026-02-01" },
            "anthropic/claude-9-5": { "source": "a page", "as_of": "2026-03-01", "tools": true, "images": false, "window": 1_000_000 },
        }
    })
}

#[test]
fn three_sources_make_one_file() {
    let merged = merge(&models_dev(), &prices(), &extra()).expect("merges");
    let expected = r#"{
"aliases": {
"pro": "gemini/gemini-9-pro"
},
"defaults": {
"gemini": "pro"
},
"models": {
"anthropic/claude-9": {"window": 200000, "max_output": 64000, "images": true, "tools": true, "reasoning": true, "efforts": ["low", "max"], "refuses": ["temperature", "top_p", "top_k"], "prices": [{"input": 3, "cache_read": 0.3, "cache_write": 3.75, "output": 15}, {"above": 200000, "input": 6, "cache_read": 0.3, "cache_write": 3.75, "output": 22.5}, {"from": "2026-09-01", "input": 2, "output": 10}]},
"anthropic/claude-9-5": {"window": 1000000, "tools": true},
"gemini/gemini-9-pro": {"window": 1048576, "max_output": 65536, "images": true, "documents": true, "tools": true, "structured": true, "reasoning": true, "budget": [128, 32768], "released": "2026-02-01", "also": ["nine"], "prices": [{"input": 2, "cache_read": 0.2, "output": 12}, {"above": 200000, "input": 4, "cache_read": 0.4, "output": 18}]},
"gemini/gemini-9-pro-latest": {"window": 1000000, "tools": true, "refuses": ["effort"]},
"xai/grok-9": {"window": 500000, "reasoning": true, "refuses": ["effort", "presence_penalty", "frequency_penalty", "stop"], "prices": [{"input": 2, "output": 6}, {"above": 199999, "input": 4, "output": 12}]}
}
}
"#;
    assert_eq!(merged.text, expected);
    assert_eq!(merged.rows, 5);
}

#[test]
fn disagreements_are_told() {
    let notes = merge(&models_dev(), &prices(), &extra()).expect("merges").notes;
    let about = |name: &str| notes.iter().filter(|note| note.starts_with(name)).count();
    assert_eq!((about("gemini/gemini-9-pro: window"), about("gemini/gemini-9-pro-latest: prices")), (1, 1), "{notes:#?}");
    assert_eq!((about("anthropic/claude-9: prices"), about("anthropic/claude-9-5")), (1, 0), "{notes:#?}");
    let prices = notes.iter().find(|note| note.starts_with("anthropic/claude-9:")).expect("there");
    assert!(prices.contains("in models.dev; taken: [{\"input\": 3") && prices.ends_with("of genai-prices"), "{prices}");
}

#[test]
fn merging_twice_gives_the_same_bytes() {
    let once = || merge(&models_dev(), &prices(), &extra()).expect("merges").text;
    assert_eq!(once(), once());
}

#[test]
fn rows_kept_by_hand_say_where_they_are_from() {
    let with = |row: Value| {
        let mut extra = extra();
        extra["models"] = json!({ "gemini/new": row });
        merge(&models_dev(), &prices(), &extra).expect_err("refused")
    };
    assert!(with(json!({ "source": "a page" })).contains("gemini/new: \"as_of\" is missing"));
    let unknown = with(json!({ "source": "a page", "as_of": "2026-01-01", "windows": 1 }));
    assert!(unknown.contains("gemini/new: no field is called \"windows\"") && unknown.contains("window, max_input"), "{unknown}");
}

#[test]
fn names_that_begin_alike_are_other_models() {
    let clause = json!({ "or": [{ "starts_with": "claude-9" }, { "equals": "claude-nine" }] });
    for (id, same) in
        [("claude-9", true), ("claude-9-20260131", true), ("claude-nine", true), ("claude-9-5", false), ("claude-9-fast", false)]
    {
        assert_eq!(means(&clause, id), same, "{id}");
    }
    assert_eq!((undated("x-2026-01-31"), undated("x-20260131")), (Some("x"), Some("x")));
    assert_eq!((undated("x-0131"), undated("-20260131"), undated("é-2026-0131")), (None, None, None));
}

#[test]
fn numbers_are_short() {
    assert_eq!([0.1 + 0.2, 100.0, 0.075, 1_048_576.0].map(decimal), ["0.3", "100", "0.075", "1048576"]);
}
