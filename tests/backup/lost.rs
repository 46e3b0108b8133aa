//! What the store has lost: an earlier archive that has it is kept, and nothing else stops.

use std::fs;
use std::path::PathBuf;

use crate::hub::{Done, Hub, Office, run};
use crate::interpose::call::{LINK, READ, RENAME, SYNC};
use crate::interpose::place::{BODY, OTHER};
use crate::interpose::{Action, Interposed, Rule};
use crate::{NewBox, Shelf, faults, names, send_large};

const IO_ERROR: i32 = 5;
const NO_SPACE: i32 = 28;
const NOT_PERMITTED: i32 = 1;

/// Sends a large message. Its id, and its file in the store.
fn arrives(office: &Office, hub: &Hub, subject: &str) -> (String, PathBuf) {
    let bodies = office.path("data/bodies");
    let before = names(&bodies);
    let id = send_large(hub, "anna@example.com", subject);
    let new = names(&bodies)
        .into_iter()
        .find(|name| !before.contains(name));
    (id, bodies.join(new.unwrap()))
}

/// A backup of which something is missing.
fn lacking(office: &Office, place: &str) -> Done {
    let done = office.run(&["backup", place, "--quiet"]);
    assert_eq!(done.code, Some(1), "{done:?}");
    done
}

#[test]
fn an_archive_that_has_what_the_store_has_lost_is_kept_each_time() {
    let office = Office::new();
    let shelf = Shelf::new();
    let tar = shelf.text("b.tar");
    let hub = office.serve();
    let (x, body_x) = arrives(&office, &hub, "x");
    office.good(&["backup", &tar]);
    office.good(&["backup", &tar]);
    assert_eq!(shelf.names(), ["b.tar"]);
    let content = fs::read(&body_x).unwrap();
    fs::write(&body_x, "cut").unwrap();
    // Kept once, and told each night.
    for _ in 0..2 {
        let done = lacking(&office, &tar);
        let told = format!("is kept as {tar}.before: it has the content of 1 messages ({x})");
        assert!(done.err.contains(&told), "{}", done.err);
        assert_eq!(shelf.names(), ["b.tar", "b.tar.before"]);
    }
    // What has come since is in the archive of one night alone.
    let (y, body_y) = arrives(&office, &hub, "y");
    lacking(&office, &tar);
    fs::remove_file(body_y).unwrap();
    for _ in 0..2 {
        let done = lacking(&office, &tar);
        for (name, id) in [("before", &x), ("before-2", &y)] {
            let told = format!("{tar}.{name}: it has the content of 1 messages ({id})");
            assert!(done.err.contains(&told), "{}", done.err);
        }
        assert_eq!(shelf.names(), ["b.tar", "b.tar.before", "b.tar.before-2"]);
    }
    // And those that are left lying from another time are in nobody's way.
    office.good(&["mail", "erase", "--yes", &y]);
    fs::write(&body_x, content).unwrap();
    let (_, body_z) = arrives(&office, &hub, "z");
    assert_eq!(office.good(&["backup", &tar, "--quiet"]), "");
    fs::remove_file(body_z).unwrap();
    lacking(&office, &tar);
    drop(hub);
    let kept = shelf.text("b.tar.before-3");
    fs::rename(office.path("data"), shelf.path("data.before")).unwrap();
    office.good(&["restore", &kept, "--mail-only"]);
    office.good(&["verify"]);
    assert_eq!(crate::mail::collect(&office.serve(), "anna").len(), 2);
}

#[test]
fn a_damaged_archive_may_have_what_is_lost_and_is_kept() {
    let office = Office::new();
    let shelf = Shelf::new();
    let tar = shelf.text("b.tar");
    let hub = office.serve();
    let (_, body) = arrives(&office, &hub, "one");
    office.good(&["backup", &tar]);
    let octets = fs::read(&tar).unwrap();
    fs::write(&tar, &octets[..octets.len() / 2]).unwrap();
    fs::remove_file(body).unwrap();
    let done = lacking(&office, &tar);
    assert!(
        done.err.contains("it is damaged, and may have"),
        "{}",
        done.err
    );
    let kept = fs::read(shelf.path("b.tar.before")).unwrap();
    assert_eq!(kept.len(), octets.len() / 2);
}

#[test]
fn without_hard_links_an_archive_has_its_name_until_the_next_one_is_on_the_disk() {
    let office = Office::new();
    let shelf = Shelf::new();
    let tar = shelf.text("b.tar");
    let hub = office.serve();
    let (_, body) = arrives(&office, &hub, "one");
    office.good(&["backup", &tar]);
    let octets = fs::read(&tar).unwrap();
    fs::remove_file(body).unwrap();
    let interposed = Interposed::new();
    let backup = |rule: Option<Rule>| {
        let mut command = office.command(&["backup", &tar]);
        interposed.preload(&mut command);
        let no_links = Rule::always(Action::Fail(NOT_PERMITTED), LINK, OTHER);
        let rules: Vec<Rule> = [no_links].into_iter().chain(rule).collect();
        interposed.order(&rules);
        let done = run(command, b"");
        interposed.lift();
        done
    };
    let full = Action::Fail(NO_SPACE);
    // The second name that is given is that of the new archive.
    for rule in [
        Rule::always(full, SYNC, OTHER),
        Rule::once(full, RENAME, OTHER, 1),
    ] {
        let done = backup(Some(rule));
        assert!(interposed.acted(1) > 0);
        let why = done.bad();
        assert!(why.contains("An earlier backup is as it was"), "{why}");
        assert_eq!(shelf.names(), ["b.tar"]);
        assert!(fs::read(&tar).unwrap() == octets);
    }
    assert_eq!(backup(None).code, Some(1));
    assert!(fs::read(shelf.path("b.tar.before")).unwrap() == octets);
    assert!(faults(&office, &tar).contains("incomplete: "));
}

