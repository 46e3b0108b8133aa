"""An office whose mail lies in mailboxes at providers: [[provider]] blocks, polls by command, and who got what.

Mailboxes are read through a hub that knows no provider, so that looking does not fetch.
"""

import collections
import itertools
import os
import re
import shutil
import socket

from mail import check, unfolded
from office import DOMAIN, Failure, Office, User
from wire import Pop3

USERS = ["alice", "bob", "carol", "dave", "erin", "frank.miller", "grace-kim", "reception"]
UNCLAIMED = "unclaimed"
# The one name that stands in the certificates of the servers, and that the system can look up.
HOST = "localhost"
PORTS = itertools.count(20_000 + os.getpid() % 100 * 100)

# What the hub puts above a fetched message. The provider's own Return-Path, if any, stays the only one.
TRACE = re.compile(
    rb"(?P<sender>Return-Path: <[^\r\n]*>\r\n)?(?:Delivered-To: [^\r\n]+\r\n)*"
    rb"(?P<received>Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)")
RECEIVED = re.compile(
    rb"Received: from (?:localhost|127\.0\.0\.1) \(\[127\.0\.0\.1\]\) by post\.example\.com with POP3(?: \(TLS[^()]*\))?"
    rb" id [0-9a-z]{13}(?: for <[^>]+>)?; [A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}")
SUMMARY = re.compile(rb"Return-Path: <>\r\nDelivered-To: postmaster@example\.com\r\nFrom: postroom <postmaster@example\.com>\r\n")


class FetchingOffice(Office):
    """`with FetchingOffice(binary) as office:` is there from here to the end of the block; a hub runs only where one is asked for."""

    def __init__(self, binary):
        super().__init__(binary, ports=steady_ports)
        self.without_providers = self.office / "reading.toml"
        self.without_providers.write_text(self.config.read_text())
        self._give(self.without_providers)
        self.settings = self.config.read_text()
        self._names = itertools.count()
        self.log = self.root / "log"
        self.log.touch()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root, ignore_errors=True)

    def anew(self):
        """The hub knows of no mail and of no provider."""
        shutil.rmtree(self.office / "data")
        self.folder("office/data").chmod(0o700)
        self.config.write_text(self.settings)

    def provider(self, account, to="alice", **settings):
        """A [[provider]] block more: plain POP3, everything to one user, removed at once, unless `settings` say otherwise."""
        name = f"main{next(self._names)}"
        block = {"name": name, "host": HOST, "port": account.server.pop3, "tls": "none", "user": account.name,
                 "password": account.password, "leave_on_server": "0 days", "mode": "single"}
        block |= settings
        if block["mode"] == "single":
            block["to"] = to
        if block["tls"] == "implicit":
            block["port"] = settings.get("port", account.server.pop3s)
        lines = [f"{key} = {value_of(value)}" for key, value in block.items() if value is not None]
        with self.config.open("a") as file:
            file.write("\n[[provider]]\n" + "\n".join(lines) + "\n")
        return name

    def fetch(self, *argv, expect=0):
        """`postroom fetch`; what it said, for it says a failure with what it printed and an exit code."""
        return self.said("fetch", *argv, expect=expect)

    def said(self, *argv, expect=0):
        command = [self.binary, "--config", self.config, *argv]
        return self.run("sh", "-c", 'exec "$@" 2>&1', "sh", *command, expect=expect).decode(errors="replace")

    def serve(self, config=None):
        """`with office.serve() as hub:` the hub, with its providers; also reads mailboxes, see `mailbox`."""
        return Serving(self, config or self.config)

    def mailboxes(self, *users):
        """Who has what: a user's name, or UNCLAIMED, to the messages as they came, trace and all."""
        with self.serve(self.without_providers):
            return self.look(*users)

    def look(self, *users):
        found = {user: self.mailbox(user) for user in users or USERS}
        kept = self.said("unclaimed", "list")
        ids = re.findall(r"(?m)^\s*([0-9a-z]{13})\b", kept)
        found[UNCLAIMED] = [self.postroom("unclaimed", "show", each) for each in ids]
        return {user: messages for user, messages in found.items() if messages}

    def mailbox(self, name):
        """What came for a user, without what a running hub writes to its postmaster about unclaimed mail."""
        session = Pop3(self, User(name, self.password))
        found = session.messages()
        session.close()
        return [each for each in found if not SUMMARY.match(each)]

    def _add_users(self):
        """The users and aliases of ../shared/mail/routing/office.json, all with anna's password."""
        directory = self.office / "directory.toml"
        hashed = re.search(r'(?m)^password = "(\$argon2id\$[^"]+)"', directory.read_text())
        if not hashed:
            raise Failure("user add wrote no argon2id hash into directory.toml")
        users = "".join(f'\n[users."{name}"]\npassword = "{hashed[1]}"\n' for name in USERS)
        aliases = "".join(f"{value_of(name)} = {value_of(to)}\n" for name, to in ALIASES.items())
        directory.write_text(f"{users}\n[aliases]\n{aliases}")
        self.config.write_text(re.sub(r'(?m)^#?unknown_user *=.*$', 'unknown_user = "reception"', self.config.read_text()))


