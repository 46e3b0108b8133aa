//! What must hold for every input, as one function for fuzzers and tests.

use std::time::Instant;

use super::limits::{Limits, OUTPUT_OCTETS, PlaintextLogin, SASL_OCTETS_MAX, Security, Settings};
use super::maildrop::ScanListing;
use super::session::Session;
use super::step::{LoginRefusal, Step};
use crate::wire::Cuts;

/// Pretended messages. No line begins like a status line, so that these can be
/// counted in the output.
const MESSAGES: [&str; 3] = [
    "Subject: one\r\n\r\nText.\r\n.\r\n..\r\n",
    ".\r\n\r\n.no line end",
    "",
];

/// Feeds any input to a session, cut in two or three ways, and plays a driver
/// that answers every question, now this way and now that way.
///
/// The first three octets choose how the session begins, how the input is cut
/// and how the driver answers; the rest is what the client sends.
///
/// # Panics
/// When an invariant is broken: buffers stay bounded, each line has one reply,
/// the output is made of whole lines, questions name messages that exist, a
/// closed session stays closed, and nothing of this depends on the cuts.
pub fn check_invariants(input: &[u8], now: Instant) {
    let mut choices = input.iter().copied();
    let [beginning, cut, answers] = [0; 3].map(|_: u8| choices.next().unwrap_or_default());
    let from_client = input.get(3..).unwrap_or_default();
    let login: &[u8] = match beginning & 0x08 {
        0 => b"",
        _ => b"USER anna\r\nPASS secret\r\n",
    };
    let from_client = [login, from_client].concat();
    let mut expected = None;
    for cuts in Cuts::of_choice(cut) {
        let mut pieces = cuts.pieces(&from_client);
        let mut rehearsal = Rehearsal::new(beginning, answers, now);
        rehearsal.play(&mut *pieces);
        rehearsal.check_output();
        let outcome = (rehearsal.output, rehearsal.updates, rehearsal.closed);
        let expected = expected.get_or_insert(outcome.clone());
        let is_told = rehearsal.handshake && Cuts::may_tell_handshake(cut);
        assert!(
            is_told || *expected == outcome,
            "{cuts:?}: {outcome:?}, and {expected:?}"
        );
    }
}

struct Rehearsal {
    session: Session,
    now: Instant,
    /// Its octets decide how questions are answered.
    answers: u8,
    /// What is not read yet of the open message.
    unread: &'static [u8],
    handshake: bool,
    output: Vec<u8>,
    /// Which messages were to be removed, at each QUIT.
    updates: Vec<Vec<usize>>,
    lines_received: usize,
    closed: bool,
}

impl Rehearsal {
    fn new(beginning: u8, answers: u8, now: Instant) -> Rehearsal {
        let settings = Settings {
            hostname: "post.example.com".to_owned(),
            limits: Limits::default(),
            security: match beginning & 0x03 {
                0 => Security::Clear,
                1 => Security::Tls,
                _ => Security::StlsOffered,
            },
            plaintext_login: match beginning & 0x04 {
                0 => PlaintextLogin::Allowed,
                _ => PlaintextLogin::Refused,
            },
        };
        Rehearsal {
            session: Session::new(settings, now),
            now,
            answers,
            unread: b"",
            handshake: false,
            output: Vec::new(),
            updates: Vec::new(),
            lines_received: 0,
            closed: false,
        }
    }

    fn play(&mut self, pieces: &mut dyn Iterator<Item = &[u8]>) {
        self.go_on();
        while !self.closed
            && let Some(piece) = pieces.next()
        {
            self.receive(piece);
            self.go_on();
        }
    }

    fn receive(&mut self, piece: &[u8]) {
        self.lines_received += piece.iter().filter(|&&octet| octet == b'\n').count();
        self.session.receive(piece);
    }

