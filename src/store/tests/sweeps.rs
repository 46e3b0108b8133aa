use super::support::*;
use std::time::Duration;

use super::super::*;

fn keep(office: &Office, keep: Keep) {
    office.store().set_keep(keep);
}

/// Lets so many hours pass with a sweep in each, as a hub does.
fn run_hours(office: &mut Office, hours: u32) -> SweepReport {
    let mut last = SweepReport::default();
    for _ in 0..hours {
        office.pass(HOUR);
        last = office.sweep();
    }
    last
}

#[test]
fn collected_mail_goes_when_its_days_are_over_and_waiting_mail_never() {
    let mut office = office();
    office.deliver(&["anna"], SMALL);
    let gone = office.deliver(&["anna"], &large());
    office.collect("anna");
    office.deliver(&["anna"], SMALL);
    run_hours(&mut office, 30 * 24 - 1);
    assert_eq!(office.summary(Some("anna")).collected_messages, 2);
    let report = run_hours(&mut office, 1);
    assert_eq!((report.by_age, report.messages.len()), (2, 2));
    assert!(report.octets > large().len() as u64);
    assert_eq!(wait(office.store().record(gone)), Ok(None));
    assert!(office.body_files().is_empty());
    assert_eq!(run_hours(&mut office, 30 * 24).by_age, 0);
    assert_eq!(office.maildrop("anna").messages, 1);
}

#[test]
fn a_message_stays_until_its_last_mailbox_lets_go_of_it() {
    let mut office = office();
    let id = office.deliver(&["anna", "bob"], SMALL);
    office.collect("anna");
    let report = run_hours(&mut office, 31 * 24);
    assert_eq!(office.summary(Some("anna")).collected_messages, 0);
    assert_eq!(report.messages, []);
    assert_eq!(
        wait(office.store().record(id))
            .unwrap()
            .unwrap()
            .entries
            .len(),
        1
    );
    assert!(office.content(office.listing("bob")[0].entry).is_ok());
}

#[test]
fn what_was_restored_since_it_was_looked_up_is_not_swept() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    office.deliver(&["bob"], SMALL);
    office.collect("anna");
    office.collect("bob");
    let store = office.store();
    let over = wait(store.ask(|db| sweep::over(db, i64::MAX))).unwrap();
    assert_eq!(over.len(), 2);
    let since = office.now.wall - DAY;
    wait(store.restore("anna", since, office.now.wall)).unwrap();
    let removed = wait(store.remove(move |db| sweep::remove_over(db, &over, i64::MAX))).unwrap();
    assert_eq!(removed.entries, 1, "bob's");
    assert_eq!(office.maildrop("anna").messages, 1);
}

#[test]
fn more_than_one_step_of_what_is_over_goes_and_nothing_younger() {
    let mut office = office();
    for _ in 0..250 {
        office.deliver(&["anna"], SMALL);
    }
    office.collect("anna");
    run_hours(&mut office, 2);
    office.deliver(&["anna"], SMALL);
    office.collect("anna");
    let store = office.store();
    let all = wait(store.ask(|db| sweep::over(db, i64::MAX))).unwrap();
    assert_eq!(all.len(), 251);
    let age = "SELECT min(collected_age) FROM entry";
    let oldest = office.number(age);
    let removed = wait(store.remove(move |db| sweep::remove_over(db, &all, oldest))).unwrap();
    assert_eq!(removed.entries, 250);
    for _ in 0..250 {
        office.deliver(&["bob"], SMALL);
    }
    office.collect("bob");
    assert_eq!(run_hours(&mut office, 30 * 24 + 1).by_age, 0);
    assert_eq!(office.number("SELECT count(*) FROM entry"), 0);
}

#[test]
fn ages_survive_restarts() {
    let mut office = office();
    office.deliver(&["anna"], SMALL);
    office.collect("anna");
    for _ in 0..29 {
        run_hours(&mut office, 24);
        office.reopen();
    }
    assert_eq!(run_hours(&mut office, 23).by_age, 0);
    assert_eq!(run_hours(&mut office, 1).by_age, 1);
}

#[test]
fn a_clock_that_jumps_makes_no_mail_old() {
    let mut office = office();
    office.deliver(&["anna"], SMALL);
    office.collect("anna");
    run_hours(&mut office, 24);
    office.now.wall += 400 * DAY;
    let report = office.sweep();
    assert!(report.clock_unsettled);
    assert_eq!(run_hours(&mut office, 28 * 24).by_age, 0);
    assert_eq!(office.summary(Some("anna")).collected_messages, 1);
    office.now.wall -= 800 * DAY;
    assert!(office.sweep().clock_unsettled);
    assert_eq!(run_hours(&mut office, 24).by_age, 1);
}

