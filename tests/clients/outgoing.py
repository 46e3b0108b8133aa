"""Mail out by POP3: curl and Python's poplib."""

import base64
import poplib
import re
import socket
import ssl
import time

from cases import case
from mail import check, check_count, check_delivered, check_one, sample
from office import Failure
from wire import deliver, mailbox, unique_ids

# poplib takes lines of 2,048 octets at most, which real mail exceeds.
poplib._MAXLINE = 1 << 20


def stocked(office, what, count=2):
    """A user with `count` messages waiting, and these messages."""
    user = office.user()
    sent = [sample(f"{what} {number}") for number in range(1, count + 1)]
    deliver(office, user, *sent)
    return user, sent


def curl(office, url, user, *options, expect=0):
    return office.run("curl", "--silent", "--show-error", "--max-time", 20, url,
                      "--user", f"{user.name}:{user.password}", *options, expect=expect)


def curl_everything(office, base, what, *options):
    """LIST, UIDL, RETR and DELE as curl does them, each in a session of its own."""
    user, sent = stocked(office, what)
    sizes = [int(line.split()[1]) for line in curl(office, f"{base}/", user, *options).splitlines()]
    known = unique_ids(office, user)
    first = curl(office, f"{base}/1", user, *options)
    check_delivered(first, sent[0])
    check(sizes[0] == len(first), f"LIST says {sizes[0]} octets, curl got {len(first)}")
    check(unique_ids(office, user) == known, "RETR without DELE changed the maildrop")
    curl(office, f"{base}/1", user, *options, "--request", "DELE", "--head")
    check(unique_ids(office, user) == known[1:], "DELE 1 did not leave exactly the second message")
    check_one(mailbox(office, user), sent[1])


@case("curl", "pop3:// with LIST, RETR and DELE")
def curl_pop3(office):
    curl_everything(office, f"pop3://127.0.0.1:{office.pop3}", "curl pop3")


@case("curl", "pop3:// with --ssl-reqd (STLS), certificate verified")
def curl_stls(office):
    curl_everything(office, f"pop3://127.0.0.1:{office.pop3}", "curl STLS", "--ssl-reqd", "--cacert", office.ca)


@case("curl", "pop3s://, certificate verified")
def curl_pop3s(office):
    curl_everything(office, f"pop3s://127.0.0.1:{office.pop3s}", "curl pop3s", "--cacert", office.ca)


@case("curl", "AUTH PLAIN and LOGIN by --login-options, log-in by address")
def curl_auth(office):
    user, sent = stocked(office, "curl AUTH", 1)
    user.name = user.address
    for mechanism in ["PLAIN", "LOGIN"]:
        for initial in [(), ("--sasl-ir",)]:
            came = curl(office, f"pop3://127.0.0.1:{office.pop3}/1", user, "--login-options", f"AUTH={mechanism}", *initial)
            check_delivered(came, sent[0])


@case("curl", "a wrong password is refused (exit code 67)")
def curl_wrong(office):
    user = office.user()
    user.password = "wrong"
    curl(office, f"pop3://127.0.0.1:{office.pop3}/", user, expect=67)


def session(office, user=None):
    opened = poplib.POP3("127.0.0.1", office.pop3, timeout=20)
    if user:
        opened.user(user.name)
        opened.pass_(user.password)
    return opened


def retrieved(opened, number):
    return b"".join(line + b"\r\n" for line in opened.retr(number)[1])


def refused(command, *arguments):
    """What the server said with -ERR; an +OK is a fault."""
    try:
        said = command(*arguments)
    except poplib.error_proto as error:
        return error.args[0].decode(errors="replace")
    raise Failure(f"{arguments} should be refused, but: {said}")


