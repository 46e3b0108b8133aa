//! Mail alone is restored, and whoever has a name by now may be somebody else.

use std::fs;

use crate::hub::{Hub, Office, run};
use crate::mail::{pass, send, waiting};
use crate::{Shelf, names};

/// An office whose mail is for anna and bob, backed up; and without its mail.
fn without_its_mail(shelf: &Shelf) -> Office {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "for anna");
    send(&hub, &["bob@example.com"], "for bob");
    drop(hub);
    office.good(&["backup", &shelf.folder("b")]);
    office
}

fn lose_the_mail(office: &Office) {
    fs::remove_dir_all(office.path("data")).unwrap();
}

/// Somebody else comes for bob, while no hub runs.
fn replace_bob(office: &Office) {
    office.good(&["user", "remove", "bob"]);
    office.add_user("bob");
}

fn waiting_for(hub: &Hub) -> [usize; 2] {
    ["anna", "bob"].map(|name| waiting(hub, name))
}

#[test]
fn a_new_user_of_a_removed_users_name_never_gets_the_mail_of_the_one_before() {
    let shelf = Shelf::new();
    let office = without_its_mail(&shelf);
    replace_bob(&office);
    assert_eq!(waiting_for(&office.serve()), [1, 0]);
    lose_the_mail(&office);
    let from = shelf.text("b");

    let why = office.run(&["restore", "--mail-only", &from]).bad();
    assert!(why.contains("bob is here with another password"), "{why}");
    let command =
        format!("postroom --config postroom.toml restore --mail-only {from} --same-person bob");
    assert!(why.ends_with(&command), "{why}");
    assert!(!office.path("data/postroom.db").exists());
    assert_eq!(names(&office.path("data")), ["lock"]);

    let said = office.good(&["restore", "--mail-only", &from, "--other-person", "bob"]);
    assert!(said.contains("sealed:  the mail of bob"), "{said}");
    let hub = office.serve();
    assert_eq!(waiting_for(&hub), [1, 0]);
    // Nothing of it is lost: a person can give it to somebody.
    let list = office.good(&["mail", "list", "bob"]);
    assert!(list.contains("sealed"), "{list}");
    let id = list.lines().find(|line| line.contains("for bob")).unwrap();
    let id = id.split(' ').next().unwrap();
    office.good(&["unclaimed", "give", id, "anna"]);
    assert_eq!(waiting_for(&hub), [2, 0]);
}

#[test]
fn who_only_has_another_password_gets_the_mail_once_that_is_said() {
    let shelf = Shelf::new();
    let office = without_its_mail(&shelf);
    let passwd = office.command(&["user", "passwd", "bob", "--password-stdin"]);
    crate::hub::run(passwd, b"secret-bob\n").good();
    lose_the_mail(&office);
    let from = shelf.text("b");
    office.run(&["restore", "--mail-only", &from]).bad();
    office.good(&["restore", "--mail-only", &from, "--same-person", "Bob"]);
    assert_eq!(waiting_for(&office.serve()), [1, 1]);
}

#[test]
fn a_word_that_was_not_asked_for_is_an_error_and_so_are_two_that_contradict() {
    let shelf = Shelf::new();
    let office = without_its_mail(&shelf);
    replace_bob(&office);
    lose_the_mail(&office);
    let from = shelf.text("b");
    let restore = |words: &[&str]| {
        let command = ["restore", "--mail-only", from.as_str()];
        office.run(&[&command, words].concat())
    };
    for name in ["anna", "nobody"] {
        let why = restore(&["--other-person", "bob", "--other-person", name]).bad();
        assert!(why.contains(&format!("this is not so of {name}")), "{why}");
    }
    let why = restore(&["--other-person", "bob", "--same-person", "BOB"]).bad();
    assert!(
        why.contains("cannot be the same person and somebody else"),
        "{why}"
    );
    let without = office.run(&["restore", &from, "--other-person", "bob"]);
    assert_eq!(without.code, Some(2), "{without:?}");
    assert!(!office.path("data/postroom.db").exists());
    restore(&["--other-person", "bob"]).good();
}

#[test]
fn whom_nobody_here_is_waits_and_a_renamed_user_is_told_how_the_mail_comes() {
    let shelf = Shelf::new();
    let office = without_its_mail(&shelf);
    office.add_user("carol");
    office.good(&["user", "rename", "anna", "anna.may"]);
    office.good(&["user", "remove", "bob"]);
    lose_the_mail(&office);
    let said = office.good(&["restore", "--mail-only", &shelf.text("b")]);
    assert!(
        said.contains("waits:   the mail of bob, who is not in directory.toml"),
        "{said}"
    );
    let heal = "user rename anna anna.may";
    assert!(said.contains(heal), "{said}");
    // Before the hub has seen that he is not there.
    let another = ["user", "add", "bob", "--password-stdin", "--other-person"];
    run(office.command(&another), b"another-secret\n").good();
    let hub = office.serve();
    let reply = pass(&hub, "bob", "another-secret");
    assert!(reply.starts_with("+OK 0"), "{reply}");
    office.good(&heal.split(' ').collect::<Vec<_>>());
    drop(hub);
    let list = office.good(&["mail", "list", "anna.may"]);
    assert!(list.contains("for anna"), "{list}");
}
