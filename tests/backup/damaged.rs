//! Backups that a disk, or a person, has changed: found, told, and never restored.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::hub::{Office, at_once};
use crate::{NewBox, Shelf, faults, names, send_large};

/// Changes the octet in the middle.
fn flip(path: &Path) {
    let mut octets = fs::read(path).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    fs::write(path, octets).unwrap();
}

fn cut(path: &Path) {
    let octets = fs::read(path).unwrap();
    fs::write(path, &octets[..octets.len() - 1]).unwrap();
}

fn body(folder: &Path) -> PathBuf {
    let bodies = folder.join("bodies");
    bodies.join(&names(&bodies)[0])
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from));
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

type Damage = (&'static str, fn(&Path), &'static str);

const DAMAGES: [Damage; 14] = [
    (
        "a body",
        |b| flip(&body(b)),
        "is damaged: its octets are not those that were backed up",
    ),
    ("a body is cut", |b| cut(&body(b)), "octets instead of"),
    (
        "a body is missing",
        |b| fs::remove_file(body(b)).unwrap(),
        "is missing",
    ),
    (
        "a body is a link",
        |b| {
            let body = body(b);
            fs::rename(&body, b.join("aside")).unwrap();
            std::os::unix::fs::symlink("../aside", &body).unwrap();
        },
        "cannot be read",
    ),
    (
        "the database",
        |b| flip(&b.join("state-1/postroom.db")),
        "state-1/postroom.db is damaged",
    ),
    (
        "the database is missing",
        |b| fs::remove_file(b.join("state-1/postroom.db")).unwrap(),
        "state-1/postroom.db is missing",
    ),
    (
        "the settings",
        |b| flip(&b.join("state-1/settings/0")),
        "state-1/settings/0 is damaged",
    ),
    (
        "the manifest is cut",
        |b| cut(&b.join("manifest.jsonl")),
        "manifest of",
    ),
    (
        "half the manifest",
        |b| {
            let text = fs::read_to_string(b.join("manifest.jsonl")).unwrap();
            fs::write(b.join("manifest.jsonl"), &text[..text.len() / 2]).unwrap();
        },
        "it is cut off",
    ),
    (
        "the manifest",
        |b| edit(&b.join("manifest.jsonl"), "\"octets\":", "\"octets\":1"),
        "its own SHA-256 is another",
    ),
    (
        "no manifest",
        |b| fs::remove_file(b.join("manifest.jsonl")).unwrap(),
        "is no backup of postroom",
    ),
    (
        "a newer one",
        |b| {
            edit(
                &b.join("manifest.jsonl"),
                "\"postroom_backup\":1",
                "\"postroom_backup\":2",
            )
        },
        "made by a newer postroom",
    ),
    (
        "octets for a manifest",
        |b| fs::write(b.join("manifest.jsonl"), [0xff, 0xfe]).unwrap(),
        "it is no text",
    ),
    (
        "an empty manifest",
        |b| fs::write(b.join("manifest.jsonl"), "").unwrap(),
        "is no backup of postroom",
    ),
];

#[test]
fn every_damage_of_a_folder_is_found_and_nothing_is_restored() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    send_large(&hub, "anna@example.com", "one");
    office.good(&["backup", &shelf.folder("good")]);
    drop(hub);
    at_once(DAMAGES, |(name, damage, expected)| {
        let copy = shelf.path(name);
        copy_folder(&shelf.path("good"), &copy);
        damage(&copy);
        let copy = shelf.text(name);
        let told = faults(&office, &copy);
        assert!(told.contains(expected), "{name}: {told}");
        restores_nothing(&copy, expected);
    });
}

#[test]
fn every_damage_of_an_archive_is_found_and_nothing_is_restored() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    send_large(&hub, "anna@example.com", "one");
    let good = shelf.text("good.tar");
    office.good(&["backup", &good]);
    drop(hub);
    let octets = fs::read(&good).unwrap();
    // The octet of each block in turn, every eleventh: headers, contents, padding.
    let places: Vec<usize> = (0..octets.len()).step_by(512 * 11 + 37).collect();
    let (mut found, mut harmless) = (0, 0);
    for place in places {
        let mut changed = octets.clone();
        changed[place] ^= 1;
        let name = shelf.path("bad.tar");
        fs::write(&name, changed).unwrap();
        match office.run(&["verify", &shelf.text("bad.tar")]).code {
            Some(1) => found += 1,
            // Times, owners and padding mean nothing.
            Some(0) => harmless += 1,
            other => panic!("octet {place}: {other:?}"),
        }
    }
    assert!(found > 20 && harmless <= found / 4, "{found} {harmless}");
    for octets_left in [0, 100, 512, 1024, octets.len() / 2, octets.len() - 4096] {
        fs::write(shelf.path("cut.tar"), &octets[..octets_left]).unwrap();
        let told = faults(&office, &shelf.text("cut.tar"));
        assert!(
            told.contains("is no backup of postroom") || told.contains("cannot read"),
            "{octets_left}: {told}"
        );
        restores_nothing(&shelf.text("cut.tar"), "cut.tar");
    }
}

#[test]
fn an_archive_that_tar_unpacks_is_a_backup_in_a_folder() {
    let office = Office::new();
    let shelf = Shelf::new();
    drop(office.serve());
    let tar = shelf.text("b.tar");
    office.good(&["backup", &tar]);
    fs::create_dir(shelf.path("b")).unwrap();
    let mut unpack = Command::new("tar");
    unpack.args(["-xf", &tar, "-C", &shelf.text("b")]);
    assert!(unpack.status().unwrap().success());
    office.good(&["verify", &shelf.text("b")]);
    // And one that goes on from there.
    office.good(&["backup", &shelf.text("b"), "--verify"]);
}

