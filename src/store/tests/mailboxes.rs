use super::support::*;

use super::super::*;

fn directory(office: &Office, users: &[(&str, &str)], addresses: &[&str]) -> Reconciled {
    let users: Vec<_> = users
        .iter()
        .map(|(user, fingerprint)| (user.to_string(), fingerprint.to_string()))
        .collect();
    let addresses: Vec<_> = addresses
        .iter()
        .map(|address| address.to_string())
        .collect();
    wait(office.store().reconcile(&users, &addresses, office.now)).unwrap()
}

fn sealed(office: &Office) -> Vec<MailboxSummary> {
    let mut found = wait(office.store().mailboxes()).unwrap();
    found.retain(|mailbox| mailbox.sealed_at.is_some());
    found
}

#[test]
fn new_users_have_an_empty_mailbox_and_a_second_look_changes_nothing() {
    let office = office();
    let both = [("anna", "a1"), ("bob", "b1")];
    assert_eq!(directory(&office, &both, &[]).created, ["anna", "bob"]);
    assert_eq!(directory(&office, &both, &[]), Reconciled::default());
    assert_eq!(office.summary(Some("anna")).messages, 0);
}

#[test]
fn a_mailbox_that_mail_made_is_the_users() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    assert_eq!(
        directory(&office, &[("anna", "a1")], &[]),
        Reconciled::default()
    );
    assert_eq!(office.maildrop("anna").messages, 1);
}

#[test]
fn a_user_who_drops_out_of_a_half_written_file_comes_back_to_the_same_mailbox() {
    let mut office = office();
    directory(&office, &[("anna", "a1"), ("bob", "b1")], &[]);
    office.deliver(&["anna"], SMALL);
    let before = office.listing("anna");
    assert_eq!(directory(&office, &[("bob", "b1")], &[]).missing, ["anna"]);
    assert_eq!(
        office.summary(Some("anna")).missing_since,
        Some(office.now.wall)
    );
    office.pass(DAY);
    office.reopen();
    assert_eq!(
        directory(&office, &[("bob", "b1")], &[]).missing,
        [""; 0],
        "told once"
    );
    let back = directory(&office, &[("anna", "a1"), ("bob", "b1")], &[]);
    assert_eq!(back.returned, ["anna"]);
    assert_eq!(office.summary(Some("anna")).missing_since, None);
    assert_eq!(office.listing("anna"), before);
}

#[test]
fn a_name_that_comes_back_with_another_password_is_somebody_else() {
    let office = office();
    directory(&office, &[("anna", "a1"), ("bob", "b1")], &[]);
    let id = office.deliver(&["anna"], SMALL);
    let old = office.maildrop("anna");
    directory(&office, &[("bob", "b1")], &[]);
    let back = directory(&office, &[("anna", "a2"), ("bob", "b1")], &[]);
    assert_eq!((back.sealed, back.created), (vec!["anna".into()], vec![]));
    let new = office.maildrop("anna");
    assert_ne!(new.mailbox, old.mailbox);
    assert_eq!(new.messages, 0);
    assert_eq!(sealed(&office)[0].id, old.mailbox);
    // Nothing of it is lost, and nobody but a person opens it.
    let record = wait(office.store().record(id)).unwrap().unwrap();
    assert!(record.entries[0].sealed);
    office.deliver(&["anna"], SMALL);
    assert_eq!(sealed(&office)[0].messages, 1);
}

#[test]
fn a_changed_password_of_a_user_who_stays_changes_nothing_else() {
    let office = office();
    directory(&office, &[("anna", "a1"), ("bob", "b1")], &[]);
    office.deliver(&["anna"], SMALL);
    let changed = directory(&office, &[("anna", "a2"), ("bob", "b1")], &[]);
    assert_eq!(changed, Reconciled::default());
    // It is the new password that counts from then on.
    directory(&office, &[("bob", "b1")], &[]);
    let back = directory(&office, &[("anna", "a2"), ("bob", "b1")], &[]);
    assert_eq!(back.returned, ["anna"]);
    assert_eq!(office.maildrop("anna").messages, 1);
}