@case("poplib", "CAPA before and after log-in, and under TLS")
def poplib_capa(office):
    user = office.user()
    opened = session(office)
    before = opened.capa()
    for capability in ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "UTF8", "STLS", "USER", "SASL", "IMPLEMENTATION"]:
        check(capability in before, f"CAPA lacks {capability} before log-in: {before}")
    check(before["EXPIRE"] == ["NEVER"], f"EXPIRE {before.get('EXPIRE')}")
    check({"PLAIN", "LOGIN"} <= set(before["SASL"]), f"SASL {before['SASL']}")
    opened.stls(ssl.create_default_context(cafile=office.ca))
    secured = opened.capa()
    check("STLS" not in secured, "STLS is offered under TLS")
    opened.user(user.name)
    opened.pass_(user.password)
    after = opened.capa()
    check("USER" not in after and "SASL" not in after, f"log-in is offered after log-in: {after}")
    opened.quit()


@case("poplib", "USER and PASS, STAT, LIST, RETR, DELE")
def poplib_user(office):
    user, sent = stocked(office, "poplib USER", 3)
    opened = session(office, user)
    count, octets = opened.stat()
    check_count(range(count), 3)
    sizes = [int(line.split()[1]) for line in opened.list()[1]]
    check(sum(sizes) == octets, f"STAT says {octets} octets, LIST {sizes}")
    for number in range(1, 4):
        came = retrieved(opened, number)
        check_delivered(came, sent[number - 1])
        check(sizes[number - 1] == len(came), f"LIST says {sizes[number - 1]} octets, RETR sent {len(came)}")
    opened.dele(2)
    refused(opened.retr, 2)
    check(opened.stat() == (2, sizes[0] + sizes[2]), f"STAT counts a deleted message: {opened.stat()}")
    check([line.split()[0] for line in opened.uidl()[1]] == [b"1", b"3"], "UIDL lists a deleted message")
    opened.quit()
    came = mailbox(office, user)
    check_count(came, 2)
    check_delivered(came[1], sent[2])


@case("poplib", "AUTH PLAIN with the initial response, AUTH LOGIN by questions")
def poplib_auth(office):
    user, sent = stocked(office, "poplib AUTH", 1)
    opened = session(office)
    opened._shortcmd("AUTH PLAIN " + base64.b64encode(f"\0{user.name}\0{user.password}".encode()).decode())
    check_delivered(retrieved(opened, 1), sent[0])
    opened.quit()
    opened = session(office)
    for line in ["AUTH LOGIN", base64.b64encode(user.name.encode()).decode()]:
        opened._putcmd(line)
        asked = opened.file.readline()
        check(asked.startswith(b"+ "), f"{line} was answered {asked}")
    opened._shortcmd(base64.b64encode(user.password.encode()).decode())
    check_delivered(retrieved(opened, 1), sent[0])
    opened.quit()


@case("poplib", "STLS and implicit TLS, certificate verified by name and address")
def poplib_tls(office):
    user, sent = stocked(office, "poplib TLS", 1)
    trusted = ssl.create_default_context(cafile=office.ca)
    opened = session(office)
    opened.stls(trusted)
    opened.user(user.name)
    opened.pass_(user.password)
    check_delivered(retrieved(opened, 1), sent[0])
    opened.quit()
    opened = poplib.POP3_SSL("localhost", office.pop3s, timeout=20, context=trusted)
    opened.user(user.address)
    opened.pass_(user.password)
    check_delivered(retrieved(opened, 1), sent[0])
    opened.quit()


@case("poplib", "TOP counts body lines and stuffs dots")
def poplib_top(office):
    user, sent = stocked(office, "poplib TOP", 1)
    opened = session(office, user)
    header, body = sent[0].split(b"\r\n\r\n", 1)
    for count in [0, 1, 3, 1000]:
        came = b"".join(line + b"\r\n" for line in opened.top(1, count)[1])
        check_delivered(came, header + b"\r\n\r\n" + b"".join(body.splitlines(keepends=True)[:count]))
    opened.quit()


