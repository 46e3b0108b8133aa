//! The mailbox at the provider, tried while it is set up.

use std::os::unix::fs::PermissionsExt;

use super::{ANSWERED, files, loopback_ports, office};
use crate::hub::{Done, Office};
use crate::provider::{Fault, Provider};

/// By the way of a mailbox, which this provider has.
pub fn set_up(office: &Office, provider: &Provider, flags: &[&str]) -> Done {
    let _ports = loopback_ports();
    office.write("password", "secret\n");
    let port = format!("--provider-port={}", provider.port());
    // A flag takes the place of the one that is there.
    let is_kept = |good: &&str| {
        let name = good.split('=').next();
        *good != "--mail=smtp" && !flags.iter().any(|flag| flag.split('=').next() == name)
    };
    let answered = ANSWERED.into_iter().filter(is_kept);
    let mut arguments: Vec<&str> = answered.collect();
    arguments.extend([
        "--mail=mailbox",
        "--provider-host=127.0.0.1",
        "--provider-tls=none",
        "--provider-user=office",
        "--provider-password-file=password",
        &port,
    ]);
    arguments.extend(flags);
    office.run(&arguments)
}

/// Mail as a provider with an envelope header keeps it.
pub fn letter(user: &str, subject: &str) -> String {
    format!(
        "X-Envelope-To: {user}@our.example\r\n\
         Received: from mx.elsewhere.example (mx.elsewhere.example [203.0.113.7])\r\n\
         \tby mx.provider.example with ESMTP id 1; Sun, 22 Nov 2026 10:00:01 +0000\r\n\
         From: Kate <kate@elsewhere.example>\r\nTo: {user}@our.example\r\nSubject: {subject}\r\n\
         Message-ID: <{subject}@elsewhere.example>\r\n\r\nText.\r\n"
    )
}

#[test]
fn what_the_messages_there_propose_is_taken_over() {
    let provider = Provider::with([
        letter("anna", "one"),
        letter("bob", "two"),
        letter("info", "three"),
    ]);
    let office = office();
    let said = set_up(&office, &provider, &[]);
    // Without TLS check warns, and that is all.
    let said = said.good();
    assert!(said.contains("logged in at 127.0.0.1, port "), "{said}");
    assert!(said.contains(": 3 messages"), "{said}");
    let settings = office.read("postroom.toml");
    for line in [
        "\nmode = \"envelope\"\n",
        "\nenvelope_header = \"X-Envelope-To\"\n",
        "\nleave_on_server = \"7 days\"\n",
        "\npassword_file = \"secrets/main\"\n",
        "\naccept_from = [\"127.0.0.0/8\"]\n",
    ] {
        assert!(settings.contains(line), "{line} in {settings}");
    }
    assert!(!settings.contains("password = "), "{settings}");
    assert_eq!(office.read("secrets/main"), "secret");
    let mode = |file: &str| office.path(file).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("secrets"), mode("secrets/main")), (0o700, 0o600));
    // Nothing was fetched by it.
    assert_eq!(
        (
            provider.held(),
            provider.count("RETR"),
            provider.count("DELE")
        ),
        (3, 0, 0)
    );
}

#[test]
fn an_empty_mailbox_is_no_reason_to_stop() {
    let provider = Provider::new();
    let office = office();
    let said = set_up(&office, &provider, &[]).good();
    assert!(said.contains("cannot be told yet"), "{said}");
    assert!(
        office
            .read("postroom.toml")
            .contains("\nmode = \"guess\"\n")
    );
}

#[test]
fn a_server_that_shows_no_headers_alone_is_logged_in_at_all_the_same() {
    let provider = Provider::with([letter("anna", "one")]);
    provider.fault(Fault::Answers("TOP", "-ERR no such command"));
    let office = office();
    let said = set_up(&office, &provider, &[]).good();
    assert!(said.contains(": 1 messages"), "{said}");
    assert!(
        office
            .read("postroom.toml")
            .contains("\nmode = \"guess\"\n")
    );
}

#[test]
fn a_log_in_that_fails_writes_nothing_unless_no_try_is_wanted() {
    let provider = Provider::new();
    provider.fault(Fault::Answers("PASS", "-ERR [AUTH] wrong password"));
    let office = office();
    let said = set_up(&office, &provider, &[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("wrong password"), "{said:?}");
    assert!(said.err.contains("nothing is written"), "{said:?}");
    assert_eq!(files(&office), ["password", "passwords"]);

    // `check` finds it again, but all is written.
    let said = set_up(&office, &provider, &["--no-test"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let out = String::from_utf8(said.out).unwrap();
    assert!(out.contains("\n1 errors, "), "{out}");
    assert!(office.path("secrets/main").exists());
}

#[test]
fn without_protection_nothing_is_tried_unless_asked_for() {
    let provider = Provider::new();
    let office = office();
    let port = format!("--provider-port={}", provider.port());
    office.write("password", "secret");
    let mut arguments: Vec<&str> = ANSWERED.to_vec();
    arguments.retain(|flag| *flag != "--mail=smtp");
    arguments.extend([
        "--mail=both",
        "--provider-host=127.0.0.1",
        "--provider-user=office",
        "--provider-password-file=password",
        &port,
    ]);
    let said = office.run(&arguments);
    assert_eq!(said.code, Some(1), "{said:?}");
    let records = provider.mailbox().records.clone();
    let commands: Vec<&String> = records.iter().flat_map(|record| &record.commands).collect();
    let names = |line: &&&String| line.starts_with("PASS") || line.starts_with("AUTH");
    assert_eq!(
        commands.iter().filter(|line| names(line)).count(),
        0,
        "{commands:?}"
    );
    assert_eq!(files(&office), ["password", "passwords"]);
}
