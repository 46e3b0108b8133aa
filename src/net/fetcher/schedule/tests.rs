//! When an account is polled, as tables.

use std::io;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::*;
use crate::fetch::{self, Awaited, Refusal};
use crate::net::fetcher::{Hint, Report};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// The middle: no jitter.
const EVEN: Chance = Chance(0.5);

fn every(pause: Duration) -> Schedule {
    Schedule {
        every: pause,
        hours: None,
    }
}

/// Monday to Friday.
fn weekdays(from_hour: u16, to_hour: u16) -> OfficeHours {
    OfficeHours {
        days: [true, true, true, true, true, false, false],
        from_minute: from_hour * 60,
        to_minute: to_hour * 60,
    }
}

/// A moment in Berlin; the rules are written out, for a test machine may have no
/// time zones.
fn berlin(text: &str) -> Zoned {
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let shown: DateTime = text.parse().unwrap();
    shown.to_zoned(zone).unwrap()
}

fn good() -> Poll {
    Poll {
        report: Report::default(),
        outcome: Ok(()),
    }
}

fn failed(why: PollError) -> Poll {
    Poll {
        report: Report::default(),
        outcome: Err(why),
    }
}

fn no_connection() -> Poll {
    failed(PollError::NoConnection {
        server: "pop.provider.example:995".to_string(),
        why: io::ErrorKind::ConnectionRefused.into(),
        hint: Hint::default(),
    })
}

fn too_soon(delay: Option<Duration>) -> Poll {
    let refusal = Refusal {
        code: None,
        text: "[LOGIN-DELAY] wait".to_string(),
    };
    failed(fetch::Error::TooSoon { refusal, delay }.into())
}

/// The waits after each of these polls, which take no time.
fn waits(schedule: &Schedule, polls: &[Poll]) -> Vec<Duration> {
    let mut now = Instant::now();
    let mut timetable = Timetable::begin(now, EVEN);
    let noon = berlin("2026-11-23T12:00");
    let after_each = polls.iter().map(|poll| {
        timetable.polled(schedule, (now, now), poll, EVEN);
        let wait = timetable.wait(schedule, now, &noon);
        now += wait;
        wait
    });
    after_each.collect()
}

#[test]
fn a_chance_is_between_nothing_and_all() {
    assert_eq!(Chance::of_bits(0), Chance(0.0));
    assert_eq!(Chance::of_bits(1 << 31), EVEN);
    assert!(Chance::of_bits(u32::MAX).0 < 1.0);
}

#[test]
fn the_first_poll_comes_soon_after_the_start() {
    for (bits, expected) in [(0, 0.0), (1 << 31, 1.5), (u32::MAX, 3.0)] {
        let now = Instant::now();
        let timetable = Timetable::begin(now, Chance::of_bits(bits));
        let wait = timetable.wait(&every(HOUR), now, &berlin("2026-11-23T03:00"));
        assert!((wait.as_secs_f64() - expected).abs() < 0.001, "{wait:?}");
    }
}

#[test]
fn polls_are_a_tenth_apart_from_the_interval_at_most() {
    for (bits, expected) in [(0, 270.0), (1 << 31, 300.0), (u32::MAX, 330.0)] {
        let now = Instant::now();
        let schedule = every(5 * MINUTE);
        let mut timetable = Timetable::begin(now, EVEN);
        timetable.polled(&schedule, (now, now), &good(), Chance::of_bits(bits));
        let wait = timetable.wait(&schedule, now, &berlin("2026-11-23T12:00"));
        assert!((wait.as_secs_f64() - expected).abs() < 0.001, "{wait:?}");
    }
}

#[test]
fn the_interval_is_counted_from_the_beginning_of_a_poll() {
    let schedule = every(5 * MINUTE);
    let noon = berlin("2026-11-23T12:00");
    for (took, expected) in [
        (MINUTE, 4 * MINUTE),
        // Longer than the interval: a rest, not at once.
        (5 * MINUTE, REST),
        (HOUR, REST),
    ] {
        let began = Instant::now();
        let ended = began + took;
        let mut timetable = Timetable::begin(began, EVEN);
        timetable.polled(&schedule, (began, ended), &good(), EVEN);
        assert_eq!(timetable.wait(&schedule, ended, &noon), expected);
    }
}

#[test]
fn failures_are_followed_by_longer_and_longer_waits_up_to_an_hour() {
    let polls: Vec<Poll> = (0..7).map(|_| no_connection()).collect();
    let minutes = [5, 10, 20, 40, 60, 60, 60];
    assert_eq!(
        waits(&every(5 * MINUTE), &polls),
        minutes.map(|n| n * MINUTE)
    );
}

#[test]
fn who_is_polled_every_three_hours_waits_no_less_after_failures() {
    let polls: Vec<Poll> = (0..3).map(|_| no_connection()).collect();
    assert_eq!(waits(&every(3 * HOUR), &polls), [3 * HOUR; 3]);
}

#[test]
fn a_thousand_failures_overflow_nothing() {
    let polls: Vec<Poll> = (0..1000).map(|_| no_connection()).collect();
    assert_eq!(waits(&every(Duration::MAX / 4), &polls[..1]).len(), 1);
    assert_eq!(waits(&every(MINUTE), &polls).last(), Some(&HOUR));
}

#[test]
fn a_success_ends_the_back_off() {
    let polls = [no_connection(), no_connection(), good(), no_connection()];
    let minutes = [5, 10, 5, 5];
    assert_eq!(
        waits(&every(5 * MINUTE), &polls),
        minutes.map(|n| n * MINUTE)
    );
}

#[test]
fn a_poll_that_was_stopped_is_no_failure() {
    let polls = [failed(PollError::Interrupted), no_connection()];
    assert_eq!(waits(&every(5 * MINUTE), &polls), [5 * MINUTE; 2]);
}

