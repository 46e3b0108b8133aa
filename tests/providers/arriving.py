"""What is fetched: every octet, to the right user, once; removed at the provider or left there, as is set."""

import re
import time

from cases import case
from fetching import HOST, check_mailbox, check_said
from mail import EIGHT_BIT, check, check_count, sample

# With the line ends of Unix, as servers keep mail.
MESSAGES = [content.replace(b"\r\n", b"\n") for content in [
    sample("dots and trailing blanks"),
    sample("eight bits", EIGHT_BIT),
    sample("the last line has no end", "no end of line"),
    sample("no body", ""),
    b"Subject: header alone\r\n",
    b"no header at all\r\n",
    b"Return-Path: <bounces@lists.example>\r\nDelivered-To: office\r\n" + sample("the provider's own Return-Path"),
    sample("a long line", "z" * 20_000 + "\r\n"),
    sample("large", (b"0123456789" * 7 + b"\r\n") * 6_000),
    sample("a dot alone, last", "text\r\n.\r\n"),
]]

# Mailutils loses a message without a header, and lets one without a body grow by a line from session to session.
FOR_MAILUTILS = [each for each in MESSAGES if b"\n\n" in each.rstrip(b"\n")]


def unix(content):
    return content.replace(b"\r\n", b"\n")


def removing(providers, account, **settings):
    """Fetches and removes; finds nothing the second time; fetches what is new."""
    office, served = providers.office, account.messages()
    check(served, "there is nothing to fetch")
    name = office.provider(account, **settings)
    office.fetch()
    check_count(account.messages(), 0)
    office.fetch(name)
    account.put(unix(sample("new mail")))
    new = account.messages()
    office.fetch(name)
    check_count(account.messages(), 0)
    found = office.mailboxes()
    check(set(found) == {"alice"}, f"mail came to {sorted(found)}")
    check_mailbox(found["alice"], served + new, account.server)


def leaving(providers, account, **settings):
    """Leaves all there; fetches nothing the second time; fetches only what is new; the provider still has all."""
    office, served = providers.office, account.messages()
    office.provider(account, leave_on_server="7 days", **settings)
    office.fetch()
    check(account.messages() == served, "leave_on_server was set, but the provider has other mail now")
    office.fetch()
    account.put(unix(sample("new mail")))
    with_new = account.messages()
    office.fetch()
    check(account.messages() == with_new, "leave_on_server was set, but the provider has other mail now")
    check_mailbox(office.mailboxes()["alice"], with_new, account.server)
    if account.server is providers.dovecot:
        check_polls_read(account, [len(served), 1], by_tests=[len(served), len(served), len(with_new), len(with_new)])


def check_polls_read(account, counts, by_tests):
    """So many messages were read by RETR in each session, as Dovecot's log tells it, apart from those that read none."""
    told = rf"pop3\({account.name}\).*Logged out top=\d+/\d+, retr=([1-9]\d*)/"
    wanted = sorted(counts + by_tests)

    def are_read():
        # A session is logged a moment after its QUIT is answered.
        return sorted(int(count) for count in re.findall(told, account.server.log.read_text())) == wanted

    wait_until(are_read, 3, f"polls that read {counts} messages by RETR")


DOVECOT = {
    "plain, USER and PASS": (removing, dict(method="user")),
    "plain, AUTH PLAIN": (leaving, dict(method="plain")),
    "plain, APOP": (removing, dict(method="apop")),
    "plain, whatever log-in it offers": (leaving, dict()),
    "STLS, certificate verified": (removing, dict(tls="starttls", ca=True)),
    "STLS, pinned certificate": (leaving, dict(tls="starttls", fingerprint=True)),
    "implicit TLS, certificate verified": (leaving, dict(tls="implicit", ca=True)),
    "implicit TLS, pinned certificate": (removing, dict(tls="implicit", fingerprint=True)),
    "implicit TLS, by address, which a pinned certificate need not name":
        (removing, dict(tls="implicit", fingerprint=True, host="127.0.0.1")),
    "plain, one command at a time (pipelining = off)": (removing, dict(pipelining="off")),
    "plain, pipelined as CAPA offers it": (leaving, dict(pipelining="offered")),
}
COURIER = {
    "plain, USER and PASS": (removing, dict(method="user")),
    "plain, AUTH PLAIN": (leaving, dict(method="plain")),
    "STLS, certificate verified": (removing, dict(tls="starttls", ca=True)),
}
MAILUTILS = {
    "plain, mailbox in one file": (removing, dict()),
    "plain, mailbox in one file, its X-UIDL lines": (leaving, dict()),
}


def with_trust(server, settings):
    """Puts the server's own CA or fingerprint where a table says True."""
    given = dict(settings)
    if given.get("ca") is True:
        given["ca"] = str(server.certificate.ca)
    if given.get("fingerprint") is True:
        given["fingerprint"] = server.certificate.fingerprint
    return given


def add_table(program, attribute, table, messages):
    for what, (manner, settings) in table.items():
        @case(program, f"{what}, {manner.__name__}")
        def run(providers, manner=manner, settings=settings):
            server = getattr(providers, attribute)
            manner(providers, server.account(*messages), **with_trust(server, settings))


add_table("Dovecot", "dovecot", DOVECOT, MESSAGES)
add_table("Courier", "courier", COURIER, MESSAGES)
add_table("Mailutils", "mailutils", MAILUTILS, FOR_MAILUTILS)


