//! A backup of one store where that of another one lies.

use std::fs;

use crate::hub::Office;
use crate::{NewBox, Shelf, send_large};

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
    }
}

#[test]
fn the_archive_of_another_hub_is_not_replaced() {
    let shelf = Shelf::new();
    let tar = shelf.text("b.tar");
    let [one, namesake, other] = [(); 3].map(|()| Office::new());
    other.edit(
        "postroom.toml",
        "\"post.example.com\"",
        "\"other.example.com\"",
    );
    for office in [&one, &namesake, &other] {
        drop(office.serve());
    }
    one.good(&["backup", &tar]);
    let octets = fs::read(&tar).unwrap();
    for (office, told) in [
        (&namesake, "of another store"),
        (&other, "of post.example.com, and this is other.example.com"),
    ] {
        let why = office.run(&["backup", &tar]).bad();
        assert!(why.contains(told), "{why}");
        assert_eq!(shelf.names(), ["b.tar"]);
        assert!(fs::read(&tar).unwrap() == octets);
    }
}
