//! What is on the disk when the hub ends in order, and when it does not.

use crate::hub::Office;
use crate::mail::{collect, greet, id_of, log_in, message, send, unique_ids, waiting};

#[test]
fn mail_and_unique_ids_survive_an_orderly_restart() {
    let office = Office::new();
    let mut hub = office.serve();
    for subject in ["one", "two", "three"] {
        send(&hub, &["anna@example.com"], subject);
    }
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("DELE 2", "+OK*");
    pop3.say("QUIT", "+OK*");
    let before = unique_ids(&hub, "anna");
    assert_eq!(before.len(), 2);
    let list = office.good(&["mail", "list", "anna"]);
    assert!(hub.stop().success());
    let hub = office.serve();
    assert_eq!(unique_ids(&hub, "anna"), before);
    assert_eq!(office.good(&["mail", "list", "anna"]), list);
    assert_eq!(list.matches("collected").count(), 1, "{list}");
}

#[test]
fn mail_that_was_acknowledged_survives_sigkill_at_once() {
    let office = Office::new();
    let mut sent = Vec::new();
    for round in 0..4 {
        let mut hub = office.serve();
        let large = format!(
            "{}{}",
            message("large"),
            "a line of a large message\r\n".repeat(9000)
        );
        let content = if round % 2 == 0 {
            message("small")
        } else {
            large
        };
        let mut smtp = hub.smtp();
        greet(&mut smtp);
        smtp.say("MAIL FROM:<kate@elsewhere.example>", "250 *");
        smtp.say("RCPT TO:<anna@example.com>", "250 *");
        smtp.send(format!("BDAT {} LAST\r\n", content.len()).as_bytes());
        smtp.send(content.as_bytes());
        let reply = smtp.expect("250 2.0.0 kept as *");
        hub.kill();
        sent.push((id_of(&reply), content));
    }
    for (id, content) in &sent {
        let shown = office.octets(&["mail", "show", id]);
        assert!(shown.ends_with(content.as_bytes()), "{id}");
    }
    let hub = office.serve();
    let collected = collect(&hub, "anna");
    assert_eq!(collected.len(), sent.len());
}

#[test]
fn what_was_collected_stays_collected_after_sigkill() {
    let office = Office::new();
    let mut hub = office.serve();
    send(&hub, &["anna@example.com"], "collected");
    send(&hub, &["anna@example.com"], "waits");
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("DELE 1", "+OK*");
    pop3.say("QUIT", "+OK*");
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("DELE 1", "+OK*");
    hub.kill();
    let hub = office.serve();
    let left = unique_ids(&hub, "anna");
    assert_eq!(left.len(), 1, "a mark without QUIT is lost");
    let said = office.good(&["mail", "restore", "anna", "--since", "1 day"]);
    assert!(said.starts_with("1 message is back"), "{said}");
    assert_eq!(waiting(&hub, "anna"), 2);
}

#[test]
fn a_message_that_was_cut_off_by_sigkill_leaves_nothing_behind() {
    let office = Office::new();
    let mut hub = office.serve();
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    smtp.say("MAIL FROM:<>", "250 *");
    smtp.say("RCPT TO:<anna@example.com>", "250 *");
    smtp.say("DATA", "354 *");
    smtp.send("half of a large message\r\n".repeat(20_000).as_bytes());
    let bodies = office.path("data/bodies");
    let files = || std::fs::read_dir(&bodies).unwrap().count();
    crate::hub::eventually("a body file is begun", || files() > 0);
    hub.kill();
    assert_eq!(files(), 1);
    let hub = office.serve();
    assert_eq!(files(), 0);
    assert_eq!(waiting(&hub, "anna"), 0);
}
