//! Backups and restores that are killed at any call, or find the disk full.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use crate::hub::{Office, run};
use crate::interpose::call::{MKDIR, RENAME, SYNC, TRUNCATE, UNLINK, WRITE};
use crate::interpose::place::{BODIES, BODY, DATABASE, FOLDER, LOG, OTHER};
use crate::interpose::{Action, Interposed, Rule};
use crate::mail::{collect, waiting};
use crate::{NewBox, Shelf, names, send_large};

/// Whatever changes something on a disk.
const CALLS: i32 = WRITE | SYNC | RENAME | UNLINK | TRUNCATE | MKDIR;
const PLACES: i32 = DATABASE | LOG | BODY | BODIES | FOLDER | OTHER;
/// ENOSPC.
const NO_SPACE: i32 = 28;

/// Whether the command was killed before this call of its.
pub fn killed(mut command: Command, interposed: &Interposed, call: i64) -> bool {
    interposed.preload(&mut command);
    interposed.order(&[Rule::once(Action::KillBefore, CALLS, PLACES, call)]);
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    let ended = quiet.status().unwrap();
    interposed.lift();
    match ended.signal() {
        Some(9) => true,
        None => {
            assert!(ended.success(), "call {call}: {ended}");
            false
        }
        other => panic!("call {call}: {other:?}"),
    }
}

fn office_with_mail() -> Office {
    let office = Office::new();
    let hub = office.serve();
    send_large(&hub, "anna@example.com", "one");
    send_large(&hub, "bob@example.com", "two");
    office
}

#[test]
fn a_backup_killed_at_any_call_leaves_the_earlier_one_whole() {
    let office = office_with_mail();
    let shelf = Shelf::new();
    let place = shelf.folder("shelf");
    office.good(&["backup", &place]);
    let interposed = Interposed::new();
    let mut call = 0;
    loop {
        // Something to remove and something to copy each time.
        let hub = office.serve();
        let list = office.good(&["mail", "list", "bob"]);
        let oldest = list.lines().nth(1).unwrap().split(' ').next().unwrap();
        office.good(&["mail", "erase", "--yes", oldest]);
        send_large(&hub, "bob@example.com", "another");
        drop(hub);
        let was_killed = killed(office.command(&["backup", &place]), &interposed, call);
        let good = office.good(&["verify", &place]);
        assert!(good.contains("2 messages"), "call {call}: {good}");
        if !was_killed {
            break;
        }
        call += 3;
    }
    assert!(call > 20, "{call}");
    assert_eq!(names(&shelf.path("shelf/bodies")).len(), 2);
    assert_eq!(names(&shelf.path("shelf")).len(), 4);
}

#[test]
fn a_first_backup_killed_at_any_call_is_gone_on_with() {
    let office = office_with_mail();
    let interposed = Interposed::new();
    let mut call = 0;
    loop {
        let shelf = Shelf::new();
        let place = shelf.folder("shelf");
        let was_killed = killed(office.command(&["backup", &place]), &interposed, call);
        if was_killed && shelf.path("shelf/manifest.jsonl").exists() {
            office.good(&["verify", &place]);
        }
        office.good(&["backup", &place, "--verify"]);
        assert_eq!(names(&shelf.path("shelf/bodies")).len(), 2, "call {call}");
        if !was_killed {
            break;
        }
        call += 3;
    }
    assert!(call > 20, "{call}");
}

#[test]
fn an_archive_killed_at_any_call_leaves_the_earlier_one_whole() {
    let office = office_with_mail();
    let shelf = Shelf::new();
    let tar = shelf.text("shelf.tar");
    office.good(&["backup", &tar]);
    let interposed = Interposed::new();
    let mut call = 0;
    while killed(office.command(&["backup", &tar]), &interposed, call) {
        office.good(&["verify", &tar]);
        call += 1;
    }
    assert!(call > 5, "{call}");
    office.good(&["backup", &tar, "--verify"]);
    assert!(!shelf.path("shelf.tar.part").exists());
}

