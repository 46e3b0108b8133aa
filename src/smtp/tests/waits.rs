//! Time-outs, going down, and what the driver may answer.

use std::time::Duration;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

impl Office {
    fn until(&mut self) -> Duration {
        self.pump();
        match self.session.next(self.now) {
            Step::NeedInput { until } => until - self.now,
            other => panic!("not waiting: {other:?}"),
        }
    }

    /// Lets time pass; what is said then.
    fn pass(&mut self, time: Duration) -> String {
        self.until();
        self.now += time;
        self.talk_nothing()
    }

    fn talk_nothing(&mut self) -> String {
        self.pump();
        String::from_utf8(std::mem::take(&mut self.said)).unwrap()
    }

    fn in_content(trust: Trust) -> Office {
        let mut office = Office::open(trust);
        office.talk("EHLO pc\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.com>\r\nDATA\r\n");
        office
    }
}

#[test]
fn a_silent_peer_is_sent_away_after_five_minutes_and_not_before() {
    let mut office = Office::open(Trust::World);
    office.talk("");
    assert_eq!(office.until(), 5 * MINUTE);
    assert_eq!(office.pass(5 * MINUTE - Duration::from_nanos(1)), "");
    let said = office.pass(Duration::from_nanos(1));
    assert_eq!(
        said,
        "421 4.4.2 post.example.com has waited too long and closes\r\n"
    );
    assert_eq!(office.ending, Some(Ending::TimedOut));
}

#[test]
fn single_octets_do_not_prolong_the_wait_for_a_command() {
    let mut office = Office::open(Trust::World);
    for _ in 0..4 {
        assert_eq!(office.pass(MINUTE), "");
        office.talk("N");
    }
    assert_eq!(office.until(), MINUTE);
    assert!(office.pass(MINUTE).starts_with("421 4.4.2 "));
}

#[test]
fn a_command_begins_the_wait_anew() {
    let mut office = Office::open(Trust::World);
    office.pass(4 * MINUTE);
    office.talk("NOOP\r\n");
    assert_eq!(office.until(), 5 * MINUTE);
}

#[test]
fn content_has_waits_of_its_own() {
    let mut office = Office::in_content(Trust::World);
    assert_eq!(office.until(), 2 * MINUTE);
    office.talk("a");
    assert_eq!(office.until(), 3 * MINUTE);
    assert!(office.pass(3 * MINUTE).starts_with("421 4.4.2 "));
    assert!(office.stored.is_empty());
    let mut office = Office::in_content(Trust::Lan);
    assert_eq!(office.until(), 5 * MINUTE);
}

#[test]
fn a_slow_loris_in_the_content_is_sent_away() {
    let mut office = Office::in_content(Trust::World);
    for _ in 0..9 {
        assert_eq!(office.pass(MINUTE), "");
        office.talk("a");
    }
    assert_eq!(office.until(), MINUTE);
    assert!(office.pass(MINUTE).starts_with("421 4.4.2 "));
    assert_eq!(office.content, b"", "what came is called back");
}

#[test]
fn a_slow_line_that_moves_is_waited_for() {
    let mut office = Office::in_content(Trust::World);
    office.talk("a");
    for _ in 0..60 {
        assert_eq!(office.pass(2 * MINUTE), "");
        office.talk("a".repeat(15 * 1024));
    }
    assert!(office.talk("\r\n.\r\n").starts_with("250 2.0.0 kept as "));
}

#[test]
fn a_session_ends_whatever_it_does() {
    let mut office = Office::open(Trust::World);
    for _ in 0..59 {
        assert_eq!(office.pass(4 * MINUTE), "");
        office.talk("NOOP\r\n");
    }
    assert_eq!(office.until(), 4 * MINUTE);
    assert!(office.pass(4 * MINUTE).starts_with("421 4.4.2 "));
}

#[test]
fn the_time_that_the_driver_takes_is_not_the_peers() {
    let mut office = Office::in_content(Trust::World);
    office.session.receive(b"a\r\n.\r\n");
    assert!(matches!(office.session.next(office.now), Step::Content(_)));
    office.now += 9 * MINUTE;
    assert_eq!(office.session.next(office.now), Step::ContentComplete);
    office.now += 9 * MINUTE;
    office
        .session
        .stored(&Receipt::for_test(QueueId::from_u64(1)));
    assert!(office.talk_nothing().starts_with("250 2.0.0 kept as "));
    assert_eq!(office.until(), 5 * MINUTE);
}

