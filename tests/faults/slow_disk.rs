//! A disk that answers late, or never: nobody is told what is not so, and
//! those who need no disk go on.

use std::time::Duration;

use rustix::process::Signal;

use crate::faulty_hub;
use crate::hub::Office;
use crate::interpose::{Action, Rule, call, place};
use crate::mail::greet;

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
