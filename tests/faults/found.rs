//! Faults that were found by attacking a running hub.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::hub::{Office, eventually, run};
use crate::mail::{greet, log_in, pass, send, waiting};
use crate::talk;

/// Less than a peer that takes part in nothing is waited for.
const AT_ONCE: Duration = Duration::from_millis(1500);

#[test]
fn password_changed_while_a_thief_reads() {
    let office = Office::new();
    let hub = office.serve();
    let mut thief = log_in(&hub, "anna");
    let mut bob = log_in(&hub, "bob");
    let passwd = office.command(&["user", "passwd", "anna", "--password-stdin"]);
    run(passwd, b"another\n").good();
    thief.expect_close();
    assert!(pass(&hub, "anna", "another").starts_with("+OK"));
    bob.say("NOOP", "+OK*");
}

#[test]
fn user_written_in_other_capitals_by_hand() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "before");
    office.edit("directory.toml", "\n[users.anna]\n", "\n[users.Anna]\n");
    hub.wait_for_log("reloaded");
    send(&hub, &["anna@example.com"], "after");
    assert_eq!(waiting(&hub, "anna"), 2);
    assert!(!hub.log().contains("no longer in directory.toml"));
}

#[test]
fn rename_and_removal_when_the_store_cannot_be_told() {
    let office = Office::new();
    office.status();
    let before = office.read("directory.toml");
    let lock = File::open(office.path("data/lock")).unwrap();
    lock.lock().unwrap();
    for command in [
        &["user", "rename", "bob", "carol"][..],
        &["user", "remove", "bob"],
    ] {
        let why = office.run(command).bad();
        assert!(why.contains("nothing is changed"), "{why}");
        assert_eq!(office.read("directory.toml"), before);
    }
}

#[test]
fn reader_of_a_command_that_has_gone_away() {
    let office = Office::new();
    for arguments in [&["status"][..], &["check"], &["user", "list"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = office.command(arguments);
        let done = command
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&done.stderr), "", "{arguments:?}");
        assert_eq!(done.status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn log_file_that_cannot_be_opened() {
    let office = Office::new();
    office.set("log", "file = \"nowhere/postroom.log\"");
    let why = office.run(&["serve"]).bad();
    assert!(why.contains("nowhere/postroom.log"), "{why}");
}

#[test]
fn sigterm_while_a_handshake_is_stalled() {
    let office = Office::new();
    let mut hub = office.serve();
    let _stalled = talk::Talk::connect(hub.address("pop3s"));
    let mut starttls = hub.smtp();
    greet(&mut starttls);
    starttls.say("STARTTLS", "220 *");
    eventually("both are sessions", || {
        let status = office.status();
        status["hub"]["sessions"].as_array().unwrap().len() == 2
    });
    let since = Instant::now();
    assert_eq!(hub.stop().code(), Some(0));
    assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());
}
