//! Who asks for more than anybody needs, and reads nothing of it.

use std::thread;

use crate::hub::{Hub, Office, ca};
use crate::mail::{greet, log_in, send_in, waiting};
use crate::talk::Talk;

/// How much more memory the hub may have taken than right behind a log-in, the
/// hash of which has 19 MiB for some seconds: a few buffers.
const MORE_MEMORY: u64 = 16 << 20;

fn memory(office: &Office) -> u64 {
    office.status()["hub"]["memory_octets"].as_u64().unwrap()
}

/// An office with a message of 1 MB for anna.
fn office_with_a_large_message() -> (Office, Hub) {
    let office = Office::new();
    let hub = office.serve();
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    let large =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n".repeat(1 << 14);
    send_in(&mut smtp, &["anna@example.com"], large.as_bytes());
    (office, hub)
}

#[test]
fn a_hundred_thousand_retr_whose_replies_nobody_reads() {
    let (office, hub) = office_with_a_large_message();
    let mut flood = log_in(&hub, "anna");
    assert_eq!(waiting(&hub, "bob"), 0);
    let before = memory(&office);
    // The sender is blocked as soon as the hub is: nobody waits for it.
    let flooding = thread::spawn(move || {
        flood.send(&b"RETR 1\r\n".repeat(100_000));
        flood
    });
    for _ in 0..20 {
        assert_eq!(waiting(&hub, "bob"), 0);
    }
    let after = memory(&office);
    assert!(
        after < before + MORE_MEMORY,
        "{before} octets became {after}"
    );
    drop(hub);
    drop(flooding.join().unwrap());
}

#[test]
fn a_million_commands_in_one_piece_have_a_million_replies() {
    let office = Office::new();
    let hub = office.serve();
    let mut pop3 = log_in(&hub, "anna");
    let before = memory(&office);
    const COMMANDS: usize = 1_000_000;
    let replies = pop3.flood(&b"NOOP\r\n".repeat(COMMANDS), COMMANDS);
    assert_eq!(replies, "+OK nothing done\r\n".repeat(COMMANDS));
    let after = memory(&office);
    assert!(
        after < before + MORE_MEMORY,
        "{before} octets became {after}"
    );
    pop3.say("QUIT", "+OK*");
}

#[test]
fn a_line_without_an_end() {
    let office = Office::new();
    let hub = office.serve();
    let mut pop3 = log_in(&hub, "anna");
    let before = memory(&office);
    for _ in 0..32 {
        pop3.send(&vec![b'x'; 1 << 20]);
    }
    let after = memory(&office);
    assert!(
        after < before + MORE_MEMORY,
        "{before} octets became {after}"
    );
    pop3.say("", "-ERR the line is too long");
    pop3.say("NOOP", "+OK*");
}

#[test]
fn commands_in_the_clear_behind_stls() {
    let office = Office::new();
    let hub = office.serve();
    let hidden = "USER anna\r\nPASS secret-anna\r\nSTAT\r\n";
    // In one piece the machine sees them…
    let mut pop3 = hub.pop3();
    pop3.expect("+OK *");
    pop3.send(format!("STLS\r\n{hidden}").as_bytes());
    pop3.expect("-ERR nothing may follow STLS*");
    pop3.expect_close();
    // … and behind its reply they are no handshake.
    let mut pop3 = hub.pop3();
    pop3.expect("+OK *");
    pop3.say("STLS", "+OK begin TLS now");
    pop3.send(hidden.as_bytes());
    hub.wait_for_log("tls handshake failed peer=127.0.0.1");
    // What was said before does not count behind it.
    let mut pop3 = hub.pop3();
    pop3.expect("+OK *");
    pop3.say("USER anna", "+OK*");
    pop3.say("STLS", "+OK begin TLS now");
    let mut tls: Talk = pop3.start_tls(&ca(&office));
    tls.say("PASS secret-anna", "-ERR USER comes before PASS");
    let sessions = office.status()["hub"]["sessions"].clone();
    let users = sessions.as_array().unwrap().iter();
    assert!(
        users.clone().all(|session| session["user"].is_null()),
        "{sessions}"
    );
}
