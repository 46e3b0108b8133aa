//! The dialogue files against the machine: whole, octet by octet, and cut at
//! random.
//!
//! Their settings: `peer lan` (the default: log-in in the clear is allowed) or
//! `peer world` (it is refused), `tls on` (from the first octet), `limit errors
//! N`, `limit logins N`; `only machine` marks a dialogue that a running hub
//! cannot play as it stands, because of what follows: `certificate none`,
//! `fault …`, the handshake behind STLS, users besides anna, exact sizes.
//! Each begins with anna's maildrop holding 1.eml to 4.eml.

use super::office::{Fault, Office, Visit, settings};
use crate::dialogue::{Dialogue, Event, dialogues, fits};
use crate::pop3::{LoginRefusal, PlaintextLogin, Security, Settings};

#[test]
fn every_dialogue_goes_as_written_however_it_is_cut() {
    for dialogue in dialogues("pop3") {
        let whole = play(&dialogue, usize::MAX, |octets| octets);
        let single = play(&dialogue, 1, |_| 1);
        assert_eq!(whole, single, "{}: octet by octet", dialogue.name);
        let mut seed: u64 = 0x2545_F491_4F6C_DD1D;
        for piece_octets in [2, 7, 20] {
            let random = play(&dialogue, piece_octets, |octets| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                1 + (seed % 13) as usize % octets
            });
            assert_eq!(whole, random, "{}: cut at random", dialogue.name);
        }
    }
}

/// Everything that the session wrote. `cut` chooses how much of what is left is
/// handed in next.
fn play(dialogue: &Dialogue, piece_octets: usize, mut cut: impl FnMut(usize) -> usize) -> Vec<u8> {
    let mut visit = Visit::new(session_settings(dialogue), office(dialogue));
    visit.office.piece_octets = piece_octets;
    let mut lines_read = 0;
    let mut events = dialogue.events.iter().peekable();
    let mut skipping = false;
    while let Some((number, event)) = events.next() {
        let place = format!("{}.dialogue:{number}", dialogue.name);
        match event {
            Event::Send(octets) => {
                let mut write = octets.clone();
                while let Some((_, Event::Send(more))) = events.peek() {
                    write.extend_from_slice(more);
                    events.next();
                }
                assert_eq!(unread(&visit, lines_read), Vec::<String>::new(), "{place}");
                let mut rest = write.as_slice();
                while !rest.is_empty() && visit.ending.is_none() {
                    let (piece, after) = rest.split_at(cut(rest.len()).min(rest.len()));
                    visit.says(piece);
                    rest = after;
                }
            }
            Event::Skip => skipping = true,
            Event::Expect(pattern) => {
                let lines = unread(&visit, lines_read);
                let found = match std::mem::take(&mut skipping) {
                    true => lines.iter().position(|line| fits(pattern, line)),
                    false => lines.first().filter(|line| fits(pattern, line)).map(|_| 0),
                };
                let Some(found) = found else {
                    panic!("{place}: expected {pattern:?}, found {lines:#?}");
                };
                lines_read += found + 1;
            }
            Event::Close => assert!(visit.ending.is_some(), "{place}: still open"),
        }
    }
    assert_eq!(
        unread(&visit, lines_read),
        Vec::<String>::new(),
        "{}",
        dialogue.name
    );
    visit.writes.concat()
}

fn unread(visit: &Visit, lines_read: usize) -> Vec<String> {
    let octets = visit.writes.concat();
    let lines = octets.split_inclusive(|&octet| octet == b'\n');
    let lines = lines.skip(lines_read).map(|line| {
        let bare = line.strip_suffix(b"\r\n").expect("a line without CRLF");
        String::from_utf8_lossy(bare).into_owned()
    });
    lines.collect()
}

fn session_settings(dialogue: &Dialogue) -> Settings {
    let mut settings = settings();
    for (name, value) in &dialogue.settings {
        match (name.as_str(), value.as_str()) {
            ("peer", "lan") | ("only", "machine") | ("fault", _) => {}
            ("peer", "world") => settings.plaintext_login = PlaintextLogin::Refused,
            ("tls", "on") => settings.security = Security::Tls,
            ("certificate", "none") => settings.security = Security::Clear,
            ("limit", limit) => {
                let (name, number) = limit.split_once(' ').unwrap();
                match name {
                    "errors" => settings.limits.errors_max = number.parse().unwrap(),
                    "logins" => settings.limits.logins_max = number.parse().unwrap(),
                    _ => panic!("{}: unknown limit {name}", dialogue.name),
                }
            }
            other => panic!("{}: unknown setting {other:?}", dialogue.name),
        }
    }
    settings
}

fn office(dialogue: &Dialogue) -> Office {
    let mut office = Office::of_samples();
    office.fault = dialogue.setting("fault").map(|fault| match fault {
        "login in-use" => Fault::Login(LoginRefusal::InUse),
        "login temporary" => Fault::Login(LoginRefusal::Temporary),
        "listing" => Fault::Listing,
        "message 2" => Fault::Message { index: 1 },
        "update" => Fault::Update,
        _ => panic!("{}: unknown fault {fault}", dialogue.name),
    });
    office
}
