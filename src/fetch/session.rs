//! The session itself: what it holds, its states, and its steps. `lines` reads
//! the server, `answers` takes what the driver answers, `endings` ends it.

mod lines;
mod answers;
mod endings;

use std::fmt;
use std::time::Instant;

use super::capabilities::Capabilities;
use super::error::Error;
use super::greeting::Greeting;
#[cfg(doc)]
use super::limits::Security;
use super::limits::{REPLY_OCTETS_MAX, Settings};
use super::listing::Listing;
use super::login::Exchange;
use super::output::Output;
use super::reading::Reading;
use super::reply::Refusal;
use super::step::{Arrived, Ending, Step, Summary};
use super::transfer::{Desk, Need, Pace, Transfer};
use crate::wire::{LineBuffer, Patience};

/// One POP3 session with a provider, from the greeting to the end.
pub struct Session {
    settings: Settings,
    input: LineBuffer,
    /// The server has closed its side: nothing follows what is in `input`.
    input_ended: bool,
    output: Output,
    /// Content that is being handed out.
    piece: Vec<u8>,
    patience: Patience,
    greeting: Greeting,
    capabilities: Capabilities,
    summary: Summary,
    state: State,
}

enum State {
    Greeting,
    StlsAsked,
    TlsRequested,
    Capabilities(Asking),
    Utf8Asked,
    TokenRequested,
    LogIn(Exchange),
    Listing(Reading),
    Listed(Listing, Pace),
    /// The driver has the listing.
    PlanAwaited(Pace),
    Transfer(Transfer),
    /// Content was handed out that will not be complete.
    Discarding {
        number: u32,
        ending: Ending,
    },
    Closed(Ending),
}

/// CAPA under way.
struct Asking {
    when: When,
    /// What is read of a positive answer.
    answer: Option<Capabilities>,
    lines: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    BeforeLogin,
    AfterLogin,
}

/// A step that is not bound to the session's memory yet.
enum Turn {
    /// Progress was made.
    Again,
    Input,
    /// Input, until then.
    InputUntil(Instant),
    Send,
    StartTls,
    Token,
    Listed(Listing),
    Begins {
        number: u32,
    },
    Content,
    Complete(Arrived),
    TopComplete {
        number: u32,
        octets: u64,
    },
    Discarded {
        number: u32,
    },
    RetrievalRefused {
        number: u32,
        refusal: Refusal,
    },
    RemovalRefused {
        number: u32,
        refusal: Refusal,
    },
    Answer,
    Close,
}

impl Session {
    /// A session on a connection that was just opened (and, with
    /// [`Security::Tls`], has finished its handshake).
    pub fn new(settings: Settings, now: Instant) -> Session {
        Session {
            settings,
            input: LineBuffer::new(REPLY_OCTETS_MAX),
            input_ended: false,
            output: Output::default(),
            piece: Vec::new(),
            patience: Patience::new(now),
            greeting: Greeting::default(),
            capabilities: Capabilities::default(),
            summary: Summary::default(),
            state: State::Greeting,
        }
    }

    /// Takes what was read from the server, after [`Step::NeedInput`]; one read
    /// at a time. A closed session takes nothing.
    pub fn receive(&mut self, octets: &[u8]) {
        if !matches!(self.state, State::Closed(_) | State::Discarding { .. }) {
            self.input.receive(octets);
        }
    }

    /// The server has closed its side, or the connection broke. What came before
    /// still counts; nothing more is written.
    pub fn connection_closed(&mut self) {
        self.input_ended = true;
        self.output.clear();
    }

    /// Makes progress. To be called until it wants input or an answer, and again
    /// when one came or its time has passed.
    pub fn next(&mut self, now: Instant) -> Step<'_> {
        self.patience.tick(now);
        self.output.forget_what_left();
        self.piece.clear();
        match self.turn() {
            Turn::Send => Step::Send(self.output.leave()),
            Turn::StartTls => Step::StartTls,
            Turn::Token => Step::TokenRequested,
            Turn::Listed(listing) => Step::Listed(listing),
            Turn::Begins { number } => Step::ContentBegins { number },
            Turn::Content => Step::Content(&self.piece),
            Turn::Complete(arrived) => Step::MessageComplete(arrived),
            Turn::TopComplete { number, octets } => Step::TopComplete { number, octets },
            Turn::Discarded { number } => Step::ContentDiscarded { number },
            Turn::RetrievalRefused { number, refusal } => {
                Step::RetrievalRefused { number, refusal }
            }
            Turn::RemovalRefused { number, refusal } => Step::RemovalRefused { number, refusal },
            Turn::Answer => Step::NeedAnswer,
            Turn::InputUntil(until) => Step::NeedInput { until },
            Turn::Again | Turn::Input => Step::NeedInput { until: now },
            Turn::Close => match &self.state {
                State::Closed(ending) => Step::Close(ending),
                _ => Step::Close(&Ending::Failed(Error::Misdriven)),
            },
        }
    }

    /// What the server says that it can do, as far as it was asked.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// What was done so far.
    pub fn summary(&self) -> Summary {
        self.summary
    }
}