    /// Until the session wants input, or is closed.
    fn go_on(&mut self) {
        loop {
            match self.session.next(self.now) {
                Step::NeedInput { until } => {
                    assert!(until > self.now, "waits for what is past");
                    break;
                }
                Step::Close(_) => {
                    self.closed = true;
                    break;
                }
                Step::Send(octets) => {
                    assert!(!octets.is_empty(), "an empty write");
                    assert!(octets.len() < OUTPUT_OCTETS + 1024, "output not bounded");
                    self.output.extend_from_slice(octets);
                }
                Step::StartTls => {
                    self.handshake = true;
                    self.session.tls_started();
                }
                Step::LoginRequested(login) => {
                    assert!(!login.name.is_empty() && !login.password.octets().is_empty());
                    match self.toss() {
                        true => self.session.maildrop_opened(MESSAGES.len() as u64, 54),
                        false => self.session.login_refused(LoginRefusal::Credentials),
                    }
                }
                Step::ListingRequested => match self.toss() {
                    true => self.session.listing(listing()),
                    false => self.session.listing_failed(),
                },
                Step::MessageRequested { index } => {
                    let message = MESSAGES.get(index);
                    assert!(message.is_some(), "no message {index}");
                    self.unread = message.map_or(b"", |text| text.as_bytes());
                    match self.toss() {
                        true => self.session.message_opened(),
                        false => self.session.message_failed(),
                    }
                }
                Step::ContentWanted if self.unread.is_empty() => self.session.content_complete(),
                Step::ContentWanted => match self.toss() {
                    true => {
                        let (piece, rest) = self.unread.split_at(self.unread.len().min(3));
                        self.unread = rest;
                        self.session.content(piece);
                    }
                    false => self.session.content_failed(),
                },
                Step::ContentEnough => self.unread = b"",
                Step::UpdateRequested(indexes) => {
                    assert!(indexes.is_sorted_by(|a, b| a < b), "a message twice");
                    assert!(indexes.iter().all(|&index| index < MESSAGES.len()));
                    match self.toss() {
                        true => self.session.updated(),
                        false => self.session.update_failed(),
                    }
                    self.updates.push(indexes);
                }
            }
        }
        let kept = self.session.buffered_octets();
        assert!(kept <= SASL_OCTETS_MAX + 2, "{kept} octets are kept");
        let closed = matches!(self.session.next(self.now), Step::Close(_));
        assert_eq!(closed, self.closed, "closed, and open again");
    }

    /// Yes more often than no, and every row of answers comes round.
    fn toss(&mut self) -> bool {
        self.answers = self.answers.rotate_left(1).wrapping_add(self.answers & 1);
        self.answers & 0x13 != 0x12
    }

    fn check_output(&self) {
        let text = String::from_utf8_lossy(&self.output);
        let mut replies = 0;
        for line in text.split_inclusive('\n') {
            let bare = line.strip_suffix("\r\n");
            let whole = bare.is_some_and(|bare| !bare.contains(['\r', '\n']));
            // Only a message that breaks off may leave half a line.
            assert!(whole || self.closed, "not a line: {line:?}");
            assert!(line.len() <= 512, "too long: {line:?}");
            let status = ["+OK ", "-ERR ", "+ "]
                .iter()
                .any(|it| line.starts_with(it));
            replies += usize::from(status);
        }
        let lines_and_greeting = self.lines_received + 1;
        match self.closed {
            true => assert!(replies <= lines_and_greeting, "too many replies: {text}"),
            false => assert_eq!(replies, lines_and_greeting, "one reply per line: {text}"),
        }
    }
}

fn listing() -> ScanListing {
    let mut listing = ScanListing::with_capacity(MESSAGES.len());
    for (at, message) in MESSAGES.iter().enumerate() {
        let unfinished = !message.is_empty() && !message.ends_with('\n');
        let octets = message.len() + if unfinished { 2 } else { 0 };
        let pushed = listing.push(octets as u64, &format!("unique-{at}"));
        assert_eq!(pushed, Ok(()));
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invariants_hold_for_every_seed_and_what_is_mixed_from_them() {
        crate::seeds::replay("pop3_session", |input| {
            check_invariants(input, Instant::now())
        });
    }
}