#[test]
fn a_disk_that_is_full_is_told_and_the_earlier_backup_is_whole() {
    let office = office_with_mail();
    let shelf = Shelf::new();
    let place = shelf.folder("shelf");
    office.good(&["backup", &place]);
    let hub = office.serve();
    send_large(&hub, "anna@example.com", "more");
    drop(hub);
    let interposed = Interposed::new();
    for (calls, places, after) in [
        (WRITE, BODY, 0),
        (WRITE, DATABASE, 3),
        (SYNC, BODY, 0),
        (MKDIR, OTHER, 0),
    ] {
        let mut command = office.command(&["backup", &place]);
        interposed.preload(&mut command);
        let rule = Rule::always(Action::Fail(NO_SPACE), calls, places);
        interposed.order(&[Rule { after, ..rule }]);
        let why = run(command, b"").bad();
        interposed.lift();
        assert!(
            why.contains("No space left") || why.contains("no storage space"),
            "{why}"
        );
        assert!(why.contains("An earlier backup is as it was"), "{why}");
        office.good(&["verify", &place]);
    }
    office.good(&["backup", &place, "--verify"]);
}

#[test]
fn a_restore_killed_at_any_call_is_no_store_and_is_done_again() {
    let mut refused = 0;
    let office = office_with_mail();
    let shelf = Shelf::new();
    let place = shelf.folder("b");
    office.good(&["backup", &place]);
    let interposed = Interposed::new();
    let mut call = 0;
    let mut other = NewBox::new();
    loop {
        other.renew();
        let restore = other.command(&["restore", &place]);
        if !killed(restore, &interposed, call) {
            break;
        }
        let is_whole = other.path("etc/data/postroom.db").exists();
        if !is_whole && other.path("etc/postroom.toml").exists() {
            let why = other.run(&["serve"]).bad();
            assert!(
                why.contains("a restore that was broken off"),
                "call {call}: {why}"
            );
            refused += 1;
        }
        let again = other.run(&["restore", &place]);
        match is_whole {
            true => assert!(again.bad().contains("never overwrites"), "call {call}"),
            false => drop(again.good()),
        }
        assert!(other.path("etc/postroom.toml").exists(), "call {call}");
        if call % 6 == 0 || is_whole {
            let hub = other.serve();
            assert_eq!(waiting(&hub, "anna"), 1, "call {call}");
            assert_eq!(collect(&hub, "bob").len(), 1, "call {call}");
            let data = names(&other.path("etc/data"));
            assert!(!data.contains(&"restore.part".to_string()), "call {call}");
        }
        call += 2;
    }
    assert!(call > 20 && refused > 0, "{call} {refused}");
}

#[test]
fn a_restore_killed_when_the_database_has_come_never_costs_the_next_one_newer_mail() {
    let office = office_with_mail();
    let shelf = Shelf::new();
    let place = shelf.folder("b");
    office.good(&["backup", &place]);
    let interposed = Interposed::new();
    let mut other = NewBox::new();
    let part = |other: &NewBox| other.path("etc/data/restore.part");
    let mut call = 0;
    // After the database's last rename, and before the folder of the restore is gone.
    loop {
        other.renew();
        let restore = other.command(&["restore", &place]);
        assert!(killed(restore, &interposed, call), "never so");
        if other.path("etc/data/postroom.db").exists() && part(&other).exists() {
            break;
        }
        call += 1;
    }
    assert_eq!(names(&part(&other)), [""; 0], "keys and passwords are left");
    // Whether a hub has run on it, which takes the folder away, or not.
    for has_run in [false, true] {
        if has_run {
            drop(other.serve());
            assert!(!part(&other).exists());
        }
        let database = other.path("etc/data/postroom.db");
        let aside = other.path("aside");
        std::fs::rename(&database, &aside).unwrap();
        let bodies = names(&other.path("etc/data/bodies"));
        let why = other.run(&["restore", &place, "--mail-only"]).bad();
        assert!(why.contains("holds mail whose database is gone"), "{why}");
        assert_eq!(names(&other.path("etc/data/bodies")), bodies);
        assert_eq!(bodies.len(), 2);
        std::fs::rename(&aside, &database).unwrap();
    }
}

