//! A provider whose certificate not all the world trusts: another hub, with a CA of
//! its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use openssl::hash::MessageDigest;
use openssl::x509::X509;

use super::{ANSWERED, files, loopback_ports, office};
use crate::hub::{Done, Hub, Office};
use crate::mail::send;
use crate::terminal::Terminal;

/// The fingerprint of a hub's certificate, as `openssl x509 -fingerprint -sha256` has it.
fn fingerprint(office: &Office) -> String {
    let certificate = X509::from_pem(office.read("tls/cert.pem").as_bytes()).unwrap();
    let digest = certificate.digest(MessageDigest::sha256()).unwrap();
    let octets: Vec<String> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
    octets.join(":")
}

/// One that the mailbox of anna is fetched from.
fn provider() -> (Office, Hub) {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "one");
    (office, hub)
}

/// Whether anybody has logged in as anna there.
fn is_collected(theirs: &Office) -> bool {
    let status = theirs.status();
    let mut mailboxes = status["mailboxes"].as_array().unwrap().iter();
    let anna = mailboxes.find(|mailbox| mailbox["user"] == "anna");
    !anna.unwrap()["last_login"].is_null()
}

/// By the way of that mailbox, under TLS.
fn set_up(office: &Office, hub: &Hub, flags: &[&str]) -> Done {
    let _ports = loopback_ports();
    office.write("password", "secret-anna\n");
    let port = format!("--provider-port={}", hub.address("pop3s").port());
    let answered = ANSWERED.into_iter().filter(|flag| *flag != "--mail=smtp");
    let mut arguments: Vec<&str> = answered.collect();
    arguments.extend([
        "--mail=mailbox",
        "--provider-host=127.0.0.1",
        "--provider-tls=implicit",
        "--provider-user=anna",
        "--provider-password-file=password",
        &port,
    ]);
    arguments.extend(flags);
    office.run(&arguments)
}

#[test]
fn an_untrusted_certificate_is_shown_and_nothing_is_written() {
    let (theirs, hub) = provider();
    let office = office();
    let other = format!("--provider-fingerprint={}", "AB:".repeat(31) + "AB");
    for flags in [&[][..], &[other.as_str()]] {
        let done = set_up(&office, &hub, flags);
        assert_eq!(done.code, Some(1), "{done:?}");
        let why = done.err;
        for part in [&fingerprint(&theirs), "nothing is written"] {
            assert!(why.contains(part), "{part} in {why}");
        }
        assert_eq!(files(&office), ["password", "passwords"]);
    }
    let why = set_up(&office, &hub, &[]).err;
    for part in [
        "post.example.com",
        "valid from 20",
        "--provider-ca FILE",
        "--provider-fingerprint",
    ] {
        assert!(why.contains(part), "{part} in {why}");
    }
    // Nobody was told the password.
    assert!(!is_collected(&theirs));
}

#[test]
fn a_fingerprint_that_is_given_is_trusted_and_written() {
    let (theirs, hub) = provider();
    let office = office();
    let pin = fingerprint(&theirs);
    let said = set_up(&office, &hub, &[&format!("--provider-fingerprint={pin}")]).good();
    assert!(said.contains(": 1 messages"), "{said}");
    let settings = office.read("postroom.toml");
    let line = format!("\nfingerprint = \"{pin}\"\n");
    assert!(settings.contains(&line), "{settings}");
}

#[test]
fn a_ca_that_is_given_is_copied_beside_the_settings() {
    let (theirs, hub) = provider();
    let office = office();
    let ca = theirs.path("tls/ca.pem");
    let flag = format!("--provider-ca={}", ca.display());
    set_up(&office, &hub, &[&flag]).good();
    assert!(
        office
            .read("postroom.toml")
            .contains("\nca = \"tls/provider-ca.pem\"\n")
    );
    let copy = office.path("tls/provider-ca.pem");
    assert_eq!(fs::read(&copy).unwrap(), fs::read(&ca).unwrap());
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        office.path("tls").metadata().unwrap().permissions().mode() & 0o777,
        0o755
    );
}

