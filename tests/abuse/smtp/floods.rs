//! Commands and octets without end: each has a limit, and the hub's memory
//! does not grow with them.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use super::{LAN, STRANGER, begin_data, most_memory, office, smtp_from};
use crate::hub::at_once;
use crate::mail::{greet, waiting};
use crate::talk::Talk;

/// More than any of the floods below may cost, and far less than what they send.
const GROWTH_MAX: u64 = 16_000_000;

/// So many times the same line.
fn times(line: &str, count: usize) -> Vec<u8> {
    line.repeat(count).into_bytes()
}

/// Sends all of it while the answers are read; the last line of these, and how
/// many there were.
fn pour(mut smtp: Talk, octets: &[u8]) -> (usize, String) {
    let mut sending = smtp.second();
    thread::scope(|scope| {
        scope.spawn(move || {
            sending.send(octets);
            sending.half_close();
        });
        let answers = smtp.until_close();
        let text = String::from_utf8(answers).unwrap();
        let last = text.lines().last().unwrap_or_default().to_string();
        (text.lines().count(), last)
    })
}

/// 100,000 recipients in one transaction, as they are made.
fn recipients(name: impl Fn(usize) -> String) -> Vec<u8> {
    let lines = (0..100_000).map(|at| format!("RCPT TO:<{}@example.com>\r\n", name(at)));
    let lines: String = lines.collect();
    [b"MAIL FROM:<x@elsewhere.example>\r\n", lines.as_bytes()].concat()
}

/// What is sent, and how a stranger's and a PC's session end: with 421 or with
/// the last answer. A stranger who tries names is slowed instead.
fn floods() -> Vec<(Vec<u8>, Option<&'static str>, &'static str)> {
    let mixed = |at: usize| ["anna", "nobody"][at % 2].to_string();
    let within_a_transaction = [
        b"MAIL FROM:<x@elsewhere.example>\r\nRCPT TO:<anna@example.com>\r\n".to_vec(),
        times("BDAT 0\r\n", 100_000),
    ]
    .concat();
    vec![
        (
            recipients(|_| "anna".into()),
            Some("421 4.7.0 *"),
            "452 4.5.3 *",
        ),
        (
            recipients(|at| format!("anna+{at}")),
            Some("421 4.7.0 *"),
            "452 4.5.3 *",
        ),
        (recipients(|_| "nobody".into()), None, "*"),
        (recipients(mixed), None, "452 4.5.3 *"),
        (
            times("MAIL FROM:<>\r\n", 100_000),
            Some("421 4.7.0 *"),
            "421 4.7.0 *",
        ),
        (
            times("RSET\r\nMAIL FROM:<>\r\n", 50_000),
            Some("421 4.7.0 *"),
            "250 2.1.0 *",
        ),
        (
            times("NOOP\r\n", 1_000_000),
            Some("421 4.7.0 *"),
            "421 4.7.0 *",
        ),
        (
            times("WHAT\r\n", 100_000),
            Some("421 4.7.0 *"),
            "421 4.7.0 *",
        ),
        (within_a_transaction, Some("421 4.7.0 *"), "250 2.0.0 *"),
    ]
}

#[test]
fn floods_of_commands_that_are_sent_ahead() {
    let office = office();
    let hub = office.serve();
    let before = most_memory(&hub);
    at_once(floods(), |(octets, strangers_end, lan_end)| {
        for (source, end) in [(STRANGER, strangers_end), (LAN, Some(lan_end))] {
            let Some(end) = end else {
                continue;
            };
            let shown = String::from_utf8_lossy(&octets[..60.min(octets.len())]).into_owned();
            let (lines, last) = pour(smtp_from(&hub, source), &octets);
            assert!(
                crate::dialogue::fits(end, &last),
                "{source}: {shown}: {last}"
            );
            assert!(
                source == LAN || lines < 5_000,
                "{source}: {shown}: {lines} lines"
            );
        }
    });
    let grown = most_memory(&hub) - before;
    println!("floods of commands: the hub grew by {grown} octets");
    assert!(grown < GROWTH_MAX, "{grown}");
    // More than ten thousand recipients were refused.
    let refused = hub.log().matches("refused recipient=").count();
    assert!(refused <= 2_000, "{refused} lines");
    assert_eq!(waiting(&hub, "anna"), 0);
}

