//! One answer in the bytes of every protocol: what a model says, and how each provider would send it.
//!
//! Invariants
//! - Frames have the shape of the recordings in `tests/fixtures/sse`; only what a test wants said is put in.
//! - A piece of text is one frame, where the protocol has pieces at all, so a test knows what stands in which frame.

use super::{escape, split};

/// Whose bytes an answer is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    Gemini,
    Anthropic,
    Responses,
    /// Chat completions.
    Chat,
    Ollama,
    /// `claude -p --output-format stream-json`
    Claude,
    /// `codex exec --json`
    Codex,
    /// `gemini -o stream-json`
    GeminiCli,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum End {
    #[default]
    Done,
    /// At the limit of its length.
    Length,
    /// Refused, with the reason.
    Refused(&'static str),
}

/// A call of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// JSON text of an object.
    pub(crate) arguments: &'static str,
}

/// What a model says in one answer. Each piece of text counts as a token.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) reasoning: Vec<&'static str>,
    pub(crate) text: Vec<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) end: End,
    /// How many of the 1200 tokens of the prompt came from a cache.
    pub(crate) cached: usize,
    /// How many tokens were thinking.
    pub(crate) thinking: usize,
}

/// Tokens of every prompt.
pub(crate) const PROMPT: usize = 1200;

impl Said {
    /// A text in about `pieces` pieces.
    pub(crate) fn text(text: &str, pieces: usize) -> Self {
        Self { text: split(text, pieces), ..Self::default() }
    }

    fn written(&self) -> usize {
        self.thinking + self.text.len()
    }
}

impl Speech {
    /// The answer, one frame a piece.
    pub(crate) fn frames(self, said: &Said) -> Vec<Vec<u8>> {
        match self {
            Self::Gemini => gemini(said),
            Self::Anthropic => anthropic_events(said).iter().map(|json| event(json)).collect(),
            Self::Responses => responses(said),
            Self::Chat => chat(said),
            Self::Ollama => ollama(said),
            Self::Claude => claude(said),
            Self::Codex => codex(said),
            Self::GeminiCli => gemini_cli(said),
        }
    }

    /// An error in the middle of a stream, after which a server says nothing more. `busy`: it may work later.
    pub(crate) fn broken(self, busy: bool) -> Vec<u8> {
        let (kind, code, message) = if busy {
            ("overloaded_error", 503, "the model is overloaded")
        } else {
            ("invalid_request_error", 400, "the request is not understood")
        };
        match self {
            Self::Gemini => data(&format!("{{\"error\":{{\"code\":{code},\"message\":\"{message}\",\"status\":\"X\"}}}}")),
            Self::Anthropic => {
                event(&format!("{{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":\"{message}\"}}}}"))
            }
            Self::Responses => {
                let code = if busy { "server_error" } else { "invalid_prompt" };
                let error = format!("{{\"type\":\"{code}\",\"code\":\"{code}\",\"message\":\"{message}\",\"param\":null}}");
                data(&format!("{{\"type\":\"error\",\"sequence_number\":2,\"error\":{error}}}"))
            }
            Self::Chat => data(&format!("{{\"error\":{{\"code\":{code},\"message\":\"{message}\",\"type\":\"{kind}\"}}}}")),
            Self::Ollama => line(&format!("{{\"error\":\"{}\"}}", if busy { "the model is unavailable" } else { message })),
            Self::Claude => line(&format!(
                "{{\"type\":\"result\",\"subtype\":\"error_during_execution\",\"is_error\":true,\"api_error_status\":{code},\"result\":\"{message}\"}}"
            )),
            Self::Codex => line(&format!("{{\"type\":\"turn.failed\",\"error\":{{\"message\":\"{message}\"}}}}")),
            Self::GeminiCli => line(&format!(
                "{{\"type\":\"result\",\"status\":\"error\",\"error\":{{\"type\":\"x\",\"message\":\"{message}\"}}}}"
            )),
        }
    }

    /// The body of a response with a failing status.
    pub(crate) fn failure(self, status: u16, message: &str) -> String {
        let message = escape(message);
        match self {
            Self::Gemini => format!("{{\"error\":{{\"code\":{status},\"message\":\"{message}\",\"status\":\"X\"}}}}"),
            Self::Anthropic => format!("{{\"type\":\"error\",\"error\":{{\"type\":\"x_error\",\"message\":\"{message}\"}}}}"),
            Self::Ollama => format!("{{\"error\":\"{message}\"}}"),
            _ => format!("{{\"error\":{{\"message\":\"{message}\",\"type\":\"x\",\"param\":null,\"code\":null}}}}"),
        }
    }

