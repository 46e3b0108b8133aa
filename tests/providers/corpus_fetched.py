"""The real messages of ../shared/mail, where it lies beside the repository: octet for octet; the labelled ones to the right users."""

import collections
import csv
import json
import pathlib

from cases import case
from fetching import UNCLAIMED, check_mailbox
from mail import check, check_count

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "shared" / "mail"
ROUTING = FOLDER / "routing"


def whole_corpus(providers, server, **settings):
    account = server.account(*(each.read_bytes() for each in sorted((FOLDER / "messages").iterdir())))
    if server is providers.mailutils:
        account.messages()  # at the first reading it mends what it thinks is broken
    served = account.messages()
    providers.office.provider(account, **settings)
    providers.office.fetch()
    check_count(account.messages(), 0)
    found = providers.office.mailboxes()
    check(list(found) == ["alice"], f"mail came to {sorted(found)}")
    check_mailbox(found["alice"], served, server)


@case("real mail", "every message from Dovecot, implicit TLS, pipelined")
def corpus_dovecot(providers):
    whole_corpus(providers, providers.dovecot, tls="implicit", ca=str(providers.dovecot.certificate.ca))


@case("real mail", "every message from Courier, plain")
def corpus_courier(providers):
    whole_corpus(providers, providers.courier)


@case("real mail", "every message from Mailutils, out of one file")
def corpus_mailutils(providers):
    whole_corpus(providers, providers.mailutils)


class Labelled:
    """The labelled cases, one account for each profile, and what each came to."""

    def __init__(self, providers):
        self.profiles = json.loads((ROUTING / "profiles.json").read_text())
        with (ROUTING / "labels.tsv").open(newline="") as file:
            self.cases = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        # By profile: the account, and the provider's messages in order, each with the id of its case.
        self.accounts, self.sent = {}, {}
        for profile in sorted({each["profile"] for each in self.cases}):
            cases = [each for each in self.cases if each["profile"] == profile]
            files = [(each["id"], ROUTING / "messages" / file) for each in cases for file in each["files"].split(",")]
            sent = [(name, file.read_bytes()) for name, file in files]
            self.accounts[profile] = providers.dovecot.account(*(content for _, content in sent))
            self.sent[profile] = sent

    def settings(self, profile):
        """As the README of ../shared/mail maps them."""
        habits = self.profiles[profile]
        header = habits["envelope_header"]
        if header:
            return {"mode": "envelope", "envelope_header": header, "envelope_prefix": habits["prefix"]}
        trusted = {"trusted_hosts": habits["received_by"]} if habits["received_by"] else {}
        return {"mode": "guess", "copies": habits["copies"], **trusted}

    def wrong(self, got):
        """What is not as labelled: the case's id to what it came to, and what is meant."""
        wrong = {}
        for each in self.cases:
            came = dict(got.get(each["id"], {}))
            # Of several copies each may be unclaimed.
            if UNCLAIMED in came:
                came[UNCLAIMED] = 1
            right = [once(each[column]) for column in ("expected", "tolerated") if each[column]]
            if came not in right:
                wrong[each["id"]] = f"{came} (meant: {each['expected']})"
        return wrong


def once(names):
    return {name: 1 for name in names.split(",")}


def by_postroom(providers, labelled):
    """Fetches all accounts; which user got what, case by case."""
    owners, served = collections.defaultdict(set), []
    for profile, account in labelled.accounts.items():
        for (name, _), message in zip(labelled.sent[profile], account.messages(), strict=True):
            owners[message].add(name)
            served.append(message)
        providers.office.provider(account, **labelled.settings(profile))
    providers.office.fetch()
    got = collections.defaultdict(collections.Counter)
    for user, messages in providers.office.mailboxes().items():
        for came in messages:
            same = max((each for each in owners if came.endswith(each)), key=len, default=None)
            check(same is not None, f"{user} got a message that is not the provider's: {came[:700]!r}")
            check(len(owners[same]) == 1, f"the same octets in several cases: {owners[same]}")
            got[next(iter(owners[same]))][user] += 1
    return got


@case("labelled mail", "the 64 cases, 11 accounts at Dovecot in one run: every message where its label says")
def labelled_cases(providers):
    labelled = Labelled(providers)
    check_count(labelled.cases, 64)
    wrong = labelled.wrong(by_postroom(providers, labelled))
    check(not wrong, f"not as labelled: {wrong}")
    for account in labelled.accounts.values():
        check_count(account.messages(), 0)
