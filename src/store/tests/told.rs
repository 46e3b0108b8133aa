//! The daily summary of unclaimed mail.

use super::support::*;

use super::super::*;

fn news(office: &Office) -> Option<UnclaimedNews> {
    wait(office.store().unclaimed_since_told(office.now)).unwrap()
}

fn tell(office: &Office, users: &[&str], up_to: EntryId) -> Result<Receipt, StoreError> {
    let summary = office.message(users, b"Subject: unclaimed\r\n\r\n");
    wait(office.store().deliver_summary(summary, up_to, office.now))
}

#[test]
fn what_came_is_told_once_and_a_day_apart() {
    let mut office = office();
    assert_eq!(news(&office), None);
    let first = office.deliver(&[""], SMALL);
    let found = news(&office).unwrap();
    assert_eq!((found.new, found.all), (1, 1));
    assert_eq!(found.newest[0].id, first);
    assert_eq!(found.newest[0].head, Ok(SMALL.to_vec()));
    let between = office.deliver(&[""], SMALL);
    let receipt = tell(&office, &["anna"], found.up_to).unwrap();
    assert_eq!(office.listing("anna")[0].message, receipt.queue_id());
    office.pass(DAY - MINUTE);
    assert_eq!(news(&office), None, "not yet");
    office.sweep();
    office.reopen();
    office.pass(MINUTE);
    let found = news(&office).unwrap();
    assert_eq!((found.new, found.all), (1, 2));
    assert_eq!(found.newest[0].id, between);
    assert_eq!(Some(found), news(&office), "asking tells nobody");
    tell(&office, &["anna"], news(&office).unwrap().up_to).unwrap();
    office.pass(9 * DAY);
    assert_eq!(news(&office), None, "nothing has come");
}

#[test]
fn a_summary_shows_the_newest_fifty_that_still_wait() {
    let office = office();
    let ids: Vec<_> = (0..60).map(|_| office.deliver(&[""], SMALL)).collect();
    office.maildrop("anna");
    wait(office.store().give(ids[59], "anna", "hers", office.now)).unwrap();
    let found = news(&office).unwrap();
    assert_eq!((found.new, found.all), (59, 59));
    let shown: Vec<_> = found.newest.iter().map(|row| row.id).collect();
    assert_eq!(shown, ids[9..59]);
    assert_eq!(found.up_to, found.newest[49].entry);
}

#[test]
fn what_was_told_is_not_shown_again() {
    let mut office = office();
    for _ in 0..3 {
        office.deliver(&[""], SMALL);
    }
    tell(&office, &["anna"], news(&office).unwrap().up_to).unwrap();
    office.pass(DAY);
    let new = office.deliver(&[""], SMALL);
    let found = news(&office).unwrap();
    assert_eq!((found.new, found.all, found.newest.len()), (1, 4, 1));
    assert_eq!(found.newest[0].id, new);
}

#[test]
fn a_summary_that_was_not_delivered_is_not_told() {
    let office = office();
    office.deliver(&[""], SMALL);
    let found = news(&office).unwrap();
    let mut twice = office.message(&["anna"], SMALL);
    twice.id = office.deliver(&["anna"], SMALL);
    let store = office.store();
    let answer = wait(store.deliver_summary(twice, found.up_to, office.now));
    assert!(matches!(answer, Err(StoreError::Database(_))), "{answer:?}");
    assert_eq!(news(&office), Some(found));
}

#[test]
fn a_summary_is_never_unclaimed_itself() {
    let office = office();
    office.deliver(&[""], SMALL);
    let found = news(&office).unwrap();
    let mut summary = office.message(&["anna"], SMALL);
    summary.entries = vec![entry("carl")];
    let store = office.store();
    let answer = wait(store.deliver_summary(summary, found.up_to, office.now));
    assert_eq!(answer, Err(StoreError::NoMailbox("carl".into())));
    let mut summary = office.message(&["anna"], &large());
    summary.entries.push(entry("carl"));
    let receipt = wait(store.deliver_summary(summary, found.up_to, office.now)).unwrap();
    assert_eq!(receipt.without_mailbox(), ["carl"]);
    assert_eq!(office.summary(None).messages, 1);
    assert_eq!(office.maildrop("anna").messages, 1);
    assert!(office.content(office.listing("anna")[0].entry).is_ok());
}
