"""The life of a package in a root, step by step; each goes on where the one before has ended."""

import pathlib
import subprocess

import mail
from debian_root import check

PASSWORD = "correct horse battery"
SETTINGS = "/etc/postroom/postroom.toml"
DIRECTORY = "/etc/postroom/directory.toml"
HOOK = "/etc/letsencrypt/renewal-hooks/deploy/postroom"
LIVE = "/etc/letsencrypt/live"
COMPLETIONS = "/usr/share/bash-completion/completions"
DOC = "/usr/share/doc/postroom"
BROUGHT = [
    "/usr/share/man/man1/postroom.1.gz",
    "/usr/share/man/man5/postroom.toml.5.gz",
    "/usr/share/man/man5/directory.toml.5.gz",
    f"{COMPLETIONS}/postroom",
    "/usr/share/zsh/vendor-completions/_postroom",
    "/usr/share/fish/vendor_completions.d/postroom.fish",
    f"{DOC}/README.md",
    f"{DOC}/SECURITY.md",
    f"{DOC}/changelog.gz",
    f"{DOC}/copyright",
    f"{DOC}/libraries.txt.gz",
    f"{DOC}/examples/postroom.toml",
    f"{DOC}/examples/directory.toml",
    f"{DOC}/examples/fail2ban/filter.d/postroom.conf",
    f"{DOC}/examples/fail2ban/jail.d/postroom.conf",
]


class Office:
    def __init__(self, root, package, newer):
        self.root, self.package, self.newer = root, package, newer
        self.before = root.everything()

    def log_end(self):
        log = self.root.path("/run/service-manager/postroom.service.log")
        return log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []

    def collects(self, *subjects):
        found = mail.collect("anna", PASSWORD)
        check(found == list(subjects), f"anna should collect {list(subjects)} and got {found}")

    def configured_files(self):
        return {path: self.root.path(path).read_text() for path in [SETTINGS, DIRECTORY, HOOK]}


def a_fresh_install_asks_nothing_starts_nothing_and_says_the_next_command(office):
    root = office.root
    said = root.install(office.package)
    last = said.strip().splitlines()[-1]
    check(last.endswith("Next: sudo postroom setup"), f"the last line is no next command:\n{said}")
    check(root.pid() is None, "a hub runs")
    root.run("systemctl", "is-enabled", "postroom")
    root.run("systemctl", "is-enabled", "postroom.socket", expected=1)
    root.run("systemctl", "start", "postroom")
    check(root.pid() is None, "a hub without settings was started")
    for path, expected in {"/etc/postroom": "postroom:postroom 750", "/var/lib/postroom": "postroom:postroom 700"}.items():
        found = root.owner_and_mode(path)
        check(found == expected, f"{path} is {found}")
    version = root.run("dpkg-query", "--show", "--showformat=${Version}", "postroom").rpartition("-")[0]
    check(root.run("postroom", "--version").split()[1] == version, "the program is of another version than the package")


def the_package_brings_manuals_completions_samples_and_what_must_be_told(office):
    root = office.root
    brought = root.run("dpkg-query", "--listfiles", "postroom").split()
    missing = [path for path in BROUGHT if path not in brought or not root.path(path).exists()]
    check(not missing, f"the package does not bring {missing}")
    said = root.run("bash", "-c", f". {COMPLETIONS}/postroom && complete -p postroom")
    check("_postroom" in said, f"bash completes nothing: {said}")


def mail_comes_in_and_goes_out_once_there_are_settings(office):
    root = office.root
    root.run("postroom", "init", "--dir", "/etc/postroom", "--domain", "our.example", "--hostname", "localhost")
    root.run("postroom", "user", "add", "anna", "--password-stdin", stdin=f"{PASSWORD}\n")
    root.run("postroom", "check")
    root.run("systemctl", "start", "postroom")
    mail.send("first", "anna@our.example")
    office.collects("first")
    mail.send("by TLS", "anna@our.example")
    trusted = mail.trusting(root.path("/etc/postroom/tls/ca.pem"))
    found = mail.collect("anna", PASSWORD, 995, trusted)
    check(found == ["by TLS"], f"by TLS anna got {found}")
    for path in [SETTINGS, DIRECTORY, "/etc/postroom/tls/key.pem", "/etc/postroom/tls/ca-key.pem"]:
        owner, mode = root.owner_and_mode(path).split()
        check(owner == "postroom:postroom" and mode in ("600", "640"), f"{path} is {owner} {mode}")


def an_upgrade_restarts_the_hub_and_keeps_mail_and_edited_files(office):
    root = office.root
    root.edit(SETTINGS, '#max_message_size = "50 MB"', 'max_message_size = "9 MB"   # by hand')
    root.edit(HOOK, "#!/bin/sh\n", "#!/bin/sh\n# by hand\n")
    mail.send("before the upgrade", "anna@our.example")
    kept, old = office.configured_files(), root.pid()
    said = root.install(office.newer)
    check("Next:" not in said, f"the next command is said to somebody who has taken it:\n{said}")
    check(root.pid() not in (None, old), f"the hub was not restarted: {old}, then {root.pid()}")
    check(office.configured_files() == kept, "an edited file has changed")
    mail.send("after the upgrade", "anna@our.example")
    office.collects("before the upgrade", "after the upgrade")


