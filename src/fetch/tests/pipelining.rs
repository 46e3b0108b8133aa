//! Windows of commands: how many round trips, and how much at once.

use super::hub::{Answers, Hub, settings};
use super::provider::{Fault, Provider};
use crate::fetch::{Ending, Error, Limits, Pipelining, Remedy, Settings};

fn mailbox(messages: usize, octets: usize) -> Provider {
    let texts = (0..messages).map(|at| {
        let mut text = format!("Subject: {at}\r\n\r\n").into_bytes();
        text.resize(octets - 2, b'x');
        text.extend_from_slice(b"\r\n");
        text
    });
    let texts: Vec<Vec<u8>> = texts.collect();
    let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    Provider::of(&texts)
}

fn with(pipelining: fn() -> Settings, answers: Answers) -> Hub {
    Hub {
        settings: pipelining,
        answers,
        ..Hub::new()
    }
}

fn off() -> Settings {
    Settings {
        pipelining: Pipelining::Off,
        ..settings()
    }
}

fn by_test() -> Settings {
    Settings {
        pipelining: Pipelining::ByTest,
        ..settings()
    }
}

#[test]
fn a_thousand_messages_take_few_round_trips() {
    // Late: DELE begins when all messages have come.
    for (answers, most) in [(Answers::AtOnce, 13), (Answers::Late, 20)] {
        let mut provider = mailbox(1000, 10_000);
        let mut hub = with(settings, answers);
        let poll = hub.poll(&mut provider);
        assert_eq!((poll.ending, hub.stored.len()), (Ending::Complete, 1000));
        assert!(provider.messages.is_empty());
        assert!(poll.round_trips <= most, "{} round trips", poll.round_trips);
    }
}

#[test]
fn lock_step_takes_two_round_trips_for_a_message() {
    let mut provider = mailbox(50, 1_000);
    let mut hub = with(off, Answers::AtOnce);
    let poll = hub.poll(&mut provider);
    // CAPA, USER, PASS, UIDL, LIST and QUIT.
    assert_eq!(poll.round_trips, 2 * 50 + 6);
    assert!(poll.writes.iter().all(|write| write.lines().count() == 1));
}

#[test]
fn a_window_is_bounded_by_commands() {
    let mut provider = mailbox(1000, 100);
    let poll = with(settings, Answers::AtOnce).poll(&mut provider);
    let most = poll.writes.iter().map(|write| write.lines().count()).max();
    assert_eq!(most, Some(256));
    assert!(poll.writes.iter().all(|write| write.len() <= 4096));
}

#[test]
fn a_window_is_bounded_by_octets_and_never_empty() {
    let mut provider = mailbox(10, 3_000_000);
    let mut hub = with(settings, Answers::AtOnce);
    hub.piece_octets = 64 * 1024;
    let poll = hub.poll(&mut provider);
    let first = poll
        .writes
        .iter()
        .find(|write| write.contains("RETR"))
        .unwrap();
    assert_eq!(first, "RETR 1\r\nRETR 2\r\n");
    let commands = poll.commands();
    for number in 1..9 {
        let asked = commands.find(&format!("RETR {}\r\n", number + 2));
        let complete = commands.find(&format!("DELE {number}\r\n"));
        assert!(
            asked < complete,
            "the wire was idle behind message {number}"
        );
    }

    let tiny = || Settings {
        limits: Limits {
            window_octets: 0,
            window_commands: 0,
            ..Limits::default()
        },
        ..settings()
    };
    let poll = with(tiny, Answers::AtOnce).poll(&mut mailbox(10, 1_000));
    assert_eq!(poll.ending, Ending::Complete);
    assert_eq!(poll.summary.removed, 10);
}

#[test]
fn the_end_comes_in_one_write() {
    let mut provider = Provider::with(Fault::None);
    let poll = with(settings, Answers::AtOnce).poll(&mut provider);
    assert_eq!(
        poll.writes[3..],
        [
            "UIDL\r\nLIST\r\n",
            "RETR 1\r\nRETR 2\r\nRETR 3\r\nRETR 4\r\n",
            "DELE 1\r\nDELE 2\r\nDELE 3\r\nDELE 4\r\nQUIT\r\n"
        ]
    );
}

#[test]
fn by_test_finds_a_server_that_does_not_say_it() {
    let mut provider = Provider::with(Fault::None);
    provider.capabilities = vec!["UIDL", "USER"];
    let poll = with(by_test, Answers::AtOnce).poll(&mut provider);
    assert_eq!(poll.ending, Ending::Complete);
    assert!(
        poll.writes
            .contains(&"RETR 1\r\nRETR 2\r\nRETR 3\r\nRETR 4\r\n".to_owned())
    );
    provider = Provider::with(Fault::NoCapa);
    let poll = with(by_test, Answers::AtOnce).poll(&mut provider);
    assert!(
        poll.writes
            .contains(&"RETR 1\r\nRETR 2\r\nRETR 3\r\nRETR 4\r\n".to_owned())
    );
}

#[test]
fn by_test_finds_a_server_that_forgets_commands_before_a_message_is_touched() {
    let mut provider = Provider::with(Fault::ForgetsPipelined);
    provider.capabilities = vec!["UIDL", "USER"];
    let poll = with(by_test, Answers::AtOnce).poll(&mut provider);
    assert_eq!((poll.ended - poll.began).as_secs(), 15);
    let Ending::Failed(error) = poll.ending else {
        panic!("{:?}", poll.ending);
    };
    assert_eq!(
        (&error, error.remedy()),
        (&Error::PipeliningFailed, Remedy::LockStep)
    );
    assert_eq!(provider.retrieved, 0);
    let poll = with(off, Answers::AtOnce).poll(&mut provider);
    assert_eq!((poll.ending, poll.summary.removed), (Ending::Complete, 4));
}

#[test]
fn a_server_that_wrongly_says_pipelining_is_told_to_be_polled_in_lock_step() {
    let mut provider = Provider::with(Fault::ForgetsPipelined);
    let poll = with(settings, Answers::AtOnce).poll(&mut provider);
    assert_eq!(poll.ending, Ending::Failed(Error::PipeliningFailed));
    assert_eq!((poll.ended - poll.began).as_secs(), 300);
    assert_eq!(provider.retrieved, 0);
}

#[test]
fn capabilities_are_asked_for_again_where_pipelining_may_show_after_the_log_in() {
    let mut provider = Provider::with(Fault::None);
    provider.capabilities = vec!["UIDL", "USER"];
    let poll = with(settings, Answers::AtOnce).poll(&mut provider);
    assert!(
        poll.commands()
            .contains("PASS secret-office\r\nCAPA\r\nUIDL\r\n")
    );
    let poll = with(off, Answers::AtOnce).poll(&mut provider);
    assert!(poll.commands().contains("PASS secret-office\r\nUIDL\r\n"));
}

#[test]
fn octet_by_octet_the_same_messages_come() {
    for fault in [
        Fault::None,
        Fault::RetrRefused(2),
        Fault::DeleRefused(3),
        Fault::NoUidl,
    ] {
        let mut whole = Hub::new();
        let mut single = Hub {
            piece_octets: 1,
            ..Hub::new()
        };
        let expected = whole.poll(&mut Provider::with(fault));
        let found = single.poll(&mut Provider::with(fault));
        assert_eq!(single.stored, whole.stored);
        assert_eq!(found.summary, expected.summary);
        assert_eq!(found.reports, expected.reports);
    }
}
