//! What the program says when something is in its way: one clear line and an
//! exit code.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::hub::{Office, at_once, eventually};
use crate::mail::{greet, rcpt, send, send_in};

#[test]
fn a_second_hub_on_the_same_folder_is_refused() {
    let office = Office::new();
    let _hub = office.serve();
    let why = office.run(&["serve"]).bad();
    assert!(why.starts_with("postroom: the data folder "), "{why}");
    assert!(why.contains("is in use by another postroom"), "{why}");
    assert!(why.contains("systemctl stop postroom"), "{why}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let office = Office::new();
    let other = office.take_port();
    let address = other.local_addr().unwrap().to_string();
    let why = office.run(&["serve"]).bad();
    let expected = format!("postroom: cannot listen for smtp on {address}: ");
    assert!(why.starts_with(&expected), "{why}");
    assert!(why.contains("another program listens there"), "{why}");
    let found = office.run(&["check"]);
    assert_eq!(found.code, Some(1));
    let found = String::from_utf8(found.out).unwrap();
    assert!(
        found.contains(&format!("ERROR    cannot listen for smtp on {address}")),
        "{found}"
    );
}

#[test]
fn serve_does_not_run_as_root_unasked() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: not run as root");
        return;
    }
    let office = Office::new();
    let settings = office.read("postroom.toml");
    let unasked = settings.replacen("allow_root = true\n", "", 1);
    office.write("postroom.toml", &unasked);
    let why = office.run(&["serve"]).bad();
    assert!(
        why.starts_with("postroom: serve does not run as root: "),
        "{why}"
    );
    assert!(why.contains("allow_root = true"), "{why}");
}

#[test]
fn files_that_are_missing_or_bad_are_named_with_their_line() {
    let office = Office::new();
    let missing = office.run(&["--config", "nowhere.toml", "serve"]).bad();
    assert!(
        missing.starts_with("postroom: nowhere.toml: cannot be read: ")
            && missing.contains("\"postroom setup\" sets up a first hub"),
        "{missing}"
    );
    let cases = [
        (
            "postroom.toml",
            "hostname = \"post.example.com\"",
            "hostname = \"post",
            "postroom.toml:",
        ),
        (
            "postroom.toml",
            "domains = [\"example.com\"]",
            "domains = []",
            "at least one domain",
        ),
        (
            "postroom.toml",
            "\n[smtp]\n",
            "\n[smtp]\nlisten_on = 25\n",
            "listen_on",
        ),
        (
            "postroom.toml",
            "\n[routing]\n",
            "\n[routing]\nunknown_user = \"nobody\"\n",
            "nobody",
        ),
        (
            "directory.toml",
            "\npostmaster = [\"anna\"]",
            "\npostmaster = [\"zoe\"]",
            "zoe",
        ),
    ];
    for (file, from, to, expected) in cases {
        let good = office.read(file);
        office.edit(file, from, to);
        for command in ["serve", "check"] {
            let done = office.run(&[command]);
            assert_eq!(done.code, Some(1), "{command} {to}");
            let said = String::from_utf8_lossy(&done.out).into_owned() + &done.err;
            let line = said.lines().find(|line| line.contains(expected));
            let line = line.unwrap_or_else(|| panic!("{command} {to}: {said}"));
            assert!(line.contains(".toml:"), "{line}");
            assert!(!said.contains("panicked"), "{said}");
        }
        office.write(file, &good);
    }
    drop(office.serve());
}

#[test]
fn a_directory_without_users_does_not_serve_and_says_what_to_do() {
    let office = Office::without_users();
    let why = office.run(&["serve"]).bad();
    assert!(
        why.contains("\"postroom user add NAME\" makes the first one"),
        "{why}"
    );
}

#[test]
fn exit_codes_tell_done_from_not_done_and_from_not_understood() {
    let office = Office::new();
    let code = |arguments: &[&str]| office.run(arguments).code;
    assert_eq!(code(&["status"]), Some(0));
    assert_eq!(code(&["check"]), Some(0));
    assert_eq!(code(&["--version"]), Some(0));
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["user", "add", "anna", "--password-stdin"]), Some(1));
    assert_eq!(code(&["user", "remove", "zoe"]), Some(1));
    assert_eq!(code(&["mail", "list", "zoe"]), Some(1));
    assert_eq!(code(&["mail", "show", "rubbish"]), Some(1));
    assert_eq!(
        code(&["mail", "restore", "anna", "--since", "yesterday"]),
        Some(1)
    );
    assert_eq!(
        code(&["init", "--dir", ".", "--domain", "example.com"]),
        Some(1)
    );
    assert_eq!(code(&[]), Some(2));
    assert_eq!(code(&["server"]), Some(2));
    assert_eq!(code(&["unclaimed", "delete"]), Some(2));
}

#[test]
fn check_finds_a_running_hub_good_from_a_pcs_side() {
    let office = Office::new();
    let _hub = office.serve();
    let found = office.good(&["check"]);
    assert!(
        found.contains("ok       the hub runs, 0 sessions"),
        "{found}"
    );
    let trusted = "ok       a PC that connects to post.example.com on 127.0.0.1:";
    assert_eq!(found.matches(trusted).count(), 2, "{found}");
    assert!(found.ends_with("\n0 errors, 0 warnings\n"), "{found}");
}

#[test]
fn a_command_whose_reader_sleeps_holds_no_other_one_up() {
    let office = Office::new();
    let hub = office.serve();
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    let large = "a line of a large message\r\n".repeat(100_000);
    let id = send_in(&mut smtp, &["anna@example.com"], large.as_bytes());
    // As `postroom mail show ID | less` before the first key.
    let mut show = office.command(&["mail", "show", &id]);
    let mut asleep = show.stdout(Stdio::piped()).spawn().unwrap();
    let _silent = UnixStream::connect(office.path("data/control")).unwrap();
    let since = Instant::now();
    office.good(&["status"]);
    office.add_user("carla");
    assert!(since.elapsed() < Duration::from_secs(5));
    asleep.kill().unwrap();
    asleep.wait().unwrap();
}

#[test]
fn commands_at_the_same_time_lose_no_edit() {
    let office = Office::new();
    let hub = office.serve();
    at_once(0..4, |number| {
        // Another command may be editing: that is told, and tried again.
        eventually("the edit is taken", || {
            let name = format!("alias{number}");
            let done = office.run(&["alias", "set", &name, "anna"]);
            done.code == Some(0) || !done.err.contains("try again")
        });
    });
    for number in 0..4 {
        let reply = rcpt(&hub, &format!("alias{number}@example.com"));
        assert!(reply.starts_with("250 "), "{reply}");
    }
}

#[test]
fn mail_and_secrets_are_for_the_hubs_user_alone() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "private");
    let mode = |file: &str| {
        fs::metadata(office.path(file))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    for folder in ["data", "data/bodies"] {
        assert_eq!(mode(folder), 0o700, "{folder}");
    }
    for file in ["data/postroom.db", "data/postroom.db-wal", "data/control"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    for file in [
        "directory.toml",
        "postroom.toml",
        "tls/key.pem",
        "tls/ca-key.pem",
    ] {
        assert_eq!(mode(file) & 0o137, 0, "{file}");
    }
}
