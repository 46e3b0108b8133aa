//! What UIDL and LIST say, and what they leave out.

use std::time::{Duration, Instant};

use super::{
    any_poll, assert_delivered, assert_moved, assert_same, bad_poll, five, letter, office, poll,
    read_all, unclaimed,
};
use crate::hub::at_once;
use crate::mail::waiting;
use crate::provider::{Fault, Provider};

/// Longer than a slow machine takes for 10,000 messages.
const MANY_LIMIT: Duration = Duration::from_secs(25);

#[test]
fn no_uidl() {
    let provider = Provider::with(five());
    provider.fault(Fault::Lacks("UIDL"));
    let office = office(&provider, &[]);
    poll(&office);
    let hub = office.serve();
    assert_moved(&office, &hub, &provider, &five());
    // The same text again is another message, as its trace lines say.
    let first = String::from_utf8(five().remove(0)).unwrap();
    let again = first.replace("ESMTP id 1;", "ESMTP id 2;").into_bytes();
    provider.put(&again);
    poll(&office);
    assert_moved(&office, &hub, &provider, &[five(), vec![again]].concat());
}

#[test]
fn no_uidl_and_two_messages_of_the_same_octets() {
    let provider = Provider::with([letter("anna", "twin"), letter("anna", "twin")]);
    provider.fault(Fault::Lacks("UIDL"));
    let office = office(&provider, &[]);
    poll(&office);
    let twins = [letter("anna", "twin"), letter("anna", "twin")];
    assert_moved(&office, &office.serve(), &provider, &twins);
}

#[test]
fn no_uidl_where_mail_is_to_stay() {
    let provider = Provider::with(five());
    provider.fault(Fault::Lacks("UIDL"));
    let office = office(&provider, &[("leave_on_server", "\"7 days\"")]);
    let said = bad_poll(&office);
    assert!(said.contains("leave_on_server needs unique-ids"), "{said}");
    assert_eq!((provider.held(), provider.count("RETR")), (5, 0));
    assert_eq!(provider.count("DELE"), 0);
}

#[test]
fn uidl_that_is_named_and_refused() {
    let provider = Provider::with(five());
    provider.fault(Fault::Answers("UIDL", "-ERR index damaged"));
    let office = office(&provider, &[]);
    let said = bad_poll(&office);
    assert!(said.contains("index damaged"), "{said}");
    assert_eq!((provider.held(), provider.count("RETR")), (5, 0));
    provider.mend();
    poll(&office);
    assert_moved(&office, &office.serve(), &provider, &five());
}

#[test]
fn wrong_sizes() {
    at_once([0, 1, 17, 40_000_000], |size| {
        for pipelining in ["\"auto\"", "\"off\""] {
            let provider = Provider::with(five());
            provider.fault(Fault::Sizes(size));
            let office = office(&provider, &[("pipelining", pipelining)]);
            poll(&office);
            assert_moved(&office, &office.serve(), &provider, &five());
        }
    });
}

#[test]
fn no_sizes() {
    let provider = Provider::with(five());
    provider.fault(Fault::Answers("LIST", "-ERR not today"));
    let office = office(&provider, &[]);
    poll(&office);
    assert_moved(&office, &office.serve(), &provider, &five());
}

#[test]
fn a_size_of_a_terabyte() {
    let provider = Provider::with(five());
    provider.mailbox().messages[2].size = Some(1 << 40);
    let office = office(&provider, &[]);
    poll(&office);
    assert_eq!(provider.held(), 1, "it stays");
    poll(&office);
    provider.mailbox().messages[0].size = None;
    poll(&office);
    assert_eq!(provider.held(), 0);
    let hub = office.serve();
    let annas = read_all(&hub, "anna");
    let theirs: Vec<_> = annas
        .iter()
        .filter(|it| it.ends_with(b".a dot\r\n"))
        .collect();
    assert_eq!(theirs.len(), 3);
    assert_eq!(annas.len(), 4, "one notice");
    assert_same("bob", read_all(&hub, "bob"), &[&five()[1], &five()[3]]);
}

#[test]
fn a_mailbox_that_looks_empty_once() {
    at_once(["\"7 days\"", "\"0 days\""], |leave| {
        let provider = Provider::with(five());
        let office = office(&provider, &[("leave_on_server", leave)]);
        let hub = office.serve();
        if leave == "\"0 days\"" {
            // They are known, and still there.
            provider.fault(Fault::Answers("QUIT", "-ERR not removed"));
            bad_poll(&office);
            provider.mend();
        }
        poll(&office);
        provider.fault(Fault::ListsNothing);
        poll(&office);
        poll(&office);
        provider.mend();
        provider.put(letter("bob", "six"));
        poll(&office);
        assert_eq!(provider.count("RETR"), 6);
        let letters = [five(), vec![letter("bob", "six")]].concat();
        assert_delivered(&office, &hub, &letters);
    });
}

#[test]
fn no_uidl_and_a_mailbox_that_looks_empty_once() {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    let hub = office.serve();
    let no_uidl = || provider.fault(Fault::Lacks("UIDL"));
    no_uidl();
    provider.fault(Fault::Answers("QUIT", "-ERR not removed"));
    bad_poll(&office);
    provider.fault(Fault::ListsNothing);
    any_poll(&office);
    provider.mend();
    no_uidl();
    poll(&office);
    assert_moved(&office, &hub, &provider, &five());
}

#[test]
fn mail_lies_in_a_mailbox_in_the_order_of_the_provider() {
    let subjects = (0..300).map(|number| format!("n{number:03}"));
    let letters: Vec<Vec<u8>> = subjects.map(|subject| letter("anna", &subject)).collect();
    let provider = Provider::with(letters.clone());
    let office = office(&provider, &[]);
    poll(&office);
    let hub = office.serve();
    let read = read_all(&hub, "anna");
    assert_eq!(read.len(), letters.len());
    for (read, sent) in read.iter().zip(&letters) {
        assert!(read.ends_with(sent), "{}", String::from_utf8_lossy(sent));
    }
}

#[test]
fn ten_thousand_messages_and_a_hundred_in_one_poll() {
    let users = ["anna", "bob"];
    let letters = (0..10_100).map(|number| letter(users[number % 2], &format!("n{number:05}")));
    let provider = Provider::with(letters);
    let office = office(&provider, &[("leave_on_server", "\"7 days\"")]);
    let hub = office.serve();
    let since = Instant::now();
    poll(&office);
    let first = since.elapsed();
    assert!(first < MANY_LIMIT, "{first:?}");
    poll(&office);
    println!("first poll {first:?}, both {:?}", since.elapsed());
    assert_eq!(provider.count("RETR"), 10_100);
    assert_eq!(users.map(|user| waiting(&hub, user)), [5_050, 5_050]);
    assert_eq!(unclaimed(&office), [""; 0]);
}