#[test]
fn a_name_in_another_case_keeps_the_mailbox_of_the_same_person_alone() {
    let office = office();
    directory(&office, &[("anna", "a1"), ("bob", "b1")], &[]);
    office.deliver(&["anna"], SMALL);
    let seen = directory(&office, &[("Anna", "a1"), ("bob", "b1")], &[]);
    assert_eq!(seen, Reconciled::default());
    assert_eq!(office.maildrop("Anna").messages, 1);
    // Gone, and somebody else has come.
    directory(&office, &[("bob", "b1")], &[]);
    let seen = directory(&office, &[("anna", "a2"), ("bob", "b1")], &[]);
    assert_eq!(seen.sealed, ["anna"]);
    assert_eq!(office.maildrop("anna").messages, 0);
}

#[test]
fn a_directory_without_users_is_refused_where_there_are_mailboxes() {
    let office = office();
    assert_eq!(directory(&office, &[], &[]), Reconciled::default());
    directory(&office, &[("anna", "a1")], &["anna@example.com"]);
    let error = wait(office.store().reconcile(&[], &[], office.now)).unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)));
    assert_eq!(office.summary(Some("anna")).missing_since, None);
}

#[test]
fn a_removed_users_mailbox_is_sealed_at_once_and_a_new_one_starts_empty() {
    let office = office();
    directory(&office, &[("anna", "a1"), ("bob", "b1")], &[]);
    office.deliver(&["anna"], SMALL);
    let maildrop = office.maildrop("anna");
    assert_eq!(
        wait(office.store().seal("anna", office.now.wall)),
        Ok(maildrop.mailbox)
    );
    let again = wait(office.store().seal("anna", office.now.wall));
    assert_eq!(again, Err(StoreError::NoMailbox("anna".into())));
    // The same password does not open it again: removal was a command.
    assert_eq!(
        directory(&office, &[("anna", "a1"), ("bob", "b1")], &[]).created,
        ["anna"]
    );
    assert_eq!(office.maildrop("anna").messages, 0);
    assert_eq!(sealed(&office)[0].messages, 1);
}

#[test]
fn a_renamed_user_keeps_the_mailbox() {
    let office = office();
    directory(&office, &[("anna", "a1"), ("bob", "b1")], &[]);
    office.deliver(&["anna"], SMALL);
    let before = office.listing("anna");
    // The directory may be read before or after the command.
    let seen = directory(&office, &[("anna.smith", "a1"), ("bob", "b1")], &[]);
    assert_eq!(
        (seen.created, seen.missing),
        (vec!["anna.smith".into()], vec!["anna".into()])
    );
    wait(office.store().rename("anna", "anna.smith", office.now.wall)).unwrap();
    assert_eq!(office.listing("anna.smith"), before);
    let after = directory(&office, &[("anna.smith", "a1"), ("bob", "b1")], &[]);
    assert_eq!(after, Reconciled::default());
    assert_eq!(office.summary(Some("anna.smith")).missing_since, None);
}

#[test]
fn mail_that_came_to_the_new_name_before_the_rename_is_kept_with_the_old() {
    let office = office();
    let bob = ("bob", "b1");
    directory(&office, &[("anna", "a1"), bob], &[]);
    for _ in 0..3 {
        office.deliver(&["anna"], SMALL);
    }
    office.collect("anna");
    office.deliver(&["anna"], SMALL);
    // The file was edited by hand, or the hub read it before the command came.
    directory(&office, &[("anna.smith", "a1"), bob], &[]);
    office.deliver(&["anna.smith"], SMALL);
    office.collect("anna.smith");
    office.deliver(&["anna.smith"], &large());
    let expected = [office.listing("anna"), office.listing("anna.smith")].concat();
    wait(office.store().rename("anna", "anna.smith", office.now.wall)).unwrap();
    assert_eq!(office.listing("anna.smith"), expected);
    let joined = office.summary(Some("anna.smith"));
    assert_eq!((joined.messages, joined.collected_messages), (2, 4));
    assert_eq!(sealed(&office), []);
}

#[test]
fn a_rename_to_the_name_of_somebody_who_has_gone_seals_the_old_mailbox() {
    let office = office();
    directory(&office, &[("anna", "a1"), ("bob", "b1")], &[]);
    office.deliver(&["anna", "bob"], SMALL);
    directory(&office, &[("anna", "a1")], &[]);
    wait(office.store().rename("anna", "bob", office.now.wall)).unwrap();
    assert_eq!(office.maildrop("bob").messages, 1);
    assert_eq!(sealed(&office)[0].messages, 1);
    let after = directory(&office, &[("bob", "a1")], &[]);
    assert_eq!(after, Reconciled::default());
}

