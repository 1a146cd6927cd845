#!/usr/bin/env python3
"""Checks the bodies that `rt` sends against the types in the vendors' own libraries: sdk_bodies.py RT RECORDINGS

The bodies are those of `rt debug body`: each fixed conversation for each provider, and each recorded answer with the
conversation going on after it, so the provider's own parts go back. A field that a library does not know is an error, at any depth.

Needs the packages anthropic, openai, google-genai and ollama.
"""

import json
import pathlib
import subprocess
import sys
import typing

# The libraries say Iterable where a list is meant, and pydantic would look into one only when it is walked.
typing.Iterable = typing.List

import typing_extensions
from pydantic import ConfigDict, TypeAdapter, ValidationError

import anthropic.types.message_create_params as anthropic_types
import openai.types.chat.completion_create_params as chat_types
import openai.types.responses.response_create_params as responses_types
import sdk_streams
from google.genai import types as genai_types
from ollama import _types as ollama_types


def strict(kind):
    """A check for `kind` that refuses fields that it, or anything in it, does not have."""
    for name, module in list(sys.modules.items()):
        if name.startswith((anthropic_types.__name__.split(".")[0], chat_types.__name__.split(".")[0])):
            for held in vars(module).values():
                if typing_extensions.is_typeddict(held):
                    held.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return TypeAdapter(kind)


ANTHROPIC = strict(anthropic_types.MessageCreateParamsStreaming)
CHAT = strict(chat_types.CompletionCreateParamsStreaming)
RESPONSES = strict(responses_types.ResponseCreateParamsStreaming)

# What models before Claude 5 take; the catalogue says which ones do not, and the library names it no more.
ANTHROPIC_BESIDE = {"temperature", "top_p", "top_k"}
# What servers other than OpenAI's own take beside what OpenAI defined.
BESIDE = {"top_k", "min_p", "repeat_penalty", "mirostat", "mirostat_tau", "mirostat_eta"}
# What Ollama's server knows and its Python library does not.
OLLAMA_BESIDE = {"messages.tool_calls.id", "messages.tool_calls.function.index", "options.min_p"}


def paths(value, at=""):
    """The places of all fields."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{at}.{key}".lstrip(".")
            yield from paths(inner, f"{at}.{key}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, at)


def check_gemini(body):
    known = {"contents", "systemInstruction", "tools", "generationConfig"}
    if set(body) - known:
        raise ValueError(f"unknown: {sorted(set(body) - known)}")
    for content in [*body["contents"], body["systemInstruction"]]:
        genai_types.Content.model_validate(content)
    for tool in body.get("tools", []):
        genai_types.Tool.model_validate(tool)
    genai_types.GenerationConfig.model_validate(body.get("generationConfig", {}))


def kept(kind, value):
    """What is left of `value` when the library read it as `kind`."""
    return kind.model_validate(value).model_dump(exclude_none=True)


def check_ollama(body):
    left = kept(ollama_types.ChatRequest, body)
    # The library takes these as they are there, and reads them on the way out.
    left["messages"] = [
        kept(ollama_types.Message, message | {"images": [{"value": image} for image in message.get("images", [])]})
        for message in body["messages"]
    ]
    left["options"] = kept(ollama_types.Options, body.get("options", {}))
    there = set(paths(left))
    # A schema, or the arguments of a call, hold what they like.
    free = ("format.", "tools.function.parameters.", "messages.tool_calls.function.arguments.")
    lost = {path for path in paths(body) if path not in there and not path.startswith(free)} - OLLAMA_BESIDE
    if lost:
        raise ValueError(f"unknown: {sorted(lost)}")


def without(body, names):
    return {key: value for key, value in body.items() if key not in names}


def check(provider, body):
    match provider:
        case "anthropic":
            ANTHROPIC.validate_python(without(body, ANTHROPIC_BESIDE))
        case "openai-chat":
            CHAT.validate_python(body)
        case "llamacpp":
            CHAT.validate_python(without(body, BESIDE))
        case "openai-responses" | "xai":
            RESPONSES.validate_python(body)
        case "gemini":
            check_gemini(body)
        case "ollama":
            check_ollama(body)


def body_of(rt, provider, sample, answer=None):
    command = [rt, "debug", "body", "--provider", provider, "--sample", sample]
    done = subprocess.run(command + (["--answer"] if answer is not None else []), input=answer, capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    if b"This tool was not run." in done.stdout and answer is not None:
        raise RuntimeError("a result did not come to its call")
    return json.loads(done.stdout)


def verdict(provider, make):
    try:
        check(provider, make())
        return "valid"
    except ValidationError as error:
        # A union is told with each of its kinds, by names of any length; what went deepest is what was meant.
        deepest = sorted(error.errors(), key=lambda one: -len(one["loc"]))[:3]
        return "; ".join(f"{'.'.join(str(at)[:40] for at in one['loc'])}: {one['msg']}" for one in deepest)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def self_test():
    """A check that takes anything would be no check."""
    user = [{"role": "user", "content": "x"}]
    wrong = [
        ("anthropic", {"model": "m", "stream": True, "messages": user}),
        ("anthropic", {"model": "m", "stream": True, "max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "text"}]}]}),
        ("openai-chat", {"model": "m", "stream": True, "messages": [{"role": "tool", "content": "x"}]}),
        ("openai-chat", {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x", "new": 1}]}),
        ("openai-responses", {"model": "m", "stream": True, "input": [{"type": "function_call", "name": "x"}]}),
        ("gemini", {"contents": [{"parts": [{"txt": "x"}]}], "systemInstruction": {}}),
        ("ollama", {"model": "m", "messages": [{"role": "user", "content": "x", "new": 1}]}),
    ]
    return [f"the check of {provider} takes {body}" for provider, body in wrong if verdict(provider, lambda: body) == "valid"]


def main(rt, root):
    failed = self_test()
    print("| body | verdict |\n|---|---|")

    def row(what, provider, make):
        said = verdict(provider, make)
        print(f"| {what} | {said} |", flush=True)
        if said != "valid":
            failed.append(what)

    for provider in ["anthropic", "openai-chat", "openai-responses", "xai", "llamacpp", "gemini", "ollama"]:
        for sample in ["text", "tools", "schema", "document", "everything"]:
            if (provider, sample) != ("ollama", "document"):
                row(f"{provider}: {sample}", provider, lambda: body_of(rt, provider, sample))
    for path in sorted(pathlib.Path(root).glob("*/*")):
        name = f"{path.parent.name}/{path.name}"
        if "error" in name or "cli" in name or path.suffix == ".json":
            continue
        raw = path.read_bytes()
        protocol = sdk_streams.protocol_of(path, raw)
        if path.suffix == ".txt":
            raw = sdk_streams.framed(raw, protocol)
        provider = {"chat": "llamacpp", "responses": "openai-responses"}.get(protocol, protocol)
        row(f"after {name}", provider, lambda: body_of(rt, provider, "tools", raw))
    for why in failed:
        print("not valid:", why, file=sys.stderr)
    sys.exit(len(failed) > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
