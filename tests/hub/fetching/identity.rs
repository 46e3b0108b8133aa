//! Unique-ids that do not name one message for ever.

use std::thread;
use std::time::Duration;

use super::{assert_delivered, assert_moved, bad_poll, five, letter, office, poll};
use crate::hub::{Office, at_once, eventually};
use crate::provider::{Fault, Provider};

const LEAVE: (&str, &str) = ("leave_on_server", "\"7 days\"");

/// Fetched, and still at the provider.
fn fetched_and_left() -> (Provider, Office) {
    let provider = Provider::with(five());
    let office = office(&provider, &[LEAVE]);
    poll(&office);
    assert_eq!((provider.held(), provider.count("RETR")), (5, 5));
    (provider, office)
}

fn renumber(provider: &Provider) {
    for message in &mut provider.mailbox().messages {
        message.unique_id = format!("new-{}", message.unique_id);
    }
}

#[test]
fn renumbered_unique_ids() {
    let (provider, office) = fetched_and_left();
    renumber(&provider);
    provider.put(letter("bob", "six"));
    poll(&office);
    let hub = office.serve();
    let letters = [five(), vec![letter("bob", "six")]].concat();
    assert_delivered(&office, &hub, &letters);
    let retrieved = provider.count("RETR");
    poll(&office);
    assert_eq!(provider.count("RETR"), retrieved, "now they are known");
    assert_delivered(&office, &hub, &letters);
    assert_eq!(provider.count("DELE"), 0);
}

#[test]
fn unique_ids_renumbered_every_time() {
    let (provider, office) = fetched_and_left();
    let hub = office.serve();
    for _ in 0..3 {
        renumber(&provider);
        poll(&office);
    }
    assert_delivered(&office, &hub, &five());
}

#[test]
fn renumbered_before_they_could_be_removed() {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    provider.fault(Fault::Answers("QUIT", "-ERR not removed"));
    bad_poll(&office);
    provider.mend();
    renumber(&provider);
    poll(&office);
    assert_moved(&office, &office.serve(), &provider, &five());
}

#[test]
fn status_lines_that_a_renumbering_server_adds() {
    let (provider, office) = fetched_and_left();
    renumber(&provider);
    for message in &mut provider.mailbox().messages {
        let text = String::from_utf8(message.octets.clone()).unwrap();
        let changed = text.replacen(
            "\r\n\r\n",
            "\r\nStatus: RO\r\nX-Status: A\r\nX-UID: 7\r\n\r\n",
            1,
        );
        message.octets = changed.into_bytes();
    }
    poll(&office);
    assert_delivered(&office, &office.serve(), &five());
}

#[test]
fn a_unique_id_reused_after_removal() {
    // The same sizes: LIST does not tell.
    for subject in ["new", "longer"] {
        let provider = Provider::new();
        provider.mailbox().put_as("again", letter("anna", "old"));
        let office = office(&provider, &[]);
        poll(&office);
        assert_eq!(provider.held(), 0);
        provider.mailbox().put_as("again", letter("anna", subject));
        poll(&office);
        let both = [letter("anna", "old"), letter("anna", subject)];
        assert_moved(&office, &office.serve(), &provider, &both);
    }
}

#[test]
fn a_unique_id_reused_in_place() {
    let (provider, office) = fetched_and_left();
    provider.mailbox().messages[1].octets = letter("bob", "quite another one");
    poll(&office);
    let hub = office.serve();
    let letters = [five(), vec![letter("bob", "quite another one")]].concat();
    assert_delivered(&office, &hub, &letters);
    poll(&office);
    assert_eq!(provider.count("RETR"), 6);
    assert_delivered(&office, &hub, &letters);
}

#[test]
fn a_unique_id_reused_before_it_could_be_removed() {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    provider.fault(Fault::Answers("QUIT", "-ERR not removed"));
    bad_poll(&office);
    provider.mend();
    provider.mailbox().messages[1].octets = letter("bob", "quite another one");
    poll(&office);
    let letters = [five(), vec![letter("bob", "quite another one")]].concat();
    assert_moved(&office, &office.serve(), &provider, &letters);
}

#[test]
fn sizes_that_change_from_poll_to_poll() {
    let (provider, office) = fetched_and_left();
    let hub = office.serve();
    for round in 1..=3 {
        for message in &mut provider.mailbox().messages {
            message.size = Some(message.octets.len() as u64 + round);
        }
        poll(&office);
        assert_delivered(&office, &hub, &five());
    }
    let retrieved = provider.count("RETR");
    poll(&office);
    assert_eq!(provider.count("RETR"), retrieved);
}

#[test]
fn unique_ids_that_are_message_numbers() {
    let provider = Provider::with(five());
    provider.fault(Fault::UniqueIdsAreNumbers);
    let office = office(&provider, &[]);
    let hub = office.serve();
    poll(&office);
    assert_eq!(provider.held(), 0);
    let mut letters = five();
    for round in 0..3 {
        for user in ["anna", "bob", "anna"] {
            // As long as those before.
            let next = letter(user, &format!("r{round}-{}", letters.len() % 10));
            provider.put(&next);
            letters.push(next);
        }
        poll(&office);
        assert_moved(&office, &hub, &provider, &letters);
    }
}

