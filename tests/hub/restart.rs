//! What is on the disk when the hub ends in order, and when it does not.

use std::fs;
use std::sync::Mutex;
use std::thread;

use crate::hub::{Hub, Office, eventually};
use crate::mail::{
    behind_trace, collect, greet, id_of, log_in, message, send, send_in, unique_ids, waiting,
};
use crate::talk::Talk;

/// Senders at work at once.
const SENDERS: usize = 5;

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
    drop(pop3);
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
    let files = || fs::read_dir(&bodies).unwrap().count();
    eventually("a body file is begun", || files() > 0);
    hub.kill();
    assert_eq!(files(), 1);
    let hub = office.serve();
    assert_eq!(files(), 0);
    assert_eq!(waiting(&hub, "anna"), 0);
}

/// Five senders at work when the hub ends: what they were told is kept, and
/// nothing else of theirs but what was committed and could not be said.
fn end_under_load(end: fn(&mut Hub)) {
    let office = Office::new();
    let mut hub = office.serve();
    let address = hub.address("smtp");
    let told = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let told = &told;
            scope.spawn(move || {
                let mut smtp = Talk::connect(address);
                if smtp.line().is_none() {
                    return;
                }
                smtp.send(b"HELO pc\r\n");
                smtp.line();
                for number in 0.. {
                    let text = format!("{sender}-{number}\r\n{}", "text\r\n".repeat(700));
                    let size = text.len();
                    smtp.send(b"MAIL FROM:<>\r\nRCPT TO:<anna@example.com>\r\n");
                    smtp.send(format!("BDAT {size} LAST\r\n{text}").as_bytes());
                    let replies: Vec<_> = (0..3).map_while(|_| smtp.line()).collect();
                    match replies.as_slice() {
                        [_, _, kept] if kept.starts_with("250 ") => {
                            told.lock().unwrap().push((id_of(kept), text));
                        }
                        _ => return,
                    }
                }
            });
        }
        eventually("mail comes in", || told.lock().unwrap().len() > 50);
        end(&mut hub);
    });
    let told = told.into_inner().unwrap();
    let hub = office.serve();
    let found = collect(&hub, "anna");
    let found: Vec<&[u8]> = found.iter().map(|message| behind_trace(message)).collect();
    for (id, text) in &told {
        let times = found.iter().filter(|message| **message == text.as_bytes());
        assert_eq!(times.count(), 1, "{id}");
    }
    assert!(
        found.len() <= told.len() + SENDERS,
        "{} {}",
        found.len(),
        told.len()
    );
}

#[test]
fn what_senders_were_told_is_kept_when_the_hub_is_killed_under_load() {
    end_under_load(Hub::kill);
}

#[test]
fn what_senders_were_told_is_kept_when_the_hub_is_stopped_under_load() {
    end_under_load(|hub| assert!(hub.stop().success()));
}

#[test]
fn a_body_file_that_is_lost_or_cut_does_not_stop_the_mailbox() {
    let office = Office::new();
    let hub = office.serve();
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    let large = "a line of a large message\r\n".repeat(9000);
    let lost = send_in(&mut smtp, &["anna@example.com"], large.as_bytes());
    let file = fs::read_dir(office.path("data/bodies")).unwrap().next();
    fs::remove_file(file.unwrap().unwrap().path()).unwrap();
    let cut = send_in(&mut smtp, &["anna@example.com"], large.as_bytes());
    let file = fs::read_dir(office.path("data/bodies")).unwrap().next();
    fs::write(file.unwrap().unwrap().path(), "rubbish").unwrap();
    send_in(&mut smtp, &["anna@example.com"], b"whole\r\n");

    let mut pop3 = log_in(&hub, "anna");
    pop3.say("RETR 1", "-ERR [SYS/TEMP] *");
    pop3.say("TOP 2 0", "-ERR [SYS/TEMP] *");
    pop3.say("RETR 3", "+OK*");
    assert_eq!(behind_trace(&pop3.multi_line()), b"whole\r\n");
    let line = hub.wait_for_log(&format!("the content of message {lost} is missing"));
    assert!(line.contains("[ERROR]"), "{line}");
    let why = office.run(&["mail", "show", &cut]).bad();
    assert!(why.contains(&format!("message {cut} is damaged")), "{why}");
    let list = office.good(&["mail", "list", "anna"]);
    assert_eq!(list.lines().count(), 4, "{list}");
}