#[test]
fn names_that_a_stranger_guesses() {
    let office = office();
    let mut hub = office.serve();
    let guess = |smtp: &mut Talk, count: usize| {
        smtp.say("MAIL FROM:<x@elsewhere.example>", "250 *");
        let begun = Instant::now();
        smtp.send(&times("RCPT TO:<nobody@example.com>\r\n", count));
        (0..count).for_each(|_| {
            smtp.expect("550 5.1.1 *");
        });
        begun.elapsed()
    };
    let mut smtp = smtp_from(&hub, STRANGER);
    guess(&mut smtp, 20);
    smtp.say("RSET", "250 *");
    assert!(guess(&mut smtp, 3) >= Duration::from_secs(3));
    // Who comes again is known.
    let mut smtp = smtp_from(&hub, STRANGER);
    assert!(guess(&mut smtp, 2) >= Duration::from_secs(2));
    // The provider or a PC with an old address book is not slowed: this would
    // take minutes.
    let mut pc = smtp_from(&hub, LAN);
    assert!(guess(&mut pc, 500) < Duration::from_secs(60));
    // The hub stops at once all the same.
    smtp.send(&times("RCPT TO:<nobody@example.com>\r\n", 500));
    assert!(hub.stop().success());
}

#[test]
fn a_flood_of_commands_by_a_peer_that_never_reads() {
    let office = office();
    let hub = office.serve();
    let before = most_memory(&hub);
    let mut deaf = [STRANGER, LAN].map(|source| smtp_from(&hub, source));
    thread::scope(|scope| {
        for smtp in &deaf {
            // 6 MB of commands, of which the answers would be 40 MB.
            let mut sending = smtp.second();
            scope.spawn(move || sending.send(&times("HELP\r\n", 1_000_000)));
        }
        for _ in 0..10 {
            let mut other = smtp_from(&hub, LAN);
            begin_data(&mut other);
            other.send(b"Subject: meanwhile\r\n\r\n.\r\n");
            other.expect("250 2.0.0 kept as *");
        }
        deaf.iter_mut().for_each(Talk::hang_up);
    });
    let grown = most_memory(&hub) - before;
    assert!(grown < GROWTH_MAX, "{grown}");
    assert_eq!(waiting(&hub, "anna"), 10);
}

#[test]
fn lines_without_an_end() {
    let office = office();
    let hub = office.serve();
    let before = most_memory(&hub);
    let hundred_megabytes = |octet: u8| vec![octet; 100_000_000];
    at_once(
        [(STRANGER, b'x'), (LAN, b'\0')],
        |(source, octet): (Ipv4Addr, u8)| {
            // As a command: its end is never seen, and what follows it is heard.
            let mut smtp = smtp_from(&hub, source);
            smtp.send(&hundred_megabytes(octet));
            smtp.send(b"\r\nNOOP\r\n");
            smtp.expect("500 5.5.2 line too long*");
            smtp.expect("250 2.0.0 done");
            // As content: read to its end, and refused.
            begin_data(&mut smtp);
            smtp.send(&hundred_megabytes(octet));
            smtp.send(b"\r\n.\r\nNOOP\r\n");
            smtp.expect("552 5.3.4 *");
            smtp.expect("250 2.0.0 done");
        },
    );
    let grown = most_memory(&hub) - before;
    println!("lines without an end: the hub grew by {grown} octets");
    assert!(grown < GROWTH_MAX, "{grown}");
    assert_eq!(waiting(&hub, "anna"), 0);
}

#[test]
fn commands_behind_a_data_that_was_refused() {
    let office = office();
    let hub = office.serve();
    let mut smtp = Talk::connect_from(hub.address("smtp"), STRANGER);
    greet(&mut smtp);
    // DATA is refused, so that what follows are commands, each answered once;
    // none of them finds the transaction of before.
    smtp.send(
        b"MAIL FROM:<x@elsewhere.example>\r\nRCPT TO:<nobody@example.com>\r\nDATA\r\n\
          Subject: x\r\n\r\nRSET\r\nRCPT TO:<anna@example.com>\r\n.\r\nNOOP\r\n",
    );
    for answer in [
        "250 2.1.0 *",
        "550 5.1.1 *",
        "554 5.5.1 *",
        "500 *",
        "500 *",
        "250 2.0.0 *",
        "503 *",
        "500 *",
        "250 2.0.0 *",
    ] {
        smtp.expect(answer);
    }
    smtp.expect_quiet("behind the last command");
    assert_eq!(waiting(&hub, "anna"), 0);
}
