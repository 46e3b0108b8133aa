//! What a dialogue file cannot say: writes, memory, exact sizes, questions, and
//! faults in the middle of a reply.

use std::time::Instant;

use proptest::prelude::*;

use super::office::{Fault, Office, Visit, settings};
use crate::pop3::{
    Ending, LoginRefusal, PlaintextLogin, ScanListing, Session, Step, check_invariants,
};

#[test]
fn a_listing_refuses_unique_ids_that_uidl_cannot_show() {
    let mut listing = ScanListing::default();
    for wrong in ["", "a b", "a\r\n", "ä", "\u{7f}", &"x".repeat(71)] {
        assert!(listing.push(1, wrong).is_err(), "{wrong:?}");
    }
    assert!(listing.is_empty());
    assert_eq!(listing.push(1, &"~".repeat(70)), Ok(()));
    assert_eq!(listing.len(), 1);
}

#[test]
fn plaintext_behind_stls_is_never_obeyed() {
    let mut visit = Visit::new(settings(), Office::of_samples());
    let answer = visit.says("STLS\r\nUSER anna\r\n");
    assert_eq!(
        answer,
        "-ERR nothing may follow STLS before TLS is on, closing\r\n"
    );
    assert_eq!(visit.ending, Some(Ending::PlaintextBehindStls));
    assert!(visit.questions.is_empty());

    let mut visit = Visit::new(settings(), Office::of_samples());
    visit.session.receive(b"STLS\r\n");
    assert!(matches!(
        visit.session.next(visit.now),
        Step::Send(b"+OK begin TLS now\r\n")
    ));
    assert!(matches!(visit.session.next(visit.now), Step::StartTls));
    visit.session.receive(b"USER anna\r\nPASS secret-anna\r\n");
    visit.session.tls_started();
    assert_eq!(visit.says(""), "");
    assert!(visit.says("STAT\r\n").starts_with("-ERR"));
}

#[test]
fn a_name_given_in_the_clear_is_forgotten_by_stls() {
    let mut visit = Visit::new(settings(), Office::of_samples());
    visit.says("USER anna\r\n");
    assert!(visit.says("STLS\r\n").starts_with("+OK"));
    assert_eq!(
        visit.says("PASS secret-anna\r\n"),
        "-ERR USER comes before PASS\r\n"
    );
}

#[test]
fn pipelined_replies_leave_in_one_write() {
    let mut visit = Visit::new(settings(), Office::of_samples());
    visit.writes.clear();
    visit.says(concat!(
        "USER anna\r\nPASS secret-anna\r\nSTAT\r\nUIDL\r\nLIST\r\nRETR 1\r\nDELE 1\r\n",
        "TOP 2 0\r\nRSET\r\nNOOP\r\nQUIT\r\n"
    ));
    assert_eq!(visit.writes.len(), 1);
    assert_eq!(visit.ending, Some(Ending::Quit));
    assert_eq!(visit.removed, Some(vec![]));
}

#[test]
fn stat_needs_no_listing_and_the_listing_is_read_once() {
    let mut visit = Visit::logged_in(Office::of_samples());
    visit.says("STAT\r\nNOOP\r\nRSET\r\nCAPA\r\n");
    assert!(visit.questions.is_empty());
    visit.says("UIDL\r\nLIST 1\r\nDELE 1\r\nSTAT\r\nLIST\r\n");
    assert_eq!(visit.questions, ["listing"]);
}

#[test]
fn an_empty_maildrop_is_never_listed() {
    let mut visit = Visit::logged_in(Office::of(vec![]));
    let answer = visit.says("STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nQUIT\r\n");
    assert_eq!(
        answer,
        "+OK 0 0\r\n+OK 0 messages, 0 octets\r\n.\r\n+OK 0 messages\r\n.\r\n\
         -ERR no such message\r\n+OK goodbye\r\n"
    );
    assert_eq!(
        visit.questions,
        ["update"],
        "the maildrop has to be released"
    );
}

#[test]
fn a_maildrop_of_20_000_messages_is_listed_in_pieces() {
    let mut visit = Visit::logged_in(Office::of(vec![b"Subject: x\r\n".to_vec(); 20_000]));
    let answer = visit.says("UIDL\r\n");
    assert_eq!(answer.lines().count(), 20_002);
    assert!(answer.contains("\r\n1 sample-unique-id-0000000\r\n2 sample-unique-id-0000001\r\n"));
    assert!(answer.ends_with("\r\n20000 sample-unique-id-0019999\r\n.\r\n"));
    assert!(visit.writes.len() > 8);
    assert!(visit.writes.iter().all(|write| write.len() < 66_000));
}

#[test]
fn a_large_message_streams_in_bounded_writes() {
    let mut visit = Visit::logged_in(Office::of(vec![b".\r\n".repeat(1_000_000)]));
    let answer = visit.says("RETR 1\r\n");
    assert!(answer.starts_with("+OK 3000000 octets\r\n..\r\n..\r\n"));
    assert_eq!(answer.len(), "+OK 3000000 octets\r\n".len() + 4_000_000 + 3);
    assert!(visit.writes.iter().all(|write| write.len() < 3 * 64 * 1024));
}