    /// The content type of an answer.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Ollama => "application/x-ndjson",
            _ => "text/event-stream",
        }
    }
}

fn data(json: &str) -> Vec<u8> {
    format!("data: {json}\n\n").into_bytes()
}

/// An event with its name, which is the type of what it holds.
fn event(json: &str) -> Vec<u8> {
    let kind = json.split('"').nth(3).unwrap_or_default();
    format!("event: {kind}\ndata: {json}\n\n").into_bytes()
}

fn line(json: &str) -> Vec<u8> {
    format!("{json}\n").into_bytes()
}

/// Recorded framing: CRLF, counts on each chunk, and the end on an empty text with a signature.
fn gemini(said: &Said) -> Vec<Vec<u8>> {
    let chunk = |part: &str, finish: &str, written: usize| {
        let cached = if said.cached > 0 { format!("\"cachedContentTokenCount\": {},", said.cached) } else { String::new() };
        format!(
            "data: {{\"candidates\": [{{\"content\": {{\"parts\": [{part}],\"role\": \"model\"}},{finish}\"index\": 0}}],\
             \"usageMetadata\": {{\"promptTokenCount\": {PROMPT},{cached}\"candidatesTokenCount\": {written},\"totalTokenCount\": {},\
             \"promptTokensDetails\": [{{\"modality\": \"TEXT\",\"tokenCount\": {PROMPT}}}],\"thoughtsTokenCount\": {},\
             \"serviceTier\": \"standard\"}},\"modelVersion\": \"gemini-3.7-flash\",\"responseId\": \"fake\"}}\r\n\r\n",
            PROMPT + said.thinking + written,
            said.thinking
        )
        .into_bytes()
    };
    let mut out: Vec<Vec<u8>> =
        said.reasoning.iter().map(|t| chunk(&format!("{{\"text\": \"{}\",\"thought\": true}}", escape(t)), "", 0)).collect();
    for (at, piece) in said.text.iter().enumerate() {
        out.push(chunk(&format!("{{\"text\": \"{}\"}}", escape(piece)), "", at + 1));
    }
    let count = said.text.len();
    for Call { id, name, arguments } in &said.calls {
        let call = format!("{{\"functionCall\": {{\"name\": \"{name}\",\"args\": {arguments},\"id\": \"{id}\"}}");
        out.push(chunk(&format!("{call},\"thoughtSignature\": \"U2lnbmVk\"}}"), "", count));
    }
    let finish = match said.end {
        End::Done => "\"finishReason\": \"STOP\",".to_owned(),
        End::Length => "\"finishReason\": \"MAX_TOKENS\",".to_owned(),
        End::Refused(why) => format!("\"finishReason\": \"SAFETY\",\"finishMessage\": \"{why}\","),
    };
    out.push(chunk("{\"text\": \"\",\"thoughtSignature\": \"RmFrZVNpZ25hdHVyZQ==\"}", &finish, count));
    out
}