def an_upgrade_leaves_a_stopped_hub_stopped(office):
    root = office.root
    root.run("systemctl", "stop", "postroom")
    root.install(office.newer)
    check(root.pid() is None, "a hub that the administrator had stopped was started")
    root.run("systemctl", "start", "postroom")


def an_upgrade_leaves_the_sockets_as_they_are(office):
    root = office.root
    for order, expected in {"start": 0, "stop": 3}.items():
        root.run("systemctl", order, "postroom.socket")
        root.install(office.newer)
        root.run("systemctl", "is-active", "postroom.socket", expected=expected)


def a_certificate_of_certbots_is_copied_on_demand_and_taken_over(office):
    root = office.root
    first = make_lineage(office, "post.our.example")
    make_lineage(office, "www.our.example")
    said = root.run(HOOK, "post.our.example")
    lines = [line.strip() for line in said.splitlines() if " = " in line]
    check(lines == ['certificate = "tls/certbot-cert.pem"', 'key = "tls/certbot-key.pem"'], f"it said:\n{said}")
    root.edit(SETTINGS, 'certificate = "tls/cert.pem"', lines[0])
    root.edit(SETTINGS, 'key = "tls/key.pem"', lines[1])
    check(mail.wait_for_certificate(first), "the hub does not serve certbot's certificate")
    for name, expected in {"certbot-key.pem": "postroom:postroom 600", "certbot-cert.pem": "postroom:postroom 644"}.items():
        found = root.owner_and_mode(f"/etc/postroom/tls/{name}")
        check(found == expected, f"{name} is {found}")


def a_renewed_certificate_is_taken_over_and_a_foreign_one_is_not(office):
    root = office.root
    renewed = make_lineage(office, "post.our.example")
    root.run(HOOK, RENEWED_LINEAGE=f"{LIVE}/post.our.example", RENEWED_DOMAINS="post.our.example")
    check(mail.wait_for_certificate(renewed), "the hub does not serve the renewed certificate")
    copies = tls_files(root)
    check(not [name for name in copies if name.endswith(".new")], f"something half written was left: {list(copies)}")
    # Nor if the hub's user asks for it, who may write into that folder.
    root.path("/etc/postroom/tls/certbot-name").write_text("www.our.example\n")
    said = root.run(HOOK, RENEWED_LINEAGE=f"{LIVE}/www.our.example", RENEWED_DOMAINS="www.our.example")
    check(said == "", f"a foreign certificate makes the hook say: {said}")
    root.path("/etc/postroom/tls/certbot-name").unlink()
    root.path(f"{LIVE}/post.our.example/privkey.pem").write_text("")
    root.run(HOOK, RENEWED_LINEAGE=f"{LIVE}/post.our.example", RENEWED_DOMAINS="post.our.example", expected=1)
    root.run(HOOK, expected=1)
    root.run(HOOK, "no.such.name", expected=1)
    check(tls_files(root) == copies, "the copies were touched")


def removal_stops_the_hub_and_a_new_install_serves_the_same_mail(office):
    root = office.root
    mail.send("before the removal", "anna@our.example")
    kept = office.configured_files()
    root.run("apt-get", "remove", "-y", "postroom")
    check(not root.path("/usr/bin/postroom").exists(), "the program is still there")
    check(not runs_as_postroom(root), "the hub was not stopped")
    check(office.configured_files() == kept, "the removal changed files of the administrator's")
    root.install(office.newer)
    office.collects("before the removal")


def a_purge_asks_nothing_and_keeps_the_mail_with_its_owner(office):
    root = office.root
    mail.send("before the purge", "anna@our.example")
    said = root.run("apt-get", "purge", "-y", "postroom")
    check("sudo rm -r /var/lib/postroom" in said, f"it does not say where the mail is:\n{said}")
    check(not root.path("/etc/postroom").exists(), "/etc/postroom is still there")
    check(not root.path(HOOK).exists(), "the hook is still there")
    found = root.owner_and_mode("/var/lib/postroom/postroom.db")
    check(found.startswith("postroom:postroom"), f"the mail belongs to {found}")
    check(not runs_as_postroom(root), "the hub was not stopped")


