use super::support::*;
use std::thread;

use super::super::*;

type Answer = Result<(), StoreError>;

fn delivery(office: &Office, message: NewMessage) -> Box<dyn FnOnce() -> Answer + Send + '_> {
    Box::new(|| wait(office.store().deliver(message)).map(|_| ()))
}

fn upkeep<'a>(
    office: &'a Office,
    work: impl FnMut(&Connection) -> Answer + Send + 'static,
) -> Box<dyn FnOnce() -> Answer + Send + 'a> {
    Box::new(|| wait(office.store().0.writer.upkeep(work)))
}

#[test]
fn all_that_waits_is_one_transaction_and_nothing_waits_for_company() {
    let office = office();
    office.deliver(&["anna", "bob"], SMALL);
    let before = office.store().figures();
    let jobs = (0..100)
        .map(|_| delivery(&office, office.message(&["anna", "bob"], SMALL)))
        .collect();
    for answer in together(office.store(), jobs) {
        answer.unwrap();
    }
    let figures = office.store().figures();
    // The one that kept the writer busy, and the hundred.
    assert_eq!(figures.commits - before.commits, 2);
    assert_eq!(figures.changes - before.changes, 101);
    assert_eq!(office.maildrop("anna").messages, 101);
    assert_eq!(office.maildrop("bob").messages, 101);
}

#[test]
fn a_bad_message_fails_alone() {
    let office = office();
    let good = office.message(&["anna"], SMALL);
    let mut bad = office.message(&["anna", "bob"], &large());
    bad.id = good.id;
    let last = office.message(&["anna"], SMALL);
    let before = office.store().figures().commits;
    let jobs = vec![
        delivery(&office, good),
        delivery(&office, bad),
        delivery(&office, last),
    ];
    let answers = together(office.store(), jobs);
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(matches!(answers[1], Err(StoreError::Database(_))));
    assert_eq!(office.maildrop("anna").messages, 2);
    assert_eq!(office.maildrop("bob").messages, 0);
    assert!(office.body_files().is_empty(), "its file went with it");
    assert_eq!(office.store().figures().commits - before, 2);
}

#[test]
fn after_a_failed_commit_everybody_in_it_hears_and_the_next_one_works() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    let jobs = vec![
        delivery(&office, office.message(&["anna"], &large())),
        upkeep(&office, |db| {
            // A broken reference that is found only by COMMIT itself.
            db.execute_batch(
                "PRAGMA defer_foreign_keys = ON;
                 INSERT INTO entry (mailbox, message, unique_id, octets, delivered_at, why, trace)
                 VALUES (1, 12345, x'00', 0, 0, '', x'')",
            )?;
            Ok(())
        }),
    ];
    for answer in together(office.store(), jobs) {
        assert!(
            matches!(answer, Err(StoreError::Uncertain(_))),
            "{answer:?}"
        );
    }
    assert_eq!(office.store().figures().failed_commits, 1);
    assert!(office.store().figures().last_error.is_some());
    assert_eq!(office.maildrop("anna").messages, 1);
    // A row may have come to name it: only the next start can tell.
    assert_eq!(office.body_files().len(), 1);
    office.deliver(&["anna"], SMALL);
    assert_eq!(office.maildrop("anna").messages, 2);
}

#[test]
fn on_a_full_disk_mail_is_refused_and_quit_and_the_sweep_work() {
    let mut office = office();
    office.deliver(&["anna"], SMALL);
    let maildrop = office.maildrop("anna");
    let entries = vec![office.listing("anna")[0].entry];
    fill_disk(&office);
    let now = office.now;
    let jobs = vec![
        upkeep(&office, |_| Ok(())),
        delivery(&office, office.message(&["anna"], &vec![b'x'; 100_000])),
        Box::new(|| {
            let marked = wait(office.store().collect(maildrop.mailbox, entries, now));
            assert_eq!(marked, Ok(1));
            Ok(())
        }),
    ];
    let answers = together(office.store(), jobs);
    assert_eq!(answers, [Ok(()), Err(StoreError::Full), Ok(())]);
    assert_eq!(office.maildrop("anna").messages, 0);
    assert!(
        !office.data().join("reserve").exists(),
        "the reserve is used"
    );
    // The disk has no room yet: mail is refused without trying.
    office.disk.set_free(0);
    assert_eq!(office.store().space().unwrap().state, SpaceState::Short);
    let message = office.message(&["anna"], SMALL);
    assert_eq!(wait(office.store().deliver(message)), Err(StoreError::Full));
    office.pass(HOUR);
    assert_eq!(office.sweep().by_free_space, 1);
    // Somebody has made room.
    office.disk.set_free(TestDisk::TOTAL / 2);
    assert_eq!(office.store().space().unwrap().state, SpaceState::Short);
    office.sweep();
    assert_eq!(office.store().space().unwrap().state, SpaceState::Enough);
    assert!(
        office.data().join("reserve").exists(),
        "and is set aside again"
    );
    office.deliver(&["anna"], SMALL);
}

#[test]
fn a_message_for_nobody_or_twice_for_one_is_refused() {
    let office = office();
    let nobody = office.message(&[], SMALL);
    let twice = office.message(&["anna", "bob", "anna"], SMALL);
    for message in [nobody, twice] {
        let answer = wait(office.store().deliver(message));
        assert!(matches!(answer, Err(StoreError::Refused(_))));
    }
    assert_eq!(office.number("SELECT count(*) FROM message"), 0);
}

#[test]
fn a_delivery_goes_through_even_if_its_session_is_gone() {
    let mut office = office();
    let message = office.message(&["anna"], &large());
    let busy = keep_busy(office.store());
    {
        let mut delivery = std::pin::pin!(office.store().deliver(message));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(delivery.as_mut().poll(&mut context).is_pending());
    }
    drop(busy);
    office.reopen();
    assert_eq!(office.maildrop("anna").messages, 1);
    assert!(office.content(office.listing("anna")[0].entry).is_ok());
}

