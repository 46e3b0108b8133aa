//! Peers that use all that the limits let them, and try to use more.

use std::net::Ipv4Addr;

use crate::hub::{Office, at_once, ca, eventually};
use crate::mail::{greet, send, send_in};
use crate::peer::users_like_anna;
use crate::process::{forget_peak, peak, resident};
use crate::talk::Talk;

/// The least that `[limits] memory` may be.
const SMALL: usize = 8_000_000;
/// What the allocator may keep and split beside what is asked of it.
const MARGIN: usize = 4_000_000;

#[test]
fn recipients_without_end_stay_within_the_memory() {
    let office = Office::new();
    let users = users_like_anna(&office, 40);
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    office.good(&[&["alias", "set", "all"][..], &users].concat());
    office.set("limits", "memory = \"8 MB\"");
    office.be_in_the_world();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "first");
    let before = resident(hub.pid());
    let rcpt = format!("RCPT TO:<all+{}@example.com>\r\n", "x".repeat(60));
    let mut sessions = Vec::new();
    let (mut taken, mut put_off) = (0, 0);
    for _ in 0..12 {
        let mut smtp = hub.smtp();
        greet(&mut smtp);
        smtp.say("MAIL FROM:<>", "250 *");
        for _ in 0..10 {
            smtp.send(rcpt.repeat(100).as_bytes());
            for _ in 0..100 {
                match smtp.line().unwrap() {
                    line if line.starts_with("250 ") => taken += 1,
                    line if line.starts_with("452 4.5.3 ") => put_off += 1,
                    line => panic!("{line}"),
                }
            }
        }
        sessions.push(smtp);
    }
    let grown = peak(hub.pid()) - before;
    println!("{taken} recipients taken, {put_off} put off, {grown} octets more");
    assert!(taken > 0 && put_off > 0);
    assert!(grown < SMALL + MARGIN, "{grown} octets more");
    // The first of them sends to those that were taken; then there is room.
    let mut first = sessions.remove(0);
    first.say("BDAT 3 LAST\r\na", "250 2.0.0 kept as *");
    drop(sessions);
    let mut last = hub.smtp();
    greet(&mut last);
    last.say("MAIL FROM:<>", "250 *");
    last.send(rcpt.repeat(20).as_bytes());
    for _ in 0..20 {
        last.expect("250 *");
    }
    let told = hub.log().matches("452 4.5.3").count();
    assert!(told <= 12, "{told} lines of the log");
}

/// The short form of `cargo bench --bench figures -- limits`: a fifth of its
/// load, and a budget to match.
#[test]
fn idle_busy_and_large_together_stay_within_the_memory() {
    const BUDGET: usize = 24_000_000;
    let office = Office::new();
    let users = users_like_anna(&office, 20);
    // 245 sessions of 40 KiB are five eighths of 16 MB, and 45 messages of
    // 192 KiB three eighths of 24 MB.
    office.set("limits", "memory = \"24 MB\"");
    let hub = office.serve();
    let ca = ca(&office);
    // The LAN may have 200 connections of one address.
    let session = |listener: &str, home: u8| {
        let from = Ipv4Addr::new(127, 0, 0, home);
        Talk::connect_from(hub.address(listener), from).start_tls(&ca)
    };
    let line = "a line of a message that is larger than others\r\n";
    let all: Vec<String> = users.iter().map(|it| format!("{it}@example.com")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut smtp = session("smtps", 2);
    greet(&mut smtp);
    send_in(&mut smtp, &all, line.repeat(100_000).as_bytes());
    drop(smtp);
    let rest = resident(hub.pid());

    let retrieving = users.iter().map(|user| {
        let mut pop3 = session("pop3s", 2);
        pop3.expect("+OK *");
        pop3.say(&format!("USER {user}"), "+OK*");
        pop3.say("PASS secret-anna", "+OK 1 *");
        pop3
    });
    let mut retrieving: Vec<Talk> = retrieving.collect();
    // A log-in takes 19 MiB, which is given back after some seconds.
    eventually("the memory of log-ins is given back", || {
        resident(hub.pid()) < rest + 8_000_000
    });
    forget_peak(hub.pid());
    for pop3 in &mut retrieving {
        pop3.send(b"RETR 1\r\n");
        pop3.expect("+OK*");
    }
    // In SMTP, where a silent peer is waited for longest.
    let idle: Vec<Talk> = (0..200)
        .map(|number| session("smtps", 3 + number / 100))
        .collect();
    let begin = |home: u8| {
        let mut smtp = session("smtps", home);
        greet(&mut smtp);
        smtp.say("MAIL FROM:<>", "250 *");
        smtp.say("RCPT TO:<anna@example.com>", "250 *");
        smtp.say("DATA", "354 *");
        smtp
    };
    let sending: Vec<Talk> = (0..20)
        .map(|_| {
            let mut smtp = begin(5);
            smtp.send(line.repeat(2_700).as_bytes());
            smtp
        })
        .collect();
    at_once(0..5, |_| {
        let mut smtp = begin(6);
        smtp.send(line.repeat(105_000).as_bytes());
        smtp.say(".", "250 2.0.0 kept as *");
    });
    let grown = peak(hub.pid()) - rest;
    println!("{grown} octets more than the {rest} at rest, of {BUDGET}");
    assert!(grown < BUDGET, "{grown}");
    let status = office.status();
    let sessions = status["hub"]["sessions"].as_array().unwrap().len();
    // Those who read nothing are given up after a minute.
    assert!(sessions >= idle.len() + sending.len(), "{sessions}");
}

#[test]
fn client_hello_larger_than_any_program_sends() {
    let office = Office::new();
    let hub = office.serve();
    let before = resident(hub.pid());
    // A record of the handshake, and in it the head of a ClientHello of 128 KiB:
    // OpenSSL would make room for all of it.
    let head = b"\x16\x03\x01\x40\x00\x01\x02\x00\x00\x03\x03";
    let peers: Vec<Talk> = (0..150)
        .map(|_| {
            let mut peer = Talk::connect(hub.address("pop3s"));
            peer.send(head);
            peer
        })
        .collect();
    for mut peer in peers {
        peer.expect_close();
    }
    let log = hub.wait_for_log("a ClientHello of 131072 octets");
    assert!(log.contains("tls handshake failed peer=127.0.0.1"), "{log}");
    let grown = peak(hub.pid()).saturating_sub(before);
    println!("{grown} octets more at the most");
    assert!(grown < 150 * 70_000, "{grown}");
}
