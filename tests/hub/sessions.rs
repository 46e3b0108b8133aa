//! Sessions that go wrong in every way that networks and programs know.

use std::thread;
use std::time::{Duration, Instant};

use crate::hub::{Office, eventually};
use crate::mail::{behind_trace, collect, ehlo, greet, log_in, message, send, send_in, waiting};
use crate::talk::Talk;

#[test]
fn a_second_session_of_a_user_is_told_in_use_and_others_are_not() {
    let office = Office::new();
    let hub = office.serve();
    let mut first = log_in(&hub, "anna");
    let since = Instant::now();
    let mut second = hub.pop3();
    second.expect("+OK *");
    second.say("USER anna", "+OK*");
    second.say("PASS wrong", "-ERR [AUTH] *");
    second.say("USER anna@example.com", "+OK*");
    second.say("PASS secret-anna", "-ERR [IN-USE] *");
    assert!(since.elapsed() < Duration::from_secs(5));
    drop(log_in(&hub, "bob"));
    // The session that is busy goes on, and its QUIT lets the other in.
    first.say("NOOP", "+OK*");
    first.say("QUIT", "+OK*");
    second.say("USER anna", "+OK*");
    second.say("PASS secret-anna", "+OK 0 messages*");
}

#[test]
fn a_connection_that_breaks_lets_the_maildrop_go_and_loses_its_marks() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "stays");
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("DELE 1", "+OK*");
    drop(pop3);
    let logged_in = || {
        let mut pop3 = hub.pop3();
        pop3.expect("+OK *");
        pop3.say("USER anna", "+OK*");
        let reply = pop3.say("PASS secret-anna", "*");
        reply.starts_with("+OK 1 message")
    };
    eventually("the maildrop is free again", logged_in);
}

#[test]
fn a_client_that_breaks_off_within_a_message_lets_the_maildrop_go() {
    let office = Office::new();
    let hub = office.serve();
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    let large = "a line of a large message\r\n".repeat(400_000);
    send_in(&mut smtp, &["anna@example.com"], large.as_bytes());
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("DELE 1", "+OK*");
    pop3.say("RSET", "+OK*");
    pop3.say("RETR 1", "+OK*");
    drop(pop3);
    eventually("the session is over", || {
        office.status()["hub"]["sessions"].as_array().unwrap().len() == 1
    });
    assert_eq!(waiting(&hub, "anna"), 1);
}

#[test]
fn mail_that_comes_during_a_session_waits_for_the_next() {
    let office = Office::new();
    let hub = office.serve();
    send(&hub, &["anna@example.com"], "early");
    let mut pop3 = log_in(&hub, "anna");
    send(&hub, &["anna@example.com"], "late");
    pop3.say("STAT", "+OK 1 *");
    pop3.say("RETR 2", "-ERR*");
    pop3.say("DELE 1", "+OK*");
    pop3.say("QUIT", "+OK*");
    let left = collect(&hub, "anna");
    assert_eq!(left.len(), 1);
    assert_eq!(behind_trace(&left[0]), message("late").as_bytes());
}

