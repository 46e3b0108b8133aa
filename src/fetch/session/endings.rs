//! How a session ends, and what it waits for until then.

use super::super::clock::Wait;
use super::super::error::{Awaited, Error};
use super::super::step::Ending;
use super::{Session, State, Turn};

impl Session {
    /// What is owed.
    pub(super) fn owed(&self) -> Awaited {
        match &self.state {
            State::Greeting => Awaited::Greeting,
            State::StlsAsked => Awaited::Stls,
            State::Capabilities(_) => Awaited::Capabilities,
            State::Utf8Asked => Awaited::Utf8,
            State::LogIn(_) => Awaited::LogIn,
            State::Listing(reading) => reading.owed(),
            State::Transfer(transfer) => transfer.owed(),
            _ => Awaited::Nothing,
        }
    }

    /// How long it is waited for.
    pub(super) fn wait(&self) -> Wait {
        match &self.state {
            State::Greeting => Wait::Greeting,
            State::Capabilities(asking) if asking.answer.is_some() => Wait::More,
            State::Listing(reading) => reading.wait(),
            State::Transfer(transfer) => transfer.wait(),
            _ => Wait::Reply,
        }
    }

    pub(super) fn unanswered(&self) -> usize {
        match &self.state {
            State::Listing(reading) => reading.unanswered(),
            State::Transfer(transfer) => transfer.commands_unanswered(),
            _ => 1,
        }
    }

    pub(super) fn end_of_input(&mut self) {
        let error = match &self.state {
            // Some servers hang up on it.
            State::Listing(reading) if reading.fails_trial() => Error::PipeliningFailed,
            _ => Error::ConnectionClosed {
                awaited: self.owed(),
                unanswered: self.unanswered(),
            },
        };
        self.end_without_answer(error);
    }

    pub(super) fn run_out_of_time(&mut self) {
        let error = match &self.state {
            State::Greeting => Error::NoGreeting {
                waited: self.settings.limits.greeting_wait,
            },
            State::Listing(reading) if reading.overlooks_second() => Error::PipeliningFailed,
            _ => Error::TimedOut {
                awaited: self.owed(),
                unanswered: self.unanswered(),
            },
        };
        self.end_without_answer(error);
    }

    fn end_without_answer(&mut self, error: Error) {
        let ending = match &self.state {
            State::Transfer(transfer) => transfer.ending_without_answer(&self.summary),
            _ => None,
        };
        self.end(ending.unwrap_or(Ending::Failed(error)));
    }

    /// Ends before any message was touched. Where the server can still follow,
    /// it is told, so that it lets go of the mailbox at once.
    pub(super) fn fail(&mut self, error: Error) {
        let follows = !matches!(
            error,
            Error::NotPop3 { .. }
                | Error::Unwelcome(_)
                | Error::PlaintextBehindStls
                | Error::NotAReply { .. }
                | Error::EndlessReply(_)
                | Error::Misdriven
        );
        self.end(Ending::Failed(error));
        if follows && !self.input_ended {
            self.output.line("QUIT");
        }
    }

    pub(super) fn end(&mut self, ending: Ending) {
        self.output.clear();
        self.input.clear();
        let under_way = match &self.state {
            State::Transfer(transfer) => transfer.message_under_way(),
            _ => None,
        };
        self.state = match under_way {
            Some(number) => State::Discarding { number, ending },
            None => State::Closed(ending),
        };
    }

    pub(super) fn discard(&mut self) -> Turn {
        let misdriven = State::Closed(Ending::Failed(Error::Misdriven));
        match std::mem::replace(&mut self.state, misdriven) {
            State::Discarding { number, ending } => {
                self.state = State::Closed(ending);
                Turn::Discarded { number }
            }
            state => {
                self.state = state;
                Turn::Again
            }
        }
    }
}
