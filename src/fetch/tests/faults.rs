//! Servers that are wrong, each named by its fault: nothing is lost, and
//! nothing comes twice.

use super::hub::{Answers, Hub, settings};
use super::provider::{Fault, Message, Provider};
use crate::fetch::{
    Awaited, Ending, Error, Pipelining, Remedy, Settings, Stranger, WithoutUniqueIds,
};

/// Polls a provider with a fault until the mailbox is empty, at most three
/// times: each message must have come once.
fn everything_once(mut hub: Hub, mut provider: Provider) {
    let mut expected: Vec<Vec<u8>> = provider
        .messages
        .iter()
        .map(|it| it.octets.clone())
        .collect();
    let fault = provider.fault;
    for _ in 0..3 {
        hub.poll(&mut provider);
        provider.fault = Fault::None;
    }
    assert!(provider.messages.is_empty(), "{fault:?}");
    hub.stored.sort();
    expected.sort();
    assert_eq!(hub.stored, expected, "{fault:?}");
}

fn failed(ending: Ending) -> Error {
    match ending {
        Ending::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

fn lock_step() -> Settings {
    Settings {
        pipelining: Pipelining::Off,
        ..settings()
    }
}

#[test]
fn cut_after_every_octet() {
    for settings in [settings, lock_step] {
        for answers in [Answers::AtOnce, Answers::Late] {
            let mut octets = 0;
            loop {
                let hub = Hub {
                    answers,
                    settings,
                    ..Hub::new()
                };
                let provider = Provider::with(Fault::CutAfter(octets));
                let mut probe = Hub {
                    settings,
                    ..Hub::new()
                };
                let ending = probe
                    .poll(&mut Provider::with(Fault::CutAfter(octets)))
                    .ending;
                everything_once(hub, provider);
                octets += 1;
                if ending == Ending::Complete {
                    break;
                }
            }
            assert!(octets > 300, "only {octets} octets");
        }
    }
}

#[test]
fn cut_within_a_message_calls_its_content_back() {
    let mut seen = 0;
    for octets in 0..600 {
        let mut provider = Provider::with(Fault::CutAfter(octets));
        let poll = Hub::new().poll(&mut provider);
        seen += usize::from(poll.reports.iter().any(|it| it.starts_with("discarded ")));
        if let Ending::Failed(error) = &poll.ending {
            assert!(matches!(error, Error::ConnectionClosed { .. }), "{error:?}");
            assert_eq!(provider.messages.len(), 4, "removed without QUIT");
        }
    }
    assert!(seen > 50);
}

#[test]
fn stall_at_every_octet() {
    for octets in 0..500 {
        let provider = Provider::with(Fault::StallAfter(octets));
        everything_once(Hub::new(), provider);
    }
    let poll = Hub::new().poll(&mut Provider::with(Fault::StallAfter(0)));
    assert_eq!((poll.ended - poll.began).as_secs(), 60);
    assert!(matches!(failed(poll.ending), Error::NoGreeting { .. }));
    let poll = Hub::new().poll(&mut Provider::with(Fault::StallAfter(60)));
    assert_eq!((poll.ended - poll.began).as_secs(), 300);
    let text = failed(poll.ending).to_string();
    assert!(
        text.contains("its answer to CAPA did not come in time"),
        "{text}"
    );
}

#[test]
fn no_uidl() {
    everything_once(Hub::new(), Provider::with(Fault::NoUidl));
    let mut provider = Provider::with(Fault::NoUidl);
    let poll = Hub::new().poll(&mut provider);
    assert_eq!(poll.summary.removed, 4, "all in one session");
}

#[test]
fn no_uidl_and_leave_on_server() {
    let mut hub = Hub {
        settings: || Settings {
            without_unique_ids: WithoutUniqueIds::Refuse,
            ..settings()
        },
        ..Hub::new()
    };
    let mut provider = Provider::with(Fault::NoUidl);
    let poll = hub.poll(&mut provider);
    assert!(poll.commands().ends_with("QUIT\r\n"));
    assert_eq!(failed(poll.ending), Error::UidlNeeded);
    assert_eq!(provider.retrieved, 0);
    provider.messages.clear();
    assert_eq!(
        hub.poll(&mut provider).ending,
        Ending::Complete,
        "empty: nothing to say"
    );
}

#[test]
fn uidl_refused_by_a_server_that_has_it() {
    let mut provider = Provider::with(Fault::UidlBroken);
    let error = failed(Hub::new().poll(&mut provider).ending);
    assert!(matches!(error, Error::ListingRefused(_)), "{error:?}");
    assert_eq!(
        provider.retrieved, 0,
        "a fault of the moment is no reason to fetch all"
    );
}

#[test]
fn no_top() {
    let mut hub = Hub {
        dry_run: true,
        ..Hub::new()
    };
    let mut provider = Provider::with(Fault::NoTop);
    let poll = hub.poll(&mut provider);
    assert_eq!(
        poll.reports,
        ["refused 1", "refused 2", "refused 3", "refused 4"]
    );
    assert_eq!((poll.ending, provider.retrieved), (Ending::Complete, 0));
}

#[test]
fn no_capa() {
    let mut provider = Provider::with(Fault::NoCapa);
    let poll = Hub::new().poll(&mut provider);
    assert!(
        poll.commands()
            .starts_with("CAPA\r\nUSER office\r\nPASS secret-office\r\nUIDL\r\n")
    );
    assert!(
        poll.writes.iter().all(|write| write.lines().count() == 1),
        "lock-step"
    );
    everything_once(Hub::new(), Provider::with(Fault::NoCapa));
}

#[test]
fn no_sizes_and_wrong_sizes_in_list() {
    everything_once(Hub::new(), Provider::with(Fault::NoSizes));
    everything_once(Hub::new(), Provider::with(Fault::WrongSizes));
}

#[test]
fn a_message_that_grows() {
    let mut provider = Provider::with(Fault::Grows(1));
    let mut hub = Hub::new();
    let poll = hub.poll(&mut provider);
    assert_eq!(poll.ending, Ending::Complete);
    assert_eq!(
        hub.stored[0],
        b"Subject: one\r\n\r\nText.\r\nSubject: one\r\n\r\nText.\r\n"
    );
}

#[test]
fn garbage_greeting() {
    let mut provider = Provider::with(Fault::GarbageGreeting);
    let poll = Hub::new().poll(&mut provider);
    assert!(poll.writes.is_empty(), "nothing is said to a stranger");
    let error = failed(poll.ending);
    let smtp = |error: &Error| {
        matches!(
            error,
            Error::NotPop3 {
                stranger: Stranger::Smtp,
                ..
            }
        )
    };
    assert!(smtp(&error), "{error:?}");
    assert_eq!(error.remedy(), Remedy::Administrator);
}

#[test]
fn retr_refused_in_the_middle_of_a_window() {
    for number in 1..=4 {
        let mut provider = Provider::with(Fault::RetrRefused(number));
        let mut hub = Hub::new();
        let poll = hub.poll(&mut provider);
        assert_eq!(poll.reports, [format!("refused {number}")]);
        assert_eq!((poll.ending, hub.stored.len()), (Ending::Complete, 3));
        assert_eq!(provider.messages.len(), 1);
        assert_eq!(
            provider.messages[0].unique_id,
            format!("unique-{}", number - 1)
        );
        everything_once(Hub::new(), Provider::with(Fault::RetrRefused(number)));
    }
}

#[test]
fn dele_refused() {
    for number in 1..=4 {
        let mut provider = Provider::with(Fault::DeleRefused(number));
        let poll = Hub::new().poll(&mut provider);
        assert_eq!(poll.reports, [format!("not removed {number}")]);
        assert_eq!(
            (poll.ending, provider.messages.len()),
            (Ending::Complete, 1)
        );
        assert_eq!(
            (poll.summary.removed, poll.summary.removals_refused),
            (3, 1)
        );
        everything_once(Hub::new(), Provider::with(Fault::DeleRefused(number)));
    }
}

#[test]
fn junk_instead_of_an_answer() {
    let mut provider = Provider::with(Fault::JunkAtDele(2));
    let poll = Hub::new().poll(&mut provider);
    let error = failed(poll.ending);
    let Error::NotAReply { awaited, found } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (*awaited, found.as_str()),
        (Awaited::Removal(2), "Segmentation fault")
    );
    everything_once(Hub::new(), Provider::with(Fault::JunkAtDele(2)));
}

#[test]
fn quit_unanswered() {
    let mut provider = Provider::with(Fault::QuitUnanswered);
    let mut hub = Hub::new();
    let poll = hub.poll(&mut provider);
    assert_eq!(poll.ending, Ending::RemovalUnconfirmed);
    assert_eq!((poll.ended - poll.began).as_secs(), 60);
    let poll = hub.poll(&mut provider);
    assert_eq!(poll.ending, Ending::Complete, "nothing was to be removed");
    everything_once(Hub::new(), Provider::with(Fault::QuitUnanswered));
}

#[test]
fn quit_refused() {
    let poll = Hub::new().poll(&mut Provider::with(Fault::QuitRefused));
    assert!(
        matches!(poll.ending, Ending::RemovalFailed(_)),
        "{:?}",
        poll.ending
    );
    everything_once(Hub::new(), Provider::with(Fault::QuitRefused));
}

#[test]
fn a_listing_out_of_order_and_with_gaps() {
    let mut provider = Provider::with(Fault::ListingWithGaps);
    let poll = Hub::new().poll(&mut provider);
    assert!(
        poll.commands()
            .contains("RETR 2\r\nRETR 4\r\nRETR 6\r\nRETR 8\r\n")
    );
    assert!(provider.messages.is_empty());
    everything_once(Hub::new(), Provider::with(Fault::ListingWithGaps));
}

#[test]
fn a_listing_that_never_ends() {
    let mut provider = Provider::with(Fault::UidlNeverEnded);
    provider.capabilities.retain(|it| *it != "PIPELINING");
    let error = failed(Hub::new().poll(&mut provider).ending);
    let Error::TimedOut { awaited, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(awaited, Awaited::UniqueIds);
}

#[test]
fn duplicate_unique_ids() {
    let mut provider = Provider::with(Fault::None);
    for message in &mut provider.messages[1..] {
        message.unique_id = "unique-0".to_owned();
    }
    everything_once(Hub::new(), provider);
}

#[test]
fn renumbered_messages() {
    let mut provider = Provider::with(Fault::None);
    let mut hub = Hub {
        leave_on_server: true,
        ..Hub::new()
    };
    hub.poll(&mut provider);
    provider.messages.reverse();
    let new = Message {
        unique_id: "new".to_owned(),
        octets: b"Subject: new\r\n\r\n".to_vec(),
    };
    provider.messages.insert(1, new.clone());
    let poll = hub.poll(&mut provider);
    assert!(poll.commands().contains("RETR 2\r\nQUIT\r\n") || poll.summary.retrieved == 1);
    assert_eq!(hub.stored[4..], [new.octets]);
    hub.leave_on_server = false;
    hub.poll(&mut provider);
    assert!(provider.messages.is_empty());
    assert_eq!(hub.stored.len(), 5);
}
