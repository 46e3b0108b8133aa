//! What must hold for every input, as one function for fuzzers and tests.

use std::sync::Arc;
use std::time::Instant;

use crate::mail::{Envelope, Recipient, ReversePath};
use crate::wire::Cuts;

use super::limits::{Limits, Settings, Trust};
use super::refusal::Refusal;
use super::session::Session;
use super::step::{Ending, Step};

/// Steps that one received octet may lead to, and some for the beginning: more
/// would mean that the session runs in a circle.
const STEPS_PER_OCTET_MAX: usize = 16;
/// RFC 5321 §4.5.3.1.5.
const REPLY_LINE_OCTETS_MAX: usize = 512;
/// A reply that is added when 4096 octets wait already.
const SEND_OCTETS_MAX: usize = 4096 + 4096;

/// Feeds any input to a session, cut in two or three ways, and plays a driver
/// that accepts and refuses by a fixed rule.
///
/// The first two octets choose how the session begins and how the input is cut;
/// the rest is what the peer sends.
///
/// # Panics
/// When an invariant is broken, which is what a fuzzer looks for: buffers stay
/// bounded, replies are well formed, content is asked for before it comes and
/// called back or completed, a closed session stays closed, and nothing of this
/// depends on how the input was cut.
pub fn check_invariants(input: &[u8], now: Instant) {
    let mut choices = input.iter().copied();
    let [beginning, cut] = [0; 2].map(|_: u8| choices.next().unwrap_or_default());
    let from_peer = input.get(2..).unwrap_or_default();
    let mut expected = None;
    for cuts in Cuts::of_choice(cut) {
        let pieces = cuts.pieces(from_peer);
        let steps_max = 64 + from_peer.len() * STEPS_PER_OCTET_MAX;
        let rehearsal = Rehearsal::new(beginning, Cuts::may_tell_handshake(cut), now);
        let outcome = rehearsal.play(pieces, steps_max, now);
        let replies = count_replies(&outcome.said);
        // The greeting, and one to a line that has not ended or to the end.
        let lines = from_peer.iter().filter(|&&octet| octet == b'\n').count();
        assert!(replies <= lines + 2, "{replies} replies to {lines} lines");
        let expected = expected.get_or_insert_with(|| outcome.clone());
        assert_eq!(*expected, outcome, "{cuts:?}");
    }
}

/// What became of a session, as far as it must not depend on the cuts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Outcome {
    said: Vec<u8>,
    /// Messages that were complete: envelope and content.
    messages: Vec<(Envelope, Vec<u8>)>,
    ended: bool,
}

/// Whether the driver has content in its hands.
#[derive(Debug, PartialEq, Eq)]
enum Hands {
    Empty,
    Full(Vec<u8>),
}

/// What a step leaves to do outside of the driver.
enum Wanted {
    Nothing,
    Input,
    Tls,
    Closing(Ending),
}

/// A session and a driver with a rule instead of a directory.
struct Rehearsal {
    session: Session,
    line_octets_max: usize,
    /// All that is left of the input comes before the TLS handshake.
    overtakes_handshake: bool,
    hands: Hands,
    outcome: Outcome,
}

impl Rehearsal {
    fn new(beginning: u8, overtakes_handshake: bool, now: Instant) -> Rehearsal {
        let (session, limits) = begin(beginning, now);
        Rehearsal {
            session,
            line_octets_max: limits.line_octets_max,
            overtakes_handshake,
            hands: Hands::Empty,
            outcome: Outcome::default(),
        }
    }