ALIASES = {
    "sales": ["alice", "bob"], "info": ["carol"], "a.smith": ["alice"], "robert": ["bob"], "webmaster": ["erin"],
    "abuse": ["dave"], "postmaster": ["dave"], "board": ["alice", "frank.miller"],
    "staff": ["alice", "bob", "carol", "dave", "erin", "frank.miller", "grace-kim"],
}


class Serving:
    """A hub that runs from here to the end of the block."""

    def __init__(self, office, config):
        self.office, self.config = office, config

    def __enter__(self):
        given, self.office.config = self.office.config, self.config
        try:
            Office.__enter__(self.office)
        finally:
            self.office.config = given
        return self.office

    def __exit__(self, *_):
        if self.office.process.poll() is None:
            self.office.stop()


def steady_ports(count):
    """Free ports that no connection gets by chance (those are from 32768 up): a hub that stops and starts must find its own free."""
    found = []
    while len(found) < count:
        port = next(PORTS)
        try:
            socket.create_server(("127.0.0.1", port)).close()
            found.append(port)
        except OSError:  # somebody has it
            pass
    return found


def value_of(value):
    """A value as TOML writes it; the texts of these tests need no escapes."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(value_of(each) for each in value) + "]"
    return str(value) if isinstance(value, int) else f'"{value}"'


def check_fetched(came, served):
    """`came` must be the hub's trace and then exactly the octets that the provider's server gave."""
    if not came.endswith(served):
        raise Failure(f"not the octets that the provider has: came {came[:1500]!r}, there {served[:700]!r}")
    head = came[:len(came) - len(served)]
    trace = TRACE.fullmatch(head)
    check(trace, f"above the message stands no proper trace, but: {head!r}")
    line = unfolded(trace["received"])
    check(RECEIVED.fullmatch(line), f"the Received line does not say that this hub fetched it: {line}")
    has_own = re.match(rb"(?i)return-path:", served)
    check(not (trace["sender"] and has_own), "the provider's Return-Path got a second one above it")


def check_mailbox(messages, served, server=None):
    """A mailbox holds exactly these messages, each once, in any order; lines that `server` writes into them do not count."""
    left = collections.Counter(served)
    for came in messages:
        came = server.without_own_lines(came) if server else came
        same = [each for each in left if left[each] and came.endswith(each)]
        if not same:
            raise Failure(f"a message that is not the provider's, or one too often: {came[:1500]!r}")
        longest = max(same, key=len)
        check_fetched(came, longest)
        left[longest] -= 1
    missing = [each for each, count in left.items() if count]
    check(not missing, f"{len(missing)} of {len(served)} messages did not arrive, the first: {missing[:1]!r}")


def check_said(said, *words):
    """Each of `words` is a pattern that must stand in what the program said."""
    for word in words:
        check(re.search(word, said, re.IGNORECASE | re.DOTALL), f"nothing of {word!r} in what was said:\n{said}")


def address(user):
    return f"{user}@{DOMAIN}"
