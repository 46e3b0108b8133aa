"""fetchmail and getmail6 on the same mail, beside the hub: the same messages to the same users where they are right.

Both hand a message to a mail server behind them, which knows users, aliases and the catch-all; `resolved` is that server, so
that nothing but the choice of addresses is compared. Every case that they get wrong is listed with its reason, and the
list must be exact: a case that they come to get right fails here, too.
"""

import collections
import re

from arriving import unix
from cases import case
from corpus_fetched import Labelled, by_postroom
from fetching import ALIASES, HOST, UNCLAIMED, USERS, check_mailbox, check_said
from looking import enveloped
from mail import check, check_count, sample, with_crlf

STORE = """#!/bin/sh
# One file for each message, in the order of their arrival: the addresses on the first line.
number=$(ls {folder} | wc -l)
{{ echo "$@"; cat; }} >{folder}/$(printf %05d "$number")
"""


def resolved(addresses):
    """Who gets it, once each, behind a mail server with the office's users, aliases and catch-all."""
    users = set()
    for address in addresses:
        local, _, domain = address.lower().strip("<>").partition("@")
        local = local.partition("+")[0]
        if domain not in ("", "example.com"):
            users.add(f"{local}@{domain}")
        elif local == UNCLAIMED:
            users.add(UNCLAIMED)
        else:
            users.update([local] if local in USERS else ALIASES.get(local, ["reception"]))
    return users


def stored(folder, labelled, profile, prefix=""):
    """What lies in `folder`, case by case: who got it. In the order of the provider's messages, but some may be missing."""
    left = iter(labelled.sent[profile])
    got = collections.defaultdict(collections.Counter)
    for file in sorted(folder.iterdir()):
        first, _, content = file.read_bytes().partition(b"\n")
        name = next((name for name, sent in left if body(sent) == body(content)), None)
        check(name is not None, f"{file.name} is not the provider's, or twice there: {content[:700]!r}")
        words = re.split(r"[ ,]+", first.decode(errors="replace"))
        addresses = [re.sub(f"(?i)^{re.escape(prefix)}", "", each) for each in words if each]
        got[name].update(resolved(addresses or [UNCLAIMED]))
    return got


def body(content):
    return with_crlf(content).partition(b"\r\n\r\n")[2].rstrip()


def by_fetchmail(providers, labelled, profile):
    office, account = providers.office, labelled.accounts[profile]
    habits = labelled.profiles[profile]
    folder = office.folder(f"fetchmail-{profile}")
    store = office.file(f"fetchmail-{profile}-store", STORE.format(folder=folder), 0o700)
    header = f'envelope "{habits["envelope_header"]}"' if habits["envelope_header"] else ""
    if not habits["envelope_header"] and not habits["received_by"]:
        header = "no envelope"
    prefix = f'qvirtual "{habits["prefix"]}"' if habits["prefix"] else ""
    known = " ".join(f"aka {each}" for each in habits["received_by"])
    settings = office.file(f"fetchmail-{profile}-rc", f"""
        set invisible
        set postmaster "{UNCLAIMED}"
        poll {HOST} protocol pop3 service {account.server.pop3} no dns {known} {header} {prefix} localdomains example.com
          user "{account.name}" password "{account.password}" is * here
          fetchall keep no rewrite pass8bits sslproto '' mda "{store} %T"
        """)
    office.run("fetchmail", "--fetchmailrc", settings, "--idfile", office.root / f"fetchmail-{profile}-ids",
               "--pidfile", office.root / f"fetchmail-{profile}-pid")
    return stored(folder, labelled, profile)


def by_getmail(providers, labelled, profile):
    """Its own part is the address; the prefix is taken off by the patterns of its MultiSorter, which ignore case."""
    habits = labelled.profiles[profile]
    _, folder = getmail(providers.office, labelled.accounts[profile], habits["envelope_header"])
    return stored(folder, labelled, profile, habits["prefix"])


def getmail(office, account, header):
    folder, home = office.folder(f"getmail-{account.name}"), office.folder(f"getmail-{account.name}-home")
    store = office.file(f"getmail-{account.name}-store", STORE.format(folder=folder), 0o700)
    lines = [
        "[retriever]", "type = MultidropPOP3Retriever", f"server = {HOST}", f"port = {account.server.pop3}",
        f"username = {account.name}", f"password = {account.password}", f"envelope_recipient = {header}:1",
        "[destination]", "type = MDA_external", f"path = {store}", 'arguments = ("%(recipient)",)',
        "[options]", "read_all = true", "delete = false", "delivered_to = false", "received = false",
    ]
    settings = office.file(f"getmail-{account.name}-rc", "\n".join(lines) + "\n")
    said = office.run("sh", "-c", 'getmail "$@" 2>&1 || true', "sh", "--getmaildir", home, "--rcfile", settings)
    return said.decode(errors="replace"), folder


# Each case in which they come to something else, with the reason. The labels are on the hub's side in all of them.
FETCHMAIL = {
    "c035": "the `for` names the provider's own account, which fetchmail takes for a user of ours",
    "i020": "the address is in a subdomain; `localdomains` takes all of them for ours",
}
GETMAIL = {
    "a041": "Exim names two addresses in one header; getmail takes the first",
    "a042": "Exim names two addresses in one header; getmail takes the first",
    "i016": "the header was written by a mailing list, below the provider's own lines; getmail believes it",
}


@case("fetchmail beside the hub", "the labelled mail: the same messages to the same users, but for cases that have a reason")
def fetchmail_beside(providers):
    compare(providers, lambda labelled, profile: by_fetchmail(providers, labelled, profile), FETCHMAIL, lambda _: True)


@case("getmail6 beside the hub", "the labelled mail with an envelope header, for it takes no other")
def getmail_beside(providers):
    compare(providers, lambda labelled, profile: by_getmail(providers, labelled, profile), GETMAIL,
            lambda habits: habits["envelope_header"])


def compare(providers, fetch, known, takes):
    labelled, theirs, compared = Labelled(providers), {}, set()
    for profile in labelled.accounts:
        if takes(labelled.profiles[profile]):
            theirs |= fetch(labelled, profile)
            compared |= {name for name, _ in labelled.sent[profile]}
    ours = by_postroom(providers, labelled)
    differs = {name: f"{sorted(theirs.get(name, []))}, the hub: {sorted(ours[name])}"
               for name in sorted(compared) if set(theirs.get(name, [])) != set(ours[name])}
    new = {name: what for name, what in differs.items() if name not in known}
    check(not new, f"differences without a reason: {new}")
    check(set(known) == set(differs), f"no difference any more: {sorted(set(known) - set(differs))}")


@case("getmail6 beside the hub", "without the header: getmail leaves it there, an error at each run; the hub has it unclaimed")
def header_missing(providers):
    office = providers.office
    account = providers.dovecot.account(
        enveloped(1, "alice"), unix(sample("without the header")), enveloped(2, "bob"))
    served = account.messages()
    said, folder = getmail(office, account, "X-Envelope-To")
    check_count(list(folder.iterdir()), 2)
    check_said(said, "header missing .X-Envelope-To")
    office.provider(account, mode="envelope", envelope_header="X-Envelope-To")
    office.fetch()
    found = office.mailboxes()
    check(sorted(found) == ["alice", "bob", UNCLAIMED], f"mail came to {sorted(found)}")
    check_mailbox([each for messages in found.values() for each in messages], served)
