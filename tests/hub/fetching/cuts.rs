//! A session that breaks off at every step of five messages, or whose hub is
//! killed. In the end each message is there once.

use std::thread;

use super::{any_poll, assert_delivered, letter, office, poll, received, shown_to, unclaimed};
use crate::hub::{Hub, Office, eventually};
use crate::mail::waiting;
use crate::provider::{Fault, Provider};

/// What each round brings: five messages that no other round has, of the same
/// lengths in each.
type Round = fn(usize) -> Vec<Vec<u8>>;

/// Three for Anna and two for Bob.
fn round(number: usize) -> Vec<Vec<u8>> {
    let users = ["anna", "bob", "anna", "bob", "anna"];
    let letters = users.iter().enumerate();
    letters
        .map(|(at, user)| letter(user, &format!("r{number:03}-{at}")))
        .collect()
}

/// Where to cut: before each command, and around the end of each answer, as a
/// session that nothing befalls shows them.
fn cuts(provider: &Provider, office: &Office, round: Round) -> Vec<Fault> {
    for octets in round(0) {
        provider.put(octets);
    }
    poll(office);
    let whole = provider.last();
    let mut octets = vec![0, 1, 10];
    let mut begin = 0;
    for end in whole.answers_end {
        octets.extend([(begin + end) / 2, end - 1, end]);
        begin = end;
    }
    octets.retain(|&at| at <= whole.octets_sent);
    octets.sort_unstable();
    octets.dedup();
    let before = (0..whole.commands.len()).map(Fault::CutBefore);
    before
        .chain(octets.into_iter().map(Fault::CutAfter))
        .collect()
}

/// Cuts everywhere, each time with new messages, and polls again after it.
/// `counts`: what one round brings to Anna and Bob.
fn cut_all(
    faults: &[Fault],
    settings: &[(&str, &str)],
    round: Round,
    counts: [usize; 2],
) -> (Office, Hub, usize) {
    let provider = Provider::new();
    let all_time = || {
        for fault in faults {
            provider.fault(fault.clone());
        }
    };
    all_time();
    let office = office(&provider, settings);
    // Who is told of the unclaimed gets no mail that is counted.
    office.add_user("carol");
    office.good(&["alias", "set", "postmaster", "carol"]);
    let hub = office.serve();
    let cuts = cuts(&provider, &office, round);
    assert!(cuts.len() > 40, "{}", cuts.len());
    for (number, cut) in cuts.iter().enumerate() {
        // What stayed there is somebody else's to remove.
        provider.mailbox().messages.clear();
        for octets in round(number + 1) {
            provider.put(octets);
        }
        provider.fault(cut.clone());
        any_poll(&office);
        provider.mend();
        all_time();
        poll(&office);
        let found = ["anna", "bob"].map(|user| waiting(&hub, user));
        assert_eq!(found, counts.map(|it| it * (number + 2)), "{cut:?}");
    }
    (office, hub, cuts.len() + 1)
}

fn cut_everywhere(faults: &[Fault], settings: &[(&str, &str)]) {
    let (office, hub, rounds) = cut_all(faults, settings, round, [3, 2]);
    let sent: Vec<_> = (0..rounds).flat_map(round).collect();
    assert_delivered(&office, &hub, &sent);
}

/// Copies of one message for both, with a blind one among them, and two others.
fn round_of_copies(number: usize) -> Vec<Vec<u8>> {
    let body = shown_to(
        "anna@example.com, bob@example.com",
        &format!("r{number:03}-c"),
    );
    let copy = |place: usize| {
        let line = received("provider").replace("id 1;", &format!("id {place};"));
        [line.as_bytes(), &body].concat()
    };
    let other = |user: &str| shown_to(user, &format!("r{number:03}-{user:.1}"));
    let (annas, bobs) = (other("anna@example.com"), other("bob@example.com"));
    vec![copy(1), annas, copy(2), bobs, copy(3)]
}

/// A copy that was counted and then fetched anew would count twice.
fn cut_everywhere_in_copies(faults: &[Fault], settings: &[(&str, &str)]) {
    let settings = [settings, &[("mode", "\"guess\"")]].concat();
    let (office, _hub, rounds) = cut_all(faults, &settings, round_of_copies, [2, 2]);
    assert_eq!(unclaimed(&office).len(), rounds, "one blind copy a round");
}

#[test]
fn cut_anywhere_in_a_window() {
    cut_everywhere(&[], &[]);
}

#[test]
fn cut_anywhere_in_lock_step() {
    cut_everywhere(&[], &[("pipelining", "\"off\"")]);
}

#[test]
fn cut_anywhere_where_mail_stays() {
    cut_everywhere(&[], &[("leave_on_server", "\"7 days\"")]);
}

#[test]
fn cut_anywhere_without_uidl() {
    cut_everywhere(&[Fault::Lacks("UIDL")], &[]);
}

#[test]
fn cut_anywhere_where_removal_needs_no_quit() {
    cut_everywhere(&[Fault::RemovesWithoutQuit], &[]);
}

#[test]
fn cut_anywhere_in_lock_step_without_uidl() {
    let faults = [Fault::Lacks("UIDL"), Fault::RemovesWithoutQuit];
    cut_everywhere(&faults, &[("pipelining", "\"off\"")]);
}

#[test]
fn cut_anywhere_where_the_server_renumbers() {
    cut_everywhere(&[Fault::Renumbers], &[("leave_on_server", "\"7 days\"")]);
}

#[test]
fn cut_anywhere_in_copies() {
    cut_everywhere_in_copies(&[], &[]);
}

#[test]
fn cut_anywhere_in_copies_without_uidl() {
    cut_everywhere_in_copies(&[Fault::Lacks("UIDL")], &[("pipelining", "\"off\"")]);
}

#[test]
fn killed_anywhere_in_a_window() {
    let provider = Provider::new();
    let office = office(&provider, &[]);
    let mut sent = Vec::new();
    for (number, retrieved) in [0, 1, 5, 20, 60, 99, 100].into_iter().enumerate() {
        let letters: Vec<_> = (0..20).flat_map(|it| round(20 * number + it)).collect();
        for octets in &letters {
            provider.put(octets);
        }
        sent.extend(letters);
        let before = provider.count("RETR");
        let mut hub = office.serve();
        thread::scope(|scope| {
            let fetching = scope.spawn(|| office.run(&["fetch"]));
            eventually("so many come", || {
                provider.count("RETR") >= before + retrieved
            });
            hub.kill();
            fetching.join().unwrap();
        });
        poll(&office);
        assert_eq!(provider.held(), 0);
    }
    assert_delivered(&office, &office.serve(), &sent);
}