@case("poplib", "UIDL stays the same from session to session, and no two are alike")
def poplib_uidl(office):
    user, sent = stocked(office, "poplib UIDL", 3)
    opened = session(office, user)
    listed = opened.uidl()[1]
    check(opened.uidl(2) == b"+OK " + listed[1], f"UIDL 2: {opened.uidl(2)}, in the list: {listed[1]}")
    opened.quit()
    known = [line.split()[1].decode() for line in listed]
    check(len(set(known)) == 3 and all(re.fullmatch(r"[!-~]{1,70}", each) for each in known), f"unique-ids {known}")
    deliver(office, user, sent[0])
    later = unique_ids(office, user)
    check(later[:3] == known and later[3] not in known, f"{known} became {later}")


@case("poplib", "UTF8 before log-in")
def poplib_utf8(office):
    user, sent = office.user(), sample("poplib UTF8", "Grüße\r\n")
    deliver(office, user, sent)
    opened = session(office)
    opened.utf8()
    opened.user(user.name)
    opened.pass_(user.password)
    check_delivered(retrieved(opened, 1), sent)
    opened.quit()


@case("poplib", "RSET takes the marks back")
def poplib_rset(office):
    user, _ = stocked(office, "poplib RSET")
    opened = session(office, user)
    opened.dele(1)
    opened.dele(2)
    opened.rset()
    check(opened.stat()[0] == 2, "RSET did not take the marks back")
    opened.quit()
    check_count(mailbox(office, user), 2)


@case("poplib", "DELE without QUIT keeps the mail")
def poplib_no_quit(office):
    user, _ = stocked(office, "poplib no QUIT")
    opened = session(office, user)
    opened.dele(1)
    opened.close()
    check_count(mailbox_when_free(office, user), 2)


def mailbox_when_free(office, user):
    """The maildrop is free again once the hub has seen the other end close, which takes it a moment."""
    for _ in range(50):
        try:
            return mailbox(office, user)
        except Failure as failure:
            if "IN-USE" not in str(failure):
                raise
            time.sleep(0.1)
    raise Failure("the maildrop is still locked 5 s after its session's connection was closed")


@case("poplib", "a second session of the same user is told [IN-USE]")
def poplib_in_use(office):
    user, _ = stocked(office, "poplib IN-USE")
    first = session(office, user)
    said = refused(session, office, user)
    check("[IN-USE]" in said, f"the second log-in was told: {said}")
    check(first.stat()[0] == 2, "the first session suffered")
    first.quit()
    check_count(mailbox(office, user), 2)


@case("poplib", "mail that comes during a session waits for the next one")
def poplib_frozen(office):
    user, sent = stocked(office, "poplib frozen", 1)
    opened = session(office, user)
    deliver(office, user, sent[0])
    check(opened.stat()[0] == 1, "the maildrop grew during the session")
    opened.dele(1)
    opened.quit()
    check_one(mailbox(office, user), sent[0])


@case("poplib", "wrong password: [AUTH], and no difference for an unknown user")
def poplib_wrong(office):
    user = office.user()
    user.password = "wrong"
    known = refused(session, office, user)
    user.name = "nobody.such"
    unknown = refused(session, office, user)
    check(known == unknown and "[AUTH]" in known, f"known user: {known}, unknown user: {unknown}")


@case("POP3 by hand", "commands pipelined from the greeting to QUIT")
def pipelined(office):
    user, sent = stocked(office, "pipelined", 1)
    commands = f"USER {user.name}\r\nPASS {user.password}\r\nSTAT\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n"
    with socket.create_connection(("127.0.0.1", office.pop3), 20) as connection:
        connection.sendall(commands.encode())
        came = b""
        while chunk := connection.recv(65536):
            came += chunk
    check(came.count(b"\r\n+OK") == 6 and came.endswith(b"\r\n"), f"the answers: {came[:300]!r} … {came[-100:]!r}")
    check_count(mailbox(office, user), 0)
