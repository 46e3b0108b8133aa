//! Messages from providers: their records, and listings beside them.

use std::time::Duration;

use super::support::*;

use super::super::*;

#[test]
fn an_account_is_one_for_each_host_and_user_and_survives_a_restart() {
    let mut office = office();
    let provider = |office: &Office, host: &str, user: &str| {
        wait(office.store().provider(host, user, office.now)).unwrap()
    };
    let main = provider(&office, "POP.isp.example", "office");
    assert!(!main.lock_step);
    assert_eq!(provider(&office, "pop.ISP.example", "office"), main);
    assert_ne!(provider(&office, "pop.isp.example", "Office").id, main.id);
    assert_ne!(provider(&office, "pop.other.example", "office").id, main.id);
    wait(office.store().set_lock_step(main.id, office.now)).unwrap();
    office.reopen();
    let again = provider(&office, "pop.isp.example", "office");
    assert_eq!((again.id, again.lock_step), (main.id, true));
    assert!(!provider(&office, "pop.isp.example", "Office").lock_step);
    office.pass(Duration::from_secs(31 * 24 * 60 * 60));
    assert!(!provider(&office, "pop.isp.example", "office").lock_step);
}

#[test]
fn a_message_and_its_unique_id_are_known_together_and_after_a_restart() {
    let mut office = office();
    assert_eq!(office.compare(&["1", ""]).messages, [None, None]);
    let delivered = office.fetch(&office.sent("1", 7));
    let why = "alias for anna".to_owned();
    let anna = MailboxName::User("anna".into());
    assert_eq!(delivered.entries, [(anna, why)]);
    office.pass(HOUR);
    office.sweep();
    office.reopen();
    let found = office.compare(&["", "2", "1"]);
    assert_eq!(found.messages[..2], [None, None]);
    let expected = KnownMessage {
        record: delivered.record,
        receipt: delivered.receipt,
        kind: FetchedKind::Message,
        digest: [7; 32],
        octets: Some(700),
        age: HOUR,
        removed: false,
    };
    let id = expected.receipt.queue_id();
    assert_eq!(found.messages[2], Some(Box::new(expected)));
    assert_eq!(found.lost, []);
    let record = wait(office.store().record(id)).unwrap().unwrap();
    assert_eq!(
        (record.reverse_path.as_str(), record.source.as_str()),
        ("<>", "main")
    );
    assert_eq!(office.maildrop("anna").messages, 1);
}

#[test]
fn a_unique_id_says_nothing_about_another_provider() {
    let office = office();
    office.fetch(&office.sent("1", 7));
    let other = wait(
        office
            .store()
            .provider("pop.other.example", "office", office.now),
    )
    .unwrap();
    let listed = vec![unique_id("1")];
    let comparing = office
        .store()
        .compare_listing(other.id, listed, true, office.now);
    let found = wait(comparing).unwrap();
    assert_eq!((found.messages, found.lost), (vec![None], vec![]));
    office.fetch(&Sent {
        provider: other.id,
        ..office.sent("1", 8)
    });
    assert_eq!(office.records(), 2);
}

#[test]
fn what_is_not_listed_and_was_not_removed_is_lost() {
    let office = office();
    let lost = office.fetch(&office.sent("1", 1)).record;
    let nameless = office.fetch(&office.sent("", 2)).record;
    let removed = office.fetch(&office.sent("3", 3)).record;
    office.fetch(&office.sent("4", 4));
    let notice = office.fetch(&Sent {
        kind: FetchedKind::Notice,
        ..office.sent("5", 5)
    });
    wait(
        office
            .store()
            .removed_at_provider(vec![removed], office.now),
    )
    .unwrap();
    let message = FetchedKind::Message;
    let expected = [
        (lost, message, 1),
        (nameless, message, 2),
        (notice.record, FetchedKind::Notice, 5),
    ]
    .map(|(record, kind, digest)| Lost {
        record,
        kind,
        digest: [digest; 32],
        age: Duration::ZERO,
        removed: false,
    });
    for whole in [false, true, true] {
        let found = office.compare_as(&["4", "", "6"], whole);
        assert_eq!(found.lost, expected);
        assert!(found.messages[0].is_some() && found.messages[1..] == [None, None]);
    }
}

#[test]
fn a_message_that_was_removed_and_is_listed_again_says_so() {
    let office = office();
    let record = office.fetch(&office.sent("1", 1)).record;
    wait(office.store().removed_at_provider(vec![record], office.now)).unwrap();
    let known = office.compare(&["1"]).messages.remove(0).unwrap();
    assert!(known.removed && known.record == record);
    wait(
        office
            .store()
            .recognise(record, unique_id("1"), Some(known.octets.unwrap())),
    )
    .unwrap();
    assert!(!office.compare(&["1"]).messages[0].as_ref().unwrap().removed);
}

