//! A session that breaks off: at every step of five messages. In the end each
//! message is there once.

use super::{any_poll, assert_delivered, letter, office, poll};
use crate::hub::{Hub, Office};
use crate::provider::{Fault, Provider};

/// Five messages that no other round has, of the same lengths in each.
fn round(number: usize) -> Vec<Vec<u8>> {
    let users = ["anna", "bob", "anna", "bob", "anna"];
    let letters = users.iter().enumerate();
    letters
        .map(|(at, user)| letter(user, &format!("r{number:03}-{at}")))
        .collect()
}

/// Where to cut: before each command, and around the end of each answer, as a
/// session that nothing befalls shows them.
fn cuts(provider: &Provider, office: &Office) -> Vec<Fault> {
    for octets in round(0) {
        provider.put(octets);
    }
    poll(office);
    let whole = provider.last();
    let mut octets = vec![0, 1, 10];
    let mut begin = 0;
    for end in whole.answers_end {
        octets.extend([(begin + end) / 2, end - 1, end, end + 1]);
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
fn cut_everywhere(faults: &[Fault], settings: &[(&str, &str)]) {
    let provider = Provider::new();
    let all_time = || {
        faults
            .iter()
            .for_each(|fault| provider.fault(fault.clone()))
    };
    all_time();
    let office = office(&provider, settings);
    let hub = office.serve();
    let cuts = cuts(&provider, &office);
    assert!(cuts.len() > 50, "{}", cuts.len());
    let mut sent = round(0);
    for (number, cut) in cuts.iter().enumerate() {
        // What stayed there is somebody else's to remove.
        provider.mailbox().messages.clear();
        let letters = round(number + 1);
        for octets in &letters {
            provider.put(octets);
        }
        provider.fault(cut.clone());
        any_poll(&office);
        provider.mend();
        all_time();
        poll(&office);
        check_round(&office, &hub, cut, &letters);
        sent.extend(letters);
    }
    println!("{} cuts", cuts.len());
    assert_delivered(&office, &hub, &sent);
}

/// Cheaper than to read all mail after each cut.
fn check_round(office: &Office, _hub: &Hub, cut: &Fault, letters: &[Vec<u8>]) {
    let list = ["anna", "bob"].map(|user| office.good(&["mail", "list", user]));
    for octets in letters {
        let text = String::from_utf8_lossy(octets);
        let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
        let subject = subject.unwrap();
        let times: usize = list.iter().map(|text| text.matches(subject).count()).sum();
        assert_eq!(times, 1, "{cut:?}: {subject} in {list:?}");
    }
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