#[test]
fn a_rename_onto_a_mailbox_with_mail_is_refused() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    office.deliver(&["bob"], SMALL);
    let in_use = Err(StoreError::MailboxInUse("bob".into()));
    assert_eq!(
        wait(office.store().rename("anna", "bob", office.now.wall)),
        in_use
    );
    office.collect("bob");
    assert_eq!(
        wait(office.store().rename("anna", "bob", office.now.wall)),
        in_use,
        "it is restorable"
    );
    let unknown = Err(StoreError::NoMailbox("nobody".into()));
    assert_eq!(
        wait(office.store().rename("nobody", "bob", office.now.wall)),
        unknown
    );
    assert_eq!(office.maildrop("anna").messages, 1);
    assert!(wait(office.store().rename("anna", "anna", office.now.wall)).is_ok());
}

#[test]
fn an_address_that_has_gone_is_remembered_for_an_hour() {
    let mut office = office();
    let users = [("anna", "a1")];
    let both = ["anna@example.com", "info@example.com"];
    assert_eq!(directory(&office, &users, &both).departed, []);
    let gone = office.store().running_time(office.now);
    let departed = vec![("info@example.com".to_string(), gone)];
    let told = directory(&office, &users, &both[..1]);
    assert_eq!(told.departed, departed);
    assert_eq!(told.leaving, ["info@example.com"]);
    office.pass(HOUR - MINUTE);
    office.sweep();
    office.reopen();
    let told = directory(&office, &users, &both[..1]);
    assert_eq!((told.departed, told.leaving), (departed, vec![]));
    office.pass(MINUTE);
    assert_eq!(directory(&office, &users, &both[..1]).departed, []);
    assert_eq!(office.number("SELECT count(*) FROM address"), 1);
}

#[test]
fn an_address_that_is_listed_again_has_not_gone() {
    let mut office = office();
    let users = [("anna", "a1")];
    let both = ["anna@example.com", "info@example.com"];
    directory(&office, &users, &both);
    directory(&office, &users, &both[..1]);
    office.pass(MINUTE);
    assert_eq!(directory(&office, &users, &both).departed, []);
    office.pass(MINUTE);
    let departed = directory(&office, &users, &both[..1]).departed;
    let gone = office.store().running_time(office.now);
    assert_eq!(departed, [("info@example.com".to_string(), gone)]);
}

#[test]
fn a_clock_that_jumps_neither_ends_nor_prolongs_the_hour_of_an_address() {
    for back in [true, false] {
        let mut office = office();
        let users = [("anna", "a1")];
        directory(&office, &users, &["anna@example.com"]);
        let gone = office.store().running_time(office.now);
        let departed = vec![("anna@example.com".to_string(), gone)];
        assert_eq!(directory(&office, &users, &[]).departed, departed);
        match back {
            true => office.now.wall -= 1000 * DAY,
            false => office.now.wall += 1000 * DAY,
        }
        assert_eq!(directory(&office, &users, &[]).departed, departed);
        office.pass(HOUR);
        assert_eq!(directory(&office, &users, &[]).departed, []);
    }
}

#[test]
fn mail_in_flight_to_a_user_who_was_removed_is_unclaimed() {
    let office = office();
    let message = office.message(&["anna", "bob"], SMALL);
    wait(office.store().seal("bob", office.now.wall)).unwrap();
    let receipt = wait(office.store().deliver(message)).unwrap();
    assert_eq!(receipt.without_mailbox(), ["bob"]);
    assert_eq!(office.maildrop("anna").messages, 1);
    assert_eq!(office.summary(None).messages, 1);
    // Who comes under the same name later does not see it.
    assert_eq!(office.maildrop("bob").messages, 0);
    let tray = wait(
        office
            .store()
            .mail(MailboxName::Unclaimed, Part::Waiting, None, 9),
    );
    let why = &tray.unwrap()[0].why;
    assert!(
        why.starts_with("bob was removed or renamed meanwhile ("),
        "{why}"
    );
}