@case("Dovecot", "NUL octets, bare CRs and lines that end in CR CR LF")
def odd_octets(providers):
    account = providers.dovecot.account(
        b"Subject: NUL\n\nbefore\0after\n", b"Subject: bare CR\n\none\rtwo\r\r\nthree\n",
        b"Subject: mixed\r\n\none\r\ntwo\n", b"\0\0\0", b"\n")
    served = account.messages()
    providers.office.provider(account)
    providers.office.fetch()
    check_mailbox(providers.office.mailboxes()["alice"], served)


@case("Courier", "a mailbox with CRLF in its files, which it serves as CR CR LF")
def courier_double_cr(providers):
    account = providers.courier.account(sample("CRLF in the Maildir"))
    served = account.messages()
    check(b"\r\r\n" in served[0], "Courier has changed: it serves such a file right")
    providers.office.provider(account)
    providers.office.fetch()
    check_mailbox(providers.office.mailboxes()["alice"], served)


@case("Dovecot", "an envelope header that names each user, 40 messages for 4 users, and one that has none")
def envelope(providers):
    office, account = providers.office, providers.dovecot.account()
    users = ["alice", "bob", "carol", "dave"]
    for number in range(40):
        header = f"X-Envelope-To: {users[number % 4]}@example.com\n"
        account.put(header.encode() + unix(sample(f"message {number}", "text\r\n" * number)))
    account.put(unix(sample("nobody's")))
    served = account.messages()
    office.provider(account, mode="envelope", envelope_header="X-Envelope-To")
    office.fetch()
    found = office.mailboxes()
    for user in users:
        check_mailbox(found.pop(user), [each for each in served if f"X-Envelope-To: {user}@".encode() in each])
    check(list(found) == ["unclaimed"], f"mail came to {sorted(found)} as well")
    check_mailbox(found["unclaimed"], [each for each in served if b"X-Envelope-To" not in each])


@case("Dovecot", "several accounts at once, one of them with a wrong password: the others are fetched")
def several_accounts(providers):
    office, [first, second] = providers.office, [unix(sample(f"{which} account")) for which in ["first", "second"]]
    good = [providers.dovecot.account(first), providers.courier.account(second)]
    wrong = providers.dovecot.account(unix(sample("third account")))
    served = [each for account in good for each in account.messages()]
    office.provider(good[0])
    broken = office.provider(wrong, password="not it")
    office.provider(good[1])
    said = office.fetch(expect=1)
    check_said(said, broken, "password")
    check_mailbox(office.mailboxes()["alice"], served)
    check_count(wrong.messages(), 1)


@case("Dovecot", "max_messages_per_poll: two polls take what one may not")
def capped(providers):
    office, account = providers.office, providers.dovecot.account(*MESSAGES[:5])
    served = account.messages()
    office.provider(account, max_messages_per_poll=3)
    office.fetch()
    check_count(account.messages(), 2)
    office.fetch()
    check_count(account.messages(), 0)
    check_mailbox(office.mailboxes()["alice"], served)


@case("Dovecot", "max_message_size: the large one stays, one notice comes, once")
def oversized(providers):
    office, account = providers.office, providers.dovecot.account(*MESSAGES[:2], MESSAGES[8])
    small = account.messages()[:2]
    office.provider(account, max_message_size="100 KB")
    office.fetch()
    office.fetch()
    check_count(account.messages(), 1)
    came = office.mailboxes()["alice"]
    check_count(came, 3)
    notice = [each for each in came if not any(each.endswith(content) for content in small)]
    check_count(notice, 1)
    check_said(notice[0].decode(), "large", "sender@out.example", "43\\d ?kB|0\\.4 ?MB")


@case("Dovecot", "the server loses its index and gives every message a new unique-id: nothing comes twice")
def renumbered(providers):
    office, account = providers.office, providers.dovecot.account(*MESSAGES)
    served, before = account.messages(), account.unique_ids()
    office.provider(account, leave_on_server="7 days")
    office.fetch()
    time.sleep(1.1)  # Dovecot makes a new mailbox's UIDVALIDITY of the second
    for lost in (account.server.root / account.name).glob("dovecot*"):
        lost.unlink()
    account.put(unix(sample("new mail")))
    check(not set(before) & set(account.unique_ids()), "Dovecot still knows its unique-ids")
    office.fetch()
    office.fetch()
    check_mailbox(office.mailboxes()["alice"], served + account.messages()[-1:])
    check_count(account.messages(), len(served) + 1)


@case("Dovecot", "two messages of the same octets are two messages")
def twins(providers):
    office, account = providers.office, providers.dovecot.account(MESSAGES[0], MESSAGES[0])
    served = account.messages()
    office.provider(account)
    office.fetch()
    check_mailbox(office.mailboxes()["alice"], served)


@case("Dovecot", "serve: the first poll comes by itself, `fetch` asks the running hub for the next")
def serving(providers):
    office, account = providers.office, providers.dovecot.account(*MESSAGES[:3])
    served = account.messages()
    name = office.provider(account, poll="10 min")
    with office.serve():
        wait_until(lambda: len(office.mailbox("alice")) == 3, 15, "the first poll of a hub")
        account.put(unix(sample("while it runs")))
        served += account.messages()[-1:]
        office.fetch(name)
        check_mailbox(office.mailbox("alice"), served)
        check_count(account.messages(), 0)
        check_said(office.said("status"), name, HOST)


def wait_until(holds, timeout_s, what):
    until = time.monotonic() + timeout_s
    while not holds():
        check(time.monotonic() < until, f"{what}: not within {timeout_s} s")
        time.sleep(0.2)
