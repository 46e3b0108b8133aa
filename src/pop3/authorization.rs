//! Commands before log-in (RFC 1939 §4, RFC 2595 §4, RFC 5034).

use super::command::{Auth, Command};
use super::fault::Fault;
use super::limits::{PlaintextLogin, Security};
use super::reply::{Output, capabilities};
use super::sasl::{self, Exchange, Next};
use super::step::Login;

/// The session before log-in, when it waits for a command.
#[derive(Debug, Default)]
pub(super) struct Authorization {
    /// The name that USER gave, until PASS takes it.
    name: Option<String>,
}

/// What follows from a command or a SASL response.
#[derive(Debug)]
pub(super) enum Obeyed {
    /// It is answered; the next command may come.
    Answered,
    /// The challenge is sent; the next line belongs to the exchange.
    Challenged(Exchange),
    /// To be answered when it is known that nothing came behind it.
    StartTls,
    /// To be answered when the credentials are checked.
    Credentials(Login),
    /// It is answered, and the session ends.
    Quit,
}

/// Whether log-in is possible on this connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) security: Security,
    pub(super) plaintext_login: PlaintextLogin,
}

impl Policy {
    /// Told at USER and at AUTH, before a client has shown its password to the
    /// network.
    fn admit(self) -> Result<(), Fault> {
        match (self.plaintext_login, self.security) {
            (PlaintextLogin::Allowed, _) | (_, Security::Tls) => Ok(()),
            (PlaintextLogin::Refused, Security::StlsOffered) => Err(Fault::PlaintextStlsOffered),
            (PlaintextLogin::Refused, Security::Clear) => Err(Fault::PlaintextRefused),
        }
    }

    /// What CAPA shows before log-in alone: only what would be accepted.
    fn log_in_capabilities(self) -> &'static [&'static str] {
        match (self.security, self.admit()) {
            (Security::StlsOffered, Ok(())) => &["STLS", "USER", "SASL PLAIN LOGIN"],
            (Security::StlsOffered, Err(_)) => &["STLS"],
            (_, Ok(())) => &["USER", "SASL PLAIN LOGIN"],
            (_, Err(_)) => &[],
        }
    }
}

impl Authorization {
    /// Obeys a command and writes its reply, unless a fault is it.
    pub(super) fn obey(
        &mut self,
        command: Command,
        policy: Policy,
        output: &mut Output,
    ) -> Result<Obeyed, Fault> {
        match command {
            Command::User(name) => {
                policy.admit()?;
                // The same answer whether the user exists or not.
                output.ok("now the password");
                self.name = Some(name);
            }
            Command::Pass(password) => {
                policy.admit()?;
                let name = self.name.take().ok_or(Fault::PassWithoutUser)?;
                return Ok(Obeyed::Credentials(Login { name, password }));
            }
            Command::Auth(auth) => {
                policy.admit()?;
                self.name = None;
                return begin_exchange(auth, output);
            }
            Command::Stls => return start_tls(policy.security),
            // Messages are sent as they are, and UTF-8 is taken everywhere,
            // with and without this command (RFC 6856 §2.1); STLS behind it is
            // tolerated for that reason.
            Command::Utf8 => output.ok("UTF-8 it is"),
            Command::Capa => capabilities(policy.log_in_capabilities(), output),
            Command::Noop => output.ok("nothing done"),
            Command::Quit => {
                output.ok("goodbye");
                return Ok(Obeyed::Quit);
            }
            Command::Stat | Command::Rset | Command::Numbered(_) => {
                return Err(Fault::NotLoggedIn);
            }
        }
        Ok(Obeyed::Answered)
    }
}

/// Goes on with a SASL exchange.
pub(super) fn respond(
    exchange: &mut Exchange,
    line: &[u8],
    output: &mut Output,
) -> Result<Obeyed, Fault> {
    Ok(follow(exchange.respond(line)?, output))
}

fn begin_exchange(auth: Option<Auth>, output: &mut Output) -> Result<Obeyed, Fault> {
    let Some(auth) = auth else {
        // Older than any RFC on it, and still asked by some clients.
        output.ok("the mechanisms");
        output.line("PLAIN");
        output.line("LOGIN");
        output.dot();
        return Ok(Obeyed::Answered);
    };
    Ok(follow(sasl::begin(auth)?, output))
}

fn follow(next: Next, output: &mut Output) -> Obeyed {
    match next {
        Next::Challenge(exchange, challenge) => {
            output.challenge(challenge);
            Obeyed::Challenged(exchange)
        }
        Next::Credentials(login) => Obeyed::Credentials(login),
    }
}

fn start_tls(security: Security) -> Result<Obeyed, Fault> {
    match security {
        Security::Tls => Err(Fault::TlsActive),
        Security::Clear => Err(Fault::StlsNotOffered),
        Security::StlsOffered => Ok(Obeyed::StartTls),
    }
}
