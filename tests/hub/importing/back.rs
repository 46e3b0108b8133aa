//! What comes back: it was here before, or is here without its content.

use std::fs;
use std::path::{Path, PathBuf};

use super::{FROM, put};
use crate::hub::{Office, at_once};
use crate::mail::{collect, message, send, unique_ids, waiting};
use crate::random::Random;

#[test]
fn what_is_in_the_mailbox_no_more_is_told_apart_and_comes_back_where_that_is_asked_for() {
    let office = Office::new();
    let hub = office.serve();
    put(&office, "one.eml", &message("one"));
    put(&office, "two.eml", &message("two"));
    let import = ["import", "anna", "one.eml", "two.eml"];
    office.good(&import);
    let list = office.good(&["mail", "list", "anna"]);
    let id = list.lines().nth(1).unwrap().split(' ').next().unwrap();
    office.good(&["mail", "erase", "--yes", id]);
    assert_eq!(
        office.good(&import),
        "imported 0 messages into the mailbox of anna\n\
         1 message was known already\n\
         1 message was imported before and is no longer here; --again brings it back\n"
    );
    let again = [&import[..], &["--again"]].concat();
    assert_eq!(
        office.good(&again),
        "imported 1 message into the mailbox of anna\n1 message was known already\n"
    );
    // What is in the mailbox, waiting or collected, is never doubled.
    assert_eq!(collect(&hub, "anna").len(), 2);
    assert_eq!(
        office.good(&again),
        "imported 0 messages into the mailbox of anna\n2 messages were known already\n"
    );
}

#[test]
fn what_was_exported_is_known_in_its_mailbox_and_the_same_in_another() {
    let office = Office::new();
    let hub = office.serve();
    put(
        &office,
        "odd.eml",
        "Subject: odd\r\n\r\na\rb\r\r\nFrom c\r\n\r\n\r\n",
    );
    put(&office, "short.eml", "Subject: short\r\n\r\nno line end");
    office.good(&["import", "anna", "odd.eml", "short.eml"]);
    send(&hub, &["anna@example.com"], "with a trace");
    office.good(&["export", "anna", "--maildir", "maildir"]);
    office.good(&["export", "anna", "--mbox", "mbox"]);
    for exported in ["maildir", "mbox"] {
        let said = office.good(&["import", "anna", exported]);
        assert!(
            said.contains("imported 0 messages") && said.contains("3 messages were known"),
            "{said}"
        );
    }
    office.add_user("carl");
    office.good(&["import", "bob", "maildir"]);
    office.good(&["import", "carl", "mbox"]);
    let mut annas = collect(&hub, "anna");
    for other in ["bob", "carl"] {
        let mut theirs = collect(&hub, other);
        theirs.sort();
        annas.sort();
        assert_eq!(theirs, annas, "{other}");
    }
}

#[test]
fn an_exported_mbox_comes_back_as_it_was_whatever_the_messages_say() {
    const PIECES: [&str; 9] = [
        "From ",
        ">",
        FROM,
        "\n",
        "\r\n",
        "\n\n",
        "text\r\n",
        "\r",
        ">From x\r\n",
    ];
    let office = Office::new();
    let hub = office.serve();
    let mut random = Random::seeded(16);
    for number in 0..150 {
        let body: String = (0..random.index(9))
            .map(|_| *random.pick(&PIECES))
            .collect();
        let length = (body.len() + random.index(9)).saturating_sub(4);
        let path = format!("all/{number}.eml");
        let head = format!("Subject: {number}\r\nContent-Length: {length}\r\n");
        put(&office, &path, &format!("{head}\r\n{body}"));
    }
    office.good(&["import", "anna", "all"]);
    office.good(&["export", "anna", "--mbox", "mbox"]);
    assert_eq!(
        office.good(&["import", "anna", "mbox"]),
        "imported 0 messages into the mailbox of anna\n150 messages were known already\n"
    );
    office.good(&["import", "bob", "mbox"]);
    let collected = |user: &str| {
        let mut all = collect(&hub, user);
        all.sort();
        all
    };
    assert_eq!(collected("bob"), collected("anna"));
}

/// The one file of a large message.
fn body_file(office: &Office) -> PathBuf {
    let mut files = fs::read_dir(office.path("data/bodies")).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

#[test]
fn a_message_that_lost_its_content_gets_it_back_and_is_there_once() {
    type Loss = fn(&Path, &str);
    let losses: [Loss; 3] = [
        |body, _| fs::remove_file(body).unwrap(),
        |body, whole| fs::write(body, &whole[..whole.len() / 2]).unwrap(),
        |body, whole| fs::write(body, whole.replace("line", "lime")).unwrap(),
    ];
    at_once(losses, |lose| {
        let large = format!("Subject: large\r\n\r\n{}", "line\r\n".repeat(50_000));
        let office = Office::new();
        let mut hub = Some(office.serve());
        put(&office, "large.eml", &large);
        put(&office, "small.eml", &message("small"));
        let import = ["import", "anna", "large.eml", "small.eml"];
        office.good(&import);
        let before = unique_ids(hub.as_ref().unwrap(), "anna");
        for hub_runs in [true, false] {
            lose(&body_file(&office), &large);
            if !hub_runs {
                hub = None;
            }
            assert_eq!(
                office.good(&import),
                "imported 0 messages into the mailbox of anna\n\
                 1 message was known already\n\
                 1 message had lost its content here and has it again\n"
            );
            assert_eq!(
                office.good(&import),
                "imported 0 messages into the mailbox of anna\n2 messages were known already\n"
            );
            let hub = hub.get_or_insert_with(|| office.serve());
            assert_eq!(unique_ids(hub, "anna"), before);
            assert_eq!(fs::read_to_string(body_file(&office)).unwrap(), large);
        }
        let hub = hub.unwrap();
        let mut collected = collect(&hub, "anna");
        collected.sort();
        let mut expected = [large.clone().into_bytes(), message("small").into_bytes()];
        expected.sort();
        assert_eq!(collected, expected);
        // The PC has it, and does not get it again; a person may bring it back.
        lose(&body_file(&office), &large);
        let said = office.good(&import);
        assert!(
            said.contains("1 message had lost its content here"),
            "{said}"
        );
        assert_eq!(waiting(&hub, "anna"), 0);
        assert_eq!(fs::read_to_string(body_file(&office)).unwrap(), large);
    });
}
