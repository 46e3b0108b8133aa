"""Mail out by mutt, which reads a POP3 mailbox only on a terminal: it gets one, and its keys by `push`."""

import os
import pty
import select
import subprocess
import time

from cases import case
from collectors import check_collected
from mail import check, check_count
from office import Failure
from outgoing import stocked
from wire import mailbox, unique_ids

TIMEOUT_S = 30


def on_terminal(office, *argv):
    """Runs a program on a terminal of its own and throws away what it draws; its last screen is told on failure."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([str(word) for word in argv], stdin=theirs, stdout=theirs, stderr=theirs, cwd=office.root,
                               env=office.environment(), start_new_session=True, **office.account)
    os.close(theirs)
    drawn, until = b"", time.monotonic() + TIMEOUT_S
    while process.poll() is None and time.monotonic() < until:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                drawn += os.read(ours, 65536)
            except OSError:  # Linux says so when the last program has closed the terminal
                break
    try:
        code = process.wait(max(0.1, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Failure(f"{argv[0]} did not end within {TIMEOUT_S} s; it drew: {drawn[-1500:]!r}") from None
    finally:
        os.close(ours)
    check(code == 0, f"{argv[0]} left with exit code {code}; it drew: {drawn[-1500:]!r}")


def mutt(office, user, keys, *settings):
    folder = office.folder(f"{user.name}-mutt")
    for part in ["cur", "new", "tmp"]:
        office.folder(f"{folder.name}/{part}")
    # sleep_time: mutt shows each message of its own, such as the TLS version at every connection, for a second.
    lines = [
        "set sleep_time=0", "set mbox_type=Maildir", f"set folder={office.root}", f"set spoolfile={folder}", "set confirmappend=no",
        "set wait_key=no", "set hostname=pc.example", "set quit=yes", "set move=no", "set header_cache=", "set copy=no",
        f"set ssl_ca_certificates_file={office.ca}", f'set pop_user="{user.name}"', f'set pop_pass="{user.password}"',
        *settings, f'push "{keys}"',
    ]
    settings_file = office.file(f"{user.name}-muttrc", "\n".join(lines) + "\n")
    return folder, settings_file


@case("mutt", "fetch-mail, leaving the mail (pop_delete=no), STLS required")
def mutt_leaves(office):
    user, sent = stocked(office, "mutt leaves")
    known = unique_ids(office, user)
    folder, settings = mutt(office, user, "<fetch-mail><quit>", f"set pop_host=pop://localhost:{office.pop3}",
                            "set pop_delete=no", "set pop_last=no", "set ssl_force_tls=yes", "set ssl_starttls=yes")
    on_terminal(office, "mutt", "-n", "-F", settings)
    check_collected(folder, sent)
    check(unique_ids(office, user) == known, "mutt should leave the mail on the server")


@case("mutt", "fetch-mail, removing the mail (pop_delete=yes), plain")
def mutt_removes(office):
    user, sent = stocked(office, "mutt removes")
    folder, settings = mutt(office, user, "<fetch-mail><quit>", f"set pop_host=pop://localhost:{office.pop3}",
                            "set pop_delete=yes", "set ssl_force_tls=no", "set ssl_starttls=no")
    on_terminal(office, "mutt", "-n", "-F", settings)
    check_collected(folder, sent)
    check_count(mailbox(office, user), 0)


@case("mutt", "pops:// opened as a folder, messages copied out of it")
def mutt_folder(office):
    user, sent = stocked(office, "mutt folder")
    known = unique_ids(office, user)
    folder, settings = mutt(office, user, f"<tag-pattern>~A<enter><tag-prefix><copy-message>{office.root}/{user.name}-mutt<enter><exit>",
                            "set ssl_force_tls=yes", "set pop_checkinterval=0")
    on_terminal(office, "mutt", "-n", "-F", settings, "-f", f"pops://{user.name}@localhost:{office.pop3s}/")
    check_collected(folder, sent, added=rb"(?m)^(?:Content-Length|Lines): \d+\r\n")
    check(unique_ids(office, user) == known, "mutt should leave the mail on the server")
