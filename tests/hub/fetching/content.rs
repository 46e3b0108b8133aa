//! Messages that no mail program should write, among good ones.

use super::{
    any_poll, assert_moved, assert_same, five, letter, office, poll, read_all, received, unclaimed,
};
use crate::hub::{Hub, Office, at_once};
use crate::provider::{Fault, Provider};

/// Fetches messages for Anna, of which each was sent in one way and is to be
/// kept in another, one behind a good message each.
fn come_as(messages: &[(Vec<u8>, Vec<u8>)]) {
    at_once(
        [
            ("pipelining", "\"auto\""),
            ("pipelining", "\"off\""),
            ("leave_on_server", "\"7 days\""),
        ],
        |setting| {
            let provider = Provider::new();
            let mut expected = Vec::new();
            for (at, (sent, kept)) in messages.iter().enumerate() {
                let good = letter("bob", &format!("good-{at}"));
                provider.put(&good);
                provider.put(sent);
                expected.extend([good, kept.clone()]);
            }
            let office = office(&provider, &[setting]);
            let hub = office.serve();
            poll(&office);
            poll(&office);
            super::assert_delivered(&office, &hub, &expected);
            assert_eq!(provider.count("RETR"), expected.len());
        },
    );
}

fn with_body(body: &[u8]) -> Vec<u8> {
    let text = letter("anna", "odd");
    let end = text.windows(4).position(|four| four == b"\r\n\r\n");
    [&text[..end.unwrap() + 4], body].concat()
}

#[test]
fn bodies_that_are_odd() {
    let eight_bit: Vec<u8> = (128..=255).chain(*b"\r\n").collect();
    let long_line = [&[b'x'; 100_000][..], b"\r\n"].concat();
    let bodies = [
        b".\r\n..\r\n.a\r\n\r\n.\r\n".as_slice(),
        b"NUL \0 and \0\0\r\n\0\r\n",
        &eight_bit,
        b"a bare\rCR\r\rand\r\n",
        b"",
        &long_line,
        b"-ERR no\r\n+OK\r\nDELE 1\r\nQUIT\r\n",
    ];
    let messages = bodies.map(|body| (with_body(body), with_body(body)));
    come_as(&messages);
}

#[test]
fn line_ends_that_are_none() {
    let bodies = [
        (&b"no last line end"[..], &b"no last line end\r\n"[..]),
        (b"one\ntwo\n\nthree\r\n", b"one\r\ntwo\r\n\r\nthree\r\n"),
        // Neither of them ends a message.
        (b"a\n.\r\nDELE 1\r\n", b"a\r\n.\r\nDELE 1\r\n"),
        (b"b\n.\nDELE 1\r\n", b"b\r\n.\r\nDELE 1\r\n"),
    ];
    let bodies = bodies.map(|(sent, kept)| (with_body(sent), with_body(kept)));
    let kept = letter("anna", "unix");
    let text = String::from_utf8(kept.clone()).unwrap();
    let sent = format!("{}\r\n", text.replace("\r\n", "\n").trim_end());
    let in_headers = (sent.into_bytes(), kept);
    come_as(&[bodies.to_vec(), vec![in_headers]].concat());
}