#[test]
fn the_time_between_log_ins_that_the_server_wants_is_kept_to() {
    let mut told = good();
    told.report.login_delay = Some(15 * MINUTE);
    // Told once, it holds for what follows.
    let polls = [told, good(), no_connection()];
    assert_eq!(waits(&every(5 * MINUTE), &polls), [15 * MINUTE; 3]);
    let polls = [too_soon(Some(15 * MINUTE)), good()];
    assert_eq!(waits(&every(5 * MINUTE), &polls), [15 * MINUTE; 2]);
    let polls = [too_soon(None), too_soon(None)];
    assert_eq!(waits(&every(5 * MINUTE), &polls), [5 * MINUTE, 10 * MINUTE]);
}

#[test]
fn no_server_puts_the_next_poll_off_for_years() {
    let polls = [too_soon(Some(Duration::from_secs(u64::MAX / 4)))];
    assert_eq!(waits(&every(5 * MINUTE), &polls), [LOGIN_DELAY_MAX]);
}

#[test]
fn a_server_that_forgets_pipelined_commands_is_asked_again_at_once_but_not_for_ever() {
    let polls = [
        failed(fetch::Error::PipeliningFailed.into()),
        good(),
        failed(fetch::Error::PipeliningFailed.into()),
        failed(
            fetch::Error::TimedOut {
                awaited: Awaited::Sizes,
                unanswered: 2,
            }
            .into(),
        ),
    ];
    assert_eq!(
        waits(&every(5 * MINUTE), &polls),
        [REST, 5 * MINUTE, REST, 5 * MINUTE]
    );
}

/// How long until the hours begin, in minutes.
fn check_hours(hours: OfficeHours, local: &str, expected: u32) {
    let local = berlin(local);
    assert_eq!(hours.until_open(&local), expected * MINUTE, "{local}");
    assert_eq!(hours.contains(&local), expected == 0, "{local}");
}

#[test]
fn office_hours_begin_and_end_to_the_minute() {
    // 2026-11-23 is a Monday.
    let hours = weekdays(7, 19);
    check_hours(hours, "2026-11-23T06:59", 1);
    check_hours(hours, "2026-11-23T07:00", 0);
    check_hours(hours, "2026-11-23T18:59:59", 0);
    check_hours(hours, "2026-11-23T19:00", 12 * 60);
    // Over the weekend.
    check_hours(hours, "2026-11-27T19:00", (5 + 24 + 24 + 7) * 60);
    check_hours(hours, "2026-11-28T12:00", (12 + 24 + 7) * 60);
    // Over the end of the year, a Thursday.
    check_hours(hours, "2026-12-31T23:00", 8 * 60);
}

#[test]
fn hours_may_last_until_midnight_and_be_on_one_day_only() {
    let all_day = OfficeHours {
        days: [true; 7],
        from_minute: 0,
        to_minute: 1440,
    };
    check_hours(all_day, "2026-11-23T00:00", 0);
    check_hours(all_day, "2026-11-23T23:59:59", 0);
    let sundays = OfficeHours {
        days: [false, false, false, false, false, false, true],
        from_minute: 8 * 60,
        to_minute: 1440,
    };
    check_hours(sundays, "2026-11-29T08:00", 0);
    check_hours(sundays, "2026-11-29T07:59", 1);
    check_hours(sundays, "2026-11-30T00:00", (6 * 24 + 8) * 60);
}

#[test]
fn the_clock_on_the_wall_counts_when_summer_time_begins_and_ends() {
    let daily = OfficeHours {
        days: [true; 7],
        from_minute: 7 * 60,
        to_minute: 19 * 60,
    };
    // 2026-03-29, 02:00: the night has an hour less.
    check_hours(daily, "2026-03-28T23:00", 7 * 60);
    // 2026-10-25, 03:00: the night has an hour more.
    check_hours(daily, "2026-10-24T23:00", 9 * 60);
    // Hours that begin within the hour that is not there.
    let early = OfficeHours {
        from_minute: 2 * 60 + 30,
        ..daily
    };
    check_hours(early, "2026-03-29T01:59", 31);
    check_hours(early, "2026-03-29T03:30", 0);
}

#[test]
fn outside_of_office_hours_the_next_opening_is_waited_for() {
    let schedule = Schedule {
        every: 10 * MINUTE,
        hours: Some(weekdays(7, 19)),
    };
    let opening = OPENING_WITHIN / 2;
    for (local, expected) in [
        ("2026-11-23T12:00", 10 * MINUTE),
        ("2026-11-23T06:55", 10 * MINUTE),
        ("2026-11-23T06:45", 15 * MINUTE + opening),
        // The next poll would be behind the end.
        ("2026-11-23T18:55", 12 * HOUR + 5 * MINUTE + opening),
        ("2026-11-27T18:50", 60 * HOUR + 10 * MINUTE + opening),
    ] {
        let now = Instant::now();
        let mut timetable = Timetable::begin(now, EVEN);
        timetable.polled(&schedule, (now, now), &good(), EVEN);
        assert_eq!(
            timetable.wait(&schedule, now, &berlin(local)),
            expected,
            "{local}"
        );
    }
}

#[test]
fn an_account_that_starts_in_the_night_waits_for_the_morning() {
    let schedule = Schedule {
        every: 10 * MINUTE,
        hours: Some(weekdays(7, 19)),
    };
    let now = Instant::now();
    let timetable = Timetable::begin(now, Chance(0.0));
    let wait = timetable.wait(&schedule, now, &berlin("2026-11-23T03:00"));
    assert_eq!(wait, 4 * HOUR);
}
