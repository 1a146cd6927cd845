#!/usr/bin/env python3
"""Compares what `rt` reads in recorded answers with what the vendors' own libraries read: sdk_streams.py RT RECORDINGS

Each recording is served to the vendor's library, which puts the answer together its own way; the same bytes go through
`rt debug wire`, in one piece and in pieces of every size of 1 to 64 bytes and some larger ones. Text, thinking, calls, the reason
to stop and the token counts must be the same.

Needs the packages anthropic, openai, google-genai and ollama.
"""

import json
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import recorded

import anthropic
import ollama
import openai
from google import genai

SIZES = [*range(1, 65), 100, 127, 128, 255, 256, 1000, 1024, 4096, 16384]

SERVER = recorded.Server()


def ask_anthropic():
    client = anthropic.Anthropic(base_url=SERVER.url, api_key="none", max_retries=0)
    with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as stream:
        message = stream.get_final_message()
    usage = message.usage
    details = getattr(usage, "output_tokens_details", None)
    return {
        "text": "".join(block.text for block in message.content if block.type == "text"),
        "reasoning": "".join(block.thinking for block in message.content if block.type == "thinking"),
        "calls": [[block.id, block.name, block.input] for block in message.content if block.type == "tool_use"],
        "stop": stop_of(message),
        "usage": [
            usage.input_tokens,
            usage.cache_read_input_tokens or 0,
            usage.cache_creation_input_tokens or 0,
            usage.output_tokens,
            (details and details.thinking_tokens) or 0,
        ],
        "served": message.model,
    }


def stop_of(message):
    if message.stop_reason == "refusal":
        return f"refused: {message.stop_details.category}: {message.stop_details.explanation}"
    return {"end_turn": "end", "stop_sequence": "end", "tool_use": "tool-use", "max_tokens": "length"}[message.stop_reason]


def ask_chat():
    client = openai.OpenAI(base_url=SERVER.url, api_key="none", max_retries=0)
    with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as stream:
        whole = stream.get_final_completion()
    choice, usage = whole.choices[0], whole.usage
    message = choice.message
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    cached = (prompt and prompt.cached_tokens) or 0
    reasoning = (completion and completion.reasoning_tokens) or 0
    # xAI counts thinking beside the completion; the total says so.
    beside = reasoning if usage.prompt_tokens + usage.completion_tokens + reasoning == usage.total_tokens else 0
    return {
        "text": message.content or "",
        "reasoning": (message.model_extra or {}).get("reasoning_content") or "",
        "calls": [[call.id, call.function.name, json.loads(call.function.arguments)] for call in message.tool_calls or []],
        "stop": {"stop": "end", "tool_calls": "tool-use", "length": "length"}[choice.finish_reason],
        "usage": [usage.prompt_tokens - cached, cached, 0, usage.completion_tokens + beside, reasoning],
        "served": whole.model,
    }


def ask_responses():
    client = openai.OpenAI(base_url=SERVER.url, api_key="none", max_retries=0)
    pieces, thoughts = "", {}
    with client.responses.stream(model="m", input="x") as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                pieces += event.delta
            if event.type in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
                place = (event.item_id, getattr(event, "summary_index", 0))
                thoughts[place] = thoughts.get(place, "") + event.delta
        whole = stream.get_final_response()
    if pieces != whole.output_text:
        raise AssertionError(f"the library's pieces are not its whole: {pieces!r} {whole.output_text!r}")
    calls = [item for item in whole.output if item.type == "function_call"]
    usage = whole.usage
    read, made = usage.input_tokens_details, usage.output_tokens_details
    cached = (read and read.cached_tokens) or 0
    written = (read and getattr(read, "cache_write_tokens", 0)) or 0
    return {
        "text": whole.output_text,
        "reasoning": "\n\n".join(thoughts.values()),
        "calls": [[call.call_id, call.name, json.loads(call.arguments)] for call in calls],
        "stop": "tool-use" if calls else {"completed": "end", "incomplete": "length"}[whole.status],
        "usage": [
            usage.input_tokens - cached - written,
            cached,
            written,
            usage.output_tokens,
            (made and made.reasoning_tokens) or 0,
        ],
        "served": whole.model,
    }


