//! A disk, or a quota, that has no room left for what is written to it.

use rustix::io::Errno;

use crate::hub::{Office, at_once, eventually};
use crate::interpose::{Action, Rule, call, place};
use crate::mail::{behind_trace, collect, greet, log_in, waiting};
use crate::{
    begun, body_files, faulty_hub, large, reply_to, reply_to_mail, send_and_see, small, told,
    told_once,
};

const FULL: [Errno; 2] = [Errno::NOSPC, Errno::DQUOT];

/// Nothing can be written for the database, nor set aside.
fn no_room_for_the_database(errno: Errno) -> [Rule; 3] {
    let failing = Action::Fail(errno.raw_os_error());
    [
        Rule::always(failing, call::WRITE, place::LOG | place::DATABASE),
        Rule::always(failing, call::OPEN, place::OTHER).with("/data/reserve"),
        Rule::always(failing, call::OPEN, place::OTHER).with("/data/probe"),
    ]
}

#[test]
fn disk_that_a_commit_finds_full() {
    at_once(FULL, |errno| {
        let office = Office::new();
        let (hub, faults) = faulty_hub(&office);
        let kept = small();
        assert!(send_and_see(&hub, &kept).starts_with("250 "));
        let mut early = [begun(&hub), begun(&hub), begun(&hub)];
        faults.order(&no_room_for_the_database(errno));
        for smtp in &mut early {
            let reply = reply_to(smtp, &small());
            assert!(reply.starts_with("452 4.3.1 "), "{errno:?}: {reply}");
        }
        for _ in 0..3 {
            assert!(reply_to_mail(&hub).starts_with("452 4.3.1 "));
        }
        assert_eq!(waiting(&hub, "anna"), 1, "{errno:?}");
        hub.wait_for_log("[ERROR] the disk has less room than keep_free");
        assert_eq!(office.status()["disk"]["short"], true);
        told_once(
            &hub,
            "[ERROR] store failed while keeping a message: the disk is full",
        );
        assert_eq!(told(&hub, "[WARN]"), 0, "{}", hub.log());

        faults.lift();
        hub.wait_for_log("[INFO] the disk has room again");
        assert!(send_and_see(&hub, &small()).starts_with("250 "));
        told_once(&hub, "less room than keep_free");
        let messages = collect(&hub, "anna");
        assert_eq!(messages.len(), 2);
        assert_eq!(behind_trace(&messages[0]), kept);
    });
}

#[test]
fn quit_that_finds_the_disk_full_removes_nothing_and_says_so() {
    let office = Office::new();
    let (hub, faults) = faulty_hub(&office);
    send_and_see(&hub, &small());
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("DELE 1", "+OK*");
    faults.order(&no_room_for_the_database(Errno::NOSPC));
    pop3.say("QUIT", "-ERR [SYS/TEMP] *");
    assert_eq!(waiting(&hub, "anna"), 1);
    faults.lift();
    eventually("it can be removed", || {
        let mut pop3 = log_in(&hub, "anna");
        pop3.say("DELE 1", "+OK*");
        pop3.say("QUIT", "*").starts_with("+OK")
    });
    assert_eq!(waiting(&hub, "anna"), 0);
}

#[test]
fn disk_that_a_large_body_finds_full() {
    let cases = FULL
        .iter()
        .flat_map(|&errno| [call::OPEN, call::WRITE, call::SYNC].map(|calls| (errno, calls)));
    at_once(cases, |(errno, calls)| {
        let office = Office::new();
        let (hub, faults) = faulty_hub(&office);
        let failing = Action::Fail(errno.raw_os_error());
        faults.order(&[Rule::always(failing, calls, place::BODY)]);
        let reply = send_and_see(&hub, &large());
        assert!(reply.starts_with("452 4.3.1 "), "{calls}: {reply}");
        // In the same session, by DATA, and a small one behind it.
        let mut smtp = begun(&hub);
        smtp.say("DATA", "354 *");
        smtp.send(&large());
        smtp.say(".", "452 4.3.1 *");
        smtp.say("MAIL FROM:<>", "250 *");
        smtp.say("RCPT TO:<anna@example.com>", "250 *");
        assert!(reply_to(&mut smtp, &small()).starts_with("250 "));
        eventually("what was begun is removed", || body_files(&office) == 0);
        faults.lift();
        assert!(send_and_see(&hub, &large()).starts_with("250 "));
        assert_eq!(waiting(&hub, "anna"), 2);
    });
}

#[test]
fn disk_that_takes_half_of_what_is_written() {
    let office = Office::new();
    let (hub, faults) = faulty_hub(&office);
    faults.order(&[Rule::always(Action::Short, call::WRITE, place::STORE)]);
    for content in [small(), large()] {
        assert!(send_and_see(&hub, &content).starts_with("250 "));
    }
    assert!(faults.acted(0) > 10);
    let messages = collect(&hub, "anna");
    assert_eq!(behind_trace(&messages[0]), small());
    assert_eq!(behind_trace(&messages[1]), large());
}

#[test]
fn disk_that_is_full_when_a_stranger_sends() {
    let office = Office::new();
    office.be_in_the_world();
    let (hub, faults) = faulty_hub(&office);
    let mut smtp = begun(&hub);
    faults.order(&no_room_for_the_database(Errno::NOSPC));
    smtp.say("DATA", "354 *");
    smtp.send(b"Subject: one\r\n\r\n");
    smtp.say(".", "452 4.3.1 *");
    smtp.say("MAIL FROM:<>", "452 4.3.1 *");
    smtp.say("RCPT TO:<anna@example.com>", "503 *");
    faults.lift();
    let mut again = hub.smtp();
    greet(&mut again);
    eventually("there is room again", || {
        smtp.say("MAIL FROM:<>", "*").starts_with("250 ")
    });
}

#[test]
fn strangers_who_come_again_and_again_to_a_full_disk_do_not_fill_the_log() {
    const TRIES: usize = 2500;
    let office = Office::new();
    let (hub, faults) = faulty_hub(&office);
    let mut smtp = begun(&hub);
    faults.order(&no_room_for_the_database(Errno::NOSPC));
    assert!(reply_to(&mut smtp, &small()).starts_with("452 4.3.1 "));
    for _ in 0..TRIES {
        smtp.say("MAIL FROM:<>", "452 4.3.1 *");
    }
    // What two minutes may have: one may end in between.
    assert!(told(&hub, "refused for now peer=") <= 2000);
}
