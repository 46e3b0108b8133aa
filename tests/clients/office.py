"""An office for the tests: one hub of its own, in its own folder, on free ports of the loopback.

It uses nothing but the contract of the command line and of the two files, so it tests them too.
The hub and every mail program run as `nobody` where the tests are run by root, for `serve` refuses root.
"""

import itertools
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from dataclasses import dataclass

DOMAIN = "example.com"
READY_S = 30
STOP_S = 5
USERS = 120


class Failure(Exception):
    """A case did not see what it must see; the text says what came instead."""


@dataclass
class User:
    name: str
    password: str

    @property
    def address(self):
        return f"{self.name}@{DOMAIN}"


class Office:
    """`with Office(binary) as office:` serves from here to the end of the block."""

    def __init__(self, binary, lan=None, ports=None):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="postroom-clients-"))
        self.account = ordinary_account()
        self._give(self.root)
        # A copy: the build folder may be closed to `nobody`.
        self.binary = self.root / "postroom"
        shutil.copy(binary, self.binary)
        self.binary.chmod(0o755)
        self.office = self.folder("office")
        self.config = self.office / "postroom.toml"
        self.smtp, self.smtps, self.pop3, self.pop3s, self.metrics = (ports or free_ports)(5)
        self._numbers = itertools.count()
        self._make(lan)

    def __enter__(self):
        self.log = self.root / "log"
        self.process = subprocess.Popen(
            [self.binary, "--config", self.config, "serve"],
            stdout=subprocess.PIPE, stderr=self.log.open("wb"), env=self.environment(), **self.account)
        ready = threading.Event()
        threading.Thread(target=self._await_ready, args=(ready,), daemon=True).start()
        if not ready.wait(READY_S) or self.process.poll() is not None:
            self.process.kill()
            raise Failure(f"the hub was not ready within {READY_S} s; its log ends:\n{self.log_end()}")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def stop(self):
        """SIGTERM; the hub must be gone within its 5 s with exit code 0."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise Failure(f"the hub still ran {STOP_S} s after SIGTERM") from None
        if code != 0:
            raise Failure(f"after SIGTERM the hub left with exit code {code}")

    def user(self):
        """A user whose mailbox no other case touches."""
        number = next(self._numbers)
        if number >= USERS:
            raise Failure("no user left: raise USERS in office.py")
        return User(f"user{number}", self.password)

    def folder(self, name):
        """A new folder that the mail programs may write to."""
        path = self.root / name
        path.mkdir()
        self._give(path)
        return path

    def file(self, name, content, mode=0o600):
        """A new file that the mail programs may read; msmtp and fetchmail refuse one that others may read."""
        path = self.root / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        self._give(path)
        return path

    def run(self, *argv, stdin=b"", timeout_s=30, expect=0):
        """Runs a mail program to its end and returns what it wrote; `expect` is the exit code it must leave with."""
        argv = [str(word) for word in argv]
        try:
            done = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout_s,
                                  env=self.environment(), cwd=self.root, **self.account)
        except subprocess.TimeoutExpired:
            raise Failure(f"{argv[0]} did not end within {timeout_s} s") from None
        if done.returncode != expect:
            said = (done.stderr + done.stdout)[-1500:].decode(errors="replace")
            raise Failure(f"{' '.join(argv)}\nleft with exit code {done.returncode}, not {expect}, and said:\n{said}")
        return done.stdout

    def postroom(self, *argv, stdin=b""):
        return self.run(self.binary, "--config", self.config, *argv, stdin=stdin)

    def environment(self):
        return {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.root), "TERM": "xterm", "LANG": "C.UTF-8",
                "USER": "nobody", "TMPDIR": str(self.root)}

    def log_end(self, lines=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _make(self, lan):
        self.run(self.binary, "init", "--dir", self.office, "--domain", DOMAIN, "--hostname", "post.example.com", "--loopback")
        # A copy, as a PC that has imported the office CA: the folder itself may be closed to mail programs.
        self.ca = self.file("ca.pem", (self.office / "tls" / "ca.pem").read_bytes(), 0o644)
        text = self.config.read_text()
        text = set_listen(text, "smtp", "listen", self.smtp)
        text = set_listen(text, "smtp", "listen_tls", self.smtps)
        text = set_listen(text, "pop3", "listen", self.pop3)
        text = set_listen(text, "pop3", "listen_tls", self.pop3s)
        text = set_listen(text, "metrics", "listen", self.metrics)
        if lan is not None:
            # init writes the default as a comment.
            text, found = re.subn(r"(?m)^#?lan *=.*$", f"lan = {lan}", text)
            if found != 1:
                raise Failure(f"init wrote {found} lines of `lan`, not one")
        self.config.write_text(text)
        self.password = "correct horse 7"
        self.postroom("user", "add", "anna", "--password-stdin", stdin=f"{self.password}\n".encode())
        self.anna = User("anna", self.password)
        self._add_users()

    def _add_users(self):
        """A user for each case, all with anna's password hash: `user add` for each would cost a hash each."""
        directory = self.office / "directory.toml"
        hashed = re.search(r'(?m)^password = "(\$argon2id\$[^"]+)"', directory.read_text())
        if not hashed:
            raise Failure("user add wrote no argon2id hash into directory.toml")
        with directory.open("a") as file:
            for number in range(USERS):
                file.write(f'\n[users.user{number}]\npassword = "{hashed[1]}"\n')

    def _await_ready(self, ready):
        for line in self.process.stdout:
            if line.strip().startswith(b"ready"):
                ready.set()
        ready.set()  # the end of its output: __enter__ sees whether it still lives

    def _give(self, path):
        if self.account:
            shutil.chown(path, self.account["user"], self.account["group"])


def ordinary_account():
    """Who programs run as, as subprocess wants it."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def free_ports(count):
    """Ports that are free now; all are held until the last is found, so that none comes twice."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def set_listen(text, section, key, port):
    """Sets one listen line of postroom.toml, or adds it at the head of its section."""
    line = f'{key} = ["127.0.0.1:{port}"]'
    head, found, rest = text.partition(f"\n[{section}]\n")
    if not found:
        raise Failure(f"init wrote no [{section}] section")
    body, next_section, tail = re.match(r"(?s)(.*?)(?:(\n\[)(.*))?\Z", rest).groups(default="")
    changed, count = re.subn(rf"(?m)^{key} *=.*$", line, body)
    if count == 0:
        changed = f"{line}\n{body}"
    return head + found + changed + next_section + tail
