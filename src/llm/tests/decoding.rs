//! Recorded and made-up streams, at every split.

use proptest::prelude::*;

use super::*;
use crate::session::stream::Stop;

fn events(provider: &dyn Provider, raw: &[u8], size: usize) -> (Vec<ModelEvent>, Option<LlmError>) {
    let (mut decoder, mut out) = (provider.decoder(), Vec::new());
    let fed = raw.chunks(size.max(1)).try_for_each(|chunk| decoder.feed(chunk, &mut out));
    let error = fed.and_then(|()| decoder.finish(&mut out)).err();
    (out, error)
}

/// One line an event; pieces of the same kind are joined, so that a long stream stays readable.
fn show(events: &[ModelEvent]) -> String {
    let mut lines: Vec<(&str, String)> = Vec::new();
    for event in events {
        let (kind, text) = match event {
            ModelEvent::Text(text) => ("text", text.clone()),
            ModelEvent::Reasoning(text) => ("reasoning", text.clone()),
            ModelEvent::Native(bytes) => ("native", String::from_utf8_lossy(bytes).into_owned()),
            ModelEvent::ToolCall { id, name, arguments } => ("call", format!("{id} {name} {arguments}")),
            ModelEvent::Served(model) => ("served", model.clone()),
            ModelEvent::Usage(u) => {
                let counts = [u.input, u.cache_read, u.cache_write, u.output, u.reasoning].map(|t| t.0.to_string());
                ("usage", counts.join(" "))
            }
            ModelEvent::Cost(cost) => ("cost", cost.to_string()),
            ModelEvent::Stop(stop) => ("stop", stop.as_text()),
        };
        match lines.last_mut() {
            Some((last, so_far)) if *last == kind && matches!(kind, "text" | "reasoning") => so_far.push_str(&text),
            _ => lines.push((kind, text)),
        }
    }
    let lines: Vec<_> = lines.into_iter().map(|(kind, text)| format!("{kind}: {text:?}")).collect();
    lines.join("\n")
}

fn golden(name: &str, provider: &dyn Provider, raw: &[u8]) {
    let whole = events(provider, raw, raw.len());
    assert_eq!(whole.1, None);
    insta::assert_snapshot!(name, show(&whole.0));
    // All sizes for the small ones; for the others all that can split a line or two.
    let sizes = if raw.len() < 5000 { raw.len() } else { 300 };
    for size in 1..=sizes {
        assert_eq!(events(provider, raw, size), whole, "{name} in chunks of {size}");
    }
    let (answer, error) = replay(&from(provider), 200, raw);
    assert_eq!((error, answer.record.stop.is_some()), (None, true));
}

#[test]
fn recorded_gemini() {
    let provider = gemini("");
    for name in ["pro-thinking-toolcall", "pro-thinking-toolresult", "flash-maxtokens"] {
        golden(&format!("gemini-{name}"), &provider, &fixture(&format!("gemini/{name}.sse")));
    }
    golden("gemini-flash-thinking-sync", &provider, &fixture("gemini/flash-thinking-sync.json"));
}

#[test]
fn recorded_chat() {
    let provider = chat("openai", "");
    for name in ["openai-chat/text", "openai-chat/toolcall", "llamacpp/toolcall", "llamacpp/timings"] {
        golden(&name.replace('/', "-"), &provider, &fixture(&format!("{name}.sse")));
    }
    golden("xai-toolcall", &chat("xai", ""), &framed("xai/toolcall"));
}

/// A recording that has its payloads only.
fn framed(path: &str) -> Vec<u8> {
    let payloads = String::from_utf8(fixture(&format!("{path}.chunks.txt"))).expect("text");
    payloads.lines().map(|line| format!("data: {line}\n\n")).collect::<Vec<_>>().concat().into_bytes()
}

#[test]
fn recorded_anthropic() {
    let provider = anthropic("");
    for name in ["thinking-text", "toolcall", "cache-write", "cache-read", "cache-creation"] {
        golden(&format!("anthropic-{name}"), &provider, &fixture(&format!("anthropic/{name}.sse")));
    }
    for name in ["refusal", "tool-no-args"] {
        golden(&format!("anthropic-{name}"), &provider, &framed(&format!("anthropic/{name}")));
    }
}

#[test]
fn recorded_responses() {
    let provider = responses("");
    for name in ["openai-responses/text", "openai-responses/toolcall", "openai-responses/utf8"] {
        golden(&name.replace('/', "-"), &provider, &fixture(&format!("{name}.sse")));
    }
    golden("openai-responses-reasoning-encrypted", &provider, &framed("openai-responses/reasoning-encrypted"));
    for name in ["xai/responses-tool-1", "xai/responses-tool-2", "xai/parallel-tools-1", "xai/parallel-tools-2"] {
        golden(&name.replace('/', "-"), &Responses::new(endpoint("xai", "")), &fixture(&format!("{name}.sse")));
    }
    let raw = framed("openai-responses/error-in-stream");
    let whole = events(&provider, &raw, raw.len());
    assert_eq!(whole.1.as_ref().map(|e| e.fault), Some(Fault::QuotaUsedUp));
    for size in 1..300 {
        assert_eq!(events(&provider, &raw, size).1, whole.1, "in chunks of {size}");
    }
}

