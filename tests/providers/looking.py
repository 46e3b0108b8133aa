"""`fetch --dry-run`: shows who would get what and why, and leaves all as it is."""

import json

from arriving import unix
from cases import case
from fetching import check_said
from mail import check, check_count, sample


def enveloped(number, user):
    return f"X-Envelope-To: {user}@example.com\n".encode() + unix(sample(f"message {number}"))


def stocked(server):
    return server.account(*(enveloped(number, user) for number, user in enumerate(["alice", "bob", "alice", "carol"])), unix(sample("nobody's")))


@case("dry run", "Dovecot: the table names message, sender, subject, who and why; nothing changes; then all is still fetched")
def table(providers):
    office, account = providers.office, stocked(providers.dovecot)
    before = account.messages()
    name = office.provider(account, mode="envelope", envelope_header="X-Envelope-To")
    said = office.fetch(name, "--dry-run")
    check_said(said, "sender@out.example", "message 0", "alice", "bob", "carol", "unclaimed", "X-Envelope-To")
    check(account.messages() == before, "the mail at the provider has changed")
    check(not office.mailboxes(), "a dry run delivered mail")
    office.fetch()
    check(sorted(office.mailboxes()) == ["alice", "bob", "carol", "unclaimed"], "after a dry run not all is fetched")


@case("dry run", "Dovecot: --json names the same; the settings that it suggests work")
def as_json(providers):
    office, account = providers.office, stocked(providers.dovecot)
    name = office.provider(account, mode="guess")
    found = json.loads(office.postroom("fetch", name, "--dry-run", "--json"))
    text = json.dumps(found)
    check("X-Envelope-To" in text, f"the advice does not name the envelope header: {text[:2000]}")
    check("message 3" in text, f"a subject is missing: {text[:2000]}")
    check_count(account.messages(), 5)


@case("dry run", "Courier and Mailutils: by TOP as well")
def elsewhere(providers):
    office = providers.office
    for server in [providers.courier, providers.mailutils]:
        account = stocked(server)
        name = office.provider(account, mode="envelope", envelope_header="X-Envelope-To")
        check_said(office.fetch(name, "--dry-run"), "alice", "bob", "carol", "unclaimed")
        check_count(account.messages(), 5)
    check(not office.mailboxes(), "a dry run delivered mail")