#[test]
fn message_numbers_as_unique_ids_where_mail_stays() {
    let provider = Provider::new();
    provider.fault(Fault::UniqueIdsAreNumbers);
    let long = |number: usize| letter("anna", &"x".repeat(number + 1));
    let mut letters: Vec<_> = (0..5).map(long).collect();
    letters.iter().for_each(|octets| provider.put(octets));
    let office = office(&provider, &[LEAVE]);
    let hub = office.serve();
    poll(&office);
    // A person removes the first; all others move up.
    for number in 5..8 {
        provider.mailbox().messages.remove(0);
        letters.push(long(number));
        provider.put(long(number));
        poll(&office);
        assert_delivered(&office, &hub, &letters);
    }
}

#[test]
fn a_message_number_as_unique_id_removes_nothing_unread() {
    let alike = |number: usize| letter("anna", &format!("n{number}"));
    let mut letters: Vec<_> = (0..5).map(alike).collect();
    let provider = Provider::with(&letters);
    provider.fault(Fault::UniqueIdsAreNumbers);
    let office = office(&provider, &[("leave_on_server", "\"2 s\"")]);
    let hub = office.serve();
    poll(&office);
    // A person removes one, and one comes: all numbers and sizes are known.
    provider.mailbox().messages.remove(0);
    letters.push(alike(5));
    provider.put(alike(5));
    poll(&office);
    // All are due at once: where some are, and nothing tells whether the numbers of
    // the others still mean the same, one may come twice.
    thread::sleep(Duration::from_millis(2_200));
    eventually("all are removed", || {
        poll(&office);
        provider.held() == 0
    });
    assert_delivered(&office, &hub, &letters);
}

#[test]
fn a_unique_id_that_two_messages_share() {
    at_once(["\"0 days\"", "\"7 days\""], |leave| {
        let provider = Provider::with(five());
        for at in [1, 3] {
            provider.mailbox().messages[at].unique_id = "shared".to_string();
        }
        let office = office(&provider, &[("leave_on_server", leave)]);
        let hub = office.serve();
        for _ in 0..3 {
            poll(&office);
            assert_delivered(&office, &hub, &five());
        }
        let left = if leave == "\"0 days\"" { 0 } else { 5 };
        assert_eq!(provider.held(), left);
        provider.mailbox().put_as("shared", letter("bob", "six"));
        poll(&office);
        let letters = [five(), vec![letter("bob", "six")]].concat();
        assert_delivered(&office, &hub, &letters);
    });
}

#[test]
fn two_messages_of_the_same_octets() {
    at_once(["\"0 days\"", "\"7 days\""], |leave| {
        let twin = || letter("anna", "twin");
        let provider = Provider::with([twin(), twin()]);
        let office = office(&provider, &[("leave_on_server", leave)]);
        let hub = office.serve();
        poll(&office);
        assert_delivered(&office, &hub, &[twin(), twin()]);
        provider.put(twin());
        poll(&office);
        poll(&office);
        assert_delivered(&office, &hub, &[twin(), twin(), twin()]);
    });
}

#[test]
fn unique_ids_beyond_the_standard() {
    let provider = Provider::new();
    let long = "u".repeat(200);
    let ids = [
        "with a space",
        "with a tab\t",
        "\u{e4}\u{f6}",
        "-",
        &long,
        &format!("{long}v"),
    ];
    let subjects = ["a", "b", "c", "d", "e", "f"];
    let letters = subjects.map(|subject| letter("anna", subject));
    for (id, octets) in ids.iter().zip(&letters) {
        provider.mailbox().put_as(id, octets);
    }
    let too_long = "w".repeat(3000);
    provider.mailbox().put_as(&too_long, letter("anna", "g"));
    let office = office(&provider, &[LEAVE]);
    let hub = office.serve();
    let letters = [letters.to_vec(), vec![letter("anna", "g")]].concat();
    for _ in 0..3 {
        poll(&office);
        assert_delivered(&office, &hub, &letters);
    }
}

#[test]
fn another_mailbox_at_the_same_host_has_unique_ids_of_its_own() {
    let provider = Provider::with(five());
    let office = office(&provider, &[LEAVE]);
    poll(&office);
    // The same unique-ids, another user name: another mailbox.
    let texts = ["seven", "eight", "nine", "ten", "eleven"];
    let letters: Vec<_> = texts.iter().map(|text| letter("anna", text)).collect();
    for (message, octets) in provider.mailbox().messages.iter_mut().zip(&letters) {
        message.octets.clone_from(octets);
    }
    office.edit("postroom.toml", "\nuser = \"office\"", "\nuser = \"other\"");
    poll(&office);
    let all = [five(), letters].concat();
    assert_delivered(&office, &office.serve(), &all);
}