#[test]
fn the_size_in_list_is_what_retr_sends() {
    let mut visit = Visit::logged_in(Office::of_samples());
    for number in 1..=4 {
        let listed = visit.says(format!("LIST {number}\r\n"));
        let octets: usize = listed
            .trim_end()
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let before = visit.writes.concat().len();
        visit.says(format!("RETR {number}\r\n"));
        let reply = visit.writes.concat()[before..].to_vec();
        let first_line = reply.iter().position(|&octet| octet == b'\n').unwrap() + 1;
        let body = reply[first_line..].strip_suffix(b".\r\n").unwrap();
        let lines = body.split_inclusive(|&octet| octet == b'\n');
        let unstuffed: usize = lines
            .map(|line| line.len() - usize::from(line[0] == b'.'))
            .sum();
        assert_eq!(unstuffed, octets, "message {number}");
    }
}

#[test]
fn top_shows_lines_of_the_body_and_reads_no_further() {
    let check = |message: &str, lines: u64, expected: &str, enough: bool| {
        for piece_octets in [1, 3, 1000] {
            let mut office = Office::of(vec![message.into()]);
            office.piece_octets = piece_octets;
            let mut visit = Visit::logged_in(office);
            let answer = visit.says(format!("TOP 1 {lines}\r\n"));
            let expected = format!("+OK top of the message\r\n{expected}.\r\n");
            assert_eq!(answer, expected, "{message:?} {lines}");
            let asked = visit.questions.contains(&"enough");
            assert_eq!(asked, enough, "{message:?} {lines}");
        }
    };
    let message = "A: 1\r\n B\r\n\r\none\r\n.two\r\n\r\nfour\r\n";
    check(message, 0, "A: 1\r\n B\r\n\r\n", true);
    check(message, 1, "A: 1\r\n B\r\n\r\none\r\n", true);
    check(message, 2, "A: 1\r\n B\r\n\r\none\r\n..two\r\n", true);
    check(message, 3, "A: 1\r\n B\r\n\r\none\r\n..two\r\n\r\n", true);
    check(
        message,
        5,
        "A: 1\r\n B\r\n\r\none\r\n..two\r\n\r\nfour\r\n",
        false,
    );
    check(
        message,
        u64::MAX,
        "A: 1\r\n B\r\n\r\none\r\n..two\r\n\r\nfour\r\n",
        false,
    );
    check("\r\none\r\n", 0, "\r\n", true);
    check("\r\none", 1, "\r\none\r\n", false);
    check("A: 1\r\n", 0, "A: 1\r\n", false);
    check("A: 1", 7, "A: 1\r\n", false);
    check("", 7, "", false);
    check("A: \r\r\n\r\nx\r\ny\r\n", 1, "A: \r\r\n\r\nx\r\n", true);
    check("A: 1\n\nx\ny\n", 1, "A: 1\n\nx\n", true);
}

#[test]
fn content_breaks_in_the_middle_of_a_reply_and_no_dot_is_sent() {
    for fault in [
        Fault::ContentBreaks { index: 0 },
        Fault::ContentShort { index: 0 },
    ] {
        let mut office = Office::of_samples();
        office.fault = Some(fault);
        let mut visit = Visit::logged_in(office);
        let answer = visit.says("DELE 2\r\nRETR 1\r\nQUIT\r\n");
        assert!(
            answer.starts_with("+OK marked as deleted\r\n+OK "),
            "{answer}"
        );
        assert!(!answer.ends_with("\n.\r\n"), "{answer}");
        assert_eq!(visit.ending, Some(Ending::ContentBroken), "{fault:?}");
        assert_eq!(visit.removed, None);
    }
}

#[test]
fn a_listing_that_fails_is_asked_for_again() {
    let mut office = Office::of_samples();
    office.fault = Some(Fault::Listing);
    let mut visit = Visit::logged_in(office);
    assert!(visit.says("UIDL\r\n").starts_with("-ERR [SYS/TEMP] "));
    assert!(visit.says("UIDL\r\n").starts_with("+OK 4 messages\r\n1 "));
    assert_eq!(visit.questions, ["listing", "listing"]);
}

#[test]
fn deleted_messages_are_removed_by_quit_alone() {
    let mut visit = Visit::logged_in(Office::of_samples());
    visit.says("DELE 3\r\nDELE 1\r\nQUIT\r\n");
    assert_eq!(visit.removed, Some(vec![0, 2]));

    let mut visit = Visit::logged_in(Office::of_samples());
    visit.says("DELE 3\r\nRSET\r\nDELE 4\r\nQUIT\r\nDELE 2\r\n");
    assert_eq!(visit.removed, Some(vec![3]));
    assert_eq!(visit.ending, Some(Ending::Quit));
}

#[test]
fn a_listing_that_disagrees_with_the_totals_counts_from_then_on() {
    let mut visit = Visit::logged_in(Office::of_samples());
    visit.office.messages.truncate(2);
    assert!(visit.says("LIST\r\n").starts_with("+OK 2 messages, "));
    assert!(visit.says("STAT\r\n").starts_with("+OK 2 "));
}