/// From input to a step.
impl Session {
    /// Octets that wait in the session, received and not read, or to be sent.
    #[cfg(any(test, fuzzing))]
    pub(super) fn buffered_octets(&self) -> usize {
        self.input.content().len() + self.output.octets_collected()
    }

    fn turn(&mut self) -> Turn {
        loop {
            // Nothing is read as the answer to a command that has not left, and
            // TLS does not begin before STLS has.
            match self.output.is_empty() {
                true => {}
                false if self.input_ended => self.output.clear(),
                false => return Turn::Send,
            }
            let turn = match &mut self.state {
                State::Transfer(_) => self.transfer(),
                State::TlsRequested => Turn::StartTls,
                State::TokenRequested => Turn::Token,
                State::Listed(..) => self.hand_listing_over(),
                State::PlanAwaited(_) => {
                    self.end(Ending::Failed(Error::Misdriven));
                    Turn::Again
                }
                State::Discarding { .. } => self.discard(),
                State::Closed(_) => Turn::Close,
                State::Greeting
                | State::StlsAsked
                | State::Capabilities(_)
                | State::Utf8Asked
                | State::LogIn(_)
                | State::Listing(_) => self.hear_line(),
            };
            match turn {
                Turn::Again => {}
                // What was just collected leaves in one write.
                Turn::Input if !self.output.is_empty() => {}
                Turn::Input | Turn::Answer if self.input_ended => self.end_of_input(),
                Turn::Input => match self
                    .patience
                    .wait(self.wait().allowance(&self.settings.limits))
                {
                    Some(until) => return Turn::InputUntil(until),
                    None => self.run_out_of_time(),
                },
                turn => return turn,
            }
        }
    }

    fn hand_listing_over(&mut self) -> Turn {
        match std::mem::replace(&mut self.state, State::PlanAwaited(Pace::LockStep)) {
            State::Listed(listing, pace) => {
                self.state = State::PlanAwaited(pace);
                Turn::Listed(listing)
            }
            state => {
                self.state = state;
                Turn::Again
            }
        }
    }

    fn transfer(&mut self) -> Turn {
        let State::Transfer(transfer) = &mut self.state else {
            return Turn::Again;
        };
        let need = transfer.go(&mut Desk {
            input: &mut self.input,
            input_ended: self.input_ended,
            output: &mut self.output,
            piece: &mut self.piece,
            patience: &mut self.patience,
            limits: &self.settings.limits,
            summary: &mut self.summary,
        });
        match need {
            Need::Input => Turn::Input,
            Need::Answer => Turn::Answer,
            Need::Begin { number } => Turn::Begins { number },
            Need::Content => Turn::Content,
            Need::Complete(arrived) => Turn::Complete(arrived),
            Need::TopComplete { number, octets } => Turn::TopComplete { number, octets },
            Need::RetrievalRefused { number, refusal } => {
                Turn::RetrievalRefused { number, refusal }
            }
            Need::RemovalRefused { number, refusal } => Turn::RemovalRefused { number, refusal },
            Need::Close(ending) => {
                self.end(ending);
                Turn::Again
            }
        }
    }
}

impl fmt::Debug for Session {
    /// Shows the state alone: input and output may hold passwords and mail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Greeting => "Greeting",
            State::StlsAsked => "StlsAsked",
            State::TlsRequested => "TlsRequested",
            State::Capabilities(_) => "Capabilities",
            State::Utf8Asked => "Utf8Asked",
            State::TokenRequested => "TokenRequested",
            State::LogIn(_) => "LogIn",
            State::Listing(_) => "Listing",
            State::Listed(..) => "Listed",
            State::PlanAwaited(_) => "PlanAwaited",
            State::Transfer(_) => "Transfer",
            State::Discarding { .. } => "Discarding",
            State::Closed(_) => "Closed",
        };
        f.debug_struct("Session")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
