"""The life of an office: set up, mail from both sides, a backup, another box, an upgrade, and the way out.

Two boxes after one another, as when an office gets a new one; both are in one network, and one hub runs at a time.
"""

import mailbox

import mail
import provider
from debian_root import check

PASSWORDS = {"anna": "correct horse battery", "bob": "staple of another kind"}
SETTINGS = "/etc/postroom/postroom.toml"
BACKUP = "/root/backup"


class Office:
    def __init__(self, old, new, package, newer, provider):
        self.old, self.new, self.package, self.newer, self.provider = old, new, package, newer, provider
        self.unique_ids = None

    def log_end(self):
        logs = [root.path("/run/service-manager/postroom.service.log") for root in [self.old, self.new]]
        return [line for log in logs if log.exists() for line in log.read_text(errors="replace").splitlines()[-15:]]

    def collects(self, user, *subjects):
        found = mail.collect(user, PASSWORDS[user])
        check(sorted(found) == sorted(subjects), f"{user} should collect {list(subjects)} and got {found}")


def setup_asks_the_provider_starts_the_hub_and_sends_a_mail_the_whole_way(office):
    root = office.old
    root.install(office.package)
    for subject, to in [("a letter for anna", "anna@our.example"), ("a letter for bob", "bob@our.example"),
                        ("another one for bob", "bob@our.example")]:
        office.provider.receives(subject, to)
    root.path("/root/passwords").write_text("".join(f"{name} {word}\n" for name, word in PASSWORDS.items()))
    root.path("/root/provider").write_text(f"{provider.PASSWORD}\n")
    said = root.run(
        "postroom", "setup", "--no-questions", "--domain=our.example", "--hostname=localhost", "--mail=both",
        "--provider-host=127.0.0.1", f"--provider-port={provider.PORT}", "--provider-tls=none",
        f"--provider-user={provider.USER}", "--provider-password-file=/root/provider", "--user=anna:anna.may", "--user=bob",
        "--user-passwords=/root/passwords", "--outgoing-host=smtp.provider.example", "--sheets=/root/sheets", "--start")
    flowing = " ".join(said.split())
    check("a test mail went the whole way: to anna" in flowing, f"no test mail went the whole way:\n{said}")
    check('mode = "envelope"' in root.path(SETTINGS).read_text(), "what the provider's mail shows is not in the settings")
    for name in PASSWORDS:
        sheet = root.path(f"/root/sheets/{name}.txt").read_text()
        check(PASSWORDS[name] in sheet and "smtp.provider.example" in sheet, f"{name}'s sheet:\n{sheet}")
    check(root.pid() is not None, "no hub runs")


def mail_comes_from_the_world_and_from_the_provider_and_pcs_collect_it(office):
    office.old.run("postroom", "fetch")
    mail.send("by SMTP", "anna.may@our.example")
    office.collects("anna", "a letter for anna", "by SMTP")
    unclaimed = office.old.run("postroom", "unclaimed", "list")
    check(unclaimed.strip() == "no mail", f"unclaimed:\n{unclaimed}")
    # Until the hub is trusted it is not the only copy.
    check(office.provider.holds() == 3, f"the provider still holds {office.provider.holds()} messages")
    mail.send("for later", "anna@our.example")


def a_backup_while_the_hub_runs_is_verified(office):
    office.unique_ids = mail.unique_ids("bob", PASSWORDS["bob"])
    check(len(office.unique_ids) == 2, f"bob's unique-ids are {office.unique_ids}")
    said = office.old.run("postroom", "backup", f"{BACKUP}/", "--verify")
    check("good: the backup of localhost" in said, f"the backup is not found good:\n{said}")
    again = office.old.run("postroom", "backup", f"{BACKUP}/")
    check("backed up:" in again, again)
    office.old.run("postroom", "verify")
    # Its power is cut off for good.
    office.old.run("systemctl", "stop", "postroom")


def on_another_box_all_is_as_it_was_and_pcs_collect_the_rest(office):
    root = office.new
    root.install(office.package)
    office.old.move_to(root, BACKUP)
    root.run("postroom", "restore", f"{BACKUP}/")
    root.run("systemctl", "start", "postroom")
    check(root.pid() is not None, "no hub runs on the new box")
    found = mail.unique_ids("bob", PASSWORDS["bob"])
    check(found == office.unique_ids, f"bob's unique-ids were {office.unique_ids} and are {found}")
    for path in [SETTINGS, "/etc/postroom/directory.toml", "/var/lib/postroom/postroom.db"]:
        check(root.owner_and_mode(path).startswith("postroom:postroom "), f"{path} is {root.owner_and_mode(path)}")
    # What the provider still holds is known here, too.
    root.run("postroom", "fetch")
    office.collects("anna", "for later")
    office.collects("bob", "a letter for bob", "another one for bob")


def an_upgrade_keeps_what_a_person_has_edited(office):
    root = office.new
    root.edit(SETTINGS, '#max_message_size = "50 MB"', 'max_message_size = "9 MB"   # by hand')
    mail.send("before the upgrade", "bob@our.example")
    old = root.pid()
    root.install(office.newer)
    check(root.pid() not in (None, old), "the hub was not restarted")
    check("by hand" in root.path(SETTINGS).read_text(), "an edit is lost")


def everything_kept_can_be_exported_and_read_by_other_programs(office):
    root = office.new
    expected = {
        # Of the first one the old box knew that she had collected it.
        "anna": {"a letter for anna", "by SMTP", "for later"},
        "bob": {"a letter for bob", "another one for bob", "before the upgrade"},
    }
    for user, subjects in expected.items():
        root.run("postroom", "export", user, "--maildir", f"/root/{user}")
        found = {message["Subject"] for message in mailbox.Maildir(root.path(f"/root/{user}"), create=False)}
        check(subjects <= found, f"{user}'s Maildir holds {found}")
        root.run("postroom", "export", user, "--mbox", f"/root/{user}.mbox")
        found = {message["Subject"] for message in mailbox.mbox(root.path(f"/root/{user}.mbox"), create=False)}
        check(subjects <= found, f"{user}'s mbox holds {found}")
    said = root.run("postroom", "import", "anna", "/root/anna")
    check("imported 0" in said and "known already" in said, f"what was exported is not known again:\n{said}")


def a_purge_leaves_the_mail_and_says_where(office):
    root = office.new
    said = root.run("apt-get", "purge", "-y", "postroom")
    check("sudo rm -r /var/lib/postroom" in said, f"it does not say where the mail is:\n{said}")
    check(not root.path("/etc/postroom").exists(), "/etc/postroom is still there")
    root.run("rm", "-r", "/var/lib/postroom")


STEPS = [
    setup_asks_the_provider_starts_the_hub_and_sends_a_mail_the_whole_way,
    mail_comes_from_the_world_and_from_the_provider_and_pcs_collect_it,
    a_backup_while_the_hub_runs_is_verified,
    on_another_box_all_is_as_it_was_and_pcs_collect_the_rest,
    an_upgrade_keeps_what_a_person_has_edited,
    everything_kept_can_be_exported_and_read_by_other_programs,
    a_purge_leaves_the_mail_and_says_where,
]
