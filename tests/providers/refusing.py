"""What is wrong is said in plain words, by `check` before and by `fetch` then, and no mail moves."""

import contextlib
import socket
import threading

from arriving import FOR_MAILUTILS, MESSAGES, with_trust
from cases import case
from fetching import check_mailbox, check_said, steady_ports
from mail import check, check_count

# As `check` ends where nothing is wrong, but something should be looked at: here, that there is no TLS.
ONLY_WARNINGS = 3

# What is wrong: the server, the settings, what `fetch` and `check` must say.
FAULTS = {
    "a wrong password": ("dovecot", dict(password="not it"), ["password", "refuse"]),
    "a wrong password by APOP": ("dovecot", dict(password="not it", method="apop"), ["password", "refuse"]),
    "an unknown user": ("dovecot", dict(user="nobody.such"), ["user name"]),
    "a wrong password at Mailutils": ("mailutils", dict(password="not it"), ["password", "refuse"]),
    "a log-in that is not offered": ("courier", dict(method="apop"), ["APOP", "not offer"]),
    "a certificate of another name, implicit TLS":
        ("dovecot", dict(tls="implicit", host="127.0.0.1", ca=True), ["certificate", "not trusted", "mismatch", "set host"]),
    "a certificate of another name, STLS":
        ("dovecot", dict(tls="starttls", host="127.0.0.1", ca=True), ["certificate", "not trusted", "mismatch", "set host"]),
    "a certificate of an unknown CA": ("dovecot", dict(tls="implicit"), ["certificate", "not trusted", "CA", "fingerprint"]),
    "another certificate than the pinned one": ("dovecot", dict(tls="implicit", fingerprint="AB" * 32), ["fingerprint"]),
    "another certificate than the pinned one, STLS":
        ("dovecot", dict(tls="starttls", fingerprint="AB" * 32), ["fingerprint"]),
    "TLS on a port without": ("dovecot", dict(tls="implicit", port="pop3", ca=True), ["TLS", "starttls", "995"]),
    "STLS where the server has none": ("mailutils", dict(tls="starttls"), ["not offer STLS"]),
    "nobody listens there": ("dovecot", dict(port="free"), ["no connection", "port"]),
    "a host name that does not exist": ("dovecot", dict(host="pop.provider.invalid"), ["address", "pop.provider.invalid"]),
}


def add_faults():
    for what, (attribute, settings, words) in FAULTS.items():
        @case("refused", what)
        def run(providers, attribute=attribute, settings=settings, words=words):
            server = getattr(providers, attribute)
            account = server.account(*MESSAGES[:2])
            given = with_trust(server, settings)
            if "port" in given:
                given["port"] = steady_ports(1)[0] if given["port"] == "free" else getattr(server, given["port"])
            refused(providers, account, given, words)


def refused(providers, account, settings, words):
    office, before = providers.office, account.messages()
    name = office.provider(account, **settings)
    for said in [office.fetch(name, expect=1), office.said("check", expect=1)]:
        check_said(said, name, *words)
        check(account.password not in said and "not it" not in said, f"the password is in what was said: {said}")
    check(account.messages() == before, "the mail at the provider has changed")
    check(not office.mailboxes("alice"), "mail came all the same")


add_faults()


@case("refused", "a wrong password at Courier, which answers after 5 s")
def courier_password(providers):
    account = providers.courier.account(*MESSAGES[:1])
    name = providers.office.provider(account, password="not it")
    check_said(providers.office.fetch(name, expect=1), name, "password", "refuse")
    check_count(account.messages(), 1)


@case("refused", "a mailbox that another session has locked; `check` tries again until that one is over")
def locked(providers):
    office, account = providers.office, providers.mailutils.account(*FOR_MAILUTILS[:2])
    account.messages()
    served = account.messages()
    name = office.provider(account)
    other = account.lock()
    check_said(office.fetch(name, expect=1), name, "locked", "another")
    threading.Timer(2, other.close).start()
    check_said(office.said("check", expect=ONLY_WARNINGS), name, "in use", "trying again", "2 messages")
    office.fetch(name)
    check_mailbox(office.mailboxes("alice")["alice"], served, account.server)


@case("check", "plain POP3 on a TLS port, where the server is silent: it says so after 15 s")
def plain_on_tls(providers):
    silent(providers, tls="none")


@case("check", "STLS on a TLS port, where the server is silent: it says so after 15 s")
def stls_on_tls(providers):
    silent(providers, tls="starttls", ca=str(providers.dovecot.certificate.ca))


def silent(providers, **settings):
    account = providers.dovecot.account(*MESSAGES[:1])
    name = providers.office.provider(account, port=providers.dovecot.pop3s, **settings)
    check_said(providers.office.said("check", expect=1), name, "said nothing for 15 seconds", 'tls = "implicit"')
    check_count(account.messages(), 1)


# They wait for most of their time.
SLOW = [courier_password, locked, plain_on_tls, stls_on_tls]


@case("refused", "STLS that somebody on the way takes out of CAPA and refuses: the password is never sent")
def stripped(providers):
    account = providers.dovecot.account(*MESSAGES[:1])
    with between(providers.dovecot.pop3) as (port, heard):
        settings = with_trust(providers.dovecot, dict(tls="starttls", port=port, ca=True))
        refused(providers, account, settings, ["STLS", "not offer"])
    said = b"".join(heard)
    for word in [b"USER", b"PASS", b"AUTH", b"APOP"]:
        check(word not in said, f"{word.decode()} was sent in the clear: {said!r}")


@contextlib.contextmanager
def between(port):
    """Somebody on the way who takes STLS out of what the server says, and hears what the client sends."""
    heard, listener = [], socket.create_server(("127.0.0.1", 0))

    def serve(client):
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            there = server.makefile("rb")
            client.sendall(there.readline())
            for line in client.makefile("rb"):
                heard.append(line)
                if line.upper().startswith(b"STLS"):
                    client.sendall(b"-ERR Unknown command.\r\n")
                    continue
                server.sendall(line)
                answer = there.readline()
                while line.upper().startswith(b"CAPA") and not answer.endswith(b"\r\n.\r\n"):
                    answer += there.readline()
                client.sendall(answer.replace(b"STLS\r\n", b""))

    def accept():
        with contextlib.suppress(OSError):  # the end of the block closes the listener
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        listener.close()


@case("check", "what it finds at a provider where all is well, and warnings of what it does not like")
def all_is_well(providers):
    office = providers.office
    settings = with_trust(providers.dovecot, dict(tls="implicit", ca=True))
    good = office.provider(providers.dovecot.account(*MESSAGES[:2]), **settings)
    said = office.said("check")
    check_said(said, good, "2 messages")
    office.provider(providers.mailutils.account(*MESSAGES[:1]))
    check_said(office.said("check", expect=ONLY_WARNINGS), "clear|without TLS|tls = \"none\"")