def ask_gemini(whole=False):
    client = genai.Client(api_key="none", http_options={"base_url": SERVER.url, "api_version": "v1beta"})
    if whole:
        chunks = [client.models.generate_content(model="m", contents="x")]
    else:
        chunks = list(client.models.generate_content_stream(model="m", contents="x"))
    parts, stop, usage = [], None, None
    for chunk in chunks:
        candidate = chunk.candidates[0]
        parts += (candidate.content and candidate.content.parts) or []
        stop = candidate.finish_reason or stop
        usage = chunk.usage_metadata or usage
    calls = [part.function_call for part in parts if part.function_call]
    cached, thoughts = usage.cached_content_token_count or 0, usage.thoughts_token_count or 0
    read = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
    return {
        "text": "".join(part.text for part in parts if part.text and not part.thought),
        "reasoning": "".join(part.text for part in parts if part.text and part.thought),
        "calls": [[call.id, call.name, call.args] for call in calls],
        "stop": {"STOP": "tool-use" if calls else "end", "MAX_TOKENS": "length"}[stop.name],
        "usage": [read - cached, cached, 0, (usage.candidates_token_count or 0) + thoughts, thoughts],
        "served": chunks[-1].model_version,
    }


def ask_ollama():
    client = ollama.Client(host=SERVER.url)
    lines = list(client.chat(model="m", messages=[{"role": "user", "content": "x"}], stream=True))
    calls = [call.function for line in lines for call in line.message.tool_calls or []]
    last = lines[-1]
    return {
        "text": "".join(line.message.content or "" for line in lines),
        "reasoning": "".join(line.message.thinking or "" for line in lines),
        # The library knows no ids of calls.
        "calls": [[None, call.name, dict(call.arguments)] for call in calls],
        "stop": "tool-use" if calls else {"stop": "end", "length": "length"}[last.done_reason],
        "usage": [last.prompt_eval_count, 0, 0, last.eval_count, 0],
        "served": last.model,
    }


def said_by_claude(raw):
    """There is no library for this program; its last line says what the whole came to."""
    last = [json.loads(line) for line in raw.splitlines() if b'"type":"result"' in line.replace(b" ", b"")][-1]
    usage = last["usage"]
    return {
        "text": last["result"],
        "usage": [
            usage["input_tokens"],
            usage["cache_read_input_tokens"],
            usage["cache_creation_input_tokens"],
            usage["output_tokens"],
        ],
        "stop": "end",
    }


def said_by_codex(raw):
    """Nor for this one; the finished items and the last count are what it came to."""
    lines = [json.loads(line) for line in raw.splitlines()]
    items = [line["params"]["item"] for line in lines if line.get("method") == "item/completed"]
    usage = [line["params"]["tokenUsage"] for line in lines if line.get("method") == "thread/tokenUsage/updated"][-1]["total"]
    cached = usage["cachedInputTokens"]
    return {
        "text": "".join(item["text"] for item in items if item["type"] == "agentMessage"),
        "usage": [usage["inputTokens"] - cached, cached, 0, usage["outputTokens"], usage["reasoningOutputTokens"]],
        "stop": "end",
    }


