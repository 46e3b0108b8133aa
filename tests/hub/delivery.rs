//! From the envelope to the mailboxes: what is written in front of a message,
//! and that nothing else of it changes.

use crate::hub::Office;
use crate::mail::{behind_trace, collect, greet, log_in, send, send_in};

#[test]
fn a_message_comes_out_octet_by_octet_as_it_came_in() {
    let office = Office::new();
    let hub = office.serve();
    let large = "A line.\r\n.\r\n..two dots\r\n".repeat(20_000);
    let messages: [&[u8]; 8] = [
        b"",
        b"\r\n",
        b".\r\n",
        b".",
        b"no line end",
        b"Return-Path: <forged@elsewhere.example>\r\nDelivered-To: x@y\r\n\r\nbody\r\n",
        b"8 bit: \xff\xfe\x80 and NUL: \0\r\n",
        large.as_bytes(),
    ];
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    for content in messages {
        let id = send_in(&mut smtp, &["anna@example.com"], content);
        let shown = office.octets(&["mail", "show", &id]);
        assert!(
            behind_trace(&shown) == content,
            "{}",
            content.escape_ascii()
        );
    }
    let mut pop3 = log_in(&hub, "anna");
    pop3.say("LIST", "+OK*");
    let listed = String::from_utf8(pop3.multi_line()).unwrap();
    let sizes = listed.lines().map(|line| line.split(' ').nth(1).unwrap());
    let sizes: Vec<usize> = sizes.map(|size| size.parse().unwrap()).collect();
    for (number, content) in messages.iter().enumerate() {
        pop3.say(&format!("RETR {}", number + 1), "+OK*");
        let retrieved = pop3.multi_line();
        assert_eq!(retrieved.len(), sizes[number], "the size of {}", number + 1);
        // A last line without its end gets one, or the dot would stand in it.
        let lacks_end = !content.is_empty() && !content.ends_with(b"\r\n");
        let end: &[u8] = if lacks_end { b"\r\n" } else { b"" };
        assert!(
            behind_trace(&retrieved) == [content, end].concat(),
            "{}",
            number + 1
        );
    }
}

#[test]
fn each_mailbox_has_one_entry_and_the_addresses_that_led_there() {
    let office = Office::new();
    office.good(&["alias", "set", "sales", "anna", "bob"]);
    office.good(&["alias", "set", "all", "sales", "anna"]);
    let hub = office.serve();
    let recipients = ["all@example.com", "anna+x@example.com", "sales@example.com"];
    send(&hub, &recipients, "to many");
    for (user, expected) in [
        ("anna", &recipients[..]),
        ("bob", &[recipients[0], recipients[2]]),
    ] {
        let messages = collect(&hub, user);
        assert_eq!(messages.len(), 1, "{user}");
        let text = String::from_utf8_lossy(&messages[0]).into_owned();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("Return-Path: <kate@elsewhere.example>"));
        let named = lines.map_while(|line| line.strip_prefix("Delivered-To: "));
        let mut named: Vec<&str> = named.collect();
        named.sort_unstable();
        assert_eq!(named, expected, "{user}");
        // With more than one recipient, none is named to the others.
        let received = text.split("Received: ").nth(1).unwrap();
        let received = received.split("\nFrom: ").next().unwrap();
        assert!(!received.contains(" for "), "{received}");
        assert!(
            received.starts_with("from pc.example ([127.0.0.1])"),
            "{received}"
        );
        assert!(
            received.contains("by post.example.com with ESMTP"),
            "{received}"
        );
    }
}
