//! Time-outs, by instants handed in.

use std::time::{Duration, Instant};

use super::hub::settings;
use crate::fetch::{Awaited, Ending, Error, Session, Step, Task};

const SECOND: Duration = Duration::from_secs(1);

fn due(session: &mut Session, now: Instant) -> Instant {
    loop {
        match session.next(now) {
            Step::NeedInput { until } => return until,
            Step::Send(_) | Step::ContentBegins { .. } | Step::Content(_) => {}
            Step::Listed(_) => session.plan(vec![Task::Retrieve {
                number: 1,
                octets: None,
            }]),
            other => panic!("{other:?}"),
        }
    }
}

fn end(session: &mut Session, now: Instant) -> Ending {
    loop {
        match session.next(now) {
            Step::Close(ending) => return ending.clone(),
            Step::ContentDiscarded { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

fn retrieving(now: Instant) -> Session {
    let mut session = Session::new(settings(), now);
    session.receive(
        b"+OK\r\n+OK\r\nPIPELINING\r\n.\r\n+OK\r\n+OK\r\n+OK\r\n1 a\r\n.\r\n+OK\r\n1 9\r\n.\r\n",
    );
    session
}

#[test]
fn the_greeting_is_awaited_for_a_minute() {
    let now = Instant::now();
    let mut session = Session::new(settings(), now);
    assert_eq!(due(&mut session, now), now + 60 * SECOND);
    session.receive(b"+OK half a gree");
    assert_eq!(due(&mut session, now + 30 * SECOND), now + 60 * SECOND);
    let ending = end(&mut session, now + 60 * SECOND);
    assert!(matches!(ending, Ending::Failed(Error::NoGreeting { .. })));
}

#[test]
fn a_reply_is_awaited_for_five_minutes_and_half_lines_do_not_count() {
    let now = Instant::now();
    let mut session = Session::new(settings(), now);
    session.receive(b"+OK\r\n");
    assert_eq!(due(&mut session, now), now + 300 * SECOND);
    for minute in 1..5 {
        session.receive(b"-");
        assert_eq!(
            due(&mut session, now + 60 * minute * SECOND),
            now + 300 * SECOND
        );
    }
    let Ending::Failed(Error::TimedOut { awaited, .. }) = end(&mut session, now + 300 * SECOND)
    else {
        panic!();
    };
    assert_eq!(awaited, Awaited::Capabilities);
}

#[test]
fn a_message_that_trickles_runs_out_of_time() {
    let mut now = Instant::now();
    let mut session = retrieving(now);
    due(&mut session, now);
    session.receive(b"+OK\r\n");
    let mut minutes = 0;
    loop {
        match session.next(now) {
            Step::NeedInput { until } => {
                assert!(until > now);
                now += 60 * SECOND;
                minutes += 1;
                session.receive(b"x");
            }
            Step::ContentBegins { .. } | Step::Content(_) => {}
            Step::ContentDiscarded { number } => assert_eq!(number, 1),
            Step::Close(ending) => {
                assert!(matches!(ending, Ending::Failed(Error::TimedOut { .. })));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(minutes, 30);
}

#[test]
fn a_slow_message_that_makes_progress_goes_on_for_hours() {
    let mut now = Instant::now();
    let mut session = retrieving(now);
    due(&mut session, now);
    session.receive(b"+OK\r\n");
    for _ in 0..100 {
        due(&mut session, now);
        now += 120 * SECOND;
        session.receive(&[b'x'; 8 * 1024]);
    }
    due(&mut session, now);
    now += 24 * 3600 * SECOND;
    assert!(matches!(
        end(&mut session, now),
        Ending::Failed(Error::TimedOut { .. })
    ));
}

#[test]
fn time_that_the_driver_takes_does_not_count() {
    let now = Instant::now();
    let mut session = retrieving(now);
    while !matches!(session.next(now), Step::Listed(_)) {}
    let later = now + 3600 * SECOND;
    session.plan(vec![Task::Retrieve {
        number: 1,
        octets: None,
    }]);
    assert_eq!(due(&mut session, later), later + 300 * SECOND);
}
