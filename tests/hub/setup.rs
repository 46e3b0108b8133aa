//! `postroom setup`, `test-mail` and `user sheet`: by flags alone, and by questions
//! on a terminal.

mod domain;
mod kept;
mod mailbox;
mod sheets;
mod terminal;
mod test_mail;
mod untrusted;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;

use rustix::process::{Pid, Signal, kill_process};

use crate::hub::{Done, Office, eventually, run};

/// Flags that answer every question, but for the sheets.
const ANSWERED: [&str; 9] = [
    "setup",
    "--no-questions",
    "--loopback",
    "--domain=our.example",
    "--hostname=post.our.example",
    "--mail=smtp",
    "--user=anna:info",
    "--user=bob",
    "--user-passwords=passwords",
];

/// An empty folder, and a file with anna's password.
fn office() -> Office {
    let office = Office::empty();
    office.write("passwords", "anna secret-anna\n");
    office
}

/// `setup` looks whether the ports of `--loopback` are free, so that one test does
/// that at a time, on the whole machine.
fn loopback_ports() -> File {
    let folder = File::open(std::env::temp_dir()).unwrap();
    folder.lock().unwrap();
    folder
}

/// Sets up with the flags of [`ANSWERED`] and these.
fn set_up(office: &Office, flags: &[&str]) -> Done {
    let _ports = loopback_ports();
    let arguments: Vec<&str> = ANSWERED.iter().chain(flags).copied().collect();
    office.run(&arguments)
}