#[test]
fn a_renumbered_message_is_known_by_its_new_unique_id() {
    let office = office();
    let first = office.fetch(&office.sent("old", 1));
    let lost = office.compare(&["new"]).lost[0];
    assert_eq!(lost.record, first.record);
    let receipt = wait(
        office
            .store()
            .recognise(lost.record, unique_id("new"), Some(1)),
    );
    assert_eq!(receipt.as_ref(), Ok(&first.receipt));
    let found = office.compare(&["new", "old"]);
    let known = found.messages[0].as_ref().unwrap();
    assert_eq!((known.record, known.octets), (first.record, Some(1)));
    assert_eq!((&found.messages[1], found.lost), (&None, vec![]));
    assert_eq!(office.number("SELECT count(missing_age) FROM fetched"), 0);
}

#[test]
fn two_messages_that_swap_their_unique_ids_are_both_known() {
    let office = office();
    let one = office.fetch(&office.sent("1", 1)).record;
    let two = office.fetch(&office.sent("2", 2)).record;
    wait(office.store().recognise(one, unique_id("2"), None)).unwrap();
    let found = office.compare(&["1", "2"]);
    assert_eq!(found.messages[0], None);
    assert_eq!(found.messages[1].as_ref().unwrap().record, one);
    assert_eq!(found.lost[0].record, two);
    wait(office.store().recognise(two, unique_id("1"), None)).unwrap();
    let found = office.compare(&["1", "2"]);
    assert_eq!(found.messages[0].as_ref().unwrap().record, two);
    assert_eq!(found.lost, []);
}

#[test]
fn a_reused_unique_id_gets_a_record_of_its_own() {
    let office = office();
    let first = office.fetch(&office.sent("1", 1));
    let second = office.fetch(&office.sent("1", 2));
    assert_ne!(first.record, second.record);
    let found = office.compare(&["1"]);
    let known = found.messages[0].as_ref().unwrap();
    assert_eq!((known.record, known.digest), (second.record, [2; 32]));
    // The first message may be there under another one.
    assert_eq!(found.lost[0].record, first.record);
    wait(
        office
            .store()
            .removed_at_provider(vec![second.record], office.now),
    )
    .unwrap();
    office.fetch(&office.sent("1", 3));
    assert_eq!(office.records(), 2, "what was removed has made way");
    let forgotten = wait(office.store().recognise(second.record, None, None));
    assert!(
        matches!(forgotten, Err(StoreError::Refused(_))),
        "{forgotten:?}"
    );
}

/// A poll that was stopped may still commit when the next one has compared.
#[test]
fn a_message_that_two_polls_bring_at_once_is_stored_once() {
    let office = office();
    let first = office.fetch(&office.sent("1", 1));
    let second = office.fetch(&office.sent("1", 1));
    assert_eq!(second.record, first.record);
    assert_eq!(second.receipt.queue_id(), first.receipt.queue_id());
    assert_eq!((first.entries.len(), second.entries.len()), (1, 0));
    assert_eq!(office.records(), 1);
    assert_eq!(office.maildrop("anna").messages, 1);
}

#[test]
fn a_notice_makes_way_for_its_message() {
    let office = office();
    let notice = office.fetch(&Sent {
        kind: FetchedKind::Notice,
        ..office.sent("1", 1)
    });
    let kind = |office: &Office| office.compare(&["1"]).messages[0].as_ref().unwrap().kind;
    assert_eq!(kind(&office), FetchedKind::Notice);
    let message = office.fetch(&office.sent("1", 2));
    assert_ne!(
        message.receipt.queue_id(),
        notice.receipt.queue_id(),
        "both are mail of anna"
    );
    assert_eq!(kind(&office), FetchedKind::Message);
    assert_eq!((office.records(), office.maildrop("anna").messages), (1, 2));
    assert_eq!(office.compare(&["1"]).lost, []);
}

#[test]
fn a_poll_that_finds_nothing_new_writes_nothing() {
    let mut office = office();
    let known = office.fetch(&office.sent("1", 1));
    let nameless = office.fetch(&office.sent("", 2));
    office.compare(&["1", ""]);
    let before = office.store().figures().changes;
    for _ in 0..9 {
        office.pass(5 * MINUTE);
        let found = office.compare(&["1", ""]);
        assert_eq!(found.lost.len(), 1);
        for (record, id, octets) in [(known.record, "1", 100), (nameless.record, "", 200)] {
            wait(
                office
                    .store()
                    .recognise(record, unique_id(id), Some(octets)),
            )
            .unwrap();
        }
    }
    assert_eq!(office.store().figures().changes, before);
}

