//! What must hold for every input, as one function for fuzzers and tests.

use std::sync::Arc;
use std::time::Instant;

use crate::mail::{Envelope, Recipient, ReversePath};

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

/// Feeds any input to a session, once whole, once octet by octet and once in
/// other pieces, and plays a driver that accepts and refuses by a fixed rule.
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
    let whole = rehearse(beginning, from_peer, usize::MAX, now);
    for piece_octets in [1, usize::from(cut).max(2)] {
        let cut = rehearse(beginning, from_peer, piece_octets, now);
        assert_eq!(cut, whole, "pieces of {piece_octets} octets");
    }
}

/// What became of a session, as far as it must not depend on the cuts.
#[derive(Debug, Default, PartialEq, Eq)]
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

fn rehearse(beginning: u8, input: &[u8], piece_octets: usize, now: Instant) -> Outcome {
    let (session, limits) = begin(beginning, now);
    let mut rehearsal = Rehearsal {
        session,
        hands: Hands::Empty,
        outcome: Outcome::default(),
    };
    let mut pieces = input.chunks(piece_octets.min(input.len().max(1)));
    for _ in 0..64 + input.len() * STEPS_PER_OCTET_MAX {
        match rehearsal.act(now) {
            Wanted::Nothing => {}
            Wanted::Input => {
                let held = rehearsal.session.held_octets();
                let held_max = limits.line_octets_max + 2;
                assert!(held <= held_max, "{held} octets of input are held");
                match pieces.next() {
                    Some(piece) => rehearsal.session.receive(piece),
                    None => return rehearsal.finish(),
                }
            }
            Wanted::Tls => {
                // What comes before the handshake is in the clear.
                pieces
                    .by_ref()
                    .for_each(|piece| rehearsal.session.receive(piece));
                rehearsal.session.tls_started("TLSv1.3 X".to_string());
            }
            Wanted::Closing(ending) => {
                pieces
                    .by_ref()
                    .for_each(|piece| rehearsal.session.receive(piece));
                assert_eq!(rehearsal.session.next(now), Step::Close(ending), "goes on");
                assert_eq!(rehearsal.hands, Hands::Empty, "content is not called back");
                rehearsal.outcome.ended = true;
                return rehearsal.finish();
            }
        }
    }
    panic!("the session runs in a circle");
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
    hands: Hands,
    outcome: Outcome,
}

impl Rehearsal {
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
