//! The session's face: input and steps. What the driver answers to them
//! stands in `answers`, what the peer says is heard in `commands` and
//! `receiving`.

use std::sync::Arc;
use std::time::Instant;

use crate::mail::{Envelope, Transmission};
use crate::wire::{LineBuffer, Patience};

use super::clock::Awaited;
use super::limits::{Limits, Settings, Trust};
use super::refusal::Refusal;
use super::reply::{Letters, Reply};
use super::state::State;
use super::step::{Discard, Ending, Step};

/// Replies are sent once so many octets wait, also while input remains: a peer
/// that pipelines without end must not fill the memory.
const OUTPUT_OCTETS_MAX: usize = 4096;

/// How the peer called itself.
#[derive(Debug)]
pub(super) struct Helo {
    pub(super) text: String,
    /// By EHLO.
    pub(super) extended: bool,
}

/// What was used up of the limits.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) commands: u32,
    pub(super) errors: u32,
    pub(super) transactions: u32,
    pub(super) refused_recipients: u32,
}

/// One SMTP session on the server's side.
#[derive(Debug)]
pub struct Session {
    pub(super) settings: Arc<Settings>,
    pub(super) limits: Limits,
    pub(super) trust: Trust,
    pub(super) tls: Option<String>,
    pub(super) helo: Option<Helo>,
    pub(super) state: State,
    pub(super) counts: Counts,
    pub(super) patience: Patience,
    pub(super) input: LineBuffer,
    /// Replies that wait to be sent, and those that were handed out last.
    pub(super) output: Vec<u8>,
    sending: Vec<u8>,
    /// The piece of content that was handed out last.
    pub(super) piece: Vec<u8>,
    pub(super) shutting_down: bool,
}

/// What [`Session::advance`] came to; [`Step`] without its borrowed parts.
#[derive(Debug)]
pub(super) enum Progress {
    /// There may be more to do.
    Again,
    Await(Awaited),
    Ask,
    Content,
    Discarded(Discard),
}

impl Session {
    /// A session that begins `now`, on a connection with TLS (its version and
    /// cipher) or without.
    pub fn new(
        settings: Arc<Settings>,
        limits: Limits,
        trust: Trust,
        tls: Option<String>,
        now: Instant,
    ) -> Session {
        Session {
            settings,
            limits,
            trust,
            tls,
            helo: None,
            state: State::Greeting,
            counts: Counts::default(),
            patience: Patience::new(now),
            input: LineBuffer::new(limits.line_octets_max),
            output: Vec::new(),
            sending: Vec::new(),
            piece: Vec::new(),
            shutting_down: false,
        }
    }

    /// Takes what was read. To be called after [`Step::NeedInput`] only, with
    /// one read at a time: so the session holds one read and one line at most.
    pub fn receive(&mut self, octets: &[u8]) {
        self.input.receive(octets);
    }

    /// The next step. To be called until it needs input.
    pub fn next(&mut self, now: Instant) -> Step<'_> {
        self.patience.tick(now);
        loop {
            if self.output.len() >= OUTPUT_OCTETS_MAX {
                return self.send();
            }
            match self.advance() {
                Progress::Again => {}
                Progress::Content => return Step::Content(&self.piece),
                Progress::Discarded(why) => return Step::ContentDiscarded(why),
                Progress::Ask => return self.ask(),
                Progress::Await(_) if !self.output.is_empty() => return self.send(),
                Progress::Await(awaited) => {
                    if awaited == Awaited::Command {
                        self.input.rest();
                    }
                    match self.patience.wait(awaited.allowance(&self.limits)) {
                        Some(until) => return Step::NeedInput { until },
                        None => {
                            let farewell = Refusal::timed_out(&self.settings.hostname);
                            self.close(farewell, Ending::TimedOut);
                        }
                    }
                }
            }
        }
    }

    /// The peer is to be sent away at the next opportunity (421 4.3.2): at
    /// once while a command or content is awaited, else after the answer.
    /// Call [`next`](Session::next) to see it.
    pub fn shutdown(&mut self) {
        self.shutting_down = true;
    }

    /// What the peer called itself by HELO or EHLO; untrusted, and empty
    /// before it did.
    pub fn helo(&self) -> &str {
        self.helo.as_ref().map_or("", |helo| &helo.text)
    }

    /// How the message of the open transaction comes.
    pub fn transmission(&self) -> Transmission {
        Transmission::Smtp {
            extended: self.helo.as_ref().is_some_and(|helo| helo.extended),
            utf8: self
                .state
                .transaction()
                .is_some_and(|transaction| transaction.letters == Letters::Utf8),
            tls: self.tls.clone(),
        }
    }

    /// The envelope of the open transaction, with the recipients that were
    /// accepted so far.
    pub fn envelope(&self) -> Option<&Envelope> {
        let transaction = self.state.transaction();
        transaction.map(|transaction| &transaction.envelope)
    }
}

