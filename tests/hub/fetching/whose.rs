//! Whose fetched mail is, as an office sees it: the modes, and mail that is
//! nobody's.

use super::{
    assert_delivered, assert_moved, assert_same, letter, office, poll, read_all, received,
    shown_to, unclaimed,
};
use crate::hub::Office;
use crate::provider::Provider;

const GUESS: (&str, &str) = ("mode", "\"guess\"");

/// The unclaimed messages, and why each is.
fn unclaimed_with_reason(office: &Office) -> (Vec<Vec<u8>>, String) {
    let ids = unclaimed(office);
    let octets = ids.iter();
    let octets = octets.map(|id| office.octets(&["unclaimed", "show", id]));
    let reasons = ids.iter().map(|id| office.good(&["why", id]));
    (octets.collect(), reasons.collect())
}

/// A copy as it lies in one recipient's part of the provider's mailbox: only
/// trace lines tell it from the others.
fn copy(number: usize, octets: &[u8]) -> Vec<u8> {
    let line = received("provider").replace("id 1;", &format!("id {number};"));
    [line.as_bytes(), octets].concat()
}

#[test]
fn envelope_with_a_prefix() {
    let to_prefixed = |local: &str| {
        let octets = String::from_utf8(letter("anna", local)).unwrap();
        let line = format!("Delivered-To: {local}@example.com");
        octets
            .replacen("X-Envelope-To: anna@example.com", &line, 1)
            .into_bytes()
    };
    let messages = ["office-anna", "OFFICE-bob", "bob", "office-nobody"].map(to_prefixed);
    let provider = Provider::with(&messages);
    let settings = [
        ("envelope_header", "\"Delivered-To\""),
        ("envelope_prefix", "\"office-\""),
    ];
    let office = office(&provider, &settings);
    poll(&office);
    let hub = office.serve();
    assert_eq!(provider.held(), 0);
    assert_same("anna", read_all(&hub, "anna"), &[&messages[0]]);
    assert_same("bob", read_all(&hub, "bob"), &[&messages[1], &messages[2]]);
    let (nobodys, why) = unclaimed_with_reason(&office);
    assert_same("nobody", nobodys, &[&messages[3]]);
    assert!(why.contains("office-nobody"), "{why}");
}

#[test]
fn envelope_without_the_header() {
    let missing = [
        received("provider").into_bytes(),
        shown_to("anna@example.com", "bare"),
    ]
    .concat();
    let forged = [received("provider").into_bytes(), letter("bob", "forged")].concat();
    let elsewhere = {
        let text = String::from_utf8(letter("anna", "foreign")).unwrap();
        let line = "X-Envelope-To: anna@elsewhere.example";
        text.replacen("X-Envelope-To: anna@example.com", line, 1)
            .into_bytes()
    };
    let messages = [missing, forged, elsewhere];
    let provider = Provider::with(&messages);
    let office = office(&provider, &[]);
    poll(&office);
    let hub = office.serve();
    assert_eq!(provider.held(), 0);
    let (nobodys, _) = unclaimed_with_reason(&office);
    assert_same("nobody", nobodys, &messages);
    assert_delivered_count(&office, &hub, 0);
    // A person decides.
    let first = unclaimed(&office).remove(0);
    office.good(&["unclaimed", "give", &first, "anna"]);
    assert_delivered_count(&office, &hub, 1);
}

fn assert_delivered_count(_office: &Office, hub: &crate::hub::Hub, count: usize) {
    let found = ["anna", "bob"].map(|user| read_all(hub, user).len());
    assert_eq!(found.iter().sum::<usize>(), count);
}

#[test]
fn envelope_with_several_addresses() {
    let to = "Anna <anna@example.com>, BOB@example.com, nobody@example.com, x@elsewhere.example";
    let text = String::from_utf8(letter("anna", "several")).unwrap();
    let message = text
        .replacen(
            "X-Envelope-To: anna@example.com",
            &format!("X-Envelope-To: {to}"),
            1,
        )
        .into_bytes();
    let provider = Provider::with([&message]);
    let office = office(&provider, &[]);
    poll(&office);
    let hub = office.serve();
    for user in ["anna", "bob"] {
        assert_same(user, read_all(&hub, user), &[&message]);
    }
    let (nobodys, why) = unclaimed_with_reason(&office);
    assert_same("nobody", nobodys, &[&message]);
    assert!(why.contains("nobody@example.com"), "{why}");
}

#[test]
fn envelope_is_never_deduplicated() {
    let body = shown_to("anna@example.com, bob@example.com", "both");
    let of = |user: &str| {
        let line = format!(
            "X-Envelope-To: {user}@example.com\r\n{}",
            received("provider")
        );
        [line.as_bytes(), &body].concat()
    };
    let messages = [of("anna"), of("bob"), of("anna")];
    let provider = Provider::with(&messages);
    let office = office(&provider, &[]);
    poll(&office);
    assert_moved(&office, &office.serve(), &provider, &messages);
}

#[test]
fn single_takes_all() {
    let messages = [
        letter("bob", "one"),
        shown_to("whoever@elsewhere.example", "two"),
        b"\0rubbish\r\n".to_vec(),
        Vec::new(),
    ];
    let provider = Provider::with(&messages);
    let office = office(&provider, &[("mode", "\"single\""), ("to", "\"anna\"")]);
    poll(&office);
    let hub = office.serve();
    assert_same("anna", read_all(&hub, "anna"), &messages);
    assert_eq!((provider.held(), read_all(&hub, "bob").len()), (0, 0));
    assert_eq!(unclaimed(&office), [""; 0]);
}