#[test]
fn a_body_that_cannot_be_read_is_lost_and_keeps_no_backup_from_being_made() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    let (id, _) = arrives(&office, &hub, "one");
    arrives(&office, &hub, "two");
    drop(hub);
    let interposed = Interposed::new();
    let failing = |arguments: &[&str], after: i64| {
        let mut command = office.command(arguments);
        interposed.preload(&mut command);
        interposed.order(&[Rule::once(Action::Fail(IO_ERROR), READ, BODY, after)]);
        let done = run(command, b"");
        interposed.lift();
        assert_eq!(done.code, Some(1), "{done:?}");
        done
    };
    // At its beginning, and when some of it was read.
    for after in [0, 1] {
        for place in [
            shelf.folder(&format!("b{after}")),
            shelf.text(&format!("b{after}.tar")),
        ] {
            let done = failing(&["backup", &place], after);
            let told = format!("the content of message {id} is lost in the store itself");
            assert!(done.err.contains(&told), "{}", done.err);
            assert!(done.err.contains("Input/output error"), "{}", done.err);
            let told = faults(&office, &place);
            assert!(told.contains("content of 1 of its 2 messages"), "{told}");
            let other = NewBox::new();
            other.run(&["restore", &place]).good();
            assert_eq!(names(&other.path("etc/data/bodies")).len(), 1);
            // The disk was in a good mood again.
            office.good(&["backup", &place, "--verify"]);
        }
    }
    let told = String::from_utf8(failing(&["verify"], 0).out).unwrap();
    let expected = format!("the content of message {id} cannot be read");
    assert!(told.contains(&expected), "{told}");
    assert!(told.contains("has 1 faults"), "{told}");
}

#[test]
fn an_unreadable_body_of_a_damaged_backup_counts_as_not_held_and_stops_nothing() {
    let office = Office::new();
    let shelf = Shelf::new();
    let place = shelf.folder("b");
    let hub = office.serve();
    let (id, body) = arrives(&office, &hub, "one");
    office.good(&["backup", &place]);
    drop(hub);
    fs::remove_file(body).unwrap();
    fs::write(shelf.path("b/manifest.jsonl"), "damaged").unwrap();
    let interposed = Interposed::new();
    for calls in [READ, SYNC] {
        let mut command = office.command(&["backup", &place]);
        interposed.preload(&mut command);
        interposed.order(&[Rule::always(Action::Fail(IO_ERROR), calls, BODY)]);
        let done = run(command, b"");
        assert!(interposed.acted(0) > 0);
        interposed.lift();
        assert_eq!(done.code, Some(1), "{done:?}");
        let told = format!("the content of message {id} is lost in the store itself");
        assert!(done.err.contains(&told), "{}", done.err);
    }
    // The disk is in a good mood again.
    let done = lacking(&office, &place);
    let told = "this backup still has them";
    assert!(done.err.contains(told), "{}", done.err);
    office.good(&["verify", &place]);
}

#[test]
fn a_folder_in_the_place_of_a_body_is_a_lost_body_which_an_earlier_backup_has() {
    let office = Office::new();
    let shelf = Shelf::new();
    let (place, tar) = (shelf.folder("b"), shelf.text("b.tar"));
    let hub = office.serve();
    let (id, body) = arrives(&office, &hub, "one");
    for place in [&place, &tar] {
        office.good(&["backup", place]);
    }
    drop(hub);
    fs::remove_file(&body).unwrap();
    fs::create_dir(&body).unwrap();
    let told = faults_in_place(&office);
    assert!(told.contains("has 1 faults"), "{told}");
    let done = lacking(&office, &place);
    assert!(
        done.err.contains("this backup still has them"),
        "{}",
        done.err
    );
    office.good(&["verify", &place]);
    let done = lacking(&office, &tar);
    assert!(done.err.contains(&format!("({id})")), "{}", done.err);
    office.good(&["verify", &shelf.text("b.tar.before")]);
}

#[test]
fn a_backup_without_what_the_store_had_lost_before_is_never_called_whole() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    let (_, body) = arrives(&office, &hub, "one");
    drop(hub);
    fs::remove_file(body).unwrap();
    for place in [shelf.folder("b"), shelf.text("b.tar")] {
        lacking(&office, &place);
        for arguments in [vec!["verify", &place], vec!["verify", "--quiet", &place]] {
            let done = office.run(&arguments);
            let told = String::from_utf8(done.out).unwrap();
            assert_eq!(done.code, Some(1), "{told}");
            assert!(told.contains("content of 1 of its 1 messages"), "{told}");
            assert!(!told.contains("good"), "{told}");
        }
    }
}

fn faults_in_place(office: &Office) -> String {
    let done = office.run(&["verify"]);
    assert_eq!(done.code, Some(1), "{done:?}");
    String::from_utf8(done.out).unwrap()
}
