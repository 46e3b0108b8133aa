//! No spelling of a foreign address opens a relay.

use super::*;

/// The answer to `RCPT TO:path`, and the domain that the directory judged.
fn judged(path: &str) -> (String, Option<String>) {
    let mut office = Office::open(Trust::World);
    office.talk("EHLO pc\r\nMAIL FROM:<x@example.org>\r\n");
    let mut domain = None;
    office
        .session
        .receive(format!("RCPT TO:{path}\r\n").as_bytes());
    match office.session.next(office.now) {
        Step::RecipientNamed(Recipient::Address(address)) => {
            domain = Some(address.domain.to_string());
        }
        Step::Send(replies) => office.said.extend_from_slice(replies),
        other => panic!("{path}: {other:?}"),
    }
    office.pump();
    (String::from_utf8(office.said).unwrap(), domain)
}

#[test]
fn every_spelling_of_a_foreign_address_is_refused() {
    for path in [
        "<user@foreign.example>",
        "user@foreign.example",
        "<@example.com:user@foreign.example>",
        "<@a.example,@example.com:user@foreign.example>",
        "<\"user\"@foreign.example>",
        "<\"anna@example.com\"@foreign.example>",
        "<anna%example.com@foreign.example>",
        "<user@[127.0.0.1]>",
        "<user@[IPv6:::1]>",
        "<user@foreign.example.>",
        "<user@sub.example.com>",
        "<user@example.com.foreign.example>",
        "<user@xn--exmple-cua.com>",
    ] {
        let (answer, domain) = judged(path);
        assert!(
            answer.starts_with("550 5.7.1 this hub only receives for example.com; set"),
            "{path}: {answer}"
        );
        assert_ne!(domain.as_deref(), Some("example.com"), "{path}");
    }
}

#[test]
fn a_route_within_the_local_part_is_only_an_unknown_user_of_ours() {
    for path in [
        "<user%foreign.example@example.com>",
        "<foreign.example!user@example.com>",
        "<\"user@foreign.example\"@example.com>",
        "<\"<user@foreign.example>\"@example.com>",
        "<@foreign.example:user%foreign.example@EXAMPLE.com>",
    ] {
        let (answer, domain) = judged(path);
        assert!(answer.starts_with("550 5.1.1 "), "{path}: {answer}");
        assert_eq!(domain.as_deref(), Some("example.com"), "{path}");
    }
}

#[test]
fn what_has_no_domain_or_two_is_no_address() {
    for path in [
        "<user@foreign.example@example.com>",
        "<foreign.example!user>",
        "<user%foreign.example>",
        "<@foreign.example>",
        "<example.com:user@foreign.example>",
        "<user@>",
        "<>",
    ] {
        let (answer, domain) = judged(path);
        assert!(answer.starts_with("501 5.1.3 "), "{path}: {answer}");
        assert_eq!(domain, None, "{path}");
    }
}

#[test]
fn a_route_before_an_address_of_ours_is_dropped() {
    let (answer, domain) = judged("<@foreign.example:anna@example.com>");
    assert!(answer.starts_with("250 "), "{answer}");
    assert_eq!(domain.as_deref(), Some("example.com"));
}
