//! Backups into a folder that has one.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::hub::Office;
use crate::{Shelf, faults, names, send_large};

#[test]
fn only_what_is_new_is_copied_and_what_is_gone_is_removed() {
    let office = Office::new();
    let shelf = Shelf::new();
    let place = shelf.folder("b");
    let hub = office.serve();
    let first = send_large(&hub, "anna@example.com", "one");
    send_large(&hub, "anna@example.com", "two");
    let said = office.good(&["backup", &place]);
    assert!(said.contains("and 2 large messages"), "{said}");
    let bodies = shelf.path("b/bodies");
    let inode = |name: &String| fs::metadata(bodies.join(name)).unwrap().ino();
    let before: Vec<(String, u64)> = names(&bodies)
        .into_iter()
        .map(|name| (name.clone(), inode(&name)))
        .collect();

    office.good(&["mail", "erase", "--yes", &first]);
    send_large(&hub, "bob@example.com", "three");
    let said = office.good(&["backup", &place, "--verify"]);
    assert!(said.contains("and 1 large messages"), "{said}");
    assert!(said.contains("1 were there already"), "{said}");
    assert!(
        said.contains("good: the backup of post.example.com"),
        "{said}"
    );
    let after = names(&bodies);
    assert_eq!(after.len(), 2);
    let kept = before
        .iter()
        .filter(|(name, inode)| after.contains(name) && self::inode(&bodies, name) == *inode);
    assert_eq!(kept.count(), 1);
    assert_eq!(
        names(&shelf.path("b")).len(),
        4,
        "{:?}",
        names(&shelf.path("b"))
    );
    assert_eq!(office.good(&["backup", &place, "--quiet"]), "");
}

fn inode(folder: &std::path::Path, name: &str) -> u64 {
    fs::metadata(folder.join(name)).unwrap().ino()
}

#[test]
fn what_the_backup_has_lost_is_copied_anew() {
    let office = Office::new();
    let shelf = Shelf::new();
    let place = shelf.folder("b");
    let hub = office.serve();
    send_large(&hub, "anna@example.com", "one");
    send_large(&hub, "anna@example.com", "two");
    office.good(&["backup", &place]);
    let body = shelf
        .path("b/bodies")
        .join(&names(&shelf.path("b/bodies"))[0]);
    let cut = fs::read(&body).unwrap();
    fs::write(&body, &cut[..1000]).unwrap();
    assert!(faults(&office, &place).contains("has 1000 octets instead of"));
    let said = office.good(&["backup", &place, "--verify"]);
    assert!(said.contains("and 1 large messages"), "{said}");
    // Without a manifest that can be trusted, each is compared with the store's.
    let manifest = shelf.path("b/manifest.jsonl");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    let mut octets = cut.clone();
    octets[500] ^= 1;
    fs::write(&body, octets).unwrap();
    assert!(faults(&office, &place).contains("is damaged"));
    office.good(&["backup", &place, "--verify"]);
    assert_eq!(fs::read(&body).unwrap(), cut);
}

#[test]
fn places_that_are_no_good_are_refused_and_left_alone() {
    let office = Office::new();
    let shelf = Shelf::new();
    drop(office.serve());
    fs::create_dir(shelf.path("photos")).unwrap();
    fs::write(shelf.path("photos/1.jpg"), "x").unwrap();
    let why = office.run(&["backup", &shelf.text("photos")]).bad();
    assert!(why.contains("holds other things than a backup"), "{why}");
    assert_eq!(names(&shelf.path("photos")), ["1.jpg"]);
    let before = names(&office.path("data"));
    for inside in [
        "data/b/",
        "data/b.tar",
        "data",
        "./data/../data/bodies/x/",
        "b.tar",
    ] {
        let why = office.run(&["backup", inside]).bad();
        assert!(
            why.contains("choose a place on another disk"),
            "{inside}: {why}"
        );
    }
    std::os::unix::fs::symlink(office.path("data"), shelf.path("link")).unwrap();
    let why = office.run(&["backup", &shelf.text("link/b/")]).bad();
    assert!(why.contains("choose a place on another disk"), "{why}");
    assert_eq!(names(&office.path("data")), before);
    let why = office.run(&["backup", &shelf.text("not/there.tar")]).bad();
    assert!(why.contains("is the disk there, and mounted?"), "{why}");
    let why = office.run(&["verify", &shelf.text("photos")]).bad();
    assert!(why.contains("is no backup of postroom"), "{why}");
    fs::write(shelf.path("letter.odt"), "precious").unwrap();
    let why = office.run(&["backup", &shelf.text("letter.odt")]).bad();
    assert!(why.contains("is no backup of postroom"), "{why}");
    assert_eq!(fs::read(shelf.path("letter.odt")).unwrap(), b"precious");
    office.good(&["backup", &shelf.folder("b")]);
    office.good(&["verify", &shelf.text("b")]);
    let why = office.run(&["backup", "-", "--verify"]).bad();
    assert!(why.contains("cannot be read again"), "{why}");
}

