//! From the lines of a server to the next state: everything up to the listing.

use super::super::capabilities::Capabilities;
use super::super::clock::Wait;
use super::super::error::{Awaited, Error};
use super::super::greeting;
use super::super::limits::{CAPABILITY_LINES_MAX, Pipelining, REPLY_OCTETS_MAX, Security};
use super::super::login::{self, Credentials, Next};
use super::super::reading::{Heard, Reading, Sending};
use super::super::reply::{self, Reply, shown};
use super::super::transfer::Pace;
use super::{Asking, Session, State, Turn, When};
use crate::wire::LineError;
use crate::wire::Secret;

impl Session {
    pub(super) fn hear_line(&mut self) -> Turn {
        let line = match self.input.take_line() {
            None => return Turn::Input,
            Some(Ok(line) | Err(LineError::BareLineFeed(line))) => Some(line),
            Some(Err(LineError::TooLong)) => None,
        };
        match self.wait() {
            Wait::More => {
                let octets = line.as_ref().map_or(REPLY_OCTETS_MAX, Vec::len);
                let enough = self.settings.limits.progress_octets_min;
                self.patience.content_came(octets + 2, enough);
            }
            _ => self.patience.line_came(),
        }
        if let Err(error) = self.hear(line.as_deref()) {
            self.fail(error);
        }
        Turn::Again
    }

    /// A line, or one that was too long to be kept.
    fn hear(&mut self, line: Option<&[u8]>) -> Result<(), Error> {
        let first = line.unwrap_or(b"a line that is too long");
        // Every way on sets the next state; an error ends the session.
        match std::mem::replace(&mut self.state, State::Greeting) {
            State::Greeting => {
                self.greeting = greeting::read(first)?;
                self.follow_greeting();
            }
            State::StlsAsked => self.follow_stls(first)?,
            State::Capabilities(asking) => self.read_capabilities(asking, line)?,
            State::Utf8Asked => self.follow_utf8(first)?,
            State::LogIn(exchange) => {
                let reply = reply::parse(first);
                let next = exchange.respond(
                    reply,
                    first,
                    &self.settings,
                    &self.capabilities,
                    &mut self.output,
                )?;
                match next {
                    Next::Goes(exchange) => self.state = State::LogIn(exchange),
                    Next::LoggedIn => self.follow_log_in(),
                }
            }
            State::Listing(reading) => {
                let policy = self.settings.without_unique_ids;
                match reading.hear(line, &self.capabilities, policy, &mut self.output)? {
                    Heard::More(reading) => self.state = State::Listing(reading),
                    Heard::All { listing, proven } => {
                        self.state = State::Listed(listing, self.pace(proven));
                    }
                }
            }
            // Lines are only heard in the states above.
            state => self.state = state,
        }
        Ok(())
    }

    fn follow_greeting(&mut self) {
        match self.settings.security {
            Security::StlsRequired => {
                self.output.line("STLS");
                self.state = State::StlsAsked;
            }
            Security::Tls | Security::Clear => self.ask_capabilities(When::BeforeLogin),
        }
    }

    fn follow_stls(&mut self, line: &[u8]) -> Result<(), Error> {
        match reply::parse(line) {
            // What stands behind the answer would be read as if it had come
            // through TLS (RFC 2595 §4).
            Some(Reply::Positive(_)) if !self.input.is_empty() => Err(Error::PlaintextBehindStls),
            Some(Reply::Positive(_)) => {
                self.state = State::TlsRequested;
                Ok(())
            }
            Some(Reply::Negative(refusal)) => Err(Error::StlsNotOffered(refusal)),
            Some(Reply::Challenge(_)) | None => Err(Error::NotAReply {
                awaited: Awaited::Stls,
                found: shown(line),
            }),
        }
    }

    pub(super) fn ask_capabilities(&mut self, when: When) {
        self.output.line("CAPA");
        self.state = State::Capabilities(Asking {
            when,
            answer: None,
            lines: 0,
        });
    }

