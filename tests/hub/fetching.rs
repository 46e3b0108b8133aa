//! Fetching from a provider, seen from outside: an [`Office`] with accounts at
//! pretended providers, polls by `postroom fetch`, and the mailboxes read over
//! POP3. Each module below has the faults of one kind, each test is named by
//! its fault: nothing is lost, nothing comes twice, nobody gets another's.

mod capabilities;
mod content;
mod cuts;
mod health;
mod identity;
mod limits;
mod listing;
mod removal;
mod running;
mod server;
mod whose;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::hub::{Done, Hub, Office};
use crate::mail::log_in;
use crate::provider::{Provider, Record};

/// Settings of one `[[provider]]`, each a name and a TOML value.
pub type Settings<'a> = &'a [(&'a str, &'a str)];

/// Anna and Bob, and an account in mode `envelope` that leaves nothing at the
/// provider.
fn office(provider: &Provider, settings: Settings) -> Office {
    let office = Office::new();
    add_account(&office, provider, settings);
    office
}

pub fn add_account(office: &Office, provider: &Provider, settings: Settings) {
    let port = provider.port().to_string();
    let hours = format!("\"{} 00:00-24:00\"", a_day_that_is_not_near());
    let mut lines = vec![
        ("name", "\"main\""),
        ("host", "\"127.0.0.1\""),
        ("port", &port),
        ("tls", "\"none\""),
        ("user", "\"office\""),
        ("password", "\"secret\""),
        // Polls come by `postroom fetch` alone.
        ("office_hours", &hours),
        ("leave_on_server", "\"0 days\""),
        ("mode", "\"envelope\""),
        ("envelope_header", "\"X-Envelope-To\""),
        ("trusted_hosts", "[\"provider.example\"]"),
    ];
    for &(name, value) in settings {
        lines.retain(|(known, _)| *known != name);
        if name == "mode" {
            lines.retain(|(known, _)| *known != "envelope_header");
        }
        if !value.is_empty() {
            lines.push((name, value));
        }
    }
    let lines = lines
        .iter()
        .map(|(name, value)| format!("{name} = {value}\n"));
    let block: String = lines.collect();
    let text = office.read("postroom.toml");
    office.write("postroom.toml", &format!("{text}\n[[provider]]\n{block}"));
}

/// Three days away, in whatever time zone.
fn a_day_that_is_not_near() -> &'static str {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // 1970 began on a Thursday.
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    days[(now.as_secs() / 86_400 + 3) as usize % 7]
}

/// A message that the provider took for one user of ours.
pub fn letter(user: &str, subject: &str) -> Vec<u8> {
    let head = format!(
        "X-Envelope-To: {user}@example.com\r\n{}",
        received("provider")
    );
    let mut octets = head.into_bytes();
    octets.extend(shown_to(&format!("{user}@example.com"), subject));
    octets
}

/// A message without anything of the provider's.
fn shown_to(to: &str, subject: &str) -> Vec<u8> {
    format!(
        "Message-ID: <{subject}@elsewhere.example>\r\n\
         Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n\
         From: Kate <kate@elsewhere.example>\r\n\
         To: {to}\r\n\
         Subject: {subject}\r\n\r\n\
         The text of {subject}.\r\n.a dot\r\n"
    )
    .into_bytes()
}

/// The provider's line about a stranger.
fn received(host: &str) -> String {
    format!(
        "Received: from mx.elsewhere.example (mx.elsewhere.example [203.0.113.7])\r\n\
         \tby mx.{host}.example with ESMTP id 1; Sun, 22 Nov 2026 10:00:01 +0000\r\n"
    )
}

/// Five messages, in turn for Anna and Bob.
fn five() -> Vec<Vec<u8>> {
    let users = ["anna", "bob", "anna", "bob", "anna"];
    let subjects = ["one", "two", "three", "four", "five"];
    let letters = users.iter().zip(subjects);
    letters
        .map(|(user, subject)| letter(user, subject))
        .collect()
}

/// A poll that must succeed; what was said.
pub fn poll(office: &Office) -> String {
    let done = office.run(&["fetch"]);
    assert_eq!(done.code, Some(0), "{}", said(&done));
    said(&done)
}

/// A poll that must fail; what was said.
fn bad_poll(office: &Office) -> String {
    let done = office.run(&["fetch"]);
    assert_eq!(done.code, Some(1), "{}", said(&done));
    said(&done)
}

/// A poll that takes longer than commands may; whether it succeeded.
fn long_poll(office: &Office) -> bool {
    let mut process = office.command(&["fetch"]).spawn().unwrap();
    process.wait().unwrap().success()
}

/// A poll that may end in any way but one: it must not crash.
fn any_poll(office: &Office) -> String {
    let done = office.run(&["fetch"]);
    assert!(matches!(done.code, Some(0 | 1)), "{done:?}");
    said(&done)
}

