"""The program of another machine's package, run by an emulator: mail in, mail out. What is left where the kernel cannot run a
whole root of that machine (tests/package/emulating)."""

import pathlib
import signal
import subprocess
import time

import mail
from debian_root import check

PASSWORD = "correct horse battery"
SMTP, POP3, POP3S = 2525, 1110, 1995
READY_WITHIN_S = 60


class Office:
    def __init__(self, folder, package, emulator):
        self.tree, self.settings = pathlib.Path(folder, "tree"), pathlib.Path(folder, "office")
        self.log = pathlib.Path(folder, "log")
        subprocess.run(["dpkg-deb", "-x", package, self.tree], check=True)
        self.command = [emulator, self.tree / "usr/bin/postroom"]
        self.hub = None

    def run(self, *arguments, stdin=None):
        config = ["--config", self.settings / "postroom.toml"]
        done = subprocess.run([*self.command, *config, *arguments], input=stdin, capture_output=True, text=True, timeout=120)
        check(done.returncode == 0, f"postroom {arguments[0]}: exit code {done.returncode}\n{done.stdout}{done.stderr}")

    def start(self):
        with open(self.log, "a") as log:
            config = ["--config", self.settings / "postroom.toml"]
            self.hub = subprocess.Popen([*self.command, *config, "serve"], stdout=log, stderr=log)
        deadline = time.monotonic() + READY_WITHIN_S
        while f"[::1]:{POP3S}" not in self.log.read_text():
            check(self.hub.poll() is None, "the hub ended at once")
            check(time.monotonic() < deadline, f"the hub does not listen after {READY_WITHIN_S} s")
            time.sleep(0.05)

    def log_end(self):
        return self.log.read_text(errors="replace").splitlines()[-15:] if self.log.exists() else []


def mail_comes_in_and_goes_out(office):
    office.run("init", "--dir", office.settings, "--domain", "our.example", "--hostname", "localhost", "--loopback")
    settings = office.settings / "postroom.toml"
    settings.write_text(settings.read_text().replace("#allow_root = false", "allow_root = true"))
    office.run("user", "add", "anna", "--password-stdin", stdin=f"{PASSWORD}\n")
    office.start()
    mail.send("emulated", "anna@our.example", SMTP)
    found = mail.collect("anna", PASSWORD, POP3)
    check(found == ["emulated"], f"anna got {found}")


def mail_goes_out_by_tls(office):
    mail.send("by TLS", "anna@our.example", SMTP)
    found = mail.collect("anna", PASSWORD, POP3S, mail.trusting(office.settings / "tls/ca.pem"))
    check(found == ["by TLS"], f"anna got {found}")


def the_hub_stops_when_it_is_told_to_and_has_the_mail_at_the_next_start(office):
    mail.send("before the stop", "anna@our.example", SMTP)
    office.hub.send_signal(signal.SIGTERM)
    check(office.hub.wait(timeout=30) == 0, f"exit code {office.hub.returncode}")
    office.log.write_text("")
    office.start()
    found = mail.collect("anna", PASSWORD, POP3)
    check(found == ["before the stop"], f"anna got {found}")


STEPS = [
    mail_comes_in_and_goes_out,
    mail_goes_out_by_tls,
    the_hub_stops_when_it_is_told_to_and_has_the_mail_at_the_next_start,
]
