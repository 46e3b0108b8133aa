//! When the records of fetched messages go, and when they must not.

use super::support::*;

use super::super::*;

/// Lets so many days pass with a poll of this listing and a sweep in each half.
/// Returns how many records went.
fn run_days(office: &mut Office, days: u32, listed: Option<&[&str]>) -> u64 {
    let mut forgotten = 0;
    for _ in 0..2 * days {
        office.pass(DAY / 2);
        if let Some(listed) = listed {
            office.compare(listed);
        }
        forgotten += office.sweep().forgotten;
    }
    forgotten
}

fn removed(office: &Office, record: FetchedId) {
    wait(office.store().removed_at_provider(vec![record], office.now)).unwrap();
}

#[test]
fn a_record_goes_when_its_message_has_been_gone_for_thirty_days() {
    let mut office = office();
    let record = office.fetch(&office.sent("1", 1)).record;
    office.fetch(&office.sent("2", 2));
    removed(&office, record);
    assert_eq!(run_days(&mut office, 60, Some(&["1", "2"])), 0, "listed");
    assert_eq!(run_days(&mut office, 30, Some(&["2"])), 0, "not yet");
    office.reopen();
    assert_eq!(run_days(&mut office, 1, Some(&["2"])), 1);
    assert_eq!(run_days(&mut office, 40, Some(&["2"])), 0);
    assert!(office.compare(&["2"]).messages[0].is_some());
}

#[test]
fn the_later_of_missing_and_removed_counts() {
    let mut office = office();
    let record = office.fetch(&office.sent("1", 1)).record;
    assert_eq!(run_days(&mut office, 20, Some(&[])), 0);
    // A session that began before the bad listings ends.
    removed(&office, record);
    assert_eq!(run_days(&mut office, 29, Some(&[])), 0);
    assert_eq!(run_days(&mut office, 2, Some(&[])), 1);
}

#[test]
fn a_bad_listing_forgets_nothing() {
    let mut office = office();
    office.fetch(&office.sent("1", 1));
    for _ in 0..4 {
        assert_eq!(run_days(&mut office, 29, Some(&[])), 0);
        assert_eq!(run_days(&mut office, 1, Some(&["1"])), 0);
    }
    assert_eq!(office.records(), 1);
}

#[test]
fn a_listing_that_is_not_whole_makes_nothing_missing() {
    let mut office = office();
    office.fetch(&office.sent("1", 1));
    for _ in 0..80 {
        office.pass(DAY / 2);
        office.compare_as(&["2"], false);
        assert_eq!(office.sweep().forgotten, 0);
    }
    assert_eq!(office.number("SELECT count(missing_age) FROM fetched"), 0);
}

#[test]
fn an_account_that_is_switched_off_forgets_nothing() {
    let mut office = office();
    office.fetch(&office.sent("1", 1));
    office.compare(&[]);
    assert_eq!(run_days(&mut office, 90, None), 0);
    assert!(office.compare(&["1"]).messages[0].is_some());
    assert_eq!(office.sweep().forgotten, 0);
    office.compare(&[]);
    run_days(&mut office, 90, None);
    // Gone then, gone now: nothing lists it in between.
    office.compare(&[]);
    assert_eq!(office.sweep().forgotten, 1);
}

#[test]
fn a_clock_that_jumps_forgets_nothing() {
    let mut office = office();
    office.fetch(&office.sent("1", 1));
    office.compare(&[]);
    office.now.wall += 400 * DAY;
    office.compare(&[]);
    assert_eq!(office.sweep().forgotten, 0);
    assert_eq!(run_days(&mut office, 29, Some(&[])), 0);
}

#[test]
fn a_message_without_a_unique_id_is_known_for_a_while_after_its_removal() {
    let mut office = office();
    let nameless = office.fetch(&office.sent("", 1)).record;
    removed(&office, nameless);
    let lost = office.compare(&[""]).lost;
    assert!(lost.len() == 1 && lost[0].record == nameless && lost[0].removed);
    assert_eq!(run_days(&mut office, 29, Some(&[])), 0);
    assert_eq!(run_days(&mut office, 2, Some(&[])), 1);
    assert_eq!(office.compare(&[""]).lost, []);
}

#[test]
fn a_record_without_a_unique_id_goes_when_fewer_are_listed_and_nobody_knows_it_again() {
    let mut office = office();
    let there = office.fetch(&office.sent("", 1)).record;
    let gone = office.fetch(&office.sent("", 2)).record;
    assert_eq!(run_days(&mut office, 60, Some(&["", ""])), 0);
    let mut forgotten = 0;
    for _ in 0..32 {
        office.pass(DAY);
        let lost = office.compare(&[""]).lost;
        assert_eq!(lost[0].record, there);
        wait(office.store().recognise(there, None, Some(100))).unwrap();
        forgotten += office.sweep().forgotten;
    }
    assert_eq!((forgotten, office.records()), (1, 1));
    let answer = wait(office.store().recognise(gone, None, None));
    assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
}

#[test]
fn a_record_outlives_its_message() {
    let mut office = office();
    let id = office.fetch(&office.sent("1", 1)).receipt.queue_id();
    office.collect("anna");
    run_days(&mut office, 31, Some(&["1"]));
    assert_eq!(wait(office.store().record(id)), Ok(None));
    let known = office.compare(&["1"]).messages.remove(0).unwrap();
    assert_eq!(known.receipt.queue_id(), id);
    assert_eq!(known.age, 31 * DAY);
}

#[test]
fn many_records_go_in_steps() {
    let mut office = office();
    office.fetch(&office.sent("1", 1));
    wait(office.store().0.writer.upkeep(|db| {
        db.execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 2500)
             INSERT INTO fetched (provider, unique_id, kind, digest, message, fetched_age)
             SELECT provider, CAST(n AS BLOB), kind, digest, message, 0 FROM fetched, n",
        )?;
        Ok(())
    }))
    .unwrap();
    assert_eq!(run_days(&mut office, 31, Some(&["1"])), 2499);
    assert_eq!(office.records(), 1);
}