/// The payloads of the Messages API, which a program passes on, too.
fn anthropic_events(said: &Said) -> Vec<String> {
    let input = format!(
        "\"input_tokens\":{},\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":{}",
        PROMPT - said.cached,
        said.cached
    );
    let mut out = vec![
        format!(
            "{{\"type\":\"message_start\",\"message\":{{\"model\":\"claude-fake-1\",\"id\":\"msg_fake\",\"type\":\"message\",\
             \"role\":\"assistant\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{{{input},\"output_tokens\":1}}}}}}"
        ),
        "{\"type\": \"ping\"}".to_owned(),
    ];
    let mut index = 0;
    let mut block = |start: &str, deltas: Vec<String>| {
        out.push(format!("{{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{start}}}"));
        for delta in deltas {
            out.push(format!("{{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{delta}}}"));
        }
        out.push(format!("{{\"type\":\"content_block_stop\",\"index\":{index}}}"));
        index += 1;
    };
    if !said.reasoning.is_empty() {
        let thought = |t: &&str| format!("{{\"type\":\"thinking_delta\",\"thinking\":\"{}\"}}", escape(t));
        let signature = "{\"type\":\"signature_delta\",\"signature\":\"U2lnbmVkVGhvdWdodA==\"}".to_owned();
        let deltas = said.reasoning.iter().map(thought).chain([signature]).collect();
        block("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}", deltas);
    }
    if !said.text.is_empty() {
        let delta = |t: &String| format!("{{\"type\":\"text_delta\",\"text\":\"{}\"}}", escape(t));
        block("{\"type\":\"text\",\"text\":\"\"}", said.text.iter().map(delta).collect());
    }
    for Call { id, name, arguments } in &said.calls {
        let piece = |t: String| format!("{{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}", escape(&t));
        let deltas = std::iter::once(String::new()).chain(split(arguments, 3)).map(piece).collect();
        block(&format!("{{\"type\":\"tool_use\",\"id\":\"{id}\",\"name\":\"{name}\",\"input\":{{}}}}"), deltas);
    }
    let (reason, details) = match said.end {
        End::Done if said.calls.is_empty() => ("end_turn", "null".to_owned()),
        End::Done => ("tool_use", "null".to_owned()),
        End::Length => ("max_tokens", "null".to_owned()),
        End::Refused(why) => ("refusal", format!("{{\"type\":\"refusal\",\"category\":null,\"explanation\":\"{why}\"}}")),
    };
    out.push(format!(
        "{{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"{reason}\",\"stop_sequence\":null,\"stop_details\":{details}}},\
         \"usage\":{{{input},\"output_tokens\":{},\"output_tokens_details\":{{\"thinking_tokens\":{}}}}}}}",
        said.written(),
        said.thinking
    ));
    out.push("{\"type\":\"message_stop\"}".to_owned());
    out
}

fn responses(said: &Said) -> Vec<Vec<u8>> {
    let response = |status: &str, more: &str| {
        format!(
            "{{\"id\":\"resp_fake\",\"object\":\"response\",\"status\":\"{status}\",\"error\":null,\"model\":\"gpt-fake-1\",{more}\"metadata\":{{}}}}"
        )
    };
    let none = "\"incomplete_details\":null,\"output\":[],\"usage\":null,";
    let mut out = vec![format!("{{\"type\":\"response.created\",\"response\":{}}}", response("in_progress", none))];
    if !said.reasoning.is_empty() {
        for text in &said.reasoning {
            out.push(format!(
                "{{\"type\":\"response.reasoning_summary_text.delta\",\"item_id\":\"rs_fake\",\"output_index\":0,\"summary_index\":0,\"delta\":\"{}\"}}",
                escape(text)
            ));
        }
        let summary = format!("[{{\"type\":\"summary_text\",\"text\":\"{}\"}}]", escape(&said.reasoning.concat()));
        out.push(format!(
            "{{\"type\":\"response.output_item.done\",\"item\":{{\"id\":\"rs_fake\",\"type\":\"reasoning\",\
             \"encrypted_content\":\"RW5jcnlwdGVk\",\"summary\":{summary}}},\"output_index\":0}}"
        ));
    }
    let message = |content: &str| {
        format!(
            "{{\"type\":\"response.output_item.done\",\"item\":{{\"id\":\"msg_fake\",\"type\":\"message\",\"status\":\"completed\",\
             \"content\":[{content}],\"role\":\"assistant\"}},\"output_index\":1}}"
        )
    };
    for piece in &said.text {
        out.push(format!(
            "{{\"type\":\"response.output_text.delta\",\"content_index\":0,\"item_id\":\"msg_fake\",\"output_index\":1,\"delta\":\"{}\"}}",
            escape(piece)
        ));
    }
    if let End::Refused(why) = said.end {
        out.push(format!(
            "{{\"type\":\"response.refusal.delta\",\"item_id\":\"msg_fake\",\"output_index\":1,\"delta\":\"{why}\"}}"
        ));
        out.push(message(&format!("{{\"type\":\"refusal\",\"refusal\":\"{why}\"}}")));
    } else if !said.text.is_empty() {
        out.push(message(&format!("{{\"type\":\"output_text\",\"annotations\":[],\"text\":\"{}\"}}", escape(&said.text.concat()))));
    }
    for Call { id, name, arguments } in &said.calls {
        out.push(format!(
            "{{\"type\":\"response.function_call_arguments.delta\",\"item_id\":\"fc_{id}\",\"delta\":\"{}\"}}",
            escape(arguments)
        ));
        out.push(format!(
            "{{\"type\":\"response.output_item.done\",\"item\":{{\"id\":\"fc_{id}\",\"type\":\"function_call\",\"status\":\"completed\",\
             \"arguments\":\"{}\",\"call_id\":\"{id}\",\"name\":\"{name}\"}},\"output_index\":2}}",
            escape(arguments)
        ));
    }
    let (status, details) = match said.end {
        End::Length => ("incomplete", "{\"reason\":\"max_output_tokens\"}"),
        _ => ("completed", "null"),
    };
    let usage = format!(
        "{{\"input_tokens\":{PROMPT},\"input_tokens_details\":{{\"cached_tokens\":{}}},\"output_tokens\":{},\
         \"output_tokens_details\":{{\"reasoning_tokens\":{}}},\"total_tokens\":{}}}",
        said.cached,
        said.written(),
        said.thinking,
        PROMPT + said.written()
    );
    let end = response(status, &format!("\"incomplete_details\":{details},\"output\":[],\"usage\":{usage},"));
    out.push(format!("{{\"type\":\"response.{status}\",\"response\":{end}}}"));
    out.iter().map(|json| event(json)).collect()
}

