//! Octets in the clear around STARTTLS, and protocols that are not SMTP's.

use openssl::ssl::{SslConnector, SslMethod};

use super::{LAN, STRANGER, begin_data, office, smtp_from};
use crate::mail::{greet, waiting};
use crate::talk::Talk;

const INJECTED: &[u8] = b"EHLO evil\r\nMAIL FROM:<evil@elsewhere.example>\r\n\
    RCPT TO:<anna@example.com>\r\nDATA\r\nSubject: injected\r\n\r\n.\r\nQUIT\r\n";

/// The first octets of a real client, up to where it waits for the server.
fn client_hello() -> Vec<u8> {
    #[derive(Debug)]
    struct Wire(Vec<u8>);
    impl std::io::Read for Wire {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::WouldBlock.into())
        }
    }
    impl std::io::Write for Wire {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.extend_from_slice(octets);
            Ok(octets.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let connector = SslConnector::builder(SslMethod::tls_client())
        .unwrap()
        .build();
    match connector.connect("post.example.com", Wire(Vec::new())) {
        Err(openssl::ssl::HandshakeError::WouldBlock(under_way)) => under_way.get_ref().0.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn plaintext_behind_starttls_in_whatever_segment() {
    let office = office();
    let hub = office.serve();
    let hello = client_hello();
    let first_half = hello[..hello.len() / 2].to_vec();
    // What is sent in one segment with the command, and what after 220.
    let behind = [
        (INJECTED.to_vec(), vec![]),
        // A whole handshake may not begin there either.
        (hello.clone(), vec![]),
        (vec![], vec![INJECTED.to_vec()]),
        (vec![], vec![first_half, INJECTED.repeat(20)]),
    ];
    for (together, apart) in behind {
        let mut smtp = smtp_from(&hub, LAN);
        smtp.send(&[b"STARTTLS\r\n", &together[..]].concat());
        smtp.expect("220 2.0.0 *");
        for piece in apart {
            smtp.send(&piece);
        }
        smtp.half_close();
        // An alert of TLS may come, and no reply of SMTP.
        let rest = smtp.until_close();
        let text = String::from_utf8_lossy(&rest);
        assert!(rest.len() < 64 && !text.contains("250"), "{text}");
    }
    assert_eq!(waiting(&hub, "anna"), 0);
}

#[test]
fn a_command_of_an_earlier_age_or_of_another_server() {
    let office = office();
    let hub = office.serve();
    let mut smtp = smtp_from(&hub, LAN);
    for command in [
        "TURN",
        "DEBUG",
        "WIZ",
        "KILL",
        "SEND FROM:<x@elsewhere.example>",
        "SOML FROM:<x@elsewhere.example>",
        "SAML FROM:<x@elsewhere.example>",
        "ATRN example.com",
        "XCLIENT ADDR=127.0.0.2",
        "XFORWARD NAME=post.example.com",
        "XEXCH50 1 2",
        "PROXY TCP4 127.0.0.2 127.0.0.1 1 25",
        "USER anna",
        "STLS",
        "SSH-2.0-OpenSSH_9.2",
    ] {
        smtp.say(command, "500 5.5.2 unknown command*");
    }
    // None of them tells whether somebody is here.
    for name in ["anna", "nobody", "anna@example.com", "root"] {
        smtp.say(
            &format!("VRFY {name}"),
            "252 2.0.0 addresses are judged at RCPT; send mail and see",
        );
        smtp.say(&format!("EXPN {name}"), "502 5.5.1 lists are not shown");
    }
}

#[test]
fn a_web_page_that_makes_a_browser_send_mail() {
    let office = office();
    let hub = office.serve();
    for request in [
        "POST / HTTP/1.1",
        "PUT /x HTTP/1.0",
        "CONNECT a:25 HTTP/1.1",
    ] {
        let mut smtp = Talk::connect_from(hub.address("smtp"), STRANGER);
        let body = String::from_utf8_lossy(INJECTED);
        smtp.send(format!("{request}\r\nHost: a\r\n\r\n{body}").as_bytes());
        smtp.expect("220 *");
        smtp.expect("421 4.7.0 this is a mail server, not a web server");
        smtp.expect_close();
    }
    assert_eq!(waiting(&hub, "anna"), 0);
}

#[test]
fn mail_commands_on_the_pop3_port_and_tls_on_the_plain_one() {
    let office = office();
    let hub = office.serve();
    let mut pop3 = Talk::connect_from(hub.address("pop3"), STRANGER);
    pop3.expect("+OK *");
    pop3.say("EHLO evil", "-ERR *");
    pop3.say("MAIL FROM:<evil@elsewhere.example>", "-ERR *");
    let mut smtp = Talk::connect_from(hub.address("smtp"), STRANGER);
    smtp.expect("220 *");
    smtp.send(&client_hello());
    smtp.send(b"\r\nRSET\r\n");
    // A fault or two, and then an answer to what is a command.
    let mut lines = std::iter::from_fn(|| smtp.line());
    assert!(lines.any(|line| line == "250 2.0.0 done"));
    let mut smtp = Talk::connect_from(hub.address("smtp"), STRANGER);
    greet(&mut smtp);
    begin_data(&mut smtp);
    assert_eq!(waiting(&hub, "anna"), 0);
}

#[test]
fn sizes_that_lie_or_that_no_number_can_hold() {
    let office = office();
    office.set("smtp", "max_message_size = \"10 kB\"");
    let hub = office.serve();
    let mut smtp = smtp_from(&hub, STRANGER);
    for size in [
        "2147483648",
        "4294967296",
        "9223372036854775808",
        "18446744073709551616",
    ] {
        smtp.say(&format!("MAIL FROM:<> SIZE={size}"), "552 5.3.4 *");
    }
    let forty_digits = "9".repeat(40);
    for size in [
        &forty_digits,
        "-1",
        "+1",
        "1x",
        "0x10",
        "1e3",
        "",
        "\u{ff15}",
    ] {
        smtp.say(&format!("MAIL FROM:<> SIZE={size}"), "5*");
    }
    // Declared is one octet; what comes is counted.
    smtp.say("MAIL FROM:<x@elsewhere.example> SIZE=1", "250 *");
    smtp.say("RCPT TO:<anna@example.com>", "250 *");
    smtp.say("DATA", "354 *");
    smtp.send(&b"x".repeat(20_000));
    smtp.send(b"\r\n.\r\n");
    smtp.expect("552 5.3.4 *");
    // Chunks that would be all there is: what comes is no command, for ever.
    for size in ["4294967296", "9223372036854775807", "18446744073709551615"] {
        let mut smtp = smtp_from(&hub, STRANGER);
        smtp.say("MAIL FROM:<>", "250 *");
        smtp.say("RCPT TO:<anna@example.com>", "250 *");
        smtp.send(format!("BDAT {size} LAST\r\n").as_bytes());
        smtp.send(&b"RSET\r\nQUIT\r\n".repeat(5_000));
        smtp.expect_quiet(size);
    }
    assert_eq!(waiting(&hub, "anna"), 0);
}
