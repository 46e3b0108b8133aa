//! Unclaimed mail from a provider: its evidence, `unclaimed give --always`,
//! and the daily word to the postmaster.

use postroom::store::{MailboxName, Moment, NewEntry, NewMessage, Settings, Store};

use crate::hub::{Office, at_once, eventually};
use crate::mail::{collect, send, waiting};

const WHY: &str = "the provider wrote no X-Envelope-To\n  To: ana@example.com\n    stands below";

/// Puts a message into the unclaimed tray, as a fetch would; no hub may run.
fn put(office: &Office, source: &str, why: &str, message: &str) -> String {
    let now = Moment::now();
    // A program that another test starts at this moment holds the lock of the
    // last one, until it has become that program.
    let mut opened = None;
    eventually("the store can be opened", || {
        opened = Store::open(&Settings::new(office.path("data")), now).ok();
        opened.is_some()
    });
    let store = opened.unwrap();
    let id = store.next_id(now.wall);
    smol::block_on(async {
        let mut body = store.new_body();
        body.write(message.as_bytes()).await.unwrap();
        let message = NewMessage {
            id,
            received_at: now.wall,
            source: source.to_string(),
            reverse_path: "<kate@elsewhere.example>".to_string(),
            body: body.finish().await.unwrap(),
            entries: vec![NewEntry {
                mailbox: MailboxName::Unclaimed,
                trace: b"Return-Path: <kate@elsewhere.example>\r\n".to_vec(),
                why: why.to_string(),
            }],
        };
        store.deliver(message).await.unwrap();
    });
    store.close();
    id.to_string()
}

fn list_mail(number: usize) -> String {
    format!(
        "From: kate@elsewhere.example\r\nTo: news@lists.example\r\nSubject: issue {number}\r\n\
         List-Id: News <news.lists.example>\r\n\r\nissue {number}\r\n"
    )
}

#[test]
fn the_evidence_is_shown_above_the_message_and_not_in_it() {
    let office = Office::new();
    let id = put(&office, "fetch main", WHY, "Subject: x\r\n\r\ny\r\n");
    let shown = office.run(&["unclaimed", "show", &id]);
    assert!(shown.err.starts_with(WHY), "{shown:?}");
    assert!(shown.out.starts_with(b"Return-Path: "), "{shown:?}");
    let list = office.good(&["unclaimed", "list"]);
    assert!(
        list.contains("the provider wrote no X-Envelope-To\n"),
        "{list}"
    );
    let why = office.good(&["why", &id]);
    assert!(why.contains("To: ana@example.com\n"), "{why}");
}

#[test]
fn always_writes_the_rule_and_all_gives_what_it_catches() {
    at_once([true, false], |hub_runs| {
        let office = Office::new();
        let first = put(&office, "fetch main", WHY, &list_mail(1));
        let second = put(&office, "fetch main", WHY, &list_mail(2));
        let blind = put(
            &office,
            "fetch main",
            "a blind copy: this is copy 2",
            &list_mail(3),
        );
        let by_smtp = put(&office, "smtp", "unknown address", &list_mail(4));
        let other = put(&office, "fetch main", WHY, "From: x@y.example\r\n\r\n");
        let hub = hub_runs.then(|| office.serve());

        let said = office.good(&["unclaimed", "give", &first, "bob", "--always", "--yes"]);
        let rule = "[[rules]]\nheader = \"List-Id\"\ncontains = \"<news.lists.example>\"\n\
                    to = [\"bob\"]\n";
        assert!(said.starts_with(rule), "{said}");
        assert!(
            said.contains("1 other unclaimed message is of this kind; it stays"),
            "{said}"
        );
        assert!(office.read("directory.toml").contains(rule));
        let left = office.good(&["unclaimed", "list"]);
        assert!(!left.contains(&first) && left.contains(&second), "{left}");

        // The rule is there; what is like it can still be given by it.
        let all = ["unclaimed", "give", &second, "bob", "--always", "--all"];
        let said = office.good(&all);
        assert!(
            said.contains("rule 1 in directory.toml gives such mail to bob already"),
            "{said}"
        );
        let said = office.good(&["unclaimed", "give", &blind, "anna", "--always"]);
        assert!(
            said.contains("no rule is written: rules do not decide about such"),
            "{said}"
        );
        let said = office.good(&["unclaimed", "give", &by_smtp, "anna", "--always"]);
        assert!(
            said.contains("came by smtp, and rules decide about fetched mail only"),
            "{said}"
        );
        assert_eq!(
            office.read("directory.toml").matches("\n[[rules]]").count(),
            1
        );
        let left = office.good(&["unclaimed", "list"]);
        assert_eq!(left.lines().count(), 2, "{left}");
        assert!(left.contains(&other));
        drop(hub);
    });
}

