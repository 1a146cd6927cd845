#!/usr/bin/env python3
"""What a real llama-server makes of our requests, and we of its answers, in the three protocols it speaks:
llama_wire.py RT LLAMA_SERVER MODEL

MODEL is made by tiny_gguf.py. Its weights are random: what it says is decided by grammars and by biases on single tokens.
A whole edit, calls of tools and their results, an answer by a schema, a prompt that is too long, a server that dies.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from place import AFTER, BEFORE, EDIT, Place

# name -> (protocol of the provider, what its address ends with, the word for `rt debug`, the path of a request)
PROTOCOLS = {
    "chat": ("openai", "/v1", "llamacpp", "/v1/chat/completions"),
    "messages": ("anthropic", "", "anthropic", "/v1/messages"),
    "responses": ("responses", "/v1", "openai-responses", "/v1/responses"),
}
# Tokens of the model: what opens a call, and the end.
CALL, END = 260, 259


class Server:
    """A llama-server of our own; leaving the block ends it."""

    def __init__(self, program, model, place, *more):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = place / f"server-{self.port}.log"
        command = [program, "--model", model, "--host", "127.0.0.1", "--port", str(self.port), "--alias", "tiny", "--parallel", "1"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*command, *more], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        end = time.monotonic() + 120
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        raise SystemExit(f"llama-server did not start: {self.log.read_text()[-2000:]}")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def one_path(text):
    """A grammar that allows `text` and nothing else."""
    for plain, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        text = text.replace(plain, written)
    return f'root ::= "{text}"\n'


def body_of(rt, word, sample, answer=None):
    command = [rt, "debug", "body", "--provider", word, "--sample", sample, "--model", "tiny"]
    done = subprocess.run(command + (["--answer"] if answer else []), input=answer, capture_output=True, check=True)
    return json.loads(done.stdout)


def events(rt, word, status, raw):
    done = subprocess.run([rt, "debug", "wire", "--provider", word, "--status", str(status)], input=raw, capture_output=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def limited(name, body, tokens=600):
    """Random weights may go on for long; the seed makes a failure happen again."""
    body[{"chat": "max_tokens", "messages": "max_tokens", "responses": "max_output_tokens"}[name]] = tokens
    return body | {"seed": 7}


def a_turn(rt, root, program, model):
    grammar = root / "edit.gbnf"
    grammar.write_text(one_path(EDIT))
    with Server(program, model, root, "--grammar-file", grammar, "--ctx-size", "32768") as server:
        for name, (protocol, version, _, _) in PROTOCOLS.items():
            place = Place(root, rt, name, protocol, server.url + version, "tiny")
            done = place.turn("edit it")
            committed = place.git("show", "HEAD:src/lib.rs") == AFTER
            yield f"{name}: edit", committed and done.returncode == 0 and EDIT in done.stdout, done.stderr
            done = place.run("fsck")
            yield f"{name}: fsck", done.returncode == 0, done.stdout + done.stderr


def tools(rt, root, program, model):
    template = pathlib.Path(__file__).with_name("tools.jinja")
    bias = ["--logit-bias", f"{CALL}+100", "--logit-bias", f"{END}+200"]
    with Server(program, model, root, "--jinja", "--chat-template-file", template, "--ctx-size", "8192", *bias) as server:
        for name, (_, _, word, path) in PROTOCOLS.items():
            body = limited(name, body_of(rt, word, "tools"))
            body["tool_choice"] = {"type": "any"} if name == "messages" else "required"
            status, raw = server.post(path, body)
            said = events(rt, word, status, raw)
            calls = [event for event in said if event["event"] == "tool-call"]
            good = [call["name"] == "look" and json.loads(call["arguments"])["at"] in ("a.png", "b.png") for call in calls]
            stop = [event["reason"] for event in said if event["event"] == "stop"]
            yield f"{name}: tool call", good and all(good) and stop == ["tool-use"], f"{status} {said}"
            # The results go back in our words, the calls in the server's own.
            status, raw = server.post(path, limited(name, body_of(rt, word, "tools", raw), 5) | {"tools": []})
            yield f"{name}: tool result", status == 200, f"{status} {raw[:300]}"


def schema(rt, root, program, model):
    """Of the three, only chat completions heed a schema in this server; the others answer as they like, without an error."""
    with Server(program, model, root, "--ctx-size", "8192") as server:
        for name, (_, _, word, path) in PROTOCOLS.items():
            status, raw = server.post(path, limited(name, body_of(rt, word, "schema")))
            said = events(rt, word, status, raw)
            text = "".join(event["text"] for event in said if event["event"] == "text")
            ended = [event["event"] for event in said][-1:] == ["stop"]
            yield f"{name}: schema is taken", status == 200 and ended, f"{status} {said[-1:]}"
            if name == "chat":
                yield f"{name}: schema is heeded", is_answer(text), text


def is_answer(text):
    try:
        return type(json.loads(text)["cat"]) is bool
    except (ValueError, KeyError, TypeError):
        return False


def too_long(rt, root, program, model):
    with Server(program, model, root, "--ctx-size", "512") as server:
        for name, (protocol, version, _, _) in PROTOCOLS.items():
            place = Place(root, rt, f"long{name}", protocol, server.url + version, "tiny")
            done = place.turn("x " * 2000)
            said = "exceeds the available context size" in done.stderr
            yield f"{name}: too long", done.returncode == 4 and said and "trying again" not in done.stderr, done.stderr


def dies(rt, root, program, model):
    grammar = root / "long.gbnf"
    grammar.write_text(f'root ::= "Begin. " {"part " * 15}\npart ::= [a-z]{{2000}}\n')
    for name, (protocol, version, _, _) in PROTOCOLS.items():
        with Server(program, model, root, "--grammar-file", grammar, "--ctx-size", "65536") as server:
            place = Place(root, rt, f"dies{name}", protocol, server.url + version, "tiny")
            running = place.start("edit it")
            # The text is on its way as soon as some of it is seen.
            first = b"".join(running.stdout.read(1) for _ in range(50))
            os.kill(server.process.pid, signal.SIGKILL)
            rest, errors = running.communicate(timeout=60)
            shown = place.run("show").stdout
            said = (first + rest).decode()
            kept = said.startswith("Begin. ") and said[:40] in shown
            untouched = place.git("show", "HEAD:src/lib.rs") == BEFORE and not place.git("status", "--porcelain")
            yield f"{name}: the server dies", running.returncode == 4 and kept and untouched and b"cut off" in errors, f"{said[:50]} {shown[:200]} {errors}"


def main(rt, program, model):
    rt, program, model = map(os.path.abspath, (rt, program, model))
    failed = 0
    with tempfile.TemporaryDirectory(prefix="rt-llama-") as root:
        print("| what | verdict |\n|---|---|")
        for part in (a_turn, tools, schema, too_long, dies):
            place = pathlib.Path(root) / part.__name__
            place.mkdir()
            for what, good, why in part(rt, place, program, model):
                failed += not good
                print(f"| {what} | {'passes' if good else repr(why[-600:])} |", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
