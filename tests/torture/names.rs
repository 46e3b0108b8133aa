//! Commands that change who is who, killed at every call that changes a file:
//! directory.toml and the mailboxes must not part for good. Whoever gives the
//! command again has what it was given for.

use std::fs;

use crate::hub::{Hub, Office, run};
use crate::interpose::call::{MKDIR, RENAME, SYNC, TRUNCATE, UNLINK, WRITE};
use crate::interpose::place::{OTHER, STORE};
use crate::interpose::{Action, Interposed, Rule};
use crate::mail::{send, waiting};

const CHANGES: i32 = WRITE | SYNC | RENAME | UNLINK | TRUNCATE | MKDIR;

/// Gives a command until it lives through all its calls, killed `step` calls later
/// each time; `command` is asked anew, `killed` looks at what each kill left.
fn killed_all_the_way(
    office: &Office,
    step: usize,
    mut command: impl FnMut() -> Vec<&'static str>,
    mut killed: impl FnMut(&[&str], i64),
) -> i64 {
    let interposed = Interposed::new();
    for call in (0..).step_by(step) {
        let arguments = command();
        let mut process = office.command(&arguments);
        interposed.preload(&mut process);
        let kill = Rule::once(Action::KillBefore, CHANGES, STORE | OTHER, call);
        interposed.order(&[kill]);
        match run(process, b"secret\n").code {
            None => killed(&arguments, call),
            Some(code) => {
                assert_eq!(code, 0, "{arguments:?}");
                return call;
            }
        }
    }
    unreachable!("a command has an end")
}

/// Nothing is left of a broken edit but the old file or the new one.
fn temporary_files(office: &Office) -> Vec<String> {
    let files = fs::read_dir(office.path("")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

/// bob with two messages, under the alias that people write to.
fn office_of_bob() -> Office {
    let office = Office::new();
    office.without_tls();
    office.good(&["alias", "set", "desk", "bob"]);
    let mut hub = office.serve();
    for subject in ["one", "two"] {
        send(&hub, &["desk@example.com"], subject);
    }
    assert!(hub.stop().success());
    office
}

/// The waiting mail of each mailbox that has any.
fn mailboxes(office: &Office) -> Vec<(String, u64)> {
    let status = office.status();
    let mailboxes = status["mailboxes"].as_array().unwrap().iter();
    let mailboxes = mailboxes.map(|it| {
        let user = it["user"].as_str().unwrap_or("(unclaimed)");
        (user.to_string(), it["messages"].as_u64().unwrap())
    });
    mailboxes.filter(|(_, messages)| *messages > 0).collect()
}

/// Renames to and fro; after each kill the command is given again.
fn rename_killed_all_the_way(office: &Office, step: usize, hub: Option<&Hub>) {
    let (bob, carol) = ("bob", "carol");
    let is_bob = || office.read("directory.toml").contains("[users.bob]");
    let calls = killed_all_the_way(
        office,
        step,
        || match is_bob() {
            true => vec!["user", "rename", bob, carol],
            false => vec!["user", "rename", carol, bob],
        },
        |arguments, call| {
            let again = office.run(arguments);
            // It may have been done to its end already, but for a word about it.
            let over = again.err.contains("there is no user");
            assert!(again.code == Some(0) || over, "call {call}: {}", again.err);
            let new = arguments[3].to_string();
            assert_eq!(mailboxes(office), [(new, 2)], "call {call}: {again:?}");
            assert_eq!(temporary_files(office), [""; 0], "call {call}");
            if let Some(hub) = hub {
                send(hub, &["desk@example.com"], "three");
                assert_eq!(mailboxes(office), [(arguments[3].to_string(), 3)]);
                let status = office.status();
                let named: Vec<_> = status["mailboxes"].as_array().unwrap().iter().collect();
                let open = named.iter().filter(|it| it["missing_since"].is_null());
                assert_eq!(open.count(), named.len(), "call {call}: {status:#}");
                office.good(&["mail", "erase", "--yes", &last(office, arguments[3])]);
            }
        },
    );
    assert!(calls > 4, "{calls}");
}

/// The id of a user's last message.
fn last(office: &Office, user: &str) -> String {
    let list = office.good(&["mail", "list", user]);
    let line = list.lines().last().unwrap();
    line.split(' ').next().unwrap().to_string()
}

#[test]
fn rename_of_a_user_killed_anywhere_without_a_hub() {
    let office = office_of_bob();
    // It opens the store itself, twice, by some two hundred calls.
    rename_killed_all_the_way(&office, 4, None);
    let hub = office.serve();
    assert_eq!(waiting(&hub, "anna"), 0);
}

#[test]
fn rename_of_a_user_killed_anywhere_beside_a_hub() {
    let office = office_of_bob();
    let hub = office.serve();
    rename_killed_all_the_way(&office, 1, Some(&hub));
}

#[test]
fn removal_of_a_user_killed_anywhere_beside_a_hub() {
    let office = Office::new();
    office.without_tls();
    let hub = office.serve();
    let removed = ["user", "remove", "bob"];
    let open = || {
        let status = office.status();
        let mailboxes = status["mailboxes"].as_array().unwrap().clone();
        let mut mailboxes = mailboxes.iter();
        mailboxes.any(|it| it["user"] == "bob" && it["sealed_at"].is_null())
    };
    let calls = killed_all_the_way(
        &office,
        1,
        || {
            if !office.read("directory.toml").contains("[users.bob]") {
                office.add_user("bob");
            }
            send(&hub, &["bob@example.com"], "for the bob of this time");
            removed.to_vec()
        },
        |arguments, call| {
            let again = office.run(arguments);
            let over = again.err.contains("there is no user");
            assert!(again.code == Some(0) || over, "call {call}: {}", again.err);
            assert!(!open(), "call {call}: the mailbox is still open");
        },
    );
    assert!(calls > 4, "{calls}");
    office.add_user("bob");
    assert_eq!(
        waiting(&hub, "bob"),
        0,
        "a new user of this name starts empty"
    );
}