#[test]
fn a_message_for_a_user_without_a_mailbox_is_unclaimed_and_known() {
    let office = office();
    let delivering = office.store().deliver_fetched(
        office.fetched_message(SMALL),
        office.sent("1", 1).mark(),
        None,
        office.now,
        |_: &EarlierCopies| Some(vec![entry("anna"), entry("carl")]),
    );
    let delivered = wait(delivering).unwrap();
    assert_eq!(delivered.receipt.without_mailbox(), ["carl"]);
    let (place, why) = &delivered.entries[1];
    assert_eq!(*place, MailboxName::Unclaimed);
    assert!(why.contains("carl was removed or renamed"), "{why}");
    assert_eq!(office.summary(None).messages, 1);
    assert!(office.compare(&["1"]).messages[0].is_some());
}

#[test]
fn entries_that_no_delivery_can_have_leave_no_record() {
    let office = office();
    let none: fn() -> Option<Vec<NewEntry>> = || None;
    let wrong = [
        none,
        || Some(Vec::new()),
        || Some(vec![entry("anna"), entry("anna")]),
    ];
    for entries in wrong {
        let delivering = office.store().deliver_fetched(
            office.fetched_message(&large()),
            office.sent("1", 1).mark(),
            Some([1; 32]),
            office.now,
            move |_: &EarlierCopies| entries(),
        );
        let answer = wait(delivering);
        assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    }
    assert_eq!(office.records(), 0);
    assert_eq!(office.number("SELECT count(*) FROM copy"), 0);
    assert!(office.body_files().is_empty());
}

#[test]
fn on_a_full_disk_nothing_is_recorded_and_removals_are() {
    let office = office();
    let known = office.fetch(&office.sent("1", 1)).record;
    office.compare(&["1"]);
    fill_disk(&office);
    let body = vec![b'x'; 100_000];
    for unique_id in ["2", "3"] {
        let delivering = office.store().deliver_fetched(
            office.fetched_message(&body),
            office.sent(unique_id, 2).mark(),
            Some([2; 32]),
            office.now,
            |_: &EarlierCopies| Some(vec![entry("anna")]),
        );
        assert_eq!(wait(delivering), Err(StoreError::Full));
    }
    wait(office.store().removed_at_provider(vec![known], office.now)).unwrap();
    let found = office.compare(&["1", "2", "3"]);
    assert!(found.messages[0].as_ref().unwrap().removed);
    assert_eq!(found.messages[1..], [None, None]);
    assert_eq!(office.number("SELECT count(*) FROM copy"), 0);
    assert_eq!(office.maildrop("anna").messages, 1);
}

#[test]
fn a_batch_that_was_rolled_back_leaves_no_record() {
    let office = office();
    let message = office.fetched_message(&large());
    let mark = office.sent("1", 1).mark();
    let now = office.now;
    let jobs: Vec<Box<dyn FnOnce() -> Result<(), StoreError> + Send + '_>> = vec![
        Box::new(|| {
            let one = |_: &EarlierCopies| Some(vec![entry("anna")]);
            let delivering = office
                .store()
                .deliver_fetched(message, mark, None, now, one);
            wait(delivering).map(|_| ())
        }),
        Box::new(|| {
            wait(office.store().0.writer.upkeep(|db| {
                // As after a disk error in the middle: ROLLBACK TO fails.
                db.execute_batch("RELEASE change")?;
                Err(StoreError::Refused("half-way"))
            }))
        }),
    ];
    for answer in together(office.store(), jobs) {
        assert!(matches!(answer, Err(StoreError::Database(_))), "{answer:?}");
    }
    assert_eq!(office.records(), 0);
    assert_eq!(office.compare(&["1"]).messages, [None]);
    assert!(office.body_files().is_empty());
    office.fetch(&office.sent("1", 1));
    assert_eq!(office.maildrop("anna").messages, 1);
}

#[test]
fn a_large_mailbox_is_compared_in_reasonable_time() {
    let office = office();
    let provider = office.provider();
    let records = 100_000;
    wait(office.store().0.writer.upkeep(move |db| {
        db.execute(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < :records)
             INSERT INTO fetched (provider, unique_id, kind, digest, message, fetched_age)
             SELECT :provider, CAST(printf('%032x', n * 2654435761) AS BLOB), 'message',
                    randomblob(32), n, 0 FROM n",
            named_params! {":records": records, ":provider": provider.0},
        )?;
        Ok(())
    }))
    .unwrap();
    let ids: Vec<String> = (1..=records as u64)
        .map(|n| format!("{:032x}", n * 2_654_435_761))
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let timed = |listed: &[&str], what: &str| {
        let begun = std::time::Instant::now();
        let found = office.compare(listed);
        println!("{what}: {:?}", begun.elapsed());
        found
    };
    let found = timed(&ids, "all known");
    assert!(found.messages.iter().all(Option::is_some) && found.lost.is_empty());
    assert_eq!(timed(&[], "all missing").lost.len(), records as usize);
    assert_eq!(
        office.number("SELECT count(missing_age) FROM fetched"),
        records
    );
    assert_eq!(timed(&ids, "all back").lost, []);
    assert_eq!(office.number("SELECT count(missing_age) FROM fetched"), 0);
}