#[test]
fn a_restore_that_is_refused_leaves_one_that_was_broken_off_as_it_was() {
    let office = office_with_mail();
    let another = Office::new();
    drop(another.serve());
    let settings = another.read("postroom.toml");
    another.write("postroom.toml", &(settings + "\n# another\n"));
    let shelf = Shelf::new();
    let (one, other_tar) = (shelf.text("one.tar"), shelf.text("another.tar"));
    let (cut, other_folder) = (shelf.text("cut.tar"), shelf.folder("another"));
    office.good(&["backup", &one]);
    another.good(&["backup", &other_tar]);
    another.good(&["backup", &other_folder]);
    let octets = std::fs::read(&one).unwrap();
    let mut changed = octets;
    let place = changed
        .windows(7)
        .position(|seven| seven == b"a line ")
        .unwrap();
    changed[place] = b'A';
    std::fs::write(&cut, &changed).unwrap();
    let interposed = Interposed::new();
    let mut other = NewBox::new();
    let (mut call, mut begun, mut moved) = (0, 0, 0);
    while killed(other.command(&["restore", &one]), &interposed, call) {
        call += 1;
        let data = other.path("etc/data");
        let has = |name: &str| data.join(name).exists();
        if other.path("etc/postroom.toml").exists() && !has("postroom.db") {
            let bodies = || data.join("bodies").read_dir().map_or(0, Iterator::count);
            let before = (bodies(), has("restore.part/postroom.db"));
            for (from, told) in [
                (
                    &other_tar,
                    "is there already, and a restore never overwrites",
                ),
                (
                    &other_folder,
                    "is there already, and a restore never overwrites",
                ),
                (&cut, "is damaged"),
            ] {
                let why = other.run(&["restore", from]).bad();
                assert!(why.contains(told), "call {call}: {why}");
                let after = (bodies(), has("restore.part/postroom.db"));
                assert!(before.0 == 0 || after == before, "call {call}: {after:?}");
                let why = other.run(&["serve"]).bad();
                assert!(why.contains("a restore that was broken off"), "{why}");
            }
            begun += 1;
            moved += u32::from(before.0 > 0);
            other.run(&["restore", &one]).good();
            other.run(&["verify"]).good();
        }
        other.renew();
    }
    assert!(begun > 5 && moved > 1, "{begun}, {moved} of {call}");
}

#[test]
fn what_a_killed_backup_or_verify_left_is_removed_by_the_next() {
    let office = office_with_mail();
    let (shelf, passing) = (Shelf::new(), Shelf::new());
    let tar = shelf.text("shelf.tar");
    let good = office.octets(&["backup", "-"]);
    std::fs::write(&tar, &good).unwrap();
    let interposed = Interposed::new();
    let command = |arguments: &[&str]| {
        let mut command = office.command(arguments);
        command.env("TMPDIR", passing.path(""));
        command
    };
    let left = || (shelf.names(), passing.names());
    let nothing = (vec!["shelf.tar".to_string()], Vec::new());
    for arguments in [["backup", &tar], ["backup", "-"], ["verify", &tar]] {
        let (mut call, mut most) = (0, 0);
        while killed(command(&arguments), &interposed, call) {
            call += 1;
            most = most.max(left().0.len() + left().1.len());
        }
        assert!(most > 1, "nothing was ever left of {arguments:?}");
        assert_eq!(left(), nothing, "{arguments:?}");
    }
    // Beside one that is at work, and what only looks as if it were one's own.
    let others = passing.path(".postroom-0123456789abcdef.part");
    std::fs::create_dir(&others).unwrap();
    std::fs::write(others.join("letter"), "precious").unwrap();
    std::os::unix::fs::symlink(&others, passing.path(".postroom-aaaaaaaaaaaaaaaa.part")).unwrap();
    run(command(&["verify", &tar]), b"").good();
    assert_eq!(passing.names().len(), 2);
    assert!(others.join("letter").exists());
}
