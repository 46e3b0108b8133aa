//! Time-outs, by instants handed in.

use std::time::{Duration, Instant};

use super::office::{Office, Visit, settings};
use crate::dialogue::{Event, dialogues};
use crate::pop3::{Ending, Step};

const SECOND: Duration = Duration::from_secs(1);

fn due(visit: &mut Visit) -> Instant {
    match visit.session.next(visit.now) {
        Step::NeedInput { until } => until,
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_log_in_the_session_ends_after_a_minute_in_all() {
    let mut visit = Visit::new(settings(), Office::of_samples());
    let began = visit.now;
    assert_eq!(due(&mut visit), began + 60 * SECOND);
    visit.now = began + 59 * SECOND;
    assert!(
        visit
            .says("USER anna\r\nCAPA\r\nNOOP\r\nAUTH PLAIN\r\n")
            .ends_with("+ \r\n")
    );
    assert_eq!(due(&mut visit), began + 60 * SECOND);
    visit.now = began + 60 * SECOND;
    assert_eq!(visit.says("half a line"), "", "no reply to a time-out");
    assert_eq!(visit.ending, Some(Ending::LoginTimeout));
}

#[test]
fn a_command_that_came_in_time_is_still_obeyed() {
    let mut visit = Visit::new(settings(), Office::of_samples());
    visit.now += 60 * SECOND;
    let answer = visit.says("USER anna\r\nPASS secret-anna\r\nSTAT\r\n");
    assert!(answer.contains("+OK 4 "), "{answer}");
    assert_eq!(visit.ending, None);
}

#[test]
fn autologout_comes_after_ten_minutes_and_removes_nothing() {
    let mut visit = Visit::logged_in(Office::of_samples());
    assert!(visit.says("DELE 1\r\n").starts_with("+OK"));
    assert_eq!(due(&mut visit), visit.now + 600 * SECOND);
    visit.now += 599 * SECOND;
    assert!(visit.says("NOOP\r\n").starts_with("+OK"));
    assert_eq!(due(&mut visit), visit.now + 600 * SECOND);
    visit.now += 600 * SECOND;
    visit.go_on();
    assert_eq!(visit.ending, Some(Ending::Autologout));
    assert_eq!(visit.removed, None);
}

#[test]
fn octets_that_make_no_command_do_not_put_autologout_off() {
    let mut visit = Visit::logged_in(Office::of_samples());
    let end = visit.now + 600 * SECOND;
    for _ in 0..9 {
        visit.now += 60 * SECOND;
        visit.says("N");
        assert_eq!(due(&mut visit), end);
    }
    visit.now = end;
    visit.says("N");
    assert_eq!(visit.ending, Some(Ending::Autologout));
}

#[test]
fn a_reply_that_takes_long_does_not_count_as_idling() {
    let mut visit = Visit::logged_in(Office::of(vec![vec![b'x'; 200_000]]));
    visit.session.receive(b"RETR 1\r\n");
    assert!(matches!(
        visit.session.next(visit.now),
        Step::ListingRequested
    ));
    visit.now += 3600 * SECOND;
    visit.go_on();
    assert_eq!(visit.ending, None);
    assert_eq!(due(&mut visit), visit.now + 600 * SECOND);
}

#[test]
fn whoever_stalls_at_any_octet_of_any_dialogue_is_let_go_in_time_without_a_word() {
    let mut stalled = 0;
    for dialogue in dialogues("pop3") {
        let sent: Vec<u8> = dialogue
            .events
            .iter()
            .filter_map(|(_, event)| match event {
                Event::Send(octets) => Some(octets.as_slice()),
                _ => None,
            })
            .collect::<Vec<_>>()
            .concat();
        for place in (0..=sent.len()).step_by(sent.len() / 300 + 1) {
            let mut visit = Visit::new(settings(), Office::of_samples());
            // Handed in by octets, for nothing may be behind STLS.
            for octet in &sent[..place] {
                visit.says([*octet]);
            }
            if visit.ending.is_some() {
                continue;
            }
            let place = format!("{} at octet {place}", dialogue.name);
            let removed = visit.removed.clone();
            let written = visit.writes.len();
            let end = due(&mut visit);
            visit.now = end - Duration::from_nanos(1);
            visit.go_on();
            assert_eq!(visit.ending, None, "{place}");
            visit.now = end;
            visit.go_on();
            let endings = [Some(Ending::Autologout), Some(Ending::LoginTimeout)];
            assert!(endings.contains(&visit.ending), "{place}");
            assert_eq!(
                visit.writes.len(),
                written,
                "{place}: no reply to a time-out"
            );
            assert_eq!(visit.removed, removed, "{place}");
            stalled += 1;
        }
    }
    assert!(stalled > 2_000, "{stalled}");
}

#[test]
fn one_octet_a_second_is_enough_to_log_in_and_to_collect() {
    let mut visit = Visit::new(settings(), Office::of_samples());
    for octet in b"USER anna\r\nPASS secret-anna\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n" {
        visit.now += SECOND;
        visit.says([*octet]);
    }
    assert_eq!(visit.ending, Some(Ending::Quit));
    assert_eq!(visit.removed, Some(vec![0]));
    let mut visit = Visit::new(settings(), Office::of_samples());
    for _ in 0..60 {
        visit.now += SECOND;
        visit.says("U");
    }
    assert_eq!(visit.ending, Some(Ending::LoginTimeout));
}