/// A character that was cut into halves is no text; leaving the halves out would change what was said, and what a tool is given.
#[test]
fn half_of_a_character_is_an_error_and_not_left_out() {
    let start = |kind: &str| {
        format!("data: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{{\"type\":\"{kind}\"}}}}\n\n")
    };
    let delta = |field: &str| {
        format!("data: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"x\",\"{field}\":\"\\ud83d\"}}}}\n\n")
    };
    for (kind, field) in [("text", "text"), ("thinking", "thinking"), ("thinking", "signature"), ("tool_use", "partial_json")] {
        let raw = [start(kind), delta(field)].concat();
        assert_eq!(events(&anthropic(""), raw.as_bytes(), 7).1.map(|e| e.fault), Some(Fault::Protocol), "{field}");
    }
    let gemini_piece = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"\\ud83d\"}]}}]}\n\n";
    let (said, error) = events(&gemini(""), gemini_piece.as_bytes(), 7);
    assert_eq!((said, error.map(|e| e.fault)), (vec![ModelEvent::Text("a".to_owned())], Some(Fault::Protocol)));
}

#[test]
fn a_second_candidate_is_not_looked_into() {
    let raw = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"},{\"content\":{\"parts\":[{\"text\":7}]}}]}\n\n";
    let (said, error) = events(&gemini(""), raw.as_bytes(), raw.len());
    assert_eq!((said, error), (vec![ModelEvent::Text("a".to_owned()), ModelEvent::Stop(Stop::End)], None));
}

#[test]
fn a_message_is_said_once_whether_its_pieces_name_it_or_not() {
    let delta = |id: &str, text: &str| format!("data: {{\"type\":\"response.output_text.delta\"{id},\"delta\":\"{text}\"}}\n\n");
    let done = |id: &str, text: &str| {
        let content = format!("[{{\"type\":\"output_text\",\"text\":\"{text}\"}}]");
        format!("data: {{\"type\":\"response.output_item.done\",\"item\":{{\"type\":\"message\"{id},\"content\":{content}}}}}\n\n")
    };
    let end = "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n";
    for (piece, whole) in
        [("", ""), ("", ",\"id\":\"m\""), (",\"item_id\":\"m\"", ",\"id\":\"m\""), (",\"item_id\":\"\"", ",\"id\":\"\"")]
    {
        let raw = [delta(piece, "on"), delta(piece, "ce"), done(whole, "once"), done("", " more"), end.to_owned()].concat();
        let (answer, _) = replay(&from(&responses("")), 200, raw.as_bytes());
        assert_eq!(answer.record.text, "once more", "{piece} {whole}");
    }
}

#[test]
fn recorded_ollama() {
    for name in ["chat", "thinking-tool"] {
        golden(&format!("ollama-{name}"), &ollama(""), &fixture(&format!("ollama/{name}.ndjson")));
    }
}

#[test]
fn recorded_programs() {
    for name in ["hello", "thinking", "tools", "ask-user-question"] {
        golden(&format!("claude-cli-{name}"), &program("claude-code"), &fixture(&format!("claude-cli/{name}.ndjson")));
    }
    golden("codex-cli-hello", &program("codex"), &fixture("codex-cli/hello.ndjson"));
    let (_, error) = events(&program("claude-code"), &fixture("claude-cli/bad-session.ndjson"), 7);
    let error = error.expect("it failed");
    assert_eq!(error.fault, Fault::Aborted);
    assert!(error.message.starts_with("No conversation found with session ID"), "{error}");
}

#[test]
fn a_recorded_part_goes_back_with_its_own_bytes() {
    let raw = fixture("gemini/pro-thinking-toolcall.sse");
    let (answer, _) = replay(&from(&gemini("")), 200, &raw);
    let mut parts = hello().parts;
    parts.extend(answer.record.parts("gemini"));
    parts.push(Part::text(Role::User, "message", "go on"));
    let body = gemini("").encode(&request(parts)).expect("request").body.bytes();
    let native = &answer.record.native[0].1;
    assert!(native.starts_with(b"{\"functionCall\": {\"name\"") && find(&raw, native) && find(&body, native));
}

#[test]
fn a_signature_on_text_becomes_a_part_of_its_own() {
    let raw = b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\",\"thoughtSignature\":\"S\"}]},\"finishReason\":\"STOP\"}]}\n\n";
    let (answer, error) = replay(&from(&gemini("")), 200, raw);
    assert_eq!((answer.record.text.as_str(), error), ("hi", None));
    let parts = answer.record.parts("gemini");
    assert_eq!(parts[1].bytes, b"{\"text\":\"\",\"thoughtSignature\":\"S\"}");
}