#[test]
fn passwords_are_not_shown() {
    let mut visit = Visit::new(settings(), Office::of_samples());
    visit.session.receive(b"USER anna\r\nPASS secret-anna\r\n");
    let shown = loop {
        match visit.session.next(visit.now) {
            Step::LoginRequested(login) => break format!("{login:?}"),
            Step::Send(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(
        shown.contains("anna") && !shown.contains("secret"),
        "{shown}"
    );
    visit.session.receive(b"PASS secret-anna");
    assert!(!format!("{:?}", visit.session).contains("secret"));
}

#[test]
fn a_sasl_line_may_be_longer_than_a_command() {
    let log_in = |password_octets: usize| {
        let message = [b"\0anna\0".as_slice(), &vec![b'x'; password_octets]].concat();
        let response = data_encoding::BASE64.encode(&message);
        let mut visit = Visit::new(settings(), Office::of_samples());
        visit.says("AUTH PLAIN\r\n");
        let answer = visit.says(format!("{response}\r\n"));
        (response.len(), answer, visit)
    };
    let (octets, answer, mut visit) = log_in(9_210);
    assert_eq!(octets, 12_288);
    assert!(answer.starts_with("-ERR [AUTH] wrong "), "{answer}");
    let long = format!("NOOP {}\r\n", "x".repeat(600));
    assert_eq!(visit.says(long), "-ERR the line is too long\r\n");

    let (_, answer, mut visit) = log_in(9_211);
    assert_eq!(answer, "-ERR the line is too long\r\n");
    assert!(
        visit.says("NOOP\r\n").starts_with("+OK"),
        "the exchange is over"
    );
}

#[test]
fn an_answer_that_was_not_asked_for_ends_the_session_without_update() {
    type Answer = fn(&mut Session);
    let answers: [Answer; 9] = [
        |session| session.tls_started(),
        |session| session.maildrop_opened(1, 1),
        |session| session.login_refused(LoginRefusal::InUse),
        |session| session.listing(ScanListing::default()),
        |session| session.message_opened(),
        |session| session.message_failed(),
        |session| session.content(b"x"),
        |session| session.content_complete(),
        |session| session.updated(),
    ];
    for answer in answers {
        let mut visit = Visit::logged_in(Office::of_samples());
        visit.says("DELE 1\r\n");
        answer(&mut visit.session);
        assert_eq!(visit.says("QUIT\r\n"), "");
        assert_eq!(visit.ending, Some(Ending::Misdriven));
        assert_eq!(visit.removed, None);
    }
}

#[test]
fn a_log_in_that_nobody_answers_ends_the_session() {
    let mut visit = Visit::new(settings(), Office::of_samples());
    visit.session.receive(b"USER anna\r\nPASS secret-anna\r\n");
    while !matches!(visit.session.next(visit.now), Step::LoginRequested(_)) {}
    visit.go_on();
    assert_eq!(visit.ending, Some(Ending::Misdriven));
}

#[test]
fn pass_alone_is_refused_in_the_clear_and_never_looked_at() {
    let mut settings = settings();
    settings.plaintext_login = PlaintextLogin::Refused;
    let mut visit = Visit::new(settings, Office::of_samples());
    let answer = visit.says("PASS secret-anna\r\nAUTH PLAIN AGFubmEAc2VjcmV0LWFubmE=\r\n");
    assert_eq!(
        answer
            .matches("-ERR [AUTH] log-in without encryption")
            .count(),
        2
    );
    assert!(visit.questions.is_empty());
}

/// Input that gets further than random octets would.
fn client_input() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "USER anna",
        "PASS secret",
        "AUTH PLAIN",
        "AUTH LOGIN",
        "AUTH",
        "=",
        "*",
        "STLS",
        "CAPA",
        "UTF8",
        "STAT",
        "LIST",
        "LIST 1",
        "UIDL",
        "UIDL 3",
        "RETR 1",
        "RETR 2",
        "RETR 3",
        "RETR 0",
        "TOP 1 0",
        "TOP 1 1",
        "TOP 2 9",
        "DELE 1",
        "DELE 2",
        "RSET",
        "NOOP",
        "QUIT",
        "XYZZY",
        "AGFubmEAc2VjcmV0",
        "YW5uYQ==",
    ]);
    let piece = prop_oneof![
        8 => words.prop_map(|word| format!("{word}\r\n").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => Just(b"\n".to_vec()),
        1 => (0..20_000_usize).prop_map(|octets| vec![b'x'; octets]),
    ];
    let pieces = prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat());
    (any::<[u8; 3]>(), pieces).prop_map(|(choices, input)| [choices.to_vec(), input].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_for_what_a_client_may_send(input in client_input()) {
        check_invariants(&input, Instant::now());
    }

    #[test]
    fn invariants_hold_for_any_octets(input in prop::collection::vec(any::<u8>(), 0..2000)) {
        check_invariants(&input, Instant::now());
    }
}