#[test]
fn after_a_jump_nothing_goes_for_an_hour() {
    let mut office = office();
    office.deliver(&["anna"], SMALL);
    office.collect("anna");
    run_hours(&mut office, 24);
    keep(
        &office,
        Keep {
            collected: DAY / 2,
            collected_max: Budget::Octets(0),
            free: Budget::Octets(0),
        },
    );
    office.pass(MINUTE);
    office.now.wall += 2 * DAY;
    for _ in 0..60 {
        assert_eq!(
            office.sweep(),
            SweepReport {
                clock_unsettled: true,
                ..Default::default()
            }
        );
        office.pass(MINUTE);
    }
    assert_eq!(office.sweep().by_age, 1);
}

#[test]
fn a_start_after_a_long_time_off_is_a_jump_too() {
    let mut office = office();
    office.deliver(&["anna"], SMALL);
    office.collect("anna");
    office.sweep();
    keep(
        &office,
        Keep {
            collected: Duration::ZERO,
            ..Keep::default()
        },
    );
    office.store = None;
    office.now.wall += 60 * DAY;
    office.settings.keep.collected = Duration::ZERO;
    office.reopen();
    let report = office.sweep();
    assert!(report.clock_unsettled && report.by_age == 0);
    assert_eq!(run_hours(&mut office, 1).by_age, 1);
}

#[test]
fn beyond_the_budget_the_oldest_collected_goes_first() {
    let mut office = office();
    let body = vec![b'x'; 100_000];
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(office.deliver(&["anna"], &body));
        office.collect("anna");
        office.pass(MINUTE);
        office.sweep();
    }
    keep(
        &office,
        Keep {
            collected_max: Budget::Octets(250_000),
            ..Keep::default()
        },
    );
    let report = office.sweep();
    assert_eq!((report.by_size, report.octets), (3, 300_000));
    for (place, id) in ids.iter().enumerate() {
        let there = wait(office.store().record(*id)).unwrap().is_some();
        assert_eq!(there, place >= 3, "{place}");
    }
    assert_eq!(office.sweep().by_size, 0);
}

#[test]
fn a_budget_in_percent_is_of_the_disk() {
    let room = Room {
        free: 1,
        total: 1 << 40,
    };
    assert_eq!(Budget::Percent(20).octets(room), (1 << 40) / 5);
    assert_eq!(
        Budget::Percent(100).octets(Room {
            free: 0,
            total: u64::MAX
        }),
        u64::MAX
    );
}

#[test]
fn a_shared_message_counts_once_and_not_while_somebody_waits_for_it() {
    let office = office();
    let body = vec![b'x'; 100_000];
    let users: Vec<String> = (0..10).map(|number| format!("user{number}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    office.deliver(&users, &body);
    keep(
        &office,
        Keep {
            collected_max: Budget::Octets(100_000),
            ..Keep::default()
        },
    );
    for user in &users {
        office.collect(user);
        assert_eq!(office.sweep().by_size, 0, "{user}");
    }
    keep(
        &office,
        Keep {
            collected_max: Budget::Octets(99_999),
            ..Keep::default()
        },
    );
    assert_eq!(office.sweep().by_size, 10);
}

#[test]
fn a_short_disk_takes_collected_mail_even_with_an_unsettled_clock() {
    let mut office = office();
    for _ in 0..4 {
        office.deliver(&["anna"], &large());
    }
    let waiting = office.deliver(&["bob"], &large());
    office.collect("anna");
    office.pass(MINUTE);
    office.now.wall += 100 * DAY;
    let free = 500_000_000;
    keep(
        &office,
        Keep {
            free: Budget::Octets(free),
            ..Keep::default()
        },
    );
    office.disk.set_free(free - 1);
    assert_eq!(office.store().space().unwrap().state, SpaceState::Short);
    let report = office.sweep();
    assert!(report.clock_unsettled);
    assert_eq!(
        (report.by_free_space, report.messages.len()),
        (1, 1),
        "as many as needed"
    );
    office.disk.set_free(0);
    assert_eq!(office.sweep().by_free_space, 3);
    assert!(wait(office.store().record(waiting)).unwrap().is_some());
    assert_eq!(office.body_files().len(), 1);
    office.disk.set_free(free);
    assert_eq!(office.store().space().unwrap().state, SpaceState::Enough);
}

#[test]
fn the_room_of_swept_mail_goes_back_to_the_disk() {
    let mut office = office();
    let body = vec![b'x'; 100_000];
    for _ in 0..200 {
        office.deliver(&["anna"], &body);
    }
    office.collect("anna");
    let database = office.data().join("postroom.db");
    office.reopen();
    let full = std::fs::metadata(&database).unwrap().len();
    assert!(full > 20_000_000);
    keep(
        &office,
        Keep {
            collected: Duration::ZERO,
            ..Keep::default()
        },
    );
    assert_eq!(office.sweep().messages.len(), 200);
    let swept = std::fs::metadata(&database).unwrap().len();
    assert!(swept < 2_000_000, "{swept} octets of {full}");
    assert_eq!(office.number("SELECT count(*) FROM entry"), 0);
}
