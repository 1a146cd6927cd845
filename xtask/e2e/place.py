"""A repository to make turns of `rt` in, and an edit for it."""

import os
import subprocess

BEFORE, AFTER = "fn a() {}\n", "fn a() -> u8 {\n    1\n}\n"
EDIT = f"Sure.\n\nsrc/lib.rs\n```rust\n<<<<<<< SEARCH\n{BEFORE}=======\n{AFTER}>>>>>>> REPLACE\n```\n"


class Place:
    """A repository with one file, and a home that belongs to nobody."""

    def __init__(self, root, rt, name, protocol, url, model="flash"):
        self.work, home = root / name, root / f"{name}.home"
        (self.work / "src").mkdir(parents=True)
        home.mkdir()
        (self.work / "src/lib.rs").write_text(BEFORE)
        (home / "gitconfig").write_text("[user]\n\tname = Ada Example\n\temail = ada@example.invalid\n[init]\n\tdefaultBranch = main\n")
        provider = f"RT__PROVIDERS__{name.upper()}__"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "RT_HOME": str(home / ".retort"),
            "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            f"{provider}KIND": protocol,
            f"{provider}BASE_URL": url,
            f"{provider}KEY_ENV": "MOCK_KEY",
            f"{provider}RETRY__BASE": "10ms",
            f"{provider}RETRY__MAX": "2",
            "MOCK_KEY": "test-key-not-real",
        }
        self.rt, self.model = rt, f"{name}/{model}"
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "Begin")

    def git(self, *args):
        return subprocess.run(["git", *args], cwd=self.work, env=self.env, check=True, capture_output=True, text=True).stdout

    def run(self, *args):
        return subprocess.run([self.rt, *args], cwd=self.work, env=self.env, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def turn(self, words):
        # Naming the file shows it to the model.
        return self.run("--model", self.model, "--message", f"{words} in src/lib.rs")

    def start(self, words):
        command = [self.rt, "--model", self.model, "--message", f"{words} in src/lib.rs"]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}
        return subprocess.Popen(command, cwd=self.work, env=self.env, **pipes)

    def reset(self):
        self.git("reset", "--quiet", "--hard", "HEAD")
        (self.work / "src/lib.rs").write_text(BEFORE)
        if self.git("status", "--porcelain"):
            self.git("commit", "--quiet", "--all", "--message", "As before")
