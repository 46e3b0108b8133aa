//! Peers that read nothing, or write what is not in the stream; and those that
//! come by the thousand and are gone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::net::{SendFlags, sockopt};

use crate::hub::{Office, eventually};
use crate::mail::{greet, log_in, send, send_in, waiting};
use crate::process::{peak, resident};
use crate::talk::Talk;

/// Of all that one session may hold of messages that its peer does not read:
/// 192 KiB, and what the allocator makes of it.
const HELD_MAX: usize = 2_000_000;
/// What thousands of sessions may leave behind: some lists have grown.
const GROWTH_MAX: usize = 8_000_000;
/// Nothing that is waited for here may take longer.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn reader_that_pipelines_and_never_reads() {
    let office = Office::new();
    let hub = office.serve();
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    let large = "a line of a large message\r\n".repeat(750_000);
    send_in(&mut smtp, &["anna@example.com"], large.as_bytes());
    drop(log_in(&hub, "bob"));
    let before = resident(hub.pid());
    let mut pop3 = log_in(&hub, "anna");
    // 1,000 times 20 MB.
    pop3.send(b"RETR 1\r\n".repeat(1_000).as_slice());
    let log_ins = 10;
    for _ in 0..log_ins {
        send(&hub, &["bob@example.com"], "meanwhile");
    }
    assert_eq!(waiting(&hub, "bob"), log_ins);
    let grown = resident(hub.pid()).saturating_sub(before);
    println!("{grown} octets more while 20 GB are asked for");
    // Log-ins take 19 MiB for some seconds, and were there before.
    assert!(grown < HELD_MAX, "{grown}");
    drop(pop3);
    eventually("the session is over", || {
        let status = office.status();
        let sessions = status["hub"]["sessions"].as_array().unwrap().len();
        sessions == 1
    });
}

/// The hub writes its replies until the connection takes no more, and then reads
/// no more commands.
#[test]
fn sender_that_never_reads_its_replies() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "before");
    let before = resident(hub.pid());
    for listener in ["smtp", "pop3"] {
        let mut stream = TcpStream::connect(hub.address(listener)).unwrap();
        sockopt::set_socket_recv_buffer_size(&stream, 1).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let commands = match listener {
            "smtp" => b"EHLO pc\r\n".repeat(1_000),
            _ => b"CAPA\r\n".repeat(1_000),
        };
        // Until the connection takes no more, or the session ends by a limit.
        stream.set_nonblocking(true).unwrap();
        for _ in 0..1_000 {
            if stream.write(&commands).is_err() {
                break;
            }
        }
    }
    send(&hub, &["anna@example.com"], "after");
    assert_eq!(waiting(&hub, "anna"), 2);
    let grown = peak(hub.pid()).saturating_sub(before);
    println!("{grown} octets more at the most");
}

#[test]
fn urgent_data_within_a_dialogue_is_left_out_or_read_and_harms_nobody() {
    let office = Office::new();
    let hub = office.serve();
    for listener in ["smtp", "pop3"] {
        let mut stream = TcpStream::connect(hub.address(listener)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"NOOP\r\n").unwrap();
        rustix::net::send(&stream, b"!", SendFlags::OOB).unwrap();
        stream.write_all(b"\r\nQUIT\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        let last = said.lines().last().unwrap();
        assert!(
            last.starts_with("221 ") || last.starts_with("+OK"),
            "{said}"
        );
    }
    // For sixteen bits of an urgent pointer there was a fault in many a stack.
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    send_in(&mut smtp, &["anna@example.com"], b"all is well\r\n");
    assert_eq!(waiting(&hub, "anna"), 1);
}

#[test]
fn ten_thousand_connections_that_are_reset_at_once() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "before");
    let before = resident(hub.pid());
    for number in 0..10_000 {
        let listener = ["smtp", "smtps", "pop3", "pop3s"][number % 4];
        let stream = TcpStream::connect(hub.address(listener)).unwrap();
        sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    }
    // An address that floods may be told to come later, until that is over.
    eventually("all sessions are over", || {
        let status = office.status();
        status["hub"]["sessions"].as_array().unwrap().is_empty()
    });
    send(&hub, &["anna@example.com"], "after");
    assert_eq!(waiting(&hub, "anna"), 2);
    // The memory of a log-in is given back after some seconds.
    eventually("the memory is what it was", || {
        resident(hub.pid()) < before + GROWTH_MAX
    });
    println!("{} lines of the log", hub.log().lines().count());
    let log = hub.log();
    assert!(!log.contains("internal error"), "{log}");
    let mut smtp = Talk::connect(hub.address("smtp"));
    smtp.expect("220 *");
}
