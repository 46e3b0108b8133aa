//! The session itself: input into commands, and states. The answers of the
//! driver are in `answers`.

mod answers;

use std::fmt;
use std::time::Instant;

use super::authorization::{self, Authorization, Policy};
use super::command;
use super::fault::Fault;
use super::limits::{COMMAND_OCTETS_MAX, DURATION_MAX, Limits, SASL_OCTETS_MAX, Settings};
use super::reply::{Output, ResponseCode};
use super::sasl::Exchange;
use super::step::{Ending, Login, LoginRefusal, Step};
use super::transaction::{self, Transaction};
use crate::wire::{LineBuffer, LineError, Secret};

/// One POP3 session, from the greeting to the end.
pub struct Session {
    limits: Limits,
    policy: Policy,
    input: LineBuffer,
    output: Output,
    state: State,
    errors: u32,
    refused_logins: u32,
    began_at: Instant,
    /// Since when nothing but input is missing.
    waits_since: Option<Instant>,
}

enum State {
    Authorization(Authorization),
    Sasl(Exchange),
    TlsRequested,
    LoginRequested(Login),
    /// The driver has the credentials.
    LoginAwaited,
    Transaction(Transaction),
    /// QUIT was said; these positions are removed.
    Update(Vec<usize>),
    Closed(Ending),
}

/// A step that is not bound to the session's memory yet.
enum Turn {
    /// Progress was made.
    Again,
    Input,
    Send,
    StartTls,
    Login(Login),
    Listing,
    Message {
        index: usize,
    },
    Content,
    ContentEnough,
    Update(Vec<usize>),
    Close(Ending),
}

impl Session {
    /// A session whose peer has just connected (and, with
    /// [`Security::Tls`](super::Security::Tls), finished its handshake).
    pub fn new(settings: Settings, now: Instant) -> Session {
        let mut output = Output::default();
        // No <…> in it: that would offer APOP (RFC 1939 §7).
        output.ok(format_args!("{} POP3 ready", settings.hostname));
        Session {
            limits: settings.limits,
            policy: Policy {
                security: settings.security,
                plaintext_login: settings.plaintext_login,
            },
            input: LineBuffer::new(COMMAND_OCTETS_MAX),
            output,
            state: State::Authorization(Authorization::default()),
            errors: 0,
            refused_logins: 0,
            began_at: now,
            waits_since: None,
        }
    }

    /// Takes what was read from the peer, after [`Step::NeedInput`]; one read at
    /// a time. A closed session takes nothing.
    pub fn receive(&mut self, octets: &[u8]) {
        if !matches!(self.state, State::Closed(_)) {
            self.input.receive(octets);
        }
    }

    /// Makes progress. To be called until it wants input, and again when input
    /// came or its time has passed.
    pub fn next(&mut self, now: Instant) -> Step<'_> {
        let turn = self.turn(now);
        if !matches!(turn, Turn::Input) {
            self.waits_since = None;
        }
        match turn {
            Turn::Send => Step::Send(self.output.leave()),
            Turn::StartTls => Step::StartTls,
            Turn::Login(login) => Step::LoginRequested(login),
            Turn::Listing => Step::ListingRequested,
            Turn::Message { index } => Step::MessageRequested { index },
            Turn::Content => Step::ContentWanted,
            Turn::ContentEnough => Step::ContentEnough,
            Turn::Update(indexes) => Step::UpdateRequested(indexes),
            Turn::Close(ending) => Step::Close(ending),
            Turn::Again | Turn::Input => {
                self.output.rest();
                let until = self.input_due(now);
                Step::NeedInput { until }
            }
        }
    }
}

/// From input to a step.
impl Session {
    /// Octets that wait in the session, received and not obeyed, or to be sent.
    #[cfg(any(test, fuzzing))]
    pub(super) fn buffered_octets(&self) -> usize {
        self.input.content().len() + self.output.octets_collected()
    }

    fn turn(&mut self, now: Instant) -> Turn {
        loop {
            if self.output.is_full() {
                return Turn::Send;
            }
            let turn = match &mut self.state {
                State::Authorization(_) | State::Sasl(_) => self.obey_line(),
                State::Transaction(transaction) => match transaction.go(&mut self.output) {
                    transaction::Need::Command => self.obey_line(),
                    transaction::Need::Listing => Turn::Listing,
                    transaction::Need::Message { index } => Turn::Message { index },
                    transaction::Need::Content => Turn::Content,
                    transaction::Need::ContentEnough => Turn::ContentEnough,
                    transaction::Need::Room => Turn::Again,
                },
                State::TlsRequested => Turn::StartTls,
                State::LoginRequested(_) => self.hand_login_over(),
                State::LoginAwaited => {
                    self.misdriven();
                    Turn::Again
                }
                State::Update(indexes) => Turn::Update(indexes.clone()),
                State::Closed(ending) => Turn::Close(*ending),
            };
            match turn {
                Turn::Again => {}
                // Everything that was collected leaves in one write (RFC 2449
                // §6.6), before anybody waits.
                Turn::Input | Turn::StartTls | Turn::Close(_) if !self.output.is_empty() => {
                    return Turn::Send;
                }
                Turn::Input if self.input_due(now) <= now => self.run_out_of_time(),
                turn => return turn,
            }
        }
    }

