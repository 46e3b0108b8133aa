"""The provider's mailbox: Dovecot of the machine that tests, on a configuration and in a folder of the test's own."""

import os
import pathlib
import signal
import subprocess
import time

from debian_root import Failure
from mail import connects

PORT = 2110
USER, PASSWORD = "office", "open sesame 9"
# Nobody on this machine: Dovecot serves no mail of root's.
OWNER = 12345
READY_WITHIN_S = 20


class Provider:
    """`with Provider(folder) as provider:` serves until the end of the block."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.new = self.folder / "office/new"

    def __enter__(self):
        for part in ["", "new", "cur", "tmp"]:
            (self.folder / "office" / part).mkdir()
            os.chown(self.folder / "office" / part, OWNER, OWNER)
        (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}:{OWNER}:{OWNER}::{self.folder}/office::\n")
        settings = self.folder / "dovecot.conf"
        settings.write_text(f"""
            protocols = pop3
            listen = 127.0.0.1
            base_dir = {self.folder}/run
            state_dir = {self.folder}/state
            log_path = {self.folder}/log
            first_valid_uid = 1
            disable_plaintext_auth = no
            ssl = no
            mail_location = maildir:~
            passdb {{
              driver = passwd-file
              args = {self.folder}/users
            }}
            userdb {{
              driver = passwd-file
              args = {self.folder}/users
            }}
            service pop3-login {{
              chroot =
              inet_listener pop3 {{
                port = {PORT}
              }}
              inet_listener pop3s {{
                port = 0
              }}
            }}
        """)
        self.process = subprocess.Popen(["dovecot", "-F", "-c", settings], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_WITHIN_S
        while not connects(PORT):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"Dovecot does not start: {(self.folder / 'log').read_text()[-1000:]}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(READY_WITHIN_S)

    def receives(self, subject, to):
        """A message to the office's domain, as the provider stores it: with its recipient in a header of his own."""
        number = len(list(self.folder.glob("office/*/*")))
        lines = [
            "Return-Path: <kate@elsewhere.example>",
            f"X-Envelope-To: {to}",
            "Received: from mx.elsewhere.example (192.0.2.7) by mx.provider.example with ESMTP; "
            "Mon, 23 Nov 2026 09:00:00 +0000",
            "From: Kate <kate@elsewhere.example>",
            # A list's: the header alone says whose it is.
            "To: friends@elsewhere.example",
            f"Subject: {subject}",
            f"Message-ID: <{number}@elsewhere.example>",
            "",
            "Good morning.",
            "",
        ]
        file = self.new / f"{1_700_000_000 + number}.M{number}.provider"
        file.write_text("\n".join(lines))
        os.chown(file, OWNER, OWNER)

    def holds(self):
        return len(list(self.new.iterdir())) + len(list((self.folder / "office/cur").iterdir()))
