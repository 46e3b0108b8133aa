use super::super::*;
use super::support::*;

#[test]
fn an_unknown_user_has_an_empty_maildrop() {
    let office = office();
    let maildrop = office.maildrop("anna");
    assert_eq!((maildrop.messages, maildrop.octets), (0, 0));
    assert_eq!(office.listing("anna"), []);
}

#[test]
fn what_is_delivered_comes_out_octet_for_octet_below_the_trace() {
    let office = office();
    let all: Vec<u8> = (0..=255).collect();
    for size in [
        0,
        1,
        100,
        CHUNK_OCTETS - 100,
        CHUNK_OCTETS,
        CHUNK_OCTETS + 1,
        INLINE_OCTETS,
        INLINE_OCTETS + 1,
        5 * INLINE_OCTETS + 77,
    ] {
        let body: Vec<u8> = all.iter().copied().cycle().take(size).collect();
        office.deliver(&["anna"], &body);
        let scan = *office.listing("anna").last().unwrap();
        let mut expected = trace("anna");
        expected.extend(&body);
        assert_eq!(office.content(scan.entry).unwrap(), expected, "{size}");
        let line_end = if size == 0 { 0 } else { 2 };
        assert_eq!(scan.octets, expected.len() as u64 + line_end, "{size}");
    }
    assert_eq!(office.body_files().len(), 2);
    let maildrop = office.maildrop("anna");
    let listing = office.listing("anna");
    assert_eq!(maildrop.messages, listing.len() as u64);
    assert_eq!(
        maildrop.octets,
        listing.iter().map(|scan| scan.octets).sum::<u64>()
    );
}

#[test]
fn a_trace_larger_than_a_chunk_is_handed_out_in_chunks() {
    let office = office();
    let mut message = office.message(&["anna"], SMALL);
    message.entries[0].trace = vec![b'x'; 3 * CHUNK_OCTETS];
    wait(office.store().deliver(message)).unwrap();
    let content = office.content(office.listing("anna")[0].entry).unwrap();
    assert_eq!(content.len(), 3 * CHUNK_OCTETS + SMALL.len());
}

#[test]
fn a_maildrop_is_frozen_at_log_in() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    let maildrop = office.maildrop("anna");
    office.deliver(&["anna"], SMALL);
    assert_eq!(wait(office.store().listing(&maildrop)).unwrap().len(), 1);
    assert_eq!(office.listing("anna").len(), 2);
}

#[test]
fn one_message_to_many_is_stored_once_with_a_trace_and_a_unique_id_for_each() {
    let office = office();
    office.deliver(&["anna", "bob", ""], SMALL);
    assert_eq!(office.number("SELECT count(*) FROM message"), 1);
    let anna = office.listing("anna")[0];
    let bob = office.listing("bob")[0];
    assert_ne!(anna.unique_id, bob.unique_id);
    assert!(
        office
            .content(anna.entry)
            .unwrap()
            .starts_with(&trace("anna"))
    );
    assert!(
        office
            .content(bob.entry)
            .unwrap()
            .starts_with(&trace("bob"))
    );
    assert_eq!(office.summary(None).messages, 1);
}

#[test]
fn collected_mail_is_out_of_sight_at_once_and_only_in_its_own_mailbox() {
    let office = office();
    office.deliver(&["anna", "bob"], SMALL);
    office.deliver(&["anna"], SMALL);
    let first = office.listing("anna")[0].entry;
    let bobs = office.listing("bob")[0].entry;
    let anna = office.maildrop("anna").mailbox;
    let marked = wait(
        office
            .store()
            .collect(anna, vec![first, bobs, first], office.now),
    );
    assert_eq!(marked, Ok(1));
    assert_eq!(office.maildrop("anna").messages, 1);
    assert_eq!(office.maildrop("bob").messages, 1);
    assert_eq!(office.summary(Some("anna")).collected_messages, 1);
}

#[test]
fn a_unique_id_is_what_rfc_1939_allows() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    let text = office.listing("anna")[0].unique_id.to_string();
    assert_eq!(text.len(), 26);
    assert!(text.bytes().all(|octet| (0x21..=0x7E).contains(&octet)));
}

