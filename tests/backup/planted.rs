//! Links and pipes that the owner of a backup's folder has put there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::hub::Office;
use crate::{Shelf, faults, names, send_large};

/// May be a body.
const BODY: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaa";

#[test]
fn links_in_a_backups_folder_are_refused_and_nothing_behind_them_goes() {
    let office = Office::new();
    let shelf = Shelf::new();
    let place = shelf.folder("b");
    send_large(&office.serve(), "anna@example.com", "one");
    let precious = shelf.path("precious");
    fs::create_dir(&precious).unwrap();
    for name in [BODY, "letter.odt", "postroom.db", "1"] {
        fs::write(precious.join(name), "precious").unwrap();
    }
    let are_there = || {
        let expected = ["1", BODY, "letter.odt", "postroom.db"];
        assert_eq!(names(&precious), expected);
        for name in expected {
            assert_eq!(fs::read(precious.join(name)).unwrap(), b"precious");
        }
    };
    // In a folder that is made ready for the first backup, and in one that has one.
    fs::create_dir(shelf.path("b")).unwrap();
    fs::write(shelf.path("b/lock"), "").unwrap();
    for _ in 0..2 {
        for name in ["bodies", "state-7"] {
            let link = shelf.path("b").join(name);
            let aside = shelf.path("aside");
            let was_there = fs::rename(&link, &aside).is_ok();
            symlink(&precious, &link).unwrap();
            let done = office.run(&["backup", &place]);
            are_there();
            // A link with no earlier backup beside it is not even looked at.
            if name == "bodies" || was_there || done.code != Some(0) {
                let why = done.bad();
                let told = format!("b/{name} is a link");
                assert!(why.contains(&told), "{why}");
            }
            fs::remove_file(&link).unwrap();
            if was_there {
                fs::rename(&aside, &link).unwrap();
            }
        }
        office.good(&["backup", &place, "--verify"]);
        are_there();
    }
    // Nor is anything read through them.
    let bodies = shelf.path("b/bodies");
    fs::rename(&bodies, shelf.path("aside")).unwrap();
    symlink(shelf.path("aside"), &bodies).unwrap();
    assert!(faults(&office, &place).contains("cannot be read"));
}

#[test]
fn what_is_no_body_stays_where_the_bodies_are() {
    let office = Office::new();
    let shelf = Shelf::new();
    let place = shelf.folder("b");
    drop(office.serve());
    office.good(&["backup", &place]);
    let strangers = ["bodies/letter.odt", "state-1/letter.odt"];
    for stranger in strangers {
        fs::write(shelf.path("b").join(stranger), "precious").unwrap();
    }
    let left = shelf.path("b/bodies").join(format!("{BODY}.part"));
    fs::write(&left, "left by a backup that was broken off").unwrap();
    office.good(&["backup", &place, "--verify"]);
    for stranger in strangers {
        assert_eq!(
            fs::read(shelf.path("b").join(stranger)).unwrap(),
            b"precious"
        );
    }
    assert_eq!(names(&shelf.path("b/state-1")), ["letter.odt"]);
    assert!(!left.exists());
}

fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn pipes_and_links_in_the_place_of_an_archive_are_refused_at_once() {
    let office = Office::new();
    let shelf = Shelf::new();
    drop(office.serve());
    let (pipe, link) = (shelf.text("pipe"), shelf.text("link"));
    make_pipe(Path::new(&pipe));
    office.good(&["backup", &shelf.text("b.tar")]);
    symlink("b.tar", &link).unwrap();
    for place in [&pipe, &link] {
        let why = office.run(&["backup", place]).bad();
        assert!(why.contains("is no backup of postroom"), "{why}");
    }
    assert_eq!(shelf.names(), ["b.tar", "link", "pipe"]);
    for command in ["verify", "restore"] {
        let why = office.run(&[command, &pipe]).bad();
        assert!(why.contains("it is no file"), "{why}");
    }
    // A person who reads a backup by a link means it.
    office.good(&["verify", &link]);
}

#[test]
fn a_pipe_in_the_place_of_a_lock_is_not_waited_for() {
    let office = Office::new();
    let shelf = Shelf::new();
    let place = shelf.folder("b");
    drop(office.serve());
    office.good(&["backup", &place]);
    fs::remove_file(shelf.path("b/lock")).unwrap();
    make_pipe(&shelf.path("b/lock"));
    office.good(&["verify", &place]);
    office.good(&["backup", &place, "--verify"]);
}
