//! The 64 labelled cases of real mail in ../shared/mail/routing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use postroom::mail::HeaderBlock;
use postroom::route::multidrop::{Account, Advice, Copies, Survey};
use serde_json::Value;

use crate::office::{account, deliver, directory, shared_mail};

struct Case {
    id: String,
    profile: String,
    copies: Vec<Vec<u8>>,
    expected: String,
    tolerated: String,
}

fn cases(folder: &Path) -> Vec<Case> {
    let labels = fs::read_to_string(folder.join("labels.tsv")).unwrap();
    let mailboxes = |list: &str| {
        let mut names: Vec<&str> = list.split(',').filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.join(" ")
    };
    let case = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let read = |file| fs::read(folder.join("messages").join(file)).unwrap();
        Case {
            id: columns[0].to_string(),
            profile: columns[2].to_string(),
            copies: columns[3].split(',').map(read).collect(),
            expected: mailboxes(columns[5]),
            tolerated: mailboxes(columns[6]),
        }
    };
    labels.lines().skip(1).map(case).collect()
}

/// The settings for a provider of these habits. One that writes the recipient
/// into its Received line, but not always, is one to guess by trusted hosts.
fn settings(profile: &Value) -> Account {
    let hosts: Vec<&str> = profile["received_by"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| host.as_str().unwrap())
        .collect();
    let copies = match profile["copies"].as_str().unwrap() {
        "per-recipient" => Copies::PerRecipient,
        _ => Copies::PerMessage,
    };
    let mode = match profile["envelope_header"].as_str() {
        Some(header) => format!("envelope {header} {}", profile["prefix"].as_str().unwrap()),
        None => "guess".to_string(),
    };
    account(&mode, &hosts, copies)
}

/// What each case leads to, with the settings that `adapt` makes of its own.
fn run(adapt: impl Fn(&Case, Account) -> Account) -> Option<Vec<(Case, String)>> {
    let folder = shared_mail()?.join("routing");
    let text = fs::read_to_string(folder.join("profiles.json")).unwrap();
    let profiles: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
    let directory = directory();
    let results = cases(&folder).into_iter().map(|case| {
        let account = adapt(&case, settings(&profiles[&case.profile]));
        let got = deliver(&account, &directory, &case.copies);
        (case, got)
    });
    Some(results.collect())
}

/// Unclaimed mail may be held once or once for each copy.
fn once(got: &str) -> String {
    got.replace("unclaimed*2", "unclaimed")
}

#[test]
fn every_labelled_case_is_right() {
    let Some(results) = run(|_, account| account) else {
        return;
    };
    assert_eq!(results.len(), 64);
    let wrong = results.iter().filter(|(case, got)| {
        let got = once(got);
        got != case.expected && (case.tolerated.is_empty() || got != case.tolerated)
    });
    let wrong: Vec<String> = wrong
        .map(|(case, got)| format!("{}: {got}, expected {}", case.id, case.expected))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Mode `envelope` on Received lines never falls back to To and Cc: the one
/// case that needs it (the provider left `for` out) is held, not guessed.
#[test]
fn envelope_on_received_lines_is_right_or_unclaimed() {
    let hosts = ["dogma.slashnull.org", "store3.pop.isp.example"];
    let adapt = |case: &Case, own: Account| match case.profile.as_str() {
        "received-for" => account("envelope Received", &hosts, Copies::PerRecipient),
        _ => own,
    };
    let Some(results) = run(adapt) else { return };
    let other = results
        .iter()
        .filter(|(case, got)| once(got) != case.expected);
    let other: Vec<String> = other
        .map(|(case, got)| format!("{} {got}", case.id))
        .collect();
    // c035, i028: tolerated. c024: the provider wrote no `for`.
    assert_eq!(
        other,
        ["c024 unclaimed", "c035 unclaimed", "i028 unclaimed"]
    );
}

/// The gravest fault is a wrong mailbox: no mode may lead there, even with
/// settings that do not fit the provider.
#[test]
fn wrong_settings_hold_mail_but_do_not_misdeliver_it() {
    for mode in [
        "envelope X-Envelope-To",
        "envelope Envelope-To",
        "envelope Delivered-To",
        "envelope X-Original-To",
        "envelope Received",
        "envelope X-Unheard-Of",
    ] {
        let adapt = |_: &Case, own: Account| Account {
            mode: account(mode, &[], Copies::PerMessage).mode,
            ..own
        };
        let Some(results) = run(adapt) else { return };
        for (case, got) in results {
            let allowed = format!("{} {} unclaimed", case.expected, case.tolerated);
            let allowed: Vec<&str> = allowed.split_whitespace().collect();
            // A wrong prefix makes an address nobody's, which is the catch-all's.
            let prefixed = case.profile.ends_with("-prefix");
            for mailbox in got.split_whitespace() {
                let mailbox = mailbox.split('*').next().unwrap();
                let right = allowed.contains(&mailbox) || (prefixed && mailbox == "reception");
                assert!(right, "{} with {mode}: {got}", case.id);
            }
        }
    }
}

/// The survey sees only the messages of a profile, not its settings.
fn advise(profile: &str) -> Option<Advice> {
    let folder = shared_mail()?.join("routing");
    let directory = directory();
    let mut survey = Survey::new(&directory, "post.example.com", "pop.isp.example");
    // The two in which the provider left its header out, or empty.
    let exceptions = ["i016", "i028"];
    let of_profile = |case: &Case| case.profile == profile && !exceptions.contains(&&*case.id);
    for case in cases(&folder).into_iter().filter(of_profile) {
        for copy in &case.copies {
            survey.add(HeaderBlock::read(copy));
        }
    }
    survey.advise()
}

#[test]
fn the_survey_finds_the_settings_of_each_profile() {
    for (profile, expected) in [
        ("x-envelope-to", "envelope_header = \"X-Envelope-To\""),
        ("envelope-to", "envelope_header = \"Envelope-To\""),
        ("x-original-to", "envelope_header = \"X-Original-To\""),
        ("x-rcpt-to", "envelope_header = \"X-RCPT-TO\""),
        ("delivered-to", "envelope_header = \"Delivered-To\""),
        (
            "qmail-prefix",
            "envelope_header = \"Delivered-To\"\nenvelope_prefix = \"customer42-\"",
        ),
        (
            "mbox-prefix",
            "envelope_header = \"Delivered-To\"\nenvelope_prefix = \"mbox-example-\"",
        ),
        ("none", "mode = \"guess\""),
        ("none-per-recipient", "mode = \"guess\""),
    ] {
        let Some(advice) = advise(profile) else {
            return;
        };
        let text = advice.to_string();
        assert!(text.contains(expected), "{profile}: {advice:#?}\n{text}");
    }
}