#[test]
fn skipped_octets_are_waited_for_no_longer_than_others() {
    let mut office = Office::open(Trust::World);
    office.talk("BDAT 100\r\nabc");
    assert_eq!(office.until(), 3 * MINUTE);
    assert!(office.pass(3 * MINUTE).starts_with("421 4.4.2 "));
}

#[test]
fn going_down_ends_a_waiting_session_at_once() {
    let mut office = Office::open(Trust::World);
    office.session.shutdown();
    assert!(
        office
            .talk_nothing()
            .ends_with("421 4.3.2 post.example.com is going down, try again later\r\n")
    );
    assert_eq!(office.ending, Some(Ending::ShuttingDown));

    let mut office = Office::in_content(Trust::World);
    office.talk("a");
    office.session.shutdown();
    assert!(office.talk_nothing().starts_with("421 4.3.2 "));
    assert_eq!(office.content, b"");
}

#[test]
fn going_down_lets_a_running_commit_be_answered_first() {
    let mut office = Office::in_content(Trust::World);
    office.session.receive(b"a\r\n.\r\nNOOP\r\n");
    while office.session.next(office.now) != Step::ContentComplete {}
    office.session.shutdown();
    office
        .session
        .stored(&Receipt::for_test(QueueId::from_u64(1)));
    let said = office.talk_nothing();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert_eq!(lines[0], "250 2.0.0 kept as 0000000000001");
    assert!(lines[1].starts_with("421 4.3.2 "));
}

#[test]
fn a_question_is_repeated_until_it_is_answered_and_a_wrong_answer_is_none() {
    let mut office = Office::open(Trust::World);
    let session = &mut office.session;
    session.receive(b"EHLO pc\r\nMAIL FROM:<> SIZE=7\r\n");
    for _ in 0..2 {
        session.stored(&Receipt::for_test(QueueId::from_u64(1)));
        session.accept_recipient();
        session.accept_content();
        session.refused(Refusal::store_failed());
        session.tls_started(String::new());
        let asked = session.next(office.now);
        assert!(
            matches!(
                asked,
                Step::SenderNamed {
                    declared_size: Some(7),
                    ..
                }
            ),
            "{asked:?}"
        );
    }
    session.refuse_sender(Refusal::storage_short());
    let said = office.talk_nothing();
    assert!(
        said.ends_with("\r\n452 4.3.1 no room for mail now, try again later\r\n"),
        "{said}"
    );
    assert!(
        office
            .talk("RCPT TO:<anna@example.com>\r\n")
            .starts_with("503 ")
    );
}

#[test]
fn a_refusal_with_421_ends_the_session() {
    let mut office = Office::open(Trust::World);
    office
        .session
        .receive(b"EHLO pc\r\nMAIL FROM:<>\r\nNOOP\r\n");
    office.session.next(office.now);
    office.session.refuse_sender(Refusal::busy());
    assert!(
        office
            .talk_nothing()
            .ends_with("\r\n421 4.3.2 too busy, try again later\r\n")
    );
    assert_eq!(office.ending, Some(Ending::Busy));
}

#[test]
fn commands_pipelined_behind_a_refused_data_are_commands() {
    let mut office = Office::open(Trust::World);
    office.talk("EHLO pc\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.com>\r\n");
    office.session.receive(b"DATA\r\nNOOP\r\nRSET\r\n");
    assert_eq!(office.session.next(office.now), Step::ContentRequested);
    office.session.refuse_content(Refusal::storage_short());
    let said = office.talk_nothing();
    assert_eq!(
        said,
        "452 4.3.1 no room for mail now, try again later\r\n250 2.0.0 done\r\n250 2.0.0 done\r\n"
    );
}

#[test]
fn octets_of_a_bdat_that_the_driver_refuses_are_no_commands() {
    let mut office = Office::open(Trust::World);
    office.talk("EHLO pc\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.com>\r\n");
    office
        .session
        .receive(b"BDAT 6\r\nRSET\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
    assert_eq!(office.session.next(office.now), Step::ContentRequested);
    office.session.refuse_content(Refusal::storage_short());
    let said = office.talk_nothing();
    let codes: Vec<&str> = said.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["452", "503", "250"]);
}

#[test]
fn the_driver_learns_why_content_is_dropped() {
    let mut office = Office::in_content(Trust::World);
    office.session.receive(b"a\nb");
    let dropped = loop {
        if let Step::ContentDiscarded(why) = office.session.next(office.now) {
            break why;
        }
    };
    let Discard::Refused(refusal) = dropped else {
        panic!("{dropped:?}");
    };
    assert_eq!(refusal.code(), 550);
}

