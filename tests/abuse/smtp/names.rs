//! Names and ids that are paths, options or terminal codes, on the command
//! line. What directory.toml may name stands in `tests/config`.

use std::fs;

use super::{is_unfit, office};
use crate::hub::{Office, run};
use crate::mail::send;

const NAMES: [&str; 12] = [
    "",
    "..",
    "../../etc/passwd",
    "a/b",
    "-rf",
    "*",
    "$(id)",
    "x\ny",
    "x\x1b[2J",
    "\u{202e}anna",
    "0000000000000\u{e9}",
    "'; drop table messages; --",
];

/// Every command that takes a name of something which is there.
const COMMANDS: [&[&str]; 12] = [
    &["mail", "show", "--", "NAME"],
    &["mail", "why", "--", "NAME"],
    &["mail", "erase", "--yes", "--", "NAME"],
    &["mail", "list", "--", "NAME"],
    &["mail", "restore", "--since", "1 day", "--", "NAME"],
    &["unclaimed", "show", "--", "NAME"],
    &["unclaimed", "give", "--", "NAME", "anna"],
    &["unclaimed", "delete", "--", "NAME"],
    &["user", "passwd", "--password-stdin", "--", "NAME"],
    &["user", "remove", "--", "NAME"],
    &["user", "rename", "--", "NAME", "carol"],
    &["alias", "remove", "--", "NAME"],
];

/// Commands that make a name.
const MAKERS: [&[&str]; 2] = [
    &["user", "add", "--password-stdin", "--", "NAME"],
    &["user", "rename", "--", "bob", "NAME"],
];

/// All files of the office and what they hold, but for the store's.
fn files(office: &Office) -> Vec<(String, u64)> {
    let mut files: Vec<(String, u64)> = fs::read_dir(office.path("."))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let octets = entry.metadata().unwrap().len();
            (entry.file_name().to_string_lossy().into_owned(), octets)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_name_that_is_none_is_refused_in_one_clean_line() {
    let office = office();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "stays");
    let (before, directory) = (files(&office), office.read("directory.toml"));
    let long = "x".repeat(10_000);
    for name in NAMES.into_iter().chain([long.as_str()]) {
        for command in COMMANDS.iter().chain(&MAKERS) {
            let arguments: Vec<&str> = command
                .iter()
                .map(|word| if *word == "NAME" { name } else { word })
                .collect();
            let done = run(office.command(&arguments), b"another-password\n");
            let shown: Vec<&str> = arguments
                .iter()
                .map(|word| &word[..word.len().min(40)])
                .collect();
            assert_eq!(done.code, Some(1), "{shown:?}: {done:?}");
            assert!(done.err.starts_with("postroom: "), "{shown:?}: {done:?}");
            let line = done.err.trim_end_matches('\n');
            assert!(
                !line.replace('\n', "").contains(is_unfit),
                "{shown:?}: {line:?}"
            );
            // The name itself may have a line end.
            assert!(line.lines().count() <= 2, "{shown:?}: {line}");
        }
    }
    assert_eq!(office.read("directory.toml"), directory);
    assert_eq!(files(&office), before);
    assert_eq!(crate::mail::waiting(&hub, "anna"), 1);
}

#[test]
fn a_user_of_an_odd_but_good_name_has_an_ordinary_mailbox() {
    let office = office();
    // Names of devices and of files elsewhere; here a name is never a path.
    for name in [
        "con",
        "nul",
        "a.b",
        "control",
        "lock",
        "postroom.db",
        "root",
    ] {
        office.add_user(name);
        let hub = office.serve();
        send(&hub, &[&format!("{name}@example.com")], name);
        assert_eq!(crate::mail::waiting(&hub, name), 1, "{name}");
    }
}