/// What lies in the office's folder.
fn files(office: &Office) -> Vec<String> {
    let entries = fs::read_dir(office.path("")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// What a wrong command line is answered, in one line.
fn not_understood(done: Done) -> String {
    assert_eq!(done.code, Some(2), "{done:?}");
    assert_eq!(done.err.lines().count(), 1, "{done:?}");
    done.err
}

#[test]
fn a_missing_flag_is_named_and_nothing_is_written() {
    let office = Office::empty();
    let mut flags = vec!["setup", "-y", "--loopback"];
    for (missing, flag) in [
        ("--domain D is missing", "--domain=our.example"),
        ("--mail smtp|mailbox|both is missing", "--mail=mailbox"),
        ("--user NAME is missing", "--user=anna"),
        (
            "--provider-host HOST is missing",
            "--provider-host=192.0.2.1",
        ),
        ("--provider-user NAME is missing", "--provider-user=office"),
        ("--provider-password-file FILE is missing", "--no-test"),
    ] {
        let said = not_understood(office.run(&flags));
        assert!(said.contains(missing), "{missing}: {said}");
        flags.push(flag);
    }
    assert_eq!(files(&office), Vec::<String>::new());
}

#[test]
fn a_wrong_flag_is_answered_with_its_reason_and_nothing_is_written() {
    let office = office();
    for (flags, expected) in [
        (
            vec!["--domain=our example"],
            "--domain D: “our example” is no domain name",
        ),
        (vec!["--hostname=192.0.2.1"], "--hostname"),
        (vec!["--accept-from=provider"], "“provider” is no network"),
        (vec!["--user=an/na"], "--user: "),
        (vec!["--user=anna", "--user=ANNA"], "--user: "),
        (vec!["--user=anna:bob@other.example"], "other.example"),
        (vec!["--postmaster=zoe"], "nobody named “zoe”"),
        (vec!["--unknown=zoe"], "nobody named “zoe”"),
        (vec!["--outgoing-host=smtp provider"], "is no server's name"),
        (
            vec!["--provider-host=pop.provider.example"],
            "--mail mailbox",
        ),
        (
            vec!["--user-passwords=nowhere"],
            "--user-passwords nowhere: ",
        ),
        (
            vec!["--mail=mailbox", "--accept-from=192.0.2.0/24"],
            "--accept-from",
        ),
        (vec!["--config=office.toml"], "called postroom.toml"),
    ] {
        // A flag takes the place of the good one.
        let mut arguments = ANSWERED.to_vec();
        for flag in &flags {
            let name = flag.split('=').next().unwrap();
            arguments.retain(|good| good.split('=').next() != Some(name));
        }
        arguments.extend(&flags);
        let said = not_understood(office.run(&arguments));
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(files(&office), ["passwords"]);
}

#[test]
fn what_is_there_is_not_written_over() {
    for name in ["postroom.toml", "directory.toml", "tls/ca.pem"] {
        let office = office();
        fs::create_dir(office.path("tls")).unwrap();
        office.write(name, "mine");
        let before = files(&office);
        let said = set_up(&office, &[]).bad();
        assert!(said.contains(&format!("{name} is there already")), "{said}");
        assert!(said.contains("postroom user add"), "{said}");
        assert_eq!(office.read(name), "mine");
        assert_eq!(files(&office), before);
    }
}

#[test]
fn what_follows_the_files_says_what_to_do_next_where_nothing_is_started() {
    let office = office();
    let said = set_up(&office, &["--no-start"]).good();
    assert!(said.contains("0 errors, 0 warnings"), "{said}");
    assert!(said.contains("postroom.toml serve"), "{said}");
    assert!(said.contains("test-mail NAME"), "{said}");
    let secret = |line: &&str| line.split_whitespace().eq(["anna", "secret-anna"]);
    assert_eq!(said.lines().filter(secret).count(), 1, "{said}");
    assert_eq!(
        files(&office),
        [
            "data",
            "directory.toml",
            "passwords",
            "postroom-sheets",
            "postroom.toml",
            "tls"
        ]
    );
    let mode = |file: &str| office.path(file).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("postroom-sheets"), 0o700);
    for sheet in ["anna.txt", "anna.html", "bob.txt", "bob.html"] {
        assert_eq!(mode(&format!("postroom-sheets/{sheet}")), 0o600, "{sheet}");
    }
    let users = office.good(&["user", "list"]);
    assert!(users.contains("anna  info"), "{users}");
    let aliases = office.good(&["alias", "list"]);
    assert!(aliases.contains("postmaster"), "{aliases}");
}

#[test]
fn a_certificate_folder_that_cannot_be_written_leaves_no_half_an_office() {
    let office = office();
    // In the place of the folder.
    office.write("tls", "a file");
    let said = set_up(&office, &[]).bad();
    assert!(said.contains("tls"), "{said}");
    for file in ["postroom.toml", "directory.toml", "postroom-sheets"] {
        assert!(!office.path(file).exists(), "{file}");
    }
}

/// What stands in for systemd: starts the hub, and is ended with it.
struct Systemctl<'a> {
    office: &'a Office,
}

impl Systemctl<'_> {
    fn install(office: &Office) -> Systemctl<'_> {
        let script = format!(
            "#!/bin/sh\necho \"$@\" > told\n{} serve < /dev/null > out 2> log &\necho $! > pid\n",
            office.program().display()
        );
        office.write("systemctl", &script);
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(office.path("systemctl"), executable).unwrap();
        Systemctl { office }
    }

    /// The command, which finds it first.
    fn run(&self, arguments: &[&str]) -> Done {
        let mut command = self.office.command(arguments);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.office.path("").display()));
        run(command, b"")
    }
}

impl Drop for Systemctl<'_> {
    fn drop(&mut self) {
        let Ok(pid) = fs::read_to_string(self.office.path("pid")) else {
            return;
        };
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::TERM);
        eventually("the hub ends", || {
            !self.office.path("data/control").exists() || kill_process(pid, Signal::TERM).is_err()
        });
    }
}

#[test]
fn by_flags_alone_an_office_runs_and_a_test_mail_has_gone_the_whole_way() {
    let _ports = loopback_ports();
    let office = office();
    let systemctl = Systemctl::install(&office);
    let arguments: Vec<&str> = ANSWERED.into_iter().chain(["--start"]).collect();
    let said = systemctl.run(&arguments).good();
    assert_eq!(office.read("told"), "enable --now postroom.service\n");
    let flowing = said.replace('\n', " ");
    for part in [
        "a test mail went the whole way: to anna by SMTP on ",
        "collected by POP3 over TLS on ",
    ] {
        assert!(flowing.contains(part), "{part:?} in {said}");
    }
    // It is not left for anna to find.
    let status = office.status();
    for mailbox in status["mailboxes"].as_array().unwrap() {
        assert_eq!(mailbox["messages"], 0, "{mailbox}");
    }
    drop(systemctl);
}