def a_purge_keeps_mail_below_the_settings_however_its_folder_is_written(office):
    root = office.root
    root.run("rm", "-r", "/var/lib/postroom")
    for written in ['"data"', "'data'", '"""data"""', '"/etc/postroom/data"   # here', '"./data"']:
        root.install(office.package)
        root.run("mkdir", "/etc/postroom/data")
        root.path("/etc/postroom/data/postroom.db").write_text("mail")
        root.path(SETTINGS).write_text(f"  data_dir= {written}\n")
        said = root.run("apt-get", "purge", "-y", "postroom")
        check(root.path("/etc/postroom/data/postroom.db").exists(), f"data_dir = {written}: the mail is gone:\n{said}")
        check("sudo rm -r /etc/postroom" in said, f"data_dir = {written}: it does not say where the mail is:\n{said}")
        root.run("getent", "passwd", "postroom")
        root.run("rm", "-r", "/etc/postroom")


def a_purge_keeps_the_owner_of_mail_that_lies_elsewhere(office):
    root = office.root
    there = "/srv/mail"
    for written, link in {there: None, "../../srv/mail": None, "data": "/etc/postroom/data", "": "/var/lib/postroom"}.items():
        for holds in [["postroom.db"], ["bodies/1m84dds560000"], None]:
            case = f'data_dir = "{written}" with {holds}'
            if link:
                root.run("mkdir", "-p", "/etc/postroom")
                root.run("ln", "-s", there, link)
            root.install(office.package)
            root.path(SETTINGS).write_text(f'data_dir = "{written}"\n' if written else "")
            for name in holds or []:
                root.path(f"{there}/{name}").parent.mkdir(parents=True)
                root.path(f"{there}/{name}").write_text("mail")
            said = root.run("apt-get", "purge", "-y", "postroom")
            wanted = f"sudo rm -r {there}" if holds else there
            check(wanted in said, f"{case}: it does not say where the mail is:\n{said}")
            for name in holds or []:
                check(root.path(f"{there}/{name}").exists(), f"{case}: the mail is gone")
            root.run("getent", "passwd", "postroom")
            root.run("rm", "-rf", there, "/etc/postroom", "/var/lib/postroom")
    # A disk that is not mounted at this moment.
    root.install(office.package)
    table = root.path("/etc/fstab")
    before = table.read_text() if table.exists() else None
    table.write_text("LABEL=mail /var/lib/postroom ext4 defaults 0 2\n")
    said = root.run("apt-get", "purge", "-y", "postroom")
    check("fstab" in said, f"of the disk it says:\n{said}")
    root.run("getent", "passwd", "postroom")
    table.unlink() if before is None else table.write_text(before)
    root.run("rm", "-r", "/var/lib/postroom")


def a_purge_without_mail_leaves_nothing_behind(office):
    root = office.root
    root.run("rm", "-r", LIVE)
    root.install(office.package)
    root.run("apt-get", "purge", "-y", "postroom")
    left = root.everything() - office.before - {LIVE}
    check(not left, f"it left: {sorted(left)}")
    gone = office.before - root.everything()
    check(not gone, f"it removed what was not its own: {sorted(gone)}")
    root.run("getent", "passwd", "postroom", expected=2)
    root.run("getent", "group", "postroom", expected=2)


def make_lineage(office, name):
    """What certbot has after it has got a certificate, for root's eyes alone; gives back the certificate."""
    folder = pathlib.Path(office.root.path(f"{LIVE}/{name}"))
    folder.mkdir(parents=True, exist_ok=True)
    office.root.path(LIVE).chmod(0o700)
    made = ["-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem", "-subj", f"/CN={name}"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "90"]
    names = ["-addext", f"subjectAltName=DNS:{name},DNS:localhost"]
    subprocess.run(["openssl", "req", *kind, *names, *made], check=True, capture_output=True)
    return (folder / "fullchain.pem").read_text()


def tls_files(root):
    return {file.name: file.read_bytes() for file in root.path("/etc/postroom/tls").iterdir()}


def runs_as_postroom(root):
    """Whether any process has the hub's program open; the namespace has no processes but the test's."""
    programs = pathlib.Path("/proc").glob("[0-9]*/cmdline")
    return any(b"postroom\0--config" in program.read_bytes() for program in programs)


STEPS = [
    a_fresh_install_asks_nothing_starts_nothing_and_says_the_next_command,
    the_package_brings_manuals_completions_samples_and_what_must_be_told,
    mail_comes_in_and_goes_out_once_there_are_settings,
    an_upgrade_restarts_the_hub_and_keeps_mail_and_edited_files,
    an_upgrade_leaves_a_stopped_hub_stopped,
    an_upgrade_leaves_the_sockets_as_they_are,
    a_certificate_of_certbots_is_copied_on_demand_and_taken_over,
    a_renewed_certificate_is_taken_over_and_a_foreign_one_is_not,
    removal_stops_the_hub_and_a_new_install_serves_the_same_mail,
    a_purge_asks_nothing_and_keeps_the_mail_with_its_owner,
    a_purge_keeps_mail_below_the_settings_however_its_folder_is_written,
    a_purge_keeps_the_owner_of_mail_that_lies_elsewhere,
    a_purge_without_mail_leaves_nothing_behind,
]