    fn read_capabilities(&mut self, mut asking: Asking, line: Option<&[u8]>) -> Result<(), Error> {
        match (&mut asking.answer, line) {
            (Some(_), Some(b".")) => {
                self.capabilities = asking.answer.take().unwrap_or_default();
                return self.follow_capabilities(asking.when);
            }
            (Some(capabilities), line) => {
                asking.lines += 1;
                if asking.lines > CAPABILITY_LINES_MAX {
                    return Err(Error::EndlessReply(Awaited::Capabilities));
                }
                capabilities.read(line.unwrap_or_default());
            }
            (None, line) => match reply::parse(line.unwrap_or_default()) {
                Some(Reply::Positive(_)) => asking.answer = Some(Capabilities::begun()),
                // CAPA came in 1998, and some servers are older.
                Some(Reply::Negative(_)) => return self.follow_capabilities(asking.when),
                Some(Reply::Challenge(_)) | None => {
                    return Err(Error::NotAReply {
                        awaited: Awaited::Capabilities,
                        found: shown(line.unwrap_or(b"a line that is too long")),
                    });
                }
            },
        }
        self.state = State::Capabilities(asking);
        Ok(())
    }

    fn follow_capabilities(&mut self, when: When) -> Result<(), Error> {
        match when {
            When::AfterLogin => self.list(),
            // Without it Courier hands out a notice, new at each RETR, instead
            // of a message with raw 8-bit octets in its header.
            When::BeforeLogin if self.capabilities.utf8 => {
                self.output.line("UTF8");
                self.state = State::Utf8Asked;
            }
            When::BeforeLogin => self.prove_user()?,
        }
        Ok(())
    }

    /// A server that refuses it is taken as one that does not know it.
    fn follow_utf8(&mut self, line: &[u8]) -> Result<(), Error> {
        match reply::parse(line) {
            Some(Reply::Positive(_) | Reply::Negative(_)) => self.prove_user(),
            Some(Reply::Challenge(_)) | None => Err(Error::NotAReply {
                awaited: Awaited::Utf8,
                found: shown(line),
            }),
        }
    }

    fn prove_user(&mut self) -> Result<(), Error> {
        match &self.settings.credentials {
            Credentials::XOAuth2 { .. } => {
                if self.capabilities.known && !self.capabilities.has_mechanism("XOAUTH2") {
                    return Err(Error::MethodNotOffered("AUTH XOAUTH2"));
                }
                self.state = State::TokenRequested;
                Ok(())
            }
            Credentials::Password { .. } => self.log_in(None),
        }
    }

    pub(super) fn log_in(&mut self, token: Option<&Secret>) -> Result<(), Error> {
        let exchange = login::begin(
            &self.settings,
            &self.greeting,
            &self.capabilities,
            token,
            &mut self.output,
        )?;
        self.state = State::LogIn(exchange);
        Ok(())
    }

    /// Some servers name PIPELINING after the log-in alone: that is worth a
    /// question if nothing has told it yet.
    fn follow_log_in(&mut self) {
        let open = self.capabilities.known && !self.capabilities.pipelining;
        match open && self.settings.pipelining != Pipelining::Off {
            true => self.ask_capabilities(When::AfterLogin),
            false => self.list(),
        }
    }

    fn list(&mut self) {
        let offered = self.capabilities.pipelining;
        let sending = match self.settings.pipelining {
            Pipelining::Off => Sending::OneByOne,
            Pipelining::Offered | Pipelining::ByTest if offered => Sending::Together,
            Pipelining::Offered => Sending::OneByOne,
            Pipelining::ByTest => Sending::Tried,
        };
        self.state = State::Listing(Reading::begin(sending, &mut self.output));
    }

    fn pace(&self, proven: bool) -> Pace {
        let offered = self.capabilities.pipelining;
        match self.settings.pipelining {
            Pipelining::Offered if offered => Pace::Window,
            Pipelining::ByTest if offered || proven => Pace::Window,
            Pipelining::Offered | Pipelining::ByTest | Pipelining::Off => Pace::LockStep,
        }
    }
}
