//! A disk that answers late, or never: nobody is told what is not so, and
//! those who need no disk go on.

use std::time::Duration;

use rustix::process::Signal;

use std::os::unix::net::UnixDatagram;

use crate::hub::Office;
use crate::interpose::{Action, Interposed, Rule, call, place};
use crate::mail::{behind_trace, collect, greet, log_in, rcpt};
use crate::{begun, faulty_hub, large, small};

const SYNCS_STALL: Rule = Rule::always(Action::Stall, call::SYNC, place::STORE);

#[test]
fn sigterm_while_the_disk_does_not_answer() {
    let office = Office::new();
    let (mut hub, faults) = faulty_hub(&office);
    faults.order(&[SYNCS_STALL]);
    let mut sender = hub.smtp();
    greet(&mut sender);
    sender.say("MAIL FROM:<>", "250 *");
    sender.say("RCPT TO:<anna@example.com>", "250 *");
    sender.say("DATA", "354 *");
    sender.send(b"Subject: stuck\r\n\r\n.\r\n");
    sender.expect_quiet("before the commit");
    hub.signal(Signal::TERM);
    let ended = hub.wait_for_end(Duration::from_secs(10));
    assert_eq!(ended.code(), Some(1));
    hub.wait_for_log("the store does not end");
    sender.expect_close();
}

#[test]
fn disk_that_answers_late_keeps_senders_waiting_and_nobody_else() {
    let office = Office::new();
    let path = office.path("notify");
    let watchdog = UnixDatagram::bind(&path).unwrap();
    let limit = Some(Duration::from_secs(10));
    watchdog.set_read_timeout(limit).unwrap();
    let faults = Interposed::new();
    let mut command = office.command(&["serve"]);
    command.env("NOTIFY_SOCKET", &path);
    command.env("WATCHDOG_USEC", "400000");
    faults.preload(&mut command);
    let hub = office.serve_by(command);
    crate::send_and_see(&hub, &small());

    faults.order(&[SYNCS_STALL]);
    let mut senders = [begun(&hub), begun(&hub)];
    for (smtp, content) in senders.iter_mut().zip([small(), large()]) {
        smtp.send(format!("BDAT {} LAST\r\n", content.len()).as_bytes());
        smtp.send(&content);
    }
    for smtp in &mut senders {
        smtp.expect_quiet("before the commit");
    }
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("RETR 1", "+OK*");
    assert_eq!(behind_trace(&pop3.multi_line()), small());
    assert!(rcpt(&hub, "bob@example.com").starts_with("250 "));
    // Systemd is told of a living hub all the while.
    let mut fed = 0;
    while fed < 5 {
        let mut buffer = [0; 1024];
        let octets = watchdog.recv(&mut buffer).unwrap();
        fed += usize::from(buffer[..octets].starts_with(b"WATCHDOG=1"));
    }
    for smtp in &mut senders {
        smtp.expect_quiet("before the commit");
    }
    faults.lift();
    for smtp in &mut senders {
        smtp.expect("250 2.0.0 kept as *");
    }
    pop3.say("QUIT", "+OK*");
    assert_eq!(collect(&hub, "anna").len(), 3);
}
