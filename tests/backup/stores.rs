//! A backup of one store where that of another one lies.

use std::fs;
use std::process::Command;

use crate::hub::Office;
use crate::{NewBox, Shelf, names, send_large};

/// Begins anew, as a hub does whose disk is not mounted.
fn begin_anew(office: &Office) {
    fs::rename(office.path("data"), office.path("data.before")).unwrap();
    drop(office.serve());
}

#[test]
fn a_store_that_has_begun_anew_does_not_replace_the_backup_of_the_one_before() {
    let office = Office::new();
    let shelf = Shelf::new();
    send_large(&office.serve(), "anna@example.com", "one");
    let places = [shelf.folder("b"), shelf.text("b.tar")];
    for place in &places {
        office.good(&["backup", place]);
    }
    begin_anew(&office);
    for place in &places {
        let done = office.run(&["backup", "--quiet", "--verify", place]);
        let why = done.bad();
        for told in [
            "holds the backup of another store",
            "with 1 messages",
            "is not mounted",
            "mv ",
        ] {
            assert!(why.contains(told), "{why}");
        }
        let said = office.good(&["verify", place]);
        assert!(said.contains(", 1 messages"), "{said}");
    }
    assert_eq!(shelf.names(), ["b", "b.tar"]);
    // Not even where no more than the first line of the manifest is left.
    let manifest = shelf.path("b/manifest.jsonl");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    let why = office.run(&["backup", &places[0]]).bad();
    assert!(why.contains("holds the backup of another store"), "{why}");
    fs::write(&manifest, text).unwrap();
    // A person decides: the old data folder is put back, or the old backup goes aside.
    let new = office.path("data.new");
    fs::rename(office.path("data"), &new).unwrap();
    fs::rename(office.path("data.before"), office.path("data")).unwrap();
    for place in &places {
        office.good(&["backup", place, "--verify"]);
    }
    fs::rename(office.path("data"), office.path("data.before")).unwrap();
    fs::rename(&new, office.path("data")).unwrap();
    for (name, place) in ["b", "b.tar"].iter().zip(&places) {
        fs::rename(shelf.path(name), shelf.path(&format!("{name}.before"))).unwrap();
        office.good(&["backup", place, "--verify"]);
    }
}

#[test]
fn a_restored_store_goes_on_with_its_backups() {
    let office = Office::new();
    let shelf = Shelf::new();
    send_large(&office.serve(), "anna@example.com", "one");
    let places = [shelf.folder("b"), shelf.text("b.tar")];
    for place in &places {
        office.good(&["backup", place]);
    }
    let other = NewBox::new();
    other.run(&["restore", &places[1]]).good();
    send_large(&other.serve(), "anna@example.com", "two");
    for place in &places {
        let said = other.run(&["backup", place, "--verify"]).good();
        assert!(said.contains("2 messages"), "{said}");
        // Into the folder only what is new.
        let is_kept = said.contains("1 were there already");
        assert_eq!(is_kept, place.ends_with('/'), "{said}");
    }
}

#[test]
fn the_archive_of_another_hub_is_not_replaced() {
    let shelf = Shelf::new();
    let tar = shelf.text("b.tar");
    let [one, namesake] = [(); 2].map(|()| Office::new());
    for office in [&one, &namesake] {
        drop(office.serve());
    }
    one.good(&["backup", &tar]);
    let octets = fs::read(&tar).unwrap();
    let why = namesake.run(&["backup", &tar]).bad();
    assert!(why.contains("of another store"), "{why}");
    assert_eq!(shelf.names(), ["b.tar"]);
    assert!(fs::read(&tar).unwrap() == octets);
}

#[test]
fn a_hub_that_is_renamed_goes_on_with_its_backups() {
    let office = Office::new();
    let shelf = Shelf::new();
    drop(office.serve());
    let places = [shelf.folder("b"), shelf.text("b.tar")];
    for place in &places {
        office.good(&["backup", place]);
    }
    let hostname = "\"post.example.com\"";
    office.edit("postroom.toml", hostname, "\"other.example.com\"");
    for place in &places {
        office.good(&["backup", place, "--verify"]);
    }
}

#[test]
fn what_was_restored_from_an_older_backup_does_not_replace_a_newer_one() {
    let office = Office::new();
    let shelf = Shelf::new();
    let older = shelf.text("older.tar");
    send_large(&office.serve(), "anna@example.com", "one");
    office.good(&["backup", &older]);
    send_large(&office.serve(), "anna@example.com", "two");
    let places = [shelf.folder("b"), shelf.text("b.tar")];
    for place in &places {
        office.good(&["backup", place]);
    }
    // On another box, and the mail alone on the same one.
    let other = NewBox::new();
    other.run(&["restore", &older]).good();
    fs::rename(office.path("data"), office.path("data.before")).unwrap();
    office.good(&["restore", "--mail-only", &older]);
    // Mail that has come since makes it no other line.
    send_large(&office.serve(), "anna@example.com", "three");
    for place in &places {
        for done in [
            other.run(&["backup", place]),
            office.run(&["backup", place]),
        ] {
            let why = done.bad();
            let mv = format!("(mv {0} {0}.before)", place.trim_end_matches('/'));
            for told in ["of a later state than was restored", "with 2 messages", &mv] {
                assert!(why.contains(told), "{why}");
            }
        }
        let said = office.good(&["verify", place]);
        assert!(said.contains(", 2 messages"), "{said}");
    }
    assert_eq!(names(&shelf.path("b/bodies")).len(), 2);
    // The way on.
    fs::rename(office.path("data"), office.path("data.older")).unwrap();
    office.good(&["restore", "--mail-only", &places[0]]);
    for place in &places {
        office.good(&["backup", place, "--verify"]);
    }
    // Which is none for the other: it knows nothing of this one.
    let why = other.run(&["backup", &places[0]]).bad();
    assert!(why.contains("of another store"), "{why}");
}

#[test]
fn an_older_copy_of_the_data_folder_that_was_put_back_does_not_replace_a_newer_backup() {
    let office = Office::new();
    let shelf = Shelf::new();
    send_large(&office.serve(), "anna@example.com", "one");
    let copied = Command::new("cp")
        .arg("-a")
        .args([office.path("data"), office.path("copy")])
        .status();
    assert!(copied.unwrap().success());
    send_large(&office.serve(), "anna@example.com", "two");
    let place = shelf.folder("b");
    office.good(&["backup", &place]);
    fs::rename(office.path("data"), office.path("data.before")).unwrap();
    fs::rename(office.path("copy"), office.path("data")).unwrap();
    let why = office.run(&["backup", &place]).bad();
    assert!(
        why.contains("a later state than was restored, or put back"),
        "{why}"
    );
    let said = office.good(&["verify", &place]);
    assert!(said.contains(", 2 messages"), "{said}");
}

#[test]
fn a_store_that_was_restored_twice_replaces_what_either_of_those_before_has_left() {
    let office = Office::new();
    let shelf = Shelf::new();
    let [weekly, nightly] = ["weekly", "nightly"].map(|name| shelf.folder(name));
    send_large(&office.serve(), "anna@example.com", "one");
    for place in [&weekly, &nightly] {
        office.good(&["backup", place]);
    }
    for time in ["first", "second"] {
        fs::rename(office.path("data"), office.path(time)).unwrap();
        office.good(&["restore", "--mail-only", &nightly]);
        send_large(&office.serve(), "anna@example.com", "more");
        office.good(&["backup", &nightly]);
    }
    let said = office.good(&["backup", &weekly, "--verify"]);
    assert!(said.contains("3 messages"), "{said}");
}
