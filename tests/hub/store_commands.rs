//! `postroom mail …` and `why`: the same answers with a running hub and without.

use crate::hub::{Office, at_once};
use crate::mail::{collect, message, send, unique_ids, waiting};
use crate::terminal::Terminal;

/// What a command prints while a hub runs, and must print again when none does.
struct Asked {
    arguments: Vec<String>,
    printed: Vec<u8>,
}

fn ask(office: &Office, arguments: &[&str]) -> (Asked, String) {
    let printed = office.octets(arguments);
    let text = String::from_utf8_lossy(&printed).into_owned();
    let arguments = arguments.iter().map(|text| text.to_string()).collect();
    (Asked { arguments, printed }, text)
}

#[test]
fn list_show_and_why_answer_the_same_with_a_hub_and_without() {
    let office = Office::new();
    office.good(&["alias", "set", "sales", "anna", "bob"]);
    let mut hub = office.serve();
    let gone = send(&hub, &["anna@example.com"], "collected");
    collect(&hub, "anna");
    let id = send(
        &hub,
        &["sales@example.com", "Anna+shop@Example.com"],
        "to both",
    );

    let (listed, list) = ask(&office, &["mail", "list", "anna"]);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[0].starts_with("ID  "), "{list}");
    assert!(
        lines[1].starts_with(&gone) && lines[1].contains("  collected  "),
        "{list}"
    );
    assert!(
        lines[2].starts_with(&id) && lines[2].contains("  waits  "),
        "{list}"
    );
    assert!(
        lines[2].contains("Kate") && lines[2].contains("to both"),
        "{list}"
    );

    let (shown, show) = ask(&office, &["mail", "show", &id]);
    assert!(
        show.starts_with("Return-Path: <kate@elsewhere.example>\r\nDelivered-To: "),
        "{show}"
    );
    assert!(show.ends_with(&message("to both")), "{show}");

    let (told, why) = ask(&office, &["mail", "why", &id]);
    let all = |start: &str| why.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(all("mailbox "), 2, "{why}");
    assert_eq!(all("sent to     sales@example.com"), 2, "{why}");
    // The domain compares without case and is shown in lower case.
    assert_eq!(all("sent to     Anna+shop@example.com"), 1, "{why}");
    assert!(why.contains("alias sales"), "{why}");
    assert_eq!(office.good(&["why", &id]), why);

    let unknown = office.run(&["mail", "show", "1zzzzzzzzzzzz"]).bad();
    let nobody = office.run(&["mail", "list", "nobody"]).bad();
    assert!(hub.stop().success());
    for asked in [listed, shown, told] {
        let arguments: Vec<&str> = asked.arguments.iter().map(String::as_str).collect();
        assert_eq!(office.octets(&arguments), asked.printed, "{arguments:?}");
    }
    assert_eq!(
        office.run(&["mail", "show", "1zzzzzzzzzzzz"]).bad(),
        unknown
    );
    assert_eq!(office.run(&["mail", "list", "nobody"]).bad(), nobody);
}

#[test]
fn restore_brings_back_what_was_collected_under_a_new_unique_id() {
    at_once([true, false], |hub_runs| {
        let office = Office::new();
        let mut hub = office.serve();
        send(&hub, &["anna@example.com"], "one");
        send(&hub, &["anna@example.com"], "two");
        let before = unique_ids(&hub, "anna");
        let collected = collect(&hub, "anna");
        assert_eq!(waiting(&hub, "anna"), 0);
        if !hub_runs {
            assert!(hub.stop().success());
        }
        let said = office.good(&["mail", "restore", "anna", "--since", "1 day"]);
        assert!(
            said.starts_with("2 messages are back in the mailbox of anna"),
            "{said}"
        );
        let said = office.good(&["mail", "restore", "anna", "--since", "1 day"]);
        assert!(
            said.starts_with("anna has collected nothing since then"),
            "{said}"
        );
        if !hub_runs {
            hub = office.serve();
        }
        let after = unique_ids(&hub, "anna");
        assert_eq!(after.len(), 2);
        assert!(
            after.iter().all(|id| !before.contains(id)),
            "{before:?} {after:?}"
        );
        assert_eq!(collect(&hub, "anna"), collected);
    });
}

