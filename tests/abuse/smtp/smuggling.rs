//! Content that looks like an end of data with commands behind it, over a
//! socket, from everybody who may send. All short contents are tried against
//! the machine alone (`src/smtp/tests/smuggling.rs`).

use std::net::Ipv4Addr;

use super::{LAN, STRANGER, begin_data, office, smtp_from};
use crate::hub::{Hub, Office, at_once};
use crate::mail::waiting;
use crate::talk::Talk;

/// What was taken for an end of data by one server or another, and what looks
/// like one.
const ENDS: [&[u8]; 19] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r.\r",
    b"\r.\r\n",
    b"\r.\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\n\n.\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\r\0\n",
    b"\r\0\n.\r\n",
    b"\0\r\n.\0",
    b"\r\n. \r\n",
    b"\r\n..\r\n",
    b"\x85.\x85",
    b"\xe2\x80\xa8.\xe2\x80\xa8",
];
const SMUGGLED: &[u8] = b"MAIL FROM:<boss@example.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n\
    Subject: smuggled\r\n\r\nPay.\r\n";

/// The message up to where the smuggled part begins: in its body, and in a
/// header field.
const BEGINNINGS: [&[u8]; 2] = [b"Subject: good\r\n\r\nText", b"Subject: good"];

/// The answer to the message; a command behind it is answered once, and nothing
/// else is.
fn one_answer(smtp: &mut Talk, wire: &[u8]) -> String {
    let answer = smtp.expect("*");
    let shown = wire.escape_ascii();
    assert!(
        answer.starts_with("250 2.0.0 kept as ") || answer.starts_with("550 5.6.0 "),
        "{shown}: {answer}"
    );
    let next = smtp.expect("*");
    assert_eq!(
        next, "214-2.0.0 this hub receives mail for its own domains",
        "{shown}"
    );
    while !smtp.expect("214*").starts_with("214 ") {}
    answer
}

/// Sends each of them; how many messages were kept.
fn try_all(hub: &Hub, source: Ipv4Addr, send: impl Fn(&mut Talk, &[u8]) + Sync) -> usize {
    let mut smtp = smtp_from(hub, source);
    let mut kept = 0;
    for beginning in BEGINNINGS {
        for end in ENDS {
            let content = [beginning, end, SMUGGLED].concat();
            send(&mut smtp, &content);
            let answer = one_answer(&mut smtp, &content);
            kept += usize::from(answer.starts_with("250 "));
            // A stranger's session ends after so many transactions.
            smtp.say("QUIT", "221 *");
            smtp = smtp_from(hub, source);
        }
    }
    kept
}

fn by_data(smtp: &mut Talk, content: &[u8]) {
    begin_data(smtp);
    smtp.send(&[content, b".\r\nHELP\r\n"].concat());
}

fn octet_by_octet(smtp: &mut Talk, content: &[u8]) {
    begin_data(smtp);
    // Each in a segment of its own: nothing waits for more (TCP_NODELAY).
    for octet in [content, b".\r\nHELP\r\n"].concat() {
        smtp.send(&[octet]);
    }
}

fn by_bdat(smtp: &mut Talk, content: &[u8]) {
    smtp.say("MAIL FROM:<x@elsewhere.example>", "250 *");
    smtp.say("RCPT TO:<anna@example.com>", "250 *");
    let content = [content, b".\r\n"].concat();
    let command = format!("BDAT {} LAST\r\n", content.len());
    smtp.send(&[command.as_bytes(), &content, b"HELP\r\n"].concat());
}

fn all_ways(office: &Office, source: Ipv4Addr) {
    let hub = office.serve();
    let ways: [fn(&mut Talk, &[u8]); 3] = [by_data, octet_by_octet, by_bdat];
    let mut kept = 0;
    for way in ways {
        kept += try_all(&hub, source, way);
    }
    assert_eq!(waiting(&hub, "bob"), 0, "smuggled");
    assert_eq!(waiting(&hub, "anna"), kept);
    assert!(kept > 0);
}

#[test]
fn ends_of_data_that_are_none_from_anybody() {
    at_once(["stranger", "lan", "provider"], |who| match who {
        "provider" => {
            let office = Office::new();
            office.be_in_the_world();
            office.set("pop3", "plaintext_login = \"always\"");
            office.set("smtp", "accept_from = [\"127.0.0.0/8\"]");
            all_ways(&office, STRANGER);
        }
        _ => {
            all_ways(&office(), if who == "lan" { LAN } else { STRANGER });
        }
    });
}
