//! Copies of the database, and what is found when one looks at a store.

use std::path::Path;

use super::support::*;

use super::super::*;

fn large() -> Vec<u8> {
    vec![b'x'; INLINE_OCTETS + 1]
}

fn none_missing(name: &str) -> Option<u64> {
    assert!(may_be_a_body(name));
    Some(INLINE_OCTETS as u64 + 1)
}

fn taken(data_dir: &Path, to: &Path) -> Result<Snapshot, OpenError> {
    Snapshot::take(Live::open(data_dir)?, to)
}

#[test]
fn a_copy_is_the_store_as_it_is_beside_who_has_it_open() {
    let office = office();
    office.deliver(&["anna", "bob"], b"small");
    office.deliver(&["anna"], &large());
    let to = office.data().with_file_name("copy.db");
    let snapshot = taken(office.data(), &to).unwrap();
    assert_eq!(snapshot.bodies().unwrap().len(), 1);
    office.deliver(&["bob"], b"later");
    let counts = snapshot.finish().unwrap();
    assert_eq!((counts.messages, counts.entries), (2, 3));
    let seen = inspect_copy(&to, &mut none_missing).unwrap();
    assert_eq!((seen.counts, seen.faults), (counts, vec![]));
    let in_place = inspect_in_place(office.data()).unwrap();
    assert_eq!((in_place.counts.messages, in_place.faults), (3, vec![]));
}

#[test]
fn what_is_left_out_leaves_right_totals_and_no_octet_behind() {
    let office = office();
    let gone = office.deliver(&["anna", "bob"], b"a secret that was erased");
    office.deliver(&["anna"], b"stays");
    let erased = office.deliver(&["anna"], b"another secret");
    wait(office.store().erase(erased)).unwrap();
    let to = office.data().with_file_name("copy.db");
    let mut snapshot = taken(office.data(), &to).unwrap();
    assert!(snapshot.is_still_there(gone).unwrap());
    assert!(!snapshot.is_still_there(erased).unwrap());
    snapshot.leave_out(&[gone]).unwrap();
    assert_eq!(snapshot.finish().unwrap().messages, 1);
    let seen = inspect_copy(&to, &mut none_missing).unwrap();
    assert_eq!(seen.faults, vec![]);
    let octets = std::fs::read(&to).unwrap();
    assert!(!octets.windows(6).any(|six| six == b"secret"));
}

#[test]
fn each_store_has_an_identity_of_its_own_which_its_copies_have_as_well() {
    let (one, other) = (office(), office());
    let line = |data_dir: &Path| Live::open(data_dir).unwrap().line().unwrap();
    assert_ne!(line(one.data()), line(other.data()));
    let restored = tempfile::tempdir().unwrap();
    let copy = taken(one.data(), &restored.path().join("postroom.db"));
    copy.unwrap().finish().unwrap();
    assert_eq!(line(restored.path()), line(one.data()));
}

#[test]
fn a_restored_store_is_another_one_and_knows_which_ones_it_was_and_how_far_they_had_come() {
    let office = office();
    office.deliver(&["anna", "bob"], b"one");
    let restored = tempfile::tempdir().unwrap();
    let to = restored.path().join("postroom.db");
    let line = |data_dir: &Path| Live::open(data_dir).unwrap().line().unwrap();
    let copy = taken(office.data(), &to).unwrap();
    let first = (line(office.data()).identity, copy.last_entry().unwrap());
    copy.finish().unwrap();
    assert_eq!(first.1, 2);
    take_new_identity(&to).unwrap();
    let second = (line(restored.path()).identity, 2);
    assert_ne!(second.0, first.0);
    take_new_identity(&to).unwrap();
    let third = line(restored.path());
    assert_eq!(third.ancestors, [first, second]);
    assert!(third.identity != first.0 && third.identity != second.0);
}

#[test]
fn how_far_a_store_has_come_rises_with_each_delivery_and_never_falls() {
    let office = office();
    let come_to = |name: &str| {
        let copy = taken(office.data(), &office.data().with_file_name(name)).unwrap();
        copy.last_entry().unwrap()
    };
    let id = office.deliver(&["anna"], b"one");
    let before = come_to("a.db");
    wait(office.store().erase(id)).unwrap();
    assert_eq!(come_to("b.db"), before);
    office.deliver(&["anna"], b"two");
    assert_eq!(come_to("c.db"), before + 1);
}

#[test]
fn where_there_is_no_store_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy.db");
    let error = taken(folder.path(), &to).unwrap_err();
    assert!(matches!(error, OpenError::NoStore(_)), "{error}");
    std::fs::write(folder.path().join("postroom.db"), "no database at all").unwrap();
    let error = taken(folder.path(), &to).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(!to.exists());
}

/// A store with three messages, one of them large, after this change of its rows.
fn faults_after(change: &str) -> Vec<Fault> {
    let mut office = office();
    office.deliver(&["anna"], b"small");
    office.deliver(&["anna", "bob"], b"shared");
    office.deliver(&["bob"], &large());
    office.store = None;
    let db = schema::connect(&office.data().join("postroom.db"), Purpose::Write).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    db.execute_batch(change).unwrap();
    drop(db);
    inspect_in_place(office.data()).unwrap().faults
}

#[test]
fn every_kind_of_fault_is_found() {
    let first = "(SELECT min(id) FROM message)";
    for (change, expected) in [
        ("UPDATE mailbox SET messages = messages + 1 WHERE user = 'anna'", "the totals of the mailbox of anna"),
        ("UPDATE mailbox SET collected_octets = 1 WHERE user IS NULL", "the totals of the unclaimed mail"),
        ("UPDATE mailbox SET last_entry = 0 WHERE user = 'bob'", "the totals of the mailbox of bob"),
        (&format!("UPDATE message SET body = x'00' WHERE id = {first}"), "missing or cut off"),
        (&format!("UPDATE message SET body = NULL WHERE id = {first}"), "missing or cut off"),
        (&format!("UPDATE entry SET trace = x'' WHERE message = {first}"), "a wrong size in a mailbox"),
        ("UPDATE message SET body_file = '../../../../etc/passwd' WHERE body IS NULL", "cannot be right"),
        ("UPDATE message SET body_file = 'aaaaaaaaaaaaaaaaaaaaaaaaaa' WHERE body IS NULL", "is missing: bodies/a"),
        ("UPDATE message SET octets = octets + 1 WHERE body IS NULL; UPDATE entry SET octets = octets + 1
             WHERE message = (SELECT id FROM message WHERE body IS NULL);
          UPDATE mailbox SET octets = octets + 1 WHERE user = 'bob'", "octets instead of"),
        ("DELETE FROM entry WHERE message = (SELECT id FROM message WHERE body IS NULL);
          UPDATE mailbox SET messages = messages - 1 WHERE user = 'bob'", "is in no mailbox"),
        (&format!("DELETE FROM message WHERE id = {first}"), "a row of entry refers to a missing one of message"),
        ("CREATE TRIGGER thief AFTER INSERT ON message BEGIN DELETE FROM message; END", "another thief"),
        ("DROP INDEX entry_message", "another entry_message"),
    ] {
        let told: Vec<String> = faults_after(change).iter().map(Fault::to_string).collect();
        assert!(told.iter().any(|fault| fault.contains(expected)), "{change}: {told:?}");
    }
    assert_eq!(faults_after(""), vec![]);
}
