//! Every dialogue file that a hub can hold over a socket. Their settings are
//! described where the pure machines run them: `src/smtp/tests.rs` and
//! `src/pop3/tests/dialogues.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::dialogue::{Dialogue, Event, dialogues, fits};
use crate::hub::{Hub, Office, at_once, ca};
use crate::mail::{behind_trace, greet, id_of, send_in};
use crate::talk::Talk;

/// Limits of a session are no settings; a dialogue that ends at one that it
/// sets itself is for the machine alone.
const SKIP_LIMIT: &str = "has a limit that is no setting of a hub";
const SKIP_MACHINE: &str = "needs a fault, users or sizes that only the machine has";

#[test]
fn smtp_dialogues_are_held_over_a_socket() {
    let mut by_hub: BTreeMap<Vec<(String, String)>, Vec<Dialogue>> = BTreeMap::new();
    let mut skipped = Vec::new();
    for dialogue in dialogues("smtp") {
        let closes = dialogue
            .events
            .iter()
            .any(|(_, what)| *what == Event::Close);
        if dialogue.setting("limit").is_some() && closes {
            skipped.push((dialogue.name, SKIP_LIMIT));
        } else {
            by_hub
                .entry(smtp_hub_of(&dialogue))
                .or_default()
                .push(dialogue);
        }
    }
    report("SMTP", by_hub.values().map(Vec::len).sum(), &skipped);
    at_once(by_hub, |(settings, dialogues)| {
        let office = smtp_office(&settings);
        let hub = office.serve();
        // Takes the place of an address that has just gone.
        office.good(&["alias", "remove", "gone"]);
        for dialogue in dialogues {
            let listener = match dialogue.setting("tls") {
                Some("implicit") => "smtps",
                _ => "smtp",
            };
            let replies = hold(&dialogue, &office, &hub, listener);
            check_kept(&office, &dialogue, &replies);
        }
    });
}

#[test]
fn pop3_dialogues_are_held_over_a_socket() {
    let mut skipped = Vec::new();
    let mut held = Vec::new();
    for dialogue in dialogues("pop3") {
        // The handshake behind STLS is no hindrance here.
        if dialogue.setting("only").is_some() && dialogue.name != "stls" {
            skipped.push((dialogue.name, SKIP_MACHINE));
        } else if dialogue.setting("limit").is_some() {
            skipped.push((dialogue.name, SKIP_LIMIT));
        } else {
            held.push(dialogue);
        }
    }
    report("POP3", held.len(), &skipped);
    // Wrong passwords are answered late, so they wait beside each other.
    let held = Mutex::new(held);
    let next = || held.lock().unwrap().pop();
    at_once(0..8, |_| {
        while let Some(dialogue) = next() {
            hold_pop3(&dialogue);
        }
    });
}

fn report(protocol: &str, held: usize, skipped: &[(String, &str)]) {
    println!(
        "{protocol}: {held} dialogues held, {} skipped",
        skipped.len()
    );
    for (name, why) in skipped {
        println!("  skipped {name}: {why}");
    }
    assert!(held > 2 * skipped.len(), "too many are skipped");
}

/// The settings that make a difference to a hub's files.
fn smtp_hub_of(dialogue: &Dialogue) -> Vec<(String, String)> {
    let of_files = |name: &str| !matches!(name, "expect-mail" | "limit");
    let mut settings = dialogue.settings.clone();
    settings.retain(|(name, _)| of_files(name));
    // As many errors as a stranger may not make: from the provider.
    let many_errors = dialogue.setting("limit") == Some("errors 100");
    if many_errors && dialogue.setting("peer").is_none() {
        settings.push(("peer".to_string(), "provider".to_string()));
    }
    settings
}

fn smtp_office(settings: &[(String, String)]) -> Office {
    let office = Office::new();
    office.edit(
        "directory.toml",
        "[users.bob]\n",
        "[users.bob]\naddresses = [\"jürgen\"]\n",
    );
    office.good(&["alias", "set", "sales", "anna", "bob"]);
    office.good(&["alias", "set", "gone", "anna"]);
    office.set("routing", "reject = [\"closed\"]");
    let setting = |wanted: &str| {
        let found = settings.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    };
    if setting("peer") != Some("lan") {
        office.be_in_the_world();
    }
    if setting("peer") == Some("provider") {
        office.set("smtp", "accept_from = [\"127.0.0.0/8\"]");
    }
    if setting("tls").is_none() {
        office.without_tls();
    }
    if let Some(octets) = setting("max-message-size") {
        office.set("smtp", &format!("max_message_size = \"{octets} B\""));
    }
    if let Some(number) = setting("max-recipients") {
        office.set("smtp", &format!("max_recipients = {number}"));
    }
    office
}

