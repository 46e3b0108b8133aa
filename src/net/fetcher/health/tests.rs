//! What is said of an account, and when, as dialogues: a poll, and the news.

use std::io;

use super::*;
use crate::fetch::{self, Refusal};
use crate::net::fetcher::Hint;

const MINUTE: Duration = Duration::from_secs(60);

/// An account with its time.
struct Account {
    health: Health,
    now: Instant,
}

impl Account {
    fn polled_every(minutes: u32) -> Account {
        let now = Instant::now();
        let schedule = Schedule {
            every: minutes * MINUTE,
            hours: None,
        };
        Account {
            health: Health::begin(&schedule, now),
            now,
        }
    }

    fn wait(&mut self, minutes: u32, within_hours: bool) -> Vec<News> {
        let minute = |account: &mut Account| {
            account.now += MINUTE;
            account.health.pass(account.now, within_hours)
        };
        (0..minutes).flat_map(|_| minute(self)).collect()
    }

    fn good(&mut self, report: Report) -> Vec<News> {
        self.health.observe(&Poll {
            report,
            outcome: Ok(()),
        })
    }

    fn failed(&mut self, why: PollError) -> Vec<News> {
        self.health.observe(&Poll {
            report: Report::default(),
            outcome: Err(why),
        })
    }

    fn stays(&mut self, postponed: u64) -> Vec<News> {
        self.good(Report {
            listed: postponed,
            postponed,
            ..Report::default()
        })
    }

    fn expires_in(&mut self, days: i64) -> Vec<News> {
        self.good(Report {
            certificate_days_left: Some(days),
            ..Report::default()
        })
    }

    fn refuses(&mut self, messages: &[&str]) -> Vec<News> {
        self.good(refused(messages))
    }
}

fn refusal() -> Refusal {
    Refusal {
        code: None,
        text: "cannot open it".to_string(),
    }
}

fn refused(messages: &[&str]) -> Report {
    Report {
        listed: messages.len() as u64,
        refused: messages
            .iter()
            .map(|message| (message.to_string(), refusal()))
            .collect(),
        ..Report::default()
    }
}

fn no_connection() -> PollError {
    PollError::NoConnection {
        server: "pop.provider.example:995".to_string(),
        why: io::ErrorKind::ConnectionRefused.into(),
        hint: Hint::default(),
    }
}

fn wrong_password() -> PollError {
    fetch::Error::LoginRefused(refusal()).into()
}

/// The beginnings of what is said.
fn check(news: Vec<News>, expected: &[&str]) {
    let lines: Vec<String> = news
        .iter()
        .map(|news| match news {
            News::Trouble(text) => format!("trouble: {text}"),
            News::Over(text) => format!("over: {text}"),
            News::Remark(text) => format!("remark: {text}"),
        })
        .collect();
    let as_expected = lines
        .iter()
        .zip(expected)
        .all(|(line, expected)| line.starts_with(expected));
    assert!(
        lines.len() == expected.len() && as_expected,
        "{lines:#?}\nexpected {expected:#?}"
    );
}

#[test]
fn a_healthy_account_says_nothing() {
    let mut account = Account::polled_every(5);
    for _ in 0..1000 {
        check(account.wait(5, true), &[]);
        check(account.expires_in(90), &[]);
    }
    assert!(account.health.troubles().is_empty());
}

#[test]
fn two_hours_without_a_successful_poll_are_said_once_and_their_end_too() {
    let mut account = Account::polled_every(5);
    check(account.failed(no_connection()), &[]);
    check(account.wait(119, true), &[]);
    check(
        account.wait(1, true),
        &[
            "trouble: no successful poll for 2 hours; the last one failed: pop.provider.example:995: no connection",
        ],
    );
    check(account.wait(60, true), &[]);
    check(account.failed(no_connection()), &[]);
    assert!(account.health.troubles()[0].starts_with("no successful poll for 3 hours"));
    check(
        account.good(Report::default()),
        &["over: a poll succeeded again, after 3 hours"],
    );
    check(account.wait(119, true), &[]);
    check(account.wait(1, true), &["trouble: no successful poll"]);
}

#[test]
fn only_office_time_counts() {
    let mut account = Account::polled_every(5);
    check(account.wait(90, true), &[]);
    check(account.wait(10_000, false), &[]);
    check(account.wait(29, true), &[]);
    check(
        account.wait(1, true),
        &["trouble: no successful poll for 2 hours"],
    );
}