def wire(rt, provider, raw, size=None, status=200):
    command = [rt, "debug", "wire", "--provider", provider, "--status", str(status)]
    done = subprocess.run(command + (["--chunk", str(size)] if size else []), input=raw, capture_output=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def joined(events):
    out = {"text": "", "reasoning": "", "calls": [], "stop": None, "usage": [0] * 5, "served": None, "error": None}
    for event in events:
        match event["event"]:
            case "text":
                out["text"] += event["text"]
            case "reasoning":
                out["reasoning"] += event["text"]
            case "tool-call":
                out["calls"].append([event["id"], event["name"], json.loads(event["arguments"])])
            case "stop":
                out["stop"] = event["reason"]
            case "usage":
                out["usage"] = [event[key] for key in ("input", "cache_read", "cache_write", "output", "reasoning")]
            case "served":
                out["served"] = event["model"]
            case "error":
                out["error"] = event
    return out


def framed(raw, protocol):
    """A recording that has its payloads only, as it was on the wire."""
    out = b""
    for line in raw.splitlines():
        if protocol == "anthropic":
            out += b"event: " + json.loads(line)["type"].encode() + b"\n"
        out += b"data: " + line + b"\n\n"
    return out


def protocol_of(path, raw):
    match path.parent.name:
        case "openai-chat" | "llamacpp":
            return "chat"
        case "openai-responses":
            return "responses"
        case "xai":
            return "responses" if b'"response.' in raw else "chat"
        case other:
            return other


ASK = {
    "anthropic": ask_anthropic,
    "chat": ask_chat,
    "responses": ask_responses,
    "gemini": ask_gemini,
    "ollama": ask_ollama,
}
# The word for `rt debug wire`.
WORD = {"chat": "openai"}

# The status that an error came with, what its library raises, and what `rt` makes of it.
ERRORS = {
    "anthropic/error-bad-key.json": (401, anthropic.AuthenticationError, "auth"),
    "gemini/429-retry-info.json": (429, genai.errors.ClientError, "rate-limited"),
    "gemini/error-bad-key.json": (400, genai.errors.ClientError, "auth"),
    "llamacpp/context-overflow.json": (400, openai.BadRequestError, "context-too-long"),
    "ollama/error-bad-model-1.json": (404, ollama.ResponseError, "not-found"),
    "ollama/error-bad-model-2.json": (500, ollama.ResponseError, "overloaded"),
    "openai-chat/error-bad-key.json": (401, openai.AuthenticationError, "auth"),
    "openai-responses/error-bad-model.json": (400, openai.BadRequestError, "not-found"),
    "xai/error-auth.json": (400, openai.BadRequestError, "auth"),
}


def compare(want, got):
    """The fields in which both differ."""
    wrong = []
    for field, value in want.items():
        ours = got[field]
        if field == "calls":
            # Who gives no id is given one here.
            ours = [[None if theirs[0] is None else mine[0], *mine[1:]] for mine, theirs in zip(ours, value)] + ours[len(value) :]
        if field == "usage":
            ours = ours[: len(value)]
        if ours != value:
            wrong.append(f"{field}: ours {ours!r}, theirs {value!r}")
    return wrong


def check_error(rt, name, raw, protocol):
    status, raised, fault = ERRORS[name]
    SERVER.play(raw, status, "application/json")
    try:
        ASK[protocol]()
        return ["the library raises nothing"]
    except raised as error:
        said = f"{error} {getattr(error, 'body', '')}"
    got = joined(wire(rt, WORD.get(protocol, protocol), raw, status=status))["error"]
    if got is None:
        return ["no error"]
    wrong = [] if got["fault"] == fault else [f"fault: ours {got['fault']}, expected {fault}"]
    if got["status"] != status:
        wrong.append(f"status: ours {got['status']}")
    if got["message"].strip() not in said and got["message"].split(" (")[0] not in said:
        wrong.append(f"message: ours {got['message']!r}, theirs {said!r}")
    return wrong


def check_stream(rt, path, name, raw, protocol):
    if path.suffixes == [".chunks", ".txt"]:
        raw = framed(raw, protocol)
    first = b'data: {"type":"response.created"'
    if protocol == "responses" and raw.count(first) > 1:
        # Whoever published it joined several answers.
        return [wrong for one in raw.split(first)[1:] for wrong in check_stream(rt, path.with_suffix(""), name, first + one, protocol)]
    word = WORD.get(protocol, protocol)
    events = wire(rt, word, raw)
    got = joined(events)
    if name == "openai-responses/error-in-stream.chunks.txt":
        SERVER.play(raw)
        try:
            ask_responses()
            wrong = ["the library raises nothing"]
        except openai.APIError as error:
            same = got["error"] and got["error"]["message"] in str(error) and got["error"]["fault"] == "quota-used-up"
            wrong = [] if same else [f"ours {got['error']}, theirs {error}"]
    elif name == "claude-cli/bad-session.ndjson":
        said = json.loads(raw.splitlines()[-1])["errors"]
        wrong = [] if got["error"] and got["error"]["message"] == "; ".join(said) else [f"ours {got['error']}, theirs {said}"]
    else:
        if protocol == "claude-cli":
            want = said_by_claude(raw)
        elif protocol == "codex-cli":
            want = said_by_codex(raw)
        elif path.suffix == ".json":
            SERVER.play(raw, kind="application/json")
            want = ask_gemini(whole=True)
        else:
            SERVER.play(raw, kind="application/x-ndjson" if path.suffix == ".ndjson" else "text/event-stream")
            want = ASK[protocol]()
        wrong = compare(want, got)
        if got["error"]:
            wrong.append(f"error: {got['error']}")
    with ThreadPoolExecutor(2) as pool:
        split = pool.map(lambda size: (size, wire(rt, word, raw, size)), [size for size in SIZES if size < len(raw)])
        wrong += [f"other events in pieces of {size} bytes" for size, other in split if other != events]
    return wrong


def main(rt, root):
    failed = 0
    print("| recording | verdict |\n|---|---|")
    for path in sorted(pathlib.Path(root).glob("*/*")):
        name = f"{path.parent.name}/{path.name}"
        if name == "ollama/tags.json":
            continue
        raw = path.read_bytes()
        protocol = protocol_of(path, raw)
        try:
            check = check_error(rt, name, raw, protocol) if name in ERRORS else check_stream(rt, path, name, raw, protocol)
        except Exception as error:
            check = [f"{type(error).__name__}: {error}"]
        failed += bool(check)
        print(f"| {name} | {'; '.join(check) or 'equal'} |", flush=True)
    versions = ", ".join(f"{package.__name__} {package.__version__}" for package in (anthropic, openai, genai))
    print(f"\nagainst {versions} and ollama", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