    fn play<'a>(
        mut self,
        mut pieces: impl Iterator<Item = &'a [u8]>,
        steps_max: usize,
        now: Instant,
    ) -> Outcome {
        for _ in 0..steps_max {
            match self.act(now) {
                Wanted::Nothing => {}
                Wanted::Input => {
                    let held = self.session.held_octets();
                    let is_bounded = held <= self.line_octets_max + 2;
                    assert!(is_bounded, "{held} octets of input are held");
                    match pieces.next() {
                        Some(piece) => self.session.receive(piece),
                        None => return self.finish(),
                    }
                }
                Wanted::Tls => {
                    if self.overtakes_handshake {
                        let left = pieces.by_ref();
                        left.for_each(|piece| self.session.receive(piece));
                    }
                    self.session.tls_started("TLSv1.3 X".to_string());
                }
                Wanted::Closing(ending) => {
                    pieces.for_each(|piece| self.session.receive(piece));
                    assert_eq!(self.session.next(now), Step::Close(ending), "goes on");
                    assert_eq!(self.hands, Hands::Empty, "content is not called back");
                    self.outcome.ended = true;
                    return self.finish();
                }
            }
        }
        panic!("the session runs in a circle");
    }

    fn act(&mut self, now: Instant) -> Wanted {
        let session = &mut self.session;
        match session.next(now) {
            Step::NeedInput { until } => {
                assert!(until > now, "the time is over and the session waits");
                let open = session.envelope().is_some();
                assert!(
                    open || self.hands == Hands::Empty,
                    "content is not called back"
                );
                return Wanted::Input;
            }
            Step::StartTls => return Wanted::Tls,
            Step::Close(ending) => return Wanted::Closing(ending),
            Step::Send(replies) => {
                assert!(!replies.is_empty() && replies.len() <= SEND_OCTETS_MAX);
                self.outcome.said.extend_from_slice(replies);
            }
            Step::SenderNamed { reverse_path, .. } => match reverse_path {
                ReversePath::Address(address) if refuses(address.local_part.as_str()) => {
                    session.refuse_sender(Refusal::storage_short());
                }
                _ => session.accept_sender(),
            },
            Step::RecipientNamed(recipient) => match recipient {
                Recipient::Address(address) if refuses(address.local_part.as_str()) => {
                    let refusal = Refusal::user_unknown(recipient);
                    session.refuse_recipient(refusal);
                }
                _ => session.accept_recipient(),
            },
            Step::ContentRequested => self.content_requested(),
            Step::Content(piece) => match &mut self.hands {
                Hands::Full(content) => content.extend_from_slice(piece),
                Hands::Empty => panic!("content that was not asked for"),
            },
            Step::ContentComplete => self.content_complete(),
            Step::ContentDiscarded(_) => {
                assert_ne!(self.hands, Hands::Empty, "nothing to discard");
                self.hands = Hands::Empty;
            }
        }
        Wanted::Nothing
    }

    fn content_requested(&mut self) {
        assert_eq!(self.hands, Hands::Empty, "content is asked for twice");
        let envelope = self.session.envelope();
        match envelope.map_or(0, |envelope| envelope.recipients.len()) {
            0 => panic!("content without recipients"),
            3 => self.session.refuse_content(Refusal::storage_short()),
            _ => {
                self.session.accept_content();
                self.hands = Hands::Full(Vec::new());
            }
        }
    }

    fn content_complete(&mut self) {
        let Hands::Full(content) = std::mem::replace(&mut self.hands, Hands::Empty) else {
            panic!("the end of content that was not asked for");
        };
        let envelope = self.session.envelope().cloned();
        let message = envelope.map(|envelope| (envelope, content));
        self.outcome.messages.extend(message);
        // Only the store makes receipts; a fuzzer has none.
        self.session.refused(Refusal::store_failed());
    }

    fn finish(self) -> Outcome {
        check_replies(&self.outcome.said);
        self.outcome
    }
}

fn begin(beginning: u8, now: Instant) -> (Session, Limits) {
    let trust = match beginning & 3 {
        0 => Trust::Lan,
        1 => Trust::Provider,
        _ => Trust::World,
    };
    let settings = Settings {
        hostname: "post.example.com".to_string(),
        max_message_size: if beginning & 4 == 0 { 32 } else { 1024 },
        max_recipients: 4,
        starttls: beginning & 8 != 0,
    };
    let limits = Limits {
        line_octets_max: 128,
        envelope_octets_max: 64,
        commands_max: 64,
        errors_max: 16,
        ..Limits::of(trust)
    };
    let tls = (beginning & 16 != 0).then(|| "TLSv1.3 X".to_string());
    let session = Session::new(Arc::new(settings), limits, trust, tls, now);
    (session, limits)
}

fn refuses(local_part: &str) -> bool {
    local_part.starts_with('n')
}

/// Lines that end a reply (RFC 5321 §4.2.1).
fn count_replies(said: &[u8]) -> usize {
    let lines = said.split(|&octet| octet == b'\n');
    lines.filter(|line| line.get(3) == Some(&b' ')).count()
}

/// Every line is `NNN text` or `NNN-text`, short enough and printable, and an
/// enhanced status code has the class of its reply code (RFC 2034 §4).
fn check_replies(said: &[u8]) {
    let text = String::from_utf8_lossy(said);
    assert!(
        text.is_empty() || text.ends_with("\r\n"),
        "an unfinished line"
    );
    for line in text.split_terminator("\r\n") {
        assert!(line.len() + 2 <= REPLY_LINE_OCTETS_MAX, "too long: {line}");
        assert!(!line.contains(char::is_control), "not printable: {line}");
        let (code, rest) = line.split_at_checked(3).unwrap_or_default();
        assert!(code.bytes().all(|digit| digit.is_ascii_digit()), "{line}");
        assert!(rest.starts_with([' ', '-']), "no separator: {line}");
        let status = rest.get(1..).and_then(|rest| rest.split_once('.'));
        let plain = code == "220" || code == "250" || code == "354";
        match status {
            Some((class, _)) if class.len() == 1 => assert!(code.starts_with(class), "{line}"),
            _ => assert!(plain, "no enhanced status code: {line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invariants_hold_for_every_seed_and_what_is_mixed_from_them() {
        crate::seeds::replay("smtp_session", |input| {
            check_invariants(input, Instant::now())
        });
    }
}
