//! The machine against dialogue files, streams of commands, and the clock.
//!
//! The driver here pretends a directory: anna and bob at example.com, the alias
//! sales, `gone` that has just left it and `closed` that takes no mail. What it
//! stores is compared with the dialogue's settings:
//! `@ expect-mail RECIPIENT,RECIPIENT CONTENT`, content escaped as Rust does.

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::dialogue::{Dialogue, Event, dialogues, fits};
use crate::mail::{Domain, QueueId, Recipient};
use crate::store::Receipt;

mod relay;
mod smuggling;
mod streams;
mod waits;

/// A session, what it said, and what was stored.
struct Office {
    session: Session,
    now: Instant,
    said: Vec<u8>,
    content: Vec<u8>,
    stored: Vec<String>,
    ending: Option<Ending>,
}

impl Office {
    fn new(settings: Settings, limits: Limits, trust: Trust, tls: Option<String>) -> Office {
        let now = Instant::now();
        Office {
            session: Session::new(Arc::new(settings), limits, trust, tls, now),
            now,
            said: Vec::new(),
            content: Vec::new(),
            stored: Vec::new(),
            ending: None,
        }
    }

    fn open(trust: Trust) -> Office {
        let mut office = Office::new(settings(), Limits::of(trust), trust, None);
        office.pump();
        office.said.clear();
        office
    }

    /// Sends and returns what is answered.
    fn talk(&mut self, octets: impl AsRef<[u8]>) -> String {
        self.feed(octets.as_ref(), &mut || usize::MAX);
        String::from_utf8(std::mem::take(&mut self.said)).unwrap()
    }

    /// Hands in octets in pieces. What comes between STARTTLS and the handshake
    /// is in the clear.
    fn feed(&mut self, octets: &[u8], piece_octets: &mut impl FnMut() -> usize) {
        let mut rest = octets;
        while !rest.is_empty() && self.ending.is_none() {
            let (piece, after) = rest.split_at(piece_octets().min(rest.len()));
            rest = after;
            self.session.receive(piece);
            if self.pump() {
                self.session.receive(rest);
                self.session
                    .tls_started("TLSv1.3 TLS_AES_256_GCM_SHA384".to_string());
                self.pump();
                return;
            }
        }
    }

    /// Follows the steps until input is needed; true at STARTTLS.
    fn pump(&mut self) -> bool {
        loop {
            let session = &mut self.session;
            match session.next(self.now) {
                Step::NeedInput { .. } => return false,
                Step::Send(replies) => self.said.extend_from_slice(replies),
                Step::StartTls => return true,
                Step::SenderNamed { .. } => session.accept_sender(),
                Step::RecipientNamed(recipient) => match judge(recipient) {
                    Ok(()) => session.accept_recipient(),
                    Err(refusal) => session.refuse_recipient(refusal),
                },
                Step::ContentRequested => session.accept_content(),
                Step::Content(piece) => self.content.extend_from_slice(piece),
                Step::ContentComplete => {
                    let recipients = &session.envelope().unwrap().recipients;
                    let names: Vec<String> = recipients.iter().map(name_of).collect();
                    let content = self.content.escape_ascii();
                    let mail = format!("{} {content}", names.join(","));
                    self.stored.push(mail.trim().to_string());
                    self.content.clear();
                    let id = QueueId::from_u64(self.stored.len() as u64);
                    session.stored(&Receipt::for_test(id));
                }
                Step::ContentDiscarded(_) => self.content.clear(),
                Step::Close(ending) => {
                    self.ending = Some(ending);
                    return false;
                }
            }
        }
    }
}

fn name_of(recipient: &Recipient) -> String {
    match recipient {
        Recipient::Postmaster => "postmaster".to_string(),
        Recipient::Address(address) => address.local_part.to_string(),
    }
}

fn judge(recipient: &Recipient) -> Result<(), Refusal> {
    let Recipient::Address(address) = recipient else {
        return Ok(());
    };
    let ours = Domain::parse("example.com").unwrap();
    if address.domain != ours {
        return Err(Refusal::foreign_domain(&[ours]));
    }
    match address.local_part.folded().as_str() {
        "anna" | "bob" | "sales" | "postmaster" | "jürgen" => Ok(()),
        "gone" => Err(Refusal::recently_gone(recipient)),
        "closed" => Err(Refusal::address_closed(recipient)),
        _ => Err(Refusal::user_unknown(recipient)),
    }
}