#[test]
fn a_disconnect_in_data_stores_nothing() {
    let office = Office::new();
    let hub = office.serve();
    for (ask, content) in [
        ("DATA", "half a message\r\n".to_string()),
        ("DATA", "a whole one\r\n.".to_string()),
        ("DATA", "half of a large message\r\n".repeat(20_000)),
        ("BDAT 100 LAST", "too few".to_string()),
        ("BDAT 7", "not the last".to_string()),
    ] {
        let mut smtp = hub.smtp();
        greet(&mut smtp);
        smtp.say("MAIL FROM:<>", "250 *");
        smtp.say("RCPT TO:<anna@example.com>", "250 *");
        smtp.send(format!("{ask}\r\n").as_bytes());
        if ask == "DATA" {
            smtp.expect("354 *");
        }
        smtp.send(content.as_bytes());
    }
    eventually("all sessions are over", || {
        office.status()["hub"]["sessions"]
            .as_array()
            .unwrap()
            .is_empty()
    });
    assert_eq!(waiting(&hub, "anna"), 0);
    assert_eq!(
        std::fs::read_dir(office.path("data/bodies"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_client_that_has_said_everything_and_half_closed_is_answered() {
    let office = Office::new();
    let hub = office.serve();
    let mut smtp = hub.smtp();
    smtp.send(
        b"EHLO pc\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.com>\r\nDATA\r\nhalf closed\r\n.\r\nQUIT\r\n",
    );
    smtp.half_close();
    while let Some(line) = smtp.line() {
        let said_no = line.starts_with('4') || line.starts_with('5');
        assert!(!said_no, "{line}");
    }
    let mut pop3 = hub.pop3();
    pop3.send(b"USER anna\r\nPASS secret-anna\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n");
    pop3.half_close();
    pop3.expect("+OK *");
    pop3.expect("+OK*");
    pop3.expect("+OK 1 message*");
    pop3.expect("+OK*");
    assert_eq!(behind_trace(&pop3.multi_line()), b"half closed\r\n");
    pop3.expect("+OK*");
    pop3.expect("+OK*");
    pop3.expect_close();
    assert_eq!(waiting(&hub, "anna"), 0);
}

#[test]
fn a_client_that_sends_single_octets_is_served() {
    let office = Office::new();
    let hub = office.serve();
    let slowly = |talk: &mut Talk, text: &str| {
        for octet in text.as_bytes() {
            talk.send(&[*octet]);
            thread::sleep(Duration::from_micros(500));
        }
    };
    let mut smtp = hub.smtp();
    smtp.expect("220 *");
    slowly(&mut smtp, "HELO pc\r\n");
    smtp.expect("250 *");
    slowly(
        &mut smtp,
        "MAIL FROM:<>\r\nRCPT TO:<anna@example.com>\r\nDATA\r\n",
    );
    smtp.expect("250 *");
    smtp.expect("250 *");
    smtp.expect("354 *");
    slowly(&mut smtp, &message("slow"));
    slowly(&mut smtp, ".\r\nQUIT\r\n");
    smtp.expect("250 2.0.0 kept as *");
    smtp.expect("221 *");
    let mut pop3 = hub.pop3();
    pop3.expect("+OK *");
    slowly(
        &mut pop3,
        "USER anna\r\nPASS secret-anna\r\nRETR 1\r\nQUIT\r\n",
    );
    pop3.expect("+OK*");
    pop3.expect("+OK 1 message*");
    pop3.expect("+OK*");
    // 1 is a dot that was not stuffed: it was taken away.
    let retrieved = String::from_utf8(pop3.multi_line()).unwrap();
    assert!(
        retrieved.contains("\r\nthis line begins with a dot\r\n"),
        "{retrieved}"
    );
    pop3.expect("+OK*");
}

#[test]
fn a_message_that_is_too_large_is_read_to_its_end_and_refused() {
    let office = Office::new();
    office.set("smtp", "max_message_size = \"1 MB\"");
    let hub = office.serve();
    let mut smtp = hub.smtp();
    smtp.expect("220 *");
    assert!(ehlo(&mut smtp).contains(&"250-SIZE 1000000".to_string()));
    smtp.say("MAIL FROM:<> SIZE=1000001", "552 5.3.4 *");
    smtp.say("MAIL FROM:<>", "250 *");
    smtp.say("RCPT TO:<anna@example.com>", "250 *");
    smtp.say("DATA", "354 *");
    smtp.send("three megabytes in all\r\n".repeat(125_000).as_bytes());
    smtp.say(".", "552 5.3.4 *1000000 octets*");
    // The session goes on.
    send_in(&mut smtp, &["anna@example.com"], b"small enough\r\n");
    assert_eq!(waiting(&hub, "anna"), 1);
    assert_eq!(
        std::fs::read_dir(office.path("data/bodies"))
            .unwrap()
            .count(),
        0
    );
    let log = hub.wait_for_log("refused message");
    assert!(log.contains("552 5.3.4"), "{log}");
}

#[test]
fn rubbish_of_every_kind_harms_nobody() {
    let office = Office::new();
    let hub = office.serve();
    let hello_of_tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(100);
    let web = b"GET / HTTP/1.1\r\nHost: post.example.com\r\n\r\n".to_vec();
    let noise: Vec<u8> = (0..100_000_u32)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    for listener in ["smtp", "smtps", "pop3", "pop3s"] {
        for rubbish in [&hello_of_tls, &web, &noise] {
            let mut talk = Talk::connect(hub.address(listener));
            talk.send(rubbish);
        }
        drop(Talk::connect(hub.address(listener)));
    }
    send(&hub, &["anna@example.com"], "all is well");
    assert_eq!(waiting(&hub, "anna"), 1);
    let log = hub.log();
    assert!(!log.contains("internal error"), "{log}");
}