/// Recorded framing: a role, the text, the reason to finish, the counts, `[DONE]`.
fn chat(said: &Said) -> Vec<Vec<u8>> {
    let chunk = |rest: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-fake\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"fake-1\",{rest}}}\n\n"
        )
    };
    let choice = |delta: &str, finish: &str| {
        chunk(&format!("\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}],\"usage\":null"))
    };
    let mut out = vec![choice("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}", "null")];
    out.extend(said.reasoning.iter().map(|t| choice(&format!("{{\"reasoning_content\":\"{}\"}}", escape(t)), "null")));
    out.extend(said.text.iter().map(|piece| choice(&format!("{{\"content\":\"{}\"}}", escape(piece)), "null")));
    for (at, Call { id, name, arguments }) in said.calls.iter().enumerate() {
        let first = format!(
            "{{\"index\":{at},\"id\":\"{id}\",\"type\":\"function\",\"function\":{{\"name\":\"{name}\",\"arguments\":\"\"}}}}"
        );
        out.push(choice(&format!("{{\"tool_calls\":[{first}]}}"), "null"));
        for piece in split(arguments, 3) {
            let more = format!("{{\"index\":{at},\"function\":{{\"arguments\":\"{}\"}}}}", escape(&piece));
            out.push(choice(&format!("{{\"tool_calls\":[{more}]}}"), "null"));
        }
    }
    if let End::Refused(why) = said.end {
        out.push(choice(&format!("{{\"refusal\":\"{why}\"}}"), "null"));
    }
    out.push(choice(
        "{}",
        match said.end {
            End::Length => "\"length\"",
            End::Done if !said.calls.is_empty() => "\"tool_calls\"",
            End::Done | End::Refused(_) => "\"stop\"",
        },
    ));
    let thought = match said.thinking {
        0 => String::new(),
        count => format!(",\"completion_tokens_details\":{{\"reasoning_tokens\":{count}}}"),
    };
    out.push(chunk(&format!(
        "\"choices\":[],\"usage\":{{\"prompt_tokens\":{PROMPT},\"completion_tokens\":{},\"total_tokens\":{},\
         \"prompt_tokens_details\":{{\"cached_tokens\":{}}}{thought}}}",
        said.written(),
        PROMPT + said.written(),
        said.cached
    )));
    out.push("data: [DONE]\n\n".to_owned());
    out.into_iter().map(String::into_bytes).collect()
}

fn ollama(said: &Said) -> Vec<Vec<u8>> {
    let message = |fields: &str, rest: &str| {
        line(&format!(
            "{{\"model\":\"fake:1b\",\"created_at\":\"2026-08-05T08:11:13.0Z\",\"message\":{{\"role\":\"assistant\",{fields}}},{rest}}}"
        ))
    };
    let mut out: Vec<Vec<u8>> = Vec::new();
    for text in &said.reasoning {
        out.push(message(&format!("\"content\":\"\",\"thinking\":\"{}\"", escape(text)), "\"done\":false"));
    }
    out.extend(said.text.iter().map(|t| message(&format!("\"content\":\"{}\"", escape(t)), "\"done\":false")));
    if !said.calls.is_empty() {
        let call = |(at, call): (usize, &Call)| {
            let Call { id, name, arguments } = call;
            format!("{{\"id\":\"{id}\",\"function\":{{\"index\":{at},\"name\":\"{name}\",\"arguments\":{arguments}}}}}")
        };
        let calls: Vec<String> = said.calls.iter().enumerate().map(call).collect();
        out.push(message(&format!("\"content\":\"\",\"tool_calls\":[{}]", calls.join(",")), "\"done\":false"));
    }
    let reason = if said.end == End::Length { "length" } else { "stop" };
    out.push(message(
        "\"content\":\"\"",
        &format!(
            "\"done\":true,\"done_reason\":\"{reason}\",\"total_duration\":1,\"prompt_eval_count\":{PROMPT},\"eval_count\":{}",
            said.written()
        ),
    ));
    out
}