fn said(done: &Done) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.out), done.err)
}

/// What the hub tells the postmaster, who is Anna, of unclaimed mail: when the
/// day's word comes is not this room's affair.
fn is_summary(octets: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&octets[..octets.len().min(400)]).into_owned();
    head.contains("\r\nFrom: postroom <postmaster@") && head.contains("nobody's\r\n")
}

/// All that waits for a user, without such summaries; it stays there.
fn read_all(hub: &Hub, user: &str) -> Vec<Vec<u8>> {
    let mut pop3 = log_in(hub, user);
    let stat = pop3.say("STAT", "+OK *");
    let count: usize = stat.split(' ').nth(1).unwrap().parse().unwrap();
    let retrieved = (1..=count).map(|number| {
        pop3.say(&format!("RETR {number}"), "+OK*");
        pop3.multi_line()
    });
    let messages = retrieved
        .filter(|octets: &Vec<u8>| !is_summary(octets))
        .collect();
    pop3.say("QUIT", "+OK*");
    messages
}

/// The ids of the unclaimed.
fn unclaimed(office: &Office) -> Vec<String> {
    let list = office.good(&["unclaimed", "list"]);
    let ids = list.lines().skip(1);
    let ids = ids.filter_map(|line| line.split(' ').next());
    ids.map(str::to_string).collect()
}

/// Each of the expected is there once, octet by octet behind the hub's trace
/// lines, and nothing else is.
fn assert_same(whose: &str, found: Vec<Vec<u8>>, expected: &[impl AsRef<[u8]>]) {
    let mut missing: Vec<&[u8]> = expected.iter().map(AsRef::as_ref).collect();
    // One message may be the end of another.
    missing.sort_by_key(|octets| std::cmp::Reverse(octets.len()));
    let mut left = found;
    missing.retain(|octets| {
        let place = left.iter().position(|it| it.ends_with(octets));
        place.inspect(|&at| drop(left.remove(at))).is_none()
    });
    let shown =
        |octets: &[u8]| String::from_utf8_lossy(&octets[..octets.len().min(700)]).into_owned();
    let missing: Vec<String> = missing.iter().map(|octets| shown(octets)).collect();
    let left: Vec<String> = left.iter().map(|octets| shown(octets)).collect();
    assert!(
        missing.is_empty() && left.is_empty(),
        "{whose} lacks {missing:#?} and has besides {left:#?}"
    );
}

/// Anna and Bob have what was addressed to them by [`letter`], each message
/// once, and nothing is unclaimed.
fn assert_delivered(office: &Office, hub: &Hub, letters: &[impl AsRef<[u8]>]) {
    for user in ["anna", "bob"] {
        let begins = format!("X-Envelope-To: {user}@example.com\r\n");
        let all = letters.iter().map(AsRef::as_ref);
        let own: Vec<&[u8]> = all
            .filter(|octets| octets.starts_with(begins.as_bytes()))
            .collect();
        assert_same(user, read_all(hub, user), &own);
    }
    assert_eq!(unclaimed(office), [""; 0]);
}

/// Delivered, and nothing left at the provider.
fn assert_moved(office: &Office, hub: &Hub, provider: &Provider, letters: &[impl AsRef<[u8]>]) {
    assert_delivered(office, hub, letters);
    assert_eq!(provider.held(), 0, "left at the provider");
}

/// Whether the client never had two commands on their way.
fn was_lock_step(record: &Record) -> bool {
    record.most_together == 1
}

#[test]
fn mail_is_fetched_with_a_hub_and_without() {
    for hub_runs in [true, false] {
        let provider = Provider::with(five());
        let office = office(&provider, &[]);
        let mut hub = hub_runs.then(|| office.serve());
        poll(&office);
        let hub = hub.take().unwrap_or_else(|| office.serve());
        assert_moved(&office, &hub, &provider, &five());
        assert!(provider.last().quit_answered);
        assert_eq!(provider.sessions(), 1);
        assert_eq!((provider.count("RETR"), provider.count("TOP")), (5, 0));
        poll(&office);
        assert_eq!(provider.count("RETR"), 5);
        assert_moved(&office, &hub, &provider, &five());
    }
}

#[test]
fn mail_that_stays_at_the_provider_is_fetched_once() {
    let provider = Provider::with(five());
    let office = office(&provider, &[("leave_on_server", "\"7 days\"")]);
    poll(&office);
    let mut hub = office.serve();
    poll(&office);
    assert_delivered(&office, &hub, &five());
    assert_eq!(provider.held(), 5);
    provider.put(letter("bob", "six"));
    assert!(hub.stop().success());
    poll(&office);
    let hub = office.serve();
    let letters = [five(), vec![letter("bob", "six")]].concat();
    assert_delivered(&office, &hub, &letters);
    assert_eq!((provider.held(), provider.count("RETR")), (6, 6));
    assert_eq!(provider.count("DELE"), 0);
}