#[test]
fn how_streams_end() {
    let end = |provider: &dyn Provider, raw: &str| {
        let (answer, error) = replay(&from(provider), 200, raw.as_bytes());
        (answer.record.stop, error.map(|e| e.fault))
    };
    let finish = |reason: &str| format!("data: {{\"candidates\":[{{\"finishReason\":\"{reason}\"}}]}}\n\n");
    let google = gemini("");
    assert_eq!(end(&google, &finish("SAFETY")), (Some(Stop::Refused("SAFETY".into())), None));
    assert_eq!(end(&google, &finish("CONTINUATION")), (Some(Stop::Length), None));
    assert_eq!(end(&google, &finish("NEW")), (Some(Stop::Other("NEW".into())), None));
    let blocked = "data: {\"promptFeedback\":{\"blockReason\":\"OTHER\"}}\n\n";
    assert_eq!(end(&google, blocked), (Some(Stop::Refused("OTHER".into())), None));
    assert_eq!(end(&google, "data: {\"error\":{\"code\":503,\"message\":\"m\"}}\n\n").1, Some(Fault::Overloaded { after: None }));
    assert_eq!(end(&google, "data: {\n\n").1, Some(Fault::Protocol));
    assert_eq!(end(&google, "data: {\"candidates\":").1, Some(Fault::Cut));
    assert_eq!(end(&google, "").1, Some(Fault::Cut));

    let open = chat("openai", "");
    let choice = |rest: &str| format!("data: {{\"choices\":[{{{rest}}}]}}\n\n");
    assert_eq!(end(&open, &choice("\"finish_reason\":\"stop\"")), (Some(Stop::End), None));
    assert_eq!(end(&open, &choice("\"finish_reason\":\"length\"")), (Some(Stop::Length), None));
    assert_eq!(end(&open, &choice("\"finish_reason\":\"content_filter\"")), (Some(Stop::Refused("content_filter".into())), None));
    let refusal = choice("\"delta\":{\"refusal\":\"no\"},\"finish_reason\":\"stop\"");
    assert_eq!(end(&open, &refusal), (Some(Stop::Refused("no".into())), None));
    assert_eq!(end(&open, "data: [DONE]\n\n"), (Some(Stop::End), None));
    assert_eq!(end(&open, &choice("\"delta\":{\"content\":\"a\"}")).1, Some(Fault::Cut));
    assert_eq!(
        end(&open, "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n").1,
        Some(Fault::Overloaded { after: None })
    );
    let whole = "{\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}";
    assert_eq!(replay(&from(&chat("openai", "")), 200, whole.as_bytes()).0.record.text, "hi");
}

#[test]
fn white_space_before_the_first_event_means_nothing() {
    let raw = b" \r\n data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
    let want = (vec![ModelEvent::Text("a".to_owned()), ModelEvent::Stop(Stop::End)], None);
    for size in 1..=raw.len() {
        assert_eq!(events(&chat("llama", "http://x"), raw, size), want, "in chunks of {size}");
    }
}

#[test]
fn the_number_of_a_call_does_not_overflow() {
    let calls = |index: u64| {
        let first = format!("{{\"index\":{index},\"id\":\"a\",\"function\":{{\"name\":\"f\"}}}}");
        format!("data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{first},{{\"id\":\"b\"}}]}}}}]}}\n\ndata: [DONE]\n\n")
    };
    let (found, error) = events(&chat("llama", "http://x"), calls(u32::MAX.into()).as_bytes(), 1000);
    assert_eq!((found.len(), error), (5, None), "two calls, each with its bytes, and the end");
    let (_, error) = events(&chat("llama", "http://x"), calls(u64::MAX).as_bytes(), 1000);
    assert_eq!(error.map(|error| error.fault), Some(Fault::Protocol));
}

#[test]
fn calls_without_an_index_are_told_apart_by_id() {
    let piece = |id: &str, arguments: &str| {
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"id\":\"{id}\",\"function\":{{\"arguments\":\"{arguments}\"}}}}]}}}}]}}\n\n"
        )
    };
    let raw = format!("{}{}{}data: [DONE]\n\n", piece("a", "1"), piece("", "2"), piece("b", "3"));
    let (answer, _) = replay(&from(&chat("x", "")), 200, raw.as_bytes());
    let calls: Vec<_> = answer.calls.iter().map(|c| (c.id.as_str(), c.arguments.as_str())).collect();
    assert_eq!(calls, [("a", "12"), ("b", "3")]);
    assert_eq!(answer.record.stop, Some(Stop::ToolUse));
}

proptest! {
    #[test]
    fn decoders_take_anything(bytes: Vec<u8>, json in "data: \\{(\"[a-z]{1,12}\":[\\[\\]{}0-9\",:a-z]{0,20}){0,3}\\}\n\n", size in 1usize..40) {
        for provider in [&gemini("") as &dyn Provider, &chat("openai", ""), &Echo] {
            let _ = events(provider, &bytes, size);
            let _ = events(provider, json.as_bytes(), size);
        }
    }

    #[test]
    fn plain_text_survives_any_split(text: String, size in 1usize..8) {
        let (events, _) = events(&Echo, text.as_bytes(), size);
        let mut answer = Answer::default();
        for event in &events {
            answer.take(event);
        }
        prop_assert_eq!(answer.record.text, text);
    }
}
