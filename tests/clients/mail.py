"""Sample messages, and the one judgement of every case: what came out is what went in, below our trace lines."""

import re

from office import Failure

TRACE = re.compile(
    rb"Return-Path: (?P<sender><[^\r\n]*>)\r\n"
    rb"(?P<recipients>(?:Delivered-To: [^\r\n]+\r\n)+)"
    rb"(?P<received>Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)")

# The hub's Received line, unfolded (RFC 5321 4.4). FOR is there with a single recipient only; where the greeting was no
# host name, the peer's address stands for it.
RECEIVED = re.compile(
    rb"Received: from (?P<name>[A-Za-z0-9.-]+|\[[0-9.]+\]) \(\[(?P<peer>[0-9.]+)\]\) by post\.example\.com"
    rb" with (?P<protocol>[A-Z0-9]+)(?: \((?P<tls>[^()]+)\))? id (?P<id>[0-9a-z]{13})(?: for <(?P<recipient>[^>]+)>)?;"
    rb" (?P<date>[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4})")


class Trace:
    """What stood above a message: the lines that this hub put there."""

    def __init__(self, found):
        self.sender = found["sender"]
        self.recipients = re.findall(rb"Delivered-To: ([^\r\n]+)", found["recipients"])
        self.line = unfolded(found["received"])
        self.received = RECEIVED.fullmatch(self.line)
        check(self.received, f"the Received line is not as RFC 5321 wants it: {self.line}")

    def check_protocol(self, protocol, tls=None):
        """`protocol` as in WITH; `tls` is the version that must stand behind it with its cipher, None: no TLS."""
        named = self.received["tls"]
        check(self.received["protocol"] == protocol.encode(), f"the trace does not say {protocol}: {self.line}")
        check(re.fullmatch(re.escape(tls.encode()) + rb" [A-Z0-9_-]+", named or b"") if tls else named is None,
              f"the trace should say of TLS: {tls} and a cipher; it says: {named}")


def unfolded(header):
    """RFC 5322 2.2.3: a line end before a blank is not there."""
    return re.sub(rb"\r\n[ \t]+", b" ", header).removesuffix(b"\r\n")


def sample(subject, body=None):
    """A message with the traps of line-based protocols: dots, trailing blanks, a From line, a foreign Return-Path."""
    if body is None:
        body = (".leading dot\r\n..two dots\r\n.\r\n\r\n. dot and blank\r\ntrailing blanks  \t\r\n"
                "From here on: a From line\r\n" + "x" * 900 + "\r\n\r\nlast line\r\n")
    return (f"Received: from a.example by b.example; Mon, 2 Nov 2026 10:00:00 +0100\r\n"
            f"From: Sender <sender@out.example>\r\nTo: office@example.com\r\nSubject: {subject}\r\n"
            f"Date: Mon, 2 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{subject.replace(' ', '-')}@out.example>\r\n"
            f"X-Folded: one\r\n\ttwo\r\n  three\r\n\r\n").encode() + (body if isinstance(body, bytes) else body.encode())


EIGHT_BIT = "Grüße aus dem Büro — žluťoučký kůň\r\n".encode() + "Gr\xfc\xdfe in Latin-1\r\n".encode("latin-1")


def check_delivered(came, sent):
    """`came` must be our trace lines and then exactly `sent`. Returns the `Trace`, for cases that ask more of it."""
    if not came.endswith(sent):
        raise Failure("not the octets that were sent: " + difference(came, sent))
    trace = TRACE.fullmatch(came[:len(came) - len(sent)])
    if not trace:
        raise Failure(f"above the message stands no proper trace, but: {came[:len(came) - len(sent)]!r}")
    return Trace(trace)


def check_one(messages, sent):
    """Exactly one message came, and it is `sent`."""
    check_count(messages, 1)
    return check_delivered(messages[0], sent)


def check_count(messages, expected):
    if len(messages) != expected:
        raise Failure(f"{expected} messages expected, {len(messages)} came")


def check(held, otherwise):
    if not held:
        raise Failure(otherwise)


def with_crlf(content):
    """Mail programs on Unix store LF; every line end, however written, becomes CRLF."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", content)


def difference(came, sent):
    trace = TRACE.match(came)
    came = came[trace.end():] if trace else came
    at = next((n for n, (a, b) in enumerate(zip(came, sent)) if a != b), min(len(came), len(sent)))
    return (f"{len(came)} octets came below the trace, {len(sent)} were sent, first difference at {at}: "
            f"came {came[max(0, at - 30):at + 50]!r}, sent {sent[max(0, at - 30):at + 50]!r}")
