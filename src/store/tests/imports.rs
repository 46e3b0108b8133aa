//! Mail out of files.

use std::time::{Duration, UNIX_EPOCH};

use super::support::*;
use crate::store::*;

fn message(office: &Office, content: &[u8], likeness: u8) -> ImportedMessage {
    ImportedMessage {
        id: office.store().next_id(office.now.wall),
        received_at: UNIX_EPOCH + Duration::from_secs(86_400),
        reverse_path: "<a@b.example>".to_string(),
        body: office.body(content),
        why: "imported from old.mbox".to_string(),
        likeness: [likeness; 32],
    }
}

fn begin(office: &Office, gone: Gone) -> Import {
    wait(office.store().begin_import("anna", gone, office.now)).unwrap()
}

fn import(office: &Office, import: &Import, content: &[u8], likeness: u8) -> bool {
    let message = message(office, content, likeness);
    let delivered = office.store().deliver_imported(import, message, office.now);
    wait(delivered).unwrap().is_some()
}

#[test]
fn an_imported_message_waits_as_it_is_and_comes_once() {
    let mut office = office();
    let anna = begin(&office, Gone::LeaveOut);
    assert!(import(&office, &anna, b"A: b\r\n\r\nc", 1));
    assert!(import(&office, &anna, &large(), 2));
    assert!(!import(&office, &anna, &large(), 2));
    // The writer lets go of one message before it takes the next.
    assert!(!import(&office, &anna, b"A: b\r\n\r\nc", 1));
    assert_eq!(office.body_files().len(), 1);

    let listing = office.listing("anna");
    assert_eq!(listing.len(), 2);
    assert_eq!(listing[0].octets, 11);
    assert_eq!(office.content(listing[0].entry).unwrap(), b"A: b\r\n\r\nc");
    let record = wait(office.store().record(listing[0].message))
        .unwrap()
        .unwrap();
    assert_eq!(record.received_at, UNIX_EPOCH + Duration::from_secs(86_400));
    assert_eq!(record.entries[0].delivered_at, office.now.wall);
    assert_eq!(record.entries[0].why, "imported from old.mbox");

    // Collected, and still there: not to be doubled.
    let back = begin(&office, Gone::BringBack);
    assert!(!import(&office, &back, b"A: b\r\n\r\nc", 1));

    // Swept, forgotten by all listings, and still known.
    office.collect("anna");
    office.pass(Duration::from_secs(100 * 24 * 60 * 60));
    office.sweep();
    office.reopen();
    let anna = begin(&office, Gone::LeaveOut);
    assert!(!import(&office, &anna, b"A: b\r\n\r\nc", 1));
    let known = wait(office.store().imported_before(&anna, None, 10)).unwrap();
    let known: Vec<u8> = known.iter().map(|(_, likeness)| likeness[0]).collect();
    assert_eq!(known, [1, 2]);

    // Brought back once, and remembered as before.
    let back = begin(&office, Gone::BringBack);
    assert!(import(&office, &back, b"A: b\r\n\r\nc", 1));
    assert!(!import(&office, &back, b"A: b\r\n\r\nc", 1));
    assert_eq!(office.listing("anna").len(), 1);
    let known = wait(office.store().imported_before(&back, None, 10)).unwrap();
    assert_eq!(known.len(), 2);
}

#[test]
fn what_is_imported_goes_to_its_user_or_nowhere() {
    let office = office();
    let anna = begin(&office, Gone::LeaveOut);
    wait(office.store().seal("anna", office.now.wall)).unwrap();
    let refused = |import: &Import| {
        let message = message(&office, b"A: b\r\n", 1);
        wait(office.store().deliver_imported(import, message, office.now))
    };
    assert_eq!(
        refused(&anna),
        Err(StoreError::NoMailbox("anna".to_string()))
    );
    // Another person of that name.
    let another = begin(&office, Gone::LeaveOut);
    assert_eq!(
        refused(&anna),
        Err(StoreError::NoMailbox("anna".to_string()))
    );
    assert_eq!(office.summary(None).messages, 0);
    assert!(import(&office, &another, b"A: b\r\n", 1));
    assert_eq!(office.listing("anna").len(), 1);
}