#[test]
fn unique_ids_and_entries_are_not_reused_when_the_newest_is_gone() {
    let mut office = office();
    office.store().set_keep(Keep {
        collected: std::time::Duration::ZERO,
        ..Keep::default()
    });
    let mut seen = std::collections::HashSet::new();
    let mut newest = EntryId(0);
    for _ in 0..5 {
        office.deliver(&["anna"], SMALL);
        let scan = office.listing("anna")[0];
        assert!(seen.insert(scan.unique_id));
        assert!(scan.entry > newest);
        newest = scan.entry;
        office.collect("anna");
        assert_eq!(office.sweep().by_age, 1);
        office.reopen();
        office.store().set_keep(Keep {
            collected: std::time::Duration::ZERO,
            ..Keep::default()
        });
    }
}

#[test]
fn an_id_is_not_drawn_twice_even_if_its_message_is_gone_and_the_clock_went_back() {
    let mut office = office();
    let id = office.deliver(&["anna"], SMALL);
    wait(office.store().erase(id)).unwrap();
    office.now.wall -= 400 * DAY;
    office.reopen();
    assert!(office.store().next_id(office.now.wall) > id);
}

#[test]
fn a_missing_body_file_is_told_for_its_message_and_stops_nothing_else() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    let id = office.deliver(&["anna"], &large());
    office.deliver(&["anna"], SMALL);
    let file = office.body_files().remove(0);
    std::fs::remove_file(office.data().join("bodies").join(&file)).unwrap();
    let listing = office.listing("anna");
    assert_eq!(listing.len(), 3);
    let error = office.content(listing[1].entry).unwrap_err();
    assert_eq!(error, StoreError::BodyMissing(id, file));
    assert!(error.to_string().contains("backup"), "{error}");
    assert!(office.content(listing[0].entry).is_ok());
    assert!(office.content(listing[2].entry).is_ok());
    assert!(
        office
            .store()
            .figures()
            .last_error
            .unwrap()
            .contains(&id.to_string())
    );
    let rows = wait(
        office
            .store()
            .mail(MailboxName::User("anna".into()), Part::Waiting, None, 10),
    )
    .unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows[1].head.is_err() && rows[2].head.is_ok());
    // It can be collected, swept and erased like any other.
    assert_eq!(office.collect("anna"), 3);
    assert_eq!(wait(office.store().erase(id)), Ok(1));
}

#[test]
fn a_body_file_that_became_short_is_told_before_anything_of_it_is_sent() {
    let office = office();
    let id = office.deliver(&["anna"], &large());
    let file = office.body_files().remove(0);
    let path = office.data().join("bodies").join(&file);
    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(1000)
        .unwrap();
    let error = office.content(office.listing("anna")[0].entry).unwrap_err();
    assert!(matches!(error, StoreError::BodyDamaged { id: found, found: 1000, .. } if found == id));
}

#[test]
fn a_message_that_is_erased_while_a_pc_reads_it_ends_in_an_error() {
    let office = office();
    let id = office.deliver(&["anna"], &vec![b'x'; INLINE_OCTETS]);
    let entry = office.listing("anna")[0].entry;
    let mut reader = wait(office.store().open_message(entry)).unwrap();
    wait(reader.next_chunk()).unwrap().unwrap();
    wait(office.store().erase(id)).unwrap();
    assert_eq!(wait(reader.next_chunk()), Err(StoreError::NoEntry));
    assert_eq!(office.content(entry), Err(StoreError::NoEntry));
}

#[test]
fn a_large_message_that_is_erased_while_a_pc_reads_it_is_read_to_its_end() {
    let office = office();
    let id = office.deliver(&["anna"], &large());
    let entry = office.listing("anna")[0].entry;
    let mut reader = wait(office.store().open_message(entry)).unwrap();
    wait(office.store().erase(id)).unwrap();
    assert!(office.body_files().is_empty());
    let mut octets = 0;
    while let Some(chunk) = wait(reader.next_chunk()).unwrap() {
        octets += chunk.len();
    }
    assert_eq!(octets as u64, reader.octets());
}
