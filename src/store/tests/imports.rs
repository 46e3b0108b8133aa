//! Mail out of files.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::support::*;
use crate::store::*;

fn message(office: &Office, content: &[u8], likeness: u8) -> Arc<ImportedMessage> {
    Arc::new(ImportedMessage {
        id: office.store().next_id(office.now.wall),
        received_at: UNIX_EPOCH + Duration::from_secs(86_400),
        reverse_path: "<a@b.example>".to_string(),
        body: office.body(content),
        why: "imported from old.mbox".to_string(),
        likeness: [likeness; 32],
    })
}

fn begin(office: &Office, gone: Gone) -> Import {
    wait(office.store().begin_import("anna", gone, office.now)).unwrap()
}

fn import(office: &Office, import: &Import, content: &[u8], likeness: u8) -> bool {
    let message = message(office, content, likeness);
    let delivered = office
        .store()
        .deliver_imported(import, &message, office.now);
    matches!(wait(delivered).unwrap(), Brought::Imported(_))
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
    let known: Vec<_> = known
        .iter()
        .map(|it| (it.likeness[0], it.is_here))
        .collect();
    assert_eq!(known, [(1, false), (2, false)]);

    // Brought back once, and remembered as before.
    let back = begin(&office, Gone::BringBack);
    assert!(import(&office, &back, b"A: b\r\n\r\nc", 1));
    assert!(!import(&office, &back, b"A: b\r\n\r\nc", 1));
    assert_eq!(office.listing("anna").len(), 1);
    let known = wait(office.store().imported_before(&back, None, 10)).unwrap();
    let known: Vec<_> = known.iter().map(|it| it.is_here).collect();
    assert_eq!(known, [true, false]);
}

#[test]
fn a_message_that_lost_its_content_gets_it_back_and_stays_what_it_is() {
    let mut office = office();
    let anna = begin(&office, Gone::LeaveOut);
    assert!(import(&office, &anna, &large(), 1));
    assert!(import(&office, &anna, &large(), 2));
    let listing = office.listing("anna");
    let collected = office
        .store()
        .collect(anna.mailbox, vec![listing[1].entry], office.now);
    wait(collected).unwrap();
    for file in office.body_files() {
        fs::remove_file(office.data().join("bodies").join(file)).unwrap();
    }
    // Not quite the same: a line more than before, and so small that it needs no file.
    for (content, likeness) in [(&large()[..], 1), (b"A: b\r\n\r\nc", 2)] {
        let message = message(&office, content, likeness);
        let store = office.store();
        let brought = wait(store.deliver_imported(&anna, &message, office.now)).unwrap();
        let Brought::Here(entry) = brought else {
            panic!("{brought:?}");
        };
        assert!(office.content(entry).is_err());
        let mended = wait(store.mend_imported(&anna, entry, &message)).unwrap();
        assert_eq!(
            mended.unwrap().queue_id(),
            listing[usize::from(likeness) - 1].message
        );
        assert_eq!(office.content(entry).unwrap(), content);
    }
    assert_eq!(office.listing("anna"), &listing[..1]);
    let totals = office.summary(Some("anna"));
    assert_eq!((totals.messages, totals.collected_messages), (1, 1));
    assert_eq!(
        (totals.octets, totals.collected_octets),
        (listing[0].octets, 11)
    );
    office.reopen();
    assert_eq!(office.body_files().len(), 1);
}

#[test]
fn what_is_imported_goes_to_its_user_or_nowhere() {
    let office = office();
    let anna = begin(&office, Gone::LeaveOut);
    wait(office.store().seal("anna", office.now.wall)).unwrap();
    let refused = |import: &Import| {
        let message = message(&office, b"A: b\r\n", 1);
        wait(
            office
                .store()
                .deliver_imported(import, &message, office.now),
        )
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
