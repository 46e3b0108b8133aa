use super::support::*;

use super::super::*;

fn log_in(office: &Office, user: &str) {
    let maildrop = office.maildrop(user);
    office.store().note_login(&maildrop, office.now.wall);
}

fn last_login(office: &Office, user: &str) -> Option<SystemTime> {
    office.summary(Some(user)).last_login
}

/// What another program finds in the database.
fn saved(office: &Office, user: &str) -> Option<SystemTime> {
    let sql = "SELECT last_login FROM mailbox WHERE user = ?1";
    let at: Option<i64> = office
        .database()
        .query_row(sql, [user], |row| row.get(0))
        .unwrap();
    at.map(time::from_millis)
}

#[test]
fn a_poll_writes_nothing_and_is_known_at_once() {
    let mut office = office();
    office.deliver(&["anna"], SMALL);
    assert_eq!(last_login(&office, "anna"), None);
    let commits = office.store().figures().commits;
    for _ in 0..1000 {
        office.pass(MINUTE);
        log_in(&office, "anna");
    }
    assert_eq!(office.store().figures().commits, commits);
    assert_eq!(last_login(&office, "anna"), Some(office.now.wall));
    assert_eq!(saved(&office, "anna"), None);
}

#[test]
fn polls_are_saved_with_the_next_commit_at_most_once_an_hour() {
    let mut office = office();
    office.deliver(&["anna", "bob"], SMALL);
    log_in(&office, "anna");
    let first = office.now.wall;
    let commits = office.store().figures().commits;
    office.deliver(&["bob"], SMALL);
    assert_eq!(saved(&office, "anna"), Some(first));
    office.pass(HOUR - MINUTE);
    log_in(&office, "anna");
    office.deliver(&["bob"], SMALL);
    assert_eq!(saved(&office, "anna"), Some(first));
    office.pass(MINUTE);
    log_in(&office, "anna");
    office.deliver(&["bob"], SMALL);
    assert_eq!(saved(&office, "anna"), Some(office.now.wall));
    assert_eq!(saved(&office, "bob"), None);
    assert_eq!(office.store().figures().commits - commits, 3);
}

#[test]
fn what_was_not_saved_is_when_the_store_ends() {
    let mut office = office();
    office.deliver(&["anna"], SMALL);
    for _ in 0..3 {
        office.pass(MINUTE);
        log_in(&office, "anna");
    }
    let last = office.now.wall;
    office.reopen();
    assert_eq!(last_login(&office, "anna"), Some(last));
    assert_eq!(saved(&office, "anna"), Some(last));
    // Nobody has logged in since: the next end writes nothing.
    assert_eq!(office.store().0.logins.unsaved(), []);
}

#[test]
fn a_clock_that_was_set_back_does_not_keep_a_time_to_come() {
    let mut office = office();
    office.deliver(&["anna"], SMALL);
    let before = office.now.wall;
    office.now.wall += 400 * DAY;
    log_in(&office, "anna");
    office.deliver(&["anna"], SMALL);
    office.now.wall = before;
    log_in(&office, "anna");
    office.deliver(&["anna"], SMALL);
    assert_eq!(saved(&office, "anna"), Some(before));
    assert_eq!(last_login(&office, "anna"), Some(before));
}

#[test]
fn on_a_full_disk_no_log_in_takes_the_room_of_mail() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    let entries = vec![office.listing("anna")[0].entry];
    let mailbox = office.maildrop("anna").mailbox;
    fill_disk(&office);
    log_in(&office, "anna");
    let message = office.message(&["anna"], &vec![b'x'; 100_000]);
    assert_eq!(wait(office.store().deliver(message)), Err(StoreError::Full));
    let collected = wait(office.store().collect(mailbox, entries, office.now));
    assert_eq!(collected, Ok(1));
    assert_eq!(saved(&office, "anna"), None);
    assert_eq!(last_login(&office, "anna"), Some(office.now.wall));
}

#[test]
fn the_oldest_message_that_waits_is_told() {
    let mut office = office();
    let first = office.now.wall;
    office.deliver(&["anna"], SMALL);
    office.pass(DAY);
    office.deliver(&["anna"], SMALL);
    let waiting = |office: &Office| office.summary(Some("anna")).waiting_since;
    assert_eq!(waiting(&office), Some(first));
    office.collect("anna");
    assert_eq!(waiting(&office), None);
}
