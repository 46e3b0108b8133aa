//! What must hold for every server, as one function for fuzzers and tests.

use std::time::Instant;

use crate::mail::QueueId;
use crate::store::Receipt;

use super::limits::{Limits, Pipelining, REPLY_OCTETS_MAX, Security, Settings, WithoutUniqueIds};
use super::login::{Credentials, PasswordMethod, TokenLine};
use super::session::Session;
use super::step::{Arrived, Ending, Removal, Step, Task};
use crate::wire::{Cuts, Secret};

/// What a server may say that has two messages, up to the plan: it leads where
/// random octets would never come.
const PREAMBLE: &[u8] =
    b"+OK ready <1@a>\r\n+OK\r\nSASL PLAIN XOAUTH2\r\nPIPELINING\r\nUIDL\r\n.\r\n\
    +OK logged in\r\n+OK\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n+OK\r\n1 10\r\n2 20\r\n3 30\r\n.\r\n";

/// Steps that one received octet may lead to, and some for the beginning: more
/// would mean that the session runs in a circle.
const STEPS_PER_OCTET_MAX: usize = 16;

/// Feeds anything to a session as if a server said it, cut in two or three ways,
/// and plays a driver that answers every question, now this way and now that way.
///
/// The first three octets choose how the session begins, how the input is cut
/// and how the driver answers; the rest is what the server says, and then it
/// closes.
///
/// # Panics
/// When an invariant is broken: buffers stay bounded, commands are whole lines,
/// DELE names committed messages alone, content is begun, and then completed or
/// called back, the session ends when the connection does, and stays closed;
/// and in lock step with a driver that answers at once, nothing of this depends
/// on the cuts.
pub fn check_invariants(input: &[u8], now: Instant) {
    let mut choices = input.iter().copied();
    let [beginning, cut, answers] = [0; 3].map(|_: u8| choices.next().unwrap_or_default());
    let from_server = input.get(3..).unwrap_or_default();
    let preamble = if beginning & 0x80 == 0 { PREAMBLE } else { b"" };
    let said = [preamble, from_server].concat();
    let play = |cuts: Cuts, patience: Patience| {
        let mut pieces = cuts.pieces(&said);
        let mut rehearsal = Rehearsal::new(beginning, answers, patience, now);
        rehearsal.play(&mut *pieces);
        // A session that fails leaves unwritten what it has not written yet, and
        // that is removed nowhere.
        let has_failed = matches!(rehearsal.ending, Some(Ending::Failed(_)));
        let ended = (!has_failed).then_some((rehearsal.output, rehearsal.ending));
        // Replies that come before their commands meet other ones in a window,
        // which is filled when input is awaited.
        let is_pipelined = pipelining(beginning) != Pipelining::Off;
        let tells = rehearsal.handshake && Cuts::may_tell_handshake(cut);
        ((rehearsal.messages, ended), is_pipelined || tells)
    };
    let mut expected = None;
    for cuts in Cuts::of_choice(cut) {
        play(cuts, Patience::Later);
        let (outcome, may_differ) = play(cuts, Patience::AtOnce);
        let expected = expected.get_or_insert(outcome.clone());
        assert!(
            may_differ || *expected == outcome,
            "{cuts:?}: {outcome:?}, and {expected:?}"
        );
    }
}

/// When the driver says what became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    AtOnce,
    /// When the session waits for input, or for the answer.
    Later,
}

struct Rehearsal {
    session: Session,
    now: Instant,
    /// Its octets decide how questions are answered.
    answers: u8,
    output: Vec<u8>,
    octets_received: usize,
    steps: usize,
    /// The message whose content is coming.
    under_way: Option<u32>,
    unanswered: Vec<Arrived>,
    /// Messages that may be removed.
    committed: Vec<u32>,
    patience: Patience,
    handshake: bool,
    /// Number and content of those that came whole.
    messages: Vec<(u32, Vec<u8>)>,
    content: Vec<u8>,
    ending: Option<Ending>,
}

impl Rehearsal {
    fn new(beginning: u8, answers: u8, patience: Patience, now: Instant) -> Rehearsal {
        let method = match beginning & 0x03 {
            0 => Some(PasswordMethod::Offered),
            1 => Some(PasswordMethod::UserPass),
            2 => Some(PasswordMethod::Apop),
            _ => None,
        };
        let credentials = match method {
            Some(method) => Credentials::Password {
                password: Secret::new("secret"),
                method,
            },
            None => Credentials::XOAuth2 {
                token_line: TokenLine::Own,
            },
        };
        let settings = Settings {
            limits: Limits {
                window_commands: 3,
                ..Limits::default()
            },
            security: match beginning & 0x0c {
                0x0c => Security::StlsRequired,
                _ => Security::Tls,
            },
            user: "office".to_owned(),
            credentials,
            pipelining: pipelining(beginning),
            without_unique_ids: match beginning & 0x40 {
                0 => WithoutUniqueIds::Proceed,
                _ => WithoutUniqueIds::Refuse,
            },
        };
        Rehearsal {
            session: Session::new(settings, now),
            now,
            answers,
            output: Vec::new(),
            octets_received: 0,
            steps: 0,
            under_way: None,
            unanswered: Vec::new(),
            committed: Vec::new(),
            patience,
            handshake: false,
            messages: Vec::new(),
            content: Vec::new(),
            ending: None,
        }
    }

