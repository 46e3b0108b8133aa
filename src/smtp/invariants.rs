//! What must hold for every input, as one function for fuzzers and tests.

use std::sync::Arc;
use std::time::Instant;

use crate::mail::{Recipient, ReversePath};

use super::limits::{Limits, Trust};
use super::reply::Refusal;
use super::session::{Session, Settings, Step};
use super::state::Discard;

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
    messages: Vec<(ReversePath, Vec<Recipient>, Vec<u8>)>,
    ended: bool,
}

/// Whether the driver has content in its hands.
#[derive(Debug, PartialEq, Eq)]
enum Hands {
    Empty,
    Full(Vec<u8>),
}

fn rehearse(beginning: u8, input: &[u8], piece_octets: usize, now: Instant) -> Outcome {
    let (mut session, line_octets_max) = begin(beginning, now);
    let mut outcome = Outcome::default();
    let mut hands = Hands::Empty;
    let mut pieces = input.chunks(piece_octets.min(input.len().max(1)));
    let mut steps_left = 64 + input.len() * STEPS_PER_OCTET_MAX;
    loop {
        assert!(steps_left > 0, "the session runs in a circle");
        steps_left -= 1;
        match session.next(now) {
            Step::NeedInput { until } => {
                assert!(until > now, "the time is over and the session waits");
                let Some(piece) = pieces.next() else { break };
                let held = session.held_octets();
                assert!(
                    held <= line_octets_max + 2,
                    "{held} octets of input are held"
                );
                session.receive(piece);
            }
            Step::Send(replies) => {
                assert!(!replies.is_empty() && replies.len() <= SEND_OCTETS_MAX);
                outcome.said.extend_from_slice(replies);
            }
            Step::StartTls => {
                // What comes before the handshake is in the clear.
                pieces.by_ref().for_each(|piece| session.receive(piece));
                session.tls_started("TLSv1.3 X".to_string());
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
            Step::ContentRequested => {
                assert_eq!(hands, Hands::Empty, "content is asked for twice");
                let envelope = session.envelope();
                let recipients = envelope.map_or(0, |envelope| envelope.recipients.len());
                assert!(recipients > 0, "content without recipients");
                if recipients == 3 {
                    session.refuse_content(Refusal::storage_short());
                } else {
                    session.accept_content();
                    hands = Hands::Full(Vec::new());
                }
            }
            Step::Content(piece) => match &mut hands {
                Hands::Full(content) => content.extend_from_slice(piece),
                Hands::Empty => panic!("content that was not asked for"),
            },
            Step::ContentComplete => {
                let Hands::Full(content) = std::mem::replace(&mut hands, Hands::Empty) else {
                    panic!("the end of content that was not asked for");
                };
                let envelope = session.envelope().cloned();
                outcome.messages.extend(
                    envelope.map(|envelope| (envelope.reverse_path, envelope.recipients, content)),
                );
                // Only the store makes receipts; a fuzzer has none.
                session.refused(Refusal::store_failed());
            }
            Step::ContentDiscarded(why) => {
                assert_ne!(hands, Hands::Empty, "nothing to discard");
                if let Discard::Refused(refusal) = why {
                    assert!(refusal.code() >= 500, "content is refused for good");
                }
                hands = Hands::Empty;
            }
            Step::Close(ending) => {
                outcome.ended = true;
                pieces.by_ref().for_each(|piece| session.receive(piece));
                assert_eq!(
                    session.next(now),
                    Step::Close(ending),
                    "closed, and goes on"
                );
                assert_eq!(hands, Hands::Empty, "content was not called back");
                break;
            }
        }
    }
    check_replies(&outcome.said);
    outcome
}

fn begin(beginning: u8, now: Instant) -> (Session, usize) {
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
    (session, limits.line_octets_max)
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