impl Session {
    /// Octets of input that are not used yet.
    #[cfg(any(test, fuzzing))]
    pub(super) fn held_octets(&self) -> usize {
        self.input.content().len()
    }

    /// One move of the machine.
    fn advance(&mut self) -> Progress {
        match std::mem::take(&mut self.state) {
            State::Greeting => {
                let greeting = Reply::greeting(&self.settings.hostname);
                self.say(&greeting, Letters::Ascii);
                Progress::Again
            }
            state @ (State::Commands(_) | State::Receiving { .. } | State::Skipping { .. })
                if self.shutting_down =>
            {
                self.state = state;
                let farewell = Refusal::shutting_down(&self.settings.hostname);
                self.close(farewell, Ending::ShuttingDown);
                Progress::Again
            }
            State::Commands(phase) => self.take_command(phase),
            State::Receiving {
                transaction,
                content,
                extent,
            } => self.take_content(transaction, content, extent),
            State::Arrived {
                transaction,
                content,
                part,
            } => self.judge_content(transaction, content, part),
            State::Skipping { left, answer } => self.skip(left, answer),
            State::Discarding { why, then } => {
                self.state = *then;
                Progress::Discarded(why)
            }
            State::StartingTls if !self.input.is_empty() => {
                self.input.clear();
                self.state = State::Closing(Ending::PlaintextBehindStartTls);
                Progress::Again
            }
            asking => {
                self.state = asking;
                Progress::Ask
            }
        }
    }

    /// The step of a state that the driver has to act on.
    fn ask(&mut self) -> Step<'_> {
        let before_all_is_said = matches!(self.state, State::StartingTls | State::Closing(_));
        if before_all_is_said && !self.output.is_empty() {
            return self.send();
        }
        match &self.state {
            State::SenderAsked(transaction) => Step::SenderNamed {
                reverse_path: &transaction.envelope.reverse_path,
                declared_size: transaction.declared_size,
            },
            State::RecipientAsked(_, recipient) => Step::RecipientNamed(recipient),
            State::ContentAsked(..) => Step::ContentRequested,
            State::Committing(_) => Step::ContentComplete,
            State::StartingTls => Step::StartTls,
            State::Closing(ending) => Step::Close(*ending),
            // `advance` moves on from every other state by itself.
            _ => Step::Close(Ending::Quit),
        }
    }

    fn send(&mut self) -> Step<'_> {
        self.sending.clear();
        std::mem::swap(&mut self.sending, &mut self.output);
        Step::Send(&self.sending)
    }

    pub(super) fn say(&mut self, reply: &Reply, letters: Letters) {
        reply.write(&mut self.output, letters);
    }

    /// Says a last word and ends, calling back what content is out.
    pub(super) fn close(&mut self, farewell: impl Into<Reply>, ending: Ending) {
        self.say(&farewell.into(), Letters::Ascii);
        self.leave_for(State::Closing(ending));
    }

    pub(super) fn enough(&mut self, of_what: &'static str) {
        let farewell = Refusal::enough(&self.settings.hostname, of_what);
        self.close(farewell, Ending::LimitReached);
    }

    /// Goes from the present state to another one that has no content.
    pub(super) fn leave_for(&mut self, state: State) {
        self.state = if self.state.holds_content() {
            State::Discarding {
                why: Discard::Abandoned,
                then: Box::new(state),
            }
        } else {
            state
        };
    }
}
