//! A database that comes back beside a directory which has gone on without it.

use super::support::*;

use super::super::*;

fn users(users: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = users.iter();
    pairs
        .map(|(user, fingerprint)| (user.to_string(), fingerprint.to_string()))
        .collect()
}

fn words(words: &[(&str, Person)]) -> Vec<(String, Person)> {
    let words = words.iter();
    words
        .map(|(name, word)| (name.to_string(), *word))
        .collect()
}

/// The store of an office with mail for anna, bob and carol, and none for dora; closed.
fn closed() -> Office {
    let mut office = office();
    let then = users(&[
        ("anna", "a1"),
        ("bob", "b1"),
        ("carol", "c1"),
        ("dora", "d1"),
    ]);
    wait(office.store().reconcile(&then, &[], office.now)).unwrap();
    for name in ["anna", "bob", "carol"] {
        office.deliver(&[name], name.as_bytes());
    }
    office.store = None;
    office
}

fn settle(office: &Office, here: &[(&str, &str)], said: &[(&str, Person)]) -> Persons {
    let database = office.data().join("postroom.db");
    settle_persons(&database, &users(here), &words(said), office.now.wall).unwrap()
}

/// How many messages wait for each of these, once the hub has started beside them.
fn after_the_start(office: &mut Office, here: &[(&str, &str)]) -> Vec<u64> {
    office.reopen();
    wait(office.store().reconcile(&users(here), &[], office.now)).unwrap();
    let waiting = here.iter().map(|(name, _)| office.maildrop(name).messages);
    waiting.collect()
}

#[test]
fn who_has_the_same_password_entry_gets_the_mail_and_nobody_is_asked() {
    let mut office = closed();
    let here = [
        ("Anna", "a1"),
        ("bob", "b1"),
        ("carol", "c1"),
        ("dora", "d2"),
    ];
    let settled = settle(&office, &here, &[]);
    assert_eq!(settled, Persons::Settled(Settled::default()));
    assert_eq!(after_the_start(&mut office, &here), [1, 1, 1, 0]);
}

#[test]
fn a_name_with_another_password_entry_is_settled_by_a_persons_word_alone() {
    let mut office = closed();
    let here = [
        ("anna", "a2"),
        ("BOB", "b2"),
        ("carol", "c1"),
        ("dora", "d2"),
    ];
    let asked = Persons::Undecided(vec!["anna".into(), "BOB".into()]);
    assert_eq!(settle(&office, &here, &[]), asked);
    let one = [("anna", Person::Same)];
    assert_eq!(
        settle(&office, &here, &one),
        Persons::Undecided(vec!["BOB".into()])
    );
    // Anna, of whom it was said, is a question as before.
    assert_eq!(settle(&office, &here, &[]), asked);

    let both = [("Anna", Person::Same), ("bob", Person::Other)];
    let settled = Settled {
        sealed: vec!["BOB".into()],
        ..Settled::default()
    };
    assert_eq!(settle(&office, &here, &both), Persons::Settled(settled));
    assert_eq!(after_the_start(&mut office, &here), [1, 0, 1, 0]);
    let mailboxes = wait(office.store().mailboxes()).unwrap();
    let sealed = mailboxes.iter().filter(|one| one.sealed_at.is_some());
    let sealed: Vec<_> = sealed
        .map(|one| (one.user.as_deref(), one.messages))
        .collect();
    assert_eq!(sealed, [(Some("bob"), 1)]);
}

#[test]
fn a_word_about_a_name_that_is_no_question_is_not_taken() {
    let office = closed();
    let here = [("anna", "a2"), ("bob", "b1"), ("dora", "d2"), ("eve", "e1")];
    for name in ["bob", "carol", "dora", "eve", "nobody"] {
        let said = [("anna", Person::Same), (name, Person::Other)];
        let not_asked = Persons::NotAsked(vec![name.into()]);
        assert_eq!(settle(&office, &here, &said), not_asked);
    }
    assert_eq!(
        settle(&office, &here, &[]),
        Persons::Undecided(vec!["anna".into()])
    );
}

#[test]
fn a_name_that_nobody_has_waits_and_is_not_given_to_the_next_who_has_it() {
    let mut office = closed();
    let here = [("anna", "a1"), ("bobby", "b1")];
    let settled = Settled {
        waiting: vec![("bob".into(), Some("bobby".into())), ("carol".into(), None)],
        ..Settled::default()
    };
    assert_eq!(settle(&office, &here, &[]), Persons::Settled(settled));
    // Added before the hub has seen the directory without her.
    let later = [("anna", "a1"), ("bobby", "b1"), ("Carol", "c2")];
    assert_eq!(after_the_start(&mut office, &later), [1, 0, 0]);
    let now = office.now.wall;
    wait(office.store().rename_person("bob", "bobby", "b1", now)).unwrap();
    assert_eq!(office.maildrop("bobby").messages, 1);
}

#[test]
fn what_was_sealed_or_missed_then_is_so_now() {
    let mut office = closed();
    office.reopen();
    wait(office.store().seal("anna", office.now.wall)).unwrap();
    let then = users(&[("bob", "b1"), ("dora", "d1")]);
    wait(office.store().reconcile(&then, &[], office.now)).unwrap();
    office.store = None;
    // Anna's entry is in the directory again, and Carol's is another one.
    let here = [("anna", "a1"), ("bob", "b1"), ("carol", "c2")];
    assert_eq!(
        settle(&office, &here, &[]),
        Persons::Undecided(vec!["carol".into()])
    );
    let same = [("carol", Person::Same)];
    assert!(matches!(settle(&office, &here, &same), Persons::Settled(_)));
    assert_eq!(after_the_start(&mut office, &here), [0, 1, 1]);
}

#[test]
fn who_has_another_name_by_now_gets_the_mail_when_somebody_else_has_the_old_one() {
    let mut office = closed();
    let here = [
        ("anna", "a1"),
        ("bob", "b2"),
        ("robert", "b1"),
        ("carol", "c1"),
    ];
    assert_eq!(
        settle(&office, &here, &[]),
        Persons::Undecided(vec!["bob".into()])
    );
    let renamed = Settled {
        renamed: vec![("bob".into(), "robert".into())],
        ..Settled::default()
    };
    let other = [("bob", Person::Other)];
    assert_eq!(settle(&office, &here, &other), Persons::Settled(renamed));
    assert_eq!(after_the_start(&mut office, &here), [1, 0, 1, 1]);
}