#[test]
fn a_poll_that_hangs_is_said_as_well() {
    let mut account = Account::polled_every(5);
    check(
        account.wait(120, true),
        &["trouble: no successful poll for 2 hours; the poll that runs does not come to its end"],
    );
}

#[test]
fn who_is_polled_every_two_hours_is_given_three_polls() {
    let mut account = Account::polled_every(120);
    check(account.wait(359, true), &[]);
    check(
        account.wait(1, true),
        &["trouble: no successful poll for 6 hours"],
    );
}

#[test]
fn other_settings_begin_no_new_silence() {
    let mut account = Account::polled_every(120);
    check(account.failed(no_connection()), &[]);
    check(account.wait(200, true), &[]);
    account.health.reschedule(&Schedule {
        every: 5 * MINUTE,
        hours: None,
    });
    check(
        account.wait(1, true),
        &["trouble: no successful poll for 3 hours"],
    );
}

#[test]
fn a_poll_that_was_stopped_says_nothing() {
    let mut account = Account::polled_every(5);
    check(account.failed(PollError::Interrupted), &[]);
    check(
        account.wait(120, true),
        &["trouble: no successful poll for 2 hours; the poll that runs"],
    );
    check(account.failed(PollError::Interrupted), &[]);
}

#[test]
fn a_wrong_password_is_said_at_the_first_failure_and_once() {
    let mut account = Account::polled_every(5);
    check(
        account.failed(wrong_password()),
        &[
            "trouble: every poll will fail until this is mended: the provider refuses user name or password",
        ],
    );
    check(account.failed(wrong_password()), &[]);
    // Nothing was learnt of the password.
    check(account.failed(no_connection()), &[]);
    check(account.failed(wrong_password()), &[]);
    check(
        account.good(Report::default()),
        &["over: a poll succeeded again"],
    );
    check(
        account.failed(wrong_password()),
        &["trouble: every poll will fail"],
    );
}

#[test]
fn the_end_of_two_troubles_is_one_sentence() {
    let mut account = Account::polled_every(5);
    check(
        account.failed(wrong_password()),
        &["trouble: every poll will fail"],
    );
    check(account.wait(180, true), &["trouble: no successful poll"]);
    assert_eq!(account.health.troubles().len(), 2);
    check(
        account.good(Report::default()),
        &["over: a poll succeeded again, after 3 hours"],
    );
    assert!(account.health.troubles().is_empty());
}

#[test]
fn a_session_that_is_cut_behind_the_log_in_shows_that_the_password_is_right() {
    let mut account = Account::polled_every(5);
    check(
        account.failed(wrong_password()),
        &["trouble: every poll will fail"],
    );
    let cut = Poll {
        report: Report {
            listed: 3,
            ..Report::default()
        },
        outcome: Err(PollError::RemovalUnconfirmed),
    };
    check(
        account.health.observe(&cut),
        &["over: the provider lets the hub in again"],
    );
}

#[test]
fn a_mailbox_that_rises_five_times_grows() {
    let mut account = Account::polled_every(5);
    for stays in [10, 20, 20, 30, 40, 50] {
        check(account.stays(stays), &[]);
    }
    check(
        account.stays(60),
        &[
            "trouble: the provider's mailbox grows: 60 messages stay in it, where 10 did; 60 wait because of",
        ],
    );
    check(account.stays(70), &[]);
    check(account.stays(70), &[]);
    check(
        account.stays(69),
        &["over: the provider's mailbox no longer grows"],
    );
}

#[test]
fn a_mailbox_that_is_emptied_slowly_does_not_grow() {
    let mut account = Account::polled_every(5);
    for stays in (0..100).rev() {
        check(account.stays(stays), &[]);
    }
    // Waves.
    for wave in 0..20 {
        check(account.stays(wave % 4), &[]);
    }
}

#[test]
fn what_is_left_on_the_server_on_purpose_is_no_growth() {
    let mut account = Account::polled_every(5);
    for listed in 1..100 {
        let report = Report {
            listed,
            fetched: 1,
            ..Report::default()
        };
        check(account.good(report), &[]);
    }
}

#[test]
fn a_server_that_does_not_remove_what_it_confirms_is_told_of() {
    let mut account = Account::polled_every(5);
    let poll = |listed, fetched, removed| Report {
        listed,
        fetched,
        removed,
        ..Report::default()
    };
    check(account.good(poll(3, 3, 3)), &[]);
    check(account.good(poll(4, 1, 4)), &[]);
    check(account.good(poll(4, 0, 4)), &[]);
    check(
        account.good(poll(5, 1, 5)),
        &[
            "trouble: the provider's server confirms that it removed messages, and lists 4 of them again",
        ],
    );
    check(account.good(poll(5, 0, 5)), &[]);
    check(
        account.good(poll(2, 2, 2)),
        &["over: what is removed at the provider is no longer listed"],
    );
}

