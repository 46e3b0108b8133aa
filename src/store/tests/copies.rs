//! Copies of a message whose recipients were guessed.

use super::support::*;

use super::super::*;

const DIGEST: [u8; 32] = [9; 32];

/// Delivers a copy to these, whatever came before, and tells what came before.
fn deliver(
    office: &Office,
    unique_id: &str,
    users: &'static [&'static str],
) -> (FetchedDelivery, EarlierCopies) {
    let (told, hears) = async_channel::unbounded();
    for user in users {
        office.maildrop(user);
    }
    let delivering = office.store().deliver_fetched(
        office.fetched_message(SMALL),
        office.sent(unique_id, 1).mark(),
        Some(DIGEST),
        office.now,
        move |earlier: &EarlierCopies| {
            told.try_send(earlier.clone()).unwrap();
            (!users.is_empty()).then(|| users.iter().map(|user| entry(user)).collect())
        },
    );
    (wait(delivering).unwrap(), hears.try_recv().unwrap())
}

fn earlier(copies: usize, users: &[&str]) -> EarlierCopies {
    EarlierCopies {
        copies,
        users: users.iter().map(|user| (*user).into()).collect(),
    }
}

#[test]
fn each_copy_is_told_of_those_before_it() {
    let mut office = office();
    assert_eq!(deliver(&office, "1", &["anna"]).1, earlier(0, &[]));
    assert_eq!(deliver(&office, "2", &["bob", ""]).1, earlier(1, &["anna"]));
    office.reopen();
    let (duplicate, told) = deliver(&office, "3", &[]);
    assert_eq!(told, earlier(2, &["anna", "bob"]));
    assert_eq!(duplicate.entries, []);
    let (_, told) = deliver(&office, "4", &["anna"]);
    assert_eq!(told, earlier(3, &["anna", "bob"]));
    assert_eq!(deliver(&office, "5", &[]).1, earlier(4, &["anna", "bob"]));
}

#[test]
fn a_duplicate_is_known_by_the_message_it_repeats() {
    let office = office();
    let (first, _) = deliver(&office, "1", &["anna"]);
    let (duplicate, _) = deliver(&office, "2", &[]);
    assert_eq!(duplicate.receipt, first.receipt);
    assert_eq!(office.number("SELECT count(*) FROM message"), 1);
    assert_eq!(office.maildrop("anna").messages, 1);
    let known = office.compare(&["2"]).messages.remove(0).unwrap();
    assert_eq!(known.record, duplicate.record);
    assert_eq!(known.receipt, first.receipt);
}

#[test]
fn two_copies_that_arrive_together_see_each_other() {
    let office = office();
    let provider = office.provider();
    let before = office.store().figures().commits;
    type Job<'a> = Box<dyn FnOnce() -> FetchedDelivery + Send + 'a>;
    let jobs: Vec<Job<'_>> = ["1", "2"]
        .map(|unique_id| -> Job<'_> {
            let message = office.fetched_message(&large());
            let sent = Sent {
                provider,
                unique_id,
                digest: 1,
                kind: FetchedKind::Message,
            };
            let (mark, office) = (sent.mark(), &office);
            Box::new(move || {
                let first_only = |earlier: &EarlierCopies| {
                    let is_first = earlier.users.is_empty();
                    is_first.then(|| vec![entry("anna")])
                };
                let now = office.now;
                let store = office.store();
                wait(store.deliver_fetched(message, mark, Some(DIGEST), now, first_only)).unwrap()
            })
        })
        .into();
    let delivered = together(office.store(), jobs);
    // The one that kept the writer busy, and the two. Making anna's mailbox is another.
    assert_eq!(office.store().figures().commits - before, 3);
    assert_eq!(delivered[0].entries.len() + delivered[1].entries.len(), 1);
    assert_eq!(delivered[0].receipt, delivered[1].receipt);
    assert_eq!(office.maildrop("anna").messages, 1);
    // The duplicate's file goes behind the answer, on a thread for files.
    let since = std::time::Instant::now();
    while office.body_files().len() > 1 {
        assert!(since.elapsed() < MINUTE, "the duplicate's file stays");
        std::thread::sleep(MINUTE / 6000);
    }
    assert_eq!(office.body_files().len(), 1);
    assert!(office.content(office.listing("anna")[0].entry).is_ok());
    assert!(
        office
            .compare(&["1", "2"])
            .messages
            .iter()
            .all(Option::is_some)
    );
}

#[test]
fn without_a_digest_nobody_is_told_of_copies() {
    let office = office();
    deliver(&office, "1", &["anna"]);
    let delivering = office.store().deliver_fetched(
        office.fetched_message(SMALL),
        office.sent("2", 1).mark(),
        None,
        office.now,
        |earlier: &EarlierCopies| {
            assert_eq!(*earlier, EarlierCopies::default());
            Some(vec![entry("anna")])
        },
    );
    wait(delivering).unwrap();
    assert_eq!(deliver(&office, "3", &["anna"]).1.copies, 1);
}

#[test]
fn copies_are_counted_for_thirty_days_and_one_provider() {
    let mut office = office();
    deliver(&office, "1", &["anna"]);
    let other = wait(
        office
            .store()
            .provider("pop.other.example", "office", office.now),
    )
    .unwrap();
    let mark = FetchedMark {
        provider: other.id,
        ..office.sent("1", 1).mark()
    };
    let alone = |earlier: &EarlierCopies| {
        assert_eq!(*earlier, EarlierCopies::default());
        Some(vec![entry("anna")])
    };
    let message = office.fetched_message(SMALL);
    let store = office.store();
    wait(store.deliver_fetched(message, mark, Some(DIGEST), office.now, alone)).unwrap();
    let copies = |office: &Office| office.number("SELECT count(*) FROM copy");
    office.pass(30 * DAY - HOUR);
    office.sweep();
    assert_eq!(copies(&office), 2);
    office.pass(HOUR);
    // Whether the sweep has run or not.
    assert_eq!(deliver(&office, "2", &["anna"]).1, earlier(0, &[]));
    office.sweep();
    assert_eq!(copies(&office), 1);
    assert_eq!(deliver(&office, "3", &[]).1, earlier(1, &["anna"]));
}
