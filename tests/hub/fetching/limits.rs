//! What is too much: large messages, and the caps of one poll.

use super::{
    assert_delivered, assert_moved, five, letter, office, poll, read_all, shown_to, unclaimed,
};
use crate::hub::{Hub, Office, at_once, eventually};
use crate::provider::{Fault, Provider};

fn large(user: &str, subject: &str, octets: usize) -> Vec<u8> {
    let line = b"a line of a large message, sixty-four octets with its line end.\r\n";
    [letter(user, subject), line.repeat(octets / line.len())].concat()
}

/// What a user has besides the messages of [`letter`].
fn notices(hub: &Hub, user: &str) -> Vec<String> {
    let begins = b"X-Envelope-To: ".as_slice();
    let found = read_all(hub, user).into_iter();
    found
        .filter(|octets| !octets.windows(begins.len()).any(|it| it == begins))
        .map(|octets| String::from_utf8_lossy(&octets).into_owned())
        .collect()
}

fn oversized() -> (Provider, Office) {
    let provider = Provider::with(five());
    provider.put(large("bob", "film", 200_000));
    let office = office(&provider, &[("max_message_size", "\"100 KB\"")]);
    (provider, office)
}

#[test]
fn a_message_that_is_too_large_stays_and_is_told_once() {
    let (provider, office) = oversized();
    let mut hub = office.serve();
    poll(&office);
    assert_eq!((provider.held(), provider.count("RETR")), (1, 5));
    let told = notices(&hub, "bob");
    assert_eq!(told.len(), 1, "{told:?}");
    for part in ["kate@elsewhere.example", "film"] {
        assert!(told[0].contains(part), "{part} in {}", told[0]);
    }
    poll(&office);
    assert!(hub.stop().success());
    poll(&office);
    let hub = office.serve();
    poll(&office);
    assert_eq!(notices(&hub, "bob").len(), 1);
    assert_eq!(notices(&hub, "anna"), [""; 0]);
    assert_eq!((provider.held(), provider.count("RETR")), (1, 5));
    assert_eq!(unclaimed(&office), [""; 0]);
}

#[test]
fn a_message_that_was_too_large_comes_when_the_limit_is_raised() {
    let (provider, office) = oversized();
    poll(&office);
    office.edit("postroom.toml", "\"100 KB\"", "\"1 MB\"");
    poll(&office);
    let hub = office.serve();
    assert_eq!(provider.held(), 0);
    assert_eq!(notices(&hub, "bob").len(), 1);
    let film = large("bob", "film", 200_000);
    let bobs = read_all(&hub, "bob");
    assert_eq!(bobs.iter().filter(|it| it.ends_with(&film)).count(), 1);
    assert_eq!(bobs.len(), 4);
}

#[test]
fn a_message_that_is_too_large_where_mail_stays_or_has_no_unique_id() {
    at_once(["\"7 days\"", "\"0 days\""], |leave| {
        let (provider, office) = oversized();
        let from = "\nleave_on_server = \"0 days\"";
        let to = format!("\nleave_on_server = {leave}");
        office.edit("postroom.toml", from, &to);
        if leave == "\"0 days\"" {
            provider.fault(Fault::Lacks("UIDL"));
        }
        let hub = office.serve();
        for _ in 0..3 {
            poll(&office);
        }
        assert_eq!(notices(&hub, "bob").len(), 1, "{leave}");
        assert_eq!(provider.count("RETR"), 5);
        assert_eq!(
            (read_all(&hub, "anna").len(), read_all(&hub, "bob").len()),
            (3, 3)
        );
    });
}

#[test]
fn a_message_that_is_too_large_and_has_another_unique_id_each_time() {
    let renumbers = [
        (Fault::Renumbers, "\"0 days\""),
        (Fault::Renumbers, "\"7 days\""),
        (Fault::UniqueIdsAreNumbers, "\"0 days\""),
    ];
    at_once(renumbers, |(fault, leave)| {
        let (provider, office) = oversized();
        let from = "\nleave_on_server = \"0 days\"";
        let to = format!("\nleave_on_server = {leave}");
        office.edit("postroom.toml", from, &to);
        provider.fault(fault.clone());
        let hub = office.serve();
        for _ in 0..3 {
            poll(&office);
        }
        // Another one is news.
        provider.put(large("bob", "another", 200_000));
        poll(&office);
        let told = notices(&hub, "bob");
        assert_eq!(told.len(), 2, "{fault:?} {leave} {told:?}");
    });
}

