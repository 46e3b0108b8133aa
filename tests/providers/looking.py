"""`fetch --dry-run`: shows who would get what and why, and leaves all as it is."""

import json
import tomllib

from arriving import unix
from cases import case
from fetching import check_said
from mail import check, check_count, sample


def enveloped(number, user):
    return f"X-Envelope-To: {user}@example.com\n".encode() + unix(sample(f"message {number}"))


def stocked(server):
    return server.account(*ENVELOPED, unix(sample("nobody's")))


ENVELOPED = [enveloped(number, user) for number, user in enumerate(["alice", "bob", "alice", "carol"])]


@case("dry run", "Dovecot: the table names message, sender, subject, who and why; nothing changes, and all is fetched later")
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


@case("dry run", "Dovecot: --json; the settings that it suggests, put into postroom.toml, deliver to everybody")
def as_json(providers):
    office, account = providers.office, providers.dovecot.account(*ENVELOPED)
    name = office.provider(account, mode="guess")
    [found] = json.loads(office.postroom("fetch", name, "--dry-run", "--json"))
    subjects = [each["subject"] for each in found["messages"]]
    check(subjects == [f"message {number}" for number in range(4)], f"the subjects are {subjects}")
    suggested = tomllib.loads(found["advice"]["lines"])
    check(suggested.get("envelope_header") == "X-Envelope-To", f"the advice is {found['advice']}")
    check_count(account.messages(), 4)
    office.anew()
    office.provider(account, **suggested)
    office.fetch()
    found = {user: len(messages) for user, messages in office.mailboxes().items()}
    check(found == {"alice": 2, "bob": 1, "carol": 1}, f"mail came to {found}")


@case("dry run", "Courier and Mailutils: by TOP as well")
def elsewhere(providers):
    office = providers.office
    for server in [providers.courier, providers.mailutils]:
        account = stocked(server)
        name = office.provider(account, mode="envelope", envelope_header="X-Envelope-To")
        check_said(office.fetch(name, "--dry-run"), "alice", "bob", "carol", "unclaimed")
        check_count(account.messages(), 5)
    check(not office.mailboxes(), "a dry run delivered mail")