#[test]
fn no_header_at_all_or_an_endless_one() {
    let rubbish: Vec<u8> = (0..50_000_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .filter(|octet| !matches!(octet, b'\r' | b'\n'))
        .chain(*b"\r\n")
        .collect();
    let long_line = [
        &b"X-Long: "[..],
        &[b'y'; 1_000_000],
        b"\r\n",
        &letter("anna", "behind a long line"),
    ]
    .concat();
    let fields: String = (0..5_000).map(|at| format!("X-{at}: value\r\n")).collect();
    let many_fields = [fields.as_bytes(), &letter("anna", "behind many")].concat();
    at_once(
        [
            ("empty", Vec::new()),
            ("no header", b"Just text.\r\n\r\nMore.\r\n".to_vec()),
            ("rubbish", rubbish),
            ("a line of 1 MB", long_line),
            ("5,000 fields", many_fields),
        ],
        |(what, bad)| {
            let mut messages = five();
            messages.insert(1, bad.clone());
            let provider = Provider::with(&messages);
            let office = office(&provider, &[]);
            poll(&office);
            let hub = office.serve();
            assert_eq!(provider.held(), 0, "{what}");
            // Whether its envelope header is read or not: it is Anna's or nobody's.
            let (mut annas, bobs) = (read_all(&hub, "anna"), read_all(&hub, "bob"));
            annas.extend(unclaimed_messages(&office));
            let good = five();
            assert_same(what, annas, &[&good[0], &good[2], &good[4], &bad]);
            assert_same(what, bobs, &[&good[1], &good[3]]);
        },
    );
}

fn unclaimed_messages(office: &Office) -> Vec<Vec<u8>> {
    let ids = unclaimed(office);
    let shown = ids.iter();
    shown
        .map(|id| office.octets(&["unclaimed", "show", id]))
        .collect()
}

#[test]
fn a_message_that_grows() {
    at_once(["\"0 days\"", "\"7 days\""], |leave| {
        let provider = Provider::with(five());
        let grown = [five().remove(3), b"and more\r\n".repeat(20_000)].concat();
        provider.mailbox().messages[3].retrieved_as = Some(grown.clone());
        let office = office(&provider, &[("leave_on_server", leave)]);
        let hub = office.serve();
        poll(&office);
        poll(&office);
        let mut messages = five();
        messages[3] = grown;
        super::assert_delivered(&office, &hub, &messages);
    });
}

#[test]
fn a_message_that_shrinks() {
    let provider = Provider::with(five());
    provider.mailbox().messages[0].retrieved_as = Some(letter("anna", ""));
    let office = office(&provider, &[]);
    poll(&office);
    let mut messages = five();
    messages[0] = letter("anna", "");
    assert_moved(&office, &office.serve(), &provider, &messages);
}

/// The other messages come within a few polls, whatever this one does, and
/// nothing of it is delivered.
fn others_come(provider: &Provider, office: &Office, hub: &Hub) {
    for _ in 0..4 {
        any_poll(office);
    }
    let mut others = five();
    others.remove(2);
    for (user, expected, notices) in [("anna", [0, 3], 1), ("bob", [1, 2], 0)] {
        let mut found = read_all(hub, user);
        let all = found.len();
        found.retain(|octets| octets.ends_with(b".a dot\r\n"));
        assert_eq!(all - found.len(), notices, "{user} is told once");
        let expected = expected.map(|at| &others[at]);
        assert_same(user, found, &expected);
    }
    assert_eq!(unclaimed(office), [""; 0]);
    assert_eq!(provider.held(), 1, "the bad one stays");
}

#[test]
fn an_endless_line() {
    at_once(["\"auto\"", "\"off\""], |pipelining| {
        let provider = Provider::with(five());
        provider.mailbox().messages[2].endless = true;
        let settings = [("max_message_size", "\"1 MB\""), ("pipelining", pipelining)];
        let office = office(&provider, &settings);
        let hub = office.serve();
        others_come(&provider, &office, &hub);
        // Only another message under its unique-id is read.
        {
            let message = &mut provider.mailbox().messages[0];
            message.endless = false;
            message.octets = letter("anna", "another");
        }
        poll(&office);
        poll(&office);
        assert_eq!(provider.held(), 0);
        let annas = read_all(&hub, "anna");
        let another = letter("anna", "another");
        let times = annas.iter().filter(|octets| octets.ends_with(&another));
        assert_eq!(times.count(), 1);
    });
}

#[test]
fn a_message_that_is_larger_than_list_said_and_than_is_taken() {
    let provider = Provider::with(five());
    let large = [five().remove(2), b"too much\r\n".repeat(200_000)].concat();
    provider.mailbox().messages[2].retrieved_as = Some(large);
    let office = office(&provider, &[("max_message_size", "\"1 MB\"")]);
    let hub = office.serve();
    others_come(&provider, &office, &hub);
    assert_eq!(provider.count("RETR"), 5, "it is read once");
    office.edit("postroom.toml", "\"1 MB\"", "\"3 MB\"");
    hub.wait_for_log("reloaded");
    poll(&office);
    poll(&office);
    assert_eq!(provider.held(), 0);
    assert_eq!(read_all(&hub, "anna").len(), 4);
}

#[test]
fn a_line_of_200_kilobytes_outside_of_messages() {
    let long: &str = "x".repeat(200_000).leak();
    let answers = |text: String| -> &'static str { text.leak() };
    at_once(
        [
            Fault::Greets(answers(format!("+OK {long}\r\n"))),
            Fault::Greets(answers(format!("{long}\r\n"))),
            Fault::Answers("CAPA", answers(format!("+OK\r\n{long}\r\n."))),
            Fault::Answers("UIDL", answers(format!("+OK\r\n1 {long}\r\n."))),
            Fault::Answers("RETR 3", answers(format!("+OK {long}\r\nx\r\n."))),
        ],
        |fault| {
            let provider = Provider::with(five());
            let office = office(&provider, &[("leave_on_server", "\"7 days\"")]);
            let hub = office.serve();
            provider.fault(fault);
            any_poll(&office);
            provider.mend();
            poll(&office);
            let good = five();
            assert_same("bob", read_all(&hub, "bob"), &[&good[1], &good[3]]);
            let annas = read_all(&hub, "anna");
            let first = annas.iter().filter(|octets| octets.ends_with(&good[0]));
            assert_eq!(first.count(), 1);
        },
    );
}

#[test]
fn the_providers_return_path_stays_the_only_one() {
    let text = [
        b"Return-Path: <kate@elsewhere.example>\r\n".to_vec(),
        letter("anna", "returned"),
    ]
    .concat();
    let provider = Provider::with([&text]);
    let office = office(&provider, &[]);
    poll(&office);
    let hub = office.serve();
    let annas = read_all(&hub, "anna");
    assert_eq!(annas.len(), 1);
    let found = String::from_utf8(annas[0].clone()).unwrap();
    assert_eq!(found.matches("Return-Path:").count(), 1, "{found}");
    assert!(found.contains("Return-Path: <kate@elsewhere.example>\r\n"));
    assert!(found.contains("with POP3"), "{found}");
    assert!(found.contains(&received("provider")), "{found}");
}