#[test]
fn copies_for_two_come_once_to_each_and_the_surplus_is_unclaimed() {
    let body = shown_to(
        "anna@example.com, bob@example.com, zoe@elsewhere.example",
        "copies",
    );
    let provider = Provider::with([copy(1, &body), copy(2, &body)]);
    let office = office(&provider, &[GUESS]);
    let hub = office.serve();
    poll(&office);
    for user in ["anna", "bob"] {
        assert_same(user, read_all(&hub, user), &[&body]);
    }
    assert_eq!(unclaimed(&office), [""; 0]);
    // A third copy is a blind one, also when it comes by another poll.
    provider.put(copy(3, &body));
    poll(&office);
    let (nobodys, why) = unclaimed_with_reason(&office);
    assert_same("nobody", nobodys, &[&body]);
    assert!(why.contains("a blind copy: this is copy 3"), "{why}");
    assert_delivered_count(&office, &hub, 2);
    assert_eq!(provider.held(), 0);
}

#[test]
fn copies_of_one_poll_that_hide_a_blind_one() {
    let body = shown_to("anna@example.com, bob@example.com", "copies");
    let messages: Vec<_> = (1..=3).map(|number| copy(number, &body)).collect();
    for (setting, surplus) in [("\"per-recipient\"", 1), ("\"per-message\"", 0)] {
        let provider = Provider::with(&messages);
        let office = office(&provider, &[GUESS, ("copies", setting)]);
        let hub = office.serve();
        poll(&office);
        assert_delivered_count(&office, &hub, 2);
        assert_eq!(unclaimed(&office).len(), surplus, "{setting}");
        assert_eq!(provider.held(), 0);
    }
}

#[test]
fn copies_that_were_counted_are_not_counted_again() {
    // The second poll sees both again under new names.
    let body = shown_to("anna@example.com, bob@example.com", "copies");
    let provider = Provider::with([copy(1, &body), copy(2, &body)]);
    let office = office(&provider, &[GUESS, ("leave_on_server", "\"7 days\"")]);
    let hub = office.serve();
    poll(&office);
    for message in &mut provider.mailbox().messages {
        message.unique_id.push('x');
    }
    poll(&office);
    assert_delivered_count(&office, &hub, 2);
    assert_eq!(unclaimed(&office), [""; 0]);
}

#[test]
fn a_guess_that_finds_nobody() {
    let messages = [
        shown_to("undisclosed-recipients:;", "none"),
        shown_to("anna@elsewhere.example", "a namesake"),
        shown_to("nobody@example.com", "nobody"),
        b"Subject: nothing else\r\n\r\n".to_vec(),
    ];
    let provider = Provider::with(&messages);
    let office = office(&provider, &[GUESS]);
    office.set("routing", "unknown_user = \"bob\"");
    poll(&office);
    let hub = office.serve();
    let (nobodys, _) = unclaimed_with_reason(&office);
    assert_same("nobody", nobodys, &messages);
    assert_delivered_count(&office, &hub, 0);
}

#[test]
fn a_loop_of_six_rounds() {
    let own = "Received: from pop.provider.example by post.example.com with POP3;\r\n\
               \tSun, 22 Nov 2026 10:00:02 +0000\r\n";
    let passed = |times: usize| {
        let line = format!(
            "X-Envelope-To: anna@example.com\r\n{}",
            received("provider")
        );
        let body = shown_to("anna@example.com", &format!("passed-{times}"));
        [line.as_bytes(), own.repeat(times).as_bytes(), &body].concat()
    };
    let messages = [passed(5), passed(6)];
    let provider = Provider::with(&messages);
    let office = office(&provider, &[]);
    poll(&office);
    let hub = office.serve();
    assert_same("anna", read_all(&hub, "anna"), &[&messages[0]]);
    let (nobodys, why) = unclaimed_with_reason(&office);
    assert_same("nobody", nobodys, &[&messages[1]]);
    assert!(why.contains("a loop"), "{why}");
}

#[test]
fn a_user_who_was_removed() {
    let provider = Provider::with([letter("bob", "before")]);
    let office = office(&provider, &[]);
    let hub = office.serve();
    poll(&office);
    assert_delivered(&office, &hub, &[letter("bob", "before")]);
    office.good(&["user", "remove", "bob"]);
    provider.put(letter("bob", "after"));
    provider.put(letter("anna", "after"));
    poll(&office);
    assert_eq!(provider.held(), 0);
    assert_same("anna", read_all(&hub, "anna"), &[letter("anna", "after")]);
    let (nobodys, _) = unclaimed_with_reason(&office);
    assert_same("nobody", nobodys, &[letter("bob", "after")]);
}

#[test]
fn a_rule_claims_what_would_be_unclaimed() {
    let text = String::from_utf8(shown_to("news@elsewhere.example", "news")).unwrap();
    let news = format!("List-Id: <announce.example.org>\r\n{text}").into_bytes();
    let provider = Provider::with([&news]);
    let office = office(&provider, &[]);
    let directory = office.read("directory.toml");
    let rule =
        "[[rules]]\nheader = \"List-Id\"\ncontains = \"announce.example.org\"\nto = [\"bob\"]\n";
    office.write("directory.toml", &format!("{directory}\n{rule}"));
    poll(&office);
    let hub = office.serve();
    assert_same("bob", read_all(&hub, "bob"), &[&news]);
    assert_eq!(unclaimed(&office), [""; 0]);
}
