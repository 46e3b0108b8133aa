"""Mailboxes as files: what we write is read by programs that we did not write, and the other way round.

The real messages of shared/mail where they lie beside the repository, or else samples.
"""

import mailbox as python_mailbox
import re

import corpus
from cases import case
from mail import EIGHT_BIT, check, check_count, sample
from terminal import mutt, on_terminal
from wire import mailbox


def contents():
    """Messages with the line ends of Unix, no two alike."""
    made = [sample("a file"), sample("eight bits in a file", EIGHT_BIT), sample("no end", "no line end"),
            b"Subject: header alone\r\n\r\n", sample("quoted", "a\r\n\r\nFrom b Mon Nov 23 09:15:00 2026\r\n>From c\r\n")]
    real = [each.read_bytes() for each in corpus.real_messages()] if corpus.FOLDER.is_dir() else []
    found = {unix(each).rstrip(b"\n"): unix(each) for each in [*made, *real]}
    return list(found.values())


def unix(content):
    return content.replace(b"\r\n", b"\n")


def ended(content):
    """What RETR adds, and what programs add that write files line by line."""
    return content if content.endswith(b"\n") else content + b"\n"


def imported(office, name, contents):
    """A user with these messages, out of a folder of .eml files."""
    user, folder = office.user(), office.folder(name)
    for number, content in enumerate(contents):
        office.file(f"{name}/{number:04}.eml", content)
    said = office.postroom("import", user.name, folder)
    check(f"imported {len(contents)} messages".encode() in said, f"of {len(contents)} messages: {said!r}")
    return user


def check_same(found, expected):
    check_count(found, len(expected))
    for one, other in zip(sorted(found), sorted(expected)):
        at = next((at for at, pair in enumerate(zip(one, other)) if pair[0] != pair[1]), min(len(one), len(other)))
        check(one == other, f"not the same from octet {at} on: {one[max(0, at - 60):at + 200]!r} and {other[max(0, at - 60):at + 200]!r}")


@case("Python", "reads the mbox file and the Maildir that we write: every octet, waiting mail as new")
def python_reads(office):
    user = imported(office, "for-python", contents())
    served = [unix(each) for each in mailbox(office, user)]
    office.postroom("export", user.name, "--mbox", office.root / "python.mbox")
    office.postroom("export", user.name, "--maildir", office.root / "python-maildir")
    box = python_mailbox.mbox(office.root / "python.mbox", create=False)
    # Python takes no ">" away from lines that were quoted.
    check_same([re.sub(rb"(?m)^>(>*From )", rb"\1", unix(box.get_bytes(key))) for key in box.keys()], served)
    box = python_mailbox.Maildir(office.root / "python-maildir", create=False)
    check_same([unix(box.get_bytes(key)) for key in box.keys()], served)
    check(all(box.get_message(key).get_subdir() == "new" for key in box.keys()), "waiting mail is not in new")


@case("Python", "writes an mbox file and a Maildir, and we read every octet")
def python_writes(office):
    sent = [ended(each) for each in contents()]
    # What Python writes as mboxo cannot be told from what was quoted before; a first line "From " it takes for its own; and of
    # CR CR LF it makes CR LF.
    sent = [each for each in sent if not re.search(rb"(?m)^>+From |\AFrom |\r\n", each)]
    boxes = {"mbox": python_mailbox.mbox(office.folder("by-python") / "box"),
             "Maildir": python_mailbox.Maildir(office.root / "by-python" / "maildir")}
    for name, box in boxes.items():
        for content in sent:
            box.add(content)
        box.close()
        user = office.user()
        path = office.root / "by-python" / ("box" if name == "mbox" else "maildir")
        give_all(office, path)
        said = office.postroom("import", user.name, path)
        check(f"imported {len(sent)} messages".encode() in said, f"{name}, of {len(sent)} messages: {said!r}")
        check_same([unix(each) for each in mailbox(office, user)], sent)


def give_all(office, path):
    for each in [path, *path.rglob("*")]:
        office._give(each)


@case("mutt", "reads the mbox file and the Maildir that we write, and we read what it copies")
def mutt_copies(office):
    sent = [ended(unix(sample(f"mutt {number}", f"text {number}\r\n\r\nFrom here\r\n"))) for number in range(3)]
    user = imported(office, "for-mutt", sent)
    office.postroom("export", user.name, "--mbox", office.root / "mutt.mbox")
    office.postroom("export", user.name, "--maildir", office.root / "mutt-maildir")
    for name in ["mutt.mbox", "mutt-maildir"]:
        reader = office.user()
        keys = "<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>=" + f"{reader.name}-copied<enter><exit>"
        _, settings = mutt(office, reader, keys, "set mbox_type=mbox", "set confirmcreate=no")
        on_terminal(office, "mutt", "-n", "-F", settings, "-f", office.root / name)
        copied = office.root / f"{reader.name}-copied"
        check(copied.exists(), f"mutt copied nothing from {name}")
        said = office.postroom("import", reader.name, copied)
        check(b"imported 3 messages" in said, f"{name}: {said!r}")
        # mutt notes in the header what it knows of a message.
        noted = re.compile(rb"(?m)^(Status|Content-Length|Lines): .*\n")
        found = [noted.sub(b"", unix(each)) for each in mailbox(office, reader)]
        # With a Content-Length nothing is taken from lines that were quoted: mutt quotes them all the same.
        check_same([each.replace(b"\n>From ", b"\nFrom ") for each in found], sent)