#[test]
fn a_message_that_runs_in_a_loop_is_called_back() {
    let mut office = Office::in_content(Trust::World);
    office.talk("Received: by post.example.com\r\n".repeat(6));
    assert_ne!(office.content, b"");
    assert!(office.talk(".\r\n").starts_with("554 5.4.6 "));
    assert_eq!(office.content, b"");
}

#[test]
fn no_handshake_begins_when_commands_are_behind_starttls() {
    let settings = Settings {
        starttls: true,
        ..settings()
    };
    let mut office = Office::new(settings, Limits::of(Trust::World), Trust::World, None);
    office.session.receive(b"STARTTLS\r\nEHLO injected\r\n");
    assert!(!office.pump(), "StartTls is asked for");
    assert_eq!(office.ending, Some(Ending::PlaintextBehindStartTls));
}

#[test]
fn trace_facts_are_there_while_the_message_is_stored() {
    let mut office = Office::new(
        settings(),
        Limits::of(Trust::World),
        Trust::World,
        Some("TLSv1.3 X".into()),
    );
    office.pump();
    office.talk("EHLO pc.example\r\nMAIL FROM:<j\u{fc}@example.org> SMTPUTF8\r\nRCPT TO:<anna@example.com>\r\nDATA\r\n");
    office.session.receive(b".\r\n");
    assert_eq!(office.session.next(office.now), Step::ContentComplete);
    assert_eq!(office.session.helo(), "pc.example");
    assert_eq!(
        office.session.transmission().to_string(),
        "UTF8SMTPS (TLSv1.3 X)"
    );
    let envelope = office.session.envelope().unwrap();
    assert_eq!(envelope.reverse_path.to_string(), "<jü@example.org>");
    assert_eq!(envelope.recipients.len(), 1);
}

/// In dialogues whose client sends much, some places are left out.
const PLACES_MAX: usize = 300;

#[test]
fn whoever_stalls_at_any_octet_of_any_dialogue_is_sent_away_in_time() {
    let mut stalled = 0;
    for dialogue in dialogues("smtp") {
        let sent: Vec<&[u8]> = dialogue
            .events
            .iter()
            .filter_map(|(_, event)| match event {
                Event::Send(octets) => Some(octets.as_slice()),
                _ => None,
            })
            .collect();
        let octets = sent.iter().map(|octets| octets.len()).sum::<usize>();
        for place in (0..=octets).step_by(octets / PLACES_MAX + 1) {
            let mut office = office_for(&dialogue);
            office.pump();
            let mut left = place;
            for write in &sent {
                let now = left.min(write.len());
                office.talk(&write[..now]);
                left -= now;
            }
            if office.ending.is_none() {
                let place = format!("{} at octet {place}", dialogue.name);
                office.is_sent_away(&place);
                stalled += 1;
            }
        }
    }
    assert!(stalled > 5_000, "{stalled}");
}

impl Office {
    /// Nothing is said before the time, and a last word then.
    fn is_sent_away(&mut self, place: &str) {
        let time = self.until();
        assert!(time >= MINUTE && time <= 10 * MINUTE, "{place}: {time:?}");
        let kept = self.stored.len();
        let said = self.pass(time - Duration::from_nanos(1));
        assert_eq!(said, "", "{place}");
        let said = self.pass(Duration::from_nanos(1));
        assert!(said.starts_with("421 4.4.2 "), "{place}: {said}");
        assert!(said.ends_with(" closes\r\n"), "{place}: {said}");
        assert_eq!(self.ending, Some(Ending::TimedOut), "{place}");
        assert_eq!(self.stored.len(), kept, "{place}");
        assert_eq!(self.content, b"", "{place}: what came is called back");
    }
}

#[test]
fn one_octet_a_second_is_enough_for_a_command_and_too_little_for_content() {
    let second = Duration::from_secs(1);
    let mut office = Office::open(Trust::World);
    for octet in b"EHLO pc\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.com>\r\nDATA\r\n" {
        let said = office.pass(second);
        assert!(!said.starts_with('4'), "{said}");
        office.session.receive(&[*octet]);
    }
    assert!(office.talk_nothing().starts_with("354 "));
    let mut seconds = 0;
    while office.ending.is_none() {
        office.pass(second);
        office.session.receive(b"a");
        seconds += 1;
        assert!(seconds <= 600, "still open");
    }
    assert_eq!(seconds, 600);
}