#[test]
fn restore_leaves_what_was_collected_before_the_date() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "one");
    collect(&hub, "anna");
    let said = office.good(&["mail", "restore", "anna", "--since", "2999-01-01"]);
    assert!(said.starts_with("anna has collected nothing"), "{said}");
    assert_eq!(waiting(&hub, "anna"), 0);
}

#[test]
fn erase_takes_a_message_out_of_every_mailbox() {
    at_once([true, false], |hub_runs| {
        let office = Office::new();
        let mut hub = office.serve();
        let erased = send(&hub, &["anna@example.com", "bob@example.com"], "secret");
        let kept = send(&hub, &["anna@example.com"], "kept");
        if !hub_runs {
            assert!(hub.stop().success());
        }
        let said = office.good(&["mail", "erase", "--yes", &erased]);
        assert_eq!(said, format!("message {erased} is erased\n"));
        let why = office.run(&["mail", "erase", "--yes", &erased]).bad();
        assert_eq!(why, format!("postroom: there is no message {erased}"));
        office.run(&["why", &erased]).bad();
        office.good(&["why", &kept]);
        if !hub_runs {
            hub = office.serve();
        }
        assert_eq!((waiting(&hub, "anna"), waiting(&hub, "bob")), (1, 0));
    });
}

#[test]
fn erase_shows_the_message_and_asks_first() {
    let office = Office::new();
    let hub = office.serve();
    let id = send(
        &hub,
        &["anna@example.com", "bob@example.com"],
        "not this one",
    );
    collect(&hub, "anna");
    let erase = ["mail", "erase", &id];
    // Nobody can be asked here.
    let why = office.run(&erase).bad();
    assert!(
        why.contains("nothing is erased") && why.contains("--yes"),
        "{why}"
    );
    for (answer, said) in [("", "nothing is erased"), ("y", "is erased")] {
        let mut person = Terminal::of(&office, &erase);
        person.sees("subject     not this one");
        person.sees("mailbox     anna: collected");
        person.sees("mailbox     bob: waits");
        person.answers("erase it for good", answer).sees(said);
        assert_eq!(person.ends(), Some(0), "{:?}", person.screen);
        let left = office.run(&["mail", "show", &id]).code;
        assert_eq!(left, Some(i32::from(answer == "y")));
    }
}

#[test]
fn a_message_that_is_erased_while_a_session_lists_it_stops_nothing_else() {
    let office = Office::new();
    let hub = office.serve();
    let erased = send(&hub, &["anna@example.com"], "erased");
    send(&hub, &["anna@example.com"], "stays");
    let mut pop3 = crate::mail::log_in(&hub, "anna");
    pop3.say("UIDL", "+OK*");
    pop3.multi_line();
    office.good(&["mail", "erase", "--yes", &erased]);
    pop3.say("RETR 1", "-ERR*");
    hub.wait_for_log(&format!("not retrieved {erased}: it was erased"));
    assert!(!hub.log().contains("[ERROR]"), "{}", hub.log());
    pop3.say("RETR 2", "+OK*");
    pop3.multi_line();
    pop3.say("DELE 1", "+OK*");
    pop3.say("DELE 2", "+OK*");
    pop3.say("QUIT", "+OK*");
    assert_eq!(waiting(&hub, "anna"), 0);
}

#[test]
fn the_log_tells_the_story_of_a_message_by_its_id() {
    let office = Office::new();
    let hub = office.serve();
    let id = send(&hub, &["anna@example.com"], "a story");
    collect(&hub, "anna");
    hub.wait_for_log(&format!("collected {id} by=anna"));
    let log = hub.log();
    let story = log.lines().filter_map(|line| line.split_once("[INFO] "));
    let story = story.filter(|(_, event)| event.contains(&id));
    let events: Vec<&str> = story
        .filter_map(|(_, event)| event.split(' ').next())
        .collect();
    assert_eq!(events, ["received", "delivered", "retrieved", "collected"]);
}
