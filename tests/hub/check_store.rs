//! What `postroom check` says of a store that no hub could open, and of a hub that is
//! not there.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use serde_json::Value;

use crate::check::{bad, check};
use crate::hub::{Hub, Office};
use crate::mail::{greet, log_in, send_in};

/// Too large for the database: its body has a file.
fn send_large(hub: &Hub) {
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    let lines = b"a line of a large message\r\n".repeat(6000);
    let content = [&b"Subject: large\r\n\r\n"[..], &lines].concat();
    send_in(&mut smtp, &["anna@example.com"], &content);
}

/// Its hub has run, and left a message with a body of its own.
fn office_with_mail() -> Office {
    let office = Office::new();
    let mut hub = office.serve();
    send_large(&hub);
    assert!(hub.stop().success());
    office
}

fn names(office: &Office) -> Vec<String> {
    let found = fs::read_dir(office.path("data")).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<String> = found.map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

fn text<'a>(finding: &'a Value, field: &str) -> &'a str {
    finding[field].as_str().unwrap()
}

#[test]
fn whatever_keeps_a_hub_from_starting_is_an_error_with_what_to_do() {
    type Damage = fn(&Office);
    let cases: [(&str, Damage, &str, &str); 5] = [
        (
            "moved away",
            |office| fs::rename(office.path("data/postroom.db"), office.path("aside")).unwrap(),
            "but the database it belongs to is gone",
            "put that same file back",
        ),
        (
            "moved away, and bodies/ alone is left",
            |office| {
                fs::remove_file(office.path("data/postroom.db")).unwrap();
                fs::remove_file(office.path("data/reserve")).unwrap();
            },
            "holds mail (1 files in bodies/), but the database",
            "sudo chown -R --reference=",
        ),
        (
            "its head overwritten",
            |office| {
                let path = office.path("data/postroom.db");
                let file = File::options().write(true).open(path).unwrap();
                file.write_all_at(&[0xa5; 100], 0).unwrap();
            },
            "postroom.db is damaged",
            "data.before), and then restore the mail (sudo postroom restore --mail-only BACKUP)",
        ),
        (
            "emptied",
            |office| drop(File::create(office.path("data/postroom.db")).unwrap()),
            "but the database it belongs to is gone",
            "put that same file back",
        ),
        (
            "another program's",
            |office| {
                let path = office.path("data/postroom.db");
                fs::remove_file(&path).unwrap();
                let other = rusqlite::Connection::open(path).unwrap();
                other.execute_batch("CREATE TABLE recipe (x)").unwrap();
            },
            "is not a store of postroom",
            "put that same file back",
        ),
    ];
    for (damage, damage_it, expected, mend) in cases {
        let office = office_with_mail();
        damage_it(&office);
        let before = names(&office);
        let (code, report) = check(&office);
        assert_eq!(code, Some(1), "{damage}: {report:#}");
        assert_eq!(names(&office), before, "{damage}");
        let found = bad(&report, "store");
        assert_eq!(found.len(), 1, "{damage}: {report:#}");
        assert!(
            text(found[0], "text").contains(expected),
            "{damage}: {found:?}"
        );
        assert!(text(found[0], "mend").contains(mend), "{damage}: {found:?}");
        assert_eq!(bad(&report, "hub").len(), 1, "{damage}: {report:#}");
        // The hub says the same, in one sentence.
        let refusal = office.run(&["serve"]).bad();
        assert!(
            refusal.contains(expected) && refusal.contains(mend),
            "{refusal}"
        );
    }
}

#[test]
fn a_database_that_is_gone_is_told_by_all_who_look_for_it() {
    let office = office_with_mail();
    fs::rename(office.path("data/postroom.db"), office.path("aside")).unwrap();
    let shelf = tempfile::tempdir().unwrap();
    let copy = shelf.path().join("copy.tar");
    let backup = ["backup", copy.to_str().unwrap()];
    for command in [&["verify"][..], &backup, &["status"]] {
        let why = office.run(command).bad();
        assert!(why.contains("the database it belongs to is gone"), "{why}");
    }
    // Under a running hub, too, which notices at its next write.
    fs::rename(office.path("aside"), office.path("data/postroom.db")).unwrap();
    let _hub = office.serve();
    fs::rename(office.path("data/postroom.db"), office.path("aside")).unwrap();
    let (code, report) = check(&office);
    assert_eq!(
        (code, bad(&report, "store").len()),
        (Some(1), 1),
        "{report:#}"
    );
}

#[test]
fn messages_whose_files_are_gone_are_counted_with_a_hub_and_without() {
    let office = office_with_mail();
    fs::remove_dir_all(office.path("data/bodies")).unwrap();
    for hub_runs in [false, true] {
        let hub = hub_runs.then(|| office.serve());
        let (code, report) = check(&office);
        assert_eq!(code, Some(1), "{report:#}");
        let found = bad(&report, "store");
        assert_eq!(found.len(), 1, "{report:#}");
        let said = text(found[0], "text");
        assert!(
            said.starts_with("the content of 1 messages is missing"),
            "{said}"
        );
        // What came since the last backup must not go with the old store.
        let mend = text(found[0], "mend");
        let steps = [
            "import",
            "postroom backup once more",
            "stop the hub",
            "restore --mail-only",
        ];
        let places = steps.map(|step| mend.find(step).expect(step));
        assert!(places.is_sorted(), "{mend}");
        assert!(mend.ends_with("what came since is lost"), "{mend}");
        drop(hub);
    }
}

#[test]
fn a_hub_that_has_run_and_runs_no_more_is_a_warning() {
    let office = Office::new();
    assert_eq!(check(&office).0, Some(0));
    // What a command made is no hub's.
    office.status();
    assert_eq!(check(&office).0, Some(0));
    let mut hub = office.serve();
    log_in(&hub, "anna");
    assert_eq!(check(&office).0, Some(0));
    hub.kill();
    let (code, report) = check(&office);
    assert_eq!(code, Some(3), "{report:#}");
    let found = bad(&report, "hub");
    assert!(
        text(found[0], "text").starts_with("no hub runs, "),
        "{found:?}"
    );
    assert!(text(found[0], "mend").contains("systemctl enable --now postroom"));
}
