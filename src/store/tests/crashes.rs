//! The table of states in the head of the room: what each leaves on the disk,
//! taken as a copy of the folder, and what the next start makes of it.

use std::fs;
use std::future::Future;

use super::support::*;

use super::super::*;

/// What a power cut leaves at this moment, opened again.
fn after_a_crash(office: &Office) -> Office {
    let mut crashed = super::support::office();
    crashed.store = None;
    fs::remove_dir_all(crashed.data()).unwrap();
    fs::create_dir_all(crashed.data().join("bodies")).unwrap();
    for name in ["postroom.db", "postroom.db-wal"] {
        fs::copy(office.data().join(name), crashed.data().join(name)).unwrap();
    }
    for name in office.body_files() {
        let from = office.data().join("bodies").join(&name);
        fs::copy(from, crashed.data().join("bodies").join(&name)).unwrap();
    }
    crashed.now = office.now;
    crashed.store = Some(Store::open(&crashed.settings, crashed.now).unwrap());
    crashed
}

#[test]
fn arriving() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    let mut body = office.store().new_body();
    wait(body.write(&large())).unwrap();
    wait(body.write(&large())).unwrap();
    let part = office.body_files().remove(0);
    assert!(part.ends_with(".part"));
    let crashed = after_a_crash(&office);
    assert!(crashed.body_files().is_empty());
    assert_eq!(crashed.maildrop("anna").messages, 1);
}

#[test]
fn a_session_that_ends_early_leaves_no_file() {
    let mut office = office();
    let mut body = office.store().new_body();
    wait(body.write(&large())).unwrap();
    drop(body);
    let finished = office.body(&large());
    assert!(!office.body_files().is_empty());
    drop(finished);
    office.store = None;
    assert!(office.body_files().is_empty());
}

#[test]
fn a_body_whose_write_failed_is_never_finished() {
    let office = office();
    let bodies = office.data().join("bodies");
    let mut body = office.store().new_body();
    fs::remove_dir(&bodies).unwrap();
    let failed = wait(body.write(&large()));
    assert!(matches!(failed, Err(StoreError::File { .. })), "{failed:?}");
    fs::create_dir(&bodies).unwrap();
    let finished = wait(body.finish());
    assert!(
        matches!(finished, Err(StoreError::Refused(_))),
        "{finished:?}"
    );
}

#[test]
fn a_body_whose_write_was_dropped_half_way_is_never_finished() {
    let office = office();
    let (release, released) = async_channel::bounded::<()>(1);
    for _ in 0..disk::THREADS {
        let released = released.clone();
        office.store().0.files.queue().soon(move || {
            let _ = released.recv_blocking();
        });
    }
    let mut body = office.store().new_body();
    let large = large();
    {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut writing = std::pin::pin!(body.write(&large));
        assert!(writing.as_mut().poll(&mut context).is_pending());
    }
    drop(release);
    let finished = wait(body.finish());
    assert!(
        matches!(finished, Err(StoreError::Refused(_))),
        "{finished:?}"
    );
}

#[test]
fn complete_before_the_commit() {
    let office = office();
    let message = office.message(&["anna"], &large());
    let file = office.body_files().remove(0);
    assert!(!file.ends_with(".part"));
    let crashed = after_a_crash(&office);
    assert!(crashed.body_files().is_empty());
    assert_eq!(wait(crashed.store().record(message.id)), Ok(None));
}

#[test]
fn committed() {
    let office = office();
    let small = office.deliver(&["anna", "bob"], SMALL);
    let large_id = office.deliver(&["anna"], &large());
    let before: Vec<_> = office.listing("anna");
    let crashed = after_a_crash(&office);
    assert_eq!(crashed.listing("anna"), before, "also the unique-ids");
    assert_eq!(crashed.listing("bob").len(), 1);
    for (scan, body) in before.iter().zip([SMALL, &large()]) {
        let mut expected = trace("anna");
        expected.extend(body);
        assert_eq!(crashed.content(scan.entry).unwrap(), expected);
    }
    let next = crashed.store().next_id(crashed.now.wall);
    assert!(next > small && next > large_id);
}

#[test]
fn in_the_middle_of_the_commit() {
    let office = office();
    let first = office.deliver(&["anna"], SMALL);
    let log = office.data().join("postroom.db-wal");
    let safe = fs::metadata(&log).unwrap().len();
    let torn = office.deliver(&["anna"], SMALL);
    let end = fs::metadata(&log).unwrap().len();
    for length in (safe..end).step_by(1000) {
        let crashed = after_a_crash(&office);
        let mut crashed = crashed;
        crashed.store = None;
        for name in ["postroom.db", "postroom.db-wal"] {
            fs::copy(office.data().join(name), crashed.data().join(name)).unwrap();
        }
        let copy = crashed.data().join("postroom.db-wal");
        fs::OpenOptions::new()
            .write(true)
            .open(copy)
            .unwrap()
            .set_len(length)
            .unwrap();
        crashed.store = Some(Store::open(&crashed.settings, crashed.now).unwrap());
        assert!(wait(crashed.store().record(first)).unwrap().is_some());
        assert_eq!(wait(crashed.store().record(torn)), Ok(None), "{length}");
        assert_eq!(crashed.maildrop("anna").messages, 1);
    }
}

#[test]
fn fetched_and_not_yet_removed_at_the_provider() {
    let office = office();
    let fetched = office.fetch(&office.sent("1", 1));
    let crashed = after_a_crash(&office);
    let known = crashed.compare(&["1"]).messages.remove(0).unwrap();
    assert_eq!(known.receipt, fetched.receipt);
    assert_eq!(crashed.maildrop("anna").messages, 1);
}

#[test]
fn retrieved_and_marked_without_quit() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    let scan = office.listing("anna")[0];
    office.content(scan.entry).unwrap();
    assert_eq!(after_a_crash(&office).listing("anna"), [scan]);
}

#[test]
fn quit_answered() {
    let office = office();
    let collected = office.deliver(&["anna"], SMALL);
    office.collect("anna");
    let crashed = after_a_crash(&office);
    assert_eq!(crashed.maildrop("anna").messages, 0);
    let since = office.now.wall - MINUTE;
    let restored = wait(crashed.store().restore("anna", since, office.now.wall));
    assert_eq!(restored, Ok(vec![collected]));
}

#[test]
fn swept_but_the_file_still_there() {
    let office = office();
    let id = office.deliver(&["anna"], &large());
    let name = office.body_files().remove(0);
    wait(office.store().erase(id)).unwrap();
    fs::write(office.data().join("bodies").join(&name), "left over").unwrap();
    fs::write(office.data().join("bodies/notes-of-the-administrator"), "").unwrap();
    let crashed = after_a_crash(&office);
    assert_eq!(crashed.body_files(), ["notes-of-the-administrator"]);
}