#[test]
fn a_ca_that_lies_in_its_place_already_stays_as_it_is() {
    let (theirs, hub) = provider();
    let office = office();
    office.make_folder("tls");
    let ca = theirs.read("tls/ca.pem");
    office.write("tls/provider-ca.pem", &ca);
    set_up(&office, &hub, &["--provider-ca=tls/provider-ca.pem"]).good();
    assert_eq!(office.read("tls/provider-ca.pem"), ca);
}

#[test]
fn a_wrong_file_or_fingerprint_is_not_understood() {
    let (_theirs, hub) = provider();
    let office = office();
    for (flags, expected) in [
        (&["--provider-ca=nowhere"][..], "nowhere cannot be read"),
        (&["--provider-ca=passwords"], "no readable certificate"),
        (&["--provider-fingerprint=AB:CD"], "64 hexadecimal digits"),
        (
            &["--provider-fingerprint=AB:CD", "--provider-ca=passwords"],
            "--provider-",
        ),
    ] {
        let done = set_up(&office, &hub, flags);
        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(done.err.contains(expected), "{expected}: {}", done.err);
    }
}

#[test]
fn on_a_terminal_a_certificate_is_trusted_by_a_yes_alone() {
    let _ports = loopback_ports();
    let (theirs, hub) = provider();
    let office = office();
    office.write("password", "secret-anna\n");
    let port = format!("--provider-port={}", hub.address("pop3s").port());
    let flags = [
        "setup",
        "--loopback",
        "--domain=our.example",
        "--hostname=post.our.example",
        "--mail=mailbox",
        "--user=anna",
        "--unknown=reject",
        "--outgoing-host=",
        "--ask=",
        "--provider-host=127.0.0.1",
        "--provider-tls=implicit",
        "--provider-user=anna",
        "--provider-password-file=password",
        &port,
    ];
    let mut person = Terminal::of(&office, &flags);
    person.sees("Outside the office, too?").types("n");
    let pin = fingerprint(&theirs);
    let trust = "\x1b[B\x1b[B\r";
    person.sees("That did not work").sees(&pin);
    person.sees("What now?").sees("Trust this one").types(trust);
    // Enter alone is a no.
    person.sees("Has the provider told you").types("\r");
    person.sees("What now?").sees("Trust this one").types(trust);
    person.sees("Has the provider told you").types("y");
    person.sees("logged in at 127.0.0.1");
    person.sees("Take these lines over?").types("y");
    person.sees("Write it?").types("y");
    person.sees(" errors, ");
    assert_eq!(person.ends(), Some(0), "{:?}", person.screen);
    assert!(office.read("postroom.toml").contains(&pin));
}

#[test]
fn fetch_and_check_show_an_untrusted_certificate_and_the_line_to_write() {
    for (listener, tls) in [("pop3s", "implicit"), ("pop3", "starttls")] {
        let (theirs, hub) = provider();
        let pin = fingerprint(&theirs);
        let office = Office::new();
        let port = hub.address(listener).port();
        let section = format!(
            "{}\n[[provider]]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"{tls}\"\n\
             user = \"anna\"\npassword = \"secret-anna\"\nmode = \"guess\"\n",
            office.read("postroom.toml")
        );
        office.write("postroom.toml", &section);
        let line = format!("fingerprint = \"{pin}\"");
        for command in [&["fetch"][..], &["fetch", "--dry-run"], &["check"]] {
            let done = office.run(command);
            assert_eq!(done.code, Some(1), "{done:?}");
            let said = String::from_utf8(done.out).unwrap() + &done.err;
            let flowing = said.split_whitespace().collect::<Vec<_>>().join(" ");
            for part in ["its certificate is not trusted", "post.example.com", &line] {
                assert!(
                    flowing.contains(part),
                    "{tls} {command:?}: {part} in {said}"
                );
            }
        }
        assert!(!is_collected(&theirs));
        office.write("postroom.toml", &format!("{section}{line}\n"));
        office.good(&["fetch", "--dry-run"]);
        assert!(is_collected(&theirs));
    }
}
