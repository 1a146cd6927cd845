#!/usr/bin/env python3
"""Whole turns of `rt` against a mock of the providers that somebody else wrote: aimock.py RT LLMOCK

LLMOCK is the program of that name of the npm package @copilotkit/aimock. It is started here on loopback and stopped at the end.
Each protocol gets a repository of its own: an edit that is committed, a limit of requests that passes, an overload that does not,
a stream that is cut, calls of tools that nobody offered. What the mock kept of our requests must have the user's words.

Where the mock is not like the providers: Gemini's finishReason is FUNCTION_CALL after a call (the API says STOP), token counts are
0 unless given.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

from place import AFTER, BEFORE, EDIT, Place

LONG = "This answer is cut off in the middle of its stream by the server and not by whoever reads it. " * 3

# name -> (protocol, what the address ends with, the path of a request)
PROVIDERS = {
    "chat": ("openai", "/v1", "/v1/chat/completions"),
    "responses": ("responses", "/v1", "/v1/responses"),
    "claude": ("anthropic", "", "/v1/messages"),
    "google": ("gemini", "", "/v1beta/models/flash:streamGenerateContent?alt=sse"),
    "llamas": ("ollama", "", "/api/chat"),
}


def fixtures():
    """One answer for each word of a message and each provider, because the mock counts how often a fixture was used."""
    out = []

    def add(words, name, response, **more):
        match = {"userMessage": f"{words} {name}"} | more.pop("match", {})
        out.append({"match": match, "response": response, **more})

    usage = {"prompt_tokens": 1200, "completion_tokens": 34, "input_tokens": 1200, "output_tokens": 34}
    for name in PROVIDERS:
        limit = {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429, "retryAfter": 1}
        add("edit", name, {"content": EDIT, "reasoning": "Let me think.", "usage": usage})
        add("limited", name, limit, match={"sequenceIndex": 0})
        add("limited", name, {"content": EDIT}, match={"sequenceIndex": 1})
        add("overloaded", name, {"error": {"message": "Overloaded", "type": "overloaded_error"}, "status": 529})
        add("cut", name, {"content": LONG}, truncateAfterChunks=9)
        calls = [{"name": "look", "arguments": {"at": at}} for at in ("a.rs", "b.rs")]
        add("tools", name, {"content": "I look.", "toolCalls": calls})
    return out


class Mock:
    def __init__(self, program, place):
        file, log = place / "fixtures.json", open(place / "llmock.log", "wb")
        file.write_text(json.dumps({"fixtures": fixtures()}))
        # Chunks that come at once would be cut before the head is sent.
        command = [program, "--fixtures", file, "--port", "0", "--strict", "--latency", "20"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            said = (place / "llmock.log").read_text()
            if "listening on " in said:
                self.url = said.split("listening on ")[1].split()[0]
                return
            time.sleep(0.05)
        raise SystemExit(f"{program} did not start: {(place / 'llmock.log').read_text()}")

    def asked(self):
        with urllib.request.urlopen(f"{self.url}/v1/_requests") as response:
            return json.load(response)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def expect(failures, what, true, done):
    if not true:
        failures.append(f"{what}: exit {done.returncode}, {done.stderr[-300:]!r}")


def check(place, path, mock, name):
    wrong, committed = [], lambda: place.git("show", "HEAD:src/lib.rs")

    before = len(mock.asked())
    done = place.turn(f"edit {name}")
    expect(wrong, "edit: committed", done.returncode == 0 and committed() == AFTER, done)
    expect(wrong, "edit: thinking is not in the answer", "Let me think." not in done.stdout, done)
    kept = mock.asked()[before:]
    expect(wrong, "edit: one request", [one["path"] for one in kept] == [path.split("?")[0]] or [one["path"] for one in kept] == [path], done)
    expect(wrong, "edit: the request has our words and the file", all(word in json.dumps(kept) for word in (f"edit {name}", "fn a()")), done)
    expect(wrong, "edit: no key is kept", "test-key-not-real" not in place.run("show", "--json").stdout, done)
    turn = place.run("show", "--json").stdout
    # The mock's Ollama gives its own counts.
    counted = "1200" in turn or name == "llamas"
    expect(wrong, "edit: counts are kept", counted, done)

    place.reset()
    before = len(mock.asked())
    done = place.turn(f"limited {name}")
    statuses = [one["response"]["status"] for one in mock.asked()[before:]]
    expect(wrong, f"limited: waited and committed, not {statuses}", done.returncode == 0 and committed() == AFTER and statuses == [429, 200], done)

    place.reset()
    before = len(mock.asked())
    done = place.turn(f"overloaded {name}")
    statuses = [one["response"]["status"] for one in mock.asked()[before:]]
    expect(wrong, f"overloaded: given up after {statuses}", done.returncode == 4 and "Overloaded" in done.stderr and statuses == [529] * 3, done)

    before = len(mock.asked())
    done = place.turn(f"cut {name}")
    part = place.run("show").stdout
    expect(wrong, "cut: exit code 4, and why", done.returncode == 4 and "cut off" in done.stderr, done)
    expect(wrong, "cut: what came is kept", "This answer is cut" in part and LONG.strip() not in part, done)
    expect(wrong, "cut: not asked again", len(mock.asked()) == before + 1, done)
    expect(wrong, "cut: nothing is changed", committed() == BEFORE and not place.git("status", "--porcelain"), done)

    done = place.turn(f"tools {name}")
    expect(wrong, "tools: the text is shown", "I look." in done.stdout and done.returncode == 0, done)
    done = place.run("--continue", "--model", place.model, "--message", f"edit {name} in src/lib.rs")
    expect(wrong, "tools: the conversation goes on", done.returncode == 0 and committed() == AFTER, done)

    done = place.run("fsck")
    expect(wrong, "fsck", done.returncode == 0, done)
    return wrong


def main(rt, program):
    rt = os.path.abspath(rt)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="rt-aimock-") as root:
        mock = Mock(program, pathlib.Path(root))
        try:
            print("| protocol | verdict |\n|---|---|")
            for name in PROVIDERS:
                protocol, version, path = PROVIDERS[name]
                wrong = check(Place(pathlib.Path(root), rt, name, protocol, mock.url + version), path, mock, name)
                failed += bool(wrong)
                print(f"| {PROVIDERS[name][0]} | {'; '.join(wrong) or 'passes'} |", flush=True)
        finally:
            mock.stop()
    sys.exit(failed > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
