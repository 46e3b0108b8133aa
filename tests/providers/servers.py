"""Real POP3 servers as the provider, each in a folder of its own, on free ports of the loopback, run by `nobody`.

What they have in common, and Dovecot. Those that believe they own the machine are in guests.py.
"""

import base64
import hashlib
import itertools
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass

from fetching import HOST, steady_ports
from office import Failure
from wire import Pop3, unique_ids

PASSWORD = "open sesame 9"
ACCOUNTS = 80
READY_S = 10
STOP_S = 5


@dataclass
class Account:
    """A mailbox at the provider that no other case touches."""
    server: "Server"
    name: str
    password: str = PASSWORD

    def put(self, *contents):
        for content in contents:
            self.server.put(self.name, content)

    def messages(self):
        """The octets that the server gives, which are the measure: some servers change what lies in their folder."""
        session = Pop3(self.server, self, first=self.server.before_log_in)
        # Mailutils writes its lines into the file, and mends what it thinks is broken, when it is asked for them.
        session.unique_ids()
        found = session.messages_at_once()
        session.close()
        return [self.server.without_own_lines(each) for each in found]

    def unique_ids(self):
        return unique_ids(self.server, self)

    def lock(self):
        """A session that holds the mailbox until it is closed."""
        return Pop3(self.server, self)


class Server:
    """`with Dovecot(office) as server:` serves from here to the end of the block."""

    name = "a POP3 server"
    # Header lines that it writes into messages, others in each session.
    own_lines = None
    # What a client must say to be given messages as they are.
    before_log_in = ()

    def __init__(self, office):
        self.office = office
        self.root = office.folder(type(self).__name__.lower())
        # wire.Pop3 connects to `pop3`, without TLS.
        self.pop3, self.pop3s = steady_ports(2)
        self.processes = []
        self._numbers = itertools.count()
        self.log = office.file(f"{self.root.name}/log", "")

    def __enter__(self):
        try:
            self.start()
            for port in self.ports():
                self._await(port)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def ports(self):
        return [self.pop3]

    def account(self, *contents):
        number = next(self._numbers)
        if number >= ACCOUNTS:
            raise Failure("no account left: raise ACCOUNTS in servers.py")
        account = Account(self, f"box{number}")
        self.make(account.name)
        account.put(*contents)
        return account

    def without_own_lines(self, content):
        if not self.own_lines:
            return content
        head, end, body = content.partition(b"\r\n\r\n")
        return self.own_lines.sub(b"", head + end) + body

    def spawn(self, *argv):
        words = [str(word) for word in argv]
        # The office's home, but no variable of whoever runs the tests.
        self.processes.append(subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=self.log.open("ab"), stderr=subprocess.STDOUT, cwd=self.root,
            env=self.office.environment(), **self.office.account))

    def stop(self):
        """The last that was started goes first."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []

    def _await(self, port):
        until = time.monotonic() + READY_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                dead = [each for each in self.processes if each.poll() is not None]
                if dead or time.monotonic() > until:
                    raise Failure(f"{self.name} does not start; its log ends:\n{self.log.read_text()[-1500:]}") from None
                time.sleep(0.02)


class MaildirServer(Server):
    """What lies in a Maildir, with the line ends of Unix or as it was found."""

    def make(self, name):
        for part in ["", "/cur", "/new", "/tmp"]:
            self.office.folder(f"{self.root.name}/{name}{part}")

    def put(self, name, content):
        # The order of the names is the order of the messages.
        number = next(self._serial)
        # Written where no server looks, then moved, as a delivery does it.
        path = f"{self.root.name}/{name}"
        file = self.office.file(f"{path}/tmp/{1_700_000_000 + number}.M{number}.provider", content)
        file.rename(self.office.root / path / "new" / file.name)

    def __init__(self, office):
        super().__init__(office)
        self._serial = itertools.count(1)


class Dovecot(MaildirServer):
    """Dovecot without root (doc.dovecot.org, "Rootless installation"): plain, STLS, implicit TLS; APOP and AUTH PLAIN."""

    name = "Dovecot"

    def ports(self):
        return [self.pop3, self.pop3s]

    def start(self):
        user, group = self.root.owner(), self.root.group()
        self.certificate = Certificate(self.office, self.root)
        users = "".join(f"box{number}:{{PLAIN}}{PASSWORD}::::{self.root}/box{number}::\n" for number in range(ACCOUNTS))
        self.office.file(f"{self.root.name}/users", users)
        settings = self.office.file(f"{self.root.name}/dovecot.conf", f"""
            protocols = pop3
            listen = 127.0.0.1
            base_dir = {self.root}/run
            state_dir = {self.root}/state
            log_path = {self.log}
            default_internal_user = {user}
            default_internal_group = {group}
            default_login_user = {user}
            first_valid_uid = 1
            auth_mechanisms = plain apop login
            disable_plaintext_auth = no
            ssl = yes
            ssl_cert = <{self.certificate.chain}
            ssl_key = <{self.certificate.key}
            mail_location = maildir:~
            mail_max_userip_connections = 100
            pop3_lock_session = yes
            # A wrong password is answered at once, however many came before.
            auth_failure_delay = 0
            service anvil {{
              chroot =
              unix_listener anvil-auth-penalty {{
                mode = 0
              }}
            }}
            service pop3-login {{
              chroot =
              service_count = 0
              inet_listener pop3 {{
                port = {self.pop3}
              }}
              inet_listener pop3s {{
                port = {self.pop3s}
                ssl = yes
              }}
            }}
            service pop3 {{
              process_limit = 100
              service_count = 256
            }}
            passdb {{
              driver = passwd-file
              args = {self.root}/users
            }}
            userdb {{
              driver = static
              args = uid={user} gid={group} home={self.root}/%u
            }}
            """)
        self.spawn("dovecot", "-F", "-c", settings)


class Certificate:
    """A certificate for HOST alone, signed by a CA of its own, good for 30 days."""

    def __init__(self, office, folder):
        self.ca, self.key, self.chain = folder / "ca.pem", folder / "key.pem", folder / "cert.pem"
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
        office.run("openssl", "req", "-x509", *curve, "-keyout", folder / "ca.key", "-out", self.ca,
                   "-subj", "/CN=Provider test CA", "-addext", "keyUsage=critical,keyCertSign")
        office.run("openssl", "req", "-x509", *curve, "-keyout", self.key, "-out", self.chain, "-CA", self.ca,
                   "-CAkey", folder / "ca.key", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}",
                   "-addext", "basicConstraints=critical,CA:FALSE")
        body = re.search(r"-----BEGIN CERTIFICATE-----(.*?)-----END", self.chain.read_text(), re.DOTALL)[1]
        digest = hashlib.sha256(base64.b64decode(body)).hexdigest().upper()
        self.fingerprint = ":".join(digest[at:at + 2] for at in range(0, len(digest), 2))
