"""Leaving: a real server serves what we export, under the unique-ids that PCs know, so that none fetches a message again."""

from cases import case
from corpus_fetched import FOLDER
from mail import check, check_count, sample
from office import User
from wire import Pop3


def contents():
    made = [sample("leaving"), sample("eight bits, leaving", "Gr\u00fc\u00dfe\r\n"), b"Subject: odd\r\n\r\na\rb\r\r\nc\r\n"]
    folder = FOLDER / "messages"
    return made + ([each.read_bytes() for each in sorted(folder.iterdir())] if folder.is_dir() else [])


@case("Dovecot", "serves an exported Maildir by POP3: every octet, in the same order, under the same unique-ids")
def dovecot_serves(providers):
    office, account = providers.office, providers.dovecot.account()
    folder = office.folder(f"leaving-{account.name}")
    for number, content in enumerate(contents()):
        office.file(f"{folder.name}/{number:04}.eml", content)
    office.postroom("import", "alice", folder)
    maildir = providers.dovecot.root / account.name
    with office.serve(office.without_providers):
        session = Pop3(office, User("alice", office.password))
        unique_ids, messages = session.unique_ids(), session.messages()
        session.close()
        office.postroom("export", "alice", "--maildir", maildir)
    check(len(messages) >= 3, "there is nothing to serve")
    check_same(account, unique_ids, messages)
    # Exported once more, when the server has taken the folder for its own: nothing moves, what is new is added.
    office.postroom("import", "alice", office.file("late.eml", sample("late")))
    office.postroom("export", "alice", "--maildir", maildir)
    late = account.unique_ids()
    check_count(late, len(messages) + 1)
    check(late[:-1] == unique_ids, "the unique-ids are others after a second export")


def check_same(account, unique_ids, messages):
    served = account.unique_ids()
    check(served == unique_ids, f"not the same unique-ids: {served[:3]} and {unique_ids[:3]}")
    for number, (one, other) in enumerate(zip(account.messages(), messages, strict=True), 1):
        check(one == other, f"message {number} is not the same: {one[:300]!r} and {other[:300]!r}")