    fn play(&mut self, pieces: &mut dyn Iterator<Item = &[u8]>) {
        self.go_on();
        while self.ending.is_none()
            && let Some(piece) = pieces.next()
        {
            self.receive(piece);
            self.go_on();
        }
        self.session.connection_closed();
        self.go_on();
        assert!(self.ending.is_some(), "open without a connection");
        self.check_output();
    }

    fn receive(&mut self, piece: &[u8]) {
        self.octets_received += piece.len();
        self.session.receive(piece);
    }

    /// Until the session wants input, or is closed.
    fn go_on(&mut self) {
        loop {
            self.steps += 1;
            let allowed = (self.octets_received + 16) * STEPS_PER_OCTET_MAX;
            assert!(self.steps < allowed, "it runs in a circle");
            if !self.step() {
                break;
            }
        }
        let kept = self.session.buffered_octets();
        assert!(kept <= REPLY_OCTETS_MAX + 2, "{kept} octets are kept");
        let closed = matches!(self.session.next(self.now), Step::Close(_));
        assert_eq!(closed, self.ending.is_some(), "closed, and open again");
    }

    /// One step; whether another one is to follow at once.
    fn step(&mut self) -> bool {
        match self.session.next(self.now) {
            Step::NeedInput { until } => {
                assert!(until > self.now, "waits for what is past");
                return !self.unanswered.is_empty() && self.toss() && self.answer_one();
            }
            Step::Close(ending) => {
                assert_eq!(self.under_way, None, "content is neither whole nor dropped");
                let misdriven = Ending::Failed(super::error::Error::Misdriven);
                assert_ne!(*ending, misdriven);
                self.ending = Some(ending.clone());
                return false;
            }
            Step::Send(octets) => {
                assert!(!octets.is_empty(), "an empty write");
                self.output.extend_from_slice(octets);
            }
            Step::StartTls => {
                self.handshake = true;
                self.session.tls_started();
            }
            Step::TokenRequested => match self.toss() {
                true => self.session.token(&Secret::new("token")),
                false => self.session.token_failed(),
            },
            Step::Listed(listing) => {
                let numbers = listing.scans().map(|scan| scan.number);
                assert!(numbers.is_sorted_by(|a, b| a < b), "a number twice");
                let tasks = listing.scans().map(|scan| match scan.number % 3 {
                    0 => Task::Top {
                        number: scan.number,
                    },
                    _ => Task::retrieve(&scan),
                });
                let mut tasks: Vec<Task> = tasks.collect();
                tasks.push(Task::Remove(Removal::of_committed(99, &receipt())));
                self.committed.push(99);
                self.session.plan(tasks);
            }
            Step::ContentBegins { number } => {
                assert_eq!(self.under_way.replace(number), None, "two at once");
                self.content.clear();
            }
            Step::Content(octets) => {
                assert!(self.under_way.is_some() && !octets.is_empty());
                // A line end may have been held back by one octet, and each LF
                // may have become two.
                assert!(octets.len() <= 2 * (self.octets_received + 1));
                self.content.extend_from_slice(octets);
            }
            Step::MessageComplete(arrived) => {
                assert_eq!(self.under_way.take(), Some(arrived.number()));
                let content = std::mem::take(&mut self.content);
                self.messages.push((arrived.number(), content));
                self.unanswered.push(arrived);
                if self.patience == Patience::AtOnce {
                    self.answer_one();
                }
            }
            Step::TopComplete { number, .. } | Step::ContentDiscarded { number } => {
                assert_eq!(self.under_way.take(), Some(number));
            }
            Step::RetrievalRefused { number, .. } | Step::RemovalRefused { number, .. } => {
                assert_ne!(self.under_way, Some(number));
            }
            Step::NeedAnswer => {
                assert!(self.answer_one(), "waits for an answer that was given");
            }
        }
        true
    }

    /// Answers the oldest message, if there is one.
    fn answer_one(&mut self) -> bool {
        if self.unanswered.is_empty() {
            return false;
        }
        let arrived = self.unanswered.remove(0);
        match self.toss() {
            true => {
                self.committed.push(arrived.number());
                self.session.stored(arrived, &receipt());
            }
            false => self.session.leave(arrived),
        }
        true
    }

    /// Yes more often than no, and every row of answers comes round.
    fn toss(&mut self) -> bool {
        self.answers = self.answers.rotate_left(1).wrapping_add(self.answers & 1);
        self.answers & 0x13 != 0x12
    }

    fn check_output(&self) {
        let text = String::from_utf8_lossy(&self.output);
        let mut committed = self.committed.clone();
        for line in text.split_inclusive('\n') {
            let bare = line.strip_suffix("\r\n");
            assert!(
                bare.is_some_and(|bare| !bare.contains(['\r', '\n'])),
                "not a line: {line:?}"
            );
            if let Some(number) = bare.and_then(|bare| bare.strip_prefix("DELE ")) {
                let at = committed.iter().position(|it| it.to_string() == number);
                assert!(at.is_some(), "DELE {number} without a receipt");
                at.map(|at| committed.swap_remove(at));
            }
        }
    }
}

fn pipelining(beginning: u8) -> Pipelining {
    match beginning & 0x30 {
        0x10 => Pipelining::Off,
        0x20 => Pipelining::ByTest,
        _ => Pipelining::Offered,
    }
}

/// Only the store's commit makes one, but for tests and fuzzers.
fn receipt() -> Receipt {
    Receipt::for_test(QueueId::from_u64(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invariants_hold_for_every_seed_and_what_is_mixed_from_them() {
        crate::seeds::replay("pop3_client", |input| {
            check_invariants(input, Instant::now())
        });
    }
}