#[test]
fn without_a_hub_and_without_a_store() {
    let office = Office::new();
    let shelf = Shelf::new();
    let why = office.run(&["backup", &shelf.text("b.tar")]).bad();
    assert!(
        why.contains("no hub has run with this data_dir yet"),
        "{why}"
    );
    let why = office.run(&["verify"]).bad();
    assert!(
        why.contains("no hub has run with this data_dir yet"),
        "{why}"
    );
    assert_eq!(shelf.names(), [] as [&str; 0]);
    let mut hub = office.serve();
    send_large(&hub, "anna@example.com", "one");
    hub.kill();
    // What a kill left in the log is in it, too, and the next start finds all as it was.
    office.good(&["backup", &shelf.text("b.tar"), "--verify"]);
    office.good(&["backup", &shelf.folder("b"), "--verify"]);
    office.good(&["verify"]);
    assert_eq!(crate::mail::waiting(&office.serve(), "anna"), 1);
    assert_eq!(shelf.names(), ["b", "b.tar"]);
}

#[test]
fn what_the_store_has_lost_stays_in_the_backup_and_a_restore_heals_it() {
    let office = Office::new();
    let shelf = Shelf::new();
    let place = shelf.folder("b");
    let hub = office.serve();
    let lost: Vec<String> = ["one", "two", "three"]
        .map(|subject| send_large(&hub, "anna@example.com", subject))
        .into();
    office.good(&["backup", &place]);
    drop(hub);
    let bodies = office.path("data/bodies");
    let whole = names(&bodies).into_iter().map(|name| {
        let octets = fs::read(bodies.join(&name)).unwrap();
        (name, octets)
    });
    let whole: Vec<(String, Vec<u8>)> = whole.collect();
    fs::write(bodies.join(&whole[0].0), &whole[0].1[..1000]).unwrap();
    fs::remove_file(bodies.join(&whole[1].0)).unwrap();
    let are_held = || {
        for (name, octets) in &whole {
            let held = fs::read(shelf.path("b/bodies").join(name)).unwrap();
            assert!(&held == octets, "{name}");
        }
    };
    // Each night anew, and it is told each night.
    for _ in 0..2 {
        let done = office.run(&["backup", &place, "--quiet", "--verify"]);
        assert_eq!(done.code, Some(1), "{done:?}");
        let told = "has lost the content of 2 messages";
        assert!(done.err.contains(told), "{}", done.err);
        assert!(done.err.contains("this backup still has them"));
        assert_eq!(lost.iter().filter(|id| done.err.contains(*id)).count(), 2);
        are_held();
    }
    // Not even a manifest that cannot be trusted gives it up.
    fs::write(shelf.path("b/manifest.jsonl"), "cut").unwrap();
    assert_eq!(office.run(&["backup", &place]).code, Some(1));
    are_held();
    let said = office.good(&["verify", &place]);
    assert!(!said.contains("lost in the store"), "{said}");
    fs::rename(office.path("data"), shelf.path("before")).unwrap();
    office.good(&["restore", &place, "--mail-only"]);
    office.good(&["verify"]);
    assert_eq!(crate::mail::collect(&office.serve(), "anna").len(), 3);
}

#[test]
fn a_disk_that_is_not_mounted_gets_no_folders_and_the_mails_own_is_warned_of() {
    let office = Office::new();
    let shelf = Shelf::new();
    drop(office.serve());
    for place in [
        shelf.folder("disk/postroom"),
        shelf.text("disk/postroom.tar"),
    ] {
        let why = office.run(&["backup", "--quiet", &place]).bad();
        assert!(why.contains("is the disk there, and mounted?"), "{why}");
    }
    assert_eq!(shelf.names(), [] as [&str; 0]);
    let warning = "on the same disk as the mail";
    for place in [shelf.folder("b"), shelf.text("b.tar")] {
        let done = office.run(&["backup", "--quiet", &place]);
        assert_eq!((done.code, done.out.len()), (Some(0), 0), "{done:?}");
        assert!(done.err.contains(warning), "{}", done.err);
    }
    // Memory is another disk, wherever there is one.
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let device = |path: &std::path::Path| fs::metadata(path).unwrap().dev();
    assert_ne!(device(memory.path()), device(&office.path("data")));
    for name in ["b/", "b.tar"] {
        let place = memory.path().join(name);
        let done = office.run(&["backup", "--quiet", place.to_str().unwrap()]);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    }
}
