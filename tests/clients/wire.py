"""SMTP and POP3 spoken by hand, octet for octet: what the tests judge the mail programs by.

Python's own smtplib and poplib change line ends and split lines, so they cannot prove that octets are kept.
"""

import re
import socket

from office import Failure

TIMEOUT_S = 20


class Smtp:
    def __init__(self, office, greeting="EHLO pc.example"):
        self.socket = socket.create_connection(("127.0.0.1", office.smtp), TIMEOUT_S)
        self.file = self.socket.makefile("rb")
        self.reply("220")
        self.command(greeting, "250")

    def reply(self, expected):
        lines = []
        while True:
            line = self.file.readline()
            lines.append(line.decode(errors="replace").rstrip())
            if line[3:4] != b"-":
                break
        if not lines[-1].startswith(expected):
            raise Failure(f"SMTP: {expected} expected, got: {' / '.join(lines)}")
        return lines

    def command(self, line, expected):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.reply(expected)

    def envelope(self, recipients, sender="sender@out.example"):
        self.command(f"MAIL FROM:<{sender}>", "250")
        for recipient in recipients:
            self.command(f"RCPT TO:<{recipient}>", "250")

    def data(self, content, recipients, expected="250"):
        """Sends by DATA; `content` must end in CRLF, for the end of data begins with one."""
        self.envelope(recipients)
        self.command("DATA", "354")
        self.socket.sendall(stuffed(content) + b".\r\n")
        return self.reply(expected)

    def bdat(self, chunks, recipients, expected="250"):
        """Sends by BDAT (RFC 3030), all chunks in one write, as a pipelining client does."""
        self.envelope(recipients)
        written = b""
        for number, chunk in enumerate(chunks, 1):
            last = " LAST" if number == len(chunks) else ""
            written += b"BDAT %d%s\r\n" % (len(chunk), last.encode()) + chunk
        self.socket.sendall(written)
        for _ in chunks[1:]:
            self.reply(expected)
        return self.reply(expected)

    def close(self):
        self.command("QUIT", "221")
        self.socket.close()


class Pop3:
    def __init__(self, office, user, first=()):
        """`first` are commands before the log-in."""
        self.socket = socket.create_connection(("127.0.0.1", office.pop3), TIMEOUT_S)
        self.file = self.socket.makefile("rb")
        self._ok()
        for command in first:
            self.command(command)
        self.command(f"USER {user.name}")
        self.command(f"PASS {user.password}")

    def command(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self._ok()

    def lines(self, command):
        """A multi-line answer, unstuffed, as the octets before the final dot."""
        self.socket.sendall(command.encode() + b"\r\n")
        return self._lines(command)

    def sizes(self):
        return [int(line.split()[1]) for line in self.lines("LIST").splitlines()]

    def unique_ids(self):
        return [line.split()[1].decode() for line in self.lines("UIDL").splitlines()]

    def messages(self):
        return [self.lines(f"RETR {number}") for number in range(1, len(self.sizes()) + 1)]

    def messages_at_once(self):
        """The same with all commands sent ahead, for servers that take 40 ms to answer one."""
        numbers = range(1, len(self.sizes()) + 1)
        self.socket.sendall(b"".join(b"RETR %d\r\n" % number for number in numbers))
        return [self._lines(f"RETR {number}") for number in numbers]

    def close(self):
        self.command("QUIT")
        self.socket.close()

    def _lines(self, command):
        self._ok()
        content = bytearray()
        while True:
            line = self.file.readline()
            if line == b".\r\n":
                return bytes(content)
            if not line.endswith(b"\r\n"):
                raise Failure(f"POP3: {command} was cut off after {len(content)} octets, at {line[-60:]!r}")
            content += line[1:] if line.startswith(b".") else line

    def _ok(self):
        line = self.file.readline()
        if not line.startswith(b"+OK"):
            raise Failure(f"POP3: +OK expected, got: {line.decode(errors='replace').rstrip()}")
        return line


def stuffed(content):
    return re.sub(rb"(?m)^\.", b"..", content)


def mailbox(office, user):
    """All messages of a user, without removing any."""
    session = Pop3(office, user)
    found = session.messages()
    session.close()
    return found


def unique_ids(office, user):
    session = Pop3(office, user)
    found = session.unique_ids()
    session.close()
    return found


def deliver(office, user, *contents):
    """Puts messages into a user's mailbox by SMTP."""
    session = Smtp(office)
    for content in contents:
        session.data(content, [user.address])
    session.close()
