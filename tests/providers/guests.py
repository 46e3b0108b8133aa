"""Courier and GNU Mailutils as the provider: servers that look for their files at fixed places and want to change users.

Each gets a view of the machine of its own (a user and a mount namespace, `unshare`), with an /etc and a /run that belong
to it, so that it needs neither root nor the machine's accounts. Both come from their packages unpacked, not installed
(scripts/install-packages): Debian lets no further POP3 server be installed beside Courier's.

popa3d is not here: it takes on other users to split its rights, which only the machine's root can do.
"""

import contextlib
import pathlib
import re
import subprocess

from office import ordinary_account
from servers import ACCOUNTS, PASSWORD, Certificate, MaildirServer, Server

UNPACKED = pathlib.Path("/usr/local/lib/postroom-tests")
COURIER, POP3D = UNPACKED / "usr/lib/courier", UNPACKED / "usr/sbin/pop3d"


def can_have_a_view_of_their_own():
    """Whether this system lets an ordinary user make namespaces; some containers do not."""
    argv = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "true"]
    return subprocess.run(argv, stderr=subprocess.DEVNULL, **ordinary_account()).returncode == 0


class NotHere(Exception):
    """A case needs a server that cannot run on this machine."""


class Absent(contextlib.AbstractContextManager):
    """In the place of a server that cannot run here."""

    def __init__(self, _office):
        pass

    def __exit__(self, *_):
        pass

    def __getattr__(self, name):
        raise NotHere


class Guest(Server):
    """`spawn` starts programs that see `etc` and `run` of this folder as /etc and /run."""

    def __init__(self, office):
        super().__init__(office)
        self.etc = office.folder(f"{self.root.name}/etc")
        office.folder(f"{self.root.name}/run")
        whole = pathlib.Path("/etc/nsswitch.conf")
        self.write("nsswitch.conf", whole.read_text() if whole.exists() else "passwd: files\n")
        self.hashed = office.run("openssl", "passwd", "-1", PASSWORD).decode().strip()
        self.uid, self.gid = self.root.stat().st_uid, self.root.stat().st_gid

    def write(self, name, content):
        return self.office.file(f"{self.root.name}/etc/{name}", content, 0o644)

    def spawn(self, *argv):
        view = f'mount --bind {self.etc} /etc && mount --bind {self.root}/run /run && exec "$@"'
        super().spawn("unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c", view, "sh", *argv)


class Courier(Guest, MaildirServer):
    """courier-pop under its own couriertcpd, with its own authdaemond and a userdb; plain and STLS, LOGIN-DELAY in CAPA."""

    name = "Courier"
    # Else it gives a notice in place of a message with 8-bit octets in its header.
    before_log_in = ["UTF8"]

    def start(self):
        self.certificate = Certificate(self.office, self.root)
        self.office.file(f"{self.root.name}/both.pem", self.certificate.key.read_text() + self.certificate.chain.read_text())
        self.office.folder(f"{self.root.name}/run/courier")
        self.office.folder(f"{self.root.name}/run/courier/authdaemon")
        self._settings()
        libraries = f"{UNPACKED}/usr/lib:{UNPACKED}/usr/lib/courier-authlib"
        environment = {
            "LD_LIBRARY_PATH": libraries, "LTDL_LIBRARY_PATH": libraries, "POP3AUTH": "PLAIN LOGIN",
            "POP3AUTH_TLS": "PLAIN LOGIN", "POP3_STARTTLS": "YES", "POP3_TLS_REQUIRED": 0, "TLS_VERIFYPEER": "NONE",
            "TLS_CERTFILE": self.root / "both.pem", "COURIERTLS": UNPACKED / "usr/bin/couriertls",
        }
        given = ["env", *(f"{name}={value}" for name, value in environment.items())]
        self.spawn(*given, COURIER / "courier-authlib/authdaemond")
        self.spawn(*given, UNPACKED / "usr/sbin/couriertcpd", "-address=127.0.0.1", "-nodnslookup", "-noidentlookup",
                   "-maxprocs=20", "-maxperip=20", self.pop3, COURIER / "courier/courierpop3login",
                   COURIER / "courier/courierpop3d", ".")

    def _settings(self):
        self.office.folder(f"{self.root.name}/etc/courier")
        # Who it does TLS as.
        self.write("passwd", f"courier:x:{self.uid}:{self.gid}::/:/bin/sh\n")
        self.write("courier/authdaemonrc", 'authmodulelist="authuserdb"\ndaemons=1\nauthdaemonvar=/run/courier/authdaemon\n')
        boxes = [f"box{number}" for number in range(ACCOUNTS)]
        users = [f"{box}\tuid={self.uid}|gid={self.gid}|home={self.root}/{box}" for box in boxes]
        passwords = [f"{box}\tsystempw={self.hashed}" for box in boxes]
        for name, lines in [("userdb.dat", users), ("userdbshadow.dat", passwords)]:
            self.office.run(COURIER / "courier-authlib/makedatprog", "-", self.etc / "courier/new",
                            self.etc / "courier" / name, stdin=("\n".join(lines) + "\n.\n").encode())


class Mailutils(Guest):
    """GNU Mailutils' pop3d, with mailboxes in one file each (mbox), so that it writes X-UIDL lines into the messages."""

    name = "GNU Mailutils"
    own_lines = re.compile(rb"(?m)^(?:X-UIDL|X-UID|X-IMAPbase|Status): .*\r\n")

    def start(self):
        boxes = [f"box{number}" for number in range(ACCOUNTS)]
        who = "".join(f"{box}:x:{self.uid}:{self.gid}::{self.root}:/bin/sh\n" for box in boxes)
        self.write("passwd", who)
        self.write("shadow", "".join(f"{box}:{self.hashed}:19000::::::\n" for box in boxes))
        # It takes the group of this name at the start.
        self.write("group", f"mail:x:{self.gid}:\n")
        settings = self.write("pop3d.conf", f"""
            auth {{ authentication "generic:system"; authorization "system"; }};
            mailbox {{ mailbox-pattern "{self.root}/${{user}}"; mailbox-type mbox; }};
            logging {{ syslog no; }};
            tcp-wrappers {{ enable no; }};
            mode daemon;
            foreground yes;
            server 127.0.0.1:{self.pop3} {{ }};
            """)
        self.spawn(POP3D, "--no-config", f"--config-file={settings}")

    def make(self, name):
        self.office.file(f"{self.root.name}/{name}", "")

    def put(self, name, content):
        with (self.root / name).open("ab") as mailbox:
            mailbox.write(b"From sender@out.example Mon Nov  2 10:00:00 2026\n" + quoted(content) + b"\n")


def quoted(content):
    """As an mbox holds a message: LF, and `From ` at the start of a line quoted."""
    lines = content.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    return b"".join(b">" * line.startswith(b"From ") + line + b"\n" for line in lines)


def missing():
    """What of these servers is not there, in words."""
    return [str(each) for each in [UNPACKED / "usr/sbin/couriertcpd", POP3D] if not each.exists()]