#[test]
fn another_too_large_message_under_the_same_unique_id_is_told() {
    let (provider, office) = oversized();
    provider.fault(Fault::UniqueIdsAreNumbers);
    let hub = office.serve();
    poll(&office);
    poll(&office);
    provider.mailbox().messages.clear();
    provider.put(large("bob", "another", 300_000));
    poll(&office);
    poll(&office);
    let told = notices(&hub, "bob");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn a_message_that_is_too_large_where_top_is_missing() {
    let (provider, office) = oversized();
    provider.fault(Fault::Lacks("TOP"));
    let hub = office.serve();
    poll(&office);
    poll(&office);
    assert_eq!((provider.held(), provider.count("RETR")), (1, 5));
    let told: Vec<_> = ["anna", "bob"].map(|user| notices(&hub, user)).concat();
    assert_eq!(told.len() + unclaimed(&office).len(), 1, "{told:?}");
}

#[test]
fn copies_of_a_message_that_is_too_large_are_told_once() {
    let body = [
        shown_to("anna@example.com, bob@example.com", "film"),
        b"a large message\r\n".repeat(10_000),
    ]
    .concat();
    let provider = Provider::with([&body, &body]);
    let settings = [("mode", "\"guess\""), ("max_message_size", "\"100 KB\"")];
    let office = office(&provider, &settings);
    poll(&office);
    let hub = office.serve();
    assert_eq!(provider.held(), 2);
    let told = ["anna", "bob"].map(|user| notices(&hub, user).len());
    assert_eq!(told, [1, 1]);
}

#[test]
fn removed_when_its_time_there_is_over() {
    let provider = Provider::with(five());
    let office = office(&provider, &[("leave_on_server", "\"2 s\"")]);
    let hub = office.serve();
    poll(&office);
    assert_eq!(provider.held(), 5);
    eventually("all are removed", || {
        poll(&office);
        provider.held() == 0
    });
    assert_eq!(provider.count("RETR"), 5);
    assert_moved(&office, &hub, &provider, &five());
}

#[test]
fn the_cap_on_messages() {
    let sizes = [6_000, 1_000, 9_000, 3_000, 5_000, 2_000, 4_000];
    let letters: Vec<_> = sizes
        .iter()
        .map(|&octets| large("anna", &format!("s{octets}"), octets))
        .collect();
    at_once(["\"0 days\"", "\"7 days\""], |leave| {
        let provider = Provider::with(&letters);
        let settings = [("max_messages_per_poll", "3"), ("leave_on_server", leave)];
        let office = office(&provider, &settings);
        let hub = office.serve();
        poll(&office);
        // The small ones first.
        assert_delivered(&office, &hub, &[&letters[1], &letters[5], &letters[3]]);
        poll(&office);
        assert_eq!(read_all(&hub, "anna").len(), 6);
        poll(&office);
        assert_delivered(&office, &hub, &letters);
        poll(&office);
        assert_delivered(&office, &hub, &letters);
        assert_eq!(provider.count("RETR"), 7);
    });
}

#[test]
fn the_cap_on_octets() {
    let sizes = [60_000, 10_000, 20_000, 30_000];
    let letters: Vec<_> = sizes
        .iter()
        .map(|&octets| large("bob", &format!("s{octets}"), octets))
        .collect();
    let provider = Provider::with(&letters);
    let office = office(&provider, &[("max_octets_per_poll", "\"50 KB\"")]);
    let hub = office.serve();
    poll(&office);
    assert_delivered(&office, &hub, &[&letters[1], &letters[2]]);
    // The one that is larger than the cap must not wait for ever.
    for _ in 0..3 {
        poll(&office);
    }
    assert_moved(&office, &hub, &provider, &letters);
    assert_eq!(provider.count("RETR"), 4);
}
