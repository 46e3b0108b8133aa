//! What a running hub tells of an account: each trouble once, and once that it
//! is over.

use super::{any_poll, bad_poll, five, letter, office, poll};
use crate::hub::{Hub, Office};
use crate::provider::{Fault, Provider};

/// Lines of the log about the account that contain this.
fn told(hub: &Hub, words: &str) -> usize {
    let log = hub.log();
    let lines = log.lines().filter(|line| line.contains("fetch main: "));
    lines.filter(|line| line.contains(words)).count()
}

fn troubles(office: &Office) -> Vec<String> {
    let status = office.status();
    let troubles = status["providers"][0]["troubles"].as_array().unwrap();
    let troubles = troubles.iter().map(|it| it.as_str().unwrap().to_string());
    troubles.collect()
}

#[test]
fn a_password_that_is_wrong() {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    let hub = office.serve();
    provider.fault(Fault::Answers("PASS", "-ERR [AUTH] wrong"));
    for _ in 0..3 {
        bad_poll(&office);
    }
    assert_eq!(told(&hub, "trouble: "), 1, "{}", hub.log());
    assert_eq!(troubles(&office).len(), 1);
    provider.mend();
    poll(&office);
    poll(&office);
    assert_eq!(told(&hub, "over: "), 1, "{}", hub.log());
    assert_eq!(troubles(&office), [""; 0]);
}

#[test]
fn a_fault_that_passes_is_no_trouble() {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    let hub = office.serve();
    provider.fault(Fault::Answers("PASS", "-ERR [IN-USE] busy"));
    bad_poll(&office);
    assert_eq!(told(&hub, "trouble: "), 0, "{}", hub.log());
    hub.wait_for_log("locked");
    provider.mend();
    poll(&office);
    assert_eq!(told(&hub, "over: "), 0, "{}", hub.log());
}

#[test]
fn the_same_message_refused_three_times() {
    let provider = Provider::with(five());
    let office = office(&provider, &[]);
    let hub = office.serve();
    provider.mailbox().messages.swap(0, 2);
    provider.fault(Fault::Answers("RETR 1", "-ERR [SYS/TEMP] damaged"));
    for polls in 1..=5 {
        any_poll(&office);
        let times = usize::from(polls >= 3);
        assert_eq!(told(&hub, "trouble: "), times, "{polls}: {}", hub.log());
    }
    assert!(troubles(&office)[0].contains("damaged"));
    provider.mend();
    poll(&office);
    assert_eq!(told(&hub, "over: "), 1, "{}", hub.log());
    assert_eq!(troubles(&office), [""; 0]);
}

#[test]
fn a_mailbox_that_grows() {
    let provider = Provider::new();
    let settings = [("max_messages_per_poll", "1")];
    let office = office(&provider, &settings);
    let hub = office.serve();
    for round in 0..8 {
        for number in 0..3 {
            provider.put(letter("anna", &format!("g{round}-{number}")));
        }
        poll(&office);
    }
    assert_eq!(told(&hub, "grows"), 1, "{}", hub.log());
    // It is the last line: written in place, the file would look cut off.
    let settings = office.read("postroom.toml");
    office.put(
        "postroom.toml",
        &settings.replace("max_messages_per_poll = 1\n", ""),
    );
    hub.wait_for_log("[INFO] reloaded");
    poll(&office);
    assert_eq!(troubles(&office), [""; 0]);
    assert_eq!(provider.held(), 0);
}
