//! The system gives no more: descriptors, memory. Peers are told to
//! come again, the log is told once, and all is well when there is room again.

use std::fs;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::hub::{Hub, Office};
use crate::mail::{greet, log_in, send, send_in, waiting};
use crate::process::ticks;
use crate::talk::Talk;

/// More than all listeners need to try again ten times a second, and less than
/// one thread that does nothing else: hundredths of a second in each.
const TICKS_MAX: u64 = 50;

/// Lets the hub have so many descriptors more than it has open.
fn leave_descriptors(hub: &Hub, more: u64) {
    let open = fs::read_dir(format!("/proc/{}/fd", hub.pid())).unwrap();
    limit_descriptors(hub, open.count() as u64 + more);
}

fn limit_descriptors(hub: &Hub, count: u64) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", hub.pid())).unwrap();
    let line = limits.lines().find(|it| it.starts_with("Max open files"));
    let hard = line.unwrap().split_whitespace().nth(4).unwrap();
    let limit = Rlimit {
        current: Some(count),
        maximum: hard.parse().ok(),
    };
    let pid = Pid::from_raw(i32::try_from(hub.pid()).unwrap());
    prlimit(pid, Resource::Nofile, limit).unwrap();
}

#[test]
fn descriptors_used_up() {
    let office = Office::new();
    let hub = office.serve();
    let large = "a line of a large message\r\n".repeat(20_000);
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    send_in(&mut smtp, &["anna@example.com"], large.as_bytes());
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("STAT", "+OK 1 *");
    leave_descriptors(&hub, 0);
    // Whom it cannot accept waits with the system.
    let waiting_peers: Vec<Talk> = ["smtp", "smtps", "pop3", "pop3s"]
        .iter()
        .flat_map(|listener| (0..3).map(|_| Talk::connect(hub.address(listener))))
        .collect();
    hub.wait_for_log("accepting nothing listener=smtp:");
    hub.wait_for_log("accepting nothing listener=pop3s:");
    // A message that needs a file is put off, and none is lost.
    smtp.say("MAIL FROM:<>", "250 *");
    smtp.say("RCPT TO:<anna@example.com>", "250 *");
    smtp.say("DATA", "354 *");
    smtp.send(large.as_bytes());
    smtp.say(".", "451 4.3.0 *");
    pop3.say("RETR 1", "-ERR [SYS/TEMP] *");
    let before = ticks(hub.pid());
    thread::sleep(Duration::from_secs(1));
    let used = ticks(hub.pid()) - before;
    assert!(used < TICKS_MAX, "{used} ticks in a second");
    let told = hub.log().matches("accepting nothing").count();
    assert_eq!(told, 4, "{}", hub.log());

    limit_descriptors(&hub, 1_000);
    for (number, mut peer) in waiting_peers.into_iter().enumerate() {
        match number / 3 {
            0 => drop(peer.expect("220 *")),
            2 => drop(peer.expect("+OK *")),
            _ => {}
        }
    }
    hub.wait_for_log("accepting again listener=smtp ");
    pop3.say("RETR 1", "+OK*");
    assert!(pop3.multi_line().len() > large.len());
    send_in(&mut smtp, &["anna@example.com"], large.as_bytes());
    send(&hub, &["bob@example.com"], "all is well");
    assert_eq!(waiting(&hub, "bob"), 1);
}

/// Takes the half minute that a message waits for memory.
#[test]
fn memory_for_messages_used_up() {
    let office = Office::new();
    office.set("limits", "memory = \"8 MB\"");
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "before");
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("STAT", "+OK 1 *");
    // 15 messages of 192 KiB are three eighths of 8 MB.
    let begin = || {
        let mut smtp = hub.smtp();
        greet(&mut smtp);
        smtp.say("MAIL FROM:<>", "250 *");
        smtp.say("RCPT TO:<anna@example.com>", "250 *");
        smtp
    };
    let mut under_way: Vec<Talk> = (0..15).map(|_| begin()).collect();
    for smtp in &mut under_way {
        smtp.say("DATA", "354 *");
    }
    let mut late = begin();
    late.send(b"DATA\r\n");
    pop3.send(b"RETR 1\r\n");
    // Meanwhile the hub goes on with all that needs no such memory.
    log_in(&hub, "bob").say("STAT", "+OK 0 *");
    thread::sleep(Duration::from_secs(20));
    late.expect("421 4.3.2 *");
    late.expect_close();
    pop3.expect("-ERR [SYS/TEMP] *");
    hub.wait_for_log("421 4.3.2");
    assert_eq!(hub.log().matches("421 4.3.2").count(), 1);
    // One is enough to let the next one in.
    under_way
        .pop()
        .unwrap()
        .say("a\r\n.", "250 2.0.0 kept as *");
    pop3.say("RETR 1", "+OK*");
    pop3.multi_line();
    let mut next = begin();
    next.say("DATA", "354 *");
    next.say("a\r\n.", "250 2.0.0 kept as *");
}