    fn obey_line(&mut self) -> Turn {
        let line = match self.input.take_line() {
            None => return Turn::Input,
            // People type to POP3 servers by hand, and nothing can be smuggled
            // in here: no content ever comes from the client.
            Some(Ok(line) | Err(LineError::BareLineFeed(line))) => Ok(Secret::new(line)),
            Some(Err(LineError::TooLong)) => Err(Fault::LineTooLong),
        };
        if let Err(fault) = line.and_then(|line| self.obey(line.octets())) {
            self.refuse(fault);
        }
        Turn::Again
    }

    fn obey(&mut self, line: &[u8]) -> Result<(), Fault> {
        let obeyed = match &mut self.state {
            State::Transaction(transaction) => {
                let command = command::parse(line)?;
                if transaction.obey(command, &mut self.output)? == transaction::Obeyed::Quit {
                    self.state = State::Update(transaction.deleted());
                }
                return Ok(());
            }
            State::Authorization(authorization) => {
                let command = command::parse(line)?;
                authorization.obey(command, self.policy, &mut self.output)?
            }
            State::Sasl(exchange) => authorization::respond(exchange, line, &mut self.output)?,
            // Lines are only taken in the states above.
            _ => return Ok(()),
        };
        self.follow(obeyed);
        Ok(())
    }

    fn follow(&mut self, obeyed: authorization::Obeyed) {
        use authorization::Obeyed;
        match obeyed {
            Obeyed::Answered => {}
            Obeyed::Challenged(exchange) => {
                self.input.limit_lines_to(SASL_OCTETS_MAX);
                self.state = State::Sasl(exchange);
            }
            Obeyed::StartTls if self.input.is_empty() => {
                self.output.ok("begin TLS now");
                self.state = State::TlsRequested;
            }
            Obeyed::StartTls => {
                self.output
                    .error(None, "nothing may follow STLS before TLS is on, closing");
                self.close(Ending::PlaintextBehindStls);
            }
            Obeyed::Credentials(login) => {
                self.input.limit_lines_to(COMMAND_OCTETS_MAX);
                self.request_login(login);
            }
            Obeyed::Quit => self.close(Ending::Quit),
        }
    }

    /// Nothing that is left empty can be right, and it is not worth a question.
    fn request_login(&mut self, login: Login) {
        if login.name.is_empty() || login.password.octets().is_empty() {
            self.refuse_login(LoginRefusal::Credentials);
        } else {
            self.state = State::LoginRequested(login);
        }
    }

    fn hand_login_over(&mut self) -> Turn {
        match std::mem::replace(&mut self.state, State::LoginAwaited) {
            State::LoginRequested(login) => Turn::Login(login),
            state => {
                self.state = state;
                Turn::Again
            }
        }
    }

    fn refuse_login(&mut self, refusal: LoginRefusal) {
        self.refused_logins += 1;
        let (code, text) = match refusal {
            LoginRefusal::Credentials => (ResponseCode::Auth, "wrong user name or password"),
            LoginRefusal::Disabled => (
                ResponseCode::Auth,
                "this account is disabled; ask whoever looks after the mail in your office",
            ),
            LoginRefusal::InUse => (
                ResponseCode::InUse,
                "another program is collecting this mail; it is free again when that one is done",
            ),
            LoginRefusal::Temporary => (
                ResponseCode::SysTemp,
                "no log-in at this moment, try again later; the password is not the reason",
            ),
        };
        self.output.error(Some(code), text);
        if self.refused_logins >= self.limits.logins_max {
            self.close(Ending::TooManyLogins);
        } else {
            self.state = State::Authorization(Authorization::default());
        }
    }

    /// A line that cannot be obeyed. It also ends a SASL exchange.
    fn refuse(&mut self, fault: Fault) {
        self.errors += 1;
        if matches!(self.state, State::Sasl(_)) {
            self.input.limit_lines_to(COMMAND_OCTETS_MAX);
            self.state = State::Authorization(Authorization::default());
        }
        if self.errors >= self.limits.errors_max {
            self.output.error(
                fault.code(),
                format_args!("{fault}; too many errors, closing"),
            );
            self.close(Ending::TooManyErrors);
        } else {
            self.output.error(fault.code(), fault);
        }
    }

    /// When the wait for input ends.
    fn input_due(&mut self, now: Instant) -> Instant {
        match self.state {
            State::Transaction(_) => {
                let since = *self.waits_since.get_or_insert(now);
                since + self.limits.idle.min(DURATION_MAX)
            }
            _ => self.began_at + self.limits.before_login.min(DURATION_MAX),
        }
    }

    /// Closes without a word: RFC 1939 §3 allows no reply and no update.
    fn run_out_of_time(&mut self) {
        self.close(match self.state {
            State::Transaction(_) => Ending::Autologout,
            _ => Ending::LoginTimeout,
        });
    }

    /// Closing is the one reaction that cannot do harm: nothing is removed.
    fn misdriven(&mut self) {
        self.close(Ending::Misdriven);
    }

    fn close(&mut self, ending: Ending) {
        self.state = State::Closed(ending);
        self.input.clear();
    }
}

impl fmt::Debug for Session {
    /// Shows the state alone: input and output may hold passwords and mail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Authorization(_) => "Authorization",
            State::Sasl(_) => "Sasl",
            State::TlsRequested => "TlsRequested",
            State::LoginRequested(_) => "LoginRequested",
            State::LoginAwaited => "LoginAwaited",
            State::Transaction(_) => "Transaction",
            State::Update(_) => "Update",
            State::Closed(_) => "Closed",
        };
        f.debug_struct("Session")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