fn settings() -> Settings {
    Settings {
        hostname: "post.example.com".to_string(),
        max_message_size: 50_000_000,
        max_recipients: 1000,
        starttls: false,
    }
}

fn office_for(dialogue: &Dialogue) -> Office {
    let trust = match dialogue.setting("peer") {
        None | Some("world") => Trust::World,
        Some("lan") => Trust::Lan,
        Some("provider") => Trust::Provider,
        Some(other) => panic!("{}: no such peer: {other}", dialogue.name),
    };
    let mut settings = settings();
    let mut limits = Limits::of(trust);
    let mut tls = None;
    for (name, value) in &dialogue.settings {
        match (name.as_str(), value.as_str()) {
            ("tls", "on") => settings.starttls = true,
            ("tls", "implicit") => {
                settings.starttls = true;
                tls = Some("TLSv1.3 TLS_AES_256_GCM_SHA384".to_string());
            }
            ("max-message-size", octets) => settings.max_message_size = octets.parse().unwrap(),
            ("max-recipients", number) => settings.max_recipients = number.parse().unwrap(),
            ("limit", limit) => {
                let (name, number) = limit.split_once(' ').unwrap();
                match name {
                    "commands" => limits.commands_max = number.parse().unwrap(),
                    "errors" => limits.errors_max = number.parse().unwrap(),
                    "transactions" => limits.transactions_max = number.parse().unwrap(),
                    "refused-recipients" => {
                        limits.refused_recipients_max = Some(number.parse().unwrap());
                    }
                    other => panic!("{}: no such limit: {other}", dialogue.name),
                }
            }
            ("peer" | "expect-mail", _) | ("tls", "off") => {}
            other => panic!("{}: no such setting: {other:?}", dialogue.name),
        }
    }
    Office::new(settings, limits, trust, tls)
}

/// Holds the dialogue with input cut as told.
fn run(dialogue: &Dialogue, piece_octets: &mut impl FnMut() -> usize) {
    let mut office = office_for(dialogue);
    office.pump();
    let mut sending = Vec::new();
    let mut skip = false;
    for (line, event) in &dialogue.events {
        if let Event::Send(octets) = event {
            sending.extend_from_slice(octets);
            continue;
        }
        office.feed(&sending, piece_octets);
        sending.clear();
        let place = format!("{}:{line}", dialogue.name);
        match event {
            Event::Skip => skip = true,
            Event::Expect(pattern) => loop {
                let said = take_line(&mut office.said);
                let said = said.unwrap_or_else(|| panic!("{place}: nothing said for: {pattern}"));
                if fits(pattern, &said) {
                    skip = false;
                    break;
                }
                assert!(skip, "{place}\n  expected {pattern}\n  said     {said}");
            },
            Event::Close => assert!(office.ending.is_some(), "{place}: not closed"),
            Event::Send(_) => unreachable!(),
        }
    }
    office.feed(&sending, piece_octets);
    let left = String::from_utf8_lossy(&office.said);
    assert!(
        skip || left.is_empty(),
        "{}: also said {left}",
        dialogue.name
    );
    let expected = dialogue
        .settings
        .iter()
        .filter(|(key, _)| key == "expect-mail");
    let expected: Vec<&str> = expected.map(|(_, value)| value.as_str()).collect();
    assert_eq!(office.stored, expected, "{}", dialogue.name);
    let close_expected = dialogue
        .events
        .iter()
        .any(|(_, event)| *event == Event::Close);
    assert_eq!(
        office.ending.is_some(),
        close_expected,
        "{}: closing",
        dialogue.name
    );
}

fn take_line(said: &mut Vec<u8>) -> Option<String> {
    let end = said.windows(2).position(|two| two == b"\r\n")?;
    let line: Vec<u8> = said.drain(..end + 2).take(end).collect();
    Some(String::from_utf8(line).unwrap())
}

#[test]
fn dialogues_are_held_whole() {
    for dialogue in dialogues("smtp") {
        run(&dialogue, &mut || usize::MAX);
    }
}

#[test]
fn dialogues_are_held_octet_by_octet() {
    for dialogue in dialogues("smtp") {
        run(&dialogue, &mut || 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn dialogues_are_held_however_they_are_cut(cuts in prop::collection::vec(1..64_usize, 1..64)) {
        for dialogue in dialogues("smtp") {
            let mut cuts = cuts.iter().copied().cycle();
            run(&dialogue, &mut || cuts.next().unwrap());
        }
    }
}
