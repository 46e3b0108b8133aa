"""Every message of shared/mail/messages in by SMTP and out by POP3, octet for octet."""

import pathlib

from cases import case
from mail import check, check_count, check_delivered, with_crlf
from office import Failure
from wire import Pop3, Smtp, mailbox

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "shared" / "mail" / "messages"
SESSION_MESSAGES = 40

# Written with line ends of the old Mac, or with stray CRs between proper ends: as they are, SMTP must refuse them.
BARE_CR = {
    "sisimai-set__maildir_bsd_lhost-dragonfly-01.eml",
    "sisimai-set__maildir_mac_lhost-ezweb-01.eml",
    "sisimai-set__maildir_mac_lhost-surfcontrol-01.eml",
    "sisimai-set__maildir_mac_rhost-spectrum-01.eml",
    "spamassassin-corpus__spam-2_00179.ef2f7cf60806a96b59f4477b025580ee.eml",
}


def real_messages():
    return sorted(FOLDER.iterdir())


def in_sessions(office, contents, recipients, send):
    for start in range(0, len(contents), SESSION_MESSAGES):
        session = Smtp(office)
        for content in contents[start:start + SESSION_MESSAGES]:
            send(session, content, recipients)
        session.close()


def check_all(office, user, names, contents):
    session = Pop3(office, user)
    sizes = session.sizes()
    came = session.messages()
    session.close()
    check_count(came, len(contents))
    for name, size, message, sent in zip(names, sizes, came, contents):
        try:
            check_delivered(message, sent if sent.endswith(b"\r\n") else sent + b"\r\n")
        except Failure as failure:
            raise Failure(f"{name}: {failure}") from None
        check(size == len(message), f"{name}: LIST says {size} octets, RETR sent {len(message)}")


def data(session, content, recipients):
    session.data(content if content.endswith(b"\r\n") else content + b"\r\n", recipients)


def bdat(session, content, recipients):
    half = len(content) // 2
    session.bdat([content[:half], content[half:]], recipients)


@case("real mail", "every message by DATA, line ends made CRLF")
def corpus_by_data(office):
    whole_corpus(office, data)


@case("real mail", "every message by BDAT in two chunks, line ends made CRLF")
def corpus_by_bdat(office):
    whole_corpus(office, bdat)


def whole_corpus(office, send):
    user, files = office.user(), real_messages()
    contents = [with_crlf(each.read_bytes()) for each in files]
    in_sessions(office, contents, [user.address], send)
    check_all(office, user, [each.name for each in files], contents)


@case("real mail", "every message with its own bare CRs kept: refused with 550 and nothing stored")
def corpus_bare_cr(office):
    user, files = office.user(), real_messages()
    session = Smtp(office)
    for file in files:
        content = file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        bare = content.replace(b"\r\n", b"").count(b"\r") > 0
        check(bare == (file.name in BARE_CR), f"{file.name}: the list BARE_CR is not right")
        if bare:
            content = content if content.endswith(b"\r\n") else content + b"\r\n"
            session.data(content, [user.address], expected="550")
    session.close()
    check_count(mailbox(office, user), 0)