/// What was acknowledged is kept as expected: whole, and for whom.
fn check_kept(office: &Office, dialogue: &Dialogue, replies: &[String]) {
    let acknowledged = replies
        .iter()
        .filter(|line| line.starts_with("250 2.0.0 kept as "));
    let kept: Vec<(BTreeSet<String>, String)> = acknowledged
        .map(|line| {
            let id = id_of(line);
            let story = office.good(&["why", &id]);
            let addresses = story
                .lines()
                .filter_map(|line| line.strip_prefix("sent to"));
            let shown = office.octets(&["mail", "show", &id]);
            let content = behind_trace(&shown).escape_ascii().to_string();
            (addresses.map(local_part).collect(), content)
        })
        .collect();
    let expected = dialogue
        .settings
        .iter()
        .filter(|(name, _)| name == "expect-mail");
    let expected: Vec<(BTreeSet<String>, String)> = expected
        .map(|(_, mail)| {
            let (names, content) = mail.split_once(' ').unwrap_or((mail, ""));
            (
                names.split(',').map(local_part).collect(),
                content.to_string(),
            )
        })
        .collect();
    assert_eq!(kept, expected, "{}", dialogue.name);
}

fn local_part(address: &str) -> String {
    let address = address.trim().to_lowercase();
    address.split('@').next().unwrap().to_string()
}

fn hold_pop3(dialogue: &Dialogue) {
    let office = Office::new();
    if dialogue.setting("peer") == Some("world") {
        office.be_in_the_world();
    }
    let hub = office.serve();
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    for number in 1..=4 {
        send_in(&mut smtp, &["anna@example.com"], &sample(number));
    }
    let listener = match dialogue.setting("tls") {
        Some("on") => "pop3s",
        _ => "pop3",
    };
    hold(dialogue, &office, &hub, listener);
}

fn sample(number: usize) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues/pop3/maildrop");
    fs::read(folder.join(format!("{number}.eml"))).unwrap()
}

/// Holds the dialogue; what the server said.
fn hold(dialogue: &Dialogue, office: &Office, hub: &Hub, listener: &str) -> Vec<String> {
    let (address, ca): (_, PathBuf) = (hub.address(listener), ca(office));
    let mut talk = Talk::connect(address);
    if listener.ends_with('s') {
        talk = talk.start_tls(&ca);
    }
    let mut said = Vec::new();
    let mut write = Vec::new();
    let mut sent = Vec::new();
    let mut skipping = false;
    let mut closed = false;
    for (number, event) in &dialogue.events {
        let place = format!("{}.dialogue:{number}", dialogue.name);
        if let Event::Send(octets) = event {
            write.extend_from_slice(octets);
            continue;
        }
        if !write.is_empty() {
            talk.send(&write);
            sent = std::mem::take(&mut write);
        }
        match event {
            Event::Send(_) => {}
            Event::Skip => skipping = true,
            Event::Expect(pattern) => loop {
                let line = talk.line();
                let line = line.unwrap_or_else(|| panic!("{place}: closed, expected {pattern}"));
                let found = fits(pattern, &line);
                assert!(
                    found || skipping,
                    "{place}: expected {pattern}, said {line}"
                );
                let begins_tls = begins_tls(&sent, &line);
                said.push(line);
                if begins_tls {
                    talk = talk.start_tls(&ca);
                }
                if found {
                    skipping = false;
                    break;
                }
            },
            Event::Close => {
                assert_eq!(talk.line(), None, "{place}: still open");
                closed = true;
            }
        }
    }
    talk.send(&write);
    if !closed && !skipping {
        talk.expect_quiet(&dialogue.name);
    }
    said
}

/// Whether this line agrees to the handshake that was asked for just now.
fn begins_tls(sent: &[u8], line: &str) -> bool {
    let asked = |command: &[u8]| sent.eq_ignore_ascii_case(command);
    (asked(b"STARTTLS\r\n") && line.starts_with("220 "))
        || (asked(b"STLS\r\n") && line.starts_with("+OK"))
}