fn claude(said: &Said) -> Vec<Vec<u8>> {
    let mut out = vec![line(
        "{\"type\":\"system\",\"subtype\":\"init\",\"cwd\":\"/x\",\"session_id\":\"s\",\"tools\":[],\"model\":\"claude-fake-1\"}",
    )];
    for json in anthropic_events(said) {
        out.push(line(&format!("{{\"type\":\"stream_event\",\"event\":{json},\"session_id\":\"s\",\"parent_tool_use_id\":null}}")));
    }
    let text = escape(&said.text.concat());
    out.push(line(&format!(
        "{{\"type\":\"assistant\",\"message\":{{\"model\":\"claude-fake-1\",\"id\":\"msg_fake\",\"type\":\"message\",\"role\":\"assistant\",\
         \"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}},\"parent_tool_use_id\":null,\"session_id\":\"s\"}}"
    )));
    let reason = match said.end {
        End::Done => "end_turn",
        End::Length => "max_tokens",
        End::Refused(_) => "refusal",
    };
    out.push(line(&format!(
        "{{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"api_error_status\":null,\"num_turns\":1,\"result\":\"{text}\",\
         \"stop_reason\":\"{reason}\",\"session_id\":\"s\",\"total_cost_usd\":0.0154683,\"usage\":{{\"input_tokens\":{},\
         \"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":{},\"output_tokens\":{},\
         \"output_tokens_details\":{{\"thinking_tokens\":{}}}}}}}",
        PROMPT - said.cached,
        said.cached,
        said.written(),
        said.thinking
    )));
    out
}

fn codex(said: &Said) -> Vec<Vec<u8>> {
    let mut out = vec![line("{\"type\":\"thread.started\",\"thread_id\":\"t\"}"), line("{\"type\":\"turn.started\"}")];
    let item = |id: usize, kind: &str, text: &str| {
        let text = escape(text);
        line(&format!("{{\"type\":\"item.completed\",\"item\":{{\"id\":\"item_{id}\",\"type\":\"{kind}\",\"text\":\"{text}\"}}}}"))
    };
    if !said.reasoning.is_empty() {
        out.push(item(0, "reasoning", &said.reasoning.concat()));
    }
    out.push(item(1, "agent_message", &said.text.concat()));
    out.push(line(&format!(
        "{{\"type\":\"turn.completed\",\"usage\":{{\"input_tokens\":{PROMPT},\"cached_input_tokens\":{},\"output_tokens\":{},\
         \"reasoning_output_tokens\":{}}}}}",
        said.cached,
        said.written(),
        said.thinking
    )));
    out
}

fn gemini_cli(said: &Said) -> Vec<Vec<u8>> {
    let mut out = vec![
        line("{\"type\":\"init\",\"timestamp\":\"x\",\"session_id\":\"s\",\"model\":\"gemini-fake-1\"}"),
        line("{\"type\":\"message\",\"timestamp\":\"x\",\"role\":\"user\",\"content\":\"what was asked\"}"),
    ];
    for piece in &said.text {
        out.push(line(&format!(
            "{{\"type\":\"message\",\"timestamp\":\"x\",\"role\":\"assistant\",\"content\":\"{}\",\"delta\":true}}",
            escape(piece)
        )));
    }
    out.push(line(&format!(
        "{{\"type\":\"result\",\"timestamp\":\"x\",\"status\":\"success\",\"stats\":{{\"total_tokens\":{},\"input_tokens\":{PROMPT},\
         \"output_tokens\":{},\"cached\":{},\"duration_ms\":1,\"tool_calls\":0}}}}",
        PROMPT + said.written(),
        said.written(),
        said.cached
    )));
    out
}
