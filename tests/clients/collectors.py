"""Mail out by programs that collect and store it: fetchmail, mpop and getmail6.

Each is seen leaving the mail on the server, collecting only what is new at the next run, and taking mail away.
"""

import re

from cases import case
from mail import check, check_count, check_delivered, with_crlf
from outgoing import stocked
from wire import deliver, mailbox, unique_ids

LEAVING, REMOVING = "leaving", "removing"


def collects(office, what, collect):
    """`collect(user, manner, folder)` runs the program once; it stores into the Maildir `folder`."""
    user, sent = stocked(office, what)
    folder = office.folder(f"{user.name}-collected")
    for part in ["cur", "new", "tmp"]:
        office.folder(f"{folder.name}/{part}")
    known = unique_ids(office, user)
    collect(user, LEAVING, folder)
    check_collected(folder, sent)
    check(unique_ids(office, user) == known, f"{what} should leave the mail on the server")
    deliver(office, user, sent[0])
    collect(user, LEAVING, folder)
    check_collected(folder, [sent[0]])
    collect(user, REMOVING, folder)
    check_count(mailbox(office, user), 0)


def check_collected(folder, sent, added=rb"(?!)"):
    """The files in a folder, in any order, are `sent`; Unix programs store LF. The files go, for the next look.

    `added` matches the header lines that the program itself puts in.
    """
    files = [each for each in folder.rglob("*") if each.is_file()]
    came = [re.sub(added, b"", with_crlf(each.read_bytes())) for each in files]
    check_count(came, len(sent))
    for expected in sent:
        same = [each for each in came if each.endswith(expected)]
        check_delivered(same[0] if same else came[0], expected)
    for each in files:
        each.unlink()


def fetchmail(office, what, port, tls):
    # `invisible` keeps fetchmail's own Received line out, `no rewrite` and `pass8bits` its changes. To leave mail on the
    # server it reads it by TOP, to remove it by RETR.
    def collect(user, manner, folder):
        store = office.file(f"{user.name}-store", f'#!/bin/sh\nexec cat >"$(mktemp {folder}/new/XXXXXXXX)"\n', 0o700)
        keep = "keep" if manner == LEAVING else "fetchall no keep"
        settings = office.file(f"{user.name}-fetchmailrc", f"""
            set invisible
            poll localhost protocol pop3 service {port} uidl
              user "{user.name}" password "{user.password}" {keep} no rewrite pass8bits {tls} mda "{store}"
            """)
        office.run("fetchmail", "--fetchmailrc", settings, "--idfile", office.root / f"{user.name}-ids",
                   "--pidfile", office.root / f"{user.name}-pid")
    collects(office, what, collect)


@case("fetchmail", "plain, leaving with --uidl and removing")
def fetchmail_plain(office):
    fetchmail(office, "fetchmail plain", office.pop3, "sslproto ''")


@case("fetchmail", "STLS, certificate verified")
def fetchmail_stls(office):
    fetchmail(office, "fetchmail STLS", office.pop3, f"sslproto 'TLS1.2+' sslcertck sslcertfile {office.ca}")


@case("fetchmail", "implicit TLS, certificate verified")
def fetchmail_tls(office):
    fetchmail(office, "fetchmail TLS", office.pop3s, f"ssl sslproto 'TLS1.3' sslcertck sslcertfile {office.ca}")


def mpop(office, what, port, *options):
    def collect(user, manner, folder):
        password = office.file(f"{user.name}-password", f"{user.password}\n")
        office.run("mpop", "--file=/dev/null", "--host=localhost", f"--port={port}", f"--user={user.name}",
                   f"--passwordeval=cat {password}", f"--delivery=maildir,{folder}", "--received-header=off",
                   f"--uidls-file={office.root / user.name}-uidls", "--timeout=20",
                   f"--keep={'on' if manner == LEAVING else 'off'}", *options)
    collects(office, what, collect)


@case("mpop", "plain, USER and PASS")
def mpop_plain(office):
    mpop(office, "mpop plain", office.pop3, "--tls=off", "--auth=user", "--pipelining=off")


@case("mpop", "STLS, AUTH PLAIN, pipelined, certificate verified")
def mpop_stls(office):
    mpop(office, "mpop STLS", office.pop3, "--tls=on", "--tls-starttls=on", f"--tls-trust-file={office.ca}",
         "--auth=plain", "--pipelining=on")


@case("mpop", "implicit TLS, AUTH LOGIN, certificate verified")
def mpop_tls(office):
    mpop(office, "mpop TLS", office.pop3s, "--tls=on", "--tls-starttls=off", f"--tls-trust-file={office.ca}", "--auth=login")


def getmail(office, what, retriever, port, *tls):
    def collect(user, manner, folder):
        home = office.root / f"{user.name}-getmail"
        if not home.exists():
            office.folder(home.name)
        lines = [
            "[retriever]", f"type = {retriever}", "server = localhost", f"port = {port}",
            f"username = {user.name}", f"password = {user.password}", *tls,
            "[destination]", "type = Maildir", f"path = {folder}/",
            "[options]", "read_all = false", f"delete = {manner == REMOVING}", "delivered_to = false", "received = false",
        ]
        settings = office.file(f"{user.name}-getmailrc", "\n".join(lines) + "\n")
        office.run("getmail", "--getmaildir", home, "--rcfile", settings)
    collects(office, what, collect)


@case("getmail6", "SimplePOP3Retriever")
def getmail_plain(office):
    getmail(office, "getmail plain", "SimplePOP3Retriever", office.pop3)


@case("getmail6", "SimplePOP3SSLRetriever, certificate verified")
def getmail_tls(office):
    getmail(office, "getmail TLS", "SimplePOP3SSLRetriever", office.pop3s, f"ca_certs = {office.ca}")