#[test]
fn all_that_a_new_rule_catches_goes_along() {
    let office = Office::new();
    let ids: Vec<String> = (1..4)
        .map(|number| put(&office, "fetch main", WHY, &list_mail(number)))
        .collect();
    let hub = office.serve();
    let said = office.good(&[
        "unclaimed",
        "give",
        &ids[1],
        "BOB",
        "--always",
        "--all",
        "--yes",
    ]);
    assert!(
        said.contains("2 other unclaimed messages are of this kind; each is given"),
        "{said}"
    );
    assert_eq!(office.good(&["unclaimed", "list"]), "no mail\n");
    assert_eq!(waiting(&hub, "bob"), 3);
    let alone = office.run(&["unclaimed", "give", &ids[1], "bob", "--all"]);
    assert_eq!(alone.code, Some(2), "{alone:?}");
}

#[test]
fn what_cannot_be_ruled_is_given_all_the_same() {
    let office = Office::new();
    let bare = put(&office, "fetch main", WHY, "Subject: x\r\n\r\n");
    let said = office.good(&["unclaimed", "give", &bare, "anna", "--always", "--yes"]);
    assert!(
        said.contains("shows neither a list nor an address"),
        "{said}"
    );
    let rule = "\n[[rules]]\nheader = \"From\"\ncontains = \"kate@\"\nto = [\"anna\"]\n";
    office.write(
        "directory.toml",
        &format!("{}{rule}", office.read("directory.toml")),
    );
    let other = put(&office, "fetch main", WHY, &list_mail(1));
    let said = office.good(&["unclaimed", "give", &other, "bob", "--always", "--yes"]);
    assert!(
        said.contains("rule 1 in directory.toml gives such mail to anna already"),
        "{said}"
    );
    assert_eq!(office.good(&["unclaimed", "list"]), "no mail\n");
    assert_eq!(
        office.read("directory.toml").matches("\n[[rules]]").count(),
        1
    );
}

#[test]
fn the_postmaster_is_told_once_a_day() {
    let office = Office::new();
    put(&office, "fetch main", WHY, &list_mail(1));
    let mut hub = office.serve();
    eventually("the summary is there", || waiting(&hub, "anna") == 1);
    let summary = collect(&hub, "anna").remove(0);
    let summary = String::from_utf8(summary).unwrap();
    assert!(
        summary.starts_with(
            "Return-Path: <>\r\nDelivered-To: postmaster@example.com\r\nFrom: postroom \
             <postmaster@example.com>\r\nTo: postmaster@example.com\r\nSubject: 1 message is nobody's\r\n"
        ),
        "{summary}"
    );
    for line in [
        "  from     kate@elsewhere.example\r\n",
        "  subject  issue 1\r\n",
        "  why      the provider wrote no X-Envelope-To\r\n",
    ] {
        assert!(summary.contains(line), "{summary}");
    }
    hub.stop();
    put(&office, "fetch main", WHY, &list_mail(2));
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "after it");
    assert_eq!(waiting(&hub, "anna"), 1);
}

#[test]
fn where_nobody_is_postmaster_the_log_says_so() {
    let office = Office::new();
    office.good(&["alias", "remove", "postmaster"]);
    put(&office, "fetch main", WHY, &list_mail(1));
    let hub = office.serve();
    hub.wait_for_log("postroom alias set postmaster NAME");
    assert_eq!(waiting(&hub, "anna"), 0);
}
