//! Answers of the driver: late, too late, and not asked for; secrets.

use std::time::Instant;

use super::hub::{receipt, settings};
use crate::fetch::{
    Arrived, Awaited, Credentials, Ending, Error, Removal, Secret, Security, Session, Settings,
    Step, Task, TokenLine,
};

const TWO_MESSAGES: &[u8] = b"+OK ready\r\n+OK\r\nPIPELINING\r\nUIDL\r\n.\r\n+OK\r\n+OK\r\n\
    +OK\r\n1 a\r\n2 b\r\n.\r\n+OK\r\n1 10\r\n2 10\r\n.\r\n";

/// A session that has its plan: both messages.
fn transferring() -> (Session, Instant) {
    let now = Instant::now();
    let mut session = Session::new(settings(), now);
    session.receive(TWO_MESSAGES);
    loop {
        match session.next(now) {
            Step::Send(_) => {}
            Step::Listed(listing) => {
                let tasks = listing.scans().map(|scan| Task::retrieve(&scan)).collect();
                session.plan(tasks);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(written(&mut session, now), "RETR 1\r\nRETR 2\r\n");
    (session, now)
}

/// The writes up to the next step that is none; that step must be a wait.
fn written(session: &mut Session, now: Instant) -> String {
    let mut written = String::new();
    loop {
        match session.next(now) {
            Step::Send(octets) => written.push_str(str::from_utf8(octets).unwrap()),
            Step::NeedInput { .. } | Step::NeedAnswer | Step::Close(_) => return written,
            other => panic!("{other:?}"),
        }
    }
}

fn arrive(session: &mut Session, now: Instant, octets: &[u8]) -> Arrived {
    session.receive(octets);
    loop {
        match session.next(now) {
            Step::ContentBegins { .. } | Step::Content(_) => {}
            Step::MessageComplete(arrived) => return arrived,
            other => panic!("{other:?}"),
        }
    }
}

fn ending(session: &mut Session, now: Instant) -> Ending {
    loop {
        match session.next(now) {
            Step::Close(ending) => return ending.clone(),
            Step::Send(_) | Step::ContentDiscarded { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn dele_leaves_when_the_receipt_comes_and_not_before() {
    let (mut session, now) = transferring();
    let first = arrive(&mut session, now, b"+OK\r\none\r\n.\r\n");
    assert_eq!(written(&mut session, now), "");
    let second = arrive(&mut session, now, b"+OK\r\ntwo\r\n.\r\n");
    assert!(matches!(session.next(now), Step::NeedAnswer));
    session.stored(second, &receipt());
    assert_eq!(written(&mut session, now), "DELE 2\r\n");
    session.receive(b"+OK\r\n");
    assert!(matches!(session.next(now), Step::NeedAnswer));
    session.stored(first, &receipt());
    assert_eq!(written(&mut session, now), "DELE 1\r\nQUIT\r\n");
    session.receive(b"+OK\r\n+OK\r\n");
    assert_eq!(ending(&mut session, now), Ending::Complete);
}

#[test]
fn a_message_that_is_left_is_not_removed() {
    let (mut session, now) = transferring();
    let first = arrive(&mut session, now, b"+OK\r\none\r\n.\r\n");
    session.leave(first);
    let second = arrive(&mut session, now, b"+OK\r\ntwo\r\n.\r\n");
    session.stored(second, &receipt());
    assert_eq!(written(&mut session, now), "DELE 2\r\nQUIT\r\n");
}

#[test]
fn an_answer_after_the_end_is_taken_in_silence() {
    let (mut session, now) = transferring();
    let first = arrive(&mut session, now, b"+OK\r\none\r\n.\r\n");
    session.connection_closed();
    let closed = ending(&mut session, now);
    assert!(
        matches!(closed, Ending::Failed(Error::ConnectionClosed { .. })),
        "{closed:?}"
    );
    session.stored(first, &receipt());
    assert_eq!(ending(&mut session, now), closed);
}

#[test]
fn what_came_before_the_connection_broke_still_counts() {
    let (mut session, now) = transferring();
    session.receive(b"+OK\r\none\r\n.\r\n+OK\r\ntwo\r\n.\r\n");
    session.connection_closed();
    let first = arrive(&mut session, now, b"");
    session.stored(first, &receipt());
    let second = arrive(&mut session, now, b"");
    session.stored(second, &receipt());
    assert_eq!(written(&mut session, now), "", "nobody reads a DELE");
    let expected = Ending::Failed(Error::ConnectionClosed {
        awaited: Awaited::Nothing,
        unanswered: 0,
    });
    assert_eq!(ending(&mut session, now), expected);
}

#[test]
fn a_connection_that_breaks_in_a_write_ends_the_session() {
    let (mut session, now) = transferring();
    let first = arrive(&mut session, now, b"+OK\r\none\r\n.\r\n");
    session.stored(first, &receipt());
    assert!(matches!(session.next(now), Step::Send(_)));
    session.connection_closed();
    assert!(matches!(ending(&mut session, now), Ending::Failed(_)));
}

#[test]
fn stop_takes_what_is_on_its_way_and_says_quit() {
    let now = Instant::now();
    let mut session = Session::new(
        Settings {
            pipelining: crate::fetch::Pipelining::Off,
            ..settings()
        },
        now,
    );
    session.receive(TWO_MESSAGES);
    while !matches!(session.next(now), Step::Listed(_)) {}
    let task = |number| Task::Retrieve {
        number,
        octets: None,
    };
    session.plan(vec![task(1), task(2)]);
    assert_eq!(written(&mut session, now), "RETR 1\r\n");
    session.stop();
    let first = arrive(&mut session, now, b"+OK\r\none\r\n.\r\n");
    session.stored(first, &receipt());
    assert_eq!(written(&mut session, now), "DELE 1\r\n");
    session.receive(b"+OK\r\n");
    assert_eq!(written(&mut session, now), "QUIT\r\n");
}

#[test]
fn what_was_committed_before_is_removed_without_being_read() {
    let now = Instant::now();
    let mut session = Session::new(settings(), now);
    session.receive(TWO_MESSAGES);
    while !matches!(session.next(now), Step::Listed(_)) {}
    let removal = |number| Task::Remove(Removal::of_committed(number, &receipt()));
    session.plan(vec![removal(2), removal(1)]);
    assert_eq!(written(&mut session, now), "DELE 2\r\nDELE 1\r\nQUIT\r\n");
}

#[test]
fn content_may_come_in_any_size_and_its_line_ends_are_repaired() {
    let (mut session, now) = transferring();
    session.receive(b"+OK\r\n..dot\nbare\rcr\0\xff\n.\nno end\r\n.\r\n");
    let mut message = Vec::new();
    assert!(matches!(
        session.next(now),
        Step::ContentBegins { number: 1 }
    ));
    loop {
        match session.next(now) {
            Step::Content(octets) => message.extend_from_slice(octets),
            Step::MessageComplete(arrived) => {
                assert_eq!(arrived.octets(), message.len() as u64);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(message, b".dot\r\nbare\rcr\0\xff\r\n.\r\nno end\r\n");
}

#[test]
fn a_bare_line_feed_before_a_dot_forges_no_reply() {
    let (mut session, now) = transferring();
    let forged = b"+OK\r\nSubject: x\n.\r\n+OK\r\nForged: yes\r\n\r\n.\r\n";
    let first = arrive(&mut session, now, forged);
    assert_eq!(
        first.octets(),
        b"Subject: x\r\n\r\n+OK\r\nForged: yes\r\n\r\n".len() as u64 + 1
    );
}

#[test]
fn an_endless_line_streams_through() {
    let (mut session, now) = transferring();
    session.receive(b"+OK\r\n");
    assert!(matches!(session.next(now), Step::ContentBegins { .. }));
    let piece = [b'x'; 16 * 1024];
    let mut octets = 0;
    for _ in 0..1000 {
        session.receive(&piece);
        match session.next(now) {
            Step::Content(content) => octets += content.len(),
            other => panic!("{other:?}"),
        }
        assert!(matches!(session.next(now), Step::NeedInput { .. }));
        assert_eq!(session.buffered_octets(), 0);
    }
    assert_eq!(octets, 16 * 1024 * 1000);
}

#[test]
fn an_endless_line_outside_of_a_message_is_not_kept() {
    let now = Instant::now();
    let mut session = Session::new(settings(), now);
    for _ in 0..1000 {
        session.receive(&[b'x'; 16 * 1024]);
        assert!(matches!(session.next(now), Step::NeedInput { .. }));
        assert!(session.buffered_octets() <= 64 * 1024 + 1);
    }
    session.receive(b"\r\n");
    assert!(matches!(
        ending(&mut session, now),
        Ending::Failed(Error::NotPop3 { .. })
    ));
}

#[test]
fn capabilities_that_never_end_do_not_grow() {
    let now = Instant::now();
    let mut session = Session::new(settings(), now);
    session.receive(b"+OK\r\n+OK\r\n");
    for _ in 0..1001 {
        session.receive(b"SASL A B C D E F G H\r\n");
        while matches!(session.next(now), Step::Send(_)) {}
    }
    let found = ending(&mut session, now);
    let expected = Ending::Failed(Error::EndlessReply(Awaited::Capabilities));
    assert_eq!(found, expected);
}

#[test]
fn nothing_is_an_answer_to_a_command_that_has_not_left() {
    let now = Instant::now();
    let mut session = Session::new(
        Settings {
            security: Security::StlsRequired,
            ..settings()
        },
        now,
    );
    session.receive(b"+OK\r\n+OK\r\n");
    assert!(matches!(session.next(now), Step::Send(b"STLS\r\n")));
    assert!(matches!(session.next(now), Step::StartTls));
}

#[test]
fn plaintext_behind_stls_is_never_read() {
    let now = Instant::now();
    let mut session = Session::new(
        Settings {
            security: Security::StlsRequired,
            ..settings()
        },
        now,
    );
    session.receive(b"+OK\r\n");
    assert_eq!(written(&mut session, now), "STLS\r\n");
    session.receive(b"+OK\r\n+OK\r\nPIPELINING\r\n");
    let found = ending(&mut session, now);
    assert_eq!(found, Ending::Failed(Error::PlaintextBehindStls));
}

#[test]
fn an_answer_that_was_not_asked_for_ends_the_session_without_quit() {
    type Answer = fn(&mut Session);
    let answers: [Answer; 4] = [
        |session| session.tls_started(),
        |session| session.token(&Secret::new("x")),
        |session| session.token_failed(),
        |session| session.plan(Vec::new()),
    ];
    for answer in answers {
        let (mut session, now) = transferring();
        let first = arrive(&mut session, now, b"+OK\r\none\r\n.\r\n");
        session.stored(first, &receipt());
        answer(&mut session);
        assert_eq!(written(&mut session, now), "");
        assert_eq!(ending(&mut session, now), Ending::Failed(Error::Misdriven));
    }
}

#[test]
fn a_listing_without_a_plan_ends_the_session() {
    let now = Instant::now();
    let mut session = Session::new(settings(), now);
    session.receive(TWO_MESSAGES);
    while !matches!(session.next(now), Step::Listed(_)) {}
    assert_eq!(ending(&mut session, now), Ending::Failed(Error::Misdriven));
}

#[test]
fn secrets_are_not_shown() {
    let now = Instant::now();
    let mut settings = settings();
    assert!(!format!("{settings:?}").contains("secret-office"));
    settings.credentials = Credentials::XOAuth2 {
        token_line: TokenLine::Own,
    };
    let mut session = Session::new(settings, now);
    session.receive(b"+OK\r\n-ERR\r\n");
    while !matches!(session.next(now), Step::TokenRequested) {}
    let token = Secret::new("ya29.hidden");
    session.token(&token);
    assert!(!format!("{session:?} {token:?}").contains("hidden"));
}