#[test]
fn a_body_that_was_cut_before_the_backup_comes_back_as_it_was() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    send_large(&hub, "anna@example.com", "one");
    drop(hub);
    fs::write(body(&office.path("data")), "cut").unwrap();
    // Told when it is made, and known from then on.
    assert_eq!(office.run(&["backup", &shelf.folder("b")]).code, Some(1));
    let other = NewBox::new();
    let said = other.run(&["restore", &shelf.text("b")]).good();
    assert!(
        said.contains("was lost in the store before the backup was made"),
        "{said}"
    );
}

#[test]
fn a_store_that_does_not_fit_together_is_found_and_not_restored() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    send_large(&hub, "anna@example.com", "one");
    drop(hub);
    for (change, expected) in [
        (
            "UPDATE mailbox SET messages = 7 WHERE user = 'anna'",
            "the totals of the mailbox of anna",
        ),
        (
            "CREATE TRIGGER thief AFTER INSERT ON entry BEGIN DELETE FROM entry; END",
            "another thief",
        ),
    ] {
        let db = rusqlite::Connection::open(office.path("data/postroom.db")).unwrap();
        db.execute_batch(change).unwrap();
        drop(db);
        let in_place = office.run(&["verify"]);
        assert_eq!(in_place.code, Some(1));
        assert!(String::from_utf8(in_place.out).unwrap().contains(expected));
        for place in [shelf.folder("b"), shelf.text("b.tar")] {
            office.good(&["backup", &place]);
            assert!(faults(&office, &place).contains(expected));
            restores_nothing(&place, expected);
        }
    }
}

#[test]
fn what_is_left_of_a_damaged_backup_is_restored_for_who_says_so() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    for subject in ["one", "two", "three"] {
        send_large(&hub, "anna@example.com", subject);
    }
    office.good(&["backup", &shelf.folder("b")]);
    drop(hub);
    let bodies = shelf.path("b/bodies");
    let [first, second, _] = &names(&bodies)[..] else {
        panic!("three bodies");
    };
    fs::remove_file(bodies.join(first)).unwrap();
    flip(&bodies.join(second));
    restores_nothing(&shelf.text("b"), "--damaged restores what is left");
    let other = NewBox::new();
    let said = other
        .run(&["restore", &shelf.text("b"), "--damaged"])
        .good();
    assert!(
        said.contains(&format!("damaged: bodies/{first} is missing")),
        "{said}"
    );
    assert!(
        said.contains(&format!("damaged: bodies/{second} is damaged")),
        "{said}"
    );
    let hub = other.serve();
    let mut pop3 = crate::mail::log_in(&hub, "anna");
    let mut read = 0;
    for number in 1..=3 {
        let answer = pop3.say(&format!("RETR {number}"), "*");
        if answer.starts_with("+OK") {
            pop3.multi_line();
            read += 1;
        }
    }
    assert_eq!(read, 2);
    drop(hub);
    flip(&shelf.path("b/state-1/postroom.db"));
    let other = NewBox::new();
    let why = other.run(&["restore", &shelf.text("b"), "--damaged"]).bad();
    assert!(why.contains("postroom.db is damaged"), "{why}");
    assert!(!other.path("etc/postroom.toml").exists());
}

#[test]
fn damaged_settings_keep_nobody_from_mail_that_is_whole() {
    let office = Office::new();
    let shelf = Shelf::new();
    let hub = office.serve();
    send_large(&hub, "anna@example.com", "one");
    office.good(&["backup", &shelf.folder("b")]);
    drop(hub);
    let damaged = shelf.path("b/state-1/settings/3");
    let mut octets = fs::read(&damaged).unwrap();
    octets.push(b'x');
    fs::write(&damaged, octets).unwrap();
    let from = shelf.text("b");
    for arguments in [vec!["restore", &from], vec!["restore", &from, "--damaged"]] {
        let why = NewBox::new().run(&arguments).bad();
        assert!(why.contains("state-1/settings/3 has"), "{why}");
        assert!(why.contains("(it is tls/key.pem of the settings)"), "{why}");
        assert!(why.contains("--mail-only brings all mail back"), "{why}");
        assert!(!why.contains("--damaged"), "{why}");
    }
    fs::remove_dir_all(office.path("data")).unwrap();
    let said = office.good(&["restore", &from, "--mail-only"]);
    assert!(
        said.contains("damaged, and not needed: state-1/settings/3"),
        "{said}"
    );
    assert_eq!(crate::mail::waiting(&office.serve(), "anna"), 1);

    fs::remove_file(body(&shelf.path("b"))).unwrap();
    fs::remove_dir_all(office.path("data")).unwrap();
    let why = NewBox::new().run(&["restore", &from, "--damaged"]).bad();
    assert!(why.contains("--mail-only --damaged brings back"), "{why}");
    let why = office.run(&["restore", &from, "--mail-only"]).bad();
    assert!(why.contains("--damaged restores what is left"), "{why}");
    assert!(!why.contains("settings/3"), "{why}");
    let said = office.good(&["restore", &from, "--mail-only", "--damaged"]);
    assert!(said.contains("damaged: bodies/"), "{said}");
}

fn restores_nothing(backup: &str, expected: &str) {
    let other = NewBox::new();
    let done = other.run(&["restore", backup]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.err.contains(expected), "{}", done.err);
    assert!(!other.path("etc/postroom.toml").exists());
    let data = other.path("etc/data");
    if data.exists() {
        assert_eq!(names(&data), ["lock"], "{}", done.err);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    let mut copy = Command::new("cp");
    assert!(copy.arg("-a").arg(from).arg(to).status().unwrap().success());
}
