//! `postroom import`: mail from an old PC or server.

mod back;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crate::exporting::files;
use crate::hub::{EFFECT_LIMIT, Office, at_once, eventually, run};
use crate::mail::{collect, message, unique_ids, waiting};

const FROM: &str = "From kate@elsewhere.example Mon Nov 23 09:15:00 2020\n";

fn mbox(subjects: impl IntoIterator<Item = String>) -> String {
    let message = |subject: String| format!("{FROM}{}\n", message(&subject).replace("\r\n", "\n"));
    subjects.into_iter().map(message).collect()
}

fn put(office: &Office, path: &str, content: &str) {
    let path = office.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn mail_of_every_kind_waits_in_the_mailbox_as_it_was_and_comes_once() {
    at_once([true, false], |hub_runs| {
        let office = Office::new();
        put(
            &office,
            "old/Inbox",
            &mbox(["one".to_string(), "two".to_string()]),
        );
        put(&office, "old/desk/three.eml", &message("three"));
        put(
            &office,
            "old/Maildir/cur/1500000000.a.pc:2,S",
            &message("four").replace("\r\n", "\n"),
        );
        put(
            &office,
            "old/Maildir/.Sent/new/1500000001.b.pc",
            &message("five"),
        );
        fs::create_dir_all(office.path("old/Maildir/new")).unwrap();
        fs::create_dir_all(office.path("old/Maildir/.Sent/cur")).unwrap();
        put(&office, "old/notes.txt", "no mail\n");
        let mut hub = hub_runs.then(|| office.serve());
        let import = ["import", "anna", "old"];
        let said = office.good(&import);
        assert_eq!(
            said,
            "imported 5 messages into the mailbox of anna\n1 other file is no mail and left alone\n"
        );
        let said = office.good(&import);
        assert!(
            said.starts_with(
                "imported 0 messages into the mailbox of anna\n5 messages were known already\n"
            ),
            "{said}"
        );
        let list = office.good(&["mail", "list", "anna"]);
        assert!(list.contains("  2020-11-23 09:15 UTC  "), "{list}");
        assert!(list.contains("  2017-07-14 02:40 UTC  "), "{list}");
        let id = list.lines().nth(1).unwrap().split(' ').next().unwrap();
        let why = office.good(&["why", id]);
        assert!(
            why.contains(" by import\n") && why.contains("imported from /"),
            "{why}"
        );
        assert!(
            why.contains("sender      <kate@elsewhere.example>\n"),
            "{why}"
        );

        let hub = hub.get_or_insert_with(|| office.serve());
        let mut collected = collect(hub, "anna");
        collected.sort();
        let mut expected: Vec<_> = ["one", "two", "three", "four", "five"]
            .map(|it| message(it).into_bytes())
            .into();
        expected.sort();
        assert_eq!(collected, expected);
        // What the PC has collected is known as well.
        assert!(office.good(&import).starts_with("imported 0 messages"));
        assert_eq!(waiting(hub, "bob"), 0);
    });
}

#[test]
fn the_hub_waits_for_a_command_that_says_it_is_still_there() {
    let office = Office::new();
    let _hub = office.serve();
    let mut control = UnixStream::connect(office.path("data/control")).unwrap();
    control.set_read_timeout(Some(EFFECT_LIMIT)).unwrap();
    let request = r#"{"request":"import","user":"anna","gone":"leave-out"}"#;
    let still_here = r#"{"step":"still-here"}"#;
    let end = r#"{"step":"end"}"#;
    write!(control, "{request}\n{still_here}\n{still_here}\n{end}\n").unwrap();
    let mut answers = String::new();
    control.read_to_string(&mut answers).unwrap();
    assert!(answers.contains("importing"), "{answers}");
    assert!(answers.ends_with("{\"reply\":\"done\"}\n"), "{answers}");
}

#[test]
fn an_import_that_is_broken_off_gives_each_message_once_in_the_end() {
    const MESSAGES: usize = 3000;
    at_once(["the command", "the hub", "neither runs on"], |killed| {
        let office = Office::new();
        let subjects = (0..MESSAGES).map(|number| format!("number {number}"));
        put(&office, "old", &mbox(subjects));
        let mut hub = office.serve();
        let mut command = office.command(&["import", "anna", "old"]);
        let mut running = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        hub.wait_for_log("imported ");
        if killed != "the hub" {
            running.kill().unwrap();
            running.wait().unwrap();
        }
        if killed != "the command" {
            hub.kill();
            hub = office.serve();
        }
        // Ends by itself where the hub was killed: with an error, or done before.
        eventually("the command ends", || running.try_wait().unwrap().is_some());
        let said = office.good(&["import", "anna", "old"]);
        assert!(said.starts_with("imported "), "{said}");
        let known = unique_ids(&hub, "anna");
        assert_eq!(known.len(), MESSAGES, "{killed}, {EFFECT_LIMIT:?}: {said}");
        office.good(&["export", "anna", "--maildir", "out"]);
        let found: BTreeSet<String> = files(&office.path("out"))
            .into_iter()
            .map(|it| it.1)
            .collect();
        assert_eq!(found.len(), MESSAGES);
    });
}

#[test]
fn what_a_mail_program_has_deleted_does_not_come_back() {
    let office = Office::new();
    let hub = office.serve();
    let of_thunderbird = "From \nX-Mozilla-Status: 0009\nSubject: deleted\n\na\n\nFrom \nX-Mozilla-Status: 0001\nSubject: read\n\na\n";
    put(&office, "old/Inbox", of_thunderbird);
    put(
        &office,
        "old/Maildir/cur/1.a.pc:2,ST",
        "Subject: deleted too\n\na\n",
    );
    fs::create_dir_all(office.path("old/Maildir/new")).unwrap();
    let said = office.good(&["import", "anna", "old"]);
    assert_eq!(
        said,
        "imported 1 message into the mailbox of anna\n\
         2 messages were marked as deleted there and left out\n"
    );
    let collected = String::from_utf8(collect(&hub, "anna").concat()).unwrap();
    assert!(collected.contains("Subject: read\r\n"), "{collected}");
}

#[test]
fn a_tree_of_more_folders_than_may_be_open_at_once_is_read() {
    let office = Office::new();
    let mut deep = String::from("old");
    for number in 0..30 {
        deep = format!("{deep}/below");
        for beside in 0..5 {
            let subject = format!("{number} {beside}");
            put(
                &office,
                &format!("{deep}/{beside}/a.eml"),
                &message(&subject),
            );
        }
    }
    let program = office.command(&["import", "anna", "old"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 100; exec \"$0\" \"$@\""]);
    shell.arg(program.get_program()).args(program.get_args());
    shell.current_dir(office.path(""));
    shell.env("POSTROOM_CONFIG", "postroom.toml");
    let said = run(shell, b"").good();
    assert_eq!(said, "imported 150 messages into the mailbox of anna\n");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_comes() {
    let office = Office::new();
    let hub = office.serve();
    put(&office, "old/empty.eml", "");
    put(&office, "old/good.eml", &message("good"));
    let done = office.run(&["import", "anna", "old"]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(
        done.err
            .contains("old/empty.eml is not imported: it is empty"),
        "{done:?}"
    );
    let said = String::from_utf8(done.out).unwrap();
    assert_eq!(
        said,
        "imported 1 message into the mailbox of anna\n1 message could not be read\n"
    );
    assert_eq!(waiting(&hub, "anna"), 1);
}

#[test]
fn what_is_no_mail_and_who_is_nobody_is_refused() {
    let office = Office::new();
    put(&office, "letter.txt", "Dear all,\nthis is none.\n");
    put(&office, "passwd", "root:x:0:0:root:/root:/bin/bash\n");
    fs::create_dir(office.path("empty")).unwrap();
    for path in ["letter.txt", "passwd", "empty"] {
        let why = office.run(&["import", "anna", path]).bad();
        assert!(why.contains(&format!("{path} holds no mail: ")), "{why}");
    }
    let why = office.run(&["import", "anna", "missing"]).bad();
    assert!(why.contains("missing: No such file"), "{why}");
    let why = office.run(&["import", "nobody", "letter.txt"]).bad();
    assert!(why.contains("directory.toml has no user nobody"), "{why}");
}

#[test]
fn a_disk_without_room_stops_an_import_with_a_word() {
    at_once([true, false], |hub_runs| {
        let office = Office::new();
        office.set("store", "keep_free = \"99 %\"");
        put(
            &office,
            "old",
            &mbox((0..500).map(|number| number.to_string())),
        );
        let _hub = hub_runs.then(|| office.serve());
        let done = office.run(&["import", "anna", "old"]);
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(
            done.err.contains("the disk is short of room; make some"),
            "{done:?}"
        );
        let list = office.good(&["mail", "list", "anna"]);
        assert_eq!(list, "no mail\n");
    });
}

#[test]
fn a_message_of_any_size_comes_through() {
    let office = Office::new();
    office.set("smtp", "max_message_size = \"1 MB\"");
    let hub = office.serve();
    // More than the hub would take by SMTP, and more than the command holds.
    let large = format!("Subject: large\n\n{}", "0123456789abcdef\n".repeat(200_000));
    put(&office, "large.eml", &large);
    office.good(&["import", "anna", "large.eml"]);
    assert!(
        office
            .good(&["import", "anna", "large.eml"])
            .contains("1 message was known already")
    );
    office.good(&["export", "anna", "--maildir", "out"]);
    assert!(files(&office.path("out"))[0].1 == large);
    assert_eq!(waiting(&hub, "anna"), 1);
}
