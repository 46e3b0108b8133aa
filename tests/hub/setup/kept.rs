//! Mail of an earlier hub in the data folder: whose it is, a person says.

use std::fs;

use super::{ANSWERED, files, loopback_ports, office, set_up};
use crate::hub::{Office, run};
use crate::mail::{message, pass};
use crate::terminal::Terminal;

/// What an earlier hub left to anna, and its settings are gone, as after a purge. She may
/// have been taken out of the directory before.
fn left_behind(is_missing: bool) -> Office {
    let office = office();
    set_up(&office, &["--no-start"]).good();
    office.write("old.eml", &message("of the earlier anna"));
    office.good(&["import", "anna", "old.eml"]);
    let database = rusqlite::Connection::open(office.path("data/postroom.db")).unwrap();
    let changed = database.execute(
        "UPDATE mailbox SET fingerprint = 'hers', missing_since = iif(?1, 1, NULL) WHERE user = 'anna'",
        [is_missing],
    );
    assert_eq!(changed, Ok(1));
    drop(database);
    for file in ["postroom.toml", "directory.toml"] {
        fs::remove_file(office.path(file)).unwrap();
    }
    for folder in ["tls", "postroom-sheets"] {
        fs::remove_dir_all(office.path(folder)).unwrap();
    }
    office
}

/// What anna's mail program is told, by a hub on free ports.
fn log_in_of_anna(office: &Office) -> String {
    let settings = office.read("postroom.toml");
    let free = ["2525", "1110", "1995"]
        .iter()
        .fold(settings, |text, port| {
            let fixed = format!("[\"127.0.0.1:{port}\", \"[::1]:{port}\"]");
            text.replace(&fixed, "[\"127.0.0.1:0\"]")
        });
    office.write("postroom.toml", &free);
    let hub = office.serve();
    pass(&hub, "anna", "secret-anna")
}

#[test]
fn mail_of_an_earlier_hub_is_given_to_nobody_without_a_word() {
    let office = left_behind(false);
    let (before, in_data) = (files(&office), files_in_data(&office));
    let done = set_up(&office, &[]);
    assert_eq!(done.code, Some(1), "{done:?}");
    let table = String::from_utf8(done.out).unwrap();
    assert!(
        table.contains("anna") && table.contains("MAILBOX"),
        "{table}"
    );
    for part in [
        "--keep-mail",
        "mv ",
        "postroom restore",
        "under the names anna,",
    ] {
        assert!(done.err.contains(part), "{part}: {}", done.err);
    }
    assert_eq!((files(&office), files_in_data(&office)), (before, in_data));
}

/// Without what SQLite leaves beside a database that it has read, the owner's and empty.
fn files_in_data(office: &Office) -> Vec<String> {
    let entries = fs::read_dir(office.path("data")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.retain(|name| !name.starts_with("postroom.db-"));
    names.sort();
    names
}

#[test]
fn who_is_the_same_person_gets_the_mail_also_if_the_name_was_gone() {
    for is_missing in [false, true] {
        let office = left_behind(is_missing);
        set_up(&office, &["--no-start", "--keep-mail"]).good();
        let reply = log_in_of_anna(&office);
        assert!(reply.starts_with("+OK 1 message"), "{is_missing}: {reply}");
    }
}

#[test]
fn on_a_terminal_it_is_asked_and_enter_alone_is_a_no() {
    for (keys, code) in [("\r", 1), ("y", 0)] {
        let office = left_behind(false);
        let _ports = loopback_ports();
        let arguments: Vec<&str> = ANSWERED
            .into_iter()
            .filter(|it| *it != "--no-questions")
            .collect();
        let flags = [
            "--no-start",
            "--accept-from=everybody",
            "--postmaster=anna",
            "--unknown=reject",
            "--outgoing-host=smtp.provider.example",
            "--ask=Bob",
        ];
        let mut person = Terminal::of(&office, &[&arguments[..], &flags].concat());
        person.sees("Outside the office, too?").types("n");
        person.sees("Same persons as before (anna)").types(keys);
        if code == 0 {
            person.sees("Write it?").types("y");
        }
        assert_eq!(person.ends(), Some(code), "{:?}", person.screen);
        assert_eq!(office.path("postroom.toml").exists(), code == 0);
    }
}

#[test]
fn mail_of_names_that_nobody_has_waits_and_stops_nothing() {
    let office = left_behind(false);
    let _ports = loopback_ports();
    let mut arguments = ANSWERED.to_vec();
    arguments.retain(|flag| !flag.starts_with("--user"));
    arguments.extend(["--user=zoe", "--no-start"]);
    let said = run(office.command(&arguments), b"").good();
    assert!(said.contains("It waits there"), "{said}");
    // Whoever is added by that name is asked about.
    let add = office.command(&["user", "add", "anna", "--password-stdin"]);
    assert!(
        run(add, b"another-secret\n")
            .bad()
            .contains("--same-person")
    );
}

#[test]
fn after_init_too_the_first_user_of_a_name_gets_no_mail_without_a_word() {
    let office = left_behind(false);
    office.good(&["init", "--domain=our.example", "--loopback", "--dir=."]);
    let add = office.command(&["user", "add", "anna", "--password-stdin"]);
    let why = run(add, b"another-secret\n").bad();
    assert!(why.contains("--same-person"), "{why}");
    assert!(office.good(&["status"]).contains("anna"));
}

#[test]
fn a_store_that_cannot_be_looked_into_is_told_and_nothing_is_written() {
    let office = left_behind(false);
    fs::rename(office.path("data/postroom.db"), office.path("aside")).unwrap();
    let why = set_up(&office, &["--keep-mail"]).bad();
    assert!(why.contains("the database it belongs to is gone"), "{why}");
    assert!(!office.path("postroom.toml").exists());
}