#[test]
fn closing_lets_what_waits_be_committed() {
    let mut office = office();
    let message = office.message(&["anna"], SMALL);
    let busy = keep_busy(office.store());
    let store = office.store().clone();
    let delivering = thread::spawn(move || wait(store.deliver(message)).unwrap().queue_id());
    while office.store().0.writer.waiting() == 0 {
        thread::yield_now();
    }
    office.store = None;
    drop(busy);
    let id = delivering.join().unwrap();
    office.store = Some(Store::open(&office.settings, office.now).unwrap());
    assert_eq!(
        wait(office.store().record(id))
            .unwrap()
            .unwrap()
            .entries
            .len(),
        1
    );
}

#[test]
fn a_reader_that_outlives_the_store_is_told() {
    let mut office = office();
    office.deliver(&["anna"], &large());
    let entry = office.listing("anna")[0].entry;
    let mut reader = wait(office.store().open_message(entry)).unwrap();
    office.store = None;
    let mut answer = wait(reader.next_chunk());
    while let Ok(Some(_)) = answer {
        answer = wait(reader.next_chunk());
    }
    assert_eq!(answer, Err(StoreError::Closed));
}

#[test]
fn the_log_is_copied_and_starts_anew_while_mail_keeps_coming() {
    let office = office();
    let body = vec![b'x'; INLINE_OCTETS];
    for _ in 0..800 {
        office.deliver(&["anna"], &body);
    }
    let log = std::fs::metadata(office.data().join("postroom.db-wal"))
        .unwrap()
        .len();
    assert!(log < 100 << 20, "{log} octets");
    wait(office.store().0.checkpointer.wanted().run()).unwrap();
    let figures = office.store().figures();
    assert!(figures.checkpoints > 0 && figures.last_error.is_none());
}

#[test]
fn a_change_that_panics_takes_neither_the_writer_nor_a_reader_with_it() {
    let office = office();
    let asked = wait(
        office
            .store()
            .ask(|_| -> Result<(), StoreError> { panic!("a reader's") }),
    );
    assert_eq!(asked, Err(StoreError::Closed));
    let changed = wait(
        office
            .store()
            .0
            .writer
            .upkeep(|db| -> Result<(), StoreError> {
                db.execute("INSERT INTO mailbox (user) VALUES ('half')", [])?;
                panic!("the writer's")
            }),
    );
    assert_eq!(changed, Err(StoreError::Closed));
    office.deliver(&["anna"], SMALL);
    assert_eq!(office.listing("anna").len(), 1);
    assert_eq!(
        office.number("SELECT count(*) FROM mailbox WHERE user = 'half'"),
        0
    );
}

#[test]
fn without_the_clock_s_row_nothing_is_acknowledged() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    let broken = office.store().0.writer.upkeep(|db| {
        db.execute("DELETE FROM clock", [])?;
        Ok(())
    });
    wait(broken).unwrap();
    let answers = together(
        office.store(),
        vec![delivery(&office, office.message(&["anna"], SMALL))],
    );
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    assert_eq!(office.number("SELECT count(*) FROM message"), 1);
    assert_eq!(office.maildrop("anna").messages, 1);
}

#[test]
fn a_reader_that_never_ends_does_not_stop_mail() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    // Somebody with sqlite3, gone to lunch within a transaction.
    let lunch = office.database();
    lunch
        .execute_batch("BEGIN; SELECT count(*) FROM entry")
        .unwrap();
    let body = vec![b'x'; INLINE_OCTETS];
    let begun = std::time::Instant::now();
    for _ in 0..520 {
        office.deliver(&["anna"], &body);
    }
    assert!(begun.elapsed() < MINUTE);
    drop(lunch);
    office.deliver(&["anna"], &body);
    assert_eq!(office.maildrop("anna").messages, 522);
}

#[test]
fn a_change_that_cannot_be_undone_takes_its_whole_batch_back() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    let jobs = vec![
        delivery(&office, office.message(&["anna"], &large())),
        upkeep(&office, |db| {
            // As after a disk error in the middle: ROLLBACK TO fails.
            db.execute_batch("INSERT INTO mailbox (user) VALUES ('half'); RELEASE change")?;
            Err(StoreError::Refused("half-way"))
        }),
        delivery(&office, office.message(&["anna"], SMALL)),
    ];
    for answer in together(office.store(), jobs) {
        assert!(matches!(answer, Err(StoreError::Database(_))), "{answer:?}");
    }
    let half = "SELECT count(*) FROM mailbox WHERE user = 'half'";
    assert_eq!(office.number(half), 0);
    assert_eq!(office.maildrop("anna").messages, 1);
    assert!(office.body_files().is_empty(), "no row names it");
    office.deliver(&["anna"], SMALL);
    assert_eq!(office.maildrop("anna").messages, 2);
}

#[test]
fn a_panic_after_the_commit_takes_no_other_message_with_it() {
    let office = office();
    let store = office.store();
    let jobs: Vec<Box<dyn FnOnce() -> Answer + Send + '_>> = vec![
        Box::new(|| {
            let nothing = |_: &Connection| Ok(());
            wait(
                store
                    .0
                    .writer
                    .change(Urgency::Upkeep, 0, nothing, |_| panic!("after the commit")),
            )
        }),
        delivery(&office, office.message(&["anna"], &large())),
    ];
    let answers = together(store, jobs);
    assert_eq!(answers, [Err(StoreError::Closed), Ok(())]);
    assert!(office.content(office.listing("anna")[0].entry).is_ok());
}