#[test]
fn a_server_that_removes_late_is_not_told_of() {
    let mut account = Account::polled_every(5);
    let poll = |listed, fetched, removed| Report {
        listed,
        fetched,
        removed,
        ..Report::default()
    };
    for _ in 0..10 {
        check(account.good(poll(3, 3, 3)), &[]);
        check(account.good(poll(3, 0, 3)), &[]);
    }
}

#[test]
fn the_third_refusal_of_the_same_message_is_said_once() {
    let mut account = Account::polled_every(5);
    check(account.refuses(&["a"]), &[]);
    check(account.refuses(&["a", "a", "b"]), &[]);
    check(
        account.refuses(&["a", "b"]),
        &[
            "trouble: the provider's server refuses the same message at every poll, 3 times by now (a: \"cannot open it\");",
        ],
    );
    check(
        account.refuses(&["a", "b"]),
        &[
            "trouble: the provider's server refuses the same message at every poll, 4 times by now (a: \"cannot open it\"), and 1 more;",
        ],
    );
    check(account.refuses(&["a", "b"]), &[]);
    check(account.refuses(&["b"]), &[]);
    check(account.refuses(&[]), &["over: the provider gives"]);
}

#[test]
fn refusals_in_polls_that_fail_count_and_what_those_do_not_reach_is_not_over() {
    let mut account = Account::polled_every(5);
    let cut = |messages: &[&str]| Poll {
        report: refused(messages),
        outcome: Err(PollError::RemovalUnconfirmed),
    };
    check(account.health.observe(&cut(&["a"])), &[]);
    check(account.health.observe(&cut(&[])), &[]);
    check(account.health.observe(&cut(&["a"])), &[]);
    check(
        account.refuses(&["a"]),
        &["trouble: the provider's server refuses the same message at every poll, 3 times"],
    );
    check(account.health.observe(&cut(&[])), &[]);
    check(account.refuses(&[]), &["over: the provider gives"]);
}

#[test]
fn refused_messages_do_not_fill_the_memory() {
    let mut account = Account::polled_every(5);
    let names: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    account.refuses(&names);
    account.refuses(&names);
    check(
        account.refuses(&names),
        &[
            "trouble: the provider's server refuses the same message at every poll, 3 times by now (0: \"cannot open it\"), and 999 more;",
        ],
    );
}

#[test]
fn a_certificate_is_told_of_ten_days_before_its_end() {
    let mut account = Account::polled_every(5);
    check(account.expires_in(11), &[]);
    check(
        account.expires_in(10),
        &["trouble: the certificate of the provider's server expires in 10 days"],
    );
    for days in (-3..10).rev() {
        check(account.expires_in(days), &[]);
    }
    assert!(account.health.troubles()[0].contains("has expired"));
    check(
        account.expires_in(89),
        &["over: the provider's server has a newer certificate"],
    );
}

#[test]
fn a_poll_that_sees_no_certificate_says_nothing_of_it() {
    let mut account = Account::polled_every(5);
    check(account.expires_in(3), &["trouble: the certificate"]);
    check(account.failed(no_connection()), &[]);
    check(account.expires_in(3), &[]);
}

#[test]
fn a_remark_is_made_once() {
    let mut account = Account::polled_every(5);
    let remarks = |texts: &[&str]| Report {
        remarks: texts.iter().map(|text| text.to_string()).collect(),
        ..Report::default()
    };
    check(account.good(remarks(&["no UIDL"])), &["remark: no UIDL"]);
    check(account.good(remarks(&["no UIDL", "odd"])), &["remark: odd"]);
    for n in 0..1000 {
        account.good(remarks(&[&n.to_string()]));
    }
    assert_eq!(account.health.remarks.len(), REMARKS_MAX);
}

#[test]
fn times_are_said_in_whole_units() {
    for (seconds, expected) in [
        (0, "0 minutes"),
        (119, "1 minute"),
        (59 * 60, "59 minutes"),
        (60 * 60, "1 hour"),
        (7199, "1 hour"),
        (2 * 3600, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
    ] {
        assert_eq!(in_words(Duration::from_secs(seconds)), expected);
    }
}
